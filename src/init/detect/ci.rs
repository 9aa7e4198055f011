//! Workflows of CI systems: the builds that they do.

use serde_json::Value;

use super::detector::Detector;
use super::docker_lines::docker_builds;
use crate::init::findings::{DeclaredBuild, Findings, image_name};
use crate::init::repository::{Repository, has_extension, join};

pub(super) const DETECTOR: Detector = Detector { detect };

fn detect(repository: &Repository, findings: &mut Findings) {
    let is_yaml = |path: &&str| has_extension(path, &["yaml", "yml"]);
    let workflows = repository.below(".github/workflows").chain(repository.below(".github/actions")).filter(is_yaml);
    for path in
        workflows.chain([".gitlab-ci.yml", ".circleci/config.yml"].into_iter().filter(|path| repository.lists(path)))
    {
        findings.builds.extend(docker_builds(path, "", &repository.text(path).unwrap_or_default()));
        for document in repository.yaml(path) {
            steps(path, &document, &mut findings.builds);
        }
    }
}

/// Adds the builds of steps that use Docker's own action, wherever they stand.
fn steps(path: &str, value: &Value, builds: &mut Vec<DeclaredBuild>) {
    match value {
        Value::Object(fields) => {
            let uses = fields.get("uses").and_then(Value::as_str).unwrap_or_default();
            if uses.starts_with("docker/build-push-action") {
                let is_first =
                    uses.split_once('@').is_some_and(|(_, version)| version == "v1" || version.starts_with("v1."));
                builds.extend(
                    fields.get("with").and_then(|with| if is_first { first(path, with) } else { step(path, with) }),
                );
            }
            fields.values().for_each(|value| steps(path, value, builds));
        }
        Value::Array(items) => items.iter().for_each(|item| steps(path, item, builds)),
        _ => {}
    }
}

fn step(path: &str, with: &Value) -> Option<DeclaredBuild> {
    let text = |key: &str| with.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.contains("${{"));
    // Without a context the action builds what git has, all of the repository.
    let context = match with.get("context") {
        Some(_) => join("", text("context")?)?,
        None => String::new(),
    };
    let dockerfile = match with.get("file") {
        Some(_) => join("", text("file")?)?,
        None => join(&context, "Dockerfile")?,
    };
    let tags = with.get("tags").and_then(Value::as_str).unwrap_or_default();
    let args = with.get("build-args").and_then(Value::as_str).unwrap_or_default();
    let args = args.lines().filter_map(|line| line.trim().split_once('=')).filter(|(_, value)| !value.contains("${{"));
    let first = tags.split([',', '\n']).map(str::trim).find(|tag| !tag.is_empty() && !image_name(tag).contains("${{"));
    Some(DeclaredBuild {
        by: path.to_owned(),
        image: first.map(|tag| image_name(tag).to_owned()),
        context: Some(context),
        dockerfile: Some(dockerfile),
        target: text("target").map(str::to_owned),
        args: args.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        ..DeclaredBuild::default()
    })
}

/// The first version of the action: it has its own names, and a repository apart from the tags.
fn first(path: &str, with: &Value) -> Option<DeclaredBuild> {
    let text = |key: &str| with.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.contains("${{"));
    let known =
        |key: &str, default: &str| if with.get(key).is_some() { join("", text(key)?) } else { join("", default) };
    let context = known("path", ".")?;
    let dockerfile = known("dockerfile", &join(&context, "Dockerfile")?)?;
    let args = with.get("build_args").and_then(Value::as_str).unwrap_or_default();
    let args =
        args.split(',').filter_map(|pair| pair.trim().split_once('=')).filter(|(_, value)| !value.contains("${{"));
    let image = text("repository").filter(|name| !name.is_empty());
    let registry = text("registry").filter(|name| !name.is_empty());
    Some(DeclaredBuild {
        by: path.to_owned(),
        image: image.map(|image| registry.map_or_else(|| image.to_owned(), |registry| format!("{registry}/{image}"))),
        context: Some(context),
        dockerfile: Some(dockerfile),
        target: text("target").map(str::to_owned),
        args: args.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        ..DeclaredBuild::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_workflow_that_build_are_read() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(dir.path().join(".github/workflows")).unwrap();
        let text = "jobs:\n  a:\n    steps:\n    - uses: docker/build-push-action@v5\n      with: {context: ., file: ./api/Dockerfile, tags: \"ghcr.io/acme/api:latest,x\",\n        build-args: \"A=b\\nSHA=${{ github.sha }}\\nC=d=e\\n\"}\n    \
                    - uses: docker/build-push-action@v5\n      with: {context: \"${{ matrix.dir }}\"}\n    - run: docker build -t web web\n    \
                    - uses: docker/build-push-action@v1\n      with: {path: jobs, dockerfile: jobs/Dockerfile.prod, registry: ghcr.io, repository: acme/jobs, tags: \"latest,1\", build_args: \"A=b,C=d\"}\n    \
                    - uses: docker/build-push-action@v1.1\n      with: {repository: acme/all, tag_with_ref: true}\n";
        fs_err::write(dir.path().join(".github/workflows/ci.yml"), text).unwrap();
        let mut findings = Findings::default();
        detect(&Repository::read(dir.path()).unwrap(), &mut findings);
        let builds: Vec<String> = findings
            .builds
            .iter()
            .map(|one| format!("{:?} {:?} {:?} {:?}", one.image, one.context, one.dockerfile, one.args))
            .collect();
        assert_eq!(
            builds,
            [
                r#"Some("web") Some("web") Some("web/Dockerfile") {}"#,
                r#"Some("ghcr.io/acme/api") Some("") Some("api/Dockerfile") {"A": "b", "C": "d=e"}"#,
                r#"Some("ghcr.io/acme/jobs") Some("jobs") Some("jobs/Dockerfile.prod") {"A": "b", "C": "d"}"#,
                r#"Some("acme/all") Some("") Some("Dockerfile") {}"#,
            ]
        );
    }
}
