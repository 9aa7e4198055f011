//! What the journal's file holds, record by record.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use fs_err as fs;

use super::history::History;
use super::record::{FORMAT, LineError, Record, decode};
use crate::error::{Failure, ids};
use crate::files::read_own;
use crate::threads;

/// What a file holds.
#[derive(Debug)]
pub(super) struct Contents {
    /// What the records say.
    pub(super) history: History,
    /// How many they are.
    pub(super) n_records: usize,
    /// What the first one says of the format.
    pub(super) format: Option<u32>,
    /// The length of what was read well, in bytes.
    pub(super) good: usize,
    /// The length of all of it.
    pub(super) length: usize,
    pub(super) end: End,
}

#[derive(Debug)]
pub(super) enum End {
    /// Everything reads back.
    Clean,
    /// The last line has no end: the write was cut off.
    Torn,
    /// A whole line does not.
    Damaged { line: usize },
}

/// The contents of a journal that is read beside other work, such as reading the pipeline's file.
///
/// They count only for exactly the bytes that were read: once the lock is held the file is compared with them, which
/// costs little, and the parsing is saved.
#[derive(Debug, Default)]
pub struct EarlyContents(Option<JoinHandle<Option<Early>>>);

/// What was read, and what it holds.
#[derive(Debug)]
struct Early {
    bytes: Vec<u8>,
    contents: Contents,
}

impl EarlyContents {
    /// Begins to read `path`.
    pub(super) fn start(path: PathBuf) -> Self {
        Self(Some(std::thread::spawn(move || {
            threads::prepare_heap();
            refuse_odd_file(&path).ok()?;
            let bytes = read_own(&path).ok()?;
            let contents = parse(&path, &bytes).ok()?;
            Some(Early { bytes, contents })
        })))
    }

    /// Waits until it is read.
    #[cfg(test)]
    pub(super) fn wait(&self) {
        while self.0.as_ref().is_some_and(|reading| !reading.is_finished()) {
            std::thread::yield_now();
        }
    }

    /// Returns the bytes and what they hold, if `are_still` says that the file has the same ones now.
    pub(super) fn if_still(
        self,
        are_still: impl FnOnce(&[u8]) -> io::Result<bool>,
    ) -> io::Result<Option<(Vec<u8>, Contents)>> {
        match self.0.and_then(|reading| reading.join().ok()).flatten() {
            Some(early) if are_still(&early.bytes)? => Ok(Some((early.bytes, early.contents))),
            _ => Ok(None),
        }
    }
}

pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Contents, Failure> {
    let mut history = History::default();
    let (mut n_records, mut format) = (0, None);
    let (good, end) = each_record(path, bytes, &mut history, |record| {
        if let Record::Header { format: found, .. } = record {
            format = Some(*found);
        }
        n_records += 1;
    })?;
    Ok(Contents { history, n_records, format, good, length: bytes.len(), end })
}

/// Returns all records of a file, to rewrite it.
pub(super) fn records_of<'a>(path: &Path, bytes: &'a [u8]) -> Result<(Vec<Record<'a>>, End), Failure> {
    let mut records = Vec::new();
    let (_, end) = each_record(path, bytes, &mut History::default(), |record| records.push(record.clone()))?;
    Ok((records, end))
}

/// Reads one record after the other into `history`. Returns the length of what was read well, and what stopped it. A
/// record that can't follow those before it is damage, like one that does not read back.
pub(super) fn each_record<'a>(
    path: &Path,
    bytes: &'a [u8],
    history: &mut History,
    mut each: impl FnMut(&Record<'a>),
) -> Result<(usize, End), Failure> {
    let (mut good, mut n_line) = (0, 0);
    let mut rest = bytes;
    while !rest.is_empty() {
        n_line += 1;
        let Some(length) = memchr::memchr(b'\n', rest) else {
            return Ok((good, End::Torn));
        };
        match decode(n_line as u64 - 1, &rest[..length]) {
            Ok(record) => {
                if !history.allows(&record) {
                    return Ok((good, End::Damaged { line: n_line }));
                }
                each(&record);
                history.apply(record);
            }
            Err(LineError::Newer { format }) => {
                return Err(Failure::of(
                    ids::JOURNAL_NEWER,
                    format!("`{}` was written by a newer provision", path.display()),
                )
                .cause(format!("its format is {format}, this version knows {FORMAT}"))
                .hint(
                    "use that version, or delete the `.provision` folder: the next `provision up` checks every step",
                ));
            }
            // A write that was cut off leaves no line end.
            Err(LineError::Damaged | LineError::OutOfOrder { .. }) => return Ok((good, End::Damaged { line: n_line })),
        }
        good += length + 1;
        rest = &rest[length + 1..];
    }
    Ok((good, End::Clean))
}

/// A journal that is a folder, a link or a pipe would be written to somewhere else, or block for ever.
pub(super) fn refuse_odd_file(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_file() => {
            Err(Failure::of(ids::STATE_UNUSABLE, format!("`{}` is not a plain file", path.display()))
                .hint("remove it: the next `provision up` checks every step and carries on"))
        }
        _ => Ok(()),
    }
}
