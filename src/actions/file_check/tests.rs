//! What is expected of files, met and not met.

use super::*;

pub(super) fn settings(text: &str) -> Result<FileCheck, String> {
    let settings: FileCheck = toml::from_str(text).map_err(|error| error.to_string())?;
    settings.validate().map(|()| settings)
}

fn wrong(root: &std::path::Path, text: &str) -> Vec<String> {
    wrong_of(root, &settings(text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

pub(super) fn wrong_of(root: &std::path::Path, settings: &FileCheck) -> Vec<String> {
    let mut found = Findings::default();
    let given = settings.given().unwrap();
    for expectation in settings.expectations() {
        expectation.check(root, given.as_ref(), &mut found).unwrap();
    }
    found.wrong
}

#[test]
fn every_unmet_expectation_is_named_with_its_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::write(dir.path().join("Dockerfile"), "FROM python:3.11\nUSER app\nRUN pip install x:latest\n").unwrap();
    fs_err::create_dir(dir.path().join("charts")).unwrap();
    for (name, text) in [("a.yaml", "kind: Service\n"), ("b.yaml", "kind: Deployment\n")] {
        fs_err::write(dir.path().join("charts").join(name), text).unwrap();
    }
    std::os::unix::fs::symlink("away", dir.path().join("link")).unwrap();
    assert_eq!(wrong(dir.path(), "path = \"link\""), ["`link` is a symbolic link to something that is not there"]);
    let good = "path = \"Dockerfile\"\ncontains = [\"USER app\"]\nmatches = [\"^FROM python:3\\\\.1\\\\d$\"]";
    assert!(wrong(dir.path(), good).is_empty());
    let bad = "path = \"Dockerfile\"\ncontains = [\"HEALTHCHECK\"]\nmatches = [\"^EXPOSE \\\\d+$\"]\nabsent = [\":latest\"]\n\
               [[files]]\npath = \"charts/*.yaml\"\ncontains = [\"kind: Service\"]\n\
               [[files]]\npath = \"nowhere.md\"\n[[files]]\npath = \"charts/a.yaml\"\nexists = false";
    assert_eq!(
        wrong(dir.path(), bad),
        [
            "`Dockerfile` does not contain `HEALTHCHECK`",
            "`Dockerfile` has nothing that matches `^EXPOSE \\d+$`",
            "`Dockerfile`, line 3: `:latest` should not be there",
            "`charts/b.yaml` does not contain `kind: Service`",
            "there is no `nowhere.md`",
            "`charts/a.yaml` should not be there",
        ]
    );
}

#[test]
fn files_of_a_windows_checkout_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::write(dir.path().join("D"), "\u{feff}FROM a\r\nUSER app\r\nCMD x\r\n").unwrap();
    let said = "path = \"D\"\nmatches = ['^FROM \\S+$', '^USER app$']\n";
    assert!(wrong(dir.path(), &format!("{said}contains = [\"USER app\\nCMD\", \"a\\r\\nUSER\"]")).is_empty());
    let absent = "path = \"D\"\nabsent = [\"app\\nCMD\"]";
    assert_eq!(wrong(dir.path(), absent), ["`D`, line 2: `app…` should not be there"]);
}

#[test]
fn a_file_behind_a_link_is_searched() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("real")).unwrap();
    fs_err::write(dir.path().join("real/a"), "yes").unwrap();
    std::os::unix::fs::symlink("real/a", dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink("real", dir.path().join("folder")).unwrap();
    for path in ["link", "folder", "folder/a", "folder/*", "**/a"] {
        assert!(wrong(dir.path(), &format!("path = \"{path}\"\ncontains = [\"yes\"]")).is_empty(), "{path}");
        assert!(!wrong(dir.path(), &format!("path = \"{path}\"\ncontains = [\"no\"]")).is_empty(), "{path}");
    }
    assert_eq!(wrong(dir.path(), "path = \"*/b\""), ["there is no `*/b`"]);
}

#[test]
fn settings_are_checked() {
    settings(FileCheck::EXAMPLE).unwrap();
    for (text, part) in [
        ("contains = [\"a\"]", "has to name a file"),
        ("absent = [\"a\"]\n[[files]]\npath = \"a\"", "neither `path` nor `paths`"),
        ("path = \"../a\"", "inside the project"),
        ("path = \"a\"\nexists = false\ncontains = [\"b\"]", "can't be missing"),
        ("path = \"a\"\nmatches = [\"(\"]", "not a regular expression"),
        ("path = \"a\"\nexists = false\nassert = [\"b == 1\"]", "can't be missing"),
        ("path = \"a\"\nobject = \"Pod/a\"", "belong to `assert`"),
        ("path = \"a\"\nformat = \"toml\"\nobject = \"Pod/a\"\nassert = [\"b == 1\"]", "object of a YAML file"),
        ("path = \"a\"\nassert = [\"b = 1\"]", "values are compared with `==`"),
    ] {
        let error = settings(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}
