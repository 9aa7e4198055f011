//! The schema against files that are valid, and against files that are not.

use std::path::Path;

use regex::Regex;

use super::*;
use crate::actions::ACTIONS;
use crate::cluster::PROVIDERS;

/// The keywords that say nothing of a value, that are checked with others, or that hold.
const KNOWN: &[&str] = &[
    "$schema",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "required",
    "then",
    "enum",
    "const",
    "minimum",
    "maximum",
    "minItems",
    "properties",
    "additionalProperties",
    "anyOf",
    "oneOf",
];

/// Checks `value` against the part `schema` of the document `root`. Returns what is wrong, with its place. Knows the
/// keywords that the schema uses, and fails the test for any other.
fn problems(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let Value::Object(keywords) = schema else {
        return if schema == &Value::Bool(false) { vec![format!("{at}: not allowed")] } else { Vec::new() };
    };
    let mut found = Vec::new();
    for (keyword, expected) in keywords {
        let mut wrong = |what: String| found.push(format!("{at}: {what}"));
        let list = || expected.as_array().unwrap().iter();
        let of = |schema: &Value| problems(root, schema, value, at);
        match keyword.as_str() {
            "$ref" => {
                let path = expected.as_str().unwrap().trim_start_matches('#');
                found.extend(of(root.pointer(path).unwrap_or_else(|| panic!("{path} is not there"))));
            }
            "type" => {
                let names: Vec<&str> = match expected {
                    Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
                    name => vec![name.as_str().unwrap()],
                };
                if !names.iter().any(|name| has_type(value, name)) {
                    wrong(format!("{value} is no {}", names.join(" or ")));
                }
            }
            "enum" if !expected.as_array().unwrap().contains(value) => wrong(format!("{value} is none of {expected}")),
            "const" if expected != value => wrong(format!("{value} is not {expected}")),
            "pattern" => {
                if let Some(text) = value.as_str()
                    && !Regex::new(expected.as_str().unwrap()).unwrap().is_match(text)
                {
                    wrong(format!("{value} does not match {expected}"));
                }
            }
            "minimum" if value.as_f64() < expected.as_f64() && value.is_number() => {
                wrong(format!("{value} is too small"));
            }
            "maximum" if value.as_f64() > expected.as_f64() && value.is_number() => {
                wrong(format!("{value} is too big"));
            }
            "minItems" if value.as_array().is_some_and(|items| (items.len() as u64) < expected.as_u64().unwrap()) => {
                wrong("too few".into());
            }
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(problems(root, expected, item, &format!("{at}[{n}]")));
                }
            }
            "anyOf" if list().all(|schema| !of(schema).is_empty()) => found.extend(list().flat_map(of)),
            "oneOf" if list().filter(|schema| of(schema).is_empty()).count() != 1 => found.extend(list().flat_map(of)),
            "allOf" => found.extend(list().flat_map(of)),
            "if" => {
                if of(expected).is_empty() {
                    found.extend(of(&keywords["then"]));
                }
            }
            other => assert!(KNOWN.contains(&other), "the test does not know the keyword `{other}`"),
        }
    }
    found.extend(of_table(root, keywords, value, at));
    found
}

/// The keywords about the keys of a table.
fn of_table(root: &Value, keywords: &Map<String, Value>, value: &Value, at: &str) -> Vec<String> {
    let Some(table) = value.as_object() else { return Vec::new() };
    let mut found = Vec::new();
    for key in keywords.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !table.contains_key(key.as_str().unwrap()) {
            found.push(format!("{at}: {key} is missing"));
        }
    }
    let properties = keywords.get("properties").and_then(Value::as_object);
    for (key, value) in table {
        let at = format!("{at}.{key}");
        let of_key = properties.and_then(|properties| properties.get(key)).or(keywords.get("additionalProperties"));
        if let Some(schema) = of_key {
            found.extend(problems(root, schema, value, &at));
        }
    }
    found
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the test does not know the type `{other}`"),
    }
}

fn check(text: &str) -> Vec<String> {
    let file: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let root = schema(ACTIONS, PROVIDERS);
    problems(&root, &root, &serde_json::to_value(file).unwrap(), "")
}

/// A file around the text of steps.
fn around(steps: &str) -> String {
    format!("[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n{steps}")
}

fn step(action: &str, settings: &str) -> String {
    around(&format!("[[stage.step]]\nid = \"a\"\naction = \"{action}\"\n{settings}\n"))
}

#[test]
fn the_pipeline_of_this_project_and_the_samples_of_its_documents_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(check(&fs_err::read_to_string(root.join("pipeline.toml")).unwrap()), Vec::<String>::new());
    let mut n = 0;
    let documents = walkdir::WalkDir::new(root.join("docs")).into_iter().flatten();
    for document in documents.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "md")) {
        let text = fs_err::read_to_string(document.path()).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let sample = if block.contains("[pipeline]") {
                block.to_owned()
            } else if block.trim_start().starts_with("[[stage.step]]") {
                around(block)
            } else {
                continue;
            };
            assert_eq!(check(&sample), Vec::<String>::new(), "{}:\n{block}", document.path().display());
            n += 1;
        }
    }
    assert!(n >= ACTIONS.len(), "only {n} samples were found");
}

#[test]
fn every_action_accepts_its_example_and_nothing_that_is_no_setting() {
    for action in ACTIONS {
        assert_eq!(check(&step(action.name, action.example)), Vec::<String>::new(), "{}", action.name);
        let unknown = check(&step(action.name, &format!("no-such-setting = 1\n{}", action.example)));
        assert_eq!(unknown, [".stage[0].step[0].no-such-setting: not allowed"], "{}", action.name);
    }
}

#[test]
fn every_provider_accepts_its_example_and_nothing_that_is_no_setting() {
    for provider in PROVIDERS {
        let file = |more: &str| {
            let cluster = format!("[cluster]\nprovider = \"{}\"\n{more}{}\n", provider.name, provider.example);
            format!("{cluster}{}", step("confirm", "text = \"x\""))
        };
        assert_eq!(check(&file("")), Vec::<String>::new(), "{}", provider.name);
        assert_eq!(check(&file("no-such-setting = 1\n")), [".cluster.no-such-setting: not allowed"]);
    }
}

#[test]
fn what_the_reader_refuses_is_not_valid_either() {
    let cases: [(&str, &str); 8] = [
        (
            "[[stage]]\nid = \"s\"\nstep = [{ id = \"a\", action = \"confirm\", text = \"x\" }]",
            "\"pipeline\" is missing",
        ),
        (&around("[[stage.step]]\nid = \"a\"\naction = \"no-such-action\""), "is none of"),
        (&around("[[stage.step]]\naction = \"confirm\"\ntext = \"x\""), "\"id\" is missing"),
        (&around("jobs = 0\n[[stage.step]]\nid = \"a\"\naction = \"confirm\"\ntext = \"x\""), "too small"),
        (&step("docker-build", "image = \"a\""), "\"context\" is missing"),
        (&step("docker-build", "image = 1\ncontext = \".\""), "is no string"),
        (&step("confirm", "text = \"x\"\nretry = { attempts = \"three\" }"), "is no integer"),
        (&format!("x = 1\n{}", step("confirm", "text = \"x\"")), ".x: not allowed"),
    ];
    for (text, what) in cases {
        let found = check(text);
        assert!(found.iter().any(|problem| problem.contains(what)), "{what}: {found:?}\n{text}");
    }
}

#[test]
fn an_expression_may_stand_for_a_number_and_a_boolean() {
    let retry = "text = \"x\"\nretry = { attempts = \"${{ vars.n }}\" }\noptional = \"${{ vars.b }}\"";
    assert_eq!(check(&step("confirm", retry)), Vec::<String>::new());
    let port = "service = \"web\"\nport = \"${{ vars.port }}\"\nlocal-port = \"${{ vars.port }}\"";
    assert_eq!(check(&step("http-check", port)), Vec::<String>::new());
}

#[test]
fn every_common_key_is_described() {
    for (key, value) in common_keys() {
        assert!(value.get("description").is_some(), "{key}");
    }
}

#[test]
fn no_action_has_a_setting_that_every_step_has() {
    for action in ACTIONS {
        let schema = serde_json::to_value((action.schema)()).unwrap();
        let settings = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let taken: Vec<&str> = settings.filter(|name| COMMON_KEYS.contains(name)).collect();
        assert_eq!(taken, Vec::<&str>::new(), "settings of {} that can't be written", action.name);
    }
}
