//! [`forms`]: the ways in which the repository can be deployed to a cluster, and which of them the pipeline takes.

mod doubles;
mod form;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use super::findings::{Chart, Findings};
use super::images::ImageBuild;
use super::kustomizations::{inputs, kustomized, leave_out_components, printed, tops};
use super::manifest_set::manifest_sets;
use super::matching::built_images;
use super::names::{id_of, unique};
use super::programs::Programs;
use super::releases::Wanted;
use super::render_chart::{RenderedChart, render_chart};
use super::repository::{Repository, name_of};
use crate::error::Failure;
use doubles::{is_definitions, nearness, without_doubles};
pub(super) use form::{Form, FormKind};

/// More charts than this are hardly one application.
const MAX_CHARTS: usize = 6;

/// At most so many charts, and so many kustomizations, are rendered at once.
const AT_ONCE: usize = 4;

/// Returns the ways to deploy, the active ones first. `project` is the name of the application and of its namespace.
pub(super) async fn forms(
    repository: &Repository,
    programs: &Programs,
    findings: &mut Findings,
    builds: &[ImageBuild],
    project: &str,
) -> Result<Vec<Form>, Failure> {
    let mut ids = BTreeSet::new();
    let mut all: Vec<Form> = Vec::new();
    let (charts, kustomizations) = (std::mem::take(&mut findings.charts), findings.kustomizations.clone());
    let of_all = groups(findings);
    let mut wanted = Vec::new();
    for chart in charts.iter().take(2 * MAX_CHARTS) {
        let named =
            findings.deployments.iter().filter(|one| one.path == chart.folder).flat_map(|one| one.values.clone());
        let mut seen = BTreeSet::new();
        let named: Vec<String> = named.filter(|file| repository.has(file) && seen.insert(file.clone())).collect();
        let mut one = Wanted::of(findings, chart);
        let is_there = |file: &String| repository.has(file);
        one.around.0.retain(is_there);
        one.around.1.retain(is_there);
        let release = one.release.clone().unwrap_or_else(|| release_name(chart, project));
        one.release = Some(release);
        one.namespace.get_or_insert_with(|| project.to_owned());
        wanted.push((chart, named, one));
    }
    name_releases(&mut wanted, &mut ids);
    // Most of the time goes by in the programs that are called, so several of them run at once.
    let rendering = wanted.iter().map(|(chart, named, one)| render_chart(repository, programs, chart, named, one));
    let rendering = stream::iter(rendering.collect::<Vec<_>>()).buffered(AT_ONCE).collect::<Vec<_>>();
    let tops = tops(&kustomizations);
    let printing = tops.iter().map(|one| printed(repository, programs, &kustomizations, one));
    let printing = stream::iter(printing.collect::<Vec<_>>()).buffered(AT_ONCE).collect::<Vec<_>>();
    let (rendered, printed) = futures_util::join!(rendering, printing);
    for ((chart, _, one), rendered) in wanted.iter().zip(rendered) {
        let rendered = RenderedChart { name: chart.name.clone(), ..rendered? };
        let facts = rendered.facts.clone();
        all.push(Form {
            kind: FormKind::Chart(Box::new(rendered)),
            id: one.release.clone().unwrap_or_default(),
            path: chart.folder.clone(),
            facts,
            aside: None,
            groups: of_all.get(&chart.folder).cloned().unwrap_or_default(),
            is_rendered: false,
        });
    }
    drop(wanted);
    findings.charts = charts;
    for chart in findings.charts.iter().skip(2 * MAX_CHARTS).map(|chart| chart.folder.clone()).collect::<Vec<_>>() {
        findings.leave_out(&chart, "there are too many charts to try them all");
    }
    for (one, printed) in tops.into_iter().zip(printed) {
        let is_rendered = printed.as_ref().is_ok_and(Option::is_some);
        let facts = kustomized(findings, &kustomizations, one, printed);
        let (facts, aside) = match facts {
            Ok(facts) => (Some(facts), None),
            Err(why) => (None, Some(why)),
        };
        all.push(Form {
            kind: FormKind::Kustomization(inputs(repository, &kustomizations, one)),
            id: unique(&id_of(name_of(&one.folder)), &mut ids),
            path: one.folder.clone(),
            facts,
            aside,
            is_rendered,
            groups: of_all.get(&one.folder).cloned().unwrap_or_default(),
        });
    }
    let of_sets = add_manifests(repository, findings, project, &mut ids, &mut all);
    choose(&mut all, builds, &mut findings.doubts);
    let is_used = |id: &String| all.iter().any(|form| form.id == *id && form.is_active());
    findings.doubts.extend(of_sets.into_iter().filter(|(id, _)| is_used(id)).flat_map(|(_, doubts)| doubts));
    let is_active = |folder: &str| {
        let is_it = |form: &Form| matches!(form.kind, FormKind::Kustomization(_)) && form.path == folder;
        all.iter().any(|form| form.is_active() && is_it(form))
    };
    leave_out_components(findings, &is_active);
    // What others need comes before them.
    all.sort_by_key(|form| (!form.is_active(), form.is_active() && !is_definitions(form)));
    Ok(all)
}

/// Gives each release a name of its own: of charts with one name it belongs to the one for a cluster like this one.
fn name_releases(wanted: &mut [(&Chart, Vec<String>, Wanted)], ids: &mut BTreeSet<String>) {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|at| nearness(&wanted[*at].0.folder));
    for at in order {
        let release = wanted[at].2.release.take().unwrap_or_default();
        wanted[at].2.release = Some(unique(&release, ids));
    }
}

/// For each chart, kustomization or manifest the tools that deploy it with others.
fn groups(findings: &Findings) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in findings.deployments.iter().filter(|one| !one.group.is_empty()) {
        found.entry(one.path.clone()).or_default().insert(one.group.clone());
    }
    found
}

/// Adds the sets of manifests. Returns what there is to know of each where it is used, by its id.
fn add_manifests(
    repository: &Repository,
    findings: &mut Findings,
    project: &str,
    ids: &mut BTreeSet<String>,
    all: &mut Vec<Form>,
) -> Vec<(String, Vec<String>)> {
    let mut of_sets = Vec::new();
    for set in manifest_sets(repository, findings) {
        let own = name_of(&set.folder);
        let own = if own.is_empty() && !set.group.is_empty() { project } else { own };
        let id = unique(&id_of(own), ids);
        of_sets.push((id.clone(), set.doubts));
        all.push(Form {
            kind: FormKind::Manifests(set.patterns),
            id,
            path: set.folder,
            facts: Some(set.facts),
            aside: set.trouble,
            groups: Some(set.group).filter(|group| !group.is_empty()).into_iter().collect(),
            is_rendered: false,
        });
    }
    of_sets
}

/// The name of a release: that of its chart, unless it is a common one.
fn release_name(chart: &Chart, project: &str) -> String {
    let name = id_of(&chart.name);
    if ["chart", "helm", "app", "charts"].contains(&name.as_str()) { project.to_owned() } else { name }
}

/// Decides which forms are active: charts, or one kustomization, or one set of manifests. Adds to `doubts` which of
/// them would have been, and can't be.
fn choose(all: &mut [Form], builds: &[ImageBuild], doubts: &mut Vec<String>) {
    let made = |form: &Form| -> BTreeSet<usize> {
        let images = form.facts.as_ref().map(|facts| built_images(builds, &facts.images, &form.path, &mut Vec::new()));
        images.unwrap_or_default().into_values().collect()
    };
    let of_forms: Vec<BTreeSet<usize>> = all.iter().map(made).collect();
    let can_render = |form: &Form| match &form.kind {
        FormKind::Chart(chart) => form.facts.is_some() || chart.failures.is_empty(),
        _ => form.aside.is_none(),
    };
    let charts: Vec<usize> =
        (0..all.len()).filter(|at| matches!(all[*at].kind, FormKind::Chart(_)) && can_render(&all[*at])).collect();
    let built: Vec<usize> = charts.iter().copied().filter(|at| !of_forms[*at].is_empty()).collect();
    let other = all.iter().position(|form| matches!(form.kind, FormKind::Kustomization(_)) && can_render(form));
    let is_raw = |form: &Form| matches!(form.kind, FormKind::Manifests(_)) && !is_definitions(form);
    let raw = all.iter().position(|form| is_raw(form) && can_render(form));
    // A chart that has none of the images beside manifests that have them is one for something else.
    let were_seen = charts.iter().all(|at| all[*at].facts.is_some());
    let has_better =
        built.is_empty() && were_seen && [other, raw].into_iter().flatten().any(|at| !of_forms[at].is_empty());
    let active: Vec<usize> = if !built.is_empty() {
        built
    } else if !charts.is_empty() && !has_better {
        charts.into_iter().take(if builds.is_empty() { MAX_CHARTS } else { MAX_CHARTS / 2 }).collect()
    } else {
        let first = [other, raw].into_iter().flatten().max_by_key(|at| (of_forms[*at].len(), std::cmp::Reverse(*at)));
        first.into_iter().collect()
    };
    let mut active = without_doubles(all, &of_forms, active);
    // What the same tool deploys with them belongs to the application too.
    let groups: BTreeSet<String> = active.iter().flat_map(|at| all[*at].groups.iter().cloned()).collect();
    let is_with = |form: &Form| can_render(form) && !form.groups.is_disjoint(&groups);
    active.extend((0..all.len()).filter(|at| is_with(&all[*at])));
    let active = without_doubles(all, &of_forms, active);
    let used = active.first().map(|at| all[*at].title());
    for (at, form) in all.iter_mut().enumerate() {
        if active.contains(&at) {
            continue;
        }
        let failed = match &form.kind {
            FormKind::Chart(chart) if form.facts.is_none() => {
                chart.failures.first().map(|(file, why)| format!("it can't be installed with `{file}`: {why}"))
            }
            _ => form.aside.take(),
        };
        let is_chart = matches!(form.kind, FormKind::Chart(_));
        // Beside what is used, one for another kind of cluster is missed by nobody.
        let is_missed = if is_chart {
            used.is_none() || !nearness(&form.path).0
        } else {
            active.first().is_none_or(|first| at < *first)
        };
        if let Some(why) = failed.as_ref().filter(|_| is_missed) {
            doubts.push(format!("{} can't be used: {why}", form.title()));
        }
        let instead = used.as_ref().map(|used| format!("the application is deployed with {used}"));
        form.aside = Some(failed.or(instead).unwrap_or_else(|| "nothing says that it is the application".to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::facts::Facts;

    fn form(kind: FormKind, path: &str, image: Option<&str>) -> Form {
        let facts = image.map(|image| Facts { images: BTreeSet::from([image.to_owned()]), ..Facts::default() });
        Form::of(kind, path, path, facts)
    }

    fn active(mut forms: Vec<Form>, builds: &[ImageBuild]) -> Vec<String> {
        choose(&mut forms, builds, &mut Vec::new());
        forms.into_iter().filter(Form::is_active).map(|form| form.path).collect()
    }

    #[test]
    fn a_chart_comes_before_a_kustomization_and_that_before_manifests() {
        let chart = || form(FormKind::Chart(Box::default()), "chart", Some("web"));
        let kustomization = || form(FormKind::Kustomization(Vec::new()), "overlay", Some("web"));
        let manifests = || form(FormKind::Manifests(Vec::new()), "k8s", Some("web"));
        assert_eq!(active(vec![chart(), kustomization(), manifests()], &[]), ["chart"]);
        assert_eq!(active(vec![kustomization(), manifests()], &[]), ["overlay"]);
        assert_eq!(active(vec![manifests()], &[]), ["k8s"]);
        let failed = RenderedChart { failures: vec![("values.yaml".into(), "no".into())], ..RenderedChart::default() };
        assert_eq!(active(vec![form(FormKind::Chart(Box::new(failed)), "chart", None), manifests()], &[]), ["k8s"]);
    }

    #[test]
    fn what_would_come_first_and_can_not_be_deployed_is_said() {
        let failed = |path: &str| Form {
            aside: Some("it fails".into()),
            ..form(FormKind::Kustomization(Vec::new()), path, None)
        };
        let mut forms =
            vec![failed("local"), form(FormKind::Kustomization(Vec::new()), "base", Some("web")), failed("prod")];
        let mut doubts = Vec::new();
        choose(&mut forms, &[], &mut doubts);
        assert_eq!(doubts, ["the kustomization `local` can't be used: it fails"]);
        // All of them, where nothing is left.
        let broken = RenderedChart { failures: vec![("values.yaml".into(), "no".into())], ..RenderedChart::default() };
        let mut forms = vec![form(FormKind::Chart(Box::new(broken)), "chart", None), failed("k")];
        let mut doubts = Vec::new();
        choose(&mut forms, &[], &mut doubts);
        assert_eq!(doubts.len(), 2);
        assert!(doubts[0].ends_with("it can't be installed with `values.yaml`: no"), "{doubts:?}");
        assert!(forms.iter().all(|form| !form.is_active()));
        // Beside what is used, a chart for another kind of cluster is missed by nobody.
        for (folder, expected) in [("helm/openshift", 0), ("helm/plain", 1)] {
            let broken =
                RenderedChart { failures: vec![("values.yaml".into(), "no".into())], ..RenderedChart::default() };
            let broken = form(FormKind::Chart(Box::new(broken)), folder, None);
            let mut forms = vec![broken, form(FormKind::Chart(Box::default()), "helm/kubernetes", Some("web"))];
            let mut doubts = Vec::new();
            choose(&mut forms, &[], &mut doubts);
            assert_eq!(doubts.len(), expected, "{folder} {doubts:?}");
        }
    }

    #[test]
    fn what_one_tool_deploys_together_is_all_used() {
        let of = |path: &str, image: &str, group: &str| Form {
            groups: [group.to_owned()].into(),
            ..form(FormKind::Manifests(Vec::new()), path, Some(image))
        };
        let kustomization = Form {
            groups: ["skaffold.yaml".to_owned()].into(),
            ..form(FormKind::Kustomization(Vec::new()), "base", Some("db"))
        };
        let forms = vec![kustomization, of("api", "api", "skaffold.yaml"), of("other", "x", "Tiltfile")];
        assert_eq!(active(forms, &[]), ["base", "api"]);
    }

    #[test]
    fn of_charts_that_deploy_the_same_the_one_for_this_cluster_is_used() {
        let chart = |name: &str, path: &str, workload: &str| {
            let mut form = form(
                FormKind::Chart(Box::new(RenderedChart { name: name.into(), ..RenderedChart::default() })),
                path,
                Some("web"),
            );
            let kinds = BTreeMap::from([("Deployment", BTreeSet::from([workload.to_owned()]))]);
            form.facts.as_mut().unwrap().workloads = BTreeMap::from([(String::new(), kinds)]);
            form
        };
        let builds = [ImageBuild { words: BTreeSet::from(["web".to_owned()]), ..ImageBuild::default() }];
        let charts = vec![
            chart("shop", "helm/openshift", "a"),
            chart("shop", "helm/plain", "b"),
            chart("shop", "helm/minikube", "c"),
            chart("web", "web/chart", "c"),
            chart("jobs", "jobs/chart", "d"),
        ];
        assert_eq!(active(charts, &builds), ["helm/minikube", "jobs/chart"]);
    }

    #[test]
    fn of_charts_with_the_same_images_that_are_built_here_one_is_used() {
        let build = |word: &str| ImageBuild { words: BTreeSet::from([word.to_owned()]), ..ImageBuild::default() };
        let builds = [build("api"), build("web"), build("jobs")];
        let chart = |path: &str, names: &[&str], group: Option<&str>| {
            let mut form = form(FormKind::Chart(Box::default()), path, Some("postgres"));
            form.facts.as_mut().unwrap().images = names.iter().map(|name| format!("{path}-{name}:1")).collect();
            form.groups = group.into_iter().map(str::to_owned).collect();
            form
        };
        let two = &["api", "web"][..];
        for (charts, expected) in [
            (vec![chart("shop", two, None), chart("old", two, None)], &["shop"][..]),
            (vec![chart("shop", two, Some("Tiltfile")), chart("old", two, Some("Tiltfile"))], &["shop", "old"]),
            (vec![chart("shop", two, None), chart("all", &["api", "web", "jobs"], None)], &["shop", "all"]),
            // Several programs may be in one image.
            (vec![chart("a", &["api"], None), chart("b", &["api"], None)], &["a", "b"]),
        ] {
            assert_eq!(active(charts, &builds), expected);
        }
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
}
