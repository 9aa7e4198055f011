//! `provision report --format markdown`: task lists that GitHub renders, with the evidence of each item.

use std::io::{self, Write};
use std::time::Duration;

use super::evidence::{basis, counts, near, waiver};
use super::format::{ChecklistReport, Format};
use crate::model::{Evidence, ProofKind, Verdict};
use crate::report::markdown::{escaped, in_code};
use crate::report::style::{duration, timestamp};
use crate::report::text;

pub(super) const FORMAT: Format = Format { name: "markdown", write };

fn write(out: &mut dyn Write, report: &ChecklistReport) -> io::Result<()> {
    let ChecklistReport { pipeline, checklist, generated_ms, .. } = *report;
    writeln!(out, "# {}", escaped(pipeline))?;
    writeln!(out)?;
    writeln!(out, "{}, as of {}.", counts(checklist.counts()), timestamp(generated_ms))?;
    if let Some(near) = near(checklist) {
        writeln!(out, "\n{near}:\n")?;
        for near in &checklist.near {
            writeln!(out, "- {}: {}", escaped(&near.place.to_string()), escaped(&near.problem))?;
        }
    }
    let mut phase = None;
    for status in &checklist.items {
        if phase != Some(&status.item.phase) {
            writeln!(out, "\n## {}\n", escaped(&status.item.phase))?;
            phase = Some(&status.item.phase);
        }
        let tick = match status.verdict {
            Verdict::Dropped => '-',
            verdict if verdict.is_ticked() => 'x',
            _ => ' ',
        };
        let verdict = status.verdict.word();
        // The text comes from a Markdown file, so it is not escaped.
        let text = text::plain(&status.item.text);
        let id = if status.item.has_id { format!("**{}** ", status.item.id) } else { String::new() };
        writeln!(out, "- [{tick}] {id}{text} ({verdict})")?;
        if let Some(applied) = status.waiver.as_ref().filter(|_| !status.evidence.is_empty()) {
            writeln!(out, "  - {}", escaped(&waiver(applied)))?;
        }
        for evidence in &status.evidence {
            writeln!(out, "  - {}", evidence_markdown(evidence))?;
        }
        if status.evidence.is_empty() {
            writeln!(out, "  - {}", escaped(&basis(status)))?;
        }
    }
    Ok(())
}

fn evidence_markdown(evidence: &Evidence) -> String {
    let took = duration(Duration::from_millis(evidence.duration_ms));
    let finished = if evidence.kind == ProofKind::Seen { "seen at" } else { "finished" };
    let mut parts = vec![format!(
        "`{}` {finished} {} after {took} in run `{}`",
        evidence.step,
        timestamp(evidence.finished_ms),
        evidence.run
    )];
    parts.extend(evidence.proven_by.as_ref().map(|fallback| format!("proven by `{fallback}`")));
    parts.extend(evidence.stale.as_ref().map(|why| format!("stale: {}", escaped(why))));
    parts.extend(evidence.attempts.iter().enumerate().map(|(n, failed)| {
        format!("attempt {} failed {}: {}", n + 1, timestamp(failed.at_ms), escaped(&failed.message))
    }));
    parts.extend(evidence.commit.as_ref().map(|commit| format!("commit `{}`", in_code(commit))));
    parts.extend(evidence.output.iter().map(|(name, value)| format!("{} `{}`", escaped(name), in_code(value))));
    parts.extend(evidence.log.as_ref().map(|log| format!("log `{}`", in_code(log))));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::report;

    #[test]
    fn markdown_is_a_task_list_with_evidence() {
        let mut out = Vec::new();
        write(&mut out, &ChecklistReport { pipeline: "todo_chatbot", ..report() }).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        # todo\_chatbot

        3 of 11 items done (1 by fallback, 1 by a person); 1 waived, 2 open, 1 only ran, 1 flaky, 1 stale, 2 failed, as of 2026-11-21T11:36:40Z.

        ## Phase 1: \`Images\`

        - [x] **T015** Build the backend (done)
          - `build.backend` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, commit `c32c64d`, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/build.backend.log`

        ## Phase 2: Deploy

        - [x] **T032** Deploy with Helm (fallback)
          - `deploy.helm` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, proven by `deploy.manifests`, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/deploy.helm.log`
        - [ ] **T033** All pods are Ready (stale)
          - `deploy.pods` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, stale: 1 of 2 pods of \`todo\` is ready, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/deploy.pods.log`

        ## Phase 3: Verify

        - [ ] **T050** The chat answers (failed)
          - `verify.http` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/verify.http.log`
        - [ ] **T051** It bears load (open)
          - verify.load never ran
        - [ ] **T052** Write the docs (open)
          - no step covers it
        - [ ] **T053** Warm the cache (ran)
          - `verify.ran` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/verify.ran.log`
        - [x] **T054** Read the advice (manual)
          - `verify.said` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, by `ana`, text `the advice was read`, log `.provision/logs/20261121-113512-4f2a/verify.said.log`
        - [ ] **T055** Pull the images (flaky)
          - `verify.again` finished 2026-11-21T11:35:12Z after 8.1s in run `20261121-113512-4f2a`, attempt 1 failed 2026-11-21T11:36:10Z: the registry is busy, attempt 2 failed 2026-11-21T11:36:20Z: connection reset by \<peer\>, image `todo'backend:3f`, log `.provision/logs/20261121-113512-4f2a/verify.again.log`

        ## Phase 4: Later

        - [ ] **T056** Add the dashboard (waived)
          - ana@example.org answers for it until 2026-12-31: no image for \<arm64\>; no step covers it
        - [ ] **T057** Add the metrics (failed)
          - the waiver of ana@example.org expired on 2026-11-20: waits for \#12; no step covers it
        ");
    }
}
