//! Three of tests/samples, as somebody has them who finds this program: `init`, then `up`, and nothing is edited.

use std::path::Path;

use serde_json::Value;

use crate::main_job::minikube_of;
use crate::sandbox::Sandbox;
use crate::workbench::IMAGE;

/// The folder that each sample is copied to. `init` names cluster and namespace after it, so they share a cluster: made
/// and deleted by this test.
const FOLDER: &str = "provision-test-init";

/// The base images of the samples, and what stands in for them where they can't be had: the lab's.
fn base_images() -> [(&'static str, Option<String>); 3] {
    let of_lab = |name| std::env::var(format!("PROVISION_VAR_{name}_image")).ok();
    let debian = IMAGE.to_string();
    [
        ("python:3.12-slim", of_lab("python")),
        ("node:20-alpine", of_lab("node")),
        ("debian:12-slim", Some(debian).filter(|image| image != "debian:bookworm")),
    ]
}

/// Names given to images for this test, which go with it. One that somebody has is left as it is.
struct Tags(Vec<&'static str>);

impl Tags {
    fn set() -> Self {
        let is_there = |name: &str| duct::cmd!("docker", "image", "inspect", name).stdout_null().stderr_null().run();
        let mut set = Self(Vec::new());
        for (name, stand_in) in base_images() {
            if let Some(stand_in) = stand_in.filter(|_| is_there(name).is_err()) {
                duct::cmd!("docker", "tag", stand_in, name).run().unwrap();
                set.0.push(name);
            }
        }
        set
    }
}

impl Drop for Tags {
    fn drop(&mut self) {
        for name in &self.0 {
            drop(duct::cmd!("docker", "rmi", name).stdout_null().unchecked().run());
        }
    }
}

/// A sample in a folder of its own.
fn sample(name: &str) -> Sandbox {
    let sandbox = Sandbox::live("");
    fs_err::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name);
    for entry in walkdir::WalkDir::new(&from) {
        let entry = entry.unwrap();
        let to = sandbox.path(FOLDER).join(entry.path().strip_prefix(&from).unwrap());
        if entry.file_type().is_dir() {
            fs_err::create_dir_all(to).unwrap();
        } else {
            fs_err::copy(entry.path(), to).unwrap();
        }
    }
    sandbox
}

/// Deploys a sample. Returns the verdict on each item of its checklists.
fn deployed(name: &str, last_step: &str) -> Vec<(String, String)> {
    let sandbox = sample(name);
    let run = |args: &[&str]| sandbox.run(&[&["-C", FOLDER], args].concat());
    run(&["init"]).code(0);
    run(&["up", "--trust"]).code(0).says(last_step);
    run(&["up"]).code(0).says("nothing to do");
    let shown = run(&["report", "--format", "json"]);
    // Room for the next one, on a small machine.
    let delete = format!("kubectl --context {FOLDER} delete namespace {FOLDER} --timeout=120s");
    let kubeconfig = sandbox.path(FOLDER).join(".provision/kubeconfig");
    duct::cmd!("sh", "-c", delete).env("KUBECONFIG", kubeconfig).stdout_null().run().unwrap();
    // A pipeline without a checklist has nothing to report.
    let report: Value = if shown.code == 0 { serde_json::from_str(&shown.stdout).unwrap() } else { Value::Null };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let items = report["items"].as_array().into_iter().flatten();
    items.map(|item| (text(&item["id"]), text(&item["verdict"]))).collect()
}

#[test]
fn three_samples_are_deployed_by_init_and_up_without_an_edit() {
    minikube_of(FOLDER, "delete");
    let _tags = Tags::set();

    // An image and a manifest, with a checklist.
    let verdicts = deployed("greeter", "verify.greeter");
    for (id, verdict) in &verdicts {
        assert_eq!(verdict, if id == "T006" { "open" } else { "done" }, "{id}");
    }
    assert_eq!(verdicts.len(), 6);

    // Three images, a Tiltfile, and a chart with one tag for all of them.
    deployed("tilt", "verify.voting-vote");
    // Images that begin with another one, manifests, and a service that does not speak HTTP.
    deployed("base-image", "verify.api");
    minikube_of(FOLDER, "delete");
}
