//! Checklists: task lists of features, as planning tools write them.

use super::detector::Detector;
use crate::config::checklist_items;
use crate::init::findings::{ChecklistFile, Findings, ListedItem};
use crate::init::repository::{Repository, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

/// Folders of templates for task lists.
const TEMPLATES: &[&str] =
    &[".specify", ".github", "templates", "archive", "node_modules", "vendor", "examples", "test", "tests", "fixtures"];

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files().filter(|path| name_of(path).eq_ignore_ascii_case("tasks.md")) {
        if let Some(folder) = path.split('/').find(|folder| TEMPLATES.contains(folder)) {
            findings.leave_out(path, format!("it is no list of a feature: it is in `{folder}`"));
            continue;
        }
        let items: Vec<ListedItem> = checklist_items(&repository.text(path).unwrap_or_default())
            .into_iter()
            .map(|(id, text)| ListedItem { has_id: id.is_some(), id: id.unwrap_or_else(|| text.clone()), text })
            .collect();
        if items.is_empty() {
            findings.leave_out(path, "it has no boxes");
        } else {
            findings.checklists.push(ChecklistFile { path: path.to_owned(), items });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    #[test]
    fn lists_of_features_are_found_and_templates_are_not() {
        let (_dir, repository) = repository(&[
            ("specs/001-a/tasks.md", "# A\r\n- [ ] T001 [P] Build it\r\n- [x] Without an id\r\n"),
            (".specify/templates/tasks.md", "- [ ] T001 x\n"),
            ("specs/002-b/tasks.md", "nothing\n"),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let [list] = findings.checklists.as_slice() else { panic!("{:?}", findings.checklists) };
        let items: Vec<(&str, bool, &str)> =
            list.items.iter().map(|item| (item.id.as_str(), item.has_id, item.text.as_str())).collect();
        assert_eq!(items, [("T001", true, "Build it"), ("Without an id", false, "Without an id")]);
        assert_eq!(findings.left_out.len(), 2);
    }
}
