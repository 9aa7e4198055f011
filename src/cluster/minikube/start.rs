//! Brings the cluster of a profile up: creates it, resumes it, or repairs it.
//!
//! Only a cluster whose creation was killed is ever deleted, and only by the decision in [`crate::tools::deletion`];
//! all other repairs keep what is in it.

use std::path::Path;
use std::time::Duration;

use super::creation_marker::CreationMarker;
use super::node::Node;
use super::other_start;
use super::profile::{Profile, differs};
use super::program::{ClusterState, Minikube};
use super::settings::{MinikubeCluster, StartArg};
use crate::cluster::session::{INTERVAL, Ready, ReadyNodes, Session, check, settle};
use crate::error::Failure;
use crate::model::Progress;
use crate::tools::Tools;
use crate::tools::cluster::ClusterSpec;
use crate::tools::deletion::{Consent, Deletion, Proof};
use crate::tools::docker::Docker;
use crate::tools::kubernetes::KubeSource;

/// How long a cluster that minikube calls running may take to respond before it is started again.
const SETTLE: Duration = Duration::from_secs(60);

/// The same for a cluster whose creation was killed: it may lack its network, and then its node never becomes ready.
const SETTLE_CREATED: Duration = Duration::from_secs(20);

/// How long `minikube start` may wait for the parts of a cluster that somebody has damaged; it waits six minutes by
/// default, and a node that lost its files never comes up.
const DAMAGED_WAIT: &str = "--wait-timeout=90s";

/// How often a killed creation is begun again within one run.
const ATTEMPTS: usize = 2;

/// Brings the cluster up; `program` is the minikube to use, the one in `PATH` by default.
pub(super) async fn ensure_up(
    cx: &Session<'_>,
    spec: &ClusterSpec,
    declared: &MinikubeCluster,
    program: Option<&Path>,
) -> Result<Ready, Failure> {
    let marker = CreationMarker::new(cx.tools.state_dir(), &spec.name);
    let checked = cx.unless_cancelled("checking the cluster", check(cx.tools, ReadyNodes::All)).await?;
    let ready = match checked {
        Ok(ready) if declared.allows(&ready.node.version) => {
            cx.line(&format!("the cluster `{}` runs", spec.name));
            ready
        }
        _ => Start::new(cx, spec, declared, program, &marker).await?.bring_up().await?,
    };
    check_settings(cx.tools, spec, declared).await?;
    marker.end()?;
    Ok(ready)
}

/// Returns the settings of `[cluster]` that the existing cluster does not have; none if there is no cluster.
pub(super) async fn differences(
    tools: &Tools,
    spec: &ClusterSpec,
    declared: &MinikubeCluster,
) -> Result<Vec<String>, Failure> {
    let Some(profile) = Profile::read(&spec.name)? else { return Ok(Vec::new()) };
    let node = match docker(tools, declared).await? {
        Some(docker) => Node::new(docker, &spec.name).container().await?,
        None => None,
    };
    Ok(profile.differences(declared, node.as_ref()))
}

async fn check_settings(tools: &Tools, spec: &ClusterSpec, declared: &MinikubeCluster) -> Result<(), Failure> {
    let differences = differences(tools, spec, declared).await?;
    if differences.is_empty() { Ok(()) } else { Err(differs(&spec.name, differences)) }
}

/// Returns the daemon that has the node; `None` for other drivers, and where the driver is minikube's choice and there
/// is no daemon.
pub(super) async fn docker<'a>(tools: &'a Tools, declared: &MinikubeCluster) -> Result<Option<&'a Docker>, Failure> {
    match driver(declared).as_deref() {
        Some("docker") => tools.docker().await.map(Some),
        Some(_) => Ok(None),
        None => Ok(tools.docker().await.ok()),
    }
}

/// Returns minikube's driver, where the settings or the environment name one.
pub(super) fn driver(declared: &MinikubeCluster) -> Option<String> {
    let by_args = declared.start_args.iter().find_map(|StartArg(arg)| {
        arg.strip_prefix("--driver=").or_else(|| arg.strip_prefix("--vm-driver=")).map(str::to_owned)
    });
    let by_variable = || std::env::var("MINIKUBE_DRIVER").ok().filter(|driver| !driver.is_empty());
    declared.driver.clone().or(by_args).or_else(by_variable)
}

/// Returns minikube for the cluster of `spec`, and the daemon that has the node.
pub(super) async fn minikube_of<'a>(
    tools: &'a Tools,
    spec: &ClusterSpec,
    declared: &MinikubeCluster,
    program: Option<&Path>,
) -> Result<(Minikube, Option<&'a Docker>), Failure> {
    let kubeconfig = spec.kubeconfig(tools.state_dir()).unwrap_or_default();
    let mut minikube = match program {
        Some(program) => Minikube::new(program, &spec.name, &kubeconfig),
        None => Minikube::find(&spec.name, &kubeconfig)?,
    };
    let docker = docker(tools, declared).await?;
    if let Some(docker) = docker {
        minikube = minikube.with_daemon(docker.endpoint());
    }
    Ok((minikube, docker))
}

/// Bringing up one cluster that is not ready.
struct Start<'a> {
    cx: &'a Session<'a>,
    spec: &'a ClusterSpec,
    declared: &'a MinikubeCluster,
    minikube: Minikube,
    marker: &'a CreationMarker,
    node: Option<Node<'a>>,
}

impl<'a> Start<'a> {
    async fn new(
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        declared: &'a MinikubeCluster,
        program: Option<&Path>,
        marker: &'a CreationMarker,
    ) -> Result<Self, Failure> {
        let (minikube, docker) = minikube_of(cx.tools, spec, declared, program).await?;
        if let Some(told) = minikube.set_foreign_aside()? {
            cx.host.warned(&told);
        }
        Ok(Self { cx, spec, declared, minikube, marker, node: docker.map(|docker| Node::new(docker, &spec.name)) })
    }

    async fn bring_up(&self) -> Result<Ready, Failure> {
        self.wait_for_other_start().await?;
        let state = self.minikube.status(self.cx.host).await?;
        self.cx.line(&format!("the cluster `{}` is {}", self.spec.name, word(state)));
        if state == ClusterState::Absent {
            if let Some(node) = &self.node {
                node.refuse_foreign(self.marker.id()?.as_deref()).await?;
            }
            self.create().await?;
            return settle(self.cx, None).await;
        }
        match self.unfinished_creation(state).await? {
            Some((node, id)) => self.finish_creation(state, node, &id).await,
            None => self.resume(state).await,
        }
    }

    /// Another `minikube start` of this profile, of another checkout or user, is let finish.
    async fn wait_for_other_start(&self) -> Result<(), Failure> {
        while let Some(pid) = other_start::running(&self.spec.name) {
            let what = format!("waiting for another `minikube start -p {}` (process {pid})", self.spec.name);
            (self.cx.on_progress)(Progress::items(0, None, what.clone()));
            self.cx.unless_cancelled(&what, tokio::time::sleep(INTERVAL)).await?;
        }
        Ok(())
    }

    /// Returns the node, and the id of the creation, if a creation of ours made this node and nobody has seen the
    /// cluster up since. minikube writes a kubeconfig last: a cluster that one knows has been up. What minikube would
    /// delete has to be what shows that: the volume of a container, and not a volume beside a virtual machine.
    async fn unfinished_creation(&self, state: ClusterState) -> Result<Option<(&Node<'a>, String)>, Failure> {
        let (Some(node), Some(id)) = (&self.node, self.marker.id()?) else { return Ok(None) };
        if KubeSource::of(self.spec, self.cx.tools.state_dir()).is_known() {
            return Ok(None);
        }
        let is_of_docker = Profile::read(&self.spec.name)?.is_none_or(|profile| profile.is_of_docker());
        let has_container = state == ClusterState::NoNode || node.container().await?.is_some();
        if !is_of_docker || !has_container {
            return Ok(None);
        }
        Ok((node.is_of(&id).await? == Proof::Shown).then_some((node, id)))
    }

    /// Creates the cluster where there is none.
    async fn create(&self) -> Result<(), Failure> {
        let id = self.marker.begin()?;
        if let Some(node) = &self.node {
            node.create_volume(&id).await?;
        }
        self.minikube.start(self.declared, self.cx).await?;
        if let Some(node) = &self.node {
            node.remove_unused_volume(&id).await?;
        }
        Ok(())
    }

    /// A creation of ours was killed. minikube takes some of what it leaves for a cluster that only has to be
    /// restarted, and waits for it without end or leaves out what was still missing.
    async fn finish_creation(&self, state: ClusterState, node: &Node<'a>, id: &str) -> Result<Ready, Failure> {
        match state {
            ClusterState::Unlinked => {
                self.minikube.update_context(self.cx.host).await?;
                if settle(self.cx, Some(SETTLE_CREATED)).await.is_ok() {
                    // The last parts, such as the storage class, come with every start.
                    return self.resume(ClusterState::Running).await;
                }
                self.cx.check_cancel("starting the cluster")?;
            }
            ClusterState::NoNode if node.container().await?.is_none() => return self.resume(state).await,
            ClusterState::Stopped | ClusterState::NoNode | ClusterState::Broken => {}
            ClusterState::Absent | ClusterState::Paused | ClusterState::Running => return self.resume(state).await,
        }
        self.create_again(node, id).await
    }

    /// Deletes what a killed creation has left, if nothing is in it, and creates the cluster. What has something in it,
    /// or may have, has been up: it is resumed. Only if that fails the user's consent counts, and never for a node that
    /// ran until now.
    async fn create_again(&self, node: &Node<'a>, id: &str) -> Result<Ready, Failure> {
        let cx = self.cx;
        cx.line("the start that was creating it was killed; stopping what it left to see whether anything is in it");
        let ran = node.container().await?.is_some_and(|container| container.running);
        let mut attempt = 1;
        loop {
            let mut deletion = self.stopped_node(node, id).await?;
            if deletion.empty == Proof::Shown {
                deletion.permit(Consent::None)?;
                cx.line("nothing is in it; creating it again");
            } else {
                deletion.in_use = deletion.in_use.or_else(|| ran.then(|| "it ran until this check".to_owned()));
                if let Some(ready) = self.resume_or_permit(node, id, &deletion).await? {
                    return Ok(ready);
                }
                cx.line("deleting it with what is in it, as `--yes` or `ephemeral` allows");
            }
            node.clear_helpers(Some(id)).await?;
            // Somebody may have started it since it was checked.
            node.check_still_deletable(id, self.minikube.delete_line()).await?;
            self.minikube.delete(cx.host).await?;
            match self.create().await {
                Ok(()) => return settle(cx, None).await,
                Err(failure) if attempt == ATTEMPTS => return Err(failure),
                Err(failure) => {
                    // The daemon may have made a container for the killed start after all had been deleted.
                    cx.check_cancel("creating the cluster")?;
                    cx.line(&format!("{failure}; once more from the beginning"));
                    attempt += 1;
                }
            }
        }
    }

    /// Stops the node, and returns the decision whether it may be deleted.
    async fn stopped_node(&self, node: &Node<'a>, id: &str) -> Result<Deletion, Failure> {
        self.cx.unless_cancelled("stopping the node", node.stop()).await??;
        self.cx.unless_cancelled("reading the node", node.deletion(id, self.minikube.delete_line())).await?
    }

    /// Resumes a cluster that is not shown to be empty. Returns `None` if that fails and the user has agreed to
    /// `deletion`; the node is stopped then.
    async fn resume_or_permit(&self, node: &Node<'a>, id: &str, deletion: &Deletion) -> Result<Option<Ready>, Failure> {
        let cx = self.cx;
        if let Proof::Lacking(why) = &deletion.empty {
            cx.line(&format!("it is not shown to be empty ({why}); resuming it"));
        }
        let state = self.minikube.status(cx.host).await?;
        let failure = match self.resume(state).await {
            Ok(ready) => return Ok(Some(ready)),
            Err(failure) => failure,
        };
        cx.check_cancel("starting the cluster")?;
        let consent = cx.tools.consent().or(Consent::from_flag(self.declared.ephemeral));
        if let Err(refusal) = deletion.permit(consent) {
            let failure = refusal.causes.iter().fold(failure, Failure::cause);
            return Err(refusal.hints.iter().fold(failure, Failure::hint));
        }
        cx.line(&failure.to_string());
        // Still the same node, and not running again.
        self.stopped_node(node, id).await?.permit(consent)?;
        Ok(None)
    }

    /// Brings up a cluster that is there, and keeps all that is in it.
    async fn resume(&self, state: ClusterState) -> Result<Ready, Failure> {
        check_settings(self.cx.tools, self.spec, self.declared).await?;
        match state {
            ClusterState::Paused => self.unpause().await?,
            ClusterState::Unlinked => self.minikube.update_context(self.cx.host).await?,
            ClusterState::Running => {}
            ClusterState::Absent | ClusterState::Stopped | ClusterState::NoNode | ClusterState::Broken => {
                return self.start_existing(state).await;
            }
        }
        // It should be there; if it does not come, or is of another version, a start repairs and upgrades.
        match settle(self.cx, Some(SETTLE)).await {
            Ok(ready) if self.declared.allows(&ready.node.version) && self.marker.id()?.is_none() => return Ok(ready),
            Ok(_) => {}
            Err(failure) => {
                self.cx.check_cancel("starting the cluster")?;
                self.cx.line(&format!("it does not come up ({failure}); starting it again"));
            }
        }
        self.start_existing(state).await
    }

    /// Resumes a paused cluster. `docker pause` stops the node as a whole, and `minikube unpause` fails for that;
    /// `minikube pause` stops what runs in it.
    async fn unpause(&self) -> Result<(), Failure> {
        if let Some(node) = &self.node {
            node.unpause().await?;
        }
        match self.minikube.status(self.cx.host).await? {
            ClusterState::Paused => self.minikube.unpause(self.cx.host).await,
            _ => Ok(()),
        }
    }

    /// Starts a cluster that is there; if that fails, stops and starts it once: that finishes what a killed start has
    /// left.
    async fn start_existing(&self, state: ClusterState) -> Result<Ready, Failure> {
        let cx = self.cx;
        let mut declared = self.declared.clone();
        let damaged = matches!(state, ClusterState::NoNode | ClusterState::Broken);
        if damaged && !declared.start_args.iter().any(|StartArg(arg)| arg.starts_with("--wait-timeout")) {
            declared.start_args.push(StartArg(DAMAGED_WAIT.to_owned()));
        }
        if state == ClusterState::NoNode {
            self.stop().await?;
        }
        if let Err(failure) = self.minikube.start(&declared, cx).await {
            cx.check_cancel("starting the cluster")?;
            cx.line(&format!("{failure}; stopping and starting it"));
            self.stop().await?;
            if let Err(failure) = self.minikube.start(&declared, cx).await {
                return Err(self.with_ways_out(failure).await);
            }
        }
        match settle(cx, None).await {
            Ok(ready) => Ok(ready),
            Err(failure) => Err(self.with_ways_out(failure).await),
        }
    }

    /// Stops the node, and clears away what is in the way of the next start: a node that was created and never started,
    /// for which minikube waits for minutes, and the containers that fill its volume.
    async fn stop(&self) -> Result<(), Failure> {
        self.minikube.stop(self.cx.host).await?;
        match &self.node {
            Some(node) => node.clear_helpers(self.marker.id()?.as_deref()).await,
            None => Ok(()),
        }
    }

    /// Adds what is left to do for a cluster that does not come up: in the checkout that created it, where there is
    /// one, since only that one may create it again; and by hand.
    async fn with_ways_out(&self, failure: Failure) -> Failure {
        let prefix = self.marker.id_prefix().unwrap_or_default();
        let of_another = match &self.node {
            // What could not be found out is no reason to hide why the cluster does not come up.
            Some(node) => node.is_of_another_checkout(&prefix).await.unwrap_or(false),
            None => false,
        };
        let failure = if of_another {
            failure.hint(
                "`provision` created this cluster from another checkout: run `provision up` there, which also \
                 finishes a creation that was cut off",
            )
        } else {
            failure
        };
        failure.hint(format!(
            "if a second run does not help either, create it again; this loses all data in it: `{}`",
            self.minikube.delete_line()
        ))
    }
}

fn word(state: ClusterState) -> &'static str {
    match state {
        ClusterState::Absent => "not there",
        ClusterState::Stopped => "stopped",
        ClusterState::Paused => "paused",
        ClusterState::Running => "running, but not ready",
        ClusterState::Unlinked => "running, but at another address than our kubeconfig says",
        ClusterState::NoNode => "without its node",
        ClusterState::Broken => "broken",
    }
}
