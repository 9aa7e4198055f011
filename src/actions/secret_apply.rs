//! `secret-apply`: a Secret of Kubernetes holds the declared secrets.

mod apply;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names, secrets_in, wait_for_namespace};
use crate::actions::manifest_delete::made;
use crate::error::{Failure, FailureKind, ids};
use crate::fingerprint::{Digest, Inputs};
use crate::model::{Output, SecretPart, split_secret_refs};
use crate::tools::Tools;
use crate::tools::deletion::{Consent, Deletion, TAKEN_DOWN};
use crate::tools::kubernetes::{GENERATED, Judged, Kube, ObjectRef, Owners, SecretObject, SecretState};
use crate::tools::secrets::{self, SecretSource, SecretValue};

/// Marks what we made.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "provision");

/// How often a Secret that somebody changes meanwhile is read again.
const ATTEMPTS: usize = 8;

/// One step at a time finds a generated secret or makes it, so that none is made twice.
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
    /// Its keys with their values, in which `${{ secrets.NAME }}` stands for a declared secret. A generated secret is
    /// made once and then kept only in the cluster: one key must hold it and nothing else, so that it can be found
    /// there.
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
         there with the same content. A key belongs to the step that sets it: steps can share a Secret, but no key";
    const EXAMPLE: &'static str = "name = \"todo-secrets\"\nnamespace = \"todo\"\n\
        data = { JWT_SECRET = \"${{ secrets.JWT_SECRET }}\" }";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("name", "the Secret's name"),
        ("namespace", "its namespace"),
        ("keys", "its keys"),
        ("digest", "changes when its content does; tells nothing of it"),
    ];
    const IDENTITY: &'static [&'static str] = &["name", "namespace"];
    const IN_CLUSTER: bool = true;
    const SECRET_SETTINGS: &'static [&'static str] = &["data"];

    fn validate(&self) -> Result<(), String> {
        names::object("name", &self.name)?;
        names::label("namespace", &self.namespace)?;
        self.data.keys().try_for_each(|key| names::data_key("data", key))?;
        if self.data.is_empty() {
            return Err("`data` needs at least one key".into());
        }
        for (key, text) in &self.data {
            split_secret_refs(text).map_err(|why| format!("`data.{key}`: {why}"))?;
        }
        Ok(())
    }
}

impl Action for SecretApply {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            // A generated one is in the cluster; the probe reads it.
            cx.add_secrets(inputs, self.secrets())
        })
    }

    fn secrets(&self) -> BTreeSet<&str> {
        secrets_in(self.data.values().map(String::as_str))
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
                Presence::Missing(format!("the Secret `{}` now has other content", self.name))
            })
        })
    }

    fn removals<'a>(
        &'a self,
        cx: &'a StepContext,
        _output: &'a Output,
    ) -> BoxFuture<'a, Result<Vec<Deletion>, Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            let secret = self.judged(cx, &kube).await?;
            let secret = secret.map(|judged| judged.withdrawal(&kube, &made::marks(cx)).unwrap_or(judged.deletion));
            // The namespace, if this step has made it, goes after what is in it.
            Ok(secret.into_iter().chain(made::removals(cx).await?).collect())
        })
    }

    fn remove<'a>(&'a self, cx: &'a StepContext, removal: &'a Deletion) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            match self.judged(cx, &kube).await? {
                Some(judged) if judged.withdrawal_subject() == removal.subject => {
                    kube.withdraw(&judged.object, &made::marks(cx)).await
                }
                Some(judged) if judged.deletion.subject == removal.subject => self.delete(&kube, judged).await,
                _ => made::remove(cx, removal).await,
            }
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
    /// Judges the Secret for `down`; `None` if it is not there.
    async fn judged(&self, cx: &StepContext, kube: &Kube) -> Result<Option<Judged>, Failure> {
        let reference = ObjectRef::of_secret(&self.namespace, &self.name);
        let found = kube.live_object(&reference).await?.filter(|found| !found.is_being_deleted());
        Ok(found.map(|found| kube.judge_by_managers(found, &made::marks(cx), TAKEN_DOWN)))
    }

    /// Deletes the Secret as it was judged, if only steps of this pipeline have set something in it.
    async fn delete(&self, kube: &Kube, judged: Judged) -> Result<(), Failure> {
        judged.permit(Consent::None, Consent::Given)?;
        if kube.delete_live(&judged.object).await? {
            return Ok(());
        }
        Err(Failure::of(ids::OBJECT_BUSY, format!("deleting the Secret `{}` failed", self.name))
            .cause("it was changed since it was judged")
            .transient())
    }

    async fn apply(&self, cx: &StepContext, kube: &Kube) -> Result<Output, Failure> {
        let marks = cx.tools().marks();
        wait_for_namespace(cx, kube, &self.namespace).await?;
        if self.create_namespace && kube.make_namespace(&self.namespace, &marks, cx.step().as_str()).await? {
            cx.line(&format!("made the namespace `{}`", self.namespace));
        }
        let turn = GENERATING.lock().await;
        let object = self.apply_to_what_is_there(cx, kube).await?;
        drop(turn);
        let keys: Vec<&str> = object.data.keys().map(String::as_str).collect();
        cx.line(&format!("Secret `{}` in `{}`: {}", self.name, self.namespace, keys.join(", ")));
        Ok(Output::new()
            .with("name", &self.name)
            .with("namespace", &self.namespace)
            .with("keys", keys.join(","))
            .with("digest", digest(cx.tools(), &self.kind, &object.data)?.to_string()))
    }

    /// Applies to the Secret as it is: when somebody changes it meanwhile, it is read again. So of several machines
    /// that generate a secret at the same time one makes it, and the others adopt its value.
    async fn apply_to_what_is_there(&self, cx: &StepContext, kube: &Kube) -> Result<SecretObject, Failure> {
        let owners = Owners::new(cx.tools().pipeline(), cx.tools().steps(), cx.step());
        for _ in 0..ATTEMPTS {
            cx.check_cancel()?;
            let found = kube.secret(&self.namespace, &self.name).await?;
            let object = self.object(cx, kube, &owners, found.as_ref()).await?;
            if found.is_none() && !object.annotations.is_empty() {
                kube.reserve_secret(&object, &owners.manager).await?;
                continue;
            }
            if self.apply_as_owner(cx, kube, &owners, found.as_ref(), &object).await? {
                return Ok(object);
            }
        }
        Err(Failure::of(ids::OBJECT_BUSY, self.failed_as(&owners))
            .cause(format!("it was changed each time between reading and applying, {ATTEMPTS} times"))
            .transient())
    }

    /// The fields of the Secret that are this step's.
    async fn object(
        &self,
        cx: &StepContext,
        kube: &Kube,
        owners: &Owners<'_>,
        found: Option<&SecretState>,
    ) -> Result<SecretObject, Failure> {
        let mut values = BTreeMap::new();
        let mut annotations = BTreeMap::new();
        for name in self.names()? {
            let value = if let Some(value) = cx.tools().secrets().value(&name)? {
                value
            } else {
                let key = self.key_of(&name)?;
                let annotation = format!("{GENERATED}{name}");
                // Another step may have put it into this Secret under a key of its own.
                let of_another = found.is_some_and(|found| {
                    let other = found.annotations.get(&annotation).filter(|other| !self.data.contains_key(*other));
                    other.is_some_and(|other| found.owners_of(other).any(|owner| owners.is_foreign(owner)))
                });
                let value = self.generated(cx, kube, &name, &key).await?;
                if !of_another {
                    annotations.insert(annotation, key);
                }
                value
            };
            values.insert(name, value);
        }
        let mut data = BTreeMap::new();
        for (key, text) in &self.data {
            data.insert(key.clone(), resolved(text, &values)?.into_bytes());
        }
        let mut labels = self.labels.clone();
        // One that somebody else made stays marked as theirs.
        if found.and_then(|found| found.labels.get(MANAGED_BY.0)).is_none_or(|by| by == MANAGED_BY.1) {
            labels.entry(MANAGED_BY.0.into()).or_insert_with(|| MANAGED_BY.1.into());
        }
        Ok(SecretObject {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            kind: self.kind.clone(),
            labels,
            annotations,
            data,
        })
    }

    /// The declared secrets that are used, in order.
    fn names(&self) -> Result<BTreeSet<String>, Failure> {
        let mut names = BTreeSet::new();
        for text in self.data.values() {
            for part in split_secret_refs(text).map_err(Failure::bug)? {
                if let SecretPart::Secret(name) = part {
                    names.insert(name.to_owned());
                }
            }
        }
        Ok(names)
    }

    /// The key that holds just the generated secret `name`.
    fn key_of(&self, name: &str) -> Result<String, Failure> {
        let whole = |text: &String| split_secret_refs(text).is_ok_and(|parts| parts == [SecretPart::Secret(name)]);
        self.data.iter().find(|(_, text)| whole(text)).map(|(key, _)| key.clone()).ok_or_else(|| {
            Failure::new(
                FailureKind::Config,
                format!("the generated secret `{name}` can't be found again in the Secret `{}`", self.name),
            )
            .cause("no key of its `data` holds just it")
            .hint(format!("add a key to `data`: {name} = \"${{{{ secrets.{name} }}}}\""))
        })
    }

    /// Masks the generated secrets that are in `data` in everything that is written from now on: later steps may print
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
        for (secret, annotations) in kube.secret_annotations(&self.namespace).await? {
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

/// Returns `text` with the values of its secrets.
fn resolved(text: &str, values: &BTreeMap<String, SecretValue>) -> Result<String, Failure> {
    let mut resolved = String::new();
    for part in split_secret_refs(text).map_err(Failure::bug)? {
        match part {
            SecretPart::Text(text) => resolved.push_str(text),
            SecretPart::Secret(name) => {
                let value = values.get(name).ok_or_else(|| Failure::bug(format!("no value for `{name}`")))?;
                resolved.push_str(value.expose());
            }
        }
    }
    Ok(resolved)
}

/// Returns a digest of a Secret's content that reveals nothing of it.
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

#[cfg(test)]
mod tests;
