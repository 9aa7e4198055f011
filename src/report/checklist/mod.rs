//! The checklist: as text, as Markdown whose task lists GitHub renders, and as JSON.

mod evidence;
pub(super) mod json;
pub(super) mod markdown;
pub(super) mod text;

use crate::model::Checklist;

/// Returns whether all items are proven, which is what `--check` checks.
pub(crate) fn is_complete(checklist: &Checklist) -> bool {
    checklist.items.iter().all(|status| status.verdict.is_ticked())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::checklist;

    #[test]
    fn a_checklist_is_complete_if_all_items_are_proven() {
        let mut list = checklist();
        assert!(!is_complete(&list));
        list.items.retain(|status| status.verdict.is_ticked());
        assert_eq!((list.items.len(), is_complete(&list)), (2, true));
    }
}
