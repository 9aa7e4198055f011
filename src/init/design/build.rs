//! The stage that builds the images, and what has to be made before.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::needed::Needed;
use super::survey::{Matches, Survey};
use crate::files::glob_of;
use crate::init::draft::{Proof, StageDraft, StepDraft, plain_text};
use crate::init::images::ImageBuild;
use crate::init::repository::{ancestors, folder_of, join, name_of, shown};
use crate::tools::process::shell_quoted;

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

/// Returns the stage, if there is anything to build.
pub(super) fn stage(
    survey: &Survey,
    matches: &Matches,
    needed: &Needed,
    doubts: &mut Vec<String>,
) -> Option<StageDraft> {
    if survey.builds.is_empty() {
        return None;
    }
    let mut steps = Vec::new();
    for at in needed.builds.iter().copied() {
        let build = &survey.builds[at];
        let mut step = build_step(build, &matches.names[at]);
        if let Some(made) = before(survey, build, doubts) {
            step = step.needs(made.id.clone());
            steps.push(made);
        }
        let mut args: Table =
            build.args.iter().map(|(name, value)| (name.clone(), Value::String(plain_text(value)))).collect();
        for (base, argument) in &build.bases {
            let Some(other) = matches.local_base(survey, at, base) else { continue };
            let other_id = &survey.builds[other].id;
            if let Some(argument) = argument {
                args.insert(argument.clone(), Value::String(format!("${{{{ steps.build.{other_id}.image }}}}")));
                continue;
            }
            let tag = tag_step(other_id, base, "build");
            step = step.needs(tag.id.clone()).comment(format!("it begins with `{base}`, which `{other_id}` makes"));
            if !steps.iter().any(|known: &StepDraft| known.id == tag.id) {
                steps.push(tag);
            }
        }
        if !args.is_empty() {
            step = step.formula("args", Value::Table(args));
        }
        steps.push(step);
    }
    // An output can only be used by what stands below its step.
    sort(&mut steps);
    steps.extend(
        (0..survey.builds.len())
            .filter(|at| !needed.builds.contains(at))
            .map(|at| idle_step(survey, matches, needed, at)),
    );
    Some(StageDraft { id: "build", title: "Build the images".into(), needs: Some(vec!["prereq"]), steps })
}

/// The step of an image that nothing needs, as a comment.
fn idle_step(survey: &Survey, matches: &Matches, needed: &Needed, at: usize) -> StepDraft {
    let build = &survey.builds[at];
    let mut step = build_step(build, &matches.names[at]).comment(format!("not used: {}", needed.why));
    let args = build.args.iter().map(|(name, value)| (name.clone(), Value::String(plain_text(value))));
    let args: Table = args.collect();
    if !args.is_empty() {
        step = step.formula("args", Value::Table(args));
    }
    StepDraft { is_aside: true, ..step }
}

fn build_step(build: &ImageBuild, name: &str) -> StepDraft {
    let mut step = StepDraft::new(&build.id, "docker-build").set("context", shown(&build.context));
    let relative = relative(&build.context, &build.dockerfile);
    if relative != "Dockerfile" {
        step = step.set("dockerfile", relative);
    }
    step = step.set("image", name);
    if let Some(target) = &build.target {
        step = step.set("target", target.as_str());
    }
    let words = words(build, name);
    step.proves(Proof::Build(words))
}

/// The words by which an image is named.
pub(super) fn words(build: &ImageBuild, name: &str) -> Vec<String> {
    build.words.iter().cloned().chain([build.id.clone(), name_of(name).to_owned()]).collect()
}

/// The path of a Dockerfile from its context.
fn relative(context: &str, dockerfile: &str) -> String {
    let inside = if context.is_empty() { Some(dockerfile) } else { dockerfile.strip_prefix(&format!("{context}/")) };
    inside.map_or_else(|| format!("{}{dockerfile}", "../".repeat(context.split('/').count())), str::to_owned)
}

/// The step that makes what the build copies and is not there, where it is known how.
fn before(survey: &Survey, build: &ImageBuild, doubts: &mut Vec<String>) -> Option<StepDraft> {
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
    let Some((place, made, command)) = found else {
        doubts.push(unknown);
        return None;
    };
    let command = if command.starts_with("npm ") { of_manager(survey, &place) } else { command };
    doubts.push(format!(
        "`{}` copies `{missing}`: the step `{}-files` makes it with `{command}`",
        build.dockerfile, build.id
    ));
    let mut step = StepDraft::new(format!("{}-files", build.id), "command")
        .comment(format!("`{}` copies `{missing}`, which is made outside of Docker", build.dockerfile))
        .set("run", command);
    if !place.is_empty() {
        step = step.set("cwd", place.as_str());
    }
    let in_place = |pattern: &str| join(&glob_of(&place), pattern).unwrap_or_default();
    // What is missing may be a pattern itself.
    let output = join(&glob_of(&build.context), missing).unwrap_or_default();
    Some(
        step.list(
            "inputs",
            [
                in_place("**"),
                format!("!{}", in_place(&format!("{made}/**"))),
                format!("!{}", in_place("**/node_modules/**")),
                "!.provision/**".to_owned(),
            ],
        )
        .list("outputs", [output]),
    )
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

/// A step that gives a built image one more name.
pub(super) fn tag_step(id: &str, name: &str, stage: &str) -> StepDraft {
    let image = format!("${{{{ steps.build.{id}.image }}}}");
    let (own, quoted) = (plain_text(name), plain_text(&shell_quoted(name)));
    let check = format!("test \"$(docker image inspect -f '{{{{.Id}}}}' {quoted})\" = ${{{{ steps.build.{id}.id }}}}");
    let run = ["docker".to_owned(), "tag".to_owned(), image, own].map(Value::String);
    let step = StepDraft::new(format!("{id}-tag"), "command")
        .formula("run", Value::Array(run.to_vec()))
        .formula("check", check);
    if stage == "build" { step.needs(id) } else { step }
}

/// Puts each step after those that it needs; otherwise they stay as they are.
fn sort(steps: &mut Vec<StepDraft>) {
    let mut sorted: Vec<StepDraft> = Vec::new();
    while !steps.is_empty() {
        let waits = |step: &StepDraft| {
            steps.iter().any(|other| other.id != step.id && (step.needs.contains(&other.id) || uses(step, &other.id)))
        };
        // In a circle the first one goes first.
        let next = steps.iter().position(|step| !waits(step)).unwrap_or(0);
        sorted.push(steps.remove(next));
    }
    *steps = sorted;
}

fn uses(step: &StepDraft, id: &str) -> bool {
    let args: BTreeMap<&str, &Value> = step.settings.iter().map(|(name, value)| (*name, value)).collect();
    let part = format!("steps.build.{id}.");
    args.get("args").is_some_and(|value| value.to_string().contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::findings::Package;

    #[test]
    fn a_dockerfile_is_named_from_its_context() {
        for (context, dockerfile, expected) in [
            ("", "Dockerfile", "Dockerfile"),
            ("", "a/Dockerfile", "a/Dockerfile"),
            ("a", "a/b/Dockerfile.x", "b/Dockerfile.x"),
            ("a/b", "docker/Dockerfile", "../../docker/Dockerfile"),
        ] {
            assert_eq!(relative(context, dockerfile), expected, "{context} {dockerfile}");
        }
    }

    #[test]
    fn a_name_is_never_a_part_of_a_shell_line() {
        let step = tag_step("web", "x'; touch y; '${{ secrets.A }}", "load");
        let text = |wanted: &str| {
            let (_, value) = step.settings.iter().find(|(name, _)| *name == wanted).unwrap();
            value.clone()
        };
        assert!(
            text("check").as_str().unwrap().contains(r"'x'\''; touch y; '\''$${{ secrets.A }}'"),
            "{}",
            text("check")
        );
        assert_eq!(text("run")[3].as_str(), Some("x'; touch y; '$${{ secrets.A }}"));
        assert_eq!(text("run")[2].as_str(), Some("${{ steps.build.web.image }}"));
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
    fn an_image_that_begins_with_another_one_is_built_after_it() {
        let build = |id: &str, name: &str, bases: &[(&str, Option<&str>)]| ImageBuild {
            id: id.into(),
            dockerfile: format!("{id}/Dockerfile"),
            context: id.into(),
            names: vec![name.into()],
            bases: bases.iter().map(|(base, argument)| ((*base).to_owned(), argument.map(str::to_owned))).collect(),
            ..ImageBuild::default()
        };
        let builds = vec![
            build("api", "acme/api", &[("acme/base:1", Some("BASE"))]),
            build("web", "acme/web", &[("acme/base:1", None)]),
            build("base", "acme/base", &[]),
        ];
        let survey = Survey { project: "shop".into(), builds, ..Survey::default() };
        let matches = Matches::of(&survey, &mut Vec::new());
        let needed = Needed::of(&survey, &matches);
        let stage = stage(&survey, &matches, &needed, &mut Vec::new()).unwrap();
        let ids: Vec<&str> = stage.steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(ids, ["base", "api", "base-tag", "web"]);
        assert!(
            stage.steps[1]
                .settings
                .iter()
                .any(|(name, value)| *name == "args" && value.to_string().contains("steps.build.base.image"))
        );
        assert_eq!(stage.steps[3].needs, ["base-tag"]);
    }
}
