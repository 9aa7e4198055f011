//! Helm: its program, and what a killed one leaves behind.

mod call;
mod chart;
mod helmignore;
mod links;
mod pending;
mod program;
mod render;
mod renderings;
mod warnings;

pub use call::call_id;
pub use chart::Chart;
pub use links::folder_for_helm;
pub use pending::PendingRelease;
pub use program::{Helm, Install, Rollback};
pub use render::Rendering;
pub use renderings::Renderings;
