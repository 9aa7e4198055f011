//! Tests of the requests against a local server whose responses are written beforehand.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What a server does with one connection.
#[derive(Clone, Copy)]
enum Act {
    Answer(&'static str),
    /// Closes it without a response.
    HangUp,
    /// Never answers.
    Hang,
}

const OK: Act = Act::Answer("HTTP/1.1 200 OK\r\nX-Pod: web-1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
const BROKEN_OFF: Act = Act::Answer("HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\nok");
const ERROR: Act = Act::Answer("HTTP/1.1 503 Away\r\nX-Pod: web-2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

/// A route to a server that does with the n-th connection what `script` says; with the ones after it the last of it.
struct Local {
    address: SocketAddr,
    /// From this connection on, none is opened.
    blocked_from: usize,
    opened: AtomicUsize,
}

async fn local(script: &'static [Act]) -> Arc<Local> {
    local_blocked(script, usize::MAX).await
}

async fn local_blocked(script: &'static [Act], blocked_from: usize) -> Arc<Local> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut acts = script.iter().copied();
        let mut act = OK;
        while let Ok((mut stream, _)) = listener.accept().await {
            act = acts.next().unwrap_or(act);
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let n = stream.read(&mut head).await.unwrap();
                assert!(String::from_utf8_lossy(&head[..n]).contains("connection: close"));
                match act {
                    Act::Answer(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                    Act::HangUp => {}
                    Act::Hang => std::future::pending().await,
                }
            });
        }
    });
    Arc::new(Local { address, blocked_from, opened: AtomicUsize::new(0) })
}

impl Route for Local {
    fn open(&self) -> BoxFuture<'_, Result<Connection, String>> {
        Box::pin(async {
            if self.opened.fetch_add(1, Ordering::SeqCst) >= self.blocked_from {
                return Err("no way".to_owned());
            }
            let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
            Ok(Connection { stream: Box::new(stream), said: None, guard: Box::new(()) })
        })
    }

    fn situation(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(async { Some("web-1 is leaving".to_owned()) })
    }
}

fn request() -> Ask {
    Ask {
        path: "/a?b=c".into(),
        host: "web".into(),
        headers: BTreeMap::new(),
        statuses: vec![200],
        pod_header: Some("x-pod".into()),
        limit: Duration::from_millis(300),
    }
}

/// Sends requests until `done` holds of what has failed so far, and a moment longer.
async fn until(route: Arc<Local>, n_requests: usize) -> Tally {
    let opened = Arc::clone(&route);
    let mut traffic = Traffic::start(route, request(), 100);
    while opened.opened.load(Ordering::SeqCst) < n_requests {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    traffic.stop().await
}

#[tokio::test]
async fn every_way_to_fail_is_a_failed_request_and_says_which() {
    let cases = [
        (OK, Reply::Good(Some("web-1".into()))),
        (ERROR, Reply::Bad("status 503 by the pod web-2".into())),
        (Act::HangUp, Reply::Bad("connection closed before message completed".into())),
        (BROKEN_OFF, Reply::Bad("end of file before message length reached".into())),
        (Act::Hang, Reply::Bad("no response within 300ms".into())),
    ];
    for (act, expected) in cases {
        let script: &'static [Act] = Box::leak(Box::new([act]));
        assert_eq!(ask(&*local(script).await, &request()).await, expected);
    }
    assert_eq!(ask(&*local_blocked(&[OK], 0).await, &request()).await, Reply::Unsent("no way".into()));
}

#[tokio::test]
async fn each_request_is_counted_once_and_the_failed_ones_are_kept() {
    let tally = until(local(&[OK, ERROR, OK, Act::HangUp, OK]).await, 12).await;
    assert_eq!((tally.failed, tally.unsent), (2, 0), "{tally:?}");
    assert!(tally.total >= 12, "{tally:?}");
    assert_eq!(tally.by_pod, BTreeMap::from([("web-1".to_owned(), tally.total - 2)]));
    let said = lines(&tally.failures);
    assert!(said[0].starts_with("request 2 at 0.") && said[0].ends_with("web-2; then: web-1 is leaving"), "{said:?}");
    assert!(said[1].starts_with("request 4 at 0.") && said[1].ends_with("completed"), "{said:?}");
}

#[tokio::test]
async fn a_service_that_hangs_is_asked_on_and_fails_each_time() {
    let tally = until(local(&[OK, Act::Hang]).await, 20).await;
    assert_eq!(tally.failed, tally.total - 1, "{tally:?}");
    assert!(tally.failures.iter().all(|failure| failure.why == "no response within 300ms"), "{tally:?}");
}

#[tokio::test]
async fn what_could_not_be_sent_is_no_failure_and_leaves_a_gap() {
    let tally = until(local_blocked(&[OK], 5).await, 40).await;
    assert_eq!((tally.total, tally.failed), (5, 0), "{tally:?}");
    assert!(tally.unsent >= 35 && tally.why_unsent.as_deref() == Some("no way"), "{tally:?}");
    assert!(tally.longest_gap >= Duration::from_millis(300), "{tally:?}");
}

#[tokio::test]
async fn a_way_that_is_busy_is_not_made_busier() {
    let route = local(&[OK]).await;
    let openings = Semaphore::new(1);
    let taken = openings.try_acquire().unwrap();
    let reply = ask_if_free(&*route, &request(), &openings).await;
    assert_eq!(reply, Reply::Unsent("too many connections are being opened already".into()));
    assert_eq!(route.opened.load(Ordering::SeqCst), 0);
    drop(taken);
    assert!(matches!(ask_if_free(&*route, &request(), &openings).await, Reply::Good(_)));
    assert_eq!(openings.available_permits(), 1);
}

#[tokio::test]
async fn news_are_told_once() {
    let mut traffic = Traffic::start(local(&[ERROR, OK]).await, request(), 100);
    let mut news = Vec::new();
    while news.is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
        news = traffic.take_news();
    }
    assert_eq!((news.len(), traffic.take_news()), (1, Vec::new()));
    assert_eq!(traffic.stop().await.failed, 1);
}

#[test]
fn a_gap_is_found_in_whatever_order_requests_end() {
    let ms = |numbers: &[u64]| numbers.iter().map(|n| Duration::from_millis(*n)).collect::<Vec<_>>();
    for (sent, end, expected) in [
        (&[][..], 70, 70),
        (&[10, 20, 30], 40, 10),
        (&[30, 10, 20], 90, 60),
        (&[50, 60], 70, 50),
        (&[0, 40, 10], 45, 30),
    ] {
        assert_eq!(longest_gap(&ms(sent), Duration::from_millis(end)), Duration::from_millis(expected), "{sent:?}");
    }
}

#[tokio::test]
async fn every_failed_request_is_news_and_the_first_ones_are_kept() {
    let traffic = Traffic::start(local(&[OK]).await, request(), 1);
    let mut heard = Vec::new();
    let last = KEPT as u64 + 120;
    for number in 1..=last {
        let reply = Reply::Bad("status 503".into());
        lock(&traffic.counts).add(number, Duration::from_millis(number), Duration::ZERO, reply, None);
        if number % 50 == 0 {
            heard.extend(traffic.take_news());
        }
    }
    heard.extend(traffic.take_news());
    assert_eq!(heard.iter().map(|failed| failed.number).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    let counts = lock(&traffic.counts);
    assert_eq!((counts.tally.failed, counts.tally.failures.len()), (last, KEPT));
    assert_eq!(counts.news, []);
}
