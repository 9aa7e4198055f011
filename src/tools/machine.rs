//! What tells machines, and views of their processes, from each other.

use std::sync::OnceLock;

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

/// Returns the machine's name, which is a container's own inside of it.
pub fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns the name of the namespace of process ids: the same number means another process in another one. `None` where
/// processes are not visible.
pub fn pid_namespace() -> Option<String> {
    Some(fs::read_link("/proc/self/ns/pid").ok()?.display().to_string())
}
