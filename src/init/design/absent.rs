//! What the deployment refers to and nothing makes: its pods would wait for it.

use std::collections::BTreeSet;

use super::survey::Survey;
use crate::init::draft::Draft;
use crate::init::facts::Facts;
use crate::init::forms::{Form, FormKind};
use crate::init::needs::Named;

/// The namespaces that each cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// The class of volumes of a cluster of our own.
const STORAGE_CLASS: &str = "standard";

/// Adds to the doubts what is not there. Objects without a namespace of their own are in `namespace`.
pub(super) fn add(survey: &Survey, namespace: &str, draft: &mut Draft) {
    let facts = || survey.active().filter_map(|(_, form)| Some((form, form.facts.as_ref()?)));
    let placed = |named: &Named| {
        let (kind, own, name) = named.clone();
        (kind, if own == namespace { String::new() } else { own }, name)
    };
    // A step that makes a Secret makes its namespace as well.
    let stages = draft.stages.iter().filter(|stage| stage.id == "secrets").flat_map(|stage| &stage.steps);
    let settings = stages.flat_map(|step| &step.settings).filter(|(setting, _)| *setting == "namespace");
    let of_secrets: Vec<String> = settings.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect();
    let doubts = &mut draft.doubts;
    let made: BTreeSet<Named> = facts().flat_map(|(_, facts)| &facts.needs.made).map(placed).collect();
    let namespaces: BTreeSet<&str> = facts()
        .flat_map(|(_, facts)| &facts.made_namespaces)
        .map(String::as_str)
        .chain([namespace])
        .chain(of_secrets.iter().map(String::as_str))
        .chain(NAMESPACES)
        .collect();
    for (form, facts) in facts() {
        let absent: Vec<&String> = facts.namespaces.iter().filter(|name| !namespaces.contains(name.as_str())).collect();
        if !absent.is_empty() {
            doubts.push(format!(
                "{}: its objects are in {}, which nothing here makes: {}",
                form.title(),
                names("the namespace", "the namespaces", absent.iter().map(|name| name.as_str())),
                match (&form.kind, absent.len()) {
                    (FormKind::Chart(_), _) => "a release makes its own one alone, so make it before the step",
                    (_, 1) => "add a manifest of it",
                    _ => "add a manifest of each",
                }
            ));
        }
        let classes = made.iter().filter(|(kind, ..)| *kind == "StorageClass").map(|(.., name)| name);
        let classes: BTreeSet<&String> = classes.collect();
        let wanted: Vec<Named> = facts.needs.wanted.iter().map(placed).filter(|named| !made.contains(named)).collect();
        // A chart that was read without its dependencies may get them from those.
        let is_whole = !matches!(&form.kind, FormKind::Chart(chart) if !chart.without.is_empty());
        if !wanted.is_empty() && is_whole {
            let shown: Vec<String> = wanted.iter().map(|(kind, _, name)| format!("the {kind} `{name}`")).collect();
            doubts.push(format!(
                "{}: its pods refer to {}, and nothing here makes that: they do not start before it is there",
                form.title(),
                shown.join(", ")
            ));
        }
        machine(form, facts, &classes, doubts);
    }
}

/// What the pods want of the machine that they run on.
fn machine(form: &Form, facts: &Facts, made: &BTreeSet<&String>, doubts: &mut Vec<String>) {
    let labels = &facts.needs.node_labels;
    if !labels.is_empty() {
        doubts.push(format!(
            "{}: its pods run on nodes with {} alone: label the node of the cluster, or take `nodeSelector` away",
            form.title(),
            names("the label", "the labels", labels.iter().map(String::as_str))
        ));
    }
    let classes = facts.needs.storage_classes.iter().filter(|name| *name != STORAGE_CLASS && !made.contains(name));
    let classes: Vec<&str> = classes.map(String::as_str).collect();
    if !classes.is_empty() {
        doubts.push(format!(
            "{}: its volumes are of {}, which a cluster of minikube does not have: there it is `{STORAGE_CLASS}`",
            form.title(),
            names("the StorageClass", "the StorageClasses", classes.into_iter())
        ));
    }
}

fn names<'a>(one: &str, several: &str, all: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<String> = all.map(|name| format!("`{name}`")).collect();
    format!("{} {}", if all.len() == 1 { one } else { several }, all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::kubernetes::ManifestObjects;

    fn doubts(kind: FormKind, text: &str) -> Vec<String> {
        let objects: Vec<serde_json::Value> =
            ManifestObjects::read(text, "").objects.iter().map(|one| one.content().clone()).collect();
        let form = Form::of(kind, "k8s", "k8s", Some(Facts::of(&objects)));
        let survey = Survey { project: "shop".into(), forms: vec![form], ..Survey::default() };
        let mut draft = Draft::default();
        add(&survey, "shop", &mut draft);
        draft.doubts
    }

    const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: NAMESPACE}
spec:
  serviceAccountName: server
  nodeSelector: {kubernetes.io/os: linux, pool: web}
  containers:
  - image: a
    envFrom: [{configMapRef: {name: settings}}, {configMapRef: {name: more, optional: true}}]
  volumes:
  - {name: a, persistentVolumeClaim: {claimName: data}}
  - {name: b, configMap: {name: kube-root-ca.crt}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {storageClassName: gp3}
";

    #[test]
    fn what_nobody_makes_is_said() {
        let found = doubts(FormKind::Manifests(Vec::new()), &POD.replace("NAMESPACE", "shop"));
        let parts = ["the ConfigMap `settings`, the ServiceAccount `server`", "the label `pool=web`", "`gp3`"];
        assert_eq!(found.len(), parts.len(), "{found:?}");
        for (doubt, part) in found.iter().zip(parts) {
            assert!(doubt.contains(part), "{doubt}");
        }
    }

    #[test]
    fn a_namespace_that_nobody_makes_is_said() {
        for kind in [FormKind::Manifests(Vec::new()), FormKind::Chart(Box::default())] {
            let found = doubts(kind, &POD.replace("NAMESPACE", "other"));
            assert!(found[0].contains("the namespace `other`, which nothing here makes"), "{found:?}");
            // The claim is in the namespace of the step.
            assert!(found[1].contains("the PersistentVolumeClaim `data`"), "{found:?}");
        }
        let made =
            POD.replace("NAMESPACE", "other") + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n";
        let found = doubts(FormKind::Manifests(Vec::new()), &made);
        assert!(!found.iter().any(|doubt| doubt.contains("namespace")), "{found:?}");
    }

    #[test]
    fn what_is_among_the_objects_is_not_missing() {
        let made = POD.replace("NAMESPACE", "shop").replace(", pool: web", "").replace("gp3", "standard")
            + "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: server}\n"
            + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\n";
        assert_eq!(doubts(FormKind::Manifests(Vec::new()), &made), Vec::<String>::new());
    }
}
