//! What the step has applied earlier and the files no longer have is deleted.

use super::apply::Apply;
use crate::actions::manifest_delete::removal::Removal;
use crate::error::Failure;
use crate::tools::deletion::Consent;
use crate::tools::kubernetes::{LiveObject, ManifestObject};

impl Apply<'_> {
    /// Deletes what this step has made and `objects` no longer have. Returns the names of what it has deleted.
    pub(super) async fn prune(&self, objects: &[ManifestObject]) -> Result<Vec<String>, Failure> {
        let find = self.kube.marked_objects(&self.marks);
        let (found, unknown) = self.cx.unless_cancelled("looking for what the files no longer have", find).await?;
        for version in unknown {
            self.cx.line(&format!("what there is of {version} is not searched: its server does not respond"));
        }
        let step = self.cx.step().as_str();
        let is_kept = |found: &LiveObject| {
            let reference = &found.reference;
            let is_namespace = reference.kind == "Namespace" && reference.name == self.namespace;
            is_namespace || objects.iter().any(|object| object.reference.is_same(reference))
        };
        let gone = found.into_iter().filter(|found| found.is_of_step(&self.marks, step) && !is_kept(found));
        let (ours, others): (Vec<_>, Vec<_>) = gone.partition(|found| {
            let mut managers = found.managers();
            found.is_ours(&self.marks) && !managers.any(|manager| self.owners.is_other_step(manager))
        });
        for object in others {
            let reference = object.reference;
            self.cx.line(&format!("{reference} is no longer in the files, and stays: it is not this step's alone"));
        }
        let removal = Removal {
            kube: self.kube,
            marks: self.marks.clone(),
            reason: "it is no longer in the files",
            declared: Consent::None,
        };
        removal.remove(self.cx, ours).await
    }
}
