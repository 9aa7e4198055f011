//! What is asked of minikube, by a scripted one that never brings a cluster up.

use crate::sandbox::Sandbox;

/// Says what `status` has to say, and notes all else. A start fails.
const MINIKUBE: &str = r#"
case $1 in
status) cat status ;;
start) echo "$1" >>world; exit 1 ;;
*) echo "$1" >>world ;;
esac"#;

const ABSENT: &str =
    r#"{"specversion":"1.0","type":"io.k8s.sigs.minikube.info","data":{"message":"Profile \"p\" not found."}}"#;
const BROKEN: &str =
    r#"{"Name":"p","Host":"Running","Kubelet":"Stopped","APIServer":"Stopped","Kubeconfig":"Misconfigured"}"#;
const UNLINKED: &str =
    r#"{"Name":"p","Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Misconfigured"}"#;
const USERS: &str = "apiVersion: v1\nkind: Config\ncontexts: [{name: p, context: {cluster: p, user: p}}]\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(
        "[pipeline]\nname = \"t\"\n[cluster]\nprovider = \"minikube\"\nname = \"p\"\n[[stage]]\nid = \"s\"\n\
         [[stage.step]]\nid = \"a\"\naction = \"cluster-start\"\n",
    );
    sandbox.tool("minikube", MINIKUBE).tool("docker", "exit 0");
    sandbox
}

#[test]
fn a_cluster_whose_first_start_was_killed_is_deleted_and_started_again() {
    let sandbox = sandbox();
    sandbox.file("status", ABSENT).run(&["up"]).code(1);
    assert_eq!(sandbox.world(), ["start"]);
    let again = ["delete", "start", "delete", "start"];
    sandbox.file("status", BROKEN).run(&["up"]).code(1);
    assert_eq!(sandbox.world()[1..], again);
    // It runs, but its start did not get as far as writing a kubeconfig.
    sandbox.file("status", UNLINKED).run(&["up"]).code(1);
    assert_eq!(sandbox.world()[5..], again);
}

#[test]
fn a_cluster_that_was_up_for_anybody_is_never_deleted() {
    // One that was not begun here.
    let begun_elsewhere = sandbox();
    begun_elsewhere.file("status", BROKEN).run(&["up"]).code(1).says("minikube delete -p p");
    assert_eq!(begun_elsewhere.world(), ["start", "stop", "start"]);
    // One that was begun here, and that the user has brought up.
    let brought_up = sandbox();
    brought_up.file("status", ABSENT).run(&["up"]).code(1);
    brought_up.file(".kube/config", USERS).file("status", BROKEN).run(&["up"]).code(1).says("minikube delete -p p");
    assert_eq!(brought_up.world(), ["start", "start", "stop", "start"]);
    // A kubeconfig that can't be read may know it.
    let unreadable = sandbox();
    unreadable.file("status", ABSENT).run(&["up"]).code(1);
    unreadable.file(".kube/config", "contexts: [").file("status", BROKEN).run(&["up"]).code(1);
    assert_eq!(unreadable.world(), ["start", "start", "stop", "start"]);
}
