//! `provision ls`, and what `up` and `down` put on record for it: the environments of this machine. No daemon and no
//! cluster is asked.

use std::path::PathBuf;

use super::args::{Cli, Command, LsArgs, ReadFormat};
use super::output::Terminal;
use super::project::Project;
use crate::error::{Context, Failure, FailureKind, ids};
use crate::journal::{journal_path, now_ms, read_early, read_history, running};
use crate::model::{Outcome, RunId};
use crate::pipeline::Step;
use crate::plan::Plan;
use crate::report::{
    EnvironmentCluster, EnvironmentRun, EnvironmentState, Environments, ListedEnvironment, write_environments,
    write_environments_json,
};
use crate::suggest::suggest;
use crate::tools::checkout_slug;
use crate::tools::process::shell_quoted;

mod registry;

use registry::{Record, RecordedCluster, RecordedRun, Registry};

pub(super) fn ls(terminal: &Terminal, args: &LsArgs) -> Result<u8, Failure> {
    let registry = registry()?;
    let mut contents = registry.read().context(|| "reading the list of environments".into())?;
    if args.prune {
        let (gone, there) = contents.records.into_iter().partition(|record: &Record| !record.file.is_file());
        contents.records = there;
        for record in gone {
            registry.forget(&record).context(|| format!("forgetting the environment `{}`", record.name))?;
            terminal.note([format!("forgot {}: there is no {} any more", record.name, record.file.display())]);
        }
    }
    let environments = Environments {
        all: contents.records.into_iter().map(shown).collect(),
        unreadable: contents.unreadable.iter().map(|(path, _)| path.clone()).collect(),
    };
    terminal.warn(contents.unreadable.iter().map(|(path, why)| {
        format!("`{}` is left out: {why}; the next `provision up` of its checkout writes it again", path.display())
    }));
    terminal.print(|out| match args.format {
        ReadFormat::Text => write_environments(out, terminal.out, &environments),
        ReadFormat::Json => write_environments_json(out, &environments),
    })?;
    Ok(0)
}

fn registry() -> Result<Registry, Failure> {
    Registry::of_user().ok_or_else(|| {
        Failure::of(ids::ENVIRONMENTS_UNUSABLE, "the environments of this machine can't be listed")
            .cause("this user has no folder for state")
            .hint("set XDG_STATE_HOME or HOME to a folder of yours")
    })
}

fn shown(mut record: Record) -> ListedEnvironment {
    let exists = record.file.is_file();
    let is_busy = exists && running(&record.state_dir()).is_some();
    if exists
        && !is_busy
        && let Some(run) = killed_run(&record)
    {
        (record.run, record.down_ms) = (Some(run), None);
    }
    let outcome = record.run.as_ref().and_then(|run| run.outcome.as_deref()).and_then(Outcome::from_word);
    let state = match outcome {
        _ if is_busy => EnvironmentState::Busy,
        _ if record.down_ms.is_some() => EnvironmentState::Down,
        Some(Outcome::Succeeded) => EnvironmentState::Up,
        Some(Outcome::Failed) => EnvironmentState::Failed,
        // Also one that was killed: it could not say how it ended.
        _ => EnvironmentState::Interrupted,
    };
    ListedEnvironment {
        name: record.name,
        pipeline: record.pipeline,
        file: record.file,
        exists,
        profile: record.profile,
        cluster: record.cluster.map(|of| EnvironmentCluster {
            name: of.name,
            context: of.context,
            provider: of.provider,
        }),
        state,
        run: record.run.map(|run| EnvironmentRun {
            id: run.id,
            command: run.command,
            outcome: run.outcome,
            finished_ms: run.finished_ms,
        }),
        down_ms: record.down_ms,
    }
}

/// Returns the last run of an environment if it was killed: it could not put on record itself how it ended. The journal
/// of its checkout has its beginning. One that began before the environment was taken down says nothing of it any more.
fn killed_run(record: &Record) -> Option<RecordedRun> {
    let state_dir = record.state_dir();
    // Why it can't be read, the commands in the checkout say.
    let history = read_history(&state_dir, read_early(&state_dir)).ok()?;
    let (id, run) = history.last_run()?;
    let is_killed = run.outcome.is_none()
        && record.down_ms.is_none_or(|down| down < run.at_ms)
        && history.has_started(id, record.profile.as_deref());
    is_killed.then(|| RecordedRun {
        id: id.as_str().to_owned(),
        command: run.command.clone(),
        outcome: None,
        finished_ms: None,
    })
}

/// Makes a command line that names an environment, as `down --env NAME` does, name its pipeline and its profile.
pub(super) fn locate(cli: &mut Cli) -> Result<(), Failure> {
    let Command::Down(args) = &mut cli.command else { return Ok(()) };
    let Some(name) = args.env.take() else { return Ok(()) };
    let global = &mut cli.global;
    if global.place.file.is_some()
        || args.place.file.is_some()
        || global.directory.is_some()
        || global.profile.is_some()
    {
        return Err(Failure::new(FailureKind::Usage, format!("`--env {name}` says which pipeline and profile it is"))
            .hint("leave out `-f`, `-C` and `-p`, or leave out `--env`"));
    }
    let contents = registry()?.read().context(|| "reading the list of environments".into())?;
    let records = contents.records;
    let Some(record) = records.iter().find(|record| record.name == name) else {
        let names = records.iter().map(|record| record.name.as_str());
        let failure = Failure::new(FailureKind::Usage, format!("there is no environment `{name}` on record"));
        let failure = suggest(&name, names).into_iter().fold(failure, Failure::hint);
        let unread = contents.unreadable.iter().map(|(path, why)| format!("`{}` can't be read: {why}", path.display()));
        return Err(unread.fold(failure, Failure::cause).hint("provision ls   # lists them"));
    };
    if !record.file.is_file() {
        return Err(gone(record));
    }
    global.place.file = Some(record.file.clone());
    global.profile.clone_from(&record.profile);
    Ok(())
}

/// Returns the failure of an environment without its pipeline's file: nothing else says what was made.
fn gone(record: &Record) -> Failure {
    let (name, file) = (&record.name, record.file.display());
    // As on another branch.
    let has_folder = record.file.parent().is_some_and(std::path::Path::is_dir);
    let what = if has_folder { "pipeline's file" } else { "checkout" };
    let failure = Failure::new(FailureKind::Usage, format!("the {what} of `{name}` is gone"))
        .cause(format!("there is no {file}, which says what was made"));
    let stays = match &record.cluster {
        Some(cluster) => format!("what it has made stays where it is, also in the cluster `{}`", cluster.name),
        None => "what it has made stays where it is".to_owned(),
    };
    // What was made is found again by the place of the checkout.
    failure
        .cause(stays)
        .hint(format!("put it back there, then: `provision down --env {}`", shell_quoted(name)))
        .hint("provision ls --prune   # only forgets the environments whose checkouts are gone")
}

/// The names of the environments on record, each with its pipeline's file.
pub(super) fn names() -> Vec<(String, PathBuf)> {
    let contents = Registry::of_user().and_then(|registry| registry.read().ok()).unwrap_or_default();
    contents.records.into_iter().map(|record| (record.name, record.file)).collect()
}

/// Returns the state folders of the checkouts on record; fails if one of them can't be read.
pub(super) fn state_dirs() -> Result<Vec<PathBuf>, Failure> {
    let Some(registry) = Registry::of_user() else { return Ok(Vec::new()) };
    let contents = registry.read().context(|| "reading the list of environments".into())?;
    if let Some((path, why)) = contents.unreadable.into_iter().next() {
        return Err(Failure::of(ids::ENVIRONMENTS_UNUSABLE, format!("`{}` can't be read: {why}", path.display()))
            .hint("run `provision up` in its checkout, which writes it again, or delete the file"));
    }
    Ok(contents.records.iter().map(Record::state_dir).collect())
}

/// The record of the environment that a command works on. That it can't be written fails no command.
pub(super) struct Listing<'a> {
    terminal: &'a Terminal,
    project: &'a Project,
    registry: Option<Registry>,
    /// Without the cluster, which counts once a step has used it.
    record: Record,
    cluster: Option<RecordedCluster>,
    /// What was on record before.
    known: Option<Record>,
    journal: PathBuf,
    journal_bytes: u64,
}

impl<'a> Listing<'a> {
    /// That of `project`. Its lock is held, so nobody else writes the same record.
    pub(super) fn of(project: &'a Project, terminal: &'a Terminal) -> Self {
        let pipeline = &project.pipeline;
        let cluster = pipeline.cluster.as_ref().map(|cluster| RecordedCluster {
            name: cluster.name.clone(),
            context: cluster.context.clone(),
            provider: cluster.provider.to_owned(),
        });
        let slug = checkout_slug(project.tools.state_dir()).unwrap_or_default();
        let record = Record::new(&slug, &pipeline.name, &project.file, pipeline.scope.as_deref());
        let journal = journal_path(project.tools.state_dir());
        let journal_bytes = bytes(&journal);
        let registry = Registry::of_user();
        let known = registry.as_ref().and_then(|registry| registry.known(&record));
        Self { terminal, project, registry, record, cluster, known, journal, journal_bytes }
    }

    /// Returns the record of a run. `uses` says of a step whether it uses the cluster if it is one that can.
    fn record_of(&self, run: RecordedRun, uses: impl Fn(&Step) -> bool) -> Record {
        let can_use = |step: &Step| {
            let of = step.action_type;
            of.makes_cluster || of.in_cluster || of.hands_cluster_on && step.after_cluster
        };
        let is_used = self.was_used() || self.project.pipeline.steps().any(|step| can_use(step) && uses(step));
        Record { run: Some(run), cluster: self.cluster.clone().filter(|_| is_used), ..self.record.clone() }
    }

    /// Whether the cluster is on record already.
    fn was_used(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.cluster.is_some() && known.cluster == self.cluster)
    }

    /// Notes that a run begins, where nothing is on record yet: also one that is killed is listed then, with a cluster
    /// that it may have made.
    pub(super) fn begin(&self, run: &RunId, command: &str, plan: &Plan) {
        if self.known.is_none() {
            let run = RecordedRun {
                id: run.as_str().to_owned(),
                command: command.to_owned(),
                outcome: None,
                finished_ms: None,
            };
            let graph = &self.project.graph;
            let is_selected = |step: &Step| graph.step(&step.id).is_some_and(|number| plan.selected[number]);
            self.keep(&self.record_of(run, is_selected));
        }
    }

    /// Notes how a run ended. One that had nothing to do is not noted: the one before it is the last one that did.
    pub(super) fn end(&self, run: &RunId, command: &str, outcome: Outcome) {
        let did_nothing = outcome == Outcome::Succeeded && bytes(&self.journal) == self.journal_bytes;
        let was_up = |known: &Record| {
            let same = Record { run: None, cluster: None, ..known.clone() } == self.record;
            let same = same && (known.cluster.is_none() || known.cluster == self.cluster);
            same && known.run.as_ref().is_some_and(|run| run.outcome.as_deref() == Some(outcome.word()))
        };
        if did_nothing && self.known.as_ref().is_some_and(was_up) {
            return;
        }
        let run = RecordedRun {
            id: run.as_str().to_owned(),
            command: command.to_owned(),
            outcome: Some(outcome.word().to_owned()),
            finished_ms: Some(now_ms()),
        };
        // What can't be read again now is no reason to forget a cluster.
        let is_open = self.cluster.is_some() && !self.was_used();
        let history = if is_open { self.project.history().ok() } else { None };
        let has_begun = |step: &Step| history.as_ref().is_none_or(|history| history.step(&step.id).is_some());
        self.keep(&self.record_of(run, has_begun));
    }

    /// Notes that the environment was taken down; one of which nothing is left is forgotten. `has_cluster` says whether
    /// a cluster that the pipeline makes may still be there.
    pub(super) fn taken_down(&self, has_cluster: bool) {
        let Some(known) = &self.known else { return };
        if has_cluster {
            self.keep(&Record { down_ms: Some(now_ms()), ..known.clone() });
        } else if let Some(Err(error)) = self.registry.as_ref().map(|registry| registry.forget(known)) {
            self.terminal.warn([format!("`provision ls` still lists this environment: {error}")]);
        }
    }

    fn keep(&self, record: &Record) {
        if let Some(Err(error)) = self.registry.as_ref().map(|registry| registry.keep(record)) {
            self.terminal.warn([format!("`provision ls` does not know of this run: {error}")]);
        }
    }
}

fn bytes(file: &std::path::Path) -> u64 {
    fs_err::metadata(file).map_or(0, |found| found.len())
}
