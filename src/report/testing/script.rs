//! Scripts of events, and writers whose text can be read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::event::{Event, EventKind, RunFinished, RunStarted, StepFinished};
use crate::fingerprint::StaleReason;
use crate::model::{Outcome, Outline, Output, Progress, RunId, StageId, StageOutline, StepId, StepOutline};
use crate::report::reporter::Reporter;

pub(crate) fn step(id: &str) -> StepId {
    StepId::new(id).unwrap()
}

/// The id and title of a stage, and the names and titles of its steps.
pub(crate) type Stage<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// A sequence of events with their times.
pub(crate) struct Script {
    now: Duration,
    pub(crate) events: Vec<Event>,
}

impl Script {
    /// Starts a run of the pipeline `todo-chatbot` with these stages and steps.
    pub(crate) fn new(stages: &[Stage]) -> Self {
        let outline = Outline {
            name: "todo-chatbot".into(),
            stages: stages
                .iter()
                .map(|(id, title, steps)| {
                    let id = StageId::new(id).unwrap();
                    StageOutline {
                        steps: steps
                            .iter()
                            .map(|(name, title)| StepOutline {
                                id: id.step(name).unwrap(),
                                title: (*title).into(),
                                action: "command",
                                covers: Vec::new(),
                                optional: false,
                            })
                            .collect(),
                        title: (*title).into(),
                        id,
                    }
                })
                .collect(),
        };
        let selected = outline.steps().map(|step| step.id.clone()).collect();
        let mut script = Self { now: Duration::ZERO, events: Vec::new() };
        script.push(EventKind::RunStarted(RunStarted {
            run: RunId::new("20261121-113512-4f2a").unwrap(),
            outline,
            selected,
            warnings: Vec::new(),
        }));
        script
    }

    pub(crate) fn push(&mut self, kind: EventKind) -> &mut Self {
        self.events.push(Event { elapsed: self.now, kind });
        self
    }

    pub(crate) fn at(&mut self, ms: u64) -> &mut Self {
        self.now = Duration::from_millis(ms);
        self
    }

    pub(crate) fn stage(&mut self, id: &str) -> &mut Self {
        self.push(EventKind::StageStarted { stage: StageId::new(id).unwrap() })
    }

    pub(crate) fn stage_end(&mut self, id: &str, outcome: Outcome, ms: u64) -> &mut Self {
        self.push(EventKind::StageFinished {
            stage: StageId::new(id).unwrap(),
            outcome,
            duration: Duration::from_millis(ms),
        })
    }

    pub(crate) fn check(&mut self, id: &str) -> &mut Self {
        self.push(EventKind::StepChecking { step: step(id) })
    }

    pub(crate) fn fresh(&mut self, id: &str) -> &mut Self {
        let (output, duration) = (Output::new(), Duration::from_millis(40));
        self.push(EventKind::StepFresh { step: step(id), output, duration, note: None })
    }

    pub(crate) fn start(&mut self, id: &str, reason: StaleReason) -> &mut Self {
        self.push(EventKind::StepStarted { step: step(id), reason })
    }

    pub(crate) fn progress(&mut self, id: &str, progress: Progress) -> &mut Self {
        self.push(EventKind::StepProgress { step: step(id), progress })
    }

    pub(crate) fn line(&mut self, id: &str, line: &str) -> &mut Self {
        self.push(EventKind::StepLine { step: step(id), line: line.into() })
    }

    pub(crate) fn end(&mut self, id: &str, outcome: Outcome, ms: u64) -> &mut Self {
        self.finish(finished(id, outcome, ms))
    }

    pub(crate) fn finish(&mut self, finished: StepFinished) -> &mut Self {
        self.push(EventKind::StepFinished(Box::new(finished)))
    }

    pub(crate) fn run_end(&mut self, outcome: Outcome, path: &[(&str, u64)]) -> &mut Self {
        let critical_path = path.iter().map(|(id, ms)| (step(id), Duration::from_millis(*ms))).collect();
        let duration = self.now;
        self.push(EventKind::RunFinished(RunFinished {
            outcome,
            duration,
            critical_path,
            warnings: Vec::new(),
            problems: Vec::new(),
            error: None,
        }))
    }
}

pub(crate) fn finished(id: &str, outcome: Outcome, ms: u64) -> StepFinished {
    StepFinished {
        step: step(id),
        outcome,
        duration: Duration::from_millis(ms),
        output: Output::new(),
        failure: None,
        log: None,
        note: None,
    }
}

/// A writer whose text can be read while a reporter owns it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that always fails.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

/// Returns what the reporter of `make` writes for `events`.
pub(crate) fn written<R: Reporter>(events: &[Event], make: impl FnOnce(Shared) -> R) -> String {
    let out = Shared::default();
    let mut reporter = make(out.clone());
    for event in events {
        reporter.on_event(event).unwrap();
    }
    reporter.finish().unwrap();
    out.text()
}
