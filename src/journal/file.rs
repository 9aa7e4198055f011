//! The journal's file: open, repair, append, compact.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::history::History;
use super::lock::state_failure;
use super::now_ms;
use super::record::{FORMAT, LineError, Record, decode, encode};
use crate::error::{Failure, FailureKind};

/// A file with fewer records than this is not worth compacting.
const MIN_RECORDS_TO_COMPACT: usize = 1000;

/// How many times the live records all records may be before the file is compacted: ninja's rule for its build log.
const MAX_GARBAGE: usize = 3;

/// The journal's file, open for appending.
#[derive(Debug)]
pub(super) struct JournalFile {
    file: fs::File,
    next: u64,
}

/// What a file holds.
struct Contents {
    records: Vec<Record>,
    /// The length of what was read well, in bytes.
    good: usize,
    end: End,
}

enum End {
    /// Everything reads back.
    Clean,
    /// The last line does not: the write was cut off.
    Torn,
    /// A line does not, and there are lines after it.
    Damaged { line: usize },
}

impl JournalFile {
    /// Opens or makes the file at `path`, repairs it, and answers what it says.
    pub(super) fn open(path: &Path, warnings: &mut Vec<String>) -> Result<(Self, History), Failure> {
        let failed = |error: io::Error| state_failure("can't read the journal", &error);
        refuse_odd_file(path)?;
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let contents = parse(path, &bytes)?;
        let mut rewrite = contents.records.is_empty();
        match contents.end {
            End::Clean => {}
            End::Torn => {
                warnings.push(
                    "the last record of the journal was cut off and is dropped: its step is looked at again".into(),
                );
            }
            End::Damaged { line } => {
                let aside = set_aside(path)?;
                warnings.push(format!(
                    "the journal is damaged at line {line}: kept as `{}`; every step is looked at again",
                    aside.display()
                ));
                rewrite = true;
            }
        }
        let mut contents = contents;
        if rewrite {
            contents.records.extend(doubts(&contents.records));
        }
        let live = live_records(&contents.records);
        let n_records = contents.records.len();
        let records = if n_records >= MIN_RECORDS_TO_COMPACT && n_records > MAX_GARBAGE * live.len() {
            rewrite = true;
            live
        } else {
            contents.records
        };
        let mut history = History::default();
        for record in &records {
            history.apply(record);
        }
        let next = if rewrite { write_new(path, &records).map_err(failed)? } else { records.len() as u64 };
        let file = fs::OpenOptions::new().append(true).open(path).map_err(failed)?;
        if !rewrite && contents.good < bytes.len() {
            file.set_len(contents.good as u64).and_then(|()| file.sync_data()).map_err(failed)?;
        }
        Ok((Self { file, next }, history))
    }

    /// Appends records with one write; with `sync`, they are on the disk when this returns.
    pub(super) fn append(&mut self, records: &[Record], sync: bool) -> Result<(), Failure> {
        let failed = |error: io::Error| {
            state_failure("can't write the journal", &error)
                .hint("free some space on its disk, then run the same command again")
        };
        let mut text = String::new();
        for record in records {
            text.push_str(&encode(self.next, record).map_err(|error| failed(error.into()))?);
            self.next += 1;
        }
        self.file.write_all(text.as_bytes()).map_err(failed)?;
        if sync { self.file.sync_data().map_err(failed) } else { Ok(()) }
    }
}

/// What the file at `path` says, for a reader without the lock.
pub(super) fn read(path: &Path) -> Result<History, Failure> {
    refuse_odd_file(path)?;
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(state_failure("can't read the journal", &error)),
    };
    let mut history = History::default();
    let contents = parse(path, &bytes)?;
    for record in &contents.records {
        history.apply(record);
    }
    if matches!(contents.end, End::Damaged { .. }) {
        history.doubt_everything();
    }
    Ok(history)
}

/// Records that put every step in doubt: one of those that are lost may have voided its success.
fn doubts(records: &[Record]) -> Vec<Record> {
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    for record in records {
        if let Record::StepStarted { run, step, .. } | Record::StepFinished { run, step, .. } = record {
            last.insert(step, run);
        }
    }
    let doubt = |(step, run): (&str, &str)| Record::StepStarted {
        run: run.to_owned(),
        step: step.to_owned(),
        at: now_ms(),
        inputs: BTreeMap::new(),
    };
    last.into_iter().map(doubt).collect()
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Contents, Failure> {
    let mut records = Vec::new();
    let mut good = 0;
    let mut n_line = 0;
    let mut rest = bytes;
    while !rest.is_empty() {
        n_line += 1;
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return Ok(Contents { records, good, end: End::Torn });
        };
        match decode(records.len() as u64, &rest[..length]) {
            Ok(record) => records.push(record),
            Err(LineError::Newer { format }) => {
                return Err(Failure::new(
                    FailureKind::State,
                    format!("`{}` was written by a newer provision", path.display()),
                )
                .cause(format!("its format is {format}, this version knows {FORMAT}"))
                .hint(
                    "use that version, or delete the `.provision` folder: the next `provision up` looks at the world",
                ));
            }
            Err(LineError::Damaged | LineError::OutOfOrder { .. }) => {
                // A write that was cut off leaves no line end.
                return Ok(Contents { records, good, end: End::Damaged { line: n_line } });
            }
        }
        good += length + 1;
        rest = &rest[length + 1..];
    }
    Ok(Contents { records, good, end: End::Clean })
}

/// The records that [`History`] can't do without: the last start and end and the last success of each step, the runs
/// they name, and the children that are not known to have ended.
fn live_records(records: &[Record]) -> Vec<Record> {
    let mut keep = vec![false; records.len()];
    let mut last: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        match record {
            Record::StepStarted { step, .. } => {
                last.insert(("started", step), at);
            }
            Record::StepFinished { step, outcome, .. } => {
                last.insert(("finished", step), at);
                if outcome == "succeeded" {
                    last.insert(("succeeded", step), at);
                }
            }
            Record::Header { .. } => keep[at] = true,
            _ => {}
        }
    }
    for at in last.into_values() {
        keep[at] = true;
    }
    let runs: std::collections::BTreeSet<String> = records
        .iter()
        .zip(&keep)
        .filter_map(|(record, keep)| match record {
            Record::StepStarted { run, .. } | Record::StepFinished { run, .. } if *keep => Some(run.clone()),
            _ => None,
        })
        .collect();
    let mut children: BTreeMap<u32, usize> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        match record {
            Record::RunStarted { run, .. } | Record::RunFinished { run, .. } => keep[at] = runs.contains(run),
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
    records.iter().zip(keep).filter(|(_, keep)| *keep).map(|(record, _)| record.clone()).collect()
}

/// Writes a whole new file beside `path` and puts it in its place, durably. Answers the next number.
fn write_new(path: &Path, records: &[Record]) -> io::Result<u64> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut text = String::new();
    let mut next = 0;
    let header = Record::Header { format: FORMAT, lineage: lineage() };
    let has_header = matches!(records.first(), Some(Record::Header { .. }));
    for record in Some(&header).filter(|_| !has_header).into_iter().chain(records) {
        text.push_str(&encode(next, record)?);
        next += 1;
    }
    let mut new = tempfile::Builder::new().prefix(".journal-").tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(next)
}

/// A name that no other journal has.
fn lineage() -> String {
    let seed = format!("{} {} {:?}", now_ms(), std::process::id(), std::time::Instant::now());
    blake3::hash(seed.as_bytes()).to_hex()[..16].to_owned()
}

fn set_aside(path: &Path) -> Result<PathBuf, Failure> {
    let stamp = now_ms() / 1000;
    let name = |n: u32| path.with_extension(if n == 0 { format!("bad-{stamp}") } else { format!("bad-{stamp}-{n}") });
    let mut n = 0;
    while name(n).exists() {
        n += 1;
    }
    let aside = name(n);
    // A copy, so that a kill right here leaves a journal where it was.
    fs::copy(path, &aside).map_err(|error| state_failure("can't set the damaged journal aside", &error))?;
    Ok(aside)
}

/// A journal that is a folder, a link or a pipe would be written to somewhere else, or never answer.
fn refuse_odd_file(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_file() => {
            Err(Failure::new(FailureKind::State, format!("`{}` is not a plain file", path.display()))
                .hint("remove it: the next `provision up` looks at the world and carries on"))
        }
        _ => Ok(()),
    }
}

/// Makes the state folder: ours alone, and ignoring itself for git. One that is a link or somebody else's is refused: a
/// cloned repository may bring anything under that name.
pub(super) fn make_state_dir(state_dir: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        state_failure("can't make this project's state folder", &error)
            .hint(format!("make `{}` writable", state_dir.parent().unwrap_or(state_dir).display()))
    };
    match fs::symlink_metadata(state_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut builder = std::fs::DirBuilder::new();
            builder.mode(0o700);
            match builder.create(state_dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
                _ => {}
            }
        }
        Err(error) => return Err(failed(error)),
        Ok(meta) => {
            let ours = rustix::process::geteuid().as_raw();
            if !meta.is_dir() || (meta.uid() != ours && ours != 0) {
                return Err(Failure::new(
                    FailureKind::State,
                    format!("`{}` is not a folder of yours", state_dir.display()),
                )
                .hint("it may have come with the repository: remove it and run the same command again"));
            }
            if meta.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(state_dir, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
            }
        }
    }
    let ignore = state_dir.join(".gitignore");
    if !ignore.exists() {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&ignore).map_err(failed)?;
        file.write_all(b"*\n").map_err(failed)?;
    }
    Ok(())
}
