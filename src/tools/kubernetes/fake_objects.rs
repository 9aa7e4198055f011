//! For tests: an API server that keeps objects of some kinds, with discovery, server-side apply, trials and deletion.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::client::Kube;
use super::fake_api::{ApiRequest, merge, serve, status};
use super::fake_apply;

/// A kind: API version, plural, kind, and whether its objects are in namespaces.
type FakeKind = (&'static str, &'static str, &'static str, bool);

/// The kinds that are served.
const KINDS: &[FakeKind] = &[
    ("v1", "namespaces", "Namespace", false),
    ("v1", "configmaps", "ConfigMap", true),
    ("v1", "secrets", "Secret", true),
    ("v1", "services", "Service", true),
    ("v1", "serviceaccounts", "ServiceAccount", true),
    ("v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
    ("v1", "pods", "Pod", true),
    ("v1", "events", "Event", true),
    ("apps/v1", "deployments", "Deployment", true),
    ("apps/v1", "statefulsets", "StatefulSet", true),
    ("apps/v1", "daemonsets", "DaemonSet", true),
    ("apps/v1", "replicasets", "ReplicaSet", true),
    ("batch/v1", "jobs", "Job", true),
    ("batch/v1", "cronjobs", "CronJob", true),
    ("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false),
];

/// A kind that is served once its definition is there.
const GADGET: FakeKind = ("x.example/v1", "gadgets", "Gadget", true);

/// Keeps objects by their paths: `/api/v1/namespaces/apps/configmaps/c`.
#[derive(Clone, Default)]
pub(crate) struct ObjectStore {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    changes: Arc<Mutex<Vec<String>>>,
}

impl ObjectStore {
    /// Connects to a server of these objects; calls `before` with each request first.
    pub(crate) async fn serve_after(&self, before: impl Fn(&ApiRequest) + Send + Sync + 'static) -> Kube {
        let store = self.clone();
        serve(move |request| {
            before(request);
            store.answer(request)
        })
        .await
    }

    /// Connects to a server of these objects.
    pub(crate) async fn serve(&self) -> Kube {
        self.serve_after(|_| {}).await
    }

    /// The object at `path` as it is now.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.objects.lock().unwrap().get(path).cloned()
    }

    /// Puts an object in, as somebody else would.
    pub(crate) fn put(&self, path: &str, object: Value) {
        let (kind, name) = kind_at(path).unwrap();
        let mut object = object;
        let mut new = new_object(kind, path, name.unwrap());
        merge(&mut new, &object);
        object = new;
        self.objects.lock().unwrap().insert(path.to_owned(), object);
    }

    /// Removes the object at `path`, as somebody else would.
    pub(crate) fn remove(&self, path: &str) {
        self.objects.lock().unwrap().remove(path).unwrap();
    }

    /// Changes the object at `path`, as somebody else would.
    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Value)) {
        change(self.objects.lock().unwrap().get_mut(path).unwrap());
    }

    /// The names of all objects, in the order of their paths.
    pub(crate) fn names(&self) -> String {
        let objects = self.objects.lock().unwrap();
        objects.keys().map(|path| path.rsplit('/').next().unwrap()).collect::<Vec<_>>().join(" ")
    }

    /// The requests since the last call that changed something: `PATCH name`, `DELETE name`; `MARK name` for a
    /// mark of a checkout.
    pub(crate) fn changes(&self) -> Vec<String> {
        std::mem::take(&mut *self.changes.lock().unwrap())
    }

    fn kinds(&self) -> Vec<FakeKind> {
        let has_gadgets = self.objects.lock().unwrap().keys().any(|path| path.ends_with("/gadgets.x.example"));
        KINDS.iter().copied().chain(has_gadgets.then_some(GADGET)).collect()
    }

    /// Returns the status and the body of a response.
    pub(crate) fn answer(&self, request: &ApiRequest) -> (u16, Value) {
        let kinds = self.kinds();
        let path = request.path.trim_end_matches('/');
        if path == "/version" {
            return (200, json!({}));
        }
        if path == "/apis" {
            let versions: std::collections::BTreeSet<&str> = kinds.iter().map(|kind| kind.0).collect();
            let groups: Vec<Value> = versions
                .into_iter()
                .filter_map(|version| Some((version, version.split_once('/')?)))
                .map(|(all, (group, version))| {
                    json!({"name": group, "versions": [{"groupVersion": all, "version": version}]})
                })
                .collect();
            return (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}));
        }
        if let Some(version) = path.strip_prefix("/apis/").or(path.strip_prefix("/api/"))
            && version.matches('/').count() < 2
            && kind_at(path).is_none()
        {
            let of = |kind: &&FakeKind| kind.0 == version;
            let all: Vec<Value> = kinds
                .iter()
                .filter(of)
                .map(|(_, plural, kind, namespaced)| {
                    json!({"name": plural, "singularName": "", "kind": kind, "namespaced": namespaced,
                        "verbs": ["get", "list", "patch", "delete"]})
                })
                .collect();
            let list =
                json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": all});
            return if all.is_empty() { status(404, "", "404 page not found") } else { (200, list) };
        }
        match kind_at(path) {
            Some((kind, Some(name))) => self.answer_object(request, path, kind, name),
            Some((kind, None)) => (200, self.list(path, kind, &request.query)),
            None => status(404, "NotFound", "not found"),
        }
    }

    fn list(&self, path: &str, kind: FakeKind, query: &str) -> Value {
        let label = query.split('&').find_map(|part| part.strip_prefix("labelSelector="));
        let label = label.map(|label| label.replace("%2F", "/").replace("%3D", "="));
        let (root, plural) = path.rsplit_once('/').unwrap();
        let objects = self.objects.lock().unwrap();
        let is_in = |at: &str| at.starts_with(root) && at.rsplit('/').nth(1) == Some(plural);
        let has = |object: &Value| {
            let pair = label.as_deref().and_then(|label| label.split_once('='));
            pair.is_none_or(|(name, value)| object["metadata"]["labels"][name] == value)
        };
        let items: Vec<&Value> =
            objects.iter().filter(|(at, object)| is_in(at) && has(object)).map(|(_, object)| object).collect();
        json!({"apiVersion": kind.0, "kind": format!("{}List", kind.2), "metadata": {}, "items": items})
    }

    fn answer_object(&self, request: &ApiRequest, path: &str, kind: FakeKind, name: &str) -> (u16, Value) {
        let mut objects = self.objects.lock().unwrap();
        let is_trial = request.query.contains("dryRun=All");
        if request.method != "GET" && !is_trial {
            let annotations = request.body.pointer("/metadata/annotations").and_then(Value::as_object);
            let marks = annotations.is_some_and(|all| all.keys().all(|name| name.starts_with("checkout.")));
            let what = if marks { "MARK" } else { &*request.method };
            self.changes.lock().unwrap().push(format!("{what} {name}"));
        }
        let is_apply = request.content_type.contains("apply-patch");
        let found = objects.get(path).cloned();
        let Some(mut object) = found.or_else(|| is_apply.then(|| new_object(kind, path, name))) else {
            return status(404, "NotFound", "not found");
        };
        let wanted = request.body.pointer("/metadata/resourceVersion");
        let wanted = wanted.or_else(|| request.body.pointer("/preconditions/resourceVersion"));
        if wanted.is_some_and(|wanted| *wanted != object["metadata"]["resourceVersion"]) {
            return status(409, "Conflict", "the object has been modified");
        }
        match request.method.as_str() {
            "PATCH" => {
                if is_apply {
                    let parameter = |name: &str| request.query.split('&').find_map(|part| part.strip_prefix(name));
                    let manager = parameter("fieldManager=").unwrap().replace("%2F", "/");
                    let force = parameter("force=") == Some("true");
                    if let Err(conflict) = fake_apply::apply(&mut object, &request.body, &manager, force) {
                        return conflict;
                    }
                } else {
                    merge(&mut object, &request.body);
                }
                if !is_trial {
                    let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
                    object["metadata"]["resourceVersion"] = format!("{version}+").into();
                    objects.insert(path.to_owned(), object.clone());
                }
            }
            "DELETE" => {
                objects.remove(path);
                if kind.2 == "Namespace" {
                    let inside = format!("/namespaces/{name}/");
                    objects.retain(|path, _| !path.contains(&inside));
                }
            }
            _ => {}
        }
        (200, object)
    }
}

/// The kind that a path is of, and the object's name if it is one's.
fn kind_at(path: &str) -> Option<(FakeKind, Option<&str>)> {
    let rest = path.strip_prefix("/apis/").or(path.strip_prefix("/api/"))?;
    KINDS.iter().copied().chain([GADGET]).find_map(|kind| {
        let rest = rest.strip_prefix(kind.0)?.strip_prefix('/')?;
        let parts: Vec<&str> = rest.split('/').collect();
        match parts[..] {
            [plural] if plural == kind.1 => Some((kind, None)),
            [plural, name] if plural == kind.1 && !kind.3 => Some((kind, Some(name))),
            ["namespaces", _, plural] if plural == kind.1 => Some((kind, None)),
            ["namespaces", _, plural, name] if plural == kind.1 => Some((kind, Some(name))),
            _ => None,
        }
    })
}

fn new_object(kind: FakeKind, path: &str, name: &str) -> Value {
    let mut object = json!({"apiVersion": kind.0, "kind": kind.2, "metadata": {"name": name, "uid": name,
        "resourceVersion": "1", "managedFields": []}});
    if kind.3 {
        let namespace = path.split("/namespaces/").nth(1).and_then(|rest| rest.split('/').next());
        object["metadata"]["namespace"] = namespace.unwrap().into();
    }
    object
}
