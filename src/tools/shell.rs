//! The shell that runs a script of a pipeline: one that stops at the first failure, also inside of a pipe.

mod lexer;
mod place;
mod script;

use std::process::Stdio;
use std::sync::{Arc, LazyLock};

use tokio::sync::OnceCell;

use super::Cancel;
use super::process::{self, ChildRegistry, Command};
use crate::error::{Failure, ids};

pub use lexer::{Lexer, script_argument};
pub use place::{Place, Refusal};
pub use script::Script;

/// The shell of POSIX; every system has it here.
const SH: &str = "/bin/sh";

/// Most characters of a script that a message shows.
const MAX_TITLE: usize = 80;

/// Why a script with a pipe is refused, and what helps.
const NO_PIPES: &str = "the script has a pipe, and no shell here reports a failure inside of one";
const NO_PIPES_FIX: &str = "install bash, or write the script without a pipe";

/// Returns what is wrong with a script that stands in the pipeline's file, and what helps, if [`command`] would refuse
/// it on this machine. `${{ … }}` of the file is no part of it.
#[expect(clippy::disallowed_methods, reason = "it ends at once, and nothing runs yet while the file is read")]
pub fn refusal(script: &str) -> Option<(&'static str, &'static str)> {
    static LACKS_PIPES: LazyLock<bool> = LazyLock::new(|| {
        let ask = || std::process::Command::new(SH).args(["-c", "set -o pipefail"]).stderr(Stdio::null()).status();
        process::find("bash").is_err() && !ask().is_ok_and(|status| status.success())
    });
    // Most scripts have none, and a pipeline may have thousands of them.
    if !has_pipe(script) {
        return None;
    }
    (has_pipe(&without_expressions(script)) && *LACKS_PIPES).then_some((NO_PIPES, NO_PIPES_FIX))
}

/// Returns `script` without its `${{ … }}`.
fn without_expressions(script: &str) -> String {
    let parts = script.split("${{").enumerate();
    parts.map(|(n, part)| if n == 0 { part } else { part.split_once("}}").map_or("", |(_, rest)| rest) }).collect()
}

/// Returns the command that runs `script`: `sh -e`, and with `pipefail` where the script has a pipe. `sh` of Debian and
/// Ubuntu does not know `pipefail`; there bash runs it, as close to POSIX as it goes.
///
/// # Errors
///
/// The script has a pipe, and there is no shell that reports a failure inside of one.
pub async fn command(script: &Script, children: &Arc<ChildRegistry>) -> Result<Command, Failure> {
    let shell = shell(script.text(), children).await?;
    let command = shell.arg("-c").arg(script.text()).titled(title(script.shown()));
    Ok(script.variables().fold(command, |command, (name, value)| command.env(name, value)))
}

/// Returns the shell for `script`, without it.
async fn shell(script: &str, children: &Arc<ChildRegistry>) -> Result<Command, Failure> {
    if !has_pipe(script) {
        return Ok(Command::new(SH).arg("-e"));
    }
    if sh_knows_pipefail(children).await {
        return Ok(Command::new(SH).args(["-e", "-o", "pipefail"]));
    }
    let bash = process::find("bash").map_err(|_| Failure::of(ids::TOOL_MISSING, NO_PIPES).hint(NO_PIPES_FIX))?;
    Ok(Command::new(bash).args(["--posix", "-e", "-o", "pipefail"]))
}

/// What a message calls a script: its first line, which says more than the shell's options before it.
fn title(script: &str) -> String {
    let script = script.trim();
    let line: String = script.lines().next().unwrap_or_default().chars().take(MAX_TITLE).collect();
    if line.len() < script.len() { format!("{} …", line.trim_end()) } else { line }
}

/// Whether a script may have a pipe. One in quotes counts too: the only difference is the shell that runs it.
fn has_pipe(script: &str) -> bool {
    // `||` is none, and of `|||` the last one is.
    script.contains('|') && script.replace("||", "").contains('|')
}

async fn sh_knows_pipefail(children: &Arc<ChildRegistry>) -> bool {
    static KNOWN: OnceCell<bool> = OnceCell::const_new();
    KNOWN
        .get_or_init(async || {
            let ask = Command::new(SH).args(["-c", "set -o pipefail"]);
            process::capture(ask, &Cancel::new(), children).await.is_some()
        })
        .await
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::fake::FakeHost;

    #[test]
    fn alternatives_are_no_pipes() {
        for (script, pipe) in
            [("a | b", true), ("a || b", false), ("a || b | c", true), ("echo 'a|b'", true), ("a", false)]
        {
            assert_eq!(has_pipe(script), pipe, "{script}");
        }
    }

    #[test]
    fn what_an_expression_stands_between_is_judged_without_it() {
        for (script, pipe) in [
            ("${{ a || b }} c", false),
            ("a ${{ b }} | c", true),
            ("a |${{ b }}| c", false),
            ("a ||${{ b }}|| c", false),
            ("a", false),
        ] {
            assert_eq!(has_pipe(&without_expressions(script)), pipe, "{script}");
            // What asks first whether there is any pipe at all misses none.
            assert!(has_pipe(script) || !pipe, "{script}");
        }
    }

    #[test]
    fn a_script_is_called_by_its_first_line() {
        let long = "x".repeat(100);
        let cases = [
            ("make", "make"),
            ("\n  make a\n  make b\n", "make a …"),
            (long.as_str(), &format!("{} …", "x".repeat(80))),
            ("", ""),
        ];
        for (script, name) in cases {
            assert_eq!(title(script), name, "{script:?}");
        }
    }

    #[tokio::test]
    async fn a_script_fails_with_its_first_failing_command_wherever_it_stands() {
        let cases = [
            ("false; echo went on", false),
            ("false | cat", false),
            ("true | cat", true),
            ("false || true", true),
            ("if false; then true; fi; echo | cat", true),
            ("exit 3", false),
            ("printf 'a\\nb\\n' | grep b", true),
        ];
        for (script, succeeds) in cases {
            let script = Script::new(script);
            let exit = command(&script, &Arc::default()).await.unwrap().run(&FakeHost::default()).await.unwrap();
            assert_eq!(exit.status.success(), succeeds, "{script:?}");
        }
    }
}
