//! Whether a kube context of the user's leads to a cluster on this machine.
//!
//! Neither the name nor the address says so alone: any cluster may have any name, and an address of this machine may be
//! the end of a tunnel. Products that run a cluster on this machine have both.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use fs_err as fs;

/// The contexts of such products. minikube notes itself beside each of its own: see [`NOTED_BY`].
const NAMES: &[&str] =
    &["docker-desktop", "docker-for-desktop", "rancher-desktop", "orbstack", "colima", "podman-desktop", "microk8s"];

/// How the contexts of those begin that can have several clusters.
const PREFIXES: &[&str] = &["kind-", "k3d-", "colima-"];

/// What minikube notes beside each of its contexts, which have names of their own.
const NOTED_BY: &[&str] = &["minikube.sigs.k8s.io"];

/// The names of this machine.
const HOSTS: &[&str] = &["localhost", "kubernetes.docker.internal"];

/// Whether a product for clusters on this machine made the context: by its name, and by who is noted beside it.
pub(super) fn is_of_local_product(context: &str, noted_by: Option<&str>) -> bool {
    NAMES.contains(&context)
        || PREFIXES.iter().any(|prefix| context.starts_with(prefix))
        || noted_by.is_some_and(|by| NOTED_BY.contains(&by))
}

/// Whether the server `host` is on this machine.
pub(super) fn is_on_this_machine(host: &str) -> bool {
    is_local_host(host, on_own_bridge)
}

fn is_local_host(host: &str, on_own_bridge: impl Fn(Ipv4Addr) -> bool) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        // `0.0.0.0` connects to this machine.
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_unspecified() || on_own_bridge(address),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unspecified(),
        Err(_) => HOSTS.contains(&host),
    }
}

/// Whether `address` is in the network of a bridge that has no port to the outside: containers and virtual machines of
/// this machine. `false` where the system does not tell.
fn on_own_bridge(address: Ipv4Addr) -> bool {
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    interface_of(&routes, address).is_some_and(|name| is_own_bridge(&Path::new("/sys/class/net").join(name)))
}

/// Returns the interface whose own network has `address`, by the text of `/proc/net/route`: addresses are hexadecimal
/// numbers in the byte order of the machine.
fn interface_of(routes: &str, address: Ipv4Addr) -> Option<&str> {
    let address = u32::from_ne_bytes(address.octets());
    let mut found: Option<(u32, &str, bool)> = None;
    for line in routes.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|text| u32::from_str_radix(text, 16).ok());
        let (Some(name), Some(network), Some(gateway), Some(mask)) = (fields.first(), number(1), number(2), number(7))
        else {
            continue;
        };
        let length = mask.count_ones();
        if address & mask == network && found.is_none_or(|(longest, ..)| length > longest) {
            found = Some((length, name, gateway == 0 && length > 0));
        }
    }
    found.filter(|(_, _, direct)| *direct).map(|(_, name, _)| name)
}

fn is_own_bridge(interface: &Path) -> bool {
    let Ok(ports) = fs::read_dir(interface.join("brif")) else { return false };
    // A network card is a device; the ends of virtual cables are not.
    let is_card = |port: std::ffi::OsString| interface.with_file_name(port).join("device").exists();
    !ports.flatten().any(|port| is_card(port.file_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_known_by_name_or_by_their_note() {
        let cases = [
            ("kind-shop", None, true),
            ("k3d-shop", None, true),
            ("docker-desktop", None, true),
            ("shop", Some("minikube.sigs.k8s.io"), true),
            ("shop", Some("gke"), false),
            ("prod", None, false),
            ("my-minikube", None, false),
            ("arn:aws:eks:eu-west-1:1:cluster/kind-shop", None, false),
        ];
        for (name, noted_by, expected) in cases {
            assert_eq!(is_of_local_product(name, noted_by), expected, "{name} {noted_by:?}");
        }
    }

    #[test]
    fn only_addresses_of_this_machine_are_local() {
        let bridge = Ipv4Addr::new(192, 168, 49, 2);
        let cases = [
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("0.0.0.0", true),
            ("[::1]", true),
            ("localhost", true),
            ("192.168.49.2", true),
            ("192.168.1.10", false),
            ("10.0.0.1", false),
            ("kind-shop.example.com", false),
            ("localhost.example.com", false),
            ("", false),
        ];
        for (host, expected) in cases {
            assert_eq!(is_local_host(host, |address| address == bridge), expected, "{host}");
        }
    }

    #[test]
    fn the_interface_is_that_of_the_closest_network_without_a_gateway() {
        let hex = |a, b, c, d| format!("{:08X}", u32::from_ne_bytes([a, b, c, d]));
        let route = |name: &str, network: String, gateway: String, mask: String| {
            format!("{name}\t{network}\t{gateway}\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n")
        };
        let zero = || hex(0, 0, 0, 0);
        let routes = [
            "Iface\tDestination\n".to_owned(),
            route("eth0", zero(), hex(10, 0, 0, 1), zero()),
            route("eth0", hex(192, 168, 0, 0), zero(), hex(255, 255, 0, 0)),
            route("br-1", hex(192, 168, 49, 0), zero(), hex(255, 255, 255, 0)),
            route("tun0", hex(192, 168, 50, 0), hex(192, 168, 0, 9), hex(255, 255, 255, 0)),
        ]
        .concat();
        let at = |a, b, c, d| interface_of(&routes, Ipv4Addr::new(a, b, c, d));
        assert_eq!(at(192, 168, 49, 2), Some("br-1"));
        assert_eq!(at(192, 168, 7, 7), Some("eth0"));
        assert_eq!(at(192, 168, 50, 2), None, "behind a gateway");
        assert_eq!(at(8, 8, 8, 8), None);
    }

    #[test]
    fn a_bridge_with_a_network_card_leads_outside() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for folder in ["br-1/brif/veth0", "veth0", "br0/brif/eth0", "eth0/device", "lan0"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        for (name, own) in [("br-1", true), ("br0", false), ("lan0", false), ("gone", false)] {
            assert_eq!(is_own_bridge(&path(name)), own, "{name}");
        }
    }
}
