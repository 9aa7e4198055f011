//! Images that begin with another one which is built here, or copy from it.

use crate::init::findings::{Dockerfile, image_name};
use crate::init::repository::Repository;

/// The images that a Dockerfile names, outside of its own stages, and those that another file hands to it.
pub(super) fn bases(
    repository: &Repository,
    file: &Dockerfile,
    made: &[&(String, String)],
) -> Vec<(String, Option<String>)> {
    let text = repository.text(&file.path).unwrap_or_default();
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
        let is_known = found.iter().any(|(known, _)| image_name(known) == image);
        if !is_known && text.lines().any(declares) {
            found.push((image.clone(), Some(argument.clone())));
        }
    }
    found
}
