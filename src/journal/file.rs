//! The journal's file: open, repair, append, compact.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::clock::now_ms;
use super::contents::{Contents, EarlyContents, End, parse, records_of, refuse_odd_file};
use super::disk::{Disk, RealDisk};
use super::history::History;
use super::lock::state_failure;
use super::record::{FORMAT, Record, encode};
use crate::error::{Failure, ids};
use crate::failpoint;
use crate::files::{is_rest, open_own, read_own};

/// A file with fewer records than this is not worth compacting.
const MIN_RECORDS_TO_COMPACT: usize = 1000;

/// How many times the live records all records may be before the file is compacted: ninja's rule for its build log.
const MAX_GARBAGE: usize = 3;

/// The journal's file, open for appending.
#[derive(Debug)]
pub(super) struct JournalFile {
    disk: Box<dyn Disk>,
    /// The state folder that it is in.
    folder: String,
    next: u64,
    n_appended: usize,
}

impl JournalFile {
    /// Opens or makes the file at `path`, and repairs it. Returns what it says. With `strict`, a damaged file is
    /// refused and left as it is.
    pub(super) fn open(
        path: &Path,
        folder: &str,
        early: EarlyContents,
        strict: bool,
        warnings: &mut Vec<String>,
    ) -> Result<(Self, History), Failure> {
        refuse_odd_file(path)?;
        Self::open_on(Box::new(RealDisk::new(path)), path, folder, early, strict, warnings)
    }

    /// The same on any disk; `path` is for messages.
    pub(super) fn open_on(
        mut disk: Box<dyn Disk>,
        path: &Path,
        folder: &str,
        early: EarlyContents,
        strict: bool,
        warnings: &mut Vec<String>,
    ) -> Result<(Self, History), Failure> {
        let (bytes, contents) = contents_of(&mut *disk, path, early)?;
        let Contents { mut history, n_records, format, good, length, end } = contents;
        let mut rewrite = n_records == 0;
        let damaged_at = if let End::Damaged { line } = end { Some(line) } else { None };
        match end {
            End::Clean => {}
            End::Torn => {
                warnings.push(
                    "the last record of the journal was cut off and is dropped: its step is checked again".into(),
                );
            }
            End::Damaged { line } if strict => {
                return Err(Failure::of(ids::JOURNAL_DAMAGED, format!("the journal is damaged at line {line}"))
                    .cause(format!("`{}` is left as it is: `--strict-state`", path.display()))
                    .hint("without `--strict-state` it is kept under another name, and every step is checked again"));
            }
            End::Damaged { line } => {
                let aside = disk
                    .keep_copy(&format!("journal.bad-{}", now_ms() / 1000))
                    .map_err(|error| state_failure("can't set the damaged journal aside", &error))?;
                warnings.push(format!(
                    "the journal is damaged at line {line}: kept as `{}`; every step is checked again",
                    aside.display()
                ));
                rewrite = true;
            }
        }
        if let Some(format) = format.filter(|format| *format < FORMAT) {
            let kept = disk
                .keep_copy(&format!("journal.format-{format}"))
                .map_err(|error| state_failure("can't keep the journal of an older version", &error))?;
            warnings.push(format!(
                "the journal of an older version was brought up to date; the old one is kept as `{}`",
                kept.display()
            ));
            rewrite = true;
        }
        // A step has three records that count at the most, which is cheaper to know than which ones.
        let may_shrink = n_records >= MIN_RECORDS_TO_COMPACT && n_records > MAX_GARBAGE * history.n_steps();
        let mut records = Vec::new();
        if rewrite || may_shrink {
            (records, _) = records_of(path, &bytes)?;
            if let Some(Record::Header { format, .. }) = records.first_mut() {
                *format = FORMAT;
            }
        }
        if let Some(line) = damaged_at {
            let doubts = doubts(&records);
            history.doubt_everything(line);
            records.extend(doubts);
        }
        if may_shrink {
            let live = live_records(&records);
            if n_records > MAX_GARBAGE * live.len() {
                rewrite = true;
                records = live;
            }
        }
        let next = if rewrite {
            let (text, next) = whole_file(&records, folder).map_err(unreadable)?;
            failpoint::hit("journal-rewrite");
            disk.replace(text.as_bytes()).map_err(unreadable)?;
            next
        } else {
            if good < length {
                failpoint::hit("journal-truncate");
                disk.truncate(good as u64).and_then(|()| disk.sync()).map_err(unreadable)?;
            }
            n_records as u64
        };
        Ok((Self { disk, folder: folder.to_owned(), next, n_appended: 0 }, history))
    }

    /// Rewrites the file without what later records have made void, after a run that has added much. What fails leaves
    /// the file as it was.
    pub(super) fn compact(&mut self) -> io::Result<()> {
        if self.n_appended < MIN_RECORDS_TO_COMPACT { Ok(()) } else { self.rewrite().map(drop) }
    }

    /// Does so in any case. Returns the lengths before and after, in bytes; the same where there is nothing to leave
    /// out.
    pub(super) fn rewrite(&mut self) -> io::Result<(u64, u64)> {
        if !self.disk.is_in_place()? {
            return Err(io::Error::other("its path leads to another file"));
        }
        let bytes = self.disk.read()?.unwrap_or_default();
        let before = bytes.len() as u64;
        let Ok((records, End::Clean)) = records_of(Path::new("the journal"), &bytes) else {
            return Ok((before, before));
        };
        let live = live_records(&records);
        if live.len() == records.len() {
            return Ok((before, before));
        }
        let (text, next) = whole_file(&live, &self.folder)?;
        failpoint::hit("journal-rewrite");
        self.disk.replace(text.as_bytes())?;
        (self.next, self.n_appended) = (next, 0);
        Ok((before, text.len() as u64))
    }

    /// Keeps a file that was written elsewhere under another name, and begins a new one. Returns what a person should
    /// know.
    pub(super) fn set_aside(&mut self) -> Result<String, Failure> {
        let mut begin = || {
            let kept = self.disk.keep_copy(&format!("journal.foreign-{}", now_ms() / 1000))?;
            let (text, next) = whole_file(&[], &self.folder)?;
            self.disk.replace(text.as_bytes())?;
            self.next = next;
            Ok(kept)
        };
        let kept = begin().map_err(|error| state_failure("can't set the journal of another folder aside", &error))?;
        Ok(format!(
            "the journal was not written here, as if `git pull` had put it here: it is kept as `{}`, and every step is \
             checked again",
            kept.display()
        ))
    }

    /// Whether the journal's path leads to this file.
    pub(super) fn is_in_place(&mut self) -> Result<bool, Failure> {
        self.disk.is_in_place().map_err(|error| state_failure("can't see whether the journal is in its place", &error))
    }

    /// Appends records with one write; with `sync`, they are on the disk when this returns.
    pub(super) fn append(&mut self, records: &[Record<'_>], sync: bool) -> Result<(), Failure> {
        let failed = |error: io::Error| state_failure("can't write the journal", &error);
        let mut text = String::new();
        for record in records {
            text.push_str(&encode(self.next, record).map_err(|error| failed(error.into()))?);
            self.next += 1;
        }
        self.n_appended += records.len();
        failpoint::hit("journal-write");
        self.disk.append(text.as_bytes()).map_err(failed)?;
        if sync {
            failpoint::hit("journal-sync");
            self.disk.sync().map_err(failed)?;
            failpoint::hit("journal-synced");
        }
        Ok(())
    }
}

/// Returns the bytes of the file and what they hold.
fn contents_of(disk: &mut dyn Disk, path: &Path, early: EarlyContents) -> Result<(Vec<u8>, Contents), Failure> {
    if let Some(known) = early.if_still(|bytes| disk.has(bytes)).map_err(unreadable)? {
        return Ok(known);
    }
    let bytes = disk.read().map_err(unreadable)?.unwrap_or_default();
    let contents = parse(path, &bytes)?;
    Ok((bytes, contents))
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
fn unreadable(error: io::Error) -> Failure {
    state_failure("can't read the journal", &error)
}

/// What the file at `path` says, for a reader without the lock.
pub(super) fn read(path: &Path, early: EarlyContents) -> Result<History, Failure> {
    refuse_odd_file(path)?;
    let contents = read_whole(path, early)?;
    let mut history = contents.history;
    if let End::Damaged { line } = contents.end {
        history.doubt_everything(line);
    }
    Ok(history)
}

fn read_whole(path: &Path, early: EarlyContents) -> Result<Contents, Failure> {
    let are_still = |bytes: &[u8]| open_own(path).and_then(|mut file| is_rest(&mut file, bytes));
    // What can't be read fails below, with its message.
    match early.if_still(are_still) {
        Ok(Some((_, contents))) => Ok(contents),
        _ => parse(path, &read_bytes(path)?),
    }
}

/// Returns what the file has; nothing if there is none.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    match read_own(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(unreadable),
    }
}

/// Records that put every step in doubt: one of those that are lost may have voided its success.
fn doubts<'a>(records: &[Record<'a>]) -> Vec<Record<'a>> {
    let mut last: BTreeMap<(Option<&str>, &str), Record<'a>> = BTreeMap::new();
    for record in records {
        if let Record::StepStarted { run, step, scope, .. } | Record::StepFinished { run, step, scope, .. } = record {
            let doubt = Record::StepStarted {
                run: run.clone(),
                step: step.clone(),
                scope: scope.clone(),
                at: now_ms(),
                fingerprint: Cow::default(),
                down: None,
            };
            last.insert((scope.as_deref(), step), doubt);
        }
    }
    last.into_values().collect()
}

/// The records that [`History`] can't do without: the last end and success of each step in each scope, its start if
/// that came later, the runs they name, and the children that are not known to have ended.
fn live_records<'a>(records: &[Record<'a>]) -> Vec<Record<'a>> {
    let mut keep = vec![false; records.len()];
    let mut last: BTreeMap<(&str, Option<&str>, &str), usize> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        match record {
            Record::StepStarted { step, scope, .. } => {
                last.insert(("started", scope.as_deref(), step), at);
            }
            Record::StepFinished { step, scope, outcome, .. } => {
                let scope = scope.as_deref();
                last.remove(&("started", scope, &**step));
                last.insert(("finished", scope, step), at);
                if outcome == "succeeded" {
                    last.insert(("succeeded", scope, step), at);
                }
            }
            Record::Header { .. } => keep[at] = true,
            _ => {}
        }
    }
    for at in last.into_values() {
        keep[at] = true;
    }
    let last_run = records.iter().rev().find_map(|record| match record {
        Record::RunStarted { run, .. } => Some(run.clone().into_owned()),
        _ => None,
    });
    let runs: std::collections::BTreeSet<&str> = records
        .iter()
        .zip(&keep)
        .filter_map(|(record, keep)| match record {
            Record::StepStarted { run, .. } | Record::StepFinished { run, .. } if *keep => Some(&**run),
            _ => None,
        })
        // It may have failed without a step.
        .chain(last_run.as_deref())
        .collect();
    let mut children: BTreeMap<u32, usize> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        match record {
            Record::RunStarted { run, .. } | Record::RunFinished { run, .. } => keep[at] = runs.contains(&**run),
            Record::ChildStarted { pid, .. } => {
                children.insert(*pid, at);
            }
            Record::ChildEnded { pid } => {
                children.remove(pid);
            }
            _ => {}
        }
    }
    for at in children.into_values() {
        keep[at] = true;
    }
    let mut live: Vec<_> = records.iter().zip(keep).filter(|(_, keep)| *keep).map(|(one, _)| one.clone()).collect();
    if let (Some(Record::Header { compacted_after, .. }), Some(_)) = (live.first_mut(), &last_run) {
        *compacted_after = last_run;
    }
    live
}

/// The text of a file of `records` in `folder`, with a header where they have none, and the next number.
fn whole_file(records: &[Record<'_>], folder: &str) -> io::Result<(String, u64)> {
    let mut text = String::new();
    let mut next = 0;
    let header =
        Record::Header { format: FORMAT, lineage: lineage(), folder: Some(folder.to_owned()), compacted_after: None };
    let has_header = matches!(records.first(), Some(Record::Header { .. }));
    for record in Some(&header).filter(|_| !has_header).into_iter().chain(records) {
        text.push_str(&encode(next, record)?);
        next += 1;
    }
    Ok((text, next))
}

/// A name that no other journal has.
fn lineage() -> String {
    let seed = format!("{} {} {:?}", now_ms(), std::process::id(), std::time::Instant::now());
    blake3::hash(seed.as_bytes()).to_hex()[..16].to_owned()
}
