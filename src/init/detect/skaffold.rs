//! A Skaffold file: what it builds, and what it deploys.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::detector::{Detector, aside};
use super::made::{Caller, Pack, Plugin, is_of_all_modules, of_buildpacks, of_command, of_java, of_ko};
use super::skaffold_release::release;
use crate::init::findings::{DeclaredBuild, DeclaredDeployment, Findings, MadeImage, image_name};
use crate::init::forward::Forward;
use crate::init::image_keys::overlay;
use crate::init::repository::{Repository, ancestors, folder_of, join, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

/// Builders that have no Dockerfile.
const OTHER_BUILDERS: &[&str] = &["jib", "ko", "bazel", "buildpacks", "custom"];

/// What makes an artifact without a Dockerfile, where it is known how.
fn made(repository: &Repository, path: &str, image: &str, artifact: &Value) -> Option<MadeImage> {
    let text = |pointer: &str| artifact.pointer(pointer).and_then(Value::as_str);
    let texts = |pointer: &str| -> Vec<String> {
        let list = artifact.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).filter(|text| !text.contains("{{")).map(str::to_owned).collect()
    };
    let context = join(folder_of(path), text("/context").unwrap_or("."))?;
    let name = Some(image.to_owned());
    if artifact.get("jib").is_some() {
        let module = text("/jib/project").unwrap_or(".").trim_start_matches(':').replace(':', "/");
        let made = of_java(repository, path, &join(&context, &module)?, Plugin::Jib, name);
        return made.filter(|made| !is_of_all_modules(repository, made));
    }
    if artifact.get("ko").is_some() {
        let folder = join(&context, text("/ko/dir").unwrap_or("."))?;
        return of_ko(repository, path, &join(&folder, text("/ko/main").unwrap_or("."))?, name);
    }
    if artifact.get("buildpacks").is_some() {
        let builder = text("/buildpacks/builder").filter(|builder| !builder.contains("{{")).map(str::to_owned);
        let (buildpacks, env) = (texts("/buildpacks/buildpacks"), texts("/buildpacks/env"));
        return Some(of_buildpacks(path, &context, &Pack { builder, buildpacks, env }, name));
    }
    let line = text("/custom/buildCommand").filter(|line| !line.contains("{{"))?;
    of_command(path, &context, line, Caller::Skaffold, name)
}

fn detect(repository: &Repository, findings: &mut Findings) {
    let mut required: BTreeMap<String, String> = BTreeMap::new();
    let mut images: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for path in repository.files().filter(|path| is_skaffold(name_of(path))) {
        if let Some(why) = aside(path) {
            findings.leave_out(path, why);
            continue;
        }
        for document in repository.yaml(path) {
            required.extend(requires(repository, path, &document));
            images.entry(path).or_default().extend(read(repository, path, &with_profile(document), findings));
        }
    }
    for (path, by) in wholes(&images) {
        required.entry(path).or_insert(by);
    }
    // What one file requires is deployed together with what that one has.
    let groups = findings.deployments.iter_mut().map(|one| &mut one.group);
    for group in groups.chain(findings.forwards.iter_mut().map(|one| &mut one.group)) {
        for _ in 0..required.len() {
            match required.get(group).filter(|by| *by != group) {
                Some(by) => group.clone_from(by),
                None => break,
            }
        }
    }
}

/// The files of parts, each with the one of the whole: it stands above, and builds all images of the part and others.
fn wholes(images: &BTreeMap<&str, BTreeSet<String>>) -> Vec<(String, String)> {
    let is_whole = |part: &str, whole: &str| {
        let is_above = part != whole && ancestors(folder_of(part)).skip(1).any(|folder| folder == folder_of(whole));
        let (of_part, of_whole) = (&images[part], &images[whole]);
        is_above && !of_part.is_empty() && of_part.is_subset(of_whole)
    };
    let parts = images.keys().filter_map(|part| {
        let whole = images.keys().find(|whole| is_whole(part, whole))?;
        Some(((*part).to_owned(), (*whole).to_owned()))
    });
    parts.collect()
}

/// The other Skaffold files that a document requires, each with the file `path` itself.
fn requires(repository: &Repository, path: &str, document: &Value) -> Vec<(String, String)> {
    let list = document.get("requires").and_then(Value::as_array).into_iter().flatten();
    let paths = list.filter_map(|one| join(folder_of(path), one.get("path")?.as_str()?));
    let file = |found: String| {
        let inside = join(&found, "skaffold.yaml").unwrap_or_default();
        if repository.lists(&found) { found } else { inside }
    };
    paths.map(|found| (file(found), path.to_owned())).collect()
}

/// The names of profiles for a cluster like this one, the best first.
const LOCAL: [&str; 5] = ["minikube", "local", "dev", "development", "default"];

/// A document with its profile for a cluster like this one, if it has one: that which `skaffold dev` turns on, or one
/// that is called so where the document builds or deploys nothing without.
fn with_profile(mut document: Value) -> Value {
    let profiles = document.get("profiles").and_then(Value::as_array).cloned().unwrap_or_default();
    let name = |profile: &Value| profile.get("name").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let is_turned_on = |profile: &&Value| {
        let list = profile.get("activation").and_then(Value::as_array).into_iter().flatten();
        list.into_iter().any(|one| one.get("command").and_then(Value::as_str) == Some("dev"))
    };
    let is_empty = ["build", "deploy", "manifests"].iter().all(|key| document.get(key).is_none());
    let named = || LOCAL.iter().find_map(|known| profiles.iter().find(|profile| name(profile) == *known));
    let chosen = profiles.iter().find(is_turned_on).or_else(|| named().filter(|_| is_empty)).cloned();
    for key in ["build", "deploy", "manifests"] {
        if let (Some(part), Some(fields)) =
            (chosen.as_ref().and_then(|profile| profile.get(key)), document.as_object_mut())
        {
            overlay(fields.entry(key).or_insert(Value::Null), part);
        }
    }
    document
}

/// Whether a file of this name is one of Skaffold.
pub(super) fn is_skaffold(name: &str) -> bool {
    matches!(name, "skaffold.yaml" | "skaffold.yml")
}

/// Adds what a document has, and returns the images that it builds.
fn read(repository: &Repository, path: &str, document: &Value, findings: &mut Findings) -> Vec<String> {
    let folder = folder_of(path);
    let list = |pointer: &str| document.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let mut images = Vec::new();
    for artifact in list("/build/artifacts") {
        let Some(image) = artifact.get("image").and_then(Value::as_str).map(image_name) else { continue };
        images.push(image.to_owned());
        match OTHER_BUILDERS.iter().find(|builder| artifact.get(**builder).is_some()) {
            Some(builder) => {
                findings.made_otherwise.push(image.to_owned());
                if let Some(made) = made(repository, path, image, artifact) {
                    findings.made.push(made);
                    continue;
                }
                findings.doubts.push(format!("`{path}` builds `{image}` with {builder}, which is not a Dockerfile: add a `command` step that makes the image"));
            }
            None => findings.builds.push(build(path, image, artifact)),
        }
    }
    for one in list("/deploy/helm/releases").chain(list("/manifests/helm/releases")) {
        findings.deployments.extend(release(path, one, &images, &mut findings.doubts));
    }
    findings.forwards.extend(list("/portForward").filter_map(|one| forward(path, one)));
    let paths = |pointers: &[&str]| -> Vec<String> {
        let found = pointers.iter().find_map(|pointer| document.pointer(pointer)?.as_array());
        found.into_iter().flatten().filter_map(|one| join(folder, one.as_str()?)).collect()
    };
    let namespace = document.pointer("/deploy/kubectl/defaultNamespace").and_then(Value::as_str);
    let namespace = namespace.filter(|name| !name.contains("{{")).map(str::to_owned);
    let kustomize = paths(&["/manifests/kustomize/paths", "/deploy/kustomize/paths"]);
    let raw = paths(&["/manifests/rawYaml", "/deploy/kubectl/manifests"]);
    findings.deployments.extend(kustomize.into_iter().chain(raw).map(|named| DeclaredDeployment {
        by: path.to_owned(),
        group: path.to_owned(),
        path: named,
        namespace: namespace.clone(),
        ..DeclaredDeployment::default()
    }));
    images
}

/// A port that the file `path` forwards; `None` for one that has a name, or of what depends on the environment.
fn forward(path: &str, one: &Value) -> Option<Forward> {
    let text = |key: &str| one.get(key).and_then(Value::as_str);
    let port = one.get("port")?;
    let port = port.as_u64().or_else(|| port.as_str()?.parse().ok())?;
    let plain = |value: &&str| !value.contains("{{");
    Some(Forward {
        by: path.to_owned(),
        group: path.to_owned(),
        kind: text("resourceType")?.to_lowercase(),
        name: text("resourceName").filter(plain)?.to_owned(),
        namespace: text("namespace").filter(plain).map(str::to_owned),
        port: u16::try_from(port).ok()?,
    })
}

fn build(path: &str, image: &str, artifact: &Value) -> DeclaredBuild {
    // Kaniko builds the same in a cluster.
    let docker = artifact.get("docker").or_else(|| artifact.get("kaniko")).unwrap_or(&Value::Null);
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let context = join(folder_of(path), text(artifact, "context").as_deref().unwrap_or("."));
    let file = text(docker, "dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    let args = docker.get("buildArgs").and_then(Value::as_object).into_iter().flatten();
    let plain = |value: &Value| value.as_str().filter(|value| !value.contains("{{")).map(str::to_owned);
    let args: BTreeMap<String, String> = args.filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect();
    // Without an alias the argument has the image's own name.
    let listed = artifact.get("requires").and_then(Value::as_array).into_iter().flatten();
    let requires = listed.filter_map(|one| {
        let image = text(one, "image")?;
        Some((image_name(&image).to_owned(), text(one, "alias").unwrap_or_else(|| image.clone())))
    });
    DeclaredBuild {
        by: path.to_owned(),
        image: Some(image.to_owned()),
        dockerfile: context.as_ref().and_then(|context| join(context, &file)),
        context,
        target: text(docker, "target"),
        args,
        requires: requires.collect(),
        ..DeclaredBuild::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    fn found(text: &str) -> Findings {
        let (_dir, repository) = repository(&[("skaffold.yaml", text)]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        findings
    }

    #[test]
    fn artifacts_and_deployments_are_read() {
        let findings = found(
            "apiVersion: skaffold/v4beta6\nkind: Config\nbuild:\n  artifacts:\n  - {image: acme/web, context: src/web, docker: {target: run, buildArgs: {A: b, V: \"{{.TAG}}\"}}}\n  \
                    - {image: api, docker: {dockerfile: api/Dockerfile}}\n  - {image: j, jib: {}}\nmanifests:\n  rawYaml: [k8s/*.yaml]\n  kustomize: {paths: [kustomize/base]}\n\
                    deploy: {kubectl: {defaultNamespace: shop}, helm: {releases: [{name: r, chartPath: chart, valuesFiles: [chart/values-dev.yaml]}]}}\n",
        );
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
        let deployed: Vec<(&str, Option<&str>)> =
            findings.deployments.iter().map(|one| (one.path.as_str(), one.namespace.as_deref())).collect();
        assert_eq!(deployed, [("chart", None), ("kustomize/base", Some("shop")), ("k8s/*.yaml", Some("shop"))]);
        assert_eq!(findings.deployments[0].values, ["chart/values-dev.yaml"]);
        assert!(findings.doubts[0].contains("with jib"));
    }

    #[test]
    fn forwarded_ports_are_read_with_what_they_belong_to() {
        let findings = found(
            "portForward:\n- {resourceType: Service, resourceName: web, port: 80, namespace: shop, localPort: 9000}\n\
             - {resourceType: deployment, resourceName: api, port: \"8080\"}\n- {resourceType: service, resourceName: db, port: tcp}\n\
             - {resourceType: service, resourceName: \"{{.NAME}}\", port: 80}\n",
        );
        let shown: Vec<String> = findings
            .forwards
            .iter()
            .map(|one| format!("{} {} {:?} {} {}", one.kind, one.name, one.namespace, one.port, one.group))
            .collect();
        let expected = [r#"service web Some("shop") 80 skaffold.yaml"#, "deployment api None 8080 skaffold.yaml"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_command_that_makes_an_image_gets_its_name_in_parts_and_one_that_pushes_is_no_step() {
        let of = |line: &str| {
            found(&format!("build:\n  artifacts:\n  - image: acme/web\n    custom:\n      buildCommand: {line}\n"))
        };
        let findings = of("make image TAG=$IMAGE_TAG");
        let [made] = findings.made.as_slice() else { panic!("{:?}", findings.made) };
        let env: Vec<String> = made.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = "BUILD_CONTEXT=. IMAGE=PROVISION-IMAGE IMAGE_REPO=PROVISION-REPOSITORY IMAGE_TAG=PROVISION-TAG PUSH_IMAGE=false";
        assert_eq!(env.join(" "), expected);
        for line in ["make image push", "docker build -t $IMAGE . && docker push $IMAGE", "./scripts/push-image.sh"] {
            let findings = of(line);
            assert_eq!(findings.made, [], "{line}");
            assert!(findings.doubts[0].contains("`acme/web` with custom"), "{line} {:?}", findings.doubts);
        }
    }

    #[test]
    fn what_a_file_requires_and_its_profile_for_this_cluster_are_part_of_it() {
        let (_dir, repository) = repository(&[
            (
                "skaffold.yaml",
                "requires: [{path: api}, {path: web/skaffold.yaml}]\nmanifests: {rawYaml: [k8s/*.yaml]}\n",
            ),
            (
                "api/skaffold.yaml",
                "profiles:\n- {name: prod, manifests: {rawYaml: [prod.yaml]}}\n- {name: dev, manifests: {rawYaml: [dev.yaml]}}\n",
            ),
            (
                "web/skaffold.yaml",
                "manifests: {rawYaml: [web.yaml]}\nprofiles:\n- {name: local, manifests: {rawYaml: [local.yaml]}}\n\
                 - {name: x, activation: [{command: dev}], deploy: {kubectl: {defaultNamespace: shop}}}\n",
            ),
            ("other/skaffold.yaml", "manifests: {rawYaml: [other.yaml]}\n"),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let found: Vec<String> = findings
            .deployments
            .iter()
            .map(|one| format!("{} {} {}", one.group, one.path, one.namespace.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(
            found,
            [
                "skaffold.yaml api/dev.yaml ",
                "other/skaffold.yaml other/other.yaml ",
                "skaffold.yaml k8s/*.yaml ",
                "skaffold.yaml web/web.yaml shop",
            ]
        );
    }

    #[test]
    fn the_file_of_a_part_belongs_to_the_one_of_the_whole_above_it() {
        let file = |images: &str, raw: &str| {
            let images = images.split(' ').map(|image| format!("{{image: acme/{image}}}")).collect::<Vec<_>>();
            format!("build: {{artifacts: [{}]}}\nmanifests: {{rawYaml: [{raw}]}}\n", images.join(", "))
        };
        let (_dir, repository) = repository(&[
            ("skaffold.yaml", file("api web", "api/k8s/*.yaml, web/k8s/*.yaml")),
            ("api/skaffold.yaml", file("api", "k8s/*.yaml")),
            ("web/skaffold.yaml", file("web", "k8s/*.yaml, ../shared.yaml")),
            ("tools/skaffold.yaml", file("api tools", "k8s/*.yaml")),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let groups: BTreeSet<(&str, &str)> =
            findings.deployments.iter().map(|one| (one.path.as_str(), one.group.as_str())).collect();
        let whole = ["api/k8s/*.yaml", "shared.yaml", "web/k8s/*.yaml"].map(|path| (path, "skaffold.yaml"));
        let mut expected = BTreeSet::from(whole);
        expected.insert(("tools/k8s/*.yaml", "tools/skaffold.yaml"));
        assert_eq!(groups, expected);
    }

    #[test]
    fn an_artifact_that_needs_another_one_has_the_argument_that_gets_it() {
        let findings = found(
            "build:\n  artifacts:\n  - {image: acme/base, context: base}\n  - {image: acme/api, requires: [{image: acme/base, alias: BASE}, {image: tools}]}\n",
        );
        assert_eq!(findings.builds[0].requires, []);
        let pair = |image: &str, argument: &str| (image.to_owned(), argument.to_owned());
        assert_eq!(findings.builds[1].requires, [pair("acme/base", "BASE"), pair("tools", "tools")]);
    }
}
