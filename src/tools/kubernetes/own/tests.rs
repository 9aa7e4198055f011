//! Tests of `own`.

use super::*;
use crate::error::FailureKind;

const OURS: &str = "apiVersion: v1\nkind: Config\ncurrent-context: dev\n\
                    clusters: [{name: dev, cluster: {server: 'https://192.168.49.2:8443', certificate-authority: /m/ca}}]\n\
                    contexts: [{name: dev, context: {cluster: dev, user: dev, namespace: default}}]\n\
                    users: [{name: dev, user: {client-certificate: /m/crt, client-key: /m/key, token: one}}]\n";

fn of(folder: &Path) -> OwnKubeconfig {
    OwnKubeconfig::new(&folder.join("kubeconfig"), "dev")
}

/// A folder with a kubeconfig that is sealed.
fn sealed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kubeconfig"), OURS).unwrap();
    of(folder.path()).seal().unwrap();
    folder
}

fn is_ours(folder: &Path, text: &str) -> bool {
    fs::write(folder.join("kubeconfig"), text).unwrap();
    of(folder).check().is_ok()
}

#[test]
fn whatever_leads_elsewhere_breaks_the_seal() {
    let folder = sealed();
    let folder = folder.path();
    assert!(is_ours(folder, OURS));
    for (from, to) in [
        ("192.168.49.2", "192.168.49.3"),
        ("/m/ca", "/other/ca"),
        ("/m/ca", "/m/ca, tls-server-name: other"),
        ("/m/ca", "/m/ca, proxy-url: 'http://other'"),
        ("/m/ca", "/m/ca, anything: else"),
        ("/m/key", "/other/key"),
        ("token: one", "token: two"),
        ("current-context: dev", "current-context: other"),
        ("cluster: dev, user: dev", "cluster: dev, user: other"),
        ("name: dev, context", "name: other, context"),
        // A second one under the same name, before it and after it.
        ("clusters: [", "clusters: [{name: dev, cluster: {server: 'https://other'}}, "),
        ("/m/ca}}", "/m/ca}}, {name: dev, cluster: {server: 'https://other'}}"),
    ] {
        let changed = OURS.replace(from, to);
        assert_ne!(changed, OURS, "{from}");
        assert!(!is_ours(folder, &changed), "{from} -> {to}");
    }
    for text in ["", "garbage: [", &format!("{OURS}---\n{OURS}"), &OURS[..OURS.len() / 2]] {
        assert!(!is_ours(folder, text), "{text}");
    }
}

#[test]
fn what_a_step_may_choose_in_it_keeps_the_seal() {
    let folder = sealed();
    for (from, to) in [
        ("namespace: default", "namespace: x"),
        (", namespace: default", ""),
        ("contexts: [", "contexts: [{name: more, context: {cluster: more, user: more}}, "),
        ("users: [", "users: [{name: more, user: {token: t}}, "),
        // As another program writes it.
        (
            "server: 'https://192.168.49.2:8443', certificate-authority: /m/ca",
            "certificate-authority: /m/ca, server: https://192.168.49.2:8443",
        ),
    ] {
        let changed = OURS.replace(from, to);
        assert_ne!(changed, OURS, "{from}");
        assert!(is_ours(folder.path(), &changed), "{from} -> {to}");
    }
}

#[test]
fn a_seal_is_of_one_folder_and_of_one_context() {
    let (here, there) = (sealed(), tempfile::tempdir().unwrap());
    for name in ["kubeconfig", "kubeconfig.seal"] {
        fs::copy(here.path().join(name), there.path().join(name)).unwrap();
    }
    let failure = of(there.path()).read().unwrap_err();
    assert_eq!((failure.kind, failure.error_id()), (FailureKind::State, ids::STATE_FOREIGN));
    assert!(of(here.path()).read().unwrap().is_some());
    let other = OwnKubeconfig::new(&here.path().join("kubeconfig"), "other");
    assert!(other.check().is_err());
}

#[test]
fn what_is_not_ours_is_kept_and_what_is_ours_stays() {
    let folder = sealed();
    let own = of(folder.path());
    assert_eq!(own.set_aside().unwrap(), None);
    own.check().unwrap();
    for seal in ["", "0", &"0".repeat(64), "\n"] {
        fs::write(folder.path().join("kubeconfig"), OURS).unwrap();
        fs::write(folder.path().join("kubeconfig.seal"), seal).unwrap();
        assert!(own.set_aside().unwrap().is_some_and(|told| told.contains("kubeconfig.foreign-")), "{seal:?}");
        assert!(own.read().unwrap().is_none());
        own.check().unwrap();
    }
    let kept = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<PathBuf> = kept.filter(|path| path.display().to_string().contains("foreign")).collect();
    assert_eq!(kept.len(), 4, "one has taken the place of another: {kept:?}");
    assert!(kept.iter().all(|path| fs::read_to_string(path).unwrap() == OURS));
    // Nothing is there to be sealed, or kept.
    own.seal().unwrap();
    assert_eq!(own.set_aside().unwrap(), None);
}

#[test]
fn what_can_not_be_read_as_a_kubeconfig_is_sealed_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let own = of(folder.path());
    for text in ["garbage: [", "contexts: []\n", ""] {
        fs::write(folder.path().join("kubeconfig"), text).unwrap();
        own.seal().unwrap();
        own.check().unwrap();
        assert!(!is_ours(folder.path(), &format!("{text} ")));
    }
}
