//! What a run is about: the pipeline as a graph, the selected part of it, and whether a step has to run.

mod candidates;
mod chains;
mod evidence;
mod forecast;
mod freshness;
mod graph;
mod past;
mod select;
mod unproven;

pub use candidates::{Candidate, candidates};
pub(crate) use chains::torn;
pub use evidence::{Moment, proofs};
pub use forecast::{Checking, Forecast, forecast};
pub use freshness::{Depth, FreshnessCheck, check, inputs_of};
pub use graph::{Graph, StageNode, StepNode};
pub use past::{KnownThen, known_then};
pub use select::{Plan, Selection, select};
pub use unproven::{Unproven, unproven};
