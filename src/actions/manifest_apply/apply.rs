//! How the objects of manifests are applied without harm to what others have set.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::action::{StepContext, ignored, wait_for_namespace, wait_until_gone};
use crate::error::{Failure, ids};
use crate::tools::Poll;
use crate::tools::kubernetes::{
    FieldConflict, FieldManager, Kube, LiveObject, ManifestObject, Marks, Owners, is_definition, note_users,
};
use crate::tools::process::ProcessObserver;

/// How often an object that others change meanwhile is read again.
const ATTEMPTS: usize = 8;

/// How long the API server may take to serve the kinds of definitions that were just applied.
const SERVED: Duration = Duration::from_secs(30);

/// How often it is checked whether something has happened that others do.
const INTERVAL: Duration = Duration::from_millis(200);

/// The manager under which autoscalers set the number of pods.
const AUTOSCALER: &str = "kube-controller-manager";

/// One run of the step.
pub(super) struct Apply<'a> {
    pub(super) cx: &'a StepContext,
    pub(super) kube: &'a Kube,
    /// The namespace of objects that name none.
    pub(super) namespace: &'a str,
    /// Whether it is made.
    pub(super) create_namespace: bool,
    /// The fields that belong to somebody else.
    pub(super) ignored: &'a [String],
    pub(super) marks: Marks,
    pub(super) owners: Owners<'a>,
    /// The names of the objects that were applied.
    pub(super) applied: Mutex<Vec<String>>,
    /// The objects that have changed variables of pods.
    pub(super) changed: Mutex<Vec<ManifestObject>>,
}

impl Apply<'_> {
    /// Applies `objects` in their order. Returns them as the cluster knows them.
    pub(super) async fn all(&self, objects: &[ManifestObject]) -> Result<Vec<ManifestObject>, Failure> {
        self.wait_for_namespaces(objects).await?;
        self.make_namespace(objects).await?;
        let defines = objects.iter().any(is_definition);
        let mut applied = Vec::with_capacity(objects.len());
        for object in objects {
            self.cx.check_cancel()?;
            let mut object = object.clone();
            self.place(&mut object, defines).await?;
            self.one(&object, objects).await?;
            if is_definition(&object) {
                self.kube.forget_kinds();
            }
            applied.push(object);
        }
        self.replace_pods(&applied).await?;
        Ok(applied)
    }

    /// Replaces the pods of `all` that may have started with variables that were changed.
    async fn replace_pods(&self, all: &[ManifestObject]) -> Result<(), Failure> {
        let changed = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
        for workload in self.kube.restart_users(all, &changed).await? {
            self.cx.line(&format!("{workload} replaces its pods: they may have the variables from before"));
        }
        for config in &changed {
            self.kube.forget_users(config).await?;
        }
        Ok(())
    }

    /// Adds to the failure of a step that was stopped which objects it has applied.
    pub(super) fn stays(&self, failure: Failure) -> Failure {
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = "they stay; the same command goes on, and `provision down` removes what this pipeline has made";
        self.cx.leaves_of(failure, &applied, "applied", rest)
    }

    /// Waits until namespaces are gone that somebody is deleting: nothing can be made in them before.
    async fn wait_for_namespaces(&self, objects: &[ManifestObject]) -> Result<(), Failure> {
        let named = objects.iter().filter(|object| object.reference.kind == "Namespace");
        let mut namespaces: BTreeSet<&str> = named.map(|object| object.reference.name.as_str()).collect();
        namespaces.extend(objects.iter().map(|object| object.reference.namespace.as_str()));
        namespaces.insert(self.namespace);
        for namespace in namespaces.into_iter().filter(|namespace| !namespace.is_empty()) {
            wait_for_namespace(self.cx, self.kube, namespace).await?;
        }
        Ok(())
    }

    /// Makes the namespace of the settings, unless a manifest does.
    async fn make_namespace(&self, objects: &[ManifestObject]) -> Result<(), Failure> {
        let namespace = ManifestObject::of_namespace(self.namespace);
        let is_named = objects.iter().any(|object| object.reference.short() == namespace.reference.short());
        if !self.create_namespace || is_named {
            return Ok(());
        }
        let found = self.kube.live_object(&namespace.reference).await?;
        if found.is_some_and(|found| !found.is_of_step(&self.marks, self.cx.step().as_str())) {
            return Ok(());
        }
        self.one(&namespace, &[]).await
    }

    /// Finds out where an object goes. Waits for its kind where the manifests define kinds.
    async fn place(&self, object: &mut ManifestObject, defines: bool) -> Result<(), Failure> {
        let limit = if defines { SERVED } else { Duration::ZERO };
        let poll = Poll::new(self.cx.cancel(), Some(limit), INTERVAL, "waiting until a kind is served");
        while !self.kube.place(object).await? {
            let reference = &object.reference;
            let failure = Failure::of(ids::KIND_UNKNOWN, format!("applying {reference} failed"))
                .cause(format!("the cluster has no kind {} in {}", reference.kind, reference.api_version))
                .hint("apply the definition of the kind before, with these manifests or in an earlier step");
            poll.next(failure).await?;
            self.kube.forget_kinds();
        }
        Ok(())
    }

    /// Applies an object, of whose variables pods of `all` may have taken some.
    async fn one(&self, object: &ManifestObject, all: &[ManifestObject]) -> Result<(), Failure> {
        for _ in 0..ATTEMPTS {
            let found = self.kube.live_object(&object.reference).await?;
            if let Some(found) = found.as_ref().filter(|found| found.is_being_deleted()) {
                wait_until_gone(self.cx, self.kube, found).await?;
                continue;
            }
            if let Some(found) = &found
                && self.kube.succeed_all(found, &self.owners.manager, |name| self.owners.is_predecessor(name)).await?
            {
                continue;
            }
            let mut noted = object.clone();
            let changes_pods = note_users(&mut noted, found.as_ref(), all, &|field| self.is_ignored(object, field));
            if self.apply(noted, found.as_ref()).await? {
                if changes_pods {
                    self.changed.lock().unwrap_or_else(PoisonError::into_inner).push(object.clone());
                }
                self.cx.line(&format!("applied {}", object.reference));
                self.applied.lock().unwrap_or_else(PoisonError::into_inner).push(object.reference.short());
                return Ok(());
            }
        }
        Err(Failure::of(ids::OBJECT_BUSY, self.failed_as(object))
            .cause(format!("it was changed each time between reading and applying, {ATTEMPTS} times"))
            .transient())
    }

    /// Applies an object as it was `found`. Returns whether it was applied.
    async fn apply(&self, mut object: ManifestObject, found: Option<&LiveObject>) -> Result<bool, Failure> {
        if object.reference.kind == "Namespace" {
            // Steps share a namespace: it has the marks of the one that has made it.
            let step = self.cx.step().as_str();
            if found.is_none_or(|found| !found.is_marked(&self.marks) || found.is_of_step(&self.marks, step)) {
                self.marks.mark(&mut object, step);
            }
        }
        let (kube, manager) = (self.kube, &self.owners.manager);
        let Err(conflicts) = kube.apply_marked(&object, found, &self.marks, manager, false).await? else {
            return Ok(true);
        };
        for conflict in &conflicts {
            if !self.is_left_out(&mut object, conflict) {
                self.permit_overwriting(&object, found, conflict)?;
            }
        }
        Ok(kube.apply_marked(&object, found, &self.marks, manager, true).await?.is_ok())
    }

    /// Leaves a field out that is somebody else's to set: one that the settings name, or the number of pods that an
    /// autoscaler chooses.
    fn is_left_out(&self, object: &mut ManifestObject, conflict: &FieldConflict) -> bool {
        let is_scaled = conflict.field == "spec.replicas" && conflict.manager == AUTOSCALER;
        (is_scaled || self.is_ignored(object, &conflict.field)) && object.remove_field(&conflict.field)
    }

    /// Whether the settings name a field of an object as somebody else's to set.
    fn is_ignored(&self, object: &ManifestObject, field: &str) -> bool {
        ignored::ignores(self.ignored, &format!("{}: {field}", object.reference.short()))
    }

    /// Fails unless a field may be overwritten; the step's log says that it is. What somebody has edited in an object
    /// that this pipeline has made is changed back; what others declare, or have set in what was there before, is
    /// theirs.
    fn permit_overwriting(
        &self,
        object: &ManifestObject,
        found: Option<&LiveObject>,
        conflict: &FieldConflict,
    ) -> Result<(), Failure> {
        let FieldConflict { field, manager } = conflict;
        if FieldManager::is_of_a_step(manager) {
            return Err(Failure::of(ids::FIELD_OWNED, self.failed_as(object))
                .cause(format!("`{field}` belongs to `{manager}`"))
                .hint("let one of the two steps apply it, or give this one an object of its own"));
        }
        let reference = &object.reference;
        if found.is_some_and(|found| found.is_ours(&self.marks) && !found.is_applied_by(manager)) {
            self.cx.line(&format!("changing `{field}` of {reference} back, which `{manager}` has changed"));
            return Ok(());
        }
        let by_hand = format!("{} edit {}", self.kube.kubectl_in(&reference.namespace), reference.short());
        let deletion = conflict.overwriting(by_hand);
        deletion.permit(self.cx.tools().consent()).map_err(|failure| failure.while_doing(self.failed_as(object)))?;
        self.cx.line(&format!("overwriting `{field}` of {reference}, which `{manager}` set, as `--yes` allows"));
        Ok(())
    }

    fn failed_as(&self, object: &ManifestObject) -> String {
        format!("applying {} as `{}` failed", object.reference, self.owners.manager)
    }
}
