//! Tests of `helm-rollback`, against an API server that keeps Helm's records and a helm that changes them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::action::fake;
use crate::tools::cluster::ClusterSpec;
use crate::tools::deletion::Consent;
use crate::tools::fake::fake_program;
use crate::tools::kubernetes::fake_api::SecretStore;
use crate::tools::kubernetes::record_name;
use crate::tools::kubernetes::record_tests::{record, stored};

/// The record of a revision that installs `content`.
fn secret(revision: u32, status: &str, content: &str, description: &str) -> Value {
    let text = record(revision, status).replace("kind: A", &format!("kind: {content}"));
    let text = text.replace("Preparing \\\"status\\\":\\\"deployed\\\"", description);
    json!({
        "metadata": {"namespace": "apps", "labels": {"owner": "helm", "name": "todo", "status": status,
            "version": revision.to_string()}},
        "type": "helm.sh/release.v1",
        "data": {"release": k8s_openapi::ByteString(stored(&text))},
    })
}

/// A release whose revisions are given by status and content. A helm that is called makes the next one.
struct World {
    store: SecretStore,
    folder: tempfile::TempDir,
    revisions: Arc<Mutex<Vec<(String, String)>>>,
}

impl World {
    fn new(revisions: &[(&str, &str)]) -> Self {
        let world =
            Self { store: SecretStore::default(), folder: tempfile::tempdir().unwrap(), revisions: Arc::default() };
        for (status, content) in revisions {
            add(&world.store, &world.revisions, status, content, "Upgrade complete");
        }
        world
    }

    /// Runs the step. Returns from, to, the newest revision, and the arguments with which helm was called.
    async fn run(&self, to: To) -> Result<(u32, u32, u32, String), Failure> {
        let calls = self.folder.path().join("calls");
        drop(fs_err::remove_file(&calls));
        let (store, revisions, seen) = (self.store.clone(), Arc::clone(&self.revisions), Mutex::new(0));
        let path = calls.clone();
        let kube = self
            .store
            .serve(move |_| {
                let text = fs_err::read_to_string(&path).unwrap_or_default();
                let mut seen = seen.lock().unwrap();
                for line in text.lines().skip(*seen) {
                    *seen += 1;
                    let to: usize = line.split_whitespace().nth(6).unwrap().parse().unwrap();
                    let content = revisions.lock().unwrap()[to - 1].1.clone();
                    add(&store, &revisions, "deployed", &content, &format!("Rollback to {to}"));
                }
            })
            .await;
        let script = format!("echo \"$@\" >> {}", calls.display());
        let program = fake_program(self.folder.path(), "helm", &script).await;
        let helm = Helm::new(program, &ClusterSpec::new("any", "test"), Path::new("/s"));
        let cx = fake::context(self.folder.path(), &["s.back"], "s.back", Consent::None);
        let settings = HelmRollback { to, ..toml::from_str("release = 'todo'\nnamespace = 'apps'").unwrap() };
        let (plan, release) = settings.roll_back(&cx, &helm, &kube).await?;
        let calls = fs_err::read_to_string(&calls).unwrap_or_default();
        Ok((plan.from, plan.to, release.revision, calls.trim().to_owned()))
    }

    fn upgrade(&self, content: &str) {
        add(&self.store, &self.revisions, "deployed", content, "Upgrade complete");
    }

    fn note(&self, revision: u32, note: &str) {
        let name = record_name("todo", revision);
        let mut record = self.store.get(&name).unwrap();
        record["metadata"]["annotations"] = json!({"provision.dev/rollback": note});
        self.store.put(&name, record, "9");
    }
}

/// Adds a revision; the one that was deployed is superseded, as Helm does it.
fn add(store: &SecretStore, revisions: &Mutex<Vec<(String, String)>>, status: &str, content: &str, description: &str) {
    let mut revisions = revisions.lock().unwrap();
    if status == "deployed" {
        for (number, (status, content)) in
            (1..).zip(revisions.iter_mut()).filter(|(_, (status, _))| status == "deployed")
        {
            *status = "superseded".into();
            let name = record_name("todo", number);
            let mut record = secret(number, status, content, "Upgrade complete");
            record["metadata"]["annotations"] = store.get(&name).unwrap()["metadata"]["annotations"].clone();
            store.put(&name, record, &format!("{number}s"));
        }
    }
    revisions.push((status.to_owned(), content.to_owned()));
    let number = u32::try_from(revisions.len()).unwrap();
    store.put(&record_name("todo", number), secret(number, status, content, description), &number.to_string());
}

fn call(to: u32) -> String {
    format!("--kube-context test -n apps rollback todo {to} --history-max=10")
}

#[tokio::test]
async fn a_step_rolls_back_once_and_again_only_after_another_upgrade() {
    let world = World::new(&[("superseded", "A"), ("deployed", "B")]);
    assert_eq!(world.run(To::Previous).await.unwrap(), (2, 1, 3, call(1)));
    // Whatever the journal remembers: the records say that it has done so.
    for _ in 0..2 {
        assert_eq!(world.run(To::Previous).await.unwrap(), (2, 1, 3, String::new()));
    }
    world.upgrade("C");
    assert_eq!(world.run(To::Previous).await.unwrap(), (4, 3, 5, call(3)));
    assert_eq!(world.run(To::Previous).await.unwrap(), (4, 3, 5, String::new()));
}

#[tokio::test]
async fn a_revision_by_its_number_is_reached_by_content() {
    let world = World::new(&[("superseded", "A"), ("failed", "X"), ("superseded", "B"), ("deployed", "C")]);
    assert_eq!(world.run(To::Revision(1)).await.unwrap(), (4, 1, 5, call(1)));
    assert_eq!(world.run(To::Revision(1)).await.unwrap(), (4, 1, 5, String::new()));
    // Forward again is a rollback too.
    assert_eq!(world.run(To::Revision(4)).await.unwrap(), (5, 4, 6, call(4)));
    for (to, part) in [
        (To::Revision(2), "2 failed"),
        (To::Revision(9), "can't be rolled back to revision 9"),
        (To::Revision(6), "it is at revision 6, and nothing was released since"),
    ] {
        let failure = world.run(to).await.unwrap_err();
        assert!(failure.to_string().contains(part), "{failure}");
    }
}

#[tokio::test]
async fn what_never_was_deployed_is_no_previous_revision() {
    let world = World::new(&[("superseded", "A"), ("failed", "X"), ("deployed", "B")]);
    assert_eq!(world.run(To::Previous).await.unwrap(), (3, 1, 4, call(1)));
    let failure = World::new(&[("deployed", "A")]).run(To::Previous).await.unwrap_err();
    assert!(failure.to_string().contains("can't be rolled back to the previous revision"), "{failure}");
    let failure = World::new(&[]).run(To::Previous).await.unwrap_err();
    assert!(failure.to_string().contains("there is no release `todo` in the namespace `apps`"), "{failure}");
}

#[tokio::test]
async fn a_rollback_that_was_killed_goes_on_with_the_same_revision() {
    // Before helm began.
    let world = World::new(&[("superseded", "A"), ("superseded", "B"), ("deployed", "C")]);
    world.note(1, "shop/s.back 1f-0-elsewhere 3");
    assert_eq!(world.run(To::Previous).await.unwrap(), (3, 1, 4, call(1)));
    // After helm was done, before it was on record.
    let world = World::new(&[("superseded", "A"), ("superseded", "B"), ("deployed", "A")]);
    world.note(1, "shop/s.back 1f-0-elsewhere 2");
    assert_eq!(world.run(To::Previous).await.unwrap(), (2, 1, 3, String::new()));
    // Another step's rollback is none of this one's.
    world.note(1, "shop/s.other 1f-0-elsewhere 2");
    assert_eq!(world.run(To::Previous).await.unwrap(), (3, 2, 4, call(2)));
    // Somebody has upgraded since: its own rollback is history.
    let world = World::new(&[("superseded", "A"), ("superseded", "B"), ("deployed", "C")]);
    world.note(1, "shop/s.back 1f-0-elsewhere 2");
    assert_eq!(world.run(To::Previous).await.unwrap(), (3, 2, 4, call(2)));
    // Helm's attempt has failed.
    let world = World::new(&[("superseded", "A"), ("superseded", "B"), ("failed", "A")]);
    world.note(1, "shop/s.back 1f-0-elsewhere 2");
    assert_eq!(world.run(To::Previous).await.unwrap(), (2, 1, 4, call(1)));
}

#[test]
fn a_revision_is_a_number_or_previous() {
    let to = |text: &str| toml::from_str::<HelmRollback>(&format!("release = 'a'\nto = {text}")).map(|all| all.to);
    assert_eq!(toml::from_str::<HelmRollback>("release = 'a'").unwrap().to, To::Previous);
    assert_eq!(
        (to("'previous'").unwrap(), to("3").unwrap(), to("'3'").unwrap()),
        (To::Previous, To::Revision(3), To::Revision(3))
    );
    for bad in ["0", "-1", "'last'", "'0'", "1.5"] {
        assert!(to(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn what_another_checkout_has_released_since_is_not_rolled_back_without_the_users_word() {
    let world = World::new(&[("superseded", "A"), ("deployed", "B")]);
    let name = record_name("todo", 2);
    let mut record = world.store.get(&name).unwrap();
    record["metadata"]["labels"]["checkout.provision.dev/other"] = json!("main-other");
    world.store.put(&name, record, "9");
    let failure = world.run(To::Previous).await.unwrap_err();
    assert!(failure.to_string().contains("the revision that it goes back to does not have it"), "{failure}");
    assert!(failure.to_string().contains("deployed from the checkout `main-other`"), "{failure}");
    assert!(failure.hints.iter().any(|hint| hint.contains("--yes")), "{:?}", failure.hints);
    let target = world.store.get(&record_name("todo", 1)).unwrap();
    assert!(target["metadata"]["annotations"]["provision.dev/rollback"].is_null(), "{target}");
}
