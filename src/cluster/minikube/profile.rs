//! [`Profile`]: the settings with which minikube created a cluster, and whether they are the declared ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::Deserialize;

use super::settings::{Cpus, MinikubeCluster, StartArg};
use crate::error::{Failure, ids};
use crate::tools::docker::Container;

const MIB: u64 = 1 << 20;

/// Other names that minikube takes for its drivers.
const DRIVER_ALIASES: [(&str, &str); 2] = [("kvm", "kvm2"), ("qemu", "qemu2")];

/// What minikube has written down about a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Profile {
    driver: String,
    /// In MiB; 0 is no limit.
    memory: u64,
    /// 0 is no limit.
    #[serde(rename = "CPUs")]
    cpus: u64,
    /// Which addons are on; `null` until a first start is nearly over.
    addons: Option<BTreeMap<String, bool>>,
    kubernetes_config: KubernetesConfig,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct KubernetesConfig {
    /// `v1.33.1`.
    kubernetes_version: String,
}

impl Profile {
    /// Returns that of the cluster `name`; `None` if there is none.
    pub(super) fn read(name: &str) -> Result<Option<Self>, Failure> {
        match minikube_folder() {
            Some(folder) => Self::read_in(&folder, name),
            None => Ok(None),
        }
    }

    /// Whether the addon `name` is on.
    pub(super) fn has_addon(&self, name: &str) -> bool {
        self.addons.as_ref().and_then(|addons| addons.get(name)).copied().unwrap_or(false)
    }

    /// Whether its node is a container of the Docker daemon.
    pub(super) fn is_of_docker(&self) -> bool {
        self.driver == "docker"
    }

    fn read_in(folder: &Path, name: &str) -> Result<Option<Self>, Failure> {
        let path = folder.join("profiles").join(name).join("config.json");
        let text = match fs_err::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::failed("can't read minikube's profile").source(&error)),
        };
        let profile = serde_json::from_slice(&text);
        profile.map(Some).map_err(|error| {
            Failure::failed(format!("`{}` is not a profile of minikube", path.display())).source(&error)
        })
    }

    /// Returns the differences between the cluster and `[cluster]`, each as "`memory` is 2048 MB, not `4g`". The limits
    /// of the node's container, if there is one, count more than what minikube remembers.
    pub(super) fn differences(&self, declared: &MinikubeCluster, node: Option<&Container>) -> Vec<String> {
        let mut differences = Vec::new();
        if let Some(driver) = &declared.driver
            && canonical(driver) != canonical(&self.driver)
        {
            differences.push(format!("`driver` is `{}`, not `{driver}`", self.driver));
        }
        let milli_cpus = node.and_then(|node| node.milli_cpus).unwrap_or(self.cpus * 1000);
        if let Some(Cpus(cpus)) = declared.cpus
            && milli_cpus != u64::from(cpus) * 1000
        {
            let actual = if milli_cpus == 0 { "without a limit".to_owned() } else { thousandths(milli_cpus) };
            differences.push(format!("`cpus` is {actual}, not {cpus}"));
        }
        let memory = node.and_then(|node| node.memory).map_or(self.memory, |bytes| bytes / MIB);
        if let Some(text) = &declared.memory
            && let Some(wanted) = mebibytes(text)
            && wanted != memory
        {
            let actual = if memory == 0 { "without a limit".to_owned() } else { format!("{memory} MB") };
            differences.push(format!("`memory` is {actual}, not `{text}`"));
        }
        let version = &self.kubernetes_config.kubernetes_version;
        if let Some(wanted) = &declared.kubernetes_version
            && is_older(wanted, version)
            && !declared.start_args.iter().any(|StartArg(arg)| arg == "--force")
        {
            differences.push(format!("`kubernetes-version` is {version}, not the older `{wanted}`"));
        }
        differences
    }
}

/// The failure of a step whose cluster has other settings than declared.
pub(super) fn differs(name: &str, differences: Vec<String>) -> Failure {
    let failure = Failure::of(
        ids::CLUSTER_SETTINGS_DIFFER,
        format!("the cluster `{name}` was created with other settings than [cluster] declares"),
    );
    differences
        .into_iter()
        .fold(failure, Failure::cause)
        .cause("minikube can't change them on a cluster that exists")
        .hint("to keep the cluster, set them back in [cluster]")
        .hint(format!("to create it again, with all data in it lost: `minikube delete -p {name}`, then `provision up`"))
}

/// Whether one version of Kubernetes is older than another; what is no number, such as `stable`, is not.
fn is_older(version: &str, than: &str) -> bool {
    let number = |text: &str| Version::parse(text.trim_start_matches('v')).ok();
    matches!((number(version), number(than)), (Some(version), Some(than)) if version < than)
}

fn canonical(driver: &str) -> &str {
    DRIVER_ALIASES.iter().find(|(alias, _)| *alias == driver).map_or(driver, |(_, name)| name)
}

fn thousandths(n: u64) -> String {
    if n.is_multiple_of(1000) { (n / 1000).to_string() } else { format!("{}.{:03}", n / 1000, n % 1000) }
}

/// Returns a size as minikube reads it: a number of MiB, or with a unit by powers of 1024. `None` for what it does not
/// read as a size, such as `max`.
pub(super) fn mebibytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (whole, fraction) = text[..digits].split_once('.').unwrap_or((&text[..digits], ""));
    let fraction: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let thousandths = whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(fraction)?;
    let unit = text[digits..].trim_start().to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let unit = unit.strip_suffix('i').unwrap_or(unit);
    let shift = match unit {
        "" if digits == text.len() => 20,
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    Some(thousandths.checked_mul(1 << shift)? / 1000 / MIB)
}

/// Where minikube keeps its profiles.
pub(super) fn minikube_folder() -> Option<PathBuf> {
    let home = std::env::var_os("MINIKUBE_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(std::env::home_dir)?;
    Some(if home.ends_with(".minikube") { home } else { home.join(".minikube") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(cpus: Option<u32>, memory: Option<&str>, driver: Option<&str>) -> MinikubeCluster {
        MinikubeCluster {
            cpus: cpus.map(Cpus),
            memory: memory.map(str::to_owned),
            driver: driver.map(str::to_owned),
            ..MinikubeCluster::default()
        }
    }

    #[test]
    fn sizes_are_read_as_minikube_reads_them() {
        let cases = [
            ("2048", Some(2048)),
            ("2g", Some(2048)),
            ("2GB", Some(2048)),
            ("2gib", Some(2048)),
            ("2048m", Some(2048)),
            ("2048 mb", Some(2048)),
            ("2097152k", Some(2048)),
            ("2147483648b", Some(2048)),
            ("1.5g", Some(1536)),
            ("max", None),
            ("no-limit", None),
            ("2x", None),
            ("99999999999999999999g", None),
        ];
        for (text, size) in cases {
            assert_eq!(mebibytes(text), size, "{text}");
        }
    }

    #[test]
    fn a_setting_that_the_cluster_does_not_have_is_told_with_both_values() {
        let profile = Profile { driver: "docker".into(), memory: 2048, cpus: 2, ..Profile::default() };
        assert_eq!(profile.differences(&spec(Some(2), Some("2g"), Some("docker")), None), Vec::<String>::new());
        assert_eq!(profile.differences(&spec(None, None, None), None), Vec::<String>::new());
        assert_eq!(profile.differences(&spec(None, Some("max"), None), None), Vec::<String>::new());
        assert_eq!(
            profile.differences(&spec(Some(4), Some("4g"), Some("podman")), None),
            ["`driver` is `docker`, not `podman`", "`cpus` is 2, not 4", "`memory` is 2048 MB, not `4g`"]
        );
        // The node's own limits count more.
        let node = Container { memory: Some(4 << 30), milli_cpus: Some(1500), ..Container::default() };
        assert_eq!(profile.differences(&spec(Some(2), Some("4g"), None), Some(&node)), ["`cpus` is 1.500, not 2"]);
        let kvm = Profile { driver: "kvm2".into(), ..profile };
        assert_eq!(kvm.differences(&spec(None, None, Some("kvm")), None), Vec::<String>::new());
    }

    #[test]
    fn an_older_kubernetes_is_a_setting_that_the_cluster_can_not_have() {
        let kubernetes_config = KubernetesConfig { kubernetes_version: "v1.33.1".into() };
        let profile = Profile { kubernetes_config, ..Profile::default() };
        let declared =
            |version: &str| MinikubeCluster { kubernetes_version: Some(version.into()), ..MinikubeCluster::default() };
        for version in ["v1.33.1", "1.33.1", "v1.34.0", "stable"] {
            assert_eq!(profile.differences(&declared(version), None), Vec::<String>::new(), "{version}");
        }
        let expected = ["`kubernetes-version` is v1.33.1, not the older `v1.32.9`"];
        assert_eq!(profile.differences(&declared("v1.32.9"), None), expected);
        let forced = MinikubeCluster { start_args: vec![StartArg("--force".into())], ..declared("v1.32.9") };
        assert_eq!(profile.differences(&forced, None), Vec::<String>::new());
    }

    #[test]
    fn a_profile_is_read_from_minikubes_own_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Profile::read_in(folder.path(), "p").unwrap(), None);
        fs_err::create_dir_all(folder.path().join("profiles/p")).unwrap();
        let file = folder.path().join("profiles/p/config.json");
        fs_err::write(&file, r#"{"Name":"p","Driver":"docker","Memory":2048,"CPUs":2,"DiskSize":20000}"#).unwrap();
        let profile = Profile { driver: "docker".into(), memory: 2048, cpus: 2, ..Profile::default() };
        assert_eq!(Profile::read_in(folder.path(), "p").unwrap(), Some(profile));
        fs_err::write(&file, r#"{"Addons":{"ingress":true,"dashboard":false}}"#).unwrap();
        let profile = Profile::read_in(folder.path(), "p").unwrap().unwrap();
        assert_eq!(["ingress", "dashboard", "other"].map(|name| profile.has_addon(name)), [true, false, false]);
        // As a start that was killed leaves it.
        fs_err::write(&file, r#"{"Addons":null}"#).unwrap();
        assert!(!Profile::read_in(folder.path(), "p").unwrap().unwrap().has_addon("ingress"));
        fs_err::write(&file, "{").unwrap();
        assert!(Profile::read_in(folder.path(), "p").is_err());
    }
}
