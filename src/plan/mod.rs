//! What a run is about: the pipeline as a graph, the selected part of it, and whether a step has to run.

mod forecast;
mod freshness;
mod graph;
mod select;

pub use forecast::{Forecast, forecast};
pub use freshness::{Checked, Depth, check, compare, inputs_of, nothing_to_look_at};
pub use graph::{Graph, StageNode, StepNode};
pub use select::{Plan, Selection, select};
