//! `provision down`: removes what provision made, and only that: shows it first, asks, removes it in reverse order, and
//! then sees for itself that it is gone.

mod found;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;

use super::args::{Cli, DownArgs, ReadFormat};
use super::environments::Listing;
use super::given;
use super::output::Terminal;
use super::project::Project;
use super::runtime::runtime;
use super::signals::stop_signals;
use super::trust;
use crate::action::{Action, StepContext, StepScope};
use crate::error::{Failure, ids};
use crate::event::StepLog;
use crate::journal::{DOWN, Entry, History, Journal, Opened};
use crate::plan::{Candidate, Selection, candidates, select};
use crate::report::{Takedown, TakedownKept, TakedownRemoval, write_takedown_json};
use crate::tools::deletion::Consent;
use crate::tools::kubernetes::KubeSource;
use crate::tools::process::ChildRegistry;
use crate::tools::{Cancel, pause};
use found::{Found, Kept, Removal, detail, lost, show};

/// How long it may take to see what a step has made.
const LOOK: Duration = Duration::from_secs(30);

/// Finds and removes what the steps have made.
struct Down<'a> {
    project: &'a Project,
    candidates: Vec<Candidate>,
    history: &'a History,
    scope: Arc<StepScope>,
    with_cluster: bool,
    /// The command to go on with.
    again: String,
}

pub(super) fn down(cli: &Cli, terminal: &Terminal, args: &DownArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let can_ask = terminal.can_ask();
    if !args.dry_run {
        trust::require(terminal, &project, trust::Ways { flag: args.trust, can_ask })?;
        project.tools.check_access()?;
    }
    trust::require_for_probes(&project)?;
    let Records { history, mut journal } = Records::of(&project, terminal, args)?;
    let listing = Listing::of(&project, terminal);
    let children = Arc::new(ChildRegistry::default().withholding(project.tools.secrets().variables()));
    let plan = select(&project.graph, &Selection::default())?;
    let down = Down {
        candidates: candidates(&project.graph, &plan, &history),
        history: &history,
        scope: Arc::new(StepScope::looking(Arc::clone(&project.tools), Arc::clone(&children))),
        with_cluster: args.cluster,
        // What a trial shows is to be done without its options.
        again: given::again_in_earnest(project.tools.redactor()),
        project: &project,
    };
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut signals = stop_signals(Arc::clone(&children))?;
        tokio::select! {
            ended = down.go(terminal, args, can_ask, &mut journal) => ended,
            Some(signal) = signals.recv() => Err(Failure::new(signal.kind(), "taking the pipeline down was interrupted")
                .hint(format!("{}   # shows what is left, and goes on", down.again))),
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

/// What is on record, and where more is recorded.
struct Records {
    history: History,
    /// Open until the end, with its lock: nothing is removed beside a run. Else why it is not open.
    journal: Result<Journal, Option<Failure>>,
}

impl Records {
    fn of(project: &Project, terminal: &Terminal, args: &DownArgs) -> Result<Self, Failure> {
        if args.dry_run {
            return Ok(Self { history: project.history()?, journal: Err(None) });
        }
        match project.open_journal(DOWN, false) {
            Ok(Opened { journal, history, warnings }) => {
                terminal.warn(warnings);
                Ok(Self { history, journal: Ok(journal) })
            }
            // Nothing has run in a folder that can't be written. It fails all the same once there is something to
            // remove.
            Err(failure) if fs::symlink_metadata(project.tools.state_dir()).is_err() => {
                Ok(Self { history: History::default(), journal: Err(Some(failure)) })
            }
            Err(failure) => Err(failure),
        }
    }
}

/// How the command ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    code: u8,
    /// Whether nothing is left of what was to be removed.
    is_down: bool,
}

impl Down<'_> {
    async fn go(
        &self,
        terminal: &Terminal,
        args: &DownArgs,
        can_ask: bool,
        journal: &mut Result<Journal, Option<Failure>>,
    ) -> Result<Ended, Failure> {
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
        if let Ok(journal) = journal {
            self.settle(terminal, journal, &found)?;
        }
        if found.removals.is_empty() || args.dry_run {
            return Ok(Ended { code, is_down: code == 0 && !args.dry_run });
        }
        let journal = match journal {
            Ok(journal) => journal,
            Err(why) => return Err(why.take().unwrap_or_else(|| Failure::bug("the journal was not opened"))),
        };
        if !args.yes {
            if !can_ask {
                return Err(Failure::of(ids::CONSENT_NEEDED, "nobody can be asked, and nothing was removed")
                    .hint(format!("to remove what is shown: `{} --yes`", self.again)));
            }
            if !terminal.agrees("remove it?")? {
                terminal.note(["nothing was removed".to_owned()]);
                return Ok(Ended { code, is_down: false });
            }
        }
        let code = code.max(self.remove_all(terminal, journal, found).await?);
        Ok(Ended { code, is_down: code == 0 })
    }

    /// What was found, for programs.
    fn document<'a>(&'a self, found: &'a Found) -> Takedown<'a> {
        let removal = |removal: &'a Removal| TakedownRemoval {
            step: self.candidates[removal.candidates[0]].step.id.as_str(),
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
        let goes = !found.removals.is_empty();
        let is_gone = self.is_without_cluster(&found);
        if is_gone {
            found.seen.extend(self.numbers().filter(|number| self.candidates[*number].step.action_type.in_cluster));
        }
        let cluster = std::mem::take(&mut found.removals);
        let can_reach = !goes && !is_gone && self.reach_cluster(&mut found).await;
        let others = self.numbers().filter(|number| {
            let of = self.candidates[*number].step.action_type;
            !of.makes_cluster && (!of.in_cluster || can_reach)
        });
        self.find_of(others, &mut found).await;
        found.removals.extend(cluster);
        found
    }

    /// Whether there is no cluster: what makes it was asked, and nothing of it is there.
    fn is_without_cluster(&self, found: &Found) -> bool {
        let is_managed = self.project.tools.cluster().is_some_and(|spec| spec.managed);
        let mut makers =
            self.numbers().filter(|number| self.candidates[*number].step.action_type.makes_cluster).peekable();
        is_managed && self.with_cluster && makers.peek().is_some() && makers.all(|maker| found.is_without(maker))
    }

    fn numbers(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.candidates.len()).rev()
    }

    async fn find_of(&self, numbers: impl Iterator<Item = usize>, found: &mut Found) {
        for number in numbers {
            let candidate = &self.candidates[number];
            let Some((action, cx)) = self.of(candidate) else {
                found.seen.insert(number);
                continue;
            };
            let output = self.history.output(&candidate.step.id).cloned().unwrap_or_default();
            let what = format!("seeing what the step {} has made", candidate.step.id);
            match pause::timeout(LOOK, action.removals(&cx, &output)).await {
                Some(Ok(removals)) => {
                    found.seen.insert(number);
                    for removal in removals {
                        found.add(number, removal);
                    }
                }
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
            failure.hint(format!("to remove the cluster with all that is in it: `{} --cluster`", self.again))
        } else {
            failure
        });
        false
    }

    /// Removes what was found, and sees whether it is gone; both are recorded. Returns the exit code.
    async fn remove_all(&self, terminal: &Terminal, journal: &mut Journal, found: Found) -> Result<u8, Failure> {
        let mut undone: BTreeSet<usize> = found.removals.iter().flat_map(|removal| self.makers(removal)).collect();
        self.record(terminal, journal, &undone, false)?;
        let (mut gone, mut stays) = (Vec::new(), BTreeSet::new());
        let known: BTreeSet<String> = found.failures.iter().map(ToString::to_string).collect();
        let mut code = 0;
        for removal in found.removals {
            let Some((action, cx)) = self.of(&self.candidates[removal.candidates[0]]) else { continue };
            let deletion = &removal.deletion;
            // The user has seen it, and has agreed.
            let done = match deletion.permit(Consent::Given) {
                Ok(()) => action.remove(&cx, deletion).await,
                refused => refused,
            };
            match done {
                Ok(()) => {
                    terminal.note([format!("removed {}", deletion.subject)]);
                    gone.push(removal);
                }
                Err(failure) => {
                    code = 1;
                    terminal.show_failure(&failure.while_doing(format!("{} stays", deletion.subject)));
                    stays.extend(self.makers(&removal));
                }
            }
        }
        let left = self.find().await;
        let is_left =
            |removal: &&Removal| left.removals.iter().any(|left| left.deletion.subject == removal.deletion.subject);
        for removal in gone.iter().filter(is_left) {
            code = 1;
            let failure = Failure::failed(format!("{} was removed, and is there", removal.deletion.subject));
            terminal.show_failure(&failure.hint(format!("{}   # once more", self.again)));
            stays.extend(self.makers(removal));
        }
        // What can't be seen is not said to be gone.
        for failure in left.failures.iter().filter(|failure| !known.contains(&failure.to_string())) {
            code = 1;
            terminal.show_failure(failure);
        }
        undone.retain(|number| left.is_without(*number) && !stays.contains(number));
        self.record(terminal, journal, &undone, true)?;
        Ok(code)
    }

    /// Records that the work of steps is gone whose removal was cut off, and of which nothing is there.
    fn settle(&self, terminal: &Terminal, journal: &mut Journal, found: &Found) -> Result<(), Failure> {
        let is_open = |number: &usize| {
            let known = self.history.step(&self.candidates[*number].step.id);
            known.and_then(|known| known.down).is_some_and(|down| !down.is_done)
        };
        let gone = self.numbers().filter(|number| is_open(number) && found.is_without(*number)).collect();
        self.record(terminal, journal, &gone, true)
    }

    /// Returns the steps that have to run again once this is removed: with a cluster goes what is in it.
    fn makers(&self, removal: &Removal) -> Vec<usize> {
        let of = |number: usize| self.candidates[number].step.action_type;
        let is_cluster = removal.candidates.iter().any(|number| of(*number).makes_cluster);
        let within = (0..self.candidates.len()).filter(|number| is_cluster && of(*number).in_cluster);
        removal.candidates.iter().copied().chain(within).collect()
    }

    /// Records that what these steps have made is about to be removed, or is gone. A full disk keeps nothing from being
    /// removed.
    fn record(
        &self,
        terminal: &Terminal,
        journal: &mut Journal,
        numbers: &BTreeSet<usize>,
        is_done: bool,
    ) -> Result<(), Failure> {
        let entry = |number: &usize| {
            let step = self.candidates[*number].step.id.clone();
            let run = self.history.step(&step)?.started_in.clone()?;
            Some(Entry::StepDown { run, step, is_done })
        };
        let entries: Vec<Entry> = numbers.iter().filter_map(entry).collect();
        if entries.is_empty() {
            return Ok(());
        }
        match journal.append(&entries) {
            Err(failure) if failure.error_id() == ids::STATE_LOST => Err(failure),
            Err(failure) => {
                terminal.warn([format!("`provision status` does not know what is taken down: {failure}")]);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
