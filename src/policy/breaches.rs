//! [`breach`]: lines that break a rule about files, to see that a check of it can fail. None stands here as it is: this
//! file would break the rules itself.

use super::leftovers;
use super::rule::{Check, Rule};
use super::source::extension;

/// Lines that break `rule` when they stand at the end of the file `path`; `None` if the rule is not about this file.
pub fn breach(rule: &Rule, path: &str) -> Option<String> {
    match rule.check {
        Check::Files { applies, .. } if applies(path) => {}
        _ => return None,
    }
    match rule.id {
        "yaml-indent-2" => Some("indented:\n    by: four\n".into()),
        "no-debug-leftovers" => leftover(extension(path)),
        "no-open-work" => Some(format!("{} {}{}: the rest\n", leftovers::comment_mark(path)?, "TO", "DO")),
        "no-conflict-marks" => Some(format!("{} ours\n{}\n{} theirs\n", "<".repeat(7), "=".repeat(7), ">".repeat(7))),
        "no-secret-in-tree" => Some(format!("{}{}\n", "AKIA", "Q3ZJ7XWD5KYTB2NV")),
        _ => None,
    }
}

/// What a search for a fault leaves in a file of this kind.
fn leftover(extension: &str) -> Option<String> {
    let line = match extension {
        "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" => "debugger;",
        "py" | "pyi" => "breakpoint()",
        "go" => "func init() { spew.Dump(1) }",
        "rs" => return Some(format!("fn left() {{ {}!(1); }}\n", "dbg")),
        "rb" => "binding.pry",
        "php" => "var_dump(1);",
        "sh" | "bash" => "set -x",
        _ => return None,
    };
    Some(format!("{line}\n"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::leaks::{DeclaredSecrets, Scanner};
    use crate::policy::{RULES, SourceFile};

    #[test]
    fn every_rule_about_files_notices_its_breach_and_nothing_else() {
        let mut scanner = Scanner::new(Arc::new(DeclaredSecrets::default()));
        let files = [
            ("a.yaml", "a:\n  b: 1\n"),
            ("a.py", "x = 1\n"),
            ("a.ts", "x();\n"),
            ("a.go", "package a\n"),
            ("a.rs", "fn a() {}\n"),
            ("a.rb", "x\n"),
            ("a.php", "<?php x();\n"),
            ("a.sh", "x\n"),
            ("Dockerfile", "FROM x\n"),
        ];
        for rule in RULES {
            let Check::Files { check, .. } = rule.check else { continue };
            let mut n_broken = 0;
            for (path, text) in files {
                let Some(lines) = breach(rule, path) else { continue };
                assert!(check(&SourceFile::new(path, text), &mut scanner).is_empty(), "{}: {path}", rule.id);
                let broken = check(&SourceFile::new(path, format!("{text}{lines}")), &mut scanner);
                assert!(!broken.is_empty(), "{}: {path}", rule.id);
                n_broken += 1;
            }
            assert!(n_broken > 0, "`{}` has no breach", rule.id);
        }
    }
}
