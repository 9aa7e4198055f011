//! A secret without a value: found before the first step begins, and named with what needs it and what helps.

use crate::sandbox::Sandbox;

const VALUE: &str = "tr0ub4dor-and-3-horses";

/// Two stages: `first` makes a file, and the steps of `second` are `steps`.
fn two_stages(secrets: &str, steps: &str) -> Sandbox {
    Sandbox::new(&format!(
        "[pipeline]\nname = \"t\"\n[secrets]\n{secrets}\n[[stage]]\nid = \"first\"\n[[stage.step]]\nid = \"a\"\n\
         action = \"command\"\nrun = \"touch began\"\n[[stage]]\nid = \"second\"\n{steps}"
    ))
}

const USES: &str = "[[stage.step]]\nid = \"b\"\naction = \"command\"\nsecrets = [\"TOK\"]\nrun = \"touch done\"\n";

#[test]
fn a_missing_secret_of_a_later_stage_is_an_error_before_the_first_step_begins() {
    let mut sandbox = two_stages("TOK = { env = \"MY_TOK\" }", USES);
    let shown = sandbox.run(&["up"]).code(3).says("`MY_TOK` is not set").says("needed by second.b");
    assert!(!sandbox.path("began").exists() && shown.stdout.is_empty(), "{shown:?}");
    sandbox.run(&["plan"]).code(0).says("warning: `provision up` would not begin: the secret `TOK` has no value");
    let events = sandbox.run(&["up", "--output", "json"]).code(3).stdout;
    assert!(events.lines().count() == 1 && events.contains("\"id\":\"secret-missing\""), "{events}");
    // What is not selected needs none, and with `--keep-going` the others run.
    sandbox.run(&["stage", "first"]).code(0);
    sandbox.run(&["up", "--keep-going", "--force"]).code(3).says("second.b: the secret `TOK` has no value");
    sandbox.env("MY_TOK", VALUE);
    sandbox.run(&["up"]).code(0);
    // Its digest is an input: without it nobody can say that the step is fresh.
    sandbox.env("MY_TOK", "");
    sandbox.run(&["up"]).code(3).says("the secret `TOK` has no value");
}

#[test]
fn a_step_that_a_run_may_do_without_does_not_keep_it_from_beginning() {
    for (settings, code) in
        [("optional = true", 0), ("when = \"false\"", 0), ("when = \"true\"", 3), ("fallback = \"second.other\"", 0)]
    {
        let other = "[[stage.step]]\nid = \"other\"\naction = \"command\"\nrun = \"true\"\n";
        let sandbox = two_stages("TOK = { env = \"MY_TOK\" }", &format!("{USES}{settings}\n{other}"));
        sandbox.run(&["up"]).code(code);
        assert_eq!(sandbox.path("began").exists(), code == 0, "{settings}");
    }
    let sandbox = two_stages("TOK = { env = \"MY_TOK\", optional = true }", USES);
    sandbox.run(&["up"]).code(0);
    // Whether it applies is known only when another step has run.
    let tool = "[[stage.step]]\nid = \"t\"\naction = \"tool-check\"\ntool = \"tool\"\n";
    for (version, code) in [("1.0", 0), ("2.0", 3)] {
        let steps = format!("{tool}{USES}when = \"steps.second.t.version == '2.0.0'\"\n");
        let sandbox = two_stages("TOK = { env = \"MY_TOK\" }", &steps);
        sandbox.tool("tool", &format!("echo tool {version}")).run(&["up"]).code(code);
        assert!(sandbox.path("began").exists(), "{version}");
    }
}

#[test]
fn several_missing_secrets_are_one_error_and_the_file_beside_the_pipeline_is_known() {
    let step = "[[stage.step]]\nid = \"b\"\naction = \"command\"\nrun = \"true\"\n\
                env = { A = \"${{ secrets.A }}\", B = \"x-${{ secrets.B }}\" }\n";
    let sandbox = two_stages("A = { env = \"MY_A\" }\nB = { env = \"MY_B\" }", step);
    let shown = sandbox.run(&["up"]).code(3).says("the secrets `A`, `B` have no value").says("`export MY_A=… MY_B=…`");
    shown.says("`A`, needed by second.b: the environment variable `MY_A` is not set").keeps_quiet_about("env-file");
    sandbox.file(".env", "export MY_A=one-of-the-two\n");
    sandbox
        .run(&["up"])
        .code(3)
        .says("or write `env-file = \".env\"` into `[pipeline]`, and a line for each into `.env`");
    sandbox.file(".env", "MY_A=one-of-the-two\nMY_B=another-of-the-two\n");
    sandbox.run(&["up"]).code(3).says("or write `env-file = \".env\"` into `[pipeline]`: `.env` has it");
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &pipeline.replace("name = \"t\"", "name = \"t\"\nenv-file = \".env\""));
    sandbox.run(&["up"]).code(0);
}
