//! [`Programs`]: the programs that show what charts and kustomizations become, where they are installed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Failure;
use crate::tools::helm::Helm;
use crate::tools::process::{self, Command, ProcessObserver, Silent};

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(20);

/// The programs, as far as they are in `PATH`.
#[derive(Debug, Default)]
pub(super) struct Programs {
    pub(super) helm: Option<Helm>,
    pub(super) kubectl: Option<PathBuf>,
    host: Silent,
}

impl Programs {
    /// Those that are in `PATH`.
    pub(super) fn find() -> Self {
        Self {
            helm: process::find("helm").ok().map(Helm::without_cluster),
            kubectl: process::find("kubectl").ok(),
            host: Silent::default(),
        }
    }

    /// What hears of the programs.
    pub(super) fn host(&self) -> &dyn ProcessObserver {
        &self.host
    }

    /// Waits for a call, and no longer than it may take.
    pub(super) async fn within<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let ended = process::pause::timeout(LIMIT, call).await;
        ended.unwrap_or_else(|| Err(Failure::failed(format!("{what} took longer than {} s", LIMIT.as_secs()))))
    }

    /// What `kubectl kustomize FOLDER` prints. Nothing is executed for it, no cluster is asked and nothing is
    /// downloaded: kustomize would get what is elsewhere with git and by HTTP.
    pub(super) async fn kustomize(&self, folder: &Path) -> Option<Result<String, String>> {
        let kubectl = self.kubectl.as_ref()?;
        let command = Command::new(kubectl).arg("kustomize").arg(folder).env("KUBECONFIG", "/dev/null").capture();
        let no_git = tempfile::tempdir().ok();
        let command = offline(command, no_git.as_ref().map(tempfile::TempDir::path));
        let ran = self.within("rendering a kustomization", async {
            let exit = command.run(&self.host).await?;
            if exit.status.success() {
                Ok(String::from_utf8_lossy(&exit.stdout).into_owned())
            } else {
                Err(Failure::failed(exit.tail.last().cloned().unwrap_or_default()))
            }
        });
        Some(ran.await.map_err(|failure| failure.message))
    }
}

/// A proxy at which nothing answers.
const NO_PROXY: &str = "http://127.0.0.1:9";

/// Lets a program find in `folder` a git that does nothing but fail, and no way out for git and HTTP.
fn offline(command: Command, folder: Option<&Path>) -> Command {
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let command = names.into_iter().fold(command, |command, name| command.env(name, NO_PROXY));
    let command = command.env("NO_PROXY", "").env("no_proxy", "").env("GIT_ALLOW_PROTOCOL", "none");
    let Some(folder) = folder else { return command };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    match (std::os::unix::fs::symlink("/bin/false", folder.join("git")), std::env::join_paths(folders)) {
        (Ok(()), Ok(path)) => command.env("PATH", path),
        _ => command,
    }
}
