//! What the steps share that exercise a deployment: they change a workload, look what becomes of the requests to it,
//! and take the change back, also when they fail or are stopped.

mod requests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use tokio::sync::{Mutex, MutexGuard};

use crate::action::{Presence, StepContext, names};
use crate::actions::rollout_check::wait;
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::tools::kubernetes::{Change, Exerciser, Kube, Target, WorkloadKind};
use crate::tools::process::ProcessObserver;
use crate::tools::{checkout_id, pause};

pub(super) use requests::{NUMBERS, Requests};

/// How often a change is tried to be taken back while the API server is busy, and the pause between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// A workload by kind and name: `deployment/web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkloadName {
    pub(super) kind: WorkloadKind,
    name: String,
}

impl<'de> Deserialize<'de> for WorkloadName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let kinds = [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet];
        let found = text.split_once('/').and_then(|(kind, name)| {
            let kind = kinds.into_iter().find(|known| known.word() == kind)?;
            Some(Self { kind, name: name.to_owned() })
        });
        let found = found.ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is no workload: write it as `deployment/NAME`, `statefulset/NAME` or `daemonset/NAME`"
            ))
        })?;
        names::object("workload", &found.name).map_err(de::Error::custom)?;
        Ok(found)
    }
}

impl JsonSchema for WorkloadName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Workload".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(deployment|statefulset|daemonset)/.+$"})
    }
}

impl WorkloadName {
    pub(super) fn target(&self, namespace: &str) -> Target {
        (self.kind, namespace.to_owned(), self.name.clone())
    }
}

/// The images that the containers of a workload's pods run: container and id of each.
pub(super) type ImageIds = BTreeSet<(String, String)>;

/// Held by the step that exercises: two at once would see what the other one does.
static TURN: Mutex<()> = Mutex::const_new(());

/// One step's exercise of one workload.
pub(super) struct Exercise<'a> {
    pub(super) cx: &'a StepContext,
    pub(super) kube: &'a Kube,
    pub(super) target: Target,
    by: Exerciser,
    /// While it goes on.
    turn: Option<MutexGuard<'static, ()>>,
}

impl<'a> Exercise<'a> {
    /// Without a turn: nothing is changed.
    fn new(cx: &'a StepContext, kube: &'a Kube, target: Target) -> Result<Self, Failure> {
        let state_dir = cx.tools().state_dir();
        let checkout = checkout_id(state_dir)
            .ok_or_else(|| Failure::failed(format!("the state folder {} can't be resolved", state_dir.display())))?;
        let by = Exerciser { checkout, run: cx.run().map(|run| run.id.clone()), step: cx.step().to_string() };
        Ok(Self { cx, kube, target, by, turn: None })
    }

    /// Waits until no other step exercises anything, takes back what a killed run has left, and waits until the
    /// workload is rolled out.
    pub(super) async fn begin(
        cx: &'a StepContext,
        kube: &'a Kube,
        target: Target,
        limit: Duration,
    ) -> Result<Self, Failure> {
        let mut exercise = Self::new(cx, kube, target)?;
        let turn = async { Ok(TURN.lock().await) };
        exercise.turn = Some(cx.unless_cancelled("waiting for the end of another exercise", turn).await?);
        let left = kube.take_back(&exercise.target, &exercise.by);
        if let Some(done) = cx.unless_cancelled("taking back what a killed run left", left).await? {
            cx.line(&format!("left by a run that was killed: {done}"));
        }
        exercise.settled(limit).await?;
        Ok(exercise)
    }

    /// The workload as messages name it.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.target.0.word(), self.target.2)
    }

    /// Waits until the workload is rolled out.
    pub(super) async fn settled(&self, limit: Duration) -> Result<(), Failure> {
        wait(self.cx, self.kube, vec![self.target.clone()], false, Some(limit)).await.map(drop)
    }

    /// Changes the workload.
    pub(super) async fn change(&self, change: &Change) -> Result<(), Failure> {
        self.cx.check_cancel()?;
        let done = self.kube.exercise(&self.target, change, &self.by).await?;
        self.cx.line(&done);
        Ok(())
    }

    /// Takes the change back.
    pub(super) async fn change_back(&self) -> Result<(), Failure> {
        if let Some(done) = self.kube.take_back(&self.target, &self.by).await? {
            self.cx.line(&done);
        }
        Ok(())
    }

    async fn surely_back(&self) -> Result<(), Failure> {
        let mut tries = 1;
        loop {
            match self.change_back().await {
                Err(failure) if failure.transient && tries < TRIES => pause::sleep(PAUSE).await,
                result => return result,
            }
            tries += 1;
        }
    }

    /// Does `work`, which changes the workload, takes that back, and ends soon when stopping is asked. Whatever comes
    /// of it, nothing of it is left: if that can't be achieved, the failure says so.
    pub(super) async fn and_back<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let killed = || Failure::interrupted(format!("the check of {}", self.name()));
        let result = tokio::select! {
            biased;
            result = work => result,
            () = self.cx.cancel().killed() => Err(killed()),
        };
        let back = tokio::select! {
            biased;
            back = self.surely_back() => back,
            () = self.cx.cancel().killed() => Err(killed()),
        };
        let Err(back) = back else { return result };
        let name = self.name();
        let failure = match result {
            Ok(_) => back,
            Err(failure) => failure.cause(format!("taking the change back failed: {back}")),
        };
        let how = "run the same command again: the step takes it back before it begins";
        Err(self.cx.leaves(failure, &format!("{name} is left changed; {how}")))
    }

    /// The uids of the pods of the newest version.
    pub(super) async fn pod_uids(&self) -> Result<BTreeSet<String>, Failure> {
        Ok(self.kube.pods_of(&self.target).await?.into_iter().map(|pod| pod.uid).collect())
    }

    /// Fails unless none of the pods is one of `before`.
    pub(super) async fn replaced(&self, before: &BTreeSet<String>) -> Result<(), Failure> {
        let n_kept = self.pod_uids().await?.intersection(before).count();
        if n_kept == 0 {
            return Ok(());
        }
        Err(Failure::failed(format!("{n_kept} pods of {} were not replaced", self.name())))
    }

    /// Fails if the pods run the same images as `before`: then nothing was updated.
    pub(super) fn is_other_image(&self, before: &ImageIds, now: &ImageIds) -> Result<(), Failure> {
        if now != before {
            return Ok(());
        }
        Err(Failure::failed(format!("`image` is the image that {} runs already", self.name()))
            .cause(format!("its id is the same: {}", Self::ids(now)))
            .hint("build another version, such as with another build argument, and bring it to the node before"))
    }

    /// Fails unless the pods run the images `before`.
    pub(super) async fn runs_again(&self, before: &ImageIds) -> Result<(), Failure> {
        let now = self.image_ids().await?;
        if now == *before {
            return Ok(());
        }
        Err(Failure::failed(format!("{} does not run the images that it ran before", self.name())).cause(format!(
            "it ran {} and runs {}",
            Self::ids(before),
            Self::ids(&now)
        )))
    }

    /// The ids of images in a line.
    pub(super) fn ids(images: &ImageIds) -> String {
        images.iter().map(|(container, id)| format!("{container}={id}")).collect::<Vec<_>>().join(" ")
    }

    /// The images that the pods of the newest version run.
    pub(super) async fn image_ids(&self) -> Result<ImageIds, Failure> {
        let (kind, namespace, name) = &self.target;
        let Some(workload) = self.kube.workload(*kind, namespace, name).await? else { return Ok(ImageIds::new()) };
        let running = self.kube.running_images(&workload).await?;
        Ok(running.into_iter().map(|one| (one.container, one.id)).collect())
    }
}

/// Adds what the outcome of an exercise depends on: what the workload says, the images that its pods run, and the
/// Service.
pub(super) async fn add_inputs(
    cx: &StepContext,
    target: &Target,
    service: Option<&str>,
    inputs: &mut Inputs,
) -> Result<(), Failure> {
    let kube = cx.tools().kube().await?;
    let exercise = Exercise::new(cx, &kube, target.clone())?;
    let name = exercise.name();
    let Some(behaviour) = kube.behaviour(target).await? else {
        inputs.unknown(format!("{name}, which is not there"));
        return Ok(());
    };
    inputs.text(name.clone(), &behaviour);
    let images = exercise.image_ids().await?;
    inputs.text(format!("images of {name}"), &format!("{images:?}"));
    if let Some(service) = service {
        match kube.leads_to(&target.1, service).await? {
            Some(leads_to) => inputs.text(format!("service/{service}"), &leads_to),
            None => inputs.unknown(format!("service/{service}, which is not there")),
        }
    }
    Ok(())
}

/// Whether nothing of an exercise is left on its workload, which has to be there.
pub(super) async fn nothing_left(cx: &StepContext, target: &Target) -> Result<Presence, Failure> {
    let kube = cx.tools().kube().await?;
    let (kind, namespace, name) = target;
    if kube.workload(*kind, namespace, name).await?.is_none() {
        return Ok(Presence::Missing(format!("{}/{name} is gone", kind.word())));
    }
    Ok(kube.left_on(target).await?.map_or(Presence::Present, Presence::Missing))
}

#[cfg(test)]
mod tests;
