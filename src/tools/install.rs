//! How a program gets onto this machine: the ways that a pipeline declares, what the first of them that works here
//! would do, and doing it.

mod download;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::process::{Command, ProcessObserver, find, pause, shell_quoted};
use crate::error::{Failure, ids};
pub use download::Download;

/// Most that one command or download may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// How to install a program.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum Ways {
    /// A command line for a shell.
    Command(String),
    /// Ways, the best one first.
    List(Vec<Way>),
}

/// One way to install a program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A package of Debian or Ubuntu.
    Apt(String),
    /// A formula of Homebrew.
    Brew(String),
    /// A file of a server, with its SHA-256.
    Download(Download),
    /// A package of Go's with its version, such as `example.com/tool/cmd/tool@v1.2.0`.
    Go(String),
    /// A crate.
    Cargo(String),
    /// A package of Python.
    Pip(String),
    /// A package of Node.
    Npm(String),
}

impl<'de> Deserialize<'de> for Ways {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Ways;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command line, or a list such as `[{ apt = \"PACKAGE\" }]`")
            }
            fn visit_str<E>(self, command: &str) -> Result<Ways, E> {
                Ok(Ways::Command(command.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, ways: A) -> Result<Ways, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(ways)).map(Ways::List)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What decides which way works here.
#[derive(Clone, Debug)]
pub struct Host<'a> {
    /// Whether this user is root.
    pub is_root: bool,
    /// The user's folder for all that is not installed for everybody: `~/.local`.
    pub prefix: PathBuf,
    /// The machine's architecture: `x86_64`.
    pub arch: &'a str,
    /// Whether a program is in `PATH`.
    pub has: fn(&str) -> bool,
}

impl Host<'_> {
    /// This machine and this user; `None` without a home folder.
    pub fn this() -> Option<Self> {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
        Some(Self {
            is_root: rustix::process::geteuid().is_root(),
            prefix: Path::new(&home).join(".local"),
            arch: std::env::consts::ARCH,
            has: |program| which::which(program).is_ok(),
        })
    }

    fn bin(&self) -> PathBuf {
        self.prefix.join("bin")
    }
}

/// What installs a program here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is done, in this order.
    pub works: Vec<Work>,
    /// What that changes.
    pub changes: String,
    /// The folder of the user's into which the program is put; `None` where the package manager decides that.
    pub folder: Option<PathBuf>,
}

/// One command or download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A program with its arguments.
    Run(Vec<String>),
    /// A download to this path.
    Fetch(Download, PathBuf),
}

impl Ways {
    /// Fails with the reason if it can never work.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Self::Command(command) if command.trim().is_empty() => Err("`install` is empty".into()),
            Self::List(ways) if ways.is_empty() => Err("`install` is empty".into()),
            Self::Command(_) => Ok(()),
            Self::List(ways) => ways.iter().try_for_each(Way::validate),
        }
    }

    /// What installs `tool` here by the first way that works here; fails with the reason why none does.
    pub fn plan(&self, tool: &str, host: &Host<'_>) -> Result<Plan, String> {
        let ways = match self {
            Self::Command(command) => {
                let words = ["sh", "-e", "-c", command].map(str::to_owned).to_vec();
                let changes = "whatever that command changes".to_owned();
                return Ok(Plan { works: vec![Work::Run(words)], changes, folder: None });
            }
            Self::List(ways) => ways,
        };
        let mut reasons = Vec::new();
        for way in ways {
            match way.plan(tool, host) {
                Ok(plan) => return Ok(plan),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.join("; "))
    }
}

impl Way {
    fn validate(&self) -> Result<(), String> {
        let package = match self {
            Self::Download(download) => return download.validate(),
            Self::Go(package) if !package.contains('@') => {
                return Err(format!("`install`: `go` needs a version, such as `{package}@v1.0.0`"));
            }
            Self::Apt(package)
            | Self::Brew(package)
            | Self::Go(package)
            | Self::Cargo(package)
            | Self::Pip(package)
            | Self::Npm(package) => package,
        };
        if package.is_empty() || package.starts_with('-') || package.contains(char::is_whitespace) {
            return Err(format!("`install`: the name of a package can't be `{package}`"));
        }
        Ok(())
    }

    fn plan(&self, tool: &str, host: &Host<'_>) -> Result<Plan, String> {
        let need = |program: &str| {
            if (host.has)(program) { Ok(()) } else { Err(format!("`{program}` is not in PATH")) }
        };
        let (prefix, bin) = (host.prefix.display(), host.bin());
        let own = |line: &[&str]| Plan {
            works: vec![Work::run(line)],
            changes: format!("programs are put into {}", bin.display()),
            folder: Some(bin.clone()),
        };
        Ok(match self {
            Self::Apt(package) => {
                need("apt-get")?;
                let sudo: &[&str] = if host.is_root { &[] } else { &["sudo", "-n"] };
                if !host.is_root {
                    need("sudo")?;
                }
                let line =
                    |rest: &[&str]| Work::run(&[sudo, &["env", "DEBIAN_FRONTEND=noninteractive"], rest].concat());
                Plan {
                    works: vec![
                        line(&["apt-get", "update"]),
                        line(&["apt-get", "install", "-y", "--no-install-recommends", package]),
                    ],
                    changes: format!("the package {package} and what it needs, for all users of this machine"),
                    folder: None,
                }
            }
            Self::Brew(package) => {
                need("brew")?;
                let changes = format!("the formula {package} and what it needs, where Homebrew keeps them");
                Plan { works: vec![Work::run(&["brew", "install", package])], changes, folder: None }
            }
            Self::Download(download) => {
                download.fits(host.arch)?;
                let path = bin.join(tool);
                let is_there = path.symlink_metadata().is_ok();
                Plan {
                    changes: format!("{}{}", path.display(), if is_there { " is replaced" } else { "" }),
                    works: vec![Work::Fetch(download.clone(), path)],
                    folder: Some(bin),
                }
            }
            Self::Go(package) => {
                need("go")?;
                own(&["env", &format!("GOBIN={}", bin.display()), "go", "install", package])
            }
            Self::Cargo(package) => {
                need("cargo")?;
                own(&["cargo", "install", "--locked", "--root", &prefix.to_string(), package])
            }
            Self::Pip(package) if (host.has)("pipx") => {
                let folder = format!("PIPX_BIN_DIR={}", bin.display());
                own(&["env", &folder, "pipx", "install", "--force", package])
            }
            Self::Pip(package) => {
                need("python3")?;
                let folder = format!("PYTHONUSERBASE={prefix}");
                own(&["env", &folder, "python3", "-m", "pip", "install", "--user", "--upgrade", package])
            }
            Self::Npm(package) => {
                need("npm")?;
                own(&["npm", "install", "--global", "--prefix", &prefix.to_string(), package])
            }
        })
    }
}

impl Work {
    fn run(words: &[&str]) -> Self {
        Self::Run(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// The command as one would type it; of a download, what is fetched.
    pub fn line(&self) -> String {
        match self {
            Self::Run(words) => words.iter().map(|word| shell_quoted(word)).collect::<Vec<_>>().join(" "),
            Self::Fetch(download, path) => format!("download {download} to {}", path.display()),
        }
    }

    /// Does it. What a command prints last is part of its failure.
    pub async fn perform(&self, observer: &dyn ProcessObserver) -> Result<(), Failure> {
        let work = async {
            match self {
                Self::Fetch(download, path) => download.fetch(path, observer.cancel()).await,
                Self::Run(words) => {
                    let [program, args @ ..] = words.as_slice() else { return Ok(()) };
                    Command::new(find(program)?).args(args).check(observer).await.map(drop)
                }
            }
        };
        let failed = format!("`{}` failed", self.line());
        match pause::timeout(LIMIT, work).await {
            Some(Ok(())) => Ok(()),
            Some(Err(failure)) if matches!(self, Self::Fetch(..)) => Err(failure),
            Some(Err(failure)) => {
                Err(Failure::of(ids::INSTALL_FAILED, failed).cause(failure.to_string()).details(failure.details))
            }
            None => Err(Failure::of(ids::INSTALL_FAILED, failed)
                .cause(format!("it did not end within {} minutes and was stopped", LIMIT.as_secs() / 60))),
        }
    }
}

#[cfg(test)]
mod tests;
