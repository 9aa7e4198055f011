//! `provision graph`: what needs what, with the last known state of every step. Nothing is probed.

use super::args::{Cli, GraphArgs};
use super::follow::run_of;
use super::output::Terminal;
use super::project::Project;
use super::status::LastStates;
use crate::error::Failure;
use crate::journal::run_on;
use crate::report::{GraphStage, GraphStep, PipelineGraph, write_graph};

pub(super) fn graph(cli: &Cli, terminal: &Terminal, args: &GraphArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let holder = run_on(project.tools.state_dir());
    let history = project.history()?;
    let on = run_of(&history, holder.as_ref()).map(|(id, _)| id);
    let known = LastStates::new(&project, &history, on);
    let stages = project.pipeline.stages.iter().map(|stage| GraphStage {
        id: &stage.id,
        title: &stage.title,
        needs: &stage.needs,
        steps: stage
            .steps
            .iter()
            .map(|step| GraphStep {
                id: &step.id,
                title: &step.title,
                action: step.action_type.name,
                needs: &step.needs,
                fallback: step.fallback.as_ref(),
                optional: step.optional,
                last: known.of(&step.id),
            })
            .collect(),
    });
    let graph = PipelineGraph { pipeline: &project.pipeline.name, stages: stages.collect() };
    terminal.print(|out| write_graph(out, args.format, &graph))?;
    Ok(0)
}
