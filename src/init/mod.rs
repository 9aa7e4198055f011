//! `provision init`: from the files of a repository to a `pipeline.toml`.
//!
//! ```text
//! repository   the files that .gitignore leaves
//! detect       what there is, by file: one detector each → Findings
//! images · context · forms   what is built, from which folder; what charts and kustomizations become → Survey
//! design       Survey → Draft: stages and steps; pure
//! write        Draft → text, which our own loader then accepts
//! ```

mod api_versions;
mod chart_copy;
mod code_lines;
mod compose_choice;
mod context;
mod declared;
mod design;
mod detect;
mod draft;
mod facts;
mod findings;
mod forms;
mod forward;
mod image_keys;
mod images;
mod java;
mod kustomizations;
mod manifest_groups;
mod manifest_set;
mod matching;
mod names;
mod needs;
mod programs;
mod releases;
mod render_chart;
mod repository;
#[cfg(test)]
mod testing;
mod write;

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::actions::ACTIONS;
use crate::config::{LoadOptions, load_text};
use crate::error::{Failure, ids};
use design::{Survey, design};
use draft::Draft;
use programs::Programs;
use repository::Repository;

/// A pipeline for a repository, with what its user has to know.
#[derive(Debug)]
pub(crate) struct Proposal {
    /// The text of the `pipeline.toml`.
    pub(crate) text: String,
    /// Its stages, each with the steps that it runs.
    pub(crate) stages: Vec<(String, Vec<String>)>,
    /// What is not certain.
    pub(crate) doubts: Vec<String>,
    /// What is not used: path and reason.
    pub(crate) left_out: Vec<(String, String)>,
    /// Variables of the environment that have to be set.
    pub(crate) variables: Vec<String>,
    /// How many items of checklists are covered, and how many there are.
    pub(crate) covered: (usize, usize),
}

/// Proposes a pipeline for the repository in `root`, which is to be written to `file`.
pub(crate) async fn propose(root: &Path, file: &Path) -> Result<Proposal, Failure> {
    let repository = Repository::read(root)?;
    let mut findings = detect::detect(&repository);
    let programs = Programs::find();
    let project = names::project_of(&root.file_name().unwrap_or_default().to_string_lossy());
    let has_kustomization = findings.kustomizations.iter().any(|one| !one.is_aside);
    let deploys = has_kustomization || !(findings.charts.is_empty() && findings.manifests.is_empty());
    let mut builds = images::image_builds(&repository, &mut findings, &project, deploys);
    if !deploys {
        compose_choice::drop_development(&mut findings, &mut builds);
    }
    let forms = forms::forms(&repository, &programs, &mut findings, &builds, &project).await?;
    declared::add_doubts(&mut findings, &forms);
    let survey = Survey { project, builds, forms, findings, has_helm: programs.helm.is_some() };
    let draft = design(&survey);
    if draft.stages.iter().flat_map(|stage| &stage.steps).all(|step| step.is_aside) {
        return Err(nothing(&draft));
    }
    let text = write::write(&draft);
    check(&text, file, &draft)?;
    let runs = |stage: &draft::StageDraft| {
        stage.steps.iter().filter(|step| !step.is_aside).map(|step| step.id.clone()).collect::<Vec<_>>()
    };
    let stages =
        draft.stages.iter().map(|stage| (stage.id.to_owned(), runs(stage))).filter(|(_, steps)| !steps.is_empty());
    Ok(Proposal {
        stages: stages.collect(),
        variables: draft
            .secrets
            .iter()
            .filter(|one| !(one.is_generated || one.is_optional || one.is_given))
            .map(|one| one.name.clone())
            .collect(),
        covered: (draft.n_covered, draft.n_covered + draft.open_items.len()),
        doubts: draft.doubts,
        left_out: draft.left_out,
        text,
    })
}

/// There is nothing that a pipeline could do.
fn nothing(draft: &Draft) -> Failure {
    let failure = Failure::of(ids::NOTHING_TO_BUILD, "there is nothing here that a pipeline could build or deploy");
    let failure = draft.doubts.iter().fold(failure, Failure::cause);
    let left_out = draft.left_out.iter().map(|(path, why)| format!("`{path}` is not used: {why}"));
    failure.details(left_out).hint("write a Dockerfile, a chart or manifests, and run `provision init` again")
}

static OUTPUT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(^|[^$])\$\{\{ steps\.[^}]*\}\}").ok());

/// Fails if our own loader does not accept the text, with each of its profiles: then it is wrong, and not the user.
/// What uses the output of another step is only known once that has run, so the text is tried with values as well.
fn check(text: &str, file: &Path, draft: &Draft) -> Result<(), Failure> {
    let profiles = draft.profiles.iter().map(|(name, _)| Some(name.clone()));
    let filled = OUTPUT.as_ref().map(|pattern| pattern.replace_all(text, "${1}provision:1").into_owned());
    for profile in std::iter::once(None).chain(profiles) {
        for text in std::iter::once(text).chain(filled.as_deref()) {
            let options = LoadOptions { profile: profile.clone(), ..LoadOptions::default() };
            if let Err(errors) = load_text(text.to_owned(), file, &options, ACTIONS) {
                let lines = errors.render(false);
                return Err(Failure::bug("the pipeline that `provision init` has made is not valid")
                    .details(text.lines().map(str::to_owned))
                    .details(lines.lines().map(str::to_owned))
                    .hint("report this with the lines above; nothing was written"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_once_another_step_has_run_is_found() {
        let text = |inputs: &str| {
            format!(
                "[pipeline]\nname = \"x\"\n[[stage]]\nid = \"a\"\n[[stage.step]]\nid = \"one\"\naction = \"docker-build\"\ncontext = \".\"\nimage = \"one\"\n\
                 [[stage.step]]\nid = \"up\"\naction = \"compose-up\"\nfiles = [\"c.yml\"]\nbuild = true\n{inputs}\
                 env = {{ A = \"${{{{ steps.a.one.id }}}}\", B = \"$${{{{ steps.a }}}}\" }}\n"
            )
        };
        let checked = |inputs: &str| check(&text(inputs), Path::new("pipeline.toml"), &Draft::default());
        assert!(checked("inputs = [\"Dockerfile\"]\n").is_ok());
        let failure = checked("").unwrap_err();
        assert!(failure.details.iter().any(|line| line.contains("`build` needs `inputs`")), "{failure:?}");
    }
}
