//! The stage that verifies: all pods run, and what the Services lead to answers.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use super::forwards;
use super::survey::{Survey, namespace_setting};
use crate::init::draft::{Draft, Proof, StageDraft, StepDraft};
use crate::init::facts::{PortKind, Service};
use crate::init::forms::{Form, FormKind};
use crate::init::names::{id_of, unique};

/// The statuses with which a server answers a request for its root, if it is there.
pub(super) const ANSWERS: [i64; 9] = [200, 204, 301, 302, 307, 308, 401, 403, 404];

/// The setting that names the workloads of a kind.
const LISTS: &[(&str, &str)] =
    &[("Deployment", "deployments"), ("StatefulSet", "statefulsets"), ("DaemonSet", "daemonsets"), ("Job", "jobs")];

/// Adds the stage.
pub(super) fn add(survey: &Survey, namespace: &str, draft: &mut Draft) {
    let (mut steps, mut ids, mut checked) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let n_active = survey.active().count();
    for (_, form) in survey.active() {
        let id = if n_active == 1 { "rollout".to_owned() } else { format!("rollout-{}", form.id) };
        match form.kind {
            FormKind::Chart(_) => {
                let revision = format!("${{{{ steps.deploy.{}.revision }}}}", form.id);
                let step = StepDraft::new(unique(&id, &mut ids), "rollout-check")
                    .title("All pods run")
                    .formula("namespace", "${{ vars.namespace }}");
                steps.push(
                    step.set("release", form.id.as_str())
                        .formula("revision", revision)
                        .set("timeout", "5m")
                        .proves(Proof::Rollout),
                );
            }
            _ => steps.extend(workloads(form, namespace, &id, &mut ids)),
        }
        let facts = form.facts.iter();
        for service in facts.clone().flat_map(|facts| &facts.services) {
            // Parts of a chart may have the same one.
            let space = namespace_setting(service.namespace.as_deref(), namespace);
            if checked.insert((space, service.name.clone(), format!("{:?}", service.ports))) {
                steps.extend(service_steps(service, namespace, &mut ids));
            }
        }
        for facts in facts {
            if facts.has_ingress {
                draft.doubts.push(format!("{}: there is an Ingress, whose host is only reached with a controller, such as the addon `ingress` of minikube; the checks use the Services", form.title()));
            }
            if facts.has_autoscaler {
                draft
                    .doubts
                    .push(format!("{}: there is an autoscaler, which needs the addon `metrics-server`", form.title()));
            }
        }
    }
    steps.extend(forwards::steps(survey, namespace, &mut ids, &mut draft.doubts));
    // What the requests find is shown together with how far the rollout is.
    if !steps.is_empty() {
        draft.stages.push(StageDraft { id: "verify", title: "Verify".into(), needs: Some(vec!["deploy"]), steps });
    }
}

/// A check of the workloads of manifests, one for each namespace.
fn workloads(form: &Form, namespace: &str, id: &str, ids: &mut BTreeSet<String>) -> Vec<StepDraft> {
    let mut merged: BTreeMap<String, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for (own, kinds) in form.facts.iter().flat_map(|facts| &facts.workloads) {
        let own = if own == namespace { "" } else { own.as_str() };
        for (kind, names) in kinds {
            merged.entry(own.to_owned()).or_default().entry(kind).or_default().extend(names.iter().cloned());
        }
    }
    let mut steps = Vec::new();
    for (own, kinds) in merged {
        let mut step = StepDraft::new(unique(id, ids), "rollout-check")
            .title("All pods run")
            .formula("namespace", namespace_setting(Some(&own), namespace));
        for (kind, list) in LISTS {
            if let Some(names) = kinds.get(kind).filter(|names| !names.is_empty()) {
                step = step.list(list, names.iter().cloned());
            }
        }
        // Of a kind that only starts others nothing can be waited for.
        if step.settings.len() > 1 {
            steps.push(step.set("timeout", "5m").proves(Proof::Rollout));
        }
    }
    steps
}

/// The checks of a Service: for each TCP port a request where it speaks HTTP, else whether connections are accepted.
/// For one without such ports, whether it leads to pods that are ready.
fn service_steps(service: &Service, namespace: &str, ids: &mut BTreeSet<String>) -> Vec<StepDraft> {
    let space = namespace_setting(service.namespace.as_deref(), namespace);
    let mut steps = Vec::new();
    for port in &service.ports {
        let action = if port.kind == PortKind::Other { "port-check" } else { "http-check" };
        let step = StepDraft::new(unique(&id_of(&service.name), ids), action)
            .set("service", service.name.as_str())
            .set("port", i64::from(port.number))
            .formula("namespace", space.as_str());
        steps.push(match &port.kind {
            PortKind::Probed(path) => step.set("path", path.as_str()).set("within", "60s"),
            PortKind::Http => step
                .comment("nothing says which path answers, so any answer counts")
                .set("path", "/")
                .set("within", "60s")
                .set("status", Value::Array(ANSWERS.map(Value::Integer).to_vec())),
            PortKind::Other => step
                .comment("nothing says that it answers requests by plain HTTP: that its pods accept connections")
                .set("within", "60s"),
        });
    }
    if steps.is_empty() {
        let id = unique(&id_of(&service.name), ids);
        let step = StepDraft::new(id, "resource-check")
            .comment("it has no TCP port to connect to: that it leads to pods which are ready");
        let step =
            step.set("kind", "EndpointSlice").set("api-version", "discovery.k8s.io/v1").formula("namespace", space);
        let step = step.set("selector", format!("kubernetes.io/service-name={}", service.name));
        steps.push(step.list("assert", ["any(endpoints, conditions.ready)"]).set("within", "60s"));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::facts::{Facts, Port};

    #[test]
    fn a_service_that_two_parts_have_is_checked_once() {
        let service = |number: u16| Service {
            name: "web".into(),
            namespace: None,
            ports: vec![Port { number, target: None, kind: PortKind::Other }],
            workloads: BTreeSet::new(),
        };
        let facts = Facts { services: vec![service(80), service(80), service(81)], ..Facts::default() };
        let form = Form::of(FormKind::Manifests(Vec::new()), "k8s", "k8s", Some(facts));
        let survey = Survey { project: "shop".into(), forms: vec![form], ..Survey::default() };
        let mut draft = Draft::default();
        add(&survey, "shop", &mut draft);
        let ids: Vec<&str> = draft.stages[0].steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(ids, ["web", "web-2"]);
    }

    #[test]
    fn a_service_is_requested_where_it_speaks_http_and_connected_to_elsewhere() {
        let service = |kinds: &[PortKind]| Service {
            name: "web".into(),
            namespace: None,
            ports: kinds.iter().cloned().map(|kind| Port { number: 80, target: None, kind }).collect(),
            workloads: BTreeSet::new(),
        };
        let actions = |kinds: &[PortKind]| {
            service_steps(&service(kinds), "n", &mut BTreeSet::new()).iter().map(|step| step.action).collect::<Vec<_>>()
        };
        assert_eq!(actions(&[PortKind::Probed("/ready".into()), PortKind::Other]), ["http-check", "port-check"]);
        assert_eq!(actions(&[PortKind::Http, PortKind::Probed("/".into())]), ["http-check", "http-check"]);
        assert_eq!(actions(&[PortKind::Other]), ["port-check"]);
        // A headless Service may have no ports, and one by UDP has none to connect to.
        assert_eq!(actions(&[]), ["resource-check"]);
    }
}
