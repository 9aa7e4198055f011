//! What is asked of minikube and Docker, by scripted ones; minikube's never brings a cluster up.

use crate::fake_cluster::FakeCluster;
use crate::fake_docker::FakeDocker;
use crate::sandbox::{Sandbox, Shown};

/// Prints the file `status` for `status`, and records all else. A start fails.
const MINIKUBE: &str = r#"
case $1 in
status) cat status ;;
start) echo "$1" >>world; echo "$DOCKER_HOST" >daemon-of-minikube; exit 1 ;;
*) echo "$1" >>world ;;
esac"#;

const ABSENT: &str =
    r#"{"specversion":"1.0","type":"io.k8s.sigs.minikube.info","data":{"message":"Profile \"pp\" not found."}}"#;
const BROKEN: &str =
    r#"{"Name":"pp","Host":"Running","Kubelet":"Stopped","APIServer":"Stopped","Kubeconfig":"Misconfigured"}"#;
const STOPPED: &str =
    r#"{"Name":"pp","Host":"Stopped","Kubelet":"Stopped","APIServer":"Stopped","Kubeconfig":"Stopped"}"#;
const UNLINKED: &str =
    r#"{"Name":"pp","Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Misconfigured"}"#;
const USERS: &str = "apiVersion: v1\nkind: Config\ncontexts: [{name: pp, context: {cluster: pp, user: pp}}]\n";

/// What etcd has of every new cluster, as far as it matters here.
const NEW: [&str; 3] = ["namespaces/kube-system", "pods/kube-system/etcd-p", "services/specs/default/kubernetes"];

fn with_settings(settings: &str) -> (Sandbox, FakeDocker) {
    let mut sandbox = Sandbox::new(&format!(
        "[pipeline]\nname = \"t\"\n[cluster]\nprovider = \"minikube\"\nname = \"pp\"\n{settings}\n[[stage]]\nid = \"s\"\n\
         [[stage.step]]\nid = \"a\"\naction = \"cluster-start\"\n"
    ));
    let docker = FakeDocker::serve(&mut sandbox);
    sandbox.tool("minikube", MINIKUBE);
    (sandbox, docker)
}

fn sandbox() -> (Sandbox, FakeDocker) {
    with_settings("")
}

/// A project whose first start was killed, with the volume that it had created.
fn killed_start() -> (Sandbox, FakeDocker) {
    let (sandbox, docker) = sandbox();
    sandbox.file("status", ABSENT).run(&["up"]).code(1);
    assert_eq!(sandbox.world(), ["start"]);
    (sandbox, docker)
}

#[test]
fn what_a_killed_first_start_left_is_created_again_when_nothing_is_in_it() {
    for (status, stored) in [(BROKEN, None), (BROKEN, Some(NEW)), (STOPPED, Some(NEW)), (UNLINKED, Some(NEW))] {
        let (sandbox, docker) = killed_start();
        docker.node(status != STOPPED);
        if let Some(keys) = stored {
            docker.etcd(&keys);
        }
        sandbox.file("status", status).run(&["up"]).code(1);
        let again = ["docker-stop", "delete", "start", "docker-stop", "delete", "start"];
        let first = usize::from(status == UNLINKED);
        assert_eq!(sandbox.world()[1 + first..], again, "{status} {stored:?}");
        let daemon = fs_err::read_to_string(sandbox.path("daemon-of-minikube")).unwrap();
        assert_eq!(daemon.trim(), format!("unix://{}", sandbox.path("docker.sock").display()));
    }
}

#[test]
fn r50_a_cluster_that_another_checkout_has_finished_and_used_is_never_deleted() {
    for status in [UNLINKED, BROKEN, STOPPED] {
        let (sandbox, docker) = killed_start();
        docker.node(status != STOPPED);
        docker.etcd(&[&NEW[..], &["secrets/default/precious"]].concat());
        sandbox.file("status", status).run(&["up"]).code(1).says("`secrets/default/precious`");
        assert!(!sandbox.world().contains(&"delete".to_owned()), "{status} {:?}", sandbox.world());
    }
    // Not with `--yes` either while it runs; its owner may have stopped it, and then `--yes` is a decision.
    for (status, deleted) in [(UNLINKED, false), (BROKEN, false), (STOPPED, true)] {
        let (sandbox, docker) = killed_start();
        docker.node(status != STOPPED);
        docker.etcd(&["secrets/default/precious"]);
        sandbox.file("status", status).run(&["up", "--yes"]).code(1);
        assert_eq!(sandbox.world().contains(&"delete".to_owned()), deleted, "{status}");
    }
}

#[test]
fn a_node_that_somebody_starts_right_before_the_deletion_is_not_deleted() {
    let (sandbox, docker) = killed_start();
    docker.node(false);
    docker.etcd(&NEW);
    docker.starts_before_deletion();
    sandbox.file("status", STOPPED).run(&["up", "--yes"]).code(1).says("was started after it was checked");
    assert!(!sandbox.world().contains(&"delete".to_owned()), "{:?}", sandbox.world());
}

#[test]
fn data_that_can_not_be_read_is_not_taken_for_an_empty_cluster() {
    for files in [&[("member/wal/0-0.wal", "log")][..], &[("member/snap/db", "\n")]] {
        let (sandbox, docker) = killed_start();
        docker.node(false);
        docker.etcd_files(files);
        sandbox.file("status", STOPPED).run(&["up"]).code(1).says("can't be read");
        assert!(!sandbox.world().contains(&"delete".to_owned()), "{files:?} {:?}", sandbox.world());
    }
}

#[test]
fn a_copied_marker_is_not_the_copys() {
    let (original, _) = killed_start();
    let marker = fs_err::read_to_string(original.path(".provision/cluster-making")).unwrap();
    let (copy, docker) = killed_start();
    // The original's node, with the original's label.
    docker.node(false);
    docker.volume_of(marker.trim().rsplit(' ').next().unwrap());
    let shown = copy.file(".provision/cluster-making", &marker).file("status", STOPPED).run(&["up", "--yes"]).code(1);
    shown.says("from another checkout: run `provision up` there");
    assert!(!copy.world().contains(&"delete".to_owned()), "{:?}", copy.world());
}

#[test]
fn r51_a_marker_from_elsewhere_proves_nothing() {
    for marker in ["pp\n", "pp start-0123456789abcdef\n"] {
        for status in [UNLINKED, BROKEN, STOPPED] {
            let (sandbox, docker) = sandbox();
            docker.node(status != STOPPED);
            docker.volume();
            sandbox.file("status", BROKEN).run(&["up"]).code(1);
            sandbox.file(".provision/cluster-making", marker).file("status", status).run(&["up", "--yes"]).code(1);
            for word in ["delete", "docker-stop"] {
                assert!(!sandbox.world().contains(&word.to_owned()), "{marker:?} {status} {:?}", sandbox.world());
            }
        }
    }
}

#[test]
fn a_cluster_that_was_up_for_anybody_is_never_deleted() {
    // One that was not created here.
    let (elsewhere, docker) = sandbox();
    docker.node(true);
    docker.volume();
    let shown = elsewhere.file("status", BROKEN).run(&["up"]).code(1);
    shown.says("minikube delete -p pp").keeps_quiet_about("another checkout");
    assert_eq!(elsewhere.world(), ["start", "stop", "start"]);
    // One that was begun here, and that the user has brought up.
    let (brought_up, docker) = killed_start();
    docker.node(true);
    brought_up.file(".kube/config", USERS).file("status", BROKEN).run(&["up"]).code(1).says("minikube delete -p pp");
    assert_eq!(brought_up.world(), ["start", "start", "stop", "start"]);
    // A kubeconfig that can't be read may know it.
    let (unreadable, docker) = killed_start();
    docker.node(true);
    unreadable.file(".kube/config", "contexts: [").file("status", BROKEN).run(&["up"]).code(1);
    assert_eq!(unreadable.world(), ["start", "start", "stop", "start"]);
}

#[test]
fn a_node_that_minikube_does_not_know_is_another_users_and_left_alone() {
    let (node, docker) = sandbox();
    docker.node(true);
    docker.volume();
    node.file("status", ABSENT).run(&["up"]).code(1).says("MINIKUBE_HOME");
    assert!(node.world().is_empty(), "{:?}", node.world());
    let (volume, docker) = sandbox();
    docker.volume();
    volume.file("status", ABSENT).run(&["up"]).code(1).says("docker volume rm pp");
    assert!(volume.world().is_empty(), "{:?}", volume.world());
    // Our own, of a start that was killed before minikube knew the profile.
    let (own, _docker) = killed_start();
    own.run(&["up"]).code(1);
    assert_eq!(own.world(), ["start", "start"]);
}

#[test]
fn an_ephemeral_cluster_may_be_deleted_without_a_question() {
    let (sandbox, docker) = with_settings("ephemeral = true");
    sandbox.file("status", ABSENT).run(&["up"]).code(1);
    docker.node(false);
    docker.etcd(&["secrets/default/precious"]);
    sandbox.file("status", STOPPED).run(&["up"]).code(1);
    assert!(sandbox.world().contains(&"delete".to_owned()), "{:?}", sandbox.world());
}

#[test]
fn a_setting_that_minikube_cant_change_fails_the_step_with_both_values() {
    let (sandbox, docker) = with_settings("memory = \"4g\"\ncpus = 2");
    docker.node(false);
    docker.volume();
    sandbox.file(".minikube/profiles/pp/config.json", r#"{"Driver":"docker","Memory":2048,"CPUs":2}"#);
    let shown = sandbox.file("status", STOPPED).run(&["up"]).code(1);
    shown.says("`memory` is 2048 MB, not `4g`").says("minikube delete -p pp");
    assert!(sandbox.world().is_empty(), "{:?}", sandbox.world());
}

/// The verdict on the item that the cluster proves, and what is said of its evidence.
fn of_item(shown: &Shown) -> (String, String) {
    let report: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let item = &report["items"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (text(&item["verdict"]), text(&item["evidence"][0]["stale"]))
}

#[test]
fn changed_settings_of_a_cluster_are_told_by_plan_and_report_and_nothing_is_touched() {
    let mut sandbox = Sandbox::new(
        "[pipeline]\nname = 't'\nchecklists = ['tasks.md']\n\
         [vars]\nmemory = '2g'\ncpus = 2\ndriver = 'docker'\nversion = 'v1.33.1'\n\
         [cluster]\nprovider = 'minikube'\nname = 'pp'\nmemory = '${{ vars.memory }}'\ncpus = '${{ vars.cpus }}'\n\
         driver = '${{ vars.driver }}'\nkubernetes-version = '${{ vars.version }}'\n\
         [[stage]]\nid = 's'\n[[stage.step]]\nid = 'a'\naction = 'cluster-start'\ncovers = ['T001']\n",
    );
    let docker = FakeDocker::serve(&mut sandbox);
    FakeCluster::serve(&sandbox, "pp");
    sandbox.file("tasks.md", "- [ ] T001 The cluster runs as [cluster] says\n");
    sandbox.run(&["up"]).code(0);
    docker.node(true);
    let profile = r#"{"Driver":"docker","Memory":2048,"CPUs":2,"KubernetesConfig":{"KubernetesVersion":"v1.33.1"}}"#;
    sandbox.file(".minikube/profiles/pp/config.json", profile);
    let done = |sandbox: &Sandbox| {
        sandbox.run(&["plan", "--exit-code"]).code(0);
        assert_eq!(of_item(&sandbox.run(&["report", "--format", "json"]).code(0)).0, "done");
    };
    done(&sandbox);
    let changes_nothing = || {
        let calls = fs_err::read_to_string(sandbox.path("calls")).unwrap();
        assert_eq!(calls.lines().filter(|call| call.starts_with("start")).count(), 1, "{calls}");
        assert!(["delete", "stop"].iter().all(|word| !calls.contains(word)), "{calls}");
        assert!(sandbox.world().is_empty(), "{:?}", sandbox.world());
    };
    let refused = [
        ("memory=4g", "`memory` is 2048 MB, not `4g`"),
        ("cpus=4", "`cpus` is 2, not 4"),
        ("driver=podman", "`driver` is `docker`, not `podman`"),
        ("version=v1.32.0", "`kubernetes-version` is v1.33.1, not the older `v1.32.0`"),
    ];
    // A newer Kubernetes is an upgrade, which a run can do.
    let upgrade = [("version=v1.34.0", "changed: kubernetes-version")];
    for (setting, told) in refused.into_iter().chain(upgrade) {
        // A column of the plan has no room for more.
        sandbox.run(&["plan", "--set", setting]).code(0).says(&told[..told.len().min(40)]);
        sandbox.run(&["plan", "--exit-code", "--set", setting]).code(10);
        let (verdict, evidence) = of_item(&sandbox.run(&["report", "--format", "json", "--set", setting]));
        assert_eq!(verdict, "stale", "{setting}");
        assert!(evidence.contains(told), "{setting}: {evidence}");
        changes_nothing();
        // The file says again what is.
        done(&sandbox);
    }
    for (setting, told) in refused {
        sandbox.run(&["up", "--yes", "--set", setting]).code(1).says(told).says("minikube delete -p pp");
        changes_nothing();
        // What stands in its way is said although it has failed since.
        sandbox.run(&["plan", "--set", setting]).code(0).says(&told[..told.len().min(40)]);
        sandbox.run(&["up"]).code(0);
        done(&sandbox);
    }
}

#[test]
fn a_cluster_is_created_here_as_its_volume_shows_also_in_later_runs() {
    let mut sandbox = Sandbox::new(
        "[pipeline]\nname = 't'\n[cluster]\nprovider = 'minikube'\nname = 'pp'\n[[stage]]\nid = 's'\n[[stage.step]]\n\
         id = 'a'\naction = 'cluster-start'\n[[stage]]\nid = 't'\n[[stage.step]]\nid = 'b'\naction = 'command'\n\
         run = 'echo ${{ steps.s.a.created }} >> world'\n",
    );
    let docker = FakeDocker::serve(&mut sandbox);
    FakeCluster::serve(&sandbox, "pp");
    // The start makes the node, in the volume that was created for it.
    docker.node(true);
    docker.lists_the_node();
    fs_err::rename(sandbox.path("daemon/container.json"), sandbox.path("daemon/node")).unwrap();
    let minikube = fs_err::read_to_string(sandbox.path("bin/minikube")).unwrap();
    let starts = "start*) cp \"$here/../daemon/node\" \"$here/../daemon/container.json\"; ";
    sandbox.tool("minikube", &minikube.replace("start*) ", starts));
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["true"]);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    // A later run finds that it is still the one that the first run made.
    sandbox.run(&["up", "--force=s.a"]).code(0);
    assert_eq!(sandbox.world(), ["true"]);
    // The node of another checkout, and one that minikube made without us.
    docker.volume_of("start-0123456789ab-0123456789abcdef");
    sandbox.run(&["up", "--force=s.a"]).code(0);
    assert_eq!(sandbox.world(), ["true", "false"]);
    docker.volume();
    sandbox.run(&["up", "--force=s.a"]).code(0);
    assert_eq!(sandbox.world(), ["true", "false"]);
}

#[test]
fn an_addon_of_a_cluster_that_has_none_is_an_error_with_its_place() {
    let sandbox = Sandbox::new(
        "[pipeline]\nname = \"t\"\n[cluster]\nprovider = \"context\"\ncontext = \"c\"\n[[stage]]\nid = \"s\"\n\
         [[stage.step]]\nid = \"a\"\naction = \"cluster-addon\"\naddon = \"ingress\"\n",
    );
    sandbox.run(&["plan"]).code(2).says("a cluster of provider `context` has no addons").says("pipeline.toml:10:10");
}

#[test]
fn r21_minikube_gets_no_link_in_the_place_of_our_kubeconfig_and_no_marker_is_read_through_one() {
    let (sandbox, _docker) = sandbox();
    let script = "case $1 in status) cat status ;; *) echo \"$1\" >>world; echo written >\"$KUBECONFIG\" ;; esac";
    sandbox.tool("minikube", script).file("victim", "precious");
    sandbox.file("status", STOPPED).run(&["up"]);
    assert_eq!(sandbox.world(), ["start"]);
    let state = |name: &str| sandbox.path(".provision").join(name);
    let link = |name: &str, target: &str| {
        drop(fs_err::remove_file(state(name)));
        std::os::unix::fs::symlink(sandbox.path(target), state(name)).unwrap();
    };
    for (status, target) in [(STOPPED, "victim"), (UNLINKED, "made-by-nobody")] {
        link("kubeconfig", target);
        sandbox.file("status", status).run(&["up"]).says("kubeconfig.foreign-").keeps_quiet_about("precious");
        assert!(!state("kubeconfig").is_symlink());
    }
    link("cluster-making", "victim");
    let calls = sandbox.world();
    for status in [STOPPED, UNLINKED] {
        sandbox.file("status", status).run(&["up"]).code(4).says("can't read the marker").keeps_quiet_about("precious");
    }
    assert_eq!(sandbox.world(), calls);
    assert_eq!(fs_err::read_to_string(sandbox.path("victim")).unwrap(), "precious");
    assert!(!sandbox.path("made-by-nobody").exists());
}

#[test]
fn the_volume_for_the_node_goes_if_no_container_took_it_and_this_very_start_made_it() {
    type Before = fn(&FakeDocker);
    let cases: [(Before, i32, bool); 3] = [
        (|_| (), 0, false),
        (FakeDocker::uses_volume, 0, true),
        (FakeDocker::volume_is_replaced_during_the_start, 1, true),
    ];
    for (before, code, stays) in cases {
        let (sandbox, docker) = sandbox();
        FakeCluster::serve(&sandbox, "pp");
        before(&docker);
        let shown = sandbox.run(&["up"]).code(code);
        if code != 0 {
            shown.says("the volume `pp` has to be deleted").says("it is not proven to be ours");
        }
        assert_eq!(docker.has_volume(), stays);
    }
}

#[test]
fn what_is_in_a_namespace_that_is_being_deleted_does_not_stand() {
    let mut sandbox = Sandbox::new(
        "[pipeline]\nname = 't'\n[cluster]\nprovider = 'minikube'\nname = 'pp'\n\
         [[stage]]\nid = 's'\n[[stage.step]]\nid = 'cluster'\naction = 'cluster-start'\n\
         [[stage.step]]\nid = 'service'\naction = 'manifest-apply'\nneeds = ['cluster']\nnamespace = 'default'\n\
         files = ['c.yaml']\nwait = false\n\
         [[stage.step]]\nid = 'secret'\naction = 'secret-apply'\nneeds = ['cluster']\nnamespace = 'default'\nname = 'keys'\n\
         data = { A = 'b' }\n",
    );
    sandbox.file("c.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: c}\nspec: {ports: [{port: 80}]}\n");
    let docker = FakeDocker::serve(&mut sandbox);
    let cluster = FakeCluster::serve(&sandbox, "pp");
    sandbox.run(&["up"]).code(0);
    docker.node(true);
    sandbox.run(&["plan", "--exit-code"]).code(0);
    cluster.begin_to_delete("default");
    for step in ["s.service", "s.secret"] {
        sandbox.run(&["why", step]).code(0).says("the namespace `default` is being deleted");
    }
    let up = sandbox.spawn(&["up", "--output", "lines"]);
    let waits = || sandbox.state_text().contains("is being deleted: waiting until it is gone");
    assert!((0..2000).any(|_| waits() || {
        std::thread::sleep(std::time::Duration::from_millis(10));
        false
    }));
    cluster.end_to_delete("default");
    let ended = up.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    sandbox.run(&["plan", "--exit-code"]).code(0);
}
