//! Verdicts beside done and open: what needed another attempt, and what somebody answers for.

use serde_json::Value;

use crate::sandbox::{Sandbox, steps};

/// The report as JSON.
fn report(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.run(&["report", "--format", "json"]).code(0).stdout).unwrap()
}

fn verdict(sandbox: &Sandbox, at: usize) -> String {
    report(sandbox)["items"][at]["verdict"].as_str().unwrap().to_owned()
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    fs_err::read_to_string(sandbox.path(name)).unwrap()
}

#[test]
fn what_needed_another_attempt_is_flaky_until_it_succeeds_at_once() {
    let unsteady = "echo x >> tries; echo try; test $(wc -l < tries) -ge 3 && touch out";
    let more = "check = 'test -e out'\nretry = { attempts = 3, delay = '10ms' }\ncovers = ['T1']";
    let pipeline = steps(&[("net", unsteady, more)]);
    let sandbox = Sandbox::new(&pipeline.replacen("[pipeline]\n", "[pipeline]\nchecklists = [\"tasks.md\"]\n", 1));
    sandbox.file("tasks.md", "- [x] T1 Fetch it\n");
    sandbox.run(&["up"]).code(0);
    let shown = sandbox.run(&["report", "--check", "--tick"]).code(1);
    shown.says("flaky: s.net").says("after 2 failed attempts, the last one: ").says("0 of 1 items done; 1 flaky");
    assert_eq!(read(&sandbox, "tasks.md"), "- [ ] T1 Fetch it\n");
    // The attempts are on record, and each is shown.
    assert_eq!(sandbox.state_text().matches("\"attempts\":[{").count(), 1);
    let evidence = &report(&sandbox)["items"][0]["evidence"][0];
    let attempts = evidence["attempts"].as_array().unwrap();
    assert_eq!((evidence["outcome"].as_str(), attempts.len()), (Some("succeeded"), 2));
    assert!(attempts[0]["message"].as_str().unwrap().contains("exit code 1"), "{attempts:?}");
    let shown = |format: &str| sandbox.run(&["report", "--format", format]).code(0);
    shown("html").says("<dt>failed attempt 2</dt>").says("data-verdict=\"flaky\"");
    shown("markdown").says("- [ ] **T1** Fetch it (flaky)").says("attempt 2 failed 20");
    shown("junit").says("<failure type=\"flaky\" message=\"flaky: ").says("failures=\"1\"");
    let ctrf: Value = serde_json::from_str(&shown("ctrf").stdout).unwrap();
    let test = &ctrf["results"]["tests"][0];
    assert_eq!((&test["flaky"], &test["retries"], &test["status"]), (&true.into(), &2.into(), &"failed".into()));
    // A run in which it is fresh changes nothing; one in which it succeeds at once does.
    sandbox.run(&["up"]).code(0).says("nothing to do");
    assert_eq!(verdict(&sandbox, 0), "flaky");
    sandbox.run(&["up", "--force=s.net"]).code(0);
    assert_eq!(verdict(&sandbox, 0), "done");
    sandbox.run(&["report", "--check"]).code(0).says("1 of 1 items done");
}

#[test]
fn a_fallback_that_needed_another_attempt_is_flaky_too() {
    let unsteady = "echo x >> tries; test $(wc -l < tries) -ge 2 && touch out";
    let backup = "check = 'test -e out'\nretry = { attempts = 2, delay = '10ms' }";
    let pipeline = steps(&[("main", "false", "fallback = 'backup'\ncovers = ['T1']"), ("backup", unsteady, backup)]);
    let sandbox = Sandbox::new(&pipeline.replacen("[pipeline]\n", "[pipeline]\nchecklists = [\"tasks.md\"]\n", 1));
    sandbox.file("tasks.md", "- [ ] T1 Fetch it\n");
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdict(&sandbox, 0), "flaky");
    sandbox.run(&["report"]).code(0).says("by s.backup; after 1 failed attempt: ");
}

#[test]
fn the_last_of_several_fallbacks_decides_whether_an_item_is_proven() {
    let made = "touch out";
    let pipeline = steps(&[
        ("main", "false", "fallback = 'a'\ncovers = ['T1']"),
        ("a", "false", "fallback = 'b'"),
        ("b", made, "check = 'test -e out'"),
    ]);
    let sandbox = Sandbox::new(&pipeline.replacen("[pipeline]\n", "[pipeline]\nchecklists = [\"tasks.md\"]\n", 1));
    sandbox.file("tasks.md", "- [ ] T1 Fetch it\n");
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdict(&sandbox, 0), "fallback");
    fs_err::remove_file(sandbox.path("out")).unwrap();
    assert_eq!(verdict(&sandbox, 0), "stale");
    sandbox.run(&["report", "--check"]).code(1).says("the check `test -e out` ended with exit code 1");
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdict(&sandbox, 0), "fallback");
}

/// Ten items, of which `T1` is proven, with this file of waivers.
fn with_waivers(waivers: &str) -> Sandbox {
    let made = "outputs = ['out']\ncovers = ['T1']";
    let pipeline = steps(&[("a", "touch out", made), ("b", "false", "covers = ['T2']")]);
    let files = "[pipeline]\nchecklists = [\"tasks.md\"]\nwaivers = \"waivers.toml\"\nmax-waived = 3\n";
    let sandbox = Sandbox::new(&pipeline.replacen("[pipeline]\n", files, 1));
    let list: Vec<String> = (1..=9).map(|n| format!("- [ ] T{n} Do the work of day {n}\n")).collect();
    sandbox.file("tasks.md", &format!("{}- [ ] T10 MUST be safe\n", list.concat())).file("waivers.toml", waivers);
    sandbox
}

fn waiver(item: &str, expires: &str) -> String {
    format!("[[waiver]]\nitem = \"{item}\"\nowner = \"ana\"\nreason = \"waits for #7\"\nexpires = {expires}\n\n")
}

#[test]
fn a_waived_item_passes_until_its_day_and_is_never_ticked() {
    let sandbox = with_waivers(&[waiver("T1", "2999-12-31"), waiver("T2", "'2999-12-31'")].concat());
    sandbox.run(&["up"]).code(1);
    let shown = sandbox.run(&["report", "--tick"]).code(0);
    shown
        .says("waived: ana answers for it until 2999-12-31: waits for #7; s.b 2")
        .says("; the waiver of ana (waivers.toml:1) is not needed")
        .says("1 of 10 items done; 1 waived, 8 open");
    assert!(read(&sandbox, "tasks.md").starts_with("- [x] T1 Do the work of day 1\n- [ ] T2 "));
    let document = report(&sandbox);
    let states = [0, 1, 2].map(|at| document["items"][at]["waiver"]["state"].as_str());
    assert_eq!(states, [Some("not needed"), Some("in force"), None]);
    let expected = serde_json::json!({
        "state": "in force", "owner": "ana", "reason": "waits for #7", "expires": "2999-12-31", "file": "waivers.toml",
        "line": 7,
    });
    assert_eq!(document["items"][1]["waiver"], expected);
    assert_eq!((&document["counts"]["waived"], &document["items"][9]["must"]), (&1.into(), &true.into()));
    let shown = |format: &str| sandbox.run(&["report", "--format", format]).code(0);
    shown("html").says("<p>ana answers for it until 2999-12-31: waits for #7</p>").says("value=\"waived\" checked");
    shown("markdown").says("- [ ] **T2** Do the work of day 2 (waived)\n  - ana answers for it until 2999-12-31");
    shown("junit").says("<skipped message=\"waived: ana answers for it");
    shown("ctrf").says("\"rawStatus\": \"waived\"").says("\"skipped\": 9");
    // With all others proven, or waived, the checklist is complete; without the waiver it is not.
    sandbox.file("tasks.md", "- [ ] T1 Do the work of day 1\n- [ ] T2 Do the work of day 2\n");
    sandbox.run(&["report", "--check"]).code(0).says("1 of 2 items done; 1 waived");
    sandbox.file("waivers.toml", "");
    sandbox.run(&["report", "--check"]).code(1).says("1 of 2 items done; 1 failed");
    // On the day after its last one it fails, with the reason.
    sandbox.file("waivers.toml", &[waiver("T1", "2020-01-31"), waiver("T3", "2020-01-31")].concat());
    sandbox.file("tasks.md", "- [ ] T1 Do the work of day 1\n- [ ] T2 Do it\n- [x] T3 Do it\n");
    let shown = sandbox.run(&["report", "--check"]).code(1);
    shown
        .says("failed: the waiver of ana expired on 2020-01-31: waits for #7; no step covers it")
        .says("1 of 3 items done; 2 failed");
}

#[test]
fn a_waiver_that_nobody_could_answer_for_is_an_error_of_the_configuration() {
    let good = waiver("T2", "2999-12-31");
    for (wrong, said) in [
        (good.replace("owner = \"ana\"\n", ""), "a waiver needs `owner`"),
        (good.replace("\"ana\"", "\" \""), "`owner` of a waiver is empty"),
        (good.replace("reason = \"waits for #7\"\n", ""), "a waiver needs `reason`"),
        (good.replace("expires = 2999-12-31\n", ""), "a waiver needs `expires`"),
        (good.replace("2999-12-31", "\"soon\""), "`expires` of a waiver is not a day"),
        (good.replace("2999-12-31", "2999-12-31T10:00:00Z"), "`expires` of a waiver is not a day"),
        (good.replace("T2", "T22"), "unknown checklist item `T22`"),
        (good.replace("T2", "T10"), "`T10` is marked as a MUST, which can't be waived"),
        (format!("{good}{good}"), "`T2` is waived twice"),
        (good.replace("owner", "owners"), "unknown key `owners`"),
        ("[[waiver\n".to_owned(), "waivers.toml:1:"),
        (
            (2..=5).map(|n| waiver(&format!("T{n}"), "2020-01-31")).collect(),
            "waives 4 of 10 checklist items, and at most 3 may be",
        ),
    ] {
        let sandbox = with_waivers(&wrong);
        let shown = sandbox.run(&["report"]).code(2);
        assert!(shown.stderr.contains(said), "{said}: {}", shown.stderr);
        assert!(shown.stderr.contains("nothing was run"), "{}", shown.stderr);
    }
    let sandbox = with_waivers(&good);
    fs_err::remove_file(sandbox.path("waivers.toml")).unwrap();
    let shown = sandbox.run(&["up"]).code(2);
    assert!(shown.stderr.contains("can't read the waivers `waivers.toml`: it does not exist"), "{}", shown.stderr);
}

#[test]
fn the_number_of_waivers_has_a_ceiling_without_a_word_about_it() {
    let sandbox = with_waivers(&[waiver("T2", "2999-12-31"), waiver("T3", "2999-12-31")].concat());
    let pipeline = read(&sandbox, "pipeline.toml");
    let with =
        |limit: &str| sandbox.file("pipeline.toml", &pipeline.replace("max-waived = 3\n", limit)).run(&["report"]);
    let shown = with("").code(2);
    assert!(shown.stderr.contains("waives 2 of 10 checklist items, and at most 1 may be"), "{}", shown.stderr);
    with("max-waived = \"20%\"\n").code(0).says("2 waived");
    with("max-waived = \"19%\"\n").code(2);
    with("max-waived = 0\n").code(2);
    for wrong in ["\"101%\"", "\"many\"", "-1", "0.5"] {
        let shown = with(&format!("max-waived = {wrong}\n")).code(2);
        assert!(shown.stderr.contains("neither a number of items nor a part of them"), "{wrong}: {}", shown.stderr);
    }
}

#[test]
fn a_must_can_not_be_dropped_by_its_box() {
    let sandbox = with_waivers("");
    sandbox.file("tasks.md", "- [x] T1 a\n- [-] T2 b\n- [-] T3 c\n- [-] T4 MUST stay\n");
    let shown = sandbox.run(&["report", "--check"]).code(1);
    shown.says("drops it, and a MUST can't be dropped").says("1 dropped");
    assert_eq!([2, 3].map(|at| verdict(&sandbox, at)), ["dropped", "open"]);
}

#[test]
fn a_report_on_nothing_says_so_and_does_not_pass() {
    let sandbox = Sandbox::new(&steps(&[("a", "true", "")]));
    let checked = sandbox.run(&["report", "--check"]).code(1);
    assert!(checked.stderr.contains("nothing was checked"), "{}", checked.stderr);
    for (format, said) in [
        ("text", "0 of 0 items done: there is no item"),
        ("markdown", "0 of 0 items done: there is no item"),
        ("html", "0 of 0 items done: there is no item"),
        ("json", "\"total\": 0"),
        ("junit", "tests=\"0\""),
        ("ctrf", "\"tests\": 0"),
    ] {
        sandbox.run(&["report", "--format", format]).code(0).says(said);
    }
}

fn verdicts(sandbox: &Sandbox) -> String {
    let report = report(sandbox);
    let of = |item: &Value| format!("{} {}", item["id"].as_str().unwrap(), item["verdict"].as_str().unwrap());
    report["items"].as_array().unwrap().iter().map(of).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_look_decides_by_itself_what_the_world_has_changed_and_not_what_the_project_has() {
    let made = steps(&[
        ("make", "cp in out", "inputs = ['in']\noutputs = ['out']\ncovers = ['T1']"),
        ("show", "cp manifest there", "exercise = true\ninputs = ['manifest']\ncovers = ['T2']"),
        ("shown", "cp there seen", "exercise = true\nneeds = ['show']\noutputs = ['seen']\ncovers = ['T3']"),
        ("gone", "rm there", "exercise = true\nneeds = ['shown']\noutputs = ['seen']"),
    ]);
    let looks = "[[stage]]\nid = 'look'\n[[stage.step]]\nid = 'answers'\naction = 'command'\nalways = true\n\
                 check = 'test -e alive'\ncovers = ['T4']\n";
    let pipeline = (made + looks).replacen("[pipeline]\n", "[pipeline]\nchecklists = [\"tasks.md\"]\n", 1);
    let sandbox = Sandbox::new(&pipeline);
    sandbox.file("tasks.md", "- [ ] T1 Make\n- [ ] T2 Show\n- [ ] T3 See\n- [ ] T4 Look\n");
    sandbox.file("in", "1").file("manifest", "1").file("alive", "");
    sandbox.run(&["up"]).code(0);
    let all = "T1 done, T2 ran, T3 done, T4 done";
    assert_eq!(verdicts(&sandbox), all);
    // What was made is gone, and the check has probed for this report what it is about.
    fs_err::remove_file(sandbox.path("out")).unwrap();
    assert_eq!(verdicts(&sandbox), all.replace("T1 done", "T1 stale"));
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdicts(&sandbox), all);
    // Another input: what the look has seen is of the older one.
    sandbox.file("in", "2");
    assert_eq!(verdicts(&sandbox), "T1 stale, T2 ran, T3 done, T4 stale");
    sandbox.file("in", "1");
    assert_eq!(verdicts(&sandbox), all);
    // An exercise was done with what those before it had made; what they made is gone for everybody else.
    sandbox.file("manifest", "2");
    assert_eq!(verdicts(&sandbox), "T1 done, T2 stale, T3 stale, T4 done");
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdicts(&sandbox), all);
}
