//! Why a workload is not ready: its pods' problems, their last log lines and events, as a cause tree.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Pod};

use super::client::Kube;
use super::problems::{Outlook, PodProblem, missing_remedy, pod_problems, problem_of_pod};
use super::reported::reported;
use super::steadiness::{Uptime, uptime};
use super::workload::{Workload, WorkloadKind};
use crate::error::Failure;

/// How many of a container's last lines are shown.
const LOG_LINES: i64 = 10;

/// How many of a pod's last warning events are shown.
const EVENTS: usize = 5;

/// What is wrong with a workload's newest pods.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// All problems, the worst first.
    pub problems: Vec<PodProblem>,
    /// The cause tree in lines: workload, pod, container, its last log lines, its events.
    pub lines: Vec<String>,
}

impl Kube {
    /// Returns what is wrong with a workload's newest pods; without logs, so that it can be called every second.
    pub async fn problems_of(&self, workload: &Workload) -> Result<Vec<PodProblem>, Failure> {
        let mut all = complaints(workload);
        for pod in self.newest_pods(workload).await? {
            let events = self.events_if_stuck(&pod).await?;
            all.extend(pod_problems(&pod, &events));
        }
        all.sort_by_key(|problem| std::cmp::Reverse(problem.outlook));
        Ok(all)
    }

    /// Returns how long a workload's newest pods have been up at `now`, the time of the cluster.
    pub(super) async fn uptime(&self, workload: &Workload, now: Timestamp) -> Result<Uptime, Failure> {
        // What has run to its end stays as it is.
        if matches!(workload.kind, WorkloadKind::Job | WorkloadKind::CronJob) {
            return Ok(Uptime::NONE);
        }
        Ok(uptime(&self.newest_pods(workload).await?, now))
    }

    /// Returns what is wrong with a workload's newest pods, with logs and events.
    pub async fn diagnose(&self, workload: &Workload) -> Result<Diagnosis, Failure> {
        let mut diagnosis = Diagnosis::default();
        let lines = &mut diagnosis.lines;
        lines.push(format!("{workload}: {} of {} ready", workload.ready, workload.wanted));
        for mut problem in complaints(workload) {
            self.check_report(&mut problem).await;
            lines.push(format!("  {}", problem.line()));
            diagnosis.problems.push(problem);
        }
        for pod in self.newest_pods(workload).await? {
            let name = pod.metadata.name.clone().unwrap_or_default();
            let events = self.warnings(&workload.namespace, "Pod", &name).await?;
            let mut found = pod_problems(&pod, &events);
            if found.is_empty() {
                continue;
            }
            for problem in &mut found {
                self.check_report(problem).await;
            }
            lines.push(format!("  pod {name}"));
            for problem in &found {
                lines.push(format!("    {}", problem.line()));
                if let Some(container) = &problem.container {
                    self.add_logs(lines, (&workload.namespace, &name), container, problem).await;
                }
            }
            let from = events.len().saturating_sub(EVENTS);
            for event in &events[from..] {
                lines.push(format!("    event {}", event_line(event)));
            }
            diagnosis.problems.extend(found);
        }
        diagnosis.problems.sort_by_key(|problem| std::cmp::Reverse(problem.outlook));
        Ok(diagnosis)
    }

    async fn add_logs(&self, lines: &mut Vec<String>, pod: (&str, &str), container: &str, problem: &PodProblem) {
        let current = self.log_tail(pod, container, false, LOG_LINES).await;
        if !current.is_empty() {
            lines.push("      its last lines:".into());
            lines.extend(current.iter().map(|line| format!("      | {line}")));
        }
        // While it waits, the log above is that of the run that ended.
        if problem.restarts > 0 && problem.reason != "CrashLoopBackOff" {
            let previous = self.log_tail(pod, container, true, LOG_LINES).await;
            if !previous.is_empty() && previous != current {
                lines.push("      the last lines before its restart:".into());
                lines.extend(previous.iter().map(|line| format!("      | {line}")));
            }
        }
    }

    async fn events_if_stuck(&self, pod: &Pod) -> Result<Vec<Event>, Failure> {
        let status = pod.status.clone().unwrap_or_default();
        let pulls_with_secrets = pod.spec.as_ref().is_some_and(|spec| spec.image_pull_secrets.is_some());
        let stuck = status.container_statuses.iter().flatten().any(|container| {
            let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
            waiting.is_some_and(|waiting| match waiting.reason.as_deref() {
                Some("ContainerCreating" | "PodInitializing") => true,
                Some("ErrImagePull" | "ImagePullBackOff") => pulls_with_secrets,
                _ => false,
            })
        });
        if !stuck {
            return Ok(Vec::new());
        }
        let meta = &pod.metadata;
        self.warnings(meta.namespace.as_deref().unwrap_or_default(), "Pod", meta.name.as_deref().unwrap_or_default())
            .await
    }
}

/// What is said of the workload itself.
fn complaints(workload: &Workload) -> Vec<PodProblem> {
    let never = workload.never.iter().map(|(reason, message)| (reason, message, Outlook::Fatal));
    let complaint = workload.complaint.iter().map(|(reason, message)| {
        let is_over = reason == "ProgressDeadlineExceeded";
        (reason, message, if is_over { Outlook::Fatal } else { Outlook::Suspect })
    });
    never
        .chain(complaint)
        .map(|(reason, message, outlook)| {
            let reported = reported(message, &workload.namespace, &[]);
            let remedy = missing_remedy(&reported);
            PodProblem { remedy, reported, ..problem_of_pod("", reason, message.clone(), outlook) }
        })
        .collect()
}

fn event_line(event: &Event) -> String {
    let times = event.count.filter(|n| *n > 1).map_or_else(String::new, |n| format!(" (x{n})"));
    format!(
        "{}{times}: {}",
        event.reason.as_deref().unwrap_or_default(),
        event.message.as_deref().unwrap_or_default().trim()
    )
}
