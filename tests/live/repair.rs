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
    let delete = format!("KUBECONFIG={} minikube delete -p {PROFILE}", kubeconfig.display());
    shell(&bench, &delete).await;
    let output = timed("cold start", bench.run("cluster-start", "")).await.unwrap();
    timed("probe", bench.probe("cluster-start", "", &output)).await;

    let pause = format!("minikube pause -p {PROFILE}");
    assert_eq!(identity(&repaired(&bench, "paused", &pause, &output).await), identity(&output));
    let stop = format!("KUBECONFIG={} minikube stop -p {PROFILE}", kubeconfig.display());
    assert_eq!(identity(&repaired(&bench, "stopped", &stop, &output).await), identity(&output));
    let kill = format!("docker kill {PROFILE}");
    assert_eq!(identity(&repaired(&bench, "its container is killed", &kill, &output).await), identity(&output));
    let forget = format!("rm {}", kubeconfig.display());
    assert_eq!(identity(&repaired(&bench, "our kubeconfig is gone", &forget, &output).await), identity(&output));
    // Another cluster, also for the probe.
    let again =
        repaired(&bench, "deleted outside of provision", &format!("minikube delete -p {PROFILE}"), &output).await;
    assert_ne!(again.get("uid"), output.get("uid"));
    shell(&bench, &delete).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_start_never_costs_what_somebody_has_put_into_the_cluster_since() {
    let profile = "provision-shared";
    let (ours, theirs) =
        (Workbench::bare("ours", profile, BTreeMap::new()), Workbench::bare("theirs", profile, BTreeMap::new()));
    let delete = format!("KUBECONFIG={} minikube delete -p {profile}", ours.path(".provision/kubeconfig").display());
    shell(&ours, &delete).await;
    let cancel = ours.cancel.child();
    let step = ours.step_with("cluster-start", "", cancel.clone());
    let killing = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
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
    shell(&ours, &delete).await;
}

/// Starts the cluster of `profile` from nothing, kills the start after each of these times (in seconds), and sees that
/// the next start finishes it.
pub(crate) async fn killed_and_finished(profile: &str, kills: &[u64]) {
    let bench = Workbench::bare(profile, profile, BTreeMap::new());
    let kubeconfig = bench.path(".provision/kubeconfig");
    let delete = format!("KUBECONFIG={} minikube delete -p {profile}", kubeconfig.display());
    for &seconds in kills {
        shell(&bench, &delete).await;
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
        let what = format!("start after a kill at {seconds} s");
        timed(&what, bench.run("cluster-start", "")).await.unwrap();
    }
    shell(&bench, &delete).await;
}

// While Kubernetes starts in the node, and while minikube waits for it; the test before kills while minikube makes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_was_killed_is_finished_by_the_next() {
    killed_and_finished("provision-killed", &[12, 22]).await;
}
