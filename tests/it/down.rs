//! `provision down`: what provision made goes, and only that; it is shown first, and twice is fine.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::fake_docker::FakeDocker;
use crate::fake_engine::FakeEngine;
use crate::sandbox::{Sandbox, Shown, steps};

/// A checkout with a compose project that runs, and somebody else's beside it.
pub(crate) fn with_services() -> (Sandbox, FakeEngine) {
    let mut sandbox = Sandbox::new(
        "[pipeline]\nname = \"shop\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"up\"\naction = \"compose-up\"\n\
         files = [\"compose.yml\"]\n",
    );
    sandbox.file("compose.yml", "services: {}\n");
    let engine = FakeEngine::serve(&mut sandbox);
    fs_err::create_dir(sandbox.path(".provision")).unwrap();
    let folder = fs_err::canonicalize(sandbox.path(".provision")).unwrap();
    let ours = provision::tools::compose::project_name("shop", &folder, None).unwrap();
    for project in [ours.as_str(), "theirs"] {
        let labels = json!({"com.docker.compose.project": project});
        let mut world = engine.world();
        world
            .containers
            .push(json!({"Id": format!("id-{project}"), "Name": format!("/{project}-web"), "Image": "sha256:0",
            "State": {"Status": "running", "Running": true}, "Config": {"Labels": labels}}));
        world
            .networks
            .push(json!({"Id": format!("{project}-net"), "Name": format!("{project}-net"), "Labels": labels}));
        world.volumes.push(json!({"Name": format!("{project}-data"), "Labels": labels, "Driver": "local",
            "Mountpoint": "/v", "Options": {}, "Scope": "local"}));
    }
    engine.image(
        "web",
        crate::fake_engine::Image { id: "sha256:0".into(), ..crate::fake_engine::Image::web("a", 200, "") },
    );
    (sandbox, engine)
}

fn n_left(engine: &FakeEngine) -> [usize; 3] {
    let world = engine.world();
    [world.containers.len(), world.networks.len(), world.volumes.len()]
}

#[test]
fn what_was_made_is_shown_and_goes_with_a_yes_and_nothing_else_does() {
    let (sandbox, engine) = with_services();
    let shown = sandbox.run(&["down", "--dry-run"]).code(0);
    shown
        .says("the compose project `shop-")
        .says("1 container, 1 network, 1 volume")
        .says("may be lost: the volumes shop-");
    let shown = sandbox.run(&["down", "--dry-run", "--format", "json"]).code(0);
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    let removal = &document["removals"][0];
    assert_eq!((&removal["step"], &removal["detail"]), (&"s.up".into(), &"1 container, 1 network, 1 volume".into()));
    assert!(removal["subject"].as_str().unwrap().starts_with("the compose project `shop-"), "{document:#}");
    assert!(removal["may_be_lost"].as_str().unwrap().starts_with("the volumes shop-"), "{document:#}");
    assert!(!removal["by_hand"].as_str().unwrap().is_empty());
    assert_eq!(
        (&document["removals"][1], &document["stays"], &document["errors"]),
        (&Value::Null, &json!([]), &json!([]))
    );
    let refused = sandbox.run(&["down"]).code(2).says("nobody can be asked, and nothing was removed");
    assert_eq!(refused.stdout, "", "what nobody agreed to is no data");
    refused.says("1 container, 1 network, 1 volume").says("provision down --yes");
    assert_eq!(n_left(&engine), [2, 2, 2]);
    let removed = sandbox.run(&["down", "--yes"]).code(0).says("removed the compose project `shop-");
    assert_eq!(removed.stdout, "");
    assert_eq!(n_left(&engine), [1, 1, 1]);
    assert!(engine.names()[0].starts_with("theirs"), "{:?}", engine.names());
    sandbox.run(&["down", "--yes"]).code(0).says("there is nothing to remove");
}

#[test]
fn a_person_at_a_terminal_is_asked() {
    let (sandbox, engine) = with_services();
    let answer = |answer: &str| {
        let mut child = sandbox.on_a_terminal("down");
        child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
        Shown::of(child)
    };
    answer("n\n").code(0).says("remove it? [y/N]").says("nothing was removed");
    // The question reaches the person also where standard output goes elsewhere.
    let mut child = sandbox.on_a_terminal("down > out");
    child.stdin.as_mut().unwrap().write_all(b"n\n").unwrap();
    Shown::of(child).code(0).says("may be lost: the volumes shop-").says("remove it? [y/N]");
    assert_eq!(fs_err::read_to_string(sandbox.path("out")).unwrap(), "");
    assert_eq!(n_left(&engine), [2, 2, 2]);
    answer("y\n").code(0).says("removed the compose project");
    assert_eq!(n_left(&engine), [1, 1, 1]);
}

#[test]
fn nothing_is_removed_beside_a_run_or_for_a_pipeline_that_is_not_trusted() {
    let sandbox = Sandbox::new(&steps(&[("hang", "touch started; sleep 600", "")]));
    let mut run = sandbox.spawn(&["up"]);
    sandbox.wait_for("started");
    sandbox.run(&["down", "--yes"]).code(4).says("provision up");
    crate::sandbox::send("INT", run.id());
    run.wait().unwrap();
    let (mut sandbox, engine) = with_services();
    sandbox.env("PROVISION_TRUST", "");
    sandbox.run(&["down", "--yes"]).code(5).says("is not trusted");
    assert_eq!(n_left(&engine), [2, 2, 2]);
}

/// Deletes what it is asked to, and says of all else that it fails.
const MINIKUBE: &str = r"
case $1 in
delete) echo delete >>world; [ -e stubborn ] || rm -f daemon/container.json daemon/volume.json ;;
status) cat status ;;
*) exit 1 ;;
esac";

const ABSENT: &str =
    r#"{"specversion":"1.0","type":"io.k8s.sigs.minikube.info","data":{"message":"Profile \"pp\" not found."}}"#;

/// A checkout whose start of a cluster has created the volume of its node, and the node.
fn with_cluster() -> (Sandbox, FakeDocker) {
    let mut sandbox = Sandbox::new(
        "[pipeline]\nname = \"t\"\n[cluster]\nprovider = \"minikube\"\nname = \"pp\"\n[[stage]]\nid = \"s\"\n\
         [[stage.step]]\nid = \"a\"\naction = \"cluster-start\"\n",
    );
    let docker = FakeDocker::serve(&mut sandbox);
    sandbox.tool("minikube", MINIKUBE);
    sandbox.file("status", ABSENT).run(&["up"]).code(1);
    docker.node(true);
    (sandbox, docker)
}

#[test]
fn the_cluster_goes_with_its_flag_if_its_volume_shows_that_this_checkout_created_it() {
    let (sandbox, _docker) = with_cluster();
    sandbox.run(&["down", "--yes"]).code(0).says("there is nothing to remove");
    assert!(sandbox.world().is_empty());
    sandbox.run(&["down", "--cluster", "--dry-run"]).code(0).says("the cluster `pp`").says("everything in it is lost");
    sandbox.run(&["down", "--cluster", "--yes"]).code(0).says("removed the cluster `pp`");
    assert_eq!(sandbox.world(), ["delete"]);
    assert!(!sandbox.path(".provision/cluster-making").exists());
    sandbox.run(&["down", "--cluster", "--yes"]).code(0).says("there is nothing to remove");
    assert_eq!(sandbox.world(), ["delete"]);
}

#[test]
fn what_is_in_a_cluster_is_taken_down_with_it_and_one_that_stays_keeps_it_in_doubt() {
    for stays in [false, true] {
        let (sandbox, _docker) = with_cluster();
        let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
        // What the step did is on record, whatever it was.
        let keys = "[[stage.step]]\nid = \"keys\"\naction = \"command\"\nneeds = []\nrun = \"true\"\n";
        sandbox.file("pipeline.toml", &format!("{pipeline}{keys}")).run(&["up", "s.keys", "--only"]).code(0);
        sandbox.file("pipeline.toml", &format!("{pipeline}{SECRET}"));
        if stays {
            sandbox.file("stubborn", "");
        }
        sandbox.run(&["down", "--cluster", "--yes"]).code(i32::from(stays));
        let status: Value = serde_json::from_str(&sandbox.run(&["status", "--format", "json"]).code(0).stdout).unwrap();
        let both = [&status["steps"][0]["state"], &status["steps"][1]["state"]];
        let is = if stays { "in-doubt" } else { "taken-down" };
        assert_eq!(both, [is, is], "{status:#}");
    }
}

#[test]
fn a_cluster_of_somebody_else_stays_and_one_that_does_not_go_is_said() {
    let (sandbox, docker) = with_cluster();
    docker.volume_of("start-0123456789ab-0123456789abcdef");
    sandbox
        .run(&["down", "--cluster", "--yes"])
        .code(0)
        .says("was created from another checkout")
        .says("minikube delete -p pp");
    docker.volume();
    sandbox.run(&["down", "--cluster", "--yes"]).code(0).says("was not created by provision");
    assert!(sandbox.world().is_empty());
    let (sandbox, _docker) = with_cluster();
    sandbox.file("stubborn", "");
    sandbox.run(&["down", "--cluster", "--yes"]).code(1).says("the cluster `pp` was removed, and is there");
}

#[test]
fn a_cluster_that_is_not_there_is_not_asked_what_is_in_it() {
    let (sandbox, _docker) = with_cluster();
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &format!("{pipeline}{SECRET}"));
    sandbox.run(&["down", "--cluster", "--yes"]).code(0).says("removed the cluster `pp`");
    // What an earlier version has left leads nowhere.
    sandbox.file(".provision/kubeconfig", "of an earlier cluster");
    sandbox.run(&["down", "--yes"]).code(1).says("what is in the cluster `pp` can't be seen");
    let shown = sandbox.run(&["down", "--cluster", "--yes"]).code(0).says("there is nothing to remove");
    shown.keeps_quiet_about("can't be seen");
}

const SECRET: &str =
    "[[stage.step]]\nid = \"keys\"\naction = \"secret-apply\"\nname = \"keys\"\ndata = { A = \"b\" }\n";

#[test]
fn what_can_not_be_seen_is_not_said_to_be_nothing() {
    let sandbox = crate::context::project("kind-x", "", Some("http://127.0.0.1:1"));
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &(pipeline + SECRET));
    let shown = sandbox.run(&["down", "--dry-run"]).code(1).says("what is in the cluster `kind-x` can't be seen");
    shown.says("nothing that can be seen is to be removed").keeps_quiet_about("there is nothing to remove");
}

#[test]
fn a_container_that_keeps_a_network_is_named() {
    let (sandbox, engine) = with_services();
    let id = "7f".repeat(32);
    let mut world = engine.world();
    world.networks[0]["Id"] = json!(id);
    world.networks[0]["Containers"] = json!({"aa": {"Name": "their-proxy"}});
    let name = world.networks[0]["Name"].as_str().unwrap().to_owned();
    drop(world);
    let shown = sandbox.run(&["down", "--yes"]).code(1).says(&format!("removing the network `{name}`"));
    let shown = shown.says("has active endpoints").says("in it is: `their-proxy`");
    shown.says(&format!("docker network disconnect -f {name} their-proxy"));
    engine.world().networks[0]["Containers"] = json!({});
    sandbox.run(&["down", "--yes"]).code(0).says("removed the compose project `shop-");
}

#[test]
fn a_command_that_holds_the_lock_is_no_run() {
    let (sandbox, _engine) = with_services();
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let hang = "[[stage]]\nid = \"t\"\nneeds = []\n[[stage.step]]\nid = \"hang\"\naction = \"command\"\n\
                run = \"echo hello; touch started; sleep 30\"\n";
    sandbox.file("pipeline.toml", &(pipeline + hang));
    let mut run = sandbox.spawn(&["up", "t"]);
    sandbox.wait_for("started");
    while !sandbox.run(&["logs", "t.hang"]).stdout.contains("hello") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    crate::sandbox::send("KILL", run.id());
    run.wait().unwrap();
    let mut asks = sandbox.on_a_terminal("down");
    sandbox.wait_for_text(".provision/lock", "provision down", 1);
    let shown = sandbox.run(&["status"]).code(0).says("in doubt since").says("was killed");
    shown.keeps_quiet_about("running");
    let status: Value = serde_json::from_str(&sandbox.run(&["status", "--format", "json"]).code(0).stdout).unwrap();
    assert_eq!((&status["running"], &status["steps"][1]["state"]), (&json!(false), &json!("in-doubt")), "{status:#}");
    sandbox.run(&["graph"]).code(0).says("]:::doubt").keeps_quiet_about("]:::running");
    sandbox.run(&["status", "--watch"]).code(1).says("no run is on; the last one is");
    assert_eq!(sandbox.run(&["logs", "-f"]).code(0).stdout, "t.hang │ hello\n");
    let refused = sandbox.run(&["up"]).code(4).says("another command holds the lock").says("`provision down`");
    refused.keeps_quiet_about("how far it is");
    asks.stdin.as_mut().unwrap().write_all(b"n\n").unwrap();
    Shown::of(asks).code(0).says("nothing was removed");
}
