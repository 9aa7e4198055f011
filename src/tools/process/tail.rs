//! [`Tail`]: the end of a program's output, for the failure that shows it.

use std::collections::VecDeque;

/// How many of the last lines a failure shows.
const TAIL_LINES: usize = 20;

/// How many bytes of a line are kept for a failure. What is shown is cut much shorter, but only after secrets are masked:
/// half of one would not be known any more.
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
        for &byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.open);
                    if self.lines.len() == TAIL_LINES {
                        self.lines.pop_front();
                    }
                    self.lines.push_back(line);
                }
                // A progress bar that redraws itself: what it draws next replaces it.
                b'\r' => self.open.clear(),
                _ if self.open.len() < TAIL_LINE_BYTES => self.open.push(byte),
                _ => {}
            }
        }
    }

    /// The lines so far, the open one last.
    pub(super) fn lines(&self) -> Vec<String> {
        let open = Some(&self.open).filter(|line| !line.is_empty());
        self.lines.iter().chain(open).map(|line| String::from_utf8_lossy(line).trim_end().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
