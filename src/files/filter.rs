//! [`Filter`]: which entries below a folder are part of a file set.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::dockerignore::Ignore;
use crate::error::{Context, Failure};

/// Folders that a glob enters only if it names them: their contents change with every command.
const UNLISTED: [&str; 2] = [".git", STATE_FOLDER];

/// The state folder of a project.
const STATE_FOLDER: &str = ".provision";

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FilterDecision {
    /// Part of the set.
    Take,
    /// Not part of it, but its contents may be.
    Pass,
    /// As [`FilterDecision::Pass`]; a folder becomes part of the set with the first entry in it that is.
    Hold,
    /// Neither it nor its contents.
    Prune,
}

/// The root of a file set, and the rule for what is below it.
#[derive(Debug)]
pub(super) struct Filter {
    root: PathBuf,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    #[cfg(test)]
    Everything,
    Ignore {
        ignore: Ignore,
        keep: Vec<PathBuf>,
    },
    Glob {
        start: PathBuf,
        glob: GlobMatcher,
    },
    /// The globs `start/**` and `start`, which need no matcher; `itself`: `start` may be a file.
    Under {
        start: PathBuf,
        itself: bool,
    },
}

impl Filter {
    /// Everything in the folder `root`.
    #[cfg(test)]
    pub(super) fn everything(root: &Path) -> Self {
        Self { root: root.to_owned(), rule: Rule::Everything }
    }

    /// What a `.dockerignore` leaves of the folder `root`, and the files `keep` whatever it says; without `.provision`.
    pub(super) fn context(root: &Path, ignore: Ignore, keep: Vec<PathBuf>) -> Self {
        Self { root: root.to_owned(), rule: Rule::Ignore { ignore, keep } }
    }

    /// What the glob `pattern` matches in `root`.
    pub(super) fn glob(root: &Path, pattern: &str) -> Result<Self, String> {
        // As a path is read: `a//b/./` is `a/b`.
        let mut parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if pattern.is_empty() || Path::new(pattern).is_absolute() || parts.contains(&"..") {
            return Err(format!("the pattern `{pattern}` has to stay inside the project"));
        }
        if parts.is_empty() {
            parts.push("**");
        }
        let is_plain = |part: &&str| !part.contains(['*', '?', '[', '{', '\\']);
        let start: PathBuf = parts.iter().take_while(|part| is_plain(part)).collect();
        let rest: Vec<&str> = parts.iter().copied().skip_while(is_plain).collect();
        let rule = match rest.as_slice() {
            [] => Rule::Under { start, itself: true },
            ["**"] => Rule::Under { start, itself: false },
            _ => {
                let glob = GlobBuilder::new(&parts.join("/"))
                    .literal_separator(true)
                    .build()
                    .map_err(|error| format!("the pattern `{pattern}` is not a glob: {}", error.kind()))?;
                Rule::Glob { start, glob: glob.compile_matcher() }
            }
        };
        Ok(Self { root: root.to_owned(), rule })
    }

    /// The folder that the names of the entries are relative to.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a walk begins: the root, or a folder or file below it outside of which nothing matches.
    pub(super) fn start(&self) -> PathBuf {
        if let Rule::Glob { start, .. } | Rule::Under { start, .. } = &self.rule {
            return self.root.join(start);
        }
        self.root.clone()
    }

    /// Whether all permission bits are part of what an entry is: a build gets its files with their permissions, and so
    /// does the image.
    pub(super) fn counts_permissions(&self) -> bool {
        matches!(self.rule, Rule::Ignore { .. })
    }

    /// Decides about the entry `name`, relative to the root.
    pub(super) fn decide(&self, name: &Path, is_folder: bool) -> Result<FilterDecision, Failure> {
        use FilterDecision::{Hold, Pass, Prune, Take};
        Ok(match &self.rule {
            #[cfg(test)]
            Rule::Everything => Take,
            Rule::Glob { start, .. } | Rule::Under { start, .. } if is_folder => {
                let unlisted = UNLISTED.iter().any(|unlisted| name.file_name() == Some(OsStr::new(unlisted)));
                if unlisted && !start.starts_with(name) { Prune } else { Pass }
            }
            Rule::Glob { glob, .. } if glob.is_match(name) => Take,
            // The walk begins at `start`.
            Rule::Under { start, itself } if *itself || name.as_os_str() != start.as_os_str() => Take,
            Rule::Glob { .. } | Rule::Under { .. } => Pass,
            // Our own folder holds the kubeconfig and changes with every run: it is never part of a context.
            Rule::Ignore { .. } if is_folder && name == Path::new(STATE_FOLDER) => Prune,
            Rule::Ignore { ignore, keep } => {
                if keep.iter().any(|keep| keep == name) {
                    return Ok(Take);
                }
                let text = name.to_string_lossy();
                let ignored = ignore
                    .ignores(&text)
                    .context(|| format!("reading `{}`", self.root.join(".dockerignore").display()))?;
                if !ignored {
                    Take
                } else if !is_folder || ignore.may_bring_back(&text) || keep.iter().any(|keep| keep.starts_with(name)) {
                    Hold
                } else {
                    Prune
                }
            }
        })
    }
}
