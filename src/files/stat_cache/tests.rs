//! Which digests are remembered, and when they count.

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
            let time = SystemTime::now() + Duration::from_secs(2 * WRITTEN_BACK.unsigned_abs());
            fs::OpenOptions::new().write(true).open(&lock).unwrap().file().set_modified(time).unwrap();
        }
        FileDigests::new(self.0.path(), verify)
    }

    fn set(&self) -> FileSet {
        FileSet::folder(&self.0.path().join("in"))
    }

    /// Replaces every kept digest by a wrong one.
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
fn a_file_that_may_have_pages_in_memory_alone_is_not_remembered() {
    let project = Project::new();
    project.write("a", "one");
    let run = project.run(Verify::Stat, true);
    let began = fs::metadata(project.0.path().join("lock")).unwrap().mtime();
    let settled = |age: i64| {
        let time = Time(began - age, 0);
        run.is_settled(State { size: 1, modified: Time(0, 0), changed: time })
    };
    assert!(settled(WRITTEN_BACK + 1) && !settled(WRITTEN_BACK - 1) && !settled(0));
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        assert!(run.is_in_memory(shared, fs::metadata(shared).unwrap().dev()));
    }
    assert!(run.is_in_memory(Path::new("/nowhere"), 0));
}

#[test]
fn a_file_with_new_contents_and_the_same_size_and_time_is_read_again() {
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
fn a_damaged_cache_is_ignored() {
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
