//! The checklist for people: as text, and as Markdown whose boxes GitHub shows. JSON is `json`'s.

use std::io::{self, Write};

use jiff::Timestamp;

use super::style::{BAD, DIM, GOOD, Look, STRONG, Symbol, WARN, duration};
use super::text;
use crate::model::{Checklist, Counts, Evidence, Judged, Verdict};

/// A moment as RFC 3339 in UTC, to the second.
pub(super) fn timestamp(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        // Nobody finished a step before the year -9999; a broken record must still be shown.
        |_| "unknown".to_owned(),
        |at| format!("{at:.0}"),
    )
}

/// Writes the checklist as text: a line for each item below its phase, then the counts.
pub fn write_checklist_text(
    out: &mut dyn Write,
    look: Look,
    checklist: &Checklist,
    pipeline: &str,
    generated_ms: i64,
) -> io::Result<()> {
    let ids = checklist.items.iter().map(|judged| judged.item.id.as_str().len());
    let id_width = ids.max().unwrap_or(0);
    let mut phase = None;
    for judged in &checklist.items {
        if phase != Some(&judged.item.phase) {
            if phase.is_some() {
                writeln!(out)?;
            }
            writeln!(out, "{}", look.paint(STRONG, &text::plain(&judged.item.phase)))?;
            phase = Some(&judged.item.phase);
        }
        let (symbol, style) = verdict_look(judged.verdict);
        let symbol = look.paint(style, look.symbol(symbol));
        let id = text::pad(judged.item.id.as_str(), id_width);
        writeln!(out, "  {symbol} {id}  {}", text::plain(&judged.item.text))?;
        let why = rests_on(judged);
        // A tick and its evidence say `done`; the other verdicts are worth their word.
        let said = match judged.verdict {
            Verdict::Done => look.paint(DIM, &why),
            verdict => format!("{}{}", look.paint(style, verdict.word()), look.paint(DIM, &format!(": {why}"))),
        };
        writeln!(out, "    {} {said}", " ".repeat(id_width + 1))?;
    }
    if !checklist.items.is_empty() {
        writeln!(out)?;
    }
    let pipeline = look.paint(STRONG, &text::plain(pipeline));
    writeln!(out, "{pipeline}: {}", counts(checklist.counts()))?;
    writeln!(out, "{}", look.paint(DIM, &format!("as of {}", timestamp(generated_ms))))
}

/// Writes the checklist as Markdown: task lists with the evidence below each item.
pub fn write_checklist_markdown(
    out: &mut dyn Write,
    checklist: &Checklist,
    pipeline: &str,
    generated_ms: i64,
) -> io::Result<()> {
    writeln!(out, "# {}", escaped(pipeline))?;
    writeln!(out)?;
    writeln!(out, "{}, as of {}.", counts(checklist.counts()), timestamp(generated_ms))?;
    let mut phase = None;
    for judged in &checklist.items {
        if phase != Some(&judged.item.phase) {
            writeln!(out, "\n## {}\n", escaped(&judged.item.phase))?;
            phase = Some(&judged.item.phase);
        }
        let tick = if judged.verdict.is_ticked() { 'x' } else { ' ' };
        let verdict = judged.verdict.word();
        // The item's text is Markdown itself, from a checklist that is rendered as such.
        let text = text::plain(&judged.item.text);
        writeln!(out, "- [{tick}] **{}** {text} ({verdict})", judged.item.id)?;
        for evidence in &judged.evidence {
            writeln!(out, "  - {}", evidence_markdown(evidence))?;
        }
        if judged.evidence.is_empty() {
            writeln!(out, "  - {}", rests_on(judged))?;
        }
    }
    Ok(())
}

/// `75 of 79 items done (6 by fallback); 2 open, 1 stale, 1 failed`.
pub(super) fn counts(counts: Counts) -> String {
    let proven = counts.of(Verdict::Done) + counts.of(Verdict::Fallback);
    let mut line = format!("{proven} of {} items done", counts.total());
    if counts.of(Verdict::Fallback) > 0 {
        line = format!("{line} ({} by fallback)", counts.of(Verdict::Fallback));
    }
    let rest: Vec<String> = [Verdict::Open, Verdict::Stale, Verdict::Failed]
        .into_iter()
        .filter(|verdict| counts.of(*verdict) > 0)
        .map(|verdict| format!("{} {}", counts.of(verdict), verdict.word()))
        .collect();
    if rest.is_empty() { line } else { format!("{line}; {}", rest.join(", ")) }
}

/// Whether an item is open that is not proven: what `--check` asks.
pub fn is_complete(checklist: &Checklist) -> bool {
    checklist.items.iter().all(|judged| judged.verdict.is_ticked())
}

fn verdict_look(verdict: Verdict) -> (Symbol, anstyle::Style) {
    match verdict {
        Verdict::Done => (Symbol::Good, GOOD),
        Verdict::Fallback => (Symbol::Good, WARN),
        Verdict::Stale => (Symbol::Again, WARN),
        Verdict::Failed => (Symbol::Bad, BAD),
        Verdict::Open => (Symbol::Waiting, DIM),
    }
}

/// What the verdict rests on, in a line.
fn rests_on(judged: &Judged) -> String {
    if judged.covered_by.is_empty() {
        return "no step covers it".to_owned();
    }
    let known: Vec<String> = judged
        .evidence
        .iter()
        .map(|evidence| {
            let took = duration(std::time::Duration::from_millis(evidence.duration_ms));
            format!("{} {} ({took})", evidence.step, timestamp(evidence.finished_ms))
        })
        .collect();
    let missing: Vec<&str> = judged
        .covered_by
        .iter()
        .filter(|step| judged.evidence.iter().all(|evidence| evidence.step != **step))
        .map(crate::model::StepId::as_str)
        .collect();
    match (known.is_empty(), missing.is_empty()) {
        (_, true) => known.join(", "),
        (true, false) => format!("{} never ran", missing.join(", ")),
        (false, false) => format!("{}; {} never ran", known.join(", "), missing.join(", ")),
    }
}

fn evidence_markdown(evidence: &Evidence) -> String {
    let took = duration(std::time::Duration::from_millis(evidence.duration_ms));
    let mut parts = vec![format!(
        "`{}` finished {} after {took} in run `{}`",
        evidence.step,
        timestamp(evidence.finished_ms),
        evidence.run
    )];
    parts.extend(evidence.commit.as_ref().map(|commit| format!("commit `{}`", in_code(commit))));
    parts.extend(evidence.output.iter().map(|(name, value)| format!("{} `{}`", escaped(name), in_code(value))));
    parts.extend(evidence.log.as_ref().map(|log| format!("log `{}`", in_code(log))));
    parts.join(", ")
}

/// Text between backticks: it can't end them.
fn in_code(value: &str) -> String {
    text::plain(value).replace('`', "'")
}

/// Text that Markdown shows as it is.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in text::plain(value).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::runs::{NOW, checklist};
    use super::*;

    #[test]
    fn text_has_every_item_with_what_it_rests_on() {
        let look = Look { color: false, unicode: true };
        let mut out = Vec::new();
        write_checklist_text(&mut out, look, &checklist(), "todo-chatbot", NOW).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        Phase 1: `Images`
          ✓ T015  Build the backend
                  build.backend 2026-11-21T11:35:12Z (8.1s)

        Phase 2: Deploy
          ✓ T032  Deploy with Helm
                  fallback: deploy.helm 2026-11-21T11:35:12Z (8.1s)
          ↻ T033  All pods are Ready
                  stale: deploy.pods 2026-11-21T11:35:12Z (8.1s)

        Phase 3: Verify
          ✗ T050  The chat answers
                  failed: verify.http 2026-11-21T11:35:12Z (8.1s); verify.load never ran
          ○ T051  It bears load
                  open: verify.load never ran
          ○ T052  Write the docs
                  open: no step covers it

        todo-chatbot: 2 of 6 items done (1 by fallback); 2 open, 1 stale, 1 failed
        as of 2026-11-21T11:36:40Z
        ");
    }

    #[test]
    fn markdown_is_a_task_list_with_evidence() {
        let mut out = Vec::new();
        write_checklist_markdown(&mut out, &checklist(), "todo_chatbot", NOW).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        # todo\_chatbot

        2 of 6 items done (1 by fallback); 2 open, 1 stale, 1 failed, as of 2026-11-21T11:36:40Z.

        ## Phase 1: \`Images\`

        - [x] **T015** Build the backend (done)
          - `build.backend` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, commit `c32c64d`, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/build.backend.log`

        ## Phase 2: Deploy

        - [x] **T032** Deploy with Helm (fallback)
          - `deploy.helm` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/deploy.helm.log`
        - [ ] **T033** All pods are Ready (stale)
          - `deploy.pods` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/deploy.pods.log`

        ## Phase 3: Verify

        - [ ] **T050** The chat answers (failed)
          - `verify.http` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/verify.http.log`
        - [ ] **T051** It bears load (open)
          - verify.load never ran
        - [ ] **T052** Write the docs (open)
          - no step covers it
        ");
    }

    #[test]
    fn only_proven_items_make_it_complete() {
        let mut list = checklist();
        assert!(!is_complete(&list));
        list.items.retain(|judged| judged.verdict.is_ticked());
        assert_eq!((list.items.len(), is_complete(&list)), (2, true));
        assert_eq!(timestamp(i64::MAX), "unknown");
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
    }
}
