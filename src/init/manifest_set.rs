//! [`manifest_sets`]: manifests that belong together, and which of them can be applied as they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::Facts;
use super::findings::{Findings, ManifestFile};
use super::manifest_groups::{common_folder, has, has_word, is_of_flux, patterns};
use super::repository::{Repository, ancestors, folder_of, name_of};
use crate::leaks::is_placeholder;

/// Manifests that belong together.
#[derive(Debug, Default)]
pub(super) struct ManifestSet {
    /// The folder that all of them are in.
    pub(super) folder: String,
    /// What deploys them together; `""` for nothing that is known.
    pub(super) group: String,
    /// The files, as `manifest-apply` has them: globs, and what they leave out.
    pub(super) patterns: Vec<String>,
    pub(super) facts: Facts,
    /// Why they can't be applied as they are.
    pub(super) trouble: Option<String>,
    /// What there is to know where they are used.
    pub(super) doubts: Vec<String>,
}

/// Names of folders that hold the manifests of a whole project.
const ROOTS: &[&str] = &[
    "k8s",
    "kubernetes",
    "kubernetes-manifests",
    "manifests",
    "kube",
    "deploy",
    "deployment",
    "deployments",
    "infra",
    "infrastructure",
    "ops",
];

/// Parts of the names of folders that are for a cluster like this one.
const LOCAL: &[&str] = &["minikube", "local", "kind", "dev", "base"];

/// Parts of the names of folders that are for other purposes.
const OTHER: &[&str] = &[
    "prod",
    "production",
    "staging",
    "openshift",
    "istio",
    "aws",
    "gcp",
    "azure",
    "eks",
    "gke",
    "aks",
    "release",
    "monitoring",
    "argocd",
    "flux",
    "cert-manager",
];

/// Returns the sets of manifests, the best first; those of a kustomization are none. Adds to `findings` what is left
/// out.
pub(super) fn manifest_sets(repository: &Repository, findings: &mut Findings) -> Vec<ManifestSet> {
    let files = std::mem::take(&mut findings.manifests);
    let of_kustomization = |file: &ManifestFile| {
        let mut used = findings.kustomizations.iter().filter(|one| !one.is_aside);
        used.any(|one| {
            one.reads.contains(&file.path) || ancestors(folder_of(&file.path)).any(|folder| one.folder == folder)
        })
    };
    let mut roots: BTreeMap<String, Vec<&ManifestFile>> = BTreeMap::new();
    // What one file names is deployed together, wherever it is.
    let mut groups: BTreeMap<String, Vec<&ManifestFile>> = BTreeMap::new();
    for file in files.iter().filter(|file| !of_kustomization(file) && !is_of_flux(&file.path)) {
        match findings.deployments.iter().find(|one| !one.group.is_empty() && has(&one.path, &file.path)) {
            Some(one) => groups.entry(one.group.clone()).or_default().push(file),
            None => roots.entry(root_of(&file.path).to_owned()).or_default().push(file),
        }
    }
    let named = groups.into_iter().map(|(group, files)| (group, common_folder(&files), files));
    let others = roots.into_iter().map(|(folder, files)| (String::new(), folder, files));
    let mut left_out = Vec::new();
    let mut sets: Vec<ManifestSet> = named
        .chain(others)
        .filter_map(|(group, folder, files)| {
            let found = set(repository, folder, &files, &mut left_out)?;
            Some(ManifestSet { group, ..found })
        })
        .collect();
    for (path, why) in left_out {
        findings.leave_out(&path, why);
    }
    let named = |set: &ManifestSet| {
        !set.group.is_empty()
            || findings.deployments.iter().any(|one| {
                one.path == set.folder
                    || one.path.starts_with(&format!("{}/", set.folder))
                    || (set.folder.is_empty() && !one.path.contains('/'))
            })
    };
    let n_workloads =
        |set: &ManifestSet| set.facts.workloads.values().flat_map(BTreeMap::values).map(BTreeSet::len).sum::<usize>();
    sets.sort_by_key(|set| {
        (
            set.trouble.is_some(),
            n_workloads(set) == 0,
            !named(set),
            is_other(&set.folder),
            std::cmp::Reverse(n_workloads(set)),
            set.folder.clone(),
        )
    });
    // What a tool deploys with others may be nothing but definitions that those need.
    sets.retain(|set| n_workloads(set) > 0 || !set.group.is_empty());
    findings.manifests = files;
    sets
}

fn is_other(folder: &str) -> bool {
    has_word(folder, OTHER)
}

/// The highest folder above a file whose name says that it holds manifests, or else its own.
fn root_of(path: &str) -> &str {
    let all: Vec<&str> = ancestors(folder_of(path)).collect();
    all.iter()
        .rev()
        .find(|folder| ROOTS.contains(&name_of(folder).to_lowercase().as_str()))
        .copied()
        .unwrap_or_else(|| folder_of(path))
}

/// Puts those files of a folder together that can be applied at once.
fn set(
    repository: &Repository,
    folder: String,
    files: &[&ManifestFile],
    left_out: &mut Vec<(String, String)>,
) -> Option<ManifestSet> {
    let mut doubts = Vec::new();
    let mut by_folder: BTreeMap<(bool, usize, &str), Vec<&ManifestFile>> = BTreeMap::new();
    for file in files {
        let own = folder_of(&file.path);
        let below = own.strip_prefix(&folder).unwrap_or(own);
        let rank = (is_other(below), usize::from(!below.is_empty() && !has_word(below, LOCAL)), own);
        by_folder.entry(rank).or_default().push(file);
    }
    let mut places: BTreeMap<(String, String, String), &str> = BTreeMap::new();
    let (mut taken, mut spoiled): (Vec<&ManifestFile>, Vec<(&ManifestFile, String)>) = (Vec::new(), Vec::new());
    for file in by_folder.into_values().flatten() {
        if let Some(why) = trouble(file, &places) {
            left_out.push((file.path.clone(), why));
            continue;
        }
        if let Some(why) = unknown(file) {
            spoiled.push((file, why));
            continue;
        }
        places.extend(file.objects.iter().map(|object| (key(object), file.path.as_str())));
        taken.push(file);
    }
    // Where all workloads share their files with what the cluster does not take, nothing of it is applied.
    let has_workloads = |file: &&ManifestFile| !Facts::of(&file.objects).workloads.is_empty();
    let trouble = (!taken.iter().any(has_workloads))
        .then(|| spoiled.iter().find(|(file, _)| has_workloads(file)))
        .flatten()
        .map(|(file, why)| format!("`{}`: {why}", file.path));
    for (file, why) in spoiled {
        if trouble.is_some() {
            taken.push(file);
            continue;
        }
        if has_workloads(&file) && !is_other(file.path.strip_prefix(&folder).unwrap_or(&file.path)) {
            doubts.push(format!("`{}` is not applied: {why}", file.path));
        }
        left_out.push((file.path.clone(), why));
    }
    if taken.is_empty() {
        return None;
    }
    let objects: Vec<Value> = taken.iter().flat_map(|file| file.objects.iter().cloned()).collect();
    let mut facts = Facts::of(&objects);
    // A Secret that a file would have made is made from the environment instead.
    for file in files.iter().filter(|file| is_secret_file(file)) {
        for (name, secret) in Facts::of(&file.objects).secrets {
            let known = facts.secrets.entry(name).or_default();
            for key in secret.made_keys {
                known.keys.entry(key).or_insert(false);
            }
            known.namespace = known.namespace.take().or(secret.namespace);
        }
    }
    Some(ManifestSet { patterns: patterns(repository, &taken), folder, group: String::new(), facts, trouble, doubts })
}

/// Why a file is not applied with the others.
fn trouble(file: &ManifestFile, places: &BTreeMap<(String, String, String), &str>) -> Option<String> {
    if is_secret_file(file) {
        let has_values = file.objects.iter().any(|object| values(object).any(|value| !is_placeholder(&value)));
        let why = if has_values {
            "it has the values of a Secret, which come from the environment instead: if they are real ones, change them"
        } else {
            "it is a Secret with placeholders, whose values come from the environment instead"
        };
        return Some(why.to_owned());
    }
    let again = file.objects.iter().find_map(|object| places.get(&key(object)).map(|other| (object, *other)));
    if let Some((object, other)) = again {
        let (_, kind, name) = key(object);
        return Some(format!("`{other}` has the {kind} `{name}` as well"));
    }
    None
}

/// What of a file a cluster does not take, with what is lost by that: a file is applied as a whole.
fn unknown(file: &ManifestFile) -> Option<String> {
    let facts = Facts::of(&file.objects);
    let (object, why) = facts.unknown.first()?;
    let is_taken = |kind: &str, name: &String| facts.unknown.iter().all(|(one, _)| *one != format!("{kind}/{name}"));
    let workload = facts
        .workloads
        .values()
        .flatten()
        .find_map(|(kind, names)| Some((kind, names.iter().find(|name| is_taken(kind, name))?)));
    Some(match workload {
        Some((kind, name)) => format!("{why}; move {object} to a file of its own: `{kind}/{name}` is in the same one"),
        None => why.clone(),
    })
}

fn is_secret_file(file: &ManifestFile) -> bool {
    file.objects.iter().all(|object| object.get("kind").and_then(Value::as_str) == Some("Secret"))
}

/// The values of a Secret as text.
fn values(secret: &Value) -> impl Iterator<Item = String> {
    use base64::Engine as _;
    let decoded = |text: &str| {
        base64::engine::general_purpose::STANDARD
            .decode(text.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
    };
    let of = |field: &str| {
        secret
            .get(field)
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|map| map.values().filter_map(Value::as_str))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let data = of("data").into_iter().map(move |text| decoded(&text).unwrap_or(text));
    data.chain(of("stringData"))
}

fn key(object: &Value) -> (String, String, String) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/metadata/namespace"), text("/kind"), text("/metadata/name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::detect::detect;
    use crate::init::findings::DeclaredDeployment;
    use crate::init::testing::repository;

    fn sets(files: &[(&str, String)]) -> (Vec<ManifestSet>, Findings) {
        let (_dir, repository) = repository(files);
        let mut findings = detect(&repository);
        (manifest_sets(&repository, &mut findings), findings)
    }

    fn workload(name: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{template: {{spec: {{containers: [{{image: {name}}}]}}}}}}\n"
        )
    }

    #[test]
    fn what_can_not_be_applied_is_left_out_of_the_globs() {
        let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {TOKEN: change-me}\n";
        let (found, findings) = sets(&[
            ("k8s/web.yaml", workload("web")),
            ("k8s/api.yaml", workload("api")),
            ("k8s/secret.yaml", secret.to_owned()),
            ("k8s/route.yaml", "apiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: r}\n".to_owned()),
            ("k8s/prod/web.yaml", workload("web")),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].patterns, ["k8s/*.yaml", "!k8s/route.yaml", "!k8s/secret.yaml"]);
        assert_eq!(found[0].facts.secrets["s"].keys.keys().collect::<Vec<_>>(), ["TOKEN"]);
        let out: Vec<&str> = findings.left_out.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(out, ["k8s/secret.yaml", "k8s/prod/web.yaml", "k8s/route.yaml"]);
    }

    #[test]
    fn a_file_is_applied_as_a_whole_or_not_at_all() {
        let other = "---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\n";
        let (found, findings) = sets(&[("k8s/all.yaml", workload("web") + other)]);
        assert_eq!(found[0].patterns, ["k8s/*.yaml"]);
        let why = found[0].trouble.as_deref().unwrap();
        assert!(
            why.contains("`k8s/all.yaml`") && why.contains("move Application/x") && why.contains("`Deployment/web`")
        );
        assert!(findings.left_out.is_empty(), "{:?}", findings.left_out);
        // The rest is applied, and it is said what is missing.
        let (found, findings) = sets(&[("k8s/all.yaml", workload("web") + other), ("k8s/api.yaml", workload("api"))]);
        assert_eq!(
            (found[0].patterns.as_slice(), &found[0].trouble),
            (["k8s/*.yaml".to_owned(), "!k8s/all.yaml".to_owned()].as_slice(), &None)
        );
        assert_eq!(findings.left_out[0].path, "k8s/all.yaml");
        assert!(found[0].doubts[0].contains("`k8s/all.yaml` is not applied"), "{:?}", found[0].doubts);
    }

    #[test]
    fn what_the_cluster_does_not_take_is_moved_nowhere_where_it_is_alone() {
        let old = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: tick}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{image: x}]}}}}}\n";
        let (_, findings) = sets(&[("k8s/tick.yaml", old.to_owned()), ("k8s/api.yaml", workload("api"))]);
        let why = &findings.left_out[0].why;
        assert!(why.contains("no longer served") && !why.contains("move"), "{why}");
    }

    #[test]
    fn what_one_file_names_is_one_set_wherever_it_is_and_flux_is_none() {
        let files = ["web/k8s.yaml", "api/k8s.yaml", "jobs/k8s.yaml", "c/flux-system/gotk-components.yaml"];
        let (_dir, repository) = repository(&files.map(|path| (path, workload(&path.replace(['/', '.'], "-")))));
        let mut findings = detect(&repository);
        for path in ["web/k8s.yaml", "api/*.yaml"] {
            let (by, path) = ("Tiltfile".to_owned(), path.to_owned());
            findings.deployments.push(DeclaredDeployment { group: by.clone(), by, path, ..Default::default() });
        }
        let found = manifest_sets(&repository, &mut findings);
        let shown = found.iter().map(|set| format!("{} {} {:?}", set.folder, set.group, set.patterns));
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [r#" Tiltfile ["api/*.yaml", "web/*.yaml"]"#, r#"jobs  ["jobs/*.yaml"]"#]
        );
    }

    #[test]
    fn definitions_that_a_tool_deploys_with_others_are_a_set() {
        let text =
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: docs.acme.dev}\n";
        let files = [("crds/doc.yaml", text), ("crds/other.yaml", text)];
        let (_dir, repository) = repository(&files);
        for (path, expected) in [("crds/doc.yaml", 1), ("charts", 0)] {
            let mut findings = detect(&repository);
            let (by, path) = ("Tiltfile".to_owned(), path.to_owned());
            findings.deployments.push(DeclaredDeployment { group: by.clone(), by, path, ..Default::default() });
            let found = manifest_sets(&repository, &mut findings);
            let is_whole = |set: &&ManifestSet| set.patterns == ["crds/*.yaml", "!crds/other.yaml"];
            assert_eq!((found.len(), found.iter().filter(is_whole).count()), (expected, expected), "{found:?}");
        }
    }

    #[test]
    fn names_that_look_like_patterns_stand_for_themselves() {
        let (found, _) = sets(&[
            ("k8s [old]/web.yaml", workload("web")),
            ("k8s [old]/values.yaml", "a: 1\n".to_owned()),
            ("k8s [old]/{a}/b.yaml", workload("b")),
        ]);
        let all: Vec<&str> = found.iter().flat_map(|set| &set.patterns).map(String::as_str).collect();
        assert_eq!(all, [r"k8s \[old\]/*.yaml", r"!k8s \[old\]/values.yaml", r"k8s \[old\]/\{a\}/*.yaml"]);
    }

    #[test]
    fn manifests_beside_the_code_are_named_one_by_one() {
        let (found, _) = sets(&[("web.yaml", workload("web")), ("values.yaml", "a: 1\n".into())]);
        assert_eq!(found[0].patterns, ["web.yaml"]);
    }

    #[test]
    fn a_folder_for_another_purpose_comes_last() {
        let (found, _) = sets(&[("openshift/web.yaml", workload("web")), ("k8s/web.yaml", workload("web"))]);
        let folders: Vec<&str> = found.iter().map(|set| set.folder.as_str()).collect();
        assert_eq!(folders, ["k8s", "openshift"]);
    }
}
