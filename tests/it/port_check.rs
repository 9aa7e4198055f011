//! `port-check` of addresses of this machine, and of Services whose API server the test scripts: of a port-forward only
//! its failure is reported.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::open::{pods, project};
use crate::sandbox::{Sandbox, Shown, send};

/// A pipeline with one step, `verify.db`.
fn pipeline(settings: &str) -> String {
    format!(
        "[pipeline]\nname = 'shop'\nchecklists = ['tasks.md']\n[cluster]\nprovider = 'context'\ncontext = 'kind-x'\n\
         [[stage]]\nid = 'verify'\n[[stage.step]]\nid = 'db'\naction = 'port-check'\ncovers = ['T1']\n{settings}\n"
    )
}

/// A project with such a step, and the checklist that it covers.
fn with(settings: &str) -> Sandbox {
    let sandbox = project(&pipeline(settings));
    sandbox.file("tasks.md", "- [ ] T1 the database takes connections\n");
    sandbox
}

const SERVICE: &str = "service = 'api'\nport = 8000\nwithin = '1s'";

#[test]
fn a_service_passes_when_each_of_its_ready_pods_accepts() {
    let sandbox = with(SERVICE);
    pods(&sandbox, "db-1 ready\ncloses-2 ready\ndb-3 starting");
    sandbox.run(&["up"]).code(0);
    // What is closed at once without an error was accepted.
    let journal = fs_err::read_to_string(sandbox.path(".provision/journal.jsonl")).unwrap();
    assert!(journal.contains("service/api:8000") && journal.contains("db-1,closes-2"), "{journal}");
    sandbox.run(&["report"]).code(0).says("1 of 1 items done");
    // It is probed whenever it is reported.
    pods(&sandbox, "db-1 ready\nrefuses-2 ready");
    let refused = "service/api:8000: the pod `refuses-2` accepts no connection at its port 8080: connection refused";
    sandbox.run(&["report"]).code(0).says("1 stale").says(refused);
    sandbox.run(&["plan"]).code(0).says("1 step to run, 0 fresh");
}

#[test]
fn a_pod_in_which_nothing_listens_is_named_with_its_port_and_its_state() {
    let sandbox = with(SERVICE);
    pods(&sandbox, "db-1 ready\nrefuses-2 ready");
    let shown = sandbox.run(&["up"]).code(1);
    let shown = shown.says("the pod `refuses-2` accepts no connection at its port 8080").says("connection refused");
    let shown = shown.says("pod db-1: Running, ready").says("pod refuses-2: Running, ready");
    shown.says("kubectl --context kind-x -n default logs refuses-2").says("`targetPort`");
}

#[test]
fn a_service_without_ready_pods_or_ports_says_what_is_there() {
    let sandbox = with(SERVICE);
    pods(&sandbox, "db-1 starting");
    let shown = sandbox.run(&["up"]).code(1).says("service/api:8000 accepts no connection");
    let shown = shown.says("no pod behind the service `api` that has this port is ready");
    shown.says("pod db-1: Running, not ready").says("-n default get pods");
    pods(&sandbox, "");
    sandbox.run(&["up"]).code(1).says("no pod is behind the service `api`");
    sandbox.file("pipeline.toml", &pipeline("service = 'api'\nport = 81\nwithin = '1h'"));
    sandbox.run(&["up"]).code(1).says("the service `api` has no port 81").says("it has 8000");
    sandbox.file("pipeline.toml", &pipeline("service = 'apis'\nport = 81\nwithin = '1h'"));
    sandbox.run(&["up"]).code(1).says("there is no service `apis` in the namespace `default`");
}

#[test]
fn a_pod_that_begins_to_listen_in_time_passes_and_a_wait_can_be_ended() {
    let sandbox = with("service = 'api'\nport = 8000\nwithin = '1h'");
    let attempt = "attempt 1: service/api:8000: the pod `refuses-1`";
    pods(&sandbox, "refuses-1 ready");
    let run = sandbox.spawn(&["up"]);
    wait_for_log(&sandbox, attempt, 1);
    pods(&sandbox, "db-1 ready");
    Shown::of(run).code(0);

    pods(&sandbox, "refuses-1 ready");
    let run = sandbox.spawn(&["up"]);
    wait_for_log(&sandbox, attempt, 2);
    send("INT", run.id());
    Shown::of(run).code(130).says("verify.db  interrupted");
}

/// Waits until the logs of all runs have `text` for the `times`-th time.
fn wait_for_log(sandbox: &Sandbox, text: &str, times: usize) {
    let began = Instant::now();
    while sandbox.state_text().matches(text).count() < times {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", sandbox.state_text());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_address_of_this_machine_passes_while_something_listens_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sandbox = Sandbox::new(&format!(
        "[pipeline]\nname = 'shop'\n[[stage]]\nid = 's'\n[[stage.step]]\nid = 'db'\naction = 'port-check'\n\
         address = '{address}'\nwithin = '1s'\n"
    ));
    // Nobody takes what has arrived, and nothing is sent.
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["plan", "--exit-code"]).code(0);
    drop(listener);
    let shown = sandbox.run(&["up"]).code(1).says(&format!("{address} accepts no connection"));
    shown.says("caused by: Connection refused").says("ss -ltnp");
    sandbox.run(&["plan", "--exit-code"]).code(10);
    // It begins to listen after the first attempt.
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &pipeline.replace("'1s'", "'1h'"));
    let run = sandbox.spawn(&["up"]);
    wait_for_log(&sandbox, &format!("attempt 1: {address} accepts no connection"), 2);
    let _listener = TcpListener::bind(address).unwrap();
    Shown::of(run).code(0);
}
