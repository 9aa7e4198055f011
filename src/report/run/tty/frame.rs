//! [`frame`]: a run as the lines of a terminal: each row of the layout with its symbol, bar, words and times.

use std::time::Duration;

use super::layout::{Row, layout};
use super::line::{Draft, Line};
use super::size::Size;
use crate::model::{Outcome, Progress, StepState, human_bytes};
use crate::report::run::interruption::interruption;
use crate::report::run::row::{Retry, StageRow, StepRow};
use crate::report::run::view::View;
use crate::report::style::{BAD, BUSY, DIM, GOOD, PLAIN, STRONG, Symbol, Theme, WARN, count, duration, outcome_style};
use crate::report::text;

/// Columns up to which the names of steps are aligned; longer ones are cut.
const MAX_NAME: usize = 20;

/// Maximum width of a line: on a wide screen a time should stay near what it belongs to.
const MAX_COLUMNS: usize = 110;

/// Lines of the screen that are left for the summary below the last frame.
const SUMMARY_LINES: usize = 8;

/// Shorter steps are over before an expectation is of use.
const LEAST_EXPECTED: Duration = Duration::from_secs(3);

/// Columns below which the words of a step need the room of its expectation.
const MIN_COLUMNS_EXPECTED: usize = 59;

/// What a frame is rendered for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    pub(super) theme: Theme,
    pub(super) size: Size,
    /// The age of the run.
    pub(super) now: Duration,
    /// The phase of the spinners.
    pub(super) phase: usize,
}

impl Canvas {
    /// Returns the width of a line: the last column stays free, as terminals differ in the width of symbols and in
    /// where the cursor is after the last column.
    fn columns(&self) -> usize {
        usize::from(self.size.columns).saturating_sub(1).clamp(1, MAX_COLUMNS)
    }
}

/// Renders a run that continues: at most as many lines as the terminal has rows, none of them wider than it is.
pub(super) fn frame(view: &View, canvas: Canvas) -> Vec<Line> {
    let rows = usize::from(canvas.size.rows);
    // On all but tiny screens, a line of earlier output stays visible.
    let room = if rows > 3 { rows - 1 } else { rows };
    let mut lines = steps(view, canvas, room.saturating_sub(1));
    lines.push(footer(view, canvas));
    lines
}

/// Renders a run that has ended, for above its summary.
pub(super) fn last_frame(view: &View, canvas: Canvas) -> Vec<String> {
    let room = usize::from(canvas.size.rows).saturating_sub(SUMMARY_LINES);
    steps(view, canvas, room).into_iter().map(|line| line.before + &line.after).collect()
}

fn steps(view: &View, canvas: Canvas, room: usize) -> Vec<Line> {
    let names = view.steps.iter().filter(|row| row.is_selected);
    let name_width = names.map(|row| row.id.name().len()).max().unwrap_or(0).min(MAX_NAME);
    layout(view, room).into_iter().map(|row| line(view, canvas, row, name_width)).collect()
}

fn line(view: &View, canvas: Canvas, row: Row, name_width: usize) -> Line {
    let theme = canvas.theme;
    let mut draft = Draft::new(theme, canvas.columns());
    let (good, waiting) = (theme.symbol(Symbol::Good), theme.symbol(Symbol::Waiting));
    match row {
        Row::Stage(place) => stage(&view.stages[place], canvas, &mut draft),
        Row::Step(place) => step(&view.steps[place], canvas, name_width, &mut draft),
        Row::LastLine(place) => {
            let last = view.steps[place].last_line.as_deref().unwrap_or_default();
            draft.left.push(DIM, format!("    {}", theme.gutter())).push(DIM, text::plain(last).trim_start());
        }
        Row::DoneStages(n) => {
            draft.left.push(GOOD, good).push(DIM, format!(" {} done", count(n, "stage")));
        }
        Row::WaitingStages(n) => {
            draft.left.push(DIM, format!("{waiting} {} waiting", count(n, "stage")));
        }
        Row::OtherSteps { done, waiting: n } => {
            draft.left.push(PLAIN, "  ");
            if done > 0 {
                draft.left.push(GOOD, good).push(DIM, format!(" {done} done"));
            }
            if n > 0 {
                let gap = if done > 0 { "  " } else { "" };
                draft.left.push(DIM, format!("{gap}{waiting} {n} waiting"));
            }
        }
        Row::MoreRunning(n) => {
            draft.left.push(BUSY, format!("  {} {n} more running", theme.ellipsis()));
        }
    }
    draft.finish()
}

fn stage(stage: &StageRow, canvas: Canvas, draft: &mut Draft) {
    let theme = canvas.theme;
    let counts = &stage.counts;
    let (symbol, style) = if stage.is_done() {
        match stage.ended.map(|(outcome, _)| outcome) {
            Some(outcome) => outcome_style(outcome),
            None if stage.n_bad() > 0 => (Symbol::Bad, BAD),
            None => (Symbol::Good, GOOD),
        }
    } else if stage.is_waiting() {
        (Symbol::Waiting, DIM)
    } else if counts.of(Outcome::Failed) > 0 {
        (Symbol::Bad, BAD)
    } else {
        (Symbol::Busy, BUSY)
    };
    draft.left.push(style, theme.symbol(symbol)).push(PLAIN, " ");
    let title = if stage.is_waiting() { DIM } else { STRONG };
    draft.left.push(title, text::plain(&stage.title)).push(PLAIN, "  ");
    let words: Vec<String> = [Outcome::Failed, Outcome::Interrupted, Outcome::Blocked]
        .into_iter()
        .filter(|outcome| counts.of(*outcome) > 0)
        .map(|outcome| format!("{} {}", counts.of(outcome), outcome.word()))
        .collect();
    draft.left.push(DIM, words.join(", "));
    let clock = stage.ended.map_or_else(
        || stage.started.map(|started| canvas.now.saturating_sub(started)),
        |(_, duration)| Some(duration).filter(|duration| *duration > Duration::ZERO),
    );
    draft.right.push(DIM, format!("{}/{}", counts.ended(), counts.total));
    push_clock(draft, clock);
}

fn step(row: &StepRow, canvas: Canvas, name_width: usize, draft: &mut Draft) {
    let theme = canvas.theme;
    draft.left.push(PLAIN, "  ");
    let pause = row.retry.as_ref().filter(|retry| retry.next > canvas.now);
    let (symbol, style) = match row.state {
        StepState::Waiting => (theme.symbol(Symbol::Waiting), DIM),
        StepState::Running if pause.is_some() => (theme.symbol(Symbol::Again), WARN),
        StepState::Checking | StepState::Running => (theme.spinner(canvas.phase), BUSY),
        StepState::Finished(outcome) => {
            let (symbol, style) = outcome_style(outcome);
            (theme.symbol(symbol), style)
        }
    };
    draft.left.push(style, symbol).push(PLAIN, " ");
    let name_style = if row.state == StepState::Running { STRONG } else { PLAIN };
    let name = text::cut(row.id.name(), MAX_NAME, theme.ellipsis());
    draft.left.push(name_style, text::pad(&name, name_width)).push(PLAIN, "  ");
    let title = text::plain(&row.title);
    let title = if title == row.id.name() { "".into() } else { title };
    match row.state {
        StepState::Waiting => {
            draft.left.push(DIM, title);
        }
        StepState::Checking => {
            draft.left.push(DIM, title);
            draft.right.push(BUSY, "checking");
            push_clock(draft, row.began.map(|began| canvas.now.saturating_sub(began)));
        }
        StepState::Running => {
            match (pause, &row.retry, &row.progress) {
                (Some(retry), _, _) => push_retry_delay(retry, canvas, draft),
                (None, retry, progress) => {
                    if let Some(retry) = retry {
                        draft.left.push(WARN, format!("attempt {}/{} ", retry.attempt + 1, retry.attempts));
                    }
                    match progress {
                        Some(progress) => push_progress(progress, row, canvas, draft),
                        None => {
                            draft.left.push(PLAIN, title);
                        }
                    }
                }
            }
            let clock = row.started.map(|started| canvas.now.saturating_sub(started));
            if pause.is_none() {
                push_expected(row.expected, clock, canvas, draft);
            }
            push_clock(draft, clock);
        }
        StepState::Finished(outcome) => {
            // Of a step that could not begin, why, instead of what it would have done.
            let why = row.failure.as_ref().map(|failure| failure.message.as_str());
            match why.or(row.note.as_deref().filter(|_| outcome == Outcome::Blocked)) {
                Some(why) => draft.left.push(style, text::plain(why.lines().next().unwrap_or_default())),
                None => draft.left.push(DIM, title),
            };
            draft.right.push(style, outcome.word());
            push_clock(draft, Some(row.duration).filter(|duration| *duration > Duration::ZERO));
        }
    }
}

/// Adds how long a step will take, if it takes as long as the last time; then, how long that was.
fn push_expected(expected: Option<Duration>, clock: Option<Duration>, canvas: Canvas, draft: &mut Draft) {
    let Some(expected) = expected.filter(|expected| *expected >= LEAST_EXPECTED) else { return };
    if canvas.columns() < MIN_COLUMNS_EXPECTED {
        return;
    }
    let text = match expected.checked_sub(clock.unwrap_or_default()).filter(|left| !left.is_zero()) {
        Some(left) => format!("~{} left", whole(left)),
        None => format!("last took {}", whole(expected)),
    };
    draft.right.push(DIM, text);
}

/// Returns a time without tenths of seconds, rounded up: `12s`, `1m 05s`.
fn whole(time: Duration) -> String {
    let time = Duration::from_secs(time.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
    if time < Duration::from_secs(60) { format!("{}s", time.as_secs()) } else { duration(time) }
}

/// Adds a time, padded so that times are aligned.
fn push_clock(draft: &mut Draft, clock: Option<Duration>) {
    match clock {
        Some(clock) => draft.right.push(DIM, format!(" {:>7}", duration(clock))),
        None => draft.right.push(PLAIN, " ".repeat(8)),
    };
}

fn push_retry_delay(retry: &Retry, canvas: Canvas, draft: &mut Draft) {
    let (attempt, attempts) = (retry.attempt, retry.attempts);
    let next = duration(retry.next.saturating_sub(canvas.now));
    draft.left.push(WARN, format!("attempt {attempt}/{attempts} failed, retrying in {next}: "));
    draft.left.push(DIM, text::plain(&retry.reason));
}

fn push_progress(progress: &Progress, row: &StepRow, canvas: Canvas, draft: &mut Draft) {
    if let Some(total) = progress.total.filter(|total| *total > 0)
        && !draft.push_bar(progress.current, total)
    {
        let percent = u128::from(progress.current.min(total)) * 100 / u128::from(total);
        draft.left.push(BUSY, format!("{percent} % "));
    }
    if let Some(rate) = row.rate.as_ref().and_then(|rate| rate.per_second(canvas.now)) {
        draft.left.push(BUSY, format!("{}/s ", human_bytes(rate)));
    }
    draft.left.push(PLAIN, text::plain(&progress.to_string()));
}

fn footer(view: &View, canvas: Canvas) -> Line {
    let mut draft = Draft::new(canvas.theme, canvas.columns());
    let (ended, total) = (view.counts.ended(), view.counts.total);
    if let Some((signal, kill)) = view.interrupted {
        draft.left.push(WARN, format!("{signal}: {}", interruption(kill)));
    } else {
        draft.left.push(STRONG, text::plain(&view.pipeline)).push(PLAIN, "  ");
        if total > 0 && draft.push_bar(ended as u64, total as u64) {
            draft.left.push(PLAIN, " ");
        }
        let running = view.counts.active;
        if running > 0 {
            draft.left.push(DIM, format!("{running} running  "));
        }
        let failed = view.counts.of(Outcome::Failed);
        if failed > 0 {
            draft.left.push(BAD, format!("{failed} failed"));
        }
    }
    draft.right.push(STRONG, format!("{ended}/{total}"));
    push_clock(&mut draft, Some(canvas.now));
    draft.finish()
}
