//! `provision prove --format text`.

use std::io::{self, Write};

use crate::model::{ItemId, ItemTrial, Mutant, MutantCounts, NotTried, Survivor, Trials};
use crate::report::style::{BAD, DIM, GOOD, STRONG, Symbol, Theme, WARN, count};
use crate::report::text;

/// Most columns of a line of a file that are shown.
const MAX_LINE: usize = 100;

pub(super) fn write(out: &mut dyn Write, theme: Theme, trials: &Trials) -> io::Result<()> {
    let width = trials.items.iter().map(|item| text::width(item.id.as_str())).max().unwrap_or(0).max(4);
    writeln!(out, "{}", theme.paint(STRONG, &format!("  {}  noticed  for example", text::pad("item", width))))?;
    for item in &trials.items {
        write_item(out, theme, item, width)?;
    }
    write_survivors(out, theme, trials)?;
    write_others(out, theme, "checks that fail on the files as they are", &trials.failing, (Symbol::Bad, BAD))?;
    write_others(out, theme, "checks that were not tried", &trials.left_out, (Symbol::Out, WARN))?;
    if !trials.expired.is_empty() {
        writeln!(out, "\n{}", theme.paint(STRONG, "explanations that no survivor needs"))?;
        for line in &trials.expired {
            writeln!(out, "  {} {}", theme.paint(WARN, theme.symbol(Symbol::Again)), text::plain(line))?;
        }
    }
    write_summary(out, theme, trials)
}

fn write_item(out: &mut dyn Write, theme: Theme, item: &ItemTrial, width: usize) -> io::Result<()> {
    let (symbol, style) = if item.shown_by.is_some() { (Symbol::Good, GOOD) } else { (Symbol::Bad, BAD) };
    let counts = format!("{}/{}", item.noticed, item.tried);
    let example = match &item.shown_by {
        Some(mutant) => format!("{}: {}", place(mutant), change(theme, mutant)),
        None => "no mutant made its checks fail".to_owned(),
    };
    let symbol = theme.paint(style, theme.symbol(symbol));
    let id = text::pad(&text::plain(item.id.as_str()), width);
    writeln!(out, "{symbol} {id}  {counts:>7}  {}", theme.paint(DIM, &example))
}

fn place(mutant: &Mutant) -> String {
    let file = text::plain(&mutant.file);
    if mutant.line == 0 { file.into_owned() } else { format!("{file}:{}", mutant.line) }
}

/// What was changed, in words.
fn change(theme: Theme, mutant: &Mutant) -> String {
    let shown = |line: &str| text::cut(&text::plain(line), MAX_LINE, theme.ellipsis()).into_owned();
    let (before, after) = (shown(&mutant.before), shown(&mutant.after));
    let kind = mutant.kind.name();
    match (before.is_empty(), after.is_empty()) {
        (true, true) => kind.to_owned(),
        (false, true) => format!("{kind} `{before}`"),
        (true, false) => format!("{kind} `{after}`"),
        (false, false) => format!("{kind} `{before}` -> `{after}`"),
    }
}

fn write_survivors(out: &mut dyn Write, theme: Theme, trials: &Trials) -> io::Result<()> {
    if trials.survivors.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", theme.paint(STRONG, "mutants that no check noticed"))?;
    for Survivor { mutant, items, reason } in &trials.survivors {
        let ids: Vec<&str> = items.iter().map(ItemId::as_str).collect();
        let (symbol, style) = if reason.is_some() { (Symbol::Out, DIM) } else { (Symbol::Bad, BAD) };
        let symbol = theme.paint(style, theme.symbol(symbol));
        let of = theme.paint(DIM, &format!("({})", text::plain(&ids.join(", "))));
        writeln!(out, "{symbol} {}: {} {of}", theme.paint(STRONG, &place(mutant)), change(theme, mutant))?;
        if let Some(reason) = reason {
            writeln!(out, "    {}", theme.paint(DIM, &format!("explained: {}", text::plain(reason))))?;
        }
    }
    Ok(())
}

fn write_others(
    out: &mut dyn Write,
    theme: Theme,
    heading: &str,
    all: &[NotTried],
    (symbol, style): (Symbol, anstyle::Style),
) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", theme.paint(STRONG, heading))?;
    for NotTried { step, items, why } in all {
        let ids: Vec<&str> = items.iter().map(ItemId::as_str).collect();
        let ids = text::plain(&ids.join(", ")).into_owned();
        writeln!(out, "{} {step} ({ids}): {}", theme.paint(style, theme.symbol(symbol)), text::plain(why))?;
    }
    Ok(())
}

fn write_summary(out: &mut dyn Write, theme: Theme, trials: &Trials) -> io::Result<()> {
    let MutantCounts { possible, refused, tried, noticed } = trials.counts();
    let unexplained = trials.unexplained().count();
    let explained = trials.survivors.len() - unexplained;
    let rate = per_mille(noticed, tried).map(|rate| format!(" ({}.{} %)", rate / 10, rate % 10)).unwrap_or_default();
    let (symbol, style) = if trials.is_shown() { (Symbol::Good, GOOD) } else { (Symbol::Bad, BAD) };
    let symbol = theme.paint(style, theme.symbol(symbol));
    writeln!(
        out,
        "\n{symbol} {noticed} of {tried} mutants noticed{rate}; of the others, {explained} explained and {unexplained} not"
    )?;
    let without = trials.items.iter().filter(|item| item.shown_by.is_none()).count();
    writeln!(
        out,
        "  tried {tried} of {possible} mutants of {}, by {}; {refused} more are charts that helm refuses, and do not count",
        count(trials.files.len(), "file"),
        count(trials.checks, "check")
    )?;
    writeln!(
        out,
        "  {} proven from files, {without} without a mutant that its checks notice; {} proven otherwise or not at all",
        count(trials.items.len(), "item"),
        trials.other_items
    )
}

/// `noticed` of `tried`, in tenths of a percent, rounded down: 100 % means all of them.
fn per_mille(noticed: usize, tried: usize) -> Option<usize> {
    (noticed * 1000).checked_div(tried)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FileTrial, MutantKind, StepId};

    fn mutant(kind: MutantKind, line: usize, before: &str, after: &str) -> Mutant {
        Mutant { file: "k8s/a.yaml".into(), line, kind, before: before.into(), after: after.into() }
    }

    fn trials() -> Trials {
        let item = |id: &str, shown_by| ItemTrial {
            id: ItemId::new(id).unwrap(),
            steps: vec![StepId::new("files.a").unwrap()],
            files: 1,
            tried: 9,
            noticed: 7,
            shown_by,
        };
        let survivor = |mutant, reason: Option<&str>| Survivor {
            mutant,
            items: vec![ItemId::new("T001").unwrap()],
            reason: reason.map(str::to_owned),
        };
        let not_tried = |step: &str, why: &str| NotTried {
            step: StepId::new(step).unwrap(),
            items: vec![ItemId::new("T003").unwrap()],
            why: why.into(),
        };
        Trials {
            items: vec![
                item("T001", Some(mutant(MutantKind::Number, 3, "replicas: 2", "replicas: 3"))),
                item("T002", None),
            ],
            other_items: 5,
            checks: 1,
            files: vec![FileTrial { file: "k8s/a.yaml".into(), possible: 30, refused: 2, tried: 9, noticed: 7 }],
            survivors: vec![
                survivor(mutant(MutantKind::LineGone, 7, "a: 1", ""), None),
                survivor(mutant(MutantKind::Emptied, 0, "", ""), Some("it may be empty")),
            ],
            expired: vec!["specs/prove.toml: word of `b`: there is no such mutant".into()],
            failing: vec![not_tried("files.b", "there is no `b`")],
            left_out: vec![not_tried("deploy.notes", "it reads `out.txt`, and the project has no such file")],
        }
    }

    #[test]
    fn survivors_have_their_line_and_what_was_changed() {
        let mut out = Vec::new();
        write(&mut out, Theme::PLAIN, &trials()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
          item  noticed  for example
        + T001      7/9  k8s/a.yaml:3: number `replicas: 2` -> `replicas: 3`
        x T002      7/9  no mutant made its checks fail

        mutants that no check noticed
        x k8s/a.yaml:7: line-gone `a: 1` (T001)
        - k8s/a.yaml: emptied (T001)
            explained: it may be empty

        checks that fail on the files as they are
        x files.b (T003): there is no `b`

        checks that were not tried
        - deploy.notes (T003): it reads `out.txt`, and the project has no such file

        explanations that no survivor needs
          ~ specs/prove.toml: word of `b`: there is no such mutant

        x 7 of 9 mutants noticed (77.7 %); of the others, 1 explained and 1 not
          tried 9 of 30 mutants of 1 file, by 1 check; 2 more are charts that helm refuses, and do not count
          2 items proven from files, 1 without a mutant that its checks notice; 5 proven otherwise or not at all
        ");
    }
}
