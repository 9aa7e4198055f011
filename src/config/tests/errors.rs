//! Errors in files.

use insta::assert_snapshot;

use super::*;

#[test]
fn no_file() {
    let project = Project::new("");
    fs_err::remove_file(project.root().join("pipeline.toml")).unwrap();
    assert_snapshot!(project.errors(), @r#"
    error: `pipeline.toml` does not exist
     |
     = help: name the pipeline file with `-f FILE`; it starts with `[pipeline]`, `name = "…"` and `[[stage]]`
    "#);
    fs_err::create_dir(project.root().join("pipeline.toml")).unwrap();
    assert_snapshot!(project.errors(), @r#"
    error: `pipeline.toml` is a directory
     |
     = help: name the file in it: `-f pipeline.toml/pipeline.toml`
    "#);
}

#[test]
fn invalid_utf_8() {
    assert_snapshot!(Project::new(b"[pipeline]\nname = \"\xff\"\n").errors(), @r"
    error: `pipeline.toml` is not valid UTF-8: invalid byte at offset 19, in line 2
     |
     = help: save the file as UTF-8
    ");
    assert_snapshot!(Project::new(vec![b'#'; (4 << 20) + 1]).errors(), @"error: `pipeline.toml` is larger than 4 MiB");
}

#[test]
fn an_empty_file() {
    assert_snapshot!(Project::new("").errors(), @r#"
    error: missing section `[pipeline]`
     --> pipeline.toml:1:1
      |
    1 |
      | ^
      |
      = help: start the file with `[pipeline]` and `name = "…"`

    error: the pipeline has no stages
     --> pipeline.toml:1:1
      |
    1 |
      | ^
      |
      = help: a stage starts with `[[stage]]` and `id = "…"`, its steps with `[[stage.step]]`
    "#);
}

#[test]
fn several_syntax_errors() {
    assert_snapshot!(Project::new("[pipeline]\nname = \nname = 'p'\n[[stage]\nid = \"a\" x\n").errors(), @r#"
    error: string values must be quoted, expected literal string
     --> pipeline.toml:2:8
      |
    2 | name = 
      |        ^

    error: duplicate key
     --> pipeline.toml:3:1
      |
    3 | name = 'p'
      | ^^^^

    error: unclosed array table, expected `]`
     --> pipeline.toml:4:9
      |
    4 | [[stage]
      |         ^

    error: unexpected key or value, expected newline, `#`
     --> pipeline.toml:5:10
      |
    5 | id = "a" x
      |          ^
    "#);
}

#[test]
fn crlf_and_a_byte_order_mark_do_not_move_places() {
    let text = "\u{feff}[pipeline]\r\nname = \"p\"\r\nnmae = 1\r\n[[stage]]\r\nid = \"a\"\r\n";
    assert_snapshot!(Project::new(text).errors(), @r#"
    error: unknown key `nmae` in `[pipeline]`
     --> pipeline.toml:3:1
      |
    3 | nmae = 1
      | ^^^^ not known here
      |
      = help: use one of: `checklists`, `max-age`, `waivers`, `max-waived`, `env-file`

    error: a stage must have a step
     --> pipeline.toml:4:1
      |
    4 | [[stage]]
      | ^^^^^^^^^ no step in this stage
      |
      = help: a step starts with `[[stage.step]]` and `id = "…"`
    "#);
}

const SECTIONS: &str = r#"
[pipeline]
name = "P p"
checklist = ["tasks.md"]
[vars]
list = [1]
[secrets]
A = "hunter22"
B = { env = "B", generate = "hex32" }
C = { generate = "hex" }
[cluster]
provider = "kind"
[profile.x]
stages = ["bild"]
vars = { lst = 1 }
[[stage]]
id = "build"
[[stage.step]]
id = "a"
action = "command"
run = "true"
"#;

#[test]
fn all_errors_in_sections_are_reported_at_once() {
    assert_snapshot!(Project::new(SECTIONS).errors(), @r#"
    error: invalid pipeline name `P p`
     --> pipeline.toml:3:8
      |
    3 | name = "P p"
      |        ^^^^^
      |
      = note: clusters and images are named after it: use at most 63 lower-case letters, digits and `-`

    error: unknown key `checklist` in `[pipeline]`
     --> pipeline.toml:4:1
      |
    4 | checklist = ["tasks.md"]
      | ^^^^^^^^^ not known here
      |
      = help: did you mean `checklists`?

    error: the variable `list` can't be an array
     --> pipeline.toml:6:8
      |
    6 | list = [1]
      |        ^^^
      |
      = help: a variable is a string, an integer, a float or a boolean

    error: the secret `A` must be a table, not a string
    --> pipeline.toml:8:5
     = note: the file never contains the value of a secret
     = help: write `{ env = "NAME" }` or `{ generate = "hex32" }`

    error: the secret has two sources
     --> pipeline.toml:9:29
      |
    9 | B = { env = "B", generate = "hex32" }
      |                             ^^^^^^^
      |
      = help: write `{ env = "NAME" }` or `{ generate = "hex32" }`

    error: `generate` must be `hexN`, with N, the number of random bytes, between 8 and 1024
      --> pipeline.toml:10:18
       |
    10 | C = { generate = "hex" }
       |                  ^^^^^
       |
       = help: write `{ env = "NAME" }` or `{ generate = "hex32" }`

    error: unknown provider `kind`; known: minikube, context
      --> pipeline.toml:12:12
       |
    12 | provider = "kind"
       |            ^^^^^^

    error: unknown stage `bild`
      --> pipeline.toml:14:11
       |
    14 | stages = ["bild"]
       |           ^^^^^^
       |
       = help: did you mean `build`?

    error: unknown variable `lst`
      --> pipeline.toml:15:10
       |
    15 | vars = { lst = 1 }
       |          ^^^ a profile can only override variables that `[vars]` declares
       |
       = help: did you mean `list`?
    "#);
}

const STAGES: &str = r#"
[pipeline]
name = "p"
[[stage]]
id = "build"
jobs = 0
[[stage.step]]
id = "A"
action = "docker-bild"
[[stage.step]]
id = "b"
action = "command"
run = "true"
timeout = "soon"
retry = { delay = -1 }
optional = "yes"
covers = ["T001"]
fallback = "b"
[[stage]]
id = "build"
"#;

#[test]
fn all_errors_in_stages_are_reported_at_once() {
    assert_snapshot!(Project::new(STAGES).errors(), @r#"
    error: `jobs` must be between 1 and 256
     --> pipeline.toml:6:8
      |
    6 | jobs = 0
      |        ^ between 1 and 256

    error: invalid id `A`: use lower-case letters, digits, `-` and `_`, starting with a letter or digit
     --> pipeline.toml:8:6
      |
    8 | id = "A"
      |      ^^^

    error: unknown action `docker-bild`
     --> pipeline.toml:9:10
      |
    9 | action = "docker-bild"
      |          ^^^^^^^^^^^^^
      |
      = help: did you mean `docker-build`?

    error: `timeout` is not a duration
      --> pipeline.toml:14:11
       |
    14 | timeout = "soon"
       |           ^^^^^^
       |
       = help: write it as `"90s"`, `"10m"`, `"1h 30m"`, or as a number of seconds

    error: `retry` needs `attempts`
      --> pipeline.toml:15:9
       |
    15 | retry = { delay = -1 }
       |         ^^^^^^^^^^^^^^ no `attempts` here

    error: `delay` is not a duration
      --> pipeline.toml:15:19
       |
    15 | retry = { delay = -1 }
       |                   ^^
       |
       = help: write it as `"90s"`, `"10m"`, `"1h 30m"`, or as a number of seconds

    error: `optional` must be `true` or `false`, not a string
      --> pipeline.toml:16:12
       |
    16 | optional = "yes"
       |            ^^^^^ expected `true` or `false`

    error: unknown checklist item `T001`
      --> pipeline.toml:17:11
       |
    17 | covers = ["T001"]
       |           ^^^^^^
       |
       = help: name the files with the items in `checklists` of `[pipeline]`

    error: step `build.b` can't fall back to itself
      --> pipeline.toml:18:12
       |
    18 | fallback = "b"
       |            ^^^

    error: a stage must have a step
      --> pipeline.toml:19:1
       |
    19 | [[stage]]
       | ^^^^^^^^^ no step in this stage
       |
       = help: a step starts with `[[stage.step]]` and `id = "…"`

    error: the stage `build` is defined twice
      --> pipeline.toml:20:6
       |
     5 | id = "build"
       |      ------- first defined here
    ...
    20 | id = "build"
       |      ^^^^^^^ defined again here
    "#);
}

#[test]
fn more_than_twenty_are_counted() {
    let text = (0..30).map(|n| format!("k{n} = 1\n")).collect::<Vec<_>>().concat();
    let errors = Project::new(text + "[pipeline]\nname = 'p'\n").errors();
    assert!(errors.ends_with("\n\nand 11 more"), "{errors}");
}
