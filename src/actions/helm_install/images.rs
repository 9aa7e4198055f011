//! Whether the pods of a release run the images that the node has under the names that the chart gives. A name may have
//! been given to another image for a while: pods that have started meanwhile keep that one.

use futures_util::future::try_join_all;

use super::drift::read_back;
use super::{HelmInstall, INTERVAL};
use crate::action::StepContext;
use crate::actions::image_load::strangers;
use crate::error::{Failure, ids};
use crate::tools::Poll;
use crate::tools::kubernetes::{Kube, ObjectRef, Release, WorkloadKind};
use crate::tools::process::ProcessObserver;

/// How long the cluster may take to notice that a workload has to replace its pods.
const NOTICED: std::time::Duration = std::time::Duration::from_secs(30);

impl HelmInstall {
    /// Returns the workloads of `release` whose newest pods run another image than the node has under its name, each
    /// with a sentence about one of its containers.
    pub(super) async fn foreign_images(
        cx: &StepContext,
        kube: &Kube,
        release: &Release,
    ) -> Result<Vec<(ObjectRef, String)>, Failure> {
        let objects = &release.objects().objects;
        let replace_pods = |object: &ObjectRef| {
            let kind = WorkloadKind::of(&object.api_version, &object.kind);
            kind.filter(|kind| {
                matches!(kind, WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet)
            })
        };
        let wanted =
            objects.iter().filter_map(|object| Some((replace_pods(&object.reference)?, object.reference.clone())));
        let found = try_join_all(wanted.map(|(kind, reference)| async move {
            let workload = kube.workload(kind, &reference.namespace, &reference.name).await?;
            Ok::<_, Failure>(workload.map(|workload| (reference, workload)))
        }));
        let (references, workloads): (Vec<_>, Vec<_>) = found.await?.into_iter().flatten().unzip();
        let mut foreign = strangers(cx, kube, &workloads).await?;
        foreign.dedup_by_key(|(n, _)| *n);
        Ok(foreign.into_iter().map(|(n, why)| (references[n].clone(), why)).collect())
    }

    /// Makes the workloads replace their pods that run other images.
    pub(super) async fn replace_foreign_images(
        &self,
        cx: &StepContext,
        kube: &Kube,
        release: &Release,
    ) -> Result<(), Failure> {
        let what = format!("the release `{}` is deployed, but which images its pods run", self.release);
        let found = read_back(cx, &what, Self::foreign_images(cx, kube, release).await);
        let Some(foreign) = found.filter(|foreign| !foreign.is_empty()) else { return Ok(()) };
        for (workload, why) in &foreign {
            kube.replace_pods(workload).await?;
            cx.line(&format!("{workload} replaces its pods: {why}"));
        }
        let poll = Poll::new(cx.cancel(), Some(NOTICED), INTERVAL, "waiting until the pods are replaced");
        while let Some((workload, why)) = Self::foreign_images(cx, kube, release).await?.into_iter().next() {
            poll.next(Failure::of(ids::POD_IMAGE_STALE, format!("{workload} does not replace its pods")).cause(why))
                .await?;
        }
        Ok(())
    }
}
