//! The order of the entries, and folders that cannot be read.

use std::path::Path;

use super::super::FileSet;
use super::*;

/// Folders in folders with files in them, some without.
fn tree(dir: &Path, depth: usize, seed: &mut usize) {
    for n in 0..4 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let path = dir.join(format!("{}{n}", ["a", "B", "a.", "z-"][*seed >> 33 & 3]));
        if depth > 0 && *seed >> 40 & 3 > 0 {
            fs_err::create_dir(&path).unwrap();
            tree(&path, depth - 1, seed);
        } else {
            fs_err::write(&path, "x").unwrap();
        }
    }
}

#[test]
fn entries_come_in_one_order_however_many_list_them() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path(), 5, &mut 7);
    std::os::unix::fs::symlink("a0", dir.path().join("link")).unwrap();
    let walk = walkdir::WalkDir::new(dir.path()).min_depth(1).sort_by_file_name();
    let expected: Vec<PathBuf> = walk.into_iter().map(|entry| entry.unwrap().into_path()).collect();
    assert!(expected.len() > 500, "{}", expected.len());
    let set = Arc::new(Filter::everything(dir.path()));
    for limits in
        [LIMITS, Limits { alone: 0, ahead: 0 }, Limits { alone: 0, ahead: 9 }, Limits { alone: 50, ahead: 1000 }]
    {
        let walk = Walk::within(Arc::clone(&set), limits);
        let found: Vec<PathBuf> = walk.map(|entry| entry.unwrap().path).collect();
        assert_eq!(found, expected, "{limits:?}");
        // Helpers end when the rest is not taken.
        assert_eq!(Walk::within(Arc::clone(&set), limits).take(60).count(), 60);
    }
}

#[test]
fn a_folder_that_cannot_be_read_matters_where_something_of_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let set = Arc::new(Filter::everything(dir.path()));
    // As one that was removed between two reads: the tests may run as root, who may read everything.
    let gone =
        |decision| Found { decision, entry: None, folder: Some(Folder::new(dir.path().join("gone"), decision, false)) };
    for decision in [FilterDecision::Take, FilterDecision::Pass] {
        let failure = Walk::new(Arc::clone(&set)).step(gone(decision)).unwrap_err();
        assert!(failure.message.ends_with("gone`"), "{failure}");
    }
    assert!(Walk::new(Arc::clone(&set)).step(gone(FilterDecision::Hold)).unwrap().is_none());
}

#[test]
fn a_link_that_a_pattern_names_counts_with_what_is_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("real")).unwrap();
    fs_err::write(dir.path().join("real/x"), "x").unwrap();
    std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
    let names = |pattern: &str| -> Vec<String> {
        let set = FileSet::glob(dir.path(), pattern, &[]).unwrap();
        set.walk().map(|entry| entry.unwrap().name().display().to_string()).collect()
    };
    assert_eq!(names("link"), ["link", "link/x"]);
    assert_eq!(names("link/**"), ["link", "link/x"]);
    // Its contents count once, and where it leads as well.
    assert_eq!(names("**"), ["link", "real/x"]);
    assert_eq!(names("*/x"), ["link", "link/x", "real/x"]);
}
