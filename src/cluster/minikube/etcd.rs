//! [`EtcdScan`]: what is stored in a cluster whose API server does not run, found by the keys in etcd's own files.
//!
//! etcd keeps the key of each object as plain text, in its database and in its write-ahead log. Both are searched, as
//! bytes: what was deleted but not yet overwritten counts too. Thus the result errs in one direction only, towards
//! "something is in it".

use std::collections::BTreeSet;

/// What the key of every Kubernetes object begins with.
const PREFIX: &[u8] = b"/registry/";

/// What the value of every built-in object begins with.
const VALUE_MAGIC: &[u8] = b"k8s\0";

/// A key's length stands in one or two bytes before it.
const LENGTH_BYTES: usize = 2;

/// The longest key that is reported whole. Longer ones are cut, and count.
const MAX_KEY: usize = 1024;

/// The namespaces that every cluster has.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Resources outside of namespaces that Kubernetes fills by itself; they describe the cluster, and hold nobody's data.
const CLUSTER_WIDE: [&str; 9] = [
    "certificatesigningrequests",
    "csinodes",
    "flowschemas",
    "ipaddresses",
    "masterleases",
    "minions",
    "prioritylevelconfigurations",
    "ranges",
    "servicecidrs",
];

/// Names of a new cluster's objects among resources that users make too: those names, and all with these beginnings.
const CLUSTER_WIDE_NAMES: [(&str, &[&str], &[&str]); 4] = [
    ("clusterroles", &["admin", "cluster-admin", "edit", "view", "kindnet"], &["system:", "kubeadm:"]),
    (
        "clusterrolebindings",
        &["cluster-admin", "minikube-rbac", "storage-provisioner", "kindnet"],
        &["system:", "kubeadm:"],
    ),
    ("priorityclasses", &[], &["system-"]),
    ("storageclasses", &["standard"], &[]),
];

/// The objects that Kubernetes itself puts into the namespace `default`; and resources that only report on others.
const IN_DEFAULT: [&str; 5] = [
    "services/specs/default/kubernetes",
    "services/endpoints/default/kubernetes",
    "endpointslices/default/kubernetes",
    "configmaps/default/kube-root-ca.crt",
    "serviceaccounts/default/default",
];
const IN_DEFAULT_ANY: [&str; 3] = ["events/default/", "leases/default/", "secrets/default/default-token-"];

/// Searches a stream of bytes in pieces of any size; keeps no more than a key of it.
#[derive(Debug, Default)]
pub(super) struct EtcdScan {
    open: Vec<u8>,
    n_keys: usize,
    has_values: bool,
    foreign: BTreeSet<String>,
}

impl EtcdScan {
    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.open.extend_from_slice(piece);
        let buffer = std::mem::take(&mut self.open);
        let kept = self.search(&buffer, false);
        self.open = buffer[kept..].to_vec();
    }

    /// Returns what a new cluster does not have, as the keys say it: `pods/shop/db`. An error if the data can't be
    /// understood.
    pub(super) fn finish(mut self) -> Result<Vec<String>, String> {
        let buffer = std::mem::take(&mut self.open);
        self.search(&buffer, true);
        if self.has_values && self.n_keys == 0 {
            return Err("its objects are stored under other keys than usual".into());
        }
        Ok(self.foreign.into_iter().collect())
    }

    /// Returns where the part begins that the next piece may complete.
    fn search(&mut self, buffer: &[u8], is_last: bool) -> usize {
        self.has_values = self.has_values || find(buffer, VALUE_MAGIC).is_some();
        let mut at = 0;
        while let Some(offset) = find(&buffer[at..], PREFIX) {
            let start = at + offset;
            let rest = &buffer[start + PREFIX.len()..];
            let length = rest.iter().position(|byte| !byte.is_ascii_graphic());
            let Some(length) = length.or_else(|| (is_last || rest.len() > MAX_KEY).then_some(rest.len())) else {
                return start.saturating_sub(LENGTH_BYTES).max(at);
            };
            // What follows a key may be a printable byte as well.
            let length = declared_length(&buffer[..start]).filter(|n| *n <= length).unwrap_or(length);
            self.key(&String::from_utf8_lossy(&rest[..length.min(MAX_KEY)]));
            at = start + PREFIX.len() + length;
        }
        // A length and a prefix that begin in this piece.
        at.max(buffer.len().saturating_sub(LENGTH_BYTES + PREFIX.len() - 1))
    }

    fn key(&mut self, key: &str) {
        self.n_keys += 1;
        if !is_system(key) {
            self.foreign.insert(key.to_owned());
        }
    }
}

/// Returns the length of the rest of a key, whose own length is the number at the end of `before` (a varint of
/// protobuf).
fn declared_length(before: &[u8]) -> Option<usize> {
    let last = usize::from(*before.last()?);
    let length = match before {
        [.., low, _] if last < PREFIX.len() && *low >= 0x80 => usize::from(low & 0x7f) | last << 7,
        _ => last,
    };
    length.checked_sub(PREFIX.len())
}

/// Whether every new cluster has an object of this key.
fn is_system(key: &str) -> bool {
    if IN_DEFAULT.contains(&key) || IN_DEFAULT_ANY.iter().any(|start| key.starts_with(start)) {
        return true;
    }
    let is_system_namespace = |namespace: &str| SYSTEM_NAMESPACES.contains(&namespace);
    match key.split('/').collect::<Vec<_>>()[..] {
        ["health"] | ["apiregistration.k8s.io", "apiservices", _] => true,
        ["namespaces", namespace] => namespace == "default" || is_system_namespace(namespace),
        [resource, name] => {
            let named = CLUSTER_WIDE_NAMES.iter().find(|(known, ..)| *known == resource);
            let is_known = |(_, names, starts): &(&str, &[&str], &[&str])| {
                names.contains(&name) || starts.iter().any(|start| name.starts_with(start))
            };
            CLUSTER_WIDE.contains(&resource) || named.is_some_and(is_known)
        }
        ["services", "specs" | "endpoints", namespace, _] => is_system_namespace(namespace),
        [group, _, namespace, _] if group.contains('.') => is_system_namespace(namespace),
        [resource, namespace, _] if !resource.contains('.') => is_system_namespace(namespace),
        _ => false,
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(offset) = text[at..].iter().position(|byte| *byte == wanted[0]) {
        at += offset;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as etcd writes it: the key between its length and the tags of what follows.
    fn record(key: &str) -> Vec<u8> {
        let mut record = vec![0x0a, u8::try_from(PREFIX.len() + key.len()).unwrap()];
        record.extend_from_slice(PREFIX);
        record.extend_from_slice(key.as_bytes());
        record.extend_from_slice(b"\x10\x05\x18\x05\x2a\x09k8s\0\n\x00\xff\xfe");
        record
    }

    fn scan(keys: &[&str]) -> Result<Vec<String>, String> {
        let mut scan = EtcdScan::default();
        for key in keys {
            scan.push(&record(key));
        }
        scan.finish()
    }

    const NEW_CLUSTER: &[&str] = &[
        "health",
        "namespaces/default",
        "namespaces/kube-system",
        "namespaces/kube-public",
        "namespaces/kube-node-lease",
        "apiregistration.k8s.io/apiservices/v1.apps",
        "clusterroles/system:node",
        "clusterrolebindings/minikube-rbac",
        "minions/p",
        "pods/kube-system/etcd-p",
        "services/specs/kube-system/kube-dns",
        "services/endpoints/default/kubernetes",
        "configmaps/default/kube-root-ca.crt",
        "events/default/p.17f0",
        "storageclasses/standard",
    ];

    #[test]
    fn a_new_cluster_has_nothing_of_anybodys() {
        assert_eq!(scan(NEW_CLUSTER), Ok(Vec::new()));
        assert_eq!(scan(&[]), Ok(Vec::new()));
    }

    #[test]
    fn everything_else_counts() {
        let foreign = [
            "namespaces/shop",
            "secrets/default/precious",
            "configmaps/default/hours-of-work",
            "services/specs/default/web",
            "pods/shop/db",
            "persistentvolumes/pvc-1",
            "apiextensions.k8s.io/customresourcedefinitions/a.b.c",
            "b.c/as/default/x",
            "b.c/as/x",
            "clusterroles/mine",
            "priorityclasses/mine",
            "namespaces/kube-system-2",
        ];
        for key in foreign {
            assert_eq!(scan(&[NEW_CLUSTER, &[key]].concat()), Ok(vec![key.to_owned()]));
        }
    }

    #[test]
    fn keys_split_over_pieces_are_found() {
        let mut data = record("namespaces/kube-system");
        data.extend(record("secrets/default/precious"));
        for size in 1..data.len() {
            let mut scan = EtcdScan::default();
            data.chunks(size).for_each(|piece| scan.push(piece));
            assert_eq!(scan.finish(), Ok(vec!["secrets/default/precious".to_owned()]), "pieces of {size}");
        }
    }

    #[test]
    fn a_key_ends_where_its_length_says() {
        let long = format!("pods/kube-system/{}", "a".repeat(180));
        for key in ["namespaces/default", &long] {
            let length = PREFIX.len() + key.len();
            let mut data = vec![0x1a];
            if length >= 0x80 {
                data.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
                data.push(u8::try_from(length >> 7).unwrap());
            } else {
                data.push(u8::try_from(length).unwrap());
            }
            data.extend_from_slice(format!("/registry/{key}0G\x12").as_bytes());
            for size in 1..data.len() {
                let mut scan = EtcdScan::default();
                data.chunks(size).for_each(|piece| scan.push(piece));
                assert_eq!(scan.finish(), Ok(Vec::new()), "pieces of {size}");
            }
        }
        // Without a length that fits, all that could be the key is.
        let mut scan = EtcdScan::default();
        scan.push(b"\x7f/registry/namespaces/default0\x12");
        assert_eq!(scan.finish(), Ok(vec!["namespaces/default0".to_owned()]));
    }

    #[test]
    fn a_key_at_the_very_end_and_one_without_end_count() {
        let mut scan = EtcdScan::default();
        scan.push(b"/registry/secrets/default/cut");
        assert_eq!(scan.finish(), Ok(vec!["secrets/default/cut".to_owned()]));
        let mut scan = EtcdScan::default();
        scan.push(PREFIX);
        for _ in 0..100 {
            scan.push(&[b'a'; 100]);
            assert!(scan.open.len() <= PREFIX.len() + MAX_KEY + 100, "{}", scan.open.len());
        }
        assert!(!scan.finish().unwrap().is_empty());
    }

    #[test]
    fn objects_without_usual_keys_are_not_taken_for_an_empty_cluster() {
        let mut scan = EtcdScan::default();
        scan.push(b"/elsewhere/secrets/default/a\x10\x05k8s\0\n");
        assert!(scan.finish().is_err());
    }
}
