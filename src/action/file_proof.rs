//! [`FileProof`]: what decides the result of an action that reads files of the project and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::files::{EntryKind, FileSet};

/// The files of a project: what git tracks or would track; all of them where there is no git.
#[derive(Clone, Debug)]
pub struct ProjectFiles {
    root: PathBuf,
    all: BTreeSet<PathBuf>,
}

impl ProjectFiles {
    /// The files `all`, relative to the project's folder `root`.
    pub fn new(root: PathBuf, all: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { root, all: all.into_iter().collect() }
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All of them, in the order of their names.
    pub fn all(&self) -> &BTreeSet<PathBuf> {
        &self.all
    }

    /// The files that a glob of a setting matches, and how many entries it matches besides: links, and files that a run
    /// has made.
    pub fn matching(&self, pattern: &str) -> Result<(Vec<PathBuf>, usize), Failure> {
        let (mut files, mut others) = (Vec::new(), 0);
        for entry in FileSet::glob(&self.root, pattern, &[]).map_err(Failure::failed)?.walk() {
            let entry = entry?;
            if entry.kind == EntryKind::File && self.all.contains(entry.name()) {
                files.push(entry.name().to_owned());
            } else {
                others += 1;
            }
        }
        Ok((files, others))
    }

    /// The files in the folder `folder`, which is relative to the project.
    pub fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        self.all.range(folder.to_owned()..).take_while(move |file| file.starts_with(folder))
    }
}

/// What decides the result of an action that reads files of the project and nothing else, so that it can be tried on a
/// copy of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileProof {
    /// Files that have to say something: a change of what they say may matter.
    pub contents: BTreeSet<PathBuf>,
    /// Files that have to be there, whatever they say.
    pub present: BTreeSet<PathBuf>,
    /// Files that must not be there.
    pub absent: BTreeSet<PathBuf>,
    /// Lines that must not be in a file.
    pub forbidden: Vec<Forbidden>,
    /// What it reads that is no file of the project, such as what another step makes: it can't be tried without it.
    pub foreign: Vec<String>,
}

/// A line that must not be in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Forbidden {
    /// The file.
    pub file: PathBuf,
    /// The lines, which are added at its end.
    pub lines: String,
}

impl FileProof {
    /// Adds the files that `pattern` matches to `contents`.
    pub fn add_contents(&mut self, files: &ProjectFiles, pattern: &str) -> Result<(), Failure> {
        let found = self.found(files, pattern)?;
        self.contents.extend(found);
        Ok(())
    }

    /// Adds the files that `pattern` matches to `present`.
    pub fn add_present(&mut self, files: &ProjectFiles, pattern: &str) -> Result<(), Failure> {
        let found = self.found(files, pattern)?;
        self.present.extend(found);
        Ok(())
    }

    /// Returns the files that `pattern` matches, and notes what it matches besides, or that it matches nothing.
    fn found(&mut self, files: &ProjectFiles, pattern: &str) -> Result<Vec<PathBuf>, Failure> {
        let (found, others) = files.matching(pattern)?;
        if others > 0 || found.is_empty() {
            self.foreign.push(pattern.to_owned());
        }
        Ok(found)
    }

    /// Whether a change of the file `file` may matter to it.
    pub fn concerns(&self, file: &Path) -> bool {
        self.contents.contains(file)
            || self.present.contains(file)
            || self.absent.contains(file)
            || self.forbidden.iter().any(|forbidden| forbidden.file == *file)
    }

    /// The files that it is about.
    pub fn files(&self) -> BTreeSet<&Path> {
        let named = self.contents.iter().chain(&self.present).chain(&self.absent).map(PathBuf::as_path);
        named.chain(self.forbidden.iter().map(|forbidden| forbidden.file.as_path())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_does_not_know_is_foreign() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["k8s/a.yaml", "k8s/b.yaml", "out/made.txt"] {
            fs_err::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs_err::write(dir.path().join(name), "x").unwrap();
        }
        let files = ProjectFiles::new(dir.path().into(), ["k8s/a.yaml", "k8s/b.yaml", "z"].map(PathBuf::from));
        let mut proof = FileProof::default();
        proof.add_contents(&files, "k8s/*.yaml").unwrap();
        assert_eq!((proof.contents.len(), proof.foreign.len()), (2, 0));
        proof.add_present(&files, "out/*.txt").unwrap();
        proof.add_present(&files, "none.txt").unwrap();
        assert_eq!(proof.foreign, ["out/*.txt", "none.txt"]);
        assert!(proof.concerns(Path::new("k8s/a.yaml")) && !proof.concerns(Path::new("z")));
        assert_eq!(files.below(Path::new("k8s")).count(), 2);
    }
}
