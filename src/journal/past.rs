//! [`Past`]: the runs on record, and what was known at the end of each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::contents::{records_of, refuse_odd_file};
use super::file::read_bytes;
use super::folder::check_reading;
use super::history::History;
use super::known::RunRecord;
use super::record::Record;
use super::{journal_path, refuse_foreign};
use crate::error::{Failure, ids};
use crate::model::RunId;

/// The journal as it is now, to go back to earlier runs.
#[derive(Debug)]
pub struct Past {
    path: PathBuf,
    bytes: Vec<u8>,
    /// See [`History::in_scope`].
    scope: Option<String>,
    runs: Vec<PastRun>,
}

/// A run on record.
#[derive(Clone, Debug)]
pub struct PastRun {
    /// Its id.
    pub id: RunId,
    /// What is on record of it.
    pub record: RunRecord,
    /// Whether everything that was known at its end is still on record.
    pub is_whole: bool,
}

impl Past {
    /// Reads the journal in `state_dir` without a lock. The runs are those in which a step of `scope` started.
    pub fn read(state_dir: &Path, scope: Option<&str>) -> Result<Self, Failure> {
        let folder = check_reading(state_dir)?;
        let path = journal_path(state_dir);
        refuse_odd_file(&path)?;
        let bytes = read_bytes(&path)?;
        let mut past = Self { path, bytes, scope: scope.map(str::to_owned), runs: Vec::new() };
        past.runs = past.list(folder.as_deref())?;
        Ok(past)
    }

    fn list(&self, folder: Option<&str>) -> Result<Vec<PastRun>, Failure> {
        let (records, _) = records_of(&self.path, &self.bytes)?;
        let mut order: Vec<&str> = Vec::new();
        let mut with_steps: BTreeSet<&str> = BTreeSet::new();
        let mut compacted_after = None;
        for record in &records {
            match record {
                Record::Header { compacted_after: run, .. } => compacted_after = run.as_deref(),
                Record::RunStarted { run, .. } => order.push(run),
                Record::StepStarted { run, scope, .. } | Record::StepFinished { run, scope, .. }
                    if scope.as_deref() == self.scope.as_deref() =>
                {
                    with_steps.insert(run);
                }
                _ => {}
            }
        }
        let first_whole = compacted_after.map_or(0, |run| {
            // Of a run that is on record no more, those that are came before or after: its id has its time.
            let at = order.iter().position(|one| *one == run);
            at.or_else(|| order.iter().position(|one| *one > run)).unwrap_or(order.len())
        });
        let mut known = History::default();
        for record in &records {
            known.apply(record.clone());
        }
        if let Some(folder) = folder {
            refuse_foreign(&known, folder, &self.path)?;
        }
        let runs = order.iter().enumerate().filter(|(_, run)| with_steps.contains(**run)).filter_map(|(at, run)| {
            let id = RunId::new(run).ok()?;
            let record = known.run(&id)?.clone();
            Some(PastRun { id, record, is_whole: at >= first_whole })
        });
        Ok(runs.collect())
    }

    /// The runs, in the order in which they began.
    pub fn runs(&self) -> &[PastRun] {
        &self.runs
    }

    /// Returns what was known when `run` ended; of one that was killed or goes on, the last that it has recorded.
    pub fn known_after(&self, run: &PastRun) -> Result<History, Failure> {
        if !run.is_whole {
            return Err(lost(run, self.runs.iter().find(|run| run.is_whole)));
        }
        let (records, _) = records_of(&self.path, &self.bytes)?;
        let mut known = History::default();
        let mut has_begun = false;
        for record in records {
            let is_end = match &record {
                // What is taken down is taken down after the run: of one that was killed nothing else says that it is
                // over.
                Record::RunStarted { .. } | Record::StepStarted { down: Some(_), .. } if has_begun => break,
                Record::RunStarted { run: started, .. } => {
                    has_begun = **started == *run.id.as_str();
                    false
                }
                Record::RunFinished { run: finished, .. } => **finished == *run.id.as_str(),
                _ => false,
            };
            known.apply(record);
            if is_end {
                break;
            }
        }
        Ok(known.in_scope(self.scope.as_deref()))
    }
}

/// Returns the failure for a run of which later runs have replaced a part, which is gone since the file was compacted.
fn lost(run: &PastRun, first: Option<&PastRun>) -> Failure {
    let failure = Failure::of(ids::HISTORY_GONE, format!("what run `{}` knew is no longer on record", run.id))
        .cause("the journal was compacted after a later run: what that run has replaced is gone");
    match first {
        Some(first) => failure.hint(format!("the earliest run that can be compared is `{}`", first.id)),
        None => failure.hint("compare runs from now on"),
    }
}
