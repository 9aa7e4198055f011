//! What differs between an object of the cluster and what was released: a comparison of values, without the cluster.

use std::fmt;

use serde_json::{Map, Value};

/// Most characters of a value that are shown.
const SHOWN: usize = 60;

/// What the API server keeps about an object, and no manifest decides.
const BOOKKEEPING: [&str; 4] = ["managedFields", "resourceVersion", "generation", "creationTimestamp"];

/// A field that differs.
#[derive(Clone, PartialEq)]
pub(super) struct Difference {
    /// Its path, as people write it: `spec.template.spec.containers[web].image`.
    pub(super) path: String,
    /// Its value now; `None` when it is gone.
    live: Option<Value>,
    /// The value that was released; `None` when it should not be there.
    released: Option<Value>,
    /// The keys that lead to it, as far as the list that it is in: what a patch has to replace.
    keys: Vec<String>,
    /// Whether its values must not be shown.
    is_secret: bool,
    /// What was done with the object, as messages say it: `released`.
    verb: &'static str,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, verb) = (&self.path, self.verb);
        match (&self.live, &self.released) {
            (Some(_), Some(_)) if self.is_secret => write!(f, "{path} is not what was {verb}"),
            (Some(live), Some(released)) => write!(f, "{path} is {}, was {verb} as {}", show(live), show(released)),
            (None, Some(_)) if self.is_secret => write!(f, "{path} is gone"),
            (None, Some(released)) => write!(f, "{path} is gone, was {verb} as {}", show(released)),
            (Some(live), None) if !self.is_secret => write!(f, "{path} was added: {}", show(live)),
            (_, None) => write!(f, "{path} was added"),
        }
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Difference {
    /// The value now.
    pub(super) fn live(&self) -> Option<&Value> {
        self.live.as_ref()
    }
}

/// Returns where `live` differs from `wanted`, which is what the API server makes of it when `released` is applied to
/// it. Only what `released` sets counts: the rest is the server's, a controller's or an admission webhook's. `verb`
/// says what was done with it: `released`.
pub(super) fn differences(live: &Value, wanted: &Value, released: &Value, verb: &'static str) -> Vec<Difference> {
    let is_secret = released.get("kind").is_some_and(|kind| kind == "Secret");
    let mut walk = Walk { found: Vec::new(), is_secret, verb };
    let place = Place { path: String::new(), keys: Vec::new(), in_list: false };
    if let (Some(live), Some(wanted), Some(released)) = (live.as_object(), wanted.as_object(), released.as_object()) {
        walk.maps(&place, &without_bookkeeping(live), &without_bookkeeping(wanted), released);
    }
    walk.found
}

/// Returns the JSON merge patch that changes the fields of `found` to what `wanted` has, and nothing else.
pub(super) fn patch(found: &[Difference], wanted: &Value) -> Value {
    let mut patch = Value::Object(Map::new());
    for difference in found {
        let mut into = &mut patch;
        let mut from = Some(wanted);
        for key in &difference.keys {
            into = &mut into[key.as_str()];
            from = from.and_then(|value| value.get(key));
        }
        *into = from.cloned().unwrap_or(Value::Null);
    }
    patch
}

fn without_bookkeeping(object: &Map<String, Value>) -> Map<String, Value> {
    let mut object = object.clone();
    object.remove("status");
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| !BOOKKEEPING.contains(&name.as_str()));
    }
    object
}

fn show(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    let cut: String = text.chars().take(SHOWN).collect();
    format!("{cut}…")
}

/// Where a comparison is.
struct Place {
    path: String,
    keys: Vec<String>,
    in_list: bool,
}

impl Place {
    fn field(&self, name: &str) -> Self {
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let path = match (is_plain, self.path.is_empty()) {
            (true, true) => name.to_owned(),
            (true, false) => format!("{}.{name}", self.path),
            (false, _) => format!("{}[\"{name}\"]", self.path),
        };
        let mut keys = self.keys.clone();
        if !self.in_list {
            keys.push(name.to_owned());
        }
        Self { path, keys, in_list: self.in_list }
    }

    fn item(&self, name: &str) -> Self {
        Self { path: format!("{}[{name}]", self.path), keys: self.keys.clone(), in_list: true }
    }
}

struct Walk {
    found: Vec<Difference>,
    is_secret: bool,
    verb: &'static str,
}

impl Walk {
    fn maps(
        &mut self,
        place: &Place,
        live: &Map<String, Value>,
        wanted: &Map<String, Value>,
        released: &Map<String, Value>,
    ) {
        for (name, wanted) in wanted {
            // What is not released was set by somebody else, or is a default.
            let Some(released) = released.get(name) else { continue };
            match live.get(name) {
                Some(live) => self.values(&place.field(name), live, wanted, released),
                None => self.add(&place.field(name), None, Some(wanted)),
            }
        }
        // Applying removes a field only from what belongs to the manifest as a whole, such as a Service's selector.
        for (name, live) in live.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
            self.add(&place.field(name), Some(live), None);
        }
    }

    fn values(&mut self, place: &Place, live: &Value, wanted: &Value, released: &Value) {
        match (live, wanted) {
            (a, b) if a == b => {}
            (Value::Object(live), Value::Object(wanted)) => {
                let released = released.as_object().unwrap_or(wanted);
                self.maps(place, live, wanted, released);
            }
            (Value::Array(live_items), Value::Array(wanted_items)) => {
                let items = released.as_array().unwrap_or(wanted_items);
                if let (Some(live), Some(wanted), Some(items)) = (named(live_items), named(wanted_items), named(items))
                {
                    self.named_items(place, &live, &wanted, &items);
                } else if live_items.len() == wanted_items.len() {
                    for (n, (live, wanted)) in live_items.iter().zip(wanted_items).enumerate() {
                        let released = items.get(n).filter(|_| items.len() == wanted_items.len()).unwrap_or(wanted);
                        self.values(&place.item(&n.to_string()), live, wanted, released);
                    }
                } else {
                    self.add(place, Some(live), Some(wanted));
                }
            }
            _ => self.add(place, Some(live), Some(wanted)),
        }
    }

    fn named_items(&mut self, place: &Place, live: &Named<'_>, wanted: &Named<'_>, released: &Named<'_>) {
        for (name, wanted) in wanted {
            let Some(released) = find(released, name) else { continue };
            match find(live, name) {
                Some(live) => self.values(&place.item(name), live, wanted, released),
                None => self.add(&place.item(name), None, Some(wanted)),
            }
        }
        for (name, live) in live.iter().filter(|(name, _)| find(wanted, name).is_none()) {
            self.add(&place.item(name), Some(live), None);
        }
    }

    fn add(&mut self, place: &Place, live: Option<&Value>, released: Option<&Value>) {
        self.found.push(Difference {
            path: place.path.clone(),
            live: live.cloned(),
            released: released.cloned(),
            keys: place.keys.clone(),
            is_secret: self.is_secret && place.path.starts_with("data"),
            verb: self.verb,
        });
    }
}

type Named<'a> = Vec<(&'a str, &'a Value)>;

/// The items of a list by their names; `None` where one has none or two have the same.
fn named(items: &[Value]) -> Option<Named<'_>> {
    let mut all: Named<'_> = Vec::with_capacity(items.len());
    for item in items {
        let name = item.get("name")?.as_str()?;
        if find(&all, name).is_some() {
            return None;
        }
        all.push((name, item));
    }
    Some(all)
}

fn find<'a>(items: &Named<'a>, name: &str) -> Option<&'a Value> {
    items.iter().find(|(known, _)| *known == name).map(|(_, item)| *item)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is said of an object, when `wanted` comes of applying `released` to `live`.
    fn said(live: &Value, wanted: &Value, released: &Value) -> Vec<String> {
        differences(live, wanted, released, "released").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_way_in_which_a_field_can_differ_is_named() {
        let containers = |image: &str| json!([{"name": "web", "image": image, "env": [{"name": "A", "value": "1"}]}]);
        let cases = [
            (
                json!({"spec": {"replicas": 0}}),
                json!({"spec": {"replicas": 2}}),
                "spec.replicas is 0, was released as 2",
            ),
            (
                json!({"spec": {"containers": containers("evil:1")}}),
                json!({"spec": {"containers": containers("web:1")}}),
                "spec.containers[web].image is \"evil:1\", was released as \"web:1\"",
            ),
            (
                json!({"data": {"app.conf": "a"}}),
                json!({"data": {"app.conf": "b"}}),
                "data[\"app.conf\"] is \"a\", was released as \"b\"",
            ),
            (
                json!({"rules": [{"verbs": ["*"]}]}),
                json!({"rules": [{"verbs": ["get"]}]}),
                "rules[0].verbs[0] is \"*\", was released as \"get\"",
            ),
            (
                json!({"rules": []}),
                json!({"rules": [{"verbs": ["get"]}]}),
                "rules is [], was released as [{\"verbs\":[\"get\"]}]",
            ),
            (json!({"data": {}}), json!({"data": {"A": "b"}}), "data.A is gone, was released as \"b\""),
            (
                json!({"spec": {"selector": {"a": "b", "c": "d"}}}),
                json!({"spec": {"selector": {"a": "b"}}}),
                "spec.selector.c was added: \"d\"",
            ),
            (
                json!({"spec": {"volumes": [{"name": "x"}]}}),
                json!({"spec": {"volumes": [{"name": "x"}, {"name": "y"}]}}),
                "spec.volumes[y] is gone, was released as {\"name\":\"y\"}",
            ),
        ];
        for (live, wanted, expected) in cases {
            assert_eq!(said(&live, &wanted, &wanted), [expected]);
            assert_eq!(said(&wanted, &wanted, &wanted), Vec::<String>::new());
        }
    }

    #[test]
    fn what_the_manifest_does_not_set_does_not_count() {
        let released = json!({"metadata": {"name": "a"}, "spec": {"replicas": 2, "list": [{"name": "x", "v": 1}]}});
        let live = json!({"metadata": {"name": "a", "generation": 1, "resourceVersion": "7", "managedFields": [1]},
            "spec": {"replicas": 2, "strategy": "a", "list": [{"name": "x", "v": 1, "stamp": 1}, {"name": "side"}]},
            "status": {"ready": 1}});
        let wanted = json!({"metadata": {"name": "a", "generation": 2, "annotations": {"stamped": "now"}},
            "spec": {"replicas": 2, "strategy": "b", "list": [{"name": "x", "v": 1, "stamp": 2}, {"name": "side"}]},
            "status": {"ready": 2}});
        assert_eq!(said(&live, &wanted, &released), Vec::<String>::new());
    }

    #[test]
    fn values_of_a_secret_are_never_shown() {
        let object = |data: Value| json!({"kind": "Secret", "type": "Opaque", "data": data});
        let released = object(json!({"A": "YQ==", "B": "Yg=="}));
        let found = differences(&object(json!({"A": "eHg="})), &released, &released, "released");
        assert_eq!(format!("{found:?}"), "[data.A is not what was released, data.B is gone]");
    }

    #[test]
    fn long_values_are_cut() {
        let (a, b) = (json!({"data": {"a": "ä".repeat(100)}}), json!({"data": {"a": "b"}}));
        assert_eq!(said(&a, &b, &b), [format!("data.a is \"{}…, was released as \"b\"", "ä".repeat(59))]);
    }

    #[test]
    fn a_patch_changes_what_differs_and_nothing_else() {
        let wanted = json!({"spec": {"selector": {"a": "b"}, "replicas": 2, "other": 1,
            "containers": [{"name": "web", "image": "web:1"}, {"name": "side"}]}});
        let live = json!({"spec": {"selector": {"a": "x", "c": "d"}, "replicas": 0, "other": 1,
            "containers": [{"name": "web", "image": "evil"}, {"name": "side"}]}});
        let found = differences(&live, &wanted, &wanted, "released");
        assert_eq!(found.len(), 4);
        let expected = json!({"spec": {"selector": {"a": "b", "c": null}, "replicas": 2,
            "containers": [{"name": "web", "image": "web:1"}, {"name": "side"}]}});
        assert_eq!(patch(&found, &wanted), expected);
    }
}
