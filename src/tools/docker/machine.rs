//! [`DaemonMachine`]: what the daemon reports about the machine that it runs on.

use std::path::PathBuf;

use jiff::Timestamp;

use super::Docker;
use crate::error::Failure;

/// The machine of a daemon, which may be a virtual one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonMachine {
    /// Where it keeps images, containers and volumes, as a path of its own machine.
    pub folder: PathBuf,
    /// The processors that it may use.
    pub cpus: u64,
    /// The memory that it may use, in bytes.
    pub memory: u64,
    /// The version of its control groups: `1` or `2`; empty where it does not report one.
    pub cgroup: String,
    /// Its operating system: `Docker Desktop`, `Debian GNU/Linux 12`.
    pub system: String,
    /// Whether it runs without the rights of root.
    pub rootless: bool,
    /// Its proxy for pulling images.
    pub proxy: Option<String>,
    /// How far its clock is ahead of ours, in milliseconds; negative where it is behind.
    pub ahead_ms: Option<i64>,
}

impl Docker {
    /// Asks the daemon about its machine.
    pub async fn machine(&self) -> Result<DaemonMachine, Failure> {
        let what = || "asking the Docker daemon about its machine".to_owned();
        let info = self.call(what, self.client.info()).await?;
        let now = Timestamp::now();
        let time: Option<Timestamp> = info.system_time.and_then(|time| time.parse().ok());
        let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        let options = info.security_options.unwrap_or_default();
        let proxy = info.https_proxy.filter(|proxy| !proxy.is_empty()).or(info.http_proxy);
        Ok(DaemonMachine {
            folder: info.docker_root_dir.unwrap_or_default().into(),
            cpus: positive(info.ncpu),
            memory: positive(info.mem_total),
            cgroup: info.cgroup_version.map(|version| version.to_string()).unwrap_or_default(),
            system: info.operating_system.unwrap_or_default(),
            rootless: options.iter().any(|option| option.contains("rootless")),
            proxy: proxy.filter(|proxy| !proxy.is_empty()),
            ahead_ms: time.map(|time| time.as_millisecond() - now.as_millisecond()),
        })
    }
}
