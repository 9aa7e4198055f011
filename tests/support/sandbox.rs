//! [`Sandbox`]: a project in a temporary folder, and what the binary shows when it is run there.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;
use regex::{Captures, Regex};

/// The longest that anything in a sandbox may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A project of its own.
pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
    /// The user's folder for state, which is not in the project.
    state: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// What a run of the binary showed.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// A project with this `pipeline.toml`. Steps write to `world`, one line for each effect.
    pub(crate) fn new(pipeline: &str) -> Self {
        let mut sandbox =
            Self { dir: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap(), env: Vec::new() };
        if std::env::var_os("PROVISION_KEEP_SANDBOX").is_some() {
            sandbox.keep();
        }
        fs::create_dir_all(sandbox.path("bin")).unwrap();
        sandbox.file("pipeline.toml", pipeline);
        sandbox
    }

    /// The same with the environment of this process: the tools, Docker and cluster settings of this machine.
    pub(crate) fn live(pipeline: &str) -> Self {
        let mut sandbox = Self::new(pipeline);
        for (name, value) in std::env::vars() {
            sandbox.env(&name, &value);
        }
        sandbox
    }

    /// Leaves the folder there after the test and prints where it is, for a person who wants to see what a test does.
    /// `PROVISION_KEEP_SANDBOX=1` keeps those of all tests.
    pub(crate) fn keep(&mut self) -> &mut Self {
        self.dir.disable_cleanup(true);
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not `eprintln`, whose text libtest only shows for tests that fail.
        let note = format!("{test} keeps its sandbox: {}\n", self.dir.path().display());
        std::io::stderr().write_all(note.as_bytes()).unwrap();
        self
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// A tool on PATH: a shell script.
    pub(crate) fn tool(&self, name: &str, script: &str) -> &Self {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub(crate) fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_provision"), args)
    }

    /// Starts `provision ARGS` on a terminal of its own; what is written to its standard input is typed there.
    pub(crate) fn on_a_terminal(&self, args: &str) -> Child {
        self.on_any_terminal(&format!("{} {args}", env!("CARGO_BIN_EXE_provision")))
    }

    /// Starts a line of a shell on a terminal of its own with this many rows and columns. `provision` is on its PATH.
    pub(crate) fn on_a_terminal_of(&self, (rows, columns): (u16, u16), line: &str) -> Child {
        self.tool("provision", &format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_provision")));
        self.on_any_terminal(&format!("stty rows {rows} cols {columns}; {line}"))
    }

    fn on_any_terminal(&self, line: &str) -> Child {
        let mut script = self.program("/usr/bin/script", &["-qefc", line, "/dev/null"]);
        script.stdin(Stdio::piped()).spawn().unwrap()
    }

    /// Any program in the sandbox's folder and environment.
    #[expect(clippy::disallowed_methods, reason = "the test is the user here")]
    pub(crate) fn program(&self, program: &str, args: &[&str]) -> Command {
        // The tests may run with ignored signals (under `nohup`, as a background job), and children inherit that.
        let mut command = Command::new("/usr/bin/env");
        command
            .args(["--default-signal=HUP,INT,QUIT,TSTP", program])
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display()))
            .env("HOME", self.dir.path())
            .env("XDG_STATE_HOME", self.state.path())
            .env("LANG", "C.UTF-8")
            // The tests write the pipelines that they run.
            .env("PROVISION_TRUST", "1")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The same with nothing on PATH but its own tools and the base system.
    pub(crate) fn bare(&self, args: &[&str]) -> Shown {
        let mut command = self.command(args);
        command.env("PATH", format!("{}:/bin", self.path("bin").display()));
        Shown::of(command.spawn().unwrap())
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Shown {
        Shown::of(self.command(args).spawn().unwrap())
    }

    /// Starts the binary.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    /// The effects that have happened, in order.
    pub(crate) fn world(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("world")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The process id that a step has written into `file`.
    pub(crate) fn pid(&self, file: &str) -> u32 {
        fs::read_to_string(self.path(file)).unwrap().trim().parse().unwrap()
    }

    /// Waits until `path` is there.
    pub(crate) fn wait_for(&self, path: &str) {
        let began = Instant::now();
        while !self.path(path).exists() {
            assert!(began.elapsed() < PATIENCE, "`{path}` was not created");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until `path` has `text` for the `times`-th time.
    pub(crate) fn wait_for_text(&self, path: &str, text: &str, times: usize) {
        let began = Instant::now();
        while fs::read_to_string(self.path(path)).unwrap_or_default().matches(text).count() < times {
            assert!(began.elapsed() < PATIENCE, "`{path}` never had `{text}` {times} times");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The contents of all files in the state folder, one after the other.
    pub(crate) fn state_text(&self) -> String {
        let mut text = String::new();
        for entry in walkdir::WalkDir::new(self.path(".provision")).into_iter().flatten() {
            if entry.file_type().is_file() {
                text.push_str(&String::from_utf8_lossy(&fs::read(entry.path()).unwrap()));
            }
        }
        text
    }
}

impl Shown {
    pub(crate) fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.streams());
        self
    }

    /// Fails the test unless this string is on either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.all().contains(text), "`{text}` is not in\n{}", self.streams());
        self
    }

    /// Fails the test if this string is on either stream.
    #[track_caller]
    pub(crate) fn keeps_quiet_about(self, text: &str) -> Self {
        assert!(!self.all().contains(text), "`{text}` is in\n{}", self.streams());
        self
    }

    /// Returns both streams for the message of a failed test: standard error first, which has the cause of a failure,
    /// and of a long standard output its end before all of it, because a log that is too long is cut in the middle.
    fn streams(&self) -> String {
        let lines: Vec<&str> = self.stdout.lines().collect();
        let end = if lines.len() > 60 { lines[lines.len() - 40..].join("\n") } else { String::new() };
        format!("stderr:\n{}\n{end}\nstdout:\n{}", self.stderr, self.stdout)
    }

    /// Returns the exit code and both streams as one string for a snapshot. What differs between runs (folders, runs,
    /// times, durations) is replaced by placeholders of the same width, so that columns stay where they are.
    pub(crate) fn screen(&self) -> String {
        let mut screen = format!("exit code {}\n", self.code);
        for (name, text) in [("standard output", &self.stdout), ("standard error", &self.stderr)] {
            if !text.is_empty() {
                writeln!(screen, "--- {name} ---\n{}", without_what_differs(text).trim_end()).unwrap();
            }
        }
        screen
    }

    fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// Returns what was printed with placeholders for what differs between runs.
pub(crate) fn without_what_differs(text: &str) -> String {
    let replace = |text: &str, pattern: &str, by: &str| Regex::new(pattern).unwrap().replace_all(text, by).into_owned();
    let text = replace(text, r"/[\w./-]*/\.tmp\w+", "/project");
    let text = replace(&text, r"\b\d{8}-\d{6}-[0-9a-f]{8}\b", "20000101-000000-00000000");
    let text = replace(&text, r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2000-01-01T00:00:00Z");
    let text = replace(&text, r"\bms=\d+", "ms=0");
    // With the spaces before it, so that a longer duration does not move its column.
    let durations = Regex::new(r"( *)(~?)\d+\.\ds\b").unwrap();
    let text = durations.replace_all(&text, |found: &Captures<'_>| {
        let width = if found[1].len() > 1 { found[0].len() } else { found[1].len() + found[2].len() + 4 };
        format!("{:>width$}", format!("{}0.0s", &found[2]))
    });
    // The critical path is only printed for runs that take a while, as some do on a busy machine.
    let lines = text.lines().filter(|line| !line.starts_with("  critical path:"));
    lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Sends a signal by name to a process.
#[expect(clippy::disallowed_methods, reason = "the test is the user here")]
pub(crate) fn send(signal: &str, pid: u32) {
    let status = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Whether a process runs; a zombie does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits for a process and returns the most memory that it had while it ran, in bytes.
pub(crate) fn peak_memory(child: &mut Child) -> u64 {
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kb.unwrap_or(0) * 1024);
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

/// The arguments of every process that runs, as far as they can be read.
pub(crate) fn all_arguments() -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
}

/// Waits until a process is gone.
pub(crate) fn wait_until_gone(pid: u32) {
    let began = Instant::now();
    while is_alive(pid) {
        assert!(began.elapsed() < PATIENCE, "process {pid} is still alive");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A pipeline of `command` steps in one stage `s`: name and shell line, and further keys.
pub(crate) fn steps(steps: &[(&str, &str, &str)]) -> String {
    let steps = steps.iter().map(|(id, run, more)| {
        format!("[[stage.step]]\nid = \"{id}\"\naction = \"command\"\nrun = '''{run}'''\n{more}\n")
    });
    format!("[pipeline]\nname = \"test\"\n\n[[stage]]\nid = \"s\"\n{}", steps.collect::<String>())
}
