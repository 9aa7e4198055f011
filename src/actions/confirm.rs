//! `confirm`: a person says that something is so.

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext};
use crate::error::{Failure, ids};
use crate::files::Globs;
use crate::fingerprint::Inputs;
use crate::model::{Output, ProofKind};
use crate::tools::machine::user_name;

/// How often an answer that is neither yes nor no is asked for again.
const ATTEMPTS: usize = 5;

/// Settings of `confirm`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Confirm {
    /// What the person at the terminal is asked, in one line: a sentence, or a question, that `yes` answers.
    /// Another text is asked again.
    text: String,
    /// Globs of the files that the answer is about, relative to the project; `!GLOB` leaves files out. When one of them
    /// changes, the person is asked again.
    #[serde(default)]
    inputs: Vec<String>,
}

impl ActionSettings for Confirm {
    const NAME: &'static str = "confirm";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Asks the person at the terminal, and is done when the answer is yes; where nobody can \
         be asked the step stays open, what needs it waits, and the run ends with exit code 1";
    const EXAMPLE: &'static str = "text = \"the advice on the images was read, and applied where it helps\"\n\
        inputs = [\"docs/advice.md\"]";
    const OUTPUTS: &'static [(&'static str, &'static str)] =
        &[("by", "the account of the person"), ("at", "when the answer was given"), ("text", "what was confirmed")];

    fn validate(&self) -> Result<(), String> {
        if self.text.trim().is_empty() {
            return Err("`text` is empty".into());
        }
        if self.text.trim().contains('\n') {
            return Err("`text` has several lines: it is asked in one".into());
        }
        Globs::of(&self.inputs).sets(".".as_ref()).map(drop)
    }
}

/// What an answer says; `None` if neither yes nor no.
fn meaning(answer: &str) -> Option<bool> {
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "n" | "no" => Some(false),
        _ => None,
    }
}

impl Confirm {
    async fn ask(&self, cx: &StepContext) -> Result<Output, Failure> {
        let text = self.text.trim();
        for attempt in 0..ATTEMPTS {
            let again = if attempt > 0 { "please answer `yes` or `no`: " } else { "" };
            let Some(answer) = cx.ask(&format!("{again}{text} [yes/no]")).await? else {
                return Err(Failure::of(ids::ANSWER_NO, format!("nobody has answered: {text}")));
            };
            let by = user_name();
            match meaning(&answer) {
                Some(true) => {
                    let at =
                        jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_else(|_| jiff::Timestamp::now());
                    return Ok(Output::new()
                        .with("by", by)
                        .with("at", at.to_string())
                        .with("text", cx.tools().redactor().text(text)));
                }
                Some(false) => return Err(Failure::of(ids::ANSWER_NO, format!("{by} answered no: {text}"))),
                None => {}
            }
        }
        Err(Failure::of(ids::ANSWER_NO, format!("the answer was neither yes nor no, {ATTEMPTS} times: {text}")))
    }
}

impl Action for Confirm {
    fn needs_person(&self) -> bool {
        true
    }

    fn proof(&self) -> ProofKind {
        ProofKind::Confirmed
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(cx.add_declared_files(&self.inputs, inputs))
    }

    /// What a person has said stands until the question or what it is about changes.
    fn probe<'a>(&'a self, _cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(std::future::ready(Ok(Presence::Present)))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(self.ask(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_and_only_clear_answers_count() {
        for (text, is_valid) in [(Confirm::EXAMPLE, true), ("text = \" \"", false), ("text = \"a\\nb\"", false)] {
            let settings: Confirm = toml::from_str(text).unwrap();
            assert_eq!(settings.validate().is_ok(), is_valid, "{text}");
        }
        for (answer, said) in [(" Yes ", Some(true)), ("y", Some(true)), ("NO", Some(false)), ("", None), ("yep", None)]
        {
            assert_eq!(meaning(answer), said, "{answer}");
        }
    }
}
