//! [`Node`]: a cluster's node that images can be brought to, by the first of its provider's ways that serves it.

use super::delivery::{Delivered, Delivery, Target};
use super::image_list::ImageList;
use crate::error::{Failure, FailureKind};
use crate::tools::docker::Image;

/// Services that may run a node's containers. The first that is active does: Docker has containerd below it.
const SERVICES: [&str; 3] = ["docker", "crio", "containerd"];

/// A node that images can be brought to.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    target: Target<'a>,
    ways: &'static [&'static dyn Delivery],
    delivery: &'static dyn Delivery,
}

impl<'a> Node<'a> {
    /// Finds the way to `target` among `ways`, the cheapest first, and the images that it has right now.
    pub async fn inspect(
        target: Target<'a>,
        ways: &'static [&'static dyn Delivery],
    ) -> Result<(Self, ImageList), Failure> {
        if ways.is_empty() {
            let message = format!("can't bring images to the nodes of the cluster `{}`", target.cluster);
            return Err(Failure::new(FailureKind::Config, message)
                .cause("its provider has no way to do so")
                .hint("push the image to a registry that the cluster reads from, with a `command` step"));
        }
        let mut printed = Vec::new();
        if ways.iter().any(|way| way.service().is_some()) {
            let script = list_script(ways);
            let listed = target.docker.exec_if_running(target.node, &["sh", "-c", &script]).await?;
            printed = listed.unwrap_or_default();
        }
        let text = String::from_utf8_lossy(&printed);
        let (service, listed) = text.split_once('\n').unwrap_or_default();
        let delivery = choose(ways, service).ok_or_else(|| {
            Failure::failed(format!("can't bring images to the node `{}`", target.node))
                .cause(format!("there is no way to do so for the container runtime `{service}`"))
        })?;
        let images = delivery.present(target, listed).await?;
        Ok((Self { target, ways, delivery }, images))
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        self.target.node
    }

    /// Returns the id of the image that the node has now under the name `image`; `None` where it has none.
    pub async fn image_id(&self, image: &str) -> Result<Option<String>, Failure> {
        let (_, images) = Self::inspect(self.target, self.ways).await?;
        Ok(images.id(image).map(str::to_owned))
    }

    /// Sends the image `image` of the daemon, called `name`: see [`Delivery::deliver`].
    pub async fn deliver(
        &self,
        image: &Image,
        name: &str,
        present: Option<&str>,
        on_sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Delivered, Failure> {
        self.delivery.deliver(self.target, image, name, present, on_sent).await
    }
}

/// The way for a node whose containers are run by `service`, or else one that needs no service.
fn choose(ways: &[&'static dyn Delivery], service: &str) -> Option<&'static dyn Delivery> {
    let by_service = ways.iter().find(|way| way.service().is_some_and(|known| known.name == service));
    by_service.or_else(|| ways.iter().find(|way| way.service().is_none())).copied()
}

/// Prints the name of the first of [`SERVICES`] that is active in the node, and then all images that it has. Which one
/// is there often shows by its socket alone. Else systemctl is asked, once, which takes as long as listing the images:
/// it prints the state of each on a line of its own.
fn list_script(ways: &[&dyn Delivery]) -> String {
    let services = SERVICES.join(" ");
    let arm = |way: &&dyn Delivery| way.service().map(|service| format!("{}) {} ;;\n", service.name, service.list));
    let arms: String = ways.iter().filter_map(arm).collect();
    format!(
        "set -- {services}; s=\n\
         if [ -S /run/containerd/containerd.sock ] && [ ! -e /run/docker.sock ] && [ ! -e /run/crio/crio.sock ]; then\n\
         s=containerd\nelse\n\
         for state in $(systemctl is-active $*); do case $state in active|reloading) s=$1; break ;; esac; shift; done\n\
         fi\necho $s\ncase $s in\n{arms}esac\n"
    )
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::images::{NodeContainerd, NodeDocker, NodeService};

    /// A way that needs no service in the node.
    struct WithoutService;

    impl Delivery for WithoutService {
        fn service(&self) -> Option<NodeService> {
            None
        }

        fn present<'a>(&'a self, _: Target<'a>, _: &'a str) -> BoxFuture<'a, Result<ImageList, Failure>> {
            Box::pin(async { Ok(ImageList::default()) })
        }

        fn deliver<'a>(
            &'a self,
            _: Target<'a>,
            image: &'a Image,
            _: &'a str,
            _: Option<&'a str>,
            _: &'a (dyn Fn(u64) + Sync),
        ) -> BoxFuture<'a, Result<Delivered, Failure>> {
            Box::pin(async { Ok(Delivered::whole(0, image, None)) })
        }
    }

    #[test]
    fn the_way_is_chosen_by_what_runs_in_the_node() {
        let service = |ways: &[&'static dyn Delivery], service: &str| {
            choose(ways, service).map(|way| way.service().map_or("-", |service| service.name))
        };
        let ways: &[&'static dyn Delivery] = &[&NodeContainerd, &NodeDocker, &WithoutService];
        for (running, expected) in [("containerd", "containerd"), ("docker", "docker"), ("crio", "-"), ("", "-")] {
            assert_eq!(service(ways, running), Some(expected), "{running}");
        }
        assert_eq!(service(&[&NodeContainerd], "crio"), None);
    }

    #[test]
    fn one_script_finds_the_service_and_lists_its_images() {
        assert_eq!(
            list_script(&[&NodeContainerd, &NodeDocker, &WithoutService]),
            "set -- docker crio containerd; s=\n\
             if [ -S /run/containerd/containerd.sock ] && [ ! -e /run/docker.sock ] && [ ! -e /run/crio/crio.sock ]; then\n\
             s=containerd\nelse\n\
             for state in $(systemctl is-active $*); do case $state in active|reloading) s=$1; break ;; esac; shift; done\n\
             fi\necho $s\ncase $s in\n\
             containerd) crictl images -o json ;;\n\
             docker) docker images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' ;;\nesac\n"
        );
    }
}
