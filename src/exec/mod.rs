//! Runs a plan: one loop that sees completions and signals, writes the journal, and says what happened.
//!
//! Order of everything that matters: a step's intent is durable before its action begins, its end is durable before any
//! reporter hears of it and before anything that needs it is checked. All that became known together shares one write
//! and one sync.

mod chain_verdict;
mod child_records;
mod completion;
mod contexts;
mod critical_path;
mod decisions;
mod effects;
mod event_loop;
mod last_look;
mod messages;
mod orphans;
mod prefetch;
mod run;
mod schedule;
mod tasks;
#[cfg(test)]
mod tests;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::error::Failure;
use crate::event::{EventKind, RunStarted};
use crate::journal::Journal;
use crate::model::Outline;
use crate::plan::{Graph, Plan};

pub use orphans::stop_orphans;
pub use run::{Run, RunEnd, StopSignal};

/// Runs `plan` to its end. Fails only when the journal can't be written; whatever runs is stopped first.
pub async fn execute(
    graph: &Graph,
    outline: Outline,
    plan: &Plan,
    journal: &mut Journal,
    run: Run,
    signals: UnboundedReceiver<StopSignal>,
) -> Result<RunEnd, Failure> {
    run.sink.send(EventKind::RunStarted(RunStarted {
        run: run.id.clone(),
        outline,
        selected: plan.ids(graph),
        warnings: run.warnings.clone(),
    }));
    event_loop::EventLoop::new(graph, plan, journal, run, signals).execute().await
}
