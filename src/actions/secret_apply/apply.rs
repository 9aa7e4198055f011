//! How a step applies its fields of a Secret without harm to what others have set.

use std::collections::BTreeSet;

use super::SecretApply;
use crate::action::StepContext;
use crate::error::{Failure, ids};
use crate::tools::deletion::{Deletion, Proof};
use crate::tools::kubernetes::{
    Applied, FieldConflict, FieldManager, GENERATED, Kube, Owners, SecretObject, SecretState,
};

impl SecretApply {
    /// Applies `object` as this step's manager. Keys of other steps are never touched; one that somebody else has set
    /// to another value is overwritten only with the user's consent. Returns whether it was applied: not if the Secret
    /// is another one than was `found`.
    pub(super) async fn apply_as_owner(
        &self,
        cx: &StepContext,
        kube: &Kube,
        owners: &Owners<'_>,
        found: Option<&SecretState>,
        object: &SecretObject,
    ) -> Result<bool, Failure> {
        if let Some(found) = found {
            let fields = object.data.keys().flat_map(|key| found.owners_of(key).map(move |owner| (key, owner)));
            let rivals: Vec<FieldConflict> = fields
                .filter(|(_, owner)| owners.is_other_step(owner))
                .map(|(key, owner)| FieldConflict { field: format!("data.{key}"), manager: owner.to_owned() })
                .collect();
            if !rivals.is_empty() {
                return Err(self.taken(owners, &rivals));
            }
            self.keep_generated(cx, kube, owners, found, object)?;
            self.keep_values_of_branches(cx, kube, owners, found, object)?;
            if !found.data.is_empty() && !owners.have_ours(found.managers()) {
                let makers: BTreeSet<&str> = found.managers().collect();
                let makers = makers.into_iter().collect::<Vec<_>>().join("`, `");
                cx.line(&format!("adding to the Secret `{}`, which `{makers}` made", self.name));
            }
            if kube.succeed_managers(found, object, &owners.manager, |name| owners.is_predecessor(name)).await? {
                return Ok(false);
            }
        }
        let marks = cx.tools().marks();
        let conflicts = match kube.apply_secret(object, found, &marks, &owners.manager, false).await? {
            Applied::Done => return Ok(true),
            Applied::Changed => return Ok(false),
            Applied::Conflicts(conflicts) => conflicts,
        };
        if conflicts.iter().any(|conflict| FieldManager::is_of_a_step(&conflict.manager)) {
            return Err(self.taken(owners, &conflicts));
        }
        for conflict in &conflicts {
            self.permit_overwriting(cx, kube, owners, conflict)?;
        }
        Ok(kube.apply_secret(object, found, &marks, &owners.manager, true).await? == Applied::Done)
    }

    /// Fails unless the user agrees to overwrite what `conflict` names; the step's log says that it is overwritten.
    fn permit_overwriting(
        &self,
        cx: &StepContext,
        kube: &Kube,
        owners: &Owners<'_>,
        conflict: &FieldConflict,
    ) -> Result<(), Failure> {
        conflict
            .overwriting(self.remove_line(kube, &conflict.field))
            .permit(cx.tools().consent())
            .map_err(|failure| failure.while_doing(self.failed_as(owners)))?;
        cx.line(&format!("overwriting `{}`, which `{}` set, as `--yes` allows", conflict.field, conflict.manager));
        Ok(())
    }

    /// Fails if `object` would overwrite the value of a step that this pipeline does not have: it may be one of another
    /// branch, in use as it is.
    fn keep_values_of_branches(
        &self,
        cx: &StepContext,
        kube: &Kube,
        owners: &Owners<'_>,
        found: &SecretState,
        object: &SecretObject,
    ) -> Result<(), Failure> {
        let differing = object.data.iter().filter(|(key, value)| found.data.get(*key).is_some_and(|now| now != *value));
        for (key, _) in differing {
            let Some(owner) = found.owners_of(key).find(|owner| owners.is_of_no_step(owner)) else { continue };
            let conflict = FieldConflict { field: format!("data.{key}"), manager: owner.to_owned() };
            self.permit_overwriting(cx, kube, owners, &conflict)?;
        }
        Ok(())
    }

    /// Fails if `object` lacks a key that has the only copy of a generated secret: applying it would remove that key.
    fn keep_generated(
        &self,
        cx: &StepContext,
        kube: &Kube,
        owners: &Owners<'_>,
        found: &SecretState,
        object: &SecretObject,
    ) -> Result<(), Failure> {
        for (annotation, key) in &found.annotations {
            let Some(secret) = annotation.strip_prefix(GENERATED) else { continue };
            let mut others = found.owners_of(key).filter(|owner| owners.is_foreign(owner));
            let is_kept = object.data.contains_key(key) || object.annotations.contains_key(annotation);
            if is_kept || !found.data.contains_key(key) || others.next().is_some() {
                continue;
            }
            let deletion = Deletion {
                subject: format!("the key `{key}` of the Secret `{}`", self.name),
                reason: "this step no longer names it".into(),
                ours: Proof::Shown,
                empty: Proof::Lacking(format!("it is the only copy of the generated secret `{secret}`")),
                in_use: None,
                consent_covers_ownership: false,
                by_hand: self.remove_line(kube, &format!("data.{key}")),
            };
            deletion.permit(cx.tools().consent()).map_err(|failure| failure.while_doing(self.failed_as(owners)))?;
            cx.line(&format!("removing `{key}`, the only copy of `{secret}`, as `--yes` allows"));
        }
        Ok(())
    }

    /// The command that removes a field of the Secret.
    fn remove_line(&self, kube: &Kube, field: &str) -> String {
        format!(
            "{} -n {} patch secret {} --type=json -p '[{{\"op\":\"remove\",\"path\":\"{}\"}}]'",
            kube.kubectl(),
            self.namespace,
            self.name,
            json_pointer(field)
        )
    }

    pub(super) fn failed_as(&self, owners: &Owners<'_>) -> String {
        format!("applying the Secret `{}` as `{}` failed", self.name, owners.manager)
    }

    /// The failure of a step that sets what is another step's.
    fn taken(&self, owners: &Owners<'_>, conflicts: &[FieldConflict]) -> Failure {
        let failure =
            conflicts.iter().fold(Failure::of(ids::FIELD_OWNED, self.failed_as(owners)), |failure, conflict| {
                failure.cause(format!("`{}` belongs to `{}`", conflict.field, conflict.manager))
            });
        failure.hint("let one of the two steps set it, or give this one a Secret of its own (`name`)")
    }
}

/// A field's path as a JSON pointer: below `data`, `labels` and `annotations` a name may have dots of its own.
pub(super) fn json_pointer(field: &str) -> String {
    let parents = ["data.", "metadata.labels.", "metadata.annotations."];
    let parent = parents.into_iter().find(|parent| field.starts_with(parent)).unwrap_or_default();
    let name = field[parent.len()..].replace('~', "~0").replace('/', "~1");
    format!("/{}{name}", parent.replace('.', "/"))
}
