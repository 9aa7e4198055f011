//! [`taking_turns`]: requests to an API server, a few at a time; those that wait for the same are sent as one.
//!
//! Many steps are checked at once, and what they read is often the same. A request that reads something and waits for
//! its turn serves everybody who asks for that in the meantime: it is sent after all of them have asked, so that nobody
//! gets an older answer than one of their own would be. Once it is on its way it serves nobody else.
//!
//! A command that changes nothing, such as `plan`, sees the cluster at one moment: there a response serves all who read
//! the same within [`SHARED_FOR`].

use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use tokio::sync::Semaphore;

use crate::tools::memo::SHARED_FOR;

/// How many requests are under way at a time, as long as each has a connection of its own: to make one costs both sides
/// more than most responses do.
const MAX_REQUESTS: usize = 6;

/// The same for a command that reads each thing once: fewer requests wait, so that more connections do not pay.
const MAX_READS: usize = 3;

/// The same where all share one connection: an API server lets that have 100, and its own limits count for more.
const MAX_SHARING: usize = 24;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A response, or why there is none, for all who wait for it.
type Outcome = Result<Response<Bytes>, Arc<kube::Error>>;

type Reading = BoxFuture<'static, Outcome>;

/// What makes two requests the same one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    uri: http::Uri,
    /// Decides whether whole objects or only their metadata arrive.
    accept: Option<header::HeaderValue>,
}

/// The requests of one client.
struct Turns {
    client: Client,
    permits: Semaphore,
    /// Whether all requests share one connection: a response has said so.
    is_shared: AtomicBool,
    /// What waits for its turn, as long as somebody waits for it.
    waiting: Mutex<HashMap<Key, WeakShared<Reading>>>,
    /// What was read lately; only where nothing is changed.
    kept: Option<Mutex<Kept>>,
}

/// Responses, each with the time when it was asked for.
type Kept = HashMap<Key, (Instant, Response<Bytes>)>;

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To change something, and to see what has become of it.
    Change,
    /// To see everything as it is at one moment.
    Inspect,
}

/// Returns `client` with its requests taking turns.
pub(super) fn taking_turns(client: Client, purpose: Purpose) -> Client {
    let namespace = client.default_namespace().to_owned();
    let permits = Semaphore::new(if purpose == Purpose::Inspect { MAX_READS } else { MAX_REQUESTS });
    let kept = (purpose == Purpose::Inspect).then(Mutex::default);
    let turns = Arc::new(Turns { client, permits, is_shared: AtomicBool::new(false), waiting: Mutex::default(), kept });
    Client::new(tower::service_fn(move |request| Arc::clone(&turns).send(request)), namespace)
}

impl Turns {
    fn send(self: Arc<Self>, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, Failed>> {
        if stays_open(&request) {
            return Box::pin(async move { Ok(self.client.send(request).await?) });
        }
        if request.method() != Method::GET || is_for_a_pod(&request) {
            return Box::pin(async move {
                let _turn = self.permits.acquire().await?;
                Ok(self.client.send(request).await?)
            });
        }
        let reading = self.reading(request.into_parts().0);
        Box::pin(reading.map(|outcome| match outcome {
            Ok(response) => Ok(response.map(Body::from)),
            Err(error) => Err(Arc::try_unwrap(error).map_or_else(Failed::from, Failed::from)),
        }))
    }

    /// Returns the request that waits for its turn and reads the same, or a new one.
    fn reading(self: Arc<Self>, parts: Parts) -> Shared<Reading> {
        let key = Key { uri: parts.uri.clone(), accept: parts.headers.get(header::ACCEPT).cloned() };
        let turns = Arc::clone(&self);
        let mut waiting = locked(&turns.waiting);
        if let Some(same) = waiting.get(&key).and_then(WeakShared::upgrade) {
            return same;
        }
        if let Some(response) = turns.kept.as_ref().and_then(|kept| kept_response(&mut locked(kept), &key)) {
            return (Box::pin(ready(Ok(response))) as Reading).shared();
        }
        let sent = key.clone();
        let reading: Reading = Box::pin(async move {
            let _turn = self.permits.acquire().await;
            // What others are about to ask for in this moment joins.
            tokio::task::yield_now().await;
            let Some(kept) = &self.kept else {
                locked(&self.waiting).remove(&sent);
                return self.read(parts).await.map_err(Arc::new);
            };
            let asked = Instant::now();
            let outcome = self.read(parts).await;
            let mut waiting = locked(&self.waiting);
            // One that failed is sent again.
            if let Ok(response) = &outcome
                && !response.status().is_server_error()
                && response.status() != StatusCode::TOO_MANY_REQUESTS
            {
                locked(kept).insert(sent.clone(), (asked, response.clone()));
            }
            waiting.remove(&sent);
            outcome.map_err(Arc::new)
        });
        let reading = reading.shared();
        // Nobody has polled it, so that it is not over.
        waiting.extend(reading.downgrade().map(|weak| (key, weak)));
        reading
    }

    async fn read(&self, parts: Parts) -> kube::Result<Response<Bytes>> {
        let (parts, body) = self.client.send(Request::from_parts(parts, Body::empty())).await?.into_parts();
        if parts.version == Version::HTTP_2 && !self.is_shared.swap(true, Ordering::Relaxed) {
            self.permits.add_permits(MAX_SHARING - MAX_REQUESTS);
        }
        let mut response = Response::new(body.collect().await?.to_bytes());
        (*response.status_mut(), *response.headers_mut()) = (parts.status, parts.headers);
        Ok(response)
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the response to what was asked for at most [`SHARED_FOR`] ago, and drops the others.
fn kept_response(kept: &mut Kept, key: &Key) -> Option<Response<Bytes>> {
    kept.retain(|_, (asked, _)| asked.elapsed() < SHARED_FOR);
    kept.get(key).map(|(_, response)| response.clone())
}

/// Whether the response goes on for as long as somebody reads it: it takes no turn.
fn stays_open(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let follows = query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1" | "follow=true" | "follow=1"));
    follows || request.headers().contains_key(header::UPGRADE)
}

/// Whether a pod responds, as often as it is asked and at any length.
fn is_for_a_pod(request: &Request<Body>) -> bool {
    let mut parts = request.uri().path().split('/');
    parts.nth(5) == Some("pods") && parts.nth(1) == Some("proxy")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn client(port: u16, purpose: Purpose) -> Client {
        let mut config = kube::Config::new(format!("http://127.0.0.1:{port}").parse().unwrap());
        config.default_retry = false;
        taking_turns(Client::try_from(config).unwrap(), purpose)
    }

    async fn get(client: &Client, path: &str) -> kube::Result<String> {
        client.request_text(Request::get(path).body(Vec::new()).unwrap()).await
    }

    /// A server whose nth response, counted from 0, is n, once it is released.
    async fn held_back(purpose: Purpose) -> (Client, UnboundedReceiver<tokio::sync::oneshot::Sender<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(listener.local_addr().unwrap().port(), purpose);
        let (arrived, arrivals) = unbounded_channel();
        tokio::spawn(async move {
            for n in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (release, released) = tokio::sync::oneshot::channel();
                let arrived = arrived.clone();
                tokio::spawn(async move {
                    let _head = stream.read(&mut [0; 4096]).await.unwrap();
                    arrived.send(release).unwrap();
                    released.await.unwrap();
                    let status = if n == 0 && purpose == Purpose::Inspect { "503 Busy" } else { "200 OK" };
                    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
                    let text = n.to_string();
                    let response = format!("{head}content-length: {}\r\n\r\n{text}", text.len());
                    stream.write_all(response.as_bytes()).await.unwrap();
                });
            }
        });
        (client, arrivals)
    }

    #[tokio::test]
    async fn what_is_asked_for_at_once_is_read_once_and_later_again() {
        let n_requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&n_requests);
        let kube = crate::tools::kubernetes::fake_api::serve(move |_| {
            (
                200,
                json!({"kind": "Namespace", "metadata": {"uid": counted.fetch_add(1, Ordering::Relaxed).to_string()}}),
            )
        });
        let kube = kube.await;
        for burst in 0..3 {
            let found = join_all((0..20).map(|_| kube.uid())).await;
            assert!(found.iter().all(|uid| uid.as_ref().unwrap() == &burst.to_string()), "{found:?}");
        }
        assert_eq!(n_requests.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_request_that_is_on_its_way_serves_nobody_who_asks_afterwards() {
        let (client, mut arrivals) = held_back(Purpose::Change).await;
        let first = tokio::spawn({
            let client = client.clone();
            async move { get(&client, "/a").await }
        });
        let release_first = arrivals.recv().await.unwrap();
        let second = tokio::spawn(async move { get(&client, "/a").await });
        let release_second = arrivals.recv().await.expect("the second request was sent before the first was answered");
        release_second.send(()).unwrap();
        release_first.send(()).unwrap();
        assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap().unwrap()), ("0".into(), "1".into()));
    }

    #[tokio::test]
    async fn where_nothing_is_changed_a_response_serves_for_a_moment_and_a_failure_does_not() {
        // The first response is that the server is busy.
        let (client, mut arrivals) = held_back(Purpose::Inspect).await;
        let ask = |path: &'static str| {
            let client = client.clone();
            tokio::spawn(async move { get(&client, path).await })
        };
        let busy = ask("/a");
        arrivals.recv().await.unwrap().send(()).unwrap();
        assert!(busy.await.unwrap().is_err());
        let first = ask("/a");
        let release = arrivals.recv().await.expect("a failure was kept");
        // On its way, it serves those who ask now.
        let second = ask("/a");
        tokio::task::yield_now().await;
        release.send(()).unwrap();
        for asked in [first, second, ask("/a")] {
            assert_eq!(asked.await.unwrap().unwrap(), "1");
        }
        assert!(arrivals.is_empty());
        tokio::time::sleep(SHARED_FOR).await;
        let later = ask("/a");
        arrivals.recv().await.unwrap().send(()).unwrap();
        assert_eq!(later.await.unwrap().unwrap(), "2");
    }

    #[tokio::test]
    async fn a_few_are_under_way_and_one_that_nobody_waits_for_any_more_takes_no_turn() {
        let (client, mut arrivals) = held_back(Purpose::Change).await;
        let ask = |path: String| {
            let client = client.clone();
            tokio::spawn(async move { get(&client, &path).await })
        };
        let under_way: Vec<_> = (0..MAX_REQUESTS).map(|n| ask(format!("/{n}"))).collect();
        let mut releases = Vec::new();
        for _ in 0..MAX_REQUESTS {
            releases.push(arrivals.recv().await.unwrap());
        }
        let [given_up, last] = ["/given-up", "/last"].map(|path| ask(path.to_owned()));
        tokio::task::yield_now().await;
        assert!(arrivals.is_empty(), "more than {MAX_REQUESTS} requests are under way");
        given_up.abort();
        releases.remove(0).send(()).unwrap();
        releases.push(arrivals.recv().await.unwrap());
        for release in releases {
            release.send(()).unwrap();
        }
        for asked in under_way.into_iter().chain([last]) {
            asked.await.unwrap().unwrap();
        }
        assert!(given_up.await.unwrap_err().is_cancelled());
    }

    #[tokio::test]
    async fn who_waits_together_learns_together_why_there_is_no_answer() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let client = client(port, Purpose::Change);
        for outcome in join_all((0..3).map(|_| get(&client, "/a"))).await {
            let error = outcome.unwrap_err();
            assert!(matches!(error, kube::Error::Service(_)), "{error:?}");
        }
    }
}
