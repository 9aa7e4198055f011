//! [`TerminalPrompter`]: reads the answers of the person at the terminal.

use std::io;
use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;
use rustix::fs::{Mode, OFlags};
use tokio::io::unix::AsyncFd;

use crate::action::Prompter;
use crate::error::Failure;

/// Maximum length of an answer in bytes.
const MAX_ANSWER: usize = 4096;

/// Reads from the process's terminal, also where standard input is something else.
#[derive(Debug)]
pub(super) struct TerminalPrompter;

impl Prompter for TerminalPrompter {
    fn read_line(&self) -> BoxFuture<'_, Result<Option<String>, Failure>> {
        Box::pin(async {
            let failed = |error: io::Error| Failure::failed("can't read an answer from the terminal").source(&error);
            // Opened for this question: the flag must not change what others share with us.
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
            let terminal = rustix::fs::open("/dev/tty", flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
            read_line(terminal).await.map_err(failed)
        })
    }
}

/// Reads up to the end of a line; `None` at the end of input. The terminal itself passes whole lines.
#[expect(
    deprecated,
    reason = "its successor is `unsafe`; what that warns of, closing it early, can't happen to one we own"
)]
async fn read_line(from: OwnedFd) -> io::Result<Option<String>> {
    let from = AsyncFd::new(from)?;
    let mut line = Vec::new();
    loop {
        let mut ready = from.readable().await?;
        let mut chunk = [0; 256];
        let Ok(read) = ready.try_io(|from| Ok(rustix::io::read(from.get_ref(), &mut chunk)?)) else { continue };
        let read = read?;
        line.extend_from_slice(&chunk[..read]);
        if read == 0 || line.ends_with(b"\n") || line.len() > MAX_ANSWER {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            return Ok((read > 0 || !line.is_empty()).then_some(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn an_answer_ends_with_its_line_however_it_arrives() {
        for (chunks, answer) in
            [(&["ye", "s\n"][..], Some("yes")), (&["no"], Some("no")), (&["\n"], Some("")), (&[], None)]
        {
            let (read, mut write) = io::pipe().unwrap();
            rustix::io::ioctl_fionbio(&read, true).unwrap();
            let writing = async {
                for chunk in chunks {
                    write.write_all(chunk.as_bytes()).unwrap();
                    tokio::task::yield_now().await;
                }
                drop(write);
            };
            let (line, ()) = tokio::join!(read_line(read.into()), writing);
            assert_eq!(line.unwrap().as_deref(), answer, "{chunks:?}");
        }
    }
}
