//! [`write_forecast`]: what a run would do.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::table::Table;
use crate::fingerprint::StaleReason;
use crate::model::{StageId, StepId};
use crate::report::style::{BUSY, DIM, PLAIN, Spans, Symbol, Theme, count, duration};

/// What is known of the pipeline of a forecast.
#[derive(Clone, Debug)]
pub(crate) struct ForecastGraph<'a> {
    pub(crate) pipeline: &'a str,
    /// Whether there is work to do.
    pub(crate) has_work: bool,
    /// The stages of the steps, each with those that it needs.
    pub(crate) stages: Vec<(&'a StageId, &'a [StageId])>,
}

/// What a run would do with a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepForecast {
    pub(crate) step: StepId,
    pub(crate) title: Arc<str>,
    pub(crate) action: &'static str,
    /// The steps that it needs besides those of the stages that its stage needs.
    pub(crate) needs: Vec<StepId>,
    /// The digest of all its inputs, where they were compared.
    pub(crate) key: Option<String>,
    /// Why it would run; `None` if it is fresh.
    pub(crate) reason: Option<StaleReason>,
    /// The duration of its last run.
    pub(crate) estimate: Option<Duration>,
}

/// Writes what a run would do with each step, by stage, and an estimate of the time. `columns` is the maximum width;
/// `None` if there is none.
pub(crate) fn write_forecast(
    out: &mut dyn Write,
    theme: Theme,
    steps: &[StepForecast],
    columns: Option<usize>,
) -> io::Result<()> {
    let ids = steps.iter().map(|forecast| &forecast.step);
    let mut table = Table::new(theme, columns, ids);
    for forecast in steps {
        let mut right = Spans::new();
        let (symbol, style, remark) = match &forecast.reason {
            None => {
                right.push(DIM, "fresh").push(PLAIN, " ".repeat(9));
                (Symbol::Good, DIM, None)
            }
            Some(reason) => {
                right.push(BUSY, "run");
                let estimate = forecast.estimate.map_or_else(String::new, |time| format!("~{}", duration(time)));
                right.push(DIM, format!(" {estimate:>8}"));
                (Symbol::Busy, BUSY, Some((PLAIN, reason.to_string())))
            }
        };
        table.row(out, &forecast.step, &forecast.title, (symbol, style), remark, &right)?;
    }
    let stale: Vec<&StepForecast> = steps.iter().filter(|forecast| forecast.reason.is_some()).collect();
    if stale.is_empty() {
        return writeln!(out, "nothing to do: {} proven", count_are(steps.len()));
    }
    let known: Duration = stale.iter().filter_map(|forecast| forecast.estimate).sum();
    let n_unknown = stale.iter().filter(|forecast| forecast.estimate.is_none()).count();
    let fresh = steps.len() - stale.len();
    write!(out, "{} to run, {fresh} fresh", count(stale.len(), "step"))?;
    if known > Duration::ZERO {
        write!(out, "; about {} of work", duration(known))?;
    }
    if n_unknown > 0 && n_unknown < stale.len() {
        write!(out, ", {n_unknown} of unknown duration")?;
    }
    writeln!(out)
}

fn count_are(n: usize) -> String {
    if n == 1 { "1 step is".to_owned() } else { format!("all {n} steps are") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::script::step;

    const THEME: Theme = Theme { color: false, unicode: true };

    #[test]
    fn a_forecast_says_what_would_run_and_why() {
        let forecast = |id: &str, title: &str, reason, estimate: Option<u64>| StepForecast {
            step: step(id),
            title: title.into(),
            action: "command",
            needs: Vec::new(),
            key: None,
            reason,
            estimate: estimate.map(Duration::from_secs),
        };
        let changed = StaleReason::InputsChanged(vec!["context".into(), "settings.image".into()]);
        let mut steps = vec![
            forecast("prereq.docker", "docker", None, Some(1)),
            forecast("build.backend", "Build the backend", Some(changed), Some(42)),
            forecast(
                "deploy.chart",
                "Install the chart",
                Some(StaleReason::DependsOn(step("build.backend"))),
                Some(90),
            ),
            forecast("verify.http", "The chat answers", Some(StaleReason::NeverRun), None),
        ];
        let mut out = Vec::new();
        write_forecast(&mut out, THEME, &steps, Some(80)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        prereq
          ✓ docker                                                        fresh
        build
          ● backend  changed: context, settings.image                       run   ~42.0s
        deploy
          ● chart    depends on build.backend                               run  ~1m 30s
        verify
          ● http     never run                                              run
        3 steps to run, 1 fresh; about 2m 12s of work, 1 of unknown duration
        ");
        steps.truncate(1);
        let mut out = Vec::new();
        write_forecast(&mut out, Theme::PLAIN, &steps, None).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        prereq
          + docker                                                                            fresh
        nothing to do: 1 step is proven
        ");
    }
}
