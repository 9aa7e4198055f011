//! [`Exception`]: where a rule does not hold, and why.

use globset::{GlobBuilder, GlobMatcher};

use super::report::Finding;

/// Findings of one rule that are allowed.
#[derive(Debug)]
pub struct Exception {
    rule: &'static str,
    path: Option<GlobMatcher>,
    object: Option<String>,
    /// How a message names it.
    label: String,
    n_used: usize,
}

impl Exception {
    /// Allows what `rule` finds in the files that the glob `path` matches, or in the object `object`
    /// (`Deployment/web`), or where both are given, in both. Fails with the reason for one that says nothing.
    pub fn new(rule: &'static str, path: Option<&str>, object: Option<&str>, reason: &str) -> Result<Self, String> {
        let label = match (path, object) {
            (Some(path), Some(object)) => format!("`{rule}` for `{object}` in `{path}`"),
            (Some(path), None) => format!("`{rule}` in `{path}`"),
            (None, Some(object)) => format!("`{rule}` for `{object}`"),
            (None, None) => return Err(format!("the exception from `{rule}` needs `path` or `object`")),
        };
        if reason.trim().is_empty() {
            return Err(format!("the exception from {label} needs its `reason`"));
        }
        if let Some(object) = object.filter(|object| !object.contains('/')) {
            return Err(format!(
                "the exception from `{rule}`: write `{object}` as `KIND/NAME`, such as `Deployment/web`"
            ));
        }
        let path = path.map(|path| {
            let glob = GlobBuilder::new(path.trim_start_matches("./")).literal_separator(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| format!("`{path}` is not a glob: {}", error.kind()))
        });
        Ok(Self { rule, path: path.transpose()?, object: object.map(str::to_owned), label, n_used: 0 })
    }

    /// Whether `finding` is allowed.
    pub fn allows(&mut self, finding: &Finding) -> bool {
        let allowed = finding.rule == self.rule
            && self.path.as_ref().is_none_or(|path| path.is_match(&finding.file))
            && self.object.as_ref().is_none_or(|object| finding.object.as_ref() == Some(object));
        self.n_used += usize::from(allowed);
        allowed
    }

    /// How a message names it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How many findings it has allowed.
    pub fn n_used(&self) -> usize {
        self.n_used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(file: &str, object: Option<&str>) -> Finding {
        Finding {
            rule: "limits",
            file: file.into(),
            line: None,
            object: object.map(str::to_owned),
            found: String::new(),
        }
    }

    #[test]
    fn an_exception_holds_for_its_rule_and_place_alone() {
        let mut by_path = Exception::new("limits", Some("k8s/*.yaml"), None, "why").unwrap();
        assert!(by_path.allows(&finding("k8s/a.yaml", Some("Job/a"))));
        assert!(!by_path.allows(&finding("k8s/b/a.yaml", None)));
        assert!(!by_path.allows(&Finding { rule: "probes", ..finding("k8s/a.yaml", None) }));
        assert_eq!(by_path.n_used(), 1);
        let mut both = Exception::new("limits", Some("**/a.yaml"), Some("Job/a"), "why").unwrap();
        assert!(both.allows(&finding("k8s/a.yaml", Some("Job/a"))));
        assert!(!both.allows(&finding("k8s/a.yaml", Some("Job/b"))) && !both.allows(&finding("b.yaml", Some("Job/a"))));
        for (path, object, reason, part) in [
            (None, None, "why", "needs `path` or `object`"),
            (Some("a"), None, " ", "needs its `reason`"),
            (None, Some("web"), "why", "KIND/NAME"),
            (Some("[a"), None, "why", "not a glob"),
        ] {
            let error = Exception::new("limits", path, object, reason).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
