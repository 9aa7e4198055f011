//! The settings of a schema in words: what `actions` and the Markdown of `schema` show.

use std::io::{self, Write};

use serde_json::Value;

use crate::config;

/// A setting, from its schema.
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) required: bool,
    /// The TOML type.
    pub(super) kind: String,
    pub(super) about: String,
}

/// Returns the settings of the schema of a table: first those that are required.
pub(super) fn settings(schema: &Value) -> Vec<Setting> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut settings: Vec<Setting> = properties
        .map(|(name, property)| Setting {
            required: required.contains(&name.as_str()),
            kind: kind_of(property),
            about: property["description"].as_str().unwrap_or_default().replace('\n', " "),
            name: name.clone(),
        })
        .collect();
    settings.sort_by_key(|setting| !setting.required);
    settings
}

/// Writes a table of settings in Markdown; nothing for none.
pub(super) fn write_table(out: &mut dyn Write, settings: &[Setting]) -> io::Result<()> {
    if settings.is_empty() {
        return Ok(());
    }
    writeln!(out, "| setting | value | |\n|---|---|---|")?;
    for setting in settings {
        let required = if setting.required { "**required** " } else { "" };
        let [kind, about] = [&setting.kind, &setting.about].map(|text| cell(text));
        writeln!(out, "| `{}` | {kind} | {required}{about} |", setting.name)?;
    }
    Ok(())
}

/// Returns a string as the cell of a table in Markdown takes it.
pub(super) fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// Returns the TOML type of a schema.
fn kind_of(schema: &Value) -> String {
    let named = |name: &str| match name {
        "array" => match &schema["items"] {
            Value::Null => "array".to_owned(),
            items => format!("array of {}", kind_of(items)),
        },
        "object" => match &schema["additionalProperties"] {
            Value::Object(_) => format!("table of {}", kind_of(&schema["additionalProperties"])),
            _ => "table".to_owned(),
        },
        "null" => String::new(),
        other => other.to_owned(),
    };
    let mut kinds: Vec<String> = match &schema["type"] {
        Value::String(name) => vec![named(name)],
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(named).collect(),
        _ => {
            let variants = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
            // An expression may stand for every value.
            let is_value = |variant: &&Value| variant["$ref"] != config::EXPRESSION;
            variants.into_iter().flatten().filter(is_value).map(kind_of).collect()
        }
    };
    if let Some(words) = schema["enum"].as_array() {
        kinds = words.iter().filter_map(Value::as_str).map(|word| format!("\"{word}\"")).collect();
    }
    if let Some(word) = schema["const"].as_str() {
        kinds = vec![format!("\"{word}\"")];
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        kinds = vec![match name {
            "duration" => "length of time".to_owned(),
            other => format!("table `{other}`"),
        }];
    }
    kinds.retain(|kind| !kind.is_empty());
    // Tables of different keys are all tables.
    kinds.dedup();
    if kinds.is_empty() { "any value".to_owned() } else { kinds.join(" or ") }
}
