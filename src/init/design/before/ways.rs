//! [`way`]: the command that makes what a Dockerfile copies, as the files of the repository show it.

use std::collections::BTreeSet;

use crate::files::glob_of;
use crate::init::design::survey::Survey;
use crate::init::images::ImageBuild;
use crate::init::java::{JavaBuild, JavaTool};
use crate::init::repository::{ancestors, folder_of, join};
use crate::tools::process::shell_quoted;

/// A command that makes files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The folder in which it runs.
    pub(super) place: String,
    /// What it writes there, as patterns.
    pub(super) made: Vec<String>,
    command: Command,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Command {
    Line(String),
    /// One of Maven, with the modules that it is for; `""` is the whole.
    Maven {
        program: String,
        modules: BTreeSet<String>,
    },
    /// One of Gradle, with its tasks.
    Gradle {
        program: String,
        tasks: BTreeSet<String>,
    },
}

impl Way {
    /// Whether one command does both.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let is_same = match (&self.command, &other.command) {
            (Command::Line(one), Command::Line(two))
            | (Command::Maven { program: one, .. }, Command::Maven { program: two, .. })
            | (Command::Gradle { program: one, .. }, Command::Gradle { program: two, .. }) => one == two,
            _ => false,
        };
        is_same && self.place == other.place
    }

    /// Lets the command do what another one does, which is like it.
    pub(super) fn add(&mut self, other: Self) {
        self.made.extend(other.made.into_iter().filter(|pattern| !self.made.contains(pattern)).collect::<Vec<_>>());
        match (&mut self.command, other.command) {
            (Command::Maven { modules: own, .. }, Command::Maven { modules: more, .. })
            | (Command::Gradle { tasks: own, .. }, Command::Gradle { tasks: more, .. }) => own.extend(more),
            _ => {}
        }
    }

    /// The command line.
    pub(super) fn line(&self) -> String {
        match &self.command {
            Command::Line(line) => line.clone(),
            Command::Maven { program, modules } if modules.contains("") => {
                format!("{program} -q -B package -DskipTests")
            }
            // With what they need of the others: nothing has to be installed for that.
            Command::Maven { program, modules } => {
                let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
                format!("{program} -q -B package -DskipTests -pl {} -am", shell_quoted(&modules.join(",")))
            }
            Command::Gradle { program, tasks } => {
                let tasks: Vec<_> = tasks.iter().map(|task| shell_quoted(task)).collect();
                format!("{program} -q {}", tasks.join(" "))
            }
        }
    }
}

/// Returns how `missing`, which a build copies, is made; `None` where nothing shows it.
pub(super) fn way(survey: &Survey, build: &ImageBuild, missing: &str) -> Option<Way> {
    let whole = join(&build.context, missing).unwrap_or_default();
    maker(survey, &whole).or_else(|| of_package(survey, &whole)).filter(|way| !reaches_outside(survey, way))
}

/// Whether the recipe that the command calls does more than to make files.
fn reaches_outside(survey: &Survey, way: &Way) -> bool {
    let line = way.line();
    survey.findings.makers.iter().any(|one| one.goes_out && one.folder == way.place && one.command == line)
}

/// What a recipe or a resource of another tool makes.
fn maker(survey: &Survey, whole: &str) -> Option<Way> {
    let found = survey.findings.makers.iter().filter(|maker| !maker.goes_out).filter_map(|maker| {
        let below = if maker.folder.is_empty() { whole } else { whole.strip_prefix(&format!("{}/", maker.folder))? };
        // A folder of which one file is made is there then.
        let is_in = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let is_made = |output: &String| below == output || is_in(below, output) || is_in(output, below);
        let way = || Way {
            place: maker.folder.clone(),
            made: vec![glob_of(below), format!("{}/**", glob_of(below))],
            command: Command::Line(maker.command.clone()),
        };
        maker.outputs.iter().any(is_made).then(|| (maker.lines, way()))
    });
    // The one that does the least besides.
    found.min_by_key(|(lines, _)| *lines).map(|(_, way)| way)
}

/// What the nearest package above makes in a folder that is called so.
fn of_package(survey: &Survey, whole: &str) -> Option<Way> {
    ancestors(folder_of(whole)).find_map(|place| {
        let below = whole.strip_prefix(place).unwrap_or(whole).trim_start_matches('/');
        let (output, rest) = below.split_once('/').unwrap_or((below, ""));
        let java = survey.findings.java.get(place).and_then(|java| of_java(java, output, rest));
        java.or_else(|| Some(of_line(place, output, of_cargo(survey, place, output, rest)?)))
            .or_else(|| Some(of_line(place, output, of_javascript(survey, place, output)?)))
    })
}

fn of_line(place: &str, output: &str, line: String) -> Way {
    Way { place: place.to_owned(), made: vec![format!("{}/**", glob_of(output))], command: Command::Line(line) }
}

/// What a build of Java makes in the folder `output` of a package.
fn of_java(java: &JavaBuild, output: &str, rest: &str) -> Option<Way> {
    let JavaBuild { tool, folder, program, module } = java;
    let (program, module) = (program.clone(), module.clone());
    let (made, command) = match (tool, output) {
        // What lies there is taken out of the archive by something else.
        (JavaTool::Maven, "target") if rest.starts_with("dependency/") => return None,
        (JavaTool::Maven, "target") => {
            (vec!["**/target/**".to_owned()], Command::Maven { program, modules: [module].into() })
        }
        (JavaTool::Gradle, "build") => {
            let task = match rest.split('/').next() {
                Some("install") => "installDist",
                Some("native") => "nativeCompile",
                _ => "assemble",
            };
            let task =
                if module.is_empty() { task.to_owned() } else { format!(":{}:{task}", module.replace('/', ":")) };
            let made = ["**/build/**", "**/.gradle/**"].map(str::to_owned).to_vec();
            (made, Command::Gradle { program, tasks: [task].into() })
        }
        _ => return None,
    };
    Some(Way { place: folder.clone(), made, command })
}

/// The command of Cargo that makes `target/release/…`, for a platform too.
fn of_cargo(survey: &Survey, place: &str, output: &str, rest: &str) -> Option<String> {
    if output != "target" || !has_package(survey, place, "Cargo.toml") {
        return None;
    }
    match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["release", ..] => Some("cargo build --release".to_owned()),
        [platform, "release", ..] if platform.contains('-') => {
            Some(format!("cargo build --release --target {}", shell_quoted(platform)))
        }
        _ => None,
    }
}

/// Folders that scripts called `build` write.
const OF_BUILD: [&str; 5] = ["dist", "build", ".next", ".output", "out"];

/// The commands by which packages of JavaScript are built, by the file with the versions of the nearest workspace.
const MANAGERS: &[(&str, &str)] = &[
    ("pnpm-lock.yaml", "pnpm install --frozen-lockfile && pnpm run build"),
    ("yarn.lock", "yarn install && yarn run build"),
    ("bun.lock", "bun install --frozen-lockfile && bun run build"),
    ("bun.lockb", "bun install --frozen-lockfile && bun run build"),
    ("package-lock.json", "npm ci && npm run build"),
];

fn of_javascript(survey: &Survey, place: &str, output: &str) -> Option<String> {
    let file = join(place, "package.json")?;
    let has_build = survey.findings.packages.iter().any(|package| package.file == file && package.has_build);
    if !has_build || !OF_BUILD.contains(&output) {
        return None;
    }
    let is_there =
        |folder: &str, file: &str| join(folder, file).is_some_and(|path| survey.findings.wrappers.contains(&path));
    let found = ancestors(place).find_map(|folder| MANAGERS.iter().find(|(file, _)| is_there(folder, file)));
    Some(found.map_or("npm install && npm run build", |(_, command)| *command).to_owned())
}

fn has_package(survey: &Survey, place: &str, file: &str) -> bool {
    join(place, file).is_some_and(|path| survey.findings.packages.iter().any(|package| package.file == path))
}
