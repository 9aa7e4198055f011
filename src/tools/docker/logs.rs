//! What a container has printed.

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use futures_util::TryStreamExt;

use super::Docker;
use crate::error::Failure;

/// Most bytes that are read of a container's last lines: one of them may have no end.
const MAX_BYTES: usize = 1 << 20;

impl Docker {
    /// Returns the last `n` lines of what a container has printed to either output.
    pub async fn last_lines(&self, name: &str, n: usize) -> Result<Vec<String>, Failure> {
        let options = LogsOptions { stdout: true, stderr: true, tail: n.to_string(), ..LogsOptions::default() };
        let reading = async {
            let mut pieces = std::pin::pin!(self.client.logs(name, Some(options)));
            let mut text = Vec::new();
            while let Some(piece) = pieces.try_next().await? {
                let (LogOutput::StdErr { message }
                | LogOutput::StdOut { message }
                | LogOutput::StdIn { message }
                | LogOutput::Console { message }) = piece;
                text.extend_from_slice(&message[..message.len().min(MAX_BYTES - text.len())]);
            }
            Ok(text)
        };
        let text = self.call(|| format!("reading the output of the container `{name}`"), reading).await?;
        let lines: Vec<String> =
            String::from_utf8_lossy(&text).lines().map(|line| line.trim_end().to_owned()).collect();
        Ok(lines[lines.len().saturating_sub(n)..].to_vec())
    }

    /// Returns the same as evidence for a failure: each line after `label`; says so where there are none.
    pub async fn last_lines_of(&self, label: &str, name: &str, n: usize) -> Vec<String> {
        match self.last_lines(name, n).await {
            Ok(lines) if lines.is_empty() => vec![format!("{label} has printed nothing")],
            Ok(lines) => lines.into_iter().map(|line| format!("{label} | {line}")).collect(),
            Err(failure) => vec![failure.to_string()],
        }
    }
}
