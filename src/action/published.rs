//! [`PublishedPort`]: a container's port on this machine, and what it answers.

use std::time::Duration;

use super::StepContext;
use super::response::{Expected, unexpected};
use crate::error::{Failure, ids};
use crate::tools::docker::{Container, Endpoint};
use crate::tools::http::{self, Request, Response};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(10);

/// A port of a container that the daemon publishes.
#[derive(Clone, Copy, Debug)]
pub struct PublishedPort<'a> {
    /// What messages call the container.
    pub subject: &'a str,
    /// The container.
    pub container: &'a Container,
    /// Its own port.
    pub port: u16,
    /// Where the daemon is.
    pub endpoint: &'a Endpoint,
}

impl PublishedPort<'_> {
    /// Asks once for `path`, and judges the response.
    pub async fn ask(&self, cx: &StepContext, path: &str, expected: Expected<'_>) -> Result<Response, Failure> {
        let Self { subject, container, port, endpoint } = *self;
        let Some(outer) = container.ports.get(&port) else {
            return Err(Failure::of(ids::HTTP_FAILED, format!("the port {port} of `{subject}` is not published")));
        };
        let request = Request {
            method: "GET".to_owned(),
            url: format!("http://127.0.0.1:{outer}{path}"),
            headers: Vec::new(),
            body: None,
            limit: REQUEST,
        };
        let response = http::send(request).await.map_err(|failure| {
            let failure = Failure { message: format!("`{subject}` does not respond at its port {port}"), ..failure };
            if endpoint.is_on_this_machine() {
                return failure;
            }
            failure.cause(format!(
                "the daemon at {} is on another machine, and the port is published there",
                endpoint.host
            ))
        })?;
        expected.judge(&response).map_err(|why| {
            let message = format!("GET {path} of `{subject}` at its port {port} {why}");
            unexpected(message, &response, cx.tools().redactor())
        })?;
        Ok(response)
    }
}
