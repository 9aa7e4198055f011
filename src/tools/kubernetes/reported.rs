//! What a kubelet, the scheduler or a controller reports as missing, and whether the API server says so too: on a busy
//! machine they learn late of what is there.

use std::fmt;

use k8s_openapi::api::core::v1::{ConfigMap, Event, KeyToPath, PersistentVolumeClaim, Pod, Volume};
use kube::api::Api;

use super::client::Kube;
use super::objects::ObjectRef;
use super::pods::time_of;
use crate::error::Failure;

/// The kinds that messages name: the word in singular, the API version, the kind, and whether it is in a namespace.
const KINDS: [(&str, &str, &str, bool); 7] = [
    ("secret", "v1", "Secret", true),
    ("configmap", "v1", "ConfigMap", true),
    ("serviceaccount", "v1", "ServiceAccount", true),
    ("persistentvolumeclaim", "v1", "PersistentVolumeClaim", true),
    ("pod", "v1", "Pod", true),
    ("priorityclass", "scheduling.k8s.io/v1", "PriorityClass", false),
    ("runtimeclass", "node.k8s.io/v1", "RuntimeClass", false),
];

/// What the cluster makes itself in every namespace, some time after the namespace.
const MADE_BY_THE_CLUSTER: [(&str, &str); 2] = [("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")];

/// What the scheduler says of a pod whose claim has no volume.
pub(super) const UNBOUND: &str = "unbound immediate PersistentVolumeClaims";

/// A kubelet pulls an image again after so many seconds at the earliest.
const FIRST_BACK_OFF: i64 = 10;

/// Something that is said to be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reported {
    /// An object.
    Object(ObjectRef),
    /// A key of a Secret or `ConfigMap`.
    Key(ObjectRef, String),
    /// The volume of a claim.
    Volume(ObjectRef),
}

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(object) => write!(f, "{object}"),
            Self::Key(object, key) => write!(f, "the key {key} of {object}"),
            Self::Volume(claim) => write!(f, "the volume of {claim}"),
        }
    }
}

impl Reported {
    /// Whether it is something that the cluster makes in every namespace.
    pub(super) fn is_made_by_the_cluster(&self) -> bool {
        let Self::Object(object) = self else { return false };
        MADE_BY_THE_CLUSTER.contains(&(&object.kind, &object.name))
    }
}

/// Returns what `message` says is missing. `namespace` and `volumes` are those of the pod that it is about.
pub(super) fn reported(message: &str, namespace: &str, volumes: &[Volume]) -> Vec<Reported> {
    // `couldn't find key K in Secret apps/s`
    let keys = message.split("couldn't find key ").skip(1).filter_map(|rest| {
        let mut words = rest.split_whitespace().map(|word| word.trim_matches([',', ']']));
        let (key, kind, name) = (words.next()?, words.nth(1)?, words.next()?);
        Some(Reported::Key(object(kind, namespace, name)?, key.to_owned()))
    });
    // `secret "s" not found`, `serviceaccounts "a" not found`
    let objects = message.match_indices("\" not found").filter_map(|(at, _)| {
        let (before, name) = message[..at].rsplit_once('"')?;
        Some(Reported::Object(object(before.split_whitespace().next_back()?, namespace, name)?))
    });
    // `no PriorityClass with name high was found`
    let classes = message.split("no PriorityClass with name ").skip(1).filter_map(|rest| {
        let name = rest.split_whitespace().next()?;
        Some(Reported::Object(object("priorityclass", namespace, name)?))
    });
    let mut found: Vec<Reported> = keys.chain(objects).chain(classes).collect();
    found.extend(keys_of_volumes(message, namespace, volumes));
    if message.contains(UNBOUND) {
        let claims = volumes.iter().filter_map(|volume| Some(&volume.persistent_volume_claim.as_ref()?.claim_name));
        found.extend(
            claims.filter_map(|name| Some(Reported::Volume(object("persistentvolumeclaim", namespace, name)?))),
        );
    }
    found
}

/// The object that the word `kind` and `name` are about: `secrets`, `runtimeclass.node.k8s.io`; `s`, `apps/s`.
fn object(kind: &str, namespace: &str, name: &str) -> Option<ObjectRef> {
    let word = kind.trim_start_matches(['[', '(']).split('.').next()?.to_lowercase();
    let (_, api_version, kind, is_namespaced) =
        KINDS.iter().find(|(singular, ..)| word == *singular || word.strip_suffix('s') == Some(singular))?;
    let (namespace, name) = name.split_once('/').unwrap_or((namespace, name));
    Some(ObjectRef {
        api_version: (*api_version).to_owned(),
        kind: (*kind).to_owned(),
        namespace: if *is_namespaced { namespace.to_owned() } else { String::new() },
        name: name.to_owned(),
    })
}

/// The objects whose key a volume lacks: `… for volume "v" : references non-existent secret key: K` does not name them.
fn keys_of_volumes(message: &str, namespace: &str, volumes: &[Volume]) -> Vec<Reported> {
    let named = message.split("for volume \"").nth(1).and_then(|rest| rest.split('"').next());
    let Some(volume) = volumes.iter().find(|volume| Some(volume.name.as_str()) == named) else { return Vec::new() };
    let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let mut sources: Vec<(&str, &str, &[KeyToPath])> = Vec::new();
    if let Some(secret) = &volume.secret {
        let name = secret.secret_name.as_deref().unwrap_or_default();
        sources.push(("secret", name, secret.items.as_deref().unwrap_or_default()));
    }
    if let Some(map) = &volume.config_map {
        sources.push(("configmap", &map.name, map.items.as_deref().unwrap_or_default()));
    }
    for source in projected {
        let secret = source.secret.iter().map(|one| ("secret", one.name.as_str(), one.items.as_deref()));
        let map = source.config_map.iter().map(|one| ("configmap", one.name.as_str(), one.items.as_deref()));
        sources.extend(secret.chain(map).map(|(kind, name, items)| (kind, name, items.unwrap_or_default())));
    }
    let mut found = Vec::new();
    for (kind, text) in [("secret", "non-existent secret key: "), ("configmap", "non-existent config key: ")] {
        for rest in message.split(text).skip(1) {
            let key = rest.split_whitespace().next().unwrap_or_default().trim_matches([',', ']']);
            let lacking = sources.iter().filter(|(of, _, items)| *of == kind && items.iter().any(|one| one.key == key));
            let objects = lacking.filter_map(|(kind, name, _)| object(kind, namespace, name));
            found.extend(objects.map(|object| Reported::Key(object, key.to_owned())));
        }
    }
    found
}

/// Returns the Secrets without which the last attempt to pull an image of `pod` was made, because its kubelet could
/// not get them: `Unable to retrieve some image pull secrets (registry); …`.
pub(super) fn pull_secrets(pod: &Pod, events: &[Event]) -> Vec<Reported> {
    let last = |reason: &str, text: &str| {
        let is_it = |event: &&Event| {
            event.reason.as_deref() == Some(reason) && event.message.as_deref().is_some_and(|said| said.contains(text))
        };
        events.iter().rev().find(is_it)
    };
    let Some(event) = last("FailedToRetrieveImagePullSecret", "(") else { return Vec::new() };
    if let Some(attempt) = last("Failed", "Failed to pull image")
        && let (Some(attempted), Some(seen)) = (time_of(attempt), time_of(event))
        && attempted.as_second() - seen.as_second() >= FIRST_BACK_OFF
    {
        return Vec::new();
    }
    let message = event.message.as_deref().unwrap_or_default();
    let names = message.split(['(', ')']).nth(1).unwrap_or_default().split(',').map(str::trim);
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    names.filter_map(|name| Some(Reported::Object(object("secret", namespace, name)?))).collect()
}

impl Kube {
    /// Asks the API server for it, and returns what is missing.
    pub(super) async fn look_for(&self, reported: &Reported) -> Result<Option<String>, Failure> {
        let (Reported::Object(object) | Reported::Key(object, _) | Reported::Volume(object)) = reported;
        let none = || Ok(Some(format!("there is no {object}")));
        match reported {
            Reported::Object(_) => {
                if self.exists(object).await? {
                    Ok(None)
                } else {
                    none()
                }
            }
            Reported::Key(_, key) => {
                let has_key = if object.kind == "Secret" {
                    self.secret(&object.namespace, &object.name).await?.map(|secret| secret.data.contains_key(key))
                } else {
                    let api: Api<ConfigMap> = self.namespaced(&object.namespace);
                    let map = self.read(&format!("reading {object}"), || api.get_opt(&object.name)).await?;
                    map.map(|map| {
                        map.data.is_some_and(|data| data.contains_key(key))
                            || map.binary_data.is_some_and(|data| data.contains_key(key))
                    })
                };
                match has_key {
                    Some(true) => Ok(None),
                    Some(false) => Ok(Some(format!("{object} has no key {key}"))),
                    None => none(),
                }
            }
            Reported::Volume(_) => {
                let api: Api<PersistentVolumeClaim> = self.namespaced(&object.namespace);
                let claim = self.read(&format!("reading {object}"), || api.get_opt(&object.name)).await?;
                let Some(claim) = claim else { return none() };
                let phase = claim.status.and_then(|status| status.phase).unwrap_or_default();
                Ok((phase != "Bound").then(|| format!("{object} is {}", phase.to_lowercase())))
            }
        }
    }
}

#[cfg(test)]
mod tests;
