//! [`write_environments_json`]: the environments as one JSON document. docs/environments.md describes it.

use std::io::{self, Write};

use serde::Serialize;

use super::{Environments, ListedEnvironment};
use crate::report::style::timestamp;
use crate::report::text::write_document;

/// The version of the document. Fields may be added without another one.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    /// [`VERSION`].
    v: u32,
    environments: Vec<WireEnvironment<'a>>,
    /// Records that can't be read.
    unreadable: Vec<String>,
}

#[derive(Serialize)]
struct WireEnvironment<'a> {
    name: &'a str,
    pipeline: &'a str,
    /// The pipeline's file.
    file: String,
    /// Whether that is still there.
    exists: bool,
    profile: Option<&'a str>,
    cluster: Option<WireCluster<'a>>,
    /// `busy`, `up`, `failed`, `interrupted` or `down`.
    state: &'static str,
    last_run: Option<WireRun<'a>>,
    /// When it was taken down: RFC 3339, UTC.
    down: Option<String>,
}

#[derive(Serialize)]
struct WireCluster<'a> {
    name: &'a str,
    context: &'a str,
    provider: &'a str,
}

#[derive(Serialize)]
struct WireRun<'a> {
    run: &'a str,
    command: &'a str,
    /// How it ended; `null` until it does, or if it was killed.
    outcome: Option<&'a str>,
    /// When: RFC 3339, UTC.
    finished: Option<String>,
}

/// Writes the document.
pub(crate) fn write_environments_json(out: &mut dyn Write, environments: &Environments) -> io::Result<()> {
    let document = Document {
        v: VERSION,
        environments: environments.all.iter().map(wire).collect(),
        unreadable: environments.unreadable.iter().map(|path| path.display().to_string()).collect(),
    };
    write_document(out, &document)
}

fn wire(of: &ListedEnvironment) -> WireEnvironment<'_> {
    WireEnvironment {
        name: &of.name,
        pipeline: &of.pipeline,
        file: of.file.display().to_string(),
        exists: of.exists,
        profile: of.profile.as_deref(),
        cluster: of.cluster.as_ref().map(|cluster| WireCluster {
            name: &cluster.name,
            context: &cluster.context,
            provider: &cluster.provider,
        }),
        state: of.state.word(),
        last_run: of.run.as_ref().map(|run| WireRun {
            run: &run.id,
            command: &run.command,
            outcome: run.outcome.as_deref(),
            finished: run.finished_ms.map(timestamp),
        }),
        down: of.down_ms.map(timestamp),
    }
}
