//! [`Trace`]: a run as a profile that Perfetto and Chrome's `about:tracing` show: the object form of the Trace Event
//! Format. It is made of the events alone, so that a run without it pays nothing for it.

mod tracks;
mod wire;

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::event::{Event, EventKind, RunFinished, RunStarted, StepFinished};
use crate::model::{Outcome, StageId, StepId};
use crate::report::reporter::Reporter;
use crate::report::text::tame_json;
use tracks::{Group, Slice};
use wire::TraceEvent;

/// Shorter waits are not shown: they are the time that the run takes to notice.
const SHORTEST_WAIT: Duration = Duration::from_millis(2);

/// What the steps of a run wait for; for the time in which they only wait for a free slot.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// The steps that a step needs by itself. A step that is not in here waits for something else.
    pub(crate) of_steps: HashMap<StepId, Vec<StepId>>,
    /// The stages that a stage needs, by their ids.
    pub(crate) of_stages: HashMap<String, Vec<StageId>>,
}

/// Writes the profile when the run is over, however it ends.
#[derive(Debug)]
pub(crate) struct Trace<W> {
    out: W,
    needs: Needs,
    run: Option<(String, String)>,
    /// When the first step could begin.
    first: Option<Duration>,
    steps: HashMap<StepId, OpenStep>,
    stages: HashMap<StageId, Duration>,
    step_ends: HashMap<StepId, Duration>,
    stage_ends: HashMap<StageId, Duration>,
    step_slices: Vec<Slice>,
    stage_slices: Vec<Slice>,
    wait_slices: Vec<Slice>,
    /// What happened at one moment.
    moments: Vec<(String, Duration)>,
    now: Duration,
    last_end: Duration,
    outcome: Option<Outcome>,
}

/// A step that has begun and not ended.
#[derive(Debug)]
struct OpenStep {
    began: Duration,
    /// What it is doing, and since when.
    phase: (Phase, Duration),
    asked: Option<Duration>,
    reason: Option<String>,
    inner: Vec<Slice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Check,
    Attempt(u32),
}

impl Phase {
    fn name(self) -> String {
        match self {
            Self::Check => "check".to_owned(),
            Self::Attempt(1) => "run".to_owned(),
            Self::Attempt(n) => format!("attempt {n}"),
        }
    }
}

impl OpenStep {
    /// Ends what it is doing, if that took any time. An attempt that was still to come has not been.
    fn end_phase(&mut self, now: Duration) {
        let (phase, since) = self.phase;
        if since < now {
            self.inner.push(Slice::new(phase.name(), since, now));
        } else if let Some(pause) = self.inner.last_mut().filter(|pause| pause.to > now) {
            pause.to = now;
        }
    }
}

impl<W: Write> Trace<W> {
    /// Creates a reporter that writes to `out` at the end.
    pub(crate) fn new(out: W, needs: Needs) -> Self {
        Self {
            out,
            needs,
            run: None,
            first: None,
            steps: HashMap::new(),
            stages: HashMap::new(),
            step_ends: HashMap::new(),
            stage_ends: HashMap::new(),
            step_slices: Vec::new(),
            stage_slices: Vec::new(),
            wait_slices: Vec::new(),
            moments: Vec::new(),
            now: Duration::ZERO,
            last_end: Duration::ZERO,
            outcome: None,
        }
    }

    /// Returns when everything that a step needs was there.
    fn ready(&self, step: &StepId) -> Option<Duration> {
        let needs = self.needs.of_steps.get(step)?;
        let stages = self.needs.of_stages.get(step.stage()).into_iter().flatten();
        let steps = needs.iter().filter_map(|need| self.step_ends.get(need));
        steps.chain(stages.filter_map(|stage| self.stage_ends.get(stage))).max().copied().or(self.first)
    }

    fn begin(&mut self, step: &StepId) -> &mut OpenStep {
        let now = self.now;
        self.first.get_or_insert(now);
        if !self.steps.contains_key(step)
            && let Some(ready) = self.ready(step)
            && now.saturating_sub(ready) >= SHORTEST_WAIT
        {
            self.wait_slices.push(Slice::new(format!("{step} waits for a slot"), ready, now));
        }
        self.steps.entry(step.clone()).or_insert_with(|| OpenStep {
            began: now,
            phase: (Phase::Check, now),
            asked: None,
            reason: None,
            inner: Vec::new(),
        })
    }

    fn start(&mut self, step: &StepId, reason: String) {
        let now = self.now;
        let open = self.begin(step);
        // Another attempt of the same step is known from the end of the last one.
        if open.phase.0 == Phase::Check {
            open.end_phase(now);
            open.phase = (Phase::Attempt(1), now);
            open.reason = Some(reason);
        }
    }

    fn retry(&mut self, step: &StepId, attempt: u32, delay: Duration) {
        let now = self.now;
        if let Some(open) = self.steps.get_mut(step) {
            open.end_phase(now);
            open.inner.push(Slice::new("pause".to_owned(), now, now + delay));
            open.phase = (Phase::Attempt(attempt + 1), now + delay);
        }
    }

    fn answered(&mut self, step: &StepId) {
        let now = self.now;
        if let Some(open) = self.steps.get_mut(step)
            && let Some(asked) = open.asked.take()
        {
            open.inner.push(Slice::new("waits for an answer".to_owned(), asked, now));
        }
    }

    fn end(&mut self, step: &StepId, outcome: &str, finished: Option<&StepFinished>) {
        self.last_end = self.now;
        self.step_ends.insert(step.clone(), self.now);
        self.answered(step);
        // A step that was skipped or blocked takes no time.
        let Some(mut open) = self.steps.remove(step) else { return };
        open.end_phase(self.now);
        let mut args = Map::new();
        args.insert("outcome".to_owned(), outcome.into());
        args.extend(open.reason.map(|reason| ("reason".to_owned(), reason.into())));
        let failure = finished.and_then(|finished| finished.failure.as_ref());
        args.extend(failure.map(|failure| ("error".to_owned(), failure.to_string().into())));
        args.extend(finished.and_then(|end| end.log.clone()).map(|log| ("log".to_owned(), log.into())));
        let slice = Slice::new(step.to_string(), open.began, self.now);
        self.step_slices.push(Slice { args, inner: open.inner, ..slice });
    }

    fn end_stage(&mut self, stage: &StageId, outcome: &str) {
        self.stage_ends.insert(stage.clone(), self.now);
        if let Some(began) = self.stages.remove(stage) {
            let args = Map::from_iter([("outcome".to_owned(), Value::from(outcome))]);
            self.stage_slices.push(Slice { args, ..Slice::new(stage.to_string(), began, self.now) });
        }
    }

    /// What has no end yet ends with the run.
    fn end_all(&mut self) {
        let last_end = self.last_end;
        let mut open: Vec<StepId> = self.steps.keys().cloned().collect();
        open.sort();
        for step in open {
            self.end(&step, "unfinished", None);
        }
        let mut stages: Vec<StageId> = self.stages.keys().cloned().collect();
        stages.sort();
        for stage in stages {
            self.end_stage(&stage, "unfinished");
        }
        self.last_end = last_end;
    }

    /// Returns what the run as a whole did.
    fn run_slices(&self) -> Vec<Slice> {
        let Some((run, _)) = &self.run else { return Vec::new() };
        let outcome = self.outcome.map_or("unfinished", Outcome::word);
        let args = Map::from_iter([("outcome".to_owned(), Value::from(outcome))]);
        let end = Slice::new("end: last look, records".to_owned(), self.last_end, self.now);
        let inner = if end.to.saturating_sub(end.from) >= SHORTEST_WAIT { vec![end] } else { Vec::new() };
        vec![Slice { args, inner, ..Slice::new(run.clone(), Duration::ZERO, self.now) }]
    }

    fn write(&mut self) -> io::Result<()> {
        let (run, pipeline) = self.run.clone().unwrap_or_default();
        let groups = [
            Group::new(1, "run", self.run_slices()),
            Group::new(2, "stages", std::mem::take(&mut self.stage_slices)),
            Group::new(3, "steps", std::mem::take(&mut self.step_slices)),
            Group::new(4, "waiting for a slot", std::mem::take(&mut self.wait_slices)),
        ];
        let mut events: Vec<TraceEvent> = groups.into_iter().flat_map(Group::events).collect();
        events.extend(self.moments.drain(..).map(|(name, at)| TraceEvent::moment(name, at)));
        let about = serde_json::json!({ "run": run, "pipeline": pipeline, "provision": env!("CARGO_PKG_VERSION") });
        let about = tame_json(about.to_string());
        writeln!(self.out, "{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":[")?;
        for (n, event) in events.iter().enumerate() {
            let comma = if n + 1 < events.len() { "," } else { "" };
            writeln!(self.out, "{}{comma}", tame_json(serde_json::to_string(event)?))?;
        }
        writeln!(self.out, "]}}")?;
        self.out.flush()
    }
}

impl<W: Write> Reporter for Trace<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        self.now = self.now.max(event.elapsed);
        match &event.kind {
            EventKind::RunStarted(RunStarted { run, outline, .. }) => {
                self.run = Some((run.to_string(), outline.name.clone()));
            }
            EventKind::StageStarted { stage } => drop(self.stages.insert(stage.clone(), self.now)),
            EventKind::StageFinished { stage, outcome, .. } => self.end_stage(stage, outcome.word()),
            EventKind::StepChecking { step } => drop(self.begin(step)),
            EventKind::StepStarted { step, reason } => self.start(step, reason.to_string()),
            EventKind::StepRetrying { step, attempt, delay, .. } => self.retry(step, *attempt, *delay),
            EventKind::StepAsking { step, .. } => self.begin(step).asked = Some(event.elapsed),
            EventKind::StepAnswered { step } => self.answered(step),
            EventKind::StepFresh { step, .. } => self.end(step, Outcome::Fresh.word(), None),
            EventKind::StepFinished(end) => self.end(&end.step, end.outcome.word(), Some(end)),
            EventKind::RunInterrupted { signal, .. } => self.moments.push(((*signal).to_owned(), self.now)),
            EventKind::RunFinished(RunFinished { outcome, .. }) => self.outcome = Some(*outcome),
            EventKind::StepProgress { .. } | EventKind::StepLine { .. } => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_all();
        self.write()
    }
}

#[cfg(test)]
mod tests;
