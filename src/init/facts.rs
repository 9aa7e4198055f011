//! [`Facts`]: what objects of Kubernetes say of images, ports, Secrets and namespaces.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::api_versions::trouble_with;
use super::findings::image_name;
use super::names::is_object_name;
use super::needs::Needs;
use crate::images::Reference;
use crate::tools::http::check_path;

/// What a set of objects says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The images of all containers.
    pub(super) images: BTreeSet<String>,
    /// Images whose containers are to pull them each time.
    pub(super) always_pulled: BTreeSet<String>,
    /// Images that are pulled each time because their tag is `latest` and nothing says otherwise.
    pub(super) unpinned: BTreeSet<String>,
    pub(super) services: Vec<Service>,
    pub(super) secrets: BTreeMap<String, SecretUse>,
    /// The workloads by namespace, `""` where they name none, and kind.
    pub(super) workloads: BTreeMap<String, BTreeMap<&'static str, BTreeSet<String>>>,
    /// The namespaces that objects name.
    pub(super) namespaces: BTreeSet<String>,
    /// The namespaces that are among the objects.
    pub(super) made_namespaces: BTreeSet<String>,
    /// What the objects refer to besides Secrets.
    pub(super) needs: Needs,
    pub(super) has_ingress: bool,
    pub(super) has_autoscaler: bool,
    /// What a cluster without extensions does not know, or no longer: the objects, and why.
    pub(super) unknown: Vec<(String, String)>,
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) name: String,
    /// Its namespace, if the object names one.
    pub(super) namespace: Option<String>,
    pub(super) ports: Vec<Port>,
    /// The names of the workloads that it leads to.
    pub(super) workloads: BTreeSet<String>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) number: u16,
    /// The port of the pods.
    pub(super) target: Option<u16>,
    pub(super) kind: PortKind,
}

/// What answers at a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortKind {
    /// HTTP: a probe of the pods requests this path.
    Probed(String),
    /// HTTP, as the port's name or `appProtocol` says; no path is known.
    Http,
    /// Something else, or nobody says what.
    Other,
}

/// How pods use a Secret.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that objects say, and all can be true")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SecretUse {
    /// The keys that are named, and whether each may be missing.
    pub(super) keys: BTreeMap<String, bool>,
    /// Whether all of it becomes variables.
    pub(super) all_variables: bool,
    /// Whether it is mounted with keys that nobody names.
    pub(super) is_mounted: bool,
    /// Whether pods start without it.
    pub(super) is_optional: bool,
    /// Whether one of the objects is this Secret.
    pub(super) is_made: bool,
    /// The keys that it has there.
    pub(super) made_keys: BTreeSet<String>,
    /// Its namespace, if the objects that use it name one.
    pub(super) namespace: Option<String>,
}

/// The kinds that make pods, with where they have their template.
const WORKLOADS: &[(&str, &str)] = &[
    ("Deployment", "/spec/template"),
    ("StatefulSet", "/spec/template"),
    ("DaemonSet", "/spec/template"),
    ("Job", "/spec/template"),
    ("CronJob", "/spec/jobTemplate/spec/template"),
    ("Pod", ""),
];

impl Facts {
    /// Reads what `objects` say.
    pub(super) fn of(objects: &[Value]) -> Self {
        let mut facts = Self::default();
        let mut pods: Vec<Pods<'_>> = Vec::new();
        let definitions: BTreeSet<&str> = objects
            .iter()
            .filter(|object| text(object, "/kind") == "CustomResourceDefinition")
            .map(|object| text(object, "/spec/group"))
            .collect();
        for object in objects.iter().filter(|object| !is_test(object)) {
            let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
            // What is no name is refused by the cluster, and by our own steps.
            let namespace = Some(text(object, "/metadata/namespace")).filter(|name| is_namespace(name));
            let namespace = namespace.unwrap_or_default();
            facts.needs.read_object(object, namespace);
            facts.namespaces.extend(
                Some(if kind == "Namespace" { name } else { namespace })
                    .filter(|name| is_namespace(name))
                    .map(str::to_owned),
            );
            if let Some(why) = trouble_with(text(object, "/apiVersion"), kind, &definitions) {
                facts.unknown.push((format!("{kind}/{name}"), why));
            }
            match kind {
                "Secret" => {
                    let keys = ["/data", "/stringData"].iter().filter_map(|at| object.pointer(at)?.as_object());
                    let keys: Vec<String> = keys.flat_map(|map| map.keys().cloned()).collect();
                    let secret = facts.secret(name, namespace);
                    secret.is_made = true;
                    secret.made_keys.extend(keys);
                }
                "Namespace" => drop(facts.made_namespaces.insert(name.to_owned())),
                "Ingress" => facts.has_ingress = true,
                "HorizontalPodAutoscaler" => facts.has_autoscaler = true,
                _ => {}
            }
            let Some((kind, template)) = WORKLOADS.iter().find(|(known, _)| *known == kind) else { continue };
            // What gets its name only in the cluster can't be named here.
            let of_namespace = facts.workloads.entry(namespace.to_owned()).or_default();
            of_namespace.entry(kind).or_default().extend(Some(name.to_owned()).filter(|name| is_object_name(name)));
            let Some(pod) = object.pointer(&format!("{template}/spec")) else { continue };
            facts.read_pod(pod, namespace);
            facts.needs.read_pod(pod, namespace);
            pods.push((name, object.pointer(&format!("{template}/metadata")).unwrap_or(&Value::Null), pod));
        }
        for object in objects.iter().filter(|object| text(object, "/kind") == "Service" && !is_test(object)) {
            facts.services.extend(service(object, &pods));
        }
        facts
    }

    fn secret(&mut self, name: &str, namespace: &str) -> &mut SecretUse {
        let secret = self.secrets.entry(name.to_owned()).or_default();
        if !namespace.is_empty() {
            secret.namespace = Some(namespace.to_owned());
        }
        secret
    }

    fn read_pod(&mut self, pod: &Value, namespace: &str) {
        for container in list(pod, "/initContainers").chain(list(pod, "/containers")) {
            let image = text(container, "/image");
            if !image.is_empty() {
                self.images.insert(image.to_owned());
                if text(container, "/imagePullPolicy") == "Always" {
                    self.always_pulled.insert(image.to_owned());
                }
                let has_tag = image_name(image) != image && !image.ends_with(":latest");
                if text(container, "/imagePullPolicy").is_empty() && !has_tag {
                    self.unpinned.insert(image.to_owned());
                }
            }
            for one in list(container, "/env").filter_map(|one| one.pointer("/valueFrom/secretKeyRef")) {
                let is_optional = flag(one, "/optional");
                let secret = self.secret(text(one, "/name"), namespace);
                let known = secret.keys.entry(text(one, "/key").to_owned()).or_insert(true);
                *known &= is_optional;
            }
            for one in list(container, "/envFrom").filter_map(|one| one.get("secretRef")) {
                let is_optional = flag(one, "/optional");
                let secret = self.secret(text(one, "/name"), namespace);
                secret.all_variables = true;
                secret.is_optional |= is_optional;
            }
        }
        let own = list(pod, "/volumes").filter_map(|one| one.get("secret"));
        let projected =
            list(pod, "/volumes").flat_map(|one| list(one, "/projected/sources")).filter_map(|one| one.get("secret"));
        for one in own.chain(projected) {
            let name = [text(one, "/secretName"), text(one, "/name")].into_iter().find(|name| !name.is_empty());
            let Some(name) = name else { continue };
            let (items, is_optional): (Vec<&str>, bool) =
                (list(one, "/items").map(|item| text(item, "/key")).collect(), flag(one, "/optional"));
            let secret = self.secret(name, namespace);
            secret.is_mounted |= items.is_empty();
            secret.is_optional |= is_optional;
            for key in items {
                secret.keys.entry(key.to_owned()).or_insert(is_optional);
            }
        }
    }
}

/// Why an image of containers can't be had: no image has such a name, because another tool fills it in.
pub(super) fn unnameable(images: &BTreeSet<String>) -> Option<String> {
    let image = images.iter().find(|image| Reference::parse(image).is_err())?;
    Some(format!("no image can have the name `{image}`: something has to fill it in"))
}

/// Whether it belongs to a test of a chart, which `helm test` runs.
fn is_test(object: &Value) -> bool {
    let hook = object.pointer("/metadata/annotations").and_then(|all| all.get("helm.sh/hook")).and_then(Value::as_str);
    hook.is_some_and(|hook| hook.split(',').any(|hook| hook.trim().starts_with("test")))
}

fn is_namespace(name: &str) -> bool {
    is_object_name(name) && !name.contains('.') && name.len() <= 63
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Pods of a workload: its name, their metadata, and what they are.
type Pods<'a> = (&'a str, &'a Value, &'a Value);

/// A Service that leads to pods of the objects; `None` for one that leads elsewhere.
fn service(object: &Value, pods: &[Pods<'_>]) -> Option<Service> {
    let selector = object.pointer("/spec/selector")?.as_object()?;
    let is_selected = |metadata: &Value| {
        selector
            .iter()
            .all(|(key, value)| metadata.pointer("/labels").and_then(|labels| labels.get(key)) == Some(value))
    };
    let of_it: Vec<&Pods<'_>> = pods.iter().filter(|(_, metadata, _)| is_selected(metadata)).collect();
    let selected: Vec<&Value> = of_it.iter().map(|(.., pod)| *pod).collect();
    let name = text(object, "/metadata/name");
    if selector.is_empty()
        || selected.is_empty()
        || !is_object_name(name)
        || name.contains('.')
        || text(object, "/spec/type") == "ExternalName"
    {
        return None;
    }
    let ports = list(object, "/spec/ports").filter_map(|port| {
        let protocol = text(port, "/protocol");
        let number = u16::try_from(port.get("port")?.as_u64()?).ok()?;
        (protocol.is_empty() || protocol == "TCP").then(|| {
            let (kind, target) = kind_of(port, &selected);
            Port { number, target: target.and_then(|target| u16::try_from(target).ok()), kind }
        })
    });
    Some(Service {
        name: name.to_owned(),
        namespace: Some(text(object, "/metadata/namespace").to_owned()).filter(|name| is_namespace(name)),
        ports: ports.collect(),
        workloads: of_it.iter().map(|(name, ..)| (*name).to_owned()).collect(),
    })
}

/// What answers at a port of a Service that leads to `pods`, and the port of the pods.
fn kind_of(port: &Value, pods: &[&Value]) -> (PortKind, Option<u64>) {
    let containers: Vec<&Value> = pods.iter().flat_map(|pod| list(pod, "/containers")).collect();
    let target = port.get("targetPort").or_else(|| port.get("port")).unwrap_or(&Value::Null);
    // A port has a name and a number in the pod, and a Service or a probe may use either.
    let number_of = |wanted: &Value| -> Option<u64> {
        let by_name = |name: &str| {
            let mut ports = containers.iter().flat_map(|container| list(container, "/ports"));
            ports.find(|one| text(one, "/name") == name).and_then(|one| one.get("containerPort")?.as_u64())
        };
        wanted.as_u64().or_else(|| by_name(wanted.as_str()?)).or_else(|| wanted.as_str()?.parse().ok())
    };
    let wanted = number_of(target);
    let probes = ["readinessProbe", "startupProbe", "livenessProbe"];
    let request = probes
        .iter()
        .flat_map(|probe| containers.iter().filter_map(move |container| container.get(*probe)?.get("httpGet")));
    let found =
        request.clone().find(|get| get.get("port").is_some_and(|port| wanted.is_some() && number_of(port) == wanted));
    let protocol = text(port, "/appProtocol");
    let name = text(port, "/name").to_lowercase();
    let is_grpc = name.contains("grpc") || protocol.contains("grpc") || protocol.ends_with("h2c");
    let kind = match found {
        Some(get) if text(get, "/scheme").eq_ignore_ascii_case("https") => PortKind::Other,
        Some(get) => PortKind::Probed(
            Some(text(get, "/path")).filter(|path| check_path("path", path).is_ok()).unwrap_or("/").to_owned(),
        ),
        None if is_grpc || name.contains("https") => PortKind::Other,
        None if protocol == "http" || name == "http" || name.starts_with("http-") || name == "web" => PortKind::Http,
        None => PortKind::Other,
    };
    (kind, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::kubernetes::ManifestObjects;

    fn facts(text: &str) -> Facts {
        let objects: Vec<Value> =
            ManifestObjects::read(text, "").objects.iter().map(|one| one.content().clone()).collect();
        Facts::of(&objects)
    }

    const POD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: apps}
spec:
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      containers:
      - name: web
        image: acme/web:1
        imagePullPolicy: Always
        ports: [{name: http, containerPort: 8080}, {name: grpc, containerPort: 9090}]
        readinessProbe: {httpGet: {path: /ready, port: http}}
        env:
        - {name: A, valueFrom: {secretKeyRef: {name: app, key: A}}}
        - {name: B, valueFrom: {secretKeyRef: {name: app, key: B, optional: true}}}
        envFrom: [{secretRef: {name: all}}]
      volumes: [{name: v, secret: {secretName: files}}, {name: w, secret: {secretName: app, items: [{key: C, path: c}]}}]
";

    #[test]
    fn ports_are_http_only_where_something_says_so() {
        let service = |ports: &str| {
            format!(
                "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s}}\nspec: {{selector: {{app: web}}, ports: [{ports}]}}\n"
            )
        };
        for (port, expected) in [
            ("{port: 80, targetPort: http}", Some(PortKind::Probed("/ready".into()))),
            ("{port: 80, targetPort: 8080}", Some(PortKind::Probed("/ready".into()))),
            ("{port: 8080}", Some(PortKind::Probed("/ready".into()))),
            ("{port: 9090, targetPort: grpc, name: grpc}", Some(PortKind::Other)),
            ("{port: 70, name: http, targetPort: 70}", Some(PortKind::Http)),
            ("{port: 71, appProtocol: http}", Some(PortKind::Http)),
            ("{port: 71}", Some(PortKind::Other)),
            ("{port: 53, protocol: UDP}", None),
        ] {
            let found = facts(&format!("{POD}{}", service(port)));
            assert_eq!(found.services[0].ports.first().map(|port| port.kind.clone()), expected, "{port}");
        }
        let by_https = POD.replace("httpGet: {", "httpGet: {scheme: HTTPS, ");
        let found = facts(&format!("{by_https}{}", service("{port: 443, name: web, targetPort: http}")));
        assert_eq!(found.services[0].ports[0].kind, PortKind::Other);
        assert!(facts(&format!("{POD}{}", service("{port: 1}").replace("app: web", "app: other"))).services.is_empty());
    }

    #[test]
    fn images_secrets_and_namespaces_are_read() {
        let found = facts(&format!(
            "{POD}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: all}}\n---\napiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {{name: r}}\n"
        ));
        assert_eq!(found.images, BTreeSet::from(["acme/web:1".to_owned()]));
        assert_eq!(found.always_pulled, found.images);
        let app = &found.secrets["app"];
        assert_eq!(
            app.keys,
            BTreeMap::from([("A".to_owned(), false), ("B".to_owned(), true), ("C".to_owned(), false)])
        );
        assert_eq!(app.namespace.as_deref(), Some("apps"));
        assert!(
            found.secrets["all"].is_made && found.secrets["all"].all_variables && found.secrets["files"].is_mounted
        );
        assert_eq!(found.namespaces, BTreeSet::from(["apps".to_owned()]));
        assert_eq!(found.unknown[0].0, "Route/r");
    }

    #[test]
    fn tests_of_a_chart_are_no_part_of_it() {
        let found = facts(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\nspec: {containers: [{image: busybox}]}\n",
        );
        assert_eq!(found, Facts::default());
    }
}
