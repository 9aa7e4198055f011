//! Changes of a workload that are made to see how it behaves, and taken back. What was there before stands on the
//! workload itself as long as the change does, in an annotation that is set in the same request: so a run after one
//! that was killed can take it back too.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::client::{Kube, changed};
use super::exercise_record::{Exerciser, Field, Record};
use super::managers;
use super::rollout::Target;
use super::workload::WorkloadKind;
use super::workloads::{HASH, revision};
use crate::error::{Context, Failure, ids};

/// Who owns what is changed where nobody else does, or only by applying.
const MANAGER: &str = "provision-exercise";

/// How often a change is tried that the workload's controller gets in the way of: it writes the status.
const TRIES: usize = 20;

/// What is changed of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The image of a container: the only one unless it is named.
    Image {
        /// The container's name.
        container: Option<String>,
        /// The image.
        image: String,
    },
    /// Its pods are replaced by equal ones.
    Restart,
    /// The number of its pods.
    Replicas(u32),
}

impl Kube {
    /// Changes a workload. What was there before is noted on it, for [`Kube::take_back`]. Returns the sentence that
    /// says what was changed.
    pub async fn exercise(&self, target: &Target, change: &Change, by: &Exerciser) -> Result<String, Failure> {
        let what = format!("changing {}", name_of(target));
        let live = self.live(target).await?;
        let field = field(&live, change).map_err(|why| Failure::failed(format!("{what} failed")).cause(why))?;
        let owner = managers_of(&live).and_then(|entries| managers::owner(&entries, &field.owned_path()));
        let applied_by = owner.as_ref().filter(|owner| owner.applies).map(|owner| owner.manager.clone());
        let manager = owner.filter(|owner| !owner.applies).map_or_else(|| MANAGER.to_owned(), |owner| owner.manager);
        let during: Value = match change {
            Change::Image { image, .. } => image.as_str().into(),
            Change::Restart => crate::tools::unique_id("check").into(),
            Change::Replicas(replicas) => (*replicas).into(),
        };
        self.edit(target, &what, &manager, |object| {
            if let Some(other) = Record::of(object)? {
                return Err(Failure::failed(format!("{what} failed")).cause(other.in_the_way()));
            }
            let before = field.get(object).cloned();
            if before.as_ref() == Some(&during) {
                return Err(Failure::failed(format!("{what} failed"))
                    .cause(format!("{} is {during} already, so that nothing would be seen", field.words())));
            }
            let said = format!("{}: {} becomes {during}", name_of(target), field.words());
            let record = Record {
                checkout: by.checkout.clone(),
                run: by.run.as_ref().map(ToString::to_string),
                step: by.step.clone(),
                field: field.clone(),
                before,
                during: during.clone(),
                manager: manager.clone(),
                applied_by: applied_by.clone(),
            };
            record.put_on(object)?;
            field.set(object, Some(during.clone()));
            Ok(said)
        })
        .await
    }

    /// Takes back what [`Kube::exercise`] has changed, in this run or in one of this checkout that was killed. Returns
    /// what was done; `None` when there was nothing to take back. What somebody else has set meanwhile stays.
    pub async fn take_back(&self, target: &Target, by: &Exerciser) -> Result<Option<String>, Failure> {
        let Some(record) = Record::of(&self.live(target).await?)? else { return Ok(None) };
        if let Some(why) = record.belongs_to_another_than(by) {
            let before = record.before.as_ref().map_or_else(|| "what it is by default".to_owned(), Value::to_string);
            return Err(Failure::of(
                ids::EXERCISE_STUCK,
                format!("{} is being changed by another check", name_of(target)),
            )
            .cause(why)
            .hint(format!(
                "if that run is over, set {} to {before} again, and take off its note: `{} -n {} annotate {} {}-`",
                record.field.words(),
                self.kubectl(),
                target.1,
                name_of(target),
                Record::ANNOTATION
            )));
        }
        let what = format!("taking back the change of {}", name_of(target));
        let done = self.edit(target, &what, &record.manager, |object| {
            let Some(record) = Record::of(object)? else { return Ok(None) };
            Record::remove_from(object);
            let field = &record.field;
            let shown = |value: Option<&Value>| value.map_or_else(|| "not set".to_owned(), ToString::to_string);
            if field.get(object) != Some(&record.during) {
                let now = shown(field.get(object));
                return Ok(Some(format!(
                    "{}: somebody has set {} meanwhile, and it stays {now}",
                    name_of(target),
                    field.words()
                )));
            }
            field.set(object, record.before.clone());
            Ok(Some(format!("{}: {} is {} again", name_of(target), field.words(), shown(record.before.as_ref()))))
        });
        let done = done.await?;
        self.give_back(target, &record).await?;
        Ok(done)
    }

    /// Takes back what [`Kube::exercise`] has changed by the history that the cluster keeps: the pods of the
    /// Deployment get the template of the version before, as by `kubectl rollout undo`. Returns the revision of that
    /// version.
    pub async fn undo_rollout(&self, target: &Target) -> Result<u64, Failure> {
        let live = self.live(target).await?;
        let Some(record) = Record::of(&live)? else {
            return Err(Failure::of(ids::ROLLBACK_IMPOSSIBLE, format!("{} has no change to undo", name_of(target))));
        };
        let (number, template) = self.version_before(target, &live).await?;
        let what = format!("undoing the rollout of {}", name_of(target));
        self.edit(target, &what, &record.manager, |object| {
            object["spec"]["template"] = template.clone();
            Record::remove_from(object);
            Ok(())
        })
        .await?;
        self.give_back(target, &record).await?;
        Ok(number)
    }

    /// What decides how a workload behaves, as far as the workload says it: all but the number of its pods, which may
    /// be an autoscaler's. `None` when the workload is not there.
    pub async fn behaviour(&self, target: &Target) -> Result<Option<String>, Failure> {
        let api = self.workload_api(target)?;
        let found = self.read(&format!("reading {}", name_of(target)), || api.get_opt(&target.2)).await?;
        let Some(found) = found else { return Ok(None) };
        let mut spec = found.data.get("spec").cloned().unwrap_or_default();
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("replicas");
        }
        Ok(Some(spec.to_string()))
    }

    /// Says what a check has left on a workload, if it has; `None` also when the workload is not there.
    pub async fn left_on(&self, target: &Target) -> Result<Option<String>, Failure> {
        let api = self.workload_api(target)?;
        let found = self.read(&format!("reading {}", name_of(target)), || api.get_opt(&target.2)).await?;
        let Some(found) = found else { return Ok(None) };
        Ok(Record::of(&as_value(&found)?)?.map(|record| format!("{}: {}", name_of(target), record.in_the_way())))
    }

    /// The newest version of a Deployment before the present one: its revision and the template of its pods.
    async fn version_before(&self, target: &Target, live: &Value) -> Result<(u64, Value), Failure> {
        let api = self.namespaced::<ReplicaSet>(&target.1);
        let what = format!("listing the versions of {}", name_of(target));
        let params = ListParams::default();
        let sets = self.read(&what, || api.list(&params)).await?;
        let uid = live.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let is_own = |set: &&ReplicaSet| {
            set.metadata
                .owner_references
                .iter()
                .flatten()
                .any(|owner| owner.uid == uid && owner.controller == Some(true))
        };
        let mut versions: Vec<&ReplicaSet> = sets.items.iter().filter(is_own).collect();
        versions.sort_by_key(|set| std::cmp::Reverse(revision(&set.metadata)));
        let Some(before) = versions.get(1) else {
            return Err(Failure::of(
                ids::ROLLBACK_IMPOSSIBLE,
                format!("the cluster keeps no earlier version of {}", name_of(target)),
            )
            .cause("its `revisionHistoryLimit` decides how many are kept")
            .hint("let `revisionHistoryLimit` be at least 1, or leave it out"));
        };
        let template = before.spec.as_ref().and_then(|spec| spec.template.as_ref());
        let mut template = serde_json::to_value(template).context(|| what)?;
        if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.remove(HASH);
        }
        Ok((revision(&before.metadata), template))
    }

    /// Makes who applied a field its owner again: a change of ours has taken it away from them.
    async fn give_back(&self, target: &Target, record: &Record) -> Result<(), Failure> {
        let Some(to) = &record.applied_by else { return Ok(()) };
        let live = self.live(target).await?;
        let field = record.field.owned_path();
        let entries = managers_of(&live).and_then(|entries| managers::give_back(&entries, &record.manager, to, &field));
        let Some(entries) = entries else { return Ok(()) };
        let version = live.pointer("/metadata/resourceVersion");
        let patch = Patch::Merge(json!({"metadata": {"resourceVersion": version, "managedFields": entries}}));
        let api = self.workload_api(target)?;
        let params = PatchParams { field_manager: Some(record.manager.clone()), ..PatchParams::default() };
        let what = format!("giving a field of {} back to `{to}`", name_of(target));
        self.once(&what, async {
            match api.patch(&target.2, &params, &patch).await {
                // Its controller was faster; the next apply of the owner takes it back as well, as its value is the
                // same.
                Err(kube::Error::Api(status)) if status.is_conflict() => Ok(()),
                result => result.map(drop),
            }
        })
        .await
    }

    fn workload_api(&self, target: &Target) -> Result<Api<DynamicObject>, Failure> {
        let (kind, namespace, _) = target;
        let resource = match kind {
            WorkloadKind::Deployment => ApiResource::erase::<Deployment>(&()),
            WorkloadKind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            WorkloadKind::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
            _ => return Err(Failure::failed(format!("{} can't be changed for a check", name_of(target)))),
        };
        Ok(Api::namespaced_with(self.client.clone(), namespace, &resource))
    }

    async fn live(&self, target: &Target) -> Result<Value, Failure> {
        let api = self.workload_api(target)?;
        let found = self.read(&format!("reading {}", name_of(target)), || api.get_opt(&target.2)).await?;
        let found = found.ok_or_else(|| {
            Failure::of(
                ids::WORKLOAD_MISSING,
                format!("there is no {} in the namespace `{}`", name_of(target), target.1),
            )
            .hint(format!(
                "see what is there: `{} -n {} get {}s`",
                self.kubectl(),
                target.1,
                target.0.word()
            ))
        })?;
        as_value(&found)
    }

    /// Changes a workload to what `edit` makes of it, as it is at that moment; nothing else of it is overwritten.
    async fn edit<T>(
        &self,
        target: &Target,
        what: &str,
        manager: &str,
        edit: impl Fn(&mut Value) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let api = self.workload_api(target)?;
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        for _ in 0..TRIES {
            let live = self.live(target).await?;
            let mut wanted = live.clone();
            let result = edit(&mut wanted)?;
            let mut patch = merge_patch(&live, &wanted);
            patch["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
            let patch = Patch::Merge(patch);
            let done = self.once(what, async {
                match api.patch(&target.2, &params, &patch).await {
                    Ok(_) => Ok(true),
                    Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
                    Err(error) => Err(error),
                }
            });
            if done.await? {
                return Ok(result);
            }
        }
        Err(changed(what))
    }
}

/// A workload as messages name it: `deployment/web`.
fn name_of(target: &Target) -> String {
    format!("{}/{}", target.0.word(), target.2)
}

fn as_value(object: &DynamicObject) -> Result<Value, Failure> {
    serde_json::to_value(object).map_err(|error| Failure::bug("an object can't be written as JSON").source(&error))
}

fn managers_of(object: &Value) -> Option<Vec<ManagedFieldsEntry>> {
    serde_json::from_value(object.pointer("/metadata/managedFields")?.clone()).ok()
}

/// The field that `change` changes, or why there is none.
fn field(object: &Value, change: &Change) -> Result<Field, String> {
    let container = match change {
        Change::Replicas(_) if object.pointer("/spec/replicas").is_none() => {
            return Err("it has no number of pods that could be changed".to_owned());
        }
        Change::Replicas(_) => return Ok(Field::Replicas),
        Change::Restart => return Ok(Field::Restart),
        Change::Image { container, .. } => container,
    };
    let containers = object.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let names: Vec<&str> = containers.into_iter().flatten().filter_map(|one| one.get("name")?.as_str()).collect();
    match (container, &names[..]) {
        (Some(name), names) if names.contains(&name.as_str()) => Ok(Field::Image(name.clone())),
        (None, [name]) => Ok(Field::Image((*name).to_owned())),
        (Some(name), names) => Err(format!("it has no container `{name}`: it has {}", names.join(", "))),
        (None, names) => {
            Err(format!("it has several containers, so `container` has to name one: {}", names.join(", ")))
        }
    }
}

/// Returns the JSON merge patch (RFC 7396) that makes `to` of `from`.
fn merge_patch(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let gone = from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let other = to.iter().filter(|(key, value)| from.get(*key) != Some(value));
    let other = other.map(|(key, value)| match from.get(key) {
        Some(before) => (key.clone(), merge_patch(before, value)),
        None => (key.clone(), value.clone()),
    });
    Value::Object(gone.chain(other).collect())
}

#[cfg(test)]
mod tests;
