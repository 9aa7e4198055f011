//! [`run`]: tries the mutants on all cores, and returns what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::copy::remove_leftovers;
use super::explanations::Explanations;
use super::found::{Fate, Fates, Found};
use super::subjects::{Subject, Subjects};
use super::trial::{Candidate, Trial, Worker};
use crate::action::{ProjectFiles, StepScope};
use crate::error::{Failure, FailureKind};
use crate::event::StepLog;
use crate::model::{ItemId, Mutant, MutantKind, NotTried, StepId, Trials};
use crate::pipeline::Pipeline;
use crate::tools::Tools;
use crate::tools::git;
use crate::tools::process::{Cancel, ChildRegistry};

/// Most threads, each with a copy of the project.
const MAX_THREADS: usize = 8;

/// Most mutants on which an item's own checks are tried until they notice one.
const MAX_OWN: usize = 1000;

/// What is to be tried.
#[derive(Debug)]
pub struct Work<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Its tools: where the project is, and its secrets.
    pub tools: &'a Arc<Tools>,
    /// The items; all that are proven from files if it is empty.
    pub items: &'a [ItemId],
    /// Most mutants of a file; 0 for all.
    pub limit: usize,
    /// Stops it.
    pub cancel: &'a Cancel,
    /// The programs that checks run.
    pub children: &'a Arc<ChildRegistry>,
    /// How far it is.
    pub progress: &'a Progress,
}

/// How far the trials are.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicUsize,
    total: AtomicUsize,
}

impl Progress {
    /// How many mutants were tried, of how many.
    pub fn get(&self) -> (usize, usize) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}

/// Tries the checks of `work` on mutants of the files that they read.
pub fn run(work: &Work<'_>) -> Result<Trials, Failure> {
    remove_leftovers();
    let files = project_files(work)?;
    let known = Subjects::of(work.pipeline, &files)?;
    let items = known.items(work.pipeline, work.items)?;
    let explanations = Explanations::beside(work.pipeline)?;
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let mut workers = Vec::new();
    for _ in 0..n_threads {
        workers.push(Worker::new(&files, &known.all, work.tools, work.children, work.cancel)?);
    }
    let (subjects, failing) = passing(&mut workers, known.all)?;
    let mut trials = Vec::new();
    for name in &changed_files(&subjects, &items) {
        trials.push(Trial::of(&files, name, &subjects, work.limit, work.tools)?);
    }
    work.progress.total.store(trials.iter().map(|trial| trial.chosen.len()).sum(), Ordering::Relaxed);
    let mut fates = in_parallel(&mut workers, &costly_first(&trials, &subjects), |worker, n| {
        try_mutants(worker, &trials[n], &subjects, work.progress)
    })?;
    let fates: Vec<Fates> = (0..trials.len()).filter_map(|n| fates.remove(&n)).collect();
    let numbers: Vec<usize> = (0..items.len()).collect();
    let own =
        in_parallel(&mut workers, &numbers, |worker, n| noticed_by_own(worker, &items[n], &trials, &fates, &subjects))?;
    let found = Found { trials: &trials, fates: &fates, subjects: &subjects };
    let survivors = found.survivors(&explanations);
    let expired = found.expired(&explanations, &survivors, work.items.is_empty());
    Ok(Trials {
        other_items: work.pipeline.items.len() - items.len(),
        items: items.iter().enumerate().map(|(n, id)| found.item(id, own.get(&n).cloned().flatten())).collect(),
        checks: subjects.len(),
        files: found.files(),
        survivors,
        expired,
        failing,
        left_out: known.left_out,
    })
}

/// The files of the project.
fn project_files(work: &Work<'_>) -> Result<ProjectFiles, Failure> {
    let step =
        StepId::new("prove.files").map_err(|error| Failure::bug("naming the search for files").source(&error))?;
    let scope = Arc::new(StepScope::looking(Arc::clone(work.tools), Arc::clone(work.children)));
    let cx = scope.of(step.clone(), StepLog::discard(step), work.cancel.clone(), None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::bug("can't start the runtime").source(&error))?;
    let all = runtime.block_on(git::project_files(work.tools, &cx))?;
    Ok(ProjectFiles::new(work.tools.root().to_owned(), all.iter().cloned()))
}

/// How many of the files that are only searched for forbidden lines are changed, of each kind of file.
const SEARCHED: usize = 3;

/// The files that are changed: those of the checks that cover one of `items`. Of files that are only searched for what
/// must not be there, a few stand for all.
fn changed_files(subjects: &[Subject], items: &[ItemId]) -> BTreeSet<PathBuf> {
    let covers = |subject: &&Subject| subject.items.iter().any(|id| items.contains(id));
    let names: BTreeSet<&Path> = subjects.iter().filter(covers).flat_map(|subject| subject.proof.files()).collect();
    let is_read = |name: &Path| {
        subjects
            .iter()
            .map(|subject| &subject.proof)
            .any(|proof| proof.contents.contains(name) || proof.present.contains(name) || proof.absent.contains(name))
    };
    let mut n_of_kind: BTreeMap<&OsStr, usize> = BTreeMap::new();
    let mut changed = BTreeSet::new();
    for name in names {
        let n = n_of_kind.entry(name.extension().or(name.file_name()).unwrap_or_default()).or_default();
        *n += usize::from(!is_read(name));
        if is_read(name) || *n <= SEARCHED {
            changed.insert(name.to_owned());
        }
    }
    changed
}

/// Runs each check on the files as they are. Returns those that pass, and why the others do not.
fn passing(workers: &mut [Worker], subjects: Vec<Subject>) -> Result<(Vec<Subject>, Vec<NotTried>), Failure> {
    let numbers: Vec<usize> = (0..subjects.len()).collect();
    let mut checked = in_parallel(workers, &numbers, |worker, n| worker.check(&subjects[n]))?;
    let (mut passing, mut failing) = (Vec::new(), Vec::new());
    for (n, subject) in subjects.into_iter().enumerate() {
        let Some(checked) = checked.remove(&n) else { continue };
        match checked.failure {
            None => passing.push(Subject { renders: checked.renders, ..subject }),
            Some(failure) if failure.kind == FailureKind::Prerequisite => return Err(failure),
            Some(failure) => {
                failing.push(NotTried { step: subject.step, items: subject.items, why: failure.to_string() });
            }
        }
    }
    Ok((passing, failing))
}

/// The numbers of the trials, those that take longest first: a thread that begins one late would be alone in the end.
fn costly_first(trials: &[Trial], subjects: &[Subject]) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..trials.len()).collect();
    let cost = |n: &usize| {
        let trial = &trials[*n];
        let readers = subjects.iter().filter(|subject| subject.proof.concerns(&trial.name)).count();
        std::cmp::Reverse(trial.chosen.len() * readers)
    };
    numbers.sort_by_key(cost);
    numbers
}

/// Does `work` for each of `numbers` on all workers, and returns the results by number. The first failure ends it.
fn in_parallel<T: Send>(
    workers: &mut [Worker],
    numbers: &[usize],
    work: impl Fn(&Worker, usize) -> Result<T, Failure> + Sync,
) -> Result<BTreeMap<usize, T>, Failure> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new((BTreeMap::new(), None));
    std::thread::scope(|scope| {
        for worker in workers.iter_mut() {
            let (next, results, work) = (&next, &results, &work);
            scope.spawn(move || {
                while let Some(n) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(worker, *n);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    match result {
                        Ok(result) => drop(results.0.insert(*n, result)),
                        Err(failure) => {
                            results.1.get_or_insert(failure);
                            next.store(numbers.len(), Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (results, failure) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(results), Err)
}

/// Tries each mutant of a file. The checks that have noticed most of them are asked first.
fn try_mutants(worker: &Worker, trial: &Trial, subjects: &[Subject], progress: &Progress) -> Result<Fates, Failure> {
    let mut order: Vec<usize> = (0..subjects.len()).filter(|n| subjects[*n].proof.concerns(&trial.name)).collect();
    let mut hits = vec![0_usize; subjects.len()];
    let mut fates = Vec::new();
    for n in 0..trial.chosen.len() {
        let candidate = &trial.chosen[n];
        let fate = worker.with_mutant(&trial.name, candidate, || {
            let mut fate = Fate::Survived;
            for at in order.iter().copied().filter(|at| trial.may_be_noticed(candidate, &subjects[*at])) {
                // A chart that helm refuses once, it refuses for other checks too.
                if fate == Fate::Refused && subjects[at].renders {
                    continue;
                }
                let checked = worker.check(&subjects[at])?;
                if checked.is_noticed() {
                    return Ok(Fate::Noticed(at));
                }
                if checked.is_refused {
                    fate = Fate::Refused;
                }
            }
            Ok(fate)
        })?;
        if let Fate::Noticed(by) = fate {
            hits[by] += 1;
            order.sort_by_key(|subject| (std::cmp::Reverse(hits[*subject]), *subject));
        }
        fates.push(fate);
        progress.done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(fates)
}

/// Returns a mutant that the checks of the item `id` notice.
fn noticed_by_own(
    worker: &Worker,
    id: &ItemId,
    trials: &[Trial],
    fates: &[Fates],
    subjects: &[Subject],
) -> Result<Option<Mutant>, Failure> {
    let own: Vec<usize> = (0..subjects.len()).filter(|n| subjects[*n].items.contains(id)).collect();
    let candidates = || {
        let of = |trial: &usize| (0..trials[*trial].chosen.len()).map(|n| (*trial, n)).collect::<Vec<_>>();
        (0..trials.len()).flat_map(move |trial| of(&trial))
    };
    // One that says more than that the file is gone or empty, if there is one.
    let is_whole = |(trial, n): &(usize, usize)| {
        matches!(trials[*trial].chosen[*n].mutant.kind, MutantKind::FileGone | MutantKind::Emptied)
    };
    let is_known = |(trial, n): &(usize, usize)| matches!(fates[*trial][*n], Fate::Noticed(by) if own.contains(&by));
    let known = candidates().find(|at| is_known(at) && !is_whole(at)).or_else(|| candidates().find(is_known));
    if let Some((trial, n)) = known {
        return Ok(Some(trials[trial].chosen[n].mutant.clone()));
    }
    // Another check was asked before and noticed it; or too few were tried.
    let is_noticed = |(trial, n): &(usize, usize)| matches!(fates[*trial][*n], Fate::Noticed(_));
    let (whole, parts): (Vec<_>, Vec<_>) = candidates().filter(is_noticed).partition(is_whole);
    let all = |at: &(usize, usize)| (&trials[at.0], &trials[at.0].chosen[at.1]);
    let others = trials.iter().flat_map(|trial| trial.others.iter().map(move |candidate| (trial, candidate)));
    let untried = parts.iter().map(all).chain(others).chain(whole.iter().map(all));
    let is_concerned = |(trial, candidate): &(&Trial, &Candidate)| {
        own.iter().any(|subject| trial.may_be_noticed(candidate, &subjects[*subject]))
    };
    for (trial, candidate) in untried.filter(is_concerned).take(MAX_OWN) {
        let is_noticed = worker.with_mutant(&trial.name, candidate, || {
            for subject in own.iter().filter(|subject| trial.may_be_noticed(candidate, &subjects[**subject])) {
                if worker.check(&subjects[*subject])?.is_noticed() {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        if is_noticed {
            return Ok(Some(candidate.mutant.clone()));
        }
    }
    Ok(None)
}
