//! Every rule about objects with what keeps it and what breaks it, in several ways.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::leaks::{DeclaredSecrets, Scanner};
use crate::policy::{Report, SourceFile, read_manifest};

/// What the rule finds in a manifest, without the place.
fn found(id: &str, manifest: &str) -> Vec<String> {
    let mut unreadable = Vec::new();
    let objects = read_manifest("a.yaml", manifest, &mut unreadable);
    assert!(unreadable.is_empty(), "{unreadable:?}");
    let (rule, mut report) = (rule(id).unwrap(), Report::default());
    report.check_objects(&[rule], &objects);
    assert!(report.n_checked(rule) > 0, "{id} has checked nothing");
    report.findings.into_iter().map(|finding| finding.found).collect()
}

/// A Deployment whose pod has `pod`, and its container `container`, each in YAML's flow style.
fn deployment(pod: &str, container: &str) -> String {
    format!(
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {{name: web, labels: {{app: web}}}}\nspec:\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      {pod}\n      \
         containers:\n      - {{name: c, {container}}}\n"
    )
}

/// The rule finds this in a container.
#[track_caller]
fn container(id: &str, container: &str, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|found| format!("container `c`: {found}")).collect();
    assert_eq!(found(id, &deployment("restartPolicy: Always", container)), expected, "{id}: {container}");
}

#[test]
fn limits() {
    let all = "resources: {requests: {cpu: 1, memory: 1Mi}, limits: {cpu: 500m, memory: 1Gi}}";
    container("limits", all, &[]);
    container("limits", "resources: {limits: {cpu: 500m, memory: 1Gi}}", &[]);
    container("limits", "resources: {limits: {cpu: 500m}}", &["no limit for memory", "no request for memory"]);
    container("limits", "resources: {requests: {cpu: 1, memory: 1Mi}}", &["no limit for cpu", "no limit for memory"]);
    container(
        "limits",
        "resources: {requests: {cpu: 0, memory: 1Mi}, limits: {cpu: 1, memory: 0Mi}}",
        &["no request for cpu", "no limit for memory"],
    );
    let init = deployment("initContainers: [{name: i, image: x}]", all);
    assert_eq!(found("limits", &init).len(), 4);
    assert!(found("limits", &init)[0].starts_with("init container `i`: "));
    let cron = "kind: CronJob\nmetadata: {name: x}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c}]}}}}}\n";
    assert_eq!(found("limits", cron).len(), 4);
    let empty = "kind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n";
    assert_eq!(found("limits", empty), ["it has no containers"]);
}

#[test]
fn probes() {
    container("probes", "livenessProbe: {httpGet: {port: 1}}, readinessProbe: {exec: {command: [x]}}", &[]);
    container("probes", "livenessProbe: {httpGet: {port: 1}}", &["no readiness probe"]);
    container("probes", "livenessProbe: {periodSeconds: 3}, readinessProbe: {grpc: {port: 1}}", &["no liveness probe"]);
    let job = "kind: Job\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: c}]}}}\n---\n";
    assert_eq!(found("probes", &format!("{job}{}", deployment("restartPolicy: Always", "image: x"))).len(), 2);
}

#[test]
fn non_root() {
    container("non-root", "securityContext: {runAsNonRoot: true}", &[]);
    container("non-root", "securityContext: {runAsUser: 1001}", &[]);
    container("non-root", "securityContext: {runAsNonRoot: true, runAsUser: 0}", &["`runAsUser` is 0"]);
    let missing = "neither `runAsNonRoot: true` nor a `runAsUser`";
    container("non-root", "image: x", &[missing]);
    container("non-root", "securityContext: {runAsNonRoot: false}", &[missing]);
    let pod = "securityContext: {runAsNonRoot: true, runAsUser: 1001}";
    assert_eq!(found("non-root", &deployment(pod, "image: x")), [""; 0]);
    // The container's own setting counts.
    assert_eq!(found("non-root", &deployment(pod, "securityContext: {runAsUser: 0}")).len(), 1);
}

#[test]
fn confinement() {
    container("no-privileged", "securityContext: {privileged: false, capabilities: {add: [NET_BIND_SERVICE]}}", &[]);
    container("no-privileged", "securityContext: {privileged: true}", &["`privileged: true`"]);
    container(
        "no-privileged",
        "securityContext: {capabilities: {add: [CAP_SYS_ADMIN, all]}}",
        &["has the capability `SYS_ADMIN`", "has the capability `ALL`"],
    );
    container("no-privileged", "securityContext: {procMount: Unmasked}", &["`procMount: Unmasked`"]);
    let escalation = "no `allowPrivilegeEscalation: false`";
    container("no-privilege-escalation", "securityContext: {allowPrivilegeEscalation: false}", &[]);
    container("no-privilege-escalation", "securityContext: {allowPrivilegeEscalation: true}", &[escalation]);
    container("no-privilege-escalation", "image: x", &[escalation]);
    container("drop-capabilities", "securityContext: {capabilities: {drop: [ALL]}}", &[]);
    container(
        "drop-capabilities",
        "securityContext: {capabilities: {drop: [NET_RAW]}}",
        &["does not drop `ALL` capabilities"],
    );
    container("drop-capabilities", "image: x", &["does not drop `ALL` capabilities"]);
    container("read-only-root", "securityContext: {readOnlyRootFilesystem: true}", &[]);
    container(
        "read-only-root",
        "securityContext: {readOnlyRootFilesystem: false}",
        &["no `readOnlyRootFilesystem: true`"],
    );
    container("read-only-root", "image: x", &["no `readOnlyRootFilesystem: true`"]);
    container("seccomp", "securityContext: {seccompProfile: {type: RuntimeDefault}}", &[]);
    container("seccomp", "securityContext: {seccompProfile: {type: Unconfined}}", &["no `seccompProfile`"]);
    container("seccomp", "image: x", &["no `seccompProfile`"]);
    let pod = "securityContext: {seccompProfile: {type: Localhost}}";
    assert_eq!(found("seccomp", &deployment(pod, "image: x")), [""; 0]);
}

#[test]
fn hosts() {
    let good = deployment("volumes: [{name: v, emptyDir: {}}]", "ports: [{containerPort: 80}]");
    assert_eq!(found("no-host-paths", &good), [""; 0]);
    let path = deployment("volumes: [{name: v, hostPath: {path: /var}}]", "image: x");
    assert_eq!(found("no-host-paths", &path), ["volume `v`: the path `/var` of the node"]);
    let volume = "kind: PersistentVolume\nmetadata: {name: x}\nspec: {hostPath: {path: /data}}\n";
    assert_eq!(found("no-host-paths", volume), ["it is the path `/data` of a node"]);
    assert_eq!(found("no-host-namespaces", &good), [""; 0]);
    let shared = deployment("hostNetwork: true\n      hostPID: true", "ports: [{containerPort: 80, hostPort: 80}]");
    let expected = ["`hostNetwork: true`", "`hostPID: true`", "container `c`: takes port 80 of the node"];
    assert_eq!(found("no-host-namespaces", &shared), expected);
    assert_eq!(found("no-api-token", &deployment("automountServiceAccountToken: false", "image: x")), [""; 0]);
    for pod in ["automountServiceAccountToken: true", "restartPolicy: Always"] {
        assert_eq!(found("no-api-token", &deployment(pod, "image: x")).len(), 1, "{pod}");
    }
}

#[test]
fn images() {
    for image in ["todo:3f2a91c0d4be", "localhost:5000/todo:1", "todo@sha256:aa", "todo:latest@sha256:aa"] {
        container("no-latest", &format!("image: '{image}'"), &[]);
    }
    container("no-latest", "image: 'todo:latest'", &["`todo:latest` is another image tomorrow"]);
    container("no-latest", "image: localhost:5000/todo", &["`localhost:5000/todo` has no tag, which means `latest`"]);
    container("no-latest", "args: [x]", &["no image"]);
    container("pull-policy-never", "imagePullPolicy: Never", &[]);
    container("pull-policy-never", "imagePullPolicy: Always", &["`imagePullPolicy` is `Always`, expected `Never`"]);
    container("pull-policy-never", "image: x", &["no `imagePullPolicy`, expected `Never`"]);
    container("pull-policy-explicit", "imagePullPolicy: Always", &[]);
    container("pull-policy-explicit", "image: x", &["no `imagePullPolicy`"]);
}

#[test]
fn zero_downtime() {
    let with = |strategy: &str| {
        let all = deployment("restartPolicy: Always", "image: x");
        found("zero-downtime", &all.replace("spec:\n  selector", &format!("spec:\n  {strategy}\n  selector")))
    };
    assert_eq!(with("strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}"), [""; 0]);
    assert_eq!(with("strategy: {rollingUpdate: {maxUnavailable: 0%}}"), [""; 0]);
    assert_eq!(with("replicas: 2"), ["`maxUnavailable` is not set, expected 0"]);
    assert_eq!(with("strategy: {rollingUpdate: {maxUnavailable: 1}}"), ["`maxUnavailable` is 1, expected 0"]);
    assert_eq!(with("strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 0}}").len(), 1);
    assert_eq!(with("strategy: {type: Recreate}").len(), 1);
}

#[test]
fn selectors() {
    let service = |spec: &str| format!("---\nkind: Service\nmetadata: {{name: s}}\nspec: {spec}\n");
    let workload = deployment("restartPolicy: Always", "ports: [{containerPort: 80, name: http}]");
    let with = |spec: &str| found("selectors", &format!("{workload}{}", service(spec)));
    for good in [
        "{selector: {app: web}, ports: [{port: 80}]}",
        "{selector: {app: web}, ports: [{port: 1, targetPort: http}]}",
        "{selector: {app: web}, ports: [{port: 1, targetPort: 80}]}",
        "{type: ExternalName, externalName: x}",
    ] {
        assert_eq!(with(good), [""; 0], "{good}");
    }
    assert_eq!(with("{selector: {app: api}}"), ["no workload has pods with the labels {\"app\":\"api\"}"]);
    let wrong_name = "{selector: {app: web}, ports: [{port: 1, targetPort: web}]}";
    assert_eq!(with(wrong_name), ["no container of its pods has the port \"web\""]);
    assert_eq!(with("{selector: {app: web}, ports: [{port: 8000}]}"), ["no container of its pods has the port 8000"]);
    let other = workload.replace("matchLabels: {app: web}", "matchLabels: {app: api}");
    assert_eq!(found("selectors", &other), ["its pods lack the label `app: api` of its selector"]);
    assert_eq!(found("selectors", &workload.replace("matchLabels: {app: web}", "")), ["it has no selector"]);
}

#[test]
fn labels() {
    let good = deployment("restartPolicy: Always", "image: x");
    assert_eq!(found("labels", &good), [""; 0]);
    assert_eq!(found("labels", &good.replace("name: web, labels: {app: web}", "name: web")).len(), 1);
    assert_eq!(found("labels", &good.replace("{labels: {app: web}}", "{labels: {tier: web}}")).len(), 1);
    assert_eq!(found("labels", "kind: ConfigMap\nmetadata: {name: x, labels: {app.kubernetes.io/name: x}}\n"), [""; 0]);
}

#[test]
fn values_of_secrets() {
    let secret = |data: &str| {
        found("no-secret-values", &format!("kind: Secret\napiVersion: v1\nmetadata: {{name: s}}\n{data}\n"))
    };
    assert_eq!(secret("data: {A: ''}\nstringData: {B: change-me}"), [""; 0]);
    assert_eq!(secret("type: Opaque"), [""; 0]);
    assert_eq!(secret("data: {A: aHVudGVyMg==}"), ["the key `A` has a value"]);
    assert_eq!(secret("stringData: {A: hunter2}"), ["the key `A` has a value"]);
    let map =
        |data: &str| found("no-secret-values", &format!("kind: ConfigMap\nmetadata: {{name: s}}\ndata: {data}\n"));
    assert_eq!(map("{API_URL: http://x, JWT_SECRET: <set it>, TOKEN_TTL: 30m}"), [""; 0]);
    assert_eq!(map("{JWT_SECRET: hunter2}"), ["the key `JWT_SECRET` has a value, in a ConfigMap"]);
    container("no-secret-values", "env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: s, key: k}}}]", &[]);
    container("no-secret-values", "env: [{name: PORT, value: '8000'}]", &[]);
    container(
        "no-secret-values",
        "env: [{name: DB_PASSWORD, value: hunter2}]",
        &["the variable `DB_PASSWORD` has a value"],
    );
}

#[test]
fn rules_about_files_check_their_kind_of_file_alone() {
    let look = |id: &str, path: &str, text: &str| {
        let (rule, mut report) = (rule(id).unwrap(), Report::default());
        let mut scanner = Scanner::new(Arc::new(DeclaredSecrets::default()));
        report.check_file(&[rule], &SourceFile::new(path, text), &mut scanner);
        (report.n_checked(rule), report.findings.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let indent = "a.yaml:2: indented by 4 spaces, expected 2 (yaml-indent-2)".to_owned();
    assert_eq!(look("yaml-indent-2", "a.yaml", "a:\n    b: 1\n"), (1, vec![indent]));
    assert_eq!(look("yaml-indent-2", "a.json", "a:\n    b: 1\n"), (0, vec![]));
    let call = "src/a.py:1: `print(` (no-debug-leftovers)".to_owned();
    assert_eq!(look("no-debug-leftovers", "src/a.py", "print(1)\n"), (1, vec![call]));
    assert_eq!(look("no-debug-leftovers", "a.txt", "print(1)\n"), (0, vec![]));
    assert_eq!(look("no-secret-in-tree", "x", "nothing"), (1, vec![]));
    assert_eq!(look("no-open-work", "a.py", "x = 1\n"), (1, vec![]));
    assert_eq!(look("no-conflict-marks", "a.bin", "\0"), (1, vec![]));
}

#[test]
fn names_are_unique_and_an_unknown_one_is_answered_with_the_nearest() {
    let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(names.len(), RULES.len());
    assert_eq!(rule("no-lastest").unwrap_err(), "there is no rule `no-lastest`: did you mean `no-latest`?");
    assert!(rule("x").unwrap_err().contains("docs/policy-rules.md"));
    for rule in RULES {
        for text in [rule.asks, rule.why, rule.fix] {
            assert!(!text.is_empty() && !text.ends_with('.') && !text.contains('|'), "{}: {text}", rule.id);
        }
    }
}
