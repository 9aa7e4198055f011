//! The pages that are made by the program are what it prints now, and the page for programs has each document that
//! there is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fs_err as fs;
use regex::Regex;
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::screens::broken_shop;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_pages_that_the_program_prints_are_up_to_date() {
    for (name, command) in [("docs/cli.md", "man --markdown"), ("docs/settings.md", "schema --markdown")] {
        let words: Vec<&str> = command.split(' ').collect();
        let printed = Sandbox::new("").run(&words).code(0).stdout;
        assert!(printed == page(name), "{name} is out of date: cargo run -- {command} > {name}");
    }
}

/// The documents that docs/agents.md describes: the command, and the keys at the top of what it prints.
fn described() -> BTreeMap<String, BTreeSet<String>> {
    let title = Regex::new(r"^### `provision (.+) --format json`$").unwrap();
    let row = Regex::new(r"^\| ((?:`\w+`(?:, )?)+) \|").unwrap();
    let name = Regex::new(r"`(\w+)`").unwrap();
    let mut documents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = None;
    for line in page("docs/agents.md").lines() {
        if let Some(found) = title.captures(line) {
            current = Some(documents.entry(found[1].to_owned()).or_default());
        } else if line.starts_with('#') {
            current = None;
        } else if let (Some(keys), Some(found)) = (&mut current, row.captures(line)) {
            keys.extend(name.captures_iter(&found[1]).map(|found| found[1].to_owned()));
        }
    }
    documents
}

#[test]
fn every_document_for_programs_has_the_keys_that_are_described() {
    let sandbox = broken_shop();
    sandbox.run(&["up"]).code(1);
    for (command, keys) in described() {
        // `STEP` stands for any step.
        let words: Vec<&str> = command.split(' ').map(|word| if word == "STEP" { "build.web" } else { word }).collect();
        let shown = sandbox.run(&[words.as_slice(), &["--format", "json"]].concat());
        let document: Value = serde_json::from_str(&shown.stdout).unwrap_or_default();
        let found: BTreeSet<String> = document.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        assert_eq!(found, keys, "`provision {command} --format json`, with exit code {}", shown.code);
        assert_eq!(document["v"], 1, "{command}");
    }
}

#[test]
fn every_command_with_a_json_format_is_described() {
    let printed = Sandbox::new("").run(&["man", "--markdown"]).code(0).stdout;
    let mut commands = BTreeSet::new();
    let mut command = "";
    for line in printed.lines() {
        if let Some((_, name)) = line.split_once("# provision ") {
            command = name;
        } else if line.starts_with("| `--format ") && line.contains("`json`") {
            commands.insert(command.to_owned());
        }
    }
    let described: BTreeSet<String> = described().into_keys().map(|name| name.replace(" STEP", "")).collect();
    assert_eq!(described, commands);
}
