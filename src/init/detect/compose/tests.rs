//! What is read of compose files, from small repositories.

use super::*;
use crate::init::testing::repository;

fn found(files: &[(&str, &str)]) -> Findings {
    let (_dir, repository) = repository(files);
    let mut findings = Findings::default();
    detect(&repository, &mut findings);
    findings
}

#[test]
fn builds_are_read_with_target_and_arguments_through_all_layers() {
    let findings = found(&[
        (
            "deploy/docker-compose.yml",
            "services:\n  web:\n    build: {context: .., dockerfile: \"web/${FILE:-Dockerfile}\", target: run, args: {A: 1, B: \"${C}\"}}\n    \
             image: acme/web:${TAG:-1}\n  db: {image: postgres, ports: [\"5432:5432\", \"53:53/udp\"]}\n  job: {build: ../job}\n",
        ),
        (
            "deploy/docker-compose.override.yml",
            "services:\n  web:\n    ports: [\"8080:80\"]\n    depends_on: {job: {condition: service_completed_successfully}}\n",
        ),
        ("deploy/docker-compose.prod.yml", "services: {web: {}}\n"),
        ("tests/docker-compose.yml", "services: {web: {build: .}}\n"),
    ]);
    let builds: Vec<String> = findings
        .builds
        .iter()
        .map(|build| {
            format!(
                "{:?} {:?} {:?} {:?} {:?} {:?}",
                build.name, build.image, build.context, build.dockerfile, build.target, build.args
            )
        })
        .collect();
    assert_eq!(
        builds,
        [
            r#"Some("job") None Some("job") Some("job/Dockerfile") None {}"#,
            r#"Some("web") Some("acme/web") Some("") Some("web/Dockerfile") Some("run") {"A": "1"}"#,
        ]
    );
    let [file] = findings.compose.as_slice() else { panic!("{:?}", findings.compose) };
    assert_eq!(file.paths, ["deploy/docker-compose.yml", "deploy/docker-compose.override.yml"]);
    assert_eq!(
        (file.others.as_slice(), file.required.as_slice(), file.unset.as_slice()),
        (["deploy/docker-compose.prod.yml".to_owned()].as_slice(), [].as_slice(), ["C".to_owned()].as_slice())
    );
    let services: Vec<String> =
        file.services.iter().map(|one| format!("{} {:?} {}", one.name, one.ports, one.completes)).collect();
    assert_eq!(services, ["db [5432] false", "job [] true", "web [80] false"]);
    assert_eq!(findings.left_out[0].path, "tests/docker-compose.yml");
}

#[test]
fn a_build_without_a_dockerfile_of_the_repository_is_said_to_be_one() {
    let findings = found(&[(
        "compose.yml",
        "services:\n  inline: {build: {dockerfile_inline: FROM a}}\n  git: {build: \"https://example.com/x.git#main\"}\n  \
         ssh: {build: \"git@example.com:x.git\"}\n  above: {build: ../x}\n  variable: {build: \"${X}\"}\n  web: {build: web}\n",
    )]);
    let built: Vec<&str> = findings.builds.iter().filter_map(|build| build.name.as_deref()).collect();
    assert_eq!(built, ["variable", "web"]);
    assert!(findings.compose[0].services.iter().all(|service| service.is_built));
    for (part, name) in [
        ("`../x`, which is outside of this repository", "above"),
        ("`https://example.com/x.git#main`, which is another repository", "git"),
        ("in itself (`dockerfile_inline`)", "inline"),
        ("`git@example.com:x.git`, which is another repository", "ssh"),
    ] {
        let said = |doubt: &String| doubt.contains(part) && doubt.contains(&format!("`{name}`"));
        assert!(findings.doubts.iter().any(said), "{name}: {:?}", findings.doubts);
    }
}

#[test]
fn a_file_that_another_one_includes_or_extends_is_none_of_its_own() {
    let findings = found(&[
        (
            "compose.yml",
            "include: [db/compose.yml]\nservices: {web: {extends: {file: compose.base.yml, service: web}}}\n",
        ),
        ("compose.base.yml", "services: {web: {image: a}}\n"),
        ("compose.prod.yml", "services: {web: {image: b}}\n"),
        ("compose.wrong.yml", "services: [\n"),
        ("db/compose.yml", "services: {db: {build: .}}\n"),
        ("other/compose.yml", "services: {other: {extends: {file: ../compose.yml, service: web}}}\n"),
    ]);
    let files: Vec<(&str, &[String])> =
        findings.compose.iter().map(|file| (file.paths[0].as_str(), file.others.as_slice())).collect();
    assert_eq!(files, [("compose.yml", &["compose.prod.yml".to_owned()][..]), ("other/compose.yml", &[])]);
    assert_eq!(findings.builds.len(), 1);
}

#[test]
fn profiles_and_files_that_are_not_there_are_said() {
    let findings = found(&[
        (
            "compose.yml",
            "services:\n  web: {image: a, secrets: [pass, {source: there}], configs: [conf]}\n  \
             tools: {build: tools, profiles: [debug], secrets: [other]}\n\
             secrets:\n  pass: {file: ./secrets/pass.txt}\n  there: {file: ./there.txt}\n  other: {file: ./other.txt}\n\
             configs:\n  conf: {file: \"${DIR}/conf\"}\n",
        ),
        ("there.txt", ""),
    ]);
    assert_eq!(
        findings.compose[0].doubts,
        [
            "`compose.yml` takes the secret `pass` from the file `secrets/pass.txt`, which is not there: make it",
            "services of `compose.yml` that belong to profiles are not started: `tools` (`debug`); the setting `profiles` of its step turns profiles on",
        ]
    );
    assert_eq!(findings.builds[0].profiles, ["debug"]);
}

#[test]
fn a_service_that_prepares_something_ends() {
    let findings = found(&[(
        "compose.yml",
        "services:\n  migrator: {image: a, restart: \"no\"}\n  db-init: {image: a}\n  setup: {image: a, ports: [\"80:80\"]}\n  \
         seed: {image: a, restart: unless-stopped}\n  init-web: {image: a, healthcheck: {test: x}}\n  initial: {image: a}\n",
    )]);
    let ends = findings.compose[0].services.iter().filter(|service| service.completes);
    assert_eq!(ends.map(|service| service.name.as_str()).collect::<Vec<_>>(), ["db-init", "migrator"]);
}

#[test]
fn of_files_with_names_the_plainest_one_that_is_no_tests_is_taken() {
    let text = "services: {web: {image: a}}\n";
    let names = ["compose.ci-test.yml", "compose.mariadb-cache.yml", "compose.sqlite.yml", "compose.sqlite-cache.yml"];
    let findings = found(&names.map(|name| (name, text)));
    assert_eq!(findings.compose[0].paths, ["compose.sqlite.yml"]);
    assert_eq!(findings.compose[0].others.len(), 3);
    assert!(found(&[("compose.ci-test.yml", text)]).compose.is_empty());
}

#[test]
fn a_service_that_runs_tests_is_none_to_start_unless_another_one_needs_it() {
    let findings = found(&[
        (
            "compose.yml",
            "services:\n  web: {build: .}\n  shop.test: {image: a}\n  test-db: {image: a}\n  api: {image: a, depends_on: [test-db]}\n",
        ),
        (
            "compose.override.yml",
            "services:\n  playwright: {build: e2e, depends_on: [web, selenium], env_file: e2e.env}\n  selenium: {image: a}\n  latest: {image: a}\n",
        ),
    ]);
    let [file] = findings.compose.as_slice() else { panic!("{:?}", findings.compose) };
    let tests = file.services.iter().filter(|service| service.is_test).map(|service| service.name.as_str());
    assert_eq!(tests.collect::<Vec<_>>(), ["playwright", "selenium"]);
    assert!(file.missing_env_files.is_empty(), "{:?}", file.missing_env_files);
    assert!(file.doubts[0].contains("`playwright`, `selenium` of `compose.yml` runs tests"), "{:?}", file.doubts);
    let built: Vec<(Option<&str>, bool)> =
        findings.builds.iter().map(|build| (build.name.as_deref(), build.is_test)).collect();
    assert_eq!(built, [(Some("web"), false), (Some("playwright"), true)]);
}

#[test]
fn only_what_has_to_have_a_value_is_required() {
    let findings = found(&[(
        "compose.yml",
        "services: {web: {image: \"a:${TAG}\", environment: [\"A=${A:?no}\", \"B=${B}\", \"C=${C:-}\", \"D=${A}\", \"E=$HOME\"]}}\n",
    )]);
    let file = &findings.compose[0];
    assert_eq!(
        (file.required.as_slice(), file.unset.as_slice()),
        (&["A".to_owned()][..], &["B".to_owned(), "TAG".to_owned()][..])
    );
}

#[test]
fn named_contexts_are_other_services_or_something_that_only_compose_has() {
    let findings = found(&[(
        "compose.yml",
        "services:\n  core: {build: core}\n  web: {build: {context: web, additional_contexts: {base: \"service:core\", files: ./files}}}\n  \
         api: {build: {context: api, additional_contexts: [\"base=service:core\"]}}\n",
    )]);
    let shown: Vec<String> = findings
        .builds
        .iter()
        .map(|one| format!("{:?} {:?} {:?}", one.name.as_deref().unwrap_or_default(), one.image, one.contexts))
        .collect();
    assert_eq!(
        shown,
        [
            r#""api" None []"#,
            r#""core" None []"#,
            r#""web" None [("files", "./files")]"#,
            r#""core" Some("base") []"#,
            r#""core" Some("base") []"#,
        ]
    );
}

#[test]
fn a_profile_that_the_env_file_turns_on_is_on_and_arguments_without_a_value_have_that_of_the_variable() {
    let findings = found(&[
        (
            "compose.yml",
            "services:\n  web: {build: {context: ., args: [IMAGE, \"B=${IMAGE}\", GONE]}, profiles: [all]}\n  \
             api: {build: {context: ., args: {IMAGE: null}}}\n  tools: {image: a, profiles: [debug]}\n",
        ),
        (".env", "IMAGE=acme/base:1\nCOMPOSE_PROFILES=all, more\n"),
    ]);
    let file = &findings.compose[0];
    assert_eq!(file.profiles, ["all", "more"]);
    let off: Vec<&str> = file.services.iter().filter(|one| one.has_profiles).map(|one| one.name.as_str()).collect();
    assert_eq!(off, ["tools"]);
    let args: Vec<String> = findings.builds.iter().map(|one| format!("{:?} {:?}", one.args, one.profiles)).collect();
    let base = r#""IMAGE": "acme/base:1""#;
    assert_eq!(args, [format!("{{{base}}} []"), format!(r#"{{"B": "acme/base:1", {base}}} []"#)]);
}

#[test]
fn secrets_of_the_env_file_are_known_where_the_compose_file_uses_them() {
    let text = "services:\n  db:\n    image: postgres\n    environment:\n      - DB_PASSWORD=${DB_PASSWORD}\n      - API_TOKEN\n      - TITLE=${TITLE}\n      \
                - EMPTY_PASSWORD=${EMPTY_PASSWORD}\n  # ${OLD_PASSWORD}\n";
    let env = "DB_PASSWORD=x\nAPI_TOKEN=y\nTITLE=z\nEMPTY_PASSWORD=\nOTHER_PASSWORD=w\nOLD_PASSWORD=v\n";
    let findings = found(&[("deploy/compose.yml", text), ("deploy/.env", env), (".env", "ROOT_PASSWORD=x\n")]);
    assert_eq!(findings.compose[0].given, ["API_TOKEN", "DB_PASSWORD"]);
}

#[test]
fn what_has_to_be_there_before_is_said_of_what_is_started() {
    let findings = found(&[(
        "compose.yml",
        "services:\n  db: {image: postgres, volumes: [\"data:/x\"]}\n  tool: {image: t, profiles: [x], volumes: [\"more:/x\"]}\n\
         volumes: {data: {external: true, name: \"${NAME:-shop}-data\"}, more: {external: true}}\n",
    )]);
    let doubts: Vec<&String> = findings.compose[0].doubts.iter().filter(|doubt| doubt.contains("external")).collect();
    let [doubt] = doubts.as_slice() else { panic!("{doubts:?}") };
    assert!(doubt.contains("the volume `shop-data` from outside"), "{doubt}");
}
