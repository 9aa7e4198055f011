//! [`WireError`]: an error as one object, in the events and in every JSON document; [`error_lines`]: the same as text.
//! docs/errors/README.md describes both.

use serde::Serialize;

use crate::error::{ErrorObject, FileError};
use crate::model::StepId;
use crate::report::text;

/// The version of the object. Fields may be added without another one.
const VERSION: u8 = 1;

/// An error as one object.
#[derive(Debug, Serialize)]
pub(in crate::report) struct WireError {
    /// [`VERSION`].
    v: u8,
    /// The stable id.
    id: String,
    /// What happened, to what.
    message: String,
    /// Why, outermost first.
    cause: Option<String>,
    /// The last lines of evidence.
    details: Vec<String>,
    /// Commands or sentences that help.
    fix: Vec<String>,
    /// The command to run next.
    next: String,
    /// The address of the page of its id.
    page: String,
    /// The errors in files that it stands for; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<WireFileError>,
}

/// An error in a file.
#[derive(Debug, Serialize)]
struct WireFileError {
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
    notes: Vec<String>,
    help: Vec<String>,
}

impl From<FileError> for WireFileError {
    fn from(FileError { file, line, column, message, notes, help }: FileError) -> Self {
        Self { file, line, column, message, notes, help }
    }
}

impl From<ErrorObject> for WireError {
    fn from(error: ErrorObject) -> Self {
        let page = error.page();
        let ErrorObject { id, message, cause, details, fix, next, errors } = error;
        let errors = errors.into_iter().map(WireFileError::from).collect();
        Self { v: VERSION, id, message, cause, details, fix, next, page, errors }
    }
}

/// Returns all that is known of the failure of `step`, as lines without control sequences:
///
/// ```text
/// error: verify.http: the server said 500
///   caused by: the database is not there
///   | GET /api/tasks
/// help: `provision logs deploy.database` shows why
/// next: provision logs verify.http
/// more: provision explain http-failed, docs/errors/http-failed.md
/// ```
pub(in crate::report) fn error_lines(step: &StepId, error: &ErrorObject) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |start: &str, indent: &str, said: &str| {
        let mut start = start;
        for line in said.lines() {
            lines.push(format!("{start}{}", text::plain(line)));
            start = indent;
        }
    };
    add("error: ", "  ", &format!("{step}: {}", error.message));
    add("  caused by: ", "    ", error.cause.as_deref().unwrap_or_default());
    for detail in &error.details {
        add("  | ", "  | ", detail);
    }
    for fix in &error.fix {
        add("help: ", "  ", fix);
    }
    add("next: ", "  ", &error.next);
    add("more: ", "  ", &format!("provision explain {}, {}", error.id, error.page()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::server_error;

    #[test]
    fn the_lines_have_all_that_is_known_and_nothing_that_moves_the_cursor() {
        let step = StepId::new("verify.http").unwrap();
        insta::assert_snapshot!(error_lines(&step, &server_error()).join("\n"), @r#"
        error: verify.http: the server said 500,
          not 200
          caused by: the database is not there
          | GET /api?a=1&b=2
          | <h1>no "db"</h1>]]>
        help: `provision logs deploy.database` shows why
        next: provision logs verify.http
        more: provision explain http-failed, docs/errors/http-failed.md
        "#);
    }

    #[test]
    fn what_is_not_known_has_no_line() {
        let error = ErrorObject { id: "step-failed".into(), message: "no".into(), ..ErrorObject::default() };
        let lines = error_lines(&StepId::new("a.b").unwrap(), &error);
        assert_eq!(lines, ["error: a.b: no", "more: provision explain step-failed, docs/errors/step-failed.md"]);
    }
}
