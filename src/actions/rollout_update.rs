//! `rollout-update`: the pods of a workload are replaced while requests go on, and none of them fails.

use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::exercise::{Exercise, NUMBERS, Requests, WorkloadName, add_inputs, nothing_left};
use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::images::Reference;
use crate::model::{Output, ProofKind};
use crate::tools::kubernetes::Change;
use crate::tools::pause::Stopwatch;

/// How long each of the two rollouts may take by default.
const WITHIN: Duration = Duration::from_secs(180);

/// Settings of `rollout-update`: what is updated, to what, and what is asked meanwhile.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RolloutUpdate {
    /// The workload: `"deployment/backend"`.
    workload: WorkloadName,
    /// Its namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// The image to update to, as the step that brought it to the node outputs it:
    /// `${{ steps.load.next.image }}`. It has to be another one than the workload runs.
    image: Option<String>,
    /// The container that gets it, where there are several.
    container: Option<String>,
    /// Instead of `image`: the pods are replaced by equal ones.
    #[serde(default)]
    restart: bool,
    /// The requests that go on meanwhile.
    requests: Requests,
    /// How long the update may take, and as long again to take it back; `"3m"` by default.
    within: Option<Time>,
}

impl ActionSettings for RolloutUpdate {
    const NAME: &'static str = "rollout-update";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Updates a workload to another image, or restarts it, while requests go on, and takes the \
         update back while they still do; done when every pod was replaced both times and no more requests failed than \
         may. Afterwards the workload is as it was released: docs/exercises.md";
    const EXAMPLE: &'static str = "workload = \"deployment/backend\"\nnamespace = \"todo\"\n\
        image = \"todo-backend:5e1b0c9d7a33\"\n\
        requests = { service = \"backend\", port = 8000, path = \"/health\", rate = 20 }";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        NUMBERS[0],
        NUMBERS[1],
        NUMBERS[2],
        NUMBERS[3],
        ("pods", "how many pods were replaced"),
        ("update-ms", "how long the update took, in milliseconds"),
        ("back-ms", "how long it took to take it back"),
        ("images", "the ids of the images that ran before and after"),
        ("updated-images", "the ids of the images that ran in between"),
    ];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::label("namespace", &self.namespace)?;
        self.requests.validate()?;
        match (&self.image, self.restart) {
            (Some(_), true) => return Err("`image` and `restart` exclude each other".into()),
            (None, false) => return Err("nothing to update to: set `image`, or `restart = true`".into()),
            (None, true) if self.container.is_some() => return Err("`container` belongs to `image`".into()),
            _ => {}
        }
        self.container.iter().try_for_each(|name| names::label("container", name))?;
        match &self.image {
            Some(image) => Reference::parse(image).map(drop).map_err(|error| format!("`image`: {error}")),
            None => Ok(()),
        }
    }
}

impl Action for RolloutUpdate {
    fn proof(&self) -> ProofKind {
        ProofKind::Seen
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            add_inputs(cx, &self.workload.target(&self.namespace), Some(self.requests.service().0), inputs).await
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move { nothing_left(cx, &self.workload.target(&self.namespace)).await })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            let target = self.workload.target(&self.namespace);
            let exercise = Box::pin(Exercise::begin(cx, &kube, target, self.within())).await?;
            let update = |_| exercise.and_back(self.update(&exercise));
            Box::pin(exercise.under_requests(&self.requests, "update", update)).await
        })
    }
}

impl RolloutUpdate {
    fn within(&self) -> Duration {
        self.within.map_or(WITHIN, |time| time.0)
    }

    async fn update(&self, exercise: &Exercise<'_>) -> Result<Output, Failure> {
        let images = exercise.image_ids().await?;
        let pods = exercise.pod_uids().await?;
        let change = match &self.image {
            Some(image) => Change::Image { container: self.container.clone(), image: image.clone() },
            None => Change::Restart,
        };
        let began = Stopwatch::start();
        exercise.change(&change).await?;
        exercise.settled(self.within()).await?;
        let update = began.elapsed();
        exercise.replaced(&pods).await?;
        let updated = exercise.image_ids().await?;
        if self.image.is_some() {
            exercise.is_other_image(&images, &updated)?;
        }
        let (began, pods) = (Stopwatch::start(), exercise.pod_uids().await?);
        exercise.change_back().await?;
        exercise.settled(self.within()).await?;
        let back = began.elapsed();
        exercise.replaced(&pods).await?;
        exercise.runs_again(&images).await?;
        Ok(Output::new()
            .with("pods", pods.len().to_string())
            .with("update-ms", update.as_millis().to_string())
            .with("back-ms", back.as_millis().to_string())
            .with("images", Exercise::ids(&images))
            .with("updated-images", Exercise::ids(&updated)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_exclude_each_other_are_refused() {
        let check = |more: &str| {
            let settings = format!("workload = 'deployment/web'\nrequests = {{ service = 'web', port = 80 }}\n{more}");
            toml::from_str::<RolloutUpdate>(&settings).unwrap().validate()
        };
        for bad in [
            "",
            "image = 'web:2'\nrestart = true",
            "restart = true\ncontainer = 'c'",
            "image = 'We b'",
            "image = 'web:2'\nnamespace = 'A'",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        check("image = 'web:2'\ncontainer = 'c'").unwrap();
        check("restart = true").unwrap();
    }
}
