//! [`Login`]: how an `http-check` logs in before it asks.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::message::Message;
use crate::action::response::{check_pointer, json, unexpected};
use crate::action::{Statuses, StepContext};
use crate::error::Failure;
use crate::fingerprint::Digest;
use crate::tools::http::{self, Response, Session};

/// A request that logs in, and what its response gives for the request that follows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Login {
    /// The path of the request, at the same place as the step's own.
    path: String,
    /// Its method; `POST` by default.
    #[serde(default = "post")]
    method: String,
    /// Its headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Its body as it is.
    body: Option<String>,
    /// Its body as JSON.
    #[schemars(with = "Option<Value>")]
    json: Option<toml::Value>,
    /// Its body as a form: name → value.
    form: Option<BTreeMap<String, String>>,
    /// The statuses that say that it has worked; 200, 201, 204, 302 and 303 by default.
    #[serde(default = "worked")]
    status: Statuses,
    /// Where the response, as JSON, has a token (a JSON pointer such as `"/access_token"`); it goes along as
    /// `Authorization: Bearer TOKEN`.
    bearer: Option<String>,
    /// Further headers that go along: name → JSON pointer to the value in the response.
    #[serde(default)]
    send: BTreeMap<String, String>,
}

fn post() -> String {
    "POST".into()
}

fn worked() -> Statuses {
    Statuses::Any(vec![200, 201, 204, 302, 303])
}

impl Login {
    /// Checks the settings.
    pub(super) fn validate(&self) -> Result<(), String> {
        let named = |why: String| format!("`login`: {why}");
        http::check_path("login.path", &self.path)?;
        http::check_request(&self.method, &self.headers).map_err(named)?;
        self.message().validate().map_err(named)?;
        self.bearer.iter().chain(self.send.values()).try_for_each(|pointer| check_pointer(pointer)).map_err(named)?;
        http::check_request(&self.method, self.send.keys().map(|name| (name, name))).map_err(named)
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

    /// All texts in which secrets may stand.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.message().texts()
    }

    /// What tells this login at `place` from every other one.
    pub(super) fn key(&self, place: &str) -> Digest {
        Digest::of(format!("{place} {self:?}").as_bytes())
    }

    /// Logs in at `base`, the address of the server that messages call `name`.
    pub(super) async fn log_in(
        &self,
        cx: &StepContext,
        name: &str,
        base: &str,
        limit: Duration,
    ) -> Result<Session, Failure> {
        let redactor = cx.tools().redactor();
        let what = format!("logging in by {} {name}{}", self.method, self.path);
        let request = self.message().request(cx.tools().secrets(), format!("{base}{}", self.path), limit)?;
        let response = http::send(request).await.map_err(|failure| failure.while_doing(what.clone()))?;
        if !self.status.has(response.status) {
            let why = format!("{what}: it responded with {}, not {}", response.status, self.status.words());
            return Err(unexpected(why, &response, redactor));
        }
        let mut session = Session::new();
        session.set_cookies(&response.cookies, redactor);
        for (header, pointer, prefix) in self.tokens() {
            let token = token(&response, pointer)
                .map_err(|why| unexpected(format!("{what}: it {why}"), &response, redactor))?;
            session.add_header(header, format!("{prefix}{token}"), &token, redactor);
        }
        if session.is_empty() {
            return Err(unexpected(format!("{what}: it gave neither a cookie nor a token"), &response, redactor)
                .hint("say where its response has the token: `bearer = \"/access_token\"` in `login`"));
        }
        Ok(session)
    }

    /// The headers that go along: name, where the response has the value, and what stands before that.
    fn tokens(&self) -> impl Iterator<Item = (&str, &str, &'static str)> {
        let bearer = self.bearer.iter().map(|pointer| ("authorization", pointer.as_str(), "Bearer "));
        bearer.chain(self.send.iter().map(|(name, pointer)| (name.as_str(), pointer.as_str(), "")))
    }
}

fn token(response: &Response, pointer: &str) -> Result<String, String> {
    match json(response)?.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) => Err(format!("responded with something else than a string at `{pointer}`")),
        None => Err(format!("responded without `{pointer}`")),
    }
}
