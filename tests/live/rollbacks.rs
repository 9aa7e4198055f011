//! Releases that are rolled back.

use provision::action::Presence;
use provision::tools::helm::call_id;

use crate::releases::{TEMPLATE, chart, field, settings, until_pending};
use crate::workbench::{Workbench, timed};

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_rolled_back_once_and_what_was_installed_is_there_again() {
    let bench = Workbench::new("rollback").await;
    chart(&bench, TEMPLATE);
    let (first, second) = (settings(&bench, ""), settings(&bench, ", note = 'new', replicas = 2"));
    let installed = bench.run("helm-install", &first).await.unwrap();
    let upgraded = bench.run("helm-install", &second).await.unwrap();
    let back = format!("release = 'app'\nnamespace = '{}'\nto = 'previous'", bench.namespace);
    let output = timed("helm-rollback", bench.run("helm-rollback", &back)).await.unwrap();
    let facts = ["from", "to", "revision", "pods"].map(|name| output.get(name).unwrap().to_owned());
    assert_eq!(facts, ["2", "1", "3", "1"]);
    assert_eq!(field(&bench, "configmap/app", ".data.note").await, "of the file");
    assert_eq!(timed("its probe", bench.probe("helm-rollback", &back, &output)).await, Presence::Present);
    assert_eq!(bench.run("helm-rollback", &back).await.unwrap(), output);
    // What the first step has installed is there again; what the second one has is not.
    assert_eq!(bench.probe("helm-install", &first, &installed).await, Presence::Present);
    assert!(matches!(bench.probe("helm-install", &second, &upgraded).await, Presence::Missing(_)));
    let rollout = format!("namespace = '{}'\nrelease = 'app'\nrevision = '1'", bench.namespace);
    bench.run("rollout-check", &rollout).await.unwrap();
    // Forward again, and a change by hand.
    let forward = bench.run_as("live.one", "helm-rollback", &back.replace("previous", "2")).await.unwrap();
    assert_eq!((forward.get("revision"), forward.get("pods")), (Some("4"), Some("2")));
    let missing = bench.probe("helm-rollback", &back, &output).await;
    assert_eq!(missing, Presence::Missing("the release `app` is at revision 4, which is not as revision 1 was".into()));
    let again = bench.run("helm-rollback", &back.replace("previous", "1")).await.unwrap();
    assert_eq!(again.get("revision"), Some("5"));
    bench.command(&format!("-n {} scale deployment app --replicas=0", bench.namespace)).await;
    assert!(matches!(bench.probe("helm-rollback", &back, &again).await, Presence::Missing(_)));
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_of_ours_that_was_killed_is_freed_and_finished() {
    let bench = Workbench::new("unrolled").await;
    chart(&bench, TEMPLATE);
    bench.run("helm-install", &settings(&bench, ", command = ['/bin/false']")).await.unwrap();
    bench.run("helm-install", &settings(&bench, ", note = 'new'")).await.unwrap();
    let (kubectl, helm, namespace) = (bench.kube().await.kubectl(), bench.helm(), &bench.namespace);
    let note = format!("provision.dev/rollback='live/live.step {} 2'", call_id());
    let line = format!(
        "{kubectl} -n {namespace} annotate secret sh.helm.release.v1.app.v1 {note}; {helm} rollback app 1 --wait & pid=$!
         {}; kill -9 $pid",
        until_pending(&bench)
    );
    bench.run("command", &format!("run = \"\"\"{line}\"\"\"")).await.unwrap();
    let back = format!("release = 'app'\nnamespace = '{namespace}'");
    // The first revision never comes up: helm has rolled back, and the step says what is wrong.
    let failure = bench.run("helm-rollback", &back).await.unwrap_err();
    assert!(failure.to_string().contains("deployment/app is not coming up"), "{failure}");
    let log = bench.log();
    assert!(
        log.contains("deleted the record of revision 3") && log.contains("rolled back from revision 2 to 1"),
        "{log}"
    );
    bench.clean_up().await;
}
