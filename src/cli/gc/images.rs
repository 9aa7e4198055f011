//! The images that `provision gc` removes: older ones of the steps that build some, by their number and their size.

use std::collections::{BTreeMap, BTreeSet};

use super::in_use::{self, InUse};
use crate::cli::args::GcArgs;
use crate::cli::output::Terminal;
use crate::cli::project::Project;
use crate::error::{Context, Failure};
use crate::images::{built, keep_built};
use crate::journal::History;
use crate::model::human_bytes;
use crate::tools::deletion::{Consent, Deletion, Proof};
use crate::tools::docker::NamedImage;

/// Which images stay besides those that are in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// How many of each name.
    n: usize,
    /// What all images together may take, those in use included; `None` without a limit.
    most: Option<u64>,
}

impl Kept {
    pub(super) fn of(args: &GcArgs) -> Self {
        Self { n: args.images, most: args.images_size.map(|size| size.as_u64()) }
    }
}

/// Returns the older images that steps of this checkout have built; none, and why, where it is not known which ones are
/// in use.
pub(super) async fn old(
    project: &Project,
    history: &History,
    kept: Kept,
) -> Result<(Vec<NamedImage>, Option<Failure>), Failure> {
    let current = in_use::named_by(history);
    let repositories: BTreeSet<&str> = current.iter().filter_map(|name| Some(name.rsplit_once(':')?.0)).collect();
    if repositories.is_empty() {
        return Ok((Vec::new(), None));
    }
    let docker = project.tools.docker().await?;
    // What is not known to be unused stays.
    let in_use = match InUse::find(project, docker, &current).await {
        Ok(in_use) => in_use,
        Err(failure) => {
            let unknown = failure.while_doing("no image is removed: it is not known which ones are in use");
            return Ok((Vec::new(), Some(unknown)));
        }
    };
    let mut images = Vec::new();
    for repository in repositories {
        images.extend(docker.images_of(repository).await?);
    }
    // Another checkout, of whichever project and user, may call its images the same.
    let ours = ours(project, &current)?;
    images.retain(|image| ours.contains(&image.name));
    Ok((old_images(images, &in_use, kept), None))
}

/// Returns the names of the images that this checkout has built; `current` are those that its journal has.
fn ours(project: &Project, current: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
    let known = built(project.tools.state_dir()).context(|| "reading which images this checkout has built".into())?;
    Ok(known.union(current).cloned().collect())
}

/// Removes the names of older images of the steps that build some. Returns the exit code.
pub(super) async fn remove(
    terminal: &Terminal,
    project: &Project,
    history: &History,
    kept: Kept,
) -> Result<(u8, usize), Failure> {
    let (images, unknown) = old(project, history, kept).await?;
    if let Some(failure) = unknown {
        terminal.show_failure(&failure);
        return Ok((1, 0));
    }
    if images.is_empty() {
        return Ok((0, 0));
    }
    let docker = project.tools.docker().await?;
    let (mut code, mut n_removed, mut left) = (0, 0, ours(project, &in_use::named_by(history))?);
    for image in images {
        let deletion = deletion(&image, &left);
        let removed = match deletion.permit(Consent::None) {
            // The daemon refuses to remove one that a container uses.
            Ok(()) => docker.remove_image(&image.name).await,
            refused => refused,
        };
        match removed {
            Ok(()) => {
                left.remove(&image.name);
                n_removed += 1;
                terminal.note([format!("removed the image {} ({})", image.name, human_bytes(image.size))]);
            }
            Err(failure) => {
                code = 1;
                terminal.show_failure(&failure.while_doing(format!("{} stays", deletion.subject)));
            }
        }
    }
    keep_built(project.tools.state_dir(), &left).context(|| "noting which images are left".into())?;
    Ok((code, n_removed))
}

/// Returns the images that go, the oldest first: named by their content, as only provision names them, and none that is
/// in use. Of each name the latest ones stay, as far as all that is left takes no more than it may.
fn old_images(mut images: Vec<NamedImage>, in_use: &InUse, kept: Kept) -> Vec<NamedImage> {
    images.retain(is_named_by_content);
    // The newest first; of the same age always in the same order.
    images.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.name.cmp(&b.name)));
    let (used, mut unused): (Vec<_>, Vec<_>) = images.into_iter().partition(|image| in_use.has(image));
    let mut n_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut old: Vec<NamedImage> = unused
        .extract_if(.., |image| {
            let n = n_of.entry(repository(image).to_owned()).or_default();
            *n += 1;
            *n > kept.n
        })
        .collect();
    while let Some(most) = kept.most
        && size(used.iter().chain(&unused)) > most
        && let Some(oldest) = unused.pop()
    {
        old.push(oldest);
    }
    old.sort_by_key(|image| image.created);
    old
}

/// What images take: one with several names counts once.
fn size<'a>(images: impl Iterator<Item = &'a NamedImage>) -> u64 {
    images.map(|image| (&image.id, image.size)).collect::<BTreeMap<_, _>>().values().sum()
}

/// The name without its tag.
fn repository(image: &NamedImage) -> &str {
    image.name.rsplit_once(':').map_or(&image.name, |(repository, _)| repository)
}

/// Whether the tag consists of the first digits of the image's id.
fn is_named_by_content(image: &NamedImage) -> bool {
    let (_, tag) = image.name.rsplit_once(':').unwrap_or_default();
    let digits = image.id.rsplit(':').next().unwrap_or_default();
    tag.len() == 12 && digits.starts_with(tag)
}

fn deletion(image: &NamedImage, built: &BTreeSet<String>) -> Deletion {
    let ours = if !is_named_by_content(image) {
        Proof::Lacking("it is not named by its content".to_owned())
    } else if !built.contains(&image.name) {
        Proof::Lacking("no step of this checkout is known to have built it".to_owned())
    } else {
        Proof::Shown
    };
    Deletion {
        subject: format!("the image `{}`", image.name),
        reason: "newer ones of it have been built".to_owned(),
        ours,
        // What was built is built again.
        empty: Proof::Shown,
        in_use: None,
        consent_covers_ownership: false,
        by_hand: format!("docker image rm {}", image.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_that_are_named_by_their_content_go_and_never_the_current_one() {
        let image = |digits: &str, tag: &str, created: i64| NamedImage {
            name: format!("shop-api:{tag}"),
            id: format!("sha256:{}", digits.repeat(64 / digits.len())),
            created,
            size: 1,
        };
        let images = vec![
            image("a", &"a".repeat(12), 1),
            image("b", &"b".repeat(12), 2),
            image("c", &"c".repeat(12), 3),
            image("d", "latest", 4),
            image("e", &"a".repeat(12), 5),
        ];
        let current = format!("shop-api:{}", "a".repeat(12));
        let old = |n_kept| {
            let in_use = InUse { names: BTreeSet::from([current.clone()]), ids: BTreeSet::new() };
            let old = old_images(images.clone(), &in_use, Kept { n: n_kept, most: None });
            old.into_iter().map(|image| image.name[9..10].to_owned()).collect::<String>()
        };
        assert_eq!(old(0), "bc");
        assert_eq!(old(1), "b");
        assert_eq!(old(9), "");
        let all = images.iter().map(|image| image.name.clone()).collect();
        let permitted = |n: usize, built| deletion(&images[n], built).permit(Consent::Given).is_ok();
        assert!(permitted(1, &all) && !permitted(3, &all) && !permitted(1, &BTreeSet::new()));
    }

    #[test]
    fn the_oldest_images_go_until_all_take_no_more_than_they_may() {
        let image = |repository: &str, digit: &str, created: i64| NamedImage {
            name: format!("{repository}:{}", digit.repeat(12)),
            id: format!("sha256:{}", digit.repeat(64)),
            created,
            size: 10,
        };
        let by_hand = NamedImage { name: "shop-api:by-hand".into(), size: 1000, ..image("", "9", 0) };
        let images = vec![
            image("shop-api", "a", 1),
            image("shop-web", "b", 2),
            image("shop-api", "c", 3),
            image("shop-web", "d", 4),
            // The same image under another name.
            image("shop-api", "d", 4),
            image("shop-api", "e", 5),
            by_hand,
        ];
        let ids = ["a", "e"].map(|digit| format!("sha256:{}", digit.repeat(64)));
        let in_use = InUse { names: BTreeSet::new(), ids: BTreeSet::from(ids) };
        let old = |n, most| {
            let old = old_images(images.clone(), &in_use, Kept { n, most });
            let names = old.iter().map(|image| format!("{}{}", &image.name[5..6], &image.name[9..10]));
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(old(9, None), "");
        assert_eq!(old(9, Some(50)), "");
        assert_eq!(old(9, Some(49)), "wb");
        assert_eq!(old(9, Some(39)), "wb ac");
        // With one of its two names nothing is won.
        assert_eq!(old(9, Some(29)), "wb ac wd ad");
        // What is in use stays, and what somebody else has named counts for nothing.
        assert_eq!(old(9, Some(0)), "wb ac wd ad");
        assert_eq!(old(1, None), "wb ac");
        assert_eq!(old(1, Some(29)), "wb ac wd ad");
    }
}
