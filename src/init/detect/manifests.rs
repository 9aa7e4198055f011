//! Manifests: YAML files with objects of Kubernetes, outside of charts.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::detector::{Detector, aside};
use super::kustomize;
use crate::init::findings::{Findings, ManifestFile};
use crate::init::repository::{Repository, ancestors, folder_of, has_extension, name_of};
use crate::tools::kubernetes::ManifestObjects;

pub(super) const DETECTOR: Detector = Detector { detect };

/// Kinds of files that look like objects and are read by other tools.
const NO_OBJECTS: &[&str] = &[
    "Kustomization",
    "Component",
    "Config",
    "Cluster",
    "ClusterConfiguration",
    "InitConfiguration",
    "Devfile",
    "HelmChart",
];

fn detect(repository: &Repository, findings: &mut Findings) {
    let charts: BTreeSet<&str> =
        repository.files().filter(|path| name_of(path) == "Chart.yaml").map(folder_of).collect();
    for path in repository.files() {
        let is_manifest = has_extension(path, &["yaml", "yml"]);
        let in_chart = ancestors(folder_of(path))
            .any(|folder| charts.contains(folder) && (!folder.is_empty() || path.starts_with("templates/")));
        if !is_manifest || in_chart || kustomize::NAMES.contains(&name_of(path)) {
            continue;
        }
        // Cheap first: most files are something else.
        let Some(text) = repository.text(path).filter(|text| looks_like_objects(text)) else {
            continue;
        };
        if !may_be_objects(&text) {
            continue;
        }
        if let Some(why) = aside(path) {
            findings.leave_out(path, why);
            continue;
        }
        if has_placeholders(&text) {
            findings.leave_out(path, "it has placeholders that another tool fills in");
            continue;
        }
        let objects: Vec<Value> = repository.yaml(path);
        let is_object = |object: &&Value| {
            let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
            !text("apiVersion").is_empty() && !text("kind").is_empty() && !NO_OBJECTS.contains(&text("kind"))
        };
        if objects.is_empty() {
            if let Some(why) = ManifestObjects::read(&text, "").unreadable.first() {
                findings.leave_out(path, format!("it can't be read: {}", why.trim_start_matches("a document: ")));
            }
            continue;
        }
        if objects.iter().filter(is_object).count() == objects.len() {
            findings.manifests.push(ManifestFile { path: path.to_owned(), objects });
        }
    }
}

/// Whether it begins as an object does; most YAML files are something else.
fn looks_like_objects(text: &str) -> bool {
    ["apiVersion:", "kind:"].iter().all(|key| text.lines().any(|line| line.starts_with(key)))
}

/// Whether one of its kinds may be an object's; what is another tool's is not even a template of one.
fn may_be_objects(text: &str) -> bool {
    let of_key = |key: &'static str| {
        text.lines()
            .filter_map(move |line| Some(line.strip_prefix(key)?.split(" #").next()?.trim().trim_matches(['"', '\''])))
    };
    of_key("kind:").any(|kind| !NO_OBJECTS.contains(&kind))
        && !of_key("apiVersion:").all(|api| api.starts_with("skaffold/"))
}

static PLACEHOLDER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // The value of a key, or all of a line: in scripts, alerts and dashboards the same signs mean something else.
    Regex::new(r#"(^|[\s{,])[\w./-]+:\s+["']?(\{\{|<%|[^\s"'#]*\$\{\w)|^\s*(- )?(\{\{|<%)"#).ok()
});

/// Whether another tool has to fill something in before it is a manifest; a variable in an image's name is none,
/// because the image is set anyway.
fn has_placeholders(text: &str) -> bool {
    let Some(pattern) = PLACEHOLDER.as_ref() else { return false };
    let is_image =
        |line: &str| line.trim_start().trim_start_matches("- ").starts_with("image:") && !line.contains("{{");
    text.lines().any(|line| pattern.is_match(line) && !is_image(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    #[test]
    fn objects_are_manifests_and_what_only_looks_so_is_none() {
        let object = |kind: &str| format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n");
        let (_dir, repository) = repository(&[
            ("k8s/web.yaml", object("Service")),
            ("k8s/templated.yaml", object("Service") + "spec: {x: \"{{ .Values.x }}\"}\n"),
            ("k8s/image.yaml", object("Pod") + "spec:\n  containers:\n  - image: ${REG}/web:1\n"),
            ("k8s/variable.yaml", object("Service") + "spec: {host: \"${HOST}\"}\n"),
            ("k8s/script.yaml", object("ConfigMap") + "data:\n  run: |\n    curl \"http://${HOST}\" {{ $labels.x }}\n"),
            ("skaffold.yaml", object("Config") + "tag: \"{{.TAG}}\"\n"),
            ("tests/kind.yaml", object("Cluster")),
            ("chart/Chart.yaml", "apiVersion: v2\nkind: x\nname: a\n".into()),
            ("chart/templates/web.yaml", object("Service")),
            ("tests/k8s/web.yaml", object("Service")),
            ("openapi.yaml", "a: 1\n".into()),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let found: Vec<&str> = findings.manifests.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(found, ["k8s/image.yaml", "k8s/script.yaml", "k8s/web.yaml"]);
        let out: Vec<&str> = findings.left_out.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(out, ["k8s/templated.yaml", "k8s/variable.yaml", "tests/k8s/web.yaml"]);
    }
}
