//! Secrets appear in nothing that is printed or stored.

use std::fmt::Write as _;

use base64::Engine;

use crate::sandbox::{Sandbox, Shown, all_arguments};
use crate::server::Server;
use crate::shared_cluster::SharedCluster;

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

/// What shells and coreutils make of a secret, one step each; each prints nothing but the secret and a word before it.
const FORMS: &[(&str, &str)] = &[
    ("wrapped", r#"printf 'user:%s' "$KEY" | base64"#),
    ("narrow", r#"printf '%s' "$KEY" | base64 -w 64 | sed 's/^/    /'"#),
    ("pem", r#"printf '%s' "$PEM" | base64; printf '%s\n' "$PEM" | sed 's/^/  /'; printf '%s' "$PEM" | tr '\n' '|'"#),
    (
        "hex",
        r#"printf '%s' "$KEY" | od -An -tx1; printf '%s' "$KEY" | od -An -tx1 | tr -d ' \n'; echo
printf '%s' "$PW" | od -tx1"#,
    ),
    ("trace", r#"set -x; : "$PW""#),
    (
        "slow",
        r#"i=0; while [ $i -lt 20 ]; do printf '%s' "$PW" | cut -c $((i+1)) | tr -d '\n'; i=$((i+1)); done; echo"#,
    ),
];

#[test]
fn a_secret_that_a_tool_has_encoded_is_masked_in_everything_that_is_kept() {
    let key = "sk-proj-Qm7Z2xkV9aTn4LwYc8RfHs1JdUe6Gp0BtNvXyKi3MoEqWl5Sj7ZgAhCrDuFbPzTk2xVnQwLm9Ys4RtHcJd8Ue1";
    let password = "pa's/w&rd+<7>=!(x) y";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", &key[8..72]);
    let mut pipeline = "[pipeline]\nname = \"t\"\n[secrets]\nKEY = { env = \"KEY\" }\nPW = { env = \"PW\" }\n\
                        PEM = { env = \"PEM\" }\n[[stage]]\nid = \"s\"\n"
        .to_owned();
    for (id, run) in FORMS {
        write!(
            pipeline,
            "[[stage.step]]\nid = \"{id}\"\naction = \"command\"\nsecrets = [\"KEY\", \"PW\", \"PEM\"]\n\
             run = '''\n{run}'''\n"
        )
        .unwrap();
    }
    let mut sandbox = Sandbox::new(&pipeline);
    sandbox.env("KEY", key).env("PW", password).env("PEM", &pem);
    let shown = sandbox.run(&["up", "-v", "--events", "events.jsonl"]).code(0);
    let events = fs_err::read_to_string(sandbox.path("events.jsonl")).unwrap();
    let everything = format!("{}{}{}{events}", shown.stdout, shown.stderr, sandbox.state_text());
    assert!(everything.contains("***"));
    // Lines of base64 and of digits belong together, whatever stands before and between them.
    let letters: String = everything.chars().filter(char::is_ascii_alphanumeric).collect();
    let hex = |text: &str| text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    // Where a group of base64 begins depends on what stands before.
    let base64 = [&key[..18], &key[1..19], &key[20..38], &key[21..39], &key[22..40], &pem[..18], &pem[28..46]];
    let base64 = base64.map(|part| base64::engine::general_purpose::STANDARD.encode(part));
    let plain = ["Qm7Z2xkV9aTn", "ZgAhCrDuFbPz", "pa's/w", "rd+<7>", r"pa'\''s"].map(str::to_owned);
    for form in plain.iter().chain(&base64).chain(&[hex(&key[..12]), hex(&key[20..32]), hex(&password[..12])]) {
        let bare: String = form.chars().filter(char::is_ascii_alphanumeric).collect();
        let is_there = everything.contains(form.as_str()) || bare.len() > 8 && letters.contains(&bare);
        assert!(!is_there, "{form} is in what was shown or kept");
    }
}

/// Steps of a pipeline with a secret, from the variable `MY_TOKEN`.
fn with_secret(steps: &str) -> String {
    format!(
        "[pipeline]\nname = \"t\"\n[vars]\nwho = \"nobody\"\n[secrets]\nTOKEN = {{ env = \"MY_TOKEN\" }}\n\
         [[stage]]\nid = \"s\"\ntitle = \"stage of ${{{{ vars.who }}}}\"\n{steps}"
    )
}

#[test]
fn f80_a_child_gets_only_the_secrets_that_its_step_declares() {
    let mut sandbox = Sandbox::new(&with_secret(
        r#"
[[stage.step]]
id = "undeclared"
action = "command"
run = 'echo "[${MY_TOKEN-none}] [${TOKEN-none}]"; tool'
[[stage.step]]
id = "listed"
action = "command"
secrets = ["TOKEN"]
run = '[ "${MY_TOKEN-none}" = none ] && [ ${#TOKEN} = 22 ] && echo fine'
[[stage.step]]
id = "env"
action = "command"
env = { MY_TOKEN = "${{ secrets.TOKEN }}", URL = "x:${{ env.MY_TOKEN }}@y", LITERAL = "$${{ secrets.TOKEN }}" }
run = '[ ${#MY_TOKEN} = 22 ] && [ "$URL" = "x:$MY_TOKEN@y" ] && echo "$LITERAL"'
[[stage.step]]
id = "tool"
action = "tool-check"
tool = "tool"
version = ">=1"
"#,
    ));
    sandbox.env("MY_TOKEN", CANARY);
    sandbox.tool("tool", "env > tool-saw; echo tool 1.2.3");
    let shown = sandbox.run(&["up", "-v"]).code(0);
    shown.says("[none] [none]").says("fine").says("${{ secrets.TOKEN }}").keeps_quiet_about(CANARY);
    let saw = fs_err::read_to_string(sandbox.path("tool-saw")).unwrap();
    assert!(saw.contains("PATH=") && !saw.contains(CANARY), "{saw}");
    sandbox.run(&["plan"]).code(0);
    assert!(!fs_err::read_to_string(sandbox.path("tool-saw")).unwrap().contains(CANARY));
}

#[test]
fn f81_the_variable_of_a_secret_reaches_no_argument_title_or_label() {
    let step = "[[stage.step]]\nid = \"a\"\naction = \"command\"\nrun = [\"echo\", \"${{ env.MY_TOKEN }}\"]\n";
    let mut sandbox = Sandbox::new(&with_secret(step));
    sandbox.env("MY_TOKEN", CANARY);
    let shown = sandbox.run(&["up"]).code(2).says("`env.MY_TOKEN` is the secret `TOKEN`");
    shown.says("env = { MY_TOKEN = \"${{ secrets.TOKEN }}\" }").keeps_quiet_about(CANARY);
    // The same value by another way is masked.
    let step = "[[stage.step]]\nid = \"a\"\ntitle = \"step of ${{ vars.who }}\"\naction = \"command\"\nrun = \"true\"\n\
                inputs = [\"${{ vars.who }}/*\"]\n";
    sandbox.file("pipeline.toml", &with_secret(step));
    sandbox.file(&format!("{CANARY}/read"), "");
    sandbox.env("PROVISION_VAR_WHO", CANARY);
    let mut all = String::new();
    for args in [&["up", "-v", "--events", "events"][..], &["plan"], &["status"], &["why", "s.a"], &["report"]] {
        let shown = sandbox.run(args);
        all += &(shown.stdout + &shown.stderr);
    }
    all += &fs_err::read_to_string(sandbox.path("events")).unwrap();
    all += &sandbox.state_text();
    assert!(all.contains("stage of ***") && all.contains("files ***/*"), "{all}");
    assert!(!all.contains(CANARY), "{all}");
}

#[test]
fn f82_a_value_from_outside_is_data_of_a_script_in_whatever_quotes() {
    let evil = "x'\"; touch pwned; $(touch pwned) `touch pwned` \\ * #";
    let pipeline = r#"
[pipeline]
name = "t"
[vars]
who = "me"
flags = "-n -e"
[[stage]]
id = "s"
[[stage.step]]
id = "a"
action = "command"
run = '''
printf '%s\n' ${{ env.EVIL }} "${{ env.EVIL }}" '${{ env.EVIL }}' ${{ vars.who }} "$(echo "${{ vars.who }}")" > out
# ${{ env.EVIL }}
cat >> out <<EOF
${{ env.EVIL }}
EOF
set -- ${{ vars.flags }}; echo $# >> out
'''
"#;
    let mut sandbox = Sandbox::new(pipeline);
    sandbox.env("EVIL", evil).env("PROVISION_VAR_WHO", evil);
    sandbox.run(&["up"]).code(0);
    let out = fs_err::read_to_string(sandbox.path("out")).unwrap();
    assert_eq!(out, format!("{}2\n", format!("{evil}\n").repeat(6)));
    assert!(!sandbox.path("pwned").exists());
}

#[test]
fn f105_no_process_has_a_secret_in_its_arguments_while_a_run_goes_on() {
    // Each step waits until it was seen, by a word among its own arguments.
    let wait = "while [ ! -e go ]; do sleep 0.02; done";
    let steps = format!(
        r#"
[[stage.step]]
id = "script"
action = "command"
secrets = ["TOKEN"]
run = 'printf %s "$TOKEN" | base64 > /dev/null; {wait} # seen-script'
[[stage.step]]
id = "program"
action = "command"
env = {{ URL = "x:${{{{ secrets.TOKEN }}}}@y" }}
run = ["sh", "-c", "{wait}", "seen-program"]
[[stage.step]]
id = "value"
action = "command"
run = ': ${{{{ vars.who }}}}; {wait} # seen-value'
[[stage.step]]
id = "check"
action = "command"
secrets = ["TOKEN"]
check = '{wait} # seen-check'
"#
    );
    let mut sandbox = Sandbox::new(&with_secret(&steps));
    let canary = format!("{CANARY}-in-argv");
    sandbox.env("MY_TOKEN", &canary).env("PROVISION_VAR_WHO", &canary);
    let mut run = sandbox.spawn(&["up", "-v", "--jobs", "4"]);
    let (mut seen, mut wanted) = (Vec::new(), vec!["seen-script", "seen-program", "seen-value", "seen-check"]);
    let began = std::time::Instant::now();
    while run.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "{wanted:?}");
        seen.extend(all_arguments());
        wanted.retain(|word| !seen.iter().any(|line| line.contains(word)));
        if wanted.is_empty() {
            sandbox.file("go", "");
        }
    }
    assert!(wanted.is_empty(), "never seen: {wanted:?}");
    Shown::of(run).code(0);
    let base64 = base64::engine::general_purpose::STANDARD.encode(&canary);
    let hex = canary.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    for form in [canary.as_str(), &base64[..24], &hex] {
        let told: Vec<&String> = seen.iter().filter(|line| line.contains(form)).collect();
        assert!(told.is_empty(), "{told:?}");
    }
}

#[test]
fn f105_a_secret_that_comes_another_way_is_refused_where_others_can_read_it() {
    let step = "[[stage.step]]\nid = \"a\"\naction = \"command\"\nrun = [\"touch\", \"${{ vars.who }}\"]\n";
    let mut sandbox = Sandbox::new(&with_secret(step));
    sandbox.env("MY_TOKEN", CANARY).env("PROVISION_VAR_WHO", CANARY);
    let shown = sandbox.run(&["up"]).code(1).says("argument 1 of `touch` has the value of a declared secret");
    shown.says("secrets = [").keeps_quiet_about(CANARY);
    assert!(!sandbox.path(CANARY).exists());
    // What a service answers is recorded, and other steps get it.
    let server = Server::answering(&format!(r#"{{"token": "{CANARY}"}}"#));
    let step = format!(
        "[[stage.step]]\nid = \"a\"\naction = \"http-check\"\nurl = \"{}\"\nsave = {{ token = \"/token\" }}\n",
        server.url()
    );
    sandbox.file("pipeline.toml", &with_secret(&step));
    let shown = sandbox.run(&["up", "-v", "--events", "events"]).code(1);
    let shown = shown.says("the output `token` has the value of a declared secret").keeps_quiet_about(CANARY);
    drop(shown);
    assert!(!sandbox.state_text().contains(CANARY));
    assert!(!fs_err::read_to_string(sandbox.path("events")).unwrap().contains(CANARY));
    // A short one may be anything, and a word that happens to be a secret stops nobody.
    let step = "[[stage.step]]\nid = \"a\"\naction = \"command\"\nrun = [\"touch\", \"8080\"]\n";
    sandbox.file("pipeline.toml", &with_secret(step));
    sandbox.env("MY_TOKEN", "8080");
    sandbox.run(&["up"]).code(0);
}

#[test]
fn the_variables_of_a_declared_file_reach_expressions_and_secrets_and_no_program_that_was_not_given_them() {
    let pipeline = |declared: &str| {
        format!(
            "[pipeline]\nname = \"t\"\n{declared}\n[vars]\nport = \"${{{{ env.PORT | default('none') }}}}\"\n[secrets]\n\
             TOKEN = {{ env = \"MY_TOKEN\" }}\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"command\"\n\
             secrets = [\"TOKEN\"]\nrun = \"printf '%s' \\\"$TOKEN\\\" >got; echo ${{{{ vars.port }}}} >port; env >env; echo $TOKEN\"\n\
             [[stage.step]]\nid = \"b\"\naction = \"command\"\nrun = \"env >env-of-b\"\n"
        )
    };
    let mut sandbox = Sandbox::new(&pipeline("env-file = \".env\""));
    sandbox.file(".env", &format!("# of mine\nexport MY_TOKEN='{CANARY}'\nPORT=\"8080\"\nOTHER=other-value\n"));
    let shown = sandbox.run(&["up", "-v", "--events", "events"]).code(0);
    let read = |name: &str| fs_err::read_to_string(sandbox.path(name)).unwrap();
    assert_eq!((read("got"), read("port")), (CANARY.to_owned(), "8080\n".to_owned()));
    let (of_a, of_b) = (read("env"), read("env-of-b"));
    assert!(!of_a.contains("OTHER=") && !of_a.contains("MY_TOKEN="), "{of_a}");
    assert!(!of_b.contains(CANARY) && !of_b.contains("OTHER="), "{of_b}");
    let everything = format!("{shown:?}{}{}", sandbox.state_text(), read("events"));
    assert!(!everything.contains(CANARY) && everything.contains("***"), "{everything}");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    // Another value is another input, and the environment comes first.
    sandbox.file(".env", "MY_TOKEN=another-long-canary-17\nPORT=8080\n");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("changed: secret TOKEN");
    sandbox.env("MY_TOKEN", CANARY);
    sandbox.run(&["plan", "--exit-code"]).code(0);
    // What is wrong with it is said with its line, and without what stands there.
    sandbox.file(".env", "PORT=1\ncorrect horse battery\n");
    let wrong = sandbox.run(&["plan"]).code(2).says("can't read the variables of `.env`: line 2");
    wrong.keeps_quiet_about("horse");
    // No file is no error, and nobody reads one that is not declared.
    fs_err::remove_file(sandbox.path(".env")).unwrap();
    sandbox.run(&["plan"]).code(0);
    let sandbox = Sandbox::new(&pipeline(""));
    sandbox.file(".env", &format!("MY_TOKEN={CANARY}\n")).run(&["up"]).code(3).says("`MY_TOKEN` is not set");
    sandbox.file("pipeline.toml", &pipeline("env-file = \"of/me.env\""));
    sandbox.run(&["up"]).code(3).says("or write `MY_TOKEN=…` into `of/me.env`");
}

#[test]
fn f83_a_generated_secret_is_masked_in_a_run_without_the_step_that_applies_it() {
    let sandbox = Sandbox::new(
        "[pipeline]\nname = 't'\n[secrets]\nPW = { generate = 'hex16' }\n\
         [cluster]\nprovider = 'context'\ncontext = 'kind-shared'\n[[stage]]\nid = 'secrets'\n[[stage.step]]\nid = 'pw'\n\
         action = 'secret-apply'\nname = 'keys'\nnamespace = 'shop'\ndata = { PW = '${{ secrets.PW }}' }\n\
         [[stage]]\nid = 'show'\n[[stage.step]]\nid = 'dump'\naction = 'command'\nalways = true\n\
         run = 'cat pw; base64 pw; cat pw >seen'\n",
    );
    let cluster = SharedCluster::serve();
    cluster.reach_from(&sandbox);
    sandbox.run(&["up", "--until", "secrets"]).code(0);
    let value = std::cell::RefCell::new(String::new());
    cluster.change(|object| {
        if let Some(coded) = object["data"]["PW"].as_str() {
            let plain = base64::engine::general_purpose::STANDARD.decode(coded).unwrap();
            *value.borrow_mut() = String::from_utf8(plain).unwrap();
        }
    });
    let value = value.into_inner();
    assert_eq!(value.len(), 32);
    // As a command gets it that asks the cluster.
    sandbox.file("pw", &value);
    let shown = sandbox.run(&["up", "--only", "show", "-v", "--events", "events.jsonl"]).code(0);
    assert_eq!(fs_err::read_to_string(sandbox.path("seen")).unwrap(), value, "the step has run");
    let events = fs_err::read_to_string(sandbox.path("events.jsonl")).unwrap();
    let everything = format!("{}{}{}{events}", shown.stdout, shown.stderr, sandbox.state_text());
    let coded = base64::engine::general_purpose::STANDARD.encode(&value);
    for form in [value.as_str(), &value[..16], &coded[..20]] {
        assert!(!everything.contains(form), "{form}: {everything}");
    }
    assert!(everything.contains("***"));
}
