//! The manifests of a project: the files that globs select, and the objects in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fs_err as fs;

use super::manifest::{ManifestObject, read_manifest};
use super::objects::ObjectRef;
use crate::error::{Context, Failure, ids};
use crate::files::{EntryKind, Globs};

/// How the files of manifests end. Others, such as a README beside them, are left out.
const ENDINGS: &[&str] = &["yaml", "yml", "json"];

/// Reads the manifests below `root` that the globs `patterns` select: in the order of the globs, and for each glob in
/// the order of the names. `namespace` is that of objects that name none.
pub fn read_manifests(root: &Path, patterns: &[String], namespace: &str) -> Result<Vec<ManifestObject>, Failure> {
    let mut objects: Vec<ManifestObject> = Vec::new();
    let mut places: BTreeMap<ObjectRef, String> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (pattern, files) in Globs::of(patterns).sets(root).map_err(Failure::failed)? {
        let mut n_files = 0;
        for entry in files.walk() {
            let entry = entry?;
            let ending = entry.path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if entry.kind != EntryKind::File || !ENDINGS.contains(&ending) {
                continue;
            }
            n_files += 1;
            if !seen.insert(entry.path.clone()) {
                continue;
            }
            let file = entry.name().display().to_string();
            let text = fs::read_to_string(&entry.path).context(|| format!("reading the manifest `{file}`"))?;
            for object in read_manifest(&file, &text, namespace)? {
                if let Some(other) = places.insert(object.reference.clone(), file.clone()) {
                    let both = if other == file {
                        format!("is in `{file}` twice")
                    } else {
                        format!("is in `{other}` and in `{file}`")
                    };
                    return Err(Failure::failed(format!("{} {both}", object.reference)));
                }
                objects.push(object);
            }
        }
        if n_files == 0 {
            return Err(Failure::of(ids::INPUT_MISSING, format!("`files`: `{pattern}` matches no manifest"))
                .hint("correct the pattern: it starts at the folder of `pipeline.toml`; manifests end with .yaml, .yml or .json"));
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &Path, patterns: &[&str]) -> Result<String, String> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let objects = read_manifests(folder, &patterns, "apps").map_err(|failure| failure.to_string())?;
        Ok(objects.iter().map(|object| object.reference.short()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn manifests_are_read_in_the_order_of_the_globs_and_names_and_each_once() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, objects: &[&str]| {
            let text: Vec<String> =
                objects.iter().map(|name| format!("apiVersion: v1\nkind: A\nmetadata: {{name: {name}}}\n")).collect();
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs::write(dir.path().join(name), text.join("---\n")).unwrap();
        };
        write("k8s/10-b.yaml", &["b", "c"]);
        write("k8s/02-a.yml", &["a"]);
        write("k8s/README.md", &["no"]);
        write("more/x.json", &["x"]);
        assert_eq!(read(dir.path(), &["more/*", "k8s"]).unwrap(), "a/x a/a a/b a/c");
        assert_eq!(read(dir.path(), &["k8s/10*", "k8s/*.y*ml", "!k8s/02*"]).unwrap(), "a/b a/c");
        assert!(read(dir.path(), &["k8s", "k8s/*.txt"]).unwrap_err().contains("`k8s/*.txt` matches no manifest"));
        write("k8s/20-again.yaml", &["a"]);
        let error = read(dir.path(), &["k8s"]).unwrap_err();
        assert_eq!(error, "a/a in apps is in `k8s/02-a.yml` and in `k8s/20-again.yaml`");
    }
}
