//! [`Tail`]: the end of a program's output, for the failure that shows it.

use std::collections::VecDeque;

/// How many of the last lines a failure shows.
const TAIL_LINES: usize = 20;

/// How many bytes of a line are kept for a failure. What is shown is cut much shorter, but only after secrets are
/// masked: half of one would not be known any more.
const TAIL_LINE_BYTES: usize = 16 << 10;

/// The last lines of an output, each cut to a readable length.
#[derive(Debug, Default)]
pub(super) struct Tail {
    lines: VecDeque<Vec<u8>>,
    open: Vec<u8>,
}

impl Tail {
    /// Takes in output as it comes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Of a flood only the end is read.
        let ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        let bytes = match ends.take(TAIL_LINES + 1).nth(TAIL_LINES) {
            Some(before) => {
                self.lines.clear();
                self.open.clear();
                &bytes[before + 1..]
            }
            None => bytes,
        };
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let open = lines.next_back().unwrap_or_default();
        for line in lines {
            extend_line(&mut self.open, line, TAIL_LINE_BYTES);
            if self.lines.len() == TAIL_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(std::mem::take(&mut self.open));
        }
        extend_line(&mut self.open, open, TAIL_LINE_BYTES);
    }

    /// The lines so far, the open one last.
    pub(super) fn lines(&self) -> Vec<String> {
        let open = Some(&self.open).filter(|line| !line.is_empty());
        self.lines.iter().chain(open).map(|line| String::from_utf8_lossy(line).trim_end().to_owned()).collect()
    }
}

/// Appends a part of a line to the `open` one, up to `limit` bytes of it. A carriage return makes what comes next
/// replace it, as on a terminal: a progress bar that redraws itself keeps its last state. One at the end stays until
/// then: it may be part of the line's end.
pub fn extend_line(open: &mut Vec<u8>, part: &[u8], limit: usize) {
    if open.last() == Some(&b'\r') && !part.is_empty() {
        open.clear();
    }
    let end = part.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
    let (mut text, returns) = (&part[..end], end < part.len());
    if let Some(at) = text.iter().rposition(|byte| *byte == b'\r') {
        open.clear();
        text = &text[at + 1..];
    }
    let room = limit.saturating_sub(open.len());
    open.extend_from_slice(&text[..text.len().min(room)]);
    if returns {
        open.push(b'\r');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrawn_line_keeps_its_last_state() {
        let mut open = Vec::new();
        for part in [b"10%\r20".as_slice(), b"%\r", b"", b"30%\r", b"40%", b" done"] {
            extend_line(&mut open, part, 6);
        }
        assert_eq!(open, b"40% do");
        extend_line(&mut open, b"\r", 6);
        assert_eq!(open, b"40% do\r", "the line's end may follow");
    }

    #[test]
    fn a_flood_leaves_the_same_tail_however_it_comes() {
        let text: Vec<u8> = (0..100).flat_map(|n| format!("{n}\r\n").into_bytes()).chain(*b"end").collect();
        let (mut whole, mut bytes) = (Tail::default(), Tail::default());
        whole.push(&text);
        text.chunks(3).for_each(|chunk| bytes.push(chunk));
        assert_eq!(whole.lines(), bytes.lines());
        assert_eq!(whole.lines()[..2], ["80", "81"]);
        assert_eq!(whole.lines()[19..], ["99", "end"]);
    }

    #[test]
    fn the_tail_keeps_the_last_lines_and_the_last_redraw() {
        let mut tail = Tail::default();
        for n in 0..30 {
            tail.push(format!("{n}\n").as_bytes());
        }
        tail.push(b"10%\r20%");
        let lines = tail.lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[20].as_str()), (21, "10", "20%"));
    }
}
