//! What the layout promises, held by reading the sources: layers, cycles, sizes, words that stay out, documents.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test fails as the test does")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use fs_err as fs;

#[path = "tidy/cycles.rs"]
mod cycles;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/scripts.rs"]
mod scripts;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/words.rs"]
mod words;

/// Folders whose language is settled: the limits for functions and comments and the list of phrases hold there.
const SETTLED: &[&str] = &["src", "tests", "benches"];

/// Each module's layer: it may use modules of lower layers only. ARCHITECTURE.md shows the same table.
const LAYERS: &[(&str, usize)] = &[
    ("cli", 9),
    ("exec", 8),
    ("init", 8),
    ("config", 7),
    ("plan", 7),
    ("prove", 7),
    ("actions", 6),
    ("pipeline", 6),
    ("action", 5),
    ("cluster", 5),
    ("journal", 5),
    ("report", 5),
    ("documents", 4),
    ("images", 4),
    ("policy", 4),
    ("event", 3),
    ("tools", 3),
    ("files", 2),
    ("expr", 1),
    ("leaks", 2),
    ("fingerprint", 1),
    ("redact", 1),
    ("error", 0),
    ("failpoint", 0),
    ("model", 0),
    ("suggest", 0),
    ("threads", 0),
];

/// Where alone a library may be named, so that it can be exchanged in one place.
const ONLY_IN: &[(&str, &str)] =
    &[("bollard", "src/tools/docker"), (" kube::", "src/tools/kubernetes"), ("duct::", "src/tools/process")];

/// Keys of documents that are also names of actions.
const DOCUMENT_KEYS: &[(&str, &str)] = &[("src/documents/dockerfile.rs", "command")];

/// What writes pipelines names actions and the provider of its clusters; our own loader accepts what it has written.
const WRITES_PIPELINES: &str = "src/init/";

/// Providers whose names are also keys of other tables.
const ORDINARY_WORDS: &[&str] = &["context"];

/// There is a table of how each program prints its version, whatever it is used for.
const PROGRAMS: &str = "src/tools/programs.rs";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> BTreeMap<String, String> {
    let folder = root().join(folder);
    assert!(folder.is_dir(), "{} is gone", folder.display());
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
        .map(|entry| {
            let name = entry.path().strip_prefix(root()).unwrap().display().to_string();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// The documents of the project and their text; not CHANGELOG.md, which also speaks of what was.
fn documents() -> Vec<(String, String)> {
    let mut names = vec![
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "benches/README.md",
        "scripts/lab/README.md",
        "docs/agents/SKILL.md",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect::<Vec<_>>();
    for folder in ["docs", "docs/errors"] {
        let pages = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let pages = pages.filter(|page| page.extension().is_some_and(|extension| extension == "md"));
        names.extend(pages.map(|page| format!("{folder}/{}", page.file_name().unwrap().to_string_lossy())));
    }
    names
        .into_iter()
        .map(|name| {
            let text = fs::read_to_string(root().join(&name)).unwrap();
            (name, text)
        })
        .collect()
}

/// The code of a file without its unit tests and comments.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn layer_of(module: &str) -> usize {
    let known = LAYERS.iter().find(|(name, _)| *name == module);
    known.unwrap_or_else(|| panic!("`{module}` has no layer: add it to LAYERS here and to ARCHITECTURE.md")).1
}

fn top_module(path: &str) -> Option<&str> {
    let path = path.strip_prefix("src/")?;
    let name = path.split('/').next()?.trim_end_matches(".rs");
    (name != "lib" && name != "main").then_some(name)
}

#[test]
fn arrows_between_modules_point_down_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let Some(module) = top_module(&path) else { continue };
        for part in code(&text).split("crate::").skip(1) {
            let used: String = part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if used.is_empty() || used == module {
                continue;
            }
            if layer_of(&used) >= layer_of(module) {
                wrong.push(format!("{path}: `{module}` uses `{used}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_begins_with_what_it_is() {
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            assert!(text.starts_with("//! "), "{path}: the first line is no `//!` header");
        }
    }
}

#[test]
fn libraries_are_named_in_their_one_place() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        if path.ends_with("tests.rs") {
            continue;
        }
        for (library, place) in ONLY_IN {
            if code(&text).contains(library) && !path.starts_with(place) {
                wrong.push(format!("{path}: `{library}` belongs in {place}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_action_is_one_file_and_one_line() {
    let infrastructure = ["mod.rs", "tests.rs"];
    let list = fs::read_to_string(root().join("src/actions/mod.rs")).unwrap();
    let entries: Vec<&str> = list.lines().map(str::trim).filter(|line| line.starts_with("ActionType::of::<")).collect();
    // An action may keep parts of its own in a folder of its name.
    let files: Vec<String> = sources("src/actions")
        .into_keys()
        .filter(|path| path.matches('/').count() == 2)
        .map(|path| Path::new(&path).file_name().unwrap().to_string_lossy().into_owned())
        .filter(|name| !infrastructure.contains(&name.as_str()))
        .collect();
    for file in &files {
        let module = file.trim_end_matches(".rs");
        let n = entries.iter().filter(|entry| entry.contains(&format!("<{module}::"))).count();
        assert_eq!(n, 1, "{file} has {n} entries in ACTIONS");
    }
    assert_eq!(entries.len(), files.len(), "{entries:?} {files:?}");
    // Nothing outside knows an action by its name.
    for action in provision::actions::ACTIONS {
        let quoted = format!("\"{}\"", action.name);
        for (path, text) in sources("src") {
            assert!(
                path.starts_with("src/actions/")
                    || path.starts_with(WRITES_PIPELINES)
                    || path.contains("/tests/")
                    || path.ends_with("/tests.rs")
                    || path.ends_with("/script.rs")
                    || DOCUMENT_KEYS.contains(&(path.as_str(), action.name))
                    || !code(&text).contains(&quoted),
                "{path} knows the action {quoted}"
            );
        }
    }
}

#[test]
fn a_cluster_provider_is_one_file_or_folder_and_one_line() {
    let infrastructure = ["mod", "provider", "session"];
    let list = code(&fs::read_to_string(root().join("src/cluster/mod.rs")).unwrap());
    let entries: Vec<&str> = list.split("ProviderType::of::").skip(1).collect();
    let modules: Vec<String> = fs::read_dir(root().join("src/cluster"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| !infrastructure.contains(&name.as_str()))
        .collect();
    for module in &modules {
        let n = entries.iter().filter(|entry| entry.starts_with(&format!("<{module}::"))).count();
        assert_eq!(n, 1, "{module} has {n} entries in PROVIDERS");
    }
    assert_eq!(entries.len(), modules.len(), "{entries:?} {modules:?}");
    // Nothing outside knows a provider by its name.
    for provider in provision::cluster::PROVIDERS.iter().filter(|provider| !ORDINARY_WORDS.contains(&provider.name)) {
        let quoted = format!("\"{}\"", provider.name);
        for (path, text) in sources("src") {
            assert!(
                path.starts_with("src/cluster/")
                    || path.starts_with(WRITES_PIPELINES)
                    || path.contains("/tests/")
                    || path.contains("/testing/")
                    || path == PROGRAMS
                    || !code(&text).contains(&quoted),
                "{path} knows the provider {quoted}"
            );
        }
    }
}

#[test]
fn the_changelog_knows_this_version() {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(changelog.contains(&format!("## [{version}]")) || changelog.contains("## [Unreleased]"), "{version}");
}

/// All files of the project that are text, by path.
fn texts() -> Vec<(PathBuf, String)> {
    let ours = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        !matches!(name.as_ref(), ".git" | "target" | "node_modules" | ".provision" | "Cargo.lock")
    };
    let entries = walkdir::WalkDir::new(root()).into_iter().filter_entry(ours);
    entries
        .filter_map(|entry| {
            let path = entry.unwrap().into_path();
            let text = fs::read_to_string(&path).ok()?;
            Some((path, text))
        })
        .collect()
}

#[test]
fn texts_hold_no_path_of_one_machine() {
    let mut wrong = Vec::new();
    for (file, text) in texts() {
        for path in [concat!("/", "root", "/"), concat!("/", "work", "/")] {
            if !file.ends_with("tests/tidy.rs") && text.contains(path) {
                wrong.push(format!("{}: {path}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `cargo test` needs neither Docker nor a cluster, and says so instead of leaving the live tests out silently.
#[test]
fn live_tests_run_on_request_and_scripts_test_requests_them() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let targets = manifest["test"].as_array().unwrap();
    let live = targets.iter().find(|target| target["name"].as_str() == Some("live")).unwrap();
    assert_eq!(live["test"].as_bool(), Some(false), "`cargo test` would start a cluster");
    let script = fs::read_to_string(root().join("scripts/test")).unwrap();
    assert!(script.contains("--test live"), "scripts/test does not run the live tests");
    if std::env::var_os("PROVISION_LIVE").is_none() {
        // Not `eprintln`, whose text libtest only shows for tests that fail.
        let note = b"live tests (real Docker, real cluster): NOT run here; ./scripts/test runs them, or cargo test --test live\n";
        std::io::stderr().write_all(note).unwrap();
    }
}
