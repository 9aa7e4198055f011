//! The connection to the API server of the declared cluster, and how a request to it is sent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::config::{AuthInfo, ExecInteractiveMode, KubeConfigOptions};
use kube::{Api, Client, Config};

use super::compared::Compared;
use super::kinds::Kinds;
use super::source::KubeSource;
use super::transport::transport;
use super::turns::{Purpose, taking_turns};
use crate::error::{Failure, ids};

/// How long a connection may take. A stopped node's address never responds.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a response may take.
const RESPONSE: Duration = Duration::from_secs(15);

/// The pauses between the attempts of a request that only reads, when the API server is busy or restarts.
const PAUSES: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(600)];

/// A connection to the API server. Cheap to clone.
#[derive(Clone)]
pub struct Kube {
    pub(super) client: Client,
    pub(super) source: KubeSource,
    /// The kinds that the cluster serves, as far as they were looked up.
    pub(super) kinds: Arc<Kinds>,
    pub(super) compared: Arc<Compared>,
}

/// Makes a client. Where the kubeconfig names a credential plugin, this runs it: its time is limited, and its output,
/// which may contain the credentials, is discarded.
async fn client(config: Config, source: &KubeSource) -> Result<Client, Failure> {
    let making = tokio::task::spawn_blocking(move || transport(config));
    let why = match tokio::time::timeout(RESPONSE, making).await {
        Ok(Ok(Ok(client))) => return Ok(client),
        Ok(Ok(Err(kube::Error::Auth(_)))) => "its credentials could not be obtained".to_owned(),
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(error)) => return Err(Failure::bug("making the client of the cluster panicked").source(&error)),
        Err(_) => format!("its credentials were not there after {} s", RESPONSE.as_secs()),
    };
    Err(Failure::of(ids::KUBECONFIG_UNUSABLE, format!("can't use the kube context `{}`", source.context))
        .cause(why)
        .hint(format!("see what it says: `{} get namespace kube-system`", source.kubectl())))
}

/// Restricts what a credential plugin gets: neither the variables `withheld`, nor our terminal and standard input. The
/// client passes those to it unless the plugin is known not to ask.
fn restrict_plugin(user: &mut AuthInfo, withheld: &[String]) {
    if let Some(plugin) = &mut user.exec {
        plugin.drop_env.get_or_insert_default().extend_from_slice(withheld);
        plugin.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    // The older kind of plugin takes the names in its own settings.
    if let Some(plugin) = &mut user.auth_provider {
        plugin.config.insert("cmd-drop-env".to_owned(), withheld.join(" "));
    }
}

#[cfg(test)]
impl Kube {
    pub(super) fn for_test(client: Client, source: KubeSource) -> Self {
        Self::new(client, source)
    }
}

impl Kube {
    fn new(client: Client, source: KubeSource) -> Self {
        Self { client, source, kinds: Arc::default(), compared: Arc::default() }
    }

    /// Connects, and refuses a cluster that is not the declared one. A credential plugin that the kubeconfig names does
    /// not get the variables `withheld` of our environment.
    pub async fn connect(source: KubeSource, withheld: &[String], purpose: Purpose) -> Result<Self, Failure> {
        let kubeconfig = source.read()?;
        let options = KubeConfigOptions { context: Some(source.context.clone()), ..KubeConfigOptions::default() };
        let refused = |error: &dyn std::error::Error| {
            Failure::of(ids::KUBECONFIG_UNUSABLE, format!("can't use the kube context `{}`", source.context))
                .source(error)
        };
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| refused(&error))?;
        config.connect_timeout = Some(CONNECT);
        // Its own retries go on for minutes; ours are few, and only for reads.
        config.default_retry = false;
        restrict_plugin(&mut config.auth_info, withheld);
        if source.own {
            // A cluster on this machine: whatever proxy the environment names is not for it.
            config.proxy_url = None;
        }
        let client = taking_turns(client(config, &source).await?, purpose);
        let kube = Self::new(client, source);
        kube.check_owner().await?;
        Ok(kube)
    }

    /// With what is known of objects that were compared.
    pub fn knowing(self, compared: Arc<Compared>) -> Self {
        Self { compared, ..self }
    }

    /// The kube context.
    pub fn context(&self) -> &str {
        &self.source.context
    }

    /// Whether both are the same connection, and not one that was made after the other.
    pub fn is_same_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kinds, &other.kinds)
    }

    /// `kubectl` for this cluster, as one would type it.
    pub fn kubectl(&self) -> String {
        self.source.kubectl()
    }

    /// The same for a namespace; for no namespace where it is empty.
    pub fn kubectl_in(&self, namespace: &str) -> String {
        if namespace.is_empty() { self.kubectl() } else { format!("{} -n {namespace}", self.kubectl()) }
    }

    /// `text` with this cluster's `kubectl` where it has a bare one.
    pub(super) fn typed(&self, text: &str) -> String {
        self.source.typed(text)
    }

    /// The uid of the `kube-system` namespace: the cluster's identity.
    pub async fn uid(&self) -> Result<String, Failure> {
        let api: Api<Namespace> = self.all();
        let namespace = self.read("reading the namespace kube-system", || api.get_metadata("kube-system")).await?;
        namespace.metadata.uid.ok_or_else(|| Failure::failed("the namespace kube-system has no uid"))
    }

    /// Whether the API server says that it is ready.
    pub async fn ready(&self) -> Result<(), Failure> {
        let what = "requesting /readyz";
        let request = || http::Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError);
        let response = self.once(what, async { self.client.request_text(request()?).await }).await?;
        if response.trim() == "ok" {
            Ok(())
        } else {
            Err(Failure::of(ids::CLUSTER_NOT_READY, "the API server is not ready").cause(response).transient())
        }
    }

    /// The time by the API server's clock, to the second: this machine's may differ.
    pub(super) async fn time(&self) -> Result<Timestamp, Failure> {
        let what = "reading the time of the API server";
        let request =
            || http::Request::get("/version").body(kube::client::Body::empty()).map_err(kube::Error::HttpError);
        let response = self.read(what, || async { self.client.send(request()?).await }).await?;
        let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let time = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        time.map(|time| time.timestamp()).ok_or_else(|| Failure::failed(what).cause("its response has no date"))
    }

    pub(super) fn all<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = ()>,
    {
        Api::all(self.client.clone())
    }

    pub(super) fn namespaced<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// A request that changes something: sent once.
    pub(super) fn once<'a, T: 'a>(
        &'a self,
        what: &'a str,
        request: impl Future<Output = kube::Result<T>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Failure>> {
        // A request's state is some kilobytes: it has a place of its own, so that what waits for it stays small.
        let request = tokio::time::timeout(RESPONSE, request);
        Box::pin(async move {
            match request.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(self.failure(what, &error)),
                Err(_) => Err(Failure::of(ids::CLUSTER_UNREACHABLE, format!("{what} failed"))
                    .cause(format!(
                        "the API server of `{}` did not respond within {} s",
                        self.context(),
                        RESPONSE.as_secs()
                    ))
                    .transient()),
            }
        })
    }

    /// A request that changes something only if nobody has changed it since it was read.
    pub(super) async fn if_unchanged<T>(
        &self,
        what: &str,
        request: impl Future<Output = kube::Result<T>> + Send,
    ) -> Result<T, Failure> {
        let request = async {
            match request.await {
                Ok(value) => Ok(Some(value)),
                Err(kube::Error::Api(status)) if status.is_conflict() => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.once(what, request).await?.ok_or_else(|| changed(what))
    }

    /// A request that only reads: sent again when the API server is busy or restarts.
    pub(super) fn read<T, F>(&self, what: &str, request: impl Fn() -> F) -> impl Future<Output = Result<T, Failure>>
    where
        F: Future<Output = kube::Result<T>> + Send,
    {
        self.again_while(|failure| failure.transient, what, request)
    }

    /// The same for what can be done without: sent again when the API server is busy, not when it can't be reached.
    pub(super) async fn read_if_reachable<T, F>(&self, what: &str, request: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = kube::Result<T>> + Send,
    {
        let is_busy = |failure: &Failure| failure.transient && failure.id != Some(ids::CLUSTER_UNREACHABLE);
        self.again_while(is_busy, what, request).await
    }

    async fn again_while<T, F>(
        &self,
        worth_it: impl Fn(&Failure) -> bool,
        what: &str,
        request: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = kube::Result<T>> + Send,
    {
        for pause in PAUSES {
            match self.once(what, request()).await {
                Err(failure) if worth_it(&failure) => tokio::time::sleep(pause).await,
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
                    format!("the API server responded with {}", status.code)
                } else {
                    status.message.clone()
                });
                if matches!(status.code, 401 | 403) {
                    failure = failure.with_id(ids::CLUSTER_FORBIDDEN);
                    failure = failure.hint(format!("see what you may do: `{} auth can-i --list`", self.kubectl()));
                }
                failure.transient = busy;
                failure
            }
            kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => failure
                .with_id(ids::CLUSTER_UNREACHABLE)
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

/// The failure of a change of something that has changed since it was read.
pub(super) fn changed(what: &str) -> Failure {
    Failure::of(ids::OBJECT_BUSY, format!("{what} failed"))
        .cause("it has changed meanwhile: another program is working on it")
        .transient()
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
