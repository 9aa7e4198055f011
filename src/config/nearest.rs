//! The name that was probably meant.

/// More names than these are not compared: hostile files have them.
const MANY: usize = 2000;

/// The name in `names` that is closest to `name`, where one is close enough to be a slip of the keys.
pub(super) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let most = (wanted.chars().count() / 3).max(1);
    names
        .into_iter()
        .take(MANY)
        .filter(|other| *other != name)
        .map(|other| (strsim::osa_distance(&wanted, &other.to_lowercase()), other))
        .filter(|(distance, other)| *distance <= most || (wanted.len() >= 3 && other.starts_with(&wanted)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// "did you mean `x`?", or the few names there are.
pub(super) fn suggest<'a>(name: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    /// More names than these are no help.
    const FEW: usize = 12;
    if let Some(near) = nearest(name, names.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match all.as_slice() {
        [] => None,
        [one] => Some(format!("there is: {one}")),
        few if few.len() <= FEW => Some(format!("there are: {}", few.join(", "))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_and_other_words_are_not() {
        let names = ["command", "docker-build", "http-check"];
        assert_eq!(nearest("comand", names), Some("command"));
        assert_eq!(nearest("docker_build", names), Some("docker-build"));
        assert_eq!(nearest("Command", names), Some("command"));
        assert_eq!(nearest("http", names), Some("http-check"));
        assert_eq!(nearest("helm", names), None);
    }
}
