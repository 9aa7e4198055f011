//! What exercises a deployment: it passes for one that is made well, fails for one that is not, and leaves both as they
//! were.

use std::time::Duration;

use provision::action::Presence;
use provision::error::{Failure, FailureKind};
use provision::model::{Output, RunId};
use provision::tools::checkout_id;
use provision::tools::kubernetes::{Change, Exerciser, Target, WorkloadKind};
use serde_json::{Value, json};

use crate::workbench::{IMAGE, Workbench, timed};

/// A server that ends at once on SIGTERM, and names its pod. It begins to listen some seconds after its start. A client
/// that has gone away, such as a probe that only connects, does not end it.
const SERVER: &str = r#"use IO::Socket::INET; $SIG{TERM} = sub { exit 0 }; $SIG{PIPE} = 'IGNORE'; sleep WAIT;
        $h = `cat /etc/hostname`; chomp $h;
        $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 99, ReuseAddr => 1) or die;
        while (1) { $c = $s->accept or next; while (<$c>) { last if /^\r?\n/ }
        print $c "HTTP/1.1 200 OK\r\nX-Pod: $h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"; close $c }"#;

/// A deployment that loses no request: it is asked when it is ready, and goes on until nobody asks it any more.
fn deployment(bench: &Workbench, replicas: u32) -> Value {
    let container = json!({"name": "c", "image": IMAGE.to_string(), "imagePullPolicy": "Never",
        "command": ["perl", "-e", SERVER.replace("WAIT", "0")], "ports": [{"name": "web", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}}});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": bench.namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"terminationGracePeriodSeconds": 15, "containers": [container]}}}})
}

/// Makes it, with a Service before it, and waits until it is rolled out.
async fn deploy(bench: &Workbench, deployment: &Value) {
    let kube = bench.kube().await;
    kube.ensure_namespace(&bench.namespace).await.unwrap();
    kube.apply_object(deployment).await.unwrap();
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": bench.namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}});
    kube.apply_object(&service).await.unwrap();
    let settings = format!("namespace = '{}'\ndeployments = ['web']", bench.namespace);
    timed("rollout of web", bench.run("rollout-check", &settings)).await.unwrap();
}

fn target(bench: &Workbench) -> Target {
    (WorkloadKind::Deployment, bench.namespace.clone(), "web".to_owned())
}

/// Settings for `web`; `requests` are further ones of its requests.
fn settings(bench: &Workbench, requests: &str, more: &str) -> String {
    let rate = if requests.contains("rate") { "" } else { ", rate = 20" };
    let requests = format!("requests = {{ service = 'web', port = 'http'{rate}{requests} }}");
    format!("workload = 'deployment/web'\nnamespace = '{}'\n{requests}\n{more}", bench.namespace)
}

/// Runs an action that has to fail, and shows how.
async fn failing(bench: &Workbench, action: &str, settings: &str) -> Failure {
    let failure = timed(action, bench.run(action, settings)).await.unwrap_err();
    println!("{failure}\n  {}\n  help: {}", failure.details.join("\n  "), failure.hints.join("\n  help: "));
    failure
}

/// What the workload says, how many pods it wants, and what the check has left in the namespace.
async fn state(bench: &Workbench) -> (String, u64, String) {
    let kube = bench.kube().await;
    let target = target(bench);
    assert_eq!(kube.left_on(&target).await.unwrap(), None);
    let wanted = kube.targets(std::slice::from_ref(&target), false).await.unwrap()[0].wanted;
    let services = bench.path("services");
    bench.command(&format!("-n {} get services -o name > {}", bench.namespace, services.display())).await;
    (kube.behaviour(&target).await.unwrap().unwrap(), wanted, fs_err::read_to_string(services).unwrap())
}

/// Runs an action that has to pass; if it does not, what it wrote and the pods are shown.
async fn passing(bench: &Workbench, action: &str, settings: &str) -> Output {
    let result = timed(action, bench.run(action, settings)).await;
    if result.is_err() {
        let kube = bench.kube().await;
        println!("{}\n{:#?}", bench.log(), kube.pods_behind(&bench.namespace, "web").await);
    }
    let output = result.unwrap();
    println!("{output:?}");
    output
}

async fn has_passed(bench: &Workbench, action: &str, settings: &str) -> Output {
    let before = (state(bench).await, bench.inputs(action, settings).await);
    let output = passing(bench, action, settings).await;
    assert_eq!((state(bench).await, bench.inputs(action, settings).await), before, "{action} left something");
    assert_eq!(bench.probe(action, settings, &output).await, Presence::Present);
    assert_eq!(output.get("failed"), Some("0"));
    assert!(output.get("requests").unwrap().parse::<u32>().unwrap() > 20, "{output:?}");
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_made_well_passes_every_exercise_and_stays_as_it_is() {
    let bench = Workbench::new("exercise").await;
    bench.write("next/Dockerfile", &format!("FROM {IMAGE}\nRUN echo 2 > /version\n"));
    let next = bench.run("docker-build", "context = 'next'\nimage = 'provision-live/exercise'").await.unwrap();
    let next = next.get("image").unwrap().to_owned();
    bench.run("image-load", &format!("image = '{next}'")).await.unwrap();
    deploy(&bench, &deployment(&bench, 2)).await;
    let image = format!("image = '{next}'");

    let output = has_passed(&bench, "rollout-update", &settings(&bench, "", &image)).await;
    assert_ne!(output.get("images"), output.get("updated-images"));
    let output = has_passed(&bench, "rollout-undo", &settings(&bench, "", &image)).await;
    assert!(output.get("undo-ms").unwrap().parse::<u32>().unwrap() > 0);
    let output = has_passed(&bench, "recovery-check", &settings(&bench, "", "")).await;
    assert_ne!(output.get("deleted"), output.get("replaced-by"));

    // A run was killed while it had three pods.
    let kube = bench.kube().await;
    let run = RunId::new("20261126-050231-1a2b3c4d").unwrap();
    let checkout = checkout_id(bench.tools.state_dir()).unwrap();
    let killed = Exerciser { checkout, run: Some(run), step: "live.step".into() };
    kube.exercise(&target(&bench), &Change::Replicas(1), &killed).await.unwrap();
    let scale = settings(&bench, ", pod-header = 'x-pod'", "replicas = 3");
    assert!(matches!(bench.probe("scale-check", &scale, &Output::new()).await, Presence::Missing(_)));
    let output = passing(&bench, "scale-check", &scale).await;
    assert_eq!((output.get("before"), output.get("failed")), (Some("2"), Some("0")), "{output:?}");
    assert_eq!(output.get("reached").unwrap().split(' ').count(), 3);
    assert!(bench.log().contains("left by a run that was killed: deployment/web: the number of pods is 2 again"));

    // One is stopped while it has three pods.
    let cancel = bench.cancel.child();
    let step = bench.step_with("scale-check", &scale, cancel.clone());
    let stopping = async {
        while kube.left_on(&target(&bench)).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        cancel.wind_down();
    };
    let (stopped, ()) = tokio::join!(step.action.run(&step.cx), stopping);
    assert_eq!(stopped.unwrap_err().kind, FailureKind::Interrupted);
    let (_, wanted, services) = state(&bench).await;
    assert_eq!((wanted, services.as_str()), (2, "service/web\n"));
    let failure = failing(&bench, "rollout-update", &settings(&bench, "", &format!("image = '{IMAGE}'"))).await;
    assert!(failure.to_string().contains("already, so that nothing would be seen"), "{failure}");
    let docker = bench.tools.docker().await.unwrap();
    docker.remove_image(&next).await.unwrap();
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_without_readiness_shows_its_failed_requests() {
    let bench = Workbench::new("unready").await;
    let mut web = deployment(&bench, 1);
    let container = &mut web["spec"]["template"]["spec"]["containers"][0];
    container["command"][2] = SERVER.replace("WAIT", "2").into();
    container.as_object_mut().unwrap().remove("readinessProbe");
    deploy(&bench, &web).await;
    let before = state(&bench).await;
    let restart = settings(&bench, "", "restart = true");
    let failure = failing(&bench, "rollout-update", &restart).await;
    assert!(failure.message.contains("requests to service/web:http/ failed during the update"), "{failure}");
    assert!(failure.details[0].contains("connection refused; then: 1 ready"), "{:?}", failure.details);
    assert_eq!(state(&bench).await, before);
    // As many as may fail.
    let output = bench.run("rollout-update", &settings(&bench, ", max-failed = 1000", "restart = true")).await.unwrap();
    assert!(output.get("failed").unwrap().parse::<u32>().unwrap() > 10, "{output:?}");
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_end_while_they_are_still_asked_lose_requests() {
    let bench = Workbench::new("abrupt").await;
    let mut web = deployment(&bench, 3);
    web["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove("lifecycle");
    web["spec"]["revisionHistoryLimit"] = 0.into();
    deploy(&bench, &web).await;
    let restart = settings(&bench, ", rate = 50", "restart = true");
    let failure = failing(&bench, "rollout-update", &restart).await;
    assert!(failure.message.contains("failed during the update of deployment/web"), "{failure}");
    // There is nothing to go back to; and the deployment is as it was.
    let before = state(&bench).await;
    bench.write("next/Dockerfile", &format!("FROM {IMAGE}\nRUN echo 3 > /version\n"));
    let next = bench.run("docker-build", "context = 'next'\nimage = 'provision-live/exercise'").await.unwrap();
    let next = next.get("image").unwrap().to_owned();
    bench.run("image-load", &format!("image = '{next}'")).await.unwrap();
    let undo = format!("workload = 'deployment/web'\nnamespace = '{}'\nimage = '{next}'", bench.namespace);
    let failure = failing(&bench, "rollout-undo", &undo).await;
    assert!(failure.message.contains("keeps no earlier version"), "{failure}");
    assert_eq!(state(&bench).await, before);
    bench.tools.docker().await.unwrap().remove_image(&next).await.unwrap();
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_can_not_scale_or_be_replaced_unnoticed_fails() {
    let bench = Workbench::new("alone").await;
    let mut web = deployment(&bench, 1);
    let spec = &mut web["spec"]["template"]["spec"];
    spec["containers"][0]["resources"] = json!({"requests": {"memory": "4Gi"}});
    spec["containers"][0].as_object_mut().unwrap().remove("lifecycle");
    spec["volumes"] = json!([{"name": "tmp", "emptyDir": {}}]);
    deploy(&bench, &web).await;
    let before = state(&bench).await;
    let failure = failing(&bench, "scale-check", &settings(&bench, "", "replicas = 8")).await;
    assert!(failure.to_string().contains("Unschedulable"), "{failure}");
    assert_eq!(state(&bench).await, before);

    // Its data would be lost.
    let failure = failing(&bench, "recovery-check", &settings(&bench, "", "")).await;
    assert!(failure.to_string().contains("what is in tmp goes with it"), "{failure}");
    // The pod after it would be refused too: to delete this one by hand helps nobody.
    assert!(failure.hints.iter().all(|hint| !hint.contains(" delete pod ")), "{:?}", failure.hints);
    assert!(failure.hints.iter().any(|hint| hint.contains("disposable-volumes")), "{:?}", failure.hints);
    // It is the only one.
    let failure = failing(&bench, "recovery-check", &settings(&bench, "", "disposable-volumes = ['tmp']")).await;
    assert!(failure.message.contains("failed during the recovery of deployment/web"), "{failure}");
    // Nothing is changed of what does not answer before.
    let asked = settings(&bench, ", path = '/', status = 204", "replicas = 2");
    let failure = failing(&bench, "scale-check", &asked).await;
    assert!(failure.to_string().contains("does not answer, and nothing was changed: status 200"), "{failure}");
    assert_eq!(state(&bench).await, before);
    bench.clean_up().await;
}
