//! What a build is sent.

use std::os::unix::fs::{PermissionsExt, symlink};

use futures_util::StreamExt;

use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = dir.path().join(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    dir
}

async fn collect(mut stream: ContextStream) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

fn context(dir: &Path) -> BuildContext {
    BuildContext::open(dir, &dir.join("Dockerfile")).unwrap()
}

#[tokio::test]
async fn entries_are_those_that_docker_sends() {
    let long = "n".repeat(200);
    let dir = folder(&[
        ("Dockerfile", "FROM scratch"),
        (".dockerignore", "*\n!src\n!bin\n!far"),
        ("src/a", "aaa"),
        (&format!("src/{long}"), "long"),
        ("secret", "x"),
        ("bin/tool", "#!"),
    ]);
    fs_err::set_permissions(dir.path().join("bin/tool"), std::fs::Permissions::from_mode(0o4755)).unwrap();
    symlink("/etc//passwd", dir.path().join("far")).unwrap();
    symlink(".", dir.path().join("src/loop")).unwrap();
    let stream = context(dir.path()).stream();
    let upload = stream.upload();
    let bytes = collect(stream).await.unwrap();
    assert!(upload.is_complete());
    assert_eq!(upload.sent(), bytes.len() as u64);
    let mut found = Vec::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        let link = entry.link_name_bytes().map(|name| String::from_utf8(name.into_owned()).unwrap());
        let mode = header.mode().unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        found.push(match link {
            Some(link) => format!("{name} -> {link}"),
            None if name == "bin/tool" => format!("{name} {mode:o}"),
            None => format!("{name} {text}"),
        });
    }
    let expected = [
        "Dockerfile FROM scratch".to_owned(),
        "bin ".into(),
        "bin/tool 4755".into(),
        "far -> /etc//passwd".into(),
        "src ".into(),
        "src/a aaa".into(),
        "src/loop -> .".into(),
        format!("src/{long} long"),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_dockerfile_outside_is_sent_under_a_name_of_its_own() {
    let dir =
        folder(&[("docker/app", "FROM scratch\n"), ("docker/app.dockerignore", "b"), ("src/a", "a"), ("src/b", "b")]);
    let context = BuildContext::open(&dir.path().join("src"), &dir.path().join("docker/app")).unwrap();
    let bytes = collect(context.stream()).await.unwrap();
    let names: Vec<_> = tar::Archive::new(bytes.as_slice())
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names, ["a", context.dockerfile_name()]);
}

#[tokio::test]
async fn the_classic_builder_is_told_what_to_take_away() {
    let dir = folder(&[("app/Dockerfile", "FROM a"), ("app/.dockerignore", "Docker*\n.docker*"), ("D", "FROM b")]);
    let app = dir.path().join("app");
    let sent = async |context: &BuildContext| {
        let bytes = collect(context.stream()).await.unwrap();
        let mut found = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((entry.path().unwrap().display().to_string(), text));
        }
        found
    };
    let ignored = BuildContext::open(&app, &app.join("Dockerfile")).unwrap();
    assert!(ignored.hides_dockerfile());
    let names = |sent: Vec<(String, String)>| sent.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(sent(&ignored).await), ["Dockerfile"]);
    assert_eq!(names(sent(&ignored.for_classic_builder().unwrap()).await), [".dockerignore", "Dockerfile"]);
    let outside = BuildContext::open(&app, &dir.path().join("D")).unwrap();
    let sent = sent(&outside.for_classic_builder().unwrap()).await;
    let (name, text) = (outside.dockerfile_name(), &sent.last().unwrap().1);
    assert_eq!(names(sent.clone()), ["Dockerfile".to_owned(), name.to_owned(), ".dockerignore".to_owned()][1..]);
    assert_eq!(*text, format!("Docker*\n.docker*\n{name}\n"));
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_poisons_the_stream() {
    for (change, expected) in [(1_u64, "shorter"), (64 << 20, "longer")] {
        let dir = folder(&[("Dockerfile", "FROM scratch")]);
        let big = fs_err::File::create(dir.path().join("big")).unwrap();
        big.set_len(32 << 20).unwrap();
        let mut stream = context(dir.path()).stream();
        stream.next().await.unwrap().unwrap();
        big.set_len(change).unwrap();
        let mut last = None;
        let upload = stream.upload();
        while let Some(piece) = stream.next().await {
            last = Some(piece.map(|_| ()));
        }
        let error = last.unwrap().unwrap_err().to_string();
        assert!(error.contains("/big`") && error.contains(expected), "{error}");
        assert!(!upload.is_complete());
        assert!(upload.failure().is_some());
    }
}

#[tokio::test]
async fn a_socket_is_left_out_and_a_pipe_is_sent() {
    let dir = folder(&[("Dockerfile", "FROM scratch")]);
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("sock")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let context = context(dir.path());
    let bytes = collect(context.stream()).await.unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let kinds = archive.entries().unwrap().map(|entry| entry.unwrap().header().entry_type());
    assert_eq!(kinds.collect::<Vec<_>>(), [tar::EntryType::Regular, tar::EntryType::Fifo]);
    assert_eq!(context.sockets().unwrap(), ["sock"]);
}

#[test]
fn links_to_context_and_dockerfile_stay_inside_the_project() {
    let outside = folder(&[("Dockerfile", "FROM scratch")]);
    let dir = folder(&[("real/Dockerfile.dev", "FROM a"), ("docker/base", "FROM b"), ("app/x", "")]);
    let path = |name: &str| dir.path().join(name);
    symlink("Dockerfile.dev", path("real/Dockerfile")).unwrap();
    symlink("real", path("link")).unwrap();
    symlink("../docker/base", path("app/Dockerfile")).unwrap();
    symlink(outside.path(), path("out")).unwrap();
    symlink(outside.path().join("Dockerfile"), path("app/Out")).unwrap();
    let open = |context: &str, file: &str| BuildContext::open_inside(dir.path(), &path(context), &path(file));
    let linked = open("link", "link/Dockerfile").unwrap();
    assert_eq!((linked.dockerfile_name(), linked.dockerfile_text()), ("Dockerfile.dev", b"FROM a".as_slice()));
    // As the docker program does it: what the link leads to is sent beside the context.
    let shared = open("app", "app/Dockerfile").unwrap();
    assert!(shared.dockerfile_name().starts_with(".dockerfile."), "{}", shared.dockerfile_name());
    for (context, file) in [("out", "out/Dockerfile"), ("app", "app/Out")] {
        let failure = open(context, file).unwrap_err();
        assert!(failure.message.contains("leads out of the project"), "{failure}");
    }
}

#[test]
fn a_missing_dockerfile_is_named() {
    let dir = folder(&[("a", "")]);
    let failure = BuildContext::open(dir.path(), &dir.path().join("Dockerfile")).unwrap_err();
    assert!(failure.message.starts_with("there is no Dockerfile `/"), "{failure}");
    assert!(!failure.hints.is_empty());
}
