//! Which images are in use: by the steps of this checkout, by those of others, and by containers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::environments;
use crate::cli::project::Project;
use crate::error::{Context, Failure};
use crate::journal::{History, read_early, read_history};
use crate::tools::docker::{Docker, NamedImage};
use crate::tools::git;

/// The facts of a step with the image that it has named by its content.
const IMAGE: &str = "image";
const ID: &str = "id";

/// Images that nobody may remove.
#[derive(Debug, Default)]
pub(super) struct InUse {
    /// Those that a step has made last.
    pub(super) names: BTreeSet<String>,
    /// The ids of those that a container has.
    pub(super) ids: BTreeSet<String>,
}

impl InUse {
    /// Finds them: `current` are those of this checkout.
    pub(super) async fn find(project: &Project, docker: &Docker, current: &BTreeSet<String>) -> Result<Self, Failure> {
        let mut names = current.clone();
        for state_dir in others(project.tools.root(), project.tools.state_dir())? {
            let what = || format!("reading what `{}` uses", state_dir.display());
            let history = read_history(&state_dir, read_early(&state_dir));
            names.extend(named_by(&history.map_err(|failure| failure.while_doing(what()))?));
        }
        Ok(Self { names, ids: docker.images_of_containers().await? })
    }

    /// Whether an image is one of them.
    pub(super) fn has(&self, image: &NamedImage) -> bool {
        self.names.contains(&image.name) || self.ids.contains(&image.id)
    }
}

/// The images that steps have made last, in whatever profile.
pub(super) fn named_by(history: &History) -> BTreeSet<String> {
    let outputs = history.all_steps().filter_map(|known| known.last_success.as_ref()).map(|end| &end.output);
    let with_image = outputs.filter(|output| output.get(ID).is_some());
    with_image.filter_map(|output| output.get(IMAGE)).map(str::to_owned).collect()
}

/// The state folders of other checkouts that are there: of the environments of this user, and of the repository's work
/// trees.
fn others(root: &Path, own: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let trees = git::other_work_trees(root).context(|| "looking for other work trees of the repository".into())?;
    let of_trees = trees.into_iter().map(|root| root.join(".provision"));
    let all = environments::state_dirs()?.into_iter().chain(of_trees);
    let own = fs_err::canonicalize(own).unwrap_or_else(|_| own.to_owned());
    // One that is not there has no journal.
    let there: BTreeSet<PathBuf> = all.filter_map(|folder| fs_err::canonicalize(folder).ok()).collect();
    Ok(there.into_iter().filter(|folder| *folder != own).collect())
}
