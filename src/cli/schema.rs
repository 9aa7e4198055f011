//! `provision schema`: the JSON Schema of pipeline.toml, and the same as tables of its keys.

use std::io::{self, Write};

use serde_json::Value;

use super::args::SchemaArgs;
use super::output::Terminal;
use super::settings::{Setting, settings, write_table};
use crate::actions::ACTIONS;
use crate::cluster::PROVIDERS;
use crate::config;
use crate::error::Failure;

pub(super) fn schema(terminal: &Terminal, args: &SchemaArgs) -> Result<u8, Failure> {
    let schema = config::schema(ACTIONS, PROVIDERS);
    terminal.print(|out| if args.markdown { markdown(out, &schema) } else { writeln!(out, "{schema:#}") })?;
    Ok(0)
}

/// What stands at the top of the page.
const HEAD: &str = "# Settings of pipeline.toml

Every key of the file, from the same source as its JSON Schema. This page is the output of `provision schema --markdown`; a
test checks that. [pipeline.md](pipeline.md) explains how they work together, and [actions.md](actions.md) has the settings of each
action.
A string may have expressions: `${{ vars.NAME }}`. A length of time is `90s`, `10m`, `1h 30m`, or a number of seconds.
";

fn markdown(out: &mut dyn Write, schema: &Value) -> io::Result<()> {
    writeln!(out, "{HEAD}")?;
    let mut tables = settings(schema);
    for table in &mut tables {
        // The rest stands in the table's own section.
        table.about = table.about.split(". ").next().unwrap_or_default().to_owned();
    }
    write_table(out, &tables)?;
    let sections = &schema["properties"];
    section(out, "[pipeline]", &sections["pipeline"])?;
    section(out, "[vars]", &sections["vars"])?;
    section(out, "[secrets]: `NAME = { … }`", described(&sections["secrets"]))?;
    section(out, "[cluster]", &sections["cluster"])?;
    for provider in PROVIDERS {
        let title = format!("[cluster] with `provider = \"{}\"`", provider.name);
        section(out, &title, &schema["$defs"][format!("provider-{}", provider.name)])?;
    }
    section(out, "[profile.NAME]", described(&sections["profile"]))?;
    section(out, "[[stage]]", &schema["$defs"]["stage"])?;
    let common = |key: &str| format!("step-{key}");
    let steps: Vec<Setting> = config::COMMON_KEYS
        .iter()
        .flat_map(|key| settings(&one(key, &schema["$defs"][common(key)], matches!(*key, "id" | "action"))))
        .collect();
    writeln!(
        out,
        "\n## [[stage.step]]\n\nBesides those of its action ([actions.md](actions.md)) every step may have these keys.\n"
    )?;
    write_table(out, &steps)
}

/// Returns the schema of a table with the key `key` alone.
fn one(key: &str, schema: &Value, required: bool) -> Value {
    let names: &[&str] = if required { &[key] } else { &[] };
    serde_json::json!({"properties": {key: schema}, "required": names})
}

/// The entries of a table that a person names.
fn described(schema: &Value) -> &Value {
    &schema["additionalProperties"]
}

fn section(out: &mut dyn Write, title: &str, schema: &Value) -> io::Result<()> {
    writeln!(out, "\n## {title}\n")?;
    if let Some(about) = schema["description"].as_str() {
        writeln!(out, "{}.", about.trim_end_matches('.'))?;
    }
    let settings = settings(schema);
    if !settings.is_empty() && schema["description"].is_string() {
        writeln!(out)?;
    }
    write_table(out, &settings)
}
