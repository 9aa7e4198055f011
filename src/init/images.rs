//! [`image_builds`]: which images are built, each once: from the Dockerfiles, and from what other files say of them.

mod absent;
mod bases;
mod image_build;
mod made;

use std::collections::{BTreeMap, BTreeSet};

use super::context::{ContextChoice, Wanted, choose_context};
use super::findings::{DeclaredBuild, Dockerfile, Findings, Package, image_name};
use super::java::java_build;
use super::names::{id_of, unique};
use super::repository::{Repository, ancestors, folder_of, join, name_of};
use absent::{why_idle, without_dockerfile};
use bases::{bases, given, uses};
pub(super) use image_build::ImageBuild;
use image_build::{PLAIN_FOLDERS, word_of};
use made::made_builds;

/// Stages of a Dockerfile that are no images to deploy.
const OTHER_TARGETS: &[&str] =
    &["dev", "development", "debug", "test", "tests", "lint", "builder", "build", "ci", "deps"];

/// Returns the images that are built, and adds to `findings` what is left out and what is not certain. `deploys` says
/// whether they are deployed to a cluster, where a stage for development is none to take.
pub(super) fn image_builds(
    repository: &Repository,
    findings: &mut Findings,
    project: &str,
    deploys: bool,
) -> Vec<ImageBuild> {
    // What compose builds for its profiles or for tests alone is not started.
    let is_started = |build: &DeclaredBuild| !build.is_test && (deploys || build.profiles.is_empty());
    let (mut declared, idle): (Vec<DeclaredBuild>, Vec<DeclaredBuild>) =
        std::mem::take(&mut findings.builds).into_iter().partition(is_started);
    // What would be an expression of ours is one of another tool's.
    for build in &mut declared {
        build.args.retain(|_, value| !value.contains("${{"));
    }
    drop_shared_names(&mut declared);
    let (dockerfiles, made) = (std::mem::take(&mut findings.dockerfiles), std::mem::take(&mut findings.made));
    let mut builds = Vec::new();
    let is_named = |file: &Dockerfile| {
        declared.iter().any(|build| build.is_exact() && build.dockerfile.as_deref() == Some(file.path.as_str()))
    };
    let is_taken = |file: &Dockerfile| file.aside.is_none() || is_named(file);
    // Those in folders of examples are left out, unless there is nothing else, and so are those for development.
    let (is_alone, has_compose) = (!dockerfiles.iter().any(is_taken), !findings.compose.is_empty());
    let may_be_all = |why: &str| match why {
        "it is for development" | "it is for debugging" | "it is for another platform" => is_alone,
        "it is an example" => is_alone && !deploys && !has_compose,
        _ => false,
    };
    for file in &dockerfiles {
        let why = file.aside.clone().unwrap_or_default();
        if !is_taken(file) && !may_be_all(&why) {
            findings.leave_out(&file.path, why);
            continue;
        }
        let is_of_file = |build: &&DeclaredBuild| build.dockerfile.as_deref() == Some(file.path.as_str());
        let of_file: Vec<&DeclaredBuild> = declared.iter().filter(is_of_file).collect();
        if let Some(other) = idle.iter().find(is_of_file).filter(|_| !of_file.iter().any(|build| build.is_exact())) {
            findings.leave_out(&file.path, why_idle(other));
            continue;
        }
        let makes = |image: &str| {
            let is_other = |build: &DeclaredBuild, other: &Dockerfile| {
                build.dockerfile.as_ref() == Some(&other.path) && other.path != file.path
            };
            let mut of_image = declared.iter().filter(|build| build.image.as_deref() == Some(image));
            of_image.any(|build| dockerfiles.iter().any(|other| is_other(build, other)))
                || made.iter().any(|made| made.image.as_deref() == Some(image))
        };
        for variant in variants(&of_file, deploys, &mut findings.doubts) {
            let mut build = match one(repository, file, &variant, (&of_file, &makes), &mut findings.doubts) {
                Ok(build) => build,
                Err(why) => {
                    findings.leave_out(&file.path, why);
                    continue;
                }
            };
            if word_of(&build.dockerfile, None) == "app" {
                build.words.insert(project.to_owned());
            }
            // The package beside it has a name of its own, whatever the folder is called.
            let is_beside = |package: &&Package| folder_of(&package.file) == folder_of(&file.path);
            let packages = findings.packages.iter().filter(is_beside).filter_map(|package| package.name.as_deref());
            build.words.extend(packages.map(|name| name_of(name).to_owned()));
            builds.push(build);
        }
    }
    findings.doubts.extend(without_dockerfile(&declared, &dockerfiles));
    mark_others(&mut builds, &mut declared.iter().chain(&idle), &dockerfiles, &findings.made_otherwise);
    builds.extend(made_builds(&made, &dockerfiles, &findings.packages));
    findings.dockerfiles = dockerfiles;
    if let [only] = builds.as_mut_slice() {
        only.words.insert(project.to_owned());
    }
    mark_bases(&mut builds);
    give_ids(&mut builds);
    let missing = builds.iter().flat_map(|build| build.missing.iter().filter_map(|path| join(&build.context, path)));
    let folders: BTreeSet<String> =
        missing.flat_map(|path| ancestors(folder_of(&path)).map(str::to_owned).collect::<Vec<_>>()).collect();
    let java = folders.into_iter().filter_map(|folder| java_build(repository, &folder).map(|build| (folder, build)));
    findings.java = java.collect();
    builds
}

/// Takes away the names of images that a file gives to several, each of which is built from another Dockerfile: then
/// the tag alone tells them apart, and `acme/shop` of `acme/shop:1-cart` is the name of none of them.
fn drop_shared_names(declared: &mut [DeclaredBuild]) {
    let mut makers: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for build in declared.iter().filter(|build| build.is_exact()) {
        if let (Some(image), Some(path)) = (&build.image, &build.dockerfile) {
            makers.entry((build.by.clone(), image.clone())).or_default().insert(path.clone());
        }
    }
    let shared = makers.into_iter().filter(|(_, paths)| paths.len() > 1).map(|((_, image), _)| image);
    let shared: BTreeSet<String> = shared.collect();
    for build in declared {
        build.image = build.image.take().filter(|image| !shared.contains(image));
    }
}

/// Marks the images that others are made from.
fn mark_bases(builds: &mut [ImageBuild]) {
    name_bases(builds);
    let is_base = |at: usize| {
        let others = builds.iter().enumerate().filter(|(other, _)| *other != at).flat_map(|(_, build)| &build.bases);
        let names = &builds[at].names;
        others.into_iter().any(|(base, _)| names.iter().any(|name| name == image_name(base)))
    };
    let marks: Vec<bool> = (0..builds.len()).map(is_base).collect();
    for (build, mark) in builds.iter_mut().zip(marks) {
        build.is_base = mark;
    }
}

/// Gives a Dockerfile that is called a base, and whose image nobody names, the name of the only image called so that
/// another one here begins with.
fn name_bases(builds: &mut [ImageBuild]) {
    let is_named = |name: &str| builds.iter().any(|build| build.names.iter().any(|known| known == name));
    let bases = builds.iter().flat_map(|build| &build.bases).map(|(base, _)| image_name(base));
    let mut wanted: Vec<String> = bases
        .filter(|name| super::detect::is_called_base(name) && !name.contains('$') && !is_named(name))
        .map(str::to_owned)
        .collect();
    wanted.sort();
    wanted.dedup();
    let is_base =
        |build: &&mut ImageBuild| build.names.is_empty() && super::detect::is_called_base(name_of(&build.dockerfile));
    let mut makers: Vec<&mut ImageBuild> = builds.iter_mut().filter(is_base).collect();
    if let ([maker], [name]) = (makers.as_mut_slice(), wanted.as_slice()) {
        maker.names.push(name.clone());
    }
}

/// Gives each build the id of its step; where several have the same one, with the folder that tells them apart.
fn give_ids(builds: &mut [ImageBuild]) {
    let own: Vec<String> = builds.iter().map(|build| id_of(&build.id)).collect();
    let mut ids = BTreeSet::new();
    let mut numbered: Vec<(&mut ImageBuild, &String)> = builds.iter_mut().zip(&own).collect();
    // The name belongs to the one that a tool deploys by it.
    numbered.sort_by_key(|(build, _)| !build.has_exact_names);
    for (build, id) in numbered {
        let is_shared = own.iter().filter(|other| *other == id).count() > 1;
        let tells = |name: &&str| !name.is_empty() && !PLAIN_FOLDERS.contains(name) && id_of(name) != *id;
        let folder = ancestors(folder_of(&build.dockerfile)).map(name_of).find(tells);
        let whole = folder.filter(|_| is_shared).map(|folder| id_of(&format!("{folder}-{id}")));
        build.id = unique(whole.as_ref().unwrap_or(id), &mut ids);
    }
}

/// Gives each build the names of images that files build from something else, as far as that is there.
fn mark_others(
    builds: &mut [ImageBuild],
    declared: &mut dyn Iterator<Item = &DeclaredBuild>,
    dockerfiles: &[Dockerfile],
    made_otherwise: &[String],
) {
    let named: Vec<(&String, &String)> = declared
        .filter_map(|build| Some((build.dockerfile.as_ref()?, build.image.as_ref()?)))
        .filter(|(path, _)| dockerfiles.iter().any(|file| file.path == **path))
        .collect();
    for build in builds {
        let from_else = named.iter().filter(|(path, _)| **path != build.dockerfile).map(|(_, image)| *image);
        let others: BTreeSet<&String> = from_else.chain(made_otherwise).filter(|name| !name.contains('$')).collect();
        build.others = others.into_iter().cloned().collect();
    }
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
    for build in declared.iter().copied().filter(|build| build.is_exact()) {
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

/// What files say of one Dockerfile, and whether another one makes an image.
type Declared<'a> = (&'a [&'a DeclaredBuild], &'a dyn Fn(&str) -> bool);

fn one(
    repository: &Repository,
    file: &Dockerfile,
    variant: &Variant<'_>,
    (all, makes): Declared<'_>,
    doubts: &mut Vec<String>,
) -> Result<ImageBuild, String> {
    let required = || variant.by.iter().flat_map(|build| &build.requires);
    let made: Vec<&(String, String)> = required().filter(|(image, _)| makes(image)).collect();
    let text = repository.text(&file.path).unwrap_or_default();
    let given = given(&text, &variant.args);
    let mut args = variant.args.clone();
    args.extend(made.iter().map(|(image, argument)| (argument.clone(), image.clone())));
    let contexts: Vec<(&str, &str)> =
        all.iter().filter_map(|build| Some((build.context.as_deref()?, build.by.as_str()))).collect();
    let wanted = Wanted { dockerfile: &file.path, target: variant.target, args: &args, declared: &contexts };
    let ContextChoice { folder, missing, doubts: unsure, unset } = choose_context(repository, wanted);
    if let Some(name) = unset.first() {
        return Err(match required().find(|(_, argument)| argument == name) {
            Some((image, _)) => {
                format!("its build argument `{name}` is the image `{image}`, which no Dockerfile here makes")
            }
            None => format!("it needs the build argument `{name}`, which nothing sets"),
        });
    }
    doubts.extend(unsure);
    let (dropped, missing): (Vec<String>, Vec<String>) =
        missing.into_iter().partition(|path| join(&folder, path).is_some_and(|whole| repository.has(&whole)));
    doubts.extend(left_out_of(repository, &file.path, &folder, &dropped));
    if let Some((name, from)) = variant.by.iter().flat_map(|build| &build.contexts).find(|(name, _)| uses(file, name)) {
        let by = variant.by.iter().find(|build| !build.contexts.is_empty()).map_or("", |build| build.by.as_str());
        return Err(format!("`{by}` gives it the context `{name}` (`{from}`) beside its own, which only compose does"));
    }
    let stage = match variant.target {
        Some(target) => file.stages.iter().find(|stage| stage.name.as_deref() == Some(target)),
        None => file.stages.last(),
    };
    let names = names_of(variant);
    let service = variant.by.iter().find_map(|build| build.name.clone());
    let services: BTreeSet<&str> = variant.by.iter().filter_map(|build| build.name.as_deref()).collect();
    let own = word_of(&file.path, names.first().map(String::as_str));
    // Of several services that are built so, one says less than the place.
    let is_own = services.contains(own.as_str()) || services.len() > 2;
    let id = service.filter(|_| services.len() < 2 || !is_own).unwrap_or(own);
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
    Ok(ImageBuild {
        id,
        dockerfile: file.path.clone(),
        context: folder,
        target: variant.target.map(str::to_owned),
        args: variant.args.clone(),
        names,
        words,
        missing,
        ports: stage.map(|stage| stage.ports.iter().filter_map(|said| port(&said.value)).collect()).unwrap_or_default(),
        health,
        bases: bases(&text, file, &made.into_iter().chain(&given).collect::<Vec<_>>()),
        is_base: false,
        has_exact_names: variant.by.iter().any(|build| build.deploys_too()),
        others: Vec::new(),
        services: variant.by.iter().filter_map(|build| Some((build.by.clone(), build.name.clone()?))).collect(),
        made: None,
    })
}

/// Words of the names that workflows give images which they only try.
const TRIALS: &[&str] = &["test", "tests", "e2e", "ci"];

/// The names of the image, each once; what a workflow calls one that it tests is none.
fn names_of(variant: &Variant<'_>) -> Vec<String> {
    let is_trial = |build: &DeclaredBuild, name: &str| {
        !build.is_exact() && name_of(name).split(['-', '_', '.']).any(|part| TRIALS.contains(&part))
    };
    let mut names: Vec<String> = Vec::new();
    for build in &variant.by {
        let name = build.image.as_ref().filter(|name| !name.contains('$') && !is_trial(build, name));
        names.extend(name.filter(|name| !names.contains(name)).cloned());
    }
    names
}

/// Says what is copied although a `.dockerignore` leaves it out of the context.
fn left_out_of(repository: &Repository, dockerfile: &str, context: &str, dropped: &[String]) -> Option<String> {
    let own = format!("{dockerfile}.dockerignore");
    let ignore = if repository.has(&own) { own } else { join(context, ".dockerignore").unwrap_or_default() };
    let paths = dropped.join("`, `");
    (!dropped.is_empty()).then(|| {
        format!("`{dockerfile}` copies `{paths}`, which is there, and `{ignore}` leaves it out of the build: a line with `!` lets it in")
    })
}

#[cfg(test)]
mod tests;
