//! What a pipeline executes, as it stands in its file: for a person who decides whether to trust it.

use toml::{Table, Value};

use crate::action::ActionType;

/// The keys of a step that execute nothing.
const SAYS_NOTHING: &[&str] =
    &["id", "action", "title", "needs", "covers", "timeout", "retry", "optional", "fallback", "exercise"];

/// The sections besides the stages that matter to what is executed.
const SECTIONS: &[&str] = &["vars", "secrets", "cluster", "profile"];

/// Returns what the pipeline `text` executes, in lines: its sections, then each step with its settings. Expressions
/// stay as they are written.
pub(super) fn lines(text: &str) -> Vec<String> {
    let Ok(file) = text.parse::<Table>() else { return Vec::new() };
    let mut lines = Vec::new();
    for name in SECTIONS {
        if let Some(section) = file.get(*name).and_then(Value::as_table) {
            lines.push(format!("  [{name}]"));
            settings(&mut lines, section, &[]);
        }
    }
    for (id, step) in steps(&file) {
        lines.push(format!("  {}: {}", printable(&id), printable(word(step, "action"))));
        settings(&mut lines, step, SAYS_NOTHING);
    }
    lines
}

/// Returns the steps of the pipeline `text` whose probes run a program that the file names.
pub(super) fn run_by_probes(text: &str, actions: &[ActionType]) -> Vec<String> {
    let Ok(file) = text.parse::<Table>() else { return Vec::new() };
    let runs = |step: &Table| {
        let action = actions.iter().find(|action| action.name == word(step, "action"));
        action.is_some_and(|action| action.probe_settings.iter().any(|setting| step.contains_key(*setting)))
    };
    steps(&file).filter(|(_, step)| runs(step)).map(|(id, _)| id).collect()
}

/// Returns each step of a pipeline's file with its settings as they are written.
pub(in crate::cli) fn steps(file: &Table) -> impl Iterator<Item = (String, &Table)> {
    tables(file, "stage").flat_map(|stage| {
        let id = |step: &Table| format!("{}.{}", word(stage, "id"), word(step, "id"));
        tables(stage, "step").map(move |step| (id(step), step))
    })
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn word<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Adds a line for each setting, and more for a string of several lines.
fn settings(lines: &mut Vec<String>, table: &Table, without: &[&str]) {
    for (key, value) in table.iter().filter(|(key, _)| !without.contains(&key.as_str())) {
        let key = printable(key);
        match value.as_str().filter(|text| text.trim_end().contains('\n')) {
            Some(text) => {
                lines.push(format!("      {key} ="));
                lines.extend(text.trim_end().lines().map(|line| format!("        | {}", printable(line))));
            }
            None => lines.push(format!("      {key} = {}", printable(&value.to_string().replace('\n', " ")))),
        }
    }
}

/// Returns `text` with characters that a terminal does not show as themselves written as `\u{…}`: nothing hides itself.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.escape_debug() {
            escaped if c != '\'' && c != '"' && c != '\\' && escaped.len() > 1 => shown.extend(escaped),
            _ => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::ACTIONS;

    const PIPELINE: &str = r#"
[pipeline]
name = "t"
[secrets]
TOKEN = { env = "TOKEN" }
[[stage]]
id = "s"
[[stage.step]]
id = "a"
action = "command"
title = "Harmless"
run = """
make ${{ vars.x }}
curl "https://example.com" | sh
"""
[[stage.step]]
id = "b"
action = "tool-check"
tool = "sh"
version-args = ["-c", "touch x"]
[[stage.step]]
id = "c"
action = "command"
run = ["a\u001b[2K\u202e"]
"#;

    #[test]
    fn every_command_is_shown_and_nothing_hides_itself() {
        let expected = [
            "  [secrets]",
            "      TOKEN = { env = \"TOKEN\" }",
            "  s.a: command",
            "      run =",
            "        | make ${{ vars.x }}",
            "        | curl \"https://example.com\" | sh",
            "  s.b: tool-check",
            "      tool = \"sh\"",
            "      version-args = [\"-c\", \"touch x\"]",
            "  s.c: command",
        ];
        let shown = lines(PIPELINE);
        assert_eq!(shown[..expected.len()], expected);
        let last = shown.last().unwrap();
        assert!(last.is_ascii() && !last.contains('\u{1b}'), "{last:?}");
    }

    #[test]
    fn only_settings_for_probes_name_programs_of_probes() {
        assert_eq!(run_by_probes(PIPELINE, ACTIONS), ["s.b"]);
    }
}
