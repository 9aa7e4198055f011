//! The sandboxes in which the sessions of documents run.

use std::net::TcpListener;

use fs_err as fs;
use serde_json::json;

use crate::fake_cluster::FakeCluster;
use crate::fake_engine::FakeEngine;
use crate::samples::sample;
use crate::sandbox::Sandbox;
use crate::shared_cluster::SharedCluster;
use crate::{context, fake_helm, open};

pub(super) type Maker = fn() -> Sandbox;

/// Where a session can be: its name, and what makes the sandbox with a folder of this name, in which commands run.
pub(super) const PLACES: &[(&str, Maker)] = &[
    ("greeter", greeter),
    ("todo", todo),
    ("shop", shop),
    ("site", site),
    ("page", page),
    ("keys", keys),
    ("staging", staging),
    ("store", store),
    ("checks", checks),
    ("release", release),
];

/// A repository with Docker, minikube and a cluster.
fn greeter() -> Sandbox {
    let mut sandbox = sample("greeter");
    let engine = FakeEngine::serve(&mut sandbox);
    engine.world().info = json!({"NCPU": 4, "MemTotal": 16_u64 << 30, "CgroupVersion": "2", "OSType": "linux",
        "OperatingSystem": "Debian GNU/Linux 12 (bookworm)"});
    FakeCluster::serve(&sandbox, "greeter");
    sandbox.tool("docker", "echo Docker version 20.10.24, build 297e128");
    sandbox.tool("kubectl", "echo Client Version: v1.33.1").tool("git", "echo git version 2.47.2");
    sandbox.tool("helm", "echo v3.18.4+gd80839c");
    sandbox
}

/// A repository with a chart, with helm and kubectl.
fn todo() -> Sandbox {
    let mut sandbox = sample("todo");
    sandbox.env("DOCKER_HOST", "unix:///no/such/docker.sock");
    sandbox
}

/// A checkout whose pipeline needs helm, which is not installed, and has no Docker.
fn shop() -> Sandbox {
    let mut sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    sandbox.env("DOCKER_HOST", "unix:///no/such/docker.sock").tool("git", "echo git version 2.47.2");
    let pipeline = "[pipeline]\nname = \"shop\"\n[[stage]]\nid = \"build\"\n[[stage.step]]\nid = \"page\"\n\
                    action = \"command\"\nrun = \"echo page > page.html\"\n[[stage]]\nid = \"deploy\"\n\
                    [[stage.step]]\nid = \"helm\"\naction = \"tool-check\"\ntool = \"helm\"\nversion = \">=3.12\"\n";
    sandbox.file("shop/pipeline.toml", pipeline);
    sandbox
}

/// A site that commands build and publish, each proven in another way.
fn site() -> Sandbox {
    let sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let pipeline = r#"[pipeline]
name = "site"
checklists = ["tasks.md"]

[[stage]]
id = "site"

  [[stage.step]]
  id = "build"
  action = "command"
  run = "mkdir -p dist && sed 's/draft/final/' page.md > dist/page.html"
  inputs = ["page.md"]
  outputs = ["dist/**"]
  covers = ["T001"]

  [[stage.step]]
  id = "migrate"
  action = "command"
  run = "echo v2 > database"
  check = "grep -q v2 database"
  covers = ["T002"]

  [[stage.step]]
  id = "publish"
  action = "command"
  needs = ["build"]
  run = ["cp", "dist/page.html", "published"]
  covers = ["T003"]
"#;
    let tasks = "- [ ] T001 The page is built\n- [ ] T002 The database is up to date\n- [ ] T003 It is published\n";
    sandbox.file("site/pipeline.toml", pipeline).file("site/tasks.md", tasks).file("site/page.md", "a draft\n");
    sandbox
}

/// A page that is built and published again when it has changed.
fn page() -> Sandbox {
    let sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let pipeline = r#"[pipeline]
name = "page"

[[stage]]
id = "build"

  [[stage.step]]
  id = "html"
  action = "command"
  run = "mkdir -p dist && sed 's|.*|<p>&</p>|' page.md > dist/page.html"
  inputs = ["page.md"]
  outputs = ["dist/**"]

[[stage]]
id = "publish"

  [[stage.step]]
  id = "html"
  action = "command"
  run = "cp dist/page.html published.html"
  inputs = ["dist/page.html"]
  outputs = ["published.html"]
"#;
    sandbox.file("page/pipeline.toml", pipeline).file("page/page.md", "one\n");
    sandbox
}

/// A checkout whose only step gets a secret and prints it.
fn keys() -> Sandbox {
    let sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let pipeline = "[pipeline]\nname = \"shop\"\n[secrets]\nAPI_TOKEN = { env = \"SHOP_API_TOKEN\" }\n[[stage]]\n\
                    id = \"deploy\"\n[[stage.step]]\nid = \"notify\"\naction = \"command\"\nsecrets = [\"API_TOKEN\"]\n\
                    run = 'echo \"Authorization: Bearer $API_TOKEN\"; printf %s \"$API_TOKEN\" | base64'\n";
    sandbox.file("keys/pipeline.toml", pipeline);
    sandbox
}

/// A checkout whose cluster is there already, and not known to be one of this machine.
fn staging() -> Sandbox {
    let sandbox = context::project("staging", "", None);
    fs::create_dir(sandbox.path("staging")).unwrap();
    fs::rename(sandbox.path("pipeline.toml"), sandbox.path("staging/pipeline.toml")).unwrap();
    sandbox
}

/// A shop whose page and API are deployed in a cluster of a kube context.
fn store() -> Sandbox {
    let sandbox = open::project("");
    let check = |id: &str, service: &str, port: &str, path: &str| {
        format!(
            "\n  [[stage.step]]\n  id = \"{id}\"\n  action = \"http-check\"\n  service = \"{service}\"\n  port = {port}\n  \
             path = \"{path}\"\n"
        )
    };
    let pipeline = format!(
        "[pipeline]\nname = \"shop\"\n\n[cluster]\nprovider = \"context\"\ncontext = \"kind-x\"\n\n[[stage]]\n\
         id = \"verify\"\n{}{}",
        check("health", "api", "8000", "/health"),
        check("page", "web", "\"http\"", "/")
    );
    sandbox.file("store/pipeline.toml", &pipeline);
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    sandbox
}

/// A checkout with a program, a manifest and a database to check; the database listens.
fn checks() -> Sandbox {
    let sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let pipeline = r#"[pipeline]
name = "shop"

[vars]
jq = ">=1.6"
database = "ADDRESS"

[[stage]]
id = "tools"

  [[stage.step]]
  id = "jq"
  action = "tool-check"
  tool = "jq"
  version = "${{ vars.jq }}"

[[stage]]
id = "rules"

  [[stage.step]]
  id = "manifests"
  action = "policy-check"
  rules = ["limits", "no-latest"]
  manifests = ["k8s/*.yaml"]

[[stage]]
id = "ports"

  [[stage.step]]
  id = "database"
  action = "port-check"
  address = "${{ vars.database }}"
  within = "1s"
"#;
    let address = database.local_addr().unwrap().to_string();
    std::thread::spawn(move || database.incoming().count());
    sandbox.file("checks/pipeline.toml", &pipeline.replace("ADDRESS", &address)).tool("jq", "echo jq-1.7.1");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n    - name: web\n      \
               image: shop/web:1.4\n      resources:\n        limits: {cpu: 1, memory: 1Gi}\n";
    sandbox.file("checks/k8s/web.yaml", pod);
    sandbox
}

/// A checkout with a chart, a helm and a cluster.
fn release() -> Sandbox {
    let sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let cluster = SharedCluster::serve();
    cluster.reach_from(&sandbox);
    fake_helm::install(&sandbox, &cluster, "");
    let pipeline = r#"[pipeline]
name = "shop"

[cluster]
provider = "context"
context = "kind-shared"

[[stage]]
id = "deploy"

  [[stage.step]]
  id = "web"
  action = "helm-install"
  chart = "chart"
  release = "web"
  namespace = "shop"
  create-namespace = true
  set = { replicas = 2 }
"#;
    sandbox.file("release/pipeline.toml", pipeline);
    fs::rename(sandbox.path("chart"), sandbox.path("release/chart")).unwrap();
    sandbox
}
