//! [`Chart`]: a chart in a folder or an archive, and what it consists of: its own files, and the charts that it names
//! as `file://…`, which helm packs into it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::Deserialize;

use super::helmignore::HelmIgnore;
use crate::error::{Context, Failure};
use crate::fingerprint::Digest;

/// Folders in a chart that are no part of it.
const NO_PARTS: [&str; 2] = [".provision", ".git"];

/// A chart of the project.
#[derive(Clone, Debug)]
pub struct Chart {
    path: PathBuf,
}

/// What is read of a `Chart.yaml`.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
struct Description {
    name: String,
    version: String,
    app_version: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    dependencies: Vec<Dependency>,
}

/// A chart that another one consists of.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct Dependency {
    name: String,
    version: String,
    repository: String,
}

/// A chart that is part of one, or that itself.
struct Part {
    /// Its path from the chart; empty for that itself.
    name: String,
    path: PathBuf,
    /// Its path without `..` and links.
    real: PathBuf,
    dependencies: Vec<Dependency>,
}

impl Dependency {
    /// Where it is, from the chart that names it; `None` if it comes from a repository.
    fn folder(&self) -> Option<&str> {
        self.repository.strip_prefix("file://")
    }
}

impl Chart {
    /// The chart at `path`; `None` where there is none, because helm gets it from elsewhere.
    pub fn at(path: PathBuf) -> Option<Self> {
        path.exists().then_some(Self { path })
    }

    /// Returns the digests of the chart and of all charts that it names as `file://…`, directly or not: each with its
    /// path, that of the chart itself empty. What helm packs of them into `charts/` is left out: it follows from them.
    pub fn digests(&self) -> Result<BTreeMap<String, Digest>, Failure> {
        let parts = self.parts()?.into_iter();
        parts.map(|part| Ok((part.name, digest(&part.path, &part.dependencies)?))).collect()
    }

    /// Returns the folders of the chart and of all charts that it names as `file://…`, directly or not, by their real
    /// paths.
    pub fn folders(&self) -> Result<Vec<PathBuf>, Failure> {
        Ok(self.parts()?.into_iter().map(|part| part.real).collect())
    }

    fn parts(&self) -> Result<Vec<Part>, Failure> {
        let mut parts: Vec<Part> = Vec::new();
        let mut open = vec![(String::new(), self.path.clone())];
        while let Some((name, path)) = open.pop() {
            let real = fs::canonicalize(&path).context(|| format!("reading the chart {}", path.display()))?;
            if parts.iter().any(|part| part.real == real) {
                continue;
            }
            let dependencies = dependencies_of(&path)?;
            for folder in dependencies.iter().filter_map(Dependency::folder) {
                let name = if name.is_empty() { folder.to_owned() } else { format!("{name}/{folder}") };
                open.push((name, path.join(folder)));
            }
            parts.push(Part { name, path, real, dependencies });
        }
        Ok(parts)
    }

    /// Returns why helm has to fetch or pack the chart's dependencies again; `None` if `charts/` has them as they are.
    pub fn missing_dependency(&self) -> Result<Option<String>, Failure> {
        for dependency in dependencies_of(&self.path)? {
            let charts = self.path.join("charts");
            if charts.join(&dependency.name).is_dir() {
                continue;
            }
            let Some(archive) = archive_of(&charts, &dependency.name) else {
                return Ok(Some(format!("`charts/` has no `{}`", dependency.name)));
            };
            if let Some(folder) = dependency.folder()
                && !is_packed(&archive, &dependency.name, &self.path.join(folder))?
            {
                return Ok(Some(format!("`{folder}` has changed since it was packed into `charts/`")));
            }
        }
        Ok(None)
    }

    /// Returns the archives in `charts/` that no dependency names: helm deletes them when it gets the dependencies.
    pub fn undeclared_archives(&self) -> Result<Vec<PathBuf>, Failure> {
        let dependencies = dependencies_of(&self.path)?;
        let entries = fs::read_dir(self.path.join("charts")).into_iter().flatten().flatten();
        let is_undeclared = |path: &PathBuf| {
            let is_archive = path.extension().is_some_and(|extension| extension == "tgz");
            is_archive && !dependencies.iter().any(|dependency| is_archive_of(path, &dependency.name))
        };
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_undeclared).collect();
        found.sort();
        Ok(found)
    }

    /// Whether all its dependencies are folders, so that getting them needs no network.
    pub fn is_local(&self) -> Result<bool, Failure> {
        Ok(dependencies_of(&self.path)?.iter().all(|dependency| dependency.folder().is_some()))
    }

    /// Its name; `None` where it can't be read.
    pub fn name(&self) -> Option<String> {
        let text =
            if self.path.is_dir() { fs::read(self.path.join("Chart.yaml")).ok()? } else { self.packed_description()? };
        Some(describe(&text).name).filter(|name| !name.is_empty())
    }

    /// The `Chart.yaml` in an archive: of the chart itself, not of those in it.
    fn packed_description(&self) -> Option<Vec<u8>> {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(&self.path).ok()?));
        for entry in tar.entries().ok()? {
            let mut entry = entry.ok()?;
            let path = entry.path().ok()?.into_owned();
            if path.components().count() == 2 && path.ends_with("Chart.yaml") {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).ok()?;
                return Some(bytes);
            }
        }
        None
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The dependencies of the chart in the folder `path`; an archive has them in it. Charts of Helm 2 name them in a file
/// of its own. What can't be read is for helm to refuse.
fn dependencies_of(path: &Path) -> Result<Vec<Dependency>, Failure> {
    let mut all = Vec::new();
    for file in ["Chart.yaml", "requirements.yaml"] {
        let file = path.join(file);
        if path.is_dir() && file.exists() {
            let text = fs::read(&file).context(|| "reading a chart".into())?;
            all.extend(describe(&text).dependencies);
        }
    }
    Ok(all)
}

fn describe(text: &[u8]) -> Description {
    serde_saphyr::from_slice(text).unwrap_or_default()
}

/// The archive of the dependency `name` in the folder `charts`: `NAME-VERSION.tgz`.
fn archive_of(charts: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(charts).ok()?;
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_archive_of(path, name)).collect();
    found.sort();
    found.pop()
}

fn is_archive_of(path: &Path, name: &str) -> bool {
    let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".tgz"));
    version.is_some_and(|version| version.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()))
}

/// The files of the chart in the folder `path` by their names: those that helm gets of it, see
/// [`super::folder_for_helm`], and does not ignore. helm follows links, so what they lead to is part of the chart: a
/// file set of ours would refuse those that leave the project.
fn files(path: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let ignore = HelmIgnore::of(path);
    let counts = |entry: &walkdir::DirEntry| {
        let is_folder = entry.file_type().is_dir();
        let below = entry.path().strip_prefix(path).unwrap_or(entry.path());
        let is_left_out = is_folder && NO_PARTS.iter().any(|name| below.file_name() == Some(OsStr::new(name)));
        entry.depth() == 0 || !(is_left_out || ignore.ignores(below, is_folder))
    };
    let mut all = Vec::new();
    for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter().filter_entry(counts) {
        let entry = entry.context(|| format!("reading the chart {}", path.display()))?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(path).unwrap_or(entry.path()).to_owned();
            all.push((name, entry.into_path()));
        }
    }
    Ok(all)
}

/// The digest of a chart: every file's path below it and content, in order; or of an archive's bytes.
fn digest(chart: &Path, dependencies: &[Dependency]) -> Result<Digest, Failure> {
    let reading = || format!("reading the chart {}", chart.display());
    if chart.is_file() {
        return Ok(Digest::of(&fs::read(chart).context(reading)?));
    }
    let local: Vec<&Dependency> = dependencies.iter().filter(|dependency| dependency.folder().is_some()).collect();
    let is_made = |name: &Path| {
        let is_packed = name.parent() == Some(Path::new("charts"))
            && local.iter().any(|dependency| is_archive_of(name, &dependency.name));
        let is_lock = matches!(name.to_str(), Some("Chart.lock" | "requirements.lock"));
        is_packed || (is_lock && !local.is_empty() && local.len() == dependencies.len())
    };
    let mut hasher = blake3::Hasher::new();
    for (name, path) in files(chart)? {
        if is_made(&name) {
            continue;
        }
        let name = name.as_os_str().as_encoded_bytes();
        let content = blake3::hash(&fs::read(path).context(reading)?);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(content.as_bytes());
    }
    Ok(Digest::from_hash(hasher.finalize()))
}

/// Whether `archive` has the chart `name` as it is in `folder`. A file that helm leaves out counts as a difference: it
/// is then packed once more, which does no harm.
fn is_packed(archive: &Path, name: &str, folder: &Path) -> Result<bool, Failure> {
    let mut packed = BTreeMap::new();
    let Ok(file) = fs::File::open(archive) else { return Ok(false) };
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let Ok(entries) = tar.entries() else { return Ok(false) };
    for entry in entries {
        let Ok(mut entry) = entry else { return Ok(false) };
        let path = entry.path().ok().and_then(|path| path.strip_prefix(name).ok().map(Path::to_owned));
        let mut bytes = Vec::new();
        let (Some(path), Ok(_)) = (path, entry.read_to_end(&mut bytes)) else { return Ok(false) };
        packed.insert(path, bytes);
    }
    // helm writes these itself.
    let is_written = |path: &Path| path.starts_with("charts") || path.ends_with("Chart.lock");
    packed.retain(|path, _| !is_written(path));
    let mut n = 0;
    for (path, file) in files(folder)?.into_iter().filter(|(path, _)| !is_written(path)) {
        let bytes = fs::read(file).context(|| format!("reading the chart {}", folder.display()))?;
        let Some(before) = packed.get(&path) else { return Ok(false) };
        let is_same =
            if path == Path::new("Chart.yaml") { describe(before) == describe(&bytes) } else { *before == bytes };
        if !is_same {
            return Ok(false);
        }
        n += 1;
    }
    Ok(n == packed.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn pack(archive: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(archive.parent().unwrap()).unwrap();
        let file = fs::File::create(archive).unwrap();
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
    }

    const APP: &str =
        "name: app\nversion: 1.0.0\ndependencies:\n- {name: lib, version: 0.1.0, repository: \"file://../lib\"}\n";

    fn digests(dir: &Path) -> BTreeMap<String, Digest> {
        Chart::at(dir.join("app")).unwrap().digests().unwrap()
    }

    #[test]
    fn a_charts_digest_is_that_of_its_files_and_not_of_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let digest = |name: &str, files: &[(&str, &str)]| {
            write(&dir.path().join(name), files);
            Chart::at(dir.path().join(name)).unwrap().digests().unwrap()[""]
        };
        let a = digest("a", &[("Chart.yaml", "name: x"), ("templates/web.yaml", "kind: A")]);
        assert_eq!(a, digest("b", &[("templates/web.yaml", "kind: A"), ("Chart.yaml", "name: x")]));
        assert_ne!(a, digest("c", &[("templates/web.yaml", "kind: B"), ("Chart.yaml", "name: x")]));
        assert_ne!(a, digest("d", &[("templates/api.yaml", "kind: A"), ("Chart.yaml", "name: x")]));
        assert!(Chart::at(dir.path().join("nowhere")).is_none());
    }

    #[test]
    fn a_chart_beside_it_counts_and_what_helm_packs_of_it_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        write(
            dir,
            &[("app/Chart.yaml", APP), ("lib/Chart.yaml", "name: lib\nversion: 0.1.0\n"), ("lib/templates/a", "1")],
        );
        let before = digests(dir);
        assert_eq!(before.keys().collect::<Vec<_>>(), ["", "../lib"]);
        pack(&dir.join("app/charts/lib-0.1.0.tgz"), &[("lib/Chart.yaml", "name: lib\nversion: 0.1.0\n")]);
        write(dir, &[("app/Chart.lock", "generated: now")]);
        assert_eq!(digests(dir), before);
        write(dir, &[("lib/templates/a", "2")]);
        assert_ne!(digests(dir)["../lib"], before["../lib"]);
        // In a circle, which helm refuses.
        write(dir, &[("lib/Chart.yaml", "name: lib\ndependencies:\n- {name: app, repository: \"file://../app\"}\n")]);
        assert_eq!(digests(dir).len(), 2);
        // What comes from a repository counts as it is in `charts/`, and so does the lock.
        write(
            dir,
            &[(
                "app/Chart.yaml",
                "dependencies:\n- {name: lib, version: 1.0.0, repository: \"https://example.com\"}\n",
            )],
        );
        let before = digests(dir);
        write(dir, &[("app/Chart.lock", "generated: later")]);
        assert_ne!(digests(dir), before);
    }

    #[test]
    fn the_name_of_a_chart_is_read_from_its_folder_or_archive() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        write(dir, &[("app/Chart.yaml", APP), ("bad/Chart.yaml", "version: 1"), ("none/x", "")]);
        pack(&dir.join("app.tgz"), &[("app/charts/lib/Chart.yaml", "name: lib"), ("app/Chart.yaml", APP)]);
        write(dir, &[("broken.tgz", "no archive")]);
        let name = |path: &str| Chart::at(dir.join(path)).unwrap().name();
        assert_eq!([name("app"), name("app.tgz")].map(Option::unwrap), ["app", "app"]);
        assert_eq!([name("bad"), name("none"), name("broken.tgz")], [None, None, None]);
    }

    #[test]
    fn dependencies_are_packed_again_when_they_changed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let lib = [("lib/Chart.yaml", "version: 0.1.0\nname: lib\n"), ("lib/templates/a", "1")];
        write(dir, &lib);
        write(dir, &[("app/Chart.yaml", APP)]);
        let chart = Chart::at(dir.join("app")).unwrap();
        let missing = || chart.missing_dependency().unwrap().unwrap_or_default();
        assert_eq!(missing(), "`charts/` has no `lib`");
        let archive = dir.join("app/charts/lib-0.1.0.tgz");
        // helm writes the description in its own words.
        pack(&archive, &[("lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 0.1.0\n"), lib[1]]);
        assert_eq!(missing(), "");
        write(dir, &[("lib/templates/a", "2")]);
        assert!(missing().contains("`../lib` has changed"), "{}", missing());
        write(dir, &[("lib/templates/a", "1"), ("lib/values.yaml", "x: 1")]);
        assert!(missing().contains("has changed"));
        fs::remove_file(dir.join("lib/values.yaml")).unwrap();
        fs::remove_file(dir.join("lib/templates/a")).unwrap();
        assert!(missing().contains("has changed"));
        fs::write(&archive, "no archive").unwrap();
        assert!(missing().contains("has changed"));
        assert!(chart.is_local().unwrap());
        // helm deletes what it did not put there.
        write(
            dir,
            &[("app/charts/mine-1.0.0.tgz", ""), ("app/charts/lib-0.0.9.tgz", ""), ("app/charts/notes.txt", "")],
        );
        assert_eq!(chart.undeclared_archives().unwrap(), [dir.join("app/charts/mine-1.0.0.tgz")]);
    }
}
