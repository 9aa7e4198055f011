//! A port-forward to a Service that survives its pods: each connection goes to a pod that is ready at that moment.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort as PublishedPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

use super::client::Kube;
use crate::error::{Failure, ids};
use crate::tools::ports;

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
    trouble: Arc<Mutex<Option<Failure>>>,
}

impl Forward {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the last connection that failed did so; asking forgets it.
    pub fn take_trouble(&self) -> Option<Failure> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
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
        let listener = ports::listen(local).await?;
        let address =
            listener.local_addr().map_err(|error| Failure::failed("can't tell the forward's port").source(&error))?;
        let trouble = Arc::new(Mutex::new(None));
        let route = Arc::new(Route {
            kube: self.clone(),
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            port,
            only,
            turn: AtomicUsize::new(0),
        });
        let noted = Arc::clone(&trouble);
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
                                    *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
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
        Ok(Forward { address, task, trouble })
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

    /// A Service; a failure when it is not there.
    pub(super) async fn service(&self, namespace: &str, service: &str) -> Result<Service, Failure> {
        let api = self.namespaced::<Service>(namespace);
        let found = self.read(&format!("reading the service `{service}`"), || api.get_opt(service)).await?;
        found.ok_or_else(|| {
            Failure::of(
                ids::WORKLOAD_MISSING,
                format!("there is no service `{service}` in the namespace `{namespace}`"),
            )
            .hint(format!("see what is there: `{} -n {namespace} get services`", self.kubectl()))
        })
    }

    /// What decides where a Service leads: the labels of its pods and its ports. `None` when it is not there.
    pub async fn leads_to(&self, namespace: &str, service: &str) -> Result<Option<String>, Failure> {
        let api = self.namespaced::<Service>(namespace);
        let found = self.read(&format!("reading the service `{service}`"), || api.get_opt(service)).await?;
        Ok(found.and_then(|found| found.spec).map(|spec| {
            let ports = spec.ports.unwrap_or_default();
            let ports: Vec<_> = ports.iter().map(|port| (&port.name, port.port, &port.target_port)).collect();
            format!("{:?} {ports:?} {:?}", spec.selector, spec.publish_not_ready_addresses)
        }))
    }

    /// What to say of the pods behind a Service: name, phase, whether it is ready.
    pub async fn pods_behind(&self, namespace: &str, service: &str) -> Result<Vec<String>, Failure> {
        let api = self.namespaced::<Service>(namespace);
        let what = format!("reading the service `{service}`");
        let Some(selector) = self.read(&what, || api.get_opt(service)).await?.as_ref().and_then(selector) else {
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
                format!("pod {name}: {}, {ready}{leaving}", phase.unwrap_or("Unknown"))
            })
            .collect())
    }
}

struct Route {
    kube: Kube,
    namespace: String,
    service: String,
    port: ServicePort,
    only: Option<String>,
    turn: AtomicUsize,
}

impl Route {
    async fn carry(&self, client: TcpStream) -> Result<(), Failure> {
        let mut pods = self.kube.endpoints(&self.namespace, &self.service, &self.port).await?;
        pods.retain(|(pod, _)| self.only.as_ref().is_none_or(|only| only == pod));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut failure = None;
        // A pod may be gone since it was listed: then the next one has its turn.
        for n in 0..pods.len() {
            let (pod, port) = &pods[(turn + n) % pods.len()];
            let api = self.kube.namespaced::<Pod>(&self.namespace);
            let what = format!("forwarding to the pod `{pod}`");
            let opened = self.kube.once(&what, async { api.portforward(pod, &[*port]).await }).await;
            let mut forwarder = match opened {
                Ok(forwarder) => forwarder,
                Err(error) => {
                    failure = Some(error);
                    continue;
                }
            };
            let Some(stream) = forwarder.take_stream(*port) else {
                break;
            };
            let error = forwarder.take_error(*port);
            let copied = copy(client, stream).await;
            forwarder.abort();
            let said = match error {
                Some(error) => tokio::time::timeout(Duration::from_millis(50), error).await.ok().flatten(),
                None => None,
            };
            return match (copied, said) {
                (_, Some(said)) => Err(Failure::failed(format!("{what} failed")).cause(said.trim()).transient()),
                (Err(error), None) => Err(Failure::failed(format!("{what} failed")).source(&error).transient()),
                (Ok(()), None) => Ok(()),
            };
        }
        Err(failure.unwrap_or_else(|| {
            Failure::failed(format!("no pod behind the service `{}` is ready", self.service)).transient()
        }))
    }
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
    let wanted = ports.iter().find(|one| match port {
        ServicePort::Number(number) => one.port == i32::from(*number),
        ServicePort::Name(text) => one.name.as_ref() == Some(text) || one.port.to_string() == *text,
    });
    let Some(wanted) = wanted else {
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
    Ok(wanted.clone())
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
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service() -> Service {
        serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web", "tier": "a"},
            "ports": [{"port": 80, "name": "http", "targetPort": "web"}, {"port": 9000, "targetPort": 9001},
                {"port": 5432}]}}))
        .unwrap()
    }

    fn pod(name: &str, ready: &str, deleted: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": name, "deletionTimestamp": deleted},
            "spec": {"containers": [{"name": "side"}, {"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}}))
        .unwrap()
    }

    #[test]
    fn ports_are_found_by_number_and_by_name_on_either_side() {
        let pods = [pod("a", "True", &Value::Null)];
        let cases = [
            (ServicePort::Number(80), 8080),
            (ServicePort::Name("http".into()), 8080),
            (ServicePort::Name("80".into()), 8080),
            (ServicePort::Number(9000), 9001),
            (ServicePort::Number(5432), 5432),
        ];
        for (port, expected) in cases {
            assert_eq!(resolve(&service(), &pods, &port).unwrap(), [("a".to_owned(), expected)], "{port}");
        }
        let failure = resolve(&service(), &pods, &ServicePort::Number(81)).unwrap_err();
        assert_eq!(failure.to_string(), "the service `web` has no port 81: it has 80 (http), 9000, 5432");
    }

    #[test]
    fn only_pods_that_are_ready_and_stay_are_used() {
        let pods = [
            pod("a", "False", &Value::Null),
            pod("b", "True", &json!("2026-01-01T00:00:00Z")),
            pod("c", "True", &Value::Null),
        ];
        assert_eq!(resolve(&service(), &pods, &ServicePort::Number(80)).unwrap(), [("c".to_owned(), 8080)]);
        assert_eq!(selector(&service()).as_deref(), Some("app=web,tier=a"));
    }
}
