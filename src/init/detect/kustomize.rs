//! Kustomizations: the folders with a `kustomization.yaml`, and what they are made of.

use std::path::Path;

use serde_json::Value;

use super::detector::{Detector, aside};
use crate::documents::{Document, Format, Source};
use crate::expr::Tree;
use crate::init::findings::{Findings, Kustomization};
use crate::init::repository::{Repository, folder_of, join, name_of, shown};

pub(super) const DETECTOR: Detector = Detector { detect };

/// The names that kustomize looks for.
pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The lists of what it is made of: folders with kustomizations, and manifests.
const RESOURCES: [&str; 3] = ["resources", "bases", "components"];

/// The lists of files that say how others are made or changed; they name files themselves.
const PLUGINS: [&str; 3] = ["generators", "transformers", "validators"];

/// Further lists of files.
const FILES: [&str; 3] = ["crds", "configurations", "patchesStrategicMerge"];

/// Lists of tables, with the keys of them that name files: `KEY=FILE` in some.
const TABLES: [(&str, &[&str]); 8] = [
    ("patches", &["path"]),
    ("patchesJson6902", &["path"]),
    ("replacements", &["path"]),
    ("configMapGenerator", &["files", "envs", "env"]),
    ("secretGenerator", &["files", "envs", "env"]),
    ("helmCharts", &["valuesFile", "additionalValuesFiles", "repo"]),
    ("helmChartInflationGenerator", &["values", "chartRepoUrl"]),
    ("openapi", &["path"]),
];

/// Keys that name files in what [`PLUGINS`] lists: each is one of the tables above with a kind.
const PLUGIN_KEYS: [&str; 9] =
    ["path", "paths", "files", "envs", "env", "valuesFile", "additionalValuesFiles", "repo", "chartRepoUrl"];

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files().filter(|path| NAMES.contains(&name_of(path))) {
        let folder = folder_of(path);
        let is_flux = name_of(folder) == "flux-system" || repository.lists(&format!("{folder}/gotk-components.yaml"));
        let why = aside(path).or_else(|| is_flux.then_some("it is Flux itself, which `flux bootstrap` installs"));
        if let Some(why) = why {
            findings.leave_out(shown(folder), why);
        }
        let Some(document) = repository.yaml(path).into_iter().next() else { continue };
        let mut found = Kustomization {
            folder: folder.to_owned(),
            file: path.to_owned(),
            is_component: document.get("kind").and_then(Value::as_str) == Some("Component"),
            is_aside: why.is_some(),
            ..Kustomization::default()
        };
        for one in RESOURCES.iter().flat_map(|key| texts(document.get(*key))) {
            found.resources.extend(add(repository, &mut found.reads, &mut found.remote, folder, one));
        }
        read(repository, folder, &document, &mut found);
        findings.kustomizations.push(found);
    }
}

/// The strings of a list, or the one that stands there instead.
fn texts(value: Option<&Value>) -> Vec<&str> {
    let list = value.and_then(Value::as_array).map(Vec::as_slice);
    list.or(value.map(std::slice::from_ref)).unwrap_or_default().iter().filter_map(Value::as_str).collect()
}

/// Adds what a kustomization names besides its resources.
fn read(repository: &Repository, folder: &str, document: &Value, found: &mut Kustomization) {
    for one in FILES.iter().flat_map(|key| texts(document.get(*key))).filter(|text| !is_content(text)) {
        add(repository, &mut found.reads, &mut found.remote, folder, one);
    }
    for (table, keys) in TABLES {
        let value = document.get(table);
        let tables = value.and_then(Value::as_array).map(Vec::as_slice).or(value.map(std::slice::from_ref));
        for table in tables.unwrap_or_default() {
            read_keys(repository, folder, table, keys, found);
        }
    }
    for one in PLUGINS.iter().flat_map(|key| texts(document.get(*key))) {
        let plugins = if is_content(one) {
            parsed(repository, one)
        } else {
            let path = add(repository, &mut found.reads, &mut found.remote, folder, one);
            path.map(|path| repository.yaml(&path)).unwrap_or_default()
        };
        for plugin in plugins {
            read_keys(repository, folder, &plugin, &PLUGIN_KEYS, found);
        }
    }
}

fn read_keys(repository: &Repository, folder: &str, table: &Value, keys: &[&str], found: &mut Kustomization) {
    for key in keys {
        for one in texts(table.get(*key)).into_iter().filter(|text| !is_content(text)) {
            let named = one.split_once('=').filter(|(name, _)| *key == "files" && !name.contains('/'));
            add(repository, &mut found.reads, &mut found.remote, folder, named.map_or(one, |(_, file)| file));
        }
    }
}

/// Whether a string is what a file would have, and not its name.
fn is_content(text: &str) -> bool {
    text.contains(['\n', '{'])
}

/// Adds a file or a folder to what is read, or to what is not there. Returns its path.
fn add(
    repository: &Repository,
    reads: &mut Vec<String>,
    remote: &mut Vec<String>,
    folder: &str,
    name: &str,
) -> Option<String> {
    let found = join(folder, name).filter(|path| repository.has(path));
    match &found {
        Some(path) if !reads.contains(path) => reads.push(path.clone()),
        Some(_) => {}
        None => remote.push(name.to_owned()),
    }
    found
}

/// What stands in a string.
fn parsed(repository: &Repository, text: &str) -> Vec<Value> {
    let source = Source { root: repository.root(), name: Path::new("kustomization.yaml"), text };
    let read = Document::read(Format::Yaml, source);
    read.map(|document| document.objects().iter().map(Tree::to_json).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    #[test]
    fn what_a_kustomization_is_made_of_is_known() {
        let (_dir, repository) = repository(&[
            ("k/base/kustomization.yaml", "resources: [a.yaml, https://example.com/x.yaml]\n"),
            ("k/base/a.yaml", "kind: A\n"),
            ("k/dev/kustomization.yml", "bases: [../base]\n"),
            ("k/part/kustomization.yaml", "kind: Component\n"),
            ("examples/a/kustomization.yaml", "resources: []\n"),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let shown: Vec<String> = findings
            .kustomizations
            .iter()
            .map(|one| {
                format!("{} {:?} {:?} {} {}", one.folder, one.resources, one.remote, one.is_component, one.is_aside)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "examples/a [] [] false true",
                r#"k/base ["k/base/a.yaml"] ["https://example.com/x.yaml"] false false"#,
                r#"k/dev ["k/base"] [] false false"#,
                "k/part [] [] true false",
            ]
        );
    }

    #[test]
    fn everything_that_would_be_downloaded_is_known() {
        let address = "github.com/acme/x//t?ref=v1";
        for text in [
            "resources: [ADDRESS]",
            "components: [ADDRESS]",
            "bases: [ADDRESS]",
            "transformers: [ADDRESS]",
            "generators: [ADDRESS]",
            "validators: [ADDRESS]",
            "crds: [ADDRESS]",
            "configurations: [ADDRESS]",
            "openapi: {path: ADDRESS}",
            "patches: [{path: ADDRESS}]",
            "patchesStrategicMerge: [ADDRESS]",
            "patchesJson6902: [{path: ADDRESS, target: {}}]",
            "replacements: [{path: ADDRESS}]",
            "configMapGenerator: [{name: a, files: [ADDRESS]}]",
            "configMapGenerator: [{name: a, files: [key=ADDRESS]}]",
            "secretGenerator: [{name: a, envs: [ADDRESS]}]",
            "secretGenerator: [{name: a, env: ADDRESS}]",
            "helmCharts: [{name: a, repo: ADDRESS}]",
            "helmCharts: [{name: a, valuesFile: ADDRESS}]",
            "transformers:\n- |\n  kind: PatchTransformer\n  path: ADDRESS\n",
            "generators: [plugin.yaml]",
        ] {
            let (_dir, repository) = repository(&[
                ("k/kustomization.yaml", text.replace("ADDRESS", address)),
                ("k/plugin.yaml", format!("kind: ConfigMapGenerator\nfiles: [\"a={address}\"]\n")),
            ]);
            let mut findings = Findings::default();
            detect(&repository, &mut findings);
            let remote = &findings.kustomizations[0].remote;
            assert_eq!(remote.as_slice(), [address], "{text}");
        }
    }
}
