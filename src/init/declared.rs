//! What other files say of the forms that are deployed: the namespace, and what the pipeline does otherwise.

use std::collections::BTreeSet;

use super::findings::{DeclaredDeployment, Findings};
use super::forms::{Form, FormKind};
use super::releases::{has_mark, is_namespace};
use super::render_chart::RenderedChart;

/// The namespace that another file deploys a chart or manifests to.
pub(super) fn namespace(findings: &Findings, form: &Form) -> Option<String> {
    let is_of = |one: &&DeclaredDeployment| match form.kind {
        FormKind::Manifests(_) => {
            form.path.is_empty() || one.path == form.path || one.path.starts_with(&format!("{}/", form.path))
        }
        _ => one.path == form.path,
    };
    let all = findings.deployments.iter().filter(is_of);
    all.filter_map(|one| one.namespace.clone()).find(|name| is_namespace(name))
}

/// Adds to `findings` what other files say of the active forms and the pipeline does not do.
pub(super) fn add_doubts(findings: &mut Findings, forms: &[Form]) {
    let mut doubts = Vec::new();
    let mut spaces = BTreeSet::new();
    for form in forms.iter().filter(|form| form.is_active()) {
        spaces.extend(namespace(findings, form));
        let FormKind::Chart(chart) = &form.kind else { continue };
        let of_chart: Vec<&DeclaredDeployment> =
            findings.deployments.iter().filter(|one| one.path == form.path && one.release.is_some()).collect();
        let names: BTreeSet<&str> = of_chart.iter().filter_map(|one| one.release.as_deref()).collect();
        let by = of_chart.first().map_or("", |one| one.by.as_str());
        if names.len() > 1 {
            let names: Vec<&str> = names.into_iter().collect();
            doubts.push(format!("`{by}` installs {} several times, as `{}`: only `{}` is here, add a `helm-install` step for each other one", form.title(), names.join("`, `"), form.id));
        } else if let Some(name) = names.into_iter().find(|name| *name != form.id) {
            doubts.push(format!("`{by}` installs {} as the release `{name}`; here it is `{}`", form.title(), form.id));
        }
        let open: Vec<String> = unset(chart).map(|path| path.join(".")).collect();
        if !open.is_empty() {
            doubts.push(format!("`{by}` sets `{}` of {} to an image that is built here, and no pod got it from there: set it in the `helm-install` step", open.join("`, `"), form.title()));
        }
    }
    if spaces.len() > 1 {
        let spaces: Vec<String> = spaces.into_iter().collect();
        doubts.push(format!("other files deploy to several namespaces, `{}`; here there is one, the variable `namespace`: change `namespace` of the steps that need another one", spaces.join("`, `")));
    }
    findings.doubts.extend(doubts);
}

/// The values of a chart that are set to an image that is built, and that set none.
fn unset(chart: &RenderedChart) -> impl Iterator<Item = &Vec<String>> {
    chart.set.iter().filter(|(path, value)| has_mark(value) && !chart.keys.sets(path)).map(|(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::releases::tests::deployment;

    #[test]
    fn what_is_not_done_as_the_other_file_says_is_said() {
        let charts = [("chart", "gb", "one"), ("chart", "gb-2", "one"), ("edge", "my.edge", "two")];
        let mut findings = Findings {
            deployments: charts.map(|(path, release, namespace)| deployment(path, release, namespace)).into(),
            ..Findings::default()
        };
        let set = deployment("", "", "").set;
        let rendered = RenderedChart { set, ..RenderedChart::default() };
        let forms = [
            Form::of(FormKind::Chart(Box::new(rendered)), "gb", "chart", None),
            Form::of(FormKind::Chart(Box::default()), "edge", "edge", None),
        ];
        add_doubts(&mut findings, &forms);
        let parts = [
            "as `gb`, `gb-2`: only `gb` is here",
            "sets `a.c` of",
            "as the release `my.edge`; here it is `edge`",
            "several namespaces, `one`, `two`",
        ];
        for (part, doubt) in parts.iter().zip(&findings.doubts) {
            assert!(doubt.contains(part), "{part}: {doubt}");
        }
        assert_eq!(findings.doubts.len(), parts.len(), "{:?}", findings.doubts);
    }

    #[test]
    fn manifests_are_deployed_to_the_namespace_of_the_file_that_names_them() {
        let findings = Findings { deployments: vec![deployment("k8s/*.yaml", "", "shop")], ..Findings::default() };
        let found = |path: &str| namespace(&findings, &Form::of(FormKind::Manifests(Vec::new()), "k8s", path, None));
        assert_eq!((found("k8s").as_deref(), found("deploy")), (Some("shop"), None));
    }
}
