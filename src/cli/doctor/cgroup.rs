//! The version of the control groups in which containers run.

use super::machine::Machine;
use crate::report::Finding;

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    let Ok(daemon) = machine.daemon().await else {
        return vec![Finding::skipped("version", "the Docker daemon does not say")];
    };
    vec![finding(&daemon.cgroup)]
}

fn finding(version: &str) -> Finding {
    match version {
        "2" => Finding::good("version", "2"),
        "1" => Finding::warning("version", "1: Kubernetes 1.35 and later do not start with it")
            .fix("boot with `systemd.unified_cgroup_hierarchy=1`, or set an older `kubernetes-version` in [cluster]"),
        _ => Finding::skipped("version", "the Docker daemon does not say"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Health;

    #[test]
    fn only_version_1_is_warned_of() {
        for (version, health) in [("2", Health::Good), ("1", Health::Warning), ("", Health::Skipped)] {
            assert_eq!(finding(version).health, health, "{version}");
        }
    }
}
