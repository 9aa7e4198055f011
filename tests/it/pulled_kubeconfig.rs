//! A kubeconfig that others put into a state folder that was made here, such as `git pull`: nobody is connected to
//! where it leads, and nothing is sent there.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fake_cluster::FakeCluster;
use crate::fake_docker::FakeDocker;
use crate::sandbox::Sandbox;

/// A cluster and a Secret in it, with `more` steps between them.
fn project(more: &str) -> (Sandbox, FakeCluster, FakeDocker) {
    let mut sandbox = Sandbox::new(&format!(
        "[pipeline]\nname = 't'\nchecklists = ['tasks.md']\n[cluster]\nprovider = 'minikube'\nname = 'pp'\n\
         [[stage]]\nid = 'cluster'\n[[stage.step]]\nid = 'start'\naction = 'cluster-start'\n{more}\
         [[stage]]\nid = 'secrets'\n[[stage.step]]\nid = 'apply'\naction = 'secret-apply'\nname = 'x'\n\
         data = {{ A = 'b' }}\ncovers = ['T001']\n"
    ));
    sandbox.file("tasks.md", "- [ ] T001 The Secret is there\n");
    // Not the daemon of the machine that runs the test.
    let docker = FakeDocker::serve(&mut sandbox);
    let cluster = FakeCluster::serve(&sandbox, "pp");
    (sandbox, cluster, docker)
}

fn command(id: &str, run: &str) -> String {
    format!("[[stage]]\nid = '{id}'\n[[stage.step]]\nid = 'a'\naction = 'command'\nrun = '''{run}'''\nalways = true\n")
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    fs_err::read_to_string(sandbox.path(name)).unwrap()
}

/// How often minikube was called with `verb`.
fn calls(sandbox: &Sandbox, verb: &str) -> usize {
    read(sandbox, "calls").lines().filter(|call| call.starts_with(verb)).count()
}

/// What is in the files of the state folder whose names begin with `begin`.
fn files(sandbox: &Sandbox, begin: &str) -> Vec<String> {
    let entries = fs_err::read_dir(sandbox.path(".provision")).unwrap().map(|entry| entry.unwrap());
    let entries = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begin));
    entries.map(|entry| fs_err::read_to_string(entry.path()).unwrap()).collect()
}

/// The kubeconfigs that were set aside.
fn kept(sandbox: &Sandbox) -> Vec<String> {
    files(sandbox, "kubeconfig.foreign-")
}

/// A server of the author's, which counts who connects.
struct Author {
    address: String,
    connections: Arc<AtomicUsize>,
}

impl Author {
    fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for _ in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, connections }
    }

    /// The kubeconfig `ours`, as it would lead to this server.
    fn kubeconfig(&self, ours: &str) -> String {
        let (before, rest) = ours.split_once("http://").unwrap();
        format!("{before}http://{}{}", self.address, &rest[rest.find('"').unwrap()..])
    }

    fn assert_nobody_came(&self) {
        assert_eq!(self.connections.load(Ordering::SeqCst), 0, "somebody connected to the author's server");
    }
}

fn git(folder: &Path, args: &[&str]) {
    let author = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
    duct::cmd("git", author.iter().chain(args)).dir(folder).stdout_null().stderr_null().run().unwrap();
}

#[test]
fn a_kubeconfig_that_git_pull_brings_leads_nobody_to_its_server() {
    let (sandbox, _cluster, _docker) = project("");
    let author = Author::serve();
    let repository = tempfile::tempdir().unwrap();
    let theirs = repository.path();
    fs_err::write(theirs.join("README"), "").unwrap();
    for args in [&["init", "-q"][..], &["add", "."], &["commit", "-qm", "one"]] {
        git(theirs, args);
    }
    let pull = || {
        git(&sandbox.path(""), &["init", "-q"]);
        git(&sandbox.path(""), &["pull", "-q", &theirs.display().to_string(), "main"]);
    };
    pull();
    sandbox.run(&["up"]).code(0);
    let ours = read(&sandbox, ".provision/kubeconfig");
    let pulled = author.kubeconfig(&ours);
    fs_err::create_dir(theirs.join(".provision")).unwrap();
    fs_err::write(theirs.join(".provision/kubeconfig"), &pulled).unwrap();
    git(theirs, &["add", "-f", ".provision/kubeconfig"]);
    git(theirs, &["commit", "-qm", "two"]);
    pull();
    assert_eq!(read(&sandbox, ".provision/kubeconfig"), pulled, "git has not replaced the ignored file");

    for (command, code) in [
        (&["plan", "--exit-code"][..], 10),
        (&["report", "--check"], 1),
        (&["why", "cluster.start"], 0),
        (&["why", "secrets.apply"], 0),
        (&["down", "--dry-run"], 1),
        (&["open", "web"], 4),
    ] {
        sandbox.run(command).code(code).says("was not made here");
    }
    sandbox.run(&["why", "cluster.start"]).says("git pull");
    sandbox.run(&["doctor"]).says("was not made here").says("git pull").says("provision up");
    sandbox.run(&["up", "--strict-state"]).code(4).says("was not made here").says("git rm --cached");
    assert_eq!(read(&sandbox, ".provision/kubeconfig"), pulled, "a reader has changed it");
    author.assert_nobody_came();

    sandbox.run(&["up", "--only", "secrets"]).code(1).says("kubeconfig.foreign-").says("has not been started");
    author.assert_nobody_came();
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["report", "--check"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do").keeps_quiet_about("not made here");
    assert_eq!((calls(&sandbox, "start"), calls(&sandbox, "update-context")), (1, 1), "the cluster was started again");
    assert_eq!(read(&sandbox, ".provision/kubeconfig"), ours);
    assert_eq!(kept(&sandbox), [pulled]);
    author.assert_nobody_came();
}

#[test]
fn a_kubeconfig_of_an_earlier_version_is_made_again_and_the_cluster_stays() {
    let (sandbox, _cluster, _docker) = project("");
    sandbox.run(&["up"]).code(0);
    fs_err::remove_file(sandbox.path(".provision/kubeconfig.seal")).unwrap();
    sandbox.run(&["up"]).code(0).says("kubeconfig.foreign-");
    sandbox.run(&["up"]).code(0).says("nothing to do").keeps_quiet_about("foreign");
    assert_eq!((calls(&sandbox, "start"), calls(&sandbox, "update-context")), (1, 1));
    assert_eq!((calls(&sandbox, "delete"), calls(&sandbox, "stop"), kept(&sandbox).len()), (0, 0, 1));
}

#[test]
fn a_kill_while_minikube_writes_it_ends_well() {
    let (sandbox, _cluster, _docker) = project("");
    let minikube = read(&sandbox, "bin/minikube");
    let kills = "\"$KUBECONFIG\"; [ -e \"$here/../killed\" ] || { touch \"$here/../killed\"; kill -9 $PPID; }";
    sandbox.tool("minikube", &minikube.replace("\"$KUBECONFIG\" ;;", &format!("{kills} ;;")));
    for verb in ["start", "update-context"] {
        drop(fs_err::remove_file(sandbox.path("killed")));
        drop(fs_err::remove_file(sandbox.path(".provision/kubeconfig")));
        sandbox.run(&["up"]);
        assert!(sandbox.path("killed").exists(), "{verb}");
        assert!(!sandbox.path(".provision/kubeconfig").exists(), "{verb}: it was not killed before it was ours");
        sandbox.run(&["up"]).code(0).keeps_quiet_about("foreign");
        sandbox.run(&["up"]).code(0).says("nothing to do");
        assert!(calls(&sandbox, verb) > 0);
        assert_eq!((calls(&sandbox, "delete"), kept(&sandbox).len()), (0, 0));
        assert_eq!(files(&sandbox, "kubeconfig.draft").len(), 0);
    }
}

/// A step that needs no cluster runs while minikube starts one, and has already written where it will be.
#[test]
fn a_step_that_runs_while_minikube_writes_it_is_not_refused() {
    let step = "while ! [ -e wrote ]; do sleep 0.01; done; cat \"$KUBECONFIG\" >got 2>&1 || touch went";
    let other = command("other", step).replace("[[stage]]\n", "[[stage]]\nneeds = []\n");
    let (sandbox, _cluster, _docker) = project("");
    sandbox.file("pipeline.toml", &(read(&sandbox, "pipeline.toml") + &other));
    let minikube = read(&sandbox, "bin/minikube");
    let waits = "\"$KUBECONFIG\"; touch \"$here/../wrote\"; while ! [ -e \"$here/../went\" ]; do sleep 0.01; done ;;";
    sandbox.tool("minikube", &minikube.replace("\"$KUBECONFIG\" ;;", waits));
    sandbox.run(&["up"]).code(0);
    assert!(read(&sandbox, "got").contains("No such file"));
}

#[test]
fn a_step_may_choose_a_namespace_in_it() {
    let choose = r#"grep -q namespace "$KUBECONFIG" || sed -i "s/\"context\":{/\"context\":{\"namespace\":\"x\",/" "$KUBECONFIG""#;
    let (sandbox, _cluster, _docker) = project(&command("choose", choose));
    sandbox.run(&["up"]).code(0);
    assert!(read(&sandbox, ".provision/kubeconfig").contains("namespace"));
    sandbox.run(&["report", "--check"]).code(0);
    sandbox.run(&["up"]).code(0).keeps_quiet_about("foreign");
    assert_eq!((calls(&sandbox, "start"), calls(&sandbox, "update-context")), (1, 0));
}

#[test]
fn a_program_that_is_started_after_it_was_replaced_does_not_get_it() {
    let replace = "[ -e theirs ] && cp theirs \"$KUBECONFIG\" && rm theirs; true";
    let more = [command("replace", replace), command("use", "cat \"$KUBECONFIG\" >got")].concat();
    let (sandbox, _cluster, _docker) = project(&more);
    sandbox.run(&["up"]).code(0);
    let author = Author::serve();
    let ours = read(&sandbox, ".provision/kubeconfig");
    sandbox.file("theirs", &author.kubeconfig(&ours));
    sandbox.run(&["up"]).code(4).says("was not made here").says("`provision up` keeps it");
    assert_eq!(read(&sandbox, "got"), ours);
    sandbox.run(&["up"]).code(0);
    assert_eq!((read(&sandbox, "got"), calls(&sandbox, "start")), (ours, 1));
    author.assert_nobody_came();
}

/// kubectl and helm end a line at U+2028. Without a seal counts what leads nowhere, and this leads to the author.
#[test]
fn one_whose_server_is_in_a_comment_to_us_alone_gets_to_no_program() {
    let (sandbox, _cluster, _docker) = project(&command("use", "cat \"$KUBECONFIG\" >got"));
    sandbox.run(&["up"]).code(0);
    let author = Author::serve();
    let ours = read(&sandbox, ".provision/kubeconfig");
    let hidden = format!("# \u{2028}{}\u{2028}", author.kubeconfig(&ours));
    for name in ["kubeconfig", "kubeconfig.seal", "kubeconfig.draft-0", "kubeconfig.seal.new"] {
        let path = sandbox.path(".provision").join(name);
        drop(fs_err::remove_file(&path));
        match name {
            "kubeconfig" => fs_err::write(&path, &hidden).unwrap(),
            _ => fs_err::create_dir_all(path.join("in")).unwrap(),
        }
    }
    for command in [&["report"][..], &["why", "use.a"], &["plan"]] {
        sandbox.run(command).says("was not made here");
    }
    sandbox.run(&["up", "--only", "use"]).keeps_quiet_about("can't");
    assert!(!read(&sandbox, "got").contains(&author.address));
    sandbox.run(&["up"]).code(0);
    assert_eq!((read(&sandbox, "got"), calls(&sandbox, "start")), (ours, 1));
    sandbox.run(&["up"]).code(0).keeps_quiet_about("foreign");
    assert!(sandbox.path(".provision/kubeconfig.draft-0/in").exists());
    author.assert_nobody_came();
}
