//! `.dockerignore` as Docker reads it: the rules of moby/patternmatcher, quirks included.
//!
//! Not the rules of `.gitignore`: patterns are anchored at the context's root, the last one that matches decides, and
//! `!` brings back what lies in an excluded folder. Docker turns a pattern into a regular expression for Go's `regexp`
//! character by character; so do we, into one for ours, which makes even odd patterns mean the same. A test compares
//! both on random patterns.

mod go_glob;
mod go_regex;

use std::fmt;

use regex::bytes::Regex;

/// The longest line that Docker's reader accepts.
const MAX_LINE: usize = 64 * 1024;

/// The rules of one `.dockerignore`.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

/// A pattern, or a file of patterns, that Docker refuses too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern(String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadPattern {}

#[derive(Clone, Debug)]
struct Rule {
    exception: bool,
    pattern: String,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Exact,
    Prefix,
    Suffix,
    Regex(Regex),
    /// Docker refuses it at the first path that it is compared with, and so do we.
    Bad,
}

impl Ignore {
    /// The rules of a `.dockerignore` with these contents.
    pub fn parse(contents: &[u8]) -> Result<Self, BadPattern> {
        Self::new(lines(contents)?)
    }

    /// The rules that `patterns` are, in order.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, BadPattern> {
        let mut rules = Vec::new();
        for pattern in patterns {
            let pattern = pattern.as_ref().trim();
            if pattern.is_empty() {
                continue;
            }
            let pattern = clean(pattern);
            let (exception, pattern) = match pattern.strip_prefix('!') {
                Some("") => return Err(BadPattern("illegal exclusion pattern: \"!\"".into())),
                Some(rest) => (true, rest.to_owned()),
                None => (false, pattern),
            };
            if !go_glob::is_valid(&pattern) {
                return Err(BadPattern(format!("syntax error in pattern `{pattern}`")));
            }
            let matcher = compile(&pattern);
            rules.push(Rule { exception, pattern, matcher });
        }
        Ok(Self { rules })
    }

    /// Whether `path` is left out: relative to the context's root, parts separated by `/`.
    pub fn ignores(&self, path: &str) -> Result<bool, BadPattern> {
        let mut ignored = false;
        for rule in &self.rules {
            // A rule can only change the decision: an exception what is ignored, any other what is not.
            if rule.exception == ignored && (rule.matches(path)? || rule.matches_a_parent(path)?) {
                ignored = !rule.exception;
            }
        }
        Ok(ignored)
    }

    /// Whether an exception may bring back something below the ignored folder `dir`.
    pub fn may_bring_back(&self, dir: &str) -> bool {
        self.rules.iter().filter(|rule| rule.exception).any(|rule| {
            let fixed = rule.pattern.strip_suffix("/**").unwrap_or(&rule.pattern);
            let fixed = fixed.strip_suffix("/*").unwrap_or(fixed);
            fixed.contains(['*', '[', ']', '?', '^', '\\'])
                || fixed.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            // An exception for a folder above this one would have brought this one back too.
        })
    }
}

impl Rule {
    fn matches(&self, path: &str) -> Result<bool, BadPattern> {
        Ok(match &self.matcher {
            Matcher::Exact => path == self.pattern,
            Matcher::Prefix => path.starts_with(&self.pattern[..self.pattern.len() - 2]),
            Matcher::Suffix => {
                let suffix = &self.pattern[2..];
                path.ends_with(suffix) || suffix.strip_prefix('/').is_some_and(|rest| rest == path)
            }
            Matcher::Regex(regex) => regex.is_match(path.as_bytes()),
            Matcher::Bad => return Err(BadPattern(format!("syntax error in pattern `{}`", self.pattern))),
        })
    }

    fn matches_a_parent(&self, path: &str) -> Result<bool, BadPattern> {
        for (at, _) in path.match_indices('/') {
            if self.matches(&path[..at])? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The patterns of a file: no comments, no empty lines, cleaned, and relative to the context's root.
fn lines(contents: &[u8]) -> Result<Vec<String>, BadPattern> {
    let contents = contents.strip_prefix(b"\xef\xbb\xbf").unwrap_or(contents);
    let mut patterns = Vec::new();
    for line in contents.split(|byte| *byte == b'\n') {
        if line.len() >= MAX_LINE {
            return Err(BadPattern(format!("a line is longer than {MAX_LINE} bytes")));
        }
        if line.starts_with(b"#") {
            continue;
        }
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let (mark, pattern) = match line.strip_prefix('!') {
            Some(rest) => ("!", rest.trim()),
            None => ("", line),
        };
        let mut pattern = if pattern.is_empty() { String::new() } else { clean(pattern) };
        if pattern.len() > 1 && pattern.starts_with('/') {
            pattern.remove(0);
        }
        patterns.push(format!("{mark}{pattern}"));
    }
    Ok(patterns)
}

/// The shortest path that means the same, by its text alone: Go's `filepath.Clean`.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// How a pattern is compared with paths. The regular expression is first written as Docker writes it, for Go.
fn compile(pattern: &str) -> Matcher {
    #[derive(PartialEq)]
    enum Kind {
        Exact,
        Prefix,
        Suffix,
        Regex,
    }
    let mut kind = Kind::Exact;
    let mut go = String::from("^");
    let mut chars = pattern.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_some() {
                    go.push_str("(.*/)?");
                    kind = Kind::Regex;
                } else if kind == Kind::Exact {
                    kind = Kind::Prefix;
                } else {
                    go.push_str(".*");
                    kind = Kind::Regex;
                }
                if first {
                    kind = Kind::Suffix;
                }
            }
            '*' => {
                go.push_str("[^/]*");
                kind = Kind::Regex;
            }
            '?' => {
                go.push_str("[^/]");
                kind = Kind::Regex;
            }
            // Docker means to escape `{`, `|` and `}` too, but its table ends before them: they stay operators.
            '.' | '+' | '(' | ')' | '$' => go.extend(['\\', c]),
            '\\' => {
                go.push('\\');
                if let Some(next) = chars.next() {
                    go.push(next);
                    kind = Kind::Regex;
                }
            }
            '[' | ']' => {
                go.push(c);
                kind = Kind::Regex;
            }
            c => go.push(c),
        }
        first = false;
    }
    match kind {
        Kind::Exact => Matcher::Exact,
        Kind::Prefix => Matcher::Prefix,
        Kind::Suffix => Matcher::Suffix,
        Kind::Regex => go_regex::compile(&(go + "$")).map_or(Matcher::Bad, Matcher::Regex),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignores(patterns: &[&str], path: &str) -> bool {
        Ignore::new(patterns).unwrap().ignores(path).unwrap()
    }

    #[test]
    fn patterns_match_as_in_docker() {
        // pattern, path, whether it is ignored
        let cases = [
            ("**", "file", true),
            ("**", "dir/file", true),
            ("**/", "file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir", false),
            ("dir/**", "dir2/file", false),
            ("**/dir", "a/dir", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/**", "dir/dir2/dir2/file", true),
            ("**file", "dir/file", true),
            ("**/file", "dirfile", false),
            ("**/file", "file", true),
            ("**/file*txt", "dir/dir/fileA.txt", true),
            ("**/*.txt", "file.txt", true),
            ("**/**/*.txt2", "file.txt", false),
            ("a**/*.txt", "a/dir/file.txt", true),
            ("a/*.txt", "a/dir/file.txt", false),
            ("a[b-d]e", "ace", true),
            ("a[b-d]e", "aae", false),
            ("a[^b-d]e", "aze", true),
            (".*", ".foo", true),
            (".*", "foo", false),
            ("abc.def", "abcZdef", false),
            ("abc?def", "abcZdef", true),
            ("abc?def", "abc/def", false),
            ("**/foo/bar", "in/foo/bar", true),
            ("**/foo/bar", "foo/bar/file", true),
            ("a(b)c/def", "a(b)c/def", true),
            ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
            ("dist/*.whl", "dist/proxy.py-2.4.0.whl", true),
            ("node_modules", "web/node_modules", false),
            ("node_modules", "node_modules/a/b.js", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("dir/", "dir/file", true),
            ("./dir/../x", "x", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(ignores(&[pattern], path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_last_rule_that_matches_decides() {
        assert!(!ignores(&["*", "!keep"], "keep"));
        assert!(!ignores(&["**", "!a/*.txt"], "a/b.txt"));
        assert!(ignores(&["*.md", "!README.md", "README*"], "README.md"));
        assert!(!ignores(&["docs", "!docs/keep.md"], "docs/keep.md"));
        assert!(ignores(&["docs", "!docs/keep.md"], "docs/other.md"));
    }

    #[test]
    fn a_file_is_read_as_docker_reads_it() {
        let text = b"\xef\xbb\xbf# comment\n\n /abs/path \r\n#not this\n  # but this\n! /back\n!\na//b/./c/\n";
        assert_eq!(lines(text).unwrap(), ["abs/path", "# but this", "!back", "!", "a/b/c"]);
        assert_eq!(Ignore::parse(b"!\n").unwrap_err().to_string(), "illegal exclusion pattern: \"!\"");
        assert!(lines(&vec![b'a'; MAX_LINE]).is_err());
    }

    #[test]
    fn broken_patterns_are_refused() {
        for bad in ["[", "a[", "[]", "[a-]", "[-x]", "a\\", "[^]", "[a", "*[]"] {
            assert!(Ignore::new([bad]).is_err(), "{bad}");
        }
        // Docker's check does not get that far.
        assert!(Ignore::new(["x*[]"]).is_ok());
        // Well-formed for a glob, not for a regular expression: refused when it is used, as in Docker.
        assert!(Ignore::new(["[b-a]"]).unwrap().ignores("a").is_err());
    }

    #[test]
    fn folders_are_walked_for_exceptions_alone() {
        let ignore = Ignore::new(["*", "!a/b/c", "!d/**"]).unwrap();
        for (dir, expected) in [("a", true), ("a/b", true), ("d", true), ("x", false), ("a/bb", false)] {
            assert_eq!(ignore.may_bring_back(dir), expected, "{dir}");
        }
        assert!(Ignore::new(["*", "!**/keep"]).unwrap().may_bring_back("x/y"));
    }

    #[test]
    fn paths_are_cleaned_by_their_text() {
        let cases = [("a//b/", "a/b"), ("/..", "/"), ("../a/..", ".."), ("", "."), ("a/..", "."), ("/a/../../b", "/b")];
        for (path, cleaned) in cases {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }
}
