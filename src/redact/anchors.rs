//! Short strings of which at least one is in every match: what the filter looks for.
//!
//! A secret is found by pieces of `PIECE` bytes, so it is enough to look for one string in each. They are taken from
//! the joined view of each text, and from what base64 and hexadecimal digits make of it.

use std::collections::BTreeSet;

use aho_corasick::nfa::contiguous::NFA;

use super::automaton::{PIECE, is_filler};
use super::layer::joined;

/// Longer strings say no more, and cost.
const MAX: usize = 8;
/// A shorter one is everywhere.
const MIN: usize = 3;

/// What base64 makes of any 16 bytes has this many digits that depend on nothing else.
const PIECE_IN_BASE64: usize = 20;
const PIECE_IN_HEX: usize = 2 * PIECE;
const MAX_IN_HEX: usize = 12;

pub(super) struct Anchors {
    pub(super) text: NFA,
    pub(super) base64: NFA,
    pub(super) hex: NFA,
}

impl Anchors {
    /// The anchors of what is searched for as `texts`; `sources` are the secrets as they may be encoded. `None` when a
    /// text has none: then all has to be searched.
    pub(super) fn new(texts: &BTreeSet<Vec<u8>>, sources: &BTreeSet<Vec<u8>>) -> Option<Self> {
        let (mut text_anchors, mut base64, mut hex) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for text in texts {
            add_text(text, &mut text_anchors)?;
        }
        for source in sources {
            let digits = hex_digits(source);
            sample(&digits, source.len() < PIECE, PIECE_IN_HEX, MAX_IN_HEX, &mut hex);
            for image in base64_images(source) {
                sample(&image, source.len() < PIECE, PIECE_IN_BASE64, MAX, &mut base64);
            }
        }
        let build = |anchors: &BTreeSet<Vec<u8>>| NFA::new(anchors).ok();
        Some(Self { text: build(&text_anchors)?, base64: build(&base64)?, hex: build(&hex)? })
    }
}

/// Adds anchors of `text`: in its joined view each piece, which may be shorter there, has one.
fn add_text(text: &[u8], anchors: &mut BTreeSet<Vec<u8>>) -> Option<()> {
    let view: Vec<u8> = text.iter().filter_map(|byte| joined(*byte)).collect();
    let piece = if text.len() < PIECE {
        view.len()
    } else {
        let left = |piece: &[u8]| piece.iter().filter(|byte| joined(**byte).is_some()).count();
        let pieces = text.windows(PIECE).filter(|piece| !is_filler(piece));
        pieces.map(left).min().unwrap_or_else(|| view.len().min(PIECE))
    };
    if piece < MIN {
        return None;
    }
    sample(&view, text.len() < PIECE, piece, MAX.min(piece.div_ceil(2).max(MIN)), anchors);
    Some(())
}

/// Takes strings of at most `max` bytes, so that every `piece` bytes of `text` hold one of them whole.
fn sample(text: &[u8], whole: bool, piece: usize, max: usize, anchors: &mut BTreeSet<Vec<u8>>) {
    if whole || text.len() < piece {
        if !text.is_empty() {
            anchors.insert(text[..text.len().min(MAX.max(max))].to_vec());
        }
        return;
    }
    for anchor in text.windows(max).step_by(piece - max + 1) {
        anchors.insert(anchor.to_vec());
    }
}

fn hex_digits(source: &[u8]) -> Vec<u8> {
    source
        .iter()
        .flat_map(|byte| [b"0123456789abcdef"[usize::from(byte >> 4)], b"0123456789abcdef"[usize::from(byte & 15)]])
        .collect()
}

/// The digits that `source` alone decides, for the three places at which it can begin in a group.
pub(super) fn base64_images(source: &[u8]) -> [Vec<u8>; 3] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    [0, 1, 2].map(|shift| {
        let mut padded = vec![0_u8; shift];
        padded.extend_from_slice(source);
        // The first digits hold bits of what stands before.
        let first = (shift * 8).div_ceil(6);
        (first..padded.len() * 8 / 6)
            .map(|n| {
                let (byte, bit) = (n * 6 / 8, n * 6 % 8);
                let pair = u16::from(padded[byte]) << 8 | u16::from(*padded.get(byte + 1).unwrap_or(&0));
                ALPHABET[usize::from(pair >> (10 - bit) & 0x3f)]
            })
            .collect()
    })
}
