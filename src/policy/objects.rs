//! [`Object`]: a Kubernetes object as rules see it, with the place where it is written.

use serde_json::Value;

use crate::tools::kubernetes::{ManifestObjects, YamlDocument, yaml_documents};

/// A Kubernetes object of a manifest.
#[derive(Clone)]
pub struct Object {
    /// The file that has it; of a rendered chart the template.
    pub file: String,
    /// The line in which it begins; `None` where it was rendered.
    pub line: Option<u64>,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    content: Value,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The content may be that of a Secret.
        f.debug_struct("Object").field("file", &self.file).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Reads the objects of a manifest in `file`. A chart's template is named by a comment, as helm writes it. Adds a
/// line to `unreadable` for each document that can't be read.
pub fn read_manifest(file: &str, text: &str, unreadable: &mut Vec<String>) -> Vec<Object> {
    let mut objects = Vec::new();
    for YamlDocument { line, text: document } in yaml_documents(text) {
        let first = (line + document.lines().position(is_content).unwrap_or(0) + 1) as u64;
        let source = document.lines().find_map(|line| line.strip_prefix("# Source: "));
        let found = ManifestObjects::read(&document, "");
        for why in found.unreadable {
            let why = why.trim_start_matches("a document: ");
            unreadable.push(match source {
                Some(source) => format!("{source}: {why}"),
                None => format!("{file}, the document in line {first}: {why}"),
            });
        }
        objects.extend(found.objects.into_iter().map(|object| Object {
            file: source.unwrap_or(file).to_owned(),
            line: if source.is_some() { None } else { Some(first) },
            kind: object.reference.kind.clone(),
            name: object.reference.name.clone(),
            content: object.content().clone(),
        }));
    }
    objects
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#') && !line.starts_with("---")
}

/// A container of a pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct Container<'a> {
    pub(super) name: &'a str,
    /// Whether it only prepares the pod.
    pub(super) is_init: bool,
    pub(super) content: &'a Value,
}

impl Object {
    /// How messages name it: `Deployment/web`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// The value at a JSON pointer; null where there is none.
    pub(super) fn at(&self, pointer: &str) -> &Value {
        at(&self.content, pointer)
    }

    /// Where the template of its pods is, if it makes any.
    fn template(&self) -> Option<&'static str> {
        match self.kind.as_str() {
            "Pod" => Some(""),
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
                Some("/spec/template")
            }
            "CronJob" => Some("/spec/jobTemplate/spec/template"),
            _ => None,
        }
    }

    /// Whether it makes pods.
    pub(super) fn has_pods(&self) -> bool {
        self.template().is_some()
    }

    /// Whether its pods are meant to run until they are stopped.
    pub(super) fn runs_on(&self) -> bool {
        let ends = ["Job", "CronJob"].contains(&self.kind.as_str())
            || (self.kind == "Pod" && ["Never", "OnFailure"].contains(&text(self.at("/spec/restartPolicy"))));
        self.has_pods() && !ends
    }

    /// The specification of its pods; null where it makes none.
    pub(super) fn pod(&self) -> &Value {
        self.template().map_or(&Value::Null, |template| self.at(&format!("{template}/spec")))
    }

    /// The labels of its pods.
    pub(super) fn pod_labels(&self) -> &Value {
        self.template().map_or(&Value::Null, |template| self.at(&format!("{template}/metadata/labels")))
    }

    /// The containers of its pods.
    pub(super) fn containers(&self) -> Vec<Container<'_>> {
        let pod = self.pod();
        let list = |key: &str, is_init: bool| {
            let items = at(pod, key).as_array().map(Vec::as_slice).unwrap_or_default();
            items.iter().map(move |content| Container { name: text(at(content, "/name")), is_init, content })
        };
        list("/initContainers", true).chain(list("/containers", false)).collect()
    }
}

impl<'a> Container<'a> {
    /// The value at a JSON pointer; null where there is none.
    pub(super) fn at(&self, pointer: &str) -> &'a Value {
        at(self.content, pointer)
    }
}

/// The value at a JSON pointer; null where there is none.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The text of a value; empty where it is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The items of a list; none where it is no list.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_place_where_they_are_written() {
        let manifest = "# the web\n---\n\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n# Source: c/templates/a.yaml\n\
                        apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\n---\nkind: [\n";
        let mut unreadable = Vec::new();
        let objects = read_manifest("k8s/all.yaml", manifest, &mut unreadable);
        let places: Vec<_> = objects.iter().map(|object| (object.label(), object.file.as_str(), object.line)).collect();
        assert_eq!(
            places,
            [("Service/web".into(), "k8s/all.yaml", Some(4)), ("Deployment/api".into(), "c/templates/a.yaml", None)]
        );
        assert!(unreadable[0].starts_with("k8s/all.yaml, the document in line 13: "), "{unreadable:?}");
    }
}
