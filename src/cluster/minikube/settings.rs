//! [`MinikubeCluster`]: the settings of `[cluster]` for a cluster that minikube creates.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// The longest name of a host, and so of a node.
const MAX_NAME: usize = 63;

/// What minikube adds to the name of a cluster for a further node.
const NODE_SUFFIX: &str = "-m02";

/// The most processors that a cluster can have.
const MAX_CPUS: i64 = 1024;

/// minikube's label of a node with the profile that it belongs to.
const NODE_LABEL: &str = "minikube.k8s.io/name";

/// Settings of the provider `minikube`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::cluster) struct MinikubeCluster {
    /// The minikube profile, and so the kube context and the node's container; the pipeline's name by default.
    pub(super) name: Option<ProfileName>,
    /// Processors for a new cluster, between 1 and 1024.
    pub(super) cpus: Option<Cpus>,
    /// Memory for a new cluster, as minikube takes it: `8g`.
    pub(super) memory: Option<String>,
    /// minikube's driver, such as `docker`; its own choice by default.
    pub(super) driver: Option<String>,
    /// The version of Kubernetes, such as `v1.33.1`; minikube upgrades a cluster that has an older one.
    pub(super) kubernetes_version: Option<String>,
    /// Further arguments for `minikube start`.
    #[serde(default)]
    pub(super) start_args: Vec<StartArg>,
    /// Whether its data may be lost: a cluster that has to be created again is then deleted without `--yes`.
    #[serde(default)]
    pub(super) ephemeral: bool,
}

/// A name of a profile: of the form that minikube takes, which is also that of a host name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(super) struct ProfileName(pub(super) String);

impl TryFrom<String> for ProfileName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let is_label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty() && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
        };
        if (2..=MAX_NAME).contains(&name.len()) && name.split('.').all(is_label) {
            return Ok(Self(name));
        }
        Err(format!(
            "minikube can't name a cluster `{name}`: use 2 to {MAX_NAME} letters, digits, `-` and `.`, with a letter or \
             digit at both ends"
        ))
    }
}

impl MinikubeCluster {
    /// Whether a node of this version is what the settings ask for; `stable` and `latest` are whatever is there.
    pub(super) fn allows(&self, version: &str) -> bool {
        self.kubernetes_version.as_deref().is_none_or(|wanted| {
            let wanted = wanted.trim_start_matches('v');
            !wanted.starts_with(|c: char| c.is_ascii_digit()) || wanted == version.trim_start_matches('v')
        })
    }

    /// Checks the name of a cluster with several nodes: minikube adds to it for the further ones, and would try in vain
    /// for half an hour to start a node whose name is too long for a host.
    pub(super) fn check_nodes(&self, name: &str) -> Result<(), String> {
        let max = MAX_NAME - NODE_SUFFIX.len();
        if name.len() <= max || !self.has_several_nodes() {
            return Ok(());
        }
        Err(format!(
            "minikube can't name the nodes of `{name}`: with several nodes, a cluster's `name` has at most {max} letters"
        ))
    }

    fn has_several_nodes(&self) -> bool {
        let mut args = self.start_args.iter().map(|StartArg(arg)| arg.as_str()).peekable();
        while let Some(arg) = args.next() {
            let n_nodes = match arg.split_once('=') {
                Some(("--nodes" | "-n", n)) => Some(n),
                None if matches!(arg, "--nodes" | "-n") => args.peek().copied(),
                _ => None,
            };
            if n_nodes.is_some_and(|n| n != "1") || matches!(arg, "--ha" | "--ha=true") {
                return true;
            }
        }
        false
    }
}

/// A number of processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "i64")]
#[schemars(with = "u32")]
pub(super) struct Cpus(pub(super) u32);

impl TryFrom<i64> for Cpus {
    type Error = String;

    fn try_from(cpus: i64) -> Result<Self, String> {
        let known = u32::try_from(cpus).ok().filter(|_| (1..=MAX_CPUS).contains(&cpus));
        known.map(Self).ok_or_else(|| format!("{cpus} is not between 1 and {MAX_CPUS}"))
    }
}

/// An argument of `minikube start`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(super) struct StartArg(pub(super) String);

impl TryFrom<String> for StartArg {
    type Error = String;

    fn try_from(arg: String) -> Result<Self, String> {
        if arg.starts_with("--delete-on-failure") {
            return Err(
                "`--delete-on-failure` deletes a cluster with all data in it; for a cluster whose data may be lost, \
                 set `ephemeral = true`"
                    .into(),
            );
        }
        Ok(Self(arg))
    }
}

/// Whether minikube made the node for the profile. The label comes late in a start, so the name counts until then.
pub(super) fn owns_node(profile: &str, node: &str, labels: &BTreeMap<String, String>) -> bool {
    match labels.get(NODE_LABEL) {
        Some(owner) => owner == profile,
        None => node == profile || node.strip_prefix(profile).is_some_and(|rest| rest.starts_with("-m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_its_label_and_until_it_has_one_by_its_name() {
        for (name, label, belongs) in [
            ("todo", Some("todo"), true),
            ("todo", None, true),
            ("todo-m02", None, true),
            ("other", Some("other"), false),
            ("todo", Some("other"), false),
            ("todo2", None, false),
            ("other", None, false),
        ] {
            let labels = label.map(|label| (NODE_LABEL.to_owned(), label.to_owned())).into_iter().collect();
            assert_eq!(owns_node("todo", name, &labels), belongs, "{name} {label:?}");
        }
    }

    #[test]
    fn another_version_is_asked_for_only_by_its_number() {
        let cases = [
            (None, true),
            (Some("v1.33.1"), true),
            (Some("1.33.1"), true),
            (Some("stable"), true),
            (Some("v1.34.0"), false),
        ];
        for (wanted, allowed) in cases {
            let settings =
                MinikubeCluster { kubernetes_version: wanted.map(str::to_owned), ..MinikubeCluster::default() };
            assert_eq!(settings.allows("v1.33.1"), allowed, "{wanted:?}");
        }
    }

    #[test]
    fn the_names_of_further_nodes_have_to_fit_too() {
        let cluster = |args: &[&str]| MinikubeCluster {
            start_args: args.iter().map(|arg| StartArg((*arg).to_owned())).collect(),
            ..MinikubeCluster::default()
        };
        let (long, short) = ("a".repeat(60), "a".repeat(59));
        for args in [&["--nodes=2"][..], &["--nodes", "2"], &["-n", "3"], &["--ha"]] {
            assert!(cluster(args).check_nodes(&long).is_err(), "{args:?}");
            assert!(cluster(args).check_nodes(&short).is_ok(), "{args:?}");
        }
        for args in [&[][..], &["--nodes=1"], &["--no-vtx-check"]] {
            assert!(cluster(args).check_nodes(&long).is_ok(), "{args:?}");
        }
    }

    #[test]
    fn the_number_of_processors_has_limits() {
        for (cpus, valid) in [(-1, false), (0, false), (1, true), (1024, true), (1025, false), (i64::MAX, false)] {
            assert_eq!(Cpus::try_from(cpus).is_ok(), valid, "{cpus}");
        }
    }
}
