//! `scripts/release`: the notes are CHANGELOG.md's lines of one version, and an archive is what was built.

#![expect(clippy::unwrap_used, reason = "what helps a test fails as the test does")]

use std::path::Path;
use std::process::{Command, Output};

use fs_err as fs;

const CHANGELOG: &str = "\
# Changelog

## [Unreleased]

- not yet

## [1.2.0] - 2026-11-27

### Added

- a thing, see [1.1.0]

- another

## [1.1.0]

## [1.0.0] - 2026-01-01

- the first
";

#[expect(clippy::disallowed_methods, reason = "the test is the user here")]
fn run(program: &str, folder: &Path, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .env("SOURCE_DATE_EPOCH", "1")
        .output()
        .unwrap()
}

fn release(folder: &Path, args: &[&str]) -> Output {
    run(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/release"), folder, args)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn notes_are_the_lines_of_one_version() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("CHANGELOG.md"), CHANGELOG).unwrap();
    let notes = |version: &str| release(folder.path(), &["notes", version, "CHANGELOG.md"]);
    let found = notes("1.2.0");
    assert!(found.status.success(), "{found:?}");
    assert_eq!(text(&found.stdout), "### Added\n\n- a thing, see [1.1.0]\n\n- another\n");
    assert_eq!(text(&notes("1.0.0").stdout), "- the first\n");
    // A version with no lines can't be released, and neither can one that is not there or is only named.
    for missing in ["1.1.0", "2.0.0", "1.2"] {
        let refused = notes(missing);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{missing}: {refused:?}");
        assert!(text(&refused.stderr).contains(&format!("says nothing of {missing}")), "{refused:?}");
    }
}

#[test]
fn an_archive_has_the_binary_and_the_licenses_and_its_sum_and_is_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("built");
    fs::write(&binary, "#!/bin/sh\necho it runs\n").unwrap();
    let pack = |out: &str| {
        let packed = release(folder.path(), &["pack", "built", "x86_64-unknown-linux-musl", out]);
        assert!(packed.status.success(), "{packed:?}");
    };
    pack("one");
    let name = format!("provision-{}-x86_64-unknown-linux-musl", env!("CARGO_PKG_VERSION"));
    let checked = run("sha256sum", &folder.path().join("one"), &["-c", "SHA256SUMS"]);
    assert_eq!(text(&checked.stdout), format!("{name}.tar.gz: OK\n"));
    run("tar", folder.path(), &["-xzf", &format!("one/{name}.tar.gz")]);
    let unpacked = folder.path().join(&name);
    assert_eq!(text(&run("./provision", &unpacked, &[]).stdout), "it runs\n");
    let mut files: Vec<String> =
        fs::read_dir(&unpacked).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["CHANGELOG.md", "LICENSE", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "provision"]);
    // Files that were written at another time make the same archive.
    fs::write(&binary, "#!/bin/sh\necho it runs\n").unwrap();
    pack("two");
    let bytes = |out: &str| fs::read(folder.path().join(out).join(format!("{name}.tar.gz"))).unwrap();
    assert!(bytes("one") == bytes("two"), "the archives differ");
}

#[test]
fn a_binary_is_tried_before_it_is_packed() {
    let folder = tempfile::tempdir().unwrap();
    let tried = release(folder.path(), &["try", env!("CARGO_BIN_EXE_provision")]);
    assert!(tried.status.success(), "{tried:?}");
    // One that starts, and does nothing of what it is asked.
    let version = format!("#!/bin/sh\necho provision {}\n", env!("CARGO_PKG_VERSION"));
    for (script, why) in [("#!/bin/sh\necho 1\n", "does not say"), (&*version, "lacks an action")] {
        let path = executable(folder.path(), "other", script);
        let refused = release(folder.path(), &["try", &path]);
        assert!(!refused.status.success() && text(&refused.stderr).contains(why), "{refused:?}");
    }
}

/// Writes an executable file. Returns its path.
fn executable(folder: &Path, name: &str, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test is the user here")]
fn a_tool_that_cargo_lacks_is_installed_into_the_cache_and_then_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    // What `cargo install` makes is there afterwards.
    executable(
        &folder.path().join("bin"),
        "cargo",
        "#!/bin/sh\necho \"$*\" >> \"$HOME/called\"\ncase \"$1 $2\" in\n\
         '--version '*) echo cargo 99.0.0 ;;\n\
         'deny --version') test -e \"$HOME/installed\" ;;\n\
         'install '*) touch \"$HOME/installed\" ;;\nesac\n",
    );
    let audit = || {
        let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/release"))
            .args(["audit", "advisories"])
            .env("HOME", folder.path())
            .env("PATH", path)
            .env_remove("PROVISION_LAB_CACHE")
            .output()
            .unwrap()
    };
    for (time, n_installed) in [("first", 1), ("second", 0)] {
        let done = audit();
        assert!(done.status.success(), "{time}: {done:?}");
        let called = fs::read_to_string(folder.path().join("called")).unwrap();
        let installed = called.lines().filter(|line| line.starts_with("install --locked --root ")).count();
        assert_eq!(installed, n_installed, "{time}: {called}");
        assert!(called.ends_with("deny check advisories\n"), "{time}: {called}");
        fs::remove_file(folder.path().join("called")).unwrap();
    }
}
