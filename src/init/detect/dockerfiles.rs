//! Dockerfiles, and which of them are probably no images of the application.

use std::sync::LazyLock;

use regex::Regex;

use super::detector::{Detector, aside};
use crate::documents::Format;
use crate::init::findings::{Dockerfile, Findings, image_name};
use crate::init::repository::{Repository, folder_of, has_extension, name_of};
use crate::tools::docker::build::dockerfile::{Stage, stages};

pub(super) const DETECTOR: Detector = Detector { detect };

/// What is said of a Dockerfile for another platform.
const ELSEWHERE: &str = "it is for another platform";

/// Purposes that the name of a Dockerfile states, and that are not those of a deployment here.
const PURPOSES: &[(&str, &str)] = &[
    ("dev", "it is for development"),
    ("development", "it is for development"),
    ("local", "it is for development"),
    ("debug", "it is for debugging"),
    ("test", "it is a test's"),
    ("tests", "it is a test's"),
    ("e2e", "it is a test's"),
    ("cypress", "it is a test's"),
    ("playwright", "it is a test's"),
    ("ci", "it is for the automation"),
    ("lint", "it is for the automation"),
    ("docs", "it belongs to the documentation"),
    ("windows", ELSEWHERE),
    ("nanoserver", ELSEWHERE),
    ("arm", ELSEWHERE),
    ("armv7", ELSEWHERE),
    ("arm32v7", ELSEWHERE),
    ("arm64", ELSEWHERE),
    ("arm64v8", ELSEWHERE),
    ("aarch64", ELSEWHERE),
    ("ppc64le", ELSEWHERE),
    ("s390x", ELSEWHERE),
    ("riscv64", ELSEWHERE),
    ("cross", ELSEWHERE),
    ("xx", ELSEWHERE),
];

/// Other ways to build the same as the Dockerfile beside it.
const VARIANTS: &[&str] = &[
    "base",
    "alpine",
    "slim",
    "debian",
    "ubuntu",
    "distroless",
    "ubi",
    "rhel",
    "native",
    "jvm",
    "prod",
    "production",
    "release",
    "multi",
    "multiarch",
    "buildx",
    "goreleaser",
    "scratch",
    "fpm",
    "apache",
    "fips",
    "nonroot",
    "unprivileged",
    "minimal",
    "lite",
    "cuda",
    "gpu",
    "rocm",
];

/// The ends of the names of files that are about Dockerfiles, such as `dockerfile.min.js`.
const CODE: &[&str] = &["js", "ts", "py", "go", "rs", "rb", "json", "yaml", "yml", "css", "html", "map", "lua", "vim"];

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files() {
        let name = name_of(path);
        // `Dockerfile-worker` too.
        let has_dash = name.strip_prefix("Dockerfile").is_some_and(|rest| rest.starts_with(['-', '_']));
        let is_known = has_dash || Format::of(std::path::Path::new(path)) == Format::Dockerfile;
        // A template of one is none: `Dockerfile.tmpl`, `Dockerfile.j2`.
        let is_template =
            [".tmpl", ".j2", ".template", ".in", ".erb", ".tpl", ".md", ".orig", ".bak", ".dockerignore", ".sh"]
                .iter()
                .any(|end| name.ends_with(end));
        let is_code = has_extension(name, CODE);
        if !is_known || is_template || is_code {
            continue;
        }
        if let Some(why) = repository.why_no_text(path) {
            findings.leave_out(path, why);
            continue;
        }
        match stages(&repository.text(path).unwrap_or_default()) {
            Ok(stages) if has_placeholders(&stages) => {
                findings.leave_out(path, aside(path).unwrap_or("it has placeholders that another tool fills in"));
            }
            Ok(stages) => {
                let of_place = aside(path).map(str::to_owned).or_else(|| purpose(repository, path));
                let aside = of_place.or_else(|| needs_windows(&stages).then(|| "it is for Windows containers".into()));
                findings.dockerfiles.push(Dockerfile { path: path.to_owned(), stages, aside });
            }
            Err(why) => {
                findings.leave_out(path, aside(path).map_or_else(|| format!("it can't be read: {why}"), str::to_owned));
            }
        }
    }
}

static PLACEHOLDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"@[A-Za-z][\w.-]*@|\{\{|<%|\$\{project\.").ok());

/// Whether another tool has to fill something in before it is a Dockerfile: `ADD @project.build.finalName@.jar /`.
fn has_placeholders(stages: &[Stage]) -> bool {
    let sources = stages.iter().flat_map(|stage| stage.copies.iter().flat_map(|said| &said.value.sources));
    let mut texts = sources.chain(stages.iter().map(|stage| &stage.base));
    PLACEHOLDER.as_ref().is_some_and(|pattern| texts.any(|text| pattern.is_match(text)))
}

/// Whether a Dockerfile begins with an image that is called a base, or copies from it.
fn needs_base(repository: &Repository, path: &str) -> bool {
    let stages = stages(&repository.text(path).unwrap_or_default()).unwrap_or_default();
    stages.iter().any(|stage| is_called_base(image_name(&stage.base)))
}

/// Whether one of the words of an image's name, or of that of a Dockerfile, is `base`.
pub(in crate::init) fn is_called_base(name: &str) -> bool {
    name_of(name).to_lowercase().split(['-', '_', '.']).any(|part| part == "base")
}

/// Whether a stage starts from an image that only runs on Windows.
fn needs_windows(stages: &[Stage]) -> bool {
    let bases = stages.iter().map(|stage| stage.base.to_lowercase());
    let marks = ["windowsservercore", "nanoserver", "mcr.microsoft.com/windows/"];
    bases.into_iter().any(|base| marks.iter().any(|mark| base.contains(mark)))
}

/// What the name of a Dockerfile says that it is for, where that is no deployment here.
fn purpose(repository: &Repository, path: &str) -> Option<String> {
    let place = name_of(folder_of(path)).to_lowercase();
    let is_elsewhere = |(name, why): &&(&str, &str)| *name == place && *why == ELSEWHERE;
    if PURPOSES.iter().any(|purpose| is_elsewhere(&purpose)) {
        return Some(ELSEWHERE.to_owned());
    }
    let word = suffix(name_of(path))?;
    if let Some((_, why)) = PURPOSES.iter().find(|(name, _)| word.split(['-', '_', '.']).any(|part| part == *name)) {
        return Some((*why).to_owned());
    }
    let folder = folder_of(path);
    let plain = if folder.is_empty() { "Dockerfile".to_owned() } else { format!("{folder}/Dockerfile") };
    let is_variant = VARIANTS.iter().any(|name| word.split(['-', '_', '.']).any(|part| part == *name));
    // What the plain one begins with is no other form of it.
    let is_its_base = || is_called_base(&word) && needs_base(repository, &plain);
    if is_variant && repository.lists(&plain) {
        return (!is_its_base()).then(|| format!("it is another form of `{plain}`"));
    }
    // Without a plain one the first of them counts.
    let siblings = repository.below(folder).filter(|other| folder_of(other) == folder);
    let first = siblings.filter_map(|other| Some((form(name_of(other))?, other))).min()?.1;
    (form(name_of(path)).is_some() && first != path).then(|| format!("it is another form of `{first}`"))
}

/// Forms of one image, the likeliest first.
const FORMS: &[&str] =
    &["prod", "production", "release", "jvm", "debian", "ubuntu", "slim", "alpine", "distroless", "native"];

/// Which form of an image the name of a Dockerfile states, and how much more it says.
fn form(name: &str) -> Option<(usize, usize)> {
    let word = suffix(name)?;
    let parts: Vec<&str> = word.split(['-', '_', '.']).collect();
    let at = FORMS.iter().position(|form| parts.first() == Some(form))?;
    let is_known = |part: &&str| FORMS.contains(part) || VARIANTS.contains(part) || *part == "micro";
    parts.iter().all(is_known).then_some((at, parts.len()))
}

/// What stands before or after `Dockerfile` in its name: `worker` for `Dockerfile.worker` and `worker.Dockerfile`.
pub(in crate::init) fn suffix(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let rest = ["dockerfile", "containerfile"].iter().find_map(|word| {
        lower
            .strip_prefix(word)
            .map(|rest| rest.trim_start_matches(['.', '-', '_']))
            .or_else(|| Some(lower.strip_suffix(word)?.trim_end_matches(['.', '-', '_'])))
    })?;
    (!rest.is_empty()).then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_platform_says_that_it_is_for_that() {
        let (_dir, repository) = crate::init::testing::repository(&[
            ("src/8/amd64/Dockerfile", "FROM a"),
            ("src/8/arm64v8/Dockerfile", "FROM a"),
            ("arm64/web/Dockerfile", "FROM a"),
        ]);
        let found = |path: &str| purpose(&repository, path);
        assert_eq!(found("src/8/arm64v8/Dockerfile").as_deref(), Some(ELSEWHERE));
        assert_eq!((found("src/8/amd64/Dockerfile"), found("arm64/web/Dockerfile")), (None, None));
    }

    #[test]
    fn one_that_is_not_utf_8_is_read_and_one_that_is_no_text_is_named() {
        let (dir, _) = crate::init::testing::repository(&[("a", "")]);
        fs_err::write(dir.path().join("Dockerfile"), b"FROM alpine\n# caf\xe9\nCOPY x /\n").unwrap();
        fs_err::write(dir.path().join("Dockerfile.web"), b"F\0R\0O\0M\0").unwrap();
        let mut findings = Findings::default();
        detect(&Repository::read(dir.path()).unwrap(), &mut findings);
        assert_eq!(findings.dockerfiles[0].path, "Dockerfile");
        let out: Vec<(&str, &str)> =
            findings.left_out.iter().map(|one| (one.path.as_str(), one.why.as_str())).collect();
        assert_eq!(out, [("Dockerfile.web", "it is no text")]);
        // What is not for the application need not be read.
        let (_dir, repository) = crate::init::testing::repository(&[
            ("templates/Dockerfile", "{% if x %}"),
            ("web/Dockerfile", "{% if x %}"),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let out: Vec<&str> = findings.left_out.iter().map(|one| one.why.as_str()).collect();
        assert_eq!(out, ["it is a template", "it can't be read: line 1: the instruction `{%` is not known"]);
    }

    #[test]
    fn one_that_another_tool_fills_in_is_left_out() {
        for (text, is_left_out) in [
            ("FROM a\nADD @project.build.finalName@.jar /app.jar\n", true),
            ("FROM a\nCOPY target/${project.build.finalName}.jar /app.jar\n", true),
            ("FROM {{ .Base }}\n", true),
            ("FROM a\nCOPY node_modules/@acme/x@1 /x\nRUN echo '{{ x }}' @a@\n", false),
            ("FROM a@sha256:0123\nCOPY ${NAME}.jar /\n", false),
        ] {
            let (_dir, repository) = crate::init::testing::repository(&[("Dockerfile", text)]);
            let mut findings = Findings::default();
            detect(&repository, &mut findings);
            assert_eq!(
                (findings.left_out.len() == 1, findings.dockerfiles.len()),
                (is_left_out, usize::from(!is_left_out)),
                "{text}"
            );
        }
    }

    #[test]
    fn the_name_says_what_it_is_for() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["a", "b", "c"] {
            fs_err::create_dir(dir.path().join(folder)).unwrap();
        }
        for name in [
            "a/Dockerfile",
            "a/Dockerfile.prod",
            "a/Dockerfile.worker",
            "a/Dockerfile-multi-arch",
            "a/Dockerfile-jobs",
            "a/Dockerfile-jobs.sh",
            "b/Dockerfile",
            "Dockerfile.prod",
            "web.Dockerfile",
            "Dockerfile.min.js",
            "c/Dockerfile.native",
            "c/Dockerfile.native-micro",
            "c/Dockerfile.jvm",
            "Dockerfile.windows-amd64",
            "Dockerfile.j2",
            "Dockerfile.broken",
        ] {
            let text = match name {
                "Dockerfile.broken" => "nothing",
                "b/Dockerfile" => "# escape=`\nFROM microsoft/aspnet:WindowsServerCore-10.0",
                _ => "FROM a",
            };
            fs_err::write(dir.path().join(name), text).unwrap();
        }
        let mut findings = Findings::default();
        detect(&Repository::read(dir.path()).unwrap(), &mut findings);
        let found: Vec<(&str, &str)> = findings
            .dockerfiles
            .iter()
            .map(|file| (file.path.as_str(), file.aside.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(
            found,
            [
                ("Dockerfile.prod", "-"),
                ("Dockerfile.windows-amd64", "it is for another platform"),
                ("a/Dockerfile", "-"),
                ("a/Dockerfile-jobs", "-"),
                ("a/Dockerfile-multi-arch", "it is another form of `a/Dockerfile`"),
                ("a/Dockerfile.prod", "it is another form of `a/Dockerfile`"),
                ("a/Dockerfile.worker", "-"),
                ("b/Dockerfile", "it is for Windows containers"),
                ("c/Dockerfile.jvm", "-"),
                ("c/Dockerfile.native", "it is another form of `c/Dockerfile.jvm`"),
                ("c/Dockerfile.native-micro", "it is another form of `c/Dockerfile.jvm`"),
                ("web.Dockerfile", "-"),
            ]
        );
        assert_eq!(findings.left_out[0].path, "Dockerfile.broken");
        assert_eq!(suffix("Dockerfile"), None);
        assert_eq!(suffix("worker.Dockerfile").as_deref(), Some("worker"));
    }
}
