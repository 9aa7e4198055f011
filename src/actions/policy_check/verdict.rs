//! [`Verdict`]: what is left of the findings once the exceptions are taken off, and why else a check fails.

use std::collections::BTreeSet;

use crate::action::StepContext;
use crate::error::{Failure, ids};
use crate::policy::{Check, Exception, Finding, Rule, rule};

/// What a check has found.
#[derive(Debug)]
pub(super) struct Verdict {
    exceptions: Vec<Exception>,
    lines: Vec<String>,
    broken: BTreeSet<&'static str>,
}

impl Verdict {
    /// Nothing yet.
    pub(super) fn new(exceptions: Vec<Exception>) -> Self {
        Self { exceptions, lines: Vec::new(), broken: BTreeSet::new() }
    }

    /// Adds what kept objects from being checked.
    pub(super) fn unreadable(&mut self, why: Vec<String>) {
        self.lines.extend(why);
    }

    /// A rule that has checked nothing has proven nothing.
    pub(super) fn nothing_to_check(&mut self, rule: &Rule) {
        let things = if matches!(rule.check, Check::Files { .. }) { "file" } else { "object" };
        self.lines.push(format!("`{}` found no {things} to check", rule.id));
    }

    /// Adds findings that are not excepted. Returns how many are.
    pub(super) fn add(&mut self, findings: Vec<Finding>) -> usize {
        let mut n_excepted = 0;
        for finding in findings {
            // Each that allows it counts as used.
            if self.exceptions.iter_mut().filter_map(|exception| exception.allows(&finding).then_some(())).count() > 0 {
                n_excepted += 1;
            } else {
                self.broken.insert(finding.rule);
                self.lines.push(finding.to_string());
            }
        }
        n_excepted
    }

    /// Fails if there is anything.
    pub(super) fn finish(mut self, cx: &StepContext) -> Result<(), Failure> {
        for unused in self.exceptions.iter().filter(|exception| exception.n_used() == 0) {
            self.lines.push(format!("the exception from {} excuses nothing: remove it", unused.label()));
        }
        for line in &self.lines {
            cx.line(line);
        }
        let fixes = self.broken.iter().filter_map(|id| rule(id).ok()).map(|rule| format!("{}: {}", rule.id, rule.fix));
        let failure = match self.lines.as_slice() {
            [] => return Ok(()),
            [one] => Failure::of(ids::POLICY_BROKEN, one),
            many => Failure::of(ids::POLICY_BROKEN, format!("{} findings", many.len())).details(many.to_vec()),
        };
        Err(fixes.fold(failure, Failure::hint))
    }
}
