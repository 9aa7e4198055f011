//! A secret that stands wherever a secret may stand, and everything that other processes, users and readers can see of
//! a run.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fs_err as fs;
use serde_json::json;

use crate::fake_cluster::FakeCluster;
use crate::fake_engine::{FakeEngine, Image};
use crate::fake_helm;
use crate::sandbox::{Sandbox, all_arguments};
use crate::server::listen;
use crate::shared_cluster::SharedCluster;

/// Letters that each escape and quote treats in a way of its own, among some that none touches.
const CANARY: &str = "k7+Zt/pQ&x'<9=\"vR%mW!8 hY-2bN_dL4";

/// The beginning and the end of a program that writes down its arguments and its environment, where only the test
/// looks, and what was on the disk meanwhile.
const SPY: &str = r#"
n=$(basename "$0")-$$-$(date +%N)
tr '\0' '\n' </proc/$$/cmdline >SPIED/$n.args; tr '\0' '\n' </proc/$$/environ >SPIED/$n.env
[ -e SPIED/"$(basename "$0")".tar ] || tar -cf SPIED/"$(basename "$0")".tar --exclude=docker.sock -C / PROJECT STATE TMP 2>/dev/null || true
"#;

const PIPELINE: &str = r#"
[pipeline]
name = "canary"
checklists = ["tasks.md"]
[vars]
word = "nothing"
[secrets]
TOKEN = { env = "MY_TOKEN" }
MADE = { generate = "hex16" }
[cluster]
provider = "context"
context = "kind-shared"
[[stage]]
id = "s"
[[stage.step]]
id = "tool"
action = "tool-check"
tool = "tool"
version = ">=1"
covers = ["T001"]
[[stage.step]]
id = "undeclared"
action = "command"
always = true
run = ["kubectl", "get", "pods"]
[[stage.step]]
id = "script"
action = "command"
secrets = ["TOKEN"]
run = '''
tr '\0' '\n' </proc/$$/environ >SPIED/sh-script.env
echo "in a line $TOKEN and"; printf '%s' "$TOKEN" | base64; printf '%s' "$TOKEN" | base64 >&2
printf '%s' "$TOKEN" | od -An -tx1; printf '%s' "x:$TOKEN" | base64 | base64
set -x; : "$TOKEN"
'''
[[stage.step]]
id = "program"
action = "command"
env = { URL = "db://u:${{ secrets.TOKEN }}@db" }
run = ["program", "an argument"]
check = ["checker"]
[[stage.step]]
id = "secret"
action = "secret-apply"
name = "keys"
namespace = "shop"
data = { TOKEN = "${{ secrets.TOKEN }}", URL = "db://u:${{ secrets.TOKEN }}@db", MADE = "${{ secrets.MADE }}" }
[[stage.step]]
id = "manifests"
action = "manifest-apply"
needs = ["secret"]
files = ["k8s/*.yaml"]
namespace = "shop"
[[stage.step]]
id = "release"
action = "helm-install"
needs = ["secret"]
chart = "chart"
release = "web"
namespace = "shop"
set = { word = "${{ vars.word }}" }
[[stage.step]]
id = "image"
action = "docker-build"
context = "app"
image = "built"
[[stage.step]]
id = "container"
action = "container-run"
image = "web:1"
port = 8000
env = { TOKEN = "${{ secrets.TOKEN }}" }
with = [{ name = "db", image = "db:1", env = { PW = "${{ secrets.TOKEN }}" } }]
[[stage.step]]
id = "compose"
action = "compose-up"
files = ["compose.yml"]
within = "10s"
env = { TOKEN = "${{ secrets.TOKEN }}" }
[[stage.step]]
id = "login"
action = "http-check"
url = "ADDRESS"
headers = { X-Token = "k ${{ secrets.TOKEN }}" }
method = "POST"
json = { password = "${{ secrets.TOKEN }}" }
login = { path = "/", form = { password = "${{ secrets.TOKEN }}" }, bearer = "/token" }
[[stage.step]]
id = "fails"
action = "command"
optional = true
always = true
secrets = ["TOKEN"]
run = ["program", "fails"]
"#;

/// A cluster that minikube makes, with an addon and an image.
const WITH_MINIKUBE: &str = r#"
[pipeline]
name = "canary"
[secrets]
TOKEN = { env = "MY_TOKEN" }
[cluster]
provider = "minikube"
name = "pp"
[[stage]]
id = "s"
[[stage.step]]
id = "image"
action = "docker-build"
context = "app"
image = "built"
[[stage.step]]
id = "cluster"
action = "cluster-start"
[[stage.step]]
id = "addon"
action = "cluster-addon"
needs = ["cluster"]
addon = "default-storageclass"
[[stage.step]]
id = "load"
action = "image-load"
needs = ["cluster", "image"]
image = "${{ steps.s.image.image }}"
[[stage.step]]
id = "secret"
action = "secret-apply"
needs = ["cluster"]
name = "keys"
data = { TOKEN = "${{ secrets.TOKEN }}" }
"#;

/// What a program writes of a secret.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let hex = |between: &str| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between);
    let each = |form: &dyn Fn(u8) -> String| bytes.iter().map(|byte| form(*byte)).collect::<String>();
    let url = each(&|byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            char::from(byte).into()
        } else {
            format!("%{byte:02X}")
        }
    });
    let json = json!(secret).to_string();
    let utf_16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut all = vec![
        ("as it is", secret.to_owned()),
        ("its beginning", secret[..12].to_owned()),
        ("its end", secret[secret.len() - 12..].to_owned()),
        ("JSON", json[1..json.len() - 1].to_owned()),
        ("JSON in JSON", json!(json).to_string()[3..].trim_end_matches(['"', '\\']).to_owned()),
        ("a shell's word", secret.replace('\'', r"'\''")),
        ("percent", url.clone()),
        ("percent twice", url.replace('%', "%25")),
        ("all percent", each(&|byte| format!("%{byte:02x}"))),
        ("octal", each(&|byte| format!("\\{byte:03o}"))),
        ("decimal entities", each(&|byte| format!("&#{byte};"))),
        ("hexadecimal entities", each(&|byte| format!("&#x{byte:x};"))),
        ("hexadecimal", hex("")),
        ("hexadecimal with colons", hex(":")),
        ("UTF-16 in base64", STANDARD.encode(utf_16)),
    ];
    // What stands before it decides where it begins in a group of three; its first letters are not its own.
    for shift in 0..3 {
        let shifted = [&b"xxx"[..shift], bytes].concat();
        let once = STANDARD.encode(&shifted);
        all.push(("base64", once[4..once.len() - 4].to_owned()));
        all.push(("base64 for URLs", URL_SAFE_NO_PAD.encode(&shifted)[4..].to_owned()));
        let twice = STANDARD.encode(&once);
        all.push(("base64 twice", twice[8..twice.len() - 8].to_owned()));
    }
    all
}

/// Says where `bytes` have one of the secrets in any form: as they are, without white space, and without what stands
/// between digits.
fn found(place: &str, bytes: &[u8], secrets: &[String]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect::<String>();
    let views = [text.to_string(), bare(&text), bare(&text).to_ascii_lowercase()];
    let all = secrets.iter().flat_map(|secret| forms(secret));
    all.filter(|(_, form)| {
        views.iter().zip([form.clone(), bare(form), bare(form)]).any(|(view, form)| view.contains(&form))
    })
    .map(|(name, form)| format!("{place}: {name} ({form})"))
    .collect()
}

struct World {
    sandbox: Sandbox,
    cluster: SharedCluster,
    engine: FakeEngine,
    spied: tempfile::TempDir,
    /// The user's folder for state, and the one for temporary files.
    folders: [tempfile::TempDir; 2],
}

fn world() -> World {
    let [spied, state, temporary] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let port = listen(Some((200, r#"{"token": "of-the-session"}"#.to_owned())));
    let below = |folder: &Path| folder.display().to_string();
    let pipeline =
        PIPELINE.replace("SPIED", &below(spied.path())).replace("ADDRESS", &format!("http://127.0.0.1:{port}/"));
    let mut sandbox = Sandbox::new(&pipeline);
    sandbox.env("MY_TOKEN", CANARY).env("PROVISION_VAR_WORD", CANARY);
    sandbox.env("XDG_STATE_HOME", &below(state.path())).env("TMPDIR", &below(temporary.path()));
    sandbox.env("PROVISION_LOG", "trace,bollard=trace,bollard::docker=trace,hyper=trace");
    let spy = SPY.replace("SPIED", &below(spied.path())).replace("PROJECT", &below(&sandbox.path("")));
    let spy = spy.replace("STATE", &below(state.path())).replace("TMP", &below(temporary.path()));
    let cluster = SharedCluster::serve();
    cluster.reach_from(&sandbox);
    fake_helm::install(&sandbox, &cluster, &spy);
    sandbox.tool("tool", &format!("{spy}\necho tool 1.2.3"));
    for name in ["kubectl", "checker"] {
        sandbox.tool(name, &spy);
    }
    sandbox.tool(
        "program",
        &format!("{spy}\necho \"$URL\"; env; [ \"$1\" != fails ] || {{ echo \"bad: $TOKEN\" >&2; exit 3; }}"),
    );
    sandbox.tool(
        "docker",
        &format!(
            "{spy}\ncase \"$*\" in *'config --services'*) echo web ;;\n*' up '*) echo \"pulled with $TOKEN\"; \
             sed \"s/THE_PROJECT/$5/g\" up.json >incoming.new; mv incoming.new incoming.json ;; esac"
        ),
    );
    let engine = FakeEngine::serve(&mut sandbox);
    engine.image("web:1", Image::web("a", 200, ""));
    engine.image("db:1", Image { answers: None, prints: vec![format!("db has {CANARY}")], ..Image::web("b", 0, "") });
    let up = json!({"containers": [{
        "Id": "id-web", "Name": "/THE_PROJECT-web-1", "Image": engine.world().images["web:1"].id,
        "State": {"Status": "running", "Running": true, "Health": {"Status": "healthy"}}, "Created": "2026-01-01T00:00:00Z",
        "Config": {"Image": "web:1", "Labels": {"com.docker.compose.project": "THE_PROJECT",
            "com.docker.compose.service": "web", "com.docker.compose.config-hash": "h1"}},
        "Lines": ["web listens"]}]});
    sandbox.file("up.json", &up.to_string());
    sandbox.file("compose.yml", "services: { web: { image: 'web:1', environment: { TOKEN: '${TOKEN}' } } }\n");
    sandbox.file("app/Dockerfile", "FROM scratch\n").file("tasks.md", "- [ ] T001 it works\n");
    sandbox.file("k8s/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {A: '1'}\n");
    World { sandbox, cluster, engine, spied, folders: [state, temporary] }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// The generated secret, as the cluster has it.
fn generated(cluster: &SharedCluster) -> String {
    let value = std::cell::RefCell::new(None);
    cluster.change(|object| {
        if let Some(coded) = object["data"]["MADE"].as_str() {
            *value.borrow_mut() = Some(String::from_utf8(STANDARD.decode(coded).unwrap()).unwrap());
        }
    });
    value.into_inner().unwrap()
}

#[test]
fn a_canary_is_in_no_file_output_or_argument_and_only_in_the_environment_of_those_who_declare_it() {
    let World { sandbox, cluster, engine, spied, folders } = world();
    let run = sandbox.spawn(&["up", "-v", "--events", "events", "--profile-trace", "trace"]);
    let ended = AtomicBool::new(false);
    let (shown, arguments) = std::thread::scope(|threads| {
        let arguments = threads.spawn(|| {
            let mut arguments = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                arguments.extend(all_arguments());
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            arguments
        });
        // It also takes what is printed: a full pipe would stop the run.
        let shown = crate::sandbox::Shown::of(run);
        ended.store(true, Ordering::Relaxed);
        (shown, arguments.join().unwrap())
    });
    let shown = shown.code(0).says("TRACE");
    for silent in [" bollard::", " hyper::", " hyper_util::"] {
        assert!(!shown.stderr.contains(silent), "a debug message of{silent}");
    }
    let secrets = [CANARY.to_owned(), generated(&cluster)];
    let mut leaks = found("the arguments of processes", arguments.join("\n").as_bytes(), &secrets);
    leaks.extend(found("standard output", shown.stdout.as_bytes(), &secrets));
    leaks.extend(found("standard error", shown.stderr.as_bytes(), &secrets));
    for args in [
        &["report", "--format", "html"][..],
        &["report", "--format", "json"],
        &["report", "--format", "junit"],
        &["report", "--format", "ctrf"],
        &["plan"],
        &["why", "s.program"],
        &["status"],
        &["logs", "s.script", "--raw"],
        &["logs", "s.fails"],
        &["graph"],
        &["ls", "--format", "json"],
        &["doctor"],
        &["up"],
    ] {
        let shown = sandbox.run(args);
        leaks.extend(found(&args.join(" "), format!("{}\n{}", shown.stdout, shown.stderr).as_bytes(), &secrets));
    }
    // Daemon and cluster got them, and so did the programs whose steps declare them, by their environment alone.
    assert!(engine.world().created.iter().any(|body| body["Env"].to_string().contains("TOKEN=")));
    let mut has = Vec::new();
    for path in files(spied.path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let bytes = fs::read(&path).unwrap();
        let program = name.split('-').next().unwrap().to_owned();
        match path.extension().unwrap().to_str().unwrap() {
            "env" if !found(name, &bytes, &secrets).is_empty() => has.push(program),
            "env" => {}
            _ => leaks.extend(found(name, &bytes, &secrets)),
        }
    }
    has.sort();
    has.dedup();
    assert_eq!(has, ["checker", "docker", "program", "sh"], "who has a secret in its environment");
    for program in ["helm", "kubectl", "tool"] {
        let seen = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(program);
        assert!(files(spied.path()).iter().any(seen), "{program} was never called");
    }
    let folders = folders.each_ref().map(|folder| folder.path().to_owned());
    for path in files(&sandbox.path("")).into_iter().chain(folders.iter().flat_map(|folder| files(folder))) {
        leaks.extend(found(&path.display().to_string(), &fs::read(&path).unwrap(), &secrets));
        let others = path.metadata().unwrap().permissions().mode() & 0o002;
        assert_eq!(others, 0, "{} can be changed by others", path.display());
    }
    let during = fs::read(spied.path().join("helm.tar")).unwrap();
    let began = b"step-started";
    assert!(during.windows(began.len()).any(|part| part == began), "the journal was read while the run was on");
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert!(shown.stdout.contains("***") || shown.stderr.contains("***"));
}

#[test]
fn minikube_gets_no_canary_whatever_it_does() {
    let spied = tempfile::tempdir().unwrap();
    let mut sandbox = Sandbox::new(WITH_MINIKUBE);
    sandbox.env("MY_TOKEN", CANARY).file("app/Dockerfile", "FROM scratch\n");
    let profile = |on: bool| format!(r#"{{"Driver":"docker","Addons":{{"default-storageclass":{on}}}}}"#);
    sandbox.file("profile", &profile(true)).file(".minikube/profiles/pp/config.json", &profile(false));
    let _engine = FakeEngine::serve(&mut sandbox);
    let _cluster = FakeCluster::serve(&sandbox, "pp");
    let spy = SPY.replace("SPIED", &spied.path().display().to_string());
    let spy = spy.lines().filter(|line| !line.contains("tar -cf")).collect::<Vec<_>>().join("\n");
    let minikube = fs::read_to_string(sandbox.path("bin/minikube")).unwrap();
    let enables = "addons*) mv profile .minikube/profiles/pp/config.json ;;\nupdate-context*";
    let minikube = minikube.replace("update-context*", enables);
    sandbox.tool("minikube", &format!("{spy}\n{}", minikube.trim_start_matches("#!/bin/sh\n")));
    sandbox.run(&["up", "-v"]).code(0);
    let calls = fs::read_to_string(sandbox.path("calls")).unwrap();
    for verb in ["start -p pp", "status -p pp", "addons -p pp enable", "-p pp image load"] {
        assert!(calls.lines().any(|call| call.contains(verb)), "`{verb}` was never called:\n{calls}");
    }
    let secrets = [CANARY.to_owned()];
    for path in files(spied.path()).into_iter().chain(files(&sandbox.path(""))) {
        assert_eq!(found(&path.display().to_string(), &fs::read(&path).unwrap(), &secrets), [""; 0]);
    }
}
