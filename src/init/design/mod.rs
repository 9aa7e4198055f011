//! [`design`]: from what is known of a repository to the stages of its pipeline. A pure function: it reads no file and
//! runs no program.

mod absent;
mod before;
mod build;
mod chart_images;
mod compose;
mod covers;
mod deploy;
mod forwards;
mod made;
mod needed;
mod prereq;
mod secrets;
mod standalone;
mod survey;
mod unbuilt;
mod verify;

use toml::Value;

use super::detect::aside;
use super::draft::{Draft, Proof, StageDraft, StepDraft};
use super::findings::{LeftOut, Package};
use super::repository::{ancestors, shown};
use crate::documents::Format;
use needed::Needed;
use survey::Matches;
pub(super) use survey::Survey;

/// Designs the pipeline of a repository.
pub(super) fn design(survey: &Survey) -> Draft {
    let mut draft = Draft { name: survey.project.clone(), doubts: survey.findings.doubts.clone(), ..Draft::default() };
    let matches = Matches::of(survey, &mut draft.doubts);
    let needed = Needed::of(survey, &matches);
    let build = build::stage(survey, &matches, &needed, &mut draft.doubts);
    unbuilt::add(survey, &matches, &mut draft.doubts);
    let deploys = survey.active().next().is_some();
    let has_compose = !survey.findings.compose.is_empty();
    let has_docker = build.is_some() || deploys || has_compose;
    let programs = build.as_ref().map(build::programs).unwrap_or_default();
    let prereq = prereq::stage(survey, has_docker, deploys, programs);
    if !prereq.steps.is_empty() {
        draft.stages.push(prereq);
    }
    add_recipes(survey, &mut draft);
    draft.stages.extend(build);
    if deploys {
        add_deployment(survey, &matches, &mut draft);
    } else if !survey.forms.is_empty() {
        draft.doubts.push("nothing of what could be deployed can be deployed as it is: see the comments".to_owned());
        deploy::add(survey, &matches, &mut draft);
    }
    if has_compose {
        compose::add(survey, &mut draft);
    }
    if !deploys && survey.started().is_none() && !survey.builds.is_empty() {
        standalone::add(survey, &mut draft);
    }
    if survey.builds.is_empty() {
        draft.doubts.push(nothing_to_build(survey));
    }
    if draft.active_steps().next().is_none() {
        add_what_is_there(survey, &mut draft);
    }
    covers::add(&survey.findings.checklists, &mut draft);
    draft.left_out =
        survey.findings.left_out.iter().map(|one| (shown(&one.path).to_owned(), one.why.clone())).collect();
    draft.left_out.extend(needed.left_out(survey));
    draft.left_out.sort();
    draft.left_out.dedup();
    draft.left_out = gathered(std::mem::take(&mut draft.left_out));
    let mut seen = std::collections::BTreeSet::new();
    draft.doubts.retain(|doubt| seen.insert(doubt.clone()));
    draft
}

/// So many files of one folder that are left out for the same reason are one line.
const MANY: usize = 4;

/// Puts files together that are left out because of the folder that all of them are in.
fn gathered(left_out: Vec<(String, String)>) -> Vec<(String, String)> {
    let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    let mut groups: Vec<Vec<(String, String)>> = Vec::new();
    for one in left_out {
        let is_like = |group: &&mut Vec<(String, String)>| first(&group[0].0) == first(&one.0) && group[0].1 == one.1;
        match groups.iter_mut().find(is_like) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    let mut shown = Vec::new();
    for group in groups {
        let is_common =
            |folder: &&str| group.iter().all(|(path, _)| path == folder || path.starts_with(&format!("{folder}/")));
        let folder = ancestors(&group[0].0).find(is_common).unwrap_or_default().to_owned();
        let is_why = aside(&format!("{folder}/x")).is_some_and(|why| why == group[0].1);
        if group.len() >= MANY && is_why {
            shown.push((folder, format!("{} ({} files and folders)", group[0].1, group.len())));
        } else {
            shown.extend(group);
        }
    }
    shown.sort();
    shown
}

/// Adds everything between the cluster and the last check.
fn add_deployment(survey: &Survey, matches: &Matches, draft: &mut Draft) {
    let namespace = survey.namespace();
    draft.has_cluster = true;
    draft.vars.push(("namespace".into(), namespace.clone(), None));
    prereq::add_charts(survey, draft);
    let start = StepDraft::new("start", "cluster-start").set("timeout", "15m").proves(Proof::Cluster);
    draft.stages.push(StageDraft {
        id: "cluster",
        title: "Start the cluster".into(),
        needs: Some(vec!["prereq"]),
        steps: vec![start],
    });
    let secrets = secrets::stage(survey, &namespace, &mut draft.secrets, &mut draft.doubts);
    draft.stages.extend(secrets);
    deploy::add(survey, matches, draft);
    verify::add(survey, &namespace, draft);
    absent::add(survey, &namespace, draft);
    // What nothing uses is left out where something is used.
    if matches.deployed.is_empty() && survey.active().all(|(_, form)| form.facts.is_some()) {
        let unused = survey.builds.iter().filter(|build| !build.is_base);
        let unused =
            unused.map(|build| format!("`{}` is built, and nothing that is deployed uses its image", build.dockerfile));
        draft.doubts.extend(unused);
    }
}

/// Adds the project's own checks, as comments: what they need is not known.
fn add_recipes(survey: &Survey, draft: &mut Draft) {
    let mut steps: Vec<StepDraft> = Vec::new();
    for recipe in &survey.findings.recipes {
        let id = super::names::id_of(&recipe.name);
        if steps.iter().any(|step| step.id == id) {
            continue;
        }
        let mut step = StepDraft::new(id, "command")
            .list("run", recipe.command.iter().cloned())
            .set("always", Value::Boolean(true));
        step.comments.push(format!("from `{}`; what it needs has to be installed", recipe.file));
        step.is_aside = true;
        steps.push(step);
    }
    if !steps.is_empty() {
        draft.stages.push(StageDraft {
            id: "test",
            title: "Run the project's own checks".into(),
            needs: Some(Vec::new()),
            steps,
        });
    }
}

/// Where nothing can be built or deployed: that kustomizations render, the project's own checks, or that its packages
/// are there.
fn add_what_is_there(survey: &Survey, draft: &mut Draft) {
    if let Some(stage) = deploy::rendering(survey) {
        draft.stages.push(stage);
        return;
    }
    let recipes = draft.stages.iter_mut().filter(|stage| stage.id == "test").flat_map(|stage| &mut stage.steps);
    let mut has_recipes = false;
    for step in recipes {
        step.is_aside = false;
        has_recipes = true;
    }
    let files: Vec<String> = survey.findings.packages.iter().map(|package| package.file.clone()).collect();
    if !has_recipes && !files.is_empty() {
        let step = StepDraft::new("packages", "file-check").list("paths", files);
        draft.stages.push(StageDraft { id: "files", title: "Check the files".into(), needs: None, steps: vec![step] });
    }
}

/// Says that nothing is built, and what there would be to build.
fn nothing_to_build(survey: &Survey) -> String {
    let is_dockerfile = |one: &&LeftOut| Format::of(std::path::Path::new(&one.path)) == Format::Dockerfile;
    if let Some(one) = survey.findings.left_out.iter().find(is_dockerfile) {
        return format!("nothing is built: `{}` is not used, because {}", one.path, one.why);
    }
    // The highest one is that of the whole; beside another one a package of JavaScript has its tests or its tools.
    let rank = |package: &&Package| (package.file.matches('/').count(), package.language == "JavaScript");
    match survey.findings.packages.iter().min_by_key(rank) {
        Some(package) => {
            let name = package.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
            format!(
                "nothing is built: `{}` is a {} package{name}, and there is no Dockerfile for it",
                package.file, package.language
            )
        }
        None => "nothing is built: there is no Dockerfile".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_left_out_for_their_folder_are_one_line() {
        let entry = |path: &str, why: &str| (path.to_owned(), why.to_owned());
        let example = "it is an example";
        let names = ["a", "b", "b/c", "d"];
        let mut all: Vec<(String, String)> =
            names.iter().map(|name| entry(&format!("shop/examples/{name}"), example)).collect();
        all.push(entry("shop/examples/e", "it can't be read"));
        all.extend(["x", "y", "z"].map(|name| entry(&format!("docs/{name}"), "it belongs to the documentation")));
        all.extend((0..5).map(|n| entry(&format!("k8s/{n}.yaml"), "it has placeholders")));
        let shown = gathered(all);
        assert!(shown.contains(&entry("shop/examples", "it is an example (4 files and folders)")), "{shown:?}");
        assert_eq!(shown.len(), 1 + 1 + 3 + 5, "{shown:?}");
    }
}
