//! Helm releases, read from the Secrets in which Helm keeps them, and freed by them.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use serde_json::json;

use super::client::{Kube, changed};
use super::hooks::Hook;
use super::manifest::ManifestObjects;
use super::objects::ObjectRef;
use super::record;
pub use super::record::{Release, ReleaseStatus};
use super::rollout::Target;
use super::workload::WorkloadKind;
use crate::error::Failure;
use crate::fingerprint::Digest;

/// A revision of a release as the labels of its record tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Counted from 1.
    pub number: u32,
    /// What Helm says of it.
    pub status: ReleaseStatus,
    /// The value of the label [`RUN_LABEL`]. Helm hands labels on from one revision to the next.
    pub run: Option<String>,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// Which state of the record this is: a change of it is only made to this one.
    pub resource_version: String,
    /// The rollback to this revision that a step of ours has begun last.
    pub rollback: Option<RollbackNote>,
}

/// What is noted on the record of the revision that a step rolls back to, before it does: Helm itself keeps nothing
/// that would tell who rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackNote {
    /// The step, with its pipeline: `shop/verify.back`.
    pub step: String,
    /// The one call of helm.
    pub call: String,
    /// The last revision before it.
    pub from: u32,
}

impl RollbackNote {
    fn text(&self) -> String {
        format!("{} {} {}", self.step, self.call, self.from)
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (step, call, from) = (words.next()?, words.next()?, words.next()?);
        Some(Self { step: step.to_owned(), call: call.to_owned(), from: from.parse().ok()? })
    }
}

/// How Helm describes a revision that a rollback has made; the number of the other one follows.
const ROLLED_BACK: &str = "Rollback to ";

/// The annotation of a record with its [`RollbackNote`].
const ROLLBACK: &str = "provision.dev/rollback";

/// What came of marking a revision.
#[derive(Debug)]
pub enum Marked {
    /// It is failed now.
    Failed,
    /// Its record can't be read, neither by Helm nor by us; says why.
    Unreadable(Failure),
}

/// The label that a release of ours gets: names the one call of helm that made the revision.
pub const RUN_LABEL: &str = "provision";

impl Release {
    /// What a revision installs: the same for a revision and for one that rolls back to it.
    pub fn content(&self) -> Digest {
        let hooks = self.hooks.iter().map(Hook::manifest);
        let mut all = Vec::new();
        for part in [&*self.chart, &self.app_version, &self.manifest].into_iter().chain(hooks) {
            all.extend_from_slice(&(part.len() as u64).to_le_bytes());
            all.extend_from_slice(part.as_bytes());
        }
        Digest::of(&all)
    }

    /// The objects of its manifest, which is read once.
    pub fn objects(&self) -> &ManifestObjects {
        self.objects.get_or_init(|| ManifestObjects::read(&self.manifest, &self.namespace))
    }
}

impl Kube {
    /// The revisions of a release, oldest first; cheap, because nothing is unpacked.
    pub async fn release_history(&self, namespace: &str, release: &str) -> Result<Vec<Revision>, Failure> {
        let api = self.namespaced::<Secret>(namespace);
        let params = ListParams::default().labels(&format!("owner=helm,name={release}"));
        let list = self
            .read(&format!("reading the history of the release `{release}`"), || api.list_metadata(&params))
            .await?;
        let mut history: Vec<Revision> = list
            .items
            .into_iter()
            .filter_map(|secret| {
                let resource_version = secret.metadata.resource_version?;
                let (labels, annotations) = (secret.metadata.labels?, secret.metadata.annotations.unwrap_or_default());
                Some(Revision {
                    resource_version,
                    labels: labels.clone(),
                    number: labels.get("version")?.parse().ok()?,
                    status: ReleaseStatus::of(labels.get("status")?),
                    run: labels.get(RUN_LABEL).cloned(),
                    rollback: annotations.get(ROLLBACK).and_then(|note| RollbackNote::read(note)),
                })
            })
            .collect();
        history.sort_by_key(|revision| revision.number);
        Ok(history)
    }

    /// A revision of a release with its manifest; `None` when there is no such revision.
    pub async fn release(&self, namespace: &str, release: &str, revision: u32) -> Result<Option<Release>, Failure> {
        let api = self.namespaced::<Secret>(namespace);
        let name = record_name(release, revision);
        let what = format!("reading revision {revision} of the release `{release}`");
        let Some(secret) = self.read(&what, || api.get_opt(&name)).await? else {
            return Ok(None);
        };
        let coded = secret.data.as_ref().and_then(|data| data.get("release"));
        let coded = coded.ok_or_else(|| Failure::failed(format!("the Secret `{name}` holds no release")))?;
        record::decode(&coded.0).map(Some).map_err(|failure| failure.while_doing(format!("{what} failed")))
    }

    /// The newest revision of a release with its manifest; `None` when there is none.
    pub async fn latest_release(&self, namespace: &str, release: &str) -> Result<Option<Release>, Failure> {
        match self.release_history(namespace, release).await?.last() {
            Some(last) => self.release(namespace, release, last.number).await,
            None => Ok(None),
        }
    }

    /// Whether somebody has rolled a release back, so that its newest revision `latest` is what `revision` was.
    pub async fn is_back_at(&self, latest: &Release, revision: u32) -> Result<bool, Failure> {
        if latest.revision <= revision || !latest.description.starts_with(ROLLED_BACK) {
            return Ok(false);
        }
        let before = self.release(&latest.namespace, &latest.name, revision).await?;
        Ok(before.is_some_and(|before| before.content() == latest.content()))
    }

    /// Notes on the record of a revision that a step rolls back to it.
    pub async fn note_rollback(
        &self,
        namespace: &str,
        release: &str,
        revision: &Revision,
        note: &RollbackNote,
    ) -> Result<(), Failure> {
        let api = self.namespaced::<Secret>(namespace);
        let patch = Patch::Merge(json!({"metadata": {
            "resourceVersion": revision.resource_version, "annotations": {ROLLBACK: note.text()}}}));
        let name = record_name(release, revision.number);
        let what = format!("noting the rollback to revision {} of the release `{release}`", revision.number);
        self.if_unchanged(&what, async { api.patch_metadata(&name, &PatchParams::default(), &patch).await }).await?;
        Ok(())
    }

    /// Marks a revision as failed in its record, as helm does when it is interrupted; nothing else changes in the
    /// cluster. Fails when the record is no longer the one in `revision`: then a helm is at work on it.
    pub async fn mark_failed(&self, namespace: &str, release: &str, revision: &Revision) -> Result<Marked, Failure> {
        let api = self.namespaced::<Secret>(namespace);
        let name = record_name(release, revision.number);
        let what = format!("marking revision {} of the release `{release}` as failed", revision.number);
        let secret = self.read(&what, || api.get_opt(&name)).await?;
        let current = secret.as_ref().and_then(|secret| secret.metadata.resource_version.as_ref());
        let Some(secret) = secret.as_ref().filter(|_| current == Some(&revision.resource_version)) else {
            return Err(changed(&what));
        };
        let stored = secret.data.as_ref().and_then(|data| data.get("release")).map(|bytes| bytes.0.as_slice());
        let failed = match record::with_status(stored.unwrap_or_default(), &ReleaseStatus::Failed) {
            Ok(failed) => failed,
            Err(why) => return Ok(Marked::Unreadable(why)),
        };
        let patch = Patch::Merge(json!({
            "metadata": {
                "resourceVersion": revision.resource_version,
                "labels": {"status": ReleaseStatus::Failed.word()},
            },
            "data": {"release": ByteString(failed)},
        }));
        self.if_unchanged(&what, async { api.patch_metadata(&name, &PatchParams::default(), &patch).await }).await?;
        Ok(Marked::Failed)
    }

    /// Deletes the record of a revision, and nothing that the release installed. Fails when the record is no longer the
    /// one in `revision`.
    pub async fn delete_record(&self, namespace: &str, release: &str, revision: &Revision) -> Result<(), Failure> {
        let api = self.namespaced::<Secret>(namespace);
        let name = record_name(release, revision.number);
        let what = format!("deleting the record `{name}`");
        let unchanged = Preconditions { resource_version: Some(revision.resource_version.clone()), uid: None };
        let params = DeleteParams::default().preconditions(unchanged);
        self.if_unchanged(&what, async { api.delete(&name, &params).await }).await.map(drop)
    }
}

impl Kube {
    /// Returns the workloads of a release that are there, and sentences on those that were removed some time after
    /// their end, as they are meant to be.
    pub async fn workloads_of(&self, release: &Release) -> Result<(Vec<Target>, Vec<String>), Failure> {
        let (mut targets, mut gone) = (Vec::new(), Vec::new());
        for object in &release.objects().objects {
            let Some(kind) = WorkloadKind::of(&object.reference.api_version, &object.reference.kind) else {
                continue;
            };
            if object.is_removed_when_done() && !self.exists(&object.reference).await? {
                gone.push(format!("{} is gone: it was removed some time after its end", object.reference));
                continue;
            }
            let ObjectRef { namespace, name, .. } = object.reference.clone();
            targets.push((kind, namespace, name));
        }
        Ok((targets, gone))
    }
}

/// The name of the Secret in which Helm keeps a revision.
pub fn record_name(release: &str, revision: u32) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}
