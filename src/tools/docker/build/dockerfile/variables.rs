//! [`Variables`]: the values that may stand in a Dockerfile as `$NAME`.

use std::collections::BTreeMap;

/// Names with values; `None` where a name is declared and has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Variables(BTreeMap<String, Option<String>>);

impl Variables {
    /// Sets a value, or declares a name without one.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        self.0.insert(name.to_owned(), value);
    }

    /// Takes a name away: nobody knows its value.
    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The value of `name`, if it is declared and has one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_deref()
    }

    /// Fills in `$NAME`, `${NAME}` and `${NAME` `:-` `-` `:+` `+` `other}`, without quotes. `None` where that needs
    /// more than this: a form that only newer daemons know, or with `strict` a name that is not declared here.
    pub(super) fn fill(&self, text: &str, strict: bool) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '\\', '"', '\'']) {
            out.push_str(&rest[..at]);
            let (special, after) = rest[at..].split_at(1);
            rest = after;
            match special {
                "\\" => {
                    let mut chars = rest.chars();
                    out.extend(chars.next());
                    rest = chars.as_str();
                }
                "$" => {
                    let (value, after) = self.variable(rest, strict)?;
                    out.push_str(&value);
                    rest = after;
                }
                // Quotes only group.
                _ => {}
            }
        }
        Some(out + rest)
    }

    /// The value of the variable that `text` begins with, after its `$`, and what follows it.
    fn variable<'a>(&self, text: &'a str, strict: bool) -> Option<(String, &'a str)> {
        let name_end = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let Some(inner) = text.strip_prefix('{') else {
            let (name, after) = text.split_at(name_end(text));
            let value = self.is_usable(name, strict).then(|| self.get(name).unwrap_or_default().to_owned())?;
            return Some((value, after));
        };
        let (body, after) = inner.split_at(closing(inner)?);
        let after = after.strip_prefix('}')?;
        let (name, form) = body.split_at(name_end(body));
        // A colon makes an empty value as good as none.
        let (form, empty_counts) = form.strip_prefix(':').map_or((form, true), |form| (form, false));
        let is_lenient = form.starts_with(['-', '+']);
        if !self.is_usable(name, strict && !is_lenient) {
            return None;
        }
        let value = self.get(name).filter(|value| empty_counts || !value.is_empty());
        let value = match form.split_at_checked(1) {
            None if empty_counts => value.unwrap_or_default().to_owned(),
            Some(("-", other)) => value.map_or_else(|| self.fill(other, strict), |value| Some(value.to_owned()))?,
            Some(("+", other)) => value.map_or(Some(String::new()), |_| self.fill(other, strict))?,
            _ => return None,
        };
        Some((value, after))
    }

    /// Whether `name` may be filled in: with `strict` it has to be declared.
    fn is_usable(&self, name: &str, strict: bool) -> bool {
        !name.is_empty() && (!strict || self.0.contains_key(name))
    }
}

/// Where the brace that was opened before `text` closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}
