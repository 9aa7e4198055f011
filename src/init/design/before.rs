//! What a build copies and that is not there: the step that makes it before.

use super::survey::Survey;
use crate::files::glob_of;
use crate::init::draft::StepDraft;
use crate::init::images::ImageBuild;
use crate::init::repository::{ancestors, folder_of, join, shown};

/// What builds something outside of Docker: a file beside it, what is copied then, and the command.
const MADE: &[(&str, &str, &str)] = &[
    ("mvnw", "target", "./mvnw -q -B package -DskipTests"),
    ("pom.xml", "target", "mvn -q -B package -DskipTests"),
    ("gradlew", "build", "./gradlew -q build -x test"),
    ("build.gradle", "build", "gradle -q build -x test"),
    ("build.gradle.kts", "build", "gradle -q build -x test"),
    ("package.json", "dist", "npm ci && npm run build"),
    ("package.json", "build", "npm ci && npm run build"),
    ("Makefile", "bin", "make build"),
];

/// The step that makes what the build copies and is not there, where it is known how.
pub(super) fn before(survey: &Survey, build: &ImageBuild, doubts: &mut Vec<String>) -> Option<StepDraft> {
    let missing = build.missing.first()?;
    let unknown = format!(
        "`{}` copies `{}`, which is not in `{}`: it has to be made before the build",
        build.dockerfile,
        build.missing.join("`, `"),
        shown(&build.context)
    );
    let (folder, first) = match missing.split_once('/') {
        Some((first, _)) => (folder_of(missing), first),
        None => ("", missing.as_str()),
    };
    let packages = &survey.findings.packages;
    // The nearest package above what is missing.
    let whole = join(&build.context, folder).unwrap_or_default();
    let found = ancestors(&whole).find_map(|place| {
        let below = whole.strip_prefix(place).unwrap_or(&whole).trim_start_matches('/');
        let output = below.split('/').next().filter(|output| !output.is_empty()).unwrap_or(first);
        let is_there =
            |file: &str| packages.iter().any(|package| package.file == join(place, file).unwrap_or_default());
        MADE.iter()
            .find(|(file, made, _)| {
                *made == output && (is_there(file) || (file.ends_with('w') && wrapper_is_there(survey, place, file)))
            })
            .map(|(_, made, command)| (place.to_owned(), *made, *command))
    });
    let found = found.map(|(place, made, command)| {
        let command = if command.starts_with("npm ") { of_manager(survey, &place) } else { command };
        (place, vec![format!("{made}/**")], command.to_owned())
    });
    let reaches_outside = |(place, _, command): &(String, Vec<String>, String)| {
        survey.findings.makers.iter().any(|one| one.goes_out && one.folder == *place && one.command == *command)
    };
    let found = found.filter(|found| !reaches_outside(found));
    let whole = join(&build.context, missing).unwrap_or_default();
    let Some((place, made, command)) = maker(survey, &whole).or(found) else {
        doubts.push(unknown);
        return None;
    };
    doubts.push(format!(
        "`{}` copies `{missing}`: the step `{}-files` makes it with `{command}`",
        build.dockerfile, build.id
    ));
    let mut step = StepDraft::new(format!("{}-files", build.id), "command")
        .comment(format!("`{}` copies `{missing}`, which is made outside of Docker", build.dockerfile))
        .set("run", command.as_str());
    if !place.is_empty() {
        step = step.set("cwd", place.as_str());
    }
    let in_place = |pattern: &str| join(&glob_of(&place), pattern).unwrap_or_default();
    // What is missing may be a pattern itself.
    let output = join(&glob_of(&build.context), missing).unwrap_or_default();
    let left = made.iter().map(|pattern| format!("!{}", in_place(pattern)));
    let inputs = std::iter::once(in_place("**")).chain(left);
    let inputs = inputs.chain([format!("!{}", in_place("**/node_modules/**")), "!.provision/**".to_owned()]);
    Some(step.list("inputs", inputs).list("outputs", [output]))
}

/// The commands by which packages of JavaScript are built, by the file with the versions of the nearest workspace.
const MANAGERS: &[(&str, &str)] = &[
    ("pnpm-lock.yaml", "pnpm install --frozen-lockfile && pnpm run build"),
    ("yarn.lock", "yarn install && yarn run build"),
    ("bun.lock", "bun install --frozen-lockfile && bun run build"),
    ("bun.lockb", "bun install --frozen-lockfile && bun run build"),
    ("package-lock.json", "npm ci && npm run build"),
];

fn of_manager(survey: &Survey, place: &str) -> &'static str {
    let found =
        ancestors(place).find_map(|folder| MANAGERS.iter().find(|(file, _)| wrapper_is_there(survey, folder, file)));
    found.map_or("npm install && npm run build", |(_, command)| command)
}

fn wrapper_is_there(survey: &Survey, place: &str, file: &str) -> bool {
    join(place, file).is_some_and(|path| survey.findings.wrappers.contains(&path))
}

/// What a recipe or a resource of another tool makes: the folder where that runs, patterns for what it makes there, and
/// the command.
fn maker(survey: &Survey, whole: &str) -> Option<(String, Vec<String>, String)> {
    let found = survey.findings.makers.iter().filter(|maker| !maker.goes_out).filter_map(|maker| {
        let below = if maker.folder.is_empty() { whole } else { whole.strip_prefix(&format!("{}/", maker.folder))? };
        // A folder of which one file is made is there then.
        let is_in = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let is_made = |output: &String| below == output || is_in(below, output) || is_in(output, below);
        let made = vec![glob_of(below), format!("{}/**", glob_of(below))];
        maker.outputs.iter().any(is_made).then(|| (maker.lines, (maker.folder.clone(), made, maker.command.clone())))
    });
    // The one that does the least besides.
    found.min_by_key(|(lines, _)| *lines).map(|(_, made)| made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::findings::{Maker, Package};

    #[test]
    fn what_is_made_before_is_made_with_what_the_workspace_has() {
        for (lock, expected) in [
            (Some("pnpm-lock.yaml"), "pnpm install --frozen-lockfile && pnpm run build"),
            (Some("packages/api/yarn.lock"), "yarn install && yarn run build"),
            (Some("package-lock.json"), "npm ci && npm run build"),
            (Some("packages/web/bun.lock"), "npm install && npm run build"),
            (None, "npm install && npm run build"),
        ] {
            let build = ImageBuild {
                id: "api".into(),
                dockerfile: "packages/api/Dockerfile".into(),
                context: "packages/api".into(),
                missing: vec!["dist".into()],
                ..ImageBuild::default()
            };
            let mut survey = Survey { builds: vec![build], ..Survey::default() };
            let file = "packages/api/package.json".to_owned();
            survey.findings.packages = vec![Package { file, language: "JavaScript", name: None }];
            survey.findings.wrappers = lock.into_iter().map(str::to_owned).collect();
            let step = before(&survey, &survey.builds[0], &mut Vec::new()).unwrap();
            let (_, run) = step.settings.iter().find(|(name, _)| *name == "run").unwrap();
            assert_eq!(run.as_str(), Some(expected), "{lock:?}");
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
            ("svc", "out/app", Some("just compile")),
            ("", "svc/web/index.html", Some("just compile")),
            ("svc", "out", Some("just compile")),
            ("svc", "ou", None),
            ("svc", "out/application", None),
            ("", "out/app", None),
        ] {
            let build = ImageBuild {
                id: "api".into(),
                context: context.into(),
                missing: vec![missing.into()],
                ..ImageBuild::default()
            };
            let mut survey = Survey { builds: vec![build], ..Survey::default() };
            survey.findings.makers = vec![outward.clone(), longer.clone(), maker.clone()];
            let mut doubts = Vec::new();
            let step = before(&survey, &survey.builds[0], &mut doubts);
            let run = step.iter().flat_map(|step| &step.settings).find(|(name, _)| *name == "run");
            assert_eq!(run.and_then(|(_, run)| run.as_str()), expected, "{context} {missing}");
            assert_eq!(doubts[0].contains("has to be made before the build"), expected.is_none(), "{doubts:?}");
        }
    }

    #[test]
    fn a_target_that_reaches_outside_is_no_step() {
        for (goes_out, expected) in [(false, true), (true, false)] {
            let build = ImageBuild { id: "api".into(), missing: vec!["bin".into()], ..ImageBuild::default() };
            let mut survey = Survey { builds: vec![build], ..Survey::default() };
            survey.findings.packages = vec![Package { file: "Makefile".into(), language: "make", name: None }];
            survey.findings.makers = vec![Maker { command: "make build".into(), goes_out, ..Maker::default() }];
            let mut doubts = Vec::new();
            assert_eq!(before(&survey, &survey.builds[0], &mut doubts).is_some(), expected, "{doubts:?}");
            assert_eq!(doubts[0].contains("has to be made before the build"), goes_out, "{doubts:?}");
        }
    }
}
