//! [`Table`]: steps as rows below a heading for each stage.

use std::io::{self, Write};

use crate::model::StepId;
use crate::report::style::{DIM, PLAIN, STRONG, Spans, Symbol, Theme};
use crate::report::text;

/// Rows below a heading for each stage.
pub(super) struct Table {
    theme: Theme,
    columns: usize,
    name_width: usize,
    stage: Option<String>,
}

impl Table {
    /// Creates a table for the steps `ids`.
    pub(super) fn new<'a>(theme: Theme, columns: Option<usize>, ids: impl Iterator<Item = &'a StepId>) -> Self {
        Self {
            theme,
            columns: columns.unwrap_or(100),
            name_width: ids.map(|id| id.name().len()).max().unwrap_or(0),
            stage: None,
        }
    }

    /// Whether `right` has room at the right edge.
    pub(super) fn fits(&self, right: &Spans) -> bool {
        right.fits(self.columns)
    }

    /// Writes the row of a step.
    pub(super) fn row(
        &mut self,
        out: &mut dyn Write,
        step: &StepId,
        title: &str,
        (symbol, style): (Symbol, anstyle::Style),
        remark: Option<(anstyle::Style, String)>,
        right: &Spans,
    ) -> io::Result<()> {
        if self.stage.as_deref() != Some(step.stage()) {
            writeln!(out, "{}", self.theme.paint(STRONG, step.stage()))?;
            self.stage = Some(step.stage().to_owned());
        }
        let mut left = Spans::new();
        left.push(PLAIN, "  ").push(style, self.theme.symbol(symbol)).push(PLAIN, " ");
        left.push(PLAIN, text::pad(step.name(), self.name_width)).push(PLAIN, "  ");
        match remark {
            Some((style, remark)) => left.push(style, text::plain(&remark)),
            None if title == step.name() => &mut left,
            None => left.push(DIM, text::plain(title)),
        };
        let line = left.render(self.theme, self.columns, right);
        writeln!(out, "{}", line.trim_end())
    }
}
