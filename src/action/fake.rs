//! For tests: the context of a step of the pipeline `shop`, whose log lies in the project's folder.

use std::path::Path;
use std::sync::Arc;

use super::{StepContext, StepScope};
use crate::event::{StepLog, event_channel};
use crate::files::Verify;
use crate::model::StepId;
use crate::redact::Redactor;
use crate::tools::deletion::Consent;
use crate::tools::secrets::Secrets;
use crate::tools::{Cancel, Tools};

/// The context of the step `step` of a pipeline with the steps `steps`.
pub(crate) fn context(folder: &Path, steps: &[&str], step: &str, consent: Consent) -> StepContext {
    context_verifying(folder, steps, step, consent, Verify::Stat)
}

/// The same, where files are compared like this.
pub(crate) fn context_verifying(
    folder: &Path,
    steps: &[&str],
    step: &str,
    consent: Consent,
    verify: Verify,
) -> StepContext {
    let tools = Tools::new(folder.into(), folder.into(), Secrets::default(), None, Redactor::new())
        .verifying(verify)
        .of_pipeline("shop", steps.iter().map(|step| StepId::new(step).unwrap()))
        .consenting(consent);
    let step = StepId::new(step).unwrap();
    let (sink, _) = event_channel();
    let log = StepLog::new(folder.into(), step.clone());
    Arc::new(StepScope::new(Arc::new(tools), sink, Arc::new(|_, _| {}))).of(step, log, Cancel::new(), None)
}

/// Returns the step's log; nothing can be added to it any more.
pub(crate) fn log_of(cx: &StepContext) -> String {
    cx.finish().unwrap();
    fs_err::read_to_string(cx.path(&format!("{}.log", cx.step()))).unwrap_or_default()
}
