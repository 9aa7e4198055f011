//! Tests of `kubernetes`.

use std::path::PathBuf;

use kube::config::Kubeconfig;

use super::*;
use crate::error::FailureKind;
use crate::tools::cluster::ClusterSpec;

#[test]
fn the_current_context_never_counts() {
    let dir = tempfile::tempdir().unwrap();
    let config = "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters: []\nusers: []\n\
        contexts: [{name: prod, context: {cluster: prod, user: prod}}]\n";
    fs_err::write(dir.path().join("config"), config).unwrap();
    let mut source = KubeSource::of(&ClusterSpec::new("any", "dev"), dir.path());
    source.files = vec![dir.path().join("config"), dir.path().join("not-there")];
    let failure = source.read().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Target);
    assert_eq!(failure.to_string(), "there is no kube context `dev`: the kubeconfig has prod");
    source.context = "prod".into();
    assert!(source.read().is_ok());
    assert_eq!(source.kubectl(), "kubectl --context prod");
    // A program that uses the current context gets ours.
    source.context = "dev".into();
    let variable = source.variable(dir.path()).unwrap();
    let files: Vec<PathBuf> = std::env::split_paths(&variable).collect();
    assert_eq!(files[1..], source.files);
    let first = Kubeconfig::read_from(&files[0]).unwrap().merge(Kubeconfig::read_from(&files[1]).unwrap()).unwrap();
    assert_eq!(first.current_context.as_deref(), Some("dev"));
}

#[test]
fn a_cluster_that_was_never_started_is_said_to_be_so() {
    let dir = tempfile::tempdir().unwrap();
    let source = KubeSource::of(&ClusterSpec::managed("any", "todo", |_, _, _| true), dir.path());
    assert_eq!(source.stamp(), None);
    let failure = source.read().unwrap_err();
    assert_eq!(failure.message, "the cluster `todo` has not been started");
    fs_err::write(dir.path().join("kubeconfig"), "a").unwrap();
    let first = source.stamp();
    fs_err::write(dir.path().join("kubeconfig"), "b").unwrap();
    assert!(first.is_some() && source.stamp() != first);
}
