//! What builds copy and that is not there: the steps that make it before.

mod ways;

use std::collections::{BTreeMap, BTreeSet};

use super::survey::Survey;
use crate::files::glob_of;
use crate::init::draft::StepDraft;
use crate::init::names::{id_of, unique};
use crate::init::repository::{join, name_of, shown};
use ways::{Way, way};

/// The steps that make what builds copy and that is not there.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) steps: Vec<StepDraft>,
    /// The ids of those that each build needs, by its number.
    pub(super) needs: BTreeMap<usize, Vec<String>>,
    /// The last one that runs in each folder.
    pub(super) last: BTreeMap<String, String>,
}

/// A command with what it makes, for one build or several.
struct Making {
    way: Way,
    /// What is copied of it: the number of the build, and the path as its Dockerfile has it.
    copied: Vec<(usize, String)>,
}

impl Before {
    /// Finds them for the builds that are `wanted`, each command once. `taken` are the ids of other steps.
    pub(super) fn of(
        survey: &Survey,
        wanted: &BTreeSet<usize>,
        mut taken: BTreeSet<String>,
        doubts: &mut Vec<String>,
    ) -> Self {
        let mut makings: Vec<Making> = Vec::new();
        for at in wanted.iter().copied() {
            let build = &survey.builds[at];
            let mut unknown: Vec<&str> = Vec::new();
            for path in &build.missing {
                let Some(way) = way(survey, build, path) else {
                    unknown.push(path);
                    continue;
                };
                let copied = (at, path.clone());
                match makings.iter_mut().find(|known| known.way.is_like(&way)) {
                    Some(known) => {
                        known.way.add(way);
                        known.copied.push(copied);
                    }
                    None => makings.push(Making { way, copied: vec![copied] }),
                }
            }
            if !unknown.is_empty() {
                let (are, what) = if unknown.len() == 1 { ("is", "it has") } else { ("are", "they have") };
                doubts.push(format!(
                    "`{}` copies `{}`, which {are} not in `{}`: {what} to be made before the build",
                    build.dockerfile,
                    unknown.join("`, `"),
                    shown(&build.context)
                ));
            }
        }
        let mut before = Self::default();
        for making in &makings {
            let id = making.id(survey, &makings, &mut taken);
            let mut step = making.step(survey, &id, &makings);
            let what = if making.copied.len() == 1 { "it" } else { "them" };
            doubts.push(format!("{}: the step `{id}` makes {what} with `{}`", making.says(survey), making.way.line()));
            // Two at once may write the same files.
            step.needs.extend(before.last.insert(making.way.place.clone(), id.clone()));
            for at in making.builds() {
                before.needs.entry(at).or_default().push(id.clone());
            }
            before.steps.push(step);
        }
        before
    }
}

impl Making {
    /// The builds that copy of it.
    fn builds(&self) -> BTreeSet<usize> {
        self.copied.iter().map(|(at, _)| *at).collect()
    }

    /// The id of its step: after the build where it is for one alone, and after what it makes where that has several.
    fn id(&self, survey: &Survey, all: &[Self], taken: &mut BTreeSet<String>) -> String {
        let builds = self.builds();
        let others = all.iter().filter(|other| other.builds() == builds).count();
        let own = match builds.first().filter(|_| builds.len() == 1) {
            Some(at) => format!("{}-files", survey.builds[*at].id),
            None => "files".to_owned(),
        };
        let word = self.copied.first().map(|(_, path)| path.split(['/', '*']).find(|part| !part.is_empty()));
        let word = word.flatten().map(|word| id_of(name_of(word)));
        unique(&if others > 1 { format!("{own}-{}", word.unwrap_or_default()) } else { own }, taken)
    }

    /// Which Dockerfile copies what of it.
    fn says(&self, survey: &Survey) -> String {
        let mut of_files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (at, path) in &self.copied {
            let paths = of_files.entry(survey.builds[*at].dockerfile.as_str()).or_default();
            if !paths.contains(&path.as_str()) {
                paths.push(path);
            }
        }
        // Of those that copy the same it is said once.
        let mut of_paths: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
        for (file, paths) in of_files {
            match of_paths.iter_mut().find(|(known, _)| *known == paths) {
                Some((_, files)) => files.push(file),
                None => of_paths.push((paths, vec![file])),
            }
        }
        let said = of_paths.iter().map(|(paths, files)| {
            let verb = if files.len() == 1 { "copies" } else { "copy" };
            format!("`{}` {verb} `{}`", files.join("`, `"), paths.join("`, `"))
        });
        said.collect::<Vec<_>>().join(", ")
    }

    fn step(&self, survey: &Survey, id: &str, all: &[Self]) -> StepDraft {
        let place = &self.way.place;
        let made_outside = if self.copied.len() == 1 { "which is made" } else { "which are made" };
        let mut step = StepDraft::new(id, "command")
            .comment(format!("{}, {made_outside} outside of Docker", self.says(survey)))
            .set("run", self.way.line());
        if !place.is_empty() {
            step = step.set("cwd", place.as_str());
        }
        let in_place = |pattern: &str| join(&glob_of(place), pattern).unwrap_or_default();
        // What others make below is no input either.
        let is_below = |other: &str| place.is_empty() || other == place || other.starts_with(&format!("{place}/"));
        let others = all.iter().map(|other| &other.way).filter(|other| is_below(&other.place));
        let patterns = |way: &Way| {
            let in_folder = |pattern: &String| join(&glob_of(&way.place), pattern);
            way.made.iter().filter_map(in_folder).collect::<Vec<_>>()
        };
        let mut left = patterns(&self.way);
        for pattern in others.flat_map(patterns) {
            if !left.contains(&pattern) {
                left.push(pattern);
            }
        }
        let left = left.into_iter().map(|pattern| format!("!{pattern}"));
        let inputs = std::iter::once(in_place("**")).chain(left);
        let inputs = inputs.chain([format!("!{}", in_place("**/node_modules/**")), "!.provision/**".to_owned()]);
        // What is missing may be a pattern itself.
        let output = |(at, path): &(usize, String)| join(&glob_of(&survey.builds[*at].context), path);
        let outputs: BTreeSet<String> = self.copied.iter().filter_map(output).collect();
        step.list("inputs", inputs).list("outputs", outputs)
    }
}

#[cfg(test)]
mod tests;
