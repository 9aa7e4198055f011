//! The table of workloads: for each kind, update strategy and state, whether it is as it is meant to be, will be, or
//! never will be, in words. It only judges what the API server says: no request is made here.
//!
//! | kind | as it is meant to be | never will be |
//! |---|---|---|
//! | Deployment | pods are of the newest revision and available, no older one left | paused; deadline exceeded |
//! | `StatefulSet`, `RollingUpdate` | the same; with a partition, from that ordinal on | |
//! | `StatefulSet`, `DaemonSet`, `OnDelete` | pods are of the newest revision and available | all there, some older |
//! | `DaemonSet`, `RollingUpdate` | every pod that a node takes is of the newest revision and available | |
//! | `ReplicaSet` | every pod is available | |
//! | Job | complete | failed, suspended, or without parallelism |
//! | Pod | ready, or has succeeded | failed |
//! | `CronJob` | always: it is only a schedule | |
//!
//! A workload that wants no pods is none of these: it proves nothing, unless one says that it may.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::workload::{Workload, WorkloadKind, selector_text};

/// The counts that decide whether a rollout is complete; each controller has the same ones under other names.
struct Counts {
    seen: bool,
    wanted: u64,
    /// How many of the newest revision there have to be: fewer than `wanted` with a partition.
    to_update: u64,
    /// Of the newest revision.
    updated: u64,
    /// Of any revision.
    current: u64,
    /// Available.
    available: u64,
}

impl Counts {
    fn waits_for(&self) -> String {
        let kept = self.wanted.saturating_sub(self.to_update);
        let old = self.current.saturating_sub(self.updated + kept);
        if !self.seen {
            "the controller to see the change".into()
        } else if self.updated < self.to_update {
            format!("{} of {} pods to be made", self.to_update - self.updated, self.wanted)
        } else if old > 0 && self.available < self.current {
            // The old ones go when the new ones are ready.
            format!("{} to be ready, then for {} to go", pods(self.current - self.available, "new"), pods(old, "old"))
        } else if old > 0 {
            format!("{} to go", pods(old, "old"))
        } else if self.available < self.wanted {
            format!("{} of {} pods to be ready", self.wanted - self.available, self.wanted)
        } else {
            String::new()
        }
    }

    /// Whether pods of an older revision are still there, or newer ones are still to be made.
    fn is_rolling(&self) -> bool {
        self.seen && (self.updated < self.to_update || self.current > self.updated)
    }

    /// Whether all pods are there, and some of them are of an older revision.
    fn keeps_old_pods(&self) -> bool {
        self.seen && self.updated < self.wanted && self.current >= self.wanted
    }
}

/// Returns a number of pods in words: `1 new pod`.
fn pods(n: u64, which: &str) -> String {
    format!("{n} {which} pod{}", if n == 1 { "" } else { "s" })
}

fn workload(kind: WorkloadKind, meta: &ObjectMeta, selector: Option<&LabelSelector>, counts: &Counts) -> Workload {
    let waits_for = counts.waits_for();
    Workload {
        kind,
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
        ready: counts.available.min(counts.wanted),
        wanted: counts.wanted,
        complete: waits_for.is_empty(),
        waits_for,
        complaint: None,
        never: None,
        remark: None,
        removed_when_done: false,
        selector: selector.map(selector_text).unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        newest: None,
    }
    .judge_empty()
}

impl Workload {
    fn judge_empty(mut self) -> Self {
        if self.wanted == 0 && self.kind != WorkloadKind::CronJob {
            self = self.never("NoPods", "it wants no pods, so nothing of it runs");
        }
        self
    }

    fn never(mut self, reason: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        self.complete = false;
        self.waits_for.clone_from(&message);
        self.never = Some((reason.to_owned(), message));
        self
    }

    /// The same with what it waits for as `typed` writes it.
    pub(super) fn typed(mut self, typed: impl Fn(&str) -> String) -> Self {
        self.waits_for = typed(&self.waits_for);
        self.never = self.never.map(|(reason, message)| (reason, typed(&message)));
        self
    }

    fn with_remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = Some(remark.into());
        self
    }

    /// The workload where no pods are as good as any number.
    pub fn allowing_empty(mut self) -> Self {
        let is_empty = self.never.as_ref().is_some_and(|(reason, _)| reason == "NoPods");
        if is_empty && self.wanted == 0 {
            self.never = None;
            self.complete = true;
            self.waits_for.clear();
        }
        self
    }
}

fn count(n: Option<i32>) -> u64 {
    u64::try_from(n.unwrap_or(0)).unwrap_or(0)
}

pub(super) fn of_deployment(deployment: &Deployment) -> Workload {
    let meta = &deployment.metadata;
    let spec = deployment.spec.clone().unwrap_or_default();
    let status = deployment.status.clone().unwrap_or_default();
    let wanted = count(spec.replicas.or(Some(1)));
    let counts = Counts {
        seen: status.observed_generation >= meta.generation,
        wanted,
        to_update: wanted,
        updated: count(status.updated_replicas),
        current: count(status.replicas),
        available: count(status.available_replicas),
    };
    let complaint = status.conditions.unwrap_or_default().into_iter().find_map(|condition| {
        let bad = match condition.type_.as_str() {
            "Progressing" => {
                condition.status == "False" && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
            }
            "ReplicaFailure" => condition.status == "True",
            _ => false,
        };
        bad.then(|| (condition.reason.unwrap_or(condition.type_), condition.message.unwrap_or_default()))
    });
    let found = workload(WorkloadKind::Deployment, meta, Some(&spec.selector), &counts);
    if spec.paused == Some(true) && counts.is_rolling() {
        let resume = format!("its rollout is paused: `kubectl -n {} rollout resume {found}`", found.namespace);
        return found.never("Paused", resume);
    }
    // A complaint of an older state says nothing about this one.
    Workload { complaint: complaint.filter(|_| counts.seen), ..found }
}

pub(super) fn of_stateful_set(set: &StatefulSet) -> Workload {
    let meta = &set.metadata;
    let spec = set.spec.clone().unwrap_or_default();
    let status = set.status.clone().unwrap_or_default();
    let strategy = spec.update_strategy.unwrap_or_default();
    let on_delete = strategy.type_.as_deref() == Some("OnDelete");
    let partition = count(strategy.rolling_update.and_then(|update| update.partition));
    let wanted = count(spec.replicas.or(Some(1)));
    let current = count(Some(status.replicas));
    // Once all pods are of one revision, the controller counts none of them as updated.
    let updated =
        if status.update_revision == status.current_revision { current } else { count(status.updated_replicas) };
    let counts = Counts {
        seen: status.observed_generation >= meta.generation,
        wanted,
        to_update: if on_delete { wanted } else { wanted.saturating_sub(partition) },
        updated,
        current,
        available: count(status.available_replicas.or(status.ready_replicas)),
    };
    let found = workload(WorkloadKind::StatefulSet, meta, Some(&spec.selector), &counts);
    if on_delete && counts.keeps_old_pods() {
        return found.never("OnDelete", old_pods(&counts));
    }
    match wanted.saturating_sub(updated) {
        kept if kept > 0 && partition > 0 && found.complete => found.with_remark(format!(
            "{kept} of {wanted} pods are meant to keep an older revision: its partition is {partition}"
        )),
        _ => found,
    }
}

pub(super) fn of_daemon_set(set: &DaemonSet) -> Workload {
    let meta = &set.metadata;
    let status = set.status.clone().unwrap_or_default();
    let wanted = count(Some(status.desired_number_scheduled));
    let updated = count(status.updated_number_scheduled);
    let counts = Counts {
        seen: status.observed_generation >= meta.generation,
        wanted,
        to_update: wanted,
        updated,
        current: count(Some(status.current_number_scheduled)),
        available: count(status.number_available),
    };
    let strategy = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref()?.type_.as_deref());
    let found = workload(WorkloadKind::DaemonSet, meta, set.spec.as_ref().map(|spec| &spec.selector), &counts);
    if !counts.seen {
        // Which nodes take its pods is not known before.
        return Workload { never: None, complete: false, waits_for: counts.waits_for(), ..found };
    }
    if strategy == Some("OnDelete") && counts.keeps_old_pods() {
        return found.never("OnDelete", old_pods(&counts));
    }
    found
}

fn old_pods(counts: &Counts) -> String {
    let n = counts.wanted - counts.updated;
    format!(
        "{n} of {} pods are of an older revision, and its update strategy replaces none: delete them",
        counts.wanted
    )
}

pub(super) fn of_replica_set(set: &ReplicaSet) -> Workload {
    let meta = &set.metadata;
    let spec = set.spec.clone().unwrap_or_default();
    let status = set.status.clone().unwrap_or_default();
    let wanted = count(spec.replicas.or(Some(1)));
    let counts = Counts {
        seen: status.observed_generation >= meta.generation,
        wanted,
        to_update: wanted,
        updated: count(Some(status.replicas)),
        current: count(Some(status.replicas)),
        available: count(status.available_replicas),
    };
    workload(WorkloadKind::ReplicaSet, meta, Some(&spec.selector), &counts)
}

pub(super) fn of_job(job: &Job) -> Workload {
    let spec = job.spec.clone().unwrap_or_default();
    let status = job.status.clone().unwrap_or_default();
    let wanted = count(spec.completions.or(Some(1)));
    let holds = |wanted: &str| {
        let conditions = status.conditions.iter().flatten();
        conditions.into_iter().find(|condition| condition.type_ == wanted && condition.status == "True")
    };
    let is_complete = holds("Complete").is_some() || holds("SuccessCriteriaMet").is_some();
    let done = if is_complete { wanted } else { count(status.succeeded).min(wanted) };
    let counts = Counts { seen: true, wanted, to_update: wanted, updated: wanted, current: wanted, available: done };
    let mut found = workload(WorkloadKind::Job, &job.metadata, spec.selector.as_ref(), &counts);
    found.removed_when_done = spec.ttl_seconds_after_finished.is_some();
    if let Some(failed) = holds("Failed") {
        let reason = failed.reason.clone().unwrap_or_else(|| "Failed".into());
        return found.never(&reason, failed.message.clone().unwrap_or_else(|| "the job has failed".into()));
    }
    if is_complete || found.never.is_some() {
        return found;
    }
    if spec.suspend == Some(true) {
        return found.never("Suspended", "the job is suspended, so it does not run");
    }
    if spec.parallelism == Some(0) {
        return found.never("NoParallelism", "the job's parallelism is 0, so it does not run");
    }
    found.complete = false;
    found.waits_for = format!("{} of {wanted} completions", wanted - done);
    found
}

pub(super) fn of_cron_job(job: &CronJob) -> Workload {
    let counts = Counts { seen: true, wanted: 0, to_update: 0, updated: 0, current: 0, available: 0 };
    let found = workload(WorkloadKind::CronJob, &job.metadata, None, &counts);
    let is_suspended = job.spec.as_ref().is_some_and(|spec| spec.suspend == Some(true));
    if is_suspended { found.with_remark("it is suspended: it starts no job") } else { found }
}

pub(super) fn of_pod(pod: &Pod) -> Workload {
    let status = pod.status.clone().unwrap_or_default();
    let phase = status.phase.as_deref().unwrap_or("Pending");
    let conditions = status.conditions.iter().flatten();
    let is_ready = conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let done = u64::from(is_ready || phase == "Succeeded");
    let counts = Counts { seen: true, wanted: 1, to_update: 1, updated: 1, current: 1, available: done };
    let mut found = workload(WorkloadKind::Pod, &pod.metadata, None, &counts);
    if phase == "Failed" {
        let ends = status.container_statuses.iter().flatten().filter_map(|container| {
            let end = container.state.as_ref()?.terminated.as_ref()?;
            (end.exit_code != 0).then(|| format!("container {}: exit code {}", container.name, end.exit_code))
        });
        let why = status.message.clone().into_iter().chain(ends).collect::<Vec<_>>().join("; ");
        let why = if why.is_empty() { "the pod has failed".to_owned() } else { why };
        return found.never(status.reason.as_deref().unwrap_or("Failed"), why);
    }
    if done == 0 {
        found.waits_for = format!("the pod, which is {}, to be ready", phase.to_lowercase());
    }
    found
}

#[cfg(test)]
mod tests;
