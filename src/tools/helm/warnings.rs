//! What helm warns of, taken from its output while it passes.

use std::sync::{Arc, Mutex, PoisonError};

use crate::tools::Cancel;
use crate::tools::process::{ChildRegistry, ProcessObserver, extend_line};

/// Most bytes of a line that may be a warning.
const MAX_LINE: usize = 2000;

/// Passes helm's output on, and tells the host of each warning in it.
pub(super) struct Listener<'a> {
    host: &'a dyn ProcessObserver,
    open: Mutex<Vec<u8>>,
}

impl<'a> Listener<'a> {
    pub(super) fn of(host: &'a dyn ProcessObserver) -> Self {
        Self { host, open: Mutex::default() }
    }
}

impl ProcessObserver for Listener<'_> {
    fn output(&self, bytes: &[u8]) {
        self.host.output(bytes);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            extend_line(&mut open, &rest[..end], MAX_LINE);
            if let Some(warning) = warning(&String::from_utf8_lossy(&open)) {
                self.host.warned(warning);
            }
            open.clear();
            rest = &rest[end + 1..];
        }
        extend_line(&mut open, rest, MAX_LINE);
    }

    fn started(&self, pid: u32) {
        self.host.started(pid);
    }

    fn ended(&self, pid: u32) {
        self.host.ended(pid);
    }

    fn cancel(&self) -> &Cancel {
        self.host.cancel()
    }

    fn children(&self) -> &Arc<ChildRegistry> {
        self.host.children()
    }

    fn has_terminal(&self) -> bool {
        self.host.has_terminal()
    }

    fn warned(&self, warning: &str) {
        self.host.warned(warning);
    }
}

/// Returns what a line of helm's warns of. Helm has several ways: its own, that of its loggers, and that of the client
/// library, which passes on what the API server warns of.
fn warning(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some((level, text)) = line.split_once(": ")
        && level.eq_ignore_ascii_case("warning")
    {
        return Some(text.trim());
    }
    // `coalesce.go:286: warning: …`, with or without a time before it.
    if let Some((place, text)) = line.split_once(": warning: ") {
        let name = place.rsplit(' ').next().unwrap_or(place);
        return name.contains(".go:").then(|| text.trim());
    }
    // `level=WARN msg="…" …`
    if let Some((_, message)) = line.split_once("level=WARN msg=") {
        return Some(message.trim());
    }
    // `W1126 11:46:29.123456    4242 warnings.go:70] …`
    let (head, text) = line.split_once("] ")?;
    let date = head.strip_prefix('W')?.split(' ').next()?;
    let is_date = date.len() == 4 && date.bytes().all(|byte| byte.is_ascii_digit());
    (is_date && head.contains(".go:")).then(|| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::fake::FakeHost;

    #[test]
    fn a_line_that_warns_is_told_from_one_that_does_not() {
        let cases = [
            (
                "WARNING: Kubernetes configuration file is group-readable",
                Some("Kubernetes configuration file is group-readable"),
            ),
            ("Warning: spec.x is odd", Some("spec.x is odd")),
            (
                "coalesce.go:286: warning: cannot overwrite table with non table for a.b",
                Some("cannot overwrite table with non table for a.b"),
            ),
            ("2026/11/26 11:46:29 coalesce.go:286: warning: skipped", Some("skipped")),
            (
                "W1126 11:46:29.123456   42 warnings.go:70] unknown field \"spec.replica\"",
                Some("unknown field \"spec.replica\""),
            ),
            ("time=1 level=WARN msg=\"upgrade retained\" a=b", Some("\"upgrade retained\" a=b")),
            ("Hang tight while we grab the latest", None),
            ("I1126 11:46:29.1   42 x.go:1] fine", None),
            ("Warned: nobody", None),
            ("Words [a] b", None),
            ("make: warning: unrelated", None),
        ];
        for (line, expected) in cases {
            assert_eq!(warning(line), expected, "{line}");
        }
    }

    #[test]
    fn a_warning_is_heard_however_its_line_comes_and_everything_is_passed_on() {
        let host = FakeHost::default();
        let listener = Listener::of(&host);
        let text = "one\nWARNING: a\nWARNING: b\r\ntwo";
        for byte in text.as_bytes().chunks(1) {
            listener.output(byte);
        }
        assert_eq!(host.warnings(), ["a", "b"]);
        assert_eq!(host.shown(), text);
    }
}
