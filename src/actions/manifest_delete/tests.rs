//! Tests of `manifest-delete`, against an API server that keeps objects.

use serde_json::json;

use super::*;
use crate::action::fake;
use crate::error::FailureKind;
use crate::tools::kubernetes::Marks;
use crate::tools::kubernetes::fake_api::ApiRequest;
use crate::tools::kubernetes::fake_apply::entry;
use crate::tools::kubernetes::fake_objects::ObjectStore;
use crate::tools::process::ProcessObserver;

/// A pipeline `shop` whose manifests a step has applied.
struct Project {
    folder: tempfile::TempDir,
    store: ObjectStore,
    consent: Consent,
}

/// What needs the other one comes first in the file.
const MANIFESTS: &str = "apiVersion: v1
kind: Service
metadata: {name: web}
spec: {port: 1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {A: '1'}
";

impl Project {
    async fn applied(manifests: &str) -> Self {
        let (folder, store) = (tempfile::tempdir().unwrap(), ObjectStore::default());
        fs_err::write(folder.path().join("all.yaml"), manifests).unwrap();
        let project = Self { folder, store, consent: Consent::None };
        let (kube, marks) = (project.store.serve().await, Marks::of("shop"));
        kube.make_namespace("apps", &marks, "s.apply").await.unwrap();
        let files = ["all.yaml".to_owned()];
        for mut object in read_manifests(project.folder.path(), &files, "apps").unwrap() {
            assert!(kube.place(&mut object).await.unwrap());
            marks.mark(&mut object, "s.apply");
            let manager = crate::tools::kubernetes::FieldManager::of_step("shop", "s.apply");
            kube.apply_marked(&object, None, &marks, &manager, false).await.unwrap().unwrap();
        }
        project.store.changes();
        project
    }

    fn context(&self) -> StepContext {
        fake::context(self.folder.path(), &["s.apply", "s.delete"], "s.delete", self.consent)
    }

    async fn delete(&self, more: &str) -> Result<String, Failure> {
        let settings: ManifestDelete = toml::from_str(&format!("namespace = 'apps'\n{more}")).unwrap();
        settings.validate().unwrap();
        let kube = self.store.serve().await;
        let output = settings.delete(&self.context(), &kube).await?;
        assert_eq!(settings.present(&self.context(), &kube).await.unwrap(), Presence::Present);
        Ok(output.get("deleted").unwrap().to_owned())
    }
}

const FILES: &str = "files = ['*.yaml']";

#[tokio::test]
async fn exactly_the_objects_of_the_manifests_go_and_once() {
    let project = Project::applied(MANIFESTS).await;
    project.store.put("/api/v1/namespaces/apps/configmaps/theirs", json!({}));
    assert_eq!(project.delete(FILES).await.unwrap(), "configmap/c,service/web");
    assert_eq!(project.store.names(), "apps theirs");
    assert_eq!(project.store.changes(), ["DELETE web", "DELETE c"]);
    assert_eq!(project.delete(FILES).await.unwrap(), "");
    assert_eq!(project.store.changes(), [""; 0]);
}

#[tokio::test]
async fn one_that_is_not_ours_keeps_all_from_being_deleted_until_the_user_agrees() {
    let mut project = Project::applied(MANIFESTS).await;
    let fields = json!([entry("kubectl-edit", &[("/data", "A".into())])]);
    project.store.change("/api/v1/namespaces/apps/configmaps/c", |object| {
        object["metadata"]["labels"] = json!({});
        object["metadata"]["managedFields"] = fields;
    });
    for more in ["", "\nephemeral = true"] {
        let failure = project.delete(&format!("{FILES}{more}")).await.unwrap_err();
        assert!(failure.to_string().contains("no step of the pipeline `shop` has applied it"), "{failure}");
        assert!(failure.hints.iter().any(|hint| hint.contains("-n apps delete configmap/c")), "{:?}", failure.hints);
        assert_eq!(project.store.changes(), [""; 0]);
    }
    project.consent = Consent::Given;
    assert_eq!(project.delete(FILES).await.unwrap(), "configmap/c,service/web");
}

#[tokio::test]
async fn what_another_checkout_has_deployed_too_keeps_all_from_being_deleted_until_the_user_agrees() {
    let mut project = Project::applied(MANIFESTS).await;
    let mark = |project: &Project, of: &str, slug: &str| {
        project.store.change("/api/v1/namespaces/apps/configmaps/c", |object| {
            object["metadata"]["annotations"][format!("checkout.provision.dev/{of}")] = json!(slug);
        });
    };
    mark(&project, "other", "other-1");
    let ours = crate::tools::Checkout::of(project.folder.path()).unwrap();
    mark(&project, &ours.id, &ours.slug);
    for more in ["", "\ndelete-namespace = true", "\nephemeral = true"] {
        let failure = project.delete(&format!("{FILES}{more}")).await.unwrap_err();
        assert!(failure.to_string().contains("also deployed from the checkout `other-1`"), "{failure}");
        // A namespace is not shared itself, but what is in it.
        let names_own = failure.hints.iter().any(|hint| hint.contains("-${{ checkout.slug }}"));
        assert_eq!(names_own, !more.contains("delete-namespace"), "{:?}", failure.hints);
        assert_eq!(project.store.changes(), [""; 0]);
    }
    project.consent = Consent::Given;
    assert_eq!(project.delete(FILES).await.unwrap(), "configmap/c,service/web");
    // What another checkout makes under the same name since is not what was deleted.
    let object = json!({"metadata": {"labels": {"provision.dev/pipeline": "shop"}, "annotations": {
        "provision.dev/applied-by": "s.apply", "checkout.provision.dev/other": "other-1"}}});
    project.store.put("/api/v1/namespaces/apps/configmaps/c", object);
    let settings: ManifestDelete = toml::from_str(&format!("namespace = 'apps'\n{FILES}")).unwrap();
    let kube = project.store.serve().await;
    assert_eq!(settings.present(&project.context(), &kube).await.unwrap(), Presence::Present);
}

#[tokio::test]
async fn data_goes_with_the_files_or_the_users_word() {
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {storage: 1}\n";
    let project = Project::applied(claim).await;
    let failure = project.delete(FILES).await.unwrap_err();
    assert!(failure.to_string().contains("persistentvolumeclaim/data holds data"), "{failure}");
    assert_eq!(project.delete("files = ['*.yaml']\nephemeral = true").await.unwrap(), "persistentvolumeclaim/data");
    let project = Project { consent: Consent::Given, ..Project::applied(claim).await };
    assert_eq!(project.delete(FILES).await.unwrap(), "persistentvolumeclaim/data");
}

#[tokio::test]
async fn a_namespace_goes_with_what_is_ours_and_never_with_what_is_not() {
    const ALL: &str = "delete-namespace = true\nfiles = ['*.yaml']\nephemeral = true";
    let project = Project::applied(MANIFESTS).await;
    // What the cluster itself makes, and a claim that a stateful set's controller has made.
    project.store.put("/api/v1/namespaces/apps/configmaps/kube-root-ca.crt", json!({}));
    let controller = json!([{"manager": "kube-controller-manager", "operation": "Update",
        "fieldsV1": {"f:spec": {"f:accessModes": {}}}}]);
    let claim = json!({"metadata": {"managedFields": controller}});
    project.store.put("/api/v1/namespaces/apps/persistentvolumeclaims/data-db-0", claim);
    let failure = project.delete("delete-namespace = true").await.unwrap_err();
    assert!(failure.to_string().contains("persistentvolumeclaim/data-db-0 holds data"), "{failure}");
    let theirs = "/api/v1/namespaces/apps/secrets/theirs";
    project
        .store
        .put(theirs, json!({"metadata": {"managedFields": [entry("kubectl-edit", &[("/data", "A".into())])]}}));
    // The file says nothing of what others have made.
    let failure = project.delete(ALL).await.unwrap_err();
    assert!(failure.to_string().contains("secret/theirs is in it, which this pipeline has not made"), "{failure}");
    assert_eq!(project.store.changes(), [""; 0]);
    // One of our own that holds a generated secret.
    project.store.put(
        theirs,
        json!({"metadata": {"annotations": {"provision.generated/PW": "PW"},
            "managedFields": [entry("provision/shop/s.secret", &[("/data", "PW".into())])]}}),
    );
    let failure = project.delete("delete-namespace = true").await.unwrap_err();
    assert!(failure.to_string().contains("`PW` of secret/theirs is a generated secret"), "{failure}");
    assert_eq!(project.delete(ALL).await.unwrap(), "namespace/apps,configmap/c,service/web");
    assert_eq!(project.store.changes(), ["DELETE apps"]);
    assert_eq!(project.store.names(), "");
}

#[tokio::test]
async fn a_namespace_that_was_there_before_stays() {
    let project = Project::applied(MANIFESTS).await;
    project.store.put("/api/v1/namespaces/old", json!({}));
    let failure =
        project.delete("namespace = 'old'\ndelete-namespace = true".trim_start_matches("namespace = 'old'\n"));
    failure.await.unwrap();
    let settings: ManifestDelete = toml::from_str("namespace = 'old'\ndelete-namespace = true").unwrap();
    let kube = project.store.serve().await;
    let failure = settings.delete(&project.context(), &kube).await.unwrap_err();
    assert!(failure.to_string().contains("namespace/old has to be deleted"), "{failure}");
}

#[tokio::test]
async fn what_has_the_same_name_and_is_anothers_is_not_what_was_deleted() {
    let project = Project::applied(MANIFESTS).await;
    project.delete(FILES).await.unwrap();
    let release = json!({"metadata": {"annotations": {"meta.helm.sh/release-name": "web"}, "managedFields": [entry("helm", &[])]}});
    project.store.put("/api/v1/namespaces/apps/services/web", release);
    let settings: ManifestDelete = toml::from_str("namespace = 'apps'\nfiles = ['*.yaml']").unwrap();
    let kube = project.store.serve().await;
    assert_eq!(settings.present(&project.context(), &kube).await.unwrap(), Presence::Present);
    assert!(project.delete(FILES).await.is_err());
}

#[tokio::test]
async fn down_removes_what_the_step_has_made_and_no_namespace_with_something_of_others() {
    let project = Project::applied(MANIFESTS).await;
    let kube = project.store.serve().await;
    let cx = fake::context(project.folder.path(), &["s.apply"], "s.apply", Consent::None);
    project.store.put("/api/v1/namespaces/apps/configmaps/theirs", json!({}));
    let planned: Vec<String> = made::made(&cx, &kube)
        .await
        .unwrap()
        .into_iter()
        .map(|judged| made::planned(&cx, &kube, judged).reason)
        .collect();
    assert!(planned[2].starts_with("only if nothing of others is in it") && planned.len() == 3, "{planned:?}");
    let mut refused = Vec::new();
    for judged in made::made(&cx, &kube).await.unwrap() {
        let name = judged.object.reference.short();
        if let Err(failure) = made::delete(&cx, &kube, judged).await {
            assert!(failure.hints.len() == 1 && !failure.hints[0].contains("--yes"), "{failure:?}");
            refused.push(format!("{name}: {failure}"));
        }
    }
    assert_eq!(project.store.names(), "apps theirs");
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("configmap/theirs is in it, which this pipeline has not made"), "{refused:?}");
    // A claim of ours is data, which the user has agreed to lose; of a step with another name nothing goes.
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {storage: 1}\n";
    let project = Project::applied(claim).await;
    let kube = project.store.serve().await;
    let other = fake::context(project.folder.path(), &["s.other"], "s.other", Consent::None);
    assert!(made::made(&other, &kube).await.unwrap().is_empty());
    for judged in made::made(&cx, &kube).await.unwrap() {
        made::delete(&cx, &kube, judged).await.unwrap();
    }
    assert_eq!(project.store.names(), "");
    assert!(made::made(&cx, &kube).await.unwrap().is_empty());
}

#[test]
fn settings_are_checked() {
    let check = |text: &str| toml::from_str::<ManifestDelete>(text).unwrap().validate();
    check(ManifestDelete::EXAMPLE).unwrap();
    assert!(check("namespace = 'a'").unwrap_err().contains("nothing to delete"));
    assert!(check("delete-namespace = true").unwrap_err().contains("`default` can't be deleted"));
    assert!(check("files = ['../x']").is_err());
}

#[tokio::test]
async fn a_step_that_is_stopped_says_which_objects_it_has_deleted() {
    let project = Project::applied(MANIFESTS).await;
    let cx = project.context();
    let stop = cx.cancel().clone();
    let at_the_second = move |request: &ApiRequest| {
        if request.method == "DELETE" && request.path.ends_with("/configmaps/c") {
            stop.wind_down();
        }
    };
    let kube = project.store.serve_after(at_the_second).await;
    let settings: ManifestDelete = toml::from_str(&format!("namespace = 'apps'\n{FILES}")).unwrap();
    let failure = settings.delete(&cx, &kube).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Interrupted);
    let left = &failure.hints[0];
    assert!(left.starts_with("deleted before it was stopped: service/web"), "{left}");
    assert!(left.contains("the same command goes on"), "{left}");
}
