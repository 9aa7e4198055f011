//! [`unrolled`]: the lines of a script or a Makefile with the loops and the variables that stand in it as plain words.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::init::repository::has_extension;

static ASSIGNMENT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?:export\s+|local\s+|readonly\s+)?([A-Za-z_]\w*)\s*(\?=|::?=|=)\s*(.*?)\s*$").ok());

static LOOP: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?s)\bfor\s+(\w+)\s+in\s+([^;\n]+?)\s*[;\n]\s*do\b(.*?)\bdone\b").ok());

static VARIABLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\$?\$(?:\{(\w+)(?:\[[@*]\])?(?::?-([^}$]*))?\}|\((\w+)\)|(\w+))").ok());

/// A loop over more words than this is left as it is.
const MAX_WORDS: usize = 60;

/// The lines of the file `path`, each with those that it goes on in: of the shell, or of PowerShell, whose paths become
/// those that all others have.
pub(super) fn joined(path: &str, text: &str) -> String {
    if has_extension(path, &["ps1"]) { text.replace("`\n", " ").replace('\\', "/") } else { text.replace("\\\n", " ") }
}

/// Options after which the file or the folder stands that a program writes.
const OUTPUTS: [&str; 6] = ["-o", "--output", "--outDir", "--out-dir", "--outfile", ">"];

/// The files and folders that a line writes, as far as their names are plain.
pub(super) fn outputs(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches(['@', '-']);
    if line.starts_with('#') {
        return Vec::new();
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let of_word = |at: usize| match words[at].split_once('=').or_else(|| words[at].split_at_checked(1)) {
        Some((option, value)) if OUTPUTS.contains(&option) && !value.is_empty() => Some(value),
        _ if OUTPUTS.contains(&words[at]) => words.get(at + 1).copied(),
        _ => None,
    };
    let named = (0..words.len()).filter_map(of_word).map(|word| word.trim_matches(['"', '\'', ';']));
    let named = named.map(|word| word.trim_start_matches("./").trim_end_matches('/'));
    named
        .filter(|word| !word.is_empty() && is_plain(word) && !word.starts_with(['/', '.', '-']))
        .map(str::to_owned)
        .collect()
}

/// Returns the text with each loop over plain words as what it does for each of them, and with the values of variables
/// that are set once, to plain words.
pub(super) fn unrolled(text: &str) -> String {
    let values = assignments(text);
    let Some(pattern) = LOOP.as_ref() else { return text.to_owned() };
    let text = pattern.replace_all(text, |found: &Captures<'_>| {
        let list = filled(&found[2], &values);
        let words: Vec<&str> = list.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
        if words.len() > MAX_WORDS || !words.iter().all(|word| is_plain(word)) {
            return found[0].to_owned();
        }
        let each =
            words.iter().map(|word| filled(&found[3], &BTreeMap::from([(found[1].to_owned(), (*word).to_owned())])));
        format!("\n{}\n", each.collect::<Vec<_>>().join("\n"))
    });
    text.lines().map(|line| filled(line, &values)).collect::<Vec<_>>().join("\n")
}

/// The variables that have one value in the whole text, which is plain.
fn assignments(text: &str) -> BTreeMap<String, String> {
    let Some(pattern) = ASSIGNMENT.as_ref() else { return BTreeMap::new() };
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    for found in text.lines().filter_map(|line| pattern.captures(line.trim_start_matches(' '))) {
        let value = found[3].trim_matches(['"', '\'', '(', ')']);
        let plain: BTreeMap<String, String> =
            known.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
        let value = filled(value, &plain);
        let is_known = value.split_whitespace().all(is_plain) || is_image(&value);
        let value = Some(value).filter(|value| is_known && !value.is_empty());
        known
            .entry(found[1].to_owned())
            .and_modify(|old| *old = old.take().filter(|old| Some(old) == value.as_ref()))
            .or_insert(value);
    }
    known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Whether it is the name of an image of which nothing but the tag depends on variables.
fn is_image(value: &str) -> bool {
    let has_name = value.split_once('$').is_some_and(|(before, _)| {
        before.rsplit_once(':').is_some_and(|(name, tag)| is_plain(before) && !name.is_empty() && !tag.contains('/'))
    });
    has_name && !value.contains(char::is_whitespace)
}

/// Puts values in the place of `$NAME`, `${NAME}`, `$(NAME)`, and of the same with `$$`; others stay.
fn filled(text: &str, values: &BTreeMap<String, String>) -> String {
    let Some(pattern) = VARIABLE.as_ref() else { return text.to_owned() };
    let value = |found: &Captures<'_>| {
        let name = [1, 3, 4].into_iter().find_map(|group| found.get(group)).map_or("", |name| name.as_str());
        values.get(name).cloned().unwrap_or_else(|| found[0].to_owned())
    };
    pattern.replace_all(text, value).into_owned()
}

/// Whether a word is nothing but letters and signs of a path or a name.
fn is_plain(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@,".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_writes_is_known_where_it_is_plain() {
        for (line, expected) in [
            ("CGO_ENABLED=0 go build -o build/app ./", "build/app"),
            ("@tsc --outDir ./dist/ && echo x > log.txt", "dist log.txt"),
            ("vite build --outDir=web >/dev/null 2>&1", "web"),
            ("cc -o $(OUT) x.c", ""),
            ("cc x.c -o", ""),
            ("# go build -o a", ""),
        ] {
            assert_eq!(outputs(line).join(" "), expected, "{line}");
        }
    }

    #[test]
    fn loops_over_words_and_plain_variables_are_written_out() {
        for (text, expected) in [
            (
                "for s in a b/c; do\n  build $s ${s} \"$s\" $$s $sx\ndone",
                "build a a \"a\" a $sx|build b/c b/c \"b/c\" b/c $sx",
            ),
            ("LIST = a b\nx:\n\tfor s in $(LIST); do build $$s; done", "LIST = a b|x:|build a;|build b;"),
            ("all=(a b)\nfor s in \"${all[@]}\"; do build $s; done", "all=(a b)|build a;|build b;"),
            ("for f in */Dockerfile; do build $f; done", "for f in */Dockerfile; do build $f; done"),
            ("for f in $(ls); do build $f; done", "for f in $(ls); do build $f; done"),
            ("A ?= x\nB := $(A)/y\n\tbuild $(B) ${C:-d}", "A ?= x|B := x/y|build x/y ${C:-d}"),
            ("A=x\nA=y\nbuild $A", "A=x|A=y|build $A"),
            ("A=$(date)\nbuild $A", "A=$(date)|build $A"),
            ("A=x/y:$V\nB=x/$V\nC=http://$V\nbuild $A $B $C", "A=x/y:$V|B=x/$V|C=http://$V|build x/y:$V $B $C"),
        ] {
            let shown = unrolled(text);
            let lines: Vec<&str> = shown.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            assert_eq!(lines.join("|"), expected, "{text}");
        }
    }
}
