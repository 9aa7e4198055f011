//! Volumes and networks of a compose file that have to be there before it is started.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::interpolate::interpolate;

/// Volumes or networks from outside, by what a file calls them: the kind, and the name.
pub(super) type Externals = BTreeMap<(&'static str, String), String>;

/// The kinds, as a file has them and as docker calls them.
const KINDS: [(&str, &str); 2] = [("volumes", "volume"), ("networks", "network")];

/// Returns those that a document says are from outside. `value` has the values of variables.
pub(super) fn externals(document: &Value, value: &dyn Fn(&str) -> Option<String>) -> Externals {
    let mut found = Externals::new();
    for (list, kind) in KINDS {
        for (key, one) in document.get(list).and_then(Value::as_object).into_iter().flatten() {
            let external = one.get("external").unwrap_or(&Value::Null);
            // Older files have the name there.
            let older = external.get("name").and_then(Value::as_str);
            if external.as_bool() != Some(true) && older.is_none() {
                continue;
            }
            let name = one.get("name").and_then(Value::as_str).or(older).unwrap_or(key);
            found.insert((kind, key.clone()), interpolate(name, value).0);
        }
    }
    found
}

/// Says which of them the file `by` needs for the services that are started.
pub(super) fn external_doubts<'a>(
    by: &str,
    externals: &Externals,
    services: impl Iterator<Item = &'a Value>,
) -> Vec<String> {
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for service in services {
        for (kind, key) in names(service) {
            if let Some(((kind, _), name)) = externals.get_key_value(&(kind, key)) {
                used.entry(kind).or_default().insert(name);
            }
        }
    }
    let said = used.into_iter().map(|(kind, names)| {
        let names: Vec<&str> = names.into_iter().collect();
        let kinds = if names.len() == 1 { kind.to_owned() } else { format!("{kind}s") };
        let how = match (kind, names.as_slice()) {
            ("volume", [name]) => format!("make it before with `docker volume create {name}`"),
            ("volume", _) => "make each of them before with `docker volume create NAME`".to_owned(),
            (_, [name]) => format!("make it before with `docker network create {name}`"),
            _ => "make each of them before with `docker network create NAME`".to_owned(),
        };
        format!(
            "`{by}` has the {kinds} `{}` from outside (`external`), which nothing here makes: {how}",
            names.join("`, `")
        )
    });
    said.collect()
}

/// The volumes and networks that a service has.
fn names(service: &Value) -> Vec<(&'static str, String)> {
    let list = |key: &str| service.get(key).and_then(Value::as_array).into_iter().flatten();
    let volumes = list("volumes").filter_map(|one| match one {
        Value::String(text) => text.split_once(':').map(|(source, _)| source.to_owned()),
        one => one.get("source").and_then(Value::as_str).map(str::to_owned),
    });
    let networks = list("networks").filter_map(|one| one.as_str().map(str::to_owned));
    let by_name = service.get("networks").and_then(Value::as_object).into_iter().flat_map(|all| all.keys().cloned());
    // What names none is in the network `default`.
    let default = service.get("networks").is_none().then(|| "default".to_owned());
    let networks = networks.chain(by_name).chain(default).map(|name| ("network", name));
    volumes.map(|name| ("volume", name)).chain(networks).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_to_be_there_before_is_said() {
        let document = json!({
            "volumes": {
                "data": {"external": true, "name": "${PREFIX}-data"},
                "old": {"external": {"name": "older"}},
                "own": {}, "unused": {"external": true}, "no": {"external": false},
            },
            "networks": {"default": {"external": true, "name": "edge"}},
        });
        let value = |name: &str| (name == "PREFIX").then(|| "shop".to_owned());
        let found = externals(&document, &value);
        let services = [
            json!({"volumes": ["data:/x", "./y:/y", {"type": "volume", "source": "old"}, "own:/z"], "networks": ["a"]}),
            json!({"volumes": ["no:/n"], "networks": {"b": null}}),
        ];
        let doubts = external_doubts("compose.yml", &found, services.iter());
        assert_eq!(
            doubts,
            [
                "`compose.yml` has the volumes `older`, `shop-data` from outside (`external`), which nothing here makes: make each of them before with `docker volume create NAME`"
            ]
        );
        let doubts = external_doubts("compose.yml", &found, [json!({})].iter());
        assert_eq!(
            doubts,
            [
                "`compose.yml` has the network `edge` from outside (`external`), which nothing here makes: make it before with `docker network create edge`"
            ]
        );
    }
}
