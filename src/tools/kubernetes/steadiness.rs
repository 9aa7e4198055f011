//! Whether pods that are ready have been up long enough to believe that they stay up.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// Pods that have been up for less may not stay up: one that crashes at its start is ready for a moment where it has no
/// readiness probe.
const YOUNG: Duration = Duration::from_secs(10);

/// A container whose last run was shorter may be in a crash loop.
const SHORT_RUN: Duration = Duration::from_secs(60);

/// By how much a container has to outlive its last run, if that was short; and how long young ones have to stay up.
pub(super) const STEADY: Duration = Duration::from_secs(3);

/// How sure it is that pods stay up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Steadiness {
    /// They have been up for long.
    Steady,
    /// They have just come up.
    Young,
    /// One of them has ended after a short run, and its present run is not longer yet.
    Looping,
}

/// Returns how sure it is that `pods` stay up, and how often their containers were restarted. `now` is the time of the
/// cluster: this machine's clock may differ.
pub(super) fn steadiness(pods: &[Pod], now: Timestamp) -> (Steadiness, i32) {
    let containers = || pods.iter().filter_map(|pod| pod.status.as_ref()?.container_statuses.as_ref()).flatten();
    let worst = containers().map(|container| of_container(container, now)).max();
    (worst.unwrap_or(Steadiness::Steady), containers().map(|container| container.restart_count).sum())
}

fn of_container(container: &ContainerStatus, now: Timestamp) -> Steadiness {
    let state = container.state.as_ref();
    if state.and_then(|state| state.terminated.as_ref()).is_some_and(|end| end.exit_code == 0) {
        // The container of a pod that has succeeded.
        return Steadiness::Steady;
    }
    let started = state.and_then(|state| state.running.as_ref()?.started_at.as_ref());
    // One that does not run at this moment has just stopped.
    let Some(started) = started else { return Steadiness::Young };
    // The node's clock may be ahead.
    let up = Duration::try_from(now.duration_since(started.0)).unwrap_or_default();
    let last_run = container.last_state.as_ref().and_then(|state| {
        let end = state.terminated.as_ref()?;
        Duration::try_from(end.finished_at.as_ref()?.0.duration_since(end.started_at.as_ref()?.0)).ok()
    });
    match last_run {
        Some(last_run) if last_run < SHORT_RUN && up < last_run + STEADY => Steadiness::Looping,
        _ if up < YOUNG => Steadiness::Young,
        _ => Steadiness::Steady,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A pod that has been up for `up` seconds, after a run of `last` seconds.
    fn pod(up: Option<i64>, last: Option<i64>) -> Pod {
        let at = |seconds: i64| Timestamp::from_second(1_000_000 - seconds).unwrap().to_string();
        let state = up.map_or_else(|| json!({"waiting": {}}), |up| json!({"running": {"startedAt": at(up)}}));
        let last = last.map_or(
            Value::Null,
            |last| json!({"terminated": {"exitCode": 1, "startedAt": at(500 + last), "finishedAt": at(500)}}),
        );
        let container = json!({"name": "c", "image": "", "imageID": "", "ready": true, "state": state, "lastState": last,
            "restartCount": i32::from(!last.is_null())});
        serde_json::from_value(json!({"metadata": {}, "status": {"containerStatuses": [container]}})).unwrap()
    }

    #[test]
    fn a_container_that_ends_again_and_again_is_not_steady_however_long_its_runs_are() {
        use Steadiness::{Looping, Steady, Young};
        let cases = [
            (Some(100), None, Steady),
            (Some(4), None, Young),
            (None, None, Young),
            // By the node's clock, which is ahead of the API server's.
            (Some(-5), None, Young),
            // It ends 14 s after each start.
            (Some(4), Some(14), Looping),
            (Some(13), Some(14), Looping),
            (Some(18), Some(14), Steady),
            // It was restarted with its node.
            (Some(11), Some(9000), Steady),
            (Some(5), Some(1), Young),
            (Some(3), Some(1), Looping),
        ];
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (up, last, expected) in cases {
            let (found, restarts) = steadiness(&[pod(Some(1000), None), pod(up, last)], now);
            assert_eq!((found, restarts), (expected, i32::from(last.is_some())), "{up:?} {last:?}");
        }
        assert_eq!(steadiness(&[], now), (Steady, 0));
    }
}
