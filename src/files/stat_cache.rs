//! [`FileDigests`]: digests of files' contents, kept with the files' metadata: an unchanged file costs one `stat`.
//!
//! A kept digest counts only while device, inode, size, modification time and change time are unchanged, to the
//! nanosecond. It is kept only if both times are [`WRITTEN_BACK`] older than the run, by the clock of the file system:
//! a later write then gives the file another time, however coarse that clock is. This is git's rule about entries as
//! young as its index, applied when an entry is added, so that nothing doubtful is ever kept. The time is that of a
//! program that writes through a memory map: the first such write to a page gives the file a new time, and those after
//! it do not until the page was written back. In memory (tmpfs) nothing ever is, and no digest of a file there is kept.
//!
//! The file is a cache: it may be deleted, and one that does not read back is as good as none. It holds [`MAGIC`], the
//! entries of [`ENTRY`] bytes each, little-endian, and the first 16 bytes of BLAKE3 over all before them.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use foldhash::fast::FixedState;
use fs_err as fs;

use super::mutex::lock;
use super::own::read_own;
use super::replace::replace_file;
use super::seen::Seen;
use super::set::{FileHasher, FileSet};
use crate::error::{Context, Failure};
use crate::fingerprint::Digest;

/// How the file begins; the number is its format's.
const MAGIC: &[u8; 16] = b"provision-files2";

/// Bytes of an entry: device, inode and size of 8, two times of 8 and 4, a digest of 16.
const ENTRY: usize = 3 * 8 + 2 * (8 + 4) + 16;

/// Bytes of a file that are read at once.
const BUFFER: usize = 128 << 10;

/// Within how many seconds the kernel has written a changed page back: 35 by its defaults, a minute where laptops save
/// power.
const WRITTEN_BACK: i64 = 60;

/// The file systems that keep files in memory: tmpfs and ramfs.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// How closely files are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// A file whose times, size and inode are unchanged is unchanged.
    #[default]
    Stat,
    /// Every file is read.
    Content,
}

/// Identifies a file for as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Inode {
    device: u64,
    number: u64,
}

/// A map for hundreds of thousands of files. Inodes are not chosen by an attacker: a fast hash is enough.
type ByInode<T> = HashMap<Inode, T, FixedState>;

/// Metadata that changes whenever the contents do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    size: u64,
    modified: Time,
    changed: Time,
}

/// Seconds since 1970, and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Time(i64, u32);

impl State {
    fn of(seen: &Metadata) -> Self {
        let time = |seconds, nanos| Time(seconds, u32::try_from(nanos).unwrap_or_default());
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
    began: OnceLock<Option<Time>>,
    remembered: OnceLock<Remembered>,
    /// The files that this run has read.
    learnt: Mutex<Learnt>,
    /// Whether the file system of each device keeps its files in memory.
    in_memory: Mutex<BTreeMap<u64, bool>>,
    /// What is read is noted here, for somebody who waits for a change of it.
    seen: Option<Arc<Seen>>,
}

/// The contents of the cache, in the order in which files were read.
#[derive(Debug, Default)]
struct Remembered {
    entries: Vec<(Inode, Known)>,
    /// Which of them this run has used.
    used: Vec<AtomicBool>,
    /// The index of each; built when files come in another order than before.
    places: OnceLock<ByInode<usize>>,
}

/// In the order in which files were read, with the index of each.
#[derive(Debug, Default)]
struct Learnt {
    entries: Vec<(Inode, Known)>,
    places: ByInode<usize>,
}

impl FileDigests {
    /// Reads nothing yet. The cache is in `state_dir`; a run writes the file `lock` there as it begins.
    pub fn new(state_dir: &Path, verify: Verify) -> Self {
        Self {
            verify,
            cache: state_dir.join("files"),
            clock: state_dir.join("lock"),
            began: OnceLock::new(),
            remembered: OnceLock::new(),
            learnt: Mutex::default(),
            in_memory: Mutex::default(),
            seen: None,
        }
    }

    /// Notes in `seen` what is read.
    pub fn noting(self, seen: Arc<Seen>) -> Self {
        Self { seen: Some(seen), ..self }
    }

    /// Where what is read is noted, if it is.
    pub fn seen(&self) -> Option<&Arc<Seen>> {
        self.seen.as_ref()
    }

    /// Returns the digest of a file set.
    pub fn digest(&self, set: &FileSet) -> Result<Digest, Failure> {
        if let Some(seen) = &self.seen {
            seen.note_set(set);
        }
        set.digest(&mut Hasher { digests: self, buffer: Vec::new(), next: 0 })
    }

    /// Returns the digest of a file set that a step of the pipeline makes.
    pub fn digest_made(&self, set: &FileSet) -> Result<Digest, Failure> {
        if let Some(seen) = &self.seen {
            seen.note_made(set);
        }
        set.digest(&mut Hasher { digests: self, buffer: Vec::new(), next: 0 })
    }

    /// Returns one digest for the names and contents of the regular files `names`, which are relative to `root`.
    pub fn digest_files(&self, root: &Path, names: &[PathBuf]) -> Result<Digest, Failure> {
        let mut hasher = Hasher { digests: self, buffer: Vec::new(), next: 0 };
        let mut all = blake3::Hasher::new();
        for name in names {
            let path = root.join(name);
            let seen = fs::symlink_metadata(&path).context(|| "reading an input".into())?;
            let name = name.as_os_str().as_encoded_bytes();
            all.update(&(name.len() as u64).to_le_bytes()).update(name);
            all.update(&hasher.contents(&path, &seen)?.bytes());
        }
        Ok(Digest::from_hash(all.finalize()))
    }

    /// Returns the digest of the regular file at `path`, which may be anywhere and is no input of the project.
    pub fn digest_elsewhere(&self, path: &Path) -> Result<Digest, Failure> {
        let mut hasher = Hasher { digests: self, buffer: Vec::new(), next: 0 };
        let seen = fs::metadata(path).context(|| format!("reading `{}`", path.display()))?;
        hasher.digest(path, &seen)
    }

    /// Whether nothing is believed by its metadata.
    pub fn reads_everything(&self) -> bool {
        self.verify == Verify::Content
    }

    /// Writes what was learnt for the next run, if anything was. Unused entries stay as long as they are not the
    /// majority.
    pub fn save(&self) -> io::Result<()> {
        let learnt = lock(&self.learnt);
        if learnt.entries.is_empty() {
            return Ok(());
        }
        let Remembered { entries: old, used, .. } = self.remembered();
        let n_used = used.iter().filter(|used| used.load(Ordering::Relaxed)).count();
        let keep_unused = old.len() - n_used <= n_used + learnt.entries.len();
        let mut bytes = MAGIC.to_vec();
        for ((inode, known), used) in old.iter().zip(used) {
            if !learnt.places.contains_key(inode) && (keep_unused || used.load(Ordering::Relaxed)) {
                encode(&mut bytes, *inode, known);
            }
        }
        for (inode, known) in &learnt.entries {
            encode(&mut bytes, *inode, known);
        }
        bytes.extend_from_slice(&Digest::of(&bytes).bytes());
        replace_file(&self.cache, &bytes)
    }

    fn remembered(&self) -> &Remembered {
        self.remembered.get_or_init(|| {
            let bytes = if self.verify == Verify::Stat { read_own(&self.cache).ok() } else { None };
            let entries = bytes.and_then(|bytes| decode(&bytes)).unwrap_or_default();
            let used = entries.iter().map(|_| AtomicBool::new(false)).collect();
            Remembered { entries, used, places: OnceLock::new() }
        })
    }

    /// Returns the digest of a file in this state, from an earlier run or from this one. `next` is the index after the
    /// last entry that was found.
    fn recall(&self, inode: Inode, state: State, next: &mut usize) -> Option<Digest> {
        if self.verify == Verify::Content {
            return None;
        }
        let remembered = self.remembered();
        if let Some(place) = remembered.place(inode, *next) {
            *next = place + 1;
            let (_, known) = remembered.entries.get(place)?;
            if known.state == state {
                remembered.used.get(place)?.store(true, Ordering::Relaxed);
                return Some(known.digest);
            }
        }
        let learnt = lock(&self.learnt);
        let (_, known) = learnt.entries.get(*learnt.places.get(&inode)?)?;
        (known.state == state).then_some(known.digest)
    }

    fn learn(&self, inode: Inode, known: Known) {
        let mut learnt = lock(&self.learnt);
        let place = learnt.entries.len();
        match learnt.places.insert(inode, place) {
            Some(place) => {
                learnt.places.insert(inode, place);
                learnt.entries[place] = (inode, known);
            }
            None => learnt.entries.push((inode, known)),
        }
    }

    /// Whether a file in this state cannot change from now on without a change of one of its times.
    fn is_settled(&self, state: State) -> bool {
        let began =
            self.began.get_or_init(|| fs::symlink_metadata(&self.clock).ok().map(|seen| State::of(&seen).modified));
        began
            .is_some_and(|Time(seconds, nanos)| state.modified.max(state.changed) < Time(seconds - WRITTEN_BACK, nanos))
    }

    /// Whether the file at `path` is kept in memory; a file system that does not say what it is may do that.
    fn is_in_memory(&self, path: &Path, device: u64) -> bool {
        let magic = || rustix::fs::statfs(path).ok().and_then(|found| u64::try_from(found.f_type).ok());
        let mut known = lock(&self.in_memory);
        *known.entry(device).or_insert_with(|| magic().is_none_or(|magic| IN_MEMORY.contains(&magic)))
    }
}

impl Remembered {
    /// Returns the index of the entry of `inode`: mostly `next`, because files are read in the same order each time.
    fn place(&self, inode: Inode, next: usize) -> Option<usize> {
        if self.entries.get(next).is_some_and(|(there, _)| *there == inode) {
            return Some(next);
        }
        let places = || self.entries.iter().enumerate().map(|(place, (inode, _))| (*inode, place)).collect();
        self.places.get_or_init(places).get(&inode).copied()
    }
}

/// Reads a file only if its digest is not known.
struct Hasher<'a> {
    digests: &'a FileDigests,
    buffer: Vec<u8>,
    next: usize,
}

impl FileHasher for Hasher<'_> {
    fn contents(&mut self, path: &Path, seen: &Metadata) -> Result<Digest, Failure> {
        let digest = self.digest(path, seen)?;
        if let Some(noted) = &self.digests.seen {
            noted.note_contents(path, digest, seen.mode());
        }
        Ok(digest)
    }
}

impl Hasher<'_> {
    fn digest(&mut self, path: &Path, seen: &Metadata) -> Result<Digest, Failure> {
        let inode = Inode { device: seen.dev(), number: seen.ino() };
        let state = State::of(seen);
        if let Some(digest) = self.digests.recall(inode, state, &mut self.next) {
            return Ok(digest);
        }
        self.buffer.resize(BUFFER, 0);
        let digest = read(path, &mut self.buffer).context(|| "reading an input".into())?;
        if self.digests.is_settled(state) && !self.digests.is_in_memory(path, inode.device) {
            self.digests.learn(inode, Known { state, digest });
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
    for Time(seconds, nanos) in [known.state.modified, known.state.changed] {
        bytes.extend_from_slice(&seconds.to_le_bytes());
        bytes.extend_from_slice(&nanos.to_le_bytes());
    }
    bytes.extend_from_slice(&known.digest.bytes());
}

fn decode(bytes: &[u8]) -> Option<Vec<(Inode, Known)>> {
    let (rest, sum) = bytes.split_last_chunk::<16>()?;
    if *sum != Digest::of(rest).bytes() {
        return None;
    }
    let entries = rest.strip_prefix(MAGIC)?.chunks_exact(ENTRY);
    if !entries.remainder().is_empty() {
        return None;
    }
    let entry = |bytes: &[u8]| {
        let long = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let time = |at: usize| {
            let nanos = u32::from_le_bytes(bytes.get(at + 8..at + 12)?.try_into().ok()?);
            Some(Time(long(at)?.cast_signed(), nanos))
        };
        let inode = Inode { device: long(0)?, number: long(8)? };
        let state = State { size: long(16)?, modified: time(24)?, changed: time(36)? };
        let digest = Digest::from_bytes(bytes.get(48..64)?.try_into().ok()?);
        Some((inode, Known { state, digest }))
    };
    let mut all = Vec::with_capacity(entries.len());
    for bytes in entries {
        all.extend(entry(bytes));
    }
    Some(all)
}

#[cfg(test)]
mod tests;
