//! `port-check`: something accepts TCP connections at a port, whatever it speaks.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::error::Failure;
use crate::model::{Output, Progress, ProofKind};
use crate::tools::kubernetes::{Kube, ServicePort};
use crate::tools::process::ProcessObserver;
use crate::tools::traffic::{NoConnection, connect};
use crate::tools::{Poll, pause};

/// How long it may take to pass by default: what has just become ready may refuse connections for a moment.
const WITHIN: Duration = Duration::from_secs(10);

/// The pause between two attempts.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long a connection to an address may take to be accepted. Less where `within` ends sooner, and never less than
/// [`BRIEFLY`].
const CONNECT: Duration = Duration::from_secs(10);

/// The time that the last attempt has, though `within` is over.
const BRIEFLY: Duration = Duration::from_secs(1);

/// To how many pods of a Service connections are made at once.
const AT_ONCE: usize = 8;

/// Settings of `port-check`: where to (`address`, or `service` with `port`), and for how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PortCheck {
    /// Where to connect to: `HOST:PORT`. What accepts there may be a proxy, such as Docker's at a published port.
    address: Option<String>,
    /// A Service of the cluster; instead of `address`. Each of its ready pods has to accept a connection. Nothing is
    /// sent: that a connection is closed again, without an error, is no failure. It is made by a port-forward, which
    /// connects within the pod to the pod's own loopback address: a server that listens there alone passes too, and one
    /// that listens at the pod's other address alone does not.
    service: Option<String>,
    /// The Service's port: its number or its name.
    port: Option<ServicePort>,
    /// The Service's namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// How long it may take to pass; `"10s"` by default.
    within: Option<Time>,
}

impl ActionSettings for PortCheck {
    const NAME: &'static str = "port-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Connects by TCP to an address, or to each ready pod of a Service of the cluster, \
         until something accepts the connection; for what does not speak HTTP";
    const EXAMPLE: &'static str = "service = \"db\"\nport = 5432\nnamespace = \"todo\"\nwithin = \"30s\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("address", "what accepted: the address, or `service/NAME:PORT`"),
        ("pods", "the pods of a Service that accepted, with commas between them"),
    ];

    fn validate(&self) -> Result<(), String> {
        match (&self.address, &self.service) {
            (Some(_), Some(_)) => return Err("`address` and `service` exclude each other".into()),
            (None, None) => return Err("nothing to connect to: set `address`, or `service` and `port`".into()),
            (None, Some(_)) if self.port.is_none() => return Err("`service` needs its `port`".into()),
            (Some(_), None) if self.port.is_some() => {
                return Err("`port` belongs to `service`: write it in `address`, as `HOST:PORT`".into());
            }
            _ => {}
        }
        names::label("namespace", &self.namespace)?;
        self.service.iter().try_for_each(|service| names::label("service", service))?;
        self.address.as_ref().map_or(Ok(()), |address| check_address(address))
    }
}

impl Action for PortCheck {
    fn always_runs(&self) -> bool {
        true
    }

    fn proof(&self) -> ProofKind {
        ProofKind::Check
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let place = self.place(cx).await?;
            let found = cx.unless_cancelled(&place.name(), place.try_once(CONNECT)).await;
            Ok(found.map_or_else(|failure| Presence::Missing(failure.to_string()), |_| Presence::Present))
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let place = self.place(cx).await?;
            let (name, within) = (place.name(), self.within.map_or(WITHIN, |time| time.0));
            let poll = Poll::new(cx.cancel(), Some(within), INTERVAL, &name);
            let mut attempt = 1;
            let failure = loop {
                let left = within.saturating_sub(poll.elapsed()).clamp(BRIEFLY, CONNECT);
                let failure = match poll.check(place.try_once(left)).await {
                    Ok(output) => return Ok(output.with("address", cx.tools().redactor().text(&name))),
                    Err(failure) => failure,
                };
                if poll.is_over() || cx.check_cancel().is_err() {
                    break failure;
                }
                cx.line(&format!("attempt {attempt}: {failure}"));
                cx.progress(Progress::items(attempt, None, failure.message.clone()));
                attempt += 1;
                if let Err(failure) = poll.next(failure).await {
                    break failure;
                }
            };
            Err(tokio::select! {
                explained = place.explain(failure.clone()) => explained,
                () = cx.out_of_time() => failure,
            })
        })
    }
}

impl PortCheck {
    async fn place(&self, cx: &StepContext) -> Result<Place<'_>, Failure> {
        let (service, port) = match (&self.address, &self.service, &self.port) {
            (Some(address), ..) => return Ok(Place::Address(address)),
            (None, Some(service), Some(port)) => (service, port),
            _ => return Err(Failure::bug("a port-check without a place")),
        };
        let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
        // Fails at once when there is no such service or port; that no pod is ready yet may change.
        let found = kube.endpoints(&self.namespace, service, port);
        cx.unless_cancelled("finding the service", found).await?;
        Ok(Place::Service { kube: Box::new(kube), namespace: &self.namespace, service, port })
    }
}

/// What is connected to.
enum Place<'a> {
    Address(&'a str),
    Service { kube: Box<Kube>, namespace: &'a str, service: &'a str, port: &'a ServicePort },
}

impl Place<'_> {
    /// Its name in messages.
    fn name(&self) -> String {
        match self {
            Self::Address(address) => (*address).to_owned(),
            Self::Service { service, port, .. } => format!("service/{service}:{port}"),
        }
    }

    /// Connects once; to an address within `limit`.
    async fn try_once(&self, limit: Duration) -> Result<Output, Failure> {
        let (kube, namespace, service, port) = match self {
            Self::Address(address) => return connect_to(address, limit).await,
            Self::Service { kube, namespace, service, port } => (kube, *namespace, *service, *port),
        };
        let ways = kube.ways_to_ports(namespace, service, port).await?;
        if ways.is_empty() {
            return Err(Failure::failed(format!("{} accepts no connection", self.name()))
                .cause(format!("no pod behind the service `{service}` that has this port is ready"))
                .hint(format!("see what is there: `{} -n {namespace} get pods`", kube.kubectl()))
                .transient());
        }
        // Each of them: one that refuses shows in every n-th connection only.
        let tried = ways.iter().map(|(pod, port, way)| async move {
            let at = format!("{}: the pod `{pod}`", self.name());
            connect(&**way).await.map(|()| pod.clone()).map_err(|why| match why {
                NoConnection::Refused(why) => Failure::failed(format!("{at} accepts no connection at its port {port}"))
                    .cause(why)
                    .hint(format!("see what it says: `{} -n {namespace} logs {pod}`", kube.kubectl()))
                    .hint("the `targetPort` of the Service has to be the port at which the container listens")
                    .transient(),
                NoConnection::Unreached(why) => {
                    Failure::failed(format!("{at} can't be reached at its port {port}")).cause(why).transient()
                }
            })
        });
        let tried: Vec<_> = tried.collect();
        let pods: Vec<String> = stream::iter(tried).buffered(AT_ONCE).try_collect().await?;
        Ok(Output::new().with("pods", pods.join(",")))
    }

    /// `failure` with what is behind the Service.
    async fn explain(&self, failure: Failure) -> Failure {
        let Self::Service { kube, namespace, service, .. } = self else { return failure };
        match kube.pods_behind(namespace, service).await {
            Ok(pods) if pods.is_empty() => failure.detail(format!("no pod is behind the service `{service}`")),
            Ok(pods) => failure.details(pods),
            Err(_) => failure,
        }
    }
}

/// Connects to an address, and closes the connection again.
async fn connect_to(address: &str, limit: Duration) -> Result<Output, Failure> {
    let failed = || Failure::failed(format!("{address} accepts no connection")).transient();
    let failure = match pause::timeout(limit, TcpStream::connect(address)).await {
        // Where nothing listens, a connection that gets the same port for its own end connects to itself.
        Some(Ok(stream)) if is_its_own(&stream) => failed().cause("nothing listens there"),
        Some(Ok(_)) => return Ok(Output::new()),
        Some(Err(error)) => failed().source(&error),
        None => failed().cause(format!("no answer within {} s", limit.as_secs())),
    };
    Err(failure.hint(if is_of_this_machine(address) {
        "see what listens on this machine: `ss -ltnp`"
    } else {
        "correct `address`, or see whether something at that host listens there and a firewall lets it through"
    }))
}

/// Whether an address is one of this machine's own, as far as it tells itself.
fn is_of_this_machine(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

fn is_its_own(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(ours), Ok(theirs)) if ours == theirs)
}

/// Checks the form of an address before anything is connected to; fails with the reason.
fn check_address(address: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`address` can't be `{address}`: {why}"));
    if address.contains('/') {
        return wrong("it is `HOST:PORT`; a URL is requested by `http-check`");
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return wrong("it has no port: write it as `HOST:PORT`");
    };
    if host.contains(':') && !host.starts_with('[') {
        return wrong("an IPv6 address stands in brackets, as in `[::1]:5432`");
    }
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    };
    if !is_host {
        return wrong("its host is neither a name nor an IP address");
    }
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(1..) if is_number => Ok(()),
        _ => wrong("its port is no number between 1 and 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_name_no_place_or_two_are_refused_with_the_reason() {
        for (settings, part) in [
            ("", "nothing to connect to: set `address`, or `service` and `port`"),
            ("address = 'localhost:1'\nservice = 's'\nport = 1", "`address` and `service` exclude each other"),
            ("service = 's'", "`service` needs its `port`"),
            ("address = 'localhost:1'\nport = 1", "`port` belongs to `service`: write it in `address`"),
            ("service = 'S'\nport = 1", "`service` can't be `S`"),
            ("service = 's'\nport = 1\nnamespace = 'a.b'", "`namespace` can't be `a.b`"),
            ("address = 'localhost'", "`address` can't be `localhost`: it has no port"),
            ("address = 'http://localhost:80'", "it is `HOST:PORT`; a URL is requested by `http-check`"),
            ("address = ':80'", "its host is neither a name nor an IP address"),
            ("address = 'a b:80'", "its host is neither a name nor an IP address"),
            ("address = 'me@db:80'", "its host is neither a name nor an IP address"),
            ("address = '[::x]:80'", "its host is neither a name nor an IP address"),
            ("address = '::1:80'", "an IPv6 address stands in brackets"),
            ("address = 'localhost:http'", "its port is no number between 1 and 65535"),
            ("address = 'localhost:+80'", "its port is no number between 1 and 65535"),
            ("address = 'localhost:'", "its port is no number between 1 and 65535"),
            ("address = 'localhost:0'", "its port is no number between 1 and 65535"),
            ("address = 'localhost:65536'", "its port is no number between 1 and 65535"),
        ] {
            let check: PortCheck = toml::from_str(settings).unwrap();
            let error = check.validate().unwrap_err();
            assert!(error.contains(part), "{settings}: {error}");
        }
        for settings in [
            "address = '127.0.0.1:5432'",
            "address = '[::1]:5432'\nwithin = '1s'",
            "address = 'db.example:65535'",
            "service = 's'\nport = 'amqp'\nnamespace = 'n'",
        ] {
            let check: PortCheck = toml::from_str(settings).unwrap();
            assert_eq!(check.validate(), Ok(()), "{settings}");
        }
    }

    #[tokio::test]
    async fn what_listens_on_this_machine_is_no_hint_for_another_host() {
        for (address, is_here) in [("127.0.0.1:1", true), ("no-such-host.invalid:1", false)] {
            let failure = connect_to(address, BRIEFLY).await.unwrap_err();
            assert_eq!(failure.hints[0].contains("ss -ltnp"), is_here, "{failure:?}");
        }
        for (address, is_here) in [("localhost:1", true), ("[::1]:1", true), ("0.0.0.0:1", true), ("10.0.0.1:1", false)]
        {
            assert_eq!(is_of_this_machine(address), is_here, "{address}");
        }
    }

    #[tokio::test]
    async fn a_connection_to_itself_is_accepted_by_nobody() {
        // A socket that connects to the port that it has itself.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let own = socket.local_addr().unwrap();
        assert!(is_its_own(&socket.connect(own).await.unwrap()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(!is_its_own(&TcpStream::connect(listener.local_addr().unwrap()).await.unwrap()));
    }
}
