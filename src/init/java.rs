//! [`JavaBuild`]: how Maven or Gradle builds a package of Java, which may be a module of a larger build.

use super::code_lines::without_comments;
use super::repository::{Repository, ancestors, join};

/// What builds packages of Java.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JavaTool {
    Maven,
    Gradle,
}

/// The build of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JavaBuild {
    pub(super) tool: JavaTool,
    /// The folder of the whole build, in which the program runs.
    pub(super) folder: String,
    /// The program, as it is called there.
    pub(super) program: String,
    /// The package, from that folder; `""` where the whole build is nothing else.
    pub(super) module: String,
}

/// The files of a package of Gradle, and of the build that it is a part of.
pub(super) const GRADLE: [&str; 2] = ["build.gradle", "build.gradle.kts"];
pub(super) const SETTINGS: [&str; 2] = ["settings.gradle", "settings.gradle.kts"];

/// Returns how the package in the folder `package` is built; `None` where neither Maven nor Gradle builds it.
pub(super) fn java_build(repository: &Repository, package: &str) -> Option<JavaBuild> {
    let is_there = |name: &&str| join(package, name).is_some_and(|path| repository.lists(&path));
    let (tool, folder, wrapped, plain) = if is_there(&"pom.xml") {
        (JavaTool::Maven, maven_folder(repository, package), "mvnw", "mvn")
    } else if GRADLE.iter().any(is_there) {
        (JavaTool::Gradle, gradle_folder(repository, package), "gradlew", "gradle")
    } else {
        return None;
    };
    let program = wrapper(repository, &folder, wrapped).unwrap_or_else(|| plain.to_owned());
    let module = below(package, &folder).to_owned();
    Some(JavaBuild { tool, folder, program, module })
}

fn below<'a>(path: &'a str, folder: &str) -> &'a str {
    path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/')
}

/// The highest folder whose `pom.xml` has the package as a module, or a module with it.
fn maven_folder(repository: &Repository, package: &str) -> String {
    let has_module = |folder: &&str| {
        let first = below(package, folder);
        let is_it = |name: &String| first == name || first.starts_with(&format!("{name}/"));
        modules(&code_of(repository, folder, "pom.xml")).iter().any(is_it)
    };
    let above: Vec<&str> = ancestors(package).skip(1).filter(has_module).collect();
    above.last().copied().unwrap_or(package).to_owned()
}

fn gradle_folder(repository: &Repository, package: &str) -> String {
    let has_settings =
        |folder: &&str| SETTINGS.iter().any(|name| join(folder, name).is_some_and(|path| repository.lists(&path)));
    ancestors(package).find(has_settings).unwrap_or(package).to_owned()
}

/// The modules that a `pom.xml` names.
fn modules(pom: &str) -> Vec<String> {
    let named = pom.split("<module>").skip(1).filter_map(|rest| rest.split("</module>").next());
    named.map(|name| name.trim().trim_start_matches("./").trim_end_matches("/pom.xml").to_owned()).collect()
}

/// Returns whether a module of Maven depends on others of the same build.
pub(super) fn needs_others(repository: &Repository, build: &JavaBuild) -> bool {
    let whole = &build.folder;
    let Some(own) = join(whole, &build.module).filter(|_| !build.module.is_empty()) else { return false };
    let mut others: Vec<String> = Vec::new();
    let mut open = vec![whole.clone()];
    while let Some(folder) = open.pop() {
        let pom = code_of(repository, &folder, "pom.xml");
        let below = modules(&pom).into_iter().filter_map(|name| join(&folder, &name));
        // A file may name itself.
        open.extend(below.filter(|module| module.len() > folder.len()));
        others.extend(artifact_of(&pom).filter(|_| folder != own));
    }
    let mut needed = ancestors(&own).filter(|folder| folder.len() >= whole.len()).flat_map(|folder| {
        let pom = code_of(repository, folder, "pom.xml");
        let without = |text: &str, tag: &str| -> String {
            let (start, end) = (format!("<{tag}>"), format!("</{tag}>"));
            let mut parts = text.split(&start);
            let first = parts.next().unwrap_or_default().to_owned();
            first + &parts.filter_map(|part| part.split_once(&end).map(|(_, rest)| rest)).collect::<String>()
        };
        let text = without(&without(&pom, "dependencyManagement"), "build");
        let of_part = |part: &str| part.split("</dependency>").next().and_then(artifact_of);
        text.split("<dependency>").skip(1).filter_map(of_part).collect::<Vec<_>>()
    });
    needed.any(|name| others.contains(&name))
}

/// The artifact that a part of a `pom.xml` is about, which is not its parent.
fn artifact_of(text: &str) -> Option<String> {
    let own = text.split_once("</parent>").map_or(text, |(_, rest)| rest);
    own.split_once("<artifactId>")?.1.split_once('<').map(|(name, _)| name.trim().to_owned())
}

/// Returns the text of a file of a build, without its comments.
pub(super) fn code_of(repository: &Repository, folder: &str, name: &str) -> String {
    let text = join(folder, name).and_then(|path| repository.text(&path));
    text.map(|text| without_comments(name, &text)).unwrap_or_default()
}

/// The word that starts the wrapper of a build tool from `folder`: the nearest one.
fn wrapper(repository: &Repository, folder: &str, name: &str) -> Option<String> {
    let is_there = |place: &&str| join(place, name).is_some_and(|path| repository.lists(&path));
    let place = ancestors(folder).find(is_there)?;
    match depth(folder) - depth(place) {
        0 => Some(format!("./{name}")),
        above => Some(format!("{}{name}", "../".repeat(above))),
    }
}

/// How many folders a path leads through.
pub(super) fn depth(path: &str) -> usize {
    path.split('/').filter(|part| !part.is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    const ROOT: &str = "<project><artifactId>shop</artifactId><modules><module>lib</module><module>apps</module></modules>\
        <dependencyManagement><dependencies><dependency><artifactId>lib</artifactId></dependency></dependencies></dependencyManagement></project>";

    fn pom(name: &str, rest: &str) -> String {
        format!(
            "<project><parent><artifactId>shop</artifactId></parent><artifactId>{name}</artifactId>{rest}</project>"
        )
    }

    fn needs(name: &str) -> String {
        format!(
            "<dependencies><dependency><groupId>x</groupId><artifactId>{name}</artifactId></dependency></dependencies>"
        )
    }

    #[test]
    fn a_module_is_built_from_the_folder_of_the_whole() {
        let (_dir, repository) = repository(&[
            ("java/pom.xml", ROOT),
            ("java/lib/pom.xml", ""),
            ("java/apps/pom.xml", "<modules><module>./api</module></modules>"),
            ("java/apps/api/pom.xml", ""),
            ("java/other/pom.xml", ""),
            ("mvnw", ""),
            ("jvm/settings.gradle.kts", "include(\"web\")"),
            ("jvm/web/build.gradle.kts", ""),
        ]);
        let found = |folder: &str| {
            let build = java_build(&repository, folder)?;
            Some(format!("{} {} {}", build.folder, build.program, build.module))
        };
        assert_eq!(found("java/apps/api").as_deref(), Some("java ../mvnw apps/api"));
        assert_eq!(found("java/other").as_deref(), Some("java/other ../../mvnw "));
        assert_eq!(found("jvm/web").as_deref(), Some("jvm gradle web"));
        assert_eq!(found("jvm"), None);
    }

    #[test]
    fn what_a_module_needs_of_the_others_is_known() {
        for (api, above, expected) in [
            (pom("api", &needs("lib")), pom("apps", ""), true),
            (pom("api", ""), pom("apps", &needs("lib")), true),
            (pom("api", &needs("spring-boot-starter")), pom("apps", ""), false),
            (pom("api", &format!("<build><plugins>{}</plugins></build>", needs("lib"))), pom("apps", ""), false),
            (pom("api", &format!("<!-- {} -->", needs("lib"))), pom("apps", ""), false),
        ] {
            let above = above.replace("</project>", "<modules><module>api</module></modules></project>");
            let (_dir, repository) = repository(&[
                ("pom.xml", ROOT),
                ("lib/pom.xml", &pom("lib", "")),
                ("apps/pom.xml", &above),
                ("apps/api/pom.xml", &api),
            ]);
            let build = java_build(&repository, "apps/api").unwrap();
            assert_eq!(needs_others(&repository, &build), expected, "{api} {above}");
        }
    }
}
