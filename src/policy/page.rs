//! [`page`]: the document about the rules, made from their table.

use std::fmt::Write as _;

use super::rule::{Check, Rule};
use super::rules::RULES;
use crate::leaks::FORMS;

const HEAD: &str = "# The rules of `policy-check`

This page is made from the table of rules in the code: `UPDATE_PAGES=1 cargo test --lib policy::page`.

A step names the rules that it wants to have kept. All of them are checked, every finding has its file, line, object and fix, and one
finding fails the step. So does a rule that finds nothing to check, and an exception that excuses nothing.

```toml
[[stage.step]]
id = \"rules\"
action = \"policy-check\"
rules = [\"limits\", \"non-root\", \"no-secret-in-tree\"]
manifests = [\"k8s/*.yaml\"]
chart = \"charts/todo\"
values = [\"charts/todo/values-local.yaml\"]

  [[stage.step.except]]
  rule = \"non-root\"
  object = \"StatefulSet/postgres\"
  reason = \"its image starts as root and changes to its own user\"
```
";

const KEYS: &str = "
## Keys of well-known forms

`no-secret-in-tree` and `image-check` know these. What looks like an example (`xxxx…`, `your-key`, little variation) is none.

";

/// The page `docs/policy-rules.md`.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    table(&mut page, "Rules about Kubernetes objects, of manifests and of a rendered chart", |check| {
        matches!(check, Check::Objects { .. })
    });
    table(&mut page, "Rules about the files of the project", |check| matches!(check, Check::Files { .. }));
    page.push_str(KEYS);
    let mut kinds: Vec<&str> = FORMS.iter().map(|form| form.what).collect();
    kinds.dedup();
    for kind in kinds {
        // Writing to a string does not fail.
        let _ = writeln!(page, "- {kind}");
    }
    page
}

fn table(page: &mut String, title: &str, is_wanted: fn(&Check) -> bool) {
    let _ = write!(page, "\n## {title}\n\n| rule | asks that | because | what helps |\n|---|---|---|---|\n");
    for Rule { id, asks, why, fix, .. } in RULES.iter().filter(|rule| is_wanted(&rule.check)) {
        let _ = writeln!(page, "| `{id}` | {asks} | {why} | {fix} |");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_made_from_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy-rules.md");
        if std::env::var_os("UPDATE_PAGES").is_some() {
            fs_err::write(path, page()).unwrap();
        }
        let written = fs_err::read_to_string(path).unwrap();
        assert!(written == page(), "docs/policy-rules.md is out of date: UPDATE_PAGES=1 cargo test --lib policy::page");
    }
}
