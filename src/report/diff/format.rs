//! [`DiffFormat`]: a way to write what has changed.

use std::io::{self, Write};

use super::changes::Diff;
use crate::report::style::Theme;

/// A format of the diff.
pub(crate) struct DiffFormat {
    /// What `--format` calls it.
    pub(crate) name: &'static str,
    /// Writes it.
    pub(crate) write: fn(&mut dyn Write, &Diff<'_>, Theme) -> io::Result<()>,
}

impl std::fmt::Debug for DiffFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
