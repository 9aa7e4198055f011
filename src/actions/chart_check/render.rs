//! [`Render`]: a set of values, and what the chart has to become with it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::documents::{ObjectName, Rendered};
use crate::error::Failure;
use crate::expr::{Assertion, Tree};

/// A set of values, and what the chart has to become with it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Render {
    /// Its name in messages.
    pub(super) name: String,
    /// Files of values, later ones over earlier ones.
    #[serde(default)]
    pub(super) values: Vec<String>,
    /// Values over those of the files: any table.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    set: toml::Table,
    /// Objects that have to be rendered: `"Ingress/todo"`.
    #[serde(default)]
    present: Vec<ObjectName>,
    /// Objects that must not be rendered: `"Ingress/todo"`, or `"Ingress"` for all of the kind.
    #[serde(default)]
    absent: Vec<ObjectName>,
    /// Conditions on all objects, as `"len(objects) == 8"`: docs/assertions.md.
    #[serde(default)]
    assert: Vec<Assertion>,
    /// Conditions on single objects.
    #[serde(default)]
    objects: Vec<ObjectAssertions>,
}

/// Conditions on an object.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ObjectAssertions {
    /// The object: `"Deployment/backend"`.
    object: ObjectName,
    /// Conditions on it: `"spec.replicas == 2"`.
    assert: Vec<Assertion>,
}

impl Render {
    /// What types can't say.
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("`render` needs a `name`".into());
        }
        match self.present.iter().find(|object| self.absent.contains(object)) {
            Some(both) => Err(format!("`{}` can't be there and not be there", both.text())),
            None => Ok(()),
        }
    }

    /// How messages name it.
    pub(super) fn subject(&self) -> String {
        if self.name.is_empty() {
            "with the chart's own values".into()
        } else {
            format!("with the values `{}`", self.name)
        }
    }

    /// The values of `set` as helm reads them.
    pub(super) fn values_as_json(&self) -> Result<Option<Vec<u8>>, Failure> {
        let json = serde_json::to_vec(&self.set)
            .map_err(|error| Failure::failed("the values in `set` can't be passed to helm").source(&error))?;
        Ok((!self.set.is_empty()).then_some(json))
    }

    /// Each expectation that is not met.
    pub(super) fn wrong(&self, rendered: &Rendered, given: Option<&Tree>) -> Vec<String> {
        let mut wrong = doubled(rendered);
        for object in &self.present {
            if let Err(complaint) = rendered.document.check(Some(object), given, &[]) {
                wrong.push(complaint.text);
            }
        }
        for object in &self.absent {
            for (name, _, source) in rendered.objects().filter(|(_, tree, _)| object.is(tree)) {
                wrong.push(format!("{name} (`{source}`) is rendered, and should not be"));
            }
        }
        let root = &rendered.document.root;
        let of_all = rendered.document.check_tree(root, given, &self.assert);
        wrong.extend(of_all.into_iter().map(|complaint| complaint.text));
        for ObjectAssertions { object, assert } in &self.objects {
            match rendered.document.check(Some(object), given, assert) {
                Ok(complaints) => {
                    let mut of = rendered.objects().filter(|(_, tree, _)| object.is(tree));
                    let source = of.next().map(|(_, _, source)| format!(" (`{source}`)")).unwrap_or_default();
                    let name = object.text();
                    wrong.extend(complaints.into_iter().map(|complaint| format!("{name}{source}: {}", complaint.text)));
                }
                Err(complaint) => wrong.push(complaint.text),
            }
        }
        wrong
    }
}

/// Objects that are rendered twice: helm could install only one of them.
fn doubled(rendered: &Rendered) -> Vec<String> {
    let key = |tree: &Tree| {
        let text = |tree: Option<&Tree>| tree.and_then(Tree::text).unwrap_or_default().to_owned();
        let metadata = tree.get("metadata");
        let of = |key: &str| text(metadata.and_then(|metadata| metadata.get(key)));
        (text(tree.get("kind")), of("namespace"), of("name"))
    };
    let all: Vec<(String, &Tree, &str)> = rendered.objects().collect();
    let is_second = |(n, (_, tree, _)): &(usize, &(String, &Tree, &str))| {
        all[..*n].iter().any(|(_, other, _)| key(other) == key(tree))
    };
    let second = all.iter().enumerate().filter(is_second);
    second.map(|(_, (name, _, source))| format!("{name} (`{source}`) is rendered a second time")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "---\n# Source: c/templates/web.yaml\nkind: Deployment\nmetadata: {name: web}\n\
        spec: {replicas: 2}\n---\n# Source: c/templates/web.yaml\nkind: Service\nmetadata: {name: web}\n";

    fn wrong(settings: &str, manifest: &str) -> Vec<String> {
        let render: Render = toml::from_str(&format!("name = \"a\"\n{settings}")).unwrap();
        render.wrong(&Rendered::read(manifest).unwrap(), None)
    }

    #[test]
    fn what_is_as_expected_is_not_told() {
        let settings = "present = [\"Service/web\"]\nabsent = [\"Ingress\", \"Service/api\"]\n\
            assert = [\"len(objects) == 2\", \"object('Deployment', 'web').spec.replicas == 2\"]\n\
            [[objects]]\nobject = \"Deployment/web\"\nassert = [\"spec.replicas == 2\"]";
        assert_eq!(wrong(settings, MANIFEST), Vec::<String>::new());
    }

    #[test]
    fn each_expectation_that_is_not_met_is_told_with_its_object_and_template() {
        for (settings, expected) in [
            ("present = [\"Service/wbe\"]", "there is no Service/wbe; did you mean `Service/web`?"),
            ("present = [\"Job/x\"]", "there is no Job/x: there are Deployment/web, Service/web"),
            ("absent = [\"Service/web\"]", "Service/web (`templates/web.yaml`) is rendered, and should not be"),
            ("absent = [\"Deployment\"]", "Deployment/web (`templates/web.yaml`) is rendered, and should not be"),
            ("assert = [\"len(objects) == 3\"]", "`len(objects)` is 2, expected 3"),
            (
                "assert = [\"object('Deployment', 'web').spec.replicas == 3\"]",
                "`Deployment/web.spec.replicas` is 2, expected 3",
            ),
            (
                "[[objects]]\nobject = \"Deployment/web\"\nassert = [\"spec.replicas == 3\"]",
                "Deployment/web (`templates/web.yaml`): `spec.replicas` is 2, expected 3",
            ),
            (
                "[[objects]]\nobject = \"Deployment/api\"\nassert = [\"spec.replicas == 3\"]",
                "there is no Deployment/api: there are Deployment/web, Service/web",
            ),
        ] {
            assert_eq!(wrong(settings, MANIFEST), [expected], "{settings}");
        }
        let twice = format!("{MANIFEST}---\n# Source: c/templates/x.yaml\nkind: Service\nmetadata: {{name: web}}\n");
        assert_eq!(wrong("", &twice), ["Service/web (`templates/x.yaml`) is rendered a second time"]);
    }
}
