//! Errors in expressions, and their places.

use insta::assert_snapshot;

use super::*;

/// Returns the errors of a step with this `run`.
fn run(run: &str) -> String {
    stages(&format!(
        "[vars]\nport = 80\ntext = \"ä\"\n[secrets]\nKEY = {{ env = \"KEY\" }}\n[[stage]]\nid = \"build\"\n\
         [[stage.step]]\nid = \"image\"\naction = \"docker-build\"\ncontext = \".\"\nimage = \"i\"\n\
         [[stage.step]]\nid = \"wait-db\"\naction = \"command\"\nrun = {run}\n\
         [[stage]]\nid = \"later\"\n[[stage.step]]\nid = \"one\"\naction = \"command\"\nrun = \"x\"\n"
    ))
}

#[test]
fn names() {
    assert_snapshot!(run(r#""${{ vars.prot }} ${{ var.port }} ${{ env.NONE }} ${{ pipeline.id }} ${{ checkout.id }}""#), @r#"
    error: unknown variable `prot`
      --> pipeline.toml:18:12
       |
    18 | run = "${{ vars.prot }} ${{ var.port }} ${{ env.NONE }} ${{ pipeline.id }} ${{ checkout.id }}"
       |            ^^^^^^^^^
       |
       = help: did you mean `port`?

    error: unknown name `var`
      --> pipeline.toml:18:29
       |
    18 | run = "${{ vars.prot }} ${{ var.port }} ${{ env.NONE }} ${{ pipeline.id }} ${{ checkout.id }}"
       |                             ^^^
       |
       = help: did you mean `vars.…`?

    error: the environment variable `NONE` is not set
      --> pipeline.toml:18:45
       |
    18 | run = "${{ vars.prot }} ${{ var.port }} ${{ env.NONE }} ${{ pipeline.id }} ${{ checkout.id }}"
       |                                             ^^^^^^^^
       |
       = help: write a default: `env.NONE | default('x')`

    error: `pipeline` has no `id`
      --> pipeline.toml:18:61
       |
    18 | run = "${{ vars.prot }} ${{ var.port }} ${{ env.NONE }} ${{ pipeline.id }} ${{ checkout.id }}"
       |                                                             ^^^^^^^^^^^
       |
       = help: use `name`

    error: `checkout` has no `id`
      --> pipeline.toml:18:80
       |
    18 | run = "${{ vars.prot }} ${{ var.port }} ${{ env.NONE }} ${{ pipeline.id }} ${{ checkout.id }}"
       |                                                                                ^^^^^^^^^^^
       |
       = help: use `slug`
    "#);
}

#[test]
fn incomplete_names() {
    assert_snapshot!(run(r#""${{ vars.port-1 }} ${{ vars }} ${{ steps.build.image }} ${{ port }}""#), @r#"
    error: unknown variable `port-1`
      --> pipeline.toml:18:12
       |
    18 | run = "${{ vars.port-1 }} ${{ vars }} ${{ steps.build.image }} ${{ port }}"
       |            ^^^^^^^^^^^
       |
       = help: for a subtraction, write spaces around the minus sign: `vars.port - 1`

    error: `vars` is incomplete
      --> pipeline.toml:18:31
       |
    18 | run = "${{ vars.port-1 }} ${{ vars }} ${{ steps.build.image }} ${{ port }}"
       |                               ^^^^
       |
       = help: write `vars.NAME`

    error: `steps.build.image` is incomplete
      --> pipeline.toml:18:43
       |
    18 | run = "${{ vars.port-1 }} ${{ vars }} ${{ steps.build.image }} ${{ port }}"
       |                                           ^^^^^^^^^^^^^^^^^
       |
       = help: an output is `steps.STAGE.STEP.NAME`

    error: unknown name `port`
      --> pipeline.toml:18:68
       |
    18 | run = "${{ vars.port-1 }} ${{ vars }} ${{ steps.build.image }} ${{ port }}"
       |                                                                    ^^^^
       |
       = help: names start with `vars.`, `env.`, `cluster.`, `checkout.`, `pipeline.`, `steps.` or `secrets.`; a string is `'port'`
    "#);
}

#[test]
fn outputs_and_secrets() {
    assert_snapshot!(run(r#""${{ steps.build.imgae.image }} ${{ steps.build.image.tag }} ${{ steps.later.one.x }} ${{ steps.build.wait-db.x }}""#), @r#"
    error: unknown step `build.imgae`
      --> pipeline.toml:18:12
       |
    18 | run = "${{ steps.build.imgae.image }} ${{ steps.build.image.tag }} ${{ steps.later.one.x }} ${{ steps.build.wait-db.x }}"
       |            ^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: did you mean `build.image`?

    error: step `build.image` (action `docker-build`) has no output `tag`
      --> pipeline.toml:18:43
       |
    18 | run = "${{ steps.build.imgae.image }} ${{ steps.build.image.tag }} ${{ steps.later.one.x }} ${{ steps.build.wait-db.x }}"
       |                                           ^^^^^^^^^^^^^^^^^^^^^
       |
       = help: use one of: `image`, `size`

    error: step `build.wait-db` can't use an output of `later.one`, which is in a later stage
      --> pipeline.toml:18:72
       |
    18 | run = "${{ steps.build.imgae.image }} ${{ steps.build.image.tag }} ${{ steps.later.one.x }} ${{ steps.build.wait-db.x }}"
       |                                                                        ^^^^^^^^^^^^^^^^^
       |
       = help: move that stage before this one, or this step to a later stage

    error: step `build.wait-db` can't use its own output
      --> pipeline.toml:18:97
       |
    18 | run = "${{ steps.build.imgae.image }} ${{ steps.build.image.tag }} ${{ steps.later.one.x }} ${{ steps.build.wait-db.x }}"
       |                                                                                                 ^^^^^^^^^^^^^^^^^^^^^
    "#);
    assert_snapshot!(run(r#""${{ secrets.KEY }} ${{ secrets.KYE }}""#), @r#"
    error: this action accepts no secrets
      --> pipeline.toml:18:12
       |
    18 | run = "${{ secrets.KEY }} ${{ secrets.KYE }}"
       |            ^^^^^^^^^^^

    error: unknown secret `KYE`
      --> pipeline.toml:18:31
       |
    18 | run = "${{ secrets.KEY }} ${{ secrets.KYE }}"
       |                               ^^^^^^^^^^^
       |
       = help: did you mean `KEY`?
    "#);
}

#[test]
fn places() {
    // After wide characters, in literal strings, with escapes, in several lines, in arrays and tables.
    assert_snapshot!(run(r#""äöü 漢字 ${{ vars.prot }}""#), @r#"
    error: unknown variable `prot`
      --> pipeline.toml:18:19
       |
    18 | run = "äöü 漢字 ${{ vars.prot }}"
       |                     ^^^^^^^^^
       |
       = help: did you mean `port`?
    "#);
    assert_snapshot!(run("'x ${{ vars.prot }}'"), @r"
    error: unknown variable `prot`
      --> pipeline.toml:18:14
       |
    18 | run = 'x ${{ vars.prot }}'
       |              ^^^^^^^^^
       |
       = help: did you mean `port`?
    ");
    assert_snapshot!(run(r#""a\tb ${{ vars.prot }}""#), @r#"
    error: unknown variable `prot`
      --> pipeline.toml:18:17
       |
    18 | run = "a\tb ${{ vars.prot }}"
       |                 ^^^^^^^^^
       |
       = help: did you mean `port`?
    "#);
    assert_snapshot!(run("\"\"\"\nline one\n  line two ${{ vars.prot }}\n\"\"\""), @r"
    error: unknown variable `prot`
      --> pipeline.toml:20:16
       |
    20 |   line two ${{ vars.prot }}
       |                ^^^^^^^^^
       |
       = help: did you mean `port`?
    ");
    assert_snapshot!(run(r#"["a", "b ${{ vars.prot }}"]"#), @r#"
    error: unknown variable `prot`
      --> pipeline.toml:18:20
       |
    18 | run = ["a", "b ${{ vars.prot }}"]
       |                    ^^^^^^^^^
       |
       = help: did you mean `port`?
    "#);
}

#[test]
fn syntax() {
    assert_snapshot!(run(r#""${{ vars.port + }} ${{ }} ${{ 'a }}""#), @r#"
    error: invalid expression: unexpected end of input, expected expression
      --> pipeline.toml:18:22
       |
    18 | run = "${{ vars.port + }} ${{ }} ${{ 'a }}"
       |                      ^

    error: the expression is empty
      --> pipeline.toml:18:31
       |
    18 | run = "${{ vars.port + }} ${{ }} ${{ 'a }}"
       |                               ^

    error: unclosed string in this expression
      --> pipeline.toml:18:38
       |
    18 | run = "${{ vars.port + }} ${{ }} ${{ 'a }}"
       |                                      ^^^
    "#);
    assert_snapshot!(run(r#""x ${{ vars.port ""#), @r#"
    error: unclosed expression
      --> pipeline.toml:18:10
       |
    18 | run = "x ${{ vars.port "
       |          ^^^
       |
       = help: an expression ends with `}}`; write `$${{` for a literal `${{`
    "#);
    assert_snapshot!(run(r#""${{ vars.text + 1 }} ${{ vars.text | nonsense }} ${{ range(3) }} ${{ vars.port / 0 }}""#), @r#"
    error: can't evaluate the expression: tried to use + operator on unsupported types string and number
      --> pipeline.toml:18:12
       |
    18 | run = "${{ vars.text + 1 }} ${{ vars.text | nonsense }} ${{ range(3) }} ${{ vars.port / 0 }}"
       |            ^^^^^^^^^^^^^

    error: unknown filter `nonsense`
      --> pipeline.toml:18:45
       |
    18 | run = "${{ vars.text + 1 }} ${{ vars.text | nonsense }} ${{ range(3) }} ${{ vars.port / 0 }}"
       |                                             ^^^^^^^^
       |
       = help: use one of: `default`, `first`, `float`, `int`, `join`, `last`, `length`, `lower`, `replace`, `split`, `trim`, `upper`

    error: unknown function `range`
      --> pipeline.toml:18:61
       |
    18 | run = "${{ vars.text + 1 }} ${{ vars.text | nonsense }} ${{ range(3) }} ${{ vars.port / 0 }}"
       |                                                             ^^^^^
       |
       = help: use a filter instead: `vars.name | upper`

    error: can't evaluate the expression: unable to calculate 80 / 0
      --> pipeline.toml:18:77
       |
    18 | run = "${{ vars.text + 1 }} ${{ vars.text | nonsense }} ${{ range(3) }} ${{ vars.port / 0 }}"
       |                                                                             ^^^^^^^^^^^^^
    "#);
}

#[test]
fn bounds() {
    assert_snapshot!(run(r#""${{ 'x' * 90000 }}""#), @r#"
    error: the string is longer than 64 KiB
      --> pipeline.toml:18:11
       |
    18 | run = "${{ 'x' * 90000 }}"
       |           ^^^^^^^^^^^^^
    "#);
    assert_snapshot!(run(r#""${{ ('x' * 90000) | replace('x', 'y' * 90000) }}""#), @r#"
    error: can't evaluate the expression: the string would be too long
      --> pipeline.toml:18:28
       |
    18 | run = "${{ ('x' * 90000) | replace('x', 'y' * 90000) }}"
       |                            ^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    let bomb = "[1] * 2000".to_owned();
    assert_snapshot!(run(&format!("\"${{{{ {bomb} }}}}\"")), @r#"
    error: the array has more than 1000 items
      --> pipeline.toml:18:11
       |
    18 | run = "${{ [1] * 2000 }}"
       |           ^^^^^^^^^^^^
    "#);
    let deep = format!("\"${{{{ {}1{} }}}}\"", "(".repeat(1000), ")".repeat(1000));
    let errors = run(&deep);
    assert!(errors.contains("invalid expression"), "{errors}");
    let errors = run(&format!("\"${{{{ {} }}}}\"", "1 + ".repeat(2000)));
    assert!(errors.contains("longer than 4096 bytes"), "{errors}");
}

#[test]
fn conditions() {
    let when = |when: &str| {
        stages(&format!(
            "[[stage]]\nid = \"a\"\n[[stage.step]]\nid = \"b\"\naction = \"command\"\nrun = \"x\"\nwhen = {when}\n"
        ))
    };
    assert_snapshot!(when("\"env.CI\""), @r#"
    error: the environment variable `CI` is not set
     --> pipeline.toml:9:9
      |
    9 | when = "env.CI"
      |         ^^^^^^
      |
      = help: write a default: `env.CI | default('x')`
    "#);
    assert_snapshot!(when("\"env.CI | default('')\""), @r#"
    error: `when` must be `true` or `false`, not a string
     --> pipeline.toml:9:8
      |
    9 | when = "env.CI | default('')"
      |        ^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: compare it: `env.CI == 'true'`
    "#);
    assert_snapshot!(when("\"x ${{ true }}\""), @r#"
    error: a condition must be a single expression
     --> pipeline.toml:9:8
      |
    9 | when = "x ${{ true }}"
      |        ^^^^^^^^^^^^^^^
    "#);
    assert_snapshot!(when("1"), @r"
    error: `when` must be an expression, not an integer
     --> pipeline.toml:9:8
      |
    9 | when = 1
      |        ^
    ");
}
