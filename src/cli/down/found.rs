//! [`Found`]: what the steps have made and is still there.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::error::Failure;
use crate::tools::deletion::{Deletion, Proof, TAKEN_DOWN};

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// What is to be removed, in this order.
    pub(super) removals: Vec<Removal>,
    /// What stays.
    pub(super) kept: Vec<Kept>,
    /// What could not be seen.
    pub(super) failures: Vec<Failure>,
    /// The steps, as numbers of candidates, of which everything that they have made was seen.
    pub(super) seen: BTreeSet<usize>,
}

/// Something that steps have made.
pub(super) struct Removal {
    /// The steps that have made it, as numbers of candidates; the first one removes it.
    pub(super) candidates: Vec<usize>,
    pub(super) deletion: Deletion,
}

/// Something that stays.
pub(super) struct Kept {
    /// The step that names it, as the number of a candidate.
    pub(super) candidate: usize,
    pub(super) deletion: Deletion,
    pub(super) why: String,
}

impl Found {
    /// Adds something that a step has made; what another step has made too is one thing. What is not shown to be ours
    /// stays.
    pub(super) fn add(&mut self, candidate: usize, deletion: Deletion) {
        let is_known = |known: &Removal| known.deletion.subject == deletion.subject;
        if let Some(known) = self.removals.iter_mut().find(|known| is_known(known)) {
            known.candidates.push(candidate);
            return;
        }
        let obstacle = match (&deletion.ours, &deletion.in_use) {
            (Proof::Lacking(why), _) => Some(format!("it is not proven to be ours: {why}")),
            (_, Some(how)) => Some(format!("it is in use: {how}")),
            _ => None,
        };
        match obstacle {
            Some(why) => self.kept.push(Kept { candidate, deletion, why }),
            None => self.removals.push(Removal { candidates: vec![candidate], deletion }),
        }
    }

    /// Whether nothing is there of what a step has made. What could not be seen may be there.
    pub(super) fn is_without(&self, candidate: usize) -> bool {
        self.seen.contains(&candidate)
            && !self.kept.iter().any(|kept| kept.candidate == candidate)
            && !self.removals.iter().any(|removal| removal.candidates.contains(&candidate))
    }
}

/// Shows what was found to a person.
pub(super) fn show(out: &mut dyn Write, found: &Found) -> io::Result<()> {
    if !found.removals.is_empty() {
        writeln!(out, "to be removed, in this order:")?;
    }
    for Removal { deletion, .. } in &found.removals {
        let detail = detail(deletion).map(|detail| format!(" ({detail})")).unwrap_or_default();
        writeln!(out, "  {}{detail}", deletion.subject)?;
        if let Some(what) = lost(deletion) {
            writeln!(out, "      may be lost: {what}")?;
        }
    }
    if !found.kept.is_empty() {
        writeln!(out, "stays:")?;
    }
    for Kept { deletion, why, .. } in &found.kept {
        writeln!(out, "  {}: {why}; if nobody needs it, by hand: `{}`", deletion.subject, deletion.by_hand)?;
    }
    Ok(())
}

/// What it consists of, where that is known.
pub(super) fn detail(deletion: &Deletion) -> Option<&str> {
    (deletion.reason != TAKEN_DOWN).then_some(deletion.reason.as_str())
}

/// The data in it that may be lost.
pub(super) fn lost(deletion: &Deletion) -> Option<&str> {
    match &deletion.empty {
        Proof::Lacking(what) => Some(what),
        Proof::Shown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deletion(subject: &str, ours: Proof, in_use: Option<&str>) -> Deletion {
        Deletion {
            subject: subject.into(),
            reason: "2 parts".into(),
            ours,
            empty: Proof::Lacking("its data".into()),
            in_use: in_use.map(str::to_owned),
            consent_covers_ownership: true,
            by_hand: format!("rm {subject}"),
        }
    }

    #[test]
    fn what_is_not_shown_to_be_ours_or_is_in_use_is_listed_as_what_stays() {
        let mut found = Found::default();
        found.add(2, deletion("a", Proof::Shown, None));
        found.add(1, deletion("a", Proof::Shown, None));
        assert_eq!(found.removals[0].candidates, [2, 1]);
        found.seen.extend([1, 2, 3]);
        let is_without = |found: &Found| [1, 2, 3, 4].map(|step| found.is_without(step));
        assert_eq!(is_without(&found), [false, false, true, false], "of the last one nothing was seen");
        found.add(3, deletion("d", Proof::Lacking("no mark".into()), None));
        assert_eq!(is_without(&found), [false; 4]);
        found.kept.clear();
        found.add(1, deletion("b", Proof::Lacking("no label".into()), None));
        found.add(0, deletion("c", Proof::Shown, Some("it runs")));
        let mut out = Vec::new();
        show(&mut out, &found).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        to be removed, in this order:
          a (2 parts)
              may be lost: its data
        stays:
          b: it is not proven to be ours: no label; if nobody needs it, by hand: `rm b`
          c: it is in use: it runs; if nobody needs it, by hand: `rm c`
        ");
    }
}
