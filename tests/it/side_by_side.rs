//! Two checkouts of one project: what they share, what each has of its own, and what `down` takes from whom.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::fake_cluster::FakeCluster;
use crate::fake_engine::{FakeEngine, Image};
use crate::open::get;
use crate::sandbox::{Sandbox, Shown, send, steps};
use crate::shared_cluster::SharedCluster;

/// Two checkouts on one daemon and in one cluster, by one user.
struct Two {
    checkouts: [Sandbox; 2],
    engine: FakeEngine,
    cluster: SharedCluster,
    /// Where the steps of both meet, with the user's state.
    shared: tempfile::TempDir,
}

impl Two {
    /// Each has a container, a Secret and a `ConfigMap` in `namespace`, and its run goes on until the other's is on.
    fn new(namespace: &str) -> Self {
        let shared = tempfile::tempdir().unwrap();
        let pipeline = |me: &str, other: &str| {
            let (me, other) = (shared.path().join(me), shared.path().join(other));
            format!(
                "[pipeline]\nname = 'shop'\n[vars]\nns = '{namespace}'\n[secrets]\nPW = {{ env = 'PW_OF_ME' }}\n\
                 [cluster]\nprovider = 'context'\ncontext = 'kind-shared'\n\
                 [[stage]]\nid = 's'\n\
                 [[stage.step]]\nid = 'meet'\naction = 'command'\n\
                 run = 'touch {me}; until [ -e {other} ]; do sleep 0.05; done'\n\
                 [[stage.step]]\nid = 'run'\naction = 'container-run'\nneeds = ['meet']\nimage = 'web:1'\nport = 8000\n\
                 [[stage.step]]\nid = 'secret'\naction = 'secret-apply'\nneeds = ['meet']\nname = 'keys'\n\
                 namespace = '${{{{ vars.ns }}}}'\ndata = {{ PW = '${{{{ secrets.PW }}}}' }}\n\
                 [[stage.step]]\nid = 'apply'\naction = 'manifest-apply'\nneeds = ['meet']\nfiles = ['k8s/*.yaml']\n\
                 namespace = '${{{{ vars.ns }}}}'\n",
                me = me.display(),
                other = other.display()
            )
        };
        let mut checkouts = [Sandbox::new(&pipeline("a", "b")), Sandbox::new(&pipeline("b", "a"))];
        let engine = FakeEngine::serve(&mut checkouts[0]);
        engine.image("web:1", Image::web("a", 200, "ok"));
        let cluster = SharedCluster::serve();
        let socket = format!("unix://{}", checkouts[0].path("docker.sock").display());
        for sandbox in &mut checkouts {
            sandbox.env("DOCKER_HOST", &socket).env("PW_OF_ME", "correct-horse-battery");
            sandbox.env("XDG_STATE_HOME", shared.path().to_str().unwrap());
            sandbox.file("k8s/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {A: '1'}\n");
            cluster.reach_from(sandbox);
        }
        Self { checkouts, engine, cluster, shared }
    }

    /// Runs `up` in both at the same time.
    fn up(&self) {
        let runs = self.checkouts.each_ref().map(|sandbox| sandbox.spawn(&["up"]));
        for run in runs {
            Shown::of(run).code(0);
        }
    }

    fn slug(&self, n: usize) -> String {
        provision::tools::checkout_slug(&self.checkouts[n].path(".provision")).unwrap()
    }

    fn listed(&self, args: &[&str]) -> Value {
        let shown = self.checkouts[0].run(&[&["ls", "--format", "json"], args].concat()).code(0);
        serde_json::from_str(&shown.stdout).unwrap()
    }

    fn environment(&self, n: usize) -> Value {
        let name = self.slug(n);
        let all = self.listed(&[])["environments"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["name"] == *name).unwrap_or_default()
    }
}

#[test]
fn two_runs_at_once_in_namespaces_of_their_own_do_not_meet() {
    let two = Two::new("shop-${{ checkout.slug }}");
    two.up();
    let namespaces = [0, 1].map(|n| format!("shop-{}", two.slug(n)));
    assert_ne!(namespaces[0], namespaces[1]);
    let of = |namespace: &str| ["", "/configmaps/c", "/secrets/keys"].map(|rest| format!("{namespace}{rest}"));
    let mut all = [of(&namespaces[0]), of(&namespaces[1])].concat();
    all.sort();
    assert_eq!(two.cluster.names(), all);
    assert!(two.engine.names().is_empty(), "each has removed its own: {:?}", two.engine.names());
    assert_eq!(two.engine.world().created.len(), 2);
    for sandbox in &two.checkouts {
        sandbox.run(&["up"]).code(0).says("nothing to do");
    }
    let down = two.checkouts[0].run(&["down", "--yes"]).code(0);
    down.keeps_quiet_about("stays").says("removed configmap/c").says("removed secret/keys").says("removed namespace/");
    assert_eq!(two.cluster.names(), of(&namespaces[1]));
    two.checkouts[1].run(&["plan", "--exit-code"]).code(0);
}

#[test]
fn of_what_both_have_deployed_the_first_down_takes_nothing_and_the_second_one_all() {
    let two = Two::new("shop");
    two.up();
    let all = ["shop", "shop/configmaps/c", "shop/secrets/keys"];
    assert_eq!(two.cluster.names(), all);
    let other = two.slug(1);
    let shown = two.checkouts[0].run(&["down", "--yes"]).code(0);
    let shown = shown.says("removed this checkout's mark on configmap/c in shop").says("mark on secret/keys in shop");
    shown.says(&format!("configmap/c in shop stays: it is also deployed from the checkout `{other}`"));
    assert_eq!(two.cluster.names(), all);
    two.checkouts[1].run(&["plan", "--exit-code"]).code(0);
    // Twice is fine, and says whose the rest is.
    let again = two.checkouts[0].run(&["down", "--yes"]).code(0).says("there is nothing to remove");
    again.says(&format!("it is deployed from the checkout `{other}`"));
    assert_eq!(two.cluster.names(), all);
    two.checkouts[1].run(&["down", "--yes"]).code(0).keeps_quiet_about("stays");
    assert!(two.cluster.names().is_empty(), "{:?}", two.cluster.names());
}

#[test]
fn what_an_earlier_version_has_marked_goes_as_before() {
    let two = Two::new("shop");
    two.up();
    two.cluster.change(|object| {
        if let Some(all) = object["metadata"]["annotations"].as_object_mut() {
            all.retain(|name, _| !name.starts_with("checkout.provision.dev/"));
        }
        if let Some(all) = object["metadata"]["managedFields"].as_array_mut() {
            all.retain(|entry| entry["manager"] != "provision-checkouts");
        }
    });
    two.checkouts[0].run(&["up"]).code(0).says("nothing to do");
    two.checkouts[0].run(&["down", "--yes"]).code(0);
    assert!(two.cluster.names().is_empty(), "{:?}", two.cluster.names());
}

#[test]
fn ls_shows_each_environment_and_down_takes_one_away_from_elsewhere() {
    let two = Two::new("shop-${{ checkout.slug }}");
    two.checkouts[0].run(&["ls"]).code(0).says("there is no environment on record");
    two.up();
    // No daemon is asked.
    let (one, socket) = (two.environment(1), two.checkouts[0].path("docker.sock"));
    fs_err::remove_file(&socket).unwrap();
    let file = fs_err::canonicalize(two.checkouts[1].path("pipeline.toml")).unwrap();
    assert_eq!(
        [&one["pipeline"], &one["file"], &one["state"], &one["exists"], &one["last_run"]["outcome"]],
        [&json!("shop"), &json!(file), &json!("up"), &json!(true), &json!("succeeded")]
    );
    assert_eq!(one["cluster"], json!({"name": "kind-shared", "context": "kind-shared", "provider": "context"}));
    assert_eq!((&one["profile"], &two.listed(&[])["v"]), (&Value::Null, &json!(1)));
    two.checkouts[0].run(&["ls"]).code(0).says(&two.slug(0)).says(&two.slug(1)).says("provision up: succeeded");

    let name = two.slug(1);
    let elsewhere = two.checkouts[0].run(&["down", "--env", &name, "--dry-run"]).code(0);
    elsewhere.says(&format!("configmap/c in shop-{name}"));
    two.checkouts[0].run(&["down", "--env", &name[1..]]).code(2).says("there is no environment").says(&name);
    two.checkouts[0].run(&["-C", ".", "down", "--env", &name]).code(2).says("leave out `-f`, `-C` and `-p`");
    assert_eq!(two.environment(1)["state"], "up");
    two.checkouts[0].run(&["down", "--env", &name, "--yes"]).code(0).says("removed configmap/c");
    assert_eq!(two.environment(1), Value::Null);
    assert!(two.cluster.names().iter().all(|path| path.starts_with(&format!("shop-{}", two.slug(0)))));

    // One whose checkout is gone is listed until it is forgotten; a record that can't be read is named, and written
    // again.
    let records = two.shared.path().join("provision/environments");
    let record = fs_err::read_dir(&records).unwrap().next().unwrap().unwrap().path();
    fs_err::write(&record, "{").unwrap();
    let shown = two.checkouts[0].run(&["ls"]).code(0).says("there is no environment on record");
    shown.says("is left out").says("the next `provision up` of its checkout writes it again");
    assert_eq!(two.listed(&[])["unreadable"], json!([record]));
    let unread = format!("`{}` can't be read", record.display());
    two.checkouts[0].run(&["down", "--env", &two.slug(0)]).code(2).says("there is no environment").says(&unread);
    two.checkouts[0].run(&["up", "s.meet"]).code(0);
    assert_eq!(two.environment(0)["state"], "up");
    two.checkouts[0].run(&["up", "s.run", "--force"]).code(3);
    assert_eq!(two.environment(0)["state"], "failed");
    let name = two.slug(0);
    fs_err::rename(two.checkouts[0].path("pipeline.toml"), two.checkouts[0].path("moved")).unwrap();
    assert_eq!(two.environment(0)["exists"], false);
    let gone = two.checkouts[1].run(&["down", "--env", &name]).code(2).says("the pipeline's file of");
    let gone = gone.says("what it has made stays where it is, also in the cluster `kind-shared`");
    gone.says(&format!("put it back there, then: `provision down --env {name}`")).says("provision ls --prune");
    two.checkouts[1].run(&["ls", "--prune"]).code(0).says(&format!("forgot {name}"));
    assert_eq!(two.listed(&[])["environments"], json!([]));
}

#[test]
fn nobody_needs_the_list_of_environments() {
    let mut sandbox = Sandbox::new(&steps(&[("a", "true", "")]));
    sandbox.file("state/provision", "no folder");
    let state = sandbox.path("state");
    sandbox.env("XDG_STATE_HOME", state.to_str().unwrap());
    sandbox.run(&["up"]).code(0).says("`provision ls` does not know of this run");
    sandbox.run(&["down", "--yes"]).code(0);
}

/// A pipeline in a repository with two work trees, each on a branch of its own: an image that is built, an object of
/// the cluster, and a page that is asked for through a forwarded port.
const OF_WORK_TREES: &str = r#"
[pipeline]
name = "shop"
[vars]
ns = "shop-${{ checkout.slug }}"
[cluster]
provider = "context"
context = "kind-shared"
[[stage]]
id = "s"
[[stage.step]]
id = "meet"
action = "command"
run = "touch ../met-$(basename $PWD); until [ -e ../met-one ] && [ -e ../met-two ]; do sleep 0.02; done"
[[stage.step]]
id = "build"
needs = ["meet"]
action = "docker-build"
context = "app"
image = "shop/app"
[[stage.step]]
id = "apply"
needs = ["build"]
action = "manifest-apply"
files = ["k8s/*.yaml"]
namespace = "${{ vars.ns }}"
[[stage.step]]
id = "page"
needs = ["apply"]
action = "http-check"
service = "web"
port = 80
namespace = "${{ vars.ns }}"
contains = "web-of-${{ vars.ns }}"
"#;

/// The work trees `one` and `two` in a sandbox.
fn work_trees(cluster: &SharedCluster) -> (Sandbox, FakeEngine) {
    let mut sandbox = Sandbox::new("");
    let engine = FakeEngine::serve(&mut sandbox);
    engine.image("base:1", Image::web("b", 200, ""));
    cluster.reach_from(&sandbox);
    sandbox.file("one/pipeline.toml", OF_WORK_TREES);
    sandbox.file("one/app/Dockerfile", "FROM base:1\nCOPY content /\n").file("one/app/content", "one");
    sandbox.file("one/k8s/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {A: '1'}\n");
    for args in ["init -q -b main", "add .", "commit -q -m one", "worktree add -q -b login ../two"] {
        let named = ["-C", "one", "-c", "user.name=a", "-c", "user.email=a@b"];
        let args: Vec<&str> = named.into_iter().chain(args.split(' ')).collect();
        Shown::of(sandbox.program("git", &args).spawn().unwrap()).code(0);
    }
    sandbox.file("two/app/content", "two");
    (sandbox, engine)
}

#[test]
fn two_work_trees_of_a_repository_build_and_deploy_at_once_and_go_one_by_one() {
    const TREES: [&str; 2] = ["one", "two"];
    let cluster = SharedCluster::serve();
    let (sandbox, engine) = work_trees(&cluster);
    // Neither build ends before the other one has begun.
    engine.world().builds_meet = 2;
    let second = sandbox.spawn(&["-C", "two", "up"]);
    sandbox.wait_for("met-two");
    sandbox.run(&["-C", "two", "up"]).code(4);
    sandbox.run(&["-C", "one", "up"]).code(0);
    Shown::of(second).code(0);

    // Of both builds the image is there under a name of its own, and nothing else.
    let world = engine.world();
    let (asked, left): (BTreeSet<&String>, Vec<_>) =
        (world.builds.iter().collect(), world.images.iter().filter(|(name, _)| *name != "base:1").collect());
    assert_eq!((asked.len(), left.len()), (2, 2), "{asked:?} {left:?}");
    for (name, image) in &left {
        assert_eq!(**name, format!("shop/app:{}", &image.id["sha256:".len()..][..12]));
    }
    drop(world);
    let slugs = TREES.map(|tree| provision::tools::checkout_slug(&sandbox.path(tree).join(".provision")).unwrap());
    let of = |slug: &str| [format!("shop-{slug}"), format!("shop-{slug}/configmaps/c")];
    assert_eq!(cluster.names(), slugs.each_ref().map(|slug| of(slug)).concat());
    let listed = sandbox.run(&["ls"]).code(0);
    for (tree, slug) in TREES.iter().zip(&slugs) {
        assert!(slug.starts_with(&format!("{tree}-")) && listed.stdout.contains(&format!("{slug}  up ")), "{listed:?}");
        sandbox.run(&["-C", tree, "plan", "--exit-code"]).code(0);
    }
    // The pages of both are open at the same time.
    let mut opened = TREES.map(|tree| {
        let mut open = sandbox.spawn(&["open", "-C", tree]);
        let mut url = String::new();
        BufReader::new(open.stdout.take().unwrap()).read_line(&mut url).unwrap();
        (open, url.trim().to_owned())
    });
    for ((_, url), slug) in opened.iter().zip(&slugs) {
        assert!(get(url).ends_with(&format!("web-of-shop-{slug}")), "{url}: {}", get(url));
    }
    for (open, _) in &mut opened {
        send("INT", open.id());
        open.wait().unwrap();
    }

    sandbox.run(&["-C", "one", "down", "--yes"]).code(0).says("removed configmap/c").says("removed namespace/");
    assert_eq!(cluster.names(), of(&slugs[1]));
    sandbox.run(&["-C", "two", "plan", "--exit-code"]).code(0);
    let listed = sandbox.run(&["ls"]).code(0).says(&format!("{}  up ", slugs[1]));
    assert!(!listed.stdout.contains(&slugs[0]), "{}", listed.stdout);
    // git sees no file of ours in either tree.
    for (tree, changed) in [("one", ""), ("two", " M app/content\n")] {
        let status = Shown::of(sandbox.program("git", &["-C", tree, "status", "--porcelain"]).spawn().unwrap());
        assert_eq!(status.code(0).stdout, changed, "{tree}");
    }
}

#[test]
fn a_cluster_is_listed_once_a_step_has_made_or_used_it() {
    let mut sandbox = Sandbox::new(
        "[pipeline]\nname = \"t\"\n[cluster]\nprovider = \"minikube\"\nname = \"pp\"\n[[stage]]\nid = \"charts\"\n\
         [[stage.step]]\nid = \"a\"\naction = \"command\"\nrun = \"true\"\n[[stage]]\nid = \"cluster\"\n\
         [[stage.step]]\nid = \"start\"\naction = \"cluster-start\"\n",
    );
    let engine = FakeEngine::serve(&mut sandbox);
    engine.world().info = serde_json::json!({"NCPU": 4, "MemTotal": 16_u64 << 30, "CgroupVersion": "2"});
    FakeCluster::serve(&sandbox, "pp");
    sandbox.run(&["stage", "charts", "--only"]).code(0);
    sandbox.run(&["ls"]).code(0).says("t · no cluster").keeps_quiet_about("minikube");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["ls"]).code(0).says("minikube cluster pp");
    sandbox.run(&["stage", "charts", "--only", "--force"]).code(0);
    sandbox.run(&["ls"]).code(0).says("minikube cluster pp").says("stage charts --only --force");
}

#[test]
fn a_later_run_that_was_killed_is_the_last_one_of_its_environment() {
    let mut sandbox = Sandbox::new(&format!(
        "{}\n[vars]\nwho = 'a'\n[profile.dev]\nvars = {{ who = 'b' }}\n",
        steps(&[("a", "test ! -e hold || { touch begun; sleep 600; }", "env = { WHO = '${{ vars.who }}' }")])
    ));
    let state = tempfile::tempdir().unwrap();
    sandbox.env("XDG_STATE_HOME", state.path().to_str().unwrap());
    let sandbox = sandbox;
    for profile in [[].as_slice(), &["-p", "dev"]] {
        sandbox.run(&[profile, &["up"]].concat()).code(0);
    }
    let slug = provision::tools::checkout_slug(&sandbox.path(".provision")).unwrap();
    let both = |one: &str, dev: &str| {
        let listed = sandbox.run(&["ls"]).code(0).stdout;
        let has = |name: &str, state: &str| listed.lines().any(|line| line.starts_with(&format!("{name}  {state}")));
        assert!(has(&format!("{slug:<width$}", width = slug.len() + 4), one), "{listed}");
        assert!(has(&format!("{slug}:dev"), dev), "{listed}");
        listed
    };
    both("up ", "up ");
    sandbox.file("hold", "");
    let mut run = sandbox.spawn(&["up", "--force"]);
    sandbox.wait_for("begun");
    both("busy ", "busy ");
    run.kill().unwrap();
    run.wait().unwrap();
    let listed = both("interrupted ", "up ");
    assert!(listed.contains("provision up --force: without an end"), "{listed}");
    // One that was taken down since, but for its cluster, is down, and not what the killed run has left of it.
    let text = |path: &std::path::PathBuf| fs_err::read_to_string(path).unwrap();
    let mut records =
        fs_err::read_dir(state.path().join("provision/environments")).unwrap().map(|file| file.unwrap().path());
    let own = records.find(|path| text(path).contains("\"profile\": null")).unwrap();
    let recorded = text(&own);
    for (down_ms, state) in [("1", "interrupted "), ("9000000000000", "down ")] {
        fs_err::write(&own, recorded.replace("\"down_ms\": null", &format!("\"down_ms\": {down_ms}"))).unwrap();
        both(state, "up ");
    }
    fs_err::remove_file(sandbox.path("hold")).unwrap();
    sandbox.run(&["up"]).code(0);
    both("up ", "up ");
}
