//! `secret-apply`: a Secret of Kubernetes holds the declared secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::action::{Action, ActionSettings, Presence, StepContext, defaults};
use crate::error::{Failure, FailureKind};
use crate::fingerprint::{Digest, Inputs};
use crate::model::Output;
use crate::tools::Tools;
use crate::tools::kubernetes::{Kube, SecretObject};
use crate::tools::secrets::{self, SecretSource, SecretValue};

/// Marks what we made; also how a secret that another step has generated is found again.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "provision");

/// The annotation that says which key holds a generated secret; the secret's name follows.
const GENERATED: &str = "provision.generated/";

/// One step at a time looks for a generated secret and makes it, so that two never make it twice.
static GENERATING: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

/// Settings of `secret-apply`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SecretApply {
    /// The Secret's name.
    name: String,
    /// Its namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// Its keys with their values, in which `${{ secrets.NAME }}` stands for a declared secret. A secret that is
    /// generated is made once and then lives in the cluster alone: one key has to hold just it, to find it there again.
    data: BTreeMap<String, String>,
    /// Its labels.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Its type.
    #[serde(default = "opaque", rename = "type")]
    kind: String,
    /// Whether the namespace is made when it is missing.
    #[serde(default = "defaults::yes")]
    create_namespace: bool,
}

fn opaque() -> String {
    "Opaque".into()
}

impl ActionSettings for SecretApply {
    const NAME: &'static str = "secret-apply";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Puts declared secrets into a Secret of the cluster, by the API alone; done when it is \
         there with the same content";
    const EXAMPLE: &'static str = "name = \"todo-secrets\"\nnamespace = \"todo\"\n\
        data = { JWT_SECRET = \"${{ secrets.JWT_SECRET }}\" }";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("name", "the Secret's name"),
        ("namespace", "its namespace"),
        ("keys", "its keys"),
        ("digest", "changes when its content does; tells nothing of it"),
    ];
    const IN_CLUSTER: bool = true;
    const SECRET_SETTINGS: &'static [&'static str] = &["data"];

    fn validate(&self) -> Result<(), String> {
        if self.data.is_empty() {
            return Err("`data` needs at least one key".into());
        }
        for (key, text) in &self.data {
            parse(text).map_err(|why| format!("`data.{key}`: {why}"))?;
        }
        Ok(())
    }
}

impl Action for SecretApply {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for name in self.names()? {
                // One that is generated is the cluster's; the probe looks at it.
                if let Some(value) = cx.tools().secrets().value(&name)? {
                    let digest = secrets::keyed_digest(cx.tools().state_dir(), value.expose().as_bytes())?;
                    inputs.digest(format!("secret {name}"), digest);
                }
            }
            Ok(())
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            let Some(secret) = kube.secret(&self.namespace, &self.name).await? else {
                return Ok(Presence::Missing(format!("the Secret `{}` is gone", self.name)));
            };
            self.mask_generated(cx, &secret.data)?;
            let ours: BTreeMap<String, Vec<u8>> =
                secret.data.into_iter().filter(|(key, _)| self.data.contains_key(key)).collect();
            let digest = digest(cx.tools(), &secret.kind, &ours)?.to_string();
            Ok(if output.get("digest").is_none_or(|old| old == digest) {
                Presence::Present
            } else {
                Presence::Missing(format!("the Secret `{}` has another content by now", self.name))
            })
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let work = async {
                let kube = cx.tools().kube().await?;
                self.apply(cx, &kube).await
            };
            cx.unless_cancelled("applying the Secret", work).await
        })
    }
}

impl SecretApply {
    async fn apply(&self, cx: &StepContext, kube: &Kube) -> Result<Output, Failure> {
        if self.create_namespace && kube.ensure_namespace(&self.namespace).await? {
            cx.line(&format!("made the namespace `{}`", self.namespace));
        }
        let turn = GENERATING.lock().await;
        let mut values = BTreeMap::new();
        let mut annotations = BTreeMap::new();
        for name in self.names()? {
            let value = if let Some(value) = cx.tools().secrets().value(&name)? {
                value
            } else {
                let key = self.key_of(&name)?;
                annotations.insert(format!("{GENERATED}{name}"), key.clone());
                self.generated(cx, kube, &name, &key).await?
            };
            values.insert(name, value);
        }
        let mut data = BTreeMap::new();
        for (key, text) in &self.data {
            data.insert(key.clone(), fill(text, &values)?.into_bytes());
        }
        let mut labels = self.labels.clone();
        labels.entry(MANAGED_BY.0.into()).or_insert_with(|| MANAGED_BY.1.into());
        let object = SecretObject {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            kind: self.kind.clone(),
            labels,
            annotations,
            data,
        };
        kube.apply_secret(&object).await?;
        drop(turn);
        let keys: Vec<&str> = object.data.keys().map(String::as_str).collect();
        cx.line(&format!("Secret `{}` in `{}`: {}", self.name, self.namespace, keys.join(", ")));
        Ok(Output::new()
            .with("name", &self.name)
            .with("namespace", &self.namespace)
            .with("keys", keys.join(","))
            .with("digest", digest(cx.tools(), &self.kind, &object.data)?.to_string()))
    }

    /// The declared secrets that are used, in order.
    fn names(&self) -> Result<BTreeSet<String>, Failure> {
        let mut names = BTreeSet::new();
        for text in self.data.values() {
            for part in parse(text).map_err(Failure::bug)? {
                if let Part::Secret(name) = part {
                    names.insert(name.to_owned());
                }
            }
        }
        Ok(names)
    }

    /// The key that holds just the generated secret `name`.
    fn key_of(&self, name: &str) -> Result<String, Failure> {
        let whole = |text: &String| parse(text).is_ok_and(|parts| parts == [Part::Secret(name)]);
        self.data.iter().find(|(_, text)| whole(text)).map(|(key, _)| key.clone()).ok_or_else(|| {
            Failure::new(
                FailureKind::Config,
                format!("the generated secret `{name}` can't be found again in the Secret `{}`", self.name),
            )
            .cause("no key of its `data` holds just it")
            .hint(format!("add a key to `data`: {name} = \"${{{{ secrets.{name} }}}}\""))
        })
    }

    /// Keeps the generated secrets that are in `data` out of whatever is written from now on: later steps may come across
    /// them.
    fn mask_generated(&self, cx: &StepContext, data: &BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
        for name in self.names()? {
            if matches!(cx.tools().secrets().source(&name), Some(SecretSource::Generate { .. }))
                && let Some(value) = data.get(&self.key_of(&name)?).and_then(|bytes| std::str::from_utf8(bytes).ok())
            {
                cx.tools().redactor().register(value);
            }
        }
        Ok(())
    }

    /// The value of a generated secret: the one that is there, in this Secret or in another of ours; else a new one.
    async fn generated(&self, cx: &StepContext, kube: &Kube, name: &str, key: &str) -> Result<SecretValue, Failure> {
        let Some(SecretSource::Generate { bytes }) = cx.tools().secrets().source(name) else {
            return Err(Failure::bug(format!("`{name}` is no generated secret")));
        };
        let mut places = vec![(self.name.clone(), key.to_owned())];
        let selector = format!("{}={}", MANAGED_BY.0, MANAGED_BY.1);
        for (secret, annotations) in kube.secret_annotations(&self.namespace, &selector).await? {
            if let Some(key) = annotations.get(&format!("{GENERATED}{name}")) {
                places.push((secret, key.clone()));
            }
        }
        for (secret, key) in places {
            let found = kube.secret(&self.namespace, &secret).await?;
            let value = found.and_then(|mut found| String::from_utf8(found.data.remove(&key)?).ok());
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                return Ok(SecretValue::new(value, cx.tools().redactor()));
            }
        }
        cx.line(&format!("generated `{name}`"));
        secrets::generate(*bytes, cx.tools().redactor())
    }
}

/// A digest of a Secret's content that tells nothing of it.
fn digest(tools: &Tools, kind: &str, data: &BTreeMap<String, Vec<u8>>) -> Result<Digest, Failure> {
    let mut bytes = Vec::new();
    let mut add = |part: &[u8]| {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    };
    add(kind.as_bytes());
    for (key, value) in data {
        add(key.as_bytes());
        add(value);
    }
    secrets::keyed_digest(tools.state_dir(), &bytes)
}

/// A piece of a value.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Secret(&'a str),
}

/// Splits a value at its `${{ secrets.NAME }}`; all other expressions are filled in by now.
fn parse(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${{") {
        if at > 0 {
            parts.push(Part::Text(&rest[..at]));
        }
        let body = &rest[at + 3..];
        let end = body.find("}}").ok_or("`${{` without `}}`")?;
        let expression = body[..end].trim();
        let name = expression
            .strip_prefix("secrets.")
            .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .ok_or_else(|| format!("`${{{{ {expression} }}}}` is not `secrets.NAME`"))?;
        parts.push(Part::Secret(name));
        rest = &body[end + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

fn fill(text: &str, values: &BTreeMap<String, SecretValue>) -> Result<String, Failure> {
    let mut filled = String::new();
    for part in parse(text).map_err(Failure::bug)? {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Secret(name) => {
                let value = values.get(name).ok_or_else(|| Failure::bug(format!("no value for `{name}`")))?;
                filled.push_str(value.expose());
            }
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_split_at_their_secrets() {
        let cases: [(&str, Vec<Part<'_>>); 5] = [
            ("", vec![]),
            ("plain $x {{ y }}", vec![Part::Text("plain $x {{ y }}")]),
            ("${{ secrets.A }}", vec![Part::Secret("A")]),
            ("${{secrets.A}}${{  secrets.b-2  }}", vec![Part::Secret("A"), Part::Secret("b-2")]),
            (
                "postgres://u:${{ secrets.PW }}@db/x",
                vec![Part::Text("postgres://u:"), Part::Secret("PW"), Part::Text("@db/x")],
            ),
        ];
        for (text, parts) in cases {
            assert_eq!(parse(text).unwrap(), parts, "{text}");
        }
        for bad in ["${{ secrets.A", "${{ vars.a }}", "${{ secrets. }}", "${{ secrets.a b }}", "${{}}"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    fn settings(data: &[(&str, &str)]) -> SecretApply {
        SecretApply {
            name: "s".into(),
            namespace: "n".into(),
            data: data.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            labels: BTreeMap::new(),
            kind: opaque(),
            create_namespace: true,
        }
    }

    #[test]
    fn a_generated_secret_needs_a_key_of_its_own() {
        let url = ("URL", "x:${{ secrets.PW }}");
        let failure = settings(&[url]).key_of("PW").unwrap_err();
        assert_eq!(failure.hints, ["add a key to `data`: PW = \"${{ secrets.PW }}\""]);
        let key = settings(&[url, ("PASS", " ${{ secrets.PW }}"), ("PW", "${{ secrets.PW }}")]).key_of("PW");
        assert_eq!(key.unwrap(), "PW");
    }

    #[test]
    fn parts_of_a_digest_do_not_run_into_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let redactor = crate::redact::Redactor::new();
        let secrets = secrets::Secrets::default();
        let tools = Tools::new(dir.path().into(), dir.path().into(), secrets, None, redactor);
        let of = |data: &[(&str, &str)]| {
            let data = data.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect();
            digest(&tools, "Opaque", &data).unwrap()
        };
        assert_ne!(of(&[("a", "bc")]), of(&[("ab", "c")]));
        assert_eq!(of(&[("a", "b"), ("c", "d")]), of(&[("c", "d"), ("a", "b")]));
    }
}
