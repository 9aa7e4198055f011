//! The reporter of a run and its theme, chosen once from the command line and the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::report::style::Theme;

/// `--output`: how a run is shown. Unlike [`Format`] it may leave the choice to the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputChoice {
    /// Depends on the terminal and the environment
    #[default]
    Auto,
    /// Rows that change in place
    Tty,
    /// A line per event
    Lines,
    /// A JSON object per event
    Json,
    /// Lines with groups and annotations for GitHub Actions
    Github,
}

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// See [`OutputChoice::Tty`].
    Tty,
    /// See [`OutputChoice::Lines`].
    Lines,
    /// See [`OutputChoice::Json`].
    Json,
    /// See [`OutputChoice::Github`].
    Github,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On terminals, unless the environment says otherwise
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// `-q`: failures and the summary.
    Quiet,
    /// Also the start and the end of each step.
    #[default]
    Normal,
    /// `-v`: also the output of steps.
    Verbose,
}

/// The environment variables that determine what the output can show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a variable of its own")]
pub(crate) struct Environment {
    /// `TERM`.
    pub(crate) term: Option<String>,
    /// Whether `CI` is set.
    pub(crate) ci: bool,
    /// Whether `GITHUB_ACTIONS` is `true`.
    pub(crate) github_actions: bool,
    /// Whether `NO_COLOR` is set.
    pub(crate) no_color: bool,
    /// Whether `CLICOLOR_FORCE` is set and not `0`.
    pub(crate) clicolor_force: bool,
    /// Whether `CLICOLOR` is `0`.
    pub(crate) clicolor_off: bool,
    /// Whether the terminal shows progress by `OSC 9 ; 4`.
    pub(crate) progress: bool,
    /// The file of `GITHUB_STEP_SUMMARY`.
    pub(crate) step_summary: Option<PathBuf>,
    /// The locale for characters: the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set.
    pub(crate) locale: Option<String>,
}

impl Environment {
    /// Reads the variables with `lookup`: `std::env::var_os`, except in tests.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let get = |name: &str| {
            lookup(name).filter(|value| !value.is_empty()).map(|value| value.to_string_lossy().into_owned())
        };
        Self {
            term: get("TERM"),
            ci: get("CI").is_some_and(|value| value != "false" && value != "0"),
            github_actions: get("GITHUB_ACTIONS").as_deref() == Some("true"),
            no_color: get("NO_COLOR").is_some(),
            clicolor_force: get("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            clicolor_off: get("CLICOLOR").as_deref() == Some("0"),
            progress: shows_progress(get),
            step_summary: get("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            locale: ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(get),
        }
    }

    /// Returns whether to show progress by sequences that only some terminals know.
    pub(crate) fn wants_progress(&self) -> bool {
        self.progress && self.has_cursor() && !self.no_color
    }

    /// Returns whether the terminal supports cursor movement.
    fn has_cursor(&self) -> bool {
        self.term.as_deref().is_some_and(|term| term != "dumb")
    }

    /// Returns whether the locale's encoding is UTF-8.
    fn is_unicode(&self) -> bool {
        self.locale.as_deref().is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
    }
}

/// Returns whether the terminal is one of those that show progress by `OSC 9 ; 4`. Others may take it for a message.
fn shows_progress(get: impl Fn(&str) -> Option<String>) -> bool {
    let program = get("TERM_PROGRAM").unwrap_or_default();
    // iTerm2 says what it can do since it can do that.
    let iterm = program == "iTerm.app" && get("TERM_FEATURES").is_some_and(|features| features.contains('P'));
    get("WT_SESSION").is_some()
        || get("ConEmuANSI").as_deref() == Some("ON")
        || matches!(program.as_str(), "WezTerm" | "ghostty")
        || iterm
}

impl OutputChoice {
    /// Returns the format: as chosen, except that rows in place need a terminal.
    pub(crate) fn resolve(self, is_terminal: bool, environment: &Environment) -> Format {
        let supports_rows = is_terminal && environment.has_cursor();
        match self {
            Self::Auto if environment.github_actions => Format::Github,
            Self::Auto if supports_rows && !environment.ci => Format::Tty,
            Self::Tty if supports_rows => Format::Tty,
            Self::Auto | Self::Tty | Self::Lines => Format::Lines,
            Self::Json => Format::Json,
            Self::Github => Format::Github,
        }
    }
}

impl ColorChoice {
    /// Returns the theme. The command line has priority over `NO_COLOR`, which has priority over `CLICOLOR_FORCE`.
    pub(crate) fn theme(self, is_terminal: bool, environment: &Environment) -> Theme {
        let color = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if environment.no_color => false,
            Self::Auto if environment.clicolor_force => true,
            Self::Auto if environment.clicolor_off => false,
            Self::Auto => environment.github_actions || is_terminal && environment.has_cursor(),
        };
        Theme {
            color,
            // The log viewer of GitHub is a web page, whatever the runner's locale says.
            unicode: environment.is_unicode() || environment.github_actions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables<'a> = &'a [(&'a str, &'a str)];

    fn environment(variables: Variables) -> Environment {
        Environment::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_format_depends_on_the_terminal_and_the_environment() {
        use Format::{Github, Json, Lines, Tty};
        const XTERM: (&str, &str) = ("TERM", "xterm");
        let cases: [(OutputChoice, bool, Variables, Format); 12] = [
            (OutputChoice::Auto, true, &[XTERM], Tty),
            (OutputChoice::Auto, false, &[XTERM], Lines),
            (OutputChoice::Auto, true, &[], Lines),
            (OutputChoice::Auto, true, &[("TERM", "dumb")], Lines),
            (OutputChoice::Auto, true, &[XTERM, ("CI", "true")], Lines),
            (OutputChoice::Auto, true, &[XTERM, ("CI", "false")], Tty),
            (OutputChoice::Auto, false, &[("GITHUB_ACTIONS", "true")], Github),
            (OutputChoice::Tty, true, &[XTERM, ("CI", "1")], Tty),
            (OutputChoice::Tty, false, &[XTERM], Lines),
            (OutputChoice::Lines, true, &[XTERM], Lines),
            (OutputChoice::Json, true, &[XTERM], Json),
            (OutputChoice::Github, true, &[XTERM], Github),
        ];
        for (choice, is_terminal, variables, format) in cases {
            let got = choice.resolve(is_terminal, &environment(variables));
            assert_eq!(got, format, "{choice:?} {is_terminal} {variables:?}");
        }
    }

    #[test]
    fn the_command_line_the_environment_and_the_terminal_decide_about_colours_in_this_order() {
        const XTERM: (&str, &str) = ("TERM", "xterm");
        let cases: [(ColorChoice, bool, Variables, bool); 10] = [
            (ColorChoice::Auto, true, &[XTERM], true),
            (ColorChoice::Auto, false, &[XTERM], false),
            (ColorChoice::Auto, true, &[("TERM", "dumb")], false),
            (ColorChoice::Auto, true, &[XTERM, ("NO_COLOR", "1")], false),
            (ColorChoice::Auto, true, &[XTERM, ("NO_COLOR", "")], true),
            (ColorChoice::Auto, true, &[XTERM, ("CLICOLOR", "0")], false),
            (ColorChoice::Auto, false, &[("CLICOLOR_FORCE", "1")], true),
            (ColorChoice::Auto, true, &[XTERM, ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
            (ColorChoice::Always, false, &[("NO_COLOR", "1")], true),
            (ColorChoice::Never, true, &[XTERM, ("CLICOLOR_FORCE", "1")], false),
        ];
        for (choice, is_terminal, variables, color) in cases {
            let theme = choice.theme(is_terminal, &environment(variables));
            assert_eq!(theme.color, color, "{choice:?} {is_terminal} {variables:?}");
        }
    }

    #[test]
    fn progress_is_shown_where_the_terminal_is_known_to_have_it() {
        const WEZTERM: (&str, &str) = ("TERM_PROGRAM", "WezTerm");
        const XTERM: (&str, &str) = ("TERM", "xterm");
        let cases: [(Variables, bool); 9] = [
            (&[XTERM, WEZTERM], true),
            (&[XTERM, ("WT_SESSION", "1")], true),
            (&[XTERM, ("ConEmuANSI", "ON")], true),
            (&[XTERM, ("TERM_PROGRAM", "iTerm.app"), ("TERM_FEATURES", "T3CwLrMP")], true),
            (&[XTERM, ("TERM_PROGRAM", "iTerm.app"), ("TERM_FEATURES", "T3CwLrM")], false),
            (&[XTERM, ("ConEmuANSI", "OFF")], false),
            (&[XTERM], false),
            (&[XTERM, WEZTERM, ("NO_COLOR", "1")], false),
            (&[WEZTERM, ("TERM", "dumb")], false),
        ];
        for (variables, wants) in cases {
            assert_eq!(environment(variables).wants_progress(), wants, "{variables:?}");
        }
    }

    #[test]
    fn symbols_beyond_ascii_need_a_utf_8_locale() {
        let cases: [(Variables, bool); 5] = [
            (&[("LANG", "en_GB.UTF-8")], true),
            (&[("LC_CTYPE", "C.utf8"), ("LANG", "C")], true),
            (&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")], false),
            (&[("LANG", "C")], false),
            (&[], false),
        ];
        for (variables, unicode) in cases {
            let theme = ColorChoice::Auto.theme(true, &environment(variables));
            assert_eq!(theme.unicode, unicode, "{variables:?}");
        }
    }
}
