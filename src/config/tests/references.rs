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

    error: the item `T001` is defined twice
     --> more.md:2:7
      |
    2 | - [ ] T001 again
      |       ^^^^ defined again here
      |
     ::: tasks.md:1:7
      |
    1 | - [ ] T001 one
      |       ---- first defined here
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
