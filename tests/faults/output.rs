//! Output of any kind and size, and places that take none: F24 to F26.

use std::process::Stdio;

use crate::model::Model;
use crate::sandbox::{Sandbox, Shown, peak_memory, steps};

fn log_of(sandbox: &Sandbox) -> std::path::PathBuf {
    let runs = fs_err::read_dir(sandbox.path(".provision/logs")).unwrap();
    runs.last().unwrap().unwrap().path().join("s.a.log")
}

#[test]
fn f24_a_flood_of_output_takes_little_memory_and_is_all_in_the_log() {
    // Enough to show that nothing grows with it. `PROVISION_TEST_FLOOD` asks for more: ten gigabytes for one.
    let bytes: u64 = std::env::var("PROVISION_TEST_FLOOD").map_or(100_000_000, |bytes| bytes.parse().unwrap());
    assert_eq!(bytes % 2, 0, "each short line takes two bytes");
    // Nothing in the pipes is ended by SIGPIPE, which would fail the script.
    let lines = format!("head -c {} /dev/zero | tr '\\0' y | fold -w 1; echo", bytes / 2);
    let one_line = format!("head -c {bytes} /dev/zero | tr '\\0' x");
    for source in [lines, one_line] {
        let sandbox = Sandbox::new(&steps(&[("a", &source, "timeout = \"1h\"")]));
        let mut run = sandbox.spawn(&["up"]);
        let peak = peak_memory(&mut run);
        Shown::of(run).code(0);
        assert!(peak < 100_000_000, "{peak} bytes of memory for {source}");
        assert_eq!(fs_err::metadata(log_of(&sandbox)).unwrap().len(), bytes, "{source}");
    }
}

#[test]
fn f24_odd_bytes_are_kept_as_they_are_and_shown_as_text() {
    let script = r"printf 'half a char: \303'; sleep 0.05; printf '\251\n\000\377\n10%%\r20%%\rdone\n\033]0;title\007\033[2Jx\033[31mred\033[0m\nno end'";
    let sandbox = Sandbox::new(&steps(&[("a", script, "")]));
    let shown = sandbox.run(&["up", "-v"]).code(0).says("half a char: é").says("done").says("no end");
    assert!(!shown.stdout.contains('\u{7}') && !shown.stdout.contains("\x1b[2J") && !shown.stdout.contains('\0'));
    let log = fs_err::read(log_of(&sandbox)).unwrap();
    let expected = b"half a char: \xc3\xa9\n\0\xff\n10%\r20%\rdone\n\x1b]0;title\x07\x1b[2Jx\x1b[31mred\x1b[0m\nno end";
    assert_eq!(log, expected);
}

#[test]
fn f25_nowhere_to_write_changes_neither_the_work_nor_the_exit_code() {
    let run = |redirect: &str, code: i32| {
        let model = Model::six();
        let mut command = model.command("sh");
        command.args(["-c", &format!("exec {} up {redirect}", env!("CARGO_BIN_EXE_provision"))]);
        let shown = Shown::of(command.spawn().unwrap());
        assert_eq!(shown.code, code, "{redirect}: {shown:?}");
        model.recovers();
    };
    for redirect in [">/dev/full", ">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full 2>/dev/full", "| head -n 1 >/dev/null"] {
        run(redirect, 0);
    }
    let sandbox = Sandbox::new(&steps(&[("a", "exit 3", "")]));
    let mut command = sandbox.command(&["up"]);
    let full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap();
    command.stdout(Stdio::from(full.into_parts().0));
    assert_eq!(Shown::of(command.spawn().unwrap()).code, 1);
}

#[test]
fn f25_terminals_of_any_kind_and_width() {
    for (term, columns, rows) in
        [("dumb", 80, 24), ("xterm", 1, 1), ("xterm", 2, 5), ("xterm", 3, 3), ("xterm", 5, 2), ("xterm", 500, 100)]
    {
        let model = Model::six();
        let mut command = model.command("script");
        command.env("TERM", term);
        let line = format!("stty cols {columns} rows {rows}; exec {} up", env!("CARGO_BIN_EXE_provision"));
        command.args(["-qec", &line, "/dev/null"]);
        let shown = Shown::of(command.spawn().unwrap()).code(0);
        assert!(!shown.stdout.contains("panicked"), "{shown:?}");
        model.recovers();
    }
}

#[test]
fn f25_a_window_that_changes_all_the_time() {
    let model = Model { sandbox: Sandbox::new(&steps(&[("a", "sleep 1; echo a >> world", "")])) };
    let mut command = model.command("script");
    command.env("TERM", "xterm");
    let resize = "(for i in $(seq 200); do stty cols $((i % 60 + 1)) rows $((i % 9 + 1)); kill -WINCH $$; done) <&0 &";
    command.args(["-qec", &format!("{resize} exec {} up", env!("CARGO_BIN_EXE_provision")), "/dev/null"]);
    Shown::of(command.spawn().unwrap()).code(0);
    assert_eq!(model.sandbox.world(), ["a"]);
}

#[test]
fn f24_a_log_drives_no_terminal_and_keeps_its_bytes_in_a_file() {
    let print = r"printf '\033]0;title\007\033]52;c;cHduZWQ=\007\033[2J\033[31mred\033[0m \302\2332Jend\n10%%\r20%%'";
    let sandbox = Sandbox::new(&steps(&[("a", print, "")]));
    sandbox.run(&["up"]).code(0);
    let raw = sandbox.run(&["logs", "s.a"]).code(0).stdout;
    assert!(raw.contains("\x1b]0;title\x07") && raw.ends_with("10%\r20%"), "{raw:?}");
    let on_terminal = |args: &str| {
        let mut run = sandbox.on_a_terminal(args);
        let typing = run.stdin.take();
        let shown = Shown::of(run).code(0);
        drop(typing);
        shown.stdout
    };
    let shown = on_terminal("logs s.a");
    for sequence in ["\x1b]", "\x07", "\x1b[2J", "\u{9b}"] {
        assert!(!shown.contains(sequence), "{shown:?}");
    }
    assert!(shown.contains("red") && shown.contains("end\r\n20%"), "{shown:?}");
    assert!(on_terminal("logs --raw s.a").contains("\x1b]0;title\x07"));
}

#[test]
fn f26_a_full_disk_cuts_a_log_and_leaves_its_step_alone() {
    let sandbox = Sandbox::new(&steps(&[("a", "head -c 1000000 /dev/zero | tr '\\0' y; echo a >> world", "")]));
    // No file may become bigger than this, and a write beyond it fails: the journal stays far below.
    let line = format!("trap '' XFSZ; ulimit -f 200; exec {} up", env!("CARGO_BIN_EXE_provision"));
    let shown = Shown::of(sandbox.program("/bin/sh", &["-c", &line]).spawn().unwrap()).code(0);
    shown.says("s.a: its log is not whole");
    assert_eq!(sandbox.world(), ["a"]);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}
