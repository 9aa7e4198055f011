//! What `down --dry-run` and `gc --dry-run` print as one JSON document each. docs/agents.md describes them.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::Failure;
use crate::report::error_object::WireError;
use crate::report::text::write_document;

/// The version of the documents. Fields may be added without another one.
const VERSION: u32 = 1;

/// What `down` would remove.
pub(crate) struct Takedown<'a> {
    pub(crate) pipeline: &'a str,
    /// In this order.
    pub(crate) removals: Vec<TakedownRemoval<'a>>,
    /// What stays.
    pub(crate) kept: Vec<TakedownKept<'a>>,
    /// What could not be seen.
    pub(crate) failures: &'a [Failure],
}

/// Something that a step has made.
#[derive(Serialize)]
pub(crate) struct TakedownRemoval<'a> {
    /// The step that has made it.
    pub(crate) step: &'a str,
    pub(crate) subject: &'a str,
    /// What it consists of.
    pub(crate) detail: Option<&'a str>,
    /// The data in it.
    pub(crate) may_be_lost: Option<&'a str>,
    /// The command with which a person removes it.
    pub(crate) by_hand: &'a str,
}

/// Something that `down` leaves alone.
#[derive(Serialize)]
pub(crate) struct TakedownKept<'a> {
    pub(crate) subject: &'a str,
    /// Why it stays.
    pub(crate) reason: &'a str,
    /// The command with which a person removes it.
    pub(crate) by_hand: &'a str,
}

/// What `gc` would remove.
#[derive(Default)]
pub(crate) struct Garbage {
    pub(crate) logs: Vec<OldLogs>,
    pub(crate) images: Vec<OldImage>,
    /// Why it is not known which images are in use.
    pub(crate) failures: Vec<Failure>,
}

/// The logs of a run.
#[derive(Serialize)]
pub(crate) struct OldLogs {
    pub(crate) run: String,
    pub(crate) bytes: u64,
}

/// A name of an image.
#[derive(Serialize)]
pub(crate) struct OldImage {
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

#[derive(Serialize)]
struct TakedownDocument<'a> {
    /// [`VERSION`].
    v: u32,
    pipeline: &'a str,
    removals: &'a [TakedownRemoval<'a>],
    stays: &'a [TakedownKept<'a>],
    errors: Vec<WireError>,
}

#[derive(Serialize)]
struct GarbageDocument<'a> {
    /// [`VERSION`].
    v: u32,
    pipeline: &'a str,
    logs: &'a [OldLogs],
    images: &'a [OldImage],
    errors: Vec<WireError>,
}

/// Writes what `down` would remove as one document.
pub(crate) fn write_takedown_json(out: &mut dyn Write, takedown: &Takedown<'_>) -> io::Result<()> {
    let document = TakedownDocument {
        v: VERSION,
        pipeline: takedown.pipeline,
        removals: &takedown.removals,
        stays: &takedown.kept,
        errors: errors(takedown.failures),
    };
    write_document(out, &document)
}

/// Writes what `gc` would remove as one document.
pub(crate) fn write_garbage_json(out: &mut dyn Write, pipeline: &str, garbage: &Garbage) -> io::Result<()> {
    let document = GarbageDocument {
        v: VERSION,
        pipeline,
        logs: &garbage.logs,
        images: &garbage.images,
        errors: errors(&garbage.failures),
    };
    write_document(out, &document)
}

fn errors(failures: &[Failure]) -> Vec<WireError> {
    failures.iter().map(|failure| failure.object(None).into()).collect()
}
