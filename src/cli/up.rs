//! `provision up` and `provision stage`.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::Thread;

use super::args::{Cli, Command, RunArgs, StageArgs, UpArgs};
use super::environments::Listing;
use super::given;
use super::install;
use super::output::Terminal;
use super::project::Project;
use super::prompter::TerminalPrompter;
use super::reporters::reporters;
use super::runtime::runtime;
use super::secrets;
use super::signals::stop_signals;
use super::trust;
use crate::action::Prompts;
use crate::error::{Failure, FailureKind};
use crate::event::event_channel;
use crate::exec::{self, Run};
use crate::journal::{Entry, History, Opened};
use crate::model::{Outcome, RunId};
use crate::plan::{Plan, Selection, select};
use crate::report::{Fanout, Format, NextCommands, OutputChoice, drive, write_json_error};
use crate::tools::process::ChildRegistry;

pub(super) fn up(cli: &Cli, terminal: &Terminal, args: &UpArgs) -> Result<u8, Failure> {
    let selection = Selection {
        targets: args.select.clone(),
        only: args.run.only,
        from: args.from.clone(),
        until: args.until.clone(),
        force: force(&args.run),
    };
    go(cli, terminal, &selection, &args.run)
}

pub(super) fn stage(cli: &Cli, terminal: &Terminal, args: &StageArgs) -> Result<u8, Failure> {
    if args.id.contains('.') {
        return Err(Failure::new(FailureKind::Usage, format!("`{}` is a step, not a stage", args.id))
            .hint(format!("provision up {}", args.id)));
    }
    let selection = Selection {
        targets: vec![args.id.clone()],
        only: args.run.only,
        force: force(&args.run),
        ..Selection::default()
    };
    go(cli, terminal, &selection, &args.run)
}

/// `--force` alone is everything that is selected.
fn force(args: &RunArgs) -> Option<Vec<String>> {
    match args.force.as_slice() {
        [] => None,
        names if names.iter().any(String::is_empty) => Some(Vec::new()),
        names => Some(names.to_vec()),
    }
}

/// Runs what is selected. A program that reads the events gets the failure of the command itself as well.
fn go(cli: &Cli, terminal: &Terminal, selection: &Selection, args: &RunArgs) -> Result<u8, Failure> {
    let result = run_selected(cli, terminal, selection, args);
    if let Err(failure) = &result {
        tell_program(terminal, args.output, failure)?;
    }
    result
}

/// Tells the failure of a command to a program that reads its events.
pub(super) fn tell_program(terminal: &Terminal, output: OutputChoice, failure: &Failure) -> Result<(), Failure> {
    // The file of `--events` is that of a run, maybe of another one that goes on: it is left alone.
    if output.resolve(terminal.interactive, &terminal.environment) != Format::Json {
        return Ok(());
    }
    terminal.print(|out| write_json_error(out, failure))
}

fn run_selected(cli: &Cli, terminal: &Terminal, selection: &Selection, args: &RunArgs) -> Result<u8, Failure> {
    // The process ends with the run. To free ten thousand steps and their records one by one takes a tenth of a run
    // with nothing to do.
    let project = ManuallyDrop::new(Project::load(cli, terminal)?);
    let plan = select(&project.graph, selection)?;
    let ran = ManuallyDrop::new(run(cli, terminal, &project, &plan, args)?);
    Ok(ran.kind.map_or(0, FailureKind::exit_code))
}

/// What a run leaves.
pub(super) struct Ran {
    /// What decides the exit code, unless it succeeded.
    pub(super) kind: Option<FailureKind>,
    /// What was known when it began.
    _history: Arc<History>,
    /// What has shown it.
    _shown: Option<Fanout>,
}

/// Runs `plan` and shows that.
pub(super) fn run(
    cli: &Cli,
    terminal: &Terminal,
    project: &Project,
    plan: &Plan,
    args: &RunArgs,
) -> Result<Ran, Failure> {
    let ways = trust::Ways { flag: args.consent.trust, can_ask: can_ask(terminal, args) };
    trust::require(terminal, project, ways)?;
    project.tools.check_access()?;
    if args.install {
        let consent = install::Consent { yes: args.consent.yes, can_ask: ways.can_ask };
        let command = format!("{} --yes", given::again(project.tools.redactor()));
        install::before_run(terminal, project, plan, consent, &command)?;
    }
    // With `--keep-going` whatever needs no secret runs.
    if !args.keep_going {
        secrets::require(project, plan)?;
    }
    let command = given::recorded();
    let mut opened = project.open_journal(&command, args.strict_state)?;
    let mut warnings = project.warnings.clone();
    warnings.append(&mut opened.warnings);
    warnings.extend(settle_killed_runs(&mut opened)?);
    warnings.extend(project.set_foreign_kubeconfig_aside(args.strict_state)?);
    let (sink, events) = event_channel();
    let next = NextCommands {
        resume: given::again(project.tools.redactor()),
        goes_on: matches!(cli.command, Command::Watch(_)),
        after: (!project.items().is_empty()).then(|| "provision report".to_owned()),
    };
    let history = Arc::new(opened.history);
    let reporters = reporters(cli, terminal, args, (project, plan), &history, next)?;
    let shown = Shown::start(|| drive(events, reporters));
    let id = new_run_id()?;
    let listing = Listing::of(project, terminal);
    listing.begin(&id, &command, plan);
    let children = ChildRegistry::of_run(id.as_str()).withholding(project.tools.secrets().variables());
    let children = Arc::new(children);
    let run = Run {
        id: id.clone(),
        command: command.clone(),
        history: Arc::clone(&history),
        tools: Arc::clone(&project.tools),
        prompts: Arc::new(prompts(terminal, args)),
        children: Arc::clone(&children),
        sink,
        jobs: args.jobs,
        keep_going: args.keep_going,
        warnings,
    };
    let runtime = runtime()?;
    let end = runtime.block_on(async {
        let signals = stop_signals(children)?;
        let outline = project.pipeline.outline();
        exec::execute(&project.graph, outline, plan, &mut opened.journal, run, signals).await
    });
    // Checks that are not awaited any more must not delay the end.
    runtime.shutdown_background();
    let shown = shown.end();
    for failure in lost_output(shown.as_ref()) {
        terminal.show_failure(&failure);
    }
    let end = end?;
    listing.end(&id, &command, end.outcome);
    Ok(Ran { kind: end.kind, _history: history, _shown: shown })
}

/// The thread that shows a run.
struct Shown {
    thread: Thread,
    reporters: Receiver<Fanout>,
}

impl Shown {
    fn start(drive: impl FnOnce() -> Fanout + Send + 'static) -> Self {
        let (sender, reporters) = channel();
        let thread = std::thread::spawn(move || drop(sender.send(drive())));
        Self { thread: thread.thread().clone(), reporters }
    }

    /// Waits until everything is shown, but not until the thread has cleaned up after itself. Returns `None` if it
    /// panicked.
    fn end(self) -> Option<Fanout> {
        self.thread.unpark();
        self.reporters.recv().ok()
    }
}

/// Returns what could not be shown: the run's result stands, whatever became of its output.
fn lost_output(shown: Option<&Fanout>) -> Vec<Failure> {
    let Some(reporters) = shown else {
        let failure = Failure::bug("showing the run ended early by an internal error; the run itself went on");
        return vec![failure.hint("`provision status` and `provision report` show how it ended")];
    };
    let detached = reporters.detached().iter();
    detached.map(|lost| Failure::failed(format!("stopped writing to {}", lost.name)).cause(&lost.error)).collect()
}

/// Stops what killed runs of this project have left running, and records that nothing of them is left. Returns what a
/// person should know of that.
fn settle_killed_runs(opened: &mut Opened) -> Result<Vec<String>, Failure> {
    let told = exec::stop_orphans(&opened.history);
    let children = opened.history.children().map(|child| Entry::ChildEnded(child.pid));
    let died = |run: &RunId| Entry::RunFinished { run: run.clone(), outcome: Outcome::Interrupted, error: None };
    let settled: Vec<Entry> = children.chain(opened.history.unfinished_runs().map(died)).collect();
    if !settled.is_empty() {
        opened.journal.append(&settled)?;
    }
    Ok(told)
}

/// Whether a person watches who can be asked: on a terminal, with an output for people.
fn can_ask(terminal: &Terminal, args: &RunArgs) -> bool {
    let format = args.output.resolve(terminal.interactive, &terminal.environment);
    let is_for_people = matches!(format, Format::Tty | Format::Lines);
    terminal.interactive && terminal.can_ask() && is_for_people
}

/// Steps may ask where a person can be asked.
fn prompts(terminal: &Terminal, args: &RunArgs) -> Prompts {
    if can_ask(terminal, args) { Prompts::new(TerminalPrompter) } else { Prompts::default() }
}

fn new_run_id() -> Result<RunId, Failure> {
    let now = jiff::Timestamp::now();
    let seed = format!("{now:?} {}", std::process::id());
    let digits = &blake3::hash(seed.as_bytes()).to_hex()[..8];
    RunId::new(&format!("{}-{digits}", now.strftime("%Y%m%d-%H%M%S")))
        .map_err(|error| Failure::bug("a run's name").source(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reporter_that_panics_is_told_and_no_failure_of_the_run() {
        let shown = Shown::start(|| panic!("an error in a reporter")).end();
        let failures = lost_output(shown.as_ref());
        assert_eq!(failures.len(), 1);
        assert!(failures[0].message.contains("the run itself went on"), "{}", failures[0]);
        assert!(lost_output(Shown::start(Fanout::new).end().as_ref()).is_empty());
    }
}
