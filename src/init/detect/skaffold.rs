//! A Skaffold file: what it builds, and what it deploys.

use serde_json::Value;

use super::detector::{Detector, aside};
use crate::init::findings::{DeclaredBuild, DeclaredDeployment, Findings, image_name};
use crate::init::repository::{Repository, folder_of, join, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files().filter(|path| matches!(name_of(path), "skaffold.yaml" | "skaffold.yml")) {
        if let Some(why) = aside(path) {
            findings.leave_out(path, why);
            continue;
        }
        for document in repository.yaml(path) {
            read(path, &document, findings);
        }
    }
}

fn read(path: &str, document: &Value, findings: &mut Findings) {
    let folder = folder_of(path);
    let list = |pointer: &str| document.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    for artifact in list("/build/artifacts") {
        let text = |pointer: &str| artifact.pointer(pointer).and_then(Value::as_str);
        // What other builders make has no Dockerfile.
        let other =
            ["jib", "ko", "bazel", "buildpacks", "custom"].iter().find(|builder| artifact.get(**builder).is_some());
        let Some(image) = text("/image") else { continue };
        if let Some(builder) = other {
            findings.doubts.push(format!("`{path}` builds `{image}` with {builder}, which is not a Dockerfile: add a `command` step that makes the image"));
            continue;
        }
        let context = join(folder, text("/context").unwrap_or("."));
        let file = text("/docker/dockerfile").unwrap_or("Dockerfile");
        let args = artifact.pointer("/docker/buildArgs").and_then(Value::as_object).into_iter().flatten();
        findings.builds.push(DeclaredBuild {
            by: path.to_owned(),
            name: None,
            image: Some(image_name(image).to_owned()),
            dockerfile: context.as_ref().and_then(|context| join(context, file)),
            context,
            target: text("/docker/target").map(str::to_owned),
            args: args
                .filter_map(|(name, value)| {
                    Some((name.clone(), value.as_str().filter(|value| !value.contains("{{"))?.to_owned()))
                })
                .collect(),
        });
    }
    let strings = |value: Option<&Value>| -> Vec<String> {
        let list = value.and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|one| join(folder, one.as_str()?)).collect()
    };
    for release in list("/deploy/helm/releases").chain(list("/manifests/helm/releases")) {
        let chart = release.get("chartPath").and_then(Value::as_str).and_then(|chart| join(folder, chart));
        let values = strings(release.get("valuesFiles"));
        findings.deployments.extend(chart.map(|path_of| DeclaredDeployment { path: path_of, values }));
    }
    let kustomize =
        document.pointer("/manifests/kustomize/paths").or_else(|| document.pointer("/deploy/kustomize/paths"));
    let raw = document.pointer("/manifests/rawYaml").or_else(|| document.pointer("/deploy/kubectl/manifests"));
    for named in strings(kustomize).into_iter().chain(strings(raw)) {
        findings.deployments.push(DeclaredDeployment { path: named, values: Vec::new() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_and_deployments_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let text = "apiVersion: skaffold/v4beta6\nkind: Config\nbuild:\n  artifacts:\n  - {image: acme/web, context: src/web, docker: {target: run, buildArgs: {A: b, V: \"{{.TAG}}\"}}}\n  \
                    - {image: api, docker: {dockerfile: api/Dockerfile}}\n  - {image: j, jib: {}}\nmanifests:\n  rawYaml: [k8s/*.yaml]\n  kustomize: {paths: [kustomize/base]}\n\
                    deploy: {helm: {releases: [{name: r, chartPath: chart, valuesFiles: [chart/values-dev.yaml]}]}}\n";
        fs_err::write(dir.path().join("skaffold.yaml"), text).unwrap();
        let mut findings = Findings::default();
        detect(&Repository::read(dir.path()).unwrap(), &mut findings);
        let builds: Vec<String> = findings
            .builds
            .iter()
            .map(|one| {
                format!("{:?} {:?} {:?} {:?} {:?}", one.image, one.context, one.dockerfile, one.target, one.args)
            })
            .collect();
        assert_eq!(
            builds,
            [
                r#"Some("acme/web") Some("src/web") Some("src/web/Dockerfile") Some("run") {"A": "b"}"#,
                r#"Some("api") Some("") Some("api/Dockerfile") None {}"#,
            ]
        );
        let deployed: Vec<&str> = findings.deployments.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(deployed, ["chart", "kustomize/base", "k8s/*.yaml"]);
        assert_eq!(findings.deployments[0].values, ["chart/values-dev.yaml"]);
        assert!(findings.doubts[0].contains("with jib"));
    }
}
