//! What differs in the cluster from a release that helm has just deployed is changed back.

use crate::action::StepContext;
use crate::error::{Failure, ids};
use crate::tools::kubernetes::{IsIgnored, Kube, Release};

/// Changes the objects of `release` back to what was released, where helm has not, and fails if they do not stay so.
pub(in crate::actions) async fn undo(
    cx: &StepContext,
    kube: &Kube,
    release: &Release,
    is_ignored: IsIgnored<'_>,
) -> Result<(), Failure> {
    let drift = kube.release_drift(release, is_ignored).await?;
    if drift.summary().is_none() {
        return Ok(());
    }
    for done in kube.undo_drift(&drift).await? {
        cx.line(&done);
    }
    match kube.release_drift(release, is_ignored).await?.summary() {
        None => Ok(()),
        Some(why) => Err(Failure::of(
            ids::RELEASE_DRIFTED,
            format!("the release `{}` does not stay as it was released", release.name),
        )
        .cause(why)
        .hint(
            "something in the cluster changes it again: if the field belongs to it, name the field in \
                 `ignore-changes`",
        )),
    }
}
