//! Tests of `process`.

use std::sync::Mutex;

use super::*;
use crate::error::FailureKind;

#[derive(Default)]
struct TestObserver {
    cancel: Cancel,
    children: Arc<ChildRegistry>,
    seen: Mutex<Vec<u8>>,
    stop_at: Option<&'static str>,
}

impl ProcessObserver for TestObserver {
    fn output(&self, bytes: &[u8]) {
        let mut seen = self.seen.lock().unwrap();
        seen.extend_from_slice(bytes);
        if self.stop_at.is_some_and(|text| String::from_utf8_lossy(&seen).contains(text)) {
            self.cancel.wind_down();
        }
    }
    fn started(&self, _pid: u32) {}
    fn ended(&self, _pid: u32) {}
    fn cancel(&self) -> &Cancel {
        &self.cancel
    }
    fn children(&self) -> &Arc<ChildRegistry> {
        &self.children
    }
}

fn sh(script: &str) -> Command {
    Command::new("/bin/sh").arg("-c").arg(script)
}

#[tokio::test]
async fn output_of_both_streams_comes_in_order_and_failures_show_the_end() {
    let observer = TestObserver::default();
    let failure = sh("echo one; echo two >&2; printf three; exit 7").check(&observer).await.unwrap_err();
    assert_eq!(*observer.seen.lock().unwrap(), b"one\ntwo\nthree");
    assert_eq!(failure.details, ["one", "two", "three"]);
    assert!(failure.message.ends_with("ended with exit code 7"), "{}", failure.message);
}

#[tokio::test]
async fn captured_output_is_not_shown_and_input_is_passed() {
    let observer = TestObserver::default();
    let exit = sh("cat; echo note >&2").stdin(b"secret".to_vec()).capture().check(&observer).await.unwrap();
    assert_eq!(exit.stdout, b"secret");
    assert_eq!(*observer.seen.lock().unwrap(), b"note\n");
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_open_does_not_keep_us() {
    let observer = TestObserver::default();
    let started = std::time::Instant::now();
    let exit = sh("sleep 600 & echo $!").check(&observer).await.unwrap();
    assert!(exit.leaky);
    assert!(started.elapsed() < Duration::from_secs(60));
    let pid: i32 = String::from_utf8(observer.seen.lock().unwrap().clone()).unwrap().trim().parse().unwrap();
    // Killed: gone, or dead and not reaped by its new parent.
    let dead = || fs_err::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "));
    while !dead() {
        assert!(started.elapsed() < Duration::from_secs(60), "{pid} lives");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_pipe_that_is_held_while_another_child_is_made_is_no_sign_that_something_is_left() {
    let observer = TestObserver::default();
    // Not of its group, as another child that is being made.
    let child = sh("setsid sleep 0.4 &");
    assert!(child.clone().check(&observer).await.unwrap().leaky, "nothing held the pipe");
    let _starting = Starting::new(&observer.children);
    assert!(!child.check(&observer).await.unwrap().leaky);
}

#[tokio::test]
async fn input_that_nobody_reads_keeps_nobody() {
    let much = vec![b'x'; 1 << 20];
    let observer = TestObserver::default();
    let exit = sh("head -c 3").stdin(much.clone()).capture().check(&observer).await.unwrap();
    assert_eq!(exit.stdout, b"xxx");
    // A grandchild that holds the pipe and does not read it.
    let exit = sh("sleep 600 <&0 & exit 0").stdin(much.clone()).check(&observer).await.unwrap();
    assert!(exit.leaky);
    let exit = sh("wc -c").stdin(much).capture().check(&observer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&exit.stdout).trim(), "1048576");
}

#[tokio::test]
async fn a_child_that_is_given_up_while_it_is_made_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..20_u64 {
        let started = dir.path().join(format!("pid{n}"));
        let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600", started.display());
        let observer = TestObserver::default();
        let run = sh(&script).run(&observer);
        tokio::select! {
            biased;
            _ = run => panic!("it runs for long"),
            () = tokio::time::sleep(Duration::from_micros(100 * n)) => {}
        }
        observer.children.wait_for_starting(GRACE);
        let began = std::time::Instant::now();
        let lives = || {
            let pid = fs_err::read_to_string(&started).ok()?.trim().parse().ok()?;
            procfs::stat(pid).filter(|stat| stat.runs)
        };
        // It is killed as it is registered no more; only then nothing of it can come.
        while !observer.children.is_empty() || lives().is_some() {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[tokio::test]
async fn winding_down_asks_with_term_and_reports_the_interruption() {
    let observer = TestObserver { stop_at: Some("ready"), ..TestObserver::default() };
    let failure = sh("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
        .check(&observer)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Interrupted);
    assert!(String::from_utf8_lossy(&observer.seen.lock().unwrap()).ends_with("bye\n"));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let failure = Command::new("/nowhere/tool").run(&TestObserver::default()).await.unwrap_err();
    assert_eq!(failure.message, "can't start `/nowhere/tool`");
}

#[tokio::test]
async fn a_script_whose_interpreter_is_not_there_says_which_it_names() {
    let folder = tempfile::tempdir().unwrap();
    for (first, hint) in [(r"/bin/sh\r", Some("write it with Unix line ends")), ("/nowhere/sh", None)] {
        let path = folder.path().join("script");
        let make = format!("printf '#!{first}\\ntrue\\n' > {0}; chmod 755 {0}", path.display());
        sh(&make).check(&TestObserver::default()).await.unwrap();
        let failure = Command::new(&path).run(&TestObserver::default()).await.unwrap_err();
        assert!(failure.causes.iter().any(|cause| *cause == format!("its first line names \"{first}\"")), "{failure}");
        assert_eq!(failure.hints.first().map(String::as_str), hint);
    }
}

#[test]
fn a_command_line_is_shown_as_one_would_type_it() {
    let command = Command::new("helm").args(["upgrade", "a b", "it's", ""]);
    assert_eq!(command.display_line(), r"helm upgrade 'a b' 'it'\''s' ''");
}

/// Starts a process that leaves its session, `work`, and another one of the same program, and prints their ids.
const STARTER: &str = "case $1 in stay) touch program; while :; do sleep 0.05; done ;; esac
setsid sh -c 'touch work; exec sleep 600' </dev/null >/dev/null 2>&1 & echo $!
setsid \"$0\" stay </dev/null >/dev/null 2>&1 & echo $!
while [ ! -e work ] || [ ! -e program ]; do sleep 0.02; done";

#[tokio::test]
async fn f85_what_a_program_leaves_working_belongs_to_no_run_and_the_program_itself_does() {
    let folder = tempfile::tempdir().unwrap();
    let starter = crate::tools::fake::fake_program(folder.path(), "starter", STARTER).await;
    for leaves_work in [true, false] {
        let run = format!("r-{leaves_work}-{}", std::process::id());
        let observer = TestObserver { children: Arc::new(ChildRegistry::of_run(&run)), ..TestObserver::default() };
        let place = tempfile::tempdir().unwrap();
        let command = Command::new(&starter).cwd(place.path()).capture();
        let command = if leaves_work { command.leaves_work() } else { command };
        let exit = command.check(&observer).await.unwrap();
        let printed = String::from_utf8(exit.stdout).unwrap();
        let pids: Vec<u32> = printed.lines().map(|pid| pid.parse().unwrap()).collect();
        let [work, program] = pids[..] else { panic!("{printed}") };
        let began = std::time::Instant::now();
        // Each has its name once it runs its program.
        while procfs::name(work) != "sleep" || procfs::name(program) != "starter" {
            assert!(began.elapsed() < Duration::from_secs(60));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let found: Vec<u32> = procfs::of_runs(|of| of == run).into_iter().map(|(pid, _)| pid).collect();
        assert!(found.contains(&program), "{found:?} {pids:?}");
        assert_eq!(found.contains(&work), !leaves_work, "{found:?} {pids:?}");
        for pid in pids {
            signal_process(pid, rustix::process::Signal::KILL);
        }
    }
}

#[tokio::test]
async fn f80_a_child_does_not_inherit_what_is_withheld() {
    // `PATH` stands for the variable of a secret: tests can't set variables of their own.
    let withheld: Arc<[String]> = [String::from("PATH")].into();
    let children = Arc::new(ChildRegistry::default().withholding(&withheld));
    let observer = TestObserver { children, ..TestObserver::default() };
    let print = || Command::new("/usr/bin/env").capture();
    let exit = print().check(&observer).await.unwrap();
    assert!(!String::from_utf8_lossy(&exit.stdout).lines().any(|line| line.starts_with("PATH=")));
    let exit = print().env("PATH", "given").check(&observer).await.unwrap();
    assert!(String::from_utf8_lossy(&exit.stdout).contains("PATH=given\n"));
}
