//! Finds secrets where none should be: in the files of a project, in the layers of an image.
//!
//! Two kinds are found: the values of declared secrets, in every encoding that `redact` knows, and keys of well-known
//! forms (`forms.rs`). A finding names the place and the kind, and never has the secret itself.

mod chance;
mod declared;
mod forms;
#[cfg(test)]
pub(crate) mod samples;
mod scanner;

pub use chance::{is_placeholder, is_random};
pub use declared::DeclaredSecrets;
pub use forms::{FORMS, Form};
pub use scanner::{Leak, Scanner};
