//! [`StepContext`]: all that an action may reach.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fs_err as fs;

use super::prompts::Taken;
use super::scope::{ChildEvent, RunScope, StepScope};
use super::warnings::Warnings;
use crate::error::{Context, Failure};
use crate::event::{EventKind, StepLog};
use crate::model::{Output, Progress, StepId};
use crate::redact::RedactStream;
use crate::tools::process::{ChildRegistry, ProcessObserver, extend_line};
use crate::tools::{Cancel, Tools};

/// Most bytes of a line that reporters get; the log has all of them.
const MAX_LINE: usize = 2000;

/// The least time after which an unfinished line is shown again.
const PREVIEW_INTERVAL_MS: u64 = 1000;

/// How long a last look may take once stopping was asked.
const LAST_LOOK: Duration = Duration::from_secs(3);

impl StepScope {
    /// The context of a step that runs or is checked in its turn.
    pub fn of(self: &Arc<Self>, step: StepId, log: StepLog, cancel: Cancel, last: Option<Output>) -> StepContext {
        StepContext {
            scope: Arc::clone(self),
            step,
            log,
            cancel,
            last,
            text: Mutex::new(None),
            leaked: AtomicBool::new(false),
            warnings: Warnings::default(),
            next_preview: AtomicU64::new(0),
            terminal: Mutex::new(None),
        }
    }
}

/// What an action works with: it reports progress and lines through it, and receives tools and cancellation. An action
/// prints nothing, reads no `pipeline.toml` and sees no journal. Deliberately not `Clone`: nothing outlives the step.
pub struct StepContext {
    scope: Arc<StepScope>,
    step: StepId,
    log: StepLog,
    cancel: Cancel,
    last: Option<Output>,
    /// Made by the first byte: most checks print nothing, and a run may have ten thousand of them at once.
    text: Mutex<Option<Box<TextState>>>,
    leaked: AtomicBool,
    warnings: Warnings,
    /// The age of the run, in milliseconds, from which on an unfinished line may be shown again.
    next_preview: AtomicU64,
    /// The terminal, while the step has it.
    terminal: Mutex<Option<fs::File>>,
}

struct TextState {
    redact: RedactStream,
    line: Vec<u8>,
}

impl StepContext {
    /// The run; `None` for a check outside of any run.
    pub fn run(&self) -> Option<&RunScope> {
        self.scope.run.as_ref()
    }

    /// Gives the next attempt a sign of its own to stop, so that a timeout of this one does not end it too.
    pub fn set_cancel(&mut self, cancel: Cancel) {
        self.cancel = cancel;
    }

    /// The step.
    pub fn step(&self) -> &StepId {
        &self.step
    }

    /// What all steps share.
    pub fn tools(&self) -> &Tools {
        &self.scope.tools
    }

    /// A path of the settings: relative ones start at the project's folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.scope.tools.root().join(path)
    }

    /// The output of the step's last success, whatever its inputs were.
    pub fn last_output(&self) -> Option<&Output> {
        self.last.as_ref()
    }

    /// Tells how far it is. Cheap: may be called for every chunk.
    pub fn progress(&self, mut progress: Progress) {
        progress.message = self.scope.tools.redactor().text(&progress.message);
        self.scope.sink.send(EventKind::StepProgress { step: self.step.clone(), progress });
    }

    /// Writes a line to the step's log and to the display.
    pub fn line(&self, line: &str) {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        self.output(&bytes);
    }

    /// Fails when stopping was asked; for between two pieces of work.
    pub fn check_cancel(&self) -> Result<(), Failure> {
        if self.cancel.is_cancelled() { Err(Failure::interrupted(format!("step {}", self.step))) } else { Ok(()) }
    }

    /// Completes when a cancelled step has had the time for one last check of what it waited for, or has to stop at
    /// once.
    pub async fn out_of_time(&self) {
        self.cancel.grace_elapsed(LAST_LOOK).await;
    }

    /// Does `work` unless stopping is asked first; then drops it and fails as interrupted.
    pub fn unless_cancelled<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> impl Future<Output = Result<T, Failure>> {
        self.before(self.cancel.cancelled(), what, work)
    }

    /// Does `work` to its end although stopping is asked meanwhile, unless everything is to stop at once: for a request
    /// that makes what is removed afterwards. Dropped, it could still be carried out, and after the removal.
    pub fn unless_killed<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> impl Future<Output = Result<T, Failure>> {
        self.before(self.cancel.killed(), what, work)
    }

    /// Does `work` unless `stop` comes first, or stopping was asked before.
    async fn before<T>(
        &self,
        stop: impl Future<Output = ()>,
        what: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        if self.cancel.is_cancelled() {
            return Err(Failure::interrupted(what));
        }
        // The work first: most often it is done at once, and then nobody has to wait for the other.
        tokio::select! {
            biased;
            result = work => result,
            () = stop => Err(Failure::interrupted(what)),
        }
    }

    /// Asks the person at the terminal. Returns the answer, or `None` if there is no terminal: then the question stays
    /// open, and the step has to say so. Question and answer are in the step's log.
    pub async fn ask(&self, question: &str) -> Result<Option<String>, Failure> {
        let Some(run) = &self.scope.run else { return Ok(None) };
        let what = format!("the question \"{question}\"");
        let answer = self.unless_cancelled(&what, run.prompts.ask(&self.step, question, &self.scope.sink)).await?;
        if let Some(answer) = &answer {
            self.line(&format!("{question} {answer}"));
        }
        Ok(answer)
    }

    /// Waits for the terminal, and lets the programs of this step have it until what is returned is dropped; `None` if
    /// there is none: then they have no terminal.
    pub async fn take_terminal(&self) -> Result<Option<TerminalTurn<'_>>, Failure> {
        let Some(run) = &self.scope.run else { return Ok(None) };
        let turn = async { Ok(run.prompts.take(&self.step, &self.scope.sink).await) };
        let Some(turn) = self.unless_cancelled("waiting for the terminal", turn).await? else { return Ok(None) };
        let terminal = fs::OpenOptions::new().write(true).open("/dev/tty").context(|| "opening the terminal".into())?;
        *self.terminal.lock().unwrap_or_else(PoisonError::into_inner) = Some(terminal);
        Ok(Some(TerminalTurn { cx: self, _turn: turn }))
    }

    /// Returns what `check` finds wrong. In a series of checks, those with the same `key` find the same.
    pub async fn shared_check(
        &self,
        key: impl FnOnce() -> String,
        check: impl Future<Output = Result<Option<String>, Failure>>,
    ) -> Result<Option<String>, Failure> {
        match &self.scope.checks {
            Some(checks) => checks.get_or(key(), check).await,
            None => check.await,
        }
    }

    /// Masks the generated secrets that the cluster has, before the step may print them.
    pub async fn learn_generated(&self) -> Result<(), Failure> {
        if let Some(why) = self.scope.tools.learn_generated().await {
            self.line(&format!("generated secrets of the cluster are not masked: {why}"));
        }
        Ok(())
    }

    /// Notes that a child left processes behind, which were stopped.
    pub fn note_leak(&self) {
        self.leaked.store(true, Ordering::Relaxed);
    }

    /// Whether a child left processes behind.
    pub fn leaked(&self) -> bool {
        self.leaked.load(Ordering::Relaxed)
    }

    /// Returns `output` with what the step's programs have warned of.
    pub fn with_warnings(&self, output: Output) -> Output {
        self.warnings.add_to(output)
    }

    /// Writes what is held back and closes the log. Returns whether there is a log, or why it is incomplete.
    pub fn finish(&self) -> Result<bool, String> {
        {
            if let Some(mut text) = self.text.lock().unwrap_or_else(PoisonError::into_inner).take() {
                let rest = text.redact.finish();
                self.write(&mut text.line, &rest);
                if !text.line.is_empty() {
                    self.send_line(&text.line);
                }
            }
        }
        self.log.finish()
    }

    /// Puts bytes that are redacted already into the log and sends the lines they complete.
    fn write(&self, open: &mut Vec<u8>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.log.write(bytes);
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            if self.scope.sink.has_room() {
                extend_line(open, &rest[..end], MAX_LINE);
                self.send_line(open);
                rest = &rest[end + 1..];
            } else {
                // A flood: nobody can read along, and the log has all of it.
                let last = rest.iter().rposition(|byte| *byte == b'\n').unwrap_or(end);
                rest = &rest[last + 1..];
            }
            open.clear();
        }
        extend_line(open, rest, MAX_LINE);
        // A line that overwrites itself may never end: what it says now is worth seeing, now and then.
        if rest.contains(&b'\r') && !open.is_empty() && self.preview_is_due() {
            self.send_line(open);
        }
    }

    /// Returns whether an unfinished line may be shown again.
    fn preview_is_due(&self) -> bool {
        let now = u64::try_from(self.scope.sink.elapsed().as_millis()).unwrap_or(u64::MAX);
        let is_due = self.scope.sink.has_room() && now >= self.next_preview.load(Ordering::Relaxed);
        if is_due {
            self.next_preview.store(now.saturating_add(PREVIEW_INTERVAL_MS), Ordering::Relaxed);
        }
        is_due
    }

    fn send_line(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).trim_end().to_owned();
        self.scope.sink.send(EventKind::StepLine { step: self.step.clone(), line });
    }
}

impl ProcessObserver for StepContext {
    fn output(&self, bytes: &[u8]) {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let TextState { redact, line } = &mut **text.get_or_insert_with(|| {
            let redact = RedactStream::new(self.scope.tools.redactor().clone());
            Box::new(TextState { redact, line: Vec::new() })
        });
        let ready = redact.push(bytes);
        if let Some(terminal) = &mut *self.terminal.lock().unwrap_or_else(PoisonError::into_inner) {
            // A question has no line's end. A terminal that is gone shows nothing.
            let _shown = terminal.write_all(&ready);
        }
        self.write(line, &ready);
        // A reader who follows the log sees it now, and it survives if this process is killed.
        self.log.flush();
    }

    fn started(&self, pid: u32) {
        (self.scope.on_child)(&self.step, ChildEvent::Started(pid));
    }

    fn ended(&self, pid: u32) {
        (self.scope.on_child)(&self.step, ChildEvent::Ended(pid));
    }

    fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    fn children(&self) -> &Arc<ChildRegistry> {
        &self.scope.children
    }

    fn warned(&self, warning: &str) {
        self.warnings.add(warning, self.scope.tools.redactor());
    }

    fn has_terminal(&self) -> bool {
        self.terminal.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// The terminal in the hands of one step.
pub struct TerminalTurn<'a> {
    cx: &'a StepContext,
    _turn: Taken<'a>,
}

impl Drop for TerminalTurn<'_> {
    fn drop(&mut self) {
        *self.cx.terminal.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl std::fmt::Debug for StepContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepContext").field("step", &self.step).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;
    use crate::tools::secrets::Secrets;

    #[test]
    fn a_line_that_overwrites_itself_is_shown_before_it_ends() {
        let (sink, events) = crate::event::event_channel();
        let step = StepId::new("a.b").unwrap();
        let log = StepLog::discard(step.clone());
        let tools = Tools::new(PathBuf::new(), PathBuf::new(), Secrets::default(), None, Redactor::new());
        let scope = StepScope::new(Arc::new(tools), sink, Arc::new(|_: &StepId, _| {}));
        let scope = Arc::new(scope);
        let cx = scope.of(step, log, Cancel::new(), None);
        cx.output(b"start\n 10%\r 20%");
        cx.output(b"\r 30%");
        cx.output(b"\r100%\r\n");
        cx.finish().unwrap();
        drop((cx, scope));
        let mut lines = Vec::new();
        while let Ok(Some(event)) = events.next(Duration::ZERO) {
            if let EventKind::StepLine { line, .. } = event.kind {
                lines.push(line);
            }
        }
        // Only the first look is due within a second.
        assert_eq!(lines, ["start", " 20%", "100%"]);
    }
}
