//! Named places at which a test can have the process killed, as if by `kill -9`: `PROVISION_FAIL=NAME#N` kills it when
//! it comes to NAME for the N-th time. Does nothing in a release build.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What `PROVISION_FAIL` says: a name, and at which visit.
static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();

static VISITS: AtomicU32 = AtomicU32::new(0);

/// The process has come to `name`.
pub fn hit(name: &str) {
    if !cfg!(debug_assertions) {
        return;
    }
    let wanted = WANTED.get_or_init(|| parse(&std::env::var("PROVISION_FAIL").ok()?));
    if let Some((wanted, visit)) = wanted
        && wanted == name
        && VISITS.fetch_add(1, Ordering::SeqCst) + 1 == *visit
    {
        // There is nothing to say should that fail, and it can't: it is our own process.
        let _sent = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

fn parse(text: &str) -> Option<(String, u32)> {
    let (name, visit) = text.split_once('#')?;
    Some((name.to_owned(), visit.parse().ok()?))
}
