//! [`Filter`]: which entries below a folder are part of a file set.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

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
        /// For what is below `start`.
        glob: GlobSet,
        /// One for each part of the pattern after `start` and before the first `**`, without the last part; `deep`:
        /// there is a `**`.
        parts: Vec<GlobMatcher>,
        deep: bool,
        /// Whether any file below `start` matches that has a name like one that does.
        by_name: bool,
        excluded: GlobSet,
    },
    /// The globs `start/**` and `start`, which need no matcher; `itself`: `start` may be a file.
    Under {
        start: PathBuf,
        itself: bool,
        excluded: GlobSet,
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

    /// What the glob `pattern` matches in `root`, and none of the globs `excluded` does.
    pub(super) fn glob(root: &Path, pattern: &str, excluded: &[&str]) -> Result<Self, String> {
        let is_root = parts_of(pattern)?.is_empty();
        let excluded = exclusions(excluded)?;
        let (start, rest) = split_glob(if is_root { "**" } else { pattern });
        let rule = match rest.as_slice() {
            [] => Rule::Under { start, itself: true, excluded },
            ["**"] => Rule::Under { start, itself: false, excluded },
            rest => Rule::Glob {
                start,
                // A set of one: unlike a matcher it needs no regular expression for names with a certain end.
                glob: GlobSet::new([build(&rest.join("/"))?]).map_err(|error| format!("`{pattern}`: {error}"))?,
                deep: rest.iter().any(|part| part.contains("**")) || pattern.contains('{'),
                by_name: matches!(rest, ["**", name] if !name.contains("**")),
                // A part with braces may be a piece of an alternative with a `/` in it, and no glob by itself.
                parts: rest[..rest.len() - 1].iter().map_while(|part| simple(part)).collect(),
                excluded,
            },
        };
        Ok(Self { root: root.to_owned(), rule })
    }

    /// Fails with what is wrong with the glob `pattern`.
    pub(super) fn check_glob(pattern: &str) -> Result<(), String> {
        build(&parts_of(pattern)?.join("/")).map(drop)
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

    /// Whether symbolic links count with what is behind them: a program that reads a file that a glob names reads that.
    /// To a build they are sent as links.
    pub(super) fn follows_links(&self) -> bool {
        matches!(self.rule, Rule::Glob { .. } | Rule::Under { .. })
    }

    /// Whether anything below the folder `name` may match.
    pub(super) fn may_match_below(&self, name: &Path) -> bool {
        match &self.rule {
            Rule::Glob { start, parts, deep, excluded, .. } => {
                let Ok(below) = name.strip_prefix(start) else { return start.starts_with(name) };
                let folders = || below.components().map(Component::as_os_str);
                parts.iter().zip(folders()).all(|(part, folder)| part.is_match(folder))
                    && !excluded.is_match(name)
                    && (*deep || folders().count() <= parts.len())
            }
            Rule::Under { excluded, .. } => !excluded.is_match(name),
            #[cfg(test)]
            Rule::Everything => true,
            Rule::Ignore { .. } => true,
        }
    }

    /// Whether the folder `name` is read; the root always is.
    pub(super) fn enters(&self, name: &Path) -> bool {
        let is_root = name.as_os_str().is_empty();
        is_root || self.may_match_below(name) && !matches!(self.decide(name, true), Ok(FilterDecision::Prune) | Err(_))
    }

    /// Whether all that counts of the folder `real` when a link leads to it counts anyway, by its own name: `real` is
    /// below the folder `start`, where the walk begins.
    pub(super) fn counts_by_its_own_name(&self, start: &Path, real: &Path) -> bool {
        let everything = match &self.rule {
            Rule::Glob { by_name, excluded, .. } => *by_name && excluded.is_empty(),
            Rule::Under { excluded, .. } => excluded.is_empty(),
            #[cfg(test)]
            Rule::Everything => false,
            Rule::Ignore { .. } => false,
        };
        let listed = |below: &Path| !below.iter().any(|part| UNLISTED.iter().any(|unlisted| part == *unlisted));
        everything && real.strip_prefix(start).is_ok_and(listed)
    }

    /// Whether all permission bits are part of what an entry is: a build gets its files with their permissions, and so
    /// does the image.
    pub(super) fn counts_permissions(&self) -> bool {
        matches!(self.rule, Rule::Ignore { .. })
    }

    /// Whether a file `name`, relative to the root, is part of the set.
    pub(super) fn has_name(&self, name: &Path) -> bool {
        self.root.join(name).starts_with(self.start()) && matches!(self.decide(name, false), Ok(FilterDecision::Take))
    }

    /// Decides about the entry `name`, relative to the root.
    pub(super) fn decide(&self, name: &Path, is_folder: bool) -> Result<FilterDecision, Failure> {
        use FilterDecision::{Hold, Pass, Prune, Take};
        Ok(match &self.rule {
            #[cfg(test)]
            Rule::Everything => Take,
            Rule::Glob { excluded, .. } | Rule::Under { excluded, .. } if excluded.is_match(name) => Prune,
            Rule::Glob { start, .. } | Rule::Under { start, .. } if is_folder => {
                let unlisted = UNLISTED.iter().any(|unlisted| name.file_name() == Some(OsStr::new(unlisted)));
                if unlisted && !start.starts_with(name) { Prune } else { Pass }
            }
            Rule::Glob { start, glob, .. } if name.strip_prefix(start).is_ok_and(|name| glob.is_match(name)) => Take,
            // The walk begins at `start`.
            Rule::Under { start, itself, .. } if *itself || name.as_os_str() != start.as_os_str() => Take,
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

/// Whether a glob, or a part of one, matches nothing but itself.
pub fn is_plain(glob: &str) -> bool {
    !glob.contains(['*', '?', '[', '{', '\\'])
}

/// Returns the glob that matches nothing but `path`, and is none that leaves out.
pub fn glob_of(path: &str) -> String {
    let mut glob = String::with_capacity(path.len());
    for (at, c) in path.char_indices() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\') || (at == 0 && c == '!') {
            glob.push('\\');
        }
        glob.push(c);
    }
    glob
}

/// Splits a glob: the path before its first part that is not plain, and the parts from there on.
pub fn split_glob(glob: &str) -> (PathBuf, Vec<&str>) {
    let start = parts(glob).take_while(|part| is_plain(part)).collect();
    (start, parts(glob).skip_while(|part| is_plain(part)).collect())
}

/// The parts of a pattern as a path is read: `a//b/./` is `a/b`.
fn parts(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('/').filter(|part| !part.is_empty() && *part != ".")
}

/// The same of a pattern that stays inside the project.
fn parts_of(pattern: &str) -> Result<Vec<&str>, String> {
    let parts: Vec<&str> = parts(pattern).collect();
    if pattern.is_empty() || Path::new(pattern).is_absolute() || parts.contains(&"..") {
        return Err(format!("the pattern `{pattern}` has to stay inside the project"));
    }
    Ok(parts)
}

fn build(pattern: &str) -> Result<globset::Glob, String> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|error| format!("the pattern `{pattern}` is not a glob: {}", error.kind()))
}

/// The matcher of one part of a pattern; none of `**`, and none where braces may reach over more than one part.
fn simple(part: &str) -> Option<GlobMatcher> {
    if part.contains("**") || part.contains(['{', '}']) {
        None
    } else {
        build(part).ok().map(|glob| glob.compile_matcher())
    }
}

/// What the globs `patterns` match, and everything in the folders that they match.
fn exclusions(patterns: &[&str]) -> Result<GlobSet, String> {
    if patterns.is_empty() {
        return Ok(GlobSet::empty());
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let parts = parts_of(pattern)?.join("/");
        let folder = parts.strip_suffix("/**").unwrap_or(&parts);
        set.add(build(folder)?).add(build(&format!("{folder}/**"))?);
    }
    set.build().map_err(|error| format!("`!{}`: {error}", patterns.join("`, `!")))
}
