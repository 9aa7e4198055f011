//! [`load`]: the services of compose files, with what they include and extend, as compose itself puts them together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::compose_external::{Externals, externals};
use super::interpolate::{Missing, fill, interpolate};
use crate::init::repository::{Repository, folder_of, join};

/// What files say together.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) services: Vec<Loading>,
    /// The variables that have no value.
    pub(super) missing: BTreeSet<Missing>,
    /// The values that stand in the `.env` files beside the compose files.
    pub(super) values: BTreeMap<String, String>,
    /// The names of those that the compose files use.
    pub(super) used: BTreeSet<String>,
    /// The files of secrets and configs: what they are, their names, and the paths.
    pub(super) files: BTreeMap<(&'static str, String), String>,
    /// The volumes and networks that have to be there before.
    pub(super) externals: Externals,
    /// The files that are included, and those of which services are extended.
    pub(super) included: BTreeSet<String>,
    pub(super) extended: BTreeSet<String>,
    /// What is not there, or not here.
    pub(super) doubts: Vec<String>,
}

/// A service.
#[derive(Clone, Debug, Default)]
pub(super) struct Loading {
    pub(super) name: String,
    pub(super) value: Value,
    /// The file that has its build, and the folder where the paths in that begin.
    pub(super) by: String,
    pub(super) folder: String,
    /// Files of variables that it needs and that are not there.
    pub(super) missing_env_files: Vec<String>,
}

/// Files that include each other, or services that extend each other, are followed so far.
const MAX_DEPTH: usize = 8;

/// Variables that a shell has, or compose itself.
const GIVEN: [&str; 8] = ["PWD", "HOME", "USER", "LOGNAME", "PATH", "SHELL", "LANG", "COMPOSE_PROJECT_NAME"];

/// Loads the files `layers`, of which each goes over those before.
pub(super) fn load(repository: &Repository, layers: &[&str]) -> Loaded {
    let mut loaded = Loaded::default();
    for path in layers {
        add_file(repository, path, layers.first().map_or("", |first| folder_of(first)), &mut loaded, 0);
    }
    loaded.missing.retain(|one| !GIVEN.contains(&one.name.as_str()));
    loaded
}

fn add_file(repository: &Repository, path: &str, folder: &str, loaded: &mut Loaded, depth: usize) {
    for (name, value) in env_values(repository, folder) {
        loaded.values.entry(name).or_insert(value);
    }
    let documents = repository.yaml(path);
    for include in documents.iter().flat_map(|document| list(document, "include")) {
        add_include(repository, path, include, loaded, depth);
    }
    let text = repository.text(path).unwrap_or_default();
    let without_comments: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let missing = fill(&without_comments.join("\n").replace("$$", ""), &|name| loaded.values.get(name).cloned()).1;
    loaded.missing.extend(missing);
    let used = loaded.values.keys().filter(|name| without_comments.iter().any(|line| uses(line, name)));
    loaded.used.extend(used.cloned().collect::<Vec<_>>());
    for document in &documents {
        loaded.externals.extend(externals(document, &|name| loaded.values.get(name).cloned()));
        for kind in ["secrets", "configs"] {
            for (name, one) in document.get(kind).and_then(Value::as_object).into_iter().flatten() {
                let file = one.get("file").and_then(Value::as_str);
                let (file, missing) = interpolate(file.unwrap_or_default(), &|name| loaded.values.get(name).cloned());
                let known = join(folder, &file).filter(|_| !file.is_empty() && missing.is_empty());
                loaded.files.extend(known.map(|file| ((kind, name.clone()), file)));
            }
        }
        for name in document.get("services").and_then(Value::as_object).into_iter().flat_map(|all| all.keys()) {
            let Some(service) = service(repository, (path, folder), name, loaded, 0) else { continue };
            match loaded.services.iter_mut().find(|known| known.name == *name) {
                Some(known) => put_over(known, service),
                None => loaded.services.push(service),
            }
        }
    }
}

/// Whether a line has the variable: `$NAME`, `${NAME}`, `${NAME:-x}`, or hands it on in a list: `- NAME`.
fn uses(line: &str, name: &str) -> bool {
    let is_handed_on = line.trim().strip_prefix("- ").is_some_and(|item| item.trim() == name);
    is_handed_on
        || line.split('$').skip(1).any(|rest| {
            let rest = rest.strip_prefix('{').unwrap_or(rest).strip_prefix(name);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        })
}

fn add_include(repository: &Repository, by: &str, include: &Value, loaded: &mut Loaded, depth: usize) {
    let paths = match include.get("path").unwrap_or(include) {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    for written in paths {
        let path = join(folder_of(by), written).filter(|path| repository.has(path) && depth < MAX_DEPTH);
        let Some(path) = path else {
            loaded.doubts.push(format!("`{by}` includes `{written}`, which is not in this repository"));
            continue;
        };
        loaded.included.insert(path.clone());
        let own = include.get("project_directory").and_then(Value::as_str);
        let folder = own.and_then(|own| join(folder_of(by), own)).unwrap_or_else(|| folder_of(&path).to_owned());
        add_file(repository, &path, &folder, loaded, depth + 1);
    }
}

/// The service `name` of the file `path`, over the one that it extends.
fn service(
    repository: &Repository,
    (path, folder): (&str, &str),
    name: &str,
    loaded: &mut Loaded,
    depth: usize,
) -> Option<Loading> {
    let documents = repository.yaml(path);
    let mut value = documents.iter().rev().find_map(|document| document.get("services")?.get(name)).cloned()?;
    // A path alone is a context.
    if let Some(context) = value.get("build").and_then(Value::as_str).map(str::to_owned) {
        value["build"] = json!({ "context": context });
    }
    let own = Loading {
        name: name.to_owned(),
        missing_env_files: missing_env_files(repository, folder, &value),
        value,
        by: path.to_owned(),
        folder: folder.to_owned(),
    };
    let Some(extends) = own.value.get("extends").cloned().filter(|_| depth < MAX_DEPTH) else { return Some(own) };
    let other = extends.as_str().or_else(|| extends.get("service")?.as_str()).unwrap_or_default();
    let base = match extends.get("file").and_then(Value::as_str) {
        None => service(repository, (path, folder), other, loaded, depth + 1),
        Some(file) => {
            let whole = join(folder, file).filter(|file| repository.has(file));
            let found = whole.and_then(|file| service(repository, (&file, folder_of(&file)), other, loaded, depth + 1));
            if let Some(found) = &found {
                loaded.extended.extend(join(folder, file));
                let text = found.value.to_string().replace("$$", "");
                let missing = fill(&text, &|name| loaded.values.get(name).cloned()).1;
                loaded.missing.extend(missing);
            } else {
                loaded.doubts.push(format!(
                    "the service `{name}` of `{path}` extends `{other}` of `{file}`, which is not in this repository"
                ));
            }
            found
        }
    };
    Some(match base {
        None => own,
        Some(mut base) => {
            put_over(&mut base, own);
            base
        }
    })
}

/// Writes a service over another one.
fn put_over(known: &mut Loading, over: Loading) {
    if over.value.pointer("/build/context").is_some() || known.value.get("build").is_none() {
        (known.by, known.folder) = (over.by, over.folder);
    }
    known.name = over.name;
    known.missing_env_files.extend(over.missing_env_files);
    overlay(&mut known.value, &over.value, "");
}

/// Keys whose lists take the place of those that were there.
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

/// Writes what `over` says over the value of `key`.
fn overlay(known: &mut Value, over: &Value, key: &str) {
    match (known, over) {
        (Value::Object(known), Value::Object(new)) => {
            for (key, value) in new {
                overlay(known.entry(key.clone()).or_insert(Value::Null), value, key);
            }
        }
        (Value::Array(known), Value::Array(new)) if !REPLACED.contains(&key) => known.extend(new.iter().cloned()),
        (known, new) => *known = new.clone(),
    }
}

fn list<'a>(document: &'a Value, key: &str) -> Vec<&'a Value> {
    document.get(key).and_then(Value::as_array).into_iter().flatten().collect()
}

/// What further files build: the names of services, each with its Dockerfile.
pub(super) fn built_by(repository: &Repository, paths: &[String]) -> Vec<(String, String)> {
    let services = paths.iter().flat_map(|path| load(repository, &[path]).services);
    let built = services.filter_map(|service| {
        let build = service.value.get("build")?;
        let text = |key: &str, default: &str| build.get(key).and_then(Value::as_str).unwrap_or(default).to_owned();
        let context = join(&service.folder, &text("context", "."))?;
        Some((service.name, join(&context, &text("dockerfile", "Dockerfile"))?))
    });
    built.collect()
}

/// The values of the `.env` in a folder, which compose reads itself.
pub(super) fn env_values(repository: &Repository, folder: &str) -> BTreeMap<String, String> {
    let text = join(folder, ".env").and_then(|path| repository.text(&path)).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let pairs = lines.filter_map(|line| line.trim().split_once('='));
    let mut values = BTreeMap::new();
    for (name, written) in pairs {
        let plain = written.trim().trim_matches(['"', '\'']);
        // A value may have those above it in itself.
        let value = if written.trim().starts_with('\'') {
            plain.to_owned()
        } else {
            interpolate(plain, &|name| values.get(name).cloned()).0
        };
        values.insert(name.trim().to_owned(), value);
    }
    values
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

    #[test]
    fn what_is_included_and_extended_is_a_part_of_the_file() {
        let (_dir, repository) = repository(&[
            (
                "compose.yml",
                "include: [db/compose.yml, {path: gone.yml}]\nservices:\n  web:\n    extends: {file: common/base.yml, service: base}\n    \
                 build: {target: run}\n    healthcheck: {test: [CMD, web]}\n  worker:\n    extends: web\n    ports: [\"1:1\"]\n  \
                 lost: {extends: {file: gone.yml, service: x}}\n",
            ),
            (
                "common/base.yml",
                "services:\n  base:\n    build: ../src\n    env_file: base.env\n    environment: {PASS: \"${PGPASS}\"}\n    \
                 healthcheck: {test: [CMD, base]}\n    ports: [\"2:2\"]\n  other: {image: \"${OTHER}\"}\n",
            ),
            (
                "db/compose.yml",
                "services:\n  db: {build: ., environment: {P: \"${DB_PASS:?why}\", Q: \"${KNOWN}${PWD}\"}}\n",
            ),
            ("db/.env", "KNOWN=1\n"),
        ]);
        let loaded = load(&repository, &["compose.yml"]);
        let shown: Vec<String> = loaded
            .services
            .iter()
            .map(|one| {
                let text = |pointer: &str| one.value.pointer(pointer).map(Value::to_string).unwrap_or_default();
                format!(
                    "{} {} {} {} {}",
                    one.name,
                    one.folder,
                    text("/build"),
                    text("/healthcheck/test"),
                    text("/ports")
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                r#"db db {"context":"."}  "#,
                "lost    ",
                r#"web common {"context":"../src","target":"run"} ["CMD","web"] ["2:2"]"#,
                r#"worker common {"context":"../src","target":"run"} ["CMD","web"] ["2:2","1:1"]"#,
            ]
        );
        let missing: Vec<(&str, bool)> =
            loaded.missing.iter().map(|one| (one.name.as_str(), one.is_required)).collect();
        assert_eq!(missing, [("DB_PASS", true), ("PGPASS", false)]);
        assert_eq!(
            loaded.included.iter().chain(&loaded.extended).collect::<Vec<_>>(),
            ["db/compose.yml", "common/base.yml"]
        );
        assert_eq!(loaded.services[2].missing_env_files, ["common/base.env"]);
        assert!(loaded.doubts[0].contains("includes `gone.yml`"), "{:?}", loaded.doubts);
        assert!(loaded.doubts[1].contains("extends `x` of `gone.yml`"), "{:?}", loaded.doubts);
    }

    #[test]
    fn values_of_an_env_file_may_have_those_above_them() {
        let (_dir, repository) = repository(&[
            ("compose.yml", "services: {web: {image: \"${IMAGE}\"}}\n"),
            (".env", "# A=0\nA=acme\nIMAGE=\"${A}/web:${B:-1}\"\nPLAIN='${A}'\n"),
        ]);
        let values = load(&repository, &["compose.yml"]).values;
        assert_eq!((values["IMAGE"].as_str(), values["PLAIN"].as_str()), ("acme/web:1", "${A}"));
    }

    #[test]
    fn files_that_include_themselves_end() {
        let (_dir, repository) =
            repository(&[("compose.yml", "include: [compose.yml]\nservices:\n  a: {extends: b}\n  b: {extends: a}\n")]);
        assert_eq!(load(&repository, &["compose.yml"]).services.len(), 2);
    }
}
