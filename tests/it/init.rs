//! `provision init` on the repositories of tests/samples: what it writes is as recorded, and is a pipeline.

use std::path::Path;

use fs_err as fs;
use insta::{assert_snapshot, with_settings};

use crate::samples::{sample, samples};
use crate::sandbox::{Sandbox, Shown};

/// Runs `init` on a sample and compares what it writes and says with what was recorded. What it has written is a
/// pipeline with each of its profiles, and a second `init` leaves it as it is.
fn check(name: &str) {
    let sandbox = sample(name);
    let printed = sandbox.run(&["-C", name, "init", "--dry-run"]).code(0);
    assert!(!sandbox.path(name).join("pipeline.toml").exists(), "a dry run writes nothing");
    let shown = Shown { code: 0, stdout: printed.stdout.clone(), stderr: printed.stderr.clone() }.screen();
    with_settings!({snapshot_path => samples().join("snapshots"), prepend_module_to_snapshot => false, omit_expression => true}, {
        assert_snapshot!(name, shown);
    });
    sandbox.run(&["-C", name, "init"]).code(0).says("wrote ").says("provision plan");
    let file = sandbox.path(name).join("pipeline.toml");
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written, printed.stdout);
    sandbox.run(&["-C", name, "plan"]).code(0).says("to run, 0 fresh");
    let table: toml::Table = written.parse().unwrap();
    for profile in table.get("profile").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys) {
        sandbox.run(&["-C", name, "-p", profile, "plan"]).code(0);
    }
    sandbox.run(&["-C", name, "init"]).code(2).says("is there already");
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

macro_rules! samples {
    ($($test:ident: $name:literal,)*) => {$(
        #[test]
        fn $test() {
            check($name);
        }
    )*};
}

samples! {
    a_specified_application_with_chart_manifests_and_compose: "todo",
    overlays_of_a_kustomization: "kustomize",
    plain_manifests_with_a_secret_and_objects_of_other_clusters: "manifests",
    services_with_a_skaffold_file_and_grpc: "microservices",
    layered_compose_files_in_a_folder: "layers",
    a_jar_that_is_made_before_the_image: "jar",
    images_that_are_made_without_a_dockerfile: "no-dockerfile",
    images_that_begin_with_another_one: "base-image",
    a_skaffold_file_with_a_release_and_an_image_made_from_another_one: "skaffold",
    compose_files_that_include_and_extend_others: "includes",
    a_tiltfile_and_a_chart_with_one_tag_for_all: "tilt",
    a_chart_of_charts: "umbrella",
    a_workspace_of_packages: "workspace",
    a_chart_that_needs_the_values_of_an_environment: "environments",
    nothing_that_can_be_deployed_as_it_is: "not-as-it-is",
    kustomizations_that_flux_applies: "gitops",
    a_chart_alone: "chart-only",
    a_compose_file_that_starts_what_a_registry_has: "published",
    a_compose_file_alone: "compose-only",
    a_dockerfile_alone: "dockerfile-only",
    an_image_with_one_manifest: "greeter",
    a_package_without_anything_else: "package-only",
}

#[test]
fn every_sample_is_tried() {
    let this = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/init.rs")).unwrap();
    for entry in fs::read_dir(samples()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_sample = !matches!(name.as_str(), "recorded" | "snapshots");
        assert!(!is_sample || this.contains(&format!(": \"{name}\",")), "`{name}` has no test");
    }
}

#[test]
fn a_folder_with_nothing_is_said_to_have_nothing() {
    let sandbox = Sandbox::new("");
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run(&["-C", "empty", "init"]).code(1).says("nothing here").says("there is no Dockerfile");
    assert!(!sandbox.path("empty/pipeline.toml").exists());
}

#[test]
fn without_helm_the_chart_is_used_and_what_is_missing_is_said() {
    let sandbox = sample("todo");
    fs::remove_file(sandbox.path("bin/helm")).unwrap();
    sandbox.bare(&["-C", "todo", "init"]).code(0).says("helm is not installed");
    let written = fs::read_to_string(sandbox.path("todo/pipeline.toml")).unwrap();
    assert!(written.contains("action = \"helm-install\"") && written.contains("values-local.yaml"), "{written}");
}

#[test]
fn another_file_can_be_written() {
    let sandbox = sample("dockerfile-only");
    sandbox.run(&["-C", "dockerfile-only", "init", "-f", "other.toml"]).code(0).says("other.toml");
    assert!(sandbox.path("dockerfile-only/other.toml").exists());
    assert!(!sandbox.path("dockerfile-only/pipeline.toml").exists());
}

#[test]
fn no_value_of_a_file_with_secrets_is_shown_or_written() {
    let sandbox = sample("dockerfile-only");
    // A value that looks like a real one, put together here so that none stands in this repository.
    let value = ["kV9fQ2", "mZ7LxP", "4wTn8R"].concat();
    sandbox.file("dockerfile-only/prod.env", &format!("API_TOKEN={value}\n"));
    let secret = format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  token: {value}\n");
    sandbox.file("dockerfile-only/k8s/secret.yaml", &secret);
    let shown = sandbox.run(&["-C", "dockerfile-only", "init"]).code(0).keeps_quiet_about(&value);
    assert!(shown.stderr.contains("`prod.env`"), "{}", shown.stderr);
    assert!(!fs::read_to_string(sandbox.path("dockerfile-only/pipeline.toml")).unwrap().contains(&value));
}

#[test]
fn a_secret_that_compose_reads_from_its_env_file_is_declared_and_masked() {
    let sandbox = sample("compose-only");
    let value = ["hunter", "Xk93", "mQ"].concat();
    sandbox.file("compose-only/.env", &format!("DB_PASSWORD={value}\nTITLE=blog\n"));
    let shown = sandbox.run(&["-C", "compose-only", "init"]).code(0).keeps_quiet_about(&value);
    assert!(!shown.stderr.contains("to be set in the environment"), "{}", shown.stderr);
    let written = fs::read_to_string(sandbox.path("compose-only/pipeline.toml")).unwrap();
    let table: toml::Table = written.parse().unwrap();
    assert_eq!(table["pipeline"]["env-file"].as_str(), Some(".env"));
    assert_eq!(table["secrets"]["DB_PASSWORD"]["env"].as_str(), Some("DB_PASSWORD"));
    assert!(written.contains("DB_PASSWORD = \"${{ secrets.DB_PASSWORD }}\"") && !written.contains(&value), "{written}");
    sandbox.run(&["-C", "compose-only", "plan"]).code(0).says("to run, 0 fresh");
}

#[test]
fn with_q_only_what_was_written_is_named() {
    let sandbox = sample("greeter");
    let printed = sandbox.run(&["-C", "greeter", "init", "-q", "--dry-run"]).code(0);
    assert!(printed.stdout.contains("[pipeline]") && printed.stderr.is_empty(), "{printed:?}");
    let shown = sandbox.run(&["-C", "greeter", "init", "-q"]).code(0).says("wrote ");
    assert_eq!((shown.stdout.as_str(), shown.stderr.lines().count()), ("", 1));
}

#[test]
fn hundreds_of_steps_do_not_fill_the_screen() {
    let sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    for n in 100..150 {
        sandbox.file(&format!("app/s{n}/Dockerfile"), "FROM scratch\n");
    }
    let shown = sandbox.run(&["-C", "app", "init"]).code(0).says("s100, s101").says("s139 and 10 more");
    assert!(!shown.stderr.contains("s140"), "{}", shown.stderr);
    assert!(fs::read_to_string(sandbox.path("app/pipeline.toml")).unwrap().contains("id = \"s149\""));
}

#[test]
fn a_file_in_another_folder_says_which_one_was_searched() {
    let sandbox = sample("greeter");
    fs::create_dir(sandbox.path("ci")).unwrap();
    fs::copy(sandbox.path("greeter/Dockerfile"), sandbox.path("ci/Dockerfile")).unwrap();
    let shown = sandbox.run(&["init", "--dry-run", "-f", "ci/pipeline.toml"]).code(0);
    shown.says("ci` was searched: paths in the file start at its folder");
    fs::remove_file(sandbox.path("ci/Dockerfile")).unwrap();
    sandbox
        .run(&["init", "-f", "ci/pipeline.toml"])
        .code(1)
        .says("`provision init` without `-f` searches the current folder");
    let here = sandbox.run(&["-C", "greeter", "init", "--dry-run", "-f", "./other.toml"]).code(0);
    here.keeps_quiet_about("was searched");
}

/// Makes a pipeline of the one step that renders a kustomization, as `init` has written it: without a cluster it can be
/// compared. Returns how it is run.
fn rendering(sandbox: &Sandbox, folder: &str, step: &str) -> impl Fn(&[&str]) -> Shown {
    let written: toml::Table = fs::read_to_string(sandbox.path(folder).join("pipeline.toml")).unwrap().parse().unwrap();
    let all = written["stage"].as_array().unwrap().iter().flat_map(|stage| stage["step"].as_array().unwrap());
    let step = all.clone().find(|one| one["id"].as_str() == Some(step)).unwrap();
    let mut alone = toml::Table::new();
    alone.insert("pipeline".into(), toml::toml! { name = "render" }.into());
    let mut stage = toml::toml! { id = "deploy" };
    stage.insert("step".into(), vec![step.clone()].into());
    alone.insert("stage".into(), vec![stage].into());
    sandbox.file(&format!("{folder}/render.toml"), &alone.to_string());
    move |args| sandbox.run(&[&["-C", folder, "-f", "render.toml"], args].concat()).code(0)
}

#[test]
fn a_change_of_any_file_that_a_kustomization_reads_makes_its_rendering_stale() {
    let sandbox = sample("kustomize");
    sandbox.run(&["-C", "kustomize", "init"]).code(0);
    sandbox.tool("kubectl", "echo 'kind: List'");
    let run = rendering(&sandbox, "kustomize", "dev-render");
    for file in [
        "deploy/overlays/dev/kustomization.yaml",
        "deploy/base/kustomization.yaml",
        "deploy/base/server.yaml",
        "deploy/base/service.yaml",
        "config/common/kustomization.yaml",
        "config/common/settings.properties",
    ] {
        run(&["up"]);
        run(&["plan"]).says("nothing to do");
        let path = sandbox.path("kustomize").join(file);
        fs::write(&path, fs::read_to_string(&path).unwrap() + "# changed\n").unwrap();
        run(&["plan"]).says("1 step to run, 0 fresh");
    }
}

#[test]
fn names_with_signs_of_expressions_globs_and_shells_stand_for_themselves() {
    let sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let workload = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{template: {{spec: {{containers: [{{image: {name}}}]}}}}}}\n"
        )
    };
    let folder = "app/it's [new]; touch made";
    sandbox.file("app/a${{ secrets.KEY }}/Dockerfile", "FROM scratch\nCOPY x /\n");
    sandbox.file("app/a${{ secrets.KEY }}/x", "");
    sandbox.file(&format!("{folder}/kustomization.yaml"), "resources: [web.yaml]\n");
    sandbox.file(&format!("{folder}/web.yaml"), &workload("web"));
    sandbox.tool("kubectl", "cat \"$2/web.yaml\"");
    sandbox.run(&["-C", "app", "init"]).code(0);
    let written = fs::read_to_string(sandbox.path("app/pipeline.toml")).unwrap();
    assert!(written.contains("context = \"a$${{ secrets.KEY }}\""), "{written}");
    let run = rendering(&sandbox, "app", "it-s-new-touch-made-render");
    run(&["up"]);
    let rendered = sandbox.path("app/.provision/rendered/it-s-new-touch-made.yaml");
    assert_eq!(fs::read_to_string(rendered).unwrap(), workload("web"));
    assert!(!sandbox.path("app/made").exists());
    run(&["plan"]).says("nothing to do");
    sandbox.file(&format!("{folder}/web.yaml"), &workload("other"));
    run(&["plan"]).says("1 step to run, 0 fresh");
}

#[test]
fn a_kustomization_is_rendered_without_the_network() {
    let sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let seen = sandbox.path("seen").display().to_string();
    // A kustomize that gets something with git and by HTTP.
    sandbox.tool("git", &format!("echo git >>{seen}"));
    sandbox.tool("kubectl", &format!("git clone x && echo cloned >>{seen}\necho \"$HTTPS_PROXY\" >>{seen}\nexit 1"));
    sandbox.file("app/Dockerfile", "FROM scratch\n");
    sandbox.file("app/k/kustomization.yaml", "resources: [https://example.com/a.yaml]\n");
    sandbox.run(&["-C", "app", "init", "--dry-run"]).code(0).says("`init` downloads nothing");
    assert!(!Path::new(&seen).exists(), "it is not even rendered");
    sandbox.file("app/k/kustomization.yaml", "resources: []\n");
    sandbox.run(&["-C", "app", "init", "--dry-run"]).code(0).says("`kubectl kustomize` fails");
    assert_eq!(fs::read_to_string(&seen).unwrap(), "http://127.0.0.1:9\n");
}
