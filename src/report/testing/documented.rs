//! Whether docs/report.md documents what the JSON has.

use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/report.md");

/// Fails the test unless the page names each field of `document`. What steps have for others is named by them.
pub(crate) fn check(document: &Value) {
    match document {
        Value::Array(items) => items.iter().for_each(check),
        Value::Object(fields) => {
            for (name, value) in fields {
                assert!(PAGE.contains(&format!("`{name}`")), "docs/report.md does not document `{name}`");
                if name != "output" {
                    check(value);
                }
            }
        }
        _ => {}
    }
}
