//! Symbols, colours, durations. Colour never carries information that words or symbols do not.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use crate::model::Outcome;
use crate::report::text;

/// For failures.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// For successes.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// For warnings.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// For work in progress.
pub(crate) const BUSY: Style = AnsiColor::Cyan.on_default();
/// For less important text.
pub(crate) const DIM: Style = Style::new().dimmed();
/// For names and headings.
pub(crate) const STRONG: Style = Style::new().bold();
/// For other text.
pub(crate) const PLAIN: Style = Style::new();

/// Returns the style of the lines of one of several sources, by its place among them.
pub(crate) fn lane_style(place: usize) -> Style {
    const COLORS: [AnsiColor; 5] =
        [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Green, AnsiColor::Magenta, AnsiColor::Blue];
    COLORS[place % COLORS.len()].on_default()
}

/// What the output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Theme {
    /// Whether to write colours and weights.
    pub(crate) color: bool,
    /// Whether to write characters beyond ASCII.
    pub(crate) unicode: bool,
}

/// The symbol of a step, stage or item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// Proven.
    Good,
    /// Failed.
    Bad,
    /// Not started.
    Waiting,
    /// Running.
    Busy,
    /// To be tried again.
    Again,
    /// Did not run.
    Out,
    /// Works, and may not for long.
    Warning,
}

impl Theme {
    /// Without colours, in ASCII.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { color: false, unicode: false };

    /// Returns `text` in `style`, if colours are on.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.color && style != PLAIN && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Returns the character for `symbol`.
    pub(crate) fn symbol(self, symbol: Symbol) -> &'static str {
        let (nice, ascii) = match symbol {
            Symbol::Good => ("✓", "+"),
            Symbol::Bad => ("✗", "x"),
            Symbol::Waiting => ("○", "."),
            Symbol::Busy => ("●", "*"),
            Symbol::Again => ("↻", "~"),
            Symbol::Out => ("–", "-"),
            Symbol::Warning => ("!", "!"),
        };
        if self.unicode { nice } else { ascii }
    }

    /// Returns the mark for omitted text.
    pub(crate) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Returns the mark to the left of quoted output.
    pub(crate) fn gutter(self) -> &'static str {
        if self.unicode { "│ " } else { "| " }
    }

    /// Returns the frame of a spinner for `phase`.
    pub(crate) fn spinner(self, phase: usize) -> &'static str {
        const NICE: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        const ASCII: [&str; 4] = ["|", "/", "-", "\\"];
        if self.unicode { NICE[phase % NICE.len()] } else { ASCII[phase % ASCII.len()] }
    }

    /// Removes control sequences from a tool's output; colours stay if colours are on.
    pub(crate) fn sanitize(self, line: &str) -> String {
        if self.color { text::styled(line).into_owned() } else { text::plain(line).into_owned() }
    }
}

/// Returns the symbol and the style of an outcome.
pub(crate) fn outcome_style(outcome: Outcome) -> (Symbol, Style) {
    match outcome {
        Outcome::Succeeded => (Symbol::Good, GOOD),
        Outcome::Fresh => (Symbol::Good, DIM),
        Outcome::Fallback => (Symbol::Good, WARN),
        Outcome::Failed => (Symbol::Bad, BAD),
        Outcome::Interrupted => (Symbol::Bad, WARN),
        Outcome::Blocked | Outcome::Skipped => (Symbol::Out, DIM),
    }
}

/// Formats a duration: `0.4s`, `12.3s`, `1m 05s`, `2h 03m`.
pub(crate) fn duration(duration: Duration) -> String {
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

/// Formats a time as RFC 3339 in UTC, to the second.
pub(crate) fn timestamp(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        // Out of range: a damaged record must still be shown.
        |_| "unknown".to_owned(),
        |at| format!("{at:.0}"),
    )
}

/// Formats a count: `1 step`, `2 steps`.
pub(crate) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Columns between the two sides of a line.
const GAP: usize = 2;

/// A line made of styled pieces that knows its width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans {
    spans: Vec<(Style, String)>,
    width: usize,
}

impl Spans {
    /// Creates an empty line.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds `text`, which has no control sequences.
    pub(crate) fn push(&mut self, style: Style, text: impl Into<String>) -> &mut Self {
        let text = text.into();
        self.width += text::width(&text);
        self.spans.push((style, text));
        self
    }

    /// Returns its width in columns.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Whether it stands at the right edge of `max` columns, with room for a line beside it.
    pub(crate) fn fits(&self, max: usize) -> bool {
        /// Columns of the line that it may not take.
        const MIN_LEFT: usize = 16;
        max >= MIN_LEFT + self.width + GAP
    }

    /// Returns the line with `right` at the right edge of `max` columns. The line is cut to make room for `right`; if
    /// there is little room, `right` is left out.
    pub(crate) fn render(&self, theme: Theme, max: usize, right: &Self) -> String {
        if right.width == 0 || !right.fits(max) {
            let mut out = String::new();
            self.write_cut(theme, max, &mut out);
            return out;
        }
        self.render_beside(theme, max, right)
    }

    /// Returns the line with `right` at the right edge of `max` columns, however little room that leaves.
    pub(crate) fn render_beside(&self, theme: Theme, max: usize, right: &Self) -> String {
        let mut out = String::new();
        let right_width = if right.width > 0 { right.width + GAP } else { 0 };
        if right_width > max {
            self.write_cut(theme, max, &mut out);
            return out;
        }
        let room = max - right_width;
        let used = self.write_cut(theme, room, &mut out);
        out.push_str(&" ".repeat(max - right.width - used));
        right.write_cut(theme, right.width, &mut out);
        out
    }

    fn write_cut(&self, theme: Theme, max: usize, out: &mut String) -> usize {
        let mut left = max;
        let mut rest = self.width;
        for (style, piece) in &self.spans {
            let columns = text::width(piece);
            // A piece that fits exactly is cut for the mark if others follow.
            let piece = if columns == left && rest > columns && max > 1 {
                text::cut(piece, left.saturating_sub(1), "") + theme.ellipsis()
            } else {
                text::cut(piece, left, theme.ellipsis())
            };
            let piece = text::cut(&piece, left, "");
            let _infallible = write!(out, "{}", theme.paint(*style, &piece));
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
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|n| count(n, "file")), ["0 files", "1 file", "2 files"]);
    }

    #[test]
    fn durations_are_formatted_by_their_size() {
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
    fn timestamps_are_rfc_3339_in_utc() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(i64::MAX), "unknown");
    }

    #[test]
    fn a_line_is_never_wider_than_allowed() {
        let mut left = Spans::new();
        left.push(GOOD, "✓").push(PLAIN, " 日本語 backend ").push(DIM, "a long title");
        let mut right = Spans::new();
        right.push(DIM, "12.3s");
        for max in 0..60 {
            for unicode in [false, true] {
                let theme = Theme { color: false, unicode };
                let line = left.render(theme, max, &right);
                assert!(text::width(&line) <= max, "{max} {line:?}");
            }
        }
        let theme = Theme { color: false, unicode: true };
        assert_eq!(left.render(theme, 23, &right), "✓ 日本語 backen…  12.3s");
        assert_eq!(left.render(theme, 40, &right), "✓ 日本語 backend a long title      12.3s");
        assert_eq!(left.render(theme, 1, &right), "✓");
    }

    #[test]
    fn without_colours_there_are_no_escape_sequences() {
        assert_eq!(Theme::PLAIN.paint(BAD, "x"), "x");
        let theme = Theme { color: true, unicode: true };
        assert_eq!(theme.paint(DIM, "x"), "\x1b[2mx\x1b[0m");
        assert_eq!(Theme::PLAIN.sanitize("\x1b[31mred"), "red");
    }
}
