//! [`Surface`]: a terminal as `indicatif` draws on it, on which each row ends with a line break.
//!
//! `indicatif` fills a row with blanks up to the last column, so that the next one begins below it. To a terminal,
//! these rows are one line that it has wrapped: when its window gets wider, it joins them, and what is cleared for the
//! next frame is then earlier output. Here, the rest of a row is erased instead of filled, and the next row begins
//! after a line break.
//!
//! The cursor waits at the left of the last row, never at its end: what a person types there, such as the `^C` that a
//! terminal echoes, would go on in a row below, and the next frame would begin one row too low.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

use super::size::{Size, SizeOf};
use crate::report::text;

/// A terminal that progress bars are drawn on.
pub(super) struct Surface<W>(Mutex<State<W>>);

struct State<W> {
    out: W,
    size_of: SizeOf,
    /// The width that was returned last, which the rows are filled up to.
    width: usize,
    /// What is not written yet.
    bytes: Vec<u8>,
    /// Columns of the current row that are in use.
    column: usize,
}

impl<W: Write> Surface<W> {
    /// Draws on `out`, a terminal that has the size which `size_of` returns.
    pub(super) fn new(out: W, size_of: SizeOf) -> Self {
        let width = Size::default().columns.into();
        Self(Mutex::new(State { out, size_of, width, bytes: Vec::new(), column: 0 }))
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the cursor by `n` rows or columns, with the last byte of the control sequence that does it.
    fn move_cursor(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { write!(self.state().bytes, "\x1b[{n}{direction}") }
    }
}

impl<W: Write> State<W> {
    fn size(&self) -> Size {
        (self.size_of)().unwrap_or_default()
    }

    fn write(&mut self, text: &str) {
        let rest_of_row = self.width.saturating_sub(self.column);
        if rest_of_row > 0 && text.len() == rest_of_row && text.bytes().all(|byte| byte == b' ') {
            self.bytes.extend(b"\x1b[K");
            self.column = self.width;
            return;
        }
        for (piece, columns) in text::pieces(text) {
            if self.column + columns > self.width {
                self.bytes.extend(b"\r\n");
                self.column = 0;
            }
            self.bytes.extend(piece.as_bytes());
            self.column += columns;
        }
    }
}

impl<W: Write + Send> TermLike for Surface<W> {
    fn width(&self) -> u16 {
        let mut state = self.state();
        let columns = state.size().columns;
        state.width = columns.into();
        columns
    }

    fn height(&self) -> u16 {
        self.state().size().rows
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let mut state = self.state();
        state.write(text);
        state.bytes.push(b'\n');
        state.column = 0;
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut state = self.state();
        if text == "\r" {
            state.bytes.push(b'\r');
            state.column = 0;
        } else {
            state.write(text);
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let mut state = self.state();
        state.bytes.extend(b"\r\x1b[2K");
        state.column = 0;
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let state = &mut *self.state();
        if state.column > 0 {
            state.bytes.push(b'\r');
        }
        let written = state.out.write_all(&state.bytes).and_then(|()| state.out.flush());
        // What could not be written is not tried again: the rows are drawn as a whole.
        state.bytes.clear();
        written
    }
}

impl<W> fmt::Debug for Surface<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surface")
    }
}
