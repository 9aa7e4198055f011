//! A cluster that is started, damaged in every way that happens, and repaired; in a profile of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use provision::action::Presence;
use provision::error::FailureKind;
use provision::model::Output;

use crate::workbench::{Workbench, timed};

const PROFILE: &str = "provision-repair";

async fn shell(bench: &Workbench, line: &str) {
    bench.run("command", &format!("run = \"\"\"{line}\"\"\"")).await.unwrap();
}

/// Damages the cluster by `line`, sees that the probe notices, and repairs it.
async fn repaired(bench: &Workbench, what: &str, line: &str, before: &Output) -> Output {
    shell(bench, line).await;
    let presence = timed(&format!("probe when {what}"), bench.probe("cluster-start", "", before)).await;
    assert!(matches!(presence, Presence::Missing(_)), "{what}");
    let output = timed(&format!("start when {what}"), bench.run("cluster-start", "")).await.unwrap();
    assert_eq!(bench.probe("cluster-start", "", &output).await, Presence::Present);
    output
}

/// What tells a cluster from another one: all outputs but minikube's warnings of the last start.
fn identity(output: &Output) -> [Option<&str>; 6] {
    ["name", "uid", "context", "kubeconfig", "version", "runtime"].map(|name| output.get(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_comes_back_from_whatever_happened_to_it() {
    let bench = Workbench::bare("repair", PROFILE, BTreeMap::new());
    let kubeconfig = bench.path(".provision/kubeconfig");
    delete(&bench, PROFILE).await;
    // While Kubernetes starts in the node; the other tests kill while minikube makes it.
    let output = finished_after_a_kill(&bench, 12).await;
    timed("probe", bench.probe("cluster-start", "", &output)).await;

    let pause = format!("minikube pause -p {PROFILE}");
    assert_eq!(identity(&repaired(&bench, "paused", &pause, &output).await), identity(&output));
    let docker_pause = format!("docker pause {PROFILE}");
    assert_eq!(identity(&repaired(&bench, "its container is paused", &docker_pause, &output).await), identity(&output));
    let stop = format!("KUBECONFIG={} minikube stop -p {PROFILE}", kubeconfig.display());
    assert_eq!(identity(&repaired(&bench, "stopped", &stop, &output).await), identity(&output));
    // What ran in it runs again.
    let rollout = "namespace = 'kube-system'\ndeployments = ['coredns']";
    timed("rollout after that", bench.run("rollout-check", rollout)).await.unwrap();
    let kill = format!("docker kill {PROFILE}");
    assert_eq!(identity(&repaired(&bench, "its container is killed", &kill, &output).await), identity(&output));
    let forget = format!("rm {}", kubeconfig.display());
    assert_eq!(identity(&repaired(&bench, "our kubeconfig is gone", &forget, &output).await), identity(&output));
    delete(&bench, PROFILE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_start_never_costs_what_somebody_has_put_into_the_cluster_since() {
    let profile = "provision-shared";
    let (ours, theirs) =
        (Workbench::bare("ours", profile, BTreeMap::new()), Workbench::bare("theirs", profile, BTreeMap::new()));
    delete(&ours, profile).await;
    let cancel = ours.cancel.child();
    let step = ours.step_with("cluster-start", "", cancel.clone());
    let killing = async {
        wait_for_certificates(&ours, profile).await;
        cancel.kill();
    };
    let (killed, ()) = tokio::join!(step.action.run(&step.cx), killing);
    assert_eq!(killed.unwrap_err().kind, FailureKind::Interrupted);
    // Another checkout finishes it, and uses it.
    let before = timed("the other checkout's start", theirs.run("cluster-start", "")).await.unwrap();
    theirs.command("create configmap hours-of-work --from-literal=a=b").await;
    let after = timed("our second start", ours.run("cluster-start", "")).await.unwrap();
    assert_eq!(before.get("uid"), after.get("uid"));
    theirs.command("get configmap hours-of-work").await;
    delete(&ours, profile).await;
}

/// Returns when the node that minikube is making has its certificates. Before that it may lack its ssh key, and then
/// only the checkout that creates it can go on, by creating it again.
async fn wait_for_certificates(bench: &Workbench, profile: &str) {
    let there = format!("docker exec {profile} test -e /var/lib/minikube/certs/ca.crt 2>/dev/null");
    shell(bench, &format!("for _ in $(seq 600); do {there} && exit; sleep 0.1; done; exit 1")).await;
}

/// Deletes the cluster of `profile`, if there is one.
pub(crate) async fn delete(bench: &Workbench, profile: &str) {
    let kubeconfig = bench.path(".provision/kubeconfig");
    shell(bench, &format!("KUBECONFIG={} minikube delete -p {profile}", kubeconfig.display())).await;
}

/// Starts the cluster from nothing, kills the start after this time, and sees that the next start finishes it.
pub(crate) async fn finished_after_a_kill(bench: &Workbench, seconds: u64) -> Output {
    let cancel = bench.cancel.child();
    let step = bench.step_with("cluster-start", "", cancel.clone());
    let killing = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        cancel.kill();
    };
    let (killed, ()) = tokio::join!(step.action.run(&step.cx), killing);
    if let Err(failure) = killed {
        assert_eq!(failure.kind, FailureKind::Interrupted);
    }
    timed(&format!("start after a kill at {seconds} s"), bench.run("cluster-start", "")).await.unwrap()
}
