//! What is wrong with a pod: whether waiting can help, and what would.

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod, Volume};

use super::objects::ObjectRef;
use super::reported::{Reported, UNBOUND, pull_secrets, reported};
use crate::error::{ErrorId, ids};

/// How many restarts make a crash loop fatal.
const CRASHES: i32 = 3;

/// Whether waiting can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlook {
    /// It may well be resolved without anybody's help.
    Recoverable,
    /// It lasts until something is changed, which may be about to happen: worth some seconds.
    Suspect,
    /// Waiting does not help.
    Fatal,
}

/// Something wrong with a pod or one of its containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodProblem {
    /// The pod; empty for a complaint of the workload's controller.
    pub pod: String,
    /// The container, where it is about one.
    pub container: Option<String>,
    /// Kubernetes' own word: `ErrImageNeverPull`.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// Whether waiting can help.
    pub outlook: Outlook,
    /// The last exit code of the container and what was said of it.
    pub exit: Option<String>,
    /// How often it was restarted.
    pub restarts: i32,
    /// What would help.
    pub remedy: Option<Remedy>,
    /// What is said to be missing, as long as the API server has not been asked for it.
    pub(super) reported: Vec<Reported>,
    /// What the API server says of it.
    pub answer: Option<String>,
}

/// What would solve a problem. Which step can do it is for the action to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// This image must be in the node.
    LoadImage(String),
    /// An object that a pod uses must exist.
    Create {
        /// `secret`, `configmap`, `serviceaccount`, ….
        kind: String,
        /// Its namespace; empty for one that is in none.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// An object that a pod uses needs one more key.
    AddKey {
        /// `Secret` or `ConfigMap`.
        kind: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The key.
        key: String,
    },
    /// Something else, as a whole sentence.
    Other(String),
}

impl PodProblem {
    /// Returns it in one line, without the pod's name.
    pub fn line(&self) -> String {
        let place = self.container.iter().map(|container| format!("container {container}: "));
        let exit = self.exit.iter().map(|exit| format!(" ({exit}, {} restarts)", self.restarts));
        let message = Some(self.message.trim()).filter(|message| !message.is_empty());
        let message = message.map(|message| format!(": {message}"));
        let answer = self.answer.iter().map(|answer| format!(" ({answer})"));
        place.chain([self.reason.clone()]).chain(exit).chain(message).chain(answer).collect()
    }

    /// Returns the id of the error that it is.
    pub fn error_id(&self) -> ErrorId {
        if self.exit.as_ref().is_some_and(|exit| exit.starts_with("OOMKilled")) {
            return ids::OUT_OF_MEMORY;
        }
        match self.reason.as_str() {
            "ErrImageNeverPull" => ids::IMAGE_NOT_IN_NODE,
            "ErrImagePull" | "ImagePullBackOff" | "ImageInspectError" => ids::IMAGE_PULL_FAILED,
            "InvalidImageName" => ids::IMAGE_NAME_INVALID,
            "CreateContainerConfigError" if self.remedy.is_some() => ids::POD_CONFIG_MISSING,
            "CreateContainerConfigError" if self.outlook == Outlook::Recoverable => ids::ROLLOUT_STUCK,
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => ids::CONTAINER_NOT_STARTED,
            "CrashLoopBackOff" => ids::CRASH_LOOP,
            "NotStarted" | "NotReady" => ids::PROBE_FAILING,
            "Unschedulable" if self.waits_for_volume() => ids::VOLUME_UNBOUND,
            "Unschedulable" => ids::POD_UNSCHEDULABLE,
            "FailedMount" | "FailedAttachVolume" | "FailedCreatePodSandBox" => ids::VOLUME_NOT_MOUNTED,
            "FailedCreate" => ids::POD_REFUSED,
            "BackoffLimitExceeded" | "DeadlineExceeded" | "PodFailurePolicy" => ids::JOB_FAILED,
            _ => ids::ROLLOUT_STUCK,
        }
    }

    /// Whether the pod fits on no node only because its volume is not there yet.
    pub fn waits_for_volume(&self) -> bool {
        self.reason == "Unschedulable" && self.message.contains(UNBOUND)
    }

    /// Says who has noticed the problem, and not yet that it is solved. The scheduler may miss the event that says so,
    /// and then looks again at what it could not place after five minutes (`podMaxInUnschedulablePodsDuration`).
    pub(super) fn has_not_seen_it(&self) -> &'static str {
        match self.reason.as_str() {
            _ if self.pod.is_empty() => "its controller has not seen it yet",
            "Unschedulable" => "the scheduler has not seen it yet; it looks again after 5 minutes at the latest",
            _ => "the kubelet has not seen it yet",
        }
    }

    /// Stays the same as long as the same thing is wrong.
    pub fn key(&self) -> String {
        format!("{}/{:?}/{}/{:?}", self.pod, self.container, self.reason, self.reported)
    }
}

/// What is wrong with `pod`, the worst first. `events` are its warnings.
pub fn pod_problems(pod: &Pod, events: &[Event]) -> Vec<PodProblem> {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let mut found = Vec::new();
    for condition in status.conditions.iter().flatten() {
        if condition.type_ == "PodScheduled" && condition.status == "False" {
            let message = condition.message.clone().unwrap_or_default();
            let reported = reported_in(&message, pod);
            found.push(PodProblem {
                remedy: missing_remedy(&reported).or_else(|| Some(scheduling_remedy(&namespace, &message))),
                reported,
                ..problem_of_pod(
                    &name,
                    condition.reason.as_deref().unwrap_or("Unschedulable"),
                    message,
                    Outlook::Suspect,
                )
            });
        }
    }
    let containers = status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    for container in containers {
        found.extend(container_problem(pod, &name, container, events));
    }
    if found.iter().all(|problem| problem.outlook == Outlook::Recoverable)
        && let Some(problem) = mount_problem(pod, &name, events)
    {
        found.push(problem);
    }
    found.sort_by_key(|problem| std::cmp::Reverse(problem.outlook));
    found
}

pub(super) fn problem_of_pod(pod: &str, reason: &str, message: String, outlook: Outlook) -> PodProblem {
    PodProblem {
        pod: pod.to_owned(),
        container: None,
        reason: reason.to_owned(),
        message,
        outlook,
        exit: None,
        restarts: 0,
        remedy: None,
        reported: Vec::new(),
        answer: None,
    }
}

/// Returns what `message`, which is about `pod`, says is missing.
fn reported_in(message: &str, pod: &Pod) -> Vec<Reported> {
    let volumes: &[Volume] = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    reported(message, pod.metadata.namespace.as_deref().unwrap_or_default(), volumes)
}

fn container_problem(pod: &Pod, name: &str, container: &ContainerStatus, events: &[Event]) -> Option<PodProblem> {
    let state = container.state.clone().unwrap_or_default();
    let last = container.last_state.clone().unwrap_or_default().terminated;
    let ended = state.terminated.is_some();
    let terminated = state.terminated.or(last);
    let failed = terminated.as_ref().filter(|end| end.exit_code != 0 || end.reason.as_deref() == Some("OOMKilled"));
    let exit = failed.map(|end| match end.reason.as_deref() {
        None | Some("Error" | "") => format!("exit code {}", end.exit_code),
        Some(reason) => format!("{reason}, exit code {}", end.exit_code),
    });
    let mut problem = problem_of_pod(name, "", String::new(), Outlook::Recoverable);
    problem.container = Some(container.name.clone());
    problem.restarts = container.restart_count;
    problem.exit = exit;
    if let Some(waiting) = state.waiting {
        problem.reason = waiting.reason.unwrap_or_else(|| "Waiting".into());
        let message = waiting.message.unwrap_or_default();
        // `… failed container=c pod=c-5f_apps(uid)`: named already.
        problem.message = message.split(" container=").take(1).collect();
    } else if state.running.is_some() && !container.ready && container.started != Some(true) {
        problem.reason = "NotStarted".into();
        problem.message = "it runs, and has not passed its startup probe".into();
    } else if state.running.is_some() && !container.ready {
        problem.reason = "NotReady".into();
        problem.message = "it runs, and does not pass its readiness probe".into();
    } else if ended && failed.is_some() {
        problem.reason = "Terminated".into();
    } else {
        return None;
    }
    problem.outlook = outlook_of(&problem);
    problem.reported = match problem.reason.as_str() {
        "CreateContainerConfigError" => reported_in(&problem.message, pod),
        "ErrImagePull" | "ImagePullBackOff" => pull_secrets(pod, events),
        _ => Vec::new(),
    };
    problem.remedy = remedy(pod, &problem, failed.and_then(|end| end.reason.as_deref()), &container.image);
    Some(problem)
}

/// What a kubelet says while it, or the container runtime, is behind its work: it tries again.
const LATE: [&str; 5] =
    ["failed to sync", "not registered", "been read at least once", "context deadline exceeded", "is reserved for"];

fn outlook_of(problem: &PodProblem) -> Outlook {
    match problem.reason.as_str() {
        "ErrImageNeverPull" | "InvalidImageName" | "ImagePullBackOff" | "ImageInspectError" => Outlook::Fatal,
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError"
            if LATE.iter().any(|text| problem.message.contains(text)) =>
        {
            Outlook::Recoverable
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "ErrImagePull" => {
            Outlook::Suspect
        }
        // Restarts count over the pod's whole life; the back-off counts only those since the kubelet last started. A
        // pod that crashes once more after the node's restart, because its database is not up yet, is not lost.
        "CrashLoopBackOff" if problem.restarts >= CRASHES && back_off(&problem.message).is_none_or(|s| s >= 20) => {
            Outlook::Fatal
        }
        _ => Outlook::Recoverable,
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

fn mount_problem(pod: &Pod, name: &str, events: &[Event]) -> Option<PodProblem> {
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
    // The driver's own pods bring it up.
    let missing = missing && !message.contains("registered CSI drivers");
    let reported = reported_in(&message, pod);
    Some(PodProblem {
        remedy: missing_remedy(&reported),
        reported,
        ..problem_of_pod(
            name,
            event.reason.as_deref().unwrap_or_default(),
            message,
            if missing { Outlook::Suspect } else { Outlook::Recoverable },
        )
    })
}

fn remedy(pod: &Pod, problem: &PodProblem, end: Option<&str>, image: &str) -> Option<Remedy> {
    match problem.reason.as_str() {
        "ErrImageNeverPull" | "ErrImagePull" | "ImagePullBackOff" => Some(Remedy::LoadImage(image.to_owned())),
        "InvalidImageName" => Some(Remedy::Other(format!("correct the image name `{image}`"))),
        "CreateContainerConfigError" => missing_remedy(&problem.reported),
        _ if end == Some("OOMKilled") => {
            let container = problem.container.as_deref().unwrap_or_default();
            let limit = memory_limit(pod, container).map_or_else(String::new, |limit| format!(" (now {limit})"));
            let raise = format!("raise `resources.limits.memory` of the container `{container}`{limit}");
            Some(Remedy::Other(raise))
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

/// Returns what helps when what is reported is missing.
pub(super) fn missing_remedy(reported: &[Reported]) -> Option<Remedy> {
    match reported.first()? {
        Reported::Key(ObjectRef { kind, namespace, name, .. }, key) => Some(Remedy::AddKey {
            kind: kind.clone(),
            namespace: namespace.clone(),
            name: name.clone(),
            key: key.clone(),
        }),
        Reported::Object(ObjectRef { kind, namespace, name, .. }) => {
            Some(Remedy::Create { kind: kind.to_lowercase(), namespace: namespace.clone(), name: name.clone() })
        }
        Reported::Volume(_) => None,
    }
}

fn scheduling_remedy(namespace: &str, message: &str) -> Remedy {
    let what = [("Insufficient cpu", "cpu"), ("Insufficient memory", "memory")]
        .into_iter()
        .find(|(text, _)| message.contains(text));
    Remedy::Other(match what {
        Some((_, what)) => format!("lower the {what} requests of the chart, or make the cluster with more {what}"),
        None if message.contains(UNBOUND) => format!(
            "see why its volume is not made: `kubectl -n {namespace} get pvc,storageclass` and the pods of `kube-system`"
        ),
        None => "make the node fit the pod: taints, node selector, volumes".into(),
    })
}

#[cfg(test)]
mod tests;
