//! [`Services`]: how the services of a compose project are, and whether that is as it should be.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Failure, ids};
use crate::tools::Tools;
use crate::tools::docker::{Container, Docker, Health};
use crate::tools::process::pause::Stopwatch;

/// How long a service without a health check has to run without a restart: one that fails at once has ended by then.
const STEADY: Duration = Duration::from_secs(2);

/// How many of its last lines a failure shows of each service that is not up.
const LINES: usize = 12;

/// Of how many services at most.
const SHOWN: usize = 3;

/// The containers of a project at one moment.
#[derive(Debug)]
pub(super) struct Services {
    containers: Vec<Container>,
}

/// A service that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    service: String,
    /// What is wrong: "ended with exit code 1".
    what: String,
    /// Whether waiting can't help.
    is_final: bool,
    container: Option<String>,
}

/// What tells a service from one that has taken its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    service: String,
    /// The digest of its definition.
    digest: String,
    /// The name of its image.
    image: String,
    /// The id of its image.
    id: String,
}

/// Since when each container has been running as it does.
#[derive(Debug, Default)]
pub(super) struct Watch(BTreeMap<String, (String, i64, Stopwatch)>);

impl Watch {
    /// Whether `container` has been running for a while without a restart.
    fn is_steady(&mut self, container: &Container) -> bool {
        let now = (container.started_at.clone(), container.restarts);
        match self.0.get(&container.id) {
            Some((started_at, restarts, since)) if *started_at == now.0 && *restarts == now.1 => {
                since.elapsed() >= STEADY
            }
            _ => {
                self.0.insert(container.id.clone(), (now.0, now.1, Stopwatch::start()));
                false
            }
        }
    }
}

impl Services {
    /// These containers.
    pub(super) fn new(containers: Vec<Container>) -> Self {
        Self { containers }
    }

    /// The containers of `service`.
    pub(super) fn of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Container> {
        self.containers.iter().filter(move |container| container.service() == Some(service))
    }

    /// Returns what is wrong with the services of the project: `expected` have to be there, `completes` run to their
    /// end. With `watch` a service without a health check has to be steady.
    pub(super) fn problems(
        &self,
        expected: &[String],
        completes: &[String],
        mut watch: Option<&mut Watch>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for service in expected.iter().filter(|service| self.of(service).next().is_none()) {
            let what = "has no container".to_owned();
            problems.push(Problem { service: service.clone(), what, is_final: false, container: None });
        }
        for container in &self.containers {
            let Some(service) = container.service() else { continue };
            let watch = watch.as_deref_mut();
            if let Some((what, is_final)) = problem(container, completes.iter().any(|name| name == service), watch) {
                let (service, container) = (service.to_owned(), Some(container.name.clone()));
                problems.push(Problem { service, what, is_final, container });
            }
        }
        problems
    }

    /// One line for each service: its name and its state.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .containers
            .iter()
            .filter_map(|container| Some(format!("{} {}", container.service()?, container.words())))
            .collect();
        lines.sort();
        lines
    }

    /// What is to be found again by a probe.
    pub(super) fn identities(&self) -> Vec<Identity> {
        let mut all: Vec<Identity> = self
            .containers
            .iter()
            .filter_map(|container| {
                Some(Identity {
                    service: container.service()?.to_owned(),
                    digest: container.service_digest().unwrap_or_default().to_owned(),
                    image: container.image.clone(),
                    id: container.image_id.clone(),
                })
            })
            .collect();
        all.sort_by(|a, b| a.service.cmp(&b.service));
        all
    }

    /// The services with the first of their published ports.
    pub(super) fn published(&self) -> BTreeMap<&str, u16> {
        let port = |container: &'_ Container| container.ports.values().next().copied();
        self.containers.iter().filter_map(|container| Some((container.service()?, port(container)?))).collect()
    }
}

impl Identity {
    /// Writes all of them into a fact of the step's output: four words each.
    pub(super) fn to_text(all: &[Self]) -> String {
        let words = |one: &Self| format!("{} {} {} {}", one.service, one.digest, one.image, one.id);
        all.iter().map(words).collect::<Vec<_>>().join("\n")
    }

    /// Reads what [`Identity::to_text`] wrote.
    pub(super) fn of_text(text: &str) -> Option<Vec<Self>> {
        let read = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
            [service, digest, image, id] => Some(Self {
                service: service.to_owned(),
                digest: digest.to_owned(),
                image: image.to_owned(),
                id: id.to_owned(),
            }),
            _ => None,
        };
        text.lines().map(read).collect()
    }

    /// Returns how what is there `now` differs from what was there `then`.
    pub(super) fn difference(then: &[Self], now: &[Self]) -> Option<String> {
        for old in then {
            let service = &old.service;
            match now.iter().find(|new| new.service == *service) {
                None => return Some(format!("the service `{service}` has no container any more")),
                Some(new) if new.id != old.id => {
                    return Some(format!("the service `{service}` now has a different image"));
                }
                Some(new) if new.digest != old.digest => {
                    return Some(format!("the service `{service}` was started with another definition"));
                }
                Some(_) => {}
            }
        }
        (then.len() != now.len()).then(|| format!("there are {} containers, not {}", now.len(), then.len()))
    }

    /// Returns the first image whose name now leads to another one.
    pub(super) async fn other_image(all: &[Self], tools: &Tools) -> Result<Option<String>, Failure> {
        for Self { image, id, .. } in all {
            if let Some(found) = tools.image_id(image).await?
                && found != *id
            {
                return Ok(Some(format!("`{image}` now refers to a different image")));
            }
        }
        Ok(None)
    }
}

/// Returns what is wrong with a container, and whether waiting can't help.
fn problem(container: &Container, completes: bool, watch: Option<&mut Watch>) -> Option<(String, bool)> {
    let has_ended = !container.running && matches!(container.status.as_str(), "exited" | "dead");
    if completes {
        return match (has_ended, container.exit_code) {
            (true, 0) => None,
            (true, _) => Some((container.words(), true)),
            (false, _) => Some(("has not run to its end yet".to_owned(), false)),
        };
    }
    if has_ended {
        let hint = if container.exit_code == 0 { "; if it is meant to, name it in `completes`" } else { "" };
        return Some((format!("{}{hint}", container.words()), true));
    }
    if !container.running || container.status != "running" {
        return Some((format!("is {}", container.status), false));
    }
    match container.health {
        Health::Healthy => None,
        Health::Unchecked => {
            watch.is_some_and(|watch| !watch.is_steady(container)).then(|| ("has just been started".to_owned(), false))
        }
        Health::Starting | Health::Unhealthy => {
            let said = if container.health_output.is_empty() {
                String::new()
            } else {
                format!(": {}", container.health_output)
            };
            Some((format!("is {}{said}", container.words()), false))
        }
    }
}

/// Whether one of `problems` will not go away.
pub(super) fn are_final(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.is_final)
}

/// The failure that `problems` are, without the services' lines.
pub(super) fn failure(project: &str, problems: &[Problem]) -> Failure {
    let of = |problem: &Problem| format!("`{}` {}", problem.service, problem.what);
    let message = match problems {
        [only] => format!("the service {}", of(only)),
        _ => format!("{} services of the compose project `{project}` are not up", problems.len()),
    };
    let causes = if problems.len() == 1 { &[][..] } else { problems };
    causes.iter().fold(Failure::of(ids::COMPOSE_SERVICE_DOWN, message), |failure, problem| failure.cause(of(problem)))
}

/// The last lines of the services that are not as they should be; those that waiting can't help come first.
pub(super) async fn lines_of(docker: &Docker, problems: &[Problem]) -> Vec<String> {
    let mut shown: Vec<&Problem> = problems.iter().filter(|problem| problem.container.is_some()).collect();
    shown.sort_by_key(|problem| !problem.is_final);
    let mut lines = Vec::new();
    for problem in shown.into_iter().take(SHOWN) {
        if let Some(container) = &problem.container {
            lines.extend(docker.last_lines_of(&problem.service, container, LINES).await);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(service: &str, status: &str, health: Health, exit_code: i64) -> Container {
        Container {
            id: service.to_owned(),
            name: format!("p-{service}-1"),
            running: matches!(status, "running" | "restarting"),
            status: status.to_owned(),
            health,
            exit_code,
            labels: [("com.docker.compose.service".to_owned(), service.to_owned())].into(),
            ..Container::default()
        }
    }

    #[test]
    fn each_state_of_a_service_is_what_it_is() {
        use Health::{Healthy, Starting, Unchecked, Unhealthy};
        let (web, migrate) = ("web", "migrate");
        // Service, status, health, exit code; what is wrong with it, and for good.
        let cases = [
            (web, "running", Healthy, 0, None),
            (web, "running", Unchecked, 0, None),
            (web, "running", Starting, 0, Some(("health check has not passed yet", false))),
            (web, "running", Unhealthy, 0, Some(("is running (unhealthy)", false))),
            (web, "restarting", Unchecked, 1, Some(("is restarting", false))),
            (web, "created", Unchecked, 0, Some(("is created", false))),
            (web, "paused", Unchecked, 0, Some(("is paused", false))),
            (web, "exited", Unchecked, 1, Some(("ended with exit code 1", true))),
            (web, "exited", Unchecked, 0, Some(("name it in `completes`", true))),
            (migrate, "exited", Unchecked, 0, None),
            (migrate, "exited", Unchecked, 3, Some(("ended with exit code 3", true))),
            (migrate, "running", Unchecked, 0, Some(("has not run to its end yet", false))),
        ];
        for (service, status, health, code, expected) in cases {
            let services = Services::new(vec![container(service, status, health, code)]);
            let problems = services.problems(&[service.to_owned()], &[migrate.to_owned()], None);
            let found = problems.first().map(|problem| (problem.what.as_str(), problem.is_final));
            match (found, expected) {
                (None, None) => {}
                (Some((what, is_final)), Some((part, for_good))) => {
                    assert!(what.contains(part) && is_final == for_good, "{service} {status} {code}: {what}");
                }
                other => panic!("{service} {status} {health:?} {code}: {other:?}"),
            }
        }
        let none = Services::new(Vec::new()).problems(&[web.to_owned()], &[], None);
        assert_eq!(failure("p", &none).to_string(), "the service `web` has no container");
    }

    #[test]
    fn a_service_without_a_health_check_has_to_run_for_a_while() {
        let mut watch = Watch::default();
        let services = Services::new(vec![container("web", "running", Health::Unchecked, 0)]);
        let problems = services.problems(&[], &[], Some(&mut watch));
        assert_eq!(problems[0].what, "has just been started");
        assert!(!are_final(&problems));
        assert_eq!(services.problems(&[], &[], None), []);
    }

    #[test]
    fn what_has_taken_a_services_place_is_found() {
        let of = |service: &str, digest: &str, id: &str| Identity {
            service: service.into(),
            digest: digest.into(),
            image: "i".into(),
            id: id.into(),
        };
        let then = [of("a", "1", "x"), of("b", "1", "x")];
        for (now, part) in [
            (vec![of("a", "1", "x"), of("b", "1", "x")], None),
            (vec![of("a", "1", "x")], Some("`b` has no container")),
            (vec![of("a", "1", "y"), of("b", "1", "x")], Some("`a` now has a different image")),
            (vec![of("a", "2", "x"), of("b", "1", "x")], Some("`a` was started with another definition")),
            (vec![of("a", "1", "x"), of("b", "1", "x"), of("b", "1", "x")], Some("there are 3 containers, not 2")),
        ] {
            assert_eq!(Identity::of_text(&Identity::to_text(&now)).unwrap(), now);
            let found = Identity::difference(&then, &now);
            assert_eq!(found.is_some(), part.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().contains(part.unwrap_or_default()));
        }
    }
}
