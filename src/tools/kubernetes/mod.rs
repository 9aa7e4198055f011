//! The Kubernetes API of the one cluster that a pipeline may touch. Nothing else names the `kube` crate.
//!
//! The kube context is always the declared one, never the current one; a cluster that minikube makes is also known by
//! its node, because minikube signs every profile's certificates with the same authority and hands addresses out again.

mod diagnosis;
#[cfg(test)]
pub(crate) mod fake_api;
mod forward;
mod objects;
mod record;
mod release;
mod trouble;
mod workloads;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use super::cluster::{ClusterSpec, Provider};
use crate::error::{Context, Failure, FailureKind};
use crate::fingerprint::Digest;

pub use diagnosis::Diagnosis;
pub use forward::{Forward, ServicePort};
pub use objects::{ObjectRef, SecretObject, SecretState};
#[cfg(test)]
pub(crate) use record::tests as record_tests;
pub use release::{Marked, RUN_LABEL, Release, ReleaseStatus, Revision, record_name};
pub use trouble::{Hope, Trouble, hints, troubles};
pub use workloads::{Workload, WorkloadKind};

/// How long a connection may take. A stopped node's address answers nothing.
const CONNECT: Duration = Duration::from_secs(3);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(15);

/// The pauses between the attempts of a request that only reads, when the API server is busy or restarts.
const PAUSES: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(600)];

/// Where a cluster's address and credentials stand.
#[derive(Clone, Debug)]
pub struct KubeSource {
    files: Vec<PathBuf>,
    context: String,
    /// The profile that has to own the nodes.
    profile: Option<String>,
    /// Whether there is a kubeconfig of our own, which only the step that starts the cluster writes.
    own: bool,
}

/// A connection to the API server. Cheap to clone.
#[derive(Clone)]
pub struct Kube {
    client: Client,
    source: KubeSource,
}

/// A node, as far as anybody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its name.
    pub name: String,
    /// Whether it takes pods.
    pub ready: bool,
    /// Its kubelet's version: `v1.33.1`.
    pub version: String,
    /// Its container runtime: `containerd://1.6.20`.
    pub runtime: String,
    /// The profile of minikube that it belongs to.
    pub profile: Option<String>,
}

impl KubeSource {
    /// That of the declared cluster.
    pub fn of(spec: &ClusterSpec, state_dir: &Path) -> Self {
        let own = spec.kubeconfig(state_dir);
        Self {
            own: own.is_some(),
            files: own.map_or_else(user_kubeconfigs, |path| vec![path]),
            context: spec.context().to_owned(),
            profile: matches!(spec.provider, Provider::Minikube).then(|| spec.name.clone()),
        }
    }

    /// Changes when the files do: the cluster was made anew or has moved. `None` when there is no file.
    pub fn stamp(&self) -> Option<Digest> {
        let mut all = Vec::new();
        for file in &self.files {
            if let Ok(bytes) = fs_err::read(file) {
                all.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                all.extend_from_slice(&bytes);
            }
        }
        (!all.is_empty()).then(|| Digest::of(&all))
    }

    /// `kubectl` for this cluster, as one would type it.
    pub fn kubectl(&self) -> String {
        match self.files.first().filter(|_| self.own) {
            Some(file) => format!("kubectl --kubeconfig {} --context {}", file.display(), self.context),
            None => format!("kubectl --context {}", self.context),
        }
    }

    /// What `KUBECONFIG` has to be for a program that is to see this cluster and no other one as the current one. For a
    /// cluster in the user's own files that needs one of ours before them, in `state_dir`.
    pub fn variable(&self, state_dir: &Path) -> Result<OsString, Failure> {
        let mut files = self.files.clone();
        if !self.own {
            let chooses = state_dir.join("kube-context");
            let name = serde_json::Value::from(self.context.as_str());
            let text = format!("apiVersion: v1\nkind: Config\ncurrent-context: {name}\n");
            if fs_err::read_to_string(&chooses).ok().as_ref() != Some(&text) {
                fs_err::write(&chooses, text).context(|| "choosing the kube context for a program".into())?;
            }
            files.insert(0, chooses);
        }
        std::env::join_paths(&files)
            .map_err(|error| Failure::failed("the kubeconfig's path can't be handed to a program").source(&error))
    }

    /// Whether any kubeconfig, ours or the user's, knows the kube context: then the cluster has been up, for whomever. One that can't be
    /// read may know it.
    pub fn is_known(&self) -> bool {
        let knows = |file: &PathBuf| match Kubeconfig::read_from(file) {
            Ok(config) => config.contexts.iter().any(|context| context.name == self.context),
            Err(_) => file.exists(),
        };
        self.files.iter().chain(&user_kubeconfigs()).any(knows)
    }

    fn read(&self) -> Result<Kubeconfig, Failure> {
        let mut merged: Option<Kubeconfig> = None;
        for file in self.files.iter().filter(|file| file.exists()) {
            let failure = |error: kube::config::KubeconfigError| {
                Failure::new(FailureKind::Target, format!("can't use the kubeconfig {}", file.display())).source(&error)
            };
            let next = Kubeconfig::read_from(file).map_err(failure)?;
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
            failure = failure.cause(format!("the kubeconfig knows {}", known.join(", ")));
        }
        Err(failure)
    }

    fn absent(&self) -> Failure {
        if self.own {
            Failure::failed(format!("the cluster `{}` has not been started", self.context))
                .hint("start it with the pipeline's `cluster-start` step: `provision up`")
        } else {
            Failure::new(FailureKind::Target, format!("there is no kube context `{}`", self.context))
                .hint("correct `name` in [cluster], or make the context: `kubectl config get-contexts`")
        }
    }
}

/// A client. For some users of a kubeconfig that runs a program which gets the credentials and may ask for anything: it has
/// its time, and what it says, which can hold them, goes nowhere.
async fn client(config: Config, source: &KubeSource) -> Result<Client, Failure> {
    let making = tokio::task::spawn_blocking(move || Client::try_from(config));
    let why = match tokio::time::timeout(ANSWER, making).await {
        Ok(Ok(Ok(client))) => return Ok(client),
        Ok(Ok(Err(kube::Error::Auth(_)))) => "its credentials can't be got".to_owned(),
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(error)) => return Err(Failure::bug("making a client of the cluster ended in a panic").source(&error)),
        Err(_) => format!("its credentials were not there after {} s", ANSWER.as_secs()),
    };
    Err(Failure::new(FailureKind::Target, format!("can't use the kube context `{}`", source.context))
        .cause(why)
        .hint(format!("see what it says: `{} get namespace kube-system`", source.kubectl())))
}

/// The user's own kubeconfig files, as `kubectl` finds them.
fn user_kubeconfigs() -> Vec<PathBuf> {
    match std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
        Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => std::env::home_dir().map(|home| vec![home.join(".kube/config")]).unwrap_or_default(),
    }
}

#[cfg(test)]
impl KubeSource {
    fn for_test(context: &str) -> Self {
        Self { files: Vec::new(), context: context.to_owned(), profile: None, own: false }
    }
}

#[cfg(test)]
impl Kube {
    fn for_test(client: Client, source: KubeSource) -> Self {
        Self { client, source }
    }
}

impl Kube {
    /// Connects, and refuses a cluster that is not the declared one.
    pub async fn connect(source: KubeSource) -> Result<Self, Failure> {
        let kubeconfig = source.read()?;
        let options = KubeConfigOptions { context: Some(source.context.clone()), ..KubeConfigOptions::default() };
        let refused = |error: &dyn std::error::Error| {
            Failure::new(FailureKind::Target, format!("can't use the kube context `{}`", source.context)).source(error)
        };
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| refused(&error))?;
        config.connect_timeout = Some(CONNECT);
        // Its own retries go on for minutes; ours are few, and for reading alone.
        config.default_retry = false;
        if source.own {
            // A cluster on this machine: whatever proxy the environment names is not for it.
            config.proxy_url = None;
        }
        let client = client(config, &source).await?;
        let kube = Self { client, source };
        kube.check_owner().await?;
        Ok(kube)
    }

    /// The kube context.
    pub fn context(&self) -> &str {
        &self.source.context
    }

    /// `kubectl` for this cluster, as one would type it.
    pub fn kubectl(&self) -> String {
        self.source.kubectl()
    }

    /// The uid of the `kube-system` namespace: the cluster's identity.
    pub async fn uid(&self) -> Result<String, Failure> {
        let api: Api<Namespace> = self.all();
        let namespace = self.read("reading the namespace kube-system", || api.get_metadata("kube-system")).await?;
        namespace.metadata.uid.ok_or_else(|| Failure::failed("the namespace kube-system has no uid"))
    }

    /// Whether the API server says that it is ready.
    pub async fn ready(&self) -> Result<(), Failure> {
        let what = "asking /readyz";
        let request = || http::Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError);
        let answer = self.once(what, async { self.client.request_text(request()?).await }).await?;
        if answer.trim() == "ok" {
            Ok(())
        } else {
            Err(Failure::failed("the API server is not ready").cause(answer).transient())
        }
    }

    /// The nodes.
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>, Failure> {
        let api: Api<Node> = self.all();
        let nodes = self.read("listing the nodes", || async { api.list(&ListParams::default()).await }).await?;
        Ok(nodes.items.iter().map(node_info).collect())
    }

    async fn check_owner(&self) -> Result<(), Failure> {
        let Some(profile) = &self.source.profile else {
            return Ok(());
        };
        let nodes = self.nodes().await?;
        match nodes.iter().find(|node| !belongs_to(node, profile)) {
            None => Ok(()),
            Some(other) => Err(Failure::new(
                FailureKind::Target,
                format!("the address of the cluster `{profile}` is another cluster's by now"),
            )
            .cause(format!("its node is `{}`", other.name))
            .hint("run the pipeline's `cluster-start` step: `provision up`")),
        }
    }

    fn all<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = ()>,
    {
        Api::all(self.client.clone())
    }

    fn namespaced<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// A request that changes something: sent once.
    fn once<'a, T: 'a>(
        &'a self,
        what: &'a str,
        request: impl Future<Output = kube::Result<T>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Failure>> {
        // A request's state is some kilobytes: it has a place of its own, so that what waits for it stays small.
        let request = tokio::time::timeout(ANSWER, request);
        Box::pin(async move {
            match request.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(self.failure(what, &error)),
                Err(_) => Err(Failure::failed(format!("{what} failed"))
                    .cause(format!(
                        "the API server of `{}` did not answer within {} s",
                        self.context(),
                        ANSWER.as_secs()
                    ))
                    .transient()),
            }
        })
    }

    /// A request that only reads: sent again when the API server is busy or restarts.
    async fn read<T, F>(&self, what: &str, request: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = kube::Result<T>> + Send,
    {
        for pause in PAUSES {
            match self.once(what, request()).await {
                Err(failure) if failure.transient => tokio::time::sleep(pause).await,
                result => return result,
            }
        }
        self.once(what, request()).await
    }

    fn failure(&self, what: &str, error: &kube::Error) -> Failure {
        let failure = Failure::failed(format!("{what} failed"));
        match error {
            kube::Error::Api(status) => {
                let busy = matches!(status.code, 408 | 429 | 500 | 502 | 503 | 504);
                let mut failure = failure.cause(if status.message.is_empty() {
                    format!("the API server answered {}", status.code)
                } else {
                    status.message.clone()
                });
                if matches!(status.code, 401 | 403) {
                    failure = failure.hint(format!("see what you may do: `{} auth can-i --list`", self.kubectl()));
                }
                failure.transient = busy;
                failure
            }
            kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => failure
                .cause(format!("can't reach the API server of `{}`", self.context()))
                .cause(innermost(error))
                .transient(),
            other => failure.source(other),
        }
    }
}

impl std::fmt::Debug for Kube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kube").field("context", &self.source.context).finish_non_exhaustive()
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

fn node_info(node: &Node) -> NodeInfo {
    let status = node.status.clone().unwrap_or_default();
    let info = status.node_info.unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    NodeInfo {
        name: node.metadata.name.clone().unwrap_or_default(),
        ready: conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True"),
        version: info.kubelet_version,
        runtime: info.container_runtime_version,
        profile: node.metadata.labels.as_ref().and_then(|labels| labels.get("minikube.k8s.io/name").cloned()),
    }
}

/// Whether minikube made the node for `profile`. The label comes late in a start, so the name counts until then.
fn belongs_to(node: &NodeInfo, profile: &str) -> bool {
    match &node.profile {
        Some(owner) => owner == profile,
        None => node.name == profile || node.name.strip_prefix(profile).is_some_and(|rest| rest.starts_with("-m")),
    }
}

#[cfg(test)]
mod tests;
