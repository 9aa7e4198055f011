//! A layer: decoded text and everything that is searched in it: the text itself in three views, the codes that may be
//! in it (base64, hexadecimal, dumps), and the text that comes of it when one layer of escapes is undone, which is a
//! layer again.

use super::automaton::Automaton;
use super::codes::Codes;
use super::cursor::{Cursor, Search, Span};
use super::decoded::{Decoded, Depth};
use super::unescape::{Unescape, begins};

/// Short texts count from this length on, in each view: the more a view leaves out, the longer.
pub(super) const MIN_PLAIN: usize = 4;
pub(super) const MIN_UNQUOTED: usize = 6;
pub(super) const MIN_JOINED: usize = 12;

/// The view without quotes: shells, YAML and string literals put them anywhere. A plus is how forms write a space, and
/// NUL is what UTF-16 adds to ASCII.
#[inline]
pub(super) fn unquoted(byte: u8) -> Option<u8> {
    match byte {
        b'\'' | b'"' | b'\\' | 0 => None,
        b'+' => Some(b' '),
        other => Some(other),
    }
}

/// The view without quotes and white space: lines are wrapped, folded and indented anywhere.
#[inline]
pub(super) fn joined(byte: u8) -> Option<u8> {
    unquoted(byte).filter(|byte| !byte.is_ascii_whitespace() && *byte != 0x0b)
}

#[derive(Clone, Default)]
struct Views {
    plain: Cursor,
    unquoted: Cursor,
    joined: Cursor,
}

impl Views {
    #[inline]
    fn push(&mut self, byte: u8, span: Span, search: &mut Search<'_>) {
        self.plain.step(byte, span, MIN_PLAIN, search);
        let Some(byte) = unquoted(byte) else { return };
        self.unquoted.step(byte, span, MIN_UNQUOTED, search);
        match joined(byte) {
            Some(byte) => self.joined.step(byte, span, MIN_JOINED, search),
            None if byte == b'\n' => self.joined.line_end(4, 2, search.automaton),
            None => {}
        }
    }

    fn all(&mut self) -> [&mut Cursor; 3] {
        [&mut self.plain, &mut self.unquoted, &mut self.joined]
    }

    fn agree(&self, other: &Self) -> bool {
        self.plain.agrees(&other.plain) && self.unquoted.agrees(&other.unquoted) && self.joined.agrees(&other.joined)
    }
}

/// The search of decoded text and of everything encoded in it.
pub(super) struct Layer {
    depth: Depth,
    views: Views,
    codes: Option<Box<Codes<Layer>>>,
    escapes: Option<Box<Escapes>>,
}

/// The text with one layer of escapes undone.
struct Escapes {
    /// Off as long as the text is the same as the one above: then nothing is searched twice.
    differs: bool,
    decoder: Unescape,
    text: Layer,
}

impl Layer {
    fn differs(&self) -> bool {
        self.escapes.as_ref().is_some_and(|escapes| escapes.differs)
    }

    /// Comes before the byte goes to this layer's own views: the other text begins with what these have seen so far.
    fn push_escaped(&mut self, byte: u8, span: Span, search: &mut Search<'_>) {
        let depth = Depth { escapes: self.depth.escapes - 1, ..self.depth };
        let mut escapes = self.escapes.take().unwrap_or_else(|| {
            Box::new(Escapes { differs: false, decoder: Unescape::default(), text: Self::new(depth) })
        });
        if !escapes.differs {
            escapes.text.copy_search(self);
            escapes.differs = true;
        }
        let Escapes { decoder, text, .. } = &mut *escapes;
        decoder.push(byte, span, |byte, span| text.push(byte, span, search));
        self.escapes = Some(escapes);
    }

    fn compare(&mut self) {
        if let Some(escapes) = &self.escapes
            && escapes.decoder.is_idle()
            && !escapes.text.differs()
            && self.agrees(&escapes.text)
            && let Some(escapes) = &mut self.escapes
        {
            escapes.differs = false;
        }
    }

    fn agrees(&self, other: &Self) -> bool {
        self.views.agree(&other.views)
            && match (&self.codes, &other.codes) {
                (Some(codes), Some(others)) => codes.agree(others),
                _ => true,
            }
    }

    /// Goes on from where `from` is, but for its escapes.
    fn copy_search(&mut self, from: &Self) {
        self.views.clone_from(&from.views);
        if let (Some(codes), Some(others)) = (&mut self.codes, &from.codes) {
            codes.copy_from(others);
        }
        if let Some(escapes) = &mut self.escapes {
            escapes.differs = false;
            escapes.decoder = Unescape::default();
        }
    }
}

impl Decoded for Layer {
    fn new(depth: Depth) -> Self {
        let codes = (depth.codes > 0).then(|| Box::new(Codes::new(depth)));
        Self { depth, views: Views::default(), codes, escapes: None }
    }

    #[inline]
    fn push(&mut self, byte: u8, span: Span, search: &mut Search<'_>) {
        let differs = self.differs();
        if differs || self.depth.escapes > 0 && begins(byte) {
            self.push_escaped(byte, span, search);
        }
        self.views.push(byte, span, search);
        if let Some(codes) = &mut self.codes {
            codes.push(byte, span, search);
        }
        if differs {
            self.compare();
        }
    }

    fn agrees_deep(&self, other: &Self) -> bool {
        !self.differs() && !other.differs() && self.agrees(other)
    }

    fn copy_from(&mut self, from: &Self) {
        self.copy_search(from);
        if let Some(others) = from.escapes.as_ref().filter(|escapes| escapes.differs) {
            let depth = others.text.depth;
            let escapes = self.escapes.get_or_insert_with(|| {
                Box::new(Escapes { differs: true, decoder: Unescape::default(), text: Self::new(depth) })
            });
            escapes.differs = true;
            escapes.decoder = others.decoder;
            escapes.text.copy_from(&others.text);
        }
    }

    fn pending(&self, automaton: &Automaton) -> Option<u64> {
        let views = [&self.views.plain, &self.views.unquoted, &self.views.joined];
        let views = views.into_iter().filter_map(|cursor| cursor.pending(automaton)).min();
        let codes = self.codes.as_ref().and_then(|codes| codes.pending(automaton));
        let escapes = self.escapes.as_ref().filter(|escapes| escapes.differs).and_then(|escapes| {
            let undecided = escapes.decoder.pending().map(|span| span.start);
            undecided.into_iter().chain(escapes.text.pending(automaton)).min()
        });
        [views, codes, escapes].into_iter().flatten().min()
    }

    fn forget(&mut self, position: u64, automaton: &Automaton) {
        for cursor in self.views.all() {
            cursor.forget(position, automaton);
        }
        if let Some(codes) = &mut self.codes {
            codes.each_text(|text| text.forget(position, automaton));
        }
        if let Some(escapes) = &mut self.escapes {
            escapes.text.forget(position, automaton);
        }
    }

    fn line_end(&mut self, position: u64, search: &Search<'_>) {
        for cursor in self.views.all() {
            cursor.line_end(3, 1, search.automaton);
        }
        if let Some(codes) = &mut self.codes {
            codes.line_end(position, search);
        }
        if let Some(escapes) = self.escapes.as_mut().filter(|escapes| escapes.differs) {
            if let Some(first) = escapes.decoder.first_origin() {
                *first = Span { start: position, end: position };
            }
            escapes.text.line_end(position, search);
        }
    }

    fn reset(&mut self) {
        for cursor in self.views.all() {
            cursor.reset();
        }
        if let Some(codes) = &mut self.codes {
            codes.reset();
        }
        if let Some(escapes) = &mut self.escapes {
            escapes.differs = false;
            escapes.decoder = Unescape::default();
        }
    }

    fn finish(&mut self, search: &mut Search<'_>) {
        if let Some(escapes) = self.escapes.as_mut().filter(|escapes| escapes.differs) {
            let Escapes { decoder, text, .. } = &mut **escapes;
            decoder.finish(|byte, span| text.push(byte, span, search));
            text.finish(search);
        }
        if let Some(codes) = &mut self.codes {
            codes.finish(search);
        }
    }
}
