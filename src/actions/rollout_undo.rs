//! `rollout-undo`: the version before comes back within a limit, by the history that the cluster keeps.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::exercise::{Exercise, ImageIds, NUMBERS, Requests, WorkloadName, add_inputs, nothing_left};
use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::images::Reference;
use crate::model::{Output, ProofKind};
use crate::tools::kubernetes::{Change, WorkloadKind};
use crate::tools::pause::Stopwatch;
use crate::tools::poll_until;
use crate::tools::process::ProcessObserver;

/// How long the undo may take by default.
const WITHIN: Duration = Duration::from_secs(60);

/// How long the update before it may take, and how long everything may take to be steady after it.
const UPDATE: Duration = Duration::from_secs(180);

/// How often is looked whether the version before is back.
const INTERVAL: Duration = Duration::from_millis(250);

/// Settings of `rollout-undo`: what is updated, to what, and how soon the version before has to be back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RolloutUndo {
    /// The Deployment: `"deployment/backend"`.
    workload: WorkloadName,
    /// Its namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// The image that it is updated to before that is undone; another one than it runs.
    image: String,
    /// The container that gets it, where there are several.
    container: Option<String>,
    /// How soon after the undo all pods have to be those of the version before, ready, with the images that ran
    /// before; `"60s"` by default.
    within: Option<Time>,
    /// The requests that go on meanwhile, if there have to be any.
    requests: Option<Requests>,
}

impl ActionSettings for RolloutUndo {
    const NAME: &'static str = "rollout-undo";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Updates a Deployment to another image and undoes that by the history that the cluster \
         keeps, as `kubectl rollout undo` does; done when all pods run the images that ran before, by their ids, and are \
         ready within the limit. Afterwards the Deployment is as it was released: docs/exercises.md";
    const EXAMPLE: &'static str = "workload = \"deployment/backend\"\nnamespace = \"todo\"\n\
        image = \"todo-backend:5e1b0c9d7a33\"\nwithin = \"60s\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("undo-ms", "how long it took until the version before was back, in milliseconds"),
        ("revision", "the revision that came back, as the cluster had numbered it"),
        ("images", "the ids of the images that ran before and after"),
        ("updated-images", "the ids of the images that ran in between"),
        NUMBERS[0],
        NUMBERS[1],
        NUMBERS[2],
        NUMBERS[3],
    ];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::label("namespace", &self.namespace)?;
        if self.workload.kind != WorkloadKind::Deployment {
            return Err("`workload` must be a Deployment: of others the cluster keeps no versions to go back to".into());
        }
        self.container.iter().try_for_each(|name| names::label("container", name))?;
        self.requests.iter().try_for_each(Requests::validate)?;
        Reference::parse(&self.image).map(drop).map_err(|error| format!("`image`: {error}"))
    }
}

impl Action for RolloutUndo {
    fn proof(&self) -> ProofKind {
        ProofKind::Seen
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let service = self.requests.as_ref().map(|requests| requests.service().0);
            add_inputs(cx, &self.workload.target(&self.namespace), service, inputs).await
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move { nothing_left(cx, &self.workload.target(&self.namespace)).await })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            let target = self.workload.target(&self.namespace);
            let exercise = Box::pin(Exercise::begin(cx, &kube, target, UPDATE)).await?;
            let Some(requests) = &self.requests else {
                return Box::pin(exercise.and_back(self.update_and_undo(&exercise))).await;
            };
            let work = |_| exercise.and_back(self.update_and_undo(&exercise));
            Box::pin(exercise.under_requests(requests, "undo", work)).await
        })
    }
}

impl RolloutUndo {
    async fn update_and_undo(&self, exercise: &Exercise<'_>) -> Result<Output, Failure> {
        let images = exercise.image_ids().await?;
        let change = Change::Image { container: self.container.clone(), image: self.image.clone() };
        exercise.change(&change).await?;
        exercise.settled(UPDATE).await?;
        let updated = exercise.image_ids().await?;
        exercise.is_other_image(&images, &updated)?;
        exercise.cx.check_cancel()?;
        let began = Stopwatch::start();
        let revision = exercise.kube.undo_rollout(&exercise.target).await?;
        let undone = self.is_back(exercise, &images, began).await?;
        exercise.cx.line(&format!("revision {revision} is back after {:.1} s", undone.as_secs_f64()));
        exercise.settled(UPDATE).await?;
        exercise.runs_again(&images).await?;
        Ok(Output::new()
            .with("undo-ms", undone.as_millis().to_string())
            .with("revision", revision.to_string())
            .with("images", Exercise::ids(&images))
            .with("updated-images", Exercise::ids(&updated)))
    }

    /// Waits until all pods are of the version before. Returns how long that took.
    async fn is_back(&self, exercise: &Exercise<'_>, images: &ImageIds, began: Stopwatch) -> Result<Duration, Failure> {
        let limit = self.within.map_or(WITHIN, |time| time.0);
        let what = format!("waiting for the version before of {}", exercise.name());
        poll_until(exercise.cx.cancel(), Some(limit), INTERVAL, &what, || async {
            let late = || {
                let name = exercise.name();
                Failure::failed(format!("the version before of {name} was not back within {} s", limit.as_secs_f64()))
            };
            let found = exercise.kube.targets(std::slice::from_ref(&exercise.target), false).await?;
            if let Some(workload) = found.iter().find(|workload| !workload.complete) {
                return Ok(ControlFlow::Continue(late().cause(workload.missing())));
            }
            let now = exercise.image_ids().await?;
            Ok(if now == *images {
                ControlFlow::Break(began.elapsed())
            } else {
                ControlFlow::Continue(late().cause(format!("its pods run {}", Exercise::ids(&now))))
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_deployment_has_a_version_to_go_back_to() {
        let check = |workload: &str| {
            let settings = format!("workload = '{workload}'\nimage = 'web:2'");
            toml::from_str::<RolloutUndo>(&settings).unwrap().validate()
        };
        check("deployment/web").unwrap();
        assert!(check("statefulset/web").unwrap_err().contains("must be a Deployment"));
    }
}
