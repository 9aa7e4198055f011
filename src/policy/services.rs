//! What rules ask of objects beyond their pods: how they fit together, how they are rolled out, what they give away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::objects::{Object, at, items, text};
use crate::leaks::is_placeholder;

/// Parts of names whose values are secret.
const SECRET_NAMES: &[&str] =
    &["SECRET", "TOKEN", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "PRIVATE_KEY", "ACCESS_KEY", "CREDENTIAL"];

/// Ends of such names that say where the value is, or what of it.
const NOT_SECRET: &[&str] = &["_FILE", "_PATH", "_NAME", "_URL", "_TTL", "_EXPIRY", "_LENGTH", "_ID", "_TYPE"];

/// Whether a variable of this name has a secret value.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
    let is_secret = SECRET_NAMES.iter().any(|part| name.contains(part));
    is_secret && !NOT_SECRET.iter().any(|end| name.ends_with(end)) && !name.starts_with("PUBLIC_")
}

pub(super) fn is_deployment(object: &Object) -> bool {
    object.kind == "Deployment"
}

pub(super) fn zero_downtime(object: &Object, _: &[Object]) -> Vec<String> {
    let strategy = object.at("/spec/strategy");
    if text(at(strategy, "/type")) == "Recreate" {
        return vec!["the strategy `Recreate` stops all pods before it starts new ones".into()];
    }
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim_end_matches('%').parse().ok(),
        _ => None,
    };
    let (surge, unavailable) = (at(strategy, "/rollingUpdate/maxSurge"), at(strategy, "/rollingUpdate/maxUnavailable"));
    let mut wrong = Vec::new();
    // By default 25 % of the pods may be away.
    if number(unavailable) != Some(0) {
        let found = if unavailable.is_null() { "not set".to_owned() } else { unavailable.to_string() };
        wrong.push(format!("`maxUnavailable` is {found}, expected 0"));
    }
    if number(surge) == Some(0) {
        wrong.push("`maxSurge` is 0: no pod can be added before one is taken away".into());
    }
    wrong
}

/// Objects that select pods.
pub(super) fn selects(object: &Object) -> bool {
    match object.kind.as_str() {
        "Service" => object.at("/spec/selector").as_object().is_some_and(|selector| !selector.is_empty()),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => true,
        _ => false,
    }
}

/// Returns the first label of `selector` that `labels` do not have.
fn unmatched<'a>(selector: &'a Value, labels: &Value) -> Option<(&'a str, &'a str)> {
    let wanted = selector.as_object().into_iter().flatten();
    wanted.map(|(key, value)| (key.as_str(), text(value))).find(|(key, value)| text(&labels[*key]) != *value)
}

pub(super) fn selectors(object: &Object, all: &[Object]) -> Vec<String> {
    if object.kind != "Service" {
        let selector = object.at("/spec/selector/matchLabels");
        let has_one = selector.as_object().is_some_and(|labels| !labels.is_empty())
            || !items(object.at("/spec/selector/matchExpressions")).is_empty();
        if !has_one {
            return vec!["it has no selector".into()];
        }
        let wrong = unmatched(selector, object.pod_labels());
        return wrong
            .map(|(key, value)| format!("its pods lack the label `{key}: {value}` of its selector"))
            .into_iter()
            .collect();
    }
    let selector = object.at("/spec/selector");
    let selected: Vec<&Object> =
        all.iter().filter(|other| other.has_pods() && unmatched(selector, other.pod_labels()).is_none()).collect();
    if selected.is_empty() {
        return vec![format!("no workload has pods with the labels {selector}")];
    }
    let ports = || selected.iter().flat_map(|workload| workload.containers()).flat_map(|one| items(one.at("/ports")));
    let mut wrong = Vec::new();
    for port in items(object.at("/spec/ports")) {
        let target = if at(port, "/targetPort").is_null() { at(port, "/port") } else { at(port, "/targetPort") };
        let is_there = match target {
            Value::String(name) => ports().any(|port| text(at(port, "/name")) == name),
            // A container need not list its ports.
            number => ports().next().is_none() || ports().any(|port| at(port, "/containerPort") == number),
        };
        if !is_there {
            wrong.push(format!("no container of its pods has the port {target}"));
        }
    }
    wrong
}

pub(super) fn may_hold_secrets(object: &Object) -> bool {
    object.has_pods() || ["Secret", "ConfigMap"].contains(&object.kind.as_str())
}

pub(super) fn no_secret_values(object: &Object, _: &[Object]) -> Vec<String> {
    let mut wrong = Vec::new();
    let fields = |pointer: &str| object.at(pointer).as_object().into_iter().flatten();
    match object.kind.as_str() {
        "Secret" => {
            for (key, value) in fields("/data") {
                // What is no base64 is refused by the API server anyway.
                let decoded = STANDARD.decode(text(value).trim()).unwrap_or_else(|_| text(value).into());
                if !is_placeholder(&String::from_utf8_lossy(&decoded)) {
                    wrong.push(format!("the key `{key}` has a value"));
                }
            }
        }
        "ConfigMap" => {
            let named = fields("/data").filter(|(key, value)| is_secret_name(key) && !is_placeholder(text(value)));
            wrong.extend(named.map(|(key, _)| format!("the key `{key}` has a value, in a ConfigMap")));
        }
        _ => {
            for container in object.containers() {
                let named = items(container.at("/env")).iter().filter(|variable| {
                    is_secret_name(text(at(variable, "/name"))) && !is_placeholder(text(at(variable, "/value")))
                });
                let name = |variable: &Value| text(at(variable, "/name")).to_owned();
                let line =
                    |variable| format!("container `{}`: the variable `{}` has a value", container.name, name(variable));
                wrong.extend(named.map(line));
            }
        }
    }
    wrong
}

pub(super) fn any(_: &Object) -> bool {
    true
}

pub(super) fn labels(object: &Object, _: &[Object]) -> Vec<String> {
    let is_named = |labels: &Value| ["app.kubernetes.io/name", "app"].iter().any(|key| !text(&labels[*key]).is_empty());
    let mut wrong = Vec::new();
    if !is_named(object.at("/metadata/labels")) {
        wrong.push("no label `app.kubernetes.io/name` or `app`".into());
    }
    if object.has_pods() && object.kind != "Pod" && !is_named(object.pod_labels()) {
        wrong.push("its pods have no label `app.kubernetes.io/name` or `app`".into());
    }
    wrong
}
