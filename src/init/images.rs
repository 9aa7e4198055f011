//! [`image_builds`]: which images are built, each once: from the Dockerfiles, and from what other files say of them.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{ContextChoice, Wanted, choose_context};
use super::findings::{DeclaredBuild, Dockerfile, Findings};
use super::names::{id_of, unique};
use super::repository::{Repository, folder_of, name_of};

/// An image that is built.
#[derive(Clone, Debug, Default)]
pub(super) struct ImageBuild {
    /// The id of its step.
    pub(super) id: String,
    pub(super) dockerfile: String,
    pub(super) context: String,
    pub(super) target: Option<String>,
    pub(super) args: BTreeMap<String, String>,
    /// Names that files give the image, without a tag, the best first.
    pub(super) names: Vec<String>,
    /// Words by which it is recognised: services, folders.
    pub(super) words: BTreeSet<String>,
    /// What is copied and is not there.
    pub(super) missing: Vec<String>,
    /// What its last stage exposes.
    pub(super) ports: Vec<u16>,
    /// The command line of its health check.
    pub(super) health: Option<String>,
    /// The images that it begins with or copies from, as its Dockerfile names them, with the argument that names each.
    pub(super) bases: Vec<(String, Option<String>)>,
}

/// Stages of a Dockerfile that are no images to deploy.
const OTHER_TARGETS: &[&str] =
    &["dev", "development", "debug", "test", "tests", "lint", "builder", "build", "ci", "deps"];

/// Files whose targets and arguments count before those of others.
fn is_exact(build: &DeclaredBuild) -> bool {
    build.name.is_some() || name_of(&build.by).starts_with("skaffold") || name_of(&build.by) == "Tiltfile"
}

/// Returns the images that are built, and adds to `findings` what is left out and what is not certain. `deploys` says
/// whether they are deployed to a cluster, where a stage for development is none to take.
pub(super) fn image_builds(
    repository: &Repository,
    findings: &mut Findings,
    project: &str,
    deploys: bool,
) -> Vec<ImageBuild> {
    let mut declared = std::mem::take(&mut findings.builds);
    // What would be an expression of ours is one of another tool's.
    for build in &mut declared {
        build.args.retain(|_, value| !value.contains("${{"));
    }
    let dockerfiles = std::mem::take(&mut findings.dockerfiles);
    let (mut builds, mut ids) = (Vec::new(), BTreeSet::new());
    // Those in folders of examples are left out, unless there is nothing else.
    let is_named = |file: &Dockerfile| {
        declared.iter().any(|build| is_exact(build) && build.dockerfile.as_deref() == Some(file.path.as_str()))
    };
    let is_taken = |file: &Dockerfile| file.aside.is_none() || is_named(file);
    let any = dockerfiles.iter().any(is_taken);
    for file in &dockerfiles {
        let why = file.aside.clone().unwrap_or_default();
        if !is_taken(file) && (any || why.contains("test")) {
            findings.leave_out(&file.path, why);
            continue;
        }
        let of_file: Vec<&DeclaredBuild> =
            declared.iter().filter(|build| build.dockerfile.as_deref() == Some(file.path.as_str())).collect();
        for variant in variants(&of_file, deploys, &mut findings.doubts) {
            let mut build = match one(repository, file, &variant, &of_file, &mut findings.doubts) {
                Ok(build) => build,
                Err(why) => {
                    findings.leave_out(&file.path, why);
                    continue;
                }
            };
            if build.dockerfile == "Dockerfile" {
                build.words.insert(project.to_owned());
            }
            build.id = unique(&id_of(&build.id), &mut ids);
            builds.push(build);
        }
    }
    for build in declared.iter().filter(|build| is_exact(build)) {
        let path = build.dockerfile.as_deref().unwrap_or_default();
        if !dockerfiles.iter().any(|file| file.path == path) {
            let what = build.name.as_ref().or(build.image.as_ref()).map_or("an image", String::as_str);
            findings.doubts.push(match path {
                "" => format!(
                    "`{}` builds `{what}` from what depends on variables: add its `docker-build` step",
                    build.by
                ),
                path => format!("`{}` builds `{what}` from `{path}`, which is not there", build.by),
            });
        }
    }
    findings.dockerfiles = dockerfiles;
    builds
}

/// One way in which a Dockerfile is built.
#[derive(Debug, Default, PartialEq)]
struct Variant<'a> {
    target: Option<&'a str>,
    args: BTreeMap<String, String>,
    /// What says so.
    by: Vec<&'a DeclaredBuild>,
}

/// Returns the ways in which a Dockerfile is built, each once.
fn variants<'a>(declared: &[&'a DeclaredBuild], deploys: bool, doubts: &mut Vec<String>) -> Vec<Variant<'a>> {
    let mut found: Vec<Variant<'a>> = Vec::new();
    let is_other = |target: &str| OTHER_TARGETS.contains(&target.to_lowercase().as_str());
    for build in declared.iter().copied().filter(|build| is_exact(build)) {
        let mut target = build.target.as_deref();
        if let Some(other) = target.filter(|target| deploys && is_other(target)) {
            doubts.push(format!(
                "`{}` builds the stage `{other}` of `{}`; for the cluster its last stage is built",
                build.by,
                build.dockerfile.as_deref().unwrap_or_default()
            ));
            target = None;
        }
        match found.iter_mut().find(|known| known.target == target && known.args == build.args) {
            Some(known) => known.by.push(build),
            None => found.push(Variant { target, args: build.args.clone(), by: vec![build] }),
        }
    }
    if found.is_empty() {
        let others: Vec<&DeclaredBuild> =
            declared.iter().copied().filter(|build| !build.target.as_deref().is_some_and(is_other)).collect();
        let target = others.iter().find_map(|build| build.target.as_deref());
        found.push(Variant { target, args: BTreeMap::new(), by: others });
    }
    found
}

fn one(
    repository: &Repository,
    file: &Dockerfile,
    variant: &Variant<'_>,
    all: &[&DeclaredBuild],
    doubts: &mut Vec<String>,
) -> Result<ImageBuild, String> {
    let contexts: Vec<(&str, &str)> =
        all.iter().filter_map(|build| Some((build.context.as_deref()?, build.by.as_str()))).collect();
    let wanted = Wanted { dockerfile: &file.path, target: variant.target, args: &variant.args, declared: &contexts };
    let ContextChoice { folder, missing, doubts: unsure, unset } = choose_context(repository, wanted);
    if let Some(name) = unset.first() {
        return Err(format!("it needs the build argument `{name}`, which nothing sets"));
    }
    doubts.extend(unsure);
    let stage = match variant.target {
        Some(target) => file.stages.iter().find(|stage| stage.name.as_deref() == Some(target)),
        None => file.stages.last(),
    };
    let names: Vec<String> =
        variant.by.iter().filter_map(|build| build.image.clone()).filter(|name| !name.contains('$')).collect();
    let service = variant.by.iter().find_map(|build| build.name.clone());
    let id = service.clone().unwrap_or_else(|| word_of(&file.path, names.first().map(String::as_str)));
    let mut words: BTreeSet<String> = variant.by.iter().filter_map(|build| build.name.clone()).collect();
    words.extend(names.iter().map(|name| name_of(name).to_owned()));
    words.insert(word_of(&file.path, None));
    words.insert(name_of(&folder).to_owned());
    words.retain(|word| !word.is_empty());
    let port = |said: &str| said.strip_suffix("/tcp").unwrap_or(said).parse().ok();
    let health = stage.and_then(|stage| stage.healthcheck.as_ref()).map(|said| match &said.value.command {
        crate::tools::docker::build::dockerfile::Program::Words(words) => words.join(" "),
        crate::tools::docker::build::dockerfile::Program::Shell(line) => line.clone(),
    });
    let mut unique_names: Vec<String> = Vec::new();
    for name in names {
        if !unique_names.contains(&name) {
            unique_names.push(name);
        }
    }
    Ok(ImageBuild {
        id,
        dockerfile: file.path.clone(),
        context: folder,
        target: variant.target.map(str::to_owned),
        args: variant.args.clone(),
        names: unique_names,
        words,
        missing,
        ports: stage.map(|stage| stage.ports.iter().filter_map(|said| port(&said.value)).collect()).unwrap_or_default(),
        health,
        bases: bases(repository, file),
    })
}

/// Folders that do not say what is built in them.
const PLAIN_FOLDERS: &[&str] = &[
    "package",
    "docker",
    ".docker",
    "build",
    "deploy",
    "deployment",
    "dockerfiles",
    "images",
    "container",
    "containers",
    "src",
    "app",
];

/// The word that the place of a Dockerfile gives its image: what is beside `Dockerfile` in its name, its folder, or
/// else the image's own name.
fn word_of(path: &str, image: Option<&str>) -> String {
    if let Some(word) =
        super::detect::suffix(name_of(path)).filter(|word| !matches!(word.as_str(), "prod" | "production" | "release"))
    {
        return word;
    }
    let folder = super::repository::ancestors(folder_of(path))
        .map(name_of)
        .find(|name| !PLAIN_FOLDERS.contains(name))
        .unwrap_or_default();
    match (folder, image) {
        ("", Some(image)) => name_of(image).to_owned(),
        ("", None) => "app".to_owned(),
        (folder, _) => folder.to_owned(),
    }
}

/// The images that a Dockerfile names, outside of its own stages.
fn bases(repository: &Repository, file: &Dockerfile) -> Vec<(String, Option<String>)> {
    let text = repository.text(&file.path).unwrap_or_default();
    let own: Vec<&str> = file.stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
    let is_own = |name: &str| name.parse::<usize>().is_ok() || own.iter().any(|stage| stage.eq_ignore_ascii_case(name));
    let copied = file.stages.iter().flat_map(|stage| stage.copies.iter().filter_map(|said| said.value.from.clone()));
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for name in file.stages.iter().map(|stage| stage.base.clone()).chain(copied).filter(|name| !is_own(name)) {
        // `ARG BASE=acme/base:1`, and `FROM ${BASE}`.
        let argument = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("ARG ")?.split_once('='))
            .find(|(_, value)| value.trim().trim_matches('"') == name);
        let argument = argument.map(|(argument, _)| argument.trim().to_owned()).filter(|argument| {
            [format!("${{{argument}}}"), format!("${argument}")].iter().any(|used| text.contains(used.as_str()))
        });
        if !found.iter().any(|(known, _)| *known == name) {
            found.push((name, argument));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::detect::detect;
    use crate::init::repository::shown;
    use crate::init::testing::repository;

    fn builds(files: &[(&str, &str)]) -> (Vec<String>, Findings) {
        let (_dir, repository) = repository(files);
        let mut findings = detect(&repository);
        let builds = image_builds(&repository, &mut findings, "shop", true);
        let shown = builds.iter().map(|one| {
            format!("{} {} {} {:?} {:?}", one.id, one.dockerfile, shown(&one.context), one.target, one.names)
        });
        (shown.collect(), findings)
    }

    #[test]
    fn two_services_of_one_build_are_one_image_and_targets_are_kept() {
        let compose = "services:\n  api: {build: ., image: acme/api}\n  worker: {build: .}\n  web: {build: {context: web, target: run}}\n";
        let (found, _) = builds(&[
            ("Dockerfile", "FROM a\nCOPY . .\n"),
            ("web/Dockerfile", "FROM a AS run\nFROM run\n"),
            ("compose.yml", compose),
        ]);
        assert_eq!(found, [r#"api Dockerfile . None ["acme/api"]"#, r#"web web/Dockerfile web Some("run") []"#]);
    }

    #[test]
    fn what_is_aside_is_left_out_unless_a_file_builds_it() {
        let (found, findings) =
            builds(&[("Dockerfile.dev", "FROM a\n"), ("Dockerfile", "FROM a\n"), ("tests/Dockerfile", "FROM a\n")]);
        assert_eq!(found, ["app Dockerfile . None []"]);
        assert_eq!(findings.left_out.len(), 2);
        let (found, _) = builds(&[
            ("Dockerfile.dev", "FROM a\n"),
            ("compose.yml", "services: {web: {build: {dockerfile: Dockerfile.dev}}}\n"),
        ]);
        assert_eq!(found, ["web Dockerfile.dev . None []"]);
        let (found, findings) = builds(&[("examples/a/Dockerfile", "FROM a\n")]);
        assert_eq!((found.len(), findings.left_out.len()), (1, 0));
    }

    #[test]
    fn a_build_without_its_dockerfile_is_reported() {
        let (found, findings) = builds(&[("compose.yml", "services: {web: {build: ./web}}\n")]);
        assert!(found.is_empty());
        assert!(findings.doubts[0].contains("`web/Dockerfile`, which is not there"), "{:?}", findings.doubts);
    }
}
