//! [`Exercise`]: one start of a compose project, until it is as it should be.

use std::path::PathBuf;
use std::time::Duration;

use super::services::{Identity, Services, Watch, are_final, failure, lines_of};
use super::{Ask, ComposeUp, IDENTITIES, WITHIN};
use crate::action::{Action, PublishedPort, StepContext};
use crate::error::{Failure, FailureKind};
use crate::model::{Output, Progress};
use crate::tools::Poll;
use crate::tools::compose::{Compose, Project};
use crate::tools::deletion::Consent;
use crate::tools::docker::{ComposeProject, Docker, PORT_TRIES, chosen_port_is_taken};
use crate::tools::process::{Exit, ProcessObserver};

/// The pause between two probes of the services.
const INTERVAL: Duration = Duration::from_millis(300);

/// A compose project that is being started.
pub(super) struct Exercise<'a> {
    settings: &'a ComposeUp,
    cx: &'a StepContext,
    docker: &'a Docker,
    compose: Compose,
    project: &'a str,
    files: Vec<PathBuf>,
    env: Vec<(String, String)>,
}

impl<'a> Exercise<'a> {
    /// Finds the program and fills in the secrets; nothing is started.
    pub(super) async fn new(
        settings: &'a ComposeUp,
        cx: &'a StepContext,
        docker: &'a Docker,
        project: &'a str,
    ) -> Result<Self, Failure> {
        let compose = Compose::find(cx.cancel(), cx.children()).await?;
        let mut env = Vec::new();
        for (name, text) in &settings.env {
            env.push((name.clone(), cx.tools().secrets().fill(text)?));
        }
        Ok(Self { settings, cx, docker, compose, project, files: settings.paths(cx), env })
    }

    /// Starts the services, and waits until they are up and answer.
    pub(super) async fn run(&self) -> Result<Output, Failure> {
        let mut args = vec!["up", "-d", "--remove-orphans", "--quiet-pull"];
        if self.settings.build {
            args.push("--build");
        }
        args.extend(self.settings.services.iter().map(String::as_str));
        let declared = self.settings.host_ports(self.cx);
        let mut tries = 1;
        while let Err(failure) = self.call(&args, false).await {
            if tries == PORT_TRIES || !chosen_port_is_taken(&failure, &declared) {
                return Err(self.explained(failure).await);
            }
            self.cx.line("a port that Docker has chosen is in use: started again, which chooses another one");
            tries += 1;
        }
        let expected = self.expected().await?;
        let what = format!("waiting for the compose project `{}`", self.project);
        let within = self.settings.within.map_or(WITHIN, |time| time.0);
        let poll = Poll::new(self.cx.cancel(), Some(within), INTERVAL, &what);
        let services = self.until_up(&poll, &expected).await?;
        for ask in &self.settings.ask {
            self.until_it_answers(&poll, ask, &services).await?;
        }
        for line in services.lines() {
            self.cx.line(&line);
        }
        Ok(self.output(&services))
    }

    /// Calls compose. `capture` keeps its standard output.
    async fn call(&self, args: &[&str], capture: bool) -> Result<Exit, Failure> {
        let project = Project {
            name: self.project,
            files: &self.files,
            profiles: &self.settings.profiles,
            env: &self.env,
            endpoint: self.docker.endpoint(),
        };
        let command = self.compose.command(&project, args).cwd(self.cx.tools().root());
        if capture { command.capture() } else { command }.check(self.cx).await
    }

    /// The services that have to be there.
    async fn expected(&self) -> Result<Vec<String>, Failure> {
        if !self.settings.services.is_empty() {
            return Ok(self.settings.services.clone());
        }
        let listed = self.call(&["config", "--services"], true).await?;
        let lines = String::from_utf8_lossy(&listed.stdout);
        let services: Vec<String> =
            lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if services.is_empty() {
            return Err(Failure::failed("the compose files have no service").hint("correct `files` or `profiles`"));
        }
        Ok(services)
    }

    async fn look(&self) -> Result<Services, Failure> {
        Ok(Services::new(ComposeProject::new(self.docker, self.project).containers().await?))
    }

    async fn until_up(&self, poll: &Poll<'_>, expected: &[String]) -> Result<Services, Failure> {
        let mut watch = Watch::default();
        loop {
            let services = poll.check(self.look()).await?;
            let problems = services.problems(expected, &self.settings.completes, Some(&mut watch));
            if problems.is_empty() {
                return Ok(services);
            }
            let pending = failure(self.project, &problems);
            let n_up = expected.len().saturating_sub(problems.len()) as u64;
            self.cx.progress(Progress::items(n_up, Some(expected.len() as u64), pending.message.clone()));
            let waited = if are_final(&problems) { Err(pending) } else { poll.next(pending).await };
            if let Err(failure) = waited {
                let lines = tokio::select! {
                    lines = lines_of(self.docker, &problems) => lines,
                    () = self.cx.out_of_time() => Vec::new(),
                };
                let failure = failure.details(lines);
                // Of one that was stopped it is of no use.
                let was_stopped = failure.kind == FailureKind::Interrupted;
                return Err(if was_stopped { failure } else { failure.hint(self.logs_hint()) });
            }
        }
    }

    async fn until_it_answers(&self, poll: &Poll<'_>, ask: &Ask, services: &Services) -> Result<(), Failure> {
        let Some(container) = services.of(&ask.service).next() else {
            return Err(Failure::failed(format!("there is no service `{}` to ask", ask.service)));
        };
        if !container.ports.contains_key(&ask.port) {
            return Err(Failure::failed(format!("the port {} of `{}` is not published", ask.port, ask.service))
                .hint(format!("publish it in the compose file: `ports: [\"127.0.0.1::{}\"]`", ask.port)));
        }
        let endpoint = self.docker.endpoint();
        let published = PublishedPort { subject: &ask.service, container, port: ask.port, endpoint };
        loop {
            let asked = poll.check(published.ask(self.cx, &ask.path, ask.expected())).await;
            let Err(pending) = asked else { return Ok(()) };
            if let Err(failure) = poll.next(pending).await {
                let lines = tokio::select! {
                    lines = self.docker.last_lines_of(&ask.service, &container.name, 20) => lines,
                    () = self.cx.out_of_time() => Vec::new(),
                };
                return Err(failure.details(lines));
            }
        }
    }

    /// `failure` of compose, with the services that are not up.
    async fn explained(&self, failure: Failure) -> Failure {
        let looking = async {
            let Ok(services) = self.look().await else { return Vec::new() };
            let problems = services.problems(&[], &self.settings.completes, None);
            lines_of(self.docker, &problems).await
        };
        tokio::select! {
            lines = looking => failure.details(lines),
            () = self.cx.out_of_time() => failure,
        }
    }

    fn logs_hint(&self) -> String {
        if self.settings.temporary {
            return "`temporary = false` leaves the services as they are, for an inspection".to_owned();
        }
        format!("{} -p {} logs", self.compose.typed(), self.project)
    }

    fn output(&self, services: &Services) -> Output {
        let mut output = Output::new()
            .with("project", self.project)
            .with("services", services.lines().join(", "))
            .with(IDENTITIES, Identity::to_text(&services.identities()));
        for (service, port) in services.published() {
            output = output.with(&format!("url-{service}"), format!("http://127.0.0.1:{port}"));
        }
        output
    }

    /// Adds to `failure`, as which the start was stopped, that the project is there and what takes it down. It may have
    /// been stopped before anything was made, which the daemon knows.
    pub(super) async fn stays(&self, failure: Failure) -> Failure {
        let project = ComposeProject::new(self.docker, self.project);
        let is_there = tokio::select! {
            biased;
            found = project.is_there() => found.unwrap_or(true),
            () = self.cx.out_of_time() => true,
        };
        if !is_there {
            return failure;
        }
        let (name, compose) = (self.project, self.compose.typed());
        let how = format!("the next run of this step goes on with it, `{compose} -p {name} down` takes it down");
        self.cx.leaves(failure, &format!("the compose project `{name}` stays as it is; {how}"))
    }

    /// Adds to `failure` that a project which is there for this step alone could not be taken down.
    pub(super) fn is_left(&self, failure: Failure) -> Failure {
        let (name, compose) = (self.project, self.compose.typed());
        let how = format!("the next run of this step takes it down, and so does `{compose} -p {name} down -v`");
        self.cx.leaves(failure, &format!("the compose project `{name}` was not taken down; {how}"))
    }

    /// Removes everything of a project that is there for this step alone, with its volumes.
    pub(super) async fn take_down(&self) -> Result<(), Failure> {
        let project = ComposeProject::new(self.docker, self.project);
        let on_line = |line: &str| self.cx.line(line);
        let removing = project.remove(Consent::Given, &on_line);
        tokio::select! {
            removed = removing => removed.map(|removed| removed.kept.iter().for_each(|kept| self.cx.line(kept))),
            () = self.cx.cancel().killed() => Err(Failure::interrupted("taking the compose project down")),
        }
    }
}
