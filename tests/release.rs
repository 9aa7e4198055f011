//! `scripts/release`: the notes are CHANGELOG.md's lines of one version, and an archive is what was built.
//! `action.yml`: what it installs is that archive.

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
    pack(folder.path(), "x86_64-unknown-linux-musl", "one", "022");
    let name = format!("provision-{}-x86_64-unknown-linux-musl", env!("CARGO_PKG_VERSION"));
    let checked = run("sha256sum", &folder.path().join("one"), &["-c", "SHA256SUMS"]);
    assert_eq!(text(&checked.stdout), format!("{name}.tar.gz: OK\n"));
    run("tar", folder.path(), &["-xzf", &format!("one/{name}.tar.gz")]);
    let unpacked = folder.path().join(&name);
    assert_eq!(text(&run("./provision", &unpacked, &[]).stdout), "it runs\n");
    let mut files: Vec<String> =
        fs::read_dir(&unpacked).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(
        files,
        ["CHANGELOG.md", "LICENSE", "LICENSE-APACHE", "LICENSE-MIT", "LICENSES-OTHERS", "README.md", "provision"]
    );
    let others = fs::read_to_string(unpacked.join("LICENSES-OTHERS")).unwrap();
    let (lacking, texts) = others.split_once(&"=".repeat(100)).unwrap();
    assert!(lacking.contains("\n- gamma v3.0.0: Zlib\n- the Rust standard library: "), "{others}");
    assert_eq!(
        texts.replace(&"=".repeat(100), "="),
        "\nalpha v1.0.0 (MIT)\n\nPermission\n\n=\nalpha v1.0.0 (MIT), beta-alpha v1.0.0 (MIT OR Apache-2.0)\n\nNo warranty\n"
    );
    // Files that were written at another time, by a user whose files are private, make the same archive.
    fs::write(&binary, "#!/bin/sh\necho it runs\n").unwrap();
    pack(folder.path(), "x86_64-unknown-linux-musl", "two", "077");
    let bytes = |out: &str| fs::read(folder.path().join(out).join(format!("{name}.tar.gz"))).unwrap();
    assert!(bytes("one") == bytes("two"), "the archives differ");
}

#[test]
fn a_binary_that_is_larger_than_it_may_be_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    fs::File::create(folder.path().join("built")).unwrap().set_len(25_000_001).unwrap();
    let done = release(folder.path(), &["pack", "built", "x86_64-unknown-linux-musl", "out"]);
    assert!(
        !done.status.success() && text(&done.stderr).contains("has 25000001 bytes, and may have 25000000"),
        "{done:?}"
    );
    assert!(!folder.path().join("out").exists());
}

/// What cargo-binstall makes of the templates in Cargo.toml. Of the archives of their format it asks for `.tgz`,
/// then for `.tar.gz`.
#[test]
fn cargo_binstall_asks_for_the_archive_and_the_binary_that_are_packed() {
    let folder = tempfile::tempdir().unwrap();
    let manifest: toml::Value =
        toml::from_str(&fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap()).unwrap();
    let binstall = &manifest["package"]["metadata"]["binstall"];
    assert_eq!(binstall["pkg-fmt"].as_str(), Some("tgz"));
    for (target, packed) in [
        ("x86_64-unknown-linux-musl", "x86_64-unknown-linux-musl"),
        ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl"),
        ("aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl"),
    ] {
        let value = |key: &str| {
            let mut text = binstall.get("overrides").and_then(|o| o.get(target)).unwrap_or(binstall)[key]
                .as_str()
                .unwrap()
                .to_owned();
            for (name, value) in [
                ("{ repo }", "https://example.org/p"),
                ("{ version }", env!("CARGO_PKG_VERSION")),
                ("{ target }", target),
                ("{ archive-suffix }", ".tar.gz"),
                ("{ bin }", "provision"),
                ("{ binary-ext }", ""),
            ] {
                text = text.replace(name, value);
            }
            text
        };
        fs::write(folder.path().join("built"), target).unwrap();
        pack(folder.path(), packed, "out", "022");
        let url = value("pkg-url");
        let (place, archive) = url.rsplit_once('/').unwrap();
        assert_eq!(place, format!("https://example.org/p/releases/download/v{}", env!("CARGO_PKG_VERSION")));
        let binary = run("tar", folder.path(), &["-xzOf", &format!("out/{archive}"), &value("bin-dir")]);
        assert_eq!(text(&binary.stdout), target, "{binary:?}");
    }
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

/// Runs `scripts/release` with a `cargo` that is a script: it notes each command line, has the extra command
/// `tool` once that was installed, and runs `script` for all else.
#[expect(clippy::disallowed_methods, reason = "the test is the user here")]
fn with_scripted_cargo(folder: &Path, umask: &str, tool: &str, script: &str, args: &[&str]) -> (Output, String) {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let begin = "#!/bin/sh\necho \"$*\" >> \"$HOME/called\"\n";
    executable(
        &bin,
        "cargo",
        &format!(
            "{begin}case \"$1 $2\" in\n'--version '*) echo cargo 99.0.0 ;;\n'{tool} --version') test -e \"$HOME/installed\" ;;\n\
             'install '*) touch \"$HOME/installed\" ;;\n*) {script} ;;\nesac\n"
        ),
    );
    let done = Command::new("sh")
        .args([
            "-c",
            &format!("umask {umask}; exec \"$0\" \"$@\""),
            concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/release"),
        ])
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .env("CARGO_HOME", folder.join("cargo"))
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
        .env("SOURCE_DATE_EPOCH", "1")
        .env_remove("PROVISION_LAB_CACHE")
        .output()
        .unwrap();
    let called = fs::read_to_string(folder.join("called")).unwrap();
    fs::remove_file(folder.join("called")).unwrap();
    (done, called)
}

/// Packs the file `built` of the folder, as a program that three crates are linked into.
fn pack(folder: &Path, target: &str, out: &str, umask: &str) {
    let source = |name: &str, files: &[(&str, &str)]| {
        let source = folder.join("cargo/registry/src/registry").join(name);
        fs::create_dir_all(source.join("src")).unwrap();
        for (name, text) in files {
            fs::write(source.join(name), text).unwrap();
        }
    };
    source(
        "alpha-1.0.0",
        &[("LICENSE-MIT", "Permission\n"), ("src/COPYING", "No warranty\n"), ("license.rs", "mod m;\n")],
    );
    source("beta-alpha-1.0.0", &[("licence.md", "No warranty\n"), ("NOTICE", "No warranty\n")]);
    source("gamma-3.0.0", &[("README", "none\n")]);
    let tree = "provision v0.1.0 (/here)|MIT\nbeta-alpha v1.0.0|MIT OR Apache-2.0\nalpha v1.0.0|MIT\ngamma v3.0.0|Zlib\nalpha v1.0.0|MIT (*)\n";
    fs::write(folder.join("tree"), tree).unwrap();
    let (done, called) =
        with_scripted_cargo(folder, umask, "none", "cat \"$HOME/tree\"", &["pack", "built", target, out]);
    assert!(done.status.success(), "{done:?}");
    assert!(called.contains(&format!("tree --locked --target {target} -e normal,no-proc-macro ")), "{called}");
}

#[test]
fn a_tool_that_cargo_lacks_is_installed_into_the_cache_and_then_used() {
    let folder = tempfile::tempdir().unwrap();
    for (time, n_installed) in [("first", 1), ("second", 0)] {
        let (done, called) = with_scripted_cargo(folder.path(), "022", "deny", ":", &["audit", "advisories"]);
        assert!(done.status.success(), "{time}: {done:?}");
        let installed = called.lines().filter(|line| line.starts_with("install --locked --root ")).count();
        assert_eq!(installed, n_installed, "{time}: {called}");
        assert!(called.ends_with("deny check advisories\n"), "{time}: {called}");
    }
}

#[test]
fn a_bill_of_materials_is_that_of_the_target_and_the_same_in_every_checkout() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo \"{\\\"of\\\": \\\"path+file://$PWD#provision@0\\\", \\\"at\\\": $SOURCE_DATE_EPOCH}\" > provision-sbom.json";
    let (done, called) =
        with_scripted_cargo(folder.path(), "022", "cyclonedx", script, &["sbom", "some-target", "out"]);
    assert!(done.status.success(), "{done:?}");
    let call = "cyclonedx --format json --target some-target --override-filename provision-sbom --quiet\n";
    assert!(called.ends_with(call), "{called}");
    let file = format!("out/provision-{}-some-target.cdx.json", env!("CARGO_PKG_VERSION"));
    let bill = fs::read_to_string(folder.path().join(file)).unwrap();
    assert_eq!(bill, "{\"of\": \"path+file:///provision#provision@0\", \"at\": 1}\n");
}

/// Runs the shell of the `n`th step of `action.yml` as a runner does, in `folder`, with nothing but these variables.
#[expect(clippy::disallowed_methods, reason = "the test is the runner here")]
fn action_step(n: usize, folder: &Path, variables: &[(&str, &str)]) -> Output {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/action.yml")).unwrap();
    let action: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let step = &action["runs"]["steps"][n];
    assert_eq!(step["shell"], "bash");
    fs::write(folder.join("step.sh"), step["run"].as_str().unwrap()).unwrap();
    Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "step.sh"])
        .current_dir(folder)
        .env("GITHUB_PATH", folder.join("path"))
        .env("RUNNER_TEMP", folder)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn the_action_installs_the_archive_that_the_sums_name_and_no_other() {
    let version = env!("CARGO_PKG_VERSION");
    let folder = tempfile::tempdir().unwrap();
    let arch = std::env::consts::ARCH;
    let target = format!("{arch}-unknown-linux-musl");
    fs::write(folder.path().join("built"), "#!/bin/sh\necho it runs\n").unwrap();
    let published = format!("releases/v{version}");
    pack(folder.path(), &target, &published, "022");
    let releases = format!("file://{}/releases", folder.path().display());
    let install = |version: &str, sha256: &str| {
        fs::write(folder.path().join("path"), "").unwrap();
        let variables = [("VERSION", version), ("SHA256", sha256), ("RELEASES", &releases)];
        let done = action_step(0, folder.path(), &variables);
        (done.status.success(), text(&done.stdout), fs::read_to_string(folder.path().join("path")).unwrap())
    };

    // With and without the `v` of the tag.
    for given in [version, &format!("v{version}")] {
        let (succeeded, stdout, path) = install(given, "");
        assert!(succeeded, "{stdout}");
        assert_eq!(text(&run(&format!("{}/provision", path.trim()), folder.path(), &[]).stdout), "it runs\n");
    }
    let (succeeded, stdout, path) = install("99.0.0", "");
    assert!(!succeeded && path.is_empty(), "{stdout}");
    assert!(stdout.contains(&format!("::error::could not download {releases}/v99.0.0/provision-99.0.0-")), "{stdout}");
    let archive = format!("provision-{version}-{target}.tar.gz");
    let (succeeded, stdout, path) = install(version, &"0".repeat(64));
    assert!(!succeeded && path.is_empty(), "{stdout}");
    assert!(stdout.contains(&format!("::error::{archive} of v{version} is not the archive with the SHA-256 0000")));
    fs::write(folder.path().join(&published).join("SHA256SUMS"), "").unwrap();
    let (succeeded, stdout, path) = install(version, "");
    assert!(!succeeded && path.is_empty(), "{stdout}");
    assert!(stdout.contains(&format!("::error::SHA256SUMS of v{version} does not name {archive}")), "{stdout}");
}

#[test]
fn the_action_runs_provision_with_every_line_of_its_arguments() {
    let folder = tempfile::tempdir().unwrap();
    executable(folder.path(), "provision", "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 7\n");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    for arguments in ["up  --trust * ", "up\n--trust\n*\n"] {
        let done = action_step(1, folder.path(), &[("ARGS", arguments), ("PATH", &path)]);
        assert_eq!(text(&done.stdout), "up\n--trust\n*\n", "{arguments:?}");
        assert_eq!(done.status.code(), Some(7), "the exit code is that of provision");
    }
}

#[test]
fn a_commit_is_released_as_the_version_that_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let refused = release(folder.path(), &["check", "99.0.0"]);
    let expected = format!("error: Cargo.toml has the version {}, not 99.0.0\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((refused.status.success(), text(&refused.stderr)), (false, expected));
}
