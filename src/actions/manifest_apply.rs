//! `manifest-apply`: the objects of manifests are in the cluster as the files have them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Opening, Presence, StepContext, defaults, ignored, names};
use crate::actions::manifest_delete::made;
use crate::actions::rollout_check::wait;
use crate::error::Failure;
use crate::files::Globs;
use crate::fingerprint::Inputs;
use crate::images::Reference;
use crate::model::Output;
use crate::tools::blocking;
use crate::tools::deletion::Deletion;
use crate::tools::kubernetes::{
    Kube, ManifestObject, ManifestObjects, Owners, Target, WorkloadKind, order, read_manifests,
};

mod apply;
mod prune;

use apply::Apply;

/// Settings of `manifest-apply`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(super) struct ManifestApply {
    /// The manifests: files, folders or globs, applied in this order; `!GLOB` leaves out. Of a folder or a glob the
    /// files that end with `.yaml`, `.yml` or `.json` count. Wherever they stand, what others need comes first:
    /// namespaces, definitions of kinds, service accounts, secrets, settings, volumes, roles and Services before what
    /// makes pods, and webhooks last.
    files: Vec<String>,
    /// The namespace of objects that name none.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// Whether the namespace is made when it is missing.
    #[serde(default = "defaults::yes")]
    create_namespace: bool,
    /// Images in place of those that the manifests name: `{ todo-backend = "${{ steps.build.backend.image }}" }`. The
    /// name is that of the image in the manifests without its tag.
    #[serde(default)]
    images: BTreeMap<String, String>,
    /// Whether objects that this step has made earlier and that are no longer in the files are deleted. Volumes, claims
    /// and other data need `--yes`.
    #[serde(default)]
    prune: bool,
    /// Whether it waits until all workloads of the manifests are rolled out.
    #[serde(default = "defaults::yes")]
    wait: bool,
    /// Whether a workload may want no pods.
    #[serde(default)]
    allow_empty: bool,
    /// Fields that belong to somebody else although the manifests set them: `deployment/web: spec.replicas`. They are
    /// set when the object is made, and a change of them is no drift.
    #[serde(default)]
    ignore_changes: Vec<String>,
}

impl ActionSettings for ManifestApply {
    const NAME: &'static str = "manifest-apply";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Applies manifests server-side as a manager of its own and waits for their workloads; done \
         when every object is in the cluster as the files have it, and every workload is rolled out. What somebody edits in \
         an object that this pipeline has made is changed back; what another manager applies, or has set in an object that \
         was there before, is a failure that names both, unless `--yes` allows to overwrite it";
    const EXAMPLE: &'static str = "files = [\"k8s/*.yaml\"]\nnamespace = \"todo\"\n\
        images = { todo-backend = \"todo-backend:3f2a91c0d4be\" }\nprune = true";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("objects", "how many objects were applied"),
        ("names", "the objects in the order in which they were applied: `service/web,deployment/web`"),
        ("namespace", "the namespace of those that name none"),
        ("pods", "how many pods their workloads have, all of them ready; absent without `wait`"),
        ("pruned", "the objects that were deleted because they are no longer in the files; absent without `prune`"),
    ];
    const IDENTITY: &'static [&'static str] = &["names", "namespace"];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::label("namespace", &self.namespace)?;
        if self.files.is_empty() {
            return Err("`files` needs at least one manifest".into());
        }
        Globs::of(&self.files).sets(".".as_ref())?;
        for (name, image) in &self.images {
            Reference::parse(image).map_err(|error| format!("`images.{name}`: {error}"))?;
        }
        ignored::check(&self.ignore_changes)
    }
}

impl Action for ManifestApply {
    fn reads(&self) -> Vec<&str> {
        self.files.iter().map(String::as_str).collect()
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        // The run fails for a glob that matches nothing.
        Box::pin(async move { cx.add_files(&self.files, inputs).await.map(drop) })
    }

    fn openings<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Vec<Opening>, Failure>> {
        Box::pin(async move { Ok(Opening::of_objects(&self.objects(cx).await?)) })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            self.compare(cx, &kube).await
        })
    }

    fn removals<'a>(
        &'a self,
        cx: &'a StepContext,
        _output: &'a Output,
    ) -> BoxFuture<'a, Result<Vec<Deletion>, Failure>> {
        Box::pin(made::removals(cx))
    }

    fn remove<'a>(&'a self, cx: &'a StepContext, removal: &'a Deletion) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(made::remove(cx, removal))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            let apply = self.applying(cx, &kube);
            self.apply(&apply).await.map_err(|failure| apply.stays(failure))
        })
    }
}

impl ManifestApply {
    fn applying<'a>(&'a self, cx: &'a StepContext, kube: &'a Kube) -> Apply<'a> {
        let tools = cx.tools();
        Apply {
            cx,
            kube,
            namespace: &self.namespace,
            create_namespace: self.create_namespace,
            ignored: &self.ignore_changes,
            marks: tools.marks(),
            owners: Owners::new(tools.pipeline(), tools.steps(), cx.step()),
            applied: Mutex::default(),
            changed: Mutex::default(),
        }
    }

    /// Applies everything, prunes, and waits for the workloads.
    async fn apply(&self, apply: &Apply<'_>) -> Result<Output, Failure> {
        let cx = apply.cx;
        let objects = self.objects(cx).await?;
        let work = Box::pin(apply.all(&objects));
        let objects = cx.unless_cancelled("applying the manifests", work).await?;
        let names: Vec<String> = objects.iter().map(|object| object.reference.short()).collect();
        let mut output = Output::new()
            .with("objects", objects.len().to_string())
            .with("names", names.join(","))
            .with("namespace", &self.namespace);
        if self.prune {
            output = output.with("pruned", Box::pin(apply.prune(&objects)).await?.join(","));
        }
        if self.wait {
            let pods = wait(cx, apply.kube, targets(&objects), self.allow_empty, None).await?;
            output = output.with("pods", pods.to_string());
        }
        Ok(output)
    }

    /// Compares what is in the cluster with the files.
    async fn compare(&self, cx: &StepContext, kube: &Kube) -> Result<Presence, Failure> {
        let mut objects = self.objects(cx).await?;
        for object in &mut objects {
            if !kube.place(object).await? {
                return Ok(Presence::Missing(object.reference.unknown_kind()));
            }
        }
        let targets = targets(&objects);
        let all = ManifestObjects { objects, unreadable: Vec::new() };
        let drift = kube.objects_drift(all, &|field| self.ignores(field)).await?;
        drift.unknown.iter().for_each(|why| cx.line(why));
        if let Some(why) = drift.summary() {
            return Ok(Presence::Missing(why));
        }
        let workloads = if self.wait { kube.targets(&targets, self.allow_empty).await? } else { Vec::new() };
        let unfinished = workloads.iter().find(|workload| !workload.complete);
        Ok(unfinished.map_or(Presence::Present, |workload| Presence::Missing(workload.missing())))
    }

    /// The objects of the files as they are applied: in order, with the marks of the step and the images of the
    /// settings.
    async fn objects(&self, cx: &StepContext) -> Result<Vec<ManifestObject>, Failure> {
        let (root, files, namespace) = (cx.tools().root().to_owned(), self.files.clone(), self.namespace.clone());
        let mut objects = blocking(move || read_manifests(&root, &files, &namespace)).await?;
        let marks = cx.tools().marks();
        let mut used = BTreeSet::new();
        for object in &mut objects {
            object.replace_images(&self.images, &mut used);
            // Steps share namespaces.
            if object.reference.kind != "Namespace" {
                marks.mark(object, cx.step().as_str());
            }
        }
        if let Some(unused) = self.images.keys().find(|name| !used.contains(*name)) {
            return Err(Failure::failed(format!("`images`: no container of the manifests has the image `{unused}`"))
                .hint("name the image as the manifests do, without its tag"));
        }
        order(&mut objects);
        Ok(objects)
    }

    fn ignores(&self, field: &str) -> bool {
        ignored::ignores(&self.ignore_changes, field)
    }
}

/// The workloads among objects.
fn targets(objects: &[ManifestObject]) -> Vec<Target> {
    let workloads = objects.iter().filter_map(|object| {
        let reference = &object.reference;
        let kind = WorkloadKind::of(&reference.api_version, &reference.kind)?;
        Some((kind, reference.namespace.clone(), reference.name.clone()))
    });
    workloads.collect()
}

#[cfg(test)]
mod tests;
