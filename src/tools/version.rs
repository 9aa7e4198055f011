//! The version that a program prints about itself.
//!
//! Programs print more than their version: notices of new releases, warnings about plugins with a path, what a virtual
//! machine picked up from its environment. The number is taken from the line that says most: one that names the
//! program, one that is nothing but a version, one with the word "version" before the number, then any other line.

use semver::{Comparator, Op, Prerelease, Version, VersionReq};

/// Words of lines that speak of something else than the installed version.
const NOTICES: [&str; 11] =
    ["available", "->", "→", "warn", "deprecat", "update", "upgrade", "new release", "latest", "picked up", "error"];

/// Prefixes of what follows the numbers of a version that is not released yet; everything else (`-1ubuntu2`,
/// `+dfsg1`, `(1)-release`) belongs to the packager.
const UNRELEASED: [&str; 9] = ["alpha", "beta", "rc", "pre", "dev", "nightly", "canary", "snapshot", "preview"];

/// Returns the version of `program` in the text that it printed.
pub fn version_of(program: &str, text: &str) -> Option<Version> {
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || ".-_".contains(c)).to_lowercase();
    let lines: Vec<&str> = text.lines().filter(|line| !is_notice(line)).collect();
    let named = |line: &str| words(line).any(|word| after_name(word, &name).is_some());
    let mut by_rank: Vec<(usize, &str)> = lines
        .iter()
        .map(|line| {
            let only_version = words(line).count() == 1 && words(line).any(|word| parse(word, 1).is_some());
            let rank = match () {
                () if named(line) => 0,
                () if only_version => 1,
                () if line.to_lowercase().contains("version") => 2,
                () => 3,
            };
            (rank, *line)
        })
        .collect();
    by_rank.sort_by_key(|(rank, _)| *rank);
    by_rank.into_iter().find_map(|(_, line)| in_line(line, &name))
}

/// Returns whether `version` is one of those that `wanted` allows. A pre-release is older than its release, and newer
/// than everything before: `>=1.30` takes `1.36.0-beta.0`, and not `1.30.0-rc.1`.
pub fn satisfies(wanted: &VersionReq, version: &Version) -> bool {
    let release = Version::new(version.major, version.minor, version.patch);
    let reaches = |comparator: &Comparator| {
        let lowest = Version {
            pre: comparator.pre.clone(),
            ..Version::new(comparator.major, comparator.minor.unwrap_or(0), comparator.patch.unwrap_or(0))
        };
        matches!(comparator.op, Op::Less | Op::LessEq | Op::Wildcard) || *version >= lowest
    };
    wanted.matches(&release) && wanted.comparators.iter().all(reaches)
}

fn is_notice(line: &str) -> bool {
    let line = line.to_lowercase();
    NOTICES.iter().any(|notice| line.contains(notice))
}

/// What a line's words are separated by: spaces, quotes, brackets, and the punctuation of a sentence.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || "\"'`()[]{},;".contains(c))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| !word.is_empty())
}

/// What follows the program's name in a word: nothing, or a version as in `jq-1.7` and `go1.26`.
fn after_name<'a>(word: &'a str, name: &str) -> Option<&'a str> {
    let start = word.get(..name.len())?;
    let rest = &word[name.len()..];
    let ends = rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || "-_".contains(c));
    (!name.is_empty() && start.to_lowercase() == name && ends).then_some(rest)
}

fn in_line(line: &str, name: &str) -> Option<Version> {
    let stripped = |word| after_name(word, name).filter(|rest| !rest.is_empty()).unwrap_or(word);
    let words: Vec<&str> = words(line).map(stripped).collect();
    let numbered = words.iter().find_map(|word| parse(word, 2));
    // A single number counts only right after the name, or after "version".
    numbered.or_else(|| {
        words.windows(2).find_map(|pair| {
            let announces = after_name(pair[0], name) == Some("") || pair[0].eq_ignore_ascii_case("version");
            announces.then(|| parse(pair[1], 1)).flatten()
        })
    })
}

/// A word as a version of at least `least` numbers. Paths, addresses, options, dates and names of files are none.
fn parse(word: &str, least: usize) -> Option<Version> {
    let word = word.trim_start_matches(['-', '_']);
    let word = word.strip_prefix(['v', 'V']).unwrap_or(word);
    if !word.starts_with(|c: char| c.is_ascii_digit()) || word.contains(['/', '=', ':', '@', '\\']) {
        return None;
    }
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    let (digits, rest) = word.split_at(end);
    let numbers: Vec<u64> = digits.trim_end_matches('.').split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let is_address = numbers.len() == 4 && rest.is_empty() && numbers.iter().all(|number| *number < 256);
    let is_date = numbers.len() == 1 && rest.starts_with('-') && rest[1..].starts_with(|c: char| c.is_ascii_digit());
    if numbers.len() < least || is_address || is_date {
        return None;
    }
    let at = |place: usize| numbers.get(place).copied().unwrap_or(0);
    Some(Version { pre: prerelease(rest), ..Version::new(at(0), at(1), at(2)) })
}

fn prerelease(rest: &str) -> Prerelease {
    let name = rest.trim_start_matches(['-', '.', '~']).split('+').next().unwrap_or_default();
    let unreleased = UNRELEASED.iter().any(|start| name.to_lowercase().starts_with(start));
    if unreleased { Prerelease::new(name).unwrap_or(Prerelease::EMPTY) } else { Prerelease::EMPTY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_tools_print() {
        let cases = [
            ("docker", "Docker version 28.2.2, build e6534b4", "28.2.2"),
            ("minikube", "v1.36.0", "1.36.0"),
            ("kubectl", "Client Version: v1.33.0\nKustomize Version: v5.6.0", "1.33.0"),
            ("helm", "v3.18.0+gcc58e3f", "3.18.0"),
            ("go", "go version go1.26.8 linux/amd64", "1.26.8"),
            ("git", "git version 2.39.3 (Apple Git-146)", "2.39.3"),
            ("python3", "Python 3.11", "3.11.0"),
            ("java", "openjdk version \"21.0.1\" 2023-10-17", "21.0.1"),
            ("bash", "GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)", "5.2.15"),
            ("jq", "jq-1.7.1", "1.7.1"),
            ("gcc", "gcc (Debian 12.2.0-14) 12.2.0", "12.2.0"),
            ("psql", "psql (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", "15.14.0"),
            ("mvn", "Apache Maven 3.8.7 (abc)\nMaven home: /opt/maven-9.1", "3.8.7"),
            ("tmux", "tmux 3.3a", "3.3.0"),
            ("node", "v18.20.4", "18.20.4"),
            ("less", "less 608 (POSIX regular expressions)", "608.0.0"),
            ("curl", "curl 7.88.1 (x86_64) libcurl/7.88.1 OpenSSL/3.0.17", "7.88.1"),
            ("kind", "kind v0.20.0 go1.20.4 linux/amd64", "0.20.0"),
        ];
        for (tool, text, version) in cases {
            assert_eq!(
                version_of(tool, text).map(|found| found.to_string()).as_deref(),
                Some(version),
                "{tool}: {text}"
            );
        }
    }

    #[test]
    fn notices_paths_addresses_and_dates_are_no_versions() {
        let cases = [
            ("deployer", "WARNING: set in \"/snap/code/9.194/plugin.yaml\" (an error later)\nv1.2.3+g0", Some("1.2.3")),
            ("oldtool", "A new release of oldtool is available: 1.2.3 -> 5.0.1\noldtool 1.2.3", Some("1.2.3")),
            ("oldtool2", "A new release is available: 5.0.1 (you have 1.2.3)\noldtool2 1.2.3", Some("1.2.3")),
            ("dated", "dated 2026-01-02 (1.4.2)", Some("1.4.2")),
            (
                "java",
                "Picked up JAVA_TOOL_OPTIONS: -XX:M=75.0\nopenjdk version \"11.0.22\" 2024-01-16",
                Some("11.0.22"),
            ),
            ("mytool", "mytool: libfoo.so.1.2: cannot open shared object file", None),
            ("other", "can't reach the license server 10.0.0.1", None),
            ("tool", "tool at /opt/tool-9.1/bin", None),
            ("tool", "see http://example.com/1.2", None),
        ];
        for (tool, text, version) in cases {
            assert_eq!(version_of(tool, text).map(|found| found.to_string()).as_deref(), version, "{tool}: {text}");
        }
    }

    #[test]
    fn a_prerelease_is_older_than_its_release_and_newer_than_the_one_before() {
        let found = version_of("rc", "rc 30.0.0-rc.1, build abc").unwrap();
        for (wanted, satisfied) in [(">=30", false), (">=29", true), ("^30", false), ("<30", false), ("<31", true)] {
            assert_eq!(satisfies(&wanted.parse().unwrap(), &found), satisfied, "{wanted}");
        }
        let packaged = version_of("tool", "tool 1.2.3-1ubuntu2").unwrap();
        assert!(satisfies(&">=1.2.3".parse().unwrap(), &packaged));
    }
}
