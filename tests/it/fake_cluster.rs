//! [`FakeCluster`]: minikube as a script, and the API server of its cluster. Keeps what is applied; a Deployment is up
//! at once, and its pods answer.

#[path = "../../src/tools/kubernetes/fake_apply.rs"]
mod fake_apply;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket};

use crate::sandbox::Sandbox;

/// The kinds that are served: API version, plural, kind, and whether its objects are in namespaces.
const KINDS: &[(&str, &str, &str, bool)] = &[
    ("v1", "namespaces", "Namespace", false),
    ("v1", "nodes", "Node", false),
    ("v1", "services", "Service", true),
    ("v1", "pods", "Pod", true),
    ("v1", "events", "Event", true),
    ("v1", "secrets", "Secret", true),
    ("apps/v1", "deployments", "Deployment", true),
    ("apps/v1", "replicasets", "ReplicaSet", true),
    ("apps/v1", "statefulsets", "StatefulSet", true),
    ("apps/v1", "daemonsets", "DaemonSet", true),
];

/// Keeps a file beside it while its cluster is up, the images of the node in another one, and notes how it is called.
const MINIKUBE: &str = r#"
here=$(dirname "$0")
echo "$*" >>"$here/../calls"
case $* in
version*) echo v1.36.0 ;;
status*)
  [ -e "$here/../up" ] || { cat "$here/../absent"; exit 85; }
  [ -e "$KUBECONFIG" ] && cat "$here/../status" || sed s/Configured/Misconfigured/ "$here/../status" ;;
update-context*) cp "$here/../kubeconfig" "$KUBECONFIG" ;;
start*) touch "$here/../up"; cp "$here/../kubeconfig" "$KUBECONFIG" ;;
*"image ls"*) cat "$here/../images" 2>/dev/null || echo '[]' ;;
*"image load"*)
  tar -xOf "$5" manifest.json | sed 's|.*"Config":"\([0-9a-f]*\).*"RepoTags":\["\([^"]*\).*|[{"id":"\1","repoTags":["docker.io/library/\2"]}]|' >"$here/../images" ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac"#;

/// A request: method, path, query, content type, body.
struct Request {
    method: String,
    path: String,
    query: String,
    content_type: String,
    key: Option<String>,
    body: Value,
}

/// The cluster: its objects by their paths, such as `/api/v1/namespaces/default/services/web`.
#[derive(Clone, Default)]
pub(crate) struct FakeCluster {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl FakeCluster {
    /// Serves `sandbox` until the test ends; `minikube start` makes the cluster `name`.
    pub(crate) fn serve(sandbox: &Sandbox, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": server}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "users": [{"name": name, "user": {"token": "fake"}}]});
        let status = json!({"Name": name, "Host": "Running", "Kubelet": "Running", "APIServer": "Running",
            "Kubeconfig": "Configured"});
        let absent = json!({"specversion": "1.0", "type": "io.k8s.sigs.minikube.info",
            "data": {"message": format!("Profile \"{name}\" not found.")}});
        sandbox.file("kubeconfig", &config.to_string()).file("status", &format!("{status}\n"));
        sandbox.file("absent", &format!("{absent}\n")).tool("minikube", MINIKUBE);
        let cluster = Self::default();
        let node = json!({"metadata": {"name": name, "uid": "node", "labels": {"minikube.k8s.io/name": name}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"architecture": "amd64",
            "bootID": "", "containerRuntimeVersion": "docker://20.10.24", "kernelVersion": "", "kubeProxyVersion": "",
            "kubeletVersion": "v1.33.1", "machineID": "", "operatingSystem": "linux", "osImage": "", "systemUUID": ""}}});
        cluster.objects().insert(format!("/api/v1/nodes/{name}"), node);
        for namespace in ["default", "kube-system"] {
            let path = format!("/api/v1/namespaces/{namespace}");
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace,
                "uid": "3f6c1f0e-5a3e-4a53-9f43-4b6f2d4a7c11", "resourceVersion": "1"}});
            cluster.objects().insert(path, object);
        }
        let ours = cluster.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let cluster = ours.clone();
                std::thread::spawn(move || cluster.serve_one(stream));
            }
        });
        cluster
    }

    /// Puts a Deployment in with its pods, and a Service in front of them, as somebody else would.
    pub(crate) fn deploy(&self, name: &str, image_id: &str) {
        let labels = json!({"app": name});
        let template = json!({"metadata": {"labels": labels},
            "spec": {"nodeName": "n", "containers": [{"name": "web", "image": "web:1"}]}});
        let mut deployment = json!({"metadata": {"name": name, "namespace": "default", "uid": "d", "resourceVersion": "1"},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}});
        let service = json!({"metadata": {"name": name, "namespace": "default", "uid": "s", "resourceVersion": "1"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]}});
        let path = format!("/apis/apps/v1/namespaces/default/deployments/{name}");
        let mut objects = self.objects();
        roll_out(&mut objects, &path, &mut deployment);
        for (at, pod) in objects.iter_mut().filter(|(at, _)| at.contains("/pods/")) {
            if at.rsplit('/').next().is_some_and(|pod| pod.starts_with(name)) {
                pod["status"]["containerStatuses"][0]["imageID"] = format!("docker://{image_id}").into();
            }
        }
        objects.insert(path, deployment);
        objects.insert(format!("/api/v1/namespaces/default/services/{name}"), service);
    }

    /// Somebody begins to delete a namespace, which has something in it that takes its time.
    pub(crate) fn begin_to_delete(&self, namespace: &str) {
        let path = format!("/api/v1/namespaces/{namespace}");
        self.objects().get_mut(&path).unwrap()["metadata"]["deletionTimestamp"] = "2026-11-26T12:00:00Z".into();
    }

    /// The namespace is gone.
    pub(crate) fn end_to_delete(&self, namespace: &str) {
        self.objects().retain(|path, _| !format!("{path}/").starts_with(&format!("/api/v1/namespaces/{namespace}/")));
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.objects.lock().unwrap()
    }

    fn serve_one(&self, mut stream: TcpStream) {
        let Some(request) = read(&mut stream) else { return };
        if let Some(key) = request.key {
            forward(stream, &key, &request.query);
            return;
        }
        let (status, reply) = self.reply(&request);
        let text = if request.path == "/readyz" { "ok".to_owned() } else { reply.to_string() };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            text.len()
        );
        // A client that was killed takes nothing.
        drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes())));
    }

    fn reply(&self, request: &Request) -> (u16, Value) {
        let path = request.path.trim_end_matches('/');
        if matches!(path, "/readyz" | "/version") {
            return (200, json!({}));
        }
        if path == "/apis" {
            let group = json!({"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]});
            return (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}));
        }
        if let Some((_, version)) = [("/api/v1", "v1"), ("/apis/apps/v1", "apps/v1")].iter().find(|one| one.0 == path) {
            let all = KINDS.iter().filter(|kind| kind.0 == *version).map(|(_, plural, kind, namespaced)| {
                json!({"name": plural, "singularName": "", "kind": kind, "namespaced": namespaced,
                    "verbs": ["get", "list", "patch", "delete"]})
            });
            let all: Vec<Value> = all.collect();
            return (
                200,
                json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": all}),
            );
        }
        let (parent, last) = path.rsplit_once('/').unwrap();
        let plural = parent.rsplit('/').next().unwrap();
        match KINDS.iter().find(|kind| kind.1 == last || kind.1 == plural) {
            Some(kind) if kind.1 == last => (200, self.list(path, kind.0, kind.2, &request.query)),
            Some(kind) => self.object(request, path, kind.0, kind.2, last),
            None => failure(404, "NotFound"),
        }
    }

    fn list(&self, path: &str, api_version: &str, kind: &str, query: &str) -> Value {
        let wanted = parameter(query, "labelSelector");
        let has = |object: &Value| {
            let mut pairs = wanted.split(',').filter_map(|pair| pair.split_once('='));
            pairs.all(|(name, value)| object["metadata"]["labels"][name] == value)
        };
        let (root, plural) = path.rsplit_once('/').unwrap();
        let objects = self.objects();
        let is_in = |at: &str| at.starts_with(root) && at.rsplit('/').nth(1) == Some(plural);
        let items: Vec<&Value> =
            objects.iter().filter(|(at, object)| is_in(at) && has(object)).map(|(_, object)| object).collect();
        json!({"apiVersion": api_version, "kind": format!("{kind}List"), "metadata": {}, "items": items})
    }

    fn object(&self, request: &Request, path: &str, api_version: &str, kind: &str, name: &str) -> (u16, Value) {
        let mut objects = self.objects();
        let is_apply = request.content_type.contains("apply-patch");
        let new = || {
            let namespace = path.split("/namespaces/").nth(1).and_then(|rest| rest.split_once('/'));
            let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "uid": path,
                "resourceVersion": "0", "managedFields": []}});
            if let Some((namespace, _)) = namespace {
                object["metadata"]["namespace"] = namespace.into();
            }
            object
        };
        let Some(mut object) = objects.get(path).cloned().or_else(|| is_apply.then(new)) else {
            return failure(404, "NotFound");
        };
        match request.method.as_str() {
            "PATCH" if is_apply => {
                let manager = parameter(&request.query, "fieldManager");
                let force = parameter(&request.query, "force") == "true";
                if let Err(conflict) = fake_apply::apply(&mut object, &request.body, &manager, force) {
                    return conflict;
                }
                if parameter(&request.query, "dryRun") != "All" {
                    let version: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
                    object["metadata"]["resourceVersion"] = (version + 1).to_string().into();
                    if kind == "Deployment" {
                        roll_out(&mut objects, path, &mut object);
                    }
                    objects.insert(path.to_owned(), object.clone());
                }
            }
            "DELETE" => objects.retain(|at, one| {
                let is_below = kind == "Namespace" && at.starts_with(&format!("{path}/"));
                at != path && !is_below && one["metadata"]["ownerReferences"][0]["uid"] != path
            }),
            _ => {}
        }
        (200, object)
    }
}

/// What the controllers do: all pods of the Deployment at `path` are of its newest template, and ready.
fn roll_out(objects: &mut BTreeMap<String, Value>, path: &str, deployment: &mut Value) {
    let (root, name) = path.rsplit_once("/deployments/").unwrap();
    let n = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    deployment["metadata"]["generation"] = 1.into();
    deployment["status"] = json!({"observedGeneration": 1, "replicas": n, "updatedReplicas": n, "readyReplicas": n,
        "availableReplicas": n});
    let owned = |name: &str, labels: &Value, owner: &str| {
        json!({"metadata": {"name": name, "uid": name, "namespace": deployment["metadata"]["namespace"],
            "labels": labels, "annotations": {"deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": name, "uid": path}]}})
    };
    let template = &deployment["spec"]["template"];
    let mut labels = template["metadata"]["labels"].clone();
    labels["pod-template-hash"] = "5d8f7c6b9".into();
    let set = format!("{name}-5d8f7c6b9");
    objects.insert(format!("{root}/replicasets/{set}"), owned(&set, &labels, "Deployment"));
    for n in 0..n {
        let pod_name = format!("{set}-{}", ["x2k8d", "q7m4z", "t9c5w"][usize::try_from(n).unwrap() % 3]);
        let mut pod = owned(&pod_name, &labels, "ReplicaSet");
        pod["spec"] = template["spec"].clone();
        let container = &pod["spec"]["containers"][0];
        pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": container["name"], "image": container["image"], "imageID": "",
            "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]});
        let pods = root.replace("/apis/apps/v1", "/api/v1");
        objects.insert(format!("{pods}/pods/{pod_name}"), pod);
    }
}

/// Reads a request; `None` when the connection ends before it does.
fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let header = |wanted: &str| {
        let headers = head.lines().filter_map(|line| line.split_once(':'));
        let mut found = headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.replace("%2F", "/").replace("%3D", "=").replace("%2C", ",").replace("%3A", ":"),
        content_type: header("content-type").unwrap_or_default(),
        key: header("sec-websocket-key"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

/// A port-forward to a pod that answers each request with `ok`. Each message begins with its channel: 0 for the data of
/// the port, 1 for errors; the first of each has the port's number.
fn forward(mut stream: TcpStream, key: &str, query: &str) {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Protocol: v4.channel.k8s.io\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(head.as_bytes()).unwrap();
    let port: u16 = parameter(query, "ports").parse().unwrap();
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    for channel in 0..2 {
        let [low, high] = port.to_le_bytes();
        socket.send(vec![channel, low, high].into()).unwrap();
    }
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(message) = socket.read() else { return };
        request.extend_from_slice(message.into_data().get(1..).unwrap_or_default());
    }
    let reply = b"\0HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    // The client may be gone: it has what it needs.
    drop(socket.send(reply.to_vec().into()).and_then(|()| socket.close(None)));
    while socket.read().is_ok() {}
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": "not found"});
    (code, body)
}

fn parameter(query: &str, name: &str) -> String {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().to_owned()
}
