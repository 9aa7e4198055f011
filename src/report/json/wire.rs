//! The lines of [`Json`](super::Json) as types: the format, version 1.

use serde::Serialize;

use crate::model::Output;

/// What every line has.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    /// The version of the format: 1.
    pub(super) v: u8,
    /// The kind of event.
    pub(super) event: &'static str,
    /// The run.
    pub(super) run: &'a str,
    /// Since the run began.
    pub(super) elapsed_ms: u64,
    #[serde(flatten)]
    pub(super) body: Body<'a>,
}

/// What lines of one kind have besides.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Body<'a> {
    /// `run_started`: the whole plan.
    RunStarted {
        /// The pipeline's name.
        pipeline: &'a str,
        /// Its stages in the order of the file.
        stages: Vec<Stage<'a>>,
        /// How many steps this run is about.
        n_selected: usize,
        /// What a reader should know at once.
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
        /// From its first step's check to its last step's end.
        duration_ms: u64,
    },
    /// `step_checking`.
    StepChecking {
        /// The step.
        step: &'a str,
    },
    /// `step_fresh`: it need not run, and has ended.
    StepFresh {
        /// The step.
        step: &'a str,
        /// How long the look took.
        duration_ms: u64,
        /// The facts of its last success.
        output: Facts<'a>,
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
        /// How many there are.
        attempts: u32,
        /// Until the next one.
        delay_ms: u64,
        /// Why it failed.
        reason: &'a str,
    },
    /// `step_progress`; some may be missing.
    StepProgress {
        /// The step.
        step: &'a str,
        /// Done so far.
        current: u64,
        /// All there is to do; `null` where that is not known.
        total: Option<u64>,
        /// `bytes` or `items`.
        unit: &'static str,
        /// What is being done.
        message: &'a str,
    },
    /// `step_line`; some may be missing, the step's log has all.
    StepLine {
        /// The step.
        step: &'a str,
        /// The line, as it is except for secrets.
        line: &'a str,
    },
    /// `step_finished`.
    StepFinished {
        /// The step.
        step: &'a str,
        /// `succeeded`, `fallback`, `failed`, `interrupted`, `blocked` or `skipped`.
        outcome: &'static str,
        /// From its start to its end, attempts and delays included.
        duration_ms: u64,
        /// The facts it hands on.
        output: Facts<'a>,
        /// Why it did not succeed, else `null`.
        failure: Option<WireFailure<'a>>,
        /// Where its output is, relative to the project; `null` where there is none.
        log: Option<&'a str>,
        /// A remark on a success, else `null`.
        note: Option<&'a str>,
    },
    /// `run_interrupted`: a signal asked to stop.
    RunInterrupted {
        /// `SIGINT`, `SIGTERM`, `SIGHUP` or `SIGQUIT`.
        signal: &'a str,
        /// Whether what runs is killed now.
        kill: bool,
    },
    /// `run_finished`: the last line.
    RunFinished {
        /// `succeeded`, `failed` or `interrupted`.
        outcome: &'static str,
        /// How long the run took.
        duration_ms: u64,
        /// The chain of steps that decided that, first to last.
        critical_path: Vec<PathStep<'a>>,
        /// What a reader should know; left out where there is nothing.
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        warnings: &'a [String],
    },
}

/// A stage of the plan.
#[derive(Serialize)]
pub(super) struct Stage<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// Its title.
    pub(super) title: &'a str,
    /// Its steps.
    pub(super) steps: Vec<Step<'a>>,
}

/// A step of the plan.
#[derive(Serialize)]
pub(super) struct Step<'a> {
    /// Its id: `stage.step`.
    pub(super) id: &'a str,
    /// Its title.
    pub(super) title: &'a str,
    /// The action's name.
    pub(super) action: &'a str,
    /// The checklist items that it proves.
    pub(super) covers: Vec<&'a str>,
    /// Whether the run may end well without it.
    pub(super) optional: bool,
    /// Whether this run is about it.
    pub(super) selected: bool,
}

/// Why a step runs.
#[derive(Serialize)]
pub(super) struct Reason<'a> {
    /// `never_run`, `interrupted`, `failed_last_time`, `inputs_changed`, `changed_while_running`, `missing`,
    /// `always_looks`, `forced` or `depends_on`.
    pub(super) kind: &'static str,
    /// The labels of the changed inputs.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) labels: &'a [String],
    /// All of it as a person reads it.
    pub(super) text: String,
}

/// Why a step did not succeed.
#[derive(Serialize)]
pub(super) struct WireFailure<'a> {
    /// `failed`, `usage`, `config`, `prerequisite`, `state`, `target`, `interrupted`, `terminated` or `bug`.
    pub(super) kind: &'static str,
    /// What failed.
    pub(super) message: &'a str,
    /// Why, outermost first.
    pub(super) causes: &'a [String],
    /// Evidence, a line each.
    pub(super) details: &'a [String],
    /// What to do about it.
    pub(super) hints: &'a [String],
    /// Whether the same may well succeed a moment later.
    pub(super) transient: bool,
}

/// A step of the critical path.
#[derive(Serialize)]
pub(super) struct PathStep<'a> {
    /// The step.
    pub(super) step: &'a str,
    /// Its time.
    pub(super) duration_ms: u64,
}

/// Facts by name.
pub(super) struct Facts<'a>(pub(super) &'a Output);

impl Serialize for Facts<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}
