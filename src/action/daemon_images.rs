//! Images of the Docker daemon that a step has seen.

use super::{Presence, StepContext};
use crate::error::Failure;

impl StepContext {
    /// Returns whether the daemon's image `name` is still the one that the last run recorded as `id`; it may have
    /// recorded neither.
    pub async fn probe_image(&self, name: Option<&str>, id: Option<&str>) -> Result<Presence, Failure> {
        let (Some(name), Some(id)) = (name, id) else {
            return Ok(Presence::Missing("the last run recorded no image".into()));
        };
        Ok(match self.tools().image_id(name).await? {
            Some(found) if found == id => Presence::Present,
            Some(_) => Presence::Missing(format!("`{name}` now refers to a different image")),
            None => Presence::Missing(format!("the image `{name}` is gone")),
        })
    }
}
