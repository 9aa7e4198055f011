//! What docs/agents.md and SKILL.md say to an agent is so: which commands are safe, which need the consent of a person,
//! and when a checklist passes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::Command;
use fs_err as fs;
use provision::model::Verdict;
use regex::Regex;

use crate::streams::commands;

const PAGE: &str = "docs/agents.md";
const SKILL: &str = "docs/agents/SKILL.md";

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The text below a heading, up to the next one.
fn section(page: &str, heading: &str) -> String {
    let after = page.split_once(&format!("\n## {heading}\n")).unwrap().1;
    after.split("\n## ").next().unwrap().to_owned()
}

/// What a page quotes.
fn quoted(text: &str) -> Vec<String> {
    let span = Regex::new("`([^`]+)`").unwrap();
    span.captures_iter(text).map(|found| found[1].trim_start_matches("provision ").to_owned()).collect()
}

/// A call that a page names: the command by its words, and its options. `None` for what is no call.
fn call(text: &str, all: &[(String, Command)]) -> Option<(String, BTreeSet<String>)> {
    let fits = |words: &str| text == words || text.starts_with(&format!("{words} "));
    let (words, command) = all.iter().filter(|(words, _)| fits(words)).max_by_key(|(words, _)| words.len())?;
    let options: BTreeSet<String> =
        text.split(' ').filter_map(|word| word.strip_prefix("--")).map(str::to_owned).collect();
    for option in &options {
        let has = command.get_arguments().any(|arg| arg.get_long() == Some(option));
        assert!(has, "`{text}`: `{words}` has no `--{option}`");
    }
    Some((words.clone(), options))
}

/// The calls that a page names, each with the number of times.
fn calls(text: &str, all: &[(String, Command)]) -> BTreeMap<(String, BTreeSet<String>), usize> {
    let mut found = BTreeMap::new();
    for named in quoted(text).iter().filter_map(|text| call(text, all)) {
        *found.entry(named).or_default() += 1;
    }
    found
}

/// The lists of a page.
fn lists(text: &str) -> String {
    text.lines().filter(|line| line.starts_with("- ") || line.starts_with("  ")).collect::<Vec<_>>().join("\n")
}

/// The first cells of a page's table, or the second ones.
fn cells(text: &str, column: usize) -> String {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.filter_map(|row| row.split(" | ").nth(column)).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_command_stands_in_one_row_of_what_is_safe() {
    let all = commands();
    let (agents, skill) = (page(PAGE), page(SKILL));
    let safe = cells(&section(&agents, "What is safe"), 1);
    let short = lists(&(section(&skill, "Safe without asking") + &section(&skill, "Ask the person first")));
    for (name, text) in [(PAGE, safe), (SKILL, short)] {
        let plain = calls(&text, &all).into_iter().filter(|((_, options), _)| options.is_empty());
        let found: BTreeMap<String, usize> = plain.map(|((words, _), n)| (words, n)).collect();
        let expected: BTreeMap<String, usize> = all.iter().map(|(words, _)| (words.clone(), 1)).collect();
        assert_eq!(found, expected, "{name}");
    }
    // What SKILL.md allows is what changes nothing by the page.
    let harmless = |text: &str| {
        let line = text.lines().find(|line| line.contains("hange nothing")).unwrap().to_owned();
        let rest = text.split_once(&line).unwrap().1;
        let text = line + rest.split_once("`open`").unwrap().0;
        calls(&text, &all).into_keys().collect::<BTreeSet<_>>()
    };
    assert_eq!(harmless(&section(&agents, "What is safe")), harmless(&section(&skill, "Safe without asking")));
}

#[test]
fn an_option_that_needs_consent_is_named_with_each_command_that_has_it() {
    let all = commands();
    for (name, text) in [
        (PAGE, cells(&section(&page(PAGE), "What needs the consent of a person"), 0)),
        (SKILL, lists(&section(&page(SKILL), "Ask the person first"))),
    ] {
        let named: BTreeSet<(String, String)> = calls(&text, &all)
            .into_keys()
            .flat_map(|(words, options)| options.into_iter().map(move |option| (words.clone(), option)))
            .filter(|(_, option)| option != "show" && option != "dry-run")
            .collect();
        let options: BTreeSet<&String> = named.iter().map(|(_, option)| option).collect();
        assert!(
            ["trust", "yes", "install"].iter().all(|one| options.contains(&(*one).to_owned())),
            "{name}: {named:?}"
        );
        let have: BTreeSet<(String, String)> = all
            .iter()
            .flat_map(|(words, command)| command.get_arguments().map(move |arg| (words.clone(), arg)))
            .filter_map(|(words, arg)| Some((words, arg.get_long()?.to_owned())))
            .filter(|(_, option)| options.contains(option))
            .collect();
        assert_eq!(named, have, "{name}");
        assert!(calls(&text, &all).contains_key(&("trust".to_owned(), BTreeSet::new())), "{name}");
    }
    // What is said of `stage` and `watch`: the options that agree to something are those of `up`.
    let agreed = |words: &str| {
        let command = &all.iter().find(|(found, _)| found == words).unwrap().1;
        let longs = command.get_arguments().filter_map(clap::Arg::get_long);
        longs.filter(|one| ["trust", "yes", "install", "allow-context"].contains(one)).collect::<BTreeSet<_>>()
    };
    let mut of_up = agreed("up");
    assert_eq!(agreed("stage"), of_up);
    assert!(of_up.remove("install"));
    assert_eq!(agreed("watch"), of_up);
}

#[test]
fn the_verdicts_that_pass_are_those_of_the_program() {
    let passing: BTreeSet<&str> = Verdict::ALL.into_iter().filter(|one| one.passes()).map(Verdict::word).collect();
    let sentence =
        Regex::new(r"(?s)provision report --format json --check`.*?Exit code 1:(.*?)\n(?:\n|##|Do )").unwrap();
    for name in [PAGE, SKILL] {
        let text = page(name);
        let said = sentence.captures(&text).unwrap_or_else(|| panic!("{name}"))[1].to_owned();
        let words: BTreeSet<String> = quoted(&said).into_iter().collect();
        let named: BTreeSet<&str> =
            Verdict::ALL.map(Verdict::word).into_iter().filter(|word| words.contains(*word)).collect();
        assert_eq!(named, passing, "{name}");
        assert!(words.contains("near_items"), "{name}: {said}");
    }
}
