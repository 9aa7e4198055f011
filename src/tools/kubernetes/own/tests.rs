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
    make(&of(folder.path()), OURS);
    folder
}

/// As minikube makes one.
fn make(own: &OwnKubeconfig, text: &str) {
    let draft = own.draft().unwrap();
    fs::write(draft.path(), text).unwrap();
    draft.adopt().unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
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
    for text in ["garbage: [", &format!("{OURS}---\n{OURS}"), &OURS[..OURS.len() / 2]] {
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
    let kept: Vec<String> = names(folder.path()).into_iter().filter(|name| name.contains("foreign")).collect();
    assert_eq!(kept.len(), 4, "one has taken the place of another: {kept:?}");
    assert!(kept.iter().all(|name| fs::read_to_string(folder.path().join(name)).unwrap() == OURS));
    // Nothing is there to be kept.
    assert_eq!(own.set_aside().unwrap(), None);
}

#[test]
fn what_leads_nowhere_needs_no_seal() {
    let folder = tempfile::tempdir().unwrap();
    // The last is what minikube leaves when it stops the only cluster.
    for text in
        ["", "contexts: []\n", "apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: \"\"\nusers: null\n"]
    {
        assert!(is_ours(folder.path(), text), "{text}");
    }
    for text in [
        "clusters: [{name: a, cluster: {server: 'https://other'}}]\n",
        "contexts: [{name: a, context: {cluster: a, user: a}}]\n",
        "users: [{name: a, user: {token: t}}]\n",
        "current-context: a\n",
        "garbage: [",
    ] {
        assert!(!is_ours(folder.path(), text), "{text}");
    }
}

#[test]
fn what_is_there_is_ours_while_a_draft_takes_its_place() {
    let folder = sealed();
    let (own, newer) = (of(folder.path()), OURS.replace(":8443", ":9443"));
    let draft = own.draft().unwrap();
    assert_eq!(fs::read_to_string(draft.path()).unwrap(), OURS);
    fs::write(draft.path(), &newer).unwrap();
    own.check().unwrap();
    // Killed between the seal and the new name.
    own.seal(newer.as_bytes()).unwrap();
    own.check().unwrap();
    draft.adopt().unwrap();
    own.check().unwrap();
    assert_eq!(fs::read_to_string(own.path()).unwrap(), newer);
    make(&own, &newer.replace(":9443", ":1443"));
    assert!(!is_ours(folder.path(), OURS), "the one before the last is still ours");
    assert_eq!(names(folder.path()), ["kubeconfig", "kubeconfig.seal"]);
}

#[test]
fn a_draft_that_is_half_written_or_gone_leaves_what_there_was() {
    let folder = sealed();
    let own = of(folder.path());
    make(&own, "clusters: [{na");
    fs::remove_file(own.draft().unwrap().path()).unwrap();
    let draft = own.draft().unwrap();
    fs::remove_file(draft.path()).unwrap();
    draft.adopt().unwrap();
    own.check().unwrap();
    assert_eq!(fs::read_to_string(own.path()).unwrap(), OURS);
    assert_eq!(names(folder.path()), ["kubeconfig", "kubeconfig.seal"]);
}

#[test]
fn one_that_is_replaced_while_a_draft_is_written_is_kept() {
    let folder = sealed();
    let (own, theirs) = (of(folder.path()), OURS.replace("192.168.49.2", "other"));
    let draft = own.draft().unwrap();
    fs::write(own.path(), &theirs).unwrap();
    draft.adopt().unwrap();
    own.check().unwrap();
    assert_eq!(fs::read_to_string(own.path()).unwrap(), OURS);
    let kept = names(folder.path()).into_iter().find(|name| name.contains("foreign")).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join(kept)).unwrap(), theirs);
    assert!(own.draft().is_ok());
    fs::write(own.path(), &theirs).unwrap();
    assert_eq!(own.draft().unwrap_err().error_id(), ids::STATE_FOREIGN);
}

#[test]
fn the_draft_of_a_killed_run_may_know_the_cluster_and_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let own = of(folder.path());
    assert!(!own.may_know_context());
    for (text, may) in [("", false), (OURS, true), ("garbage: [", true)] {
        fs::write(folder.path().join("kubeconfig.draft-0123456789abcdef"), text).unwrap();
        assert_eq!(own.may_know_context(), may, "{text}");
    }
    drop(own.draft().unwrap());
    assert!(!own.may_know_context());
    make(&own, OURS);
    assert!(own.may_know_context());
    fs::write(folder.path().join("kubeconfig.draft-0123456789abcdef"), "").unwrap();
    own.remove().unwrap();
    assert_eq!(names(folder.path()), ["kubeconfig.seal"]);
}

/// Programs of Kubernetes read YAML 1.1, which has more line breaks: to them none of the evil part is in a comment.
#[test]
fn what_other_programs_read_otherwise_is_no_part_of_ours() {
    let folder = sealed();
    let evil = OURS.replace("https://192.168.49.2:8443", "http://other:1");
    for divides in ["\u{2028}", "\u{2029}", "\u{85}", "\r"] {
        let hidden = format!("# {divides}{}", evil.replace('\n', divides));
        for text in [hidden.clone(), format!("{hidden}...{divides}\n{OURS}"), format!("{hidden}---{divides}\n{OURS}")] {
            assert!(!is_ours(folder.path(), &text), "{text:?}");
        }
    }
    let server = "server: 'https://192.168.49.2:8443', certificate-authority: /m/ca";
    for (from, to) in [
        // The merged key counts, although it is given.
        ("/m/ca}", "/m/ca, <<: {server: 'http://other:1'}}".to_owned()),
        (server, format!("{server}, x: &a {{server: 'http://other:1'}}, <<: [*a]")),
        ("{name: dev, cluster: {", "{name: !!binary ZGV2, cluster: {".to_owned()),
        ("apiVersion", "\u{feff}apiVersion".to_owned()),
        ("apiVersion", "%YAML 1.1\n---\napiVersion".to_owned()),
    ] {
        let changed = OURS.replace(from, &to);
        assert_ne!(changed, OURS, "{from}");
        assert!(!is_ours(folder.path(), &changed), "{changed}");
    }
    let listed = format!("kind: List\nitems:\n- {}", OURS.trim_end().replace('\n', "\n  "));
    assert!(!is_ours(folder.path(), &listed));
    // One that minikube itself has written so is ours as it is, to the letter.
    of(folder.path()).set_aside().unwrap();
    let odd = OURS.replace("/m/", "/m&m!/");
    make(&of(folder.path()), &odd);
    assert!(is_ours(folder.path(), &odd));
    assert!(!is_ours(folder.path(), &odd.replace("namespace: default", "namespace: x")));
}

#[test]
fn what_is_no_file_of_ours_is_kept_and_in_nobodys_way() {
    let folder = sealed();
    let (own, path) = (of(folder.path()), |name: &str| folder.path().join(name));
    fs::write(path("victim"), "precious").unwrap();
    let huge = " ".repeat(usize::try_from(LIMIT).unwrap() + 1);
    let link = |to: &str| std::os::unix::fs::symlink(path(to), own.path());
    for (what, said) in [
        ("folder", "it is not a plain file"),
        ("link", ""),
        ("dangling", ""),
        ("pipe", "it is not a plain file"),
        ("huge", "it is too large"),
    ] {
        fs::remove_file(own.path()).unwrap();
        match what {
            "folder" => fs::create_dir_all(own.path().join("in")),
            "link" => link("victim"),
            "dangling" => link("nothing"),
            "pipe" => duct::cmd!("mkfifo", own.path()).run().map(drop),
            _ => fs::write(own.path(), &huge),
        }
        .unwrap();
        let failure = own.check().unwrap_err();
        assert!(failure.to_string().contains(said), "{failure}");
        assert!(own.set_aside().unwrap().is_some());
        own.check().unwrap();
        make(&own, OURS);
        assert!(own.read().unwrap().is_some());
    }
    // Folders in the places of the others.
    for name in ["kubeconfig.seal", "kubeconfig.seal.new", "kubeconfig.draft-1", "kubeconfig.draft"] {
        drop(fs::remove_file(path(name)));
        fs::create_dir_all(path(name).join("in")).unwrap();
    }
    own.set_aside().unwrap();
    make(&own, &OURS.replace(":8443", ":9443"));
    assert!(own.read().unwrap().is_some());
    assert!(own.set_aside().unwrap().is_none());
    assert!(path("kubeconfig.draft-1/in").exists(), "a folder was removed");
    let kept = names(folder.path()).into_iter().filter(|name| name.starts_with("kubeconfig.foreign-"));
    assert_eq!(kept.count(), 8);
    own.remove().unwrap();
    assert_eq!(fs::read_to_string(path("victim")).unwrap(), "precious");
}
