//! `container-run` with a daemon whose containers really listen.

use serde_json::json;

use crate::fake_engine::{FakeEngine, Image};
use crate::sandbox::{Sandbox, Shown, send};

const HEALTHY: &str = r#"{"status":"ok"}"#;

/// A project that runs `web:1` with more settings, and the daemon.
fn project(settings: &str) -> (Sandbox, FakeEngine) {
    let mut sandbox = Sandbox::new(&format!(
        "[pipeline]\nname = \"t\"\n[secrets]\nPW = {{ env = \"PW\" }}\n[[stage]]\nid = \"s\"\n[[stage.step]]\n\
         id = \"a\"\naction = \"container-run\"\nimage = \"web:1\"\nport = 8000\n{settings}\n"
    ));
    sandbox.env("PW", "correct-horse-battery");
    let engine = FakeEngine::serve(&mut sandbox);
    engine.image("web:1", Image::web("a", 200, HEALTHY));
    engine.image("db:1", Image { answers: None, ..Image::web("b", 0, "") });
    (sandbox, engine)
}

#[test]
fn an_image_runs_alone_answers_stops_and_is_gone() {
    let (sandbox, engine) = project(
        "path = \"/health\"\nexpect = { \"/status\" = \"ok\" }\nstops-within = \"5s\"\n\
         env = { MODE = \"test\", URL = \"db://u:${{ secrets.PW }}@db\" }\n\
         with = [{ name = \"db\", image = \"db:1\", health = [\"ready\"], env = { PW = \"${{ secrets.PW }}\" } }]",
    );
    let shown = sandbox.run(&["up", "-v", "--events", "events"]).code(0);
    assert_eq!(engine.names(), Vec::<String>::new());
    let world = engine.world();
    assert!(world.networks.is_empty() && world.created.len() == 2, "{world:?}");
    // The companion first, by its name in a network of their own; the port on loopback alone, a free one.
    let (db, web) = (&world.created[0], &world.created[1]);
    let network = db["HostConfig"]["NetworkMode"].as_str().unwrap();
    assert_eq!(db["NetworkingConfig"]["EndpointsConfig"][network]["Aliases"], json!(["db"]));
    assert_eq!(db["Healthcheck"]["Test"], json!(["CMD", "ready"]));
    assert_eq!(web["HostConfig"]["NetworkMode"].as_str(), Some(network));
    assert_eq!(web["HostConfig"]["PortBindings"], json!({"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}));
    assert_eq!(web["Env"], json!(["MODE=test", "URL=db://u:correct-horse-battery@db"]));
    drop(world);
    let all = format!("{shown:?}{}{}", sandbox.state_text(), fs_err::read_to_string(sandbox.path("events")).unwrap());
    assert!(!all.contains("correct-horse"), "{all}");
    // The same image needs no second run; another one under the name does.
    sandbox.run(&["up"]).code(0).says("nothing to do");
    engine.image("web:1", Image::web("c", 200, HEALTHY));
    sandbox.run(&["plan", "--exit-code"]).code(10).says("image web:1");
    sandbox.run(&["up"]).code(0);
    assert_eq!(engine.world().created.len(), 4);
}

#[test]
fn a_port_in_use_that_docker_has_chosen_costs_another_start_but_not_for_ever() {
    for (in_use, code) in [(2, 0), (99, 1)] {
        let (sandbox, engine) = project("path = \"/health\"");
        engine.world().ports_in_use = in_use;
        sandbox.run(&["up"]).code(code);
        assert!(engine.names().is_empty());
    }
}

#[test]
fn another_answer_fails_with_what_the_container_has_printed() {
    let (sandbox, engine) = project("path = \"/health\"\nexpect = { \"/status\" = \"up\" }\nwithin = \"1s\"");
    let shown = sandbox.run(&["up"]).code(1);
    shown.says("responded with \"ok\" at `/status`, not \"up\"").says("web:1 | a listens");
    assert!(engine.names().is_empty());
}

#[test]
fn a_container_that_ends_or_is_unhealthy_fails_at_once() {
    let cases = [
        (Image { ends: Some(3), ..Image::web("d", 200, "") }, "ended with exit code 3"),
        (Image { health: "unhealthy", ..Image::web("d", 200, "") }, "is running (unhealthy)"),
    ];
    for (image, what) in cases {
        let (sandbox, engine) = project("within = \"50s\"");
        let prints = vec!["reading the settings".to_owned(), "no DATABASE_URL".to_owned()];
        engine.image("web:1", Image { prints, ..image });
        sandbox.run(&["up"]).code(1).says(what).says("web:1 | no DATABASE_URL");
        assert!(engine.names().is_empty());
    }
}

#[test]
fn a_companion_that_does_not_get_ready_is_named_with_its_lines() {
    let (sandbox, engine) =
        project("within = \"1s\"\nwith = [{ name = \"db\", image = \"db:1\", health = [\"ready\"] }]");
    engine.image("db:1", Image { health: "starting", answers: None, ..Image::web("b", 0, "") });
    let shown = sandbox.run(&["up"]).code(1);
    shown.says("the health check of `db` has not passed yet").says("checked: not yet").says("db | b listens");
    assert!(engine.names().is_empty() && engine.world().networks.is_empty());
}

#[test]
fn what_shows_nothing_proves_nothing() {
    let (sandbox, _engine) = project("");
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &pipeline.replace("port = 8000\n", ""));
    sandbox.run(&["up"]).code(1).says("nothing shows that `web:1` works");
}

#[test]
fn how_it_stops_is_seen() {
    for (code, says) in [(143, None), (137, Some("did not stop within 2 s of SIGTERM")), (1, Some("exit code 1 after"))]
    {
        let (sandbox, engine) = project("stops-within = \"2s\"");
        engine.image("web:1", Image { stops_with: code, ..Image::web("a", 200, HEALTHY) });
        let shown = sandbox.run(&["up"]);
        match says {
            None => drop(shown.code(0)),
            Some(says) => drop(shown.code(1).says(says)),
        }
        assert!(engine.names().is_empty());
    }
}

#[test]
fn an_image_that_the_daemon_lacks_is_pulled() {
    let (sandbox, engine) = project("");
    let image = engine.world().images.remove("web:1").unwrap();
    sandbox.run(&["up"]).code(1).says("pulling the image `web:1`").says("is not in the registry");
    engine.world().registry.insert("web:1".to_owned(), image);
    sandbox.run(&["up", "-v"]).code(0).says("the Docker daemon lacks `web:1`: pulling it");
}

#[test]
fn f130_what_a_killed_run_has_left_goes_with_the_next_one_and_nothing_else() {
    let (sandbox, engine) = project("with = [{ name = \"db\", image = \"db:1\" }]");
    engine.world().holds_starts = true;
    let run = sandbox.spawn(&["up"]);
    while engine.names().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    send("KILL", run.id());
    assert_eq!(Shown::of(run).code, -1);
    let (left, network) = (engine.names().remove(0), engine.world().networks[0]["Name"].clone());
    let label = |value: &str| json!({"dev.provision.temporary": value});
    // Of another checkout, of an unknown run, and a container of an image that somebody made of ours.
    let (checkout, rest) = (&left["provision-".len()..][..12], &left["provision-".len() + 12..]);
    let foreign = [
        format!("provision-0123456789ab{rest}"),
        format!("provision-{checkout}-20200101-000000-00000000-{}", &left[left.len() - 16..]),
        "copied".to_owned(),
    ];
    for (name, value) in [(&foreign[0], &foreign[0]), (&foreign[1], &foreign[1]), (&foreign[2], &left)] {
        engine.world().containers.push(json!({"Id": name, "Name": name, "Config": {"Labels": label(value)}}));
    }
    engine.world().holds_starts = false;
    sandbox.run(&["up"]).code(0);
    assert_eq!(engine.names(), foreign);
    assert!(engine.world().networks.is_empty());
    let logs = sandbox.run(&["logs", "s.a"]).code(0);
    logs.says(&format!("removed the container `{left}`"))
        .says(&format!("removed the network {network}").replace('"', "`"))
        .says(&format!("left the container `{}` in place", foreign[1]));
}

#[test]
fn what_the_daemon_creates_after_ctrl_c_is_removed_too() {
    for (settings, what) in [("", "container"), ("with = [{ name = \"db\", image = \"db:1\" }]", "network")] {
        let (sandbox, engine) = project(settings);
        engine.world().holds_creations = true;
        let run = sandbox.spawn(&["up"]);
        while engine.world().n_creations == 0 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        send("INT", run.id());
        // Time in which a run that does not wait would have ended.
        std::thread::sleep(std::time::Duration::from_millis(500));
        engine.world().holds_creations = false;
        assert_eq!(Shown::of(run).code, 130, "{what}");
        let world = engine.world();
        assert!(world.containers.is_empty() && world.networks.is_empty(), "{what}: {world:?}");
        assert_eq!(world.removed.len(), 1, "{what}");
    }
}

#[test]
fn a_proof_by_running_is_seen_again_after_its_max_age() {
    let (sandbox, engine) = project("");
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &pipeline.replace("name = \"t\"", "name = \"t\"\nmax-age = \"1s\""));
    sandbox.run(&["up"]).code(0);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    sandbox.run(&["why", "s.a"]).code(0).says("seen longer ago than 1s");
    sandbox.run(&["up"]).code(0);
    assert_eq!(engine.world().created.len(), 2);
}
