//! [`Exercise`]: an action that only shows that it can be done: a later step undoes it.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Action, Presence, StepContext, unconfirmed};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::{Output, ProofKind};
use crate::tools::deletion::Deletion;

/// Does what another action does, and probes at once whether it is done: what was seen then is the proof. What has
/// become of it later says nothing, because a later step undoes it.
#[derive(Debug)]
pub struct Exercise(pub Arc<dyn Action>);

impl Action for Exercise {
    /// A verification as part of an exercise verifies what is gone later on.
    fn always_runs(&self) -> bool {
        self.0.always_runs() && self.0.proof() != ProofKind::Check
    }

    fn proof(&self) -> ProofKind {
        if self.0.proof() == ProofKind::Ran { ProofKind::Ran } else { ProofKind::Seen }
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        self.0.inputs(cx, inputs)
    }

    fn probe<'a>(&'a self, _cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(std::future::ready(Ok(Presence::Present)))
    }

    fn secrets(&self) -> BTreeSet<&str> {
        self.0.secrets()
    }

    fn of_revision(&self, revision: &str) -> Option<Arc<dyn Action>> {
        Some(Arc::new(Self(self.0.of_revision(revision)?)))
    }

    fn host_ports(&self, cx: &StepContext) -> Vec<u16> {
        self.0.host_ports(cx)
    }

    fn needs_no_fallback<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, bool> {
        self.0.needs_no_fallback(cx)
    }

    fn removals<'a>(
        &'a self,
        cx: &'a StepContext,
        output: &'a Output,
    ) -> BoxFuture<'a, Result<Vec<Deletion>, Failure>> {
        self.0.removals(cx, output)
    }

    fn remove<'a>(&'a self, cx: &'a StepContext, removal: &'a Deletion) -> BoxFuture<'a, Result<(), Failure>> {
        self.0.remove(cx, removal)
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let output = self.0.run(cx).await?;
            if self.0.proof() != ProofKind::Check || self.0.is_provisional(&output) {
                let probe = cx.unless_cancelled("probing the result", self.0.probe(cx, &output));
                if let Presence::Missing(what) = probe.await? {
                    return Err(unconfirmed(what));
                }
            }
            Ok(output)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;
    use crate::tools::deletion::Consent;

    /// Makes something that is gone at once, or stays.
    #[derive(Debug)]
    struct Make {
        stays: bool,
    }

    impl Action for Make {
        fn probe<'a>(&'a self, _: &'a StepContext, _: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
            let found = if self.stays { Presence::Present } else { Presence::Missing("it is gone".into()) };
            Box::pin(std::future::ready(Ok(found)))
        }

        fn run<'a>(&'a self, _: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
            Box::pin(std::future::ready(Ok(Output::new().with("a", "b"))))
        }
    }

    #[tokio::test]
    async fn an_exercise_is_seen_when_it_is_done_and_not_again() {
        let dir = tempfile::tempdir().unwrap();
        let cx = fake::context(dir.path(), &["s.x"], "s.x", Consent::None);
        let exercise = |stays| Exercise(Arc::new(Make { stays }));
        let output = exercise(true).run(&cx).await.unwrap();
        assert_eq!((output.get("a"), exercise(true).proof()), (Some("b"), ProofKind::Seen));
        // Later it is gone, as it is meant to be.
        assert_eq!(exercise(false).probe(&cx, &output).await.unwrap(), Presence::Present);
        let failure = exercise(false).run(&cx).await.unwrap_err();
        assert_eq!(failure.causes, ["it is gone"]);
    }
}
