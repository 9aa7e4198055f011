//! [`Survey`]: everything that is known of a repository once its charts were rendered.

use std::collections::{BTreeMap, BTreeSet};

use crate::images::Reference;
use crate::init::compose_choice::{ordered, registered};
use crate::init::declared::namespace;
use crate::init::findings::{ComposeFile, Findings, image_name};
use crate::init::forms::{Form, FormKind};
use crate::init::images::ImageBuild;
use crate::init::matching::built_images;

/// What is known of a repository.
#[derive(Debug, Default)]
pub(in crate::init) struct Survey {
    /// The name of the application: that of its folder.
    pub(in crate::init) project: String,
    pub(in crate::init) builds: Vec<ImageBuild>,
    pub(in crate::init) forms: Vec<Form>,
    pub(in crate::init) findings: Findings,
    /// Whether helm is installed.
    pub(in crate::init) has_helm: bool,
}

/// Which images of which form are built here.
#[derive(Debug, Default)]
pub(super) struct Matches {
    /// For each form: the images as it names them, and which build makes each.
    pub(super) of_forms: Vec<BTreeMap<String, usize>>,
    /// The name that each built image gets.
    pub(super) names: Vec<String>,
    /// The builds whose images are deployed to the cluster.
    pub(super) deployed: BTreeSet<usize>,
}

impl Matches {
    /// Finds them, and adds to `doubts` what is only a guess.
    pub(super) fn of(survey: &Survey, doubts: &mut Vec<String>) -> Self {
        let of_forms: Vec<BTreeMap<String, usize>> = survey
            .forms
            .iter()
            .map(|form| {
                let mut unsure = Vec::new();
                let images = form
                    .facts
                    .as_ref()
                    .map(|facts| built_images(&survey.builds, &facts.images, &form.path, &mut unsure));
                if form.is_active() {
                    doubts.extend(unsure);
                }
                images.unwrap_or_default()
            })
            .collect();
        let active = survey.forms.iter().zip(&of_forms).filter(|(form, _)| form.is_active());
        let used: Vec<(&String, usize)> =
            active.flat_map(|(_, images)| images.iter().map(|(image, at)| (image, *at))).collect();
        let name = |(at, build): (usize, &ImageBuild)| {
            // As the deployment calls it: then only its tag has to be set.
            let as_used = used.iter().filter(|(_, used)| *used == at).map(|(image, _)| image_name(image).to_owned());
            let own = format!("{}-{}", survey.project, build.id);
            let own = if build.id == "app" || build.id == survey.project { survey.project.clone() } else { own };
            let mut names = as_used.chain(build.names.iter().cloned()).chain([own.clone()]);
            names.find(|name| is_usable(name)).unwrap_or(own)
        };
        let names = survey.builds.iter().enumerate().map(name).collect();
        let deployed = used.iter().map(|(_, at)| *at).collect();
        Self { of_forms, names, deployed }
    }

    /// The build that makes the image `base`, which the one with the number `at` begins with.
    pub(super) fn local_base(&self, survey: &Survey, at: usize, base: &str) -> Option<usize> {
        let name = image_name(base);
        let is_made = |(other, build): (usize, &ImageBuild)| {
            other != at && (self.names[other] == name || build.names.iter().any(|known| known == name))
        };
        survey.builds.iter().enumerate().position(is_made)
    }
}

fn is_usable(name: &str) -> bool {
    !name.contains('$') && Reference::parse(name).is_ok_and(|reference| reference.tag().is_none())
}

impl Survey {
    /// The namespace that the active forms are deployed to.
    pub(super) fn namespace(&self) -> String {
        let active: Vec<&Form> = self.forms.iter().filter(|form| form.is_active()).collect();
        for form in &active {
            let Some(facts) = &form.facts else { continue };
            let wanted = namespace(&self.findings, form);
            if matches!(form.kind, FormKind::Chart(_)) {
                // A release can't make the namespace that it is in.
                if facts.made_namespaces.contains(wanted.as_ref().unwrap_or(&self.project)) {
                    return "default".to_owned();
                }
            } else if let Some(first) = facts.namespaces.iter().next() {
                return first.clone();
            }
            if let Some(wanted) = wanted {
                return wanted;
            }
            // What such a chart has without a namespace belongs to its pods, which have one of their own.
            let mut spaces = facts.workloads.keys().filter(|space| !facts.made_namespaces.contains(*space));
            if let (Some(space), None, 1) = (spaces.next(), spaces.next(), facts.workloads.len())
                && !space.is_empty()
            {
                return space.clone();
            }
        }
        self.project.clone()
    }

    /// The compose file that is started: where nothing goes to a cluster. Of a repository that is for a cluster, one
    /// that has nothing of what is built here has only what that needs while it is written.
    pub(super) fn started(&self) -> Option<&ComposeFile> {
        let first = ordered(&self.findings.compose, &self.builds).into_iter().next()?;
        let is_built = first.services.iter().any(|service| service.is_built && service.is_started());
        let has_own = is_built || !registered(first, &self.builds, &mut Vec::new()).is_empty();
        let is_it = self.active().next().is_none() && (self.forms.is_empty() || self.builds.is_empty() || has_own);
        is_it.then_some(first)
    }

    /// The active forms, each with its number.
    pub(super) fn active(&self) -> impl Iterator<Item = (usize, &Form)> {
        self.forms.iter().enumerate().filter(|(_, form)| form.is_active())
    }
}

/// The setting for the namespace of an object that names `own`, where most are in `namespace`.
pub(super) fn namespace_setting(own: Option<&str>, namespace: &str) -> String {
    match own {
        Some(own) if !own.is_empty() && own != namespace => own.to_owned(),
        _ => "${{ vars.namespace }}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::facts::Facts;
    use crate::init::findings::ComposeService;

    #[test]
    fn compose_is_started_where_nothing_goes_to_a_cluster_and_it_has_something_of_the_application() {
        let form = |aside: Option<&str>| Form {
            aside: aside.map(str::to_owned),
            ..Form::of(FormKind::Manifests(Vec::new()), "k8s", "k8s", None)
        };
        let service = |image: Option<&str>| ComposeService {
            image: image.map(str::to_owned),
            is_built: image.is_none(),
            ..ComposeService::default()
        };
        let build = ImageBuild { names: vec!["acme/api".into()], ..ImageBuild::default() };
        for (forms, image, builds, expected) in [
            (vec![], Some("postgres"), vec![build.clone()], true),
            (vec![form(Some("no"))], Some("postgres"), vec![build.clone()], false),
            (vec![form(Some("no"))], Some("postgres"), vec![], true),
            (vec![form(Some("no"))], Some("acme/api:1"), vec![build.clone()], true),
            (vec![form(Some("no"))], None, vec![build.clone()], true),
            (vec![form(None)], None, vec![build], false),
        ] {
            let mut survey = Survey { project: "shop".into(), forms, builds, ..Survey::default() };
            survey.findings.compose = vec![ComposeFile { services: vec![service(image)], ..ComposeFile::default() }];
            assert_eq!(survey.started().is_some(), expected, "{image:?} {:?}", survey.forms);
        }
    }

    #[test]
    fn a_chart_is_installed_where_all_of_its_pods_are() {
        for (spaces, made, expected) in [
            (&["shop"][..], &[][..], "shop"),
            (&["project"], &[], "project"),
            (&[""], &[], "project"),
            (&["", "shop"], &[], "project"),
            (&["a", "b"], &[], "project"),
            (&["shop"], &["shop"], "project"),
            (&["project"], &["project"], "default"),
        ] {
            let workloads = spaces.iter().map(|space| ((*space).to_owned(), BTreeMap::new())).collect();
            let made_namespaces = made.iter().map(|space| (*space).to_owned()).collect();
            let facts = Facts { workloads, made_namespaces, ..Facts::default() };
            let form = Form::of(FormKind::Chart(Box::default()), "chart", "chart", Some(facts));
            let survey = Survey { project: "project".into(), forms: vec![form], ..Survey::default() };
            assert_eq!(survey.namespace(), expected, "{spaces:?} {made:?}");
        }
    }
}
