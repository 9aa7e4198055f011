//! All messages side by side: `tests/snapshots/messages.txt` has every template of a message in the sources, so that a
//! change shows in review, and one thing has one name. `UPDATE_MESSAGES=1 cargo test --test messages` writes the file.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test fails as the test does")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fs_err as fs;

#[path = "messages/commands.rs"]
mod commands;
#[path = "messages/tokens.rs"]
mod tokens;

use tokens::{Token, arguments, string, tokens};

/// The calls that take a message: how the call begins, and the index of the message among its arguments.
const CALLS: &[(&[&str], usize)] = &[
    (&["Failure", "::", "failed"], 0),
    (&["Failure", "::", "prerequisite"], 0),
    (&["Failure", "::", "interrupted"], 0),
    (&["Failure", "::", "bug"], 0),
    (&["Failure", "::", "new"], 1),
    (&["Failure", "::", "of"], 1),
    (&[".", "while_doing"], 0),
    (&[".", "context"], 0),
    (&[".", "cause"], 0),
    (&[".", "detail"], 0),
    (&[".", "hint"], 0),
    (&["Diagnostic", "::", "error"], 0),
    (&["Diagnostic", "::", "warning"], 0),
    (&["report", ".", "error"], 2),
    (&["UnresolvedName", "::", "new"], 0),
    (&["UnresolvedName", "::", "new"], 1),
    (&["Target", "::", "Unset"], 0),
    (&["invalid"], 0),
    (&["Err"], 0),
    (&[".", "ok_or"], 0),
    (&[".", "ok_or_else"], 0),
    (&[".", "help"], 0),
    (&[".", "note"], 0),
    (&["Presence", "::", "Missing"], 0),
];

/// Calls that also take other things than messages: only strings and `format!` are.
const OFTEN_NO_MESSAGE: &[&str] = &["invalid", "Err", "ok_or", "ok_or_else", "Unset"];

/// Files in which every string is a message.
const ALL_STRINGS: &[&str] = &["src/fingerprint/stale.rs"];

/// Files that define the calls.
const DEFINITIONS: &[&str] = &["src/error.rs", "src/config/syntax/diagnostic.rs"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The sources without those of tests, by path.
fn sources() -> BTreeMap<String, String> {
    walkdir::WalkDir::new(root().join("src"))
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
        .map(|entry| entry.path().strip_prefix(root()).unwrap().display().to_string())
        .filter(|path| !path.contains("/tests") && !path.contains("/testing/") && !path.contains("/fake"))
        .filter(|path| !DEFINITIONS.contains(&path.as_str()))
        .map(|path| {
            let text = fs::read_to_string(root().join(Path::new(&path))).unwrap();
            let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
            (path, text[..end].to_owned())
        })
        .collect()
}

/// The templates in an argument: a string, that of `format!`, or those in the branches of `if`, `match` and closures.
/// An argument without any is shown as code.
fn templates(argument: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in argument.iter().enumerate() {
        let Token::Text(text) = token else { continue };
        let before = |n: usize, code: &str| at.checked_sub(n).is_some_and(|at| argument[at].is(code));
        let is_format = before(1, "(") && before(2, "!") && before(3, "format");
        let is_some = before(1, "(") && before(2, "Some");
        if at == 0 || is_format || is_some || ["{", "=>", "|", "||", "&"].iter().any(|code| before(1, code)) {
            found.push(text.clone());
        }
    }
    if found.is_empty() {
        let code: Vec<&str> = argument
            .iter()
            .map(|token| match token {
                Token::Code(code) => code.as_str(),
                Token::Text(_) => "\"…\"",
            })
            .collect();
        found.push(format!("<{}>", code.concat()));
    }
    found
}

/// Whether an argument is a string, `format!`, or a closure that returns one of them.
fn starts_with_message(argument: &[Token]) -> bool {
    let value = if argument[0].is("||") { &argument[1..] } else { argument };
    value.first().is_some_and(|first| matches!(first, Token::Text(_)) || first.is("format"))
}

/// The templates of `let message = …` and `let help = …`.
fn variables(tokens: &[Token]) -> Vec<String> {
    let mut messages = Vec::new();
    for at in 0..tokens.len().saturating_sub(3) {
        let is_let = tokens[at].is("let") && tokens[at + 2].is("=");
        if is_let && ["message", "help", "what", "hint"].iter().any(|name| tokens[at + 1].is(name)) {
            let end = (at + 3..tokens.len()).find(|end| tokens[*end].is(";")).unwrap_or(tokens.len());
            messages.extend(templates(&tokens[at + 3..end]).into_iter().filter(|message| !message.starts_with('<')));
        }
    }
    messages
}

/// How many calls of each kind `tokens` have, and the templates of their messages.
fn calls(tokens: &[Token]) -> (usize, Vec<String>) {
    let mut n_calls = 0;
    let mut messages = Vec::new();
    for open in 0..tokens.len() {
        if !tokens[open].is("(") {
            continue;
        }
        for (name, place) in CALLS {
            let begins = open.checked_sub(name.len());
            if begins.is_some_and(|begin| tokens[begin..open].iter().zip(*name).all(|(token, code)| token.is(code))) {
                n_calls += 1;
                let is_optional = name.last().is_some_and(|name| OFTEN_NO_MESSAGE.contains(name));
                let arguments = arguments(tokens, open);
                let argument = arguments.get(*place).filter(|argument| !is_optional || starts_with_message(argument));
                if let Some(argument) = argument {
                    messages.extend(templates(argument));
                }
            }
        }
    }
    (n_calls, messages)
}

/// The messages of `#[error("…")]`, and of fields called `message` and `help`.
fn declared(tokens: &[Token]) -> Vec<String> {
    let mut messages = Vec::new();
    for at in 0..tokens.len() {
        let attribute = ["#", "[", "error", "("];
        let is_attribute = tokens[at..].iter().zip(attribute).filter(|(token, code)| token.is(code)).count() == 4;
        if let (true, Some(Token::Text(text))) = (is_attribute, tokens.get(at + 4)) {
            messages.push(text.clone());
        }
        let is_field =
            (tokens[at].is("message") || tokens[at].is("help")) && tokens.get(at + 1).is_some_and(|t| t.is(":"));
        if is_field {
            let end = (at + 2..tokens.len()).find(|end| tokens[*end].is(",") || tokens[*end].is("}"));
            let value: Vec<Token> = tokens[at + 2..end.unwrap_or(tokens.len())].to_vec();
            let texts = value.iter().filter_map(|token| match token {
                Token::Text(text) => Some(text.clone()),
                Token::Code(_) => None,
            });
            messages.extend(texts);
        }
    }
    messages
}

fn catalogue() -> String {
    let mut lines = BTreeSet::new();
    for (path, text) in sources() {
        let tokens = tokens(&text);
        let mut messages = calls(&tokens).1;
        messages.extend(declared(&tokens));
        messages.extend(variables(&tokens));
        if ALL_STRINGS.contains(&path.as_str()) {
            messages.extend(tokens.iter().filter_map(|token| match token {
                Token::Text(text) => Some(text.clone()),
                Token::Code(_) => None,
            }));
        }
        lines.extend(messages.into_iter().map(|message| format!("{path}: {message}\n")));
    }
    lines.into_iter().collect()
}

#[test]
fn all_messages_are_those_of_the_catalogue() {
    let path = root().join("tests/snapshots/messages.txt");
    let now = catalogue();
    if std::env::var_os("UPDATE_MESSAGES").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let then = fs::read_to_string(&path).unwrap_or_default();
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (then.lines().collect(), now.lines().collect());
    let changes: Vec<String> = (old.difference(&new).map(|line| format!("- {line}")))
        .chain(new.difference(&old).map(|line| format!("+ {line}")))
        .collect();
    assert!(
        changes.is_empty(),
        "the messages have changed; `UPDATE_MESSAGES=1 cargo test --test messages` accepts that:\n{}",
        changes.join("\n")
    );
}

#[test]
fn the_scanner_finds_every_call() {
    for (path, text) in sources() {
        let (n_calls, _) = calls(&tokens(&text));
        // Without comments and white space, a call is its name and a parenthesis, however it is wrapped.
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(str::chars)
            .filter(|c| !c.is_whitespace())
            .collect();
        let n_of = |name: &str| {
            let places = code.match_indices(name).map(|(at, _)| &code[..at]);
            places.filter(|before| !before.ends_with('_')).count()
        };
        let expected: usize = CALLS.iter().map(|(name, _)| n_of(&format!("{}(", name.concat()))).sum();
        assert_eq!(n_calls, expected, "{path}");
    }
}

/// What a script has to tell apart by more than its exit code: 3, 4 and 5 stand for many things each.
#[test]
fn failures_of_machine_state_and_target_have_an_id_of_their_own() {
    let mut without = Vec::new();
    for (path, text) in sources() {
        let code: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let kinds =
            ["prerequisite(", "new(FailureKind::Prerequisite", "new(FailureKind::State", "new(FailureKind::Target"];
        without.extend(kinds.iter().filter(|kind| code.contains(&format!("Failure::{kind}"))).map(|_| path.clone()));
    }
    assert!(without.is_empty(), "`Failure::of(ids::…, message)` gives the id and the kind: {without:?}");
}

#[test]
fn strings_have_their_value_and_their_length() {
    assert_eq!(string("r#\"a \"b\"\"#;"), Some(("a \"b\"".to_owned(), 10)));
    assert_eq!(string("\"a\\\"b\\\n   c\";"), Some(("a\"bc".to_owned(), 12)));
    assert_eq!(string("report"), None);
}

#[test]
fn messages_are_found_however_they_are_written() {
    let code = r#"
        // Failure::failed("no")
        fn f<'a>(c: char) -> &'a str { let quote = '"'; let other = '\''; quote }
        Failure::failed(format!(
            "can't read `{}`: \
             {error}", x.join(", ")
        )).cause(if a { "one" } else { "two" })
        Failure::new(FailureKind::Usage, "three").hint(match x { A => format!("four {x}"), B => "five".into() })
        x.context(|| "six".into()); Failure::bug(why); Presence::Missing(list.join(", "));
        Err("ten".into()); Err(failure); let message = format!("eleven"); x.ok_or_else(|| format!("twelve"));
        #[error("seven {0}")]
        ExprError { at, message: "eight".into(), help: Some(format!("nine \"{word}\"")) }
    "#;
    let tokens = tokens(code);
    let (n_calls, mut messages) = calls(&tokens);
    messages.extend(declared(&tokens));
    messages.extend(variables(&tokens));
    assert_eq!(n_calls, 10);
    let expected = [
        "can't read `{}`: {error}",
        "one",
        "two",
        "three",
        "four {x}",
        "five",
        "six",
        "<why>",
        "<list.join(\"…\")>",
        "ten",
        "twelve",
        "seven {0}",
        "eight",
        "nine \"{word}\"",
        "eleven",
    ];
    assert_eq!(messages, expected);
}
