//! The stage that starts the services of a compose file.

use toml::{Table, Value};

use super::survey::Survey;
use crate::init::detect::is_secret_name;
use crate::init::draft::{Draft, Proof, SecretDraft, StageDraft, StepDraft};
use crate::init::findings::ComposeFile;
use crate::init::names::id_of;
use crate::init::repository::name_of;

/// Adds the stage; as a comment where the application goes to a cluster.
pub(super) fn add(survey: &Survey, draft: &mut Draft) {
    let is_active = survey.active().next().is_none();
    // The file that builds something, and then the one that is nearest to the repository's folder.
    let mut files: Vec<&ComposeFile> = survey.findings.compose.iter().collect();
    files.sort_by_key(|file| {
        let first = file.paths.first().map_or("", String::as_str);
        (!file.services.iter().any(|service| service.is_built), first.matches('/').count(), first)
    });
    let mut steps = Vec::new();
    for (at, file) in files.into_iter().enumerate() {
        let mut step = step(survey, file, is_active && at == 0, draft);
        if at > 0 {
            step.id = id_of(&format!("{}-{at}", step.id));
        }
        if !is_active || at > 0 {
            step.is_aside = true;
            let why = if is_active { "another compose file is" } else { "the application goes to the cluster" };
            step.comments.insert(0, format!("not used: {why}"));
        }
        steps.push(step);
    }
    if !steps.is_empty() {
        let needs = if survey.builds.is_empty() { "prereq" } else { "build" };
        draft.stages.push(StageDraft {
            id: "compose",
            title: "Start the services".into(),
            needs: Some(vec![needs]),
            steps,
        });
    }
}

fn step(survey: &Survey, file: &ComposeFile, is_active: bool, draft: &mut Draft) -> StepDraft {
    let mut step = StepDraft::new("up", "compose-up").list("files", file.paths.iter().cloned());
    let is_built = file.services.iter().any(|service| service.is_built);
    let mut env = Table::new();
    if is_built {
        step = step
            .set("build", true)
            .comment("compose takes what the stage `build` has built from the build cache; a new image is a new start");
        for build in &survey.builds {
            env.insert(
                format!("PROVISION_IMAGE_{}", crate::init::names::variable_of(&build.id)),
                Value::String(format!("${{{{ steps.build.{}.id }}}}", build.id)),
            );
        }
    }
    let completes: Vec<String> =
        file.services.iter().filter(|service| service.completes).map(|service| service.name.clone()).collect();
    if !completes.is_empty() {
        step = step.list("completes", completes);
    }
    let asked: Vec<Value> = file.services.iter().filter(|service| !service.has_profiles).filter_map(ask).collect();
    if !asked.is_empty() {
        step = step.set("ask", Value::Array(asked));
    }
    for name in file.required.iter().filter(|name| is_active && is_secret_name(name)) {
        env.insert(name.clone(), Value::String(format!("${{{{ secrets.{name} }}}}")));
        if !draft.secrets.iter().any(|secret| secret.name == *name) {
            draft.secrets.push(SecretDraft { name: name.clone(), is_generated: false, is_optional: false });
        }
    }
    if is_active {
        doubts(file, draft);
    }
    if !env.is_empty() {
        step.tables.push(("env", env.into_iter().map(|(name, value)| (vec![name], value)).collect()));
    }
    step.set("within", "5m").proves(Proof::Compose)
}

/// The request for a service whose health check says where it answers, if that port is published.
fn ask(service: &crate::init::findings::ComposeService) -> Option<Value> {
    let (port, path) = service.health.as_ref()?;
    service.ports.contains(port).then(|| {
        let mut table = Table::new();
        table.insert("service".into(), service.name.as_str().into());
        table.insert("port".into(), i64::from(*port).into());
        table.insert("path".into(), path.as_str().into());
        Value::Table(table)
    })
}

fn doubts(file: &ComposeFile, draft: &mut Draft) {
    draft.doubts.extend(file.doubts.iter().cloned());
    let first = file.paths.first().map_or("", String::as_str);
    let plain: Vec<&str> = file.required.iter().filter(|name| !is_secret_name(name)).map(String::as_str).collect();
    if !plain.is_empty() {
        draft
            .doubts
            .push(format!("`{first}` takes `{}` from the environment and has no default for it", plain.join("`, `")));
    }
    for path in &file.missing_env_files {
        draft.doubts.push(format!(
            "`{first}` reads `{path}`, which is not there: make it, for example from `{}.example`",
            name_of(path)
        ));
    }
    if !file.others.is_empty() {
        draft.doubts.push(format!(
            "further files beside `{first}` are not used: `{}`; `files` takes several",
            file.others.join("`, `")
        ));
    }
    for service in &file.services {
        let wrong =
            service.health.as_ref().filter(|(port, _)| !service.ports.is_empty() && !service.ports.contains(port));
        if let Some((port, _)) = wrong {
            draft.doubts.push(format!(
                "the health check of `{}` in `{first}` requests port {port}, which it does not publish",
                service.name
            ));
        }
    }
}
