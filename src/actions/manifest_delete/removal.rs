//! [`Removal`]: objects are deleted, all of them or none, and waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::action::StepContext;
use crate::error::{Failure, ids};
use crate::model::Progress;
use crate::tools::Poll;
use crate::tools::deletion::Consent;
use crate::tools::kubernetes::{Judged, Kube, LiveObject, Marks, order_live};
use crate::tools::process::ProcessObserver;

/// How often it is checked whether objects are gone.
const INTERVAL: Duration = Duration::from_millis(300);

/// How often an object that changes meanwhile is read and judged again.
const ATTEMPTS: usize = 8;

/// A removal of objects.
pub(in crate::actions) struct Removal<'a> {
    pub(in crate::actions) kube: &'a Kube,
    pub(in crate::actions) marks: Marks,
    /// Why they go, as a refusal says it.
    pub(in crate::actions) reason: &'a str,
    /// What the pipeline's file says of the loss of data.
    pub(in crate::actions) declared: Consent,
}

impl Removal<'_> {
    /// Deletes `objects` in the reverse of the order in which they are applied, and waits until they are gone. Fails
    /// before anything is deleted if one of them may not be. Returns the names of those that it has deleted.
    pub(in crate::actions) async fn remove(
        &self,
        cx: &StepContext,
        mut objects: Vec<LiveObject>,
    ) -> Result<Vec<String>, Failure> {
        order_live(&mut objects);
        let mut deleted = Vec::new();
        match self.remove_all(cx, &objects, &mut deleted).await {
            Ok(()) => {
                deleted.reverse();
                Ok(deleted)
            }
            Err(failure) => Err(cx.leaves_of(failure, &deleted, "deleted", "the same command goes on with the others")),
        }
    }

    /// Adds to `deleted` the names of those that it has deleted.
    async fn remove_all(
        &self,
        cx: &StepContext,
        objects: &[LiveObject],
        deleted: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let mut judged = Vec::new();
        for object in objects.iter().filter(|object| !object.is_being_deleted()) {
            let judge = self.judge(cx, object.clone());
            judged.push(cx.unless_cancelled("judging what is to be deleted", judge).await?);
        }
        // What is in a namespace goes with it.
        let namespaces: BTreeSet<String> = judged
            .iter()
            .filter(|one| one.object.reference.kind == "Namespace")
            .map(|one| one.object.reference.name.clone())
            .collect();
        for one in judged.into_iter().rev() {
            let name = one.object.reference.short();
            if !namespaces.contains(&one.object.reference.namespace) {
                let delete = self.delete(cx, one);
                cx.unless_cancelled("deleting the objects", delete).await?;
            }
            deleted.push(name);
        }
        self.wait(cx, objects).await
    }

    async fn judge(&self, cx: &StepContext, object: LiveObject) -> Result<Judged, Failure> {
        let judged = self.kube.judge(object, &self.marks, self.reason).await?;
        let permitted = judged.permit(cx.tools().consent(), self.declared);
        permitted.map_err(|failure| match judged.object.shared(&self.marks) {
            Some(shared) => failure.hint(shared.apart("namespace")),
            None => failure,
        })?;
        Ok(judged)
    }

    async fn delete(&self, cx: &StepContext, judged: Judged) -> Result<(), Failure> {
        let mut judged = judged;
        for _ in 0..ATTEMPTS {
            cx.line(&format!("deleting {}", judged.object.reference));
            if self.kube.delete_live(&judged.object).await? {
                return Ok(());
            }
            // Somebody has changed it since it was judged.
            let Some(object) = self.kube.live_object(&judged.object.reference).await? else { return Ok(()) };
            if object.is_being_deleted() {
                return Ok(());
            }
            judged = self.judge(cx, object).await?;
        }
        Err(Failure::of(ids::OBJECT_BUSY, format!("deleting {} failed", judged.object.reference))
            .cause(format!("it was changed each time between reading and deleting, {ATTEMPTS} times"))
            .transient())
    }

    async fn wait(&self, cx: &StepContext, objects: &[LiveObject]) -> Result<(), Failure> {
        let poll = Poll::new(cx.cancel(), None, INTERVAL, "waiting until the objects are gone");
        let mut left: Vec<&LiveObject> = objects.iter().collect();
        loop {
            let mut still = Vec::new();
            let mut why = None;
            for object in left {
                if let Some(remains) = poll.check(self.kube.remains(object)).await? {
                    why.get_or_insert(remains);
                    still.push(object);
                }
            }
            let Some(why) = why else { return Ok(()) };
            left = still;
            let n_gone = objects.len() - left.len();
            cx.progress(Progress::items(n_gone as u64, Some(objects.len() as u64), why.clone()));
            poll.next(Failure::failed(why)).await?;
        }
    }
}
