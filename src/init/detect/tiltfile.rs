//! A Tiltfile: what it builds and deploys, as far as it stands there as plain values.

use serde_json::Value;

use super::detector::{Detector, aside};
use super::made::{Caller, of_command};
use super::outward::{goes_out, is_outward_target};
use super::shell_lines::outputs;
use super::skaffold_release::{path_of, typed};
use super::starlark::{Call, Expr, calls};
use crate::init::findings::{DeclaredBuild, DeclaredDeployment, Findings, MADE_NAME, MadeImage, Maker, image_name};
use crate::init::repository::{Repository, folder_of, join, name_of};
use crate::tools::process::shell_quoted;

pub(super) const DETECTOR: Detector = Detector { detect };

/// The functions that build an image from a Dockerfile; the extensions take the same arguments.
const BUILDS: &[&str] = &["docker_build", "docker_build_with_restart", "docker_build_sub"];

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
    let others = [
        "custom_build",
        "custom_build_with_restart",
        "k8s_yaml",
        "helm",
        "kustomize",
        "helm_resource",
        "local_resource",
    ];
    let mut computed: Vec<String> = Vec::new();
    let wanted = [BUILDS, &others].concat();
    for one in &calls(text, &wanted) {
        match one.name.as_str() {
            "custom_build" | "custom_build_with_restart" => {
                let image = one.argument("ref", 0).and_then(Expr::text).map(image_name);
                findings.made_otherwise.extend(image.map(str::to_owned));
                if let Some(made) = image.and_then(|image| custom(path, image, one)) {
                    findings.made.push(made);
                    continue;
                }
                let image = image.unwrap_or("an image");
                findings.doubts.push(format!("`{path}` builds `{image}` with a command of its own (line {}): add a `command` step that makes the image", one.line));
            }
            "local_resource" => findings.makers.extend(maker(path, one)),
            "k8s_yaml" => {
                let files = one.argument("yaml", 0).map(files).unwrap_or_default();
                for file in files.iter().filter_map(|file| join(folder, file)) {
                    findings.deployments.push(DeclaredDeployment {
                        by: path.to_owned(),
                        group: path.to_owned(),
                        path: file,
                        ..DeclaredDeployment::default()
                    });
                }
            }
            "helm" | "kustomize" | "helm_resource" => findings.deployments.extend(deployment(path, one)),
            _ => match one.argument("ref", 0).and_then(Expr::text).map(image_name) {
                None => computed.push(one.line.to_string()),
                Some(image) => match build(path, image, one) {
                    Ok(build) => findings.builds.push(build),
                    Err(why) => {
                        findings.made_otherwise.push(image.to_owned());
                        findings.doubts.push(why);
                    }
                },
            },
        }
    }
    if !computed.is_empty() {
        findings.doubts.push(format!(
            "`{path}` builds images whose names it puts together (line {}), so they are not known here: look for a `docker-build` step for each",
            computed.join(", ")
        ));
    }
}

/// What a local resource writes, where its command stands there as it is.
fn maker(path: &str, call: &Call) -> Option<Maker> {
    let command = line_of(call.argument("cmd", 1)?)?;
    let folder = match call.named("dir") {
        Some(dir) => join(folder_of(path), dir.text()?)?,
        None => folder_of(path).to_owned(),
    };
    let name = call.argument("name", 0).and_then(Expr::text).unwrap_or_default();
    let goes_out = is_outward_target(name) || command.lines().any(goes_out);
    Some(Maker { folder, outputs: outputs(&command), lines: command.lines().count(), goes_out, command })
}

/// The line of the shell that a command is, where it stands there as it is.
fn line_of(command: &Expr) -> Option<String> {
    match command {
        Expr::List(words) => {
            let texts: Option<Vec<&str>> = words.iter().map(Expr::text).collect();
            Some(texts?.into_iter().map(shell_quoted).collect::<Vec<_>>().join(" "))
        }
        other => other.text().map(str::to_owned),
    }
}

/// The image of `custom_build`, where the command stands there as it is.
fn custom(path: &str, image: &str, call: &Call) -> Option<MadeImage> {
    let line = line_of(call.argument("command", 1)?)?;
    // With these the image is not left in Docker, or under a name that only the command knows.
    if ["skips_local_docker", "outputs_image_ref_to"].iter().any(|name| call.named(name).is_some()) {
        return None;
    }
    // One with a tag of its own does not ask for the name.
    let tag = call.named("tag").map(|tag| tag.text());
    let line = match tag {
        None => line,
        Some(tag) => {
            format!("(\n{line}\n)\ndocker tag {} {MADE_NAME}", shell_quoted(&format!("{image}:{}", tag?)))
        }
    };
    let folder = match call.named("dir") {
        Some(dir) => join(folder_of(path), dir.text()?)?,
        None => folder_of(path).to_owned(),
    };
    of_command(path, &folder, &line, Caller::Tilt, Some(image.to_owned()))
}

/// What a call builds, or what there is to say where that can't be seen.
fn build(path: &str, image: &str, call: &Call) -> Result<DeclaredBuild, String> {
    let line = call.line;
    let folder = folder_of(path);
    let text = |name: &str| call.named(name).and_then(Expr::text);
    if call.named("dockerfile_contents").is_some() {
        return Err(format!(
            "`{path}` has the Dockerfile of `{image}` in itself (line {line}): write it to a file to have a `docker-build` step for it"
        ));
    }
    let context = call.argument("context", 1).and_then(Expr::text).and_then(|context| join(folder, context));
    // Unlike in a compose file, a Dockerfile that is named starts at the Tiltfile.
    let dockerfile = match call.named("dockerfile") {
        Some(file) => file.text().and_then(|file| join(folder, file)),
        None => context.as_ref().and_then(|context| join(context, "Dockerfile")),
    };
    let pair = |name: &str, value: &Expr| Some((name.to_owned(), value.text()?.to_owned()));
    let args = match call.named("build_args") {
        Some(Expr::Table(table)) => table.iter().filter_map(|(name, value)| pair(name.text()?, value)).collect(),
        Some(Expr::Call(dict)) if dict.name == "dict" => {
            dict.arguments.iter().filter_map(|(name, value)| pair(name.as_deref()?, value)).collect()
        }
        _ => std::collections::BTreeMap::new(),
    };
    Ok(DeclaredBuild {
        by: path.to_owned(),
        image: Some(image.to_owned()),
        context,
        dockerfile,
        target: text("target").map(str::to_owned),
        args,
        ..DeclaredBuild::default()
    })
}

/// The files that `k8s_yaml` is called with.
fn files(value: &Expr) -> Vec<&str> {
    match value {
        Expr::List(list) => list.iter().flat_map(files).collect(),
        Expr::Call(call) if call.name == "read_file" => call.argument("file_path", 0).map(files).unwrap_or_default(),
        other => other.texts(),
    }
}

/// The chart or kustomization that a call renders or installs.
fn deployment(path: &str, call: &Call) -> Option<DeclaredDeployment> {
    let folder = folder_of(path);
    let text = |name: &str| call.named(name).and_then(Expr::text).map(str::to_owned);
    let is_resource = call.name == "helm_resource";
    let (release, place) = if is_resource {
        (call.argument("name", 0).and_then(Expr::text).map(str::to_owned), call.argument("chart", 1))
    } else {
        (text("name"), call.argument("paths", 0))
    };
    let list = |name: &str| call.named(name).map(Expr::texts).unwrap_or_default();
    let set = list("set").into_iter().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((path_of(name)?, typed(&Value::from(value))))
    });
    Some(
        DeclaredDeployment {
            by: path.to_owned(),
            group: path.to_owned(),
            path: join(folder, place?.text()?)?,
            release,
            namespace: text("namespace"),
            set: set.collect(),
            ..DeclaredDeployment::default()
        }
        .with_values(list("values").into_iter().filter_map(|file| Some(vec![join(folder, file)?])).collect()),
    )
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
        assert_eq!(findings.deployments[2].release.as_deref(), Some("x"));
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

    #[test]
    fn a_command_whose_image_does_not_stay_here_is_no_step() {
        for (arguments, expected) in [
            ("'make a', ['a']", true),
            ("'make a', ['a'], skips_local_docker=True", false),
            ("'make a', ['a'], outputs_image_ref_to='ref.txt'", false),
            ("'docker build -t $EXPECTED_REF . && docker push $EXPECTED_REF', ['a']", false),
            ("'make a REG=$EXPECTED_REGISTRY', ['a']", false),
        ] {
            let mut findings = Findings::default();
            read("Tiltfile", &format!("custom_build('acme/a', {arguments})\n"), &mut findings);
            assert_eq!(findings.made.len(), usize::from(expected), "{arguments}");
            let doubted = findings.doubts.iter().any(|doubt| doubt.contains("with a command of its own"));
            assert_eq!(doubted, !expected, "{arguments}");
        }
        for (resource, expected) in [
            ("'compile', 'go build -o a/b'", false),
            ("'deploy', 'go build -o a/b'", true),
            ("'compile', 'go build -o a/b && kubectl apply -f x'", true),
        ] {
            let mut findings = Findings::default();
            read("Tiltfile", &format!("local_resource({resource})\n"), &mut findings);
            assert_eq!(findings.makers[0].goes_out, expected, "{resource}");
        }
    }

    #[test]
    fn what_is_put_together_is_said_and_the_extensions_are_read() {
        let text = "custom_build('acme/f', command_of('f'), ['f'])\ncustom_build('acme/g', ['make', 'g h'], ['g'], tag='x')\n\
                    local_resource('compile', 'go build -o build/app ./', deps=['main.go'])\nlocal_resource('x', cmd_of('y'))\n\
                    def svc(name):\n  docker_build('acme/' + name, 'svc/' + name, dockerfile='svc/%s/Dockerfile' % name)\n\
                    docker_build_with_restart('acme/c', '.', entrypoint='/c', dockerfile='docker/c.dockerfile', build_args={'V': '1'}, only=['svc/c'])\n\
                    docker_build('acme/d', 'd', dockerfile_contents='FROM a')\ncustom_build('acme/e', 'make e', deps=['e'])\n\
                    k8s_yaml(local('helm template chart'))\nhelm_resource('core', 'charts/core', namespace='infra')\n\
                    k8s_yaml(helm('charts/edge', set=['a.b=1', 'c=x']))\n";
        let mut findings = Findings::default();
        read("Tiltfile", text, &mut findings);
        let [build] = findings.builds.as_slice() else { panic!("{:?}", findings.builds) };
        assert_eq!(
            (build.image.as_deref(), build.dockerfile.as_deref()),
            (Some("acme/c"), Some("docker/c.dockerfile"))
        );
        assert_eq!(build.args["V"], "1");
        assert_eq!(findings.made_otherwise, ["acme/f", "acme/g", "acme/d", "acme/e"]);
        let [compile] = findings.makers.as_slice() else { panic!("{:?}", findings.makers) };
        assert_eq!(
            (compile.command.as_str(), compile.outputs.as_slice()),
            ("go build -o build/app ./", ["build/app".to_owned()].as_slice())
        );
        let made: Vec<&str> = findings.made.iter().map(|one| one.run.as_str()).collect();
        assert_eq!(made, ["(\nmake 'g h'\n)\ndocker tag acme/g:x PROVISION-IMAGE", "make e"]);
        let env: Vec<String> = findings.made[1].env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let parts =
            ["EXPECTED_IMAGE=PROVISION-REPOSITORY", "EXPECTED_REF=PROVISION-IMAGE", "EXPECTED_TAG=PROVISION-TAG"];
        assert_eq!(env, parts);
        let [custom, inline, named] = findings.doubts.as_slice() else { panic!("{:?}", findings.doubts) };
        assert!(named.contains("names it puts together (line 6)"), "{named}");
        assert!(inline.contains("Dockerfile of `acme/d` in itself (line 8)"), "{inline}");
        assert!(custom.contains("`acme/f` with a command of its own (line 1)"), "{custom}");
        let deployed: Vec<String> = findings
            .deployments
            .iter()
            .map(|one| format!("{} {:?} {:?} {:?}", one.path, one.release, one.namespace, one.set))
            .collect();
        assert_eq!(
            deployed,
            [
                r#"charts/core Some("core") Some("infra") []"#,
                r#"charts/edge None None [(["a", "b"], Number(1)), (["c"], String("x"))]"#,
            ]
        );
    }
}
