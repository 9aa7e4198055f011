//! Docker Compose: its program, and what its projects are called.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::checkout::{DIGITS, checkout_id};
use super::docker::Endpoint;
use super::process::{self, Cancel, ChildRegistry, Command};
use crate::error::{Failure, ids};

/// How long the docker program may take to say whether it has the plugin; on a busy machine it takes some seconds.
const FIND: Duration = Duration::from_secs(30);

/// What the name of a project that goes with its step ends with.
pub const TEMPORARY: &str = "once";

/// The compose program: the plugin of the docker program, or the older one of its own.
#[derive(Clone, Debug)]
pub struct Compose {
    program: PathBuf,
    is_plugin: bool,
}

/// What a call of the program is about.
#[derive(Clone, Debug)]
pub struct Project<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its files; paths in them start at the folder of the first one.
    pub files: &'a [PathBuf],
    /// The profiles of the files that are turned on.
    pub profiles: &'a [String],
    /// Variables for the program, and so for `${…}` in the files. The way for secrets: no other process sees them.
    pub env: &'a [(String, String)],
    /// The daemon.
    pub endpoint: &'a Endpoint,
}

impl Compose {
    /// Finds the program: the plugin first.
    pub async fn find(cancel: &Cancel, children: &Arc<ChildRegistry>) -> Result<Self, Failure> {
        if let Ok(docker) = process::find("docker") {
            let asked = Command::new(&docker).args(["compose", "version"]);
            if process::capture_within(FIND, asked, cancel, children).await.is_some() {
                return Ok(Self { program: docker, is_plugin: true });
            }
        }
        let own = process::find("docker-compose").map_err(|_| {
            Failure::of(ids::COMPOSE_MISSING, "Docker Compose is not installed")
                .cause("the docker program has no plugin `compose`, and there is no `docker-compose` in PATH")
                .hint("install the plugin: https://docs.docker.com/compose/install/linux/")
        })?;
        Ok(Self { program: own, is_plugin: false })
    }

    /// The program as a person types it.
    pub fn typed(&self) -> &'static str {
        if self.is_plugin { "docker compose" } else { "docker-compose" }
    }

    /// The program that this machine has, as a person types it; to be asked once for all projects.
    pub async fn typed_here(cancel: &Cancel, children: &Arc<ChildRegistry>) -> &'static str {
        Self::find(cancel, children).await.map_or("docker compose", |compose| compose.typed())
    }

    /// The command `args` for `project`.
    pub fn command(&self, project: &Project<'_>, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        if self.is_plugin {
            command = command.arg("compose");
        }
        command = command.args(["--ansi", "never", "-p", project.name]);
        if let Some(folder) = project.files.first().and_then(|file| file.parent()) {
            command = command.arg("--project-directory").arg(folder);
        }
        for file in project.files {
            command = command.arg("-f").arg(file);
        }
        for (name, value) in project.endpoint.variables() {
            command = command.env(name, value);
        }
        // What the environment of the user turns on is no part of the pipeline.
        command = command.env("COMPOSE_PROFILES", project.profiles.join(","));
        for (name, value) in project.env {
            command = command.env(name, value);
        }
        command.args(args).titled(format!("docker compose {}", args.join(" ")))
    }
}

/// Returns what a person types to take a project down with its volumes, with the program `typed`.
pub fn typed_removal(typed: &str, project: &str) -> String {
    format!("{typed} -p {project} down -v")
}

/// Returns the name of the project of a pipeline in this checkout: no other checkout and no other pipeline has it.
/// `name` tells several projects of a pipeline apart.
pub fn project_name(pipeline: &str, state_dir: &Path, name: Option<&str>) -> Result<String, Failure> {
    let id = checkout_id(state_dir).ok_or_else(|| {
        Failure::failed("naming the compose project failed").cause("the state folder can't be resolved")
    })?;
    let name = name.map(|name| format!("-{name}")).unwrap_or_default();
    Ok(format!("{pipeline}-{}{name}", &id[..DIGITS]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_project_files_daemon_and_profiles_and_no_secret() {
        let compose = Compose { program: "/bin/docker".into(), is_plugin: true };
        let endpoint = Endpoint { host: "unix:///d.sock".into(), origin: String::new(), tls: None };
        let files = ["/p/a/compose.yml".into(), "/p/b.yml".into()];
        let env = [("PW".to_owned(), "hunter2".to_owned())];
        let profiles = ["dev".to_owned(), "db".to_owned()];
        let project = Project { name: "x", files: &files, profiles: &profiles, env: &env, endpoint: &endpoint };
        let text = format!("{:?}", compose.command(&project, &["up", "-d"]));
        for part in [
            r#"["compose", "--ansi", "never", "-p", "x", "--project-directory", "/p/a", "-f", "/p/a/compose.yml", "-f", "/p/b.yml", "up", "-d"]"#,
            r#"("DOCKER_HOST", "unix:///d.sock")"#,
            r#"("COMPOSE_PROFILES", "dev,db")"#,
            r#"("PW", "hunter2")"#,
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let own = Compose { program: "/bin/docker-compose".into(), is_plugin: false };
        let text = format!("{:?}", own.command(&project, &["ps"]));
        assert!(text.contains(r#"["--ansi", "never", "-p", "x""#), "{text}");
        assert_eq!((compose.typed(), own.typed()), ("docker compose", "docker-compose"));
        assert_eq!(own.command(&project, &["ps"]).display_line(), "docker compose ps");
    }

    #[test]
    fn a_project_has_a_name_of_its_own_in_each_checkout() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = project_name("todo", a.path(), None).unwrap();
        assert_eq!(name, project_name("todo", a.path(), None).unwrap());
        assert!(name.starts_with("todo-") && name.len() == "todo-".len() + DIGITS, "{name}");
        assert_ne!(name, project_name("todo", b.path(), None).unwrap());
        assert_eq!(project_name("todo", a.path(), Some("e2e")).unwrap(), format!("{name}-e2e"));
    }
}
