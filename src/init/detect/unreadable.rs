//! Files whose names say what they are, and which can't be read: what is in them is missing, and that has to be known.

use super::detector::{Detector, aside};
use super::skaffold::is_skaffold;
use super::{compose, kustomize};
use crate::init::findings::Findings;
use crate::init::repository::{Repository, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files() {
        let name = name_of(path);
        let is_named =
            name == "Chart.yaml" || kustomize::NAMES.contains(&name) || is_skaffold(name) || compose::is_compose(name);
        // What is aside is left out for that.
        if !is_named || aside(path).is_some() {
            continue;
        }
        if let Err(why) = repository.documents(path) {
            findings.leave_out(path, format!("it can't be read: {}", why.trim_start_matches("it can't be read: ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::init::detect::detect;
    use crate::init::testing::repository;

    #[test]
    fn a_file_that_can_not_be_read_is_named_with_the_place() {
        let (_dir, repository) = repository(&[
            ("skaffold.yaml", "build: [\n"),
            ("chart/Chart.yaml", "name: [\n"),
            ("k8s/kustomization.yaml", "resources: [\n"),
            ("compose.yaml", "services:\n  web:\n    image: [\n"),
            ("compose.empty.yaml", ""),
            ("tests/Chart.yaml", "name: [\n"),
            ("other.yaml", "name: [\n"),
        ]);
        let findings = detect(&repository);
        let out: Vec<&str> = findings.left_out.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(out, ["chart/Chart.yaml", "compose.yaml", "k8s/kustomization.yaml", "skaffold.yaml"]);
        for one in &findings.left_out {
            assert!(one.why.starts_with("it can't be read: ") && one.why.contains("line "), "{one:?}");
        }
    }
}
