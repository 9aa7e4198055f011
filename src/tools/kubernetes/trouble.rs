//! What is wrong with a pod: whether waiting can help, and what to do about it.

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};

/// How many restarts make a crash loop hopeless.
const CRASHES: i32 = 3;

/// How sure it is that waiting does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hope {
    /// It may well come right by itself.
    Waiting,
    /// It is wrong, and stays so unless somebody changes something; but give it some seconds.
    Doubtful,
    /// Waiting does not help.
    None,
}

/// Something wrong with a pod or one of its containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The pod; empty for a complaint of the workload's controller.
    pub pod: String,
    /// The container, where it is about one.
    pub container: Option<String>,
    /// Kubernetes' own word: `ErrImageNeverPull`.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// Whether waiting can help.
    pub hope: Hope,
    /// The last exit code of the container and what was said of it.
    pub exit: Option<String>,
    /// How often it was restarted.
    pub restarts: i32,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Trouble {
    /// The trouble in a line, without the pod's name.
    pub fn line(&self) -> String {
        let place = self.container.iter().map(|container| format!("container {container}: "));
        let exit = self.exit.iter().map(|exit| format!(" ({exit}, {} restarts)", self.restarts));
        let message = Some(self.message.trim()).filter(|message| !message.is_empty());
        place.chain([self.reason.clone()]).chain(exit).chain(message.map(|message| format!(": {message}"))).collect()
    }

    /// Whether it fits nowhere only because its volume is not there yet.
    pub fn waits_for_volume(&self) -> bool {
        self.reason == "Unschedulable" && self.message.contains(UNBOUND)
    }

    /// Stays the same while the same thing is wrong.
    pub fn key(&self) -> String {
        format!("{}/{:?}/{}", self.pod, self.container, self.reason)
    }
}

/// What the scheduler says of a pod whose claim has no volume.
const UNBOUND: &str = "unbound immediate PersistentVolumeClaims";

/// What is wrong with `pod`, the worst first. `events` are its warnings.
pub fn troubles(pod: &Pod, events: &[Event]) -> Vec<Trouble> {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let mut found = Vec::new();
    for condition in status.conditions.iter().flatten() {
        if condition.type_ == "PodScheduled" && condition.status == "False" {
            let message = condition.message.clone().unwrap_or_default();
            found.push(Trouble {
                hint: Some(scheduling_hint(&message)),
                ..pod_trouble(&name, condition.reason.as_deref().unwrap_or("Unschedulable"), message, Hope::Doubtful)
            });
        }
    }
    let containers = status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    for container in containers {
        found.extend(container_trouble(pod, &name, container));
    }
    if found.iter().all(|trouble| trouble.hope == Hope::Waiting)
        && let Some(trouble) = mount_trouble(pod, &name, events)
    {
        found.push(trouble);
    }
    found.sort_by_key(|trouble| std::cmp::Reverse(trouble.hope));
    found
}

pub(super) fn pod_trouble(pod: &str, reason: &str, message: String, hope: Hope) -> Trouble {
    Trouble {
        pod: pod.to_owned(),
        container: None,
        reason: reason.to_owned(),
        message,
        hope,
        exit: None,
        restarts: 0,
        hint: None,
    }
}

fn container_trouble(pod: &Pod, name: &str, container: &ContainerStatus) -> Option<Trouble> {
    let state = container.state.clone().unwrap_or_default();
    let last = container.last_state.clone().unwrap_or_default().terminated;
    let ended = state.terminated.is_some();
    let terminated = state.terminated.or(last);
    let failed = terminated.as_ref().filter(|end| end.exit_code != 0 || end.reason.as_deref() == Some("OOMKilled"));
    let exit = failed.map(|end| match end.reason.as_deref() {
        None | Some("Error" | "") => format!("exit code {}", end.exit_code),
        Some(reason) => format!("{reason}, exit code {}", end.exit_code),
    });
    let mut trouble = pod_trouble(name, "", String::new(), Hope::Waiting);
    trouble.container = Some(container.name.clone());
    trouble.restarts = container.restart_count;
    trouble.exit = exit;
    if let Some(waiting) = state.waiting {
        trouble.reason = waiting.reason.unwrap_or_else(|| "Waiting".into());
        let message = waiting.message.unwrap_or_default();
        // `… failed container=c pod=c-5f_apps(uid)`: said already.
        trouble.message = message.split(" container=").take(1).collect();
    } else if state.running.is_some() && !container.ready && container.started != Some(true) {
        trouble.reason = "NotStarted".into();
        trouble.message = "it runs, and has not passed its startup probe or begun to answer".into();
    } else if state.running.is_some() && !container.ready {
        trouble.reason = "NotReady".into();
        trouble.message = "it runs, and does not pass its readiness probe".into();
    } else if ended && failed.is_some() {
        trouble.reason = "Terminated".into();
    } else {
        return None;
    }
    trouble.hope = hope(&trouble);
    trouble.hint = hint(pod, &trouble, failed.and_then(|end| end.reason.as_deref()), &container.image);
    Some(trouble)
}

fn hope(trouble: &Trouble) -> Hope {
    match trouble.reason.as_str() {
        "ErrImageNeverPull" | "InvalidImageName" | "ImagePullBackOff" | "ImageInspectError" => Hope::None,
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "ErrImagePull" => Hope::Doubtful,
        // Restarts count over the pod's whole life; the back-off tells of those since the kubelet last started. A pod
        // that crashes once more after the node's restart, because its database is not up yet, is not hopeless.
        "CrashLoopBackOff" if trouble.restarts >= CRASHES && back_off(&trouble.message).is_none_or(|s| s >= 20) => {
            Hope::None
        }
        _ => Hope::Waiting,
    }
}

/// The seconds in `back-off 40s restarting failed container…`, `back-off 2m40s …`.
fn back_off(message: &str) -> Option<u64> {
    let text = message.split("back-off ").nth(1)?.split_whitespace().next()?;
    let (mut seconds, mut digits) = (0, String::new());
    for c in text.chars() {
        match c {
            '0'..='9' => digits.push(c),
            'm' | 's' => {
                let n: u64 = digits.parse().ok()?;
                seconds += if c == 'm' { n * 60 } else { n };
                digits.clear();
            }
            _ => return None,
        }
    }
    Some(seconds)
}

fn mount_trouble(pod: &Pod, name: &str, events: &[Event]) -> Option<Trouble> {
    let event = events.iter().rev().find(|event| {
        matches!(event.reason.as_deref(), Some("FailedMount" | "FailedAttachVolume" | "FailedCreatePodSandBox"))
    })?;
    // Only while no container has come up: a mount that failed once is history then.
    let statuses = pod.status.as_ref()?.container_statuses.iter().flatten();
    if statuses.into_iter().any(|container| container.state.as_ref().is_some_and(|state| state.waiting.is_none())) {
        return None;
    }
    let message = event.message.clone().unwrap_or_default();
    let missing = message.contains("not found") || message.contains("references non-existent");
    Some(Trouble {
        hint: missing_hint(&message, pod),
        ..pod_trouble(
            name,
            event.reason.as_deref().unwrap_or_default(),
            message,
            if missing { Hope::Doubtful } else { Hope::Waiting },
        )
    })
}

fn hint(pod: &Pod, trouble: &Trouble, end: Option<&str>, image: &str) -> Option<String> {
    match trouble.reason.as_str() {
        "ErrImageNeverPull" | "ErrImagePull" | "ImagePullBackOff" => Some(format!(
            "the image `{image}` is not in the node: bring it there with the pipeline's `image-load` step, or correct the image that the \
             chart names"
        )),
        "InvalidImageName" => Some(format!("correct the image name `{image}`")),
        "CreateContainerConfigError" => missing_hint(&trouble.message, pod),
        _ if end == Some("OOMKilled") => {
            let container = trouble.container.as_deref().unwrap_or_default();
            let limit = memory_limit(pod, container).map_or_else(String::new, |limit| format!(" (now {limit})"));
            Some(format!("raise `resources.limits.memory` of the container `{container}`{limit}"))
        }
        _ => None,
    }
}

fn memory_limit(pod: &Pod, container: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let container = spec.containers.iter().find(|one| one.name == container)?;
    let limit = container.resources.as_ref()?.limits.as_ref()?.get("memory")?;
    Some(limit.0.clone())
}

/// What to do when a pod names a Secret or config map that is not there: `secret "x" not found`,
/// `couldn't find key K in Secret ns/x`.
fn missing_hint(message: &str, pod: &Pod) -> Option<String> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    if let Some((_, rest)) = message.split_once("couldn't find key ") {
        let mut words = rest.split_whitespace();
        let (key, kind, name) = (words.next()?, words.nth(1)?, words.next()?);
        let name = name.rsplit('/').next().unwrap_or(name);
        return Some(format!(
            "the {kind} `{name}` in `{namespace}` has no key `{key}`: add it to the step that makes it"
        ));
    }
    let lower = message.to_lowercase();
    for (kind, action) in [("secret", "a `secret-apply` step"), ("configmap", "the chart")] {
        let Some(at) = lower.find(&format!("{kind} \"")) else {
            continue;
        };
        let name = message[at..].split('"').nth(1)?;
        if lower.contains("not found") {
            return Some(format!(
                "the {kind} `{name}` is missing in `{namespace}`: make it with {action} that runs before"
            ));
        }
    }
    None
}

fn scheduling_hint(message: &str) -> String {
    let what = [("Insufficient cpu", "cpu"), ("Insufficient memory", "memory")]
        .into_iter()
        .find(|(text, _)| message.contains(text));
    match what {
        Some((_, what)) => format!("lower the {what} requests of the chart, or make the cluster with more {what}"),
        None if message.contains(UNBOUND) => {
            "see why its volume is not made: `kubectl get pvc,storageclass` and the pods of `kube-system`".into()
        }
        None => "make the node fit the pod: taints, node selector, volumes".into(),
    }
}

/// The hints of `troubles`, each once, the worst trouble's first.
pub fn hints<'a>(troubles: impl Iterator<Item = &'a Trouble>) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for hint in troubles.filter_map(|trouble| trouble.hint.as_ref()) {
        if !hints.contains(hint) {
            hints.push(hint.clone());
        }
    }
    hints
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "api-1", "namespace": "apps"},
            "spec": {"containers": [{"name": "c", "resources": {"limits": {"memory": "64Mi"}}}]},
            "status": status,
        }))
        .unwrap()
    }

    fn container(state: &Value, last: &Value, restarts: i32) -> Pod {
        pod(&json!({"containerStatuses": [{"name": "c", "image": "todo:1", "imageID": "", "ready": false,
            "restartCount": restarts, "state": state, "lastState": last}]}))
    }

    fn waiting(reason: &str, message: &str, restarts: i32) -> Pod {
        let ended = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
        let last = if restarts > 0 { ended } else { json!({}) };
        container(&json!({"waiting": {"reason": reason, "message": message}}), &last, restarts)
    }

    fn event(reason: &str, message: &str) -> Event {
        serde_json::from_value(json!({"metadata": {}, "involvedObject": {}, "reason": reason, "message": message}))
            .unwrap()
    }

    #[test]
    fn reasons_say_whether_waiting_helps() {
        let back_off = |seconds: &str| format!("back-off {seconds} restarting failed container=c pod=x_y(z)");
        let cases = [
            ("ErrImageNeverPull", String::new(), 0, Hope::None),
            ("InvalidImageName", String::new(), 0, Hope::None),
            ("ImagePullBackOff", String::new(), 0, Hope::None),
            ("ErrImagePull", String::new(), 0, Hope::Doubtful),
            ("CreateContainerConfigError", String::new(), 0, Hope::Doubtful),
            ("ContainerCreating", String::new(), 0, Hope::Waiting),
            ("CrashLoopBackOff", back_off("10s"), 1, Hope::Waiting),
            ("CrashLoopBackOff", back_off("40s"), 3, Hope::None),
            ("CrashLoopBackOff", back_off("5m0s"), 9, Hope::None),
            ("CrashLoopBackOff", "said otherwise".into(), 3, Hope::None),
            // Restarts of an earlier life of the node, and one crash since.
            ("CrashLoopBackOff", back_off("10s"), 9, Hope::Waiting),
        ];
        for (reason, message, restarts, hope) in cases {
            let found = troubles(&waiting(reason, &message, restarts), &[]);
            assert_eq!((found.len(), found[0].hope), (1, hope), "{reason} {message}");
        }
    }

    #[test]
    fn a_trouble_reads_with_exit_code_and_restarts() {
        let found = troubles(&waiting("CrashLoopBackOff", "back-off 40s restarting failed container=c pod=x", 3), &[]);
        assert_eq!(
            found[0].line(),
            "container c: CrashLoopBackOff (exit code 3, 3 restarts): back-off 40s restarting failed"
        );
    }

    #[test]
    fn a_container_that_ran_out_of_memory_gets_its_limit_named() {
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        for (state, last) in [(&killed, &json!({})), (&json!({"running": {}}), &killed)] {
            let found = troubles(&container(state, last, 1), &[]);
            assert_eq!(
                found[0].hint.as_deref(),
                Some("raise `resources.limits.memory` of the container `c` (now 64Mi)")
            );
            assert_eq!(found[0].exit.as_deref(), Some("OOMKilled, exit code 137"));
        }
    }

    #[test]
    fn what_is_missing_is_named_from_kubernetes_own_words() {
        let cases = [
            ("secret \"s\" not found", "the secret `s` is missing in `apps`: make it with a `secret-apply` step that"),
            ("configmap \"m\" not found", "the configmap `m` is missing in `apps`"),
            ("couldn't find key K in Secret apps/s", "the Secret `s` in `apps` has no key `K`"),
            ("couldn't find key K in ConfigMap apps/m", "the ConfigMap `m` in `apps` has no key `K`"),
        ];
        for (message, hint) in cases {
            let found = troubles(&waiting("CreateContainerConfigError", message, 0), &[]);
            let said = found[0].hint.clone().unwrap_or_default();
            assert!(said.starts_with(hint), "{said}");
        }
    }

    #[test]
    fn a_mount_that_fails_counts_only_until_the_container_is_there() {
        let events = [event("FailedMount", "MountVolume.SetUp failed for volume \"v\" : secret \"s\" not found")];
        let found = troubles(&waiting("ContainerCreating", "", 0), &events);
        assert_eq!((found[0].reason.as_str(), found[0].hope), ("FailedMount", Hope::Doubtful));
        assert!(found[0].hint.as_deref().unwrap_or_default().contains("the secret `s` is missing"));
        let running = container(&json!({"running": {}}), &json!({}), 0);
        assert!(troubles(&running, &events).iter().all(|trouble| trouble.reason != "FailedMount"));
    }

    fn unschedulable(message: &str) -> Vec<Trouble> {
        let conditions =
            json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]);
        troubles(&pod(&json!({"conditions": conditions})), &[])
    }

    #[test]
    fn a_pod_that_fits_nowhere_says_what_is_short() {
        let message = "0/1 nodes are available: 1 Insufficient memory.";
        let found = unschedulable(message);
        assert_eq!((found[0].reason.as_str(), found[0].hope), ("Unschedulable", Hope::Doubtful));
        assert!(found[0].hint.as_deref().unwrap_or_default().contains("memory requests"));
        assert!(!found[0].waits_for_volume());
    }

    #[test]
    fn a_pod_that_waits_for_its_volume_is_told_apart() {
        let message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
        let found = unschedulable(message);
        assert!(found[0].waits_for_volume());
        assert!(found[0].hint.as_deref().unwrap_or_default().contains("kubectl get pvc"));
    }

    #[test]
    fn a_pod_that_is_well_has_no_troubles() {
        let ready = pod(&json!({"containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": true,
            "restartCount": 2, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}]}));
        assert!(troubles(&ready, &[]).is_empty());
    }
}
