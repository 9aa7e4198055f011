//! The bytes in which Helm stores one revision of a release: base64 of gzip of JSON, in a Secret.

use std::io::{Read, Write};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;

use super::hooks::Hook;
use super::manifest::ManifestObjects;
use crate::error::{Context, Failure};

/// Most that a record may unpack to; Helm itself can't store more than 1 MB of packed text.
const MAX_RECORD: u64 = 64 << 20;

/// How gzip data begins.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// One revision of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Counted from 1.
    pub revision: u32,
    /// What Helm says of it.
    pub status: ReleaseStatus,
    /// The description that helm was given, or its own.
    pub description: String,
    /// The chart: `todo-0.1.0`.
    pub chart: String,
    /// The chart's name alone.
    pub chart_name: String,
    /// The version of what the chart installs.
    pub app_version: String,
    /// The rendered manifest, without hooks.
    pub manifest: String,
    /// The hooks.
    pub hooks: Vec<Hook>,
    /// The objects of the manifest, once somebody has asked for them.
    pub(crate) objects: OnceLock<ManifestObjects>,
}

/// The state of a revision, in Helm's words.
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
    /// It is being removed, or its removal was killed.
    Uninstalling,
    /// It was removed, and its history kept.
    Uninstalled,
    /// Any other word of Helm's.
    Other(String),
}

impl ReleaseStatus {
    const WORDS: [(&str, Self); 8] = [
        ("deployed", Self::Deployed),
        ("superseded", Self::Superseded),
        ("failed", Self::Failed),
        ("pending-install", Self::PendingInstall),
        ("pending-upgrade", Self::PendingUpgrade),
        ("pending-rollback", Self::PendingRollback),
        ("uninstalling", Self::Uninstalling),
        ("uninstalled", Self::Uninstalled),
    ];

    /// Returns the status that Helm's word stands for.
    pub fn of(word: &str) -> Self {
        let known = Self::WORDS.into_iter().find(|(known, _)| *known == word);
        known.map_or_else(|| Self::Other(word.to_owned()), |(_, status)| status)
    }

    /// Helm's word for it.
    pub fn word(&self) -> &str {
        match self {
            Self::Other(word) => word,
            known => Self::WORDS.iter().find(|(_, status)| status == known).map_or("unknown", |(word, _)| word),
        }
    }

    /// Whether Helm refuses every upgrade until this is over.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback)
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
    #[serde(default)]
    chart: Chart,
    #[serde(default)]
    hooks: Option<Vec<Hook>>,
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

/// The part of a record that [`with_status`] replaces, where it stands in the text.
#[derive(Deserialize)]
struct StatusPlace<'a> {
    #[serde(borrow)]
    info: StatusText<'a>,
}

#[derive(Deserialize)]
struct StatusText<'a> {
    status: &'a str,
}

/// Reads a stored revision.
pub(super) fn decode(stored: &[u8]) -> Result<Release, Failure> {
    let (json, _) = unpack(stored)?;
    let record: Record = serde_json::from_slice(&json).context(|| "reading the record".into())?;
    let chart = record.chart.metadata;
    Ok(Release {
        name: record.name,
        namespace: record.namespace,
        revision: record.version,
        status: ReleaseStatus::of(&record.info.status),
        description: record.info.description,
        chart: format!("{}-{}", chart.name, chart.version),
        chart_name: chart.name,
        app_version: chart.app_version,
        manifest: record.manifest,
        hooks: record.hooks.unwrap_or_default(),
        objects: OnceLock::new(),
    })
}

/// Returns the stored revision with another status. Every other byte of its JSON stays: it holds the manifest, values
/// and fields of Helm versions that this program does not know.
pub(super) fn with_status(stored: &[u8], status: &ReleaseStatus) -> Result<Vec<u8>, Failure> {
    let (mut json, gzipped) = unpack(stored)?;
    let text = std::str::from_utf8(&json).context(|| "reading the record".into())?;
    let place: StatusPlace<'_> = serde_json::from_str(text).context(|| "finding the record's status".into())?;
    let start = place.info.status.as_ptr().addr() - text.as_ptr().addr();
    let end = start + place.info.status.len();
    json.splice(start..end, status.word().bytes());
    let changed = pack(&json, gzipped)?;
    if decode(&changed)?.status == *status {
        Ok(changed)
    } else {
        Err(Failure::bug("a release's record was changed in the wrong place"))
    }
}

/// Returns the JSON, and whether it was compressed: records of early Helm versions are not.
fn unpack(stored: &[u8]) -> Result<(Vec<u8>, bool), Failure> {
    let packed = STANDARD.decode(stored).context(|| "unpacking base64".into())?;
    if !packed.starts_with(&GZIP) {
        return Ok((packed, false));
    }
    let mut json = Vec::new();
    GzDecoder::new(packed.as_slice()).take(MAX_RECORD).read_to_end(&mut json).context(|| "unpacking gzip".into())?;
    Ok((json, true))
}

fn pack(json: &[u8], gzip: bool) -> Result<Vec<u8>, Failure> {
    let packing = || "packing the record".to_owned();
    let packed = if gzip {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(json).context(packing)?;
        encoder.finish().context(packing)?
    } else {
        json.to_vec()
    };
    Ok(STANDARD.encode(packed).into_bytes())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Stores `json` as Helm does.
    pub(crate) fn stored(json: &str) -> Vec<u8> {
        pack(json.as_bytes(), true).unwrap()
    }

    /// A record with everything that Helm 3 writes, in its order, in a given state.
    pub(crate) fn record(revision: u32, status: &str) -> String {
        format!(
            r#"{{"name":"todo","info":{{"first_deployed":"2026-11-26T05:00:00.000000001Z","last_deployed":"2026-11-26T05:00:01Z","deleted":"","description":"Preparing \"status\":\"deployed\"","status":"{status}","notes":"status: \u003cb\u003e"}},"chart":{{"metadata":{{"name":"todo","version":"0.1.0","appVersion":"2"}},"lock":null,"templates":[{{"name":"templates/a.yaml","data":"e30="}}],"values":{{"n":1.0}},"schema":null,"files":[]}},"config":{{"status":"pending-install","big":12345678901234567890,"info":{{"status":"x"}}}},"manifest":"---\n# Source: a\nkind: A\n","hooks":[{{"name":"smoke","last_run":{{"phase":""}}}}],"version":{revision},"namespace":"apps","unknown-field":[1,2.50]}}"#
        )
    }

    #[test]
    fn a_record_is_unpacked_with_and_without_gzip() {
        for gzip in [true, false] {
            let release = decode(&pack(record(3, "pending-upgrade").as_bytes(), gzip).unwrap()).unwrap();
            assert_eq!(
                (release.revision, release.status.clone(), release.chart.as_str(), release.app_version.as_str()),
                (3, ReleaseStatus::PendingUpgrade, "todo-0.1.0", "2")
            );
            assert_eq!(release.manifest, "---\n# Source: a\nkind: A\n");
            assert!(release.status.is_pending());
        }
    }

    #[test]
    fn a_record_that_is_damaged_is_an_error() {
        for bytes in [b"%%%".to_vec(), stored("{"), pack(b"[]", false).unwrap(), Vec::new()] {
            assert!(decode(&bytes).is_err(), "{bytes:?}");
            assert!(with_status(&bytes, &ReleaseStatus::Failed).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn every_status_has_its_word() {
        let words = ["deployed", "superseded", "failed", "pending-install", "pending-upgrade", "pending-rollback"];
        for word in words.into_iter().chain(["uninstalling", "uninstalled", "unknown", "of-a-later-helm"]) {
            assert_eq!(ReleaseStatus::of(word).word(), word);
        }
    }

    #[test]
    fn a_status_is_replaced_and_no_other_byte() {
        let states = ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling", "deployed", "failed"];
        for status in states {
            for gzip in [true, false] {
                let before = pack(record(7, status).as_bytes(), gzip).unwrap();
                let after = with_status(&before, &ReleaseStatus::Failed).unwrap();
                assert_eq!(unpack(&after).unwrap(), (record(7, "failed").into_bytes(), gzip), "{status}");
            }
        }
    }

    #[test]
    fn a_status_that_can_not_be_located_is_an_error() {
        let escaped = record(1, "pending\\u002dinstall");
        assert_eq!(decode(&stored(&escaped)).unwrap().status, ReleaseStatus::PendingInstall);
        assert!(with_status(&stored(&escaped), &ReleaseStatus::Failed).is_err());
    }
}
