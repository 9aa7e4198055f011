//! [`Endpoint`]: where the daemon is, decided as the docker program decides it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Failure, ids};

/// Where Docker listens by default.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An address of a daemon, and what named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `unix:///var/run/docker.sock`, `tcp://10.0.0.2:2376`.
    pub host: String,
    /// What named it: "`DOCKER_HOST`", "the docker context `lab`".
    pub origin: String,
    /// The folder with `ca.pem`, `cert.pem` and `key.pem`, where the connection is encrypted.
    pub tls: Option<PathBuf>,
}

impl Endpoint {
    /// Decides where the daemon is, by this process's environment and the docker program's configuration.
    pub fn find() -> Result<Self, Failure> {
        DockerEnv::of_process().endpoint()
    }

    /// Whether it is where Docker listens by default.
    pub fn is_default(&self) -> bool {
        self.host.strip_prefix("unix://") == Some(DEFAULT_SOCKET)
    }

    /// Whether the daemon publishes ports on this machine, as far as its address tells: a socket, or an address of this
    /// machine.
    pub fn is_on_this_machine(&self) -> bool {
        let (scheme, rest) = self.host.split_once("://").unwrap_or(("unix", &self.host));
        let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host).trim_matches(['[', ']']);
        scheme == "unix"
            || host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Returns the variables that lead a child process to this daemon, whatever its docker context is.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        // An empty text switches encryption off also where the child inherits the variable.
        let verify = if self.tls.is_some() { "1" } else { "" };
        let mut variables = vec![("DOCKER_HOST", self.host.clone().into()), ("DOCKER_TLS_VERIFY", verify.into())];
        variables.extend(self.tls.as_ref().map(|folder| ("DOCKER_CERT_PATH", folder.clone().into_os_string())));
        variables
    }
}

/// The parts of the environment that decide where the daemon is.
#[derive(Clone, Debug, Default)]
struct DockerEnv {
    host: Option<String>,
    context: Option<String>,
    tls_verify: bool,
    cert_path: Option<PathBuf>,
    config: Option<PathBuf>,
    /// The usual sockets; the first that exists is taken.
    sockets: Vec<PathBuf>,
}

impl DockerEnv {
    /// Reads the environment of this process.
    fn of_process() -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = var("HOME").map(PathBuf::from);
        let mut sockets = vec![PathBuf::from(DEFAULT_SOCKET)];
        sockets.extend(var("XDG_RUNTIME_DIR").map(|dir| Path::new(&dir).join("docker.sock")));
        sockets.extend(home.as_ref().map(|home| home.join(".docker/run/docker.sock")));
        Self {
            host: var("DOCKER_HOST"),
            context: var("DOCKER_CONTEXT"),
            tls_verify: var("DOCKER_TLS_VERIFY").is_some(),
            cert_path: var("DOCKER_CERT_PATH").map(PathBuf::from),
            config: var("DOCKER_CONFIG").map(PathBuf::from).or_else(|| home.map(|home| home.join(".docker"))),
            sockets,
        }
    }

    /// Returns the daemon's address: `DOCKER_HOST`, else the current docker context, else the usual socket.
    fn endpoint(&self) -> Result<Endpoint, Failure> {
        if let Some(host) = &self.host {
            let tls = self.tls_verify.then(|| self.cert_path.clone().or_else(|| self.config.clone())).flatten();
            return Ok(Endpoint { host: host.clone(), origin: "`DOCKER_HOST`".into(), tls });
        }
        let current = match &self.context {
            Some(name) => Some((name.clone(), "`DOCKER_CONTEXT`")),
            None => self.current_context()?.map(|name| (name, "`docker context use`")),
        };
        if let Some((name, chosen_by)) = current.filter(|(name, _)| name != "default") {
            return self.context_endpoint(&name, chosen_by);
        }
        let there = self.sockets.iter().find(|socket| socket.exists());
        let socket = there.or(self.sockets.first()).map_or(Path::new(DEFAULT_SOCKET), PathBuf::as_path);
        Ok(Endpoint { host: format!("unix://{}", socket.display()), origin: "Docker's default".into(), tls: None })
    }

    fn current_context(&self) -> Result<Option<String>, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Config {
            current_context: Option<String>,
        }
        let Some(path) = self.config.as_ref().map(|dir| dir.join("config.json")) else {
            return Ok(None);
        };
        let Ok(text) = fs_err::read(&path) else { return Ok(None) };
        let config: Config = serde_json::from_slice(&text).map_err(|error| {
            Failure::of(ids::DOCKER_CONTEXT, format!("`{}` is not the docker program's configuration", path.display()))
                .source(&error)
                .hint(format!("correct or remove `{}`", path.display()))
        })?;
        Ok(config.current_context.filter(|name| !name.is_empty()))
    }

    /// A context is kept in a folder named after its hash; reading all of them is simpler than hashing.
    fn context_endpoint(&self, name: &str, chosen_by: &str) -> Result<Endpoint, Failure> {
        let contexts = self.config.clone().unwrap_or_default().join("contexts");
        let metas = fs_err::read_dir(contexts.join("meta")).into_iter().flatten().flatten();
        for folder in metas {
            let Ok(text) = fs_err::read(folder.path().join("meta.json")) else {
                continue;
            };
            let Ok(meta) = serde_json::from_slice::<Meta>(&text) else {
                continue;
            };
            if meta.name != name {
                continue;
            }
            if let Some(host) = meta.endpoints.docker.and_then(|docker| docker.host) {
                let tls = contexts.join("tls").join(folder.file_name()).join("docker");
                return Ok(Endpoint {
                    host,
                    origin: format!("the docker context `{name}`"),
                    tls: Some(tls).filter(|dir| dir.is_dir()),
                });
            }
        }
        Err(Failure::of(ids::DOCKER_CONTEXT, format!("there is no docker context `{name}`"))
            .cause(format!("{chosen_by} names it, and `{}` has none of that name", contexts.display()))
            .hint("docker context ls")
            .hint("docker context use default"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    host: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_behind_a_socket_or_a_loopback_address_is_on_this_machine() {
        for (host, is_here) in [
            ("unix:///var/run/docker.sock", true),
            ("tcp://127.0.0.1:2375", true),
            ("tcp://localhost:2375", true),
            ("tcp://[::1]:2375", true),
            ("tcp://10.0.0.2:2375", false),
            ("tcp://build.example:2376", false),
        ] {
            let endpoint = Endpoint { host: host.into(), origin: String::new(), tls: None };
            assert_eq!(endpoint.is_on_this_machine(), is_here, "{host}");
        }
    }

    fn docker_env(config: &Path) -> DockerEnv {
        DockerEnv {
            config: Some(config.to_owned()),
            sockets: vec!["/nowhere/a.sock".into(), "/dev/null".into()],
            ..DockerEnv::default()
        }
    }

    #[test]
    fn the_host_variable_comes_first_then_the_context_then_the_socket() {
        let dir = tempfile::tempdir().unwrap();
        let mut here = docker_env(dir.path());
        assert_eq!(here.endpoint().unwrap().host, "unix:///dev/null");

        let meta = dir.path().join("contexts/meta/abc");
        fs_err::create_dir_all(&meta).unwrap();
        fs_err::write(
            meta.join("meta.json"),
            r#"{"Name":"lab","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://10.0.0.2:2376","SkipTLSVerify":false}}}"#,
        )
        .unwrap();
        fs_err::create_dir_all(dir.path().join("contexts/tls/abc/docker")).unwrap();
        fs_err::write(dir.path().join("config.json"), r#"{"auths":{},"currentContext":"lab"}"#).unwrap();
        let endpoint = here.endpoint().unwrap();
        assert_eq!(endpoint.host, "tcp://10.0.0.2:2376");
        assert_eq!(endpoint.origin, "the docker context `lab`");
        let certificates = dir.path().join("contexts/tls/abc/docker");
        let expected: [(&str, OsString); 3] = [
            ("DOCKER_HOST", "tcp://10.0.0.2:2376".into()),
            ("DOCKER_TLS_VERIFY", "1".into()),
            ("DOCKER_CERT_PATH", certificates.into()),
        ];
        assert_eq!(endpoint.variables(), expected);

        here.context = Some("gone".into());
        let failure = here.endpoint().unwrap_err();
        assert_eq!(failure.message, "there is no docker context `gone`");
        here.context = Some("default".into());
        assert_eq!(here.endpoint().unwrap().host, "unix:///dev/null");

        here.host = Some("unix:///x.sock".into());
        assert_eq!(here.endpoint().unwrap().host, "unix:///x.sock");
    }
}
