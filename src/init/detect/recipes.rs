//! Makefiles, justfiles and scripts: the targets that a pipeline may want, and the builds that they call.

use super::detector::{Detector, aside};
use super::docker_lines::docker_builds;
use super::outward::{goes_out, is_outward_target};
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

/// The targets and recipes whose lines write files, and those that reach outside.
fn makers(tool: &str, folder: &str, text: &str) -> Vec<Maker> {
    // Each with its name and what has to be made before.
    let mut found: Vec<(&str, Vec<&str>, Maker)> = Vec::new();
    let text = unrolled(text);
    let mut at = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with(char::is_whitespace) {
            let Some((.., maker)) = at.and_then(|at: usize| found.get_mut(at)) else { continue };
            maker.outputs.extend(outputs(line));
            maker.lines += 1;
            maker.goes_out |= goes_out(line);
        } else if !line.starts_with('#') {
            at = None;
            let Some(name) = target(line) else { continue };
            let known = found.iter().position(|(known, ..)| *known == name);
            let maker = || Maker {
                folder: folder.to_owned(),
                command: format!("{tool} {name}"),
                goes_out: is_outward_target(name),
                ..Maker::default()
            };
            let place = known.unwrap_or_else(|| {
                found.push((name, Vec::new(), maker()));
                found.len() - 1
            });
            let before = line.split_once(':').map_or("", |(_, rest)| rest).split('#').next().unwrap_or_default();
            let (_, needed, maker) = &mut found[place];
            needed.extend(before.split_whitespace());
            maker.goes_out |= before.split_whitespace().any(is_outward_target);
            at = Some(place);
        }
    }
    // What has to be made before does its part too.
    for _ in 0..found.len() {
        let outward: Vec<&str> = found.iter().filter(|(.., maker)| maker.goes_out).map(|(name, ..)| *name).collect();
        let count = outward.len();
        for (_, needed, maker) in &mut found {
            maker.goes_out |= needed.iter().any(|name| outward.contains(name));
        }
        if found.iter().filter(|(.., maker)| maker.goes_out).count() == count {
            break;
        }
    }
    let makers = found.into_iter().map(|(.., maker)| maker);
    makers.filter(|maker| maker.goes_out || !maker.outputs.is_empty()).collect()
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
            .filter(|one| !one.goes_out)
            .map(|one| format!("{} {}", one.command, one.outputs.join(" ")))
            .collect();
        assert_eq!(found, ["make build out/app", "make site web/dist"]);
    }

    #[test]
    fn recipes_that_reach_outside_are_told_apart_and_so_is_what_needs_them() {
        for (text, expected) in [
            ("release:\n\tgo build -o out/app\n", true),
            ("build:\n\tgo build -o out/app\n\tdocker push acme/x\n", true),
            ("build: upload\n\tgo build -o out/app\n", true),
            ("build: ship\n\tgo build -o out/app\nship: all\nall:\n\tkubectl apply -f x\n", true),
            ("build: ## to push it later\n\tgo build -o out/app\n\t# docker push\n", false),
            ("build: gen\n\tgo build -o out/app\ngen:\n\tgo generate\n", false),
        ] {
            let all = makers("make", "", text);
            let one = all.iter().find(|one| one.outputs == ["out/app"]).unwrap();
            assert_eq!(one.goes_out, expected, "{text}");
        }
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
