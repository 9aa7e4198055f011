//! [`StatusView`]: the last known state of every step while a run goes on, drawn again and again in the same place.

use std::io::{self, Write};
use std::time::Duration;

use super::status::{LastState, StepStatus, proven_of};
use super::table::Table;
use crate::report::run::tty::Size;
use crate::report::style::{BAD, BUSY, DIM, PLAIN, STRONG, Spans, Theme, count, duration, outcome_style};
use crate::report::text;

/// The run that is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WatchedRun<'a> {
    /// The command that began it.
    pub(crate) command: &'a str,
    /// For how long it has been on.
    pub(crate) age: Duration,
}

/// The lines at the end of the screen. Only they are written again: what is above them, and what has left the screen,
/// stays as it is.
#[derive(Debug)]
pub(crate) struct StatusView {
    theme: Theme,
    n_drawn: usize,
}

impl StatusView {
    /// Creates a view that has drawn nothing yet.
    pub(crate) fn new(theme: Theme) -> Self {
        Self { theme, n_drawn: 0 }
    }

    /// Draws the table in the place of the last one, with as many rows as a terminal of this size has room for.
    pub(crate) fn draw(
        &mut self,
        out: &mut dyn Write,
        steps: &[StepStatus],
        run: &WatchedRun<'_>,
        size: Size,
    ) -> io::Result<()> {
        // Text in the last column would move the cursor on some terminals, and so would a line in the last row.
        let columns = usize::from(size.columns).saturating_sub(1);
        let room = usize::from(size.rows).saturating_sub(2).max(1);
        let mut lines = rows_in(self.theme, steps, columns, room)?;
        lines.push(footer(self.theme, steps, run, columns));
        self.go_back(out)?;
        for line in &lines {
            write!(out, "{line}\x1b[K\r\n")?;
        }
        self.n_drawn = lines.len();
        write!(out, "\x1b[J")
    }

    /// Removes what was drawn.
    pub(crate) fn clear(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.go_back(out)?;
        self.n_drawn = 0;
        write!(out, "\x1b[J")
    }

    fn go_back(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.n_drawn > 0 { write!(out, "\x1b[{}A\r", self.n_drawn) } else { Ok(()) }
    }
}

/// Returns the rows of the table, at most `room`. Where they are too many, stages in which nothing happens take one
/// row, and then only the steps remain that run or have failed.
fn rows_in(theme: Theme, steps: &[StepStatus], columns: usize, room: usize) -> io::Result<Vec<String>> {
    let stages: Vec<&[StepStatus]> = steps.chunk_by(|a, b| a.step.stage() == b.step.stage()).collect();
    let whole = stages.iter().map(|stage| stage.len() + 1).sum::<usize>() <= room;
    let mut lines = Vec::new();
    for stage in &stages {
        if whole || stage.iter().any(is_busy) {
            lines.extend(table(theme, steps, stage.iter(), columns)?);
        } else {
            let mut line = Spans::new();
            line.push(STRONG, stage[0].step.stage()).push(DIM, format!("  {} proven", proven_of(stage)));
            lines.push(line.render(theme, columns, &Spans::new()));
        }
    }
    if lines.len() > room {
        lines = table(theme, steps, steps.iter().filter(|status| is_busy(status)), columns)?;
    }
    if lines.len() > room {
        let n_more = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(theme.paint(DIM, &format!("{} {}", theme.ellipsis(), count(n_more, "more line"))));
    }
    Ok(lines)
}

/// Returns the rows of `shown`, with names as wide as those of all `steps`.
fn table<'a>(
    theme: Theme,
    steps: &[StepStatus],
    shown: impl Iterator<Item = &'a StepStatus>,
    columns: usize,
) -> io::Result<Vec<String>> {
    let mut table = Table::new(theme, Some(columns), steps.iter().map(|status| &status.step));
    let mut text = Vec::new();
    for status in shown {
        status.write(&mut text, &mut table)?;
    }
    Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
}

fn is_busy(status: &StepStatus) -> bool {
    match &status.last {
        LastState::Running { .. } => true,
        LastState::Ended { outcome, .. } => !outcome.is_proof(),
        LastState::NeverRun | LastState::TakenDown { .. } | LastState::Unproven { .. } | LastState::InDoubt { .. } => {
            false
        }
    }
}

fn footer(theme: Theme, steps: &[StepStatus], run: &WatchedRun<'_>, columns: usize) -> String {
    let mut left = Spans::new();
    left.push(STRONG, text::plain(run.command))
        .push(DIM, format!("  {} proven; Ctrl-C leaves it running", proven_of(steps)));
    let mut right = Spans::new();
    right.push(PLAIN, duration(run.age));
    left.render(theme, columns, &right)
}

/// Writes a change as one line: that a step has started, or how it has ended.
pub(crate) fn write_status_change(
    out: &mut dyn Write,
    theme: Theme,
    age: Duration,
    status: &StepStatus,
) -> io::Result<()> {
    let (word, more) = match &status.last {
        LastState::Running { since } if *since < Duration::from_secs(1) => {
            (theme.paint(BUSY, "started"), String::new())
        }
        LastState::Running { since } => (theme.paint(BUSY, "running"), format!(" for {}", duration(*since))),
        LastState::Ended { outcome, duration: took, message, .. } => {
            let why = message.as_deref().map_or_else(String::new, |why| format!(": {}", text::plain(why)));
            (theme.paint(outcome_style(*outcome).1, outcome.word()), format!(" after {}{why}", duration(*took)))
        }
        LastState::InDoubt { by_down, .. } => {
            let why = if *by_down { ": it was being taken down" } else { ": it was begun and not finished" };
            (theme.paint(BAD, "in doubt"), why.to_owned())
        }
        LastState::TakenDown { .. } => (theme.paint(DIM, "taken down"), String::new()),
        LastState::Unproven { why, .. } => (theme.paint(DIM, "not proven any more"), format!(": {why}")),
        LastState::NeverRun => return Ok(()),
    };
    let step = theme.paint(STRONG, status.step.as_str());
    writeln!(out, "{} {step}  {word}{more}", theme.paint(DIM, &format!("[{:>7}]", duration(age))))
}

impl StepStatus {
    /// Whether it says the same as another one, whatever time has passed.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let both_run = matches!((&self.last, &other.last), (LastState::Running { .. }, LastState::Running { .. }));
        self.step == other.step && (both_run || self.last == other.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::report::testing::script::step;

    const THEME: Theme = Theme { color: false, unicode: true };

    /// Three stages of `n` steps: all proven, one that runs beside one that failed, and one that has never run.
    fn steps(n: usize) -> Vec<StepStatus> {
        let ended = |outcome| LastState::Ended {
            outcome,
            finished_ms: 1_795_260_912_345,
            duration: Duration::from_secs(8),
            message: None,
        };
        let state = |stage, place| match (stage, place) {
            ("a", _) | ("b", 2..) => ended(Outcome::Succeeded),
            ("b", 0) => ended(Outcome::Failed),
            ("b", _) => LastState::Running { since: Duration::from_secs(65) },
            _ => LastState::NeverRun,
        };
        let row = |stage, place| StepStatus {
            step: step(&format!("{stage}.s{place}")),
            title: "".into(),
            last: state(stage, place),
            error: None,
        };
        ["a", "b", "c"].iter().flat_map(|stage| (0..n).map(move |place| row(stage, place))).collect()
    }

    #[test]
    fn less_room_means_less_detail_and_never_more_rows_than_room() {
        let all = steps(3);
        assert_eq!(rows_in(THEME, &all, 79, 12).unwrap().len(), 12);
        insta::assert_snapshot!(rows_in(THEME, &all, 59, 7).unwrap().join("\n"), @r"
        a  3 of 3 steps proven
        b
          ✗ s0                  failed 2026-11-21T11:35:12Z    8.0s
          ● s1                                      running  1m 05s
          ✓ s2               succeeded 2026-11-21T11:35:12Z    8.0s
        c  0 of 3 steps proven
        ");
        insta::assert_snapshot!(rows_in(THEME, &all, 59, 3).unwrap().join("\n"), @r"
        b
          ✗ s0                  failed 2026-11-21T11:35:12Z    8.0s
          ● s1                                      running  1m 05s
        ");
        insta::assert_snapshot!(rows_in(THEME, &all, 59, 2).unwrap().join("\n"), @r"
        b
        … 2 more lines
        ");
        for n in [1, 3, 50] {
            for room in 1..40 {
                assert!(rows_in(THEME, &steps(n), 59, room).unwrap().len() <= room, "{n} {room}");
            }
        }
    }

    #[test]
    fn what_was_drawn_is_written_again_in_its_place_and_what_is_above_it_stays() {
        let mut screen = vt100::Parser::new(10, 60, 100);
        screen.process(b"$ earlier\r\n");
        let mut view = StatusView::new(THEME);
        let run = |age| WatchedRun { command: "provision up", age: Duration::from_secs(age) };
        for (n, age) in [(3, 1), (1, 2), (9, 3)] {
            let mut out = Vec::new();
            view.draw(&mut out, &steps(n), &run(age), Size { rows: 10, columns: 60 }).unwrap();
            screen.process(&out);
        }
        let shown = screen.screen().contents();
        assert_eq!(shown.matches("Ctrl-C").count(), 1, "{shown}");
        let mut out = Vec::new();
        view.clear(&mut out).unwrap();
        screen.process(&out);
        screen.screen_mut().set_scrollback(100);
        assert_eq!(screen.screen().contents().trim(), "$ earlier");
    }

    #[test]
    fn a_change_is_a_line() {
        let mut out = Vec::new();
        for status in steps(2) {
            write_status_change(&mut out, THEME, Duration::from_secs(70), &status).unwrap();
        }
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        [ 1m 10s] a.s0  succeeded after 8.0s
        [ 1m 10s] a.s1  succeeded after 8.0s
        [ 1m 10s] b.s0  failed after 8.0s
        [ 1m 10s] b.s1  running for 1m 05s
        ");
    }
}
