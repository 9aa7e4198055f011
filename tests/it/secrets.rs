//! Secrets appear in nothing that is printed or stored.

use crate::sandbox::Sandbox;

const CANARY: &str = "tr0ub4dor-and-3-horses";

#[test]
fn a_secret_is_masked_in_logs_events_failures_and_the_journal() {
    let pipeline = r#"
[pipeline]
name = "t"
[secrets]
TOKEN = { env = "TOKEN" }
[[stage]]
id = "s"
[[stage.step]]
id = "a"
action = "command"
secrets = ["TOKEN"]
run = 'echo "token is $TOKEN"; echo "$TOKEN" | base64; echo "again $TOKEN" >&2; printf %0390d 0; echo " $TOKEN"; exit 1'
"#;
    let mut sandbox = Sandbox::new(pipeline);
    sandbox.env("TOKEN", CANARY);
    let shown = sandbox.run(&["up", "-v", "--events", "events.jsonl"]).code(1).says("token is ***");
    let everything = format!(
        "{}{}{}{}",
        shown.stdout,
        shown.stderr,
        sandbox.state_text(),
        fs_err::read_to_string(sandbox.path("events.jsonl")).unwrap()
    );
    let base64 = "dHIwdWI0ZG9yLWFuZC0zLWhvcnNlcw";
    for form in [CANARY, &CANARY[..12], base64, &base64[..12]] {
        assert!(!everything.contains(form), "{form} is in what was shown or kept");
    }
}

#[test]
fn a_missing_secret_is_reported_with_its_variable() {
    let pipeline = "[pipeline]\nname = \"t\"\n[secrets]\nTOKEN = { env = \"MY_TOKEN\" }\n[[stage]]\nid = \"s\"\n\
                    [[stage.step]]\nid = \"a\"\naction = \"command\"\nsecrets = [\"TOKEN\"]\nrun = \"true\"\n";
    Sandbox::new(pipeline).run(&["up"]).code(3).says("`MY_TOKEN` is not set");
}
