//! [`ImageKeys`]: which values of a chart set which image, found by trying them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::findings::image_name;

/// A path in a chart's values.
pub(super) type KeyPath = Vec<String>;

/// What a value is to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The tag alone.
    Tag,
    /// The name with its tag.
    Whole,
}

/// A value that may set an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    path: KeyPath,
    part: Part,
    /// What it is set to for the trial.
    marker: String,
}

impl Candidate {
    /// The tag that it gets for the trial.
    fn tag(&self) -> &str {
        self.marker.rsplit(':').next().unwrap_or(&self.marker)
    }
}

/// The values that set images.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ImageKeys {
    /// For the name of each image: where its tag, or all of it, is set.
    pub(super) keys: BTreeMap<String, (KeyPath, Part)>,
    /// Images that have kept their tags where a value has set it for others of the same name: they stand in a template.
    pub(super) fixed: BTreeSet<String>,
    /// Where each pull policy of `Always` is set that stands beside such a value.
    pub(super) policies: BTreeMap<String, KeyPath>,
}

/// The ends of names of keys with a tag.
const TAGS: &[&str] = &["tag", "imageversion", "image_version"];

/// The ends of names of keys that have a tag where it is that of an image, or where nothing stands there beside an
/// image's name.
const VERSIONS: &[&str] = &["version", "release", "revision", "ref"];

/// The names of keys with an image's name, beside which a tag is known although no key has it.
const NAMES: &[&str] = &["repository", "repo", "image", "name", "imageName", "image_name"];

/// The names of keys with a pull policy.
const POLICIES: &[&str] = &["pullPolicy", "imagePullPolicy"];

/// Values deeper than this set no image.
const MAX_DEPTH: usize = 6;

/// Returns the values that may set one of `images`.
pub(super) fn candidates(values: &Value, images: &BTreeSet<String>) -> Vec<Candidate> {
    let mut found = BTreeSet::new();
    let mut path = Vec::new();
    collect(values, images, &mut path, &mut found);
    let numbered = found.into_iter().enumerate();
    numbered
        .map(|(n, (path, part, name))| {
            let tag = format!("provision-trial-{n}");
            let marker = if part == Part::Whole { format!("{name}:{tag}") } else { tag };
            Candidate { path, part, marker }
        })
        .collect()
}

fn collect(
    value: &Value,
    images: &BTreeSet<String>,
    path: &mut KeyPath,
    found: &mut BTreeSet<(KeyPath, Part, String)>,
) {
    let Some(fields) = value.as_object().filter(|_| path.len() < MAX_DEPTH) else { return };
    let with = |path: &KeyPath, key: &str| path.iter().cloned().chain([key.to_owned()]).collect::<KeyPath>();
    let is_part_of_image = |text: &str| {
        !text.is_empty() && images.iter().any(|image| image_name(image).ends_with(text.trim_start_matches('/')))
    };
    let names_image =
        fields.iter().any(|(key, field)| NAMES.contains(&key.as_str()) && field.as_str().is_some_and(is_part_of_image));
    let may_be_tag = |key: &str, field: &Value| {
        let value = field.as_str().map_or_else(|| field.to_string(), str::to_owned);
        let is_version = ends_with(key, VERSIONS);
        let is_free = (field.is_null() || value.is_empty()) && names_image && is_version;
        let is_that_of_image = || images.iter().any(|image| tag_of(image) == Some(value.as_str()));
        ends_with(key, TAGS) || is_free || ((names_image || is_version) && is_that_of_image())
    };
    let has_tag = fields.iter().any(|(key, field)| may_be_tag(key, field));
    for (key, field) in fields {
        match field {
            Value::String(text) if images.contains(text) => {
                found.insert((with(path, key), Part::Whole, image_name(text).to_owned()));
            }
            Value::String(text) if NAMES.contains(&key.as_str()) && is_part_of_image(text) && !has_tag => {
                found.insert((with(path, "tag"), Part::Tag, String::new()));
            }
            Value::String(_) | Value::Null | Value::Number(_) if may_be_tag(key, field) => {
                found.insert((with(path, key), Part::Tag, String::new()));
            }
            Value::Object(_) => {
                path.push(key.clone());
                collect(field, images, path, found);
                path.pop();
            }
            _ => {}
        }
    }
}

/// The tag of an image, where it has one.
fn tag_of(image: &str) -> Option<&str> {
    image.strip_prefix(image_name(image))?.strip_prefix(':')
}

/// Whether the last word of a key is one of `words`: `tag`, `imageTag`, `IMAGE_TAG`.
fn ends_with(key: &str, words: &[&str]) -> bool {
    let lower = key.to_lowercase();
    words.iter().any(|word| {
        lower.strip_suffix(word).is_some_and(|before| {
            let is_new_word = key[before.len()..].starts_with(|c: char| c.is_uppercase());
            before.is_empty() || before.ends_with(['_', '-']) || is_new_word || before == "image"
        })
    })
}

/// The values that set each candidate to its marker.
pub(super) fn marked(candidates: &[Candidate]) -> Value {
    let mut values = Value::Object(Map::new());
    for Candidate { path, marker, .. } in candidates {
        let mut nested = Value::from(marker.as_str());
        for key in path.iter().rev() {
            nested = Value::Object(Map::from_iter([(key.clone(), nested)]));
        }
        overlay(&mut values, &nested);
    }
    values
}

/// Returns which candidates have set one of `images`, which were rendered with the markers.
pub(super) fn found(candidates: &[Candidate], images: &BTreeSet<String>, values: &Value) -> ImageKeys {
    let mut found = ImageKeys::default();
    for image in images {
        let set_by = candidates.iter().find(|one| image.ends_with(&format!(":{}", one.tag())));
        let Some(one) = set_by else { continue };
        let name = image_name(image).to_owned();
        let beside = one.path.split_last().map(|(_, above)| above).unwrap_or_default();
        let policy = POLICIES
            .iter()
            .find(|key| at(values, beside).and_then(|table| table.get(**key)?.as_str()) == Some("Always"));
        if let Some(key) = policy {
            let path = beside.iter().cloned().chain([(*key).to_owned()]).collect();
            found.policies.insert(name.clone(), path);
        }
        found.keys.insert(name, (one.path.clone(), one.part));
    }
    let is_set = |image: &String| candidates.iter().any(|one| image.ends_with(&format!(":{}", one.tag())));
    let has_key = |image: &String| found.keys.contains_key(image_name(image));
    found.fixed = images.iter().filter(|image| !is_set(image) && has_key(image)).cloned().collect();
    found
}

fn at<'a>(values: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(values, |value, key| value.get(key))
}

/// Writes the values of `over` over others, as helm does.
pub(super) fn overlay(values: &mut Value, over: &Value) {
    match (values, over) {
        (Value::Object(known), Value::Object(new)) => {
            for (key, value) in new {
                overlay(known.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (known, new) => *known = new.clone(),
    }
}

impl ImageKeys {
    /// Whether the value sets an image.
    pub(super) fn sets(&self, path: &KeyPath) -> bool {
        self.keys.values().any(|(other, _)| other == path)
    }

    /// Whether the value sets several images.
    pub(super) fn is_shared(&self, path: &KeyPath) -> bool {
        self.keys.values().filter(|(other, _)| other == path).count() > 1
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Renders as a chart would that uses these values.
    fn trial(values: &Value, rendered: &[&str], render: impl Fn(&Value) -> Vec<String>) -> ImageKeys {
        let images: BTreeSet<String> = rendered.iter().map(|image| (*image).to_owned()).collect();
        let candidates = candidates(values, &images);
        let mut all = values.clone();
        overlay(&mut all, &marked(&candidates));
        found(&candidates, &render(&all).into_iter().collect(), values)
    }

    fn text(values: &Value, pointer: &str) -> String {
        values.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    #[test]
    fn the_value_that_counts_is_found_whatever_the_others_are_called() {
        let values = json!({"web": {"image": {"repository": "acme/web", "tag": "", "pullPolicy": "Always"}}, "image": {"tag": "1"}, "db": {"image": "postgres:15"}, "n": 1});
        let keys = trial(&values, &["acme/web:0.1", "postgres:15"], |values| {
            vec![format!("acme/web:{}", text(values, "/web/image/tag")), text(values, "/db/image")]
        });
        let key = |name: &str| keys.keys.get(name).map(|(path, part)| (path.join("."), *part));
        assert_eq!(key("acme/web"), Some(("web.image.tag".into(), Part::Tag)));
        assert_eq!(key("postgres"), Some(("db.image".into(), Part::Whole)));
        assert_eq!(keys.policies["acme/web"].join("."), "web.image.pullPolicy");
    }

    #[test]
    fn one_that_keeps_its_tag_beside_another_that_is_set_stands_in_the_template() {
        let values = json!({"web": {"image": {"repository": "acme/web", "tag": "1"}}});
        let keys = trial(&values, &["acme/web:1"], |values| {
            vec![format!("acme/web:{}", text(values, "/web/image/tag")), "acme/web:1".into(), "acme/db:2".into()]
        });
        assert_eq!(keys.fixed, BTreeSet::from(["acme/web:1".to_owned()]));
    }

    #[test]
    fn a_value_that_counts_for_several_images_is_shared() {
        let values = json!({"images": {"repository": "acme", "tag": "1"}});
        let keys = trial(&values, &["acme/a:1", "acme/b:1"], |values| {
            ["a", "b"].map(|name| format!("acme/{name}:{}", text(values, "/images/tag"))).to_vec()
        });
        assert!(keys.is_shared(&vec!["images".to_owned(), "tag".to_owned()]));
    }

    #[test]
    fn a_tag_is_known_by_its_value_whatever_its_key_is_called() {
        let values = json!({
            "sidecar": {"image": {"name": "acme/sidecar", "version": "v1"}},
            "web": {"image": {"name": "acme/web", "version": ""}},
            "db": {"image": "acme/db", "v": "9"},
            "release": 7, "otherVersion": "2", "backendImageTag": "3",
        });
        let images = ["acme/sidecar:v1", "acme/web:0.1", "acme/jobs:7", "acme/api:3", "acme/db:9"];
        let keys = trial(&values, &images, |values| {
            let tag =
                |pointer: &str| values.pointer(pointer).map(|tag| tag.to_string().replace('"', "")).unwrap_or_default();
            let image = |name: &str, pointer: &str| format!("acme/{name}:{}", tag(pointer));
            vec![
                image("sidecar", "/sidecar/image/version"),
                image("web", "/web/image/version"),
                image("jobs", "/release"),
                image("api", "/backendImageTag"),
                image("db", "/db/v"),
            ]
        });
        let shown: Vec<String> =
            keys.keys.iter().map(|(name, (path, _))| format!("{name} {}", path.join("."))).collect();
        assert_eq!(
            shown,
            [
                "acme/api backendImageTag",
                "acme/db db.v",
                "acme/jobs release",
                "acme/sidecar sidecar.image.version",
                "acme/web web.image.version",
            ]
        );
        // A version that is that of no image is left as it is.
        let images = BTreeSet::from(["acme/web:1".to_owned()]);
        assert!(candidates(&json!({"kubeVersion": "1.30", "stage": "1", "apiVersion": "v1"}), &images).is_empty());
    }

    #[test]
    fn what_is_written_in_the_template_is_set_by_nothing() {
        let values = json!({"image": {"tag": "1"}, "repository": "acme/web"});
        assert_eq!(trial(&values, &["acme/web:1"], |_| vec!["acme/web:1".into()]), ImageKeys::default());
    }
}
