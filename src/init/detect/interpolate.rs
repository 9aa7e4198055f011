//! [`interpolate`]: `${NAME}` in compose files and the like, filled in with what stands beside it.

use std::sync::LazyLock;

use regex::Regex;

static VARIABLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\$(?:\{(\w+)(?:(:?[-?+])([^}]*))?\}|(\w+))").ok());

/// Fills in variables that have a default there, and those that `value` knows. Returns the result, and the names of
/// those without a value, which become empty.
pub(super) fn interpolate(text: &str, value: &dyn Fn(&str) -> Option<String>) -> (String, Vec<String>) {
    let Some(pattern) = VARIABLE.as_ref() else { return (text.to_owned(), Vec::new()) };
    let mut missing = Vec::new();
    let filled = pattern.replace_all(text, |found: &regex::Captures<'_>| {
        let name = found.get(1).or_else(|| found.get(4)).map_or("", |name| name.as_str());
        let default = found.get(2).filter(|form| form.as_str().ends_with('-')).and_then(|_| found.get(3));
        let found = value(name).or_else(|| default.map(|default| default.as_str().to_owned()));
        found.unwrap_or_else(|| {
            missing.push(name.to_owned());
            String::new()
        })
    });
    (filled.into_owned(), missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in_and_what_is_missing_is_named() {
        let value = |name: &str| (name == "SET").then(|| "set".to_owned());
        for (text, expected, missing) in [
            ("${A:-x}/$SET", "x/set", vec![]),
            ("${A-}", "", vec![]),
            ("${A:?needed}${B}$C", "", vec!["A", "B", "C"]),
            ("plain", "plain", vec![]),
        ] {
            assert_eq!(
                interpolate(text, &value),
                (expected.to_owned(), missing.into_iter().map(str::to_owned).collect()),
                "{text}"
            );
        }
    }
}
