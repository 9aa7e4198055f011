//! Whether the cluster of a kube context of the user's may be changed: it is one of this machine or was allowed, and it
//! is still the same one.

use std::io;
use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;

use super::client::Kube;
use super::local::{is_of_local_product, is_on_this_machine};
use super::source::KubeSource;
use crate::error::{Failure, ids};
use crate::files::{read_own_text, replace_file};
use crate::tools::cluster::ClusterSpec;

/// The extensions of a context and of a cluster in which tools note who made them. Some calls write only one of them.
const NOTES: &[&str] = &["context_info", "cluster_info"];

/// The uids of the clusters that runs have met: a line each, the uid and the context.
const RECORD: &str = "clusters";

/// Fails unless the cluster of `spec` may be changed: provision starts it, or it is on this machine, or the user has
/// allowed it: `allowed` for this run, or in the file.
pub fn check_access(spec: &ClusterSpec, state_dir: &Path, allowed: bool) -> Result<(), Failure> {
    if spec.managed || spec.allow || allowed {
        return Ok(());
    }
    let source = KubeSource::of(spec, state_dir);
    // A context that is not there leads nowhere; what needs it says so.
    let Ok(config) = source.read() else { return Ok(()) };
    let Some((host, noted_by)) = server(&config, &spec.context) else { return Ok(()) };
    let (is_product, is_here) = (is_of_local_product(&spec.context, noted_by.as_deref()), is_on_this_machine(&host));
    if is_product && is_here {
        return Ok(());
    }
    let why = if is_here {
        format!(
            "its server `{host}` is an address of this machine, but no local product is known by this name: it may be a tunnel"
        )
    } else {
        format!("its server is `{host}`")
    };
    let uid = format!("{} get namespace kube-system -o jsonpath={{.metadata.uid}}", source.kubectl());
    Err(Failure::of(
        ids::CONTEXT_NOT_ALLOWED,
        format!("the kube context `{}` is not known to lead to a cluster of this machine", spec.context),
    )
    .cause(why)
    .hint(format!("to allow it always, add `allow = true` and its `uid` to [cluster]: `{uid}` prints it")))
}

/// Returns the host of the server of the cluster `spec`, as its kubeconfig has it.
pub fn server_host(spec: &ClusterSpec, state_dir: &Path) -> Option<String> {
    let config = KubeSource::of(spec, state_dir).read().ok()?;
    server(&config, &spec.context).map(|(host, _)| host)
}

/// Returns the host of the context's server, and who is noted to have made the context.
fn server(config: &Kubeconfig, context: &str) -> Option<(String, Option<String>)> {
    let named = config.contexts.iter().find(|named| named.name == context)?;
    let context = named.context.as_ref()?;
    let cluster = config.clusters.iter().find(|cluster| cluster.name == context.cluster)?.cluster.as_ref()?;
    let server: http::Uri = cluster.server.as_ref()?.parse().ok()?;
    let mut extensions = context.extensions.iter().chain(&cluster.extensions).flatten();
    let note = extensions.find(|extension| NOTES.contains(&extension.name.as_str()));
    let noted_by = note.and_then(|note| Some(note.extension.get("provider")?.as_str()?.to_owned()));
    // A proxy decides where requests end.
    let host = if cluster.proxy_url.is_some() { "a proxy" } else { server.host().unwrap_or_default() };
    Some((host.to_owned(), noted_by))
}

/// What is known of the cluster behind a context of the user's.
#[derive(Clone, Debug)]
pub(crate) struct KnownCluster {
    file: PathBuf,
    context: String,
    /// The uid in `[cluster]`.
    declared: Option<String>,
}

impl KnownCluster {
    pub(crate) fn of(spec: &ClusterSpec, state_dir: &Path) -> Self {
        Self { file: state_dir.join(RECORD), context: spec.context.clone(), declared: spec.uid.clone() }
    }

    /// Fails if `kube` is connected to another cluster than the declared one, or than the one that earlier runs met.
    /// With `allowed`, the latter is accepted, which the command `how` does; with `record`, what is met now is kept.
    pub(crate) async fn check(&self, kube: &Kube, allowed: bool, record: bool, how: &str) -> Result<(), Failure> {
        self.check_uid(&kube.uid().await?, allowed, record, how)
    }

    fn check_uid(&self, uid: &str, allowed: bool, record: bool, how: &str) -> Result<(), Failure> {
        let other = |expected: &str, of: &str| {
            Failure::of(ids::CONTEXT_CHANGED, format!("the kube context `{}` leads to another cluster", self.context))
                .cause(format!("its uid is {uid}; {of} is {expected}"))
        };
        if let Some(declared) = self.declared.as_ref().filter(|declared| *declared != uid) {
            return Err(other(declared, "`uid` in [cluster]").hint("correct the context, or `uid` in [cluster]"));
        }
        let known = self.recorded();
        match &known {
            Some(known) if known != uid && !allowed && self.declared.is_none() => {
                Err(other(known, "that of the cluster which earlier runs met")
                    .hint(format!("if it was made again: `{how}`")))
            }
            Some(known) if known == uid => Ok(()),
            _ if record => self
                .record(uid)
                .map_err(|error| Failure::of(ids::STATE_UNUSABLE, "can't record which cluster this is").source(&error)),
            _ => Ok(()),
        }
    }

    fn recorded(&self) -> Option<String> {
        let text = read_own_text(&self.file).ok()?;
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(_, context)| *context == self.context).map(|(uid, _)| uid.to_owned())
    }

    fn record(&self, uid: &str) -> io::Result<()> {
        let text = read_own_text(&self.file).unwrap_or_default();
        let of_others = |line: &&str| line.split_once(' ').is_some_and(|(_, context)| context != self.context);
        let mut lines: Vec<String> = text.lines().filter(of_others).map(str::to_owned).collect();
        lines.push(format!("{uid} {}", self.context));
        replace_file(&self.file, (lines.join("\n") + "\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;

    fn config(server: &str, more: &str) -> Kubeconfig {
        Kubeconfig::from_yaml(&format!(
            "contexts: [{{name: c, context: {{cluster: k, user: u{more}}}}}]\nclusters: [{{name: k, cluster: {{server: '{server}'}}}}]\n"
        ))
        .unwrap()
    }

    #[test]
    fn the_server_and_the_note_of_a_context_are_read() {
        let plain = server(&config("https://u:p@10.0.0.1:6443/k8s", ""), "c");
        assert_eq!(plain, Some(("10.0.0.1".into(), None)));
        let note = ", extensions: [{name: context_info, extension: {provider: minikube.sigs.k8s.io}}]";
        let noted = server(&config("https://192.168.49.2:8443", note), "c");
        assert_eq!(noted, Some(("192.168.49.2".into(), Some("minikube.sigs.k8s.io".into()))));
        let on_the_cluster = "contexts: [{name: c, context: {cluster: k, user: u}}]\nclusters: [{name: k, cluster: {server: \
                              'https://a', extensions: [{name: cluster_info, extension: {provider: minikube.sigs.k8s.io}}]}}]";
        let noted = server(&Kubeconfig::from_yaml(on_the_cluster).unwrap(), "c").unwrap().1;
        assert_eq!(noted.as_deref(), Some("minikube.sigs.k8s.io"));
        assert_eq!(server(&config("https://a", ""), "other"), None);
        let mut through = config("https://127.0.0.1:1", "");
        through.clusters[0].cluster.as_mut().unwrap().proxy_url = Some("http://elsewhere:3128".into());
        assert_eq!(server(&through, "c").unwrap().0, "a proxy");
    }

    #[test]
    fn another_cluster_behind_the_same_context_is_refused_until_it_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let spec = |context: &str| ClusterSpec::new("x", context);
        let known = |context: &str| KnownCluster::of(&spec(context), dir.path());
        let check = |context: &str, uid, allowed, record| known(context).check_uid(uid, allowed, record, "COMMAND a");
        check("a", "1", false, false).unwrap();
        assert_eq!(known("a").recorded(), None, "a reader keeps nothing");
        check("a", "1", false, true).unwrap();
        check("b b", "2", false, true).unwrap();
        let refused = check("a", "3", false, true).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Target);
        assert_eq!(refused.hints, ["if it was made again: `COMMAND a`"]);
        check("a", "1", false, true).unwrap();
        check("a", "3", true, true).unwrap();
        check("a", "3", false, true).unwrap();
        assert_eq!(known("b b").recorded().as_deref(), Some("2"));
    }

    #[test]
    fn the_declared_uid_decides_whatever_is_allowed_or_on_record() {
        let dir = tempfile::tempdir().unwrap();
        let spec = ClusterSpec::new("x", "a").existing(false, Some("1".into()));
        let known = KnownCluster::of(&spec, dir.path());
        assert_eq!(known.check_uid("2", true, true, "").unwrap_err().kind, FailureKind::Target);
        known.record("2").unwrap();
        known.check_uid("1", false, true, "").unwrap();
        assert_eq!(known.recorded().as_deref(), Some("1"));
    }
}
