//! [`Held`]: a Service that is kept forwarded, and what becomes of its pods meanwhile.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::choice::Offer;
use crate::cli::output::Terminal;
use crate::cli::project::Project;
use crate::error::{Failure, FailureKind};
use crate::tools::kubernetes::{Forward, Kube, ServicePort};

/// How often it is seen which pods serve.
const INTERVAL: Duration = Duration::from_secs(1);

/// A Service that is forwarded.
pub(super) struct Held<'a> {
    project: &'a Project,
    kube: Kube,
    forward: Forward,
    namespace: String,
    service: String,
    port: ServicePort,
    /// What was said last of its pods.
    told: State,
}

/// What is behind the Service.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// These pods are ready.
    Served(Vec<String>),
    /// None is: what there is instead.
    Waiting(Vec<String>),
    /// It can't be seen.
    Unknown(String),
}

impl State {
    /// What a person should know of the change from `before`.
    fn news(&self, before: &Self) -> Option<String> {
        match (before, self) {
            (before, now) if before == now => None,
            (Self::Served(before), Self::Served(now)) => {
                let gone: Vec<&str> = before.iter().filter(|pod| !now.contains(pod)).map(String::as_str).collect();
                if gone.is_empty() {
                    return Some(format!("served by {}", now.join(", ")));
                }
                Some(format!("served by {}; gone: {}", now.join(", "), gone.join(", ")))
            }
            (_, Self::Served(now)) => Some(format!("served by {}", now.join(", "))),
            (_, Self::Waiting(there)) if there.is_empty() => Some("waits for a pod: there is none".to_owned()),
            (_, Self::Waiting(there)) => Some(format!("waits for a pod that is ready ({})", there.join("; "))),
            (_, Self::Unknown(why)) => Some(format!("waits for the cluster: {why}")),
        }
    }
}

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{} of `{}`", self.namespace, self.service, self.port, self.kube.context())
    }
}

impl<'a> Held<'a> {
    /// Forwards the port `local` of this machine.
    pub(super) async fn new(
        project: &'a Project,
        kube: Kube,
        chosen: &Offer,
        port: ServicePort,
        local: u16,
    ) -> Result<Self, Failure> {
        let (namespace, service) = (chosen.opening.namespace.clone(), chosen.opening.service.clone());
        let forward = kube.forward_through_restarts(&namespace, &service, port.clone(), local).await?;
        Ok(Self { project, kube, forward, namespace, service, port, told: State::Served(Vec::new()) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.forward.address()
    }

    pub(super) fn port(&self) -> &ServicePort {
        &self.port
    }

    pub(super) fn context(&self) -> &str {
        self.kube.context()
    }

    /// Waits until a pod is ready, and says what it waits for. Returns the pods that are.
    pub(super) async fn wait_until_ready(&mut self, terminal: &Terminal) -> Result<Vec<String>, Failure> {
        loop {
            let now = match self.look().await {
                Err(failure) if !failure.transient => return Err(failure),
                looked => state(looked),
            };
            if let State::Served(pods) = now.clone() {
                self.told = now;
                return Ok(pods);
            }
            self.tell(terminal, now);
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Keeps it forwarded until it is dropped, and says what becomes of its pods. Returns only with a failure.
    pub(super) async fn keep(&mut self, terminal: &Terminal) -> Failure {
        loop {
            tokio::time::sleep(INTERVAL).await;
            // The cluster may have been stopped and started meanwhile: its address may be another one.
            let now = match self.project.tools.kube().await {
                Ok(kube) if kube.is_same_connection(&self.kube) => self.look().await,
                Ok(kube) => {
                    self.kube = kube.clone();
                    self.forward.reconnect(kube);
                    self.look().await
                }
                // Another cluster than the declared one has the address: nothing of it is to be seen here.
                Err(failure) if !failure.transient && failure.kind == FailureKind::Target => {
                    return failure;
                }
                Err(failure) => Err(failure),
            };
            self.tell(terminal, state(now));
        }
    }

    /// Returns the pods that are ready, or what there is instead.
    async fn look(&self) -> Result<State, Failure> {
        let ready = self.kube.endpoints(&self.namespace, &self.service, &self.port).await?;
        if ready.is_empty() {
            return Ok(State::Waiting(self.kube.pods_behind(&self.namespace, &self.service).await?));
        }
        let mut pods: Vec<String> = ready.into_iter().map(|(pod, _)| pod).collect();
        pods.sort_unstable();
        Ok(State::Served(pods))
    }

    fn tell(&mut self, terminal: &Terminal, now: State) {
        let news = now.news(&self.told);
        terminal.note(news.map(|news| format!("{}/{}: {news}", self.namespace, self.service)));
        self.told = now;
    }
}

fn state(looked: Result<State, Failure>) -> State {
    looked.unwrap_or_else(|failure| State::Unknown(failure.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_changed_is_told() {
        let pods = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let served = |names: &[&str]| State::Served(pods(names));
        let waiting = |lines: &[&str]| State::Waiting(pods(lines));
        let unknown = State::Unknown("no route".to_owned());
        let cases = [
            (served(&["a"]), served(&["a"]), None),
            (served(&["a"]), served(&["a", "b"]), Some("served by a, b")),
            (served(&["a", "b"]), served(&["c"]), Some("served by c; gone: a, b")),
            (served(&["a"]), waiting(&[]), Some("waits for a pod: there is none")),
            (served(&["a"]), waiting(&["pod b: Pending"]), Some("waits for a pod that is ready (pod b: Pending)")),
            (waiting(&[]), served(&["c"]), Some("served by c")),
            (waiting(&[]), waiting(&[]), None),
            (served(&["a"]), unknown.clone(), Some("waits for the cluster: no route")),
            (unknown.clone(), unknown, None),
        ];
        for (before, now, expected) in cases {
            assert_eq!(now.news(&before).as_deref(), expected, "{before:?} -> {now:?}");
        }
    }
}
