//! Charts, with the files of values that are meant for them.

use serde_json::Value;

use super::detector::{Detector, aside};
use crate::init::findings::{Chart, Findings};
use crate::init::repository::{Repository, ancestors, folder_of, has_extension, join, name_of, words_of};

pub(super) const DETECTOR: Detector = Detector { detect };

/// YAML files of a chart that are no values.
const NO_VALUES: &[&str] =
    &["Chart.yaml", "Chart.lock", "requirements.yaml", "requirements.lock", "index.yaml", "values.schema.json"];

fn detect(repository: &Repository, findings: &mut Findings) {
    let folders: Vec<&str> = repository.files().filter(|path| name_of(path) == "Chart.yaml").map(folder_of).collect();
    let described: Vec<(&str, Value)> = folders
        .iter()
        .filter_map(|folder| Some((*folder, repository.yaml(&join(folder, "Chart.yaml")?).into_iter().next()?)))
        .collect();
    let dependencies = |chart: &Value, folder: &str| -> Vec<(String, String)> {
        all_dependencies(repository, chart, folder).into_iter().map(|(name, from, _)| (name, from)).collect()
    };
    // A chart in another one, or one that another one is made of, is installed with that.
    let part_of = |folder: &str| {
        described.iter().find_map(|(other, chart)| {
            let is_inside = folder.starts_with(&format!("{other}/")) || (other.is_empty() && !folder.is_empty());
            let is_named = dependencies(chart, other).iter().any(|(_, from)| {
                from.strip_prefix("file://").and_then(|path| join(other, path)).as_deref() == Some(folder)
            });
            (*other != folder && (is_inside || is_named))
                .then(|| format!("it is a part of the chart `{}`", shown(other)))
        })
    };
    for (folder, chart) in &described {
        let path = shown(folder);
        let is_library = chart.get("type").and_then(Value::as_str) == Some("library");
        let why = part_of(folder).or_else(|| is_library.then(|| "it is a library for other charts".to_owned()));
        // `charts` and `templates` are usual names above a chart.
        let why = why.or_else(|| {
            aside(&format!("{path}/Chart.yaml")).filter(|why| *why != "it is a template").map(str::to_owned)
        });
        if let Some(why) = why {
            findings.leave_out(path, why);
            continue;
        }
        let own_name = chart.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = if own_name.is_empty() || own_name.contains(['{', '<']) { name_of(folder) } else { own_name };
        findings.charts.push(Chart {
            folder: (*folder).to_owned(),
            name: name.to_owned(),
            values: values(repository, folder),
            elsewhere: elsewhere(repository, folder, &folders),
            dependencies: dependencies(chart, folder),
        });
    }
}

/// The charts that one consists of: name, repository, and the name under which it has their values.
fn all_dependencies(repository: &Repository, chart: &Value, folder: &str) -> Vec<(String, String, String)> {
    let list = chart.get("dependencies").cloned().unwrap_or_default();
    let old = join(folder, "requirements.yaml").map(|path| repository.yaml(&path)).unwrap_or_default();
    let old = old.first().and_then(|old| old.get("dependencies")).cloned().unwrap_or_default();
    let all = [list, old].into_iter().filter_map(|list| list.as_array().cloned()).flatten();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = all.map(|one| {
        let (name, alias) = (text(&one, "name"), text(&one, "alias"));
        let own = if alias.is_empty() { name.clone() } else { alias };
        (name, text(&one, "repository"), own)
    });
    named.collect()
}

/// The charts of the repository that the one in `folder` consists of: the name under which it has their values, and
/// their folder.
pub(in crate::init) fn parts(repository: &Repository, folder: &str) -> Vec<(String, String)> {
    let chart = |folder: &str| {
        let path = join(folder, "Chart.yaml").unwrap_or_default();
        repository.yaml(&path).into_iter().next().unwrap_or_default()
    };
    let mut known: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for (name, from, own) in all_dependencies(repository, &chart(folder), folder) {
        let beside = from.strip_prefix("file://").and_then(|path| join(folder, path));
        let inside = join(folder, &format!("charts/{name}"));
        let part = [beside, inside].into_iter().flatten().find(|part| repository.has(part));
        found.extend(part.map(|part| (own, part)));
        known.push(name);
    }
    // What lies in `charts` is a part of it, whether it is named or not.
    let inside = join(folder, "charts").unwrap_or_default();
    let files = repository.below(&inside).filter(|path| name_of(path) == "Chart.yaml");
    for part in files.map(folder_of).filter(|part| folder_of(part) == inside) {
        let name = chart(part).get("name").and_then(Value::as_str).unwrap_or_else(|| name_of(part)).to_owned();
        if !known.contains(&name) {
            found.push((name, part.to_owned()));
        }
    }
    found
}

fn shown(folder: &str) -> &str {
    crate::init::repository::shown(folder)
}

/// The files of values in the folder of a chart and in that above it, without `values.yaml`.
fn values(repository: &Repository, folder: &str) -> Vec<String> {
    let above = folder_of(folder);
    let is_values = |path: &&str| {
        let (place, name) = (folder_of(path), name_of(path));
        let is_yaml = has_extension(name, &["yaml", "yml"]);
        let is_named = name.to_lowercase().contains("values");
        let inside = path.strip_prefix(folder).map(|rest| rest.trim_start_matches('/'));
        // A folder of them: `values/prod.yaml`, `environments/prod.yaml`.
        let in_folder = inside.is_some_and(|rest| {
            let first = rest.split('/').next().unwrap_or_default();
            rest.matches('/').count() == 1 && ["values", "environments", "envs", "env"].contains(&first)
        });
        let is_plain = place == folder && matches!(name, "values.yaml" | "values.yml");
        let beside = (place == folder || (place == above && !folder.is_empty())) && is_named;
        is_yaml && !NO_VALUES.contains(&name) && !is_plain && (beside || in_folder)
    };
    let mut found: Vec<String> = repository.files().filter(is_values).map(str::to_owned).collect();
    found.dedup();
    found
}

/// Names of folders with a file of values, or a folder with one, for each environment.
const ENVIRONMENTS: &[&str] = &["environments", "environment", "envs", "env", "values", "helm-values", "helmvalues"];

/// The files of values outside of all charts that may be for the chart in `folder`, those with its name first.
fn elsewhere(repository: &Repository, folder: &str, charts: &[&str]) -> Vec<String> {
    let in_chart = |path: &str| ancestors(folder_of(path)).any(|place| !place.is_empty() && charts.contains(&place));
    let is_values = |path: &&str| {
        let of_environment = folder_of(path).rsplit('/').take(2).any(|part| ENVIRONMENTS.contains(&part));
        let is_named = name_of(path).to_lowercase().contains("values");
        has_extension(path, &["yaml", "yml"]) && (is_named || of_environment) && !in_chart(path)
    };
    let mut found: Vec<String> =
        repository.files().filter(|path| aside(path).is_none()).filter(is_values).map(str::to_owned).collect();
    let chart = name_of(folder);
    found.sort_by_key(|path| !words_of(path).any(|part| part == chart) && !path.contains(chart));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    #[test]
    fn the_parts_of_a_chart_have_their_values_below_a_name() {
        let (_dir, repository) = repository(&[
            (
                "all/Chart.yaml",
                "name: all\ndependencies:\n- {name: api, repository: \"file://../api\", alias: front}\n- {name: api, repository: \"file://../api\"}\n\
                 - {name: pg, repository: \"https://x.example\"}\n- {name: near}\n",
            ),
            ("all/charts/near/Chart.yaml", "name: near\n"),
            ("all/charts/z/Chart.yaml", "name: loose\n"),
            ("all/charts/z/charts/deep/Chart.yaml", "name: deep\n"),
            ("api/Chart.yaml", "name: api\n"),
        ]);
        let found: Vec<String> =
            parts(&repository, "all").into_iter().map(|(name, folder)| format!("{name} {folder}")).collect();
        assert_eq!(found, ["front api", "api api", "near all/charts/near", "loose all/charts/z"]);
    }

    #[test]
    fn parts_of_charts_are_no_charts_and_values_are_found() {
        let (_dir, repository) = repository(&[
            (
                "deploy/app/Chart.yaml",
                "name: app\ndependencies:\n- {name: lib, repository: \"file://../lib\"}\n- {name: postgresql, repository: \"https://charts.example.com\"}\n",
            ),
            ("deploy/app/values.yaml", "a: 1\n"),
            ("deploy/app/values-prod.yaml", "a: 2\n"),
            ("deploy/app/index.yaml", "a: 2\n"),
            ("deploy/app/env/dev.yaml", "a: 3\n"),
            ("deploy/app/templates/values-map.yaml", "a: 4\n"),
            ("deploy/values-local.yaml", "a: 3\n"),
            ("environments/prod/values.yaml", "a: 3\n"),
            ("env/app.yaml", "a: 3\n"),
            ("compose.yaml", "a: 3\n"),
            ("examples/values.yaml", "a: 3\n"),
            ("deploy/app/charts/sub/Chart.yaml", "name: sub\n"),
            ("deploy/lib/Chart.yaml", "name: lib\n"),
            ("common/Chart.yaml", "name: common\ntype: library\n"),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let [chart] = findings.charts.as_slice() else { panic!("{:?}", findings.charts) };
        assert_eq!((chart.folder.as_str(), chart.name.as_str()), ("deploy/app", "app"));
        assert_eq!(
            chart.values,
            ["deploy/app/env/dev.yaml", "deploy/app/values-prod.yaml", "deploy/values-local.yaml"]
        );
        assert_eq!(chart.elsewhere, ["env/app.yaml", "deploy/values-local.yaml", "environments/prod/values.yaml"]);
        assert_eq!(chart.dependencies.len(), 2);
        let out: Vec<String> = findings.left_out.iter().map(|one| format!("{}: {}", one.path, one.why)).collect();
        assert_eq!(
            out,
            [
                "common: it is a library for other charts",
                "deploy/app/charts/sub: it is a part of the chart `deploy/app`",
                "deploy/lib: it is a part of the chart `deploy/app`",
            ]
        );
    }
}
