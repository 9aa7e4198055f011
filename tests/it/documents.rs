//! The console sessions of documents: each command is run in a sandbox, and has to show what the page says.
//!
//! A page takes part with a comment before its first session, `<!-- sessions: NAME -->`, where `NAME` is one of
//! [`PLACES`]; another such comment begins again in a new sandbox. In a block ```` ```console ```` a line that begins
//! with `$ ` is a command, and what follows is what it shows on both streams. A line `…` stands for any lines. A
//! command ends with exit code 0, or with the one that a comment behind it names: `# exit code 3`. One that stays has
//! the comment `# until Ctrl-C`: it gets that once it waits. A page's comment `<!-- meanwhile: COMMAND -->` is what is
//! done when it waits for the first time; then it gets Ctrl-C when it waits once more.
//!
//! `UPDATE_SESSIONS=1 cargo test --test it documents` writes into the pages what the commands show now.

mod places;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use fs_err as fs;
use regex::Regex;

use crate::sandbox::{Sandbox, Shown, send, without_what_differs};
use places::PLACES;

/// Pages whose blocks are recordings of real runs, and the script that makes them.
const RECORDED: &[(&str, &str)] = &[("README.md", "scripts/record"), ("docs/example-run.md", "scripts/record")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The comment behind a command that stays until it is stopped, and what such a command says when it waits.
const UNTIL: &str = "# until Ctrl-C";
const WAITS: &str = "; Ctrl-C ends it";

/// The exit code of a command that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// A command of a page.
#[derive(Debug, PartialEq)]
struct Step {
    /// Its place, where it is the first one there.
    place: Option<String>,
    command: String,
    code: i32,
    /// What is done while it stays; `None` if it ends by itself.
    meanwhile: Option<Vec<String>>,
    /// The lines of the page that show what it prints: the first one, and the one behind the last.
    shown: (usize, usize),
}

/// The commands of a page, in their order.
fn steps(page: &str) -> Vec<Step> {
    let lines: Vec<&str> = page.lines().collect();
    let (mut steps, mut place, mut is_in, mut takes_part): (Vec<Step>, _, _, _) = (Vec::new(), None, false, false);
    let mut acts = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(name) = line.strip_prefix("<!-- sessions: ").and_then(|rest| rest.strip_suffix(" -->")) {
            (place, takes_part) = (Some(name.to_owned()), true);
        } else if let Some(act) = line.strip_prefix("<!-- meanwhile: ").and_then(|rest| rest.strip_suffix(" -->")) {
            acts.push(act.to_owned());
        } else if *line == "```console" {
            is_in = takes_part;
        } else if *line == "```" {
            is_in = false;
        } else if let (true, Some(command)) = (is_in, line.strip_prefix("$ ")) {
            let code = command.split_once("# exit code ").map_or(0, |(_, code)| code.parse().unwrap());
            let n = lines[at + 1..].iter().take_while(|line| **line != "```" && !line.starts_with("$ ")).count();
            let shown = (at + 1, at + 1 + n);
            let stays = command.ends_with(UNTIL);
            let (code, meanwhile) = if stays { (INTERRUPTED, Some(std::mem::take(&mut acts))) } else { (code, None) };
            steps.push(Step { place: place.take(), command: command.to_owned(), code, meanwhile, shown });
        }
    }
    steps
}

/// Whether a page's lines are what was printed: as it is, or with `…` for any lines. The lines of steps that run at the
/// same time come in any order.
fn is_shown(page: &[&str], printed: &str) -> bool {
    let page = comparable(&page.join("\n"));
    let printed = comparable(printed);
    let mut pieces = page.split(|line| line == "…");
    let Some(rest) = pieces.next().and_then(|first| printed.strip_prefix(first)) else { return false };
    let mut rest = rest.to_vec();
    let others: Vec<&[String]> = pieces.collect();
    if others.is_empty() {
        return rest.is_empty();
    }
    for (n, piece) in others.iter().enumerate() {
        let is_last = n + 1 == others.len();
        let found = if is_last {
            rest.len().checked_sub(piece.len()).filter(|at| rest[*at..] == **piece)
        } else {
            (0..=rest.len().saturating_sub(piece.len())).find(|at| rest[*at..].starts_with(piece))
        };
        let Some(at) = found else { return false };
        rest.drain(..at + piece.len());
    }
    true
}

/// Returns what was printed without what differs between runs and machines.
fn plain(text: &str) -> String {
    let text = without_what_differs(text);
    let text = Regex::new(r"\b(identity|record)=[^,\s]+").unwrap().replace_all(&text, "$1=…").into_owned();
    let text = Regex::new(r"\blive \d+\.\d s\b").unwrap().replace_all(&text, "live 0.1 s").into_owned();
    // A checkout's name has a digest of its folder; free space and the machine differ too.
    let text = Regex::new(r"\bshop-[0-9a-f]{8}\b").unwrap().replace_all(&text, "shop-3f2a91c0").into_owned();
    let text = Regex::new(r"[\d.]+ [MGT]B are free").unwrap().replace_all(&text, "120.0 GB are free").into_owned();
    // A port that is made of the folder's name, and those that the system gives to a test.
    let text = Regex::new(r"\b127\.0\.0\.1:2\d{4}\b").unwrap().replace_all(&text, "127.0.0.1:24031").into_owned();
    Regex::new(r"\b127\.0\.0\.1:[3-6]\d{4}\b").unwrap().replace_all(&text, "127.0.0.1:5432").into_owned()
}

fn comparable(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = plain(text).trim_end().lines().map(str::to_owned).collect();
    for run in lines.chunk_by_mut(|a, b| a.starts_with('[') && b.starts_with('[')) {
        run.sort();
    }
    lines
}

/// Starts a script in a place.
fn shell(sandbox: &Sandbox, place: &str, script: &str) -> Child {
    sandbox.program("/bin/sh", &["-c", script]).current_dir(sandbox.path(place)).spawn().unwrap()
}

/// Runs a command that stays: does something each time that it waits, and stops it when it waits after the last one.
fn stay(sandbox: &Sandbox, place: &str, command: &str, acts: &[String]) -> Shown {
    let file = sandbox.path("shown");
    fs::write(&file, "").unwrap();
    let script = format!("exec >'{}' 2>&1; exec {}", file.display(), command.trim_end_matches(UNTIL));
    let mut child = shell(sandbox, place, &script);
    for n in 0..=acts.len() {
        let waits = || fs::read_to_string(&file).unwrap().matches(WAITS).count() > n;
        let limit = Instant::now() + Duration::from_secs(60);
        while !waits() && child.try_wait().unwrap().is_none() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(10));
        }
        if child.try_wait().unwrap().is_some() {
            break;
        }
        match acts.get(n) {
            Some(act) => drop(Shown::of(shell(sandbox, place, act)).code(0)),
            None => send("INT", child.id()),
        }
    }
    let ended = Shown::of(child);
    Shown { stdout: fs::read_to_string(&file).unwrap(), ..ended }
}

/// Runs the sessions of a page. Returns the page as it should be, and what is wrong with the one that is there.
fn run(name: &str, page: &str) -> (String, Vec<String>) {
    let mut wrong = Vec::new();
    let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
    let mut outputs = Vec::new();
    let mut sandbox = Sandbox::new("");
    let mut place = String::new();
    for step in steps(page) {
        if let Some(new) = &step.place {
            let make = PLACES.iter().find(|(name, _)| name == new);
            let Some((_, make)) = make else {
                wrong.push(format!("{name}: there is no place `{new}`"));
                break;
            };
            (sandbox, place) = (make(), new.clone());
            symlink(env!("CARGO_BIN_EXE_provision"), sandbox.path("bin/provision")).unwrap();
        }
        let shown = match &step.meanwhile {
            Some(acts) => stay(&sandbox, &place, &step.command, acts),
            None => Shown::of(shell(&sandbox, &place, &format!("{{ {}\n}} 2>&1", step.command))),
        };
        let said = format!("{name}: `{}`", step.command);
        if shown.code != step.code {
            wrong.push(format!("{said} ends with {} and not {}:\n{}", shown.code, step.code, shown.stdout));
        }
        let page: Vec<&str> = lines[step.shown.0..step.shown.1].iter().map(String::as_str).collect();
        if !is_shown(&page, &shown.stdout) {
            let now = plain(&shown.stdout);
            wrong.push(format!("{said} shows now\n{now}\n--- and the page has\n{}", page.join("\n")));
            outputs.push((step.shown, now));
        }
    }
    for ((from, to), text) in outputs.into_iter().rev() {
        lines.splice(from..to, text.trim_end().lines().map(str::to_owned));
    }
    (lines.join("\n") + "\n", wrong)
}

/// All documents.
fn documents() -> Vec<(String, PathBuf)> {
    let documents = walkdir::WalkDir::new(root().join("docs")).into_iter().map(|entry| entry.unwrap().into_path());
    let all = documents.chain([root().join("README.md")]).filter(|path| path.extension().is_some_and(|e| e == "md"));
    let named = all.map(|path| (path.strip_prefix(root()).unwrap().display().to_string(), path));
    named.collect()
}

/// The documents that have sessions.
fn pages() -> Vec<(String, PathBuf)> {
    let has_sessions = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("<!-- sessions: ");
    documents().into_iter().filter(|(_, path)| has_sessions(path)).collect()
}

/// How many blocks of a page are neither run here nor, as `is_recorded` says, recorded.
fn n_unproven(page: &str, is_recorded: bool) -> usize {
    let before = page.split("<!-- sessions: ").next().unwrap();
    let n = before.lines().filter(|line| line.trim_start().starts_with("```console")).count();
    if is_recorded { 0 } else { n }
}

#[test]
fn every_console_block_is_run_or_is_a_recording() {
    let mut wrong = Vec::new();
    for (name, path) in documents() {
        let text = fs::read_to_string(path).unwrap();
        let script = RECORDED.iter().find(|(page, _)| *page == name).map(|(_, script)| *script);
        if n_unproven(&text, script.is_some()) > 0 {
            wrong.push(format!("{name}: a console block before any `<!-- sessions: … -->`"));
        }
        let Some(script) = script else { continue };
        let source = fs::read_to_string(root().join(script)).unwrap();
        if !source.contains(&name) || !text.contains("```console") {
            wrong.push(format!("{name} is said to be recorded by {script}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(n_unproven("```console\n$ true\n```\n<!-- sessions: todo -->\n```console\n", false), 1);
}

#[test]
fn the_sessions_of_documents_show_what_happens() {
    let pages = pages();
    assert!(pages.iter().any(|(name, _)| name == "docs/getting-started.md"), "{pages:?}");
    let mut wrong = Vec::new();
    for (name, path) in pages {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!steps(&text).is_empty(), "{name}: it has no session");
        let (now, differences) = run(&name, &text);
        if std::env::var_os("UPDATE_SESSIONS").is_some() {
            fs::write(&path, now).unwrap();
        }
        wrong.extend(differences);
    }
    let help = "`UPDATE_SESSIONS=1 cargo test --test it documents` writes into the pages what is shown now";
    assert!(wrong.is_empty(), "{help}:\n{}", wrong.join("\n\n"));
}

#[test]
fn a_page_that_is_out_of_date_is_found_and_corrected() {
    let page =
        "<!-- sessions: todo -->\n```console\n$ ls helm\nold\n$ false # exit code 1\n$ seq 4\n1\n…\n4\n```\nend\n";
    let (now, wrong) = run("page", page);
    assert_eq!(wrong, ["page: `ls helm` shows now\ntodo\n--- and the page has\nold"]);
    assert_eq!(now, page.replace("old", "todo"));
    assert_eq!(run("page", &now), (now.clone(), Vec::new()));
    for (line, with) in [("# exit code 1", "# exit code 2"), ("…\n4", "…\n5"), ("…\n4\n", ""), ("1\n…", "2\n…")]
    {
        assert_eq!(run("page", &now.replace(line, with)).1.len(), 1, "{line} {with}");
    }
    assert!(steps("```console\n$ false\n```\n").is_empty(), "a page without the comment takes no part");
    // What stays is stopped when it waits, after what is done meanwhile.
    let page = "<!-- sessions: page -->\n<!-- meanwhile: echo two >page.md -->\n```console\n\
                $ provision watch build # until Ctrl-C\n…\nchanged: page.md\n…\n```\n";
    assert_eq!(run("page", page).1, Vec::<String>::new());
    assert_eq!(run("page", &page.replace("changed: page.md", "changed: other.md")).1.len(), 1);
}
