//! TOML.

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::lines::Lines;
use crate::expr::Tree;

pub(super) fn read(text: &str) -> Result<Document, String> {
    let lines = Lines::of(text);
    let parsed = DeTable::parse(text).map_err(|error| match error.span() {
        Some(span) => format!("line {}: {}", lines.at(span.start), error.message()),
        None => error.message().to_owned(),
    })?;
    Ok(Document::new(table(parsed.into_inner(), None, &lines)))
}

fn table(parsed: DeTable<'_>, line: Option<usize>, lines: &Lines) -> Tree {
    let mut entries: Vec<(Spanned<_>, Spanned<DeValue<'_>>)> = parsed.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter().map(|(key, value)| {
        let at = Some(lines.at(key.span().start));
        (key.into_inner().into_owned(), tree(value.into_inner(), at, lines))
    });
    Tree::table(line, entries)
}

fn tree(value: DeValue<'_>, line: Option<usize>, lines: &Lines) -> Tree {
    let scalar: Value = match value {
        DeValue::Table(inner) => return table(inner, line, lines),
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| {
                let at = Some(lines.at(item.span().start));
                tree(item.into_inner(), at, lines)
            });
            return Tree::list(line, items);
        }
        DeValue::String(text) => text.into_owned().into(),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix()).map_or_else(|_| digits.clone().into(), Value::from)
        }
        DeValue::Float(number) => {
            let number = number.as_str().replace('_', "");
            let parsed = number.parse().ok().and_then(Number::from_f64);
            parsed.map_or_else(|| number.clone().into(), Value::Number)
        }
        DeValue::Boolean(flag) => flag.into(),
        DeValue::Datetime(time) => time.to_string().into(),
    };
    Tree::scalar(line, scalar)
}
