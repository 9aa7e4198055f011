//! Where a cluster's address and credentials are: the kubeconfig of the state folder, or the user's own ones.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use kube::config::Kubeconfig;

use super::own::OwnKubeconfig;
use crate::error::{Context, Failure, ids};
use crate::files::{read_own_text, replace_file};
use crate::fingerprint::Digest;
use crate::tools::cluster::{ClusterSpec, OwnsNode};
use crate::tools::process::shell_quoted;

/// Where a cluster's address and credentials are.
#[derive(Clone, Debug)]
pub struct KubeSource {
    pub(super) files: Vec<PathBuf>,
    pub(super) context: String,
    /// The check that all nodes belong to the cluster.
    pub(super) owner: Option<NodeOwner>,
    /// Whether there is a kubeconfig of our own, which only the step that starts the cluster writes.
    pub(super) own: bool,
}

/// The cluster that nodes must belong to.
#[derive(Clone, Debug)]
pub(super) struct NodeOwner {
    pub(super) cluster: String,
    owns_node: OwnsNode,
}

impl NodeOwner {
    /// Returns whether the node `name` with `labels` belongs to the cluster.
    pub(super) fn owns(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        (self.owns_node)(&self.cluster, name, labels)
    }
}

impl KubeSource {
    /// That of the declared cluster.
    pub fn of(spec: &ClusterSpec, state_dir: &Path) -> Self {
        let own = spec.kubeconfig(state_dir);
        Self {
            own: own.is_some(),
            files: own.map_or_else(user_kubeconfigs, |path| vec![path]),
            context: spec.context.clone(),
            owner: spec.owns_node.map(|owns_node| NodeOwner { cluster: spec.name.clone(), owns_node }),
        }
    }

    /// The kubeconfig of our own; `None` where the cluster is in the user's.
    pub fn own(&self) -> Option<OwnKubeconfig> {
        self.files.first().filter(|_| self.own).map(|file| OwnKubeconfig::new(file, &self.context))
    }

    /// Changes when the files do: the cluster was made again or has moved. `None` when there is no file. Also of a file
    /// that is not ours: what needs the cluster then says that, and not that it was never started.
    pub fn stamp(&self) -> Option<Digest> {
        let mut all = Vec::new();
        for file in &self.files {
            if let Ok(bytes) = self.bytes(file) {
                all.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                all.extend_from_slice(&bytes);
            }
        }
        (!all.is_empty()).then(|| Digest::of(&all))
    }

    /// `kubectl` for this cluster, as a person types it.
    pub fn kubectl(&self) -> String {
        match self.files.first().filter(|_| self.own) {
            Some(file) => format!(
                "kubectl --kubeconfig {} --context {}",
                shell_quoted(&file.to_string_lossy()),
                shell_quoted(&self.context)
            ),
            None => format!("kubectl --context {}", shell_quoted(&self.context)),
        }
    }

    /// `text`, whose commands in backquotes begin with a bare `kubectl`, with this cluster's one: what is said of
    /// objects alone does not know where they are.
    pub fn typed(&self, text: &str) -> String {
        text.replace("`kubectl ", &format!("`{} ", self.kubectl()))
    }

    /// What `KUBECONFIG` has to be for a program that is to see this cluster and no other one as the current one. For a
    /// cluster in the user's own files that needs one of ours before them, in `state_dir`. Fails if a kubeconfig that
    /// should be our own is not.
    pub fn variable(&self, state_dir: &Path) -> Result<OsString, Failure> {
        let mut files = self.files.clone();
        if let Some(own) = self.own() {
            own.check()?;
        } else {
            let chooses = state_dir.join("kube-context");
            let name = serde_json::Value::from(self.context.as_str());
            let text = format!("apiVersion: v1\nkind: Config\ncurrent-context: {name}\n");
            if read_own_text(&chooses).ok().as_ref() != Some(&text) {
                replace_file(&chooses, text.as_bytes()).context(|| "choosing the kube context for a program".into())?;
            }
            files.insert(0, chooses);
        }
        std::env::join_paths(&files)
            .map_err(|error| Failure::failed("the kubeconfig's path can't be handed to a program").source(&error))
    }

    /// Whether any kubeconfig, ours or the user's, has the kube context: then the cluster has been up. One that can't
    /// be read, or is not ours, may have it.
    pub fn is_known(&self) -> bool {
        let knows = |config: Kubeconfig| config.contexts.iter().any(|context| context.name == self.context);
        let knows_users = |file: &PathBuf| Kubeconfig::read_from(file).map_or_else(|_| file.exists(), knows);
        self.own().is_some_and(|own| own.may_know_context()) || user_kubeconfigs().iter().any(knows_users)
    }

    /// Returns the certificate with which the client shows who it is, as PEM; `None` where there is none, or none that
    /// can be read.
    pub fn client_certificate(&self) -> Option<Vec<u8>> {
        let config = self.read().ok()?;
        let context = config.contexts.iter().find(|named| named.name == self.context)?.context.as_ref()?;
        let user = config.auth_infos.iter().find(|named| Some(&named.name) == context.user.as_ref())?;
        let info = user.auth_info.as_ref()?;
        match (&info.client_certificate_data, &info.client_certificate) {
            (Some(data), _) => base64::engine::general_purpose::STANDARD.decode(data).ok(),
            (None, Some(file)) => fs_err::read(file).ok(),
            (None, None) => None,
        }
    }

    pub(super) fn read(&self) -> Result<Kubeconfig, Failure> {
        let mut merged: Option<Kubeconfig> = None;
        for file in self.files.iter().filter(|file| file.symlink_metadata().is_ok()) {
            let unusable =
                || Failure::of(ids::KUBECONFIG_UNUSABLE, format!("can't use the kubeconfig {}", file.display()));
            let failure = |error: kube::config::KubeconfigError| unusable().source(&error);
            let next = if let Some(own) = self.own() {
                let Some(config) = own.read()? else { continue };
                config
            } else if file.exists() {
                Kubeconfig::read_from(file).map_err(failure)?
            } else {
                continue;
            };
            if let Some(user) = self.own.then(|| names_program(&next)).flatten() {
                return Err(unusable()
                    .cause(format!(
                        "its user `{user}` runs a program for its credentials, which no cluster of ours needs"
                    ))
                    .hint(format!(
                        "remove it, then start the cluster again with `provision up`: `rm {}`",
                        shell_quoted(&file.to_string_lossy())
                    )));
            }
            merged = Some(match merged {
                Some(first) => first.merge(next).map_err(failure)?,
                None => next,
            });
        }
        let config = merged.ok_or_else(|| self.absent())?;
        if config.contexts.iter().any(|context| context.name == self.context) {
            return Ok(config);
        }
        let mut failure = self.absent();
        let known: Vec<&str> = config.contexts.iter().map(|context| context.name.as_str()).collect();
        if !self.own && !known.is_empty() {
            failure = failure.cause(format!("the kubeconfig has {}", known.join(", ")));
        }
        Err(failure)
    }

    /// The bytes of one of the files.
    fn bytes(&self, file: &Path) -> std::io::Result<Vec<u8>> {
        self.own().map_or_else(|| fs_err::read(file), |own| own.bytes())
    }

    fn absent(&self) -> Failure {
        if self.own {
            Failure::of(ids::CLUSTER_NOT_STARTED, format!("the cluster `{}` has not been started", self.context))
                .hint("start it with the pipeline's step that does: `provision up`")
        } else {
            Failure::of(ids::CONTEXT_MISSING, format!("there is no kube context `{}`", self.context))
                .hint("correct `context` in [cluster], or make the context: `kubectl config get-contexts`")
        }
    }
}

/// Returns the user for whose credentials the client would run a program or a plugin.
fn names_program(config: &Kubeconfig) -> Option<&str> {
    let runs = |user: &&kube::config::NamedAuthInfo| {
        user.auth_info.as_ref().is_some_and(|info| info.exec.is_some() || info.auth_provider.is_some())
    };
    config.auth_infos.iter().find(runs).map(|user| user.name.as_str())
}

#[cfg(test)]
impl KubeSource {
    pub(super) fn for_test(context: &str) -> Self {
        Self { files: Vec::new(), context: context.to_owned(), owner: None, own: false }
    }
}

/// The user's own kubeconfig files, as `kubectl` finds them.
fn user_kubeconfigs() -> Vec<PathBuf> {
    match std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
        Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => std::env::home_dir().map(|home| vec![home.join(".kube/config")]).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_types_reaches_this_cluster_also_from_a_folder_with_a_space() {
        let file = PathBuf::from("/my work/kubeconfig");
        let own = KubeSource { files: vec![file], own: true, ..KubeSource::for_test("shop") };
        assert_eq!(own.kubectl(), "kubectl --kubeconfig '/my work/kubeconfig' --context shop");
        let theirs = KubeSource::for_test("my cluster");
        assert_eq!(theirs.kubectl(), "kubectl --context 'my cluster'");
        let said = theirs.typed("paused: `kubectl -n a rollout resume deployment/b` ends that; kubectl");
        assert_eq!(
            said,
            "paused: `kubectl --context 'my cluster' -n a rollout resume deployment/b` ends that; kubectl"
        );
    }
}
