//! `manifest-delete`: the objects of manifests are gone, and nobody else's.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::error::Failure;
use crate::files::Globs;
use crate::fingerprint::Inputs;
use crate::model::Output;
use crate::tools::blocking;
use crate::tools::deletion::Consent;
use crate::tools::kubernetes::{Kube, LiveObject, ManifestObject, order, read_manifests};

pub(in crate::actions) mod made;
pub(in crate::actions) mod removal;

use removal::Removal;

/// Settings of `manifest-delete`: `files`, `delete-namespace`, or both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ManifestDelete {
    /// The manifests whose objects are deleted, as `manifest-apply` has them: files, folders or globs; `!GLOB` leaves
    /// out.
    #[serde(default)]
    files: Vec<String>,
    /// The namespace of objects that name none.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// Whether the namespace is deleted as well, with everything in it. It has to be one that this pipeline has made.
    #[serde(default)]
    delete_namespace: bool,
    /// Whether the data of these objects may be lost, such as that of their volumes; `--yes` says it for one run. It
    /// says nothing of what others have made.
    #[serde(default)]
    ephemeral: bool,
}

impl ActionSettings for ManifestDelete {
    const NAME: &'static str = "manifest-delete";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Deletes the objects of manifests that this pipeline has applied and made, and waits until \
         they are gone; done when none of them is there. Nothing is deleted if one of them is not shown to be ours, and \
         volumes, claims and other data go only with `ephemeral = true` or `--yes`: docs/reliability.md has the rules";
    const EXAMPLE: &'static str = "files = [\"k8s/*.yaml\"]\nnamespace = \"todo\"\nephemeral = true";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("objects", "how many objects the manifests have"),
        ("names", "the objects: `deployment/web,service/web`"),
        ("deleted", "those that this run has deleted; the others were gone before"),
    ];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::label("namespace", &self.namespace)?;
        Globs::of(&self.files).sets(".".as_ref())?;
        if self.delete_namespace && self.namespace == "default" {
            return Err("`delete-namespace` needs the `namespace`: `default` can't be deleted".into());
        }
        if self.files.is_empty() && !self.delete_namespace {
            return Err("nothing to delete: set `files`, `delete-namespace` or both".into());
        }
        Ok(())
    }
}

impl Action for ManifestDelete {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        // The run fails for a glob that matches nothing.
        Box::pin(async move { cx.add_files(&self.files, inputs).await.map(drop) })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            self.present(cx, &kube).await
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            self.delete(cx, &kube).await
        })
    }
}

impl ManifestDelete {
    async fn delete(&self, cx: &StepContext, kube: &Kube) -> Result<Output, Failure> {
        let objects = self.objects(cx).await?;
        let find = found(kube, &objects);
        let found = cx.unless_cancelled("looking for the objects", find).await?;
        let removal = Removal {
            kube,
            marks: made::marks(cx),
            reason: "the step says so",
            declared: Consent::from_flag(self.ephemeral),
        };
        let deleted = removal.remove(cx, found).await?;
        let names: Vec<String> = objects.iter().map(|object| object.reference.short()).collect();
        Ok(Output::new()
            .with("objects", objects.len().to_string())
            .with("names", names.join(","))
            .with("deleted", deleted.join(",")))
    }

    /// Whether the objects are gone. What somebody else, or another checkout, has made under the same name since is not
    /// what was deleted.
    async fn present(&self, cx: &StepContext, kube: &Kube) -> Result<Presence, Failure> {
        let marks = made::marks(cx);
        let found = found(kube, &self.objects(cx).await?).await?;
        let still = found.into_iter().find(|object| object.is_marked(&marks) && !object.is_of_others(&marks));
        Ok(still.map_or(Presence::Present, |object| Presence::Missing(format!("{} is there", object.reference))))
    }

    /// The objects, in the order in which they are applied.
    async fn objects(&self, cx: &StepContext) -> Result<Vec<ManifestObject>, Failure> {
        let (root, files, namespace) = (cx.tools().root().to_owned(), self.files.clone(), self.namespace.clone());
        let mut objects = blocking(move || read_manifests(&root, &files, &namespace)).await?;
        let of_namespace = ManifestObject::of_namespace(&self.namespace);
        let names_it = objects.iter().any(|object| object.reference.short() == of_namespace.reference.short());
        if self.delete_namespace && !names_it {
            objects.push(of_namespace);
        }
        order(&mut objects);
        Ok(objects)
    }
}

/// Returns what is there of `objects`, in their order.
async fn found(kube: &Kube, objects: &[ManifestObject]) -> Result<Vec<LiveObject>, Failure> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for object in objects {
        let mut object = object.clone();
        // There is nothing of a kind that the cluster does not serve.
        if kube.place(&mut object).await?
            && seen.insert(object.reference.clone())
            && let Some(live) = kube.live_object(&object.reference).await?
        {
            found.push(live);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
