//! `provision doctor --install`: installs the programs that are missing or too old, in the ways that the pipeline
//! declares. What it would do is shown first, as exact commands, and asked.

use super::machine::Machine;
use crate::cli::args::{DoctorArgs, ReadFormat};
use crate::cli::given;
use crate::cli::install::{Consent, Installed, Missing, agreed, missing, perform, plan_lines};
use crate::cli::output::Terminal;
use crate::cli::trust;
use crate::error::Failure;

/// Installs what is missing; `None` if nothing was done.
pub(super) async fn install(
    machine: &Machine,
    terminal: &Terminal,
    args: &DoctorArgs,
) -> Result<Option<Installed>, Failure> {
    let Some(project) = &machine.project else {
        terminal.note(["nothing to install: there is no pipeline that declares a way".to_owned()]);
        return Ok(None);
    };
    let is_text = args.format == ReadFormat::Text;
    let can_ask = is_text && terminal.can_ask();
    // A check may run a program that the file names, and so may a way.
    trust::require(terminal, project, trust::Ways { flag: args.trust, can_ask })?;
    let missing = missing(machine.steps(), |step| machine.context(step)).await?;
    let lines = if missing.is_empty() {
        vec![
            String::new(),
            "nothing to install: every program that the pipeline declares a way for is there".to_owned(),
        ]
    } else {
        plan_lines(&missing)
    };
    // Standard output has what the checks found.
    terminal.note(lines);
    let consent = Consent { yes: args.yes, can_ask };
    let command = format!("{} --yes", given::again(project.tools.redactor()));
    if !missing.iter().any(Missing::can_be) || !agreed(terminal, consent, &command)? {
        return Ok(None);
    }
    Ok(Some(perform(machine.observer(), terminal, missing).await))
}
