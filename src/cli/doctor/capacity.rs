//! The memory and the processors that Docker may use, against those that `[cluster]` asks for.

use super::machine::Machine;
use crate::cluster::Demand;
use crate::model::human_bytes;
use crate::report::Finding;
use crate::tools::docker::DaemonMachine;

/// What gives Docker more, where it runs in a virtual machine.
const MORE: &str = "where Docker runs in a virtual machine, give that more: Docker Desktop, Settings, Resources";

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    match machine.daemon().await {
        Ok(daemon) => findings(daemon, &machine.demand),
        Err(_) => vec![Finding::skipped("docker", "the Docker daemon does not say")],
    }
}

fn findings(daemon: &DaemonMachine, demand: &Demand) -> Vec<Finding> {
    let wanted = if demand.in_docker { demand.clone() } else { Demand::default() };
    let cpus = match wanted.cpus {
        Some(cpus) if cpus > daemon.cpus => {
            let text = format!("Docker has {}, and [cluster] asks for {cpus}", daemon.cpus);
            Finding::problem("cpus", text, format!("set `cpus = {}` in [cluster]", daemon.cpus)).fix(MORE)
        }
        Some(cpus) => Finding::good("cpus", format!("{}; [cluster] asks for {cpus}", daemon.cpus)),
        None => Finding::good("cpus", daemon.cpus.to_string()),
    };
    let has = human_bytes(daemon.memory);
    let memory = match wanted.memory {
        Some(memory) if memory > daemon.memory => {
            let text = format!("Docker has {has}, and [cluster] asks for {}", human_bytes(memory));
            let mib = daemon.memory >> 20;
            Finding::problem("memory", text, format!("set `memory = \"{mib}m\"` or less in [cluster]")).fix(MORE)
        }
        Some(memory) => Finding::good("memory", format!("{has}; [cluster] asks for {}", human_bytes(memory))),
        None => Finding::good("memory", has),
    };
    vec![cpus, memory]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Health::{self, Good, Problem};

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_cluster_that_asks_for_more_than_docker_has_is_a_problem() {
        let daemon = DaemonMachine { cpus: 4, memory: 8 * GIB, ..DaemonMachine::default() };
        let cases = [
            (None, None, true, [Good, Good]),
            (Some(4), Some(8 * GIB), true, [Good, Good]),
            (Some(5), Some(8 * GIB), true, [Problem, Good]),
            (Some(4), Some(8 * GIB + 1), true, [Good, Problem]),
            // In a virtual machine of its own it takes nothing of Docker's.
            (Some(5), Some(16 * GIB), false, [Good, Good]),
        ];
        for (cpus, memory, in_docker, expected) in cases {
            let demand = Demand { in_docker, cpus, memory, ..Demand::default() };
            let found: Vec<Health> = findings(&daemon, &demand).iter().map(|finding| finding.health).collect();
            assert_eq!(found, expected, "{demand:?}");
        }
    }
}
