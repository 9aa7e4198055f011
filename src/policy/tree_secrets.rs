//! Secrets in the files of a project.

use super::rule::Spot;
use super::services::is_secret_name;
use super::source::{SourceFile, extension, file_name};
use crate::leaks::{Scanner, is_placeholder, is_random};

/// What marks a file of variables as one that people copy and fill in.
const EXAMPLES: &[&str] = &["example", "sample", "template", "dist"];

/// In such a file, a value that looks drawn at random is one; a word is a suggestion.
const MIN_LENGTH: usize = 16;
const MIN_BITS: f64 = 3.5;

pub(super) fn any(_: &str) -> bool {
    true
}

pub(super) fn no_secret_in_tree(file: &SourceFile, scanner: &mut Scanner) -> Vec<Spot> {
    let leaks = scanner.text(file.bytes());
    let mut spots: Vec<Spot> = leaks.into_iter().map(|leak| Spot { line: leak.line, found: leak.what }).collect();
    if is_env_file(file.path()) {
        for spot in env_values(file) {
            if !spots.iter().any(|known| known.line == spot.line) {
                spots.push(spot);
            }
        }
    }
    spots
}

/// Whether a file has variables for a program: `.env`, `.env.local`, `app.env`.
fn is_env_file(path: &str) -> bool {
    let name = file_name(path);
    name.starts_with(".env.") || extension(name) == "env"
}

/// The variables of an env file whose names say that they are secret and whose values are none to fill in.
fn env_values(file: &SourceFile) -> Vec<Spot> {
    let name = file_name(file.path()).to_ascii_lowercase();
    let is_example = EXAMPLES.iter().any(|word| name.contains(word));
    let mut spots = Vec::new();
    for (index, line) in file.text().unwrap_or_default().lines().enumerate() {
        let line = line.trim().trim_start_matches("export ");
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let (name, value) = (name.trim(), unquoted(value));
        let is_value =
            if is_example { value.len() >= MIN_LENGTH && is_random(value, MIN_BITS) } else { !is_placeholder(value) };
        if is_secret_name(name) && is_value {
            spots.push(Spot::at(index, format!("the variable `{name}` has a value")));
        }
    }
    spots
}

/// A value without its quotes, or without the comment after it.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some((inner, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inner;
        }
    }
    value.split_once(" #").map_or(value, |(value, _)| value).trim()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::leaks::DeclaredSecrets;
    use crate::leaks::samples::sample;

    fn found(path: &str, text: &str) -> Vec<(u64, String)> {
        let named = [("JWT_SECRET".to_owned(), "kV9fQ2mZ7LxP4wTn".to_owned())];
        let mut scanner = Scanner::new(Arc::new(DeclaredSecrets::new(&named, &[])));
        let spots = no_secret_in_tree(&SourceFile::new(path, text), &mut scanner);
        spots.into_iter().map(|spot| (spot.line, spot.found)).collect()
    }

    #[test]
    fn declared_values_and_keys_are_found_in_any_file() {
        assert_eq!(found("a.txt", "x\ny kV9fQ2mZ7LxP4wTn"), [(2, "the secret `JWT_SECRET`".to_owned())]);
        assert_eq!(
            found("b/c.json", &format!("{{\"k\": \"{}\"}}", sample("npm-token"))),
            [(1, "an npm token".to_owned())]
        );
        assert_eq!(found("README.md", "export JWT_SECRET=<your secret>\n"), []);
    }

    #[test]
    fn an_env_file_may_have_placeholders_alone() {
        let found_in = |path: &str, text: &str| found(path, text).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
        let text = "# API_KEY=hunter2\nPORT=8000\nAPI_KEY=hunter2\nexport DB_PASSWORD='p4ss' # x\n";
        assert_eq!(found_in(".env", text), [3, 4]);
        assert_eq!(found_in("a/.env.production", text), [3, 4]);
        assert_eq!(found_in(".env.example", text), [0; 0]);
        let placeholders =
            "API_KEY=\nJWT_SECRET=change-me\nTOKEN=${TOKEN}\nDB_PASSWORD=\"\"\nSECRET_FILE=/run/s3cr3t\n";
        assert_eq!(found_in(".env", placeholders), [0; 0]);
        assert_eq!(found_in(".env.example", "API_KEY=wR8nT4vKq2ZxL7mP9sB3\n"), [1]);
        assert_eq!(found_in("notes.txt", "API_KEY=hunter2\n"), [0; 0]);
    }
}
