//! [`Registry`]: the environments that this user has brought up on this machine, one file each.
//!
//! It only lists: nothing is decided by it, and nobody needs it. A file that can't be read is named, and the next `up`
//! of that checkout writes it again.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::cli::project::state_dir_of;
use crate::cli::user_state;
use crate::files::{read_own_text, remove_if_there, replace_file};

/// The version of a record. A reader leaves out those of another one, and what it does not know of its own.
const VERSION: u32 = 1;

/// How the files end.
const ENDING: &str = ".json";

/// What is on record of an environment: of what a pipeline deploys from one checkout, or in a profile with records of
/// its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// [`VERSION`].
    pub(super) v: u32,
    /// What it is called.
    pub(super) name: String,
    /// The pipeline's name.
    pub(super) pipeline: String,
    /// Its file.
    pub(super) file: PathBuf,
    /// The profile, if that has records of its own.
    pub(super) profile: Option<String>,
    /// The cluster.
    pub(super) cluster: Option<RecordedCluster>,
    /// The last run that did something.
    pub(super) run: Option<RecordedRun>,
    /// When all of it but its cluster was taken down, in milliseconds since the Unix epoch.
    pub(super) down_ms: Option<i64>,
}

/// The cluster that an environment is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedCluster {
    pub(super) name: String,
    pub(super) context: String,
    pub(super) provider: String,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedRun {
    pub(super) id: String,
    /// The command line, as the journal has it.
    pub(super) command: String,
    /// How it ended; `None` until it does.
    pub(super) outcome: Option<String>,
    pub(super) finished_ms: Option<i64>,
}

impl Record {
    /// One of an environment that has not been brought up yet, without a cluster.
    pub(super) fn new(slug: &str, pipeline: &str, file: &Path, profile: Option<&str>) -> Self {
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let other = file.file_name().map(|name| name.to_string_lossy()).filter(|name| *name != "pipeline.toml");
        let parts = [Some(slug), other.as_deref(), profile];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(":");
        let (pipeline, profile) = (pipeline.to_owned(), profile.map(str::to_owned));
        Self { v: VERSION, name, pipeline, file, profile, cluster: None, run: None, down_ms: None }
    }

    /// The state folder of its checkout.
    pub(super) fn state_dir(&self) -> PathBuf {
        state_dir_of(&self.file)
    }

    /// The name of its file.
    fn file_name(&self) -> String {
        let all = format!("{}\0{}", self.file.display(), self.profile.as_deref().unwrap_or_default());
        format!("{}{ENDING}", &blake3::hash(all.as_bytes()).to_hex()[..32])
    }
}

/// The records of a user.
#[derive(Debug)]
pub(super) struct Registry {
    folder: PathBuf,
}

/// What is in a registry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// The records, by name.
    pub(super) records: Vec<Record>,
    /// The files that are none, each with the reason.
    pub(super) unreadable: Vec<(PathBuf, String)>,
}

impl Registry {
    /// That of the user; `None` where the user has no folder.
    pub(super) fn of_user() -> Option<Self> {
        user_state::folder("environments").map(|folder| Self { folder })
    }

    /// Returns all that is in it.
    pub(super) fn read(&self) -> io::Result<Contents> {
        let mut contents = Contents::default();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(contents),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            // What a write that was killed has left ends differently.
            if !path.as_os_str().as_encoded_bytes().ends_with(ENDING.as_bytes()) {
                continue;
            }
            match read_record(&path) {
                Ok(record) => contents.records.push(record),
                // Another process has removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => contents.unreadable.push((path, error.to_string())),
            }
        }
        contents.records.sort_by(|a, b| (&a.name, &a.file).cmp(&(&b.name, &b.file)));
        contents.unreadable.sort();
        Ok(contents)
    }

    /// Returns what is on record of the same environment as `record`; nothing that can't be read.
    pub(super) fn known(&self, record: &Record) -> Option<Record> {
        read_record(&self.folder.join(record.file_name())).ok()
    }

    /// Writes a record: a reader sees the old one or the new one.
    pub(super) fn keep(&self, record: &Record) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut text = serde_json::to_vec_pretty(record)?;
        text.push(b'\n');
        replace_file(&self.folder.join(record.file_name()), &text)
    }

    /// Removes a record; no error if it is gone.
    pub(super) fn forget(&self, record: &Record) -> io::Result<()> {
        remove_if_there(&self.folder.join(record.file_name())).map(drop)
    }
}

fn read_record(path: &Path) -> io::Result<Record> {
    let record: Record = serde_json::from_str(&read_own_text(path)?)?;
    if record.v != VERSION {
        return Err(io::Error::other(format!("it is of format {}, and this version reads {VERSION}", record.v)));
    }
    if path.file_name().is_none_or(|name| *name != *record.file_name()) {
        return Err(io::Error::other("it is the record of another environment: somebody has renamed or changed it"));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(file: &str, profile: Option<&str>) -> Record {
        Record::new("shop-12345678", "shop", Path::new(file), profile)
    }

    #[test]
    fn an_environment_is_called_by_its_checkout_its_file_and_its_profile() {
        assert_eq!(record("/p/pipeline.toml", None).name, "shop-12345678");
        assert_eq!(record("/p/pipeline.toml", Some("dev")).name, "shop-12345678:dev");
        assert_eq!(record("/p/e2e.toml", Some("dev")).name, "shop-12345678:e2e.toml:dev");
    }

    #[test]
    fn what_is_kept_is_read_again_and_what_is_no_record_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry { folder: dir.path().join("a/environments") };
        assert_eq!(registry.read().unwrap(), Contents::default());
        let (mut one, two) = (record("/p/pipeline.toml", None), record("/p/pipeline.toml", Some("dev")));
        for record in [&two, &one] {
            registry.keep(record).unwrap();
        }
        one.down_ms = Some(7);
        registry.keep(&one).unwrap();
        assert_eq!(registry.known(&record("/p/pipeline.toml", None)), Some(one.clone()));
        assert_eq!(registry.read().unwrap(), Contents { records: vec![one.clone(), two.clone()], unreadable: vec![] });
        let path = |name: &str| registry.folder.join(name);
        // A torn one, one of a later version, one of another environment, a link, and a rest of a killed write.
        fs::write(path("1.json"), "{\"v\":1,").unwrap();
        let text = fs::read_to_string(path(&two.file_name())).unwrap();
        fs::write(path("2.json"), text.replace("\"v\": 1", "\"v\": 2")).unwrap();
        fs::write(path("3.json"), &text).unwrap();
        fs::os::unix::fs::symlink(path(&two.file_name()), path("4.json")).unwrap();
        fs::write(path("5.json.new"), "").unwrap();
        registry.forget(&two).unwrap();
        registry.forget(&two).unwrap();
        let contents = registry.read().unwrap();
        assert_eq!(contents.records, [one]);
        let named: Vec<&str> =
            contents.unreadable.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(named, ["1.json", "2.json", "3.json", "4.json"]);
        assert!(contents.unreadable[1].1.contains("format 2"), "{contents:?}");
        assert!(contents.unreadable[2].1.contains("another environment"), "{contents:?}");
    }
}
