//! The stages that bring the images to the node and deploy the application.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::build::{tag_step, words};
use super::chart_images::ChartImages;
use super::survey::{Matches, Survey};
use crate::init::draft::{Draft, Proof, StageDraft, StepDraft, plain_text};
use crate::init::facts::Facts;
use crate::init::findings::image_name;
use crate::init::forms::{Form, FormKind};
use crate::init::names::{id_of, unique, variable_of};
use crate::init::render_chart::RenderedChart;
use crate::init::repository::{folder_of, join, name_of, shown};
use crate::tools::process::shell_quoted;

/// The most profiles that are written for files of values.
const MAX_PROFILES: usize = 6;

/// Adds the stages, with the variables and profiles that they use.
pub(super) fn add(survey: &Survey, matches: &Matches, draft: &mut Draft) {
    let (mut load, mut aliases) = (Vec::new(), Vec::new());
    let mut steps = Vec::new();
    for (number, form) in survey.forms.iter().enumerate() {
        let images = &matches.of_forms[number];
        let step = match &form.kind {
            FormKind::Chart(chart) => {
                let facts = form.facts.clone().unwrap_or_default();
                let mut doubts = Vec::new();
                let set = ChartImages::of(&form.title(), chart, &facts, images, (&survey.builds, matches), &mut doubts);
                if form.is_active() {
                    draft.doubts.extend(doubts);
                    alias_steps(survey, &set, &mut aliases);
                }
                chart_step(survey, form, chart, set, draft)
            }
            FormKind::Kustomization(inputs) => {
                let rendered = render_step(form, inputs);
                let file = format!(".provision/rendered/{}.yaml", form.id);
                let apply = manifest_step(survey, form, vec![file], images, draft).needs(rendered.id.clone());
                steps.push(aside(rendered, form));
                apply
            }
            FormKind::Manifests(patterns) => manifest_step(survey, form, patterns.clone(), images, draft),
        };
        // The comment of a step that renders is for both.
        let is_second = matches!(form.kind, FormKind::Kustomization(_));
        steps.push(if is_second { StepDraft { is_aside: !form.is_active(), ..step } } else { aside(step, form) });
    }
    if let Some(first) = steps.first_mut().filter(|_| survey.active().next().is_none()) {
        first.comments.insert(0, "there is no cluster in this file: to use one of these, add `[cluster]`, a stage `cluster` with a `cluster-start` step, `namespace` to `[vars]`, and an `image-load` step for each image that is built here".to_owned());
    }
    for at in &matches.deployed {
        let build = &survey.builds[*at];
        let words = words(build, &matches.names[*at]);
        // An image that is only used under another name is loaded under that.
        let output = format!("steps.load.{}.image", build.id);
        if steps.iter().any(|step| !step.is_aside && uses(step, &output)) {
            let image = format!("${{{{ steps.build.{}.image }}}}", build.id);
            load.push(StepDraft::new(&build.id, "image-load").formula("image", image).proves(Proof::Load(words)));
        }
    }
    load.extend(aliases);
    let mut needs = vec!["cluster"];
    if !load.is_empty() {
        draft.stages.push(StageDraft {
            id: "load",
            title: "Bring the images to the node".into(),
            needs: Some(vec!["build", "cluster"]),
            steps: load,
        });
        needs = vec!["load"];
    }
    if draft.stages.iter().any(|stage| stage.id == "secrets") {
        needs.push("secrets");
    }
    draft.stages.push(StageDraft { id: "deploy", title: "Deploy".into(), needs: Some(needs), steps });
}

/// Whether one of the tables of a step has `output`.
fn uses(step: &StepDraft, output: &str) -> bool {
    step.tables.iter().flat_map(|(_, entries)| entries).any(|(_, value)| value.to_string().contains(output))
}

/// Marks the step of a form that is only written as a comment.
fn aside(mut step: StepDraft, form: &Form) -> StepDraft {
    if let Some(why) = &form.aside {
        step.is_aside = true;
        step.comments.insert(0, format!("not used: {why}"));
    }
    step
}

fn alias_steps(survey: &Survey, images: &ChartImages, load: &mut Vec<StepDraft>) {
    for (at, name) in &images.aliases {
        let build = &survey.builds[*at];
        let mut ids: BTreeSet<String> = load.iter().map(|step| step.id.clone()).collect();
        let about = "no value of the chart is for this image's tag alone, so the image gets the tag that the chart has";
        let mut tag = tag_step(&build.id, name, "load").comment(about);
        tag.id = unique(&tag.id, &mut ids);
        let id = unique(&format!("{}-tagged", build.id), &mut ids);
        let words = words(build, name);
        let loaded = StepDraft::new(id, "image-load").needs(tag.id.clone()).set("image", name.as_str());
        load.extend([tag, loaded.proves(Proof::Load(words))]);
    }
}

fn chart_step(
    survey: &Survey,
    form: &Form,
    chart: &RenderedChart,
    images: ChartImages,
    draft: &mut Draft,
) -> StepDraft {
    let mut step = StepDraft::new(&form.id, "helm-install")
        .set("release", form.id.as_str())
        .formula("namespace", "${{ vars.namespace }}")
        .set("chart", shown(&form.path));
    let several = survey.active().filter(|(_, form)| matches!(form.kind, FormKind::Chart(_))).count() > 1;
    let own = join(&form.path, "values.yaml").unwrap_or_default();
    if form.is_active() && !chart.others.is_empty() {
        let variable =
            if several { format!("values_{}", variable_of(&form.id).to_lowercase()) } else { "values".to_owned() };
        let about = format!("the values that {} is installed with; the profiles have others", form.title());
        draft.vars.push((variable.clone(), chart.values.clone().unwrap_or(own), Some(about)));
        for file in chart.others.iter().take(MAX_PROFILES) {
            let name = profile_name(&form.path, file);
            match draft.profiles.iter_mut().find(|(known, _)| *known == name) {
                Some((_, vars)) => drop(vars.insert(variable.clone(), file.clone())),
                None => draft.profiles.push((name, [(variable.clone(), file.clone())].into())),
            }
        }
        let plain = |files: &[String]| files.iter().map(|file| plain_text(file)).collect::<Vec<_>>();
        let files = [plain(&chart.around.0), vec![format!("${{{{ vars.{variable} }}}}")], plain(&chart.around.1)];
        step = step.formula("values", Value::Array(files.concat().into_iter().map(Value::String).collect()));
    } else if chart.files().next().is_some() {
        step = step.list("values", chart.files().cloned());
    }
    if !images.set.is_empty() {
        step = step.comment("the values that set the images which are built here");
        step.tables.push(("set", images.set));
    }
    if form.is_active() {
        // That its own values are not enough is no news where others are given.
        let is_news = |file: &&(String, String)| chart.values.is_none() || file.0 != "values.yaml";
        for (file, why) in chart.failures.iter().filter(is_news) {
            draft.doubts.push(format!("{}: it can't be installed with `{file}`: {why}", form.title()));
        }
        if !chart.without.is_empty() {
            draft.doubts.push(format!(
                "{}: it consists of `{}` as well, which is not in the repository; it was read without, and helm gets it when it is installed",
                form.title(),
                chart.without.join("`, `")
            ));
        }
        if form.facts.is_none() && !survey.has_helm {
            draft.doubts.push(format!("helm is not installed: what {} becomes could not be seen, so its images, Secrets and ports are missing here; install helm and run `provision init` again", form.title()));
        }
    }
    step.proves(Proof::Install)
}

/// A profile for a file of values: `prod` for `values-prod.yaml`.
fn profile_name(chart: &str, file: &str) -> String {
    let stem = name_of(file).trim_end_matches(".yaml").trim_end_matches(".yml");
    let parts = stem.split(['-', '_', '.']).filter(|part| !["values", "value", name_of(chart)].contains(part));
    let own = parts.collect::<Vec<_>>().join("-");
    // `environments/prod/values.yaml`: the folder says it.
    let folder = folder_of(file);
    let is_beside = chart == folder || folder.is_empty() || chart.starts_with(&format!("{folder}/"));
    id_of(if own.is_empty() && !is_beside { name_of(folder) } else { &own })
}

/// The stage that renders the kustomizations where none of them can be applied: it shows that they are whole.
pub(super) fn rendering(survey: &Survey) -> Option<StageDraft> {
    let steps = survey.forms.iter().filter(|form| form.is_rendered).filter_map(|form| match &form.kind {
        FormKind::Kustomization(inputs) => Some(render_step(form, inputs)),
        _ => None,
    });
    let steps: Vec<StepDraft> = steps.collect();
    let title = "Render the kustomizations".into();
    (!steps.is_empty()).then_some(StageDraft { id: "render", title, needs: None, steps })
}

/// The step that renders a kustomization to a file.
fn render_step(form: &Form, inputs: &[String]) -> StepDraft {
    let file = format!(".provision/rendered/{}.yaml", form.id);
    // What begins with `-` would be read as an option.
    let folder = if form.path.starts_with('-') { format!("./{}", form.path) } else { shown(&form.path).to_owned() };
    let run = format!("mkdir -p .provision/rendered && kubectl kustomize {} > {file}", shell_quoted(&folder));
    StepDraft::new(format!("{}-render", form.id), "command")
        .set("run", run)
        .list("inputs", inputs.iter().cloned())
        .list("outputs", [file])
}

fn manifest_step(
    survey: &Survey,
    form: &Form,
    files: Vec<String>,
    images: &BTreeMap<String, usize>,
    draft: &mut Draft,
) -> StepDraft {
    let mut step =
        StepDraft::new(&form.id, "manifest-apply").list("files", files).formula("namespace", "${{ vars.namespace }}");
    let facts = form.facts.clone().unwrap_or_default();
    let table: Table = images
        .iter()
        .map(|(image, at)| {
            (
                image_name(image).to_owned(),
                Value::String(format!("${{{{ steps.load.{}.image }}}}", survey.builds[*at].id)),
            )
        })
        .collect();
    if !table.is_empty() {
        step.tables.push(("images", table.into_iter().map(|(name, value)| (vec![name], value)).collect()));
    }
    if form.is_active() {
        pull_policies(form, &facts, &images.keys().collect(), &mut draft.doubts);
    }
    step.proves(Proof::Apply)
}

fn pull_policies(form: &Form, facts: &Facts, built: &BTreeSet<&String>, doubts: &mut Vec<String>) {
    let pulled: Vec<&str> =
        facts.always_pulled.iter().filter(|image| built.contains(image)).map(String::as_str).collect();
    if !pulled.is_empty() {
        let images = pulled.join("`, `");
        doubts.push(format!("{}: pods pull `{images}` each time, and what is built is only on this machine: they start once `imagePullPolicy` is `IfNotPresent`", form.title()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_never_a_part_of_a_shell_line() {
        for (path, expected) in [
            ("deploy/dev", "kubectl kustomize deploy/dev >"),
            ("", "kubectl kustomize . >"),
            ("it's/base", r"kubectl kustomize 'it'\''s/base' >"),
            ("a; touch b", "kubectl kustomize 'a; touch b' >"),
            ("$(touch b)", "kubectl kustomize '$(touch b)' >"),
            ("${{ vars.x }}", "kubectl kustomize '$${{ vars.x }}' >"),
            ("--enable-helm", "kubectl kustomize ./--enable-helm >"),
        ] {
            let form = Form::of(FormKind::Kustomization(Vec::new()), "a", path, None);
            let step = render_step(&form, &[]);
            let (_, run) = step.settings.iter().find(|(name, _)| *name == "run").unwrap();
            assert!(run.as_str().unwrap().contains(expected), "{run}");
        }
    }

    #[test]
    fn a_profile_has_the_name_of_its_values() {
        for (chart, file, expected) in [
            ("charts/todo", "charts/todo/values-prod.yaml", "prod"),
            ("charts/todo", "charts/todo/values.eu.staging.yml", "eu-staging"),
            ("charts/todo", "charts/todo/env/dev.yaml", "dev"),
            ("charts/todo", "charts/todo-values.yaml", "app"),
            ("charts/todo", "deploy/environments/prod/values.yaml", "prod"),
        ] {
            assert_eq!(profile_name(chart, file), expected, "{file}");
        }
    }
}
