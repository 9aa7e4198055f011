//! Programs that are missing or too old, and the ways in which the pipeline's `tool-check` steps declare to install
//! them: for `provision doctor --install`, and for `up --install` before its run.

use std::path::PathBuf;
use std::sync::Arc;

use super::output::Terminal;
use super::project::Project;
use super::runtime::runtime;
use super::signals::stop_signals;
use crate::action::{StepContext, StepScope};
use crate::error::{ErrorId, Failure, FailureKind, ids};
use crate::event::StepLog;
use crate::model::StepId;
use crate::pipeline::{Binding, Step};
use crate::plan::Plan;
use crate::tools::Cancel;
use crate::tools::install::{Host, Plan as InstallPlan};
use crate::tools::process::{ChildRegistry, ProcessObserver, Silent, find, shell_quoted};

/// A program that is missing or has another version than is needed, and what installs it.
pub(super) struct Missing {
    tool: String,
    /// What the check says of it.
    why: String,
    /// `Err` says why it can't be installed here.
    plan: Result<InstallPlan, String>,
}

impl Missing {
    /// Whether it can be installed here.
    pub(super) fn can_be(&self) -> bool {
        self.plan.is_ok()
    }
}

/// What was done.
pub(super) struct Installed {
    /// The programs that were put into a folder of the user's.
    placed: Vec<(String, PathBuf)>,
    failures: Vec<Failure>,
}

impl Installed {
    /// Reports what did not succeed, and programs that are not found where they were put.
    pub(super) fn report(&self, terminal: &Terminal) {
        for failure in &self.failures {
            terminal.show_failure(failure);
        }
        terminal.warn(self.placed.iter().filter_map(|(tool, folder)| {
            let shown = folder.display().to_string();
            match find(tool) {
                Ok(path) if path.starts_with(folder) => None,
                Ok(path) => Some(format!(
                    "`{tool}` was put into {shown}, and {} comes before it in PATH: `export PATH={}:\"$PATH\"`",
                    path.display(),
                    shell_quoted(&shown)
                )),
                Err(_) => Some(format!(
                    "`{tool}` was put into {shown}, which is not in PATH: `export PATH={}:\"$PATH\"`",
                    shell_quoted(&shown)
                )),
            }
        }));
    }

    pub(super) fn code(&self) -> u8 {
        if self.failures.is_empty() { 0 } else { FailureKind::Prerequisite.exit_code() }
    }
}

/// Who agrees to what is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consent {
    /// `--yes`.
    pub(super) yes: bool,
    /// Whether a person can be asked.
    pub(super) can_ask: bool,
}

/// Returns whether it may be done: `--yes`, or the answer of a person. Fails where nobody can be asked; `command` is
/// what agrees to it.
pub(super) fn agreed(terminal: &Terminal, consent: Consent, command: &str) -> Result<bool, Failure> {
    if consent.yes {
        return Ok(true);
    }
    if !consent.can_ask {
        return Err(Failure::of(ids::CONSENT_NEEDED, "nobody can be asked, and nothing was installed")
            .hint(format!("to install what is shown: `{command}`")));
    }
    let agrees = terminal.agrees("install it?")?;
    if !agrees {
        terminal.note(["nothing was installed".to_owned()]);
    }
    Ok(agrees)
}

/// The programs that `steps` declare a way for and that are missing or not of the right version.
pub(super) async fn missing(
    steps: impl Iterator<Item = &Arc<Step>>,
    context: impl Fn(&StepId) -> StepContext,
) -> Result<Vec<Missing>, Failure> {
    let mut host = None;
    let mut missing: Vec<Missing> = Vec::new();
    for step in steps {
        let Binding::Now(action) = &step.binding else { continue };
        let Some((tool, ways)) = action.installation() else { continue };
        let Err(failure) = action.run(&context(&step.id)).await else { continue };
        let helps = |id: ErrorId| id == ids::TOOL_MISSING || id == ids::TOOL_VERSION;
        if !failure.id.is_some_and(helps) || missing.iter().any(|other| other.tool == tool) {
            continue;
        }
        let host = match &mut host {
            Some(host) => host,
            none => none.insert(Host::this().ok_or_else(|| {
                Failure::of(ids::INSTALL_FAILED, "the environment has no HOME, where programs of the user's are kept")
            })?),
        };
        missing.push(Missing { tool: tool.to_owned(), why: failure.message, plan: ways.plan(tool, host) });
    }
    Ok(missing)
}

/// Returns what would be done, as exact commands, and what can't be; one entry a line.
pub(super) fn plan_lines(missing: &[Missing]) -> Vec<String> {
    let mut lines = Vec::new();
    for Missing { tool, why, plan } in missing {
        lines.push(String::new());
        match plan {
            Ok(plan) => {
                lines.push(format!("installing {tool}: {why}"));
                lines.extend(plan.works.iter().map(|work| format!("  {}", work.line())));
                lines.push(format!("  changes: {}", plan.changes));
            }
            Err(reason) => lines.push(format!("{tool} can't be installed here: {reason}")),
        }
    }
    lines
}

/// Does what was shown. A program that can't be installed does not keep the others from it.
pub(super) async fn perform(observer: &dyn ProcessObserver, terminal: &Terminal, missing: Vec<Missing>) -> Installed {
    let mut installed = Installed { placed: Vec::new(), failures: Vec::new() };
    'programs: for Missing { tool, plan, .. } in missing {
        let Ok(plan) = plan else { continue };
        for work in &plan.works {
            terminal.note([format!("installing {tool}: {}", work.line())]);
            if let Err(failure) = work.perform(observer).await {
                installed.failures.push(failure.while_doing(format!("installing `{tool}` failed")));
                continue 'programs;
            }
        }
        installed.placed.extend(plan.folder.map(|folder| (tool, folder)));
    }
    installed
}

/// Installs what the selected steps miss, before their run. What could not be installed is shown, and no failure here:
/// the steps that need it say so, or a fallback stands in. `command` is the run's command line that agrees to it.
pub(super) fn before_run(
    terminal: &Terminal,
    project: &Project,
    plan: &Plan,
    consent: Consent,
    command: &str,
) -> Result<(), Failure> {
    let cancel = Cancel::new();
    let children = Arc::new(ChildRegistry::default().withholding(project.tools.secrets().variables()));
    let scope = Arc::new(StepScope::looking(Arc::clone(&project.tools), Arc::clone(&children)));
    let context = |id: &StepId| scope.of(id.clone(), StepLog::discard(id.clone()), cancel.child(), None);
    let steps = project.graph.steps.iter().zip(&plan.selected);
    let selected = steps.filter_map(|(node, is_selected)| is_selected.then_some(&node.step));
    let observer = Silent { cancel: cancel.clone(), children: Arc::clone(&children) };
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut signals = stop_signals(children)?;
        let installing = async {
            let missing = missing(selected, context).await?;
            if missing.is_empty() {
                return Ok(());
            }
            // Standard output may be for a program.
            terminal.note(plan_lines(&missing));
            if missing.iter().any(Missing::can_be) && agreed(terminal, consent, command)? {
                perform(&observer, terminal, missing).await.report(terminal);
            }
            Ok(())
        };
        tokio::select! {
            done = installing => done,
            Some(signal) = signals.recv() => Err(Failure::new(signal.kind(), "installing was interrupted; no run has begun")),
        }
    });
    runtime.shutdown_background();
    ended
}
