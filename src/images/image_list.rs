//! [`ImageList`]: the images that a node has.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::reference::full_name;
use crate::error::{Context, Failure};

/// The images that a node has: the full name and the id of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageList(Arc<BTreeMap<String, String>>);

/// An image in the JSON that `crictl` and provider programs print.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct CrictlImages {
    images: Vec<Listed>,
}

impl ImageList {
    /// The id of the image that the node has under the name `image`; `None` where it has none.
    pub fn id(&self, image: &str) -> Option<&str> {
        self.0.get(&full_name(image)).map(String::as_str)
    }

    /// From what `crictl images -o json` prints.
    pub(super) fn of_crictl(text: &[u8]) -> Result<Self, Failure> {
        let listed: CrictlImages =
            serde_json::from_slice(text).context(|| "reading the images that `crictl images` lists".into())?;
        Ok(Self::of_listed(listed.images))
    }

    /// From a JSON array of images with `id` and `repoTags`.
    pub fn of_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice::<Vec<Listed>>(text).map(Self::of_listed)
    }

    /// From lines of an id and a name.
    pub(super) fn of_lines(text: &str) -> Self {
        let line = |line: &str| {
            let (id, name) = line.split_once(' ')?;
            Some((full_name(name), with_algorithm(id)))
        };
        Self(Arc::new(text.lines().filter_map(line).collect()))
    }

    fn of_listed(list: Vec<Listed>) -> Self {
        let named = |listed: Listed| {
            let id = with_algorithm(&listed.id);
            listed.repo_tags.unwrap_or_default().into_iter().map(move |tag| (full_name(&tag), id.clone()))
        };
        Self(Arc::new(list.into_iter().flat_map(named).collect()))
    }
}

impl From<Arc<BTreeMap<String, String>>> for ImageList {
    fn from(ids: Arc<BTreeMap<String, String>>) -> Self {
        Self(ids)
    }
}

impl From<ImageList> for Arc<BTreeMap<String, String>> {
    fn from(list: ImageList) -> Self {
        list.0
    }
}

fn with_algorithm(id: &str) -> String {
    if id.contains(':') { id.to_owned() } else { format!("sha256:{id}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_by_any_form_of_their_names() {
        let crictl = br#"{"images":[{"id":"sha256:aa","repoTags":["docker.io/library/todo:1"]},{"id":"sha256:bb"}]}"#;
        let minikube =
            br#"[{"id":"aa","repoTags":["docker.io/library/todo:1","ghcr.io/me/x:2"]},{"id":"b","repoTags":null}]"#;
        for list in [
            ImageList::of_crictl(crictl).unwrap(),
            ImageList::of_json(minikube).unwrap(),
            ImageList::of_lines("sha256:aa todo:1\nsha256:cc <none>:<none>\nnonsense\n"),
        ] {
            assert_eq!(list.id("todo:1"), Some("sha256:aa"), "{list:?}");
            assert_eq!(list.id("docker.io/todo:1"), Some("sha256:aa"), "{list:?}");
            assert_eq!(list.id("todo:2"), None);
        }
        assert!(ImageList::of_crictl(b"no JSON").unwrap_err().message.contains("crictl images"));
    }
}
