//! `helm-rollback`: a release is as an earlier revision of it was.

use std::fmt;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, ReleaseName, StepContext, defaults, ignored, names};
use crate::actions::helm_install::drift;
use crate::actions::helm_install::others::CommonRelease;
use crate::actions::helm_install::pending::free_pending;
use crate::actions::rollout_check::wait;
use crate::error::{Failure, ids};
use crate::model::{Output, Progress};
use crate::tools::helm::{self, Helm, Rollback};
use crate::tools::kubernetes::{Kube, Release, ReleaseStatus, Revision, RollbackNote};

/// The digest of what the revision installs: for the next probe alone.
const CONTENT: &str = ".content";

/// Settings of `helm-rollback`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HelmRollback {
    /// The release's name.
    release: String,
    /// Its namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// The revision whose state it gets: a number, such as `${{ steps.deploy.release.revision }}`, or `previous`, the
    /// newest one before the present one that was deployed.
    #[serde(default)]
    to: To,
    /// How many revisions helm keeps.
    #[serde(default = "default_history")]
    history_max: u32,
    /// How long helm waits for each hook of the chart; `"5m"` by default.
    hook_timeout: Option<Time>,
    /// Whether a workload may want no pods.
    #[serde(default)]
    allow_empty: bool,
    /// Fields that belong to somebody else although the chart sets them, as in `helm-install`.
    #[serde(default)]
    ignore_changes: Vec<String>,
    /// The helm program; the one in `PATH` by default.
    helm: Option<String>,
}

fn default_history() -> u32 {
    10
}

/// The revision that is rolled back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
enum To {
    /// The newest one before the present one that was deployed.
    #[default]
    Previous,
    /// This one.
    Revision(u32),
}

/// A revision as a pipeline writes it.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    Number(u32),
    Word(String),
}

impl TryFrom<Written> for To {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let number = match &written {
            Written::Word(word) if word == "previous" => return Ok(Self::Previous),
            Written::Word(word) => word.parse().ok(),
            Written::Number(number) => Some(*number),
        };
        let number = number.filter(|number| *number > 0);
        number.map(Self::Revision).ok_or_else(|| "a revision is a number from 1 on, or `previous`".to_owned())
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Previous => f.write_str("the previous revision"),
            Self::Revision(number) => write!(f, "revision {number}"),
        }
    }
}

impl ActionSettings for HelmRollback {
    const NAME: &'static str = "helm-rollback";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Rolls a Helm release back and waits for its workloads; done when the release is deployed with \
         the content of that revision, every object is in the cluster as that revision released it, and every workload is \
         rolled out. A step rolls back once: run again, also after a kill, it finishes its own rollback. Frees a release that \
         a killed rollback of ours has left pending";
    const EXAMPLE: &'static str = "release = \"todo\"\nnamespace = \"todo\"\nto = \"previous\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("release", "the release's name"),
        ("namespace", "its namespace"),
        ("from", "the revision before the rollback"),
        ("to", "the revision whose state it got"),
        ("revision", "the revision that the rollback has made"),
        ("chart", "the chart with its version: `todo-0.1.0`"),
        ("app-version", "the version of what the chart installs"),
        ("pods", "how many pods its workloads have, all of them ready"),
    ];
    const PROGRAMS: &'static [&'static str] = &["helm"];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::release("release", &self.release)?;
        names::label("namespace", &self.namespace)?;
        if self.history_max == 1 {
            return Err(
                "`history-max` of 1 leaves no revision to roll back to: it must be 0 (all) or at least 2".into()
            );
        }
        ignored::check(&self.ignore_changes)
    }
}

impl Action for HelmRollback {
    fn deploys(&self) -> Option<ReleaseName<'_>> {
        Some(ReleaseName { namespace: &self.namespace, name: &self.release })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            self.compare(cx, &kube, output).await
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let tools = cx.tools();
            let helm = cx.helm(self.helm.as_deref())?;
            let kube = cx.unless_cancelled("connecting to the cluster", tools.kube()).await?;
            let (plan, release) = self.roll_back(cx, &helm, &kube).await?;
            let is_ignored = |field: &str| self.ignores(field);
            let undo = Box::pin(drift::undo(cx, &kube, &release, &is_ignored));
            cx.unless_cancelled("comparing the release's objects", undo).await?;
            let (targets, gone) = cx.unless_cancelled("finding the workloads", kube.workloads_of(&release)).await?;
            for why in &gone {
                cx.line(why);
            }
            let pods = wait(cx, &kube, targets, self.allow_empty, None).await?;
            Ok(Output::new()
                .with("release", &self.release)
                .with("namespace", &self.namespace)
                .with("from", plan.from.to_string())
                .with("to", plan.to.to_string())
                .with("revision", release.revision.to_string())
                .with(CONTENT, release.content().to_string())
                .with("chart", release.chart)
                .with("app-version", release.app_version)
                .with("pods", pods.to_string()))
        })
    }
}

/// What is rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    from: u32,
    to: u32,
}

impl HelmRollback {
    /// Rolls back, unless this step has done so. Returns what was rolled back, and the newest revision.
    async fn roll_back(&self, cx: &StepContext, helm: &Helm, kube: &Kube) -> Result<(Plan, Release), Failure> {
        let release = ReleaseName { namespace: &self.namespace, name: &self.release };
        free_pending(cx, helm, kube, release).await?;
        let step = format!("{}/{}", cx.tools().pipeline(), cx.step());
        let prepare = Box::pin(self.prepare(kube, &step));
        let prepared = cx.unless_cancelled("reading the release's history", prepare).await?;
        let Prepared { plan, last, target, content } = prepared;
        if let Some(latest) = last.done {
            cx.line(&format!(
                "the release `{}` is as revision {} was: revision {}",
                self.release, plan.to, latest.revision
            ));
            return Ok((plan, latest));
        }
        let back_to = async {
            let target = kube.release(&self.namespace, &self.release, plan.to).await?;
            Ok::<_, Failure>(target.map(|target| target.manifest).unwrap_or_default())
        };
        let common = CommonRelease { cx, kube, namespace: &self.namespace, release: &self.release };
        let permit = Box::pin(common.permit_loss(&last.history, back_to, "the revision that it goes back to"));
        cx.unless_cancelled("comparing with the release of another checkout", permit).await?;
        let call = helm::call_id();
        let note = RollbackNote { step, call, from: last.number };
        let noting = kube.note_rollback(&self.namespace, &self.release, &target, &note);
        cx.unless_cancelled("noting the rollback", noting).await?;
        cx.progress(Progress::items(0, None, format!("helm rollback {} {}", self.release, plan.to)));
        let rollback = Rollback {
            release: &self.release,
            namespace: &self.namespace,
            revision: plan.to,
            history_max: self.history_max,
            hook_timeout: self.hook_timeout.map(|time| time.0),
        };
        let result = helm.rollback(&rollback, cx).await;
        cx.check_cancel()?;
        result?;
        let reading = kube.latest_release(&self.namespace, &self.release);
        let latest = cx.unless_cancelled("reading the release's record", reading).await?;
        match latest {
            Some(latest) if latest.status == ReleaseStatus::Deployed && latest.content().to_string() == content => {
                cx.line(&format!(
                    "rolled back from revision {} to {}: revision {}",
                    plan.from, plan.to, latest.revision
                ));
                Ok((plan, latest))
            }
            Some(latest) => Err(Failure::of(
                ids::NOT_CONFIRMED,
                format!(
                    "helm succeeded, but the release `{}` is {} at revision {}, which is not as revision {} was",
                    self.release,
                    latest.status.word(),
                    latest.revision,
                    plan.to
                ),
            )),
            None => Err(self.absent()),
        }
    }

    /// Decides what is to be done, by Helm's records alone.
    async fn prepare(&self, kube: &Kube, step: &str) -> Result<Prepared, Failure> {
        let history = kube.release_history(&self.namespace, &self.release).await?;
        let (Some(newest), Some(latest)) = (history.last(), kube.latest_release(&self.namespace, &self.release).await?)
        else {
            return Err(self.absent());
        };
        let begun = begun(&history, step);
        let mut plan = None;
        for candidate in [begun, fresh(&history, self.to)].into_iter().flatten() {
            if matches!(self.to, To::Revision(number) if number != candidate.to) {
                continue;
            }
            // What came after a rollback that was only noted is somebody else's.
            let is_own = candidate.from == newest.number
                || self.content(kube, candidate.to).await?.as_deref() == Some(&latest.content().to_string());
            if is_own {
                plan = Some(candidate);
                break;
            }
        }
        let Some(plan) = plan else {
            let known: Vec<String> =
                history.iter().map(|one| format!("{} {}", one.number, one.status.word())).collect();
            return Err(Failure::of(
                ids::ROLLBACK_IMPOSSIBLE,
                format!("the release `{}` can't be rolled back to {}", self.release, self.to),
            )
            .cause(format!("no earlier revision that was deployed has that number; it has {}", known.join(", "))));
        };
        if plan.to == newest.number {
            let revision = plan.to;
            return Err(Failure::of(
                ids::ROLLBACK_IMPOSSIBLE,
                format!("the release `{}` can't be rolled back to {}", self.release, self.to),
            )
            .cause(format!("it is at revision {revision}, and nothing was released since"))
            .hint("run the step again that upgrades it before: `provision up --force=STAGE.STEP`"));
        }
        let target = history.iter().find(|revision| revision.number == plan.to).cloned();
        let content = self.content(kube, plan.to).await?;
        let (Some(target), Some(content)) = (target, content) else {
            return Err(
                Failure::failed(format!("revision {} of the release `{}` is gone", plan.to, self.release)).transient()
            );
        };
        let is_done = latest.status == ReleaseStatus::Deployed
            && latest.content().to_string() == content
            && (begun == Some(plan) || matches!(self.to, To::Revision(_)));
        let last = Last { number: newest.number, done: is_done.then_some(latest), history };
        Ok(Prepared { plan, last, target, content })
    }

    /// What a revision installs, as a digest; `None` when it is not there.
    async fn content(&self, kube: &Kube, revision: u32) -> Result<Option<String>, Failure> {
        let release = kube.release(&self.namespace, &self.release, revision).await?;
        Ok(release.map(|release| release.content().to_string()))
    }

    /// Compares the release and its objects with what the rollback has left.
    async fn compare(&self, cx: &StepContext, kube: &Kube, output: &Output) -> Result<Presence, Failure> {
        let missing = |why: String| Ok(Presence::Missing(why));
        let (name, to) = (&self.release, output.get("to").unwrap_or_default());
        let Some(latest) = kube.latest_release(&self.namespace, name).await? else {
            return missing(format!("the release `{name}` is gone"));
        };
        if latest.status != ReleaseStatus::Deployed {
            return missing(format!("the release `{name}` is {}", latest.status.word()));
        }
        if output.get(CONTENT) != Some(&latest.content().to_string()) {
            let revision = latest.revision;
            return missing(format!(
                "the release `{name}` is at revision {revision}, which is not as revision {to} was"
            ));
        }
        let drift = kube.release_drift(&latest, &|field| self.ignores(field)).await?;
        drift.unknown.iter().for_each(|why| cx.line(why));
        if let Some(why) = drift.summary() {
            return missing(why);
        }
        let (targets, _) = kube.workloads_of(&latest).await?;
        let workloads = kube.targets(&targets, self.allow_empty).await?;
        let unfinished = workloads.iter().find(|workload| !workload.complete);
        Ok(unfinished.map_or(Presence::Present, |workload| Presence::Missing(workload.missing())))
    }

    fn ignores(&self, field: &str) -> bool {
        ignored::ignores(&self.ignore_changes, field)
    }

    fn absent(&self) -> Failure {
        Failure::of(
            ids::RELEASE_MISSING,
            format!("there is no release `{}` in the namespace `{}`", self.release, self.namespace),
        )
    }
}

/// What a rollback needs to know before it begins.
struct Prepared {
    plan: Plan,
    last: Last,
    /// The revision that is rolled back to.
    target: Revision,
    /// The digest of what it installs.
    content: String,
}

/// The newest revision.
struct Last {
    number: u32,
    /// All of it, if the step has nothing to do.
    done: Option<Release>,
    /// It and all before it.
    history: Vec<Revision>,
}

/// Returns the rollback that the step `step` has begun last, unless more than its own revision was made since.
fn begun(history: &[Revision], step: &str) -> Option<Plan> {
    let last = history.last()?.number;
    let noted = |revision: &Revision| {
        let note = revision.rollback.as_ref().filter(|note| note.step == step)?;
        Some(Plan { from: note.from, to: revision.number })
    };
    let newest = history.iter().filter_map(noted).max_by_key(|plan| plan.from)?;
    (newest.from == last || newest.from + 1 == last).then_some(newest)
}

/// Returns the rollback from the newest revision. `None` when there is no such revision, or it was never deployed.
fn fresh(history: &[Revision], to: To) -> Option<Plan> {
    let (last, earlier) = history.split_last()?;
    let was_deployed =
        |revision: &&Revision| matches!(revision.status, ReleaseStatus::Superseded | ReleaseStatus::Deployed);
    let target = match to {
        To::Previous => earlier.iter().rfind(was_deployed),
        To::Revision(number) => history.iter().filter(was_deployed).find(|revision| revision.number == number),
    };
    Some(Plan { from: last.number, to: target?.number })
}

#[cfg(test)]
mod tests;
