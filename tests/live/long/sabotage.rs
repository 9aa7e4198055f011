//! The example is proven, and then broken in many ways, one after the other: the report unticks exactly the items that
//! are no longer true, and `up` ticks them again.

mod table;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::main_job::{own_pipeline, verdicts};
use crate::sandbox::Sandbox;
use table::SABOTAGES;

/// The cluster of this test: made and deleted by it.
const PROFILE: &str = "provision-test-sab";

/// How long something in the cluster may take to come about.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is done to the proven example, and what that costs it.
struct Sabotage {
    /// What is wrong afterwards.
    name: &'static str,
    /// Does it.
    breaks: fn(&Example),
    /// The items that are no longer true, in groups.
    voids: &'static [&'static [&'static str]],
    /// How a person puts right what `up` must not: it does not edit sources or tools, or what it has not made.
    by_hand: Option<fn(&Example)>,
}

/// The example, deployed and proven.
struct Example {
    sandbox: Sandbox,
}

impl Example {
    fn deployed() -> Self {
        minikube_delete();
        let mut sandbox = own_pipeline(PROFILE);
        // A tool may be put before the machine's own.
        let path = format!("{}:{}", sandbox.path("bin").display(), std::env::var("PATH").unwrap());
        sandbox.env("PATH", &path);
        sandbox.run(&["up"]).code(0);
        Self { sandbox }
    }

    /// Runs a line of shell, in which `kubectl` and `helm` use the release's namespace. Returns what it prints.
    fn sh(&self, line: &str) -> String {
        let script = format!(
            "kubectl() {{ command kubectl --context {PROFILE} -n todo \"$@\"; }}\n\
             helm() {{ command helm --kube-context {PROFILE} -n todo \"$@\"; }}\n{line}"
        );
        duct::cmd!("sh", "-ec", script)
            .dir(self.sandbox.path(""))
            .env("KUBECONFIG", self.sandbox.path(".provision/kubeconfig"))
            .read()
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Waits until a line of shell prints `expected`.
    fn until(&self, line: &str, expected: &str) {
        let began = Instant::now();
        loop {
            let found = self.sh(line);
            if found.trim() == expected {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "`{line}` prints {found}, and never {expected}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// Waits until a component has this many pods, and none that is on its way out: what has become of the sabotage is
    /// seen then, and not what it passes through.
    fn until_pods(&self, component: &str, n: usize) {
        let pods = format!("kubectl get pods -l app.kubernetes.io/name=todo-{component} -o name | wc -l");
        self.until(&pods, &n.to_string());
    }

    /// Changes a workload and waits until its pods are those of the change.
    fn patch(&self, component: &str, patch: &str, n_pods: usize) {
        self.sh(&format!("kubectl patch deployment todo-{component} --type=json -p '[{patch}]'"));
        self.sh(&format!("kubectl rollout status deployment/todo-{component} --timeout=120s"));
        self.until_pods(component, n_pods);
    }

    /// Makes a network policy that lets no other pod reach the database, or deletes it. minikube's default network
    /// knows no policies: a rule of the pod's packet filter does there what the policy says.
    fn cut_off_database(&self, cut: bool) {
        let policy = r#"{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "cut"},
            "spec": {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "todo-postgres"}}, "policyTypes": ["Ingress"]}}"#;
        let (verb, change) = if cut { ("create", "-I") } else { ("delete", "-D") };
        self.sh(&format!("echo '{policy}' | kubectl {verb} -f -"));
        let path = "{.status.containerStatuses[0].containerID}";
        let id = self.sh(&format!("kubectl get pod todo-postgres-0 -o jsonpath='{path}'"));
        let tasks = self.sh(&format!("docker exec {PROFILE} ctr -n k8s.io tasks ls"));
        let of_id = |line: &&str| line.starts_with(id.trim_start_matches("containerd://"));
        let pid = tasks.lines().find(of_id).and_then(|line| line.split_whitespace().nth(1)).unwrap();
        let rule = "INPUT ! -i lo -p tcp --dport 5432 -j REJECT --reject-with tcp-reset";
        self.sh(&format!("docker exec {PROFILE} nsenter -t {pid} -n iptables {change} {rule}"));
    }

    /// The image of a component as the node has it: `todo-backend:3f2a91c0d4be`.
    fn image(&self, component: &str) -> String {
        let path = "-o jsonpath='{.spec.template.spec.containers[0].image}'";
        self.sh(&format!("kubectl get deployment todo-{component} {path}"))
    }

    /// Replaces a string in a file of the example, which has to have it.
    fn edit(&self, name: &str, old: &str, new: &str) {
        let path = self.sandbox.path("examples/todo-chatbot").join(name);
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{name} has no `{old}`");
        fs_err::write(path, text.replacen(old, new, 1)).unwrap();
    }

    /// Puts a file of the example back as it is in the repository.
    fn restore(&self, name: &str) {
        let original = format!("{}/examples/todo-chatbot/{name}", env!("CARGO_MANIFEST_DIR"));
        fs_err::copy(original, self.sandbox.path("examples/todo-chatbot").join(name)).unwrap();
    }

    /// The items that are ticked.
    fn ticked(&self) -> Vec<String> {
        let is_ticked = |verdict: &str| ["done", "fallback"].contains(&verdict);
        verdicts(&self.sandbox).into_iter().filter(|(_, verdict)| is_ticked(verdict)).map(|(id, _)| id).collect()
    }

    /// Why each of these items is not ticked, for a person who reads that the test has failed.
    fn reasons(&self, items: &[&String]) -> String {
        let report: Value =
            serde_json::from_str(&self.sandbox.run(&["report", "--format", "json"]).code(0).stdout).unwrap();
        let all = report["items"].as_array().unwrap().iter();
        let asked = all.filter(|item| items.iter().any(|id| item["id"] == id.as_str()));
        let lines = asked.flat_map(|item| {
            let evidence = item["evidence"].as_array().unwrap().iter();
            evidence.map(|one| format!("    {} {}: {}, {}", item["id"], one["step"], one["outcome"], one["stale"]))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Breaks the example and returns what the report says of it that it should not; then it is repaired.
    fn judge(&self, sabotage: &Sabotage, all: &[String]) -> Vec<String> {
        let began = Instant::now();
        (sabotage.breaks)(self);
        // A busy machine lets the node miss its heartbeats; no sabotage is about that.
        self.sh("kubectl wait --for=condition=Ready node --all --timeout=120s");
        let broken = began.elapsed();
        let ticked = self.ticked();
        let is_void = |id: &String| sabotage.voids.iter().any(|group| group.contains(&id.as_str()));
        let wrongly_ticked: Vec<&String> = all.iter().filter(|id| is_void(id) && ticked.contains(id)).collect();
        let wrongly_not: Vec<&String> = all.iter().filter(|id| !is_void(id) && !ticked.contains(id)).collect();
        let mut wrong = Vec::new();
        if !wrongly_ticked.is_empty() {
            wrong.push(format!("{}: still ticked are {wrongly_ticked:?}", sabotage.name));
        }
        if !wrongly_not.is_empty() {
            let reasons = self.reasons(&wrongly_not);
            wrong.push(format!("{}: not ticked any more are also\n{reasons}", sabotage.name));
        }
        let judged = Instant::now();
        if let Some(put_right) = sabotage.by_hand {
            put_right(self);
        }
        let up = self.sandbox.run(&["up"]);
        if up.code != 0 {
            wrong.push(format!("{}: up does not repair it:\n{}{}", sabotage.name, up.stdout, up.stderr));
        }
        let ticked = self.ticked();
        let missing: Vec<&String> = all.iter().filter(|id| !ticked.contains(id)).collect();
        if !missing.is_empty() {
            wrong.push(format!("{}: up does not tick again\n{}", sabotage.name, self.reasons(&missing)));
        }
        let up = judged.elapsed();
        println!(
            "{}: {broken:.1?} to break, {up:.1?} for up{}",
            sabotage.name,
            if wrong.is_empty() { "" } else { ", WRONG" }
        );
        wrong
    }
}

fn minikube_delete() {
    duct::cmd!("minikube", "-p", PROFILE, "delete").stdout_null().run().unwrap();
}

#[test]
fn the_report_unticks_exactly_what_a_sabotage_has_made_untrue_and_up_ticks_it_again() {
    let example = Example::deployed();
    let all = example.ticked();
    assert_eq!(all.len(), 105, "{all:?}");
    let known = |id: &&str| all.iter().any(|item| item == id);
    let unknown = SABOTAGES.iter().flat_map(|one| one.voids.iter().copied().flatten()).find(|id| !known(id));
    assert_eq!(unknown, None);
    // One of them at a time, by a part of its name, for a person who looks for the cause.
    let only = std::env::var("PROVISION_SABOTAGE").unwrap_or_default();
    let chosen = SABOTAGES.iter().filter(|sabotage| sabotage.name.contains(&only));
    let wrong: Vec<String> = chosen.flat_map(|sabotage| example.judge(sabotage, &all)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    minikube_delete();
}
