//! Whether an item is marked as a MUST, in the forms that planning tools write.

/// The words that make a requirement, in capitals as RFC 2119 has them.
const WORDS: [&str; 3] = ["MUST", "SHALL", "REQUIRED"];

/// What the constitutions of spec-kit write behind a principle.
const PRINCIPLE: &str = "NON-NEGOTIABLE";

/// Returns whether the text of an item, with its markers, says that it is a MUST. One that only mentions the word says
/// so too: nothing is waived by an error of reading.
pub(super) fn is_must(text: &str) -> bool {
    text.contains(PRINCIPLE) || words(text).any(|word| WORDS.contains(&word))
}

/// Returns whether everything below a heading is a MUST: it says so, or it is `Must have`, however that is written.
pub(super) fn is_must_heading(heading: &str) -> bool {
    let words: Vec<&str> = words(heading).collect();
    let must_have = |pair: &[&str]| pair[0].eq_ignore_ascii_case("must") && pair[1].eq_ignore_ascii_case("have");
    is_must(heading) || words.windows(2).any(must_have)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_must_is_seen_in_the_forms_of_planning_tools() {
        for text in [
            "G01 MUST: no secret in any committed file",
            "[MUST] T014 Log in",
            "T014 [P] [MUST] Log in",
            "**MUST** keep the data",
            "The system MUST NOT pull images",
            "FR-001: System MUST allow users to log in",
            "WHEN a user logs in THE SYSTEM SHALL greet",
            "(REQUIRED) a plan",
            "III. Test-First (NON-NEGOTIABLE)",
        ] {
            assert!(is_must(text), "{text}");
        }
        for text in ["Logs must rotate", "MUSTARD", "SHOULD be fast", "Is it required?", "NEGOTIABLE", "XMUST_1", ""] {
            assert!(!is_must(text), "{text}");
        }
        for heading in ["Must have", "1. MUST-HAVE", "Gates (MUST)", "Must-have features"] {
            assert!(is_must_heading(heading), "{heading}");
        }
        for heading in ["Should have", "You must log in", "Musts"] {
            assert!(!is_must_heading(heading), "{heading}");
        }
    }
}
