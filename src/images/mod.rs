//! Images on their way from the Docker daemon to a cluster: one file for each way. A cluster's provider names the
//! ways that serve it. And what is in an image: `contents/`.

mod built;
mod contents;
mod delivery;
mod image_list;
mod layer_filter;
mod node;
mod node_containerd;
mod node_docker;
mod oci;
mod push;
mod reference;

pub use built::{built, keep_built, note_built};
pub use contents::{FileTree, ImageContents, LayerLeak};
pub use delivery::{Delivered, Delivery, NodeService, Target};
pub use image_list::ImageList;
pub use layer_filter::export_whole;
pub use node::Node;
pub use node_containerd::NodeContainerd;
pub use node_docker::NodeDocker;
pub use push::PushAccess;
pub use reference::Reference;
