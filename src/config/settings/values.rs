//! Values that no tool takes as they stand. Settings that take any table, as the values of a chart do, accept them.

use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::node::{Node, Table, Value};

/// Reports the values in `settings` that could not be passed on as they stand. Returns their number.
pub(super) fn check(report: &Report, settings: &Table) -> usize {
    settings.0.iter().map(|entry| check_node(report, &entry.key, &entry.node)).sum()
}

fn check_node(report: &Report, key: &str, node: &Node) -> usize {
    let problem = match &node.value {
        Value::Array(items) => return items.iter().map(|item| check_node(report, key, item)).sum(),
        Value::Table(table) => return check(report, table),
        Value::Datetime(time) => format!("`{key}` can't be a date-time: write it as a string, `\"{time}\"`"),
        Value::Float(number) if number.ends_with("inf") || number.ends_with("nan") => {
            format!("`{key}` can't be `{number}`: JSON and YAML have no such number")
        }
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => return 0,
    };
    report.add(Diagnostic::error(problem).at(report.source(), node.span.clone(), ""));
    1
}
