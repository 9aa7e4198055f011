//! `provision explain`: what the id of an error means, and what helps.

use std::io::{self, Write};

use super::args::{Cli, ExplainArgs, ReadFormat};
use super::output::Terminal;
use super::project::Project;
use crate::error::{ErrorId, ErrorObject, Failure, FailureKind, ids};
use crate::model::StepId;
use crate::report::{write_error_list, write_error_page, write_errors_json, write_last_error};
use crate::suggest::suggest;

pub(super) fn explain(cli: &Cli, terminal: &Terminal, args: &ExplainArgs) -> Result<u8, Failure> {
    let Some(word) = &args.error else {
        terminal.print(|out| match args.format {
            ReadFormat::Text => write_error_list(out, terminal.out),
            ReadFormat::Json => write_errors_json(out, ids::all(), None),
        })?;
        return Ok(0);
    };
    if let Ok(step) = StepId::new(word) {
        return explain_step(cli, terminal, args, &step);
    }
    let id = ids::find(word).ok_or_else(|| unknown(word))?;
    terminal.print(|out| page(out, terminal, args, id, None))?;
    Ok(0)
}

/// Explains the failure that is the last end of a step.
fn explain_step(cli: &Cli, terminal: &Terminal, args: &ExplainArgs, step: &StepId) -> Result<u8, Failure> {
    let history = Project::load(cli, terminal)?.history()?;
    let last = history.step(step).and_then(|known| known.last.as_deref());
    let Some(error) = last.and_then(|end| end.error.as_deref()) else {
        return Err(Failure::new(FailureKind::Usage, format!("no failure of the step `{step}` is on record"))
            .hint("`provision status` shows how each step ended"));
    };
    // An id that another version of provision has written may have no page here.
    let id = ids::find(&error.id).unwrap_or(ids::STEP_FAILED);
    terminal.print(|out| page(out, terminal, args, id, Some((step, error))))?;
    Ok(0)
}

fn page(
    out: &mut dyn Write,
    terminal: &Terminal,
    args: &ExplainArgs,
    id: ErrorId,
    last: Option<(&StepId, &ErrorObject)>,
) -> io::Result<()> {
    if args.format == ReadFormat::Json {
        return write_errors_json(out, [id].into_iter(), last);
    }
    if let Some((step, error)) = last {
        write_last_error(out, terminal.out, step, error)?;
    }
    write_error_page(out, terminal.out, id, last.map(|(step, _)| step))
}

fn unknown(word: &str) -> Failure {
    let failure = Failure::of(ids::NAME_UNKNOWN, format!("there is no error `{word}`"));
    match suggest(word, ids::all().map(ErrorId::word).collect::<Vec<_>>()) {
        Some(near) => failure.hint(near),
        None => failure.hint("`provision explain` lists all of them"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory, Parser};
    use regex::Regex;

    use super::*;

    /// Every message of the sources, with its hints; tests/messages.rs keeps it up to date.
    const MESSAGES: &str = include_str!("../../tests/snapshots/messages.txt");

    /// What pages name besides our own commands: the programs, and those of their commands that pages name.
    /// tests/live/explain.rs asks the real programs whether they know these.
    const OTHERS: &str = include_str!("../../tests/snapshots/commands.txt");

    /// The commands in backquotes in `text`, and `text` itself if it is one.
    fn commands(text: &str) -> Vec<String> {
        let quoted = Regex::new("`([^`]+)`").unwrap();
        let mut found: Vec<String> = quoted.captures_iter(text).map(|found| found[1].to_owned()).collect();
        // A hint may be a command as a whole; a sentence may begin with our name too.
        let next = text.strip_prefix("provision ").and_then(|rest| rest.split(' ').next());
        if next.is_some_and(|word| word.starts_with('-') || Cli::command().find_subcommand(word).is_some()) {
            found.push(text.split("   #").next().unwrap_or(text).to_owned());
        }
        found.into_iter().filter(|command| command.contains(' ')).collect()
    }

    /// Fails unless our own command line accepts `command`. What messages fill in stands for a plain word.
    fn check_own(command: &str, place: &str) {
        let filled = Regex::new(r"\{[^}]*\}").unwrap().replace_all(command, "a.b");
        // A step of a stage where the words stand for themselves.
        let filled = filled.replace("STEP", "a.b").replace("SELECT…", "a.b");
        let words: Vec<String> =
            shell_words(&filled).into_iter().map(|word| if word == "N" { "8080".to_owned() } else { word }).collect();
        match Cli::try_parse_from(&words) {
            Ok(_) => {}
            Err(error) if !error.use_stderr() => {}
            Err(error) => panic!("{place}: `{command}` is no command of ours: {error}"),
        }
    }

    /// Splits a command line, without quoting beyond `'…'`.
    fn shell_words(line: &str) -> Vec<String> {
        line.split(' ').filter(|word| !word.is_empty()).map(|word| word.trim_matches('\'').to_owned()).collect()
    }

    #[test]
    fn every_own_command_that_a_page_or_a_message_names_is_one() {
        let mut n_checked = 0;
        for id in ids::all() {
            let page = id.page();
            let texts = page.causes.iter().chain(page.look).chain(page.fixes).chain([&page.about, &page.next]);
            for command in texts.flat_map(|text| commands(text)) {
                if command.starts_with("provision ") {
                    check_own(&command, page.id);
                    n_checked += 1;
                }
            }
        }
        for line in MESSAGES.lines() {
            let (place, message) = line.split_once(": ").unwrap();
            for command in commands(message).into_iter().filter(|command| command.starts_with("provision ")) {
                check_own(&command, place);
                n_checked += 1;
            }
        }
        assert!(n_checked > 150, "{n_checked}");
    }

    /// The pages from which a program or a coding agent takes its commands.
    const FOR_AGENTS: [(&str, &str); 2] = [
        ("docs/agents.md", include_str!("../../docs/agents.md")),
        ("docs/agents/SKILL.md", include_str!("../../docs/agents/SKILL.md")),
    ];

    /// Our commands that a page names, with `provision` before them: also those of its tables, which leave that out.
    fn own_commands(page: &str) -> Vec<String> {
        let (mut found, mut text, mut is_code) = (Vec::new(), String::new(), false);
        for line in page.lines() {
            if line.starts_with("```") {
                is_code = !is_code;
            } else if is_code {
                found.extend(line.split(" && ").map(|part| part.trim().trim_start_matches("$ ").to_owned()));
            } else {
                text += line;
                text.push(' ');
            }
        }
        let quoted = Regex::new("`([^`]+)`").unwrap();
        found.extend(quoted.captures_iter(&text).map(|found| found[1].to_owned()));
        let is_command = |word: &str| Cli::command().find_subcommand(word).is_some();
        let whole = |command: String| {
            let (first, rest) = command.split_once(' ')?;
            match first {
                "provision" => Some(command),
                _ if is_command(first) && !rest.is_empty() => Some(format!("provision {command}")),
                _ => None,
            }
        };
        found.into_iter().filter_map(whole).collect()
    }

    #[test]
    fn every_command_that_the_pages_for_agents_name_is_one() {
        for (name, page, n_least) in
            FOR_AGENTS.map(|(name, page)| (name, page, if name.ends_with("L.md") { 15 } else { 40 }))
        {
            let commands = own_commands(page);
            assert!(commands.len() >= n_least, "{name}: {commands:?}");
            for command in &commands {
                check_own(command, name);
            }
        }
        let page = "`provision\nplan` and `up --trust`, `report`\n```sh\nprovision no && provision ls\n```\n";
        let found = own_commands(page);
        assert_eq!(found, ["provision no", "provision ls", "provision plan", "provision up --trust"]);
        assert!(Cli::try_parse_from(found[0].split(' ')).is_err());
    }

    #[test]
    fn next_commands_agree_to_nothing_and_delete_nothing() {
        let consents = ["--yes", "--trust", "--allow-context", "--cluster", "--force", "down", "gc"];
        for id in ids::all() {
            let next = id.page().next;
            let only_shows = next.ends_with(" --dry-run");
            assert!(only_shows || next.split(' ').all(|word| !consents.contains(&word)), "{id:?}: {next}");
        }
        assert_eq!(ids::CRASH_LOOP.next(Some("deploy.pods")), "provision logs deploy.pods");
        assert_eq!(ids::CRASH_LOOP.next(None), "provision explain crash-loop");
    }

    #[test]
    fn the_commands_of_other_programs_are_those_of_the_list() {
        let programs = ["docker", "kubectl", "helm", "minikube"];
        let mut named = BTreeSet::new();
        for id in ids::all() {
            let page = id.page();
            for command in page.look.iter().chain(page.fixes).flat_map(|text| commands(text)) {
                let line = command.replace("KUBECTL ", "kubectl ").replace("HELM ", "helm ");
                if programs.iter().any(|program| line.starts_with(&format!("{program} "))) {
                    named.insert(line + "\n");
                }
            }
        }
        let text = String::from_iter(named);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/commands.txt");
        if std::env::var_os("UPDATE_PAGES").is_some() {
            fs_err::write(path, &text).unwrap();
        }
        assert!(
            OTHERS == text || fs_err::read_to_string(path).unwrap() == text,
            "UPDATE_PAGES=1 cargo test --lib explain"
        );
    }
}
