//! Objects of manifests: applied under the manager of one step with its marks, read, listed and deleted.

use std::fmt;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};

use super::client::Kube;
use super::kinds::Kind;
use super::managers::{self, FieldConflict, FieldManager};
use super::manifest::ManifestObject;
use super::marks::{Marks, Shared, is_alone};
use super::objects::ObjectRef;
use crate::error::Failure;
use crate::tools::deletion::Proof;

/// The manager of Helm, which declares what objects are and does not apply.
const HELM: &str = "helm";

/// At most so many kinds are listed at once.
const LANES: usize = 4;

/// An object as it is in the cluster.
#[derive(Clone)]
pub struct LiveObject {
    /// Which one it is.
    pub reference: ObjectRef,
    pub(super) meta: ObjectMeta,
    /// All of it but its metadata.
    pub(super) content: Value,
    pub(super) kind: Kind,
}

impl fmt::Debug for LiveObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content may be that of a Secret.
        f.debug_tuple("LiveObject").field(&self.reference).finish()
    }
}

impl LiveObject {
    fn new(object: DynamicObject, kind: &Kind) -> Self {
        let reference = ObjectRef {
            api_version: kind.resource.api_version.clone(),
            kind: kind.resource.kind.clone(),
            namespace: object.metadata.namespace.clone().unwrap_or_default(),
            name: object.metadata.name.clone().unwrap_or_default(),
        };
        Self { reference, meta: object.metadata, content: object.data, kind: kind.clone() }
    }

    /// Whether it is on its way out.
    pub fn is_being_deleted(&self) -> bool {
        self.meta.deletion_timestamp.is_some()
    }

    /// Whether a step of the pipeline of `marks` says that it has applied it.
    pub fn is_marked(&self, marks: &Marks) -> bool {
        marks.step_of(&self.meta).is_some()
    }

    /// Whether the step `step` says that it has applied it.
    pub fn is_of_step(&self, marks: &Marks, step: &str) -> bool {
        marks.step_of(&self.meta) == Some(step)
    }

    /// Which other checkouts than that of `marks` have deployed it.
    pub fn shared(&self, marks: &Marks) -> Option<Shared> {
        marks.shared(self.meta.annotations.as_ref())
    }

    /// Whether only other checkouts than that of `marks` have deployed it.
    pub fn is_of_others(&self, marks: &Marks) -> bool {
        self.shared(marks).is_some_and(|shared| !shared.is_ours_too)
    }

    /// Whether it shows that the pipeline of `marks` has made it, and that it is nobody else's.
    pub fn is_ours(&self, marks: &Marks) -> bool {
        marks.ownership(&self.meta) == Proof::Shown
    }

    /// Everybody who has set something in it.
    pub fn managers(&self) -> impl Iterator<Item = &str> {
        self.meta.managed_fields.iter().flatten().filter_map(|entry| entry.manager.as_deref())
    }

    /// Whether `manager` declares what the object is, unlike those who edit it.
    pub fn is_applied_by(&self, manager: &str) -> bool {
        let entries = self.meta.managed_fields.iter().flatten();
        let mut of_manager = entries.filter(|entry| entry.manager.as_deref() == Some(manager));
        manager == HELM || of_manager.any(|entry| entry.operation.as_deref() == Some(managers::APPLY))
    }

    /// What keeps it, when it is being deleted.
    fn holds(&self) -> String {
        let conditions = self.content.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        let messages =
            conditions.filter(|condition| condition["status"] == "True" && self.reference.kind == "Namespace");
        let mut said: Vec<String> = messages.filter_map(|one| Some(one.get("message")?.as_str()?.to_owned())).collect();
        said.extend(self.meta.finalizers.iter().flatten().map(|finalizer| format!("its finalizer `{finalizer}`")));
        if said.is_empty() { "its end".to_owned() } else { said.join("; ") }
    }
}

impl Kube {
    /// Completes the reference of an object: which namespace it is in, or that it is in none. Returns whether the
    /// cluster serves its kind at this moment.
    pub async fn place(&self, object: &mut ManifestObject) -> Result<bool, Failure> {
        let Some(kind) = self.kind_of(&object.reference.api_version, &object.reference.kind).await? else {
            return Ok(false);
        };
        if !kind.is_namespaced {
            object.reference.namespace.clear();
        }
        if let Some(metadata) = object.content.get_mut("metadata").and_then(Value::as_object_mut) {
            if kind.is_namespaced {
                metadata.insert("namespace".to_owned(), object.reference.namespace.as_str().into());
            } else {
                metadata.remove("namespace");
            }
        }
        Ok(true)
    }

    /// Forgets which kinds the cluster serves: a definition was just applied.
    pub fn forget_kinds(&self) {
        self.kinds.forget();
    }

    /// An object with everything that it has; `None` when it is not there, or the cluster does not serve its kind.
    pub async fn live_object(&self, reference: &ObjectRef) -> Result<Option<LiveObject>, Failure> {
        let Some(kind) = self.kind_of(&reference.api_version, &reference.kind).await? else { return Ok(None) };
        let api = self.dynamic(&kind, &reference.namespace);
        let what = format!("looking for {reference}");
        let found = self.read(&what, || async { self.absent_without_kind(api.get_opt(&reference.name).await) });
        Ok(found.await?.map(|object| LiveObject::new(object, &kind)))
    }

    /// Makes an object with the marks of a pipeline, or sets those of its fields that are `manager`'s: fields that it
    /// set before and that are no longer in `object` go, everybody else's stay. `found` is the object as it was just
    /// read. Returns the conflicts for which nothing was changed; with `force` other managers' fields are overwritten.
    pub async fn apply_marked(
        &self,
        object: &ManifestObject,
        found: Option<&LiveObject>,
        marks: &Marks,
        manager: &FieldManager,
        force: bool,
    ) -> Result<Result<(), Vec<FieldConflict>>, Failure> {
        let is_made = found.is_none_or(|found| found.is_ours(marks));
        let mut marked = object.clone();
        if is_made {
            marks.mark_made(&mut marked);
        }
        let mut meta = match self.apply_as(&marked, manager, force).await? {
            Ok(meta) => meta,
            Err(conflicts) => return Ok(Err(conflicts)),
        };
        if found.is_none() && !is_alone(&meta, manager, marks.pipeline()) {
            // Somebody else has made it between reading and applying.
            meta = match self.apply_as(object, manager, force).await? {
                Ok(meta) => meta,
                Err(conflicts) => return Ok(Err(conflicts)),
            };
        }
        let reference = &object.reference;
        if let Some(kind) = self.kind_of(&reference.api_version, &reference.kind).await? {
            self.claim(&self.dynamic(&kind, &reference.namespace), &meta, marks).await?;
        }
        Ok(Ok(()))
    }

    /// Makes a namespace with the marks of the step `step`, unless it is there. Returns whether it was made.
    pub async fn make_namespace(&self, name: &str, marks: &Marks, step: &str) -> Result<bool, Failure> {
        let mut namespace = ManifestObject::of_namespace(name);
        if let Some(found) = self.live_object(&namespace.reference).await? {
            if found.is_marked(marks) {
                self.claim_live(&found, marks).await?;
            }
            return Ok(false);
        }
        marks.mark(&mut namespace, step);
        let made = self.apply_marked(&namespace, None, marks, &marks.manager_of(step), false).await?;
        Ok(made.is_ok())
    }

    async fn apply_as(
        &self,
        object: &ManifestObject,
        manager: &FieldManager,
        force: bool,
    ) -> Result<Result<ObjectMeta, Vec<FieldConflict>>, Failure> {
        let reference = &object.reference;
        let what = format!("applying {reference} as `{manager}`");
        let Some(kind) = self.kind_of(&reference.api_version, &reference.kind).await? else {
            return Err(Failure::failed(format!("{what} failed")).cause(reference.unknown_kind()));
        };
        let api = self.dynamic(&kind, &reference.namespace);
        let params = PatchParams { force, ..PatchParams::apply(manager.as_str()) };
        self.once(&what, async {
            match api.patch(&reference.name, &params, &Patch::Apply(&object.content)).await {
                Ok(object) => Ok(Ok(object.metadata)),
                Err(kube::Error::Api(status)) => match managers::conflicts(&status) {
                    Some(conflicts) => Ok(Err(conflicts)),
                    None => Err(kube::Error::Api(status)),
                },
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Makes `manager` the owner of everything that managers for which `is_predecessor` holds have applied to `found`.
    /// No value changes. Returns whether there was anything to take over.
    pub async fn succeed_all(
        &self,
        found: &LiveObject,
        manager: &FieldManager,
        is_predecessor: impl Fn(&str) -> bool,
    ) -> Result<bool, Failure> {
        let entries = found.meta.managed_fields.as_deref().unwrap_or_default();
        let Some(entries) = managers::succeed_whole(entries, manager, is_predecessor) else { return Ok(false) };
        let version = &found.meta.resource_version;
        let patch = Patch::Merge(json!({"metadata": {"resourceVersion": version, "managedFields": entries}}));
        let api = self.dynamic(&found.kind, &found.reference.namespace);
        let what = format!("taking over the fields of {}", found.reference);
        let params = PatchParams { field_manager: Some(manager.as_str().to_owned()), ..PatchParams::default() };
        self.if_unchanged(&what, async { api.patch_metadata(&found.reference.name, &params, &patch).await }).await?;
        Ok(true)
    }

    /// Returns every object with the pipeline's marks, and the API versions that could not be searched.
    pub async fn marked_objects(&self, marks: &Marks) -> Result<(Vec<LiveObject>, Vec<String>), Failure> {
        self.all_objects(None, &marks.selector()).await
    }

    /// Returns every object with the labels of `selector`, of one namespace or of all and of none, and the API versions
    /// that could not be searched.
    pub(super) async fn all_objects(
        &self,
        namespace: Option<&str>,
        selector: &str,
    ) -> Result<(Vec<LiveObject>, Vec<String>), Failure> {
        let (kinds, unknown) = self.all_kinds().await?;
        let params = ListParams {
            label_selector: Some(selector.to_owned()).filter(|one| !one.is_empty()),
            ..ListParams::default()
        };
        let lists = kinds.iter().filter(|kind| namespace.is_none() || kind.is_namespaced).map(|kind| {
            let api: Api<DynamicObject> = match namespace {
                Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &kind.resource),
                None => Api::all_with(self.client.clone(), &kind.resource),
            };
            let params = &params;
            async move {
                let what = format!("listing the objects of the kind {}", kind.resource.kind);
                // Its definition may have gone meanwhile.
                let list = self.read(&what, || async {
                    match api.list(params).await {
                        Ok(list) => Ok(list.items),
                        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 405) => Ok(Vec::new()),
                        Err(error) => Err(error),
                    }
                });
                Ok::<_, Failure>(
                    list.await?.into_iter().map(|object| LiveObject::new(object, kind)).collect::<Vec<_>>(),
                )
            }
        });
        let lists: Vec<Vec<LiveObject>> = stream::iter(lists.collect::<Vec<_>>()).buffered(LANES).try_collect().await?;
        Ok((lists.into_iter().flatten().collect(), unknown))
    }

    /// Begins to delete an object with what belongs to it. Returns whether it was the one that was read: not if it has
    /// changed since then. Only after [`Deletion::permit`](crate::tools::deletion::Deletion::permit).
    pub async fn delete_live(&self, object: &LiveObject) -> Result<bool, Failure> {
        let api = self.dynamic(&object.kind, &object.reference.namespace);
        let unchanged =
            Preconditions { uid: object.meta.uid.clone(), resource_version: object.meta.resource_version.clone() };
        let params = DeleteParams::foreground().preconditions(unchanged);
        let what = format!("deleting {}", object.reference);
        self.once(&what, async {
            match api.delete(&object.reference.name, &params).await {
                Ok(_) => Ok(true),
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(true),
                Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Returns what keeps an object that is being deleted; `None` when it is gone, also when another one has its name.
    pub async fn remains(&self, object: &LiveObject) -> Result<Option<String>, Failure> {
        let found = self.live_object(&object.reference).await?.filter(|found| found.meta.uid == object.meta.uid);
        Ok(found.map(|found| format!("{} waits for {}", found.reference, found.holds())))
    }
}
