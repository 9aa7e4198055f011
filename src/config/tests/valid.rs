//! Pipelines from valid files.

use super::*;
use crate::cluster::provider;
use crate::model::{Output, StepId};
use crate::pipeline::Binding;
use crate::tools::secrets::SecretSource;

const VALID: &str = include_str!("valid.toml");

fn valid() -> Project {
    Project::new(VALID).with("tasks.md", "# Phase\n- [ ] T015 [P] backend image\n")
}

fn outputs(step: &str, output: Output) -> Outputs {
    Outputs::from_iter([(StepId::new(step).unwrap(), output)])
}

fn ids<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn the_whole_pipeline() {
    let project = valid();
    let loaded = project.load().unwrap();
    assert!(loaded.warnings.is_empty());
    let pipeline = loaded.pipeline;
    assert_eq!(pipeline.name, "todo-chatbot");
    assert_eq!(pipeline.root, project.root());
    assert_eq!(
        ids(&pipeline.stages.iter().map(|stage| &stage.id).collect::<Vec<_>>()),
        ["prereq", "build", "deploy", "verify"]
    );
    let needs: Vec<_> = pipeline.stages.iter().map(|stage| ids(&stage.needs)).collect();
    assert_eq!(needs, [vec![], vec!["prereq".to_owned()], vec!["build".into()], vec!["build".into(), "deploy".into()]]);
    assert_eq!(pipeline.stages[1].title, "Build the images for todo-chatbot");
    assert_eq!((pipeline.stages[0].jobs, pipeline.stages[1].jobs), (4, 2));
    let backend = step(&pipeline, "build.backend");
    assert_eq!(ids(&backend.covers), ["T015"]);
    assert_eq!((backend.timeout.as_secs(), backend.retry.attempts, backend.retry.delay.as_secs()), (600, 3, 1));
    assert_eq!(step(&pipeline, "build.wait-db").timeout.as_secs(), 1800);
    assert_eq!(ids(&step(&pipeline, "build.wait-db").needs), ["build.backend"]);
    assert_eq!(ids(&step(&pipeline, "deploy.load").needs), ["build.backend"]);
    let http = step(&pipeline, "verify.http");
    assert_eq!((http.optional, http.fallback.as_ref().unwrap().as_str()), (true, "verify.manual"));
    assert_eq!(pipeline.secrets["JWT_SECRET"], SecretSource::Generate { bytes: 32 });
    let cluster = pipeline.cluster.unwrap();
    assert_eq!(cluster.name, "todo-chatbot");
    let settings = format!("{:?}", provider(&cluster).unwrap());
    assert!(settings.contains("cpus: Some(Cpus(4)), memory: Some(\"8g\")"), "{settings}");
    assert_eq!(pipeline.items.len(), 1);
}

#[test]
fn expressions_are_replaced_by_values_of_their_types() {
    let pipeline = valid().env("HOST", "db").pipeline();
    let check = action(&pipeline, "build.wait-db");
    assert!(check.contains(r#"url: "http://db:8000/health", port: 8000"#), "{check}");
    let secret = action(&pipeline, "deploy.secrets");
    assert!(
        secret.contains(r#""KEY": "${{ secrets.OPENAI_API_KEY }}", "URL": "db://x:${{ secrets.JWT_SECRET }}@db""#),
        "{secret}"
    );
}

#[test]
fn settings_with_outputs_are_deferred() {
    let project = valid();
    let pipeline = project.pipeline();
    let load = step(&pipeline, "deploy.load");
    assert_eq!(format!("{:?}", load.binding.uses()), r#"[(build.backend, "image")]"#);
    let outputs = outputs("build.backend", Output::new().with("image", "${{ vars.x }}").with("size", "11"));
    let made = format!("{:?}", load.binding.action(&outputs).unwrap());
    let kubeconfig = project.root().join(".provision/kubeconfig");
    let expected = format!(
        r#"run: Shell("load ${{{{ vars.x }}}} --kubeconfig {}"), env: {{"LITERAL": "${{{{ x }}}}", "NS": "todo-chatbot"}}"#,
        kubeconfig.display()
    );
    assert!(made.contains(&expected), "{made}");
    assert!((load.when.as_ref().unwrap().decide)(&outputs).unwrap());
    assert!(load.when.as_ref().unwrap().uses_outputs);
    let missing = load.binding.action(&Outputs::default()).unwrap_err();
    assert_eq!(missing.causes, ["step `build.backend` has no output `image`"]);
    assert!((load.when.as_ref().unwrap().decide)(&Outputs::default()).is_err());
    // With a default, a missing output is no error.
    let http = step(&pipeline, "verify.http").binding.action(&Outputs::default()).unwrap();
    assert!(format!("{http:?}").contains(r#"url: "none""#));
}

#[test]
fn a_deferred_value_may_have_any_type() {
    let text = with_header(
        "[[stage]]\nid='a'\n[[stage.step]]\nid='one'\naction='http-check'\nurl='x'\n[[stage.step]]\nid='two'\naction='http-check'\nurl='x'\nport='${{ steps.a.one.port | int }}'\n",
    );
    let pipeline = Project::new(&text).pipeline();
    let two = &step(&pipeline, "a.two").binding;
    let made = |port: &str| two.action(&outputs("a.one", Output::new().with("port", port)));
    assert!(format!("{:?}", made("80").unwrap()).contains("port: 80"));
    assert!(made("many").is_err());
    // The action's own validation runs then as well.
    assert_eq!(made("13").unwrap_err().causes, ["`port` can't be 13"]);
    // Other errors of the same step are still found when the file is read.
    let errors = Project::new(text + "prot = 1\nexpect = 1\n").errors();
    assert!(errors.contains("unknown setting `prot`") && errors.contains("`expect` must be an array"), "{errors}");
}

#[test]
fn profiles() {
    let pipeline = valid().profile("docker").pipeline();
    assert_eq!(ids(&pipeline.stages.iter().map(|stage| &stage.id).collect::<Vec<_>>()), ["prereq", "build", "verify"]);
    assert_eq!(ids(&pipeline.stages[2].needs), ["build"]);
    assert!(action(&pipeline, "build.wait-db").contains("localhost:9000"));
    let cluster = pipeline.cluster.unwrap();
    let settings = format!("{:?}", provider(&cluster).unwrap());
    assert!(settings.contains("cpus: Some(Cpus(2)), memory: Some(\"8g\")"), "{settings}");
    let cluster = valid().profile("remote").pipeline().cluster.unwrap();
    assert_eq!((cluster.provider, cluster.name.as_str(), cluster.managed), ("context", "staging", false));
    // An output of an excluded stage has no value.
    let text = VALID.replace("\"prereq\", \"build\", \"verify\"", "\"verify\"");
    let project = Project::new(text).with("tasks.md", "- [ ] T015 x\n").profile("docker");
    assert!(action(&project.pipeline(), "verify.http").contains(r#"url: "none""#));
}

#[test]
fn overrides_in_their_order() {
    let port = |project: Project| {
        let check = action(&project.pipeline(), "build.wait-db");
        check.split("port: ").nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    assert_eq!(port(valid()), "8000");
    assert_eq!(port(valid().profile("docker")), "9000");
    assert_eq!(port(valid().profile("docker").env("PROVISION_VAR_PORT", "9001")), "9001");
    assert_eq!(port(valid().env("PROVISION_VAR_PORT", "9001").env("PROVISION_VAR_port", "9002")), "9002");
    assert_eq!(port(valid().env("PROVISION_VAR_PORT", "9001").set("port", "1").set("port", "9003")), "9003");
    // Errors in an overridden value are not reported.
    let text = VALID.replace(" | default('localhost')", "");
    let project = |text: &str| Project::new(text).with("tasks.md", "- [ ] T015 x\n");
    assert!(project(&text).load().is_err());
    assert!(project(&text).set("host", "h").load().is_ok());
}

#[test]
fn the_fingerprint_of_settings() {
    let inputs = |project: Project, id: &str| step(&project.pipeline(), id).static_inputs.clone();
    let load = inputs(valid(), "deploy.load");
    let labels: Vec<String> = load.iter().map(|(label, _)| label.to_owned()).collect();
    assert_eq!(labels, ["action", "settings.env", "settings.run"]);
    // Another folder, and so another path of the kubeconfig, makes no difference.
    assert_eq!(load, inputs(valid(), "deploy.load"));
    assert_eq!(inputs(valid().set("namespace", "n"), "deploy.load").changed_labels(&load), ["settings.env"]);
    // The values matter, not how they are written.
    let backend = inputs(valid(), "build.backend");
    let other = |from: &str, to: &str| {
        let project = Project::new(VALID.replace(from, to)).with("tasks.md", "- [ ] T015 x\n");
        inputs(project, "build.backend")
    };
    assert_eq!(other("context = \"backend\"", "context='back\u{65}nd'"), backend);
    assert_eq!(other("timeout = \"10m\"", "timeout = 7"), backend);
    assert_eq!(other("context = \"backend\"", "context='b'").changed_labels(&backend), ["settings.context"]);
    // A variable beside an output matters, though the string is evaluated later.
    let late = |suffix: &str| {
        let text =
            VALID.replace("load ${{ steps.build.backend.image }}", "${{ steps.build.backend.image ~ vars.namespace }}");
        inputs(Project::new(text).with("tasks.md", "- [ ] T015 x\n").set("namespace", suffix), "deploy.load")
    };
    assert_eq!(late("a").changed_labels(&late("b")), ["settings.env", "settings.run"]);
}

#[test]
fn settings_without_outputs_are_bound_at_once() {
    let pipeline = valid().pipeline();
    assert!(matches!(step(&pipeline, "build.backend").binding, Binding::Now(_)));
    let when = step(&pipeline, "verify.http").when.as_ref().unwrap();
    assert!((when.decide)(&Outputs::default()).unwrap() && !when.uses_outputs);
}

#[test]
fn the_example_of_the_reference() {
    let stage = |id: &str| {
        format!("[[stage]]\nid = \"{id}\"\n[[stage.step]]\nid = \"x\"\naction = \"command\"\nrun = \"true\"\n")
    };
    let text = r#"
[pipeline]
name = "todo-chatbot"
checklists = ["tasks.md"]   # their items are what `covers` names

[vars]                       # overridden by a profile, PROVISION_VAR_NAME, or --set
namespace = "todo-chatbot"

[secrets]                    # never stored, never on a command line, redacted everywhere
OPENAI_API_KEY = { env = "OPENAI_API_KEY", optional = true }
JWT_SECRET     = { generate = "hex32" }

[cluster]                    # one target per run, pinned by the uid of its kube-system namespace
provider = "minikube"        # minikube | kind | k3d | context
cpus = 4
memory = "8g"

[profile.docker]             # a named variant: other vars, other cluster, a subset of the stages
stages = ["prereq", "build", "compose", "verify"]

PREREQ
[[stage]]
id = "build"
title = "Build the images"
needs = ["prereq"]           # without `needs`: the stage before it
jobs = 2

  [[stage.step]]
  id = "backend"
  action = "docker-build"    # the rest of the table is this action's own
  context = "examples/todo-chatbot/backend"
  image = "todo-backend"     # tagged by content; `${{ steps.build.backend.image }}` hands the exact reference on
  max-size = "300MB"
  covers = ["T015"]
"#;
    let text = text.replace("PREREQ", &stage("prereq")) + &stage("compose") + &stage("deploy") + &stage("verify");
    let project = Project::new(text).with("tasks.md", "- [ ] T015 backend\n").profile("docker");
    assert_eq!(project.pipeline().outline().steps().count(), 4);
}

#[test]
fn a_file_of_a_windows_checkout_means_the_same() {
    let text = with_header(
        "[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"command\"\nrun = \"\"\"\necho one\necho two\n\"\"\"\n",
    );
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let settings = |text: &str| {
        let project = Project::new(text);
        let file = project.root().join("pipeline.toml");
        let pipeline = load(&file, &LoadOptions::default(), crate::actions::ACTIONS).unwrap().pipeline;
        step(&pipeline, "s.a").static_inputs.clone()
    };
    assert_eq!(settings(&windows), settings(&text));
    let text = text.replace("name = \"p\"", "name = \"p\"\nchecklists = [\"t.md\"]");
    let options = LoadOptions::default();
    let project = Project::new(text).with("t.md", "\u{feff}- [ ] T001 first\r\n- [ ] T002 second\r\n");
    let loaded = load(&project.root().join("pipeline.toml"), &options, crate::actions::ACTIONS).unwrap();
    let items = loaded.pipeline.items;
    assert_eq!(items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["T001", "T002"]);
}

#[test]
fn commands_after_the_cluster_and_profiles_of_their_own_are_told_apart() {
    let text = with_header(
        r#"
[vars]
v = "1"
[cluster]
provider = "minikube"
name = "mm"
[profile.vars.vars]
v = "2"
[profile.cluster.cluster]
cpus = 4
[profile.stages]
stages = ["before", "cluster"]
[[stage]]
id = "before"
[[stage.step]]
id = "lint"
action = "command"
run = ["true"]
[[stage]]
id = "cluster"
[[stage.step]]
id = "start"
action = "cluster-start"
[[stage.step]]
id = "beside"
action = "command"
run = ["true"]
[[stage.step]]
id = "behind"
action = "command"
run = ["true"]
needs = ["start"]
[[stage.step]]
id = "further"
action = "command"
run = ["true"]
needs = ["behind"]
[[stage]]
id = "plain"
needs = ["before"]
[[stage.step]]
id = "a"
action = "command"
run = ["true"]
[[stage]]
id = "after"
needs = ["plain", "cluster"]
[[stage.step]]
id = "a"
action = "command"
run = ["true"]
"#,
    );
    let loaded = |text: &str, profile: Option<&str>| {
        let project = Project::new(text);
        let options = LoadOptions { profile: profile.map(str::to_owned), ..LoadOptions::default() };
        let loaded = load(&project.root().join("pipeline.toml"), &options, crate::actions::ACTIONS);
        loaded.unwrap_or_else(|errors| panic!("{}", errors.render(false))).pipeline
    };
    let after = |pipeline: &Pipeline| -> Vec<String> {
        pipeline.steps().filter(|step| step.after_cluster).map(|step| step.id.to_string()).collect()
    };
    assert_eq!(after(&loaded(&text, None)), ["cluster.behind", "cluster.further", "after.a"]);
    // One that somebody else made is there from the beginning.
    let others =
        text.replace("\"minikube\"\nname", "\"context\"\ncontext").replace("[profile.cluster.cluster]\ncpus = 4", "");
    assert_eq!(after(&loaded(&others, None)).len(), 7);
    for (profile, scope) in [("vars", Some("vars")), ("cluster", Some("cluster")), ("stages", None)] {
        assert_eq!(loaded(&text, Some(profile)).scope.as_deref(), scope, "{profile}");
    }
}

#[test]
fn many_steps_keep_their_order_and_all_their_errors_are_shown() {
    let declared = |n: usize, run: &str| format!("[[stage.step]]\nid = \"s{n}\"\naction = \"command\"\nrun = {run}\n");
    let file = |run: &dyn Fn(usize) -> &'static str| {
        let steps: String = (0..500).map(|n| declared(n, run(n))).collect();
        Project::new(with_header(&format!("[[stage]]\nid = \"a\"\n{steps}")))
    };
    let pipeline = file(&|_| "'true'").pipeline();
    let ids: Vec<String> = pipeline.steps().map(|step| step.id.to_string()).collect();
    assert_eq!(ids, (0..500).map(|n| format!("a.s{n}")).collect::<Vec<_>>());
    // One at each end, so that whatever resolves a part of them has one.
    let errors = file(&|n| if n == 3 || n == 497 { "7" } else { "'true'" }).errors();
    let lines: Vec<&str> = errors.lines().filter(|line| line.contains("--> pipeline.toml")).collect();
    let line_of = |n: usize| 4 + n * 4 + 4;
    assert_eq!(lines.len(), 2, "{errors}");
    for (line, n) in lines.iter().zip([3, 497]) {
        assert!(line.contains(&format!("pipeline.toml:{}:", line_of(n))), "{errors}");
    }
}
