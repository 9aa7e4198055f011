//! [`Validity`] of an object by the types of Kubernetes that this program is built with, which know names and types of
//! fields, and by a table of what is required and which values are allowed.

mod demands;
mod table;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    ConfigMap, LimitRange, Namespace, PersistentVolumeClaim, Pod, ResourceQuota, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::suggest::nearest;
use demands::unmet;
use table::rules_of;

/// Whether an object is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It is.
    Valid,
    /// It is not; says why.
    Invalid(String),
    /// Nobody can tell; says why.
    Unknown(String),
}

impl Validity {
    /// Of an object without a cluster, by what this program knows of Kubernetes: names and types of fields, those that
    /// are required, and the values that they can have.
    pub fn without_cluster(object: &Value) -> Self {
        validity(object)
    }
}

/// Returns whether `object` has fields that its kind does not have, of another type or with a value that none can have,
/// or lacks one.
fn validity(object: &Value) -> Validity {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("/apiVersion"), text("/kind"));
    if text("/metadata/name").is_empty() {
        return Validity::Invalid("`metadata.name` is not there".into());
    }
    let check: fn(&Value) -> Validity = match (api_version, kind) {
        ("v1", "ConfigMap") => as_type::<ConfigMap>,
        ("v1", "LimitRange") => as_type::<LimitRange>,
        ("v1", "Namespace") => as_type::<Namespace>,
        ("v1", "PersistentVolumeClaim") => as_type::<PersistentVolumeClaim>,
        ("v1", "Pod") => as_type::<Pod>,
        ("v1", "ResourceQuota") => as_type::<ResourceQuota>,
        ("v1", "Secret") => as_type::<Secret>,
        ("v1", "Service") => as_type::<Service>,
        ("v1", "ServiceAccount") => as_type::<ServiceAccount>,
        ("apps/v1", "DaemonSet") => as_type::<DaemonSet>,
        ("apps/v1", "Deployment") => as_type::<Deployment>,
        ("apps/v1", "StatefulSet") => as_type::<StatefulSet>,
        ("autoscaling/v2", "HorizontalPodAutoscaler") => as_type::<HorizontalPodAutoscaler>,
        ("batch/v1", "CronJob") => as_type::<CronJob>,
        ("batch/v1", "Job") => as_type::<Job>,
        ("networking.k8s.io/v1", "Ingress") => as_type::<Ingress>,
        ("networking.k8s.io/v1", "NetworkPolicy") => as_type::<NetworkPolicy>,
        ("policy/v1", "PodDisruptionBudget") => as_type::<PodDisruptionBudget>,
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => as_type::<ClusterRole>,
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => as_type::<ClusterRoleBinding>,
        ("rbac.authorization.k8s.io/v1", "Role") => as_type::<Role>,
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => as_type::<RoleBinding>,
        _ => |object| {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (api_version, kind) = (text("/apiVersion"), text("/kind"));
            Validity::Unknown(format!("{kind} in {api_version} is not known without a cluster"))
        },
    };
    match check(object) {
        Validity::Valid => unmet(rules_of(kind), object, "").map_or(Validity::Valid, Validity::Invalid),
        other => other,
    }
}

fn as_type<T: DeserializeOwned + Serialize>(object: &Value) -> Validity {
    let mut object = object.clone();
    write_amounts(&mut object);
    // By way of texts, as the client reads and writes these types: the code for values would be in the program as well.
    let typed = match serde_json::from_str::<T>(&object.to_string()) {
        Ok(typed) => typed,
        Err(error) => return Validity::Invalid(without_place(&error.to_string()).to_owned()),
    };
    let known = serde_json::to_string(&typed).and_then(|text| serde_json::from_str(&text)).unwrap_or_default();
    // What the type does not have is not there any more.
    match unknown_field(&object, &known, "") {
        Some(why) => Validity::Invalid(why),
        None => Validity::Valid,
    }
}

/// Returns what `serde_json` says, without the place in JSON that nobody has written.
fn without_place(error: &str) -> &str {
    error.rsplit_once(" at line ").map_or(error, |(said, _)| said)
}

/// Writes amounts that are numbers as strings: the API server takes both.
fn write_amounts(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(write_amounts),
        Value::Object(fields) => {
            for (key, field) in fields {
                let is_of_amounts = matches!(
                    key.as_str(),
                    "limits" | "requests" | "hard" | "min" | "max" | "default" | "defaultRequest"
                );
                if let (true, Value::Object(amounts)) = (is_of_amounts, &mut *field) {
                    for amount in amounts.values_mut().filter(|amount| amount.is_number()) {
                        *amount = amount.to_string().into();
                    }
                }
                write_amounts(field);
            }
        }
        _ => {}
    }
}

/// The first field of `object` that `known` does not have.
fn unknown_field(object: &Value, known: &Value, path: &str) -> Option<String> {
    match (object, known) {
        (Value::Object(fields), Value::Object(known)) => fields.iter().find_map(|(key, field)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match known.get(key) {
                Some(known) => unknown_field(field, known, &path),
                None if field.is_null() => None,
                None => {
                    let near = nearest(key, known.keys().map(String::as_str));
                    let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                    Some(format!("the field `{path}` is not known{help}"))
                }
            }
        }),
        (Value::Array(items), Value::Array(known)) => {
            let mut pairs = items.iter().zip(known).enumerate();
            pairs.find_map(|(n, (item, known))| unknown_field(item, known, &format!("{path}[{n}]")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
