//! `provision doctor`: each problem with its fix, and nothing is started or changed.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::fake_engine::FakeEngine;
use crate::sandbox::{Sandbox, Shown, is_alive, send, steps};

/// A pipeline with one step.
fn one(action: &str, settings: &str) -> String {
    format!(
        "[pipeline]\nname = \"shop\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"{action}\"\n{settings}\n"
    )
}

/// The findings of a check, by subject.
fn findings(shown: &Shown, check: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(document["v"], 1);
    let checks = document["checks"].as_array().unwrap();
    let found = checks.iter().find(|found| found["check"] == check);
    assert!(found.is_some(), "no check `{check}` in {checks:?}");
    for finding in checks.iter().flat_map(|check| check["findings"].as_array().unwrap()) {
        let fixes = finding["fixes"].as_array().unwrap();
        let has_fix = fixes.iter().any(|fix| !fix.as_str().unwrap().trim().is_empty());
        assert!(has_fix || finding["health"] != "problem", "a problem without a fix: {finding}");
    }
    found.unwrap()["findings"].as_array().unwrap().clone()
}

fn finding(shown: &Shown, check: &str, subject: &str) -> Value {
    let all = findings(shown, check);
    let found = all.iter().find(|found| found["subject"] == subject);
    assert!(found.is_some(), "no `{subject}` in {all:?}");
    found.unwrap().clone()
}

/// No daemon: nothing listens there.
fn without_docker(sandbox: &mut Sandbox) {
    sandbox.env("DOCKER_HOST", "unix:///no/such/docker.sock");
}

#[test]
fn without_a_pipeline_and_without_docker_general_checks_are_made_and_nothing_is_a_problem() {
    let mut sandbox = Sandbox::new("");
    without_docker(&mut sandbox);
    fs_err::remove_file(sandbox.path("pipeline.toml")).unwrap();
    // Those of this machine are big, and may have to be read from the disk first.
    sandbox.tool("kubectl", "echo Client Version: v1.33.1").tool("docker", "echo Docker version 28.0.0; exit 0");
    let shown = sandbox.bare(&["doctor"]).code(0);
    shown.says("only general checks are made").says("install `helm`: https://helm.sh/docs/intro/install/");
    let shown = sandbox.bare(&["doctor", "--format", "json"]).code(0);
    assert_eq!(finding(&shown, "docker", "daemon")["health"], "warning");
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((&document["pipeline"], &document["healthy"]), (&Value::Null, &json!(true)));
    assert!(!sandbox.path(".provision").exists(), "a state folder was made");
}

#[test]
fn a_daemon_that_a_step_needs_and_that_does_not_respond_is_a_problem_with_its_fix() {
    let mut sandbox = Sandbox::new(&one("docker-build", "context = \".\"\nimage = \"x\""));
    without_docker(&mut sandbox);
    sandbox
        .run(&["doctor"])
        .code(3)
        .says("does not respond")
        .says("fix: sudo systemctl start docker")
        .says("1 problem");
    let shown = sandbox.run(&["doctor", "--format", "json"]).code(3);
    assert_eq!(finding(&shown, "docker", "daemon")["health"], "problem");
    // What only the daemon knows was not found out, which is no second problem.
    assert_eq!(finding(&shown, "cgroup", "version")["health"], "skipped");
    let mut sandbox = Sandbox::new(&steps(&[("a", "true", "")]));
    without_docker(&mut sandbox);
    sandbox.run(&["doctor"]).code(0).says("no step needs it");
}

#[test]
fn programs_of_steps_and_of_actions_are_told_with_their_versions_and_those_that_need_them() {
    let check = one("tool-check", "tool = \"mytool\"\nversion = \">=2\"");
    let chart = "[[stage.step]]\nid = \"chart\"\naction = \"helm-install\"\nchart = \"c\"\nrelease = \"r\"\n";
    let cluster = "[cluster]\nprovider = \"context\"\ncontext = \"none\"\n";
    let mut sandbox = Sandbox::new(&format!("{check}{chart}{cluster}"));
    without_docker(&mut sandbox);
    sandbox.tool("mytool", "echo mytool 1.2.3");
    let shown = sandbox.bare(&["doctor", "--format", "json"]).code(3);
    let tool = finding(&shown, "tools", "a");
    assert_eq!(tool["health"], "problem");
    assert!(tool["message"].as_str().unwrap().contains("`mytool` has version 1.2.3, and `>=2` is needed"), "{tool}");
    let helm = finding(&shown, "tools", "helm");
    assert_eq!(helm["message"], "`helm` is not installed, or not in PATH: s.chart needs it");
    assert_eq!(helm["fixes"], json!(["install `helm`: https://helm.sh/docs/intro/install/"]));
    // A step with a program of its own does not need the one in PATH.
    let own = format!("{check}{chart}helm = \"bin/own\"\n{cluster}");
    sandbox.file("pipeline.toml", &own);
    sandbox.tool("mytool", "echo mytool 2.0.0");
    let shown = sandbox.bare(&["doctor", "--format", "json"]);
    assert_eq!(findings(&shown, "tools").len(), 1);
    let message = finding(&shown, "tools", "a")["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("2.0.0 at ") && message.ends_with("/bin/mytool"), "{message}");
}

#[test]
fn a_program_that_an_untrusted_file_names_is_not_run() {
    let mut sandbox =
        Sandbox::new(&one("tool-check", "tool = \"sh\"\nversion-args = [\"-c\", \"echo ran >> world; echo sh 1.2\"]"));
    without_docker(&mut sandbox);
    sandbox.env("PROVISION_TRUST", "");
    sandbox.run(&["doctor"]).code(0).says("is not trusted").says("fix: provision trust");
    assert!(sandbox.world().is_empty());
    sandbox.env("PROVISION_TRUST", "1");
    sandbox.run(&["doctor"]).code(0).says("1.2.0 at");
    assert_eq!(sandbox.world(), ["ran"]);
}

#[test]
fn what_the_daemon_says_of_its_machine_is_compared_with_the_cluster_and_with_this_machine() {
    let cluster = "[cluster]\nprovider = \"minikube\"\ndriver = \"docker\"\ncpus = 64\nmemory = \"4g\"\n";
    let mut sandbox = Sandbox::new(&format!("{}{cluster}", one("command", "run = \"true\"")));
    let engine = FakeEngine::serve(&mut sandbox);
    sandbox.tool("minikube", "echo v1.36.0");
    let root = sandbox.path("bin").display().to_string();
    let now = jiff::Timestamp::now();
    let machine = |cpus: u32, cgroup: &str, time: jiff::Timestamp| {
        json!({"NCPU": cpus, "MemTotal": 8_589_934_592_u64, "CgroupVersion": cgroup, "DockerRootDir": root,
               "OperatingSystem": "Test OS", "SystemTime": time.to_string()})
    };
    engine.world().info = machine(2, "1", now - jiff::SignedDuration::from_mins(10));
    let shown = sandbox.run(&["doctor", "--format", "json"]).code(3);
    let health = |shown: &Shown, check: &str, subject: &str| finding(shown, check, subject)["health"].clone();
    assert_eq!(health(&shown, "capacity", "cpus"), "problem");
    assert_eq!(finding(&shown, "capacity", "cpus")["fixes"][0], "set `cpus = 2` in [cluster]");
    assert_eq!(health(&shown, "capacity", "memory"), "good");
    assert_eq!(health(&shown, "cgroup", "version"), "warning");
    assert_eq!(health(&shown, "clock", "docker"), "problem");
    assert_eq!(health(&shown, "tools", "minikube"), "good");
    assert_eq!(health(&shown, "cluster", "shop"), "skipped");
    assert!(finding(&shown, "disk", "docker")["message"].as_str().unwrap().contains(&root));
    engine.world().info = machine(64, "2", jiff::Timestamp::now());
    let shown = sandbox.run(&["doctor", "--format", "json"]);
    for (check, subject) in [("capacity", "cpus"), ("cgroup", "version"), ("clock", "docker"), ("docker", "daemon")] {
        assert_eq!(health(&shown, check, subject), "good", "{check} {subject}");
    }
    assert!(engine.world().created.is_empty() && engine.world().removed.is_empty());
}

#[test]
fn a_port_that_a_step_needs_names_who_has_it_unless_it_is_this_project() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut sandbox = Sandbox::new(&one("compose-up", "files = [\"compose.yml\"]"));
    sandbox.file("compose.yml", &format!("services:\n  web:\n    image: web:1\n    ports: [\"{port}:80\"]\n"));
    let engine = FakeEngine::serve(&mut sandbox);
    engine.world().info = json!({"NCPU": 2});
    let of_port = |sandbox: &Sandbox| {
        let shown = sandbox.run(&["doctor", "--format", "json"]);
        finding(&shown, "ports", &port.to_string())
    };
    let taken = of_port(&sandbox);
    assert_eq!(taken["health"], "problem");
    let expected = format!("step s.a needs it, and process {} listens there", std::process::id());
    assert!(taken["message"].as_str().unwrap().starts_with(&expected), "{taken}");
    // The same port, published by a container of somebody else, and then of this project.
    let container = |project: &str| {
        json!({"Id": "c1", "Name": "/web", "Config": {"Labels": {"com.docker.compose.project": project}},
               "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": port.to_string()}]}}})
    };
    engine.world().containers = vec![container("another")];
    assert_eq!(of_port(&sandbox)["fixes"], json!(["docker stop web"]));
    // The project's name is that of this checkout, which the state folder names.
    sandbox.file("pipeline.toml", &one("compose-up", "files = [\"compose.yml\"]\nname = \"dev\""));
    fs_err::create_dir(sandbox.path(".provision")).unwrap();
    let folder = fs_err::canonicalize(sandbox.path(".provision")).unwrap();
    let name = provision::tools::compose::project_name("shop", &folder, Some("dev")).unwrap();
    engine.world().containers = vec![container(&name)];
    assert_eq!(of_port(&sandbox)["health"], "good");
    drop(listener);
    engine.world().containers.clear();
    assert_eq!(of_port(&sandbox)["message"], "free, for step s.a");
}

#[test]
fn what_a_killed_run_has_left_is_told_and_left_alone() {
    let mut sandbox = Sandbox::new(&steps(&[("hang", "echo $$ > pid; touch started; exec sleep 600", "")]));
    without_docker(&mut sandbox);
    let mut run = sandbox.spawn(&["up"]);
    sandbox.wait_for("started");
    sandbox.run(&["doctor"]).code(0).says("a run is on");
    run.kill().unwrap();
    run.wait().unwrap();
    let left = sandbox.pid("pid");
    let shown = sandbox.run(&["doctor"]).code(0);
    shown
        .says("s.hang")
        .says("it was started and never finished")
        .says(&format!("process {left} (`sleep`) of a killed run"));
    assert!(is_alive(left), "doctor has stopped it");
    send("KILL", left);
}

#[test]
fn a_proxy_that_does_not_respond_or_takes_local_requests_is_a_problem() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut sandbox = Sandbox::new(&steps(&[("a", "true", "")]));
    without_docker(&mut sandbox);
    sandbox.run(&["doctor"]).code(0).says("none is set");
    sandbox.env("HTTPS_PROXY", &format!("http://ana:hunter2hunter2@127.0.0.1:{closed}"));
    let shown = sandbox.run(&["doctor"]).code(3).keeps_quiet_about("hunter2");
    shown.says("does not respond").says("fix: export NO_PROXY=\"${NO_PROXY:+$NO_PROXY,}localhost,127.0.0.1\"");
}

#[test]
fn a_file_with_errors_and_a_missing_secret_are_problems_beside_the_general_checks() {
    let mut sandbox = Sandbox::new(&one("no-such-action", ""));
    without_docker(&mut sandbox);
    sandbox
        .run(&["doctor"])
        .code(3)
        .says("unknown action `no-such-action`")
        .says("1 error in pipeline.toml")
        .says("disk");
    let secrets = "[secrets]\nTOKEN = { env = \"NO_SUCH_TOKEN\" }\n";
    sandbox.file("pipeline.toml", &format!("{}{secrets}", one("command", "run = \"true\"")));
    sandbox.run(&["doctor"]).code(3).says("NO_SUCH_TOKEN");
    let shown = sandbox.run(&["doctor", "--format", "json"]).code(3);
    assert_eq!(finding(&shown, "pipeline", "TOKEN")["health"], "problem");
    sandbox.env("NO_SUCH_TOKEN", "a-value-of-some-length");
    sandbox.run(&["doctor"]).code(0).keeps_quiet_about("a-value-of");
}
