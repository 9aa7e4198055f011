//! Every command that an error names is executed: in the situation in which the error arises, after which it is gone,
//! or, where that needs a system of its own, with the exact arguments or the effect on record.
//!
//! [`SITUATIONS`] makes errors and mends them by the commands that their pages and failures name; [`TRIED`] has the
//! other commands, and [`NOT_MADE_HERE`] the errors that no sandbox can have, each with the reason. An error or a
//! command that is in none of them fails the test.

mod places;
mod situations;
mod tried;

use std::any::Any;
use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use crate::sandbox::{Sandbox, Shown};
use situations::SITUATIONS;
use tried::{NOT_MADE_HERE, TRIED};

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
    /// What shows that it did what it says: exit code, and text on either stream. Other programs are replaced by one
    /// that prints its name and its arguments between bars.
    ends: (i32, &'static str),
}

/// Programs of others that errors name. Those that change the system are replaced in every sandbox here.
const OTHERS: &[&str] = &["docker", "helm", "kubectl", "minikube", "sudo", "newgrp", "ssh", "kill", "lsof"];

/// The beginnings of what is a command.
fn is_command(text: &str) -> bool {
    let programs = ["provision", "KUBECTL", "HELM", "rm", "export", "unset", "nohup", "chmod", "git", "df", "ls"];
    let first = text.split(' ').next().unwrap();
    text.contains(' ') && (programs.contains(&first) || OTHERS.contains(&first))
}

/// Whether what stands in backquotes is a setting, an option or a value.
fn is_no_command(text: &str) -> bool {
    let starts = ["-", "[", ".", "|", "$", "{"];
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
    let mut executed: BTreeSet<String> = TRIED.iter().map(|tried| filled(tried.command)).collect();
    let lines = SITUATIONS.iter().flat_map(|situation| situation.mend).filter(|line| !line.starts_with(": "));
    let typed: Vec<&str> = lines.copied().collect();
    let mut wrong = Vec::new();
    for page in pages() {
        let id = page["id"].as_str().unwrap();
        let is_made = SITUATIONS.iter().any(|situation| situation.id == id);
        let has_reason = NOT_MADE_HERE.iter().any(|(ids, _)| ids.contains(&id));
        if is_made == has_reason {
            wrong.push(format!("`{id}` needs a situation, or else a reason why it has none"));
        }
        for command in texts(&page, false).iter().flat_map(|text| commands(text)) {
            let command = filled(&command);
            if typed.iter().any(|line| line.contains(&command)) {
                executed.insert(command.clone());
            }
            if !executed.contains(&command) {
                wrong.push(format!("`{id}`: `{command}` is executed nowhere"));
            }
        }
    }
    // Hints of failures are among the messages: their commands count as they are written there.
    let messages =
        fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/messages.txt")).unwrap();
    for (place, message) in messages.lines().filter_map(|line| line.split_once(": ")) {
        for command in commands(message).into_iter().filter(|command| is_command(command)) {
            // A message may begin with the name of a program, and say something of it.
            let verbs = ["did", "knows", "can't", "succeeded,", "upgrades", "works"];
            let is_sentence = command.split(' ').nth(1).is_some_and(|word| verbs.contains(&word));
            let command = filled(&command);
            if !is_sentence && !executed.contains(&command) && !typed.iter().any(|line| line.contains(&command)) {
                wrong.push(format!("{place}: `{command}` is executed nowhere"));
            }
        }
    }
    let known: BTreeSet<String> = pages().iter().map(|page| page["id"].as_str().unwrap().to_owned()).collect();
    let reasons = NOT_MADE_HERE.iter().flat_map(|(ids, _)| ids.iter()).chain(SITUATIONS.iter().map(|s| &s.id));
    wrong.extend(reasons.filter(|id| !known.contains(**id)).map(|id| format!("there is no error `{id}`")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_other_command_of_an_error_does_what_it_says() {
    let mut wrong = Vec::new();
    for tried in TRIED {
        let sandbox = tried::project();
        for program in OTHERS {
            // Each argument between bars, so that a space in one is seen.
            sandbox.tool(program, "printf '%s' \"$(basename \"$0\")\"; printf '|%s' \"$@\"; echo '|'");
        }
        let code = tried.ends.0;
        let shown = in_a_shell(&sandbox, &["PATH=$HOME/bin:$PATH", &format!("{} # exit code {code}", tried.line)]);
        if shown.code != 0 || !format!("{}\n{}", shown.stdout, shown.stderr).contains(tried.ends.1) {
            wrong.push(format!("`{}`, as `{}`: {shown:#?}", tried.command, tried.line));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n---\n"));
}

#[test]
fn commands_are_told_from_settings() {
    assert_eq!(commands("sudo usermod -aG docker \"$USER\"   # then log in again, or run `newgrp docker`").len(), 2);
    assert_eq!(commands("correct `name = \"x\"`, then `provision up`"), ["provision up"]);
    assert_eq!(commands("run `make all`"), ["make all"], "a program that is not known is one that has to be tried");
    assert!(commands("give it `-C FOLDER`, `imagePullPolicy: Never` or `|| true`").is_empty());
}
