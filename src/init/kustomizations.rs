//! [`kustomized`]: what a kustomization becomes, and the files that it is made of.

use std::collections::BTreeSet;

use serde_json::Value;

use super::facts::Facts;
use super::findings::{Findings, Kustomization};
use super::programs::Programs;
use super::repository::{Repository, name_of, shown};
use crate::files::glob_of;
use crate::tools::kubernetes::ManifestObjects;

/// Parts of the names of overlays for a cluster like this one, the best first.
const LOCAL: [&str; 7] = ["minikube", "local", "kind", "dev", "development", "base", "default"];

/// Parts of the names of those that are all that has to be installed, and where they come among the others.
const WHOLE: [&str; 4] = ["install", "standalone", "quickstart", "all"];
const BASE: usize = 5;

/// The kustomizations to choose from, the best first: those that are not made for another purpose.
pub(super) fn tops(all: &[Kustomization]) -> Vec<&Kustomization> {
    let rank = |one: &&Kustomization| {
        let name = name_of(&one.folder).to_lowercase();
        let of_name = LOCAL.iter().position(|word| name.split(['-', '_', '.']).any(|part| part == *word));
        let is_used = all.iter().any(|other| other.resources.contains(&one.folder));
        // One that is all that has to be installed is more than the base that it has.
        let is_whole = name.split(['-', '_', '.']).any(|part| WHOLE.contains(&part))
            && all.iter().any(|other| one.resources.contains(&other.folder));
        let of_name = of_name.or(is_whole.then_some(BASE));
        let of_name = of_name.unwrap_or(if is_used { LOCAL.len() + 1 } else { LOCAL.len() });
        (of_name, !is_whole, one.folder.clone())
    };
    let mut found: Vec<&Kustomization> = all.iter().filter(|one| !one.is_component && !one.is_aside).collect();
    found.sort_by_key(rank);
    found
}

/// So many kustomizations are named that have a component.
const MAX_NAMED: usize = 3;

/// Lists the components that are no part of what is deployed: alone they are nothing that could be.
pub(super) fn leave_out_components(findings: &mut Findings, is_active: &dyn Fn(&str) -> bool) {
    let all = findings.kustomizations.clone();
    for component in all.iter().filter(|one| one.is_component && !one.is_aside) {
        let has_it = |one: &&Kustomization| closure(&all, one).iter().any(|part| part.folder == component.folder);
        let users: Vec<&Kustomization> = all.iter().filter(|one| !one.is_component).filter(has_it).collect();
        if users.iter().any(|one| is_active(&one.folder)) {
            continue;
        }
        let of = users.iter().map(|one| format!("`{}`", shown(&one.folder))).collect::<Vec<_>>();
        let why = if of.is_empty() {
            "it is a component, and no kustomization has it".to_owned()
        } else {
            let more = of.len().saturating_sub(MAX_NAMED);
            let others = if more == 0 { String::new() } else { format!(" and {more} more") };
            let (first, which) =
                (of[..of.len() - more].join(", "), if of.len() == 1 { "which is" } else { "which are" });
            format!("it is a component of {first}{others} alone, {which} not used")
        };
        findings.leave_out(&component.folder, why);
    }
}

/// What kubectl prints for a kustomization, or why it prints nothing; `Ok(None)` where it is not installed.
pub(super) async fn printed(
    repository: &Repository,
    programs: &Programs,
    all: &[Kustomization],
    one: &Kustomization,
) -> Result<Option<String>, String> {
    if let Some(why) = closure(all, one).iter().find_map(|part| absent(part, one)) {
        return Err(why);
    }
    let ended = programs.kustomize(&repository.root().join(&one.folder)).await.transpose();
    ended.map_err(|why| format!("`kubectl kustomize` fails: {}", inside(repository, &why)))
}

/// What a kustomization becomes, or why that could not be seen. `printed` is what kubectl prints for it.
pub(super) fn kustomized(
    findings: &mut Findings,
    all: &[Kustomization],
    one: &Kustomization,
    printed: Result<Option<String>, String>,
) -> Result<Facts, String> {
    let closure = closure(all, one);
    if let Some(text) = printed? {
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

/// Why a kustomization can't be rendered from what is in the repository: nothing is downloaded for it.
fn absent(part: &Kustomization, one: &Kustomization) -> Option<String> {
    let path = part.remote.first()?;
    let is_address = path.contains("://")
        || path.contains("git@")
        || path.contains("?ref=")
        || path.split('/').next().is_some_and(|first| first.contains('.') && !first.trim_matches('.').is_empty());
    let of = if part.folder == one.folder { "it".to_owned() } else { format!("`{}`", shown(&part.folder)) };
    Some(if is_address && path.contains('/') {
        format!("{of} takes `{path}` from elsewhere, and `init` downloads nothing")
    } else {
        format!("{of} reads `{path}`, which is not in the repository")
    })
}

/// A message without the place of the repository on this machine.
fn inside(repository: &Repository, message: &str) -> String {
    let root = repository.root().display().to_string();
    let real = fs_err::canonicalize(repository.root()).map(|real| real.display().to_string()).unwrap_or_default();
    let mut text = message.to_owned();
    for place in [real, root].iter().filter(|place| place.len() > 1) {
        text = text.replace(&format!("{place}/"), "").replace(place.as_str(), ".");
    }
    text
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
            open.extend(all.iter().filter(|other| next.reads.contains(&other.folder)));
        }
    }
    found
}

/// Globs for every file that a kustomization is made of, wherever it is.
pub(super) fn inputs(repository: &Repository, all: &[Kustomization], one: &Kustomization) -> Vec<String> {
    let (mut folders, mut files) = (BTreeSet::new(), BTreeSet::new());
    for part in closure(all, one) {
        // Of the repository's own folder only what is named: everything is below it.
        if part.folder.is_empty() {
            files.insert(part.file.as_str());
        } else {
            folders.insert(part.folder.as_str());
        }
        for path in part.reads.iter().filter(|path| !path.is_empty()) {
            let is_folder = repository.root().join(path).is_dir();
            if is_folder {
                folders.insert(path)
            } else {
                files.insert(path)
            };
        }
    }
    let is_below = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let tops = folders.iter().filter(|path| !folders.iter().any(|folder| is_below(path, folder)));
    let rest = files.iter().filter(|path| !folders.iter().any(|folder| is_below(path, folder)));
    rest.map(|path| glob_of(path)).chain(tops.map(|folder| format!("{}/**", glob_of(folder)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::detect::detect;
    use crate::init::testing::repository;

    fn one(folder: &str, resources: &[&str], is_component: bool) -> Kustomization {
        let resources: Vec<String> = resources.iter().map(|one| (*one).to_owned()).collect();
        Kustomization {
            folder: folder.to_owned(),
            reads: resources.clone(),
            resources,
            is_component,
            ..Kustomization::default()
        }
    }

    #[test]
    fn a_component_that_is_no_part_of_what_is_deployed_is_listed_with_the_reason() {
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
        leave_out_components(&mut findings, &|folder| folder == "dev");
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

    #[test]
    fn overlays_for_this_cluster_come_before_bases_and_those_for_others_last() {
        let all = [
            one("k/base", &[], false),
            one("k/overlays/prod", &["k/base"], false),
            one("k/overlays/dev", &["k/base"], false),
        ];
        let folders: Vec<&str> = tops(&all).iter().map(|one| one.folder.as_str()).collect();
        assert_eq!(folders, ["k/overlays/dev", "k/base", "k/overlays/prod"]);
        assert_eq!(closure(&all, &all[1]).len(), 2);
    }

    #[test]
    fn what_is_all_that_has_to_be_installed_comes_before_the_base_that_it_has() {
        let all = [
            one("k/base", &[], false),
            one("k/crds", &[], false),
            one("k/cluster-install", &["k/base", "k/crds"], false),
            one("k/tool-install", &[], false),
        ];
        let folders: Vec<&str> = tops(&all).iter().map(|one| one.folder.as_str()).collect();
        assert_eq!(folders[..2], ["k/cluster-install", "k/base"]);
    }

    #[test]
    fn every_file_that_is_read_is_an_input_wherever_it_is() {
        let (_dir, repository) = repository(&[
            (
                "kustomization.yaml",
                "resources: [manifests/a.yaml, deploy]\nconfigMapGenerator:\n- name: c\n  files: [\"x=conf/[a].txt\"]\n  envs: [a.env]\npatches: [{path: patches/a.yaml}]\ntransformers: [labels.yaml]\n",
            ),
            ("manifests/a.yaml", "kind: A\n"),
            ("manifests/b.yaml", "kind: B\n"),
            ("conf/[a].txt", ""),
            ("a.env", ""),
            ("patches/a.yaml", "kind: A\n"),
            ("labels.yaml", "kind: PatchTransformer\npath: more/p.yaml\n"),
            ("more/p.yaml", "kind: A\n"),
            ("deploy/kustomization.yml", "resources: [../config/base]\ncomponents: [../examples/part]\n"),
            ("config/base/kustomization.yaml", "replacements: [{path: ../r.yaml}]\n"),
            ("config/r.yaml", "{}\n"),
            ("examples/part/kustomization.yaml", "kind: Component\npatchesStrategicMerge: [../../p.yaml]\n"),
            ("p.yaml", "kind: A\n"),
        ]);
        let all = detect(&repository).kustomizations;
        let root = all.iter().find(|one| one.folder.is_empty()).unwrap();
        assert_eq!(
            inputs(&repository, &all, root),
            [
                "a.env",
                r"conf/\[a\].txt",
                "config/r.yaml",
                "kustomization.yaml",
                "labels.yaml",
                "manifests/a.yaml",
                "more/p.yaml",
                "p.yaml",
                "patches/a.yaml",
                "config/base/**",
                "deploy/**",
                "examples/part/**",
            ]
        );
    }

    #[test]
    fn what_is_elsewhere_and_what_is_missing_are_said_differently() {
        for (path, part) in [
            ("github.com/acme/x//t?ref=v1", "from elsewhere"),
            ("https://example.com/x.yaml", "from elsewhere"),
            ("git@example.com:a/b", "from elsewhere"),
            ("secrets.env", "which is not in the repository"),
            ("../config/x.yaml", "which is not in the repository"),
        ] {
            let one = Kustomization { remote: vec![path.to_owned()], ..one("k", &[], false) };
            assert!(absent(&one, &one).unwrap().contains(part), "{path}");
        }
    }
}
