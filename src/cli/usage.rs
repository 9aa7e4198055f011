//! A command line that is not valid: clap says so to people, and a program that reads the events gets it as one object.

use std::io;

use clap::CommandFactory;

use super::args::Cli;
use super::output::Terminal;
use crate::error::{Failure, FailureKind};
use crate::report::{ColorChoice, write_json_error};

/// Says what is wrong with the command line, or prints the help that was asked for. Returns the exit code.
pub(super) fn answer(error: &clap::Error) -> u8 {
    // Help and version arrive here as well, and are no errors.
    if !error.use_stderr() {
        let terminal = Terminal::new(ColorChoice::default());
        return match terminal.print(|_| error.print()) {
            Ok(()) => 0,
            Err(failure) => {
                terminal.show_failure(&failure);
                failure.kind.exit_code()
            }
        };
    }
    drop(error.print());
    let words: Vec<String> = std::env::args().skip(1).collect();
    if wants_events(&words) {
        let failure = failure(&error.render().to_string());
        // There is no other place to say that standard output can't be written to.
        drop(write_json_error(&mut io::stdout().lock(), &failure));
    }
    2
}

/// Whether the words are those of a command whose events a program reads: they can't be parsed, so they are read as
/// they stand.
fn wants_events(words: &[String]) -> bool {
    let has_events = |word: &String| {
        let command = Cli::command();
        let found = command.get_subcommands().find(|command| command.get_name() == word);
        found.is_some_and(|command| command.get_arguments().any(|arg| arg.get_id() == "output" && is_choice(arg)))
    };
    let says_json = words.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json")
        || words.iter().any(|word| word == "--output=json");
    says_json && words.iter().any(has_events)
}

/// Whether an option takes one of several forms; that of `report` takes a file.
fn is_choice(arg: &clap::Arg) -> bool {
    arg.get_possible_values().iter().any(|value| value.get_name() == "json")
}

/// Returns what clap says as a failure: its first block is the message, its tips and the usage are what helps.
fn failure(text: &str) -> Failure {
    let joined = |block: &str| block.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let mut blocks = text.trim().split("\n\n");
    let message = joined(blocks.next().unwrap_or_default());
    let failure = Failure::new(FailureKind::Usage, message.trim_start_matches("error: "));
    let said = blocks.flat_map(|block| if block.starts_with("Usage:") { vec![block] } else { block.lines().collect() });
    said.map(|said| joined(said).trim_start_matches("tip: ").to_owned()).fold(failure, Failure::hint)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn refused(words: &str) -> Failure {
        let error = Cli::try_parse_from(words.split(' ')).unwrap_err();
        failure(&error.render().to_string())
    }

    #[test]
    fn what_is_wrong_is_the_message_and_what_helps_are_hints() {
        let wrong = refused("provision up --jobs x");
        assert_eq!(wrong.message, "invalid value 'x' for '--jobs <N>': invalid digit found in string");
        let none = refused("provision up --jobs 0");
        assert_eq!(none.message, "invalid value '0' for '--jobs <N>': it has to be at least 1");
        assert_eq!(wrong.hints, ["For more information, try '--help'."]);
        let wrong = refused("provision up --job 3");
        assert_eq!(wrong.message, "unexpected argument '--job' found");
        assert_eq!(wrong.hints[0], "a similar argument exists: '--jobs'");
        let wrong = refused("provision stage");
        assert_eq!(wrong.message, "the following required arguments were not provided: <ID>");
        assert!(wrong.hints[0].starts_with("Usage: provision stage"), "{wrong:?}");
        assert_eq!(wrong.error_id().word(), "usage");
    }

    #[test]
    fn events_are_wanted_where_the_command_has_them_and_the_option_says_json() {
        for (words, wants) in [
            ("up --output json --jobs x", true),
            ("-C folder stage --output=json", true),
            ("watch --output json --nonsense", true),
            ("up --output lines --jobs x", false),
            ("up --jobs x", false),
            ("report --output json --nonsense", false),
            ("plan --format json --nonsense", false),
        ] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            assert_eq!(wants_events(&words), wants, "{words:?}");
        }
    }
}
