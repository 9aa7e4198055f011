//! Compose files: what they build, which ports they publish, what they need.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::detector::{Detector, aside};
use super::interpolate::interpolate;
use crate::init::findings::{ComposeFile, ComposeService, DeclaredBuild, Findings, image_name};
use crate::init::repository::{Repository, folder_of, join, name_of};
use crate::tools::http::check_path;

pub(super) const DETECTOR: Detector = Detector { detect };

/// The names that compose looks for itself, in its order.
const PLAIN: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

static URL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d+))?(/[^\s'\x22|;&)\]]*)?").ok()
});

fn detect(repository: &Repository, findings: &mut Findings) {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in repository.files().filter(|path| is_compose(name_of(path))) {
        if let Some(why) = aside(path) {
            findings.leave_out(path, why);
        } else {
            folders.entry(folder_of(path)).or_default().push(path);
        }
    }
    for paths in folders.values() {
        let plain = PLAIN.iter().find_map(|name| paths.iter().find(|path| name_of(path) == *name));
        let is_test = |path: &&str| {
            ["test", "tests", "ci", "e2e"].iter().any(|word| name_of(path).contains(&format!(".{word}.")))
        };
        let Some(first) = plain.or(paths.iter().find(|path| !is_test(path))) else {
            for path in paths {
                findings.leave_out(path, "it is a test's");
            }
            continue;
        };
        let mut layers = vec![*first];
        if plain.is_some() {
            layers.extend(paths.iter().filter(|path| name_of(path).contains(".override.")));
        }
        let others = paths.iter().filter(|path| !layers.contains(path)).map(|path| (*path).to_owned()).collect();
        let file = read(repository, &layers, findings);
        // One that only changes others, or is empty, is none.
        if file.services.is_empty() {
            for path in layers {
                findings.leave_out(path, "it has no services");
            }
            continue;
        }
        findings.compose.push(ComposeFile { others, ..file });
    }
}

fn is_compose(name: &str) -> bool {
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
    stem.is_some_and(|stem| {
        ["compose", "docker-compose"]
            .iter()
            .any(|word| stem == *word || stem.strip_prefix(word).is_some_and(|rest| rest.starts_with(['.', '-', '_'])))
    })
}

/// Reads a file with those that go over it.
fn read(repository: &Repository, layers: &[&str], findings: &mut Findings) -> ComposeFile {
    let mut file =
        ComposeFile { paths: layers.iter().map(|path| (*path).to_owned()).collect(), ..ComposeFile::default() };
    let folder = folder_of(layers.first().copied().unwrap_or_default());
    let known = env_values(repository, folder);
    let value = |name: &str| known.get(name).cloned();
    let mut required = BTreeSet::new();
    let mut merged: Vec<(String, Value)> = Vec::new();
    for path in layers {
        let text = repository.text(path).unwrap_or_default();
        let without_comments: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        required.extend(interpolate(&without_comments.join("\n").replace("$$", ""), &value).1);
        for document in repository.yaml(path) {
            for (name, service) in document.get("services").and_then(Value::as_object).into_iter().flatten() {
                match merged.iter_mut().find(|(other, _)| other == name) {
                    Some((_, known)) => overlay(known, service),
                    None => merged.push((name.clone(), service.clone())),
                }
            }
        }
    }
    file.required = required.into_iter().filter(|name| !name.is_empty()).collect();
    let awaited = |name: &String| {
        merged.iter().any(|(_, service)| {
            let condition = service.pointer(&format!("/depends_on/{name}/condition")).and_then(Value::as_str);
            condition == Some("service_completed_successfully")
        })
    };
    for (name, service) in &merged {
        let by = layers.first().copied().unwrap_or_default();
        let build = build(by, folder, name, service, &value);
        file.missing_env_files.extend(missing_env_files(repository, folder, service));
        file.services.push(ComposeService {
            name: name.clone(),
            is_built: build.is_some(),
            ports: ports(service, &value),
            health: health(service),
            completes: awaited(name),
            has_profiles: service.get("profiles").and_then(Value::as_array).is_some_and(|all| !all.is_empty()),
        });
        findings.builds.extend(build);
    }
    file
}

/// The values of the `.env` beside a compose file, which compose reads itself.
fn env_values(repository: &Repository, folder: &str) -> BTreeMap<String, String> {
    let text = join(folder, ".env").and_then(|path| repository.text(&path)).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let pairs = lines.filter_map(|line| line.trim().split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned())).collect()
}

/// Writes what `over` says over a service.
fn overlay(service: &mut Value, over: &Value) {
    match (service, over) {
        (Value::Object(known), Value::Object(new)) => {
            for (key, value) in new {
                overlay(known.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(known), Value::Array(new)) => known.extend(new.iter().cloned()),
        (known, new) => *known = new.clone(),
    }
}

fn build(
    by: &str,
    folder: &str,
    name: &str,
    service: &Value,
    value: &dyn Fn(&str) -> Option<String>,
) -> Option<DeclaredBuild> {
    let build = service.get("build")?;
    let filled = |text: &str| {
        let (text, missing) = interpolate(text, value);
        missing.is_empty().then_some(text)
    };
    let field = |key: &str| build.get(key).and_then(Value::as_str).and_then(filled);
    let written = build.as_str().and_then(filled).or_else(|| field("context"));
    // A build that is a table without a context has the folder of the file.
    let context = match &written {
        Some(path) => join(folder, path),
        None if build.get("context").is_none() && build.is_object() => Some(folder.to_owned()),
        None => None,
    };
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
                args.extend(filled(&text).filter(|_| !arg.is_null()).map(|text| (name.clone(), text)));
            }
        }
        Some(Value::Array(list)) => {
            let pairs = list.iter().filter_map(|arg| arg.as_str()?.split_once('='));
            args.extend(pairs.filter_map(|(name, text)| Some((name.to_owned(), filled(text)?))));
        }
        _ => {}
    }
    let image = service.get("image").and_then(Value::as_str).map(|image| interpolate(image, value).0);
    Some(DeclaredBuild {
        by: by.to_owned(),
        name: Some(name.to_owned()),
        image: image.map(|image| image_name(&image).to_owned()).filter(|image| !image.is_empty()),
        context,
        dockerfile,
        target: field("target"),
        args,
    })
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

/// Where the health check of a service sends a request by HTTP.
fn health(service: &Value) -> Option<(u16, String)> {
    let words: Vec<&str> = match service.pointer("/healthcheck/test")? {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    http_request(&words.join(" "))
}

/// The port and path that a command line requests of its own machine by HTTP.
pub(in crate::init) fn http_request(line: &str) -> Option<(u16, String)> {
    let found = URL.as_ref()?.captures(line)?;
    let port = found.get(1).map_or(Some(80), |port| port.as_str().parse().ok())?;
    let path = found.get(2).map_or("/", |path| path.as_str());
    check_path("path", path).is_ok().then(|| (port, path.to_owned()))
}

/// The files of variables that a service needs and that are not there.
fn missing_env_files(repository: &Repository, folder: &str, service: &Value) -> Vec<String> {
    let named = match service.get("env_file") {
        Some(Value::String(path)) => vec![path.clone()],
        Some(Value::Array(list)) => list
            .iter()
            .filter(|one| one.get("required").and_then(Value::as_bool) != Some(false))
            .filter_map(|one| one.as_str().or_else(|| one.get("path")?.as_str()).map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    named.iter().filter_map(|path| join(folder, path)).filter(|path| !repository.has(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    fn found(files: &[(&str, &str)]) -> Findings {
        let (_dir, repository) = repository(files);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        findings
    }

    #[test]
    fn builds_are_read_with_target_and_arguments_through_all_layers() {
        let findings = found(&[
            (
                "deploy/docker-compose.yml",
                "services:\n  web:\n    build: {context: .., dockerfile: \"web/${FILE:-Dockerfile}\", target: run, args: {A: 1, B: \"${C}\"}}\n    \
                 image: acme/web:${TAG:-1}\n  db: {image: postgres, ports: [\"5432:5432\", \"53:53/udp\"]}\n  job: {build: ../job}\n",
            ),
            (
                "deploy/docker-compose.override.yml",
                "services:\n  web:\n    ports: [\"8080:80\"]\n    depends_on: {job: {condition: service_completed_successfully}}\n",
            ),
            ("deploy/docker-compose.prod.yml", "services: {web: {}}\n"),
            ("tests/docker-compose.yml", "services: {web: {build: .}}\n"),
        ]);
        let builds: Vec<String> = findings
            .builds
            .iter()
            .map(|build| {
                format!(
                    "{:?} {:?} {:?} {:?} {:?} {:?}",
                    build.name, build.image, build.context, build.dockerfile, build.target, build.args
                )
            })
            .collect();
        assert_eq!(
            builds,
            [
                r#"Some("job") None Some("job") Some("job/Dockerfile") None {}"#,
                r#"Some("web") Some("acme/web") Some("") Some("web/Dockerfile") Some("run") {"A": "1"}"#,
            ]
        );
        let [file] = findings.compose.as_slice() else { panic!("{:?}", findings.compose) };
        assert_eq!(file.paths, ["deploy/docker-compose.yml", "deploy/docker-compose.override.yml"]);
        assert_eq!(
            (file.others.as_slice(), file.required.as_slice()),
            (["deploy/docker-compose.prod.yml".to_owned()].as_slice(), ["C".to_owned()].as_slice())
        );
        let services: Vec<String> =
            file.services.iter().map(|one| format!("{} {:?} {}", one.name, one.ports, one.completes)).collect();
        assert_eq!(services, ["db [5432] false", "job [] true", "web [80] false"]);
        assert_eq!(findings.left_out[0].path, "tests/docker-compose.yml");
    }

    #[test]
    fn a_health_check_names_port_and_path() {
        for (line, expected) in [
            ("CMD curl -f http://localhost:8000/health || exit 1", Some((8000, "/health".to_owned()))),
            ("wget -q --spider http://127.0.0.1/", Some((80, "/".to_owned()))),
            ("urlopen('http://localhost:80/x?y=1')", Some((80, "/x?y=1".to_owned()))),
            ("pg_isready -U x", None),
            ("curl http://example.com:1/", None),
        ] {
            assert_eq!(http_request(line), expected, "{line}");
        }
    }
}
