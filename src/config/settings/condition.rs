//! [`condition`]: a step's `when`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::config::expr::scope::{Env, Scope};
use crate::config::expr::template::Template;
use crate::config::sections::stages::StepDecl;
use crate::config::syntax::diagnostic::{Diagnostic, Diagnostics, Report, Source};
use crate::config::syntax::node::{Node, Value};
use crate::error::Failure;
use crate::model::StepId;
use crate::pipeline::{Condition, Outputs};

/// In a condition no variable is a secret.
static NO_SECRETS: BTreeMap<String, String> = BTreeMap::new();

/// Compiles the `when` of `step`, and returns it with the outputs that it uses. Returns `None` if there is none, and
/// after reporting an error.
pub(in crate::config) fn condition(
    report: &Report,
    step: &StepDecl,
    scope: &Scope<'_>,
) -> Option<(Condition, Vec<(StepId, String)>)> {
    let node = step.when.as_ref()?;
    let text = match &node.value {
        Value::String(text) => text,
        Value::Boolean(value) => return Some((constant(*value), Vec::new())),
        _ => {
            let message = format!("`when` must be an expression, not {}", node.kind());
            report.error(node.span.clone(), "", message);
            return None;
        }
    };
    // The value of a condition is true or false, and says nothing of a secret but whether it is there.
    let env = Env { secrets: &NO_SECRETS, ..scope.env };
    let template = Template::condition(report, &node.span, text, &Scope { env, ..*scope })?;
    if template.is_invalid() {
        return None;
    }
    let uses = template.uses();
    let when = When { template, source: Arc::clone(report.source()), span: node.span.clone() };
    if uses.is_empty() {
        return match when.eval(&Outputs::default()) {
            Ok(value) => Some((constant(value), uses)),
            Err(errors) => {
                for error in errors {
                    report.add(error);
                }
                None
            }
        };
    }
    let id = step.id.clone();
    let decide = move |outputs: &Outputs| {
        when.eval(outputs).map_err(|errors| {
            Failure::from(Diagnostics::new(errors)).while_doing(format!("can't evaluate `when` of step `{id}`"))
        })
    };
    Some((Condition { decide: Arc::new(decide), uses_outputs: true }, uses))
}

fn constant(value: bool) -> Condition {
    Condition { decide: Arc::new(move |_| Ok(value)), uses_outputs: false }
}

/// A compiled `when`.
struct When {
    template: Template,
    source: Arc<Source>,
    span: Range<usize>,
}

impl When {
    fn eval(&self, outputs: &Outputs) -> Result<bool, Vec<Diagnostic>> {
        match self.template.eval(outputs) {
            Ok(Value::Boolean(value)) => Ok(value),
            Ok(value) => {
                let node = Node { span: self.span.clone(), value };
                let error = Diagnostic::error(format!("`when` must be `true` or `false`, not {}", node.kind()));
                Err(vec![error.at(&self.source, node.span, "").help("compare it: `env.CI == 'true'`")])
            }
            Err(errors) => Err(errors.into_iter().map(|error| error.diagnostic(&self.source)).collect()),
        }
    }
}
