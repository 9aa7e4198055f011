//! All ids of errors, each with its page, by the area that they are about.
//!
//! A new one is an entry in the file of its area: docs/errors, `provision explain` and the tests follow from it.

mod checks;
mod cluster;
mod docker;
mod general;
mod helm;
mod objects;
mod pipeline;
mod pods;
mod state;

pub use checks::*;
pub use cluster::*;
pub use docker::*;
pub use general::*;
pub use helm::*;
pub use objects::*;
pub use pipeline::*;
pub use pods::*;
pub use state::*;

use super::kind::FailureKind;
use super::page::ErrorId;

/// The areas with their ids, in the order in which they are listed.
pub const AREAS: &[(&str, &[ErrorId])] = &[
    ("The pipeline and the command line", PIPELINE),
    ("State and trust", STATE),
    ("Docker and images", DOCKER),
    ("The cluster", CLUSTER),
    ("Objects in the cluster", OBJECTS),
    ("Pods and workloads", PODS),
    ("Helm", HELM),
    ("Checks and commands", CHECKS),
    ("Any step", GENERAL),
];

/// Ids that name what failed, and nothing of the cause.
const BROAD: &[ErrorId] = &[COMMAND_FAILED, IMAGE_BUILD_FAILED, IMAGE_PULL_FAILED, HELM_FAILED, CLUSTER_START_FAILED];

/// Ids of failures whose message and hints say what is to be done, or whose own lines do.
const PLAIN: &[ErrorId] = &[
    ANSWER_NEEDED,
    ANSWER_NO,
    CHECKLIST_EDITED,
    COMMAND_FAILED,
    COMMAND_NOT_STARTED,
    CONSENT_NEEDED,
    FILE_NOT_WRITTEN,
    HISTORY_GONE,
    INPUT_MISSING,
    INSTALL_FAILED,
    JOURNAL_DAMAGED,
    JOURNAL_NEWER,
    NAME_UNKNOWN,
    NOTHING_SELECTED,
    NOTHING_TO_BUILD,
    NOT_AS_EXPECTED,
    OUTPUT_MISSING,
    PIPELINE_EXISTS,
    PIPELINE_MISSING,
    PIPELINE_UNTRUSTED,
    POLICY_BROKEN,
    SECRET_MISSING,
    STATE_LOCKED,
    TOOL_MISSING,
    TOOL_VERSION,
    TRUST_UNUSABLE,
    ENVIRONMENTS_UNUSABLE,
];

/// What the system and the tools say, and which error that is: searched for where the id of a failure names no cause.
///
/// Only texts that mean one thing: a wrong page costs more than a general one.
const TELLTALES: &[(&str, ErrorId)] = &[
    ("no space left on device", DISK_FULL),
    ("disk quota exceeded", DISK_FULL),
    ("certificate signed by unknown authority", CERTIFICATE_UNKNOWN),
    ("unable to get local issuer certificate", CERTIFICATE_UNKNOWN),
    ("toomanyrequests", REGISTRY_LIMIT),
    ("temporary failure in name resolution", NAME_NOT_RESOLVED),
    ("could not resolve host", NAME_NOT_RESOLVED),
];

/// Iterates over all ids.
pub fn all() -> impl Iterator<Item = ErrorId> {
    AREAS.iter().flat_map(|(_, ids)| ids.iter().copied())
}

/// Returns the id that is called `word`.
pub fn find(word: &str) -> Option<ErrorId> {
    all().find(|id| id.word() == word)
}

/// Returns the id of a failure of which no more is known than its kind.
pub(super) fn of_kind(kind: FailureKind) -> ErrorId {
    match kind {
        FailureKind::Failed => STEP_FAILED,
        FailureKind::Usage => USAGE,
        FailureKind::Config => PIPELINE_INVALID,
        FailureKind::Prerequisite => PREREQUISITE_MISSING,
        FailureKind::State => STATE_UNUSABLE,
        FailureKind::Target => TARGET_REFUSED,
        FailureKind::Interrupted => INTERRUPTED,
        FailureKind::Terminated => TERMINATED,
        FailureKind::Bug => INTERNAL_ERROR,
    }
}

/// Returns whether the page of `id` says more than a failure itself does, so that the screen names it.
pub fn says_more(id: ErrorId) -> bool {
    of_kind(id.page().kind) != id && !PLAIN.contains(&id)
}

/// Returns whether `id` names what failed, and nothing of the cause.
pub(super) fn names_only_what_failed(id: ErrorId) -> bool {
    BROAD.contains(&id)
}

/// Returns the id that one of `texts` says.
pub(super) fn said_by<'a>(texts: impl IntoIterator<Item = &'a String>) -> Option<ErrorId> {
    texts.into_iter().find_map(|text| {
        let text = text.to_lowercase();
        TELLTALES.iter().find(|(words, _)| text.contains(words)).map(|(_, id)| *id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[test]
    fn ids_are_words_and_unique_and_every_page_says_something() {
        let mut seen = std::collections::BTreeSet::new();
        for id in all() {
            let page = id.page();
            assert!(seen.insert(page.id), "{id:?} is defined twice");
            assert!(page.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{id:?}");
            assert!(!page.about.is_empty() && page.about.ends_with('.'), "{id:?}: about");
            assert!(!page.title.ends_with('.') && !page.title.is_empty(), "{id:?}: title");
            assert!(!page.fixes.is_empty(), "{id:?} has no fix");
            assert!(page.next.starts_with("provision "), "{id:?}: {}", page.next);
            assert_eq!(find(page.id), Some(id));
        }
        assert_eq!(find("nonsense"), None);
    }

    #[test]
    fn every_kind_has_an_id_of_its_own_kind() {
        use FailureKind::{Bug, Config, Failed, Interrupted, Prerequisite, State, Target, Terminated, Usage};
        for kind in [Failed, Usage, Config, Prerequisite, State, Target, Interrupted, Terminated, Bug] {
            assert_eq!(Failure::new(kind, "x").error_id().page().kind, kind);
            assert!(!says_more(of_kind(kind)));
        }
        assert!(says_more(DISK_FULL) && !says_more(NAME_UNKNOWN));
    }

    #[test]
    fn what_the_system_says_gives_the_id_of_a_failure_without_one() {
        let full = Failure::failed("building").detail("write /x: No space left on device");
        assert_eq!(full.error_id(), DISK_FULL);
        assert_eq!(full.clone().with_id(IMAGE_BUILD_FAILED).error_id(), DISK_FULL);
        assert_eq!(full.with_id(CRASH_LOOP).error_id(), CRASH_LOOP);
        assert_eq!(Failure::failed("there was no space").error_id(), STEP_FAILED);
        assert_eq!(Failure::interrupted("it").with_id(CRASH_LOOP).error_id(), INTERRUPTED);
        let kept = Failure::of(STATE_LOCKED, "no").while_doing("starting");
        assert_eq!((kept.error_id(), kept.kind), (STATE_LOCKED, FailureKind::State));
    }
}
