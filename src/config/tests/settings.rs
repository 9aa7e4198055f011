//! Errors in the command line, the environment, and the cluster.

use insta::assert_snapshot;

use super::*;

#[test]
fn command_line() {
    let text = with_header(
        "[vars]\nport = 1\nname = 'x'\n[[stage]]\nid = 'a'\n[[stage.step]]\nid='b'\naction='command'\nrun='x'\n",
    );
    let project = Project::new(&text).set("prot", "2").set("port", "two").profile("ci");
    assert_snapshot!(project.errors(), @r"
    error: `--set prot=…`: unknown variable `prot`
     |
     = help: did you mean `port`?

    error: unknown profile `ci`
     |
     = help: declare profiles as `[profile.NAME]`

    error: `--set port=…`: the variable `port` must be an integer
     --> pipeline.toml:4:8
      |
    4 | port = 1
      |        ^ declared here
    ");
    let project = Project::new(&text).env("PROVISION_VAR_PORT", "two");
    assert_snapshot!(project.errors(), @r"
    error: `PROVISION_VAR_PORT`: the variable `port` must be an integer
     --> pipeline.toml:4:8
      |
    4 | port = 1
      |        ^ declared here
    ");
    let project = Project::new(&text).env("PROVISION_VAR_PROT", "two");
    let warnings = project.load().unwrap().warnings;
    assert_snapshot!(project.shown(&warnings), @r"
    warning: the environment variable `PROVISION_VAR_PROT` has no effect: unknown variable
     |
     = help: did you mean `port`?
    ");
}

/// The errors of a pipeline with the section `cluster`, which a step uses.
fn cluster(cluster: &str) -> String {
    stages(&format!(
        "{cluster}\n[[stage]]\nid='a'\n[[stage.step]]\nid='b'\naction='command'\nrun='${{{{ cluster.name }}}}'\n"
    ))
}

#[test]
fn clusters() {
    assert_snapshot!(cluster("[cluster]\nprovider='minkube'"), @r#"
    error: unknown provider `minkube`; known: minikube, context
     --> pipeline.toml:4:10
      |
    4 | provider='minkube'
      |          ^^^^^^^^^
      |
      = help: did you mean `minikube`?
    "#);
    assert_snapshot!(cluster("[cluster]\nprovider='context'\ncpus=1\ncpu=2"), @r#"
    error: provider `context` needs `context`
     --> pipeline.toml:4:10
      |
    4 | provider='context'
      |          ^^^^^^^^^ no `context`
      |
      = note: `context`: The kube context of the cluster, in the user's own kubeconfig.

    error: unknown setting `cpus` of provider `context`
     --> pipeline.toml:5:1
      |
    5 | cpus=1
      | ^^^^ not known here
      |
      = help: `cpus` is a setting of provider `minikube`

    error: unknown setting `cpu` of provider `context`
     --> pipeline.toml:6:1
      |
    6 | cpu=2
      | ^^^ not known here
      |
      = help: use `context`
    "#);
    assert_snapshot!(cluster("[cluster]\nprovider='context'\ncontext='x'\ncpus=1"), @r#"
    error: unknown setting `cpus` of provider `context`
     --> pipeline.toml:6:1
      |
    6 | cpus=1
      | ^^^^ not known here
      |
      = help: `cpus` is a setting of provider `minikube`
    "#);
    assert_snapshot!(cluster(""), @r"
    error: the cluster is not available here
     --> pipeline.toml:9:10
      |
    9 | run='${{ cluster.name }}'
      |          ^^^^^^^^^^^^
      |
      = help: declare it in `[cluster]`; only stages and steps can use it
    ");
}

#[test]
fn values_that_minikube_rejects() {
    assert_snapshot!(cluster("[cluster]\nprovider='minikube'\ncpus='many'\nmemory=8"), @r"
    error: `cpus` must be an integer, not a string
     --> pipeline.toml:5:6
      |
    5 | cpus='many'
      |      ^^^^^^ expected an integer

    error: `memory` must be a string, not an integer
     --> pipeline.toml:6:8
      |
    6 | memory=8
      |        ^ expected a string
    ");
    assert_snapshot!(cluster("[cluster]\nprovider='minikube'\ncpus=0\nname='a_b'\nstart-args=['--delete-on-failure']"), @r"
    error: invalid value of `cpus`: 0 is not between 1 and 1024
     --> pipeline.toml:5:6
      |
    5 | cpus=0
      |      ^

    error: invalid value of `name`: minikube can't name a cluster `a_b`: use 2 to 63 letters, digits, `-` and `.`, with a letter or digit at both ends
     --> pipeline.toml:6:6
      |
    6 | name='a_b'
      |      ^^^^^

    error: invalid value of `start-args`: `--delete-on-failure` deletes a cluster with all data in it; for a cluster whose data may be lost, set `ephemeral = true`
     --> pipeline.toml:7:12
      |
    7 | start-args=['--delete-on-failure']
      |            ^^^^^^^^^^^^^^^^^^^^^^^
    ");
    for name in ["a", "-ab", "ab-", "a_b", "a..b", "b b", &"b".repeat(70)] {
        let said = cluster(&format!("[cluster]\nprovider='minikube'\nname='{name}'"));
        assert!(said.contains(&format!("minikube can't name a cluster `{name}`")), "{said}");
    }
    let said = cluster("[cluster]\nprovider='minikube'\nname='ab'\nstart-args=['--delete-on-failure=true']");
    assert!(said.contains("set `ephemeral = true`"), "{said}");
}

#[test]
fn a_cluster_of_a_profile_is_checked_once_whether_the_profile_is_selected_or_not() {
    let text = with_header(
        "[cluster]\nprovider='minikube'\n[profile.x.cluster]\ncpu=2\n\
         [[stage]]\nid='a'\n[[stage.step]]\nid='b'\naction='command'\nrun='x'\n",
    );
    for project in [Project::new(&text), Project::new(&text).profile("x")] {
        let errors = project.errors();
        assert_eq!(errors.matches("error: unknown").count(), 1, "{errors}");
        assert!(errors.contains("did you mean `cpus`?"), "{errors}");
    }
}
