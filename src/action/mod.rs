//! The framework of actions: what an action is, what it may reach, and how its settings are read. Knows no action.

mod chart_proof;
mod charts;
mod context;
mod daemon_images;
pub mod defaults;
mod entry;
mod exercise;
#[cfg(test)]
pub(crate) mod fake;
mod file_inputs;
mod file_proof;
pub mod ignored;
mod leaving;
mod left;
pub mod names;
mod opening;
mod prompts;
mod published;
mod readable;
pub mod response;
mod scope;
mod secret_inputs;
mod secret_search;
mod statuses;
mod temporary_names;
pub mod units;
mod warnings;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::error::{Failure, ids};
use crate::fingerprint::Inputs;
use crate::model::{Output, ProofKind};
use crate::tools::deletion::Deletion;
use crate::tools::install::Ways;

pub use context::{StepContext, TerminalTurn};
pub use entry::{ActionSettings, ActionType, SettingsTable};
pub use exercise::Exercise;
pub use file_proof::{FileProof, Forbidden, ProjectFiles};
pub use leaving::{standing, wait_for_namespace, wait_until_gone};
pub use opening::Opening;
pub use prompts::{Prompter, Prompts};
pub use published::PublishedPort;
pub use scope::{ChildEvent, OnChild, RunScope, StepScope};
pub use secret_inputs::secrets_in;
pub use statuses::Statuses;

/// A release of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseName<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Whether the world has what a step made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has, and it is the same thing: same image id, same cluster, same revision.
    Present,
    /// It is gone, or something else has taken its place. Says what, as users read it: "image `a:1f` is gone".
    Missing(String),
}

/// What a step does, with its settings filled in.
///
/// `run` **must be idempotent**: it may have been killed at any point the last time, and is called again. A test runs
/// every action twice.
pub trait Action: Debug + Send + Sync {
    /// Whether the step runs every time instead of being fresh: every verification does.
    fn always_runs(&self) -> bool {
        false
    }

    /// Whether only the answer of the person at the terminal can make it succeed. Where nobody can be asked it does not
    /// begin, and stays as open as it was.
    fn needs_person(&self) -> bool {
        false
    }

    /// What can be seen of its success later on.
    fn proof(&self) -> ProofKind {
        ProofKind::Probe
    }

    /// Adds what decides freshness besides name, revision, settings and the outputs of other steps: digests of the
    /// files it reads, versions of the tools it uses. Must not change anything, and is called again after `run` to see
    /// whether an input changed meanwhile.
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        let _ = (cx, inputs);
        nothing()
    }

    /// The declared secrets whose values it needs, as far as its settings name them: one that has no value is an error
    /// before a run begins. None by default.
    fn secrets(&self) -> BTreeSet<&str> {
        BTreeSet::new()
    }

    /// The files of the project that its settings name to be read: paths and globs; the plain name of a folder stands
    /// for everything in it, and `!GLOB` leaves files out. Where another step makes them, it has to come first. None
    /// by default.
    fn reads(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The files of the project that its settings name to be made, in the same form. None by default.
    fn makes(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The release that it deploys, so that a later step checks this revision of it; its output `revision` names that.
    /// None by default.
    fn deploys(&self) -> Option<ReleaseName<'_>> {
        None
    }

    /// The release that it checks in whatever revision it is, because its settings name none. None by default.
    fn checks_any_revision_of(&self) -> Option<ReleaseName<'_>> {
        None
    }

    /// Returns the same action for this revision of [`Action::checks_any_revision_of`].
    fn of_revision(&self, revision: &str) -> Option<Arc<dyn Action>> {
        let _ = revision;
        None
    }

    /// Looks whether the world still has what a run that ended with `output` made; compares identities, not names. Must
    /// not change anything. Also called right after `run`, to see its success with our own eyes, unless the run was
    /// itself a verification; and once more before a run ends, if something else was done in between.
    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>>;

    /// Whether what a run that ended with `output` has seen may still pass: then it is probed at the end of the run,
    /// whatever else was done meanwhile. Not by default.
    fn is_provisional(&self, output: &Output) -> bool {
        let _ = output;
        false
    }

    /// The TCP ports of this machine that it needs, where its settings name them. None by default.
    fn host_ports(&self, cx: &StepContext) -> Vec<u16> {
        let _ = cx;
        Vec::new()
    }

    /// The program that it checks, and how to install that; `None` where the settings declare nothing.
    fn installation(&self) -> Option<(&str, &Ways)> {
        None
    }

    /// The Services of the cluster that it deploys or checks, for `provision open`; asks the cluster where settings do
    /// not say it. Must not change anything. None by default.
    fn openings<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Vec<Opening>, Failure>> {
        let _ = cx;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Returns what keeps a run from bringing about what is declared, as far as that can be seen without one: `plan`
    /// and `report` say it. Must not change anything. Nothing by default.
    fn obstacle<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        let _ = cx;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Looks whether a step that was proven by its fallback can be done by itself now. Must not change anything. Not
    /// known by default, unless a probe shows all of it: then only other inputs make the step try again.
    fn needs_no_fallback<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            self.proof() == ProofKind::Check && matches!(self.probe(cx, &Output::new()).await, Ok(Presence::Present))
        })
    }

    /// What `down` would remove of what a run that ended with `output` made, each with the proof that it is ours.
    /// Nothing by default: most actions make nothing that outlives the run, or something that another step owns.
    fn removals<'a>(
        &'a self,
        cx: &'a StepContext,
        output: &'a Output,
    ) -> BoxFuture<'a, Result<Vec<Deletion>, Failure>> {
        let _ = (cx, output);
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Removes one of [`Action::removals`], which was permitted. Has to be safe to call twice.
    fn remove<'a>(&'a self, cx: &'a StepContext, removal: &'a Deletion) -> BoxFuture<'a, Result<(), Failure>> {
        let _ = (cx, removal);
        nothing()
    }

    /// Returns which files decide the result of `run`, if it reads files of the project and nothing else: then
    /// `provision prove` tries it on changed copies of them. `None` by default: it reads more, or changes something.
    fn file_proof(&self, files: &ProjectFiles) -> Result<Option<FileProof>, Failure> {
        let _ = files;
        Ok(None)
    }

    /// Does it. Ends soon after `cx.cancel()` asks, with [`Failure::interrupted`].
    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>>;
}

/// For an action that has nothing to add to its inputs.
pub fn nothing<'a>() -> BoxFuture<'a, Result<(), Failure>> {
    Box::pin(std::future::ready(Ok(())))
}

/// The failure of an action that has ended without one, and whose result is not there.
pub fn unconfirmed(what: String) -> Failure {
    Failure::of(ids::NOT_CONFIRMED, "the action succeeded but its result could not be confirmed")
        .cause(what)
        .transient()
}
