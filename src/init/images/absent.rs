//! What is said of images that are not built.

use crate::init::findings::{DeclaredBuild, Dockerfile};

/// Why compose does not build it when the application is started.
pub(super) fn why_idle(build: &DeclaredBuild) -> String {
    let purpose = match build.profiles.join("`, `") {
        _ if build.is_test => format!("the tests of `{}` alone", build.name.as_deref().unwrap_or_default()),
        profiles => format!("the profile `{profiles}` alone, which is not started"),
    };
    format!("`{}` has it for {purpose}", build.by)
}

/// Says which files build from Dockerfiles that are not there.
pub(super) fn without_dockerfile(declared: &[DeclaredBuild], dockerfiles: &[Dockerfile]) -> Vec<String> {
    let is_there = |path: &str| dockerfiles.iter().any(|file| file.path == path);
    let said = |build: &DeclaredBuild| {
        let what = build.name.as_ref().or(build.image.as_ref()).map_or("an image", String::as_str);
        match build.dockerfile.as_deref() {
            None => {
                format!("`{}` builds `{what}` from what depends on variables: add its `docker-build` step", build.by)
            }
            Some(path) => format!("`{}` builds `{what}` from `{path}`, which is not there", build.by),
        }
    };
    let absent = declared.iter().filter(|build| build.is_exact() && !build.dockerfile.as_deref().is_some_and(is_there));
    absent.map(said).collect()
}
