//! What has become of the objects of a release: those of its manifest, and those that its hooks have left.

use super::client::Kube;
use super::compare::Comparison;
use super::manifest::{ManifestObject, ManifestObjects};
use super::release::Release;
use crate::error::Failure;

/// How many drifted objects are named.
const NAMED: usize = 3;

/// Tells which fields do not count, by kind, name and path: `deployment/web: spec.replicas`.
pub type IsIgnored<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// The objects of a release beside what was released.
#[derive(Clone, Debug, Default)]
pub struct ReleaseDrift {
    /// Each that is not as it was released.
    found: Vec<(ManifestObject, Comparison)>,
    /// Sentences on what could not be compared.
    pub unknown: Vec<String>,
}

impl ReleaseDrift {
    /// Returns the objects whose content somebody has changed.
    pub fn changed(&self) -> Vec<ManifestObject> {
        let is_changed = |comparison: &Comparison| matches!(comparison, Comparison::Drifted(_));
        self.found.iter().filter(|(_, comparison)| is_changed(comparison)).map(|(object, _)| object.clone()).collect()
    }

    /// Returns what is not as it was released, in one line; `None` when everything is that could be compared.
    pub fn summary(&self) -> Option<String> {
        let said: Vec<String> = self
            .found
            .iter()
            .filter_map(|(_, comparison)| match comparison {
                Comparison::Absent(absence) => Some(absence.clone()),
                Comparison::Drifted(drift) => Some(drift.to_string()),
                Comparison::Same | Comparison::Unknown(_) => None,
            })
            .collect();
        let named = said.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
        match said.len() {
            0 => None,
            n if n > NAMED => Some(format!("{named}; and {} more objects", n - NAMED)),
            _ => Some(named),
        }
    }
}

impl Kube {
    /// Compares every object of a release with what was released: its fields, as far as the manifest sets them.
    pub async fn release_drift(&self, release: &Release, is_ignored: IsIgnored<'_>) -> Result<ReleaseDrift, Failure> {
        let mut all = release.objects().clone();
        let hooks = self.staying_hooks(release).await?;
        all.objects.extend(hooks.objects);
        all.unreadable.extend(hooks.unreadable);
        self.objects_drift(all, is_ignored).await
    }

    /// Compares objects with what was released or applied: their fields, as far as the manifest sets them.
    pub async fn objects_drift(
        &self,
        all: ManifestObjects,
        is_ignored: IsIgnored<'_>,
    ) -> Result<ReleaseDrift, Failure> {
        let mut drift = ReleaseDrift::default();
        for why in &all.unreadable {
            drift.unknown.push(format!("an object of the manifest can't be read, and is not checked: {why}"));
        }
        let comparisons = self.compare_all(&all.objects, is_ignored).await?;
        for (object, comparison) in all.objects.into_iter().zip(comparisons) {
            match comparison {
                Comparison::Same => {}
                Comparison::Unknown(why) => drift.unknown.push(why),
                found => drift.found.push((object, found)),
            }
        }
        Ok(drift)
    }

    /// Changes objects of a release back to what was released, and makes again what is gone. Returns what was done.
    pub async fn undo_drift(&self, drift: &ReleaseDrift) -> Result<Vec<String>, Failure> {
        let mut done = Vec::new();
        for (object, comparison) in &drift.found {
            match comparison {
                Comparison::Drifted(drift) => {
                    self.change_back(object, drift).await?;
                    done.push(format!("changed back, because helm has not: {drift}"));
                }
                Comparison::Absent(absence) => {
                    self.make_again(object).await?;
                    done.push(format!("made again, because helm has not: {absence}"));
                }
                Comparison::Same | Comparison::Unknown(_) => {}
            }
        }
        Ok(done)
    }

    /// The objects that hooks have left for as long as the release is there. What only the installation makes was made
    /// by the oldest revision, and its record says how.
    async fn staying_hooks(&self, release: &Release) -> Result<ManifestObjects, Failure> {
        let mut all = ManifestObjects::default();
        let mut add = |hooks: &mut dyn Iterator<Item = ManifestObjects>| {
            for found in hooks {
                all.objects.extend(found.objects);
                all.unreadable.extend(found.unreadable);
            }
        };
        let namespace = &release.namespace;
        add(&mut release.hooks.iter().filter(|hook| hook.has_run()).map(|hook| hook.staying(namespace)));
        let mut waiting = release.hooks.iter().filter(|hook| hook.is_of_installation() && !hook.has_run());
        if waiting.any(|hook| !hook.staying(namespace).objects.is_empty())
            && let Some(oldest) = self.release_history(namespace, &release.name).await?.first()
            && oldest.number < release.revision
            && let Some(oldest) = self.release(namespace, &release.name, oldest.number).await?
        {
            let made = oldest.hooks.iter().filter(|hook| hook.is_of_installation() && hook.has_run());
            add(&mut made.map(|hook| hook.staying(namespace)));
        }
        Ok(all)
    }

    /// The definitions of custom resources that `manifests` have and the cluster lacks.
    pub async fn missing_definitions(&self, manifests: &[&str]) -> Result<Vec<ManifestObject>, Failure> {
        let mut missing = Vec::new();
        for object in manifests.iter().flat_map(|manifest| ManifestObjects::read(manifest, "").objects) {
            if object.reference.kind == "CustomResourceDefinition" && !self.exists(&object.reference).await? {
                missing.push(object);
            }
        }
        Ok(missing)
    }

    /// Whether the cluster serves every kind that a release's manifest names, at this moment.
    pub async fn serves_kinds_of(&self, release: &Release) -> Result<bool, Failure> {
        self.kinds.forget();
        for object in &release.objects().objects {
            if self.kind_of(&object.reference.api_version, &object.reference.kind).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes objects that are gone.
    pub async fn make_objects(&self, objects: &[ManifestObject]) -> Result<(), Failure> {
        for object in objects {
            self.make_again(object).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fake_api::SecretStore;
    use super::super::record_tests::{record, stored};
    use super::super::release::record_name;
    use super::*;

    /// The record of a revision with a hook of the installation and one of every upgrade, which have run if `phases`
    /// say so.
    fn secret(revision: u32, phases: [&str; 2]) -> Value {
        let hook = |name: &str, event: &str, phase: &str| {
            let manifest =
                format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{r: '{revision}'}}\n");
            json!({"name": name, "manifest": manifest, "events": [event], "last_run": {"phase": phase}})
        };
        let hooks = json!([hook("once", "pre-install", phases[0]), hook("each", "post-upgrade", phases[1])]);
        let text = record(revision, "deployed");
        let (before, rest) = text.split_once(r#""hooks":["#).unwrap();
        let (_, after) = rest.split_once(r#"}}],"version""#).unwrap();
        let data = stored(&format!(r#"{before}"hooks":{hooks},"version"{after}"#));
        json!({"metadata": {"labels": {"name": "todo", "status": "deployed", "version": revision.to_string()}},
            "data": {"release": k8s_openapi::ByteString(data)}})
    }

    #[tokio::test]
    async fn what_only_the_installation_makes_is_as_its_revision_made_it() {
        let store = SecretStore::default();
        store.put(&record_name("todo", 1), secret(1, ["Succeeded", ""]), "1");
        store.put(&record_name("todo", 2), secret(2, ["", "Succeeded"]), "2");
        let kube = store.serve(|_| {}).await;
        let release = kube.latest_release("apps", "todo").await.unwrap().unwrap();
        assert_eq!(release.revision, 2);
        let found = kube.staying_hooks(&release).await.unwrap();
        let mut said: Vec<String> = found
            .objects
            .iter()
            .map(|object| format!("{} of revision {}", object.reference, object.content["data"]["r"]))
            .collect();
        said.sort();
        assert_eq!(said, ["configmap/each in apps of revision \"2\"", "configmap/once in apps of revision \"1\""]);
    }

    #[test]
    fn a_summary_names_the_first_objects_and_counts_the_rest() {
        let object = || ManifestObjects::read("apiVersion: v1\nkind: A\nmetadata: {name: a}", "n").objects.remove(0);
        let absent = |n: u32| (object(), Comparison::Absent(format!("{n} is gone")));
        let drift = |n: u32| ReleaseDrift { found: (0..n).map(absent).collect(), unknown: Vec::new() };
        assert_eq!(drift(0).summary(), None);
        assert_eq!(drift(2).summary().unwrap(), "0 is gone; 1 is gone");
        assert_eq!(drift(5).summary().unwrap(), "0 is gone; 1 is gone; 2 is gone; and 2 more objects");
    }
}
