//! What is checked where images are built and nothing says how they are deployed: each one alone.

use toml::Value;

use super::survey::Survey;
use super::verify::ANSWERS;
use crate::init::detect::http_request;
use crate::init::draft::{Draft, StageDraft, StepDraft};
use crate::init::findings::{HttpRequest, LeftOut};
use crate::init::repository::has_extension;

/// So many files are named that are written for compose.
const MAX_NAMED: usize = 3;

/// Adds a stage that runs the images which say how it is seen that they are up; the others are written as comments.
pub(super) fn add(survey: &Survey, draft: &mut Draft) {
    let mut steps = Vec::new();
    for build in &survey.builds {
        let request = build.health.as_deref().and_then(http_request);
        let mut step = StepDraft::new(&build.id, "container-run")
            .formula("image", format!("${{{{ steps.build.{}.image }}}}", build.id));
        match (&request, &build.health, build.ports.as_slice()) {
            (Some(HttpRequest { port, path, any_answer }), ..) => {
                step = step.set("port", i64::from(*port)).set("path", path.as_str());
                if *any_answer {
                    step = step.set("status", Value::Array(ANSWERS.map(Value::Integer).to_vec()));
                }
            }
            // Its own health check has to pass.
            (None, Some(_), _) => {}
            (None, None, [port, ..]) => {
                step = step
                    .set("port", i64::from(*port))
                    .set("path", "/")
                    .set("status", Value::Array([200, 301, 302, 401, 403, 404].map(Value::Integer).to_vec()));
                step.is_aside = true;
                step.comments.push(format!(
                    "the image exposes port {port}; nothing says that it speaks HTTP, or what it needs to start"
                ));
            }
            (None, None, []) => continue,
        }
        steps.push(step.set("within", "60s"));
    }
    if !steps.is_empty() {
        draft.stages.push(StageDraft {
            id: "run",
            title: "Run each image alone".into(),
            needs: Some(vec!["build"]),
            steps,
        });
    }
    // What there is and can't be used has its own reason.
    if survey.forms.is_empty() {
        let is_there = |one: &LeftOut| has_extension(&one.path, &["yaml", "yml"]);
        let besides = if survey.findings.left_out.iter().any(is_there) { " besides what is not used" } else { "" };
        let like = &survey.findings.like_compose;
        let named = like.iter().take(MAX_NAMED).map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        let more = like.len().saturating_sub(MAX_NAMED);
        let named = if more > 0 { format!("{named} and {more} more") } else { named };
        let like = match like.len() {
            0 => String::new(),
            1 => format!("; {named} is written for compose: `files` of a `compose-up` step may name it"),
            _ => format!("; {named} are written for compose: `files` of a `compose-up` step may name them"),
        };
        draft.doubts.push(format!("nothing says how the application is deployed: there is no chart, no kustomization, no manifest and no compose file{besides}{like}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_for_compose_that_are_not_called_so_are_named_where_nothing_deploys() {
        for (files, expected) in [
            (&[][..], "no compose file"),
            (
                &["docker/app.yml"],
                "no compose file; `docker/app.yml` is written for compose: `files` of a `compose-up` step may name it",
            ),
            (
                &["a", "b", "c", "d"],
                "no compose file; `a`, `b`, `c` and 1 more are written for compose: `files` of a `compose-up` step may name them",
            ),
        ] {
            let mut survey = Survey::default();
            survey.findings.like_compose = files.iter().map(|path| (*path).to_owned()).collect();
            let mut draft = Draft::default();
            add(&survey, &mut draft);
            assert!(draft.doubts[0].ends_with(expected), "{:?}", draft.doubts);
        }
    }
}
