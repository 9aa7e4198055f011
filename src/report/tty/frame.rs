//! [`frame`]: a run as the lines of a terminal: each row of the layout with its symbol, bar, words and times.

use std::time::Duration;

use super::super::row::{Retry, StageRow, StepRow};
use super::super::style::{
    BAD, BUSY, DIM, GOOD, Look, PLAIN, STRONG, Spans, Symbol, WARN, count, duration, outcome_look,
};
use super::super::text;
use super::super::view::View;
use super::layout::{Row, layout};
use super::screen::Size;
use crate::model::{Outcome, Progress, StepState};

/// Names are not aligned beyond this.
const MAX_NAME: usize = 20;

/// Fewer columns have no room for a bar.
const LEAST_FOR_BAR: u16 = 50;

/// What the picture is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    pub(super) look: Look,
    pub(super) size: Size,
    /// How old the run is.
    pub(super) now: Duration,
    /// How often the spinners have turned.
    pub(super) turn: usize,
}

/// The picture of a run that goes on: at most as many lines as the terminal has, none of them wider than it is.
pub(super) fn frame(view: &View, canvas: Canvas) -> Vec<String> {
    let rows = usize::from(canvas.size.rows);
    // A line of what was there before stays in sight, where there are some.
    let room = if rows > 3 { rows - 1 } else { rows };
    let mut lines = picture(view, canvas, room.saturating_sub(1));
    lines.push(footer(view, canvas));
    lines
}

/// The picture of a run that has ended, for above its summary.
pub(super) fn last_frame(view: &View, canvas: Canvas) -> Vec<String> {
    // The summary is to be seen together with it.
    picture(view, canvas, usize::from(canvas.size.rows).saturating_sub(8))
}

fn picture(view: &View, canvas: Canvas, room: usize) -> Vec<String> {
    let names = view.steps.iter().filter(|row| row.is_selected);
    let name_width = names.map(|row| row.id.name().len()).max().unwrap_or(0).min(MAX_NAME);
    layout(view, room).into_iter().map(|row| line(view, canvas, row, name_width)).collect()
}

/// Lines are not wider than this, so that on a wide screen a time stands near what it belongs to.
const MAX_COLUMNS: usize = 110;

/// How wide a line may be: the last column stays free, as terminals differ in how wide symbols are and in where the cursor
/// is after it.
fn columns(canvas: Canvas) -> usize {
    usize::from(canvas.size.columns).saturating_sub(1).clamp(1, MAX_COLUMNS)
}

fn line(view: &View, canvas: Canvas, row: Row, name_width: usize) -> String {
    let (mut left, mut right) = (Spans::new(), Spans::new());
    let look = canvas.look;
    let (good, waiting) = (look.symbol(Symbol::Good), look.symbol(Symbol::Waiting));
    match row {
        Row::Stage(place) => stage(&view.stages[place], canvas, &mut left, &mut right),
        Row::Step(place) => step(&view.steps[place], canvas, name_width, &mut left, &mut right),
        Row::LastLine(place) => {
            let last = view.steps[place].last_line.as_deref().unwrap_or_default();
            left.push(DIM, format!("    {}", look.gutter()));
            left.push(DIM, text::plain(last).trim_start());
        }
        Row::DoneStages(n) => {
            left.push(GOOD, good).push(DIM, format!(" {} done", count(n, "stage")));
        }
        Row::WaitingStages(n) => {
            left.push(DIM, format!("{waiting} {} waiting", count(n, "stage")));
        }
        Row::OtherSteps { done, waiting: n } => {
            left.push(PLAIN, "  ");
            if done > 0 {
                left.push(GOOD, good).push(DIM, format!(" {done} done"));
            }
            if n > 0 {
                let gap = if done > 0 { "  " } else { "" };
                left.push(DIM, format!("{gap}{waiting} {n} waiting"));
            }
        }
        Row::MoreRunning(n) => {
            left.push(BUSY, format!("  {} {n} more running", look.ellipsis()));
        }
    }
    left.render(look, columns(canvas), &right).trim_end().to_owned()
}

fn stage(stage: &StageRow, canvas: Canvas, left: &mut Spans, right: &mut Spans) {
    let look = canvas.look;
    let counts = &stage.counts;
    let (symbol, style) = if stage.is_done() {
        match stage.ended.map(|(outcome, _)| outcome) {
            Some(outcome) => outcome_look(outcome),
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
    left.push(style, look.symbol(symbol)).push(PLAIN, " ");
    let title = if stage.is_waiting() { DIM } else { STRONG };
    left.push(title, text::plain(&stage.title)).push(PLAIN, "  ");
    let words: Vec<String> = [Outcome::Failed, Outcome::Interrupted, Outcome::Blocked]
        .into_iter()
        .filter(|outcome| counts.of(*outcome) > 0)
        .map(|outcome| format!("{} {}", counts.of(outcome), outcome.word()))
        .collect();
    left.push(DIM, words.join(", "));
    let clock = stage.ended.map_or_else(
        || stage.started.map(|started| canvas.now.saturating_sub(started)),
        |(_, duration)| Some(duration).filter(|duration| *duration > Duration::ZERO),
    );
    right.push(DIM, format!("{}/{}", counts.ended(), counts.total));
    push_clock(right, clock);
}

fn step(row: &StepRow, canvas: Canvas, name_width: usize, left: &mut Spans, right: &mut Spans) {
    let look = canvas.look;
    left.push(PLAIN, "  ");
    let pause = row.retry.as_ref().filter(|retry| retry.next > canvas.now);
    let (symbol, style) = match row.state {
        StepState::Waiting => (look.symbol(Symbol::Waiting), DIM),
        StepState::Running if pause.is_some() => (look.symbol(Symbol::Again), WARN),
        StepState::Checking | StepState::Running => (look.spinner(canvas.turn), BUSY),
        StepState::Finished(outcome) => {
            let (symbol, style) = outcome_look(outcome);
            (look.symbol(symbol), style)
        }
    };
    left.push(style, symbol).push(PLAIN, " ");
    let name_style = if row.state == StepState::Running { STRONG } else { PLAIN };
    let name = text::cut(row.id.name(), MAX_NAME, look.ellipsis());
    left.push(name_style, text::pad(&name, name_width)).push(PLAIN, "  ");
    let title = text::plain(&row.title);
    let title = if title == row.id.name() { "".into() } else { title };
    match row.state {
        StepState::Waiting => {
            left.push(DIM, title);
        }
        StepState::Checking => {
            left.push(DIM, title);
            right.push(BUSY, "checking");
            push_clock(right, row.began.map(|began| canvas.now.saturating_sub(began)));
        }
        StepState::Running => {
            match (pause, &row.retry, &row.progress) {
                (Some(retry), _, _) => push_pause(retry, canvas, left),
                (None, retry, progress) => {
                    if let Some(retry) = retry {
                        left.push(WARN, format!("attempt {}/{} ", retry.attempt + 1, retry.attempts));
                    }
                    match progress {
                        Some(progress) => push_progress(progress, canvas, left),
                        None => {
                            left.push(PLAIN, title);
                        }
                    }
                }
            }
            push_clock(right, row.started.map(|started| canvas.now.saturating_sub(started)));
        }
        StepState::Finished(outcome) => {
            match &row.failure {
                Some(failure) => left.push(style, text::plain(failure.message.lines().next().unwrap_or_default())),
                None => left.push(DIM, title),
            };
            right.push(style, outcome.word());
            push_clock(right, Some(row.duration).filter(|duration| *duration > Duration::ZERO));
        }
    }
}

/// Times stand below each other, as wide as most of them are.
fn push_clock(right: &mut Spans, clock: Option<Duration>) {
    match clock {
        Some(clock) => right.push(DIM, format!(" {:>7}", duration(clock))),
        None => right.push(PLAIN, " ".repeat(8)),
    };
}

fn push_pause(retry: &Retry, canvas: Canvas, left: &mut Spans) {
    let (attempt, attempts) = (retry.attempt, retry.attempts);
    let next = duration(retry.next.saturating_sub(canvas.now));
    left.push(WARN, format!("attempt {attempt}/{attempts} failed, the next one in {next}: "));
    left.push(DIM, text::plain(&retry.reason));
}

fn push_progress(progress: &Progress, canvas: Canvas, left: &mut Spans) {
    if let Some(total) = progress.total.filter(|total| *total > 0) {
        if canvas.size.columns >= LEAST_FOR_BAR {
            let width = usize::from(canvas.size.columns / 5).min(24);
            push_bar(canvas.look, progress.current.min(total), total, width, left);
            left.push(PLAIN, " ");
        } else {
            let percent = u128::from(progress.current.min(total)) * 100 / u128::from(total);
            left.push(BUSY, format!("{percent} % "));
        }
    }
    let text = progress.to_string();
    left.push(PLAIN, text::plain(&text));
}

fn push_bar(look: Look, current: u64, total: u64, width: usize, left: &mut Spans) {
    // In halves of a character; 128 bits, as a count times the width need not fit in 64.
    let halves = u128::from(current) * (2 * width as u128) / u128::from(total.max(1));
    let halves = usize::try_from(halves).unwrap_or(0).min(2 * width);
    let (full, half, rest) = if look.unicode { ("━", "╸", "─") } else { ("=", "-", " ") };
    let n_half = halves % 2;
    if !look.unicode {
        left.push(DIM, "[");
    }
    left.push(BUSY, full.repeat(halves / 2) + &half.repeat(n_half));
    left.push(DIM, rest.repeat(width - halves / 2 - n_half));
    if !look.unicode {
        left.push(DIM, "]");
    }
}

fn footer(view: &View, canvas: Canvas) -> String {
    let (mut left, mut right) = (Spans::new(), Spans::new());
    let look = canvas.look;
    let (ended, total) = (view.counts.ended(), view.counts.total);
    if let Some((signal, kill)) = view.interrupted {
        let what = if kill { "killing what runs" } else { "winding down; once more, and what runs is killed" };
        left.push(WARN, format!("{signal}: {what}"));
    } else {
        left.push(STRONG, text::plain(&view.pipeline)).push(PLAIN, "  ");
        if canvas.size.columns >= LEAST_FOR_BAR && total > 0 {
            let width = usize::from(canvas.size.columns / 5).min(24);
            push_bar(look, ended as u64, total as u64, width, &mut left);
            left.push(PLAIN, "  ");
        }
        let running = view.counts.active;
        if running > 0 {
            left.push(DIM, format!("{running} running  "));
        }
        let failed = view.counts.of(Outcome::Failed);
        if failed > 0 {
            left.push(BAD, format!("{failed} failed"));
        }
    }
    right.push(STRONG, format!("{ended}/{total}"));
    push_clock(&mut right, Some(canvas.now));
    left.render(look, columns(canvas), &right)
}
