//! [`locate`]: where a part of a string's value is written in the file.

use std::ops::Range;

use super::diagnostic::Source;

/// Returns the place of the bytes `at` of `value`, the string at `span`. Where escapes make that ambiguous, it is the
/// place of the whole string.
pub(crate) fn locate(source: &Source, span: &Range<usize>, value: &str, at: Range<usize>) -> Range<usize> {
    let Some(raw) = source.text.get(span.clone()) else {
        return span.clone();
    };
    for quotes in ["\"\"\"", "'''", "\"", "'"] {
        let Some(inner) = raw.strip_prefix(quotes).and_then(|raw| raw.strip_suffix(quotes)) else {
            continue;
        };
        // A line break right after the opening quotes is not part of the value.
        let trimmed = inner.strip_prefix("\r\n").or_else(|| inner.strip_prefix('\n'));
        let inner = if quotes.len() == 3 { trimmed.unwrap_or(inner) } else { inner };
        if inner == value {
            let start = span.end - quotes.len() - inner.len();
            return start + at.start..start + at.end;
        }
        break;
    }
    // With escapes elsewhere in the string, a part that occurs literally and only once is still found.
    let wanted = &value[at];
    let mut found = raw.match_indices(wanted);
    match (found.next(), found.next()) {
        (Some((start, _)), None) if wanted.len() > 2 => span.start + start..span.start + start + wanted.len(),
        _ => span.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_located_unless_escapes_make_it_ambiguous() {
        let place = |raw: &str, text: &str, at: Range<usize>| {
            let source = Source { name: String::new(), text: format!("k = {raw}") };
            source.text[locate(&source, &(4..source.text.len()), text, at)].to_owned()
        };
        assert_eq!(place(r#""ab cd""#, "ab cd", 3..5), "cd");
        assert_eq!(place("'''\nab cd'''", "ab cd", 3..5), "cd");
        assert_eq!(place(r#""a\tbcd""#, "a\tbcd", 2..5), "bcd");
        assert_eq!(place(r#""a\tb\n""#, "a\tb\n", 1..3), r#""a\tb\n""#);
    }
}
