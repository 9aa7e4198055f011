//! The command that was given, as the journal keeps it and as a person can type it again.

use crate::redact::Redactor;
use crate::tools::process::shell_quoted;

/// The options whose values may be called like an option.
const VALUED: &[&str] = &["--set", "--env", "--file", "-f", "--profile", "-p", "--directory", "-C", "--allow-context"];

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

fn in_earnest(args: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let (mut is_value, mut is_form) = (false, false);
    for arg in args {
        let goes = !is_value && (is_form || arg == "--dry-run" || arg == "--format" || arg.starts_with("--format="));
        is_form = !is_value && !is_form && arg == "--format";
        if !goes {
            is_value = !is_value && VALUED.contains(&arg.as_str());
            kept.push(arg.clone());
        }
    }
    kept
}

fn recorded_as(args: &[String]) -> String {
    command_line(args, |assignment| {
        let name = assignment.split('=').next().unwrap_or_default();
        format!("{name}=…")
    })
}

fn typed_again(args: &[String], redactor: &Redactor) -> String {
    // After `--` an option would be a name; no stage and no step begins with a `-`.
    let names_alone = args.iter().position(|arg| arg == "--");
    let without: Vec<String> = match names_alone {
        Some(at) if at > 0 && args[at - 1] != "--set" => [&args[..at], &args[at + 1..]].concat(),
        _ => args.to_vec(),
    };
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
    let mut words = vec!["provision".to_owned()];
    let mut assigns_next = false;
    for arg in args {
        let word = match arg.strip_prefix("--set=") {
            _ if assigns_next => shown(arg),
            Some(assignment) => format!("--set={}", shown(assignment)),
            None => arg.clone(),
        };
        // A value that is left out is not to be typed.
        words.push(if word.ends_with("=…") { word } else { shell_quoted(&word).into_owned() });
        assigns_next = !assigns_next && arg == "--set";
    }
    words.join(" ")
}

fn own_args() -> Vec<String> {
    std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let redactor = Redactor::default();
        redactor.register("a-secret-of-32-letters-a-secret-o");
        let given = args(&["up", "--set", "rev=a b", "--set=x=\"1\"", "--set", "--set", "a=1", "build.a"]);
        assert_eq!(
            typed_again(&given, &redactor),
            "provision up --set 'rev=a b' '--set=x=\"1\"' --set --set a=1 build.a"
        );
        assert_eq!(recorded_as(&given[..4]), "provision up --set rev=… --set=x=…");
        let secret = args(&["up", "--set", "token=a-secret-of-32-letters-a-secret-o"]);
        assert_eq!(typed_again(&secret, &redactor), "provision up --set token=VALUE");
    }

    #[test]
    fn what_a_trial_shows_can_be_done_where_it_was_tried() {
        let given = args(&["-C", "a", "down", "--dry-run", "-f", "b", "--format", "json", "-p", "c", "--format=text"]);
        assert_eq!(in_earnest(&given), args(&["-C", "a", "down", "-f", "b", "-p", "c"]));
        let names = args(&["down", "--env", "--dry-run", "--set", "--format", "--cluster"]);
        assert_eq!(in_earnest(&names), names);
    }

    #[test]
    fn an_option_can_follow_a_command_that_is_typed_again() {
        let redactor = Redactor::default();
        assert_eq!(typed_again(&args(&["up", "-q", "--", "s.a", "s.b"]), &redactor), "provision up -q s.a s.b");
        assert_eq!(typed_again(&args(&["up", "--set", "--", "s.a"]), &redactor), "provision up --set -- s.a");
    }
}
