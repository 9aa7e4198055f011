//! How programs make images without a Dockerfile: the commands of jib, Spring Boot, ko and buildpacks.

use super::env_example::is_secret_name;
use super::outward::goes_out;
use crate::init::findings::{MADE_NAME, MADE_REPOSITORY, MADE_TAG, MadeImage};
use crate::init::java::{GRADLE, JavaBuild, JavaTool, SETTINGS, code_of, depth, java_build, needs_others};
use crate::init::repository::{Repository, ancestors, folder_of, has_extension, join};
use crate::tools::process::shell_quoted;

/// What makes the image of a package of Java.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plugin {
    Jib,
    SpringBoot,
}

/// What Maven and Gradle make.
const MAVEN_LEAVES: &[&str] = &["**/target/**"];
const GRADLE_LEAVES: &[&str] = &["**/build/**", "**/.gradle/**"];

/// The image of the package of Java in the folder `module`; `None` where neither Maven nor Gradle builds it.
pub(super) fn of_java(
    repository: &Repository,
    by: &str,
    module: &str,
    plugin: Plugin,
    image: Option<String>,
) -> Option<MadeImage> {
    let build = java_build(repository, module)?;
    let (run, leaves) = match build.tool {
        JavaTool::Maven => (maven(repository, &build, plugin), MAVEN_LEAVES),
        JavaTool::Gradle => (gradle(repository, &build, plugin), GRADLE_LEAVES),
    };
    Some(MadeImage {
        by: by.to_owned(),
        maker: if plugin == Plugin::Jib { "jib" } else { "Spring Boot" },
        image,
        source: module.to_owned(),
        folder: build.folder,
        run,
        leaves,
        ..MadeImage::default()
    })
}

/// The command of Maven. It writes nothing to the repository of Maven that all checkouts share.
fn maven(repository: &Repository, build: &JavaBuild, plugin: Plugin) -> String {
    let JavaBuild { program: mvn, folder, module, .. } = build;
    let one = if module.is_empty() { String::new() } else { format!(" -pl {}", shell_quoted(module)) };
    let all = if module.is_empty() { String::new() } else { format!("{one} -am") };
    match plugin {
        Plugin::Jib => {
            let only =
                if module.is_empty() { String::new() } else { format!(" -Djib.containerize={}", shell_quoted(module)) };
            format!(
                "{mvn} -q -B package -DskipTests com.google.cloud.tools:jib-maven-plugin:dockerBuild -Djib.to.image={MADE_NAME}{only}{all}"
            )
        }
        Plugin::SpringBoot => {
            let image =
                format!("spring-boot:build-image -DskipTests -Dspring-boot.build-image.imageName={MADE_NAME}{one}");
            if !needs_others(repository, build) {
                return format!("{mvn} -q -B {image}");
            }
            // The goal is for the module alone, so what that needs of the others has to be in a repository: in one of
            // this checkout. Maven 3.9 reads what is not there from the one of the user, an older one gets it again.
            let up = "../".repeat(depth(folder));
            format!(
                "own=\"-Dmaven.repo.local=$PWD/{up}.provision/m2\"\nusers=\"-Dmaven.repo.local.tail=$HOME/.m2/repository\"\n\
                 {mvn} -q -B \"$own\" \"$users\" install -DskipTests{all}\n{mvn} -q -B \"$own\" \"$users\" {image}"
            )
        }
    }
}

/// The command of Gradle.
fn gradle(repository: &Repository, build: &JavaBuild, plugin: Plugin) -> String {
    let project = match build.module.as_str() {
        "" if includes_others(repository, &build.folder) => ":".to_owned(),
        "" => String::new(),
        below => format!(":{}:", below.replace('/', ":")),
    };
    let task = match plugin {
        Plugin::Jib => format!("jibDockerBuild --image={MADE_NAME}"),
        Plugin::SpringBoot => format!("bootBuildImage --imageName={MADE_NAME}"),
    };
    let task = if project.is_empty() { task } else { format!("{}{task}", shell_quoted(&project)) };
    format!("{} -q {task}", build.program)
}

/// Whether the build of Gradle in the folder has projects below it.
fn includes_others(repository: &Repository, folder: &str) -> bool {
    let is_one = |line: &str| {
        let rest = line.trim_start().strip_prefix("include");
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    };
    SETTINGS.iter().any(|name| code_of(repository, folder, name).lines().any(is_one))
}

/// Whether the command of a package of Java is for all modules below it, whose images would get the same name.
pub(super) fn is_of_all_modules(repository: &Repository, made: &MadeImage) -> bool {
    // A package that has the plugin for itself is called alone.
    let is_own = GRADLE.iter().any(|name| join(&made.source, name).as_ref() == Some(&made.by));
    let is_of_java = matches!(made.maker, "jib" | "Spring Boot");
    is_of_java
        && !is_own
        && (code_of(repository, &made.source, "pom.xml").contains("<module>")
            || (made.source == made.folder && includes_others(repository, &made.folder)))
}

/// The image of the Go program in the folder `main`; `None` where no `go.mod` is above it.
pub(super) fn of_ko(repository: &Repository, by: &str, main: &str, image: Option<String>) -> Option<MadeImage> {
    let has_module = |folder: &&str| join(folder, "go.mod").is_some_and(|path| repository.lists(&path));
    let folder = ancestors(main).find(has_module)?;
    if !repository.below(main).any(|path| has_extension(path, &["go"])) {
        return None;
    }
    let below = main.strip_prefix(folder).unwrap_or(main).trim_start_matches('/');
    let package = if below.is_empty() { ".".to_owned() } else { format!("./{below}") };
    Some(MadeImage {
        by: by.to_owned(),
        maker: "ko",
        image,
        source: main.to_owned(),
        folder: folder.to_owned(),
        run: format!("image=$(ko build --local {}) && docker tag \"$image\" {MADE_NAME}", shell_quoted(&package)),
        ..MadeImage::default()
    })
}

/// The Go package that a name such as `ko://example.com/shop/cmd/api` stands for: its folder.
pub(super) fn folder_of_ko(repository: &Repository, modules: &[(String, String)], name: &str) -> Option<String> {
    let path = name.strip_prefix("ko://")?;
    let below = |module: &str| Some(path.strip_prefix(module)?).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let found = modules.iter().filter_map(|(module, folder)| Some((module.len(), folder, below(module)?)));
    let (_, folder, rest) = found.max_by_key(|(length, ..)| *length)?;
    join(folder, rest.trim_start_matches('/')).filter(|main| repository.lists_below(main))
}

/// The modules of Go, each with its folder.
pub(super) fn go_modules(repository: &Repository) -> Vec<(String, String)> {
    let files = repository.files().filter(|path| *path == "go.mod" || path.ends_with("/go.mod"));
    let named = files.filter_map(|path| {
        let text = repository.text(path)?;
        let name =
            text.lines().find_map(|line| line.trim().strip_prefix("module "))?.trim().trim_matches('"').to_owned();
        Some((name, folder_of(path).to_owned()))
    });
    named.collect()
}

/// What `pack` gets besides the image.
#[derive(Debug, Default)]
pub(super) struct Pack {
    pub(super) builder: Option<String>,
    pub(super) buildpacks: Vec<String>,
    /// `NAME=VALUE`.
    pub(super) env: Vec<String>,
}

/// The image that buildpacks make of the folder `source`.
pub(super) fn of_buildpacks(by: &str, source: &str, pack: &Pack, image: Option<String>) -> MadeImage {
    // With the name alone it has the value that is in the environment: a secret is not written anywhere.
    let is_secret = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| is_secret_name(name));
    let name_of_pair = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let secrets: Vec<String> = pack.env.iter().filter(|pair| is_secret(pair)).map(|pair| name_of_pair(pair)).collect();
    let env = pack.env.iter().map(|pair| if is_secret(pair) { name_of_pair(pair) } else { pair.clone() });
    let env: Vec<String> = env.collect();
    let options = [("--builder", pack.builder.as_slice()), ("--buildpack", &pack.buildpacks), ("--env", &env)];
    let options = options.into_iter().flat_map(|(option, all)| all.iter().map(move |one| (option, shell_quoted(one))));
    let options: Vec<String> = options.map(|(option, value)| format!(" {option} {value}")).collect();
    let run = format!("pack build {MADE_NAME}{}", options.concat());
    MadeImage {
        by: by.to_owned(),
        maker: "buildpacks",
        image,
        source: source.to_owned(),
        folder: source.to_owned(),
        run,
        secrets,
        ..MadeImage::default()
    }
}

/// The tool whose file has a command that makes an image: each gives it other variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Tilt,
    Skaffold,
}

/// The image that a command of the file makes in `folder`; `None` where the command may do more than that, or asks for
/// something that only the tool knows.
pub(super) fn of_command(
    by: &str,
    folder: &str,
    line: &str,
    caller: Caller,
    image: Option<String>,
) -> Option<MadeImage> {
    if line.lines().any(goes_out) || line.contains("EXPECTED_REGISTRY") {
        return None;
    }
    let env: &[(&str, &str)] = match caller {
        Caller::Tilt => &[("EXPECTED_REF", MADE_NAME), ("EXPECTED_IMAGE", MADE_REPOSITORY), ("EXPECTED_TAG", MADE_TAG)],
        Caller::Skaffold => &[
            ("IMAGE", MADE_NAME),
            ("IMAGE_REPO", MADE_REPOSITORY),
            ("IMAGE_TAG", MADE_TAG),
            ("PUSH_IMAGE", "false"),
            ("BUILD_CONTEXT", "."),
        ],
    };
    Some(MadeImage {
        by: by.to_owned(),
        maker: "its own command",
        image,
        source: folder.to_owned(),
        folder: folder.to_owned(),
        run: line.to_owned(),
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..MadeImage::default()
    })
}
