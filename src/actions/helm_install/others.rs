//! What other checkouts of the pipeline have in the same release: an upgrade must not cost them an object, and who
//! upgrades at the same time is named.

use super::HelmInstall;
use super::down::ROLLBACK;
use crate::action::StepContext;
use crate::actions::manifest_delete::made;
use crate::error::Failure;
use crate::tools::checkout_id;
use crate::tools::deletion::{Deletion, Proof};
use crate::tools::helm::{Helm, Install};
use crate::tools::kubernetes::{Kube, ManifestObject, ManifestObjects, Release, ReleaseStatus, Revision};

/// Returns how a revision that the step makes is described: by the step, the one call of helm, and the checkout.
pub(super) fn description(cx: &StepContext, call: &str) -> String {
    let checkout = checkout_id(cx.tools().state_dir()).map(|id| format!(":{id}")).unwrap_or_default();
    format!("provision:{}:{call}{checkout}", cx.step())
}

/// Whether this checkout has made a revision that is described like this.
fn is_of_checkout(cx: &StepContext, description: &str) -> bool {
    let id = checkout_id(cx.tools().state_dir());
    id.is_some_and(|id| description.starts_with("provision:") && description.ends_with(&format!(":{id}")))
}

impl HelmInstall {
    /// Fails if helm would delete objects that another checkout has released, unless the user agrees. Nothing is asked
    /// of a release that this checkout has alone.
    pub(super) async fn permit_loss_of_others(
        &self,
        cx: &StepContext,
        helm: &Helm,
        kube: &Kube,
        history: &[Revision],
        install: &Install<'_>,
    ) -> Result<(), Failure> {
        let Some(shared) = history.last().and_then(|last| last.shared(&made::marks(cx))) else { return Ok(()) };
        // It is what helm compares with.
        let deployed = history.iter().rev().find(|revision| revision.status == ReleaseStatus::Deployed);
        let Some(number) = deployed.or(history.last()).map(|revision| revision.number) else { return Ok(()) };
        let Some(there) = kube.release(&self.namespace, &self.release, number).await? else { return Ok(()) };
        if self.is_made_here(cx, kube, &there).await? {
            return Ok(());
        }
        let planned = helm.planned_manifest(install, cx).await?;
        let gone: Vec<String> = lost(&there, &planned).iter().map(|object| object.reference.short()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let deletion = Deletion {
            subject: format!("{} of the release `{}`", gone.join(", "), self.release),
            reason: "this step's chart does not have it, so that helm would delete it".into(),
            ours: Proof::Lacking(format!("the release is deployed from {}", shared.with)),
            empty: Proof::Lacking("it may hold data".into()),
            in_use: None,
            consent_covers_ownership: true,
            by_hand: format!("{} delete {}", kube.kubectl_in(&self.namespace), gone.join(" ")),
        };
        deletion.permit(cx.tools().consent()).map_err(|failure| failure.hint(shared.apart("namespace")))?;
        cx.line(&format!("{} will be deleted, as `--yes` allows: it is of {}", gone.join(", "), shared.with));
        Ok(())
    }

    /// Whether this checkout has made a revision, or the one that it goes back to.
    async fn is_made_here(&self, cx: &StepContext, kube: &Kube, release: &Release) -> Result<bool, Failure> {
        let back_to = release.description.strip_prefix(ROLLBACK).and_then(|number| number.parse().ok());
        let Some(number) = back_to else { return Ok(is_of_checkout(cx, &release.description)) };
        let before = kube.release(&self.namespace, &self.release, number).await?;
        Ok(before.is_some_and(|before| is_of_checkout(cx, &before.description)))
    }

    /// Adds to the failure of the call `call` who else has upgraded the release since `before` was read.
    pub(super) async fn with_rival(
        &self,
        cx: &StepContext,
        kube: &Kube,
        before: &[Revision],
        call: &str,
        failure: Failure,
    ) -> Failure {
        // What has failed is told in any case.
        let Ok(now) = kube.release_history(&self.namespace, &self.release).await else { return failure };
        let known = before.last().map_or(0, |last| last.number);
        let is_rivals =
            |last: &&Revision| (last.number > known || last.status.is_pending()) && last.run.as_deref() != Some(call);
        let Some(last) = now.last().filter(is_rivals) else { return failure };
        match last.shared(&made::marks(cx)) {
            Some(shared) => failure
                .cause(format!("{} has begun its revision {} meanwhile", shared.with, last.number))
                .hint("wait until the other run has ended, and run the same command again")
                .hint(shared.apart("namespace")),
            None => failure.cause(format!("somebody else has begun its revision {} meanwhile", last.number)),
        }
    }
}

/// Returns the objects of a revision that helm deletes when it releases `planned`.
fn lost(there: &Release, planned: &str) -> Vec<ManifestObject> {
    let planned = ManifestObjects::read(planned, &there.namespace).objects;
    let mut lost = there.objects().objects;
    lost.retain(|object| {
        !object.is_kept_by_helm() && !planned.iter().any(|other| other.reference.is_same(&object.reference))
    });
    lost
}

#[cfg(test)]
mod tests;
