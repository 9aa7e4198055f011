//! What answered a request that is not repeated, because it may change something: by content, so that it is noticed
//! when something else answers now.

use std::collections::BTreeMap;

use super::{HttpCheck, Target};
use crate::action::StepContext;
use crate::error::Failure;
use crate::fingerprint::{Digest, Inputs};
use crate::model::Output;
use crate::tools::kubernetes::Kube;

/// The fact with a digest of each part.
const SERVED: &str = ".served";

impl HttpCheck {
    /// Returns `output` with what has answered, if the request is not repeated.
    pub(super) async fn with_served(
        &self,
        cx: &StepContext,
        target: &Target,
        output: Output,
    ) -> Result<Output, Failure> {
        let Some((_, kube, namespace, service)) = target.forward.as_ref().filter(|_| !self.only_reads()) else {
            return Ok(output);
        };
        cx.unless_cancelled("reading what has answered", note(kube, namespace, service, output)).await
    }
}

/// Returns `output` with what is behind the Service `service` now.
async fn note(kube: &Kube, namespace: &str, service: &str, output: Output) -> Result<Output, Failure> {
    let Some(parts) = kube.behind(namespace, service).await? else { return Ok(output) };
    Ok(output.with(SERVED, text(&parts)))
}

/// Says that something else is behind the Service now than when the request that ended with `output` was answered.
pub(super) async fn changed(
    kube: &Kube,
    namespace: &str,
    service: &str,
    output: &Output,
) -> Result<Option<String>, Failure> {
    let Some(parts) = kube.behind(namespace, service).await? else {
        return Ok(Some(format!("service/{service} is gone")));
    };
    let Some(noted) = output.get(SERVED) else {
        return Ok(Some(format!("it is not on record what was behind service/{service} when it was asked")));
    };
    let labels = read(&text(&parts)).changed_labels(&read(noted));
    Ok((!labels.is_empty())
        .then(|| format!("what answered is not what is behind service/{service} now: {} changed", labels.join(", "))))
}

/// A line for each part.
fn text(parts: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> =
        parts.iter().map(|(name, text)| format!("{} {name}", Digest::of(text.as_bytes()))).collect();
    lines.join("\n")
}

fn read(text: &str) -> Inputs {
    let parts = text.lines().filter_map(|line| line.split_once(' '));
    parts.filter_map(|(digest, name)| Some((name.to_owned(), Digest::parse(digest)?))).collect()
}
