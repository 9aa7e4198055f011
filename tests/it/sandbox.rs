//! [`Sandbox`]: a project in a temporary folder, and what the binary shows when it is run there.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;

/// The longest that anything in a sandbox may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A project of its own.
pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
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
        let sandbox = Self { dir: tempfile::tempdir().unwrap(), env: Vec::new() };
        fs::create_dir_all(sandbox.path("bin")).unwrap();
        sandbox.file("pipeline.toml", pipeline);
        sandbox
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

    #[expect(clippy::disallowed_methods, reason = "the test is the user here")]
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        // Whoever runs the tests may have signals ignored (`nohup`, a job in the background), and children inherit
        // that.
        let mut command = Command::new("/usr/bin/env");
        command
            .args(["--default-signal=HUP,INT,QUIT,TSTP", env!("CARGO_BIN_EXE_provision")])
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display()))
            .env("HOME", self.dir.path())
            .env("LANG", "C.UTF-8")
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

    /// The effects so far, in order.
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
            assert!(began.elapsed() < PATIENCE, "`{path}` never came");
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

    /// Everything that the binary has left in its state folder, as one text.
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

    /// Demands an exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Demands a text on either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.all().contains(text), "`{text}` is not in\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Demands that a text is on neither stream.
    #[track_caller]
    pub(crate) fn keeps_quiet_about(self, text: &str) -> Self {
        assert!(!self.all().contains(text), "`{text}` is in\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
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

/// Waits until a process is gone.
pub(crate) fn wait_until_gone(pid: u32) {
    let began = Instant::now();
    while is_alive(pid) {
        assert!(began.elapsed() < PATIENCE, "process {pid} lives on");
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
