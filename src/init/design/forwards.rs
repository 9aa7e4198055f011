//! Checks of what another tool forwards to its user and no Service of the objects shows.

use std::collections::BTreeSet;

use super::survey::{Survey, namespace_setting};
use crate::init::draft::StepDraft;
use crate::init::facts::{Facts, Service};
use crate::init::forms::{Form, FormKind};
use crate::init::forward::Forward;
use crate::init::names::{id_of, is_object_name, unique};

/// Returns the checks that there are not yet, and adds to `doubts` what can't be checked.
pub(super) fn steps(
    survey: &Survey,
    namespace: &str,
    ids: &mut BTreeSet<String>,
    doubts: &mut Vec<String>,
) -> Vec<StepDraft> {
    let active: Vec<&Form> = survey.active().map(|(_, form)| form).collect();
    let is_deployed = |forward: &&Forward| active.iter().any(|form| form.groups.contains(&forward.group));
    // What can't be seen may have it.
    let is_open = |form: &&&Form| {
        form.facts.is_none() || matches!(&form.kind, FormKind::Chart(chart) if !chart.without.is_empty())
    };
    let may_be_there = active.iter().any(|form| is_open(&form));
    let services: Vec<&Service> =
        active.iter().filter_map(|form| form.facts.as_ref()).flat_map(|facts: &Facts| &facts.services).collect();
    let mut steps = Vec::new();
    let mut seen: BTreeSet<(&str, &str, u16)> = BTreeSet::new();
    for forward in survey.findings.forwards.iter().filter(is_deployed) {
        let Forward { by, kind, name, port, .. } = forward;
        if !seen.insert((kind, name, *port)) {
            continue;
        }
        let is_service = matches!(kind.as_str(), "service" | "services" | "svc");
        let leads_there = |service: &&&Service| {
            if is_service { service.name == *name } else { service.workloads.contains(name) }
        };
        let leading: Vec<&&Service> = services.iter().filter(leads_there).collect();
        let has_port = leading
            .iter()
            .flat_map(|service| &service.ports)
            .any(|one| if is_service { one.number == *port } else { one.target == Some(*port) });
        if has_port {
            continue;
        }
        if is_service && leading.is_empty() && may_be_there && is_object_name(name) {
            let own = forward.namespace.as_deref();
            let step = StepDraft::new(unique(&id_of(name), ids), "port-check")
                .comment(format!("`{by}` forwards this port; nothing says what answers there"))
                .set("service", name.as_str())
                .set("port", i64::from(*port))
                .formula("namespace", namespace_setting(own, namespace))
                .set("within", "60s");
            steps.push(step);
            continue;
        }
        doubts.push(match (is_service, leading.is_empty()) {
            (true, true) => format!("`{by}` forwards port {port} of the Service `{name}`, which nothing here makes: there is no check of it"),
            (true, false) => format!("`{by}` forwards port {port} of the Service `{name}`, which has no such port: it is checked at those that it has"),
            (false, _) => format!("`{by}` forwards port {port} of {kind} `{name}`, to which no Service leads: that its pods are ready is checked, and no connection"),
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::facts::{Port, PortKind};

    fn found(forwards: &[(&str, &str, u16)], facts: Option<Facts>) -> (Vec<String>, Vec<String>) {
        let form = Form {
            groups: ["skaffold.yaml".to_owned()].into(),
            ..Form::of(FormKind::Chart(Box::default()), "shop", "chart", facts)
        };
        let mut survey = Survey { project: "shop".into(), forms: vec![form], ..Survey::default() };
        let forward = |(kind, name, port): &(&str, &str, u16)| Forward {
            by: "skaffold.yaml".into(),
            group: "skaffold.yaml".into(),
            kind: (*kind).to_owned(),
            name: (*name).to_owned(),
            namespace: None,
            port: *port,
        };
        survey.findings.forwards = forwards.iter().map(forward).collect();
        let elsewhere = Forward { group: "other/skaffold.yaml".into(), ..forward(&("service", "web", 1)) };
        survey.findings.forwards.push(elsewhere);
        let mut doubts = Vec::new();
        let steps = steps(&survey, "shop", &mut ["web".to_owned()].into(), &mut doubts);
        let text = |step: &StepDraft, wanted: &str| {
            step.settings
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value.to_string())
                .unwrap_or_default()
        };
        let shown =
            |step: &StepDraft| format!("{} {} {} {}", step.id, step.action, text(step, "service"), text(step, "port"));
        (steps.iter().map(shown).collect(), doubts)
    }

    #[test]
    fn what_is_forwarded_is_checked_once() {
        let service = Service {
            name: "web".into(),
            namespace: None,
            ports: vec![Port { number: 80, target: Some(8080), kind: PortKind::Http }],
            workloads: ["site".to_owned()].into(),
        };
        let facts = Facts { services: vec![service], ..Facts::default() };
        let known = [("service", "web", 80), ("deployment", "site", 8080)];
        assert_eq!(found(&known, Some(facts.clone())), (vec![], vec![]));
        let (steps, doubts) =
            found(&[("service", "web", 8080), ("service", "api", 80), ("deployment", "jobs", 80)], Some(facts));
        assert_eq!(steps, Vec::<String>::new());
        for (doubt, part) in doubts.iter().zip(["has no such port", "which nothing here makes", "no Service leads"]) {
            assert!(doubt.contains(part), "{doubts:?}");
        }
        assert_eq!(doubts.len(), 3);
    }

    #[test]
    fn where_the_objects_could_not_be_seen_the_port_is_checked() {
        let forwards = [("service", "web", 80), ("service", "web", 80), ("service", "api", 81)];
        let (steps, doubts) = found(&forwards, None);
        assert_eq!(steps, [r#"web-2 port-check "web" 80"#, r#"api port-check "api" 81"#]);
        assert_eq!(doubts, Vec::<String>::new());
    }
}
