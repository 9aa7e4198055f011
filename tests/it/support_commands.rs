//! The commands about the program and the project as a whole: `graph`, `completions`, `man`, `schema`.

use std::io::Write as _;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::sandbox::{Sandbox, Shown, steps};
use crate::streams::commands;

fn sandbox() -> Sandbox {
    let pipeline = steps(&[("one", "true", "title = \"The first\""), ("two", "false", "needs = [\"one\"]")]);
    let mut sandbox = Sandbox::new(&format!("{pipeline}\n[vars]\nport = 1\n[profile.local]\n"));
    // Nothing that these commands do needs a daemon.
    sandbox.env("DOCKER_HOST", "unix:///no/such/docker.sock");
    sandbox
}

#[test]
fn a_graph_has_the_state_of_the_last_run_and_makes_nothing() {
    let sandbox = sandbox();
    sandbox.run(&["graph"]).code(0).says("n0[\"The first\"]:::open").says("n0 --> n1");
    assert!(!sandbox.path(".provision").exists());
    sandbox.run(&["up"]).code(1);
    let shown = sandbox.run(&["graph"]).code(0).says("n0[\"The first\"]:::proven").says("n1[\"two\"]:::failed");
    assert!(shown.stdout.starts_with("flowchart LR\n"), "{}", shown.stdout);
    sandbox.run(&["graph", "--format", "dot"]).code(0).says("digraph \"test\" {");
    let json = sandbox.run(&["graph", "--format", "json"]).code(0);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&document["v"], &document["steps"][1]["outcome"]), (&1.into(), &"failed".into()));
}

#[test]
fn the_schema_is_one_document_that_knows_every_action() {
    let shown = sandbox().run(&["schema"]).code(0);
    let schema: Value = serde_json::from_str(&shown.stdout).unwrap();
    for action in provision::actions::ACTIONS {
        let settings = &schema["$defs"][format!("action-{}", action.name)];
        assert_eq!(settings["description"], action.summary, "{}", action.name);
    }
}

#[test]
fn the_manual_describes_the_program_and_each_command() {
    let sandbox = sandbox();
    sandbox.run(&["man"]).code(0).says(".TH provision").says("provision\\-up(1)");
    sandbox.run(&["man", "doctor"]).code(0).says(".TH provision");
    sandbox.run(&["man", "docter"]).code(2).says("did you mean `doctor`?");
}

/// What bash would offer for the last of these words.
fn completed(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let mut args = vec!["--", "provision"];
    args.extend(words);
    let index = words.len().to_string();
    let mut command = sandbox.command(&args);
    command.env("PROVISION_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index).env("_CLAP_IFS", "\n");
    let shown = Shown::of(command.spawn().unwrap()).code(0);
    shown.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn completions_know_the_names_of_the_pipeline() {
    let sandbox = sandbox();
    assert_eq!(completed(&sandbox, &["doc"]), ["doctor"]);
    assert_eq!(completed(&sandbox, &["up", "s."]), ["s.one", "s.two"]);
    assert_eq!(completed(&sandbox, &["why", "s.t"]), ["s.two"]);
    assert!(completed(&sandbox, &["stage", ""]).contains(&"s".to_owned()));
    assert_eq!(completed(&sandbox, &["up", "--profile", ""]), ["local"]);
    assert_eq!(completed(&sandbox, &["up", "--set", "p"]), ["port="]);
    assert!(completed(&sandbox, &["actions", "helm-"]).contains(&"helm-install".to_owned()));
    assert!(!sandbox.path(".provision").exists());
    assert!(!completed(&sandbox, &["prove", "T"]).contains(&"T001".to_owned()));
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &pipeline.replace("name = \"test\"", "name = \"test\"\nchecklists = [\"tasks.md\"]"));
    sandbox.file("tasks.md", "- [ ] T001 One\n- [ ] T002 Two\n- [ ] U001 Three\n");
    assert_eq!(completed(&sandbox, &["prove", "T"]), ["T001", "T002"]);
    assert_eq!(completed(&sandbox, &["prove", "T001", "U"]), ["U001"]);
    // A command below another one has names of its own, which mean something else in others.
    fs_err::create_dir_all(sandbox.path(".provision/logs/20260102-000000-00000002")).unwrap();
    assert_eq!(completed(&sandbox, &["report", "diff", "2026"]), ["20260102-000000-00000002"]);
    assert_eq!(completed(&sandbox, &["report", "diff", "previous", "l"]), ["latest"]);
    assert_eq!(completed(&sandbox, &["logs", "--run", "2026"]), ["20260102-000000-00000002"]);
    assert_eq!(completed(&sandbox, &["up", "--from", "s.t"]), ["s.two"]);
    // Also from another folder, and of a file that is just being edited.
    fs_err::create_dir(sandbox.path("below")).unwrap();
    assert_eq!(completed(&sandbox, &["-C", "below", "logs", "s.o"]), ["s.one"]);
    let mut file = fs_err::OpenOptions::new().append(true).open(sandbox.path("pipeline.toml")).unwrap();
    file.write_all(b"\n[[stage]]\nid = \"\"\n").unwrap();
    assert_eq!(completed(&sandbox, &["up", "s.t"]), ["s.two"]);
}

/// Programs that a pipeline may use.
const PROGRAMS: [&str; 6] = ["docker", "minikube", "helm", "kubectl", "git", "skaffold"];

#[test]
fn completions_start_no_program_and_ask_no_daemon() {
    let mut sandbox = Sandbox::new(
        r#"
[pipeline]
name = "shop"
checklists = ["tasks.md"]

[cluster]
provider = "minikube"
name = "shop"

[[stage]]
id = "s"

[[stage.step]]
id = "tools"
action = "tool-check"
tool = "kubectl"
version = ">=1.27"

[[stage.step]]
id = "app"
action = "docker-build"
context = "app"
image = "shop/app"

[[stage.step]]
id = "cluster"
action = "cluster-start"

[[stage.step]]
id = "release"
action = "helm-install"
release = "shop"
chart = "chart"
"#,
    );
    let daemon = std::os::unix::net::UnixListener::bind(sandbox.path("docker.sock")).unwrap();
    daemon.set_nonblocking(true).unwrap();
    let socket = format!("unix://{}", sandbox.path("docker.sock").display());
    // No other program is to be found.
    let path = sandbox.path("bin").display().to_string();
    sandbox.env("DOCKER_HOST", &socket).env("PATH", &path);
    let trace = sandbox.path("trace");
    for name in PROGRAMS {
        sandbox.tool(name, &format!("echo {name} \"$@\" >> '{}'\nexit 1", trace.display()));
    }
    sandbox
        .file("app/Dockerfile", "FROM scratch\n")
        .file("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    sandbox.file("tasks.md", "- [ ] T001 One\n");
    let mut n_names = 0;
    for (words, command) in commands() {
        let words: Vec<&str> = words.split(' ').collect();
        n_names += completed(&sandbox, &[words.as_slice(), &[""]].concat()).len();
        completed(&sandbox, &[words.as_slice(), &["--"]].concat());
        for option in command.get_arguments().filter(|arg| arg.get_action().takes_values()) {
            let Some(long) = option.get_long() else { continue };
            n_names += completed(&sandbox, &[words.as_slice(), &[&format!("--{long}"), ""]].concat()).len();
        }
    }
    assert!(n_names > 100, "{n_names}");
    assert_eq!(completed(&sandbox, &["up", "s.r"]), ["s.release"]);
    assert!(!trace.exists(), "{}", fs_err::read_to_string(&trace).unwrap());
    let nobody = daemon.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "the daemon was asked");
    // The same programs do leave a trace, and the daemon is where it is looked for.
    drop(daemon);
    sandbox.run(&["doctor"]).code(3).says(&socket);
    let started = fs_err::read_to_string(&trace).unwrap();
    for name in ["minikube", "helm", "kubectl"] {
        assert!(started.contains(name), "{name}: {started}");
    }
}

/// What bash itself makes of the last of `words`, which are as it splits a line: it calls the function that the script
/// has registered, with the words, the one that the cursor is in, and what is typed of that.
fn completed_by_bash(sandbox: &Sandbox, line: &str, words: &[&str], typed: &str) -> Vec<String> {
    let script = "source completions.bash; f=$(complete -p provision); f=${f#*-F }; f=${f%% *}\n\
                  COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_KEY=9 typed=$2; shift 2; COMP_WORDS=(\"$@\")\n\
                  COMP_CWORD=$(($# - 1)); COMPREPLY=(); $f provision \"$typed\" \"${COMP_WORDS[COMP_CWORD - 1]}\"\n\
                  ((${#COMPREPLY[@]})) && printf '%s\\n' \"${COMPREPLY[@]}\"; exit 0";
    let mut command = sandbox.program("bash", &["--norc", "--noprofile", "-c", script, "bash", line, typed]);
    let shown = Shown::of(command.args(words).spawn().unwrap()).code(0);
    assert_eq!(shown.stderr, "", "{line}");
    shown.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_words_that_it_splits_at_equals_signs_and_colons() {
    let sandbox = sandbox();
    symlink(env!("CARGO_BIN_EXE_provision"), sandbox.path("bin/provision")).unwrap();
    sandbox.file("completions.bash", &sandbox.run(&["completions", "bash"]).code(0).stdout);
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let checklists = "name = \"test\"\nchecklists = { auth = \"auth.md\", web = \"web.md\" }";
    sandbox.file("pipeline.toml", &pipeline.replace("name = \"test\"", checklists));
    sandbox.file("auth.md", "- [ ] T001 One\n- [ ] T002 Two\n").file("web.md", "- [ ] T003 Three\n");
    // The lines, the words that bash splits each into (a bash on a terminal shows them), and what is typed of the last.
    let cases: [(&str, &[&str], &str, &[&str]); 10] = [
        ("provision up --profile=l", &["provision", "up", "--profile", "=", "l"], "l", &["local"]),
        ("provision up --profile=", &["provision", "up", "--profile", "="], "", &["local"]),
        ("provision up --profile=\"l", &["provision", "up", "--profile", "=", "\"l"], "l", &["local"]),
        ("provision report --format=js", &["provision", "report", "--format", "=", "js"], "js", &["json"]),
        ("provision up --output=j", &["provision", "up", "--output", "=", "j"], "j", &["json"]),
        ("provision prove auth:T", &["provision", "prove", "auth", ":", "T"], "T", &["T001", "T002"]),
        ("provision prove auth:", &["provision", "prove", "auth", ":"], "", &["T001", "T002"]),
        (
            "provision prove  web:T003 a",
            &["provision", "prove", "web", ":", "T003", "a"],
            "a",
            &["auth:T001", "auth:T002"],
        ),
        ("provision up --profile l", &["provision", "up", "--profile", "l"], "l", &["local"]),
        ("provision stage ", &["provision", "stage", ""], "", &["s"]),
    ];
    for (line, words, typed, expected) in cases {
        let found = completed_by_bash(&sandbox, line, words, typed);
        let named: Vec<&String> = found.iter().filter(|name| !name.starts_with('-')).collect();
        assert_eq!(named, expected, "{line}: {found:?}");
    }
    // Nothing but the names of the list: what was typed before is no beginning of an option.
    assert_eq!(completed_by_bash(&sandbox, cases[6].0, cases[6].1, "").len(), 2);
}

#[test]
fn every_shell_gets_a_script_that_asks_the_program() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let shown = sandbox().run(&["completions", shell]).code(0);
        assert!(shown.stdout.contains("PROVISION_COMPLETE"), "{shell}: {}", shown.stdout);
    }
    sandbox().run(&["completions", "csh"]).code(2);
}
