//! Whether something accepts connections at the end of a route, seen without a word to it.

use std::future::pending;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::AsyncReadExt;

use super::exchange::{Connection, OPENING, Route, Stream};
use crate::tools::pause::{self, Stopwatch};

/// How long nothing may be heard of a connection until it counts as accepted. A forward through the API server is open
/// before the runtime of the node has tried the pod's port, and nothing says that it has succeeded: only its failure is
/// reported, on the error stream. containerd tries the port at once; for the Docker engine, two programs are started in
/// the node first, and that also where the machine is busy. What speaks first, as SSH and SMTP servers do, ends the
/// wait at once.
const MOMENT: Duration = Duration::from_millis(500);

/// How many times as long as opening the way may take what is reported on it: a busy machine or a long way to the
/// cluster makes both slow.
const TIMES_OPENING: u32 = 4;

/// Why a connection did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoConnection {
    /// It was not accepted; says why.
    Refused(String),
    /// The way to it failed, which says nothing of what would accept it; says why.
    Unreached(String),
}

/// Opens a connection and waits until it is accepted, which it also is if it is closed then without an error.
pub async fn connect(route: &dyn Route) -> Result<(), NoConnection> {
    let began = Stopwatch::start();
    let Connection { stream, said, guard } = match pause::timeout(OPENING, route.open()).await {
        Some(opened) => opened.map_err(NoConnection::Unreached)?,
        None => return Err(NoConnection::Unreached(format!("no connection was opened within {OPENING:?}"))),
    };
    let moment = (began.elapsed() * TIMES_OPENING).clamp(MOMENT, OPENING);
    let heard = pause::timeout(moment, hear(stream, said)).await;
    drop(guard);
    heard.unwrap_or(Ok(()))
}

/// Returns once it is known what became of a connection. That it is closed does not tell: an error may still follow.
async fn hear(
    mut stream: Box<dyn Stream>,
    said: Option<BoxFuture<'static, Option<String>>>,
) -> Result<(), NoConnection> {
    let mut byte = [0];
    let said = said.unwrap_or_else(|| Box::pin(pending()));
    tokio::select! {
        biased;
        Ok(1..) = stream.read(&mut byte) => Ok(()),
        told = said => Err(match told {
            Some(why) => NoConnection::Refused(why),
            None => NoConnection::Unreached("the way to it broke off".to_owned()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// What becomes of a connection.
    #[derive(Clone, Copy, Debug)]
    enum End {
        Speaks,
        IsSilent,
        Closes,
        /// It is closed, and an error follows.
        ClosesWith(&'static str),
        IsRefused(&'static str),
        BreaksOff,
        IsNotOpened,
    }

    struct Scripted(End);

    impl Route for Scripted {
        fn open(&self) -> BoxFuture<'_, Result<Connection, String>> {
            Box::pin(async {
                let (ours, mut theirs): (DuplexStream, DuplexStream) = duplex(16);
                let (mut guard, mut said): (Option<DuplexStream>, BoxFuture<'static, Option<String>>) =
                    (None, Box::pin(pending()));
                match self.0 {
                    End::Speaks => {
                        theirs.write_all(b"220 ready").await.unwrap();
                        // An error after that is one of the connection that was accepted.
                        said = Box::pin(async { Some("connection reset by peer".to_owned()) });
                    }
                    End::IsSilent => guard = Some(theirs),
                    End::Closes => drop(theirs),
                    End::ClosesWith(why) => {
                        drop(theirs);
                        said = Box::pin(async move {
                            tokio::time::sleep(MOMENT / 5).await;
                            Some(why.to_owned())
                        });
                    }
                    End::IsRefused(why) => {
                        guard = Some(theirs);
                        said = Box::pin(async move { Some(why.to_owned()) });
                    }
                    End::BreaksOff => said = Box::pin(async { None }),
                    End::IsNotOpened => return Err("no way".to_owned()),
                }
                Ok(Connection { stream: Box::new(ours), said: Some(said), guard: Box::new(guard) })
            })
        }

        fn situation(&self) -> BoxFuture<'_, Option<String>> {
            Box::pin(async { None })
        }
    }

    #[tokio::test]
    async fn only_what_is_reported_of_a_connection_says_that_nothing_accepts_it() {
        let refused = |why: &str| Err(NoConnection::Refused(why.to_owned()));
        let unreached = |why: &str| Err(NoConnection::Unreached(why.to_owned()));
        for (end, expected) in [
            (End::Speaks, Ok(())),
            (End::IsSilent, Ok(())),
            (End::Closes, Ok(())),
            (End::ClosesWith("connection refused"), refused("connection refused")),
            (End::IsRefused("connection refused"), refused("connection refused")),
            (End::BreaksOff, unreached("the way to it broke off")),
            (End::IsNotOpened, unreached("no way")),
        ] {
            assert_eq!(connect(&Scripted(end)).await, expected, "{end:?}");
        }
    }
}
