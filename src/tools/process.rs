//! Runs a program: in a process group of its own, its output streamed, stopped by TERM, then KILL.
//!
//! The child writes to pipes that we own, so that waiting ends with the child and not with a grandchild that kept the
//! pipe open; what is left of its group when it ends is stopped.

mod browser;
mod cancel;
mod groups;
mod observer;
pub mod pause;
mod pipes;
pub mod ports;
pub mod procfs;
mod session;
mod stops;
mod supervise;
mod tail;
mod wait;

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use self::browser::open_in_browser;
pub use self::cancel::Cancel;
pub use self::groups::{ChildRegistry, signal_group, signal_process};
use self::groups::{Group, Starting};
pub use self::observer::{Exit, GRACE, ProcessObserver};
use self::pipes::{Pipes, Sink, Source};
use self::procfs::RUN_VARIABLE;
use self::supervise::supervise;
use self::tail::Tail;
pub use self::tail::extend_line;
use super::blocking::blocking;
use crate::error::{Context, Failure, ids};

/// Most that [`capture`] waits.
const CAPTURE_LIMIT: Duration = Duration::from_secs(5);

/// The length to which the kernel cuts the name of a program.
const MAX_NAME: usize = 15;

/// A program to run with its arguments and surroundings.
#[derive(Clone, Debug)]
pub struct Command {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
    stdin: Vec<u8>,
    capture: bool,
    leaves_work: bool,
    title: Option<String>,
}

/// The absolute path of `program` by `PATH`, or a failure that says that it is missing.
pub fn find(program: &str) -> Result<PathBuf, Failure> {
    which::which(program).map_err(|_| {
        Failure::of(ids::TOOL_MISSING, format!("`{program}` is not installed, or not in PATH"))
            .hint(format!("install `{program}` and run the same command again"))
    })
}

/// Returns the standard output of a short-lived command, or `None` when it fails or is cancelled. Nothing is shown.
pub async fn capture(command: Command, cancel: &Cancel, children: &Arc<ChildRegistry>) -> Option<String> {
    capture_within(CAPTURE_LIMIT, command, cancel, children).await
}

/// The same with a time limit of the caller's.
pub async fn capture_within(
    limit: Duration,
    command: Command,
    cancel: &Cancel,
    children: &Arc<ChildRegistry>,
) -> Option<String> {
    let silent = Silent { cancel: cancel.clone(), children: Arc::clone(children) };
    let exit = pause::timeout(limit, command.capture().run(&silent)).await?.ok()?;
    exit.status.success().then(|| String::from_utf8_lossy(&exit.stdout).into_owned())
}

/// Shows nothing of what programs print.
#[derive(Debug, Default)]
pub struct Silent {
    /// Stops them.
    pub cancel: Cancel,
    /// Where they are registered.
    pub children: Arc<ChildRegistry>,
}

impl ProcessObserver for Silent {
    fn output(&self, _bytes: &[u8]) {}
    fn started(&self, _pid: u32) {}
    fn ended(&self, _pid: u32) {}
    fn cancel(&self) -> &Cancel {
        &self.cancel
    }
    fn children(&self) -> &Arc<ChildRegistry> {
        &self.children
    }
}

/// Returns a word of a command line, quoted where a shell would not take it as it is.
pub fn shell_quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}

/// Returns what the first line of a script says runs it; `None` for what is no script, or is not there.
fn first_line(program: &Path) -> Option<String> {
    let bytes = fs_err::read(program).ok()?;
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).trim_start().to_owned())
}

impl Command {
    /// `program` is a path, or a name to look up in `PATH` (see [`find`]).
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            stdin: Vec::new(),
            capture: false,
            leaves_work: false,
            title: None,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment, beside ours. One that is set twice has the first value.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Where it runs.
    pub fn cwd(mut self, folder: &Path) -> Self {
        self.cwd = Some(folder.to_owned());
        self
    }

    /// What it reads; nothing by default. The way for secrets: no other process can see it.
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Keeps standard output for the caller; the observer gets standard error alone.
    pub fn capture(mut self) -> Self {
        self.capture = true;
        self
    }

    /// Shows `title` in messages, instead of the program with its arguments.
    pub fn titled(mut self, title: String) -> Self {
        self.title = Some(title);
        self
    }

    /// What it starts is meant to stay when it and the run are over; only the program itself is stopped then.
    pub fn leaves_work(mut self) -> Self {
        self.leaves_work = true;
        self
    }

    /// The program's name as the kernel keeps it.
    fn short_name(&self) -> String {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        name.chars().take(MAX_NAME).collect()
    }

    fn sets(&self, variable: &str) -> bool {
        self.env.iter().any(|(name, _)| name == variable)
    }

    /// Returns the command as one would type it, without variables and input.
    pub fn display_line(&self) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        let mut line = self.program.display().to_string();
        for arg in &self.args {
            line.push(' ');
            line.push_str(&shell_quoted(&arg.to_string_lossy()));
        }
        line
    }

    /// Runs it and demands success. A failure has the command, how it ended and its last lines.
    pub async fn check(self, observer: &dyn ProcessObserver) -> Result<Exit, Failure> {
        let line = self.display_line();
        let exit = self.run(observer).await?;
        if exit.status.success() {
            return Ok(exit);
        }
        Err(exit.failure(&line))
    }

    /// Runs it to its end; an exit code other than 0 is not an error here. Fails when it can't be started, and with
    /// [`crate::error::FailureKind::Interrupted`] when the observer asked to stop.
    pub async fn run(self, observer: &dyn ProcessObserver) -> Result<Exit, Failure> {
        let line = self.display_line();
        if observer.cancel().is_cancelled() {
            return Err(Failure::interrupted(format!("`{line}`")));
        }
        // On another thread: spawning blocks until the new process runs its program.
        let starting = Starting::new(observer.children());
        let terminal = observer.has_terminal();
        let Child { group, handle, mut pipes } = blocking(move || self.start(starting, terminal)).await?;
        // They go in this order: the observer hears of the end when nothing is left of the group.
        let told = group.leads().then(|| Told::new(group.pid(), observer));
        let mut guard = (group, told);
        let result =
            supervise(handle, &mut pipes, &mut guard.0, observer).await.context(|| format!("running `{line}`"));
        drop(guard);
        let mut exit = result?;
        exit.tail = pipes.tail.lines();
        exit.stdout = pipes.stdout;
        if observer.cancel().is_cancelled() {
            // A time limit ends it this way too: then its last words are the best there is.
            let mut failure = Failure::interrupted(format!("`{line}`")).details(exit.tail.clone());
            if exit.killed {
                failure = failure.cause(format!("it ignored SIGTERM and was killed after {} s", GRACE.as_secs()));
            }
            return Err(failure);
        }
        Ok(exit)
    }

    fn start(self, starting: Starting, terminal: bool) -> Result<Child, Failure> {
        let child = self.spawn(starting.registry(), terminal);
        // Only now: its group is known.
        drop(starting);
        child.map_err(|error| {
            let failure =
                Failure::of(ids::COMMAND_NOT_STARTED, format!("can't start `{}`", self.display_line())).source(&error);
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            if let Some(line) = is_missing.then(|| first_line(&self.program)).flatten() {
                let failure = failure.cause(format!("its first line names {line:?}"));
                if line.ends_with('\r') { failure.hint("write it with Unix line ends") } else { failure }
            } else if is_missing {
                failure.hint(format!("check that `{}` is installed and the folder is there", self.program.display()))
            } else {
                failure
            }
        })
    }

    fn spawn(&self, children: &Arc<ChildRegistry>, terminal: bool) -> io::Result<Child> {
        let (out_read, out_write) = io::pipe()?;
        let mut expression = duct::cmd(&self.program, &self.args)
            .unchecked()
            .stderr_file(out_write.try_clone()?)
            .before_spawn(move |command| {
                // In the foreground of the terminal is our group alone.
                if terminal { Ok(()) } else { session::detach(command) }
            });
        let mut captured = Source::default();
        expression = if self.capture {
            let (read, write) = io::pipe()?;
            captured = Source::new(read)?;
            expression.stdout_file(write)
        } else {
            expression.stdout_file(out_write)
        };
        // What the caller sets is for this child.
        for name in children.withheld().iter().filter(|name| !self.sets(name)) {
            expression = expression.env_remove(name);
        }
        if let Some(run) = children.run() {
            let mark = if self.leaves_work { format!("{run}/{}", self.short_name()) } else { run.to_owned() };
            expression = expression.env(RUN_VARIABLE, mark);
        }
        for (name, value) in &self.env {
            expression = expression.env(name, value);
        }
        if let Some(cwd) = &self.cwd {
            expression = expression.dir(cwd);
        }
        let mut input = Sink::default();
        expression = if terminal && self.stdin.is_empty() {
            expression.stdin_file(fs_err::File::open("/dev/tty")?.into_file())
        } else if self.stdin.is_empty() {
            expression.stdin_null()
        } else {
            let (read, write) = io::pipe()?;
            input = Sink::new(write, self.stdin.clone())?;
            expression.stdin_file(read)
        };
        let output = Source::new(out_read)?;
        // The expression holds the child's ends, and goes with this call: while one of ours is open, reading never
        // ends.
        let handle = Arc::new(expression.start()?);
        let pid = handle.pids().first().copied().unwrap_or_default();
        let group = Group::began(pid, !terminal, children);
        let pipes = Pipes { input, output, captured, stdout: Vec::new(), tail: Tail::default() };
        Ok(Child { group, handle, pipes })
    }
}

/// A child that was started.
struct Child {
    group: Group,
    handle: Arc<duct::Handle>,
    pipes: Pipes,
}

/// Tells the observer of a child's end when it goes.
struct Told<'a> {
    pid: u32,
    observer: &'a dyn ProcessObserver,
}

impl<'a> Told<'a> {
    fn new(pid: u32, observer: &'a dyn ProcessObserver) -> Self {
        observer.started(pid);
        Self { pid, observer }
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.observer.ended(self.pid);
    }
}

#[cfg(test)]
mod tests;
