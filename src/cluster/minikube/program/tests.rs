//! Tests of `minikube`.

use super::*;
use crate::error::FailureKind;
use crate::redact::Redactor;
use crate::tools::Tools;
use crate::tools::fake::{FakeHost, fake_program};
use crate::tools::secrets::Secrets;

#[test]
fn every_state_is_told_apart() {
    let node = |host: &str, kubelet: &str, api: &str, config: &str| {
        format!(
            r#"{{"Name":"p","Host":"{host}","Kubelet":"{kubelet}","APIServer":"{api}","Kubeconfig":"{config}","Worker":false}}"#
        )
    };
    let running = node("Running", "Running", "Running", "Configured");
    let absent =
        r#"{"specversion":"1.0","type":"io.k8s.sigs.minikube.info","data":{"message":"Profile \"p\" not found."}}"#;
    let cases = [
        (running.clone(), Some(ClusterState::Running)),
        (format!("[{running},{running}]"), Some(ClusterState::Running)),
        (node("Running", "Running", "Running", "Misconfigured"), Some(ClusterState::Unlinked)),
        (node("Running", "Stopped", "Paused", "Configured"), Some(ClusterState::Paused)),
        (node("Stopped", "Stopped", "Stopped", "Stopped"), Some(ClusterState::Stopped)),
        (node("Running", "Stopped", "Stopped", "Misconfigured"), Some(ClusterState::Broken)),
        ("null".into(), Some(ClusterState::NoNode)),
        (absent.into(), Some(ClusterState::Absent)),
        (String::new(), None),
        ("panic: oh".into(), None),
    ];
    for (text, state) in cases {
        assert_eq!(parse_status(text.as_bytes()), state, "{text}");
    }
}

async fn fake(folder: &Path, script: &str) -> Minikube {
    let program = fake_program(folder, "minikube", script).await;
    Minikube::new(program, "p", Path::new("/k"))
}

fn spec() -> MinikubeCluster {
    MinikubeCluster {
        cpus: Some(Cpus(4)),
        memory: Some("8g".into()),
        start_args: vec![StartArg("--cni=bridge".into())],
        ..MinikubeCluster::default()
    }
}

fn tools(folder: &Path) -> Tools {
    let redactor = Redactor::new();
    let secrets = Secrets::new(std::collections::BTreeMap::new(), redactor.clone());
    Tools::new(folder.to_owned(), folder.join(".provision"), secrets, None, redactor)
}

const EVENTS: &str = r#"{"type":"io.k8s.sigs.minikube.step","data":{"currentstep":"3","totalsteps":"19","message":"Starting Node"}}
{"type":"io.k8s.sigs.minikube.error","data":{"message":"advice that is none of an error"}}
{"type":"io.k8s.sigs.minikube.warning","data":{"message":"You cannot change\n the CPUs"}}
klog
"#;

const ERROR: &str = r#"{"type":"io.k8s.sigs.minikube.error","data":{"name":"DRV_CP_ENDPOINT","message":"no ip","advice":"Recreate it:\n\t\tminikube delete {{.profileArg}}","url":"https://x","exitcode":"50"}}"#;

#[tokio::test]
async fn events_become_progress_and_lines_and_nothing_else_is_passed() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("events"), EVENTS).unwrap();
    let script = format!(
        "cd {}; echo \"$@ ${{KUBECONFIG%-*}} $DOCKER_HOST $MINIKUBE_DELETE_ON_FAILURE\" > args; cat events",
        folder.path().display()
    );
    let host = FakeHost::default();
    let seen = Mutex::new(Vec::new());
    let on_progress = |progress: Progress| seen.lock().unwrap().push(progress.to_string());
    let daemon = Endpoint { host: "unix:///d.sock".into(), origin: "the test".into(), tls: None };
    let minikube = fake(folder.path(), &script).await.with_daemon(&daemon);
    let tools = tools(folder.path());
    let session = Session::new(&tools, &host, &on_progress);
    minikube.start(&spec(), &session).await.unwrap();
    assert_eq!(host.warnings(), ["advice that is none of an error", "You cannot change the CPUs"]);
    assert_eq!(*seen.lock().unwrap(), ["3/19 Starting Node"]);
    assert_eq!(host.shown(), "Starting Node\nadvice that is none of an error\nYou cannot change the CPUs\nklog\n");
    assert_eq!(
        fs_err::read_to_string(folder.path().join("args")).unwrap(),
        "start -p p -o json --cpus=4 --memory=8g --cni=bridge /k.draft unix:///d.sock false\n"
    );
}

#[tokio::test]
async fn a_failure_has_minikubes_own_reason_and_advice() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("error"), ERROR).unwrap();
    let script = format!("cat {}/error; exit 50", folder.path().display());
    let minikube = fake(folder.path(), &script).await;
    let (tools, host) = (tools(folder.path()), FakeHost::default());
    let failure = minikube.start(&spec(), &Session::new(&tools, &host, &|_| ())).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    assert_eq!(failure.causes, ["DRV_CP_ENDPOINT: no ip"]);
    let advice = "minikube's advice, which loses all data in the cluster: Recreate it: minikube delete -p p";
    assert_eq!(failure.hints, [advice, "see https://x"]);
    assert_eq!(failure.details, ["DRV_CP_ENDPOINT: no ip"]);
    assert!(failure.message.ends_with("ended with exit code 50"), "{}", failure.message);
}
