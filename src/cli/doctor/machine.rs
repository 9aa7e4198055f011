//! [`Machine`]: what the checks share: the pipeline, if there is one, and what the daemon reports about its machine.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::OnceCell;
use toml::Table;

use crate::action::{StepContext, StepScope};
use crate::cli::args::Cli;
use crate::cli::output::Terminal;
use crate::cli::project::{Project, find_pipeline_file, start_folder};
use crate::cli::trust;
use crate::cluster::{Demand, Provider, provider};
use crate::error::Failure;
use crate::event::StepLog;
use crate::journal::History;
use crate::model::StepId;
use crate::pipeline::Step;
use crate::redact::Redactor;
use crate::tools::docker::DaemonMachine;
use crate::tools::process::{ChildRegistry, ProcessObserver, Silent};
use crate::tools::secrets::Secrets;
use crate::tools::{Cancel, Tools};

/// What the checks share.
pub(super) struct Machine {
    /// The pipeline; `None` where there is none, or none that can be used.
    pub(super) project: Option<Project>,
    /// Why the pipeline's file can't be used.
    pub(super) broken: Option<Failure>,
    pub(super) tools: Arc<Tools>,
    /// What is on record; nothing without a pipeline.
    pub(super) history: Result<History, Failure>,
    /// What the cluster of the pipeline needs.
    pub(super) demand: Demand,
    /// The pipeline's file as it is written.
    written: Table,
    scope: Arc<StepScope>,
    cancel: Cancel,
    silent: Silent,
    daemon: OnceCell<Result<DaemonMachine, Failure>>,
}

impl Machine {
    /// Reads the pipeline that the command line names, or the one of this folder; it need not be there.
    pub(super) fn of(cli: &Cli, terminal: &Terminal) -> Result<Self, Failure> {
        let (project, broken) = match find_pipeline_file(cli)? {
            None => (None, None),
            Some(_) => match Project::load(cli, terminal) {
                Ok(project) => (Some(project), None),
                Err(failure) => (None, Some(failure)),
            },
        };
        let tools = if let Some(project) = &project {
            Arc::clone(&project.tools)
        } else {
            let folder = start_folder(cli)?;
            let state_dir = folder.join(".provision");
            Arc::new(Tools::new(folder, state_dir, Secrets::default(), None, Redactor::new()))
        };
        let demand = tools.cluster().and_then(|cluster| provider(cluster).ok()).map(Provider::demand);
        let children = Arc::new(ChildRegistry::default().withholding(tools.secrets().variables()));
        let cancel = Cancel::new();
        Ok(Self {
            history: project.as_ref().map_or_else(|| Ok(History::default()), Project::history),
            written: project.as_ref().and_then(|project| project.text.parse().ok()).unwrap_or_default(),
            scope: Arc::new(StepScope::looking(Arc::clone(&tools), Arc::clone(&children))),
            silent: Silent { cancel: cancel.clone(), children },
            demand: demand.unwrap_or_default(),
            daemon: OnceCell::new(),
            project,
            broken,
            tools,
            cancel,
        })
    }

    /// Whether there is no pipeline: nothing is known to be needed.
    pub(super) fn is_general(&self) -> bool {
        self.project.is_none() && self.broken.is_none()
    }

    pub(super) fn pipeline_name(&self) -> Option<&str> {
        self.project.as_ref().map(|project| project.pipeline.name.as_str())
    }

    pub(super) fn file(&self) -> Option<&Path> {
        self.project.as_ref().map(|project| project.file.as_path())
    }

    /// The steps of the pipeline.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Arc<Step>> {
        self.project.iter().flat_map(|project| project.pipeline.steps())
    }

    /// Whether the pipeline can't work without the Docker daemon.
    pub(super) fn needs_docker(&self) -> bool {
        self.demand.in_docker || self.steps().any(|step| step.action_type.uses_docker)
    }

    /// A step's settings as they are written.
    pub(super) fn written(&self, step: &StepId) -> Option<&Table> {
        trust::written_steps(&self.written).find(|(id, _)| id == step.as_str()).map(|(_, settings)| settings)
    }

    /// Whether a setting of the step has this value.
    pub(super) fn names(&self, step: &StepId, value: &str) -> bool {
        let settings = self.written(step).into_iter().flatten();
        settings.filter(|(key, _)| *key != "id").any(|(_, setting)| setting.as_str() == Some(value))
    }

    /// The context of a check of a step: what it prints is discarded.
    pub(super) fn context(&self, step: &StepId) -> StepContext {
        self.scope.of(step.clone(), StepLog::discard(step.clone()), self.cancel.child(), None)
    }

    /// Hears what programs print, and says nothing.
    pub(super) fn observer(&self) -> &dyn ProcessObserver {
        &self.silent
    }

    /// The programs that the checks run.
    pub(super) fn children(&self) -> &Arc<ChildRegistry> {
        &self.silent.children
    }

    /// What the daemon reports about its machine; asked once for all checks.
    pub(super) async fn daemon(&self) -> Result<&DaemonMachine, &Failure> {
        self.daemon.get_or_init(async || self.tools.docker().await?.machine().await).await.as_ref()
    }
}
