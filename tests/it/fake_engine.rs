//! [`FakeEngine`]: a Docker daemon with images, containers, networks and volumes in memory. Its containers listen.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use fs_err as fs;
use serde_json::{Value, json};

use crate::fake_build;
use crate::sandbox::Sandbox;
use crate::server::listen;

const VERSION: &str =
    r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}"#;

/// What an image's container does.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) id: String,
    /// When it was made: a greater number is later.
    pub(crate) created: usize,
    /// What it takes, in bytes.
    pub(crate) size: u64,
    /// What it answers to each request: status and body. `None` listens nowhere.
    pub(crate) answers: Option<(u16, String)>,
    /// The exit code with which it ends at once.
    pub(crate) ends: Option<i64>,
    /// What it prints.
    pub(crate) prints: Vec<String>,
    /// What its health check says; empty where it has none.
    pub(crate) health: &'static str,
    /// The exit code with which it ends when it is asked to stop.
    pub(crate) stops_with: i64,
    /// A label that its containers inherit.
    pub(crate) label: Option<(String, String)>,
}

impl Image {
    /// A web server without a health check.
    pub(crate) fn web(id: &str, status: u16, body: &str) -> Self {
        Self {
            id: format!("sha256:{}", id.repeat(64 / id.len())),
            created: 1,
            size: 100_000_000,
            answers: Some((status, body.to_owned())),
            ends: None,
            prints: vec![format!("{id} listens")],
            health: "",
            stops_with: 0,
            label: None,
        }
    }
}

/// Everything that there is.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) images: BTreeMap<String, Image>,
    /// Images that can be pulled.
    pub(crate) registry: BTreeMap<String, Image>,
    /// Containers as `inspect` shows them, with `Lines` beside.
    pub(crate) containers: Vec<Value>,
    /// Networks: name and labels.
    pub(crate) networks: Vec<Value>,
    pub(crate) volumes: Vec<Value>,
    /// The bodies of the requests that created containers.
    pub(crate) created: Vec<Value>,
    /// What was removed: the paths of the requests.
    pub(crate) removed: Vec<String>,
    /// What it reports about its machine.
    pub(crate) info: Value,
    /// Whether a started container is held back: the request is never answered.
    pub(crate) holds_starts: bool,
    /// Whether what is created appears only when this is over.
    pub(crate) holds_creations: bool,
    /// How many requests asked for something to be created.
    pub(crate) n_creations: usize,
    /// The names under which images were asked to be built.
    pub(crate) builds: Vec<String>,
    /// How many builds have to be on before any of them ends.
    pub(crate) builds_meet: usize,
    /// How many starts find the port in use that was chosen for them.
    pub(crate) ports_in_use: u32,
    /// Whether it fails once nothing is there any more.
    pub(crate) breaks_when_empty: bool,
}

/// The daemon.
#[derive(Clone)]
pub(crate) struct FakeEngine {
    world: Arc<Mutex<World>>,
    /// A file in which a scripted program leaves containers, networks and volumes: they appear with the next request.
    incoming: PathBuf,
}

impl FakeEngine {
    /// Serves `sandbox` until the test ends.
    pub(crate) fn serve(sandbox: &mut Sandbox) -> Self {
        let socket = sandbox.path("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        sandbox.env("DOCKER_HOST", &format!("unix://{}", socket.display()));
        let engine = Self { world: Arc::default(), incoming: sandbox.path("incoming.json") };
        let served = engine.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let engine = served.clone();
                std::thread::spawn(move || engine.serve_one(stream));
            }
        });
        engine
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn image(&self, name: &str, image: Image) {
        self.world().images.insert(name.to_owned(), image);
    }

    /// The names of all containers.
    pub(crate) fn names(&self) -> Vec<String> {
        self.world().containers.iter().map(|found| text(&found["Name"])).collect()
    }

    fn serve_one(&self, mut stream: UnixStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            if header == "\r\n" {
                break;
            }
            let header = header.to_ascii_lowercase();
            is_chunked |= header.starts_with("transfer-encoding: chunked");
            if let Some(n) = header.strip_prefix("content-length: ") {
                length = n.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        // The context of a build: what is in it does not matter here.
        while is_chunked && !body.ends_with(b"\r\n0\r\n\r\n") {
            if reader.read_until(b'\n', &mut body).unwrap_or(0) == 0 {
                return;
            }
        }
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let [method, target, ..] = line.split(' ').collect::<Vec<_>>()[..] else { return };
        let target = target.strip_prefix("/v1.").map_or(target, |rest| &rest[rest.find('/').unwrap()..]);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = fake_build::decoded(query);
        if method == "POST" && matches!(path, "/containers/create" | "/networks/create") {
            self.world().n_creations += 1;
            while self.world().holds_creations {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        let built = fake_build::reply(self, method, path, &query, &body);
        let Some((status, kind, reply)) = built.or_else(|| self.reply(method, path, &query, &body)) else {
            // Until the client is gone.
            drop(reader.read_line(&mut String::new()));
            return;
        };
        let length = reply.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        // A client that was killed takes nothing.
        drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&reply)));
    }

    fn import(&self, world: &mut World) {
        let Ok(text) = fs::read_to_string(&self.incoming) else { return };
        fs::remove_file(&self.incoming).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let World { containers, networks, volumes, .. } = world;
        for (key, list) in [("containers", containers), ("networks", networks), ("volumes", volumes)] {
            let new = value[key].as_array().cloned().unwrap_or_default();
            list.retain(|old| new.iter().all(|new| new["Name"] != old["Name"]));
            list.extend(new);
        }
    }

    /// Status, content type and body; `None` for a request that is never answered.
    fn reply(&self, method: &str, path: &str, query: &str, body: &Value) -> Option<(u16, &'static str, Vec<u8>)> {
        if method == "DELETE" {
            return Some(self.remove(path));
        }
        let mut world = self.world();
        self.import(&mut world);
        let json = |status: u16, value: Value| Some((status, "application/json", value.to_string().into_bytes()));
        let missing = || json(404, json!({"message": "no such object"}));
        let either = |found: Option<&Value>| found.map_or_else(missing, |found| json(200, found.clone()));
        if world.breaks_when_empty && world.volumes.is_empty() {
            return json(500, json!({"message": "it is out of memory"}));
        }
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["version"]) => json(200, serde_json::from_str(VERSION).unwrap()),
            ("GET", ["info"]) => json(200, world.info.clone()),
            ("GET", ["images", name @ .., "json"]) => match find_image(&world, &name.join("/")) {
                Some(image) => {
                    let labels: BTreeMap<_, _> = image.label.clone().into_iter().collect();
                    let config = json!({"Labels": labels});
                    json(200, json!({"Id": image.id, "Architecture": "amd64", "Size": 48_000_000, "Config": config}))
                }
                None => missing(),
            },
            ("POST", ["images", "create"]) => {
                let name = value(query, "fromImage");
                match world.registry.get(&name).cloned() {
                    Some(image) => {
                        world.images.insert(name, image);
                        json(200, json!({"status": "pulled"}))
                    }
                    None => json(404, json!({"message": format!("{name} is not in the registry")})),
                }
            }
            ("POST", ["containers", "create"]) => {
                world.created.push(body.clone());
                let container = create(&world, &value(query, "name"), body);
                let created = json!({"Id": container["Id"], "Warnings": []});
                world.containers.push(container);
                json(201, created)
            }
            ("POST", ["containers", name, "start"]) => {
                if world.holds_starts {
                    return None;
                }
                let failed = start(&mut world, name).map(|why| json(500, json!({"message": why})));
                failed.unwrap_or_else(|| json(204, Value::Null))
            }
            ("POST", ["containers", name, "stop"]) => {
                let n = position(&world, name)?;
                let code = find_image(&world, &text(&world.containers[n]["Image"])).map_or(0, |image| image.stops_with);
                let state = &mut world.containers[n]["State"];
                (state["Running"], state["Status"], state["ExitCode"]) = (json!(false), json!("exited"), json!(code));
                json(204, Value::Null)
            }
            ("GET", ["containers", "json"]) => {
                let found = if query.contains("\"publish\"") {
                    publishers(&world.containers, query)
                } else {
                    labelled(&world.containers, query, |found| &found["Config"]["Labels"])
                };
                json(200, found.iter().map(|found| json!({"Id": found["Id"]})).collect())
            }
            ("GET", ["containers", name, "json"]) => either(position(&world, name).map(|n| &world.containers[n])),
            ("GET", ["containers", name, "logs"]) => {
                let n = position(&world, name)?;
                Some((200, "application/vnd.docker.raw-stream", frames(&world.containers[n]["Lines"])))
            }
            ("POST", ["networks", "create"]) => {
                world.networks.push(json!({"Id": body["Name"], "Name": body["Name"], "Labels": body["Labels"]}));
                json(201, json!({"Id": body["Name"], "Warning": ""}))
            }
            ("GET", ["networks"]) => json(200, labelled(&world.networks, query, |found| &found["Labels"]).into()),
            ("GET", ["networks", name]) => either(world.networks.iter().find(|found| found["Id"] == *name)),
            ("GET", ["volumes"]) => {
                json(200, json!({"Volumes": labelled(&world.volumes, query, |found| &found["Labels"])}))
            }
            _ => missing(),
        }
    }

    /// Removes what `path` names.
    fn remove(&self, path: &str) -> (u16, &'static str, Vec<u8>) {
        let mut world = self.world();
        let World { containers, networks, volumes, removed, .. } = &mut *world;
        let (kind, name) = path.trim_start_matches('/').split_once('/').unwrap();
        let list = match kind {
            "containers" => containers,
            "networks" => networks,
            _ => volumes,
        };
        let is_it = |found: &Value| found["Id"] == name || text(&found["Name"]) == name;
        let Some(n) = list.iter().position(is_it) else {
            return (404, "application/json", br#"{"message":"no such object"}"#.to_vec());
        };
        if list[n]["Containers"].as_object().is_some_and(|within| !within.is_empty()) {
            let why = format!("error while removing network: network {name} id {name} has active endpoints");
            return (403, "application/json", json!({"message": why}).to_string().into_bytes());
        }
        let gone = list.remove(n);
        removed.push(format!("{kind}/{}", text(&gone["Name"])));
        (204, "application/json", b"null".to_vec())
    }
}

/// Returns lines of standard output in the form in which the daemon sends logs.
fn frames(lines: &Value) -> Vec<u8> {
    let mut frames = Vec::new();
    for line in lines.as_array().into_iter().flatten() {
        let line = format!("{}\n", text(line));
        frames.extend([1, 0, 0, 0]);
        frames.extend(u32::try_from(line.len()).unwrap().to_be_bytes());
        frames.extend(line.as_bytes());
    }
    frames
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim_start_matches('/').to_owned()
}

/// The image with this name or id.
pub(crate) fn find_image<'a>(world: &'a World, name: &str) -> Option<&'a Image> {
    world.images.get(name).or_else(|| world.images.values().find(|image| image.id == name))
}

fn position(world: &World, name: &str) -> Option<usize> {
    world.containers.iter().position(|found| found["Id"] == name || text(&found["Name"]) == name)
}

/// Those that have the label of the query's filter.
fn labelled(all: &[Value], query: &str, labels: impl Fn(&Value) -> &Value) -> Vec<Value> {
    let filters: Value = serde_json::from_str(&value(query, "filters")).unwrap();
    let Some(label) = filters["label"][0].as_str().map(str::to_owned) else { return Vec::new() };
    let (name, wanted) = label.split_once('=').map_or((label.as_str(), None), |(name, value)| (name, Some(value)));
    let has = |found: &&Value| {
        let value = labels(found).get(name).and_then(Value::as_str);
        value.is_some_and(|value| wanted.is_none_or(|wanted| wanted == value))
    };
    all.iter().filter(has).cloned().collect()
}

/// Those that publish the port of the query's filter.
fn publishers(all: &[Value], query: &str) -> Vec<Value> {
    let publishes = |found: &&Value| {
        let ports = found["NetworkSettings"]["Ports"].as_object().into_iter().flatten();
        let mut ports = ports.map(|(_, port)| text(&port[0]["HostPort"]));
        ports.any(|port| query.contains(&format!("\"{port}\"")))
    };
    all.iter().filter(publishes).cloned().collect()
}

fn create(world: &World, name: &str, body: &Value) -> Value {
    let image = find_image(world, &text(&body["Image"])).unwrap();
    let mut labels = body["Labels"].clone();
    if let Some((name, value)) = &image.label {
        labels[name] = json!(value);
    }
    json!({
        "Id": format!("{:0>64}", world.created.len()),
        "Name": format!("/{name}"),
        "Image": image.id,
        "Config": {"Image": body["Image"], "Labels": labels, "Health": body["Healthcheck"]["Test"]},
        "Ports": body["HostConfig"]["PortBindings"],
        "State": {"Status": "created", "Running": false},
        "Lines": [],
    })
}

/// Returns why it failed, if it did.
fn start(world: &mut World, name: &str) -> Option<&'static str> {
    if world.ports_in_use > 0 {
        world.ports_in_use -= 1;
        return Some("listen tcp4 127.0.0.1:32777: bind: address already in use");
    }
    let n = position(world, name).unwrap();
    let image = find_image(world, &text(&world.containers[n]["Image"])).unwrap().clone();
    let mut container = world.containers[n].clone();
    container["Lines"] = json!(image.prints);
    container["State"] = match image.ends {
        Some(code) => json!({"Status": "exited", "Running": false, "ExitCode": code}),
        None => json!({"Status": "running", "Running": true, "ExitCode": 0, "StartedAt": "2026-01-01T00:00:00Z"}),
    };
    if !image.health.is_empty() {
        container["State"]["Health"] = json!({"Status": image.health, "Log": [{"Output": "checked: not yet"}]});
    } else if container["Config"]["Health"].is_array() {
        container["State"]["Health"] = json!({"Status": "healthy"});
    }
    let ports = container["Ports"].as_object().cloned().unwrap_or_default();
    for port in ports.keys() {
        container["NetworkSettings"]["Ports"][port] =
            json!([{"HostIp": "127.0.0.1", "HostPort": listen(image.answers.clone()).to_string()}]);
    }
    world.containers[n] = container;
    None
}

/// A parameter of a decoded query.
pub(crate) fn value(query: &str, name: &str) -> String {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().to_owned()
}
