//! Which folder is the context, by what a Dockerfile copies.

use super::*;
use crate::init::testing::repository;

struct Case {
    files: &'static [(&'static str, &'static str)],
    dockerfile: &'static str,
    declared: &'static [(&'static str, &'static str)],
    context: &'static str,
    missing: &'static [&'static str],
}

const fn case(files: &'static [(&'static str, &'static str)], dockerfile: &'static str, context: &'static str) -> Case {
    Case { files, dockerfile, declared: &[], context, missing: &[] }
}

fn check(cases: &[Case]) {
    for &Case { files, dockerfile, declared, context, missing } in cases {
        let (_dir, repository) = repository(files);
        let args = BTreeMap::new();
        let found = choose_context(&repository, Wanted { dockerfile, target: None, args: &args, declared });
        assert_eq!(found.folder, context, "{files:?}");
        let mut lacks: Vec<&str> =
            found.missing.iter().map(String::as_str).filter(|path| !path.ends_with("lock*")).collect();
        lacks.sort_unstable();
        if !missing.is_empty() {
            assert_eq!(lacks, missing, "{files:?}");
        }
        let differs = declared.iter().any(|(folder, _)| *folder != context);
        assert_eq!(!found.doubts.is_empty(), differs, "{files:?} {:?}", found.doubts);
    }
}

#[test]
fn the_context_is_where_everything_is_that_is_copied() {
    let cases = [
        // Its own folder, and the repository.
        case(&[("a/Dockerfile", "FROM x\nCOPY main.py .\n"), ("a/main.py", "")], "a/Dockerfile", "a"),
        case(
            &[("a/Dockerfile", "FROM x\nCOPY a/main.py lib /\n"), ("a/main.py", ""), ("lib/x", "")],
            "a/Dockerfile",
            "",
        ),
        // Only stages that are needed count, and copies of other stages do not.
        case(
            &[
                ("a/Dockerfile", "FROM x AS t\nCOPY tests .\nFROM x AS b\nCOPY y /\nFROM x\nCOPY --from=b /z /q\n"),
                ("a/y", ""),
                ("tests/x", ""),
            ],
            "a/Dockerfile",
            "a",
        ),
        // What is ignored is not there.
        case(
            &[("a/Dockerfile", "FROM x\nCOPY a/x y/\n"), ("a/a/x", ""), ("a/.dockerignore", "a\n"), ("a/x", "")],
            "a/Dockerfile",
            "",
        ),
        // A mount is a copy as well; what is downloaded is none.
        case(
            &[
                ("a/Dockerfile", "FROM x\nADD https://example.com/x /\nRUN --mount=type=bind,source=b/y,target=y c\n"),
                ("b/y", ""),
            ],
            "a/Dockerfile",
            "",
        ),
        // Everything is copied: what is read shows it.
        case(
            &[("docker/Dockerfile", "FROM x\nCOPY . .\nRUN go build ./cmd\n"), ("go.mod", "")],
            "docker/Dockerfile",
            "",
        ),
        // A pattern that matches nothing is allowed, and shows nothing.
        case(
            &[("a/Dockerfile", "FROM x\nCOPY package*.json yarn.lock* ./\n"), ("a/package.json", "")],
            "a/Dockerfile",
            "a",
        ),
        // What is made outside of Docker is made by the package above.
        case(
            &[("a/src/docker/Dockerfile", "FROM x\nCOPY target/app/*.jar target/lib/ /\n"), ("a/pom.xml", "")],
            "a/src/docker/Dockerfile",
            "a",
        ),
        // What another file says counts where both may be, and not against what is copied.
        Case {
            declared: &[("", "compose.yml")],
            ..case(&[("a/Dockerfile", "FROM x\nCOPY . .\n")], "a/Dockerfile", "")
        },
        Case {
            declared: &[("a", "compose.yml")],
            ..case(&[("a/Dockerfile", "FROM x\nCOPY a/x .\n"), ("a/x", "")], "a/Dockerfile", "")
        },
        Case {
            missing: &["target/*.jar", "target/x"],
            ..case(&[("Dockerfile", "FROM x\nCOPY target/x target/*.jar /\n")], "Dockerfile", "")
        },
    ];
    check(&cases);
}

#[test]
fn a_main_file_that_is_compiled_or_started_shows_the_context() {
    let cases = [
        // The command line is relative to what was copied.
        case(
            &[("docker/Dockerfile", "FROM x\nCOPY . .\nRUN go build -o /x ./cmd/x\n"), ("cmd/x/main.go", "")],
            "docker/Dockerfile",
            "",
        ),
        case(
            &[("docker/Dockerfile", "FROM x\nCOPY . .\nCMD [\"python\", \"src/app.py\"]\n"), ("src/app.py", "")],
            "docker/Dockerfile",
            "",
        ),
        case(
            &[("a/Dockerfile", "FROM x\nCOPY . .\nENTRYPOINT node x.js\n"), ("a/x.js", ""), ("x.js", "")],
            "a/Dockerfile",
            "a",
        ),
        // Another file names the context, and what is started says otherwise.
        Case {
            declared: &[("", "compose.yml")],
            ..case(&[("a/Dockerfile", "FROM x\nCOPY . .\nCMD python x.py\n"), ("a/x.py", "")], "a/Dockerfile", "a")
        },
    ];
    check(&cases);
}

#[test]
fn an_argument_that_nothing_sets_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let text = "ARG BASE=a\nFROM ${BASE}\nARG NAME\nARG TARGETARCH\nCOPY ${NAME}.jar bin-${TARGETARCH}* /\n";
    fs_err::write(dir.path().join("Dockerfile"), text).unwrap();
    let repository = Repository::read(dir.path()).unwrap();
    let args = BTreeMap::new();
    let wanted = Wanted { dockerfile: "Dockerfile", target: None, args: &args, declared: &[] };
    assert_eq!(choose_context(&repository, wanted).unset, BTreeSet::from(["NAME".to_owned()]));
}

#[test]
fn build_arguments_are_filled_in() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(dir.path().join("docker")).unwrap();
    fs_err::create_dir_all(dir.path().join("apps/web")).unwrap();
    fs_err::write(dir.path().join("docker/Dockerfile"), "FROM x\nARG APP\nCOPY apps/${APP} /app\n").unwrap();
    let repository = Repository::read(dir.path()).unwrap();
    let args = BTreeMap::from([("APP".to_owned(), "web".to_owned())]);
    let found = choose_context(
        &repository,
        Wanted { dockerfile: "docker/Dockerfile", target: None, args: &args, declared: &[] },
    );
    assert_eq!((found.folder.as_str(), found.missing), ("", Vec::new()));
}

#[test]
fn a_package_that_is_built_in_its_workspace_has_that_as_its_context() {
    let cases = [
        case(
            &[
                ("apps/a/Dockerfile", "FROM x\nWORKDIR /repo\nCOPY . .\nRUN pnpm --filter a build\n"),
                ("pnpm-workspace.yaml", ""),
                ("apps/a/package.json", ""),
            ],
            "apps/a/Dockerfile",
            "",
        ),
        // What is started is not there before the build.
        case(
            &[("apps/a/Dockerfile", "FROM x\nCOPY . .\nCMD [\"node\", \"apps/a/dist/main.js\"]\n"), ("apps/a/x", "")],
            "apps/a/Dockerfile",
            "",
        ),
        case(
            &[
                ("apps/a/Dockerfile", "FROM x\nCOPY . .\nRUN npm ci\n"),
                ("apps/a/package.json", ""),
                ("package.json", ""),
            ],
            "apps/a/Dockerfile",
            "apps/a",
        ),
    ];
    check(&cases);
}

#[test]
fn a_source_does_not_lead_out_of_the_context() {
    let cases = [
        case(&[("svc/Dockerfile", "FROM x\nCOPY ../shared /s\n"), ("shared/a", "")], "svc/Dockerfile", ""),
        case(&[("svc/Dockerfile", "FROM x\nCOPY a/../b /s\n"), ("svc/b", "")], "svc/Dockerfile", "svc"),
        Case {
            missing: &["shared"],
            ..case(&[("svc/Dockerfile", "FROM x\nCOPY ../../shared /s\n")], "svc/Dockerfile", "svc")
        },
    ];
    check(&cases);
}

#[test]
fn an_argument_with_a_default_where_it_is_used_needs_no_value() {
    for (text, n_unset) in [("ARG A\nFROM ${A:-debian}\n", 0), ("ARG A\nFROM ${A}\n", 1), ("ARG A=b\nFROM $A\n", 0)] {
        let (_dir, repository) = repository(&[("Dockerfile", text)]);
        let args = BTreeMap::new();
        let wanted = Wanted { dockerfile: "Dockerfile", target: None, args: &args, declared: &[] };
        assert_eq!(choose_context(&repository, wanted).unset.len(), n_unset, "{text}");
    }
}

#[test]
fn words_of_a_line_are_no_sign_against_what_another_file_says() {
    let files: &[(&str, &str)] = &[
        ("web/Dockerfile", "FROM x\nCOPY . /srv/web\nRUN echo \"web/settings.py is used\"\n"),
        ("web/settings.py", ""),
    ];
    let declared = Case { declared: &[("web", "compose.yml")], ..case(files, "web/Dockerfile", "web") };
    // Where nobody says anything it is one.
    check(&[declared, case(files, "web/Dockerfile", "")]);
}
