//! The clock of this machine, against the daemon's and against what is on record.

use jiff::SignedDuration;

use super::machine::Machine;
use crate::journal::now_ms;
use crate::report::Finding;

/// How far the clocks may differ: certificates and packages are dated to the minute.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// From here on certificates are not valid yet, or not any more.
const TOO_FAR: SignedDuration = SignedDuration::from_secs(60);

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    let mut findings = Vec::new();
    match machine.daemon().await.ok().and_then(|daemon| daemon.ahead_ms) {
        Some(ahead) => findings.push(against_daemon(SignedDuration::from_millis(ahead))),
        None => findings.push(Finding::skipped("docker", "the Docker daemon does not say what time it is")),
    }
    let last = machine.history.as_ref().ok().and_then(|history| history.last_run()).map(|(_, run)| run.at_ms);
    if let Some(last) = last {
        findings.push(against_record(SignedDuration::from_millis(last.saturating_sub(now_ms()))));
    }
    findings
}

fn against_daemon(ahead: SignedDuration) -> Finding {
    let off = ahead.abs();
    if off <= TOLERANCE {
        return Finding::good("docker", "the Docker daemon has the same time");
    }
    let seconds = off.as_secs();
    let how = if ahead.is_positive() { "ahead of" } else { "behind" };
    let text = format!("the Docker daemon's clock is {seconds} s {how} this machine's");
    let finding = Finding::problem("docker", text, "sudo timedatectl set-ntp true");
    let finding = if off > TOO_FAR { finding } else { finding.at_most_a_warning() };
    finding.fix("where Docker runs in a virtual machine, restart that")
}

fn against_record(ahead: SignedDuration) -> Finding {
    if ahead <= TOLERANCE {
        return Finding::good("machine", "later than the last run");
    }
    let text = format!("{} s before the start of the last run: a clock was set back", ahead.as_secs());
    Finding::warning("machine", text).fix("sudo timedatectl set-ntp true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Health::{Good, Problem, Warning};

    #[test]
    fn clocks_that_differ_too_far_are_a_problem_in_both_directions() {
        for (ahead, health) in
            [(0, Good), (4, Good), (-5, Good), (6, Warning), (-60, Warning), (61, Problem), (-9999, Problem)]
        {
            assert_eq!(against_daemon(SignedDuration::from_secs(ahead)).health, health, "{ahead}");
        }
        assert!(against_daemon(SignedDuration::from_secs(-70)).text.contains("70 s behind"));
    }

    #[test]
    fn a_run_from_later_on_shows_that_the_clock_was_set_back() {
        for (ahead, health) in [(-86_400, Good), (5, Good), (3600, Warning)] {
            assert_eq!(against_record(SignedDuration::from_secs(ahead)).health, health, "{ahead}");
        }
    }
}
