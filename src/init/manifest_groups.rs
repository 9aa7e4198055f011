//! Manifests that a tool names together, and those that it is installed with itself.

use globset::GlobBuilder;

use super::findings::ManifestFile;
use super::repository::{Repository, ancestors, folder_of, name_of, words_of};
use crate::files::glob_of;

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

/// The files as globs, with what they leave out; of the repository's own folder one by one.
pub(super) fn patterns(repository: &Repository, taken: &[&ManifestFile]) -> Vec<String> {
    let mut folders: Vec<(&str, &str)> = Vec::new();
    let mut patterns = Vec::new();
    for file in taken {
        let (folder, ending) = (folder_of(&file.path), file.path.rsplit('.').next().unwrap_or_default());
        if folder.is_empty() {
            patterns.push(glob_of(&file.path));
        } else if !folders.contains(&(folder, ending)) {
            folders.push((folder, ending));
            patterns.push(all_of(folder, ending));
        }
    }
    for (folder, ending) in folders {
        let others =
            repository.below(folder).filter(|path| folder_of(path) == folder && path.ends_with(&format!(".{ending}")));
        let others: Vec<&str> = others.filter(|path| !taken.iter().any(|file| file.path == *path)).collect();
        let n_taken =
            taken.iter().filter(|file| folder_of(&file.path) == folder && file.path.ends_with(ending)).count();
        // More that is left out than taken is better named file by file.
        if others.len() > n_taken {
            patterns.retain(|pattern| *pattern != all_of(folder, ending));
            patterns.extend(
                taken
                    .iter()
                    .filter(|file| folder_of(&file.path) == folder && file.path.ends_with(ending))
                    .map(|file| glob_of(&file.path)),
            );
        } else {
            patterns.extend(others.into_iter().map(|path| format!("!{}", glob_of(path))));
        }
    }
    patterns
}

/// The glob for the files of a folder whose names end with `ending`.
fn all_of(folder: &str, ending: &str) -> String {
    format!("{}/*.{ending}", glob_of(folder))
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
