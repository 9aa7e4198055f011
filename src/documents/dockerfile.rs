//! A Dockerfile: what its last stage says, and `stages` with all of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::Document;
use crate::expr::Tree;
use crate::tools::docker::build::dockerfile::{Copied, HealthCheck, Program, Said, Stage, stages};

pub(super) fn read(text: &str) -> Result<Document, String> {
    let stages = stages(text)?;
    let mut root = stages.last().map(entries).unwrap_or_default();
    root.push(("stages", Tree::list(None, stages.iter().map(|stage| Tree::table(Some(stage.line), entries(stage))))));
    Ok(Document::new(Tree::table(stages.last().map(|stage| stage.line), root)))
}

/// What is said of a stage: nothing is there that no instruction says.
fn entries(stage: &Stage) -> Vec<(&'static str, Tree)> {
    let line = Some(stage.line);
    let text = |said: &Said<String>| Tree::scalar(Some(said.line), said.value.as_str());
    let table = |values: &BTreeMap<String, Said<String>>| {
        Tree::table(line, values.iter().map(|(name, said)| (name.clone(), text(said))))
    };
    let mut entries = vec![
        ("base", Tree::scalar(line, stage.base.as_str())),
        ("image", Tree::scalar(line, stage.image.as_str())),
        ("ports", Tree::list(line, stage.ports.iter().map(port))),
        ("env", table(&stage.env)),
        ("labels", table(&stage.labels)),
        ("args", table(&stage.args)),
        ("volumes", Tree::list(line, stage.volumes.iter().map(text))),
        ("copies", Tree::list(line, stage.copies.iter().map(copied))),
        ("runs", Tree::list(line, stage.runs.iter().map(text))),
    ];
    let optional = [
        ("name", stage.name.as_ref().map(|name| Tree::scalar(line, name.as_str()))),
        ("user", stage.user.as_ref().map(text)),
        ("workdir", stage.workdir.as_ref().map(text)),
        ("command", stage.command.as_ref().map(|said| program(said.line, &said.value))),
        ("entrypoint", stage.entrypoint.as_ref().map(|said| program(said.line, &said.value))),
        ("healthcheck", stage.healthcheck.as_ref().map(health_check)),
    ];
    entries.extend(optional.into_iter().filter_map(|(name, tree)| Some((name, tree?))));
    entries
}

/// `3000` and `3000/tcp` as a number, anything else as it is written.
fn port(said: &Said<String>) -> Tree {
    let plain = said.value.strip_suffix("/tcp").unwrap_or(&said.value);
    let value = plain.parse::<u16>().map_or_else(|_| Value::from(said.value.as_str()), Value::from);
    Tree::scalar(Some(said.line), value)
}

fn program(line: usize, program: &Program) -> Tree {
    match program {
        Program::Words(words) => {
            Tree::list(Some(line), words.iter().map(|word| Tree::scalar(Some(line), word.as_str())))
        }
        Program::Shell(text) => Tree::scalar(Some(line), text.as_str()),
    }
}

fn health_check(said: &Said<HealthCheck>) -> Tree {
    let line = Some(said.line);
    let options = said.value.options.iter().map(|(name, value)| {
        let value = value.parse::<u32>().map_or_else(|_| Value::from(value.as_str()), Value::from);
        (name.replace('-', "_"), Tree::scalar(line, value))
    });
    let command = ("command".to_owned(), program(said.line, &said.value.command));
    Tree::table(line, std::iter::once(command).chain(options))
}

fn copied(said: &Said<Copied>) -> Tree {
    let line = Some(said.line);
    let Copied { instruction, from, chown, sources, destination } = &said.value;
    let mut entries = vec![
        ("instruction", Tree::scalar(line, instruction.as_str())),
        ("sources", Tree::list(line, sources.iter().map(|source| Tree::scalar(line, source.as_str())))),
        ("destination", Tree::scalar(line, destination.as_str())),
    ];
    for (name, value) in [("from", from), ("chown", chown)] {
        if let Some(value) = value {
            entries.push((name, Tree::scalar(line, value.as_str())));
        }
    }
    Tree::table(line, entries)
}
