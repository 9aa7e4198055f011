//! Creating and starting a container.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, NetworkingConfig, PortBinding};
use bollard::query_parameters::{CreateContainerOptions, StartContainerOptions};

use super::Docker;
use crate::error::Failure;

/// How often the daemon checks the health of a container that somebody waits for, whatever its image says.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// How often the health check may fail in a row: how long is waited is the caller's decision.
const HEALTH_RETRIES: i64 = 100_000;

/// How often something is started whose port the daemon chooses. It knows only the ports that it has given itself, so
/// its choice may be one that another program listens on; the next start gets another one.
pub const PORT_TRIES: u32 = 5;

/// The address of the daemon's machine that ports are published on.
const LOOPBACK: &str = "127.0.0.1";

/// A container to be created. Secrets may be in its environment: they reach the daemon in the body of a request, and
/// a user who may inspect the container can read them there.
#[derive(Clone, Debug)]
pub struct ContainerRequest<'a> {
    /// Its name.
    pub name: &'a str,
    /// A label.
    pub label: (&'a str, &'a str),
    /// The id of its image.
    pub image: &'a str,
    /// The arguments for its entry point; those of the image by default.
    pub command: Option<&'a [String]>,
    /// Its environment beside that of the image.
    pub env: Vec<(String, String)>,
    /// The network that it is in; the daemon's default one otherwise.
    pub network: Option<&'a str>,
    /// The name by which others in that network reach it.
    pub alias: Option<&'a str>,
    /// The TCP port that is published on a free port of the daemon's loopback address.
    pub port: Option<u16>,
    /// Its health check, a program with arguments; that of the image by default.
    pub health: Option<&'a [String]>,
}

impl Docker {
    /// Creates a container, which does not run yet.
    pub async fn create_container(&self, request: ContainerRequest<'_>) -> Result<(), Failure> {
        let name = request.name.to_owned();
        let options = CreateContainerOptions { name: Some(name.clone()), ..CreateContainerOptions::default() };
        let creating = self.client.create_container(Some(options), body(request));
        self.call(|| format!("creating the container `{name}`"), creating).await.map(drop)
    }

    /// Starts a container that was created.
    pub async fn start_container(&self, name: &str) -> Result<(), Failure> {
        let mut tries = 1;
        loop {
            let starting = self.client.start_container(name, None::<StartContainerOptions>);
            match self.call(|| format!("starting the container `{name}`"), starting).await {
                Err(failure) if tries < PORT_TRIES && chosen_port_is_taken(&failure, &[]) => tries += 1,
                result => return result,
            }
        }
    }
}

/// Returns whether `failure` says that a port is in use which the daemon has chosen: one that is not among `declared`.
pub fn chosen_port_is_taken(failure: &Failure, declared: &[u16]) -> bool {
    let texts = std::iter::once(&failure.message).chain(&failure.causes).chain(&failure.details);
    let names = |text: &str, port: u16| {
        let port = format!(":{port}");
        text.split(&port).skip(1).any(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    };
    let mut taken = texts.filter(|text| text.contains("address already in use"));
    taken.any(|text| !declared.iter().any(|port| names(text, *port)))
}

fn body(request: ContainerRequest<'_>) -> ContainerCreateBody {
    let port = request.port.map(|port| format!("{port}/tcp"));
    let binding = PortBinding { host_ip: Some(LOOPBACK.to_owned()), host_port: Some(String::new()) };
    let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).ok();
    ContainerCreateBody {
        image: Some(request.image.to_owned()),
        cmd: request.command.map(<[String]>::to_vec),
        env: Some(request.env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(HashMap::from([(request.label.0.to_owned(), request.label.1.to_owned())])),
        exposed_ports: port.clone().map(|port| vec![port]),
        // What is not set here the daemon takes from the image.
        healthcheck: Some(HealthConfig {
            test: request.health.map(|test| std::iter::once("CMD".to_owned()).chain(test.iter().cloned()).collect()),
            interval: nanoseconds(HEALTH_INTERVAL),
            start_interval: nanoseconds(HEALTH_INTERVAL),
            retries: Some(HEALTH_RETRIES),
            ..HealthConfig::default()
        }),
        host_config: Some(HostConfig {
            port_bindings: port.map(|port| HashMap::from([(port, Some(vec![binding]))])),
            network_mode: request.network.map(str::to_owned),
            ..HostConfig::default()
        }),
        networking_config: request.network.zip(request.alias).map(|(network, alias)| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                network.to_owned(),
                EndpointSettings { aliases: Some(vec![alias.to_owned()]), ..EndpointSettings::default() },
            )])),
        }),
        ..ContainerCreateBody::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_port_that_the_daemon_has_chosen_is_worth_another_start() {
        let said = "driver failed programming external connectivity on endpoint web-1 (82): Error starting userland proxy: \
                    listen tcp4 0.0.0.0:32777: bind: address already in use";
        let failure = Failure::failed("`docker compose up` ended with exit code 1").detail(said);
        for (declared, expected) in [(&[][..], true), (&[8080, 3277][..], true), (&[8080, 32777][..], false)] {
            assert_eq!(chosen_port_is_taken(&failure, declared), expected, "{declared:?}");
        }
        assert!(!chosen_port_is_taken(&Failure::failed("starting").cause("no such image"), &[]));
    }
}
