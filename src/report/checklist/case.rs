//! Items as test cases, and text for markup.

use super::evidence::basis;
use crate::error::ErrorObject;
use crate::model::{ItemStatus, StepId, Verdict};
use crate::report::error_object::error_lines;
use crate::report::text;

/// What a test report says of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseResult {
    Passed,
    Failed,
    Skipped,
}

/// Returns what a test report says of an item with this verdict.
pub(super) fn result(verdict: Verdict) -> CaseResult {
    match verdict {
        verdict if verdict.is_ticked() => CaseResult::Passed,
        // It was to be proven and is not, or not every time.
        Verdict::Failed | Verdict::Stale | Verdict::Flaky => CaseResult::Failed,
        _ => CaseResult::Skipped,
    }
}

/// Returns the verdict on an item and what that is based on. A test report has no other place for how a case passed.
pub(super) fn reasoned(status: &ItemStatus) -> String {
    match status.verdict {
        Verdict::Done => basis(status),
        verdict => format!("{}: {}", verdict.word(), basis(status)),
    }
}

/// Returns what a case says first: what happened to the steps that failed, else what its verdict is based on.
pub(super) fn headline(status: &ItemStatus, errors: &[(&StepId, ErrorObject)]) -> String {
    // What is waived says who answers for it.
    if errors.is_empty() || result(status.verdict) != CaseResult::Failed {
        return reasoned(status);
    }
    errors.iter().map(|(step, error)| format!("{step}: {}", error.message)).collect::<Vec<_>>().join("; ")
}

/// Returns all that is known of the failures, as lines; between two of them there is an empty one.
pub(super) fn trace(errors: &[(&StepId, ErrorObject)]) -> Vec<String> {
    let blocks: Vec<Vec<String>> = errors.iter().map(|(step, error)| error_lines(step, error)).collect();
    blocks.join(&String::new())
}

/// Returns text for XML, in attributes too.
pub(super) fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in text::plain(value).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML, also not as references.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_is_a_result_of_a_test() {
        use CaseResult::{Failed, Passed, Skipped};
        let expected = [Passed, Passed, Passed, Skipped, Failed, Skipped, Failed, Failed, Skipped, Skipped];
        assert_eq!(Verdict::ALL.map(result), expected);
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(
            escaped("a<b> & \"c\" 'd'\x1b[2J\u{1}\u{ffff}"),
            "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\u{fffd}"
        );
    }
}
