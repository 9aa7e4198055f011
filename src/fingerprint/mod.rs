//! Freshness: labelled inputs, their fingerprint, and what has changed between two sets of them.
//!
//! | in a step's inputs | label |
//! |---|---|
//! | the action's name and revision | `action` |
//! | each of the step's own settings, before expressions over steps are filled in | `settings.KEY` |
//! | each output of a needed step that an expression names | `steps.STAGE.STEP.NAME` |
//! | of an action whose result is in the cluster: the cluster's uid | `cluster` |
//! | of a command: the cluster and the daemon that it is handed, if not the usual socket | `cluster`, `docker` |
//! | what the action itself reads: files of a context, a tool's version, a base image's id | the action's own |
//!
//! Left out on purpose: modification times and absolute paths (a clone must stay fresh), the fingerprint of needed
//! steps (a rebuild that ends in the same image changes nothing for what follows), secrets' values (a keyed digest at
//! most), and everything that only changes how a run looks.

mod inputs;
mod stale;

pub use inputs::{Digest, Fingerprint, Inputs};
pub use stale::{Freshness, StaleReason};
