//! [`in_halves`]: many parts of a file, read by two threads.

use std::sync::Arc;

use super::diagnostic::Report;
use crate::heap;

/// From how many parts on a second thread pays.
const MIN_PARTS_TO_SHARE: usize = 100;

/// Returns what `read` makes of `parts`. Of many, a thread beside this one reads the second half; `report` then has
/// what was found in the first half before what was found in the second.
pub(crate) fn in_halves<Part: Send, Read: Send>(
    report: &Report,
    mut parts: Vec<Part>,
    read: impl Fn(&Report, Vec<Part>) -> Vec<Read> + Sync,
) -> Vec<Read> {
    if parts.len() < MIN_PARTS_TO_SHARE {
        return read(report, parts);
    }
    let others = parts.split_off(parts.len() / 2);
    let source = Arc::clone(report.source());
    let read = &read;
    std::thread::scope(|threads| {
        let beside = threads.spawn(move || {
            heap::prepare();
            let report = Report::new(source);
            (read(&report, others), report)
        });
        let mut all = read(report, parts);
        let (others, others_report) = beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        report.take_in(others_report);
        all.extend(others);
        all
    })
}
