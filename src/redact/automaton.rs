//! An automaton that knows every substring of a set of texts (a suffix automaton, with links from each state to the
//! state of its next shorter ending).
//!
//! Fed with a stream, it tells after each byte how long the longest ending of the stream is that occurs in any text, in
//! constant time on average. Its size is linear in the texts. That makes pieces of a long secret as easy to find as the
//! whole.

use std::collections::BTreeSet;

/// Texts of this length or longer are found by their pieces of this length, shorter ones as a whole.
pub(super) const PIECE: usize = 16;

/// A piece with fewer different bytes is filler (indentation, a line of dashes) and no secret.
const MIN_DISTINCT: usize = 4;

const ROOT: u32 = 0;

/// Where a stream is in the automaton: a state, and how many of the last bytes it stands for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Place {
    state: u32,
    pub(super) len: u32,
}

#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says something else about the same strings")]
struct State {
    len: u32,
    link: u32,
    edges: (u32, u32),
    /// A short text ends here.
    whole: bool,
    /// The last `PIECE` bytes are a piece of a long text, and not filler.
    piece: bool,
    /// The state's longest string is a prefix of one of the texts.
    prefix: bool,
    /// Its strings occur in a long text.
    long: bool,
    /// The longest short text among the shorter endings.
    link_whole: u32,
    /// The longest of the shorter endings that can still grow into a match.
    link_hold: u32,
}

/// The automaton of all texts.
#[derive(Default)]
pub(super) struct Automaton {
    states: Vec<State>,
    edges: Vec<(u8, u32)>,
    from_root: Vec<u32>,
}

impl Automaton {
    /// The automaton that knows `texts`.
    pub(super) fn new(texts: &BTreeSet<Vec<u8>>) -> Self {
        let mut builder = Builder::new();
        for text in texts {
            builder.add(text);
        }
        let mut automaton = builder.freeze();
        for text in texts.iter().filter(|text| text.len() >= PIECE && text.windows(PIECE).all(is_filler)) {
            automaton.accept_filler(text);
        }
        automaton.fill_links();
        automaton
    }

    /// The place after one more byte.
    #[inline]
    pub(super) fn step(&self, mut place: Place, byte: u8) -> Place {
        loop {
            if place.state == ROOT {
                let state = self.from_root[usize::from(byte)];
                return Place { state, len: u32::from(state != ROOT) };
            }
            let state = &self.states[place.state as usize];
            let edges = &self.edges[state.edges.0 as usize..state.edges.1 as usize];
            if let Some((_, to)) = edges.iter().find(|(on, _)| *on == byte) {
                return Place { state: *to, len: place.len + 1 };
            }
            place = Place { state: state.link, len: self.states[state.link as usize].len };
        }
    }

    /// How many of the last bytes are a secret or a piece of one; 0 for none.
    #[inline]
    pub(super) fn matched(&self, place: Place) -> usize {
        let state = &self.states[place.state as usize];
        let found = if state.piece && place.len as usize >= PIECE {
            PIECE
        } else if state.whole && place.len == state.len {
            state.len as usize
        } else {
            state.link_whole as usize
        };
        found.min(PIECE)
    }

    /// How many of the last bytes may become a part of a match.
    #[inline]
    pub(super) fn hold(&self, place: Place) -> usize {
        (self.hold_of(place) as usize).min(PIECE - 1)
    }

    fn hold_of(&self, place: Place) -> u32 {
        let state = &self.states[place.state as usize];
        if state.long || state.prefix && place.len == state.len { place.len } else { state.link_hold }
    }

    /// Returns the place of the longest suffix that is a prefix of one of the texts.
    pub(super) fn prefix(&self, mut place: Place) -> Place {
        loop {
            let state = &self.states[place.state as usize];
            if place.state == ROOT || state.prefix && place.len == state.len {
                return place;
            }
            place = Place { state: state.link, len: self.states[state.link as usize].len };
        }
    }

    /// Texts that consist of filler only are found by their pieces all the same.
    fn accept_filler(&mut self, text: &[u8]) {
        let mut place = Place::default();
        for byte in text {
            place = self.step(place, *byte);
            let mut state = place.state;
            while self.states[state as usize].len as usize >= PIECE {
                self.states[state as usize].piece = true;
                state = self.states[state as usize].link;
            }
        }
    }

    /// What each state takes over from its shorter endings, shortest first.
    fn fill_links(&mut self) {
        let mut order: Vec<usize> = (1..self.states.len()).collect();
        order.sort_by_key(|state| self.states[*state].len);
        for state in &order {
            let link = &self.states[self.states[*state].link as usize];
            let place = Place { state: self.states[*state].link, len: link.len };
            let whole = if link.whole { link.len } else { link.link_whole };
            let hold = self.hold_of(place);
            let state = &mut self.states[*state];
            (state.link_whole, state.link_hold) = (whole, hold);
        }
    }
}

pub(super) fn is_filler(piece: &[u8]) -> bool {
    let mut seen = Vec::with_capacity(MIN_DISTINCT);
    for byte in piece {
        if !seen.contains(byte) {
            seen.push(*byte);
            if seen.len() >= MIN_DISTINCT {
                return false;
            }
        }
    }
    true
}

struct Builder {
    states: Vec<State>,
    edges: Vec<Vec<(u8, u32)>>,
}

impl Builder {
    fn new() -> Self {
        Self { states: vec![State::default()], edges: vec![Vec::new()] }
    }

    fn add(&mut self, text: &[u8]) {
        let mut last = ROOT;
        for (n, byte) in text.iter().enumerate() {
            let piece = n + 1 >= PIECE && !is_filler(&text[n + 1 - PIECE..=n]);
            last = self.extend(last, *byte, piece);
            self.states[last as usize].prefix = true;
            if text.len() >= PIECE {
                self.mark_long(last);
            }
        }
        self.states[last as usize].whole |= text.len() < PIECE && !text.is_empty();
    }

    fn mark_long(&mut self, mut state: u32) {
        while state != ROOT && !self.states[state as usize].long {
            self.states[state as usize].long = true;
            state = self.states[state as usize].link;
        }
    }

    fn edge(&self, state: u32, byte: u8) -> Option<u32> {
        self.edges[state as usize].iter().find(|(on, _)| *on == byte).map(|(_, to)| *to)
    }

    fn set_edge(&mut self, state: u32, byte: u8, to: u32) {
        let edges = &mut self.edges[state as usize];
        match edges.iter_mut().find(|(on, _)| *on == byte) {
            Some(edge) => edge.1 = to,
            None => edges.push((byte, to)),
        }
    }

    fn push(&mut self, state: State, edges: Vec<(u8, u32)>) -> u32 {
        self.states.push(state);
        self.edges.push(edges);
        u32::try_from(self.states.len() - 1).unwrap_or(ROOT)
    }

    /// The state of the text so far and `byte`; the classic construction, for several texts.
    fn extend(&mut self, last: u32, byte: u8, piece: bool) -> u32 {
        if let Some(next) = self.edge(last, byte) {
            return if self.states[next as usize].len == self.states[last as usize].len + 1 {
                next
            } else {
                self.split(last, byte, next)
            };
        }
        let state = State { len: self.states[last as usize].len + 1, piece, ..State::default() };
        let new = self.push(state, Vec::new());
        let mut from = last;
        let link = loop {
            match self.edge(from, byte) {
                None => {
                    self.set_edge(from, byte, new);
                    if from == ROOT {
                        break ROOT;
                    }
                    from = self.states[from as usize].link;
                }
                Some(next) if self.states[next as usize].len == self.states[from as usize].len + 1 => break next,
                Some(next) => break self.split(from, byte, next),
            }
        };
        self.states[new as usize].link = link;
        new
    }

    /// Gives the shorter strings of `next`, which come from `from` by `byte`, a state of their own.
    fn split(&mut self, mut from: u32, byte: u8, next: u32) -> u32 {
        let old = &self.states[next as usize];
        let len = self.states[from as usize].len + 1;
        let state = State { len, link: old.link, piece: old.piece, long: old.long, ..State::default() };
        let copy = self.push(state, self.edges[next as usize].clone());
        self.states[next as usize].link = copy;
        while self.edge(from, byte) == Some(next) {
            self.set_edge(from, byte, copy);
            if from == ROOT {
                break;
            }
            from = self.states[from as usize].link;
        }
        copy
    }

    fn freeze(self) -> Automaton {
        let mut states = self.states;
        let mut edges = Vec::new();
        let count = |edges: &Vec<(u8, u32)>| u32::try_from(edges.len()).unwrap_or(u32::MAX);
        for (state, mut own) in states.iter_mut().zip(self.edges) {
            own.sort_unstable();
            let from = count(&edges);
            edges.append(&mut own);
            state.edges = (from, count(&edges));
        }
        let mut from_root = vec![ROOT; 256];
        for (byte, to) in &edges[states[0].edges.0 as usize..states[0].edges.1 as usize] {
            from_root[usize::from(*byte)] = *to;
        }
        Automaton { states, edges, from_root }
    }
}
