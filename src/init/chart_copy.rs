//! [`renderable`]: a chart whose dependencies are not there, without them, so that the rest can be rendered. Nothing is
//! downloaded, and the repository stays as it is.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::findings::Chart;
use super::repository::{Repository, join};
use crate::error::{Context, Failure};
use crate::tools::helm;

/// The folder of a chart that helm can render now.
#[derive(Debug)]
pub(super) struct Renderable {
    pub(super) path: PathBuf,
    /// The dependencies that it was rendered without.
    pub(super) without: Vec<String>,
    /// Keeps a copy as long as it is used.
    _copy: Option<tempfile::TempDir>,
}

/// Returns the chart itself, or a copy that has only those dependencies which are in the repository.
pub(super) fn renderable(repository: &Repository, chart: &Chart) -> Result<Renderable, Failure> {
    let path = repository.root().join(&chart.folder);
    let missing = helm::Chart::at(path.clone()).map(|own| own.missing_dependency()).transpose()?.flatten();
    if missing.is_none() {
        return Ok(Renderable { path, without: Vec::new(), _copy: None });
    }
    let copy = tempfile::tempdir().context(|| "making a folder for a copy of a chart".into())?;
    let target = copy.path().join("chart");
    copy_folder(&path, &target)?;
    let mut without = Vec::new();
    let mut kept = Vec::new();
    for (name, from) in &chart.dependencies {
        let folder = from.strip_prefix("file://").and_then(|path| join(&chart.folder, path));
        let packed = target.join("charts").join(name);
        match folder.map(|folder| repository.root().join(folder)).filter(|folder| folder.is_dir()) {
            Some(folder) => {
                if !packed.exists() {
                    copy_folder(&folder, &packed)?;
                }
                kept.push(name.as_str());
            }
            None if packed.is_dir() => kept.push(name.as_str()),
            None => without.push(name.clone()),
        }
    }
    let mut description =
        repository.yaml(&join(&chart.folder, "Chart.yaml").unwrap_or_default()).into_iter().next().unwrap_or_default();
    if let Some(all) = description.get_mut("dependencies").and_then(Value::as_array_mut) {
        all.retain(|one| one.get("name").and_then(Value::as_str).is_some_and(|name| kept.contains(&name)));
    }
    for file in ["requirements.yaml", "requirements.lock", "Chart.lock"] {
        drop(fs_err::remove_file(target.join(file)));
    }
    // JSON is YAML.
    fs_err::write(target.join("Chart.yaml"), description.to_string()).context(|| "copying a chart".into())?;
    Ok(Renderable { path: target, without, _copy: Some(copy) })
}

/// Copies the files of a folder; links are left out.
fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.context(|| format!("copying the chart {}", from.display()))?;
        let target = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        let copied = if entry.file_type().is_dir() {
            fs_err::create_dir_all(&target)
        } else if entry.file_type().is_file() {
            fs_err::copy(entry.path(), &target).map(drop)
        } else {
            Ok(())
        };
        copied.context(|| "copying a chart".into())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    #[test]
    fn a_chart_is_copied_with_the_dependencies_that_are_there() {
        let (dir, repository) = repository(&[
            (
                "app/Chart.yaml",
                "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- {name: lib, version: 1.x.x, repository: \"file://../lib\"}\n- {name: pg, version: 1.x.x, repository: \"https://charts.example.com\"}\n",
            ),
            ("app/templates/a.yaml", "a: 1\n"),
            ("lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 1.0.0\n"),
        ]);
        let from = |name: &str, repository: &str| (name.to_owned(), repository.to_owned());
        let dependencies = vec![from("lib", "file://../lib"), from("pg", "https://charts.example.com")];
        let chart =
            Chart { folder: "app".into(), name: "app".into(), values: Vec::new(), elsewhere: Vec::new(), dependencies };
        let made = renderable(&repository, &chart).unwrap();
        assert_eq!(made.without, ["pg"]);
        assert!(made.path.join("charts/lib/Chart.yaml").is_file() && made.path.join("templates/a.yaml").is_file());
        let text = fs_err::read_to_string(made.path.join("Chart.yaml")).unwrap();
        assert!(text.contains("lib") && !text.contains("pg"), "{text}");
        assert!(!dir.path().join("app/charts").exists());
    }
}
