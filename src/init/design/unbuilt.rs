//! Images that are deployed or started, that seem to be the repository's own, and that nothing here builds.

use std::collections::BTreeSet;

use super::survey::{Matches, Survey};
use crate::init::compose_choice::registered;
use crate::init::findings::image_name;
use crate::init::matching::is_public;
use crate::init::repository::{folder_of, name_of};

/// Adds to the doubts which images those are.
pub(super) fn add(survey: &Survey, matches: &Matches, doubts: &mut Vec<String>) {
    for (number, form) in survey.active() {
        let Some(facts) = &form.facts else { continue };
        let unbuilt = facts.images.iter().filter(|image| !matches.of_forms[number].contains_key(*image));
        doubts.extend(said(survey, &format!("{}: its pods have", form.title()), unbuilt));
    }
    if let Some(file) = survey.started() {
        let built: BTreeSet<String> =
            registered(file, &survey.builds, &mut Vec::new()).into_iter().map(|(image, _)| image).collect();
        let images = file.services.iter().filter(|service| service.is_started()).filter_map(|one| one.image.as_ref());
        let unbuilt = images.filter(|image| !built.contains(*image));
        let first = file.paths.first().map_or("", String::as_str);
        doubts.extend(said(survey, &format!("`{first}` has"), unbuilt));
    }
}

/// What there is to say of those of `images` that seem to be the repository's own.
fn said<'a>(survey: &Survey, subject: &str, images: impl Iterator<Item = &'a String>) -> Option<String> {
    let own = images.filter_map(|image| Some((image, source_of(survey, image)?)));
    let own: Vec<String> = own.map(|(image, source)| format!("`{image}` ({source})")).collect();
    (!own.is_empty()).then(|| {
        format!(
            "{subject} {}, which nothing here builds: it has to be in its registry, or add the step that makes it",
            own.join(", ")
        )
    })
}

/// What in the repository the image seems to be made from.
fn source_of(survey: &Survey, image: &str) -> Option<String> {
    let name = image_name(image);
    if is_public(name) {
        return None;
    }
    if name.starts_with("ko://") {
        return Some("ko makes it".to_owned());
    }
    if survey.findings.made_otherwise.iter().any(|other| other == name) {
        return Some("another file makes it".to_owned());
    }
    let last = name_of(name).to_lowercase();
    let is_it = |word: &str| {
        let word = word.to_lowercase();
        !word.is_empty()
            && (last == word || last.strip_suffix(&word).is_some_and(|before| before.ends_with(['-', '_'])))
    };
    // The repository's own folder says too little.
    let packages = survey.findings.packages.iter().filter(|package| !folder_of(&package.file).is_empty());
    let found = packages.into_iter().find(|package| {
        is_it(name_of(folder_of(&package.file))) || package.name.as_deref().is_some_and(|name| is_it(name_of(name)))
    });
    found.map(|package| format!("`{}` may be its source", package.file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::facts::Facts;
    use crate::init::findings::{ComposeFile, ComposeService, Package};
    use crate::init::forms::{Form, FormKind};
    use crate::init::images::ImageBuild;

    fn doubts(survey: &Survey) -> Vec<String> {
        let mut doubts = Vec::new();
        add(survey, &Matches::of(survey, &mut Vec::new()), &mut doubts);
        doubts
    }

    #[test]
    fn what_seems_to_be_made_here_and_is_not_is_said() {
        let package = |file: &str, name: Option<&str>| Package {
            file: file.into(),
            language: "Java",
            name: name.map(str::to_owned),
            ..Package::default()
        };
        let build = ImageBuild { names: vec!["acme/api".into()], ..ImageBuild::default() };
        let mut survey = Survey { project: "shop".into(), builds: vec![build], ..Survey::default() };
        survey.findings.packages = vec![
            package("services/mail/pom.xml", None),
            package("x/package.json", Some("@acme/web")),
            package("redis/pom.xml", None),
            package("pom.xml", Some("shop")),
        ];
        survey.findings.made_otherwise = vec!["acme/tool".into()];
        let images =
            ["acme/api:1", "acme/shop-mail:1", "reg.io/acme/web", "redis:7", "acme/gmail:1", "acme/tool", "ko://a/b"];
        let facts = Facts { images: images.map(str::to_owned).into(), ..Facts::default() };
        survey.forms = vec![Form::of(FormKind::Manifests(Vec::new()), "k8s", "k8s", Some(facts))];
        let found = doubts(&survey);
        assert_eq!(found.len(), 1, "{found:?}");
        for part in [
            "`acme/shop-mail:1` (`services/mail/pom.xml` may",
            "`reg.io/acme/web` (`x/p",
            "`acme/tool` (a",
            "`ko://a/b` (ko",
        ] {
            assert!(found[0].contains(part), "{part}: {found:?}");
        }
        assert!(["acme/api", "redis", "gmail"].iter().all(|other| !found[0].contains(other)), "{found:?}");
    }

    #[test]
    fn what_compose_starts_is_said_where_nothing_else_deploys() {
        let service = |image: &str| ComposeService { image: Some(image.into()), ..ComposeService::default() };
        let file = ComposeFile {
            paths: vec!["compose.yml".into()],
            services: vec![service("acme/mail")],
            ..ComposeFile::default()
        };
        let mut survey = Survey::default();
        survey.findings.compose = vec![file];
        assert_eq!(doubts(&survey), Vec::<String>::new());
        survey.findings.packages =
            vec![Package { file: "mail/pom.xml".into(), language: "Java", ..Package::default() }];
        assert!(doubts(&survey)[0].starts_with("`compose.yml` has `acme/mail`"), "{:?}", doubts(&survey));
    }
}
