//! `provision down`: removes what provision made, and only that: shows it first, asks, removes it in reverse order, and
//! then sees for itself that it is gone.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::args::{Cli, DownArgs, ReadFormat};
use super::environments::Listing;
use super::output::Terminal;
use super::project::Project;
use super::runtime::runtime;
use super::signals::stop_signals;
use super::trust;
use crate::action::{Action, StepContext, StepScope};
use crate::error::{Failure, ids};
use crate::event::StepLog;
use crate::journal::History;
use crate::plan::{Candidate, Selection, candidates, select};
use crate::report::{Takedown, TakedownKept, TakedownRemoval, write_takedown_json};
use crate::tools::deletion::{Consent, Deletion, Proof, TAKEN_DOWN};
use crate::tools::kubernetes::KubeSource;
use crate::tools::process::{ChildRegistry, shell_quoted};
use crate::tools::{Cancel, pause};

/// How long it may take to see what a step has made.
const LOOK: Duration = Duration::from_secs(30);

/// What was found.
#[derive(Default)]
struct Found {
    /// What is to be removed, in this order.
    removals: Vec<Removal>,
    /// What stays.
    kept: Vec<Kept>,
    /// What could not be seen.
    failures: Vec<Failure>,
}

/// Something that a step has made.
struct Removal {
    candidate: usize,
    deletion: Deletion,
}

/// Something that stays.
struct Kept {
    deletion: Deletion,
    why: String,
}

/// Finds and removes what the steps have made.
struct Down<'a> {
    project: &'a Project,
    candidates: Vec<Candidate>,
    history: &'a History,
    scope: Arc<StepScope>,
    with_cluster: bool,
}

pub(super) fn down(cli: &Cli, terminal: &Terminal, args: &DownArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let can_ask = terminal.can_ask();
    if !args.dry_run {
        trust::require(terminal, &project, trust::Ways { flag: args.trust, can_ask })?;
        let context = project.pipeline.cluster.as_ref().map(|cluster| shell_quoted(&cluster.context).into_owned());
        project.tools.check_access().map_err(|failure| {
            let context = context.unwrap_or_default();
            failure.hint(format!("to allow it once: `provision down --allow-context {context}`"))
        })?;
    }
    trust::require_for_probes(&project)?;
    // The lock is held until the end: nothing is removed beside a run.
    let opened = if args.dry_run { None } else { Some(project.open_journal("provision down", false)?) };
    let read = if opened.is_none() { Some(project.history()?) } else { None };
    let history = opened.as_ref().map(|opened| &opened.history).or(read.as_ref());
    let Some(history) = history else { return Err(Failure::bug("the history was not read")) };
    terminal.warn(opened.iter().flat_map(|opened| opened.warnings.clone()));
    let listing = Listing::of(&project, terminal);
    let children = Arc::new(ChildRegistry::default().withholding(project.tools.secrets().variables()));
    let plan = select(&project.graph, &Selection::default())?;
    let down = Down {
        candidates: candidates(&project.graph, &plan, history),
        history,
        scope: Arc::new(StepScope::looking(Arc::clone(&project.tools), Arc::clone(&children))),
        with_cluster: args.cluster,
        project: &project,
    };
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut signals = stop_signals(Arc::clone(&children))?;
        tokio::select! {
            ended = down.go(terminal, args, can_ask) => ended,
            Some(signal) = signals.recv() => Err(Failure::new(signal.kind(), "taking the pipeline down was interrupted")
                .hint("provision down   # shows what is left, and goes on")),
        }
    });
    runtime.shutdown_background();
    let Ended { code, is_down } = ended?;
    if is_down {
        let makes_cluster = down.candidates.iter().any(|candidate| candidate.step.action_type.makes_cluster);
        let is_managed = project.pipeline.cluster.as_ref().is_some_and(|cluster| cluster.managed);
        listing.taken_down(makes_cluster && is_managed && !args.cluster);
    }
    Ok(code)
}

/// How the command ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    code: u8,
    /// Whether nothing is left of what was to be removed.
    is_down: bool,
}

impl Down<'_> {
    async fn go(&self, terminal: &Terminal, args: &DownArgs, can_ask: bool) -> Result<Ended, Failure> {
        let found = self.find().await;
        match args.format {
            ReadFormat::Json => terminal.print(|out| write_takedown_json(out, &self.document(&found)))?,
            // What a question is about is no data.
            ReadFormat::Text if args.dry_run => terminal.print(|out| show(out, &found))?,
            ReadFormat::Text => terminal.tell(|err| show(err, &found)),
        }
        for failure in &found.failures {
            terminal.show_failure(failure);
        }
        if found.removals.is_empty() {
            let all_seen = found.failures.is_empty();
            let nothing =
                if all_seen { "there is nothing to remove" } else { "nothing that can be seen is to be removed" };
            terminal.note([nothing.to_owned()]);
        }
        let code = u8::from(!found.failures.is_empty());
        if found.removals.is_empty() || args.dry_run {
            return Ok(Ended { code, is_down: code == 0 && !args.dry_run });
        }
        if !args.yes {
            if !can_ask {
                return Err(Failure::of(ids::CONSENT_NEEDED, "nobody can be asked, and nothing was removed")
                    .hint("to remove what is shown: `provision down --yes`"));
            }
            if !terminal.agrees("remove it?")? {
                terminal.note(["nothing was removed".to_owned()]);
                return Ok(Ended { code, is_down: false });
            }
        }
        let code = code.max(self.remove_all(terminal, found).await);
        Ok(Ended { code, is_down: code == 0 })
    }

    /// What was found, for programs.
    fn document<'a>(&'a self, found: &'a Found) -> Takedown<'a> {
        let removal = |removal: &'a Removal| TakedownRemoval {
            step: self.candidates[removal.candidate].step.id.as_str(),
            subject: &removal.deletion.subject,
            detail: detail(&removal.deletion),
            may_be_lost: lost(&removal.deletion),
            by_hand: &removal.deletion.by_hand,
        };
        let kept = |kept: &'a Kept| TakedownKept {
            subject: &kept.deletion.subject,
            reason: &kept.why,
            by_hand: &kept.deletion.by_hand,
        };
        Takedown {
            pipeline: self.project.pipeline.name.as_str(),
            removals: found.removals.iter().map(removal).collect(),
            kept: found.kept.iter().map(kept).collect(),
            failures: &found.failures,
        }
    }

    /// Returns what the steps have made and is still there, that of later steps first.
    async fn find(&self) -> Found {
        let mut found = Found::default();
        if self.with_cluster {
            let makers = self.numbers().filter(|number| self.candidates[*number].step.action_type.makes_cluster);
            self.find_of(makers, &mut found).await;
        }
        // All that is in it goes with it.
        let is_cluster_gone = !found.removals.is_empty();
        let cluster = std::mem::take(&mut found.removals);
        let can_reach = !is_cluster_gone && self.reach_cluster(&mut found).await;
        let others = self.numbers().filter(|number| {
            let of = self.candidates[*number].step.action_type;
            !of.makes_cluster && (!of.in_cluster || can_reach)
        });
        self.find_of(others, &mut found).await;
        found.removals.extend(cluster);
        found
    }

    fn numbers(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.candidates.len()).rev()
    }

    async fn find_of(&self, numbers: impl Iterator<Item = usize>, found: &mut Found) {
        for number in numbers {
            let candidate = &self.candidates[number];
            let Some((action, cx)) = self.of(candidate) else { continue };
            let output = self.history.output(&candidate.step.id).cloned().unwrap_or_default();
            let what = format!("seeing what the step {} has made", candidate.step.id);
            match pause::timeout(LOOK, action.removals(&cx, &output)).await {
                Some(Ok(removals)) => removals.into_iter().for_each(|removal| found.add(number, removal)),
                Some(Err(failure)) => found.failures.push(failure.while_doing(format!("{what} failed"))),
                None => found.failures.push(Failure::failed(format!("{what} took too long"))),
            }
        }
    }

    /// The action of a step with what it works with; `None` if its settings use what there has never been: it has made
    /// nothing.
    fn of(&self, candidate: &Candidate) -> Option<(Arc<dyn Action>, StepContext)> {
        let step = candidate.step.id.clone();
        let last = self.history.output(&step).cloned();
        let cx = self.scope.of(step.clone(), StepLog::discard(step), Cancel::new(), last);
        Some((Arc::clone(candidate.action.as_ref()?), cx))
    }

    /// Whether what is in the cluster can be seen; nothing is in one that was never started from here.
    async fn reach_cluster(&self, found: &mut Found) -> bool {
        let tools = &self.project.tools;
        let uses_it = self.candidates.iter().any(|candidate| candidate.step.action_type.in_cluster);
        let Some(spec) = tools.cluster().filter(|_| uses_it) else { return false };
        if spec.managed && KubeSource::of(spec, tools.state_dir()).stamp().is_none() {
            return false;
        }
        let failure = match pause::timeout(LOOK, tools.cluster_uid()).await {
            Some(Ok(_)) => return true,
            Some(Err(failure)) => failure,
            None => Failure::failed("it does not respond"),
        };
        let failure = failure.while_doing(format!("what is in the cluster `{}` can't be seen, and stays", spec.name));
        found.failures.push(if spec.managed {
            failure.hint("to remove the cluster with all that is in it: `provision down --cluster`")
        } else {
            failure
        });
        false
    }

    /// Removes what was found, and sees whether it is gone. Returns the exit code.
    async fn remove_all(&self, terminal: &Terminal, found: Found) -> u8 {
        let mut code = 0;
        let mut removed = Vec::new();
        for Removal { candidate, deletion } in found.removals {
            let Some((action, cx)) = self.of(&self.candidates[candidate]) else { continue };
            // The user has seen it, and has agreed.
            let done = match deletion.permit(Consent::Given) {
                Ok(()) => action.remove(&cx, &deletion).await,
                refused => refused,
            };
            match done {
                Ok(()) => {
                    terminal.note([format!("removed {}", deletion.subject)]);
                    removed.push(deletion.subject);
                }
                Err(failure) => {
                    code = 1;
                    terminal.show_failure(&failure.while_doing(format!("{} stays", deletion.subject)));
                }
            }
        }
        let left = self.find().await;
        for still in left.removals.iter().filter(|left| removed.contains(&left.deletion.subject)) {
            code = 1;
            let failure = Failure::failed(format!("{} was removed, and is there", still.deletion.subject));
            terminal.show_failure(&failure.hint("provision down   # once more"));
        }
        code
    }
}

impl Found {
    /// Adds something that a step has made, unless another step has it too. What is not shown to be ours stays.
    fn add(&mut self, candidate: usize, deletion: Deletion) {
        let is_known = |known: &Removal| known.deletion.subject == deletion.subject;
        if self.removals.iter().any(is_known) {
            return;
        }
        let obstacle = match (&deletion.ours, &deletion.in_use) {
            (Proof::Lacking(why), _) => Some(format!("it is not proven to be ours: {why}")),
            (_, Some(how)) => Some(format!("it is in use: {how}")),
            _ => None,
        };
        match obstacle {
            Some(why) => self.kept.push(Kept { deletion, why }),
            None => self.removals.push(Removal { candidate, deletion }),
        }
    }
}

fn show(out: &mut dyn Write, found: &Found) -> io::Result<()> {
    if !found.removals.is_empty() {
        writeln!(out, "to be removed, in this order:")?;
    }
    for Removal { deletion, .. } in &found.removals {
        let detail = detail(deletion).map(|detail| format!(" ({detail})")).unwrap_or_default();
        writeln!(out, "  {}{detail}", deletion.subject)?;
        if let Some(what) = lost(deletion) {
            writeln!(out, "      may be lost: {what}")?;
        }
    }
    if !found.kept.is_empty() {
        writeln!(out, "stays:")?;
    }
    for Kept { deletion, why } in &found.kept {
        writeln!(out, "  {}: {why}; by hand: `{}`", deletion.subject, deletion.by_hand)?;
    }
    Ok(())
}

/// What it consists of, where that is known.
fn detail(deletion: &Deletion) -> Option<&str> {
    (deletion.reason != TAKEN_DOWN).then_some(deletion.reason.as_str())
}

/// The data in it that may be lost.
fn lost(deletion: &Deletion) -> Option<&str> {
    match &deletion.empty {
        Proof::Lacking(what) => Some(what),
        Proof::Shown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deletion(subject: &str, ours: Proof, in_use: Option<&str>) -> Deletion {
        Deletion {
            subject: subject.into(),
            reason: "2 parts".into(),
            ours,
            empty: Proof::Lacking("its data".into()),
            in_use: in_use.map(str::to_owned),
            consent_covers_ownership: true,
            by_hand: format!("rm {subject}"),
        }
    }

    #[test]
    fn what_is_not_shown_to_be_ours_or_is_in_use_is_listed_as_what_stays() {
        let mut found = Found::default();
        found.add(2, deletion("a", Proof::Shown, None));
        found.add(1, deletion("a", Proof::Shown, None));
        found.add(1, deletion("b", Proof::Lacking("no label".into()), None));
        found.add(0, deletion("c", Proof::Shown, Some("it runs")));
        let mut out = Vec::new();
        show(&mut out, &found).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        to be removed, in this order:
          a (2 parts)
              may be lost: its data
        stays:
          b: it is not proven to be ours: no label; by hand: `rm b`
          c: it is in use: it runs; by hand: `rm c`
        ");
    }
}
