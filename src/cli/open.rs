//! `provision open`: keeps a Service of the deployed application forwarded to this machine, through restarts of its
//! pods, and prints the address.

mod choice;
mod held;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::args::{Cli, OpenArgs, ReadFormat};
use super::output::Terminal;
use super::project::Project;
use super::runtime::runtime;
use super::signals::stop_signals;
use crate::action::StepScope;
use crate::error::{Failure, FailureKind};
use crate::event::StepLog;
use crate::model::{ProofKind, StepId};
use crate::plan::{Selection, candidates, select};
use crate::tools::kubernetes::Kube;
use crate::tools::process::{ChildRegistry, open_in_browser};
use crate::tools::{Cancel, checkout_id, pause, ports};
use choice::Offer;
use held::Held;

/// The version of the JSON document. Fields may be added without another one.
const VERSION: u32 = 1;

/// How long it may take to reach the cluster, and to see what a step has deployed.
const LOOK: Duration = Duration::from_secs(30);

/// The ports of this machine that are used where no other is named: neither those that systems give to outgoing
/// connections, nor the node ports of clusters.
const FIRST_PORT: u16 = 20_000;
const N_PORTS: u16 = 10_000;

/// How many ports are tried, beginning with the Service's own.
const TRIES: u16 = 32;

/// What is printed for programs.
#[derive(Serialize)]
struct Document<'a> {
    /// [`VERSION`].
    v: u32,
    /// The address with the path that the pipeline checks; `null` if the port most likely is none of a web server.
    url: Option<String>,
    /// The address that is forwarded.
    host: String,
    local_port: u16,
    namespace: &'a str,
    service: &'a str,
    port: String,
    /// The step that leads to the Service; `null` if none does.
    step: Option<&'a str>,
    /// The kube context of the cluster.
    context: &'a str,
    /// The pods that are ready.
    pods: &'a [String],
}

pub(super) fn open(cli: &Cli, terminal: &Terminal, args: &OpenArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    project.tools.declared_cluster().map_err(|failure| with_addresses(&project, failure))?;
    let runtime = runtime()?;
    let code = runtime.block_on(async {
        let children = Arc::new(ChildRegistry::default().withholding(project.tools.secrets().variables()));
        let mut signals = stop_signals(Arc::clone(&children))?;
        tokio::select! {
            failure = keep_open(&project, terminal, args, &children) => Err(failure),
            // That is how it ends.
            Some(signal) = signals.recv() => Ok(signal.kind().exit_code()),
        }
    });
    runtime.shutdown_background();
    code
}

/// Adds the addresses at which steps publish something on this machine: they need no forwarding.
fn with_addresses(project: &Project, failure: Failure) -> Failure {
    let children = Arc::new(ChildRegistry::default());
    let scope = Arc::new(StepScope::looking(Arc::clone(&project.tools), children));
    let (Ok(plan), Ok(history)) = (select(&project.graph, &Selection::default()), project.history()) else {
        return failure;
    };
    let mut addresses = Vec::new();
    for candidate in candidates(&project.graph, &plan, &history) {
        let (Some(action), id) = (&candidate.action, &candidate.step.id) else { continue };
        if action.always_runs() || action.proof() != ProofKind::Probe {
            continue;
        }
        let cx = scope.of(id.clone(), StepLog::discard(id.clone()), Cancel::new(), None);
        addresses.extend(action.host_ports(&cx).into_iter().map(|port| format!("`{id}` at http://127.0.0.1:{port}")));
    }
    match addresses.as_slice() {
        [] => failure,
        some => Failure { hints: Vec::new(), ..failure }
            .hint(format!("nothing has to be forwarded: on this machine `provision up` publishes {}", some.join(", "))),
    }
}

/// Keeps it open until it is dropped; returns only with a failure.
async fn keep_open(project: &Project, terminal: &Terminal, args: &OpenArgs, children: &Arc<ChildRegistry>) -> Failure {
    match begin(project, terminal, args, children).await {
        Ok(mut held) => held.keep(terminal).await,
        Err(failure) => failure,
    }
}

/// Finds what is to be opened and forwards it; prints the address once a pod is ready.
async fn begin<'a>(
    project: &'a Project,
    terminal: &Terminal,
    args: &OpenArgs,
    children: &Arc<ChildRegistry>,
) -> Result<Held<'a>, Failure> {
    let kube = connect(project).await?;
    let offers = offers(project, &kube, children).await?;
    let chosen = choice::choose(&offers, args.what.as_deref())?;
    let opening = &chosen.opening;
    let Some(published) = kube.published_ports(&opening.namespace, &opening.service).await? else {
        return Err(nothing_there(&chosen, &kube));
    };
    let (port, scheme) = choice::port(opening, &published)?;
    let local = match args.port {
        Some(port) => named_port(port)?,
        None => stable_port(terminal, project, &format!("{}/{}:{port}", opening.namespace, opening.service))?,
    };
    let mut held = Held::new(project, kube, &chosen, port, local).await?;
    let pods = held.wait_until_ready(terminal).await?;
    let url = scheme.map(|scheme| format!("{scheme}://{}{}", held.address(), opening.path.as_deref().unwrap_or("/")));
    let shown = url.clone().unwrap_or_else(|| held.address().to_string());
    let document = Document {
        v: VERSION,
        url: url.clone(),
        host: held.address().ip().to_string(),
        local_port: held.address().port(),
        namespace: &opening.namespace,
        service: &opening.service,
        port: held.port().to_string(),
        step: chosen.step.as_ref().map(StepId::as_str),
        context: held.context(),
        pods: &pods,
    };
    terminal.print(|out| match args.format {
        ReadFormat::Text => writeln!(out, "{shown}"),
        ReadFormat::Json => writeln!(out, "{}", serde_json::to_string(&document)?),
    })?;
    let by = chosen.step.as_ref().map(|step| format!(", by step {step}")).unwrap_or_default();
    let mut notes = vec![format!("{held}{by}, served by {}; Ctrl-C ends it", pods.join(", "))];
    if args.what.is_none() {
        let others = choice::others(&offers, &chosen);
        notes.extend(others.iter().map(|other| format!("also there: provision open {other}")));
    }
    terminal.note(notes);
    if args.browser
        && let Err(failure) = open_in_browser(&shown, project.tools.secrets().variables())
    {
        terminal.show_failure(&failure);
    }
    Ok(held)
}

async fn connect(project: &Project) -> Result<Kube, Failure> {
    let slow = || {
        let context = project.tools.cluster().map(|cluster| cluster.context.as_str()).unwrap_or_default();
        Failure::failed(format!("the cluster `{context}` does not respond")).hint("provision doctor   # says why")
    };
    pause::timeout(LOOK, project.tools.kube()).await.unwrap_or_else(|| Err(slow())).map_err(|mut failure| {
        if failure.hints.is_empty() {
            failure.hints.push("provision up   # starts the cluster and deploys what the pipeline declares".to_owned());
        }
        failure
    })
}

/// Returns the Services that the steps of the pipeline lead to, in the order of the file; not those of exercises, which
/// a later step takes away.
async fn offers(project: &Project, kube: &Kube, children: &Arc<ChildRegistry>) -> Result<Vec<Offer>, Failure> {
    let history = project.history()?;
    let plan = select(&project.graph, &Selection::default())?;
    let scope = Arc::new(StepScope::looking(Arc::clone(&project.tools), Arc::clone(children)));
    let (mut offers, mut unknown) = (Vec::new(), None);
    for candidate in candidates(&project.graph, &plan, &history) {
        let step = &candidate.step;
        let Some(action) = candidate.action.as_ref().filter(|_| !step.exercise) else { continue };
        let cx = scope.of(step.id.clone(), StepLog::discard(step.id.clone()), Cancel::new(), None);
        match pause::timeout(LOOK, action.openings(&cx)).await {
            Some(Ok(found)) => {
                offers.extend(found.into_iter().map(|opening| Offer { step: Some(step.id.clone()), opening }));
            }
            // What it deploys can't be known yet; other steps may lead there as well.
            Some(Err(failure)) => {
                unknown.get_or_insert(failure.while_doing(format!("seeing what the step {} has deployed", step.id)));
            }
            None => return Err(Failure::failed(format!("the cluster `{}` does not respond", kube.context()))),
        }
    }
    match unknown {
        Some(failure) if offers.is_empty() => Err(failure),
        _ => Ok(offers),
    }
}

fn nothing_there(chosen: &Offer, kube: &Kube) -> Failure {
    let opening = &chosen.opening;
    let failure = Failure::failed(format!(
        "there is nothing to open: no service `{}` in the namespace `{}` of `{}`",
        opening.service,
        opening.namespace,
        kube.context()
    ));
    match &chosen.step {
        Some(step) => failure.hint(format!("deploy it: `provision up {step}`")),
        None => failure.hint(format!("see what is there: `{} get services -A`", kube.kubectl())),
    }
}

fn named_port(port: u16) -> Result<u16, Failure> {
    if !ports::is_taken(port) {
        return Ok(port);
    }
    let failure = Failure::new(FailureKind::Usage, format!("the port {port} of this machine is taken"));
    Err(match ports::holder(port) {
        Some(holder) => failure.cause(format!("process {} listens there: {}", holder.pid, holder.command)),
        None => failure,
    }
    .hint("leave `--port` away to get a free one"))
}

/// Returns a port that is free, the same one each time for a Service of this checkout as long as nobody else has it.
fn stable_port(terminal: &Terminal, project: &Project, what: &str) -> Result<u16, Failure> {
    let checkout = checkout_id(project.tools.state_dir());
    let checkout = checkout.unwrap_or_else(|| project.tools.root().display().to_string());
    let own = own_port(&checkout, what);
    let mut tried = (0..TRIES).map(|n| FIRST_PORT + (own - FIRST_PORT + n) % N_PORTS);
    let Some(free) = tried.find(|port| !ports::is_taken(*port)) else {
        return Err(
            Failure::failed(format!("the ports from {own} on are taken")).hint("name one: `provision open --port N`")
        );
    };
    if free != own {
        let holder = ports::holder(own).map(|holder| format!(" by process {}: {}", holder.pid, holder.command));
        terminal.warn([format!("its port {own} is taken{}", holder.unwrap_or_default())]);
    }
    Ok(free)
}

fn own_port(checkout: &str, what: &str) -> u16 {
    let hash = blake3::hash(format!("{checkout} {what}").as_bytes());
    let [high, low, ..] = *hash.as_bytes();
    FIRST_PORT + u16::from_le_bytes([low, high]) % N_PORTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_the_same_port_each_time_and_another_one_in_another_checkout() {
        let one = own_port("abc", "shop/web:80");
        assert_eq!(own_port("abc", "shop/web:80"), one);
        assert_ne!(own_port("abd", "shop/web:80"), one);
        assert_ne!(own_port("abc", "shop/api:80"), one);
        for n in 0..1000 {
            let port = own_port("abc", &format!("shop/s{n}:80"));
            assert!((FIRST_PORT..FIRST_PORT + N_PORTS).contains(&port));
        }
    }
}
