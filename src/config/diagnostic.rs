//! [`Diagnostics`]: everything that is wrong with the files of a pipeline, each with its place.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::error::{Failure, FailureKind};

/// More than this many are counted, not shown: whoever has that many starts with the first ones.
const MAX_SHOWN: usize = 20;

/// With more than these, no further ones are looked for.
const MAX_FOUND: usize = 500;

/// A file's text, as diagnostics quote it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path as the user gave it.
    pub name: String,
    /// Its text, without a byte order mark.
    pub text: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The pipeline can't be used.
    Error,
    /// It can, but it hardly says what was meant.
    Warning,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// The bytes of its text.
    pub span: Range<usize>,
    /// What is to be said of this place; may be empty.
    pub label: String,
    /// Whether the line may be shown: not where it holds a secret.
    pub quoted: bool,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where: the place itself first, then places that explain it. Empty for what is in no file.
    pub places: Vec<Place>,
    /// What one has to know to understand it.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            places: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning without a place yet.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Adds a place: the first is that of the error.
    pub fn at(mut self, source: &Arc<Source>, span: Range<usize>, label: impl Into<String>) -> Self {
        self.places.push(Place { source: Arc::clone(source), span, label: label.into(), quoted: true });
        self
    }

    /// Keeps the lines of the places so far from being shown.
    pub fn unquoted(mut self) -> Self {
        self.places.iter_mut().for_each(|place| place.quoted = false);
        self
    }

    /// Adds what one has to know.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds what to do about it, where there is something.
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// Where it is sorted to: what has no place goes first.
    fn key(&self) -> (Option<(&str, usize)>, &str) {
        let place = self.places.first();
        (place.map(|place| (place.source.name.as_str(), place.span.start)), &self.message)
    }

    /// As text for a person; `styled` with ANSI colours.
    pub fn render(&self, styled: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&self.message));
        let mut places = self.places.as_slice();
        let mut kind = AnnotationKind::Primary;
        while let Some(first) = places.first() {
            // Places in one file that follow each other share a quotation.
            let same = |place: &&Place| place.source == first.source && place.quoted == first.quoted;
            let (here, rest) = places.split_at(places.iter().take_while(same).count());
            group = if first.quoted { group.element(snippet(here, kind)) } else { group.element(origin(first)) };
            kind = AnnotationKind::Context;
            places = rest;
        }
        for note in &self.notes {
            group = group.element(Level::NOTE.message(normalize_untrusted_str(note)));
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// The place alone.
fn origin(place: &Place) -> Origin<'_> {
    let text = &place.source.text;
    let before = &text[..fit(text, &place.span).start];
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    Origin::path(&place.source.name)
        .line(before.matches('\n').count() + 1)
        .char_column(before[line..].chars().count() + 1)
}

/// The lines around `places`, which are in one file; the first is annotated with `kind`.
fn snippet(places: &[Place], kind: AnnotationKind) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let Some(first) = places.first() else {
        return Snippet::source("");
    };
    let text = first.source.text.as_str();
    let spans: Vec<Range<usize>> = places.iter().map(|place| fit(text, &place.span)).collect();
    let start = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let end = spans.iter().map(|span| span.end).max().unwrap_or(0);
    // Only these lines: what quotes a big file should not have to read all of it.
    let start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[end..].find('\n').map_or(text.len(), |at| end + at);
    let line = text[..start].matches('\n').count() + 1;
    // Carriage returns are no part of a line, and would be drawn.
    let lines = text[start..end].replace("\r\n", "\n");
    let returns = |at: usize| text[start..at].matches("\r\n").count();
    let mut snippet =
        Snippet::source(lines.trim_end_matches('\r').to_owned()).path(&first.source.name).line_start(line);
    for (n, (place, span)) in places.iter().zip(spans).enumerate() {
        let kind = if n == 0 { kind } else { AnnotationKind::Context };
        let (from, to) = (span.start - returns(span.start), span.end - returns(span.end));
        let mut annotation = kind.span(from - start..to - start);
        if !place.label.is_empty() {
            annotation = annotation.label(normalize_untrusted_str(&place.label));
        }
        snippet = snippet.annotation(annotation);
    }
    snippet
}

/// `span` within `text`, at character boundaries, cut after its first line: a whole multi-line value would be drawn as
/// a box around it.
fn fit(text: &str, span: &Range<usize>) -> Range<usize> {
    let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let start = boundary(span.start).unwrap_or(0);
    let end = boundary(span.end).unwrap_or(0).max(start);
    let end = text[start..end].find(['\r', '\n']).map_or(end, |at| start + at);
    start..end
}

/// Everything that is wrong, in the order of the files, each thing once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Sorts and unifies.
    pub fn new(mut all: Vec<Diagnostic>) -> Self {
        all.sort_by(|a, b| a.key().cmp(&b.key()));
        all.dedup();
        Self(all)
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Each as a block of text, at most twenty, then how many more there are.
    pub fn blocks(&self, styled: bool) -> Vec<String> {
        let mut blocks: Vec<String> = self.iter().take(MAX_SHOWN).map(|one| one.render(styled)).collect();
        match self.0.len().saturating_sub(MAX_SHOWN) {
            0 => {}
            1 => blocks.push("and 1 more".into()),
            more => blocks.push(format!("and {more} more")),
        }
        blocks
    }

    /// As text for a person, with an empty line between two; `styled` with ANSI colours.
    pub fn render(&self, styled: bool) -> String {
        self.blocks(styled).join("\n\n")
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        let what = match diagnostics.0.as_slice() {
            [one] => one.message.clone(),
            all => format!("the pipeline has {} errors", all.len()),
        };
        let lines = diagnostics.render(false);
        Self::new(FailureKind::Config, what).details(lines.lines().map(str::to_owned))
    }
}

/// Where the parts of `config` report to; they go on after each error.
#[derive(Debug)]
pub(super) struct Report {
    source: Arc<Source>,
    found: Mutex<Vec<Diagnostic>>,
}

impl Report {
    pub(super) fn new(source: Arc<Source>) -> Self {
        Self { source, found: Mutex::default() }
    }

    /// The pipeline file.
    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(super) fn add(&self, diagnostic: Diagnostic) {
        self.found().push(diagnostic);
    }

    fn found(&self) -> MutexGuard<'_, Vec<Diagnostic>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so much is wrong that the rest need not be looked at.
    pub(super) fn is_full(&self) -> bool {
        self.found().len() >= MAX_FOUND
    }

    /// An error at a place in the pipeline file.
    pub(super) fn error(&self, span: Range<usize>, label: impl Into<String>, message: impl Into<String>) {
        self.add(Diagnostic::error(message).at(&self.source, span, label));
    }

    /// Errors, and warnings.
    pub(super) fn finish(self) -> (Diagnostics, Diagnostics) {
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (errors, warnings) = found.into_iter().partition(|one| one.severity == Severity::Error);
        (Diagnostics::new(errors), Diagnostics::new(warnings))
    }
}
