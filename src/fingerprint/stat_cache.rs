//! [`FileDigests`]: digests of files' contents, remembered by what a look at a file says: an unchanged file costs a stat.
//!
//! A remembered digest counts only while device, inode, size, modification time and change time are those of then, to
//! the nanosecond. It is remembered only when both times are older than the run, by the clock of the file system: a
//! later write then gives the file another time, however coarse that clock is. This is git's rule about entries as young
//! as its index, applied when they are made, so that nothing doubtful is ever kept.
//!
//! The file is a cache: it may be deleted, and one that does not read back is as good as none. It holds [`MAGIC`], the
//! entries of [`ENTRY`] bytes each, little-endian, and the first 16 bytes of BLAKE3 over all before them.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use fs_err as fs;

use super::Digest;
use super::files::{FileHasher, FileSet};
use crate::error::{Context, Failure};

/// How the file begins; the number is its format's.
const MAGIC: &[u8; 16] = b"provision-files1";

/// Bytes of an entry: device, inode and size of 8, two times of 16, a digest of 16.
const ENTRY: usize = 3 * 8 + 2 * 16 + 16;

/// Bytes of a file that are read at once.
const BUFFER: usize = 128 << 10;

/// How closely files are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// A file whose times, size and inode are unchanged is unchanged.
    #[default]
    Stat,
    /// Every file is read.
    Content,
}

/// Which file: what stays the same as long as it is the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Inode {
    device: u64,
    number: u64,
}

/// What changes whenever its contents do. Times are seconds and nanoseconds in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    size: u64,
    modified: i128,
    changed: i128,
}

impl State {
    fn of(seen: &Metadata) -> Self {
        let time = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            size: seen.size(),
            modified: time(seen.mtime(), seen.mtime_nsec()),
            changed: time(seen.ctime(), seen.ctime_nsec()),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Known {
    state: State,
    digest: Digest,
}

/// Digests of files' contents, shared by all steps of a run.
#[derive(Debug)]
pub struct FileDigests {
    verify: Verify,
    cache: PathBuf,
    /// Its modification time is when the run began, by the file system's clock.
    clock: PathBuf,
    began: OnceLock<Option<i128>>,
    known: OnceLock<HashMap<Inode, Known>>,
    used: Mutex<HashMap<Inode, Known>>,
}

impl FileDigests {
    /// Nothing is read yet. `state_dir` is where the cache is; a run writes the file `lock` in it as it begins.
    pub fn new(state_dir: &Path, verify: Verify) -> Self {
        Self {
            verify,
            cache: state_dir.join("files"),
            clock: state_dir.join("lock"),
            began: OnceLock::new(),
            known: OnceLock::new(),
            used: Mutex::new(HashMap::new()),
        }
    }

    /// The digest of a file set.
    pub fn digest(&self, set: &FileSet) -> Result<Digest, Failure> {
        let mut hasher = Remembering { digests: self, buffer: Vec::new(), used: Vec::new() };
        let digest = set.digest(&mut hasher)?;
        let Remembering { used, .. } = hasher;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).extend(used);
        Ok(digest)
    }

    /// Keeps what was learnt for the next run, if anything was. Entries that nothing asked for stay as long as they are
    /// not the greater part.
    pub fn save(&self) -> io::Result<()> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known();
        let is_new = |(inode, entry): (&Inode, &Known)| known.get(inode).is_none_or(|old| old.state != entry.state);
        if !used.iter().any(is_new) {
            return Ok(());
        }
        let mut bytes = MAGIC.to_vec();
        let unused = known.iter().filter(|(inode, _)| !used.contains_key(inode));
        let n_unused = known.len().saturating_sub(used.len());
        let kept = unused.take(if n_unused > used.len() { 0 } else { usize::MAX });
        for (inode, entry) in used.iter().chain(kept) {
            encode(&mut bytes, *inode, entry);
        }
        bytes.extend_from_slice(&Digest::of(&bytes).bytes());
        let new = self.cache.with_extension("new");
        fs::write(&new, bytes)?;
        fs::rename(&new, &self.cache)
    }

    fn known(&self) -> &HashMap<Inode, Known> {
        self.known.get_or_init(|| {
            let bytes = if self.verify == Verify::Stat { fs::read(&self.cache).ok() } else { None };
            bytes.and_then(|bytes| decode(&bytes)).unwrap_or_default()
        })
    }

    /// What is known of a file from an earlier run, or from this one.
    fn recall(&self, inode: Inode) -> Option<Known> {
        if self.verify == Verify::Content {
            return None;
        }
        let from_this_run = || self.used.lock().unwrap_or_else(PoisonError::into_inner).get(&inode).copied();
        self.known().get(&inode).copied().or_else(from_this_run)
    }

    /// Whether a file in this state can't change from now on without one of its times telling.
    fn is_settled(&self, state: State) -> bool {
        let began = self.began.get_or_init(|| fs::metadata(&self.clock).ok().map(|seen| State::of(&seen).modified));
        began.is_some_and(|began| state.modified.max(state.changed) < began)
    }
}

/// Reads a file only where it has to.
struct Remembering<'a> {
    digests: &'a FileDigests,
    buffer: Vec<u8>,
    used: Vec<(Inode, Known)>,
}

impl FileHasher for Remembering<'_> {
    fn contents(&mut self, path: &Path, seen: &Metadata) -> Result<Digest, Failure> {
        let inode = Inode { device: seen.dev(), number: seen.ino() };
        let state = State::of(seen);
        if let Some(known) = self.digests.recall(inode).filter(|known| known.state == state) {
            self.used.push((inode, known));
            return Ok(known.digest);
        }
        self.buffer.resize(BUFFER, 0);
        let digest = read(path, &mut self.buffer).context(|| "reading an input".into())?;
        if self.digests.is_settled(state) {
            self.used.push((inode, Known { state, digest }));
        }
        Ok(digest)
    }
}

fn read(path: &Path, buffer: &mut [u8]) -> io::Result<Digest> {
    let mut file = fs::File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    loop {
        match file.read(buffer)? {
            0 => return Ok(Digest::from_hash(hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        };
    }
}

fn encode(bytes: &mut Vec<u8>, inode: Inode, known: &Known) {
    for number in [inode.device, inode.number, known.state.size] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for time in [known.state.modified, known.state.changed] {
        bytes.extend_from_slice(&time.to_le_bytes());
    }
    bytes.extend_from_slice(&known.digest.bytes());
}

fn decode(bytes: &[u8]) -> Option<HashMap<Inode, Known>> {
    let (rest, sum) = bytes.split_last_chunk::<16>()?;
    if *sum != Digest::of(rest).bytes() {
        return None;
    }
    let entries = rest.strip_prefix(MAGIC)?.chunks_exact(ENTRY);
    if !entries.remainder().is_empty() {
        return None;
    }
    let entry = |bytes: &[u8]| {
        let mut at = 0;
        let mut number = || {
            at += 8;
            Some(u64::from_le_bytes(bytes.get(at - 8..at)?.try_into().ok()?))
        };
        let inode = Inode { device: number()?, number: number()? };
        let size = number()?;
        let time = |at: usize| Some(i128::from_le_bytes(bytes.get(at..at + 16)?.try_into().ok()?));
        let state = State { size, modified: time(24)?, changed: time(40)? };
        let digest = Digest::from_bytes(bytes.get(56..72)?.try_into().ok()?);
        Some((inode, Known { state, digest }))
    };
    entries.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    struct Project(tempfile::TempDir);

    impl Project {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("in")).unwrap();
            Self(dir)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.path().join("in").join(name), text).unwrap();
        }

        /// A run that begins now, or well after all that was written so far.
        fn run(&self, verify: Verify, later: bool) -> FileDigests {
            let lock = self.0.path().join("lock");
            fs::write(&lock, "x").unwrap();
            if later {
                let time = SystemTime::now() + Duration::from_secs(60);
                fs::OpenOptions::new().write(true).open(&lock).unwrap().file().set_modified(time).unwrap();
            }
            FileDigests::new(self.0.path(), verify)
        }

        fn set(&self) -> FileSet {
            FileSet::folder(&self.0.path().join("in"))
        }

        /// Makes every remembered digest a wrong one.
        fn poison(&self) {
            let path = self.0.path().join("files");
            let known = decode(&fs::read(&path).unwrap()).unwrap();
            let mut bytes = MAGIC.to_vec();
            for (inode, entry) in known {
                encode(&mut bytes, inode, &Known { digest: Digest::of(b"wrong"), ..entry });
            }
            bytes.extend_from_slice(&Digest::of(&bytes).bytes());
            fs::write(path, bytes).unwrap();
        }
    }

    #[test]
    fn an_unchanged_file_is_not_read_again_unless_contents_are_asked_for() {
        let project = Project::new();
        project.write("a", "one");
        let first = project.run(Verify::Stat, true);
        let digest = first.digest(&project.set()).unwrap();
        first.save().unwrap();
        assert_eq!(project.run(Verify::Stat, true).digest(&project.set()).unwrap(), digest);
        project.poison();
        assert_ne!(project.run(Verify::Stat, true).digest(&project.set()).unwrap(), digest, "it was read");
        assert_eq!(project.run(Verify::Content, true).digest(&project.set()).unwrap(), digest, "it was not read");
    }

    #[test]
    fn a_file_as_young_as_the_run_is_not_remembered() {
        let project = Project::new();
        let run = project.run(Verify::Stat, false);
        project.write("a", "one");
        run.digest(&project.set()).unwrap();
        run.save().unwrap();
        assert!(!project.0.path().join("files").exists());
    }

    #[test]
    fn a_file_of_the_same_size_and_time_is_another_one() {
        let project = Project::new();
        project.write("a", "one");
        let run = project.run(Verify::Stat, true);
        let before = run.digest(&project.set()).unwrap();
        run.save().unwrap();
        let path = project.0.path().join("in/a");
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "two").unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().file().set_modified(time).unwrap();
        assert_ne!(project.run(Verify::Stat, true).digest(&project.set()).unwrap(), before);
    }

    #[test]
    fn a_cache_that_does_not_read_back_is_none() {
        let project = Project::new();
        project.write("a", "one");
        let run = project.run(Verify::Stat, true);
        let digest = run.digest(&project.set()).unwrap();
        run.save().unwrap();
        let path = project.0.path().join("files");
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(decode(&bad).is_none(), "byte {at}");
            assert!(decode(&good[..at]).is_none(), "cut at {at}");
        }
        fs::write(&path, "nonsense").unwrap();
        assert_eq!(project.run(Verify::Stat, true).digest(&project.set()).unwrap(), digest);
    }
}
