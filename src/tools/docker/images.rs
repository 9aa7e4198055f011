//! Images of the daemon.

use std::collections::HashMap;
use std::pin::Pin;

use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions, TagImageOptions};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use super::{Docker, failure};
use crate::error::Failure;
use crate::model::human_bytes;

/// An image that the daemon has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its id: `sha256:` and 64 hexadecimal digits.
    pub id: String,
    /// Its size in bytes as the daemon reports it. A daemon that keeps images in containerd counts its compressed
    /// layers too: see [`Docker::unpacked_size`].
    pub size: u64,
    /// Its architecture: `amd64`.
    pub architecture: String,
    /// The digests of its layers as they are unpacked, the lowest first.
    pub layers: Vec<String>,
    /// Whether the id is that of a manifest, as with daemons that keep images in containerd. A node then reports
    /// another id, that of the configuration.
    pub is_manifest: bool,
}

/// A name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImage {
    /// The name with its tag.
    pub name: String,
    /// The image's id.
    pub id: String,
    /// When it was created, in seconds since the Unix epoch.
    pub created: i64,
    /// Its size in bytes, as the daemon reports it.
    pub size: u64,
}

impl Image {
    /// The first twelve digits of the id, as the docker program shows them.
    pub fn short_id(&self) -> &str {
        let digits = self.id.rsplit(':').next().unwrap_or_default();
        digits.get(..12).unwrap_or(digits)
    }
}

/// The archive of an image, as it comes from the daemon.
pub type ImageBytes = Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>;

impl Docker {
    /// Returns the image `name`, which may be an id; `None` where there is none.
    pub async fn image(&self, name: &str) -> Result<Option<Image>, Failure> {
        let found = self.call(|| format!("inspecting the image `{name}`"), async {
            match self.client.inspect_image(name).await {
                Err(error) if failure::is_not_found(&error) => Ok(None),
                other => other.map(Some),
            }
        });
        let Some(found) = found.await? else { return Ok(None) };
        Ok(Some(Image {
            id: found.id.unwrap_or_default(),
            size: found.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            architecture: found.architecture.unwrap_or_default(),
            layers: found.root_fs.and_then(|fs| fs.layers).unwrap_or_default(),
            is_manifest: found.descriptor.is_some(),
        }))
    }

    /// Returns the label `label` of the image `name`: the containers of that image inherit it.
    pub async fn image_label(&self, name: &str, label: &str) -> Result<Option<String>, Failure> {
        let found = self.call(|| format!("reading the labels of the image `{name}`"), async {
            match self.client.inspect_image(name).await {
                Err(error) if failure::is_not_found(&error) => Ok(None),
                other => other.map(Some),
            }
        });
        let labels = found.await?.and_then(|image| image.config).and_then(|config| config.labels);
        Ok(labels.and_then(|mut labels| labels.remove(label)))
    }

    /// Gives the image `id` the name `repository:tag`.
    pub async fn tag(&self, id: &str, repository: &str, tag: &str) -> Result<(), Failure> {
        let options = TagImageOptions { repo: Some(repository.to_owned()), tag: Some(tag.to_owned()) };
        self.call(|| format!("naming the image {id} `{repository}:{tag}`"), self.client.tag_image(id, Some(options)))
            .await
    }

    /// Returns the names with tags of all images, in no order.
    pub async fn image_names(&self) -> Result<Vec<String>, Failure> {
        let listing = self.client.list_images(None::<ListImagesOptions>);
        let images = self.call(|| "listing the images of the Docker daemon".into(), listing).await?;
        Ok(images.into_iter().flat_map(|image| image.repo_tags).collect())
    }

    /// Returns the images with names in `repository`, one for each name.
    pub async fn images_of(&self, repository: &str) -> Result<Vec<NamedImage>, Failure> {
        let filters = HashMap::from([("reference".to_owned(), vec![repository.to_owned()])]);
        let options = ListImagesOptions { filters: Some(filters), ..ListImagesOptions::default() };
        let listing = self.client.list_images(Some(options));
        let found = self.call(|| format!("listing the images of `{repository}`"), listing).await?;
        let prefix = format!("{repository}:");
        let named = found.into_iter().flat_map(|image| {
            let (id, created) = (image.id, image.created);
            let size = u64::try_from(image.size).unwrap_or_default();
            image.repo_tags.into_iter().map(move |name| NamedImage { name, id: id.clone(), created, size })
        });
        Ok(named.filter(|image| image.name.starts_with(&prefix)).collect())
    }

    /// Removes the name `name`, and with its last name the image; no error where there is none. The caller decides by
    /// [`crate::tools::deletion`].
    pub async fn remove_image(&self, name: &str) -> Result<(), Failure> {
        let removing = async {
            match self.client.remove_image(name, None::<RemoveImageOptions>, None).await {
                Err(error) if failure::is_not_found(&error) => Ok(()),
                other => other.map(drop),
            }
        };
        self.call(|| format!("removing the image `{name}`"), removing).await
    }

    /// Returns the size of the image's layers as they are unpacked, all together: the same with every daemon.
    pub async fn unpacked_size(&self, image: &Image) -> Result<u64, Failure> {
        if !image.is_manifest {
            return Ok(image.size);
        }
        Ok(self.layer_sizes(&image.id).await?.iter().sum())
    }

    /// Returns the sizes of the layers of the image `name` as they are unpacked, the newest first; empty ones may be
    /// missing.
    pub async fn layer_sizes(&self, name: &str) -> Result<Vec<u64>, Failure> {
        let history = self.call(|| format!("reading the history of `{name}`"), self.client.image_history(name)).await?;
        Ok(history.into_iter().filter_map(|layer| u64::try_from(layer.size).ok().filter(|size| *size > 0)).collect())
    }

    /// Returns the `n` biggest layers of the image `name`, a line each: size and the instruction that created it.
    pub async fn biggest_layers(&self, name: &str, n: usize) -> Result<Vec<String>, Failure> {
        let history = self.call(|| format!("reading the history of `{name}`"), self.client.image_history(name)).await?;
        let mut layers: Vec<_> = history
            .into_iter()
            .map(|layer| (u64::try_from(layer.size).unwrap_or(0), layer.created_by))
            .filter(|(size, _)| *size > 0)
            .collect();
        layers.sort_unstable_by(|a, b| b.cmp(a));
        layers.truncate(n);
        let line = |(size, made_by): (u64, String)| {
            let made_by: String = made_by.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{:>9}  {}", human_bytes(size), made_by.chars().take(100).collect::<String>())
        };
        Ok(layers.into_iter().map(line).collect())
    }

    /// Exports the image `name` as `docker save` does. Ends after the first error.
    pub fn export(&self, name: &str) -> ImageBytes {
        let what = format!("reading the image `{name}` from the Docker daemon");
        let start = (self.clone(), what, Some(Box::pin(self.client.export_image(name))));
        Box::pin(stream::unfold(start, |(docker, what, stream)| async move {
            let mut stream = stream?;
            match docker.attend(&what, stream.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(piece))) => Some((Ok(piece), (docker, what, Some(stream)))),
                Ok(Some(Err(error))) => Some((Err(failure::of_call(what.clone(), &error)), (docker, what, None))),
                Err(failure) => Some((Err(failure), (docker, what, None))),
            }
        }))
    }
}
