//! Helm releases.

use provision::action::Presence;
use provision::tools::helm::call_id;

use crate::by_hand::do_by_hand;
use crate::workbench::{IMAGE, Workbench, timed};

pub(crate) const TEMPLATE: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: app, labels: {app: app}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: {{ .Values.image }}
        imagePullPolicy: Never
        command: {{ .Values.command | toJson }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: app}
data: {note: {{ .Values.note | quote }}}
";

pub(crate) fn chart(bench: &Workbench, template: &str) {
    bench.write("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\nappVersion: '7'\n");
    bench.write("chart/values.yaml", "replicas: 1\nimage: none\ncommand: [sleep, '1000']\nnote: of the chart\n");
    bench.write("chart/templates/all.yaml", template);
    bench.write("values.yaml", "note: of the file\n");
}

pub(crate) fn settings(bench: &Workbench, more: &str) -> String {
    format!(
        "chart = 'chart'\nrelease = 'app'\nnamespace = '{}'\nvalues = ['values.yaml']\nset = {{ image = '{IMAGE}'{more} }}",
        bench.namespace
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_installed_upgraded_and_looked_at() {
    let bench = Workbench::new("release").await;
    chart(&bench, TEMPLATE);
    let first = settings(&bench, "");
    let output = timed("helm-install", bench.run("helm-install", &first)).await.unwrap();
    assert_eq!(
        (output.get("revision"), output.get("status"), output.get("chart"), output.get("app-version")),
        (Some("1"), Some("deployed"), Some("app-0.1.0"), Some("7"))
    );
    assert_eq!(timed("its probe", bench.probe("helm-install", &first, &output)).await, Presence::Present);
    let rollout = format!("namespace = '{}'\nrelease = 'app'", bench.namespace);
    timed("rollout-check", bench.run("rollout-check", &rollout)).await.unwrap();

    let before = bench.inputs("helm-install", &first).await;
    bench.write("chart/values.yaml", "replicas: 2\nimage: none\ncommand: [sleep, '1000']\n");
    assert_eq!(bench.inputs("helm-install", &first).await.changed_labels(&before), ["chart"]);

    let second = settings(&bench, ", note = 'of the step'");
    let upgraded = bench.run("helm-install", &second).await.unwrap();
    assert_eq!(upgraded.get("revision"), Some("2"));
    assert!(matches!(bench.probe("helm-install", &first, &output).await, Presence::Missing(_)));
    let said = bench.run("rollout-check", &rollout).await.unwrap();
    assert_eq!(said.get("pods"), Some("2"));

    bench.command(&format!("-n {} delete configmap app", bench.namespace)).await;
    assert_eq!(
        bench.probe("helm-install", &second, &upgraded).await,
        Presence::Missing(format!("configmap/app in {} is gone", bench.namespace))
    );
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_does_not_render_is_shown_with_its_place() {
    let bench = Workbench::new("render").await;
    chart(&bench, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ required \"name it\" .Values.nothing }}\n");
    let failure = bench.run("helm-install", &settings(&bench, "")).await.unwrap_err();
    println!("{failure}\n  {}\n  {}", failure.details.join("\n  "), failure.hints.join("\n  "));
    assert!(failure.message.contains("app/templates/all.yaml:4:"), "{failure}");
    assert!(failure.message.contains("name it"), "{failure}");
    bench.clean_up().await;
}

/// A shell line that waits until the release is pending.
pub(crate) fn until_pending(bench: &Workbench) -> String {
    let list = format!("{} list --pending -q | grep -q app", bench.helm());
    format!("for i in $(seq 100); do {list} && break; sleep 0.2; done")
}

/// Installs with a helm that is killed while it waits; `more` are arguments.
async fn leave_pending(bench: &Workbench, verb: &str, more: &str) {
    let line = format!(
        "{} {verb} app chart -f values.yaml --set image={IMAGE},replicas=1 --set 'command={{/bin/false}}' --wait \
         --create-namespace {more} & pid=$!; {}; kill -9 $pid",
        bench.helm(),
        until_pending(bench)
    );
    bench.run("command", &format!("run = \"\"\"{line}\"\"\"")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_a_killed_run_of_ours_left_is_freed() {
    let bench = Workbench::new("pending").await;
    chart(&bench, TEMPLATE);
    leave_pending(&bench, "install", &format!("--labels=provision={}", call_id())).await;
    let installed = uid(&bench, "configmap/app").await;
    let output =
        timed("install after pending-install", bench.run("helm-install", &settings(&bench, ""))).await.unwrap();
    assert_eq!(output.get("revision"), Some("2"));
    assert_eq!(uid(&bench, "configmap/app").await, installed);
    leave_pending(&bench, "upgrade", &format!("--labels=provision={}", call_id())).await;
    let output =
        timed("upgrade after pending-upgrade", bench.run("helm-install", &settings(&bench, ""))).await.unwrap();
    assert_eq!((output.get("revision"), output.get("status")), (Some("4"), Some("deployed")));
    assert_eq!(uid(&bench, "configmap/app").await, installed);
    println!("{}", bench.log());
    bench.clean_up().await;
}

/// What `kubectl get` says of an object's field.
pub(crate) async fn field(bench: &Workbench, object: &str, path: &str) -> String {
    bench.command(&format!("-n {} get {object} -o 'jsonpath={{{path}}}' > field", bench.namespace)).await;
    fs_err::read_to_string(bench.path("field")).unwrap()
}

pub(crate) async fn uid(bench: &Workbench, object: &str) -> String {
    field(bench, object, ".metadata.uid").await
}

/// A database with its volume that is ready when the command `ready` succeeds.
const DATABASE: &str = "apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      terminationGracePeriodSeconds: 0
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
      containers:
      - name: c
        image: {{ .Values.image }}
        imagePullPolicy: Never
        securityContext: {runAsUser: 0}
        command: [sleep, '100000']
        readinessProbe: {exec: {command: ['{{ ne (toString .Values.ready) `false` }}']}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_outlives_the_kill_of_its_first_installation() {
    let bench = Workbench::new("database").await;
    chart(&bench, DATABASE);
    let kubectl = format!("{} -n {}", bench.kube().await.kubectl(), bench.namespace);
    let line = format!(
        "{} install app chart --set image={IMAGE},ready=false --wait --create-namespace --labels=provision={} & pid=$!
         for i in $(seq 300); do
           {kubectl} exec deployment/app -- sh -c 'echo hours of work > /data/f' 2>/dev/null && break; sleep 0.2
         done
         kill -9 $pid",
        bench.helm(),
        call_id()
    );
    bench.run("command", &format!("run = '''{line}'''")).await.unwrap();
    let claim = uid(&bench, "pvc/data").await;
    let output = bench.run("helm-install", &settings(&bench, "")).await.unwrap();
    assert_eq!(output.get("status"), Some("deployed"));
    bench.run("rollout-check", &format!("namespace = '{}'\nrelease = 'app'", bench.namespace)).await.unwrap();
    assert_eq!(uid(&bench, "pvc/data").await, claim);
    bench.command(&format!("-n {} exec deployment/app -- cat /data/f > data", bench.namespace)).await;
    assert_eq!(fs_err::read_to_string(bench.path("data")).unwrap(), "hours of work\n");
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_killed_is_finished_only_with_consent() {
    let bench = Workbench::new("removal").await;
    let hook = "apiVersion: batch/v1
kind: Job
metadata: {name: bye, annotations: {helm.sh/hook: pre-delete, helm.sh/hook-delete-policy: before-hook-creation}}
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: {{ .Values.image }}, imagePullPolicy: Never, command: [sleep, '5']}]
---
";
    chart(&bench, &format!("{hook}{TEMPLATE}"));
    let settings = settings(&bench, "");
    bench.run("helm-install", &settings).await.unwrap();
    let line = format!(
        "{helm} uninstall app & pid=$!
         for i in $(seq 100); do {helm} list --uninstalling -q | grep -q app && break; sleep 0.1; done
         kill -9 $pid",
        helm = bench.helm()
    );
    let killed = async || {
        bench.run("command", &format!("run = '''{line}'''")).await.unwrap();
        let failure = bench.run("helm-install", &settings).await.unwrap_err();
        println!("{failure}\n  {}", failure.hints.join("\n  "));
        assert!(failure.hints.iter().any(|hint| hint.contains("--yes")), "{:?}", failure.hints);
        failure
    };
    // Both ways by hand, then with a word.
    for end in [" uninstall app", " uninstall app --no-hooks"] {
        do_by_hand(&bench, &killed().await, end).await;
        let output = bench.run("helm-install", &settings).await.unwrap();
        assert_eq!((output.get("revision"), output.get("status")), (Some("1"), Some("deployed")), "{end}");
    }
    killed().await;
    let bench = bench.consenting();
    let output = bench.run("helm-install", &settings).await.unwrap();
    assert_eq!((output.get("revision"), output.get("status")), (Some("1"), Some("deployed")));
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_somebody_else_left_is_refused_with_the_command() {
    let bench = Workbench::new("theirs").await;
    chart(&bench, TEMPLATE);
    leave_pending(&bench, "install", "").await;
    let failure = bench.run("helm-install", &settings(&bench, "")).await.unwrap_err();
    println!("{failure}\n  {}", failure.hints.join("\n  "));
    assert!(failure.hints[0].contains("delete secret sh.helm.release.v1.app.v1`"), "{:?}", failure.hints);
    let installed = uid(&bench, "configmap/app").await;
    do_by_hand(&bench, &failure, " delete secret ").await;
    let output = bench.run("helm-install", &settings(&bench, "")).await.unwrap();
    assert_eq!((output.get("revision"), output.get("status")), (Some("1"), Some("deployed")));
    assert_eq!(uid(&bench, "configmap/app").await, installed, "what was installed was deleted");
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_a_living_helm_of_ours_holds_is_left_alone() {
    let bench = Workbench::new("held").await;
    chart(&bench, TEMPLATE);
    let line = format!(
        "{} install app chart -f values.yaml --set image={IMAGE} --set 'command={{/bin/false}}' --wait --timeout 25s \
         --create-namespace --labels=provision={}",
        bench.helm(),
        call_id()
    );
    let settings_of_command = format!("run = \"\"\"{line}\"\"\"");
    let holding = bench.run("command", &settings_of_command);
    let meanwhile = async {
        bench.run("command", &format!("run = \"\"\"{}\"\"\"", until_pending(&bench))).await.unwrap();
        bench.run("helm-install", &settings(&bench, "")).await.unwrap_err()
    };
    let (held, failure) = tokio::join!(holding, meanwhile);
    assert!(held.is_err());
    assert!(failure.transient && failure.to_string().contains("helm works on it: process"), "{failure}");
    bench.clean_up().await;
}

/// The rest of the chart of the drift test: kinds that helm repairs in different ways.
const DRIFTING: &str = "---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: app}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get]}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {selector: {app: app}, ports: [{port: 80}]}
---
apiVersion: drift.example/v1
kind: Gadget
metadata: {name: g}
spec: {size: 1, list: [{name: a, value: b}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: by-hook, annotations: {helm.sh/hook: pre-install}}
data: {a: b}
";

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.drift.example}
spec:
  group: drift.example
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
";

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changes_in_a_release_is_named_and_repaired() {
    let bench = Workbench::new("drift").await;
    chart(&bench, &format!("{TEMPLATE}{DRIFTING}"));
    bench.write("chart/crds/gadget.yaml", DEFINITION);
    let settings = settings(&bench, ", replicas = 1");
    let mut output = bench.run("helm-install", &settings).await.unwrap();
    assert_eq!(timed("its probe", bench.probe("helm-install", &settings, &output)).await, Presence::Present);
    let namespace = &bench.namespace;
    let cases = [
        ("scale deployment app --replicas=0", "deployment/app in NS: spec.replicas is 0, was released as 1"),
        (
            "set image deployment app c=other:1",
            "deployment/app in NS: spec.template.spec.containers[c].image is \"other:1\", was released as",
        ),
        (
            "set selector service app x=y",
            "service/app in NS: spec.selector.app is gone, was released as \"app\"; spec.selector.x was added",
        ),
        (
            "patch cm app -p '{\"data\":{\"note\":\"evil\"}}'",
            "configmap/app in NS: data.note is \"evil\", was released as",
        ),
        (
            "patch role app --type=json -p '[{\"op\":\"replace\",\"path\":\"/rules/0/verbs\",\"value\":[\"*\"]}]'",
            "role/app in NS: rules[0].verbs[0] is \"*\", was released as \"get\"",
        ),
        (
            "patch gadget g --type=merge -p '{\"spec\":{\"size\":7,\"list\":[]}}'",
            "gadget/g in NS: spec.list[a] is gone, was released as",
        ),
        ("delete gadget g", "gadget/g in NS is gone"),
        ("delete cm by-hook", "configmap/by-hook in NS is gone"),
        (
            "patch cm by-hook -p '{\"data\":{\"a\":\"evil\"}}'",
            "configmap/by-hook in NS: data.a is \"evil\", was released as \"b\"",
        ),
        ("delete crd gadgets.drift.example", "gadget/g in NS is "),
    ];
    for (change, expected) in cases {
        bench.command(&format!("-n {namespace} {change}")).await;
        let expected = expected.replace("NS", namespace);
        let Presence::Missing(said) = bench.probe("helm-install", &settings, &output).await else {
            panic!("not noticed: {change}");
        };
        println!("{change}: {said}");
        assert!(said.contains(&expected), "{said}");
        output = bench.run("helm-install", &settings).await.unwrap();
        assert_eq!(bench.probe("helm-install", &settings, &output).await, Presence::Present, "{change}");
    }
    // Helm leaves a definition as it was: that is said, until somebody has changed it.
    let has_warned = || bench.log().contains("helm has left a definition");
    assert!(!has_warned(), "{}", bench.log());
    bench
        .write("chart/crds/gadget.yaml", &DEFINITION.replace("singular: gadget", "singular: gadget, shortNames: [gg]"));
    bench.run("helm-install", &settings).await.unwrap();
    assert!(has_warned() && bench.log().contains("spec.names.shortNames"), "{}", bench.log());
    let crds = bench.path("chart/crds");
    bench.command(&format!("apply --server-side --force-conflicts -f {}", crds.display())).await;
    bench.run("helm-install", &settings).await.unwrap();
    assert!(!has_warned(), "{}", bench.log());
    println!("{}", bench.log());
    bench.command("delete crd gadgets.drift.example").await;
    bench.clean_up().await;
}
