//! The Docker daemon, through its API. Nothing outside of this folder names `bollard`.
//!
//! Every error says what was being done to what. Short calls have a time limit; long ones go on for as long as the
//! daemon responds to a ping. Dropping a call ends it, and what the daemon does for it.

mod archive;
pub mod build;
mod connect;
mod containers;
mod exec;
mod failure;
mod image_config;
mod images;
mod logs;
mod machine;
mod networks;
mod project;
mod pull;
mod push;
mod run;
mod temporary;
mod volumes;

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::API_DEFAULT_VERSION;
use futures_util::future::{Either, select};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Failure, ids};

pub use build::{BuildContext, BuildEvent, BuildRequest, Builder};
pub use connect::Endpoint;
pub use containers::{Container, Health};
pub use exec::{ExecOutput, Stdin};
#[cfg(test)]
pub(crate) use failure::no_socket;
pub use image_config::ImageConfig;
pub use images::{Image, ImageBytes, NamedImage};
pub use machine::DaemonMachine;
pub use project::{ComposeProject, Removed};
pub use push::RegistryLogin;
pub use run::{ContainerRequest, PORT_TRIES, chosen_port_is_taken};
pub use temporary::TemporaryName;
pub use volumes::Volume;

/// The targets whose debug messages hold whole requests, and with them build arguments: the client and what it uses.
pub const LOG_TARGETS: [&str; 4] = ["bollard", "hyper", "h2", "tonic"];

/// Most that a short call may take.
const CALL: Duration = Duration::from_secs(60);

/// How long a short call may be silent until the daemon is asked for its version, unless it has told it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a long call may be silent until the daemon is pinged.
const SILENCE: Duration = Duration::from_secs(60);

/// Most that the response to a ping may take.
const PING: Duration = Duration::from_secs(20);

/// How much is shown of what responds to a ping and is no daemon.
const SHOWN: usize = 60;

/// bollard's own limit covers everything up to a response's headers, and so a whole upload: long enough never to
/// matter.
const CLIENT_TIMEOUT_S: u64 = 7 * 86_400;

/// A daemon that has responded. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Docker {
    client: bollard::Docker,
    endpoint: Endpoint,
    engine: Arc<OnceCell<Engine>>,
}

/// What a daemon reports about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Its version: `20.10.24`.
    pub version: String,
    /// The version of its API: (1, 41).
    pub api: (u32, u32),
    /// Its operating system: `linux`.
    pub os: String,
    /// Its architecture: `amd64`.
    pub arch: String,
    /// What it is a part of, with the version: `Docker Desktop 4.53.0 (211793)`, `Docker Engine - Community`.
    pub platform: String,
}

impl Docker {
    /// Finds the daemon as the docker program does, and connects to it.
    pub async fn connect() -> Result<Self, Failure> {
        Self::connect_to(Endpoint::find()?).await
    }

    /// Connects to the daemon at `endpoint`.
    pub async fn connect_to(endpoint: Endpoint) -> Result<Self, Failure> {
        let docker = Self { client: client(&endpoint)?, endpoint, engine: Arc::default() };
        docker.ping().await?;
        Ok(docker)
    }

    /// Where it is, and what named it.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What it reports about itself; it is asked once. A daemon runs programs to find that out, which takes it longer
    /// than most requests: only for those who need it.
    pub async fn engine(&self) -> Result<&Engine, Failure> {
        self.engine.get_or_try_init(|| self.request_engine()).await
    }

    async fn request_engine(&self) -> Result<Engine, Failure> {
        let response = timeout(PING, self.client.version()).await;
        let response = response.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError));
        let version = response.map_err(|error| failure::unreachable(&error, &self.endpoint))?;
        let api = version.api_version.as_deref().and_then(parse_api);
        let (Some(number), Some(api)) = (version.version, api) else {
            return Err(self.is_no_daemon("it tells no version of Docker"));
        };
        Ok(Engine {
            version: number,
            api,
            os: version.os.unwrap_or_default(),
            arch: version.arch.unwrap_or_default(),
            platform: version.platform.map(|platform| platform.name).unwrap_or_default(),
        })
    }

    fn is_no_daemon(&self, why: &str) -> Failure {
        let Endpoint { host, origin, .. } = &self.endpoint;
        Failure::of(ids::DOCKER_UNSUITABLE, format!("what responds at {host} is not a Docker daemon"))
            .cause(why)
            .cause(format!("{origin} names {host}"))
    }

    /// Checks that it still responds.
    pub async fn ping(&self) -> Result<(), Failure> {
        match timeout(PING, self.client.ping()).await {
            Ok(Ok(text)) if text.trim() == "OK" => Ok(()),
            Ok(Ok(text)) => {
                let said: String = text.trim().chars().take(SHOWN).collect();
                Err(self.is_no_daemon(&format!("it responds to a ping with {said:?}")))
            }
            Ok(Err(error)) => Err(failure::unreachable(&error, &self.endpoint)),
            Err(_) => Err(failure::unreachable(&bollard::errors::Error::RequestTimeoutError, &self.endpoint)),
        }
    }

    /// A short call: with a time limit.
    async fn call<T>(
        &self,
        what: impl FnOnce() -> String,
        work: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, Failure> {
        self.call_within(what, CALL, work).await
    }

    /// The same with a time limit of its own.
    async fn call_within<T>(
        &self,
        what: impl FnOnce() -> String,
        limit: Duration,
        work: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, Failure> {
        match timeout(limit, select(pin!(work), Box::pin(self.hangs()))).await {
            Ok(Either::Left((Ok(value), _))) => Ok(value),
            Ok(Either::Left((Err(error), _))) => Err(failure::of_call(what(), &error)),
            Ok(Either::Right((failure, _))) => Err(failure),
            Err(_) => Err(Failure::of(ids::DOCKER_LOST, what())
                .cause(format!("the Docker daemon did not respond within {} s", limit.as_secs()))
                .transient()),
        }
    }

    /// Returns once a call has been without a response for a while and the daemon does not tell its version either: one
    /// that hangs may still respond to a ping.
    async fn hangs(&self) -> Failure {
        sleep(PATIENCE).await;
        let asked = Instant::now();
        match self.engine().await {
            Err(failure) if failure.error_id() != ids::DOCKER_UNREACHABLE || asked.elapsed() >= PING => failure,
            // Where the connection broke, that of the call does too, and says so.
            _ => pending().await,
        }
    }

    /// Waits for the next part of a long call; while it is silent, the daemon is pinged.
    async fn attend<T>(&self, what: &str, next: impl Future<Output = T>) -> Result<T, Failure> {
        let mut next = pin!(next);
        loop {
            match timeout(SILENCE, &mut next).await {
                Ok(value) => return Ok(value),
                Err(_) => self.ping().await.map_err(|failure| {
                    let mut failure = failure.while_doing(what).with_id(ids::DOCKER_LOST).transient();
                    failure.kind = crate::error::FailureKind::Failed;
                    failure
                })?,
            }
        }
    }
}

fn client(endpoint: &Endpoint) -> Result<bollard::Docker, Failure> {
    let host = endpoint.host.as_str();
    let (scheme, rest) = host.split_once("://").unwrap_or(("unix", host));
    let client = match (scheme, &endpoint.tls) {
        ("unix", _) => bollard::Docker::connect_with_unix(rest, CLIENT_TIMEOUT_S, API_DEFAULT_VERSION),
        ("tcp" | "http" | "https", Some(certs)) => bollard::Docker::connect_with_ssl(
            &format!("tcp://{rest}"),
            &certs.join("key.pem"),
            &certs.join("cert.pem"),
            &certs.join("ca.pem"),
            CLIENT_TIMEOUT_S,
            API_DEFAULT_VERSION,
        ),
        ("tcp" | "http", None) => {
            bollard::Docker::connect_with_http(&format!("tcp://{rest}"), CLIENT_TIMEOUT_S, API_DEFAULT_VERSION)
        }
        _ => {
            return Err(
                Failure::of(ids::DOCKER_UNSUITABLE, format!("can't talk to a Docker daemon at `{host}`"))
                    .cause(format!("{} names it; unix:// and tcp:// are supported", endpoint.origin))
                    .hint("forward its socket, for instance `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST`, and export DOCKER_HOST=unix:///tmp/docker.sock"),
            );
        }
    };
    client.map_err(|error| failure::unreachable(&error, endpoint))
}

fn parse_api(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
