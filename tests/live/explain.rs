//! The commands of other programs that pages of errors, hints and refusals name, each executed by the real program,
//! where it can reach nothing: the whole command line is read by it, and what it says is that nobody responds. What
//! they do where somebody does is in `tests/live/by_hand.rs`.

use std::net::TcpListener;
use std::path::Path;

use regex::Regex;

/// The commands that pages name, one a line; a test of `cli::explain` keeps the list up to date.
const PAGES: &str = include_str!("../snapshots/commands.txt");

/// All commands in the sources, a line each behind the file; `tests/messages` keeps the list up to date.
const HINTS: &str = include_str!("../snapshots/hints.txt");

/// The programs whose commands are executed here. `tests/it/fixes` demands that all others are executed there.
const PROGRAMS: &[&str] = &["docker", "helm", "kubectl", "lsof", "minikube", "ss", "ssh"];

/// What stands in the places of a command: the first row counts that has a part of the place's expression.
const PLACES: &[(&[&str], &str)] = &[
    (&["compose"], "COMPOSE"),
    (&["kubectl"], "kubectl --kubeconfig 'my config' --context 'my cluster'"),
    (&["typed_in", "helm"], "helm --kubeconfig 'my config' --kube-context 'my cluster' -n shop"),
    (&["shell_quoted(&self.context)", "context"], "'my cluster'"),
    (&["record_name"], "sh.helm.release.v1.web.v3"),
    (&["json_pointer"], "/data/KEY"),
    (&["mark", "ANNOTATION"], "provision.example/deployed-by"),
    (&["gone"], "deployment/web secret/web"),
    (&["short()", "found", "workload", "name_of"], "deployment/web"),
    (&["kind", "word()"], "deployment"),
    (&["namespace", "SYSTEM", "target.1"], "shop"),
    (&["chart"], "chart"),
    (&["port"], "PORT"),
    (&["pod", "name", "container", "image", "volume", "project", "profile", "release"], "web"),
];

/// What programs say once they have read a command line and there is nobody who responds.
const UNREACHABLE: &[&str] = &[
    "The connection to the server 127.0.0.1:1 was refused",
    "connect: connection refused",
    "Cannot connect to the Docker daemon",
    "failed to connect to the docker API",
    "Cannot perform an interactive login from a non TTY device",
    // It asks first.
    "Are you sure you want to continue?",
];

/// The commands of both lists for the programs of [`PROGRAMS`], as a person types them.
fn lines(port: u16) -> Result<Vec<String>, String> {
    let has_plugin = duct::cmd!("docker", "compose", "version").stdout_null().stderr_null().unchecked().run();
    let compose = if has_plugin.unwrap().status.success() { "docker compose" } else { "docker-compose" };
    let place = Regex::new(r"\{([^{}.][^{}]*)\}").unwrap();
    let word = Regex::new(r"\b[A-Z]{2,}\b").unwrap();
    let hints = HINTS.lines().filter_map(|line| line.split_once(": ")).map(|(_, command)| command);
    let mut lines = Vec::new();
    for command in PAGES.lines().chain(hints) {
        let mut unknown = None;
        let typed = place.replace_all(command, |place: &regex::Captures<'_>| {
            let row = PLACES.iter().find(|(parts, _)| parts.iter().any(|part| place[1].contains(part)));
            row.map_or_else(
                || {
                    unknown = Some(place[1].to_owned());
                    String::new()
                },
                |(_, value)| (*value).to_owned(),
            )
        });
        let typed = typed.replace("COMPOSE", compose);
        let program = typed.split([' ', '-']).next().unwrap();
        if !PROGRAMS.contains(&program) {
            continue;
        }
        if let Some(unknown) = unknown {
            return Err(format!("`{command}`: `{unknown}` needs a value in PLACES"));
        }
        // Words in capitals stand for names, which are in lower case; the keys of Secrets and JSON are none.
        let typed = typed.replace("PORT", &port.to_string());
        let in_lower_case = |word: &regex::Captures<'_>| word[0].to_lowercase();
        let is_plain = !typed.contains("KEY") && !typed.contains("LISTEN");
        lines.push(if is_plain { word.replace_all(&typed, in_lower_case).into_owned() } else { typed });
    }
    lines.sort();
    lines.dedup();
    Ok(lines)
}

/// A folder with what the commands name, and a kubeconfig whose cluster does not respond.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    let config = "apiVersion: v1\nkind: Config\ncurrent-context: my cluster\n\
         contexts: [{name: my cluster, context: {cluster: c, user: u}}]\n\
         clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n";
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n";
    write("my config", config);
    write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    write("chart/templates/a.yaml", object);
    write("chart/crds/a.yaml", object);
    write("file", object);
    // The docker program's own configuration is an empty one, with the plugins of the real one.
    let docker = std::env::var_os("DOCKER_CONFIG").map(Into::into);
    let docker = docker.or_else(|| std::env::home_dir().map(|home| home.join(".docker"))).unwrap_or_default();
    fs_err::create_dir_all(folder.path().join("docker")).unwrap();
    std::os::unix::fs::symlink(docker.join("cli-plugins"), folder.path().join("docker/cli-plugins")).unwrap();
    folder
}

/// Runs a line of a shell in `folder`, with nothing to be reached: whether it succeeds, and what it prints.
fn run(line: &str, folder: &Path) -> (bool, String) {
    let none = format!("unix://{}", folder.join("none.sock").display());
    let command = duct::cmd("sh", ["-c", line])
        .dir(folder)
        .env("KUBECONFIG", folder.join("my config"))
        .env("DOCKER_HOST", none)
        .env("DOCKER_CONFIG", folder.join("docker"))
        .env("MINIKUBE_HOME", folder.join("minikube"))
        .env("EDITOR", "true")
        .env_remove("DOCKER_CONTEXT");
    let output = command.stdin_null().stderr_to_stdout().stdout_capture().unchecked().run().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether the usage of the help in `said` is that of the command that `line` names, and not a general one.
fn is_help_of(said: &str, line: &str) -> bool {
    let usage = said.split("sage:").nth(1).and_then(|usage| usage.trim_start().lines().next()).unwrap_or_default();
    let first = line.split(' ').nth(1).unwrap();
    usage.split(' ').any(|word| word == first)
}

#[test]
fn every_command_of_another_program_that_is_named_is_one_that_it_takes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = place();
    let lines = lines(listener.local_addr().unwrap().port()).unwrap();
    let mut wrong = Vec::new();
    for line in &lines {
        let program = line.split(' ').next().unwrap();
        let is_taken = match program {
            // It reads all options before it shows its help; without that it would make a cluster.
            "minikube" => {
                let (is_good, said) = run(&format!("{line} --help"), folder.path());
                (is_good && is_help_of(&said, line), said)
            }
            // It reads all options, and connects to nothing.
            "ssh" => run(&line.replacen("ssh ", "ssh -G ", 1), folder.path()),
            "lsof" => {
                let (is_good, said) = run(line, folder.path());
                (is_good && said.contains(&std::process::id().to_string()), said)
            }
            _ => {
                let (is_good, said) = run(line, folder.path());
                (is_good || UNREACHABLE.iter().any(|text| said.contains(text)), said)
            }
        };
        if !is_taken.0 {
            wrong.push(format!("`{line}`:\n{}", is_taken.1));
        }
    }
    for program in PROGRAMS {
        assert!(lines.iter().any(|line| line.starts_with(&format!("{program} "))), "{program}: {lines:#?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A word that is none of theirs is noticed.
    for line in ["kubectl delet pod web", "kubectl get pods --al", "docker volume remov web", "helm uninstal web"] {
        let (is_good, said) = run(line, folder.path());
        assert!(!is_good && !UNREACHABLE.iter().any(|text| said.contains(text)), "{line}: {said}");
    }
}
