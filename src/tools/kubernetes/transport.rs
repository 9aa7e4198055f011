//! [`transport`]: how requests travel to an API server, over one connection where it speaks HTTP/2.
//!
//! The client of `kube` speaks HTTP/1.1, with a connection and a TLS handshake for each request that is under way at
//! the same time. That costs both sides more than most responses do.

use std::time::{Duration, Instant};

use http::{Request, Uri, header};
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt, RustlsTlsError as Error};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

/// How long a connection with requests under way may be silent until it is checked, and how long the response to that
/// may take: the requests that come next would wait on a dead connection too.
const SILENCE: Duration = Duration::from_secs(4);

/// Returns a client for the API server that `config` names. Where its kubeconfig names a credential plugin, this runs
/// it, and waits for it.
pub(super) fn transport(config: Config) -> kube::Result<Client> {
    // The client of `kube` knows every kind of proxy.
    if config.proxy_url.is_some() {
        return Client::try_from(config);
    }
    let tls = config.rustls_client_config()?;
    let connections = |shared: bool| {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(config.connect_timeout);
        tcp.set_nodelay(true);
        let mut https = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
        if let Some(name) = config.tls_server_name.clone() {
            let name = name.try_into().map_err(|error| kube::Error::RustlsTls(Error::InvalidServerName(error)))?;
            https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
        }
        let https = https.enable_http1();
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(SILENCE)
            .http2_keep_alive_timeout(SILENCE)
            .build(if shared { https.enable_http2().wrap_connector(tcp) } else { https.wrap_connector(tcp) });
        Ok::<_, kube::Error>(client)
    };
    let (single, shared) = (connections(false)?, connections(true)?);
    let send = tower::service_fn(move |request: Request<Body>| {
        // Another protocol takes over the connection: HTTP/2 has no such thing.
        let is_upgrade = request.headers().contains_key(header::UPGRADE);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let sent = if is_upgrade { single.request(request) } else { shared.request(request) };
        let started = Instant::now();
        async move {
            let response = sent.await;
            // What the message needs is only made where it is written.
            tracing::debug!(
                "{method} {}: {} after {} ms",
                without_secrets(&uri, is_upgrade),
                response.as_ref().map_or_else(ToString::to_string, |response| response.status().to_string()),
                started.elapsed().as_millis()
            );
            response
        }
    });
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(send);
    Ok(Client::new(service, config.default_namespace))
}

/// Returns what a request asks for, as a log may have it: the query of an exec is a command line, and that of a request
/// to a pod or a Service is the user's.
fn without_secrets(uri: &Uri, is_upgrade: bool) -> String {
    let is_users = is_upgrade || uri.path().contains("/proxy");
    let whole = uri.path_and_query().filter(|_| !is_users);
    whole.map_or_else(|| uri.path().to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_no_query_that_may_hold_a_secret() {
        for (uri, is_upgrade, expected) in [
            ("https://h/api/v1/pods?limit=5", false, "/api/v1/pods?limit=5"),
            (
                "https://h/api/v1/namespaces/a/pods/p/exec?command=psql&command=s3cret",
                true,
                "/api/v1/namespaces/a/pods/p/exec",
            ),
            (
                "https://h/api/v1/namespaces/a/pods/p:80/proxy/x?key=s3cret",
                false,
                "/api/v1/namespaces/a/pods/p:80/proxy/x",
            ),
        ] {
            assert_eq!(without_secrets(&uri.parse().unwrap(), is_upgrade), expected);
        }
    }
}
