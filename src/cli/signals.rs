//! [`stop_signals`]: the signals that ask a command to stop, as messages.

use std::sync::Arc;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::error::Failure;
use crate::exec::StopSignal;
use crate::tools::process::{ChildRegistry, procfs};

/// Catches the signals that ask to stop, from now on; Ctrl-Z stops the children along with us.
pub(super) fn stop_signals(children: Arc<ChildRegistry>) -> Result<UnboundedReceiver<StopSignal>, Failure> {
    let (sender, receiver) = unbounded_channel();
    let kinds = [
        (SignalKind::interrupt(), StopSignal::Interrupt),
        (SignalKind::terminate(), StopSignal::Terminate),
        (SignalKind::hangup(), StopSignal::Hangup),
        (SignalKind::quit(), StopSignal::Quit),
    ];
    for (kind, name) in kinds {
        // Under `nohup` the end of the terminal is not ours.
        if name == StopSignal::Hangup && procfs::ignores(kind.as_raw_value()) {
            continue;
        }
        tokio::spawn(forward(catch(kind)?, name, sender.clone()));
    }
    // A shell without job control has it ignored.
    let suspend = SignalKind::from_raw(Signal::TSTP.as_raw());
    if !procfs::ignores(suspend.as_raw_value()) {
        let mut caught = catch(suspend)?;
        tokio::spawn(async move {
            while caught.recv().await.is_some() {
                children.suspend();
            }
        });
    }
    Ok(receiver)
}

fn catch(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Failure> {
    signal(kind).map_err(|error| Failure::bug("can't catch signals").source(&error))
}

async fn forward(mut caught: tokio::signal::unix::Signal, name: StopSignal, sender: UnboundedSender<StopSignal>) {
    while caught.recv().await.is_some() {
        if sender.send(name).is_err() {
            return;
        }
    }
}
