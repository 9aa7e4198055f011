//! The durable memory of a project: `.provision/journal.jsonl`, one writer under a lock, readers at any time.
//!
//! A step's intent is written before its first effect and its end before it is announced, each with one `fdatasync` for
//! all that became known together. After a kill at any point the file is a valid prefix and at most one torn line.

mod clock;
mod contents;
mod disk;
mod file;
mod folder;
mod history;
mod known;
mod lock;
mod mark;
mod owner;
mod past;
mod place;
mod record;
mod tagged;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{ErrorObject, Failure, ids};
use crate::fingerprint::Inputs;
use crate::model::{Outcome, Output, RunId, StepId};

pub use clock::now_ms;
pub use contents::EarlyContents;
pub use history::{CONTEXT, History};
pub use known::{Child, Down, RunRecord, StepEnd, StepHistory};
pub use lock::{DOWN, GC, Holder, Lock};
pub use past::{Past, PastRun};

use file::JournalFile;
use folder::StateFolder;
use record::{DOWN_BEGUN, DOWN_DONE, ItemTexts, Record};

/// A project's journal, open for writing; the lock is held.
#[derive(Debug)]
pub struct Journal {
    file: JournalFile,
    lock: Lock,
    state_dir: PathBuf,
    /// See [`History::in_scope`].
    scope: Option<String>,
    /// Names the state folder in records.
    folder: String,
}

/// What [`Journal::open`] found.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// What its records say.
    pub history: History,
    /// What a person should know: a torn record dropped, a damaged file set aside.
    pub warnings: Vec<String>,
}

/// Something to be written.
#[derive(Clone, Debug)]
pub enum Entry {
    /// The first step of a run is about to start, or the run has failed before that.
    RunStarted {
        /// The run.
        run: RunId,
        /// What was typed.
        command: String,
        /// The commit that is checked out.
        commit: Option<String>,
        /// The checklist items that each step covers, with the digests of their texts.
        items: BTreeMap<StepId, Inputs>,
    },
    /// A step's action is about to touch the world.
    StepStarted {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// Its inputs.
        inputs: Inputs,
    },
    /// `down` is about to remove what a step has made, or has done so.
    StepDown {
        /// The run that last started it.
        run: RunId,
        /// The step.
        step: StepId,
        /// Whether it is gone.
        is_done: bool,
    },
    /// A child process of a step runs.
    ChildStarted(Child),
    /// It is gone.
    ChildEnded(u32),
    /// A step has ended.
    StepFinished {
        /// The step.
        step: StepId,
        /// How; `at_ms` is set when it is written.
        end: Box<StepEnd>,
    },
    /// A run has ended.
    RunFinished {
        /// The run.
        run: RunId,
        /// How.
        outcome: Outcome,
        /// Why it failed, with the step that did, if one did.
        error: Option<(Option<StepId>, Box<ErrorObject>)>,
    },
}

impl Journal {
    /// Opens the journal in `state_dir` for writing, making folder and file where they are missing. Fails at once when
    /// another run holds the lock. A torn last line is cut off; a file that is damaged elsewhere is set aside under
    /// another name, and what stands before the damage is kept; with `strict` it is refused instead.
    pub fn open(state_dir: &Path, command: &str, strict: bool) -> Result<Opened, Failure> {
        Self::open_read(state_dir, command, strict, EarlyContents::default())
    }

    /// The same with what [`read_early`] has begun to read.
    pub fn open_read(state_dir: &Path, command: &str, strict: bool, early: EarlyContents) -> Result<Opened, Failure> {
        let StateFolder { id: folder, mut warnings } = folder::make(state_dir)?;
        let (lock, told) = lock::take(&state_dir.join("lock"), &Holder::this_process(command))?;
        warnings.extend(told);
        let path = journal_path(state_dir);
        let (mut file, mut history) = JournalFile::open(&path, &folder, early, strict, &mut warnings)?;
        if history.is_of_another_folder(&folder) {
            if strict {
                return Err(foreign(&path).cause("it is left as it is: `--strict-state`"));
            }
            warnings.push(file.set_aside()?);
            history = History::default();
        }
        history.set_folder(folder.clone());
        let mut journal = Self { file, lock, state_dir: state_dir.to_owned(), folder, scope: None };
        journal.check_in_place()?;
        Ok(Opened { journal, history, warnings })
    }

    /// Records in `scope` from now on: see [`History::in_scope`].
    pub fn set_scope(&mut self, scope: Option<&str>) {
        self.scope = scope.map(str::to_owned);
    }

    /// Appends `entries` with one write and makes them durable, unless all of them are about children only. Fails when
    /// the journal is no longer ours, or what is durable is not under its path: no later run would know of it.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        let (now, scope) = (now_ms(), self.scope.clone());
        let to_record = |entry| to_record(entry, scope.as_deref(), now, &self.folder);
        let records: Vec<Record<'_>> = entries.iter().map(to_record).collect();
        if entries.iter().all(|entry| matches!(entry, Entry::ChildStarted(_) | Entry::ChildEnded(_))) {
            // Lost, as by a power loss, where another run may hold the lock: the next record that counts says so.
            return if self.is_locked()? { self.file.append(&records, false) } else { Ok(()) };
        }
        // Without the lock the file may be another run's.
        self.check_in_place()?;
        self.file.append(&records, true)?;
        self.check_in_place()
    }

    /// Fails when the state folder, or a file of ours in it, was removed, replaced or changed by somebody else: what is
    /// written now is read by nobody, and another run may have begun beside this one.
    pub fn check_in_place(&mut self) -> Result<(), Failure> {
        if self.is_locked()? && self.file.is_in_place()? {
            return Ok(());
        }
        let message = format!("`{}` was removed, replaced or changed during the run", self.state_dir.display());
        Err(Failure::of(ids::STATE_LOST, message)
            .cause("nothing that this run records can be found any more, and another run may have begun beside it")
            .hint("run the same command again: what is not recorded runs again"))
    }

    fn is_locked(&self) -> Result<bool, Failure> {
        self.lock.is_in_place().map_err(|error| {
            lock::state_failure("can't see whether the lock of this project's state is in its place", &error)
        })
    }

    /// Leaves out of the file what later records have made void. Returns its lengths before and after, in bytes.
    pub fn rewrite(&mut self) -> Result<(u64, u64), Failure> {
        self.check_in_place()?;
        self.file.rewrite().map_err(|error| lock::state_failure("can't make the journal shorter", &error))
    }

    /// Makes the file smaller where that is worth it. To be called when a run is over; a failure costs space alone.
    pub fn compact(&mut self) {
        if let Err(error) = self.file.compact() {
            tracing::debug!("the journal was not compacted: {error}");
        }
    }
}

/// Fails if something in the state folder is another user's and keeps a run from its work.
pub fn check_owner(state_dir: &Path) -> Result<(), Failure> {
    owner::check_writing(state_dir)
}

/// Returns what the journal in `state_dir` says, read without a lock; nothing when there is none. A line that is just
/// being written is not there yet. Fails if the folder was not made here.
pub fn read_history(state_dir: &Path, early: EarlyContents) -> Result<History, Failure> {
    let folder = folder::check_reading(state_dir)?;
    let path = journal_path(state_dir);
    let mut history = file::read(&path, early)?;
    if let Some(folder) = folder {
        refuse_foreign(&history, &folder, &path)?;
        history.set_folder(folder);
    }
    Ok(history)
}

/// Fails if the journal at `path` is of another state folder than `folder`, the one that it is in. Git replaces ignored
/// files without a word, so that a repository can put a journal into a folder that was made here.
fn refuse_foreign(history: &History, folder: &str, path: &Path) -> Result<(), Failure> {
    if !history.is_of_another_folder(folder) {
        return Ok(());
    }
    Err(foreign(path).hint("`provision up` keeps it as `.provision/journal.foreign-…` and checks every step"))
}

fn foreign(path: &Path) -> Failure {
    let message = format!("`{}` was not written here, and nothing in it is believed", path.display());
    Failure::of(ids::STATE_FOREIGN, message)
        .cause(
            "it is of another folder, or of an earlier version: `git pull` may have put it here, if it was committed",
        )
        .hint("if it is committed, remove it from the repository: `git rm --cached -r .provision`")
}

/// Begins to read the journal in `state_dir` on a thread of its own.
pub fn read_early(state_dir: &Path) -> EarlyContents {
    EarlyContents::start(journal_path(state_dir))
}

/// The run that is on in this moment.
pub fn run_on(state_dir: &Path) -> Option<Holder> {
    running(state_dir).filter(Holder::is_run)
}

/// The command that holds the lock in this moment, whether it runs steps or not.
pub fn running(state_dir: &Path) -> Option<Holder> {
    lock::holder(&state_dir.join("lock"))
}

/// The journal's file in the state folder.
pub fn journal_path(state_dir: &Path) -> PathBuf {
    state_dir.join("journal.jsonl")
}

fn to_record<'a>(entry: &'a Entry, scope: Option<&'a str>, at: i64, folder: &str) -> Record<'a> {
    let scope = scope.map(Into::into);
    match entry {
        Entry::RunStarted { run, command, commit, items } => Record::RunStarted {
            run: run.as_str().into(),
            at,
            pid: std::process::id(),
            command: command.clone(),
            commit: commit.clone(),
            folder: Some(folder.to_owned()),
            items: items.iter().map(|(step, texts)| (step.to_string(), ItemTexts(texts.clone()))).collect(),
        },
        Entry::StepStarted { run, step, inputs } => {
            let fingerprint = inputs.fingerprint().to_string().into();
            let (run, step) = (run.as_str().into(), step.as_str().into());
            Record::StepStarted { run, step, scope, at, fingerprint, down: None }
        }
        Entry::StepDown { run, step, is_done } => Record::StepStarted {
            run: run.as_str().into(),
            step: step.as_str().into(),
            scope,
            at,
            fingerprint: Cow::default(),
            down: Some(if *is_done { DOWN_DONE } else { DOWN_BEGUN }.into()),
        },
        Entry::ChildStarted(child) => Record::ChildStarted {
            step: child.step.as_str().into(),
            pid: child.pid,
            start: child.start,
            boot: child.boot.clone(),
        },
        Entry::ChildEnded(pid) => Record::ChildEnded { pid: *pid },
        Entry::StepFinished { step, end } => Record::StepFinished {
            run: end.run.as_str().into(),
            step: step.as_str().into(),
            scope,
            at,
            duration_ms: end.duration_ms,
            outcome: end.outcome.word().into(),
            inputs: end.inputs.clone(),
            changed: end.changed.clone(),
            output: output_texts(&end.output),
            log: end.log.clone(),
            items: end.items.clone(),
            proven_by: end.proven_by.as_ref().map(|step| step.as_str().into()),
            attempts: end.attempts.iter().map(Into::into).collect(),
            proof: end.proof.map(|kind| kind.word().into()),
            message: end.message.clone(),
            error: end.error.as_deref().map(|error| Box::new(error.into())),
        },
        Entry::RunFinished { run, outcome, error } => Record::RunFinished {
            run: run.as_str().into(),
            at,
            outcome: outcome.word().into(),
            step: error.as_ref().and_then(|(step, _)| step.as_ref()).map(|step| step.as_str().into()),
            error: error.as_ref().map(|(_, error)| Box::new((&**error).into())),
        },
    }
}

fn output_texts(output: &Output) -> BTreeMap<String, String> {
    output.all().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests;
