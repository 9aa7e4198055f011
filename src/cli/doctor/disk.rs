//! The room on the disks where Docker, the cluster and this project keep their data, against what the last run made.

use std::path::Path;

use super::machine::Machine;
use crate::model::human_bytes;
use crate::report::Finding;
use crate::tools::disk::DiskSpace;
use crate::tools::docker::Endpoint;

/// How much room has to be there: below the first a run can't work, below the second it may not work for long.
type Room = (u64, u64);

/// For images, containers and nodes.
const FOR_IMAGES: Room = (1_000_000_000, 5_000_000_000);

/// For logs and records.
const FOR_RECORDS: Room = (20_000_000, 500_000_000);

/// The least number of further files.
const LEAST_FILES: u64 = 10_000;

/// The fact of a step with the size of what it has made.
const SIZE: &str = "size";

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    let need = need(machine);
    let mut findings = Vec::new();
    match machine.daemon().await {
        Ok(daemon) if is_here(machine, &daemon.folder) => {
            findings.push(room("docker", &daemon.folder, FOR_IMAGES, need).await);
        }
        Ok(daemon) => {
            let text = format!("`{}` is on another machine, or in a virtual one", daemon.folder.display());
            findings.push(Finding::skipped("docker", text));
        }
        Err(_) => findings.push(Finding::skipped("docker", "the Docker daemon does not say where its data is")),
    }
    for folder in &machine.demand.folders {
        findings.push(room("cluster", folder, FOR_IMAGES, None).await);
    }
    findings.push(room("project", machine.tools.root(), FOR_RECORDS, None).await);
    findings
}

/// Whether the daemon's folder is one of this machine.
fn is_here(machine: &Machine, folder: &Path) -> bool {
    let endpoint = machine.tools.docker_endpoint();
    !folder.as_os_str().is_empty() && endpoint.is_ok_and(Endpoint::is_on_this_machine) && folder.exists()
}

/// Returns how much the images of the last successful builds take: in the daemon, and once more in a node that is a
/// container of it.
fn need(machine: &Machine) -> Option<u64> {
    let history = machine.history.as_ref().ok()?;
    let sizes = machine.steps().filter(|step| step.action_type.uses_docker).filter_map(|step| {
        let size: u64 = history.output(&step.id)?.get(SIZE)?.parse().ok()?;
        Some(size)
    });
    let total: u64 = sizes.sum();
    let copies = if machine.demand.in_docker { 2 } else { 1 };
    (total > 0).then(|| total.saturating_mul(copies))
}

async fn room(subject: &str, folder: &Path, room: Room, need: Option<u64>) -> Finding {
    match DiskSpace::at(folder).await {
        Ok(space) => judge(subject, folder, space, room, need),
        Err(failure) => Finding::failure(subject, &failure, false),
    }
}

fn judge(subject: &str, folder: &Path, space: DiskSpace, (least, comfort): Room, need: Option<u64>) -> Finding {
    let taken = need.map(|need| format!("; the images of the last run take {}", human_bytes(need)));
    let available = human_bytes(space.available);
    let text = format!("{available} are free in `{}`{}", folder.display(), taken.unwrap_or_default());
    let need = need.unwrap_or_default();
    let few_files = space.files.filter(|files| *files < LEAST_FILES);
    let fix = format!("du -xh --max-depth=2 '{}' | sort -h   # shows what takes the room", folder.display());
    if let Some(files) = few_files {
        Finding::problem(subject, format!("{text}, but only {files} more files can be made"), fix)
    } else if space.available < least.max(need) {
        Finding::problem(subject, text, fix)
    } else if space.available < comfort.max(need.saturating_mul(2)) {
        Finding::warning(subject, text).fix(fix)
    } else {
        Finding::good(subject, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Health::{self, Good, Problem, Warning};

    const GB: u64 = 1_000_000_000;

    #[test]
    fn the_room_is_judged_by_the_last_run_and_by_what_any_run_needs() {
        let cases: [(u64, Option<u64>, Option<u64>, Health); 8] = [
            (50 * GB, None, Some(1 << 20), Good),
            (4 * GB, None, None, Warning),
            (GB - 1, None, None, Problem),
            (8 * GB, Some(3 * GB), None, Good),
            (8 * GB, Some(5 * GB), None, Warning),
            (8 * GB, Some(9 * GB), None, Problem),
            (50 * GB, None, Some(9_999), Problem),
            (50 * GB, None, Some(10_000), Good),
        ];
        for (available, need, files, health) in cases {
            let found = judge("docker", Path::new("/d"), DiskSpace { available, files }, FOR_IMAGES, need);
            assert_eq!(found.health, health, "{available} {need:?} {files:?}: {found:?}");
            assert_eq!(found.fixes.is_empty(), health == Good);
        }
        // Logs need less.
        let space = DiskSpace { available: GB / 2, files: None };
        assert_eq!(judge("project", Path::new("/p"), space, FOR_RECORDS, None).health, Good);
    }
}
