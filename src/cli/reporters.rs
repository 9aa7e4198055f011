//! What shows a run: on standard output, on the terminal beside it, and in the files that the command line names.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;

use super::args::{Cli, RunArgs};
use super::output::{AppendTo, Terminal};
use super::project::Project;
use crate::error::{Failure, ids};
use crate::journal::History;
use crate::plan::{Graph, Plan};
use crate::report::{
    Bell, Expected, Fanout, Format, Json, Needs, NextCommands, Size, SizeOf, StepSummary, TaskbarProgress, Trace,
    Verbosity, reporter,
};

/// Returns the reporters of a run of `plan`.
pub(super) fn reporters(
    cli: &Cli,
    terminal: &Terminal,
    args: &RunArgs,
    (project, plan): (&Project, &Plan),
    history: &Arc<History>,
    next: NextCommands,
) -> Result<Fanout, Failure> {
    let verbosity = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let format = args.output.resolve(terminal.interactive, &terminal.environment);
    let size_of: SizeOf = Arc::new(|| Size::of(io::stdout()));
    let expected = expected(Arc::clone(history));
    let shown = reporter(format, Box::new(io::stdout()), size_of, expected, terminal.out, verbosity, next);
    let mut reporters = Fanout::new().with("standard output", shown);
    if terminal.interactive && matches!(format, Format::Tty | Format::Lines) {
        if terminal.environment.wants_progress() {
            reporters = reporters.with("the terminal's progress", TaskbarProgress::new(io::stdout()));
        }
        if let Some(after) = args.bell {
            reporters = reporters.with("the terminal's bell", Bell::new(io::stdout(), after));
        }
    }
    if let (Format::Github, Some(path)) = (format, &terminal.environment.step_summary) {
        let name = format!("`{}`, the file of `GITHUB_STEP_SUMMARY`", path.display());
        reporters = reporters.with(name, StepSummary::new(AppendTo(path.clone())));
    }
    if let Some(path) = &args.events {
        let file = create(path, "--events")?;
        reporters = reporters.with(format!("`{}`", path.display()), Json::new(file));
    }
    if let Some(path) = &args.profile_trace {
        let file = io::BufWriter::new(create(path, "--profile-trace")?);
        reporters = reporters.with(format!("`{}`", path.display()), Trace::new(file, needs(&project.graph, plan)));
    }
    Ok(reporters)
}

/// Returns what tells how long a step took when it last succeeded. What was known before the run is in memory anyway.
fn expected(history: Arc<History>) -> Expected {
    Box::new(move |step| {
        let end = history.step(step)?.last_success.as_ref()?;
        Some(Duration::from_millis(end.duration_ms))
    })
}

fn create(path: &Path, option: &str) -> Result<fs::File, Failure> {
    fs::File::create(path).map_err(|error| {
        Failure::of(ids::FILE_NOT_WRITTEN, format!("can't write the file of `{option}`")).source(&error)
    })
}

/// Returns what each selected step waits for. A fallback waits for a failure, which is no need.
fn needs(graph: &Graph, plan: &Plan) -> Needs {
    let in_use = |stage: usize| graph.stages[stage].steps.clone().any(|step| plan.selected[step]);
    let of_steps = graph.steps.iter().enumerate().filter(|(number, _)| !graph.is_fallback(*number));
    let of_steps = of_steps.map(|(_, node)| {
        let needs = node.needs.iter().map(|need| graph.steps[*need].step.id.clone());
        (node.step.id.clone(), needs.collect())
    });
    let of_stages = graph.stages.iter().enumerate().map(|(number, stage)| {
        let needs = graph.stages_before(number, in_use).into_iter().map(|need| graph.stages[need].id.clone());
        (stage.id.to_string(), needs.collect())
    });
    Needs { of_steps: of_steps.collect(), of_stages: of_stages.collect() }
}
