//! What a step works with: programs, the Docker daemon, the cluster, secrets. Knows no step, event or input; output and
//! progress go to a [`process::ProcessObserver`] or a callback.

mod blocking;
pub mod build_context;
mod checkout;
pub mod cluster;
pub mod context_stream;
pub mod deletion;
mod delta;
pub mod docker;
pub mod dockerfile;
#[cfg(test)]
mod fake;
pub mod git;
pub mod helm;
pub mod http;
pub mod kubernetes;
pub mod minikube;
pub mod node;
mod poll;
pub mod process;
pub mod secrets;
pub mod shell;
pub mod version;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OnceCell};

use crate::error::{Failure, FailureKind};
use crate::files::FileSet;
use crate::files::{FileDigests, Verify};
use crate::fingerprint::Digest;
use crate::model::StepId;
use crate::redact::Redactor;

pub use blocking::blocking;
pub use checkout::checkout_id;
use cluster::ClusterSpec;
use deletion::Consent;
use docker::Docker;
use kubernetes::{Kube, KubeSource};
use node::{Node, NodeImages};
pub use poll::{Poll, poll_until};
use process::ProcessObserver;
pub use process::{Cancel, pause, ports};
use secrets::Secrets;

/// Looks at the same thing that are no further apart share one answer.
const SAME_MOMENT: Duration = Duration::from_millis(500);

/// Everything the steps of a run share.
#[derive(Debug)]
pub struct Tools {
    root: PathBuf,
    state_dir: PathBuf,
    redactor: Redactor,
    secrets: Secrets,
    cluster: Option<ClusterSpec>,
    pipeline: String,
    steps: Vec<StepId>,
    consent: Consent,
    files: Arc<FileDigests>,
    docker: OnceCell<Docker>,
    kube: Mutex<Option<(Digest, Kube)>>,
    node_images: Mutex<Option<(Instant, Arc<NodeImages>)>>,
}

impl Tools {
    /// Nothing is contacted or looked up yet. `root` is the project's folder, absolute; `state_dir` its `.provision`.
    pub fn new(
        root: PathBuf,
        state_dir: PathBuf,
        secrets: Secrets,
        cluster: Option<ClusterSpec>,
        redactor: Redactor,
    ) -> Self {
        let files = Arc::new(FileDigests::new(&state_dir, Verify::Stat));
        Self {
            root,
            state_dir,
            files,
            redactor,
            secrets,
            cluster,
            pipeline: String::new(),
            steps: Vec::new(),
            consent: Consent::None,
            docker: OnceCell::new(),
            kube: Mutex::new(None),
            node_images: Mutex::new(None),
        }
    }

    /// How closely files are looked at: see [`Verify`].
    pub fn verifying(self, verify: Verify) -> Self {
        Self { files: Arc::new(FileDigests::new(&self.state_dir, verify)), ..self }
    }

    /// Names the pipeline and its steps: what they set in the cluster is marked with it.
    pub fn of_pipeline(self, name: &str, steps: impl Iterator<Item = StepId>) -> Self {
        Self { pipeline: name.to_owned(), steps: steps.collect(), ..self }
    }

    /// The pipeline's name.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// The ids of the pipeline's steps.
    pub fn steps(&self) -> &[StepId] {
        &self.steps
    }

    /// With the user's word on the loss of data: `--yes`.
    pub fn consenting(self, consent: Consent) -> Self {
        Self { consent, ..self }
    }

    /// Whether the user has agreed to the loss of data.
    pub fn consent(&self) -> Consent {
        self.consent
    }

    /// The digest of a file set. Files that have not changed since an earlier run need not be read.
    pub async fn digest(&self, set: FileSet) -> Result<Digest, Failure> {
        let files = Arc::clone(&self.files);
        blocking(move || files.digest(&set)).await
    }

    /// Keeps what was learnt of files for the next run. A failure costs that one time, and nothing else.
    pub fn save_digests(&self) {
        if let Err(error) = self.files.save() {
            tracing::debug!("digests of files were not kept: {error}");
        }
    }

    /// The project's folder: what relative paths in settings start from.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `.provision`: for files of ours that must not be the user's.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// What masks secrets.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The cluster that the pipeline declares.
    pub fn cluster(&self) -> Option<&ClusterSpec> {
        self.cluster.as_ref()
    }

    /// The declared secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The Docker daemon; the first call finds it. A failure is not kept: the next call tries again.
    pub async fn docker(&self) -> Result<&Docker, Failure> {
        self.docker.get_or_try_init(Docker::connect).await
    }

    /// The cluster that the pipeline declares; a failure where it declares none.
    pub fn declared_cluster(&self) -> Result<&ClusterSpec, Failure> {
        self.cluster.as_ref().ok_or_else(|| {
            Failure::new(FailureKind::Config, "the pipeline has no [cluster]")
                .hint("declare one in pipeline.toml: `[cluster]` with `provider` and `name`")
        })
    }

    /// A connection to the declared cluster; kept until its kubeconfig changes. Fails as
    /// [`crate::error::FailureKind::Target`] when what answers is another cluster.
    pub async fn kube(&self) -> Result<Kube, Failure> {
        let source = KubeSource::of(self.declared_cluster()?, &self.state_dir);
        let stamp = source.stamp();
        let mut kept = self.kube.lock().await;
        if let (Some(stamp), Some((of, kube))) = (stamp, &*kept)
            && *of == stamp
        {
            return Ok(kube.clone());
        }
        let kube = Kube::connect(source).await?;
        *kept = stamp.map(|stamp| (stamp, kube.clone()));
        Ok(kube)
    }

    /// The images of the node of the minikube profile `name`. Steps that look within the same moment share one look,
    /// which takes a process in the node.
    pub async fn node_images(&self, name: &str, host: &dyn ProcessObserver) -> Result<Arc<NodeImages>, Failure> {
        let mut kept = self.node_images.lock().await;
        if let Some((at, images)) = &*kept
            && at.elapsed() < SAME_MOMENT
        {
            return Ok(Arc::clone(images));
        }
        let (_, images) = Node::look(self.docker().await?, name, host).await?;
        let images = Arc::new(images);
        *kept = Some((Instant::now(), Arc::clone(&images)));
        Ok(images)
    }

    /// A step has changed the node's images.
    pub async fn forget_node_images(&self) {
        *self.node_images.lock().await = None;
    }

    /// The identity of the declared cluster: the uid of its `kube-system` namespace.
    pub async fn cluster_uid(&self) -> Result<String, Failure> {
        self.kube().await?.uid().await
    }
}

/// `prefix-` and a number that no other call and no other process has.
pub fn unique_id(prefix: &str) -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{prefix}-{random:016x}")
}
