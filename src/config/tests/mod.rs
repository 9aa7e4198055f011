//! `load` as a whole: pipelines from valid files, errors in invalid ones.

mod actions;
mod errors;
mod expressions;
mod files;
mod hostile;
mod references;
mod releases;
mod scripts;
mod settings;
mod valid;

use std::path::Path;

use super::{Diagnostics, LoadOptions, Loaded, load};
use crate::pipeline::{Outputs, Pipeline, Step};
use actions::ACTIONS;

/// A folder with a `pipeline.toml`, and options.
struct Project {
    dir: tempfile::TempDir,
    options: LoadOptions,
}

impl Project {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap(), options: LoadOptions::default() };
        project.with("pipeline.toml", text)
    }

    /// Adds a file.
    fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs_err::write(self.dir.path().join(name), text).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.options.env.insert(name.into(), value.into());
        self
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.options.set.push((name.into(), value.into()));
        self
    }

    fn profile(mut self, name: &str) -> Self {
        self.options.profile = Some(name.into());
        self
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn load(&self) -> Result<Loaded, Diagnostics> {
        load(&self.root().join("pipeline.toml"), &self.options, ACTIONS)
    }

    fn pipeline(&self) -> Pipeline {
        match self.load() {
            Ok(loaded) => loaded.pipeline,
            Err(errors) => panic!("{}", errors.render(false)),
        }
    }

    /// Returns the errors, as the user sees them.
    fn errors(&self) -> String {
        let errors = self.load().map(|loaded| loaded.pipeline).expect_err("it loads");
        self.shown(&errors)
    }

    fn shown(&self, diagnostics: &Diagnostics) -> String {
        let folder = format!("{}/", self.root().display());
        diagnostics.render(false).replace(&folder, "")
    }
}

/// Returns the errors of a file with the stages `text`.
fn stages(text: &str) -> String {
    Project::new(with_header(text)).errors()
}

/// Returns a file with the stages `text`.
fn with_header(text: &str) -> String {
    format!("[pipeline]\nname = \"p\"\n{text}")
}

fn step<'a>(pipeline: &'a Pipeline, id: &str) -> &'a Step {
    pipeline.steps().find(|step| step.id.as_str() == id).unwrap()
}

/// Returns the action of a step without outputs in its settings, in debug format.
fn action(pipeline: &Pipeline, id: &str) -> String {
    format!("{:?}", step(pipeline, id).binding.action(&Outputs::default()).unwrap())
}
