//! `file-check`: files are there and say what they should.

#[cfg(test)]
mod edits;
mod expectation;
mod proof;
#[cfg(test)]
mod tests;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, FileProof, Presence, ProjectFiles, StepContext, defaults};
use crate::documents::{Format, ObjectName};
use crate::error::{Failure, ids};
use crate::expr::{Assertion, Tree};
use crate::files::FileSet;
use crate::fingerprint::Inputs;
use crate::model::Output;
use crate::tools::blocking;
use expectation::{Expectation, Findings};

/// Settings of `file-check`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FileCheck {
    /// The file, or a glob: every file that it matches has to fulfil the expectations. Relative to the project.
    path: Option<String>,
    /// The same for several.
    #[serde(default)]
    paths: Vec<String>,
    /// Whether the file must exist; with `false` it must not.
    #[serde(default = "defaults::yes")]
    exists: bool,
    /// Texts that have to be in each file, as they are.
    #[serde(default)]
    contains: Vec<String>,
    /// Regular expressions that have to match in each file; `^` and `$` are the ends of a line.
    #[serde(default)]
    matches: Vec<String>,
    /// Texts that must not be in any file.
    #[serde(default)]
    absent: Vec<String>,
    /// Conditions on what each file says, read as YAML, JSON, TOML, a Dockerfile, a `.dockerignore`, `.env`, Markdown
    /// or text: `"spec.replicas == 2"`, `"user == 'nextjs'"`. docs/assertions.md has all names and functions.
    #[serde(default)]
    assert: Vec<Assertion>,
    /// The object of a YAML file with several documents that `assert` is about: `"Deployment/backend"`.
    object: Option<ObjectName>,
    /// How the files are read for `assert`; by their names by default.
    format: Option<Format>,
    /// Values for assertions, which know them as `given.NAME`: `given = { image = "${{ … }}" }`.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    given: toml::Table,
    /// Further files with expectations of their own.
    #[serde(default)]
    files: Vec<Expectation>,
}

impl ActionSettings for FileCheck {
    const NAME: &'static str = "file-check";
    const REVISION: u32 = 4;
    const SUMMARY: &'static str = "Checks that files are there, and what they say; names each expectation that is not met, with the line, what was \
         found and what was expected";
    const EXAMPLE: &'static str = "path = \"k8s/backend.yaml\"\nobject = \"Deployment/backend\"\nassert = [\n  \
        \"spec.replicas == 2\",\n  \"all(spec.template.spec.containers, imagePullPolicy == 'Never')\",\n]\n\
        files = [\n  { path = \"backend/Dockerfile\", assert = [\"user == 'app'\", \"8000 in ports\"], absent = [\":latest\"] },\n]";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("files", "how many files were checked")];

    fn validate(&self) -> Result<(), String> {
        let expectations = self.expectations();
        if expectations.is_empty() {
            return Err("`path`, `paths` or `files` has to name a file".into());
        }
        if self.path.is_none() && self.paths.is_empty() {
            let none = self.exists
                && self.contains.is_empty()
                && self.matches.is_empty()
                && self.absent.is_empty()
                && self.assert.is_empty()
                && self.object.is_none()
                && self.format.is_none();
            if !none {
                return Err("there is an expectation, and neither `path` nor `paths` says of what".into());
            }
        }
        expectations.iter().try_for_each(Expectation::validate)
    }
}

impl FileCheck {
    /// Every path with its expectations.
    fn expectations(&self) -> Vec<Expectation> {
        let own = self.path.iter().chain(&self.paths).map(|path| Expectation {
            path: path.clone(),
            exists: self.exists,
            contains: self.contains.clone(),
            matches: self.matches.clone(),
            absent: self.absent.clone(),
            assert: self.assert.clone(),
            object: self.object.clone(),
            format: self.format,
        });
        own.chain(self.files.iter().cloned()).collect()
    }

    /// The values that assertions know as `given`.
    fn given(&self) -> Result<Option<Tree>, Failure> {
        Tree::given(&self.given).map_err(Failure::failed)
    }
}

/// Checking files is cheap, and only what they say decides the result: it is the step's inputs, so that the step is
/// fresh while it is unchanged. Of files that only have to be there, that is their names.
impl Action for FileCheck {
    fn reads(&self) -> Vec<&str> {
        let more = self.files.iter().map(|expectation| &expectation.path);
        self.path.iter().chain(&self.paths).chain(more).map(String::as_str).collect()
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for expectation in self.expectations() {
                if expectation.only_exists() {
                    let (root, label) = (cx.tools().root().to_owned(), format!("files {}", expectation.path));
                    inputs.text(label, &blocking(move || expectation.present(&root)).await?);
                    continue;
                }
                let set = FileSet::glob(cx.tools().root(), &expectation.path, &[]).map_err(Failure::failed)?;
                inputs.digest(format!("files {}", expectation.path), cx.tools().digest(set).await?);
                let (root, path) = (cx.tools().root().to_owned(), expectation.path.clone());
                if !expectation.assert.is_empty()
                    && let Some(links) = blocking(move || expectation.broken_links(&root)).await?
                {
                    inputs.text(format!("broken links of {path}"), &links);
                }
            }
            Ok(())
        })
    }

    fn probe<'a>(&'a self, _cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(std::future::ready(Ok(Presence::Present)))
    }

    fn file_proof(&self, files: &ProjectFiles) -> Result<Option<FileProof>, Failure> {
        let mut proof = FileProof::default();
        for expectation in self.expectations() {
            expectation.add_to(&mut proof, files)?;
        }
        Ok(Some(proof))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let (root, expectations, given) = (cx.tools().root().to_owned(), self.expectations(), self.given()?);
            let found = blocking(move || {
                let mut found = Findings::default();
                for expectation in &expectations {
                    expectation.check(&root, given.as_ref(), &mut found)?;
                }
                Ok(found)
            })
            .await?;
            for line in found.notes.iter().chain(&found.wrong) {
                cx.line(line);
            }
            match found.wrong.as_slice() {
                [] => Ok(Output::new().with("files", found.n.to_string())),
                [one] => Err(Failure::of(ids::NOT_AS_EXPECTED, one)),
                many => Err(Failure::of(ids::NOT_AS_EXPECTED, format!("{} expectations are not met", many.len()))
                    .details(found.wrong)),
            }
        })
    }
}
