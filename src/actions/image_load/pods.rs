//! Whether pods run the images that the node has under the names that they ask for. A name can be given to another
//! image, also while a pod starts: the pod then keeps what it has found.

use futures_util::future::try_join_all;

use super::images_in_node;
use crate::action::StepContext;
use crate::error::Failure;
use crate::images::ImageList;
use crate::tools::kubernetes::{Kube, RunningImage, Workload};

/// Returns a sentence for each container that runs another image than the node has under that name, with the number of
/// its workload. Where the node's images can't be seen, it says so in the step's output.
pub(in crate::actions) async fn strangers(
    cx: &StepContext,
    kube: &Kube,
    workloads: &[Workload],
) -> Result<Vec<(usize, String)>, Failure> {
    let running = try_join_all(workloads.iter().map(|workload| kube.running_images(workload))).await?;
    let running: Vec<(usize, RunningImage)> =
        running.into_iter().enumerate().flat_map(|(n, all)| all.into_iter().map(move |one| (n, one))).collect();
    // Listing the node's images takes a process in the node.
    if !running.iter().any(|(_, one)| was_brought(one)) {
        return Ok(Vec::new());
    }
    match images_in_node(cx).await {
        Ok(Some((node, images))) => {
            let found = running.iter().filter_map(|(n, one)| Some((*n, stranger(one, &node, &images)?)));
            Ok(found.collect())
        }
        Ok(None) => Ok(Vec::new()),
        Err(why) => {
            cx.line(&format!("the images of the pods are not compared with those of the node: {why}"));
            Ok(Vec::new())
        }
    }
}

/// Whether the image may have been brought to the node: one of a registry has another kind of id, which says nothing
/// here.
fn was_brought(running: &RunningImage) -> bool {
    running.id.starts_with("sha256:")
}

/// An image of another node says nothing here either.
fn stranger(running: &RunningImage, node: &str, images: &ImageList) -> Option<String> {
    let wanted = images.id(&running.image)?;
    let is_comparable = running.node == node && was_brought(running) && wanted.starts_with("sha256:");
    (is_comparable && running.id != wanted).then(|| {
        format!(
            "the pod {} runs another image under the tag: its container {} runs {}, and `{}` is {wanted}",
            running.pod, running.container, running.id, running.image
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_image_under_the_tag_is_named() {
        let images = ImageList::of_json(br#"[{"id":"aa","repoTags":["docker.io/library/todo:1"]}]"#).unwrap();
        let said = |node: &str, image: &str, id: &str| {
            let [node, image, id] = [node, image, id].map(str::to_owned);
            stranger(&RunningImage { pod: "p".into(), node, container: "c".into(), image, id }, "n", &images)
        };
        let expected =
            "the pod p runs another image under the tag: its container c runs sha256:bb, and `todo:1` is sha256:aa";
        assert_eq!(said("n", "todo:1", "sha256:bb").as_deref(), Some(expected));
        assert_eq!(said("n", "todo:1", "sha256:aa"), None);
        assert_eq!(said("other", "todo:1", "sha256:bb"), None);
        assert_eq!(said("n", "todo:1", "docker.io/library/todo@sha256:cc"), None);
        assert_eq!(said("n", "nginx:1", "sha256:bb"), None);
    }
}
