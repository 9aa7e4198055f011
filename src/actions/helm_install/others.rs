//! What other checkouts of the pipeline have in the same release: an upgrade must not cost them an object, and who
//! upgrades at the same time is named.

use crate::action::StepContext;
use crate::actions::manifest_delete::made;
use crate::error::Failure;
use crate::tools::checkout_id;
use crate::tools::deletion::{Deletion, Proof};
use crate::tools::kubernetes::{Kube, ManifestObject, ManifestObjects, Release, ReleaseStatus, Revision};

/// How Helm describes a revision that a rollback has made.
pub(super) const ROLLBACK: &str = "Rollback to ";

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

/// A release that other checkouts may have deployed too.
pub(in crate::actions) struct CommonRelease<'a> {
    pub(in crate::actions) cx: &'a StepContext,
    pub(in crate::actions) kube: &'a Kube,
    pub(in crate::actions) namespace: &'a str,
    pub(in crate::actions) release: &'a str,
}

impl CommonRelease<'_> {
    /// Fails if helm would delete objects that another checkout has released, unless the user agrees: it deletes what
    /// its `plan` no longer has. Nothing is asked of a release that this checkout has alone. `reason` says who does not
    /// have them.
    pub(in crate::actions) async fn permit_loss(
        &self,
        history: &[Revision],
        plan: impl Future<Output = Result<String, Failure>>,
        reason: &str,
    ) -> Result<(), Failure> {
        let Self { cx, kube, namespace, release } = self;
        let Some(shared) = history.last().and_then(|last| last.shared(&made::marks(cx))) else { return Ok(()) };
        // It is what helm compares with.
        let deployed = history.iter().rev().find(|revision| revision.status == ReleaseStatus::Deployed);
        let Some(number) = deployed.or(history.last()).map(|revision| revision.number) else { return Ok(()) };
        let Some(there) = kube.release(namespace, release, number).await? else { return Ok(()) };
        if self.is_made_here(&there).await? {
            return Ok(());
        }
        let planned = plan.await?;
        let gone: Vec<String> = lost(&there, &planned).iter().map(|object| object.reference.short()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let deletion = Deletion {
            subject: format!("{} of the release `{release}`", gone.join(", ")),
            reason: format!("{reason} does not have it, so that helm would delete it"),
            ours: Proof::Lacking(format!("the release is deployed from {}", shared.with)),
            empty: Proof::Lacking("it may hold data".into()),
            in_use: None,
            consent_covers_ownership: true,
            by_hand: format!("{} delete {}", kube.kubectl_in(namespace), gone.join(" ")),
        };
        deletion.permit(cx.tools().consent()).map_err(|failure| failure.hint(shared.apart("namespace")))?;
        cx.line(&format!("{} will be deleted, as `--yes` allows: it is of {}", gone.join(", "), shared.with));
        Ok(())
    }

    /// Whether this checkout has made a revision, or the one that it goes back to.
    async fn is_made_here(&self, release: &Release) -> Result<bool, Failure> {
        let back_to = release.description.strip_prefix(ROLLBACK).and_then(|number| number.parse().ok());
        let Some(number) = back_to else { return Ok(is_of_checkout(self.cx, &release.description)) };
        let before = self.kube.release(self.namespace, self.release, number).await?;
        Ok(before.is_some_and(|before| is_of_checkout(self.cx, &before.description)))
    }

    /// Adds to the failure of the call `call` who else has upgraded the release since `before` was read.
    pub(super) async fn with_rival(&self, before: &[Revision], call: &str, failure: Failure) -> Failure {
        // The failure is reported in any case.
        let Ok(now) = self.kube.release_history(self.namespace, self.release).await else { return failure };
        let known = before.last().map_or(0, |last| last.number);
        let is_rivals =
            |last: &&Revision| (last.number > known || last.status.is_pending()) && last.run.as_deref() != Some(call);
        let Some(last) = now.last().filter(is_rivals) else { return failure };
        match last.shared(&made::marks(self.cx)) {
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
    let mut lost = there.objects().objects.clone();
    lost.retain(|object| {
        !object.is_kept_by_helm() && !planned.iter().any(|other| other.reference.is_same(&object.reference))
    });
    lost
}

#[cfg(test)]
mod tests;
