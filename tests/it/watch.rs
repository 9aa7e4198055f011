//! `provision watch`: what starts a run, what does not, and what a failure leaves.

use std::process::Child;
use std::time::Duration;

use crate::sandbox::{Sandbox, Shown, send, steps};

/// `provision watch` while it stays; what it says is in the files `out` and `said` of the sandbox.
struct Watching<'a> {
    sandbox: &'a Sandbox,
    child: Option<Child>,
    n_waits: usize,
}

impl<'a> Watching<'a> {
    fn start(sandbox: &'a Sandbox, args: &[&str]) -> Self {
        let file = |name: &str| fs_err::File::create(sandbox.path(name)).unwrap().into_file();
        let mut command = sandbox.command(&[&["watch"], args].concat());
        let child = command.stdout(file("out")).stderr(file("said")).spawn().unwrap();
        let mut watching = Self { sandbox, child: Some(child), n_waits: 0 };
        watching.wait();
        watching
    }

    /// Waits until it waits for the next change.
    fn wait(&mut self) {
        self.n_waits += 1;
        self.sandbox.wait_for_text("said", "; Ctrl-C ends it", self.n_waits);
    }

    fn said(&self) -> String {
        fs_err::read_to_string(self.sandbox.path("said")).unwrap()
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    fn stop(mut self, signal: &str, code: i32) {
        send(signal, self.pid());
        Shown::of(self.child.take().unwrap()).code(code);
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        // Of a test that has failed.
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Waits long enough for a run to begin that should not.
fn nothing_begins() {
    std::thread::sleep(Duration::from_millis(400));
}

/// A build that fails while a file says so, and a deployment of what it has built.
fn project() -> Sandbox {
    let build = "echo build >> world; if grep -q broken src/app.py; then exit 1; fi; cp src/app.py built";
    let deploy = "echo deploy $(cat built) >> world; cp built deployed";
    let sandbox = Sandbox::new(&steps(&[
        ("build", build, "inputs = [\"src/**\", \"!src/*.log\"]\noutputs = [\"built\"]"),
        ("deploy", deploy, "inputs = [\"built\", \"chart/*\"]\nneeds = [\"build\"]"),
    ]));
    sandbox.file("src/app.py", "one").file("chart/values", "a");
    sandbox
}

#[test]
fn a_change_is_built_and_deployed_and_what_is_no_input_starts_nothing() {
    let sandbox = project();
    let mut watching = Watching::start(&sandbox, &[]);
    assert_eq!(sandbox.world(), ["build", "deploy one"]);
    assert!(watching.said().contains("it is live; the next change is awaited"), "{}", watching.said());

    // Neither what nobody reads, nor what is left out, nor the same again, nor what a step itself has made.
    sandbox
        .file("README", "x")
        .file("src/x.log", "x")
        .file("src/app.py", "one")
        .file(".provision/x", "x")
        .file("built", "y");
    nothing_begins();
    assert!(!watching.said().contains("changed:"), "{}", watching.said());
    sandbox.file("built", "one");

    sandbox.file("src/app.py", "two");
    watching.wait();
    assert_eq!(sandbox.world()[2..], ["build", "deploy two"]);
    let said = watching.said();
    assert!(said.contains("changed: src/app.py\n") && said.contains(" s after the change\n"), "{said}");

    // A new file in a new folder, a file that goes, and one that only the second step reads.
    sandbox.file("src/new/deep/lib.py", "x");
    watching.wait();
    fs_err::remove_dir_all(sandbox.path("src/new")).unwrap();
    watching.wait();
    sandbox.file("chart/values", "b");
    watching.wait();
    assert_eq!(sandbox.world()[4..], ["build", "build", "deploy two"]);
    assert_eq!(watching.said().matches("changed: ").count(), 4, "{}", watching.said());
    watching.stop("INT", 130);
}

#[test]
fn a_failed_build_leaves_what_runs_alone_and_the_next_change_tries_again() {
    let sandbox = project();
    let mut watching = Watching::start(&sandbox, &[]);
    sandbox.file("src/app.py", "broken");
    watching.wait();
    assert_eq!(fs_err::read_to_string(sandbox.path("deployed")).unwrap(), "one");
    assert!(watching.said().contains("it failed: what ran before still runs"), "{}", watching.said());
    let shown = fs_err::read_to_string(sandbox.path("out")).unwrap();
    assert!(shown.contains("s.build") && shown.contains("failed"), "{shown}");
    // It goes on by itself: another `watch` is of no use.
    assert!(!shown.contains("continue with"), "{shown}");
    sandbox.file("src/app.py", "three");
    watching.wait();
    assert_eq!(fs_err::read_to_string(sandbox.path("deployed")).unwrap(), "three");
    watching.stop("TERM", 143);
}

#[test]
fn what_changes_during_a_run_is_part_of_the_next_one() {
    let sandbox = Sandbox::new(&steps(&[(
        "a",
        "cat src >> world; touch begun; while ! test -e go; do sleep 0.01; done",
        "inputs = [\"src\"]",
    )]));
    sandbox.file("src", "one\n").file("go", "");
    let mut watching = Watching::start(&sandbox, &[]);
    fs_err::remove_file(sandbox.path("go")).unwrap();
    fs_err::remove_file(sandbox.path("begun")).unwrap();
    sandbox.file("src", "two\n");
    sandbox.wait_for("begun");
    sandbox.file("src", "three\n").file("go", "");
    watching.wait();
    watching.wait();
    assert_eq!(sandbox.world(), ["one", "two", "three"]);
    watching.stop("INT", 130);
}

#[test]
fn what_changes_while_another_command_holds_the_lock_is_run_after_it() {
    let sandbox = Sandbox::new(&steps(&[
        ("a", "cat src >> world", "inputs = [\"src\"]"),
        ("other", "test ! -e hold || { touch begun; while test -e hold; do sleep 0.01; done; }", "inputs = [\"none\"]"),
    ]));
    sandbox.file("src", "one\n").file("none", "");
    let mut watching = Watching::start(&sandbox, &[]);
    sandbox.file("hold", "");
    let other = sandbox.spawn(&["up", "--force=s.other", "s.other"]);
    sandbox.wait_for("begun");
    sandbox.file("src", "two\n");
    sandbox.wait_for_text("said", "the change is run once that has ended", 1);
    assert_eq!(sandbox.world(), ["one"]);
    fs_err::remove_file(sandbox.path("hold")).unwrap();
    Shown::of(other).code(0);
    watching.wait();
    assert_eq!(sandbox.world(), ["one", "two"]);
    assert!(watching.said().contains("s after the change"), "{}", watching.said());
    // It can be stopped while it waits for that.
    sandbox.file("hold", "");
    fs_err::remove_file(sandbox.path("begun")).unwrap();
    let other = sandbox.spawn(&["up", "--force=s.other", "s.other"]);
    sandbox.wait_for("begun");
    sandbox.file("src", "three\n");
    sandbox.wait_for_text("said", "the change is run once that has ended", 2);
    watching.stop("TERM", 143);
    fs_err::remove_file(sandbox.path("hold")).unwrap();
    Shown::of(other).code(0);
}

#[test]
fn an_error_in_the_pipeline_is_shown_and_its_correction_is_a_change() {
    let sandbox = project();
    let text = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let mut watching = Watching::start(&sandbox, &[]);
    sandbox.file("pipeline.toml", &text.replace("\"command\"", "\"comand\""));
    watching.wait();
    assert!(watching.said().contains("unknown action `comand`"), "{}", watching.said());
    sandbox.file("pipeline.toml", &text.replace("echo deploy", "echo redeploy"));
    watching.wait();
    assert_eq!(sandbox.world(), ["build", "deploy one", "redeploy one"]);
    watching.stop("INT", 130);
    // The first time there is nothing to go on with.
    sandbox.file("pipeline.toml", &text.replace("\"command\"", "\"comand\""));
    sandbox.run(&["watch"]).code(2).says("did you mean");
}

#[test]
fn exercises_are_left_out_and_the_profile_dev_is_used() {
    let exercises = "exercise = true\n";
    let text = steps(&[
        ("a", "echo a >> world", "inputs = [\"src\"]"),
        ("try", "echo try >> world", exercises),
        ("undo", "echo undo >> world", exercises),
    ]);
    let sandbox = Sandbox::new(&text);
    sandbox.file("src", "one");
    Watching::start(&sandbox, &[]).stop("INT", 130);
    assert_eq!(sandbox.world(), ["a"]);

    let more = "[[stage]]\nid = \"t\"\n[[stage.step]]\nid = \"b\"\naction = \"command\"\nrun = 'echo b >> world'\n";
    let sandbox = Sandbox::new(&format!("{text}{more}[profile.dev]\nstages = [\"t\"]\n"));
    sandbox.file("src", "one");
    let watching = Watching::start(&sandbox, &[]);
    assert!(watching.said().contains("watch uses the profile `dev`"), "{}", watching.said());
    watching.stop("INT", 130);
    assert_eq!(sandbox.world(), ["b"]);
}

#[test]
fn without_the_system_changes_are_looked_for() {
    let sandbox = project();
    let mut watching = Watching::start(&sandbox, &["--poll"]);
    sandbox.file("src/app.py", "two").file("src/new", "x");
    watching.wait();
    assert_eq!(sandbox.world()[2..], ["build", "deploy two"]);
    fs_err::remove_file(sandbox.path("src/new")).unwrap();
    watching.wait();
    assert_eq!(sandbox.world()[4..], ["build"]);
    watching.stop("INT", 130);
}

#[test]
fn ctrl_c_during_a_run_ends_both() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo $$ > pid; exec sleep 600", "")]));
    let child = sandbox.spawn(&["watch"]);
    sandbox.wait_for_text("pid", "\n", 1);
    send("INT", child.id());
    Shown::of(child).code(130);
    crate::sandbox::wait_until_gone(sandbox.pid("pid"));
}

#[test]
fn it_does_nothing_while_it_waits_whatever_the_number_of_files() {
    let sandbox = project();
    for folder in 0..100 {
        fs_err::create_dir_all(sandbox.path(format!("src/f{folder}"))).unwrap();
        for file in 0..100 {
            fs_err::write(sandbox.path(format!("src/f{folder}/{file}")), "").unwrap();
        }
    }
    let mut watching = Watching::start(&sandbox, &[]);
    assert!(watching.said().contains("watching 1000"), "{}", watching.said());
    // The ticks of the processor that it has had, which Linux counts in hundredths of a second.
    let pid = watching.pid();
    let ticks = || {
        let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    // On a busy machine the rest of its start takes a while.
    let is_idle = || {
        let before = ticks();
        std::thread::sleep(Duration::from_secs(1));
        ticks() <= before + 1
    };
    assert!((0..10).any(|_| is_idle()), "it works while nothing happens");
    sandbox.file("src/f50/50", "new");
    watching.wait();
    assert!(watching.said().contains("changed: src/f50/50\n"), "{}", watching.said());
    watching.stop("INT", 130);
}
