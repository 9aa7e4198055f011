//! The stage that starts the services of a compose file.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::build::tag_step;
use super::survey::Survey;
use super::verify::ANSWERS;
use crate::files::glob_of;
use crate::init::compose_choice::{is_built_by, ordered, registered};
use crate::init::detect::is_secret_name;
use crate::init::draft::{Draft, Proof, SecretDraft, StageDraft, StepDraft};
use crate::init::findings::{ComposeFile, ComposeService, HttpRequest};
use crate::init::images::ImageBuild;
use crate::init::names::{id_of, unique};
use crate::init::repository::{folder_of, join, name_of};

/// Adds the stage; as a comment where the application goes to a cluster.
pub(super) fn add(survey: &Survey, draft: &mut Draft) {
    let is_active = survey.started().is_some();
    let files = ordered(&survey.findings.compose, &survey.builds);
    let mut steps = Vec::new();
    for (at, file) in files.into_iter().enumerate() {
        let tags = if is_active && at == 0 { tags(survey, file, draft) } else { BTreeSet::new() };
        let mut step = step(survey, file, is_active && at == 0, &tags, draft);
        if at > 0 {
            step.id = id_of(&format!("{}-{at}", step.id));
        }
        if !is_active || at > 0 {
            step.is_aside = true;
            let why = match (is_active, survey.active().next()) {
                (true, _) => "another compose file is",
                (false, Some(_)) => "the application goes to the cluster",
                (false, None) => "it has nothing of what is built here, which is for a cluster",
            };
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

/// Gives the built images that services have from a registry the names that those have there: then they start what is
/// built here. Says which images no service has. Returns the builds that got a name.
fn tags(survey: &Survey, file: &ComposeFile, draft: &mut Draft) -> BTreeSet<usize> {
    let first = file.paths.first().map_or("", String::as_str);
    let named = registered(file, &survey.builds, &mut draft.doubts);
    if !named.is_empty() {
        let images: Vec<&str> = named.iter().map(|(image, _)| image.as_str()).collect();
        draft.doubts.push(format!(
            "`{first}` has `{}` from a registry: what is built here gets that name before, so that it is started",
            images.join("`, `")
        ));
    }
    let steps = draft.stages.iter().filter(|stage| stage.id == "build").flat_map(|stage| &stage.steps);
    let mut ids: BTreeSet<String> = steps.map(|step| step.id.clone()).collect();
    let mut tagged = BTreeSet::new();
    for (image, at) in named {
        let mut tag = tag_step(&survey.builds[at].id, &image, "build");
        tagged.insert(at);
        tag.id = unique(&tag.id, &mut ids);
        let tag =
            tag.comment(format!("`{first}` has `{image}` from a registry: so it starts the one that is built here"));
        draft.stages.iter_mut().filter(|stage| stage.id == "build").for_each(|stage| stage.steps.push(tag.clone()));
    }
    let is_used = |(at, build): (usize, &ImageBuild)| tagged.contains(&at) || is_built_by(file, build);
    // What nothing uses is left out where something is used.
    let unused: Vec<&str> = if survey.builds.iter().enumerate().any(is_used) {
        Vec::new()
    } else {
        survey.builds.iter().map(|build| build.dockerfile.as_str()).collect()
    };
    if !unused.is_empty() {
        let verb = if unused.len() == 1 { "is" } else { "are" };
        draft.doubts.push(format!(
            "`{}` {verb} built, and no service of `{first}` has what comes out: `build` or `image` of a service says so, or take the step away",
            unused.join("`, `")
        ));
    }
    tagged
}

fn step(survey: &Survey, file: &ComposeFile, is_active: bool, tags: &BTreeSet<usize>, draft: &mut Draft) -> StepDraft {
    let mut step = StepDraft::new("up", "compose-up").list("files", file.paths.iter().cloned());
    let mut env = Table::new();
    if !file.profiles.is_empty() {
        step = step.list("profiles", file.profiles.iter().cloned());
    }
    if file.services.iter().any(|service| service.is_test) {
        // One of a profile would be started if it were named here.
        let started = file.services.iter().filter(|service| service.is_started());
        step = step.list("services", started.map(|service| service.name.clone()));
    }
    if file.services.iter().any(|service| service.is_built && service.is_started()) {
        let of_file = survey.builds.iter().filter(|build| is_built_by(file, build));
        let mut inputs: Vec<String> = of_file.map(|build| glob_of(&build.dockerfile)).collect();
        let about = if inputs.is_empty() {
            "nothing but compose builds what its services have"
        } else {
            "compose takes what the stage `build` has built from the build cache; a new image is a new start"
        };
        if inputs.is_empty() {
            inputs = file.paths.iter().map(|path| glob_of(path)).collect();
        }
        inputs.sort();
        inputs.dedup();
        step = step.set("build", true).list("inputs", inputs).comment(about);
    }
    for (at, build) in survey.builds.iter().enumerate() {
        if is_built_by(file, build) || tags.contains(&at) {
            env.insert(
                format!("PROVISION_IMAGE_{}", crate::init::names::variable_of(&build.id)),
                Value::String(format!("${{{{ steps.build.{}.id }}}}", build.id)),
            );
        }
    }
    let completes: Vec<String> = file
        .services
        .iter()
        .filter(|service| service.completes && service.is_started())
        .map(|service| service.name.clone())
        .collect();
    if !completes.is_empty() {
        step = step.list("completes", completes);
    }
    let asked: Vec<Value> = file.services.iter().filter(|service| service.is_started()).filter_map(ask).collect();
    if !asked.is_empty() {
        step = step.set("ask", Value::Array(asked));
    }
    let asked = file.required.iter().filter(|name| is_secret_name(name)).map(|name| (name, false));
    for (name, is_given) in asked.chain(file.given.iter().map(|name| (name, true))).filter(|_| is_active) {
        env.insert(name.clone(), Value::String(format!("${{{{ secrets.{name} }}}}")));
        if !draft.secrets.iter().any(|secret| secret.name == *name) {
            draft.secrets.push(SecretDraft { name: name.clone(), is_given, ..SecretDraft::default() });
        }
        if is_given {
            draft.env_file = file.paths.first().and_then(|first| join(folder_of(first), ".env"));
        }
    }
    if is_active {
        doubts(survey, file, draft);
    }
    if !env.is_empty() {
        step.tables.push(("env", env.into_iter().map(|(name, value)| (vec![name], value)).collect()));
    }
    step.set("within", "5m").proves(Proof::Compose)
}

/// The request for a service whose health check says where it answers, if that port is published.
fn ask(service: &ComposeService) -> Option<Value> {
    let HttpRequest { port, path, any_answer } = service.health.as_ref()?;
    service.ports.contains(port).then(|| {
        let mut table = Table::new();
        table.insert("service".into(), service.name.as_str().into());
        table.insert("port".into(), i64::from(*port).into());
        table.insert("path".into(), path.as_str().into());
        if *any_answer {
            table.insert("status".into(), Value::Array(ANSWERS.map(Value::Integer).to_vec()));
        }
        Value::Table(table)
    })
}

/// The most variables that a sentence names.
const MAX_NAMED: usize = 8;

/// Names as a sentence has them.
fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_NAMED).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

fn doubts(survey: &Survey, file: &ComposeFile, draft: &mut Draft) {
    draft.doubts.extend(file.doubts.iter().cloned());
    let examples = &survey.findings.examples;
    let first = file.paths.first().map_or("", String::as_str);
    let folder = folder_of(first);
    // An example that has one of these variables is the beginning of the `.env` beside the file.
    let copied = |variables: &[&str]| {
        let has_one = |names: &[String]| variables.iter().any(|name| names.iter().any(|known| known == name));
        let example = examples.iter().find(|(path, names)| folder_of(path) == folder && has_one(names));
        let copied = example.map(|(path, _)| {
            let own = join(folder, ".env").unwrap_or_default();
            format!(": copy `{path}` to `{own}`, which compose reads, and change there what has to be changed")
        });
        copied.unwrap_or_default()
    };
    let plain: Vec<&str> = file.required.iter().filter(|name| !is_secret_name(name)).map(String::as_str).collect();
    if !plain.is_empty() {
        let copied = copied(&plain);
        draft.doubts.push(format!("`{first}` needs {} from the environment or its `.env`{copied}", listed(&plain)));
    }
    let unset: Vec<&str> = file.unset.iter().map(String::as_str).collect();
    if !unset.is_empty() {
        let (verb, copied) = (if unset.len() == 1 { "is" } else { "are" }, copied(&unset));
        draft.doubts.push(format!(
            "{} of `{first}` {verb} empty unless the environment or its `.env` has a value{copied}",
            listed(&unset)
        ));
    }
    for path in &file.missing_env_files {
        let mut beside: Vec<&str> = examples.iter().map(|(other, _)| other.as_str()).collect();
        beside.retain(|other| folder_of(other) == folder_of(path));
        beside.sort_by_key(|other| !name_of(other).starts_with(name_of(path)));
        let from = beside.first().map(|other| format!(", for example from `{other}`")).unwrap_or_default();
        draft.doubts.push(format!("`{first}` reads `{path}`, which is not there: make it{from}"));
    }
    if !file.others.is_empty() {
        draft.doubts.push(format!(
            "further files beside `{first}` are not used: `{}`; `files` takes several",
            file.others.join("`, `")
        ));
    }
    for service in &file.services {
        let wrong =
            service.health.as_ref().filter(|one| !service.ports.is_empty() && !service.ports.contains(&one.port));
        if let Some(HttpRequest { port, .. }) = wrong {
            draft.doubts.push(format!(
                "the health check of `{}` in `{first}` requests port {port}, which it does not publish",
                service.name
            ));
        }
    }
}
