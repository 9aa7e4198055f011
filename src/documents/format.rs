//! [`Format`]: how a file is read, by its name.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// YAML, one document or many.
    Yaml,
    /// JSON.
    Json,
    /// TOML.
    Toml,
    /// A Dockerfile.
    Dockerfile,
    /// A `.dockerignore`.
    Dockerignore,
    /// Variables: `NAME=value`.
    Env,
    /// Markdown.
    Markdown,
    /// Lines of text.
    Text,
}

impl Format {
    /// The format of the file `name`.
    pub fn of(name: &Path) -> Self {
        let file = name.file_name().map(|file| file.to_string_lossy().to_lowercase()).unwrap_or_default();
        let is_dockerfile = ["dockerfile", "containerfile"]
            .iter()
            .any(|kind| file == *kind || file.starts_with(&format!("{kind}.")) || file.ends_with(&format!(".{kind}")));
        if file.ends_with(".dockerignore") || file == ".containerignore" {
            return Self::Dockerignore;
        }
        if is_dockerfile {
            return Self::Dockerfile;
        }
        if file.starts_with(".env.") {
            return Self::Env;
        }
        match file.rsplit_once('.').map(|(_, extension)| extension) {
            Some("env") => Self::Env,
            Some("yaml" | "yml") => Self::Yaml,
            Some("json") => Self::Json,
            Some("toml") => Self::Toml,
            Some("md" | "markdown") => Self::Markdown,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_by_its_name() {
        for (name, format) in [
            ("k8s/backend.yaml", Format::Yaml),
            ("docker-compose.yml", Format::Yaml),
            ("package.json", Format::Json),
            ("pyproject.toml", Format::Toml),
            ("backend/Dockerfile", Format::Dockerfile),
            ("Dockerfile.dev", Format::Dockerfile),
            ("web.Dockerfile", Format::Dockerfile),
            ("backend/.dockerignore", Format::Dockerignore),
            ("Dockerfile.dockerignore", Format::Dockerignore),
            (".env", Format::Env),
            (".env.example", Format::Env),
            ("prod.env", Format::Env),
            ("README.md", Format::Markdown),
            ("next.config.js", Format::Text),
            ("Makefile", Format::Text),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }
}
