//! [`docker_builds`]: the calls of `docker build` in a script, a Makefile or a workflow.

use std::collections::BTreeMap;

use super::shell_lines::{joined, unrolled};
use crate::init::findings::{DeclaredBuild, image_name};
use crate::init::repository::join;

/// Flags of `docker build` without a value.
const PLAIN_FLAGS: &[&str] = &[
    "--push",
    "--load",
    "--pull",
    "--no-cache",
    "--quiet",
    "-q",
    "--rm",
    "--force-rm",
    "--squash",
    "--compress",
    "--debug",
    "-D",
];

/// Returns the builds that the lines of `text` call, where `folder` is current. What depends on variables is left out.
pub(super) fn docker_builds(by: &str, folder: &str, text: &str) -> Vec<DeclaredBuild> {
    let text = unrolled(&joined(by, text));
    let mut found: Vec<DeclaredBuild> = Vec::new();
    for build in text.lines().filter_map(|line| docker_build(by, folder, line)) {
        if !found.contains(&build) {
            found.push(build);
        }
    }
    found
}

fn docker_build(by: &str, folder: &str, line: &str) -> Option<DeclaredBuild> {
    let line = line.trim().trim_start_matches(['@', '-', '+']);
    if line.starts_with('#') {
        return None;
    }
    // The end of a command may stand at its last word: `docker build .; docker push x`.
    let line = without_commands(line).replace(';', " ; ");
    let words: Vec<String> = line.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect();
    let is_program =
        |word: &str| matches!(word, "docker" | "podman" | "nerdctl" | "$(DOCKER)" | "${DOCKER}" | "$(CONTAINER_TOOL)");
    let start = words.iter().position(|word| is_program(word))?;
    let rest = &words[start + 1..];
    let rest = match rest {
        [image, build, rest @ ..] if image == "image" && build == "build" => rest,
        [buildx, build, rest @ ..] if buildx == "buildx" && build == "build" => rest,
        [build, rest @ ..] if build == "build" => rest,
        _ => return None,
    };
    let folder = entered(&words[..start], folder)?;
    let mut build = DeclaredBuild { by: by.to_owned(), ..DeclaredBuild::default() };
    let (mut file, mut context) = (None, None);
    let mut words = rest.iter().map(String::as_str).take_while(|word| !is_end(word));
    while let Some(word) = words.next() {
        let (flag, given) = match word.split_once('=').filter(|_| word.starts_with("--")) {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word, None),
        };
        if !flag.starts_with('-') {
            context = Some(word.to_owned());
            continue;
        }
        if PLAIN_FLAGS.contains(&flag) {
            continue;
        }
        let Some(value) = given.or_else(|| words.next().map(str::to_owned)) else { break };
        let value = value.trim_matches(['"', '\'']);
        match flag {
            "-f" | "--file" => file = Some(value.to_owned()),
            "-t" | "--tag" => build.image = build.image.or_else(|| name_in(value)),
            "--target" if is_plain(value) => build.target = Some(value.to_owned()),
            "--build-arg" => build.args.extend(argument(value)),
            _ => {}
        }
    }
    let context = context.filter(|context| is_plain(context) && context != "-");
    build.context = context.and_then(|context| join(&folder, &context));
    build.dockerfile = match file {
        Some(file) => Some(file).filter(|file| is_plain(file)).and_then(|file| join(&folder, &file)),
        None => build.context.as_ref().and_then(|context| join(context, "Dockerfile")),
    };
    build.dockerfile.is_some().then_some(build)
}

/// The line with each command in it whose output it takes as one word: `$(shell cat VERSION)` is `$(…)`.
fn without_commands(line: &str) -> String {
    let (mut kept, mut rest) = (String::new(), line);
    while let Some((before, inner)) = rest.split_once("$(") {
        let mut depth = 1_usize;
        let end = inner.find(|c: char| {
            depth = match c {
                '(' => depth + 1,
                ')' => depth - 1,
                _ => depth,
            };
            depth == 0
        });
        let Some(end) = end else { break };
        let is_command = inner[..end].contains(char::is_whitespace);
        kept.extend([before, "$(", if is_command { "…" } else { &inner[..end] }, ")"]);
        rest = &inner[end + 1..];
    }
    kept + rest
}

/// Whether a word ends a command: a sign between two, or where its output goes, such as `>&2`, `2>/dev/null`, `&>log`.
pub(super) fn is_end(word: &str) -> bool {
    let target = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
    matches!(word, "&&" | "||" | "|" | "|&" | "&" | ";" | ")") || target.starts_with(['>', '<'])
}

/// The folder in which a command runs after `cd x &&`; `None` if that depends on a variable.
pub(super) fn entered(before: &[String], folder: &str) -> Option<String> {
    let mut folder = folder.to_owned();
    for pair in before.windows(2) {
        if pair[0].trim_start_matches('(') == "cd" {
            let target = pair[1].trim_end_matches('&');
            folder = is_plain(target).then(|| join(&folder, target))??;
        }
    }
    Some(folder)
}

/// Whether no variable stands in it.
pub(super) fn is_plain(text: &str) -> bool {
    !text.contains(['$', '{', '`'])
}

fn argument(text: &str) -> BTreeMap<String, String> {
    let pair = text.split_once('=').filter(|(_, value)| is_plain(value));
    pair.map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '\'']).to_owned())).into_iter().collect()
}

/// The image's name in a tag; variables may only stand in the tag itself, or before the last part of the name.
pub(super) fn name_in(tag: &str) -> Option<String> {
    let name = image_name(tag);
    let last = name.rsplit('/').next().unwrap_or(name);
    // `$(IMAGE):$(TAG)` says nothing.
    if is_plain(name) { Some(name.to_owned()) } else { is_plain(last).then(|| last.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_read_from_command_lines() {
        for (line, expected) in [
            ("docker build -t todo-api:1 .", "todo-api  Dockerfile"),
            (
                "\t@docker build --no-cache -f api/Dockerfile -t acme/api:$(TAG) --target run .",
                "acme/api  api/Dockerfile run",
            ),
            ("docker buildx build --platform=linux/amd64 --push -t $(REG)/web:$(V) ./web", "web web web/Dockerfile"),
            ("cd services/a && docker build -t a .", "a services/a services/a/Dockerfile"),
            ("docker build \\\n  --build-arg X=1 \\\n  -t b b/", "b b b/Dockerfile"),
            ("docker build -t a -f a/Dockerfile a;", "a a a/Dockerfile"),
            ("cd b; docker build -t b .; docker push b", "b b b/Dockerfile"),
            ("docker build -t a a &", "a a a/Dockerfile"),
            ("docker build -t a a >&2", "a a a/Dockerfile"),
            ("if ! docker build -t a a 2>/dev/null; then exit 1; fi", "a a a/Dockerfile"),
            ("docker build -t a a &> build.log", "a a a/Dockerfile"),
            ("( docker build -t a a )", "a a a/Dockerfile"),
            ("# docker build .", ""),
            ("docker build -t x $(DIR)", ""),
            ("docker compose build", ""),
            ("APP ?= shop\nx:\n\tdocker build -t acme/$(APP) $(APP)", "acme/shop shop shop/Dockerfile"),
            ("docker build --build-arg V=$(shell cat $(D)/V | tr -d x) -t acme/a a", "acme/a a a/Dockerfile"),
            ("IMG ?= reg.io/api:v$(V)\nx:\n\tdocker build . -f api/Dockerfile -t ${IMG}", "reg.io/api  api/Dockerfile"),
            ("for s in a; do docker build -f $s/Dockerfile -t acme/$s .; done", "acme/a  a/Dockerfile"),
        ] {
            let shown = docker_builds("Makefile", "", line).first().map_or(String::new(), |build| {
                let text = |part: &Option<String>| part.clone().unwrap_or_default();
                format!(
                    "{} {} {} {}",
                    text(&build.image),
                    text(&build.context),
                    text(&build.dockerfile),
                    text(&build.target)
                )
                .trim_end()
                .to_owned()
            });
            assert_eq!(shown, expected, "{line}");
        }
    }
}
