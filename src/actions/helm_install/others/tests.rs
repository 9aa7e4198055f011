//! Tests of what other checkouts have in the same release.

use serde_json::json;

use super::*;
use crate::action::fake;
use crate::tools::Checkout;
use crate::tools::cluster::ClusterSpec;
use crate::tools::deletion::Consent;
use crate::tools::fake::fake_program;
use crate::tools::helm::{Helm, Install};
use crate::tools::kubernetes::fake_api::SecretStore;
use crate::tools::kubernetes::record_name;
use crate::tools::kubernetes::record_tests::{record, stored};

/// A `ConfigMap` of this name, as a manifest has it.
fn map(name: &str, more: &str) -> String {
    format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{more}")
}

/// A release `todo` in `apps` with one record for each revision, and a helm that says what it would release.
struct World {
    folder: tempfile::TempDir,
    store: SecretStore,
    me: Checkout,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let me = Checkout::of(folder.path()).unwrap();
        Self { folder, store: SecretStore::default(), me }
    }

    /// Puts a revision in that consists of `manifest`, with the labels of the checkouts `of`.
    fn revision(&self, number: u32, status: &str, description: &str, manifest: &str, of: &[&str]) {
        let text = record(number, status)
            .replace(r#"Preparing \"status\":\"deployed\""#, description)
            .replace(r"---\n# Source: a\nkind: A\n", &manifest.replace('\n', "\\n"));
        let mut labels = json!({"owner": "helm", "name": "todo", "status": status, "version": number.to_string(),
            "provision": format!("call-{number}")});
        for id in of {
            labels[format!("checkout.provision.dev/{id}")] = json!(format!("main-{id}"));
        }
        let secret = json!({"metadata": {"namespace": "apps", "labels": labels},
            "data": {"release": k8s_openapi::ByteString(stored(&text))}});
        self.store.put(&record_name("todo", number), secret, &number.to_string());
    }

    fn context(&self, consent: Consent) -> StepContext {
        fake::context(self.folder.path(), &["s.release"], "s.release", consent)
    }

    /// Decides on an upgrade to `planned`. Returns whether helm was asked.
    async fn permit(&self, planned: &str, consent: Consent) -> Result<bool, Failure> {
        let (asked, answer) = (self.folder.path().join("asked"), self.folder.path().join("answer"));
        drop(fs_err::remove_file(&asked));
        fs_err::write(&answer, json!({"name": "todo", "manifest": planned}).to_string()).unwrap();
        let script = format!("echo \"$@\" > {}; cat {}", asked.display(), answer.display());
        let program = fake_program(self.folder.path(), "helm", &script).await;
        let helm = Helm::new(program, &ClusterSpec::new("any", "test"), std::path::Path::new("/s"));
        let kube = self.store.serve(|_| {}).await;
        let cx = self.context(consent);
        let history = kube.release_history("apps", "todo").await.unwrap();
        let install = Install {
            chart: "c",
            version: None,
            release: "todo",
            namespace: "apps",
            create_namespace: true,
            history_max: 10,
            values_files: &[],
            values: None,
            description: "d",
            call: "call-9",
            checkout: None,
            hook_timeout: None,
        };
        let common = CommonRelease { cx: &cx, kube: &kube, namespace: "apps", release: "todo" };
        common.permit_loss(&history, helm.planned_manifest(&install, &cx), "this step's chart").await?;
        let args = fs_err::read_to_string(asked).unwrap_or_default();
        assert!(args.is_empty() || args.contains("upgrade --install todo c") && args.contains("--dry-run=server"));
        Ok(!args.is_empty())
    }
}

#[tokio::test]
async fn an_object_of_another_checkout_is_not_lost_to_an_upgrade_without_the_users_word() {
    let world = World::new();
    let theirs = map("a", "") + &map("hours-of-work", "");
    world.revision(1, "superseded", "provision:s.release:call-1:x", &map("a", ""), &[&world.me.id]);
    world.revision(2, "deployed", "provision:s.release:call-2:other", &theirs, &[&world.me.id, "other"]);
    let failure = world.permit(&map("a", ""), Consent::None).await.unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("configmap/hours-of-work of the release `todo` has to be deleted"), "{text}");
    assert!(text.contains("the release is deployed from the checkout `main-other`"), "{text}");
    for hint in ["--yes", "-n apps delete configmap/hours-of-work", "-${{ checkout.slug }}"] {
        assert!(failure.hints.iter().any(|one| one.contains(hint)), "{hint}: {:?}", failure.hints);
    }
    assert!(world.permit(&map("a", ""), Consent::Given).await.unwrap());
    // The same objects with other contents, and one more: nothing goes.
    assert!(world.permit(&(theirs.clone() + &map("more", "data: {A: '1'}\n")), Consent::None).await.unwrap());
    // A revision that failed is not what helm compares with.
    world.revision(3, "failed", "provision:s.release:call-3:other", &map("a", ""), &[&world.me.id, "other"]);
    world.permit(&map("a", ""), Consent::None).await.unwrap_err();
    // Helm itself keeps what says so.
    let kept = map("a", "") + &map("kept", "  annotations: {helm.sh/resource-policy: keep}\n");
    world.revision(4, "deployed", "provision:s.release:call-4:other", &kept, &[&world.me.id, "other"]);
    world.revision(2, "superseded", "", &theirs, &[]);
    assert!(world.permit(&map("a", ""), Consent::None).await.unwrap());
}

#[tokio::test]
async fn what_this_checkout_has_released_goes_with_its_chart_and_helm_is_not_asked() {
    let world = World::new();
    let ours = format!("provision:s.release:call-1:{}", world.me.id);
    let both = map("a", "") + &map("b", "");
    world.revision(1, "deployed", &ours, &both, &[&world.me.id, "other"]);
    assert!(!world.permit(&map("a", ""), Consent::None).await.unwrap());
    // Also after a rollback to it, and where nobody shares the release.
    world.revision(2, "deployed", "Rollback to 1", &both, &[&world.me.id, "other"]);
    assert!(!world.permit(&map("a", ""), Consent::None).await.unwrap());
    let alone = World::new();
    alone.revision(1, "deployed", "Install complete", &both, &[&alone.me.id]);
    assert!(!alone.permit(&map("a", ""), Consent::None).await.unwrap());
}

#[tokio::test]
async fn who_upgrades_at_the_same_time_is_named_with_what_helps() {
    let world = World::new();
    let kube = world.store.serve(|_| {}).await;
    let cx = world.context(Consent::None);
    let common = CommonRelease { cx: &cx, kube: &kube, namespace: "apps", release: "todo" };
    let failed = || Failure::failed("helm's upgrade of the release `todo` failed");
    let explained = async |before: &[Revision], call: &str| common.with_rival(before, call, failed()).await;
    assert!(explained(&[], "call-1").await.causes.is_empty(), "nothing was begun");
    world.revision(1, "pending-install", "Initial install underway", &map("a", ""), &["other"]);
    let before = kube.release_history("apps", "todo").await.unwrap();
    for before in [&[][..], before.as_slice()] {
        assert!(explained(before, "call-1").await.causes.is_empty(), "our own");
        let failure = explained(before, "call-7").await;
        assert_eq!(failure.causes, ["the checkout `main-other` has begun its revision 1 meanwhile"]);
        assert!(failure.hints[0].starts_with("wait until the other run has ended"), "{:?}", failure.hints);
        assert!(failure.hints[1].contains("-${{ checkout.slug }}"), "{:?}", failure.hints);
    }
    // Helm failed by itself, long after that.
    world.revision(1, "deployed", "Install complete", &map("a", ""), &["other"]);
    assert!(explained(&before, "call-7").await.causes.is_empty());
    world.revision(2, "deployed", "Upgrade complete", &map("a", ""), &[]);
    assert_eq!(explained(&before, "call-7").await.causes, ["somebody else has begun its revision 2 meanwhile"]);
}
