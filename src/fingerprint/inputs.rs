//! [`Inputs`]: label → digest, in order of the labels.

use std::fmt;
use std::sync::Arc;

/// A BLAKE3 digest cut to 16 bytes: short enough for the journal, and no two inputs of a project ever meet in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(blake3::hash(bytes))
    }

    /// The first half of a whole BLAKE3 hash.
    pub fn from_hash(hash: blake3::Hash) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash.as_bytes()[..16]);
        Self(short)
    }

    /// The digest whose bytes these are.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The digest that [`fmt::Display`] wrote: 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 {
            return None;
        }
        let (mut bytes, mut all) = ([0; 16], 0);
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (high, low) = (HEX_DIGITS[usize::from(pair[0])], HEX_DIGITS[usize::from(pair[1])]);
            all |= high | low;
            *byte = high << 4 | low;
        }
        (all < NO_DIGIT).then_some(Self(bytes))
    }
}

/// What is no lower-case hexadecimal digit.
const NO_DIGIT: u8 = 16;

/// The value of each byte as a digit. A table, because a journal has thousands of digests.
const HEX_DIGITS: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < NO_DIGIT {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One value for all inputs of a step.
pub type Fingerprint = Digest;

type Parts = Vec<(Box<str>, Digest)>;

/// All that decides whether a step has to run, each part under a label that a person understands.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// In order of the labels. Shared until it is changed: each check begins with a copy of what the file says, and to
    /// that most steps add nothing.
    parts: Option<Arc<Parts>>,
    /// `None` for nearly every step.
    gaps: Option<Box<Gaps>>,
}

/// What the parts do not say. It is never on record: it is found out again each time.
#[derive(Clone, Debug, Default)]
struct Gaps {
    unknown: Vec<String>,
    unmatched: Vec<String>,
}

/// Equal when all labels have equal digests. A step with unknown inputs is not fresh, whatever this says.
impl PartialEq for Inputs {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Inputs {}

impl Inputs {
    /// No inputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value's digest under `label`.
    pub fn text(&mut self, label: impl Into<String>, value: &str) {
        self.digest(label, Digest::of(value.as_bytes()));
    }

    fn parts(&self) -> &[(Box<str>, Digest)] {
        self.parts.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Where `label` is, or would be: a step has a handful, and a sorted list takes the least memory.
    fn place(&self, label: &str) -> Result<usize, usize> {
        self.parts().binary_search_by(|(known, _)| (**known).cmp(label))
    }

    /// Adds a digest under `label`.
    pub fn digest(&mut self, label: impl Into<String>, digest: Digest) {
        let label = label.into().into_boxed_str();
        let place = self.place(&label);
        let parts = Arc::make_mut(self.parts.get_or_insert_default());
        match place {
            Ok(at) => parts[at].1 = digest,
            Err(at) => parts.insert(at, (label, digest)),
        }
    }

    /// Notes something that the step depends on and that can't be read, such as what an address answers. The step
    /// is not fresh as long as there is any.
    pub fn unknown(&mut self, what: impl Into<String>) {
        self.gaps.get_or_insert_default().unknown.push(what.into());
    }

    /// Notes that the pattern whose files are the input `label` matches none.
    pub fn unmatched(&mut self, label: &str) {
        self.gaps.get_or_insert_default().unmatched.push(label.to_owned());
    }

    /// What the step depends on and nobody can read.
    pub fn all_unknown(&self) -> &[String] {
        self.gaps.as_ref().map_or(&[], |gaps| &gaps.unknown)
    }

    /// The labels of patterns that match no file.
    pub fn all_unmatched(&self) -> &[String] {
        self.gaps.as_ref().map_or(&[], |gaps| &gaps.unmatched)
    }

    /// The digest under `label`.
    pub fn get(&self, label: &str) -> Option<Digest> {
        self.place(label).ok().map(|at| self.parts()[at].1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts().is_empty()
    }

    /// All labels with their digests, in order of the labels.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.parts().iter().map(|(label, digest)| (&**label, *digest))
    }

    /// One value for all of them: BLAKE3 over each label's length, label and digest.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hasher = blake3::Hasher::new();
        for (label, digest) in self.parts() {
            hasher.update(&(label.len() as u64).to_le_bytes());
            hasher.update(label.as_bytes());
            hasher.update(&digest.0);
        }
        Digest::from_hash(hasher.finalize())
    }

    /// Returns them with other labels; of those that get the same one, one digest.
    pub fn relabelled(&self, label: impl Fn(&str) -> String) -> Self {
        let mut inputs = Self::new();
        let gaps = self.gaps.as_ref().map(|gaps| Gaps {
            unknown: gaps.unknown.iter().map(|what| label(what)).collect(),
            unmatched: gaps.unmatched.iter().map(|old| label(old)).collect(),
        });
        inputs.gaps = gaps.map(Box::new);
        for (old, digest) in self.iter() {
            let new = label(old);
            let both = inputs.get(&new).map(|other| Digest::of(&[other.0, digest.0].concat()));
            inputs.digest(new, both.unwrap_or(digest));
        }
        inputs
    }

    /// The labels that are not the same in `self` and `other`, in order.
    pub fn changed_labels(&self, other: &Self) -> Vec<String> {
        let mut labels: Vec<&str> = self.iter().chain(other.iter()).map(|(label, _)| label).collect();
        labels.sort_unstable();
        labels.dedup();
        labels.into_iter().filter(|label| self.get(label) != other.get(label)).map(str::to_owned).collect()
    }
}

impl FromIterator<(String, Digest)> for Inputs {
    fn from_iter<I: IntoIterator<Item = (String, Digest)>>(parts: I) -> Self {
        let mut inputs = Self::new();
        for (label, digest) in parts {
            inputs.digest(label, digest);
        }
        inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(parts: &[(&str, &str)]) -> Inputs {
        let mut inputs = Inputs::new();
        for (label, value) in parts {
            inputs.text(*label, value);
        }
        inputs
    }

    #[test]
    fn a_copy_that_is_changed_leaves_the_other_as_it_was() {
        let given = inputs(&[("a", "1"), ("b", "2")]);
        let mut more = given.clone();
        more.text("a", "3");
        more.text("c", "4");
        assert_eq!(given, inputs(&[("a", "1"), ("b", "2")]));
        assert_eq!(more, inputs(&[("a", "3"), ("b", "2"), ("c", "4")]));
        assert_eq!(Inputs::new().iter().count(), 0);
    }

    #[test]
    fn order_of_adding_does_not_matter_and_labels_do() {
        assert_eq!(inputs(&[("a", "1"), ("b", "2")]).fingerprint(), inputs(&[("b", "2"), ("a", "1")]).fingerprint());
        assert_ne!(inputs(&[("a", "1")]).fingerprint(), inputs(&[("b", "1")]).fingerprint());
        assert_ne!(inputs(&[]).fingerprint(), inputs(&[("a", "")]).fingerprint());
    }

    #[test]
    fn inputs_that_get_one_label_still_all_count() {
        let masked = |parts: &[(&str, &str)]| inputs(parts).relabelled(|label| label.replace(['x', 'y'], "*"));
        let both = masked(&[("a x", "1"), ("a y", "2"), ("b", "3")]);
        assert_eq!(both.iter().map(|(label, _)| label).collect::<Vec<_>>(), ["a *", "b"]);
        for other in [&[("a x", "1"), ("a y", "3"), ("b", "3")], &[("a x", "2"), ("a y", "2"), ("b", "3")]] {
            assert_eq!(masked(other).changed_labels(&both), ["a *"]);
        }
    }

    #[test]
    fn every_changed_label_is_named() {
        let old = inputs(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let new = inputs(&[("a", "1"), ("b", "4"), ("d", "3")]);
        assert_eq!(new.changed_labels(&old), ["b", "c", "d"]);
        assert!(new.changed_labels(&new).is_empty());
    }

    #[test]
    fn a_digest_reads_back() {
        let digest = Digest::of(b"x");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        for bad in ["", "xyz", &"g".repeat(32), &"a".repeat(31), &"é".repeat(16)] {
            assert_eq!(Digest::parse(bad), None, "{bad}");
        }
    }
}
