//! What differs in the cluster from a release that helm has just deployed is changed back.

use crate::action::StepContext;
use crate::error::{Failure, ids};
use crate::tools::kubernetes::{IsIgnored, Kube, Release, ReleaseDrift};
use crate::tools::process::ProcessObserver;

/// Returns what was read of a release that helm has deployed. That it can't be read is a warning: the probe, which
/// comes next, decides. `what` names it.
pub(super) fn read_back<T>(cx: &StepContext, what: &str, read: Result<T, Failure>) -> Option<T> {
    read.inspect_err(|failure| {
        let warning = format!("{what} can't be read: {failure}");
        cx.line(&warning);
        cx.warned(&warning);
    })
    .ok()
}

/// Compares the objects of `release` with what was released; `None`, with a warning, where they can't be read.
async fn found(cx: &StepContext, kube: &Kube, release: &Release, is_ignored: IsIgnored<'_>) -> Option<ReleaseDrift> {
    let what = format!("the release `{}` is deployed, but what has become of its objects", release.name);
    read_back(cx, &what, kube.release_drift(release, is_ignored).await)
}

/// Changes the objects of `release` back to what was released, where helm has not, and fails if that can't be done or
/// they do not stay so.
pub(in crate::actions) async fn undo(
    cx: &StepContext,
    kube: &Kube,
    release: &Release,
    is_ignored: IsIgnored<'_>,
) -> Result<(), Failure> {
    let Some(drift) = found(cx, kube, release, is_ignored).await.filter(|drift| drift.summary().is_some()) else {
        return Ok(());
    };
    for done in kube.undo_drift(&drift).await? {
        cx.line(&done);
    }
    match found(cx, kube, release, is_ignored).await.and_then(|drift| drift.summary()) {
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
