//! The certificates that Docker, the cluster and the programs use: whether they are there and still valid.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::machine::Machine;
use crate::report::Finding;
use crate::tools::certificate::expiry;
use crate::tools::kubernetes::KubeSource;

/// Less than this before its end a certificate is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The variables that name where programs find the authorities that they trust.
const AUTHORITIES: &[&str] = &["SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];

/// The files of an encrypted connection to the daemon.
const OF_DOCKER: &[&str] = &["ca.pem", "cert.pem", "key.pem"];

pub(super) fn check(machine: &Machine) -> Vec<Finding> {
    let now = Timestamp::now();
    let mut findings: Vec<Finding> = AUTHORITIES.iter().filter_map(|name| authority(name)).collect();
    if let Some(folder) = machine.tools.docker_endpoint().ok().and_then(|endpoint| endpoint.tls.clone()) {
        findings.extend(of_docker(&folder, now, machine.needs_docker()));
    }
    if let Some(spec) = machine.tools.cluster()
        && let Some(until) = KubeSource::of(spec, machine.tools.state_dir())
            .client_certificate()
            .and_then(|certificate| expiry(&certificate))
    {
        let fix = format!("renew the credentials of the kube context `{}`", spec.context);
        findings.push(validity("cluster", until, now, &fix));
    }
    if findings.is_empty() {
        findings.push(Finding::skipped("certificates", "neither Docker nor the cluster uses one of its own"));
    }
    findings
}

/// A path that a variable names and that is not there.
fn authority(name: &str) -> Option<Finding> {
    let path = PathBuf::from(std::env::var_os(name).filter(|value| !value.is_empty())?);
    if path.exists() {
        return Some(Finding::good(name, format!("`{}` is there", path.display())));
    }
    let text = format!("`{}` is not there: no server is trusted", path.display());
    Some(Finding::problem(name, text, format!("unset {name}")))
}

fn of_docker(folder: &Path, now: Timestamp, needed: bool) -> Vec<Finding> {
    let missing = OF_DOCKER.iter().map(|name| folder.join(name)).find(|path| !path.is_file());
    if let Some(path) = missing {
        let text = format!("`{}` is not there, and the connection to the daemon is encrypted", path.display());
        let fix = "put it there, or `unset DOCKER_TLS_VERIFY` for a connection without encryption";
        let finding = Finding::problem("docker", text, fix);
        return vec![if needed { finding } else { finding.at_most_a_warning() }];
    }
    let read = |name: &str| fs_err::read(folder.join(name)).ok().and_then(|pem| expiry(&pem));
    let dated = ["cert.pem", "ca.pem"].into_iter().filter_map(|name| Some((name, read(name)?)));
    dated.map(|(name, until)| validity(&format!("docker {name}"), until, now, "make a new one")).collect()
}

fn validity(subject: &str, until: Timestamp, now: Timestamp, fix: &str) -> Finding {
    let left = until.duration_since(now);
    let date = format!("{until:.0}");
    if left.is_negative() {
        Finding::problem(subject, format!("it was valid until {date}"), fix)
    } else if left < SOON {
        Finding::warning(subject, format!("it is valid until {date} only")).fix(fix)
    } else {
        Finding::good(subject, format!("valid until {date}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Health::{Good, Problem, Warning};

    #[test]
    fn a_certificate_is_warned_of_before_it_ends_and_a_problem_after() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        for (until, health) in
            [("2027-01-01T00:00:00Z", Good), ("2026-12-01T00:00:00Z", Warning), ("2026-11-26T11:59:59Z", Problem)]
        {
            assert_eq!(validity("x", until.parse().unwrap(), now, "renew it").health, health, "{until}");
        }
    }

    #[test]
    fn an_encrypted_connection_needs_its_three_files() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let found = of_docker(folder.path(), now, true);
        assert_eq!((found[0].health, found.len()), (Problem, 1));
        assert!(found[0].text.contains("ca.pem"), "{found:?}");
        for name in OF_DOCKER {
            fs_err::write(folder.path().join(name), "").unwrap();
        }
        assert!(of_docker(folder.path(), now, true).is_empty());
    }
}
