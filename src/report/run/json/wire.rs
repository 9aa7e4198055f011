//! The types of the JSON lines: format version 1.

use serde::Serialize;

use crate::report::error_object::WireError;
use crate::report::facts::Facts;

/// The fields of every line.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    /// The version of the format: 1.
    pub(crate) v: u8,
    /// The kind of event.
    pub(crate) event: &'static str,
    /// The run.
    pub(crate) run: &'a str,
    /// Time since the start of the run.
    pub(crate) elapsed_ms: u64,
    #[serde(flatten)]
    pub(crate) body: Body<'a>,
}

/// The fields of each kind of event.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Body<'a> {
    /// `run_started`: the whole plan.
    RunStarted {
        /// The pipeline's name.
        pipeline: &'a str,
        /// Its stages in the order of the file.
        stages: Vec<Stage<'a>>,
        /// The number of selected steps.
        n_selected: usize,
        /// Warnings at the start of the run.
        warnings: &'a [String],
    },
    /// `stage_started`.
    StageStarted {
        /// The stage.
        stage: &'a str,
    },
    /// `stage_finished`.
    StageFinished {
        /// The stage.
        stage: &'a str,
        /// The worst of its steps' outcomes.
        outcome: &'static str,
        /// From the check of its first step to the end of its last step.
        duration_ms: u64,
    },
    /// `step_checking`.
    StepChecking {
        /// The step.
        step: &'a str,
    },
    /// `step_fresh`: it is fresh, and has ended.
    StepFresh {
        /// The step.
        step: &'a str,
        /// The duration of the check.
        duration_ms: u64,
        /// The output of its last success.
        output: Facts<'a>,
        /// What may be wrong with it all the same; omitted if there is nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<&'a str>,
    },
    /// `step_started`.
    StepStarted {
        /// The step.
        step: &'a str,
        /// Why it runs.
        reason: Reason<'a>,
    },
    /// `step_retrying`: an attempt failed, the next one follows.
    StepRetrying {
        /// The step.
        step: &'a str,
        /// The attempt that failed, counted from 1.
        attempt: u32,
        /// The number of attempts.
        attempts: u32,
        /// Time until the next attempt.
        delay_ms: u64,
        /// Why it failed.
        reason: &'a str,
        /// The same as one object.
        error: WireError,
    },
    /// `step_asking`: it waits for an answer of the person at the terminal.
    StepAsking {
        /// The step.
        step: &'a str,
        /// The question.
        question: &'a str,
    },
    /// `step_answered`: its question was answered or taken back.
    StepAnswered {
        /// The step.
        step: &'a str,
    },
    /// `step_progress`; some may be dropped.
    StepProgress {
        /// The step.
        step: &'a str,
        /// Done so far.
        current: u64,
        /// The total; `null` if it is not known.
        total: Option<u64>,
        /// `bytes` or `items`.
        unit: &'static str,
        /// What is being done.
        message: &'a str,
    },
    /// `step_line`; some may be dropped, the step's log has all.
    StepLine {
        /// The step.
        step: &'a str,
        /// The line, with secrets masked.
        line: &'a str,
    },
    /// `step_finished`.
    StepFinished {
        /// The step.
        step: &'a str,
        /// `succeeded`, `fallback`, `failed`, `interrupted`, `blocked` or `skipped`.
        outcome: &'static str,
        /// From its start to its end, including attempts and delays.
        duration_ms: u64,
        /// Its output.
        output: Facts<'a>,
        /// Why it did not succeed, else `null`.
        failure: Option<WireFailure<'a>>,
        /// The same as one object; omitted if there is no failure.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<WireError>,
        /// The path of its log, relative to the project; `null` if there is none.
        log: Option<&'a str>,
        /// A note on a success, else `null`.
        note: Option<&'a str>,
    },
    /// `error`: the command ended with it, before or beside a run. Not an event of a run.
    Error {
        /// Why.
        error: WireError,
    },
    /// `run_interrupted`: a signal stops the run.
    RunInterrupted {
        /// `SIGINT`, `SIGTERM`, `SIGHUP` or `SIGQUIT`.
        signal: &'a str,
        /// Whether running steps are killed.
        kill: bool,
    },
    /// `run_finished`: the last line.
    RunFinished {
        /// `succeeded`, `failed` or `interrupted`.
        outcome: &'static str,
        /// The duration of the run.
        duration_ms: u64,
        /// The chain of steps that determined the duration, first to last.
        critical_path: Vec<PathStep<'a>>,
        /// Warnings at the end of the run; omitted if there are none.
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        warnings: &'a [String],
        /// Why it failed, beyond the failures of its steps; omitted if there is nothing.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        problems: Vec<WireProblem<'a>>,
        /// Why it did not succeed, as one object; omitted if it did.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<WireError>,
    },
}

/// Why a run failed although no step of it did that matters.
#[derive(Serialize)]
pub(crate) struct WireProblem<'a> {
    /// The step that it is about, else `null`.
    pub(crate) step: Option<&'a str>,
    /// What is wrong.
    pub(crate) text: &'a str,
}

/// A stage of the plan.
#[derive(Serialize)]
pub(crate) struct Stage<'a> {
    /// Its id.
    pub(crate) id: &'a str,
    /// Its title.
    pub(crate) title: &'a str,
    /// Its steps.
    pub(crate) steps: Vec<Step<'a>>,
}

/// A step of the plan.
#[derive(Serialize)]
pub(crate) struct Step<'a> {
    /// Its id: `stage.step`.
    pub(crate) id: &'a str,
    /// Its title.
    pub(crate) title: &'a str,
    /// The action's name.
    pub(crate) action: &'a str,
    /// The checklist items that it proves.
    pub(crate) covers: Vec<&'a str>,
    /// Whether the run may succeed without it.
    pub(crate) optional: bool,
    /// Whether it is selected for this run.
    pub(crate) selected: bool,
}

/// Why a step runs.
#[derive(Serialize)]
pub(crate) struct Reason<'a> {
    /// `never_run`, `interrupted`, `failed_last_time`, `taken_down`, `inputs_changed`, `changed_while_running`,
    /// `missing`, `unknown`, `items_changed`, `too_old`, `always_looks`, `forced`, `needs_no_fallback`, `again_with`
    /// or `depends_on`.
    pub(crate) kind: &'static str,
    /// The labels of the changed inputs.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) labels: &'a [String],
    /// The reason as text.
    pub(crate) text: String,
}

/// Why a step did not succeed.
#[derive(Serialize)]
pub(crate) struct WireFailure<'a> {
    /// `failed`, `usage`, `config`, `prerequisite`, `state`, `target`, `interrupted`, `terminated` or `bug`.
    pub(crate) kind: &'static str,
    /// The message.
    pub(crate) message: &'a str,
    /// The causes, outermost first.
    pub(crate) causes: &'a [String],
    /// Lines of evidence.
    pub(crate) details: &'a [String],
    /// Commands or sentences that help.
    pub(crate) hints: &'a [String],
    /// Whether another attempt may succeed.
    pub(crate) transient: bool,
}

/// A step of the critical path.
#[derive(Serialize)]
pub(crate) struct PathStep<'a> {
    /// The step.
    pub(crate) step: &'a str,
    /// Its duration.
    pub(crate) duration_ms: u64,
}
