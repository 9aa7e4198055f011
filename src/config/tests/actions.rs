//! Actions for the tests: settings of every type, outputs, secrets.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, ActionType, Presence, StepContext};
use crate::error::Failure;
use crate::model::Output;

/// Builds an image.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "shown by Debug only")]
struct Build {
    /// The folder that is sent to the builder.
    context: String,
    image: String,
    max_size: Option<String>,
    #[serde(default)]
    args: BTreeMap<String, String>,
    #[serde(default)]
    tags: Vec<String>,
    layers: Option<u8>,
    builder: Option<Builder>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Builder {
    Classic,
    Buildkit,
}

/// Stores secrets in the cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "shown by Debug only")]
struct Secret {
    name: String,
    data: BTreeMap<String, String>,
}

/// Sends a request to a server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Check {
    #[expect(dead_code, reason = "shown by Debug only")]
    url: String,
    #[serde(default)]
    port: u16,
    /// A number of replies, or all of them.
    #[expect(dead_code, reason = "shown by Debug only")]
    replies: Option<Replies>,
    #[serde(default)]
    expect: Vec<Expect>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "shown by Debug only")]
enum Replies {
    Some(u16),
    All(bool),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "shown by Debug only")]
struct Expect {
    path: String,
    status: Option<u16>,
}

impl ActionSettings for Build {
    const NAME: &'static str = "docker-build";
    const REVISION: u32 = 3;
    const SUMMARY: &'static str = "Builds";
    const EXAMPLE: &'static str = "";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("image", "the reference"), ("size", "in bytes")];
}

impl ActionSettings for Secret {
    const NAME: &'static str = "secret-apply";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Applies";
    const EXAMPLE: &'static str = "";
    const SECRET_SETTINGS: &'static [&'static str] = &["data"];
}

impl ActionSettings for Check {
    const NAME: &'static str = "http-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Asks";
    const EXAMPLE: &'static str = "";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("*", "what `capture` names")];

    fn validate(&self) -> Result<(), String> {
        match (self.port, self.expect.len()) {
            (13, _) => Err("`port` can't be 13".into()),
            _ => Ok(()),
        }
    }
}

/// Runs a command: like the real action, whose type is private.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "shown by Debug only")]
struct Command {
    /// What to run: an array is a program with its arguments, a string is a line for `sh -c`.
    run: Run,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "shown by Debug only")]
enum Run {
    Shell(String),
    Program(Vec<String>),
}

impl ActionSettings for Command {
    const NAME: &'static str = "command";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Runs";
    const EXAMPLE: &'static str = "";
}

macro_rules! does_nothing {
    ($($action:ty),*) => {$(
        impl Action for $action {
            fn probe<'a>(&'a self, _: &'a StepContext, _: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
                Box::pin(std::future::ready(Ok(Presence::Present)))
            }

            fn run<'a>(&'a self, _: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
                Box::pin(std::future::ready(Ok(Output::new())))
            }
        }
    )*};
}
does_nothing!(Command, Build, Secret, Check);

pub(super) static ACTIONS: &[ActionType] =
    &[ActionType::of::<Command>(), ActionType::of::<Build>(), ActionType::of::<Secret>(), ActionType::of::<Check>()];
