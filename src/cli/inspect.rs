//! `provision plan` and `report`, which change nothing.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::args::{Cli, PlanArgs, ReadFormat, ReportArgs, ReportCommand};
use super::diff::diff;
use super::output::Terminal;
use super::project::Project;
use super::runtime::runtime;
use super::secrets;
use super::signals::stop_signals;
use super::tick::tick;
use super::trust;
use crate::error::Failure;
use crate::event::LOG_DEPTH;
use crate::files::open_below;
use crate::fingerprint::StaleReason;
use crate::journal::{History, now_ms};
use crate::model::Checklist;
use crate::pipeline::Stage;
use crate::plan::{Checking, Depth, Forecast, Moment, Plan, Selection, forecast, proofs, select};
use crate::report::{
    ChecklistReport, ForecastGraph, StepForecast, Timeline, TimelineStep, is_complete, write_forecast,
    write_forecast_json,
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
    if let Err(failure) = secrets::require(&project, &plan) {
        terminal.warn([format!("`provision up` would not begin: {failure}")]);
    }
    // Steps that run every time are no work: they are verifications.
    let work = forecasts.iter().any(|f| !matches!(f.stale, None | Some(StaleReason::AlwaysRuns)));
    let rows: Vec<StepForecast> = forecasts.into_iter().map(|forecast| step_forecast(&project, forecast)).collect();
    match args.format {
        ReadFormat::Text => terminal.print(|out| write_forecast(out, terminal.out, &rows, terminal.columns()))?,
        ReadFormat::Json => {
            let named = |stage: &&Stage| rows.iter().any(|row| row.step.stage() == stage.id.as_str());
            let stages = project.pipeline.stages.iter().filter(named);
            let graph = ForecastGraph {
                pipeline: project.pipeline.name.as_str(),
                has_work: work,
                stages: stages.map(|stage| (&stage.id, stage.needs.as_slice())).collect(),
            };
            terminal.print(|out| write_forecast_json(out, &graph, &rows))?;
        }
    }
    Ok(if work && args.exit_code { WORK_TO_DO } else { 0 })
}

fn step_forecast(project: &Project, forecast: Forecast) -> StepForecast {
    let step = &project.graph.steps[forecast.number].step;
    StepForecast {
        title: project.title(&forecast.step),
        action: step.action_type.name,
        needs: step.needs.clone(),
        key: forecast.checked.map(|checked| checked.inputs.fingerprint().to_string()),
        step: forecast.step,
        reason: forecast.stale,
        estimate: forecast.estimate,
    }
}

pub(super) fn report(cli: &Cli, terminal: &Terminal, args: &ReportArgs) -> Result<u8, Failure> {
    if let Some(ReportCommand::Diff(args)) = &args.command {
        return diff(cli, terminal, args);
    }
    let project = Project::load(cli, terminal)?;
    let history = project.history()?;
    let plan = select(&project.graph, &Selection::default())?;
    let forecasts = forecast_steps(&project, &plan, &history, Depth::Probe)?;
    let moment = Moment { now_ms: now_ms(), max_age: args.max_age.unwrap_or(project.pipeline.max_age) };
    let proofs = proofs(&project.graph, &history, &forecasts, moment);
    let checklist = Checklist {
        near: project.pipeline.near_items.clone(),
        ..Checklist::judge(project.items(), &project.pipeline.outline(), &proofs)
            .waived(&project.pipeline.waivers, moment.now_ms)
    };
    let report = ChecklistReport {
        pipeline: project.pipeline.name.as_str(),
        checklist: &checklist,
        generated_ms: moment.now_ms,
        theme: terminal.theme_for(args.output.as_ref()),
        timeline: last_run(&project, &history),
        log: &|path| last_lines(&project.tools.root().join(path)),
        error: &|evidence| {
            let end = history.step(&evidence.step)?.last.as_ref().filter(|end| end.run == evidence.run)?;
            end.error.as_deref().cloned()
        },
    };
    terminal.save_or_print(args.output.as_ref(), |out| (args.format.write)(out, &report))?;
    if args.tick {
        let told = tick(&project, &checklist)?;
        terminal.note(told);
    }
    if args.check && checklist.items.is_empty() {
        terminal.note(["nothing was checked: the pipeline's `checklists` have no item".to_owned()]);
    }
    Ok(u8::from(args.check && !is_complete(&checklist)))
}

/// Returns what ran in the last run.
fn last_run<'a>(project: &'a Project, history: &'a History) -> Option<Timeline<'a>> {
    let (run, record) = history.last_run()?;
    let ends = history.steps().filter_map(|(id, known)| Some((id, known.last.as_deref()?)));
    let mut steps: Vec<TimelineStep> = ends
        .filter(|(_, end)| end.run == *run)
        .map(|(id, end)| TimelineStep {
            id,
            title: project.title(id),
            outcome: end.outcome,
            finished_ms: end.at_ms,
            duration_ms: end.duration_ms,
            message: end.message.as_deref(),
        })
        .collect();
    steps.sort_by_key(|step| (step.began_ms(), step.id));
    Some(Timeline {
        run: run.as_str(),
        command: &record.command,
        commit: record.commit.as_deref(),
        outcome: record.outcome,
        began_ms: record.at_ms,
        steps,
    })
}

/// Most bytes of a log that a report shows: its end.
const MAX_LOG: u64 = 16 << 10;

/// Returns the last lines of a log; `None` if it is gone.
fn last_lines(path: &Path) -> Option<String> {
    let mut file = open_below(path, LOG_DEPTH).ok()?;
    let length = file.metadata().ok()?.len();
    let skipped = length.saturating_sub(MAX_LOG);
    file.seek(SeekFrom::Start(skipped)).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_LOG).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line is whole only if nothing was skipped.
    let text = if skipped == 0 { &*text } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
    Some(text.to_owned())
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
