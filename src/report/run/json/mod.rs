//! [`Json`]: each event as a JSON object on a line of its own: `--output json` and `--events FILE`.
//!
//! The types in `wire` define the format, version 1. Every line starts with the fields of `Line`. Fields may be added
//! under the same version: readers ignore unknown fields and kinds of events. Times are in milliseconds.

mod wire;

use std::io::{self, Write};
use std::time::Duration;

use crate::error::{ErrorObject, Failure, FailureKind};
use crate::event::{Event, EventKind, RunFinished, RunStarted, StepFinished};
use crate::fingerprint::StaleReason;
use crate::model::{Outline, Progress, RunId, StepId, Unit};
use crate::report::error_object::WireError;
use crate::report::facts::Facts;
use crate::report::reporter::Reporter;
use crate::report::text::tame_json;
use wire::{Body, Line, PathStep, Reason, Stage, Step, WireFailure, WireProblem};

/// The version of the format.
const VERSION: u8 = 1;

/// Writes JSON lines, each as soon as its event arrives.
#[derive(Debug)]
pub(crate) struct Json<W> {
    out: W,
    run: Option<RunId>,
}

impl<W: Write> Json<W> {
    /// Creates a reporter that writes to `out`.
    pub(crate) fn new(out: W) -> Self {
        Self { out, run: None }
    }
}

impl<W: Write> Reporter for Json<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        if let EventKind::RunStarted(started) = &event.kind {
            self.run = Some(started.run.clone());
        }
        let (event_name, body) = body(&event.kind);
        let run = self.run.as_ref().map_or("", RunId::as_str);
        let line = Line { v: VERSION, event: event_name, run, elapsed_ms: ms(event.elapsed), body };
        write_line(&mut self.out, &line)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes the line `error`: why a command ended, before or beside a run.
pub(crate) fn write_json_error(out: &mut dyn Write, failure: &Failure) -> io::Result<()> {
    let body = Body::Error { error: error(failure, None) };
    write_line(out, &Line { v: VERSION, event: "error", run: "", elapsed_ms: 0, body })
}

fn write_line(out: &mut dyn Write, line: &Line<'_>) -> io::Result<()> {
    // One write for each line: readers that follow the file never see half of one.
    let mut text = tame_json(serde_json::to_string(line)?);
    text.push('\n');
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn body(kind: &EventKind) -> (&'static str, Body<'_>) {
    match kind {
        EventKind::RunStarted(started) => ("run_started", run_started(started)),
        EventKind::StageStarted { stage } => ("stage_started", Body::StageStarted { stage: stage.as_str() }),
        EventKind::StageFinished { stage, outcome, duration } => {
            let body =
                Body::StageFinished { stage: stage.as_str(), outcome: outcome.word(), duration_ms: ms(*duration) };
            ("stage_finished", body)
        }
        EventKind::StepChecking { step } => ("step_checking", Body::StepChecking { step: step.as_str() }),
        EventKind::StepFresh { step, output, duration, note } => {
            let (output, note) = (Facts(output), note.as_deref());
            let body = Body::StepFresh { step: step.as_str(), duration_ms: ms(*duration), output, note };
            ("step_fresh", body)
        }
        EventKind::StepStarted { step, reason } => {
            let reason = self::reason(reason);
            ("step_started", Body::StepStarted { step: step.as_str(), reason })
        }
        EventKind::StepRetrying { step, attempt, attempts, delay, reason, error } => {
            let body = Body::StepRetrying {
                step: step.as_str(),
                attempt: *attempt,
                attempts: *attempts,
                delay_ms: ms(*delay),
                reason,
                error: WireError::from(ErrorObject::clone(error)),
            };
            ("step_retrying", body)
        }
        EventKind::StepAsking { step, question } => ("step_asking", Body::StepAsking { step: step.as_str(), question }),
        EventKind::StepAnswered { step } => ("step_answered", Body::StepAnswered { step: step.as_str() }),
        EventKind::StepProgress { step, progress } => ("step_progress", step_progress(step, progress)),
        EventKind::StepLine { step, line } => ("step_line", Body::StepLine { step: step.as_str(), line }),
        EventKind::StepFinished(finished) => ("step_finished", step_finished(finished)),
        EventKind::RunInterrupted { signal, kill } => ("run_interrupted", Body::RunInterrupted { signal, kill: *kill }),
        EventKind::RunFinished(finished) => ("run_finished", run_finished(finished)),
    }
}

fn run_started(started: &RunStarted) -> Body<'_> {
    Body::RunStarted {
        pipeline: &started.outline.name,
        stages: stages(&started.outline, &started.selected),
        n_selected: started.selected.len(),
        warnings: &started.warnings,
    }
}

fn stages<'a>(outline: &'a Outline, selected: &[StepId]) -> Vec<Stage<'a>> {
    let selected: std::collections::HashSet<&StepId> = selected.iter().collect();
    outline
        .stages
        .iter()
        .map(|stage| Stage {
            id: stage.id.as_str(),
            title: &stage.title,
            steps: stage
                .steps
                .iter()
                .map(|step| Step {
                    id: step.id.as_str(),
                    title: &step.title,
                    action: step.action,
                    covers: step.covers.iter().map(crate::model::ItemId::as_str).collect(),
                    optional: step.optional,
                    selected: selected.contains(&step.id),
                })
                .collect(),
        })
        .collect()
}

fn step_progress<'a>(step: &'a StepId, progress: &'a Progress) -> Body<'a> {
    Body::StepProgress {
        step: step.as_str(),
        current: progress.current,
        total: progress.total,
        unit: match progress.unit {
            Unit::Bytes => "bytes",
            Unit::Items => "items",
        },
        message: &progress.message,
    }
}

fn step_finished(finished: &StepFinished) -> Body<'_> {
    Body::StepFinished {
        step: finished.step.as_str(),
        outcome: finished.outcome.word(),
        duration_ms: ms(finished.duration),
        output: Facts(&finished.output),
        failure: finished.failure.as_ref().map(failure),
        error: finished.failure.as_ref().map(|failure| error(failure, Some(&finished.step))),
        log: finished.log.as_deref(),
        note: finished.note.as_deref(),
    }
}

fn run_finished(finished: &RunFinished) -> Body<'_> {
    Body::RunFinished {
        outcome: finished.outcome.word(),
        duration_ms: ms(finished.duration),
        critical_path: finished
            .critical_path
            .iter()
            .map(|(step, duration)| PathStep { step: step.as_str(), duration_ms: ms(*duration) })
            .collect(),
        warnings: &finished.warnings,
        problems: finished
            .problems
            .iter()
            .map(|problem| WireProblem { step: problem.step.as_ref().map(StepId::as_str), text: &problem.text })
            .collect(),
        error: finished.error.as_deref().cloned().map(WireError::from),
    }
}

fn reason(reason: &StaleReason) -> Reason<'_> {
    let (kind, labels): (_, &[String]) = match reason {
        StaleReason::NeverRun => ("never_run", &[]),
        StaleReason::Interrupted | StaleReason::Running | StaleReason::HalfDown => ("interrupted", &[]),
        StaleReason::FailedLastTime => ("failed_last_time", &[]),
        StaleReason::TakenDown(_) => ("taken_down", &[]),
        StaleReason::InputsChanged(labels) => ("inputs_changed", labels),
        StaleReason::ChangedWhileRunning(labels) => ("changed_while_running", labels),
        StaleReason::Unknown(what) => ("unknown", what),
        StaleReason::ItemsChanged(items) => ("items_changed", items),
        StaleReason::Missing(_) => ("missing", &[]),
        StaleReason::TooOld(_) => ("too_old", &[]),
        StaleReason::AlwaysRuns => ("always_looks", &[]),
        StaleReason::Forced => ("forced", &[]),
        StaleReason::NeedsNoFallback => ("needs_no_fallback", &[]),
        StaleReason::AgainWith(_) => ("again_with", &[]),
        StaleReason::DependsOn(_) => ("depends_on", &[]),
    };
    Reason { kind, labels, text: reason.to_string() }
}

fn error(failure: &Failure, step: Option<&StepId>) -> WireError {
    WireError::from(failure.object(step.map(StepId::as_str)))
}

fn failure(failure: &Failure) -> WireFailure<'_> {
    WireFailure {
        kind: match failure.kind {
            FailureKind::Failed => "failed",
            FailureKind::Usage => "usage",
            FailureKind::Config => "config",
            FailureKind::Prerequisite => "prerequisite",
            FailureKind::State => "state",
            FailureKind::Target => "target",
            FailureKind::Interrupted => "interrupted",
            FailureKind::Terminated => "terminated",
            FailureKind::Bug => "bug",
        },
        message: &failure.message,
        causes: &failure.causes,
        details: &failure.details,
        hints: &failure.hints,
        transient: failure.transient,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::report::testing::runs::{failing, interrupted};
    use crate::report::testing::script::written;

    #[test]
    fn each_event_is_a_line_of_the_specified_format() {
        let mut text = written(&failing(), Json::new);
        // The plan is long, and the same for all.
        let plan = text.lines().next().unwrap().to_owned();
        text = text[plan.len() + 1..].to_owned();
        insta::assert_snapshot!(plan.chars().take(420).collect::<String>(), @r#"{"v":1,"event":"run_started","run":"20261121-113512-4f2a","elapsed_ms":0,"pipeline":"todo-chatbot","stages":[{"id":"prereq","title":"Prerequisites","steps":[{"id":"prereq.docker","title":"docker","action":"command","covers":[],"optional":false,"selected":true},{"id":"prereq.minikube","title":"minikube","action":"command","covers":[],"optional":false,"selected":true}]},{"id":"build","title":"Build the images","steps":"#);
        insta::assert_snapshot!(text, @r#"
        {"v":1,"event":"stage_started","run":"20261121-113512-4f2a","elapsed_ms":0,"stage":"prereq"}
        {"v":1,"event":"step_checking","run":"20261121-113512-4f2a","elapsed_ms":0,"step":"prereq.docker"}
        {"v":1,"event":"step_fresh","run":"20261121-113512-4f2a","elapsed_ms":40,"step":"prereq.docker","duration_ms":40,"output":{}}
        {"v":1,"event":"step_checking","run":"20261121-113512-4f2a","elapsed_ms":40,"step":"prereq.minikube"}
        {"v":1,"event":"step_started","run":"20261121-113512-4f2a","elapsed_ms":40,"step":"prereq.minikube","reason":{"kind":"never_run","text":"never run"}}
        {"v":1,"event":"step_finished","run":"20261121-113512-4f2a","elapsed_ms":1240,"step":"prereq.minikube","outcome":"succeeded","duration_ms":1200,"output":{},"failure":null,"log":null,"note":null}
        {"v":1,"event":"stage_finished","run":"20261121-113512-4f2a","elapsed_ms":1240,"stage":"prereq","outcome":"succeeded","duration_ms":1240}
        {"v":1,"event":"stage_started","run":"20261121-113512-4f2a","elapsed_ms":1240,"stage":"build"}
        {"v":1,"event":"step_checking","run":"20261121-113512-4f2a","elapsed_ms":1240,"step":"build.backend"}
        {"v":1,"event":"step_checking","run":"20261121-113512-4f2a","elapsed_ms":1240,"step":"build.frontend"}
        {"v":1,"event":"step_started","run":"20261121-113512-4f2a","elapsed_ms":1500,"step":"build.backend","reason":{"kind":"inputs_changed","labels":["context"],"text":"changed: context"}}
        {"v":1,"event":"step_started","run":"20261121-113512-4f2a","elapsed_ms":1500,"step":"build.frontend","reason":{"kind":"never_run","text":"never run"}}
        {"v":1,"event":"step_progress","run":"20261121-113512-4f2a","elapsed_ms":2000,"step":"build.backend","current":42000000,"total":87400000,"unit":"bytes","message":"sending the context"}
        {"v":1,"event":"step_line","run":"20261121-113512-4f2a","elapsed_ms":2000,"step":"build.frontend","line":"\u001b[32madded\u001b[0m 1203 packages\r\n"}
        {"v":1,"event":"step_retrying","run":"20261121-113512-4f2a","elapsed_ms":4000,"step":"build.frontend","attempt":1,"attempts":2,"delay_ms":5000,"reason":"registry.test.here: connection reset","error":{"v":1,"id":"step-failed","message":"registry.test.here: connection reset","cause":null,"details":[],"fix":[],"next":"provision logs build.frontend","page":"docs/errors/step-failed.md"}}
        {"v":1,"event":"step_started","run":"20261121-113512-4f2a","elapsed_ms":9000,"step":"build.frontend","reason":{"kind":"never_run","text":"never run"}}
        {"v":1,"event":"step_progress","run":"20261121-113512-4f2a","elapsed_ms":9600,"step":"build.backend","current":7,"total":12,"unit":"items","message":"RUN pip install"}
        {"v":1,"event":"step_line","run":"20261121-113512-4f2a","elapsed_ms":9600,"step":"build.backend","line":"Collecting fastapi"}
        {"v":1,"event":"step_finished","run":"20261121-113512-4f2a","elapsed_ms":14300,"step":"build.backend","outcome":"succeeded","duration_ms":12800,"output":{"image":"todo-backend:3f9a","size":"187 MB"},"failure":null,"log":".provision/logs/20261121-113512-4f2a/build.backend.log","note":null}
        {"v":1,"event":"step_line","run":"20261121-113512-4f2a","elapsed_ms":65000,"step":"build.frontend","line":"npm ERR! code ECONNRESET"}
        {"v":1,"event":"step_finished","run":"20261121-113512-4f2a","elapsed_ms":65000,"step":"build.frontend","outcome":"failed","duration_ms":63500,"output":{},"failure":{"kind":"failed","message":"the image could not be built","causes":["`npm ci` exited with 1"],"details":["npm ERR! code ECONNRESET","npm ERR! \u001b[2Jnetwork"],"hints":["`provision logs build.frontend` shows all of it"],"transient":false},"error":{"v":1,"id":"step-failed","message":"the image could not be built","cause":"`npm ci` exited with 1","details":["npm ERR! code ECONNRESET","npm ERR! \u001b[2Jnetwork"],"fix":["`provision logs build.frontend` shows all of it"],"next":"provision logs build.frontend","page":"docs/errors/step-failed.md"},"log":".provision/logs/20261121-113512-4f2a/build.frontend.log","note":null}
        {"v":1,"event":"stage_finished","run":"20261121-113512-4f2a","elapsed_ms":65000,"stage":"build","outcome":"failed","duration_ms":63760}
        {"v":1,"event":"step_finished","run":"20261121-113512-4f2a","elapsed_ms":65000,"step":"deploy.chart","outcome":"blocked","duration_ms":0,"output":{},"failure":null,"log":null,"note":"needs build.frontend, which failed"}
        {"v":1,"event":"step_finished","run":"20261121-113512-4f2a","elapsed_ms":65000,"step":"deploy.ready","outcome":"blocked","duration_ms":0,"output":{},"failure":null,"log":null,"note":"needs build.frontend, which failed"}
        {"v":1,"event":"stage_finished","run":"20261121-113512-4f2a","elapsed_ms":65000,"stage":"deploy","outcome":"blocked","duration_ms":0}
        {"v":1,"event":"run_finished","run":"20261121-113512-4f2a","elapsed_ms":65000,"outcome":"failed","duration_ms":65000,"critical_path":[{"step":"prereq.minikube","duration_ms":1200},{"step":"build.frontend","duration_ms":63500}]}
        "#);
    }

    fn page(name: &str) -> String {
        fs_err::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
    }

    /// One reason of each kind.
    fn reasons() -> Vec<StaleReason> {
        let (words, id) = (|| vec!["x".to_owned()], StepId::new("s.x").unwrap());
        let mut all = vec![StaleReason::NeverRun];
        while let Some(last) = all.last() {
            // A kind that is missing here is an error of the compiler.
            all.push(match last {
                StaleReason::NeverRun => StaleReason::Interrupted,
                StaleReason::Interrupted => StaleReason::Running,
                StaleReason::Running => StaleReason::HalfDown,
                StaleReason::HalfDown => StaleReason::FailedLastTime,
                StaleReason::FailedLastTime => StaleReason::TakenDown(0),
                StaleReason::TakenDown(_) => StaleReason::InputsChanged(words()),
                StaleReason::InputsChanged(_) => StaleReason::ChangedWhileRunning(words()),
                StaleReason::ChangedWhileRunning(_) => StaleReason::Unknown(words()),
                StaleReason::Unknown(_) => StaleReason::ItemsChanged(words()),
                StaleReason::ItemsChanged(_) => StaleReason::Missing("x".into()),
                StaleReason::Missing(_) => StaleReason::TooOld("x".into()),
                StaleReason::TooOld(_) => StaleReason::AlwaysRuns,
                StaleReason::AlwaysRuns => StaleReason::Forced,
                StaleReason::Forced => StaleReason::NeedsNoFallback,
                StaleReason::NeedsNoFallback => StaleReason::AgainWith(id.clone()),
                StaleReason::AgainWith(_) => StaleReason::DependsOn(id.clone()),
                StaleReason::DependsOn(_) => break,
            });
        }
        all
    }

    #[test]
    fn the_reference_has_each_kind_of_reason_with_the_word_that_plan_has_for_it() {
        let (page, agents) = (page("reference.md"), page("agents.md"));
        let reasons = reasons();
        assert_eq!(reasons.len(), 17);
        for found in &reasons {
            let row = format!("\n| `{}` | `{}` | ", reason(found).kind, found.word());
            assert!(page.contains(&row), "docs/reference.md, Events: {row}");
            assert!(agents.contains(&format!("`{}`", found.word())), "docs/agents.md: {}", found.word());
        }
    }

    #[test]
    fn the_reference_has_each_kind_of_failure() {
        let page = page("reference.md");
        let row = page.lines().find(|line| line.starts_with("| `failure.kind` |")).unwrap();
        let mut kinds = vec![FailureKind::Failed];
        while let Some(last) = kinds.last() {
            kinds.push(match last {
                FailureKind::Failed => FailureKind::Usage,
                FailureKind::Usage => FailureKind::Config,
                FailureKind::Config => FailureKind::Prerequisite,
                FailureKind::Prerequisite => FailureKind::State,
                FailureKind::State => FailureKind::Target,
                FailureKind::Target => FailureKind::Interrupted,
                FailureKind::Interrupted => FailureKind::Terminated,
                FailureKind::Terminated => FailureKind::Bug,
                FailureKind::Bug => break,
            });
        }
        for kind in kinds {
            let word = failure(&Failure::new(kind, "x")).kind;
            assert!(row.contains(&format!("`{word}`")), "{word}: {row}");
        }
    }

    #[test]
    fn all_twelve_kinds_are_written() {
        let mut kinds = BTreeSet::new();
        for events in [failing(), interrupted()] {
            let text = written(&events, Json::new);
            assert_eq!(text.lines().count(), events.len());
            for line in text.lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!((&line["v"], &line["run"]), (&1.into(), &"20261121-113512-4f2a".into()));
                kinds.insert(line["event"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(kinds.len(), 12, "{kinds:?}");
    }
}
