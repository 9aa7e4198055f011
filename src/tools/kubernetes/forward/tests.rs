//! Which pods and ports a forward leads to.

use serde_json::{Value, json};

use super::*;

fn service() -> Service {
    serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web", "tier": "a"},
        "ports": [{"port": 80, "name": "http", "targetPort": "web"}, {"port": 9000, "targetPort": 9001},
            {"port": 5432}]}}))
    .unwrap()
}

fn pod(name: &str, ready: &str, deleted: &Value) -> Pod {
    serde_json::from_value(json!({"metadata": {"name": name, "deletionTimestamp": deleted},
        "spec": {"containers": [{"name": "side"}, {"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]}}))
    .unwrap()
}

#[test]
fn ports_are_found_by_number_and_by_name_on_either_side() {
    let pods = [pod("a", "True", &Value::Null)];
    let cases = [
        (ServicePort::Number(80), 8080),
        (ServicePort::Name("http".into()), 8080),
        (ServicePort::Name("80".into()), 8080),
        (ServicePort::Number(9000), 9001),
        (ServicePort::Number(5432), 5432),
    ];
    for (port, expected) in cases {
        assert_eq!(resolve(&service(), &pods, &port).unwrap(), [("a".to_owned(), expected)], "{port}");
    }
    let failure = resolve(&service(), &pods, &ServicePort::Number(81)).unwrap_err();
    assert_eq!(failure.to_string(), "the service `web` has no port 81: it has 80 (http), 9000, 5432");
}

#[test]
fn a_port_that_is_not_one_of_tcp_is_refused_and_never_taken_for_one_that_is() {
    let pods = [pod("a", "True", &Value::Null)];
    let dns: Service = serde_json::from_value(json!({"metadata": {"name": "dns"}, "spec": {"ports": [
        {"port": 53, "name": "dns", "protocol": "UDP", "targetPort": 5353},
        {"port": 53, "name": "dns-tcp", "protocol": "TCP", "targetPort": 5354}]}}))
    .unwrap();
    assert_eq!(resolve(&dns, &pods, &ServicePort::Number(53)).unwrap(), [("a".to_owned(), 5354)]);
    let failure = resolve(&dns, &pods, &ServicePort::Name("dns".into())).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "the port dns of the service `dns` is one of UDP: connections are made by TCP alone"
    );
}

#[test]
fn only_pods_that_are_ready_and_stay_are_used() {
    let pods = [
        pod("a", "False", &Value::Null),
        pod("b", "True", &json!("2026-01-01T00:00:00Z")),
        pod("c", "True", &Value::Null),
    ];
    assert_eq!(resolve(&service(), &pods, &ServicePort::Number(80)).unwrap(), [("c".to_owned(), 8080)]);
    assert_eq!(selector(&service()).as_deref(), Some("app=web,tier=a"));
}
