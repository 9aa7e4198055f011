//! [`Findings`]: what was found in a repository, each thing by the file that says it. Nothing is decided here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::forward::Forward;
use super::java::JavaBuild;
use super::repository::name_of;
use crate::tools::docker::build::dockerfile::Stage;

/// What was found in a repository.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) dockerfiles: Vec<Dockerfile>,
    /// What other files say of builds.
    pub(super) builds: Vec<DeclaredBuild>,
    /// The names of images that files make from something else than a Dockerfile of the repository.
    pub(super) made_otherwise: Vec<String>,
    /// Images that a program makes without a Dockerfile.
    pub(super) made: Vec<MadeImage>,
    pub(super) compose: Vec<ComposeFile>,
    /// Files that are written for compose and are not called so.
    pub(super) like_compose: Vec<String>,
    pub(super) charts: Vec<Chart>,
    pub(super) manifests: Vec<ManifestFile>,
    pub(super) kustomizations: Vec<Kustomization>,
    /// What other files say of deployments.
    pub(super) deployments: Vec<DeclaredDeployment>,
    /// Ports that other files forward to their users.
    pub(super) forwards: Vec<Forward>,
    pub(super) checklists: Vec<ChecklistFile>,
    /// The names of variables in examples of `.env` files. Their values are not kept.
    pub(super) variables: Vec<String>,
    /// The examples of `.env` files, each with the names of its variables.
    pub(super) examples: Vec<(String, Vec<String>)>,
    pub(super) recipes: Vec<Recipe>,
    /// Commands of other tools, with the files that they write.
    pub(super) makers: Vec<Maker>,
    pub(super) packages: Vec<Package>,
    /// What says which program builds a package: `mvnw`, `gradlew`, `pnpm-lock.yaml`, `yarn.lock`.
    pub(super) wrappers: Vec<String>,
    /// How packages of Java are built above what a Dockerfile copies and is not there, by their folders.
    pub(super) java: BTreeMap<String, JavaBuild>,
    /// What looks like a part of the pipeline and is none.
    pub(super) left_out: Vec<LeftOut>,
    /// What a person has to know or to decide.
    pub(super) doubts: Vec<String>,
}

/// A Dockerfile.
#[derive(Debug)]
pub(super) struct Dockerfile {
    pub(super) path: String,
    pub(super) stages: Vec<Stage>,
    /// Why it is probably no image of the application; it is one all the same where another file builds it.
    pub(super) aside: Option<String>,
}

/// What a file says of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DeclaredBuild {
    /// The file that says it.
    pub(super) by: String,
    /// What the file calls it: a service of compose.
    pub(super) name: Option<String>,
    /// The image's name, without its tag.
    pub(super) image: Option<String>,
    /// The folder with the files; `""` is the repository.
    pub(super) context: Option<String>,
    /// The Dockerfile, relative to the repository.
    pub(super) dockerfile: Option<String>,
    pub(super) target: Option<String>,
    pub(super) args: BTreeMap<String, String>,
    /// Images that are built here and handed to it: their names, each with the build argument that gets it.
    pub(super) requires: Vec<(String, String)>,
    /// The profiles of compose without which it is not built.
    pub(super) profiles: Vec<String>,
    /// Whether it is for a service of compose that runs tests.
    pub(super) is_test: bool,
    /// Named contexts of compose, which only compose has: the names, and where they lead.
    pub(super) contexts: Vec<(String, String)>,
}

impl DeclaredBuild {
    /// Whether its target and arguments count before those of others.
    pub(super) fn is_exact(&self) -> bool {
        self.name.is_some() || self.deploys_too()
    }

    /// Whether the file that says it also deploys, and knows each image by the name that stands there.
    pub(super) fn deploys_too(&self) -> bool {
        name_of(&self.by).starts_with("skaffold") || name_of(&self.by) == "Tiltfile"
    }
}

/// An image that a program makes without a Dockerfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MadeImage {
    /// The file that says it.
    pub(super) by: String,
    /// The program, as a sentence names it.
    pub(super) maker: &'static str,
    /// Its name, without a tag.
    pub(super) image: Option<String>,
    /// The folder of what it is made from.
    pub(super) source: String,
    /// The folder with all that is read for it, in which the command runs.
    pub(super) folder: String,
    /// The command. [`MADE_NAME`] stands for the name that the image gets.
    pub(super) run: String,
    /// The variables that the command gets.
    pub(super) env: BTreeMap<String, String>,
    /// Secret variables whose values stand in the file: none of them is in the command.
    pub(super) secrets: Vec<String>,
    /// What the command makes in its folder, as patterns.
    pub(super) leaves: &'static [&'static str],
}

impl MadeImage {
    /// Whether Maven makes it.
    pub(super) fn is_of_maven(&self) -> bool {
        self.run.split_whitespace().any(|program| matches!(name_of(program), "mvn" | "mvnw"))
    }
}

/// What stands for the name of an image in the command that makes it.
pub(super) const MADE_NAME: &str = "PROVISION-IMAGE";

/// What stands for that name without its tag, and for the tag.
pub(super) const MADE_REPOSITORY: &str = "PROVISION-REPOSITORY";
pub(super) const MADE_TAG: &str = "PROVISION-TAG";

/// A compose file, with those that go over it.
#[derive(Debug, Default)]
pub(super) struct ComposeFile {
    /// The files in their order.
    pub(super) paths: Vec<String>,
    pub(super) services: Vec<ComposeService>,
    /// The profiles that the `.env` beside it turns on.
    pub(super) profiles: Vec<String>,
    /// The variables without a value that have to have one, and those that are empty then.
    pub(super) required: Vec<String>,
    pub(super) unset: Vec<String>,
    /// The secret variables whose values stand in the `.env` beside it.
    pub(super) given: Vec<String>,
    /// Files of variables that services name and that are not there.
    pub(super) missing_env_files: Vec<String>,
    /// Further files of the same folder, for other purposes.
    pub(super) others: Vec<String>,
    /// What those build: the names of services, each with its Dockerfile.
    pub(super) built_beside: Vec<(String, String)>,
    /// What a person has to know where it is this file that deploys.
    pub(super) doubts: Vec<String>,
}

/// A service of a compose file.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that the file says, and all can be true")]
#[derive(Debug, Default)]
pub(super) struct ComposeService {
    pub(super) name: String,
    /// Whether it is built here.
    pub(super) is_built: bool,
    /// The container's ports that are published.
    pub(super) ports: Vec<u16>,
    /// Where its health check sends a request.
    pub(super) health: Option<HttpRequest>,
    /// The image that it is started from where it is not built here.
    pub(super) image: Option<String>,
    /// The file that has its build.
    pub(super) by: String,
    /// Whether it runs to its end: another service waits for that, or its name says so.
    pub(super) completes: bool,
    /// Whether it runs only with a profile.
    pub(super) has_profiles: bool,
    /// Whether it runs tests of the others.
    pub(super) is_test: bool,
}

impl ComposeService {
    /// Whether it is started.
    pub(super) fn is_started(&self) -> bool {
        !self.has_profiles && !self.is_test
    }
}

/// A request of a health check, by HTTP to its own machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HttpRequest {
    pub(super) port: u16,
    pub(super) path: String,
    /// Whether any answer will do.
    pub(super) any_answer: bool,
}

/// A chart.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) folder: String,
    pub(super) name: String,
    /// Files of values for it beside `values.yaml`.
    pub(super) values: Vec<String>,
    /// Files of values outside of it that may be for it.
    pub(super) elsewhere: Vec<String>,
    /// The charts that it consists of and that are not in it: name and repository.
    pub(super) dependencies: Vec<(String, String)>,
}

/// A file with objects of Kubernetes.
#[derive(Debug)]
pub(super) struct ManifestFile {
    pub(super) path: String,
    pub(super) objects: Vec<Value>,
}

/// A folder with a kustomization.
#[derive(Clone, Debug, Default)]
pub(super) struct Kustomization {
    pub(super) folder: String,
    /// The file itself.
    pub(super) file: String,
    /// The folders and files of the repository whose objects it has.
    pub(super) resources: Vec<String>,
    /// All folders and files of the repository that it reads: also those of patches, generators and transformers.
    pub(super) reads: Vec<String>,
    /// What it names and is not in the repository.
    pub(super) remote: Vec<String>,
    /// Whether it is a part for others.
    pub(super) is_component: bool,
    /// Whether it is for something else than the application; others may be made of it all the same.
    pub(super) is_aside: bool,
}

/// What a file says of a deployment.
#[derive(Debug, Default, PartialEq)]
pub(super) struct DeclaredDeployment {
    /// The file that says it.
    pub(super) by: String,
    /// What is deployed together by one tool, such as a Skaffold file with those that it requires; `""` for alone.
    pub(super) group: String,
    /// The chart's folder, the kustomization's, or manifests.
    pub(super) path: String,
    /// Files of values, for a chart: one of them.
    pub(super) values: Vec<String>,
    /// Files of values that are given with each of them, before and after it.
    pub(super) around: (Vec<String>, Vec<String>),
    /// The name of a chart's release.
    pub(super) release: Option<String>,
    pub(super) namespace: Option<String>,
    /// Values that are set for a chart, over those of the files. An image that is built stands there with the tag
    /// [`SET_TAG`].
    pub(super) set: Vec<(Vec<String>, Value)>,
}

impl DeclaredDeployment {
    /// Sets the files of values: for each place in their order those that may stand there, several where a variable
    /// names them. Of places with one file each the last one may be exchanged.
    pub(super) fn with_values(mut self, mut places: Vec<Vec<String>>) -> Self {
        places.retain(|files| !files.is_empty());
        let open = places.iter().position(|files| files.len() > 1).or_else(|| places.len().checked_sub(1));
        let Some(open) = open else { return self };
        let fixed = |places: &[Vec<String>]| {
            places.iter().filter(|files| files.len() == 1).flatten().cloned().collect::<Vec<_>>()
        };
        self.around = (fixed(&places[..open]), fixed(&places[open + 1..]));
        self.values = places.swap_remove(open);
        self
    }
}

/// What stands for the tag of an image that is built where a file sets values of a chart.
pub(super) const SET_TAG: &str = "provision";

/// A file with a task list.
#[derive(Debug)]
pub(super) struct ChecklistFile {
    pub(super) path: String,
    pub(super) items: Vec<ListedItem>,
}

/// An item of a task list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedItem {
    /// How `covers` names it: its id, or its text.
    pub(super) id: String,
    pub(super) has_id: bool,
    pub(super) text: String,
}

/// A target of a Makefile, a recipe of a justfile, or a script of a package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) file: String,
    pub(super) name: String,
    /// How it is run.
    pub(super) command: Vec<String>,
}

/// A command of another tool that writes files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Maker {
    /// The folder in which it runs.
    pub(super) folder: String,
    pub(super) command: String,
    /// What it writes: paths of files and folders from there.
    pub(super) outputs: Vec<String>,
    /// How many lines it has.
    pub(super) lines: usize,
    /// Whether it may change something outside of the checkout, as a push does. No step calls it then.
    pub(super) goes_out: bool,
}

/// A package of some language.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) file: String,
    /// The language.
    pub(super) language: &'static str,
    /// Its name, where the file has one.
    pub(super) name: Option<String>,
    /// Whether it is one of JavaScript with a script `build`.
    pub(super) has_build: bool,
}

/// Something that is not used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LeftOut {
    pub(super) path: String,
    pub(super) why: String,
}

impl Findings {
    pub(super) fn leave_out(&mut self, path: &str, why: impl Into<String>) {
        self.left_out.push(LeftOut { path: path.to_owned(), why: why.into() });
    }
}

/// An image's name without its tag and digest. Variables may stand in either.
pub(super) fn image_name(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or_default();
    let mut depth = 0_usize;
    let mut end = name.len();
    for (at, c) in name.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            // What follows the last one outside of `${A:-b}` is the tag, unless it was the port of a registry.
            ':' if depth == 0 => end = at,
            '/' => end = name.len(),
            _ => {}
        }
    }
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_values_that_are_given_together_stay_together() {
        for (places, before, values, after) in [
            (&["a"][..], "", "a", ""),
            (&["a", "b", "c"], "a b", "c", ""),
            (&["a", "x y", "c"], "a", "x y", "c"),
            (&["x y", "", "u v", "c"], "", "x y", "c"),
            (&[], "", "", ""),
        ] {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let found = DeclaredDeployment::default().with_values(places.iter().map(|files| words(files)).collect());
            let expected = (words(values), (words(before), words(after)));
            assert_eq!((found.values, found.around), expected, "{places:?}");
        }
    }

    #[test]
    fn an_images_name_ends_before_its_tag() {
        for (image, name) in [
            ("web", "web"),
            ("web:1", "web"),
            ("localhost:5000/web", "localhost:5000/web"),
            ("localhost:5000/web:1.2", "localhost:5000/web"),
            ("ghcr.io/acme/web@sha256:0123", "ghcr.io/acme/web"),
            ("${REGISTRY}/web:${TAG}", "${REGISTRY}/web"),
            ("web:${TAG:-latest}", "web"),
        ] {
            assert_eq!(image_name(image), name, "{image}");
        }
    }
}
