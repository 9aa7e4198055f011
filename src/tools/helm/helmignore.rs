//! [`HelmIgnore`]: what the `.helmignore` of a chart leaves out, as helm reads it: unlike Git, the first rule that
//! matches decides, and `!RULE` leaves out whatever it does not match. Source: helm's `pkg/ignore` and the chart guide.

use std::path::Path;

use fs_err as fs;

/// The rule that every chart has: hidden files among the templates.
const DEFAULT: &str = "templates/.?*";

/// The rules of a chart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HelmIgnore(Vec<Rule>);

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    pattern: String,
    is_negated: bool,
    folders_only: bool,
    /// Whether it is about the whole path below the chart, and not about the name alone.
    whole_path: bool,
}

impl HelmIgnore {
    /// Those of the chart in `folder`. Where one has a form that is not read here, nothing is left out: to count a file
    /// too many costs a run of the step, and one too few would be a lie.
    pub(super) fn of(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join(".helmignore")).unwrap_or_default();
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let rules = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).chain([DEFAULT]);
        rules.map(Rule::parse).collect::<Option<_>>().map(Self).unwrap_or_default()
    }

    /// Whether `path`, relative to the chart, is left out; of a folder, everything in it is.
    pub(super) fn ignores(&self, path: &Path, is_folder: bool) -> bool {
        let Some(path) = path.to_str() else { return false };
        for rule in &self.0 {
            let applies = is_folder || !rule.folders_only;
            let is_ignored =
                if rule.is_negated { !applies || !rule.matches(path) } else { applies && rule.matches(path) };
            if is_ignored {
                return true;
            }
        }
        false
    }
}

impl Rule {
    /// Reads a line; `None` if it has character classes, escapes, or `**`, which helm refuses.
    fn parse(line: &str) -> Option<Self> {
        if line.contains(['[', '\\']) || line.contains("**") {
            return None;
        }
        let (is_negated, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (folders_only, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
        let whole_path = line.contains('/');
        let pattern = line.strip_prefix('/').unwrap_or(line).to_owned();
        Some(Self { pattern, is_negated, folders_only, whole_path })
    }

    fn matches(&self, path: &str) -> bool {
        let name = if self.whole_path { path } else { path.rsplit('/').next().unwrap_or(path) };
        matches(self.pattern.as_bytes(), name.as_bytes())
    }
}

/// Whether `text` matches `pattern`: `*` is any part of a name, `?` any character of one.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            let part = text.iter().take_while(|byte| **byte != b'/').count();
            (0..=part).any(|skipped| matches(rest, &text[skipped..]))
        }
        (Some((b'?', rest)), Some((byte, _))) if *byte != b'/' => {
            // A character may have several bytes.
            let width = text[1..].iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
            matches(rest, &text[1 + width..])
        }
        (Some((expected, rest)), Some((byte, text))) => expected == byte && matches(rest, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(rules: &str, path: &str) -> bool {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".helmignore"), rules).unwrap();
        let (path, is_folder) = path.strip_suffix('/').map_or((path, false), |folder| (folder, true));
        HelmIgnore::of(dir.path()).ignores(path.as_ref(), is_folder)
    }

    // What helm 3.18 leaves out of `helm package`, tried by hand.
    #[test]
    fn rules_are_read_as_helm_reads_them() {
        let cases = [
            ("", "templates/.hidden", true),
            ("", "templates/sub/.hidden", false),
            ("", ".hidden", false),
            ("# a\n\n  *.md  \n", "docs/README.md", true),
            ("/README.md", "README.md", true),
            ("/README.md", "docs/README.md", false),
            ("docs/*.md", "docs/a.md", true),
            ("docs/*.md", "x/docs/a.md", false),
            ("docs/*.md", "docs/x/a.md", false),
            (".git/", ".git/", true),
            (".git/", ".git", false),
            ("src", "src/", true),
            ("src", "src", true),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "a/c", false),
            ("!*.yaml", "values.yaml", false),
            ("!*.yaml", "notes.txt", true),
            ("src/", "a/src/", true),
            ("/a/b", "a/b", true),
            ("\u{feff}*.md", "a.md", true),
            // Not read, so that nothing is left out.
            ("*.md\n[ab].txt", "a.md", false),
            ("*.md\n\\#x", "a.md", false),
        ];
        for (rules, path, expected) in cases {
            assert_eq!(ignored(rules, path), expected, "{rules:?} {path}");
        }
    }
}
