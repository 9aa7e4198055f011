//! What a step works with: programs, the Docker daemon, the cluster, secrets. Knows no step, event or input; output and
//! progress go to a [`process::ProcessObserver`] or a callback.

mod access;
mod blocking;
pub mod certificate;
mod checkout;
pub mod cluster;
pub mod compose;
pub mod deletion;
pub mod disk;
pub mod docker;
#[cfg(test)]
pub(crate) mod fake;
pub mod git;
pub mod helm;
pub mod http;
pub mod install;
pub mod kubernetes;
pub mod machine;
mod masked;
mod memo;
mod poll;
pub mod process;
pub mod programs;
pub mod secrets;
mod shared;
pub mod shell;
pub mod traffic;
pub mod version;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio::sync::{Mutex, OnceCell};

use crate::error::{Failure, ids};
use crate::files::{FileDigests, FileSet, Seen, Verify};
use crate::fingerprint::Digest;
use crate::model::StepId;
use crate::redact::Redactor;

pub use access::Access;
pub use blocking::{blocking, waiting};
pub use checkout::{Checkout, checkout_id, checkout_slug};
use cluster::ClusterSpec;
use deletion::Consent;
use docker::{Docker, Endpoint};
use kubernetes::{Compared, KnownCluster, Kube, KubeSource, Purpose};
pub use machine::unique_id;
use masked::Masked;
pub use memo::{Memo, Memos};
pub use poll::{Poll, poll_until};
pub use process::{Cancel, pause, ports};
use secrets::Secrets;

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
    access: Access,
    purpose: Purpose,
    files: Arc<FileDigests>,
    endpoint: OnceLock<Endpoint>,
    docker: OnceCell<Docker>,
    kube: Mutex<Option<(Digest, Kube)>>,
    image_ids: Memos<String, Option<String>>,
    leaving: Memos<String, bool>,
    node_images: Memo<Arc<BTreeMap<String, String>>>,
    project_files: Memo<Arc<[PathBuf]>>,
    handed_cluster: Memo<Result<String, String>>,
    charts: Memos<PathBuf, Arc<BTreeMap<String, Digest>>>,
    sessions: http::Sessions,
    masked: Mutex<Masked>,
    compared: Arc<Compared>,
    copy: Option<CopyTools>,
}

/// What the tools of a copy of a project have besides.
#[derive(Debug)]
struct CopyTools {
    files: Arc<[PathBuf]>,
    renderings: helm::Renderings,
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
        let compared = Arc::new(Compared::kept_in(&state_dir));
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
            access: Access::default(),
            purpose: Purpose::Change,
            endpoint: OnceLock::new(),
            docker: OnceCell::new(),
            kube: Mutex::new(None),
            image_ids: Memos::default(),
            leaving: Memos::default(),
            node_images: Memo::default(),
            project_files: Memo::default(),
            handed_cluster: Memo::default(),
            charts: Memos::default(),
            sessions: http::Sessions::default(),
            masked: Mutex::default(),
            compared,
            copy: None,
        }
    }

    /// Sets how thoroughly files are checked: see [`Verify`].
    pub fn verifying(self, verify: Verify) -> Self {
        Self { files: Arc::new(FileDigests::new(&self.state_dir, verify)), ..self }
    }

    /// Notes in `seen` which files steps read.
    pub fn noting(self, verify: Verify, seen: Arc<Seen>) -> Self {
        Self { files: Arc::new(FileDigests::new(&self.state_dir, verify).noting(seen)), ..self }
    }

    /// Where the files that steps read are noted, if somebody waits for a change of them.
    pub fn seen(&self) -> Option<&Arc<Seen>> {
        self.files.seen()
    }

    /// Names the pipeline and its steps: what they set in the cluster is marked with it.
    pub fn of_pipeline(self, name: &str, steps: impl Iterator<Item = StepId>) -> Self {
        Self { pipeline: name.to_owned(), steps: steps.collect(), ..self }
    }

    /// For a copy of the project that consists of `files`: checks see these alone, and what a chart becomes is kept for
    /// those that ask for the same.
    pub fn of_copy(self, files: Arc<[PathBuf]>) -> Self {
        Self { copy: Some(CopyTools { files, renderings: helm::Renderings::default() }), ..self }
    }

    /// The files that the project was copied from; `None` if it is no copy.
    pub fn copied_files(&self) -> Option<&Arc<[PathBuf]>> {
        self.copy.as_ref().map(|copy| &copy.files)
    }

    /// What charts have become; `None` if the project is no copy.
    pub fn renderings(&self) -> Option<&helm::Renderings> {
        self.copy.as_ref().map(|copy| &copy.renderings)
    }

    /// The pipeline's name.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// The marks of what this pipeline applies from this checkout.
    pub fn marks(&self) -> kubernetes::Marks {
        kubernetes::Marks::of(&self.pipeline).in_checkout(Checkout::of(&self.state_dir))
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

    /// With what the user allows of clusters that provision does not start.
    pub fn accessing(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// With what its requests to the cluster are for.
    pub fn used_to(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// Fails unless the declared cluster may be changed, and unless what is allowed is what the pipeline has.
    pub fn check_access(&self) -> Result<(), Failure> {
        self.access.check(self.cluster.as_ref())?;
        let Some(cluster) = &self.cluster else { return Ok(()) };
        kubernetes::check_access(cluster, &self.state_dir, self.access.allows(cluster))
            .map_err(|failure| failure.hint(format!("to allow it once: `{}`", self.access.allowing(&cluster.context))))
    }

    /// The digest of a file set. Files that have not changed since an earlier run need not be read.
    pub async fn digest(&self, set: FileSet) -> Result<Digest, Failure> {
        let files = Arc::clone(&self.files);
        blocking(move || files.digest(&set)).await
    }

    /// The same for a set that a step of the pipeline makes.
    pub async fn digest_made(&self, set: FileSet) -> Result<Digest, Failure> {
        let files = Arc::clone(&self.files);
        blocking(move || files.digest_made(&set)).await
    }

    /// One digest for the names and contents of the files `names` of the project.
    pub async fn digest_files(&self, names: Vec<PathBuf>) -> Result<Digest, Failure> {
        let (files, root) = (Arc::clone(&self.files), self.root.clone());
        blocking(move || files.digest_files(&root, &names)).await
    }

    /// The digest of a program's file.
    pub async fn digest_program(&self, path: PathBuf) -> Result<Digest, Failure> {
        let files = Arc::clone(&self.files);
        blocking(move || files.digest_elsewhere(&path)).await
    }

    /// Whether files are compared by their contents alone: `--verify=content`.
    pub fn reads_every_file(&self) -> bool {
        self.files.reads_everything()
    }

    /// Keeps what was learnt of files and objects for the next run. A failure costs that one time, and nothing else.
    pub fn save_digests(&self) {
        if let Err(error) = self.files.save().and_then(|()| self.compared.save()) {
            tracing::debug!("digests were not kept: {error}");
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

    /// Where the Docker daemon is. Decided once: a `docker context use` during the run changes nothing.
    pub fn docker_endpoint(&self) -> Result<&Endpoint, Failure> {
        if let Some(endpoint) = self.endpoint.get() {
            return Ok(endpoint);
        }
        let found = Endpoint::find()?;
        Ok(self.endpoint.get_or_init(|| found))
    }

    /// The Docker daemon; the first call connects to it. A failure is not kept: the next call tries again.
    pub async fn docker(&self) -> Result<&Docker, Failure> {
        self.docker.get_or_try_init(async || Docker::connect_to(self.docker_endpoint()?.clone()).await).await
    }

    /// The cluster that the pipeline declares; a failure where it declares none.
    pub fn declared_cluster(&self) -> Result<&ClusterSpec, Failure> {
        self.cluster.as_ref().ok_or_else(|| {
            Failure::of(ids::CLUSTER_UNDECLARED, "the pipeline has no [cluster]")
                .hint("declare one in pipeline.toml: `[cluster]` with `provider` and `name`")
        })
    }

    /// A connection to the declared cluster; kept until its kubeconfig changes. Fails as
    /// [`crate::error::FailureKind::Target`] when what answers is another cluster.
    pub async fn kube(&self) -> Result<Kube, Failure> {
        let cluster = self.declared_cluster()?;
        let source = KubeSource::of(cluster, &self.state_dir);
        let mut kept = self.kube.lock().await;
        if let (Purpose::Inspect, Some((_, kube))) = (self.purpose, &*kept) {
            return Ok(kube.clone());
        }
        let stamp = source.stamp();
        if let (Some(stamp), Some((of, kube))) = (stamp, &*kept)
            && *of == stamp
        {
            return Ok(kube.clone());
        }
        let kube = Kube::connect(source, self.secrets.variables(), self.purpose).await?;
        let kube = if self.reads_every_file() { kube } else { kube.knowing(Arc::clone(&self.compared)) };
        if !cluster.managed {
            let known = KnownCluster::of(cluster, &self.state_dir);
            let how = self.access.allowing(&cluster.context);
            known.check(&kube, self.access.allows(cluster), self.access.records, &how).await?;
        }
        *kept = stamp.map(|stamp| (stamp, kube.clone()));
        Ok(kube)
    }

    /// Registers the generated secrets that the cluster has, so that they are masked, whichever steps of a run were
    /// selected. Once for each cluster; one that can't be reached is asked again after a while, or after
    /// [`Self::cluster_may_be_back`]. Returns why they could not be read.
    pub async fn learn_generated(&self) -> Option<Failure> {
        let spec = self.cluster.as_ref().filter(|_| self.secrets.has_generated())?;
        let stamp = KubeSource::of(spec, &self.state_dir).stamp()?;
        let mut masked = self.masked.lock().await;
        if masked.is_settled(stamp) {
            return None;
        }
        let found = match self.kube().await {
            Ok(kube) => kube.generated_secrets().await,
            // Said by the steps that need the cluster.
            Err(failure) => Err(failure.transient()),
        };
        *masked = Masked::of(stamp, &found);
        match found {
            Ok(values) => {
                for value in &values {
                    self.redactor.register(value);
                }
            }
            // What nobody can reach, no step can print.
            Err(failure) if failure.transient => {}
            Err(failure) => return Some(failure),
        }
        None
    }

    /// A step has run that may have started the cluster.
    pub async fn cluster_may_be_back(&self) {
        self.masked.lock().await.forget_failure();
    }

    /// The sessions of those who have logged in somewhere; steps share them.
    pub fn sessions(&self) -> &http::Sessions {
        &self.sessions
    }

    /// The identity of the declared cluster: the uid of its `kube-system` namespace.
    pub async fn cluster_uid(&self) -> Result<String, Failure> {
        self.kube().await?.uid().await
    }
}
