//! [`Size`]: rows and columns of a terminal.

use std::os::fd::AsFd;
use std::sync::Arc;

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rows: u16,
    pub(crate) columns: u16,
}

impl Size {
    /// Returns the size of the terminal that `fd` is open on.
    pub(crate) fn of(fd: impl AsFd) -> Option<Self> {
        let size = rustix::termios::tcgetwinsize(fd).ok()?;
        // Serial lines and some CI terminals report 0 for "unknown".
        (size.ws_row > 0 && size.ws_col > 0).then_some(Self { rows: size.ws_row, columns: size.ws_col })
    }
}

impl Default for Size {
    fn default() -> Self {
        Self { rows: 24, columns: 80 }
    }
}

/// Returns the current size of the terminal; `None` if it is unknown.
pub(crate) type SizeOf = Arc<dyn Fn() -> Option<Size> + Send + Sync>;
