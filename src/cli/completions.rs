//! `provision completions`: the script that makes a shell ask [`super::complete`].

use clap_complete::env::Shells;

use super::args::CompletionsArgs;
use super::complete::{PROGRAM, VARIABLE};
use super::output::Terminal;
use crate::error::{Failure, ids};

/// What bash gets besides, in its own words.
const BASH: &str = r#"# Bash splits words at `=` and `:` too, which COMP_WORDBREAKS has: `--profile=x` arrives as three. They are joined again before
# the program is asked, and what bash keeps of the last one is taken off the answers.
_provision() {
    local -a joined=() answers=()
    local line=$COMP_LINE kept="" index=0 piece answer n
    for ((n = 0; n < ${#COMP_WORDS[@]}; n++)); do
        piece=${COMP_WORDS[n]}
        if ((n == 0)) || [[ $line == [[:space:]]* || $line != "$piece"* ]]; then
            line=${line#"${line%%[![:space:]]*}"}
            joined+=("")
        fi
        line=${line#"$piece"}
        if ((n == COMP_CWORD)); then
            index=$((${#joined[@]} - 1))
            kept=${joined[index]}
            # Behind a separator, which is a word of its own, nothing is typed yet.
            if [[ -z $2 && $piece == [=:]* ]]; then
                kept+=$piece
            fi
            joined[index]=$kept$2
            break
        fi
        joined[${#joined[@]} - 1]+=$piece
    done
    local -a COMP_WORDS=("${joined[@]}" "${COMP_WORDS[@]:n + 1}")
    local COMP_CWORD=$index
    _clap_complete_provision "$1" "${joined[index]}" "$3"
    for answer in "${COMPREPLY[@]}"; do
        if [[ $answer == "$kept"* ]]; then
            answers+=("${answer#"$kept"}")
        fi
    done
    COMPREPLY=("${answers[@]}")
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o nospace -o bashdefault -o nosort -F _provision provision
fi
"#;

pub(super) fn completions(terminal: &Terminal, args: &CompletionsArgs) -> Result<u8, Failure> {
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell).ok_or_else(|| {
        Failure::of(ids::NAME_UNKNOWN, format!("there are no completions for the shell `{}`", args.shell))
    })?;
    terminal.print(|out| {
        shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, out)?;
        if shell.is("bash") { out.write_all(BASH.as_bytes()) } else { Ok(()) }
    })?;
    Ok(0)
}
