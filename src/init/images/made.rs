//! [`made_builds`]: the images that programs make without a Dockerfile, each once.

use std::collections::BTreeSet;

use super::image_build::{ImageBuild, word_of};
use crate::init::findings::{Dockerfile, MadeImage, Package};
use crate::init::repository::{folder_of, join, name_of};

/// Returns them. Where a Dockerfile is beside a package that only could be made so, it is the Dockerfile that counts.
pub(super) fn made_builds(made: &[MadeImage], dockerfiles: &[Dockerfile], packages: &[Package]) -> Vec<ImageBuild> {
    let mut builds: Vec<ImageBuild> = Vec::new();
    let has_dockerfile =
        |folder: &str| dockerfiles.iter().any(|file| file.aside.is_none() && folder_of(&file.path) == folder);
    // What a tool that deploys says comes first, then what a command line says, then what only could be.
    let mut made: Vec<&MadeImage> = made.iter().collect();
    made.sort_by_key(|one| (!one.is_exact(), one.is_package(), one.by.matches('/').count()));
    for one in made {
        if let Some(known) = builds.iter_mut().find(|known| known.made.as_ref().is_some_and(|made| made.is_same(one))) {
            known
                .names
                .extend(one.image.iter().filter(|name| !known.names.contains(name)).cloned().collect::<Vec<_>>());
            continue;
        }
        if !one.is_exact() && has_dockerfile(&one.source) {
            continue;
        }
        let beside = |package: &&Package| {
            let is_other = one.is_of_maven() && package.language == "Java" && name_of(&package.file) != "pom.xml";
            folder_of(&package.file) == one.source && !is_other
        };
        let file = packages.iter().find(beside).map(|package| package.file.clone());
        let dockerfile =
            file.unwrap_or_else(|| if one.source.is_empty() { one.by.clone() } else { one.source.clone() });
        let image = one.image.as_deref().filter(|name| !name.contains("://"));
        let own = word_of(&join(&one.source, "Dockerfile").unwrap_or_default(), image);
        let mut words = BTreeSet::from([own.clone(), name_of(&one.source).to_owned()]);
        words.extend(
            packages
                .iter()
                .filter(beside)
                .filter_map(|package| package.name.as_deref())
                .map(|name| name_of(name).to_owned()),
        );
        words.extend(one.image.iter().map(|name| name_of(name).to_owned()));
        words.retain(|word| !word.is_empty());
        // A Dockerfile there makes another one.
        let maker = one.maker.split(' ').next().unwrap_or_default().to_lowercase();
        let id = if has_dockerfile(&one.source) { format!("{own}-{maker}") } else { own };
        builds.push(ImageBuild {
            id,
            dockerfile,
            names: one.image.iter().cloned().collect(),
            words,
            has_exact_names: one.is_exact(),
            made: Some(one.clone()),
            ..ImageBuild::default()
        });
    }
    builds
}

impl MadeImage {
    /// Whether the file that says it also deploys the image by its name.
    fn is_exact(&self) -> bool {
        name_of(&self.by).starts_with("skaffold") || name_of(&self.by) == "Tiltfile"
    }

    /// Whether nothing but the package itself says it.
    fn is_package(&self) -> bool {
        folder_of(&self.by) == self.source
            && matches!(name_of(&self.by), "pom.xml" | "build.gradle" | "build.gradle.kts")
    }

    /// Whether another one is made from the same; commands may make several of one folder.
    fn is_same(&self, other: &Self) -> bool {
        let is_command = self.maker == other.maker && !self.env.is_empty();
        self.source == other.source && (!is_command || self.image == other.image)
    }
}
