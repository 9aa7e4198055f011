//! What a real daemon does too seldom: answers that are cut, split, refused, or not Docker's at all.

#![expect(clippy::unwrap_used, reason = "what helps a test fails as the test does")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use provision::error::{Failure, FailureKind};
use provision::tools::docker::{BuildContext, BuildRequest, Docker, Endpoint, Image, Stdin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

const ID: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// What the daemon sends to one kind of request: pieces with a pause between them, then the connection's end.
type Script = Arc<dyn Fn(&str) -> Vec<Vec<u8>> + Send + Sync>;

/// Serves each connection one request.
fn serve(socket: &Path, script: Script) {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&script)));
        }
    });
}

async fn answer(mut stream: UnixStream, script: Script) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let line = head.lines().next().unwrap().to_owned();
    let length = head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    if stream.read_exact(&mut vec![0; length.unwrap_or(0)]).await.is_err() {
        return;
    }
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        let mut body = Vec::new();
        while !body.ends_with(b"\r\n0\r\n\r\n") {
            if stream.read_buf(&mut body).await.unwrap_or(0) == 0 {
                return;
            }
        }
    }
    for (n, piece) in script(&line).into_iter().enumerate() {
        if n > 0 {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        if stream.write_all(&piece).await.is_err() {
            return;
        }
    }
}

fn json(body: &str) -> Vec<Vec<u8>> {
    let length = body.len();
    vec![
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .into_bytes(),
    ]
}

fn error(status: &str, message: &str) -> Vec<Vec<u8>> {
    let body = format!("{{\"message\":\"{message}\"}}");
    vec![
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    ]
}

/// A chunked answer of these pieces; `whole` says whether its end is sent too.
fn chunked(pieces: &[&str], whole: bool) -> Vec<Vec<u8>> {
    let mut all = vec![b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".to_vec()];
    for piece in pieces {
        all.push(format!("{:x}\r\n{piece}\r\n", piece.len()).into_bytes());
    }
    if whole {
        all.push(b"0\r\n\r\n".to_vec());
    }
    all
}

const VERSION: &str = r#"{"Version":"29.9.0","ApiVersion":"1.60","MinAPIVersion":"1.44","Os":"linux","Arch":"amd64"}"#;

fn endpoint(socket: &Path) -> Endpoint {
    Endpoint { host: format!("unix://{}", socket.display()), origin: "the test".into(), tls: None }
}

/// Builds with a daemon that answers `/build` with `build` and then has the image or not.
async fn build(build: Vec<Vec<u8>>, has_image: bool) -> Result<Image, Failure> {
    let dir = tempfile::tempdir().unwrap();
    fs_err::write(dir.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let socket = dir.path().join("docker.sock");
    let context_dir = dir.path().join("context");
    fs_err::create_dir(&context_dir).unwrap();
    fs_err::write(context_dir.join("Dockerfile"), "FROM scratch\n").unwrap();
    serve(
        &socket,
        Arc::new(move |line: &str| match line.split(' ').nth(1).unwrap_or_default() {
            path if path.starts_with("/version") => json(VERSION),
            path if path.ends_with("/_ping") => json("OK"),
            path if path.starts_with("/build") => build.clone(),
            path if path.starts_with("/images/") && has_image => {
                json(&format!("{{\"Id\":\"{ID}\",\"Size\":5,\"Architecture\":\"amd64\"}}"))
            }
            // No image, and no `/session` and `/grpc` either: newer daemons are about to lose them.
            _ => error("404 Not Found", "page not found"),
        }),
    );
    let docker = Docker::connect_to(endpoint(&socket)).await.unwrap();
    let context = BuildContext::open(&context_dir, &context_dir.join("Dockerfile")).unwrap();
    let request = BuildRequest {
        tag: "x:1".into(),
        dockerfile: "Dockerfile".into(),
        what: "building `x`".into(),
        ..BuildRequest::default()
    };
    docker.build(&request, context.stream(), &|_| {}).await
}

fn aux() -> String {
    format!("{{\"id\":\"moby.image.id\",\"aux\":{{\"ID\":\"{ID}\"}}}}")
}

#[tokio::test]
async fn lines_split_anywhere_are_no_failure_and_neither_are_missing_sessions() {
    let aux = aux();
    let (first, rest) = aux.split_at(20);
    for pieces in [
        vec![aux.as_str(), "\r\n"],
        vec![first, rest, "\r", "\n"],
        vec!["{\"stream\":\"a\"}\r\n{\"stream\":\"b\"}", "\r\n", &aux, "\r\n{\"stream\":\"c\"}", "\r\n"],
    ] {
        let image = build(chunked(&pieces, true), true).await.unwrap();
        assert_eq!(image.id, ID, "{pieces:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_a_look_at_the_image() {
    // The daemon went away before it told the id, and came back with the image.
    assert_eq!(build(chunked(&["{\"stream\":\"a\"}\r\n"], false), true).await.unwrap().id, ID);
    let failure = build(chunked(&["{\"stream\":\"a\"}\r\n"], false), false).await.unwrap_err();
    assert!(failure.transient, "{failure:?}");
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Failed, "building `x`"));
    // Its end was in order, and there is nothing to show for it.
    let failure = build(chunked(&["{\"stream\":\"a\"}\r\n"], true), false).await.unwrap_err();
    assert!(!failure.transient, "{failure:?}");
    let other = aux().replace("aaaa", "bbbb");
    let failure = build(chunked(&[&other, "\r\n"], true), true).await.unwrap_err();
    assert!(failure.to_string().contains("the build reported the id sha256:bbbb"), "{failure}");
}

#[tokio::test]
async fn a_failed_build_is_told_in_the_daemons_words() {
    let text = "{\"errorDetail\":{\"message\":\"dockerfile parse error line 3\"},\"error\":\"dockerfile parse error line 3\"}\r\n";
    let failure = build(chunked(&[text], true), false).await.unwrap_err();
    assert_eq!(failure.to_string(), "building `x`: dockerfile parse error line 3");
    let failure = build(error("400 Bad Request", "invalid platform"), false).await.unwrap_err();
    assert_eq!(failure.to_string(), "building `x`: invalid platform");
}

#[tokio::test]
async fn an_archive_that_breaks_off_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    serve(
        &socket,
        Arc::new(|line: &str| if line.contains("/_ping") { json("OK") } else { chunked(&["some bytes"], false) }),
    );
    let docker = Docker::connect_to(endpoint(&socket)).await.unwrap();
    let mut archive = docker.export("x:1");
    assert_eq!(archive.next().await.unwrap().unwrap(), "some bytes");
    let failure = archive.next().await.unwrap().unwrap_err();
    assert_eq!(failure.message, "reading the image `x:1` from the Docker daemon");
    assert!(archive.next().await.is_none());
}

#[tokio::test]
async fn who_does_not_answer_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let nobody = Docker::connect_to(endpoint(&socket)).await.unwrap_err();
    assert_eq!(nobody.kind, FailureKind::Prerequisite);
    assert!(nobody.to_string().contains("there is no socket `"), "{nobody}");
    assert!(!nobody.hints.is_empty());

    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let refused = Docker::connect_to(endpoint(&socket)).await.unwrap_err();
    assert!(refused.to_string().contains("refused"), "{refused}");
    assert!(refused.to_string().contains("the test names unix://"), "{refused}");

    fs_err::remove_file(&socket).unwrap();
    serve(
        &socket,
        Arc::new(|_: &str| {
            error("400 Bad Request", "client version 1.52 is too new. Maximum supported API version is 1.20")
        }),
    );
    let old = Docker::connect_to(endpoint(&socket)).await.unwrap_err();
    assert!(old.hints[0].contains("update Docker Engine"), "{old:?}");

    fs_err::remove_file(&socket).unwrap();
    serve(&socket, Arc::new(|_: &str| json("{\"hello\":\"world\"}")));
    let stranger = Docker::connect_to(endpoint(&socket)).await.unwrap_err();
    assert!(stranger.message.ends_with("is not a Docker daemon"), "{stranger}");
    assert_eq!(stranger.causes[0], r#"it responds to a ping with "{\"hello\":\"world\"}""#);
    assert!(stranger.causes[1].starts_with("the test names unix://"), "{stranger}");

    let ssh = Endpoint { host: "ssh://lab".into(), ..endpoint(&socket) };
    assert!(Docker::connect_to(ssh).await.unwrap_err().hints[0].contains("ssh -nNT"));
}

/// One whose containerd hangs still responds to a ping, and to nothing else.
#[tokio::test]
async fn a_daemon_that_responds_to_pings_alone_is_one_that_does_not_respond() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    serve(
        &socket,
        Arc::new(|line: &str| match line.split(' ').nth(1).unwrap_or_default() {
            path if path.ends_with("/_ping") => json("OK"),
            path if path.starts_with("/version") => error("503 Service Unavailable", "containerd is away"),
            // Nothing for half a minute.
            _ => vec![Vec::new(); 1000],
        }),
    );
    let docker = Docker::connect_to(endpoint(&socket)).await.unwrap();
    let failure = docker.image("x:1").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Prerequisite, "{failure}");
    assert!(failure.to_string().contains("containerd is away"), "{failure}");
}

/// The size that counts of an image whose inspection also has `extra`.
async fn unpacked_size(extra: &'static str) -> u64 {
    const LAYER: &str = r#"{"Id":"x","Created":0,"CreatedBy":"x","Tags":[],"Size":SIZE,"Comment":""}"#;
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    serve(
        &socket,
        Arc::new(move |line: &str| match line.split(' ').nth(1).unwrap_or_default() {
            path if path.starts_with("/version") => json(VERSION),
            path if path.ends_with("/_ping") => json("OK"),
            path if path.ends_with("/history") => {
                json(&format!("[{}]", ["100", "0", "200"].map(|size| LAYER.replace("SIZE", size)).join(",")))
            }
            _ => json(&format!("{{\"Id\":\"{ID}\",\"Size\":900{extra}}}")),
        }),
    );
    let docker = Docker::connect_to(endpoint(&socket)).await.unwrap();
    let image = docker.image("x:1").await.unwrap().unwrap();
    docker.unpacked_size(&image).await.unwrap()
}

#[tokio::test]
async fn f98_compressed_layers_do_not_count_for_the_size_of_an_image() {
    let descriptor = r#","Descriptor":{"mediaType":"m","digest":"sha256:aa","size":5}"#;
    assert_eq!(unpacked_size(descriptor).await, 300);
    // A daemon without containerd's store reports the unpacked layers.
    assert_eq!(unpacked_size("").await, 900);
}

/// Runs a program in a container. All that it prints is there at once, and so is the end of the connection; the daemon
/// knows its end at the second question, and its exit code at the third.
async fn exec(stdin: Option<Stdin>) -> Result<Vec<u8>, Failure> {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let n_asked = AtomicUsize::new(0);
    let printed = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n\
        Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n\x01\0\0\0\0\0\0\x05image";
    serve(
        &socket,
        Arc::new(move |line: &str| match line.split(' ').nth(1).unwrap_or_default() {
            path if path.starts_with("/version") => json(VERSION),
            path if path.ends_with("/_ping") => json("OK"),
            path if path.ends_with("/containers/node/exec") => json("{\"Id\":\"e1\"}"),
            path if path.ends_with("/exec/e1/start") => vec![printed.to_vec()],
            path if path.ends_with("/exec/e1/json") => json(match n_asked.fetch_add(1, Ordering::Relaxed) {
                0 => "{\"ID\":\"e1\",\"Running\":true,\"ExitCode\":null}",
                1 => "{\"ID\":\"e1\",\"Running\":false,\"ExitCode\":null}",
                _ => "{\"ID\":\"e1\",\"Running\":false,\"ExitCode\":0}",
            }),
            _ => error("404 Not Found", "page not found"),
        }),
    );
    let docker = Docker::connect_to(endpoint(&socket)).await.unwrap();
    docker.exec_ok("node", &["ctr", "images", "ls"], stdin, &|_| {}).await
}

#[tokio::test]
async fn a_program_without_input_that_is_over_at_once_has_not_ended_too_early() {
    // Whether the end of its output or that of its input is noticed first is up to chance.
    for _ in 0..20 {
        assert_eq!(exec(None).await.unwrap(), b"image");
    }
}

#[tokio::test]
async fn a_program_that_ends_before_it_has_its_input_has_ended_too_early() {
    let failure = exec(Some(futures_util::stream::pending().boxed())).await.unwrap_err();
    assert!(failure.transient && failure.to_string().contains("ended before it had all of its input"), "{failure}");
}
