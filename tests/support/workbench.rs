//! [`Workbench`]: what a single action needs to run as the engine runs it, with or without a cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use provision::action::{Action, Presence, Prompter, Prompts, RunScope, StepContext, StepScope};
use provision::actions::ACTIONS;
use provision::cluster::PROVIDERS;
use provision::error::Failure;
use provision::event::{EventKind, EventSink, Events, StepLog, event_channel};
use provision::fingerprint::Inputs;
use provision::model::{Output, RunId, StepId};
use provision::redact::Redactor;
use provision::tools::cluster::ClusterSpec;
use provision::tools::deletion::Consent;
use provision::tools::kubernetes::Kube;
use provision::tools::secrets::{SecretSource, Secrets};
use provision::tools::{Cancel, Tools};

/// The tests' own profile of minikube; it stays up between runs.
pub(crate) const PROFILE: &str = "provision-test";

/// The image of the tests' pods, and the base of the images that they build: any Debian. Where the usual one can't be
/// had, `scripts/env.sh` names another.
pub(crate) const IMAGE: Image = Image;

pub(crate) struct Image;

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::env::var("PROVISION_TEST_IMAGE").as_deref().unwrap_or("debian:bookworm"))
    }
}

/// A project's folder with what its steps share.
pub(crate) struct Workbench {
    root: PathBuf,
    /// The folder, where the workbench has created it: dropping this removes it.
    folder: Option<tempfile::TempDir>,
    pub(crate) tools: Arc<Tools>,
    pub(crate) namespace: String,
    pub(crate) cancel: Cancel,
    /// The context of a step, for tests that call an action's methods themselves.
    pub(crate) cx: StepContext,
    sink: EventSink,
    events: Mutex<Events>,
}

/// An action that was made from settings, with a context of its own.
pub(crate) struct Step {
    pub(crate) action: Arc<dyn Action>,
    pub(crate) cx: StepContext,
}

/// The action `name` with its settings in TOML.
pub(crate) fn action(name: &str, settings: &str) -> Arc<dyn Action> {
    let entry = ACTIONS.iter().find(|entry| entry.name == name).unwrap();
    let settings: &'static str = Box::leak(settings.to_owned().into_boxed_str());
    (entry.parse)(toml::de::DeTable::parse(settings).unwrap()).unwrap()
}

fn cluster(profile: &str) -> ClusterSpec {
    let minikube = PROVIDERS.iter().find(|provider| provider.name == "minikube").unwrap();
    (minikube.parse)(toml::de::DeTable::parse("").unwrap(), profile).unwrap()
}

/// The id of the step where a test does not name one.
const STEP: &str = "live.step";

/// The context of a step whose log lies in `root`.
fn context(id: &str, root: &Path, tools: &Arc<Tools>, sink: &EventSink, cancel: Cancel) -> StepContext {
    let id = StepId::new(id).unwrap();
    let log = StepLog::new(root.into(), id.clone());
    let run = RunScope {
        id: RunId::new(&format!("20260101-000000-{:08x}", std::process::id())).unwrap(),
        has_ended: Arc::new(|_| false),
        prompts: Arc::new(Prompts::new(YesPerson)),
    };
    let scope = StepScope::new(Arc::clone(tools), sink.clone(), Arc::new(|_, _| ())).in_run(run);
    Arc::new(scope).of(id, log, cancel, None)
}

/// A person who says yes to everything.
struct YesPerson;

impl Prompter for YesPerson {
    fn read_line(&self) -> BoxFuture<'_, Result<Option<String>, Failure>> {
        Box::pin(std::future::ready(Ok(Some("yes".to_owned()))))
    }
}

impl Workbench {
    /// A project with a cluster that runs, and a name for a namespace of its own.
    pub(crate) async fn new(test: &str) -> Self {
        Self::with_secrets(test, BTreeMap::new()).await
    }

    pub(crate) async fn with_secrets(test: &str, secrets: BTreeMap<String, SecretSource>) -> Self {
        static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let bench = Self::bare(test, PROFILE, secrets);
        let turn = ONE_AT_A_TIME.lock().await;
        bench.run("cluster-start", "").await.unwrap();
        if !bench.has_image().await {
            let line = format!("minikube -p {PROFILE} image load {IMAGE}");
            bench.run("command", &format!("run = '{line}'")).await.unwrap();
        }
        drop(turn);
        bench.kube().await.delete_namespace(&bench.namespace).await.unwrap();
        bench
    }

    pub(crate) fn bare(test: &str, profile: &str, secrets: BTreeMap<String, SecretSource>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join(".provision")).unwrap();
        let root = folder.path().to_owned();
        let namespace = format!("live-{test}-{}", std::process::id());
        Self { namespace, folder: Some(folder), ..Self::open(&root, secrets, Some(cluster(profile))) }
    }

    /// A project in `root` whose pipeline names no cluster.
    pub(crate) fn without_cluster(root: &Path) -> Self {
        Self::open(root, BTreeMap::new(), None)
    }

    fn open(root: &Path, secrets: BTreeMap<String, SecretSource>, cluster: Option<ClusterSpec>) -> Self {
        let redactor = Redactor::new();
        let secrets = Secrets::new(secrets, redactor.clone());
        let tools = Tools::new(root.to_owned(), root.join(".provision"), secrets, cluster, redactor)
            .of_pipeline("live", ["live.step", "live.one", "live.two"].into_iter().map(|id| StepId::new(id).unwrap()));
        Self::with_tools(root, tools)
    }

    fn with_tools(root: &Path, tools: Tools) -> Self {
        let tools = Arc::new(tools);
        let (sink, events) = event_channel();
        let cancel = Cancel::new();
        let cx = context(STEP, root, &tools, &sink, cancel.clone());
        let root = root.to_owned();
        let namespace = String::new();
        Self { root, folder: None, tools, namespace, cancel, cx, sink, events: Mutex::new(events) }
    }

    /// The lines and the progress since the last call, as texts.
    pub(crate) fn said(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let mut said = Vec::new();
        while let Ok(Some(event)) = events.next(Duration::ZERO) {
            match event.kind {
                EventKind::StepLine { line, .. } => said.push(line),
                EventKind::StepProgress { progress, .. } => said.push(format!("> {progress}")),
                _ => {}
            }
        }
        said
    }

    /// The same project with the user's consent to the loss of data.
    pub(crate) fn consenting(self) -> Self {
        let Self { root, folder, tools, namespace, cx, .. } = self;
        drop(cx);
        let tools = Arc::into_inner(tools).unwrap().consenting(Consent::Given);
        Self { folder, namespace, ..Self::with_tools(&root, tools) }
    }

    async fn has_image(&self) -> bool {
        let step = self.step("command", &format!("run = 'minikube -p {PROFILE} image ls | grep {IMAGE} >/dev/null'"));
        step.action.run(&step.cx).await.is_ok()
    }

    pub(crate) async fn kube(&self) -> Kube {
        self.tools.kube().await.unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn log(&self) -> String {
        fs_err::read_to_string(self.path("live.step.log")).unwrap_or_default()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs_err::write(path, text).unwrap();
    }

    pub(crate) fn step(&self, action: &str, settings: &str) -> Step {
        self.step_with(action, settings, self.cancel.child())
    }

    pub(crate) fn step_with(&self, name: &str, settings: &str, cancel: Cancel) -> Step {
        self.step_as(STEP, name, settings, cancel)
    }

    fn step_as(&self, id: &str, name: &str, settings: &str, cancel: Cancel) -> Step {
        Step { action: action(name, settings), cx: context(id, &self.root, &self.tools, &self.sink, cancel) }
    }

    pub(crate) async fn run(&self, action: &str, settings: &str) -> Result<Output, Failure> {
        self.run_as("live.step", action, settings).await
    }

    pub(crate) async fn run_as(&self, id: &str, action: &str, settings: &str) -> Result<Output, Failure> {
        let step = self.step_as(id, action, settings, self.cancel.child());
        let result = step.action.run(&step.cx).await;
        // As the engine does: what steps found out for each other within the last moment is of before.
        self.tools.forget_shared().await;
        step.cx.finish().unwrap();
        result
    }

    pub(crate) async fn probe(&self, action: &str, settings: &str, output: &Output) -> Presence {
        let step = self.step(action, settings);
        step.action.probe(&step.cx, output).await.unwrap()
    }

    pub(crate) async fn inputs(&self, action: &str, settings: &str) -> Inputs {
        let step = self.step(action, settings);
        let mut inputs = Inputs::new();
        step.action.inputs(&step.cx, &mut inputs).await.unwrap();
        inputs
    }

    /// `kubectl` with `arguments`, as somebody else would use it.
    pub(crate) async fn command(&self, arguments: &str) {
        let line = format!("{} {arguments}", self.kube().await.kubectl());
        self.run("command", &format!("run = \"\"\"{line}\"\"\"")).await.unwrap();
    }

    /// `helm` for this cluster and namespace.
    pub(crate) fn helm(&self) -> String {
        let kubeconfig = self.path(".provision/kubeconfig");
        format!("helm --kubeconfig {} --kube-context {PROFILE} -n {}", kubeconfig.display(), self.namespace)
    }

    /// Removes the namespace; a test that fails leaves it for the next run to remove.
    pub(crate) async fn clean_up(self) {
        self.kube().await.delete_namespace(&self.namespace).await.unwrap();
    }
}

/// Runs `work` and says how long it took.
pub(crate) async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let value = work.await;
    println!("{what}: {:?}", started.elapsed());
    value
}
