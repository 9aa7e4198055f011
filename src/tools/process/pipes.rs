//! Our ends of a child's pipes.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe;

use super::tail::Tail;

/// Most that is read at once, about half of what a pipe holds.
const READ_SIZE: usize = 32 << 10;

/// What a child reads and writes, and what is kept of it.
#[derive(Debug)]
pub(super) struct Pipes {
    /// What it reads.
    pub(super) input: Sink,
    /// What the observer gets.
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

    /// Waits for bytes; there are none at the end, and from then on it is closed. Nothing is lost when the wait is
    /// given up.
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

/// A pipe that is fed with bytes and then closed; closed from the start where there are none.
#[derive(Default)]
pub(super) struct Sink {
    pipe: Option<pipe::Sender>,
    bytes: Vec<u8>,
    n_sent: usize,
}

impl Sink {
    /// Feeds `bytes` to `end`. Needs a runtime.
    pub(super) fn new(end: impl Into<OwnedFd>, bytes: Vec<u8>) -> io::Result<Self> {
        Ok(Self { pipe: Some(pipe::Sender::from_owned_fd(end.into())?), bytes, n_sent: 0 })
    }

    /// Whether something is left to send, and somebody may still read it.
    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Sends what is left and closes the pipe. A child that does not want to read it all may do so. Nothing is sent
    /// twice when the wait is dropped.
    pub(super) async fn feed(&mut self) {
        while let Some(pipe) = self.pipe.as_ref().filter(|_| self.n_sent < self.bytes.len()) {
            let sent = match pipe.writable().await {
                Ok(()) => pipe.try_write(&self.bytes[self.n_sent..]),
                Err(error) => Err(error),
            };
            match sent {
                Ok(n) => self.n_sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        self.pipe = None;
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the bytes: they may be secrets.
        f.debug_struct("Sink").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}
