//! [`suggest`]: near-miss names for "did you mean".

/// Maximum number of names that are compared: hostile files have more.
const MAX_COMPARED: usize = 2000;

/// Maximum number of names that are listed when none is near: a longer list is no help.
const MAX_LISTED: usize = 12;

/// Returns the name in `names` that is most similar to `name`, if it is similar enough to be a typing error.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let max_distance = (wanted.chars().count() / 3).max(1);
    names
        .into_iter()
        .take(MAX_COMPARED)
        .filter(|other| *other != name)
        .map(|other| (strsim::osa_distance(&wanted, &other.to_lowercase()), other))
        .filter(|(distance, other)| *distance <= max_distance || (wanted.len() >= 3 && other.starts_with(&wanted)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// Returns a hint for the unknown name `name`: the nearest of `names`, or all of them if they are few.
pub(crate) fn suggest<'a>(name: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(name, names.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<String> = names.into_iter().take(MAX_LISTED + 1).map(|name| format!("`{name}`")).collect();
    match all.as_slice() {
        [] => None,
        [only] => Some(format!("use {only}")),
        few if few.len() <= MAX_LISTED => Some(format!("use one of: {}", few.join(", "))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_found_and_other_words_are_not() {
        let names = ["command", "docker-build", "http-check"];
        assert_eq!(nearest("comand", names), Some("command"));
        assert_eq!(nearest("docker_build", names), Some("docker-build"));
        assert_eq!(nearest("Command", names), Some("command"));
        assert_eq!(nearest("http", names), Some("http-check"));
        assert_eq!(nearest("helm", names), None);
    }

    #[test]
    fn a_hint_names_the_nearest_or_lists_the_few() {
        let names = ["build", "deploy"];
        assert_eq!(suggest("biuld", names).as_deref(), Some("did you mean `build`?"));
        assert_eq!(suggest("x", names).as_deref(), Some("use one of: `build`, `deploy`"));
        assert_eq!(suggest("x", ["build"]).as_deref(), Some("use `build`"));
        let many: Vec<String> = (0..=MAX_LISTED).map(|n| format!("name-{n}")).collect();
        assert_eq!(suggest("x", many.iter().map(String::as_str)), None);
    }
}
