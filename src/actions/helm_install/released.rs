//! What follows once helm has succeeded: its record is read back, and what helm has left undone is done. What can't be
//! read then is a warning: helm has deployed the release, and a failure would let the next run deploy it once more.

use super::deployed::{Before, Released};
use super::{HelmInstall, drift};
use crate::action::StepContext;
use crate::error::{Failure, ids};
use crate::model::Output;
use crate::tools::kubernetes::{Kube, ReleaseStatus, Revision};

impl HelmInstall {
    /// Returns the release, if its newest revision is deployed and is the one with this description, or if that can't
    /// be read. `history` are the revisions before it.
    pub(super) async fn confirm(
        &self,
        cx: &StepContext,
        kube: &Kube,
        history: &[Revision],
        description: &str,
    ) -> Result<Released, Failure> {
        let read = kube.latest_release(&self.namespace, &self.release).await;
        let what = format!("helm succeeded, but its record of the release `{}`", self.release);
        let Some(latest) = drift::read_back(cx, &what, read) else {
            let revision = history.last().map_or(0, |last| last.number) + 1;
            return Ok(Released::Unread { revision, description: description.to_owned() });
        };
        match latest {
            Some(release) if release.status == ReleaseStatus::Deployed && release.description == description => {
                Ok(Released::Read(Box::new(release)))
            }
            Some(release) => Err(Failure::of(
                ids::NOT_CONFIRMED,
                format!(
                    "helm succeeded, but the release `{}` is {}: {}",
                    self.release,
                    release.status.word(),
                    release.description
                ),
            )),
            None => Err(Failure::of(
                ids::NOT_CONFIRMED,
                format!("helm succeeded, but there is no release `{}`", self.release),
            )),
        }
    }

    /// Undoes the changes that an upgrade leaves: helm compares custom resources only with what it released before, and
    /// makes what a hook of the installation has left no second time. Pods that may have started with variables from an
    /// object that was changed before are replaced.
    pub(super) async fn after_upgrade(
        &self,
        cx: &StepContext,
        kube: &Kube,
        released: &Released,
        before: &Before,
    ) -> Result<(), Failure> {
        let objects = match released {
            Released::Read(release) => {
                drift::undo(cx, kube, release, &|field| self.ignores(field)).await?;
                release.objects()
            }
            // Next time nobody knows any more what was changed.
            Released::Unread { .. } => &before.objects,
        };
        for workload in kube.restart_users(&objects.objects, &before.changed).await? {
            cx.line(&format!("{workload} replaces its pods: they may have the changed variables"));
        }
        match released {
            Released::Read(release) => self.replace_foreign_images(cx, kube, release).await,
            Released::Unread { .. } => Ok(()),
        }
    }

    /// The step's output. A record that can't be read names no chart.
    pub(super) fn output_of(&self, released: Released) -> Output {
        let output = Output::new().with("release", &self.release).with("namespace", &self.namespace);
        let output = output.with("status", ReleaseStatus::Deployed.word());
        match released {
            Released::Read(release) => output
                .with("revision", release.revision.to_string())
                .with("chart", release.chart)
                .with("app-version", release.app_version)
                .with("record", release.description),
            Released::Unread { revision, description } => {
                output.with("revision", revision.to_string()).with("record", description)
            }
        }
    }
}

#[cfg(test)]
mod tests;
