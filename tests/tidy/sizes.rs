//! Nothing grows beyond what one sitting can read: files, functions, lines.

use regex::Regex;

use crate::{SETTLED, sources};

/// Most lines of a source file, comments and unit tests included. Files named `tests.rs` hold only unit tests and are
/// exempt.
const MAX_FILE_LINES: usize = 400;

/// Most lines of a function, from its signature to its closing brace, without blank lines and lines that are comments.
const MAX_FUNCTION_LINES: usize = 80;

/// Most columns of a line that is a comment; rustfmt holds code to the same width and leaves comments alone.
const MAX_COMMENT_COLUMNS: usize = 120;

#[test]
fn files_functions_and_comments_stay_readable() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            let n_lines = text.lines().count();
            if n_lines > MAX_FILE_LINES && !path.ends_with("tests.rs") {
                wrong.push(format!("{path}: {n_lines} lines, more than {MAX_FILE_LINES}"));
            }
            if !SETTLED.iter().any(|settled| path.starts_with(settled)) {
                continue;
            }
            for (name, line, n_lines) in functions(&text) {
                if n_lines > MAX_FUNCTION_LINES {
                    wrong.push(format!("{path}:{line}: `{name}` has {n_lines} lines, more than {MAX_FUNCTION_LINES}"));
                }
            }
            for (number, line) in text.lines().enumerate() {
                if line.trim_start().starts_with("//") && line.chars().count() > MAX_COMMENT_COLUMNS {
                    wrong.push(format!("{path}:{}: a comment wider than {MAX_COMMENT_COLUMNS} columns", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_function_is_measured_from_its_signature_to_its_closing_brace() {
    let text =
        "    fn short() {}\n    pub async fn long(\n        a: u8,\n    ) {\n        // Why.\n\n        a;\n    }\n";
    assert_eq!(functions(text), [("short".to_owned(), 1, 1), ("long".to_owned(), 2, 5)]);
}

/// The functions of a file: name, number of the first line, lines of code. As rustfmt sets them: the closing brace of a
/// function stands in the column of its first line.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let signature = Regex::new(r"^(\s*)(?:pub(?:\([^)]*\))? )?(?:const )?(?:async )?fn (\w+)").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("fn ")) {
        let Some(start) = signature.captures(line) else { continue };
        let (end, end_of_declaration) = (format!("{}}}", &start[1]), format!("{});", &start[1]));
        let one_line = line.ends_with('}') || line.ends_with(';');
        let is_last = |line: &&str| *line == end || line.starts_with(&end_of_declaration);
        let length = if one_line { 0 } else { lines[at..].iter().position(is_last).unwrap_or(0) };
        let is_code = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        found.push((start[2].to_owned(), at + 1, lines[at..=at + length].iter().filter(is_code).count()));
    }
    found
}
