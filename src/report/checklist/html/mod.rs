//! `provision report --format html`: one page that needs nothing else, to be kept, sent and opened from a disk.
//!
//! Everything is in the page when it is written; the script only filters. So it can be read without scripts too.

use std::io::{self, Write};
use std::time::Duration;

use super::case::escaped;
use super::evidence::{basis, counts, near, waiver};
use super::format::{ChecklistReport, Format};
use crate::error::ErrorObject;
use crate::model::{Evidence, ItemStatus, Outcome, Verdict};
use crate::report::style::{duration, timestamp};
use crate::report::timeline::Timeline;

pub(super) const FORMAT: Format = Format { name: "html", write };

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

fn write(out: &mut dyn Write, report: &ChecklistReport) -> io::Result<()> {
    let pipeline = escaped(report.pipeline);
    writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(out, "<title>{pipeline}: checklist</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>")?;
    writeln!(out, "<h1>{pipeline}</h1>")?;
    writeln!(out, "<p class=\"counts\">{}</p>", escaped(&counts(report.checklist.counts())))?;
    write_bar(out, report)?;
    let at = timestamp(report.generated_ms);
    writeln!(out, "<p class=\"quiet\">As of <time datetime=\"{at}\">{at}</time></p>\n</header>\n<main>")?;
    if let Some(timeline) = &report.timeline {
        write_timeline(out, timeline)?;
    }
    write_filters(out, report)?;
    write_legend(out)?;
    for phase in report.checklist.items.chunk_by(|a, b| a.item.phase == b.item.phase) {
        writeln!(out, "<section class=\"phase\">\n<h2>{}</h2>", escaped(&phase[0].item.phase))?;
        for status in phase {
            write_item(out, status, report)?;
        }
        writeln!(out, "</section>")?;
    }
    write_near(out, report)?;
    writeln!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>")
}

/// How many items have each verdict, as a bar. The same is said in words above it.
fn write_bar(out: &mut dyn Write, report: &ChecklistReport) -> io::Result<()> {
    let counts = report.checklist.counts();
    write!(out, "<div class=\"bar\" aria-hidden=\"true\">")?;
    for verdict in Verdict::ALL.into_iter().filter(|verdict| counts.of(*verdict) > 0) {
        write!(out, "<span class=\"v-{}\" style=\"flex-grow:{}\"></span>", verdict.word(), counts.of(verdict))?;
    }
    writeln!(out, "</div>")
}

fn write_timeline(out: &mut dyn Write, run: &Timeline) -> io::Result<()> {
    let outcome = run.outcome.map_or("unfinished", Outcome::word);
    writeln!(out, "<section class=\"run\">\n<h2>Last run</h2>\n<p>")?;
    writeln!(out, "<code>{}</code> <span class=\"chip o-{outcome}\">{outcome}</span>", escaped(run.command))?;
    let length = duration(Duration::from_millis(run.length_ms().unsigned_abs()));
    let began = timestamp(run.began_ms);
    write!(out, "<span class=\"quiet\">run <code>{}</code>, from {began}, {length}", escaped(run.run))?;
    if let Some(commit) = run.commit {
        write!(out, ", commit <code>{}</code>", escaped(commit))?;
    }
    writeln!(out, "</span></p>")?;
    if run.steps.is_empty() {
        return writeln!(out, "<p>No step had to run.</p>\n</section>");
    }
    writeln!(out, "<ol class=\"timeline\">")?;
    for step in &run.steps {
        let (from, width) = run.place(step);
        let took = duration(Duration::from_millis(step.duration_ms));
        let word = step.outcome.word();
        let title = if step.title.is_empty() { step.id.as_str() } else { &*step.title };
        let message = step.message.map(|message| format!(": {message}")).unwrap_or_default();
        let hint = escaped(&format!("{} {word} after {took}{message}", step.id));
        write!(out, "<li title=\"{hint}\"><span class=\"name\">{}</span><span class=\"track\">", escaped(title))?;
        write!(out, "<span class=\"span o-{word}\" style=\"left:{from:.2}%;width:{width:.2}%\"></span></span>")?;
        writeln!(out, "<span class=\"took\">{took}<span class=\"hidden\"> {word}</span></span></li>")?;
    }
    writeln!(out, "</ol>\n</section>")
}

fn write_filters(out: &mut dyn Write, report: &ChecklistReport) -> io::Result<()> {
    let counts = report.checklist.counts();
    writeln!(out, "<form class=\"filters\" role=\"search\" hidden>")?;
    writeln!(out, "<label>Search <input type=\"search\" id=\"search\" placeholder=\"item, step, evidence\"></label>")?;
    writeln!(out, "<fieldset><legend class=\"hidden\">Verdicts</legend>")?;
    for verdict in Verdict::ALL.into_iter().filter(|verdict| counts.of(*verdict) > 0) {
        let (word, n) = (verdict.word(), counts.of(verdict));
        writeln!(
            out,
            "<label class=\"chip v-{word}\"><input type=\"checkbox\" name=\"verdict\" value=\"{word}\" checked> {word} {n}</label>"
        )?;
    }
    writeln!(out, "</fieldset>\n<output id=\"shown\"></output>\n</form>")
}

/// What the verdicts mean, folded away.
fn write_legend(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<details class=\"legend\"><summary>What the verdicts mean</summary>\n<dl>")?;
    for verdict in Verdict::ALL {
        let word = verdict.word();
        writeln!(out, "<dt><span class=\"chip v-{word}\">{word}</span></dt><dd>{}</dd>", escaped(verdict.meaning()))?;
    }
    writeln!(out, "</dl>\n</details>")
}

fn write_item(out: &mut dyn Write, status: &ItemStatus, report: &ChecklistReport) -> io::Result<()> {
    let word = status.verdict.word();
    writeln!(out, "<details class=\"item\" data-verdict=\"{word}\">\n<summary>")?;
    write!(out, "<span class=\"chip v-{word}\">{word}</span> ")?;
    if status.item.has_id {
        write!(out, "<b>{}</b> ", escaped(status.item.id.as_str()))?;
    }
    writeln!(out, "<span class=\"text\">{}</span>\n</summary>", escaped(&status.item.text))?;
    if status.evidence.is_empty() {
        writeln!(out, "<p>{}</p>", escaped(&basis(status)))?;
    } else if let Some(applied) = &status.waiver {
        writeln!(out, "<p>{}</p>", escaped(&waiver(applied)))?;
    }
    for evidence in &status.evidence {
        write_evidence(out, evidence, report)?;
    }
    let never = status.covered_by.iter().filter(|step| status.evidence.iter().all(|known| known.step != **step));
    for step in never.filter(|_| !status.evidence.is_empty()) {
        writeln!(out, "<p><code>{}</code> never ran</p>", escaped(step.as_str()))?;
    }
    writeln!(out, "<p class=\"quiet\">{}</p>\n</details>", escaped(&status.item.place.to_string()))
}

fn write_evidence(out: &mut dyn Write, evidence: &Evidence, report: &ChecklistReport) -> io::Result<()> {
    let took = duration(Duration::from_millis(evidence.duration_ms));
    writeln!(out, "<div class=\"evidence\">\n<h3><code>{}</code></h3>\n<dl>", escaped(evidence.step.as_str()))?;
    let mut row = |name: &str, value: &str| writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
    if let Some(stale) = &evidence.stale {
        row("no longer", stale)?;
    }
    row("proof", evidence.kind.word())?;
    row("ended", &format!("{} after {took}", timestamp(evidence.finished_ms)))?;
    row("run", evidence.run.as_str())?;
    if let Some(fallback) = &evidence.proven_by {
        row("proven by", fallback.as_str())?;
    }
    for (n, failed) in evidence.attempts.iter().enumerate() {
        let took = duration(Duration::from_millis(failed.duration_ms));
        let name = format!("failed attempt {}", n + 1);
        row(&name, &format!("{} after {took}: {}", timestamp(failed.at_ms), failed.message))?;
    }
    if let Some(commit) = &evidence.commit {
        row("commit", commit)?;
    }
    for (name, value) in evidence.output.iter() {
        row(name, value)?;
    }
    writeln!(out, "</dl>")?;
    if let Some(error) = (report.error)(evidence) {
        write_error(out, &error)?;
    }
    if let Some(path) = &evidence.log {
        match (report.log)(path) {
            Some(text) => {
                writeln!(
                    out,
                    "<details class=\"log\"><summary>Log <code>{}</code></summary><pre tabindex=\"0\">",
                    escaped(path)
                )?;
                for line in text.lines() {
                    writeln!(out, "{}", escaped(line))?;
                }
                writeln!(out, "</pre></details>")?;
            }
            None => writeln!(out, "<p class=\"quiet\">the log {} is gone</p>", escaped(path))?,
        }
    }
    writeln!(out, "</div>")
}

/// Writes why a step failed, with what helps.
fn write_error(out: &mut dyn Write, error: &ErrorObject) -> io::Result<()> {
    let lines = |text: &str| text.lines().map(escaped).collect::<Vec<_>>().join("<br>");
    writeln!(out, "<div class=\"error\">\n<p><b>{}</b></p>\n<dl>", lines(&error.message))?;
    if let Some(cause) = &error.cause {
        writeln!(out, "<dt>caused by</dt><dd>{}</dd>", lines(cause))?;
    }
    for fix in &error.fix {
        writeln!(out, "<dt>what helps</dt><dd>{}</dd>", lines(fix))?;
    }
    writeln!(out, "<dt>next</dt><dd><code>{}</code></dd>", escaped(&error.next))?;
    let (id, page) = (escaped(&error.id), escaped(&error.page()));
    writeln!(out, "<dt>error</dt><dd><code>{id}</code>: <code>provision explain {id}</code>, {page}</dd>\n</dl>")?;
    if !error.details.is_empty() {
        writeln!(out, "<pre tabindex=\"0\">")?;
        for line in &error.details {
            writeln!(out, "{}", escaped(line))?;
        }
        writeln!(out, "</pre>")?;
    }
    writeln!(out, "</div>")
}

fn write_near(out: &mut dyn Write, report: &ChecklistReport) -> io::Result<()> {
    let Some(words) = near(report.checklist) else { return Ok(()) };
    writeln!(out, "<section class=\"phase\">\n<h2>{}</h2>\n<ul>", escaped(&words))?;
    for near in &report.checklist.near {
        writeln!(out, "<li><code>{}</code> {}</li>", escaped(&near.place.to_string()), escaped(&near.problem))?;
    }
    writeln!(out, "</ul>\n</section>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::report::testing::runs::report;

    fn page() -> String {
        let mut out = Vec::new();
        write(&mut out, &report()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_page_has_every_item_with_its_evidence_and_log() {
        let page = page();
        let body = &page[page.find("<body>").unwrap()..page.find("<script>").unwrap()];
        insta::assert_snapshot!(body);
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page();
        for foreign in ["src=", "href=", "http:", "https:", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn nothing_that_a_step_prints_becomes_a_part_of_the_page() {
        let mut out = Vec::new();
        let hostile = |_: &str| Some("</pre><script>alert(1)</script>\x1b[2J".to_owned());
        let error = |_: &Evidence| {
            let failure = Failure::failed("<script>\n<i>").cause("<i>").detail("</pre><script>").hint("<i>");
            Some(ErrorObject { id: "<i>".into(), ..failure.object(Some("<i>")) })
        };
        write(&mut out, &ChecklistReport { log: &hostile, error: &error, pipeline: "<i>\"", ..report() }).unwrap();
        let page = String::from_utf8(out).unwrap();
        assert!(page.contains("&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;\n"), "{page}");
        assert_eq!((page.matches("<script>").count(), page.contains("<i>"), page.contains('\x1b')), (1, false, false));
    }
}
