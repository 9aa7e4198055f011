//! Tests of what is made before a build.

use super::*;
use crate::init::findings::{Maker, Package};
use crate::init::images::ImageBuild;
use crate::init::java::{JavaBuild, JavaTool};

fn build(id: &str, context: &str, missing: &[&str]) -> ImageBuild {
    ImageBuild {
        id: id.into(),
        dockerfile: join(context, "Dockerfile").unwrap(),
        context: context.into(),
        missing: missing.iter().map(|path| (*path).to_owned()).collect(),
        ..ImageBuild::default()
    }
}

fn before(survey: &Survey) -> (Before, Vec<String>) {
    let (wanted, mut doubts) = ((0..survey.builds.len()).collect(), Vec::new());
    let taken = survey.builds.iter().map(|build| build.id.clone()).collect();
    (Before::of(survey, &wanted, taken, &mut doubts), doubts)
}

fn text(step: &StepDraft, setting: &str) -> String {
    let found = step.settings.iter().find(|(name, _)| *name == setting);
    let Some((_, value)) = found else { return String::new() };
    let words = value.as_array().into_iter().flatten().filter_map(toml::Value::as_str).collect::<Vec<_>>();
    value.as_str().map_or_else(|| words.join(" "), str::to_owned)
}

/// The steps, each with its id, folder, command and outputs.
fn shown(before: &Before) -> Vec<String> {
    let one = |step: &StepDraft| {
        let parts = [step.id.clone(), text(step, "cwd"), text(step, "run"), text(step, "outputs")];
        parts.join(" | ")
    };
    before.steps.iter().map(one).collect()
}

fn javascript(file: &str) -> Package {
    Package { file: file.into(), language: "JavaScript", has_build: true, ..Package::default() }
}

fn java(tool: JavaTool, folder: &str, module: &str) -> (String, JavaBuild) {
    let program = if tool == JavaTool::Maven { "./mvnw" } else { "./gradlew" };
    let (folder, module) = (folder.to_owned(), module.to_owned());
    (join(&folder, &module).unwrap(), JavaBuild { tool, folder, program: program.into(), module })
}

#[test]
fn everything_that_is_missing_is_made_or_named() {
    let mut survey =
        Survey { builds: vec![build("app", "", &["target/*.jar", "web/dist", "licence.txt"])], ..Survey::default() };
    survey.findings.packages = vec![javascript("web/package.json")];
    survey.findings.java = [java(JavaTool::Maven, "", "")].into();
    let (found, doubts) = before(&survey);
    let expected = [
        "app-files-target |  | ./mvnw -q -B package -DskipTests | target/*.jar",
        "app-files-web | web | npm install && npm run build | web/dist",
    ];
    assert_eq!(shown(&found), expected);
    assert_eq!(found.needs[&0], ["app-files-target", "app-files-web"]);
    let inputs = "** !**/target/** !web/dist/** !**/node_modules/** !.provision/**";
    assert_eq!(text(&found.steps[0], "inputs"), inputs);
    assert_eq!(
        doubts,
        [
            "`Dockerfile` copies `licence.txt`, which is not in `.`: it has to be made before the build",
            "`Dockerfile` copies `target/*.jar`: the step `app-files-target` makes it with `./mvnw -q -B package -DskipTests`",
            "`Dockerfile` copies `web/dist`: the step `app-files-web` makes it with `npm install && npm run build`",
        ]
    );
}

#[test]
fn modules_of_one_build_are_made_together_with_what_they_need() {
    let builds = vec![build("api", "api", &["target/api.jar"]), build("web", "web", &["target/web.jar", "target/lib"])];
    let mut survey = Survey { builds, ..Survey::default() };
    survey.findings.java = [java(JavaTool::Maven, "", "api"), java(JavaTool::Maven, "", "web")].into();
    let (found, doubts) = before(&survey);
    let outputs = "api/target/api.jar web/target/lib web/target/web.jar";
    let command = "./mvnw -q -B package -DskipTests -pl api,web -am";
    assert_eq!(shown(&found), [format!("files |  | {command} | {outputs}")]);
    assert_eq!((&found.needs[&0], &found.needs[&1]), (&vec!["files".to_owned()], &vec!["files".to_owned()]));
    assert_eq!(text(&found.steps[0], "inputs"), "** !**/target/** !**/node_modules/** !.provision/**");
    assert_eq!(doubts.len(), 1);
    assert!(doubts[0].starts_with("`api/Dockerfile` copies `target/api.jar`, `web/Dockerfile` copies `target/web.jar`, `target/lib`: the step `files` makes them with"), "{doubts:?}");
}

#[test]
fn the_goal_is_the_one_that_makes_what_is_copied() {
    for (tool, missing, expected) in [
        (JavaTool::Maven, "a/api/target/quarkus-app", "./mvnw -q -B package -DskipTests -pl a/api -am"),
        (JavaTool::Maven, "a/api/target/dependency/BOOT-INF/lib", ""),
        (JavaTool::Maven, "a/api/build/libs/x.jar", ""),
        (JavaTool::Gradle, "a/api/build/libs/x.jar", "./gradlew -q :a:api:assemble"),
        (JavaTool::Gradle, "a/api/build/install/api/lib", "./gradlew -q :a:api:installDist"),
        (JavaTool::Gradle, "a/api/build/native/nativeCompile/api", "./gradlew -q :a:api:nativeCompile"),
        (JavaTool::Gradle, "a/api/target/x.jar", ""),
    ] {
        let mut survey = Survey { builds: vec![build("api", "", &[missing])], ..Survey::default() };
        survey.findings.java = [java(tool, "", "a/api")].into();
        let (found, doubts) = before(&survey);
        assert_eq!(found.steps.iter().map(|step| text(step, "run")).collect::<String>(), expected, "{missing}");
        assert_eq!(doubts[0].contains("has to be made before the build"), expected.is_empty(), "{doubts:?}");
    }
    for (missing, expected) in [
        ("svc/target/release/app", "cargo build --release"),
        (
            "svc/target/x86_64-unknown-linux-musl/release/app",
            "cargo build --release --target x86_64-unknown-linux-musl",
        ),
        ("svc/target/app.jar", ""),
    ] {
        let mut survey = Survey { builds: vec![build("api", "", &[missing])], ..Survey::default() };
        survey.findings.packages =
            vec![Package { file: "svc/Cargo.toml".into(), language: "Rust", ..Package::default() }];
        let (found, _) = before(&survey);
        assert_eq!(found.steps.iter().map(|step| text(step, "run")).collect::<String>(), expected, "{missing}");
    }
}

#[test]
fn commands_of_one_folder_run_one_after_the_other() {
    let mut survey = Survey { builds: vec![build("app", "", &["target/a.jar", "dist"])], ..Survey::default() };
    survey.findings.packages = vec![javascript("package.json")];
    survey.findings.java = [java(JavaTool::Maven, "", "")].into();
    let (found, _) = before(&survey);
    assert_eq!(found.steps[1].needs, ["app-files-target"]);
    // Neither is stale because of what the other one makes.
    let left = ["!**/target/** !dist/**", "!dist/** !**/target/**"];
    for (step, left) in found.steps.iter().zip(left) {
        assert_eq!(text(step, "inputs"), format!("** {left} !**/node_modules/** !.provision/**"));
    }
    assert_eq!(found.last, [(String::new(), "app-files-dist".to_owned())].into());
}

#[test]
fn what_is_made_before_is_made_with_what_the_workspace_has() {
    for (lock, expected) in [
        (Some("pnpm-lock.yaml"), "pnpm install --frozen-lockfile && pnpm run build"),
        (Some("packages/api/yarn.lock"), "yarn install && yarn run build"),
        (Some("package-lock.json"), "npm ci && npm run build"),
        (Some("packages/web/bun.lock"), "npm install && npm run build"),
        (None, "npm install && npm run build"),
    ] {
        let mut survey = Survey { builds: vec![build("api", "packages/api", &["dist"])], ..Survey::default() };
        survey.findings.packages = vec![javascript("packages/api/package.json")];
        survey.findings.wrappers = lock.into_iter().map(str::to_owned).collect();
        assert_eq!(text(&before(&survey).0.steps[0], "run"), expected, "{lock:?}");
        // Without such a script there is nothing to call.
        survey.findings.packages[0].has_build = false;
        assert!(before(&survey).0.steps.is_empty());
    }
}

#[test]
fn what_a_recipe_writes_is_made_by_the_recipe() {
    let maker = Maker {
        folder: "svc".into(),
        command: "just compile".into(),
        outputs: vec!["out/app".into(), "web".into()],
        lines: 2,
        goes_out: false,
    };
    let longer = Maker { command: "just all".into(), lines: 3, ..maker.clone() };
    let outward = Maker { command: "just release".into(), lines: 1, goes_out: true, ..maker.clone() };
    for (context, missing, expected) in [
        ("svc", "out/app", "just compile"),
        ("", "svc/web/index.html", "just compile"),
        ("svc", "out", "just compile"),
        ("svc", "ou", ""),
        ("svc", "out/application", ""),
        ("", "out/app", ""),
    ] {
        let mut survey = Survey { builds: vec![build("api", context, &[missing])], ..Survey::default() };
        survey.findings.makers = vec![outward.clone(), longer.clone(), maker.clone()];
        let (found, doubts) = before(&survey);
        assert_eq!(found.steps.iter().map(|step| text(step, "run")).collect::<String>(), expected, "{missing}");
        assert_eq!(doubts[0].contains("has to be made before the build"), expected.is_empty(), "{doubts:?}");
    }
}

#[test]
fn a_command_that_reaches_outside_is_no_step() {
    for (goes_out, expected) in [(false, 1), (true, 0)] {
        let mut survey = Survey { builds: vec![build("api", "", &["dist"])], ..Survey::default() };
        survey.findings.packages = vec![javascript("package.json")];
        let command = "npm install && npm run build".to_owned();
        survey.findings.makers = vec![Maker { command, goes_out, ..Maker::default() }];
        let (found, doubts) = before(&survey);
        assert_eq!(found.steps.len(), expected, "{doubts:?}");
        assert_eq!(doubts[0].contains("has to be made before the build"), goes_out, "{doubts:?}");
    }
}
