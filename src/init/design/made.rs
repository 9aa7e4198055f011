//! The steps of an image that a program makes without a Dockerfile.

use toml::Value;

use crate::files::glob_of;
use crate::init::draft::{StepDraft, plain_text};
use crate::init::findings::{MADE_NAME, MADE_REPOSITORY, MADE_TAG, MadeImage};
use crate::init::images::ImageBuild;
use crate::init::repository::join;
use crate::tools::process::shell_quoted;

/// The tag that such an image has: two checkouts that make it at the same time keep it apart.
const CHECKOUT: &str = "${{ checkout.slug }}";

/// The folder of the Dockerfile that begins with the image and adds nothing.
pub(super) fn context(build: &ImageBuild) -> String {
    format!(".provision/made/{}", build.id)
}

/// The step that makes the image of the project `project`. It leaves a Dockerfile that begins with it: the build of
/// that gives it a name that changes with what is in it, as every other image has.
pub(super) fn step(project: &str, build: &ImageBuild, made: &MadeImage) -> StepDraft {
    let (context, repository) = (context(build), format!("{project}-{}", build.id));
    let name = format!("{repository}:{CHECKOUT}");
    // What is the repository's has no expressions; the name has one.
    let named = |text: &str| {
        let text = plain_text(text).replace(MADE_NAME, &name);
        text.replace(MADE_REPOSITORY, &repository).replace(MADE_TAG, CHECKOUT)
    };
    let folder = plain_text(&shell_quoted(&made.folder));
    let enter = if made.folder.is_empty() { String::new() } else { format!("cd {folder}\n") };
    // The command has lines of its own, in brackets: it may have several, or a comment at its end. Where one part of it
    // fails, nothing that follows is done.
    let run = format!(
        "(\n{enter}{}\n)\nmkdir -p {context}\necho \"FROM {name}\" >{context}/Dockerfile",
        named(made.run.trim_end())
    );
    let in_folder = |pattern: &str| join(&glob_of(&made.folder), pattern).unwrap_or_default();
    let left = made.leaves.iter().chain(&["**/node_modules/**"]).map(|pattern| format!("!{}", in_folder(pattern)));
    let inputs = std::iter::once(in_folder("**")).chain(left).chain(["!.provision/**".to_owned()]);
    let mut step = StepDraft::new(id(build), "command")
        .comment(format!("{} makes this image, without a Dockerfile", made.maker))
        .formula("run", run)
        .list("inputs", inputs)
        .list("outputs", [format!("{context}/Dockerfile")])
        .formula("check", ["docker", "image", "inspect", "-f", "{{.Id}}", &name].map(Value::from).to_vec());
    if !made.env.is_empty() {
        let env = made.env.iter().map(|(key, value)| (vec![key.clone()], Value::from(named(value))));
        step.tables.push(("env", env.collect()));
    }
    step
}

/// The id of the step.
pub(super) fn id(build: &ImageBuild) -> String {
    format!("{}-made", build.id)
}

/// What there is to say of it.
pub(super) fn doubt(build: &ImageBuild, made: &MadeImage) -> String {
    let image = made.image.as_deref().unwrap_or(&build.id);
    let MadeImage { by, maker, .. } = made;
    let step = id(build);
    let secrets = if made.secrets.is_empty() {
        String::new()
    } else {
        format!(
            "; it needs `{}`, whose value in that file is not taken over: declare it in `[secrets]` and give it to the step in `env`",
            made.secrets.join("`, `")
        )
    };
    format!(
        "`{image}` is made by {maker}, without a Dockerfile (`{by}`): the step `{step}` has the command for that; its options may differ{secrets}"
    )
}

/// Programs by the words that call them.
const PROGRAMS: &[(&str, &str)] = &[
    ("mvnw", "java"),
    ("gradlew", "java"),
    ("mvn", "mvn"),
    ("gradle", "gradle"),
    ("ko", "ko"),
    ("pack", "pack"),
    ("npm", "npm"),
    ("pnpm", "pnpm"),
    ("yarn", "yarn"),
    ("bun", "bun"),
    ("make", "make"),
    ("just", "just"),
    ("go", "go"),
];

/// The programs that a line of the shell calls and that are not on each machine.
pub(super) fn programs(line: &str) -> Vec<&'static str> {
    let commands =
        line.split(['&', '|', ';', '(', '\n']).map(|part| part.split_whitespace().find(|word| !word.contains('=')));
    let names = commands.flatten().filter_map(|word| {
        let name = word.rsplit('/').next().unwrap_or(word);
        PROGRAMS.iter().find(|(called, _)| *called == name).map(|(_, program)| *program)
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_what_stands_where_a_command_begins() {
        for (line, expected) in [
            ("./mvnw -q package", &["java"][..]),
            ("(\ncd ko\n../gradlew -q x\n)\nmkdir go", &["java"]),
            ("docker tag \"$(ko build --local ./cmd)\" x", &["ko"]),
            ("pnpm install && A=b pnpm run build; make x", &["pnpm", "pnpm", "make"]),
            ("echo make", &[]),
        ] {
            assert_eq!(programs(line), expected, "{line}");
        }
    }

    #[test]
    fn a_folder_is_never_a_part_of_a_shell_line() {
        let made = MadeImage { folder: "it's $(x)".into(), run: format!("make {MADE_NAME}"), ..MadeImage::default() };
        let build = ImageBuild { id: "web".into(), ..ImageBuild::default() };
        let step = step("shop", &build, &made);
        let (_, run) = step.settings.iter().find(|(name, _)| *name == "run").unwrap();
        assert_eq!(
            run.as_str().unwrap().split("\nmkdir").next(),
            Some("(\ncd 'it'\\''s $(x)'\nmake shop-web:${{ checkout.slug }}\n)")
        );
    }

    #[test]
    fn a_command_may_have_several_lines_and_where_one_fails_nothing_follows() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("web")).unwrap();
        for (command, folder, expected) in [
            ("true", "", true),
            ("true # as it is\n", "web", true),
            ("touch a\ntest -e a", "web", true),
            ("if true; then\n  touch b\nfi\n", "", true),
            ("false\ntrue", "web", false),
            ("false\ntrue", "", false),
            ("false && true", "", false),
            ("x=$(false) && true", "web", false),
            ("true", "none", false),
        ] {
            let made = MadeImage { folder: folder.into(), run: command.into(), ..MadeImage::default() };
            let build = ImageBuild { id: "web".into(), ..ImageBuild::default() };
            let step = step("shop", &build, &made);
            let (_, run) = step.settings.iter().find(|(name, _)| *name == "run").unwrap();
            let run = run.as_str().unwrap().replace(CHECKOUT, "x");
            let shell = duct::cmd!("sh", "-ec", &run).dir(dir.path()).stderr_null().unchecked();
            let ended = shell.run().unwrap();
            let file = dir.path().join(".provision/made/web/Dockerfile");
            assert_eq!(ended.status.success(), expected, "{command} {ended:?}");
            assert_eq!(fs_err::remove_file(&file).is_ok(), expected, "{command}");
        }
    }

    #[test]
    fn a_name_is_given_in_parts_too() {
        let env = [("A", MADE_NAME), ("B", MADE_REPOSITORY), ("C", MADE_TAG)];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let build = ImageBuild { id: "web".into(), ..ImageBuild::default() };
        let step = step("shop", &build, &MadeImage { run: "make".into(), env, ..MadeImage::default() });
        let values: Vec<&str> = step.tables[0].1.iter().filter_map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["shop-web:${{ checkout.slug }}", "shop-web", "${{ checkout.slug }}"]);
    }
}
