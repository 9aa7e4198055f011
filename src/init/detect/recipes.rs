//! Makefiles, justfiles and scripts: the targets that a pipeline may want, and the builds that they call.

use super::detector::{Detector, aside};
use super::docker_lines::docker_builds;
use crate::init::findings::{Findings, Recipe};
use crate::init::repository::{Repository, folder_of, has_extension, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

/// Targets that say of a program that it is right.
const CHECKS: &[&str] = &["test", "tests", "check", "lint", "unit-test", "test-unit", "verify"];

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files() {
        let name = name_of(path);
        let tool = match name {
            "Makefile" | "makefile" | "GNUmakefile" => Some("make"),
            "justfile" | "Justfile" | ".justfile" => Some("just"),
            _ => None,
        };
        let is_script = has_extension(name, &["sh", "mk"]) || matches!(name, "Taskfile.yml" | "Taskfile.yaml");
        if (tool.is_none() && !is_script) || aside(path).is_some() {
            continue;
        }
        let Some(text) = repository.text(path) else { continue };
        // A script is run from the repository's folder more often than from its own.
        let folder = if tool.is_some() { folder_of(path) } else { "" };
        findings.builds.extend(docker_builds(path, folder, &text));
        if let Some(tool) = tool.filter(|_| folder.is_empty()) {
            let names = text.lines().filter_map(target).filter(|name| CHECKS.contains(name));
            findings.recipes.extend(names.map(|name| Recipe {
                file: path.to_owned(),
                name: name.to_owned(),
                command: vec![tool.to_owned(), name.to_owned()],
            }));
        }
    }
}

/// The target or recipe that a line begins: `test: build`, `test +args:`.
fn target(line: &str) -> Option<&str> {
    let (head, rest) = line.split_once(':')?;
    let name = head.split_whitespace().next()?.trim_start_matches('@');
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (line.starts_with(|c: char| !c.is_whitespace() && c != '#') && is_name && !rest.starts_with('=')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_lines_that_begin_one() {
        for (line, expected) in [
            ("test: build", Some("test")),
            ("@lint *args:", Some("lint")),
            ("test := 1", None),
            ("\ttest: x", None),
            ("# test: x", None),
            (".PHONY: test", None),
            ("VAR=1", None),
        ] {
            assert_eq!(target(line), expected, "{line}");
        }
    }
}
