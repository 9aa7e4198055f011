//! The command that was given, as the journal keeps it and as a person can type it again.

use std::iter;
use std::path::PathBuf;

use super::args::Cli;
use crate::redact::Redactor;
use crate::tools::process::shell_quoted;

/// Returns the command as the journal keeps it: a value of `--set` may be one that should not be kept.
pub(super) fn recorded() -> String {
    recorded_as(&own_args())
}

/// Returns the command as a person can type it again, also with more options at its end. A value with a secret is left
/// out.
pub(super) fn again(redactor: &Redactor) -> String {
    typed_again(&own_args(), redactor)
}

/// The same without `--dry-run`, and without `--format`, which goes with it: what a trial shows is to be done without.
pub(super) fn again_in_earnest(redactor: &Redactor) -> String {
    typed_again(&in_earnest(&own_args()), redactor)
}

/// Returns the command with which the user allows a kube context, up to its name: the given one, if it has the option,
/// or `provision up` for the same pipeline and `profile`.
pub(super) fn allowing(cli: &Cli, profile: Option<&str>, redactor: &Redactor) -> String {
    let command = if cli.command.allowed_contexts().is_some() {
        again(redactor)
    } else {
        typed_again(&at_same_place(cli, profile), redactor)
    };
    format!("{command} --allow-context")
}

/// The arguments of `provision up` for the pipeline and the profile that `cli` names.
fn at_same_place(cli: &Cli, profile: Option<&str>) -> Vec<String> {
    let shown = |path: &PathBuf| path.display().to_string();
    let file = cli.command.file().or(cli.global.place.file.as_ref());
    let place =
        [("-C", cli.global.directory.as_ref().map(shown)), ("-f", file.map(shown)), ("-p", profile.map(str::to_owned))];
    let set = cli.global.set.iter().map(|(name, value)| ("--set", Some(format!("{name}={value}"))));
    let options = place.into_iter().chain(set).filter_map(|(option, value)| Some([option.to_owned(), value?]));
    options.flatten().chain(["up".to_owned()]).collect()
}

/// Returns the words of a command line, each with the one before it, which may be the option whose value it is: no
/// value begins with a `-`.
fn words(args: &[String]) -> impl Iterator<Item = (&str, &str)> {
    let words = args.iter().map(String::as_str);
    iter::once("").chain(words.clone()).zip(words)
}

fn in_earnest(args: &[String]) -> Vec<String> {
    let of_trial = |option: &str| option == "--format";
    let stays = |(before, word): &(&str, &str)| {
        let option = word.split('=').next().unwrap_or_default();
        !of_trial(before) && !of_trial(option) && option != "--dry-run"
    };
    words(args).filter(stays).map(|(_, word)| word.to_owned()).collect()
}

fn recorded_as(args: &[String]) -> String {
    command_line(args, |assignment| {
        let name = assignment.split('=').next().unwrap_or_default();
        format!("{name}=…")
    })
}

fn typed_again(args: &[String], redactor: &Redactor) -> String {
    // After `--` an option would be a name; no stage and no step begins with a `-`.
    let without: Vec<String> = args.iter().filter(|arg| *arg != "--").cloned().collect();
    command_line(&without, |assignment| {
        if redactor.text(assignment) == assignment {
            return assignment.to_owned();
        }
        let name = assignment.split('=').next().unwrap_or_default();
        format!("{name}=VALUE")
    })
}

/// Returns `provision` with `args`, quoted for a shell; `shown` changes what `--set` assigns.
fn command_line(args: &[String], shown: impl Fn(&str) -> String) -> String {
    let words = words(args).map(|(before, word)| match word.strip_prefix("--set=") {
        _ if before == "--set" => shown(word),
        Some(assignment) => format!("--set={}", shown(assignment)),
        None => word.to_owned(),
    });
    // A value that is left out is not to be typed.
    let quoted = words.map(|word| if word.ends_with("=…") { word } else { shell_quoted(&word).into_owned() });
    iter::once("provision".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

fn own_args() -> Vec<String> {
    std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn args(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let redactor = Redactor::default();
        redactor.register("a-secret-of-32-letters-a-secret-o");
        let given = args(&["up", "--set", "rev=a b", "--set=x=\"1\"", "build.a"]);
        assert_eq!(typed_again(&given, &redactor), "provision up --set 'rev=a b' '--set=x=\"1\"' build.a");
        assert_eq!(recorded_as(&given[..4]), "provision up --set rev=… --set=x=…");
        let secret = args(&["up", "--set", "token=a-secret-of-32-letters-a-secret-o"]);
        assert_eq!(typed_again(&secret, &redactor), "provision up --set token=VALUE");
    }

    #[test]
    fn what_a_trial_shows_can_be_done_where_it_was_tried() {
        let given = args(&["-C", "a", "down", "--dry-run", "-f", "b", "--format", "json", "-p", "c", "--format=text"]);
        assert_eq!(in_earnest(&given), args(&["-C", "a", "down", "-f", "b", "-p", "c"]));
        let assigned = args(&["down", "--set", "a=--dry-run", "--set=format=--format", "--cluster"]);
        assert_eq!(in_earnest(&assigned), assigned);
    }

    #[test]
    fn an_option_can_follow_a_command_that_is_typed_again() {
        let redactor = Redactor::default();
        assert_eq!(typed_again(&args(&["up", "-q", "--", "s.a", "s.b"]), &redactor), "provision up -q s.a s.b");
    }

    #[test]
    fn no_value_begins_as_an_option_does() {
        for given in ["up --set --", "up --set --set=a=1", "down --dry-run --format --dry-run", "-C --set up"] {
            let given = iter::once("provision").chain(given.split(' '));
            assert!(Cli::try_parse_from(given.clone()).is_err(), "{:?}", given.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_context_is_allowed_by_the_given_command_or_by_up_at_the_same_place() {
        let cli = |given: &str| Cli::try_parse_from(given.split(' ')).unwrap();
        let up = |given: &str, profile| typed_again(&at_same_place(&cli(given), profile), &Redactor::default());
        assert_eq!(up("provision plan a", None), "provision up");
        assert_eq!(
            up("provision -C a plan -f b.toml -p x --set y=1 --format json", Some("x")),
            "provision -C a -f b.toml -p x --set y=1 up"
        );
        let has_option = |given: &str| cli(given).command.allowed_contexts().is_some();
        for given in ["up", "stage a", "watch", "down", "down --dry-run"] {
            assert!(has_option(&format!("provision {given}")), "{given}");
        }
        assert!(!has_option("provision plan"));
    }
}
