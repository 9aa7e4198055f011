//! Objects of the cluster are compared with what was released, and changed back to it.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::Value;

use super::client::Kube;
use super::drift::{Difference, differences, patch};
use super::kinds::Kind;
use super::manifest::ManifestObject;
use crate::error::{Context, Failure};

/// The manager of the changes that are tried and never made.
const TRIAL: &str = "provision-compare";

/// The manager of the changes that are made: helm's own, so that helm finds the object as it would have left it.
const HELM: &str = "helm";

/// At most so many objects are compared at once.
const LANES: usize = 4;

/// How many objects are worth a connection of their own: making one takes as long as some requests.
const OBJECTS_A_LANE: usize = 4;

/// How many differences of an object are named.
const NAMED: usize = 3;

/// An object beside what was released.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Comparison {
    /// Everything that the manifest sets is as it was released.
    Same,
    /// It is not there; says so.
    Absent(String),
    /// Somebody has changed it.
    Drifted(Drift),
    /// It is there, but the API server takes no trial that would show whether it was changed; says why.
    Unknown(String),
}

/// How an object differs from what was released.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drift {
    subject: String,
    differences: Vec<Difference>,
    /// Changes them back, as long as nobody has changed the object meanwhile.
    patch: Value,
    /// Why the API server takes no such change.
    refusal: Option<String>,
    /// What was done with the object, as messages say it: `released`.
    verb: &'static str,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(refusal) = &self.refusal {
            return write!(f, "{} can't be changed to what was {}: {refusal}", self.subject, self.verb);
        }
        let named: Vec<String> = self.differences.iter().take(NAMED).map(ToString::to_string).collect();
        write!(f, "{}: {}", self.subject, named.join("; "))?;
        match self.differences.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// What came of a trial.
enum Trial {
    /// What the object would be.
    Would(Box<Value>),
    /// The API server refuses it: status code and message.
    Refused(u16, String),
}

impl Kube {
    /// Compares objects with what was released, several at once; in the order of `objects`.
    pub(super) async fn compare_all(
        &self,
        objects: &[ManifestObject],
        is_ignored: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<Comparison>, Failure> {
        let comparisons: Vec<_> = objects.iter().map(|object| self.compare(object, is_ignored)).collect();
        let lanes = objects.len().div_ceil(OBJECTS_A_LANE).clamp(1, LANES);
        stream::iter(comparisons).buffered(lanes).try_collect().await
    }

    /// Compares an object with what was released. `is_ignored` tells which fields do not count, by kind, name and path:
    /// `deployment/web: spec.replicas`.
    pub(super) async fn compare(
        &self,
        object: &ManifestObject,
        is_ignored: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Comparison, Failure> {
        let reference = &object.reference;
        let Some(kind) = self.kind_of(&reference.api_version, &reference.kind).await? else {
            return Ok(Comparison::Absent(reference.unknown_kind()));
        };
        if !kind.is_kept {
            return Ok(Comparison::Same);
        }
        if reference.name.is_empty() {
            return Ok(Comparison::Unknown(format!("a {} of the manifest has no name", reference.kind)));
        }
        let first = self.compare_once(object, &kind, is_ignored).await?;
        match first {
            // Between the two requests a controller may have changed it.
            Comparison::Drifted(_) => self.compare_once(object, &kind, is_ignored).await,
            other => Ok(other),
        }
    }

    async fn compare_once(
        &self,
        object: &ManifestObject,
        kind: &Kind,
        is_ignored: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Comparison, Failure> {
        let reference = &object.reference;
        let api = self.dynamic(kind, &reference.namespace);
        let what = format!("looking for {reference}");
        let live = self.read(&what, || async { self.absent_without_kind(api.get_opt(&reference.name).await) });
        let live = live.await?.filter(|live| live.metadata.deletion_timestamp.is_none());
        let Some(live) = live else {
            if object.is_removed_when_done() {
                return Ok(Comparison::Same);
            }
            return Ok(Comparison::Absent(format!("{reference} is gone")));
        };
        let resource_version = live.metadata.resource_version.clone();
        let live = as_value(&live)?;
        if self.compared.is_same(&object.content, &live) {
            return Ok(Comparison::Same);
        }
        let drift = |differences, patch, refusal| {
            let (subject, verb) = (reference.to_string(), object.verb);
            Ok(Comparison::Drifted(Drift { subject, differences, patch, refusal, verb }))
        };
        let wanted = match self.trial(&api, object, kind).await? {
            Trial::Would(wanted) => *wanted,
            // What is as it was released is valid: something that can't be changed any more is different.
            Trial::Refused(422, why) => return drift(Vec::new(), Value::Null, Some(why)),
            Trial::Refused(_, why) => {
                return Ok(Comparison::Unknown(format!(
                    "{reference} can't be compared with what was {}: {why}",
                    object.verb
                )));
            }
        };
        let mut found = differences(&live, &wanted, &object.content, object.verb);
        if found.is_empty() {
            self.compared.note(&object.content, &live);
        }
        let subject = format!("{}/{}", reference.kind.to_lowercase(), reference.name);
        found.retain(|difference| !is_ignored(&format!("{subject}: {}", difference.path)));
        found.retain(|difference| !is_injected(&live, difference));
        if found.iter().any(|difference| difference.path == REPLICAS)
            && self.is_scaled_by_autoscaler(object, &live).await?
        {
            found.retain(|difference| difference.path != REPLICAS);
        }
        if found.is_empty() {
            return Ok(Comparison::Same);
        }
        let mut patch = patch(&found, &wanted);
        patch["metadata"]["resourceVersion"] = resource_version.into();
        drift(found, patch, None)
    }

    /// Returns what the object would be after the manifest was applied to it. Nothing is changed.
    async fn trial(&self, api: &Api<DynamicObject>, object: &ManifestObject, kind: &Kind) -> Result<Trial, Failure> {
        let mut content = object.content.clone();
        if kind.is_namespaced {
            content["metadata"]["namespace"] = object.reference.namespace.as_str().into();
        }
        let apply = PatchParams { dry_run: true, ..PatchParams::apply(TRIAL).force() };
        match self.try_patch(api, object, &apply, &Patch::Apply(&content)).await? {
            Trial::Refused(code, _) if code != 403 => {}
            result => return Ok(result),
        }
        // Applying is stricter than helm is: it takes no list with a doubled key, and no field that the kind does not
        // know. Merging takes both.
        let merge = PatchParams { dry_run: true, field_manager: Some(TRIAL.to_owned()), ..PatchParams::default() };
        self.try_patch(api, object, &merge, &Patch::Merge(&content)).await
    }

    async fn try_patch(
        &self,
        api: &Api<DynamicObject>,
        object: &ManifestObject,
        params: &PatchParams,
        patch: &Patch<&Value>,
    ) -> Result<Trial, Failure> {
        let reference = &object.reference;
        let what = format!("comparing {reference} with what was released");
        self.read(&what, || async {
            match api.patch(&reference.name, params, patch).await {
                Ok(object) => Ok(Ok(object)),
                // 500 is also what an apply of unknown fields gets. What is only busy is asked again.
                Err(kube::Error::Api(status)) if !matches!(status.code, 401 | 408 | 429 | 502 | 503 | 504) => {
                    Ok(Err((status.code, status.message.clone())))
                }
                Err(error) => Err(error),
            }
        })
        .await?
        .map_or_else(
            |(code, message)| Ok(Trial::Refused(code, message)),
            |object| Ok(Trial::Would(Box::new(as_value(&object)?))),
        )
    }

    /// Whether the number of a workload's pods is an autoscaler's to choose. One that was set to 0 by hand is not
    /// scaled any more, and neither is one beyond the autoscaler's limits.
    async fn is_scaled_by_autoscaler(&self, object: &ManifestObject, live: &Value) -> Result<bool, Failure> {
        let reference = &object.reference;
        let replicas = live.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        let api = self.namespaced::<HorizontalPodAutoscaler>(&reference.namespace);
        let what = format!("listing the autoscalers of {}", reference.namespace);
        let params = ListParams::default();
        let autoscalers = self.read(&what, || api.list(&params)).await?;
        Ok(autoscalers.items.into_iter().filter_map(|autoscaler| autoscaler.spec).any(|spec| {
            let target = &spec.scale_target_ref;
            let bounds = i64::from(spec.min_replicas.unwrap_or(1))..=i64::from(spec.max_replicas);
            target.kind == reference.kind && target.name == reference.name && bounds.contains(&replicas)
        }))
    }

    /// Changes an object back to what was released, unless somebody has changed it since it was compared.
    pub(super) async fn change_back(&self, object: &ManifestObject, drift: &Drift) -> Result<(), Failure> {
        let reference = &object.reference;
        let what = format!("changing {reference} back to what was released");
        if let Some(refusal) = &drift.refusal {
            return Err(Failure::failed(format!("{what} failed")).cause(refusal).hint(format!(
                "delete it, so that the next run makes it again: `{} -n {} delete {} {}`",
                self.kubectl(),
                reference.namespace,
                reference.kind.to_lowercase(),
                reference.name
            )));
        }
        let Some(kind) = self.kind_of(&reference.api_version, &reference.kind).await? else {
            return Err(Failure::failed(format!("{what} failed")).cause(reference.unknown_kind()));
        };
        let api = self.dynamic(&kind, &reference.namespace);
        let params = PatchParams { field_manager: Some(HELM.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(&drift.patch);
        self.if_unchanged(&what, async { api.patch(&reference.name, &params, &patch).await }).await.map(drop)
    }

    /// Makes an object of a manifest that is gone.
    pub(super) async fn make_again(&self, object: &ManifestObject) -> Result<(), Failure> {
        let reference = &object.reference;
        let what = format!("making {reference} again");
        let Some(kind) = self.kind_of(&reference.api_version, &reference.kind).await? else {
            return Err(Failure::failed(format!("{what} failed")).cause(reference.unknown_kind()));
        };
        let made: DynamicObject = serde_json::from_value(object.content.clone()).context(|| what.clone())?;
        let params = PostParams { field_manager: Some(HELM.to_owned()), ..PostParams::default() };
        let api = self.dynamic(&kind, &reference.namespace);
        self.once(&what, async {
            match api.create(&params, &made).await {
                Ok(_) => Ok(()),
                // Somebody was faster: the comparison that follows tells whether it is the same.
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }
}

const REPLICAS: &str = "spec.replicas";

/// Whether a difference is a certificate that the manifest itself asks a controller for: it is never what was released.
fn is_injected(live: &Value, difference: &Difference) -> bool {
    let annotations = live.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
    let asks = |name: &str| name.starts_with("cert-manager.io/inject-") || name.ends_with("/inject-cabundle");
    difference.path.ends_with("caBundle")
        && difference.live().is_some()
        && annotations.into_iter().any(|(name, _)| asks(name))
}

fn as_value(object: &DynamicObject) -> Result<Value, Failure> {
    serde_json::to_value(object).map_err(|error| Failure::bug("an object can't be written as JSON").source(&error))
}

#[cfg(test)]
mod tests;
