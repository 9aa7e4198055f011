//! What the step has applied earlier and the files no longer have is deleted.

use super::apply::Apply;
use crate::actions::manifest_delete::made;
use crate::actions::manifest_delete::removal::Removal;
use crate::error::Failure;
use crate::tools::deletion::Consent;
use crate::tools::kubernetes::{LiveObject, ManifestObject, Marks};

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
        // Another checkout of the pipeline has a step of the same name, whose files may be others.
        let marks = made::marks(self.cx);
        let (shared, gone): (Vec<_>, Vec<_>) = gone.partition(|found| found.shared(&marks).is_some());
        for object in shared {
            self.leave(&object, &marks).await?;
        }
        let gone = gone.into_iter();
        let (ours, others): (Vec<_>, Vec<_>) = gone.partition(|found| {
            let mut managers = found.managers();
            found.is_ours(&self.marks) && !managers.any(|manager| self.owners.is_other_step(manager))
        });
        for object in others {
            let reference = object.reference;
            self.cx.line(&format!("{reference} is no longer in the files, and stays: it is not this step's alone"));
        }
        let removal =
            Removal { kube: self.kube, marks, reason: "it is no longer in the files", declared: Consent::None };
        removal.remove(self.cx, ours).await
    }

    /// Takes this checkout's mark off an object that another one has deployed too, so that it goes with the last one.
    async fn leave(&self, object: &LiveObject, marks: &Marks) -> Result<(), Failure> {
        let Some(shared) = object.shared(marks) else { return Ok(()) };
        if shared.is_ours_too {
            let withdraw = self.kube.withdraw(object, marks);
            self.cx.unless_cancelled("taking this checkout's mark off what the files no longer have", withdraw).await?;
        }
        self.cx.line(&format!("{} is not in the files, and stays: {}", object.reference, shared.why()));
        Ok(())
    }
}
