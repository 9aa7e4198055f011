//! For tests: an API server of which a test writes the answers, or that keeps Secrets as the real one does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client::Kube;
use super::source::KubeSource;
use super::turns::{Purpose, taking_turns};

/// A request as the server gets it.
#[derive(Clone, Debug)]
pub(crate) struct ApiRequest {
    pub(crate) method: String,
    /// The path, without its query.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) content_type: String,
    /// The body as JSON; null without one.
    pub(crate) body: Value,
}

type Handler = Arc<dyn Fn(&ApiRequest) -> (u16, Value) + Send + Sync>;

/// Starts a server whose responses come from `handler`, for as long as the test runs, and connects to it.
pub(crate) async fn serve(handler: impl Fn(&ApiRequest) -> (u16, Value) + Send + Sync + 'static) -> Kube {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let handler: Handler = Arc::new(handler);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&handler)));
        }
    });
    let mut config = Config::new(url.parse().unwrap());
    // As for a real one: see `Kube::connect`.
    config.default_retry = false;
    let client = Client::try_from(config).unwrap();
    Kube::for_test(taking_turns(client, Purpose::Change), KubeSource::for_test("test"))
}

/// Reads one request, answers it, and closes the connection.
async fn answer(mut stream: TcpStream, handler: Handler) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let header = |wanted: &str| {
        let headers = head.lines().filter_map(|line| line.split_once(':'));
        let mut found = headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map_or("", |(_, value)| value.trim()).to_owned()
    };
    let content_type = header("content-type");
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await.unwrap();
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (path, query) = (path.to_owned(), query.to_owned());
    let (status, value) = handler(&ApiRequest { method, path, query, content_type, body });
    let text = value.to_string();
    let answer = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// An answer that is an error.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> (u16, Value) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": message});
    (code, body)
}

/// Keeps Secrets with resource versions, merge patches, preconditions and server-side apply.
#[derive(Clone, Default)]
pub(crate) struct SecretStore {
    secrets: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl SecretStore {
    /// Puts a Secret in, as somebody else would.
    pub(crate) fn put(&self, name: &str, mut secret: Value, resource_version: &str) {
        secret["apiVersion"] = "v1".into();
        secret["kind"] = "Secret".into();
        secret["metadata"]["name"] = name.into();
        secret["metadata"]["resourceVersion"] = resource_version.into();
        self.secrets.lock().unwrap().insert(name.to_owned(), secret);
    }

    /// The Secret as it is now.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        self.secrets.lock().unwrap().get(name).cloned()
    }

    /// Connects to a server of these Secrets; calls `before` with each request first.
    pub(crate) async fn serve(&self, before: impl Fn(&ApiRequest) + Send + Sync + 'static) -> Kube {
        let store = self.clone();
        serve(move |request| {
            before(request);
            store.answer(request)
        })
        .await
    }

    /// Returns the status and the body of a response.
    pub(crate) fn answer(&self, request: &ApiRequest) -> (u16, Value) {
        let mut secrets = self.secrets.lock().unwrap();
        let Some((_, name)) = request.path.split_once("/secrets/") else {
            if request.method == "POST" {
                return create(&mut secrets, &request.body);
            }
            let items: Vec<Value> = secrets.values().cloned().collect();
            return (200, json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {}, "items": items}));
        };
        let is_apply = request.content_type.contains("apply-patch");
        if is_apply {
            secrets.entry(name.to_owned()).or_insert_with(|| json!({"metadata": {"name": name, "managedFields": []}}));
        }
        let Some(secret) = secrets.get_mut(name) else {
            return status(404, "NotFound", "not found");
        };
        let wanted = request
            .body
            .pointer("/metadata/resourceVersion")
            .or_else(|| request.body.pointer("/preconditions/resourceVersion"));
        if wanted.is_some_and(|wanted| *wanted != secret["metadata"]["resourceVersion"]) {
            return status(409, "Conflict", "the object has been modified");
        }
        match request.method.as_str() {
            "PATCH" => {
                if is_apply {
                    let parameter = |name: &str| request.query.split('&').find_map(|part| part.strip_prefix(name));
                    let manager = parameter("fieldManager=").unwrap().replace("%2F", "/");
                    let force = parameter("force=") == Some("true");
                    if let Err(conflict) = super::fake_apply::apply(secret, &request.body, &manager, force) {
                        return conflict;
                    }
                } else {
                    merge(secret, &request.body);
                }
                let version = secret["metadata"]["resourceVersion"].as_str().unwrap_or_default();
                secret["metadata"]["resourceVersion"] = format!("{version}+").into();
            }
            "DELETE" => {
                secrets.remove(name);
                return (200, json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}));
            }
            _ => {}
        }
        (200, secret.clone())
    }
}

/// Keeps objects by their paths, with resource versions and merge patches.
#[derive(Clone, Default)]
pub(crate) struct ObjectStore {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl ObjectStore {
    /// Puts an object in.
    pub(crate) fn put(&self, path: &str, mut object: Value) {
        object["metadata"]["resourceVersion"] = "1".into();
        self.objects.lock().unwrap().insert(path.to_owned(), object);
    }

    /// The object as it is now, without its resource version.
    pub(crate) fn get(&self, path: &str) -> Value {
        let mut object = self.objects.lock().unwrap()[path].clone();
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        object
    }

    /// Changes an object, as somebody else would.
    pub(crate) fn change(&self, path: &str, change: impl Fn(&mut Value)) {
        let mut objects = self.objects.lock().unwrap();
        let object = objects.get_mut(path).unwrap();
        change(object);
        let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        object["metadata"]["resourceVersion"] = format!("{version}+").into();
    }

    /// Connects to a server of these objects; calls `before` with each request first.
    pub(crate) async fn serve(&self, before: impl Fn(&ApiRequest) + Send + Sync + 'static) -> Kube {
        let store = self.clone();
        serve(move |request| {
            before(request);
            store.answer(request)
        })
        .await
    }

    fn answer(&self, request: &ApiRequest) -> (u16, Value) {
        let Some(found) = self.objects.lock().unwrap().get(&request.path).cloned() else {
            return status(404, "NotFound", "not found");
        };
        if request.method != "PATCH" {
            return (200, found);
        }
        let wanted = request.body.pointer("/metadata/resourceVersion");
        if wanted.is_some_and(|wanted| *wanted != found["metadata"]["resourceVersion"]) {
            return status(409, "Conflict", "the object has been modified");
        }
        self.change(&request.path, |object| merge(object, &request.body));
        (200, self.objects.lock().unwrap()[&request.path].clone())
    }
}

fn create(secrets: &mut BTreeMap<String, Value>, body: &Value) -> (u16, Value) {
    let name = body["metadata"]["name"].as_str().unwrap();
    if secrets.contains_key(name) {
        return status(409, "AlreadyExists", "it is there");
    }
    let mut secret = body.clone();
    secret["metadata"]["resourceVersion"] = "1".into();
    secret["metadata"]["managedFields"] = json!([]);
    secrets.insert(name.to_owned(), secret.clone());
    (201, secret)
}

/// JSON merge patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
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
