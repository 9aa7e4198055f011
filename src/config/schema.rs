//! [`schema`]: the JSON Schema of pipeline.toml, for editors and programs. The settings of actions and providers are
//! those of their own types; the rest is here, and a test holds it against the keys that are read.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::sections::stages::COMMON_KEYS;
use super::settings::PROVIDER_KEY;
use crate::action::ActionType;
use crate::cluster::ProviderType;

/// The dialect of JSON Schema.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Where a string with an expression is described: it may stand for a number and for a boolean too.
pub(crate) const EXPRESSION: &str = "#/$defs/expression";

const VARS: &str = "Variables, for `${{ vars.NAME }}`: strings, integers, floats and booleans. A number arrives as it is \
     written, or is refused: `3.10` would be 3.1, so write it as a string. Each is overridden, in this order, by the profile, \
     by the environment variable `PROVISION_VAR_NAME`, and by `--set NAME=VALUE`";

const NEEDS: &str = "Steps that have to succeed first: of the same stage by their id, of other stages as `stage.step`. The \
     needs of the stage, and steps whose outputs are used, are added to these. A step that names a file to be read \
     (`inputs`, `path`, `files`, `values`) which another step's `outputs` name has to wait for that one or come before it; \
     that it may do either is an error";

const FALLBACK: &str = "A step of the same stage that runs only if this one fails, and that proves the same; the verdict is \
     then `fallback`. No other step can need it, and its outputs replace this step's. As long as it is fresh, this step is \
     not tried again, unless its inputs change, it is forced, or a check shows that it can do without: a `tool-check` whose \
     tool is installed now, a `command` whose `check` passes, a verification that holds";

const TTY: &str = "Whether its programs have the terminal, one step at a time, where `provision` has one: standard input is \
     the terminal, and the output goes to the log all the same. Other steps have none: what asks on a terminal fails at once";

const EXERCISE: &str = "Whether the step only shows that something can be done, and a later one undoes it. Its result is \
     probed right after it and never again: its proof is `seen at TIME`, and it runs again when its inputs change. \
     Exercises of a stage that need one another are a chain, which is done whole or not at all";

/// Returns the schema for these actions and providers.
pub(crate) fn schema(actions: &[ActionType], providers: &[ProviderType]) -> Value {
    let mut definitions = Map::new();
    definitions.insert(
        "expression".into(),
        json!({
            "description": "An expression that is filled in, such as `${{ vars.port }}`",
            "type": "string",
            "pattern": r"\$\{\{"
        }),
    );
    definitions.insert(
        "duration".into(),
        json!({
            "description": "A length of time: `90s`, `10m`, `1h 30m`, or a number of seconds",
            "type": ["string", "integer"]
        }),
    );
    for (key, common) in common_keys() {
        definitions.insert(format!("step-{key}"), common);
    }
    for action in actions {
        definitions.insert(format!("action-{}", action.name), step_of(action));
    }
    for provider in providers {
        let settings =
            closed((provider.schema)().to_value(), [(PROVIDER_KEY.to_owned(), json!({"const": provider.name}))]);
        definitions.insert(format!("provider-{}", provider.name), settings);
    }
    json!({
        "$schema": DIALECT,
        "title": "pipeline.toml",
        "description": "A pipeline of provision",
        "type": "object",
        "properties": sections(providers),
        "required": ["pipeline", "stage"],
        "additionalProperties": false,
        "$defs": definitions.into_iter().chain(stages(actions)).collect::<Map<_, _>>(),
    })
}

/// The sections of the file.
fn sections(providers: &[ProviderType]) -> Value {
    let strings = json!({"type": "array", "items": {"type": "string"}});
    json!({
        "pipeline": {
            "description": "The pipeline's name, and the checklists whose items its steps prove",
            "type": "object",
            "properties": {
                "name": {"description": "Its name: lower-case letters, digits and `-`, at most 63 characters", "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"},
                "checklists": {
                    "description": "Markdown files with task lists, whose items `covers` names: `[\"tasks.md\"]`, or with a name for each list, `{ auth = \"specs/001/tasks.md\" }`",
                    "anyOf": [strings, {"type": "object", "additionalProperties": {"type": "string"}}]
                },
                "max-age": {"description": "How old a proof may be that can't be seen again without changing something, such as a request by POST; `\"24h\"` by default", "$ref": "#/$defs/duration"},
                "env-file": {"description": "A file beside this one with a variable a line, `NAME=value`, for `env.NAME`, `PROVISION_VAR_NAME` and secrets; the environment comes first", "type": "string"},
                "waivers": {"description": "The file that says who answers for items that are not proven, relative to this file", "type": "string"},
                "max-waived": {
                    "description": "How many items may be waived: a number, or a part of them such as `\"10%\"`; by default a tenth, and at least one",
                    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+%$"}]
                }
            },
            "required": ["name"],
            "additionalProperties": false
        },
        "vars": {"description": VARS, "type": "object"},
        "secrets": {
            "description": "Where the value of each secret comes from; the file never contains it",
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "env": {"description": "The environment variable that has it", "type": "string"},
                    "optional": {"description": "Whether that may be missing; then the secret is the empty text", "type": "boolean"},
                    "generate": {"description": "`hexN`: N random bytes as hexadecimal digits, 8 to 1024, made once and read back from the cluster, where alone they are", "type": "string", "pattern": "^hex[0-9]+$"}
                },
                "additionalProperties": false
            }
        },
        "cluster": cluster(providers),
        "profile": {
            "description": "Named variants of the pipeline",
            "type": "object",
            "additionalProperties": {
                "description": "A variant, turned on by `-p NAME`. One with `vars` or `cluster` has records of its own: what its steps have done is not what the pipeline's have done",
                "type": "object",
                "properties": {
                    "stages": {"description": "The stages that it has; all by default", "type": "array", "items": {"type": "string"}},
                    "vars": {"description": "Other values of variables that `[vars]` declares", "type": "object"},
                    "cluster": {"description": "Other settings of the cluster, over those of `[cluster]`; another `provider` replaces them all", "type": "object"}
                },
                "additionalProperties": false
            }
        },
        "stage": {"description": "The stages, in order", "type": "array", "items": {"$ref": "#/$defs/stage"}, "minItems": 1}
    })
}

fn cluster(providers: &[ProviderType]) -> Value {
    let names: Vec<&str> = providers.iter().map(|provider| provider.name).collect();
    json!({
        "description": "The one cluster that the pipeline may touch",
        "type": "object",
        "properties": {PROVIDER_KEY: {"description": "What kind of cluster it is", "enum": names}},
        "required": [PROVIDER_KEY],
        "allOf": names.iter().map(|name| chosen(PROVIDER_KEY, name, &format!("provider-{name}"))).collect::<Vec<_>>(),
    })
}

/// What holds if `key` is `name`.
fn chosen(key: &str, name: &str, definition: &str) -> Value {
    json!({
        "if": {"properties": {key: {"const": name}}, "required": [key]},
        "then": {"$ref": format!("#/$defs/{definition}")}
    })
}

/// The definitions of a stage and of a step.
fn stages(actions: &[ActionType]) -> [(String, Value); 2] {
    let names: Vec<&str> = actions.iter().map(|action| action.name).collect();
    let by_action: Vec<Value> = names.iter().map(|name| chosen("action", name, &format!("action-{name}"))).collect();
    let stage = json!({
        "type": "object",
        "properties": {
            "id": {"description": "Its name", "type": "string"},
            "title": {"description": "What people see; the id by default", "type": "string"},
            "needs": {"description": "The stages that have to finish before it begins; the one above it by default, `[]` for none", "type": "array", "items": {"type": "string"}},
            "jobs": {"description": "How many of its steps may run at once; 4 by default", "type": "integer", "minimum": 1, "maximum": 256},
            "step": {"description": "Its steps", "type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1}
        },
        "required": ["id", "step"],
        "additionalProperties": false
    });
    let step = json!({
        "type": "object",
        "properties": {"id": {"type": "string"}, "action": {"description": "What it does: `provision actions`", "enum": names}},
        "required": ["id", "action"],
        "allOf": by_action
    });
    [("stage".into(), stage), ("step".into(), step)]
}

/// The keys that every step may have.
fn common_keys() -> Vec<(&'static str, Value)> {
    let described = |key: &'static str| {
        let value = match key {
            "id" => json!({"description": "Its name in its stage", "type": "string"}),
            "action" => json!({"description": "What it does", "type": "string"}),
            "title" => json!({"description": "What people see; the id by default", "type": "string"}),
            "needs" => {
                json!({"description": NEEDS, "type": "array", "items": {"type": "string"}})
            }
            "covers" => {
                json!({"description": "Checklist items that it proves, by their ids (`T014`, `auth:T014`) or texts, together with the other steps that cover them", "type": "array", "items": {"type": "string"}})
            }
            "timeout" => {
                json!({"description": "The longest that one attempt may take; 30 minutes by default", "$ref": "#/$defs/duration"})
            }
            "retry" => json!({
                "description": "How often it is tried: `{ attempts = 3, delay = \"5s\" }`. What succeeds only at a later attempt is `flaky`, which `report --check` does not pass",
                "type": "object",
                "properties": {
                    "attempts": with_expression(json!({"type": "integer", "minimum": 1, "maximum": 100})),
                    "delay": {"$ref": "#/$defs/duration"}
                },
                "required": ["attempts"],
                "additionalProperties": false
            }),
            "when" => {
                json!({"description": "An expression; the step is skipped when it is false", "type": ["string", "boolean"]})
            }
            "optional" => with_expression(
                json!({"description": "Whether a failure of this step leaves the run good; steps that need it run all the same", "type": "boolean"}),
            ),
            "fallback" => json!({"description": FALLBACK, "type": "string"}),
            "tty" => json!({"description": TTY, "type": "boolean"}),
            "exercise" => json!({"description": EXERCISE, "type": "boolean"}),
            _ => json!({}),
        };
        (key, value)
    };
    COMMON_KEYS.into_iter().map(described).collect()
}

/// Returns the definition of a step with this action.
fn step_of(action: &ActionType) -> Value {
    let common = COMMON_KEYS.into_iter().filter(|key| *key != "action");
    let common = common.map(|key| (key.to_owned(), json!({"$ref": format!("#/$defs/step-{key}")})));
    let name = [("action".to_owned(), json!({"const": action.name}))];
    let mut step = closed((action.schema)().to_value(), name.into_iter().chain(common));
    step["description"] = action.summary.into();
    step
}

/// Returns the schema of settings with further keys, and with no others than those.
fn closed(mut settings: Value, further: impl IntoIterator<Item = (String, Value)>) -> Value {
    tidy(&mut settings);
    let Some(table) = settings.as_object_mut() else { return settings };
    let properties = table.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.extend(further);
    }
    table.insert("additionalProperties".into(), false.into());
    settings
}

/// Makes the schema of a Rust type one of a file with expressions: there is no `null`, and a string with an expression
/// may stand for what is no string.
fn tidy(schema: &mut Value) {
    let Some(table) = schema.as_object_mut() else { return };
    for key in ["$schema", "title", "format"] {
        table.remove(key);
    }
    if let Some(types) = table.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            table.insert("type".into(), only);
        }
    }
    if table.get("default").is_some_and(Value::is_null) {
        table.remove("default");
    }
    // Of several variants more than one may hold: an expression is a string of any of them.
    if let Some(variants) = table.remove("oneOf") {
        table.insert("anyOf".into(), variants);
    }
    if let Some(words) = table.get_mut("enum").and_then(Value::as_array_mut) {
        words.retain(|word| !word.is_null());
    }
    for key in ["anyOf", "allOf"] {
        if let Some(variants) = table.get_mut(key).and_then(Value::as_array_mut) {
            variants.retain(|variant| variant.get("type").is_none_or(|name| name != "null"));
            variants.iter_mut().for_each(tidy);
        }
    }
    if let Some(properties) = table.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(tidy);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = table.get_mut(key) {
            tidy(inner);
        }
    }
    let is_plain = |name: &Value| matches!(name.as_str(), Some("integer" | "number" | "boolean"));
    let typed = table.get("type").is_some_and(|name| {
        name.as_array().map_or_else(
            || is_plain(name),
            |names| names.iter().any(is_plain) && !names.iter().any(|name| name == "string"),
        )
    });
    if typed || table.contains_key("enum") || table.contains_key("const") {
        *schema = with_expression(std::mem::take(schema));
    }
}

/// Returns `schema`, or a string with an expression.
fn with_expression(mut schema: Value) -> Value {
    let kept: Vec<(String, Value)> = ["description", "default"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), schema.as_object_mut()?.remove(key)?)))
        .collect();
    let mut wrapped = Map::from_iter(kept);
    wrapped.insert("anyOf".into(), json!([schema, {"$ref": EXPRESSION}]));
    Value::Object(wrapped)
}
