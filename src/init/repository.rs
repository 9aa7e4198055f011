//! [`Repository`]: the files of a repository that its `.gitignore` leaves, and what is in them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use serde_json::Value;

use crate::documents::{Document, Format, Source};
use crate::error::{Context, Failure};

/// Folders that are never entered: what they hold is made, downloaded, or our own.
const SKIPPED: &[&str] = &[".git", "node_modules", ".provision", ".venv", "__pycache__", ".terraform", ".tox"];

/// Folders of editors and of agents that write code, which have files of deployments as patterns: nobody's deployment.
const OF_TOOLS: &[&str] = &[
    ".agent",
    ".agents",
    ".claude",
    ".codex",
    ".continue",
    ".cursor",
    ".gemini",
    ".idea",
    ".kiro",
    ".opencode",
    ".roo",
    ".vscode",
    ".windsurf",
];

/// Folders of agents in a folder that has other things as well.
const OF_AGENTS: &[&str] = &[".github/agents", ".github/prompts", ".github/skills"];

/// The greatest size of a file that is read: what is written by hand is smaller.
const MAX_BYTES: u64 = 1 << 20;

/// The files of a repository.
#[derive(Debug)]
pub(super) struct Repository {
    root: PathBuf,
    files: BTreeSet<String>,
}

impl Repository {
    /// Lists the files below `root` that no `.gitignore` leaves out, whether git is there or not. Links are left out.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let mut files = BTreeSet::new();
        let walk = WalkBuilder::new(root)
            .hidden(false)
            .ignore(false)
            .git_global(false)
            .require_git(false)
            .parents(true)
            .filter_entry(|entry| {
                let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
                let mut skipped = SKIPPED.iter().chain(OF_TOOLS);
                let is_of_agents = || OF_AGENTS.iter().any(|path| entry.path().ends_with(path));
                !is_folder || entry.depth() == 0 || !(skipped.any(|name| entry.file_name() == *name) || is_of_agents())
            })
            .build();
        for entry in walk {
            // What can't be read belongs to somebody else, such as the data of a database.
            let Ok(entry) = entry else { continue };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            let name = entry.path().strip_prefix(root).unwrap_or(entry.path());
            if let Some(name) = name.to_str() {
                files.insert(name.to_owned());
            }
        }
        fs_err::read_dir(root).context(|| format!("reading the folder `{}`", root.display()))?;
        Ok(Self { root: root.to_owned(), files })
    }

    /// The repository's folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The files, each relative to the repository, in order.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The files in `folder` and below it; all of them for `""`.
    pub(super) fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let from = start.clone();
        self.files.range(from..).map(String::as_str).take_while(move |file| file.starts_with(&start))
    }

    /// Whether one of the files is `path`.
    pub(super) fn lists(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// Whether one of the files is in `folder` or below it.
    pub(super) fn lists_below(&self, folder: &str) -> bool {
        self.below(folder).next().is_some()
    }

    /// Whether a file or a folder is at `path`, also one that `.gitignore` leaves out.
    pub(super) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// What is in a file, without a byte order mark, its lines ended by `\n`; `None` for what is no text. What is not
    /// UTF-8 becomes a replacement character, as Docker and make read such files too.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.read_file(path).ok().map(|bytes| plain(&String::from_utf8_lossy(&bytes)))
    }

    /// What a YAML file says, a value for each of its documents; nothing for one that can't be read.
    pub(super) fn yaml(&self, path: &str) -> Vec<Value> {
        self.documents(path).unwrap_or_default()
    }

    /// What a YAML file says, a value for each of its documents, or why it can't be read.
    pub(super) fn documents(&self, path: &str) -> Result<Vec<Value>, String> {
        let bytes = self.read_file(path)?;
        let Ok(text) = String::from_utf8(bytes) else { return Err("it is not UTF-8".to_owned()) };
        let text = plain(&text);
        let source = Source { root: &self.root, name: Path::new(path), text: &text };
        let document = Document::read(Format::Yaml, source)?;
        Ok(document.objects().iter().map(crate::expr::Tree::to_json).collect())
    }

    /// The bytes of a file that may be text, or why they are not taken.
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        let file = self.root.join(path);
        let found = fs_err::metadata(&file).map_err(|_| "it is not there".to_owned())?;
        if !found.is_file() {
            return Err("it is no file".to_owned());
        }
        if found.len() > MAX_BYTES {
            return Err(format!("it is larger than {} MiB", MAX_BYTES >> 20));
        }
        let bytes = fs_err::read(&file).map_err(|error| format!("it can't be read: {error}"))?;
        if bytes.contains(&0) { Err("it is no text".to_owned()) } else { Ok(bytes) }
    }

    /// Why a file can't be read as text, if it can't.
    pub(super) fn why_no_text(&self, path: &str) -> Option<String> {
        self.read_file(path).err()
    }
}

/// What was read, without its byte order mark and carriage returns.
fn plain(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

/// The folder of a path; `""` for the repository itself.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The words of a path: what stands between `/`, `.`, `-` and `_`.
pub(super) fn words_of(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '.', '-', '_'])
}

/// The last part of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file's name ends with one of `extensions`.
pub(super) fn has_extension(path: &str, extensions: &[&str]) -> bool {
    let extension = name_of(path).rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| extensions.contains(&extension))
}

/// The path that `relative` leads to from `folder`; `None` where that is outside of the repository.
pub(super) fn join(folder: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') || relative.contains("://") {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The folder, and all above it, the nearest first; `""` is the last one.
pub(super) fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| (!folder.is_empty()).then(|| folder_of(folder)))
}

/// A path as a setting has it: `.` for the repository itself.
pub(super) fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// Words in the path of a file that is for those who change the application.
const DEVELOPMENT: &[&str] = &["dev", "devel", "develop", "development", "local", "debug"];

/// Whether the path of a file says that it is for development.
pub(super) fn is_for_development(path: &str) -> bool {
    words_of(path).any(|part| DEVELOPMENT.contains(&part.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    #[test]
    fn what_git_ignores_and_what_is_downloaded_is_left_out() {
        let (_dir, repository) = repository(&[
            (".gitignore", "/out\n*.log\n!keep.log\n"),
            ("out/Dockerfile", "FROM a"),
            ("web/.gitignore", "made\n"),
            ("web/made/Dockerfile", "FROM a"),
            ("web/Dockerfile", "FROM a"),
            ("web/node_modules/x/Dockerfile", "FROM a"),
            (".claude/skills/x/chart/Chart.yaml", "name: a"),
            ("web/.agents/Dockerfile", "FROM a"),
            (".github/skills/x/Dockerfile", "FROM a"),
            (".github/workflows/build.yml", "a: 1"),
            ("a.log", ""),
            ("keep.log", ""),
            (".env.example", "A=1"),
        ]);
        let files: Vec<&str> = repository.files().collect();
        let expected = [
            ".env.example",
            ".github/workflows/build.yml",
            ".gitignore",
            "keep.log",
            "web/.gitignore",
            "web/Dockerfile",
        ];
        assert_eq!(files, expected);
        assert!(repository.has("out/Dockerfile") && !repository.lists("out/Dockerfile"));
        assert_eq!(repository.below("web").collect::<Vec<_>>(), ["web/.gitignore", "web/Dockerfile"]);
    }

    #[test]
    fn text_loses_its_mark_and_its_carriage_returns() {
        let (_dir, repository) = repository(&[("a.yaml", "\u{feff}a: 1\r\n---\r\nb: [2\n"), ("b.yaml", "a: 1\n")]);
        assert_eq!(repository.text("a.yaml").unwrap(), "a: 1\n---\nb: [2\n");
        assert!(repository.yaml("a.yaml").is_empty());
        assert!(repository.documents("a.yaml").unwrap_err().contains("line 3"), "{:?}", repository.documents("a.yaml"));
        assert_eq!(repository.yaml("b.yaml"), [serde_json::json!({"a": 1})]);
        assert_eq!(repository.text("nothing"), None);
    }

    #[test]
    fn what_is_no_utf_8_is_text_with_marks_and_no_yaml() {
        let (dir, repository) = repository(&[("a", "")]);
        for (name, bytes) in [("latin", b"FROM a\n# caf\xe9\n".to_vec()), ("binary", vec![0, 1])] {
            fs_err::write(dir.path().join(name), bytes).unwrap();
        }
        assert_eq!(repository.text("latin").unwrap(), "FROM a\n# caf\u{fffd}\n");
        assert_eq!(repository.documents("latin").unwrap_err(), "it is not UTF-8");
        assert_eq!((repository.text("binary"), repository.why_no_text("binary")), (None, Some("it is no text".into())));
    }

    #[test]
    fn paths_are_joined_inside_the_repository_only() {
        for (folder, relative, expected) in [
            ("web", "../api/./x", Some("api/x")),
            ("", "./", Some("")),
            ("a/b", "..", Some("a")),
            ("a", "../..", None),
            ("a", "/etc", None),
            ("a", "https://example.com/x.git", None),
        ] {
            assert_eq!(join(folder, relative).as_deref(), expected, "{folder} {relative}");
        }
        assert_eq!(ancestors("a/b").collect::<Vec<_>>(), ["a/b", "a", ""]);
    }

    #[test]
    fn words_of_the_path_say_what_a_file_is_for() {
        for (path, expected) in [
            ("docker/development/compose.yml", true),
            ("docker-compose-local.yml", true),
            ("compose.dev.yaml", true),
            ("deploy/compose.yml", false),
            ("devices/compose.yml", false),
        ] {
            assert_eq!(is_for_development(path), expected, "{path}");
        }
    }
}
