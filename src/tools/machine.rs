//! What tells machines, and views of their processes, from each other.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use fs_err as fs;

/// Returns what tells this machine from others: the id that was made at its installation, or its name where there is
/// none.
pub fn machine_id() -> &'static str {
    static MACHINE: OnceLock<String> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let id = fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned();
        if id.is_empty() { node_name() } else { id }
    })
}

/// Returns what tells a folder from every other one, also from a copy of it and on other machines; a folder that is
/// moved keeps it. `seen` is its metadata. Nobody elsewhere can guess it; only digests of it may be written down.
pub fn folder_identity(seen: &Metadata) -> String {
    // Not every file system keeps the time of birth. No device number: some get another one at each mount.
    let born = seen.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let born = born.map_or(0, |born| born.as_nanos());
    format!("{}\0{}\0{}\0{born}", machine_id(), seen.uid(), seen.ino())
}

/// `prefix-` and a number that no other call and no other process has.
pub fn unique_id(prefix: &str) -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{prefix}-{random:016x}")
}

/// Returns the machine's name, which is a container's own inside of it.
pub fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns the name of the account that this process runs as, with that of the person behind `sudo`.
pub fn user_name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let name = account(&accounts, uid).or_else(|| variable("USER")).unwrap_or_else(|| format!("user {uid}"));
    match variable("SUDO_USER") {
        Some(person) if person != name => format!("{name} (sudo by {person})"),
        _ => name,
    }
}

/// Returns the name of `uid` in a table of accounts.
fn account(accounts: &str, uid: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Returns the name of the namespace of process ids: the same number means another process in another one. `None` where
/// processes are not visible.
pub fn pid_namespace() -> Option<String> {
    Some(fs::read_link("/proc/self/ns/pid").ok()?.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_number() {
        let accounts = "root:x:0:0::/root:/bin/sh\n# broken\nana:x:1000:1000:Ana:/home/ana:/bin/sh\n";
        assert_eq!(account(accounts, 1000).as_deref(), Some("ana"));
        assert_eq!(account(accounts, 0).as_deref(), Some("root"));
        assert_eq!(account(accounts, 7), None);
        assert!(!user_name().is_empty());
    }
}
