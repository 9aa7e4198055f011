//! Tests of whole runs inside this process.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::action::{Action, ActionSettings, ActionType, Presence, StepContext};
use crate::actions::ACTIONS;
use crate::config::{LoadOptions, load};
use crate::event::event_channel;
use crate::model::{Outcome, Output, ProofKind, RunId};
use crate::plan::{Selection, select};
use crate::redact::Redactor;
use crate::tools::Tools;
use crate::tools::process::ChildRegistry;
use crate::tools::secrets::Secrets;

/// A project with one step, which runs `script`.
fn project(folder: &Path, script: &str) {
    let step = format!("[[stage.step]]\nid = \"a\"\naction = \"command\"\nrun = '''{script}'''\n");
    let pipeline = format!("[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n{step}");
    fs_err::write(folder.join("pipeline.toml"), pipeline).unwrap();
}

/// Runs the pipeline of `folder` as the run `id`. Returns how it ended, and its children.
async fn run(folder: &Path, id: &str) -> (RunEnd, Arc<ChildRegistry>) {
    run_with(ACTIONS, folder, id).await
}

async fn run_with(actions: &'static [ActionType], folder: &Path, id: &str) -> (RunEnd, Arc<ChildRegistry>) {
    let pipeline = load(&folder.join("pipeline.toml"), &LoadOptions::default(), actions).unwrap().pipeline;
    let graph = Graph::new(&pipeline);
    let plan = select(&graph, &Selection::default()).unwrap();
    let state = folder.join(".provision");
    let mut opened = Journal::open(&state, "provision up", false).unwrap();
    let tools = Tools::new(folder.to_owned(), state, Secrets::default(), None, Redactor::new());
    let (sink, _events) = event_channel();
    let children = Arc::new(ChildRegistry::of_run(id));
    let run = Run {
        id: RunId::new(id).unwrap(),
        command: "provision up".into(),
        history: Arc::new(opened.history),
        tools: Arc::new(tools),
        prompts: Arc::default(),
        children: Arc::clone(&children),
        sink,
        jobs: 1,
        keep_going: false,
        warnings: Vec::new(),
    };
    let (_signals, signals) = unbounded_channel();
    let end = execute(&graph, pipeline.outline(), &plan, &mut opened.journal, run, signals).await.unwrap();
    (end, children)
}

#[tokio::test]
async fn two_runs_in_one_process_have_their_own_children() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Each ends only when the other one's step runs too, and leaves a process behind.
    let script = |other: &Path| {
        let other = other.display();
        format!(
            "echo $PROVISION_RUN_ID > id; (sleep 600 & echo $! > left); for n in $(seq 3000); do \
             [ -s {other}/id ] && exit 0; sleep 0.02; done; exit 1"
        )
    };
    project(first.path(), &script(second.path()));
    project(second.path(), &script(first.path()));
    let (one, two) = tokio::join!(run(first.path(), "run-1"), run(second.path(), "run-2"));
    for ((end, children), (folder, id)) in [(one, (&first, "run-1\n")), (two, (&second, "run-2\n"))] {
        assert_eq!(end.outcome, Outcome::Succeeded);
        assert_eq!(fs_err::read_to_string(folder.path().join("id")).unwrap(), id);
        assert!(children.had_any());
    }
    // And one after the other, on the same project.
    project(first.path(), "echo $PROVISION_RUN_ID > id");
    assert_eq!(run(first.path(), "run-3").await.0.outcome, Outcome::Succeeded);
    assert_eq!(fs_err::read_to_string(first.path().join("id")).unwrap(), "run-3\n");
    let (end, children) = run(first.path(), "run-4").await;
    assert_eq!(end.outcome, Outcome::Succeeded);
    assert!(!children.had_any(), "the run with nothing to do made a child, or counts another run's");
}

/// A verification whose result is provisional, and does not last.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Passing {}

impl ActionSettings for Passing {
    const NAME: &'static str = "passing";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "";
    const EXAMPLE: &'static str = "";
}

impl Action for Passing {
    fn always_runs(&self) -> bool {
        true
    }

    fn proof(&self) -> ProofKind {
        ProofKind::Check
    }

    fn is_provisional(&self, output: &Output) -> bool {
        output.get("made").is_some()
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        let found = if cx.path("lasts").exists() { Presence::Present } else { Presence::Missing("it passed".into()) };
        Box::pin(std::future::ready(Ok(found)))
    }

    fn run<'a>(&'a self, _cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(std::future::ready(Ok(Output::new().with("made", "now"))))
    }
}

#[tokio::test]
async fn a_provisional_result_is_probed_at_the_end_of_a_run_that_does_nothing_else() {
    const ACTIONS: &[ActionType] = &[ActionType::of::<Passing>()];
    let folder = tempfile::tempdir().unwrap();
    let step = "[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"passing\"\n";
    fs_err::write(folder.path().join("pipeline.toml"), format!("[pipeline]\nname = \"t\"\n{step}")).unwrap();
    assert_eq!(run_with(ACTIONS, folder.path(), "run-1").await.0.outcome, Outcome::Failed);
    fs_err::write(folder.path().join("lasts"), "").unwrap();
    assert_eq!(run_with(ACTIONS, folder.path(), "run-2").await.0.outcome, Outcome::Succeeded);
}
