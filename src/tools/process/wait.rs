//! [`wait`]: waits for a child's end.

use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::Arc;

#[cfg(target_os = "linux")]
use rustix::process::{Pid, PidfdFlags, pidfd_open};
#[cfg(target_os = "linux")]
use tokio::io::{Interest, unix::AsyncFd};

/// Waits for the child's end: by a descriptor that stands for it, where the system has those; else on a thread.
pub(super) async fn wait(handle: Arc<duct::Handle>, pid: u32) -> io::Result<ExitStatus> {
    #[cfg(target_os = "linux")]
    if let Some(child) = pidfd(pid) {
        loop {
            let mut ready = child.readable().await?;
            if let Some(output) = handle.try_wait()? {
                return Ok(output.status);
            }
            ready.clear_ready();
        }
    }
    let waiting = tokio::task::spawn_blocking(move || handle.wait().map(|output| output.status));
    waiting.await.map_err(io::Error::other)?
}

/// Readable once the process has ended (`pidfd_open(2)`).
#[cfg(target_os = "linux")]
#[expect(
    deprecated,
    reason = "its successor is `unsafe`; what that warns of, closing it early, can't happen to one we own"
)]
fn pidfd(pid: u32) -> Option<AsyncFd<OwnedFd>> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
    AsyncFd::with_interest(pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?, Interest::READABLE).ok()
}
