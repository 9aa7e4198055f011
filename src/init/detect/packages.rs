//! Packages of languages: what there is to build where no Dockerfile builds it.

use serde_json::Value;

use super::detector::{Detector, aside};
use crate::documents::{Document, Format, Source};
use crate::init::findings::{Findings, Package, Recipe};
use crate::init::repository::{Repository, folder_of, has_extension, name_of};

pub(super) const DETECTOR: Detector = Detector { detect };

/// Files that describe a package, and their language.
const FILES: &[(&str, &str)] = &[
    ("package.json", "JavaScript"),
    ("go.mod", "Go"),
    ("Cargo.toml", "Rust"),
    ("pyproject.toml", "Python"),
    ("requirements.txt", "Python"),
    ("pom.xml", "Java"),
    ("build.gradle", "Java"),
    ("build.gradle.kts", "Java"),
    ("Gemfile", "Ruby"),
    ("composer.json", "PHP"),
    ("mix.exs", "Elixir"),
];

/// Files that say with which program packages are built.
const WRAPPERS: &[&str] =
    &["mvnw", "gradlew", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb", "package-lock.json"];

/// Endings of files that describe a package, and their language.
const ENDINGS: &[(&str, &str)] = &[("sln", ".NET"), ("slnx", ".NET"), ("csproj", ".NET"), ("fsproj", ".NET")];

/// The language of the package that a file of this name describes.
fn language_of(name: &str) -> Option<&'static str> {
    let named = FILES.iter().find(|(file, _)| name == *file);
    named.or_else(|| ENDINGS.iter().find(|(ending, _)| has_extension(name, &[ending]))).map(|(_, language)| *language)
}

fn detect(repository: &Repository, findings: &mut Findings) {
    let wrappers = repository.files().filter(|path| WRAPPERS.contains(&name_of(path)));
    findings.wrappers.extend(wrappers.map(str::to_owned));
    for path in repository.files() {
        let Some(language) = language_of(name_of(path)) else { continue };
        if aside(path).is_some() {
            continue;
        }
        let read = |format: Format| {
            let text = repository.text(path)?;
            let source = Source { root: repository.root(), name: std::path::Path::new(path), text: &text };
            Document::read(format, source).ok().map(|document| document.root.to_json())
        };
        let description = match name_of(path) {
            "package.json" | "composer.json" => read(Format::Json),
            "Cargo.toml" | "pyproject.toml" => read(Format::Toml),
            _ => None,
        };
        let description = description.unwrap_or_default();
        let name = ["/name", "/package/name", "/project/name"].iter().find_map(|at| description.pointer(at)?.as_str());
        findings.packages.push(Package {
            file: path.to_owned(),
            language,
            name: name.map(str::to_owned),
            has_build: name_of(path) == "package.json" && description.pointer("/scripts/build").is_some(),
        });
        let is_test = |script: &&str| {
            description
                .pointer(&format!("/scripts/{script}"))
                .and_then(Value::as_str)
                .is_some_and(|line| !line.contains("no test specified"))
        };
        if name_of(path) == "package.json" && folder_of(path).is_empty() {
            findings.recipes.extend(["test", "lint"].iter().filter(|script| is_test(script)).map(|script| Recipe {
                file: path.to_owned(),
                name: (*script).to_owned(),
                command: vec!["npm".into(), "run".into(), (*script).to_owned()],
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_their_names_and_scripts() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("package.json"), r#"{"name": "web", "scripts": {"test": "vitest", "lint": ""}}"#)
            .unwrap();
        fs_err::write(dir.path().join("Cargo.toml"), "[package]\nname = \"api\"\n").unwrap();
        let mut findings = Findings::default();
        detect(&Repository::read(dir.path()).unwrap(), &mut findings);
        let found: Vec<(&str, Option<&str>)> =
            findings.packages.iter().map(|one| (one.language, one.name.as_deref())).collect();
        assert_eq!(found, [("Rust", Some("api")), ("JavaScript", Some("web"))]);
        assert!(!findings.packages[1].has_build);
        for (name, expected) in [("shop.slnx", Some(".NET")), ("shop.csproj", Some(".NET")), ("go.sum", None)] {
            assert_eq!(language_of(name), expected, "{name}");
        }
        assert_eq!(findings.recipes[0].command, ["npm", "run", "test"]);
    }
}
