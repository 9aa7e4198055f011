//! `provision why`: why a step is fresh or stale, with the inputs that changed.

use super::args::{Cli, ReadFormat, WhyArgs};
use super::inspect::forecast_steps;
use super::output::Terminal;
use super::project::Project;
use crate::error::{Failure, FailureKind};
use crate::fingerprint::Inputs;
use crate::plan::{Depth, Forecast, Selection, select};
use crate::report::{Explanation, InputChange, LastSuccess, write_explanation, write_explanation_json};

pub(super) fn why(cli: &Cli, terminal: &Terminal, args: &WhyArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let number = project.graph.steps.iter().position(|node| node.step.id.as_str() == args.step);
    let targets = vec![args.step.clone()];
    let plan = select(&project.graph, &Selection { targets, ..Selection::default() })?;
    let Some(number) = number else {
        return Err(Failure::new(FailureKind::Usage, format!("`{}` is a stage, not a step", args.step))
            .hint(format!("`provision plan {}` shows its steps", args.step)));
    };
    let history = project.history()?;
    let forecasts = forecast_steps(&project, &plan, &history, Depth::Explain)?;
    let node = &project.graph.steps[number];
    let step = &node.step.id;
    let forecast = forecasts.into_iter().find(|forecast| forecast.step == *step);
    let success = history.step(step).and_then(|known| known.last_success.as_ref());
    let mut explanation = Explanation {
        step: step.clone(),
        title: node.step.title.clone(),
        applies: forecast.is_some(),
        reasons: Vec::new(),
        inputs: Vec::new(),
        last: success.map(|end| LastSuccess {
            run: end.run.clone(),
            finished_ms: end.at_ms,
            duration_ms: end.duration_ms,
            output: end.output.clone(),
        }),
    };
    terminal.warn(forecast.iter().flat_map(Forecast::warnings));
    if let Some(forecast) = forecast {
        if let Some(checked) = forecast.checked {
            explanation.inputs = changes(success.map(|end| &end.inputs), &checked.inputs);
            explanation.reasons = checked.reasons;
        }
        // Its own check does not know what the steps before it will do.
        if let Some(reason) = forecast.stale.filter(|reason| !explanation.reasons.contains(reason)) {
            explanation.reasons.push(reason);
        }
    }
    terminal.print(|out| match args.format {
        ReadFormat::Text => write_explanation(out, terminal.out, &explanation),
        ReadFormat::Json => write_explanation_json(out, &explanation),
    })?;
    Ok(0)
}

/// Returns every label with its digest at the last success and now.
fn changes(then: Option<&Inputs>, now: &Inputs) -> Vec<InputChange> {
    let mut labels: Vec<&str> =
        now.iter().chain(then.into_iter().flat_map(Inputs::iter)).map(|(label, _)| label).collect();
    labels.sort_unstable();
    labels.dedup();
    let of = |inputs: &Inputs, label: &str| inputs.get(label).map(|digest| digest.to_string());
    let change = |label: &str| InputChange {
        label: label.to_owned(),
        then: then.and_then(|then| of(then, label)),
        now: of(now, label),
    };
    labels.into_iter().map(change).collect()
}
