//! [`Needed`]: which of the images that can be built here the pipeline builds.

use std::collections::BTreeSet;

use super::survey::{Matches, Survey};
use crate::init::compose_choice::{is_built_by, registered};

/// The images that are built, by their numbers, and why others are not.
#[derive(Debug, Default)]
pub(super) struct Needed {
    pub(super) builds: BTreeSet<usize>,
    /// What is said of each other one.
    pub(super) why: &'static str,
}

impl Needed {
    /// Finds those that are deployed or started, and those that these begin with or copy from. Where none is, or where
    /// it is not known, all are built: then they are what there is to show.
    pub(super) fn of(survey: &Survey, matches: &Matches) -> Self {
        let mut needed = Self { builds: (0..survey.builds.len()).collect(), why: "" };
        let used = if survey.active().next().is_some() {
            // Of a chart that could not be seen nobody knows what it uses.
            if survey.active().any(|(_, form)| form.facts.is_none()) {
                return needed;
            }
            needed.why = "nothing that is deployed uses its image";
            matches.deployed.clone()
        } else {
            let Some(file) = survey.started() else { return needed };
            needed.why = "nothing that is started uses its image";
            let named = registered(file, &survey.builds, &mut Vec::new()).into_iter().map(|(_, at)| at);
            named.chain(needed.builds.iter().copied().filter(|at| is_built_by(file, &survey.builds[*at]))).collect()
        };
        if used.is_empty() {
            return needed;
        }
        needed.builds = used;
        loop {
            let bases = needed.builds.iter().flat_map(|at| {
                let bases = &survey.builds[*at].bases;
                bases.iter().filter_map(|(base, _)| matches.local_base(survey, *at, base))
            });
            let more: Vec<usize> = bases.filter(|at| !needed.builds.contains(at)).collect();
            if more.is_empty() {
                return needed;
            }
            needed.builds.extend(more);
        }
    }

    /// The Dockerfiles that are not built, each with the reason.
    pub(super) fn left_out(&self, survey: &Survey) -> Vec<(String, String)> {
        let numbered = survey.builds.iter().enumerate();
        let left = numbered.filter(|(at, _)| !self.builds.contains(at)).map(|(_, build)| {
            let is_of_it = |at: &usize| survey.builds[*at].dockerfile == build.dockerfile;
            // Another image of the same file is built.
            let which = if self.builds.iter().any(is_of_it) { format!(" as `{}`", build.id) } else { String::new() };
            (build.dockerfile.clone(), format!("{}{which}", self.why))
        });
        left.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::init::facts::Facts;
    use crate::init::findings::{ComposeFile, ComposeService};
    use crate::init::forms::{Form, FormKind};
    use crate::init::images::ImageBuild;

    fn build(id: &str, bases: &[&str]) -> ImageBuild {
        ImageBuild {
            id: id.into(),
            dockerfile: format!("{id}/Dockerfile"),
            names: vec![format!("acme/{id}")],
            bases: bases.iter().map(|base| ((*base).to_owned(), None)).collect(),
            ..ImageBuild::default()
        }
    }

    fn survey() -> Survey {
        let builds = vec![
            build("api", &["acme/base:1"]),
            build("tools", &[]),
            build("base", &["acme/root"]),
            build("root", &[]),
            build("more", &[]),
        ];
        Survey { project: "shop".into(), builds, ..Survey::default() }
    }

    fn ids(survey: &Survey) -> (String, Vec<(String, String)>) {
        let needed = Needed::of(survey, &Matches::of(survey, &mut Vec::new()));
        let ids: Vec<&str> = needed.builds.iter().map(|at| survey.builds[*at].id.as_str()).collect();
        (ids.join(" "), needed.left_out(survey))
    }

    #[test]
    fn what_is_deployed_and_what_that_begins_with_is_built() {
        let form = |image: Option<&str>| {
            let facts = image.map(|image| Facts { images: [image.to_owned()].into(), ..Facts::default() });
            Form::of(FormKind::Manifests(Vec::new()), "k8s", "k8s", facts)
        };
        let with = |image: Option<&str>| Survey { forms: vec![form(image)], ..survey() };
        let (built, left_out) = ids(&with(Some("acme/api:1")));
        assert_eq!(built, "api base root");
        let why = "nothing that is deployed uses its image";
        assert_eq!(
            left_out,
            ["more", "tools"]
                .map(|id| (format!("{id}/Dockerfile"), why.to_owned()))
                .into_iter()
                .rev()
                .collect::<Vec<_>>()
        );
        for unknown in [None, Some("other/x:1")] {
            assert_eq!(ids(&with(unknown)), ("api tools base root more".to_owned(), Vec::new()), "{unknown:?}");
        }
    }

    #[test]
    fn what_compose_starts_is_built_and_everything_where_there_is_nothing_else() {
        let service = |name: &str, image: Option<&str>| ComposeService {
            name: name.into(),
            image: image.map(str::to_owned),
            is_built: image.is_none(),
            by: "compose.yml".into(),
            ..ComposeService::default()
        };
        let mut survey = survey();
        assert_eq!(ids(&survey).1, Vec::new());
        survey.builds[1].services = vec![("compose.yml".into(), "t".into())];
        let services = vec![service("t", None), service("m", Some("ghcr.io/acme/more:2"))];
        survey.findings.compose =
            vec![ComposeFile { paths: vec!["compose.yml".into()], services, ..ComposeFile::default() }];
        let (built, left_out) = ids(&survey);
        assert_eq!(built, "tools more");
        let left: BTreeMap<String, String> = left_out.into_iter().collect();
        assert_eq!(left["base/Dockerfile"], "nothing that is started uses its image");
    }
}
