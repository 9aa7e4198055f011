//! [`forms`]: the ways in which the repository can be deployed to a cluster, and which of them the pipeline takes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::facts::Facts;
use super::findings::{Chart, Findings, Kustomization};
use super::images::ImageBuild;
use super::manifest_set::manifest_sets;
use super::matching::built_images;
use super::names::{id_of, unique};
use super::programs::Programs;
use super::releases::Wanted;
use super::render_chart::{RenderedChart, render_chart};
use super::repository::{Repository, name_of, shown};
use crate::error::Failure;
use crate::tools::kubernetes::ManifestObjects;

/// What is deployed, and how.
#[derive(Debug)]
pub(super) enum FormKind {
    /// A chart.
    Chart(Box<RenderedChart>),
    /// A kustomization.
    Kustomization,
    /// Manifests, as `manifest-apply` has them.
    Manifests(Vec<String>),
}

/// A way to deploy.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) kind: FormKind,
    /// The id of its steps; of a chart the release's name.
    pub(super) id: String,
    /// The folder.
    pub(super) path: String,
    /// What it consists of; `None` where that could not be seen.
    pub(super) facts: Option<Facts>,
    /// Why the pipeline has it only as a comment; `None` where it is used.
    pub(super) aside: Option<String>,
}

impl Form {
    pub(super) fn is_active(&self) -> bool {
        self.aside.is_none()
    }

    /// What people call it.
    pub(super) fn title(&self) -> String {
        let path = shown(&self.path);
        match self.kind {
            FormKind::Chart(_) => format!("the chart `{path}`"),
            FormKind::Kustomization => format!("the kustomization `{path}`"),
            FormKind::Manifests(_) => format!("the manifests in `{path}`"),
        }
    }
}

/// More charts than this are hardly one application.
const MAX_CHARTS: usize = 6;

/// Returns the ways to deploy, the active ones first. `project` is the name of the application and of its namespace.
pub(super) async fn forms(
    repository: &Repository,
    programs: &Programs,
    findings: &mut Findings,
    builds: &[ImageBuild],
    project: &str,
) -> Result<Vec<Form>, Failure> {
    let mut ids = BTreeSet::new();
    let mut all = Vec::new();
    for chart in findings.charts.iter().take(2 * MAX_CHARTS) {
        let named =
            findings.deployments.iter().filter(|one| one.path == chart.folder).flat_map(|one| one.values.clone());
        let named: Vec<String> = named.filter(|file| repository.has(file)).collect();
        let mut wanted = Wanted::of(findings, chart);
        let release = wanted.release.clone().unwrap_or_else(|| release_name(chart, project));
        let id = unique(&release, &mut ids);
        wanted.release = Some(id.clone());
        wanted.namespace.get_or_insert_with(|| project.to_owned());
        let rendered = render_chart(repository, programs, chart, &named, &wanted).await?;
        let facts = rendered.facts.clone();
        all.push(Form {
            kind: FormKind::Chart(Box::new(rendered)),
            id,
            path: chart.folder.clone(),
            facts,
            aside: None,
        });
    }
    for chart in findings.charts.iter().skip(2 * MAX_CHARTS).map(|chart| chart.folder.clone()).collect::<Vec<_>>() {
        findings.leave_out(&chart, "there are too many charts to try them all");
    }
    let kustomizations = findings.kustomizations.clone();
    for one in tops(&kustomizations) {
        let facts = kustomized(repository, programs, findings, &kustomizations, one).await;
        let id = unique(&id_of(name_of(&one.folder)), &mut ids);
        match facts {
            Ok(facts) => all.push(Form {
                kind: FormKind::Kustomization,
                id,
                path: one.folder.clone(),
                facts: Some(facts),
                aside: None,
            }),
            Err(why) => all.push(Form {
                kind: FormKind::Kustomization,
                id,
                path: one.folder.clone(),
                facts: None,
                aside: Some(why),
            }),
        }
    }
    for set in manifest_sets(repository, findings) {
        let id = unique(&id_of(name_of(&set.folder)), &mut ids);
        all.push(Form {
            kind: FormKind::Manifests(set.patterns),
            id,
            path: set.folder,
            facts: Some(set.facts),
            aside: None,
        });
    }
    choose(&mut all, builds);
    leave_out_components(findings, &all);
    all.sort_by_key(|form| !form.is_active());
    Ok(all)
}

/// The name of a release: that of its chart, unless it is a common one.
fn release_name(chart: &Chart, project: &str) -> String {
    let name = id_of(&chart.name);
    if ["chart", "helm", "app", "charts"].contains(&name.as_str()) { project.to_owned() } else { name }
}

/// Decides which forms are active: charts, or one kustomization, or one set of manifests.
fn choose(all: &mut [Form], builds: &[ImageBuild]) {
    let n_built =
        |form: &Form| form.facts.as_ref().map_or(0, |facts| built_images(builds, &facts.images, &mut Vec::new()).len());
    let can_render = |form: &Form| match &form.kind {
        FormKind::Chart(chart) => form.facts.is_some() || chart.failures.is_empty(),
        _ => form.aside.is_none(),
    };
    let charts: Vec<usize> =
        (0..all.len()).filter(|at| matches!(all[*at].kind, FormKind::Chart(_)) && can_render(&all[*at])).collect();
    let built: Vec<usize> = charts.iter().copied().filter(|at| n_built(&all[*at]) > 0).collect();
    let other = all.iter().position(|form| matches!(form.kind, FormKind::Kustomization) && can_render(form));
    let raw = all.iter().position(|form| matches!(form.kind, FormKind::Manifests(_)));
    // A chart that has none of the images beside manifests that have them is one for something else.
    let were_seen = charts.iter().all(|at| all[*at].facts.is_some());
    let has_better =
        built.is_empty() && were_seen && [other, raw].into_iter().flatten().any(|at| n_built(&all[at]) > 0);
    let active: Vec<usize> = if !built.is_empty() {
        built
    } else if !charts.is_empty() && !has_better {
        charts.into_iter().take(if builds.is_empty() { MAX_CHARTS } else { MAX_CHARTS / 2 }).collect()
    } else {
        let first = [other, raw].into_iter().flatten().max_by_key(|at| (n_built(&all[*at]), std::cmp::Reverse(*at)));
        first.into_iter().collect()
    };
    let used = active.first().map(|at| all[*at].title());
    for (at, form) in all.iter_mut().enumerate() {
        if active.contains(&at) || form.aside.is_some() {
            continue;
        }
        let failed = match &form.kind {
            FormKind::Chart(chart) if form.facts.is_none() => {
                chart.failures.first().map(|(_, why)| format!("it can't be installed as it is: {why}"))
            }
            _ => None,
        };
        let instead = used.as_ref().map(|used| format!("the application is deployed with {used}"));
        form.aside = Some(failed.or(instead).unwrap_or_else(|| "nothing says that it is the application".to_owned()));
    }
}

/// Parts of the names of overlays for a cluster like this one, the best first.
const LOCAL: [&str; 7] = ["minikube", "local", "kind", "dev", "development", "base", "default"];

/// The kustomizations to choose from, the best first: those that are not made for another purpose.
fn tops(all: &[Kustomization]) -> Vec<&Kustomization> {
    let rank = |one: &&Kustomization| {
        let name = name_of(&one.folder).to_lowercase();
        let of_name = LOCAL.iter().position(|word| name.split(['-', '_', '.']).any(|part| part == *word));
        let is_used = all.iter().any(|other| other.resources.contains(&one.folder));
        (of_name.unwrap_or(if is_used { LOCAL.len() + 1 } else { LOCAL.len() }), one.folder.clone())
    };
    let mut found: Vec<&Kustomization> = all.iter().filter(|one| !one.is_component).collect();
    found.sort_by_key(rank);
    found
}

/// Lists the components that are no part of what is deployed: alone they are nothing that could be.
fn leave_out_components(findings: &mut Findings, forms: &[Form]) {
    let all = findings.kustomizations.clone();
    let is_active = |folder: &str| {
        forms.iter().any(|form| form.is_active() && matches!(form.kind, FormKind::Kustomization) && form.path == folder)
    };
    for component in all.iter().filter(|one| one.is_component) {
        let has_it = |one: &&Kustomization| closure(&all, one).iter().any(|part| part.folder == component.folder);
        let users: Vec<&Kustomization> = all.iter().filter(|one| !one.is_component).filter(has_it).collect();
        if users.iter().any(|one| is_active(&one.folder)) {
            continue;
        }
        let of = users.iter().map(|one| format!("`{}`", shown(&one.folder))).collect::<Vec<_>>();
        let why = if of.is_empty() {
            "it is a component, and no kustomization has it".to_owned()
        } else {
            format!("it is a component of {} alone, which is not used", of.join(", "))
        };
        findings.leave_out(&component.folder, why);
    }
}

/// What a kustomization becomes, or why that could not be seen.
async fn kustomized(
    repository: &Repository,
    programs: &Programs,
    findings: &mut Findings,
    all: &[Kustomization],
    one: &Kustomization,
) -> Result<Facts, String> {
    let closure = closure(all, one);
    // What comes from elsewhere would be downloaded.
    if let Some(remote) = closure.iter().find_map(|one| one.remote.first()) {
        return Err(format!("it takes `{remote}` from elsewhere, or it is not there"));
    }
    if let Some(rendered) = programs.kustomize(&repository.root().join(&one.folder)).await {
        let text = rendered.map_err(|why| format!("`kubectl kustomize` fails: {why}"))?;
        let objects: Vec<Value> =
            ManifestObjects::read(&text, "").objects.iter().map(|object| object.content().clone()).collect();
        return without_unknown(Facts::of(&objects));
    }
    let mut objects = Vec::new();
    for path in closure.iter().flat_map(|one| &one.resources) {
        objects
            .extend(findings.manifests.iter().filter(|file| file.path == *path).flat_map(|file| file.objects.clone()));
    }
    let note =
        format!("kubectl is not installed: what `{}` becomes was read from its files, without its patches", one.folder);
    if !findings.doubts.contains(&note) {
        findings.doubts.push(note);
    }
    without_unknown(Facts::of(&objects))
}

/// Fails for objects that a plain cluster does not take: a kustomization is applied as a whole.
fn without_unknown(facts: Facts) -> Result<Facts, String> {
    match facts.unknown.first() {
        Some((object, why)) => Err(format!("{object}: {why}")),
        None => Ok(facts),
    }
}

/// A kustomization and those that it is made of.
fn closure<'a>(all: &'a [Kustomization], one: &'a Kustomization) -> Vec<&'a Kustomization> {
    let mut found: Vec<&Kustomization> = Vec::new();
    let mut open = vec![one];
    while let Some(next) = open.pop() {
        if !found.iter().any(|known| known.folder == next.folder) {
            found.push(next);
            open.extend(all.iter().filter(|other| next.resources.contains(&other.folder)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(kind: FormKind, path: &str, image: Option<&str>) -> Form {
        let facts = image.map(|image| Facts { images: BTreeSet::from([image.to_owned()]), ..Facts::default() });
        Form { kind, id: path.into(), path: path.into(), facts, aside: None }
    }

    #[test]
    fn a_component_that_is_no_part_of_what_is_deployed_is_listed_with_the_reason() {
        let one = |folder: &str, resources: &[&str], is_component| Kustomization {
            folder: folder.to_owned(),
            resources: resources.iter().map(|one| (*one).to_owned()).collect(),
            remote: Vec::new(),
            is_component,
        };
        let mut findings = Findings {
            kustomizations: vec![
                one("dev", &["part"], false),
                one("prod", &["deep"], false),
                one("part", &[], true),
                one("deep", &["deeper"], true),
                one("deeper", &[], true),
                one("alone", &[], true),
            ],
            ..Findings::default()
        };
        let aside = Form { aside: Some("not this".into()), ..form(FormKind::Kustomization, "prod", None) };
        leave_out_components(&mut findings, &[form(FormKind::Kustomization, "dev", None), aside]);
        let left_out: Vec<String> = findings.left_out.iter().map(|one| format!("{}: {}", one.path, one.why)).collect();
        assert_eq!(
            left_out,
            [
                "deep: it is a component of `prod` alone, which is not used",
                "deeper: it is a component of `prod` alone, which is not used",
                "alone: it is a component, and no kustomization has it",
            ]
        );
    }

    fn active(mut forms: Vec<Form>, builds: &[ImageBuild]) -> Vec<String> {
        choose(&mut forms, builds);
        forms.into_iter().filter(Form::is_active).map(|form| form.path).collect()
    }

    #[test]
    fn a_chart_comes_before_a_kustomization_and_that_before_manifests() {
        let chart = || form(FormKind::Chart(Box::default()), "chart", Some("web"));
        let kustomization = || form(FormKind::Kustomization, "overlay", Some("web"));
        let manifests = || form(FormKind::Manifests(Vec::new()), "k8s", Some("web"));
        assert_eq!(active(vec![chart(), kustomization(), manifests()], &[]), ["chart"]);
        assert_eq!(active(vec![kustomization(), manifests()], &[]), ["overlay"]);
        assert_eq!(active(vec![manifests()], &[]), ["k8s"]);
        let failed = RenderedChart { failures: vec![("values.yaml".into(), "no".into())], ..RenderedChart::default() };
        assert_eq!(active(vec![form(FormKind::Chart(Box::new(failed)), "chart", None), manifests()], &[]), ["k8s"]);
    }

    #[test]
    fn what_has_the_built_images_comes_first() {
        let builds = [ImageBuild { words: BTreeSet::from(["web".to_owned()]), ..ImageBuild::default() }];
        let chart = form(FormKind::Chart(Box::default()), "monitoring", Some("grafana/grafana"));
        let other = form(FormKind::Chart(Box::default()), "app", Some("acme/web"));
        assert_eq!(active(vec![chart, other], &builds), ["app"]);
        let chart = form(FormKind::Chart(Box::default()), "monitoring", Some("grafana/grafana"));
        let manifests = form(FormKind::Manifests(Vec::new()), "k8s", Some("acme/web"));
        assert_eq!(active(vec![chart, manifests], &builds), ["k8s"]);
    }

    #[test]
    fn overlays_for_this_cluster_come_before_bases_and_those_for_others_last() {
        let one = |folder: &str, resources: &[&str]| Kustomization {
            folder: folder.into(),
            resources: resources.iter().map(|one| (*one).to_owned()).collect(),
            remote: Vec::new(),
            is_component: false,
        };
        let all = [one("k/base", &[]), one("k/overlays/prod", &["k/base"]), one("k/overlays/dev", &["k/base"])];
        let folders: Vec<&str> = tops(&all).iter().map(|one| one.folder.as_str()).collect();
        assert_eq!(folders, ["k/overlays/dev", "k/base", "k/overlays/prod"]);
        assert_eq!(closure(&all, &all[1]).len(), 2);
    }
}
