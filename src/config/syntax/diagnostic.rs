//! [`Diagnostics`]: all errors and warnings about the files of a pipeline, each with its place.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::error::{Failure, FailureKind, FileError};

/// Maximum number of diagnostics that are shown; further ones are only counted.
const MAX_SHOWN: usize = 20;

/// Checking stops after this many diagnostics.
const MAX_COLLECTED: usize = 500;

/// A file that diagnostics quote.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its path as the user gave it.
    pub(crate) name: String,
    /// Its text, without a byte order mark.
    pub(crate) text: String,
}

/// The severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The pipeline can't run.
    Error,
    /// The pipeline can run, but it probably does not mean what it says.
    Warning,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) source: Arc<Source>,
    /// The bytes of its text.
    pub(crate) span: Range<usize>,
    /// The label of this place; may be empty.
    pub(crate) label: String,
    /// Whether the line may be shown: not if it may contain a secret.
    pub(crate) quoted: bool,
}

/// An error or a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    /// Error or warning.
    pub(crate) severity: Severity,
    /// What is wrong.
    pub(crate) message: String,
    /// The place of the error first, then places that explain it. Empty if it concerns no file.
    pub(crate) places: Vec<Place>,
    /// Background that explains it.
    pub(crate) notes: Vec<String>,
    /// How to fix it.
    pub(crate) help: Vec<String>,
}

impl Diagnostic {
    /// Creates an error without a place.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            places: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Creates a warning without a place.
    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Adds a place; the first one is that of the error.
    pub(crate) fn at(mut self, source: &Arc<Source>, span: Range<usize>, label: impl Into<String>) -> Self {
        self.places.push(Place { source: Arc::clone(source), span, label: label.into(), quoted: true });
        self
    }

    /// Hides the source lines of the places added so far.
    pub(crate) fn unquoted(mut self) -> Self {
        self.places.iter_mut().for_each(|place| place.quoted = false);
        self
    }

    /// Adds a note.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds a hint on how to fix it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds a hint, if there is one.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// Returns the sort key: diagnostics without a place come first.
    fn sort_key(&self) -> (Option<(&str, usize)>, &str) {
        let place = self.places.first();
        (place.map(|place| (place.source.name.as_str(), place.span.start)), &self.message)
    }

    /// Renders it as text; with ANSI colours if `styled`.
    pub(crate) fn render(&self, styled: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&self.message));
        let mut places = self.places.as_slice();
        let mut kind = AnnotationKind::Primary;
        while let Some(first) = places.first() {
            // Consecutive places in one file share a snippet.
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

impl From<&Diagnostic> for FileError {
    fn from(diagnostic: &Diagnostic) -> Self {
        let place = diagnostic.places.first();
        let (line, column) = place.map(position).unzip();
        let labels = place.map(|place| place.label.clone()).filter(|label| !label.is_empty()).into_iter();
        Self {
            file: place.map(|place| place.source.name.clone()),
            line,
            column,
            message: diagnostic.message.clone(),
            notes: labels.chain(diagnostic.notes.iter().cloned()).collect(),
            help: diagnostic.help.clone(),
        }
    }
}

/// Returns the line and the column of a place, in characters, from 1.
fn position(place: &Place) -> (usize, usize) {
    let text = &place.source.text;
    let before = &text[..fit(text, &place.span).start];
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line..].chars().count() + 1)
}

/// Returns the place without its source line.
fn origin(place: &Place) -> Origin<'_> {
    let (line, column) = position(place);
    Origin::path(&place.source.name).line(line).char_column(column)
}

/// Returns the lines around `places`, which are in one file; the first place is annotated with `kind`.
fn snippet(places: &[Place], kind: AnnotationKind) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let Some(first) = places.first() else {
        return Snippet::source("");
    };
    let text = first.source.text.as_str();
    let spans: Vec<Range<usize>> = places.iter().map(|place| fit(text, &place.span)).collect();
    let start = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let end = spans.iter().map(|span| span.end).max().unwrap_or(0);
    // Only these lines: rendering must not process all of a big file.
    let start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[end..].find('\n').map_or(text.len(), |at| end + at);
    let line = text[..start].matches('\n').count() + 1;
    // Carriage returns are not part of a line, but would be rendered.
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

/// Clamps `span` to `text`, to character boundaries, and to its first line: a multi-line value would be rendered as a
/// box around all of it.
fn fit(text: &str, span: &Range<usize>) -> Range<usize> {
    let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let start = boundary(span.start).unwrap_or(0);
    let end = boundary(span.end).unwrap_or(0).max(start);
    let end = text[start..end].find(['\r', '\n']).map_or(end, |at| start + at);
    start..end
}

/// All diagnostics, in the order of the files, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Sorts `all` and removes duplicates.
    pub(crate) fn new(mut all: Vec<Diagnostic>) -> Self {
        all.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        all.dedup();
        Self(all)
    }

    /// Returns whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over all of them.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Renders each as a block of text, at most twenty of them, then the number of the others.
    pub(crate) fn blocks(&self, styled: bool) -> Vec<String> {
        let mut blocks: Vec<String> = self.iter().take(MAX_SHOWN).map(|one| one.render(styled)).collect();
        match self.0.len().saturating_sub(MAX_SHOWN) {
            0 => {}
            1 => blocks.push("and 1 more".into()),
            more => blocks.push(format!("and {more} more")),
        }
        blocks
    }

    /// Renders all as text, separated by empty lines; with ANSI colours if `styled`.
    pub(crate) fn render(&self, styled: bool) -> String {
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
            all => format!("{} errors in the pipeline", all.len()),
        };
        let lines = diagnostics.render(false);
        Self::new(FailureKind::Config, what).details(lines.lines().map(str::to_owned))
    }
}

/// Collects the diagnostics of all parts of `config`, which continue after each error.
#[derive(Debug)]
pub(crate) struct Report {
    source: Arc<Source>,
    collected: RefCell<Vec<Diagnostic>>,
}

impl Report {
    pub(crate) fn new(source: Arc<Source>) -> Self {
        Self { source, collected: RefCell::default() }
    }

    /// Returns the pipeline file.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(crate) fn add(&self, diagnostic: Diagnostic) {
        self.collected.borrow_mut().push(diagnostic);
    }

    /// Adds what another part has collected about the same file.
    pub(crate) fn take_in(&self, other: Self) {
        self.collected.borrow_mut().append(&mut other.collected.into_inner());
    }

    /// Returns whether there are so many diagnostics that checking can stop.
    pub(crate) fn is_full(&self) -> bool {
        self.collected.borrow().len() >= MAX_COLLECTED
    }

    /// Adds an error at a place in the pipeline file.
    pub(crate) fn error(&self, span: Range<usize>, label: impl Into<String>, message: impl Into<String>) {
        self.add(Diagnostic::error(message).at(&self.source, span, label));
    }

    /// Returns the errors and the warnings.
    pub(crate) fn finish(self) -> (Diagnostics, Diagnostics) {
        let (errors, warnings) =
            self.collected.into_inner().into_iter().partition(|one| one.severity == Severity::Error);
        (Diagnostics::new(errors), Diagnostics::new(warnings))
    }
}
