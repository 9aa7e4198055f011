//! The Docker daemon, through its API. Nothing outside of this folder names `bollard`.
//!
//! Every call says in its error what was being done to what. Short ones have a time limit; long ones go on for as long as
//! the daemon answers when it is asked whether it is still there. Dropping a call ends it, and the daemon with it.

mod build;
mod connect;
mod exec;
mod failure;
mod images;
mod leftovers;
mod trace;

use std::pin::pin;
use std::time::Duration;

use bollard::API_DEFAULT_VERSION;
use tokio::time::timeout;

use crate::error::Failure;

pub use build::{BuildEvent, BuildRequest};
pub use connect::Endpoint;
pub use exec::{ExecOutput, Stdin};
pub use images::{Image, ImageBytes};
pub use leftovers::{Owner, TemporaryTag};

/// Debug messages of the client hold whole requests, and with them build arguments: they stay off.
pub const LOG_FILTER: &str = "bollard=warn,hyper=warn";

/// Most that a short call may take.
const CALL: Duration = Duration::from_secs(60);

/// How long a long call may be silent until we ask the daemon whether it is still there.
const SILENCE: Duration = Duration::from_secs(60);

/// Most that the answer to "are you there" may take.
const PING: Duration = Duration::from_secs(20);

/// bollard's own limit covers everything up to an answer's headers, and so a whole upload: out of the way with it.
const CLIENT_TIMEOUT_S: u64 = 7 * 86_400;

/// A daemon that has answered. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Docker {
    client: bollard::Docker,
    endpoint: Endpoint,
    engine: Engine,
}

/// What a daemon says about itself.
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
}

impl Docker {
    /// Finds the daemon as the docker program does and asks it for its version.
    pub async fn connect() -> Result<Self, Failure> {
        Self::connect_to(connect::Surroundings::of_process().endpoint()?).await
    }

    /// Asks the daemon at `endpoint` for its version.
    pub async fn connect_to(endpoint: Endpoint) -> Result<Self, Failure> {
        let client = client(&endpoint)?;
        let answer = match timeout(PING, client.version()).await {
            Ok(answer) => answer,
            Err(_) => Err(bollard::errors::Error::RequestTimeoutError),
        };
        let version = answer.map_err(|error| failure::unreachable(&error, &endpoint))?;
        let api = version.api_version.as_deref().and_then(parse_api);
        let (Some(number), Some(api)) = (version.version, api) else {
            return Err(Failure::prerequisite(format!("what answers at {} is no Docker daemon", endpoint.host))
                .cause(format!("{} names it", endpoint.origin)));
        };
        Ok(Self {
            client,
            endpoint,
            engine: Engine {
                version: number,
                api,
                os: version.os.unwrap_or_default(),
                arch: version.arch.unwrap_or_default(),
            },
        })
    }

    /// Where it is, and who said so.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What it said about itself when we connected.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Asks whether it is still there.
    pub async fn ping(&self) -> Result<(), Failure> {
        match timeout(PING, self.client.ping()).await {
            Ok(Ok(_)) => Ok(()),
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
        match timeout(CALL, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(failure::of_call(what(), &error)),
            Err(_) => Err(Failure::failed(what())
                .cause(format!("the Docker daemon did not answer within {} s", CALL.as_secs()))
                .transient()),
        }
    }

    /// The next part of a long call: as long as it is silent, the daemon is asked whether it is still there.
    async fn attend<T>(&self, what: &str, next: impl Future<Output = T>) -> Result<T, Failure> {
        let mut next = pin!(next);
        loop {
            match timeout(SILENCE, &mut next).await {
                Ok(value) => return Ok(value),
                Err(_) => self.ping().await.map_err(|failure| {
                    let mut failure = failure.while_doing(what).transient();
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
                Failure::prerequisite(format!("can't talk to a Docker daemon at `{host}`"))
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
