//! The state of a Helm release, read from the Secret in which Helm keeps it.

use std::io::Read;

use flate2::read::GzDecoder;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use serde::Deserialize;

use super::Kube;
use super::objects::ObjectRef;
use crate::error::{Context, Failure};

/// Most that a release's record may unpack to; Helm itself can't store more than 1 MB of packed text.
const MAX_RECORD: u64 = 64 << 20;

/// One revision of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Counted from 1.
    pub revision: u32,
    /// What Helm says of it.
    pub status: ReleaseStatus,
    /// What Helm was told to note, or its own remark.
    pub description: String,
    /// The chart: `todo-0.1.0`.
    pub chart: String,
    /// The version of what the chart installs.
    pub app_version: String,
    /// The rendered manifest, without hooks.
    pub manifest: String,
}

/// A revision of a release as the labels of its record tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Counted from 1.
    pub number: u32,
    /// What Helm says of it.
    pub status: ReleaseStatus,
    /// The value of the label [`RUN_LABEL`]. Helm hands labels on from one revision to the next.
    pub run: Option<String>,
}

/// The label that a release of ours gets: names the one call of helm that made the revision.
pub const RUN_LABEL: &str = "provision";

/// What Helm says of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseStatus {
    /// It is what runs.
    Deployed,
    /// A later one replaced it.
    Superseded,
    /// Its installation or upgrade failed.
    Failed,
    /// Its first installation is going on, or was killed.
    PendingInstall,
    /// An upgrade is going on, or was killed.
    PendingUpgrade,
    /// A rollback is going on, or was killed.
    PendingRollback,
    /// Any other word of Helm's.
    Other(String),
}

impl ReleaseStatus {
    /// The status that Helm's word stands for.
    pub fn of(word: &str) -> Self {
        match word {
            "deployed" => Self::Deployed,
            "superseded" => Self::Superseded,
            "failed" => Self::Failed,
            "pending-install" => Self::PendingInstall,
            "pending-upgrade" => Self::PendingUpgrade,
            "pending-rollback" => Self::PendingRollback,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Helm's word for it.
    pub fn word(&self) -> &str {
        match self {
            Self::Deployed => "deployed",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
            Self::Other(word) => word,
        }
    }

    /// Whether Helm refuses to touch the release until this is over.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback)
    }
}

impl Release {
    /// The objects of its manifest that have a kind of Kubernetes' own.
    pub fn objects(&self) -> Result<Vec<ObjectRef>, Failure> {
        manifest_objects(&self.manifest, &self.namespace)
    }
}

impl Kube {
    /// The revisions of a release, oldest first; cheap, because nothing is unpacked.
    pub async fn release_history(&self, namespace: &str, release: &str) -> Result<Vec<Revision>, Failure> {
        let api = self.namespaced::<Secret>(namespace);
        let params = ListParams::default().labels(&format!("owner=helm,name={release}"));
        let list = self
            .read(&format!("reading the history of the release `{release}`"), || api.list_metadata(&params))
            .await?;
        let mut history: Vec<Revision> = list
            .items
            .into_iter()
            .filter_map(|secret| {
                let labels = secret.metadata.labels?;
                Some(Revision {
                    number: labels.get("version")?.parse().ok()?,
                    status: ReleaseStatus::of(labels.get("status")?),
                    run: labels.get(RUN_LABEL).cloned(),
                })
            })
            .collect();
        history.sort_by_key(|revision| revision.number);
        Ok(history)
    }

    /// A revision of a release with its manifest; `None` when there is no such revision.
    pub async fn release(&self, namespace: &str, release: &str, revision: u32) -> Result<Option<Release>, Failure> {
        let api = self.namespaced::<Secret>(namespace);
        let name = format!("sh.helm.release.v1.{release}.v{revision}");
        let what = format!("reading revision {revision} of the release `{release}`");
        let Some(secret) = self.read(&what, || api.get_opt(&name)).await? else {
            return Ok(None);
        };
        let coded = secret.data.as_ref().and_then(|data| data.get("release"));
        let coded = coded.ok_or_else(|| Failure::failed(format!("the Secret `{name}` holds no release")))?;
        decode(&coded.0).map(Some).map_err(|failure| failure.while_doing(format!("{what} failed")))
    }

    /// The newest revision of a release with its manifest; `None` when there is none.
    pub async fn latest_release(&self, namespace: &str, release: &str) -> Result<Option<Release>, Failure> {
        match self.release_history(namespace, release).await?.last() {
            Some(last) => self.release(namespace, release, last.number).await,
            None => Ok(None),
        }
    }
}

#[derive(Deserialize)]
struct Record {
    name: String,
    namespace: String,
    version: u32,
    #[serde(default)]
    manifest: String,
    info: Info,
    chart: Chart,
}

#[derive(Deserialize)]
struct Info {
    status: String,
    #[serde(default)]
    description: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chart {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    version: String,
    app_version: String,
}

/// Unpacks what Helm stored: base64 (the one of Kubernetes is off already) of gzip of JSON; very old ones lack the gzip.
fn decode(coded: &[u8]) -> Result<Release, Failure> {
    use base64::Engine as _;
    let packed = base64::engine::general_purpose::STANDARD.decode(coded).context(|| "unpacking base64".into())?;
    let mut json = Vec::new();
    if packed.starts_with(&[0x1f, 0x8b, 0x08]) {
        GzDecoder::new(packed.as_slice())
            .take(MAX_RECORD)
            .read_to_end(&mut json)
            .context(|| "unpacking gzip".into())?;
    } else {
        json = packed;
    }
    let record: Record = serde_json::from_slice(&json).context(|| "reading the record".into())?;
    let chart = record.chart.metadata;
    Ok(Release {
        name: record.name,
        namespace: record.namespace,
        revision: record.version,
        status: ReleaseStatus::of(&record.info.status),
        description: record.info.description,
        chart: format!("{}-{}", chart.name, chart.version),
        app_version: chart.app_version,
        manifest: record.manifest,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestObject {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: ManifestMeta,
    #[serde(default)]
    items: Vec<ManifestObject>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ManifestMeta {
    name: String,
    namespace: Option<String>,
}

fn manifest_objects(manifest: &str, namespace: &str) -> Result<Vec<ObjectRef>, Failure> {
    let documents: Vec<Option<ManifestObject>> =
        serde_saphyr::from_multiple(manifest).context(|| "reading the release's manifest".into())?;
    let mut objects = Vec::new();
    let mut rest: Vec<ManifestObject> = documents.into_iter().flatten().rev().collect();
    while let Some(object) = rest.pop() {
        if object.kind == "List" {
            rest.extend(object.items.into_iter().rev());
        } else if !object.kind.is_empty() {
            objects.push(ObjectRef {
                api_version: object.api_version,
                kind: object.kind,
                namespace: object.metadata.namespace.unwrap_or_else(|| namespace.to_owned()),
                name: object.metadata.name,
            });
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use base64::Engine as _;

    use super::*;

    fn stored(json: &str, gzip: bool) -> Vec<u8> {
        let packed = if gzip {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(json.as_bytes()).unwrap();
            encoder.finish().unwrap()
        } else {
            json.as_bytes().to_vec()
        };
        base64::engine::general_purpose::STANDARD.encode(packed).into_bytes()
    }

    const RECORD: &str = r#"{"name":"todo","namespace":"apps","version":3,"manifest":"kind: A",
        "info":{"status":"pending-upgrade","description":"provision:deploy.chart:1f","last_deployed":"x"},
        "chart":{"metadata":{"name":"todo","version":"0.1.0","appVersion":"2"},"templates":[]},"config":{"a":1}}"#;

    #[test]
    fn a_record_is_unpacked_with_and_without_gzip() {
        for gzip in [true, false] {
            let release = decode(&stored(RECORD, gzip)).unwrap();
            assert_eq!(
                (release.revision, release.status.clone(), release.chart.as_str()),
                (3, ReleaseStatus::PendingUpgrade, "todo-0.1.0")
            );
            assert_eq!(release.description, "provision:deploy.chart:1f");
            assert!(release.status.is_pending());
        }
    }

    #[test]
    fn a_record_that_is_damaged_is_an_error() {
        for bytes in [b"%%%".to_vec(), stored("{", true), stored("[]", false), Vec::new()] {
            assert!(decode(&bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn every_status_has_its_word() {
        for word in [
            "deployed",
            "superseded",
            "failed",
            "pending-install",
            "pending-upgrade",
            "pending-rollback",
            "uninstalling",
        ] {
            assert_eq!(ReleaseStatus::of(word).word(), word);
        }
    }

    #[test]
    fn a_manifest_gives_its_objects_in_order() {
        let manifest = "---\n# Source: a.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  labels: {a: b}\n\
            spec:\n  ports: [{port: 80}]\n---\n# only a comment\n---\napiVersion: apps/v1\nkind: Deployment\n\
            metadata:\n  name: api\n  namespace: other\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  \
            kind: ConfigMap\n  metadata: {name: c}\n";
        let objects = manifest_objects(manifest, "apps").unwrap();
        let short: Vec<String> = objects.iter().map(ToString::to_string).collect();
        assert_eq!(short, ["service/web in apps", "deployment/api in other", "configmap/c in apps"]);
    }
}
