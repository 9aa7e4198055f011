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

impl Docker {
    /// Whether the daemon runs a container of this name.
    pub async fn is_running(&self, container: &str) -> Result<bool, Failure> {
        let inspecting = async {
            match self.client.inspect_container(container, None).await {
                Err(error) if failure::is_not_found(&error) => Ok(false),
                found => found.map(|found| found.state.and_then(|state| state.running).unwrap_or(false)),
            }
        };
        self.call(|| format!("inspecting the container `{container}`"), inspecting).await
    }

    /// Runs `argv` in `container`; fails unless it ends with exit code 0.
    pub async fn exec_ok(
        &self,
        container: &str,
        argv: &[&str],
        stdin: Option<Stdin>,
        on_sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<u8>, Failure> {
        let output = self.exec(container, argv, stdin, on_sent).await?;
        if output.code == 0 {
            return Ok(output.stdout);
        }
        let lines = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect::<Vec<_>>();
        let last = lines.len().saturating_sub(20);
        Err(Failure::failed(format!("{} ended with exit code {}", name(container, argv), output.code))
            .details(lines.into_iter().skip(last)))
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
        let takes_input = stdin.is_some();
        let options = CreateExecOptions {
            attach_stdin: Some(takes_input),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.to_vec()),
            ..CreateExecOptions::default()
        };
        let exec = self.call(|| what.clone(), self.client.create_exec(container, options)).await?.id;
        let starting = self.client.start_exec(&exec, None::<StartExecOptions>);
        let started = self.call(|| what.clone(), starting).await?;
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
                piece = self.attend(&what, output.next()) => match piece? {
                    None => break,
                    Some(Ok(LogOutput::StdErr { message })) => keep(&mut result.stderr, &message),
                    Some(Ok(other)) => keep(&mut result.stdout, &other.into_bytes()),
                    Some(Err(error)) => return Err(failure::of_call(what, &error)),
                },
            }
        }
        result.code = self.exit_code(&what, &exec).await?;
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
