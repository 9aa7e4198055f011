//! [`Line`]: a line of the screen: text, with a progress bar in it where something is counted.

use crate::report::style::{DIM, PLAIN, Spans, Theme};

/// A line that fits the width it was made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// The text before the bar, or all of it.
    pub(super) before: String,
    pub(super) bar: Option<Bar>,
    /// The text after the bar.
    pub(super) after: String,
}

/// A progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) position: u64,
    pub(super) length: u64,
    /// In columns.
    pub(super) width: usize,
}

/// A line that is being put together for `columns` columns.
pub(super) struct Draft {
    theme: Theme,
    columns: usize,
    before: Spans,
    bar: Option<Bar>,
    /// Text after the bar; before there is one, all text.
    pub(super) left: Spans,
    /// Text at the right edge.
    pub(super) right: Spans,
}

impl Draft {
    /// Text before and after a bar takes at least this many columns.
    const MIN_TEXT: usize = 24;

    pub(super) fn new(theme: Theme, columns: usize) -> Self {
        Self { theme, columns, before: Spans::new(), bar: None, left: Spans::new(), right: Spans::new() }
    }

    /// Adds a bar after the text so far, a fifth of the line wide. Returns `false` if there is no room for it.
    pub(super) fn push_bar(&mut self, position: u64, length: u64) -> bool {
        let width = self.columns.div_ceil(5).min(24);
        let brackets = if self.theme.unicode { 0 } else { 2 };
        if width < 10 || self.left.width() + width + brackets + Self::MIN_TEXT > self.columns {
            return false;
        }
        if !self.theme.unicode {
            self.left.push(DIM, "[");
        }
        self.before = std::mem::take(&mut self.left);
        self.bar = Some(Bar { position: position.min(length), length, width });
        if !self.theme.unicode {
            self.left.push(DIM, "]");
        }
        self.left.push(PLAIN, " ");
        true
    }

    pub(super) fn finish(self) -> Line {
        match self.bar {
            None => {
                let text = self.left.render(self.theme, self.columns, &self.right);
                Line { before: text.trim_end().to_owned(), bar: None, after: String::new() }
            }
            Some(bar) => {
                let room = self.columns - self.before.width() - bar.width;
                let after = self.left.render_beside(self.theme, room, &self.right);
                let before = self.before.render(self.theme, self.before.width(), &Spans::new());
                Line { before, bar: Some(bar), after: after.trim_end().to_owned() }
            }
        }
    }
}
