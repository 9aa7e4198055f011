//! [`Prompts`]: how a step asks the person at the terminal, one question at a time.

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, MutexGuard};

use crate::error::Failure;
use crate::event::{EventKind, EventSink};
use crate::model::StepId;

/// The terminal of the person who started the run.
pub trait Prompter: Send + Sync {
    /// Reads the next line. Returns `None` at the end of input. Has to be safe to drop before it is done.
    fn read_line(&self) -> BoxFuture<'_, Result<Option<String>, Failure>>;
}

/// The questions of all steps of a run. Without a terminal nobody answers them.
#[derive(Default)]
pub struct Prompts {
    prompter: Option<Box<dyn Prompter>>,
    /// Held by the step whose question is on the screen.
    turn: Mutex<()>,
}

impl Prompts {
    /// Passes questions to `prompter`.
    pub fn new(prompter: impl Prompter + 'static) -> Self {
        Self { prompter: Some(Box::new(prompter)), turn: Mutex::new(()) }
    }

    /// Whether there is a person to ask.
    pub fn has_person(&self) -> bool {
        self.prompter.is_some()
    }

    /// Waits for the terminal and keeps it for `step`, until what is returned is dropped; `None` if there is none.
    /// Reporters say so, and leave the terminal alone meanwhile.
    pub(super) async fn take<'a>(&'a self, step: &'a StepId, sink: &'a EventSink) -> Option<Taken<'a>> {
        self.prompter.as_ref()?;
        let turn = self.turn.lock().await;
        let question = "it has the terminal now".to_owned();
        sink.send(EventKind::StepAsking { step: step.clone(), question });
        Some(Taken { _answered: Answered { step, sink }, _turn: turn })
    }

    /// Shows `question` and returns the answer without surrounding spaces; `None` if nobody can answer. Reporters show
    /// the question, and leave the terminal alone until it is answered or the returned future is dropped.
    pub(super) async fn ask(&self, step: &StepId, question: &str, sink: &EventSink) -> Result<Option<String>, Failure> {
        let Some(prompter) = &self.prompter else { return Ok(None) };
        let turn = self.turn.lock().await;
        let question = question.to_owned();
        sink.send(EventKind::StepAsking { step: step.clone(), question });
        let answered = Answered { step, sink };
        let line = prompter.read_line().await;
        drop((answered, turn));
        Ok(line?.map(|line| line.trim().to_owned()))
    }
}

impl std::fmt::Debug for Prompts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompts").field("terminal", &self.prompter.is_some()).finish_non_exhaustive()
    }
}

/// The terminal, for one step.
pub(super) struct Taken<'a> {
    _answered: Answered<'a>,
    _turn: MutexGuard<'a, ()>,
}

/// Tells reporters that a question is no longer open, also when the step is cancelled.
struct Answered<'a> {
    step: &'a StepId,
    sink: &'a EventSink,
}

impl Drop for Answered<'_> {
    fn drop(&mut self) {
        self.sink.send(EventKind::StepAnswered { step: self.step.clone() });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex as StdMutex};
    use std::time::Duration;

    use super::*;
    use crate::action::{RunScope, StepContext, StepScope};
    use crate::error::FailureKind;
    use crate::event::{Events, StepLog, event_channel};
    use crate::model::RunId;
    use crate::redact::Redactor;
    use crate::tools::secrets::Secrets;
    use crate::tools::{Cancel, Tools};

    /// Returns these lines, then waits forever.
    struct Script(StdMutex<VecDeque<&'static str>>);

    impl Prompter for Script {
        fn read_line(&self) -> BoxFuture<'_, Result<Option<String>, Failure>> {
            let line = self.0.lock().unwrap().pop_front();
            Box::pin(async move {
                match line {
                    Some(line) => Ok(Some(line.to_owned())),
                    None => std::future::pending().await,
                }
            })
        }
    }

    fn context(prompts: Prompts) -> (StepContext, Cancel, Events) {
        let root = std::env::temp_dir();
        let tools = Tools::new(root.clone(), root, Secrets::default(), None, Redactor::new());
        let (sink, events) = event_channel();
        let (cancel, step) = (Cancel::new(), StepId::new("a.b").unwrap());
        let log = StepLog::discard(step.clone());
        let scope = StepScope::new(Arc::new(tools), sink, Arc::new(|_: &StepId, _| {})).in_run(RunScope {
            id: RunId::new("r-1").unwrap(),
            has_ended: Arc::new(|_| false),
            prompts: Arc::new(prompts),
        });
        let cx = Arc::new(scope).of(step, log, cancel.clone(), None);
        (cx, cancel, events)
    }

    fn kinds(events: &Events) -> Vec<EventKind> {
        std::iter::from_fn(|| events.next(Duration::ZERO).ok().flatten()).map(|event| event.kind).collect()
    }

    fn asked(question: &str) -> [EventKind; 2] {
        let step = StepId::new("a.b").unwrap();
        [EventKind::StepAsking { step: step.clone(), question: question.into() }, EventKind::StepAnswered { step }]
    }

    #[tokio::test]
    async fn a_question_is_shown_and_its_answer_returned() {
        let (cx, _, events) = context(Prompts::new(Script(StdMutex::new(VecDeque::from(["  yes \n"])))));
        assert_eq!(cx.ask("is it live?").await.unwrap().as_deref(), Some("yes"));
        let shown: Vec<EventKind> =
            kinds(&events).into_iter().filter(|kind| !matches!(kind, EventKind::StepLine { .. })).collect();
        assert_eq!(shown, asked("is it live?"));
    }

    #[tokio::test]
    async fn without_a_terminal_nobody_answers_and_nothing_waits() {
        let (cx, _, events) = context(Prompts::default());
        assert_eq!(cx.ask("is it live?").await.unwrap(), None);
        assert_eq!(kinds(&events), []);
    }

    #[tokio::test]
    async fn a_cancelled_step_takes_its_question_back() {
        let (cx, cancel, events) = context(Prompts::new(Script(StdMutex::default())));
        let (failure, ()) = tokio::join!(cx.ask("is it live?"), async {
            tokio::task::yield_now().await;
            cancel.wind_down();
        });
        assert_eq!(failure.unwrap_err().kind, FailureKind::Interrupted);
        assert_eq!(kinds(&events), asked("is it live?"));
    }

    #[tokio::test]
    async fn two_steps_never_ask_at_the_same_time() {
        let prompts = Prompts::new(Script(StdMutex::new(VecDeque::from(["one", "two"]))));
        let (sink, events) = event_channel();
        let step = StepId::new("a.b").unwrap();
        let (one, two) = tokio::join!(prompts.ask(&step, "1?", &sink), prompts.ask(&step, "2?", &sink));
        assert_eq!((one.unwrap().as_deref(), two.unwrap().as_deref()), (Some("one"), Some("two")));
        assert_eq!(kinds(&events), [asked("1?"), asked("2?")].concat());
    }
}
