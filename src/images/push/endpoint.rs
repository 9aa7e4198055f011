//! [`Endpoint`]: a registry on this machine's loopback that takes one image from the daemon, for as long as it is kept.
//!
//! It speaks what a push needs of the distribution protocol, and hands nothing out. What it says about blobs decides
//! what the daemon sends: by [`Endpoint::want`] it claims to have all others.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION, RANGE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::blob::Blob;
use crate::error::{Context, Failure};
use crate::images::oci::digest;
use crate::tools::docker::RegistryLogin;

/// The one repository.
const REPOSITORY: &str = "provision/layers";

/// The biggest manifest that is taken, as with other registries.
const MAX_MANIFEST: usize = 4 << 20;

/// The ports that are tried, one after the other: others may be in use, also by another step of this run.
const FIRST_PORT: u16 = 20_000;
const N_PORTS: u16 = 12_000;
const N_TRIED: u16 = 8;

/// Which blobs the daemon is to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All.
    All,
    /// Those with these digests; of all others it is claimed that they are here.
    Only(BTreeSet<String>),
}

/// See the module.
pub(super) struct Endpoint {
    port: u16,
    shared: Arc<Shared>,
    _accepting: AbortOnDropHandle<()>,
}

struct Shared {
    authorization: String,
    /// The size that is stated of a blob that is only claimed to be here: older daemons copy it into the manifest.
    claimed_size: u64,
    state: Mutex<State>,
    failed: Notify,
}

struct State {
    wanted: Wanted,
    asked: BTreeSet<String>,
    n_uploads: u64,
    uploads: BTreeMap<String, Blob>,
    blobs: BTreeMap<String, Blob>,
    manifests: BTreeMap<String, Bytes>,
    received: u64,
    failure: Option<String>,
}

type Reply = Response<Full<Bytes>>;

impl Endpoint {
    /// Listens on a port that is always the same for the same login, if it is free. Who pushes has to know `login`.
    pub(super) async fn listen(login: &RegistryLogin, claimed_size: u64) -> Result<Self, Failure> {
        let listener = bind(&login.password).await?;
        let port = listener.local_addr().context(|| "reading the address of the push endpoint".into())?.port();
        let shared = Arc::new(Shared {
            authorization: format!("Basic {}", STANDARD.encode(format!("{}:{}", login.user, login.password))),
            claimed_size,
            state: Mutex::new(State {
                wanted: Wanted::All,
                asked: BTreeSet::new(),
                n_uploads: 0,
                uploads: BTreeMap::new(),
                blobs: BTreeMap::new(),
                manifests: BTreeMap::new(),
                received: 0,
                failure: None,
            }),
            failed: Notify::new(),
        });
        let accepting = AbortOnDropHandle::new(tokio::spawn(accept(listener, Arc::clone(&shared))));
        Ok(Self { port, shared, _accepting: accepting })
    }

    /// The name to push to, without a tag. Docker trusts 127.0.0.0/8 without encryption.
    pub(super) fn repository(&self) -> String {
        format!("127.0.0.1:{}/{REPOSITORY}", self.port)
    }

    /// Whether somebody who knows the login has asked for the manifest `tag`.
    pub(super) fn was_asked_for(&self, tag: &str) -> bool {
        self.state().asked.contains(tag)
    }

    /// Says what the next push is to bring, and forgets the manifests of the last one.
    pub(super) fn want(&self, wanted: Wanted) {
        let mut state = self.state();
        state.wanted = wanted;
        state.manifests.clear();
    }

    /// The manifests that have come, by digest.
    pub(super) fn manifests(&self) -> BTreeMap<String, Bytes> {
        self.state().manifests.clone()
    }

    /// Whether the blob has come.
    pub(super) fn has(&self, digest: &str) -> bool {
        self.state().blobs.contains_key(digest)
    }

    /// Hands over the blob, if it has come.
    pub(super) fn take(&self, digest: &str) -> Option<Blob> {
        self.state().blobs.remove(digest)
    }

    /// The bytes that have come so far.
    pub(super) fn received(&self) -> u64 {
        self.state().received
    }

    /// Waits until something goes wrong here, such as a full disk; returns what. A daemon would try again for a long
    /// time.
    pub(super) async fn failed(&self) -> String {
        loop {
            let notified = self.shared.failed.notified();
            if let Some(failure) = &self.state().failure {
                return failure.clone();
            }
            notified.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

async fn bind(secret: &str) -> Result<TcpListener, Failure> {
    let hash = blake3::hash(secret.as_bytes());
    let [low, high, ..] = hash.as_bytes();
    let first = u16::from_le_bytes([*low, *high]) % N_PORTS;
    let ports = (0..N_TRIED).map(|n| FIRST_PORT + (first + n) % N_PORTS);
    for port in ports {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context(|| "listening on a port of 127.0.0.1".into())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    // A failure to accept is one connection's, or lasts only as long as there are too many open files.
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(shared.reply(request).await) }
            });
            // The daemon tries an encrypted connection first: that is no HTTP, and ends here.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reply(&self, request: Request<Incoming>) -> Reply {
        let given = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        // Compared by digest, so that the time tells nothing.
        if given.map(blake3::hash) != Some(blake3::hash(self.authorization.as_bytes())) {
            let mut reply = empty(StatusCode::UNAUTHORIZED);
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"provision\""));
            return reply;
        }
        let path = request.uri().path().to_owned();
        let Some(path) = path.strip_prefix("/v2/") else { return empty(StatusCode::NOT_FOUND) };
        if path.is_empty() {
            return empty(StatusCode::OK);
        }
        let Some(path) = path.strip_prefix(REPOSITORY) else { return empty(StatusCode::NOT_FOUND) };
        let method = request.method().clone();
        match (method, path.rsplit_once('/').unwrap_or_default()) {
            (Method::HEAD, ("/blobs", digest)) => self.blob(digest),
            (Method::POST, ("/blobs/uploads", "")) => self.begin(),
            (Method::PATCH | Method::PUT, ("/blobs/uploads", id)) => {
                let id = id.to_owned();
                self.take(&id, request).await
            }
            (Method::DELETE, ("/blobs/uploads", id)) => {
                self.state().uploads.remove(id);
                empty(StatusCode::NO_CONTENT)
            }
            (Method::GET | Method::HEAD, ("/manifests", reference)) => {
                self.state().asked.insert(reference.to_owned());
                empty(StatusCode::NOT_FOUND)
            }
            (Method::PUT, ("/manifests", _)) => self.manifest(request).await,
            _ => empty(StatusCode::NOT_FOUND),
        }
    }

    fn blob(&self, digest: &str) -> Reply {
        let state = self.state();
        let size = match (state.blobs.get(digest), &state.wanted) {
            (Some(blob), _) => blob.size,
            (None, Wanted::Only(wanted)) if !wanted.contains(digest) => self.claimed_size,
            (None, _) => return empty(StatusCode::NOT_FOUND),
        };
        let mut reply = with_digest(StatusCode::OK, digest);
        reply.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size));
        reply
    }

    fn begin(&self) -> Reply {
        let blob = match Blob::create() {
            Ok(blob) => blob,
            Err(error) => return self.fail(format!("creating a temporary file: {error}")),
        };
        let mut state = self.state();
        state.n_uploads += 1;
        let id = state.n_uploads.to_string();
        state.uploads.insert(id.clone(), blob);
        drop(state);
        upload(StatusCode::ACCEPTED, &id, 0)
    }

    /// Appends to an upload; the request that ends it names the blob.
    async fn take(&self, id: &str, request: Request<Incoming>) -> Reply {
        let ends = request.method() == Method::PUT;
        let name = request.uri().query().and_then(|query| {
            query.split('&').find_map(|pair| pair.strip_prefix("digest=")).map(|digest| digest.replace("%3A", ":"))
        });
        // Taken out for as long as it is written: a request that breaks off leaves nothing half.
        let Some(mut blob) = self.state().uploads.remove(id) else { return empty(StatusCode::NOT_FOUND) };
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return empty(StatusCode::BAD_REQUEST) };
            let Some(piece) = frame.data_ref() else { continue };
            if let Err(error) = blob.file.write_all(piece).await {
                return self.fail(format!("writing a layer to a temporary file: {error}"));
            }
            blob.size += piece.len() as u64;
            self.state().received += piece.len() as u64;
        }
        if let Err(error) = blob.file.flush().await {
            return self.fail(format!("writing a layer to a temporary file: {error}"));
        }
        if !ends {
            let size = blob.size;
            self.state().uploads.insert(id.to_owned(), blob);
            return upload(StatusCode::ACCEPTED, id, size);
        }
        let Some(name) = name else { return empty(StatusCode::BAD_REQUEST) };
        self.state().blobs.insert(name.clone(), blob);
        let mut reply = with_digest(StatusCode::CREATED, &name);
        insert(&mut reply, LOCATION.as_str(), &format!("/v2/{REPOSITORY}/blobs/{name}"));
        reply
    }

    async fn manifest(&self, request: Request<Incoming>) -> Reply {
        let Ok(body) = Limited::new(request.into_body(), MAX_MANIFEST).collect().await else {
            return self.fail("receiving a manifest of more than 4 MiB".into());
        };
        let text = body.to_bytes();
        let name = digest(&text);
        self.state().manifests.insert(name.clone(), text);
        let mut reply = with_digest(StatusCode::CREATED, &name);
        insert(&mut reply, LOCATION.as_str(), &format!("/v2/{REPOSITORY}/manifests/{name}"));
        reply
    }

    fn fail(&self, why: String) -> Reply {
        self.state().failure.get_or_insert(why);
        self.failed.notify_waiters();
        empty(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::new()));
    *reply.status_mut() = status;
    insert(&mut reply, "docker-distribution-api-version", "registry/2.0");
    reply
}

fn with_digest(status: StatusCode, digest: &str) -> Reply {
    let mut reply = empty(status);
    insert(&mut reply, "docker-content-digest", digest);
    reply
}

fn upload(status: StatusCode, id: &str, size: u64) -> Reply {
    let mut reply = empty(status);
    insert(&mut reply, LOCATION.as_str(), &format!("/v2/{REPOSITORY}/blobs/uploads/{id}"));
    insert(&mut reply, "docker-upload-uuid", id);
    insert(&mut reply, RANGE.as_str(), &format!("0-{}", size.saturating_sub(1)));
    reply
}

/// Leaves out a value that no header can have; a request can have none in its path either.
fn insert(reply: &mut Reply, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}
