//! [`Node`]: a cluster's node that images can be brought to, by the first way that serves it.

use super::delivery::{Delivered, Delivery, Target};
use super::image_list::ImageList;
use super::minikube_load::MinikubeLoad;
use super::node_containerd::NodeContainerd;
use super::node_docker::NodeDocker;
use crate::error::{Failure, FailureKind};
use crate::tools::docker::Image;

/// Every way, the cheapest first.
static DELIVERIES: &[&dyn Delivery] = &[&NodeContainerd, &NodeDocker, &MinikubeLoad];

/// Services that may run a node's containers. The first that is active does: Docker has containerd below it.
const SERVICES: [&str; 3] = ["docker", "crio", "containerd"];

/// A node that images can be brought to.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    target: Target<'a>,
    delivery: &'static dyn Delivery,
}

impl<'a> Node<'a> {
    /// Finds the way to `target`, and the images that it has right now.
    pub async fn inspect(target: Target<'a>) -> Result<(Self, ImageList), Failure> {
        let candidates = candidates(target.provider);
        if candidates.is_empty() {
            let message = format!("can't bring images to the nodes of the cluster `{}`", target.cluster);
            return Err(Failure::new(FailureKind::Config, message)
                .cause(format!("there is no way to do so for the provider `{}`", target.provider))
                .hint("push the image to a registry that the cluster reads from, with a `command` step"));
        }
        let mut printed = Vec::new();
        if candidates.iter().any(|way| way.service().is_some()) && target.docker.is_running(target.cluster).await? {
            let script = list_script(&candidates);
            printed = target.docker.exec_ok(target.cluster, &["sh", "-c", &script], None, &|_| {}).await?;
        }
        let text = String::from_utf8_lossy(&printed);
        let (service, listed) = text.split_once('\n').unwrap_or_default();
        let delivery = choose(&candidates, service).ok_or_else(|| {
            Failure::failed(format!("can't bring images to the node `{}`", target.cluster))
                .cause(format!("there is no way to do so for the container runtime `{service}`"))
        })?;
        let images = delivery.present(target, listed).await?;
        Ok((Self { target, delivery }, images))
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        self.target.cluster
    }

    /// Returns the id of the image that the node has now under the name `image`; `None` where it has none.
    pub async fn image_id(&self, image: &str) -> Result<Option<String>, Failure> {
        let (_, images) = Self::inspect(self.target).await?;
        Ok(images.id(image).map(str::to_owned))
    }

    /// Sends the image `image` of the daemon, called `name`: see [`Delivery::deliver`].
    pub async fn deliver(
        &self,
        image: &Image,
        name: &str,
        on_sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Delivered, Failure> {
        self.delivery.deliver(self.target, image, name, on_sent).await
    }
}

fn candidates(provider: &str) -> Vec<&'static dyn Delivery> {
    DELIVERIES.iter().copied().filter(|way| way.providers().contains(&provider)).collect()
}

/// The way for a node whose containers are run by `service`, or else one that needs no service.
fn choose(candidates: &[&'static dyn Delivery], service: &str) -> Option<&'static dyn Delivery> {
    let by_service = candidates.iter().find(|way| way.service().is_some_and(|known| known.name == service));
    by_service.or_else(|| candidates.iter().find(|way| way.service().is_none())).copied()
}

/// Prints the name of the first of [`SERVICES`] that is active in the node, and then all images that it has.
fn list_script(candidates: &[&dyn Delivery]) -> String {
    let services = SERVICES.join(" ");
    let arm = |way: &&dyn Delivery| way.service().map(|service| format!("{}) {} ;;\n", service.name, service.list));
    let arms: String = candidates.iter().filter_map(arm).collect();
    format!(
        "for s in {services}; do systemctl is-active --quiet $s && break; s=; done\necho $s\ncase $s in\n{arms}esac\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_chosen_by_provider_and_by_what_runs_in_the_node() {
        let candidates = candidates("minikube");
        for (service, expected) in [("containerd", "containerd"), ("docker", "docker"), ("crio", "-"), ("", "-")] {
            let chosen = choose(&candidates, service).unwrap().service();
            assert_eq!(chosen.map_or("-", |service| service.name), expected, "{service}");
        }
        // The container of another's that has the context's name is not its node.
        assert!(super::candidates("context").is_empty());
    }

    #[test]
    fn one_script_finds_the_service_and_lists_its_images() {
        assert_eq!(
            list_script(&candidates("minikube")),
            "for s in docker crio containerd; do systemctl is-active --quiet $s && break; s=; done\necho $s\ncase $s in\n\
             containerd) crictl images -o json ;;\n\
             docker) docker images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' ;;\nesac\n"
        );
    }
}
