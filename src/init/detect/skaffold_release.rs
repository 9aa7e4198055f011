//! [`release`]: a release of helm in a Skaffold file: its name, namespace and files, and the values that are set.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::init::findings::{DeclaredDeployment, SET_TAG, image_name};
use crate::init::repository::{folder_of, join};

static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{-?\s*\.(\w+)\s*-?\}\}").ok());

/// Reads a release of the file `by`, which builds `images`, and adds to `doubts` what is not taken.
pub(super) fn release(
    by: &str,
    release: &Value,
    images: &[String],
    doubts: &mut Vec<String>,
) -> Option<DeclaredDeployment> {
    let text = |key: &str| release.get(key).and_then(Value::as_str);
    let name = text("name").unwrap_or_default();
    let folder = folder_of(by);
    let Some(chart) = text("chartPath").and_then(|chart| join(folder, chart)) else {
        let chart = text("remoteChart").or_else(|| text("chartPath")).unwrap_or_default();
        doubts.push(format!(
            "`{by}` installs the chart `{chart}` as `{name}`, which is not in this repository: add a `helm-install` step if it is needed"
        ));
        return None;
    };
    // What depends on the environment has no value here.
    let plain = |key: &str| text(key).filter(|value| !value.contains("{{")).map(str::to_owned);
    let files = release.get("valuesFiles").and_then(Value::as_array).into_iter().flatten();
    let mut set = Vec::new();
    let mut unknown = Vec::new();
    for key in ["setValues", "overrides"] {
        flatten(release.get(key).unwrap_or(&Value::Null), &mut String::new(), &mut |name, value| {
            add(&mut set, &mut unknown, name, Some(typed(value)));
        });
    }
    flatten(release.get("setValueTemplates").unwrap_or(&Value::Null), &mut String::new(), &mut |name, value| {
        let filled = match value {
            Value::String(text) => filled(text, images).map(Value::String),
            other => Some(other.clone()),
        };
        add(&mut set, &mut unknown, name, filled.map(|value| typed(&value)));
    });
    let by_helm = release.pointer("/imageStrategy/helm").is_some();
    flatten(release.get("artifactOverrides").unwrap_or(&Value::Null), &mut String::new(), &mut |name, value| {
        let Some(image) = value.as_str().map(image_name) else { return };
        let parts = if by_helm {
            vec![(format!("{name}.repository"), image.to_owned()), (format!("{name}.tag"), SET_TAG.to_owned())]
        } else {
            vec![(name.to_owned(), format!("{image}:{SET_TAG}"))]
        };
        for (name, value) in parts {
            add(&mut set, &mut unknown, &name, Some(Value::String(value)));
        }
    });
    if !unknown.is_empty() {
        doubts.push(format!(
            "`{by}` sets `{}` of the release `{name}` to what depends on its environment, or in a list: set it in the `helm-install` step",
            unknown.join("`, `")
        ));
    }
    Some(
        DeclaredDeployment {
            by: by.to_owned(),
            group: by.to_owned(),
            path: chart,
            release: plain("name"),
            namespace: plain("namespace"),
            set,
            ..DeclaredDeployment::default()
        }
        .with_values(files.filter_map(|one| Some(vec![join(folder, one.as_str()?)?])).collect()),
    )
}

fn add(set: &mut Vec<(Vec<String>, Value)>, unknown: &mut Vec<String>, name: &str, value: Option<Value>) {
    match path_of(name).zip(value) {
        Some((path, value)) => {
            set.retain(|(known, _)| *known != path);
            set.push((path, value));
        }
        None => unknown.push(name.to_owned()),
    }
}

/// Calls `leaf` for each value with its name as `helm --set` has it.
fn flatten(value: &Value, name: &mut String, leaf: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) => {
            let length = name.len();
            for (key, field) in fields {
                if length > 0 {
                    name.push('.');
                }
                name.push_str(key);
                flatten(field, name, leaf);
                name.truncate(length);
            }
        }
        Value::Array(list) => {
            let length = name.len();
            for (at, field) in list.iter().enumerate() {
                name.extend(["[", &at.to_string(), "]"]);
                flatten(field, name, leaf);
                name.truncate(length);
            }
        }
        Value::Null => {}
        leaf_value => leaf(name, leaf_value),
    }
}

/// The path that a name of `helm --set` leads to; `None` where it leads into a list.
pub(super) fn path_of(name: &str) -> Option<Vec<String>> {
    if name.contains(['[', '{', ',']) {
        return None;
    }
    let mut path = vec![String::new()];
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        let last = path.last_mut()?;
        match letter {
            '\\' => last.extend(letters.next()),
            '.' => path.push(String::new()),
            letter => last.push(letter),
        }
    }
    path.iter().all(|part| !part.is_empty()).then_some(path)
}

/// A value as `helm --set` reads its text: numbers and truth values are none.
pub(super) fn typed(value: &Value) -> Value {
    let Value::String(text) = value else { return value.clone() };
    match text.as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        // One that begins with a zero is text.
        text if text == "0" || !text.starts_with('0') => {
            text.parse::<i64>().map_or_else(|_| value.clone(), Value::from)
        }
        _ => value.clone(),
    }
}

/// Puts the images that are built in the place of their variables; `None` if there are others.
fn filled(text: &str, images: &[String]) -> Option<String> {
    let pattern = VARIABLE.as_ref()?;
    let filled = pattern.replace_all(text, |found: &regex::Captures<'_>| {
        variable(&found[1], images).unwrap_or_else(|| found[0].to_owned())
    });
    let filled = filled.trim_end_matches('@');
    (!filled.contains("{{")).then(|| filled.to_owned())
}

/// What Skaffold fills in for a variable of an image: `IMAGE_REPO_acme_web`, or `IMAGE_REPO` where there is one image.
fn variable(name: &str, images: &[String]) -> Option<String> {
    let of = |image: &String| {
        let letters = image.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
        let suffix = format!("_{}", letters.collect::<String>());
        let kind = name.strip_suffix(&suffix).or_else(|| Some(name).filter(|_| images.len() == 1))?;
        match kind {
            "IMAGE_REPO" | "IMAGE_NAME" => Some(image.clone()),
            "IMAGE_TAG" => Some(SET_TAG.to_owned()),
            "IMAGE_FULLY_QUALIFIED" => Some(format!("{image}:{SET_TAG}")),
            // The tag alone says which one it is.
            "IMAGE_DIGEST" => Some(String::new()),
            _ => None,
        }
    };
    images.iter().find_map(of)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> (Option<DeclaredDeployment>, Vec<String>) {
        let mut doubts = Vec::new();
        let images = ["gb-web".to_owned(), "gcr.io/k8s/api".to_owned()];
        (release("deploy/skaffold.yaml", value, &images, &mut doubts), doubts)
    }

    #[test]
    fn a_release_has_its_name_its_namespace_and_the_values_that_are_set() {
        let (found, doubts) = read(&json!({
            "name": "gb", "chartPath": "charts/app", "namespace": "guestbook", "valuesFiles": ["local.yaml"],
            "setValues": {"replicas": 2, "debug": "true", "zip": "0123", "nested": {"port": "80"}, "a\\.b/c": "x"},
            "setValueTemplates": {
                "web.image": "{{.IMAGE_REPO_gb_web}}:{{.IMAGE_TAG_gb_web}}@{{.IMAGE_DIGEST_gb_web}}",
                "api.image.repository": "{{ .IMAGE_REPO_gcr_io_k8s_api }}",
                "api.image.tag": "{{.IMAGE_TAG_gcr_io_k8s_api}}",
            },
        }));
        assert!(doubts.is_empty(), "{doubts:?}");
        let found = found.unwrap();
        assert_eq!(
            (found.path.as_str(), found.values.as_slice()),
            ("deploy/charts/app", ["deploy/local.yaml".to_owned()].as_slice())
        );
        assert_eq!((found.release.as_deref(), found.namespace.as_deref()), (Some("gb"), Some("guestbook")));
        let set: Vec<String> = found.set.iter().map(|(path, value)| format!("{} {value}", path.join("|"))).collect();
        assert_eq!(
            set,
            [
                r#"a.b/c "x""#,
                "debug true",
                "nested|port 80",
                "replicas 2",
                r#"zip "0123""#,
                r#"api|image|repository "gcr.io/k8s/api""#,
                r#"api|image|tag "provision""#,
                r#"web|image "gb-web:provision""#,
            ]
        );
    }

    #[test]
    fn the_overrides_of_older_files_name_the_images() {
        let whole = read(&json!({"name": "a", "chartPath": "c", "artifactOverrides": {"image": "gb-web"}})).0.unwrap();
        assert_eq!(whole.set, [(vec!["image".to_owned()], json!("gb-web:provision"))]);
        let parts = read(
            &json!({"name": "a", "chartPath": "c", "artifactOverrides": {"image": "gb-web"}, "imageStrategy": {"helm": {}}}),
        );
        let set: Vec<String> =
            parts.0.unwrap().set.iter().map(|(path, value)| format!("{} {value}", path.join("."))).collect();
        assert_eq!(set, [r#"image.repository "gb-web""#, r#"image.tag "provision""#]);
    }

    #[test]
    fn what_depends_on_the_environment_or_is_elsewhere_is_said() {
        let (found, doubts) = read(&json!({
            "name": "{{.USER}}-app", "chartPath": "charts/app", "namespace": "{{.NS}}",
            "setValueTemplates": {"host": "{{.HOST}}"}, "setValues": {"list[0]": "x"},
        }));
        let found = found.unwrap();
        assert_eq!((found.release, found.namespace, found.set), (None, None, Vec::new()));
        assert!(doubts[0].contains("`list[0]`, `host`"), "{doubts:?}");
        let (found, doubts) = read(&json!({"name": "pg", "remoteChart": "bitnami/postgresql"}));
        assert!(found.is_none() && doubts[0].contains("`bitnami/postgresql` as `pg`"), "{doubts:?}");
    }
}
