//! [`checkout_id`] and [`checkout_slug`]: what tells this checkout of a project from every other one, also on a daemon
//! and in a cluster that several share.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::machine::node_name;

/// Identifies the state folder `state_dir`, which need not be there yet, on this machine, in 12 hexadecimal digits.
/// `None` where the folder cannot be resolved: what is marked by nobody is removed by nobody.
///
/// A copy of the checkout has another id, and so has the same path on another machine or in another container.
pub fn checkout_id(state_dir: &Path) -> Option<String> {
    Some(id_of(&resolved(state_dir)?))
}

/// Returns the path of the state folder without links; of one that is not there yet, that which it will have.
fn resolved(state_dir: &Path) -> Option<PathBuf> {
    match fs::canonicalize(state_dir) {
        Ok(folder) => Some(folder),
        Err(_) => Some(fs::canonicalize(state_dir.parent()?).ok()?.join(state_dir.file_name()?)),
    }
}

/// A checkout of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// See [`checkout_id`].
    pub id: String,
    /// See [`checkout_slug`].
    pub slug: String,
}

impl Checkout {
    /// The one with the state folder `state_dir`; `None` where that cannot be resolved.
    pub fn of(state_dir: &Path) -> Option<Self> {
        Some(Self { id: checkout_id(state_dir)?, slug: checkout_slug(state_dir)? })
    }
}

/// How many digits of the id a slug has: as many as the name of a compose project.
pub(super) const DIGITS: usize = 8;

/// Most letters of the folder's name that a slug has: with what a pipeline writes around it, it stays a name that
/// Helm (53 letters) and Kubernetes (63) accept.
const MAX_NAME: usize = 20;

/// Returns a name of the checkout with the state folder `state_dir`, which need not be there yet: a DNS label of at
/// most 29 letters, the name of the checkout's folder and the first digits of [`checkout_id`]. `None` where the folder
/// cannot be resolved.
///
/// The folder names it, not the branch: what was deployed from a checkout is still found after another branch is
/// checked out in it.
pub fn checkout_slug(state_dir: &Path) -> Option<String> {
    let folder = resolved(state_dir)?;
    let project = folder.parent()?;
    let checkout = project.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(project);
    Some(format!(
        "{}-{}",
        label(&checkout.file_name().unwrap_or_default().to_string_lossy()),
        &id_of(&folder)[..DIGITS]
    ))
}

/// Returns `name` as the beginning of a DNS label, which also a Service accepts: it begins with a letter.
fn label(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut label = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if !label.starts_with(|first: char| first.is_ascii_lowercase()) {
        label.insert_str(0, if label.is_empty() { "checkout" } else { "c-" });
    }
    label.truncate(MAX_NAME);
    label.trim_end_matches('-').to_owned()
}

/// The id of a resolved state folder.
fn id_of(folder: &Path) -> String {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let node = node_name();
    let all = format!("{} {node} {}", machine.trim(), folder.display());
    blake3::hash(all.as_bytes()).to_hex()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_has_one_id_by_whatever_path_and_a_copy_has_another() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let id = |name: &str| checkout_id(&dir.path().join(name));
        assert_eq!(id("a").unwrap().len(), 12);
        assert_eq!(id("a"), id("b/../link"));
        assert_ne!(id("a"), id("b"));
        // One that is not there yet has the id that it will have.
        let later = id("later");
        assert_eq!(id("later/within"), None);
        fs::create_dir(dir.path().join("later")).unwrap();
        assert!(later.is_some());
        assert_eq!(later, id("later"));
    }

    #[test]
    fn a_slug_is_a_dns_label_that_two_checkouts_of_one_repository_do_not_share() {
        let dir = tempfile::tempdir().unwrap();
        let state = |project: &str| {
            let folder = dir.path().join(project);
            fs::create_dir_all(&folder).unwrap();
            folder.join(".provision")
        };
        let slug = |project: &str| checkout_slug(&state(project)).unwrap();
        let shop = slug("shop");
        let digits = shop.strip_prefix("shop-").unwrap();
        // It is the same before and after the first run, and when the state folder is deleted.
        fs::create_dir(state("shop")).unwrap();
        assert_eq!(slug("shop"), shop);
        assert_eq!(checkout_id(&state("shop")).unwrap()[..DIGITS], *digits);
        assert_ne!(slug("other/shop"), shop, "another folder of the same name");
        // The work tree names a project in a folder of it; in a linked work tree `.git` is a file.
        let before = slug("wt-login/deploy");
        assert!(before.starts_with("deploy-"), "{before}");
        fs::write(dir.path().join("wt-login/.git"), "gitdir: elsewhere").unwrap();
        assert_eq!(slug("wt-login/deploy"), before.replace("deploy-", "wt-login-"));
        assert_eq!(checkout_slug(Path::new("/gone/away/.provision")), None);
    }

    #[test]
    fn any_name_of_a_folder_makes_a_label() {
        let cases = [
            ("Todo_Chatbot.v2", "todo-chatbot-v2"),
            ("42", "c-42"),
            ("größe", "gr-e"),
            ("日本", "checkout"),
            ("--a--", "a"),
            ("a-name-of-just-nine-teen-letters", "a-name-of-just-nine"),
        ];
        for (name, expected) in cases {
            assert_eq!(label(name), expected, "{name}");
        }
    }
}
