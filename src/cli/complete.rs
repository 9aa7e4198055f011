//! Completes what is typed in the user's shell. The commands and options are clap's; the names of the pipeline are read
//! from its file as it is written, also while that has errors. No daemon, no cluster and no program is asked.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use fs_err as fs;
use toml::{Table, Value};

use super::args::Cli;
use crate::actions::ACTIONS;
use crate::config::checklist_ids;
use crate::error::ids;

/// The variable by which the script of `provision completions` says that the shell wants a completion.
pub(super) const VARIABLE: &str = "PROVISION_COMPLETE";

/// The name of the program in a shell.
pub(super) const PROGRAM: &str = "provision";

/// What completes an argument.
type Names = fn(&OsStr) -> Vec<CompletionCandidate>;

/// The arguments of all commands that stand for names, by their ids. `COMMAND.ID` is that of one command, where the id
/// has another meaning in others.
const NAMES: &[(&str, Names)] = &[
    ("select", |typed| matching(typed, stages_and_steps)),
    ("from", |typed| matching(typed, stages_and_steps)),
    ("until", |typed| matching(typed, stages_and_steps)),
    ("force", |typed| matching(typed, stages_and_steps)),
    ("step", |typed| matching(typed, steps)),
    ("what", |typed| matching(typed, steps)),
    ("id", |typed| matching(typed, stages)),
    ("profile", |typed| matching(typed, profiles)),
    ("set", |typed| matching(typed, variables)),
    ("env", |typed| matching(typed, |_| environments())),
    ("run", |typed| matching(typed, runs)),
    ("diff.from", |typed| matching(typed, compared_runs)),
    ("diff.to", |typed| matching(typed, compared_runs)),
    ("items", |typed| matching(typed, items)),
    ("error", |typed| matching(typed, |_| ids::all().map(|id| described(id.word(), id.page().title)).collect())),
    ("name", |typed| {
        matching(typed, |_| ACTIONS.iter().map(|action| described(action.name, action.summary)).collect())
    }),
];

/// Completes what the shell asks for; `None` if this is no call of the completion script.
pub(super) fn complete() -> Option<ExitCode> {
    std::env::var_os(VARIABLE)?;
    let folder = std::env::current_dir().ok();
    let completion = CompleteEnv::with_factory(command).var(VARIABLE).bin(PROGRAM);
    match completion.try_complete(std::env::args_os(), folder.as_deref()) {
        Ok(true) => Some(ExitCode::SUCCESS),
        Ok(false) => None,
        Err(error) => {
            drop(error.print());
            Some(ExitCode::from(2))
        }
    }
}

/// The command line with what completes its names.
fn command() -> Command {
    completing(Cli::command())
}

/// A command, and all below it, with what completes their names.
fn completing(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let named = |arg: Arg| match names_of(&name, arg.get_id().as_str()) {
        Some(names) => arg.add(ArgValueCompleter::new(names)),
        None => arg,
    };
    command.mut_args(named).mut_subcommands(completing)
}

/// What completes the argument `id` of a command.
fn names_of(command: &str, id: &str) -> Option<Names> {
    let of_command = |known: &str| known.split_once('.') == Some((command, id));
    let found = NAMES.iter().find(|(known, _)| of_command(known)).or(NAMES.iter().find(|(known, _)| *known == id));
    found.map(|(_, names)| *names)
}

/// A name, and what it stands for.
type Described = (String, Option<String>);

fn described(name: &str, about: &str) -> Described {
    (name.to_owned(), Some(about.to_owned()))
}

fn environments() -> Vec<Described> {
    let names = super::environments::names().into_iter();
    names.map(|(name, file)| (name, Some(file.display().to_string()))).collect()
}

/// Returns those of the pipeline's names that begin with what is typed.
fn matching(typed: &OsStr, names: impl Fn(&Written) -> Vec<Described>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let written = Written::of_command_line(&std::env::args_os().collect::<Vec<_>>()).unwrap_or_default();
    let candidates = names(&written).into_iter().filter(|(name, _)| name.starts_with(&*typed) && is_plain(name));
    let shown = |about: String| about.chars().filter(|c| !c.is_control()).collect::<String>().into();
    candidates.map(|(name, about)| CompletionCandidate::new(name).help(about.map(shown))).collect()
}

/// Whether a name means nothing to a shell: the file may be anybody's, and the shell puts the name on the command line.
fn is_plain(name: &str) -> bool {
    !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-:=".contains(c))
}

/// A pipeline's file as it is written, and its folder.
#[derive(Debug, Default)]
struct Written {
    file: Table,
    folder: PathBuf,
}

impl Written {
    /// Reads the file that the words of the command line name, or the nearest one.
    fn of_command_line(words: &[OsString]) -> Option<Self> {
        let mut folder = std::env::current_dir().ok()?;
        if let Some(other) = value_of(words, &["-C", "--directory"]) {
            folder = folder.join(other);
        }
        // In `logs`, `-f` has another meaning.
        let options: &[&str] = if words.iter().any(|word| word == "logs") { &["--file"] } else { &["-f", "--file"] };
        let file = match value_of(words, options) {
            Some(file) => folder.join(file),
            None => folder.ancestors().map(|folder| folder.join("pipeline.toml")).find(|file| file.is_file())?,
        };
        Self::read(&file)
    }

    fn read(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        Some(Self { file: text.parse().ok()?, folder: file.parent()?.to_owned() })
    }

    fn section(&self, name: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.file.get(name).and_then(Value::as_table).into_iter().flatten()
    }

    fn stages(&self) -> impl Iterator<Item = (&str, &Table)> {
        tables(&self.file, "stage").filter_map(|stage| Some((stage.get("id")?.as_str()?, stage)))
    }
}

/// Returns the value of an option, as it stands after it or with it.
fn value_of(words: &[OsString], options: &[&str]) -> Option<OsString> {
    let at = words.iter().position(|word| options.iter().any(|option| word == option));
    let joined = words.iter().filter_map(|word| word.to_str()).find_map(|word| {
        options.iter().find_map(|option| word.strip_prefix(option)?.strip_prefix('=').map(OsString::from))
    });
    at.and_then(|at| words.get(at + 1).cloned()).or(joined)
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> + use<'a> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn title(table: &Table) -> Option<String> {
    table.get("title")?.as_str().map(str::to_owned)
}

fn stages(written: &Written) -> Vec<Described> {
    written.stages().map(|(id, stage)| (id.to_owned(), title(stage))).collect()
}

fn steps(written: &Written) -> Vec<Described> {
    let of_stage = |(stage, table): (&str, &Table)| {
        let step = |step: &Table| Some((format!("{stage}.{}", step.get("id")?.as_str()?), title(step)));
        tables(table, "step").filter_map(step).collect::<Vec<_>>()
    };
    written.stages().flat_map(of_stage).collect()
}

fn stages_and_steps(written: &Written) -> Vec<Described> {
    [stages(written), steps(written)].concat()
}

fn profiles(written: &Written) -> Vec<Described> {
    written.section("profile").map(|(name, _)| (name.clone(), None)).collect()
}

/// The variables, ready for a value.
fn variables(written: &Written) -> Vec<Described> {
    written.section("vars").map(|(name, value)| (format!("{name}="), Some(value.to_string()))).collect()
}

/// The runs whose logs are there, the latest first.
fn runs(written: &Written) -> Vec<Described> {
    let folders = fs::read_dir(written.folder.join(".provision/logs")).into_iter().flatten().flatten();
    let mut runs: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    runs.sort_unstable_by(|a, b| b.cmp(a));
    runs.into_iter().map(|run| (run, None)).collect()
}

/// The runs, and the words that stand for the last two.
fn compared_runs(written: &Written) -> Vec<Described> {
    let words = [("latest", "the last run"), ("previous", "the one before it")].map(|(word, run)| described(word, run));
    [words.to_vec(), runs(written)].concat()
}

/// The items of the checklists that have ids.
fn items(written: &Written) -> Vec<Described> {
    let lists = written.file.get("pipeline").and_then(|section| section.get("checklists"));
    let of = |list: Option<&str>, file: &Value| {
        file.as_str().map(|file| checklist_ids(&written.folder.join(file), list)).unwrap_or_default()
    };
    let ids: Vec<String> = match lists {
        Some(Value::Array(files)) => files.iter().flat_map(|file| of(None, file)).collect(),
        Some(Value::Table(files)) => files.iter().flat_map(|(list, file)| of(Some(list), file)).collect(),
        _ => Vec::new(),
    };
    ids.into_iter().map(|id| (id, None)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPELINE: &str = r#"
[pipeline]
name = "shop"
checklists = { web = "tasks.md" }
[vars]
port = 1
[profile.local]
[[stage]]
id = "build"
title = "Build it"
[[stage.step]]
id = "api"
[[stage.step]]
id = "web"
title = "The page"
[[stage]]
"#;

    #[test]
    fn names_are_those_of_the_file_also_while_it_is_not_valid() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pipeline.toml");
        fs::write(&file, PIPELINE).unwrap();
        fs::write(dir.path().join("tasks.md"), "- [ ] T001 One\n- [x] T002 Two\n- [ ] no id\n").unwrap();
        fs::create_dir_all(dir.path().join(".provision/logs/20260101-000000-00000001")).unwrap();
        fs::create_dir_all(dir.path().join(".provision/logs/20260102-000000-00000002")).unwrap();
        let written = Written::read(&file).unwrap();
        let names =
            |of: fn(&Written) -> Vec<Described>| of(&written).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(stages_and_steps), ["build", "build.api", "build.web"]);
        assert_eq!(steps(&written)[1].1.as_deref(), Some("The page"));
        assert_eq!(names(profiles), ["local"]);
        assert_eq!(names(variables), ["port="]);
        assert_eq!(names(runs), ["20260102-000000-00000002", "20260101-000000-00000001"]);
        assert_eq!(names(items), ["web:T001", "web:T002"]);
    }

    #[test]
    fn a_name_that_a_shell_would_execute_is_none() {
        for (name, plain) in
            [("build.api", true), ("web:T001", true), ("port=", true), ("$(id)", false), ("a;b", false), ("-x", false)]
        {
            assert_eq!(is_plain(name), plain, "{name}");
        }
    }

    #[test]
    fn options_before_the_word_say_where_the_pipeline_is() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(value_of(&words("provision -C a up b"), &["-C", "--directory"]), Some("a".into()));
        assert_eq!(value_of(&words("provision --file=x.toml up"), &["-f", "--file"]), Some("x.toml".into()));
        assert_eq!(value_of(&words("provision up"), &["-f"]), None);
        assert_eq!(value_of(&words("provision -f"), &["-f"]), None);
    }

    #[test]
    fn every_id_of_the_table_is_an_argument_of_a_command() {
        fn ids(command: &Command) -> Vec<String> {
            let own = command.get_arguments().map(|arg| arg.get_id().to_string());
            let own = own.flat_map(|id| [format!("{}.{id}", command.get_name()), id]);
            own.chain(command.get_subcommands().flat_map(ids)).collect()
        }
        let ids = ids(&Cli::command());
        for (id, _) in NAMES {
            assert!(ids.iter().any(|known| known == id), "no command has an argument `{id}`");
        }
    }
}
