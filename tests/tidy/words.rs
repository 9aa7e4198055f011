//! Words that stay out: left-overs of work, and phrases that a reader stumbles over.

use regex::Regex;

use crate::{SETTLED, documents, root, sources};

/// Left-overs that must not land.
const LEFT_OVERS: &[&str] = &["TODO", "FIXME", "XXX", "dbg!", "#[ignore", "unimplemented!"];

/// Phrases (regular expressions, in any case) and what to say instead.
const PHRASES: &[(&str, &str)] = &[
    (r"\banew\b", "again, from scratch"),
    (r"\bby now\b", "now, meanwhile; or name the event"),
    (r"\bwhoever\b", "the caller, the user, the process"),
    (r"\ba look\b", "a check, a probe"),
    (r"\blook(s|ed|ing)? (ahead|at|into|behind)\b", "checks, reads, probes, inspects"),
    (r"\blooks (each|every) time\b", "runs every time"),
    (r"\banswers? (what|whether|the|if|how|with|by)\b", "returns, shows, exits with"),
    (r"///\s*answers\b", "Returns"),
    (r"\b(is|are|was|were|be) told\b", "is reported, is printed; or name who learns what"),
    (r"\btold (of|with|from|by|apart)\b", "reported, printed"),
    (r"\btells? (of|for)\b", "reports, shows"),
    (r"\bsays, over\b", "records, marks"),
    (r"\b(goes|went|go) by (the|its|what|it|that)\b", "uses, relies on"),
    (r"\bhand(s|ed)? on\b", "outputs, passes"),
    (r"\bthere twice\b", "defined twice"),
    (r"\bend(s|ed)? well\b", "succeeds"),
    (r"\b(is|was|were) given up\b", "was stopped, abandoned"),
    (r"\bstand(s)? still\b", "is paused, blocks"),
    (r"\bcame to be\b", "was created, became"),
    (r"\bpile up\b", "accumulate"),
    (r"\bcall(s|ed)? in\b", "activates"),
    (r"\bgives? (its )?place\b", "releases its slot"),
    (r"\b(has|have) not (the|a|an|yet)\b", "does not have"),
    (r"\bstrays?\b", "orphan"),
    (r"\bof age\b", "due"),
    (r"\bmistakes?\b", "error"),
    (r"\b(a|one) text\b", "a string"),
    (r"\bwhole numbers?\b", "integer"),
    (r"\bseen to (hold|be)\b", "confirmed, verified"),
    (r"\bbehind (our|its|the user's) back\b", "outside of provision"),
    (r"\btaken for\b", "mistaken for, treated as"),
    (r"\bof all that\b", "everything that"),
    (r"\bhas to be a\b", "must be a"),
];

/// Where a phrase may stand all the same: part of a path, the phrase that is meant.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("tests/tidy", ""),
    // Recorded output: it changes when the run is recorded again.
    ("docs/example-run.md", ""),
];

#[test]
fn words_that_stay_out_stay_out() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder).into_iter().filter(|(path, _)| !path.starts_with("tests/tidy")) {
            for (number, line) in text.lines().enumerate() {
                if let Some(word) = LEFT_OVERS.iter().find(|word| line.contains(*word)) {
                    wrong.push(format!("{path}:{}: `{word}`", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn sentences_need_no_second_reading() {
    let phrases: Vec<_> =
        PHRASES.iter().map(|(phrase, instead)| (Regex::new(&format!("(?i){phrase}")).unwrap(), instead)).collect();
    let mut texts: Vec<(String, String)> = documents();
    for folder in SETTLED {
        texts.extend(sources(folder));
    }
    for script in ["scripts/up", "scripts/test", "scripts/bench", "scripts/setup", "scripts/lib.sh", ".ci/run"] {
        texts.push((script.to_owned(), fs_err::read_to_string(root().join(script)).unwrap()));
    }
    let any: Vec<&str> = PHRASES.iter().map(|(phrase, _)| *phrase).collect();
    let any = Regex::new(&format!("(?i){}", any.join("|"))).unwrap();
    let mut wrong = Vec::new();
    for (path, text) in &texts {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| any.is_match(line)) {
            for (phrase, instead) in &phrases {
                let Some(found) = phrase.find(line) else { continue };
                let is_exception = |(place, word): &&(&str, &str)| {
                    path.contains(place) && found.as_str().to_lowercase().contains(word)
                };
                if !EXCEPTIONS.iter().any(|exception| is_exception(&exception)) {
                    wrong.push(format!("{path}:{}: `{}`: say {instead}", number + 1, found.as_str()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} phrases: {wrong:#?}", wrong.len());
}
