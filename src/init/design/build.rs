//! The stage that builds the images, and what has to be made before.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::before::Before;
use super::made;
use super::needed::Needed;
use super::survey::{Matches, Survey};
use crate::init::draft::{Proof, StageDraft, StepDraft, plain_text};
use crate::init::images::ImageBuild;
use crate::init::repository::{name_of, shown};
use crate::tools::process::shell_quoted;

/// The programs that the steps of the stage call besides docker.
pub(super) fn programs(stage: &StageDraft) -> BTreeSet<&'static str> {
    let lines = stage.steps.iter().filter(|step| !step.is_aside).flat_map(|step| &step.settings);
    let lines = lines.filter_map(|(name, value)| value.as_str().filter(|_| *name == "run"));
    lines.flat_map(made::programs).collect()
}

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
    let ids = survey.builds.iter().flat_map(|build| [build.id.clone(), made::id(build)]).collect();
    let Before { mut steps, needs, last: mut last_in } = Before::of(survey, &needed.builds, ids, doubts);
    for at in needed.builds.iter().copied() {
        let build = &survey.builds[at];
        let mut step = build_step(build, &matches.names[at]);
        step.needs.extend(needs.get(&at).into_iter().flatten().cloned());
        if let Some(made) = &build.made {
            doubts.push(made::doubt(build, made));
            let mut maker = made::step(&survey.project, build, made);
            step = step.needs(maker.id.clone());
            // Two of Maven at once would write the same files.
            if made.is_of_maven() {
                maker.needs.extend(last_in.insert(made.folder.clone(), maker.id.clone()));
            }
            steps.push(maker);
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
    let idle = (0..survey.builds.len()).filter(|at| !needed.builds.contains(at));
    steps.extend(idle.flat_map(|at| idle_steps(survey, matches, needed, at)));
    Some(StageDraft { id: "build", title: "Build the images".into(), needs: Some(vec!["prereq"]), steps })
}

/// The steps of an image that nothing needs, as comments.
fn idle_steps(survey: &Survey, matches: &Matches, needed: &Needed, at: usize) -> Vec<StepDraft> {
    let build = &survey.builds[at];
    let mut step = build_step(build, &matches.names[at]);
    let args = build.args.iter().map(|(name, value)| (name.clone(), Value::String(plain_text(value))));
    let args: Table = args.collect();
    if !args.is_empty() {
        step = step.formula("args", Value::Table(args));
    }
    let made = build.made.as_ref().map(|made| made::step(&survey.project, build, made));
    step.needs.extend(made.iter().map(|made| made.id.clone()));
    let mut steps: Vec<StepDraft> = made.into_iter().chain([step]).collect();
    for step in &mut steps {
        step.is_aside = true;
    }
    steps[0].comments.insert(0, format!("not used: {}", needed.why));
    steps
}

fn build_step(build: &ImageBuild, name: &str) -> StepDraft {
    let mut step = StepDraft::new(&build.id, "docker-build");
    if build.made.is_some() {
        step = step.set("context", made::context(build));
    } else {
        step = step.set("context", shown(&build.context));
        let relative = relative(&build.context, &build.dockerfile);
        if relative != "Dockerfile" {
            step = step.set("dockerfile", relative);
        }
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
