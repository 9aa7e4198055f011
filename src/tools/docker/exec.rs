//! A program in a running container, fed from a stream.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::images::ImageBytes;
use super::{Docker, failure};
use crate::error::Failure;

/// What a program reads.
pub type Stdin = ImageBytes;

/// Most that is kept of each of a program's outputs.
const MAX_OUTPUT: usize = 16 << 20;

/// How a program in a container ended.
#[derive(Clone, Debug, Default)]
pub struct ExecOutput {
    /// Its exit code.
    pub code: i64,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl ExecOutput {
    /// Its standard output; an error unless it ended with exit code 0. `what` is the program.
    fn succeeded(self, what: &str) -> Result<Vec<u8>, Failure> {
        if self.code == 0 {
            return Ok(self.stdout);
        }
        let lines = String::from_utf8_lossy(&self.stderr).lines().map(str::to_owned).collect::<Vec<_>>();
        let last = lines.len().saturating_sub(20);
        Err(Failure::failed(format!("{what} ended with exit code {}", self.code)).details(lines.into_iter().skip(last)))
    }
}

impl Docker {
    /// Runs `argv` in `container`; fails unless it ends with exit code 0.
    pub async fn exec_ok(
        &self,
        container: &str,
        argv: &[&str],
        stdin: Option<Stdin>,
        on_sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<u8>, Failure> {
        self.exec(container, argv, stdin, on_sent).await?.succeeded(&name(container, argv))
    }

    /// The same without an input; `None` where the daemon runs no container of this name.
    pub async fn exec_if_running(&self, container: &str, argv: &[&str]) -> Result<Option<Vec<u8>>, Failure> {
        let what = name(container, argv);
        let creating = async {
            match self.create_exec(container, argv, false).await {
                Err(error) if failure::is_not_found(&error) || failure::is_not_running(&error) => Ok(None),
                exec => exec.map(Some),
            }
        };
        let Some(exec) = self.call(|| what.clone(), creating).await? else { return Ok(None) };
        self.start_exec(&what, &exec, None, &|_| {}).await?.succeeded(&what).map(Some)
    }

    /// Runs `argv` in `container`, feeds it `stdin`, and waits for its end; `on_sent` is called with the bytes that it
    /// has taken so far. Dropping the call closes the program's input.
    pub async fn exec(
        &self,
        container: &str,
        argv: &[&str],
        stdin: Option<Stdin>,
        on_sent: &(dyn Fn(u64) + Sync),
    ) -> Result<ExecOutput, Failure> {
        let what = name(container, argv);
        let creating = self.create_exec(container, argv, stdin.is_some());
        let exec = self.call(|| what.clone(), creating).await?;
        self.start_exec(&what, &exec, stdin, on_sent).await
    }

    /// Prepares a program; returns its id.
    async fn create_exec(
        &self,
        container: &str,
        argv: &[&str],
        takes_input: bool,
    ) -> Result<String, bollard::errors::Error> {
        let options = CreateExecOptions {
            attach_stdin: Some(takes_input),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.to_vec()),
            ..CreateExecOptions::default()
        };
        Ok(self.client.create_exec(container, options).await?.id)
    }

    /// Starts the program that was prepared as `exec`, and waits for its end.
    async fn start_exec(
        &self,
        what: &str,
        exec: &str,
        stdin: Option<Stdin>,
        on_sent: &(dyn Fn(u64) + Sync),
    ) -> Result<ExecOutput, Failure> {
        let takes_input = stdin.is_some();
        let starting = self.client.start_exec(exec, None::<StartExecOptions>);
        let started = self.call(|| what.to_owned(), starting).await?;
        let StartExecResults::Attached { mut output, mut input } = started else {
            return Err(Failure::bug(format!("{what} was started without its output")));
        };
        let feeding = async move {
            let mut sent = 0;
            let mut stdin = stdin;
            while let Some(piece) = match &mut stdin {
                Some(stdin) => stdin.next().await,
                None => None,
            } {
                let piece = piece.map_err(Feed::Source)?;
                input.write_all(&piece).await.map_err(Feed::Sink)?;
                sent += piece.len() as u64;
                on_sent(sent);
            }
            input.shutdown().await.map_err(Feed::Sink)
        };
        let mut feeding = Box::pin(feeding);
        // One without input has all of it: its output may be over before the other side of the connection is closed.
        let mut fed = (!takes_input).then_some(Ok(()));
        let mut result = ExecOutput::default();
        loop {
            tokio::select! {
                end = &mut feeding, if fed.is_none() => match end {
                    // Half an input must not look like a whole one: the connection is dropped, not closed in order.
                    Err(Feed::Source(failure)) => return Err(failure),
                    Err(Feed::Sink(error)) => fed = Some(Err(error)),
                    Ok(()) => fed = Some(Ok(())),
                },
                piece = self.attend(what, output.next()) => match piece? {
                    None => break,
                    Some(Ok(LogOutput::StdErr { message })) => keep(&mut result.stderr, &message),
                    Some(Ok(other)) => keep(&mut result.stdout, &other.into_bytes()),
                    Some(Err(error)) => return Err(failure::of_call(what.to_owned(), &error)),
                },
            }
        }
        result.code = self.exit_code(what, exec).await?;
        // The error of a program that ended early explains more than the broken pipe.
        if let (0, Some(Err(error))) = (result.code, &fed) {
            return Err(Failure::failed(format!("{what} did not take all of its input")).source(error).transient());
        }
        if fed.is_none() && result.code == 0 {
            return Err(Failure::failed(format!("{what} ended before it had all of its input")).transient());
        }
        Ok(result)
    }

    /// Returns the exit code. The output may end a moment before the daemon knows it.
    async fn exit_code(&self, what: &str, exec: &str) -> Result<i64, Failure> {
        for pause in [0, 10, 50, 200, 1000, 5000] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let state = self.call(|| what.to_owned(), self.client.inspect_exec(exec)).await?;
            if let (Some(false), Some(code)) = (state.running, state.exit_code) {
                return Ok(code);
            }
        }
        Err(Failure::failed(format!("{what} closed its output and did not end")))
    }
}

enum Feed {
    Source(Failure),
    Sink(std::io::Error),
}

fn name(container: &str, argv: &[&str]) -> String {
    format!("running `{}` in the container `{container}`", argv.join(" "))
}

fn keep(output: &mut Vec<u8>, message: &[u8]) {
    let room = MAX_OUTPUT.saturating_sub(output.len());
    output.extend_from_slice(&message[..message.len().min(room)]);
}
