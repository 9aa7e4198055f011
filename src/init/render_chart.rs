//! [`render_chart`]: what a chart becomes, with which files of values it renders, and which values set its images.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt};
use serde_json::Value;

use super::chart_copy::{Renderable, renderable};
use super::detect::parts;
use super::facts::{Facts, unnameable};
use super::findings::Chart;
use super::image_keys::{self, ImageKeys};
use super::programs::Programs;
use super::releases::Wanted;
use super::repository::{Repository, folder_of, has_extension, join, name_of};
use crate::error::Failure;
use crate::tools::helm::{Helm, Rendering};
use crate::tools::kubernetes::{ManifestObject, ManifestObjects};

/// What is known of a chart.
#[derive(Debug, Default)]
pub(super) struct RenderedChart {
    /// Its name.
    pub(super) name: String,
    /// What it becomes; `None` where it can't be rendered here.
    pub(super) facts: Option<Facts>,
    /// The file of values that it is installed with here, if it needs one.
    pub(super) values: Option<String>,
    /// The files of values that go before and after it, and each other one.
    pub(super) around: (Vec<String>, Vec<String>),
    /// Other files with which it renders.
    pub(super) others: Vec<String>,
    /// Files with which it does not, and why; `values.yaml` for none.
    pub(super) failures: Vec<(String, String)>,
    /// The dependencies that are not there.
    pub(super) without: Vec<String>,
    /// Which values set which images.
    pub(super) keys: ImageKeys,
    /// The values that another file sets for it.
    pub(super) set: Vec<(Vec<String>, Value)>,
    /// Why `helm lint --strict` does not pass.
    pub(super) lint: Option<String>,
}

impl RenderedChart {
    /// The files of values that it is installed with here, in their order.
    pub(super) fn files(&self) -> impl Iterator<Item = &String> {
        self.around.0.iter().chain(&self.values).chain(&self.around.1)
    }
}

/// Parts of the names of files of values for a cluster like this one, the best first.
const LOCAL: [&str; 7] = ["minikube", "local", "kind", "dev", "test", "ci", "default"];

/// At most so many calls of helm at once.
const AT_ONCE: usize = 4;

/// Folders of definitions are not deeper in a chart than this.
const MAX_DEFINITIONS: usize = 6;

/// At most so many files of values are tried.
const MAX_VALUES: usize = 12;

/// Renders a chart as it is wanted, with each of its files of values. `named` are those that another file deploys it
/// with.
pub(super) async fn render_chart(
    repository: &Repository,
    programs: &Programs,
    chart: &Chart,
    named: &[String],
    wanted: &Wanted,
) -> Result<RenderedChart, Failure> {
    let mut candidates = candidates(chart, named);
    let around = wanted.around.clone();
    candidates.retain(|file| file.as_ref().is_none_or(|file| !(around.0.contains(file) || around.1.contains(file))));
    let Some(helm) = &programs.helm else {
        // Without helm the name alone says which one is meant for this.
        let values = candidates.iter().flatten().find(|file| named.contains(file) || rank(file) < LOCAL.len()).cloned();
        let others = candidates.into_iter().flatten().filter(|file| Some(file) != values.as_ref()).collect();
        return Ok(RenderedChart { values, others, around, set: wanted.set.clone(), ..RenderedChart::default() });
    };
    let made: Renderable = renderable(repository, chart)?;
    let Renderable { path, without, .. } = &made;
    let definitions = definitions(path);
    let call = Call { helm, programs, path, wanted, root: repository.root(), definitions: &definitions };
    let call = &call;
    let mut found =
        RenderedChart { without: without.clone(), around, set: wanted.set.clone(), ..RenderedChart::default() };
    let (mut chosen, mut unfilled) = (None, None);
    let own_values = || "values.yaml".to_owned();
    // Files that nothing names and that are outside of the chart are tried where it needs one.
    for is_guess in [false, true] {
        if is_guess {
            candidates = elsewhere(chart, &candidates);
        }
        let tried =
            candidates.iter().map(|file| async move { (file.clone(), call.objects(file.as_deref(), None).await) });
        let ended: Vec<_> = stream::iter(tried.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
        for (file, result) in ended {
            let why = match result.map(|objects| (Facts::of(&objects), objects)) {
                Ok((facts, objects)) => match (facts.unknown.into_iter().next(), unnameable(&facts.images)) {
                    (Some((_, why)), _) => why,
                    (None, Some(why)) => {
                        unfilled.get_or_insert((file.clone(), objects));
                        why
                    }
                    (None, None) if chosen.is_none() => {
                        chosen = Some((file, objects));
                        continue;
                    }
                    (None, None) => {
                        found.others.extend(file);
                        continue;
                    }
                },
                Err(why) => why,
            };
            found.failures.extend(Some((file.unwrap_or_else(own_values), why)).filter(|_| !is_guess));
        }
        if chosen.is_some() {
            break;
        }
    }
    // One whose images something else has to name is better than none.
    if let (None, Some((file, _))) = (&chosen, &unfilled) {
        let name = file.clone().unwrap_or_else(own_values);
        found.failures.retain(|(known, _)| *known != name);
    }
    let Some((values, objects)) = chosen.or(unfilled) else { return Ok(found) };
    let facts = Facts::of(&objects);
    found.keys = keys(repository, chart, call, values.as_deref(), &facts).await;
    found.lint = if without.is_empty() { call.lint(values.as_deref()).await } else { None };
    (found.facts, found.values) = (Some(facts), values);
    Ok(found)
}

/// The files to try, `None` for the chart's own values alone: first what another file deploys it with, then what is
/// meant for a cluster like this one, then the chart's own, then the others.
fn candidates(chart: &Chart, named: &[String]) -> Vec<Option<String>> {
    let mut files: Vec<Option<String>> = chart.values.iter().cloned().map(Some).collect();
    files.extend(named.iter().filter(|file| !chart.values.contains(file)).cloned().map(Some));
    files.push(None);
    files.sort_by_key(|file| match file {
        Some(file) if named.contains(file) => (0, rank(file)),
        Some(file) if rank(file) < LOCAL.len() => (1, rank(file)),
        None => (2, 0),
        Some(_) => (3, 0),
    });
    files.truncate(MAX_VALUES);
    files
}

/// Further files of values, outside of the chart.
fn elsewhere(chart: &Chart, tried: &[Option<String>]) -> Vec<Option<String>> {
    let mut files: Vec<Option<String>> = chart.elsewhere.iter().cloned().map(Some).collect();
    files.retain(|file| !tried.contains(file));
    files.truncate(MAX_VALUES);
    files.sort_by_key(|file| file.as_deref().map(rank));
    files
}

/// What a file is for, by its name or that of its folder: `values-dev.yaml`, `dev/values.yaml`.
fn rank(file: &str) -> usize {
    let of_name = |name: &str| {
        let name = name.to_lowercase();
        let is_part = |word: &str| name.split(['.', '-', '_']).any(|part| part.starts_with(word));
        LOCAL.iter().position(|word| is_part(word))
    };
    let is_plain = matches!(name_of(file), "values.yaml" | "values.yml");
    let of_folder = || of_name(name_of(folder_of(file))).filter(|_| is_plain);
    of_name(name_of(file)).or_else(of_folder).unwrap_or(LOCAL.len())
}

/// The definitions in the `crds` folders of a chart and of those in it: they are no templates.
fn definitions(chart: &Path) -> Vec<Value> {
    let files = walkdir::WalkDir::new(chart).max_depth(MAX_DEFINITIONS).into_iter().filter_map(Result::ok);
    let is_definition = |entry: &walkdir::DirEntry| {
        let inside = entry.path().strip_prefix(chart).unwrap_or(entry.path()).to_string_lossy();
        let in_folder = folder_of(&inside) == "crds" || folder_of(&inside).ends_with("/crds");
        entry.file_type().is_file() && in_folder && has_extension(&inside, &["yaml", "yml"])
    };
    let texts = files.filter(is_definition).filter_map(|entry| fs_err::read_to_string(entry.path()).ok());
    let objects = texts.flat_map(|text| ManifestObjects::read(&text, "").objects);
    objects.map(|object| object.content().clone()).collect()
}

/// How helm is called for one chart.
struct Call<'a> {
    helm: &'a Helm,
    programs: &'a Programs,
    path: &'a Path,
    wanted: &'a Wanted,
    root: &'a Path,
    /// What helm installs before the objects.
    definitions: &'a [Value],
}

impl Call<'_> {
    fn files(&self, file: Option<&str>) -> Vec<PathBuf> {
        let (before, after) = &self.wanted.around;
        let all = before.iter().map(String::as_str).chain(file).chain(after.iter().map(String::as_str));
        all.map(|file| self.root.join(file)).collect()
    }

    /// What the chart becomes, or why it does not.
    async fn objects(&self, file: Option<&str>, values: Option<&Value>) -> Result<Vec<Value>, String> {
        let files = self.files(file);
        let values = self.values(values);
        let rendering = self.rendering(&files, values.as_deref());
        let call = self.helm.template(&rendering, self.programs.host());
        let text = self.programs.within("rendering the chart", call).await.map_err(|failure| reason(&failure))?;
        let read = ManifestObjects::read(&text, "");
        if let Some(why) = read.unreadable.first() {
            return Err(why.clone());
        }
        let objects = read.objects.iter().map(ManifestObject::content);
        Ok(objects.chain(self.definitions).cloned().collect())
    }

    /// The values that go over those of the file: those that another file sets, and `values` over them.
    fn values(&self, values: Option<&Value>) -> Option<Vec<u8>> {
        let mut all = self.wanted.values();
        match (&mut all, values) {
            (Some(all), Some(values)) => image_keys::overlay(all, values),
            (all, values) => *all = all.take().or_else(|| values.cloned()),
        }
        all.map(|values| values.to_string().into_bytes())
    }

    async fn lint(&self, file: Option<&str>) -> Option<String> {
        let (files, values) = (self.files(file), self.values(None));
        let rendering = self.rendering(&files, values.as_deref());
        let linted = self.programs.within("checking the chart", self.helm.lint(&rendering, self.programs.host())).await;
        linted.err().map(|failure| failure.causes.first().cloned().unwrap_or(failure.message))
    }

    fn rendering<'b>(&'b self, values_files: &'b [PathBuf], values: Option<&'b [u8]>) -> Rendering<'b> {
        let text = |part: &'b Option<String>| part.as_deref().unwrap_or_default();
        let (release, namespace) = (text(&self.wanted.release), text(&self.wanted.namespace));
        Rendering { chart: self.path, release, namespace, values_files, values }
    }
}

/// What helm says, without what was being done.
fn reason(failure: &Failure) -> String {
    let text = failure.message.strip_prefix("rendering the chart failed: ").unwrap_or(&failure.message);
    let mut lines = text.lines().chain(failure.causes.iter().map(String::as_str)).map(str::trim);
    let first = lines.next().unwrap_or_default();
    // What ends so says nothing without what follows.
    let more = lines.filter(|line| !line.is_empty()).take(if first.ends_with(':') { 2 } else { 0 });
    std::iter::once(first).chain(more).collect::<Vec<_>>().join(" ")
}

/// Charts that consist of others are followed so far.
const MAX_PARTS: usize = 3;

/// The values of a chart itself, with those of the charts that it consists of below their names.
fn default_values(repository: &Repository, folder: &str, depth: usize) -> Value {
    let mut values = Value::Object(serde_json::Map::new());
    let parts = if depth < MAX_PARTS { parts(repository, folder) } else { Vec::new() };
    for (name, part) in parts {
        values[name] = default_values(repository, &part, depth + 1);
    }
    let own = join(folder, "values.yaml").map(|path| repository.yaml(&path)).unwrap_or_default();
    if let Some(own) = own.into_iter().next().filter(Value::is_object) {
        image_keys::overlay(&mut values, &own);
    }
    values
}

/// Finds the values that set images: each candidate gets a value that nothing else has, and the images that come out
/// show which of them counts.
async fn keys(repository: &Repository, chart: &Chart, call: &Call<'_>, file: Option<&str>, facts: &Facts) -> ImageKeys {
    let mut values = default_values(repository, &chart.folder, 0);
    let (before, after) = &call.wanted.around;
    let files = before.iter().map(String::as_str).chain(file).chain(after.iter().map(String::as_str));
    for over in files.flat_map(|file| repository.yaml(file)) {
        image_keys::overlay(&mut values, &over);
    }
    if let Some(set) = call.wanted.values() {
        image_keys::overlay(&mut values, &set);
    }
    let candidates = image_keys::candidates(&values, &facts.images);
    let together = call.objects(file, Some(&image_keys::marked(&candidates))).await;
    let mut images = BTreeSet::new();
    if let Ok(objects) = together {
        images = Facts::of(&objects).images;
    } else {
        // Some of them are not what they seem to be: one after the other.
        for one in &candidates {
            let alone = image_keys::marked(std::slice::from_ref(one));
            if let Ok(objects) = call.objects(file, Some(&alone)).await {
                images.extend(Facts::of(&objects).images);
            }
        }
    }
    image_keys::found(&candidates, &images, &values)
}
