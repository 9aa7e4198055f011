//! Pulling an image that the daemon lacks.

use bollard::query_parameters::CreateImageOptions;
use futures_util::StreamExt;

use super::{Docker, Image, failure};
use crate::error::{Failure, ids};

impl Docker {
    /// Returns the image `name`; one that the daemon lacks it pulls, without a login. Dropping the call ends that too.
    pub async fn image_or_pull(&self, name: &str, on_pull: impl FnOnce()) -> Result<Image, Failure> {
        if let Some(image) = self.image(name).await? {
            return Ok(image);
        }
        on_pull();
        let what = format!("pulling the image `{name}`, which the Docker daemon lacks");
        let hint = |failure: Failure| {
            // A daemon that went away says nothing of the image.
            let failure = if failure.id.is_some() { failure } else { failure.with_id(ids::IMAGE_PULL_FAILED) };
            failure.hint(format!("build it first, or pull it yourself: `docker pull {name}`"))
        };
        let options = CreateImageOptions { from_image: Some(name.to_owned()), ..CreateImageOptions::default() };
        let mut reports = Box::pin(self.client.create_image(Some(options), None, None));
        while let Some(report) = self.attend(&what, reports.next()).await? {
            report.map_err(|error| hint(failure::of_call(what.clone(), &error)))?;
        }
        let found = self.image(name).await?;
        found.ok_or_else(|| hint(Failure::failed(what).cause("the daemon has pulled it and does not have it")))
    }
}
