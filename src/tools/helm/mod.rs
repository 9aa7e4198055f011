//! Helm: its program, and what a killed one leaves behind.

mod call;
mod chart;
mod pending;
mod program;
mod render;
mod renderings;
mod warnings;

pub use call::call_id;
pub use chart::Chart;
pub use pending::PendingRelease;
pub use program::{Helm, Install, Rollback};
pub use render::Rendering;
pub use renderings::Renderings;
