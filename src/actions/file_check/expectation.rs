//! [`Expectation`]: what is expected of one file or glob, and [`Findings`]: what is not so.

use std::borrow::Cow;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::defaults;
use crate::documents::{Document, Format, ObjectName, Source};
use crate::error::{Context, Failure};
use crate::expr::{Assertion, Pattern, Tree};
use crate::files::{Entry, EntryKind, FileSet};

/// Most that is read of one file: what is checked are texts that people write.
const MAX_FILE: u64 = 64 << 20;

/// One file or glob, and what is expected of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Expectation {
    /// The file, or a glob.
    pub(super) path: String,
    /// Whether the file must exist; with `false` it must not.
    #[serde(default = "defaults::yes")]
    pub(super) exists: bool,
    /// Texts that have to be in each file.
    #[serde(default)]
    pub(super) contains: Vec<String>,
    /// Regular expressions that have to match in each file.
    #[serde(default)]
    pub(super) matches: Vec<String>,
    /// Texts that must not be in any file.
    #[serde(default)]
    pub(super) absent: Vec<String>,
    /// Conditions on what each file says, as `"spec.replicas == 2"`: docs/assertions.md.
    #[serde(default)]
    pub(super) assert: Vec<Assertion>,
    /// The object of a YAML file that `assert` is about, as `"Deployment/backend"`.
    pub(super) object: Option<ObjectName>,
    /// How the file is read; by its name by default.
    pub(super) format: Option<Format>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// How many files there are.
    pub(super) n: usize,
    /// Each expectation that is not met.
    pub(super) wrong: Vec<String>,
    /// What else is to be said.
    pub(super) notes: Vec<String>,
}

/// Whether an entry of a glob is a file that is checked: a link to a folder stands for what is in it.
fn counts(entry: &Entry, pattern: &str) -> bool {
    !matches!(entry.kind, EntryKind::LinkedFolder(_)) || entry.name() == Path::new(pattern)
}

impl Expectation {
    /// What types can't say.
    pub(super) fn validate(&self) -> Result<(), String> {
        FileSet::check_glob(&self.path)?;
        let says_something = !self.contains.is_empty() || !self.matches.is_empty() || !self.assert.is_empty();
        if !self.exists && says_something {
            return Err(format!("`{}` can't be missing and say something", self.path));
        }
        if self.assert.is_empty() && (self.object.is_some() || self.format.is_some()) {
            return Err("`object` and `format` belong to `assert`".into());
        }
        if self.object.is_some() && self.format.is_some_and(|format| !matches!(format, Format::Yaml | Format::Json)) {
            return Err("`object` names an object of a YAML file".into());
        }
        self.matches.iter().try_for_each(|pattern| Pattern::parse(pattern).map(drop))
    }

    fn format(&self, name: &Path) -> Format {
        self.format.unwrap_or_else(|| Format::of(name))
    }

    /// Whether all that is expected is that the file is there, or is not.
    pub(super) fn only_exists(&self) -> bool {
        self.contains.is_empty() && self.matches.is_empty() && self.absent.is_empty() && self.assert.is_empty()
    }

    /// Returns the files that are there, one a line.
    pub(super) fn present(&self, root: &Path) -> Result<String, Failure> {
        let mut lines = Vec::new();
        for entry in FileSet::glob(root, &self.path, &[]).map_err(Failure::failed)?.walk() {
            let entry = entry?;
            if counts(&entry, &self.path) {
                let to_nothing = if matches!(entry.kind, EntryKind::Link(_)) { " is a link to nothing" } else { "" };
                lines.push(format!("{}{to_nothing}", entry.name().display()));
            }
        }
        lines.sort();
        Ok(lines.join("\n"))
    }

    /// Checks it; `given` are the values that assertions name so.
    pub(super) fn check(&self, root: &Path, given: Option<&Tree>, found: &mut Findings) -> Result<(), Failure> {
        let path = &self.path;
        let set = FileSet::glob(root, path, &[]).map_err(Failure::failed)?;
        let mut n = 0;
        for entry in set.walk() {
            let entry = entry?;
            if !counts(&entry, path) {
                continue;
            }
            n += 1;
            let name = entry.name().display();
            if !self.exists {
                found.wrong.push(format!("`{name}` should not be there"));
            } else if matches!(entry.kind, EntryKind::Link(_)) {
                found.wrong.push(format!("`{name}` is a symbolic link to something that is not there"));
            } else if self.only_exists() || matches!(entry.kind, EntryKind::LinkedFolder(_)) {
                // It is there, and that is all that is expected.
            } else if entry.kind != EntryKind::File {
                found.wrong.push(format!("`{name}` is not a regular file"));
            } else if entry.metadata.len() > MAX_FILE {
                found.wrong.push(format!("`{name}` is too large to be searched"));
            } else {
                self.check_file(root, &entry, given, found)?;
            }
        }
        if n == 0 && self.exists {
            found.wrong.push(format!("there is no `{path}`"));
        }
        found.n += n;
        Ok(())
    }

    fn check_file(
        &self,
        root: &Path,
        entry: &Entry,
        given: Option<&Tree>,
        found: &mut Findings,
    ) -> Result<(), Failure> {
        let name = entry.name().display().to_string();
        let bytes = fs_err::read(&entry.path).context(|| format!("reading `{name}`"))?;
        let text = String::from_utf8_lossy(&bytes);
        let text = plain_lines(&text);
        for part in &self.contains {
            if !text.contains(&*plain_lines(part)) {
                found.wrong.push(format!("`{name}` does not contain `{}`", short(part)));
            }
        }
        for pattern in &self.matches {
            if !Pattern::parse(pattern).and_then(|pattern| pattern.is_match(&text)).map_err(Failure::failed)? {
                found.wrong.push(format!("`{name}` has nothing that matches `{}`", short(pattern)));
            }
        }
        for part in &self.absent {
            if let Some(at) = text.find(&*plain_lines(part)) {
                let line = text[..at].matches('\n').count() + 1;
                found.wrong.push(format!("`{name}`, line {line}: `{}` should not be there", short(part)));
            }
        }
        if !self.assert.is_empty() {
            let source = Source { root, name: entry.name(), text: &text };
            self.check_document(source, given, found);
        }
        Ok(())
    }

    fn check_document(&self, source: Source<'_>, given: Option<&Tree>, found: &mut Findings) {
        let name = source.name.display();
        let at = |why: &str| {
            let sign = if why.starts_with("line ") { ',' } else { ':' };
            format!("`{name}`{sign} {why}")
        };
        let document = match Document::read(self.format(source.name), source) {
            Ok(document) => document,
            Err(why) => return found.wrong.push(at(&why)),
        };
        found.notes.extend(document.notes.iter().map(|note| at(note)));
        let place = match &self.object {
            Some(object) => format!("`{name}`, {}", object.text()),
            None => format!("`{name}`"),
        };
        let complaints = document.check(self.object.as_ref(), given, &self.assert);
        for complaint in complaints.unwrap_or_else(|complaint| vec![complaint]) {
            let line = complaint.line.map(|line| format!(", line {line}")).unwrap_or_default();
            found.wrong.push(format!("{place}{line}: {}", complaint.text));
        }
    }

    /// Returns the links of Markdown files that lead nowhere: they change with other files than those that are read.
    pub(super) fn broken_links(&self, root: &Path) -> Result<Option<String>, Failure> {
        if self.assert.is_empty() {
            return Ok(None);
        }
        let set = FileSet::glob(root, &self.path, &[]).map_err(Failure::failed)?;
        let mut links = String::new();
        let mut is_markdown = false;
        for entry in set.walk() {
            let entry = entry?;
            let format = self.format(entry.name());
            if entry.kind != EntryKind::File || format != Format::Markdown || entry.metadata.len() > MAX_FILE {
                continue;
            }
            is_markdown = true;
            let bytes = fs_err::read(&entry.path).context(|| format!("reading `{}`", entry.name().display()))?;
            let text = String::from_utf8_lossy(&bytes);
            let source = Source { root, name: entry.name(), text: &plain_lines(&text) };
            let document = Document::read(format, source).map_err(Failure::failed)?;
            for link in document.root.get("broken_links").map(Tree::items).unwrap_or_default() {
                links.push_str(link.text().unwrap_or_default());
                links.push('\n');
            }
        }
        Ok(is_markdown.then_some(links))
    }
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
