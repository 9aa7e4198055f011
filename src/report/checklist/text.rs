//! `provision report`, and `--format text`.

use std::io::{self, Write};

use super::evidence::{basis, counts, near};
use super::format::{ChecklistReport, Format};
use crate::model::{ItemStatus, Verdict};
use crate::report::style::{BAD, DIM, GOOD, STRONG, Symbol, WARN, timestamp};
use crate::report::text;

pub(super) const FORMAT: Format = Format { name: "text", write };

/// The items below their phases, then the counts.
fn write(out: &mut dyn Write, report: &ChecklistReport) -> io::Result<()> {
    let ChecklistReport { pipeline, checklist, generated_ms, theme, .. } = *report;
    let ids = checklist.items.iter().map(|status| text::width(id(status)));
    let id_width = ids.max().unwrap_or(0);
    let mut phase = None;
    for status in &checklist.items {
        if phase != Some(&status.item.phase) {
            if phase.is_some() {
                writeln!(out)?;
            }
            writeln!(out, "{}", theme.paint(STRONG, &text::plain(&status.item.phase)))?;
            phase = Some(&status.item.phase);
        }
        let (symbol, style) = verdict_style(status.verdict);
        let symbol = theme.paint(style, theme.symbol(symbol));
        let id = text::pad(id(status), id_width);
        writeln!(out, "  {symbol} {id}  {}", text::plain(&status.item.text))?;
        let basis = basis(status);
        let basis = text::plain(&basis);
        // `done` is said by the symbol and the evidence.
        let verdict = match status.verdict {
            Verdict::Done => theme.paint(DIM, &basis),
            verdict => format!("{}{}", theme.paint(style, verdict.word()), theme.paint(DIM, &format!(": {basis}"))),
        };
        writeln!(out, "    {} {verdict}", " ".repeat(id_width + 1))?;
    }
    if !checklist.items.is_empty() {
        writeln!(out)?;
    }
    let pipeline = theme.paint(STRONG, &text::plain(pipeline));
    writeln!(out, "{pipeline}: {}", counts(checklist.counts()))?;
    if let Some(near) = near(checklist) {
        writeln!(out, "{}", theme.paint(BAD, &near))?;
        for near in &checklist.near {
            writeln!(out, "  {}: {}", text::plain(&near.place.to_string()), text::plain(&near.problem))?;
        }
    }
    writeln!(out, "{}", theme.paint(DIM, &format!("as of {}", timestamp(generated_ms))))
}

pub(in crate::report) fn verdict_style(verdict: Verdict) -> (Symbol, anstyle::Style) {
    match verdict {
        Verdict::Done => (Symbol::Good, GOOD),
        Verdict::Fallback | Verdict::Manual => (Symbol::Good, WARN),
        Verdict::Ran | Verdict::Waived => (Symbol::Out, WARN),
        Verdict::Stale | Verdict::Flaky => (Symbol::Again, WARN),
        Verdict::Failed => (Symbol::Bad, BAD),
        Verdict::Open | Verdict::Dropped => (Symbol::Waiting, DIM),
    }
}

/// Returns the id that the file gives an item.
fn id(status: &ItemStatus) -> &str {
    if status.item.has_id { status.item.id.as_str() } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::report;

    #[test]
    fn text_has_every_item_with_its_evidence() {
        let mut out = Vec::new();
        write(&mut out, &report()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        Phase 1: `Images`
          ✓ T015  Build the backend
                  build.backend 2026-11-21T11:35:12Z (8.1s)

        Phase 2: Deploy
          ✓ T032  Deploy with Helm
                  fallback: deploy.helm 2026-11-21T11:35:12Z (8.1s; by deploy.manifests)
          ↻ T033  All pods are Ready
                  stale: deploy.pods 2026-11-21T11:35:12Z (8.1s; 1 of 2 pods of `todo` is ready)

        Phase 3: Verify
          ✗ T050  The chat answers
                  failed: verify.http 2026-11-21T11:35:12Z (8.1s); verify.load never ran
          ○ T051  It bears load
                  open: verify.load never ran
          ○ T052  Write the docs
                  open: no step covers it
          – T053  Warm the cache
                  ran: verify.ran 2026-11-21T11:35:12Z (8.1s; it shows only that it ran)
          ✓ T054  Read the advice
                  manual: verify.said 2026-11-21T11:35:12Z (8.1s; confirmed by ana: the advice was read)
          ↻ T055  Pull the images
                  flaky: verify.again 2026-11-21T11:35:12Z (8.1s; after 2 failed attempts, the last one: connection reset by <peer>)

        Phase 4: Later
          – T056  Add the dashboard
                  waived: ana@example.org answers for it until 2026-12-31: no image for <arm64>; no step covers it
          ✗ T057  Add the metrics
                  failed: the waiver of ana@example.org expired on 2026-11-20: waits for #12; no step covers it

        todo-chatbot: 3 of 11 items done (1 by fallback, 1 by a person); 1 waived, 2 open, 1 only ran, 1 flaky, 1 stale, 2 failed
        as of 2026-11-21T11:36:40Z
        ");
    }
}
