//! Reading files out of a container, which need not run.

use bollard::query_parameters::DownloadFromContainerOptions;
use futures_util::{StreamExt, stream};

use super::images::ImageBytes;
use super::{Docker, failure};
use crate::error::Failure;

impl Docker {
    /// Returns a tar archive of the folder `path` of `container`, volumes included; `None` if the container does not
    /// have it.
    pub async fn read_archive(&self, container: &str, path: &str) -> Result<Option<ImageBytes>, Failure> {
        let what = format!("reading `{path}` of the container `{container}`");
        let options = DownloadFromContainerOptions { path: path.to_owned() };
        let mut bytes = Box::pin(self.client.download_from_container(container, Some(options)));
        let first = match self.attend(&what, bytes.next()).await? {
            Some(Err(error)) if failure::is_not_found(&error) => {
                // The daemon says so of a missing path and of a missing container.
                let container = self.container(container).await?;
                return container.map(|_| None).ok_or_else(|| Failure::failed(what).cause("the container is gone"));
            }
            first => first,
        };
        let docker = self.clone();
        let pieces =
            stream::unfold((Some(first), bytes, docker, what), |(first, mut bytes, docker, what)| async move {
                let piece = match first {
                    Some(piece) => Ok(piece),
                    None => docker.attend(&what, bytes.next()).await,
                };
                let piece = match piece {
                    Ok(None) => return None,
                    Ok(Some(piece)) => piece.map_err(|error| failure::of_call(what.clone(), &error)),
                    Err(failure) => Err(failure),
                };
                Some((piece, (None, bytes, docker, what)))
            });
        Ok(Some(Box::pin(pieces)))
    }
}
