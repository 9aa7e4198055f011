//! [`Scope`]: what the names in an expression stand for at one place of the file.

use std::collections::BTreeMap;

use minijinja::Value;

use super::lexer::Name;
use super::nearest::suggest;
use crate::action::ActionType;
use crate::model::{IdMap, StepId};
use crate::tools::secrets::SecretSource;

/// The beginnings that a name in an expression can have.
pub(super) const NAMESPACES: [&str; 6] = ["vars", "env", "cluster", "pipeline", "steps", "secrets"];

/// The variables; `None` for one whose value is wrong, which has been reported.
pub(super) type Vars = BTreeMap<String, Option<Value>>;

/// A step, as other steps see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The place of its stage in the file.
    pub(super) stage: usize,
    /// Its action; `None` where the file names none that there is.
    pub(super) action: Option<&'static ActionType>,
    /// Whether the profile leaves it in.
    pub(super) kept: bool,
}

/// All steps of the file.
pub(super) type Steps = IdMap<StepId, Known>;

/// Their ids, in order: for suggestions.
pub(super) fn ids(steps: &Steps) -> Vec<&StepId> {
    let mut ids: Vec<&StepId> = steps.keys().collect();
    ids.sort();
    ids
}

/// What names stand for at one place.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) vars: &'a Vars,
    pub(super) pipeline: &'a str,
    /// The facts of the cluster: name and value.
    pub(super) cluster: Option<&'a BTreeMap<&'static str, String>>,
    /// All steps, and the one that asks.
    pub(super) steps: Option<(&'a Steps, &'a StepId)>,
    /// The declared secrets, and whether they may be used at this place.
    pub(super) secrets: Option<(&'a BTreeMap<String, SecretSource>, &'a SecretPlace)>,
}

/// Whether a secret may stand at a place.
#[derive(Clone, Debug)]
pub(super) enum SecretPlace {
    Here,
    /// Only in these settings of the action.
    OnlyIn(&'static [&'static str]),
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// This value.
    Value(Value),
    /// This value, which another machine would not have: no part of a fingerprint.
    Host(Value),
    /// Nothing, and why. An error unless the expression says what stands in for it.
    Unset(String),
    /// What this step will hand on under this name.
    Output(StepId, String),
    /// A secret, which the action fills in.
    Secret(String),
    /// A value that was reported as wrong where it is declared.
    Broken,
}

/// Why a name stands for nothing.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Unknown {
    fn new(message: impl Into<String>, help: Option<String>) -> Self {
        Self { message: message.into(), help }
    }
}

impl Scope<'_> {
    /// What `name` stands for.
    pub(super) fn target(&self, name: &Name) -> Result<Target, Unknown> {
        let parts: Vec<&str> = name.parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["vars", var] => self.var(var),
            ["env", variable] => Ok(match self.env.get(*variable) {
                Some(value) => Target::Value(value.as_str().into()),
                None => Target::Unset(format!("the environment variable `{variable}` is not set")),
            }),
            ["pipeline", "name"] => Ok(Target::Value(self.pipeline.into())),
            ["pipeline", fact] => {
                Err(Unknown::new(format!("`pipeline` has no `{fact}`"), Some("there is: `name`".into())))
            }
            ["cluster", fact] => self.cluster(fact),
            ["steps", stage, step, fact] => self.output(stage, step, fact),
            ["secrets", secret] => self.secret(secret),
            _ => Err(Unknown::new(
                format!("`{}` is not whole", parts.join(".")),
                Some(match parts.first() {
                    Some(&"steps") => "an output is `steps.STAGE.STEP.NAME`".into(),
                    first => format!("write `{}.NAME`", first.unwrap_or(&"vars")),
                }),
            )),
        }
    }

    fn var(&self, name: &str) -> Result<Target, Unknown> {
        match self.vars.get(name) {
            Some(Some(value)) => Ok(Target::Value(value.clone())),
            Some(None) => Ok(Target::Broken),
            None => {
                let names = self.vars.keys().map(String::as_str);
                // `vars.port-1` is the name `port-1`; whoever means a difference has to say so.
                let minus = name.split('-').next().filter(|first| self.vars.contains_key(*first));
                let help = match minus {
                    Some(first) if first != name => {
                        Some(format!("there is `{first}`; a minus sign needs spaces around it: `vars.{first} - 1`"))
                    }
                    _ => suggest(name, names).or_else(|| Some("variables are declared in `[vars]`".into())),
                };
                Err(Unknown::new(format!("there is no variable `{name}`"), help))
            }
        }
    }

    fn cluster(&self, fact: &str) -> Result<Target, Unknown> {
        let Some(facts) = self.cluster else {
            return Err(Unknown::new(
                "the cluster is not known here",
                Some("it is declared in `[cluster]`, and known in the stages".into()),
            ));
        };
        match facts.get(fact) {
            Some(value) if fact == "kubeconfig" => Ok(Target::Host(value.as_str().into())),
            Some(value) => Ok(Target::Value(value.as_str().into())),
            None => Err(Unknown::new(format!("`cluster` has no `{fact}`"), suggest(fact, facts.keys().copied()))),
        }
    }

    fn output(&self, stage: &str, step: &str, fact: &str) -> Result<Target, Unknown> {
        let Some((steps, me)) = self.steps else {
            return Err(Unknown::new("outputs of steps are not known here", None));
        };
        let id = StepId::new(&format!("{stage}.{step}")).ok();
        let Some((id, known)) = id.and_then(|id| steps.get(&id).map(|known| (id, known))) else {
            let name = format!("{stage}.{step}");
            let help = suggest(&name, ids(steps).into_iter().map(StepId::as_str));
            return Err(Unknown::new(format!("there is no step `{name}`"), help));
        };
        if id == *me {
            return Err(Unknown::new(format!("step `{me}` can't use its own output"), None));
        }
        if steps.get(me).is_some_and(|mine| known.stage > mine.stage) {
            return Err(Unknown::new(
                format!("`{id}` is in a later stage than `{me}`"),
                Some("move the stage up, or this step down".into()),
            ));
        }
        if let Some(action) = known.action
            && !action.outputs.iter().any(|(name, _)| *name == fact || *name == "*")
        {
            let names = action.outputs.iter().map(|(name, _)| *name);
            let help = suggest(fact, names).or_else(|| Some(format!("action `{}` hands on nothing", action.name)));
            return Err(Unknown::new(format!("step `{id}` (action `{}`) hands on no `{fact}`", action.name), help));
        }
        Ok(if known.kept {
            Target::Output(id, fact.to_owned())
        } else {
            Target::Unset(format!("stage `{stage}` is left out by the profile"))
        })
    }

    fn secret(&self, name: &str) -> Result<Target, Unknown> {
        let Some((secrets, place)) = self.secrets else {
            return Err(Unknown::new(
                "secrets are not filled in here",
                Some("only settings of actions that are made for it take `${{ secrets.NAME }}`".into()),
            ));
        };
        if !secrets.contains_key(name) {
            let help = suggest(name, secrets.keys().map(String::as_str))
                .or_else(|| Some("secrets are declared in `[secrets]`".into()));
            return Err(Unknown::new(format!("there is no secret `{name}`"), help));
        }
        match place {
            SecretPlace::Here => Ok(Target::Secret(name.to_owned())),
            SecretPlace::OnlyIn([]) => Err(Unknown::new("this action takes no secrets", None)),
            SecretPlace::OnlyIn(settings) => {
                let settings: Vec<String> = settings.iter().map(|setting| format!("`{setting}`")).collect();
                Err(Unknown::new(format!("secrets are only filled in in {} of this action", settings.join(", ")), None))
            }
        }
    }
}
