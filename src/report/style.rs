//! How things look: symbols, colours, durations. Colour never says what a word or symbol does not say too.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::text;
use crate::model::Outcome;

/// It went wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// It went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Worth a look.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// What is going on.
pub const BUSY: Style = AnsiColor::Cyan.on_default();
/// What can be passed over.
pub const DIM: Style = Style::new().dimmed();
/// Names and headings.
pub const STRONG: Style = Style::new().bold();
/// As it is.
pub const PLAIN: Style = Style::new();

/// What the place that is written to can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether colours and weights are written.
    pub color: bool,
    /// Whether characters beyond ASCII are written.
    pub unicode: bool,
}

/// What stands in front of a step, stage or item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// Proven.
    Good,
    /// Failed.
    Bad,
    /// Not begun.
    Waiting,
    /// At work.
    Busy,
    /// Tried again.
    Again,
    /// Left out.
    Out,
}

impl Look {
    /// Neither colour nor anything beyond ASCII.
    pub const PLAIN: Self = Self { color: false, unicode: false };

    /// `text` in `style`, where colours are on.
    pub fn paint(self, style: Style, text: &str) -> String {
        if self.color && style != PLAIN && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// The character for `symbol`.
    pub fn symbol(self, symbol: Symbol) -> &'static str {
        let (nice, ascii) = match symbol {
            Symbol::Good => ("✓", "+"),
            Symbol::Bad => ("✗", "x"),
            Symbol::Waiting => ("○", "."),
            Symbol::Busy => ("●", "*"),
            Symbol::Again => ("↻", "~"),
            Symbol::Out => ("–", "-"),
        };
        if self.unicode { nice } else { ascii }
    }

    /// What stands for text that was cut off.
    pub fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// What stands to the left of quoted output.
    pub fn gutter(self) -> &'static str {
        if self.unicode { "│ " } else { "| " }
    }

    /// A picture of something that goes on, a further one for each `turn`.
    pub fn spinner(self, turn: usize) -> &'static str {
        const NICE: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        const ASCII: [&str; 4] = ["|", "/", "-", "\\"];
        if self.unicode { NICE[turn % NICE.len()] } else { ASCII[turn % ASCII.len()] }
    }

    /// The text of others: colours stay where colours are on, everything else that steers a terminal goes.
    pub fn foreign(self, line: &str) -> String {
        if self.color { text::styled(line).into_owned() } else { text::plain(line).into_owned() }
    }
}

/// How an outcome is shown.
pub fn outcome_look(outcome: Outcome) -> (Symbol, Style) {
    match outcome {
        Outcome::Succeeded => (Symbol::Good, GOOD),
        Outcome::Fresh => (Symbol::Good, DIM),
        Outcome::Fallback => (Symbol::Good, WARN),
        Outcome::Failed => (Symbol::Bad, BAD),
        Outcome::Interrupted => (Symbol::Bad, WARN),
        Outcome::Blocked | Outcome::Skipped => (Symbol::Out, DIM),
    }
}

/// A duration as a person reads it: `0.4s`, `12.3s`, `1m 05s`, `2h 03m`.
pub fn duration(duration: Duration) -> String {
    // Rounded first, so that 59.96 s is a minute and never `60.0s`.
    let tenths = (duration.as_millis() + 50) / 100;
    if tenths < 600 {
        return format!("{}.{}s", tenths / 10, tenths % 10);
    }
    let seconds = (duration.as_millis() + 500) / 1000;
    if seconds < 3600 {
        format!("{}m {:02}s", seconds / 60, seconds % 60)
    } else {
        let minutes = (seconds + 30) / 60;
        format!("{}h {:02}m", minutes / 60, minutes % 60)
    }
}

/// `1 step`, `2 steps`.
pub fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// A line made of styled pieces, that knows how wide it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    spans: Vec<(Style, String)>,
    width: usize,
}

impl Spans {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `text`, which holds no control sequences.
    pub fn push(&mut self, style: Style, text: impl Into<String>) -> &mut Self {
        let text = text.into();
        self.width += text::width(&text);
        self.spans.push((style, text));
        self
    }

    /// Adds blanks up to `column`.
    pub fn pad_to(&mut self, column: usize) -> &mut Self {
        let missing = column.saturating_sub(self.width);
        if missing > 0 {
            self.push(PLAIN, " ".repeat(missing));
        }
        self
    }

    /// How many columns it takes.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The line with `right` at the right edge of `max` columns: the line is cut to leave room for it, and where there
    /// is hardly room for either, `right` is left out.
    pub fn render(&self, look: Look, max: usize, right: &Self) -> String {
        const LEAST_LEFT: usize = 16;
        let mut out = String::new();
        let right_width = if right.width > 0 { right.width + 2 } else { 0 };
        if right_width == 0 || max < LEAST_LEFT + right_width {
            self.write_cut(look, max, &mut out);
            return out;
        }
        let room = max - right_width;
        let used = self.write_cut(look, room, &mut out);
        out.push_str(&" ".repeat(room - used + 2));
        right.write_cut(look, right.width, &mut out);
        out
    }

    fn write_cut(&self, look: Look, max: usize, out: &mut String) -> usize {
        let mut left = max;
        let mut rest = self.width;
        for (style, piece) in &self.spans {
            let columns = text::width(piece);
            // The mark belongs to the piece after which there is no room, even if that piece itself would fit exactly.
            let piece = if columns == left && rest > columns && max > 1 {
                text::cut(piece, left.saturating_sub(1), "") + look.ellipsis()
            } else {
                text::cut(piece, left, look.ellipsis())
            };
            let piece = text::cut(&piece, left, "");
            let _infallible = write!(out, "{}", look.paint(*style, &piece));
            left -= text::width(&piece);
            rest -= columns;
            if left == 0 {
                break;
            }
        }
        max - left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_naturally() {
        let cases = [
            (0, "0.0s"),
            (49, "0.0s"),
            (50, "0.1s"),
            (1234, "1.2s"),
            (59_940, "59.9s"),
            (59_960, "1m 00s"),
            (65_000, "1m 05s"),
            (3_599_400, "59m 59s"),
            (3_599_600, "1h 00m"),
            (7_380_000, "2h 03m"),
        ];
        for (ms, text) in cases {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn a_line_never_takes_more_than_it_may() {
        let mut left = Spans::new();
        left.push(GOOD, "✓").push(PLAIN, " 日本語 backend ").push(DIM, "a long title");
        let mut right = Spans::new();
        right.push(DIM, "12.3s");
        for max in 0..60 {
            for unicode in [false, true] {
                let look = Look { color: false, unicode };
                let line = left.render(look, max, &right);
                assert!(text::width(&line) <= max, "{max} {line:?}");
            }
        }
        let look = Look { color: false, unicode: true };
        assert_eq!(left.render(look, 23, &right), "✓ 日本語 backen…  12.3s");
        assert_eq!(left.render(look, 40, &right), "✓ 日本語 backend a long title      12.3s");
        assert_eq!(left.render(look, 1, &right), "✓");
    }

    #[test]
    fn no_colour_means_no_escape() {
        assert_eq!(Look::PLAIN.paint(BAD, "x"), "x");
        let look = Look { color: true, unicode: true };
        assert_eq!(look.paint(DIM, "x"), "\x1b[2mx\x1b[0m");
        assert_eq!(Look::PLAIN.foreign("\x1b[31mred"), "red");
    }
}
