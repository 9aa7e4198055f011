//! A Tiltfile: `docker_build`, `k8s_yaml` and `helm`, as far as they stand there as plain values.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::detector::{Detector, aside};
use crate::init::findings::{DeclaredBuild, DeclaredDeployment, Findings, image_name};
use crate::init::repository::{Repository, folder_of, join, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static CALL: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?s)\b(docker_build|k8s_yaml|helm|kustomize)\(([^()]*(?:\([^()]*\)[^()]*)*)\)"));
static STRING: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r#"(?:(\w+)\s*=\s*)?(?:'([^']*)'|"([^"]*)")"#));
static ARGS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?s)\bbuild_args\s*=\s*(?:\{([^{}]*)\}|dict\(([^()]*)\))"));
static PAIR: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"(?:'(\w+)'|"(\w+)"|(\w+))\s*[:=]\s*(?:'([^']*)'|"([^"]*)")\s*(?:,|$)"#));
static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(?m)^\s*#.*$"));

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files().filter(|path| name_of(path) == "Tiltfile") {
        if let Some(why) = aside(path) {
            findings.leave_out(path, why);
            continue;
        }
        read(path, &repository.text(path).unwrap_or_default(), findings);
    }
}

fn read(path: &str, text: &str, findings: &mut Findings) {
    let folder = folder_of(path);
    let (Some(call), Some(comment)) = (CALL.as_ref(), COMMENT.as_ref()) else { return };
    let text = comment.replace_all(text, "");
    for found in call.captures_iter(&text) {
        let (arguments, args) = without_build_args(&found[2]);
        let arguments = strings(&arguments);
        let named = |name: &str| arguments.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let plain: Vec<&str> =
            arguments.iter().filter(|(key, _)| key.is_empty()).map(|(_, value)| value.as_str()).collect();
        match (&found[1], plain.as_slice()) {
            ("docker_build", [image, rest @ ..]) => {
                let context = rest.first().copied().or_else(|| named("context"));
                let context = context.and_then(|context| join(folder, context));
                // Unlike in a compose file, a Dockerfile that is named starts at the Tiltfile.
                let dockerfile = match named("dockerfile") {
                    Some(file) => join(folder, file),
                    None => context.as_ref().and_then(|context| join(context, "Dockerfile")),
                };
                findings.builds.push(DeclaredBuild {
                    by: path.to_owned(),
                    image: Some(image_name(image).to_owned()),
                    context,
                    dockerfile,
                    target: named("target").map(str::to_owned),
                    args,
                    ..DeclaredBuild::default()
                });
            }
            ("k8s_yaml" | "helm" | "kustomize", files) => {
                let values = arguments
                    .iter()
                    .filter(|(key, _)| key == "values")
                    .filter_map(|(_, value)| join(folder, value))
                    .collect::<Vec<_>>();
                for file in files.iter().filter_map(|file| join(folder, file)) {
                    findings.deployments.push(DeclaredDeployment { path: file, values: values.clone() });
                }
            }
            _ => {}
        }
    }
}

/// The arguments of a call without `build_args`, and the pairs of that whose values are plain strings.
fn without_build_args(arguments: &str) -> (String, BTreeMap<String, String>) {
    let (Some(args), Some(pair)) = (ARGS.as_ref(), PAIR.as_ref()) else {
        return (arguments.to_owned(), BTreeMap::new());
    };
    let text = |found: Option<regex::Match<'_>>| found.map(|found| found.as_str().to_owned());
    let pairs = args.captures_iter(arguments).filter_map(|found| text(found.get(1).or_else(|| found.get(2))));
    let pairs: Vec<String> = pairs.collect();
    let of = |found: regex::Captures<'_>| {
        let name = text(found.get(1).or_else(|| found.get(2)).or_else(|| found.get(3)))?;
        Some((name, text(found.get(4).or_else(|| found.get(5)))?))
    };
    let named = pairs.iter().flat_map(|pairs| pair.captures_iter(pairs.trim()).filter_map(of)).collect();
    (args.replace_all(arguments, "").into_owned(), named)
}

/// The strings among the arguments of a call, each with its name.
fn strings(arguments: &str) -> Vec<(String, String)> {
    let Some(string) = STRING.as_ref() else { return Vec::new() };
    let text = |found: Option<regex::Match<'_>>| found.map_or(String::new(), |found| found.as_str().to_owned());
    string
        .captures_iter(arguments)
        .map(|found| (text(found.get(1)), text(found.get(2).or_else(|| found.get(3)))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_calls_are_read() {
        let text = "# docker_build('no', '.')\ndocker_build('acme/web', 'web', dockerfile='web/Dockerfile.dev', target=\"run\",\n  live_update=[sync('a', 'b')])\n\
                    docker_build('api', '.')\nk8s_yaml(['k8s/a.yaml', 'k8s/b.yaml'])\nk8s_yaml(helm('chart', name='x', values='chart/dev.yaml'))\n";
        let mut findings = Findings::default();
        read("Tiltfile", text, &mut findings);
        let builds: Vec<String> = findings
            .builds
            .iter()
            .map(|one| format!("{:?} {:?} {:?} {:?}", one.image, one.context, one.dockerfile, one.target))
            .collect();
        assert_eq!(
            builds,
            [
                r#"Some("acme/web") Some("web") Some("web/Dockerfile.dev") Some("run")"#,
                r#"Some("api") Some("") Some("Dockerfile") None"#,
            ]
        );
        assert!(findings.builds.iter().all(|one| one.args.is_empty()), "{:?}", findings.builds);
        let deployed: Vec<&str> = findings.deployments.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(deployed, ["k8s/a.yaml", "k8s/b.yaml", "chart"]);
    }

    #[test]
    fn build_arguments_are_read_and_are_no_context() {
        let text = "docker_build('api', build_args={'MODE': 'dev', \"NODE\": \"20\", 'WHO': os.getenv('USER'), 'N': n},\n  context='api')\n\
                    docker_build('web', 'web', build_args=dict(A='b'), target='run')\n";
        let mut findings = Findings::default();
        read("Tiltfile", text, &mut findings);
        let builds: Vec<String> = findings
            .builds
            .iter()
            .map(|one| format!("{:?} {:?} {:?} {:?}", one.image, one.context, one.target, one.args))
            .collect();
        assert_eq!(
            builds,
            [
                r#"Some("api") Some("api") None {"MODE": "dev", "NODE": "20"}"#,
                r#"Some("web") Some("web") Some("run") {"A": "b"}"#,
            ]
        );
    }
}
