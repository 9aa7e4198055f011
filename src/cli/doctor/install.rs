//! `provision doctor --install`: installs the programs that are missing or too old, in the ways that the pipeline
//! declares. What it would do is shown first, as exact commands, and asked.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use super::machine::Machine;
use crate::cli::args::{DoctorArgs, ReadFormat};
use crate::cli::output::Terminal;
use crate::cli::trust;
use crate::error::{ErrorId, Failure, FailureKind, ids};
use crate::pipeline::Binding;
use crate::tools::install::{Host, Plan};
use crate::tools::process::{find, shell_quoted};

/// A program that is missing or has another version than is needed, and what installs it.
struct Missing {
    tool: String,
    /// What the check says of it.
    why: String,
    /// `Err` says why it can't be installed here.
    plan: Result<Plan, String>,
}

/// What was done.
pub(super) struct Installed {
    /// The programs that were put into a folder of the user's.
    placed: Vec<(String, PathBuf)>,
    failures: Vec<Failure>,
}

impl Installed {
    /// Reports what did not succeed, and programs that are not found where they were put.
    pub(super) fn report(&self, terminal: &Terminal) {
        for failure in &self.failures {
            terminal.show_failure(failure);
        }
        terminal.warn(self.placed.iter().filter_map(|(tool, folder)| {
            let shown = folder.display().to_string();
            match find(tool) {
                Ok(path) if path.starts_with(folder) => None,
                Ok(path) => Some(format!(
                    "`{tool}` was put into {shown}, and {} comes before it in PATH: `export PATH={}:\"$PATH\"`",
                    path.display(),
                    shell_quoted(&shown)
                )),
                Err(_) => Some(format!(
                    "`{tool}` was put into {shown}, which is not in PATH: `export PATH={}:\"$PATH\"`",
                    shell_quoted(&shown)
                )),
            }
        }));
    }

    pub(super) fn code(&self) -> u8 {
        if self.failures.is_empty() { 0 } else { FailureKind::Prerequisite.exit_code() }
    }
}

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
    let can_ask = is_text && terminal.interactive && io::stdin().is_terminal();
    // A check may run a program that the file names, and so may a way.
    trust::require(terminal, project, trust::Ways { flag: args.trust, can_ask })?;
    let missing = missing(machine).await?;
    let can_be = missing.iter().filter(|missing| missing.plan.is_ok()).count();
    let mut shown = Vec::new();
    write_plan(&mut shown, &missing).map_err(|error| Failure::bug("writing to memory failed").source(&error))?;
    if is_text {
        terminal.print(|out| out.write_all(&shown))?;
    } else {
        terminal.note(String::from_utf8_lossy(&shown).lines().map(str::to_owned));
    }
    if can_be == 0 {
        return Ok(None);
    }
    if !args.yes {
        if !can_ask {
            return Err(Failure::of(ids::CONSENT_NEEDED, "nobody can be asked, and nothing was installed")
                .hint("to install what is shown: `provision doctor --install --yes`"));
        }
        if !trust::agrees(terminal, "install it?")? {
            terminal.print(|out| writeln!(out, "nothing was installed"))?;
            return Ok(None);
        }
    }
    Ok(Some(perform(machine, terminal, missing).await))
}

/// The programs that the pipeline declares a way for and that are missing or not of the right version.
async fn missing(machine: &Machine) -> Result<Vec<Missing>, Failure> {
    let host = Host::this().ok_or_else(|| {
        Failure::of(ids::INSTALL_FAILED, "the environment has no HOME, where programs of the user's are kept")
    })?;
    let mut missing: Vec<Missing> = Vec::new();
    for step in machine.steps() {
        let Binding::Now(action) = &step.binding else { continue };
        let Some((tool, ways)) = action.installation() else { continue };
        let Err(failure) = action.run(&machine.context(&step.id)).await else { continue };
        let helps = |id: ErrorId| id == ids::TOOL_MISSING || id == ids::TOOL_VERSION;
        if !failure.id.is_some_and(helps) || missing.iter().any(|other| other.tool == tool) {
            continue;
        }
        missing.push(Missing { tool: tool.to_owned(), why: failure.message, plan: ways.plan(tool, &host) });
    }
    Ok(missing)
}

fn write_plan(out: &mut dyn Write, missing: &[Missing]) -> io::Result<()> {
    if missing.is_empty() {
        return writeln!(out, "\nnothing to install: every program that the pipeline declares a way for is there");
    }
    for Missing { tool, why, plan } in missing {
        match plan {
            Ok(plan) => {
                writeln!(out, "\ninstalling {tool}: {why}")?;
                for work in &plan.works {
                    writeln!(out, "  {}", work.line())?;
                }
                writeln!(out, "  changes: {}", plan.changes)?;
            }
            Err(reason) => writeln!(out, "\n{tool} can't be installed here: {reason}")?,
        }
    }
    Ok(())
}

/// Does what was shown. A program that can't be installed does not keep the others from it.
async fn perform(machine: &Machine, terminal: &Terminal, missing: Vec<Missing>) -> Installed {
    let mut installed = Installed { placed: Vec::new(), failures: Vec::new() };
    'programs: for Missing { tool, plan, .. } in missing {
        let Ok(plan) = plan else { continue };
        for work in &plan.works {
            terminal.note([format!("installing {tool}: {}", work.line())]);
            if let Err(failure) = work.perform(machine.observer()).await {
                installed.failures.push(failure.while_doing(format!("installing `{tool}` failed")));
                continue 'programs;
            }
        }
        installed.placed.extend(plan.folder.map(|folder| (tool, folder)));
    }
    installed
}
