//! Images: built, named by content, never half.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use provision::action::Presence;
use provision::error::FailureKind;
use provision::fingerprint::Inputs;
use provision::tools::docker::{BuildContext, BuildEvent, BuildRequest, Docker, Endpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::sandbox::{Sandbox, Shown, peak_memory};
use crate::workbench::{IMAGE, Workbench, action};

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = dir.path().join(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    dir
}

async fn docker() -> Docker {
    Docker::connect().await.unwrap()
}

pub(crate) fn request(tag: &str) -> BuildRequest {
    BuildRequest {
        tag: tag.into(),
        dockerfile: "Dockerfile".into(),
        what: format!("building `{tag}`"),
        ..BuildRequest::default()
    }
}

pub(crate) fn context(dir: &Path) -> BuildContext {
    BuildContext::open(dir, &dir.join("Dockerfile")).unwrap()
}

/// The files of a saved image one after the other, those that are compressed as they are unpacked.
fn unpacked(archive: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut bytes = Vec::new();
        entry.unwrap().read_to_end(&mut bytes).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut all).unwrap();
        } else {
            all.extend_from_slice(&bytes);
        }
    }
    all
}

#[tokio::test]
async fn an_image_is_built_named_by_its_content_and_the_same_the_second_time() {
    let dir = project(&[
        ("app/Dockerfile", "ARG BASE=wrong\nFROM ${BASE}\nARG WORD\nRUN echo \"said $WORD\"\nCOPY . /src\n"),
        ("app/.dockerignore", "secret\n"),
        ("app/a", "a"),
        ("app/secret", "s3cr3t-value"),
    ]);
    let settings = format!(
        "context = \"app\"\nimage = \"provision-live/first\"\nmax-size = \"500MB\"\nargs = {{ BASE = \"{IMAGE}\", WORD = \"hello\" }}"
    );
    let build = action("docker-build", &settings);
    let bench = Workbench::without_cluster(dir.path());
    let mut inputs = Inputs::new();
    build.inputs(&bench.cx, &mut inputs).await.unwrap();
    let labels: Vec<_> = inputs.iter().map(|(label, _)| label.to_owned()).collect();
    assert_eq!(labels, [format!("base {IMAGE}").as_str(), "context", "dockerfile", "dockerignore"]);

    let output = build.run(&bench.cx).await.unwrap();
    let said = bench.said();
    assert!(
        said.iter().any(|line| line.ends_with("said hello")) || said.iter().any(|line| line.contains("cached")),
        "{said:#?}"
    );
    // The last step may be cached, and then so short that no report is about it alone.
    assert!(said.iter().any(|line| line.starts_with("> 3/3")), "{said:#?}");
    assert_eq!(build.probe(&bench.cx, &output).await.unwrap(), Presence::Present);
    let again = build.run(&bench.cx).await.unwrap();
    assert_eq!(again, output);

    let docker = docker().await;
    let image = output.get("image").unwrap();
    let mut archive = Vec::new();
    let mut export = docker.export(image);
    while let Some(piece) = export.next().await {
        archive.extend_from_slice(&piece.unwrap());
    }
    let layers = unpacked(&archive);
    let has = |text: &str| layers.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("src/a") && !has("s3cr3t-value"), "`.dockerignore` is not honoured");
    docker.remove_image(image).await.unwrap();
    assert_eq!(
        build.probe(&bench.cx, &output).await.unwrap(),
        Presence::Missing(format!("the image `{image}` is gone"))
    );
}

#[tokio::test]
async fn a_failing_step_is_named_with_its_last_lines_and_leaves_no_image() {
    let dir = project(&[("Dockerfile", &format!("FROM {IMAGE}\nRUN echo before; echo oops; exit 3\n"))]);
    let bench = Workbench::without_cluster(dir.path());
    let failure =
        action("docker-build", "context = \".\"\nimage = \"provision-live/failing\"").run(&bench.cx).await.unwrap_err();
    assert_eq!(
        failure.message,
        "building the image `provision-live/failing`: step [2/2] RUN echo before; echo oops; exit 3 failed"
    );
    assert_eq!(failure.details, ["before", "oops"]);
}

#[tokio::test]
async fn an_image_that_is_too_big_is_refused_with_its_biggest_layers() {
    let dir = project(&[("Dockerfile", "FROM scratch\nCOPY big /\n"), ("big", &"x".repeat(3_000_000))]);
    let bench = Workbench::without_cluster(dir.path());
    let failure = action("docker-build", "context = \".\"\nimage = \"provision-live/big\"\nmax-size = \"1MB\"")
        .run(&bench.cx)
        .await
        .unwrap_err();
    assert!(failure.message.contains("is 2.0 MB too big: it has 3.0 MB"), "{failure}");
    assert!(failure.details[0].contains("COPY big /"), "{failure:?}");
}

#[tokio::test]
async fn an_image_counts_with_its_unpacked_layers() {
    // Does not get smaller when it is compressed: a daemon that keeps both forms reports twice as much.
    let mut state = 1_u32;
    let noise: Vec<u8> = (0..3_000_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    let dir = project(&[("Dockerfile", "FROM scratch\nCOPY big /\n")]);
    fs_err::write(dir.path().join("big"), noise).unwrap();
    let bench = Workbench::without_cluster(dir.path());
    let settings = "context = \".\"\nimage = \"provision-live/size\"\nmax-size = \"3.01MB\"";
    let output = action("docker-build", settings).run(&bench.cx).await.unwrap();
    let size: u64 = output.get("size").unwrap().parse().unwrap();
    // With whole blocks of the file system, where the daemon counts those.
    assert!((3_000_000..3_010_000).contains(&size), "{size}");
    docker().await.remove_image(output.get("image").unwrap()).await.unwrap();
}

#[tokio::test]
async fn the_instructions_of_todays_dockerfiles_build() {
    let docker = docker().await;
    if docker.engine().await.unwrap().api < (1, 44) {
        println!("skipped: the builder of this daemon needs `# syntax=`, which has to be pulled");
        return;
    }
    let text = format!(
        "FROM {IMAGE} AS base\nRUN <<EOF\nset -e\necho heredoc >/heredoc\nEOF\n\
         RUN --mount=type=cache,target=/cache --mount=type=bind,source=f,target=/f cp /f /cache/f && cp /cache/f /mounted\n\
         FROM scratch\nCOPY --link --from=base /heredoc /mounted /\nCOPY --link --chmod=0700 f /linked\n\
         COPY <<\"F\" /inline\nthe word is $HOME\nF\nCOPY --parents sub/deep/x /\nCOPY --exclude=*.md sub /sub2\n"
    );
    let dir = project(&[("Dockerfile", &text), ("f", "file"), ("sub/deep/x", "x"), ("sub/r.md", "readme-text")]);
    let tag = "provision-live/today:1";
    docker.build(&request(tag), context(dir.path()).stream(), &|_| {}).await.unwrap();
    let mut archive = Vec::new();
    let mut export = docker.export(tag);
    while let Some(piece) = export.next().await {
        archive.extend_from_slice(&piece.unwrap());
    }
    let layers = unpacked(&archive);
    let has = |text: &str| layers.windows(text.len()).any(|window| window == text.as_bytes());
    for text in ["heredoc", "mounted", "linked", "the word is $HOME", "sub/deep/x", "sub2/deep/x"] {
        assert!(has(text), "{text}");
    }
    assert!(!has("readme-text"));
    docker.remove_image(tag).await.unwrap();
}

#[tokio::test]
async fn a_missing_dockerfile_is_told_before_anything_is_sent() {
    let dir = project(&[("app/a", "a")]);
    let bench = Workbench::without_cluster(dir.path());
    let failure =
        action("docker-build", "context = \"app\"\nimage = \"provision-live/none\"").run(&bench.cx).await.unwrap_err();
    assert!(failure.message.starts_with("there is no Dockerfile `"), "{failure}");
    assert!(bench.said().is_empty());
}

/// Stops the upload by `spoil` as soon as it has begun, and demands that there is no image.
async fn spoiled(tag: &str, spoil: impl FnOnce(&Path) + Send + 'static) -> String {
    let dir = project(&[("Dockerfile", "FROM scratch\nCOPY . /\n"), ("zz", "last")]);
    let big = fs_err::File::create(dir.path().join("big")).unwrap();
    big.set_len(256 << 20).unwrap();
    let stream = context(dir.path()).stream();
    let upload = stream.upload();
    let path = dir.path().to_owned();
    let spoiler = tokio::spawn(async move {
        while upload.sent() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        spoil(&path);
    });
    let docker = docker().await;
    let failure = docker.build(&request(tag), stream, &|_| {}).await.unwrap_err();
    spoiler.await.unwrap();
    // The daemon gets some time to do the wrong thing.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(docker.image(tag).await.unwrap(), None);
    failure.to_string()
}

#[tokio::test]
async fn no_image_comes_of_a_context_that_ends_early() {
    let shrunk = spoiled("provision-live/shrunk:1", |dir| {
        let big = fs_err::OpenOptions::new().write(true).open(dir.join("big")).unwrap();
        big.set_len(1).unwrap();
    });
    assert!(shrunk.await.contains("it became shorter while it was read"));
    // Between two entries: the stream would be a valid archive up to there.
    let gone = spoiled("provision-live/gone:1", |dir| {
        fs_err::remove_file(dir.join("zz")).unwrap();
    })
    .await;
    assert!(gone.contains("zz`"), "{gone}");
}

#[tokio::test]
async fn the_daemons_refusal_is_shown_while_the_context_is_still_on_its_way() {
    let dir = project(&[("Dockerfile", "FROM scratch\nCOPY . /\n")]);
    fs_err::File::create(dir.path().join("big")).unwrap().set_len(256 << 20).unwrap();
    let mut request = request("provision-live/refused:1");
    request.platform = Some("a/b/c/d/e".into());
    let failure = docker().await.build(&request, context(dir.path()).stream(), &|_| {}).await.unwrap_err();
    assert!(failure.to_string().contains("a/b/c/d/e"), "{failure}");
}

#[tokio::test]
async fn a_cancelled_build_ends_at_once_in_the_daemon_too() {
    let dir = project(&[("Dockerfile", &format!("FROM {IMAGE}\nRUN echo started; sleep 31415\n"))]);
    let bench = Workbench::without_cluster(dir.path());
    let build = action("docker-build", "context = \".\"\nimage = \"provision-live/cancelled\"");
    let cancel = bench.cancel.clone();
    let run = build.run(&bench.cx);
    let asked = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if bench.said().iter().any(|line| line.ends_with("started")) {
                cancel.wind_down();
                return Instant::now();
            }
        }
    };
    let (result, asked) = tokio::join!(run, asked);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(result.unwrap_err().kind, FailureKind::Interrupted);
    let sleeping = || {
        fs_err::read_dir("/proc")
            .unwrap()
            .flatten()
            .any(|entry| fs_err::read(entry.path().join("cmdline")).is_ok_and(|line| line == b"sleep\x0031415\0"))
    };
    let until = Instant::now() + Duration::from_secs(10);
    while sleeping() {
        assert!(Instant::now() < until, "the build goes on without us");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The real daemon, which says that it knows no BuildKit.
async fn docker_without_buildkit(dir: &Path) -> Docker {
    const VERSION: &str = r#"{"Version":"18.6.0","ApiVersion":"1.38","Os":"linux","Arch":"amd64"}"#;
    let real = docker().await.endpoint().host.trim_start_matches("unix://").to_owned();
    let socket = dir.join("old.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let real = real.clone();
            tokio::spawn(async move {
                let mut head = vec![0; 16];
                stream.read_exact(&mut head).await.unwrap();
                if head.starts_with(b"GET /version") {
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{VERSION}",
                        VERSION.len()
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    return;
                }
                let mut daemon = tokio::net::UnixStream::connect(real).await.unwrap();
                daemon.write_all(&head).await.unwrap();
                // Either side may close the connection first; the other one notices.
                drop(tokio::io::copy_bidirectional(&mut stream, &mut daemon).await);
            });
        }
    });
    Docker::connect_to(Endpoint { host: format!("unix://{}", socket.display()), origin: "the test".into(), tls: None })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_daemon_without_buildkit_builds_as_well() {
    let dir = project(&[
        ("app/Dockerfile", &format!("FROM {IMAGE}\nARG WORD\nRUN echo \"said $WORD\"\nCOPY a /\n")),
        ("app/a", "a"),
        ("bad/Dockerfile", &format!("FROM {IMAGE}\nRUN echo oops; exit 3\n")),
    ]);
    let docker = docker_without_buildkit(dir.path()).await;
    assert_eq!(docker.engine().await.unwrap().api, (1, 38));
    let said = std::sync::Mutex::new(Vec::new());
    let on_event = |event: BuildEvent<'_>| match event {
        BuildEvent::Line(line) | BuildEvent::Warning(line) => said.lock().unwrap().push(line.to_owned()),
        BuildEvent::Progress(progress) => said.lock().unwrap().push(format!("> {progress}")),
    };
    let mut wanted = request("provision-live/classic:1");
    wanted.args.insert("WORD".into(), "hello".into());
    let image = docker.build(&wanted, context(&dir.path().join("app")).stream(), &on_event).await.unwrap();
    assert_eq!(docker.image("provision-live/classic:1").await.unwrap(), Some(image));
    docker.remove_image("provision-live/classic:1").await.unwrap();
    let said = said.into_inner().unwrap();
    assert!(said.iter().any(|line| line.starts_with("> 3/4 [4/4] COPY a /")), "{said:#?}");

    let failure = docker
        .build(&request("provision-live/classic:2"), context(&dir.path().join("bad")).stream(), &|_| {})
        .await
        .unwrap_err();
    assert_eq!(failure.message, "building `provision-live/classic:2`: step [2/2] RUN echo oops; exit 3 failed");
    assert!(failure.details.contains(&"oops".to_owned()), "{failure:?}");
}

#[test]
fn a_build_context_of_a_gigabyte_takes_little_memory() {
    let pipeline = "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"big\"\naction = \"docker-build\"\n\
                    context = \"app\"\nimage = \"provision-live/gigabyte\"\n";
    let sandbox = Sandbox::live(pipeline);
    sandbox.file("app/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    fs_err::File::create(sandbox.path("app/big")).unwrap().set_len(1 << 30).unwrap();
    let mut run = sandbox.spawn(&["up", "--events", "events.jsonl"]);
    let peak = peak_memory(&mut run);
    Shown::of(run).code(0);
    assert!(peak < 100_000_000, "{peak} bytes of memory");
    let events = fs_err::read_to_string(sandbox.path("events.jsonl")).unwrap();
    assert!(events.matches("\"step_progress\"").count() > 3, "{events}");
}
