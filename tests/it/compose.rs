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
pub(crate) fn project(settings: &str, after: &str) -> (Sandbox, FakeEngine) {
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
pub(crate) fn up(sandbox: &Sandbox, status: &str, health: &str, code: i64) {
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
pub(crate) fn waiting(settings: &str) -> (Sandbox, FakeEngine, std::process::Child, String) {
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
