//! Standard output of every command is what the command exists to give, or empty: what it asks, notes, warns of and
//! fails with is on standard error.

use std::collections::BTreeSet;

use clap::Command;
use serde_json::Value;

use crate::sandbox::{Sandbox, Shown};
use crate::screens::{built_shop, shop};

/// What standard output has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Out {
    Nothing,
    /// What a person reads, with this in its first line.
    Text(&'static str),
    /// One JSON document.
    Json,
    /// A JSON object a line.
    Lines,
}
use Out::{Json, Lines, Nothing, Text};

/// Where a command is called.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// Everything has succeeded once.
    Built,
    /// Nothing has run, and nobody trusts the pipeline.
    Unknown,
    /// The file has errors.
    Broken,
    /// There is no file.
    Empty,
}
use Place::{Broken, Built, Empty, Unknown};

/// Calls: the words, where, the exit code, and what standard output has.
const CALLS: &[(&str, Place, i32, Out)] = &[
    ("init", Empty, 0, Nothing),
    ("init", Built, 2, Nothing),
    ("init --dry-run", Empty, 0, Text("#")),
    ("up", Built, 0, Text(": shop, ")),
    ("up", Unknown, 5, Nothing),
    ("up --output json", Built, 0, Lines),
    ("up --output json", Unknown, 5, Lines),
    ("up --output json", Broken, 2, Lines),
    ("up --install", Built, 0, Text(": shop, ")),
    ("stage build", Built, 0, Text(": shop, ")),
    ("stage build.api", Built, 2, Nothing),
    ("stage build --output json", Built, 0, Lines),
    ("stage build", Unknown, 5, Nothing),
    ("plan", Built, 0, Text("prepare")),
    ("plan no-such-step", Built, 2, Nothing),
    ("plan --format json", Built, 0, Json),
    ("status", Built, 0, Text("prepare")),
    ("status --watch", Built, 0, Text("prepare")),
    ("status --watch", Unknown, 1, Text("prepare")),
    ("status --format json", Built, 0, Json),
    ("status --watch --format json", Built, 0, Lines),
    ("status --watch --format json", Unknown, 1, Lines),
    ("watch", Unknown, 5, Nothing),
    ("why build.api", Built, 0, Text("build.api")),
    ("why build.no", Built, 2, Nothing),
    ("why build.api --format json", Built, 0, Json),
    ("report", Built, 0, Text("Phase 1: Build")),
    ("report --check", Built, 1, Text("Phase 1: Build")),
    ("report --tick", Built, 0, Text("Phase 1: Build")),
    ("report --output r.txt", Built, 0, Nothing),
    ("report --format json", Built, 0, Json),
    ("report diff latest latest", Built, 0, Text("")),
    ("report diff no-such-run", Built, 2, Nothing),
    ("report diff latest latest --format json", Built, 0, Json),
    ("report diff", Built, 2, Nothing),
    ("logs", Built, 0, Text("compiling")),
    ("logs build.api", Built, 0, Text("compiling")),
    ("logs --format json", Built, 0, Lines),
    ("logs build.api --format json", Built, 0, Lines),
    ("logs build.api --format json --raw", Built, 2, Nothing),
    ("logs verify", Unknown, 0, Nothing),
    ("logs verify --format json", Unknown, 0, Nothing),
    ("logs build.no", Built, 2, Nothing),
    ("open", Built, 2, Nothing),
    ("open --format json", Built, 2, Nothing),
    ("prove", Unknown, 5, Nothing),
    ("prove", Built, 0, Text("")),
    ("prove --format json", Built, 0, Json),
    ("trust", Unknown, 0, Text("has not run here before")),
    ("trust --show", Unknown, 0, Text("has not run here before")),
    ("trust --forget", Unknown, 0, Nothing),
    ("trust --show --format json", Unknown, 0, Json),
    ("doctor", Built, 0, Text("pipeline")),
    ("doctor --format json", Built, 0, Json),
    ("doctor --format json", Broken, 3, Json),
    ("doctor --install", Unknown, 5, Text("pipeline")),
    ("doctor --install --format json", Built, 0, Json),
    ("down", Built, 0, Nothing),
    ("down --yes", Built, 0, Nothing),
    ("down", Unknown, 5, Nothing),
    ("down --dry-run", Built, 0, Nothing),
    ("down --dry-run --format json", Built, 0, Json),
    ("down --format json", Built, 2, Nothing),
    ("down --dry-run --format json", Broken, 2, Nothing),
    ("ls", Built, 0, Text("shop")),
    ("ls --format json", Built, 0, Json),
    ("ls --prune", Built, 0, Text("shop")),
    ("gc", Unknown, 0, Nothing),
    ("gc --runs 0 --dry-run", Built, 0, Nothing),
    ("gc --runs 0 --dry-run --format json", Built, 0, Json),
    ("gc --dry-run --format json", Unknown, 0, Json),
    ("gc --runs 0", Built, 0, Nothing),
    ("graph", Built, 0, Text("flowchart")),
    ("graph --format json", Built, 0, Json),
    ("explain", Built, 0, Text("")),
    ("explain no-such-id", Built, 2, Nothing),
    ("explain build.api", Built, 2, Nothing),
    ("explain --format json", Empty, 0, Json),
    ("actions", Empty, 0, Text("")),
    ("actions no-such", Empty, 2, Nothing),
    ("actions --format json", Empty, 0, Json),
    ("schema", Empty, 0, Json),
    ("completions bash", Empty, 0, Text("")),
    ("completions csh", Empty, 2, Nothing),
    ("man", Empty, 0, Text("")),
    ("man no-such", Empty, 2, Nothing),
];

/// Commands that stay until they are stopped; their tests, `open.rs` and `watch.rs`, read what a good call prints.
const STAY: [&str; 2] = ["open", "watch"];

/// The commands that do not read the pipeline's file.
const WITHOUT_PIPELINE: [&str; 6] = ["init", "ls", "actions", "schema", "completions", "man"];

/// Every command below `command`, by its words.
fn below(command: &Command, words: &str) -> Vec<(String, Command)> {
    let mut found = Vec::new();
    for one in command.get_subcommands() {
        let words = format!("{words} {}", one.get_name()).trim().to_owned();
        found.push((words.clone(), one.clone()));
        found.extend(below(one, &words));
    }
    found
}

/// Every command, by its words: `report diff`.
pub(crate) fn commands() -> Vec<(String, Command)> {
    let all = below(&provision::cli::command_line(), "");
    assert!(all.len() > 20 && all.iter().any(|(words, _)| words == "report diff"), "{}", all.len());
    all
}

/// The command that a call is one of: the longest that its words begin with.
fn command_of<'a>(call: &str, all: &'a [(String, Command)]) -> &'a str {
    let fits = |words: &str| call == words || call.starts_with(&format!("{words} "));
    let fitting = all.iter().map(|(words, _)| words.as_str()).filter(|words| fits(words));
    fitting.max_by_key(|words| words.len()).unwrap()
}

/// Whether a command has `--format json`.
pub(crate) fn has_json(command: &Command) -> bool {
    let format = command.get_arguments().find(|arg| arg.get_id() == "format");
    format.is_some_and(|arg| arg.get_possible_values().iter().any(|value| value.get_name() == "json"))
}

fn place(place: Place) -> Sandbox {
    let mut sandbox = if place == Built { built_shop() } else { shop() };
    sandbox.file("Dockerfile", "FROM scratch\nCOPY settings.in /\n");
    sandbox.env("DOCKER_HOST", "unix:///no/such/docker.sock");
    match place {
        Unknown => drop(sandbox.env("PROVISION_TRUST", "")),
        Broken => drop(sandbox.file("pipeline.toml", "[pipeline]\nname = 1\n")),
        Empty => fs_err::remove_file(sandbox.path("pipeline.toml")).unwrap(),
        Built => {}
    }
    sandbox
}

/// What is wrong with what a call has shown; `None` if standard output has what is expected, and no more.
fn fault(shown: &Shown, call: &str, code: i32, out: Out) -> Option<String> {
    let parses = |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object());
    let is_right = match out {
        // What has failed says so.
        Nothing => shown.stdout.is_empty() && (code == 0 || !shown.stderr.trim().is_empty()),
        Text(first) => shown.stdout.lines().next().is_some_and(|line| line.contains(first)),
        Json => parses(&shown.stdout),
        Lines => !shown.stdout.is_empty() && shown.stdout.lines().all(parses),
    };
    let fault =
        format!("`{call}` ends with {} and not {code}, or standard output is not {out:?}: {shown:?}", shown.code);
    (!is_right || shown.code != code).then_some(fault)
}

#[test]
fn standard_output_of_a_command_is_what_it_exists_to_give_or_empty() {
    let faults = CALLS.iter().filter_map(|(call, at, code, out)| {
        let words: Vec<&str> = call.split(' ').collect();
        fault(&place(*at).run(&words), &format!("{call} ({at:?})"), *code, *out)
    });
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn the_calls_have_a_good_one_of_every_command_and_a_document_of_each_that_has_one() {
    let all = commands();
    let of = |is_wanted: fn(&(&str, Place, i32, Out)) -> bool| -> BTreeSet<&str> {
        CALLS.iter().filter(|call| is_wanted(call)).map(|(call, ..)| command_of(call, &all)).collect()
    };
    let (good, documents) = (of(|call| call.2 == 0), of(|call| matches!(call.3, Json | Lines)));
    for (words, command) in &all {
        let stays = STAY.contains(&words.as_str());
        assert!(good.contains(words.as_str()) || stays, "no call of `{words}` that succeeds");
        assert!(documents.contains(words.as_str()) || stays || !has_json(command), "no document of `{words}`");
    }
}

#[test]
fn a_command_line_that_is_refused_and_a_file_with_errors_leave_standard_output_empty() {
    let (built, broken) = (place(Built), place(Broken));
    let mut faults = Vec::new();
    let mut refused = |sandbox: &Sandbox, words: &[&str]| {
        faults.extend(fault(&sandbox.run(words), &words.join(" "), 2, Nothing));
    };
    for (words, command) in commands() {
        let own: Vec<&str> = words.split(' ').collect();
        refused(&built, &[&own, &["--no-such-option"][..]].concat());
        // `doctor` is for a machine where nothing works: it says what is wrong with the file.
        if WITHOUT_PIPELINE.contains(&words.as_str()) || words == "doctor" {
            continue;
        }
        let names: &[&str] = match words.as_str() {
            "stage" => &["build"],
            "why" | "explain" => &["build.api"],
            _ => &[],
        };
        refused(&broken, &[&own, names].concat());
        if has_json(&command) {
            let show: &[&str] = match words.as_str() {
                "trust" => &["--show"],
                "down" | "gc" => &["--dry-run"],
                _ => &[],
            };
            refused(&broken, &[&own, names, show, &["--format", "json"]].concat());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn what_standard_output_can_not_take_is_a_failure_whatever_was_asked_for() {
    let sandbox = shop();
    for line in ["--help", "-h", "--version", "up --help", "status", "schema"] {
        let full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap().into_file();
        let words: Vec<&str> = line.split(' ').collect();
        let shown = Shown::of(sandbox.command(&words).stdout(full).spawn().unwrap());
        assert!(shown.code == 1 && shown.stderr.contains("can't write to standard output"), "{line}: {shown:?}");
    }
}
