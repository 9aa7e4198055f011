//! [`Explanations`]: why some mutants may survive, from the files `prove.toml` beside the checklists.

use std::collections::BTreeSet;
use std::path::Path;

use fs_err as fs;
use serde::Deserialize;

use crate::error::{Context, Failure, FailureKind};
use crate::model::{Mutant, MutantKind};
use crate::pipeline::Pipeline;
use crate::suggest::suggest;

/// The name of the file.
const NAME: &str = "prove.toml";

/// A file with explanations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplanationFile {
    #[serde(default)]
    survivor: Vec<Entry>,
}

/// Mutants that may survive.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The file that is changed, relative to the project.
    file: String,
    /// The line that is changed, without its indentation; any line of the file without it.
    line: Option<String>,
    /// The kinds of mutants.
    mutants: Vec<KindName>,
    /// Why nobody has to notice them.
    reason: String,
}

/// A kind by its name.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct KindName(MutantKind);

impl TryFrom<String> for KindName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        MutantKind::named(&name).map(Self).ok_or_else(|| {
            let hint = suggest(&name, MutantKind::ALL.iter().map(|kind| kind.name()));
            format!("there is no kind of mutant `{name}`{}", hint.map(|hint| format!(": {hint}")).unwrap_or_default())
        })
    }
}

impl Entry {
    fn is_about(&self, mutant: &Mutant) -> bool {
        self.file == *mutant.file
            && self.mutants.iter().any(|kind| kind.0 == mutant.kind)
            && self.line.as_ref().is_none_or(|line| line.trim() == mutant.before)
    }

    fn label(&self, place: &str) -> String {
        let kinds: Vec<&str> = self.mutants.iter().map(|kind| kind.0.name()).collect();
        let line = self.line.as_ref().map(|line| format!(", line `{}`", line.trim())).unwrap_or_default();
        format!("{place}: {} of `{}`{line}", kinds.join(", "), self.file)
    }
}

/// All explanations, and which of them were needed.
#[derive(Debug, Default)]
pub(super) struct Explanations {
    /// Each with the file that it is from.
    entries: Vec<(String, Entry)>,
}

impl Explanations {
    /// Reads the files beside the checklists of `pipeline`.
    pub(super) fn beside(pipeline: &Pipeline) -> Result<Self, Failure> {
        let folders: BTreeSet<&Path> =
            pipeline.checklists.iter().filter_map(|(file, _)| Path::new(&**file).parent()).collect();
        let mut entries = Vec::new();
        for name in folders.into_iter().map(|folder| folder.join(NAME)) {
            let path = pipeline.root.join(&name);
            if !path.exists() {
                continue;
            }
            let place = name.display().to_string();
            let text = fs::read_to_string(path).context(|| format!("reading `{place}`"))?;
            entries.extend(read(&place, &text)?.into_iter().map(|entry| (place.clone(), entry)));
        }
        Ok(Self { entries })
    }

    /// Why `mutant` may survive.
    pub(super) fn reason(&self, mutant: &Mutant) -> Option<&str> {
        self.entries.iter().find(|(_, entry)| entry.is_about(mutant)).map(|(_, entry)| entry.reason.as_str())
    }

    /// Those that no survivor needs, and why. `noticed` are the mutants that were noticed, `others` those that were not
    /// tried; entries about other files than `files` are not judged.
    pub(super) fn expired(
        &self,
        survivors: &[&Mutant],
        noticed: &[&Mutant],
        others: &[&Mutant],
        is_judged: &dyn Fn(&str) -> bool,
    ) -> Vec<String> {
        let judged = self.entries.iter().filter(|(_, entry)| is_judged(&entry.file));
        let why = |(place, entry): &(String, Entry)| {
            let matches = |mutants: &[&Mutant]| mutants.iter().any(|mutant| entry.is_about(mutant));
            let why = match (matches(survivors), matches(others), matches(noticed)) {
                (true, ..) | (_, true, _) => return None,
                (_, _, true) => "a check notices it now",
                _ => "there is no such mutant",
            };
            Some(format!("{}: {why}", entry.label(place)))
        };
        judged.filter_map(why).collect()
    }
}

fn read(place: &str, text: &str) -> Result<Vec<Entry>, Failure> {
    let wrong = |why: String| {
        Failure::new(FailureKind::Config, format!("can't read the explanations in `{place}`"))
            .cause(why)
            .hint("docs/prove.md shows their form")
    };
    let file: ExplanationFile = toml::from_str(text).map_err(|error| wrong(error.to_string().trim().to_owned()))?;
    let entries = file.survivor;
    if let Some(entry) = entries.iter().find(|entry| entry.reason.trim().is_empty()) {
        return Err(wrong(format!("the entry for `{}` needs its `reason`", entry.file)));
    }
    if let Some(entry) = entries.iter().find(|entry| entry.mutants.is_empty()) {
        return Err(wrong(format!("the entry for `{}` names no kind in `mutants`", entry.file)));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(kind: MutantKind, before: &str) -> Mutant {
        Mutant { file: "k8s/a.yaml".into(), line: 3, kind, before: before.into(), after: String::new() }
    }

    fn explanations(text: &str) -> Explanations {
        let entries = read("specs/prove.toml", text).unwrap();
        Explanations { entries: entries.into_iter().map(|entry| ("specs/prove.toml".to_owned(), entry)).collect() }
    }

    #[test]
    fn an_explanation_is_for_a_file_a_line_and_kinds() {
        let text = "[[survivor]]\nfile = \"k8s/a.yaml\"\nline = \"  a: 1\"\nmutants = [\"number\", \"word\"]\nreason = \"free\"";
        let all = explanations(text);
        assert_eq!(all.reason(&mutant(MutantKind::Number, "a: 1")), Some("free"));
        assert_eq!(all.reason(&mutant(MutantKind::Swap, "a: 1")), None);
        assert_eq!(all.reason(&mutant(MutantKind::Number, "a: 2")), None);
        let any_line = explanations(&text.replace("line = \"  a: 1\"\n", ""));
        assert_eq!(any_line.reason(&mutant(MutantKind::Word, "b: 2")), Some("free"));
    }

    #[test]
    fn one_that_no_survivor_needs_is_reported() {
        let all = explanations(
            "[[survivor]]\nfile = \"k8s/a.yaml\"\nline = \"a: 1\"\nmutants = [\"number\"]\nreason = \"r\"",
        );
        let (it, other) = (mutant(MutantKind::Number, "a: 1"), mutant(MutantKind::Number, "a: 2"));
        let is_judged = |_: &str| true;
        let why = |survivors: &[&Mutant], noticed: &[&Mutant], others: &[&Mutant]| {
            all.expired(survivors, noticed, others, &is_judged)
        };
        let label = "specs/prove.toml: number of `k8s/a.yaml`, line `a: 1`";
        assert_eq!(why(&[&it], &[&other], &[]), [""; 0]);
        assert_eq!(why(&[&other], &[&it], &[]), [format!("{label}: a check notices it now")]);
        assert_eq!(why(&[&other], &[], &[]), [format!("{label}: there is no such mutant")]);
        // What was not tried may still survive.
        assert_eq!(why(&[], &[], &[&it]), [""; 0]);
        assert_eq!(all.expired(&[], &[], &[], &|_| false), [""; 0]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        for (text, part) in [
            ("[[survivor]]\nfile = \"a\"\nmutants = [\"nubmer\"]\nreason = \"r\"", "did you mean `number`"),
            ("[[survivor]]\nfile = \"a\"\nmutants = [\"number\"]\nreason = \" \"", "needs its `reason`"),
            ("[[survivor]]\nfile = \"a\"\nmutants = []\nreason = \"r\"", "names no kind"),
            ("[[survivor]]\nfile = \"a\"\nmutant = \"number\"\nreason = \"r\"", "unknown field `mutant`"),
        ] {
            let failure = read("p.toml", text).unwrap_err();
            assert!(failure.to_string().contains(part), "{text}: {failure}");
        }
    }
}
