//! The stage that checks what is installed, and the one that checks charts.

use std::collections::BTreeSet;

use super::survey::Survey;
use crate::init::draft::{Draft, Proof, StageDraft, StepDraft};
use crate::init::forms::FormKind;
use crate::init::releases::table_of;
use crate::init::render_chart::RenderedChart;
use crate::init::repository::shown;

/// Returns the stage with the tools that the pipeline uses; `programs` are those of its commands.
pub(super) fn stage(
    survey: &Survey,
    has_docker: bool,
    has_cluster: bool,
    programs: BTreeSet<&'static str>,
) -> StageDraft {
    let tool = |name: &'static str, version: &str| {
        StepDraft::new(name, "tool-check").set("tool", name).set("version", version).proves(Proof::Tool(name))
    };
    let mut steps = Vec::new();
    if has_docker {
        steps.push(tool("docker", ">=20.10").set("daemon", true));
    }
    if has_cluster {
        steps.push(tool("minikube", ">=1.33"));
    }
    let uses = |is_kind: fn(&FormKind) -> bool| survey.active().any(|(_, form)| is_kind(&form.kind));
    if uses(|kind| matches!(kind, FormKind::Chart(_))) {
        steps.push(tool("helm", ">=3.13"));
    }
    let asks_for_kubectl = survey
        .findings
        .checklists
        .iter()
        .flat_map(|list| &list.items)
        .any(|item| item.text.to_lowercase().contains("kubectl"));
    if uses(|kind| matches!(kind, FormKind::Kustomization(_))) {
        steps.push(tool("kubectl", ">=1.27"));
    } else if has_cluster && asks_for_kubectl {
        steps.push(tool("kubectl", ">=1.27").comment("the checklist asks for it; provision does not need it"));
    }
    let needed =
        programs.into_iter().map(|name| StepDraft::new(name, "tool-check").set("tool", name).proves(Proof::Tool(name)));
    steps.extend(needed);
    StageDraft { id: "prereq", title: "Check what is installed".into(), needs: None, steps }
}

/// Adds the stage that lints and renders the charts.
pub(super) fn add_charts(survey: &Survey, draft: &mut Draft) {
    let mut steps = Vec::new();
    for (_, form) in survey.active() {
        let FormKind::Chart(chart) = &form.kind else { continue };
        if form.facts.is_none() || !chart.without.is_empty() {
            continue;
        }
        let mut step = StepDraft::new(&form.id, "chart-check")
            .set("chart", shown(&form.path))
            .set("release", form.id.as_str())
            .formula("namespace", "${{ vars.namespace }}");
        match &chart.lint {
            Some(why) => {
                step = step.comment(format!("`helm lint --strict` does not pass: {why}")).set("lint", false);
                draft.doubts.push(format!("`helm lint --strict` does not pass for {}: {why}", form.title()));
            }
            None => step = step.proves(Proof::Lint),
        }
        if chart.files().next().is_some() || !chart.set.is_empty() {
            let one = set(&form.id, chart);
            step = step.set("render", toml::Value::Array(vec![one]));
        }
        steps.push(step);
    }
    if !steps.is_empty() {
        draft.stages.push(StageDraft {
            id: "charts",
            title: "Check the charts".into(),
            needs: Some(vec!["prereq"]),
            steps,
        });
    }
}

/// The values that a chart is rendered with: those that it is installed with.
fn set(id: &str, chart: &RenderedChart) -> toml::Value {
    let files: Vec<toml::Value> = chart.files().map(|file| file.as_str().into()).collect();
    let mut table = toml::Table::new();
    table.insert("name".into(), chart.values.as_deref().unwrap_or(id).into());
    if !files.is_empty() {
        table.insert("values".into(), toml::Value::Array(files));
    }
    let values = (!chart.set.is_empty()).then(|| toml::Value::try_from(table_of(&chart.set)).ok()).flatten();
    table.extend(values.map(|values| ("set".to_owned(), values)));
    toml::Value::Table(table)
}
