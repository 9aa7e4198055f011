//! `file-check`: files are there and say what they should.

use std::borrow::Cow;

use futures_util::future::BoxFuture;
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext, defaults};
use crate::error::{Context, Failure};
use crate::files::EntryKind;
use crate::files::FileSet;
use crate::fingerprint::Inputs;
use crate::model::Output;
use crate::tools::blocking;

/// Settings of `file-check`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FileCheck {
    /// The file, or a glob: every file that it matches has to fulfil the expectations. Relative to the project.
    path: Option<String>,
    /// The same for several.
    #[serde(default)]
    paths: Vec<String>,
    /// Whether the file must exist; with `false` it must not.
    #[serde(default = "defaults::yes")]
    exists: bool,
    /// Texts that have to be in each file, as they are.
    #[serde(default)]
    contains: Vec<String>,
    /// Regular expressions that have to match in each file; `^` and `$` are the ends of a line.
    #[serde(default)]
    matches: Vec<String>,
    /// Texts that must not be in any file.
    #[serde(default)]
    absent: Vec<String>,
    /// Further files with expectations of their own.
    #[serde(default)]
    files: Vec<Expectation>,
}

/// One file or glob, and what is expected of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Expectation {
    /// The file, or a glob.
    path: String,
    /// Whether the file must exist; with `false` it must not.
    #[serde(default = "defaults::yes")]
    exists: bool,
    /// Texts that have to be in each file.
    #[serde(default)]
    contains: Vec<String>,
    /// Regular expressions that have to match in each file.
    #[serde(default)]
    matches: Vec<String>,
    /// Texts that must not be in any file.
    #[serde(default)]
    absent: Vec<String>,
}

/// Most that is read of one file: what is checked are texts that people write.
const MAX_FILE: u64 = 64 << 20;

impl ActionSettings for FileCheck {
    const NAME: &'static str = "file-check";
    const REVISION: u32 = 2;
    const SUMMARY: &'static str =
        "Checks that files are there, and what is in them; names each expectation that is not met";
    const EXAMPLE: &'static str = "path = \"backend/Dockerfile\"\ncontains = [\"FROM python:3.11\", \"HEALTHCHECK\"]\nmatches = [\"^USER \\\\S+\"]\nabsent = [\":latest\"]";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("files", "how many files were checked")];

    fn validate(&self) -> Result<(), String> {
        let expectations = self.expectations();
        if expectations.is_empty() {
            return Err("`path`, `paths` or `files` has to name a file".into());
        }
        if self.path.is_none() && self.paths.is_empty() {
            let none = self.exists && self.contains.is_empty() && self.matches.is_empty() && self.absent.is_empty();
            if !none {
                return Err("there is an expectation, and neither `path` nor `paths` says of what".into());
            }
        }
        for expectation in &expectations {
            FileSet::glob(".".as_ref(), &expectation.path, &[])?;
            let says_something = !expectation.contains.is_empty() || !expectation.matches.is_empty();
            if !expectation.exists && says_something {
                return Err(format!("`{}` can't be missing and say something", expectation.path));
            }
            for pattern in &expectation.matches {
                regex(pattern)?;
            }
        }
        Ok(())
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .multi_line(true)
        .build()
        .map_err(|error| format!("`{pattern}` is not a regular expression: {error}"))
}

impl FileCheck {
    /// Every path with its expectations.
    fn expectations(&self) -> Vec<Expectation> {
        let own = self.path.iter().chain(&self.paths).map(|path| Expectation {
            path: path.clone(),
            exists: self.exists,
            contains: self.contains.clone(),
            matches: self.matches.clone(),
            absent: self.absent.clone(),
        });
        own.chain(self.files.iter().cloned()).collect()
    }
}

/// Checks one expectation and adds a line to `wrong` for each violation. Returns the number of files.
fn check(root: &std::path::Path, expectation: &Expectation, wrong: &mut Vec<String>) -> Result<usize, Failure> {
    let path = &expectation.path;
    let set = FileSet::glob(root, path, &[]).map_err(Failure::failed)?;
    let mut n = 0;
    for entry in set.walk() {
        let entry = entry?;
        // A link to a folder stands for what is in it.
        if matches!(entry.kind, EntryKind::LinkedFolder(_)) && entry.name() != std::path::Path::new(path) {
            continue;
        }
        n += 1;
        let name = entry.name().display();
        if !expectation.exists {
            wrong.push(format!("`{name}` should not be there"));
            continue;
        }
        if matches!(entry.kind, EntryKind::Link(_)) {
            wrong.push(format!("`{name}` is a symbolic link to something that is not there"));
            continue;
        }
        if expectation.contains.is_empty() && expectation.matches.is_empty() && expectation.absent.is_empty() {
            continue;
        }
        if matches!(entry.kind, EntryKind::LinkedFolder(_)) {
            continue;
        }
        if entry.kind != EntryKind::File {
            wrong.push(format!("`{name}` is not a regular file"));
            continue;
        }
        if entry.metadata.len() > MAX_FILE {
            wrong.push(format!("`{name}` is too large to be searched"));
            continue;
        }
        let bytes = fs_err::read(&entry.path).context(|| format!("reading `{name}`"))?;
        let text = String::from_utf8_lossy(&bytes);
        let text = plain_lines(&text);
        for part in &expectation.contains {
            if !text.contains(&*plain_lines(part)) {
                wrong.push(format!("`{name}` does not contain `{}`", short(part)));
            }
        }
        for pattern in &expectation.matches {
            if !regex(pattern).map_err(Failure::failed)?.is_match(&text) {
                wrong.push(format!("`{name}` has nothing that matches `{}`", short(pattern)));
            }
        }
        for part in &expectation.absent {
            if let Some(at) = text.find(&*plain_lines(part)) {
                let line = text[..at].matches('\n').count() + 1;
                wrong.push(format!("`{name}`, line {line}: `{}` should not be there", short(part)));
            }
        }
    }
    if n == 0 && expectation.exists {
        wrong.push(format!("there is no `{path}`"));
    }
    Ok(n)
}

/// Returns `text` as a checkout on any system has it: without a byte order mark, and each line ends in `\n` alone.
fn plain_lines(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains("\r\n") { text.replace("\r\n", "\n").into() } else { text.into() }
}

/// Returns the first line of `text`, cut to a readable length.
fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let cut: String = line.chars().take(80).collect();
    if cut.len() < text.trim().len() { format!("{cut}…") } else { cut }
}

/// Checking files is cheap, and only their contents decide the result: they are the step's inputs, so that the step is
/// fresh while they are unchanged.
impl Action for FileCheck {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for expectation in self.expectations() {
                let set = FileSet::glob(cx.tools().root(), &expectation.path, &[]).map_err(Failure::failed)?;
                inputs.digest(format!("files {}", expectation.path), cx.tools().digest(set).await?);
            }
            Ok(())
        })
    }

    fn probe<'a>(&'a self, _cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(std::future::ready(Ok(Presence::Present)))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let (root, expectations) = (cx.tools().root().to_owned(), self.expectations());
            let (n, wrong) = blocking(move || {
                let (mut n, mut wrong) = (0, Vec::new());
                for expectation in &expectations {
                    n += check(&root, expectation, &mut wrong)?;
                }
                Ok((n, wrong))
            })
            .await?;
            for line in &wrong {
                cx.line(line);
            }
            match wrong.as_slice() {
                [] => Ok(Output::new().with("files", n.to_string())),
                [one] => Err(Failure::failed(one)),
                many => Err(Failure::failed(format!("{} expectations are not met", many.len())).details(wrong)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<FileCheck, String> {
        let settings: FileCheck = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate().map(|()| settings)
    }

    fn wrong(root: &std::path::Path, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for expectation in settings(text).unwrap().expectations() {
            check(root, &expectation, &mut wrong).unwrap();
        }
        wrong
    }

    #[test]
    fn every_unmet_expectation_is_named_with_its_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("Dockerfile"), "FROM python:3.11\nUSER app\nRUN pip install x:latest\n").unwrap();
        fs_err::create_dir(dir.path().join("charts")).unwrap();
        for (name, text) in [("a.yaml", "kind: Service\n"), ("b.yaml", "kind: Deployment\n")] {
            fs_err::write(dir.path().join("charts").join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("away", dir.path().join("link")).unwrap();
        assert_eq!(wrong(dir.path(), "path = \"link\""), ["`link` is a symbolic link to something that is not there"]);
        let good = "path = \"Dockerfile\"\ncontains = [\"USER app\"]\nmatches = [\"^FROM python:3\\\\.1\\\\d$\"]";
        assert!(wrong(dir.path(), good).is_empty());
        let bad = "path = \"Dockerfile\"\ncontains = [\"HEALTHCHECK\"]\nmatches = [\"^EXPOSE \\\\d+$\"]\nabsent = [\":latest\"]\n\
                   [[files]]\npath = \"charts/*.yaml\"\ncontains = [\"kind: Service\"]\n\
                   [[files]]\npath = \"nowhere.md\"\n[[files]]\npath = \"charts/a.yaml\"\nexists = false";
        assert_eq!(
            wrong(dir.path(), bad),
            [
                "`Dockerfile` does not contain `HEALTHCHECK`",
                "`Dockerfile` has nothing that matches `^EXPOSE \\d+$`",
                "`Dockerfile`, line 3: `:latest` should not be there",
                "`charts/b.yaml` does not contain `kind: Service`",
                "there is no `nowhere.md`",
                "`charts/a.yaml` should not be there",
            ]
        );
    }

    #[test]
    fn files_of_a_windows_checkout_say_the_same() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("D"), "\u{feff}FROM a\r\nUSER app\r\nCMD x\r\n").unwrap();
        let said = "path = \"D\"\nmatches = ['^FROM \\S+$', '^USER app$']\n";
        assert!(wrong(dir.path(), &format!("{said}contains = [\"USER app\\nCMD\", \"a\\r\\nUSER\"]")).is_empty());
        let absent = "path = \"D\"\nabsent = [\"app\\nCMD\"]";
        assert_eq!(wrong(dir.path(), absent), ["`D`, line 2: `app…` should not be there"]);
    }

    #[test]
    fn a_file_behind_a_link_is_searched() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("real")).unwrap();
        fs_err::write(dir.path().join("real/a"), "yes").unwrap();
        std::os::unix::fs::symlink("real/a", dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("folder")).unwrap();
        for path in ["link", "folder", "folder/a", "folder/*", "**/a"] {
            assert!(wrong(dir.path(), &format!("path = \"{path}\"\ncontains = [\"yes\"]")).is_empty(), "{path}");
            assert!(!wrong(dir.path(), &format!("path = \"{path}\"\ncontains = [\"no\"]")).is_empty(), "{path}");
        }
        assert_eq!(wrong(dir.path(), "path = \"*/b\""), ["there is no `*/b`"]);
    }

    #[test]
    fn settings_are_checked() {
        settings(FileCheck::EXAMPLE).unwrap();
        for (text, part) in [
            ("contains = [\"a\"]", "has to name a file"),
            ("absent = [\"a\"]\n[[files]]\npath = \"a\"", "neither `path` nor `paths`"),
            ("path = \"../a\"", "inside the project"),
            ("path = \"a\"\nexists = false\ncontains = [\"b\"]", "can't be missing"),
            ("path = \"a\"\nmatches = [\"(\"]", "not a regular expression"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
