//! Our reading of `.dockerignore` against Docker's own, on random files and paths: no difference is allowed.
//!
//! `PROVISION_ORACLE_FILES` sets how many random files there are, `PROVISION_ORACLE_SEED` where the numbers begin.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that builds and feeds a program needs no cancellation, and what helps it fails as it does"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use provision::files::dockerignore::Ignore;

/// Paths asked for each file.
const PATHS: usize = 8;

#[derive(serde::Deserialize)]
struct Answer {
    refused: bool,
    ignored: Option<Vec<Option<bool>>>,
}

/// A small generator of numbers, the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn text(&mut self, of: &[&str], most: usize) -> String {
        (0..=self.below(most)).map(|_| self.one(of)).collect()
    }
}

/// What people write.
const USUAL: &[&str] = &["a", "b", "ab", "c.d", "*", "**", "?", "*.d", "a*", "[a-c]", "[^a]", ".", "..", "é"];

/// What nobody should write.
const ODD: &[&str] = &[
    "a",
    "b",
    "*",
    "**",
    "?",
    "/",
    "/",
    "//",
    ".",
    "..",
    "[",
    "]",
    "[a-b]",
    "[^b]",
    "[*]",
    "[?a]",
    "[]",
    "\\",
    "\\\\",
    "-",
    "!",
    "^",
    "$",
    "+",
    "(",
    ")",
    "{",
    "}",
    "|",
    " ",
    "\t",
    "#",
    "é",
    "d",
    "w",
    "s",
    "D",
    "Q",
    "E",
    "x41",
    "z",
    "B",
    "1",
    "12",
    "{2}",
    "{0,1}",
    "{,",
    "pL",
    "[:alpha:]",
    "[[:digit:]]",
    ":",
    "&",
    "~",
    "***",
    "\r",
    "\u{a0}",
];

const NAMES: &[&str] = &[
    "a", "b", "ab", "abb", "c.d", "x.d", ".a", "é", "a b", "^", "$", "[a]", "a*b", "d", "w", "1", "A", "+", "{", "!a",
    "#", "\\", "Q", "(a)", "-", "..a", ":",
];

fn pattern(random: &mut Random) -> String {
    let mut pattern = String::new();
    if random.below(4) == 0 {
        pattern.push('!');
    }
    if random.below(3) == 0 {
        pattern.push_str(&random.text(ODD, 6));
    } else {
        for n in 0..=random.below(3) {
            if n > 0 || random.below(8) == 0 {
                pattern.push('/');
            }
            pattern.push_str(&random.text(USUAL, 2));
        }
        if random.below(8) == 0 {
            pattern.push('/');
        }
    }
    pattern
}

/// A path that has something to do with the patterns, often.
fn path(random: &mut Random, patterns: &[String]) -> String {
    let mut parts: Vec<String> = Vec::new();
    if random.below(2) == 0 {
        let pattern = patterns[random.below(patterns.len())].trim().trim_start_matches('!').to_owned();
        for part in pattern.split('/').filter(|part| !matches!(*part, "" | "." | "..")) {
            match part {
                "**" => parts.extend((0..random.below(3)).map(|_| random.one(NAMES).to_owned())),
                part => {
                    let filled =
                        part.replace('*', random.one(&["", "a", "bb"])).replace('?', random.one(&["a", "é", ""]));
                    parts.push(filled.replace("[a-c]", "b").replace("[^a]", "b"));
                }
            }
        }
    }
    if parts.is_empty() || random.below(3) == 0 {
        parts.extend((0..=random.below(3)).map(|_| random.one(NAMES).to_owned()));
    }
    parts.retain(|part| !matches!(part.as_str(), "" | "." | ".."));
    if parts.is_empty() { "a".to_owned() } else { parts.join("/") }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn build_oracle() -> std::path::PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/dockerignore");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dockerignore-oracle");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        .output();
    let built = match built {
        Ok(built) => built,
        Err(error) => {
            panic!("the Go toolchain is needed to ask Docker's own code ({error}): `./scripts/test` installs it")
        }
    };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    program
}

#[test]
fn random_files_are_read_as_docker_reads_them() {
    let files = number("PROVISION_ORACLE_FILES", 15_000);
    let mut random = Random(number("PROVISION_ORACLE_SEED", 0x9E37_79B9_7F4A_7C15).max(1));
    let mut questions = Vec::new();
    for _ in 0..files {
        let patterns: Vec<String> = (0..=random.below(4)).map(|_| pattern(&mut random)).collect();
        let paths: Vec<String> = (0..PATHS).map(|_| path(&mut random, &patterns)).collect();
        questions.push((patterns.join("\n"), paths));
    }

    let mut oracle = Command::new(build_oracle()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = oracle.stdin.take().unwrap();
    let lines: Vec<String> =
        questions.iter().map(|(file, paths)| serde_json::json!({ "file": file, "paths": paths }).to_string()).collect();
    let feeder = std::thread::spawn(move || {
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
    });
    let answers = oracle.wait_with_output().unwrap();
    feeder.join().unwrap();
    let mut answers = serde_json::Deserializer::from_slice(&answers.stdout).into_iter::<Answer>();

    let (mut pairs, mut ignored, mut refused, mut wrong) = (0_u64, 0_u64, 0_u64, Vec::new());
    for (file, paths) in &questions {
        let theirs = answers.next().unwrap().unwrap();
        match Ignore::parse(file.as_bytes()) {
            Err(_) if theirs.refused => refused += 1,
            Ok(ours) if !theirs.refused => {
                for (path, theirs) in paths.iter().zip(theirs.ignored.unwrap()) {
                    let ours = ours.ignores(path).ok();
                    pairs += 1;
                    ignored += u64::from(ours == Some(true));
                    if ours != theirs {
                        wrong.push(format!("{file:?} on {path:?}: Docker {theirs:?}, we {ours:?}"));
                    }
                }
            }
            ours => wrong.push(format!("{file:?}: Docker refuses {}, we {}", theirs.refused, ours.is_err())),
        }
    }
    println!("{pairs} pairs, {ignored} ignored; {refused} of {files} files refused; {} differences", wrong.len());
    assert!(
        wrong.is_empty(),
        "{} differences, first of them:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    // A comparison of nothing would prove nothing.
    assert!(pairs >= files * 4 && ignored >= pairs / 10, "the random files are too dull");
}
