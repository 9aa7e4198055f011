//! Frees a release that a killed helm has left in a state in which Helm refuses every upgrade.
//!
//! Helm's record of the revision is its lock, and nothing but that record is in the way: it is marked failed, as helm
//! does itself when it is interrupted, and the next `upgrade --install` adopts the objects that are there. Nothing is
//! uninstalled or rolled back for it: both replace objects that may be in use.

use super::call::{host_id, process_with, roller_of, uninstaller_of};
use super::program::Helm;
use crate::error::{Failure, ids};
use crate::tools::deletion::{Consent, Deletion, Proof};
use crate::tools::kubernetes::{Kube, Marked, Marks, ReleaseStatus, Revision, record_name};
use crate::tools::process::ProcessObserver;

/// A release that may have to be freed.
#[derive(Clone, Copy, Debug)]
pub struct PendingRelease<'a> {
    /// The release.
    pub release: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Whether the user has agreed to the loss of data.
    pub consent: Consent,
    /// By which it is seen which other checkouts have deployed it.
    pub marks: &'a Marks,
}

impl Helm {
    /// Frees a release whose last revision blocks upgrades, when the helm that made it was ours and is gone. Returns
    /// what was done. A release whose removal was begun is removed to the end only with the user's consent.
    pub async fn recover_pending(
        &self,
        kube: &Kube,
        pending: PendingRelease<'_>,
        host: &dyn ProcessObserver,
    ) -> Result<Option<String>, Failure> {
        let read = kube.release_history(pending.namespace, pending.release);
        let history = tokio::select! {
            history = read => history?,
            () = host.cancel().cancelled() => return Err(Failure::interrupted("reading the release's history")),
        };
        let Some(last) = history.last() else { return Ok(None) };
        let was = format!("the release `{}` is {}", pending.release, last.status.word());
        match blocker(&history) {
            Blocker::None => Ok(None),
            Blocker::Pending => {
                if let Some(failure) = pending.refusal(&was, &history) {
                    return Err(failure.hint(pending.by_record(kube, last)));
                }
                let work = pending.free(kube, &history, last, &was);
                tokio::select! {
                    done = work => done.map(Some),
                    () = host.cancel().cancelled() => Err(Failure::interrupted("freeing the release")),
                }
            }
            Blocker::Uninstalling => self.finish_uninstall(pending, &history, &was, host).await.map(Some),
            Blocker::Unknown => Err(Failure::of(ids::RELEASE_PENDING, was)
                .cause("helm upgrades no release in this state")
                .hint(pending.by_record(kube, last))),
        }
    }

    async fn finish_uninstall(
        &self,
        pending: PendingRelease<'_>,
        history: &[Revision],
        was: &str,
        host: &dyn ProcessObserver,
    ) -> Result<String, Failure> {
        let helm = self.typed_in(pending.namespace);
        let line = format!("{helm} uninstall {}", pending.release);
        let ours = history.iter().any(|revision| revision.run.is_some());
        let deletion = Deletion {
            subject: format!("the release `{}`", pending.release),
            reason: "its removal was begun and did not end".into(),
            ours: if ours { Proof::Shown } else { Proof::Lacking("it has no label of ours".into()) },
            empty: Proof::Lacking("what is left of its objects may hold data".into()),
            in_use: uninstaller_of(pending.namespace, pending.release)
                .map(|pid| format!("helm is removing it: process {pid}")),
            // The removal was begun on purpose.
            consent_covers_ownership: true,
            by_hand: line.clone(),
        };
        deletion.permit(pending.consent).map_err(|failure| {
            failure.hint(format!(
                "if one of its hooks never ends, remove it without them: `{helm} uninstall {} --no-hooks`",
                pending.release
            ))
        })?;
        self.uninstall(pending.namespace, pending.release, host)
            .await
            .map_err(|failure| failure.while_doing(format!("{was}, and can't be removed")))?;
        Ok(format!("{was}: removed it to the end, as `--yes` allows: `{line}`"))
    }
}

impl PendingRelease<'_> {
    async fn free(self, kube: &Kube, history: &[Revision], last: &Revision, was: &str) -> Result<String, Failure> {
        if last.status == ReleaseStatus::PendingRollback {
            // It is a copy of the record that it rolls back to. Were it kept as failed, helm would compare with it
            // next, and not with what was deployed before.
            self.rollback_record(kube, history, last).await?.permit(self.consent)?;
            kube.delete_record(self.namespace, self.release, last).await?;
            return Ok(format!(
                "{was}, left by a killed run of ours: deleted the record of revision {}, which was never deployed; its \
                 objects stay",
                last.number
            ));
        }
        match kube.mark_failed(self.namespace, self.release, last).await? {
            Marked::Failed => Ok(format!(
                "{was}, left by a killed run of ours: marked revision {} as failed; its objects stay",
                last.number
            )),
            Marked::Unreadable(why) => {
                let deletion = Deletion {
                    subject: format!("the record of revision {} of the release `{}`", last.number, self.release),
                    reason: format!("it blocks every upgrade as {}", last.status.word()),
                    ours: Proof::Shown,
                    empty: Proof::Lacking(format!("it can't be read: {why}")),
                    in_use: None,
                    consent_covers_ownership: false,
                    by_hand: self.delete_record_line(kube, last),
                };
                deletion.permit(self.consent)?;
                kube.delete_record(self.namespace, self.release, last).await?;
                Ok(format!(
                    "{was}, left by a killed run of ours, and its record can't be read: deleted the record of revision \
                     {}; its objects stay",
                    last.number
                ))
            }
        }
    }

    /// The record of a rollback that was killed. Nothing is lost with it as long as the revision that it goes back to
    /// holds the same.
    async fn rollback_record(self, kube: &Kube, history: &[Revision], last: &Revision) -> Result<Deletion, Failure> {
        let held = |number| kube.release(self.namespace, self.release, number);
        let empty = match (held(last.number).await, rolled_back_to(history)) {
            (Err(why), _) => Proof::Lacking(format!("it can't be read: {why}")),
            (Ok(_), None) => Proof::Lacking("no revision is noted as the one that it goes back to".into()),
            (Ok(own), Some(target)) => match held(target.number).await? {
                Some(target) if own.is_some_and(|own| own.content() == target.content()) => Proof::Shown,
                _ => Proof::Lacking(format!("it holds something else than revision {}", target.number)),
            },
        };
        let ours = match call_of_last(history) {
            Some(_) => Proof::Shown,
            None => Proof::Lacking("no run of ours has noted that it rolls back".into()),
        };
        Ok(Deletion {
            subject: format!("the record of revision {} of the release `{}`", last.number, self.release),
            reason: format!("it blocks every upgrade as {}", last.status.word()),
            ours,
            empty,
            in_use: roller_of(self.namespace, self.release).map(|pid| format!("helm rolls it back: process {pid}")),
            consent_covers_ownership: false,
            by_hand: self.delete_record_line(kube, last),
        })
    }

    /// Returns why a release whose last revision is pending must not be touched: it is not ours, or its helm lives.
    fn refusal(self, was: &str, history: &[Revision]) -> Option<Failure> {
        let Some(call) = call_of_last(history) else {
            return Some(
                Failure::of(ids::RELEASE_PENDING, was)
                    .cause("provision did not begin this, so a helm may be at work on it"),
            );
        };
        if !host_id().is_some_and(|host| call.ends_with(host)) {
            return Some(Failure::of(ids::RELEASE_PENDING, was).cause(
                "it was begun on another machine or in another container: whether its helm lives can't be seen from here",
            ));
        }
        let is_rollback = history.last().is_some_and(|last| last.status == ReleaseStatus::PendingRollback);
        let pid = if is_rollback { roller_of(self.namespace, self.release) } else { process_with(call) }?;
        let failure =
            Failure::of(ids::RELEASE_PENDING, was).cause(format!("helm works on it: process {pid}")).transient();
        Some(match history.last().and_then(|last| last.shared(self.marks)) {
            Some(shared) => failure
                .cause(format!("{} deploys the same release", shared.with))
                .hint("wait until the other run has ended, and run the same command again")
                .hint(shared.apart("namespace")),
            None => failure,
        })
    }

    /// How a person frees it without touching what is installed.
    fn by_record(self, kube: &Kube, last: &Revision) -> String {
        format!(
            "when no helm works on it any more, delete the record of its last revision, which leaves its objects and data \
             alone, and run the same command again: `{}`",
            self.delete_record_line(kube, last)
        )
    }

    fn delete_record_line(self, kube: &Kube, last: &Revision) -> String {
        format!("{} -n {} delete secret {}", kube.kubectl(), self.namespace, record_name(self.release, last.number))
    }
}

/// What keeps helm from upgrading a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocker {
    None,
    Pending,
    Uninstalling,
    Unknown,
}

/// Helm refuses while the last revision is pending. In any other state it upgrades from the newest deployed revision,
/// and without one from a last revision that is failed or superseded; a release that was removed is installed again.
fn blocker(history: &[Revision]) -> Blocker {
    use ReleaseStatus::{Deployed, Failed, Superseded, Uninstalled, Uninstalling};
    let has_deployed = history.iter().any(|revision| revision.status == Deployed);
    match history.last().map(|last| &last.status) {
        Some(last) if last.is_pending() => Blocker::Pending,
        None | Some(Deployed | Failed | Superseded | Uninstalled) => Blocker::None,
        Some(_) if has_deployed => Blocker::None,
        Some(Uninstalling) => Blocker::Uninstalling,
        Some(_) => Blocker::Unknown,
    }
}

/// Returns the call of ours that made the last revision. Helm hands labels on: one that an earlier revision has says
/// nothing of this one. A rollback can't be given a label; its call is noted on the record that it rolls back to.
fn call_of_last(history: &[Revision]) -> Option<&String> {
    let (last, earlier) = history.split_last()?;
    if last.status == ReleaseStatus::PendingRollback {
        return rolled_back_to(history)?.rollback.as_ref().map(|note| &note.call);
    }
    let call = last.run.as_ref()?;
    let inherited = earlier.iter().any(|revision| revision.run.as_ref() == Some(call));
    (!inherited).then_some(call)
}

/// Returns the revision that the last one, a rollback, goes back to, by the note of ours on it.
fn rolled_back_to(history: &[Revision]) -> Option<&Revision> {
    let (_, earlier) = history.split_last()?;
    let before = earlier.last()?.number;
    let noted = earlier.iter().filter_map(|revision| Some((revision.rollback.as_ref()?, revision)));
    let of_last = noted.filter(|(note, _)| note.from == before);
    of_last.max_by_key(|(note, _)| &note.call).map(|(_, revision)| revision)
}

#[cfg(test)]
mod tests;
