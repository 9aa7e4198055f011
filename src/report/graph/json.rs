//! A graph as one JSON document. docs/graph.md describes it.

use std::io::{self, Write};

use serde::Serialize;

use super::pipeline_graph::{GraphStep, PipelineGraph, state};
use crate::model::{StageId, StepId};
use crate::report::LastState;
use crate::report::style::timestamp;
use crate::report::text::write_document;

/// The version of the document. Fields may be added without another one.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    /// [`VERSION`].
    v: u32,
    pipeline: &'a str,
    stages: Vec<WireStage<'a>>,
    steps: Vec<WireStep<'a>>,
}

#[derive(Serialize)]
struct WireStage<'a> {
    id: &'a str,
    title: &'a str,
    /// The stages that it needs.
    needs: Vec<&'a str>,
}

#[derive(Serialize)]
struct WireStep<'a> {
    id: &'a str,
    title: &'a str,
    action: &'static str,
    /// The steps that it needs besides those of the stages that its stage needs.
    needs: Vec<&'a str>,
    /// The step that stands in for it when it fails.
    fallback: Option<&'a str>,
    optional: bool,
    /// `proven`, `fallback`, `failed`, `running`, `doubt` or `open`, as of the last run.
    state: &'static str,
    /// How it last ended; `null` if it runs, is in doubt, or has never run.
    outcome: Option<&'static str>,
    /// When: RFC 3339, UTC.
    finished: Option<String>,
}

pub(super) fn write(out: &mut dyn Write, graph: &PipelineGraph<'_>) -> io::Result<()> {
    let stages = graph.stages.iter().map(|stage| WireStage {
        id: stage.id.as_str(),
        title: stage.title,
        needs: stage.needs.iter().map(StageId::as_str).collect(),
    });
    let document = Document {
        v: VERSION,
        pipeline: graph.pipeline,
        stages: stages.collect(),
        steps: graph.steps().map(|(_, step)| wire_step(step)).collect(),
    };
    write_document(out, &document)
}

fn wire_step<'a>(step: &'a GraphStep<'_>) -> WireStep<'a> {
    let (outcome, finished) = match &step.last {
        LastState::Ended { outcome, finished_ms, .. } => (Some(outcome.word()), Some(timestamp(*finished_ms))),
        LastState::TakenDown { at_ms } => (None, Some(timestamp(*at_ms))),
        _ => (None, None),
    };
    WireStep {
        id: step.id.as_str(),
        title: step.title,
        action: step.action,
        needs: step.needs.iter().map(StepId::as_str).collect(),
        fallback: step.fallback.map(StepId::as_str),
        optional: step.optional,
        state: state(&step.last),
        outcome,
        finished,
    }
}
