//! The pipeline as a graph: what needs what, and the last known state of every step.

mod dot;
mod json;
mod mermaid;
mod pipeline_graph;

use std::io::{self, Write};

use clap::ValueEnum;

pub(crate) use pipeline_graph::{GraphStage, GraphStep, PipelineGraph};

/// The language of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Mermaid, which GitHub and many editors draw
    Mermaid,
    /// DOT, for Graphviz
    Dot,
    /// One JSON document
    Json,
}

/// Writes a graph.
pub(crate) fn write_graph(out: &mut dyn Write, format: GraphFormat, graph: &PipelineGraph<'_>) -> io::Result<()> {
    match format {
        GraphFormat::Mermaid => mermaid::write(out, graph),
        GraphFormat::Dot => dot::write(out, graph),
        GraphFormat::Json => json::write(out, graph),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Outcome, StageId};
    use crate::report::LastState;
    use crate::report::testing::script::step;

    /// Two stages, an edge between steps and one between stages, a fallback, and a title that is no plain word.
    fn drawn(format: GraphFormat) -> String {
        let [a, b, c, d] = ["one.a", "one.b", "two.c", "two.d"].map(step);
        let ids = ["one", "two"].map(|id| StageId::new(id).unwrap());
        let ended = |outcome| LastState::Ended {
            outcome,
            finished_ms: 1_795_260_912_345,
            duration: Duration::from_millis(8123),
            message: None,
        };
        let (needs_a, needs_one) = ([a.clone()], [ids[0].clone()]);
        let of = |id, title, needs, fallback, last| GraphStep {
            id,
            title,
            action: "command",
            needs,
            fallback,
            optional: false,
            last,
        };
        let first = vec![
            of(&a, "say \"hi\" <b>\nnow\\", &[], None, ended(Outcome::Succeeded)),
            of(&b, "b", &needs_a, None, ended(Outcome::Failed)),
        ];
        let second = vec![
            of(&c, "c", &[], Some(&d), LastState::NeverRun),
            of(&d, "d", &[], None, LastState::InDoubt { started_ms: 0, by_down: false }),
        ];
        let stages = vec![
            GraphStage { id: &ids[0], title: "Build it", needs: &[], steps: first },
            GraphStage { id: &ids[1], title: "two", needs: &needs_one, steps: second },
        ];
        let mut out = Vec::new();
        write_graph(&mut out, format, &PipelineGraph { pipeline: "shop", stages }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn mermaid_has_every_step_in_its_stage_with_its_state_and_every_edge() {
        insta::assert_snapshot!(drawn(GraphFormat::Mermaid), @r##"
        flowchart LR
          subgraph s0["Build it"]
            n0["say #quot;hi#quot; #lt;b#gt; now\"]:::proven
            n1["b"]:::failed
          end
          subgraph s1["two"]
            n2["c"]:::open
            n3["d"]:::doubt
          end
          s0 --> s1
          n0 --> n1
          n2 -. fallback .-> n3
          classDef proven fill:#d3f9d8,stroke:#2b8a3e
          classDef fallback fill:#fff3bf,stroke:#e67700
          classDef failed fill:#ffe3e3,stroke:#c92a2a
          classDef running fill:#d0ebff,stroke:#1971c2
          classDef doubt fill:#fff3bf,stroke:#c92a2a
          classDef down fill:#e9ecef,stroke:#495057
          classDef open fill:#f8f9fa,stroke:#868e96
        "##);
    }

    #[test]
    fn dot_has_the_same() {
        insta::assert_snapshot!(drawn(GraphFormat::Dot), @r##"
        digraph "shop" {
          compound=true; rankdir=LR; node [shape=box, style=filled];
          subgraph cluster_0 {
            label="Build it";
            n0 [label="say \"hi\" <b> now\\", fillcolor="#d3f9d8", color="#2b8a3e"];
            n1 [label="b", fillcolor="#ffe3e3", color="#c92a2a"];
          }
          subgraph cluster_1 {
            label="two";
            n2 [label="c", fillcolor="#f8f9fa", color="#868e96"];
            n3 [label="d", fillcolor="#fff3bf", color="#c92a2a"];
          }
          n1 -> n2 [ltail=cluster_0, lhead=cluster_1];
          n0 -> n1;
          n2 -> n3 [style=dashed, label="fallback"];
        }
        "##);
    }

    #[test]
    fn json_has_the_ids_and_a_version() {
        let document: serde_json::Value = serde_json::from_str(&drawn(GraphFormat::Json)).unwrap();
        assert_eq!((&document["v"], &document["pipeline"]), (&1.into(), &"shop".into()));
        assert_eq!(document["stages"][1]["needs"][0], "one");
        let steps = &document["steps"];
        assert_eq!((&steps[1]["id"], &steps[1]["needs"][0]), (&"one.b".into(), &"one.a".into()));
        assert_eq!((&steps[0]["state"], &steps[0]["outcome"]), (&"proven".into(), &"succeeded".into()));
        assert_eq!(steps[0]["finished"], "2026-11-21T11:35:12Z");
        assert_eq!((&steps[2]["fallback"], &steps[2]["state"]), (&"two.d".into(), &"open".into()));
        assert!(steps[2]["finished"].is_null());
    }
}
