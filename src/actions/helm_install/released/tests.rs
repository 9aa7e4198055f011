//! Tests of what follows an upgrade, against an API server that stops answering once helm has succeeded.

use std::path::Path;
use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::action::fake;
use crate::tools::cluster::ClusterSpec;
use crate::tools::deletion::Consent;
use crate::tools::fake::fake_program;
use crate::tools::helm::Helm;
use crate::tools::kubernetes::fake_api::{ApiRequest, SecretStore, serve, status};
use crate::tools::kubernetes::fake_objects::ObjectStore;
use crate::tools::kubernetes::record_tests::{record, stored};
use crate::tools::kubernetes::{ManifestObjects, record_name};

const MAP: &str = "/api/v1/namespaces/apps/configmaps/c";

/// Whether the API server refuses a request after helm's success.
type Refuses = fn(&ApiRequest) -> bool;

struct World {
    folder: tempfile::TempDir,
    records: SecretStore,
    objects: ObjectStore,
    /// More settings of the step.
    more: &'static str,
}

impl World {
    fn new() -> Self {
        let (records, objects) = (SecretStore::default(), ObjectStore::default());
        Self { folder: tempfile::tempdir().unwrap(), records, objects, more: "" }
    }

    /// The calls of helm.
    fn calls(&self) -> Vec<String> {
        let text = fs_err::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Deploys a release that consists of a `ConfigMap`; the API server refuses from helm's success on what `refuses`
    /// says. Returns the output with its warnings, and the step's log.
    async fn deploy(&self, refuses: Refuses) -> (Result<Output, Failure>, String) {
        let calls = self.folder.path().join("calls");
        let (path, seen) = (calls.clone(), Mutex::new(0));
        let (records, objects) = (self.records.clone(), self.objects.clone());
        let kube = serve(move |request| {
            let text = fs_err::read_to_string(&path).unwrap_or_default();
            let made: Vec<&str> = text.lines().collect();
            let mut seen = seen.lock().unwrap();
            for (number, line) in (1..).zip(&made).skip(*seen) {
                put(&records, number, line);
            }
            *seen = made.len();
            if !made.is_empty() && refuses(request) {
                return status(403, "Forbidden", "nobody may read this now");
            }
            if request.path.contains("/secrets") { records.answer(request) } else { objects.answer(request) }
        })
        .await;
        let script = format!("echo \"$@\" >> {}", calls.display());
        let program = fake_program(self.folder.path(), "helm", &script).await;
        let helm = Helm::new(program, &ClusterSpec::new("any", "test"), Path::new("/s"));
        let cx = fake::context(self.folder.path(), &["s.release"], "s.release", Consent::None);
        let settings =
            "chart = 'oci://x/todo@sha256:00'\nrelease = 'todo'\nnamespace = 'apps'\n".to_owned() + self.more;
        let settings: HelmInstall = toml::from_str(&settings).unwrap();
        let output = settings.deploy(&cx, &helm, &kube).await.map(|output| cx.with_warnings(output));
        (output, fake::log_of(&cx))
    }
}

/// Makes the revision of a call of helm.
fn put(records: &SecretStore, number: u32, call: &str) {
    let mut words = call.split_whitespace();
    let description = words.find(|word| *word == "--description").and_then(|_| words.next()).unwrap();
    let manifest = "---\\napiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: c}\\ndata: {A: released}\\n";
    let text = record(number, "deployed").replace(r#"Preparing \"status\":\"deployed\""#, description);
    let text = text.replace(r"---\n# Source: a\nkind: A\n", manifest);
    let labels = json!({"owner": "helm", "name": "todo", "status": "deployed", "version": number.to_string()});
    let secret = json!({"metadata": {"namespace": "apps", "labels": labels},
        "data": {"release": k8s_openapi::ByteString(stored(&text))}});
    records.put(&record_name("todo", number), secret, &number.to_string());
}

fn is_record(request: &ApiRequest) -> bool {
    request.path.contains("/secrets")
}

#[tokio::test]
async fn a_release_counts_although_its_record_can_not_be_read_after_helms_success() {
    let refusals: [Refuses; 2] = [|_| true, |request| is_record(request) && request.method == "GET"];
    for refuses in refusals {
        let world = World::new();
        let (output, log) = world.deploy(refuses).await;
        let output = output.unwrap();
        let calls = world.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        let record = output.get("record").unwrap();
        assert!(record.starts_with("provision:s.release:") && calls[0].contains(record), "{record}: {calls:?}");
        let facts = ["release", "namespace", "revision", "status", "chart"].map(|name| output.get(name));
        assert_eq!(facts, [Some("todo"), Some("apps"), Some("1"), Some("deployed"), None]);
        let warning = output.get(Output::WARNINGS).unwrap();
        let expected = "helm succeeded, but its record of the release `todo` can't be read: ";
        assert!(warning.starts_with(expected) && warning.contains("nobody may read this now"), "{warning}");
        assert!(log.contains(expected), "{log}");
    }
}

#[tokio::test]
async fn a_release_counts_although_its_objects_can_not_be_read_after_helms_success() {
    let (output, log) = World::new().deploy(|request| !is_record(request)).await;
    let output = output.unwrap();
    assert_eq!((output.get("revision"), output.get("chart")), (Some("1"), Some("todo-0.1.0")));
    let expected = "the release `todo` is deployed, but what has become of its objects can't be read: ";
    assert!(output.get(Output::WARNINGS).unwrap().starts_with(expected) && log.contains(expected), "{log}");
}

#[tokio::test]
async fn a_repair_after_helms_success_that_fails_is_a_failure() {
    let refused: Refuses = |request| request.method == "PATCH" && !request.query.contains("dryRun");
    for (refuses, done) in [(refused, false), (|_: &ApiRequest| false, true)] {
        let world = World::new();
        world.objects.put(MAP, json!({"data": {"A": "changed"}}));
        let (output, log) = world.deploy(refuses).await;
        assert_eq!(output.is_ok(), done, "{output:?}");
        let now = world.objects.get(MAP).unwrap()["data"]["A"].clone();
        assert_eq!((now == "released", log.contains("changed back")), (done, done), "{now} {log}");
    }
}

#[tokio::test]
async fn pods_with_changed_variables_are_replaced_although_the_new_record_can_not_be_read() {
    let world = World::new();
    let settings: HelmInstall = toml::from_str("chart = 'c'\nrelease = 'todo'\nnamespace = 'apps'").unwrap();
    let path = "/apis/apps/v1/namespaces/apps/deployments/web";
    world.objects.put(path, json!({}));
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\napiVersion: apps/v1\nkind: Deployment\n\
        metadata: {name: web}\nspec: {template: {spec: {containers: [{envFrom: [{configMapRef: {name: c}}]}]}}}\n";
    let objects = ManifestObjects::read(manifest, "apps");
    let before = Before { changed: vec![objects.objects[0].clone()], objects };
    let kube = world.objects.serve().await;
    let cx = fake::context(world.folder.path(), &["s.release"], "s.release", Consent::None);
    let unread = Released::Unread { revision: 2, description: "d".into() };
    settings.after_upgrade(&cx, &kube, &unread, &before).await.unwrap();
    assert_eq!(world.objects.changes(), ["PATCH web"]);
    assert!(fake::log_of(&cx).contains("they may have the changed variables"));
}

#[tokio::test]
async fn old_revisions_go_only_beyond_the_number_that_the_setting_says() {
    for (more, kept) in
        [("", "--history-max=10"), ("history-max = 3", "--history-max=3"), ("history-max = 0", "--history-max=0")]
    {
        let world = World { more, ..World::new() };
        world.objects.put(MAP, json!({"data": {"A": "released"}}));
        world.deploy(|_| false).await.0.unwrap();
        assert!(world.calls()[0].split(' ').any(|word| word == kept), "{:?}", world.calls());
    }
    let one: HelmInstall = toml::from_str("chart = 'c'\nrelease = 'todo'\nhistory-max = 1").unwrap();
    assert!(crate::action::ActionSettings::validate(&one).unwrap_err().contains("no revision to roll back to"));
}
