//! One request on a connection of its own, seen as a client sees it.

use std::any::Any;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

use crate::tools::pause;

/// How long opening a connection may take. The time that a response may take begins after that.
pub(super) const OPENING: Duration = Duration::from_secs(10);

/// How long a route may take to say why it has closed a connection.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What bytes go through.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to the server that is asked.
pub struct Connection {
    /// Its bytes.
    pub stream: Box<dyn Stream>,
    /// What the route says of a connection that could not be made or was closed, if it says anything.
    pub said: Option<BoxFuture<'static, Option<String>>>,
    /// Kept as long as the connection.
    pub guard: Box<dyn Any + Send>,
}

/// Where requests go to.
pub trait Route: Send + Sync {
    /// Opens a connection for one request: none is used again, because a client's first one has to succeed too. Fails
    /// if nothing could be sent for a reason that says nothing of what answers.
    fn open(&self) -> BoxFuture<'_, Result<Connection, String>>;

    /// Returns what stands behind the route at this moment, for a request that has just failed.
    fn situation(&self) -> BoxFuture<'_, Option<String>>;
}

/// A request that changes nothing: a `GET`.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The path with its query.
    pub path: String,
    /// The host that it names.
    pub host: String,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// The statuses of a response that succeeds.
    pub statuses: Vec<u16>,
    /// The header of a response that names the pod, where the application sends one.
    pub pod_header: Option<String>,
    /// How long a response may take, to its last byte.
    pub limit: Duration,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The whole response was there in time, with a status that was asked for. The pod, if the response names it.
    Good(Option<String>),
    /// There was no such response; says why.
    Bad(String),
    /// It was not sent, which says nothing of what answers; says why.
    Unsent(String),
}

/// Sends one request on a new connection.
pub async fn ask(route: &dyn Route, ask: &Ask) -> Reply {
    ask_if_free(route, ask, &Semaphore::new(1)).await
}

/// The same, unless all of `openings` are taken: a way that is busy already does not get better by more connections.
pub(super) async fn ask_if_free(route: &dyn Route, ask: &Ask, openings: &Semaphore) -> Reply {
    let Ok(opening) = openings.try_acquire() else {
        return Reply::Unsent("too many connections are being opened already".to_owned());
    };
    let connection = match pause::timeout(OPENING, route.open()).await {
        Some(Ok(connection)) => connection,
        Some(Err(why)) => return Reply::Unsent(why),
        None => return Reply::Unsent(format!("no connection was opened within {OPENING:?}")),
    };
    drop(opening);
    let Connection { stream, said, guard } = connection;
    let reply = match pause::timeout(ask.limit, exchange(stream, ask)).await {
        Some(Ok(reply)) => reply,
        Some(Err(why)) => {
            let told = match said {
                Some(said) => pause::timeout(LAST_WORDS, said).await.flatten(),
                None => None,
            };
            Reply::Bad(told.unwrap_or(why))
        }
        None => Reply::Bad(format!("no response within {:?}", ask.limit)),
    };
    drop(guard);
    reply
}

async fn exchange(stream: Box<dyn Stream>, ask: &Ask) -> Result<Reply, String> {
    let mut request = http::Request::get(&ask.path).header("host", &ask.host).header("connection", "close");
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| innermost(&error))?;
    let response = async {
        let response = sender.send_request(request).await?;
        let (head, mut body) = response.into_parts();
        // A response that breaks off is none.
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok::<_, hyper::Error>(head)
    };
    let head = match select(pin!(response), pin!(connection)).await {
        Either::Left((head, _)) => head,
        Either::Right((_, response)) => response.await,
    };
    let head = head.map_err(|error| innermost(&error))?;
    let status = head.status.as_u16();
    let pod = ask.pod_header.as_ref().and_then(|name| head.headers.get(name)?.to_str().ok()).map(str::to_owned);
    Ok(if ask.statuses.contains(&status) {
        Reply::Good(pod)
    } else {
        let by = pod.map(|pod| format!(" by the pod {pod}")).unwrap_or_default();
        Reply::Bad(format!("status {status}{by}"))
    })
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
