//! Skips what can't hold a secret.
//!
//! The layers are thorough, not fast. So big chunks are read by a filter first: it undoes the escapes and follows the
//! anchors in all levels at once. All of that together has few different states on ordinary text; each is met once,
//! gets a row of a table, and from then on a byte costs one lookup, however many levels there are.

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;

use super::anchors::Anchors;
use super::codes::{FOREIGN, LEFT_OUT, SEXTETS};
use super::decoded::DEPTH;
use super::layer::joined;
use super::unescape::Unescape;

/// Levels of escapes, and the text itself.
const LEVELS: usize = DEPTH.escapes as usize + 1;

/// So many states are remembered, in one megabyte.
const MAX_STATES: usize = 2048;

/// The bit of an entry of the table whose state ends an anchor.
const HIT: u16 = 0x8000;

/// Everything that decides how the filter goes on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    escapes: [Unescape<()>; LEVELS - 1],
    levels: [Level; LEVELS],
}

/// The anchors' automata in the text of one level.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Level {
    text: StateID,
    base64: StateID,
    hex: StateID,
    /// A zero that may belong to `0x`.
    zero: bool,
    dump: DumpRow,
}

/// How much of a dump's row was there: an offset, a group of digits, a space, two digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct DumpRow {
    part: u8,
    digits: u8,
}

pub(super) struct Filter {
    anchors: Arc<Anchors>,
    numbers: HashMap<State, u16>,
    states: Vec<State>,
    /// For each state and byte the next state's number and `HIT`; 0 where it is not known yet.
    table: Vec<u16>,
    now: u16,
}

impl Filter {
    pub(super) fn new(anchors: Arc<Anchors>) -> Self {
        let mut filter = Self { anchors, numbers: HashMap::new(), states: Vec::new(), table: Vec::new(), now: 0 };
        filter.restart();
        filter
    }

    /// Starts over, at the start of the input.
    pub(super) fn restart(&mut self) {
        let start = |nfa: &NFA| nfa.start_state(Anchored::No).unwrap_or_default();
        let Anchors { text, base64, hex } = &*self.anchors;
        let level =
            Level { text: start(text), base64: start(base64), hex: start(hex), zero: false, dump: DumpRow::default() };
        let state = State { escapes: [Unescape::default(); LEVELS - 1], levels: [level; LEVELS] };
        self.now = self.number(state);
    }

    /// Reads on; calls `hit` with the index of each byte with which an anchor ends.
    pub(super) fn read(&mut self, bytes: &[u8], mut hit: impl FnMut(usize)) {
        let mut now = self.now;
        for (n, byte) in bytes.iter().enumerate() {
            let mut next = self.table[usize::from(now) << 8 | usize::from(*byte)];
            if next.wrapping_sub(1) >= HIT - 1 {
                if next == 0 {
                    next = self.learn(now, *byte);
                }
                if next & HIT != 0 {
                    hit(n);
                    next &= !HIT;
                }
            }
            now = next;
        }
        self.now = now;
    }

    /// The number of `state`, with a row of the table.
    fn number(&mut self, state: State) -> u16 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        if self.states.len() >= MAX_STATES || self.states.is_empty() {
            self.numbers.clear();
            self.states.clear();
            self.table.clear();
            // Number 0 is never given: it stands for what is not known.
            self.states.push(state.clone());
            self.table.resize(256, 0);
        }
        let number = u16::try_from(self.states.len()).unwrap_or_default();
        self.states.push(state.clone());
        self.table.resize(self.states.len() << 8, 0);
        self.numbers.insert(state, number);
        number
    }

    #[cold]
    fn learn(&mut self, from: u16, byte: u8) -> u16 {
        let mut state = self.states[usize::from(from)].clone();
        let hit = self.level(&mut state.escapes, &mut state.levels, byte);
        let n_states = self.states.len();
        let number = self.number(state);
        let entry = number | if hit { HIT } else { 0 };
        // Unless the table was emptied in between.
        if self.states.len() >= n_states {
            self.table[usize::from(from) << 8 | usize::from(byte)] = entry;
        }
        entry
    }

    /// Takes a byte of the text of the first of `levels` and passes what it decodes to on to the others.
    fn level(&self, escapes: &mut [Unescape<()>], levels: &mut [Level], byte: u8) -> bool {
        let Some((level, deeper)) = levels.split_first_mut() else { return false };
        let mut hit = level.step(&self.anchors, byte);
        if let Some((escape, escapes)) = escapes.split_first_mut() {
            escape.push(byte, (), |byte, ()| hit |= self.level(escapes, deeper, byte));
        }
        hit
    }
}

impl Level {
    fn step(&mut self, anchors: &Anchors, byte: u8) -> bool {
        let mut hit = joined(byte).is_some_and(|byte| advance(&anchors.text, &mut self.text, byte));
        let sextet = SEXTETS[usize::from(byte)];
        if sextet < LEFT_OUT {
            let digit = match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => other,
            };
            hit |= advance(&anchors.base64, &mut self.base64, digit);
        } else if sextet == FOREIGN {
            self.base64 = anchors.base64.start_state(Anchored::No).unwrap_or_default();
        }
        hit | self.step_hex(&anchors.hex, byte) | self.dump.step(byte)
    }

    fn step_hex(&mut self, hex: &NFA, byte: u8) -> bool {
        let mut hit = false;
        if std::mem::take(&mut self.zero) {
            if matches!(byte, b'x' | b'X') {
                return false;
            }
            hit = advance(hex, &mut self.hex, b'0');
        }
        match byte {
            b'0' => self.zero = true,
            _ if byte.is_ascii_hexdigit() => hit |= advance(hex, &mut self.hex, byte.to_ascii_lowercase()),
            _ if super::codes::between_hex(byte) => {}
            _ => self.hex = hex.start_state(Anchored::No).unwrap_or_default(),
        }
        hit
    }
}

fn advance(nfa: &NFA, state: &mut StateID, byte: u8) -> bool {
    *state = nfa.next_state(Anchored::No, *state, byte);
    nfa.is_match(*state)
}

impl DumpRow {
    /// Whether this is the row of a dump: the filter does not read those itself.
    fn step(&mut self, byte: u8) -> bool {
        let is_digit = byte.is_ascii_hexdigit();
        let is_space = matches!(byte, b' ' | b'+');
        match (self.part, self.digits) {
            // The offset has six digits or more, and perhaps a colon.
            (0, digits) if is_digit => self.digits = (digits + 1).min(6),
            (0, 6) if byte == b':' => self.part = 1,
            (0 | 1, 6) if is_space => (self.part, self.digits) = (2, 0),
            (2, digits) if is_digit && digits < 4 => self.digits += 1,
            (2, 2 | 4) if is_space => (self.part, self.digits) = (3, 0),
            (2, 2 | 4) if byte == b'\n' => {
                *self = Self::default();
                return true;
            }
            (2 | 3, 0) if is_space => {}
            (3, 0) if is_digit => self.digits = 1,
            (3, 1) => {
                *self = Self::default();
                return is_digit;
            }
            _ => *self = Self { part: 0, digits: u8::from(is_digit) },
        }
        false
    }
}
