//! Files of values that are given to helm: by Makefiles, scripts, workflows and helmfiles.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use globset::GlobBuilder;
use regex::Regex;
use serde_json::Value;

use super::detector::Detector;
use super::recipes::script_folder;
use super::shell_lines::{joined, unrolled};
use crate::documents::{Document, Format, Source};
use crate::expr::Tree;
use crate::files::glob_of;
use crate::init::findings::{DeclaredDeployment, Findings};
use crate::init::repository::{Repository, folder_of, has_extension, join, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

/// What another tool fills in: `$(ENV)`, `${ENV}`, `$ENV`, `{{ .Environment.Name }}`.
static VARIABLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\$\{\{.*?\}\}|\{\{.*?\}\}|\$\([^)]*\)|\$\{[^}]*\}|\$(env:)?\w+").ok());

/// Stands for what is filled in, where it may not be a special character.
const FILLED: &str = "PROVISION-ANY";

fn detect(repository: &Repository, findings: &mut Findings) {
    let charts: BTreeSet<&str> =
        repository.files().filter(|path| name_of(path) == "Chart.yaml").map(folder_of).collect();
    if charts.is_empty() {
        return;
    }
    let all = All { repository, charts };
    for path in repository.files() {
        let name = name_of(path);
        let folder = script_folder(path);
        let is_yaml = has_extension(name, &["yaml", "yml", "gotmpl"]);
        let is_helmfile = is_yaml && (name.starts_with("helmfile") || folder_of(path).ends_with("helmfile.d"));
        if folder.is_none() && !is_helmfile {
            continue;
        }
        let Some(text) = repository.text(path) else { continue };
        let said = if is_helmfile {
            all.of_helmfile(folder_of(path), &text)
        } else {
            all.of_lines(folder.unwrap_or_default(), &joined(path, &text))
        };
        findings.deployments.extend(said.into_iter().map(|said| DeclaredDeployment { by: path.to_owned(), ..said }));
    }
}

struct All<'a> {
    repository: &'a Repository,
    charts: BTreeSet<&'a str>,
}

impl All<'_> {
    /// What the lines say that call helm: loops for each of their words, and what a variable may be besides the value
    /// that it has there.
    fn of_lines(&self, folder: &str, text: &str) -> Vec<DeclaredDeployment> {
        if !text.contains("helm") && !text.contains("HELM") {
            return Vec::new();
        }
        let mut found: Vec<DeclaredDeployment> = Vec::new();
        for text in [text, &unrolled(text)] {
            let calls = text.lines().flat_map(|line| line.split(['&', '|', ';']));
            for one in calls.filter_map(|call| self.of_line(folder, call)) {
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
        found
    }

    /// What a line says that calls helm.
    fn of_line(&self, folder: &str, line: &str) -> Option<DeclaredDeployment> {
        let named =
            ["$(HELM)", "${HELM}", "$HELM"].iter().fold(line.to_owned(), |line, name| line.replace(name, "helm"));
        let line = filled(&named);
        let mut words = line.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';']));
        let is_helm = |word: &str| word.trim_start_matches(['@', '-']).ends_with("helm");
        if line.trim_start().starts_with('#') || !words.by_ref().any(is_helm) {
            return None;
        }
        let (mut values, mut others) = (Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            match word.split_once('=').filter(|(flag, _)| flag.starts_with('-')).unwrap_or((word, "")) {
                ("-f" | "--values", "") => values.extend(words.next()),
                ("-f" | "--values", value) => values.push(value),
                (flag, _) if flag.starts_with('-') => {}
                (word, _) => others.push(word),
            }
        }
        let values = values.iter().flat_map(|value| value.split(',')).map(|value| self.files(folder, value));
        let values: Vec<Vec<String>> = values.filter(|files| !files.is_empty()).collect();
        let path = others.iter().find_map(|word| self.chart(folder, word)).or_else(|| self.only_chart())?;
        let found = DeclaredDeployment { path, ..DeclaredDeployment::default() };
        (!values.is_empty()).then(|| found.with_values(values))
    }

    /// What the releases of a helmfile say.
    fn of_helmfile(&self, folder: &str, text: &str) -> Vec<DeclaredDeployment> {
        // What is filled in is no YAML; a line that is nothing else is dropped.
        let lines = text.lines().map(filled).filter(|line| line.trim() != FILLED);
        let text = lines.collect::<Vec<_>>().join("\n");
        let source = Source { root: self.repository.root(), name: Path::new("helmfile.yaml"), text: &text };
        let Ok(read) = Document::read(Format::Yaml, source) else { return Vec::new() };
        let documents: Vec<Value> = read.objects().iter().map(Tree::to_json).collect();
        let releases = documents.iter().filter_map(|one| one.get("releases")?.as_array()).flatten();
        let deployment = |release: &Value| {
            let chart = self.chart(folder, release.get("chart")?.as_str()?)?;
            let named = release.get("values").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let values = named.map(|one| self.files(folder, one)).collect();
            Some(DeclaredDeployment { path: chart, ..DeclaredDeployment::default() }.with_values(values))
        };
        releases.filter_map(deployment).collect()
    }

    /// The chart that a word leads to.
    fn chart(&self, folder: &str, word: &str) -> Option<String> {
        let path = join(folder, word)?;
        if !word.contains(FILLED) {
            return self.charts.get(path.as_str()).map(|chart| (*chart).to_owned());
        }
        let matcher = matcher(&path)?;
        let mut found = self.charts.iter().filter(|chart| matcher.is_match(chart));
        // One of several is none that is named.
        found.next().filter(|_| found.next().is_none()).map(|chart| (*chart).to_owned())
    }

    fn only_chart(&self) -> Option<String> {
        let mut tops = self.charts.iter().filter(|path| {
            let is_below = |other: &&&str| path.strip_prefix(**other).is_some_and(|rest| rest.starts_with('/'));
            !self.charts.iter().any(|other| is_below(&other))
        });
        tops.next().filter(|_| tops.next().is_none()).map(|chart| (*chart).to_owned())
    }

    /// The files that a word stands for, which may have variables.
    fn files(&self, folder: &str, word: &str) -> Vec<String> {
        let Some(path) = join(folder, word.trim_matches(['"', '\''])) else { return Vec::new() };
        if !word.contains(FILLED) {
            return Some(path).filter(|path| self.repository.lists(path)).into_iter().collect();
        }
        let Some(matcher) = matcher(&path) else { return Vec::new() };
        let is_own = |path: &str| name_of(path) == "values.yaml" && self.charts.contains(folder_of(path));
        let is_values = |path: &&str| has_extension(path, &["yaml", "yml"]) && matcher.is_match(path) && !is_own(path);
        self.repository.files().filter(is_values).map(str::to_owned).collect()
    }
}

/// A line with [`FILLED`] for each variable.
fn filled(line: &str) -> String {
    VARIABLE.as_ref().map_or_else(|| line.to_owned(), |pattern| pattern.replace_all(line, FILLED).into_owned())
}

/// What a path with variables may be; a variable at its beginning may be any folder.
fn matcher(path: &str) -> Option<globset::GlobMatcher> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    // Nothing but variables says nothing.
    if ![folders, stem].concat().replace(FILLED, "").contains(char::is_alphanumeric) {
        return None;
    }
    let glob = glob_of(path).replace(FILLED, "*");
    let glob = glob.strip_prefix("*/").map_or(glob.clone(), |rest| format!("**/{rest}"));
    GlobBuilder::new(&glob).literal_separator(true).build().ok().map(|glob| glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    fn found(more: &[(&str, &str)]) -> Vec<String> {
        let mut files = vec![
            ("deploy/charts/api/Chart.yaml", "name: api\n"),
            ("deploy/charts/web/Chart.yaml", "name: web\n"),
            ("deploy/environments/dev/values.yaml", ""),
            ("deploy/environments/prod/values.yaml", ""),
            ("deploy/environments/prod/other.yaml", ""),
            ("env/dev.yaml", ""),
            ("env/prod.yaml", ""),
        ];
        files.extend(more);
        let (_dir, repository) = repository(&files);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let shown = |one: &DeclaredDeployment| {
            let (before, after) = (&one.around.0, &one.around.1);
            let parts = [before, &one.values, after].map(|files| files.join(" "));
            format!("{}: {}", one.path, parts.join("|").trim_matches('|'))
        };
        findings.deployments.iter().map(shown).collect()
    }

    #[test]
    fn the_values_of_a_line_that_calls_helm_are_known() {
        let environments = "deploy/environments/dev/values.yaml deploy/environments/prod/values.yaml";
        for (line, expected) in [
            (
                "helm upgrade --install api deploy/charts/api -n dev -f deploy/environments/dev/values.yaml",
                "deploy/charts/api: deploy/environments/dev/values.yaml".to_owned(),
            ),
            (
                "@helm install web ./deploy/charts/web --values=deploy/environments/$(ENV)/values.yaml",
                format!("deploy/charts/web: {environments}"),
            ),
            (
                "helm template deploy/charts/web -f \"env/${{ matrix.env }}.yaml\" --wait",
                "deploy/charts/web: env/dev.yaml env/prod.yaml".to_owned(),
            ),
            (
                "$(HELM) upgrade api deploy/charts/api -f ${DIR}/environments/$ENV/values.yaml",
                format!("deploy/charts/api: {environments}"),
            ),
            ("helm install x deploy/charts/$NAME -f env/dev.yaml", String::new()),
            (
                "helm install api deploy/charts/api -f env/dev.yaml -f deploy/environments/prod/other.yaml --wait",
                "deploy/charts/api: env/dev.yaml|deploy/environments/prod/other.yaml".to_owned(),
            ),
            (
                "helm install api deploy/charts/api -f deploy/environments/prod/other.yaml,env/$(ENV).yaml",
                "deploy/charts/api: deploy/environments/prod/other.yaml|env/dev.yaml env/prod.yaml".to_owned(),
            ),
            (
                "for s in api web; do helm install $$s deploy/charts/$$s -f env/dev.yaml; done",
                "deploy/charts/api: env/dev.yaml; deploy/charts/web: env/dev.yaml".to_owned(),
            ),
            (
                "helm install api deploy/charts/api -f env/dev.yaml && helm install web deploy/charts/web -f env/prod.yaml",
                "deploy/charts/api: env/dev.yaml; deploy/charts/web: env/prod.yaml".to_owned(),
            ),
            ("helm install x deploy/charts/web -f $FILE", String::new()),
            ("# helm install x deploy/charts/web -f env/dev.yaml", String::new()),
            ("kubectl apply -f env/dev.yaml", String::new()),
        ] {
            let makefile = format!("deploy:\n\t{line}\n");
            assert_eq!(found(&[("Makefile", &makefile)]).join("; "), expected, "{line}");
        }
    }

    #[test]
    fn a_script_of_powershell_is_read() {
        let line = "helm upgrade --install api .\\deploy\\charts\\api `\n  -f .\\env\\$env:STAGE.yaml\n";
        assert_eq!(found(&[("deploy.ps1", line)]), ["deploy/charts/api: env/dev.yaml env/prod.yaml"]);
    }

    #[test]
    fn the_releases_of_a_helmfile_are_known() {
        let text = "environments:\n  dev: {values: [x.yaml]}\n---\n{{ if x }}\nreleases:\n- name: a\n  chart: ./deploy/charts/web\n  values: [env/{{ .Environment.Name }}.yaml, {a: 1}]\n- {name: b, chart: stable/b}\n{{ end }}\n";
        assert_eq!(found(&[("helmfile.yaml", text)]), ["deploy/charts/web: env/dev.yaml env/prod.yaml"]);
    }
}
