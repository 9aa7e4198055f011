//! The detectors: each finds one kind of thing, in a file of its own with a line in [`DETECTORS`].

mod charts;
mod checklists;
mod ci;
mod compose;
mod compose_external;
mod compose_load;
mod detector;
mod docker_lines;
mod dockerfiles;
mod env_example;
mod health;
mod helm_lines;
mod interpolate;
mod kustomize;
mod like_compose;
mod made;
mod made_lines;
mod manifests;
mod outward;
mod packages;
mod recipes;
mod shell_lines;
mod skaffold;
mod skaffold_release;
mod starlark;
mod tiltfile;
mod unreadable;

use super::findings::Findings;
use super::repository::Repository;
pub(super) use charts::parts;
use detector::Detector;
pub(super) use detector::aside;
pub(super) use dockerfiles::{is_called_base, suffix};
pub(super) use env_example::is_secret_name;
pub(super) use health::http_request;

/// All detectors. Only what is made without a Dockerfile depends on what others have found, the manifests; else their
/// order is of no account to what is found, only to the order in which it is listed.
const DETECTORS: &[Detector] = &[
    dockerfiles::DETECTOR,
    compose::DETECTOR,
    like_compose::DETECTOR,
    skaffold::DETECTOR,
    tiltfile::DETECTOR,
    recipes::DETECTOR,
    ci::DETECTOR,
    charts::DETECTOR,
    helm_lines::DETECTOR,
    kustomize::DETECTOR,
    manifests::DETECTOR,
    made_lines::DETECTOR,
    env_example::DETECTOR,
    packages::DETECTOR,
    checklists::DETECTOR,
    unreadable::DETECTOR,
];

/// Finds everything in a repository.
pub(super) fn detect(repository: &Repository) -> Findings {
    let mut findings = Findings::default();
    for Detector { detect } in DETECTORS {
        detect(repository, &mut findings);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_repository_has_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let findings = detect(&Repository::read(dir.path()).unwrap());
        assert!(findings.dockerfiles.is_empty() && findings.left_out.is_empty() && findings.doubts.is_empty());
    }
}
