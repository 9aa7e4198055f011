//! What command lines, plugins and names say of images.

use super::*;
use crate::init::testing::repository;

/// What is found in a repository with these files besides: the source, the folder, the command and the image.
fn found(more: &[(&str, &str)]) -> Vec<String> {
    let mut files = vec![
        ("pom.xml", "<packaging>pom</packaging><modules><module>api</module></modules>"),
        ("mvnw", ""),
        ("api/pom.xml", ""),
        ("tool/pom.xml", ""),
        ("jvm/settings.gradle", ""),
        ("jvm/gradlew", ""),
        ("jvm/web/build.gradle", ""),
        ("go.mod", "module example.com/shop\n"),
        ("cmd/job/main.go", ""),
        ("e2e/tool/main.go", ""),
        ("site/index.html", ""),
    ];
    files.extend(more);
    let (_dir, repository) = repository(&files);
    let findings = crate::init::detect::detect(&repository);
    let shown = |one: &MadeImage| {
        format!("{} in `{}`: {} as {}", one.source, one.folder, one.run, one.image.as_deref().unwrap_or("-"))
    };
    findings.made.iter().map(shown).collect()
}

#[test]
fn a_module_that_needs_others_writes_nothing_that_other_checkouts_read() {
    let pom = |name: &str, rest: &str| format!("<project><artifactId>{name}</artifactId>{rest}</project>");
    let needs = "<dependencies><dependency><artifactId>lib</artifactId></dependency></dependencies>";
    for (rest, before) in [
        ("", String::new()),
        (
            needs,
            "own=\"-Dmaven.repo.local=$PWD/../.provision/m2\"\nusers=\"-Dmaven.repo.local.tail=$HOME/.m2/repository\"\n\
             mvn -q -B \"$own\" \"$users\" install -DskipTests -pl app -am\n"
                .to_owned(),
        ),
    ] {
        let (_dir, repository) = repository(&[
            ("java/pom.xml", "<project><modules><module>lib</module><module>app</module></modules></project>".to_owned()),
            ("java/lib/pom.xml", pom("lib", "")),
            ("java/app/pom.xml", pom("app", rest)),
            ("Makefile", "image:\n\tcd java && mvn -pl app spring-boot:build-image\n".to_owned()),
        ]);
        let mut findings = Findings::default();
        detect(&repository, &mut findings);
        let options = if rest.is_empty() { "" } else { "\"$own\" \"$users\" " };
        let image = "spring-boot:build-image -DskipTests -Dspring-boot.build-image.imageName=PROVISION-IMAGE -pl app";
        let [made] = findings.made.as_slice() else { panic!("{:?}", findings.made) };
        assert_eq!((made.folder.as_str(), made.run.as_str()), ("java", format!("{before}mvn -q -B {options}{image}").as_str()));
        assert!(made.is_of_maven());
    }
}

#[test]
fn a_line_says_what_is_made_and_where() {
    let jib = "com.google.cloud.tools:jib-maven-plugin:dockerBuild -Djib.to.image=PROVISION-IMAGE";
    for (line, expected) in [
        (
            "./mvnw -pl api jib:build -Dimage=ghcr.io/acme/api:1",
            format!("api in ``: ./mvnw -q -B package -DskipTests {jib} -Djib.containerize=api -pl api -am as ghcr.io/acme/api"),
        ),
        ("cd tool && mvn compile jib:dockerBuild", format!("tool in `tool`: ../mvnw -q -B package -DskipTests {jib} as -")),
        (
            "mvn spring-boot:build-image -f tool/pom.xml -Dspring-boot.build-image.imageName=$(REG)/tool:$(TAG)",
            "tool in `tool`: ../mvnw -q -B spring-boot:build-image -DskipTests -Dspring-boot.build-image.imageName=PROVISION-IMAGE as tool".to_owned(),
        ),
        (
            "cd jvm; ./gradlew :web:bootBuildImage --imageName=acme/web",
            "jvm/web in `jvm`: ./gradlew -q :web:bootBuildImage --imageName=PROVISION-IMAGE as acme/web".to_owned(),
        ),
        ("./gradlew -p jvm web:jib", "jvm/web in `jvm`: ./gradlew -q :web:jibDockerBuild --image=PROVISION-IMAGE as -".to_owned()),
        (
            "KO_DOCKER_REPO=$(REPO) ko build --bare --tags x ./cmd/job",
            "cmd/job in ``: image=$(ko build --local ./cmd/job) && docker tag \"$image\" PROVISION-IMAGE as -".to_owned(),
        ),
        (
            "pack build acme/site:dev --path site -B heroku/builder:24 --env A=b",
            "site in `site`: pack build PROVISION-IMAGE --builder heroku/builder:24 --env A=b as acme/site".to_owned(),
        ),
        (
            "sudo pack build acme/site --path site --env API_TOKEN=abc --env A=b",
            "site in `site`: pack build PROVISION-IMAGE --env API_TOKEN --env A=b as acme/site".to_owned(),
        ),
        ("ko build ./e2e/tool", String::new()),
        ("echo we pack build site", String::new()),
        ("- name: pack build site", String::new()),
        ("./mvnw jib:build", String::new()),
        ("ko build ./cmd/*", String::new()),
        ("ko apply -f config", String::new()),
        ("# mvn jib:build", String::new()),
        ("mvn -Djib.skip package", String::new()),
        ("pack build x --path $(DIR)", String::new()),
    ] {
        assert_eq!(found(&[("Makefile", &format!("image:\n\t{line}\n"))]).join("; "), expected, "{line}");
    }
}

#[test]
fn a_package_with_the_plugin_for_itself_is_made_with_it() {
    let plugin = "<plugin><artifactId>jib-maven-plugin</artifactId><configuration><to><image>acme/x:${v}</image></to></configuration></plugin>";
    let own = format!("<build>{plugin}</build>");
    let managed = format!("<build><pluginManagement>{plugin}</pluginManagement></build>");
    for (path, text, expected) in [
        ("api/pom.xml", own.as_str(), true),
        ("api/pom.xml", &managed, false),
        ("api/pom.xml", &format!("<packaging>pom</packaging>{own}"), false),
        ("tests/x/pom.xml", &own, false),
        ("api/pom.xml", &format!("<!-- {own} -->"), false),
    ] {
        let all = found(&[(path, text)]);
        assert_eq!(all.len(), usize::from(expected), "{path} {text} {all:?}");
        assert!(all.iter().all(|one| one.starts_with("api in ``: ./mvnw") && one.ends_with("as acme/x")), "{all:?}");
    }
    let gradle = found(&[("jvm/web/build.gradle", "plugins { id 'com.google.cloud.tools.jib' version '3' }")]);
    assert_eq!(gradle, ["jvm/web in `jvm`: ./gradlew -q :web:jibDockerBuild --image=PROVISION-IMAGE as -"]);
    assert!(found(&[("jvm/web/build.gradle", "id 'com.google.cloud.tools.jib' version '3' apply false")]).is_empty());
    let plugin = "plugins { id 'com.google.cloud.tools.jib' version '3' }";
    for (path, text) in [
        ("jvm/web/build.gradle", format!("// {plugin}")),
        ("jvm/web/build.gradle", format!("/*\n{plugin}\n*/")),
        ("jvm/buildSrc/build.gradle", plugin.to_owned()),
        ("jvm/build-logic/x/build.gradle.kts", plugin.to_owned()),
    ] {
        assert_eq!(found(&[(path, &text)]), Vec::<String>::new(), "{path} {text}");
    }
    // That of the whole build is made without those of its projects.
    let root = [("jvm/settings.gradle", "include 'web'"), ("jvm/build.gradle", plugin)];
    assert_eq!(found(&root), ["jvm in `jvm`: ./gradlew -q :jibDockerBuild --image=PROVISION-IMAGE as -"]);
}

#[test]
fn a_command_for_all_modules_at_once_is_a_doubt() {
    for (settings, line, expected) in [
        ("", "./mvnw jib:build", Some("all packages in `.` at once, with jib")),
        ("", "./mvnw spring-boot:build-image", Some("all packages in `.` at once, with Spring Boot")),
        ("", "./mvnw -pl api jib:build", None),
        ("include('web')", "cd jvm && ./gradlew jib", Some("all packages in `jvm` at once, with jib")),
        ("include('web')", "cd jvm && ./gradlew :web:jib", None),
        ("// include('web')\nincludeBuild 'x'", "cd jvm && ./gradlew jib", None),
    ] {
        let (_dir, repository) = repository(&[
            ("pom.xml", "<modules><module>api</module></modules>"),
            ("api/pom.xml", ""),
            ("jvm/settings.gradle", settings),
            ("jvm/build.gradle", ""),
            ("jvm/web/build.gradle", ""),
            ("Makefile", &format!("image:\n\t{line}\n")),
        ]);
        let findings = crate::init::detect::detect(&repository);
        let doubt = findings.doubts.iter().find(|doubt| doubt.contains("at once"));
        assert_eq!(doubt.is_some(), expected.is_some(), "{line} {:?}", findings.doubts);
        assert!(expected.is_none_or(|part| doubt.unwrap().contains(part)), "{line} {doubt:?}");
        assert_eq!(findings.made.len(), usize::from(expected.is_none()), "{line} {:?}", findings.made);
    }
}

#[test]
fn a_readme_has_commands_in_blocks_of_code() {
    let command = "pack build acme/site --path site";
    for (text, expected) in [
        (format!("```sh\n{command}\n```\n"), 1),
        (format!("Run:\n\n    {command}\n"), 1),
        (format!("$ {command}\n"), 1),
        ("We pack build artifacts into\npack build images.\n".to_owned(), 0),
        ("1. Then:\n\n    we pack build artifacts\n".to_owned(), 0),
    ] {
        assert_eq!(found(&[("README.md", &text)]).len(), expected, "{text}");
    }
}

#[test]
fn a_name_of_ko_says_which_package_it_is() {
    let pod = |name: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{image: \"{name}\"}}]}}\n")
    };
    let run = "image=$(ko build --local ./cmd/job) && docker tag \"$image\" PROVISION-IMAGE";
    let name = "ko://example.com/shop/cmd/job";
    assert_eq!(found(&[("k8s/a.yaml", &pod(name))]), [format!("cmd/job in ``: {run} as {name}")]);
    let text = format!("images: [{{name: x, newName: \"{name}\"}}]\n");
    assert_eq!(found(&[("k8s/kustomization.yaml", &text)]), [format!("cmd/job in ``: {run} as {name}")]);
    for other in ["ko://example.com/shop/cmd/none", "ko://example.com/shopping/cmd/job"] {
        assert_eq!(found(&[("k8s/a.yaml", &pod(other))]), Vec::<String>::new(), "{other}");
    }
}
