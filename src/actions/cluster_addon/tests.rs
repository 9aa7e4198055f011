//! Tests of `cluster-addon`, with a provider whose tool behaves as minikube does.

use std::path::Path;
use std::sync::atomic::AtomicUsize;

use serde_json::{Value, json};

use super::*;
use crate::action::fake;
use crate::tools::deletion::Consent;
use crate::tools::kubernetes::fake_objects::ObjectStore;

/// What the tool does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    /// It waits for the pods, without end.
    Waits,
    /// It has waited, and fails the first time.
    FailsOnce,
    /// It succeeds at once.
    Succeeds,
    /// It refuses the addon.
    Refuses,
}

#[derive(Debug)]
struct FakeAddons {
    tool: Tool,
    store: FakeStore,
    object: Option<(&'static str, Value)>,
    n_calls: AtomicUsize,
    was_stopped: AtomicBool,
}

struct FakeStore(ObjectStore);

impl std::fmt::Debug for FakeStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeStore")
    }
}

impl Addons for FakeAddons {
    fn is_enabled(&self, _: &ClusterSpec, _: &str) -> Result<bool, Failure> {
        Ok(true)
    }

    fn enable<'a>(
        &'a self,
        cx: &'a Session<'a>,
        _: &'a ClusterSpec,
        _: &'a Addon,
        _: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let n_calls = self.n_calls.fetch_add(1, Ordering::Relaxed);
            if let Some((path, object)) = &self.object {
                self.store.0.put(path, object.clone());
            }
            match self.tool {
                Tool::Waits => {
                    cx.host.cancel().cancelled().await;
                    self.was_stopped.store(true, Ordering::Relaxed);
                    Err(Failure::interrupted("it"))
                }
                Tool::FailsOnce if n_calls == 0 => Err(Failure::failed("waiting for pods: deadline exceeded")),
                Tool::FailsOnce | Tool::Succeeds => Ok(()),
                Tool::Refuses => Err(Failure::failed("x is not a valid addon")),
            }
        })
    }

    fn place(&self, _: &str) -> Option<AddonPlace> {
        Some(AddonPlace { namespace: "system".into(), selector: "addon=x".into() })
    }

    fn disable_line(&self, _: &ClusterSpec, name: &str) -> String {
        format!("tool disable {name}")
    }
}

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/system/deployments/x";
const JOB: &str = "/apis/batch/v1/namespaces/system/jobs/x";

/// A Deployment that is rolled out.
fn deployment() -> Value {
    json!({"metadata": {"labels": {"addon": "x"}}, "spec": {"replicas": 1, "selector": {}, "template": {}},
        "status": {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}})
}

/// A Job that has failed.
fn failed_job() -> Value {
    let failed = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no image"});
    json!({"metadata": {"labels": {"addon": "x"}}, "spec": {"template": {}}, "status": {"conditions": [failed]}})
}

async fn enable(addons: &FakeAddons) -> Result<Ready, Failure> {
    let dir = tempfile::tempdir().unwrap();
    let cx = fake::context(dir.path(), &["s.x"], "s.x", Consent::None);
    Box::pin(enable_in(&cx, &addons.store.0.serve().await, addons)).await
}

async fn enable_in(cx: &StepContext, kube: &Kube, addons: &FakeAddons) -> Result<Ready, Failure> {
    let enabling = Enabling {
        cx,
        kube,
        cluster: &ClusterSpec::new("any", "test"),
        addons,
        addon: Addon { name: "x".into(), ..Addon::default() },
        place: addons.place("x"),
        program: None,
        has_ended: AtomicBool::new(false),
    };
    enabling.until_ready().await
}

fn addons(tool: Tool, object: Option<(&'static str, Value)>) -> FakeAddons {
    let store = FakeStore(ObjectStore::default());
    FakeAddons { tool, store, object, n_calls: AtomicUsize::new(0), was_stopped: AtomicBool::new(false) }
}

#[tokio::test]
async fn workloads_that_never_come_up_end_the_step_and_the_tool_that_waits_for_them() {
    let addons = addons(Tool::Waits, Some((JOB, failed_job())));
    let failure = enable(&addons).await.unwrap_err();
    assert_eq!(failure.message, "the addon `x` does not come up");
    assert!(failure.to_string().contains("job/x is not coming up: BackoffLimitExceeded: no image"), "{failure}");
    assert!(failure.hints.last().unwrap().contains("`tool disable x`"), "{:?}", failure.hints);
    assert!(addons.was_stopped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_step_that_is_stopped_says_that_the_addon_stays_enabled_and_how_to_turn_it_off() {
    let addons = addons(Tool::Waits, None);
    let dir = tempfile::tempdir().unwrap();
    let cx = fake::context(dir.path(), &["s.x"], "s.x", Consent::None);
    let stop = cx.cancel().clone();
    let when_asked = addons.store.0.serve_after(move |request| {
        if request.path.contains("/deployments") {
            stop.wind_down();
        }
    });
    let failure = enable_in(&cx, &when_asked.await, &addons).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Interrupted);
    assert_eq!(failure.hints, ["the addon `x` stays enabled; to turn it off: `tool disable x`"]);
    assert!(fake::log_of(&cx).contains(&failure.hints[0]));
}

#[tokio::test]
async fn a_tool_whose_own_wait_was_too_short_is_called_again_when_all_is_ready() {
    let addons = addons(Tool::FailsOnce, Some((DEPLOYMENT, deployment())));
    let ready = enable(&addons).await.unwrap();
    assert_eq!((ready.workloads, ready.pods, addons.n_calls.into_inner()), (1, 1, 2));
}

#[tokio::test]
async fn an_addon_without_workloads_is_the_tools_failure_or_one_of_its_own() {
    let failure = enable(&addons(Tool::Refuses, None)).await.unwrap_err();
    assert_eq!(failure.message, "x is not a valid addon");
    let failure = enable(&addons(Tool::Succeeds, None)).await.unwrap_err();
    assert!(failure.to_string().contains("there are none in the namespace `system` with addon=x"), "{failure}");
    assert!(enable(&addons(Tool::Succeeds, Some((DEPLOYMENT, deployment())))).await.is_ok());
}

#[test]
fn settings_are_checked() {
    let check = |text: &str| toml::from_str::<ClusterAddon>(text).unwrap().validate();
    for text in [ClusterAddon::EXAMPLE, "addons = ['a', 'b']", "addon = 'a'\nnamespace = 'n'\nselector = 'x=y'"] {
        check(text).unwrap();
    }
    for (text, part) in [
        ("", "either `addon` or `addons`"),
        ("addon = 'a'\naddons = ['b']", "either `addon` or `addons`"),
        ("addon = '-x'", "`addon` can't be `-x`"),
        ("addons = ['a']\nimages = { A = 'b' }", "are of one `addon`"),
        ("addon = 'a'\nselector = 'x=y'", "`selector` needs the `namespace`"),
    ] {
        let error = check(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}
