//! What `plan`, `status` and `why` print as one JSON document each. docs/agents.md describes them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::forecast::{ForecastGraph, StepForecast};
use super::status::{LastState, StepStatus};
use super::why::Explanation;
use crate::fingerprint::StaleReason;
use crate::model::{StageId, StepId};
use crate::report::error_object::WireError;
use crate::report::style::timestamp;
use crate::report::text::{tame_json, write_document};

/// The version of the documents. Fields may be added without another one.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct PlanDocument<'a> {
    /// [`VERSION`].
    v: u32,
    pipeline: &'a str,
    /// Whether there is work to do: verifications, which run every time, are none.
    work: bool,
    counts: PlanCounts,
    /// How long what would run took the last time, as far as that is known.
    estimate_ms: u128,
    stages: Vec<WireStage<'a>>,
    steps: Vec<WireForecast<'a>>,
}

#[derive(Serialize)]
struct PlanCounts {
    total: usize,
    run: usize,
    fresh: usize,
}

#[derive(Serialize)]
struct WireStage<'a> {
    id: &'a str,
    /// The stages that it needs.
    needs: Vec<&'a str>,
}

#[derive(Serialize)]
struct WireForecast<'a> {
    id: &'a str,
    title: &'a str,
    action: &'static str,
    /// The steps that it needs besides those of the stages that its stage needs.
    needs: Vec<&'a str>,
    /// Whether it would run.
    run: bool,
    /// Why; `null` if it is fresh.
    reason: Option<WireReason<'a>>,
    /// The digest of all its inputs; `null` where they were not needed to decide.
    key: Option<&'a str>,
    /// How long its last success took; `null` without one.
    estimate_ms: Option<u128>,
}

#[derive(Serialize)]
struct WireReason<'a> {
    /// One of the words of [`StaleReason::word`].
    kind: &'static str,
    text: String,
    /// The inputs, items or steps that it names.
    names: Vec<&'a str>,
}

#[derive(Serialize)]
struct StatusDocument<'a> {
    /// [`VERSION`].
    v: u32,
    pipeline: &'a str,
    /// Whether a run is on.
    running: bool,
    steps: Vec<WireStatus<'a>>,
}

#[derive(Serialize)]
struct WireStatus<'a> {
    id: &'a str,
    title: &'a str,
    /// `never-ran`, `running`, `in-doubt`, `taken-down`, `unproven` or `ended`.
    state: &'static str,
    /// How it ended; `null` unless it has.
    outcome: Option<&'static str>,
    /// When it ended or was taken down, or since when it is in doubt or not proven any more: RFC 3339, UTC.
    at: Option<String>,
    /// How long it took, or runs.
    duration_ms: Option<u128>,
    /// The first line of its failure, or why it is not proven any more.
    message: Option<&'a str>,
    /// Why it did not succeed, as one object; omitted if it did, and in records of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WireError>,
}

#[derive(Serialize)]
struct WhyDocument<'a> {
    /// [`VERSION`].
    v: u32,
    step: &'a str,
    title: &'a str,
    /// Whether its `when` is true.
    applies: bool,
    fresh: bool,
    reasons: Vec<WireReason<'a>>,
    last_success: Option<WireSuccess<'a>>,
    inputs: Vec<WireInput<'a>>,
}

#[derive(Serialize)]
struct WireSuccess<'a> {
    run: &'a str,
    finished: String,
    duration_ms: u64,
    output: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct WireInput<'a> {
    label: &'a str,
    /// Its digest at the last success.
    then: Option<&'a str>,
    now: Option<&'a str>,
    changed: bool,
}

/// Writes what a run would do as a document.
pub(crate) fn write_forecast_json(
    out: &mut dyn Write,
    graph: &ForecastGraph<'_>,
    steps: &[StepForecast],
) -> io::Result<()> {
    let run = steps.iter().filter(|step| step.reason.is_some()).count();
    let estimates = steps.iter().filter(|step| step.reason.is_some()).filter_map(|step| step.estimate);
    let document = PlanDocument {
        v: VERSION,
        pipeline: graph.pipeline,
        work: graph.has_work,
        counts: PlanCounts { total: steps.len(), run, fresh: steps.len() - run },
        estimate_ms: estimates.sum::<Duration>().as_millis(),
        stages: graph
            .stages
            .iter()
            .map(|(id, needs)| WireStage { id: id.as_str(), needs: needs.iter().map(StageId::as_str).collect() })
            .collect(),
        steps: steps.iter().map(forecast).collect(),
    };
    write_document(out, &document)
}

fn forecast(step: &StepForecast) -> WireForecast<'_> {
    WireForecast {
        id: step.step.as_str(),
        title: &step.title,
        action: step.action,
        needs: step.needs.iter().map(StepId::as_str).collect(),
        run: step.reason.is_some(),
        reason: step.reason.as_ref().map(reason),
        key: step.key.as_deref(),
        estimate_ms: step.estimate.map(|time| time.as_millis()),
    }
}

fn reason(reason: &StaleReason) -> WireReason<'_> {
    WireReason { kind: reason.word(), text: reason.to_string(), names: reason.names() }
}

/// Writes the last known state of every step as a document.
pub(crate) fn write_status_json(
    out: &mut dyn Write,
    pipeline: &str,
    running: bool,
    steps: &[StepStatus],
) -> io::Result<()> {
    write_document(out, &status_document(pipeline, running, steps))
}

/// Writes the same document on a line of its own.
pub(crate) fn write_status_line_json(
    out: &mut dyn Write,
    pipeline: &str,
    running: bool,
    steps: &[StepStatus],
) -> io::Result<()> {
    writeln!(out, "{}", tame_json(serde_json::to_string(&status_document(pipeline, running, steps))?))
}

fn status_document<'a>(pipeline: &'a str, running: bool, steps: &'a [StepStatus]) -> StatusDocument<'a> {
    StatusDocument { v: VERSION, pipeline, running, steps: steps.iter().map(status).collect() }
}

fn status(status: &StepStatus) -> WireStatus<'_> {
    let (state, outcome, at, duration, message) = match &status.last {
        LastState::NeverRun => ("never-ran", None, None, None, None),
        LastState::Running { since } => ("running", None, None, Some(*since), None),
        LastState::InDoubt { started_ms, .. } => ("in-doubt", None, Some(*started_ms), None, None),
        LastState::TakenDown { at_ms } => ("taken-down", None, Some(*at_ms), None, None),
        LastState::Unproven { since_ms, why } => ("unproven", None, Some(*since_ms), None, Some(why.as_str())),
        LastState::Ended { outcome, finished_ms, duration, message } => {
            ("ended", Some(outcome.word()), Some(*finished_ms), Some(*duration), message.as_deref())
        }
    };
    WireStatus {
        id: status.step.as_str(),
        title: &status.title,
        state,
        outcome,
        at: at.map(timestamp),
        duration_ms: duration.map(|time| time.as_millis()),
        message,
        error: status.error.clone().map(WireError::from),
    }
}

/// Writes why a step is fresh or stale as a document.
pub(crate) fn write_explanation_json(out: &mut dyn Write, explanation: &Explanation) -> io::Result<()> {
    let Explanation { step, title, applies, reasons, inputs, last } = explanation;
    let document = WhyDocument {
        v: VERSION,
        step: step.as_str(),
        title,
        applies: *applies,
        fresh: *applies && reasons.is_empty(),
        reasons: reasons.iter().map(reason).collect(),
        last_success: last.as_ref().map(|last| WireSuccess {
            run: last.run.as_str(),
            finished: timestamp(last.finished_ms),
            duration_ms: last.duration_ms,
            output: last.output.iter().collect(),
        }),
        inputs: inputs
            .iter()
            .map(|input| WireInput {
                label: &input.label,
                then: input.then.as_deref(),
                now: input.now.as_deref(),
                changed: last.is_some() && input.then != input.now,
            })
            .collect(),
    };
    write_document(out, &document)
}
