//! `provision open` with an API server that the test scripts: what is deployed is in files of the sandbox, and the pods
//! answer each connection with their own name.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::handshake::derive_accept_key;

use crate::references::described;
use crate::sandbox::{Sandbox, Shown, send};

pub(crate) const PIPELINE: &str = r#"
[pipeline]
name = "shop"
[cluster]
provider = "context"
context = "kind-x"
[[stage]]
id = "verify"
[[stage.step]]
id = "health"
action = "http-check"
service = "api"
port = 8000
path = "/health"
[[stage.step]]
id = "page"
action = "http-check"
service = "web"
port = "http"
"#;

/// A project whose kube context leads to a scripted API server.
pub(crate) fn project(pipeline: &str) -> Sandbox {
    let sandbox = Sandbox::new(pipeline);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    sandbox.file(
        ".kube/config",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: other\ncontexts: [{{name: kind-x, context: {{cluster: c, \
             user: u}}}}, {{name: other, context: {{cluster: o, user: u}}}}]\nclusters: [{{name: c, cluster: {{server: \
             '{server}'}}}}, {{name: o, cluster: {{server: 'http://127.0.0.1:1'}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        ),
    );
    sandbox.file("services", "web 80 http\napi 8000 \n");
    pods(&sandbox, "web-1 ready");
    let (services, pods) = (sandbox.path("services"), sandbox.path("pods"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let read = |path| fs_err::read_to_string(path).unwrap_or_default();
            let (services, pods) = (read(&services), read(&pods));
            std::thread::spawn(move || answer(stream, &services, &pods));
        }
    });
    sandbox
}

/// Sets the pods that there are: `NAME ready` or `NAME starting`, a line each. The file is replaced as a whole. Nothing
/// listens in a pod whose name begins with `refuses`, and one that begins with `closes` closes each connection at once.
pub(crate) fn pods(sandbox: &Sandbox, list: &str) {
    sandbox.file("pods.new", list);
    fs_err::rename(sandbox.path("pods.new"), sandbox.path("pods")).unwrap();
}

fn answer(mut stream: TcpStream, services: &str, pods: &str) {
    let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = head.next().unwrap().unwrap();
    let fields: Vec<String> = head.by_ref().map_while(|line| line.ok().filter(|line| !line.is_empty())).collect();
    let path = request.split([' ', '?']).nth(1).unwrap().to_owned();
    let last = path.rsplit('/').next().unwrap();
    if last == "portforward" {
        let pod = path.rsplit('/').nth(1).unwrap();
        let key = fields.iter().find_map(|field| {
            let (name, value) = field.split_once(": ")?;
            name.eq_ignore_ascii_case("sec-websocket-key").then_some(value)
        });
        return forward(stream, key.unwrap(), pod);
    }
    let found = match last {
        "readyz" => Some(json!("ok")),
        "kube-system" => Some(json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": last, "uid": "u"}})),
        "pods" => {
            let items: Vec<Value> = pods.lines().map(pod).collect();
            Some(json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}))
        }
        service => services.lines().find(|line| line.starts_with(&format!("{service} "))).map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let port = json!({"port": words[1].parse::<u16>().unwrap(), "name": words[2], "targetPort": 8080});
            json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": service},
                "spec": {"selector": {"app": service}, "ports": [port]}})
        }),
    };
    let (code, body) = if let Some(body) = found {
        ("200 OK", body.to_string())
    } else {
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "not found", "reason": "NotFound", "code": 404});
        ("404 Not Found", status.to_string())
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {code}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    drop(stream.write_all(text.as_bytes()));
}

pub(crate) fn pod(line: &str) -> Value {
    let (name, state) = line.split_once(' ').unwrap();
    let ready = if state == "ready" { "True" } else { "False" };
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}})
}

/// A port-forward as an API server does it: channel 0 has the data, channel 1 the errors; each begins with the port.
/// `key` is the client's `Sec-WebSocket-Key`.
pub(crate) fn forward(mut stream: TcpStream, key: &str, pod: &str) {
    let accept = derive_accept_key(key.as_bytes());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-protocol: v4.channel.k8s.io\r\nsec-websocket-accept: {accept}\r\n\r\n"
    )
    .unwrap();
    let [low, high] = 8080_u16.to_le_bytes();
    frame(&mut stream, &[0, low, high]);
    frame(&mut stream, &[1, low, high]);
    if pod.starts_with("refuses") {
        let why =
            "error forwarding port 8080 to pod 1f: exit status 1: E connect(5, 127.0.0.1:8080): Connection refused";
        frame(&mut stream, format!("\x01{why}").as_bytes());
    }
    let is_over = pod.starts_with("refuses") || pod.starts_with("closes");
    // The request, if there is one.
    if is_over || !stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
        drop(stream.write_all(&[0x88, 0]).and_then(|()| stream.read(&mut [0; 1024])));
        return;
    }
    let body = format!("\0HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{pod}", pod.len());
    frame(&mut stream, body.as_bytes());
    // A close, after which it is the client that ends.
    stream.write_all(&[0x88, 0]).unwrap();
    drop(stream.read(&mut [0; 1024]));
}

fn frame(stream: &mut TcpStream, payload: &[u8]) {
    let mut bytes = vec![0x82, u8::try_from(payload.len()).unwrap()];
    bytes.extend_from_slice(payload);
    stream.write_all(&bytes).unwrap();
}

/// `provision open` while it stays, with what it says on standard error in the file `said`.
struct Opened {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Opened {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let said = fs_err::File::create(sandbox.path("said")).unwrap();
        let mut command = sandbox.command(&[&["open"], args].concat());
        let mut child = command.stderr(said.into_file()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The line that it prints once a pod is ready.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Ends it by a signal. Returns what else it has printed.
    fn stop(mut self, signal: &str, code: i32) -> String {
        send(signal, self.child.id());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        Shown::of(self.child).code(code);
        rest
    }
}

/// What a request to `url` gets; empty while nothing listens.
pub(crate) fn get(url: &str) -> String {
    let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut text = String::new();
    if let Ok(mut stream) = TcpStream::connect(host) {
        drop(stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        drop(stream.read_to_string(&mut text));
    }
    text
}

#[test]
fn the_page_is_open_through_a_restart_of_its_pod_until_ctrl_c() {
    let sandbox = project(PIPELINE);
    let mut open = Opened::start(&sandbox, &[]);
    let url = open.line();
    assert!(url.starts_with("http://127.0.0.1:2") && url.ends_with('/'), "{url}");
    assert!(get(&url).ends_with("web-1"), "{}", get(&url));
    sandbox.wait_for_text(
        "said",
        "default/web:80 of `kind-x`, by step verify.page, served by web-1; Ctrl-C ends it",
        1,
    );
    sandbox.wait_for_text("said", "also there: provision open default/api", 1);

    // Its pod is gone: a request waits now for the next one.
    pods(&sandbox, "web-2 starting");
    sandbox.wait_for_text("said", "waits for a pod that is ready (pod web-2: Running, not ready)", 1);
    let waiting = std::thread::spawn({
        let url = url.clone();
        move || get(&url)
    });
    std::thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished());
    pods(&sandbox, "web-2 ready");
    assert!(waiting.join().unwrap().ends_with("web-2"));
    sandbox.wait_for_text("said", "default/web: served by web-2", 1);

    // Nothing else was printed, and nothing is left.
    assert_eq!(open.stop("INT", 130), "");
    assert_eq!(get(&url), "");
    // The address is the same one the next time.
    let mut again = Opened::start(&sandbox, &["verify.page"]);
    assert_eq!(again.line(), url);
    again.stop("TERM", 143);
}

#[test]
fn programs_get_the_address_as_data_and_a_taken_port_is_told() {
    let sandbox = project(PIPELINE);
    let mut first = Opened::start(&sandbox, &["api", "--format", "json"]);
    let document: Value = serde_json::from_str(&first.line()).unwrap();
    let found: BTreeSet<String> = document.as_object().unwrap().keys().cloned().collect();
    assert_eq!(found, described()["open"], "docs/agents.md");
    let port = document["local_port"].as_u64().unwrap();
    assert_eq!(document["url"], format!("http://127.0.0.1:{port}/health"));
    let facts = ["v", "service", "namespace", "port", "step", "context"].map(|name| document[name].to_string());
    assert_eq!(facts, ["1", r#""api""#, r#""default""#, r#""8000""#, r#""verify.health""#, r#""kind-x""#]);
    // A second one has another port, and says why.
    let mut second = Opened::start(&sandbox, &["api"]);
    let url = second.line();
    assert!(!url.contains(&format!(":{port}/")), "{url}");
    sandbox.wait_for_text("said", &format!("its port {port} is taken"), 1);
    let taken = sandbox.run(&["open", "api", "--port", &port.to_string()]).code(2);
    taken.says(&format!("the port {port} of this machine is taken")).says("provision");
    second.stop("INT", 130);
    first.stop("INT", 130);
}

#[test]
fn the_browser_gets_the_address_and_no_secret() {
    let mut sandbox = project(&format!("{PIPELINE}\n[secrets]\nTOKEN = {{ env = \"MY_TOKEN\" }}\n"));
    sandbox.env("MY_TOKEN", "tr0ub4dor-of-a-browser").env("BROWSER", "my-browser");
    sandbox.tool("my-browser", "echo \"$1 <$MY_TOKEN>\" > opened.new; mv opened.new opened");
    let mut open = Opened::start(&sandbox, &["--browser"]);
    let url = open.line();
    sandbox.wait_for("opened");
    assert_eq!(fs_err::read_to_string(sandbox.path("opened")).unwrap(), format!("{url} <>\n"));
    open.stop("INT", 130);
}

#[test]
fn where_nothing_is_deployed_the_fix_is_told() {
    let sandbox = project(PIPELINE);
    sandbox.file("services", "api 8000 \n");
    let shown =
        sandbox.run(&["open"]).code(1).says("there is nothing to open: no service `web` in the namespace `default`");
    shown.says("deploy it: `provision up verify.page`");
    sandbox.run(&["open", "nothing.here"]).code(2).says("is no step that leads to a service").says("`verify.page`");
    sandbox.run(&["open", "api:9"]).code(1).says("the service `api` has no port 9").says("it has 8000");
    assert!(!sandbox.path(".provision").exists());
    // Never the current context by accident.
    let declared =
        PIPELINE.replace("provider = \"context\"\ncontext = \"kind-x\"", "provider = \"context\"\ncontext = \"gone\"");
    let gone = project(&declared);
    gone.run(&["open"]).code(5).says("there is no kube context `gone`");
    let without = PIPELINE.replace("[cluster]\nprovider = \"context\"\ncontext = \"kind-x\"\n", "");
    project(&without).run(&["open"]).code(2).says("[cluster]");
    // What compose publishes is on this machine already.
    let (sandbox, _engine) = crate::down::with_services();
    sandbox.file("compose.yml", "services:\n  web:\n    image: web\n    ports: [\"8080:80\"]\n");
    let shown = sandbox.run(&["open"]).code(2).says("publishes `s.up` at http://127.0.0.1:8080");
    shown.keeps_quiet_about("declare one in pipeline.toml");
}

#[test]
fn what_is_not_ready_yet_is_waited_for_and_can_be_given_up() {
    let sandbox = project(PIPELINE);
    pods(&sandbox, "");
    let open = Opened::start(&sandbox, &[]);
    sandbox.wait_for_text("said", "default/web: waits for a pod: there is none", 1);
    let began = Instant::now();
    assert_eq!(open.stop("INT", 130), "", "an address was printed that nobody answers at");
    assert!(began.elapsed() < Duration::from_secs(20));
}
