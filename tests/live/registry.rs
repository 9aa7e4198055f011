//! F46 over the registry: every action runs twice, is stopped at its beginning, and runs again, with the same result.

use std::collections::BTreeMap;

use provision::action::Presence;
use provision::actions::ACTIONS;
use provision::error::FailureKind;
use provision::model::Output;
use provision::tools::secrets::SecretSource;

use crate::containers::{compose_file, server};
use crate::workbench::{IMAGE, Workbench, timed};

const IMAGE_NAME: &str = "provision-live/registry";

const MANIFEST: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: {{ .Values.image }}
        imagePullPolicy: Never
        command: [perl, -MIO::Socket::INET, -e]
        args:
        - |
          my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 9, ReuseAddr => 1) or die $!;
          while (my $c = $s->accept) { <$c>; print $c \"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok\"; close $c }
        readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

/// What leaves a deployment as it was, and takes a quarter of a minute each time.
const EXERCISES: [&str; 4] = ["rollout-update", "rollout-undo", "scale-check", "recovery-check"];

/// A workload without a chart.
const RAW: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: raw}
spec:
  selector: {matchLabels: {app: raw}}
  template:
    metadata: {labels: {app: raw}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: 'raw:1', imagePullPolicy: Never, command: [sleep, '1000']}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: raw}
data: {a: b}
";

/// Working settings of each action, in an order in which each finds what it needs. The test fails for an action without
/// settings here.
fn recipes(bench: &Workbench) -> Vec<(&'static str, String)> {
    let namespace = &bench.namespace;
    vec![
        ("tool-check", "tool = \"docker\"\ndaemon = true".into()),
        ("file-check", format!("path = \"app/Dockerfile\"\nassert = [\"base == '{IMAGE}'\"]")),
        (
            "chart-check",
            format!(
                "chart = 'chart'\nnamespace = '{namespace}'\n[[render]]\nname = 'a'\nset = {{ image = '{IMAGE}' }}\npresent = ['Service/web']"
            ),
        ),
        ("command", "run = \"echo made > out.txt\"\noutputs = [\"out.txt\"]".into()),
        ("docker-build", format!("context = \"app\"\nimage = \"{IMAGE_NAME}\"")),
        (
            "container-run",
            format!("image = \"{IMAGE}\"\ncommand = {}\nport = 8000\nstops-within = \"9s\"", server(8000)),
        ),
        ("compose-up", "files = [\"compose.yml\"]\nask = [{ service = \"web\", port = 8000 }]".into()),
        ("compose-down", "volumes = true".into()),
        ("confirm", "text = \"the tests may go on\"".into()),
        ("cluster-start", String::new()),
        ("cluster-addon", "addons = ['storage-provisioner', 'default-storageclass']".into()),
        // The name of what was just built is filled in.
        ("image-check", "image = \"BUILT\"\nfiles = [\"Dockerfile\"]".into()),
        ("policy-check", "rules = [\"limits\", \"yaml-indent-2\"]\nmanifests = [\"k8s.yaml\"]".into()),
        ("image-load", "image = \"BUILT\"".into()),
        (
            "secret-apply",
            format!("name = \"s\"\nnamespace = \"{namespace}\"\ndata = {{ KEY = \"${{{{ secrets.KEY }}}}\" }}"),
        ),
        ("manifest-apply", format!("files = ['k8s']\nnamespace = '{namespace}'\nimages = {{ raw = '{IMAGE}' }}")),
        ("manifest-delete", format!("files = ['k8s']\nnamespace = '{namespace}'")),
        (
            "helm-install",
            format!("chart = 'chart'\nrelease = 'web'\nnamespace = '{namespace}'\nset = {{ image = '{IMAGE}' }}"),
        ),
        ("helm-rollback", format!("release = 'web'\nnamespace = '{namespace}'")),
        ("rollout-check", format!("namespace = '{namespace}'\ndeployments = ['web']")),
        (
            "resource-check",
            format!(
                "kind = 'Deployment'\nname = 'web'\nnamespace = '{namespace}'\nassert = ['status.readyReplicas == spec.replicas']\nwithin = '30s'"
            ),
        ),
        ("rollout-update", exercise(bench, "restart = true")),
        ("rollout-undo", exercise(bench, "image = \"BUILT\"")),
        ("scale-check", exercise(bench, "replicas = 2")),
        ("recovery-check", exercise(bench, "")),
        ("http-check", format!("namespace = '{namespace}'\nservice = 'web'\nport = 80\npath = '/'\nstatus = 200")),
        ("port-check", format!("namespace = '{namespace}'\nservice = 'web'\nport = 80")),
    ]
}

/// Settings of an action that exercises `web`, whose only pod is allowed to lose requests.
fn exercise(bench: &Workbench, more: &str) -> String {
    let requests = "requests = { service = 'web', port = 80, max-failed = 10000 }";
    format!("workload = 'deployment/web'\nnamespace = '{}'\n{requests}\n{more}", bench.namespace)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_runs_twice_and_is_stopped_and_runs_again() {
    let secrets = BTreeMap::from([("KEY".to_owned(), SecretSource::Generate { bytes: 16 })]);
    let bench = Workbench::with_secrets("registry", secrets).await;
    bench.write("app/Dockerfile", &format!("FROM {IMAGE}\nCOPY Dockerfile /\n"));
    bench.write("compose.yml", &compose_file());
    bench.write("k8s/raw.yaml", RAW);
    bench.write("k8s.yaml", "kind: Pod\nmetadata:\n  name: x\nspec:\n  containers:\n  - name: c\n    resources: {limits: {cpu: 1, memory: 1Gi}}\n");
    bench.write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    bench.write("chart/values.yaml", "image: none\n");
    bench.write("chart/templates/all.yaml", MANIFEST);
    let recipes = recipes(&bench);
    let missing: Vec<&str> = ACTIONS
        .iter()
        .map(|action| action.name)
        .filter(|name| !recipes.iter().any(|(known, _)| known == name))
        .collect();
    assert!(missing.is_empty(), "no recipe for {missing:?}");
    let mut built = String::new();
    for (action, settings) in recipes {
        let settings = settings.replace("BUILT", &built);
        let first = timed(action, bench.run(action, &settings)).await.unwrap();
        if action == "docker-build" {
            first.get("image").unwrap().clone_into(&mut built);
        }
        present(&bench, action, &settings, &first).await;
        // An exercise has its second run after the stops at its beginning.
        if !EXERCISES.contains(&action) {
            let second = bench.run(action, &settings).await.unwrap();
            assert_eq!(
                identity(action, &second),
                identity(action, &first),
                "{action} made something else the second time"
            );
            present(&bench, action, &settings, &second).await;
        }

        // Stopped before it has begun, and a moment later: it says so, and the next run is none the worse for it.
        for delay in [0, 30] {
            let cancel = bench.cancel.child();
            let step = bench.step_with(action, &settings, cancel.clone());
            let asked = async {
                tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
                cancel.wind_down();
            };
            match tokio::join!(step.action.run(&step.cx), asked).0 {
                // It was done sooner.
                Ok(output) => assert_eq!(identity(action, &output), identity(action, &first), "{action}"),
                Err(failure) => assert_eq!(failure.kind, FailureKind::Interrupted, "{action}: {failure}"),
            }
        }
        let last = bench.run(action, &settings).await.unwrap();
        assert_eq!(identity(action, &last), identity(action, &first), "{action} after it was stopped");
        present(&bench, action, &settings, &last).await;
    }
    // Whatever was done to the release since, it is as it was released.
    let kube = bench.kube().await;
    let release = kube.latest_release(&bench.namespace, "web").await.unwrap().unwrap();
    assert_eq!(kube.release_drift(&release, &|_| false).await.unwrap().summary(), None);
    let docker = bench.tools.docker().await.unwrap();
    docker.remove_image(&built).await.unwrap();
    bench.clean_up().await;
}

async fn present(bench: &Workbench, action: &str, settings: &str, output: &Output) {
    assert_eq!(bench.probe(action, settings, output).await, Presence::Present, "{action}");
}

/// The facts that name what was made; others tell what the run did: bytes sent, milliseconds, a release's revision.
fn identity(action: &str, output: &Output) -> BTreeMap<String, String> {
    let told: &[&str] = match action {
        "image-load" => &["sent"],
        "http-check" => &["ms"],
        "container-run" => &["ready-ms", "stopped-ms"],
        "compose-up" => &["url-web"],
        "compose-down" => &["containers", "networks", "volumes"],
        "confirm" => &["at"],
        "helm-install" => &["revision", "record"],
        "rollout-update" => &["requests", "failed", "slowest-ms", "longest-gap-ms", "update-ms", "back-ms"],
        "rollout-undo" => &["requests", "failed", "slowest-ms", "longest-gap-ms", "undo-ms", "revision"],
        "scale-check" => &["requests", "failed", "slowest-ms", "longest-gap-ms", "scale-ms", "reached"],
        "recovery-check" => {
            &["requests", "failed", "slowest-ms", "longest-gap-ms", "recovery-ms", "deleted", "replaced-by"]
        }
        "manifest-delete" => &["deleted"],
        _ => &[],
    };
    output
        .iter()
        .filter(|(name, _)| !told.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
