//! How much memory a big build context takes: a process of its own, so that nothing else counts. Uses the real Docker.

#![expect(clippy::unwrap_used, reason = "what helps a test fails as the test does, and shows what it measured")]

use std::time::Instant;

use provision::tools::docker::{BuildContext, BuildEvent, BuildRequest, Docker};

/// The most memory that this process ever had, in bytes.
fn peak_memory() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_context_of_a_gigabyte_takes_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::write(dir.path().join("Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n").unwrap();
    fs_err::File::create(dir.path().join("big")).unwrap().set_len(1 << 30).unwrap();
    let docker = Docker::connect().await.unwrap();
    let tag = "provision-live/gigabyte:1";
    let context = BuildContext::open(dir.path(), &dir.path().join("Dockerfile")).unwrap();
    let request = BuildRequest {
        tag: tag.into(),
        dockerfile: "Dockerfile".into(),
        what: format!("building `{tag}`"),
        ..BuildRequest::default()
    };
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let started = Instant::now();
    let on_event = |event: BuildEvent<'_>| {
        if matches!(event, BuildEvent::Progress(_)) {
            seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    };
    docker.build(&request, context.stream(), &on_event).await.unwrap();
    docker.remove_image(tag).await.unwrap();
    let peak = peak_memory();
    println!("1 GiB in {:?}, at most {} MB", started.elapsed(), peak / 1_000_000);
    assert!(peak < 100_000_000, "{peak}");
    assert!(seen.into_inner() > 3);
}
