//! `container-run` and `compose-up` with a real daemon and a real compose.

use std::collections::BTreeMap;

use provision::action::Presence;
use provision::tools::docker::Docker;
use provision::tools::secrets::SecretSource;

use crate::workbench::{IMAGE, PROFILE, Workbench, timed};

/// A web server of one line, as the arguments of a container: it answers `ok` and what the variable `WHO` says, and
/// ends on SIGTERM.
pub(crate) fn server(port: u16) -> String {
    format!(
        "['perl', '-MIO::Socket::INET', '-e', '$SIG{{TERM}} = sub {{ exit 0 }}; $| = 1; print qq(listening\\n); \
         my $s = IO::Socket::INET->new(LocalPort => {port}, Listen => 9, ReuseAddr => 1) or die $!; \
         while (my $c = $s->accept) {{ <$c>; my $b = qq(ok $ENV{{WHO}}); print $c qq(HTTP/1.1 200 OK\\r\\nContent-Length: ) . \
         length($b) . qq(\\r\\nConnection: close\\r\\n\\r\\n$b); close $c }}']"
    )
}

/// A compose file with that server, and a service that has a health check.
pub(crate) fn compose_file() -> String {
    // A dollar sign is compose's own.
    let command = server(8000).replace('$', "$$");
    format!(
        "services:\n  web:\n    image: {IMAGE}\n    command: {command}\n    ports: ['127.0.0.1::8000']\n    \
         environment: {{ WHO: '${{WHO:-nobody}}' }}\n    depends_on: {{ db: {{ condition: service_healthy }} }}\n  \
         db:\n    image: {IMAGE}\n    command: [sleep, '3600']\n    init: true\n    \
         healthcheck: {{ test: [CMD, 'true'], interval: 1s }}\n    volumes: ['data:/data']\nvolumes: {{ data: {{}} }}\n"
    )
}

fn bench(test: &str) -> Workbench {
    Workbench::bare(test, PROFILE, BTreeMap::<String, SecretSource>::new())
}

/// Fails unless nothing temporary of this process is left.
async fn nothing_is_left(docker: &Docker) {
    let run = format!("20260101-000000-{:08x}", std::process::id());
    let containers = docker.containers_with_label("dev.provision.temporary").await.unwrap();
    let networks = docker.networks_with_label("dev.provision.temporary").await.unwrap();
    let names = containers.into_iter().map(|found| found.name).chain(networks.into_iter().map(|found| found.name));
    let left: Vec<String> = names.filter(|name| name.contains(&run)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn an_image_runs_with_its_companion_and_stops_in_order() {
    let bench = bench("container");
    let settings = format!(
        "image = '{IMAGE}'\ncommand = {}\nport = 8000\nenv = {{ WHO = 'me' }}\ncontains = 'ok me'\n\
         health = ['perl', '-MIO::Socket::INET', '-e', 'IO::Socket::INET->new(q(other:9000)) or die']\n\
         stops-within = '9s'\nwith = [{{ name = 'other', image = '{IMAGE}', command = {} }}]",
        server(8000),
        server(9000)
    );
    let output = timed("container-run", bench.run("container-run", &settings)).await.unwrap();
    assert_eq!((output.get("health"), output.get("exit-code")), (Some("healthy"), Some("0")));
    assert_eq!(bench.probe("container-run", &settings, &output).await, Presence::Present);
    nothing_is_left(bench.tools.docker().await.unwrap()).await;
}

#[tokio::test]
async fn an_image_that_ends_and_one_that_ignores_the_signal_fail_with_their_lines() {
    let bench = bench("container");
    let ends = format!("image = '{IMAGE}'\nport = 8000\ncommand = ['sh', '-c', 'echo no database >&2; exit 3']");
    let failure = bench.run("container-run", &ends).await.unwrap_err();
    assert!(failure.message.contains("ended with exit code 3"), "{failure:?}");
    assert!(failure.details.iter().any(|line| line.ends_with("| no database")), "{failure:?}");
    // The first process of a container gets no signal that it does not handle.
    let deaf = server(8000).replace("$SIG{TERM} = sub { exit 0 }; ", "");
    let deaf = format!("image = '{IMAGE}'\nport = 8000\ncommand = {deaf}\nstops-within = '1s'");
    let failure = bench.run("container-run", &deaf).await.unwrap_err();
    assert!(failure.message.contains("did not stop within 1 s of SIGTERM"), "{failure:?}");
    nothing_is_left(bench.tools.docker().await.unwrap()).await;
}

#[tokio::test]
async fn a_compose_project_is_up_fresh_and_down_again() {
    let bench = bench("compose");
    bench.write("compose.yml", &compose_file());
    let settings = "files = ['compose.yml']\nenv = { WHO = 'me' }\n\
                    ask = [{ service = 'web', port = 8000, contains = 'ok me' }]";
    let output = timed("compose-up", bench.run("compose-up", settings)).await.unwrap();
    assert_eq!(output.get("services"), Some("db running (healthy), web running"));
    assert!(output.get("url-web").unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(bench.probe("compose-up", settings, &output).await, Presence::Present);
    let docker = bench.tools.docker().await.unwrap();
    let project = output.get("project").unwrap();
    docker.stop_container(&format!("{project}-db-1")).await.unwrap();
    let Presence::Missing(what) = bench.probe("compose-up", settings, &output).await else { panic!("it is there") };
    assert!(what.contains("the service `db` ended with exit code"), "{what}");
    // Up again, with the same volume; down without it, and then with it.
    bench.run("compose-up", settings).await.unwrap();
    let kept = timed("compose-down", bench.run("compose-down", "")).await.unwrap();
    assert_eq!((kept.get("containers"), kept.get("volumes")), (Some("2"), Some("0")));
    assert!(docker.volume(&format!("{project}_data")).await.unwrap().is_some());
    let gone = bench.run("compose-down", "volumes = true").await.unwrap();
    assert_eq!((gone.get("containers"), gone.get("volumes")), (Some("0"), Some("1")));
    assert_eq!(bench.probe("compose-down", "", &gone).await, Presence::Present);
}
