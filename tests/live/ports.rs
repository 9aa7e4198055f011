//! `port-check` of a Service in a real cluster: its port-forward is open whatever happens in the pod.

use serde_json::json;

use crate::cluster::deployment;
use crate::workbench::{Workbench, timed};

/// Listens at three ports: says nothing at the first one, closes each connection at the second one, and speaks first at
/// the third one.
const LISTENER: &str = r#"use IO::Socket::INET; $| = 1;
        sub at { IO::Socket::INET->new(LocalPort => $_[0], Listen => 9, ReuseAddr => 1) or die }
        ($silent, $closing, $speaking) = (at(7001), at(7002), at(7003));
        if (!fork) { while ($c = $closing->accept) { close $c } }
        if (!fork) { while ($c = $speaking->accept) { print $c "220 ready\r\n"; push @kept, $c } }
        while ($c = $silent->accept) { push @kept, $c }"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_port_passes_only_where_something_in_the_pod_accepts_connections() {
    let bench = Workbench::new("ports").await;
    let kube = bench.kube().await;
    kube.ensure_namespace(&bench.namespace).await.unwrap();
    let container = json!({"command": ["perl", "-e", LISTENER],
        "readinessProbe": {"tcpSocket": {"port": 7001}, "periodSeconds": 1}});
    kube.apply_object(&deployment(&bench, "listens", &container)).await.unwrap();
    let ports = [("silent", 1, 7001), ("closing", 2, 7002), ("speaking", 3, 7003), ("nobody", 4, 7004)];
    let ports = ports.map(|(name, port, target)| json!({"name": name, "port": port, "targetPort": target}));
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "listens", "namespace": bench.namespace},
        "spec": {"selector": {"app": "listens"}, "ports": ports}});
    kube.apply_object(&service).await.unwrap();
    let settings = format!("namespace = '{}'\ndeployments = ['listens']", bench.namespace);
    timed("rollout of listens", bench.run("rollout-check", &settings)).await.unwrap();

    let settings =
        |port: &str| format!("service = 'listens'\nnamespace = '{}'\nport = {port}\nwithin = '3s'", bench.namespace);
    for port in ["1", "'closing'", "'speaking'"] {
        let output = timed(port, bench.run("port-check", &settings(port))).await.unwrap();
        assert!(output.get("pods").unwrap().starts_with("listens-"), "{port}: {output:?}");
    }
    let failure = timed("nobody", bench.run("port-check", &settings("'nobody'"))).await.unwrap_err();
    println!("{failure}\n  {}\n  help: {}", failure.details.join("\n  "), failure.hints.join("\n  help: "));
    assert!(failure.message.contains("accepts no connection at its port 7004"), "{failure}");
    assert_eq!(failure.causes, ["connection refused"]);
    let details = failure.details.join("\n");
    assert!(details.contains("pod listens-") && details.contains("Running, ready"), "{details}");

    // Without any pod it says so, and not that one refuses.
    bench.command(&format!("-n {} scale deployment listens --replicas=0", bench.namespace)).await;
    bench.command(&format!("-n {} wait --for=delete pod -l app=listens --timeout=60s", bench.namespace)).await;
    let failure = bench.run("port-check", &settings("1")).await.unwrap_err();
    assert!(failure.causes[0].contains("that has this port is ready"), "{failure}");
    bench.clean_up().await;
}
