//! Tests of what is valid without a cluster.

use std::path::Path;

use serde_json::json;

use super::super::manifest_files::read_manifests;
use super::*;

fn object(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap()
}

fn wrong(yaml: &str) -> String {
    match validity(&object(yaml)) {
        Validity::Invalid(why) => why,
        other => panic!("{other:?}: {yaml}"),
    }
}

const CONTAINER: &str = "{name: web, image: a, ports: [{name: http, containerPort: 80}]}";

fn deployment_of(container: &str) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: 2, selector: \
         {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{container}]}}}}}}}}"
    )
}

#[test]
fn names_and_types_of_fields_are_checked() {
    let container = "{name: web, image: a, resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 0.5}}, \
        livenessProbe: {httpGet: {path: /, port: http}}, volumeMounts: []}";
    assert_eq!(validity(&object(&deployment_of(container))), Validity::Valid);
    let why = wrong(&deployment_of("{name: a, imge: b}"));
    assert_eq!(why, "the field `spec.template.spec.containers[0].imge` is not known");
    let why = wrong(&deployment_of(CONTAINER).replace("replicas: 2", "replicas: two"));
    assert!(why.contains("invalid type: string \"two\""), "{why}");
    let widget = json!({"apiVersion": "x/v1", "kind": "Widget", "metadata": {"name": "w"}});
    assert_eq!(validity(&widget), Validity::Unknown("Widget in x/v1 is not known without a cluster".into()));
}

#[test]
fn what_is_required_and_which_values_there_are_is_checked_of_workloads() {
    let good = deployment_of(CONTAINER);
    let of = |kind: &str, restart: &str| {
        let end = format!("], restartPolicy: {restart}}}}}}}}}");
        good.replace("kind: Deployment", &format!("kind: {kind}")).replace("]}}}}", &end)
    };
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        let kind = of(kind, "Always").replace("replicas: 2, ", "");
        assert_eq!(validity(&object(&kind)), Validity::Valid, "{kind}");
    }
    assert!(wrong(&of("DaemonSet", "Never").replace("replicas: 2, ", "")).contains("`Never`, not `Always`"));
    for (part, instead, why) in [
        ("selector: {matchLabels: {app: web}}, ", "", "`spec.selector` is not there, and it is required"),
        ("{matchLabels: {app: web}}", "{}", "`spec.selector` is empty, and it is required"),
        ("labels: {app: web}}", "labels: {app: api}}", "`spec`: `selector` wants the label `app: web`"),
        (
            "template: {metadata: {labels: {app: web}}, ",
            "template: {",
            "which `template.metadata.labels` does not have",
        ),
        (&format!("containers: [{CONTAINER}]"), "containers: []", "`spec.template.spec.containers` is empty"),
        ("replicas: 2", "replicas: -1", "`spec.replicas` is -1, not at least 0"),
        (
            "replicas: 2",
            "strategy: {type: Rolling}",
            "`spec.strategy.type` is `Rolling`, not `RollingUpdate` or `Recreate`",
        ),
        ("replicas: 2", "strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}", "can't be set with `Recreate`"),
        ("replicas: 2", "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}", "can't both be 0"),
        (
            "replicas: 2",
            "strategy: {rollingUpdate: {maxSurge: half}}",
            "maxSurge` is `half`, not a number of at least 0",
        ),
        ("name: web}, spec", "name: Web_1}, spec", "`metadata.name` is `Web_1`, not a DNS name"),
        ("name: web}, spec", "name: web, labels: {app: 'a b'}}, spec", "`metadata.labels.app` is `a b`, not the value"),
        ("name: web}, spec", "name: web, labels: {'a/b/c': d}}, spec", "`metadata.labels` has the key `a/b/c`"),
        ("name: web,", "", "containers[0].name` is not there"),
        ("name: web,", "name: the.web,", "containers[0].name` is `the.web`, not a DNS label"),
        ("image: a", "image: ''", "containers[0].image` is empty"),
        ("image: a", "image: a, imagePullPolicy: Sometimes", "`Sometimes`, not `Always`, `IfNotPresent` or `Never`"),
        ("containerPort: 80", "containerPort: 99999", "ports[0].containerPort` is 99999, not from 1 to 65535"),
        ("containerPort: 80", "containerPort: 80, protocol: HTTP", "`HTTP`, not `TCP`, `UDP` or `SCTP`"),
        ("{name: http, con", "{name: a-name-too-long-for-it, con", "not the name of a port"),
        ("image: a", "image: a, resources: {limits: {memory: 512MB}}", "limits.memory` is `512MB`, not an amount"),
        (
            "image: a",
            "image: a, livenessProbe: {periodSeconds: 1}",
            "livenessProbe` needs `exec`, `grpc`, `httpGet` or",
        ),
        ("image: a", "image: a, readinessProbe: {httpGet: {path: /}}", "readinessProbe.httpGet.port` is not there"),
        ("image: a", "image: a, readinessProbe: {tcpSocket: {port: '80'}}", "tcpSocket.port` is `80`, not a port"),
        ("image: a", "image: a, env: [{value: b}]", "env[0].name` is not there"),
        ("image: a", "image: a, volumeMounts: [{name: v}]", "volumeMounts[0].mountPath` is not there"),
        ("spec: {con", "spec: {restartPolicy: Sometimes, con", "restartPolicy` is `Sometimes`, not `Always`"),
        ("spec: {con", "spec: {tolerations: [{effect: Never}], con", "tolerations[0].effect` is `Never`, not"),
    ] {
        assert!(good.contains(part), "{part}");
        let bad = good.replacen(part, instead, 1);
        let said = wrong(&bad);
        assert!(said.contains(why), "{instead}: {said}");
    }
}

/// Checks objects: kind, group, what the `spec` is or all of it, and what is wrong with it.
fn check(rows: &[(&str, &str, String, &str)]) {
    for (kind, group, spec, why) in rows {
        let is_whole =
            ["data", "stringData", "roleRef", "subjects", "rules: [{apiGroups"].iter().any(|key| spec.starts_with(key));
        let content = if is_whole { spec.clone() } else { format!("spec: {{{spec}}}") };
        let yaml = format!("{{apiVersion: {group}, kind: {kind}, metadata: {{name: a}}, {content}}}");
        match (validity(&object(&yaml)), why.is_empty()) {
            (Validity::Valid, true) => {}
            (Validity::Invalid(said), false) if said.contains(why) => {}
            (found, _) => panic!("{yaml}: {found:?}, not {why}"),
        }
    }
}

#[test]
fn what_is_required_and_which_values_there_are_is_checked_of_services_ingresses_and_jobs() {
    let job = "template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}";
    let job = |part: &str, instead: &str| job.replacen(part, instead, 1);
    let cron = |schedule: &str| format!("schedule: '{schedule}', jobTemplate: {{spec: {{{}}}}}", job("", ""));
    let path = |path: &str| format!("rules: [{{host: '*.todo.local', http: {{paths: [{path}]}}}}]");
    let backend = "backend: {service: {name: a, port: {number: 80}}}";
    check(&[
        ("Service", "v1", "ports: [{port: 80, targetPort: http}]".into(), ""),
        ("Service", "v1", "clusterIP: None".into(), ""),
        ("Service", "v1", "type: ExternalName, externalName: a.example".into(), ""),
        ("Service", "v1", "type: Foo, ports: [{port: 80}]".into(), "`spec.type` is `Foo`, not `ClusterIP`, `NodePort`"),
        ("Service", "v1", "ports: [{port: 99999}]".into(), "`spec.ports[0].port` is 99999, not from 1 to 65535"),
        ("Service", "v1", "ports: [{port: 80, targetPort: 0}]".into(), "`spec.ports[0].targetPort` is 0, not a port"),
        ("Service", "v1", "ports: [{port: 80}, {port: 81}]".into(), "each of several `ports` needs a `name`"),
        ("Service", "v1", "selector: {app: a}".into(), "`spec`: `ports` is required"),
        ("Service", "v1", "type: ExternalName".into(), "needs the `externalName`"),
        ("Job", "batch/v1", job("", ""), ""),
        ("Job", "batch/v1", job("restartPolicy: Never, ", ""), "`spec.template.spec.restartPolicy` is not there"),
        ("Job", "batch/v1", job("Never", "Always"), "`Always`, not `OnFailure` or `Never`"),
        ("CronJob", "batch/v1", cron("*/5 * * * *"), ""),
        ("CronJob", "batch/v1", cron("@daily"), ""),
        ("CronJob", "batch/v1", cron("every day"), "`spec.schedule` is `every day`, not a schedule of five fields"),
        ("CronJob", "batch/v1", "schedule: '@daily'".into(), "`spec.jobTemplate` is not there"),
        ("Ingress", "networking.k8s.io/v1", path(&format!("{{path: /, pathType: Prefix, {backend}}}")), ""),
        ("Ingress", "networking.k8s.io/v1", format!("default{}", backend.replacen('b', "B", 1)), ""),
        ("Ingress", "networking.k8s.io/v1", "ingressClassName: a".into(), "`spec` needs `rules` or `defaultBackend`"),
        (
            "Ingress",
            "networking.k8s.io/v1",
            path(&format!("{{path: /, {backend}}}")),
            "paths[0].pathType` is not there",
        ),
        (
            "Ingress",
            "networking.k8s.io/v1",
            path(&format!("{{path: a, pathType: Exact, {backend}}}")),
            "does not begin with",
        ),
        ("Ingress", "networking.k8s.io/v1", path("{path: /, pathType: Exact}"), "paths[0].backend` is not there"),
        (
            "Ingress",
            "networking.k8s.io/v1",
            "rules: [{host: 'http://a'}]".into(),
            "`spec.rules[0].host` is `http://a`, not",
        ),
    ]);
}

#[test]
fn what_is_required_and_which_values_there_are_is_checked_of_every_other_kind() {
    let role = "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: a}";
    let claim = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}";
    let scaled = "scaleTargetRef: {kind: Deployment, name: a}, maxReplicas: 3";
    check(&[
        ("PersistentVolumeClaim", "v1", claim.into(), ""),
        ("PersistentVolumeClaim", "v1", claim.replace("[ReadWriteOnce]", "[]"), "`spec.accessModes` is empty"),
        (
            "PersistentVolumeClaim",
            "v1",
            claim.replace("WriteOnce", "Write"),
            "`spec.accessModes[0]` is `ReadWrite`, not",
        ),
        ("PersistentVolumeClaim", "v1", claim.replace("storage: 1Gi", "cpu: 1"), "requests.storage` is not there"),
        ("HorizontalPodAutoscaler", "autoscaling/v2", scaled.into(), ""),
        (
            "HorizontalPodAutoscaler",
            "autoscaling/v2",
            scaled.replace('3', "0"),
            "`spec.maxReplicas` is 0, not at least 1",
        ),
        (
            "HorizontalPodAutoscaler",
            "autoscaling/v2",
            format!("{scaled}, minReplicas: 4"),
            "`minReplicas` is 4, more than",
        ),
        ("NetworkPolicy", "networking.k8s.io/v1", "podSelector: {}, policyTypes: [Ingress]".into(), ""),
        (
            "NetworkPolicy",
            "networking.k8s.io/v1",
            "podSelector: {}, policyTypes: [In]".into(),
            "policyTypes[0]` is `In`, not",
        ),
        ("PodDisruptionBudget", "policy/v1", "minAvailable: 50%, selector: {}".into(), ""),
        ("PodDisruptionBudget", "policy/v1", "minAvailable: 1, maxUnavailable: 1".into(), "can't both be set"),
        ("LimitRange", "v1", "limits: [{type: Container, max: {cpu: 0.5}}]".into(), ""),
        ("LimitRange", "v1", "limits: [{max: {cpu: 1}}]".into(), "`spec.limits[0].type` is not there"),
        ("ResourceQuota", "v1", "hard: {pods: 3, memory: 1Gb}".into(), "`spec.hard.memory` is `1Gb`, not an amount"),
        ("ConfigMap", "v1", "data: {a.b_C-1: x}".into(), ""),
        ("ConfigMap", "v1", "data: {'a b': x}".into(), "`data` has the key `a b`, not a key of letters"),
        ("Secret", "v1", "stringData: {'a/b': x}".into(), "`stringData` has the key `a/b`"),
        ("RoleBinding", "rbac.authorization.k8s.io/v1", role.into(), ""),
        ("RoleBinding", "rbac.authorization.k8s.io/v1", "subjects: []".into(), "`roleRef` is not there"),
        (
            "RoleBinding",
            "rbac.authorization.k8s.io/v1",
            role.replace("Role,", "Rule,"),
            "`Rule`, not `Role` or `ClusterRole`",
        ),
        ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", role.into(), "`Role`, not `ClusterRole`"),
        ("Role", "rbac.authorization.k8s.io/v1", "rules: [{apiGroups: ['']}]".into(), "`rules[0].verbs` is not there"),
    ]);
}

#[test]
fn names_have_the_form_that_their_kind_asks_for() {
    for (kind, name, fits) in [
        ("Service", "web-1", true),
        ("Service", "1-web", false),
        ("Service", "my.web", false),
        ("Namespace", "my.web", false),
        ("ServiceAccount", "my.web", true),
        ("ServiceAccount", "My", false),
    ] {
        let spec = if kind == "Service" { ", spec: {clusterIP: None}" } else { "" };
        let yaml = format!("{{apiVersion: v1, kind: {kind}, metadata: {{name: {name}}}{spec}}}");
        assert_eq!(validity(&object(&yaml)) == Validity::Valid, fits, "{yaml}");
    }
}

#[test]
fn every_object_of_the_example_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["examples/todo-chatbot/k8s/*.yaml".to_owned()];
    let objects = read_manifests(root, &files, "todo").unwrap();
    assert!(objects.len() >= 7);
    for object in objects {
        assert_eq!(validity(&object.content), Validity::Valid, "{}", object.reference);
    }
}
