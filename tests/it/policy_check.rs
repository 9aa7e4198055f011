//! `policy-check` as a gate: over the files that git knows, over manifests and over a rendered chart.

use crate::sandbox::{Sandbox, Shown};

fn project(settings: &str) -> Sandbox {
    Sandbox::new(&format!(
        "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"rules\"\naction = \"policy-check\"\n{settings}\n"
    ))
}

/// A Pod without limits.
const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: c\n    image: todo:1\n";
const LIMITS: &str = "    resources:\n      limits: {cpu: 1, memory: 1Gi}\n";

fn git(sandbox: &Sandbox, args: &[&str]) {
    Shown::of(sandbox.program("git", args).spawn().unwrap()).code(0);
}

#[test]
fn findings_have_their_file_line_object_and_what_helps() {
    let sandbox = project("rules = [\"limits\", \"no-latest\"]\nmanifests = [\"k8s/*.yaml\"]");
    sandbox.file("k8s/a.yaml", &format!("# first\n---\n{POD}"));
    let shown = sandbox.run(&["up"]).code(1).says("k8s/a.yaml:3: Pod/web: container `c`: no limit for cpu (limits)");
    shown.says("limits: set `resources.requests`").keeps_quiet_about("no-latest: use");
    sandbox.file("k8s/a.yaml", &format!("{POD}{LIMITS}"));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.file("k8s/b.yaml", &POD.replace("todo:1", "todo"));
    sandbox.run(&["up"]).code(1).says("k8s/b.yaml:1: Pod/web: container `c`: `todo` has no tag");
}

#[test]
fn a_rule_that_looked_at_nothing_and_what_can_not_be_read_fail() {
    let sandbox = project("rules = [\"zero-downtime\", \"limits\"]\nmanifests = [\"k8s/*.yaml\"]");
    sandbox.file("k8s/a.yaml", &format!("{POD}{LIMITS}"));
    sandbox.run(&["up"]).code(1).says("`zero-downtime` found no object to check");
    sandbox.file("k8s/b.yaml", "kind: [\n");
    sandbox.run(&["up"]).code(1).says("k8s/b.yaml, the document in line 1: ");
    let sandbox = project("rules = [\"no-debug-leftovers\"]\npaths = [\"docs\"]");
    sandbox.file("docs/a.md", "console.log(1)\n").file("src/a.ts", "x()\n");
    sandbox.run(&["up"]).code(1).says("`no-debug-leftovers` found no file to check");
}

#[test]
fn an_exception_excuses_its_findings_says_why_and_has_to_be_needed() {
    let except = "[[stage.step.except]]\nrule = \"limits\"\nobject = \"Pod/web\"\nreason = \"it runs once\"";
    let sandbox = project(&format!("rules = [\"limits\"]\nmanifests = [\"a.yaml\"]\n{except}"));
    sandbox.file("a.yaml", POD);
    sandbox.run(&["up"]).code(0);
    sandbox.file("a.yaml", &POD.replace("name: web", "name: api"));
    sandbox
        .run(&["up"])
        .code(1)
        .says("Pod/api")
        .says("the exception from `limits` for `Pod/web` excuses nothing: remove it");
}

#[test]
fn an_unknown_rule_is_refused_with_its_place_and_the_nearest() {
    let sandbox = project("manifests = [\"a.yaml\"]\nrules = [\"limits\", \"no-lastest\"]");
    sandbox
        .run(&["plan"])
        .code(2)
        .says("there is no rule `no-lastest`")
        .says("did you mean `no-latest`?")
        .says("pipeline.toml:9");
}

#[test]
fn files_are_those_that_git_tracks_or_would_track() {
    let sandbox =
        project("rules = [\"no-secret-in-tree\", \"no-debug-leftovers\", \"yaml-indent-2\"]\nexclude = [\"vendor\"]");
    git(&sandbox, &["init", "-q"]);
    sandbox.file(".gitignore", "ignored/\nbin/\nforced\n");
    sandbox.file("ignored/.env", "API_KEY=hunter2\n").file("vendor/a.js", "console.log(1)\n");
    sandbox.file("src/a.js", "run()\n").file("k8s/a.yaml", "a:\n  b: 1\n").file(".env", "API_KEY=<your key>\n");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.file("ignored/more", "x").run(&["up"]).code(0).says("nothing to do");
    // Not added yet, and ignored but added.
    sandbox.file(".env", "\nAPI_KEY=hunter2\n").file("forced", &format!("x = \"AKIA{}\"\n", "4QZ7WXN5VBT2PLKD"));
    sandbox.file("src/a.js", "run()\nconsole.log(1)\n").file("k8s/a.yaml", "a:\n    b: 1\n");
    git(&sandbox, &["add", "-f", "forced"]);
    let shown = sandbox.run(&["up"]).code(1).says(".env:2: the variable `API_KEY` has a value (no-secret-in-tree)");
    let shown = shown.says("forced:1: an access key of AWS").says("src/a.js:2: `console.log(`");
    shown
        .says("k8s/a.yaml:2: indented by 4 spaces, expected 2")
        .keeps_quiet_about("hunter2")
        .keeps_quiet_about("vendor");
}

#[test]
fn without_git_every_file_counts() {
    let sandbox = project("rules = [\"no-conflict-marks\"]");
    sandbox.file("docs/a.md", "text\n");
    sandbox.run(&["up"]).code(0);
    sandbox.file("docs/a.md", &format!("{} HEAD\n", "<".repeat(7)));
    sandbox.run(&["up"]).code(1).says("docs/a.md:1: `<<<<<<<` (no-conflict-marks)");
}

#[test]
fn a_chart_is_rendered_without_a_cluster_and_findings_name_its_template() {
    let settings =
        "rules = [\"limits\"]\nchart = \"chart\"\nvalues = [\"v.yaml\"]\nnamespace = \"apps\"\nset = { replicas = 2 }";
    let sandbox = project(settings);
    sandbox.file("chart/Chart.yaml", "name: c\nversion: 0.1.0\n").file("v.yaml", "a: 1\n").file("pod.yaml", POD);
    let script = "echo \"$KUBECONFIG $*\" > called; cat > values; echo '---'; echo '# Source: c/templates/pod.yaml'; cat pod.yaml";
    sandbox.tool("helm", script);
    sandbox.run(&["up"]).code(1).says("c/templates/pod.yaml: Pod/web: container `c`: no limit for memory (limits)");
    let called = fs_err::read_to_string(sandbox.path("called")).unwrap();
    let root = sandbox.path("").display().to_string();
    let expected = format!("/dev/null -n apps template release {root}chart -f {root}v.yaml -f -\n");
    assert_eq!(called, expected);
    assert_eq!(fs_err::read_to_string(sandbox.path("values")).unwrap(), "{\"replicas\":2}");
    sandbox.file("pod.yaml", &format!("{POD}{LIMITS}"));
    sandbox.run(&["up"]).code(0);
    sandbox.file("chart/values.yaml", "x: 1\n");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("changed: chart");
    sandbox.tool("helm", "echo 'Error: no such value' >&2; exit 1");
    sandbox.run(&["up"]).code(1).says("rendering the chart").says("no such value");
    project("rules = [\"limits\"]\nchart = \"gone\"").run(&["up"]).code(1).says("there is no chart `gone`");
}
