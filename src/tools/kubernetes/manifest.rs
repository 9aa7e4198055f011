//! The objects that a release's manifest names, as the API takes them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::objects::ObjectRef;

/// An object of a manifest.
#[derive(Clone, PartialEq)]
pub struct ManifestObject {
    /// Which one it is.
    pub reference: ObjectRef,
    /// What was released: without its status, which is the cluster's, and without nulls, which set nothing.
    pub(super) content: Value,
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
        for document in documents(manifest) {
            let options = serde_saphyr::options! {
                duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
                legacy_octal_numbers: true,
                // A record's size is limited already.
                budget: None,
            };
            match serde_saphyr::from_multiple_with_options::<Option<Value>>(&document, options) {
                Ok(objects) => {
                    let mut rest: Vec<Value> = objects.into_iter().flatten().rev().collect();
                    while let Some(mut object) = rest.pop() {
                        if text(&object, "/kind") == "List" {
                            let items = object.get_mut("items").and_then(Value::as_array_mut);
                            rest.extend(items.map(std::mem::take).unwrap_or_default().into_iter().rev());
                        } else if !text(&object, "/kind").is_empty() {
                            found.objects.push(ManifestObject::new(object, namespace));
                        }
                    }
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

impl ManifestObject {
    fn new(mut content: Value, namespace: &str) -> Self {
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
        Self { reference, content }
    }

    /// What was released. May be that of a Secret.
    pub fn content(&self) -> &Value {
        &self.content
    }

    /// Whether the cluster removes it by itself once it has done its work.
    pub fn is_removed_when_done(&self) -> bool {
        self.reference.kind == "Job" && self.content.pointer("/spec/ttlSecondsAfterFinished").is_some()
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

/// The documents of a manifest: a line that begins with `---` begins a new one.
fn documents(manifest: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in manifest.lines() {
        if line.starts_with("---") {
            documents.push(String::new());
        }
        if let Some(last) = documents.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    documents
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let spec = json!({"n": 8, "t": "2026-11-26", "u": true, "f": 1.5, "s": "010", "1": "one"});
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
}
