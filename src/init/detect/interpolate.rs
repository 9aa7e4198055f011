//! [`interpolate`]: `${NAME}` in compose files and the like, filled in with what stands beside it.

/// A variable that has no value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Missing {
    pub(super) name: String,
    /// Whether it has to have one, as `${NAME:?why}` says; else it becomes empty.
    pub(super) is_required: bool,
}

/// Fills in variables that have a default there, and those that `value` knows. Returns the result, and the names of
/// those without a value, which become empty.
pub(super) fn interpolate(text: &str, value: &dyn Fn(&str) -> Option<String>) -> (String, Vec<String>) {
    let (filled, missing) = fill(text, value);
    (filled, missing.into_iter().map(|one| one.name).collect())
}

/// The same, with what is known of each variable without a value.
pub(super) fn fill(text: &str, value: &dyn Fn(&str) -> Option<String>) -> (String, Vec<Missing>) {
    let (mut filled, mut missing, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, behind)) = rest.split_once('$') {
        filled.push_str(before);
        rest = behind;
        let is_braced = behind.starts_with('{');
        let inner = if is_braced { inside(&behind[1..]) } else { Some(&behind[..name_length(behind)]) };
        match inner.filter(|inner| name_length(inner) > 0) {
            Some(inner) if !is_braced || is_variable(inner) => {
                filled.push_str(&one(inner, value, &mut missing));
                rest = &behind[inner.len() + if is_braced { 2 } else { 0 }..];
            }
            _ => filled.push('$'),
        }
    }
    filled.push_str(rest);
    (filled, missing)
}

/// The value of `NAME`, `NAME:-default`, `NAME:?why` or `NAME:+other`.
fn one(inner: &str, value: &dyn Fn(&str) -> Option<String>, missing: &mut Vec<Missing>) -> String {
    let (name, form) = inner.split_at(name_length(inner));
    // With `:` an empty value is none.
    let (form, counts) = form.strip_prefix(':').map_or((form, true), |form| (form, false));
    let known = value(name).filter(|known| counts || !known.is_empty());
    let mut nested = |text: &str| {
        let (text, more) = fill(text, value);
        missing.extend(more);
        text
    };
    match (form.chars().next(), known) {
        (Some('+'), Some(_)) | (Some('-'), None) => nested(&form[1..]),
        (Some('+'), None) => String::new(),
        (_, Some(known)) => known,
        (form, None) => {
            missing.push(Missing { name: name.to_owned(), is_required: form == Some('?') });
            String::new()
        }
    }
}

/// The length of the name that `text` begins with.
fn name_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// Whether what stands between braces is a variable with or without a default.
fn is_variable(inner: &str) -> bool {
    let form = &inner[name_length(inner)..];
    form.is_empty() || form.strip_prefix(':').unwrap_or(form).starts_with(['-', '?', '+'])
}

/// What stands before the brace that closes, where further variables may be.
fn inside(text: &str) -> Option<&str> {
    let mut depth = 1_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[..at]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in_and_what_is_missing_is_named() {
        let value = |name: &str| match name {
            "SET" => Some("set".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected, missing) in [
            ("${A:-x}/$SET", "x/set", vec![]),
            ("${A-}", "", vec![]),
            ("${A:?needed}${B}$C", "", vec!["A!", "B", "C"]),
            ("${A:-${B:-b}}.${A:-${SET}}/${A:-${B}}", "b.set/", vec!["B"]),
            ("${SET:+yes}${A:+no}${EMPTY:+no}${EMPTY+yes}", "yesyes", vec![]),
            ("${EMPTY:-x}${EMPTY-y}${EMPTY}", "x", vec![]),
            ("${A?}", "", vec!["A!"]),
            ("${{ secrets.A }} ${a.b} $ ${A", "${{ secrets.A }} ${a.b} $ ${A", vec![]),
            ("plain", "plain", vec![]),
        ] {
            let (filled, found) = fill(text, &value);
            let found: Vec<String> =
                found.iter().map(|one| format!("{}{}", one.name, if one.is_required { "!" } else { "" })).collect();
            assert_eq!(
                (filled.as_str(), found),
                (expected, missing.into_iter().map(str::to_owned).collect()),
                "{text}"
            );
        }
    }
}
