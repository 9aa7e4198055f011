//! `watch` and `open` beside each other, on a real cluster: through a failed build, a change, and the end of a pod.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::sandbox::{Sandbox, Shown, send};
use crate::workbench::{IMAGE, PROFILE, Workbench};

/// A server of what was built into its image, and with its pod's name.
const SERVER: &str = r#"use IO::Socket::INET; $SIG{TERM} = sub { exit 0 };
        $t = `cat /answer /etc/hostname`; $n = length $t;
        $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 99, ReuseAddr => 1) or die;
        while ($c = $s->accept) { while (<$c>) { last if /^\r?\n/ }
        print $c "HTTP/1.1 200 OK\r\nContent-Length: $n\r\nConnection: close\r\n\r\n$t"; close $c }"#;

fn pipeline(namespace: &str) -> String {
    format!(
        r#"
[pipeline]
name = "live-watch"
[cluster]
provider = "minikube"
name = "{PROFILE}"
[[stage]]
id = "build"
[[stage.step]]
id = "app"
action = "docker-build"
context = "app"
image = "provision-live/watched"
[[stage]]
id = "cluster"
[[stage.step]]
id = "start"
action = "cluster-start"
[[stage]]
id = "load"
[[stage.step]]
id = "app"
action = "image-load"
image = "${{{{ steps.build.app.image }}}}"
[[stage]]
id = "deploy"
[[stage.step]]
id = "app"
action = "manifest-apply"
files = ["k8s/*.json"]
namespace = "{namespace}"
images = {{ watched = "${{{{ steps.build.app.image }}}}" }}
[[stage]]
id = "verify"
[[stage.step]]
id = "page"
action = "http-check"
service = "web"
port = "http"
namespace = "{namespace}"
"#
    )
}

fn project(namespace: &str) -> Sandbox {
    let sandbox = Sandbox::live(&pipeline(namespace));
    let dockerfile = format!("FROM {IMAGE}\nCOPY answer /answer\nRUN ! grep -q broken /answer\n");
    sandbox.file("app/Dockerfile", &dockerfile).file("app/answer", "one\n");
    let container = serde_json::json!({"name": "c", "image": "watched", "imagePullPolicy": "Never",
        "command": ["perl", "-e", SERVER], "ports": [{"name": "web", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}});
    let deployment = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}}});
    let service = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}});
    sandbox.file("k8s/deployment.json", &deployment.to_string()).file("k8s/service.json", &service.to_string());
    sandbox
}

/// What a request to `url` gets, without its head.
fn get(url: &str) -> String {
    let host = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    // One that was cut off shows by what is missing.
    drop(stream.read_to_string(&mut text));
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_watched_stays_open_through_a_failed_build_a_change_and_the_end_of_its_pod() {
    let bench = Workbench::new("watch").await;
    let sandbox = project(&bench.namespace);
    let file = |name: &str| fs_err::File::create(sandbox.path(name)).unwrap().into_file();
    let watch = sandbox.command(&["watch"]).stdout(file("out")).stderr(file("said")).spawn().unwrap();
    let waits = |n: usize| sandbox.wait_for_text("said", "; Ctrl-C ends it", n);
    waits(1);
    let mut open = sandbox.command(&["open"]).stderr(file("opened")).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(open.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let url = url.trim_end();
    let first = get(url);
    assert!(first.starts_with("one\nweb-"), "{first}");

    // A failed build leaves what runs alone.
    sandbox.file("app/answer", "broken\n");
    waits(2);
    sandbox.wait_for_text("said", "it failed: what ran before still runs", 1);
    assert_eq!(get(url), first);

    // The next change gets there, at the same address.
    sandbox.file("app/answer", "two\n");
    waits(3);
    let said = fs_err::read_to_string(sandbox.path("said")).unwrap();
    println!("{said}");
    assert!(said.contains(" s after the change"), "{said}");
    let second = get(url);
    assert!(second.starts_with("two\nweb-"), "{second}");

    // Its pod ends: the next request waits for the one that takes its place.
    bench.command(&format!("-n {} delete pod -l app=web --wait=false", bench.namespace)).await;
    let third = get(url);
    assert!(third.starts_with("two\nweb-") && third != second, "{third}");
    println!("{}", fs_err::read_to_string(sandbox.path("opened")).unwrap());

    for child in [watch, open] {
        send("INT", child.id());
        Shown::of(child).code(130);
    }
    assert!(TcpStream::connect(url.strip_prefix("http://").unwrap().trim_end_matches('/')).is_err());
    let docker = bench.tools.docker().await.unwrap();
    for image in docker.images_of("provision-live/watched").await.unwrap() {
        docker.remove_image(&image.name).await.unwrap();
    }
    bench.clean_up().await;
}
