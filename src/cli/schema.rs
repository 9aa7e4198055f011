//! `provision schema`: the JSON Schema of pipeline.toml.

use super::output::Terminal;
use crate::actions::ACTIONS;
use crate::cluster::PROVIDERS;
use crate::config;
use crate::error::Failure;

pub(super) fn schema(terminal: &Terminal) -> Result<u8, Failure> {
    let schema = config::schema(ACTIONS, PROVIDERS);
    terminal.print(|out| writeln!(out, "{schema:#}"))?;
    Ok(0)
}
