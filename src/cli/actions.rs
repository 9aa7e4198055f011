//! `provision actions`: the reference of all actions.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::args::{ActionsArgs, ReadFormat};
use super::output::Terminal;
use super::settings::{Setting, settings, write_table};
use crate::action::ActionType;
use crate::actions::ACTIONS;
use crate::error::{Failure, ids};
use crate::report::write_document;
use crate::suggest::nearest;

pub(super) fn actions(terminal: &Terminal, args: &ActionsArgs) -> Result<u8, Failure> {
    let named = |name: &String| ACTIONS.iter().find(|action| action.name == name).ok_or_else(|| unknown(name));
    let chosen = args.name.as_ref().map(named).transpose()?;
    match chosen {
        _ if args.format == ReadFormat::Json => terminal.print(|out| document(out, chosen))?,
        Some(action) => terminal.print(|out| one(out, action))?,
        None if args.markdown => terminal.print(markdown)?,
        None => terminal.print(list)?,
    }
    Ok(0)
}

/// Writes one action, or all, as a document. docs/agents.md describes it.
fn document(out: &mut dyn Write, chosen: Option<&ActionType>) -> io::Result<()> {
    let wire = |action: &ActionType| {
        let settings = settings_of(action).into_iter().map(|setting| {
            json!({"name": setting.name, "required": setting.required, "type": setting.kind, "about": setting.about})
        });
        let outputs = action.outputs.iter().map(|(name, about)| json!({"name": name, "about": about}));
        json!({
            "name": action.name,
            "summary": action.summary,
            "settings": settings.collect::<Value>(),
            "outputs": outputs.collect::<Value>(),
            "example": example(action),
        })
    };
    let actions: Value = ACTIONS.iter().filter(|one| chosen.is_none_or(|it| it.name == one.name)).map(wire).collect();
    write_document(out, &json!({"v": 1, "actions": actions}))
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = ACTIONS.iter().map(|action| action.name).collect();
    let failure = Failure::of(ids::NAME_UNKNOWN, format!("unknown action `{name}`"));
    let near = match nearest(name, names.iter().copied()) {
        Some(near) => vec![near],
        None => with_part(name, &names),
    };
    let near = near.iter().map(|near| format!("`{near}`")).collect::<Vec<_>>().join(" or ");
    let failure = if near.is_empty() { failure } else { failure.hint(format!("did you mean {near}?")) };
    failure.hint("`provision actions` lists all of them")
}

/// Returns the names of which a part is meant by `name`: `docker-build` by `dockr`.
fn with_part<'a>(name: &str, names: &[&'a str]) -> Vec<&'a str> {
    let parts = || names.iter().flat_map(|name| name.split('-'));
    let part = parts().find(|part| *part == name).or_else(|| nearest(name, parts()));
    names.iter().copied().filter(|name| part.is_some_and(|part| name.split('-').any(|of| of == part))).collect()
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    let width = ACTIONS.iter().map(|action| action.name.len()).max().unwrap_or(0);
    for action in ACTIONS {
        writeln!(out, "{:width$}  {}", action.name, action.summary)?;
    }
    writeln!(out, "\n`provision actions NAME` shows an action's settings.")
}

/// Returns the settings of an action.
fn settings_of(action: &ActionType) -> Vec<Setting> {
    settings((action.schema)().as_value())
}

fn one(out: &mut dyn Write, action: &ActionType) -> io::Result<()> {
    writeln!(out, "{}: {}\n", action.name, action.summary)?;
    writeln!(out, "Settings:")?;
    let settings = settings_of(action);
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
    writeln!(out, "For the keys that every step may have (`needs`, `covers`, `timeout`, …), see settings.md.")?;
    for action in ACTIONS {
        writeln!(out, "\n## {}\n\n{}.\n", action.name, action.summary)?;
        let settings = settings_of(action);
        write_table(out, &settings)?;
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
