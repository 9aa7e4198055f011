//! Images on their way from the Docker daemon to a cluster: one file and one entry in `node.rs` for each way.

mod delivery;
mod image_list;
mod layer_filter;
mod minikube_load;
mod node;
mod node_containerd;
mod node_docker;
mod reference;

pub use delivery::{Delivered, Delivery, NodeService, Target};
pub use image_list::ImageList;
pub use node::Node;
pub use reference::Reference;
