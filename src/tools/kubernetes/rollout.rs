//! Waits for a rollout: what has been seen so far, and when waiting can't help any more.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::client::Kube;
use super::problems::{Outlook, PodProblem, Remedy};
use super::steadiness::{STEADY, Steadiness, Uptime, last_end};
use super::workload::{Workload, WorkloadKind};
use crate::error::{Failure, ids};
use crate::model::Progress;
use crate::tools::pause::Stopwatch;

/// How long a problem may last that does not go away by itself; a Secret that is made a moment later solves it.
const SUSPECT: Duration = Duration::from_secs(6);

/// The same for a pod that fits on no node: an old pod may be about to leave.
const UNSCHEDULABLE: Duration = Duration::from_secs(15);

/// How long a pod may wait for its volume: in a young cluster the provisioner has to come up first.
const UNBOUND: Duration = Duration::from_secs(90);

/// How long the API server may be unreachable.
const UNREACHABLE: Duration = Duration::from_secs(20);

/// A workload: its kind, namespace and name.
pub type Target = (WorkloadKind, String, String);

/// A job that the cluster removes some time after its end.
#[derive(Debug)]
struct Passing {
    target: Target,
    uid: String,
    /// Whether it was seen to have succeeded.
    has_ended: bool,
}

impl Passing {
    fn among(workloads: &[Workload], targets: &[Target]) -> Vec<Self> {
        let passing = workloads.iter().zip(targets).filter(|(workload, _)| workload.removed_when_done);
        let of = |(workload, target): (&Workload, &Target)| Self {
            target: target.clone(),
            uid: workload.uid.clone(),
            has_ended: workload.complete,
        };
        passing.map(of).collect()
    }
}

/// How far a rollout is.
#[derive(Clone, Debug, PartialEq)]
pub enum RolloutState {
    /// Every pod is of the newest revision, ready, and stays up.
    Complete {
        /// How many pods there are.
        pods: u64,
    },
    /// Every pod is of the newest revision and ready, by its own readiness probe where it has just come up; whether it
    /// stays up is still to be seen.
    Ready {
        /// How many pods there are.
        pods: u64,
        /// How often their containers have been restarted.
        restarts: i32,
        /// For how long each of these has run at least.
        up: Duration,
    },
    /// It goes on.
    Waiting,
    /// This problem of this workload keeps it from ever being complete.
    Fatal(Box<(Workload, PodProblem)>),
}

/// A problem that was there at the last check.
#[derive(Debug)]
struct Lasting {
    /// Since when, or since the API server said that it is about to be over.
    since: Stopwatch,
    /// What the API server said then.
    answer: Option<String>,
}

/// A rollout that is waited for. Time in which the process was stopped does not count.
#[derive(Debug)]
pub struct Rollout {
    targets: Vec<Target>,
    /// Those seen at the last check that the cluster removes some time after their end.
    passing: Vec<Passing>,
    allow_empty: bool,
    /// The problems that last.
    lasting: BTreeMap<String, Lasting>,
    unreachable_since: Option<Stopwatch>,
    /// Since when everything has been complete, and with how many restarts.
    steady_since: Option<(Stopwatch, i32)>,
    unfinished: Vec<Workload>,
    lines: Vec<String>,
    progress: Option<Progress>,
}

impl Rollout {
    /// Nothing is checked yet. `allow_empty` is whether a workload may want no pods.
    pub fn new(targets: Vec<Target>, allow_empty: bool) -> Self {
        Self {
            targets,
            passing: Vec::new(),
            allow_empty,
            lasting: BTreeMap::new(),
            unreachable_since: None,
            steady_since: None,
            unfinished: Vec::new(),
            lines: Vec::new(),
            progress: None,
        }
    }

    /// The workloads that were not complete at the last check.
    pub fn unfinished(&self) -> &[Workload] {
        &self.unfinished
    }

    /// Returns what is new since the last call: problems in lines, and the progress.
    pub fn take_news(&mut self) -> (Vec<String>, Option<Progress>) {
        (std::mem::take(&mut self.lines), self.progress.take())
    }

    /// Checks once. An API server that is unreachable for some seconds is waited for too.
    pub async fn check(&mut self, kube: &Kube) -> Result<RolloutState, Failure> {
        match self.check_once(kube).await {
            Err(failure) if failure.transient => {
                let since = *self.unreachable_since.get_or_insert_with(Stopwatch::start);
                if since.elapsed() > UNREACHABLE {
                    return Err(failure);
                }
                self.progress = Some(Progress::items(0, None, failure.to_string()));
                Ok(RolloutState::Waiting)
            }
            result => {
                self.unreachable_since = None;
                result
            }
        }
    }

    async fn check_once(&mut self, kube: &Kube) -> Result<RolloutState, Failure> {
        let workloads = match kube.targets(&self.targets, self.allow_empty).await {
            Err(_) if Box::pin(self.let_go(kube)).await? => kube.targets(&self.targets, self.allow_empty).await?,
            result => result?,
        };
        self.passing = Passing::among(&workloads, &self.targets);
        let ready = workloads.iter().map(|workload| workload.ready).sum();
        let wanted = workloads.iter().map(|workload| workload.wanted).sum();
        let complete;
        (complete, self.unfinished) = workloads.into_iter().partition::<Vec<_>, _>(|workload| workload.complete);
        let missing = self.unfinished.first().map_or_else(String::new, Workload::missing);
        self.progress = Some(Progress::items(ready, Some(wanted), missing.clone()));
        if self.unfinished.is_empty() {
            let Uptime { steadiness, restarts, at_least } = kube.uptime_of_all(&complete).await?;
            if self.is_steady(steadiness, restarts) {
                let remarks = complete.iter().filter_map(|one| Some(format!("{one}: {}", one.remark.as_ref()?)));
                self.lines.extend(remarks);
                return Ok(RolloutState::Complete { pods: wanted });
            }
            self.progress = Some(Progress::items(ready, Some(wanted), "checking that the pods stay up"));
            let is_ready = steadiness == Steadiness::Answering;
            return Ok(if is_ready {
                RolloutState::Ready { pods: wanted, restarts, up: at_least }
            } else {
                RolloutState::Waiting
            });
        }
        self.steady_since = None;
        let found = try_join_all(self.unfinished.iter().map(|workload| kube.problems_of(workload))).await?;
        let fatal = self.judge(kube, &found).await;
        if let Some(answer) = self.lasting.values().find_map(|lasting| lasting.answer.as_ref()) {
            self.progress = Some(Progress::items(ready, Some(wanted), format!("{missing}: {answer}")));
        }
        Ok(fatal.map_or(RolloutState::Waiting, |fatal| RolloutState::Fatal(Box::new(fatal))))
    }

    /// Waits no longer for jobs that have succeeded and that the cluster has removed since, as they ask for. Returns
    /// whether there are any; fails where nothing shows how one ended.
    async fn let_go(&mut self, kube: &Kube) -> Result<bool, Failure> {
        let mut gone = Vec::new();
        for Passing { target, uid, has_ended } in &self.passing {
            let (kind, namespace, name) = target;
            if kube.workload(*kind, namespace, name).await?.is_some() {
                continue;
            }
            let what = format!("{}/{name} in {namespace} is gone", kind.word());
            if !has_ended && !kube.has_completed(namespace, uid).await? {
                let failure = Failure::failed(format!("{what}, and nothing shows how it ended"));
                let hint = "a longer `ttlSecondsAfterFinished` keeps it until its end was seen";
                // Its event may come after its end.
                return Err(failure.hint(hint).transient());
            }
            self.lines.push(format!("{what}: it was removed some time after its end"));
            gone.push(target.clone());
        }
        self.targets.retain(|target| !gone.contains(target));
        Ok(!gone.is_empty())
    }

    /// Returns the first problem among those `found` of each unfinished workload that waiting can't help against any
    /// more. What the API server refutes is waited for again.
    async fn judge(&mut self, kube: &Kube, found: &[Vec<PodProblem>]) -> Option<(Workload, PodProblem)> {
        let current: Vec<String> = found.iter().flatten().map(PodProblem::key).collect();
        self.lasting.retain(|key, _| current.contains(key));
        let pairs = self.unfinished.iter().zip(found);
        let all: Vec<_> = pairs.flat_map(|(workload, all)| all.iter().map(move |one| (workload, one))).collect();
        for (workload, problem) in all {
            let pod = if problem.pod.is_empty() { String::new() } else { format!("pod {}: ", problem.pod) };
            let lasting = self.lasting.entry(problem.key()).or_insert_with(|| {
                self.lines.push(format!("{workload}: {pod}{}", problem.line()));
                Lasting { since: Stopwatch::start(), answer: None }
            });
            if !is_fatal(problem, lasting.since.elapsed(), lasting.answer.is_some()) {
                continue;
            }
            let mut problem = problem.clone();
            kube.check_report(&mut problem).await;
            if problem.outlook != Outlook::Recoverable {
                return Some((workload.clone(), problem));
            }
            let answer = problem.answer.map(|answer| format!("{pod}{answer}"));
            if answer != lasting.answer {
                self.lines.extend(answer.iter().map(|answer| format!("{workload}: {answer}")));
            }
            *lasting = Lasting { since: Stopwatch::start(), answer };
        }
        None
    }

    /// Whether the pods of complete workloads have been up long enough to believe that they stay up.
    fn is_steady(&mut self, steadiness: Steadiness, restarts: i32) -> bool {
        match (steadiness, self.steady_since) {
            (Steadiness::Steady, _) => true,
            (Steadiness::Looping, _) => {
                self.steady_since = None;
                false
            }
            (_, Some((since, before))) if before == restarts => since.elapsed() >= STEADY,
            _ => {
                self.steady_since = Some((Stopwatch::start(), restarts));
                false
            }
        }
    }
}

/// Whether a problem that lasts for so long keeps its workload from ever being complete. One that the API server has
/// refuted gets the time of a suspicion at least before it is asked again.
fn is_fatal(problem: &PodProblem, lasts: Duration, was_refuted: bool) -> bool {
    match problem.outlook {
        Outlook::Fatal => !was_refuted || lasts >= SUSPECT,
        Outlook::Suspect if problem.waits_for_volume() => lasts >= UNBOUND,
        Outlook::Suspect if problem.reason == "Unschedulable" => lasts >= UNSCHEDULABLE,
        Outlook::Suspect => lasts >= SUSPECT,
        Outlook::Recoverable => false,
    }
}

impl Kube {
    /// The workloads of `targets`, in their order; a failure when one is not there. `allow_empty` is whether one that
    /// wants no pods is complete.
    pub async fn targets(&self, targets: &[Target], allow_empty: bool) -> Result<Vec<Workload>, Failure> {
        try_join_all(targets.iter().map(|(kind, namespace, name)| async move {
            let found = self.workload(*kind, namespace, name).await?;
            let found = found.map(|found| if allow_empty { found.allowing_empty() } else { found });
            found.ok_or_else(|| {
                Failure::of(
                    ids::WORKLOAD_MISSING,
                    format!("there is no {}/{name} in the namespace `{namespace}`", kind.word()),
                )
                .hint(format!(
                    "see what is there: `{} -n {namespace} get {}s`",
                    self.kubectl(),
                    kind.word()
                ))
            })
        }))
        .await
    }

    /// Returns how long the newest pods of all workloads have been up.
    async fn uptime_of_all(&self, workloads: &[Workload]) -> Result<Uptime, Failure> {
        let now = self.time().await?;
        let all = try_join_all(workloads.iter().map(|workload| self.uptime(workload, now))).await?;
        Ok(all.into_iter().fold(Uptime::NONE, Uptime::and))
    }

    /// Says what has happened to workloads since they were complete with so many `restarts`, if they have not stayed
    /// up.
    pub async fn has_not_lasted(&self, workloads: &[Workload], restarts: i32) -> Result<Option<String>, Failure> {
        let incomplete = workloads.iter().find(|workload| !workload.complete);
        if incomplete.is_none() && self.uptime_of_all(workloads).await?.restarts <= restarts {
            return Ok(None);
        }
        let what = incomplete.map_or_else(|| "a container was restarted".to_owned(), Workload::missing);
        for workload in workloads {
            if let Some((pod, container, code)) = last_end(&self.newest_pods(workload).await?) {
                let kubectl = format!("{} -n {}", self.kubectl(), workload.namespace);
                return Ok(Some(format!(
                    "just after the pods were ready, {what}: the container {container} of the pod {pod} ended with \
                     exit code {code}; see why: `{kubectl} logs {pod} -c {container} --previous`"
                )));
            }
        }
        Ok(Some(format!("just after the pods were ready, {what}")))
    }

    /// Returns `failure` with what is wrong with `workloads`: their problems with logs and events, the remedies as
    /// `hint` words them, and the command that shows the worst one.
    pub async fn explain(&self, failure: Failure, workloads: &[Workload], hint: fn(&Remedy) -> String) -> Failure {
        let (mut lines, mut problems) = (Vec::new(), Vec::new());
        for workload in workloads {
            match self.diagnose(workload).await {
                Ok(diagnosis) => {
                    lines.extend(diagnosis.lines);
                    problems.extend(diagnosis.problems.into_iter().map(|problem| (&workload.namespace, problem)));
                }
                Err(failure) => lines.push(format!("{workload}: {failure}")),
            }
        }
        problems.sort_by_key(|(_, problem)| std::cmp::Reverse(problem.outlook));
        let mut failure = failure.details(lines);
        if let Some((_, worst)) = problems.first() {
            failure.id = Some(worst.error_id());
        }
        for remedy in problems.iter().filter_map(|(_, problem)| problem.remedy.as_ref()) {
            let hint = self.typed(&hint(remedy));
            if !failure.hints.contains(&hint) {
                failure.hints.push(hint);
            }
        }
        match problems.first().filter(|(_, worst)| !worst.pod.is_empty()) {
            Some((namespace, PodProblem { pod, container: Some(container), exit: Some(_), .. })) => failure
                .hint(format!("see its whole log: `{} -n {namespace} logs {pod} -c {container}`", self.kubectl())),
            Some((namespace, PodProblem { pod, .. })) => {
                failure.hint(format!("see all of it: `{} -n {namespace} describe pod {pod}`", self.kubectl()))
            }
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests;
