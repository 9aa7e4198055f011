//! `provision report diff --format markdown`: for the description of a change, or a comment on it.

use std::io::{self, Write};

use super::changes::{Diff, KnownRun};
use super::format::DiffFormat;
use crate::model::Outcome;
use crate::report::checklist::evidence::counts;
use crate::report::markdown::{escaped, fenced, in_code};
use crate::report::style::{Theme, timestamp};
use crate::report::text;

pub(super) const FORMAT: DiffFormat = DiffFormat { name: "markdown", write };

fn write(out: &mut dyn Write, diff: &Diff<'_>, _theme: Theme) -> io::Result<()> {
    writeln!(out, "# {}: {}\n", escaped(diff.pipeline), diff.summary())?;
    write_run(out, "From", &diff.before)?;
    write_run(out, "To", &diff.after)?;
    if !diff.items.is_empty() {
        writeln!(out)?;
    }
    for change in &diff.items {
        let item = &change.after.item;
        let id = if item.has_id { format!("**{}** ", item.id) } else { String::new() };
        let (before, after) = (change.before.verdict.word(), change.after.verdict.word());
        let verdict = if before == after { after.to_owned() } else { format!("{before} → {after}") };
        // The text comes from a Markdown file, so it is not escaped.
        writeln!(out, "- {id}{} ({verdict})", text::plain(&item.text))?;
        for step in &change.steps {
            writeln!(out, "  - `{}` {}", step.step, escaped(&step.what.join("; ")))?;
            let lines = step.error_lines();
            if !lines.is_empty() {
                for line in fenced("diff", lines.iter().map(String::as_str)).lines() {
                    writeln!(out, "    {line}")?;
                }
            }
        }
    }
    Ok(())
}

fn write_run(out: &mut dyn Write, word: &str, run: &KnownRun<'_>) -> io::Result<()> {
    let outcome = run.outcome.map_or("unfinished", Outcome::word);
    let commit = run.commit.map(|commit| format!(", commit `{}`", in_code(commit))).unwrap_or_default();
    writeln!(
        out,
        "- {word} run `{}` of {}, `{}`, {outcome}{commit}: {}",
        run.run,
        timestamp(run.began_ms),
        in_code(run.command),
        counts(run.checklist.counts())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::with_changes;

    #[test]
    fn markdown_is_a_list_of_the_items_that_have_changed() {
        with_changes(|diff| {
            let mut out = Vec::new();
            write(&mut out, diff, Theme::PLAIN).unwrap();
            insta::assert_snapshot!(String::from_utf8(out).unwrap());
        });
    }
}
