//! How a checkout adds its mark to what it deploys, and takes it off: see [`super::claims`].

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::claims::{CHECKOUT, Claims, FURTHER, MANAGER, MOST};
use super::client::Kube;
use super::marked::LiveObject;
use super::marks::{Marks, PIPELINE, Shared};
use super::release::{Revision, record_name};
use crate::error::Failure;

/// The annotation of the checkout of `marks`.
pub(super) fn annotation(marks: &Marks) -> Option<String> {
    Some(format!("{CHECKOUT}{}", marks.checkout()?.id))
}

/// What the checkout of `marks` adds to these annotations or labels: a name and a value.
fn joining(all: Option<&BTreeMap<String, String>>, marks: &Marks) -> Option<(String, String)> {
    let checkout = marks.checkout()?;
    let claims = Claims::of(all, &checkout.id);
    Some(if claims.ours || claims.others.len() < MOST {
        (annotation(marks)?, checkout.slug.clone())
    } else {
        (FURTHER.to_owned(), "others".to_owned())
    })
}

/// The patch that adds it to an object; `None` if it is there already.
fn joining_patch(meta: &ObjectMeta, marks: &Marks) -> Option<Value> {
    let (name, value) = joining(meta.annotations.as_ref(), marks)?;
    let is_there = meta.annotations.as_ref().is_some_and(|all| all.contains_key(&name));
    (!is_there).then(|| json!({"metadata": {"uid": meta.uid, "annotations": {name: value}}}))
}

impl Revision {
    /// The label, with its value, by which a release that comes after this revision names the checkout of `marks` too.
    pub fn label_of(last: Option<&Self>, marks: &Marks) -> Option<(String, String)> {
        joining(last.map(|last| &last.labels), marks)
    }

    /// Returns which other checkouts have deployed the release.
    pub fn shared(&self, marks: &Marks) -> Option<Shared> {
        marks.shared(Some(&self.labels))
    }
}

impl Kube {
    /// Adds the checkout of `marks` to an object that it has just applied, with the metadata `meta`.
    pub(super) async fn claim<K>(&self, api: &Api<K>, meta: &ObjectMeta, marks: &Marks) -> Result<(), Failure>
    where
        K: Clone + DeserializeOwned + std::fmt::Debug,
    {
        let (Some(patch), Some(name)) = (joining_patch(meta, marks), &meta.name) else { return Ok(()) };
        self.note(&claiming(name), api, name, &patch).await
    }

    /// The same for an object that is there.
    pub async fn claim_live(&self, object: &LiveObject, marks: &Marks) -> Result<(), Failure> {
        self.claim(&self.dynamic(&object.kind, &object.reference.namespace), &object.meta, marks).await
    }

    /// Takes the checkout of `marks` off an object, which stays.
    pub async fn withdraw(&self, object: &LiveObject, marks: &Marks) -> Result<(), Failure> {
        let Some(mark) = annotation(marks) else { return Ok(()) };
        let patch = json!({"metadata": {"uid": object.meta.uid, "annotations": {mark: null}}});
        let api = self.dynamic(&object.kind, &object.reference.namespace);
        let name = &object.reference.name;
        self.note(&claiming(name), &api, name, &patch).await
    }

    /// Takes the checkout of `marks` off a release, which stays.
    pub async fn withdraw_release(
        &self,
        namespace: &str,
        release: &str,
        last: &Revision,
        marks: &Marks,
    ) -> Result<(), Failure> {
        let Some(mark) = annotation(marks) else { return Ok(()) };
        let labels = json!({"resourceVersion": last.resource_version, "labels": {mark: null}});
        let (api, name) = (self.namespaced::<Secret>(namespace), record_name(release, last.number));
        let what = format!("taking this checkout's mark off the release `{release}`");
        let patch = Patch::Merge(json!({"metadata": labels}));
        self.if_unchanged(&what, async { api.patch_metadata(&name, &PatchParams::default(), &patch).await }).await?;
        Ok(())
    }

    /// Returns the other checkouts, of whatever pipeline, that have deployed objects or releases which are still there.
    pub async fn other_checkouts(&self, marks: &Marks) -> Result<BTreeSet<String>, Failure> {
        let Some(checkout) = marks.checkout() else { return Ok(BTreeSet::new()) };
        let (objects, _) = self.all_objects(None, PIPELINE).await?;
        let mut all: Vec<BTreeMap<String, String>> =
            objects.into_iter().filter_map(|object| object.meta.annotations).collect();
        let params = ListParams::default().labels("owner=helm");
        let secrets: Api<Secret> = Api::all(self.client.clone());
        let releases = self.read("listing the releases", || secrets.list_metadata(&params)).await?;
        all.extend(releases.items.into_iter().filter_map(|release| release.metadata.labels));
        let others = all.iter().flat_map(|all| Claims::of(Some(all), &checkout.id).others);
        Ok(others.map(str::to_owned).collect())
    }

    /// Changes annotations of the object `name` by a merge patch. One that was removed meanwhile has none either;
    /// another one of its name is not meant.
    pub(super) async fn note<K>(&self, what: &str, api: &Api<K>, name: &str, patch: &Value) -> Result<(), Failure>
    where
        K: Clone + DeserializeOwned + std::fmt::Debug,
    {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.once(what, async {
            match api.patch_metadata(name, &params, &Patch::Merge(patch)).await {
                Ok(_) => Ok(()),
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }
}

/// What is done when the mark of a checkout is set or taken off.
fn claiming(name: &str) -> String {
    format!("noting this checkout on `{name}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::Checkout;

    fn meta(annotations: &Value) -> ObjectMeta {
        serde_json::from_value(json!({"name": "c", "uid": "u", "annotations": annotations})).unwrap()
    }

    fn marks() -> Marks {
        Marks::of("shop").in_checkout(Some(Checkout { id: "aa".into(), slug: "main-aa".into() }))
    }

    #[test]
    fn a_release_is_shared_by_those_whose_labels_it_has() {
        let revision = |labels: &[&str]| Revision {
            number: 1,
            status: crate::tools::kubernetes::ReleaseStatus::Deployed,
            run: None,
            resource_version: "1".into(),
            rollback: None,
            labels: labels.iter().map(|id| (format!("{CHECKOUT}{id}"), format!("of-{id}"))).collect(),
        };
        let alone = marks().of_checkout_alone();
        assert_eq!(revision(&[]).shared(&alone), None, "of an older version");
        assert_eq!(revision(&["aa"]).shared(&alone), None);
        assert_eq!(revision(&["aa", "bb"]).shared(&marks()), None, "only `down` tells checkouts apart");
        let shared = revision(&["aa", "bb", "cc"]).shared(&alone).unwrap();
        assert_eq!(shared.why(), "it is also deployed from the checkout `of-bb`, `of-cc`");
        assert!(shared.is_ours_too && !revision(&["bb"]).shared(&alone).unwrap().is_ours_too);
        let label = Revision::label_of(Some(&revision(&["bb"])), &marks());
        assert_eq!(label, Some(("checkout.provision.dev/aa".into(), "main-aa".into())));
        assert_eq!(Revision::label_of(None, &marks()), label);
    }

    #[test]
    fn a_checkout_adds_itself_once_and_the_last_ones_share_one_place() {
        let patch = |annotations: &Value| joining_patch(&meta(annotations), &marks());
        let added = |name: &str, value: &str| Some(json!({"metadata": {"uid": "u", "annotations": {name: value}}}));
        assert_eq!(patch(&json!({"x": "y"})), added("checkout.provision.dev/aa", "main-aa"));
        assert_eq!(patch(&json!({"checkout.provision.dev/bb": "b"})), added("checkout.provision.dev/aa", "main-aa"));
        assert_eq!(patch(&json!({"checkout.provision.dev/aa": "main-aa"})), None);
        let mut all: Value =
            (0..MOST).map(|n| (format!("{CHECKOUT}{n}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
        assert_eq!(patch(&all), added(FURTHER, "others"));
        all[FURTHER] = json!("others");
        assert_eq!(patch(&all), None);
        assert_eq!(joining_patch(&meta(&json!({})), &Marks::of("shop")), None, "nobody knows which checkout it is");
    }
}
