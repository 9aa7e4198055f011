//! What rules ask of pods and their containers.

use serde_json::Value;

use super::objects::{Container, Object, at, items, text};

/// Capabilities with which a container can leave its confines.
const POWERFUL: &[&str] = &[
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_TIME",
];

/// What a probe may do.
const PROBES: &[&str] = &["httpGet", "tcpSocket", "exec", "grpc"];

/// A line for each container of which `wrong` says something.
fn each(object: &Object, wrong: impl Fn(&Container<'_>) -> Vec<String>) -> Vec<String> {
    let lines = |container: Container<'_>| {
        let kind = if container.is_init { "init container" } else { "container" };
        let line = |found| format!("{kind} `{}`: {found}", container.name);
        wrong(&container).into_iter().map(line).collect::<Vec<String>>()
    };
    let containers = object.containers();
    if containers.is_empty() {
        return vec!["it has no containers".into()];
    }
    containers.into_iter().flat_map(lines).collect()
}

fn if_wrong(is_wrong: bool, found: &str) -> Vec<String> {
    if is_wrong { vec![found.to_owned()] } else { Vec::new() }
}

/// Whether a quantity is that of nothing.
fn is_nothing(quantity: &Value) -> bool {
    match quantity {
        Value::String(text) => {
            text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<f64>().is_ok_and(|n| n <= 0.0)
        }
        Value::Number(number) => number.as_f64().is_some_and(|n| n <= 0.0),
        _ => true,
    }
}

pub(super) fn limits(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| {
        let mut wrong = Vec::new();
        for resource in ["cpu", "memory"] {
            let limit = container.at(&format!("/resources/limits/{resource}"));
            let request = container.at(&format!("/resources/requests/{resource}"));
            if is_nothing(limit) {
                wrong.push(format!("no limit for {resource}"));
            }
            // Without a request the limit is one.
            if is_nothing(request) && (is_nothing(limit) || !request.is_null()) {
                wrong.push(format!("no request for {resource}"));
            }
        }
        wrong
    })
}

pub(super) fn probes(object: &Object, _: &[Object]) -> Vec<String> {
    let missing = |container: &Container<'_>, probe: &str| {
        !container.is_init && !PROBES.iter().any(|how| container.at(&format!("/{probe}/{how}")).is_object())
    };
    each(object, |container| {
        [("livenessProbe", "no liveness probe"), ("readinessProbe", "no readiness probe")]
            .into_iter()
            .filter(|(probe, _)| missing(container, probe))
            .map(|(_, found)| found.to_owned())
            .collect()
    })
}

/// A setting of a container's security context, or of its pod's.
fn security<'a>(object: &'a Object, container: &Container<'a>, name: &str) -> &'a Value {
    let own = container.at(&format!("/securityContext/{name}"));
    if own.is_null() { at(object.pod(), &format!("/securityContext/{name}")) } else { own }
}

pub(super) fn non_root(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| {
        let user = security(object, container, "runAsUser").as_i64();
        let is_declared = security(object, container, "runAsNonRoot").as_bool() == Some(true);
        match user {
            Some(0) => vec!["`runAsUser` is 0".into()],
            Some(_) => Vec::new(),
            None => if_wrong(!is_declared, "neither `runAsNonRoot: true` nor a `runAsUser`"),
        }
    })
}

pub(super) fn no_privileged(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| {
        let is_privileged = container.at("/securityContext/privileged").as_bool() == Some(true);
        let mut wrong = if_wrong(is_privileged, "`privileged: true`");
        for capability in items(container.at("/securityContext/capabilities/add")) {
            let name = text(capability).trim_start_matches("CAP_").to_ascii_uppercase();
            if POWERFUL.contains(&name.as_str()) {
                wrong.push(format!("has the capability `{name}`"));
            }
        }
        wrong.extend(if_wrong(text(container.at("/securityContext/procMount")) == "Unmasked", "`procMount: Unmasked`"));
        wrong
    })
}

pub(super) fn no_privilege_escalation(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| {
        let is_off = container.at("/securityContext/allowPrivilegeEscalation").as_bool() == Some(false);
        if_wrong(!is_off, "no `allowPrivilegeEscalation: false`")
    })
}

pub(super) fn drop_capabilities(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| {
        let dropped = items(container.at("/securityContext/capabilities/drop"));
        if_wrong(!dropped.iter().any(|name| text(name).eq_ignore_ascii_case("all")), "does not drop `ALL` capabilities")
    })
}

pub(super) fn read_only_root(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| {
        let is_set = container.at("/securityContext/readOnlyRootFilesystem").as_bool() == Some(true);
        if_wrong(!is_set, "no `readOnlyRootFilesystem: true`")
    })
}

pub(super) fn seccomp(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| {
        let profile = text(at(security(object, container, "seccompProfile"), "/type"));
        if_wrong(!["RuntimeDefault", "Localhost"].contains(&profile), "no `seccompProfile`")
    })
}

/// Pods, and volumes that pods can ask for.
pub(super) fn has_volumes(object: &Object) -> bool {
    object.has_pods() || object.kind == "PersistentVolume"
}

pub(super) fn no_host_paths(object: &Object, _: &[Object]) -> Vec<String> {
    if object.kind == "PersistentVolume" {
        let path = text(object.at("/spec/hostPath/path"));
        return if_wrong(object.at("/spec/hostPath").is_object(), &format!("it is the path `{path}` of a node"));
    }
    let volumes = items(at(object.pod(), "/volumes")).iter().filter(|volume| at(volume, "/hostPath").is_object());
    let line = |volume: &Value| {
        format!("volume `{}`: the path `{}` of the node", text(at(volume, "/name")), text(at(volume, "/hostPath/path")))
    };
    volumes.map(line).collect()
}

pub(super) fn no_host_namespaces(object: &Object, _: &[Object]) -> Vec<String> {
    let pod = object.pod();
    let shared = ["hostNetwork", "hostPID", "hostIPC"].into_iter();
    let shared = shared.filter(|name| at(pod, &format!("/{name}")).as_bool() == Some(true));
    let mut wrong: Vec<String> = shared.map(|name| format!("`{name}: true`")).collect();
    for container in object.containers() {
        let ports = items(container.at("/ports")).iter();
        let taken = ports.filter_map(|port| at(port, "/hostPort").as_u64()).filter(|port| *port > 0);
        wrong.extend(taken.map(|port| format!("container `{}`: takes port {port} of the node", container.name)));
    }
    wrong
}

pub(super) fn no_latest(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| {
        let image = text(container.at("/image"));
        let last = image.rsplit('/').next().unwrap_or_default();
        match last.split_once(':') {
            _ if image.is_empty() => vec!["no image".into()],
            _ if image.contains('@') => Vec::new(),
            None => vec![format!("`{image}` has no tag, which means `latest`")],
            Some((_, "latest" | "")) => vec![format!("`{image}` is another image tomorrow")],
            Some(_) => Vec::new(),
        }
    })
}

pub(super) fn pull_policy_never(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| match text(container.at("/imagePullPolicy")) {
        "Never" => Vec::new(),
        "" => vec!["no `imagePullPolicy`, expected `Never`".into()],
        other => vec![format!("`imagePullPolicy` is `{other}`, expected `Never`")],
    })
}

pub(super) fn pull_policy_explicit(object: &Object, _: &[Object]) -> Vec<String> {
    each(object, |container| if_wrong(text(container.at("/imagePullPolicy")).is_empty(), "no `imagePullPolicy`"))
}

pub(super) fn no_api_token(object: &Object, _: &[Object]) -> Vec<String> {
    let is_off = at(object.pod(), "/automountServiceAccountToken").as_bool() == Some(false);
    if_wrong(!is_off, "no `automountServiceAccountToken: false`")
}
