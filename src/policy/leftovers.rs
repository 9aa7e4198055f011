//! What stays behind when somebody searched for a fault: a table of the languages, and what in each is no part of a
//! finished program.

use std::sync::LazyLock;

use regex::Regex;

use super::rule::Spot;
use super::source::{SourceFile, extension, file_name};
use super::split::{Syntax, split};
use crate::leaks::Scanner;

const C_LIKE: Syntax =
    Syntax { line_comments: &["//"], block_comments: &[("/*", "*/")], quotes: &["\"\"\"", "\"", "'", "`"] };
/// Rust and its kin use `'` for lifetimes and labels as well.
const RUST: Syntax = Syntax { line_comments: &["//"], block_comments: &[("/*", "*/")], quotes: &["\""] };
const HASH: Syntax = Syntax { line_comments: &["#"], block_comments: &[], quotes: &["\"\"\"", "'''", "\"", "'"] };
const PHP: Syntax = Syntax { line_comments: &["//", "#"], block_comments: &[("/*", "*/")], quotes: &["\"", "'"] };

/// A language: how it is written, and what is left over in it.
struct Language {
    extensions: &'static [&'static str],
    syntax: Syntax,
    /// Regular expressions over a line of code, and what a match is called.
    leftovers: &'static [(&'static str, &'static str)],
    /// What is left over in a library, and in a program that people call what it says to them.
    output: &'static [(&'static str, &'static str)],
}

static LANGUAGES: &[Language] = &[
    Language {
        extensions: &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte"],
        syntax: C_LIKE,
        leftovers: &[
            (r"\bconsole\s*\.\s*(?:debug|dir|trace|table)\s*\(", "`console.debug(` or its kin"),
            (r"(?:^|[\s;{}])debugger\s*(?:;|$)", "`debugger`"),
            (r"(?:^|[^.\w])(?:window\s*\.\s*)?alert\s*\(", "`alert(`"),
        ],
        output: &[(r"\bconsole\s*\.\s*log\s*\(", "`console.log(`")],
    },
    Language {
        extensions: &["py", "pyi"],
        syntax: HASH,
        leftovers: &[
            (r"(?:^|[^.\w])breakpoint\s*\(", "`breakpoint(`"),
            (r"\b(?:i?pdb|pudb)\s*\.\s*set_trace\s*\(", "`pdb.set_trace(`"),
            (r"^\s*(?:import|from)\s+(?:i?pdb|pudb)\b", "an import of a debugger"),
        ],
        output: &[(r"(?:^|[^.\w])p?print\s*\(", "`print(`")],
    },
    Language {
        extensions: &["go"],
        syntax: C_LIKE,
        leftovers: &[(r"\bspew\.Dump\s*\(", "`spew.Dump(`"), (r"(?:^|[^.\w])println\s*\(", "`println(`")],
        output: &[],
    },
    Language {
        extensions: &["rs"],
        syntax: RUST,
        leftovers: &[
            (r"\bdbg[!]\s*\(", "the macro `dbg`"),
            (r"\b(?:todo|unimplemented)[!]\s*[(\[{]", "code that is still to be written"),
        ],
        output: &[],
    },
    Language {
        extensions: &["rb"],
        syntax: HASH,
        leftovers: &[(r"\bbinding\.(?:pry|irb)\b", "`binding.pry`"), (r"^\s*(?:byebug|debugger)\s*$", "`byebug`")],
        output: &[],
    },
    Language {
        extensions: &["php"],
        syntax: PHP,
        leftovers: &[(r"(?:^|[^>:\w])(?:var_dump|print_r|dd)\s*\(", "`var_dump(` or its kin")],
        output: &[],
    },
    Language {
        extensions: &["java", "kt", "kts", "scala", "groovy"],
        syntax: C_LIKE,
        leftovers: &[(r"\.printStackTrace\s*\(\s*\)", "`printStackTrace()`")],
        output: &[(r"\bSystem\s*\.\s*out\s*\.\s*print", "`System.out.print`")],
    },
    Language {
        extensions: &["cs"],
        syntax: C_LIKE,
        leftovers: &[(r"\bDebugger\s*\.\s*(?:Break|Launch)\s*\(", "`Debugger.Break(`")],
        output: &[],
    },
    Language {
        extensions: &["sh", "bash"],
        syntax: HASH,
        leftovers: &[(r"^\s*set\s+(?:-[a-zA-Z]*x[a-zA-Z]*\b|-o\s+xtrace)", "`set -x`")],
        output: &[],
    },
];

/// What is no program and has comments.
const WITH_COMMENTS: &[&str] = &["yaml", "yml", "toml", "tf", "cfg", "conf", "ini", "mk", "dockerfile"];
const NAMES_WITH_COMMENTS: &[&str] = &["Dockerfile", "Containerfile", "Makefile"];

/// Words that mark work that is not done. As a class of one letter each, because a file with them would be a finding.
static MARKS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(?:TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b(?:\s*[:(]|\s|$)").ok());

type Patterns = Vec<(Regex, &'static str)>;

/// The patterns of each language: those for every file, and those for what is no program.
static PATTERNS: LazyLock<Vec<(Patterns, Patterns)>> = LazyLock::new(|| {
    let compile = |table: &[(&str, &'static str)]| {
        table.iter().filter_map(|(pattern, what)| Some((Regex::new(pattern).ok()?, *what))).collect::<Patterns>()
    };
    LANGUAGES.iter().map(|language| (compile(language.leftovers), compile(language.output))).collect()
});

fn language(path: &str) -> Option<usize> {
    let extension = extension(path);
    // A minified file is what a tool made of others.
    let is_generated = file_name(path).contains(".min.");
    LANGUAGES.iter().position(|language| language.extensions.contains(&extension)).filter(|_| !is_generated)
}

pub(super) fn is_code(path: &str) -> bool {
    language(path).is_some()
}

/// Whether the output of this code is for the person who runs it.
fn is_program(text: &str) -> bool {
    text.starts_with("#!")
        || ["__name__ == \"__main__\"", "__name__ == '__main__'"].iter().any(|main| text.contains(main))
}

pub(super) fn no_debug_leftovers(file: &SourceFile, _: &mut Scanner) -> Vec<Spot> {
    let (Some(number), Some(text)) = (language(file.path()), file.text()) else { return Vec::new() };
    let (always, in_libraries) = &PATTERNS[number];
    let patterns = || always.iter().chain(in_libraries.iter().filter(|_| !is_program(text)));
    let code = split(text, &LANGUAGES[number].syntax).code;
    let mut spots = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let found = patterns().filter(|(pattern, _)| pattern.is_match(line));
        spots.extend(found.map(|(_, what)| Spot::at(index, *what)));
    }
    spots
}

fn syntax(path: &str) -> Option<&'static Syntax> {
    let has_comments = WITH_COMMENTS.contains(&extension(path))
        || NAMES_WITH_COMMENTS.iter().any(|name| file_name(path).starts_with(name));
    match language(path) {
        Some(number) => Some(&LANGUAGES[number].syntax),
        None => has_comments.then_some(&HASH),
    }
}

pub(super) fn has_comments(path: &str) -> bool {
    syntax(path).is_some()
}

/// What begins a comment in this file.
pub(super) fn comment_mark(path: &str) -> Option<&'static str> {
    syntax(path)?.line_comments.first().copied()
}

pub(super) fn no_open_work(file: &SourceFile, _: &mut Scanner) -> Vec<Spot> {
    let (Some(syntax), Some(text), Some(marks)) = (syntax(file.path()), file.text(), &*MARKS) else {
        return Vec::new();
    };
    let comments = split(text, syntax).comments;
    let lines = comments.lines().enumerate().filter_map(|(index, line)| Some((index, marks.find(line)?)));
    lines
        .map(|(index, mark)| Spot::at(index, format!("`{}`", mark.as_str().trim_end_matches([' ', ':', '(']))))
        .collect()
}

/// What git writes where it can't merge.
const CONFLICT: &[&str] = &["<<<<<<< ", ">>>>>>> ", "||||||| "];

pub(super) fn no_conflict_marks(file: &SourceFile, _: &mut Scanner) -> Vec<Spot> {
    let lines = file.text().unwrap_or_default().lines().enumerate();
    let marked = lines.filter(|(_, line)| CONFLICT.iter().any(|mark| line.starts_with(mark)));
    marked.map(|(index, line)| Spot::at(index, format!("`{}`", &line[..7]))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::leaks::DeclaredSecrets;

    fn found(check: fn(&SourceFile, &mut Scanner) -> Vec<Spot>, path: &str, text: &str) -> Vec<u64> {
        let mut scanner = Scanner::new(Arc::new(DeclaredSecrets::default()));
        check(&SourceFile::new(path, text), &mut scanner).into_iter().map(|spot| spot.line).collect()
    }

    #[test]
    fn every_pattern_is_a_regular_expression() {
        for ((always, output), language) in PATTERNS.iter().zip(LANGUAGES) {
            assert_eq!((always.len(), output.len()), (language.leftovers.len(), language.output.len()));
        }
        assert!(MARKS.is_some());
    }

    #[test]
    fn what_a_search_for_a_fault_leaves_is_found_in_each_language() {
        for (path, text, lines) in [
            ("a.ts", "x();\nconsole.log(x)\ndebugger;\nwindow.alert('x')\n", &[2, 3, 4][..]),
            ("a.jsx", "console . debug(1)\n", &[1]),
            ("a.py", "import pdb\npdb.set_trace()\nprint(1)\nbreakpoint()\n", &[1, 2, 3, 4]),
            ("a.go", "func f() { println(1); spew.Dump(x) }\n", &[1, 1]),
            ("a.rs", concat!("let x = dbg", "!(y);\n"), &[1]),
            ("a.rb", "binding.pry\nbyebug\n", &[1, 2]),
            ("a.php", "var_dump($x);\n", &[1]),
            ("A.java", "System.out.println(x);\ne.printStackTrace();\n", &[1, 2]),
            ("a.sh", "set -ex\nset -o xtrace\n", &[1, 2]),
        ] {
            assert_eq!(found(no_debug_leftovers, path, text), lines, "{path}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_left_alone() {
        for (path, text) in [
            (
                "a.ts",
                "// console.log(x)\nconst s = \"console.log(x)\";\nlogger.log(x); console.error(x);\nshowAlert(x)\n",
            ),
            ("a.tsx", "<p>Don't worry</p>\nconst debuggerOn = 1\n"),
            ("a.py", "# print(x)\nlog.print(x)\ndef f():\n    \"\"\"print(x)\n    breakpoint()\"\"\"\nblueprint(1)\n"),
            ("a.py", "#!/usr/bin/env python3\nprint(1)\n"),
            ("a.py", "if __name__ == \"__main__\":\n    print(1)\n"),
            ("a.go", "fmt.Println(x)\n"),
            ("a.rs", "fn f<'a>(x: &'a str) { println!(\"{x}\") }\n"),
            ("a.php", "$logger->dd($x); Foo::print_r($x);\n"),
            ("a.sh", "# set -x\nset -eu\nset -- -x\n"),
            ("a.md", "console.log(x)\n"),
            ("a.min.js", "console.log(x)"),
        ] {
            assert_eq!(found(no_debug_leftovers, path, text), [0; 0], "{path}: {text}");
        }
    }

    #[test]
    fn open_work_is_found_in_comments_alone() {
        let mark = concat!("TO", "DO");
        assert_eq!(found(no_open_work, "a.py", &format!("x = 1\n# {mark}: later\ny = '{mark}'\n")), [2]);
        assert_eq!(found(no_open_work, "Dockerfile.dev", &format!("FROM x\n# {mark}(me) later\n")), [2]);
        assert_eq!(found(no_open_work, "a.ts", &format!("/* a\n * {mark} b */\nconst {mark} = 1;\n")), [2]);
        assert_eq!(found(no_open_work, "a.py", "# the list of todos\n"), [0; 0]);
        assert_eq!(found(no_open_work, "a.bin", &format!("# {mark}: x")), [0; 0]);
    }

    #[test]
    fn conflicts_are_found() {
        let text = format!("a\n{0} HEAD\nb\n=======\nc\n{1} other\n", "<".repeat(7), ">".repeat(7));
        assert_eq!(found(no_conflict_marks, "a.md", &text), [2, 6]);
        assert_eq!(found(no_conflict_marks, "a.md", "Title\n=======\n"), [0; 0]);
    }
}
