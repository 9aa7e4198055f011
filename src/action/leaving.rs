//! Whether what a step has made still stands, and namespaces that are about to go.

use std::time::Duration;

use futures_util::future::{BoxFuture, join};

use super::{Action, Presence, StepContext};
use crate::error::Failure;
use crate::model::Output;
use crate::tools::Poll;
use crate::tools::kubernetes::{Kube, LiveObject};
use crate::tools::process::ProcessObserver;

/// How often it is checked whether something is gone that others delete.
const INTERVAL: Duration = Duration::from_millis(200);

/// Probes what a step has made, whose last run ended with `output`. What is in a namespace that is being deleted does
/// not stand, though the cluster still has it.
pub fn standing<'a>(
    action: &'a dyn Action,
    cx: &'a StepContext,
    output: &'a Output,
) -> BoxFuture<'a, Result<Presence, Failure>> {
    let Some(namespace) = output.get("namespace") else { return action.probe(cx, output) };
    Box::pin(async move {
        let (presence, is_leaving) = join(action.probe(cx, output), cx.tools().is_leaving(namespace)).await;
        match presence? {
            Presence::Present if is_leaving => {
                Ok(Presence::Missing(format!("the namespace `{namespace}` is being deleted")))
            }
            presence => Ok(presence),
        }
    })
}

/// Waits until the namespace `name` is gone, if somebody is deleting it: nothing can be made in it before. One that may
/// not be read is treated as one that stays, as for a user with rights in that namespace alone.
pub async fn wait_for_namespace(cx: &StepContext, kube: &Kube, name: &str) -> Result<(), Failure> {
    let mut poll = None;
    while kube.is_leaving(name).await.unwrap_or(false) {
        let poll = poll.get_or_insert_with(|| {
            cx.line(&format!("the namespace `{name}` is being deleted: waiting until it is gone"));
            Poll::new(cx.cancel(), None, INTERVAL, "waiting until a namespace is gone")
        });
        poll.next(Failure::failed(format!("the namespace `{name}` is still there"))).await?;
    }
    Ok(())
}

/// Waits until an object is gone that somebody is deleting.
pub async fn wait_until_gone(cx: &StepContext, kube: &Kube, object: &LiveObject) -> Result<(), Failure> {
    cx.line(&format!("{} is being deleted: waiting until it is gone", object.reference));
    let poll = Poll::new(cx.cancel(), None, INTERVAL, "waiting until an object is gone");
    while let Some(why) = kube.remains(object).await? {
        poll.next(Failure::failed(why)).await?;
    }
    Ok(())
}
