//! Numbers and words of a value, and what else could stand there.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d+").ok());
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z]{2,}").ok());
static ACTION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{.*?\}\}").ok());

/// The parts of `text` that a template fills in.
pub(super) fn actions(text: &str) -> Vec<Range<usize>> {
    found(ACTION.as_ref(), text)
}

fn found(pattern: Option<&Regex>, text: &str) -> Vec<Range<usize>> {
    pattern.into_iter().flat_map(|pattern| pattern.find_iter(text)).map(|found| found.range()).collect()
}

/// The tokens of `text` that `pattern` matches outside of `skipped`.
fn tokens(pattern: Option<&Regex>, text: &str, skipped: &[Range<usize>]) -> Vec<Range<usize>> {
    let is_outside =
        |token: &Range<usize>| skipped.iter().all(|skip| token.end <= skip.start || token.start >= skip.end);
    found(pattern, text).into_iter().filter(is_outside).collect()
}

fn replaced(text: &str, token: &Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..token.start], &text[token.end..])
}

/// `text` with its first number as another one, and with its last one.
pub(super) fn other_numbers(text: &str, skipped: &[Range<usize>]) -> Vec<String> {
    let all = tokens(NUMBER.as_ref(), text, skipped);
    let mut chosen: Vec<&Range<usize>> = all.first().into_iter().chain(all.last()).collect();
    chosen.dedup();
    let other = |token: &&Range<usize>| {
        let number = text[(*token).clone()].parse::<u64>().ok()?.checked_add(1)?;
        Some(replaced(text, token, &number.to_string()))
    };
    chosen.iter().filter_map(other).collect()
}

/// `text` with its longest word as another one, and with its last one.
pub(super) fn other_words(text: &str, skipped: &[Range<usize>]) -> Vec<String> {
    let all = tokens(WORD.as_ref(), text, skipped);
    // Of those that are equally long, the first one.
    let longest = all.iter().rev().max_by_key(|token| token.len());
    let mut chosen: Vec<&Range<usize>> = longest.into_iter().chain(all.last()).collect();
    chosen.dedup();
    chosen.iter().map(|token| replaced(text, token, &other_word(&text[(*token).clone()]))).collect()
}

fn other_word(word: &str) -> String {
    match word {
        "true" => "false".into(),
        "false" => "true".into(),
        "yes" => "no".into(),
        "no" => "yes".into(),
        other => format!("{other}x"),
    }
}

/// Something else than `text`: another number, else another word, else a value that nothing else has.
pub(super) fn something_else(text: &str, skipped: &[Range<usize>]) -> String {
    let other = other_numbers(text, skipped).into_iter().chain(other_words(text, skipped)).next();
    other.unwrap_or_else(|| "0".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_number_and_the_longest_and_the_last_word_change() {
        for (text, numbers, words) in [
            ("2", &["3"][..], &[][..]),
            ("250m", &["251m"], &[]),
            ("todo-backend:1.0.0", &["todo-backend:2.0.0", "todo-backend:1.0.1"], &["todo-backendx:1.0.0"]),
            ("true", &[], &["false"]),
            ("http://todo.local/a", &[], &["http://todo.localx/a"]),
            ("[\"CMD\", \"echo\", \"hi\"]", &[], &["[\"CMD\", \"echox\", \"hi\"]", "[\"CMD\", \"echo\", \"hix\"]"]),
            ("18446744073709551615", &[], &[]),
        ] {
            assert_eq!(other_numbers(text, &[]), numbers, "{text}");
            assert_eq!(other_words(text, &[]), words, "{text}");
        }
        let text = "{{ .Values.name }}-config";
        assert_eq!(other_words(text, &actions(text)), ["{{ .Values.name }}-configx"]);
        assert_eq!(something_else("{{ .Values.n }}", &actions("{{ .Values.n }}")), "0");
        assert_eq!(something_else("a1", &[]), "a2");
    }
}
