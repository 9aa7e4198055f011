//! The proxy that the environment names: whether it responds, leaves local addresses alone, and is Docker's too.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::machine::Machine;
use crate::report::Finding;
use crate::tools::kubernetes::server_host;
use crate::tools::pause;

/// The variables that name a proxy.
const VARIABLES: &[&str] = &["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Those that name what is reached without it.
const EXEMPT: &[&str] = &["NO_PROXY", "no_proxy"];

/// How long the proxy may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(1);

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    let value = |name: &&str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let Some((name, proxy)) = VARIABLES.iter().find_map(|name| Some((*name, value(name)?))) else {
        return vec![Finding::good("proxy", "none is set")];
    };
    let exempt = EXEMPT.iter().find_map(value).unwrap_or_default();
    let mut findings = vec![responds(name, &proxy).await];
    let cluster = machine.tools.cluster().and_then(|spec| server_host(spec, machine.tools.state_dir()));
    let local = ["localhost", "127.0.0.1"].into_iter().map(str::to_owned);
    let hosts: Vec<String> = local.chain(cluster).filter(|host| !is_exempt(&exempt, host)).collect();
    if !hosts.is_empty() {
        let text = format!("requests to {} would go through the proxy", hosts.join(", "));
        let fix = format!("export NO_PROXY=\"${{NO_PROXY:+$NO_PROXY,}}{}\"", hosts.join(","));
        findings.push(Finding::problem("NO_PROXY", text, fix));
    }
    if let Ok(daemon) = machine.daemon().await
        && daemon.proxy.is_none()
    {
        findings.push(
            Finding::warning("docker", "the Docker daemon has no proxy, and pulls images without one")
                .fix("give it one: https://docs.docker.com/engine/daemon/proxy/"),
        );
    }
    findings
}

async fn responds(name: &str, proxy: &str) -> Finding {
    let shown = without_user(proxy);
    let Some((host, port)) = address(proxy) else {
        return Finding::problem(name, format!("`{shown}` is no address of a proxy"), format!("unset {name}"));
    };
    let why = match pause::timeout(CONNECT, TcpStream::connect((host.as_str(), port))).await {
        Some(Ok(_)) => return Finding::good(name, format!("`{shown}` responds")),
        Some(Err(error)) => error.to_string(),
        None => format!("no response within {} s", CONNECT.as_secs()),
    };
    let fix = format!("correct it, or `unset {name}`");
    Finding::problem(name, format!("`{shown}` does not respond: {why}"), fix)
}

/// Returns the address without user and password.
fn without_user(proxy: &str) -> String {
    let (scheme, rest) = proxy.split_once("://").map_or(("", proxy), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

/// Returns host and port of a proxy: `http://user@host:3128/`.
fn address(proxy: &str) -> Option<(String, u16)> {
    let plain = without_user(proxy);
    let (scheme, rest) = plain.split_once("://").unwrap_or(("http", &plain));
    let authority = rest.split('/').next()?;
    let default = match scheme {
        "https" => 443,
        "socks5" | "socks5h" => 1080,
        _ => 80,
    };
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(default), |port| port.parse().ok())?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// Whether `NO_PROXY` exempts a host: `*`, the host, a domain above it, or a network that it is in.
fn is_exempt(list: &str, host: &str) -> bool {
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let domain = entry.trim_start_matches("*.").trim_start_matches('.');
        entry == "*"
            || entry.eq_ignore_ascii_case(host)
            || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
            || is_in_network(entry, host)
    })
}

fn is_in_network(network: &str, host: &str) -> bool {
    let Some((base, bits)) = network.split_once('/') else { return false };
    let parsed = (base.parse::<Ipv4Addr>(), bits.parse::<u32>(), host.parse::<Ipv4Addr>());
    let (Ok(base), Ok(bits @ 0..=32), Ok(host)) = parsed else { return false };
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    u32::from(base) & mask == u32::from(host) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_proxies_are_read_in_their_forms_and_shown_without_the_password() {
        let cases = [
            ("http://proxy:3128", Some(("proxy", 3128))),
            ("http://ana:hunter2@proxy.example:3128/", Some(("proxy.example", 3128))),
            ("proxy:8080", Some(("proxy", 8080))),
            ("https://proxy", Some(("proxy", 443))),
            ("socks5://[::1]:1081", Some(("::1", 1081))),
            ("http://:1", None),
            ("http://proxy:x", None),
        ];
        for (proxy, expected) in cases {
            assert_eq!(address(proxy), expected.map(|(host, port)| (host.to_owned(), port)), "{proxy}");
        }
        assert_eq!(without_user("http://ana:hunter2@proxy:1/"), "http://proxy:1/");
    }

    #[test]
    fn no_proxy_names_hosts_domains_and_networks() {
        let cases = [
            ("localhost,127.0.0.1", "127.0.0.1", true),
            ("localhost", "127.0.0.1", false),
            ("127.0.0.0/8", "127.0.0.1", true),
            ("192.168.49.0/24", "192.168.50.2", false),
            ("0.0.0.0/0", "192.168.50.2", true),
            (".example.com", "api.example.com", true),
            ("example.com", "badexample.com", false),
            ("*", "anything", true),
            ("", "localhost", false),
        ];
        for (list, host, exempt) in cases {
            assert_eq!(is_exempt(list, host), exempt, "{list} {host}");
        }
    }
}
