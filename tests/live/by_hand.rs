//! The commands that refusals and hints name, executed as a person would, after which the same step passes. Whether the
//! other programs take all such commands is in `tests/live/explain.rs`.

use provision::action::Presence;
use provision::error::Failure;
use provision::tools::checkout_id;
use provision::tools::deletion::Deletion;
use provision::tools::kubernetes::{Change, Exerciser, Target, WorkloadKind};
use serde_json::json;

use crate::cluster::deployment;
use crate::workbench::{PROFILE, Workbench};

/// The command of a string that has `part`: what stands in backquotes, or all of it.
fn command<'a>(text: &'a str, part: &str) -> Option<&'a str> {
    let quoted = text.split('`').skip(1).step_by(2).find(|quoted| quoted.contains(part));
    quoted.or_else(|| Some(text).filter(|text| text.contains(part) && !text.contains('`')))
}

/// Types `line` in a shell, in the folder of `bench`, as somebody who has just read it; with `editor` as the editor.
/// Returns what it prints.
async fn type_in(bench: &Workbench, line: &str, editor: &str) -> String {
    let command = duct::cmd("sh", ["-c", line]).dir(bench.path("")).env("EDITOR", editor).env_remove("KUBE_EDITOR");
    let command = command.stdin_null().stderr_to_stdout().stdout_capture().unchecked();
    let output = tokio::task::spawn_blocking(move || command.run().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("$ {line}\n{said}");
    assert!(output.status.success(), "{line}: {said}");
    // What the steps know of the cluster is of before.
    bench.tools.forget_shared().await;
    said
}

/// Does what a hint of `failure` says: its command with `part`. Returns what that prints.
pub(crate) async fn do_by_hand(bench: &Workbench, failure: &Failure, part: &str) -> String {
    edit_by_hand(bench, failure, part, "false").await
}

/// The same where the command starts an editor: `editor` gets the file.
pub(crate) async fn edit_by_hand(bench: &Workbench, failure: &Failure, part: &str, editor: &str) -> String {
    let line = failure.hints.iter().find_map(|hint| command(hint, part));
    type_in(bench, line.unwrap_or_else(|| panic!("no `{part}`: {:?}", failure.hints)), editor).await
}

fn target(bench: &Workbench) -> Target {
    (WorkloadKind::Deployment, bench.namespace.clone(), "web".to_owned())
}

/// A deployment `web` of one pod that is ready.
async fn deploy_web(bench: &Workbench) {
    let kube = bench.kube().await;
    kube.ensure_namespace(&bench.namespace).await.unwrap();
    kube.apply_object(&deployment(bench, "web", &json!({"command": ["sleep", "1000"]}))).await.unwrap();
    bench.run("rollout-check", &format!("namespace = '{}'\ndeployments = ['web']", bench.namespace)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_another_checkout_left_is_taken_back_by_hand() {
    let bench = Workbench::new("note").await;
    deploy_web(&bench).await;
    let kube = bench.kube().await;
    let other = Exerciser { checkout: "another".into(), run: None, step: "live.step".into() };
    kube.exercise(&target(&bench), &Change::Replicas(2), &other).await.unwrap();
    let ours = Exerciser { checkout: "ours".into(), ..other.clone() };
    let failure = kube.take_back(&target(&bench), &ours).await.unwrap_err();
    assert!(failure.hints.iter().any(|hint| hint.contains("to 1 again")), "{:?}", failure.hints);
    bench.command(&format!("-n {} scale deployment web --replicas=1", bench.namespace)).await;
    do_by_hand(&bench, &failure, " annotate deployment/web ").await;
    assert_eq!(kube.left_on(&target(&bench)).await.unwrap(), None);
    assert_eq!(kube.take_back(&target(&bench), &ours).await.unwrap(), None);
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_a_run_left_which_the_journal_does_not_have_is_removed_by_hand() {
    let bench = Workbench::new("twin").await;
    deploy_web(&bench).await;
    let checkout = checkout_id(bench.tools.state_dir()).unwrap();
    let labels = json!({"provision.dev/checkout": checkout, "provision.dev/run": "20261126-050231-1a2b3c4d"});
    let service = |name: &str, labels: &serde_json::Value| {
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": bench.namespace, "labels": labels},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
    };
    let kube = bench.kube().await;
    kube.apply_object(&service("left", &labels)).await.unwrap();
    kube.apply_object(&service("web", &json!({}))).await.unwrap();
    // Nobody listens in the pod, so that the check fails, after it has removed what was left.
    let requests = "requests = { service = 'web', port = 'http', rate = 20 }";
    let settings = format!("workload = 'deployment/web'\nnamespace = '{}'\nreplicas = 2\n{requests}", bench.namespace);
    let said = async || {
        bench.run("scale-check", &settings).await.unwrap_err();
        let said = bench.said();
        said.into_iter().find(|line| line.contains("left the service `left` in place"))
    };
    let remark = said().await.unwrap();
    type_in(&bench, command(&remark, " delete service ").unwrap(), "false").await;
    assert_eq!(said().await, None);
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_a_secret_that_somebody_else_set_is_removed_by_hand() {
    let bench = Workbench::new("secret-by-hand").await;
    let settings = format!("name = 'one'\nnamespace = '{}'\ndata = {{ 'a.b' = '1', URL = '2' }}", bench.namespace);
    let first = bench.run("secret-apply", &settings).await.unwrap();
    for key in ["URL", "a.b"] {
        let patch = format!("patch secret one -p '{{\"stringData\":{{\"{key}\":\"x\"}}}}'");
        bench.command(&format!("-n {} {}", bench.namespace, patch.replace('"', "\\\""))).await;
        let failure = bench.run("secret-apply", &settings).await.unwrap_err();
        do_by_hand(&bench, &failure, " patch secret one ").await;
        assert_eq!(bench.run("secret-apply", &settings).await.unwrap(), first);
    }
    bench.clean_up().await;
}

/// What `down` would remove of a step of `bench`.
async fn removals(bench: &Workbench, action: &str, settings: &str) -> Vec<Deletion> {
    let output = bench.run(action, settings).await.unwrap();
    let step = bench.step(action, settings);
    step.action.removals(&step.cx, &output).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_down_would_remove_can_be_removed_by_hand() {
    let mut bench = Workbench::new("removals").await;
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: b}\n";
    let settings = format!("files = ['web.yaml']\nnamespace = '{}'", bench.namespace);
    // Another checkout has deployed the same object: ours takes its mark off, and then it is the other one's alone.
    let other = Workbench::new("removals-other").await;
    let own = std::mem::replace(&mut bench.namespace, other.namespace.clone());
    let settings = settings.replace(&own, &bench.namespace);
    for one in [&bench, &other] {
        one.write("web.yaml", object);
    }
    other.run("manifest-apply", &settings).await.unwrap();
    let found = removals(&bench, "manifest-apply", &settings).await;
    let withdrawal = found.iter().find(|found| found.by_hand.contains(" annotate ")).unwrap();
    let marks = format!("-n {} get configmap web -o yaml > marks", bench.namespace);
    let mark = withdrawal.by_hand.rsplit(' ').next().unwrap().trim_end_matches('-');
    bench.command(&marks).await;
    assert!(fs_err::read_to_string(bench.path("marks")).unwrap().contains(mark), "{withdrawal:?}");
    type_in(&bench, &withdrawal.by_hand, "false").await;
    bench.command(&marks).await;
    assert!(!fs_err::read_to_string(bench.path("marks")).unwrap().contains(mark));
    // Of the other one it is the object that goes.
    let output = other.run("manifest-apply", &settings).await.unwrap();
    let found = removals(&other, "manifest-apply", &settings).await;
    let deletion = found.iter().find(|found| found.by_hand.ends_with(" delete configmap/web")).unwrap();
    type_in(&other, &deletion.by_hand, "false").await;
    assert!(matches!(other.probe("manifest-apply", &settings, &output).await, Presence::Missing(_)));
    other.run("manifest-apply", &settings).await.unwrap();
    other.clean_up().await;
    bench.namespace = own;
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_look_at_the_cluster_is_what_the_hint_of_a_missing_workload_gives() {
    let bench = Workbench::new("look").await;
    deploy_web(&bench).await;
    let settings = |name: &str| format!("namespace = '{}'\ndeployments = ['{name}']", bench.namespace);
    let failure = bench.run("rollout-check", &settings("wob")).await.unwrap_err();
    do_by_hand(&bench, &failure, " get deployments").await;
    // A pod that fails: all of it, and its log.
    let container = json!({"command": ["sh", "-c", "exit 3"]});
    bench.kube().await.apply_object(&deployment(&bench, "fails", &container)).await.unwrap();
    let failure = bench.run("rollout-check", &settings("fails")).await.unwrap_err();
    do_by_hand(&bench, &failure, " logs fails-").await;
    let container = json!({"image": "nobody/has-this:1", "imagePullPolicy": "Never"});
    bench.kube().await.apply_object(&deployment(&bench, "none", &container)).await.unwrap();
    let failure = bench.run("rollout-check", &settings("none")).await.unwrap_err();
    do_by_hand(&bench, &failure, " describe pod none-").await;
    let settings = format!("service = 'web'\nnamespace = '{}'\nport = 80", bench.namespace);
    let failure = bench.run("port-check", &settings).await.unwrap_err();
    do_by_hand(&bench, &failure, " get services").await;
    bench.clean_up().await;
}

/// Kinds of what the Docker daemon has: the command of the list that removes one, what makes it, what shows it.
const OF_DOCKER: &[(&str, &str, &str)] = &[
    ("docker volume rm {", "docker volume create NAME", "docker volume inspect NAME"),
    ("docker network rm {", "docker network create NAME", "docker network inspect NAME"),
    ("docker rm -f {", "docker create --name NAME IMAGE", "docker container inspect NAME"),
    ("docker rm -f {profile}; docker volume rm {", "docker create --name NAME IMAGE", "docker container inspect NAME"),
    ("docker container rm -f {", "docker create --name NAME IMAGE", "docker container inspect NAME"),
    ("docker stop {", "docker run -d --name NAME IMAGE sleep 1000", "docker ps -q -f name=NAME | grep ."),
    ("docker rmi {", "docker tag IMAGE NAME", "docker image inspect NAME"),
    ("docker image rm {", "docker tag IMAGE NAME", "docker image inspect NAME"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_docker_daemons_is_gone_after_the_command_by_hand() {
    let bench = Workbench::bare("docker", PROFILE, std::collections::BTreeMap::new());
    let hints = include_str!("../snapshots/hints.txt");
    let name = format!("provision-by-hand-{}", std::process::id());
    let image = crate::workbench::IMAGE.to_string();
    let place = regex::Regex::new(r"\{[^{}]*\}").unwrap();
    for (begins, make, show) in OF_DOCKER {
        let mut lines = hints.lines().filter_map(|line| line.split_once(": ")).map(|(_, command)| command);
        let named = lines.find(|command| command.starts_with(begins)).unwrap_or_else(|| panic!("no {begins}"));
        // Lines with more than one command name the same thing in each.
        let line = place.replace_all(named, name.as_str()).into_owned();
        let filled = |line: &str| line.replace("NAME", &name).replace("IMAGE", &image);
        type_in(&bench, &filled(make), "false").await;
        type_in(&bench, &filled(show), "false").await;
        let line = if line.contains(';') { format!("docker volume create {name}; {line}") } else { line };
        type_in(&bench, &line, "false").await;
        type_in(&bench, &format!("! ( {} )", filled(show)), "false").await;
        type_in(&bench, &format!("docker rm -f {name} || true"), "false").await;
    }
}

/// The containers, networks and volumes of a compose project that the daemon has.
async fn of_project(bench: &Workbench, project: &str) -> (usize, usize, usize) {
    let label = format!("--filter label=com.docker.compose.project={project}");
    let mut found = Vec::new();
    for list in ["ps -a", "network ls", "volume ls"] {
        found.push(type_in(bench, &format!("docker {list} -q {label}"), "false").await.lines().count());
    }
    (found[0], found[1], found[2])
}

/// A compose project of a service and a volume, and what its only service does.
fn compose(bench: &Workbench, command: &str, more: &str) -> &'static str {
    let image = crate::workbench::IMAGE;
    let service = format!("image: {image}, init: true, volumes: ['data:/data'], command: [sh, -c, '{command}']{more}");
    bench.write("compose.yml", &format!("services: {{ web: {{ {service} }} }}\nvolumes: {{ data: {{}} }}\n"));
    "files = ['compose.yml']"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compose_project_is_looked_at_and_removed_by_the_commands_that_name_it() {
    let bench = Workbench::bare("compose-by-hand", PROFILE, std::collections::BTreeMap::new());
    // What its services say, where one has ended.
    let settings = compose(&bench, "echo the reason is this; exit 3", "");
    let failure = bench.run("compose-up", settings).await.unwrap_err();
    let said = do_by_hand(&bench, &failure, " logs").await;
    assert!(said.contains("the reason is this"), "{said}");
    // The project that a run has left which was stopped: `down` keeps its data.
    let never = ", healthcheck: { test: [CMD, 'false'], interval: 1s, retries: 1000 }";
    let settings = compose(&bench, "sleep 1000", never);
    let cancel = bench.cancel.child();
    let step = bench.step_with("compose-up", settings, cancel.clone());
    let stopped = async {
        while !bench.said().iter().any(|line| line.starts_with("> ")) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        cancel.wind_down();
    };
    let (result, ()) = tokio::join!(step.action.run(&step.cx), stopped);
    let failure = result.unwrap_err();
    let line = failure.hints.iter().find_map(|hint| command(hint, " down")).unwrap();
    let project = line.split(' ').rev().nth(1).unwrap().to_owned();
    assert_eq!(of_project(&bench, &project).await, (1, 1, 1), "{line}");
    do_by_hand(&bench, &failure, " down").await;
    assert_eq!(of_project(&bench, &project).await, (0, 0, 1), "{line}");
    // What `down` of provision would remove goes whole.
    let found = removals(&bench, "compose-up", compose(&bench, "sleep 1000", "")).await;
    assert_eq!(of_project(&bench, &project).await, (1, 1, 1));
    let deletion = found.iter().find(|found| found.by_hand.ends_with(" down -v")).unwrap();
    assert!(deletion.by_hand.contains(&format!(" -p {project} ")), "{deletion:?}");
    type_in(&bench, &deletion.by_hand, "false").await;
    assert_eq!(of_project(&bench, &project).await, (0, 0, 0));
}
