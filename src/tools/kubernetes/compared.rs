//! [`Compared`]: which objects were as they were released, kept for the next run.
//!
//! What a trial says follows from the manifest and from the object that is there. It takes the API server several
//! times as long as reading that object, so it is not repeated while nothing at all of the object has changed: the
//! whole of it is compared, with its status and its resource version.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::files::{read_own, replace_file};
use crate::fingerprint::Digest;

/// Changes when a comparison finds other differences than before.
const REVISION: u8 = 1;

/// Most objects that are kept.
const MAX_KEPT: usize = 2000;

/// Which objects were as they were released.
#[derive(Debug, Default)]
pub struct Compared {
    /// Without it, only this run's comparisons are known.
    file: Option<PathBuf>,
    same: Mutex<Option<Same>>,
}

/// The digest of each object by that of the manifest which it agreed with.
#[derive(Debug, Default)]
struct Same {
    earlier: BTreeMap<String, String>,
    now: BTreeMap<String, String>,
}

impl Compared {
    /// Knows what earlier runs have kept in `state_dir`.
    pub fn kept_in(state_dir: &Path) -> Self {
        Self { file: Some(state_dir.join("compared")), same: Mutex::default() }
    }

    /// Whether `live` has agreed with `manifest` just as it is.
    pub(super) fn is_same(&self, manifest: &Value, live: &Value) -> bool {
        let Some((manifest, live)) = digests(manifest, live) else { return false };
        self.with(|same| {
            if same.now.get(&manifest).or_else(|| same.earlier.get(&manifest)) != Some(&live) {
                return false;
            }
            if let Some(used) = same.earlier.remove(&manifest) {
                same.now.insert(manifest, used);
            }
            true
        })
    }

    /// Notes that `live` agrees with `manifest`.
    pub(super) fn note(&self, manifest: &Value, live: &Value) {
        if let Some((manifest, live)) = digests(manifest, live) {
            self.with(|same| {
                same.earlier.remove(&manifest);
                same.now.insert(manifest, live);
            });
        }
    }

    /// Keeps it for the next run: what this run has used, and as much of the rest as there is room for.
    pub fn save(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let bytes = {
            let same = self.same.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(Same { earlier, now }) = &*same else { return Ok(()) };
            let all: BTreeMap<_, _> = now.iter().chain(earlier).take(MAX_KEPT).collect();
            serde_json::to_vec(&all)?
        };
        if read_own(file).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        replace_file(file, &bytes)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Same) -> T) -> T {
        let mut same = self.same.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let bytes = self.file.as_ref().and_then(|file| read_own(file).ok());
            let earlier = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
            Same { earlier, now: BTreeMap::new() }
        };
        work(same.get_or_insert_with(read))
    }
}

/// Returns the digests of both; `None` for a Secret, of which no digest is written anywhere.
fn digests(manifest: &Value, live: &Value) -> Option<(String, String)> {
    if live["kind"] == "Secret" {
        return None;
    }
    let digest = |text: std::fmt::Arguments<'_>| {
        let text = format!("{REVISION} {} {text}", env!("CARGO_PKG_VERSION"));
        Digest::of(text.as_bytes()).to_string()
    };
    // One manifest may be applied to several clusters and namespaces.
    let uid = &live["metadata"]["uid"];
    Some((digest(format_args!("{uid} {manifest}")), digest(format_args!("{live}"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(kind: &str, resource_version: &str) -> Value {
        json!({"kind": kind, "metadata": {"uid": "u", "resourceVersion": resource_version}, "data": {"a": "b"}})
    }

    #[test]
    fn an_object_is_known_to_the_next_run_until_anything_of_it_or_of_its_manifest_changes() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = json!({"data": {"a": "b"}});
        let first = Compared::kept_in(dir.path());
        assert!(!first.is_same(&manifest, &live("ConfigMap", "1")));
        first.note(&manifest, &live("ConfigMap", "1"));
        assert!(first.is_same(&manifest, &live("ConfigMap", "1")));
        first.save().unwrap();

        let second = Compared::kept_in(dir.path());
        assert!(second.is_same(&manifest, &live("ConfigMap", "1")));
        assert!(!second.is_same(&manifest, &live("ConfigMap", "2")));
        assert!(!second.is_same(&json!({"data": {}}), &live("ConfigMap", "1")));
        second.note(&manifest, &live("ConfigMap", "2"));
        second.save().unwrap();
        let third = Compared::kept_in(dir.path());
        assert!(!third.is_same(&manifest, &live("ConfigMap", "1")));
        assert!(third.is_same(&manifest, &live("ConfigMap", "2")));
    }

    #[test]
    fn no_digest_of_a_secret_is_kept_and_a_damaged_file_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("compared"), "{\"a\":").unwrap();
        let compared = Compared::kept_in(dir.path());
        let manifest = json!({});
        for kind in ["Secret", "ConfigMap"] {
            compared.note(&manifest, &live(kind, "1"));
        }
        assert!(!compared.is_same(&manifest, &live("Secret", "1")));
        assert!(compared.is_same(&manifest, &live("ConfigMap", "1")));
        compared.save().unwrap();
        let kept = fs_err::read(dir.path().join("compared")).unwrap();
        assert_eq!(serde_json::from_slice::<BTreeMap<String, String>>(&kept).unwrap().len(), 1);
    }
}
