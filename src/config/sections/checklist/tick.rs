//! [`tick`]: the boxes of a checklist, as its items were proven.

use std::collections::BTreeMap;

use super::boxes::{self, Mark};

/// The text of a checklist with other boxes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewBoxes {
    /// The text. Only bytes within boxes differ.
    pub(crate) text: String,
    /// How many boxes have a tick now and had none.
    pub(crate) n_added: usize,
    /// How many boxes have lost their tick.
    pub(crate) n_cleared: usize,
}

/// Ticks the boxes of `text` on the `lines`, counted from 1, or takes their tick away. Returns the number of a line
/// that has no box.
pub(crate) fn tick(text: &str, lines: &BTreeMap<usize, bool>) -> Result<NewBoxes, usize> {
    let mut found = BTreeMap::new();
    let (mut at, mut line) = (0, 1);
    for item in boxes::find(text).lines.iter().filter(|item| item.mark == Ok(Mark::Plain)) {
        line += text[at..item.at].matches('\n').count();
        at = item.at;
        // The byte after the bracket.
        found.insert(line, item.at + 1);
    }
    let mut boxes = NewBoxes { text: text.to_owned(), n_added: 0, n_cleared: 0 };
    for (line, wanted) in lines {
        let at = *found.get(line).ok_or(*line)?;
        let has = &text[at..=at] != " ";
        if has != *wanted {
            boxes.text.replace_range(at..=at, if *wanted { "x" } else { " " });
            *(if *wanted { &mut boxes.n_added } else { &mut boxes.n_cleared }) += 1;
        }
    }
    Ok(boxes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bytes_in_boxes_change() {
        let text = "# A [x] b\r\n\r\n- [ ] one [ ]\r\n  * [X] two\r\n1. [x] three — ü\n- [-] four\n> - [ ]* 5 five\n";
        let lines = BTreeMap::from([(3, true), (4, true), (5, false), (7, true)]);
        let ticked = tick(text, &lines).unwrap();
        assert_eq!(
            ticked.text,
            "# A [x] b\r\n\r\n- [x] one [ ]\r\n  * [X] two\r\n1. [ ] three — ü\n- [-] four\n> - [x]* 5 five\n"
        );
        assert_eq!((ticked.n_added, ticked.n_cleared), (2, 1));
        // Once more changes nothing.
        let again = tick(&ticked.text, &lines).unwrap();
        assert_eq!((again.text, again.n_added, again.n_cleared), (ticked.text, 0, 0));
    }

    #[test]
    fn a_line_without_a_box_is_told() {
        for line in [1, 2, 4] {
            assert_eq!(tick("text\n- [~] a\n- [ ] b\n", &BTreeMap::from([(line, true)])), Err(line));
        }
    }
}
