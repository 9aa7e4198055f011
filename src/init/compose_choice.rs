//! [`ordered`]: which of several compose files is the one that the application is started with.

use std::collections::BTreeSet;

use super::findings::{ComposeFile, ComposeService, Findings, image_name};
use super::images::ImageBuild;
use super::matching::{is_public, recognised_images};
use super::repository::{folder_of, is_for_development};

/// Returns the compose files, first the one that is started: it has what is built here, and of several such files it is
/// the one that is not for development, then the one that builds something itself, then the nearest to the
/// repository's folder.
pub(super) fn ordered<'a>(files: &'a [ComposeFile], builds: &[ImageBuild]) -> Vec<&'a ComposeFile> {
    let mut files: Vec<&ComposeFile> = files.iter().collect();
    files.sort_by_cached_key(|file| {
        let first = file.paths.first().map_or("", String::as_str);
        let is_built = file.services.iter().any(|service| service.is_built && service.is_started());
        let has_built = !registered(file, builds, &mut Vec::new()).is_empty();
        (
            !(is_built || has_built),
            is_for_development(first),
            !is_built,
            !has_built,
            first.matches('/').count(),
            first.to_owned(),
        )
    });
    files
}

/// Whether a service of the file is built so.
pub(super) fn is_built_by(file: &ComposeFile, build: &ImageBuild) -> bool {
    let is_it = |service: &ComposeService| {
        service.is_built && build.services.iter().any(|(by, name)| *by == service.by && *name == service.name)
    };
    file.services.iter().any(is_it)
}

/// The images that services have from a registry and that are built here, each with its build.
pub(super) fn registered(file: &ComposeFile, builds: &[ImageBuild], doubts: &mut Vec<String>) -> Vec<(String, usize)> {
    let images: BTreeSet<String> = file.services.iter().filter_map(|service| service.image.clone()).collect();
    let place = file.paths.first().map_or("", |first| folder_of(first));
    let mut named: Vec<(String, usize)> = recognised_images(builds, &images, place, doubts).into_iter().collect();
    // Another file builds what this service has from a registry.
    for service in &file.services {
        let Some(image) = service.image.as_ref().filter(|image| !is_public(image_name(image))) else { continue };
        let is_of_it =
            |(name, path): &(String, String), build: &ImageBuild| *name == service.name && *path == build.dockerfile;
        let is_made_by = |build: &ImageBuild| {
            let has_name = build.services.iter().any(|(_, name)| *name == service.name);
            has_name || file.built_beside.iter().any(|one| is_of_it(one, build))
        };
        let mut makers = (0..builds.len()).filter(|at| is_made_by(&builds[*at]));
        if let (Some(at), None, false) = (makers.next(), makers.next(), named.iter().any(|(known, _)| known == image)) {
            named.push((image.clone(), at));
        }
    }
    named.retain(|(image, at)| !image.contains('@') && !is_built_by(file, &builds[*at]));
    named
}

/// Takes away what only compose files for development build where another one is started, and says so.
pub(super) fn drop_development(findings: &mut Findings, builds: &mut Vec<ImageBuild>) {
    let left_out = {
        let files = ordered(&findings.compose, builds);
        let Some(chosen) = files.first().filter(|file| !is_of_development(file)) else { return };
        let used: BTreeSet<usize> = registered(chosen, builds, &mut Vec::new()).into_iter().map(|(_, at)| at).collect();
        let only = |(at, build): (usize, &ImageBuild)| {
            let other = files.iter().find(|file| is_of_development(file) && is_built_by(file, build))?;
            let is_needed = used.contains(&at) || build.is_base || is_built_by(chosen, build);
            let path = other.paths.first().map_or("", String::as_str);
            (!is_needed).then(|| (at, format!("only `{path}` builds it, which is for development")))
        };
        builds.iter().enumerate().filter_map(only).collect::<Vec<_>>()
    };
    for (at, why) in left_out.into_iter().rev() {
        let build = builds.remove(at);
        findings.leave_out(&build.dockerfile, why);
    }
}

fn is_of_development(file: &ComposeFile) -> bool {
    file.paths.first().is_some_and(|path| is_for_development(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::detect::detect;
    use crate::init::images::image_builds;
    use crate::init::testing::repository;

    /// The compose files in their order, the images that are left, and the Dockerfiles that are left out.
    fn found(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let (_dir, repository) = repository(files);
        let mut findings = detect(&repository);
        let mut builds = image_builds(&repository, &mut findings, "shop", false);
        drop_development(&mut findings, &mut builds);
        let order = ordered(&findings.compose, &builds).iter().map(|file| file.paths[0].clone()).collect();
        let ids = builds.iter().map(|build| build.id.clone()).collect();
        (order, ids, findings.left_out.iter().map(|one| one.path.clone()).collect())
    }

    const DEV: &str =
        "services:\n  mail: {build: {context: ., dockerfile: Dockerfile.mail}}\n  db: {image: postgres}\n";

    #[test]
    fn a_file_for_production_comes_before_one_for_development() {
        let files = [
            ("docker/Dockerfile", "FROM a\n"),
            ("docker/development/Dockerfile.mail", "FROM a\n"),
            ("docker/development/compose.yml", DEV),
            ("docker/production/compose.yml", "services: {shop: {image: \"acme/shop:1\"}, db: {image: postgres}}\n"),
        ];
        let (order, builds, left_out) = found(&files);
        assert_eq!(order[0], "docker/production/compose.yml");
        assert_eq!((builds, left_out), (vec!["app".to_owned()], vec!["docker/development/Dockerfile.mail".to_owned()]));
    }

    #[test]
    fn a_service_of_the_name_that_another_file_builds_has_that_image() {
        let published =
            |image: &str| format!("services: {{shop-web: {{image: \"{image}\"}}, db: {{image: postgres}}}}\n");
        for (image, n_built) in [("registry.example.com/shop:4", 1), ("nginx:1", 0), ("shop:4@sha256:0", 0)] {
            let (_dir, repository) = repository(&[
                ("compose.yml", published(image)),
                (
                    "compose.build.yml",
                    "services: {shop-web: {build: {context: ., dockerfile: front/Dockerfile}}}\n".into(),
                ),
                ("front/Dockerfile", "FROM a\nCOPY front .\n".into()),
                ("jobs/Dockerfile", "FROM a\n".into()),
            ]);
            let mut findings = detect(&repository);
            let builds = image_builds(&repository, &mut findings, "x", false);
            let named = registered(&findings.compose[0], &builds, &mut Vec::new());
            assert_eq!(named.len(), n_built, "{image}: {named:?}");
        }
    }

    #[test]
    fn a_file_for_development_is_started_where_no_other_one_has_what_is_built() {
        let files = [
            ("compose.dev.yml", "services: {web: {build: .}}\n"),
            ("Dockerfile", "FROM a\n"),
            ("monitoring/compose.yml", "services: {metrics: {image: prom/prometheus}}\n"),
        ];
        let (order, builds, left_out) = found(&files);
        assert_eq!((order[0].as_str(), builds.len(), left_out.len()), ("compose.dev.yml", 1, 0));
    }
}
