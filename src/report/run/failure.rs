//! [`write_failure`]: a failure as a block of text, the same everywhere.

use std::io::{self, Write};

use crate::error::{Failure, MAX_DETAILS, ids};
use crate::report::style::{BAD, DIM, GOOD, STRONG, Theme, count};
use crate::report::text;

/// What the block of a failure shows besides the failure itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FailureContext<'a> {
    /// What failed: `build.backend` and its title. `None` if it is not a step.
    pub(crate) subject: Option<&'a str>,
    /// The path of the whole output.
    pub(crate) log: Option<&'a str>,
    /// Maximum number of detail lines; the last ones are shown.
    pub(crate) max_details: usize,
    /// Whether hints are shown.
    pub(crate) hints: bool,
}

impl FailureContext<'_> {
    /// A complete failure that is not about a step: what `cli` prints for an error outside a run.
    pub(crate) const STANDALONE: Self = Self { subject: None, log: None, max_details: MAX_DETAILS, hints: true };
}

/// Writes `failure`:
///
/// ```text
/// error: build.backend (Build the backend): `docker build` failed
///   caused by: exit status 1
///   │ #12 ERROR: process "/bin/sh -c make" did not complete
///   log: .provision/logs/20261121-113512-4f2a/build.backend.log
/// help: `provision logs build.backend` shows all of it
/// more: provision explain disk-full
/// ```
///
/// The last line is there if the page of the error says more than that something failed.
pub(crate) fn write_failure(
    out: &mut dyn Write,
    theme: Theme,
    failure: &Failure,
    context: FailureContext,
) -> io::Result<()> {
    write!(out, "{} ", theme.paint(BAD, "error:"))?;
    if let Some(subject) = context.subject {
        write!(out, "{}: ", theme.paint(STRONG, &text::plain(subject)))?;
    }
    write_lines(out, &failure.message, "  ")?;
    for cause in &failure.causes {
        write!(out, "  {} ", theme.paint(DIM, "caused by:"))?;
        write_lines(out, cause, "    ")?;
    }
    // The last lines of a tool say more than the first ones.
    let left_out = failure.details.len().saturating_sub(context.max_details);
    let gutter = theme.paint(DIM, theme.gutter().trim_end());
    if left_out > 0 && context.max_details > 0 {
        let lines = count(left_out, "line");
        writeln!(out, "  {gutter} {}", theme.paint(DIM, &format!("({lines} omitted)")))?;
    }
    for line in &failure.details[left_out..] {
        writeln!(out, "{}", format!("  {gutter} {}", theme.sanitize(line)).trim_end())?;
    }
    if let Some(log) = context.log {
        writeln!(out, "  {} {log}", theme.paint(DIM, "log:"))?;
    }
    if context.hints {
        for hint in &failure.hints {
            write!(out, "{} ", theme.paint(GOOD, "help:"))?;
            write_lines(out, hint, "  ")?;
        }
        let id = failure.error_id();
        if ids::says_more(id) {
            writeln!(out, "{} {}", theme.paint(DIM, "more:"), id.explain())?;
        }
    }
    Ok(())
}

/// Writes `message`, with all lines but the first indented, and without control sequences: parts of it are quoted from
/// tools and servers.
fn write_lines(out: &mut dyn Write, message: &str, indent: &str) -> io::Result<()> {
    let mut lines = message.lines();
    writeln!(out, "{}", text::plain(lines.next().unwrap_or_default()))?;
    for line in lines {
        writeln!(out, "{indent}{}", text::plain(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;

    fn shown(failure: &Failure, theme: Theme, context: FailureContext) -> String {
        let mut out = Vec::new();
        write_failure(&mut out, theme, failure, context).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn sample() -> Failure {
        Failure::failed("`docker build` failed")
            .cause("exit status 1")
            .cause("no space left\non device")
            .details((1..=5).map(|n| format!("line \x1b[31m{n}\x1b[2J")))
            .hint("`provision doctor` checks the disk")
    }

    #[test]
    fn a_block_has_the_step_the_causes_the_last_details_the_log_and_hints() {
        let context = FailureContext {
            subject: Some("build.backend (Build the backend)"),
            log: Some(".provision/logs/r/build.backend.log"),
            max_details: 3,
            hints: true,
        };
        insta::assert_snapshot!(shown(&sample(), Theme::PLAIN, context), @r"
        error: build.backend (Build the backend): `docker build` failed
          caused by: exit status 1
          caused by: no space left
            on device
          | (2 lines omitted)
          | line 3
          | line 4
          | line 5
          log: .provision/logs/r/build.backend.log
        help: `provision doctor` checks the disk
        ");
    }

    #[test]
    fn colours_of_a_tool_stay_and_cursor_movements_go() {
        let theme = Theme { color: true, unicode: true };
        let block = shown(&sample(), theme, FailureContext::STANDALONE);
        assert!(block.contains("line \x1b[31m5\x1b[0m\n"), "{block:?}");
        assert!(!block.contains("\x1b[2J"), "{block:?}");
    }

    #[test]
    fn a_failure_without_a_step_is_a_message_with_its_causes() {
        let failure = Failure::new(FailureKind::Config, "`pipeline.toml` has 2 errors").cause("no such stage");
        insta::assert_snapshot!(shown(&failure, Theme::PLAIN, FailureContext::STANDALONE), @r"
        error: `pipeline.toml` has 2 errors
          caused by: no such stage
        ");
    }
}
