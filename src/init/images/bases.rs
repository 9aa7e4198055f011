//! Images that begin with another one which is built here, or copy from it.

use std::collections::BTreeMap;

use crate::init::findings::{Dockerfile, image_name};

/// The images that a Dockerfile names, outside of its own stages, and those that another file hands to it.
pub(super) fn bases(text: &str, file: &Dockerfile, made: &[&(String, String)]) -> Vec<(String, Option<String>)> {
    let own: Vec<&str> = file.stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
    let is_own = |name: &str| name.parse::<usize>().is_ok() || own.iter().any(|stage| stage.eq_ignore_ascii_case(name));
    let copied = file.stages.iter().flat_map(|stage| stage.copies.iter().filter_map(|said| said.value.from.clone()));
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for name in file.stages.iter().map(|stage| stage.base.clone()).chain(copied).filter(|name| !is_own(name)) {
        // `ARG BASE=acme/base:1`, and `FROM ${BASE}`.
        let argument = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("ARG ")?.split_once('='))
            .find(|(_, value)| value.trim().trim_matches('"') == name);
        let argument = argument.map(|(argument, _)| argument.trim().to_owned()).filter(|argument| {
            [format!("${{{argument}}}"), format!("${argument}")].iter().any(|used| text.contains(used.as_str()))
        });
        if !found.iter().any(|(known, _)| *known == name) && !name.is_empty() {
            found.push((name, argument));
        }
    }
    for (image, argument) in made {
        let declares = |line: &str| {
            let rest = line.trim().strip_prefix("ARG ").unwrap_or_default().trim();
            rest.split('=').next().is_some_and(|name| name.trim() == argument)
        };
        let is_known = found.iter().any(|(known, _)| image_name(known) == image_name(image));
        if !is_known && text.lines().any(declares) {
            found.push((image.clone(), Some(argument.clone())));
        }
    }
    found
}

/// The values of the arguments that a Dockerfile begins an image with, which may be made here too, each with its
/// argument.
pub(super) fn given(text: &str, args: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let from: Vec<String> =
        text.lines().map(str::trim).filter(|line| line.starts_with("FROM ")).map(|line| format!("{line} ")).collect();
    let begins_with = |name: &str| {
        let forms = [format!("${{{name}}}"), format!("${{{name}:"), format!("${name} ")];
        from.iter().any(|line| forms.iter().any(|form| line.contains(form.as_str())))
    };
    args.iter().filter(|(name, _)| begins_with(name)).map(|(name, value)| (value.clone(), name.clone())).collect()
}

/// Whether a Dockerfile begins with an image of this name, or copies or mounts from it.
pub(super) fn uses(file: &Dockerfile, name: &str) -> bool {
    let mount = format!("from={name}");
    file.stages.iter().any(|stage| {
        stage.base == name
            || stage.copies.iter().any(|said| said.value.from.as_deref() == Some(name))
            || stage.runs.iter().any(|run| run.value.split([' ', ',']).any(|part| part == mount))
    })
}
