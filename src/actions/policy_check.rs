//! `policy-check`: files and Kubernetes objects keep named rules.

mod objects;
mod verdict;

use std::path::PathBuf;
use std::sync::Arc;

use fs_err as fs;
use futures_util::future::BoxFuture;
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

use self::verdict::Verdict;
use crate::action::{
    Action, ActionSettings, FileProof, Forbidden, Presence, ProjectFiles, StepContext, defaults, names,
};
use crate::error::{Context, Failure};
use crate::files::FileSet;
use crate::fingerprint::Inputs;
use crate::leaks::Scanner;
use crate::model::Output;
use crate::policy::{Check, Exception, Report, Rule, RuleName, SourceFile, breach};
use crate::tools::process::ProcessObserver;
use crate::tools::{blocking, git};

/// Most that is read of one file: what rules check are texts that people write.
const MAX_FILE: u64 = 64 << 20;

/// Settings of `policy-check`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PolicyCheck {
    /// The rules, by their names: docs/policy-rules.md has all of them. Each has to find something to check.
    rules: Vec<RuleName>,
    /// The files that rules about files check: globs, of what git tracks or would track; by default all of it. Where
    /// the project is no git repository, all files count.
    #[serde(default)]
    paths: Vec<String>,
    /// Files that they do not check: globs. For a file that breaks a rule and may, use `except`, which says why.
    #[serde(default)]
    exclude: Vec<String>,
    /// Manifests with the objects that rules about objects check: files or globs.
    #[serde(default)]
    manifests: Vec<String>,
    /// A chart whose objects they check, as helm renders it without a cluster. Its dependencies have to be in its
    /// folder `charts`.
    chart: Option<String>,
    /// Files of values for the chart, later ones over earlier ones.
    #[serde(default)]
    values: Vec<String>,
    /// Values over those of the files: any table.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    set: toml::Table,
    /// The namespace that the chart is rendered for.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// The helm program; the one in `PATH` by default.
    helm: Option<String>,
    /// Where a rule does not hold, and why. One that excuses nothing fails the step.
    #[serde(default)]
    except: Vec<ExceptionSettings>,
}

/// Where a rule does not hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ExceptionSettings {
    /// The rule.
    rule: RuleName,
    /// The file, or a glob; for an object of a chart its template, as in `*/templates/backend.yaml`.
    path: Option<String>,
    /// The object: `StatefulSet/postgres`.
    object: Option<String>,
    /// Why.
    reason: String,
}

impl ActionSettings for PolicyCheck {
    const NAME: &'static str = "policy-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Checks that files and Kubernetes objects, of manifests and of a rendered chart, keep \
         named rules, such as `limits`, `non-root` or `no-secret-in-tree`; names each finding with file, line, object \
         and what helps, and fails for a rule that found nothing to check";
    const EXAMPLE: &'static str = "rules = [\"limits\", \"non-root\", \"no-secret-in-tree\"]\nmanifests = [\"k8s/*.yaml\"]\n\
         except = [{ rule = \"non-root\", object = \"StatefulSet/postgres\", reason = \"its image starts as root\" }]";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("rules", "how many rules were checked"),
        ("files", "how many files they checked"),
        ("objects", "how many objects they checked"),
        ("excepted", "how many findings were excepted"),
    ];

    fn validate(&self) -> Result<(), String> {
        if self.rules.is_empty() {
            return Err("`rules` has to name a rule; docs/policy-rules.md has all of them".into());
        }
        let (has_files, has_objects) = (!self.file_rules().is_empty(), !self.object_rules().is_empty());
        let objects_given = !self.manifests.is_empty() || self.chart.is_some();
        if has_objects && !objects_given {
            let rule = self.object_rules()[0].id;
            return Err(format!("`{rule}` is a rule about objects: `manifests` or `chart` has to say of which"));
        }
        if objects_given && !has_objects {
            return Err("there are `manifests` or a `chart`, and no rule is about objects".into());
        }
        let selects_files = !self.paths.is_empty() || !self.exclude.is_empty();
        if selects_files && !has_files {
            return Err("there are `paths` or `exclude`, and no rule is about files".into());
        }
        if self.chart.is_none() && !(self.values.is_empty() && self.set.is_empty() && self.helm.is_none()) {
            return Err("`values`, `set` and `helm` are for a `chart`".into());
        }
        names::label("namespace", &self.namespace)?;
        globs("paths", &self.paths)?;
        globs("exclude", &self.exclude)?;
        for pattern in &self.manifests {
            FileSet::check_glob(pattern)?;
        }
        for exception in &self.except {
            let id = exception.rule.0.id;
            if !self.rules.iter().any(|rule| rule.0.id == id) {
                return Err(format!("`except`: `{id}` is none of `rules`"));
            }
        }
        self.exceptions().map(drop)
    }
}

/// The files that the globs `patterns` of a setting select.
fn selection(setting: &str, patterns: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for glob in globs(setting, patterns)? {
        set.add(glob);
    }
    set.build().map_err(|error| format!("`{setting}`: {error}"))
}

/// Two globs for each of the `patterns` of a setting: for what it matches, and for what is in folders that it matches.
fn globs(setting: &str, patterns: &[String]) -> Result<Vec<Glob>, String> {
    let mut globs = Vec::with_capacity(2 * patterns.len());
    for pattern in patterns {
        let plain = pattern.trim_start_matches("./").trim_end_matches('/');
        if plain.is_empty() || plain.starts_with('/') || plain.split('/').any(|part| part == "..") {
            return Err(format!("`{setting}`: the pattern `{pattern}` has to stay inside the project"));
        }
        for glob in [plain.to_owned(), format!("{plain}/**")] {
            let glob = GlobBuilder::new(&glob).literal_separator(true).build();
            globs.push(glob.map_err(|error| format!("`{setting}`: `{pattern}` is not a glob: {}", error.kind()))?);
        }
    }
    Ok(globs)
}

impl PolicyCheck {
    fn rules_of(&self, is_wanted: fn(&Check) -> bool) -> Vec<&'static Rule> {
        self.rules.iter().map(|name| name.0).filter(|rule| is_wanted(&rule.check)).collect()
    }

    fn file_rules(&self) -> Vec<&'static Rule> {
        self.rules_of(|check| matches!(check, Check::Files { .. }))
    }

    fn object_rules(&self) -> Vec<&'static Rule> {
        self.rules_of(|check| matches!(check, Check::Objects { .. }))
    }

    fn exceptions(&self) -> Result<Vec<Exception>, String> {
        let exception = |one: &ExceptionSettings| {
            Exception::new(one.rule.0.id, one.path.as_deref(), one.object.as_deref(), &one.reason)
        };
        self.except.iter().map(exception).collect::<Result<_, _>>().map_err(|error| format!("`except`: {error}"))
    }

    /// The files that rules about files check: what git knows, or where there is no git all.
    async fn files(&self, cx: &StepContext) -> Result<Vec<PathBuf>, Failure> {
        self.checked(&*git::project_files(cx.tools(), cx).await?)
    }

    /// Those of the files `known` that rules about files check.
    fn checked<'a>(&self, known: impl IntoIterator<Item = &'a PathBuf>) -> Result<Vec<PathBuf>, Failure> {
        let wanted = selection("paths", &self.paths).map_err(Failure::failed)?;
        let excluded = selection("exclude", &self.exclude).map_err(Failure::failed)?;
        let is_wanted = |path: &&PathBuf| (self.paths.is_empty() || wanted.is_match(path)) && !excluded.is_match(path);
        let rules = self.file_rules();
        let is_checked = |path: &&PathBuf| {
            let path = path.to_string_lossy();
            rules.iter().any(|rule| matches!(rule.check, Check::Files { applies, .. } if applies(&path)))
        };
        Ok(known.into_iter().filter(is_wanted).filter(is_checked).cloned().collect())
    }

    /// Checks the files. Returns how many there are.
    async fn check_files(&self, cx: &StepContext, mut report: Report) -> Result<(Report, usize), Failure> {
        let rules = self.file_rules();
        if rules.is_empty() {
            return Ok((report, 0));
        }
        let files = self.files(cx).await?;
        let (root, cancel) = (cx.tools().root().to_owned(), cx.cancel().clone());
        let mut scanner = Scanner::new(Arc::new(cx.secrets_to_find()));
        blocking(move || {
            let n_files = files.len();
            for path in files {
                if cancel.is_cancelled() {
                    return Err(Failure::interrupted("checking the files of the project"));
                }
                let (place, name) = (root.join(&path), path.to_string_lossy().into_owned());
                let what = || format!("reading `{name}`");
                if fs::symlink_metadata(&place).context(what)?.len() > MAX_FILE {
                    return Err(Failure::failed(format!("`{name}` is too large to be searched"))
                        .hint(format!("leave it out: `exclude = [\"{name}\"]`")));
                }
                let file = SourceFile::new(name.as_str(), fs::read(&place).context(what)?);
                report.check_file(&rules, &file, &mut scanner);
            }
            Ok((report, n_files))
        })
        .await
    }
}

/// What files and manifests say decides the result: they are the step's inputs, so that it is fresh while they are
/// unchanged.
impl Action for PolicyCheck {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if !self.file_rules().is_empty() {
                inputs.digest("files", cx.tools().digest_files(self.files(cx).await?).await?);
                inputs.digest("secrets", cx.digest_of_secrets()?);
            }
            self.object_inputs(cx, inputs).await
        })
    }

    fn probe<'a>(&'a self, _cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(std::future::ready(Ok(Presence::Present)))
    }

    /// Of a file that rules about files check, only what breaks one of them matters.
    fn file_proof(&self, files: &ProjectFiles) -> Result<Option<FileProof>, Failure> {
        let mut proof = FileProof::default();
        for file in self.checked(files.all())? {
            let name = file.to_string_lossy();
            let breaches = self.file_rules().into_iter().filter_map(|rule| breach(rule, &name));
            proof.forbidden.extend(breaches.map(|lines| Forbidden { file: file.clone(), lines }));
        }
        self.add_objects_to(&mut proof, files)?;
        Ok(Some(proof))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            cx.check_cancel()?;
            let mut verdict = Verdict::new(self.exceptions().map_err(Failure::bug)?);
            let (mut report, n_files) = self.check_files(cx, Report::default()).await?;
            let n_objects = self.check_objects(cx, &mut report, &mut verdict).await?;
            for name in &self.rules {
                if report.n_checked(name.0) == 0 {
                    verdict.nothing_to_check(name.0);
                }
            }
            let n_excepted = verdict.add(report.findings);
            verdict.finish(cx)?;
            Ok(Output::new()
                .with("rules", self.rules.len().to_string())
                .with("files", n_files.to_string())
                .with("objects", n_objects.to_string())
                .with("excepted", n_excepted.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<PolicyCheck, String> {
        let settings: PolicyCheck = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate().map(|()| settings)
    }

    #[test]
    fn settings_are_checked() {
        settings(PolicyCheck::EXAMPLE).unwrap();
        for (text, part) in [
            ("rules = []", "has to name a rule"),
            ("rules = [\"limts\"]\nmanifests = [\"a\"]", "there is no rule `limts`: did you mean `limits`?"),
            ("rules = [\"limits\"]", "`manifests` or `chart` has to say of which"),
            ("rules = [\"yaml-indent-2\"]\nchart = \"c\"", "no rule is about objects"),
            ("rules = [\"limits\"]\nmanifests = [\"a\"]\npaths = [\"b\"]", "no rule is about files"),
            ("rules = [\"limits\"]\nmanifests = [\"a\"]\nvalues = [\"b\"]", "are for a `chart`"),
            ("rules = [\"limits\"]\nmanifests = [\"../a\"]", "inside the project"),
            ("rules = [\"yaml-indent-2\"]\nexclude = [\"/etc\"]", "inside the project"),
            (
                "rules = [\"yaml-indent-2\"]\nexcept = [{ rule = \"limits\", path = \"a\", reason = \"b\" }]",
                "`limits` is none of `rules`",
            ),
            (
                "rules = [\"yaml-indent-2\"]\nexcept = [{ rule = \"yaml-indent-2\", path = \"a\", reason = \"\" }]",
                "needs its `reason`",
            ),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_selection_has_files_and_what_is_in_folders() {
        let set = selection("paths", &["src".into(), "*.md".into(), "**/*.py".into(), "./docs/".into()]).unwrap();
        for (path, is_selected) in [
            ("src/a/b", true),
            ("a.md", true),
            ("x/a.md", false),
            ("x/a.py", true),
            ("docs/a", true),
            ("srcs/a", false),
        ] {
            assert_eq!(set.is_match(path), is_selected, "{path}");
        }
    }
}
