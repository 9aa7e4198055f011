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
      = help: use one of: `context`, `allow`, `uid`
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

/// A pipeline that has the variable `n` as an argument of a command.
fn with_var(value: &str) -> Project {
    Project::new(with_header(&format!(
        "[vars]\nn = {value}\n[[stage]]\nid='a'\n[[stage.step]]\nid='b'\naction='command'\nrun=['echo', '${{{{ vars.n }}}}']\n"
    )))
}

#[test]
fn a_variable_arrives_as_it_stands_or_is_refused() {
    for (value, arrives) in [
        ("1", "1"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("-5", "-5"),
        ("1.5", "1.5"),
        ("0.25", "0.25"),
        ("true", "true"),
        ("'3.10'", "3.10"),
        ("'a\u{e9} \"b$'", "a\u{e9} \\\"b$"),
        ("\"a\\nb\"", "a\\nb"),
    ] {
        let made = action(&with_var(value).pipeline(), "a.b");
        assert!(made.contains(&format!("\"echo\", \"{arrives}\"")), "{value}: {made}");
    }
    for (value, message) in [
        ("3.10", "which would arrive as `3.1`"),
        ("1e3", "which would arrive as `1000.0`"),
        ("inf", "can't be the number `inf`"),
        ("-nan", "can't be the number `-nan`"),
        ("9223372036854775808", "more than 64 bits"),
        ("2026-11-26", "can't be a date-time"),
        ("07:30:00", "can't be a date-time"),
        ("\"a\\u0000b\"", "can't have a NUL character"),
    ] {
        let errors = with_var(value).errors();
        assert!(errors.contains(message) && errors.contains("pipeline.toml:4:5"), "{value}: {errors}");
    }
}

/// The errors of a pipeline whose only step has these settings of a real action.
fn real(settings: &str) -> String {
    let text = with_header(&format!("[[stage]]\nid='a'\n[[stage.step]]\nid='b'\n{settings}\n"));
    let project = Project::new(text);
    let path = project.root().join("pipeline.toml");
    load(&path, &project.options, crate::actions::ACTIONS)
        .err()
        .map(|errors| project.shown(&errors))
        .unwrap_or_default()
}

#[test]
fn names_and_values_that_a_tool_can_not_take_are_refused_with_their_place() {
    let helm = |settings: &str| format!("action='helm-install'\nchart='c'\n{settings}");
    let long = "a".repeat(54);
    for (settings, message) in [
        (helm(&format!("release='{long}'")), "`release` can't be"),
        (helm("release='a'\nnamespace='Team'"), "`namespace` can't be `Team`"),
        (helm("release='a'\nset={ since = 2026-11-26 }"), "`since` can't be a date-time"),
        (helm("release='a'\nset={ a = [{ limit = inf }] }"), "`limit` can't be `inf`"),
        ("action='helm-install'\nrelease='a'\nchart='--kubeconfig=x'".into(), "helm would read it as an option"),
        ("action='rollout-check'\ndeployments=['a', 'B']".into(), "`deployments` can't be `B`"),
        ("action='secret-apply'\nname='a_b'\ndata={ K = 'v' }".into(), "`name` can't be `a_b`"),
        ("action='secret-apply'\nname='a'\ndata={ 'a b' = 'v' }".into(), "a key can't be `a b`"),
        ("action='http-check'\nservice='a.b'\nport=1".into(), "`service` can't be `a.b`"),
        ("action='http-check'\nservice='a'\nport=1\npath='x'".into(), "`path` can't be `x`"),
        ("action='http-check'\nservice='a'\nport=1\npath='/a b'".into(), "`path` can't be `/a b`"),
        ("action='http-check'\nurl='http://exa mple/'".into(), "`url` can't be"),
        ("action='http-check'\nurl='localhost:80/a'".into(), "write it as `http://HOST:PORT/PATH`"),
        ("action='http-check'\nurl='http://a:99999/'".into(), "its port is no number"),
        ("action='http-check'\nurl='http://a/'\nmethod='GE T'".into(), "`method` can't be `GE T`"),
        ("action='http-check'\nurl='http://a/'\nheaders={ 'a b' = 'c' }".into(), "a header can't be `a b`"),
        ("action='http-check'\nurl='http://a/'\nheaders={ a = \"b\\nc\" }".into(), "that HTTP does not take"),
        ("action='command'\nrun='env'\nenv={ 'A=B' = 'c' }".into(), "variable can't be `A=B`"),
        ("action='command'\nrun=['', 'x']".into(), "`run` needs at least the program"),
        ("action='docker-build'\ncontext='.'\nimage='a'\ndockerfile=''".into(), "`dockerfile` is empty"),
        ("action='docker-build'\ncontext='.'\nimage='my reg.io/a'".into(), "is not an image's name"),
        ("action='command'\nrun=['a', 2026-11-26]".into(), "`run` can't be an array of this form"),
    ] {
        let errors = real(&settings);
        assert!(errors.contains(message), "{settings}: {errors}");
        // Once, and not at the action's name.
        assert_eq!(errors.matches("error: ").count(), 1, "{errors}");
        assert!(!errors.contains("pipeline.toml:7:"), "{errors}");
    }
    assert_eq!(real(&helm("release='a.b'\nset={ version = 3.10, n = 9223372036854775807, s = 'é\"\\' }")), "");
}
