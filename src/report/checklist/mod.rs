//! The checklist in the formats of `provision report`. A format is one file with a `FORMAT`, and one line in
//! [`FORMATS`].

mod case;
mod ctrf;
pub(in crate::report) mod evidence;
mod format;
mod html;
pub(in crate::report) mod json;
mod junit;
mod markdown;
pub(in crate::report) mod text;

use crate::model::Checklist;
pub(crate) use format::{ChecklistReport, Format};

/// All formats, the default one first.
pub(crate) const FORMATS: &[Format] =
    &[text::FORMAT, markdown::FORMAT, json::FORMAT, html::FORMAT, junit::FORMAT, ctrf::FORMAT];

/// Returns whether nothing is left to do for any item, and no line only looks like one, which is what `--check` checks.
/// Nothing is complete without an item.
pub(crate) fn is_complete(checklist: &Checklist) -> bool {
    let Checklist { items, near } = checklist;
    !items.is_empty() && near.is_empty() && items.iter().all(|status| status.verdict.passes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Verdict;
    use crate::report::testing::runs::{checklist, near};

    #[test]
    fn a_checklist_is_complete_if_all_items_are_proven() {
        let mut list = checklist();
        assert!(!is_complete(&list));
        list.items.retain(|status| status.verdict == Verdict::Done);
        assert_eq!(list.items.len(), 1);
        for verdict in Verdict::ALL {
            list.items[0].verdict = verdict;
            assert_eq!(is_complete(&list), verdict.passes(), "{verdict:?}");
        }
        list.items[0].verdict = Verdict::Done;
        list.near.push(near());
        assert!(!is_complete(&list));
        assert!(!is_complete(&Checklist::default()));
    }
}
