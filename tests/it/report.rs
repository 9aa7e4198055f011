//! The checklist: items are done by evidence, and stale when the evidence no longer holds.

use serde_json::Value;

use crate::fake_cluster::FakeCluster;
use crate::fake_docker::FakeDocker;
use crate::sandbox::{Sandbox, steps};
use crate::server::Server;

fn project() -> Sandbox {
    let pipeline = r#"
[pipeline]
name = "t"
checklists = ["tasks.md"]
[[stage]]
id = "s"
[[stage.step]]
id = "a"
action = "command"
run = "echo made > out; echo a >> world"
inputs = ["in"]
outputs = ["out"]
covers = ["T001", "T002"]
[[stage.step]]
id = "b"
action = "command"
check = "test -e ok"
covers = ["T002"]
needs = ["a"]
"#;
    let sandbox = Sandbox::new(pipeline);
    sandbox.file(
        "tasks.md",
        "# Tasks\n\n## Phase 1: Setup\n\n- [ ] T001 [P] Make it\n- [x] T002 Check it\n- [x] T003 Dream of it\n",
    );
    sandbox.file("in", "1");
    sandbox
}

fn verdicts(sandbox: &Sandbox) -> Vec<(String, String)> {
    let shown = sandbox.run(&["report", "--format", "json"]).code(0);
    let report: Value = serde_json::from_str(&shown.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["items"].as_array().unwrap().iter().map(|item| (text(&item["id"]), text(&item["verdict"]))).collect()
}

/// The text of a file of the project.
fn read(sandbox: &Sandbox, name: &str) -> String {
    fs_err::read_to_string(sandbox.path(name)).unwrap()
}

/// The checklist as text.
fn text(sandbox: &Sandbox) -> String {
    sandbox.run(&["report"]).code(0).stdout
}

/// `steps` with a checklist, whose items are `T1`, `T2` and so on.
fn with_items(steps: &str, items: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new(&steps.replacen("[pipeline]\n", "[pipeline]\nchecklists = [\"tasks.md\"]\n", 1));
    let items = items.iter().enumerate().map(|(n, text)| format!("- [ ] T{} {text}\n", n + 1));
    sandbox.file("tasks.md", &items.collect::<String>());
    sandbox
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, verdict)| ((*id).to_owned(), (*verdict).to_owned())).collect()
}

#[test]
fn an_item_is_done_only_while_its_evidence_holds() {
    let sandbox = project();
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "open"), ("T002", "open"), ("T003", "open")]));
    sandbox.run(&["up"]).code(1);
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "done"), ("T002", "failed"), ("T003", "open")]));
    sandbox.file("ok", "");
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "done"), ("T002", "done"), ("T003", "open")]));
    // An output is deleted outside of provision: the item is stale, without another run.
    fs_err::remove_file(sandbox.path("out")).unwrap();
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "stale"), ("T002", "stale"), ("T003", "open")]));
    sandbox.run(&["up"]).code(0);
    sandbox.file("in", "2");
    assert_eq!(verdicts(&sandbox)[0].1, "stale");
}

#[test]
fn the_result_of_a_check_is_stale_once_the_check_has_changed() {
    let sandbox = project();
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let checked = pipeline.replace("check = \"test -e ok\"", "check = \"true\"\nalways = true");
    sandbox.file("pipeline.toml", &checked);
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("1 re-checked");
    assert_eq!(verdicts(&sandbox)[1].1, "done");
    sandbox.run(&["plan", "--exit-code"]).code(0);
    sandbox.file("pipeline.toml", &checked.replace("check = \"true\"", "check = \"exit 0\""));
    assert_eq!(verdicts(&sandbox)[1].1, "stale");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("changed: settings.check");
}

#[test]
fn an_item_can_be_proven_by_a_fallback() {
    let sandbox = project();
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let fallback = "[[stage.step]]\nid = \"c\"\naction = \"command\"\ncheck = \"true\"\n";
    sandbox.file(
        "pipeline.toml",
        &pipeline.replace("needs = [\"a\"]", &format!("needs = [\"a\"]\nfallback = \"c\"\n{fallback}")),
    );
    sandbox.run(&["up"]).code(0).says("by fallback");
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "done"), ("T002", "fallback"), ("T003", "open")]));
    // No other step can need a fallback.
    let wrong =
        format!("{fallback}[[stage.step]]\nid = \"d\"\naction = \"command\"\nneeds = [\"c\"]\nrun = \"true\"\n");
    sandbox.file("pipeline.toml", &pipeline.replace("needs = [\"a\"]", &format!("fallback = \"c\"\n{wrong}")));
    sandbox.run(&["plan"]).code(2).says("the fallback of `s.b`");
}

#[test]
fn the_report_has_the_documented_form_and_check_sets_the_exit_code() {
    let sandbox = project();
    sandbox.file("ok", "");
    sandbox.run(&["up"]).code(0);
    let shown = sandbox.run(&["report", "--format", "json", "--output", "report.json"]).code(0);
    assert_eq!(shown.stdout, "");
    let report: Value = serde_json::from_str(&fs_err::read_to_string(sandbox.path("report.json")).unwrap()).unwrap();
    assert_eq!((report["v"].as_u64(), report["pipeline"].as_str()), (Some(1), Some("t")));
    assert_eq!(
        report["counts"],
        serde_json::json!({
            "total": 3, "done": 2, "fallback": 0, "manual": 0, "waived": 0, "flaky": 0, "ran": 0, "open": 1, "stale": 0,
            "failed": 0, "dropped": 0
        })
    );
    let item = &report["items"][0];
    assert_eq!((item["phase"].as_str(), item["ticked"].as_bool()), (Some("Phase 1: Setup"), Some(false)));
    let evidence = &item["evidence"][0];
    assert_eq!(evidence["step"], "s.a");
    assert!(evidence["run"].is_string() && evidence["finished"].as_str().unwrap().ends_with('Z'), "{evidence}");
    sandbox.run(&["report", "--check"]).code(1).says("T003");
    sandbox.run(&["report", "--format", "markdown"]).code(0).says("- [x]").says("T001").says("- [ ]");
    sandbox.file("tasks.md", "- [ ] T001 Make it\n- [ ] T002 Check it\n");
    sandbox.run(&["report", "--check"]).code(0);
}

#[test]
fn a_report_probes_what_can_be_seen_and_dates_the_rest() {
    let mut server = Server::start();
    let http = |id: &str, more: &str| {
        format!("[[stage.step]]\nid = \"{id}\"\naction = \"http-check\"\nurl = \"{}\"\n{more}\n", server.url())
    };
    let pipeline = [
        steps(&[("ran", "true", "covers = ['T3']"), ("always", "true", "always = true\ncovers = ['T4']")]),
        http("page", "contains = 'alive'\ncovers = ['T1']"),
        http("post", "method = 'POST'\nneeds = ['page']\ncovers = ['T2']"),
    ];
    let sandbox = with_items(&pipeline.concat(), &["The page", "The form", "Once", "Each time"]);
    sandbox.run(&["up"]).code(0);
    // A check is not probed right after it ran, but once more after another step.
    assert_eq!(server.requests(), ["GET", "POST", "GET"]);
    let expected = [("T1", "done"), ("T2", "done"), ("T3", "ran"), ("T4", "ran")];
    assert_eq!(verdicts(&sandbox), pairs(&expected));
    assert!(text(&sandbox).contains("s.post seen at 2"), "{}", text(&sandbox));
    sandbox.run(&["report", "--check"]).code(1).says("2 of 4 items done; 2 only ran");
    sandbox.run(&["report", "--max-age", "0"]).code(0).says("stale: s.post seen at").says("longer ago than 0s");
    sandbox.run(&["plan", "--exit-code"]).code(0);
    assert!(server.requests()[3..].iter().all(|method| method == "GET"), "{:?}", server.requests());
    server.stop();
    let expected = [("T1", "stale"), ("T2", "stale"), ("T3", "ran"), ("T4", "ran")];
    assert_eq!(verdicts(&sandbox), pairs(&expected));
    sandbox.run(&["plan", "--exit-code"]).code(10).says("does not respond");
    sandbox.run(&["why", "s.page"]).code(0).says("does not respond");
}

#[test]
fn a_request_that_is_not_repeated_proves_nothing_of_another_image() {
    let mut sandbox = Sandbox::new(
        "[pipeline]\nname = 't'\nchecklists = ['tasks.md']\n[cluster]\nprovider = 'minikube'\nname = 'pp'\n\
         [[stage]]\nid = 's'\n[[stage.step]]\nid = 'cluster'\naction = 'cluster-start'\n\
         [[stage]]\nid = 'verify'\n[[stage.step]]\nid = 'post'\naction = 'http-check'\nmethod = 'POST'\n\
         service = 'web'\nport = 80\ncovers = ['T1']\n",
    );
    sandbox.file("tasks.md", "- [ ] T1 The form is taken\n");
    let docker = FakeDocker::serve(&mut sandbox);
    let cluster = FakeCluster::serve(&sandbox, "pp");
    sandbox.run(&["up", "s"]).code(0);
    docker.node(true);
    let proven = || sandbox.run(&["report", "--check"]).code(0).says("seen at");
    for image in ["sha256:aa", "sha256:bb"] {
        cluster.deploy("web", image);
        sandbox.run(&["up"]).code(0);
        proven();
        // No step of the pipeline has brought it, and none is needed by this one.
        let other = format!("{image}-other");
        cluster.deploy("web", &other);
        assert_eq!(verdicts(&sandbox), pairs(&[("T1", "stale")]));
        assert!(text(&sandbox).contains("images of service/web changed"), "{}", text(&sandbox));
        sandbox.run(&["why", "verify.post"]).code(0).says("images of service/web changed");
        cluster.deploy("web", image);
        proven();
    }
}

#[test]
fn how_long_a_proof_lasts_that_is_not_repeated_is_a_setting() {
    let server = Server::start();
    let pipeline = |max_age: &str| {
        format!(
            "[pipeline]\nname = \"t\"\nchecklists = [\"tasks.md\"]\nmax-age = {max_age}\n[[stage]]\nid = \"s\"\n[[stage.step]]\n\
             id = \"post\"\naction = \"http-check\"\nmethod = \"POST\"\nurl = \"{}\"\ncovers = [\"T1\"]\n",
            server.url()
        )
    };
    let sandbox = Sandbox::new(&pipeline("\"1h\""));
    sandbox.file("tasks.md", "- [ ] T1 The form\n");
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdicts(&sandbox), pairs(&[("T1", "done")]));
    // The limit itself is what is tested here.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    sandbox.file("pipeline.toml", &pipeline("\"1s\""));
    assert_eq!(verdicts(&sandbox), pairs(&[("T1", "stale")]));
    sandbox.run(&["report", "--check", "--max-age", "1h 30m"]).code(0);
    sandbox.run(&["report", "--max-age", "soon"]).code(2).says("length of time");
    sandbox.file("pipeline.toml", &pipeline("\"soon\""));
    sandbox.run(&["report"]).code(2).says("`max-age` is not a duration");
}

#[test]
fn a_step_that_its_fallback_has_proven_is_as_fresh_as_the_fallback() {
    let backup = |run: &str| {
        steps(&[
            ("main", "false", "fallback = 'backup'\ncovers = ['T1']"),
            ("backup", run, "inputs = ['src']\noutputs = ['artifact']\ncovers = ['T2']"),
            ("after", "true", "needs = ['main']\ncovers = ['T3']\ncheck = 'test -e artifact'\nalways = true"),
        ])
    };
    let sandbox = with_items(&backup("cp src artifact"), &["Make it", "Make it another way", "See it"]);
    sandbox.file("src", "1");
    sandbox.run(&["up"]).code(0);
    let proven = pairs(&[("T1", "fallback"), ("T2", "fallback"), ("T3", "done")]);
    assert_eq!(verdicts(&sandbox), proven);
    assert!(text(&sandbox).contains("fallback: s.main 2") && text(&sandbox).contains("; by s.backup)"));
    sandbox.file("src", "2");
    let stale = pairs(&[("T1", "stale"), ("T2", "stale"), ("T3", "stale")]);
    assert_eq!(verdicts(&sandbox), stale);
    assert!(text(&sandbox).contains("changed: files src"));
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdicts(&sandbox), proven);
    let toml = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    for other in [toml.replace("cp src artifact", "exit 7"), toml.replace("fallback = 'backup'\n", "")] {
        sandbox.file("pipeline.toml", &other);
        assert_eq!(verdicts(&sandbox)[0].1, "stale", "{other}");
    }
    sandbox.file("pipeline.toml", &toml);
    assert_eq!(verdicts(&sandbox), proven);
    fs_err::remove_file(sandbox.path("artifact")).unwrap();
    assert_eq!(verdicts(&sandbox), stale);
}

#[test]
fn an_item_is_proven_with_the_text_that_it_had() {
    let sandbox = project();
    sandbox.file("ok", "").run(&["up"]).code(0);
    sandbox.file("tasks.md", "- [ ] T001 Make it\n- [ ] T002 Check it well\n- [ ] T003 Dream of it\n");
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "done"), ("T002", "stale"), ("T003", "open")]));
    assert!(text(&sandbox).contains("its text has changed"));
    sandbox.run(&["plan", "--exit-code"]).code(10).says("changed: the text of T002");
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdicts(&sandbox)[1].1, "done");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    // A tick, another phase and another file are no other text.
    sandbox.file("tasks.md", "# Later\n\n- [x] T001   Make  it\n- [ ] T002 Check it well\n- [ ] T003 Dream of it\n");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    let toml = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &toml.replacen("\"T002\"]", "\"T002\", \"T003\"]", 1));
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "done"), ("T002", "done"), ("T003", "stale")]));
    assert!(text(&sandbox).contains("the step did not cover it then"));
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdicts(&sandbox)[2].1, "done");
    assert_eq!(sandbox.world(), ["a", "a", "a"]);
}

#[test]
fn a_line_that_looks_like_an_item_fails_the_check_and_a_dropped_item_does_not() {
    let sandbox = project();
    sandbox.file("ok", "");
    let list = "- [ ] T001 Make it\n- [ ] T002 Check it\n- [~] T003 Dream of it\n";
    sandbox.file("tasks.md", list);
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["report", "--check"]).code(0).says("2 of 3 items done; 1 dropped");
    sandbox.run(&["report", "--format", "markdown"]).code(0).says("- [-] **T003**");
    sandbox.file("tasks.md", &format!("{list}- [] T004 Forget it\n"));
    sandbox
        .run(&["report", "--check"])
        .code(1)
        .says("1 line looks like an item and is none")
        .says("tasks.md:4: its box");
    let shown = sandbox.run(&["report", "--format", "json"]).code(0);
    let report: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((&report["near_items"][0]["line"], &report["counts"]["dropped"]), (&4.into(), &1.into()));
    // A box without an id is an item: it is open until a step names it by its text.
    sandbox.file("tasks.md", &format!("{list}- [ ] Tell it\n  to all\n"));
    sandbox.run(&["report", "--check"]).code(1).says("2 of 4 items done; 1 open, 1 dropped").says("Tell it to all");
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &pipeline.replace("\"T001\", ", "\"T001\", \"Tell it to all\", "));
    sandbox.run(&["report", "--check"]).code(1).says("2 of 4 items done; 1 stale, 1 dropped");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["report", "--check"]).code(0).says("3 of 4 items done; 1 dropped");
}

#[test]
fn ticking_changes_nothing_but_the_boxes() {
    let sandbox = project();
    let text = "\u{feff}# Tasks\r\n\r\n## Phase 1: Setup [x]\r\n\r\n- [ ] T001 [P] Make it [ ]\r\n- [x] T002 Check it\r\n\
                \t- note\r\n* [X] T003 Dream of it\r\n- [~] T004 Leave it";
    sandbox.file("tasks.md", text);
    sandbox.run(&["up", "s.a"]).code(0);
    let shown = sandbox.run(&["report", "--tick"]).code(0);
    assert!(shown.stderr.contains("tasks.md: 1 ticked, 2 unticked"), "{}", shown.stderr);
    let ticked = text.replace("[ ] T001", "[x] T001").replace("[x] T002", "[ ] T002").replace("[X] T003", "[ ] T003");
    assert_eq!(read(&sandbox, "tasks.md"), ticked);
    sandbox.run(&["report", "--tick"]).code(0);
    assert_eq!(read(&sandbox, "tasks.md"), ticked);
    // The tick goes with the proof.
    sandbox.file("in", "2");
    sandbox.run(&["report", "--tick", "--check"]).code(1);
    assert_eq!(read(&sandbox, "tasks.md"), ticked.replace("[x] T001", "[ ] T001"));
}

#[test]
fn a_checklist_that_is_edited_while_it_is_judged_keeps_its_boxes() {
    let check = r#"check = "test -e ok && echo '- [ ] T2 more' >> tasks.md""#;
    let sandbox = with_items(&steps(&[("a", "true", &format!("{check}\ncovers = [\"T1\"]"))]), &["one"]);
    sandbox.file("ok", "");
    sandbox.run(&["up"]).code(0);
    let refused = sandbox.run(&["report", "--tick"]).code(1);
    assert!(refused.stderr.contains("was edited meanwhile; no box was changed"), "{}", refused.stderr);
    assert!(read(&sandbox, "tasks.md").starts_with("- [ ] T1 one\n- [ ] T2 more\n"));
}

#[test]
fn the_page_has_the_last_run_and_the_logs() {
    let sandbox = project();
    sandbox.file("ok", "");
    sandbox.run(&["up", "--force"]).code(0);
    sandbox.run(&["report", "--format", "html", "--output", "report.html"]).code(0);
    let page = read(&sandbox, "report.html");
    for part in [
        "<title>t: checklist</title>",
        "2 of 3 items done",
        "provision up --force",
        "<b>T001</b>",
        "data-verdict=\"open\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for format in ["junit", "ctrf", "markdown"] {
        assert!(sandbox.run(&["report", "--format", format]).code(0).stdout.contains("T003"), "{format}");
    }
    let refused = sandbox.run(&["report", "--format", "pdf"]).code(2);
    assert!(
        refused.stderr.contains("[possible values: text, markdown, json, html, junit, ctrf]"),
        "{}",
        refused.stderr
    );
}
