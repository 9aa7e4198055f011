//! What a Dockerfile brings into an image from outside of its context: base images, other images, addresses; and what
//! it says of its [`stages`].
//!
//! Reads what a daemon reads, and refuses nothing: that is the daemon's part. What can't be resolved without the
//! daemon, or changes behind the Dockerfile's back, is named as unknown, and the image is then never treated as up to
//! date.

mod classic;
mod lines;
mod stages;
mod variables;

use std::collections::BTreeMap;

pub use classic::{AUTOMATIC, may_copy, needs_buildkit};
use lines::{Instruction, KNOWN, flag, instructions, pairs, shell_words, split_flags};
pub use stages::{Copied, HealthCheck, Program, Said, Stage, stages};
use variables::Variables;

/// What a Dockerfile brings in from outside of its context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The images that it starts from, copies from or mounts, in order and each once.
    pub images: Vec<String>,
    /// What can't be resolved, each as it is said to a person.
    pub unknown: Vec<String>,
}

/// The platform that an image is built for, and that of the daemon, as `linux/amd64` or `linux/arm/v7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platforms<'a> {
    /// What it is built for.
    pub target: &'a str,
    /// What it is built on.
    pub build: &'a str,
}

/// Images that read a Dockerfile as the daemon itself does.
const STANDARD_SYNTAX: [&str; 2] = ["docker/dockerfile", "docker/dockerfile-upstream"];

/// What the Dockerfile `text` brings in, built with the arguments `args`.
pub fn sources(text: &str, args: &BTreeMap<String, String>, platforms: Platforms<'_>) -> Sources {
    let lines = instructions(text);
    let mut reader = Reader {
        args,
        global: automatic(args, platforms),
        stage: Variables::default(),
        names: Vec::new(),
        n_stages: 0,
        found: Sources::default(),
    };
    if let Some(syntax) = &lines.syntax {
        let name = syntax.strip_prefix("docker.io/").unwrap_or(syntax);
        let name = name.split(['@', ':']).next().unwrap_or(name);
        if !STANDARD_SYNTAX.contains(&name) {
            reader.unknown(1, &format!("`{syntax}` reads the Dockerfile in its own way"));
        }
    }
    for instruction in &lines.instructions {
        reader.read(instruction);
    }
    reader.found
}

/// The arguments that BuildKit sets by itself: they may stand in a FROM line without being declared.
fn automatic(args: &BTreeMap<String, String>, platforms: Platforms<'_>) -> Variables {
    let mut variables = Variables::default();
    for (prefix, platform) in [("TARGET", platforms.target), ("BUILD", platforms.build)] {
        let mut parts = platform.splitn(3, '/');
        let (os, arch, variant) = (parts.next(), parts.next(), parts.next());
        for (suffix, value) in
            [("PLATFORM", Some(platform)), ("OS", os), ("ARCH", arch), ("VARIANT", Some(variant.unwrap_or_default()))]
        {
            let name = format!("{prefix}{suffix}");
            let value = args.get(&name).cloned().or_else(|| value.map(str::to_owned));
            variables.set(&name, value);
        }
    }
    variables
}

struct Reader<'a> {
    args: &'a BTreeMap<String, String>,
    /// Of the lines before the first FROM.
    global: Variables,
    /// Of the stage that is read.
    stage: Variables,
    /// The names of the stages so far.
    names: Vec<String>,
    n_stages: usize,
    found: Sources,
}

impl Reader<'_> {
    fn read(&mut self, instruction: &Instruction) {
        let Instruction { line, name, rest, .. } = instruction;
        let line = *line;
        if !KNOWN.contains(&name.as_str()) {
            return self.unknown(line, &format!("the instruction `{name}` is not known"));
        }
        let (flags, words) = split_flags(rest);
        match name.as_str() {
            "ARG" => self.declare(rest),
            "ENV" => self.set_environment(rest),
            "FROM" => self.begin_stage(line, &words),
            "COPY" => {
                if let Some(from) = flag(&flags, "from") {
                    self.image_or_stage(line, from);
                }
            }
            "RUN" => {
                for mount in flags.iter().filter_map(|flag| flag.strip_prefix("--mount=")) {
                    let parts = mount.trim_matches('"').split(',');
                    if let Some(from) =
                        parts.map(|part| part.trim_matches('"')).find_map(|part| part.strip_prefix("from="))
                    {
                        self.image_or_stage(line, from);
                    }
                }
            }
            "ADD" => self.add(line, &flags, &words),
            // What starts from this stage executes it, which may be a later stage of this file.
            "ONBUILD" => {
                let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let (name, rest) = (name.to_ascii_uppercase(), rest.trim().to_owned());
                if matches!(name.as_str(), "COPY" | "ADD" | "RUN") {
                    self.read(&Instruction { line, name, rest, has_heredoc: false });
                }
            }
            _ => {}
        }
    }

    fn unknown(&mut self, line: usize, what: &str) {
        self.found.unknown.push(format!("{what} (Dockerfile, line {line})"));
    }

    /// `ARG NAME`, `ARG NAME=default`, several of them.
    fn declare(&mut self, rest: &str) {
        for declared in shell_words(rest) {
            let (name, default) = match declared.split_once('=') {
                Some((name, default)) => (name, Some(default)),
                None => (declared.as_str(), None),
            };
            let scope = if self.n_stages == 0 { &self.global } else { &self.stage };
            let given = self.args.get(name).cloned();
            let value = given.or_else(|| default.and_then(|default| scope.fill(default, false)));
            // Declared again without a value, an argument keeps the one that it has outside of the stage.
            let value = value.or_else(|| self.global.get(name).map(str::to_owned));
            if self.n_stages == 0 { &mut self.global } else { &mut self.stage }.set(name, value);
        }
    }

    /// `ENV NAME=value …` or `ENV NAME value`.
    fn set_environment(&mut self, rest: &str) {
        for (name, value) in pairs(rest) {
            match self.stage.fill(&value, true) {
                Some(value) => self.stage.set(&name, Some(value)),
                // It comes from the base image: what uses it is unknown.
                None => self.stage.forget(&name),
            }
        }
    }

    fn begin_stage(&mut self, line: usize, words: &[String]) {
        let Some(image) = words.first() else { return };
        match self.global.fill(image, false) {
            Some(image) if !image.is_empty() => {
                let is_stage = self.names.iter().any(|name| name.eq_ignore_ascii_case(&image));
                if !is_stage && image != "scratch" {
                    self.add_image(image);
                }
            }
            _ => self.unknown(line, &format!("which image `FROM {image}` means")),
        }
        self.n_stages += 1;
        self.stage = Variables::default();
        if let [_, word, name, ..] = words
            && word.eq_ignore_ascii_case("as")
        {
            self.names.push(name.clone());
        }
    }

    /// What `--from=` names: a stage by its name or number, or an image.
    fn image_or_stage(&mut self, line: usize, from: &str) {
        let Some(name) = self.stage.fill(from, true) else {
            return self.unknown(line, &format!("which image `from={from}` means"));
        };
        let is_stage = self.names.iter().any(|stage| stage.eq_ignore_ascii_case(&name))
            || name.parse::<usize>().is_ok_and(|number| number < self.n_stages);
        if !name.is_empty() && name != "scratch" && !is_stage {
            self.add_image(name);
        }
    }

    fn add_image(&mut self, name: String) {
        if !self.found.images.contains(&name) {
            self.found.images.push(name);
        }
    }

    /// `ADD` takes addresses too. What is behind one may change at any time, unless its digest is given.
    fn add(&mut self, line: usize, flags: &[&str], words: &[String]) {
        if flag(flags, "checksum").is_some() {
            return;
        }
        let list: Option<Vec<String>> = words
            .first()
            .filter(|first| first.starts_with('['))
            .and_then(|_| serde_json::from_str(&words.join(" ")).ok());
        let words = list.as_deref().unwrap_or(words);
        let Some((_, sources)) = words.split_last() else { return };
        for source in sources.iter().filter(|source| !source.starts_with("<<")) {
            match self.stage.fill(source, true) {
                Some(address) if is_address(&address) && !is_pinned(&address) => {
                    self.unknown(line, &format!("what `{address}` answers"));
                }
                // Where a path only ends in something unknown, it is still a path of the context.
                None if source.starts_with(['$', '"', '\'']) => {
                    self.unknown(line, &format!("what `ADD {source}` means"));
                }
                _ => {}
            }
        }
    }
}

/// Whether `ADD` loads `source` from somewhere.
fn is_address(source: &str) -> bool {
    let schemes = ["http://", "https://", "git://", "ssh://", "git@"];
    let lower = source.to_ascii_lowercase();
    schemes.iter().any(|scheme| lower.starts_with(scheme))
}

/// Whether an address of a repository names a commit.
fn is_pinned(address: &str) -> bool {
    let commit = address.split_once('#').map(|(_, part)| part.split(':').next().unwrap_or(part));
    commit.is_some_and(|commit| commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests;
