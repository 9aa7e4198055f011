//! [`Entrance`]: connections to a Service as a client inside the cluster has them, whatever the way into the cluster.
//!
//! A port-forward to a pod is no client's view: it chooses the pod itself, by what the API server knows, and ends with
//! it. A client gets the pod that kube-proxy chooses, which learns a moment later than the API server that a pod is
//! leaving; requests that fail in that moment are those that a missing `preStop` loses. So the connections begin in
//! the network of a node: a forward to a pod that uses it, such as kube-proxy's own, to a port of the node that
//! kube-proxy leads to the Service's pods. The port belongs to a Service of our own with the same selector, as long as
//! it is asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use serde_json::json;
use tokio::sync::Mutex;

use super::client::Kube;
use super::exercise_record::Exerciser;
use super::forward::{ServicePort, is_ready, service_port};
use crate::error::{Context, Failure};
use crate::model::RunId;
use crate::tools::deletion::{Consent, Deletion, Proof};
use crate::tools::traffic::{Connection, Route};
use crate::tools::unique_id;

/// The namespace in which a pod is searched that uses the network of its node.
const SYSTEM: &str = "kube-system";

/// The label of the pods that are taken first: where they run, ports of the node are served.
const PROXY: (&str, &str) = ("k8s-app", "kube-proxy");

/// The labels of a Service of ours: the checkout and the run that made it.
const CHECKOUT: &str = "provision.dev/checkout";
const RUN: &str = "provision.dev/run";

/// What [`Kube::pods_behind`] says of a pod that is as it should be.
const READY: &str = ": Running, ready";

/// How long what stands behind a Service is believed: many requests may fail at once.
const KNOWN_FOR: Duration = Duration::from_millis(300);

/// The way to a Service's pods that a client inside the cluster has.
pub struct Entrance {
    kube: Kube,
    namespace: String,
    /// The Service of ours.
    twin: Service,
    route: Arc<PodRoute>,
}

impl Entrance {
    /// Where requests go.
    pub fn route(&self) -> Arc<dyn Route> {
        Arc::clone(&self.route) as Arc<dyn Route>
    }

    /// Removes what was made for it.
    pub async fn close(self) -> Result<(), Failure> {
        self.kube.remove_twin(&self.namespace, &self.twin, "the requests are over", Proof::Shown).await
    }
}

/// Connections to a port of one pod; of its node where the pod uses the node's network.
pub(super) struct PodRoute {
    kube: Kube,
    /// The pod, with its namespace.
    pod: (String, String),
    port: u16,
    /// The Service that is asked, with its namespace.
    service: (String, String),
    known: Mutex<Option<(Instant, Option<String>)>>,
}

impl PodRoute {
    fn new(kube: &Kube, pod: (&str, &str), port: u16, service: (&str, &str)) -> Arc<Self> {
        let owned = |(namespace, name): (&str, &str)| (namespace.to_owned(), name.to_owned());
        Arc::new(Self { kube: kube.clone(), pod: owned(pod), port, service: owned(service), known: Mutex::default() })
    }
}

/// A forward that ends when it is dropped.
struct Forwarder(kube::api::Portforwarder);

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Route for PodRoute {
    fn open(&self) -> BoxFuture<'_, Result<Connection, String>> {
        Box::pin(async {
            let (namespace, pod) = &self.pod;
            let api = self.kube.namespaced::<Pod>(namespace);
            let what = format!("connecting through the pod `{pod}`");
            let opened = self.kube.once(&what, async { api.portforward(pod, &[self.port]).await });
            let mut forwarder = opened.await.map_err(|failure| failure.to_string())?;
            let stream = forwarder.take_stream(self.port).ok_or_else(|| format!("{what} failed: it has no stream"))?;
            let error = forwarder.take_error(self.port);
            let said = error.map(|error| -> BoxFuture<'static, Option<String>> {
                Box::pin(async move { error.await.map(|text| plain(&text)) })
            });
            Ok(Connection { stream: Box::new(stream), said, guard: Box::new(Forwarder(forwarder)) })
        })
    }

    fn situation(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(async {
            let mut known = self.known.lock().await;
            if let Some((at, situation)) = &*known
                && at.elapsed() < KNOWN_FOR
            {
                return situation.clone();
            }
            let (namespace, service) = &self.service;
            let pods = self.kube.pods_behind(namespace, service).await.ok();
            let situation = pods.map(summary);
            *known = Some((Instant::now(), situation.clone()));
            situation
        })
    }
}

/// How many pods are ready, and what is to be said of the others.
fn summary(pods: Vec<String>) -> String {
    let (ready, others): (Vec<String>, Vec<String>) = pods.into_iter().partition(|pod| pod.ends_with(READY));
    let ready = format!("{} ready", ready.len());
    std::iter::once(ready).chain(others).collect::<Vec<_>>().join(", ")
}

/// The words of an error that a container runtime reports for a forward: without the names of sandboxes.
fn plain(said: &str) -> String {
    let known = ["connection refused", "connection reset by peer", "no route to host", "i/o timeout"];
    let lower = said.to_lowercase();
    known
        .iter()
        .find(|known| lower.contains(*known))
        .map_or_else(|| said.trim().to_owned(), |known| (*known).to_owned())
}

impl Kube {
    /// Opens a way to a Service as a client inside the cluster has it. [`Entrance::close`] removes what it needs.
    pub async fn open_entrance(
        &self,
        namespace: &str,
        service: &str,
        port: &ServicePort,
        by: &Exerciser,
    ) -> Result<Entrance, Failure> {
        let found = self.service(namespace, service).await?;
        let pod = self.pod_in_a_nodes_network().await?;
        let wanted = twin_of(&found, port, by)?;
        let api = self.namespaced::<Service>(namespace);
        let params = PostParams { field_manager: Some("provision".to_owned()), ..PostParams::default() };
        let what = format!("making a port of the node that leads to the service `{service}`");
        let twin = self.once(&what, async { api.create(&params, &wanted).await }).await?;
        let ports = twin.spec.as_ref().and_then(|spec| spec.ports.as_ref());
        let port = ports.and_then(|ports| u16::try_from(ports.first()?.node_port?).ok());
        let Some(port) = port else {
            self.remove_twin(namespace, &twin, "it has no port", Proof::Shown).await?;
            return Err(Failure::failed(what).cause("the cluster has given it none"));
        };
        let route = PodRoute::new(self, (SYSTEM, &pod), port, (namespace, service));
        Ok(Entrance { kube: self.clone(), namespace: namespace.to_owned(), twin, route })
    }

    /// The ready pods behind a Service, each with a way to it alone.
    pub async fn ways_to_pods(
        &self,
        namespace: &str,
        service: &str,
        port: &ServicePort,
    ) -> Result<BTreeMap<String, Arc<dyn Route>>, Failure> {
        let ways = self.ways_to_ports(namespace, service, port).await?;
        Ok(ways.into_iter().map(|(pod, _, way)| (pod, way)).collect())
    }

    /// The same with the port of each pod to which the Service's leads.
    pub async fn ways_to_ports(
        &self,
        namespace: &str,
        service: &str,
        port: &ServicePort,
    ) -> Result<Vec<(String, u16, Arc<dyn Route>)>, Failure> {
        let pods = self.endpoints(namespace, service, port).await?;
        let way = |(pod, port): (String, u16)| {
            let route = PodRoute::new(self, (namespace, &pod), port, (namespace, service));
            (pod, port, route as Arc<dyn Route>)
        };
        Ok(pods.into_iter().map(way).collect())
    }

    /// Removes the Services of entrances that killed runs of this checkout left in a namespace. `has_ended` returns
    /// whether a run is known to this project and over. Returns a remark for each.
    pub async fn remove_left_entrances(
        &self,
        namespace: &str,
        by: &Exerciser,
        has_ended: &(dyn Fn(&RunId) -> bool + Sync),
    ) -> Result<Vec<String>, Failure> {
        let api = self.namespaced::<Service>(namespace);
        let params = ListParams::default().labels(&format!("{CHECKOUT}={}", by.checkout));
        let left = self.read(&format!("listing the services of {namespace}"), || api.list(&params)).await?;
        let mut remarks = Vec::new();
        for twin in left.items {
            let label = twin.metadata.labels.as_ref().and_then(|labels| labels.get(RUN));
            let Some(run) = label.and_then(|run| RunId::new(run).ok()) else { continue };
            if by.run.as_ref() == Some(&run) {
                continue;
            }
            let ours = if has_ended(&run) {
                Proof::Shown
            } else {
                Proof::Lacking(format!("this project's journal does not have the run {run}"))
            };
            let name = twin.metadata.name.clone().unwrap_or_default();
            let why = format!("the run {run}, which asked through it, ended without removing it");
            remarks.push(match self.remove_twin(namespace, &twin, &why, ours).await {
                Ok(()) => format!("removed the service `{name}`, left by the run {run}"),
                Err(failure) => format!("left the service `{name}` in place: {failure}; {}", failure.hints.join("; ")),
            });
        }
        Ok(remarks)
    }

    /// A pod that uses the network of its node and is ready.
    async fn pod_in_a_nodes_network(&self) -> Result<String, Failure> {
        let mut pods = self.pods(SYSTEM, "").await?;
        pods.retain(|pod| is_ready(pod) && pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true)));
        let is_proxy = |pod: &Pod| {
            let label = pod.metadata.labels.as_ref().and_then(|labels| labels.get(PROXY.0));
            label.is_some_and(|label| label == PROXY.1)
        };
        pods.sort_by_key(|pod| !is_proxy(pod));
        pods.into_iter().find_map(|pod| pod.metadata.name).ok_or_else(|| {
            Failure::failed("there is no way into the network of a node")
                .cause(format!("no pod of `{SYSTEM}` that is ready uses the network of its node"))
                .hint(format!("see what runs there: `{} -n {SYSTEM} get pods -o wide`", self.kubectl()))
        })
    }

    async fn remove_twin(&self, namespace: &str, twin: &Service, why: &str, ours: Proof) -> Result<(), Failure> {
        let name = twin.metadata.name.as_deref().unwrap_or_default();
        let deletion = Deletion {
            subject: format!("the service `{name}`"),
            reason: why.to_owned(),
            ours,
            // A Service holds no data, and this one leads where another one leads too.
            empty: Proof::Shown,
            in_use: None,
            consent_covers_ownership: false,
            by_hand: format!("{} -n {namespace} delete service {name}", self.kubectl()),
        };
        deletion.permit(Consent::None)?;
        let api = self.namespaced::<Service>(namespace);
        let unchanged = Preconditions { uid: twin.metadata.uid.clone(), resource_version: None };
        let params = DeleteParams::default().preconditions(unchanged);
        self.once(&format!("removing the service `{name}`"), async {
            match api.delete(name, &params).await {
                Ok(_) => Ok(()),
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }
}

/// A Service that leads to the same pods by a port of the node. It goes with the other one, whatever becomes of us.
fn twin_of(service: &Service, port: &ServicePort, by: &Exerciser) -> Result<Service, Failure> {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let spec = service.spec.clone().unwrap_or_default();
    let wanted = service_port(service, port)?;
    if spec.selector.as_ref().is_none_or(BTreeMap::is_empty) {
        return Err(Failure::failed(format!("the service `{name}` selects no pods, so that nobody can be asked")));
    }
    let mut labels = json!({"app.kubernetes.io/managed-by": "provision", CHECKOUT: by.checkout});
    if let Some(run) = &by.run {
        labels[RUN] = run.to_string().into();
    }
    let owner = json!({"apiVersion": "v1", "kind": "Service", "name": name, "uid": service.metadata.uid});
    let twin = json!({
        "metadata": {
            "name": unique_id("provision"),
            "labels": labels,
            "annotations": {"provision.dev/for": format!("requests to the service {name} during a check")},
            "ownerReferences": [owner],
        },
        "spec": {
            "type": "NodePort",
            "selector": spec.selector,
            "publishNotReadyAddresses": spec.publish_not_ready_addresses.unwrap_or_default(),
            "ports": [{"port": wanted.port, "targetPort": wanted.target_port, "protocol": "TCP"}],
        },
    });
    serde_json::from_value(twin).context(|| format!("making a port of the node for the service `{name}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn service() -> Service {
        serde_json::from_value(json!({"metadata": {"name": "web", "uid": "u-1"}, "spec": {"type": "ClusterIP",
            "clusterIP": "10.0.0.1", "sessionAffinity": "ClientIP", "selector": {"app": "web"},
            "ports": [{"name": "admin", "port": 9}, {"name": "http", "port": 80, "targetPort": "web"}]}}))
        .unwrap()
    }

    fn by() -> Exerciser {
        let run = RunId::new("20261126-050231-1a2b3c4d").ok();
        Exerciser { checkout: "0123456789ab".into(), run, step: "a.b".into() }
    }

    #[test]
    fn a_twin_leads_to_the_same_pods_and_goes_with_the_other_service() {
        let twin = twin_of(&service(), &ServicePort::Name("http".into()), &by()).unwrap();
        let twin = serde_json::to_value(twin).unwrap();
        let expected = json!({"type": "NodePort", "selector": {"app": "web"}, "publishNotReadyAddresses": false,
            "ports": [{"port": 80, "targetPort": "web", "protocol": "TCP"}]});
        assert_eq!(twin["spec"], expected);
        assert_eq!(twin["metadata"]["ownerReferences"][0]["uid"], "u-1");
        assert_eq!(twin["metadata"]["labels"][CHECKOUT], "0123456789ab");
        assert!(twin_of(&service(), &ServicePort::Number(81), &by()).is_err());
    }

    #[test]
    fn pods_that_are_ready_are_counted_and_others_named() {
        let pods = ["pod a: Running, ready", "pod b: Running, not ready, on its way out", "pod c: Running, ready"];
        let said = summary(pods.map(str::to_owned).into());
        assert_eq!(said, "2 ready, pod b: Running, not ready, on its way out");
        assert_eq!(summary(Vec::new()), "0 ready");
    }

    #[test]
    fn what_a_runtime_says_of_a_forward_is_said_plainly() {
        let long = "error forwarding port 30000 to pod x: failed to connect to localhost:30000 inside namespace \"\", \
                    IPv4: dial tcp4 127.0.0.1:30000: connect: connection refused";
        assert_eq!(plain(long), "connection refused");
        assert_eq!(plain(" something else\n"), "something else");
    }

    #[tokio::test]
    async fn only_what_an_ended_run_of_this_checkout_left_is_removed() {
        use std::sync::Mutex;
        let twin = |name: &str, run: Option<&str>| {
            let mut twin = json!({"metadata": {"name": name, "uid": name, "labels": {CHECKOUT: "0123456789ab"}}});
            if let Some(run) = run {
                twin["metadata"]["labels"][RUN] = run.into();
            }
            twin
        };
        let left: Vec<Value> = vec![
            twin("old", Some("20261126-040000-11111111")),
            twin("own", Some("20261126-050231-1a2b3c4d")),
            twin("unknown", Some("20261126-030000-22222222")),
            twin("nobodys", None),
        ];
        let deleted = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&deleted);
        let kube = super::super::fake_api::serve(move |request| {
            if request.method == "DELETE" {
                seen.lock().unwrap().push(request.path.clone());
                return (200, json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}));
            }
            assert!(request.query.contains("labelSelector=provision.dev%2Fcheckout%3D0123456789ab"), "{request:?}");
            (200, json!({"kind": "ServiceList", "apiVersion": "v1", "metadata": {}, "items": left}))
        })
        .await;
        let has_ended = |run: &RunId| run.to_string().starts_with("20261126-04");
        let remarks = kube.remove_left_entrances("apps", &by(), &has_ended).await.unwrap();
        assert_eq!(*deleted.lock().unwrap(), ["/api/v1/namespaces/apps/services/old"]);
        assert_eq!(remarks[0], "removed the service `old`, left by the run 20261126-040000-11111111");
        assert!(remarks[1].starts_with("left the service `unknown` in place"), "{remarks:?}");
        assert_eq!(remarks.len(), 2);
    }
}
