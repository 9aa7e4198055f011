//! The on-disk format of `.provision/journal.jsonl`: the only types that are persisted, and their version.
//!
//! One record a line: `{"n":SEQ,"c":"CHECKSUM","r":{…}}`. `n` counts from 0 without gaps; `c` is the first eight
//! hexadecimal digits of BLAKE3 over `n` in decimal, a space, and the text of `r` as it stands. `r` is one [`Record`],
//! its kind in `kind`. The first record is the header. See `docs/journal-format.md`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tagged;
use crate::error::ErrorObject;
use crate::fingerprint::Inputs;
use crate::model::Attempt;

/// The format that this version writes. A higher one is refused with the file untouched.
pub(super) const FORMAT: u32 = 2;

/// A record, which [`tagged`] reads and writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Record<'a> {
    /// The first of a file.
    Header {
        /// See [`FORMAT`].
        format: u32,
        /// Made with the file, kept through compaction: tells two journals apart.
        lineage: String,
        /// The state folder that it was written in. No other folder has this name, so that nobody can write a journal
        /// for it elsewhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
        /// The last run before the file was compacted: of what earlier runs left behind, only what later runs did not
        /// replace is still there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        compacted_after: Option<String>,
    },
    /// The first step of a run is about to start, or the run has failed before that.
    RunStarted {
        #[serde(borrow)]
        run: Cow<'a, str>,
        at: i64,
        pid: u32,
        command: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// The state folder: a copy of it has another name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
        /// The checklist items that each step covers, with the digests of their texts: what the run could prove.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        items: BTreeMap<String, ItemTexts>,
    },
    /// A step's action is about to touch the world. From here on the step's earlier success counts no more.
    StepStarted {
        #[serde(borrow)]
        run: Cow<'a, str>,
        #[serde(borrow)]
        step: Cow<'a, str>,
        /// The scope of the record: see [`super::History::in_scope`].
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        scope: Option<Cow<'a, str>>,
        at: i64,
        /// One digest for all inputs. Format 1 had the inputs themselves here, which only the end needs.
        #[serde(borrow, default)]
        fingerprint: Cow<'a, str>,
        /// That of `down`, not of an action: [`DOWN_BEGUN`] before it removes what the step has made, [`DOWN_DONE`]
        /// once that is gone. For a version that does not know it the step is in doubt.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        down: Option<Cow<'a, str>>,
    },
    /// A child process of a step runs. Not synced: it is for the run after a kill, not after a power loss.
    ChildStarted {
        #[serde(borrow)]
        step: Cow<'a, str>,
        pid: u32,
        start: u64,
        boot: String,
    },
    /// It is gone, with its group.
    ChildEnded { pid: u32 },
    /// A step has ended.
    StepFinished {
        #[serde(borrow)]
        run: Cow<'a, str>,
        #[serde(borrow)]
        step: Cow<'a, str>,
        /// The scope of the record: see [`super::History::in_scope`].
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        scope: Option<Cow<'a, str>>,
        at: i64,
        duration_ms: u64,
        #[serde(borrow)]
        outcome: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Inputs::is_empty", with = "hex_inputs")]
        inputs: Inputs,
        /// The labels of inputs that changed while it ran: it may have seen the old or the new ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changed: Vec<String>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        output: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
        /// The checklist items that it covered, each with the digest of its text.
        #[serde(default, skip_serializing_if = "Inputs::is_empty", with = "hex_inputs")]
        items: Inputs,
        /// The fallback that stood in for it.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        proven_by: Option<Cow<'a, str>>,
        /// The attempts that failed before the last one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attempts: Vec<AttemptRecord>,
        /// What can be seen of its success later on, by [`crate::model::ProofKind::word`].
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        proof: Option<Cow<'a, str>>,
        /// The failure's message, for `status`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Why it failed, for programs: format 2 had only `message` before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Box<ErrorRecord>>,
    },
    /// A run has ended.
    RunFinished {
        #[serde(borrow)]
        run: Cow<'a, str>,
        at: i64,
        #[serde(borrow)]
        outcome: Cow<'a, str>,
        /// The step whose failure failed it, if one did, and why it failed: of a step that could not begin nothing else
        /// is on record.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        step: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Box<ErrorRecord>>,
    },
}

/// What `down` is about to remove.
pub(super) const DOWN_BEGUN: &str = "begun";

/// What `down` has removed.
pub(super) const DOWN_DONE: &str = "done";

/// Checklist items, each with the digest of its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ItemTexts(#[serde(with = "hex_inputs")] pub(super) Inputs);

/// An attempt that failed, and was followed by another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AttemptRecord {
    pub(super) at: i64,
    pub(super) duration_ms: u64,
    pub(super) message: String,
}

impl From<AttemptRecord> for Attempt {
    fn from(AttemptRecord { at, duration_ms, message }: AttemptRecord) -> Self {
        Self { at_ms: at, duration_ms, message }
    }
}

impl From<&Attempt> for AttemptRecord {
    fn from(attempt: &Attempt) -> Self {
        Self { at: attempt.at_ms, duration_ms: attempt.duration_ms, message: attempt.message.clone() }
    }
}

/// Why a step failed. A field that an older or newer version does not write is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ErrorRecord {
    pub(super) id: String,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) details: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fix: Vec<String>,
    pub(super) next: String,
}

impl From<ErrorRecord> for ErrorObject {
    fn from(ErrorRecord { id, message, cause, details, fix, next }: ErrorRecord) -> Self {
        Self { id, message, cause, details, fix, next, errors: Vec::new() }
    }
}

impl From<&ErrorObject> for ErrorRecord {
    fn from(error: &ErrorObject) -> Self {
        // No step ends with errors in files.
        let ErrorObject { id, message, cause, details, fix, next, errors: _ } = error.clone();
        Self { id, message, cause, details, fix, next }
    }
}

/// Inputs as a map from label to the digest in hexadecimal digits.
mod hex_inputs {
    use std::borrow::Cow;
    use std::fmt;

    use serde::de::{MapAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::fingerprint::{Digest, Inputs};

    pub(super) fn serialize<S: Serializer>(inputs: &Inputs, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(inputs.iter().map(|(label, digest)| (label, digest.to_string())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Inputs, D::Error> {
        deserializer.deserialize_map(Digests)
    }

    /// Reads them one by one: nothing is made but the inputs themselves.
    struct Digests;

    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    impl<'de> Visitor<'de> for Digests {
        type Value = Inputs;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map from labels to digests")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inputs, A::Error> {
            let mut inputs = Inputs::new();
            while let Some((label, text)) = map.next_entry::<String, Text<'_>>()? {
                // An input whose digest does not read back is left out, and so counts as changed.
                if let Some(digest) = Digest::parse(&text.0) {
                    inputs.digest(label, digest);
                }
            }
            Ok(inputs)
        }
    }
}

/// Why a line is not the record that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LineError {
    /// Not of the form above, or the checksum is wrong.
    Damaged,
    /// Well-formed with another number than the expected one.
    OutOfOrder {
        /// Its number.
        found: u64,
    },
    /// Written by a newer version.
    Newer {
        /// Its format.
        format: u32,
    },
}

/// `record` as a line with its line end.
pub(super) fn encode(seq: u64, record: &Record<'_>) -> Result<String, serde_json::Error> {
    let text = tagged::text(record)?;
    let seq = seq.to_string();
    let sum = checksum(&seq, &text);
    Ok(format!("{{\"n\":{seq},\"c\":\"{}\",\"r\":{text}}}\n", sum.escape_ascii()))
}

/// The record on `line`, which has no line end, if its number is `seq`.
pub(super) fn decode(seq: u64, line: &[u8]) -> Result<Record<'_>, LineError> {
    let line = std::str::from_utf8(line).map_err(|_| LineError::Damaged)?;
    let (number, rest) =
        line.strip_prefix("{\"n\":").and_then(|rest| rest.split_once(',')).ok_or(LineError::Damaged)?;
    let (sum, rest) =
        rest.strip_prefix("\"c\":\"").and_then(|rest| rest.split_at_checked(SUM)).ok_or(LineError::Damaged)?;
    let text = rest.strip_prefix("\",\"r\":").and_then(|rest| rest.strip_suffix('}')).ok_or(LineError::Damaged)?;
    let found: u64 = number.parse().map_err(|_| LineError::Damaged)?;
    if sum.as_bytes() != checksum(number, text) {
        return Err(LineError::Damaged);
    }
    if found != seq {
        return Err(LineError::OutOfOrder { found });
    }
    // A newer header may have fields of other types, so its number is read by itself.
    if seq == 0 {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let header: Format = serde_json::from_str(text).map_err(|_| LineError::Damaged)?;
        if header.format > FORMAT {
            return Err(LineError::Newer { format: header.format });
        }
    }
    tagged::parse(text).map_err(|_| LineError::Damaged)
}

/// How many hexadecimal digits a checksum has.
const SUM: usize = 8;

/// The checksum of the record `text` with the `number`, as digits.
fn checksum(number: &str, text: &str) -> [u8; SUM] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(number.as_bytes()).update(b" ").update(text.as_bytes());
    let mut digits = [0; SUM];
    for (two, byte) in digits.chunks_exact_mut(2).zip(hasher.finalize().as_bytes()) {
        let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
        two.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64, record: &Record<'_>) -> String {
        encode(seq, record).unwrap().trim_end().to_owned()
    }

    #[test]
    fn a_record_reads_back_and_every_flipped_byte_is_seen() {
        let record = Record::RunFinished {
            run: "r".into(),
            at: 7,
            outcome: "failed".into(),
            step: Some("a.b".into()),
            error: Some(Box::new(ErrorRecord { message: "why".into(), ..ErrorRecord::default() })),
        };
        let good = line(3, &record);
        assert_eq!(decode(3, good.as_bytes()), Ok(record));
        for at in 0..good.len() {
            let mut bad = good.clone().into_bytes();
            bad[at] ^= 1;
            assert!(decode(3, &bad).is_err(), "byte {at}");
            assert!(decode(3, &good.as_bytes()[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(decode(4, good.as_bytes()), Err(LineError::OutOfOrder { found: 3 }));
    }

    #[test]
    fn a_newer_format_is_told_apart_from_damage() {
        let text = r#"{"kind":"header","format":3,"lineage":5}"#;
        let newer = format!("{{\"n\":0,\"c\":\"{}\",\"r\":{text}}}", checksum("0", text).escape_ascii());
        assert_eq!(decode(0, newer.as_bytes()), Err(LineError::Newer { format: 3 }));
    }
}
