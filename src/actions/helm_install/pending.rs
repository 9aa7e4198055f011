//! A release that a killed helm has left pending is freed before helm is called again.

use crate::action::{ReleaseName, StepContext};
use crate::actions::manifest_delete::made;
use crate::error::Failure;
use crate::tools::helm::{Helm, PendingRelease};
use crate::tools::kubernetes::Kube;

/// Frees `release` if it is pending and nobody works on it. What was done for that is in the step's log.
pub(in crate::actions) async fn free_pending(
    cx: &StepContext,
    helm: &Helm,
    kube: &Kube,
    release: ReleaseName<'_>,
) -> Result<(), Failure> {
    let pending = PendingRelease {
        release: release.name,
        namespace: release.namespace,
        consent: cx.tools().consent(),
        marks: &made::marks(cx),
    };
    if let Some(done) = helm.recover_pending(kube, pending, cx).await? {
        cx.line(&done);
    }
    Ok(())
}
