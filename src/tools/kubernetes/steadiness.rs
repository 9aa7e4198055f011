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
pub const STEADY: Duration = Duration::from_secs(3);

/// How sure it is that pods stay up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Steadiness {
    /// They have been up for long.
    Steady,
    /// They have just come up, and each that has pass its own readiness probe.
    Answering,
    /// They have just come up, and nothing but that says that they are ready.
    Young,
    /// One of them has ended after a short run, and its present run is not longer yet.
    Looping,
}

/// How long pods have been up, and what that says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uptime {
    /// How sure it is that they stay up.
    pub(super) steadiness: Steadiness,
    /// How often their containers were restarted.
    pub(super) restarts: i32,
    /// For how long each of their containers has run at least, up to [`YOUNG`]: that counts whole seconds, of which the
    /// cluster's times leave out the fractions.
    pub(super) at_least: Duration,
}

impl Uptime {
    /// That of no pods.
    pub(super) const NONE: Self = Self { steadiness: Steadiness::Steady, restarts: 0, at_least: YOUNG };

    /// Returns that of the pods of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            steadiness: self.steadiness.max(other.steadiness),
            restarts: self.restarts + other.restarts,
            at_least: self.at_least.min(other.at_least),
        }
    }
}

/// Returns how long `pods` have been up. `now` is the time of the cluster: this machine's clock may differ.
pub(super) fn uptime(pods: &[Pod], now: Timestamp) -> Uptime {
    let containers = {
        pods.iter().flat_map(|pod| {
            let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
            statuses.into_iter().flatten().map(move |container| (pod, container))
        })
    };
    let all = containers.map(|(pod, container)| {
        let (steadiness, up) = of_container(container, is_probed(pod, &container.name), now);
        let at_least = up.saturating_sub(Duration::from_secs(1)).min(YOUNG);
        Uptime { steadiness, restarts: container.restart_count, at_least }
    });
    all.fold(Uptime::NONE, Uptime::and)
}

/// Returns the container of `pods` that has ended last with an error: its pod, its name and its exit code.
pub(super) fn last_end(pods: &[Pod]) -> Option<(String, String, i32)> {
    let ends = pods.iter().flat_map(|pod| {
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        statuses.into_iter().flatten().flat_map(move |container| {
            let states = [container.state.as_ref(), container.last_state.as_ref()].into_iter().flatten();
            states.filter_map(|state| state.terminated.as_ref()).map(move |end| (pod, container, end))
        })
    });
    let failed = ends.filter(|(_, _, end)| end.exit_code != 0);
    let (pod, container, end) = failed.max_by_key(|(_, _, end)| end.finished_at.as_ref().map(|time| time.0))?;
    Some((pod.metadata.name.clone()?, container.name.clone(), end.exit_code))
}

/// Says how the container of `pod` that has ended last with an error did, after a comma; nothing if none has.
pub(super) fn had_ended(pod: &Pod) -> String {
    last_end(std::slice::from_ref(pod)).map_or_else(String::new, |(_, container, code)| {
        format!(", its container {container} has ended with exit code {code}")
    })
}

/// Whether a container is ready only when its own readiness probe passes.
fn is_probed(pod: &Pod, name: &str) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.filter(|container| container.name == name).any(|container| container.readiness_probe.is_some())
}

/// Returns how sure it is that a container stays up, and how long it has been up by the cluster's times.
fn of_container(container: &ContainerStatus, is_probed: bool, now: Timestamp) -> (Steadiness, Duration) {
    let state = container.state.as_ref();
    if state.and_then(|state| state.terminated.as_ref()).is_some_and(|end| end.exit_code == 0) {
        // The container of a pod that has succeeded.
        return (Steadiness::Steady, Duration::MAX);
    }
    let started = state.and_then(|state| state.running.as_ref()?.started_at.as_ref());
    // One that does not run at this moment has just stopped.
    let Some(started) = started else { return (Steadiness::Young, Duration::ZERO) };
    // The node's clock may be ahead.
    let up = Duration::try_from(now.duration_since(started.0)).unwrap_or_default();
    let last_run = container.last_state.as_ref().and_then(|state| {
        let end = state.terminated.as_ref()?;
        Duration::try_from(end.finished_at.as_ref()?.0.duration_since(end.started_at.as_ref()?.0)).ok()
    });
    let steadiness = match last_run {
        Some(last_run) if last_run < SHORT_RUN && up < last_run + STEADY => Steadiness::Looping,
        _ if up >= YOUNG => Steadiness::Steady,
        _ if is_probed => Steadiness::Answering,
        _ => Steadiness::Young,
    };
    (steadiness, up)
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
            let found = uptime(&[pod(Some(1000), None), pod(up, last)], now);
            assert_eq!((found.steadiness, found.restarts), (expected, i32::from(last.is_some())), "{up:?} {last:?}");
        }
        assert_eq!(uptime(&[], now), Uptime::NONE);
    }

    #[test]
    fn a_container_is_not_said_to_have_run_for_longer_than_it_has() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        // What the cluster calls four seconds may be little more than three.
        let cases = [(Some(4), 3), (Some(1), 0), (Some(0), 0), (Some(-5), 0), (None, 0), (Some(1000), 10)];
        for (up, at_least) in cases {
            let found = uptime(&[pod(Some(1000), None), pod(up, None)], now);
            assert_eq!(found.at_least, Duration::from_secs(at_least), "{up:?}");
        }
    }

    #[test]
    fn the_last_end_with_an_error_is_found() {
        let named = |name: &str, mut pod: Pod| {
            pod.metadata.name = Some(name.to_owned());
            pod
        };
        let pods = [named("a", pod(Some(100), None)), named("b", pod(Some(4), Some(14)))];
        assert_eq!(last_end(&pods), Some(("b".into(), "c".into(), 1)));
        assert_eq!(last_end(&pods[..1]), None);
        assert_eq!([had_ended(&pods[0]), had_ended(&pods[1])], ["", ", its container c has ended with exit code 1"]);
    }

    #[test]
    fn young_pods_answer_if_each_of_their_young_containers_has_a_readiness_probe() {
        use Steadiness::{Answering, Looping, Steady, Young};
        let probed = |mut pod: Pod| {
            let container = json!({"name": "c", "readinessProbe": {"tcpSocket": {"port": 80}}});
            pod.spec = Some(serde_json::from_value(json!({"containers": [container]})).unwrap());
            pod
        };
        let now = Timestamp::from_second(1_000_000).unwrap();
        let cases = [
            (vec![probed(pod(Some(1), None))], Answering),
            (vec![probed(pod(Some(1), None)), pod(Some(1000), None)], Answering),
            (vec![probed(pod(Some(1), None)), pod(Some(1), None)], Young),
            (vec![probed(pod(Some(4), Some(14)))], Looping),
            (vec![probed(pod(None, None))], Young),
            (vec![probed(pod(Some(11), None))], Steady),
        ];
        for (pods, expected) in cases {
            assert_eq!(uptime(&pods, now).steadiness, expected, "{pods:?}");
        }
    }
}
