//! [`Bars`]: the lines of a frame as `indicatif`'s progress bars, one bar for each line.

use std::io;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::line::{Bar, Line};
use crate::report::style::Theme;

/// The progress bars on the screen.
#[derive(Debug)]
pub(super) struct Bars {
    group: MultiProgress,
    rows: Vec<Row>,
    theme: Theme,
}

/// A line on the screen, and the bar that shows it.
#[derive(Debug)]
struct Row {
    bar: ProgressBar,
    line: Line,
}

impl Bars {
    pub(super) fn new(target: ProgressDrawTarget, theme: Theme) -> Self {
        Self { group: MultiProgress::with_draw_target(target), rows: Vec::new(), theme }
    }

    /// Shows `lines` instead of those shown before. Only lines that differ are touched.
    pub(super) fn show(&mut self, lines: Vec<Line>) {
        for row in self.rows.drain(lines.len().min(self.rows.len())..) {
            self.group.remove(&row.bar);
        }
        for (n, line) in lines.into_iter().enumerate() {
            match self.rows.get_mut(n) {
                Some(row) if row.line == line => {}
                Some(row) => {
                    let is_restyled = row.line.bar.map(|bar| bar.width) != line.bar.map(|bar| bar.width);
                    if is_restyled {
                        row.bar.set_style(style(line.bar, self.theme));
                    }
                    update(&row.bar, &line);
                    row.line = line;
                }
                None => {
                    let bar = self.group.add(ProgressBar::new(0));
                    bar.set_style(style(line.bar, self.theme));
                    update(&bar, &line);
                    self.rows.push(Row { bar, line });
                }
            }
        }
    }

    /// Runs `write`, which may write to the terminal, with the bars out of the way; they are drawn again below its
    /// output.
    pub(super) fn suspend(&mut self, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        // `MultiProgress::suspend` panics when the terminal is gone.
        self.group.clear()?;
        write()?;
        if let Some(row) = self.rows.last() {
            row.bar.force_draw();
        }
        Ok(())
    }

    /// Removes all bars from the screen.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        for row in self.rows.drain(..) {
            self.group.remove(&row.bar);
        }
        self.group.clear()
    }
}

fn update(bar: &ProgressBar, line: &Line) {
    if let Some(progress) = line.bar {
        bar.set_length(progress.length);
        bar.set_position(progress.position);
    }
    bar.set_prefix(line.before.clone());
    bar.set_message(line.after.clone());
}

fn style(bar: Option<Bar>, theme: Theme) -> ProgressStyle {
    let colors = if theme.color { ".cyan/dim" } else { "" };
    let template = match bar {
        Some(bar) => format!("{{prefix}}{{bar:{}{colors}}}{{msg}}", bar.width),
        None => "{prefix}{msg}".to_owned(),
    };
    // The templates are valid; the default style would still show the message.
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars(if theme.unicode { "━╸─" } else { "=- " })
}
