//! What [`FakeEngine`](crate::fake_engine::FakeEngine) answers about images that are built, and volumes by name.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fake_docker::archive;
use crate::fake_engine::{FakeEngine, Image, World, find_image, value};

/// Status, content type and body.
type Reply = (u16, &'static str, Vec<u8>);

/// The reply to a request about images or a volume; `None` for another one.
pub(crate) fn reply(engine: &FakeEngine, method: &str, path: &str, query: &str, body: &Value) -> Option<Reply> {
    if path == "/build" {
        engine.world().builds.push(value(query, "t"));
        wait_for_other_builds(engine);
    }
    let world = &mut *engine.world();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["_ping"]) => Some((200, "text/plain", b"OK".to_vec())),
        ("POST", ["build"]) => Some(build(world, query)),
        ("GET", ["images", "json"]) => Some(json_reply(200, &listed(world, query))),
        ("GET", ["containers", "json"]) if !query.contains("filters=") => {
            let all = world.containers.iter().map(|found| json!({"Id": found["Id"], "ImageID": found["Image"]}));
            Some(json_reply(200, &all.collect()))
        }
        ("GET", ["images", name @ .., "get"]) => Some(export(world, &name.join("/"))),
        ("POST", ["images", name @ .., "tag"]) => {
            let image = find_image(world, &name.join("/")).cloned().unwrap();
            world.images.insert(format!("{}:{}", value(query, "repo"), value(query, "tag")), image);
            Some(json_reply(201, &Value::Null))
        }
        ("DELETE", ["images", name @ ..]) => {
            world.images.remove(&name.join("/"));
            Some(json_reply(200, &json!([])))
        }
        ("POST", ["volumes", "create"]) => {
            let volume = json!({"Name": body["Name"], "Labels": body["Labels"], "Driver": "local", "Mountpoint": "/v",
                "Options": {}, "Scope": "local"});
            world.volumes.push(volume.clone());
            Some(json_reply(201, &volume))
        }
        ("GET", ["volumes", name]) => {
            let found = world.volumes.iter().find(|volume| volume["Name"] == *name);
            Some(
                found
                    .map_or_else(|| json_reply(404, &json!({"message": "no such volume"})), |one| json_reply(200, one)),
            )
        }
        _ => None,
    }
}

/// The images in the repository of the query's filter, one for each name.
fn listed(world: &World, query: &str) -> Value {
    let filters: Value = serde_json::from_str(&value(query, "filters")).unwrap_or_default();
    let Some(repository) = filters["reference"][0].as_str() else { return json!([]) };
    let of = world.images.iter().filter(|(name, _)| name.rsplit_once(':').is_some_and(|(of, _)| of == repository));
    of.map(|(name, image)| {
        json!({"Id": image.id, "RepoTags": [name], "Created": image.created, "Size": image.size, "ParentId": "", "RepoDigests": [],
            "SharedSize": 0, "Labels": {}, "Containers": 0})
    })
    .collect()
}

/// Waits until as many builds were asked for as have to be on at the same time.
fn wait_for_other_builds(engine: &FakeEngine) {
    let began = Instant::now();
    loop {
        let (n, wanted) = {
            let world = engine.world();
            (world.builds.len(), world.builds_meet)
        };
        if n >= wanted {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{n} of {wanted} builds were asked for");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Builds an image with a new id, as BuildKit reports it.
fn build(world: &mut World, query: &str) -> Reply {
    let n = world.images.values().map(|image| &image.id).collect::<std::collections::BTreeSet<_>>().len();
    let config = config(n);
    world.images.insert(value(query, "t"), Image { id: id_of(&config), created: 1 + n, ..Image::web("a", 200, "") });
    let line = json!({"id": "moby.image.id", "aux": {"ID": id_of(&config)}});
    (200, "application/json", format!("{line}\r\n").into_bytes())
}

/// The configuration of the image that is built when there are `n` others.
fn config(n: usize) -> String {
    json!({"architecture": "amd64", "os": "linux", "build": n, "rootfs": {"type": "layers", "diff_ids": []}})
        .to_string()
}

/// The id of an image is the digest of its configuration.
fn id_of(config: &str) -> String {
    let digest = Sha256::digest(config.as_bytes());
    digest.iter().fold("sha256:".to_owned(), |id, byte| id + &format!("{byte:02x}"))
}

/// An archive as `docker save` writes it.
fn export(world: &World, name: &str) -> Reply {
    let image = find_image(world, name).unwrap();
    let config = (0..99).map(config).find(|config| id_of(config) == image.id).unwrap();
    let file = format!("{}.json", image.id.trim_start_matches("sha256:"));
    let manifest = json!([{"Config": file, "RepoTags": [name], "Layers": []}]).to_string();
    (200, "application/x-tar", archive(&[(file.as_str(), config.as_str()), ("manifest.json", manifest.as_str())]))
}

fn json_reply(status: u16, body: &Value) -> Reply {
    (status, "application/json", body.to_string().into_bytes())
}

/// Without percent encoding.
pub(crate) fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            out.push(if byte == b'+' { b' ' } else { byte });
        }
    }
    String::from_utf8(out).unwrap()
}
