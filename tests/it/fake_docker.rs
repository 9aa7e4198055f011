//! [`FakeDocker`]: a Docker daemon with one container, one volume, one image and one folder to read, each a file in the
//! sandbox.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::sandbox::Sandbox;

const VERSION: &str =
    r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}"#;

/// The daemon's world: `container.json`, `volume.json` and `etcd` in the folder `daemon`; where a file is missing, the
/// object does not exist. Each change adds a line to `world`.
pub(crate) struct FakeDocker {
    folder: PathBuf,
}

impl FakeDocker {
    /// Serves `sandbox` until the test ends.
    pub(crate) fn serve(sandbox: &mut Sandbox) -> Self {
        let folder = sandbox.path("daemon");
        fs::create_dir_all(&folder).unwrap();
        let socket = sandbox.path("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        sandbox.env("DOCKER_HOST", &format!("unix://{}", socket.display()));
        let (daemon, world) = (Self { folder: folder.clone() }, sandbox.path("world"));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                daemon.answer(&stream, &world);
            }
        });
        Self { folder }
    }

    /// The node of the profile `pp`.
    pub(crate) fn node(&self, running: bool) {
        self.write(
            "container.json",
            &format!(
                r#"{{"Id":"c0","State":{{"Running":{running}}},"Config":{{"Labels":{{"name.minikube.sigs.k8s.io":"pp"}}}},"Mounts":[{{"Type":"volume","Name":"pp","Destination":"/var"}}]}}"#
            ),
        );
    }

    /// The node is in the lists of containers.
    pub(crate) fn lists_the_node(&self) {
        self.write("lists", "");
    }

    /// Somebody starts the node when containers are listed: after it was checked, before it is deleted.
    pub(crate) fn starts_before_deletion(&self) {
        self.write("starts", "");
    }

    /// A container has the volume.
    pub(crate) fn uses_volume(&self) {
        self.write("users.json", r#"[{"Id":"c0","Names":["/pp"]}]"#);
    }

    /// Somebody replaces the volume while minikube starts.
    pub(crate) fn volume_is_replaced_during_the_start(&self) {
        self.write("other-volume.json", &volume(r#"{"name.minikube.sigs.k8s.io":"pp"}"#));
    }

    /// Whether there is a volume.
    pub(crate) fn has_volume(&self) -> bool {
        self.read("volume.json").is_some()
    }

    /// A volume that has only minikube's labels.
    pub(crate) fn volume(&self) {
        self.write("volume.json", &volume(r#"{"name.minikube.sigs.k8s.io":"pp"}"#));
    }

    /// The volume of the creation `id`.
    pub(crate) fn volume_of(&self, id: &str) {
        let labels = serde_json::json!({"name.minikube.sigs.k8s.io": "pp", "dev.provision.start": id});
        self.write("volume.json", &volume(&labels.to_string()));
    }

    /// Keys in etcd's data, as the daemon archives it.
    pub(crate) fn etcd(&self, keys: &[&str]) {
        let record = |key: &&str| {
            let key = format!("/registry/{key}");
            format!("\n{}{key}\x10\x05k8s\0", char::from(u8::try_from(key.len()).unwrap()))
        };
        let database = keys.iter().map(record).collect::<String>();
        self.etcd_files(&[("member/snap/db", database.as_str()), ("member/wal/0-0.wal", "log")]);
    }

    /// The files of etcd's data that can be read.
    pub(crate) fn etcd_files(&self, files: &[(&str, &str)]) {
        fs::write(self.folder.join("etcd"), archive(files)).unwrap();
    }

    /// An image with the id `id`, these layers with their files, and this configuration: as the daemon describes it and
    /// as it exports it.
    pub(crate) fn image(&self, id: &str, layers: &[&[(&str, &str)]], config: &serde_json::Value) {
        let ids: Vec<String> = (0..layers.len()).map(|number| format!("sha256:{number:064}")).collect();
        let root = serde_json::json!({"Type": "layers", "Layers": ids});
        let described = serde_json::json!({"Id": id, "Size": 5_000_000, "RootFS": root, "Config": config});
        self.write("image.json", &described.to_string());
        let names: Vec<String> = (0..layers.len()).map(|number| format!("{number:064}/layer.tar")).collect();
        let mut whole = tar::Builder::new(Vec::new());
        for (name, files) in names.iter().zip(layers) {
            add(&mut whole, name, &archive(files));
        }
        let exported = serde_json::json!({"config": config, "rootfs": {"diff_ids": ids}}).to_string();
        add(&mut whole, "c.json", exported.as_bytes());
        let manifest = serde_json::json!([{"Config": "c.json", "RepoTags": null, "Layers": names}]).to_string();
        add(&mut whole, "manifest.json", manifest.as_bytes());
        fs::write(self.folder.join("image.tar"), whole.into_inner().unwrap()).unwrap();
    }

    /// How often images were inspected since the last call.
    pub(crate) fn n_inspected(&self) -> usize {
        let looks = self.read("looks").unwrap_or_default();
        self.write("looks", "");
        looks.lines().count()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    fn answer(&self, stream: &UnixStream, world: &Path) {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = n.parse().unwrap();
            }
            head.push(line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let (status, text) = self.reply(&head[0], &String::from_utf8(body).unwrap(), world);
        let text = text.unwrap_or_else(|| r#"{"message":"Could not find it"}"#.into());
        let reply = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        // The client may be gone: it was killed by the test.
        let mut stream = stream;
        drop(stream.write_all(reply.as_bytes()));
    }

    fn reply(&self, request: &str, body: &str, world: &Path) -> (&'static str, Option<String>) {
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let path = path.strip_prefix("/v1.").map_or(path, |rest| &rest[rest.find('/').unwrap()..]);
        let path = path.split('?').next().unwrap();
        let found = |text: Option<String>| (if text.is_some() { "200 OK" } else { "404 Not Found" }, text);
        match (method, path) {
            ("GET", "/version") => found(Some(VERSION.into())),
            ("GET", "/_ping") => found(Some("OK".into())),
            ("GET", "/containers/json") => {
                if let (Some(_), Some(node)) = (self.read("starts"), self.read("container.json")) {
                    self.write("container.json", &node.replace(r#""Running":false"#, r#""Running":true"#));
                }
                if let Some(other) = self.read("other-volume.json") {
                    self.write("volume.json", &other);
                }
                let listed = self.read("lists").and_then(|_| self.read("container.json"));
                let users = self.read("users.json").or(listed.map(|_| r#"[{"Id":"c0"}]"#.to_owned()));
                found(Some(users.unwrap_or_else(|| "[]".to_owned())))
            }
            ("GET", "/containers/pp/json" | "/containers/c0/json") => found(self.read("container.json")),
            ("GET", "/containers/c0/archive") => found(self.read("etcd")),
            ("GET", path) if path.starts_with("/images/") && path.ends_with("/json") => {
                self.write("looks", &format!("{}{path}\n", self.read("looks").unwrap_or_default()));
                found(self.read("image.json"))
            }
            ("GET", path) if path.starts_with("/images/") && path.ends_with("/get") => found(self.read("image.tar")),
            ("GET", "/volumes/pp") => found(self.read("volume.json")),
            ("DELETE", "/volumes/pp") => match fs::remove_file(self.folder.join("volume.json")) {
                Ok(()) => ("204 No Content", Some(String::new())),
                Err(_) => found(None),
            },
            ("POST", "/volumes/create") => {
                let labels: serde_json::Value = serde_json::from_str(body).unwrap();
                if self.read("volume.json").is_none() {
                    self.write("volume.json", &volume(&labels["Labels"].to_string()));
                }
                ("201 Created", self.read("volume.json"))
            }
            ("POST", "/containers/pp/stop") => {
                let node = self.read("container.json").unwrap();
                self.write("container.json", &node.replace(r#""Running":true"#, r#""Running":false"#));
                let world = fs::OpenOptions::new().create(true).append(true).open(world);
                world.unwrap().write_all(b"docker-stop\n").unwrap();
                ("204 No Content", Some(String::new()))
            }
            _ => found(None),
        }
    }
}

/// An archive with these files.
pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in files {
        add(&mut archive, name, text.as_bytes());
    }
    archive.into_inner().unwrap()
}

fn add(archive: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, name, bytes).unwrap();
}

fn volume(labels: &str) -> String {
    format!(r#"{{"Name":"pp","Driver":"local","Mountpoint":"/v","Scope":"local","Options":null,"Labels":{labels}}}"#)
}
