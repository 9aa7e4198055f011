//! The definitions of custom resources in a chart's `crds` folders: helm makes them at the first installation, and from
//! then on leaves them as they are, changed or deleted.

use std::time::Duration;

use super::{HelmInstall, INTERVAL};
use crate::action::StepContext;
use crate::error::Failure;
use crate::tools::Poll;
use crate::tools::helm::Helm;
use crate::tools::kubernetes::{Kube, ManifestObjects, Release};
use crate::tools::process::{ProcessObserver, shell_quoted};

/// How long the API server may take to serve the kinds of definitions that were just made.
const SERVED: Duration = Duration::from_secs(30);

impl HelmInstall {
    /// Makes those again that somebody has deleted: helm can't upgrade a release while one of its kinds is unknown.
    pub(super) async fn restore_definitions(
        &self,
        cx: &StepContext,
        helm: &Helm,
        kube: &Kube,
        release: &Release,
    ) -> Result<(), Failure> {
        let of_chart = helm.definitions(&self.namespace, self.chart_argument(cx).await?.as_ref(), cx).await?;
        let missing = kube.missing_definitions(&[&release.manifest, &of_chart]).await?;
        kube.make_objects(&missing).await?;
        for definition in &missing {
            cx.line(&format!("made the definition {} again, because helm does not", definition.reference.name));
        }
        let poll = Poll::new(cx.cancel(), Some(SERVED), INTERVAL, "waiting until the kinds of the release are served");
        // What else is missing is helm's to tell.
        while !missing.is_empty() && !kube.serves_kinds_of(release).await? && !poll.is_over() {
            poll.next(Failure::failed("a kind of the release is not served yet")).await?;
        }
        Ok(())
    }

    /// Warns of definitions of a chart on this machine that the cluster has otherwise. To change one may lose data of
    /// its objects, so that this is a person's decision, as it is with helm.
    pub(super) async fn warn_of_old_definitions(&self, cx: &StepContext, helm: &Helm, kube: &Kube) {
        if !cx.path(&self.chart).join("crds").is_dir() {
            return;
        }
        let warning = match self.old_definitions(cx, helm, kube).await {
            Ok(None) => return,
            Ok(Some(why)) => format!(
                "helm has left a definition in the cluster as it was, and the chart has another one: {why}; to change it: \
                 `{} apply --server-side --force-conflicts -f {}/crds`",
                kube.kubectl(),
                shell_quoted(&self.chart)
            ),
            Err(failure) => format!("the chart's definitions can't be compared with those in the cluster: {failure}"),
        };
        cx.line(&warning);
        cx.warned(&warning);
    }

    async fn old_definitions(&self, cx: &StepContext, helm: &Helm, kube: &Kube) -> Result<Option<String>, Failure> {
        let of_chart = helm.definitions(&self.namespace, self.chart_argument(cx).await?.as_ref(), cx).await?;
        Ok(kube.objects_drift(ManifestObjects::read(&of_chart, ""), &|_| false).await?.summary())
    }
}
