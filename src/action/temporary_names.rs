//! What exists only while a step runs, in the Docker daemon: whose it is, and what killed runs left of it.

use super::StepContext;
use crate::tools::checkout_id;
use crate::tools::docker::Docker;
use crate::tools::docker::build::Owner;

impl StepContext {
    /// The run that temporary names are marked with; `None` outside of a run.
    pub fn name_owner(&self) -> Option<Owner> {
        let (run, checkout) = self.run().zip(checkout_id(self.tools().state_dir()))?;
        Some(Owner { checkout, run: run.id.clone() })
    }

    /// Removes the temporary names of images that killed runs of this checkout left; if that fails, the step's log says
    /// so.
    pub async fn remove_left_names(&self, docker: &Docker) {
        let Some((run, owner)) = self.run().zip(self.name_owner()) else { return };
        let removing =
            self.unless_cancelled("removing what killed runs left", docker.remove_leftovers(&owner, &*run.has_ended));
        for remark in removing.await.unwrap_or_else(|failure| vec![failure.to_string()]) {
            self.line(&remark);
        }
    }

    /// Removes the containers and networks that killed runs of this checkout left; if that fails, the step's log says
    /// so.
    pub async fn remove_left_containers(&self, docker: &Docker) {
        let Some((run, owner)) = self.run().zip(self.name_owner()) else { return };
        let removing = docker.remove_left_containers(&owner, &*run.has_ended);
        let removing = self.unless_cancelled("removing what killed runs left", removing);
        for remark in removing.await.unwrap_or_else(|failure| vec![failure.to_string()]) {
            self.line(&remark);
        }
    }
}
