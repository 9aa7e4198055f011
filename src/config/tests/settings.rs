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

#[test]
fn clusters() {
    let cluster = |cluster: &str| {
        stages(&format!(
            "{cluster}\n[[stage]]\nid='a'\n[[stage.step]]\nid='b'\naction='command'\nrun='${{{{ cluster.name }}}}'\n"
        ))
    };
    assert_snapshot!(cluster("[cluster]\nprovider='minkube'"), @r#"
    error: there is no provider `minkube`
     --> pipeline.toml:4:10
      |
    4 | provider='minkube'
      |          ^^^^^^^^^
      |
      = help: did you mean `minikube`?
    "#);
    assert_snapshot!(cluster("[cluster]\nprovider='context'\ncpus=1\ncpu=2"), @r#"
    error: `[cluster]` needs `context`
     --> pipeline.toml:3:1
      |
    3 | [cluster]
      | ^^^^^^^^^ no `context` here

    error: unknown key `cpu` in `[cluster]`
     --> pipeline.toml:6:1
      |
    6 | cpu=2
      | ^^^ not known here
      |
      = help: did you mean `cpus`?
    "#);
    assert_snapshot!(cluster("[cluster]\nprovider='context'\ncontext='x'\ncpus=1"), @r#"
    error: `cpus` has no meaning for the provider `context`
     --> pipeline.toml:6:1
      |
    6 | cpus=1
      | ^^^^
    "#);
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
    for name in ["a", "-ab", "ab-", "a_b", "a..b", "b b", &"b".repeat(70)] {
        let said = cluster(&format!("[cluster]\nprovider='minikube'\nname='{name}'"));
        assert!(said.contains(&format!("minikube can't name a cluster `{name}`")), "{said}");
    }
    let said = cluster("[cluster]\nprovider='minikube'\nname='ab'\nstart-args=['--delete-on-failure=true']");
    assert!(said.contains("set `ephemeral = true`"), "{said}");
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
