//! Whether objects of the cluster may be deleted: what each of them shows of its maker, and what would be lost with it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use super::claiming;
use super::claims;
use super::client::Kube;
use super::managers::FieldManager;
use super::marked::LiveObject;
use super::marks::Marks;
use super::secret::GENERATED;
use crate::error::Failure;
use crate::tools::deletion::{Consent, Deletion, Proof};

/// How many objects of a namespace are named.
const NAMED: usize = 5;

/// The endings of the API groups that Kubernetes itself serves; the others are those of custom resources.
const OWN_GROUPS: &[&str] = &["", "apps", "batch", "autoscaling", "policy", "extensions"];

/// An object that is to be deleted, with the decision on it.
#[derive(Debug)]
pub struct Judged {
    /// The object as it was judged.
    pub object: LiveObject,
    /// What it has shown.
    pub deletion: Deletion,
    /// Whether something of somebody else would go with it: only the person who runs this may agree to that.
    pub has_foreign: bool,
}

impl Judged {
    /// Fails unless the object may be deleted. `consent` is the user's for this run, `declared` that of the pipeline's
    /// file, which covers data alone.
    pub fn permit(&self, consent: Consent, declared: Consent) -> Result<(), Failure> {
        let covers_data_alone = self.deletion.ours == Proof::Shown && !self.has_foreign;
        self.deletion.permit(if covers_data_alone { consent.or(declared) } else { consent })
    }
}

impl Judged {
    /// What [`Self::withdrawal`] takes off.
    pub fn withdrawal_subject(&self) -> String {
        format!("this checkout's mark on {}", self.object.reference)
    }

    /// What this checkout takes off the object in place of deleting it, where another checkout has deployed it too.
    pub fn withdrawal(&self, kube: &Kube, marks: &Marks) -> Option<Deletion> {
        let shared = marks.shared(self.object.meta.annotations.as_ref()).filter(|shared| shared.is_ours_too)?;
        let (reference, mark) = (&self.object.reference, claiming::annotation(marks)?);
        Some(Deletion {
            subject: self.withdrawal_subject(),
            reason: format!("{reference} stays: {}", shared.why()),
            ours: Proof::Shown,
            empty: Proof::Shown,
            in_use: None,
            consent_covers_ownership: false,
            by_hand: format!("{} annotate {} {mark}-", kube.kubectl_in(&reference.namespace), reference.short()),
        })
    }
}

/// What would be lost with an object.
#[derive(Debug, Default)]
struct Loss {
    /// Data of this pipeline's own.
    data: Vec<String>,
    /// What somebody else has made.
    foreign: Vec<String>,
}

impl Kube {
    /// Judges an object by what it shows of itself.
    pub async fn judge(&self, object: LiveObject, marks: &Marks, reason: &str) -> Result<Judged, Failure> {
        let ours = marks.ownership(&object.meta);
        let mut loss = loss_of(&object, marks);
        if object.reference.kind == "Namespace" {
            self.add_contents(&mut loss, &object.reference.name, marks).await?;
        }
        let has_foreign = !loss.foreign.is_empty();
        let all: Vec<String> = loss.foreign.into_iter().chain(loss.data).collect();
        let reference = &object.reference;
        let deletion = Deletion {
            subject: reference.to_string(),
            reason: reason.to_owned(),
            ours,
            empty: if all.is_empty() { Proof::Shown } else { Proof::Lacking(named(&all)) },
            in_use: None,
            consent_covers_ownership: true,
            by_hand: format!("{} delete {}", self.kubectl_in(&reference.namespace), reference.short()),
        };
        Ok(Judged { object, deletion, has_foreign })
    }

    /// Judges an object that has no marks, such as a Secret of a step: it is ours if only steps of the pipeline have
    /// set something in it.
    pub fn judge_by_managers(&self, object: LiveObject, marks: &Marks, reason: &str) -> Judged {
        let loss = loss_of(&object, marks);
        let ours = match marks.shared(object.meta.annotations.as_ref()) {
            Some(shared) => Proof::Lacking(shared.why()),
            None if is_of_pipeline(&object, marks) => Proof::Shown,
            None => Proof::Lacking("somebody else has set something in it".to_owned()),
        };
        let has_foreign = !loss.foreign.is_empty();
        let all: Vec<String> = loss.foreign.into_iter().chain(loss.data).collect();
        let deletion = Deletion {
            subject: object.reference.to_string(),
            reason: reason.to_owned(),
            ours,
            empty: if all.is_empty() { Proof::Shown } else { Proof::Lacking(named(&all)) },
            in_use: None,
            consent_covers_ownership: false,
            by_hand: format!("{} delete {}", self.kubectl_in(&object.reference.namespace), object.reference.short()),
        };
        Judged { object, deletion, has_foreign }
    }

    /// Adds what is lost with everything in a namespace.
    async fn add_contents(&self, loss: &mut Loss, namespace: &str, marks: &Marks) -> Result<(), Failure> {
        let (objects, unknown) = self.all_objects(Some(namespace), "").await?;
        for version in unknown {
            loss.foreign.push(format!("what it has of {version} can't be listed"));
        }
        for object in objects.iter().filter(|object| !is_made_by_the_cluster(object)) {
            let inner = loss_of(object, marks);
            let is_ours = marks.ownership(&object.meta) == Proof::Shown || is_of_pipeline(object, marks);
            if let Some(shared) = marks.shared(object.meta.annotations.as_ref()) {
                loss.foreign.push(format!("{} is in it: {}", object.reference.short(), shared.why()));
            } else if is_ours || is_claim_of_template(object) {
                loss.foreign.extend(inner.foreign);
                loss.data.extend(inner.data);
            } else {
                loss.foreign.push(format!("{} is in it, which this pipeline has not made", object.reference.short()));
            }
        }
        Ok(())
    }
}

/// What is lost with an object itself. What a manifest describes can be made again from it.
fn loss_of(object: &LiveObject, marks: &Marks) -> Loss {
    let mut loss = Loss::default();
    let subject = object.reference.short();
    let group = object.kind.resource.group.as_str();
    match object.reference.kind.as_str() {
        "PersistentVolumeClaim" | "PersistentVolume" => loss.data.push(format!("{subject} holds data")),
        "CustomResourceDefinition" => loss.data.push(format!("every object of the kind goes with {subject}")),
        "StatefulSet" if deletes_claims(object) => loss.data.push(format!("its claims go with {subject}")),
        "Secret" | "ConfigMap" => {
            let annotations = object.meta.annotations.iter().flatten();
            for (_, key) in annotations.filter(|(name, _)| name.starts_with(GENERATED)) {
                loss.data.push(format!("`{key}` of {subject} is a generated secret"));
            }
            if object.is_marked(marks) {
                let keys = marks.foreign_keys(&object.meta, &object.content);
                loss.foreign.extend(keys.iter().map(|key| format!("somebody has put `{key}` into {subject}")));
            }
        }
        _ if !(OWN_GROUPS.contains(&group) || group.ends_with(".k8s.io")) => {
            loss.data.push(format!("the controller of {subject} may delete data with it"));
        }
        _ => {}
    }
    loss
}

fn deletes_claims(object: &LiveObject) -> bool {
    object
        .content
        .pointer("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted")
        .is_some_and(|when| when == "Delete")
}

/// Whether a claim was made from the template of a stateful set: its own controller has set what it asks for.
fn is_claim_of_template(object: &LiveObject) -> bool {
    let made = |entry: &ManagedFieldsEntry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0["f:spec"]["f:accessModes"]);
        entry.manager.as_deref() == Some("kube-controller-manager") && fields.is_some_and(|fields| !fields.is_null())
    };
    object.reference.kind == "PersistentVolumeClaim" && object.meta.managed_fields.iter().flatten().any(made)
}

/// Whether the cluster itself has made an object, or makes it go with another one.
fn is_made_by_the_cluster(object: &LiveObject) -> bool {
    let is_owned = object.meta.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    let name = object.reference.name.as_str();
    is_owned
        || matches!(
            (object.reference.kind.as_str(), name),
            ("Event" | "Endpoints" | "EndpointSlice" | "Lease", _)
                | ("ConfigMap", "kube-root-ca.crt")
                | ("ServiceAccount", "default")
        )
}

/// Whether steps of the pipeline alone have set something in an object, such as a Secret.
fn is_of_pipeline(object: &LiveObject, marks: &Marks) -> bool {
    let managers = object.meta.managed_fields.iter().flatten().filter_map(|entry| entry.manager.as_deref());
    let mut managers = managers.filter(|manager| *manager != claims::MANAGER).peekable();
    managers.peek().is_some() && managers.all(|manager| FieldManager::is_of_pipeline(manager, marks.pipeline()))
}

fn named(what: &[String]) -> String {
    let text = what.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if what.len() > NAMED { format!("{text}; and {} more", what.len() - NAMED) } else { text }
}
