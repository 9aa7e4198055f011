//! A state folder that was not made here is not believed: F86; links in it are not followed: F87.

use std::os::unix::fs::symlink;

use crate::sandbox::{Sandbox, Shown, steps};

fn project() -> Sandbox {
    let text = steps(&[("a", "echo a >> world; echo hello", "covers = [\"T001\"]\ncheck = [\"true\"]")]);
    let sandbox = Sandbox::new(&text.replace("name = \"test\"", "name = \"test\"\nchecklists = [\"tasks.md\"]"));
    sandbox.file("tasks.md", "- [ ] T001 All tests pass\n");
    sandbox
}

/// What a clone of `original` brings: its state folder, file by file.
fn copy_state(original: &Sandbox, copy: &Sandbox) {
    duct::cmd!("cp", "-r", original.path(".provision"), copy.path(".provision")).run().unwrap();
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    fs_err::read_to_string(sandbox.path(name)).unwrap()
}

/// The names of what was set aside.
fn set_aside(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs_err::read_dir(sandbox.path(".provision")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("set-aside-")).collect()
}

#[test]
fn r20_a_state_folder_from_elsewhere_is_no_evidence_and_nothing_of_it_is_lost() {
    let original = project();
    original.run(&["up"]).code(0);
    original.run(&["report", "--check"]).code(0);
    for marked in [true, false] {
        let clone = project();
        copy_state(&original, &clone);
        if !marked {
            fs_err::remove_file(clone.path(".provision/mark")).unwrap();
        }
        for command in [&["status"][..], &["plan"], &["report"], &["why", "s.a"], &["logs", "s.a"]] {
            clone.run(command).code(4).says("was not made here").says("`provision up` keeps it");
        }
        assert!(clone.world().is_empty());
        clone.run(&["up"]).code(0).says("was not made here").says("set-aside-");
        assert_eq!(clone.world(), ["a"], "the original's journal was believed");
        let kept = set_aside(&clone);
        assert_eq!(kept.len(), 1, "{kept:?}");
        let theirs = fs_err::read(original.path(".provision/journal.jsonl")).unwrap();
        let journal = clone.path(".provision").join(&kept[0]).join("journal.jsonl");
        assert_eq!(fs_err::read(journal).unwrap(), theirs);
        clone.run(&["up"]).code(0).says("nothing to do").keeps_quiet_about("not made here");
        clone.run(&["report", "--check"]).code(0);
    }
    original.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn a_journal_that_git_puts_into_our_own_state_folder_is_no_evidence() {
    let (author, ours) = (project(), project());
    author.run(&["up"]).code(0);
    ours.file("pipeline.toml", &read(&ours, "pipeline.toml").replace("echo hello", "exit 1"));
    ours.run(&["up"]).code(1);
    ours.file("pipeline.toml", &read(&author, "pipeline.toml"));
    // The folder ignores itself, and git replaces what is ignored: nobody is asked.
    let theirs = read(&author, ".provision/journal.jsonl");
    ours.file(".provision/journal.jsonl", &theirs);
    for command in [&["status"][..], &["plan"], &["report", "--check"], &["why", "s.a"], &["report", "diff"]] {
        ours.run(command).code(4).says("was not written here").says("git rm --cached");
    }
    ours.run(&["up", "--strict-state"]).code(4).says("was not written here");
    assert_eq!(read(&ours, ".provision/journal.jsonl"), theirs);
    ours.run(&["up"]).code(0).says("the journal was not written here").says("journal.foreign-");
    assert_eq!(ours.world(), ["a", "a"], "the author's journal was believed");
    let names = fs_err::read_dir(ours.path(".provision")).unwrap().map(|entry| entry.unwrap().file_name());
    let kept: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("journal.foreign-")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(fs_err::read_to_string(ours.path(".provision").join(&kept[0])).unwrap(), theirs);
    ours.run(&["up"]).code(0).says("nothing to do").keeps_quiet_about("not written here");
    ours.run(&["report", "--check"]).code(0);
}

#[test]
fn the_folder_ignores_itself_whatever_git_puts_there() {
    let sandbox = project();
    sandbox.file(".provision/.gitignore", "!*\n").run(&["up"]).code(0);
    assert_eq!(read(&sandbox, ".provision/.gitignore"), "*\n");
    for theirs in ["!*\n", ""] {
        sandbox.file(".provision/.gitignore", theirs).run(&["up"]).code(0);
        assert_eq!(read(&sandbox, ".provision/.gitignore"), "*\n", "{theirs:?}");
    }
}

#[test]
fn r20_a_program_that_a_foreign_kubeconfig_names_is_not_run() {
    let exec = "apiVersion: v1\nkind: Config\ncurrent-context: red\n\
                contexts: [{name: red, context: {cluster: c, user: u}}]\n\
                clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n\
                users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, \
                args: ['-c', 'touch PWNED'], interactiveMode: Never}}}]\n";
    let pipeline = "[pipeline]\nname = \"t\"\n[cluster]\nprovider = \"minikube\"\nname = \"red\"\n[[stage]]\nid = \"s\"\n\
                    [[stage.step]]\nid = \"a\"\naction = \"secret-apply\"\nname = \"x\"\ndata = { A = \"b\" }\n";
    let sandbox = Sandbox::new(pipeline);
    let exec = exec.replace("PWNED", &sandbox.path("pwned").display().to_string());
    sandbox.file(".provision/kubeconfig", &exec);
    for command in [&["status"][..], &["plan"], &["report"], &["why", "s.a"]] {
        sandbox.run(command).code(4);
    }
    // Nor in a folder of ours.
    fs_err::remove_dir_all(sandbox.path(".provision")).unwrap();
    sandbox.run(&["up"]).code(1).says("has not been started");
    sandbox.file(".provision/kubeconfig", &exec);
    for command in [&["plan"][..], &["report"], &["why", "s.a"], &["doctor"]] {
        sandbox.run(command);
    }
    sandbox.run(&["up"]).code(1).says("kubeconfig.foreign-").says("has not been started");
    assert!(!sandbox.path("pwned").exists());
}

#[test]
fn a_checkout_that_is_moved_keeps_its_state() {
    let sandbox = project();
    sandbox.run(&["up"]).code(0);
    fs_err::create_dir(sandbox.path("moved")).unwrap();
    for name in ["pipeline.toml", "tasks.md", ".provision"] {
        fs_err::rename(sandbox.path(name), sandbox.path("moved").join(name)).unwrap();
    }
    sandbox.run(&["-C", "moved", "status"]).code(0).says("succeeded");
    sandbox.run(&["-C", "moved", "up"]).code(0).says("nothing to do").keeps_quiet_about("not made here");
}

#[test]
fn a_folder_in_which_a_run_of_an_older_version_is_on_stays_in_its_place() {
    let sandbox = project();
    sandbox.file(".provision/journal.jsonl", "").file(".provision/lock", "");
    let lock = fs_err::File::open(sandbox.path(".provision/lock")).unwrap();
    lock.file().lock().unwrap();
    sandbox.run(&["up"]).code(4).says("another run holds the lock");
    assert!(sandbox.path(".provision/journal.jsonl").exists());
    drop(lock);
    sandbox.run(&["up"]).code(0).says("it has no mark");
}

#[test]
fn a_replacement_that_was_killed_in_the_middle_is_finished() {
    let sandbox = project();
    sandbox.file(".provision/journal.jsonl", "theirs");
    sandbox.run(&["up"]).code(0);
    // As it is between the two renames.
    fs_err::rename(sandbox.path(".provision"), sandbox.path(".provision.new")).unwrap();
    sandbox.run(&["status"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    assert!(!sandbox.path(".provision.new").exists());
    assert_eq!(set_aside(&sandbox).len(), 1);
}

#[test]
fn r21_links_in_the_state_folder_are_not_followed() {
    let sandbox = project();
    sandbox.run(&["up"]).code(0);
    let state = |name: &str| sandbox.path(".provision").join(name);
    fs_err::create_dir(sandbox.path("elsewhere")).unwrap();
    fs_err::write(sandbox.path("victim"), "precious").unwrap();
    fs_err::remove_dir_all(state("logs")).unwrap();
    symlink(sandbox.path("elsewhere"), state("logs")).unwrap();
    for name in [
        "files",
        "files.new",
        "journal.new",
        "kube-context",
        "kube-context.new",
        "secret-key",
        "kubeconfig",
        "cluster-making",
    ] {
        drop(fs_err::remove_file(state(name)));
        symlink(sandbox.path("victim"), state(name)).unwrap();
    }
    sandbox.run(&["up", "--force"]);
    sandbox.run(&["logs", "s.a"]).keeps_quiet_about("precious");
    assert_eq!(fs_err::read_dir(sandbox.path("elsewhere")).unwrap().count(), 0, "a log was written through the link");
    assert_eq!(fs_err::read_to_string(sandbox.path("victim")).unwrap(), "precious");
    for name in ["lock", "journal.jsonl", "mark"] {
        fs_err::remove_file(state(name)).unwrap();
        symlink(sandbox.path("victim"), state(name)).unwrap();
        sandbox.run(&["up"]);
        assert_eq!(fs_err::read_to_string(sandbox.path("victim")).unwrap(), "precious", "{name}");
        drop(fs_err::remove_dir_all(sandbox.path(".provision")));
        sandbox.run(&["up"]).code(0);
    }
}

#[test]
fn what_another_user_has_left_in_the_state_folder_is_named_with_its_cure() {
    let sandbox = project();
    let folder = sandbox.path("");
    fs_err::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    fs_err::copy(env!("CARGO_BIN_EXE_provision"), folder.join("bin/provision")).unwrap();
    let somebody = |args: &[&str]| {
        let mut command = sandbox.program("setpriv", &[]);
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "bin/provision"]).args(args);
        command.env_remove("HOME").env_remove("TMPDIR");
        Shown::of(command.spawn().unwrap())
    };
    let cure = || format!("sudo chown -R \"$(id -u):$(id -g)\" {}", sandbox.path(".provision").display());
    let give = |name: &str, to: u32| std::os::unix::fs::chown(sandbox.path(name), Some(to), Some(to)).unwrap();
    let all = |to: u32| duct::cmd!("chown", "-R", format!("{to}:{to}"), sandbox.path(".provision")).run().unwrap();
    // All of it, as after a first run with `sudo`.
    sandbox.run(&["up"]).code(0);
    give("world", 65534);
    // Nothing has run in a folder that can't be written: there is nothing to take down.
    fs_err::rename(sandbox.path(".provision"), sandbox.path("kept")).unwrap();
    fs_err::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    somebody(&["down", "--yes"]).code(0).says("there is nothing to remove");
    fs_err::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    fs_err::rename(sandbox.path("kept"), sandbox.path(".provision")).unwrap();
    // In root's own checkout nothing is to be had by somebody else.
    for command in ["up", "status"] {
        let shown = somebody(&[command]).code(4).says("belongs to root").says("in a checkout of your own");
        shown.keeps_quiet_about("chown");
    }
    give(".", 65534);
    for command in ["up", "status", "plan", "report", "logs"] {
        somebody(&[command]).code(4).says("belongs to root").says("with `sudo`").says(&cure());
    }
    somebody(&["doctor"]).code(3).says("belongs to root").says(&cure());
    all(65534);
    somebody(&["up"]).code(0);
    // One file of it, as a later run with `sudo` writes it.
    for name in ["lock", "journal.jsonl", "logs"] {
        let name = format!(".provision/{name}");
        let mode = if name.ends_with("logs") { 0o700 } else { 0o600 };
        fs_err::set_permissions(sandbox.path(&name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        give(&name, 0);
        somebody(&["up"]).code(4).says("belongs to root").says(&cure());
        somebody(&["doctor"]).code(3).says("belongs to root").says(&cure());
        all(65534);
        somebody(&["up"]).code(0);
    }
    // What its owner has made read-only.
    for name in ["lock", "journal.jsonl", "logs"] {
        let path = sandbox.path(format!(".provision/{name}"));
        let mode = |mode: u32| {
            fs_err::set_permissions(path.as_path(), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        };
        mode(0o400);
        let cure = format!("chmod -R u+rwX {}", sandbox.path(".provision").display());
        somebody(&["up"]).code(4).says("its mode does not allow it").says(&cure);
        somebody(&["doctor"]).code(3).says("its mode does not allow it").says(&cure);
        mode(if name == "logs" { 0o700 } else { 0o600 });
        somebody(&["up"]).code(0);
    }
    // What somebody else has written is not to be had as one's own.
    for name in [".provision/lock", ".provision"] {
        give(name, 65533);
        somebody(&["up"]).code(4).says("remove it").says("state-foreign").keeps_quiet_about("chown");
        all(65534);
    }
    // What nobody reads any more keeps nobody from anything, and root may do all of it.
    sandbox.file(".provision/journal.bad-1", "");
    give(".provision/journal.bad-1", 0);
    somebody(&["up"]).code(0);
    sandbox.run(&["up"]).code(0);
}
