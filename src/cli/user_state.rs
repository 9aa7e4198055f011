//! [`folder`]: the user's own folder for state, where no repository can write.

use std::path::PathBuf;

/// Returns our folder `name` in it; `None` where the user has none.
pub(super) fn folder(name: &str) -> Option<PathBuf> {
    let state = match std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(state) => state,
        None => std::env::home_dir().filter(|home| home.is_absolute())?.join(".local/state"),
    };
    Some(state.join("provision").join(name))
}
