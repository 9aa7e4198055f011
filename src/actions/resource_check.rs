//! `resource-check`: objects of the cluster are as they are asserted to be.

use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::documents::{Document, named_objects};
use crate::error::{Failure, ids};
use crate::expr::{Assertion, Tree};
use crate::model::{Output, ProofKind};
use crate::tools::Poll;
use crate::tools::kubernetes::Selection;
use crate::tools::process::ProcessObserver;

/// The pause between two looks.
const INTERVAL: Duration = Duration::from_millis(500);

/// Settings of `resource-check`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ResourceCheck {
    /// The kind of the objects: `"Deployment"`.
    kind: String,
    /// Its API version; looked up in the cluster by default.
    api_version: Option<String>,
    /// The object's name.
    name: Option<String>,
    /// The objects that have these labels, instead of `name`: `"app=todo,tier!=job"`. Without both, all of the kind.
    selector: Option<String>,
    /// The namespace; of no account for a kind that has none.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// How many objects there have to be; at least one by default. With `0` there must be none.
    count: Option<usize>,
    /// Conditions on each object: `"spec.replicas == 2"`. `objects` is the list of all. docs/assertions.md has all
    /// names and functions.
    #[serde(default)]
    assert: Vec<Assertion>,
    /// Values for assertions, which know them as `given.NAME`.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    given: toml::Table,
    /// How long it may take until everything holds; by default it has to at once.
    within: Option<Time>,
}

impl ActionSettings for ResourceCheck {
    const NAME: &'static str = "resource-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Reads objects of the cluster and checks that there are as many as expected and that every \
         assertion holds for each; names each that does not, with what was found and what was expected";
    const EXAMPLE: &'static str = "kind = \"Deployment\"\nname = \"backend\"\nnamespace = \"todo\"\nassert = [\n  \
        \"spec.strategy.rollingUpdate.maxUnavailable == 0\",\n  \"status.readyReplicas == spec.replicas\",\n]\nwithin = \"30s\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("objects", "how many objects were checked")];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::label("namespace", &self.namespace)?;
        self.name.iter().try_for_each(|name| names::object("name", name))?;
        if self.name.is_some() && self.selector.is_some() {
            return Err("`name` and `selector` exclude each other".into());
        }
        if self.kind.is_empty() || !self.kind.chars().all(char::is_alphanumeric) {
            return Err(format!("`kind` can't be `{}`: write it as `Deployment`", self.kind));
        }
        if self.count == Some(0) && !self.assert.is_empty() {
            return Err("`assert` says nothing of no objects: `count` is 0".into());
        }
        Ok(())
    }
}

impl Action for ResourceCheck {
    fn always_runs(&self) -> bool {
        true
    }

    fn proof(&self) -> ProofKind {
        ProofKind::Check
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let look = cx.unless_cancelled("checking the objects", self.look(cx)).await?;
            Ok(look.err().map_or(Presence::Present, |failure| Presence::Missing(failure.to_string())))
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let limit = self.within.map_or(Duration::ZERO, |time| time.0);
            let poll = Poll::new(cx.cancel(), Some(limit), INTERVAL, "checking the objects");
            loop {
                match poll.check(self.look(cx)).await? {
                    Ok(n) => return Ok(Output::new().with("objects", n.to_string())),
                    Err(failure) => poll.next(failure).await?,
                }
            }
        })
    }
}

impl ResourceCheck {
    /// What is checked, in a message.
    fn subject(&self) -> String {
        match (&self.name, &self.selector) {
            (Some(name), _) => format!("{}/{name}", self.kind),
            (None, Some(selector)) => format!("{} with `{selector}`", self.kind),
            (None, None) => self.kind.clone(),
        }
    }

    /// Looks once. Returns how many objects there are, or why that is not what is expected; fails if it can't look.
    async fn look(&self, cx: &StepContext) -> Result<Result<usize, Failure>, Failure> {
        let kube = cx.tools().kube().await?;
        let selection = Selection {
            kind: &self.kind,
            api_version: self.api_version.as_deref(),
            namespace: &self.namespace,
            name: self.name.as_deref(),
            selector: self.selector.as_deref(),
        };
        let objects = kube.select(selection).await?;
        let n = objects.len();
        let (subject, namespace) = (self.subject(), &self.namespace);
        match self.count {
            None if n == 0 => {
                return Ok(Err(Failure::of(ids::NOT_AS_EXPECTED, format!("there is no {subject} in {namespace}"))));
            }
            Some(count) if n != count => {
                let names = objects.iter().filter_map(|object| object.pointer("/metadata/name")?.as_str());
                let failure = Failure::of(
                    ids::NOT_AS_EXPECTED,
                    format!("there are {n} {subject} in {namespace}, expected {count}"),
                );
                return Ok(Err(failure.details(names.map(str::to_owned))));
            }
            _ => {}
        }
        let given = Tree::given(&self.given).map_err(Failure::failed)?;
        Ok(match self.wrong(objects, given.as_ref()).as_slice() {
            [] => Ok(n),
            [one] => Err(Failure::of(ids::NOT_AS_EXPECTED, one)),
            many => Err(Failure::of(ids::NOT_AS_EXPECTED, format!("{} assertions do not hold", many.len()))
                .details(many.to_vec())),
        })
    }

    /// Each assertion that does not hold, with its object.
    fn wrong(&self, objects: Vec<Value>, given: Option<&Tree>) -> Vec<String> {
        let all = Document::of_objects(objects);
        let mut wrong = Vec::new();
        for (name, object) in named_objects(all.objects()) {
            let complaints = all.check_tree(object, given, &self.assert);
            wrong.extend(complaints.into_iter().map(|complaint| format!("{name}: {}", complaint.text)));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(text: &str) -> Result<ResourceCheck, String> {
        let settings: ResourceCheck = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate().map(|()| settings)
    }

    #[test]
    fn each_assertion_holds_for_each_object() {
        let check = settings(
            "kind = \"Pod\"\ngiven = { image = \"a:1\" }\nassert = [\"status.phase == 'Running'\", \"spec.image == given.image\", \
             \"len(objects) == 2\"]",
        )
        .unwrap();
        let pod = |name: &str, phase: &str, image: &str| json!({"kind": "Pod", "metadata": {"name": name}, "status": {"phase": phase}, "spec": {"image": image}});
        let given = Tree::given(&check.given).unwrap();
        let wrong = |objects| check.wrong(objects, given.as_ref());
        assert_eq!(wrong(vec![pod("a", "Running", "a:1"), pod("b", "Running", "a:1")]), Vec::<String>::new());
        assert_eq!(
            wrong(vec![pod("a", "Running", "a:1"), pod("b", "Pending", "a:2")]),
            [
                "Pod/b: `status.phase` is 'Pending', expected 'Running'",
                "Pod/b: `spec.image` is 'a:2', expected 'a:1' (`given.image`)",
            ]
        );
    }

    #[test]
    fn values_of_a_secret_are_not_shown() {
        let check = settings("kind = \"Secret\"\nassert = [\"data.KEY == 'x'\", \"data.KEYS is defined\"]").unwrap();
        let secret = json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"KEY": "aHVudGVy"}});
        assert_eq!(
            check.wrong(vec![secret], None),
            [
                "Secret/s: `data.KEY` is (hidden), expected 'x'",
                "Secret/s: `data.KEYS` is not there; did you mean `KEY`?"
            ]
        );
    }

    #[test]
    fn settings_are_checked() {
        settings(ResourceCheck::EXAMPLE).unwrap();
        for (text, part) in [
            ("kind = \"\"", "write it as `Deployment`"),
            ("kind = \"apps/Deployment\"", "write it as `Deployment`"),
            ("kind = \"Pod\"\nname = \"a\"\nselector = \"a=b\"", "exclude each other"),
            ("kind = \"Pod\"\ncount = 0\nassert = [\"a == 1\"]", "says nothing of no objects"),
            ("kind = \"Pod\"\nassert = [\"a = 1\"]", "values are compared with `==`"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
