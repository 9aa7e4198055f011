//! What a step has made in the cluster, for `down`: by the marks of the objects themselves.

use super::removal::Removal;
use crate::action::StepContext;
use crate::error::Failure;
use crate::tools::deletion::{Consent, Deletion, Proof, TAKEN_DOWN};
use crate::tools::kubernetes::{Judged, Kube, LiveObject, Marks, order_live};

/// Returns what `down` would delete of what the step has made and is still there, in its order: namespaces last.
pub(in crate::actions) async fn removals(cx: &StepContext) -> Result<Vec<Deletion>, Failure> {
    let kube = cx.tools().kube().await?;
    Ok(made(cx, &kube).await?.into_iter().map(|judged| planned(cx, &kube, judged)).collect())
}

/// Returns the removal as it is planned. What another checkout has deployed too stays without this one's mark. What
/// others have in a namespace may be gone when its turn comes, such as the objects of a release; else it stays then.
pub(super) fn planned(cx: &StepContext, kube: &Kube, judged: Judged) -> Deletion {
    if let Some(withdrawal) = judged.withdrawal(kube, &marks(cx)) {
        return withdrawal;
    }
    if !judged.has_foreign {
        return judged.deletion;
    }
    Deletion {
        reason: "only if nothing of others is in it any more when its turn comes".to_owned(),
        empty: Proof::Lacking("what this pipeline has in it".to_owned()),
        ..judged.deletion
    }
}

/// The marks by which it is decided what goes.
pub(in crate::actions) fn marks(cx: &StepContext) -> Marks {
    cx.tools().marks().of_checkout_alone()
}

/// Deletes the object of `removal` and waits until it is gone, or takes this checkout's mark off it; no error if it is
/// gone already. It is judged again: what others have put into a namespace since keeps it.
pub(in crate::actions) async fn remove(cx: &StepContext, removal: &Deletion) -> Result<(), Failure> {
    let kube = cx.tools().kube().await?;
    for judged in made(cx, &kube).await? {
        if judged.withdrawal_subject() == removal.subject {
            return kube.withdraw(&judged.object, &marks(cx)).await;
        }
        if judged.deletion.subject == removal.subject {
            return delete(cx, &kube, judged).await;
        }
    }
    Ok(())
}

/// Deletes an object that was judged, if it is ours and nothing of anybody else's goes with it.
pub(in crate::actions) async fn delete(cx: &StepContext, kube: &Kube, judged: Judged) -> Result<(), Failure> {
    if judged.deletion.ours != Proof::Shown || judged.has_foreign {
        let by_hand = format!("delete it by hand, with all that is in it: `{}`", judged.deletion.by_hand);
        // No consent covers what is of others.
        judged.deletion.permit(Consent::None).map_err(|failure| Failure { hints: vec![by_hand], ..failure })?;
    }
    // The user has seen what is lost, and has agreed to the loss of what is ours: that is what `declared` covers.
    let removal = Removal { kube, marks: marks(cx), reason: TAKEN_DOWN, declared: Consent::Given };
    removal.remove(cx, vec![judged.object]).await.map(drop)
}

/// Returns what the step has made and is still there, each judged, in the reverse of the order in which it is applied.
pub(super) async fn made(cx: &StepContext, kube: &Kube) -> Result<Vec<Judged>, Failure> {
    let marks = marks(cx);
    let (found, unknown) = kube.marked_objects(&marks).await?;
    if let Some(version) = unknown.first() {
        return Err(Failure::failed("looking for what the step has made failed")
            .cause(format!("what there is of {version} can't be listed: its server does not respond")));
    }
    let step = cx.step().as_str();
    let is_made = |object: &LiveObject| {
        object.is_of_step(&marks, step) && !object.is_of_others(&marks) && !object.is_being_deleted()
    };
    let mut of_step: Vec<LiveObject> = found.into_iter().filter(is_made).collect();
    order_live(&mut of_step);
    let mut judged = Vec::new();
    for object in of_step.into_iter().rev() {
        judged.push(kube.judge(object, &marks, TAKEN_DOWN).await?);
    }
    Ok(judged)
}
