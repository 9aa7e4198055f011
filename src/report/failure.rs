//! [`write_failure`]: a failure as a block of text, the same wherever one is shown.

use std::io::{self, Write};

use super::style::{BAD, DIM, GOOD, Look, STRONG};
use super::text;
use crate::error::Failure;

/// Most lines of evidence that a block shows: with the rest of it, they fit on one screen.
pub const MAX_DETAILS: usize = 30;

/// What a failure's block says besides the failure itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// What failed: `build.backend` and its title. `None` where no step is to blame.
    pub subject: Option<&'a str>,
    /// Where the whole output is.
    pub log: Option<&'a str>,
    /// Most lines of evidence; the last ones are shown.
    pub max_details: usize,
    /// Whether hints are shown.
    pub hints: bool,
}

impl Around<'_> {
    /// A failure of no step, in full: what `cli` prints for an error outside a run.
    pub const ALONE: Self = Self { subject: None, log: None, max_details: MAX_DETAILS, hints: true };
}

/// Writes `failure`:
///
/// ```text
/// error: build.backend (Build the backend): `docker build` failed
///   caused by: exit status 1
///   │ #12 ERROR: process "/bin/sh -c make" did not complete
///   log: .provision/logs/20261121-113512-4f2a/build.backend.log
/// help: `provision logs build.backend` shows all of it
/// ```
pub fn write_failure(out: &mut dyn Write, look: Look, failure: &Failure, around: Around) -> io::Result<()> {
    write!(out, "{} ", look.paint(BAD, "error:"))?;
    if let Some(subject) = around.subject {
        write!(out, "{}: ", look.paint(STRONG, &text::plain(subject)))?;
    }
    write_lines(out, &failure.message, "  ")?;
    for cause in &failure.causes {
        write!(out, "  {} ", look.paint(DIM, "caused by:"))?;
        write_lines(out, cause, "    ")?;
    }
    // A tool's last words tell more than its first ones.
    let left_out = failure.details.len().saturating_sub(around.max_details);
    let gutter = look.paint(DIM, look.gutter().trim_end());
    if left_out > 0 && around.max_details > 0 {
        let lines = super::style::count(left_out, "line");
        writeln!(out, "  {gutter} {}", look.paint(DIM, &format!("({lines} before)")))?;
    }
    for line in &failure.details[left_out..] {
        writeln!(out, "{}", format!("  {gutter} {}", look.foreign(line)).trim_end())?;
    }
    if let Some(log) = around.log {
        writeln!(out, "  {} {log}", look.paint(DIM, "log:"))?;
    }
    if around.hints {
        for hint in &failure.hints {
            write!(out, "{} ", look.paint(GOOD, "help:"))?;
            write_lines(out, hint, "  ")?;
        }
    }
    Ok(())
}

/// Writes `message`, its further lines indented, without anything that steers a terminal: parts of it are quoted from
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

    fn shown(failure: &Failure, look: Look, around: Around) -> String {
        let mut out = Vec::new();
        write_failure(&mut out, look, failure, around).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn sample() -> Failure {
        Failure::failed("`docker build` failed")
            .cause("exit status 1")
            .cause("no space left\non device")
            .details((1..=5).map(|n| format!("line \x1b[31m{n}\x1b[2J")))
            .hint("`provision doctor` looks at the disk")
    }

    #[test]
    fn a_block_names_the_step_its_causes_the_last_evidence_the_log_and_a_way_on() {
        let around = Around {
            subject: Some("build.backend (Build the backend)"),
            log: Some(".provision/logs/r/build.backend.log"),
            max_details: 3,
            hints: true,
        };
        insta::assert_snapshot!(shown(&sample(), Look::PLAIN, around), @r"
        error: build.backend (Build the backend): `docker build` failed
          caused by: exit status 1
          caused by: no space left
            on device
          | (2 lines before)
          | line 3
          | line 4
          | line 5
          log: .provision/logs/r/build.backend.log
        help: `provision doctor` looks at the disk
        ");
    }

    #[test]
    fn colours_of_the_tool_stay_and_cursor_movements_go() {
        let look = Look { color: true, unicode: true };
        let block = shown(&sample(), look, Around::ALONE);
        assert!(block.contains("line \x1b[31m5\x1b[0m\n"), "{block:?}");
        assert!(!block.contains("\x1b[2J"), "{block:?}");
    }

    #[test]
    fn a_failure_without_a_step_is_a_message_with_its_causes() {
        let failure = Failure::new(FailureKind::Config, "`pipeline.toml` has 2 errors").cause("no such stage");
        insta::assert_snapshot!(shown(&failure, Look::PLAIN, Around::ALONE), @r"
        error: `pipeline.toml` has 2 errors
          caused by: no such stage
        ");
    }
}
