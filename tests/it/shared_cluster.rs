//! An API server with namespaces, `ConfigMap`s and Secrets, which several checkouts share: server-side apply with
//! managers and no conflicts, merge patches, lists by label, deletion. Each namespace has a Service `web`, whose pod
//! returns its name, `web-of-NAMESPACE`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use fs_err as fs;
use serde_json::{Map, Value, json};

use crate::open::{forward, pod};
use crate::sandbox::Sandbox;

/// Plural and kind, and whether its objects are in namespaces.
const KINDS: [(&str, &str, bool); 3] =
    [("namespaces", "Namespace", false), ("configmaps", "ConfigMap", true), ("secrets", "Secret", true)];

/// The objects of a cluster by their paths: `/api/v1/namespaces/apps/configmaps/c`.
#[derive(Clone, Default)]
pub(crate) struct SharedCluster {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    address: String,
    /// A folder in which a scripted program leaves what it changes: it is so from the next request on.
    incoming: Arc<Mutex<Option<PathBuf>>>,
}

impl SharedCluster {
    /// Serves an empty cluster until the test ends.
    pub(crate) fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let cluster = Self { address, ..Self::default() };
        let system =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": "one"}});
        cluster.objects.lock().unwrap().insert("/api/v1/namespaces/kube-system".into(), system);
        let served = cluster.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let cluster = served.clone();
                std::thread::spawn(move || cluster.serve_one(stream));
            }
        });
        cluster
    }

    /// Makes it the cluster of the kube context `kind-shared`.
    pub(crate) fn reach_from(&self, sandbox: &Sandbox) {
        sandbox.file(
            ".kube/config",
            &format!(
                "apiVersion: v1\nkind: Config\ncontexts: [{{name: kind-shared, context: {{cluster: c, user: u}}}}]\n\
                 clusters: [{{name: c, cluster: {{server: '{}'}}}}]\nusers: [{{name: u, user: {{}}}}]\n",
                self.address
            ),
        );
    }

    /// The paths of all objects below `/api/v1/namespaces/`, without the cluster's own.
    pub(crate) fn names(&self) -> Vec<String> {
        let objects = self.objects.lock().unwrap();
        let names = objects.keys().map(|path| path.trim_start_matches("/api/v1/namespaces/").to_owned());
        names.filter(|name| name != "kube-system").collect()
    }

    /// Changes every object, as somebody else would.
    pub(crate) fn change(&self, change: impl Fn(&mut Value)) {
        self.objects.lock().unwrap().values_mut().for_each(change);
    }

    /// Deletes the object at `path` and all below it, as somebody else would.
    pub(crate) fn delete(&self, path: &str) {
        self.objects.lock().unwrap().retain(|at, _| at != path && !at.starts_with(&format!("{path}/")));
    }

    /// Takes over what programs leave in a folder: files `*.json` of an object's path and the object, or null.
    pub(crate) fn takes_from(&self, folder: PathBuf) {
        fs::create_dir_all(&folder).unwrap();
        *self.incoming.lock().unwrap() = Some(folder);
    }

    fn import(&self) {
        let folder = self.incoming.lock().unwrap();
        let files = folder.iter().flat_map(|folder| fs::read_dir(folder).unwrap().flatten());
        for file in files.filter(|file| file.path().extension().is_some_and(|end| end == "json")) {
            let changed: Value = serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap();
            fs::remove_file(file.path()).unwrap();
            let mut objects = self.objects.lock().unwrap();
            for (path, object) in changed.as_object().unwrap() {
                if object.is_null() {
                    objects.remove(path);
                } else {
                    let mut new = new(path);
                    merge(&mut new, object);
                    objects.insert(path.clone(), new);
                }
            }
        }
    }

    fn serve_one(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        // One connection serves many requests.
        while let Some((line, [content_type, key], body)) = read_request(&mut reader) {
            let mut words = line.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            if let Some(pod) = path.strip_suffix("/portforward") {
                return forward(stream, &key, pod.rsplit('/').next().unwrap());
            }
            let query = query.replace("%2F", "/").replace("%3D", "=").replace("%2C", ",");
            let (status, answer) = self.answer(method, path.trim_end_matches('/'), &query, &content_type, &body);
            let text = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\n\
                 Content-Length: {}\r\n\r\n",
                text.len()
            );
            // A client that has ended takes nothing.
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes())).is_err() {
                return;
            }
        }
    }

    fn answer(&self, method: &str, path: &str, query: &str, content_type: &str, body: &Value) -> (u16, Value) {
        self.import();
        if method == "POST" {
            return self.create(path, query, body);
        }
        let parts: Vec<&str> = path.split('/').skip(3).collect();
        match (path, parts.as_slice()) {
            ("/version" | "/readyz", _) => (200, json!({})),
            ("/apis", _) => (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})),
            ("/api/v1", _) => {
                let kinds = KINDS.iter().map(|(plural, kind, namespaced)| {
                    json!({"name": plural, "singularName": "", "kind": kind, "namespaced": namespaced,
                        "verbs": ["get", "list", "patch", "delete"]})
                });
                let kinds: Vec<Value> = kinds.collect();
                (200, json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": kinds}))
            }
            (_, ["namespaces", _, "services", "web"]) => {
                let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
                (200, json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "web"}, "spec": spec}))
            }
            (_, ["namespaces", namespace, "pods"]) => {
                let items = [pod(&format!("web-of-{namespace} ready"))];
                (200, json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}))
            }
            (_, [plural] | ["namespaces", _, plural]) if parts.len() != 2 && kind(plural).is_some() => {
                (200, self.list(path, plural, query))
            }
            (_, ["namespaces", _] | ["namespaces", _, _, _]) => self.object(method, path, query, content_type, body),
            _ => failed(404, "NotFound"),
        }
    }

    fn create(&self, path: &str, query: &str, body: &Value) -> (u16, Value) {
        let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
        if self.objects.lock().unwrap().contains_key(&path) {
            return failed(409, "AlreadyExists");
        }
        let (_, created) = self.object("PATCH", &path, query, "application/apply-patch+yaml", body);
        (201, created)
    }

    fn list(&self, path: &str, plural: &str, query: &str) -> Value {
        let root = path.strip_suffix(plural).unwrap();
        let wanted = query.split('&').find_map(|part| part.strip_prefix("labelSelector=")).unwrap_or_default();
        let objects = self.objects.lock().unwrap();
        let found = objects.iter().filter(|(at, object)| {
            at.starts_with(root)
                && at.rsplit('/').nth(1) == Some(plural)
                && wanted
                    .split(',')
                    .filter_map(|pair| pair.split_once('='))
                    .all(|(name, value)| object["metadata"]["labels"][name] == value)
        });
        let items: Vec<&Value> = found.map(|(_, object)| object).collect();
        json!({"apiVersion": "v1", "kind": format!("{}List", kind(plural).unwrap()), "metadata": {}, "items": items})
    }

    fn object(&self, method: &str, path: &str, query: &str, content_type: &str, body: &Value) -> (u16, Value) {
        let parameter = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name));
        let mut objects = self.objects.lock().unwrap();
        let applies = content_type.contains("apply-patch");
        let found = objects.get(path).cloned();
        let Some(mut object) = found.or_else(|| applies.then(|| new(path))) else { return failed(404, "NotFound") };
        for place in ["/metadata", "/preconditions"] {
            for key in ["resourceVersion", "uid"] {
                let wanted = body.pointer(place).and_then(|of| of.get(key)).filter(|wanted| !wanted.is_null());
                if wanted.is_some_and(|wanted| *wanted != object["metadata"][key]) {
                    return failed(409, "Conflict");
                }
            }
        }
        match method {
            "PATCH" => {
                let manager = parameter("fieldManager=").unwrap_or("unknown").to_owned();
                patch(&mut object, body, &manager, applies);
                if parameter("dryRun=") != Some("All") {
                    let version: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
                    object["metadata"]["resourceVersion"] = (version + 1).to_string().into();
                    objects.insert(path.to_owned(), object.clone());
                }
            }
            "DELETE" => objects.retain(|at, _| at != path && !at.starts_with(&format!("{path}/"))),
            _ => {}
        }
        (200, object)
    }
}

/// The first line of a request, the type of its content and the key of a WebSocket, and its body.
fn read_request(reader: &mut impl BufRead) -> Option<(String, [String; 2], Value)> {
    let (mut line, mut length, mut content_type, mut key) = (String::new(), 0, String::new(), String::new());
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "content-type" => content_type = value.to_ascii_lowercase(),
            "sec-websocket-key" => value.clone_into(&mut key),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((line, [content_type, key], serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

fn kind(plural: &str) -> Option<&'static str> {
    KINDS.iter().find(|(name, ..)| *name == plural).map(|(_, kind, _)| *kind)
}

fn failed(code: u16, reason: &str) -> (u16, Value) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": reason});
    (code, body)
}

fn new(path: &str) -> Value {
    let parts: Vec<&str> = path.split('/').collect();
    let (plural, name) = (parts[parts.len() - 2], parts[parts.len() - 1]);
    let mut object = json!({"apiVersion": "v1", "kind": kind(plural), "metadata": {"name": name, "uid": path,
        "resourceVersion": "1", "managedFields": []}});
    if plural != "namespaces" {
        object["metadata"]["namespace"] = parts[4].into();
    }
    object
}

/// Patches an object under a manager. What it applied before and does not apply any more goes, if nobody else has it.
fn patch(object: &mut Value, body: &Value, manager: &str, applies: bool) {
    let operation = if applies { "Apply" } else { "Update" };
    let mut entries: Vec<Value> = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    if let Some(given) = body.pointer("/metadata/managedFields").and_then(Value::as_array) {
        entries.clone_from(given);
    }
    let is_mine = |entry: &Value| entry["manager"] == manager && entry["operation"] == operation;
    let before = entries.iter().position(is_mine).map(|at| entries.remove(at)["fieldsV1"].take());
    let mut fields = leaves(body);
    if !applies {
        fields.extend(before.iter().flat_map(|tree| paths(tree, &mut Vec::new())));
    } else if let Some(before) = &before {
        for path in paths(before, &mut Vec::new()) {
            let is_others = entries.iter().any(|entry| paths(&entry["fieldsV1"], &mut Vec::new()).contains(&path));
            if !fields.contains(&path) && !is_others {
                remove(object, &path);
            }
        }
    }
    merge(object, body);
    let mut tree = json!({});
    for path in &fields {
        path.iter().fold(&mut tree, |below, part| &mut below[format!("f:{part}")]).clone_from(&json!({}));
    }
    if !fields.is_empty() {
        entries.push(json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": tree}));
    }
    object["metadata"]["managedFields"] = entries.into();
}

/// The paths of the fields that a body sets, without what only names the object.
fn leaves(body: &Value) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for parent in ["data", "metadata/labels", "metadata/annotations"] {
        let parts: Vec<String> = parent.split('/').map(str::to_owned).collect();
        let keys = body.pointer(&format!("/{parent}")).and_then(Value::as_object);
        for (key, _) in keys.into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            found.push(parts.iter().cloned().chain([key.clone()]).collect());
        }
    }
    found
}

/// The paths in a tree of `managedFields`.
fn paths(tree: &Value, above: &mut Vec<String>) -> Vec<Vec<String>> {
    let empty = Map::new();
    let below = tree.as_object().unwrap_or(&empty);
    if below.is_empty() {
        return if above.is_empty() { Vec::new() } else { vec![above.clone()] };
    }
    let mut all = Vec::new();
    for (name, inner) in below {
        above.push(name.trim_start_matches("f:").to_owned());
        all.extend(paths(inner, above));
        above.pop();
    }
    all
}

fn remove(object: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(object, |below, part| below.get_mut(part));
    if let Some(fields) = parent.and_then(Value::as_object_mut) {
        fields.remove(last);
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}
