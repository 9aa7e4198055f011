//! The pages of errors as lines, for a terminal.

use std::io::{self, Write};

use super::{legend, sections};
use crate::error::{ErrorId, ErrorObject, ids};
use crate::model::StepId;
use crate::report::style::{BAD, DIM, GOOD, STRONG, Theme};
use crate::report::text;

/// The width of a page; narrower terminals wrap it themselves.
const WIDTH: usize = 96;

/// Writes all ids by area, each with what happened.
pub(crate) fn write_error_list(out: &mut dyn Write, theme: Theme) -> io::Result<()> {
    let width = ids::all().map(|id| id.word().len()).max().unwrap_or(0);
    for (area, ids) in ids::AREAS {
        writeln!(out, "{}", theme.paint(STRONG, area))?;
        for id in *ids {
            writeln!(out, "  {:width$}  {}", id.word(), id.page().title)?;
        }
    }
    writeln!(out, "\n`provision explain ID` says what each means, how to see more, and what helps.")
}

/// Writes how `step` failed the last time, above the page of its error.
pub(crate) fn write_last_error(
    out: &mut dyn Write,
    theme: Theme,
    step: &StepId,
    error: &ErrorObject,
) -> io::Result<()> {
    let lines = |text: &str| text::plain(&text.lines().collect::<Vec<_>>().join(" ")).into_owned();
    let step = theme.paint(STRONG, step.as_str());
    writeln!(out, "{} {step}: {}", theme.paint(BAD, "error:"), lines(&error.message))?;
    if let Some(cause) = &error.cause {
        writeln!(out, "  {} {}", theme.paint(DIM, "caused by:"), lines(cause))?;
    }
    for detail in &error.details {
        writeln!(out, "{}", format!("  {} {}", theme.paint(DIM, theme.gutter().trim_end()), lines(detail)).trim_end())?;
    }
    for fix in &error.fix {
        writeln!(out, "{} {}", theme.paint(GOOD, "help:"), lines(fix))?;
    }
    writeln!(out)
}

/// Writes the page of `id`. `step` is the step that failed, if it is about one.
pub(crate) fn write_error_page(
    out: &mut dyn Write,
    theme: Theme,
    id: ErrorId,
    step: Option<&StepId>,
) -> io::Result<()> {
    let page = id.page();
    writeln!(out, "{}: {}", theme.paint(STRONG, page.id), page.title)?;
    writeln!(out, "exit code {}\n", page.kind.exit_code())?;
    write_wrapped(out, "", "", page.about)?;
    for (heading, lines) in sections(page).into_iter().filter(|(_, lines)| !lines.is_empty()) {
        writeln!(out, "\n{}", theme.paint(STRONG, heading))?;
        for line in lines {
            write_wrapped(out, "  - ", "    ", line)?;
        }
    }
    let next = step.map_or_else(|| page.next.to_owned(), |step| id.next(Some(step.as_str())));
    writeln!(out, "\n{} {next}", theme.paint(GOOD, "next:"))?;
    for (word, meaning) in legend(page) {
        write_wrapped(out, "", "  ", &format!("{word} stands for {meaning}."))?;
    }
    Ok(())
}

/// Writes `text` in lines of at most [`WIDTH`] columns: the first begins with `first`, the others with `rest`.
fn write_wrapped(out: &mut dyn Write, first: &str, rest: &str, text: &str) -> io::Result<()> {
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(out, "{line}")?;
            rest.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(out, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_page_says_what_happened_why_how_to_see_more_and_what_helps() {
        let text = shown(|out| write_error_page(out, Theme::PLAIN, ids::VOLUME_NOT_MOUNTED, None));
        let start = "volume-not-mounted: a volume of a pod could not be mounted\nexit code 1\n\nThe pod is on a node";
        assert!(text.starts_with(start), "{text}");
        let parts = [
            "\n\nUsual causes\n  - ",
            "\n\nHow to see more\n  - ",
            "\n\nWhat helps\n  - ",
            "\n\nnext: provision logs STEP\n",
        ];
        let places: Vec<usize> = parts.iter().map(|part| text.find(part).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
        assert!(text.contains("\nKUBECTL stands for `kubectl --kubeconfig .provision/kubeconfig`"), "{text}");
    }

    #[test]
    fn no_line_of_any_page_is_wider_than_a_terminal_and_the_list_has_all() {
        let list = shown(|out| write_error_list(out, Theme::PLAIN));
        for id in ids::all() {
            let text = shown(|out| write_error_page(out, Theme::PLAIN, id, None));
            // A command is one word only as far as it has no space: none is that long.
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            assert!(list.contains(&format!("  {} ", id.word())), "{id:?}");
        }
    }
}
