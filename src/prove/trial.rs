//! [`Worker`]: a copy of the project on which checks run, and [`Trial`]: a file with its mutants and their fates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;

use super::copy::Copy;
use super::mutants::{Change, Lines, changes};
use super::select::chosen;
use super::subjects::Subject;
use crate::action::{ProjectFiles, StepScope};
use crate::documents::Format;
use crate::error::{Context, Failure, FailureKind};
use crate::event::StepLog;
use crate::model::{Mutant, MutantKind};
use crate::tools::Tools;
use crate::tools::helm::Renderings;
use crate::tools::process::{Cancel, ChildRegistry};

/// Where the checks of one thread run.
pub(super) struct Worker {
    copy: Copy,
    tools: Arc<Tools>,
    scope: Arc<StepScope>,
    runtime: tokio::runtime::Runtime,
    cancel: Cancel,
}

impl Worker {
    /// Makes a copy, and tools for it: those of the project without its cluster.
    pub(super) fn new(
        files: &ProjectFiles,
        subjects: &[Subject],
        tools: &Tools,
        children: &Arc<ChildRegistry>,
        cancel: &Cancel,
    ) -> Result<Self, Failure> {
        let read = subjects.iter().flat_map(|subject| subject.proof.files()).map(Path::to_owned).collect();
        let copy = Copy::of(files, &read)?;
        let all: Arc<[PathBuf]> = files.all().iter().cloned().collect();
        let copied = Tools::new(copy.root(), copy.state_dir(), tools.secrets().clone(), None, tools.redactor().clone())
            .of_pipeline(tools.pipeline(), tools.steps().iter().cloned())
            .of_copy(all);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::bug("can't start the runtime").source(&error))?;
        let tools = Arc::new(copied);
        let scope = Arc::new(StepScope::looking(Arc::clone(&tools), Arc::clone(children)));
        Ok(Self { copy, tools, scope, runtime, cancel: cancel.clone() })
    }

    /// Runs a check on the copy as it is.
    pub(super) fn check(&self, subject: &Subject) -> Result<Checked, Failure> {
        let renderings = || self.tools.renderings().map(Renderings::counts).unwrap_or_default();
        let (asked, refused) = renderings();
        let failure = self.failure(subject)?;
        let (asked_now, refused_now) = renderings();
        Ok(Checked { failure, renders: asked_now > asked, is_refused: refused_now > refused })
    }

    /// Runs a check on the copy as it is. Returns why it fails; `None` if it does not.
    fn failure(&self, subject: &Subject) -> Result<Option<Failure>, Failure> {
        if self.cancel.is_cancelled() {
            return Err(Failure::interrupted("trying the checks"));
        }
        let cancel = self.cancel.child();
        let cx = self.scope.of(subject.step.clone(), StepLog::discard(subject.step.clone()), cancel.clone(), None);
        let ended = self.runtime.block_on(async {
            let ended = tokio::time::timeout(subject.timeout, subject.action.run(&cx)).await;
            cancel.kill();
            ended
        });
        match ended {
            _ if self.cancel.is_cancelled() => Err(Failure::interrupted("trying the checks")),
            Ok(Ok(_)) => Ok(None),
            Ok(Err(failure)) if failure.kind == FailureKind::Bug => Err(failure),
            Ok(Err(failure)) => Ok(Some(failure)),
            Err(_) => Ok(Some(Failure::failed(format!("`{}` did not end in its time", subject.step)))),
        }
    }

    /// Does `work` while the mutant `candidate` of the file `name` stands in the copy.
    pub(super) fn with_mutant<T>(
        &self,
        name: &Path,
        candidate: &Candidate,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let original = self.copy.change(name, candidate.content.as_deref())?;
        let result = work();
        self.copy.restore(&original)?;
        result
    }
}

/// What a check has found.
#[derive(Clone)]
pub(super) struct Checked {
    /// Why it fails; `None` if it does not.
    pub(super) failure: Option<Failure>,
    /// Whether it has rendered a chart.
    pub(super) renders: bool,
    /// Whether helm could not render one.
    pub(super) is_refused: bool,
}

impl Checked {
    /// Whether it fails by what it has read.
    pub(super) fn is_noticed(&self) -> bool {
        self.failure.is_some() && !self.is_refused
    }
}

/// A mutant that is tried.
pub(super) struct Candidate {
    pub(super) mutant: Mutant,
    /// The file's content; `None` if it is gone.
    content: Option<Vec<u8>>,
}

/// A file with its mutants.
pub(super) struct Trial {
    /// The file, relative to the project.
    pub(super) name: PathBuf,
    /// How many mutants there are.
    pub(super) possible: usize,
    /// Those that are tried, in their order.
    pub(super) chosen: Vec<Candidate>,
    /// The others.
    pub(super) others: Vec<Candidate>,
}

impl Trial {
    /// The mutants of the file `name`, at most `limit` of them tried, by what the checks `subjects` say of it.
    pub(super) fn of(
        files: &ProjectFiles,
        name: &Path,
        subjects: &[Subject],
        limit: usize,
        tools: &Tools,
    ) -> Result<Self, Failure> {
        let proofs = || subjects.iter().map(|subject| &subject.proof);
        let path = files.root().join(name);
        let is_there = path.is_file();
        let bytes =
            if is_there { fs::read(path).context(|| "reading the project's files".into())? } else { Vec::new() };
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let whole = |kind| Change { kind, line: 0, lines: Lines::default(), text: String::new() };
        let mut all = Vec::new();
        if proofs().any(|proof| proof.absent.contains(name)) && !is_there {
            all.push(whole(MutantKind::FileThere));
        }
        if proofs().any(|proof| proof.contents.contains(name) || proof.present.contains(name)) {
            all.push(whole(MutantKind::FileGone));
        }
        if proofs().any(|proof| proof.contents.contains(name)) {
            all.extend(changes(name, text));
        }
        let mut forbidden: Vec<&str> = proofs()
            .flat_map(|proof| &proof.forbidden)
            .filter(|forbidden| forbidden.file == *name)
            .map(|forbidden| forbidden.lines.as_str())
            .collect();
        forbidden.sort_unstable();
        forbidden.dedup();
        all.extend(forbidden.into_iter().map(|lines| with_line(text, lines)));
        let picked = chosen(&all, limit);
        let possible = all.len();
        let (mut chosen, mut others) = (Vec::new(), Vec::new());
        for (n, change) in all.into_iter().enumerate() {
            let mutant = shown(name, &change, tools);
            let content = (change.kind != MutantKind::FileGone).then(|| change.text.into_bytes());
            let list = if picked.binary_search(&n).is_ok() { &mut chosen } else { &mut others };
            list.push(Candidate { mutant, content });
        }
        Ok(Self { name: name.to_owned(), possible, chosen, others })
    }

    /// Whether a check with the proof of `subject` may notice the candidate.
    pub(super) fn may_be_noticed(&self, candidate: &Candidate, subject: &Subject) -> bool {
        let proof = &subject.proof;
        match candidate.mutant.kind {
            MutantKind::FileThere => proof.absent.contains(&self.name),
            MutantKind::FileGone => proof.contents.contains(&self.name) || proof.present.contains(&self.name),
            MutantKind::Forbidden => proof.forbidden.iter().any(|forbidden| {
                forbidden.file == self.name
                    && candidate.content.as_ref().is_some_and(|text| text.ends_with(forbidden.lines.as_bytes()))
            }),
            _ => proof.contents.contains(&self.name),
        }
    }
}

/// The file with lines at its end.
fn with_line(text: &str, lines: &str) -> Change {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let after = lines.lines().next().unwrap_or_default().to_owned();
    Change {
        kind: MutantKind::Forbidden,
        line: text.lines().count() + 1,
        lines: Lines { before: String::new(), after },
        text: format!("{text}{end}{lines}"),
    }
}

/// What people read of a change: without secrets, and without the values of a file of variables.
fn shown(name: &Path, change: &Change, tools: &Tools) -> Mutant {
    let is_private = Format::of(name) == Format::Env;
    let line = |line: &str| match line.split_once('=') {
        Some((name, _)) if is_private => format!("{name}=…"),
        _ => tools.redactor().text(line),
    };
    Mutant {
        file: name.display().to_string().into(),
        line: change.line,
        kind: change.kind,
        before: line(&change.lines.before),
        after: line(&change.lines.after),
    }
}
