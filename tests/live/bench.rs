//! A step's surroundings for one action at a time.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provision::action::{Action, StepContext};
use provision::actions::ACTIONS;
use provision::event::{EventKind, Events, StepLog, event_channel};
use provision::model::StepId;
use provision::redact::Redactor;
use provision::tools::cluster::ClusterSpec;
use provision::tools::secrets::Secrets;
use provision::tools::{Cancel, Tools};

/// One step in a project's folder.
pub(crate) struct Bench {
    pub(crate) cx: StepContext,
    pub(crate) cancel: Cancel,
    events: Mutex<Events>,
}

impl Bench {
    pub(crate) fn new(root: &Path, cluster: Option<ClusterSpec>) -> Self {
        let redactor = Redactor::new();
        let tools = Tools::new(root.to_owned(), root.join(".provision"), Secrets::default(), cluster, redactor);
        let (sink, events) = event_channel();
        let cancel = Cancel::new();
        let cx = StepContext::new(
            StepId::new("live.step").unwrap(),
            Arc::new(tools),
            sink,
            StepLog::new(root.into(), StepId::new("live.step").unwrap()),
            cancel.clone(),
            None,
            Arc::new(|_, _| {}),
        );
        Self { cx, cancel, events: Mutex::new(events) }
    }

    /// The lines and the progress so far, as texts.
    pub(crate) fn said(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let mut said = Vec::new();
        while let Ok(Some(event)) = events.next(Duration::ZERO) {
            match event.kind {
                EventKind::StepLine { line, .. } => said.push(line),
                EventKind::StepProgress { progress, .. } => said.push(format!("> {progress}")),
                _ => {}
            }
        }
        said
    }
}

/// The action `name` with its settings in TOML.
pub(crate) fn action(name: &str, settings: &str) -> Box<dyn Action> {
    let entry = ACTIONS.iter().find(|entry| entry.name == name).unwrap();
    let settings: &'static str = Box::leak(settings.to_owned().into_boxed_str());
    (entry.parse)(toml::de::DeTable::parse(settings).unwrap()).unwrap()
}
