//! [`Scope`]: resolves the names in an expression at one place of the file.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::Value;

use super::lexer::Name;
use crate::action::ActionType;
use crate::model::{IdMap, StepId};
use crate::suggest::suggest;
use crate::tools::checkout_slug;
use crate::tools::secrets::SecretSource;

/// The variables; `None` for one with an invalid value, which has been reported.
pub(crate) type Vars = BTreeMap<String, Option<Var>>;

/// A variable.
#[derive(Clone, Debug)]
pub(crate) struct Var {
    pub(crate) value: Value,
    /// Whether its value comes from outside of the file.
    pub(crate) outside: bool,
}

/// The environment as expressions see it.
#[derive(Clone, Copy)]
pub(crate) struct Env<'a> {
    pub(crate) variables: &'a BTreeMap<String, String>,
    /// The variables that hold declared secrets, with the names of those.
    pub(crate) secrets: &'a BTreeMap<String, String>,
}

/// The properties of a step that references to it depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepInfo {
    /// The index of its stage.
    pub(crate) stage: usize,
    /// Its action; `None` if it is unknown.
    pub(crate) action: Option<&'static ActionType>,
    /// Whether the profile includes it.
    pub(crate) kept: bool,
}

/// All steps of the file.
pub(crate) type Steps = IdMap<StepId, StepInfo>;

/// Returns their ids in order, for suggestions.
pub(crate) fn ids(steps: &Steps) -> Vec<&StepId> {
    let mut ids: Vec<&StepId> = steps.keys().collect();
    ids.sort();
    ids
}

/// The names that are known at one place.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) env: Env<'a>,
    pub(crate) vars: &'a Vars,
    pub(crate) pipeline: &'a str,
    /// The state folder, which tells this checkout from others.
    pub(crate) state_dir: &'a Path,
    /// The facts of the cluster by name.
    pub(crate) cluster: Option<&'a BTreeMap<&'static str, String>>,
    /// All steps, and the one that the expression belongs to.
    pub(crate) steps: Option<(&'a Steps, &'a StepId)>,
    /// The declared secrets, and whether this place may use them.
    pub(crate) secrets: Option<(&'a BTreeMap<String, SecretSource>, &'a SecretUse)>,
}

/// Whether a place may use secrets.
#[derive(Clone, Debug)]
pub(crate) enum SecretUse {
    Allowed,
    /// Only in these settings of the action.
    OnlyIn(&'static [&'static str]),
}

/// What a name refers to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A value that the file has: its author's text.
    Value(Value),
    /// A value from outside of the file.
    Outside(Value),
    /// A value that differs between machines, so that it is not part of fingerprints.
    Host(Value),
    /// No value, and why. An error unless the expression has a default for it.
    Unset(String),
    /// An output of a step, by its name.
    Output(StepId, String),
    /// A secret, which the action fills in.
    Secret(String),
    /// A value whose declaration is invalid, which has been reported.
    Invalid,
}

/// Why a name can't be resolved.
#[derive(Debug)]
pub(crate) struct UnresolvedName {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl UnresolvedName {
    fn new(message: impl Into<String>, help: Option<String>) -> Self {
        Self { message: message.into(), help }
    }
}

impl Scope<'_> {
    /// Resolves `name`.
    pub(crate) fn resolve(&self, name: &Name) -> Result<Target, UnresolvedName> {
        let parts: Vec<&str> = name.parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["vars", var] => self.var(var),
            ["env", variable] => self.env(variable),
            ["pipeline", "name"] => Ok(Target::Value(self.pipeline.into())),
            ["pipeline", fact] => {
                Err(UnresolvedName::new(format!("`pipeline` has no `{fact}`"), Some("use `name`".into())))
            }
            ["checkout", "slug"] => Ok(self.checkout_slug()),
            ["checkout", fact] => {
                Err(UnresolvedName::new(format!("`checkout` has no `{fact}`"), Some("use `slug`".into())))
            }
            ["cluster", fact] => self.cluster(fact),
            ["steps", stage, step, fact] => self.output(stage, step, fact),
            ["secrets", secret] => self.secret(secret),
            _ => Err(UnresolvedName::new(
                format!("`{}` is incomplete", parts.join(".")),
                Some(match parts.first() {
                    Some(&"steps") => "an output is `steps.STAGE.STEP.NAME`".into(),
                    first => format!("write `{}.NAME`", first.unwrap_or(&"vars")),
                }),
            )),
        }
    }

    /// Of another checkout it is another one, so it is no text of the file's author.
    fn checkout_slug(&self) -> Target {
        match checkout_slug(self.state_dir) {
            Some(slug) => Target::Outside(slug.into()),
            None => Target::Unset("the folder of this checkout can't be resolved".into()),
        }
    }

    /// The variable of a declared secret is that secret, wherever it is read.
    fn env(&self, variable: &str) -> Result<Target, UnresolvedName> {
        if let Some(secret) = self.env.secrets.get(variable) {
            return self.secret(secret).map_err(|_| {
                let in_env =
                    matches!(self.secrets, Some((_, SecretUse::OnlyIn(settings))) if settings.contains(&"env"));
                let help = if in_env {
                    format!(
                        "write `env = {{ {variable} = \"${{{{ secrets.{secret} }}}}\" }}`, and read the variable there"
                    )
                } else {
                    format!("secrets go only where `${{{{ secrets.{secret} }}}}` is accepted")
                };
                UnresolvedName::new(
                    format!("`env.{variable}` is the secret `{secret}`, which can't be used here"),
                    Some(help),
                )
            });
        }
        Ok(match self.env.variables.get(variable) {
            Some(value) => Target::Outside(value.as_str().into()),
            None => Target::Unset(format!("the environment variable `{variable}` is not set")),
        })
    }

    fn var(&self, name: &str) -> Result<Target, UnresolvedName> {
        match self.vars.get(name) {
            Some(Some(var)) if var.outside => Ok(Target::Outside(var.value.clone())),
            Some(Some(var)) => Ok(Target::Value(var.value.clone())),
            Some(None) => Ok(Target::Invalid),
            None => {
                let names = self.vars.keys().map(String::as_str);
                // `vars.port-1` is the name `port-1`, even if a difference was meant.
                let minus = name.split('-').next().filter(|first| self.vars.contains_key(*first));
                let help = match minus {
                    Some(first) if first != name => {
                        Some(format!("for a subtraction, write spaces around the minus sign: `vars.{first} - 1`"))
                    }
                    _ => suggest(name, names).or_else(|| Some("declare variables in `[vars]`".into())),
                };
                Err(UnresolvedName::new(format!("unknown variable `{name}`"), help))
            }
        }
    }

    fn cluster(&self, fact: &str) -> Result<Target, UnresolvedName> {
        let Some(facts) = self.cluster else {
            return Err(UnresolvedName::new(
                "the cluster is not available here",
                Some("declare it in `[cluster]`; only stages and steps can use it".into()),
            ));
        };
        match facts.get(fact) {
            Some(value) if fact == "kubeconfig" => Ok(Target::Host(value.as_str().into())),
            Some(value) => Ok(Target::Outside(value.as_str().into())),
            None => {
                Err(UnresolvedName::new(format!("`cluster` has no `{fact}`"), suggest(fact, facts.keys().copied())))
            }
        }
    }

    fn output(&self, stage: &str, step: &str, fact: &str) -> Result<Target, UnresolvedName> {
        let Some((steps, me)) = self.steps else {
            return Err(UnresolvedName::new("outputs of steps are not available here", None));
        };
        let id = StepId::new(&format!("{stage}.{step}")).ok();
        let Some((id, known)) = id.and_then(|id| steps.get(&id).map(|known| (id, known))) else {
            let name = format!("{stage}.{step}");
            let help = suggest(&name, ids(steps).into_iter().map(StepId::as_str));
            return Err(UnresolvedName::new(format!("unknown step `{name}`"), help));
        };
        if id == *me {
            return Err(UnresolvedName::new(format!("step `{me}` can't use its own output"), None));
        }
        if steps.get(me).is_some_and(|mine| known.stage > mine.stage) {
            return Err(UnresolvedName::new(
                format!("step `{me}` can't use an output of `{id}`, which is in a later stage"),
                Some("move that stage before this one, or this step to a later stage".into()),
            ));
        }
        if let Some(action) = known.action
            && !action.outputs.iter().any(|(name, _)| *name == fact || *name == "*")
        {
            let names = action.outputs.iter().map(|(name, _)| *name);
            let help = suggest(fact, names).or_else(|| Some(format!("action `{}` has no outputs", action.name)));
            return Err(UnresolvedName::new(
                format!("step `{id}` (action `{}`) has no output `{fact}`", action.name),
                help,
            ));
        }
        Ok(if known.kept {
            Target::Output(id, fact.to_owned())
        } else {
            Target::Unset(format!("the profile excludes stage `{stage}`"))
        })
    }

    fn secret(&self, name: &str) -> Result<Target, UnresolvedName> {
        let Some((secrets, place)) = self.secrets else {
            return Err(UnresolvedName::new(
                "secrets can't be used here",
                Some(
                    "only some settings of some actions accept `${{ secrets.NAME }}`; `provision actions` lists them"
                        .into(),
                ),
            ));
        };
        if !secrets.contains_key(name) {
            let help = suggest(name, secrets.keys().map(String::as_str))
                .or_else(|| Some("declare secrets in `[secrets]`".into()));
            return Err(UnresolvedName::new(format!("unknown secret `{name}`"), help));
        }
        match place {
            SecretUse::Allowed => Ok(Target::Secret(name.to_owned())),
            SecretUse::OnlyIn([]) => Err(UnresolvedName::new("this action accepts no secrets", None)),
            SecretUse::OnlyIn(settings) => {
                let settings: Vec<String> = settings.iter().map(|setting| format!("`{setting}`")).collect();
                Err(UnresolvedName::new(format!("this action accepts secrets only in {}", settings.join(", ")), None))
            }
        }
    }
}
