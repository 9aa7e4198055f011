//! A graph in Mermaid.

use std::io::{self, Write};

use super::pipeline_graph::{PipelineGraph, STATES, state};
use crate::report::text;

pub(super) fn write(out: &mut dyn Write, graph: &PipelineGraph<'_>) -> io::Result<()> {
    writeln!(out, "flowchart LR")?;
    let mut number = 0;
    for (stage_number, stage) in graph.stages.iter().enumerate() {
        writeln!(out, "  subgraph s{stage_number}[\"{}\"]", label(stage.title))?;
        for step in &stage.steps {
            writeln!(out, "    n{number}[\"{}\"]:::{}", label(step.title), state(&step.last))?;
            number += 1;
        }
        writeln!(out, "  end")?;
    }
    for (stage_number, stage) in graph.stages.iter().enumerate() {
        for need in stage.needs.iter().filter_map(|id| graph.stage_number(id)) {
            writeln!(out, "  s{need} --> s{stage_number}")?;
        }
    }
    for (number, step) in graph.steps() {
        for need in step.needs.iter().filter_map(|id| graph.step_number(id)) {
            writeln!(out, "  n{need} --> n{number}")?;
        }
        if let Some(fallback) = step.fallback.and_then(|id| graph.step_number(id)) {
            writeln!(out, "  n{number} -. fallback .-> n{fallback}")?;
        }
    }
    for (word, fill, stroke) in STATES {
        writeln!(out, "  classDef {word} fill:{fill},stroke:{stroke}")?;
    }
    Ok(())
}

/// Returns a title as the text of a node: on one line, with what means something to Mermaid as entities.
fn label(title: &str) -> String {
    let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = text::plain(&line).replace('#', "#35;");
    line.replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}
