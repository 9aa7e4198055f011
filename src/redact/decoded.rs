//! What a decoder needs of the text that it decodes to. It keeps the decoders apart from the layers that contain them.

use super::automaton::Automaton;
use super::cursor::{Search, Span};

/// How deep a layer is searched.
#[derive(Clone, Copy)]
pub(super) struct Depth {
    /// Layers of escapes that are undone.
    pub(super) escapes: u8,
    /// Codes within codes.
    pub(super) codes: u8,
}

/// How deep a stream is searched.
pub(super) const DEPTH: Depth = Depth { escapes: 3, codes: 2 };

/// Decoded text that is searched in turn.
pub(super) trait Decoded: Sized {
    fn new(depth: Depth) -> Self;

    /// Takes the next byte, which comes from `span` of the raw stream.
    fn push(&mut self, byte: u8, span: Span, search: &mut Search<'_>);

    /// Returns whether both will find the same, with everything below.
    fn agrees_deep(&self, other: &Self) -> bool;

    /// Continues from the state of `from`, which has the same depth.
    fn copy_from(&mut self, from: &Self);

    /// Returns where the raw bytes begin that may still become a secret.
    fn pending(&self, automaton: &Automaton) -> Option<u64>;

    /// Forgets what has been pending since before `position`.
    fn forget(&mut self, position: u64, automaton: &Automaton);

    /// A line ended before `position` that the code around this text leaves out. Nothing that is only begun is held
    /// back for it.
    fn line_end(&mut self, position: u64, search: &Search<'_>);

    /// Forgets everything.
    fn reset(&mut self);

    /// Takes what is undecided as it stands: the stream is over.
    fn finish(&mut self, search: &mut Search<'_>);
}
