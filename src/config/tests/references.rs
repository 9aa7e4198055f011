//! Errors in settings, unknown references, and cycles.

use insta::assert_snapshot;

use super::*;

#[test]
fn settings_of_an_action() {
    assert_snapshot!(stages(r#"
[[stage]]
id = "build"
[[stage.step]]
id = "backend"
action = "docker-build"
contxt = "backend"
image = 1
tags = ["a", 2]
layers = 300
args = { A = true }
builder = "buildkitt"
tiemout = "1m"
"#), @r#"
    error: unknown setting `contxt` of action `docker-build`
     --> pipeline.toml:9:1
      |
    9 | contxt = "backend"
      | ^^^^^^ not known here
      |
      = help: did you mean `context`?

    error: `image` must be a string, not an integer
      --> pipeline.toml:10:9
       |
    10 | image = 1
       |         ^ expected a string

    error: an item of `tags` must be a string, not an integer
      --> pipeline.toml:11:14
       |
    11 | tags = ["a", 2]
       |              ^ expected a string

    error: `layers` must be an integer between 0 and 255
      --> pipeline.toml:12:10
       |
    12 | layers = 300
       |          ^^^

    error: `A` must be a string, not a boolean
      --> pipeline.toml:13:14
       |
    13 | args = { A = true }
       |              ^^^^ expected a string

    error: `builder` can't be `buildkitt`
      --> pipeline.toml:14:11
       |
    14 | builder = "buildkitt"
       |           ^^^^^^^^^^^
       |
       = help: did you mean `buildkit`?

    error: unknown setting `tiemout` of action `docker-build`
      --> pipeline.toml:15:1
       |
    15 | tiemout = "1m"
       | ^^^^^^^ not known here
       |
       = help: did you mean `timeout`?
    "#);
}

#[test]
fn nested_settings_of_an_action() {
    assert_snapshot!(stages(r#"
[[stage]]
id = "build"
[[stage.step]]
id = "check"
action = "http-check"
url = "x"
replies = "many"
expect = [{ path = "/" }, { paht = "/" }]
[[stage.step]]
id = "port"
action = "http-check"
url = "x"
port = 13
"#), @r#"
    error: `replies` can't be a string of this form
      --> pipeline.toml:10:11
       |
    10 | replies = "many"
       |           ^^^^^^
       |
       = note: `replies`: A number of replies, or all of them.

    error: unknown setting `paht`
      --> pipeline.toml:11:29
       |
    11 | expect = [{ path = "/" }, { paht = "/" }]
       |                             ^^^^ not known here
       |
       = help: did you mean `path`?

    error: `port` can't be 13
      --> pipeline.toml:16:8
       |
    16 | port = 13
       |        ^^
    "#);
}

#[test]
fn needs() {
    assert_snapshot!(stages(r#"
[[stage]]
id = "a"
needs = ["b", "c", "a"]
[[stage.step]]
id = "one"
action = "command"
run = "true"
needs = ["tow", "b.one", "one", "b.oen"]
[[stage.step]]
id = "two"
action = "command"
run = "true"
fallback = "b.one"
[[stage]]
id = "b"
[[stage.step]]
id = "one"
action = "command"
run = "true"
"#), @r#"
    error: stage `a` can't need `b`, which comes after it
     --> pipeline.toml:6:10
      |
    6 | needs = ["b", "c", "a"]
      |          ^^^
      |
      = help: stages run in the order of the file: move one of the two

    error: unknown stage `c`
     --> pipeline.toml:6:15
      |
    6 | needs = ["b", "c", "a"]
      |               ^^^

    error: stage `a` can't need itself
     --> pipeline.toml:6:20
      |
    6 | needs = ["b", "c", "a"]
      |                    ^^^

    error: unknown step `a.tow`
      --> pipeline.toml:11:10
       |
    11 | needs = ["tow", "b.one", "one", "b.oen"]
       |          ^^^^^
       |
       = help: did you mean `two`?

    error: step `a.one` can't need `b.one`, which is in a later stage
      --> pipeline.toml:11:17
       |
    11 | needs = ["tow", "b.one", "one", "b.oen"]
       |                 ^^^^^^^

    error: step `a.one` can't need itself
      --> pipeline.toml:11:26
       |
    11 | needs = ["tow", "b.one", "one", "b.oen"]
       |                          ^^^^^

    error: unknown step `b.oen`
      --> pipeline.toml:11:33
       |
    11 | needs = ["tow", "b.one", "one", "b.oen"]
       |                                 ^^^^^^^
       |
       = help: did you mean `b.one`?

    error: step `a.two` can't fall back to `b.one`, which is in a later stage
      --> pipeline.toml:16:12
       |
    16 | fallback = "b.one"
       |            ^^^^^^^
    "#);
}

#[test]
fn cycles() {
    assert_snapshot!(stages(r#"
[[stage]]
id = "a"
[[stage.step]]
id = "one"
action = "http-check"
url = "x"
needs = ["two"]
[[stage.step]]
id = "two"
action = "command"
run = "true"
needs = ["build"]
[[stage.step]]
id = "build"
action = "docker-build"
context = "."
image = "i"
fallback = "check"
[[stage.step]]
id = "check"
action = "command"
run = "echo ${{ steps.a.one.x }}"
[[stage.step]]
id = "last"
action = "command"
run = "true"
needs = ["build"]
"#), @r#"
    error: steps depend on each other: `a.build` → `a.check` → `a.one` → `a.two` → `a.build`
      --> pipeline.toml:21:12
       |
    10 | needs = ["two"]
       |          ----- `a.one` needs `a.two`
    ...
    15 | needs = ["build"]
       |          ------- `a.two` needs `a.build`
    ...
    21 | fallback = "check"
       |            ^^^^^^^ `a.build` needs `a.check`
    22 | [[stage.step]]
    23 | id = "check"
       |      ------- `a.check` needs `a.one`
    "#);
}

#[test]
fn a_cycle_through_outputs() {
    assert_snapshot!(stages(r#"
[[stage]]
id = "a"
[[stage.step]]
id = "build"
action = "docker-build"
context = "."
image = "i"
needs = ["check"]
[[stage.step]]
id = "check"
action = "command"
run = "echo ${{ steps.a.build.image }}"
"#), @r#"
    error: steps depend on each other: `a.build` → `a.check` → `a.build`
      --> pipeline.toml:11:10
       |
    11 | needs = ["check"]
       |          ^^^^^^^ `a.build` needs `a.check`
    12 | [[stage.step]]
    13 | id = "check"
       |      ------- `a.check` needs `a.build`
    "#);
}

#[test]
fn checklists() {
    let text = r#"
[pipeline]
name = "p"
checklists = ["tasks.md", "more.md", "none.md"]
[[stage]]
id = "a"
[[stage.step]]
id = "one"
action = "command"
run = "true"
covers = ["T001", "T002"]
"#;
    let project = Project::new(text)
        .with("tasks.md", "- [ ] T001 one\n- [ ] T003 three\n")
        .with("more.md", "# M\n- [ ] T001 again\n");
    assert_snapshot!(project.errors(), @r#"
    error: can't read the checklist `none.md`: it does not exist
     --> pipeline.toml:4:38
      |
    4 | checklists = ["tasks.md", "more.md", "none.md"]
      |                                      ^^^^^^^^^

    error: `T001` names 2 checklist items
      --> pipeline.toml:11:11
       |
    11 | covers = ["T001", "T002"]
       |           ^^^^^^
       |
      ::: tasks.md:1:7
       |
     1 | - [ ] T001 one
       |       ----
       |
      ::: more.md:2:7
       |
     2 | - [ ] T001 again
       |       ----
       |
       = help: give the lists names, `checklists = { one = "…", two = "…" }`, and write `one:…` or `two:…`
    "#);
    let project = Project::new(text.replace(", \"more.md\", \"none.md\"", "")).with("tasks.md", "- [ ] T001 one\n");
    assert_snapshot!(project.errors(), @r#"
    error: unknown checklist item `T002`
      --> pipeline.toml:11:19
       |
    11 | covers = ["T001", "T002"]
       |                   ^^^^^^
       |
       = help: did you mean `T001`?
    "#);
}

/// Two lists that both begin with T001, and a step that covers `covers`.
fn two_lists(covers: &str) -> Project {
    let text = r#"
[pipeline]
name = "p"
checklists = { auth = "auth.md", billing = "billing.md" }
[[stage]]
id = "a"
[[stage.step]]
id = "one"
action = "command"
run = "true"
covers = COVERS
"#;
    Project::new(text.replace("COVERS", covers))
        .with("auth.md", "\u{feff}- [ ] T001 Log in\r\n- [ ] T002 Log out\r\n- [ ] The way back\r\n  works\r\n")
        .with("billing.md", "- [ ] T001 Pay\n- [ ] T003 Refund\n- [ ] T003 again\n")
}

#[test]
fn lists_with_names_tell_equal_ids_apart() {
    let loaded = two_lists(r#"["auth:T001", "T002", "billing:T001", "The way  back works"]"#).load().unwrap();
    let pipeline = loaded.pipeline;
    let covers: Vec<&str> = step(&pipeline, "a.one").covers.iter().map(crate::model::ItemId::as_str).collect();
    assert_eq!(covers, ["auth:T001", "auth:T002", "billing:T001", "auth:The way back works"]);
    let places: Vec<String> = pipeline.items.iter().map(|item| item.place.to_string()).collect();
    assert_eq!(places, ["auth.md:1", "auth.md:2", "auth.md:3", "billing.md:1", "billing.md:2", "billing.md:3"]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_snapshot!(two_lists(r#"["T001", "billing:T003"]"#).errors(), @r#"
    error: `T001` names 2 checklist items
      --> pipeline.toml:11:11
       |
    11 | covers = ["T001", "billing:T003"]
       |           ^^^^^^
       |
      ::: auth.md:1:7
       |
     1 | - [ ] T001 Log in
       |       ----
       |
      ::: billing.md:1:7
       |
     1 | - [ ] T001 Pay
       |       ----
       |
       = help: write `auth:T001` or `billing:T001`

    error: `billing:T003` names 2 checklist items
      --> pipeline.toml:11:19
       |
    11 | covers = ["T001", "billing:T003"]
       |                   ^^^^^^^^^^^^^^
       |
      ::: billing.md:2:7
       |
     2 | - [ ] T003 Refund
       |       ----
     3 | - [ ] T003 again
       |       ----
       |
       = help: give each item of a file an id of its own
    "#);
}

#[test]
fn what_looks_like_an_item_and_is_none_is_a_warning_with_its_line() {
    let project = Project::new(
        "[pipeline]\nname = \"p\"\nchecklists = [\"t.md\"]\n[[stage]]\nid = \"a\"\n\
         [[stage.step]]\nid = \"one\"\naction = \"command\"\nrun = \"true\"\n",
    )
    .with("t.md", format!("- [ ] T001 one\n- [] T002 two\n{}", "- [?] x\n".repeat(30)));
    let loaded = project.load().unwrap();
    assert_eq!((loaded.pipeline.items.len(), loaded.pipeline.near_items.len()), (1, 31));
    assert_eq!(loaded.pipeline.near_items[0].place.to_string(), "t.md:2");
    let shown = project.shown(&loaded.warnings);
    assert!(shown.contains("t.md:2:3") && shown.contains("and 26 more"), "{shown}");
}
