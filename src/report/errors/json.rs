//! [`write_errors_json`]: the pages of errors as one JSON document. docs/errors/README.md describes it.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::{ErrorId, ErrorObject};
use crate::model::StepId;
use crate::report::error_object::WireError;
use crate::report::text::write_document;

/// The version of the document. Fields may be added without another one.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    /// [`VERSION`].
    v: u32,
    /// The step that was asked about; omitted for an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    /// How it failed the last time; omitted for an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WireError>,
    errors: Vec<WirePage>,
}

#[derive(Serialize)]
struct WirePage {
    id: &'static str,
    /// The exit code of a command that ends with it.
    exit_code: u8,
    /// What happened.
    title: &'static str,
    /// What that means.
    about: &'static str,
    causes: &'static [&'static str],
    /// How to see more.
    look: &'static [&'static str],
    /// What helps.
    fix: &'static [&'static str],
    /// The command to run next; `STEP` stands for the step that failed.
    next: &'static str,
}

/// Writes the pages of `ids`; with the last failure of a step, if that is asked for.
pub(crate) fn write_errors_json(
    out: &mut dyn Write,
    ids: impl Iterator<Item = ErrorId>,
    last: Option<(&StepId, &ErrorObject)>,
) -> io::Result<()> {
    let errors = ids.map(ErrorId::page).map(|page| WirePage {
        id: page.id,
        exit_code: page.kind.exit_code(),
        title: page.title,
        about: page.about,
        causes: page.causes,
        look: page.look,
        fix: page.fixes,
        next: page.next,
    });
    let error = last.map(|(_, error)| WireError::from(error.clone()));
    let step = last.map(|(step, _)| step.as_str());
    let document = Document { v: VERSION, step, error, errors: errors.collect() };
    write_document(out, &document)
}
