//! What bollard's errors mean to a person.

use std::error::Error as _;
use std::io::ErrorKind;

use bollard::errors::Error;

use super::connect::Endpoint;
use crate::error::{Failure, ids};

/// No response to the first call, or to a ping.
pub(super) fn unreachable(error: &Error, endpoint: &Endpoint) -> Failure {
    let host = &endpoint.host;
    let named = format!("{} names {host}", endpoint.origin);
    let socket = host.strip_prefix("unix://");
    match (io_kind(error), error) {
        (Some(ErrorKind::PermissionDenied), _) => {
            Failure::of(ids::DOCKER_PERMISSION, format!("this user may not use the Docker daemon at {host}"))
                .cause("permission denied")
                .cause(named)
                .hint("sudo usermod -aG docker \"$USER\"   # then log in again, or run `newgrp docker`")
                .hint("members of the group `docker` are as powerful as root on this machine")
        }
        (_, Error::DockerResponseServerError { status_code, message }) => {
            let failure = Failure::of(
                ids::DOCKER_UNSUITABLE,
                format!("what responds at {host} is not a Docker daemon that we can use"),
            )
            .cause(format!("it responded with status {status_code}: {message}"))
            .cause(named);
            if message.contains("too old") || message.contains("too new") {
                failure.hint("update Docker Engine: https://docs.docker.com/engine/install/")
            } else {
                failure
            }
        }
        (_, Error::JsonDataError { .. } | Error::JsonSerdeError { .. }) => {
            Failure::of(ids::DOCKER_UNSUITABLE, format!("what responds at {host} is not a Docker daemon"))
                .source(error)
                .cause(named)
        }
        _ => {
            let failure = Failure::of(ids::DOCKER_UNREACHABLE, format!("the Docker daemon does not respond at {host}"))
                .cause(reason(error))
                .cause(named);
            match socket {
                Some(_) if cfg!(target_os = "macos") => {
                    failure.hint("start Docker Desktop, or your other Docker: `open -a Docker`")
                }
                Some(_) => failure
                    .hint("sudo systemctl start docker")
                    .hint("where Docker is not installed: https://docs.docker.com/engine/install/"),
                None => failure.hint("check the address, or `unset DOCKER_HOST` to use the daemon of this machine"),
            }
        }
    }
}

/// A call that failed.
pub(super) fn of_call(what: String, error: &Error) -> Failure {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            let failure = Failure::failed(what).cause(message.trim());
            if matches!(status_code, 502..=504) { failure.with_id(ids::DOCKER_LOST).transient() } else { failure }
        }
        Error::DockerStreamError { error } => Failure::failed(what).cause(error.trim()),
        _ => {
            let failure = Failure::failed(what).cause(reason(error));
            if is_lost_connection(error) { failure.with_id(ids::DOCKER_LOST).transient() } else { failure }
        }
    }
}

/// Whether the daemon reports that there is no such object.
pub(super) fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// Whether the daemon says that nothing had to change.
pub(super) fn is_not_modified(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 304, .. })
}

/// Whether the daemon says that something else is in the way, such as the same call of another client.
pub(super) fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 409, .. })
}

/// Whether the daemon says that the container does not run.
pub(super) fn is_not_running(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 409, message } if message.contains("is not running"))
}

/// Whether the daemon says that the container is not paused; it calls that an error of its own.
pub(super) fn is_not_paused(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { message, .. } if message.contains("is not paused"))
}

/// Whether the daemon or the connection to it went away: the same call may work a moment later.
fn is_lost_connection(error: &Error) -> bool {
    matches!(error, Error::HyperLegacyError { .. } | Error::HyperResponseError { .. } | Error::RequestTimeoutError)
        || io_kind(error).is_some()
        || matches!(error, Error::SocketNotFoundError(_))
}

/// The innermost reason: the outer ones say "client error (Connect)".
fn reason(error: &Error) -> String {
    match error {
        Error::SocketNotFoundError(path) => return format!("there is no socket `{path}`"),
        Error::RequestTimeoutError => return "it took too long to respond".into(),
        _ => {}
    }
    let mut innermost = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        innermost = error.to_string();
        next = error.source();
    }
    innermost
}

fn io_kind(error: &Error) -> Option<ErrorKind> {
    if let Error::IOError { err } = error {
        return Some(err.kind());
    }
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}

/// The failure where Docker's default socket is not there.
#[cfg(test)]
pub(crate) fn no_socket() -> Failure {
    let path = "/var/run/docker.sock";
    let endpoint = Endpoint { host: format!("unix://{path}"), origin: "Docker's default".into(), tls: None };
    unreachable(&Error::SocketNotFoundError(path.into()), &endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_not_permitted_is_a_matter_of_the_group() {
        let error = Error::IOError { err: ErrorKind::PermissionDenied.into() };
        let endpoint =
            Endpoint { host: "unix:///var/run/docker.sock".into(), origin: "Docker's default".into(), tls: None };
        let failure = unreachable(&error, &endpoint);
        assert!(failure.message.starts_with("this user may not use the Docker daemon"), "{failure}");
        assert!(failure.hints[0].starts_with("sudo usermod -aG docker"), "{failure:?}");
    }
}
