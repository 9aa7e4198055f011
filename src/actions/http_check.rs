//! `http-check`: a URL or a Service returns what is expected.

mod login;
mod message;
mod proxied;
mod served;
mod target;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::action::response::{Expected, check_pointer, json, unexpected};
use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Opening, Presence, Statuses, StepContext, defaults, names, secrets_in};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::{Output, Progress, ProofKind};
use crate::tools::Poll;
use crate::tools::http::{self, Request, Response, Session};
use crate::tools::kubernetes::ServicePort;
use crate::tools::process::ProcessObserver;
use login::Login;
use message::Message;
use target::Target;

/// How long it may take to pass by default: what has just become ready may refuse connections for a moment.
const WITHIN: Duration = Duration::from_secs(10);

/// The pause between two attempts by default.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long one request may take by default.
const REQUEST: Duration = Duration::from_secs(10);

/// How many pods of a Service are asked at once.
const AT_ONCE: usize = 8;

/// The status that says that nobody is logged in.
const UNAUTHORIZED: u16 = 401;

/// Settings of `http-check`: where to (`url`, or `service` with `port`), what to send, what to expect, for how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HttpCheck {
    /// The whole URL. Redirects are not followed: expect their status.
    url: Option<String>,
    /// A Service of the cluster, reached by a port-forward of our own; instead of `url`. A request by `GET`, `HEAD` or
    /// `OPTIONS` is sent to each of its ready pods. `plan`, `why` and `report` send a plain `GET` through the API
    /// server first, and by port-forwards where that does not show what is expected.
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
    /// Headers. Secrets may stand in them, in the body and in `login`: `${{ secrets.NAME }}`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// A body as it is.
    body: Option<String>,
    /// A body as JSON: any value.
    #[schemars(with = "Option<Value>")]
    json: Option<toml::Value>,
    /// A body as a form: name → value.
    form: Option<BTreeMap<String, String>>,
    /// Log in before the request: a table with `path`, and `method` (`POST`), `headers`, `body`, `json` or `form`,
    /// `status`. The cookies that its response sets go along with the request, and so do the token at the JSON pointer
    /// `bearer` and the headers of `send` (name → JSON pointer). They are in memory alone. In one run the steps with
    /// the same `login` at the same place share it; when it has ended (status 401), the step logs in once more. A
    /// probe of `plan`, `why` or `report` logs in too.
    login: Option<Login>,
    /// The status or statuses to expect; 200 by default.
    #[serde(default)]
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

    const SECRET_SETTINGS: &'static [&'static str] = &["headers", "body", "json", "form", "login"];

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
            Some(url) => http::check_url("url", url)?,
            None => http::check_path("path", &self.path)?,
        }
        http::check_request(&self.method, &self.headers)?;
        self.message().validate()?;
        self.login.as_ref().map_or(Ok(()), Login::validate)?;
        if self.within.is_some() && self.attempts.is_some() {
            return Err("`within` and `attempts` exclude each other".into());
        }
        if self.attempts == Some(0) {
            return Err("`attempts` must be at least 1".into());
        }
        self.expected().validate()?;
        self.save.values().try_for_each(|pointer| check_pointer(pointer))?;
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
            cx.add_secrets(inputs, self.secrets())
        })
    }

    fn secrets(&self) -> BTreeSet<&str> {
        secrets_in(self.message().texts().into_iter().chain(self.login.iter().flat_map(Login::texts)))
    }

    fn host_ports(&self, _cx: &StepContext) -> Vec<u16> {
        self.local_port.into_iter().collect()
    }

    fn openings<'a>(&'a self, _cx: &'a StepContext) -> BoxFuture<'a, Result<Vec<Opening>, Failure>> {
        let opening = self.service.as_ref().map(|service| Opening {
            namespace: self.namespace.clone(),
            service: service.clone(),
            port: self.port.clone(),
            path: self.method.eq_ignore_ascii_case("GET").then(|| self.path.clone()),
        });
        Box::pin(std::future::ready(Ok(opening.into_iter().collect())))
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            if !self.only_reads() {
                let Some(service) = &self.service else { return Ok(Presence::Present) };
                let kube = cx.tools().kube().await?;
                let changed = served::changed(&kube, &self.namespace, service, output).await?;
                return Ok(changed.map_or(Presence::Present, Presence::Missing));
            }
            if cx.unless_cancelled("asking the pods", self.holds_by_api_server(cx)).await? {
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
                    Ok(output) => return self.with_served(cx, &target, output).await,
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

impl HttpCheck {
    /// Whether a request changes nothing, so that a probe may repeat it, and each pod may be asked.
    fn only_reads(&self) -> bool {
        ["GET", "HEAD", "OPTIONS"].iter().any(|method| self.method.eq_ignore_ascii_case(method))
    }

    async fn target(&self, cx: &StepContext, local_port: Option<u16>) -> Result<Target, Failure> {
        let (service, port) = match (&self.url, &self.service, &self.port) {
            (Some(url), ..) => return Ok(Target::of_url(url)),
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
            place: format!("{} service/{service}:{port}", self.namespace),
            base: format!("http://{}", forward.address()),
            path: self.path.clone(),
            forward: Some((forward, kube, self.namespace.clone(), service.clone())),
        })
    }

    /// The request, without its address.
    fn message(&self) -> Message<'_> {
        Message {
            method: &self.method,
            headers: &self.headers,
            body: self.body.as_deref(),
            json: self.json.as_ref(),
            form: self.form.as_ref(),
        }
    }

    fn expected(&self) -> Expected<'_> {
        Expected { status: &self.status, contains: self.contains.as_deref(), values: &self.expect }
    }

    /// Asks once; each ready pod of a Service, because one that serves wrongly shows in every n-th request only. What
    /// may change something is sent to one of them, as any client's request would be.
    async fn ask(&self, cx: &StepContext, target: &Target) -> Result<Output, Failure> {
        let (Some((_, kube, namespace, service)), Some(port)) = (&target.forward, &self.port) else {
            return self.ask_one(cx, &target.name, &target.url(), target).await;
        };
        let pods = if self.only_reads() { kube.endpoints(namespace, service, port).await? } else { Vec::new() };
        if pods.len() < 2 {
            return self.ask_one(cx, &target.name, &target.url(), target).await;
        }
        let asked = pods.iter().map(|(pod, _)| async move {
            let only = Some(pod.clone());
            let forward = kube.forward_to(namespace, service, port.clone(), None, only).await?;
            let url = format!("http://{}{}", forward.address(), self.path);
            self.ask_one(cx, &format!("{} at the pod {pod}", target.name), &url, target).await
        });
        let asked: Vec<_> = asked.collect();
        let outputs: Vec<Output> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        let slowest = outputs.iter().filter_map(|output| output.get("ms")?.parse::<u64>().ok()).max();
        let first = outputs.into_iter().next().ok_or_else(|| Failure::bug("a service without its pods"))?;
        let url = cx.tools().redactor().text(&target.name);
        Ok(first.with("url", url).with("ms", slowest.unwrap_or_default().to_string()))
    }

    /// Asks `url`, which messages call `name`; it logs in at `target` first if the step does.
    async fn ask_one(&self, cx: &StepContext, name: &str, url: &str, target: &Target) -> Result<Output, Failure> {
        let mut asked = self.send(cx, name, url, target, None).await?;
        if let (Some((session, false)), UNAUTHORIZED) = (&asked.session, asked.response.status)
            && !self.status.has(UNAUTHORIZED)
        {
            let ended = session.clone();
            asked = self.send(cx, name, url, target, Some(&ended)).await?;
        }
        let redactor = cx.tools().redactor();
        let saved = self
            .judge(&asked.response)
            .map_err(|why| unexpected(format!("{} {name} {why}", self.method), &asked.response, redactor))?;
        let mut output = Output::new()
            .with("url", redactor.text(name))
            .with("status", asked.response.status.to_string())
            .with("ms", asked.response.took.as_millis().to_string());
        for (name, value) in saved {
            // Masked, it would be handed to other steps as another value.
            cx.refuse_secret(&format!("the output `{name}`"), &value)?;
            output = output.with(&name, redactor.text(&value));
        }
        Ok(output)
    }

    /// Sends the request once; as a part of a session that is not `ended`, if the step logs in.
    async fn send(
        &self,
        cx: &StepContext,
        name: &str,
        url: &str,
        target: &Target,
        ended: Option<&Session>,
    ) -> Result<Asked, Failure> {
        let tools = cx.tools();
        let limit = self.request_timeout.map_or(REQUEST, |time| time.0);
        let mut request = self.message().request(tools.secrets(), url.to_owned(), limit)?;
        let Some(login) = &self.login else {
            return Ok(Asked { response: deliver(name, request).await?, session: None });
        };
        let key = login.key(&target.place);
        let logging_in = login.log_in(cx, &target.place, &target.base, limit);
        let (session, is_new) = tools.sessions().get_or(key, ended, logging_in).await?;
        request.headers.extend(session.headers());
        let response = deliver(name, request).await?;
        tools.sessions().update(key, &session, &response.cookies, tools.redactor()).await;
        Ok(Asked { response, session: Some((session, is_new)) })
    }

    /// Returns the outputs to save, or what differs from what is expected.
    fn judge(&self, response: &Response) -> Result<Vec<(String, String)>, String> {
        self.expected().judge(response)?;
        if self.save.is_empty() {
            return Ok(Vec::new());
        }
        let json = json(response)?;
        let saved = self.save.iter().map(|(name, pointer)| match json.pointer(pointer) {
            Some(Value::String(text)) => Ok((name.clone(), text.clone())),
            Some(value) => Ok((name.clone(), value.to_string())),
            None => Err(format!("responded without `{pointer}`, which is saved as `{name}`")),
        });
        saved.collect()
    }
}

/// A response, with the session that the request belonged to and whether that was new.
struct Asked {
    response: Response,
    session: Option<(Session, bool)>,
}

async fn deliver(name: &str, request: Request) -> Result<Response, Failure> {
    http::send(request).await.map_err(|failure| Failure { message: format!("{name} does not respond"), ..failure })
}
