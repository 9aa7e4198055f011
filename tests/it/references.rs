//! The pages that are made by the program are what it prints now, and the page for programs has each document that
//! there is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use fs_err as fs;
use regex::Regex;
use serde_json::Value;

use crate::sandbox::{Sandbox, Shown, send, steps};
use crate::screens::{broken_shop, built_shop, shop_with_a_broken_page};
use crate::streams::{commands, has_json};

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

/// The title of a document in docs/agents.md.
const TITLE: &str = r"^### `provision (.+) --format json`$";

/// What docs/agents.md says of each document, with the pages that have all its fields, and with what it says of the
/// documents that a description names: "as `reason` of `plan`".
fn descriptions() -> BTreeMap<String, String> {
    let title = Regex::new(TITLE).unwrap();
    let link = Regex::new(r"\[[^]]+\]\(([\w/.]+\.md)(#[\w-]+)?\)").unwrap();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut current = None;
    for line in page("docs/agents.md").lines() {
        if let Some(found) = title.captures(line) {
            current = Some(texts.entry(found[1].to_owned()).or_default());
        } else if let Some(text) = &mut current {
            text.push_str(line);
            text.push('\n');
            for found in link.captures_iter(line) {
                text.push_str(&page(&format!("docs/{}", &found[1])));
            }
        }
    }
    let own = texts.clone();
    for (command, text) in &mut texts {
        let named = own.iter().filter(|(other, said)| {
            *other != command && own[command].contains(&format!("of `{other}`")) && !said.is_empty()
        });
        named.for_each(|(_, said)| text.push_str(said));
    }
    texts
}

/// The keys of the objects below the top of a document, with the key at the top.
fn nested(document: &Value) -> BTreeSet<(String, String)> {
    fn below(value: &Value, top: &str, keys: &mut BTreeSet<(String, String)>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| below(item, top, keys)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    keys.insert((top.to_owned(), key.clone()));
                    // The keys of an output are names of facts.
                    if key != "output" {
                        below(value, top, keys);
                    }
                }
            }
            _ => {}
        }
    }
    let mut keys = BTreeSet::new();
    for (top, value) in document.as_object().into_iter().flatten() {
        below(value, top, &mut keys);
    }
    keys
}

/// The documents that docs/agents.md describes: the command, and the keys at the top of what it prints.
pub(crate) fn described() -> BTreeMap<String, BTreeSet<String>> {
    let title = Regex::new(TITLE).unwrap();
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
    let texts = descriptions();
    let mut n_nested = 0;
    // What stays until it is stopped has a test of its own.
    for (command, keys) in described().into_iter().filter(|(command, _)| command != "open") {
        // `STEP` stands for any step.
        let words: Vec<&str> = command.split(' ').map(|word| if word == "STEP" { "build.web" } else { word }).collect();
        let shown = sandbox.run(&[words.as_slice(), &["--format", "json"]].concat());
        // Of `logs` each line is one.
        let text = if command == "logs" { shown.stdout.lines().next().unwrap_or_default() } else { &shown.stdout };
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let found: BTreeSet<String> = document.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        assert_eq!(found, keys, "`provision {command} --format json`, with exit code {}", shown.code);
        assert_eq!(document["v"], 1, "{command}");
        for (top, key) in nested(&document) {
            let text = &texts[&command];
            assert!(
                describes(text, &key),
                "`provision {command} --format json`: `{top}` has `{key}`, which is not described"
            );
            n_nested += 1;
        }
    }
    assert!(n_nested > 80, "{n_nested}");
}

/// Whether a page describes a key.
fn describes(text: &str, key: &str) -> bool {
    [format!("`{key}`"), format!(".{key}`"), format!("\"{key}\"")].iter().any(|form| text.contains(form))
}

/// The events of a run that says how far a step is, and asks a person. That is done on a terminal alone: so they are in
/// the file of `--events`.
fn events_of_a_run_with_a_question() -> String {
    let sandbox = Sandbox::new(&format!(
        "{}[[stage.step]]\nid = 'ok'\naction = 'confirm'\ntext = 'the page looks right'\n\
         [[stage.step]]\nid = 'port'\naction = 'port-check'\nneeds = ['ok']\naddress = '127.0.0.1:1'\nwithin = '300ms'\n",
        steps(&[("a", "true", "")])
    ));
    let mut run = sandbox.on_a_terminal("up --output lines --events events.jsonl");
    run.stdin.as_mut().unwrap().write_all(b"yes\n").unwrap();
    Shown::of(run).code(1).says("the page looks right [yes/no]");
    fs::read_to_string(sandbox.path("events.jsonl")).unwrap()
}

/// The output of several runs that between them have all kinds of events.
fn streams_of_events() -> Vec<String> {
    let json = ["up", "--output", "json"];
    let failed = shop_with_a_broken_page();
    let mut of_runs = vec![failed.run(&json).code(1).stdout];
    let mut fresh = built_shop();
    of_runs.push(fresh.run(&json).code(0).stdout);
    of_runs.push(fresh.file("settings.in", "a=2\n").run(&json).code(0).stdout);
    of_runs.push(fresh.env("PROVISION_TRUST", "").file("pipeline.toml", "[pipeline]\n").run(&json).code(2).stdout);
    let again = "test -e second || { touch second; exit 1; }";
    let stopped = Sandbox::new(&steps(&[
        ("again", again, "retry = { attempts = 2, delay = '10ms' }"),
        ("hang", "touch begun; sleep 600", "needs = ['again']"),
    ]));
    let run = stopped.spawn(&json);
    stopped.wait_for("begun");
    send("INT", run.id());
    of_runs.push(Shown::of(run).code(130).stdout);
    of_runs.push(events_of_a_run_with_a_question());
    of_runs
}

#[test]
fn every_event_has_the_fields_that_the_reference_describes() {
    let reference = page("docs/reference.md");
    let section = reference.split_once("\n## Events\n").unwrap().1.split("\n## ").next().unwrap();
    let head = section.split("\n| event |").next().unwrap();
    let row = Regex::new(r"(?m)^\| ((?:`\w+`(?:, )?)+) \|.*\| (.*) \|$").unwrap();
    let name = Regex::new(r"`(\w+)`").unwrap();
    let names = |text: &str| name.captures_iter(text).map(|found| found[1].to_owned()).collect::<BTreeSet<_>>();
    let table = section.split("\nWhat the fields have:").next().unwrap();
    let rows: BTreeMap<String, String> = row
        .captures_iter(table)
        .flat_map(|found| names(&found[1]).into_iter().map(move |event| (event, found[2].to_owned())))
        .collect();
    let errors = page("docs/errors/README.md");
    let mut seen = BTreeSet::new();
    for line in streams_of_events().iter().flat_map(|text| text.lines()) {
        let event: Value = serde_json::from_str(line).unwrap();
        let kind = event["event"].as_str().unwrap().to_owned();
        let fields = rows.get(&kind).unwrap_or_else(|| panic!("`{kind}` is not described"));
        for key in event.as_object().unwrap().keys() {
            assert!(describes(head, key) || describes(fields, key), "`{kind}` has `{key}`, which is not described");
        }
        for (top, key) in nested(&event).into_iter().filter(|(top, _)| top != "output") {
            let text = if top == "error" { &errors } else { section };
            assert!(describes(text, &key), "`{top}` of `{kind}` has `{key}`, which is not described: {line}");
        }
        seen.insert(kind);
    }
    assert_eq!(seen, rows.into_keys().collect::<BTreeSet<String>>());
}

/// The commands without `--format json`, each with the reason.
const WITHOUT_DOCUMENT: [(&str, &str); 7] = [
    ("init", "it writes a file, which is for people as well; `--dry-run` prints that"),
    ("up", "its events are `--output json`"),
    ("stage", "its events are `--output json`"),
    ("watch", "its events are `--output json`"),
    ("schema", "what it prints is a JSON document as it is"),
    ("completions", "what it prints is for a shell"),
    ("man", "what it prints is for `man`; `actions` and `schema` are for programs"),
];

#[test]
fn every_command_has_a_json_format_that_is_described_or_a_reason_to_have_none() {
    let (with, without): (Vec<_>, Vec<_>) = commands().into_iter().partition(|(_, command)| has_json(command));
    let names = |commands: Vec<(String, clap::Command)>| -> BTreeSet<String> {
        commands.into_iter().map(|(words, _)| words).collect()
    };
    let plain = |name: String| name.replace(" STEP", "").replace(" --show", "").replace(" --dry-run", "");
    let described: BTreeSet<String> = described().into_keys().map(plain).collect();
    assert_eq!(described, names(with), "docs/agents.md describes these, and those have it");
    let excepted: BTreeSet<String> = WITHOUT_DOCUMENT.iter().map(|(words, _)| (*words).to_owned()).collect();
    assert_eq!(names(without), excepted, "a command that reads has `--format json`; another one has its reason here");
    for (command, reason) in WITHOUT_DOCUMENT {
        let events = commands()
            .iter()
            .any(|(words, of)| words == command && of.get_arguments().any(|arg| arg.get_id() == "output"));
        assert_eq!(reason.contains("`--output json`"), events, "{command}");
    }
}

fn document(sandbox: &Sandbox, words: &[&str], code: i32) -> Value {
    serde_json::from_str(&sandbox.run(words).code(code).stdout).unwrap()
}

#[test]
fn a_plan_for_programs_has_the_reason_the_key_and_the_needs_of_each_step() {
    let sandbox = built_shop();
    let before = document(&sandbox, &["plan", "--format", "json", "--exit-code"], 0);
    assert_eq!((&before["work"], &before["counts"]["run"]), (&false.into(), &1.into()), "the check runs every time");
    assert_eq!(before["steps"][3]["reason"]["kind"], "always-runs");
    sandbox.file("settings.in", "a=2\n");
    let after = document(&sandbox, &["plan", "--format", "json", "--exit-code"], 10);
    assert_eq!(after["work"], true);
    let reason = &after["steps"][0]["reason"];
    assert_eq!((&reason["kind"], &reason["names"][0]), (&"inputs-changed".into(), &"files settings.in".into()));
    assert_eq!(after["steps"][0]["run"], true);
    assert_ne!(before["steps"][0]["key"], after["steps"][0]["key"]);
    assert_eq!(before["steps"][1]["key"], after["steps"][1]["key"]);
    assert_eq!(after["steps"][2]["needs"][0], "build.api");
    assert_eq!(after["stages"][1]["needs"][0], "prepare");
    assert_eq!(after["steps"][3]["reason"]["names"][0], "prepare.config");
}

#[test]
fn states_and_inputs_for_programs_are_those_of_the_text() {
    let sandbox = broken_shop();
    let status = document(&sandbox, &["status", "--format", "json"], 0);
    let found: Vec<_> = (0..4).map(|n| (&status["steps"][n]["state"], &status["steps"][n]["outcome"])).collect();
    let (ended, never) = (Value::from("ended"), Value::from("never-ran"));
    let (good, bad) = (Value::from("succeeded"), Value::from("failed"));
    assert_eq!(found, [(&ended, &good), (&ended, &good), (&ended, &bad), (&never, &Value::Null)]);
    assert!(status["steps"][2]["message"].as_str().unwrap().contains("ended with exit code 2"), "{status:#}");
    sandbox.file("settings.in", "a=2\n");
    let why = document(&sandbox, &["why", "prepare.config", "--format", "json"], 0);
    assert_eq!((&why["fresh"], &why["reasons"][0]["kind"]), (&false.into(), &"inputs-changed".into()));
    let inputs = why["inputs"].as_array().unwrap();
    let changed: Vec<_> = inputs.iter().filter(|input| input["changed"] == true).map(|input| &input["label"]).collect();
    assert_eq!(changed, ["files settings.in"]);
}

#[test]
fn what_a_pipeline_executes_is_shown_to_programs_with_what_is_new() {
    let mut sandbox = Sandbox::new(
        "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"command\"\nrun = \"true\"\n",
    );
    sandbox.env("PROVISION_TRUST", "");
    let show = ["trust", "--show", "--format", "json"];
    assert_eq!(document(&sandbox, &show, 0)["state"], "unknown");
    sandbox.run(&["trust", "--format", "json"]).code(2);
    sandbox.run(&["trust"]).code(0);
    assert_eq!(document(&sandbox, &show, 0)["state"], "trusted");
    let text = fs::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &text.replace("true", "false"));
    let changed = document(&sandbox, &show, 0);
    assert_eq!(changed["state"], "changed");
    assert!(changed["new"][0].as_str().unwrap().contains("false"), "{changed:#}");
    assert!(changed["gone"][0].as_str().unwrap().contains("true"), "{changed:#}");
    let action = document(&sandbox, &["actions", "command", "--format", "json"], 0);
    assert_eq!((&action["actions"][0]["name"], &action["actions"][1]), (&"command".into(), &Value::Null));
}
