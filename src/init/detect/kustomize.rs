//! Kustomizations: the folders with a `kustomization.yaml`, and what they are made of.

use serde_json::Value;

use super::detector::{Detector, aside};
use crate::init::findings::{Findings, Kustomization};
use crate::init::repository::{Repository, folder_of, join, name_of, shown};

pub(super) const DETECTOR: Detector = Detector { detect };

/// The names that kustomize looks for.
pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files().filter(|path| NAMES.contains(&name_of(path))) {
        let folder = folder_of(path);
        if let Some(why) = aside(path) {
            findings.leave_out(shown(folder), why);
            continue;
        }
        let Some(document) = repository.yaml(path).into_iter().next() else { continue };
        let list = |key: &str| {
            let list = document.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            list.into_iter().filter_map(|one| one.as_str().map(str::to_owned))
        };
        let (mut resources, mut remote) = (Vec::new(), Vec::new());
        for one in list("resources").chain(list("bases")).chain(list("components")) {
            match join(folder, &one).filter(|path| repository.has(path)) {
                Some(path) => resources.push(path),
                None => remote.push(one),
            }
        }
        let charts = document.get("helmCharts").and_then(Value::as_array).into_iter().flatten();
        remote.extend(charts.filter_map(|chart| chart.get("repo").and_then(Value::as_str).map(str::to_owned)));
        let is_component = document.get("kind").and_then(Value::as_str) == Some("Component");
        findings.kustomizations.push(Kustomization { folder: folder.to_owned(), resources, remote, is_component });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    #[test]
    fn what_a_kustomization_is_made_of_is_known() {
        let (_dir, repository) = repository(&[
            ("k/base/kustomization.yaml", "resources: [a.yaml, https://example.com/x.yaml]\n"),
            ("k/base/a.yaml", "kind: A\n"),
            ("k/dev/kustomization.yml", "bases: [../base]\n"),
            ("k/part/kustomization.yaml", "kind: Component\n"),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let shown: Vec<String> = findings
            .kustomizations
            .iter()
            .map(|one| format!("{} {:?} {:?} {}", one.folder, one.resources, one.remote, one.is_component))
            .collect();
        assert_eq!(
            shown,
            [
                r#"k/base ["k/base/a.yaml"] ["https://example.com/x.yaml"] false"#,
                r#"k/dev ["k/base"] [] false"#,
                "k/part [] [] true",
            ]
        );
    }
}
