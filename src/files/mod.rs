//! Sets of files: what a glob or a `.dockerignore` selects, in which order it is read, and one digest for all of it.

pub mod dockerignore;
mod filter;
mod inside;
mod mutex;
mod own;
mod replace;
mod seen;
mod set;
mod settings_paths;
mod stat_cache;
mod walk;

pub use filter::{glob_of, is_plain, split_glob};
pub use inside::resolve;
pub use own::{append_own, create_below, is_rest, open_below, open_own, read_own, read_own_text, refuse_link};
pub use replace::{remove_if_there, replace_file};
pub use seen::Seen;
pub use set::{FileHasher, FileSet};
pub use settings_paths::{Globs, inside};
pub use stat_cache::{FileDigests, Verify};
pub use walk::{Entry, EntryKind, Walk};
