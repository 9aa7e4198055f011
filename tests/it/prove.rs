//! `provision prove`: checks that can fail, mutants that nobody notices, and a checkout that stays as it is.

use crate::sandbox::{Sandbox, send};

const PIPELINE: &str = r#"
[pipeline]
name = "t"
checklists = ["specs/tasks.md"]
[[stage]]
id = "files"
[[stage.step]]
id = "backend"
action = "file-check"
path = "k8s/backend.yaml"
assert = ["kind == 'Deployment'", "spec.replicas == 2"]
covers = ["T001"]
[[stage.step]]
id = "ignore"
action = "file-check"
path = ".dockerignore"
assert = ["ignores('.git')", "not ignores('app.py')"]
covers = ["T002"]
[[stage.step]]
id = "runs"
action = "command"
run = "true"
covers = ["T003"]
"#;

fn project(pipeline: &str) -> Sandbox {
    let sandbox = Sandbox::new(pipeline);
    sandbox.file("specs/tasks.md", "- [ ] T001 backend\n- [ ] T002 ignore\n- [ ] T003 runs\n");
    sandbox.file("k8s/backend.yaml", "kind: Deployment\nspec:\n  replicas: 2\n");
    sandbox.file(".dockerignore", ".git\n");
    sandbox
}

/// Every file of the project, with its content.
fn files(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let all = walkdir::WalkDir::new(sandbox.path("")).sort_by_file_name().into_iter().map(Result::unwrap);
    let all = all.filter(|entry| entry.file_type().is_file());
    all.map(|entry| (entry.path().display().to_string(), fs_err::read(entry.path()).unwrap())).collect()
}

/// The copies that are there.
fn copies(sandbox: &Sandbox) -> usize {
    fs_err::read_dir(sandbox.path("tmp")).unwrap().count()
}

fn with_tmp(mut sandbox: Sandbox) -> Sandbox {
    let tmp = sandbox.path("tmp");
    fs_err::create_dir_all(&tmp).unwrap();
    sandbox.env("TMPDIR", &tmp.display().to_string());
    sandbox
}

#[test]
fn checks_that_notice_every_mutant_are_shown_able_to_fail() {
    let sandbox = with_tmp(project(PIPELINE));
    let before = files(&sandbox);
    let shown = sandbox.run(&["prove"]).code(0);
    shown
        .says("✓ T001")
        .says("k8s/backend.yaml:1: line-gone `kind: Deployment`")
        .says("mutants noticed (100.0 %); of the others, 0 explained and 0 not")
        .says("2 items proven from files, 0 without a mutant that its checks notice; 1 proven otherwise or not at all")
        .keeps_quiet_about("T003");
    assert_eq!(files(&sandbox), before);
    assert_eq!(copies(&sandbox), 0);
    // Always the same mutants, in the same order.
    let first = sandbox.run(&["prove", "--mutants", "5"]).code(0);
    let second = sandbox.run(&["prove", "--mutants", "5"]).code(0);
    assert_eq!(first.stdout, second.stdout);
    first.says("tried 10 of ");
}

#[test]
fn a_mutant_that_no_check_notices_is_listed_and_can_be_explained() {
    let sandbox = project(PIPELINE);
    sandbox.file("k8s/backend.yaml", "kind: Deployment\nspec:\n  replicas: 2\n  paused: false\n");
    sandbox
        .run(&["prove"])
        .code(1)
        .says("mutants that no check noticed")
        .says("✗ k8s/backend.yaml:4: word `paused: false` -> `paused: true` (T001)")
        .says("explained and 4 not");
    let entry = |line: &str, kinds: &str| {
        format!(
            "[[survivor]]\nfile = \"k8s/backend.yaml\"\nline = \"{line}\"\nmutants = [{kinds}]\nreason = \"a pause is up to the user\"\n"
        )
    };
    let all = "\"line-gone\", \"comment\", \"word\", \"later-line\"";
    sandbox.file("specs/prove.toml", &entry("paused: false", all));
    let shown = sandbox.run(&["prove"]).code(0);
    shown
        .says("explained: a pause is up to the user")
        .says("4 explained and 0 not")
        .keeps_quiet_about("that no survivor");
    // An explanation that nothing needs any more is reported.
    let gone = entry("progress: 1", "\"number\"");
    sandbox.file("specs/prove.toml", &(entry("paused: false", all) + &gone + &entry("replicas: 2", "\"number\"")));
    sandbox
        .run(&["prove"])
        .code(0)
        .says("specs/prove.toml: number of `k8s/backend.yaml`, line `progress: 1`: there is no such mutant")
        .says("specs/prove.toml: number of `k8s/backend.yaml`, line `replicas: 2`: a check notices it now");
    sandbox.file("specs/prove.toml", "[[survivor]]\nfile = \"a\"\nmutants = [\"nubmer\"]\nreason = \"r\"\n");
    sandbox.run(&["prove"]).code(2).says("did you mean `number`?");
}

#[test]
fn an_item_whose_check_can_not_fail_is_a_failure() {
    // What it asserts is true of every file.
    let pipeline = PIPELINE.replace("[\"ignores('.git')\", \"not ignores('app.py')\"]", "[\"true or text == ''\"]");
    let sandbox = project(&pipeline);
    sandbox.run(&["prove", "T001"]).code(0).keeps_quiet_about("T002");
    // That the file is gone it does notice.
    sandbox.run(&["prove", "T002"]).code(1).says("✗ .dockerignore: emptied (T002)");
    sandbox.run(&["prove", "T009"]).code(2).says("there is no item `T009` in the checklists");
    sandbox.run(&["prove", "T003"]).code(2).says("no check of files proves the item `T003`");
    let sandbox = project(&PIPELINE.replace("replicas == 2", "replicas == 3"));
    sandbox
        .run(&["prove"])
        .code(1)
        .says("checks that fail on the files as they are")
        .says("✗ files.backend (T001): `k8s/backend.yaml`, line 3: `spec.replicas` is 2, expected 3");
}

#[test]
fn rules_are_broken_and_what_a_run_makes_is_left_out() {
    let sandbox = project(
        "[pipeline]\nname = \"t\"\nchecklists = [\"specs/tasks.md\"]\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"rules\"\n\
         action = \"policy-check\"\nrules = [\"no-debug-leftovers\", \"no-secret-in-tree\"]\npaths = [\"src\"]\ncovers = [\"T001\"]\n\
         [[stage.step]]\nid = \"made\"\naction = \"file-check\"\npath = \"out/made.txt\"\ncontains = [\"x\"]\ncovers = [\"T002\"]\n",
    );
    sandbox.file("src/a.py", "x = 1\n");
    let shown = sandbox.run(&["prove"]).code(0);
    shown.says("✓ T001      2/2  src/a.py:2: forbidden").says("s.made (T002): it reads `out/made.txt`");
}

#[test]
fn the_json_form_is_the_documented_one() {
    let sandbox = project(PIPELINE);
    sandbox.file("k8s/backend.yaml", "kind: Deployment\nspec:\n  replicas: 2\n  paused: false\n");
    let shown = sandbox.run(&["prove", "--format", "json"]).code(1);
    let json: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((&json["v"], &json["pipeline"], &json["shown"]), (&1.into(), &"t".into(), &false.into()));
    assert_eq!((&json["counts"]["unexplained"], &json["counts"]["items"]), (&4.into(), &2.into()));
    assert_eq!(json["items"][0]["id"], "T001");
    assert_eq!(json["items"][0]["shown_by"]["kind"], "line-gone");
    let survivor = &json["survivors"][0];
    assert_eq!((&survivor["file"], &survivor["line"]), (&"k8s/backend.yaml".into(), &4.into()));
    assert!(survivor["reason"].is_null());
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/prove.md")).unwrap();
    for key in keys.into_iter().chain(json["counts"].as_object().unwrap().keys()) {
        assert!(page.contains(&format!("`{key}`")), "docs/prove.md does not say what `{key}` is");
    }
}

#[test]
fn a_chart_is_changed_as_helm_renders_it_and_a_signal_ends_it() {
    let sandbox = with_tmp(project(
        "[pipeline]\nname = \"t\"\nchecklists = [\"specs/tasks.md\"]\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"chart\"\n\
         action = \"chart-check\"\nchart = \"chart\"\nlint = false\nvalidate = false\ncovers = [\"T001\"]\n[[stage.step.render]]\n\
         name = \"own\"\nassert = [\"object('Service', 'web').spec.port == 80\"]\n",
    ));
    sandbox.file("chart/Chart.yaml", "name: c\n");
    sandbox.file("chart/templates/web.yaml", "kind: Service\nmetadata:\n  name: web\nspec:\n  port: 80\n");
    // Renders what stands there, refuses what has no metadata, and leaves a trace of each call.
    let render = "echo call >> \"$HOME/calls\"; for a in \"$@\"; do if test -d \"$a\"; then \
                  grep -q metadata \"$a\"/templates/*.yaml || exit 1; cat \"$a\"/templates/*.yaml; fi; done";
    sandbox.tool("helm", render);
    sandbox
        .run(&["prove"])
        .code(1)
        .says("✓ T001    13/18  chart/templates/web.yaml:1: line-gone `kind: Service`")
        .says("✗ chart/Chart.yaml:1: line-gone `name: c` (T001)")
        // The file is gone, it is empty, or that line is gone.
        .says("3 more are charts that helm refuses");
    // Charts that are the same are rendered once in each copy.
    let n_calls = fs_err::read_to_string(sandbox.path("calls")).unwrap().lines().count();
    assert!(n_calls < 60, "{n_calls}");

    sandbox.tool("helm", "echo $$ > \"$HOME/helm.pid\"; exec sleep 100");
    let mut child = sandbox.spawn(&["prove"]);
    sandbox.wait_for("helm.pid");
    send("INT", child.id());
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(130));
    assert_eq!(copies(&sandbox), 0);
}
