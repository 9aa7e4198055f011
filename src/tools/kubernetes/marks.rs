//! [`Marks`]: what objects show of the pipeline and the step that applied them, and whose they are by that.
//!
//! A label names the pipeline, so that its objects can be found; one annotation names the step, and another one says
//! that the object was not there before. The label counts only where the step's own manager has set it: a copy of an
//! object has the same labels.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::Value;

use super::claims::{self, Claims};
use super::managers::{APPLY, FieldManager};
use super::manifest::ManifestObject;
use crate::tools::checkout::Checkout;
use crate::tools::deletion::Proof;

/// The label with the name of the pipeline.
pub(super) const PIPELINE: &str = "provision.dev/pipeline";

/// The annotation with the id of the step.
const APPLIED_BY: &str = "provision.dev/applied-by";

/// The annotation of an object that the pipeline has made, with the pipeline's name.
const MADE_BY: &str = "provision.dev/made-by";

/// Helm's annotation of an object that belongs to a release.
const RELEASE: &str = "meta.helm.sh/release-name";

/// What other checkouts have deployed too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Which ones.
    pub with: String,
    /// Whether this checkout has.
    pub is_ours_too: bool,
}

impl Shared {
    /// Why the object stays.
    pub fn why(&self) -> String {
        let how = if self.is_ours_too { "also deployed" } else { "deployed" };
        format!("it is {how} from {}", self.with)
    }

    /// How checkouts stop to share: each has a `what` of its own, which is a setting.
    pub fn apart(&self, what: &str) -> String {
        format!("give each checkout its own {what}: `{what} = \"NAME-${{{{ checkout.slug }}}}\"`")
    }
}

/// The marks of one pipeline.
#[derive(Clone, Debug)]
pub struct Marks {
    pipeline: String,
    checkout: Option<Checkout>,
    /// Whether what other checkouts have deployed is not ours.
    is_checkout_alone: bool,
}

impl Marks {
    /// Those of the pipeline `name`.
    pub fn of(name: &str) -> Self {
        Self { pipeline: name.to_owned(), checkout: None, is_checkout_alone: false }
    }

    /// Those of the pipeline in `checkout`: what is applied names it.
    pub fn in_checkout(self, checkout: Option<Checkout>) -> Self {
        Self { checkout, ..self }
    }

    /// The same, but an object is ours only if no other checkout has deployed it.
    pub fn of_checkout_alone(self) -> Self {
        Self { is_checkout_alone: true, ..self }
    }

    /// The checkout.
    pub(super) fn checkout(&self) -> Option<&Checkout> {
        self.checkout.as_ref()
    }

    /// Which other checkouts have deployed the thing with these annotations or labels. One without any such mark is of
    /// an older version, which did not tell checkouts apart.
    pub(super) fn shared(&self, all: Option<&BTreeMap<String, String>>) -> Option<Shared> {
        let claims = Claims::of(all, &self.checkout.as_ref().filter(|_| self.is_checkout_alone)?.id);
        (!claims.others.is_empty()).then(|| Shared { with: claims.named_others(), is_ours_too: claims.ours })
    }

    /// The pipeline's name.
    pub(super) fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// The manager of the pipeline's step `step`.
    pub(super) fn manager_of(&self, step: &str) -> FieldManager {
        FieldManager::of_step(&self.pipeline, step)
    }

    /// The selector of the pipeline's objects.
    pub(super) fn selector(&self) -> String {
        format!("{PIPELINE}={}", self.pipeline)
    }

    /// Marks an object as applied by the step `step`.
    pub fn mark(&self, object: &mut ManifestObject, step: &str) {
        object.set_metadata("labels", PIPELINE, &self.pipeline);
        object.set_metadata("annotations", APPLIED_BY, step);
    }

    /// Marks an object as made by the pipeline.
    pub(super) fn mark_made(&self, object: &mut ManifestObject) {
        object.set_metadata("annotations", MADE_BY, &self.pipeline);
    }

    /// Whether an object says that the pipeline has made it.
    pub(super) fn says_made(&self, meta: &ObjectMeta) -> bool {
        annotation(meta, MADE_BY) == Some(self.pipeline.as_str())
    }

    /// The step that an object says was the one that applied it.
    pub(super) fn step_of<'a>(&self, meta: &'a ObjectMeta) -> Option<&'a str> {
        let pipeline = meta.labels.as_ref()?.get(PIPELINE)?;
        annotation(meta, APPLIED_BY).filter(|_| *pipeline == self.pipeline)
    }

    /// Whether the object itself shows that this pipeline has made it, and that it is still nobody else's.
    pub(super) fn ownership(&self, meta: &ObjectMeta) -> Proof {
        let Some(step) = self.step_of(meta) else {
            return Proof::Lacking(format!("no step of the pipeline `{}` has applied it", self.pipeline));
        };
        let manager = self.manager_of(step);
        // The step may have another name now.
        let is_ours = |name: &str| name == manager.as_str() || FieldManager::is_of_pipeline(name, &self.pipeline);
        let set_it = |entry: &&ManagedFieldsEntry| sets_mark(entry) && entry.manager.as_deref().is_some_and(is_ours);
        let Some(entry) = managers(meta).find(set_it) else {
            return Proof::Lacking(format!("`{manager}` has not set its mark: it is a copy"));
        };
        let applies = |other: &&ManagedFieldsEntry| other.operation.as_deref() == Some(APPLY) && *other != entry;
        let mut others = managers(meta).filter(applies).filter_map(|other| other.manager.as_deref());
        // Another step of this pipeline may do so: it is ours all the same.
        let is_foreign =
            |other: &&str| FieldManager::is_of_a_step(other) && !FieldManager::is_of_pipeline(other, &self.pipeline);
        if let Some(other) = others.find(is_foreign) {
            return Proof::Lacking(format!("`{other}` applies it too"));
        }
        if let Some(release) = annotation(meta, RELEASE) {
            return Proof::Lacking(format!("it now belongs to the Helm release `{release}`"));
        }
        if let Some(shared) = self.shared(meta.annotations.as_ref()) {
            return Proof::Lacking(shared.why());
        }
        if self.says_made(meta) {
            Proof::Shown
        } else {
            Proof::Lacking(format!("it was there before the step {step} applied to it"))
        }
    }

    /// The keys of an object's data that no step of the pipeline has set: somebody has put them there.
    pub(super) fn foreign_keys(&self, meta: &ObjectMeta, content: &Value) -> Vec<String> {
        let ours = self.step_of(meta).map(|step| self.manager_of(step));
        let entry = ours.and_then(|manager| entry_of(meta, &manager)).and_then(|entry| entry.fields_v1.as_ref());
        let is_ours = |parent: &str, key: &str| {
            entry.is_some_and(|fields| fields.0[format!("f:{parent}")].get(format!("f:{key}")).is_some())
        };
        let of = |parent: &'static str| {
            let keys = content.get(parent).and_then(Value::as_object).into_iter().flatten();
            keys.map(move |(key, _)| (parent, key)).filter(|(parent, key)| !is_ours(parent, key))
        };
        of("data").chain(of("binaryData")).map(|(_, key)| key.clone()).collect()
    }
}

fn annotation<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(name).map(String::as_str)
}

/// Everybody who has set something in an object, beside its status.
fn managers(meta: &ObjectMeta) -> impl Iterator<Item = &ManagedFieldsEntry> {
    let is_of_status = |entry: &&ManagedFieldsEntry| entry.subresource.as_deref() == Some("status");
    meta.managed_fields.iter().flatten().filter(move |entry| !is_of_status(entry))
}

fn entry_of<'a>(meta: &'a ObjectMeta, manager: &FieldManager) -> Option<&'a ManagedFieldsEntry> {
    managers(meta)
        .find(|entry| entry.manager.as_deref() == Some(manager.as_str()) && entry.operation.as_deref() == Some(APPLY))
}

fn sets_mark(entry: &ManagedFieldsEntry) -> bool {
    let path = ["f:metadata", "f:labels", &format!("f:{PIPELINE}")];
    let Some(fields) = &entry.fields_v1 else { return false };
    path.iter().try_fold(&fields.0, |fields, name| fields.get(*name)).is_some()
}

/// Whether nobody but steps of the pipeline has set something in an object that was just made by `manager`: nobody else
/// was faster. Another checkout of the pipeline may have been.
pub(super) fn is_alone(meta: &ObjectMeta, manager: &FieldManager, pipeline: &str) -> bool {
    let is_ours = |name: &str| {
        name == manager.as_str() || name == claims::MANAGER || FieldManager::is_of_pipeline(name, pipeline)
    };
    managers(meta).all(|entry| entry.manager.as_deref().is_some_and(is_ours))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The metadata of a `ConfigMap` with the key `A` that the step `s.apply` of `shop` has made.
    fn made() -> Value {
        let fields = json!({"f:data": {"f:A": {}}, "f:metadata": {"f:labels": {"f:provision.dev/pipeline": {}}}});
        json!({"name": "c", "labels": {PIPELINE: "shop"},
            "annotations": {APPLIED_BY: "s.apply", MADE_BY: "shop"},
            "managedFields": [{"manager": "provision/shop/s.apply", "operation": "Apply", "fieldsV1": fields}]})
    }

    type Change<'a> = &'a dyn Fn(&mut Value);

    fn meta(change: impl Fn(&mut Value)) -> ObjectMeta {
        let mut meta = made();
        change(&mut meta);
        serde_json::from_value(meta).unwrap()
    }

    fn lacks(change: impl Fn(&mut Value)) -> String {
        match Marks::of("shop").ownership(&meta(change)) {
            Proof::Shown => String::new(),
            Proof::Lacking(why) => why,
        }
    }

    #[test]
    fn an_object_is_ours_only_if_this_pipeline_has_made_it_and_nobody_has_taken_it_over() {
        assert_eq!(lacks(|_| {}), "");
        // Somebody scales it, and a controller reports its status.
        assert_eq!(
            lacks(|meta| {
                let fields = meta["managedFields"].as_array_mut().unwrap();
                fields.push(json!({"manager": "kubectl-edit", "operation": "Update"}));
                fields.push(json!({"manager": "x", "operation": "Apply", "subresource": "status"}));
            }),
            ""
        );
        let cases: [(Change<'_>, &str); 7] = [
            (&|meta| meta["labels"] = json!({}), "no step of the pipeline `shop` has applied it"),
            (&|meta| meta["labels"][PIPELINE] = "other".into(), "no step of the pipeline `shop` has applied it"),
            (&|meta| meta["managedFields"][0]["manager"] = "kubectl-client-side-apply".into(), "it is a copy"),
            (&|meta| meta["managedFields"][0]["fieldsV1"] = json!({"f:data": {}}), "it is a copy"),
            (&|meta| meta["annotations"][RELEASE] = "app".into(), "belongs to the Helm release `app`"),
            (&|meta| meta["annotations"] = json!({APPLIED_BY: "s.apply"}), "it was there before the step s.apply"),
            (
                &|meta| {
                    let other = json!({"manager": "provision/other/s.x", "operation": "Apply"});
                    meta["managedFields"].as_array_mut().unwrap().push(other);
                },
                "`provision/other/s.x` applies it too",
            ),
        ];
        for (change, expected) in cases {
            let why = lacks(change);
            assert!(why.contains(expected), "{expected}: {why}");
        }
    }

    #[test]
    fn keys_that_somebody_else_has_put_in_are_named() {
        let content = json!({"data": {"A": "1", "B": "2"}, "binaryData": {"C": ""}});
        assert_eq!(Marks::of("shop").foreign_keys(&meta(|_| {}), &content), ["B", "C"]);
        assert_eq!(Marks::of("other").foreign_keys(&meta(|_| {}), &content), ["A", "B", "C"]);
    }

    #[test]
    fn who_was_faster_shows_among_the_managers() {
        let manager = FieldManager::of_step("shop", "s.apply");
        assert!(is_alone(&meta(|_| {}), &manager, "shop"));
        let with = |other: &str| {
            let also = json!({"manager": other, "operation": "Update"});
            meta(|meta| meta["managedFields"].as_array_mut().unwrap().push(also.clone()))
        };
        for (other, alone) in [
            ("kubectl-create", false),
            ("provision/other/s.apply", false),
            ("provision/shop/s.two", true),
            ("provision-checkouts", true),
        ] {
            assert_eq!(is_alone(&with(other), &manager, "shop"), alone, "{other}");
        }
    }
}
