//! [`Screen`]: where `indicatif` draws: rows at the end of a terminal that other text scrolls past above.
//!
//! `indicatif` ends a row by filling it with blanks, so that the terminal joins all rows to one long line: after a change
//! of the window's width rows and messages run into each other, and a copied `help:` line ends in blanks. Here rows end
//! by a line end, a frame is one write, and after a change of the width as many rows are erased as they take by then. The
//! cursor is never hidden, so that nothing needs restoring after a run that was killed.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

use super::super::text;

/// Begins a frame: terminals that know it show nothing before its end.
const BEGIN: &str = "\x1b[?2026h";
/// Ends a frame.
const END: &str = "\x1b[?2026l";

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many lines it shows.
    pub rows: u16,
    /// How many characters a line has.
    pub columns: u16,
}

impl Size {
    /// The size of the terminal `fd` is open on.
    pub fn of(fd: impl AsFd) -> Option<Self> {
        let size = rustix::termios::tcgetwinsize(fd).ok()?;
        // Serial lines and some CI terminals say 0 for "unknown".
        (size.ws_row > 0 && size.ws_col > 0).then_some(Self { rows: size.ws_row, columns: size.ws_col })
    }
}

impl Default for Size {
    fn default() -> Self {
        Self { rows: 24, columns: 80 }
    }
}

/// Asks for the size of the terminal; `None` where it can't be told.
pub type SizeOf = Box<dyn Fn() -> Option<Size> + Send>;

/// The terminal. Clones are the same one.
#[derive(Clone)]
pub(super) struct Screen(Arc<Mutex<State>>);

struct State {
    out: Box<dyn Write + Send>,
    size_of: SizeOf,
    size: Size,
    /// The lines of the frame that is being put together.
    lines: Vec<String>,
    /// Whether the next text is the filling of the line before it.
    at_filling: bool,
    /// How many of the lines drawn last are to be replaced.
    n_replaced: usize,
    /// How wide each line of the last frame is.
    drawn: Vec<usize>,
    /// Nothing is drawn any more: `indicatif` would once more when its bar is dropped.
    is_left: bool,
    error: Option<io::Error>,
}

impl Screen {
    pub(super) fn new(out: Box<dyn Write + Send>, size_of: SizeOf) -> Self {
        let size = size_of().unwrap_or_default();
        Self(Arc::new(Mutex::new(State {
            out,
            size_of,
            size,
            lines: Vec::new(),
            at_filling: false,
            n_replaced: 0,
            drawn: Vec::new(),
            is_left: false,
            error: None,
        })))
    }

    /// The size from now on; it stays the same while a frame is made and drawn.
    pub(super) fn measure(&self) -> Size {
        let mut state = self.state();
        state.size = (state.size_of)().unwrap_or_default();
        state.size
    }

    /// The first failed write since the last call: `indicatif` itself passes over them.
    pub(super) fn check(&self) -> io::Result<()> {
        self.state().error.take().map_or(Ok(()), Err)
    }

    /// Writes what stays when the rows are gone.
    pub(super) fn write_plain(&self, text: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.out.write_all(text)?;
        state.out.flush()
    }

    /// Draws no more. Rows that are still there stay, and what comes next begins below them.
    pub(super) fn leave(&self) -> io::Result<()> {
        let mut state = self.state();
        state.is_left = true;
        if !state.drawn.is_empty() {
            state.drawn.clear();
            state.out.write_all(b"\r\n")?;
        }
        state.out.flush()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn draw(&mut self) -> io::Result<()> {
        let n_replaced = std::mem::take(&mut self.n_replaced).min(self.drawn.len());
        let columns = usize::from(self.size.columns).max(1);
        let replaced = &self.drawn[self.drawn.len() - n_replaced..];
        let rows: usize = replaced.iter().map(|width| width.div_ceil(columns).max(1)).sum();
        let last = replaced.last().map_or(1, |width| width.div_ceil(columns).max(1));
        let mut frame = format!("{BEGIN}\r");
        if rows > last {
            let up = rows - last;
            let _infallible = write!(frame, "\x1b[{up}A");
        }
        // Row by row: tmux takes clearing to the end of the screen for a page that is done with, and keeps it in its
        // history; that would be every picture. Then back to where the first row begins.
        frame.push_str("\x1b7\x1b[2K");
        frame.push_str(&"\x1b[B\x1b[2K".repeat(rows.saturating_sub(1)));
        frame.push_str("\x1b8");
        frame.push_str(&self.lines.join("\r\n"));
        // The cursor waits at the left: a `^C` that the terminal echoes there does not run over the right edge.
        frame.push('\r');
        frame.push_str(END);
        self.drawn = self.lines.iter().map(|line| text::width(&text::plain(line))).collect();
        self.lines.clear();
        self.at_filling = false;
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}

/// A frame comes as: each row of the last one cleared, then each line followed by its filling, then a flush. Where the
/// cursor moves meanwhile follows from that.
impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.state().size.columns
    }

    fn height(&self) -> u16 {
        self.state().size.rows
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.state().lines.push(line.to_owned());
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut state = self.state();
        if !state.at_filling {
            state.lines.push(text.to_owned());
        }
        state.at_filling = !state.at_filling;
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.state().n_replaced += 1;
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut state = self.state();
        if !state.is_left
            && let Err(error) = state.draw()
        {
            state.error.get_or_insert(error);
        }
        Ok(())
    }
}
