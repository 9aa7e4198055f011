//! [`Wanted`]: how other files install a chart: as which release, in which namespace, with which values.

use serde_json::{Map, Value};

use super::findings::{Chart, DeclaredDeployment, Findings, SET_TAG};
use super::image_keys::overlay;
use super::names::{id_of, is_object_name};

/// How a chart is to be installed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    pub(super) release: Option<String>,
    pub(super) namespace: Option<String>,
    /// Values over those of the files.
    pub(super) set: Vec<(Vec<String>, Value)>,
    /// Files of values that go with each other one, before and after it.
    pub(super) around: (Vec<String>, Vec<String>),
}

impl Wanted {
    /// Returns how a chart is installed; of several releases the first one counts.
    pub(super) fn of(findings: &Findings, chart: &Chart) -> Self {
        let named: Vec<&DeclaredDeployment> =
            findings.deployments.iter().filter(|one| one.path == chart.folder).collect();
        let first = named.iter().find(|one| one.release.is_some()).or_else(|| named.first());
        let Some(first) = first else { return Self::default() };
        Self {
            // The step has the release's name as its id.
            release: first.release.clone().filter(|name| id_of(name) == *name),
            namespace: first.namespace.clone().filter(|name| is_namespace(name)),
            set: first.set.clone(),
            around: named
                .iter()
                .map(|one| one.around.clone())
                .find(|around| *around != <_>::default())
                .unwrap_or_default(),
        }
    }

    /// The values as a table; `None` without any.
    pub(super) fn values(&self) -> Option<Value> {
        (!self.set.is_empty()).then(|| table_of(&self.set))
    }
}

/// The table in which each value is at its path.
pub(super) fn table_of(set: &[(Vec<String>, Value)]) -> Value {
    let mut values = Value::Object(Map::new());
    for (path, value) in set {
        let nested =
            path.iter().rev().fold(value.clone(), |value, key| Value::Object(Map::from_iter([(key.clone(), value)])));
        overlay(&mut values, &nested);
    }
    values
}

/// Whether a namespace may have this name.
pub(super) fn is_namespace(name: &str) -> bool {
    is_object_name(name) && !name.contains('.')
}

/// Whether a value has the tag that stands for one which is made.
pub(super) fn has_mark(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text == SET_TAG || text.ends_with(&format!(":{SET_TAG}")))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// What a Skaffold file says of a deployment; an empty text stands for what it leaves out.
    pub(in crate::init) fn deployment(path: &str, release: &str, namespace: &str) -> DeclaredDeployment {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        DeclaredDeployment {
            by: "skaffold.yaml".into(),
            path: path.into(),
            release: some(release),
            namespace: some(namespace),
            set: vec![(vec!["a".into(), "b".into()], json!(1)), (vec!["a".into(), "c".into()], json!("x:provision"))],
            ..DeclaredDeployment::default()
        }
    }

    #[test]
    fn a_chart_is_installed_as_the_other_file_says() {
        let findings = Findings { deployments: vec![deployment("chart", "gb", "guestbook")], ..Findings::default() };
        let chart = |folder: &str| Chart {
            folder: folder.into(),
            name: "app".into(),
            values: Vec::new(),
            elsewhere: Vec::new(),
            dependencies: Vec::new(),
        };
        let wanted = Wanted::of(&findings, &chart("chart"));
        assert_eq!((wanted.release.as_deref(), wanted.namespace.as_deref()), (Some("gb"), Some("guestbook")));
        assert_eq!(wanted.values(), Some(json!({"a": {"b": 1, "c": "x:provision"}})));
        assert_eq!(Wanted::of(&findings, &chart("other")), Wanted::default());
    }
}
