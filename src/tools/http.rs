//! One HTTP request, with time limits, seen as it is: no redirect is followed, no status is an error.

mod session;

use std::io::Read;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::header::SET_COOKIE;
use ureq::http::{HeaderName, HeaderValue, Method, Request as Wire, Uri};

use crate::error::{Failure, ids};

pub use session::{Session, Sessions};

/// Most bytes of a response that are read.
const MAX_BODY: u64 = 4 << 20;

/// How a URL is written.
const URL_FORM: &str = "write it as `http://HOST:PORT/PATH`";

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// The URL.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Option<Vec<u8>>,
    /// How long it may take, connecting included.
    pub limit: Duration,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its body, up to a limit.
    pub body: Vec<u8>,
    /// The values of its headers `Set-Cookie`.
    pub cookies: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Checks the URL in the setting `setting` before anything is sent; fails with the reason.
pub fn check_url(setting: &str, url: &str) -> Result<(), String> {
    check_address(setting, url, url)
}

/// Checks the path in the setting `setting`.
pub fn check_path(setting: &str, path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err(format!("`{setting}` can't be `{path}`: it begins with `/`"));
    }
    check_address(setting, path, &format!("http://localhost{path}"))
}

/// Checks `url`, which stands in `setting` as `written`.
fn check_address(setting: &str, written: &str, url: &str) -> Result<(), String> {
    let wrong = |why: &str| format!("`{setting}` can't be `{written}`: {why}");
    let uri = url.parse::<Uri>().map_err(|error| wrong(&format!("{error}; {URL_FORM}")))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(wrong(URL_FORM));
    }
    // A port that is no number is left out by the parser.
    let port = uri.authority().and_then(|authority| authority.as_str().rsplit_once(':')).map(|(_, port)| port);
    if port.is_some_and(|port| !port.ends_with(']') && port.parse::<u16>().is_err()) {
        return Err(wrong("its port is no number between 0 and 65535"));
    }
    Ok(())
}

/// Checks the method and the headers of a request before anything is sent.
pub fn check_request<'a>(
    method: &str,
    headers: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<(), String> {
    if method.parse::<Method>().is_err() {
        return Err(format!("`method` can't be `{method}`"));
    }
    for (name, value) in headers {
        if name.parse::<HeaderName>().is_err() {
            return Err(format!("`headers`: the name of a header can't be `{name}`"));
        }
        if HeaderValue::from_str(value).is_err() {
            return Err(format!("`headers`: the value of `{name}` has a character that HTTP does not take"));
        }
    }
    Ok(())
}

/// Sends `request`. It can be abandoned, but not stopped before its time limit.
pub async fn send(request: Request) -> Result<Response, Failure> {
    let line = format!("{} {}", request.method, request.url);
    match tokio::task::spawn_blocking(move || blocking(&request)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(Failure::of(ids::HTTP_FAILED, format!("{line} failed")).source(&error).transient()),
        Err(error) => Err(Failure::bug(format!("{line} failed")).source(&error)),
    }
}

/// Opens what `url` has, through redirects; at most `max` bytes of it are read. Blocks.
pub(in crate::tools) fn open(url: &str, connect: Duration, max: u64) -> Result<impl Read + use<>, Failure> {
    let failed = |error: &ureq::Error| {
        Failure::of(ids::HTTP_FAILED, format!("downloading {url} failed")).source(error).transient()
    };
    let mut config = Agent::config_builder()
        .timeout_connect(Some(connect))
        .timeout_recv_response(Some(connect))
        .user_agent(concat!("provision/", env!("CARGO_PKG_VERSION")));
    if is_local(url) {
        config = config.proxy(None);
    }
    let response = Agent::new_with_config(config.build()).get(url).call().map_err(|error| failed(&error))?;
    Ok(response.into_body().into_with_config().limit(max).reader())
}

fn blocking(request: &Request) -> Result<Response, ureq::Error> {
    let mut config = Agent::config_builder()
        .timeout_global(Some(request.limit))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .allow_non_standard_methods(true)
        .user_agent(concat!("provision/", env!("CARGO_PKG_VERSION")));
    if is_local(&request.url) {
        config = config.proxy(None);
    }
    let agent = Agent::new_with_config(config.build());
    let mut wire = Wire::builder().method(request.method.as_str()).uri(&request.url);
    for (name, value) in &request.headers {
        wire = wire.header(name, value);
    }
    let started = Instant::now();
    let mut response = match &request.body {
        Some(body) => agent.run(wire.body(body.as_slice())?)?,
        None => agent.run(wire.body(())?)?,
    };
    let status = response.status().as_u16();
    let cookies = response.headers().get_all(SET_COOKIE).iter();
    let cookies = cookies.map(|cookie| String::from_utf8_lossy(cookie.as_bytes()).into_owned()).collect();
    let body = response.body_mut().with_config().limit(MAX_BODY).read_to_vec()?;
    Ok(Response { status, body, cookies, took: started.elapsed() })
}

/// Whether a URL is of this machine or its own networks, which no proxy reaches.
fn is_local(url: &str) -> bool {
    let Some(host) = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else {
        return false;
    };
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => matches!(host.rsplit('.').next(), Some("localhost" | "local")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `response` to one connection, after it has read the request. Returns its URL.
    fn server(response: &'static str) -> (String, std::thread::JoinHandle<String>) {
        use std::io::Write;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a?b=c", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = vec![0; 4096];
            let n = stream.read(&mut seen).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
            if response.is_empty() {
                // Holds the connection until the client has left.
                stream.read_to_end(&mut Vec::new()).unwrap();
            }
            String::from_utf8_lossy(&seen[..n]).into_owned()
        });
        (url, thread)
    }

    fn request(url: &str, limit: Duration) -> Request {
        Request { method: "GET".into(), url: url.into(), headers: vec![("x-a".into(), "b".into())], body: None, limit }
    }

    #[tokio::test]
    async fn a_response_is_returned_as_it_is() {
        let (url, seen) = server("HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 4\r\n\r\ngone");
        let response = send(request(&url, Duration::from_secs(20))).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (302, b"gone".as_slice()));
        let seen = seen.join().unwrap();
        assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n") && seen.contains("x-a: b\r\n"), "{seen}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_respond_is_abandoned_after_the_time_limit() {
        let (url, seen) = server("");
        let failure = send(request(&url, Duration::from_millis(200))).await.unwrap_err();
        assert!(failure.transient && failure.to_string().contains("timeout"), "{failure}");
        seen.join().unwrap();
    }

    #[test]
    fn local_hosts_need_no_proxy() {
        for near in ["http://127.0.0.1:80/", "http://localhost/x", "http://192.168.49.2:30000", "http://[::1]:1/"] {
            assert!(is_local(near), "{near}");
        }
        for far in ["http://example.org/", "https://8.8.8.8/", "nonsense"] {
            assert!(!is_local(far), "{far}");
        }
    }
}
