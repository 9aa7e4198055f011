//! Assertions as a user meets them: on files, rendered charts and live objects.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use fs_err as fs;

use crate::sandbox::Sandbox;

fn pipeline(more: &str, step: &str) -> String {
    format!("[pipeline]\nname = \"t\"\n{more}\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\n{step}\n")
}

#[test]
fn what_is_wrong_with_an_assertion_is_said_with_its_place_before_anything_runs() {
    let step = "action = \"file-check\"\npath = \"a.yaml\"\nassert = [\n  \"kind == 'A'\",\n  \"spec.replicas = 2\",\n  \
                \"lenght(a) == 1\",\n]\n[[stage.step.files]]\npath = \"b.md\"\nassert = [\"'a' in headings |\"]";
    let shown = Sandbox::new(&pipeline("", step)).run(&["plan"]).code(2);
    shown
        .says("pipeline.toml:12:3")
        .says("values are compared with `==`")
        .says("unknown function `lenght`")
        .says("pipeline.toml:17:11");
}

#[test]
fn a_file_is_checked_by_what_it_says_and_again_when_a_link_of_it_breaks() {
    let step = "action = \"file-check\"\npath = \"a.yaml\"\nassert = [\"spec.replicas == 2\"]\n[[stage.step.files]]\n\
                path = \"README.md\"\nassert = [\"broken_links == []\"]";
    let sandbox = Sandbox::new(&pipeline("", step));
    sandbox.file("a.yaml", "kind: A\nspec:\n  replicas: 20\n").file("README.md", "See [it](docs/it.md).\n");
    let shown = sandbox.file("docs/it.md", "# It\n").run(&["up"]).code(1);
    shown.says("`a.yaml`, line 3: `spec.replicas` is 20, expected 2");
    sandbox.file("a.yaml", "kind: A\nspec:\n  replicas: 2\n").run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    fs::remove_file(sandbox.path("docs/it.md")).unwrap();
    sandbox.run(&["plan", "--exit-code"]).code(10).says("broken links of README.md");
    sandbox.run(&["up"]).code(1).says("`README.md`, line 1: `broken_links` is").says("there is no `docs/it.md`");
}

/// A helm that lints, and renders what the file `rendered` has.
const HELM: &str = r#"printf "%s\n" "$*" >> calls
case "$*" in
*lint*) test -e lint-error && { cat lint-error; echo 'Error: 1 chart(s) linted, 1 chart(s) failed' >&2; exit 1; }; exit 0 ;;
*template*) cat; cat rendered ;;
esac"#;

const RENDERED: &str = "---\n# Source: todo/templates/web.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n\
    spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, \
    spec: {containers: [{name: web, image: 'web:1'}]}}}\n---\n# Source: todo/templates/w.yaml\napiVersion: x/v1\nkind: Widget\nmetadata: {name: w}\n";

fn chart(step: &str) -> Sandbox {
    let sandbox = Sandbox::new(&pipeline("", &format!("action = \"chart-check\"\nchart = \"chart\"\n{step}")));
    sandbox.tool("helm", HELM).file("rendered", RENDERED);
    sandbox.file("chart/Chart.yaml", "apiVersion: v2\nname: todo\nversion: 0.1.0\n").file("local.yaml", "a: 1\n");
    sandbox
}

#[test]
fn a_chart_is_checked_with_each_set_of_values_and_what_can_not_be_validated_is_said() {
    let sandbox = chart(
        "[[stage.step.render]]\nname = \"local\"\nvalues = [\"local.yaml\"]\nabsent = [\"Ingress\"]\n\
         [[stage.step.render.objects]]\nobject = \"Deployment/web\"\nassert = [\"spec.replicas == 2\"]",
    );
    sandbox.run(&["up"]).code(0).says("unvalidated=1, validated=1, validated-by=types");
    let shown = sandbox.run(&["logs", "s.a"]).code(0);
    shown.says("Widget/w (`templates/w.yaml`) could not be validated: Widget in x/v1 is not known without a cluster");
    let calls = fs::read_to_string(sandbox.path("calls")).unwrap();
    assert!(calls.contains("-n default lint --strict") && calls.contains("template release-name"), "{calls}");
    assert!(calls.lines().all(|line| line.ends_with("local.yaml") && !line.contains("--kube")), "{calls}");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    // What the chart becomes counts, and so do its values.
    sandbox.file("rendered", &RENDERED.replace("replicas: 2", "replicas: 3")).file("local.yaml", "a: 2\n");
    let shown = sandbox.run(&["up"]).code(1);
    shown.says("with the values `local`: Deployment/web (`templates/web.yaml`): `spec.replicas` is 3, expected 2");
    sandbox.file("rendered", &RENDERED.replace("replicas: 2", "replicsa: 2"));
    sandbox.run(&["up"]).code(1).says("the field `spec.replicsa` is not known");
    sandbox.file("rendered", RENDERED).file("lint-error", "[ERROR] templates/: values.a is no string\n");
    sandbox.run(&["up"]).code(1).says("with the values `local`").says("values.a is no string");
}

/// Serves the files of the folder `api` of the sandbox: `GET /a/b` is the file `a/b.json`.
fn serve(sandbox: &Sandbox) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let folder = sandbox.path("api");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = head.next().unwrap().unwrap();
            while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let path = request.split(['?', ' ']).nth(1).unwrap().trim_start_matches('/').to_owned();
            let (code, body) = match fs::read_to_string(folder.join(format!("{path}.json"))) {
                Ok(body) => (200, body),
                Err(_) => {
                    (404, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":404,\"reason\":\"NotFound\"}".into())
                }
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    address
}

fn deployment(replicas: u32) -> String {
    serde_json::json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web", "namespace": "todo"},
        "spec": {"replicas": replicas}})
    .to_string()
}

#[test]
fn live_objects_are_looked_at_again_by_the_probe_and_none_is_no_success() {
    let step = "action = \"resource-check\"\nkind = \"Deployment\"\nname = \"web\"\nnamespace = \"todo\"\n\
                assert = [\"spec.replicas == 2\"]\ncovers = [\"T001\"]";
    let cluster = "checklists = [\"tasks.md\"]\n[cluster]\nprovider = \"context\"\ncontext = \"kind-x\"\n";
    let sandbox = Sandbox::new(&pipeline(cluster, step));
    let server = serve(&sandbox);
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncontexts: [{{name: kind-x, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    );
    sandbox.file(".kube/config", &kubeconfig).file("tasks.md", "- [ ] T001 two replicas\n");
    let kind = r#"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"apps/v1","resources":[{"name":"deployments","singularName":"","kind":"Deployment","namespaced":true,"verbs":["get","list"]}]}"#;
    sandbox.file("api/apis/apps/v1.json", kind);
    let metadata = r#"{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"kube-system","uid":"one"}}"#;
    sandbox.file("api/api/v1/namespaces/kube-system.json", metadata);
    let live = "api/apis/apps/v1/namespaces/todo/deployments/web.json";
    sandbox.run(&["up"]).code(1).says("there is no Deployment/web in todo");
    sandbox.file(live, &deployment(1)).run(&["up"]).code(1).says("Deployment/web: `spec.replicas` is 1, expected 2");
    sandbox.file(live, &deployment(2)).run(&["up"]).code(0);
    sandbox.run(&["report", "--check"]).code(0);
    sandbox.file(live, &deployment(1)).run(&["report", "--check"]).code(1).says("`spec.replicas` is 1, expected 2");
}
