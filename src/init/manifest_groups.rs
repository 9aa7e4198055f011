//! Manifests that a tool names together, and those that it is installed with itself.

use globset::GlobBuilder;

use super::findings::ManifestFile;
use super::repository::{ancestors, folder_of, name_of, words_of};

/// Whether a file is one that Flux is installed with.
pub(super) fn is_of_flux(path: &str) -> bool {
    name_of(folder_of(path)) == "flux-system" || name_of(path).starts_with("gotk-")
}

/// Whether `named`, a file, a folder or a pattern, has the file `path`.
pub(super) fn has(named: &str, path: &str) -> bool {
    let is_below = || path.strip_prefix(named).is_some_and(|rest| rest.starts_with('/'));
    let glob = || GlobBuilder::new(named).literal_separator(true).build().ok().map(|glob| glob.compile_matcher());
    named == path || is_below() || (named.contains('*') && glob().is_some_and(|glob| glob.is_match(path)))
}

/// The folder that all files are in or below.
pub(super) fn common_folder(files: &[&ManifestFile]) -> String {
    let first = files.first().map_or("", |file| folder_of(&file.path));
    let is_common = |folder: &&str| {
        let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        files.iter().all(|file| file.path.starts_with(&start))
    };
    ancestors(first).find(is_common).unwrap_or_default().to_owned()
}

/// Whether one of the words is in the path of a folder.
pub(super) fn has_word(folder: &str, words: &[&str]) -> bool {
    words_of(&folder.to_lowercase()).any(|part| words.contains(&part))
        || folder.to_lowercase().split('/').any(|part| words.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_a_folder_or_a_pattern_has_its_files() {
        for (named, path, expected) in [
            ("k8s/a.yaml", "k8s/a.yaml", true),
            ("k8s", "k8s/a/b.yaml", true),
            ("k8s/*.yaml", "k8s/a.yaml", true),
            ("k8s/*.yaml", "k8s/a/b.yaml", false),
            ("k8s", "k8s-other/a.yaml", false),
        ] {
            assert_eq!(has(named, path), expected, "{named} {path}");
        }
    }

    #[test]
    fn files_have_the_nearest_folder_above_all_of_them() {
        let common = |paths: &[&str]| {
            let files: Vec<ManifestFile> =
                paths.iter().map(|path| ManifestFile { path: (*path).to_owned(), objects: Vec::new() }).collect();
            common_folder(&files.iter().collect::<Vec<_>>())
        };
        assert_eq!(common(&["a/b/x.yaml", "a/c/y.yaml"]), "a");
        assert_eq!(common(&["a/x.yaml", "ab/y.yaml"]), "");
        assert!(is_of_flux("c/flux-system/x.yaml") && is_of_flux("c/gotk-sync.yaml") && !is_of_flux("flux/x.yaml"));
    }
}
