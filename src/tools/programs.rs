//! Programs that steps call: how each reports its version, and where to get it.

use std::path::PathBuf;

use semver::Version;

use super::process::{self, Command, ProcessObserver};
use super::version::version_of;
use crate::error::{Failure, ids};

/// How the programs that don't know `--version` report it, or report it without asking anybody else.
const VERSION_ARGS: &[(&str, &[&str])] = &[
    ("minikube", &["version", "--short"]),
    ("kubectl", &["version", "--client"]),
    ("helm", &["version", "--short"]),
    ("kind", &["version"]),
    ("k3d", &["version"]),
    ("go", &["version"]),
    ("java", &["-version"]),
    ("openssl", &["version"]),
    ("terraform", &["version"]),
    ("docker compose", &["version", "--short"]),
    ("docker-compose", &["version", "--short"]),
];

/// Where to get the programs that pipelines need most.
const INSTALL_PAGES: &[(&str, &str)] = &[
    ("docker", "https://docs.docker.com/engine/install/"),
    ("docker compose", "https://docs.docker.com/compose/install/linux/"),
    ("minikube", "https://minikube.sigs.k8s.io/docs/start/"),
    ("kubectl", "https://kubernetes.io/docs/tasks/tools/"),
    ("helm", "https://helm.sh/docs/intro/install/"),
    ("kind", "https://kind.sigs.k8s.io/docs/user/quick-start/"),
    ("go", "https://go.dev/doc/install"),
    ("node", "https://nodejs.org/en/download"),
];

/// The programs that most pipelines call.
pub const COMMON: &[&str] = &["docker", "docker compose", "kubectl", "minikube", "helm", "git"];

/// A program that is installed and runs.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Where it is.
    pub path: PathBuf,
    /// Its version, if it reports one.
    pub version: Option<Version>,
    /// The command that was run.
    pub line: String,
    /// What that printed.
    pub text: String,
}

/// Asks a program for its version: the one in `PATH`, with the arguments `args` or those that are known for it. `name`
/// may have words after the program, as `docker compose` has. A program that is missing or does not run is a missing
/// prerequisite.
pub async fn ask(name: &str, args: Option<&[String]>, observer: &dyn ProcessObserver) -> Result<Installed, Failure> {
    let mut words = name.split(' ');
    let path = process::find(words.next().unwrap_or_default())?;
    let known = VERSION_ARGS.iter().find(|(program, _)| *program == name);
    let mut all: Vec<String> = words.map(str::to_owned).collect();
    match (args, known) {
        (Some(args), _) => all.extend(args.iter().cloned()),
        (None, Some((_, args))) => all.extend(args.iter().map(|arg| (*arg).to_owned())),
        (None, None) => all.push("--version".to_owned()),
    }
    let asked = Command::new(&path).args(&all).capture();
    let line = asked.display_line();
    let exit = asked.run(observer).await?;
    if !exit.status.success() {
        let failure = exit.failure(&line);
        let installed = format!("`{name}` is installed at `{}`, and does not run", path.display());
        return Err(Failure::of(ids::TOOL_VERSION, installed).cause(failure.message).details(failure.details));
    }
    // Some programs print it as an error.
    let text = format!("{}\n{}", String::from_utf8_lossy(&exit.stdout), exit.tail.join("\n"));
    Ok(Installed { version: version_of(name, &text), path, line, text })
}

/// Returns what a person does to get a program.
pub fn how_to_install(name: &str) -> String {
    match INSTALL_PAGES.iter().find(|(program, _)| *program == name) {
        Some((_, page)) => format!("install `{name}`: {page}"),
        None => format!("install `{name}` and run the same command again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::fake::FakeHost;

    #[tokio::test]
    async fn a_missing_program_is_a_missing_prerequisite() {
        let failure = ask("no-such-program-anywhere", None, &FakeHost::default()).await.unwrap_err();
        assert_eq!(failure.kind.exit_code(), 3);
        assert!(failure.message.contains("`no-such-program-anywhere` is not installed"), "{failure}");
    }

    #[tokio::test]
    async fn words_after_the_program_come_before_the_arguments() {
        let asked = ask("sh -c", Some(&["echo tool 1.2.3".to_owned()]), &FakeHost::default()).await.unwrap();
        assert_eq!(asked.version.map(|version| version.to_string()).as_deref(), Some("1.2.3"));
        let failure = ask("sh -c", Some(&["echo tool 1.2.3; exit 3".to_owned()]), &FakeHost::default()).await;
        assert!(failure.unwrap_err().message.contains("does not run"));
    }

    #[test]
    fn help_names_the_page_of_a_known_program() {
        assert_eq!(how_to_install("helm"), "install `helm`: https://helm.sh/docs/intro/install/");
        assert_eq!(how_to_install("x"), "install `x` and run the same command again");
    }
}
