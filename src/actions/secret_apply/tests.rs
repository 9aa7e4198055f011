//! Tests of `secret-apply`.

use std::sync::Arc;

use serde_json::json;

use super::apply::json_pointer;
use super::*;
use crate::action::StepScope;
use crate::event::{StepLog, event_channel};
use crate::model::StepId;
use crate::redact::Redactor;
use crate::tools::Cancel;
use crate::tools::kubernetes::fake_api::{ApiRequest, SecretStore};
use crate::tools::kubernetes::fake_apply::entry;
use crate::tools::secrets::Secrets;

fn settings(data: &[(&str, &str)]) -> SecretApply {
    SecretApply {
        name: "s".into(),
        namespace: "n".into(),
        data: data.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        labels: BTreeMap::new(),
        kind: opaque(),
        create_namespace: true,
    }
}

#[test]
fn a_generated_secret_needs_a_key_of_its_own() {
    let url = ("URL", "x:${{ secrets.PW }}");
    let failure = settings(&[url]).key_of("PW").unwrap_err();
    assert_eq!(failure.hints, ["add a key to `data`: PW = \"${{ secrets.PW }}\""]);
    let key = settings(&[url, ("PASS", " ${{ secrets.PW }}"), ("PW", "${{ secrets.PW }}")]).key_of("PW");
    assert_eq!(key.unwrap(), "PW");
}

#[test]
fn parts_of_a_digest_do_not_run_into_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let redactor = Redactor::new();
    let secrets = Secrets::default();
    let tools = Tools::new(dir.path().into(), dir.path().into(), secrets, None, redactor);
    let of = |data: &[(&str, &str)]| {
        let data = data.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect();
        digest(&tools, "Opaque", &data).unwrap()
    };
    assert_ne!(of(&[("a", "bc")]), of(&[("ab", "c")]));
    assert_eq!(of(&[("a", "b"), ("c", "d")]), of(&[("c", "d"), ("a", "b")]));
}

/// A pipeline `p` with the steps `s.one` and `s.two`, in a folder of its own.
struct Project {
    folder: tempfile::TempDir,
    sources: BTreeMap<String, SecretSource>,
    steps: Vec<&'static str>,
    consent: Consent,
    store: SecretStore,
}

impl Project {
    fn new() -> Self {
        let sources = BTreeMap::from([("PW".to_owned(), SecretSource::Generate { bytes: 8 })]);
        let folder = tempfile::tempdir().unwrap();
        let store = SecretStore::default();
        Self { folder, sources, steps: vec!["s.one", "s.two"], consent: Consent::None, store }
    }

    async fn apply(&self, step: &str, data: &[(&str, &str)]) -> Result<Output, Failure> {
        self.apply_before(step, data, |_| {}).await
    }

    /// The same, with `before` called with each request first.
    async fn apply_before(
        &self,
        step: &str,
        data: &[(&str, &str)],
        before: impl Fn(&ApiRequest) + Send + Sync + 'static,
    ) -> Result<Output, Failure> {
        let redactor = Redactor::new();
        let secrets = Secrets::new(self.sources.clone(), redactor.clone());
        let root = self.folder.path();
        let tools = Tools::new(root.into(), root.into(), secrets, None, redactor)
            .of_pipeline("p", self.steps.iter().map(|step| StepId::new(step).unwrap()))
            .consenting(self.consent);
        let id = StepId::new(step).unwrap();
        let (sink, _events) = event_channel();
        let log = StepLog::discard(id.clone());
        let scope = Arc::new(StepScope::new(Arc::new(tools), sink, Arc::new(|_, _| {})));
        let cx = scope.of(id, log, Cancel::new(), None);
        let kube = self.store.serve(before).await;
        SecretApply { create_namespace: false, ..settings(data) }.apply(&cx, &kube).await
    }

    /// The Secret's annotations without the mark of this checkout, which has to be there.
    fn annotations(&self) -> serde_json::Value {
        let mut annotations = self.store.get("s").unwrap()["metadata"]["annotations"].clone();
        let mark = format!("checkout.provision.dev/{}", crate::tools::checkout_id(self.folder.path()).unwrap());
        assert!(annotations.as_object_mut().unwrap().remove(&mark).is_some(), "{annotations}");
        annotations
    }

    /// The Secret's keys with their values.
    fn data(&self) -> BTreeMap<String, String> {
        use base64::Engine as _;
        let secret = self.store.get("s").unwrap();
        let decode = |value: &serde_json::Value| {
            let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        secret["data"].as_object().unwrap().iter().map(|(key, value)| (key.clone(), decode(value))).collect()
    }

    fn keys(&self) -> String {
        self.data().into_keys().collect::<Vec<_>>().join(" ")
    }

    /// A Secret that somebody has made, all of it under one manager.
    fn make(&self, manager: &str, data: &[(&str, &str)], label: &str) {
        let fields: Vec<(&'static str, String)> = data
            .iter()
            .map(|(key, _)| ("/data", (*key).to_owned()))
            .chain([("/metadata/labels", MANAGED_BY.0.to_owned())])
            .collect();
        let data: serde_json::Map<String, serde_json::Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        let secret = json!({"data": data, "type": "Opaque", "metadata": {
            "labels": {MANAGED_BY.0: label}, "managedFields": [entry(manager, &fields)]}});
        self.store.put("s", secret, "1");
    }
}

/// `value` in base64.
const OTHER: &str = "b3RoZXI=";

#[tokio::test]
async fn two_steps_share_a_secret_and_keep_their_keys() {
    let project = Project::new();
    for _ in 0..3 {
        project.apply("s.one", &[("ONE", "1")]).await.unwrap();
        project.apply("s.two", &[("TWO", "2")]).await.unwrap();
        assert_eq!(project.keys(), "ONE TWO");
    }
    // A key that a step no longer names goes, and nobody else's.
    project.apply("s.two", &[("THREE", "3")]).await.unwrap();
    assert_eq!(project.keys(), "ONE THREE");
}

#[tokio::test]
async fn a_key_of_another_step_is_refused_with_both_names() {
    let project = Project { consent: Consent::Given, ..Project::new() };
    project.apply("s.one", &[("ONE", "1"), ("SAME", "x")]).await.unwrap();
    // Also while the values are equal: the first change of one of them would fail.
    for value in ["x", "y"] {
        let failure = project.apply("s.two", &[("TWO", "2"), ("SAME", value)]).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            "applying the Secret `s` as `provision/p/s.two` failed: `data.SAME` belongs to `provision/p/s.one`"
        );
        assert_eq!(project.data()["SAME"], "x");
        assert_eq!(project.keys(), "ONE SAME");
    }
}

#[tokio::test]
async fn a_generated_secret_survives_the_other_steps_of_its_secret() {
    let project = Project::new();
    let pw = [("PW", "${{ secrets.PW }}")];
    project.apply("s.one", &pw).await.unwrap();
    let value = project.data()["PW"].clone();
    project.apply("s.two", &[("COPY", "${{ secrets.PW }}")]).await.unwrap();
    project.apply("s.one", &pw).await.unwrap();
    assert_eq!(project.data(), [("COPY", &value), ("PW", &value)].map(|(k, v)| (k.to_owned(), v.clone())).into());
    assert_eq!(project.annotations(), json!({"provision.generated/PW": "PW"}));
    // The key gets another name: the value stays, and can still be found.
    project.apply("s.one", &[("PASSWORD", "${{ secrets.PW }}")]).await.unwrap();
    assert_eq!(project.data()["PASSWORD"], value);
    assert_eq!(project.annotations(), json!({"provision.generated/PW": "PASSWORD"}));
}

#[tokio::test]
async fn the_only_copy_of_a_generated_secret_is_removed_only_with_consent() {
    let mut project = Project::new();
    project.apply("s.one", &[("PW", "${{ secrets.PW }}"), ("A", "1")]).await.unwrap();
    let generated = project.data()["PW"].clone();
    // As from a branch whose step has no such key.
    let failure = project.apply("s.one", &[("A", "2")]).await.unwrap_err();
    assert!(failure.to_string().contains("the key `PW` of the Secret `s`"), "{failure}");
    assert!(failure.causes.iter().any(|cause| cause.contains("only copy of the generated secret `PW`")), "{failure:?}");
    assert_eq!((project.data()["PW"].as_str(), project.data()["A"].as_str()), (generated.as_str(), "1"));
    // Under another key of the step it is the same value.
    project.apply("s.one", &[("PASSWORD", "${{ secrets.PW }}")]).await.unwrap();
    assert_eq!((project.keys(), project.data()["PASSWORD"].clone()), ("PASSWORD".into(), generated));
    project.consent = Consent::Given;
    project.apply("s.one", &[("A", "2")]).await.unwrap();
    assert_eq!(project.keys(), "A");
}

#[tokio::test]
async fn what_an_older_version_applied_is_taken_over_key_by_key() {
    let project = Project::new();
    project.make("provision", &[("ONE", OTHER), ("TWO", OTHER)], "provision");
    project.apply("s.one", &[("ONE", "1")]).await.unwrap();
    assert_eq!(project.keys(), "ONE TWO");
    project.apply("s.two", &[("TWO", "2")]).await.unwrap();
    project.apply("s.two", &[("THREE", "3")]).await.unwrap();
    assert_eq!(project.keys(), "ONE THREE");
    assert!(project.apply("s.two", &[("ONE", "1")]).await.is_err());
}

#[tokio::test]
async fn a_step_that_is_gone_is_succeeded_and_one_of_another_pipeline_is_not() {
    let mut project = Project::new();
    project.apply("s.one", &[("KEY", "1")]).await.unwrap();
    project.steps = vec!["s.renamed"];
    project.apply("s.renamed", &[("KEY", "1"), ("NEW", "1")]).await.unwrap();
    assert_eq!(project.keys(), "KEY NEW");
    project.apply("s.renamed", &[("KEY", "2")]).await.unwrap();
    assert_eq!(project.data()["KEY"], "2");
    project.make("provision/other/s.renamed", &[("KEY", OTHER)], "provision");
    let failure = project.apply("s.renamed", &[("KEY", "2")]).await.unwrap_err();
    assert!(failure.to_string().contains("`data.KEY` belongs to `provision/other/s.renamed`"), "{failure}");
    assert_eq!(project.data()["KEY"], "other");
}

#[tokio::test]
async fn another_value_of_a_step_that_only_another_branch_has_is_overwritten_only_with_consent() {
    let mut project = Project::new();
    project.apply("s.one", &[("KEY", "1")]).await.unwrap();
    project.steps = vec!["s.renamed"];
    let failure = project.apply("s.renamed", &[("KEY", "2")]).await.unwrap_err();
    assert!(failure.to_string().contains("`data.KEY` that `provision/p/s.one` set"), "{failure}");
    assert_eq!(project.data()["KEY"], "1");
    project.consent = Consent::Given;
    project.apply("s.renamed", &[("KEY", "2")]).await.unwrap();
    assert_eq!(project.data()["KEY"], "2");
}

#[tokio::test]
async fn of_machines_that_generate_a_secret_at_once_one_wins_and_the_others_adopt_its_value() {
    let project = Project::new();
    let pw = [("PW", "${{ secrets.PW }}")];
    // The other machine is done between this one's reading and applying.
    let store = project.store.clone();
    let other = move |request: &ApiRequest| {
        if request.content_type.contains("apply-patch") && store.get("s").is_some_and(|secret| secret["data"].is_null())
        {
            let fields = [("/data", "PW".to_owned())];
            let managers = json!([entry("provision/p/s.one", &fields)]);
            let metadata = json!({"annotations": {"provision.generated/PW": "PW"}, "managedFields": managers});
            store.put("s", json!({"data": {"PW": OTHER}, "type": "Opaque", "metadata": metadata}), "of the other");
        }
    };
    project.apply_before("s.one", &pw, other).await.unwrap();
    assert_eq!(project.data()["PW"], "other");
    project.apply("s.one", &pw).await.unwrap();
    assert_eq!(project.data()["PW"], "other");
}

#[tokio::test]
async fn an_escaped_reference_is_plain_text() {
    let project = Project::new();
    let literal = crate::model::escape_secret_refs("${{ secrets.PW }}");
    project.apply("s.one", &[("TEMPLATE", &literal)]).await.unwrap();
    assert_eq!(project.data()["TEMPLATE"], "${{ secrets.PW }}");
}

#[tokio::test]
async fn what_somebody_else_set_is_overwritten_only_with_consent() {
    let mut project = Project::new();
    project.make("kubectl-edit", &[("KEY", OTHER), ("THEIRS", OTHER)], "Helm");
    let failure = project.apply("s.one", &[("KEY", "1"), ("OURS", "1")]).await.unwrap_err();
    assert!(failure.to_string().contains("as `provision/p/s.one` failed"), "{failure}");
    assert!(failure.to_string().contains("`data.KEY` that `kubectl-edit` set"), "{failure}");
    assert!(
        failure.hints[1].contains(r#"patch secret s --type=json -p '[{"op":"remove","path":"/data/KEY"}]'"#),
        "{:?}",
        failure.hints
    );
    assert_eq!((project.data()["KEY"].as_str(), project.keys()), ("other", "KEY THEIRS".into()));
    project.consent = Consent::Given;
    project.apply("s.one", &[("KEY", "1"), ("OURS", "1")]).await.unwrap();
    assert_eq!((project.data()["KEY"].as_str(), project.keys()), ("1", "KEY OURS THEIRS".into()));
    // Its label is not a key of ours.
    assert_eq!(project.store.get("s").unwrap()["metadata"]["labels"][MANAGED_BY.0], "Helm");
}

#[test]
fn a_fields_path_becomes_a_json_pointer() {
    let cases = [
        ("data.tls.crt", "/data/tls.crt"),
        ("metadata.labels.app.kubernetes.io/name", "/metadata/labels/app.kubernetes.io~1name"),
        ("type", "/type"),
    ];
    for (field, pointer) in cases {
        assert_eq!(json_pointer(field), pointer);
    }
}
