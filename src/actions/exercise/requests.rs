//! [`Requests`]: requests that go on while a step changes something, and what has to come of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Exercise;
use crate::action::Statuses;
use crate::action::names;
use crate::action::units::Time;
use crate::error::{Failure, ids};
use crate::model::Output;
use crate::tools::kubernetes::{Entrance, ServicePort};
use crate::tools::process::ProcessObserver;
use crate::tools::traffic::{Ask, Reply, Route, Tally, Traffic, ask, lines};
use crate::tools::{http, pause, poll_until};

/// How long a response may take by default.
const LIMIT: Duration = Duration::from_secs(5);

/// How many requests are sent each second by default.
const RATE: u32 = 10;

/// At most so many: each has a connection of its own, through the API server.
const MAX_RATE: u32 = 50;

/// How many requests have to succeed one after the other before anything is changed.
const IN_A_ROW: u32 = 5;

/// How long the Service may take until they do: its port of the node has just been made, and a busy node takes its
/// time.
const BEFORE: Duration = Duration::from_secs(30);

/// The pause between two of them.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long the requests go on after everything is as it was: what was removed from the Service last is still asked
/// for a moment.
const AFTER: Duration = Duration::from_secs(2);

/// A time without any request in which nothing is known of the Service.
const MAX_GAP: Duration = Duration::from_secs(3);

/// How often the requests that have failed are written to the step's log.
const NEWS: Duration = Duration::from_millis(300);

/// How many failed requests a failure shows; the step's log has all of them.
const SHOWN: usize = 20;

/// Requests by `GET` that go on meanwhile, to a Service, as a client inside the cluster sends them: each on a
/// connection of its own to the pod that kube-proxy chooses.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::actions) struct Requests {
    /// The Service; it is in the workload's namespace.
    service: String,
    /// Its port: the number or the name.
    port: ServicePort,
    /// The path.
    #[serde(default = "root")]
    path: String,
    /// Headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The status or statuses of a response that succeeds; 200 by default.
    #[serde(default = "ok")]
    status: Statuses,
    /// How many are sent each second, whether those before have been answered or not; 10 by default, 50 at most.
    rate: Option<u32>,
    /// How long a response may take, to its last byte; `"5s"` by default.
    timeout: Option<Time>,
    /// How many may fail; 0 by default.
    #[serde(default)]
    max_failed: u64,
    /// The header of a response in which the application names its pod, if it does.
    pod_header: Option<String>,
}

fn root() -> String {
    "/".into()
}

fn ok() -> Statuses {
    Statuses::One(200)
}

impl Requests {
    /// What types can't say.
    pub(in crate::actions) fn validate(&self) -> Result<(), String> {
        names::label("requests.service", &self.service)?;
        http::check_path("requests.path", &self.path)?;
        http::check_request("GET", &self.headers)?;
        if !(1..=MAX_RATE).contains(&self.rate.unwrap_or(RATE)) {
            return Err(format!("`requests.rate` must be between 1 and {MAX_RATE} a second"));
        }
        let limit = self.limit();
        if limit.is_zero() || limit > Duration::from_secs(30) {
            return Err("`requests.timeout` must be more than 0 and at most 30 s".into());
        }
        Ok(())
    }

    /// The Service and its port.
    pub(in crate::actions) fn service(&self) -> (&str, &ServicePort) {
        (&self.service, &self.port)
    }

    /// Whether responses name their pods.
    pub(in crate::actions) fn names_pods(&self) -> bool {
        self.pod_header.is_some()
    }

    fn limit(&self) -> Duration {
        self.timeout.map_or(LIMIT, |time| time.0)
    }

    /// What is sent.
    pub(in crate::actions) fn request(&self) -> Ask {
        Ask {
            path: self.path.clone(),
            host: self.service.clone(),
            headers: self.headers.clone(),
            statuses: self.status.all().to_vec(),
            pod_header: self.pod_header.clone(),
            limit: self.limit(),
        }
    }

    /// Fails if more requests failed than may, or if too little is known.
    pub(in crate::actions) fn judge(&self, tally: &Tally, during: &str) -> Result<(), Failure> {
        if tally.longest_gap > MAX_GAP {
            let gap = tally.longest_gap.as_secs_f64();
            let failure = Failure::failed(format!("for {gap:.1} s of {during} no request could be sent"))
                .cause("so nothing is known of that time")
                .transient();
            return Err(tally.why_unsent.iter().fold(failure, Failure::cause));
        }
        if tally.failed <= self.max_failed {
            return Ok(());
        }
        let mut failure = Failure::of(
            ids::REQUESTS_FAILED,
            format!(
                "{} of {} requests to service/{}:{}{} failed during {during}",
                tally.failed, tally.total, self.service, self.port, self.path
            ),
        );
        if self.max_failed > 0 {
            failure = failure.cause(format!("at most {} may", self.max_failed));
        }
        failure = failure.details(lines(&tally.failures[..tally.failures.len().min(SHOWN)]));
        if let Some(more) = tally.failed.checked_sub(SHOWN as u64).filter(|more| *more > 0) {
            failure = failure.detail(format!("and {more} more: see the step's log"));
        }
        Err(failure.hint(
            "a pod has to be ready before it is asked and to answer until nobody asks it any more: a readiness probe, a \
             preStop hook that waits some seconds, and maxUnavailable = 0 (docs/exercises.md)",
        ))
    }
}

/// `output` with the numbers of the requests.
fn with_numbers(output: Output, tally: &Tally) -> Output {
    output
        .with("requests", tally.total.to_string())
        .with("failed", tally.failed.to_string())
        .with("slowest-ms", tally.slowest.as_millis().to_string())
        .with("longest-gap-ms", tally.longest_gap.as_millis().to_string())
}

/// What `provision actions` says of [`with_numbers`].
pub(in crate::actions) const NUMBERS: [(&str, &str); 4] = [
    ("requests", "how many requests were sent meanwhile"),
    ("failed", "how many of them failed"),
    ("slowest-ms", "how long the slowest took, in milliseconds"),
    ("longest-gap-ms", "the longest time in which none was sent, in milliseconds"),
];

impl Exercise<'_> {
    /// Does `work`, which messages call `what` of the workload, while requests go on; it gets the way that they go, and
    /// has to end soon after a wish to stop. Returns its output with the numbers of the requests, and fails if more of
    /// them failed than may; the failed ones are in the step's log.
    pub(in crate::actions) async fn under_requests<F: Future<Output = Result<Output, Failure>>>(
        &self,
        requests: &Requests,
        what: &str,
        work: impl FnOnce(Arc<dyn Route>) -> F,
    ) -> Result<Output, Failure> {
        let entrance = self.open_entrance(requests).await?;
        let result = self.with_traffic(&entrance, requests, work).await;
        // Also after a failure or Ctrl-C.
        let closed = tokio::select! {
            closed = entrance.close() => closed,
            () = self.cx.cancel().killed() => Err(Failure::interrupted("removing the service of the requests")),
        };
        if let Err(failure) = &closed {
            self.cx.line(&format!("{failure}; the next run of this step removes it"));
        }
        let (output, tally) = result?;
        requests.judge(&tally, &format!("the {what} of {}", self.name()))?;
        Ok(with_numbers(output, &tally))
    }

    async fn open_entrance(&self, requests: &Requests) -> Result<Entrance, Failure> {
        let (cx, kube, namespace) = (self.cx, self.kube, &self.target.1);
        if let Some(run) = cx.run() {
            let removing = kube.remove_left_entrances(namespace, &self.by, &*run.has_ended);
            for remark in cx.unless_cancelled("removing what killed runs left", removing).await? {
                cx.line(&remark);
            }
        }
        let opening = kube.open_entrance(namespace, &requests.service, &requests.port, &self.by);
        cx.unless_killed("making the service of the requests", opening).await
    }

    async fn with_traffic<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        entrance: &Entrance,
        requests: &Requests,
        work: impl FnOnce(Arc<dyn Route>) -> F,
    ) -> Result<(T, Tally), Failure> {
        self.answers_before(entrance, requests).await?;
        let rate = requests.rate.unwrap_or(RATE);
        let mut traffic = Traffic::start(entrance.route(), requests.request(), rate);
        let mut work = std::pin::pin!(async {
            let result = work(entrance.route()).await;
            if result.is_ok() {
                pause::sleep(AFTER).await;
            }
            result
        });
        let tell = |traffic: &Traffic| {
            for line in lines(&traffic.take_news()) {
                self.cx.line(&line);
            }
        };
        let result = loop {
            tokio::select! {
                biased;
                result = &mut work => break result,
                () = tokio::time::sleep(NEWS) => tell(&traffic),
            }
        };
        let tally = tokio::select! {
            tally = traffic.stop() => tally,
            () = self.cx.cancel().killed() => return Err(Failure::interrupted("waiting for the last responses")),
        };
        tell(&traffic);
        self.cx.line(&format!("{} requests, {} failed, {} could not be sent", tally.total, tally.failed, tally.unsent));
        result.map(|result| (result, tally))
    }

    /// Waits until the Service answers: nothing is changed of one that does not.
    async fn answers_before(&self, entrance: &Entrance, requests: &Requests) -> Result<(), Failure> {
        let (route, request) = (entrance.route(), requests.request());
        let in_a_row = AtomicU32::new(0);
        let name = format!("service/{}:{}{}", requests.service, requests.port, requests.path);
        let what = format!("waiting for {name} to answer before anything is changed");
        let waited = poll_until(self.cx.cancel(), Some(BEFORE), INTERVAL, &what, || async {
            let why = match ask(&*route, &request).await {
                Reply::Good(_) => {
                    if in_a_row.fetch_add(1, Ordering::Relaxed) + 1 == IN_A_ROW {
                        return Ok(ControlFlow::Break(()));
                    }
                    return Ok(ControlFlow::Continue(Failure::of(
                        ids::HTTP_FAILED,
                        format!("{name} has answered too seldom"),
                    )));
                }
                Reply::Bad(why) | Reply::Unsent(why) => why,
            };
            in_a_row.store(0, Ordering::Relaxed);
            let pending =
                Failure::of(ids::HTTP_FAILED, format!("{name} does not answer, and nothing was changed")).cause(why);
            Ok(ControlFlow::Continue(pending))
        });
        match waited.await {
            Ok(()) => Ok(()),
            Err(failure) => Err(route.situation().await.into_iter().fold(failure, Failure::detail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::traffic::FailedRequest;

    fn requests(more: &str) -> Requests {
        toml::from_str(&format!("service = 'web'\nport = 80\n{more}")).unwrap()
    }

    fn tally(total: u64, failed: u64, longest_gap: Duration) -> Tally {
        let failure = |number| FailedRequest {
            number,
            at: Duration::from_millis(number * 100),
            why: "connection refused".into(),
            situation: None,
        };
        Tally { total, failed, failures: (1..=failed).map(failure).collect(), longest_gap, ..Tally::default() }
    }

    #[test]
    fn no_request_may_fail_unless_the_settings_say_so() {
        let soon = Duration::from_millis(150);
        let failed = |more: &str, n| requests(more).judge(&tally(100, n, soon), "the update").err();
        assert_eq!(failed("", 0), None);
        assert_eq!(failed("max-failed = 2", 2), None);
        let one = failed("", 1).unwrap();
        assert_eq!(one.message, "1 of 100 requests to service/web:80/ failed during the update");
        assert_eq!(one.details, ["request 1 at 0.10 s: connection refused"]);
        let many = failed("max-failed = 2", 30).unwrap();
        assert_eq!(many.causes, ["at most 2 may"]);
        assert_eq!((many.details.len(), many.details[20].as_str()), (21, "and 10 more: see the step's log"));
    }

    #[test]
    fn a_time_in_which_nothing_was_sent_proves_nothing() {
        let silent =
            Tally { why_unsent: Some("the API server is away".into()), ..tally(100, 0, Duration::from_secs(4)) };
        let failure = requests("max-failed = 100").judge(&silent, "the update").unwrap_err();
        assert_eq!(failure.message, "for 4.0 s of the update no request could be sent");
        assert_eq!(failure.causes[1], "the API server is away");
        assert!(failure.transient);
    }

    #[test]
    fn settings_that_can_not_be_sent_are_refused() {
        for bad in ["path = 'x'", "rate = 0", "rate = 51", "timeout = 0", "timeout = '1m'", "headers = { 'a b' = '' }"]
        {
            assert!(requests(bad).validate().is_err(), "{bad}");
        }
        requests("path = '/a?b=c'\nrate = 50\ntimeout = '500ms'\nstatus = [200, 204]").validate().unwrap();
    }
}
