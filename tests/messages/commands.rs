//! The commands in the sources: every text that a user may type, wherever it stands, in a hint, in what is done by
//! hand, or in a line that another text puts into backquotes. `tests/snapshots/hints.txt` has them all;
//! `tests/it/fixes` and `tests/live/explain.rs` execute them.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Token, arguments, tokens};

/// Programs whose names are the first word of a command.
const PROGRAMS: &[&str] = &[
    "provision",
    "kubectl",
    "helm",
    "docker",
    "minikube",
    "ssh",
    "ss",
    "lsof",
    "kill",
    "sudo",
    "newgrp",
    "open",
    "git",
    "rm",
    "tar",
    "export",
    "unset",
];

/// Words that no command has as its second one: a string that begins with a program's name, and says something of it.
const VERBS: &[&str] =
    &["can't", "deletes", "did", "does", "is", "it", "knows", "rolls", "succeeded,", "upgrades", "works"];

/// Texts that nobody is to type, each with what it is. One that the sources do not have fails the test.
const NAMES: &[(&str, &str)] = &[
    ("crictl images", "what runs in a node"),
    ("docker compose", "the name of a program"),
    ("docker compose {args.join(_)}", "the title of a call"),
    ("docker context use", "what has chosen a context"),
    ("docker images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}'", "what runs in a node"),
    ("docker {name}", "the name of a finding"),
    ("expr \"$value\" + 1", "an example of a script"),
    ("flux bootstrap", "what installs Flux, which is no work of provision"),
    ("helm --kube-context NAME", "the beginning of commands"),
    ("helm --kubeconfig .provision/kubeconfig", "the beginning of commands"),
    ("helm lint --strict", "what a chart does not pass"),
    ("helm rollback {self.release} {plan.to}", "the progress of a step"),
    ("helm upgrade --install {self.release}", "the progress of a step"),
    ("kubectl --context NAME", "the beginning of commands"),
    ("kubectl --context {shell_quoted(&self.context)}", "the beginning of commands"),
    ("kubectl --kubeconfig .provision/kubeconfig", "the beginning of commands"),
    (
        "kubectl --kubeconfig {shell_quoted(&file.to_string_lossy())} --context {shell_quoted(&self.context)}",
        "the beginning of commands",
    ),
    ("kubectl kustomize", "what a folder does not pass"),
    ("kubectl rollout undo", "what an action is like"),
    ("provision explain {error.id}, {error.page()}", "a command and where its page is"),
    ("provision 2026-11-27 seal of the kubeconfig of a cluster that provision starts", "what a key is for"),
    ("report diff", "the name of a command"),
    ("set -x", "what a rule finds"),
    ("sh -c 'echo \"$1\"' sh ${{ … }}", "the form of a script in a pipeline"),
    ("{self.kubectl()} -n {namespace}", "the beginning of commands"),
    ("{self.kubectl()} -n {workload.namespace}", "the beginning of commands"),
];

/// The texts of `argument` and after it that fill the places of a template: by position, and by name.
struct Places {
    positions: Vec<String>,
    names: BTreeMap<String, String>,
}

/// Tokens as one string.
fn code(tokens: &[Token]) -> String {
    let texts = tokens.iter().map(|token| match token {
        Token::Code(code) => code.as_str(),
        Token::Text(_) => "_",
    });
    texts.collect::<String>().trim_start_matches('&').replace(['{', '}'], "")
}

impl Places {
    /// Those of the template at `at`, which is an argument of a macro such as `format!`; `None` if it is no template.
    fn of(tokens: &[Token], at: usize) -> Option<Self> {
        // The call that has it as an argument of its own.
        let mut depth = 0;
        let open = (0..at).rev().find(|before| {
            let Token::Code(code) = &tokens[*before] else { return false };
            match code.as_str() {
                ")" | "]" | "}" => depth += 1,
                "(" | "[" | "{" => depth -= 1,
                _ => {}
            }
            depth < 0
        })?;
        if !tokens[open].is("(") || !tokens[open.checked_sub(1)?].is("!") {
            return None;
        }
        let arguments = arguments(tokens, open);
        let own = arguments.iter().position(|argument| *argument == [tokens[at].clone()])?;
        let mut places = Self { positions: Vec::new(), names: BTreeMap::new() };
        for argument in &arguments[own + 1..] {
            match argument {
                [Token::Code(name), equals, value @ ..] if equals.is("=") => {
                    places.names.insert(name.clone(), code(value));
                }
                value => places.positions.push(code(value)),
            }
        }
        Some(places)
    }

    /// The template with what each place gets: `{}` becomes `{kube.kubectl()}`.
    fn fill(&self, template: &str) -> String {
        let mut positions = self.positions.iter();
        let mut filled = String::new();
        let mut rest = template.replace("{{", "\u{1}").replace("}}", "\u{2}");
        while let Some((before, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}').unwrap();
            let name = place.split(':').next().unwrap();
            let value = match name {
                "" => positions.next().cloned().unwrap_or_default(),
                name => self.names.get(name).cloned().unwrap_or_else(|| name.to_owned()),
            };
            filled.extend([before, "{", &value, "}"]);
            rest = after.to_owned();
        }
        (filled + &rest).replace('\u{1}', "{").replace('\u{2}', "}")
    }
}

/// Whether a string has the form of a command: words, of which the first one names a program, or is a place that does.
fn is_command(text: &str) -> bool {
    let Some((first, second)) = text.split_once(' ') else { return false };
    let is_place = first.starts_with('{') && first.ends_with('}');
    let is_name = first.starts_with(|c: char| c.is_ascii_lowercase())
        && first.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c));
    let is_sentence = second.split(' ').next().is_some_and(|word| VERBS.contains(&word));
    let parts = [" = ", ": ", " | ", " == ", "\\n"];
    (is_place || is_name) && !second.is_empty() && !is_sentence && !parts.iter().any(|part| text.contains(part))
}

/// The commands of a string: those in backquotes, and the string itself if it is one.
fn commands(text: &str) -> Vec<String> {
    let whole = text.split("   #").next().unwrap();
    let first = whole.split(' ').next().unwrap();
    let is_client =
        first.starts_with('{') && ["kubectl", "typed_in", "helm", "compose"].iter().any(|name| first.contains(name));
    let mut found: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    if (PROGRAMS.contains(&first) || is_client) && !whole.contains('`') {
        found.push(whole);
    }
    found.into_iter().filter(|text| is_command(text)).map(str::to_owned).collect()
}

/// The commands of a source.
fn of_source(text: &str) -> BTreeSet<String> {
    let tokens = tokens(text);
    let mut found = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let Token::Text(text) = token else { continue };
        let text = Places::of(&tokens, at).map_or_else(|| text.clone(), |places| places.fill(text));
        found.extend(commands(&text));
    }
    found
}

/// The places where a command by hand is none of the catalogue: neither a template, nor what a function or a variable
/// of the same file makes of one, nor what the caller gave.
fn without_command(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let has_command = |tokens: &[Token]| {
        tokens.iter().enumerate().any(|(at, token)| match token {
            Token::Text(text) => {
                let text = Places::of(tokens, at).map_or_else(|| text.clone(), |places| places.fill(text));
                !commands(&text).is_empty()
            }
            Token::Code(_) => false,
        })
    };
    let mut wrong = Vec::new();
    for at in 0..tokens.len().saturating_sub(2) {
        // A field of a struct that is made. Its declaration, and a parameter, have a type.
        let is_type = |token: &Token| ["String", "&"].iter().any(|word| token.is(word));
        let is_declared = is_type(&tokens[at + 2]) && !tokens[at + 3].is("removal") && !tokens[at + 3].is("kept");
        if !tokens[at].is("by_hand") || !tokens[at + 1].is(":") || is_declared {
            continue;
        }
        let mut depth = 0;
        let ends = |token: &Token| {
            let Token::Code(code) = token else { return false };
            match code.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            depth < 0 || depth == 0 && code == ","
        };
        let end = tokens[at + 2..].iter().position(ends).map_or(tokens.len(), |length| at + 2 + length);
        let value = &tokens[at + 2..end];
        let is_made_by = |word: &Token| {
            let makes = |n: usize| tokens[n].is("fn") || tokens[n].is("let");
            (1..tokens.len()).any(|n| {
                tokens[n] == *word && makes(n - 1) && has_command(&tokens[n..tokens.len().min(n + 60)])
                    || word.is("by_hand") && tokens[n] == *word && tokens[n + 1].is(":") && is_type(&tokens[n + 2])
            })
        };
        let is_passed_on =
            value.len() > 2 && value.ends_with(&[Token::Code(".".into()), Token::Code("by_hand".into())]);
        if !has_command(value) && !value.iter().any(is_made_by) && !is_passed_on {
            wrong.push(code(value));
        }
    }
    wrong
}

#[test]
fn the_commands_are_those_of_the_list() {
    let mut lines = BTreeSet::new();
    let mut names: BTreeSet<&str> = NAMES.iter().map(|(text, _)| *text).collect();
    // What pages name is in a list of its own.
    for (path, text) in super::sources().iter().filter(|(path, _)| !path.starts_with("src/error/ids/")) {
        for command in of_source(text) {
            match NAMES.iter().find(|(text, _)| *text == command) {
                Some((name, _)) => drop(names.remove(name)),
                None => drop(lines.insert(format!("{path}: {command}\n"))),
            }
        }
    }
    assert!(names.is_empty(), "the sources have no such text: {names:?}");
    let now = String::from_iter(lines);
    let path = super::root().join("tests/snapshots/hints.txt");
    if std::env::var_os("UPDATE_MESSAGES").is_some() {
        fs_err::write(&path, &now).unwrap();
    }
    let then = fs_err::read_to_string(&path).unwrap_or_default();
    assert_eq!(then, now, "`UPDATE_MESSAGES=1 cargo test --test messages` writes it");
}

#[test]
fn what_is_done_by_hand_is_a_command_of_the_list() {
    let sources = super::sources();
    let n_by_hand = sources.values().map(|text| text.matches("by_hand:").count()).sum::<usize>();
    assert!(n_by_hand > 15, "{n_by_hand}");
    for (path, text) in &sources {
        assert_eq!(without_command(text), [""; 0], "{path}");
    }
    let wrong = "fn f(name: &str) { let line = name.to_uppercase(); Deletion { by_hand: line.clone(), empty } }";
    assert_eq!(without_command(wrong), ["line.clone()"]);
    let right = "fn f(name: &str) { let line = format!(\"docker rmi {name}\"); Deletion { by_hand: line, empty } }";
    assert_eq!(without_command(right), [""; 0]);
}

#[test]
fn commands_are_told_from_settings_and_have_their_places_named() {
    let found = |text: &str| commands(text);
    assert_eq!(found("sudo usermod -aG docker \"$USER\"   # or run `newgrp docker`").len(), 2);
    assert_eq!(found("correct `name = \"x\"`, then `provision up`"), ["provision up"]);
    assert_eq!(found("run `make all`"), ["make all"], "a program that is not known is one that has to be tried");
    assert!(found("give it `-C FOLDER`, `imagePullPolicy: Never`, `|| true` or `{} == 1`").is_empty());
    let source = r#"fn f() { x.hint(format!("see it: `{} -n {namespace} get {}s`", self.kubectl(), kind)) }"#;
    assert_eq!(Vec::from_iter(of_source(source)), ["{self.kubectl()} -n {namespace} get {kind}s"]);
    let source = r#"D { by_hand: format!("{} delete {}", kube.kubectl_in(&a.namespace), gone.join(" ")) }"#;
    assert_eq!(Vec::from_iter(of_source(source)), ["{kube.kubectl_in(&a.namespace)} delete {gone.join(_)}"]);
}
