//! [`ErrorObject`]: an error as programs get it.

use super::{Failure, FileError};

/// Most lines of evidence that an object keeps: the last ones, which say more than the first ones of a tool.
pub const MAX_DETAILS: usize = 30;

/// Most bytes that they have together: each failed step on record has them.
const MAX_DETAIL_BYTES: usize = 4096;

/// An error as programs get it: the same in the events, in the journal, in every JSON document and in every report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorObject {
    /// Its stable id, which `provision explain` explains.
    pub id: String,
    /// What happened, to what.
    pub message: String,
    /// Why, outermost first; `None` where the message says it all.
    pub cause: Option<String>,
    /// The last lines of evidence.
    pub details: Vec<String>,
    /// What solves it: whole commands or sentences.
    pub fix: Vec<String>,
    /// The command to run next.
    pub next: String,
    /// The errors in files that it stands for; none of a step.
    pub errors: Vec<FileError>,
}

impl ErrorObject {
    /// Returns the address of the page of its id: in the repository of this version, where Cargo.toml names one, else
    /// from the root of the sources.
    pub fn page(&self) -> String {
        address(env!("CARGO_PKG_REPOSITORY"), env!("CARGO_PKG_VERSION"), &self.id)
    }
}

fn address(repository: &str, version: &str, id: &str) -> String {
    let page = format!("docs/errors/{id}.md");
    match repository.trim_end_matches('/') {
        "" => page,
        repository => format!("{repository}/blob/v{version}/{page}"),
    }
}

impl Failure {
    /// Returns the failure as programs get it. `step` is the step that failed, if one did.
    pub fn object(&self, step: Option<&str>) -> ErrorObject {
        let id = self.error_id();
        ErrorObject {
            id: id.word().to_owned(),
            message: self.message.clone(),
            cause: (!self.causes.is_empty()).then(|| self.causes.join(": ")),
            details: last(&self.details).to_vec(),
            fix: self.hints.clone(),
            next: id.next(step),
            errors: self.in_files.as_ref().map(|errors| errors.0.clone()).unwrap_or_default(),
        }
    }
}

/// Returns the last lines, as many as an object keeps.
fn last(lines: &[String]) -> &[String] {
    let mut room = MAX_DETAIL_BYTES;
    let fitting = lines.iter().rev().take(MAX_DETAILS).take_while(|line| {
        let fits = line.len() <= room;
        room = room.saturating_sub(line.len());
        fits
    });
    &lines[lines.len() - fitting.count()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_evidence_are_kept_as_far_as_there_is_room() {
        let kept = |n: usize, width: usize| {
            let lines = (0..n).map(|n| format!("{n:width$}"));
            Failure::failed("no").details(lines).object(None).details
        };
        assert_eq!(kept(0, 1), [""; 0]);
        assert_eq!(kept(2, 1), ["0", "1"]);
        let many = kept(100, 1);
        assert_eq!((many.len(), &*many[0], &*many[29]), (MAX_DETAILS, "70", "99"));
        let wide = kept(30, 400);
        assert_eq!((wide.len(), wide[0].trim()), (10, "20"));
        // A line that has no room ends it, although shorter ones before it had.
        let lines = ["short".to_owned(), "x".repeat(5000), "end".to_owned()];
        assert_eq!(Failure::failed("no").details(lines).object(None).details, ["end"]);
    }

    #[test]
    fn a_page_has_an_address_in_the_repository_of_its_version() {
        assert_eq!(address("", "1.2.0", "disk-full"), "docs/errors/disk-full.md");
        for repository in ["https://example.org/provision", "https://example.org/provision/"] {
            let expected = "https://example.org/provision/blob/v1.2.0/docs/errors/disk-full.md";
            assert_eq!(address(repository, "1.2.0", "disk-full"), expected);
        }
    }
}
