//! [`ContextStream`]: an archive as the body of a request, written by a thread; ends in an error unless it is complete.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::mpsc;

use crate::error::Failure;

/// Bytes of one piece of the stream.
const CHUNK: usize = 128 << 10;

/// Pieces that may wait for the daemon: with [`CHUNK`], this limits the memory for a context of any size.
const WAITING: usize = 8;

enum Message {
    Piece(Bytes),
    Failed(String),
    End,
}

/// The writing end of the stream; accepts nothing after [`Chunks::end`] or [`Chunks::poison`].
pub(super) struct Chunks {
    sender: Option<mpsc::Sender<Message>>,
    buffer: BytesMut,
}

impl Chunks {
    fn new(sender: mpsc::Sender<Message>) -> Self {
        Self { sender: Some(sender), buffer: BytesMut::with_capacity(CHUNK) }
    }

    fn send(&mut self, message: Message) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the context is not read any more");
        let sender = self.sender.as_ref().ok_or_else(gone)?;
        sender.blocking_send(message).map_err(|_| gone())
    }

    fn send_buffer(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(CHUNK));
        self.send(Message::Piece(piece.freeze()))
    }

    fn end(&mut self) {
        // A receiver that is gone needs no end either.
        drop(self.send_buffer().and_then(|()| self.send(Message::End)));
        self.sender = None;
    }

    fn poison(&mut self, why: &str) {
        drop(self.send(Message::Failed(why.to_owned())));
        self.sender = None;
    }

    /// Whether the reader is gone: a write that fails because of that says nothing about the files.
    fn is_abandoned(&self) -> bool {
        self.sender.as_ref().is_some_and(mpsc::Sender::is_closed)
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.sender.is_none() {
            return Err(io::Error::other("the stream has ended"));
        }
        let n = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..n]);
        if self.buffer.len() == CHUNK {
            self.send_buffer()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The progress of an upload; shared with what shows it.
#[derive(Debug, Default)]
pub struct Upload {
    sent: AtomicU64,
    total: AtomicU64,
    complete: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

impl Upload {
    /// Bytes taken so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The approximate total in bytes; `None` until the files have been counted.
    pub fn total(&self) -> Option<u64> {
        Some(self.total.load(Ordering::Relaxed)).filter(|total| *total > 0)
    }

    /// Whether everything was taken, to the end.
    pub fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Relaxed)
    }

    /// Why the stream ended early, if a file was the cause.
    pub fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A context as the body of a request: ends in an error unless everything was sent.
#[derive(Debug)]
pub struct ContextStream {
    receiver: mpsc::Receiver<Message>,
    upload: Arc<Upload>,
    ended: bool,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message")
    }
}

impl ContextStream {
    /// Runs `write` on a thread of its own, with a function that sets the total number of bytes. Dropping the stream
    /// makes its next write fail.
    pub(super) fn of(
        write: impl FnOnce(&mut tar::Builder<Chunks>, &dyn Fn(u64)) -> Result<(), Failure> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let upload = Arc::new(Upload::default());
        let progress = Arc::clone(&upload);
        tokio::task::spawn_blocking(move || {
            let mut tar = tar::Builder::new(Chunks::new(sender));
            tar.follow_symlinks(false);
            match write(&mut tar, &|total| progress.total.store(total, Ordering::Relaxed)) {
                Ok(()) => tar.get_mut().end(),
                // The reader stopped for a reason of its own, such as a refusal by the daemon.
                Err(_) if tar.get_ref().is_abandoned() => {}
                Err(failure) => {
                    let text = failure.to_string();
                    *progress.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                    tar.get_mut().poison(&text);
                }
            }
            // Dropping the builder writes the archive's end, into a writer that accepts nothing any more.
        });
        Self { receiver, upload, ended: false }
    }

    /// The progress of the upload.
    pub fn upload(&self) -> Arc<Upload> {
        Arc::clone(&self.upload)
    }
}

impl Stream for ContextStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Poll::Ready(message) = self.receiver.poll_recv(cx) else {
            return Poll::Pending;
        };
        let why = match message {
            Some(Message::Piece(piece)) => {
                self.upload.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                return Poll::Ready(Some(Ok(piece)));
            }
            Some(Message::End) => {
                self.upload.complete.store(true, Ordering::Relaxed);
                self.ended = true;
                return Poll::Ready(None);
            }
            Some(Message::Failed(why)) => why,
            None => "the context ended without its end".to_owned(),
        };
        self.ended = true;
        Poll::Ready(Some(Err(io::Error::other(why))))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_goes_away_is_no_failure_of_the_files() {
        let mut stream = ContextStream::of(|tar, _| {
            let mut header = tar::Header::new_gnu();
            header.set_size(1 << 30);
            let written = tar.append_data(&mut header, "big", io::Read::take(io::repeat(0), 1 << 30));
            written.map_err(|error| Failure::failed("sending `big`").source(&error))
        });
        stream.next().await.unwrap().unwrap();
        let upload = stream.upload();
        drop(stream);
        // The writer's thread holds the other one until it has ended.
        while Arc::strong_count(&upload) > 1 {
            tokio::task::yield_now().await;
        }
        assert!(!upload.is_complete());
        assert!(upload.failure().is_none(), "{:?}", upload.failure());
    }
}
