//! What the command line selects.

use super::graph::Graph;
use crate::error::{Failure, ids};
use crate::model::StepId;
use crate::suggest::suggest;

/// What the command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Stages and steps (`stage.step`) by name; none: the whole pipeline.
    pub targets: Vec<String>,
    /// The targets alone, without what they need.
    pub only: bool,
    /// Leave out everything before this stage or step.
    pub from: Option<String>,
    /// Leave out everything after this stage or step.
    pub until: Option<String>,
    /// Run these even if they are fresh; an empty list is everything selected.
    pub force: Option<Vec<String>>,
}

/// The selected steps of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether each step is selected, by number.
    pub selected: Vec<bool>,
    /// Whether each step is to run even if it is fresh.
    pub forced: Vec<bool>,
    /// Whether each step is there only in case another selected one fails: its declared fallback.
    pub standby: Vec<bool>,
}

impl Plan {
    /// The selected steps' ids, in the order of the file.
    pub fn ids(&self, graph: &Graph) -> Vec<StepId> {
        self.selected
            .iter()
            .zip(&graph.steps)
            .filter(|(selected, _)| **selected)
            .map(|(_, node)| node.step.id.clone())
            .collect()
    }
}

/// The steps that `selection` is about.
pub fn select(graph: &Graph, selection: &Selection) -> Result<Plan, Failure> {
    let n_steps = graph.steps.len();
    let mut selected = vec![selection.targets.is_empty(); n_steps];
    let mut wanted = vec![false; n_steps];
    for target in &selection.targets {
        for step in named(graph, target)? {
            if selection.only {
                selected[step] = true;
            } else {
                graph.with_needs(step, &mut wanted);
            }
        }
    }
    selected.iter_mut().zip(wanted).for_each(|(selected, wanted)| *selected |= wanted);
    if let Some(from) = &selection.from {
        let first = named(graph, from)?.start;
        selected[..first].fill(false);
    }
    if let Some(until) = &selection.until {
        let end = named(graph, until)?.end;
        selected[end..].fill(false);
    }
    let mut standby = vec![false; n_steps];
    for (number, node) in graph.steps.iter().enumerate() {
        if let (true, Some(fallback)) = (selected[number], node.fallback) {
            // A step without its way out would be another one.
            selected[fallback] = true;
            standby[fallback] = true;
        }
    }
    if !selected.contains(&true) && n_steps > 0 {
        return Err(Failure::of(ids::NOTHING_SELECTED, "nothing is selected")
            .hint("`--from` has to name something that stands before what `--until` names"));
    }
    let mut forced = vec![false; n_steps];
    match &selection.force {
        None => {}
        Some(names) if names.is_empty() => forced.clone_from(&selected),
        Some(names) => {
            for name in names {
                for step in named(graph, name)? {
                    if !selected[step] {
                        return Err(Failure::of(
                            ids::NOTHING_SELECTED,
                            format!("`--force={name}` names a step that is not selected"),
                        )
                        .hint("leave `--force` away, or select that step too"));
                    }
                    forced[step] = true;
                }
            }
        }
    }
    Ok(Plan { selected, forced, standby })
}

/// The steps of the stage or the step called `name`.
fn named(graph: &Graph, name: &str) -> Result<std::ops::Range<usize>, Failure> {
    if let Some(stage) = graph.stage(name) {
        return Ok(graph.stages[stage].steps.clone());
    }
    if let Some(step) = StepId::new(name).ok().and_then(|id| graph.step(&id)) {
        return Ok(step..step + 1);
    }
    let stages = graph.stages.iter().map(|stage| stage.id.as_str());
    let names = stages.chain(graph.steps.iter().map(|node| node.step.id.as_str()));
    let hint = suggest(name, names).unwrap_or_else(|| "`provision status` lists the stages and steps".into());
    Err(Failure::of(ids::NAME_UNKNOWN, format!("unknown stage or step `{name}`")).hint(hint))
}
