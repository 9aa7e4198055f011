//! The identity of one call of helm: tells a killed one of ours from everything else, and finds one that lives.

use std::sync::OnceLock;

use fs_err as fs;

use crate::tools::machine::{machine_id, node_name, pid_namespace};

/// Returns a name for one call of helm. It goes into a label and into helm's arguments, so that record and process can
/// be matched.
pub fn call_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_millis());
    format!("{now:x}-{}-{}", std::process::id(), host_id().unwrap_or("unseen"))
}

/// Returns an identifier of this machine, this user, and the processes that are visible from here; the same after a
/// reboot. `None` where no processes are visible.
pub(super) fn host_id() -> Option<&'static str> {
    static HOST_ID: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let processes = pid_namespace()?;
        // Another user's processes may be hidden (`hidepid`): they are not treated as dead.
        let user = rustix::process::geteuid().as_raw();
        let all = format!("{} {} {processes} {user}", machine_id(), node_name());
        Some(blake3::hash(all.as_bytes()).to_hex()[..8].to_owned())
    };
    HOST_ID.get_or_init(read).as_deref()
}

/// Returns the process that has `text` in its arguments, where processes are visible (on Linux).
pub(super) fn process_with(text: &str) -> Option<u32> {
    find_process(|arguments| arguments.windows(text.len()).any(|part| part == text.as_bytes()))
}

/// Returns the process that removes `release` of `namespace`, where processes are visible (on Linux).
pub(super) fn uninstaller_of(namespace: &str, release: &str) -> Option<u32> {
    find_process(|arguments| is_helm(arguments, UNINSTALL, namespace, release))
}

/// Returns the process that rolls `release` of `namespace` back, where processes are visible (on Linux).
pub(super) fn roller_of(namespace: &str, release: &str) -> Option<u32> {
    find_process(|arguments| is_helm(arguments, ROLLBACK, namespace, release))
}

/// The words with which helm removes a release.
const UNINSTALL: &[&str] = &["uninstall", "delete", "del", "un"];

/// The word with which it rolls one back.
const ROLLBACK: &[&str] = &["rollback"];

fn find_process(matches: impl Fn(&[u8]) -> bool) -> Option<u32> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        matches(&fs::read(entry.path().join("cmdline")).ok()?).then_some(pid)
    })
}

/// Whether these arguments, each ended by NUL, are those of a helm that does one of `verbs` to `release`. One that
/// names no namespace counts for each.
fn is_helm(arguments: &[u8], verbs: &[&str], namespace: &str, release: &str) -> bool {
    let words: Vec<&[u8]> = arguments.split(|byte| *byte == 0).collect();
    let has = |wanted: &str| words.contains(&wanted.as_bytes());
    let is_helm = words.first().is_some_and(|program| program.ends_with(b"helm"));
    let does = verbs.iter().copied().any(has);
    let is_flag = |word: &[u8]| word == b"-n" || word.starts_with(b"--namespace");
    let elsewhere =
        words.iter().any(|word| is_flag(word)) && !has(namespace) && !has(&format!("--namespace={namespace}"));
    is_helm && does && has(release) && !elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helm_that_removes_the_release_is_recognised_by_its_arguments() {
        let cases = [
            ("helm uninstall todo -n apps", true),
            ("/usr/bin/helm --kube-context x un todo", true),
            ("helm delete todo --namespace=apps", true),
            ("helm uninstall todo --namespace=other", false),
            ("helm uninstall todo -n other", false),
            ("helm uninstall other -n apps", false),
            ("helm status todo -n apps", false),
            ("vi uninstall todo", false),
        ];
        for (line, expected) in cases {
            let arguments = line.replace(' ', "\0") + "\0";
            assert_eq!(is_helm(arguments.as_bytes(), UNINSTALL, "apps", "todo"), expected, "{line}");
            assert!(!is_helm(arguments.as_bytes(), ROLLBACK, "apps", "todo"), "{line}");
        }
        let rollback = "helm\0-n\0apps\0rollback\0todo\x002\0";
        assert!(is_helm(rollback.as_bytes(), ROLLBACK, "apps", "todo"));
    }
}
