//! Names for what is written: ids of steps, the project's name, names of secrets.

use std::collections::BTreeSet;

/// The most characters of the pipeline's name: clusters and images are named after it, and a cluster's name may have
/// 63 with what is added to it.
const MAX_NAME: usize = 40;

/// Makes an id of `text`: lower-case letters, digits and `-`.
pub(super) fn id_of(text: &str) -> String {
    let mut id = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    let id = id.trim_matches('-').chars().take(MAX_NAME).collect::<String>();
    let id = id.trim_end_matches('-');
    if id.is_empty() { "app".to_owned() } else { id.to_owned() }
}

/// Makes the pipeline's name of that of a folder. A cluster is named after it, and minikube wants two letters at least.
pub(super) fn project_of(folder: &str) -> String {
    let id = id_of(folder);
    if id.len() < 2 { format!("{id}-app") } else { id }
}

/// Returns `id`, with a number if it is in `taken`, and adds it there.
pub(super) fn unique(id: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|n| format!("{id}-{n}"));
    let free = std::iter::once(id.to_owned()).chain(numbered).find(|id| !taken.contains(id)).unwrap_or_default();
    taken.insert(free.clone());
    free
}

/// Whether `name` is one that an object of Kubernetes may have: labels with dots between them.
pub(super) fn is_object_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-');
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Makes the name of a secret or a variable of `text`: capital letters, digits and `_`.
pub(super) fn variable_of(text: &str) -> String {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_no_other_characters() {
        for (text, id) in
            [("Todo App!", "todo-app"), ("a__b", "a-b"), (".web.", "web"), ("", "app"), ("Ünïcode", "n-code")]
        {
            assert_eq!(id_of(text), id, "{text}");
        }
        assert_eq!([project_of("A"), project_of("/"), project_of("ab")], ["a-app", "app", "ab"]);
        let mut taken = BTreeSet::new();
        assert_eq!([unique("a", &mut taken), unique("a", &mut taken), unique("a", &mut taken)], ["a", "a-2", "a-3"]);
        assert_eq!(variable_of("tls.crt"), "TLS_CRT");
        assert!(is_object_name("web.v1") && is_object_name("a-1"));
        assert!(["", "Web", "-a", "a.", "${NAME}"].iter().all(|name| !is_object_name(name)));
    }
}
