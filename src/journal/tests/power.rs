//! F03: power that goes at any operation, with any part of what was not synced on the disk afterwards.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::super::disk::Disk;
use super::*;

/// A disk that can lose power. Clones are the same one.
#[derive(Clone, Debug, Default)]
struct SimDisk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    /// What a power loss leaves for sure.
    durable: Option<Vec<u8>>,
    /// What a reader sees while there is power.
    current: Option<Vec<u8>>,
    /// Operations until the power goes; then every one fails.
    fuse: Option<usize>,
    /// How many copies were set aside.
    copies: usize,
}

/// What is left of bytes that were not synced.
#[derive(Clone, Copy, Debug)]
enum Left {
    /// So many thousandths of them.
    Prefix(usize),
    /// All of their length; of the data from so many thousandths on, zeroes.
    Zeroes(usize),
}

impl Platter {
    /// An operation begins: it happens, or the power goes.
    fn operate(&mut self) -> std::io::Result<()> {
        match &mut self.fuse {
            Some(0) => Err(std::io::Error::other("no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn comes_back(&mut self, left: Left) {
        let durable = self.durable.clone().unwrap_or_default();
        let current = self.current.clone().unwrap_or_default();
        self.fuse = None;
        // Bytes that were only added may be there in part; everything else is as it was synced.
        if current.len() > durable.len() && current.starts_with(&durable) {
            let unsynced = &current[durable.len()..];
            let mut kept = durable;
            match left {
                Left::Prefix(part) => kept.extend_from_slice(&unsynced[..unsynced.len() * part / 1000]),
                Left::Zeroes(part) => {
                    let whole = unsynced.len() * part / 1000;
                    kept.extend_from_slice(&unsynced[..whole]);
                    kept.resize(kept.len() + unsynced.len() - whole, 0);
                }
            }
            self.durable = self.durable.is_some().then_some(kept);
        }
        self.current.clone_from(&self.durable);
    }
}

impl Disk for SimDisk {
    fn read(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().current.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        // The bytes are on their way when the power goes.
        disk.current.get_or_insert_default().extend_from_slice(bytes);
        disk.operate()
    }

    fn truncate(&mut self, length: u64) -> std::io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.operate()?;
        disk.current.get_or_insert_default().truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.operate()?;
        disk.durable = disk.current.clone();
        Ok(())
    }

    fn is_in_place(&mut self) -> std::io::Result<bool> {
        Ok(true)
    }

    fn replace(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        // Written, synced and renamed: until the folder is synced, either file may be there afterwards.
        disk.operate()?;
        disk.current = Some(bytes.to_vec());
        let old = disk.durable.clone();
        disk.durable = Some(bytes.to_vec());
        if let Err(error) = disk.operate() {
            if bytes.len().is_multiple_of(2) {
                disk.durable = old;
            }
            return Err(error);
        }
        Ok(())
    }

    fn keep_copy(&mut self, name: &str) -> std::io::Result<PathBuf> {
        let mut disk = self.0.lock().unwrap();
        disk.operate()?;
        disk.copies += 1;
        Ok(name.into())
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Start(usize),
    Finish(usize, bool),
    /// A child's start: written and not synced.
    Child(u32),
}

/// What was acknowledged of a step: the last thing that was durable.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Nothing,
    Started,
    Succeeded,
    Failed,
}

/// The entry of `op` in the run `n_run`: each has its own, as a step ends once in a run.
fn entry(op: Op, n_run: usize) -> Entry {
    let run = format!("20261121-113512-{n_run:04x}");
    let name = |n: usize| format!("s.n{n}");
    match op {
        Op::Start(n) => in_run(&run, started(&name(n), "1")),
        Op::Finish(n, true) => in_run(&run, finished(&name(n), "1", Outcome::Succeeded)),
        Op::Finish(n, false) => in_run(&run, finished(&name(n), "1", Outcome::Failed)),
        Op::Child(pid) => Entry::ChildStarted(Child { step: step("s.n0"), pid, start: 1, boot: "b".into() }),
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0_usize..4).prop_map(Op::Start),
        (0_usize..4, any::<bool>()).prop_map(|(n, well)| Op::Finish(n, well)),
        (1_u32..50).prop_map(Op::Child),
    ];
    prop::collection::vec(op, 1..20)
}

fn left() -> impl Strategy<Value = Left> {
    prop_oneof![(0_usize..=1000).prop_map(Left::Prefix), (0_usize..=1000).prop_map(Left::Zeroes)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f03_nothing_that_was_told_is_lost_and_nothing_else_is_believed(
        rounds in prop::collection::vec((ops(), 0_usize..40, left()), 1..5)
    ) {
        let disk = SimDisk::default();
        let mut told = [Told::Nothing; 4];
        let mut n_run = 0;
        let open = || {
            let (mut warnings, path) = (Vec::new(), Path::new("journal"));
            JournalFile::open_on(Box::new(disk.clone()), path, "folder", EarlyContents::default(), false, &mut warnings)
                .map(|(file, history)| (file, history, warnings))
        };
        for (ops, fuse, left) in rounds {
            disk.0.lock().unwrap().fuse = Some(fuse);
            // Also opening may lose power.
            if let Ok((mut file, _, _)) = open() {
                for op in ops {
                    n_run += 1;
                    let entry = entry(op, n_run);
                    let records = [to_record(&entry, None, 0, "")];
                    let sync = !matches!(op, Op::Child(_));
                    // From the moment it is asked for, a start may void what was before it.
                    let before = told;
                    if let Op::Start(n) = op {
                        told[n] = if told[n] == Told::Nothing { Told::Nothing } else { Told::Started };
                    }
                    if file.append(&records, sync).is_err() {
                        // It may have reached the disk unacknowledged, or not.
                        if let Op::Finish(n, _) = op {
                            told[n] = if before[n] == Told::Nothing { Told::Nothing } else { Told::Started };
                        }
                        break;
                    }
                    match op {
                        Op::Start(n) => told[n] = Told::Started,
                        Op::Finish(n, well) => told[n] = if well { Told::Succeeded } else { Told::Failed },
                        Op::Child(_) => {}
                    }
                }
            }
            disk.0.lock().unwrap().comes_back(left);
            let (_, history, warnings) = open().unwrap();
            let damaged = warnings.iter().any(|warning| warning.contains("damaged"));
            for (n, told) in told.iter_mut().enumerate() {
                let last = history.step(&step(&format!("s.n{n}"))).and_then(|known| known.last.clone());
                let outcome = last.map(|end| end.outcome);
                match *told {
                    // Its end may have reached the disk unacknowledged; anything else is an invention.
                    Told::Nothing | Told::Started => {}
                    Told::Succeeded if damaged => prop_assert_eq!(outcome, None, "a doubt that was forgotten"),
                    Told::Succeeded => prop_assert_eq!(outcome, Some(Outcome::Succeeded)),
                    Told::Failed => prop_assert!(outcome != Some(Outcome::Succeeded)),
                }
                *told = match outcome {
                    Some(Outcome::Succeeded) => Told::Succeeded,
                    Some(_) => Told::Failed,
                    None if *told == Told::Nothing => Told::Nothing,
                    None => Told::Started,
                };
            }
        }
    }
}
