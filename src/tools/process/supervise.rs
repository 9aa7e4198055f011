//! [`supervise`]: from a child's start to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;

use super::groups::Group;
use super::observer::{Exit, GRACE, ProcessObserver};
use super::pause;
use super::pipes::Pipes;
use super::stops::StopWatch;
use super::wait::wait;

/// How long we go on reading after the child has ended, when something else still holds its pipe.
const LEAK_WINDOW: Duration = Duration::from_millis(100);

/// How many such windows there may be while other children are being made: until one executes its program, it has a
/// copy of every pipe, which on a busy machine takes longer than one window.
const MAX_LEAK_WINDOWS: usize = 20;

/// Most that is kept of a captured standard output.
const MAX_CAPTURE: usize = 64 << 20;

/// Passes on what the child writes, stops it when the observer asks, and returns how it ended. Nothing is left of its
/// group then.
pub(super) async fn supervise(
    handle: Arc<duct::Handle>,
    pipes: &mut Pipes,
    group: &mut Group,
    observer: &dyn ProcessObserver,
) -> io::Result<Exit> {
    let mut waiter = Box::pin(wait(handle, group.pid()));
    let mut stops = StopWatch::new(group.pid());
    let (mut status, mut killed, mut leaky) = (None, false, false);
    let (mut asked, mut told_to_kill) = (false, false);
    let never = || Box::pin(pause::sleep(Duration::MAX));
    let (mut grace_end, mut leak_end) = (never(), never());
    let mut n_windows = 1;
    loop {
        if status.is_some() && !pipes.output.is_open() && !pipes.captured.is_open() {
            break;
        }
        tokio::select! {
            read = pipes.output.read(), if pipes.output.is_open() => {
                let bytes = read?;
                observer.output(bytes);
                pipes.tail.push(bytes);
            }
            read = pipes.captured.read(), if pipes.captured.is_open() => {
                let bytes = read?;
                if pipes.stdout.len() + bytes.len() > MAX_CAPTURE {
                    group.signal(Signal::KILL);
                    return Err(io::Error::other(format!("it printed more than {MAX_CAPTURE} bytes")));
                }
                pipes.stdout.extend_from_slice(bytes);
            }
            () = pipes.input.feed(), if pipes.input.is_open() => {}
            ended = &mut waiter, if status.is_none() => {
                status = Some(ended?);
                group.leader_ended();
                leak_end = Box::pin(pause::sleep(LEAK_WINDOW));
            }
            () = observer.cancel().cancelled(), if !asked => {
                asked = true;
                group.signal(Signal::TERM);
                // A stopped child would sleep through TERM.
                group.signal(Signal::CONT);
                grace_end = Box::pin(pause::sleep(GRACE));
            }
            () = observer.cancel().killed(), if !told_to_kill => {
                told_to_kill = true;
                group.signal(Signal::KILL);
            }
            () = &mut grace_end, if status.is_none() => {
                killed = true;
                grace_end = never();
                group.signal(Signal::KILL);
            }
            stopped = stops.stopped(), if status.is_none() => observer.output(stopped.as_bytes()),
            () = &mut leak_end, if status.is_some() => {
                if n_windows == MAX_LEAK_WINDOWS || !group.others_are_starting() {
                    leaky = true;
                    break;
                }
                n_windows += 1;
                leak_end = Box::pin(pause::sleep(LEAK_WINDOW));
            }
        }
    }
    // Whatever is left of the group has lost its leader.
    leaky |= group.signal(Signal::KILL);
    let status = status.ok_or_else(|| io::Error::other("no exit status"))?;
    Ok(Exit { status, stdout: Vec::new(), tail: Vec::new(), leaky, killed })
}
