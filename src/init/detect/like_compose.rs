//! Files that are written for compose and are not called so, such as `src/main/docker/app.yml`.

use serde_json::Value;

use super::compose::is_compose;
use super::detector::{Detector, aside};
use crate::init::findings::Findings;
use crate::init::repository::{Repository, folder_of, has_extension, name_of, words_of};

pub(super) const DETECTOR: Detector = Detector { detect };

fn detect(repository: &Repository, findings: &mut Findings) {
    let is_of_docker = |path: &&str| {
        has_extension(path, &["yaml", "yml"])
            && words_of(folder_of(path)).any(|word| matches!(word, "docker" | "compose"))
            && !is_compose(name_of(path))
            && aside(path).is_none()
    };
    let found = repository.files().filter(is_of_docker).filter(|path| repository.yaml(path).iter().any(has_services));
    findings.like_compose.extend(found.map(str::to_owned));
}

/// Whether a document has services, each of them with an image, a build, or another one that it extends.
fn has_services(document: &Value) -> bool {
    let services = document.get("services").and_then(Value::as_object);
    let is_one = |service: &Value| ["image", "build", "extends"].iter().any(|key| service.get(key).is_some());
    services.is_some_and(|services| !services.is_empty() && services.values().all(is_one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    #[test]
    fn what_is_written_for_compose_is_known_by_its_services() {
        let services = "services: {app: {image: shop}, db: {extends: {file: db.yml, service: db}}}\n";
        let (_dir, repository) = repository(&[
            ("src/main/docker/app.yml", services),
            ("src/main/docker/compose.yml", services),
            ("src/main/docker/metrics.yml", "services: [{image: x}]\n"),
            ("src/main/docker/routes.yml", "services: {app: {url: x}}\n"),
            ("config/app.yml", services),
            ("tests/docker/app.yml", services),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        assert_eq!(findings.like_compose, ["src/main/docker/app.yml"]);
    }
}
