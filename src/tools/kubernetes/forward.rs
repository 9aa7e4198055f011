//! A port-forward to a Service that survives its pods: each connection goes to a pod that is ready at that moment.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort as PublishedPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::Portforwarder;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

use super::client::Kube;
use super::steadiness::had_ended;
use crate::error::{Failure, ids};
use crate::tools::ports;

/// How long a new connection may wait for a pod that is ready, where a forward is to outlast the pods.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it looks for one meanwhile.
const LOOK: Duration = Duration::from_millis(250);

/// How long a pod may go on answering after the client has said that it sends no more.
const LINGER: Duration = Duration::from_secs(30);

/// A port of a Service: its number or its name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ServicePort {
    /// Its number.
    Number(u16),
    /// Its name.
    Name(String),
}

impl fmt::Display for ServicePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A running port-forward; ends when it is dropped, with all its connections.
#[derive(Debug)]
pub struct Forward {
    address: SocketAddr,
    task: JoinHandle<()>,
    route: Arc<Route>,
    trouble: Arc<Mutex<Option<Failure>>>,
}

impl Forward {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Uses another connection to the API server from now on: its address may be another one after a restart.
    pub fn reconnect(&self, kube: Kube) {
        *lock(&self.route.kube) = kube;
    }

    /// Why the last connection that failed did so; asking forgets it.
    pub fn take_trouble(&self) -> Option<Failure> {
        lock(&self.trouble).take()
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kube {
    /// Forwards a port of this machine's loopback address to a Service. A pod need not be ready yet: each connection
    /// finds one for itself.
    pub async fn forward(
        &self,
        namespace: &str,
        service: &str,
        port: ServicePort,
        local: Option<u16>,
    ) -> Result<Forward, Failure> {
        self.forward_to(namespace, service, port, local, None).await
    }

    /// The same, to one of the Service's pods: `only`.
    pub async fn forward_to(
        &self,
        namespace: &str,
        service: &str,
        port: ServicePort,
        local: Option<u16>,
        only: Option<String>,
    ) -> Result<Forward, Failure> {
        self.forward_along(Route::new(self, namespace, service, port, only, Duration::ZERO), local).await
    }

    /// The same for a person: a connection that comes while no pod is ready waits for one, as after a restart.
    pub async fn forward_through_restarts(
        &self,
        namespace: &str,
        service: &str,
        port: ServicePort,
        local: u16,
    ) -> Result<Forward, Failure> {
        self.forward_along(Route::new(self, namespace, service, port, None, PATIENCE), Some(local)).await
    }

    async fn forward_along(&self, route: Route, local: Option<u16>) -> Result<Forward, Failure> {
        let listener = ports::listen(local).await?;
        let address =
            listener.local_addr().map_err(|error| Failure::failed("can't tell the forward's port").source(&error))?;
        let trouble = Arc::new(Mutex::new(None));
        let route = Arc::new(route);
        let (kept, noted) = (Arc::clone(&route), Arc::clone(&trouble));
        let task = tokio::spawn(async move {
            // Dropped with the task, which ends every connection.
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            let (route, noted) = (Arc::clone(&route), Arc::clone(&noted));
                            connections.spawn(async move {
                                if let Err(failure) = route.carry(stream).await {
                                    *lock(&noted) = Some(failure);
                                }
                            });
                        }
                        // Out of descriptors, most likely: wait for some to become free.
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    },
                    Some(_) = connections.join_next(), if !connections.is_empty() => {}
                }
            }
        });
        Ok(Forward { address, task, route: kept, trouble })
    }

    /// The names of the pods behind a Service that take connections for `port`, with the port of each.
    pub async fn endpoints(
        &self,
        namespace: &str,
        service: &str,
        port: &ServicePort,
    ) -> Result<Vec<(String, u16)>, Failure> {
        let found = self.service(namespace, service).await?;
        let selector = selector(&found).ok_or_else(|| {
            Failure::failed(format!("the service `{service}` selects no pods, so there is nothing to forward to"))
        })?;
        let pods = self.pods(namespace, &selector).await?;
        resolve(&found, &pods, port)
    }

    /// The TCP ports of a Service, in its order: number and name; `None` when it is not there.
    pub async fn published_ports(&self, namespace: &str, service: &str) -> Result<Option<Vec<(u16, String)>>, Failure> {
        Ok(self.service_if_there(namespace, service).await?.map(|found| {
            let ports = found.spec.and_then(|spec| spec.ports).unwrap_or_default();
            let tcp = ports.into_iter().filter(is_tcp);
            tcp.filter_map(|port| Some((u16::try_from(port.port).ok()?, port.name.unwrap_or_default()))).collect()
        }))
    }

    pub(super) async fn service_if_there(&self, namespace: &str, service: &str) -> Result<Option<Service>, Failure> {
        let api = self.namespaced::<Service>(namespace);
        let what = format!("reading the service `{service}`");
        self.read(&what, || api.get_opt(service)).await
    }

    /// A Service; a failure when it is not there.
    pub(super) async fn service(&self, namespace: &str, service: &str) -> Result<Service, Failure> {
        self.service_if_there(namespace, service).await?.ok_or_else(|| {
            Failure::of(
                ids::WORKLOAD_MISSING,
                format!("there is no service `{service}` in the namespace `{namespace}`"),
            )
            .hint(format!("see what is there: `{} -n {namespace} get services`", self.kubectl()))
        })
    }

    /// What to say of the pods behind a Service: name, phase, whether it is ready.
    pub async fn pods_behind(&self, namespace: &str, service: &str) -> Result<Vec<String>, Failure> {
        let Some(selector) = self.service_if_there(namespace, service).await?.as_ref().and_then(selector) else {
            return Ok(Vec::new());
        };
        let pods = self.pods(namespace, &selector).await?;
        Ok(pods
            .iter()
            .map(|pod| {
                let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
                let name = pod.metadata.name.as_deref().unwrap_or_default();
                let ready = if is_ready(pod) { "ready" } else { "not ready" };
                let leaving = pod.metadata.deletion_timestamp.as_ref().map_or("", |_| ", on its way out");
                format!("pod {name}: {}, {ready}{leaving}{}", phase.unwrap_or("Unknown"), had_ended(pod))
            })
            .collect())
    }
}

#[derive(Debug)]
struct Route {
    kube: Mutex<Kube>,
    namespace: String,
    service: String,
    port: ServicePort,
    only: Option<String>,
    /// How long a connection waits for a pod that is ready.
    patience: Duration,
    turn: AtomicUsize,
}

impl Route {
    fn new(
        kube: &Kube,
        namespace: &str,
        service: &str,
        port: ServicePort,
        only: Option<String>,
        patience: Duration,
    ) -> Self {
        Self {
            kube: Mutex::new(kube.clone()),
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            port,
            only,
            patience,
            turn: AtomicUsize::new(0),
        }
    }

    async fn carry(&self, client: TcpStream) -> Result<(), Failure> {
        let (mut forwarder, what, port) = self.reach().await?;
        let Some(stream) = forwarder.take_stream(port) else {
            return Err(Failure::failed(format!("{what} failed")).cause("it has no stream").transient());
        };
        let error = forwarder.take_error(port);
        let copied = copy(client, stream).await;
        forwarder.abort();
        let said = match error {
            Some(error) => tokio::time::timeout(Duration::from_millis(50), error).await.ok().flatten(),
            None => None,
        };
        match (copied, said) {
            (_, Some(said)) => Err(Failure::failed(format!("{what} failed")).cause(said.trim()).transient()),
            (Err(error), None) => Err(Failure::failed(format!("{what} failed")).source(&error).transient()),
            (Ok(()), None) => Ok(()),
        }
    }

    /// Opens a way to a pod that is ready, and waits for one if the forward has the patience. Returns the way, what is
    /// done on it, and the pod's port.
    async fn reach(&self) -> Result<(Portforwarder, String, u16), Failure> {
        let began = Instant::now();
        loop {
            let failure = match self.try_reach().await {
                Err(failure) if began.elapsed() < self.patience => failure,
                reached => return reached,
            };
            tracing::debug!("a connection waits: {failure}");
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn try_reach(&self) -> Result<(Portforwarder, String, u16), Failure> {
        let kube = lock(&self.kube).clone();
        let mut pods = kube.endpoints(&self.namespace, &self.service, &self.port).await?;
        pods.retain(|(pod, _)| self.only.as_ref().is_none_or(|only| only == pod));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut failure = None;
        // A pod may be gone since it was listed: then the next one has its turn.
        for n in 0..pods.len() {
            let (pod, port) = &pods[(turn + n) % pods.len()];
            let api = kube.namespaced::<Pod>(&self.namespace);
            let what = format!("forwarding to the pod `{pod}`");
            match kube.once(&what, async { api.portforward(pod, &[*port]).await }).await {
                Ok(forwarder) => return Ok((forwarder, what, *port)),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| {
            Failure::failed(format!("no pod behind the service `{}` is ready", self.service)).transient()
        }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Copies both ways until the pod has said all. The library closes both ways at once when ours is shut down, so the
/// client's end is not passed on; a pod that goes on for long after it is left.
async fn copy(mut client: TcpStream, pod: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_pod, mut to_pod) = tokio::io::split(pod);
    let down = async {
        tokio::io::copy(&mut from_pod, &mut to_client).await?;
        to_client.shutdown().await
    };
    let up = async {
        let mut buffer = vec![0_u8; 16 << 10];
        loop {
            let n = from_client.read(&mut buffer).await?;
            if n == 0 {
                break;
            }
            to_pod.write_all(&buffer[..n]).await?;
            to_pod.flush().await?;
        }
        tokio::time::sleep(LINGER).await;
        std::io::Result::Ok(())
    };
    tokio::select! {
        done = down => done,
        done = up => done,
    }
}

fn selector(service: &Service) -> Option<String> {
    let labels = service.spec.as_ref()?.selector.as_ref().filter(|labels| !labels.is_empty())?;
    Some(labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(","))
}

/// Whether a pod is ready and stays.
pub(super) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}

/// The port of a Service that `port` names, with what it leads to.
pub(super) fn service_port(service: &Service, port: &ServicePort) -> Result<PublishedPort, Failure> {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.clone()).unwrap_or_default();
    let is_wanted = |one: &&PublishedPort| match port {
        ServicePort::Number(number) => one.port == i32::from(*number),
        ServicePort::Name(text) => one.name.as_ref() == Some(text) || one.port.to_string() == *text,
    };
    // One number may be a port of UDP and one of TCP, as for DNS.
    let Some(wanted) = ports.iter().filter(is_wanted).min_by_key(|one| !is_tcp(one)) else {
        let known: Vec<String> = ports
            .iter()
            .map(|one| match &one.name {
                Some(name) => format!("{} ({name})", one.port),
                None => one.port.to_string(),
            })
            .collect();
        return Err(Failure::failed(format!("the service `{name}` has no port {port}"))
            .cause(format!("it has {}", known.join(", "))));
    };
    if !is_tcp(wanted) {
        let protocol = wanted.protocol.as_deref().unwrap_or_default();
        return Err(Failure::failed(format!("the port {port} of the service `{name}` is one of {protocol}"))
            .cause("connections are made by TCP alone"));
    }
    Ok(wanted.clone())
}

fn is_tcp(port: &PublishedPort) -> bool {
    port.protocol.as_deref().unwrap_or("TCP") == "TCP"
}

/// The ready pods of a service with the port that each has for the service's `port`.
fn resolve(service: &Service, pods: &[Pod], port: &ServicePort) -> Result<Vec<(String, u16)>, Failure> {
    let wanted = service_port(service, port)?;
    let target = wanted.target_port.clone().unwrap_or(IntOrString::Int(wanted.port));
    Ok(pods
        .iter()
        .filter(|pod| is_ready(pod))
        .filter_map(|pod| Some((pod.metadata.name.clone()?, pod_port(pod, &target)?)))
        .collect())
}

fn pod_port(pod: &Pod, target: &IntOrString) -> Option<u16> {
    match target {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => pod
            .spec
            .as_ref()?
            .containers
            .iter()
            .flat_map(|container| container.ports.iter().flatten())
            .find(|port| port.name.as_ref() == Some(name))
            .and_then(|port| u16::try_from(port.container_port).ok()),
    }
}

#[cfg(test)]
mod tests;
