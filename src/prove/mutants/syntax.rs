//! [`Syntax`]: how a file is changed, by its name and what is in it.

use std::path::Path;

use crate::documents::Format;

/// How a file is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// YAML.
    Yaml,
    /// YAML with the actions of a chart's template in it.
    Template,
    /// JSON.
    Json,
    /// A name, `=` and a value a line.
    Pairs,
    /// A Dockerfile.
    Dockerfile,
    /// A `.dockerignore`.
    Dockerignore,
    /// Markdown.
    Markdown,
    /// A program.
    Code(Comments),
    /// Anything else.
    Text,
}

/// How a program is commented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comments {
    /// What begins a comment that ends with its line.
    pub(super) line: &'static str,
    /// What begins and ends one of several lines, or what stands for one.
    pub(super) block: (&'static str, &'static str),
}

const SLASHES: Comments = Comments { line: "//", block: ("/*", "*/") };
const HASH: Comments = Comments { line: "#", block: ("\"\"\"", "\"\"\"") };

impl Syntax {
    /// The syntax of the file `name` with this text.
    pub(super) fn of(name: &Path, text: &str) -> Self {
        let extension = name.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_template = name.components().any(|part| part.as_os_str() == "templates") && text.contains("{{");
        match Format::of(name) {
            Format::Yaml if is_template => Self::Template,
            Format::Yaml => Self::Yaml,
            Format::Json => Self::Json,
            Format::Toml | Format::Env => Self::Pairs,
            Format::Dockerfile => Self::Dockerfile,
            Format::Dockerignore => Self::Dockerignore,
            Format::Markdown => Self::Markdown,
            Format::Text => match extension {
                "tpl" => Self::Template,
                "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" | "go" | "rs" | "java" | "kt" | "c"
                | "h" | "cpp" | "cs" | "php" | "swift" | "scala" => Self::Code(SLASHES),
                "py" | "pyi" | "rb" | "sh" | "bash" | "mk" | "tf" | "pl" | "r" => Self::Code(HASH),
                _ => Self::Text,
            },
        }
    }
}
