//! `provision doctor --install`: what is declared is shown and asked, then done, and doctor looks again.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use crate::sandbox::{Sandbox, Shown};
use crate::server::Server;

/// What a package manager does for the tests: notes how it was called, and makes version 2.1.0 of `mytool`.
const MANAGER: &str = r#"echo "$(basename "$0") $*" >> "$HOME/world"
case " $* " in *" update "*) exit 0 ;; esac
folder="${GOBIN:-$HOME/bin}"; mkdir -p "$folder"
printf '#!/bin/sh\necho mytool 2.1.0\n' > "$folder/mytool"; chmod +x "$folder/mytool""#;

fn pipeline(install: &str) -> String {
    format!(
        "[pipeline]\nname = \"shop\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"tool-check\"\n\
         tool = \"mytool\"\nversion = \">=2\"\ninstall = {install}\n"
    )
}

fn sandbox(install: &str) -> Sandbox {
    let mut sandbox = Sandbox::new(&pipeline(install));
    sandbox.env("DOCKER_HOST", "unix:///no/such/docker.sock");
    sandbox.tool("sudo", "[ \"$1\" = -n ] || exit 9\nshift\nexec \"$@\"");
    for manager in ["apt-get", "brew", "go", "cargo", "pipx", "npm"] {
        sandbox.tool(manager, MANAGER);
    }
    sandbox
}

/// A sandbox whose user has `~/.local/bin` in `PATH`.
fn with_own_programs(install: &str) -> Sandbox {
    let mut sandbox = sandbox(install);
    let (bin, own) = (sandbox.path("bin"), sandbox.path(".local/bin"));
    sandbox.env("PATH", &format!("{}:{}:/usr/local/bin:/usr/bin:/bin", bin.display(), own.display()));
    sandbox
}

fn download(url: &str, program: &str) -> String {
    let digest = Sha256::digest(program).iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
    format!("[{{ download = {{ url = \"{url}\", sha256 = \"{digest}\" }} }}]")
}

const PROGRAM: &str = "#!/bin/sh\necho mytool 2.5.0\n";

#[test]
fn each_declared_way_is_followed_and_doctor_looks_again() {
    for (install, called) in [
        ("[{ apt = \"my-tool\" }]", "apt-get install -y --no-install-recommends my-tool"),
        ("[{ brew = \"my-tool\" }]", "brew install my-tool"),
        ("[{ cargo = \"my-tool\" }]", "cargo install --locked --root HOME/.local my-tool"),
        ("[{ pip = \"my-tool\" }]", "pipx install --force my-tool"),
        ("[{ npm = \"my-tool\" }]", "npm install --global --prefix HOME/.local my-tool"),
        ("\"brew install --cask my-tool\"", "brew install --cask my-tool"),
    ] {
        let sandbox = sandbox(install);
        // It is there, and too old.
        sandbox.tool("mytool", "echo mytool 1.0.0");
        let shown = sandbox.run(&["doctor", "--install", "--yes"]).code(0);
        let shown = shown.says("has version 1.0.0, and `>=2` is needed").says("installing mytool: ").says("2.1.0 at");
        assert!(shown.stdout.contains("1 problem") && shown.stderr.contains("looking again"), "{shown:?}");
        let home = sandbox.path("").display().to_string();
        let world = sandbox.world().last().unwrap().replace(home.trim_end_matches('/'), "HOME");
        assert_eq!(world, called);
        // Nothing is left to do, and a second time does nothing.
        sandbox.run(&["doctor", "--install", "--yes"]).code(0).says("nothing to install");
        assert_eq!(sandbox.world().len(), if install.contains("apt") { 2 } else { 1 });
    }
}

#[test]
fn a_program_that_is_not_found_where_it_was_put_is_said_to_be_missing_still() {
    let sandbox = sandbox("[{ go = \"example.org/my-tool@v2\" }]");
    let shown = sandbox.run(&["doctor", "--install", "--yes"]).code(3);
    shown.says("which is not in PATH: `export PATH=").says("1 problem");
    assert!(sandbox.path(".local/bin/mytool").exists());
    assert_eq!(sandbox.world(), ["go install example.org/my-tool@v2"]);
}

#[test]
fn a_download_takes_its_place_only_with_the_declared_digest() {
    let server = Server::answering(PROGRAM);
    let good = with_own_programs(&download(&server.url(), PROGRAM));
    good.run(&["doctor", "--install", "--yes"]).code(0).says("2.5.0 at").says("(SHA-256 ");
    let wrong = with_own_programs(&download(&server.url(), "something else"));
    let shown = wrong.run(&["doctor", "--install", "--yes"]).code(3);
    shown.says("is not what the pipeline declares").says("nothing was installed").says("1 problem");
    let left = fs_err::read_dir(wrong.path(".local/bin")).unwrap().count();
    assert_eq!(left, 0, "something was put into the folder");
}

#[test]
fn a_person_is_asked_and_where_nobody_can_be_nothing_is_done() {
    let sandbox = sandbox("[{ brew = \"my-tool\" }]");
    let shown = sandbox.run(&["doctor", "--install"]).code(2);
    shown.says("nobody can be asked").says("brew install my-tool").says("provision doctor --install --yes");
    assert!(sandbox.world().is_empty());
    let answer = |text: &str| {
        let mut asked = sandbox.on_a_terminal("doctor --install");
        asked.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        Shown::of(asked)
    };
    answer("n\n").code(3).says("brew install my-tool").says("install it? [y/N]").says("nothing was installed");
    assert!(sandbox.world().is_empty());
    answer("y\n").code(0).says("2.1.0 at");
    assert_eq!(sandbox.world(), ["brew install my-tool"]);
}

#[test]
fn up_installs_what_its_steps_miss_before_the_run_begins() {
    let sandbox = sandbox("[{ brew = \"my-tool\" }]");
    let shown = sandbox.run(&["up", "--install"]).code(2);
    shown.says("nobody can be asked").says("brew install my-tool").says("provision up --install --yes");
    assert!(sandbox.world().is_empty() && !sandbox.path(".provision/journal.jsonl").exists());
    let shown = sandbox.run(&["up", "--install", "--yes", "--output", "json"]).code(0);
    assert!(shown.stdout.lines().all(|line| line.starts_with('{')), "{shown:?}");
    assert!(shown.stderr.contains("installing mytool: `mytool` is not installed"), "{shown:?}");
    assert_eq!(sandbox.world(), ["brew install my-tool"]);
    // Nothing is missing: nobody is asked.
    let shown = sandbox.run(&["up", "--install"]).code(0);
    assert!(!shown.stderr.contains("install"), "{shown:?}");
    assert_eq!(sandbox.world().len(), 1);
}

#[test]
fn up_asks_a_person_and_runs_without_what_was_refused() {
    let sandbox = sandbox("[{ brew = \"my-tool\" }]");
    let answer = |text: &str| {
        let mut asked = sandbox.on_a_terminal("up --install");
        asked.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        Shown::of(asked)
    };
    answer("n\n").code(3).says("install it? [y/N]").says("nothing was installed").says("`mytool` is not installed");
    assert!(sandbox.world().is_empty());
    answer("y\n").code(0).says("brew install my-tool").says("shop succeeded").says("1 ran");
    assert_eq!(sandbox.world(), ["brew install my-tool"]);
}

#[test]
fn up_installs_only_for_the_selected_steps_and_a_failed_way_is_told_before_the_run() {
    let sandbox = sandbox("[{ npm = \"my-tool\" }]");
    let other = "[[stage]]\nid = \"t\"\n[[stage.step]]\nid = \"b\"\naction = \"command\"\nrun = \"true\"\n";
    sandbox.file("pipeline.toml", &format!("{}{other}", pipeline("[{ npm = \"my-tool\" }]")));
    sandbox.tool("npm", "echo no such package; exit 4");
    sandbox.run(&["up", "t", "--only", "--install"]).code(0).keeps_quiet_about("npm");
    let shown = sandbox.run(&["up", "--install", "--yes"]).code(3);
    shown.says("installing `mytool` failed").says("no such package").says("`mytool` is not installed");
}

#[test]
fn nothing_is_run_for_a_pipeline_that_is_not_trusted() {
    let mut sandbox = sandbox("\"touch ran\"");
    sandbox.env("PROVISION_TRUST", "");
    let shown = sandbox.run(&["doctor", "--install", "--yes"]);
    assert_ne!(shown.code, 0);
    shown.says("not trusted");
    assert!(!sandbox.path("ran").exists());
    sandbox.run(&["up", "--install", "--yes"]).says("not trusted");
    assert!(!sandbox.path("ran").exists());
    sandbox.run(&["doctor", "--install", "--yes", "--trust"]).code(3);
    assert!(sandbox.path("ran").exists());
}

#[test]
fn a_way_that_fails_keeps_no_other_program_from_being_installed_and_is_told() {
    let second = "[[stage.step]]\nid = \"b\"\naction = \"tool-check\"\ntool = \"other\"\n\
                  install = [{ apt = \"other\" }]\n";
    let sandbox = sandbox("[{ npm = \"my-tool\" }]");
    sandbox.file("pipeline.toml", &format!("{}{second}", pipeline("[{ npm = \"my-tool\" }]")));
    sandbox.tool("npm", "echo no such package; exit 4");
    sandbox.tool(
        "apt-get",
        "printf '#!/bin/sh\\necho other 1.0.0\\n' > \"$HOME/bin/other\"; chmod +x \"$HOME/bin/other\"",
    );
    let shown = sandbox.run(&["doctor", "--install", "--yes"]).code(3);
    shown.says("installing `mytool` failed").says("no such package").says("other").says("1.0.0 at");
}

#[test]
fn as_json_standard_output_is_one_document_of_what_is_there_at_last() {
    let sandbox = sandbox("[{ brew = \"my-tool\" }]");
    let shown = sandbox.run(&["doctor", "--install", "--yes", "--format", "json"]).code(0);
    let document: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(document["healthy"], true);
    assert!(shown.stderr.contains("brew install my-tool"), "{shown:?}");
}
