//! Freshness: labelled inputs, their fingerprint, and what has changed between two sets of them.
//!
//! | in a step's inputs | label |
//! |---|---|
//! | the action's name and revision | `action` |
//! | each of the step's own settings, before expressions over steps are filled in | `settings.KEY` |
//! | each output of a needed step that an expression names | `steps.STAGE.STEP.NAME` |
//! | of an action whose result is in the cluster: the cluster's uid | `cluster` |
//! | what the action itself reads: files of a context, a tool's version, a base image's id | the action's own |
//!
//! Left out on purpose: modification times and absolute paths (a clone must stay fresh), the fingerprint of needed
//! steps (a rebuild that ends in the same image changes nothing for what follows), secrets' values (a keyed digest at
//! most), and everything that only changes how a run looks.

pub mod dockerignore;
pub mod files;
mod go_glob;
mod go_regex;
mod inputs;
mod stale;
mod stat_cache;
pub mod walk;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use inputs::{Digest, Fingerprint, Inputs};
pub use stale::{Freshness, StaleReason};
pub use stat_cache::{FileDigests, Verify};

/// The lock of `mutex`, also after a panic of somebody who held it: what is in it is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
