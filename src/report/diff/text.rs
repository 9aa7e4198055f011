//! `provision report diff`, and `--format text`.

use std::io::{self, Write};

use super::changes::{Diff, KnownRun};
use super::format::DiffFormat;
use crate::model::Outcome;
use crate::report::checklist::evidence::counts;
use crate::report::checklist::text::verdict_style;
use crate::report::style::{DIM, STRONG, Theme, timestamp};
use crate::report::text;

pub(super) const FORMAT: DiffFormat = DiffFormat { name: "text", write };

/// The runs, the items that have changed, then the counts.
fn write(out: &mut dyn Write, diff: &Diff<'_>, theme: Theme) -> io::Result<()> {
    write_run(out, "from", &diff.before, theme)?;
    write_run(out, "to  ", &diff.after, theme)?;
    let arrow = if theme.unicode { "→" } else { "->" };
    for change in &diff.items {
        let item = &change.after.item;
        writeln!(out)?;
        let id = if item.has_id { format!("{}  ", item.id) } else { String::new() };
        writeln!(out, "{}{}", theme.paint(STRONG, &text::plain(&id)), text::plain(&item.text))?;
        let [before, after] = [change.before, change.after].map(|status| {
            let (_, style) = verdict_style(status.verdict);
            theme.paint(style, status.verdict.word())
        });
        let same = change.before.verdict == change.after.verdict;
        writeln!(out, "  {}", if same { format!("{after}, as before") } else { format!("{before} {arrow} {after}") })?;
        for step in &change.steps {
            let what = step.what.join("; ");
            let what = if theme.unicode { what } else { what.replace('→', "->") };
            writeln!(out, "    {}  {}", step.step, theme.paint(DIM, &text::plain(&what)))?;
            for line in step.error_lines() {
                writeln!(out, "      {line}")?;
            }
        }
    }
    writeln!(out)?;
    writeln!(out, "{}: {}", theme.paint(STRONG, &text::plain(diff.pipeline)), diff.summary())
}

fn write_run(out: &mut dyn Write, word: &str, run: &KnownRun<'_>, theme: Theme) -> io::Result<()> {
    let outcome = run.outcome.map_or("unfinished", Outcome::word);
    let commit = run.commit.map(|commit| format!(", commit {commit}")).unwrap_or_default();
    let line = format!("{}  {}  {outcome}{commit}", timestamp(run.began_ms), run.command);
    writeln!(out, "{word} {}  {}", theme.paint(STRONG, run.run), text::plain(&line))?;
    writeln!(out, "     {}", theme.paint(DIM, &counts(run.checklist.counts())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::with_changes;

    #[test]
    fn text_has_the_runs_the_items_that_have_changed_and_the_counts() {
        with_changes(|diff| {
            let mut out = Vec::new();
            write(&mut out, diff, Theme { color: false, unicode: true }).unwrap();
            insta::assert_snapshot!(String::from_utf8(out).unwrap());
        });
    }
}
