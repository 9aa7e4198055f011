//! What holds for the shell scripts of this project.

use super::texts;

/// Programs that stop reading before their input ends, as the part of a pipe.
const LEAVE_EARLY: &[&str] = &["| head", "| grep -q", "| grep -m"];

/// With `pipefail`, a pipe fails when its reader leaves early and the writer is not finished yet: `sort | head` with
/// exit code 141, and only sometimes. `sed -n 1p`, `awk 'NR <= 10'` and `grep … >/dev/null` read to the end.
#[test]
fn no_part_of_a_pipe_leaves_before_the_one_that_writes_to_it() {
    let mut wrong = Vec::new();
    let mut scripts = 0;
    for (path, text) in texts() {
        let shebang = text.lines().next().unwrap_or_default();
        if !(shebang.starts_with("#!") && shebang.contains("sh") || path.extension().is_some_and(|it| it == "sh")) {
            continue;
        }
        scripts += 1;
        for (number, line) in text.lines().enumerate() {
            // `||` is no pipe, and `yes` has no end: to be cut off is what it is for.
            let line = line.replace("||", "").replace("yes | head", "").replace(r"yes \\| head", "");
            if LEAVE_EARLY.iter().any(|reader| line.contains(reader)) {
                wrong.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(scripts > 20, "only {scripts} scripts were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
