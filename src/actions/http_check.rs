//! `http-check`: a URL or a Service returns what is expected.

mod statuses;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::{Output, Progress, ProofKind};
use crate::tools::Poll;
use crate::tools::http::{self, Request, Response};
use crate::tools::kubernetes::{Forward, Kube, ServicePort};
use crate::tools::process::ProcessObserver;
pub(super) use statuses::Statuses;

/// How long it may take to pass by default: what has just become ready may refuse connections for a moment.
const WITHIN: Duration = Duration::from_secs(10);

/// The pause between two attempts by default.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long one request may take by default.
const REQUEST: Duration = Duration::from_secs(10);

/// How many pods of a Service are asked at once.
const AT_ONCE: usize = 8;

/// How many bytes of a response a failure shows.
const SHOWN: usize = 2000;

/// How many lines of a response a failure shows.
const SHOWN_LINES: usize = 15;

/// Settings of `http-check`: where to (`url`, or `service` with `port`), what to send, what to expect, for how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HttpCheck {
    /// The whole URL. Redirects are not followed: expect their status.
    url: Option<String>,
    /// A Service of the cluster, reached by a port-forward of our own; instead of `url`. A request by `GET`, `HEAD` or
    /// `OPTIONS` is sent to each of its ready pods.
    service: Option<String>,
    /// The Service's port: its number or its name.
    port: Option<ServicePort>,
    /// The Service's namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// The port of this machine that is forwarded; a free one by default.
    local_port: Option<u16>,
    /// The path below the Service.
    #[serde(default = "root")]
    path: String,
    /// The method. A request by `GET`, `HEAD` or `OPTIONS` is repeated whenever `plan`, `why` or `report` probes; one
    /// by another method is not, and its item shows when it was seen.
    #[serde(default = "get")]
    method: String,
    /// Headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// A body as it is.
    body: Option<String>,
    /// A body as JSON: any value.
    #[schemars(with = "Option<Value>")]
    json: Option<toml::Value>,
    /// The status or statuses to expect; 200 by default.
    #[serde(default = "ok")]
    status: Statuses,
    /// A string that the response must contain.
    contains: Option<String>,
    /// Values that the response, as JSON, must have: JSON pointer → value, as `"/status" = "ok"`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    expect: BTreeMap<String, toml::Value>,
    /// Outputs for later steps: name → JSON pointer into the response. They are kept in the journal: nothing secret.
    #[serde(default)]
    save: BTreeMap<String, String>,
    /// How long it may take to pass; `"10s"` by default.
    within: Option<Time>,
    /// How often it is tried; instead of `within`.
    attempts: Option<u32>,
    /// The pause between two attempts.
    interval: Option<Time>,
    /// How long one request may take; `"10s"` by default.
    request_timeout: Option<Time>,
}

fn root() -> String {
    "/".into()
}

fn get() -> String {
    "GET".into()
}

fn ok() -> Statuses {
    Statuses::One(200)
}

impl ActionSettings for HttpCheck {
    const NAME: &'static str = "http-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Requests a URL, or a Service of the cluster by a port-forward of its own, until the \
         response has the expected status, text and JSON values";
    const EXAMPLE: &'static str = "service = \"backend\"\nport = 8000\nnamespace = \"todo\"\npath = \"/health\"\n\
        expect = { \"/status\" = \"ok\" }\nwithin = \"30s\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("url", "what was requested: the URL, or `service/NAME:PORT/PATH`"),
        ("status", "the status of the response"),
        ("ms", "how long the response took, in milliseconds"),
        ("*", "each output of `save`, by its name"),
    ];

    fn validate(&self) -> Result<(), String> {
        match (&self.url, &self.service) {
            (Some(_), Some(_)) => return Err("`url` and `service` exclude each other".into()),
            (None, None) => return Err("nothing to request: set `url`, or `service` and `port`".into()),
            (None, Some(_)) if self.port.is_none() => return Err("`service` needs its `port`".into()),
            (Some(_), None) if self.port.is_some() || self.local_port.is_some() => {
                return Err("`port` and `local-port` belong to `service`".into());
            }
            (Some(_), None) if self.path != "/" => return Err("`path` belongs to `service`: write it in `url`".into()),
            _ => {}
        }
        names::label("namespace", &self.namespace)?;
        self.service.iter().try_for_each(|service| names::label("service", service))?;
        match &self.url {
            Some(url) => http::check(&self.method, url, &self.headers)?,
            None if !self.path.starts_with('/') => {
                return Err(format!("`path` can't be `{}`: it begins with `/`", self.path));
            }
            None => http::check(&self.method, &format!("http://localhost{}", self.path), &self.headers)
                .map_err(|why| why.replace("`url` can't be `http://localhost", "`path` can't be `"))?,
        }
        if self.body.is_some() && self.json.is_some() {
            return Err("`body` and `json` exclude each other".into());
        }
        if self.within.is_some() && self.attempts.is_some() {
            return Err("`within` and `attempts` exclude each other".into());
        }
        if self.attempts == Some(0) {
            return Err("`attempts` must be at least 1".into());
        }
        if !self.path.starts_with('/') {
            return Err("`path` must begin with `/`".into());
        }
        for pointer in self.expect.keys().chain(self.save.values()) {
            if !pointer.is_empty() && !pointer.starts_with('/') {
                return Err(format!("`{pointer}` is not a JSON pointer: it must begin with `/`"));
            }
        }
        let taken = Self::OUTPUTS.iter().find(|(name, _)| self.save.contains_key(*name));
        taken.map_or(Ok(()), |(name, _)| Err(format!("`save` can't use the name `{name}`")))
    }
}

impl Action for HttpCheck {
    fn always_runs(&self) -> bool {
        true
    }

    fn proof(&self) -> ProofKind {
        if self.only_reads() { ProofKind::Check } else { ProofKind::Seen }
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            // A request that is not repeated was seen in this cluster and in no other one.
            if self.service.is_some() && !self.only_reads() {
                inputs.text("cluster", &cx.tools().cluster_uid().await?);
            }
            Ok(())
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            if !self.only_reads() {
                return Ok(Presence::Present);
            }
            // With a port of its own: checks that name the same one are probed at once.
            let target = self.target(cx, None).await?;
            let asked = cx.unless_cancelled(&target.name, self.ask(cx, &target)).await;
            Ok(asked.map_or_else(|failure| Presence::Missing(failure.to_string()), |_| Presence::Present))
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let target = self.target(cx, self.local_port).await?;
            let limit = self.attempts.is_none().then(|| self.within.map_or(WITHIN, |time| time.0));
            let interval = self.interval.map_or(INTERVAL, |time| time.0);
            let poll = Poll::new(cx.cancel(), limit, interval, &target.name);
            let mut attempt = 1;
            loop {
                let failure = match poll.check(self.ask(cx, &target)).await {
                    Ok(output) => return Ok(output),
                    Err(failure) => failure,
                };
                let last = self.attempts.map_or_else(|| poll.is_over(), |attempts| attempt >= attempts);
                if last || cx.check_cancel().is_err() {
                    return Err(tokio::select! {
                        explained = target.explain(failure.clone()) => explained,
                        () = cx.out_of_time() => failure,
                    });
                }
                cx.line(&format!("attempt {attempt}: {failure}"));
                let message = failure.message.clone();
                cx.progress(Progress::items(attempt.into(), self.attempts.map(Into::into), message));
                attempt += 1;
                if let Err(failure) = poll.next(failure).await {
                    return Err(tokio::select! {
                        explained = target.explain(failure.clone()) => explained,
                        () = cx.out_of_time() => failure,
                    });
                }
            }
        })
    }
}

/// What is requested.
struct Target {
    /// Its name in messages.
    name: String,
    url: String,
    forward: Option<(Forward, Kube, String, String)>,
}

impl Target {
    /// `failure` with what is behind the Service.
    async fn explain(&self, mut failure: Failure) -> Failure {
        let Some((forward, kube, namespace, service)) = &self.forward else {
            return failure;
        };
        if let Some(trouble) = forward.take_trouble() {
            failure = failure.cause(trouble);
        }
        match kube.pods_behind(namespace, service).await {
            Ok(pods) if pods.is_empty() => failure.detail(format!("no pod is behind the service `{service}`")),
            Ok(pods) => failure.details(pods),
            Err(_) => failure,
        }
    }
}

impl HttpCheck {
    /// Whether a request changes nothing, so that a probe may repeat it, and each pod may be asked.
    fn only_reads(&self) -> bool {
        ["GET", "HEAD", "OPTIONS"].iter().any(|method| self.method.eq_ignore_ascii_case(method))
    }

    async fn target(&self, cx: &StepContext, local_port: Option<u16>) -> Result<Target, Failure> {
        let (service, port) = match (&self.url, &self.service, &self.port) {
            (Some(url), ..) => {
                return Ok(Target { name: url.clone(), url: url.clone(), forward: None });
            }
            (None, Some(service), Some(port)) => (service, port),
            _ => return Err(Failure::bug("an http-check without a target")),
        };
        let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
        // Fails at once when there is no such service or port; that no pod is ready yet may change.
        let found = kube.endpoints(&self.namespace, service, port);
        cx.unless_cancelled("finding the service", found).await?;
        let forward = kube.forward(&self.namespace, service, port.clone(), local_port).await?;
        Ok(Target {
            name: format!("service/{service}:{port}{}", self.path),
            url: format!("http://{}{}", forward.address(), self.path),
            forward: Some((forward, kube, self.namespace.clone(), service.clone())),
        })
    }

    /// Asks once; each ready pod of a Service, because one that serves wrongly shows in every n-th request only. What
    /// may change something is sent to one of them, as any client's request would be.
    async fn ask(&self, cx: &StepContext, target: &Target) -> Result<Output, Failure> {
        let (Some((_, kube, namespace, service)), Some(port)) = (&target.forward, &self.port) else {
            return self.ask_one(cx, &target.name, &target.url).await;
        };
        let pods = if self.only_reads() { kube.endpoints(namespace, service, port).await? } else { Vec::new() };
        if pods.len() < 2 {
            return self.ask_one(cx, &target.name, &target.url).await;
        }
        let asked = pods.iter().map(|(pod, _)| async move {
            let only = Some(pod.clone());
            let forward = kube.forward_to(namespace, service, port.clone(), None, only).await?;
            let url = format!("http://{}{}", forward.address(), self.path);
            self.ask_one(cx, &format!("{} at the pod {pod}", target.name), &url).await
        });
        let asked: Vec<_> = asked.collect();
        let outputs: Vec<Output> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        let slowest = outputs.iter().filter_map(|output| output.get("ms")?.parse::<u64>().ok()).max();
        let first = outputs.into_iter().next().ok_or_else(|| Failure::bug("a service without its pods"))?;
        let url = cx.tools().redactor().text(&target.name);
        Ok(first.with("url", url).with("ms", slowest.unwrap_or_default().to_string()))
    }

    async fn ask_one(&self, cx: &StepContext, name: &str, url: &str) -> Result<Output, Failure> {
        let mut headers: Vec<(String, String)> = self.headers.clone().into_iter().collect();
        let mut body = self.body.clone().map(String::into_bytes);
        if let Some(json) = &self.json {
            let bytes = serde_json::to_vec(json);
            body = Some(bytes.map_err(|error| Failure::failed("`json` can't be sent").source(&error))?);
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                headers.push(("content-type".into(), "application/json".into()));
            }
        }
        let request = Request {
            method: self.method.clone(),
            url: url.to_owned(),
            headers,
            body,
            limit: self.request_timeout.map_or(REQUEST, |time| time.0),
        };
        let response = http::send(request)
            .await
            .map_err(|failure| Failure { message: format!("{name} does not respond"), ..failure })?;
        let saved = self.judge(&response).map_err(|why| {
            // Masked before it is cut: half a secret would not be recognised.
            let body = cx.tools().redactor().bytes(&response.body);
            Failure::failed(format!("{} {name} {why}", self.method)).details(shown(&body))
        })?;
        let mut output = Output::new()
            .with("url", cx.tools().redactor().text(name))
            .with("status", response.status.to_string())
            .with("ms", response.took.as_millis().to_string());
        for (name, value) in saved {
            output = output.with(&name, cx.tools().redactor().text(&value));
        }
        Ok(output)
    }

    /// Returns the outputs to save, or what differs from what is expected.
    fn judge(&self, response: &Response) -> Result<Vec<(String, String)>, String> {
        if !self.status.has(response.status) {
            return Err(format!("responded with {}, not {}", response.status, self.status.words()));
        }
        if let Some(text) = &self.contains
            && !String::from_utf8_lossy(&response.body).contains(text)
        {
            return Err(format!("responded without `{text}`"));
        }
        if self.expect.is_empty() && self.save.is_empty() {
            return Ok(Vec::new());
        }
        let json: Value =
            serde_json::from_slice(&response.body).map_err(|why| format!("did not respond with JSON: {why}"))?;
        for (pointer, wanted) in &self.expect {
            let wanted = serde_json::to_value(wanted).unwrap_or(Value::Null);
            match json.pointer(pointer) {
                Some(found) if same(found, &wanted) => {}
                Some(found) => return Err(format!("responded with {found} at `{pointer}`, not {wanted}")),
                None => return Err(format!("responded without `{pointer}`, which should be {wanted}")),
            }
        }
        self.save
            .iter()
            .map(|(name, pointer)| match json.pointer(pointer) {
                Some(Value::String(text)) => Ok((name.clone(), text.clone())),
                Some(value) => Ok((name.clone(), value.to_string())),
                None => Err(format!("responded without `{pointer}`, which is saved as `{name}`")),
            })
            .collect()
    }
}

/// Whether two values are equal; 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// The first lines of a response.
fn shown(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    let lines = text.lines().take(SHOWN_LINES);
    lines.map(|line| format!("| {}", line.trim_end().escape_debug())).collect()
}
