//! Pushes to an endpoint, as either kind of daemon makes them.

use std::io::Read as _;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener};

use super::*;
use crate::tools::docker::Endpoint as DockerEndpoint;

fn login(password: &str) -> RegistryLogin {
    RegistryLogin { user: "provision", password: password.into() }
}

/// Somebody who talks to an endpoint.
struct Client {
    host: String,
    authorization: String,
}

struct Reply {
    status: u16,
    head: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Client {
    fn of(endpoint: &Endpoint, login: &RegistryLogin) -> Self {
        let host = endpoint.repository().split('/').next().unwrap().to_owned();
        Self { host, authorization: STANDARD.encode(format!("{}:{}", login.user, login.password)) }
    }

    async fn send(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {}\r\nContent-Length: {}\r\n\r\n",
            self.authorization,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut head = String::new();
        stream.read_to_string(&mut head).await.unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head }
    }

    async fn has(&self, digest: &str) -> bool {
        self.send("HEAD", &format!("/v2/provision/layers/blobs/{digest}"), b"").await.status == 200
    }

    /// Uploads a blob in pieces, as a daemon does.
    async fn upload(&self, blob: &[u8]) -> String {
        let digest = oci::digest(blob);
        let begun = self.send("POST", "/v2/provision/layers/blobs/uploads/", b"").await;
        assert_eq!(begun.status, 202);
        let place = begun.header("location").unwrap().to_owned();
        let (first, rest) = blob.split_at(blob.len() / 2);
        let more = self.send("PATCH", &place, first).await;
        assert_eq!((more.status, more.header("location")), (202, Some(place.as_str())));
        let end = self.send("PUT", &format!("{place}?digest={}", digest.replace(':', "%3A")), rest).await;
        assert_eq!((end.status, end.header("docker-content-digest")), (201, Some(digest.as_str())));
        digest
    }
}

/// An image with layers whose compressed form differs from the unpacked one.
struct Source {
    image: Image,
    config: Vec<u8>,
    layers: Vec<Vec<u8>>,
    manifest: String,
}

fn source(words: &[&str], is_manifest: bool) -> Source {
    let diff_ids: Vec<String> = words.iter().map(|word| oci::digest(word.as_bytes())).collect();
    let config = json!({ "rootfs": { "type": "layers", "diff_ids": diff_ids } }).to_string().into_bytes();
    let layers: Vec<Vec<u8>> = words.iter().map(|word| format!("compressed {word}").into_bytes()).collect();
    let described = |blob: &[u8]| json!({ "digest": oci::digest(blob), "size": blob.len() });
    let manifest = json!({
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": described(&config),
        "layers": layers.iter().map(|layer| described(layer)).collect::<Vec<_>>(),
    })
    .to_string();
    let id = oci::digest(if is_manifest { manifest.as_bytes() } else { &config });
    let image = Image { id, size: 900, architecture: String::new(), layers: diff_ids, is_manifest };
    Source { image, config, layers, manifest }
}

impl Source {
    /// Pushes as daemons do: only what the registry lacks, and the manifests at the end. Returns how many blobs it
    /// sent. An older daemon knows a compressed layer only if it has pushed it before: the lowest `known` ones.
    async fn push(&self, client: &Client, known: usize) -> usize {
        let mut n = 0;
        for (at, layer) in self.layers.iter().enumerate() {
            if at >= known || !client.has(&oci::digest(layer)).await {
                client.upload(layer).await;
                n += 1;
            }
        }
        if !client.has(&oci::digest(&self.config)).await {
            client.upload(&self.config).await;
            n += 1;
        }
        let attestation =
            json!({ "config": { "digest": "sha256:ee" }, "layers": [{ "digest": "sha256:ff" }] }).to_string();
        for (name, text) in [("sha256:ab", attestation.as_str()), ("tag", &self.manifest), ("index", "{}")] {
            let path = format!("/v2/provision/layers/manifests/{name}");
            assert_eq!(client.send("PUT", &path, text.as_bytes()).await.status, 201);
        }
        n
    }
}

/// The files of an archive.
async fn files(mut archive: ImageBytes) -> BTreeMap<String, Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = archive.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(all.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(entry.path().unwrap().display().to_string(), bytes);
    }
    files
}

#[tokio::test]
async fn f99_only_what_the_node_lacks_is_sent_by_either_kind_of_daemon() {
    // (whether images are in containerd, layers pushed before, layers the node has, blobs that each push brings)
    let cases: [(bool, usize, usize, &[usize]); 7] = [
        (true, 3, 2, &[0, 2]),
        (true, 3, 3, &[0, 1]),
        (true, 3, 0, &[4]),
        (false, 2, 2, &[2]),
        (false, 3, 2, &[1, 1]),
        (false, 0, 2, &[4]),
        (false, 3, 3, &[1]),
    ];
    for (is_manifest, known, n_shared, expected) in cases {
        let case = format!("{is_manifest} {known} {n_shared}");
        let source = source(&["low", "middle", "high"], is_manifest);
        let login = login(&case);
        let endpoint = Endpoint::listen(&login, 300).await.unwrap();
        let client = Client::of(&endpoint, &login);
        let sent = Mutex::new(Vec::new());
        let push = || -> BoxFuture<'_, Result<(), Failure>> {
            Box::pin(async {
                let n = source.push(&client, known).await;
                sent.lock().unwrap().push(n);
                Ok(())
            })
        };
        let name = "docker.io/library/x:1";
        let pushed = collect(&endpoint, &source.image, n_shared, name, &push).await.unwrap();
        assert_eq!(*sent.lock().unwrap(), expected, "{case}");
        assert_eq!(pushed.id, oci::digest(&source.config), "{case}");
        let files = files(pushed.archive).await;
        let manifest = oci::blob(&oci::digest(source.manifest.as_bytes()));
        let mut names = vec![oci::blob(&pushed.id), manifest.clone(), "index.json".into(), "oci-layout".into()];
        names.extend(source.layers[n_shared..].iter().map(|layer| oci::blob(&oci::digest(layer))));
        names.sort();
        assert_eq!(files.keys().cloned().collect::<Vec<_>>(), names, "{case}");
        for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("blobs/")) {
            assert_eq!(*path, oci::blob(&oci::digest(bytes)), "{case}");
        }
        assert_eq!(files[&manifest], source.manifest.as_bytes());
        let index: serde_json::Value = serde_json::from_slice(&files["index.json"]).unwrap();
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], name);
    }
}

#[tokio::test]
async fn f99_an_image_that_is_not_the_one_that_was_asked_for_is_refused() {
    let (asked, other) = (source(&["low", "high"], true), source(&["low", "other"], true));
    let login = login("f99 refused");
    let endpoint = Endpoint::listen(&login, 1).await.unwrap();
    let client = Client::of(&endpoint, &login);
    let push = || -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            other.push(&client, 9).await;
            Ok(())
        })
    };
    let refused = collect(&endpoint, &asked.image, 1, "x:1", &push).await.err().unwrap();
    assert_eq!(refused.message, "the Docker daemon pushed no manifest of the image");
    // A daemon that never sends what is asked for.
    let push = || -> BoxFuture<'_, Result<(), Failure>> { Box::pin(std::future::ready(Ok(()))) };
    assert!(collect(&endpoint, &asked.image, 1, "x:1", &push).await.is_err());
}

#[tokio::test]
async fn f103_who_does_not_know_the_password_learns_and_changes_nothing() {
    let right = login("f103 right");
    let endpoint = Endpoint::listen(&right, 7).await.unwrap();
    let stranger = Client::of(&endpoint, &login("f103 wrong"));
    let source = source(&["low"], true);
    let path = |rest: &str| format!("/v2/provision/layers/{rest}");
    for (method, path) in [
        ("GET", "/v2/".to_owned()),
        ("HEAD", path("blobs/sha256:aa")),
        ("POST", path("blobs/uploads/")),
        ("PUT", path("manifests/x")),
        ("GET", path("manifests/question")),
    ] {
        let reply = stranger.send(method, &path, b"").await;
        assert_eq!(
            (reply.status, reply.header("www-authenticate")),
            (401, Some("Basic realm=\"provision\"")),
            "{path}"
        );
    }
    assert!(endpoint.manifests().is_empty() && !endpoint.was_asked_for("question"));
    // And nothing is handed out to anybody.
    let daemon = Client::of(&endpoint, &right);
    source.push(&daemon, 0).await;
    let digest = oci::digest(&source.layers[0]);
    assert!(daemon.has(&digest).await);
    for path in [path(&format!("blobs/{digest}")), "/v2/other/blobs/uploads/".into(), "/".into(), path("")] {
        assert_eq!(daemon.send("GET", &path, b"").await.status, 404, "{path}");
    }
    assert_eq!(daemon.send("GET", &path("manifests/question"), b"").await.status, 404);
    assert!(endpoint.was_asked_for("question"));
}

#[tokio::test]
async fn an_endpoint_has_the_same_address_each_time_and_another_one_while_it_is_in_use() {
    let login = login("address");
    let first = Endpoint::listen(&login, 1).await.unwrap();
    let second = Endpoint::listen(&login, 1).await.unwrap();
    let address = first.repository();
    assert_ne!(address, second.repository());
    assert!(address.starts_with("127.0.0.1:") && address.ends_with("/provision/layers"), "{address}");
    drop(first);
    // Its task ends at the next turn of the loop.
    let again = loop {
        tokio::task::yield_now().await;
        let again = Endpoint::listen(&login, 1).await.unwrap();
        if again.repository() == address {
            break again;
        }
    };
    drop((second, again));
}

/// A daemon that reaches no registry of ours; returns what it was asked for.
async fn unreachable_by(error: &str) -> (Failure, Option<String>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let error = error.to_owned();
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        // Until the client is gone.
        while let Ok(Ok((mut stream, _))) = tokio::time::timeout(Duration::from_millis(300), listener.accept()).await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let line = String::from_utf8(head).unwrap().lines().next().unwrap().to_owned();
            let (status, body) = if line.contains("/_ping") { (200, "OK") } else { (500, error.as_str()) };
            asked.push(line);
            let length = body.len();
            let reply = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
        asked
    });
    let host = format!("unix://{}", socket.display());
    let docker = Docker::connect_to(DockerEndpoint { host, origin: "the test".into(), tls: None }).await.unwrap();
    let access = PushAccess::new(format!("f100 {}", dir.path().display()), None);
    let failure = Session::open(&docker, &access, &source(&["low"], true).image).await.err().unwrap();
    (failure, access.given().map(str::to_owned), serving.await.unwrap())
}

#[tokio::test]
async fn f100_a_daemon_that_can_not_reach_us_gets_no_name_and_pushes_nothing() {
    let (failure, given, asked) = unreachable_by(r#"{"message":"connection refused"}"#).await;
    assert_eq!(failure.message, "the Docker daemon can't reach this process");
    assert_eq!(given, None);
    assert!(asked.len() == 2 && asked[1].starts_with("GET /distribution/127.0.0.1:"), "{asked:?}");
}
