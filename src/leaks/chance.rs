//! What tells a key from an example of one: nobody draws `your-key-here` or `xxxxxxxx` at random.

/// Words that examples have in place of a key.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "change-this",
    "replace",
    "dummy",
    "sample",
    "your-",
    "your_",
    "yourkey",
    "redacted",
    "foobar",
    "insert",
    "notreal",
    "not-real",
    "not_real",
    "fake",
    "test",
    "todo",
    "1234567",
    "abcdefg",
    "qwerty",
    "deadbeef",
];

/// How often one character follows itself in an example: `xxxxxx`.
const REPEATED: usize = 6;

/// Whether `text` stands in the place of a value that somebody is to fill in.
pub fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let marked = [("<", ">"), ("${", "}"), ("{{", "}}"), ("[", "]"), ("%", "%"), ("$(", ")")];
    let lower = text.to_ascii_lowercase();
    text.is_empty()
        || marked.iter().any(|(start, end)| text.starts_with(start) && text.ends_with(end))
        || (text.starts_with('$') && text[1..].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        || text.bytes().all(|byte| !byte.is_ascii_alphanumeric())
        || PLACEHOLDERS.iter().any(|word| lower.contains(word))
        || has_run(text, REPEATED)
        || ["password", "secret", "token", "none", "null", "true", "false"].contains(&lower.as_str())
}

/// Whether `text` looks drawn at random: it is no placeholder, and its characters differ by at least `bits` each.
pub fn is_random(text: &str, bits: f64) -> bool {
    !is_placeholder(text) && entropy(text) >= bits
}

fn has_run(text: &str, length: usize) -> bool {
    text.as_bytes().windows(length).any(|window| window.iter().all(|byte| *byte == window[0]))
}

/// Shannon's entropy of the bytes of `text`, in bits for each of them.
#[expect(clippy::cast_precision_loss, reason = "texts have far fewer bytes than a float can count")]
fn entropy(text: &str) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let n = text.len().max(1) as f64;
    let bits = |count: &usize| {
        let share = *count as f64 / n;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(bits).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_values() {
        for text in [
            "",
            "<your key>",
            "${TOKEN}",
            "$TOKEN",
            "{{ .Values.key }}",
            "changeme",
            "xxxxxxxxxxxx",
            "...",
            "your-api-key",
            "sk_EXAMPLE_1",
            "password",
            "***",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["hunter2", "kV9fQ2mZ7LxP4wTn", "p@ss!w0rd", "$ecret!9"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn words_have_less_entropy_than_keys() {
        assert!(is_random("kV9fQ2mZ7LxP4wTn8RbY", 3.5));
        assert!(!is_random("aaaabbbbaaaabbbb", 2.0));
        assert!(!is_random("nothing-nothing-nothing", 3.5));
    }
}
