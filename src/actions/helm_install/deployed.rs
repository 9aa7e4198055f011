//! A release before and after an upgrade.

use crate::tools::kubernetes::{ManifestObject, ManifestObjects, Release};

/// What the release was before the upgrade; nothing if there was none.
#[derive(Default)]
pub(super) struct Before {
    /// Its objects.
    pub(super) objects: ManifestObjects,
    /// Those that somebody has changed.
    pub(super) changed: Vec<ManifestObject>,
}

/// What helm has deployed.
#[derive(Debug)]
pub(super) enum Released {
    /// It as its record says.
    Read(Box<Release>),
    /// Its record can't be read.
    Unread {
        /// The revision that follows the last one.
        revision: u32,
        /// How its record was to describe it.
        description: String,
    },
}
