//! The stage that makes the Secrets which the deployment refers to and does not have.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::survey::Survey;
use crate::init::detect::is_secret_name;
use crate::init::draft::{Proof, SecretDraft, StageDraft, StepDraft};
use crate::init::facts::SecretUse;
use crate::init::forms::{Form, FormKind};
use crate::init::names::{id_of, is_object_name, unique, variable_of};

/// Words of keys that say nothing without the name of their Secret.
const COMMON: &[&str] =
    &["PASSWORD", "USERNAME", "USER", "TOKEN", "SECRET", "KEY", "URL", "HOST", "URI", "API_KEY", "VALUE"];

/// Words of a secret that nobody outside of the deployment has to know, so that it can be made.
const MADE: &[&str] = &["PASSWORD", "PASSWD", "SECRET", "SALT", "JWT", "SESSION", "COOKIE", "SIGNING", "ENCRYPTION"];

/// Words of a secret that somebody else has issued.
const ISSUED: &[&str] = &[
    "API",
    "CLIENT",
    "ACCESS",
    "OAUTH",
    "AWS",
    "AZURE",
    "GCP",
    "GOOGLE",
    "GITHUB",
    "GITLAB",
    "SLACK",
    "STRIPE",
    "SMTP",
    "MAIL",
    "WEBHOOK",
    "URL",
    "URI",
    "DSN",
    "ADMIN",
    "OPENAI",
    "ANTHROPIC",
    "PRIVATE",
    "TWILIO",
    "SENDGRID",
];

/// Returns the stage, if there is a Secret to make, and adds the secrets that it uses.
pub(super) fn stage(
    survey: &Survey,
    namespace: &str,
    secrets: &mut Vec<SecretDraft>,
    doubts: &mut Vec<String>,
) -> Option<StageDraft> {
    let all = used(survey, doubts);
    let mut steps = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for key in all.values().flat_map(|(_, keys)| keys.keys()) {
        *counts.entry(variable_of(key)).or_default() += 1;
    }
    let (mut taken, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (name, (secret, keys)) in &all {
        let mut data = Table::new();
        for (key, is_optional) in keys {
            let plain = variable_of(key);
            let is_unclear = COMMON.contains(&plain.as_str()) || counts.get(&plain).is_some_and(|n| *n > 1);
            let variable = if is_unclear { format!("{}_{plain}", variable_of(name)) } else { plain };
            data.insert(key.clone(), Value::String(format!("${{{{ secrets.{variable} }}}}")));
            if taken.insert(variable.clone()) {
                secrets.push(SecretDraft {
                    is_generated: is_made_up(&variable),
                    is_optional: *is_optional,
                    name: variable,
                    is_given: false,
                });
            }
        }
        let mut step = StepDraft::new(unique(&id_of(name), &mut ids), "secret-apply")
            .set("name", name.as_str())
            .formula("namespace", namespace_of(secret, namespace));
        step.tables.push(("data", data.into_iter().map(|(key, value)| (vec![key], value)).collect()));
        steps.push(step.proves(Proof::Secret(name.clone())));
    }
    (!steps.is_empty()).then(|| StageDraft {
        id: "secrets",
        title: "Make the Secrets".into(),
        needs: Some(vec!["cluster"]),
        steps,
    })
}

fn namespace_of(secret: &SecretUse, namespace: &str) -> String {
    match &secret.namespace {
        Some(own) if own != namespace => own.clone(),
        _ => "${{ vars.namespace }}".to_owned(),
    }
}

/// Returns the Secrets that are used and not made, with their keys and whether each may be missing.
fn used(survey: &Survey, doubts: &mut Vec<String>) -> BTreeMap<String, (SecretUse, BTreeMap<String, bool>)> {
    let mut found: BTreeMap<String, (SecretUse, BTreeMap<String, bool>)> = BTreeMap::new();
    let variables = survey.findings.variables.iter().map(String::as_str);
    let from_example: Vec<&str> = variables.filter(|variable| is_secret_name(variable)).collect();
    for (_, form) in survey.active() {
        let named = form.facts.iter().flat_map(|facts| &facts.secrets).filter(|(name, _)| is_object_name(name));
        let (made, wanted): (Vec<_>, Vec<_>) = named.partition(|(_, secret)| secret.is_made);
        doubts.extend(made_by_itself(form, &made.into_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()));
        for (name, secret) in wanted {
            let mut keys = secret.keys.clone();
            // Who names all of it names none: the example of an `.env` file has the names.
            if secret.all_variables {
                for variable in &from_example {
                    keys.entry((*variable).to_owned()).or_insert(secret.is_optional);
                }
            }
            if keys.is_empty() || (secret.is_mounted && secret.keys.is_empty()) {
                let what = if secret.is_optional { "may use" } else { "need" };
                doubts.push(format!("{}: its pods {what} the Secret `{name}`, and nothing says which keys it has: add a `secret-apply` step for it", form.title()));
                continue;
            }
            let known = found.entry(name.clone()).or_insert_with(|| (secret.clone(), BTreeMap::new()));
            for (key, is_optional) in keys {
                let is_needed = known.1.entry(key).or_insert(true);
                *is_needed &= is_optional;
            }
        }
    }
    found
}

/// What there is to say of the Secrets that are among the objects.
fn made_by_itself(form: &Form, names: &[&str]) -> Option<String> {
    let (title, all) = (form.title(), names.join("`, `"));
    let what = if names.len() == 1 { "Secret" } else { "Secrets" };
    (!names.is_empty()).then(|| match form.kind {
        FormKind::Chart(_) => format!(
            "{title}: it makes the {what} `{all}` from its own values; real ones belong into no file: let a `secret-apply` step make them, if the chart can use what is there"
        ),
        _ => format!(
            "{title}: the values of the {what} `{all}` stand in the repository, where everybody who has it can read them: real ones have to be changed, and made by a `secret-apply` step instead"
        ),
    })
}

/// Whether the value may be made at random.
fn is_made_up(name: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    words.iter().any(|word| MADE.contains(word)) && !words.iter().any(|word| ISSUED.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::facts::Facts;

    #[test]
    fn of_a_secret_with_its_values_in_the_repository_it_is_said_what_there_is_to_do() {
        for kind in
            [FormKind::Manifests(Vec::new()), FormKind::Kustomization(Vec::new()), FormKind::Chart(Box::default())]
        {
            let facts = Facts {
                secrets: ["db", "mail"]
                    .map(|name| (name.to_owned(), SecretUse { is_made: true, ..SecretUse::default() }))
                    .into(),
                ..Facts::default()
            };
            let form = Form::of(kind, "k", "k", Some(facts));
            let survey = Survey { forms: vec![form], ..Survey::default() };
            let mut doubts = Vec::new();
            assert!(stage(&survey, "shop", &mut Vec::new(), &mut doubts).is_none());
            assert_eq!(doubts.len(), 1, "{doubts:?}");
            assert!(doubts[0].contains("Secrets `db`, `mail`") && doubts[0].contains("`secret-apply`"), "{doubts:?}");
        }
    }

    #[test]
    fn what_somebody_else_has_issued_is_not_made_up() {
        for name in ["JWT_SECRET", "POSTGRES_PASSWORD", "DB_PASSWORD", "SESSION_KEY", "BETTER_AUTH_SECRET"] {
            assert!(is_made_up(name), "{name}");
        }
        for name in
            ["OPENAI_API_KEY", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "OAUTH_CLIENT_SECRET", "TOKEN", "SMTP_PASSWORD"]
        {
            assert!(!is_made_up(name), "{name}");
        }
    }
}
