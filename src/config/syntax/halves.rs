//! [`read_in_halves`]: many parts of a file, read by two threads.

use std::sync::Arc;

use super::diagnostic::Report;
use crate::threads::in_halves;

/// Returns what `read` makes of `parts`. Of many, a thread beside this one reads the second half; `report` then has
/// what was found in the first half before what was found in the second.
pub(crate) fn read_in_halves<Part: Send, Read: Send>(
    report: &Report,
    parts: Vec<Part>,
    read: impl Fn(&Report, Vec<Part>) -> Vec<Read> + Sync,
) -> Vec<Read> {
    let source = report.source();
    let ((mut all, found), others) = in_halves(parts, |parts| {
        let report = Report::new(Arc::clone(source));
        (read(&report, parts), report)
    });
    report.take_in(found);
    if let Some((others, found)) = others {
        report.take_in(found);
        all.extend(others);
    }
    all
}
