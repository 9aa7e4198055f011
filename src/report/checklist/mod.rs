//! The checklist in the formats of `provision report`. A format is one file with a `FORMAT`, and one line in
//! [`FORMATS`].

mod case;
mod ctrf;
mod evidence;
mod format;
mod html;
mod json;
mod junit;
mod markdown;
mod text;

use crate::model::{Checklist, ItemStatus, Verdict};
pub(crate) use format::{ChecklistReport, Format};

/// All formats, the default one first.
pub(crate) const FORMATS: &[Format] =
    &[text::FORMAT, markdown::FORMAT, json::FORMAT, html::FORMAT, junit::FORMAT, ctrf::FORMAT];

/// Returns whether all items are proven or dropped, and no line only looks like one, which is what `--check` checks.
pub(crate) fn is_complete(checklist: &Checklist) -> bool {
    let passes = |status: &ItemStatus| status.verdict.is_ticked() || status.verdict == Verdict::Dropped;
    checklist.near.is_empty() && checklist.items.iter().all(passes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::{checklist, near};

    #[test]
    fn a_checklist_is_complete_if_all_items_are_proven() {
        let mut list = checklist();
        assert!(!is_complete(&list));
        list.items.retain(|status| status.verdict.is_ticked());
        assert_eq!((list.items.len(), is_complete(&list)), (2, true));
        list.items[1].verdict = Verdict::Dropped;
        assert!(is_complete(&list));
        list.near.push(near());
        assert!(!is_complete(&list));
    }
}
