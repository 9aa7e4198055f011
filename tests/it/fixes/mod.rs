//! Every command that an error names is executed: in the situation in which the error arises, after which it is gone,
//! or, where that needs a system of its own, with its effect on record.
//!
//! [`SITUATIONS`] makes errors and mends them by the commands that their pages and failures name; [`TRIED`] and
//! [`AT_SERVICES`] have the other commands, and [`NOT_MADE_HERE`] the errors that no sandbox can have, each with the
//! reason. Those of [`LIVE`] are executed by the real programs, in `tests/live/explain.rs`. An error or a command that
//! is in none of them fails the test.

mod places;
mod situations;
mod tried;

use std::any::Any;
use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use crate::sandbox::{Sandbox, Shown};
use situations::SITUATIONS;
use tried::{AT_SERVICES, NOT_MADE_HERE, TRIED};

/// What a situation stands on besides its sandbox, such as a daemon.
type Beside = Box<dyn Any>;

/// An error, and the commands that end it.
struct Situation {
    id: &'static str,
    place: fn() -> (Sandbox, Beside),
    /// A command line of a shell that ends with the error.
    raise: &'static str,
    /// What shows that it is this error, on either stream.
    says: &'static str,
    /// The commands that the error names, as they are typed, in their order; each ends with exit code 0, or with the
    /// one of its comment. `:` before a line means that the user does it: it stands for the words of the fix.
    mend: &'static [&'static str],
    /// The command line that succeeds then.
    again: &'static str,
}

/// A command that no situation has.
struct Tried {
    /// As pages and messages have it.
    command: &'static str,
    /// What is typed, with the words filled in.
    line: &'static str,
    /// What shows that it did what it says: exit code, and text on either stream. Those of [`SYSTEM`] are replaced by a
    /// program that prints its name and its arguments between bars.
    ends: (i32, &'static str),
}

/// All commands in the sources that a user may type, a line each behind the file: `tests/messages` keeps it.
const HINTS: &str = include_str!("../../snapshots/hints.txt");

/// The commands of other programs that pages name: a test of `cli::explain` keeps it.
const OF_PAGES: &str = include_str!("../../snapshots/commands.txt");

/// Programs whose commands in these two lists `tests/live/explain.rs` executes, all of them.
const LIVE: &[&str] = &["docker", "helm", "kubectl", "lsof", "minikube", "ss", "ssh"];

/// Programs that change the system, or that only another one has: no test has them do it.
const SYSTEM: &[&str] = &["sudo", "newgrp", "open"];

/// The beginnings of what is a command.
fn is_command(text: &str) -> bool {
    let programs =
        ["provision", "KUBECTL", "HELM", "rm", "export", "unset", "nohup", "chmod", "git", "df", "ls", "kill"];
    let first = text.split(' ').next().unwrap();
    text.contains(' ') && [&programs[..], LIVE, SYSTEM].iter().any(|programs| programs.contains(&first))
}

/// Whether what stands in backquotes is a setting, an option or a value.
fn is_no_command(text: &str) -> bool {
    let starts = ["-", "[", ".", "|", "${{"];
    !text.contains(' ')
        || starts.iter().any(|start| text.starts_with(start))
        || text.contains(" = ")
        || text.contains(": ")
}

/// The commands of a fix: those in backquotes, and the fix itself if it is one.
fn commands(fix: &str) -> Vec<String> {
    let whole = fix.split("   #").next().unwrap();
    if is_command(whole) && !fix.contains('`') {
        return vec![whole.to_owned()];
    }
    let quoted = Regex::new("`([^`]+)`").unwrap();
    let mut found: Vec<String> = quoted.captures_iter(fix).map(|found| found[1].to_owned()).collect();
    if is_command(whole) && !whole.contains('`') {
        found.push(whole.to_owned());
    }
    found.retain(|text| is_command(text) || !is_no_command(text));
    found
}

/// The pages of all errors.
fn pages() -> Vec<Value> {
    let shown = Sandbox::new("").run(&["explain", "--format", "json"]).code(0);
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    document["errors"].as_array().unwrap().clone()
}

/// The texts of a page that name what helps, and with `look` those that show more.
fn texts(page: &Value, with_look: bool) -> Vec<String> {
    let list = |key: &str| page[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    let fixes: Vec<String> = list("fix");
    let look: Vec<String> = if with_look { list("look") } else { Vec::new() };
    fixes.into_iter().chain(look).chain([page["next"].as_str().unwrap().to_owned()]).collect()
}

/// A command as it is on a page, with the words in capitals as these sandboxes have them.
fn filled(command: &str) -> String {
    let words = [
        ("STEP", "s.a"),
        ("STAGE", "s"),
        ("FOLDER", "web"),
        ("FILE", "web/pipeline.toml"),
        ("CONTEXT", "prod"),
        ("export NAME=…", "export TOKEN=a-value-of-22-letters"),
    ];
    words.iter().fold(command.to_owned(), |text, (word, value)| text.replace(word, value))
}

/// Whether `tests/live/explain.rs` executes a command: it is in the lists, and of a program that is executed there.
fn is_live(command: &str) -> bool {
    let typed = command.replace("KUBECTL ", "kubectl ").replace("HELM ", "helm ");
    let first = typed.split(' ').next().unwrap();
    let is_client =
        first.starts_with('{') && ["kubectl", "typed_in", "helm", "compose"].iter().any(|name| first.contains(name));
    let is_listed = || {
        let hints = HINTS.lines().filter_map(|line| line.split_once(": ")).map(|(_, command)| command);
        OF_PAGES.lines().chain(hints).any(|listed| form(listed).is_match(&typed))
    };
    (LIVE.contains(&first) || is_client) && is_listed()
}

/// What matches a command wherever it is typed: each of its places is a word.
fn form(command: &str) -> Regex {
    let places = Regex::new(r"\\\{[^{}]*\\\}").unwrap();
    let escaped = regex::escape(command);
    let words = places.replace_all(&escaped, r"[^-\s]\S*");
    Regex::new(&format!(r"(^|[ ({{']){words}($|[ ;|)'])")).unwrap()
}

/// A command whose places have no names.
fn nameless(command: &str) -> String {
    Regex::new(r"\{[^{}$]*\}").unwrap().replace_all(command, "{}").into_owned()
}

/// Runs lines of a shell in one shell, each with its exit code behind `# exit code`.
fn in_a_shell(sandbox: &Sandbox, lines: &[&str]) -> Shown {
    let mut script = String::new();
    for line in lines {
        let (line, code) = line.split_once(" # exit code ").unwrap_or((line, "0"));
        let checked = format!("code=$?; [ $code = {code} ] || {{ echo \"exit code $code\"; exit 97; }}");
        script.extend([line, "\n", &checked, "\n"]);
    }
    let provision = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_provision"));
    sandbox.tool("provision", &provision);
    Shown::of(sandbox.program("/bin/sh", &["-c", &script]).spawn().unwrap())
}

/// What is wrong with a situation: it does not arise, a command is none of the error's, or it does not help.
fn try_situation(situation: &Situation, page: &Value) -> Result<(), String> {
    let (sandbox, _beside) = (situation.place)();
    let code = page["exit_code"].as_i64().unwrap();
    let raised = in_a_shell(&sandbox, &[&format!("{} # exit code {code}", situation.raise)]);
    let shown = format!("{}\n{}", raised.stdout, raised.stderr);
    if raised.code != 0 || !shown.contains(situation.says) {
        return Err(format!("`{}` does not end with {code} and `{}`:\n{shown}", situation.raise, situation.says));
    }
    let named: Vec<String> =
        texts(page, true).iter().flat_map(|text| commands(text)).map(|text| filled(&text)).collect();
    let by_the_error: Vec<&&str> = situation.mend.iter().filter(|line| !line.starts_with(": ")).collect();
    for line in &by_the_error {
        let line = line.split(" # exit code").next().unwrap();
        if !named.iter().any(|command| line.contains(command.as_str())) && !shown.contains(line) {
            return Err(format!("neither the page nor the failure names `{line}`:\n{named:?}\n{shown}"));
        }
    }
    let lines: Vec<&str> = situation.mend.iter().map(|line| line.strip_prefix(": ").unwrap_or(line)).collect();
    let after = in_a_shell(&sandbox, &[&lines[..], &["echo all-commands-have-run >&2", situation.again]].concat());
    if after.code != 0 {
        return Err(format!("the commands do not end it:\n{}\n{}", after.stdout, after.stderr));
    }
    let (_, last) = after.stderr.rsplit_once("all-commands-have-run").unwrap();
    if last.contains(situation.says) {
        return Err(format!("it is still there:\n{last}"));
    }
    Ok(())
}

#[test]
fn every_error_that_a_sandbox_can_have_is_gone_after_the_commands_that_it_names() {
    let pages = pages();
    let only = std::env::var("PROVISION_ONLY_ERROR").unwrap_or_default();
    let mut wrong = Vec::new();
    for situation in SITUATIONS.iter().filter(|situation| only.is_empty() || situation.id == only) {
        let page = pages.iter().find(|page| page["id"] == situation.id).unwrap();
        if let Err(why) = try_situation(situation, page) {
            wrong.push(format!("{}: {why}", situation.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n---\n"));
}

#[test]
fn every_error_has_a_situation_or_a_reason_and_every_command_is_tried() {
    let tried = || TRIED.iter().chain(AT_SERVICES);
    let lines = SITUATIONS.iter().flat_map(|situation| situation.mend).filter(|line| !line.starts_with(": "));
    let typed: Vec<&str> = lines.copied().chain(tried().map(|tried| tried.line)).collect();
    let is_executed = |command: &str| {
        let filled = filled(command);
        let form = form(&filled);
        tried().any(|tried| tried.command == nameless(command))
            || typed.iter().any(|line| form.is_match(line))
            || is_live(command)
    };
    let mut wrong = Vec::new();
    for page in pages() {
        let id = page["id"].as_str().unwrap();
        let is_made = SITUATIONS.iter().any(|situation| situation.id == id);
        let has_reason = NOT_MADE_HERE.iter().any(|(ids, _)| ids.contains(&id));
        if is_made == has_reason {
            wrong.push(format!("`{id}` needs a situation, or else a reason why it has none"));
        }
        for command in texts(&page, false).iter().flat_map(|text| commands(text)) {
            if !is_executed(&command) {
                wrong.push(format!("`{id}`: `{command}` is executed nowhere"));
            }
        }
    }
    for (place, command) in HINTS.lines().filter_map(|line| line.split_once(": ")) {
        if !is_executed(command) {
            wrong.push(format!("{place}: `{command}` is executed nowhere"));
        }
    }
    let is_named = |command: &str| {
        let named = pages().iter().flat_map(|page| texts(page, false)).any(|text| text.contains(command));
        named || HINTS.lines().any(|line| nameless(line).ends_with(&format!(": {command}")))
    };
    let stale = tried().filter(|tried| !is_named(tried.command));
    wrong.extend(stale.map(|tried| format!("`{}` is named nowhere", tried.command)));
    let known: BTreeSet<String> = pages().iter().map(|page| page["id"].as_str().unwrap().to_owned()).collect();
    let reasons = NOT_MADE_HERE.iter().flat_map(|(ids, _)| ids.iter()).chain(SITUATIONS.iter().map(|s| &s.id));
    wrong.extend(reasons.filter(|id| !known.contains(**id)).map(|id| format!("there is no error `{id}`")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What does not do what it says, in a place of its own.
fn failed(tried: &Tried, sandbox: &Sandbox) -> Option<String> {
    for program in SYSTEM {
        // Each argument between bars, so that a space in one is seen.
        sandbox.tool(program, "printf '%s' \"$(basename \"$0\")\"; printf '|%s' \"$@\"; echo '|'");
    }
    let code = tried.ends.0;
    let shown = in_a_shell(sandbox, &["PATH=$HOME/bin:$PATH", &format!("{} # exit code {code}", tried.line)]);
    let is_good = shown.code == 0 && format!("{}\n{}", shown.stdout, shown.stderr).contains(tried.ends.1);
    (!is_good).then(|| format!("`{}`, as `{}`: {shown:#?}", tried.command, tried.line))
}

#[test]
fn every_other_command_of_an_error_does_what_it_says() {
    let here = TRIED.iter().filter_map(|tried| failed(tried, &tried::project()));
    let at_services = AT_SERVICES.iter().filter_map(|tried| failed(tried, &tried::services()));
    let wrong: Vec<String> = here.chain(at_services).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n---\n"));
}

#[test]
fn commands_are_told_from_settings() {
    assert_eq!(commands("sudo usermod -aG docker \"$USER\"   # then log in again, or run `newgrp docker`").len(), 2);
    assert_eq!(commands("correct `name = \"x\"`, then `provision up`"), ["provision up"]);
    assert_eq!(commands("run `make all`"), ["make all"], "a program that is not known is one that has to be tried");
    assert!(commands("give it `-C FOLDER`, `imagePullPolicy: Never` or `|| true`").is_empty());
    assert!(form("rm -r {path}").is_match("touch a; rm -r left; ls") && !form("rm {}").is_match("rm -r left"));
    assert!(!form("provision up").is_match("provision update") && form("{a(b)} -f {c}").is_match("x up -f y"));
}
