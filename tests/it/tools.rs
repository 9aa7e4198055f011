//! What counts as success of a program: its exit code, all of its commands, and the version that it prints itself.

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
