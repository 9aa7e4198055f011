//! Images that are made without a Dockerfile, as command lines, plugins of packages and names with `ko://` say.

use std::collections::BTreeSet;

use serde_json::Value;

use super::detector::{Detector, aside};
use super::docker_lines::{entered, is_end, is_plain, name_in};
use super::kustomize;
use super::made::{Pack, Plugin, folder_of_ko, go_modules, is_of_all_modules, of_buildpacks, of_java, of_ko};
use super::recipes::script_folder;
use super::shell_lines::{joined, unrolled};
use crate::init::code_lines::{shell_of_markdown, without_comments};
use crate::init::findings::{Findings, MadeImage};
use crate::init::repository::{Repository, folder_of, join, name_of, shown};

pub(super) const DETECTOR: Detector = Detector { detect };

/// Words one of which is in each line that makes an image so. Cheap first: most texts have none.
const SIGNS: [&str; 7] =
    ["jib", "spring-boot:build-image", "bootBuildImage", "ko build", "ko publish", "pack build", "pack-build"];

fn detect(repository: &Repository, findings: &mut Findings) {
    let mut found: Vec<MadeImage> = Vec::new();
    for path in repository.files() {
        let is_readme = path == "README.md";
        let Some(folder) = script_folder(path).or_else(|| is_readme.then_some("")) else { continue };
        let Some(text) = repository.text(path).filter(|text| SIGNS.iter().any(|sign| text.contains(sign))) else {
            continue;
        };
        let text = if is_readme { shell_of_markdown(&text) } else { text };
        let text = unrolled(&joined(path, &text));
        found.extend(text.lines().flat_map(|line| of_line(repository, path, folder, line)));
    }
    found.extend(plugins(repository));
    found.extend(named_by_ko(repository, findings));
    let (wholes, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| is_of_all_modules(repository, one));
    for one in found {
        if !findings.made.contains(&one) {
            findings.made.push(one);
        }
    }
    for one in wholes {
        let is_below = |source: &str| one.source.is_empty() || source.starts_with(&format!("{}/", one.source));
        if findings.made.iter().any(|made| made.maker == one.maker && is_below(&made.source)) {
            continue;
        }
        let doubt = format!(
            "`{}` makes the images of all packages in `{}` at once, with {}: add a `command` step for each of them, with a name of its own",
            one.by,
            shown(&one.source),
            one.maker
        );
        if !findings.doubts.contains(&doubt) {
            findings.doubts.push(doubt);
        }
    }
}

/// Whether a command begins after a word of a line.
fn begins_after(word: &str) -> bool {
    word.is_empty()
        || word.ends_with([':', ';', '&', '|', '(', '{', '-', '!'])
        || word.contains('=')
        || matches!(word, "sudo" | "time" | "exec" | "env" | "then" | "do" | "else" | "if" | "sh" | "bash")
}

/// The images of a command line.
fn of_line(repository: &Repository, by: &str, folder: &str, line: &str) -> Vec<MadeImage> {
    let line = line.trim().trim_start_matches(['@', '-', '+', '$', '`']).trim();
    if line.starts_with('#') || !SIGNS.iter().any(|sign| line.contains(sign)) {
        return Vec::new();
    }
    let line = line.replace(';', " ; ").replace("$(ko ", " ; ko ");
    let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches(['"', '\'', '`', ')'])).collect();
    let is_program = |word: &&str| {
        matches!(name_of(word), "mvn" | "mvnw" | "gradle" | "gradlew" | "ko" | "pack" | "$(KO)" | "${KO}" | "$(MVN)")
    };
    // A sentence may have such a word too.
    let is_start = |at: &usize| {
        let is_first = at.checked_sub(1).is_none_or(|before| begins_after(words[before]));
        is_program(&words[*at]) && (is_first || words[*at].contains('/'))
    };
    let Some(start) = (0..words.len()).find(is_start).filter(|_| words.iter().all(|word| *word != "name:")) else {
        return Vec::new();
    };
    let before: Vec<String> = words[..start].iter().map(|word| (*word).to_owned()).collect();
    let Some(folder) = entered(&before, folder) else { return Vec::new() };
    let rest: Vec<&str> = words[start + 1..].iter().copied().take_while(|word| !is_end(word)).collect();
    let said = Said { repository, by, folder: &folder, words: &rest };
    match name_of(words[start]) {
        "ko" | "$(KO)" | "${KO}" => said.ko(),
        "pack" => said.pack().into_iter().collect(),
        "gradle" | "gradlew" => said.gradle().into_iter().collect(),
        _ => said.maven().into_iter().collect(),
    }
}

/// What a command line says after the program.
struct Said<'a> {
    repository: &'a Repository,
    by: &'a str,
    folder: &'a str,
    words: &'a [&'a str],
}

impl Said<'_> {
    /// The value of an option, beside it or after `=`.
    fn option(&self, names: &[&str]) -> Option<&str> {
        self.options(names).into_iter().next()
    }

    fn options(&self, names: &[&str]) -> Vec<&str> {
        let value = |at: usize| match self.words[at].split_once('=') {
            Some((name, value)) => names.contains(&name).then_some(value),
            None => names.contains(&self.words[at]).then(|| self.words.get(at + 1).copied()).flatten(),
        };
        (0..self.words.len()).filter_map(value).map(|value| value.trim_matches(['"', '\''])).collect()
    }

    fn image(&self, names: &[&str]) -> Option<String> {
        self.option(names).and_then(name_in)
    }

    fn ko(&self) -> Vec<MadeImage> {
        if !matches!(self.words.first(), Some(&"build" | &"publish")) {
            return Vec::new();
        }
        let is_path =
            |word: &&&str| (word.starts_with("./") || **word == ".") && is_plain(word) && !word.contains(['*']);
        let mains = self.words.iter().filter(is_path).filter_map(|word| join(self.folder, word));
        let mains = mains.filter(|main| aside(&format!("{main}/x")).is_none() && !main.ends_with("..."));
        mains.filter_map(|main| of_ko(self.repository, self.by, &main, None)).collect()
    }

    fn pack(&self) -> Option<MadeImage> {
        let [build, image, ..] = self.words else { return None };
        let path = self.option(&["--path", "-p"]).unwrap_or(".");
        let source = join(self.folder, path).filter(|_| *build == "build" && is_plain(path))?;
        let plain = |names: &[&str]| -> Vec<String> {
            self.options(names).into_iter().filter(|value| is_plain(value)).map(str::to_owned).collect()
        };
        let pack = Pack {
            builder: plain(&["--builder", "-B"]).into_iter().next(),
            buildpacks: plain(&["--buildpack", "-b"]),
            env: plain(&["--env", "-e"]).into_iter().filter(|pair| pair.contains('=')).collect(),
        };
        let image = Some(*image).filter(|image| !image.starts_with('-')).and_then(name_in);
        (self.repository.lists_below(&source)).then(|| of_buildpacks(self.by, &source, &pack, image))
    }

    fn maven(&self) -> Option<MadeImage> {
        let goal = |word: &&&str| {
            word.ends_with("jib:dockerBuild") || word.ends_with("jib:build") || word.contains(":jib-maven-plugin:")
        };
        let plugin = if self.words.contains(&"spring-boot:build-image")
            || self.words.contains(&"spring-boot:build-image-no-fork")
        {
            Plugin::SpringBoot
        } else {
            self.words.iter().find(goal).map(|_| Plugin::Jib)?
        };
        let module =
            self.option(&["-pl", "--projects"]).filter(|module| is_plain(module) && !module.contains([',', ':']));
        let module =
            join(self.folder, module.or_else(|| self.option(&["-f", "--file"]).map(folder_of)).unwrap_or("."))?;
        let image = self.image(&["-Djib.to.image", "-Dimage", "-Dspring-boot.build-image.imageName"]);
        of_java(self.repository, self.by, &module, plugin, image)
    }

    fn gradle(&self) -> Option<MadeImage> {
        let of_task = |word: &str| {
            let (project, task) = word.rsplit_once(':').unwrap_or(("", word));
            let plugin = match task {
                "jib" | "jibDockerBuild" => Plugin::Jib,
                "bootBuildImage" => Plugin::SpringBoot,
                _ => return None,
            };
            Some((plugin, project.trim_start_matches(':').replace(':', "/")))
        };
        let (plugin, project) = self.words.iter().find_map(|word| of_task(word))?;
        let place = self.option(&["-p", "--project-dir"]).unwrap_or(".");
        let module = join(&join(self.folder, place)?, &project)?;
        of_java(self.repository, self.by, &module, plugin, self.image(&["--image", "--imageName", "-Djib.to.image"]))
    }
}

/// The packages of Java that have the plugin of jib for themselves.
fn plugins(repository: &Repository) -> Vec<MadeImage> {
    let is_package = |path: &&str| matches!(name_of(path), "pom.xml" | "build.gradle" | "build.gradle.kts");
    let mut found = Vec::new();
    // What only says how to build has no image.
    let is_of_build = |path: &str| path.split('/').any(|part| matches!(part, "buildSrc" | "build-logic"));
    for path in repository.files().filter(is_package).filter(|path| aside(path).is_none() && !is_of_build(path)) {
        let text = without_comments(path, &repository.text(path).unwrap_or_default());
        // What stands there for the modules of a package is none of its own.
        let own: String = text
            .split("<pluginManagement>")
            .enumerate()
            .map(
                |(at, part)| {
                    if at == 0 { part } else { part.split_once("</pluginManagement>").map_or("", |(_, after)| after) }
                },
            )
            .collect();
        let is_of_jib = match name_of(path) {
            "pom.xml" => {
                own.contains("<artifactId>jib-maven-plugin</artifactId>") && !own.contains("<packaging>pom</packaging>")
            }
            _ => own.lines().any(|line| line.contains("com.google.cloud.tools.jib") && !line.contains("apply false")),
        };
        if !is_of_jib {
            continue;
        }
        let image = between(&own, "<to>", "</to>").and_then(|to| between(to, "<image>", "</image>")).map(str::trim);
        let image = image.and_then(name_in);
        found.extend(of_java(repository, path, folder_of(path), Plugin::Jib, image));
    }
    found
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inner, _)| inner)
}

/// The images that manifests and kustomizations name by the Go package that ko makes them from.
fn named_by_ko(repository: &Repository, findings: &Findings) -> Vec<MadeImage> {
    let modules = go_modules(repository);
    if modules.is_empty() {
        return Vec::new();
    }
    let mut names: BTreeSet<(String, String)> = BTreeSet::new();
    let mut add = |value: &Value, path: &str| {
        collect(value, &mut |name| {
            names.insert((name.to_owned(), path.to_owned()));
        });
    };
    for file in &findings.manifests {
        file.objects.iter().for_each(|object| add(object, &file.path));
    }
    for path in repository.files().filter(|path| kustomize::NAMES.contains(&name_of(path))) {
        repository.yaml(path).iter().for_each(|one| add(one, path));
    }
    let made = |(name, by): &(String, String)| {
        let main = folder_of_ko(repository, &modules, name)?;
        of_ko(repository, by, &main, Some(name.clone()))
    };
    names.iter().filter_map(made).collect()
}

/// Calls `found` with each string that begins with `ko://`.
fn collect(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) if text.starts_with("ko://") => found(text),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
