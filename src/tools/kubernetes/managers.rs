//! Who owns the fields of an object (server-side apply): a manager for each step, and how one is succeeded by another.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::core::response::Status;
use serde_json::{Map, Value, json};

/// The manager under which older versions applied everything.
pub(super) const SHARED: &str = "provision";

/// Most bytes that the API server takes.
const MAX_BYTES: usize = 128;

/// The operation of managers that apply, unlike those that edit.
pub(super) const APPLY: &str = "Apply";

/// The owner of all fields that one step sets: `provision/PIPELINE/STEP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldManager(String);

impl FieldManager {
    /// The manager of a step. A name that is too long is cut, and made distinct by a digest.
    pub fn of_step(pipeline: &str, step: &str) -> Self {
        let name = format!("{SHARED}/{pipeline}/{step}");
        let mut printable: String = name.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
        if printable.len() <= MAX_BYTES && printable == name {
            return Self(name);
        }
        let digest = &blake3::hash(name.as_bytes()).to_hex()[..12];
        let mut cut = printable.len().min(MAX_BYTES - digest.len() - 1);
        while !printable.is_char_boundary(cut) {
            cut -= 1;
        }
        printable.truncate(cut);
        Self(format!("{printable}-{digest}"))
    }

    /// Its name in the object.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `manager` is the one that older versions used for every step.
    pub fn is_of_an_older_version(manager: &str) -> bool {
        manager == SHARED
    }

    /// Whether `manager` is that of a step of `pipeline`, as far as its name was not cut.
    pub fn is_of_pipeline(manager: &str, pipeline: &str) -> bool {
        let step = manager.strip_prefix(SHARED).and_then(|rest| rest.strip_prefix('/')?.strip_prefix(pipeline));
        step.and_then(|rest| rest.strip_prefix('/')).is_some_and(|step| !step.contains('/'))
    }

    /// Whether `manager` is that of a step of any pipeline.
    pub fn is_of_a_step(manager: &str) -> bool {
        manager.strip_prefix(SHARED).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for FieldManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A field that was not set, because another manager owns it with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldConflict {
    /// Its path: `data.KEY`.
    pub field: String,
    /// The other manager.
    pub manager: String,
}

/// Returns the conflicts for which the API server refused to apply; `None` when it is another error.
pub(super) fn conflicts(status: &Status) -> Option<Vec<FieldConflict>> {
    let causes = &status.details.as_ref()?.causes;
    let found: Vec<FieldConflict> = causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| FieldConflict {
            field: cause.field.trim_start_matches('.').to_owned(),
            // `conflict with "NAME" using v1`
            manager: cause.message.split('"').nth(1).unwrap_or(&cause.message).to_owned(),
        })
        .collect();
    (!found.is_empty()).then_some(found)
}

/// The fields of `object` as a tree in the form of `managedFields`: of data, labels, annotations and type.
pub(super) fn fields_of(object: &Value) -> Value {
    let add = |tree: &mut Map<String, Value>, name: &str, pointer: &str| {
        let keys = object.pointer(pointer).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let leaves: Map<String, Value> = keys.map(|key| (format!("f:{key}"), Map::new().into())).collect();
        if !leaves.is_empty() {
            tree.insert(name.to_owned(), leaves.into());
        }
    };
    let (mut all, mut metadata) = (Map::new(), Map::new());
    add(&mut metadata, "f:labels", "/metadata/labels");
    add(&mut metadata, "f:annotations", "/metadata/annotations");
    add(&mut all, "f:data", "/data");
    all.insert("f:metadata".into(), metadata.into());
    all.insert("f:type".into(), Map::new().into());
    all.into()
}

/// Whether `entry` owns the key `key` of an object's data.
pub(super) fn owns_key(entry: &ManagedFieldsEntry, key: &str) -> bool {
    let data = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:data"));
    data.is_some_and(|data| data.get(format!("f:{key}")).is_some())
}

/// Like [`succeed`], in everything that the predecessors have applied.
pub(super) fn succeed_whole(
    entries: &[ManagedFieldsEntry],
    to: &FieldManager,
    is_predecessor: impl Fn(&str) -> bool,
) -> Option<Vec<ManagedFieldsEntry>> {
    let mut all = Value::Object(Map::new());
    let is_predecessor = |name: &str| name != to.as_str() && is_predecessor(name);
    for entry in entries.iter().filter(|entry| entry.manager.as_deref().is_some_and(&is_predecessor)) {
        merge(&mut all, entry.fields_v1.as_ref().map(|fields| fields.0.clone()).unwrap_or_default());
    }
    succeed(entries, to, &all, is_predecessor)
}

/// Returns the entries after `to` has succeeded those who applied before under a name for which `is_predecessor`
/// holds; only in the fields of `fields`: what else they own stays theirs, so that no apply of `to` removes it.
/// `None` when there is nothing to take over. This is how Kubernetes documents a change of managers.
pub(super) fn succeed(
    entries: &[ManagedFieldsEntry],
    to: &FieldManager,
    fields: &Value,
    is_predecessor: impl Fn(&str) -> bool,
) -> Option<Vec<ManagedFieldsEntry>> {
    let mut taken = Value::Object(Map::new());
    let mut after = Vec::new();
    let mut model = None;
    for entry in entries {
        let name = entry.manager.as_deref().unwrap_or_default();
        let applies =
            entry.operation.as_deref() == Some(APPLY) && entry.subresource.as_deref().unwrap_or("").is_empty();
        let mut entry = entry.clone();
        if applies
            && name != to.as_str()
            && is_predecessor(name)
            && let Some(FieldsV1(theirs)) = &mut entry.fields_v1
        {
            let moved = take(theirs, fields);
            if !is_empty(&moved) {
                merge(&mut taken, moved);
                model = Some(entry.clone());
            }
            if entry.fields_v1.as_ref().is_some_and(|rest| is_empty(&rest.0)) {
                continue;
            }
        }
        after.push(entry);
    }
    let model = model?;
    let ours = after
        .iter_mut()
        .find(|entry| entry.manager.as_deref() == Some(to.as_str()) && entry.operation.as_deref() == Some(APPLY));
    match ours.and_then(|entry| entry.fields_v1.as_mut()) {
        Some(FieldsV1(ours)) => merge(ours, taken),
        None => after.push(ManagedFieldsEntry {
            manager: Some(to.as_str().to_owned()),
            fields_v1: Some(FieldsV1(taken)),
            ..model
        }),
    }
    Some(after)
}

/// Who owns a field, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) manager: String,
    /// Whether by applying: such a manager loses the field to the next one who edits it.
    pub(super) applies: bool,
}

/// Returns the owner of the field at `path`: who applies it before those who edit it.
pub(super) fn owner(entries: &[ManagedFieldsEntry], path: &[String]) -> Option<Owner> {
    let owners = entries.iter().filter_map(|entry| {
        let fields = &entry.fields_v1.as_ref()?.0;
        path.iter().try_fold(fields, |below, part| below.get(part))?;
        Some(Owner { manager: entry.manager.clone()?, applies: entry.operation.as_deref() == Some(APPLY) })
    });
    let mut owners: Vec<Owner> = owners.collect();
    owners.sort_by_key(|owner| !owner.applies);
    owners.into_iter().next()
}

/// Returns the entries after `from`, who edited the field at `path`, has given it back to `to`, who applies; `None`
/// when there is nothing to give back.
pub(super) fn give_back(
    entries: &[ManagedFieldsEntry],
    from: &str,
    to: &str,
    path: &[String],
) -> Option<Vec<ManagedFieldsEntry>> {
    let wanted = path.iter().rev().fold(json!({}), |below, part| json!({part: below}));
    let mut after = entries.to_vec();
    let is = |entry: &ManagedFieldsEntry, name: &str, applies: bool| {
        entry.manager.as_deref() == Some(name) && (entry.operation.as_deref() == Some(APPLY)) == applies
    };
    let place = after.iter().position(|entry| is(entry, from, false))?;
    let taken = take(&mut after[place].fields_v1.as_mut()?.0, &wanted);
    if is_empty(&taken) {
        return None;
    }
    if after[place].fields_v1.as_ref().is_some_and(|rest| is_empty(&rest.0)) {
        after.remove(place);
    }
    let heir = after.iter_mut().find(|entry| is(entry, to, true))?;
    merge(&mut heir.fields_v1.as_mut()?.0, taken);
    Some(after)
}

/// Removes the fields that are in `wanted` from `from`, and returns them.
fn take(from: &mut Value, wanted: &Value) -> Value {
    let mut taken = Map::new();
    let (Some(from), Some(wanted)) = (from.as_object_mut(), wanted.as_object()) else {
        return taken.into();
    };
    for (name, below) in wanted {
        if is_empty(below) {
            if let Some(field) = from.remove(name) {
                taken.insert(name.clone(), field);
            }
        } else if let Some(theirs) = from.get_mut(name) {
            let moved = take(theirs, below);
            if !is_empty(&moved) {
                taken.insert(name.clone(), moved);
            }
            if is_empty(theirs) {
                from.remove(name);
            }
        }
    }
    taken.into()
}

fn merge(into: &mut Value, from: Value) {
    let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) else { return };
    for (name, below) in from {
        merge(into.entry(name).or_insert_with(|| Map::new().into()), below);
    }
}

/// Whether a tree names no field; `.` stands for the parent itself.
fn is_empty(tree: &Value) -> bool {
    tree.as_object().is_none_or(|fields| fields.keys().all(|name| name == "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.into()),
            operation: Some(operation.into()),
            api_version: Some("v1".into()),
            fields_type: Some("FieldsV1".into()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    }

    fn me() -> FieldManager {
        FieldManager::of_step("p", "s.two")
    }

    #[test]
    fn a_managers_name_fits_and_stays_distinct() {
        assert_eq!(FieldManager::of_step("todo", "secrets.one").as_str(), "provision/todo/secrets.one");
        let long = "ä".repeat(100);
        let (one, two) = (FieldManager::of_step(&long, "a.b"), FieldManager::of_step(&long, "a.c"));
        assert!(one.as_str().len() <= MAX_BYTES && one != two, "{one} {two}");
        assert!(one.as_str().starts_with("provision/ää"));
        let odd = FieldManager::of_step("a\tb", "s.t");
        assert!(!odd.as_str().contains('\t') && odd != FieldManager::of_step("a_b", "s.t"), "{odd}");
        assert!(FieldManager::is_of_a_step(one.as_str()));
        assert!(!FieldManager::is_of_a_step("provision") && !FieldManager::is_of_a_step("provisioner/x"));
    }

    #[test]
    fn who_is_gone_is_succeeded_in_all_that_it_applied() {
        let containers = json!({"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:name": {}}});
        let fields = json!({"f:spec": {"f:replicas": {}, "f:containers": containers}});
        let edited = entry("kubectl-edit", "Update", json!({"f:spec": {"f:paused": {}}}));
        let before = [entry("provision/p/s.gone", APPLY, fields.clone()), edited.clone()];
        let after = succeed_whole(&before, &me(), |name| name == "provision/p/s.gone").unwrap();
        assert_eq!(after, [edited, entry(me().as_str(), APPLY, fields)]);
        assert_eq!(succeed_whole(&after, &me(), |name| name == "provision/p/s.gone"), None);
    }

    #[test]
    fn a_conflict_names_the_field_and_the_other_manager() {
        let status: Status = serde_json::from_value(json!({"code": 409, "reason": "Conflict", "message": "Apply failed",
            "details": {"causes": [
                {"reason": "FieldManagerConflict", "field": ".data.tls.crt",
                 "message": "conflict with \"provision/p/s.one\" using v1"},
                {"reason": "FieldManagerConflict", "field": ".type", "message": "conflict with \"kubectl-edit\" using v1"},
            ]}}))
        .unwrap();
        let expected = [("data.tls.crt", "provision/p/s.one"), ("type", "kubectl-edit")]
            .map(|(field, manager)| FieldConflict { field: field.into(), manager: manager.into() });
        assert_eq!(conflicts(&status).unwrap(), expected);
        let modified: Status =
            serde_json::from_value(json!({"code": 409, "reason": "Conflict", "message": "modified"})).unwrap();
        assert_eq!(conflicts(&modified), None);
    }

    #[test]
    fn a_successor_takes_over_only_what_it_sets() {
        let old = json!({"f:data": {"f:ONE": {}, "f:TWO": {}}, "f:type": {},
            "f:metadata": {"f:labels": {"f:managed": {}}, "f:annotations": {"f:of-one": {}}}});
        let other = entry("kubectl-edit", "Update", json!({"f:data": {".": {}, "f:THREE": {}}}));
        let sets = fields_of(&json!({"data": {"TWO": "", "THREE": ""}, "metadata": {"labels": {"managed": ""}}}));
        let after = succeed(&[entry(SHARED, APPLY, old), other.clone()], &me(), &sets, |name| name == SHARED).unwrap();
        let rest = json!({"f:data": {"f:ONE": {}}, "f:metadata": {"f:annotations": {"f:of-one": {}}}});
        let ours = json!({"f:data": {"f:TWO": {}}, "f:type": {}, "f:metadata": {"f:labels": {"f:managed": {}}}});
        assert_eq!(after, [entry(SHARED, APPLY, rest), other, entry(me().as_str(), APPLY, ours)]);
        assert_eq!(succeed(&after, &me(), &sets, |name| name == SHARED), None);
    }

    #[test]
    fn who_has_nothing_left_is_gone_and_who_edits_is_no_predecessor() {
        let fields = json!({"f:data": {"f:A": {}}, "f:type": {}});
        let sets = fields_of(&json!({"data": {"A": ""}}));
        let before =
            [entry(SHARED, APPLY, fields.clone()), entry(me().as_str(), APPLY, json!({"f:data": {"f:B": {}}}))];
        let after = succeed(&before, &me(), &sets, |name| name == SHARED).unwrap();
        let all = json!({"f:data": {"f:A": {}, "f:B": {}}, "f:type": {}});
        assert_eq!(after, [entry(me().as_str(), APPLY, all)]);
        assert_eq!(succeed(&[entry(SHARED, "Update", fields)], &me(), &sets, |name| name == SHARED), None);
    }
}
