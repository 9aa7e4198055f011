//! What stands on a workload while it is changed for a check: which field, its value before, and whose check it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Failure;
use crate::model::RunId;

/// The annotation of the pods' template that replaces them by equal ones.
const STAMP: &str = "provision.dev/restarted-by-a-check";

/// Who changes a workload or asks its Service.
#[derive(Clone, Debug)]
pub struct Exerciser {
    /// The checkout; see [`crate::tools::checkout_id`].
    pub checkout: String,
    /// The run; `None` outside of one.
    pub run: Option<RunId>,
    /// The step.
    pub step: String,
}

/// A field of a workload that a check changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Field {
    /// The number of its pods.
    Replicas,
    /// What makes it replace its pods.
    Restart,
    /// The image of this container.
    Image(String),
}

impl Field {
    /// As messages name it.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Replicas => "the number of pods".to_owned(),
            Self::Restart => "the mark of the restart".to_owned(),
            Self::Image(container) => format!("the image of the container `{container}`"),
        }
    }

    /// Its path as the owners of fields are noted.
    pub(super) fn owned_path(&self) -> Vec<String> {
        let container;
        let path: &[&str] = match self {
            Self::Replicas => &["f:spec", "f:replicas"],
            Self::Restart => &["f:spec", "f:template", "f:metadata", "f:annotations", STAMP_OWNED],
            Self::Image(name) => {
                container = format!("k:{}", serde_json::json!({"name": name}));
                &["f:spec", "f:template", "f:spec", "f:containers", &container, "f:image"]
            }
        };
        path.iter().map(|part| (*part).to_owned()).collect()
    }

    /// Its value in `object`.
    pub(super) fn get<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Replicas => object.pointer("/spec/replicas"),
            Self::Restart => object.pointer("/spec/template/metadata/annotations")?.get(STAMP),
            Self::Image(name) => {
                let containers = object.pointer("/spec/template/spec/containers")?.as_array()?;
                containers.iter().find(|container| container.get("name").is_some_and(|one| one == name))?.get("image")
            }
        }
    }

    /// Sets it in `object`; with `None` it is removed.
    pub(super) fn set(&self, object: &mut Value, value: Option<Value>) {
        match self {
            Self::Replicas => object["spec"]["replicas"] = value.unwrap_or_default(),
            Self::Restart => {
                let annotations = &mut object["spec"]["template"]["metadata"]["annotations"];
                match value {
                    Some(value) => annotations[STAMP] = value,
                    None => {
                        annotations.as_object_mut().map(|annotations| annotations.remove(STAMP));
                    }
                }
            }
            Self::Image(name) => {
                let containers = object.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
                let is_named = |container: &&mut Value| container.get("name").is_some_and(|one| one == name);
                if let Some(container) = containers.into_iter().flatten().find(is_named) {
                    container["image"] = value.unwrap_or_default();
                }
            }
        }
    }
}

/// [`STAMP`] as the owners of fields are noted.
const STAMP_OWNED: &str = "f:provision.dev/restarted-by-a-check";

/// A change that stands on a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) checkout: String,
    pub(super) run: Option<String>,
    pub(super) step: String,
    pub(super) field: Field,
    /// The value before; `None` where it was not set.
    pub(super) before: Option<Value>,
    pub(super) during: Value,
    /// The field manager of the change: the one who edited the field before, where there is one.
    pub(super) manager: String,
    /// Who applied the field before, where somebody did.
    pub(super) applied_by: Option<String>,
}

impl Record {
    /// Where it stands.
    pub(super) const ANNOTATION: &'static str = "provision.dev/changed-by-a-check";

    /// The record on `object`, if there is one.
    pub(super) fn of(object: &Value) -> Result<Option<Self>, Failure> {
        let annotation = object.pointer("/metadata/annotations").and_then(|all| all.get(Self::ANNOTATION)?.as_str());
        let Some(text) = annotation else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|error| {
            Failure::failed(format!("the annotation `{}` can't be read", Self::ANNOTATION)).source(&error)
        })
    }

    /// Puts it on `object`.
    pub(super) fn put_on(&self, object: &mut Value) -> Result<(), Failure> {
        let text = serde_json::to_string(self)
            .map_err(|error| Failure::bug("what was there before can't be written").source(&error))?;
        object["metadata"]["annotations"][Self::ANNOTATION] = text.into();
        Ok(())
    }

    /// Removes any from `object`.
    pub(super) fn remove_from(object: &mut Value) {
        let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
        annotations.map(|annotations| annotations.remove(Self::ANNOTATION));
    }

    /// Says that it stands in the way of another change.
    pub(super) fn in_the_way(&self) -> String {
        let run = self.run.as_ref().map(|run| format!(" of the run {run}")).unwrap_or_default();
        format!("the step {}{run} has changed {}, and it is not taken back", self.step, self.field.words())
    }

    /// Says why `by` may not take it back, if so: one run of a checkout at a time is on, so what another one left is
    /// nobody's any more, but another checkout's may be in use.
    pub(super) fn belongs_to_another_than(&self, by: &Exerciser) -> Option<String> {
        if self.checkout != by.checkout {
            return Some(format!("{}; that was another checkout of a project", self.in_the_way()));
        }
        let is_same_run = self.run == by.run.as_ref().map(ToString::to_string);
        (is_same_run && self.step != by.step)
            .then(|| format!("{}; let one of the two steps need the other", self.in_the_way()))
    }
}
