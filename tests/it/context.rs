//! The cluster of a kube context of the user's is changed only where that is allowed, and only while it is the same
//! one: F89, F90.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::sandbox::{Sandbox, steps};

const NODES: &str = r#"{"kind":"NodeList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"n"},"status":{"conditions":[{"type":"Ready","status":"True"}],"nodeInfo":{"architecture":"amd64","bootID":"","containerRuntimeVersion":"containerd://2.0.0","kernelVersion":"","kubeProxyVersion":"","kubeletVersion":"v1.33.1","machineID":"","operatingSystem":"linux","osImage":"","systemUUID":""}}}]}"#;

/// Serves an API server with one node whose uid is what the file `uid` of the sandbox has. Returns its address.
fn serve(sandbox: &Sandbox, uid: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let uid = sandbox.path(uid);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = head.next().unwrap().unwrap();
            while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let body = if request.contains("/readyz") {
                "ok".to_owned()
            } else if request.contains("/nodes") {
                NODES.to_owned()
            } else {
                let uid = fs_err::read_to_string(&uid).unwrap();
                let metadata = serde_json::json!({"name": "kube-system", "uid": uid});
                serde_json::json!({"kind": "Namespace", "apiVersion": "v1", "metadata": metadata}).to_string()
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    address
}

/// A project with the context `context`, which leads to `server`.
pub(crate) fn project(context: &str, more: &str, server: Option<&str>) -> Sandbox {
    let cluster = format!("[cluster]\nprovider = \"context\"\ncontext = \"{context}\"\n{more}\n");
    let step = "[[stage.step]]\nid = \"start\"\naction = \"cluster-start\"\n";
    let text = steps(&[("a", "echo a >> world", "")]).replace("[[stage]]", &format!("{cluster}[[stage]]")) + step;
    let sandbox = Sandbox::new(&text);
    sandbox.file("uid", "one");
    let server = server.map_or_else(|| serve(&sandbox, "uid"), str::to_owned);
    sandbox.file(
        ".kube/config",
        &format!(
            "apiVersion: v1\nkind: Config\ncontexts: [{{name: {context}, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        ),
    );
    sandbox
}

#[test]
fn a_cluster_that_is_not_of_this_machine_is_refused_before_anything_runs() {
    // Neither the name of a local product alone is enough, nor an address of this machine alone.
    for (context, server) in [("staging", "https://10.1.2.3:6443"), ("kind-x", "https://10.1.2.3:6443")] {
        let sandbox = project(context, "", Some(server));
        let shown = sandbox.run(&["up"]).code(5).says("its server is `10.1.2.3`");
        shown.says(&format!("`provision up --allow-context {context}`")).says("allow = true");
        sandbox.run(&["stage", "s"]).code(5).says(&format!("`provision stage s --allow-context {context}`"));
        sandbox.run(&["doctor"]).code(3).says(&format!("provision up --allow-context {context}"));
        assert!(sandbox.world().is_empty());
        assert!(!sandbox.path(".provision").exists());
    }
    let tunnel = project("prod", "", None);
    tunnel.run(&["up"]).code(5).says("may be a tunnel");
    tunnel.run(&["up", "--allow-context", "other"]).code(2).says("does not use the kube context `other`");
    assert!(tunnel.world().is_empty());
    tunnel.run(&["up", "--allow-context", "prod"]).code(0);
    // Readers change nothing.
    tunnel.run(&["plan"]).code(0);
    tunnel.run(&["up"]).code(5);
    // With the uid in the file, for good.
    let declared = project("prod", "allow = true\nuid = \"one\"", None);
    declared.run(&["up"]).code(0);
    project("prod", "allow = true", None).run(&["up"]).code(2).says("`allow` needs the `uid`");
}

#[test]
fn f104_a_credential_plugin_gets_no_secret_and_is_not_told_to_ask() {
    let canary = "tr0ub4dor-of-a-plugin";
    let mut sandbox = project("kind-x", "[secrets]\nTOKEN = { env = \"MY_TOKEN\" }", None);
    sandbox.env("MY_TOKEN", canary);
    sandbox.tool(
        "plugin",
        r#"env > plugin-env; echo noise >&2
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'"#,
    );
    let config = fs_err::read_to_string(sandbox.path(".kube/config")).unwrap();
    let plugin = format!(
        "user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: {}}}}}",
        sandbox.path("bin/plugin").display()
    );
    sandbox.file(".kube/config", &config.replace("user: {}", &plugin));
    for command in [&["up"][..], &["plan"], &["why", "s.start"]] {
        drop(fs_err::remove_file(sandbox.path("plugin-env")));
        sandbox.run(command).code(0).keeps_quiet_about("noise");
        let environment = fs_err::read_to_string(sandbox.path("plugin-env")).unwrap();
        assert!(environment.contains("PATH=") && !environment.contains(canary), "{environment}");
        assert!(environment.contains(r#""interactive":false"#), "{environment}");
    }
}

#[test]
fn a_local_product_needs_no_question() {
    project("kind-x", "", None).run(&["up"]).code(0);
}

#[test]
fn a_context_that_leads_to_another_cluster_by_now_is_refused() {
    let sandbox = project("kind-x", "[profile.other]\nstages = [\"s\"]\n", None);
    sandbox.run(&["up"]).code(0);
    sandbox.file("uid", "two");
    sandbox.run(&["up"]).code(5).says("leads to another cluster").says("its uid is two").says("--allow-context kind-x");
    sandbox.run(&["plan"]).code(0);
    sandbox.run(&["up"]).code(5);
    // The command that allows it is the given one, or `up` for the same pipeline.
    let named = |args: &[&str], command: &str| {
        sandbox.run(args).says(&format!("`provision {command} --allow-context kind-x`"));
    };
    named(&["stage", "s", "--only"], "stage s --only");
    named(&["doctor", "-f", "pipeline.toml", "-p", "other"], "-f pipeline.toml -p other up");
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let secret = "[[stage.step]]\nid = \"keys\"\naction = \"secret-apply\"\nname = \"keys\"\ndata = { A = \"b\" }\n";
    sandbox.file("pipeline.toml", &format!("{pipeline}{secret}"));
    named(&["down", "--dry-run"], "down --dry-run");
    named(&["down", "--yes"], "down --yes");
    let allowed = sandbox.run(&["down", "--dry-run", "--allow-context", "kind-x"]);
    allowed.keeps_quiet_about("leads to another cluster");
    sandbox.file("pipeline.toml", &pipeline);
    sandbox.run(&["up"]).code(5);
    sandbox.run(&["up", "--allow-context", "kind-x"]).code(0);
    sandbox.run(&["up"]).code(0);
    // A uid in the file can't be overruled.
    let declared = project("kind-x", "uid = \"one\"", None);
    declared.run(&["up"]).code(0);
    declared.file("uid", "two");
    declared.run(&["up", "--allow-context", "kind-x"]).code(5).says("`uid` in [cluster] is one");
}

#[test]
fn r14_a_command_that_was_run_at_another_cluster_is_run_again() {
    let sandbox = project("kind-x", "", None);
    let deploy = "[[stage.step]]\nid = 'deploy'\naction = 'command'\nneeds = ['start']\nrun = 'echo deploy >> world'\n";
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &(pipeline + deploy));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.file("uid", "two");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("deploy");
    sandbox.run(&["up", "--allow-context", "kind-x"]).code(0);
    assert_eq!(sandbox.world().iter().filter(|line| *line == "deploy").count(), 2);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn r14_each_kube_context_has_records_of_its_own_and_to_switch_to_and_fro_makes_nothing_stale() {
    let sandbox = project("kind-x", "", None);
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let pipeline = pipeline
        .replace("context = \"kind-x\"", "context = \"${{ vars.target }}\"")
        .replace("[cluster]", "[vars]\ntarget = \"kind-x\"\n[cluster]");
    let deploy = "[[stage.step]]\nid = 'deploy'\naction = 'command'\nneeds = ['start']\n\
        run = 'echo deployed to ${{ cluster.context }} >> world'\ncovers = ['T1']\n";
    let pipeline = pipeline.replace("[pipeline]", "[pipeline]\nchecklists = ['tasks.md']");
    sandbox
        .file("pipeline.toml", &(pipeline + deploy))
        .file("tasks.md", "- [ ] T1 It is deployed\n")
        .file("uid-y", "y");
    let config = fs_err::read_to_string(sandbox.path(".kube/config")).unwrap();
    let other = format!("{{name: d, cluster: {{server: '{}'}}}}", serve(&sandbox, "uid-y"));
    let config = config.replace("contexts: [", "contexts: [{name: kind-y, context: {cluster: d, user: u}}, ");
    sandbox.file(".kube/config", &config.replace("clusters: [", &format!("clusters: [{other}, ")));
    let at_y = |command: &[&str]| sandbox.run(&[command, &["--set", "target=kind-y"]].concat());
    sandbox.run(&["up"]).code(0);
    // Nothing was done there yet.
    at_y(&["plan", "--exit-code"]).code(10).says("deploy");
    at_y(&["report"]).code(0).says("s.deploy never ran");
    at_y(&["up"]).code(0);
    for _ in 0..2 {
        sandbox.run(&["plan", "--exit-code"]).code(0);
        sandbox.run(&["up"]).code(0).says("nothing to do");
        at_y(&["plan", "--exit-code"]).code(0);
        at_y(&["up"]).code(0).says("nothing to do");
    }
    let deployed: Vec<String> = sandbox.world().into_iter().filter(|line| line.starts_with("deployed")).collect();
    assert_eq!(deployed, ["deployed to kind-x", "deployed to kind-y"]);
}

#[test]
fn a_project_at_a_path_that_kubeconfig_divides_is_refused_before_anything_is_made() {
    let cluster = "[cluster]\nprovider = \"minikube\"\nname = \"demo\"\n";
    let sandbox = Sandbox::new("");
    let in_folder = |folder: &str, cluster: &str| {
        let text = steps(&[("a", "echo a", "")]).replacen("[[stage]]", &format!("{cluster}[[stage]]"), 1);
        sandbox.file(&format!("{folder}/pipeline.toml"), &text);
    };
    in_folder("a:b", cluster);
    for command in ["plan", "up"] {
        sandbox.run(&["-C", "a:b", command]).code(2).says("the path of the project has a `:`").says("pipeline.toml:");
    }
    assert!(!sandbox.path("a").exists() && !sandbox.path("a:b/.provision").exists());
    in_folder("c, 'd", cluster);
    sandbox.run(&["-C", "c, 'd", "plan"]).code(0);
    in_folder("e:f", "");
    sandbox.run(&["-C", "e:f", "up"]).code(0);
}
