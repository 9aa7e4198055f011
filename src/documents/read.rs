//! [`Document::read`]: a file is read in its format.

use super::document::{Document, Source};
use super::format::Format;
use super::{dockerfile, dockerignore, env_file, json, markdown, text, toml, yaml};

impl Document {
    /// Reads a file, or says what is wrong with it, with the line where it can.
    pub fn read(format: Format, source: Source<'_>) -> Result<Self, String> {
        let mut document = match format {
            Format::Yaml => yaml::read(source.text),
            Format::Json => json::read(source.text),
            Format::Toml => toml::read(source.text),
            Format::Dockerfile => dockerfile::read(source.text),
            Format::Dockerignore => dockerignore::read(source.text),
            Format::Env => env_file::read(source),
            Format::Markdown => Ok(markdown::read(source)),
            Format::Text => Ok(text::read(source.text)),
        }?;
        document.extras.extend(text::extras(source.text));
        if format == Format::Env && env_file::is_private(source.name) {
            document.extras.iter_mut().for_each(|(_, tree)| tree.hide());
        }
        Ok(document)
    }
}
