//! `provision gc`: old logs and void records of this project, and never beside a run.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fake_engine::{FakeEngine, Image};
use crate::sandbox::{Sandbox, send, steps};

/// The runs that have logs.
fn runs(sandbox: &Sandbox) -> usize {
    fs_err::read_dir(sandbox.path(".provision/logs")).unwrap().count()
}

fn journal(sandbox: &Sandbox) -> u64 {
    fs_err::metadata(sandbox.path(".provision/journal.jsonl")).unwrap().len()
}

#[test]
fn old_logs_and_void_records_go_and_what_the_report_shows_stays() {
    let sandbox = Sandbox::new(&steps(&[("once", "echo once", ""), ("every", "echo again", "always = true")]));
    for _ in 0..4 {
        sandbox.run(&["up"]).code(0);
    }
    assert_eq!(runs(&sandbox), 4);
    let before = journal(&sandbox);
    sandbox.run(&["gc", "--runs", "0", "--dry-run"]).code(0).says("would remove the logs of run");
    let shown = sandbox.run(&["gc", "--runs", "0", "--dry-run", "--format", "json"]).code(0);
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    let old = document["logs"].as_array().unwrap();
    assert!(old.len() == 2 && old.iter().all(|logs| logs["bytes"].as_u64() > Some(0)), "{document:#}");
    assert!(sandbox.path(".provision/logs").join(old[0]["run"].as_str().unwrap()).is_dir(), "{document:#}");
    assert_eq!((runs(&sandbox), journal(&sandbox)), (4, before));
    // Where only records are void, it does not say that there is nothing at all.
    sandbox.run(&["gc", "--dry-run"]).code(0).says("besides records of the journal that may be void");
    sandbox.run(&["gc", "--runs", "0"]).code(0).says("removed the logs of run").says("shortened the journal");
    // Those of the first run have the only log of `once`, those of the last run that of `every`.
    assert_eq!(runs(&sandbox), 2);
    assert!(journal(&sandbox) < before);
    sandbox.run(&["logs", "s.once"]).code(0).says("once");
    sandbox.run(&["logs", "s.every"]).code(0).says("again");
    sandbox.run(&["status"]).code(0).says("2 of 2 steps proven");
    sandbox.run(&["gc", "--runs", "0"]).code(0).keeps_quiet_about("removed");
}

#[test]
fn nothing_is_removed_beside_a_run_through_a_link_or_where_nothing_has_run() {
    let sandbox = Sandbox::new(&steps(&[("hang", "touch started; sleep 600", "")]));
    sandbox.run(&["gc"]).code(0).says("there is nothing to remove");
    assert!(!sandbox.path(".provision").exists());
    let mut run = sandbox.spawn(&["up"]);
    sandbox.wait_for("started");
    sandbox.run(&["gc", "--runs", "0"]).code(4);
    // What only reads needs no lock.
    sandbox.run(&["gc", "--runs", "0", "--dry-run"]).code(0);
    let shown = sandbox.run(&["gc", "--runs", "0", "--dry-run", "--format", "json"]).code(0);
    assert_eq!(serde_json::from_str::<Value>(&shown.stdout).unwrap()["logs"], json!([]));
    send("INT", run.id());
    run.wait().unwrap();
    let theirs = sandbox.path("theirs");
    fs_err::create_dir_all(theirs.join("20200101-000000-00000000")).unwrap();
    drop(fs_err::remove_dir_all(sandbox.path(".provision/logs")));
    std::os::unix::fs::symlink(&theirs, sandbox.path(".provision/logs")).unwrap();
    sandbox.run(&["gc", "--runs", "0"]).code(0);
    assert!(theirs.join("20200101-000000-00000000").exists(), "a link was followed");
}

/// The names of the images of the pipeline, without those of its base.
fn built(engine: &FakeEngine) -> BTreeSet<String> {
    let world = engine.world();
    world.images.keys().filter(|name| name.starts_with("shop/app:") && *name != "shop/app:by-hand").cloned().collect()
}

/// Checkouts that build an image of the same name with one engine.
fn shops<const N: usize>() -> ([Sandbox; N], FakeEngine) {
    let pipeline = "[pipeline]\nname = 'shop'\n[[stage]]\nid = 's'\n[[stage.step]]\nid = 'app'\n\
                    action = 'docker-build'\ncontext = 'app'\nimage = 'shop/app'\n";
    let mut checkouts = [(); N].map(|()| Sandbox::new(pipeline));
    let engine = FakeEngine::serve(&mut checkouts[0]);
    engine.image("base:1", Image::web("b", 200, ""));
    let socket = format!("unix://{}", checkouts[0].path("docker.sock").display());
    for sandbox in &mut checkouts {
        sandbox.env("DOCKER_HOST", &socket).file("app/Dockerfile", "FROM base:1\nCOPY content /\n");
    }
    (checkouts, engine)
}

/// Builds the image again. Returns its new name.
fn build(sandbox: &Sandbox, engine: &FakeEngine, content: &str) -> String {
    let before = built(engine);
    sandbox.file("app/content", content).run(&["up"]).code(0);
    built(engine).difference(&before).next().unwrap().clone()
}

#[test]
fn f152_an_image_that_another_checkout_or_a_container_uses_stays() {
    let (mut checkouts, engine) = shops::<3>();
    let state = tempfile::tempdir().unwrap();
    for sandbox in &mut checkouts {
        sandbox.env("XDG_STATE_HOME", state.path().to_str().unwrap());
    }
    // The third one is on no list, but a work tree of the same repository.
    let elsewhere = checkouts[2].path("elsewhere");
    checkouts[2].env("XDG_STATE_HOME", elsewhere.to_str().unwrap());
    let [one, two, three] = &checkouts;
    fs_err::create_dir_all(one.path(".git/worktrees/three")).unwrap();
    one.file(".git/worktrees/three/gitdir", &three.path(".git").display().to_string());
    one.file(".git/worktrees/three/commondir", "../..\n");
    three.file(".git", &format!("gitdir: {}\n", one.path(".git/worktrees/three").display()));

    let names = ["1", "2", "3", "4"].map(|content| build(one, &engine, content));
    let (of_two, of_three) = (build(two, &engine, "two"), build(three, &engine, "three"));
    let of_container = engine.world().images[&names[2]].id.clone();
    engine.world().containers.push(json!({"Id": "c", "Name": "/c", "Image": of_container}));
    assert_eq!(built(&engine).len(), 6);
    // What others have, also under a name that looks like ours.
    let foreign = ["shop/app:by-hand", "shop/app-other:1", "postgres:16"];
    for (name, digit) in foreign.iter().zip(["7", "8", "9"]) {
        engine.image(name, Image::web(digit, 200, ""));
    }
    engine.world().volumes.push(json!({"Name": "shop-data", "Labels": {}, "Driver": "local", "Mountpoint": "/v",
        "Options": {}, "Scope": "local"}));
    engine.world().networks.push(json!({"Id": "n", "Name": "shop-net", "Labels": {}}));
    engine.world().containers.push(json!({"Id": "theirs", "Name": "/shop-db", "Image": "sha256:0",
        "State": {"Status": "exited", "Running": false}, "Config": {"Labels": {}}}));
    let all = |names: &[&String]| names.iter().map(|name| (*name).clone()).collect::<BTreeSet<_>>();

    // As long as the journal of another checkout can't be read, nothing goes.
    let mark = fs_err::read(two.path(".provision/mark")).unwrap();
    fs_err::write(two.path(".provision/mark"), "of another machine").unwrap();
    let dry = ["gc", "--images", "0", "--dry-run", "--format", "json"];
    let document: Value = serde_json::from_str(&one.run(&dry).code(1).stdout).unwrap();
    assert!(document["errors"][0]["message"].as_str().unwrap().contains("no image is removed"), "{document:#}");
    assert_eq!(document["images"], json!([]));
    let shown = one.run(&["gc", "--images", "0"]).code(1).says("no image is removed");
    shown.says(&format!("reading what `{}` uses", fs_err::canonicalize(two.path(".provision")).unwrap().display()));
    assert_eq!(built(&engine).len(), 6);
    fs_err::write(two.path(".provision/mark"), mark).unwrap();

    let document: Value = serde_json::from_str(&one.run(&dry).code(0).stdout).unwrap();
    let old: Vec<&Value> = document["images"].as_array().unwrap().iter().map(|image| &image["name"]).collect();
    assert!(old.len() == 2 && old.contains(&&json!(names[0])) && old.contains(&&json!(names[1])), "{document:#}");
    one.run(&["gc", "--images", "0"]).code(0).says(&names[0]).says(&names[1]).keeps_quiet_about(&names[2]);
    assert_eq!(built(&engine), all(&[&names[2], &names[3], &of_two, &of_three]));
    // It does not know the second one, and keeps what its sibling and the container use.
    three.run(&["gc", "--images", "0"]).code(0).keeps_quiet_about("removed");
    assert_eq!(built(&engine), all(&[&names[2], &names[3], &of_two, &of_three]));
    // A container that is gone uses nothing. What a checkout has built that is gone stays: nobody knows whose it is.
    engine.world().containers.retain(|container| container["Id"] == "theirs");
    fs_err::remove_dir_all(two.path(".provision")).unwrap();
    one.run(&["gc", "--images", "0"]).code(0);
    assert_eq!(built(&engine), all(&[&names[3], &of_two, &of_three]));
    // Nothing but images was asked to be removed, and no foreign one.
    let world = engine.world();
    assert!(world.removed.iter().all(|path| path.contains("/images/")), "{:?}", world.removed);
    assert!(foreign.iter().all(|name| world.images.contains_key(*name)), "{:?}", world.images.keys());
    assert_eq!((world.volumes.len(), world.networks.len()), (1, 1));
}

#[test]
fn images_of_another_users_project_with_the_same_name_stay_also_the_older_ones() {
    let (mut checkouts, engine) = shops::<2>();
    for sandbox in &mut checkouts {
        // Each user has a list of environments that the other one can't see.
        let state = sandbox.path("state");
        sandbox.env("XDG_STATE_HOME", state.to_str().unwrap());
    }
    let [ours, theirs] = &checkouts;
    let of_theirs = ["1", "2", "3"].map(|content| build(theirs, &engine, content));
    let of_ours = ["4", "5", "6"].map(|content| build(ours, &engine, content));
    for args in [["--images", "0"], ["--images-size", "0"]] {
        ours.run(&[["gc"].as_slice(), &args].concat()).code(0);
        let left = of_theirs.iter().chain(&of_ours[2..]).cloned().collect::<BTreeSet<_>>();
        assert_eq!(built(&engine), left, "{args:?}");
    }
    let noted = fs_err::read_to_string(ours.path(".provision/images")).unwrap();
    assert_eq!(noted, format!("{}\n", of_ours[2]));
}

#[test]
fn images_go_by_their_size_the_oldest_first_and_none_that_is_in_use() {
    let ([sandbox], engine) = shops();
    let names = ["1", "2", "3", "4", "5"].map(|content| build(&sandbox, &engine, content));
    // What somebody else has named takes a lot, and is none of ours.
    engine.image("shop/app:by-hand", Image { size: 9_000_000_000, ..Image::web("7", 200, "") });
    let of_container = engine.world().images[&names[0]].id.clone();
    engine.world().containers.push(json!({"Id": "c", "Name": "/c", "Image": of_container}));
    let would_go = |size: &str| {
        let call = ["gc", "--images", "9", "--images-size", size, "--dry-run", "--format", "json"];
        let document: Value = serde_json::from_str(&sandbox.run(&call).code(0).stdout).unwrap();
        let images = document["images"].as_array().unwrap();
        images.iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // Each of the five takes 100 MB.
    assert_eq!(would_go("500MB"), [""; 0]);
    assert_eq!(would_go("499MB"), names[1..2]);
    assert_eq!(would_go("350MB"), names[1..3]);
    assert_eq!(would_go("0"), names[1..4]);
    sandbox.run(&["gc", "--images-size", "much"]).code(2).says("--images-size");
    assert_eq!(built(&engine).len(), 5);
    sandbox.run(&["gc", "--images", "9", "--images-size", "350MB"]).code(0).says(&names[1]).says(&names[2]);
    let left: BTreeSet<String> = [0, 3, 4].iter().map(|n: &usize| names[*n].clone()).collect();
    assert_eq!(built(&engine), left);
    // The number counts as well.
    sandbox.run(&["gc", "--images", "0", "--images-size", "350MB"]).code(0).says(&names[3]);
    assert_eq!(built(&engine).len(), 2);
    assert!(engine.world().images.contains_key("shop/app:by-hand"));
}
