//! [`without_doubles`]: of several ways to deploy the same one.

use std::collections::BTreeSet;

use super::form::{Form, FormKind};
use crate::init::repository::words_of;

/// Parts of the paths of charts for a cluster like this one, and of those for others.
const NEAR: [&str; 5] = ["minikube", "local", "kind", "dev", "kubernetes"];
const FAR: [&str; 8] = ["openshift", "knative", "aws", "gcp", "azure", "eks", "gke", "aks"];

/// How far a folder is from being for a cluster like this one: less is nearer.
pub(super) fn nearness(path: &str) -> (bool, usize) {
    let has = |words: &[&str]| words.iter().position(|word| words_of(path).any(|part| part == *word));
    (has(&FAR).is_some(), has(&NEAR).unwrap_or(NEAR.len()))
}

/// Takes away the forms that deploy what another one deploys: the workloads are the same, it is a chart of the same
/// name with the same images, in a folder for another cluster, or it has the same images that are built here, which
/// `of_forms` has, and these are several.
pub(super) fn without_doubles(all: &[Form], of_forms: &[BTreeSet<usize>], mut active: Vec<usize>) -> Vec<usize> {
    let rank = |at: &usize| (nearness(&all[*at].path), *at);
    active.sort_unstable();
    active.dedup();
    let order = active.clone();
    active.sort_by_key(rank);
    let mut kept: Vec<usize> = Vec::new();
    for at in active {
        let has_same = |other: usize| {
            let is_apart = all[other].groups.is_disjoint(&all[at].groups);
            is_apart && of_forms[at].len() > 1 && of_forms[at] == of_forms[other]
        };
        if !kept.iter().any(|other| has_same(*other) || is_the_same(&all[*other], &all[at])) {
            kept.push(at);
        }
    }
    order.into_iter().filter(|at| kept.contains(at)).collect()
}

/// Whether they are nothing but what others need.
pub(super) fn is_definitions(form: &Form) -> bool {
    form.facts.as_ref().is_some_and(|facts| facts.workloads.is_empty() && facts.images.is_empty())
}

fn is_the_same(one: &Form, other: &Form) -> bool {
    let (Some(first), Some(second)) = (&one.facts, &other.facts) else { return false };
    let name = |form: &Form| match &form.kind {
        FormKind::Chart(chart) => Some(chart.name.clone()),
        _ => None,
    };
    let is_one_chart = name(one).is_some() && name(one) == name(other);
    let shares_workloads = first.workloads.iter().any(|(space, kinds)| {
        let others = second.workloads.get(space);
        kinds.iter().any(|(kind, names)| {
            others.and_then(|kinds| kinds.get(kind)).is_some_and(|known| !known.is_disjoint(names))
        })
    });
    shares_workloads || (is_one_chart && first.images == second.images)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_for_a_cluster_like_this_one_is_the_nearest() {
        let mut folders = ["helm/knative", "helm/plain", "helm/openshift-dev", "helm/kubernetes", "helm/minikube"];
        folders.sort_by_key(|folder| nearness(folder));
        let expected = ["helm/minikube", "helm/kubernetes", "helm/plain", "helm/openshift-dev", "helm/knative"];
        assert_eq!(folders, expected);
    }
}
