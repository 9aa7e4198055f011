//! What counts as success of a program: its exit code, all of its commands, and the version that it prints itself.

use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;

use crate::sandbox::{Sandbox, steps};

#[test]
fn a_script_ends_with_its_first_failing_command() {
    let sandbox = Sandbox::new(&steps(&[("migrate", "./no-such-migration --to 12\necho migrated >> world", "")]));
    sandbox.run(&["up"]).code(1).says("no-such-migration");
    assert!(sandbox.world().is_empty());
}

#[test]
fn a_failure_inside_of_a_pipe_is_a_failure() {
    let sandbox = Sandbox::new(&steps(&[("tests", "sh -c 'echo 3 failed; exit 1' | tee test.log", "")]));
    sandbox.run(&["up"]).code(1).says("3 failed");
    let sandbox = Sandbox::new(&steps(&[("tests", "sh -c 'echo 3 passed' | tee test.log", "")]));
    sandbox.run(&["up"]).code(0);
}

#[test]
fn a_pipe_whose_reader_leaves_early_fails_with_the_reason() {
    let sandbox = Sandbox::new(&steps(&[("first", "seq 1000000 | head -n 1", "")]));
    sandbox.run(&["up"]).code(1).says("exit code 141").says("stopped reading before").says("sed -n 1p instead of head");
    let sandbox = Sandbox::new(&steps(&[("first", "seq 1000000 | sed -n 1p", "")]));
    sandbox.run(&["up"]).code(0);
}

#[test]
fn a_pipe_is_refused_where_no_shell_reports_a_failure_inside_of_one_and_told_when_the_file_is_read() {
    let refusal = "the script has a pipe, and no shell here reports a failure inside of one";
    let mut sandbox = Sandbox::new(&steps(&[("tests", "echo began >> world; false | true", "")]));
    sandbox.run(&["plan"]).code(0).keeps_quiet_about(refusal);
    // No bash, and sh of Debian.
    let path = sandbox.path("bin").display().to_string();
    sandbox.env("PATH", &path);
    let knows =
        duct::cmd!("/bin/sh", "-c", "set -o pipefail").stderr_null().unchecked().run().unwrap().status.success();
    if knows {
        sandbox.run(&["up"]).code(1).keeps_quiet_about(refusal);
        return;
    }
    let said = sandbox.run(&["plan"]).code(0).says(&format!("warning: {refusal}")).says("pipeline.toml:9:7");
    said.says("install bash, or write the script without a pipe");
    sandbox.run(&["up"]).code(3).says(refusal);
    assert!(sandbox.world().is_empty(), "a part of it has run");
    // A filter of an expression and an alternative are no pipes.
    let plain = "true || false; echo ${{ pipeline.name | upper }}";
    sandbox.file("pipeline.toml", &steps(&[("tests", plain, "")])).run(&["plan"]).keeps_quiet_about(refusal);
}

fn tool_check(tool: &str, version: &str) -> String {
    let step = format!("id = \"x\"\naction = \"tool-check\"\ntool = \"{tool}\"\nversion = \"{version}\"\n");
    format!("[pipeline]\nname = \"test\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\n{step}")
}

#[test]
fn a_tool_that_does_not_run_is_not_there_whatever_its_error_says() {
    let sandbox = Sandbox::new(&tool_check("mytool", ">=1.0"));
    sandbox.tool("mytool", "echo 'mytool: error while loading shared libraries: libfoo.so.1.2' >&2; exit 127");
    sandbox.run(&["up"]).code(3).says("`mytool` is installed at").says("libfoo.so.1.2");
    let sandbox = Sandbox::new(&tool_check("othertool", ">=3.0"));
    sandbox.tool("othertool", "echo \"can't reach the license server 10.0.0.1\" >&2; exit 1");
    sandbox.run(&["up"]).code(3).says("license server");
}

#[test]
fn another_programs_notice_is_no_version() {
    let notices = [
        ("deployer", ">=3", "echo 'WARNING: set in \"/snap/code/9.194/plugin.yaml\"'; echo v1.2.3+g0000000", "1.2.3"),
        ("oldtool", ">=5", "echo 'A new release is available: 5.0.1 (you have 1.2.3)'; echo oldtool 1.2.3", "1.2.3"),
        ("java", ">=17", "echo 'Picked up OPTIONS: -XX:M=75.0'; echo 'openjdk version \"11.0.22\"'", "11.0.22"),
    ];
    for (tool, wanted, script, version) in notices {
        let sandbox = Sandbox::new(&tool_check(tool, wanted));
        sandbox.tool(tool, script);
        sandbox.run(&["up"]).code(3).says(&format!("`{tool}` has version {version}"));
    }
}

#[test]
fn a_tool_that_was_patched_in_place_is_checked_again() {
    let sandbox = Sandbox::new(&tool_check("real", ">=1.0"));
    // Not a script, and by its own name: only the file's identity tells that it is another one.
    let binary = sandbox.path("bin/real");
    fs_err::copy("/bin/true", &binary).unwrap();
    let step = sandbox.path("pipeline.toml");
    let text = fs_err::read_to_string(&step).unwrap().replace("version = \">=1.0\"\n", "");
    fs_err::write(&step, text).unwrap();
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["plan", "--exit-code"]).code(0);
    let modified = fs_err::metadata(&binary).unwrap().modified().unwrap();
    let file = fs_err::OpenOptions::new().write(true).open(&binary).unwrap();
    std::os::unix::fs::FileExt::write_all_at(file.file(), b"X", 9).unwrap();
    file.file().set_modified(modified).unwrap();
    drop(file);
    sandbox.run(&["plan", "--exit-code"]).code(10);
}

/// A program that writes to a file through a memory map.
struct Mapped {
    path: std::path::PathBuf,
    child: std::process::Child,
}

impl Mapped {
    #[expect(clippy::disallowed_methods, reason = "what it is asked is written to it one line after the other")]
    fn of(path: &std::path::Path) -> Self {
        let script = "import mmap,sys\nf=open(sys.argv[1],'r+b')\nm=mmap.mmap(f.fileno(),0)\n\
            for line in sys.stdin:\n at,new=line.split()\n m[int(at):int(at)+len(new)]=new.encode()\n\
            \x20print('done',flush=True)\n";
        let mut command = std::process::Command::new("python3");
        command.args(["-c", script]).arg(path).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        Self { path: path.to_owned(), child: command.spawn().unwrap() }
    }

    /// Writes `new` at a place. Returns whether the file's times are as before.
    fn write(&mut self, at: usize, new: &str) -> bool {
        let times = || {
            let seen = fs_err::metadata(&self.path).unwrap();
            (seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec())
        };
        let before = times();
        writeln!(self.child.stdin.as_mut().unwrap(), "{at} {new}").unwrap();
        let mut done = [0; 5];
        self.child.stdout.as_mut().unwrap().read_exact(&mut done).unwrap();
        times() == before
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

#[test]
fn f45_contents_that_change_without_the_times_are_seen_by_verification_of_contents() {
    let text = steps(&[("a", "cat in >> world", "inputs = [\"in\"]")])
        + "[[stage.step]]\nid = \"tool\"\naction = \"tool-check\"\ntool = \"real\"\n";
    let sandbox = Sandbox::new(&text);
    sandbox.file("in", "one\n");
    fs_err::copy("/bin/true", sandbox.path("bin/real")).unwrap();
    let plan = |code: i32| sandbox.run(&["plan", "--exit-code", "--verify=content"]).code(code);
    // On a disk the first write gives one, and those after it none until the kernel has written the page back.
    let mut input = Mapped::of(&sandbox.path("in"));
    input.write(0, "two");
    sandbox.run(&["up"]).code(0);
    plan(0);
    // Unless that was just now.
    let unseen = input.write(0, "TWO") || input.write(0, "two") || input.write(0, "TWO");
    assert!(unseen, "the file has got other times");
    plan(10).says("changed: files in");
    sandbox.run(&["up", "--verify=content"]).code(0);
    plan(0);
    assert_eq!(sandbox.world(), ["two", "TWO"]);
    // The program is read as well, and is as it was: `actions::tool_check` has the test of one that is not.
    sandbox.run(&["why", "s.tool", "--verify=content"]).code(0).says("fresh");
}

#[test]
fn all_missing_tools_are_told_in_one_run() {
    let check = |tool: &str| format!("[[stage.step]]\nid = \"{tool}\"\naction = \"tool-check\"\ntool = \"{tool}\"\n");
    let (first, second) = (check("no-such-tool"), check("no-such-either"));
    let work = "[[stage.step]]\nid = \"work\"\naction = \"command\"\nrun = \"echo work >> world\"\n";
    let sandbox =
        Sandbox::new(&format!("[pipeline]\nname = \"test\"\n[[stage]]\nid = \"s\"\njobs = 1\n{first}{work}{second}"));
    sandbox.run(&["up"]).code(3).says("`no-such-tool` is not installed").says("`no-such-either` is not installed");
    assert!(sandbox.world().is_empty());
}
