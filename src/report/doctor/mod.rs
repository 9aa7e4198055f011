//! What `provision doctor` found, for people and for programs.

mod json;
mod text;

use std::path::Path;
use std::time::Duration;

use crate::error::Failure;

pub(crate) use json::write_diagnosis_json;
pub(crate) use text::write_diagnosis;

/// What was found of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It is as it is needed.
    Good,
    /// It was not checked, or is not needed.
    Skipped,
    /// A run works, and may not for long or not as it is meant to.
    Warning,
    /// A run can't work.
    Problem,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The thing: `helm`.
    pub(crate) subject: String,
    pub(crate) health: Health,
    /// What was found.
    pub(crate) text: String,
    /// What helps: whole commands or sentences.
    pub(crate) fixes: Vec<String>,
}

impl Finding {
    fn new(health: Health, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { subject: subject.into(), health, text: text.into(), fixes: Vec::new() }
    }

    /// Something that is as it is needed.
    pub(crate) fn good(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Health::Good, subject, text)
    }

    /// Something that was not checked; `text` says why.
    pub(crate) fn skipped(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Health::Skipped, subject, text)
    }

    /// Something that a run may suffer from.
    pub(crate) fn warning(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Health::Warning, subject, text)
    }

    /// Something without which a run can't work, with what helps: there is no problem without that.
    pub(crate) fn problem(subject: impl Into<String>, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Health::Problem, subject, text).fix(fix)
    }

    /// A failure: a problem of what is `needed`, a warning of all else. One that names nothing that helps is explained
    /// by its page.
    pub(crate) fn failure(subject: impl Into<String>, failure: &Failure, needed: bool) -> Self {
        let health = if needed { Health::Problem } else { Health::Warning };
        let finding = Self { fixes: failure.hints.clone(), ..Self::new(health, subject, failure.to_string()) };
        if finding.fixes.is_empty() {
            return finding.fix(format!("provision explain {}", failure.error_id().word()));
        }
        finding
    }

    /// As a warning, if it is a problem: it is not known to be needed.
    pub(crate) fn at_most_a_warning(self) -> Self {
        let health = if self.health == Health::Problem { Health::Warning } else { self.health };
        Self { health, ..self }
    }

    /// With something that helps.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fixes.push(fix.into());
        self
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The check's name: `tools`.
    pub(crate) check: &'static str,
    pub(crate) findings: Vec<Finding>,
    /// How long it took.
    pub(crate) duration: Duration,
}

/// What all checks found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Diagnosis<'a> {
    /// The pipeline's name, where there is one that can be read.
    pub(crate) pipeline: Option<&'a str>,
    /// Its file, where there is one.
    pub(crate) file: Option<&'a Path>,
    pub(crate) checks: &'a [Checked],
}

impl Diagnosis<'_> {
    /// Returns how many findings there are of a kind.
    pub(crate) fn count(&self, health: Health) -> usize {
        self.checks.iter().flat_map(|checked| &checked.findings).filter(|finding| finding.health == health).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ids;
    use crate::report::style::Theme;

    fn checks() -> Vec<Checked> {
        let missing = Failure::prerequisite("`helm` is not installed").hint("install `helm`: https://helm.sh");
        vec![
            Checked {
                check: "tools",
                findings: vec![
                    Finding::good("docker", "28.2.2 at /usr/bin/docker"),
                    Finding::failure("helm", &missing, true),
                ],
                duration: Duration::from_millis(41),
            },
            Checked {
                check: "disk",
                findings: vec![Finding::warning("docker", "1.2 GB are free\x1b[2J").fix("docker system df")],
                duration: Duration::ZERO,
            },
            Checked {
                check: "cluster",
                findings: vec![Finding::skipped("cluster", "the pipeline has none")],
                duration: Duration::ZERO,
            },
        ]
    }

    #[test]
    fn people_see_every_finding_with_its_fix_and_the_counts() {
        let checks = checks();
        let diagnosis = Diagnosis { pipeline: Some("shop"), file: None, checks: &checks };
        let mut out = Vec::new();
        write_diagnosis(&mut out, Theme { color: false, unicode: true }, &diagnosis).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        tools
          ✓ docker  28.2.2 at /usr/bin/docker
          ✗ helm    `helm` is not installed
                    fix: install `helm`: https://helm.sh
        disk
          ! docker  1.2 GB are free
                    fix: docker system df
        cluster
          – cluster  the pipeline has none
        1 problem, 1 warning
        ");
    }

    #[test]
    fn a_failure_without_a_hint_has_the_page_of_its_error_as_its_fix() {
        let without = Failure::of(ids::CLUSTER_UNREACHABLE, "it does not respond");
        assert_eq!(Finding::failure("kind", &without, true).fixes, ["provision explain cluster-unreachable"]);
        let general = Failure::prerequisite("`x` is not there");
        let fixes = Finding::failure("x", &general, true).fixes;
        let id = fixes[0].strip_prefix("provision explain ").unwrap();
        assert!(ids::find(id).is_some() && fixes.len() == 1, "{fixes:?}");
        let with = general.hint("put it there");
        assert_eq!(Finding::failure("x", &with, true).fixes, ["put it there"]);
    }

    #[test]
    fn programs_get_the_same_with_a_version() {
        let checks = checks();
        let diagnosis =
            Diagnosis { pipeline: Some("shop"), file: Some(Path::new("/p/pipeline.toml")), checks: &checks };
        let mut out = Vec::new();
        write_diagnosis_json(&mut out, &diagnosis).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&document["v"], &document["healthy"]), (&1.into(), &false.into()));
        assert_eq!(document["counts"]["problems"], 1);
        assert_eq!(document["checks"][0]["findings"][1]["health"], "problem");
        assert_eq!(document["checks"][0]["findings"][1]["fixes"][0], "install `helm`: https://helm.sh");
        assert!(!String::from_utf8(out).unwrap().contains('\x1b'));
    }
}
