//! Compose files: what they build, which ports they publish, what they need.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compose_external::external_doubts;
use super::compose_load::{Loaded, Loading, built_by, env_values, load};
use super::detector::{Detector, aside};
use super::env_example::is_secret_name;
use super::health::health;
use super::interpolate::{Missing, interpolate};
use crate::init::findings::{ComposeFile, ComposeService, DeclaredBuild, Findings, image_name};
use crate::init::repository::{Repository, folder_of, is_for_development, join, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

/// The names that compose looks for itself, in its order.
const PLAIN: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The names of the files that compose puts over those by itself: `compose.test.override.yml` belongs to another one,
/// and `compose.override.sample.yml` is to be copied.
const OVERRIDES: [&str; 4] =
    ["compose.override.yaml", "compose.override.yml", "docker-compose.override.yml", "docker-compose.override.yaml"];

fn detect(repository: &Repository, findings: &mut Findings) {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in repository.files().filter(|path| is_compose(name_of(path))) {
        if let Some(why) = aside(path) {
            findings.leave_out(path, why);
        } else {
            folders.entry(folder_of(path)).or_default().push(path);
        }
    }
    let mut groups = Vec::new();
    for paths in folders.values() {
        match group(repository, paths) {
            Some(group) => groups.push(group),
            None => paths.iter().for_each(|path| findings.leave_out(path, "it is a test's")),
        }
    }
    // What another file includes is a part of that; of two that include each other neither is.
    let includes = |one: &Group, path: &str| one.loaded.included.contains(path);
    let is_part =
        |one: &Group| groups.iter().any(|other| includes(other, one.first()) && !includes(one, other.first()));
    let parts: Vec<bool> = groups.iter().map(is_part).collect();
    for (Group { layers, others, loaded }, is_part) in groups.into_iter().zip(parts) {
        if is_part {
            continue;
        }
        let file = read(repository, &layers, loaded, findings);
        // One that only changes others, or is empty, is none.
        if file.services.is_empty() {
            // What can't be read is left out for that.
            for path in layers.into_iter().filter(|path| repository.documents(path).is_ok()) {
                findings.leave_out(path, "it has no services");
            }
            continue;
        }
        let built_beside = built_by(repository, &others);
        findings.compose.push(ComposeFile { others, built_beside, ..file });
    }
}

/// Compose files of one folder.
struct Group<'a> {
    /// Those that are used, in their order.
    layers: Vec<&'a str>,
    others: Vec<String>,
    loaded: Loaded,
}

impl Group<'_> {
    fn first(&self) -> &str {
        self.layers.first().copied().unwrap_or_default()
    }
}

/// Chooses from the compose files of a folder; `None` where all of them are for tests.
fn group<'a>(repository: &Repository, paths: &[&'a str]) -> Option<Group<'a>> {
    let plain = PLAIN.iter().find_map(|name| paths.iter().find(|path| name_of(path) == *name));
    let is_test = |path: &&&str| {
        name_of(path).split(['.', '-', '_']).any(|part| ["test", "tests", "testing", "ci", "e2e"].contains(&part))
    };
    // Of `compose.sqlite.yml` and `compose.sqlite-cache.yml` the first one is the plainer one.
    let plainest = || {
        let order = |path: &&&'a str| (is_for_development(path), path.len(), **path);
        paths.iter().filter(|path| !is_test(path)).min_by_key(order)
    };
    let mut layers = vec![*plain.or_else(plainest)?];
    if plain.is_some() {
        layers.extend(paths.iter().filter(|path| OVERRIDES.contains(&name_of(path))));
    }
    let loaded = load(repository, &layers);
    let is_other = |path: &&&str| {
        let is_part = loaded.included.contains(**path) || loaded.extended.contains(**path);
        !layers.contains(*path) && !is_part && repository.documents(path).is_ok()
    };
    let others = paths.iter().filter(is_other).map(|path| (*path).to_owned()).collect();
    Some(Group { layers, others, loaded })
}

pub(super) fn is_compose(name: &str) -> bool {
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
    stem.is_some_and(|stem| {
        ["compose", "docker-compose"]
            .iter()
            .any(|word| stem == *word || stem.strip_prefix(word).is_some_and(|rest| rest.starts_with(['.', '-', '_'])))
    })
}

/// Reads a file with those that go over it.
fn read(repository: &Repository, layers: &[&str], loaded: Loaded, findings: &mut Findings) -> ComposeFile {
    let mut file =
        ComposeFile { paths: layers.iter().map(|path| (*path).to_owned()).collect(), ..ComposeFile::default() };
    let value = |name: &str| loaded.values.get(name).cloned();
    let awaited = |name: &String| {
        loaded.services.iter().any(|service| {
            let condition = service.value.pointer(&format!("/depends_on/{name}/condition")).and_then(Value::as_str);
            condition == Some("service_completed_successfully")
        })
    };
    let first = layers.first().copied().unwrap_or_default();
    let (mut builds, mut started) = (Vec::new(), Vec::new());
    for service in &loaded.services {
        let profiles = if is_on(&loaded, service) { Vec::new() } else { profiles(&service.value) };
        let build = service.value.get("build").map(|written| build(service, written, &value));
        let is_test = is_test(service, &loaded);
        if profiles.is_empty() && !is_test {
            file.missing_env_files.extend(service.missing_env_files.iter().cloned());
            file.doubts.extend(missing_files(repository, first, service, &loaded));
            started.push(&service.value);
        }
        file.services.push(ComposeService {
            name: service.name.clone(),
            is_built: build.is_some(),
            ports: ports(&service.value, &value),
            health: health(&service.value, &service.name, &value),
            image: image(service, &value).filter(|_| build.is_none()),
            by: service.by.clone(),
            completes: awaited(&service.name) || is_one_shot(&service.name, &service.value),
            has_profiles: !profiles.is_empty(),
            is_test,
        });
        match build {
            Some(Ok(build)) => builds.push(DeclaredBuild { profiles, is_test, ..build }),
            Some(Err(why)) => {
                let image = service.value.get("image").and_then(Value::as_str).map(image_name);
                findings.made_otherwise.extend(image.map(str::to_owned));
                findings.doubts.push(why);
            }
            None => {}
        }
    }
    file.doubts.extend(idle(first, &loaded));
    file.doubts.extend(external_doubts(first, &loaded.externals, started.into_iter()));
    file.profiles = turned_on(&loaded);
    file.doubts.extend(loaded.doubts);
    // Those of the file that compose itself reads.
    let own = env_values(repository, folder_of(first));
    let is_given = |name: &&String| is_secret_name(name) && own.get(*name).is_some_and(|value| !value.is_empty());
    file.given = loaded.used.iter().filter(is_given).cloned().collect();
    let (required, unset): (Vec<Missing>, Vec<Missing>) =
        loaded.missing.into_iter().partition(|missing| missing.is_required);
    file.required = required.into_iter().map(|missing| missing.name).collect();
    file.unset = unset.into_iter().map(|missing| missing.name).filter(|name| !file.required.contains(name)).collect();
    file.doubts.extend(tests(&file));
    let named = named_contexts(&mut builds);
    findings.builds.extend(builds.into_iter().chain(named));
    file
}

/// Names of services that run tests of the others.
const TESTS: &[&str] = &["test", "tests", "e2e", "playwright", "cypress", "selenium", "pytest"];

/// Whether a service runs tests: its name says so, and nothing else needs it.
fn is_test(service: &Loading, loaded: &Loaded) -> bool {
    let is_called_so = |name: &str| name.split(['-', '_']).any(|part| TESTS.contains(&part.to_lowercase().as_str()));
    let needs = |other: &Loading| match other.value.get("depends_on") {
        Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(&service.name)),
        Some(Value::Object(map)) => map.contains_key(&service.name),
        _ => false,
    };
    is_called_so(&service.name) && !loaded.services.iter().any(|other| needs(other) && !is_called_so(&other.name))
}

/// Says which services run tests.
fn tests(file: &ComposeFile) -> Option<String> {
    let names: Vec<&str> =
        file.services.iter().filter(|service| service.is_test).map(|service| service.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        let path = file.paths.first().map_or("", String::as_str);
        format!(
            "`{}` of `{path}` runs tests of the others: it is not among the `services` that are started",
            names.join("`, `")
        )
    })
}

/// Builds with the names by which others have what comes out as a context: `base: service:core`.
fn named_contexts(builds: &mut [DeclaredBuild]) -> Vec<DeclaredBuild> {
    let mut of_services = Vec::new();
    for build in builds.iter_mut() {
        let (services, others) =
            std::mem::take(&mut build.contexts).into_iter().partition(|(_, from)| from.starts_with("service:"));
        build.contexts = others;
        of_services.push(services);
    }
    let named = of_services.into_iter().flat_map(|services: Vec<(String, String)>| services);
    let maker = |from: &str| {
        let service = from.strip_prefix("service:");
        builds.iter().find(|build| build.name.as_deref() == service)
    };
    named.filter_map(|(name, from)| Some(DeclaredBuild { image: Some(name), ..maker(&from)?.clone() })).collect()
}

/// The named contexts of a build: a table, or a list of pairs.
fn contexts(build: &Value, filled: &dyn Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let pairs: Vec<(&str, &str)> = match build.get("additional_contexts") {
        Some(Value::Object(map)) => {
            map.iter().filter_map(|(name, from)| Some((name.as_str(), from.as_str()?))).collect()
        }
        Some(Value::Array(list)) => list.iter().filter_map(|pair| pair.as_str()?.split_once('=')).collect(),
        _ => Vec::new(),
    };
    pairs.into_iter().map(|(name, from)| (name.to_owned(), filled(from).unwrap_or_else(|| from.to_owned()))).collect()
}

/// The image that a service names, where no variable without a value is in it.
fn image(service: &Loading, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (image, missing) = interpolate(service.value.get("image")?.as_str()?, value);
    (missing.is_empty() && !image.is_empty()).then_some(image)
}

/// Parts of the names of services that prepare something and end.
const ONE_SHOT: &[&str] = &[
    "migrate",
    "migrator",
    "migration",
    "migrations",
    "init",
    "seed",
    "seeder",
    "setup",
    "bootstrap",
    "createbuckets",
];

/// Whether a service runs to its end: its name says so, it publishes no port, and it is not started again.
fn is_one_shot(name: &str, service: &Value) -> bool {
    let is_restarted = matches!(service.get("restart").and_then(Value::as_str), Some("always" | "unless-stopped"));
    let is_reached = ["ports", "expose", "healthcheck"].iter().any(|key| service.get(key).is_some());
    let mut parts = name.split(['-', '_']);
    !is_restarted && !is_reached && parts.any(|part| ONE_SHOT.contains(&part.to_lowercase().as_str()))
}

/// The profiles without which a service is not started.
fn profiles(service: &Value) -> Vec<String> {
    let list = service.get("profiles").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The profiles that the `.env` beside the file turns on.
fn turned_on(loaded: &Loaded) -> Vec<String> {
    let named = loaded.values.get("COMPOSE_PROFILES").map_or("", String::as_str).split(',').map(str::trim);
    named.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Whether one of the profiles of a service is turned on.
fn is_on(loaded: &Loaded, service: &Loading) -> bool {
    let on = turned_on(loaded);
    profiles(&service.value).iter().any(|name| on.contains(name) || on.iter().any(|one| one == "*"))
}

/// Says which services belong to profiles.
fn idle(path: &str, loaded: &Loaded) -> Option<String> {
    let off = loaded.services.iter().filter(|service| !is_on(loaded, service));
    let of_profiles = off.map(|service| (&service.name, profiles(&service.value)));
    let named: Vec<String> = of_profiles
        .filter(|(_, profiles)| !profiles.is_empty())
        .map(|(name, profiles)| format!("`{name}` (`{}`)", profiles.join("`, `")))
        .collect();
    (!named.is_empty()).then(|| {
        format!("services of `{path}` that belong to profiles are not started: {}; the setting `profiles` of its step turns profiles on", named.join(", "))
    })
}

/// Says which files of secrets and configs a service is handed that are not there.
fn missing_files(repository: &Repository, path: &str, service: &Loading, loaded: &Loaded) -> Vec<String> {
    let used = |kind: &'static str| {
        let list = service.value.get(kind).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|one| one.as_str().or_else(|| one.get("source")?.as_str())).map(move |name| (kind, name))
    };
    let files = used("secrets").chain(used("configs")).filter_map(|(kind, name)| {
        let file = loaded.files.get(&(kind, name.to_owned()))?;
        (!repository.has(file)).then(|| {
            format!(
                "`{path}` takes the {} `{name}` from the file `{file}`, which is not there: make it",
                kind.trim_end_matches('s')
            )
        })
    });
    files.collect()
}

/// Reads what is built for a service, or says why no Dockerfile of the repository is.
fn build(service: &Loading, build: &Value, value: &dyn Fn(&str) -> Option<String>) -> Result<DeclaredBuild, String> {
    let Loading { name, by, folder, .. } = service;
    let filled = |text: &str| {
        let (text, missing) = interpolate(text, value);
        missing.is_empty().then_some(text)
    };
    let field = |key: &str| build.get(key).and_then(Value::as_str).and_then(filled);
    if build.get("dockerfile_inline").is_some() {
        return Err(format!(
            "`{by}` has the Dockerfile of `{name}` in itself (`dockerfile_inline`), which only compose builds: write it to a file to have a `docker-build` step for it"
        ));
    }
    // A build without a context has the folder of the file.
    let written = if build.get("context").is_none() { Some(".".to_owned()) } else { field("context") };
    let context = written.as_ref().and_then(|path| join(folder, path));
    if let Some(path) = written.as_ref().filter(|path| is_remote(path) || context.is_none()) {
        let what = if is_remote(path) { "another repository" } else { "outside of this repository" };
        return Err(format!("`{by}` builds `{name}` from `{path}`, which is {what}: only compose builds it"));
    }
    let dockerfile = match build.get("dockerfile") {
        Some(_) => field("dockerfile"),
        None => Some("Dockerfile".to_owned()),
    };
    let dockerfile = dockerfile.zip(context.as_ref()).and_then(|(file, context)| join(context, &file));
    let mut args = BTreeMap::new();
    match build.get("args") {
        Some(Value::Object(map)) => {
            for (name, arg) in map {
                let text = arg.as_str().map_or_else(|| arg.to_string(), str::to_owned);
                // One without a value has that of the variable.
                let text = if arg.is_null() { value(name) } else { filled(&text) };
                args.extend(text.map(|text| (name.clone(), text)));
            }
        }
        Some(Value::Array(list)) => {
            let pair = |arg: &str| match arg.split_once('=') {
                Some((name, text)) => Some((name.to_owned(), filled(text)?)),
                None => Some((arg.to_owned(), value(arg)?)),
            };
            args.extend(list.iter().filter_map(|arg| pair(arg.as_str()?)));
        }
        _ => {}
    }
    let image = service.value.get("image").and_then(Value::as_str).map(|image| interpolate(image, value).0);
    Ok(DeclaredBuild {
        by: by.clone(),
        name: Some(name.clone()),
        image: image.map(|image| image_name(&image).to_owned()).filter(|image| !image.is_empty()),
        context,
        dockerfile,
        target: field("target"),
        args,
        contexts: contexts(build, &filled),
        ..DeclaredBuild::default()
    })
}

/// Whether a context is that of a repository which compose gets first.
fn is_remote(context: &str) -> bool {
    let host = context.split('/').next().unwrap_or_default();
    context.contains("://")
        || context.starts_with("git@")
        || context.contains(".git#")
        || context.rsplit_once('.').is_some_and(|(_, end)| end == "git")
        || host == "github.com"
}

/// The container's ports that are published, of TCP.
fn ports(service: &Value, value: &dyn Fn(&str) -> Option<String>) -> Vec<u16> {
    let list = service.get("ports").and_then(Value::as_array).into_iter().flatten();
    let port = |port: &Value| match port {
        Value::Object(fields) => {
            let is_tcp = fields.get("protocol").and_then(Value::as_str).is_none_or(|protocol| protocol == "tcp");
            let target = fields.get("target")?;
            let number = target.as_u64().or_else(|| target.as_str()?.parse().ok());
            number.filter(|_| is_tcp).and_then(|number| u16::try_from(number).ok())
        }
        Value::String(text) => {
            let text = interpolate(text, value).0;
            if text.ends_with("/udp") {
                return None;
            }
            text.trim_end_matches("/tcp").rsplit(':').next()?.parse().ok()
        }
        Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        _ => None,
    };
    let mut found: Vec<u16> = list.filter_map(port).collect();
    found.dedup();
    found
}

#[cfg(test)]
mod tests;
