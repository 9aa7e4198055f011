//! `provision actions`: the reference of all actions.

use std::io::{self, Write};

use serde_json::Value;

use super::args::ActionsArgs;
use super::output::Terminal;
use crate::action::ActionType;
use crate::actions::ACTIONS;
use crate::error::{Failure, ids};

pub(super) fn actions(terminal: &Terminal, args: &ActionsArgs) -> Result<u8, Failure> {
    match &args.name {
        Some(name) => {
            let action = ACTIONS.iter().find(|action| action.name == name).ok_or_else(|| unknown(name))?;
            terminal.print(|out| one(out, action))?;
        }
        None if args.markdown => terminal.print(markdown)?,
        None => terminal.print(list)?,
    }
    Ok(0)
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = ACTIONS.iter().map(|action| action.name).collect();
    Failure::of(ids::NAME_UNKNOWN, format!("unknown action `{name}`")).hint(format!("use one of: {}", names.join(", ")))
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    let width = ACTIONS.iter().map(|action| action.name.len()).max().unwrap_or(0);
    for action in ACTIONS {
        writeln!(out, "{:width$}  {}", action.name, action.summary)?;
    }
    writeln!(out, "\n`provision actions NAME` shows an action's settings.")
}

/// A setting, from its schema.
struct Setting {
    name: String,
    required: bool,
    kind: String,
    about: String,
}

fn settings(action: &ActionType) -> Vec<Setting> {
    let schema = (action.schema)().to_value();
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let mut settings: Vec<Setting> = properties
        .iter()
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
            variants.into_iter().flatten().map(kind_of).collect()
        }
    };
    if let Some(words) = schema["enum"].as_array() {
        kinds = words.iter().filter_map(Value::as_str).map(|word| format!("\"{word}\"")).collect();
    }
    kinds.retain(|kind| !kind.is_empty());
    if kinds.is_empty() { "any value".to_owned() } else { kinds.join(" or ") }
}

fn one(out: &mut dyn Write, action: &ActionType) -> io::Result<()> {
    writeln!(out, "{}: {}\n", action.name, action.summary)?;
    writeln!(out, "Settings:")?;
    let settings = settings(action);
    for setting in &settings {
        let required = if setting.required { ", required" } else { "" };
        writeln!(out, "  {} ({}{required})", setting.name, setting.kind)?;
        writeln!(out, "      {}", setting.about)?;
    }
    if settings.is_empty() {
        writeln!(out, "  no settings of its own")?;
    }
    if !action.outputs.is_empty() {
        writeln!(out, "\nOutputs, for ${{{{ steps.STAGE.STEP.NAME }}}}:")?;
        for (name, about) in action.outputs {
            writeln!(out, "  {name}: {about}")?;
        }
    }
    writeln!(out, "\nExample:")?;
    for line in example(action).lines() {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

fn markdown(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Actions\n")?;
    writeln!(out, "What steps can do. This page is the output of `provision actions --markdown`; a test checks that.")?;
    writeln!(out, "For the keys that every step may have (`needs`, `covers`, `timeout`, …), see pipeline.md.")?;
    for action in ACTIONS {
        writeln!(out, "\n## {}\n\n{}.\n", action.name, action.summary)?;
        let settings = settings(action);
        if !settings.is_empty() {
            writeln!(out, "| setting | value | |\n|---|---|---|")?;
        }
        for setting in settings {
            let about = setting.about.replace('|', "\\|");
            let required = if setting.required { "**required** " } else { "" };
            writeln!(out, "| `{}` | {} | {required}{about} |", setting.name, setting.kind.replace('|', "\\|"))?;
        }
        if !action.outputs.is_empty() {
            writeln!(out, "\n| output | |\n|---|---|")?;
        }
        for (name, about) in action.outputs {
            writeln!(out, "| `{name}` | {about} |")?;
        }
        writeln!(out, "\n```toml\n{}```", example(action))?;
    }
    Ok(())
}

fn example(action: &ActionType) -> String {
    format!("[[stage.step]]\nid = \"example\"\naction = \"{}\"\n{}\n", action.name, action.example.trim())
}
