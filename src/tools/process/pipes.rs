//! Our ends of a child's pipes.

use std::io;
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe;

use super::Tail;

/// Most that is read at once, about half of what a pipe holds.
const READ_SIZE: usize = 32 << 10;

/// What a child writes, and what is kept of it.
#[derive(Debug)]
pub(super) struct Pipes {
    /// What the host gets.
    pub(super) output: Source,
    /// The captured standard output; at its end from the start where there is none.
    pub(super) captured: Source,
    pub(super) stdout: Vec<u8>,
    pub(super) tail: Tail,
}

/// A pipe that is read to its end.
#[derive(Debug, Default)]
pub(super) struct Source {
    pipe: Option<pipe::Receiver>,
    buffer: Vec<u8>,
}

impl Source {
    /// Reads from `end`. Needs a runtime.
    pub(super) fn new(end: impl Into<OwnedFd>) -> io::Result<Self> {
        Ok(Self { pipe: Some(pipe::Receiver::from_owned_fd(end.into())?), buffer: Vec::new() })
    }

    /// Whether there may be more.
    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Waits for bytes; there are none at the end, and from then on it is closed. Nothing is lost when the wait is given
    /// up.
    pub(super) async fn read(&mut self) -> io::Result<&[u8]> {
        self.buffer.clear();
        while let Some(pipe) = &self.pipe {
            pipe.readable().await?;
            // Not before: most children write nothing.
            self.buffer.reserve(READ_SIZE);
            match pipe.try_read_buf(&mut self.buffer) {
                Ok(0) => self.pipe = None,
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.buffer)
    }
}
