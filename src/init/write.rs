//! [`write`]: a draft as the text of a `pipeline.toml`, with comments.

use std::fmt::Write as _;

use toml::Value;

use super::draft::{Draft, SecretDraft, StageDraft, StepDraft, plain_text};

/// The most columns of a comment.
const COLUMNS: usize = 118;

/// The most items and files that a comment lists.
const MAX_LISTED: usize = 40;

/// Returns the text of a pipeline.
pub(super) fn write(draft: &Draft) -> String {
    let mut out = String::new();
    comment(
        &mut out,
        "",
        "Written by `provision init` from what is in this repository; it is yours to change. `provision plan` shows what `provision up` would do, `provision actions` what steps can do.",
    );
    list(&mut out, "Not certain:", &draft.doubts);
    let left_out: Vec<String> = draft.left_out.iter().map(|(path, why)| format!("`{path}`: {why}")).collect();
    list(&mut out, "Not used:", &left_out);
    list(
        &mut out,
        "Items of the checklists that no step covers; `covers` of a step names those that it proves:",
        &draft.open_items,
    );
    let _ = writeln!(out, "\n[pipeline]\nname = {}", text(&draft.name));
    if let Some(file) = &draft.env_file {
        comment(
            &mut out,
            "",
            "compose reads it too; what stands there under the names of `[secrets]` is masked in all output",
        );
        let _ = writeln!(out, "env-file = {}", text(file));
    }
    checklists(&mut out, draft);
    if !draft.vars.is_empty() {
        let _ = writeln!(out, "\n[vars]");
        for (name, value, about) in &draft.vars {
            if let Some(about) = about {
                comment(&mut out, "", about);
            }
            let _ = writeln!(out, "{name} = {}", text(&plain_text(value)));
        }
    }
    secrets(&mut out, &draft.secrets);
    if draft.has_cluster {
        let _ = writeln!(out, "\n[cluster]");
        comment(
            &mut out,
            "",
            "A cluster of its own on this machine. One that is there already: `provider = \"context\"` and `context = \"its name in the kubeconfig\"`.",
        );
        let _ = writeln!(
            out,
            "provider = \"minikube\"\nname = {}\ndriver = \"docker\"\ncpus = 2\nmemory = \"4g\"",
            text(&draft.name)
        );
    }
    for (name, vars) in &draft.profiles {
        let _ = writeln!(out, "\n[profile.{}]", key(name));
        let vars: Vec<String> =
            vars.iter().map(|(name, value)| format!("{name} = {}", text(&plain_text(value)))).collect();
        let _ = writeln!(out, "vars = {{ {} }}", vars.join(", "));
    }
    for one in &draft.stages {
        stage(&mut out, one);
    }
    out
}

fn checklists(out: &mut String, draft: &Draft) {
    let entries = draft.checklists.iter().map(|(name, path)| match name {
        Some(name) => format!("{} = {}", key(name), text(path)),
        None => text(path),
    });
    let entries: Vec<String> = entries.collect();
    if entries.is_empty() {
        return;
    }
    let has_names = draft.checklists.iter().any(|(name, _)| name.is_some());
    if has_names {
        let _ = writeln!(out, "\n[pipeline.checklists]\n{}", entries.join("\n"));
    } else {
        let _ = writeln!(out, "checklists = [{}]", entries.join(", "));
    }
}

fn secrets(out: &mut String, secrets: &[SecretDraft]) {
    if secrets.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n[secrets]");
    comment(
        out,
        "",
        "Their values stand in no file. `generate` makes one that then stays in the cluster alone; `env` takes it from a variable of the environment, which has to be set unless it is optional.",
    );
    for SecretDraft { name, is_generated, is_optional, .. } in secrets {
        let source = if *is_generated { "generate = \"hex32\"".to_owned() } else { format!("env = {}", text(name)) };
        let optional = if *is_optional && !is_generated { ", optional = true" } else { "" };
        let _ = writeln!(out, "{} = {{ {source}{optional} }}", key(name));
    }
}

fn stage(out: &mut String, stage: &StageDraft) {
    let is_aside = stage.steps.iter().all(|step| step.is_aside);
    let mut head = format!("[[stage]]\nid = {}\ntitle = {}\n", text(stage.id), text(&stage.title));
    if let Some(needs) = &stage.needs {
        let needs: Vec<String> = needs.iter().map(|id| text(id)).collect();
        let _ = writeln!(head, "needs = [{}]", needs.join(", "));
    }
    out.push('\n');
    push(out, &head, is_aside);
    for one in &stage.steps {
        out.push('\n');
        let indent = if one.is_aside { "  # " } else { "  " };
        for line in &one.comments {
            comment(out, if one.is_aside { "  " } else { indent }, line);
        }
        for line in step(one).lines() {
            let _ = writeln!(out, "{}", format!("{indent}{line}").trim_end());
        }
    }
}

fn step(step: &StepDraft) -> String {
    let mut lines = vec!["[[stage.step]]".to_owned(), format!("id = {}", text(&step.id))];
    lines.extend(step.title.iter().map(|title| format!("title = {}", text(title))));
    lines.push(format!("action = {}", text(step.action)));
    if !step.needs.is_empty() {
        lines
            .push(format!("needs = {}", Value::Array(step.needs.iter().map(|id| Value::String(id.clone())).collect())));
    }
    lines.extend(step.settings.iter().map(|(name, value)| {
        let script = value.as_str().filter(|_| *name == "run").and_then(script);
        format!("{name} = {}", script.unwrap_or_else(|| shown(value)))
    }));
    if !step.covers.is_empty() {
        lines.push(format!(
            "covers = {}",
            Value::Array(step.covers.iter().map(|id| Value::String(id.clone())).collect())
        ));
    }
    for (name, entries) in &step.tables {
        lines.push(String::new());
        lines.push(format!("  [stage.step.{name}]"));
        lines.extend(entries.iter().map(|(path, value)| {
            format!("  {} = {value}", path.iter().map(|part| key(part)).collect::<Vec<_>>().join("."))
        }));
    }
    lines.join("\n")
}

/// Adds text, as a comment if it is not to count.
fn push(out: &mut String, text: &str, is_aside: bool) {
    for line in text.lines() {
        let _ = writeln!(out, "{}{line}", if is_aside { "# " } else { "" });
    }
}

/// Adds a list as a comment.
fn list(out: &mut String, title: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    out.push_str("#\n");
    comment(out, "", title);
    for entry in entries.iter().take(MAX_LISTED) {
        comment(out, "", &format!("- {entry}"));
    }
    if let Some(more) = entries.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        comment(out, "", &format!("- and {more} more"));
    }
}

/// Adds a comment, broken into lines.
fn comment(out: &mut String, indent: &str, text: &str) {
    let follow = if text.starts_with("- ") { "  " } else { "" };
    let mut line = format!("{indent}#");
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() + 1 > COLUMNS && line.len() > indent.len() + 1 {
            let _ = writeln!(out, "{line}");
            line = format!("{indent}#{follow}");
        }
        line.push(' ');
        // No control character reaches the file.
        line.extend(word.chars().filter(|c| !c.is_control()));
    }
    let _ = writeln!(out, "{line}");
}

/// A value as TOML has it, in one line.
fn shown(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        value => value.to_string(),
    }
}

/// Several lines for the shell as TOML has them, below each other; `None` where that would change what they do.
fn script(value: &str) -> Option<String> {
    // A quoted text or a document may go on in the next line: its spaces count.
    let is_whole = |line: &str| ['\'', '"'].iter().all(|quote| line.matches(*quote).count().is_multiple_of(2));
    let is_plain =
        |line: &str| is_whole(line) && !line.contains("<<") && !line.ends_with('\\') && !line.contains("'''");
    let has_control = value.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    if !value.contains('\n') || has_control || !value.lines().all(is_plain) {
        return None;
    }
    let lines: Vec<String> = value.lines().map(|line| format!("  {line}")).collect();
    Some(format!("'''\n{}\n'''", lines.join("\n")))
}

/// A string as TOML has it, in one line.
fn text(value: &str) -> String {
    // What JSON escapes, TOML escapes in the same way.
    if value.contains('\n') {
        serde_json::Value::from(value).to_string()
    } else {
        Value::String(value.to_owned()).to_string()
    }
}

/// A key as TOML has it.
fn key(name: &str) -> String {
    let is_bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_bare { name.to_owned() } else { text(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_aside_is_a_comment_and_everything_else_is_read_back() {
        let mut used = StepDraft::new("web", "helm-install")
            .set("release", "we\"b")
            .list("values", ["a", "b"])
            .comment("why ".repeat(60));
        used.tables.push(("set", vec![(vec!["image".into(), "a.b".into()], Value::String("${{ x }}".into()))]));
        let aside = StepDraft { is_aside: true, ..StepDraft::new("other", "command").set("run", "a\nb") };
        let draft = Draft {
            name: "shop".into(),
            checklists: vec![(Some("a".into()), "a/tasks.md".into()), (Some("b".into()), "b/tasks.md".into())],
            vars: vec![("values".into(), "x.yaml".into(), Some("about".into()))],
            secrets: vec![
                SecretDraft { name: "A".into(), is_generated: true, is_optional: true, is_given: false },
                SecretDraft { name: "B".into(), is_optional: true, ..SecretDraft::default() },
            ],
            has_cluster: true,
            profiles: vec![("prod".into(), [("values".to_owned(), "y.yaml".to_owned())].into())],
            stages: vec![StageDraft {
                id: "deploy",
                title: "Deploy".into(),
                needs: Some(vec!["load"]),
                steps: vec![used, aside],
            }],
            doubts: vec!["a `doubt`\u{1b}[31m".into()],
            ..Draft::default()
        };
        let written = write(&draft);
        assert!(written.lines().all(|line| line.chars().count() <= 120) && !written.contains('\u{1b}'), "{written}");
        let read: toml::Table = written.parse().unwrap();
        assert_eq!(read["pipeline"]["checklists"]["b"].as_str(), Some("b/tasks.md"));
        assert_eq!(read["profile"]["prod"]["vars"]["values"].as_str(), Some("y.yaml"));
        assert_eq!(read["secrets"]["A"].to_string(), r#"{ generate = "hex32" }"#);
        let steps = read["stage"][0]["step"].as_array().unwrap();
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0]["release"].as_str(), Some("we\"b"));
        assert_eq!(steps[0]["set"]["image"]["a.b"].as_str(), Some("${{ x }}"));
        let commented: Vec<&str> = written
            .lines()
            .filter_map(|line| line.strip_prefix("  # "))
            .skip_while(|line| *line != "[[stage.step]]")
            .collect();
        let commented: toml::Table = format!("[[stage]]\n{}", commented.join("\n")).parse().unwrap();
        assert_eq!(commented["stage"][0]["step"][0]["run"].as_str(), Some("  a\n  b\n"));
    }

    #[test]
    fn lines_for_the_shell_stand_below_each_other_where_that_changes_nothing() {
        for (value, expected) in [
            ("a\nif b; then\n  'c d'\nfi", Some("'''\n  a\n  if b; then\n    'c d'\n  fi\n'''")),
            ("a", None),
            ("cat <<END\n x\nEND", None),
            ("echo 'a\nb'", None),
            ("echo \"a\nb\"", None),
            ("echo a \\\n b", None),
            ("echo ''''''\n b", None),
            ("echo \u{1b}\nb", None),
        ] {
            assert_eq!(script(value).as_deref(), expected, "{value:?}");
        }
    }
}
