//! Whether another `minikube start` works on a profile right now.

use fs_err as fs;

use crate::tools::process::procfs;

/// Returns the process that starts `profile`. Where there is no `/proc`, none is found.
pub(super) fn running(profile: &str) -> Option<u32> {
    procfs::pids().find(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        starts(&words.iter().map(AsRef::as_ref).collect::<Vec<_>>(), profile)
    })
}

fn starts(words: &[&str], profile: &str) -> bool {
    let Some((program, args)) = words.split_first() else { return false };
    let is_minikube = program.rsplit('/').next() == Some("minikube");
    let joined = [format!("-p={profile}"), format!("--profile={profile}")];
    let named = args.iter().any(|arg| joined.iter().any(|joined| joined == arg))
        || args.windows(2).any(|pair| matches!(pair[0], "-p" | "--profile") && pair[1] == profile);
    is_minikube && named && args.contains(&"start")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_start_of_the_same_profile_counts() {
        let cases: [(&[&str], bool); 8] = [
            (&["/usr/bin/minikube", "start", "-p", "p", "-o", "json"], true),
            (&["minikube", "--profile=p", "start"], true),
            (&["minikube", "start", "--profile", "p"], true),
            (&["minikube", "start", "-p=p"], true),
            (&["minikube", "start", "-p", "pp"], false),
            (&["minikube", "status", "-p", "p"], false),
            (&["grep", "minikube", "start", "-p", "p"], false),
            (&[""], false),
        ];
        for (words, expected) in cases {
            assert_eq!(starts(words, "p"), expected, "{words:?}");
        }
    }
}
