//! [`Exercise`]: the containers of one run of `container-run`, from the first start to the last removal.

use std::time::Duration;

use super::{ContainerRun, Part};
use crate::action::{PublishedPort, StepContext};
use crate::error::{Failure, ids};
use crate::model::{Output, Progress};
use crate::tools::Poll;
use crate::tools::docker::{Container, ContainerRequest, Docker, Health, TemporaryName};
use crate::tools::http::Response;
use crate::tools::process::ProcessObserver;
use crate::tools::process::pause::Stopwatch;

/// The pause between two probes of a container.
const INTERVAL: Duration = Duration::from_millis(200);

/// How many of a container's last lines a failure shows.
const LINES: usize = 20;

/// The exit code of a program that the signal `SIGTERM` has ended.
const TERMINATED: i64 = 143;

/// The exit code of a program that was killed.
const KILLED: i64 = 137;

/// What has been started and is to be removed.
pub(super) struct Exercise<'a> {
    cx: &'a StepContext,
    docker: &'a Docker,
    within: Duration,
    containers: Vec<TemporaryName>,
    network: Option<TemporaryName>,
}

impl<'a> Exercise<'a> {
    /// Nothing has been started.
    pub(super) fn new(cx: &'a StepContext, docker: &'a Docker, within: Duration) -> Self {
        Self { cx, docker, within, containers: Vec::new(), network: None }
    }

    /// Starts everything, waits until it is as it should be, and stops it if that is to be checked.
    pub(super) async fn run(&mut self, settings: &ContainerRun) -> Result<Output, Failure> {
        let network = self.network(settings).await?;
        for companion in settings.companions() {
            let (name, _) = Box::pin(self.start(companion, network.as_deref(), Some(companion.name))).await?;
            Box::pin(self.until_ready(companion, &name)).await?;
        }
        let main = settings.main();
        let began = Stopwatch::start();
        let (name, id) = Box::pin(self.start(main, network.as_deref(), None)).await?;
        let (container, response) = Box::pin(self.until_it_answers(settings, main, &name)).await?;
        let ready = began.elapsed();
        let mut output =
            Output::new().with("image", &settings.image).with("id", id).with("ready-ms", ready.as_millis().to_string());
        if let Some(response) = response {
            output = output.with("status", response.status.to_string());
        }
        if container.health == Health::Healthy {
            output = output.with("health", "healthy");
        }
        self.cx.line(&format!("`{}` is ready after {:.1} s", settings.image, ready.as_secs_f64()));
        match settings.stops_within {
            Some(limit) => self.stop_in_order(main, &name, limit.0, output).await,
            None => Ok(output),
        }
    }

    /// Makes the network that the containers share, unless they are to be in another one or there is only one of them.
    async fn network(&mut self, settings: &ContainerRun) -> Result<Option<String>, Failure> {
        if settings.network.is_some() || settings.with.is_empty() {
            return Ok(settings.network.clone());
        }
        let name = TemporaryName::new(self.cx.name_owner().as_ref());
        // On the list first: the daemon may make it although the request fails.
        let name = self.network.insert(name);
        let making = self.docker.create_network(name.as_str(), name.label());
        self.cx.unless_killed("creating the network", making).await?;
        Ok(Some(name.as_str().to_owned()))
    }

    /// Starts a container. Returns its name and the id of its image.
    async fn start(
        &mut self,
        part: Part<'_>,
        network: Option<&str>,
        alias: Option<&str>,
    ) -> Result<(String, String), Failure> {
        let (cx, docker) = (self.cx, self.docker);
        let pulling = || cx.line(&format!("the Docker daemon lacks `{}`: pulling it", part.image));
        let what = format!("starting `{}`", part.name);
        let image = cx.unless_cancelled(&what, docker.image_or_pull(part.image, pulling)).await?;
        let mut env = Vec::new();
        for (variable, text) in part.env {
            env.push((variable.clone(), cx.tools().secrets().fill(text)?));
        }
        let name = TemporaryName::new(cx.name_owner().as_ref());
        self.containers.push(name.clone());
        let request = ContainerRequest {
            name: name.as_str(),
            label: name.label(),
            image: &image.id,
            command: part.command,
            env,
            network,
            alias,
            port: part.port,
            health: part.health,
        };
        cx.progress(Progress::items(0, None, what.clone()));
        let starting = async {
            Box::pin(cx.unless_killed(&what, docker.create_container(request))).await?;
            cx.unless_cancelled(&what, docker.start_container(name.as_str())).await
        };
        starting.await.map_err(|failure| failure.while_doing(&what))?;
        Ok((name.as_str().to_owned(), image.id))
    }

    /// The container as it is now; fails if it does not run any more, or its health check has failed for good.
    async fn look(&self, part: Part<'_>, name: &str) -> Result<Container, Failure> {
        let Some(container) = self.docker.container(name).await? else {
            return Err(Failure::of(ids::CONTAINER_NOT_WORKING, format!("the container of `{}` is gone", part.name))
                .cause("somebody else has removed it"));
        };
        if container.running && container.health != Health::Unhealthy {
            return Ok(container);
        }
        let mut failure =
            Failure::of(ids::CONTAINER_NOT_WORKING, format!("the container of `{}` {}", part.name, verb(&container)));
        if !container.error.is_empty() {
            failure = failure.cause(&container.error);
        }
        Err(failure)
    }

    /// Waits until a companion passes its health check, or runs if it has none.
    async fn until_ready(&self, part: Part<'_>, name: &str) -> Result<(), Failure> {
        let what = format!("waiting for `{}`", part.name);
        let poll = Poll::new(self.cx.cancel(), Some(self.within), INTERVAL, &what);
        loop {
            let found = match poll.check(self.look(part, name)).await {
                Ok(found) => found,
                Err(failure) => return Err(self.with_lines(failure, part, name).await),
            };
            if found.health != Health::Starting {
                return Ok(());
            }
            if let Err(failure) = poll.next(Self::not_healthy(part, &found)).await {
                return Err(self.with_lines(failure, part, name).await);
            }
        }
    }

    /// Waits until the image's container is healthy and answers as expected.
    async fn until_it_answers(
        &self,
        settings: &ContainerRun,
        part: Part<'_>,
        name: &str,
    ) -> Result<(Container, Option<Response>), Failure> {
        let what = format!("waiting for `{}`", part.name);
        let poll = Poll::new(self.cx.cancel(), Some(self.within), INTERVAL, &what);
        loop {
            let found = match poll.check(self.look(part, name)).await {
                Ok(found) => found,
                Err(failure) => return Err(self.with_lines(failure, part, name).await),
            };
            let pending = match (found.health, settings.port) {
                (Health::Starting, _) => Self::not_healthy(part, &found),
                (Health::Unchecked, None) => {
                    return Err(Failure::of(
                        ids::CONTAINER_NOT_WORKING,
                        format!("nothing shows that `{}` works", part.name),
                    )
                    .cause("its image has no health check, and no `port` is asked")
                    .hint("set `port`, and `path` and what to expect; or `health`, a program in the container"));
                }
                (_, None) => return Ok((found, None)),
                (_, Some(wanted)) => match poll.check(self.ask(settings, &found, wanted)).await {
                    Ok(response) => return Ok((found, Some(response))),
                    Err(failure) => failure,
                },
            };
            self.cx.progress(Progress::items(0, None, pending.message.clone()));
            if let Err(failure) = poll.next(pending).await {
                return Err(self.with_lines(failure, part, name).await);
            }
        }
    }

    /// Asks it once.
    async fn ask(&self, settings: &ContainerRun, found: &Container, port: u16) -> Result<Response, Failure> {
        let endpoint = self.docker.endpoint();
        let published = PublishedPort { subject: &settings.image, container: found, port, endpoint };
        published.ask(self.cx, &settings.path, settings.expected()).await
    }

    fn not_healthy(part: Part<'_>, found: &Container) -> Failure {
        let failure =
            Failure::of(ids::CONTAINER_NOT_WORKING, format!("the health check of `{}` has not passed yet", part.name));
        if found.health_output.is_empty() { failure } else { failure.cause(&found.health_output) }
    }

    /// Asks the container to stop, and checks how it does.
    async fn stop_in_order(
        &self,
        part: Part<'_>,
        name: &str,
        limit: Duration,
        output: Output,
    ) -> Result<Output, Failure> {
        let began = Stopwatch::start();
        let what = format!("stopping `{}`", part.name);
        self.cx.progress(Progress::items(0, None, what.clone()));
        self.cx.unless_cancelled(&what, self.docker.stop_container_within(name, limit)).await?;
        let took = began.elapsed();
        let Some(found) = self.docker.container(name).await? else {
            return Err(Failure::failed(format!("{what}: the container is gone")));
        };
        let signal = if found.stop_signal.is_empty() { "SIGTERM" } else { &found.stop_signal };
        let own = [("SIGINT", 130), ("SIGQUIT", 131), ("SIGTERM", TERMINATED)];
        let in_order = found.exit_code == 0
            || found.exit_code == TERMINATED
            || own.iter().any(|(name, code)| *name == signal && *code == found.exit_code);
        if in_order {
            self.cx.line(&format!("it stopped after {:.1} s with exit code {}", took.as_secs_f64(), found.exit_code));
            let output = output.with("stopped-ms", took.as_millis().to_string());
            return Ok(output.with("exit-code", found.exit_code.to_string()));
        }
        let failure = if found.exit_code == KILLED {
            Failure::of(
                ids::CONTAINER_NOT_WORKING,
                format!("`{}` did not stop within {} s of {signal}", part.name, limit.as_secs()),
            )
            .cause("it was killed")
            .hint("handle the signal, and start the program with `exec`, so that it gets it: a shell passes none on")
        } else {
            Failure::of(
                ids::CONTAINER_NOT_WORKING,
                format!(
                    "`{}` stopped with exit code {} after {signal}, not with 0 or {TERMINATED}",
                    part.name, found.exit_code
                ),
            )
        };
        Err(self.with_lines(failure, part, name).await)
    }

    /// `failure` with the last lines of the container, and of the others.
    async fn with_lines(&self, failure: Failure, part: Part<'_>, name: &str) -> Failure {
        // What a stopped wait was waiting for is in the failure; the lines take a moment at most.
        let lines = tokio::select! {
            lines = self.docker.last_lines_of(part.name, name, LINES) => lines,
            () = self.cx.out_of_time() => Vec::new(),
        };
        failure.details(lines)
    }

    /// Removes everything again.
    pub(super) async fn clean_up(&self) -> Result<(), Failure> {
        let removing = async {
            for name in self.containers.iter().rev() {
                self.docker.remove_container_with_volumes(name.as_str()).await?;
            }
            match &self.network {
                Some(name) => self.docker.remove_network(name.as_str(), name.as_str()).await,
                None => Ok(()),
            }
        };
        tokio::select! {
            removed = removing => removed,
            () = self.cx.cancel().killed() => Err(Failure::interrupted("removing the containers")),
        }
    }

    /// Adds to `failure` that containers or their network could not be removed.
    pub(super) fn is_left(&self, failure: Failure) -> Failure {
        let containers: Vec<&str> = self.containers.iter().map(TemporaryName::as_str).collect();
        let network = self.network.as_ref().map(TemporaryName::as_str);
        let names = [&containers[..], network.as_slice()].concat().join("`, `");
        let rm = (!containers.is_empty()).then(|| format!("`docker rm -fv {}`", containers.join(" ")));
        let rm_network = network.map(|name| format!("`docker network rm {name}`"));
        let by_hand: Vec<String> = rm.into_iter().chain(rm_network).collect();
        if by_hand.is_empty() {
            return failure;
        }
        let by_hand = by_hand.join(" and ");
        let how = format!("the next run of this step does that, and so does {by_hand}");
        self.cx.leaves(failure, &format!("not everything was removed of `{names}`; {how}"))
    }
}

/// What a container that is not as it should be does.
fn verb(container: &Container) -> String {
    if container.running { format!("is {}", container.words()) } else { container.words() }
}
