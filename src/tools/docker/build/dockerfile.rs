//! The images that a Dockerfile starts from.

use std::collections::BTreeMap;

use parse_dockerfile::{Flag, Instruction};

/// The images that the Dockerfile `text` starts from or copies from, with `args` filled in, in order and each once.
/// Stages of its own and `scratch` are none. Nothing where the file can't be parsed: the daemon will say why.
pub fn base_images(text: &str, args: &BTreeMap<String, String>) -> Vec<String> {
    let Ok(dockerfile) = parse_dockerfile::parse(text) else {
        return Vec::new();
    };
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut stages: Vec<String> = Vec::new();
    let mut n_stages = 0_usize;
    let mut images: Vec<String> = Vec::new();
    for instruction in &dockerfile.instructions {
        let mut add = |name: &str, stages: &[String], n_stages: usize| {
            let is_stage = stages.iter().any(|stage| stage.eq_ignore_ascii_case(name))
                || name.parse::<usize>().is_ok_and(|n| n < n_stages);
            if !name.is_empty() && name != "scratch" && !is_stage && !images.iter().any(|image| image == name) {
                images.push(name.to_owned());
            }
        };
        match instruction {
            // Only arguments before the first FROM count for FROM lines.
            Instruction::Arg(arg) if n_stages == 0 => {
                for declared in arg.arguments.value.split_whitespace() {
                    let (name, default) = declared.split_once('=').unwrap_or((declared, ""));
                    let default = default.trim_matches(['"', '\'']);
                    let value = args.get(name).cloned().unwrap_or_else(|| expand(default, &known));
                    known.insert(name.to_owned(), value);
                }
            }
            Instruction::From(from) => {
                add(&expand(&from.image.value, &known), &stages, n_stages);
                n_stages += 1;
                stages.extend(from.as_.as_ref().map(|(_, name)| name.value.to_string()));
            }
            Instruction::Copy(copy) => {
                if let Some(from) = flags(&copy.options, "from").next() {
                    add(&expand(from, &known), &stages, n_stages);
                }
            }
            Instruction::Run(run) => {
                for mount in flags(&run.options, "mount") {
                    if let Some(from) = mount.split(',').find_map(|part| part.strip_prefix("from=")) {
                        add(&expand(from, &known), &stages, n_stages);
                    }
                }
            }
            _ => {}
        }
    }
    images
}

/// The values of all flags `--name=…`.
fn flags<'a>(flags: &'a [Flag<'_>], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = flags.iter().filter(move |flag| flag.name.value == name);
    named.filter_map(|flag| Some(&*flag.value.as_ref()?.value))
}

/// Fills in `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`; what is unknown is the empty text.
fn expand(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(inner) = rest.strip_prefix('{')
            && let Some(end) = inner.find('}')
        {
            let (body, after) = (&inner[..end], &inner[end + 1..]);
            let name_end = body.find(':').unwrap_or(body.len());
            let value = values.get(&body[..name_end]).map_or("", String::as_str);
            match (body.get(name_end..name_end + 2), value.is_empty()) {
                (Some(":-"), true) | (Some(":+"), false) => out.push_str(&expand(&body[name_end + 2..], values)),
                (Some(":+"), true) => {}
                _ => out.push_str(value),
            }
            rest = after;
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            out.push_str(values.get(&rest[..end]).map_or("", String::as_str));
            rest = &rest[end..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_all_stages_are_found_with_arguments_filled_in() {
        let text = "ARG PYTHON=3.11\nARG TAG=${PYTHON}-slim\nARG REGISTRY\n\
                    FROM ${REGISTRY:-docker.io}/python:$TAG AS build\nARG LATER=x\nRUN --mount=type=cache,target=/c --mount=from=tools:1,target=/t true\n\
                    FROM build AS next\nCOPY --from=0 /a /a\nCOPY --from=nginx:alpine /b /b\n\
                    FROM scratch\nCOPY --from=next /c /c\nFROM Build\nFROM nginx:alpine\n";
        let none = BTreeMap::new();
        assert_eq!(base_images(text, &none), ["docker.io/python:3.11-slim", "tools:1", "nginx:alpine"]);
        let args = BTreeMap::from([("PYTHON".to_owned(), "3.12".to_owned())]);
        assert_eq!(base_images(text, &args)[0], "docker.io/python:3.12-slim");
    }

    #[test]
    fn what_can_not_be_parsed_has_no_images() {
        assert!(base_images("FORM x", &BTreeMap::new()).is_empty());
    }
}
