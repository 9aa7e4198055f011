//! For tests: server-side apply as the API server does it, for data, labels, annotations and the fields of `spec`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Where the fields are that are kept.
const PARENTS: [&str; 4] = ["/data", "/spec", "/metadata/labels", "/metadata/annotations"];

/// A field: its parent and its name.
type Field = (&'static str, String);

/// Applies `body` to `secret` under `manager`, or returns the answer that names the conflicts.
pub(super) fn apply(secret: &mut Value, body: &Value, manager: &str, force: bool) -> Result<(), (u16, Value)> {
    let wanted: BTreeMap<Field, Value> = PARENTS
        .into_iter()
        .flat_map(|parent| {
            let fields = body.pointer(parent).and_then(Value::as_object).into_iter().flatten();
            fields.map(move |(name, value)| ((parent, name.clone()), value.clone()))
        })
        .collect();
    // The real one takes an empty map as a field that nobody else may fill.
    assert!(PARENTS.iter().all(|parent| body.pointer(parent) != Some(&json!({}))), "{body}");
    let mut owned = owned(secret);
    let differs = |(parent, name): &Field, value: &Value| {
        secret.pointer(parent).and_then(|fields| fields.get(name)).is_some_and(|now| now != value)
    };
    let mut causes = Vec::new();
    for (other, fields) in owned.iter_mut().filter(|(other, _)| *other != manager) {
        fields.retain(|field| {
            let conflicts = wanted.get(field).is_some_and(|value| differs(field, value));
            if conflicts {
                causes.push(json!({"reason": "FieldManagerConflict",
                    "message": format!("conflict with \"{other}\" using v1"),
                    "field": format!("{}.{}", field.0.replace('/', "."), field.1)}));
            }
            !conflicts
        });
    }
    if !causes.is_empty() && !force {
        let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 409,
            "reason": "Conflict", "message": "Apply failed with conflicts", "details": {"causes": causes}});
        return Err((409, body));
    }
    let before = owned.insert(manager.to_owned(), wanted.keys().cloned().collect()).unwrap_or_default();
    let is_owned = |field: &Field| owned.values().any(|fields| fields.contains(field));
    for (parent, name) in before.iter().filter(|field| !is_owned(field)) {
        secret.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
    }
    for ((parent, name), value) in wanted {
        let below = parent.trim_start_matches('/').split('/').fold(&mut *secret, |value, part| &mut value[part]);
        below[name] = value;
    }
    if let Some(kind) = body.get("type") {
        secret["type"] = kind.clone();
    }
    secret["metadata"]["managedFields"] = owned.iter().map(|(manager, fields)| entry(manager, fields)).collect();
    Ok(())
}

/// Who owns which fields.
fn owned(secret: &Value) -> BTreeMap<String, Vec<Field>> {
    let entries = secret.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    entries
        .map(|entry| {
            let fields = PARENTS.into_iter().flat_map(|parent| {
                let names = entry["fieldsV1"].pointer(&parent.replace('/', "/f:")).and_then(Value::as_object);
                names.into_iter().flatten().map(move |(name, _)| (parent, name.trim_start_matches("f:").to_owned()))
            });
            (entry["manager"].as_str().unwrap().to_owned(), fields.collect())
        })
        .collect()
}

/// What `managedFields` says of a manager; one that contains `edit` does not apply.
pub(crate) fn entry(manager: &str, fields: &[Field]) -> Value {
    let mut tree = json!({});
    for (parent, name) in fields {
        let path = parent.trim_start_matches('/').split('/');
        let below = path.fold(&mut tree, |tree, part| &mut tree[format!("f:{part}")]);
        below[format!("f:{name}")] = json!({});
    }
    let operation = if manager.contains("edit") { "Update" } else { "Apply" };
    json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": tree})
}
