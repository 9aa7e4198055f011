//! Two runs at once, and locks that are not there: F11 to F13.

use crate::model::Model;
use crate::sandbox::{Sandbox, Shown, send, steps};

#[test]
fn f11_of_two_runs_one_runs_and_the_other_names_it() {
    for round in 0..200 {
        let sandbox = Sandbox::new(&steps(&[("a", "mkdir only && echo a >> world && sleep 0.02 && rmdir only", "")]));
        let first: &[&str] = &["up", "--force"];
        let second = if round % 2 == 0 { first } else { &["stage", "s", "--force"] };
        let runs = [first, second].map(|args| (sandbox.spawn(args), format!("(`provision {}`)", args.join(" "))));
        let [a, b] = runs.each_ref().map(|(run, command)| format!("process {} {command}", run.id()));
        let [(first, _), (second, _)] = runs;
        let shown = [(Shown::of(first), b), (Shown::of(second), a)];
        for (shown, other) in &shown {
            match shown.code {
                0 => {}
                4 => {
                    assert!(shown.stderr.contains(other), "{other}: {shown:?}");
                }
                code => panic!("round {round}: exit code {code}: {shown:?}"),
            }
        }
        let ran = shown.iter().filter(|(shown, _)| shown.code == 0).count();
        assert_eq!(sandbox.world().len(), ran, "round {round}");
        assert!(ran >= 1);
    }
}

#[test]
fn f11_readers_never_fail_and_never_see_half_a_record() {
    let many = (0..40).map(|n| format!("[[stage.step]]\nid = \"n{n}\"\naction = \"command\"\nrun = \"true\"\n"));
    let sandbox = Sandbox::new(&format!(
        "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\njobs = 4\n{}",
        many.collect::<String>()
    ));
    let mut looks = 0;
    while looks < 1000 {
        let mut run = sandbox.spawn(&["up", "--force"]);
        while run.try_wait().unwrap().is_none() {
            sandbox.run(&["status"]).code(0).keeps_quiet_about("damaged");
            sandbox.run(&["logs", "s.n0"]);
            looks += 1;
        }
        Shown::of(run).code(0);
    }
}

#[test]
fn f12_the_lock_of_a_killed_run_is_free_at_once() {
    let sandbox = Sandbox::new(&steps(&[("a", "[ -e again ] || { touch again ready; sleep 600; }", "")]));
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("ready");
    send("KILL", run.id());
    Shown::of(run);
    // What the lock file still says of the dead one counts for nothing.
    let text = fs_err::read_to_string(sandbox.path(".provision/lock")).unwrap();
    assert!(text.contains("\"pid\""));
    sandbox.run(&["status"]).code(0).says("in doubt");
    sandbox.run(&["up"]).code(0);
}

#[test]
fn f13_where_the_file_system_has_no_locks_a_file_stands_in() {
    let waits = "touch ready; while [ ! -e go ]; do sleep 0.02; done; echo a >> world";
    let model = Model { sandbox: Sandbox::new(&steps(&[("a", waits, "")])) };
    let sandbox = &model.sandbox;
    let up_of = |args: &[&str]| {
        let mut command = model.command("strace");
        command.args(["-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:error=ENOLCK"]);
        command.arg(env!("CARGO_BIN_EXE_provision")).args(args);
        command.spawn().unwrap()
    };
    let up = || up_of(&["up"]);
    let first = up();
    sandbox.wait_for("ready");
    Shown::of(up()).code(4).says("another run holds the lock").says("lock.held");
    sandbox.file("go", "");
    Shown::of(first).code(0).says("this file system has no locks");
    assert!(!sandbox.path(".provision/lock.held").exists());
    // A lock left by a run that died counts for nothing, also when another process has its pid now.
    let held = fs_err::read_to_string(sandbox.path(".provision/lock")).unwrap();
    let mut held: serde_json::Value = serde_json::from_str(&held).unwrap();
    held["pid"] = std::process::id().into();
    held["start"] = 1.into();
    sandbox.file(".provision/lock.held", &held.to_string());
    Shown::of(up()).code(0).says("nothing to do");
    // Of many that find it at once one takes over, also when a run was killed while it did.
    let (pid, dead) = (std::process::id(), held.to_string());
    sandbox.file(".provision/lock.held", &dead);
    held["start"] = 2.into();
    sandbox.file(&format!(".provision/lock.held-after-{pid}-1"), &held.to_string());
    fs_err::remove_file(sandbox.path("go")).unwrap();
    fs_err::remove_file(sandbox.path("ready")).unwrap();
    let mut many: Vec<_> = (0..8).map(|_| up_of(&["up", "--force"])).collect();
    sandbox.wait_for("ready");
    let mut refused = Vec::new();
    while refused.len() < 7 {
        match many.iter_mut().position(|run| run.try_wait().unwrap().is_some()) {
            Some(ended) => refused.push(many.remove(ended)),
            None => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    }
    for run in refused {
        Shown::of(run).code(4).says("another run holds the lock");
    }
    sandbox.file("go", "");
    Shown::of(many.remove(0)).code(0);
    let left = fs_err::read_dir(sandbox.path(".provision")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("lock.")).collect();
    assert!(left.is_empty(), "{left:?}");
    // The holder on another machine can't be checked: its lock counts.
    held["host"] = "somewhere-else".into();
    sandbox.file(".provision/lock.held", &held.to_string());
    Shown::of(up()).code(4).says("remove `");
    assert_eq!(sandbox.world(), ["a", "a"]);
}
