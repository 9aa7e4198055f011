//! Makefiles, justfiles and scripts: the targets that a pipeline may want, and the builds that they call.

use super::detector::{Detector, aside};
use super::docker_lines::docker_builds;
use super::shell_lines::{joined, outputs, unrolled};
use crate::init::findings::{Findings, Maker, Recipe};
use crate::init::repository::{Repository, folder_of, has_extension, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

/// Targets that say of a program that it is right.
const CHECKS: &[&str] = &["test", "tests", "check", "lint", "unit-test", "test-unit", "verify"];

/// The tool that reads a file of this name, if it is one with targets.
fn tool_of(name: &str) -> Option<&'static str> {
    match name {
        "Makefile" | "makefile" | "GNUmakefile" => Some("make"),
        "justfile" | "Justfile" | ".justfile" => Some("just"),
        _ => None,
    }
}

/// Whether the file belongs to a workflow of a CI system.
fn is_workflow(path: &str) -> bool {
    path.starts_with(".github/") || path == ".gitlab-ci.yml" || path == ".circleci/config.yml"
}

/// The folder in which the lines of a Makefile, a justfile, a script or a workflow run; `None` for other files.
pub(super) fn script_folder(path: &str) -> Option<&str> {
    let name = name_of(path);
    if is_workflow(path) {
        return has_extension(name, &["yaml", "yml", "sh"]).then_some("");
    }
    let is_script = has_extension(name, &["sh", "mk", "ps1"]) || matches!(name, "Taskfile.yml" | "Taskfile.yaml");
    if aside(path).is_some() {
        return None;
    }
    // A script is run from the repository's folder more often than from its own.
    if tool_of(name).is_some() { Some(folder_of(path)) } else { is_script.then_some("") }
}

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files() {
        let name = name_of(path);
        let tool = tool_of(name);
        // What workflows build is read with their own steps.
        let Some(folder) = script_folder(path).filter(|_| !is_workflow(path)) else { continue };
        let Some(text) = repository.text(path) else { continue };
        findings.builds.extend(docker_builds(path, folder, &text));
        if let Some(tool) = tool {
            findings.makers.extend(makers(tool, folder, &joined(path, &text)));
        }
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

/// The targets and recipes whose lines write files.
fn makers(tool: &str, folder: &str, text: &str) -> Vec<Maker> {
    let mut found: Vec<Maker> = Vec::new();
    let mut name = None;
    for line in unrolled(text).lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with(char::is_whitespace) {
            let Some(name) = &name else { continue };
            let (command, outputs) = (format!("{tool} {name}"), outputs(line));
            match found.iter_mut().find(|known| known.command == command) {
                Some(known) => known.outputs.extend(outputs),
                None if outputs.is_empty() => {}
                None => found.push(Maker { folder: folder.to_owned(), command, outputs }),
            }
        } else if !line.starts_with('#') {
            name = target(line).map(str::to_owned);
        }
    }
    found
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
    fn recipes_that_write_files_are_known() {
        let text = "BIN := out\nall: build\nbuild:\n\tgo build -o $(BIN)/app ./cmd\n\t# go build -o no\n\nsite: all\n\tvite build --outDir=web/dist\nclean:\n\trm -rf out/app\n";
        let found: Vec<String> = makers("make", "svc", text)
            .iter()
            .map(|one| format!("{} {}", one.command, one.outputs.join(" ")))
            .collect();
        assert_eq!(found, ["make build out/app", "make site web/dist"]);
    }

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
