//! The objects that a release's manifest or a manifest of the project names, as the API takes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::left_lines::with_left_lines;
use super::manifest_value::ManifestValue;
use super::objects::ObjectRef;
use crate::error::{Failure, ids};

/// An object of a manifest.
#[derive(Clone, PartialEq)]
pub struct ManifestObject {
    /// Which one it is.
    pub reference: ObjectRef,
    /// What was released: without its status, which is the cluster's, and without nulls, which set nothing.
    pub(super) content: Value,
    /// What was done with it, as messages say it: `released` or `applied`.
    pub(super) verb: &'static str,
}

impl fmt::Debug for ManifestObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content may be that of a Secret.
        f.debug_tuple("ManifestObject").field(&self.reference).finish()
    }
}

/// The objects that a manifest names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManifestObjects {
    /// In the manifest's order.
    pub objects: Vec<ManifestObject>,
    /// What could not be read, and why. Helm accepted it, so it is not an error; it just can't be checked.
    pub unreadable: Vec<String>,
}

impl ManifestObjects {
    /// Reads a manifest as Helm does: the last one of duplicate keys wins, words and numbers are those of YAML 1.1, and
    /// each document is parsed on its own. `namespace` is that of objects that name none.
    pub fn read(manifest: &str, namespace: &str) -> Self {
        let mut found = Self::default();
        for YamlDocument { text: document, .. } in yaml_documents(manifest) {
            let options = serde_saphyr::options! {
                duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
                legacy_octal_numbers: true,
                // A record's size is limited already.
                budget: None,
            };
            let read =
                |text: &str| serde_saphyr::from_multiple_with_options::<Option<ManifestValue>>(text, options.clone());
            match with_left_lines(&document, read) {
                Ok(objects) => {
                    let named = without_lists(objects).into_iter().filter(|object| !text(object, "/kind").is_empty());
                    found.objects.extend(named.map(|object| ManifestObject::new(object, namespace, "released")));
                }
                Err(error) => {
                    let source = document.lines().find_map(|line| line.strip_prefix("# Source: "));
                    let why = error.to_string();
                    let why = why.lines().next().unwrap_or_default();
                    found.unreadable.push(format!("{}: {why}", source.unwrap_or("a document")));
                }
            }
        }
        found
    }
}

/// Reads a manifest of the project, as the API server reads it: a doubled key, a document that can't be read and an
/// object without kind or name are errors. `file` names it in them; `namespace` is that of objects that name none.
pub(super) fn read_manifest(file: &str, manifest: &str, namespace: &str) -> Result<Vec<ManifestObject>, Failure> {
    let mut found = Vec::new();
    for document in yaml_documents(manifest) {
        let wrong = |why: &str| Failure::of(ids::MANIFEST_INVALID, format!("`{file}` is not a manifest")).cause(why);
        // Its errors then name the lines of the file.
        let padded = format!("{}{}", "\n".repeat(document.line), document.text);
        let options = serde_saphyr::options! { legacy_octal_numbers: true };
        let objects = with_left_lines(&padded, |text| {
            serde_saphyr::from_multiple_with_options::<Option<ManifestValue>>(text, options.clone())
        });
        let objects = objects.map_err(|error| wrong(error.to_string().lines().next().unwrap_or_default()))?;
        for object in without_lists(objects) {
            let line = document.line + 1;
            for field in ["kind", "apiVersion"] {
                if text(&object, &format!("/{field}")).is_empty() {
                    return Err(wrong(&format!("an object of the document at line {line} has no `{field}`")));
                }
            }
            for field in ["name", "namespace"] {
                // `n` and `no` are words for false.
                if object.pointer(&format!("/metadata/{field}")).is_some_and(|value| !value.is_string()) {
                    return Err(wrong(&format!(
                        "`metadata.{field}` of an object of the document at line {line} is no string"
                    ))
                    .hint("write it in quotes"));
                }
            }
            if text(&object, "/metadata/name").is_empty() {
                let kind = text(&object, "/kind");
                return Err(wrong(&format!("the {kind} of the document at line {line} has no `metadata.name`"))
                    .hint("give it a name: an object whose name is generated would be made again by each run"));
            }
            found.push(ManifestObject::new(object, namespace, "applied"));
        }
    }
    Ok(found)
}

/// The objects, those in lists one by one.
fn without_lists(objects: Vec<Option<ManifestValue>>) -> Vec<Value> {
    let mut found = Vec::new();
    let mut rest: Vec<Value> = objects.into_iter().flatten().rev().map(|value| value.0).collect();
    while let Some(mut object) = rest.pop() {
        if text(&object, "/kind") == "List" {
            let items = object.get_mut("items").and_then(Value::as_array_mut);
            rest.extend(items.map(std::mem::take).unwrap_or_default().into_iter().rev());
        } else {
            found.push(object);
        }
    }
    found
}

impl ManifestObject {
    /// A namespace to be applied, with nothing but its name.
    pub fn of_namespace(name: &str) -> Self {
        let content = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        Self::new(content, "", "applied")
    }

    fn new(mut content: Value, namespace: &str, verb: &'static str) -> Self {
        remove_nulls(&mut content);
        let namespace =
            Some(text(&content, "/metadata/namespace")).filter(|name| !name.is_empty()).unwrap_or(namespace);
        let reference = ObjectRef {
            api_version: text(&content, "/apiVersion").to_owned(),
            kind: text(&content, "/kind").to_owned(),
            namespace: namespace.to_owned(),
            name: text(&content, "/metadata/name").to_owned(),
        };
        if let Some(content) = content.as_object_mut() {
            content.remove("status");
            if reference.kind == "Secret" && reference.api_version == "v1" {
                encode_strings(content);
            }
        }
        Self { reference, content, verb }
    }

    /// Sets a label or an annotation; `field` is `labels` or `annotations`.
    pub(super) fn set_metadata(&mut self, field: &str, name: &str, value: &str) {
        let metadata = self.content.get_mut("metadata").and_then(Value::as_object_mut);
        let map = metadata.map(|metadata| metadata.entry(field).or_insert_with(|| Map::new().into()));
        // What is no map is the API server's to refuse.
        if let Some(map) = map.and_then(Value::as_object_mut) {
            map.insert(name.to_owned(), value.into());
        }
    }

    /// Removes a field, such as `spec.replicas`. Returns whether it was there; an item of a list is not found by its
    /// path.
    pub fn remove_field(&mut self, path: &str) -> bool {
        let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut parents = parents.split('.').filter(|part| !part.is_empty());
        let parent = parents.try_fold(&mut self.content, |value, part| value.get_mut(part));
        parent.and_then(Value::as_object_mut).is_some_and(|fields| fields.remove(name).is_some())
    }

    /// Gives containers other images: of a container whose image has one of the names of `images`, whatever its tag or
    /// digest, to the one that stands for it there. Adds to `used` the names that were found.
    pub fn replace_images(&mut self, images: &BTreeMap<String, String>, used: &mut BTreeSet<String>) {
        replace_images(&mut self.content, images, used);
    }

    /// What was released. May be that of a Secret.
    pub fn content(&self) -> &Value {
        &self.content
    }

    /// Whether helm leaves it when a release has it no more.
    pub fn is_kept_by_helm(&self) -> bool {
        let policy = self.content.pointer("/metadata/annotations/helm.sh~1resource-policy").and_then(Value::as_str);
        policy.is_some_and(|policy| policy.eq_ignore_ascii_case("keep"))
    }

    /// Whether the cluster removes it by itself once it has done its work.
    pub fn is_removed_when_done(&self) -> bool {
        self.reference.kind == "Job" && self.content.pointer("/spec/ttlSecondsAfterFinished").is_some()
    }
}

fn replace_images(value: &mut Value, images: &BTreeMap<String, String>, used: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (true, Value::Array(containers)) = (CONTAINERS.contains(&name.as_str()), &mut *field) {
                    let all = containers.iter_mut().filter_map(|container| container.get_mut("image"));
                    for image in all {
                        let name = image.as_str().map(image_name).unwrap_or_default();
                        if let Some((name, other)) = images.get_key_value(name) {
                            used.insert(name.clone());
                            *image = other.as_str().into();
                        }
                    }
                }
                replace_images(field, images, used);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_images(item, images, used)),
        _ => {}
    }
}

/// The lists of a pod's containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// An image's name without tag and digest.
fn image_name(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        // Not the port of a registry.
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

/// Writes the strings of a Secret as the data that the API server makes of them: it never shows the strings again.
fn encode_strings(secret: &mut Map<String, Value>) {
    let Some(Value::Object(strings)) = secret.remove("stringData") else { return };
    let data = secret.entry("data").or_insert_with(|| Map::new().into());
    if let Some(data) = data.as_object_mut() {
        let encoded = |value: &Value| value.as_str().map(|text| STANDARD.encode(text).into());
        data.extend(strings.iter().filter_map(|(key, value)| Some((key.clone(), encoded(value)?))));
    }
}

/// A document of a YAML file.
pub struct YamlDocument {
    /// How many lines are before it.
    pub line: usize,
    /// Its text, with the line that begins it.
    pub text: String,
}

/// Returns the documents of a YAML file, as helm and the API server's clients see them: a line that begins with `---`
/// begins a new one.
pub fn yaml_documents(text: &str) -> Vec<YamlDocument> {
    let mut documents = vec![YamlDocument { line: 0, text: String::new() }];
    for (line, text) in text.lines().enumerate() {
        if text.starts_with("---") {
            documents.push(YamlDocument { line, text: String::new() });
        }
        if let Some(last) = documents.last_mut() {
            last.text.push_str(text);
            last.text.push('\n');
        }
    }
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(manifest: &str) -> ManifestObjects {
        ManifestObjects::read(manifest, "apps")
    }

    #[test]
    fn a_manifest_gives_its_objects_in_order() {
        let found = read(
            "---\n# Source: a.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  labels: {a: b}\n\
             spec:\n  ports: [{port: 80}]\n---\n# only a comment\n---\napiVersion: apps/v1\nkind: Deployment\n\
             metadata:\n  name: api\n  namespace: other\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  \
             kind: ConfigMap\n  metadata: {name: c}\n",
        );
        assert_eq!(found.unreadable, Vec::<String>::new());
        let short: Vec<String> = found.objects.iter().map(|object| object.reference.to_string()).collect();
        assert_eq!(short, ["service/web in apps", "deployment/api in other", "configmap/c in apps"]);
        assert_eq!(found.objects[0].content["spec"], json!({"ports": [{"port": 80}]}));
    }

    #[test]
    fn a_manifest_that_helm_accepts_is_read_as_helm_reads_it() {
        let found = read(
            "---\n# Source: a/templates/cm.yaml\napiVersion: x/v1\nkind: Odd\nmetadata:\n  name: first\n  \
             name: dup\n  labels:\n    a: b\n    a: b\nspec: {n: 010, t: 2026-11-26, u: yes, f: 1.5, s: \"010\", none: null, \
             1: one}\nstatus: {a: b}\nkind: Odd\n",
        );
        assert_eq!(found.unreadable, Vec::<String>::new());
        assert_eq!(found.objects[0].reference.to_string(), "odd/dup in apps");
        let spec = json!({"false": 8, "t": "2026-11-26", "u": true, "f": 1.5, "s": "010", "1": "one"});
        assert_eq!(found.objects[0].content["spec"], spec);
        assert_eq!(found.objects[0].content.get("status"), None);
    }

    #[test]
    fn a_document_that_can_not_be_read_keeps_no_other_from_being_checked() {
        let found =
            read("---\n# Source: a/odd.yaml\nkind: [\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n");
        assert_eq!(found.objects.len(), 1);
        assert!(found.unreadable[0].starts_with("a/odd.yaml: "), "{:?}", found.unreadable);
    }

    #[test]
    fn the_strings_of_a_secret_are_compared_as_its_data() {
        let found =
            read("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {A: YQ==}\nstringData: {A: b, C: c}\n");
        assert_eq!(found.objects[0].content["data"], json!({"A": "Yg==", "C": "Yw=="}));
        assert_eq!(found.objects[0].content.get("stringData"), None);
        assert!(!format!("{found:?}").contains("Yw=="));
    }

    #[test]
    fn a_manifest_of_the_project_is_read_strictly_and_its_errors_have_their_place() {
        let found = read_manifest("a.yaml", "a: &x 1\n", "apps");
        assert!(found.unwrap_err().to_string().contains("line 1 has no `kind`"));
        let text = "# a\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n---\napiVersion: v1\nkind: List\n\
             items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: other}}]\n";
        let names: Vec<String> =
            read_manifest("a.yaml", text, "apps").unwrap().iter().map(|one| one.reference.to_string()).collect();
        assert_eq!(names, ["service/web in apps", "configmap/c in other"]);
        for (text, part) in [
            ("kind: A\nkind: A\n", "duplicate"),
            ("apiVersion: v1\nkind: A\n---\nkind: [\n", "`a.yaml` is not a manifest"),
            ("---\nkind: A\n", "line 1 has no `apiVersion`"),
            ("apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: n}\n", "`metadata.namespace` of an object"),
            ("# a\n---\napiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", "line 2 has no `metadata.name`"),
        ] {
            let failure = read_manifest("a.yaml", text, "apps").unwrap_err();
            assert!(failure.to_string().contains(part), "{text}: {failure}");
        }
        let failure = read_manifest("a.yaml", "a: 1\n---\nkind: A\n---\nkind: A\n b: [\n", "n").unwrap_err();
        assert!(failure.to_string().contains("line 1 "), "{failure}");
        let failure = read_manifest("a.yaml", "# a\n---\n# b\nkind: A\nkind: B\n", "n").unwrap_err();
        assert!(failure.to_string().contains("line 5"), "{failure}");
    }

    #[test]
    fn images_are_replaced_by_their_names_wherever_a_pod_is_described() {
        let text = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {jobTemplate: {spec: {template: {spec: {\
             initContainers: [{name: a, image: 'reg:5000/app:1@sha256:00'}], containers: [{name: b, image: app}, \
             {name: c, image: 'other:1'}]}}}}, image: app}\n";
        let mut object = read_manifest("a.yaml", text, "n").unwrap().remove(0);
        let images = [("app", "app:2"), ("reg:5000/app", "app:3"), ("unused", "x:1")];
        let images = images.map(|(name, image)| (name.to_owned(), image.to_owned())).into();
        let mut used = BTreeSet::new();
        object.replace_images(&images, &mut used);
        assert_eq!(used.into_iter().collect::<Vec<_>>(), ["app", "reg:5000/app"]);
        let pod = &object.content["spec"]["jobTemplate"]["spec"]["template"]["spec"];
        assert_eq!(pod["initContainers"][0]["image"], "app:3");
        assert_eq!(pod["containers"], json!([{"name": "b", "image": "app:2"}, {"name": "c", "image": "other:1"}]));
        assert_eq!(object.content["spec"]["image"], "app");
    }
}
