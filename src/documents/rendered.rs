//! [`Rendered`]: what a chart becomes, each object with the template that it comes from.

use serde_json::Value;

use super::document::Document;
use super::{object, yaml};
use crate::expr::{Content, Tree};
use crate::tools::kubernetes::yaml_documents;

/// The manifest that a chart is rendered to.
pub struct Rendered {
    /// Its objects: `objects` for assertions.
    pub document: Document,
    /// Where each of them comes from, in the same order: `templates/service.yaml`.
    pub sources: Vec<String>,
}

impl Rendered {
    /// Reads what helm prints. Returns every document that can't be read.
    pub fn read(manifest: &str) -> Result<Self, Vec<String>> {
        let (mut objects, mut sources, mut notes, mut wrong) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for part in yaml_documents(manifest) {
            let source = part.text.lines().find_map(|line| line.strip_prefix("# Source: "));
            // The first part is the chart's name.
            let source = source.map_or("a document", |source| source.split_once('/').map_or(source, |(_, path)| path));
            let (mut tree, doubled) = match yaml::tree(&part.text, 0) {
                Ok(read) => read,
                Err(why) => {
                    wrong.push(format!("`{source}`, rendered, {why}"));
                    continue;
                }
            };
            notes.extend(doubled.iter().map(|note| format!("`{source}`, rendered, {note}")));
            if tree.content == Content::Scalar(Value::Null) {
                continue;
            }
            // The lines of what is rendered are those of no file.
            forget_lines(&mut tree);
            for tree in object::flattened(vec![tree]) {
                if tree.get("kind").and_then(Tree::text).is_none() {
                    wrong.push(format!("`{source}` renders something without a `kind`"));
                    continue;
                }
                objects.push(tree);
                sources.push(source.to_owned());
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let document = Document { notes, ..Document::of_trees(objects) };
        Ok(Self { document, sources })
    }

    /// The objects, each by its kind and name, with its template.
    pub fn objects(&self) -> impl Iterator<Item = (String, &Tree, &str)> {
        let objects = object::named_objects(self.document.objects());
        objects.zip(&self.sources).map(|((name, tree), source)| (name, tree, source.as_str()))
    }
}

fn forget_lines(tree: &mut Tree) {
    tree.line = None;
    match &mut tree.content {
        Content::Scalar(_) => {}
        Content::List(items) => items.iter_mut().for_each(forget_lines),
        Content::Table(entries) => entries.iter_mut().for_each(|(_, value)| forget_lines(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_is_known_with_its_template() {
        let manifest = "---\n# Source: todo/templates/a.yaml\nkind: Service\nmetadata: {name: web}\n---\n\
                        # Source: todo/templates/none.yaml\n---\n# Source: todo/charts/db/templates/b.yaml\nkind: List\n\
                        items:\n- {kind: Pod, metadata: {name: a}}\n- {kind: Pod, metadata: {name: b}}\n";
        let rendered = Rendered::read(manifest).unwrap();
        let shown: Vec<String> = rendered.objects().map(|(name, _, source)| format!("{name} {source}")).collect();
        assert_eq!(
            shown,
            ["Service/web templates/a.yaml", "Pod/a charts/db/templates/b.yaml", "Pod/b charts/db/templates/b.yaml"]
        );
    }

    #[test]
    fn what_is_no_object_is_told_with_its_template() {
        let manifest = "---\n# Source: todo/templates/a.yaml\nkind: [\n---\n# Source: todo/templates/b.yaml\na: 1\n";
        let wrong = Rendered::read(manifest).map(|_| ()).unwrap_err();
        assert!(wrong[0].starts_with("`templates/a.yaml`, rendered, line "), "{wrong:?}");
        assert_eq!(wrong[1], "`templates/b.yaml` renders something without a `kind`");
    }
}
