//! [`Report`]: what rules have found, and how much they have checked.

use std::collections::BTreeMap;
use std::fmt;

use super::objects::Object;
use super::rule::{Check, Rule};
use super::source::SourceFile;
use crate::leaks::Scanner;

/// Something that a rule does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static str,
    /// The file.
    pub file: String,
    /// The line, where it is known.
    pub line: Option<u64>,
    /// The object, where it is one: `Deployment/web`.
    pub object: Option<String>,
    /// What is there.
    pub found: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(object) = &self.object {
            write!(f, ": {object}")?;
        }
        write!(f, ": {} ({})", self.found, self.rule)
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order in which things were checked.
    pub findings: Vec<Finding>,
    /// How many files or objects each rule has checked.
    checked: BTreeMap<&'static str, usize>,
}

impl Report {
    /// Checks a file by those of `rules` that are about files like it.
    pub fn check_file(&mut self, rules: &[&'static Rule], file: &SourceFile, scanner: &mut Scanner) {
        for rule in rules {
            let Check::Files { applies, check } = rule.check else { continue };
            if !applies(file.path()) {
                continue;
            }
            *self.checked.entry(rule.id).or_default() += 1;
            self.findings.extend(check(file, scanner).into_iter().map(|spot| Finding {
                rule: rule.id,
                file: file.path().to_owned(),
                line: Some(spot.line),
                object: None,
                found: spot.found,
            }));
        }
    }

    /// Checks objects that are applied together by those of `rules` that are about objects like them.
    pub fn check_objects(&mut self, rules: &[&'static Rule], objects: &[Object]) {
        for object in objects {
            for rule in rules {
                let Check::Objects { applies, check } = rule.check else { continue };
                if !applies(object) {
                    continue;
                }
                *self.checked.entry(rule.id).or_default() += 1;
                self.findings.extend(check(object, objects).into_iter().map(|found| Finding {
                    rule: rule.id,
                    file: object.file.clone(),
                    line: object.line,
                    object: Some(object.label()),
                    found,
                }));
            }
        }
    }

    /// How many files or objects a rule has checked.
    pub fn n_checked(&self, rule: &Rule) -> usize {
        self.checked.get(rule.id).copied().unwrap_or_default()
    }
}
