//! The cluster itself, rollouts and their causes, Secrets, and asking Services.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use provision::action::Presence;
use provision::error::{Failure, FailureKind};
use provision::model::Output;
use provision::tools::secrets::SecretSource;
use serde_json::{Value, json};

use crate::by_hand::edit_by_hand;
use crate::workbench::{IMAGE, PROFILE, Workbench, timed};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_runs_is_seen_without_a_process() {
    let bench = Workbench::new("start").await;
    let output = timed("cluster-start of a running cluster", bench.run("cluster-start", "")).await.unwrap();
    assert_eq!(output.get("context"), Some(PROFILE));
    let presence = timed("its probe", bench.probe("cluster-start", "", &output)).await;
    assert_eq!(presence, Presence::Present);
    let other = output.clone().with("uid", "another");
    assert!(matches!(bench.probe("cluster-start", "", &other).await, Presence::Missing(_)));
    bench.clean_up().await;
}

/// A deployment of one pod with one container, `c`.
pub(crate) fn deployment(bench: &Workbench, name: &str, container: &Value) -> Value {
    let mut container = container.clone();
    container["name"] = "c".into();
    if container.get("image").is_none() {
        container["image"] = IMAGE.to_string().into();
        container["imagePullPolicy"] = "Never".into();
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": bench.namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}}})
}

async fn failing_rollout(bench: &Workbench, name: &str, container: &Value) -> Failure {
    let kube = bench.kube().await;
    kube.ensure_namespace(&bench.namespace).await.unwrap();
    kube.apply_object(&deployment(bench, name, container)).await.unwrap();
    let settings = format!("namespace = '{}'\ndeployments = ['{name}']", bench.namespace);
    let failure = timed(name, bench.run("rollout-check", &settings)).await.unwrap_err();
    println!("{failure}\n  {}\n  help: {}", failure.details.join("\n  "), failure.hints.join("\n  help: "));
    failure
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_in_the_node_fails_fast_with_its_name() {
    let bench = Workbench::new("image").await;
    let container = json!({"image": "nobody/has-this:1", "imagePullPolicy": "Never"});
    let started = Instant::now();
    let failure = failing_rollout(&bench, "image", &container).await;
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(failure.causes[0].contains("ErrImageNeverPull"), "{failure}");
    assert!(failure.hints[0].contains("nobody/has-this:1"), "{:?}", failure.hints);
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_shows_exit_code_and_last_lines() {
    let bench = Workbench::new("crash").await;
    let container = json!({"command": ["sh", "-c", "echo one; echo no database at db:5432 >&2; exit 3"]});
    let failure = failing_rollout(&bench, "crash", &container).await;
    let details = failure.details.join("\n");
    assert!(failure.causes[0].contains("CrashLoopBackOff (exit code 3"), "{failure}");
    assert!(details.contains("| no database at db:5432"), "{details}");
    assert!(details.contains("event BackOff"), "{details}");
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_end_just_after_they_were_ready_are_seen_at_the_end_of_the_run() {
    let bench = Workbench::new("young").await;
    let kube = bench.kube().await;
    kube.ensure_namespace(&bench.namespace).await.unwrap();
    let container = json!({
        "command": ["sh", "-c", "until [ -e /tmp/end ]; do sleep 0.1; done; exit 3"],
        "readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1},
    });
    for (name, ends) in [("stays", false), ("ends", true)] {
        kube.apply_object(&deployment(&bench, name, &container)).await.unwrap();
        let settings = format!("namespace = '{}'\ndeployments = ['{name}']", bench.namespace);
        let output = timed(&format!("{name}: rollout"), bench.run("rollout-check", &settings)).await.unwrap();
        assert!(output.get("ready-at").is_some(), "{output:?}");
        if ends {
            bench.command(&format!("-n {} exec deployment/{name} -- touch /tmp/end", bench.namespace)).await;
            // It may be ready again when the run ends: then the restart says that it has ended.
            let restarted = "jsonpath={.status.containerStatuses[0].restartCount}=1";
            let waiting = format!("wait pod -l app={name} --for='{restarted}' --timeout=60s");
            bench.command(&format!("-n {} {waiting}", bench.namespace)).await;
        }
        match timed(&format!("{name}: end"), bench.probe("rollout-check", &settings, &output)).await {
            Presence::Present => assert!(!ends),
            Presence::Missing(why) => {
                assert!(ends, "{why}");
                assert!(why.contains("just after the pods were ready") && why.contains("exit code 3"), "{why}");
            }
        }
    }
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_named_with_what_to_do() {
    let bench = Workbench::new("missing").await;
    let from = json!({"secretKeyRef": {"name": "todo-secrets", "key": "JWT"}});
    let container = json!({"command": ["sleep", "1000"], "env": [{"name": "A", "valueFrom": from}]});
    let failure = failing_rollout(&bench, "missing", &container).await;
    assert!(failure.hints[0].contains("the secret `todo-secrets` is missing"), "{:?}", failure.hints);
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_rollout_says_what_it_waited_for() {
    let bench = Workbench::new("interrupt").await;
    let kube = bench.kube().await;
    kube.ensure_namespace(&bench.namespace).await.unwrap();
    let never = json!({"command": ["sh", "-c", "echo warming up; sleep 1000"],
        "readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1}});
    kube.apply_object(&deployment(&bench, "never", &never)).await.unwrap();
    let cancel = bench.cancel.clone();
    let settings = format!("namespace = '{}'\nselector = 'app=never'", bench.namespace);
    // The selector is of pods; the workload has no labels of its own.
    assert!(bench.run("rollout-check", &settings).await.unwrap_err().message.contains("nothing to check"));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(6)).await;
        cancel.wind_down();
    });
    let settings = format!("namespace = '{}'\ndeployments = ['never']", bench.namespace);
    let failure = bench.run("rollout-check", &settings).await.unwrap_err();
    println!("{failure}\n  {}", failure.details.join("\n  "));
    assert_eq!(failure.kind, FailureKind::Interrupted);
    let details = failure.details.join("\n");
    assert!(details.contains("readiness probe") && details.contains("| warming up"), "{details}");
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_secret_is_made_once_and_shared() {
    let sources = BTreeMap::from([("PW".to_owned(), SecretSource::Generate { bytes: 16 })]);
    let bench = Workbench::with_secrets("secret", sources).await;
    let namespace = &bench.namespace;
    let one = format!(
        "name = 'one'\nnamespace = '{namespace}'\ndata = {{ PW = '${{{{ secrets.PW }}}}', URL = 'a:${{{{ secrets.PW }}}}@b' }}"
    );
    let two = format!("name = 'two'\nnamespace = '{namespace}'\ndata = {{ P = '${{{{ secrets.PW }}}}' }}");
    let first = timed("secret-apply", bench.run("secret-apply", &one)).await.unwrap();
    assert_eq!(bench.run("secret-apply", &one).await.unwrap(), first);
    bench.run("secret-apply", &two).await.unwrap();
    let kube = bench.kube().await;
    let of_one = kube.secret(namespace, "one").await.unwrap().unwrap().data;
    let of_two = kube.secret(namespace, "two").await.unwrap().unwrap().data;
    let value = String::from_utf8(of_one["PW"].clone()).unwrap();
    assert_eq!((value.len(), &of_two["P"]), (32, &of_one["PW"]));
    assert_eq!(of_one["URL"], format!("a:{value}@b").into_bytes());
    assert!(!bench.log().contains(&value));
    assert!(first.iter().all(|(_, fact)| !fact.contains(&value)));
    assert_eq!(timed("its probe", bench.probe("secret-apply", &one, &first)).await, Presence::Present);
    // Changed or removed outside of provision.
    bench.command(&format!("-n {namespace} patch secret one -p '{{\"stringData\":{{\"URL\":\"x\"}}}}'")).await;
    assert!(matches!(bench.probe("secret-apply", &one, &first).await, Presence::Missing(_)));
    let failure = bench.run("secret-apply", &one).await.unwrap_err();
    println!("{failure}\n  {}", failure.hints.join("\n  "));
    assert!(failure.to_string().contains("`data.URL` that `kubectl-patch` set"), "{failure}");
    let bench = bench.consenting();
    let namespace = &bench.namespace;
    assert_eq!(bench.run("secret-apply", &one).await.unwrap(), first);
    bench.command(&format!("-n {namespace} delete secret one")).await;
    assert!(matches!(bench.probe("secret-apply", &one, &first).await, Presence::Missing(_)));
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_steps_share_a_secret_and_keep_their_keys() {
    let bench = Workbench::new("shared").await;
    let step = |data: &str| format!("name = 'shared'\nnamespace = '{}'\ndata = {{ {data} }}", bench.namespace);
    let keys = async || {
        let found = bench.kube().await.secret(&bench.namespace, "shared").await.unwrap().unwrap();
        found.data.into_keys().collect::<Vec<_>>().join(" ")
    };
    for _ in 0..2 {
        bench.run_as("live.one", "secret-apply", &step("ONE = '1'")).await.unwrap();
        bench.run_as("live.two", "secret-apply", &step("TWO = '2'")).await.unwrap();
        assert_eq!(keys().await, "ONE TWO");
    }
    let failure = bench.run_as("live.two", "secret-apply", &step("TWO = '2', ONE = '3'")).await.unwrap_err();
    println!("{failure}\n  {}", failure.hints.join("\n  "));
    assert!(failure.to_string().contains("`data.ONE` belongs to `provision/live/live.one`"), "{failure}");
    // As an older version left it: all under one manager, which the first step succeeds.
    bench.command(&format!("-n {} delete secret shared", bench.namespace)).await;
    let old = "apiVersion: v1\nkind: Secret\nmetadata: {name: shared}\ndata: {ONE: bw==, TWO: bw==}\n";
    bench.write("old.yaml", old);
    bench.command(&format!("-n {} apply --server-side --field-manager=provision -f old.yaml", bench.namespace)).await;
    bench.run_as("live.one", "secret-apply", &step("ONE = '1'")).await.unwrap();
    assert_eq!(keys().await, "ONE TWO");
    bench.run_as("live.two", "secret-apply", &step("THREE = '3', TWO = '2'")).await.unwrap();
    bench.run_as("live.two", "secret-apply", &step("THREE = '3'")).await.unwrap();
    assert_eq!(keys().await, "ONE THREE");
    bench.clean_up().await;
}

/// A server whose responses have the request's path and the pod.
const SERVER: &str = r#"use IO::Socket::INET; $| = 1; $h = `cat /etc/hostname`; chomp $h;
        $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 9, ReuseAddr => 1) or die;
        while ($c = $s->accept) { $l = <$c>; while (<$c>) { last if /^\r?\n/ } ($p) = $l =~ / (\S+)/;
        $st = $p =~ /bad/ ? "500 Oh" : "200 OK"; $b = qq({"path":"$p","pod":"$h","n":3});
        print $c "HTTP/1.1 $st\r\nContent-Length: ", length $b, "\r\nConnection: close\r\n\r\n$b"; close $c }"#;

/// A deployment of that server, and a Service before it.
async fn web(bench: &Workbench) {
    let container = json!({"command": ["perl", "-e", SERVER], "ports": [{"name": "web", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}});
    let kube = bench.kube().await;
    kube.ensure_namespace(&bench.namespace).await.unwrap();
    kube.apply_object(&deployment(bench, "web", &container)).await.unwrap();
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": bench.namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}});
    kube.apply_object(&service).await.unwrap();
    let settings = format!("namespace = '{}'\ndeployments = ['web']", bench.namespace);
    timed("rollout of web", bench.run("rollout-check", &settings)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_asked_through_a_forward_of_our_own() {
    let bench = Workbench::new("http").await;
    web(&bench).await;
    let base = format!("service = 'web'\nnamespace = '{}'\n", bench.namespace);
    let settings = format!(
        "{base}port = 'http'\npath = '/a?b=c'\nexpect = {{ '/path' = '/a?b=c', '/n' = 3 }}\nsave = {{ pod = '/pod' }}"
    );
    let output = timed("http-check", bench.run("http-check", &settings)).await.unwrap();
    assert_eq!(output.get("status"), Some("200"));
    assert!(output.get("pod").unwrap().starts_with("web-"));

    let failure = bench.run("http-check", &format!("{base}port = 80\npath = '/bad'\nattempts = 1")).await.unwrap_err();
    println!("{failure}\n  {}", failure.details.join("\n  "));
    assert!(failure.message.contains("responded with 500, not 200"), "{failure}");
    let details = failure.details.join("\n");
    assert!(details.contains("pod web-") && details.contains("Running, ready"), "{details}");

    let failure = bench.run("http-check", &format!("{base}port = 81")).await.unwrap_err();
    assert!(failure.to_string().contains("has no port 81: it has 80 (http)"), "{failure}");

    // A port in use names its holder.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let failure = bench.run("http-check", &format!("{base}port = 80\nlocal-port = {port}")).await.unwrap_err();
    assert!(failure.to_string().contains(&format!("process {}", std::process::id())), "{failure}");
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_passes_only_when_each_of_its_ready_pods_does() {
    let bench = Workbench::new("each").await;
    web(&bench).await;
    let bad = json!({"name": "c", "image": IMAGE.to_string(), "imagePullPolicy": "Never",
        "command": ["perl", "-e", SERVER.replace("200 OK", "500 Oh")], "ports": [{"name": "web", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "bad", "namespace": bench.namespace, "labels": {"app": "web"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [bad]}});
    bench.kube().await.apply_object(&pod).await.unwrap();
    bench.command(&format!("-n {} wait --for=condition=Ready pod/bad --timeout=60s", bench.namespace)).await;
    let settings = format!("service = 'web'\nnamespace = '{}'\nport = 80\nattempts = 1", bench.namespace);
    let failure = bench.run("http-check", &settings).await.unwrap_err();
    assert!(failure.message.contains("at the pod bad responded with 500, not 200"), "{failure}");
    // What may change something goes to one pod only, as a client's request would.
    let post = format!("{settings}0\nmethod = 'POST'\ninterval = '10ms'");
    assert_eq!(bench.run("http-check", &post).await.unwrap().get("status"), Some("200"));
    bench.command(&format!("-n {} delete pod bad", bench.namespace)).await;
    bench.run("http-check", &settings).await.unwrap();
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_survives_its_pods() {
    let bench = Workbench::new("survive").await;
    web(&bench).await;
    let settings = format!(
        "service = 'web'\nnamespace = '{}'\nport = 80\nexpect = {{ '/n' = 4 }}\nwithin = '20s'\ninterval = '200ms'",
        bench.namespace
    );
    // It never holds; meanwhile the pod goes, and the next one answers through the same forward.
    let step = bench.step("http-check", &settings);
    let asking = step.action.run(&step.cx);
    let deleting = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        bench.command(&format!("-n {} delete pod -l app=web --wait=false", bench.namespace)).await;
    };
    let (failure, ()) = tokio::join!(asking, deleting);
    assert!(failure.unwrap_err().message.contains("responded with 3 at `/n`, not 4"));
    step.cx.finish().unwrap();
    let log = bench.log();
    let answers = log.lines().filter(|line| line.contains("responded with 3")).count();
    println!("{answers} answers of {} attempts", log.lines().count());
    assert!(answers > 20, "{log}");
    bench.clean_up().await;
}

const MANIFESTS: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: 'web:1', imagePullPolicy: Never, command: [sleep, '1000']}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {note: ours}
";

#[tokio::test(flavor = "multi_thread")]
async fn manifests_are_applied_repaired_pruned_and_deleted_with_their_namespace() {
    let bench = Workbench::new("manifests").await;
    let namespace = &bench.namespace;
    bench.write("k8s/web.yaml", MANIFESTS);
    bench.write("k8s/00.yaml", &format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n"));
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n\
         spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}\n";
    bench.write("k8s/claim.yaml", claim);
    bench.write("k8s/gone.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gone}\ndata: {a: b}\n");
    let files = format!("files = ['k8s/*.yaml']\nnamespace = '{namespace}'\n");
    let apply = format!("{files}images = {{ web = '{IMAGE}' }}\nprune = true");
    let output = timed("manifest-apply", bench.run("manifest-apply", &apply)).await.unwrap();
    assert_eq!((output.get("objects"), output.get("pods")), (Some("5"), Some("2")));
    assert_eq!(timed("its probe", bench.probe("manifest-apply", &apply, &output)).await, Presence::Present);
    let before = bench.inputs("manifest-apply", &apply).await;

    // Edited by hand: named, and changed back.
    bench.command(&format!("-n {namespace} scale deployment web --replicas=0")).await;
    bench.command(&format!("-n {namespace} patch configmap web -p '{{\"data\":{{\"note\":\"evil\"}}}}'")).await;
    let Presence::Missing(drift) = bench.probe("manifest-apply", &apply, &output).await else {
        panic!("not noticed");
    };
    println!("{drift}");
    assert!(drift.contains("data.note is \"evil\", was applied as \"ours\""), "{drift}");
    assert!(drift.contains("spec.replicas is 0, was applied as 2"), "{drift}");
    assert_eq!(bench.run("manifest-apply", &apply).await.unwrap(), output);
    // Declared by another tool: a failure that names both.
    bench.write("theirs.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {note: theirs}\n");
    let theirs = "apply --server-side --force-conflicts --field-manager=other -f theirs.yaml";
    bench.command(&format!("-n {namespace} {theirs}")).await;
    let failure = bench.run("manifest-apply", &apply).await.unwrap_err();
    println!("{failure}");
    assert!(failure.to_string().contains("`provision/live/live.step`"), "{failure}");
    assert!(failure.to_string().contains("`data.note` that `other` set"), "{failure}");
    edit_by_hand(&bench, &failure, " edit configmap/web", "sed -i '/^  note: /d'").await;

    fs_err::remove_file(bench.path("k8s/gone.yaml")).unwrap();
    assert_eq!(bench.inputs("manifest-apply", &apply).await.changed_labels(&before), ["files k8s/*.yaml"]);
    let pruned = timed("a run that prunes", bench.run("manifest-apply", &apply)).await.unwrap();
    assert_eq!(pruned.get("pruned"), Some("configmap/gone"));

    // Its claim needs a word, what others have made needs the user's own.
    let failure = bench.run("manifest-delete", &files).await.unwrap_err();
    assert!(failure.to_string().contains("persistentvolumeclaim/data holds data"), "{failure}");
    let delete = format!("{files}ephemeral = true");
    bench.command(&format!("-n {namespace} create configmap theirs")).await;
    let failure = bench.run("manifest-delete", &delete).await.unwrap_err();
    println!("{failure}");
    assert!(failure.to_string().contains("configmap/theirs is in it"), "{failure}");
    bench.command(&format!("-n {namespace} delete configmap theirs")).await;
    let deleted = timed("manifest-delete", bench.run("manifest-delete", &delete)).await.unwrap();
    assert_eq!(bench.probe("manifest-delete", &delete, &deleted).await, Presence::Present);
    bench
        .run("command", &format!("run = '! {} get namespace {namespace}'", bench.kube().await.kubectl()))
        .await
        .unwrap();
    println!("{}", bench.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_addon_whose_image_cant_be_had_fails_soon_with_its_name() {
    let bench = Workbench::new("addon").await;
    let settings = "addon = 'metrics-server'\nimages = { MetricsServer = 'nobody/has-this:1' }\n\
         registries = { MetricsServer = 'localhost:1' }";
    let began = Instant::now();
    let failure = timed("cluster-addon", bench.run("cluster-addon", settings)).await.unwrap_err();
    let disable = format!("run = 'minikube addons -p {PROFILE} disable metrics-server'");
    bench.run("command", &disable).await.unwrap();
    println!("{failure}\n  {}\n  {}", failure.details.join("\n  "), failure.hints.join("\n  "));
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!(failure.message, "the addon `metrics-server` does not come up");
    assert!(failure.to_string().contains("localhost:1/nobody/has-this:1"), "{failure}");
    assert!(matches!(bench.probe("cluster-addon", settings, &Output::new()).await, Presence::Missing(_)));
    bench.clean_up().await;
}
