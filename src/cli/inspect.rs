//! `provision plan`, `status` and `report`, which change nothing.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;

use super::args::{Cli, PlanArgs, ReportArgs, ReportFormat};
use super::output::Terminal;
use super::project::Project;
use super::runtime::runtime;
use super::trust;
use super::up::stop_signals;
use crate::error::{Failure, FailureKind};
use crate::fingerprint::StaleReason;
use crate::journal::{History, now_ms, running};
use crate::model::{Checklist, StepId};
use crate::plan::{Checking, Depth, Forecast, Moment, Plan, Selection, forecast, proofs, select};
use crate::report::{
    LastState, StepForecast, StepStatus, Theme, is_complete, write_checklist_json, write_checklist_markdown,
    write_checklist_text, write_forecast, write_status,
};
use crate::tools::Cancel;
use crate::tools::process::ChildRegistry;

/// Exit code of `plan --exit-code` when there is work.
const WORK_TO_DO: u8 = 10;

pub(super) fn plan(cli: &Cli, terminal: &Terminal, args: &PlanArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let selection = Selection { targets: args.select.clone(), ..Selection::default() };
    let plan = select(&project.graph, &selection)?;
    let history = project.history()?;
    let mut forecasts = forecast_steps(&project, &plan, &history, Depth::Probe)?;
    // They run only if something fails.
    forecasts.retain(|forecast| !forecast.is_standby);
    terminal.warn(forecasts.iter().flat_map(Forecast::warnings));
    // Steps that run every time are no work: they are verifications.
    let work = forecasts.iter().any(|f| !matches!(f.stale, None | Some(StaleReason::AlwaysRuns)));
    let rows: Vec<StepForecast> = forecasts
        .into_iter()
        .map(|forecast| StepForecast {
            title: project.title(&forecast.step),
            step: forecast.step,
            reason: forecast.stale,
            estimate: forecast.estimate,
        })
        .collect();
    terminal.print(|out| write_forecast(out, terminal.out, &rows, terminal.columns()))?;
    Ok(if work && args.exit_code { WORK_TO_DO } else { 0 })
}

pub(super) fn status(cli: &Cli, terminal: &Terminal) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let history = project.history()?;
    let running = running(project.tools.state_dir()).is_some();
    let known = project.graph.steps.iter().map(|node| (&node.step.id, node.step.title.clone()));
    // Steps that the pipeline no longer has are shown as such.
    let mut gone: Vec<_> = history.steps().map(|(id, _)| id).filter(|id| project.graph.step(id).is_none()).collect();
    gone.sort();
    let gone = gone.into_iter().map(|id| (id, "no longer in the pipeline".into()));
    let rows: Vec<StepStatus> = known
        .chain(gone)
        .map(|(step, title)| StepStatus { step: step.clone(), title, last: last_state(&history, step, running) })
        .collect();
    terminal.print(|out| write_status(out, terminal.out, &rows, terminal.columns()))?;
    Ok(0)
}

fn last_state(history: &History, step: &StepId, running: bool) -> LastState {
    let Some(known) = history.step(step) else { return LastState::NeverRun };
    if let Some(end) = &known.last {
        return LastState::Ended {
            outcome: end.outcome,
            finished_ms: end.at_ms,
            duration: Duration::from_millis(end.duration_ms),
            message: end.message.clone(),
        };
    }
    let of_last_run = history.last_run().map(|(run, _)| run) == known.started_in.as_ref();
    if running && of_last_run {
        let since = u64::try_from(now_ms() - known.started_ms).unwrap_or(0);
        LastState::Running { since: Duration::from_millis(since) }
    } else {
        LastState::InDoubt { started_ms: known.started_ms }
    }
}

pub(super) fn report(cli: &Cli, terminal: &Terminal, args: &ReportArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let history = project.history()?;
    let plan = select(&project.graph, &Selection::default())?;
    let forecasts = forecast_steps(&project, &plan, &history, Depth::Probe)?;
    let moment = Moment { now_ms: now_ms(), max_age: args.max_age.unwrap_or(project.pipeline.max_age) };
    let proofs = proofs(&project.graph, &history, &forecasts, moment);
    let checklist = Checklist {
        near: project.pipeline.near_items.clone(),
        ..Checklist::judge(project.items(), &project.pipeline.outline(), &proofs)
    };
    let name = project.pipeline.name.as_str();
    let now = moment.now_ms;
    let theme = if args.output.is_some() { Theme { color: false, unicode: true } } else { terminal.out };
    let write = |out: &mut dyn Write| match args.format {
        ReportFormat::Text => write_checklist_text(out, theme, &checklist, name, now),
        ReportFormat::Markdown => write_checklist_markdown(out, &checklist, name, now),
        ReportFormat::Json => write_checklist_json(out, &checklist, name, now),
    };
    match &args.output {
        None => terminal.print(write)?,
        Some(path) => {
            let mut text = Vec::new();
            write(&mut text).and_then(|()| fs::write(path, &text)).map_err(|error| {
                Failure::new(FailureKind::Usage, "can't write the file of `--output`").source(&error)
            })?;
        }
    }
    Ok(u8::from(args.check && !is_complete(&checklist)))
}

/// Returns what `up` would do with each selected step. A signal ends it, and the children that it has.
pub(super) fn forecast_steps(
    project: &Project,
    plan: &Plan,
    history: &History,
    depth: Depth,
) -> Result<Vec<Forecast>, Failure> {
    trust::require_for_probes(project)?;
    let runtime = runtime()?;
    let forecasts = runtime.block_on(async {
        let children = ChildRegistry::default().withholding(project.tools.secrets().variables());
        let (cancel, children) = (Cancel::new(), Arc::new(children));
        let mut signals = stop_signals(Arc::clone(&children))?;
        let checking = Checking { history, tools: &project.tools, children: &children, depth, cancel: &cancel };
        tokio::select! {
            forecasts = forecast(&project.graph, plan, checking) => Ok(forecasts),
            Some(signal) = signals.recv() => Err(Failure::new(signal.kind(), "probing the steps was interrupted")),
        }
    });
    runtime.shutdown_background();
    forecasts
}
