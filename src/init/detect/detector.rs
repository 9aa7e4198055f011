//! [`Detector`], and which folders hold nothing that is deployed.

use crate::init::findings::Findings;
use crate::init::repository::Repository;

/// Finds one kind of thing.
pub(super) struct Detector {
    /// Adds what it finds.
    pub(super) detect: fn(&Repository, &mut Findings),
}

/// Names of folders, and what they hold instead of a part of the application.
const ASIDE: &[(&str, &str)] = &[
    ("test", "it is a test's"),
    ("tests", "it is a test's"),
    ("testing", "it is a test's"),
    ("testdata", "it is a test's"),
    ("__tests__", "it is a test's"),
    ("e2e", "it is a test's"),
    ("cypress", "it is a test's"),
    ("playwright", "it is a test's"),
    ("fixtures", "it is a test's"),
    ("integration-tests", "it is a test's"),
    ("load-tests", "it is a test's"),
    ("benchmarks", "it is a benchmark's"),
    ("docs", "it belongs to the documentation"),
    ("doc", "it belongs to the documentation"),
    ("website", "it belongs to the documentation"),
    ("examples", "it is an example"),
    ("example", "it is an example"),
    ("samples", "it is an example"),
    ("vendor", "it belongs to somebody else's code"),
    ("tilt_modules", "it belongs to somebody else's code"),
    ("third_party", "it belongs to somebody else's code"),
    ("third-party", "it belongs to somebody else's code"),
    ("generated", "it is generated"),
    ("gen", "it is generated"),
    (".devcontainer", "it is for the development environment"),
    (".github", "it is for the automation"),
    (".circleci", "it is for the automation"),
    (".gitlab", "it is for the automation"),
    (".specify", "it is a template"),
    ("templates", "it is a template"),
    ("cookiecutter", "it is a template"),
];

/// Why what is at `path` is probably no part of the application, judged by the folders that it is in.
pub(in crate::init) fn aside(path: &str) -> Option<&'static str> {
    let (folders, _) = path.rsplit_once('/')?;
    // The name of the folder is filled in once the template is used.
    if folders.split('/').any(|folder| folder.starts_with("{{") || folder.starts_with("{%")) {
        return Some("it is a template");
    }
    let is_in = |name: &str| folders.split('/').any(|folder| folder.eq_ignore_ascii_case(name));
    ASIDE.iter().find(|(name, _)| is_in(name)).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beside_the_application_is_known_by_its_folders() {
        assert_eq!(aside("a/tests/Dockerfile"), Some("it is a test's"));
        assert_eq!(aside("vendor/x/Dockerfile"), Some("it belongs to somebody else's code"));
        assert_eq!(aside("api/gen/Dockerfile"), Some("it is generated"));
        assert_eq!(aside("k8s/generated/all.yaml"), Some("it is generated"));
        assert_eq!(aside("{{project.slug}}/compose/Dockerfile"), Some("it is a template"));
        assert_eq!(aside("a${{ x }}/Dockerfile"), None);
        assert_eq!(aside("src/generator/Dockerfile"), None);
        assert_eq!(aside("src/frontend/Dockerfile"), None);
        assert_eq!(aside("tests"), None);
    }
}
