//! Tests of `rollout-check`.

use std::path::Path;
use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::action::fake;
use crate::tools::deletion::Consent;
use crate::tools::kubernetes::fake_api::{ApiRequest, SecretStore, serve};
use crate::tools::kubernetes::fake_objects::ObjectStore;
use crate::tools::kubernetes::record_name;
use crate::tools::kubernetes::record_tests::{record, stored};

#[test]
fn pods_that_had_just_come_up_are_probed_at_the_end_of_the_run() {
    let check = toml::from_str::<RolloutCheck>("deployments = ['web']").unwrap();
    let of = |at: &str| Output::new().with("pods", "1").with("ready-at", at).with("restarts", "0");
    assert!(check.is_provisional(&of("2026-11-26T10:00:00.5Z")));
    assert!(!check.is_provisional(&Output::new().with("pods", "1")));
    // The clock was set back meanwhile.
    assert_eq!(Provisional::of(&of("2999-01-01T00:00:00Z")).unwrap().lasts(), Duration::ZERO);
    assert!(Provisional::of(&of("2026-11-26T10:00:00.5Z")).unwrap().lasts() > RECENT);
}

#[test]
fn the_end_of_the_run_waits_until_young_containers_have_run_for_three_seconds() {
    // The moment is yet to come, so that no time passes since.
    let output = Output::new().with("ready-at", "2999-01-01T00:00:00Z").with("restarts", "0");
    let cases = [(None, 3), (Some("0"), 3), (Some("2"), 1), (Some("3"), 0), (Some("9"), 0), (Some("-1"), 3)];
    for (up, seconds) in cases {
        let output = up.map_or(output.clone(), |up| output.clone().with("up-seconds", up));
        let provisional = Provisional::of(&output).unwrap();
        assert_eq!(provisional.remaining(), Duration::from_secs(seconds), "{up:?}");
        assert_eq!(Provisional::of(&provisional.add_to(Output::new())), Some(provisional), "{up:?}");
    }
    let long_ago = Output::new().with("ready-at", "2026-11-26T10:00:00Z").with("restarts", "0");
    assert_eq!(Provisional::of(&long_ago).unwrap().remaining(), Duration::ZERO);
}

#[test]
fn a_check_of_another_revision_is_none() {
    let check = |settings: &str| toml::from_str::<RolloutCheck>(settings).unwrap();
    let bound = check("release = 'app'\nrevision = '2'");
    assert_eq!(bound.other_revision(Some(2)), None);
    assert_eq!(bound.other_revision(Some(3)).unwrap(), "the release `app` is at revision 3, not 2");
    assert!(bound.check_revision(Some(3)).unwrap_err().to_string().contains("somebody else"));
    assert_eq!(check("release = 'app'").other_revision(Some(3)), None);
    assert!(check("selector = 'a=b'\nrevision = '2'").validate().is_err());
    assert!(check("jobs = ['migrate']").validate().is_ok());
}

/// Puts a revision in that consists of a Job.
fn put(records: &SecretStore, number: u32, status: &str) {
    let manifest = r"---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\n";
    let text = record(number, status).replace(r"---\n# Source: a\nkind: A\n", manifest);
    let labels = json!({"owner": "helm", "name": "todo", "status": status, "version": number.to_string()});
    let secret = json!({"metadata": {"namespace": "apps", "labels": labels},
        "data": {"release": k8s_openapi::ByteString(stored(&text))}});
    records.put(&record_name("todo", number), secret, &number.to_string());
}

/// Checks the release `todo`, which is at revision 1 until somebody else upgrades it: right before the first request
/// that `upgrades`.
fn checked(
    revision: Option<&'static str>,
    upgrades: fn(&ApiRequest) -> bool,
) -> BoxFuture<'static, Result<Output, String>> {
    Box::pin(check(revision, upgrades))
}

async fn check(revision: Option<&str>, upgrades: fn(&ApiRequest) -> bool) -> Result<Output, String> {
    let (records, objects) = (SecretStore::default(), ObjectStore::default());
    put(&records, 1, "deployed");
    let done = json!({"status": {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}});
    objects.put("/apis/batch/v1/namespaces/apps/jobs/migrate", done);
    let by_somebody = Mutex::new(false);
    let kube = serve(move |request| {
        let mut done = by_somebody.lock().unwrap();
        if upgrades(request) && !*done {
            put(&records, 1, "superseded");
            put(&records, 2, "deployed");
            *done = true;
        }
        if request.path.contains("/secrets") { records.answer(request) } else { objects.answer(request) }
    })
    .await;
    let check: RolloutCheck = toml::from_str("release = 'todo'\nnamespace = 'apps'").unwrap();
    let check = RolloutCheck { revision: revision.map(str::to_owned), ..check };
    let cx = fake::context(Path::new("/nowhere"), &["s.check"], "s.check", Consent::None);
    check.check(&cx, &kube).await.map_err(|failure| failure.to_string())
}

#[tokio::test]
async fn an_upgrade_by_somebody_else_before_or_during_the_check_fails_it() {
    for revision in [Some("1"), None] {
        let output = checked(revision, |_| false).await.unwrap();
        assert_eq!(output.get("workloads"), Some("1"), "{revision:?}");
        let failure = checked(revision, |request| request.path.contains("/jobs/")).await.unwrap_err();
        let expected = "the release `todo` was at revision 1 when the check began, and is at revision 2";
        assert!(failure.contains(expected) && failure.contains("somebody else has changed the release"), "{failure}");
    }
    let failure = checked(Some("1"), |_| true).await.unwrap_err();
    assert!(failure.contains("the release `todo` is at revision 2, not 1"), "{failure}");
    // Nothing tells one that knows no revision: so each check of a release that the pipeline deploys gets its own.
    checked(None, |_| true).await.unwrap();
}
