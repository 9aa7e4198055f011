//! Which images are built, from small repositories.

use super::*;
use crate::init::detect::detect;
use crate::init::repository::shown;
use crate::init::testing::repository;

fn builds(files: &[(&str, &str)]) -> (Vec<String>, Findings) {
    let (_dir, repository) = repository(files);
    let mut findings = detect(&repository);
    let builds = image_builds(&repository, &mut findings, "shop", true);
    let shown = builds
        .iter()
        .map(|one| format!("{} {} {} {:?} {:?}", one.id, one.dockerfile, shown(&one.context), one.target, one.names));
    (shown.collect(), findings)
}

#[test]
fn two_services_of_one_build_are_one_image_and_targets_are_kept() {
    let compose = "services:\n  api: {build: ., image: acme/api}\n  worker: {build: .}\n  web: {build: {context: web, target: run}}\n";
    let (found, _) = builds(&[
        ("Dockerfile", "FROM a\nCOPY . .\n"),
        ("web/Dockerfile", "FROM a AS run\nFROM run\n"),
        ("compose.yml", compose),
    ]);
    assert_eq!(found, [r#"api Dockerfile . None ["acme/api"]"#, r#"web web/Dockerfile web Some("run") []"#]);
}

#[test]
fn what_is_aside_is_left_out_unless_a_file_builds_it() {
    let (found, findings) =
        builds(&[("Dockerfile.dev", "FROM a\n"), ("Dockerfile", "FROM a\n"), ("tests/Dockerfile", "FROM a\n")]);
    assert_eq!(found, ["app Dockerfile . None []"]);
    assert_eq!(findings.left_out.len(), 2);
    let (found, _) = builds(&[
        ("Dockerfile.dev", "FROM a\n"),
        ("compose.yml", "services: {web: {build: {dockerfile: Dockerfile.dev}}}\n"),
    ]);
    assert_eq!(found, ["web Dockerfile.dev . None []"]);
    for (path, deploys, n_built) in [
        ("examples/a/Dockerfile", false, 1),
        ("examples/a/Dockerfile", true, 0),
        ("Dockerfile.dev", true, 1),
        (".devcontainer/Dockerfile", false, 0),
        ("vendor/a/Dockerfile", false, 0),
    ] {
        let (_dir, repository) = repository(&[(path, "FROM a\n")]);
        let mut findings = detect(&repository);
        let built = image_builds(&repository, &mut findings, "shop", deploys).len();
        assert_eq!((built, findings.left_out.len()), (n_built, 1 - n_built), "{path} {deploys}");
    }
}

#[test]
fn dockerfiles_in_folders_of_one_name_have_ids_with_the_folders_above() {
    let (found, _) = builds(&[
        ("billing/src/main/docker/Dockerfile", "FROM a\n"),
        ("orders/src/main/docker/Dockerfile", "FROM a\n"),
        ("web/tools/Dockerfile", "FROM a\n"),
        ("api/tools/Dockerfile", "FROM a\n"),
    ]);
    let ids: Vec<&str> = found.iter().filter_map(|one| one.split(' ').next()).collect();
    assert_eq!(ids, ["api-tools", "billing", "orders", "web-tools"]);
}

#[test]
fn of_two_builds_of_one_name_the_one_that_a_tool_deploys_by_it_has_it() {
    let (found, _) = builds(&[
        ("Dockerfile.words", "FROM a\n"),
        ("words/Dockerfile", "FROM a\n"),
        ("compose.yml", "services: {words: {build: {context: words, dockerfile: ../Dockerfile.words}}}\n"),
        ("skaffold.yaml", "build: {artifacts: [{image: words, context: words}]}\n"),
    ]);
    let ids: Vec<&str> = found.iter().filter_map(|one| one.split(' ').next()).collect();
    assert_eq!(ids, ["words-2", "words"], "{found:?}");
}

#[test]
fn a_name_that_services_share_with_different_tags_is_that_of_none() {
    let compose = "services:\n  cart: {build: cart, image: \"acme/shop:1-cart\"}\n  mail: {build: mail, image: \"acme/shop:1-mail\"}\n  \
                   web: {build: web, image: \"acme/web:1\"}\n  jobs: {build: web, image: \"acme/web:1\"}\n";
    let docker = |name: &str| format!("{name}/Dockerfile");
    let (found, _) = builds(&[
        (&docker("cart"), "FROM a\n"),
        (&docker("mail"), "FROM a\n"),
        (&docker("web"), "FROM a\n"),
        ("compose.yml", compose),
    ]);
    assert_eq!(
        found,
        [
            "cart cart/Dockerfile cart None []",
            "mail mail/Dockerfile mail None []",
            r#"web web/Dockerfile web None ["acme/web"]"#,
        ]
    );
}

#[test]
fn a_name_that_several_files_give_is_that_of_each() {
    let tiltfile = "docker_build('acme/app', '.')\n";
    let (found, _) = builds(&[
        ("one/Dockerfile", "FROM a\n"),
        ("one/Tiltfile", tiltfile),
        ("two/Dockerfile", "FROM a\n"),
        ("two/Tiltfile", tiltfile),
    ]);
    assert_eq!(found, [r#"one one/Dockerfile one None ["acme/app"]"#, r#"two two/Dockerfile two None ["acme/app"]"#]);
}

#[test]
fn what_is_made_without_a_dockerfile_is_built_beside_what_has_one() {
    let jib = "plugins { id 'com.google.cloud.tools.jib' version '3' }\n";
    let skaffold = "build: {artifacts: [{image: acme/both, context: both, jib: {}}]}\n";
    let (found, _) = builds(&[
        ("plain/build.gradle", jib),
        ("own/build.gradle", jib),
        ("own/Dockerfile", "FROM a\n"),
        ("both/build.gradle", jib),
        ("both/Dockerfile", "FROM a\n"),
        ("skaffold.yaml", skaffold),
    ]);
    assert_eq!(
        found,
        [
            "both both/Dockerfile both None []",
            "own own/Dockerfile own None []",
            r#"both-jib both/build.gradle . None ["acme/both"]"#,
            "plain plain/build.gradle . None []",
        ]
    );
}

#[test]
fn what_the_plain_dockerfile_begins_with_is_built_before_it() {
    let base = [("Dockerfile.base", "FROM debian:12\n"), ("Dockerfile.slim", "FROM debian:12\n")];
    let plain = |from: &'static str| builds(&[base[0], base[1], ("Dockerfile", from)]).0;
    assert_eq!(
        plain("ARG BASE=acme/shop-base:1\nFROM $BASE\n"),
        ["app Dockerfile . None []", r#"base Dockerfile.base . None ["acme/shop-base"]"#]
    );
    assert_eq!(plain("FROM debian:12\n"), ["app Dockerfile . None []"]);
}

#[test]
fn the_package_beside_a_dockerfile_names_its_image() {
    let (_dir, repository) = repository(&[
        ("Dockerfile", "FROM a\n"),
        ("package.json", "{\"name\": \"@acme/harbour\"}"),
        ("web/Dockerfile", "FROM a\n"),
        ("web/package.json", "{\"name\": \"pages\"}"),
    ]);
    let mut findings = detect(&repository);
    let builds = image_builds(&repository, &mut findings, "shop", true);
    let has = |at: usize, word: &str| builds[at].words.contains(word);
    assert!(has(0, "harbour") && !has(0, "pages") && has(1, "pages") && !has(1, "harbour"), "{builds:?}");
}

/// An artifact of Skaffold that is made from another one.
const MADE_FROM: &str = "build:\n  artifacts:\n  - {image: acme/base, context: base}\n  \
                         - {image: acme/api, context: api, requires: [{image: acme/base, alias: BASE_IMAGE}]}\n  \
                         - {image: acme/tool, jib: {}}\n";

#[test]
fn the_image_that_another_file_hands_to_a_build_is_what_it_begins_with() {
    let (_dir, repository) = repository(&[
        ("base/Dockerfile", "FROM debian:12\n"),
        ("api/Dockerfile", "ARG BASE_IMAGE\nFROM $BASE_IMAGE\nCOPY x /\n"),
        ("api/x", ""),
        ("skaffold.yaml", MADE_FROM),
    ]);
    let mut findings = detect(&repository);
    let builds = image_builds(&repository, &mut findings, "shop", true);
    let [api, base] = builds.as_slice() else { panic!("{builds:?} {:?}", findings.left_out) };
    assert!(api.bases.contains(&("acme/base".to_owned(), Some("BASE_IMAGE".to_owned()))), "{:?}", api.bases);
    assert_eq!((api.is_base, base.is_base, base.has_exact_names), (false, true, true));
    assert!(api.args.is_empty(), "its value is what the other build has made: {:?}", api.args);
}

#[test]
fn an_image_that_no_dockerfile_makes_can_not_be_handed_over() {
    let (_, findings) = builds(&[
        ("api/Dockerfile", "ARG BASE_IMAGE\nFROM $BASE_IMAGE\n"),
        ("skaffold.yaml", &MADE_FROM.replace("image: acme/base, alias", "image: acme/tool, alias")),
    ]);
    let why = &findings.left_out.iter().find(|one| one.path == "api/Dockerfile").unwrap().why;
    assert_eq!(why, "its build argument `BASE_IMAGE` is the image `acme/tool`, which no Dockerfile here makes");
}

#[test]
fn what_a_dockerignore_drops_is_there_and_not_to_be_made() {
    let (_dir, repository) = repository(&[
        ("Dockerfile", "FROM a\nCOPY README.md made.txt /\n"),
        (".dockerignore", "*.md\n"),
        ("README.md", ""),
    ]);
    let mut findings = detect(&repository);
    let builds = image_builds(&repository, &mut findings, "shop", true);
    assert_eq!(builds[0].missing, ["made.txt"]);
    assert!(findings.doubts[0].contains("`README.md`, which is there, and `.dockerignore`"), "{:?}", findings.doubts);
}

#[test]
fn what_compose_builds_for_a_profile_alone_is_not_built_unless_something_deploys_it() {
    let files = [
        ("web/Dockerfile", "FROM a\n"),
        ("tools/Dockerfile", "FROM a\n"),
        ("compose.yml", "services:\n  web: {build: web}\n  tools: {build: tools, profiles: [debug]}\n"),
    ];
    let (_dir, repository) = repository(&files);
    let found = |deploys: bool| {
        let mut findings = detect(&repository);
        let builds = image_builds(&repository, &mut findings, "shop", deploys);
        let why = findings.left_out.iter().map(|one| one.why.clone()).collect::<Vec<_>>();
        (builds.into_iter().map(|build| build.id).collect::<Vec<_>>(), why)
    };
    assert_eq!(found(true), (vec!["tools".to_owned(), "web".to_owned()], vec![]));
    let why = "`compose.yml` has it for the profile `debug` alone, which is not started";
    assert_eq!(found(false), (vec!["web".to_owned()], vec![why.to_owned()]));
}

#[test]
fn what_another_file_names_is_known_of_the_builds_that_are_something_else() {
    let (_dir, repository) = repository(&[
        ("web/Dockerfile", "FROM a\n"),
        ("api/Dockerfile", "FROM a\n"),
        ("api/build.sh", "docker build -t acme/api .\n"),
        (
            "compose.yml",
            "services: {web: {build: web, image: acme/web}, x: {build: {dockerfile_inline: FROM a}, image: acme/x}}\n",
        ),
        ("Makefile", "site:\n\tdocker build -t acme/site web\n"),
    ]);
    let mut findings = detect(&repository);
    let builds = image_builds(&repository, &mut findings, "shop", true);
    let others: Vec<(&str, &[String])> = builds.iter().map(|one| (one.id.as_str(), one.others.as_slice())).collect();
    // What a script builds from a Dockerfile that is not where it seems to be says nothing of the others.
    let names = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        others,
        [("api", names(&["acme/site", "acme/web", "acme/x"]).as_slice()), ("web", names(&["acme/x"]).as_slice())]
    );
}

#[test]
fn a_build_without_its_dockerfile_is_reported() {
    let (found, findings) = builds(&[("compose.yml", "services: {web: {build: ./web}}\n")]);
    assert!(found.is_empty());
    assert!(findings.doubts[0].contains("`web/Dockerfile`, which is not there"), "{:?}", findings.doubts);
}

#[test]
fn a_context_that_is_another_service_is_the_image_that_it_begins_with() {
    let files = |more: &'static str| {
        vec![
            ("core/Dockerfile", "FROM a\n"),
            ("web/Dockerfile", "FROM base\nCOPY --from=files x /\n"),
            ("web/x", ""),
            ("compose.yml", more),
        ]
    };
    let (_dir, repository) = repository(&files(
        "services:\n  core: {build: core}\n  web: {build: {context: web, additional_contexts: {base: \"service:core\"}}}\n",
    ));
    let mut findings = detect(&repository);
    let builds = image_builds(&repository, &mut findings, "shop", false);
    let [core, web] = builds.as_slice() else { panic!("{builds:?}") };
    assert!(core.is_base && core.names == ["base"] && web.bases[0] == ("base".to_owned(), None), "{builds:?}");
    let (found, findings) = self::builds(&files(
        "services: {web: {build: {context: web, additional_contexts: {files: ./files, other: ./other}}}}\n",
    ));
    assert_eq!(found.len(), 1, "{found:?}");
    let why = "`compose.yml` gives it the context `files` (`./files`) beside its own, which only compose does";
    assert_eq!(findings.left_out[0].why, why);
}

#[test]
fn an_argument_of_compose_may_be_an_image_that_is_built_here() {
    let (_dir, repository) = repository(&[
        ("core/Dockerfile", "FROM a\n"),
        ("web/Dockerfile", "ARG BASE\nARG OTHER\nFROM ${BASE} AS b\nRUN echo $OTHER\n"),
        (
            "compose.yml",
            "services:\n  core: {build: core, image: acme/core}\n  \
             web: {build: {context: web, args: {BASE: \"acme/core:latest\", OTHER: acme/core}}}\n",
        ),
    ]);
    let mut findings = detect(&repository);
    let builds = image_builds(&repository, &mut findings, "shop", false);
    let [core, web] = builds.as_slice() else { panic!("{builds:?} {:?}", findings.left_out) };
    assert!(core.is_base && web.bases.contains(&("acme/core:latest".to_owned(), Some("BASE".to_owned()))), "{web:?}");
    assert!(!web.bases.iter().any(|(_, argument)| argument.as_deref() == Some("OTHER")), "{web:?}");
}

#[test]
fn what_is_built_for_tests_alone_is_not_built() {
    let files = [
        ("web/Dockerfile", "FROM a\n"),
        ("e2e-tests/Dockerfile", "FROM a\n"),
        ("compose.yml", "services: {web: {build: web}, e2e: {build: e2e-tests}}\n"),
    ];
    let (found, findings) = builds(&files);
    assert_eq!(found, ["web web/Dockerfile web None []"]);
    assert_eq!(findings.left_out[0].why, "`compose.yml` has it for the tests of `e2e` alone");
}
