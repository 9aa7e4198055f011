//! `compose-up` and `compose-down`: a scripted compose, and a daemon that has what it says it has made.

use serde_json::{Value, json};

use crate::fake_engine::{FakeEngine, Image};
use crate::sandbox::{Sandbox, Shown, send};
use crate::server::listen;

/// Writes down its arguments and variables; `up` leaves what the file `up.json` has for the daemon, with the project's
/// name in place of `PROJECT`, says what is in `up-says` and ends with the code in `up-code`; the first one what is in
/// `first-up-says`, and fails.
const COMPOSE: &str = r#"
[ "$1 $2" = "compose version" ] && { [ -e no-plugin ] && exit 1; exit 0; }
[ "$1" = compose ] && shift
echo "$*" >>world
echo "$PW|$COMPOSE_PROFILES|$DOCKER_HOST" >env-of-compose
case "$*" in
*"config --services"*) cat services ;;
*" up "*) [ -e first-up-says ] && { cat first-up-says; rm first-up-says; exit 1; }
    sed "s/PROJECT/$4/g" up.json >incoming.new; mv incoming.new incoming.json; cat up-says 2>/dev/null; exit "$(cat up-code 2>/dev/null || echo 0)" ;;
esac"#;

/// A project with a `compose-up` with more settings and what stands after it.
fn project(settings: &str, after: &str) -> (Sandbox, FakeEngine) {
    let mut sandbox = Sandbox::new(&format!(
        "[pipeline]\nname = \"t\"\n[secrets]\nPW = {{ env = \"PW_OF_ME\" }}\n[[stage]]\nid = \"s\"\n[[stage.step]]\n\
         id = \"up\"\naction = \"compose-up\"\nfiles = [\"app/compose.yml\"]\nwithin = \"4s\"\n\
         env = {{ PW = \"${{{{ secrets.PW }}}}\" }}\n{settings}\n{after}"
    ));
    sandbox.env("PW_OF_ME", "correct-horse-battery").env("COMPOSE_PROFILES", "theirs");
    sandbox.file("app/compose.yml", "services: { web: { image: \"web:${TAG:-1}\" }, db: {} }\n");
    sandbox.file("services", "web\ndb\n");
    sandbox.tool("docker", COMPOSE);
    let engine = FakeEngine::serve(&mut sandbox);
    engine.image("web:1", Image::web("a", 200, ""));
    engine.image("db:1", Image::web("b", 200, ""));
    up(&sandbox, "running", "healthy", 0);
    (sandbox, engine)
}

fn container(service: &str, image: &str, state: &Value, port: u16, created: u8) -> Value {
    json!({
        "Id": format!("id-{service}"), "Name": format!("/PROJECT-{service}-1"), "State": state,
        "Image": format!("sha256:{}", image.repeat(64)), "Created": format!("2026-01-01T00:00:0{created}Z"),
        "Config": {"Image": format!("{service}:1"), "Labels": {
            "com.docker.compose.project": "PROJECT", "com.docker.compose.service": service,
            "com.docker.compose.config-hash": "h1"}},
        "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": port.to_string()}]}},
        "Lines": [format!("{service} says hello"), format!("{service}: bad password")],
    })
}

/// What the next `up` makes: `web` healthy, `db` in this state.
fn up(sandbox: &Sandbox, status: &str, health: &str, code: i64) {
    let healthy = json!({"Status": "running", "Running": true, "Health": {"Status": "healthy"}});
    let mut state = json!({"Status": status, "Running": status == "running", "ExitCode": code});
    if !health.is_empty() {
        state["Health"] = json!({"Status": health, "Log": []});
    }
    let labels = json!({"com.docker.compose.project": "PROJECT"});
    let port = listen(Some((200, r#"{"db":"ok"}"#.to_owned())));
    let world = json!({
        "containers": [container("web", "a", &healthy, port, 2), container("db", "b", &state, 1, 1)],
        "networks": [{"Id": "PROJECT_default", "Name": "PROJECT_default", "Labels": labels}],
        "volumes": [{"Name": "PROJECT_data", "Labels": labels, "Driver": "local", "Mountpoint": "/v", "Options": {}, "Scope": "local"}],
    });
    sandbox.file("up.json", &world.to_string());
}

const ASK: &str = "ask = [{ service = \"web\", port = 80, path = \"/x\", expect = { \"/db\" = \"ok\" } }]";

#[test]
fn f131_services_are_up_when_the_daemon_says_so_and_fresh_while_they_are_the_same() {
    let (sandbox, engine) = project(ASK, "");
    let shown = sandbox.run(&["up", "-v", "--events", "events"]).code(0);
    shown.says("db running (healthy)").says("web running (healthy)");
    let world = sandbox.world();
    let project = world[0].split(' ').nth(3).unwrap().to_owned();
    assert!(project.starts_with("t-") && project.len() == 10, "{world:?}");
    let (folder, file) = (sandbox.path("app"), sandbox.path("app/compose.yml"));
    let expected = format!("--ansi never -p {project} --project-directory {} -f {}", folder.display(), file.display());
    assert_eq!(world[0], format!("{expected} up -d --remove-orphans --quiet-pull"));
    let env = fs_err::read_to_string(sandbox.path("env-of-compose")).unwrap();
    let socket = sandbox.path("docker.sock");
    assert_eq!(env.trim(), format!("correct-horse-battery||unix://{}", socket.display()));
    let all = sandbox.state_text() + &fs_err::read_to_string(sandbox.path("events")).unwrap();
    assert!(!all.contains("correct-horse") && all.contains("url-web"), "{all}");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    // Each of these makes it stale, and nothing else has happened.
    let plan = |what: &str| drop(sandbox.run(&["plan", "--exit-code"]).code(10).says(what));
    engine.world().containers[0]["Config"]["Labels"]["com.docker.compose.config-hash"] = json!("h2");
    plan("`web` was started with another definition");
    sandbox.run(&["up"]).code(0);
    engine.world().containers[1]["State"] = json!({"Status": "exited", "Running": false, "ExitCode": 137});
    plan("the service `db` ended with exit code 137");
    engine.world().containers.remove(1);
    plan("`db` has no container any more");
    sandbox.run(&["up"]).code(0);
    engine.image("web:1", Image::web("c", 200, ""));
    plan("`web:1` now refers to a different image");
    engine.image("web:1", Image::web("a", 200, ""));
    sandbox.run(&["plan", "--exit-code"]).code(0);
    sandbox.file("app/.env", "TAG=2\n");
    plan("file app/.env");
}

#[test]
fn a_variable_of_the_environment_that_the_files_use_is_an_input() {
    let (mut sandbox, _engine) = project("", "");
    sandbox.run(&["up"]).code(0);
    sandbox.env("OTHER", "x");
    sandbox.run(&["plan", "--exit-code"]).code(0);
    sandbox.env("TAG", "2");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("variable TAG");
}

#[test]
fn a_service_that_is_not_up_fails_with_its_last_lines() {
    let cases = [
        ("exited", "", 1, "the service `db` ended with exit code 1"),
        ("exited", "", 0, "if it is meant to, name it in `completes`"),
        ("restarting", "", 1, "the service `db` is restarting"),
        ("running", "unhealthy", 0, "the service `db` is running (unhealthy)"),
    ];
    for (status, health, code, says) in cases {
        let (sandbox, _engine) = project("", "");
        up(&sandbox, status, health, code);
        sandbox.run(&["up"]).code(1).says(says).says("db | db: bad password").says("logs");
    }
    let (sandbox, _engine) = project("", "");
    sandbox.file("services", "web\ndb\nmail\n");
    sandbox.run(&["up"]).code(1).says("the service `mail` has no container");
    // Compose itself fails: its message, and the service's lines.
    let (sandbox, _engine) = project("", "");
    up(&sandbox, "exited", "", 2);
    sandbox.file("up-code", "1").file("up-says", "dependency failed to start: container t-db-1 exited (2)");
    sandbox.run(&["up"]).code(1).says("dependency failed to start").says("db | db: bad password");
}

#[test]
fn a_port_that_docker_has_chosen_and_that_is_in_use_costs_another_start_and_one_of_the_file_fails() {
    let taken = "Error starting userland proxy: listen tcp4 0.0.0.0:32777: bind: address already in use";
    let (sandbox, _engine) = project("", "");
    sandbox.file("first-up-says", taken);
    sandbox.run(&["up", "-v"]).code(0).says("started again, which chooses another one");
    assert_eq!(sandbox.world().iter().filter(|line| line.contains(" up ")).count(), 2);
    let (sandbox, _engine) = project("", "");
    sandbox.file("app/compose.yml", "services: { web: { image: \"web:1\", ports: [\"32777:80\"] }, db: {} }\n");
    sandbox.file("first-up-says", taken);
    sandbox.run(&["up"]).code(1).says("address already in use");
}

#[test]
fn a_service_may_run_to_its_end_where_that_was_said_and_one_without_a_health_check_has_to_stay() {
    let (sandbox, _engine) = project("completes = [\"db\"]", "");
    up(&sandbox, "exited", "", 0);
    sandbox.run(&["up"]).code(0);
    let (sandbox, _engine) = project("", "");
    up(&sandbox, "running", "", 0);
    sandbox.run(&["up"]).code(0);
}

#[test]
fn f131_an_exercise_is_taken_down_again_with_its_volumes_and_nothing_else() {
    let (sandbox, engine) = project(&format!("{ASK}\ntemporary = true"), "");
    let other = json!({"com.docker.compose.project": "t-of-another-checkout"});
    engine.world().networks.push(json!({"Id": "theirs", "Name": "theirs", "Labels": other}));
    sandbox.run(&["up"]).code(0);
    {
        let world = engine.world();
        assert!(world.containers.is_empty() && world.volumes.is_empty() && world.networks.len() == 1, "{world:?}");
        // The last one that was made goes first: it depends on the others.
        let project = sandbox.world()[0].split(' ').nth(3).unwrap().to_owned();
        assert!(project.ends_with("-once"), "{project}");
        let removed = ["web-1", "db-1"].map(|name| format!("containers/{project}-{name}"));
        assert_eq!(world.removed[..2], removed);
    }
    sandbox.run(&["up"]).code(0).says("nothing to do");
    // Also after a failure.
    let (sandbox, engine) = project("ask = [{ service = \"web\", port = 80, status = 404 }]\ntemporary = true", "");
    sandbox.run(&["up"]).code(1).says("responded with 200, not 404").says("web | web says hello");
    assert!(engine.names().is_empty());
}

#[test]
fn f131_down_keeps_volumes_without_a_word_and_what_only_has_the_label() {
    let down = |volumes: &str| {
        format!(
            "[[stage]]\nid = \"d\"\nneeds = []\n[[stage.step]]\nid = \"down\"\naction = \"compose-down\"\n{volumes}"
        )
    };
    let (sandbox, engine) = project("", &down(""));
    sandbox.run(&["stage", "s"]).code(0);
    let project = sandbox.world()[0].split(' ').nth(3).unwrap().to_owned();
    // Somebody made an image of a container: it has the labels, and so has what runs of it.
    let label = ("com.docker.compose.project".to_owned(), project.clone());
    engine.image("copy:1", Image { label: Some(label.clone()), ..Image::web("e", 200, "") });
    let id = engine.world().images["copy:1"].id.clone();
    let copied = json!({"Id": "copied", "Name": "/copied", "Image": id, "State": {"Running": true, "Status": "running"},
                        "Config": {"Labels": {label.0: label.1}}});
    engine.world().containers.push(copied);
    sandbox.run(&["stage", "d", "--only"]).code(1).says("has containers or networks");
    assert_eq!(engine.names(), ["copied"]);
    engine.world().containers.clear();
    sandbox.run(&["stage", "d", "--only", "-v"]).code(0).says(&format!("the volume `{project}_data` stays"));
    let left = |engine: &FakeEngine| {
        let world = engine.world();
        (world.networks.len(), world.volumes.len())
    };
    assert_eq!(left(&engine), (0, 1));
    sandbox.run(&["stage", "d", "--only"]).code(0).says("nothing to do");
    let (sandbox, engine) = self::project("", &down("volumes = true"));
    sandbox.run(&["stage", "s"]).code(0);
    sandbox.run(&["stage", "d", "--only"]).code(0);
    assert_eq!((engine.names().len(), left(&engine)), (0, (0, 0)));
}

#[test]
fn the_older_program_is_used_where_there_is_no_plugin_and_none_is_a_missing_prerequisite() {
    let (sandbox, _engine) = project("", "");
    sandbox.file("no-plugin", "").tool("docker-compose", COMPOSE);
    sandbox.run(&["up"]).code(0);
    let (sandbox, _engine) = project("", "");
    sandbox.file("no-plugin", "");
    let shown = sandbox.bare(&["up"]);
    shown.code(3).says("Docker Compose is not installed").says("https://docs.docker.com/compose/install");
}

/// A project whose database never becomes healthy, and its run, which waits for it.
fn waiting(settings: &str) -> (Sandbox, FakeEngine, std::process::Child, String) {
    waiting_with(settings, |_| ())
}

/// The same, with the tools of the sandbox as `prepare` leaves them.
fn waiting_with(settings: &str, prepare: fn(&Sandbox)) -> (Sandbox, FakeEngine, std::process::Child, String) {
    let (sandbox, engine) = project(settings, "");
    prepare(&sandbox);
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &pipeline.replace("\"4s\"", "\"120s\""));
    up(&sandbox, "running", "starting", 0);
    let run = sandbox.spawn(&["up"]);
    while engine.names().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let name = sandbox.world()[0].split(' ').nth(3).unwrap().to_owned();
    (sandbox, engine, run, name)
}

#[test]
fn f131_what_kill_9_leaves_is_named_by_doctor_and_taken_down_or_finished_by_the_next_run() {
    for is_temporary in [true, false] {
        let (sandbox, engine, run, name) = waiting(if is_temporary { "temporary = true" } else { "" });
        send("KILL", run.id());
        Shown::of(run);
        assert_eq!(engine.names().len(), 2);
        let shown = sandbox.run(&["doctor"]).says("it was started and never finished");
        if is_temporary {
            let left = format!("the compose project `{name}` is left");
            shown.says(&left).says(&format!("fix: docker compose -p {name} down -v"));
        } else {
            shown.says(&format!("the compose project `{name}` may be half started")).says("fix: provision up s.up");
        }
        up(&sandbox, "running", "healthy", 0);
        sandbox.run(&["up"]).code(0);
        assert_eq!(engine.names().len(), if is_temporary { 0 } else { 2 });
        sandbox.run(&["doctor"]).keeps_quiet_about("compose project");
    }
}

#[test]
fn where_only_the_program_of_its_own_is_installed_that_one_is_named() {
    let (_sandbox, _engine, run, name) = waiting_with("", |sandbox| {
        fs_err::rename(sandbox.path("bin/docker"), sandbox.path("bin/plugin")).unwrap();
        sandbox.tool("docker", "exit 1");
        sandbox.tool("docker-compose", "exec plugin compose \"$@\"");
    });
    send("INT", run.id());
    Shown::of(run).code(130).says(&format!("`docker-compose -p {name} down` takes it down"));
}

#[test]
fn a_start_that_is_stopped_says_what_stays_and_an_exercise_is_taken_down() {
    let (_sandbox, engine, run, name) = waiting("");
    send("INT", run.id());
    let shown = Shown::of(run).code(130);
    let by_hand = format!("`docker compose -p {name} down` takes it down");
    shown.says(&format!("the compose project `{name}` stays as it is")).says(&by_hand);
    assert_eq!(engine.names().len(), 2);
    let (_sandbox, engine, run, _) = waiting("temporary = true");
    send("INT", run.id());
    Shown::of(run).code(130).keeps_quiet_about("the compose project");
    assert!(engine.names().is_empty());
}

#[test]
fn what_was_taken_down_is_known_as_such_until_it_runs_again() {
    let check = "[[stage.step]]\nid = \"check\"\naction = \"command\"\nrun = \"true\"\ncovers = [\"T2\"]\n";
    let (sandbox, _engine) = project("covers = [\"T1\"]", check);
    let text = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &text.replace("name = \"t\"\n", "name = \"t\"\nchecklists = [\"tasks.md\"]\n"));
    sandbox.file("tasks.md", "- [ ] T1 The services are up\n- [ ] T2 It is checked\n");
    sandbox.run(&["up"]).code(0);
    let read = |args: &[&str]| -> Value { serde_json::from_str(&sandbox.run(args).code(0).stdout).unwrap() };
    let now = || read(&["status", "--format", "json"])["steps"].clone();
    let states =
        |steps: &Value| [&steps[0]["state"], &steps[1]["state"]].map(|state| state.as_str().unwrap().to_owned());
    assert_eq!(states(&now()), ["ended", "ended"]);
    sandbox.run(&["down", "--yes"]).code(0).says("removed the compose project");

    let steps = now();
    assert_eq!(states(&steps), ["taken-down", "ended"], "{steps:#}");
    assert!(steps[0]["at"].is_string() && steps[0]["outcome"].is_null(), "{steps:#}");
    sandbox.run(&["status"]).code(0).says("taken down 2").says("1 of 2 steps proven");
    let graph = read(&["graph", "--format", "json"]);
    assert_eq!((&graph["steps"][0]["state"], &graph["steps"][0]["outcome"]), (&json!("down"), &Value::Null));
    assert_eq!(graph["steps"][0]["finished"], steps[0]["at"]);
    sandbox.run(&["graph"]).code(0).says("]:::down");
    let report = read(&["report", "--format", "json"]);
    let items = report["items"].as_array().unwrap();
    assert_eq!(items[0]["verdict"], "stale", "{report:#}");
    assert!(items[0]["evidence"][0]["stale"].as_str().unwrap().starts_with("taken down at 2"), "{report:#}");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("taken down at 2");
    sandbox.run(&["why", "s.up"]).code(0).says("taken down at 2");
    // A second one finds nothing, and a smaller journal knows the same.
    sandbox.run(&["down", "--yes"]).code(0).says("there is nothing to remove");
    sandbox.run(&["gc"]).code(0);
    assert_eq!(now(), steps);

    up(&sandbox, "running", "healthy", 0);
    sandbox.run(&["up"]).code(0).says("started: taken down at 2");
    assert_eq!(states(&now()), ["ended", "ended"]);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn what_rests_on_what_was_taken_down_is_not_proven_any_more() {
    let after = "[[stage]]\nid = \"v\"\n[[stage.step]]\nid = \"look\"\naction = \"command\"\nrun = \"true\"\nalways = true\n\
                 covers = [\"T2\"]\n[[stage.step]]\nid = \"uses\"\naction = \"command\"\nrun = [\"echo\", \"${{ steps.s.up.project }}\"]\n\
                 [[stage.step]]\nid = \"file\"\naction = \"command\"\nrun = \"true\"\n\
                 [[stage]]\nid = \"aside\"\nneeds = []\n[[stage.step]]\nid = \"look\"\naction = \"command\"\nrun = \"true\"\nalways = true\n";
    let (sandbox, _engine) = project("covers = [\"T1\"]", after);
    let text = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &text.replace("name = \"t\"\n", "name = \"t\"\nchecklists = [\"tasks.md\"]\n"));
    sandbox.file("tasks.md", "- [ ] T1 The services are up\n- [ ] T2 It is looked at\n");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["status"]).code(0).says("5 of 5 steps proven").keeps_quiet_about("not proven since");
    sandbox.run(&["down", "--yes"]).code(0);
    let read = |args: &[&str]| -> Value { serde_json::from_str(&sandbox.run(args).code(0).stdout).unwrap() };
    let states = || -> Vec<String> {
        let steps = read(&["status", "--format", "json"])["steps"].clone();
        steps.as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap().to_owned()).collect()
    };
    let gone = ["taken-down", "unproven", "unproven", "ended", "ended"];
    assert_eq!(states(), gone);
    let shown = sandbox.run(&["status"]).code(0).says("not proven since 2").says("2 of 5 steps proven");
    shown.says("s.up, which it rests on, was taken down");
    let graph = read(&["graph", "--format", "json"]);
    assert_eq!((&graph["steps"][1]["state"], &graph["steps"][1]["outcome"]), (&json!("open"), &Value::Null));
    assert_eq!(read(&["report", "--format", "json"])["items"][1]["verdict"], "stale");
    sandbox.run(&["gc"]).code(0);
    assert_eq!(states(), gone, "a smaller journal knows the same");
    // What has looked since has seen what is there now.
    sandbox.run(&["up", "v.look", "--only"]).code(0);
    assert_eq!(states(), ["taken-down", "ended", "unproven", "ended", "ended"]);
}

#[test]
fn what_two_profiles_share_is_taken_down_for_both() {
    let profiles = "[vars]\nx = \"1\"\n[profile.b]\nvars = { x = \"2\" }\n[profile.c]\nvars = { x = \"3\" }\n";
    let look =
        "[[stage]]\nid = \"v\"\n[[stage.step]]\nid = \"look\"\naction = \"command\"\nrun = \"true\"\nalways = true\n";
    let (sandbox, engine) = project("", &format!("{look}{profiles}"));
    let states = |profile: &str| -> Vec<Value> {
        let status = sandbox.run(&["status", "-p", profile, "--format", "json"]).code(0).stdout;
        let steps = serde_json::from_str::<Value>(&status).unwrap()["steps"].clone();
        steps.as_array().unwrap().iter().map(|step| step["state"].clone()).collect()
    };
    sandbox.run(&["up", "-p", "b"]).code(0);
    up(&sandbox, "running", "healthy", 0);
    sandbox.run(&["up", "-p", "c"]).code(0);
    assert_eq!((states("b"), states("c")), (vec![json!("ended"); 2], vec![json!("ended"); 2]));
    sandbox.run(&["down", "-p", "b", "--yes"]).code(0).says("removed the compose project");
    assert!(engine.names().is_empty());
    assert_eq!(states("b"), ["taken-down", "unproven"]);
    assert_eq!(states("c"), ["taken-down", "unproven"]);
    sandbox.run(&["plan", "-p", "c", "--exit-code"]).code(10).says("taken down at 2");
    // Made again by one of them, it is no longer down for that one.
    up(&sandbox, "running", "healthy", 0);
    sandbox.run(&["up", "-p", "c"]).code(0).says("started: taken down at 2");
    assert_eq!(states("c"), ["ended", "ended"]);
    assert_eq!(states("b"), ["taken-down", "unproven"]);
}

#[test]
fn a_step_that_was_taken_down_after_its_fallback_had_stood_in_counts_no_more() {
    let fallback = "[[stage.step]]\nid = \"alt\"\naction = \"command\"\nrun = \"true\"\ncheck = [\"true\"]\n";
    let (sandbox, _engine) = project("covers = [\"T1\"]\nfallback = \"s.alt\"", fallback);
    let text = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &text.replace("name = \"t\"\n", "name = \"t\"\nchecklists = [\"tasks.md\"]\n"));
    sandbox.file("tasks.md", "- [ ] T1 The services are up\n").file("up-code", "1");
    sandbox.run(&["up"]).code(0);
    let verdict = || -> Value {
        let report = sandbox.run(&["report", "--format", "json"]).code(0).stdout;
        serde_json::from_str::<Value>(&report).unwrap()["items"][0]["verdict"].clone()
    };
    assert_eq!(verdict(), "fallback");
    sandbox.run(&["down", "--yes"]).code(0).says("removed the compose project");
    assert_eq!(verdict(), "stale");
    sandbox.run(&["status"]).code(0).says("taken down 2");
}

#[test]
fn a_start_that_was_killed_and_taken_down_is_left_no_more() {
    let (sandbox, engine, run, _name) = waiting("");
    send("KILL", run.id());
    Shown::of(run);
    sandbox.run(&["doctor"]).says("it was started and never finished");
    sandbox.run(&["down", "--yes"]).code(0).says("removed the compose project");
    assert!(engine.names().is_empty());
    sandbox.run(&["doctor"]).keeps_quiet_about("never finished").keeps_quiet_about("was being taken down");
    sandbox.run(&["status"]).code(0).says("taken down 2");
}

#[test]
fn what_was_taken_down_in_part_is_in_doubt() {
    let (sandbox, engine) = project("", "");
    sandbox.run(&["up"]).code(0);
    engine.world().networks[0]["Containers"] = json!({"aa": {"Name": "their-proxy"}});
    sandbox.run(&["down", "--yes"]).code(1).says("stays").says("`their-proxy`");
    sandbox.run(&["status"]).code(0).says("in doubt since").says("0 of 1");
    sandbox.run(&["doctor"]).says("was being taken down, and that did not come to its end");
    engine.world().networks[0]["Containers"] = json!({});
    sandbox.run(&["down", "--yes"]).code(0);
    sandbox.run(&["status"]).code(0).says("taken down 2");
}

#[test]
fn what_is_gone_after_a_cut_off_removal_is_taken_down_once_it_was_looked_at() {
    let (mut sandbox, _engine) = project("", "");
    sandbox.run(&["up"]).code(0);
    // The second thing that it writes is that all of it is gone.
    sandbox.env("PROVISION_FAIL", "journal-write#2");
    assert!(!sandbox.spawn(&["down", "--yes"]).wait().unwrap().success());
    sandbox.env("PROVISION_FAIL", "");
    sandbox.run(&["status"]).code(0).says("in doubt since");
    sandbox.run(&["why", "s.up"]).code(0).says("was being taken down").keeps_quiet_about("interrupted");
    sandbox.run(&["down", "--dry-run"]).code(0).says("there is nothing to remove");
    sandbox.run(&["status"]).code(0).says("in doubt since");
    sandbox.run(&["down", "--yes"]).code(0).says("there is nothing to remove");
    sandbox.run(&["status"]).code(0).says("taken down 2");
}

#[test]
fn what_can_not_be_seen_after_its_removal_is_in_doubt() {
    let (sandbox, engine) = project("", "");
    sandbox.run(&["up"]).code(0);
    engine.world().breaks_when_empty = true;
    sandbox.run(&["down", "--yes"]).code(1).says("removed the compose project").says("it is out of memory");
    sandbox.run(&["status"]).code(0).says("in doubt since");
    engine.world().breaks_when_empty = false;
    sandbox.run(&["down", "--yes"]).code(0);
    sandbox.run(&["status"]).code(0).says("taken down 2");
}
