//! [`choose_context`]: the folder whose files a build needs, as what its Dockerfile copies shows.
//!
//! The candidates are the Dockerfile's folder, those above it, and those that other files name. One that has everything
//! which is copied comes before one that has not, then one that has what `RUN` and `CMD` read, then one that another
//! file names, then the nearest.

mod mains;
mod signs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use globset::GlobBuilder;
use regex::Regex;

use super::repository::{Repository, ancestors, folder_of, join, shown};
use crate::files::dockerignore::Ignore;
use crate::tools::docker::build::dockerfile::{AUTOMATIC, Program, Stage, stages};
use mains::mains;

/// What is known of a context.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ContextChoice {
    /// The folder.
    pub(super) folder: String,
    /// What is copied and is not there.
    pub(super) missing: Vec<String>,
    /// What it is not sure of.
    pub(super) doubts: Vec<String>,
    /// Arguments that decide what is built, and that nothing sets.
    pub(super) unset: BTreeSet<String>,
}

static MOUNT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"--mount=(\S+)").ok());

/// What a program in a `RUN` line reads.
const READS: &[(&str, &str)] = &[
    (r"\b(npm (ci|i|install)|yarn( install)?$|pnpm i)", "package.json"),
    (r"\bgo (build|mod|install|test)\b", "go.mod"),
    (r"\bcargo (build|install|chef|fetch)", "Cargo.toml"),
    (r"\bmvn\b", "pom.xml"),
    (r"\bpip3? install .*-r requirements\.txt", "requirements.txt"),
    (r"\b(poetry install|uv sync)", "pyproject.toml"),
    (r"\bbundle install", "Gemfile"),
    (r"\bcomposer install", "composer.json"),
];

static READERS: LazyLock<Vec<(Regex, &'static str)>> =
    LazyLock::new(|| READS.iter().filter_map(|(pattern, file)| Some((Regex::new(pattern).ok()?, *file))).collect());

/// A build whose context is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) dockerfile: &'a str,
    pub(super) target: Option<&'a str>,
    pub(super) args: &'a BTreeMap<String, String>,
    /// The contexts that other files name, each with its file.
    pub(super) declared: &'a [(&'a str, &'a str)],
}

/// Returns the context of a build.
pub(super) fn choose_context(repository: &Repository, wanted: Wanted<'_>) -> ContextChoice {
    let text = with_args(&repository.text(wanted.dockerfile).unwrap_or_default(), wanted.args);
    let all = stages(&text).unwrap_or_default();
    let needed = needed(&all, wanted.target);
    let (copied, lines) = (copied(&needed), lines(&needed));
    let reads = reads(&lines);
    let own = folder_of(wanted.dockerfile);
    let mut candidates: Vec<&str> = ancestors(own).collect();
    for (folder, _) in wanted.declared {
        if !candidates.contains(folder) {
            candidates.push(folder);
        }
    }
    let leads_to = |folder: &str| signs::leads_to(&lines, folder, own);
    let mut judged: Vec<(Judged, &str)> = candidates
        .iter()
        .enumerate()
        .map(|(distance, folder)| {
            let ignore = ignore_of(repository, wanted.dockerfile, folder);
            let (patterns, plain): (Vec<&String>, Vec<&String>) = copied.iter().partition(|path| is_pattern(path));
            let missing = plain.into_iter().filter(|path| !is_there(repository, folder, &ignore, path));
            let unmatched = patterns.into_iter().filter(|path| !is_matched(repository, folder, path));
            let unread = reads.iter().filter(|file| !join(folder, file).is_some_and(|path| repository.has(&path)));
            let judged = Judged {
                missing: missing.cloned().collect(),
                unmatched: unmatched.cloned().collect(),
                n_unread: usize::from(lacks_maker(repository, folder, &copied))
                    + unread.count()
                    + signs::n_missing_workspaces(repository, &lines, folder),
                is_declared: wanted.declared.iter().any(|(declared, _)| declared == folder),
                distance,
            };
            (judged, *folder)
        })
        .collect();
    // Where the folder that another file names has everything, words of a line are no sign against it.
    let is_complete = |judged: &Judged| judged.is_declared && judged.n_lacking() == 0;
    let may_lead = !judged.iter().any(|(judged, _)| is_complete(judged));
    if may_lead && candidates.iter().any(|folder| leads_to(folder)) {
        for (judged, folder) in &mut judged {
            judged.n_unread += usize::from(!leads_to(folder));
        }
    }
    let best = judged.iter().min_by_key(|(judged, _)| judged.order());
    let Some((judged_best, folder)) = best else { return ContextChoice::default() };
    let mut missing = judged_best.missing.clone();
    // `yarn.lock*` says itself that it may be missing.
    missing.extend(judged_best.unmatched.iter().filter(|pattern| !is_optional(pattern)).cloned());
    let doubts = disagreements(&wanted, folder, &judged);
    ContextChoice { folder: (*folder).to_owned(), missing, doubts, unset: unset(&needed) }
}

/// What a candidate lacks.
struct Judged {
    missing: Vec<String>,
    /// Patterns that match nothing, which is no error of a build.
    unmatched: Vec<String>,
    n_unread: usize,
    is_declared: bool,
    distance: usize,
}

impl Judged {
    /// How much of what is copied or read it does not have.
    fn n_lacking(&self) -> usize {
        self.missing.len() + self.unmatched.len() + self.n_unread
    }

    /// Less is better.
    fn order(&self) -> (usize, usize, bool, usize) {
        (self.missing.len(), self.unmatched.len() + self.n_unread, !self.is_declared, self.distance)
    }
}

/// Folders that are made outside of Docker, with the files that say how.
const MADE: &[(&str, &[&str])] = &[
    ("target", &["pom.xml", "Cargo.toml", "build.sbt"]),
    ("build", &["build.gradle", "build.gradle.kts", "package.json"]),
    ("dist", &["package.json"]),
];

/// Whether what is copied is made by a package, and the folder has none that makes it.
fn lacks_maker(repository: &Repository, folder: &str, copied: &BTreeSet<String>) -> bool {
    let is_there = |file: &str| join(folder, file).is_some_and(|path| repository.lists(&path));
    let makers = |path: &String| {
        let (first, _) = path.split_once('/')?;
        let is_made = !join(folder, first).is_some_and(|path| repository.lists_below(&path));
        MADE.iter().find(|(made, _)| *made == first && is_made).map(|(_, files)| *files)
    };
    copied.iter().filter_map(makers).any(|files| !files.iter().any(|file| is_there(file)))
}

/// What the other files say that is not so, or not the only thing that may be.
fn disagreements(wanted: &Wanted<'_>, chosen: &str, judged: &[(Judged, &str)]) -> Vec<String> {
    let mut doubts = Vec::new();
    for (folder, by) in wanted.declared.iter().filter(|(folder, _)| *folder != chosen) {
        let lacks = judged.iter().find(|(_, name)| name == folder).and_then(|(judged, _)| judged.missing.first());
        let why = match lacks {
            Some(path) => format!("`{path}`, which is copied, is not in it"),
            None => "another file, or what is copied, says otherwise".to_owned(),
        };
        doubts.push(format!(
            "`{by}` builds `{}` in the context `{}`; `{}` is used, because {why}",
            wanted.dockerfile,
            shown(folder),
            shown(chosen)
        ));
    }
    doubts.sort();
    doubts.dedup();
    doubts
}

/// The text with the values of build arguments in its `ARG` lines.
fn with_args(text: &str, args: &BTreeMap<String, String>) -> String {
    let declared = |line: &str| line.trim().strip_prefix("ARG ").map(|rest| rest.trim().to_owned());
    let with_default: BTreeSet<String> = text
        .lines()
        .filter_map(|line| Some(declared(line)?.split_once('=')?.0.to_owned()))
        .chain(AUTOMATIC.into_iter().chain(PREDEFINED).map(str::to_owned))
        .collect();
    let lines = text.lines().map(|line| {
        let Some(rest) = declared(line) else { return line.to_owned() };
        let name = rest.split('=').next().unwrap_or_default();
        match args.get(name) {
            Some(value) => format!("ARG {name}={value}"),
            None if rest == name && !with_default.contains(name) && !has_default_where_used(text, name) => {
                format!("ARG {name}={UNSET}{name}")
            }
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether `${NAME:-default}` stands where an argument is used.
fn has_default_where_used(text: &str, name: &str) -> bool {
    [":-", "-"].iter().any(|form| text.contains(&format!("${{{name}{form}")))
}

/// Arguments that each build has, besides those of the platform.
const PREDEFINED: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// What stands for the value of an argument that nobody sets, before its name.
const UNSET: &str = "provision-unset-";

/// The arguments without a value that decide what is copied.
fn unset(stages: &[&Stage]) -> BTreeSet<String> {
    let sources = stages.iter().flat_map(|stage| &stage.copies).flat_map(|said| &said.value.sources);
    let name = |text: &String| {
        let rest = text.split_once(UNSET)?.1;
        Some(rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?.to_owned())
    };
    sources.chain(stages.iter().map(|stage| &stage.image)).filter_map(name).collect()
}

/// The stages that the target is made from, and itself.
fn needed<'a>(all: &'a [Stage], target: Option<&str>) -> Vec<&'a Stage> {
    let is_named = |stage: &Stage, name: &str| stage.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name));
    let last = target.and_then(|target| all.iter().position(|stage| is_named(stage, target)));
    let Some(last) = last.or(all.len().checked_sub(1)) else { return Vec::new() };
    let (mut wanted, mut open) = (BTreeSet::new(), vec![last]);
    while let Some(at) = open.pop() {
        if !wanted.insert(at) {
            continue;
        }
        let mounts =
            all[at].runs.iter().flat_map(|run| mounts(&run.value)).filter_map(|mount| mount.get("from").cloned());
        let copies = all[at].copies.iter().filter_map(|said| said.value.from.clone());
        for name in copies.chain(mounts).chain([all[at].base.clone()]) {
            let by_number = name.parse::<usize>().ok().filter(|number| *number < at);
            open.extend(by_number.or_else(|| all[..at].iter().rposition(|stage| is_named(stage, &name))));
        }
    }
    wanted.into_iter().map(|at| &all[at]).collect()
}

/// The options of each mount of a `RUN` line.
fn mounts(run: &str) -> Vec<BTreeMap<String, String>> {
    let Some(pattern) = MOUNT.as_ref() else { return Vec::new() };
    let options = |text: &str| {
        text.split(',')
            .filter_map(|part| part.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    };
    pattern.captures_iter(run).map(|found| options(&found[1])).collect()
}

/// What the stages copy or mount of the context.
fn copied(stages: &[&Stage]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for stage in stages {
        let copies = stage.copies.iter().filter(|said| said.value.from.is_none());
        found.extend(copies.flat_map(|said| said.value.sources.iter().cloned()));
        for mount in stage.runs.iter().flat_map(|run| mounts(&run.value)) {
            let is_bind = mount.get("type").is_none_or(|kind| kind == "bind") && !mount.contains_key("from");
            found.extend(mount.get("source").or(mount.get("src")).filter(|_| is_bind).cloned());
        }
    }
    // Not what is downloaded, written in the Dockerfile itself, or unknown.
    found.retain(|path| {
        !path.contains("://")
            && !path.starts_with("git@")
            && !path.contains("<<")
            && !path.contains('$')
            && !path.contains(UNSET)
    });
    found.iter().map(|path| in_context(path)).collect()
}

/// A source as a build reads it: nothing leads out of the context, and `../x` is its `x`.
fn in_context(source: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in source.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The command lines of stages in which everything is copied: only they show what has to be there.
fn lines(stages: &[&Stage]) -> Vec<String> {
    let copies_all = |stage: &&&Stage| {
        stage
            .copies
            .iter()
            .any(|said| said.value.from.is_none() && said.value.sources.iter().any(|path| path == "." || path == "./"))
    };
    let mut found = Vec::new();
    for stage in stages.iter().filter(copies_all) {
        found.extend(stage.workdir.iter().chain(&stage.runs).map(|said| said.value.clone()));
        found.extend(stage.command.iter().chain(&stage.entrypoint).map(|program| match &program.value {
            Program::Words(words) => words.join(" "),
            Program::Shell(line) => line.clone(),
        }));
    }
    found
}

/// What programs of command lines read.
fn reads(lines: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in lines {
        let readers = READERS.iter().filter(|(pattern, _)| pattern.is_match(line));
        found.extend(readers.map(|(_, file)| (*file).to_owned()));
        found.extend(mains(line));
    }
    found
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Whether a pattern is the name of one file with a star behind it.
fn is_optional(pattern: &str) -> bool {
    pattern.strip_suffix('*').is_some_and(|name| !is_pattern(name) && !name.ends_with('/'))
}

/// The rules of the `.dockerignore` that counts for a Dockerfile in a context.
fn ignore_of(repository: &Repository, dockerfile: &str, context: &str) -> Ignore {
    let own = repository.text(&format!("{dockerfile}.dockerignore"));
    let text = own.or_else(|| repository.text(&join(context, ".dockerignore")?));
    Ignore::parse(text.unwrap_or_default().as_bytes()).unwrap_or_default()
}

/// Whether the context has `path`, and no `.dockerignore` leaves it out.
fn is_there(repository: &Repository, context: &str, ignore: &Ignore, path: &str) -> bool {
    if path.is_empty() || path == "." {
        return true;
    }
    let is_dropped = ignore.ignores(path).unwrap_or(false) && !ignore.may_bring_back(path);
    join(context, path).is_some_and(|whole| repository.has(&whole)) && !is_dropped
}

/// Whether the context has something that a pattern matches.
fn is_matched(repository: &Repository, context: &str, pattern: &str) -> bool {
    let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() else { return true };
    let (glob, skipped) = (glob.compile_matcher(), if context.is_empty() { 0 } else { context.len() + 1 });
    let parts = pattern.matches('/').count();
    repository.below(context).any(|file| {
        // A folder that is matched is copied as well.
        let name = &file[skipped..];
        let end = name.match_indices('/').nth(parts).map_or(name.len(), |(at, _)| at);
        glob.is_match(&name[..end])
    })
}

#[cfg(test)]
mod tests;
