//! What documents name is there: paths, actions, layers.

use std::path::Path;

use regex::Regex;

use crate::{LAYERS, documents, root};

/// The first folder of what counts as a path of this project; those of `src` may be named without it.
const ROOTS: &[&str] = &["src", "tests", "docs", "scripts", "examples", "benches", ".ci"];

/// Folders that documents may name before they exist. Meant to be empty.
const PLANNED: &[&str] = &[];

/// Stands for a name that the reader chooses, in a recipe.
const PLACEHOLDER: &str = "my_";

#[test]
fn paths_in_documents_exist() {
    let quoted = Regex::new(r"`([\w.{},*/-]+)`").unwrap();
    let linked = Regex::new(r"\]\(([^)#\s]+)[^)]*\)").unwrap();
    let mut dead = Vec::new();
    for (document, text) in documents() {
        let folder = root().join(&document).parent().unwrap().to_owned();
        for (number, line) in text.lines().enumerate() {
            let quoted = quoted.captures_iter(line).map(|found| found[1].to_owned()).filter(|path| is_path(path));
            let linked = linked.captures_iter(line).map(|found| found[1].to_owned()).filter(|path| !path.contains(':'));
            for path in quoted.chain(linked).flat_map(|path| alternatives(&path)) {
                let places = [folder.clone(), root(), root().join("src")];
                let is_exempt = path.contains(PLACEHOLDER) || PLANNED.contains(&path.as_str());
                if !is_exempt && !places.iter().any(|place| exists(place, &path)) {
                    dead.push(format!("{document}:{}: there is no `{path}`", number + 1));
                }
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn actions_in_documents_exist() {
    let names: Vec<&str> = provision::actions::ACTIONS.iter().map(|action| action.name).collect();
    // What ends like an action's name is meant as one.
    let endings: Vec<String> =
        names.iter().filter_map(|name| name.rsplit_once('-')).map(|(_, ending)| format!("-{ending}")).collect();
    // Settings and states that end like one.
    let others = ["health-check", "taken-down"];
    let quoted = Regex::new("`([a-z]+(?:-[a-z]+)+)`").unwrap();
    let set = Regex::new(r#"^\s*action = "([^"]+)""#).unwrap();
    let mut unknown = Vec::new();
    for (document, text) in documents() {
        for (number, line) in text.lines().enumerate() {
            let quoted = quoted.captures_iter(line).map(|found| found[1].to_owned());
            let quoted = quoted.filter(|name| !others.contains(&name.as_str()));
            let quoted = quoted.filter(|name| endings.iter().any(|ending| name.ends_with(ending)));
            let set = set.captures_iter(line).map(|found| found[1].to_owned());
            for name in quoted.chain(set).filter(|name| !names.contains(&name.as_str())) {
                unknown.push(format!("{document}:{}: there is no action `{name}`", number + 1));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// Pages that are made of the code: what they say is no guide.
const GENERATED: [&str; 2] = ["docs/actions.md", "docs/cli.md"];

#[test]
fn every_action_has_an_example_in_a_guide() {
    let guides: Vec<(String, String)> = documents()
        .into_iter()
        .filter(|(name, _)| {
            name.starts_with("docs/") && !GENERATED.contains(&name.as_str()) && !name.contains("errors/")
        })
        .collect();
    let set = Regex::new(r#"(?m)^\s*action = "([^"]+)""#).unwrap();
    let named: std::collections::BTreeSet<&str> = guides
        .iter()
        .flat_map(|(_, text)| set.captures_iter(text).map(|found| found.get(1).unwrap().as_str()))
        .collect();
    let actions = provision::actions::ACTIONS.iter().map(|action| action.name);
    let missing: Vec<&str> = actions.filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "no page in docs shows a step with {missing:?}, besides docs/actions.md");
}

#[test]
fn every_page_is_in_the_book() {
    let summary = fs_err::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let names = documents().into_iter().map(|(name, _)| name);
    let pages = names.filter_map(|name| name.strip_prefix("docs/").map(str::to_owned));
    let missing: Vec<String> =
        pages.filter(|page| page != "SUMMARY.md" && !summary.contains(&format!("]({page})"))).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md lacks {missing:?}");
}

/// The rows of the table are `LAYER MODULE · MODULE …  what they are`, one row a layer.
#[test]
fn the_layer_table_of_the_documents_is_the_one_that_is_held() {
    let text = fs_err::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let row = Regex::new(r"^(\d+) (\w+(?: · \w+)*)(?:  |$)").unwrap();
    let mut rows: Vec<(String, usize)> = Vec::new();
    for found in text.lines().filter_map(|line| row.captures(line)) {
        let layer: usize = found[1].parse().unwrap();
        rows.extend(found[2].split(" · ").map(|module| (module.to_owned(), layer)));
    }
    let mut held: Vec<(String, usize)> = LAYERS.iter().map(|(module, layer)| ((*module).to_owned(), *layer)).collect();
    rows.sort();
    held.sort();
    assert_eq!(rows, held, "ARCHITECTURE.md against LAYERS");
}

/// Whether a quoted text is meant as a path of this project: it begins with one of its folders, or with one of `src`.
fn is_path(text: &str) -> bool {
    let first = text.split_once('/').map(|(first, _)| first).unwrap_or_default();
    ROOTS.contains(&first) || (!first.is_empty() && root().join("src").join(first).is_dir())
}

/// `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn alternatives(path: &str) -> Vec<String> {
    let Some((before, (inside, after))) =
        path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    else {
        return vec![path.to_owned()];
    };
    inside.split(',').map(|part| format!("{before}{part}{after}")).collect()
}

/// Whether the path is there; of one with `*`, the folder before it.
fn exists(place: &Path, path: &str) -> bool {
    let fixed =
        path.split_once('*').map_or(path, |(before, _)| before.rsplit_once('/').map_or("", |(folder, _)| folder));
    place.join(fixed).exists()
}
