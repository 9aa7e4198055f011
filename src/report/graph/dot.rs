//! A graph in DOT, the language of Graphviz.

use std::io::{self, Write};

use super::pipeline_graph::{GraphStep, PipelineGraph, STATES, state};
use crate::report::text;

pub(super) fn write(out: &mut dyn Write, graph: &PipelineGraph<'_>) -> io::Result<()> {
    writeln!(out, "digraph \"{}\" {{", quoted(graph.pipeline))?;
    writeln!(out, "  compound=true; rankdir=LR; node [shape=box, style=filled];")?;
    // The numbers of the first and the last step of each stage: an edge between stages leads between steps.
    let mut ends = Vec::new();
    let mut number = 0;
    for (stage_number, stage) in graph.stages.iter().enumerate() {
        writeln!(out, "  subgraph cluster_{stage_number} {{\n    label=\"{}\";", quoted(stage.title))?;
        let first = number;
        for step in &stage.steps {
            write_step(out, number, step)?;
            number += 1;
        }
        ends.push((number > first).then_some((first, number.saturating_sub(1))));
        writeln!(out, "  }}")?;
    }
    for (stage_number, stage) in graph.stages.iter().enumerate() {
        for need in stage.needs.iter().filter_map(|id| graph.stage_number(id)) {
            if let (Some((_, from)), Some((to, _))) = (ends[need], ends[stage_number]) {
                writeln!(out, "  n{from} -> n{to} [ltail=cluster_{need}, lhead=cluster_{stage_number}];")?;
            }
        }
    }
    for (number, step) in graph.steps() {
        for need in step.needs.iter().filter_map(|id| graph.step_number(id)) {
            writeln!(out, "  n{need} -> n{number};")?;
        }
        if let Some(fallback) = step.fallback.and_then(|id| graph.step_number(id)) {
            writeln!(out, "  n{number} -> n{fallback} [style=dashed, label=\"fallback\"];")?;
        }
    }
    writeln!(out, "}}")
}

fn write_step(out: &mut dyn Write, number: usize, step: &GraphStep<'_>) -> io::Result<()> {
    let word = state(&step.last);
    let (fill, line) =
        STATES.iter().find(|(state, ..)| *state == word).map_or(("", ""), |(_, fill, line)| (*fill, *line));
    writeln!(out, "    n{number} [label=\"{}\", fillcolor=\"{fill}\", color=\"{line}\"];", quoted(step.title))
}

/// Returns a title as it stands between quotation marks, on one line.
fn quoted(title: &str) -> String {
    let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
    text::plain(&line).replace('\\', r"\\").replace('"', "\\\"")
}
