//! `provision trust`, and the question before the first run: nobody's pipeline executes anything before a person has
//! seen what, or said so.

mod executes;
mod store;

use std::io::{self, Write};

use serde_json::json;

use super::args::{Cli, ReadFormat, TrustArgs};
use super::given;
use super::output::Terminal;
use super::project::Project;
use crate::actions::ACTIONS;
use crate::error::{Failure, ids};
use crate::report::{DIM, Theme, write_document};
pub(super) use executes::steps as written_steps;
use store::{Known, TrustRecord};

/// The variable that says the same as `--trust` for every pipeline, and is not remembered.
const VARIABLE: &str = "PROVISION_TRUST";

/// How a run may come to be trusted, besides what is on record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    /// `--trust`.
    pub(super) flag: bool,
    /// Whether a person can be asked.
    pub(super) can_ask: bool,
}

/// Fails unless the user trusts the pipeline as it is now, or says so when asked.
pub(super) fn require(terminal: &Terminal, project: &Project, ways: Ways) -> Result<(), Failure> {
    if is_set_for_all() {
        return Ok(());
    }
    let record = TrustRecord::of(&project.file, &project.text);
    let known = record.as_ref().map_or(Known::Nothing, TrustRecord::known);
    if known == Known::Trusted {
        return Ok(());
    }
    let executes = executes::lines(&project.text);
    if !ways.flag {
        if !ways.can_ask {
            return Err(refusal(project, &known)
                .hint("`provision trust` shows what it executes, and trusts it as it is now")
                .hint(format!(
                    "where nobody can be asked, as in CI: `{} --trust`",
                    given::again(project.tools.redactor())
                )));
        }
        terminal.tell(|err| show(err, terminal.err, project, &known, &executes));
        if !terminal.agrees("execute it?")? {
            return Err(refusal(project, &known).hint("`provision trust --show` shows again what it executes"));
        }
    }
    // Where it can't be remembered the next run asks again.
    if let Some(Err(error)) = record.map(|record| record.remember(&executes)) {
        tracing::debug!("trust is not remembered: {error}");
    }
    Ok(())
}

/// Fails if probing the steps runs programs that the file names, and the user does not trust it.
pub(super) fn require_for_probes(project: &Project) -> Result<(), Failure> {
    let steps = untrusted_probes(project);
    if steps.is_empty() {
        return Ok(());
    }
    Err(refusal(project, &Known::Nothing)
        .cause(format!("probing `{}` runs programs that it names", steps.join("`, `")))
        .hint("`provision trust` shows what it executes, and trusts it as it is now"))
}

/// Returns the steps whose probes run programs that the file names, if the user does not trust it.
pub(super) fn untrusted_probes(project: &Project) -> Vec<String> {
    let is_trusted = || {
        is_set_for_all()
            || TrustRecord::of(&project.file, &project.text).is_some_and(|record| record.known() == Known::Trusted)
    };
    if !project.pipeline.steps().any(|step| !step.action_type.probe_settings.is_empty()) || is_trusted() {
        return Vec::new();
    }
    executes::run_by_probes(&project.text, ACTIONS)
}

/// `provision trust`.
pub(super) fn trust(cli: &Cli, terminal: &Terminal, args: &TrustArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let Some(record) = TrustRecord::of(&project.file, &project.text) else {
        return Err(Failure::of(ids::TRUST_UNUSABLE, "there is no folder to remember it in")
            .hint("set XDG_STATE_HOME or HOME to a folder of yours"));
    };
    let failed = |error: io::Error| {
        Failure::of(ids::TRUST_UNUSABLE, "can't remember whom you trust")
            .source(&error)
            .hint("set XDG_STATE_HOME to a folder that you can write")
    };
    if args.forget {
        let was = record.forget().map_err(failed)?;
        let text = if was { "it is not trusted any more" } else { "it was not trusted" };
        terminal.note([format!("{text}: {}", project.file.display())]);
        return Ok(0);
    }
    let known = record.known();
    let executes = executes::lines(&project.text);
    if args.format == ReadFormat::Json {
        terminal.print(|out| show_json(out, &project, &known, &executes))?;
        return Ok(0);
    }
    terminal.print(|out| show(out, terminal.out, &project, &known, &executes))?;
    if !args.show {
        record.remember(&executes).map_err(failed)?;
        terminal.note([String::new(), format!("trusted as it is now: {}", project.file.display())]);
    }
    Ok(0)
}

fn is_set_for_all() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == "1" || value == "true")
}

fn refusal(project: &Project, known: &Known) -> Failure {
    let why = match known {
        Known::Changed(_) => "it has changed since you trusted it",
        _ => "it has not run here before",
    };
    Failure::of(ids::PIPELINE_UNTRUSTED, format!("`{}` is not trusted; nothing was run", project.file.display()))
        .cause(why)
}

/// Shows what a pipeline executes; of one that has changed, what is new and what is gone.
fn show(out: &mut dyn Write, theme: Theme, project: &Project, known: &Known, executes: &[String]) -> io::Result<()> {
    let file = project.file.display();
    match known {
        Known::Trusted => writeln!(out, "you trust {file}. It executes:")?,
        Known::Nothing => writeln!(out, "{file} has not run here before. It executes:")?,
        Known::Changed(_) => writeln!(out, "{file} has changed since you trusted it. It executes (+ new, - gone):")?,
    }
    let before = match known {
        Known::Changed(before) => before.as_slice(),
        _ => executes,
    };
    for line in executes {
        let mark = if before.contains(line) { ' ' } else { '+' };
        writeln!(out, "{mark}{line}")?;
    }
    for line in before.iter().filter(|line| !executes.contains(line)) {
        writeln!(out, "-{line}")?;
    }
    let beside = "Dockerfiles, charts and scripts beside it are executed as they are, also after they change";
    writeln!(out, "{}", theme.paint(DIM, beside))
}

/// The same as one document. docs/agents.md describes it.
fn show_json(out: &mut dyn Write, project: &Project, known: &Known, executes: &[String]) -> io::Result<()> {
    let (state, before) = match known {
        Known::Trusted => ("trusted", executes),
        Known::Nothing => ("unknown", executes),
        Known::Changed(before) => ("changed", before.as_slice()),
    };
    let without = |lines: &[String], others: &[String]| -> Vec<String> {
        lines
            .iter()
            .filter(|line| !others.contains(line))
            .map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned())
            .collect()
    };
    let document = json!({
        "v": 1,
        "file": project.file.display().to_string(),
        "state": state,
        "executes": without(executes, &[]),
        "new": without(executes, before),
        "gone": without(before, executes),
    });
    write_document(out, &document)
}
