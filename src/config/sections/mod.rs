//! The sections of the file as they are declared, and the checklists and waivers that it names.

pub(crate) mod checklist;
pub(crate) mod env_file;
pub(crate) mod pipeline;
pub(crate) mod profile;
pub(crate) mod secrets;
pub(crate) mod stages;
pub(crate) mod vars;
pub(crate) mod waivers;
