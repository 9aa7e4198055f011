//! Tests of `manifest-apply`, against an API server that keeps what is applied.

use serde_json::{Value, json};

use super::*;
use crate::action::fake;
use crate::error::FailureKind;
use crate::tools::Checkout;
use crate::tools::deletion::Consent;
use crate::tools::kubernetes::fake_api::ApiRequest;
use crate::tools::kubernetes::fake_apply::entry;
use crate::tools::kubernetes::fake_objects::ObjectStore;
use crate::tools::process::ProcessObserver;

const CONFIG: &str = "/api/v1/namespaces/apps/configmaps/c";
const NAMESPACE: &str = "/api/v1/namespaces/apps";

/// A pipeline `shop` with manifests in a folder of its own.
struct Project {
    folder: tempfile::TempDir,
    store: ObjectStore,
    steps: Vec<&'static str>,
    consent: Consent,
}

impl Project {
    fn new() -> Self {
        let steps = vec!["s.apply", "s.other"];
        Self { folder: tempfile::tempdir().unwrap(), store: ObjectStore::default(), steps, consent: Consent::None }
    }

    fn file(&self, name: &str, text: &str) -> &Self {
        fs_err::write(self.folder.path().join(name), text).unwrap();
        self
    }

    fn config(&self, data: &str) -> &Self {
        self.file("c.yaml", &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{{data}}}\n"))
    }

    fn context(&self, step: &str) -> StepContext {
        fake::context(self.folder.path(), &self.steps, step, self.consent)
    }

    /// Runs the step `step` without waiting for workloads. Returns what it has pruned, and its log.
    async fn apply_as(&self, step: &str) -> Result<(Vec<String>, String), Failure> {
        self.apply_after(step, |_| {}).await
    }

    async fn apply_after(
        &self,
        step: &str,
        before: impl Fn(&ApiRequest) + Send + Sync + 'static,
    ) -> Result<(Vec<String>, String), Failure> {
        let cx = self.context(step);
        let kube = self.store.serve_after(before).await;
        let settings = settings();
        let output = settings.apply(&settings.applying(&cx, &kube)).await?;
        let pruned = output.get("pruned").unwrap().split(',').filter(|name| !name.is_empty());
        Ok((pruned.map(str::to_owned).collect(), fake::log_of(&cx)))
    }

    async fn apply(&self) -> Result<String, Failure> {
        Ok(self.apply_as("s.apply").await?.1)
    }

    /// The annotations of an object that this checkout has marked as its own, without that mark.
    fn annotations(&self, path: &str) -> Value {
        let mut annotations = self.store.get(path).unwrap()["metadata"]["annotations"].clone();
        let checkout = Checkout::of(self.folder.path()).unwrap();
        let mark = annotations.as_object_mut().unwrap().remove(&format!("checkout.provision.dev/{}", checkout.id));
        assert_eq!(mark, Some(checkout.slug.into()), "{path}");
        annotations
    }

    /// What the probe of the step finds.
    async fn drift(&self) -> Option<String> {
        let kube = self.store.serve().await;
        match settings().compare(&self.context("s.apply"), &kube).await.unwrap() {
            Presence::Present => None,
            Presence::Missing(why) => Some(why),
        }
    }
}

fn settings() -> ManifestApply {
    let settings: ManifestApply =
        toml::from_str("files = ['*.yaml']\nnamespace = 'apps'\nprune = true\nwait = false").unwrap();
    settings.validate().unwrap();
    settings
}

fn data(store: &ObjectStore) -> Value {
    store.get(CONFIG).unwrap()["data"].clone()
}

#[tokio::test]
async fn manifests_are_applied_in_order_with_marks_and_a_second_run_changes_nothing() {
    let project = Project::new();
    project.config("A: '1'").file(
        "a-gadget.yaml",
        "apiVersion: x.example/v1\nkind: Gadget\nmetadata: {name: g}\n---\napiVersion: apiextensions.k8s.io/v1\n\
         kind: CustomResourceDefinition\nmetadata: {name: gadgets.x.example, namespace: wrong}\nspec: {group: x.example}\n",
    );
    project.apply().await.unwrap();
    // The namespace and the definition first, what pods need before what may make some.
    let (applied, marked): (Vec<_>, Vec<_>) =
        project.store.changes().into_iter().partition(|change| change.starts_with("PATCH"));
    assert_eq!(applied, ["PATCH apps", "PATCH gadgets.x.example", "PATCH c", "PATCH g"]);
    assert_eq!(marked, ["MARK apps", "MARK gadgets.x.example", "MARK c", "MARK g"]);
    for path in [CONFIG, NAMESPACE, "/apis/x.example/v1/namespaces/apps/gadgets/g"] {
        let metadata = &project.store.get(path).unwrap()["metadata"];
        assert_eq!(metadata["labels"]["provision.dev/pipeline"], "shop", "{path}");
        let expected = json!({"provision.dev/applied-by": "s.apply", "provision.dev/made-by": "shop"});
        assert_eq!(project.annotations(path), expected, "{path}");
        assert_eq!(metadata["managedFields"][0]["manager"], "provision/shop/s.apply", "{path}");
    }
    assert_eq!(project.drift().await, None);
    let before = project.store.get(CONFIG).unwrap()["metadata"]["managedFields"].clone();
    project.apply().await.unwrap();
    assert!(project.store.changes().iter().all(|change| change.starts_with("PATCH")), "it is marked once");
    assert_eq!(project.store.get(CONFIG).unwrap()["metadata"]["managedFields"], before);
    assert_eq!(project.drift().await, None);
}

#[tokio::test]
async fn a_field_that_left_the_file_goes_and_everybody_elses_stay() {
    let project = Project::new();
    project.config("A: '1', B: '2'").apply().await.unwrap();
    project.store.change(CONFIG, |object| {
        object["data"]["THEIRS"] = "x".into();
        let theirs = entry("kubectl-edit", &[("/data", "THEIRS".into())]);
        object["metadata"]["managedFields"].as_array_mut().unwrap().push(theirs);
    });
    project.config("A: '3'").apply().await.unwrap();
    assert_eq!(data(&project.store), json!({"A": "3", "THEIRS": "x"}));
}

#[tokio::test]
async fn what_somebody_edits_in_what_we_have_made_is_named_and_changed_back() {
    let project = Project::new();
    project.config("A: '1'").apply().await.unwrap();
    project.store.change(CONFIG, |object| {
        object["data"]["A"] = "evil".into();
        let fields = object["metadata"]["managedFields"].as_array_mut().unwrap();
        fields[0]["fieldsV1"]["f:data"] = json!({});
        fields.push(entry("kubectl-edit", &[("/data", "A".into())]));
    });
    let drift = project.drift().await.unwrap();
    assert_eq!(drift, "configmap/c in apps: data.A is \"evil\", was applied as \"1\"");
    let log = project.apply().await.unwrap();
    assert!(log.contains("changing `data.A` of configmap/c in apps back, which `kubectl-edit` has changed"), "{log}");
    assert_eq!((data(&project.store), project.drift().await), (json!({"A": "1"}), None));
}

#[tokio::test]
async fn what_others_declare_or_had_before_is_a_failure_that_names_both_without_consent() {
    // Made by somebody else, by applying, and by another step of the pipeline.
    for (manager, owner) in [("kubectl-edit", false), ("argocd", false), ("provision/shop/s.other", true)] {
        let mut project = Project::new();
        let theirs =
            json!({"data": {"A": "theirs"}, "metadata": {"managedFields": [entry(manager, &[("/data", "A".into())])]}});
        project.store.put(CONFIG, theirs);
        let failure = project.config("A: '1'").apply().await.unwrap_err();
        let said = failure.to_string();
        assert!(said.contains("applying configmap/c in apps as `provision/shop/s.apply` failed"), "{said}");
        assert!(said.contains("`data.A`") && said.contains(&format!("`{manager}`")), "{said}");
        assert_eq!(data(&project.store), json!({"A": "theirs"}));
        // The user's word does not take from another step.
        project.consent = Consent::Given;
        assert_eq!(project.apply().await.is_err(), owner, "{manager}");
        let now = if owner { "theirs" } else { "1" };
        assert_eq!(data(&project.store), json!({"A": now}));
        // It was there before: nothing of it says that we have made it.
        let made = project.store.get(CONFIG).unwrap()["metadata"]["annotations"]["provision.dev/made-by"].clone();
        assert_eq!(made, Value::Null);
    }
    // Made by us, and declared by another tool since.
    let project = Project::new();
    project.config("A: '1'").apply().await.unwrap();
    project.store.change(CONFIG, |object| {
        object["data"]["A"] = "2".into();
        let fields = object["metadata"]["managedFields"].as_array_mut().unwrap();
        fields[0]["fieldsV1"]["f:data"] = json!({});
        fields.push(entry("argocd", &[("/data", "A".into())]));
    });
    assert!(project.apply().await.unwrap_err().to_string().contains("`argocd`"));
}

#[tokio::test]
async fn who_makes_an_object_a_moment_earlier_keeps_it() {
    let project = Project::new();
    project.config("A: '1'");
    let store = project.store.clone();
    let faster = move |request: &ApiRequest| {
        if request.method == "PATCH" && request.path == CONFIG && store.get(CONFIG).is_none() {
            let fields = json!([entry("kubectl-edit", &[("/data", "B".into())])]);
            store.put(CONFIG, json!({"data": {"B": "theirs"}, "metadata": {"managedFields": fields}}));
        }
    };
    project.apply_after("s.apply", faster).await.unwrap();
    let object = project.store.get(CONFIG).unwrap();
    assert_eq!(object["kind"], "ConfigMap");
    assert_eq!(project.annotations(CONFIG), json!({"provision.dev/applied-by": "s.apply"}));
}

#[tokio::test]
async fn a_step_that_was_renamed_succeeds_the_old_one() {
    let mut project = Project::new();
    project.config("A: '1', B: '2'").apply().await.unwrap();
    project.steps = vec!["s.renamed"];
    project.config("A: '3'").apply_as("s.renamed").await.unwrap();
    let object = project.store.get(CONFIG).unwrap();
    assert_eq!(object["data"], json!({"A": "3"}));
    assert_eq!(object["metadata"]["managedFields"].as_array().unwrap().len(), 1);
    // It was ours before, and is.
    assert_eq!(object["metadata"]["annotations"]["provision.dev/made-by"], "shop");
}

#[tokio::test]
async fn what_left_the_files_is_pruned_if_the_step_has_made_it_and_nothing_else() {
    let project = Project::new();
    project.config("A: '1'");
    project.file("d.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\ndata: {A: '1'}\n");
    project.file("e.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: e}\ndata: {A: '1'}\n");
    let copied = "/api/v1/namespaces/apps/configmaps/copy";
    let there = "/api/v1/namespaces/apps/configmaps/e";
    project.store.put(there, json!({"data": {"A": "1"}, "metadata": {"managedFields": [entry("kubectl-edit", &[])]}}));
    project.apply().await.unwrap();
    // A copy of one of ours, with all its labels, as `kubectl` makes it.
    let mut copy = project.store.get("/api/v1/namespaces/apps/configmaps/d").unwrap();
    copy["metadata"] = json!({"labels": copy["metadata"]["labels"], "annotations": copy["metadata"]["annotations"],
        "managedFields": [entry("kubectl-edit", &[("/data", "A".into())])]});
    project.store.put(copied, copy);
    project.apply_as("s.other").await.unwrap_err();
    for file in ["d.yaml", "e.yaml"] {
        fs_err::remove_file(project.folder.path().join(file)).unwrap();
    }
    project.store.changes();
    let (pruned, log) = project.apply_as("s.apply").await.unwrap();
    assert_eq!(pruned, ["configmap/d"]);
    assert_eq!(project.store.names(), "apps c copy e");
    for name in ["copy", "e"] {
        assert!(log.contains(&format!("configmap/{name} in apps is no longer in the files, and stays")), "{log}");
    }
}

#[tokio::test]
async fn what_another_checkout_has_deployed_is_not_pruned_and_goes_with_the_last_one() {
    let one = Project::new();
    let two = Project { store: one.store.clone(), ..Project::new() };
    let write = |project: &Project, name: &str| {
        let object = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{A: '1'}}\n");
        project.file(&format!("{name}.yaml"), &object);
    };
    let remove = |project: &Project, name: &str| {
        fs_err::remove_file(project.folder.path().join(format!("{name}.yaml"))).unwrap();
    };
    let stays = |project: &Project, name: &str, how: &str| {
        let checkout = Checkout::of(project.folder.path()).unwrap().slug;
        format!("configmap/{name} in apps is not in the files, and stays: it is {how} from the checkout `{checkout}`")
    };
    for (project, name) in [(&one, "c"), (&two, "c"), (&one, "d"), (&two, "e")] {
        write(project, name);
    }
    one.apply().await.unwrap();
    let (pruned, log) = two.apply_as("s.apply").await.unwrap();
    assert!(pruned.is_empty() && log.contains(&stays(&one, "d", "deployed")), "{pruned:?} {log}");
    let (pruned, log) = one.apply_as("s.apply").await.unwrap();
    assert!(pruned.is_empty() && log.contains(&stays(&two, "e", "deployed")), "{pruned:?} {log}");
    assert_eq!(one.store.names(), "apps c d e");
    // What both have deployed is the other one's when one of them has it no more, and nobody's after that.
    remove(&one, "c");
    let (pruned, log) = one.apply_as("s.apply").await.unwrap();
    assert!(pruned.is_empty() && log.contains(&stays(&two, "c", "also deployed")), "{pruned:?} {log}");
    remove(&one, "d");
    write(&one, "other");
    assert_eq!(one.apply_as("s.apply").await.unwrap().0, ["configmap/d"]);
    assert_eq!(two.drift().await, None);
    remove(&two, "c");
    assert_eq!(two.apply_as("s.apply").await.unwrap().0, ["configmap/c"]);
    assert_eq!(one.store.names(), "apps e other");
}

#[tokio::test]
async fn data_is_pruned_only_with_consent_and_a_refusal_deletes_nothing() {
    let mut project = Project::new();
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {storage: 1}\n";
    project.config("A: '1'").file("claim.yaml", claim);
    project.file("d.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\ndata: {A: '1'}\n");
    project.apply().await.unwrap();
    for file in ["claim.yaml", "d.yaml"] {
        fs_err::remove_file(project.folder.path().join(file)).unwrap();
    }
    let failure = project.apply().await.unwrap_err();
    assert!(failure.to_string().contains("persistentvolumeclaim/data holds data"), "{failure}");
    assert!(failure.hints[0].contains("--yes"), "{:?}", failure.hints);
    assert_eq!(project.store.names(), "apps c d data");
    project.consent = Consent::Given;
    assert_eq!(project.apply_as("s.apply").await.unwrap().0, ["configmap/d", "persistentvolumeclaim/data"]);
    assert_eq!(project.store.names(), "apps c");
}

#[tokio::test]
async fn a_namespace_that_another_step_has_made_is_shared() {
    let project = Project::new();
    project.config("A: '1'").apply_as("s.other").await.unwrap();
    project.file("ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: apps, labels: {team: a}}\n");
    fs_err::remove_file(project.folder.path().join("c.yaml")).unwrap();
    project.apply().await.unwrap();
    let metadata = project.store.get(NAMESPACE).unwrap()["metadata"].clone();
    assert_eq!(metadata["labels"], json!({"provision.dev/pipeline": "shop", "team": "a"}));
    assert_eq!(metadata["annotations"]["provision.dev/applied-by"], "s.other");
    assert_eq!(project.drift().await, None);
}

#[tokio::test]
async fn an_image_of_the_settings_that_no_container_has_is_a_failure() {
    let project = Project::new();
    project.config("A: '1'");
    let settings = ManifestApply { images: [("app".to_owned(), "app:1".to_owned())].into(), ..settings() };
    let failure = settings.objects(&project.context("s.apply")).await.unwrap_err();
    assert!(failure.to_string().contains("no container of the manifests has the image `app`"), "{failure}");
}

#[tokio::test]
async fn a_kind_that_the_cluster_lacks_is_a_failure_with_its_name() {
    let project = Project::new();
    project.file("g.yaml", "apiVersion: y.example/v1\nkind: Thing\nmetadata: {name: t}\n");
    let failure = project.apply().await.unwrap_err();
    assert!(failure.to_string().contains("the cluster has no kind Thing in y.example/v1"), "{failure}");
}

#[tokio::test]
async fn a_step_that_is_stopped_says_which_objects_it_has_applied() {
    let project = Project::new();
    project.config("A: '1'").file("s.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {port: 1}\n");
    let cx = project.context("s.apply");
    let stop = cx.cancel().clone();
    let at_the_service = move |request: &ApiRequest| {
        if request.method == "PATCH" && request.path.ends_with("/services/web") {
            stop.wind_down();
        }
    };
    let kube = project.store.serve_after(at_the_service).await;
    let settings = settings();
    let apply = settings.applying(&cx, &kube);
    let failure = settings.apply(&apply).await.map_err(|failure| apply.stays(failure)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Interrupted);
    let left = &failure.hints[0];
    assert!(left.starts_with("applied before it was stopped: namespace/apps, configmap/c; they stay"), "{left}");
    assert!(left.contains("`provision down` removes") && !left.contains("service/web"), "{left}");
    assert!(fake::log_of(&cx).contains(left.as_str()));
}

mod users;
