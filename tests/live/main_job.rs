//! The main job with the binary, as a user does it: the repository's own pipeline on a real cluster, killed,
//! interrupted, and with the cluster changed outside of provision.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::sandbox::{Sandbox, Shown, send, wait_until_gone};
use crate::workbench::IMAGE;

/// The cluster of these tests: made and deleted by them, so not the one that the other tests share.
const PROFILE: &str = "provision-test-job";

/// One at a time: two minikube starts beside each other take longer than one after the other on two processors.
static TURN: Mutex<()> = Mutex::new(());

fn my_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The repository's own pipeline and example in a folder of their own, with a cluster of this name.
pub(crate) fn own_pipeline(profile: &str) -> Sandbox {
    let root = env!("CARGO_MANIFEST_DIR");
    let text = fs_err::read_to_string(format!("{root}/pipeline.toml")).unwrap();
    let sandbox =
        Sandbox::live(&text.replace("name = \"todo-chatbot\"\ndriver", &format!("name = \"{profile}\"\ndriver")));
    for entry in walkdir::WalkDir::new(format!("{root}/examples")) {
        let entry = entry.unwrap();
        let name = entry.path().strip_prefix(root).unwrap();
        if entry.file_type().is_file() && !name.components().any(|part| part.as_os_str() == "node_modules") {
            fs_err::create_dir_all(sandbox.path(name).parent().unwrap()).unwrap();
            fs_err::copy(entry.path(), sandbox.path(name)).unwrap();
        }
    }
    sandbox
}

fn minikube(arguments: &str) {
    minikube_of(PROFILE, arguments);
}

/// Runs minikube for the cluster `profile`.
pub(crate) fn minikube_of(profile: &str, arguments: &str) {
    let command = duct::cmd("minikube", ["-p", profile].into_iter().chain(arguments.split(' ')));
    // A line of its own would stand between the test's name and its result, and hide its time.
    command.stderr_to_stdout().stdout_null().run().unwrap();
}

/// The verdict on every item.
pub(crate) fn verdicts(sandbox: &Sandbox) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&sandbox.run(&["report", "--format", "json"]).code(0).stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["items"].as_array().unwrap().iter().map(|item| (text(&item["id"]), text(&item["verdict"]))).collect()
}

#[test]
fn the_example_is_deployed_and_proven_through_kills_and_a_lost_cluster() {
    let _turn = my_turn();
    minikube("delete");
    let sandbox = own_pipeline(PROFILE);

    // Killed in the middle of `minikube start`.
    let run = sandbox.spawn(&["up", "--until", "cluster"]);
    wait_for_container();
    send("KILL", run.id());
    Shown::of(run);
    sandbox.run(&["status"]).code(0).says("in doubt");

    // The next run finishes the job.
    let shown = sandbox.run(&["up"]).code(0);
    assert!(shown.stdout.contains("verify.stored"), "{}", shown.stdout);
    let first = verdicts(&sandbox);
    let of = |prefix: &str| first.iter().filter(|(id, _)| id.starts_with(prefix)).count();
    assert_eq!((of("T"), of("CHK"), of("G")), (79, 16, 10));
    // Only what needs somebody else's images or assistants is proven in another way.
    for (id, verdict) in &first {
        let may_fall_back = id == "T019" || ("T058".."T066").contains(&id.as_str());
        assert!(verdict == "done" || verdict == "fallback" && may_fall_back, "{id}: {verdict}");
    }

    // A second one has nothing to do, and says so.
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.run(&["plan", "--exit-code"]).code(0);

    // The cluster is deleted outside of provision, and an image is gone from the daemon: what was in the cluster is
    // stale, and `up` builds, starts, delivers, deploys and verifies again. `long::lost` proves all of it again.
    minikube("delete");
    remove_images("todo-backend");
    let lost = verdicts(&sandbox);
    assert_eq!(verdict(&lost, "T018"), "stale");
    assert_eq!(verdict(&lost, "T054"), "stale");
    assert_eq!(verdict(&lost, "T012"), "done", "a file is no matter of the cluster");
    sandbox.run(&["up", "--until", "verify"]).code(0).says("build.backend");
    let again = verdicts(&sandbox);
    for id in ["T018", "T054", "T069"] {
        assert_eq!(verdict(&again, id), "done", "{id}");
    }
    minikube("delete");
}

fn verdict(verdicts: &[(String, String)], id: &str) -> String {
    verdicts.iter().find(|(item, _)| item == id).unwrap().1.clone()
}

/// Removes every image with this name from the daemon.
pub(crate) fn remove_images(name: &str) {
    let script = format!("docker images -q {name} | sort -u | xargs docker rmi -f");
    duct::cmd!("sh", "-c", script).stdout_null().run().unwrap();
}

/// Waits until minikube has made the node's container: the start is well under way then.
fn wait_for_container() {
    for _ in 0..600 {
        let found = duct::cmd!("docker", "ps", "-q", "-f", format!("name=^{PROFILE}$")).read().unwrap();
        if !found.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("minikube has made no container");
}

/// A pipeline whose only step builds an image that takes its time.
fn slow_build() -> Sandbox {
    let sandbox = Sandbox::live(
        "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"build\"\n[[stage.step]]\nid = \"slow\"\naction = \"docker-build\"\n\
         context = \"app\"\nimage = \"provision-test/slow\"\n",
    );
    sandbox.file("app/Dockerfile", &format!("FROM {IMAGE}\nRUN echo begun && sleep 987\n"));
    sandbox
}

/// The process of the RUN line, once it is there.
fn sleeper() -> u32 {
    for _ in 0..600 {
        if let Ok(pid) = duct::cmd!("pgrep", "-x", "-f", "sleep 987").stderr_null().read() {
            return pid.lines().next().unwrap().parse().unwrap();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the build never got to its RUN line");
}

#[test]
fn a_build_that_is_killed_or_interrupted_leaves_nothing_behind_and_up_finishes_it() {
    let _turn = my_turn();
    let sandbox = slow_build();
    for (signal, code) in [("KILL", -1), ("INT", 130)] {
        let run = sandbox.spawn(&["up"]);
        let pid = sleeper();
        send(signal, run.id());
        Shown::of(run).code(code);
        wait_until_gone(pid);
    }
    sandbox.run(&["plan"]).code(0).says("interrupted");
    sandbox.file("app/Dockerfile", &format!("FROM {IMAGE}\nRUN echo begun\n"));
    sandbox.run(&["up"]).code(0).says("provision-test/slow:");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    remove_images("provision-test/slow");
}

#[test]
fn a_socket_that_is_not_ours_to_use_is_told_with_the_group() {
    let sandbox = slow_build();
    // Root may use every socket, so this is somebody else.
    let binary = env!("CARGO_BIN_EXE_provision");
    let nobody_can = fs_err::metadata(binary).is_ok();
    assert!(nobody_can);
    let folder = sandbox.path("").display().to_string();
    let script = format!(
        "chmod 755 '{folder}' && cp '{binary}' '{folder}/provision' && chmod 777 '{folder}' && cd '{folder}' && \
         exec setpriv --reuid=65534 --regid=65534 --clear-groups ./provision up --trust"
    );
    let output = duct::cmd!("sh", "-c", script).stdout_capture().stderr_capture().unchecked().run().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("docker") && text.contains("group"), "{text}");
}
