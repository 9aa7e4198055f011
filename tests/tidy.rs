//! What the layout promises, held by reading the sources: layers, file sizes, module headers, words that stay out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test fails as the test does")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// Most lines of a source file: one sitting.
const MAX_LINES: usize = 400;

/// Each module's layer: it may use modules of lower layers only. ARCHITECTURE.md shows the same table.
const LAYERS: &[(&str, usize)] = &[
    ("cli", 9),
    ("exec", 8),
    ("config", 7),
    ("plan", 7),
    ("actions", 6),
    ("pipeline", 6),
    ("action", 5),
    ("journal", 5),
    ("report", 5),
    ("images", 4),
    ("event", 3),
    ("tools", 3),
    ("files", 2),
    ("fingerprint", 1),
    ("redact", 1),
    ("error", 0),
    ("failpoint", 0),
    ("model", 0),
];

/// Where alone a library may be named, so that it can be exchanged in one place.
const ONLY_IN: &[(&str, &str)] =
    &[("bollard", "src/tools/docker"), (" kube::", "src/tools/kubernetes"), ("duct::", "src/tools/process")];

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
fn every_file_says_what_it_is_and_stays_readable() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            if !text.starts_with("//! ") {
                wrong.push(format!("{path}: the first line is no `//!` header"));
            }
            let n_lines = text.lines().count();
            if n_lines > MAX_LINES && !path.ends_with("tests.rs") {
                wrong.push(format!("{path}: {n_lines} lines, more than {MAX_LINES}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
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
fn words_that_stay_out_stay_out() {
    let words = ["TODO", "FIXME", "XXX", "dbg!", "#[ignore", "unimplemented!"];
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            if path == "tests/tidy.rs" {
                continue;
            }
            for (number, line) in text.lines().enumerate() {
                if let Some(word) = words.iter().find(|word| line.contains(*word)) {
                    wrong.push(format!("{path}:{}: `{word}`", number + 1));
                }
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
    let files: Vec<String> = sources("src/actions")
        .into_keys()
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
                    || path.contains("/tests/")
                    || path.ends_with("/script.rs")
                    || !code(&text).contains(&quoted),
                "{path} knows the action {quoted}"
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

#[test]
fn the_layer_table_of_the_docs_is_the_one_that_is_held() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (module, layer) in LAYERS {
        let line = text.lines().find(|line| line.starts_with(&format!("{layer} ")) && line.contains(module));
        assert!(line.is_some(), "ARCHITECTURE.md has no line `{layer} … {module} …`");
    }
}

#[test]
fn texts_hold_no_path_of_one_machine() {
    let mut wrong = Vec::new();
    for entry in walkdir::WalkDir::new(root()).into_iter().filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        !matches!(name.as_ref(), ".git" | "target" | "node_modules" | ".provision" | "Cargo.lock")
    }) {
        let entry = entry.unwrap();
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        for path in [concat!("/", "root", "/"), concat!("/", "work", "/")] {
            if !entry.path().ends_with("tests/tidy.rs") && text.contains(path) {
                wrong.push(format!("{}: {path}", entry.path().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
