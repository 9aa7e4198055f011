//! Releases that somebody takes away between two runs.

use crate::fake_helm;
use crate::sandbox::Sandbox;
use crate::shared_cluster::SharedCluster;

const PIPELINE: &str = "[pipeline]\nname = 't'\n[cluster]\nprovider = 'context'\ncontext = 'kind-shared'\n\
    [secrets]\nPW = { env = 'PW_OF_ME' }\n[[stage]]\nid = 's'\n\
    [[stage.step]]\nid = 'secret'\naction = 'secret-apply'\nname = 'keys'\nnamespace = 'shop'\n\
    data = { PW = '${{ secrets.PW }}' }\n\
    [[stage.step]]\nid = 'app'\naction = 'helm-install'\nneeds = ['secret']\nchart = 'chart'\nrelease = 'web'\n\
    namespace = 'shop'\n";

fn project() -> (Sandbox, SharedCluster) {
    let mut sandbox = Sandbox::new(PIPELINE);
    sandbox.env("PW_OF_ME", "correct-horse-battery");
    let cluster = SharedCluster::serve();
    cluster.reach_from(&sandbox);
    fake_helm::install(&sandbox, &cluster, "");
    (sandbox, cluster)
}

fn upgrades(sandbox: &Sandbox) -> usize {
    let calls = fs_err::read_to_string(sandbox.path("helm/calls")).unwrap();
    calls.lines().filter(|call| call.contains("upgrade --install web")).count()
}

#[test]
fn a_release_that_somebody_uninstalls_between_two_runs_is_installed_again() {
    let (sandbox, cluster) = project();
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    assert_eq!(upgrades(&sandbox), 1);
    let helm = sandbox.program("helm", &["-n", "shop", "uninstall", "web"]).status().unwrap();
    assert!(helm.success());
    sandbox.run(&["plan", "--exit-code"]).code(10).says("the release `web` is gone");
    sandbox.run(&["up"]).code(0);
    assert_eq!(upgrades(&sandbox), 2);
    let all = ["shop", "shop/configmaps/app", "shop/secrets/keys", "shop/secrets/sh.helm.release.v1.web.v1"];
    assert_eq!(cluster.names(), all);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn a_namespace_that_somebody_deletes_between_two_runs_is_made_again_with_all_that_was_in_it() {
    let (sandbox, cluster) = project();
    sandbox.run(&["up"]).code(0);
    let before = cluster.names();
    cluster.delete("/api/v1/namespaces/shop");
    assert!(cluster.names().is_empty());
    fs_err::remove_file(sandbox.path("helm/revision")).unwrap();
    let plan = sandbox.run(&["plan", "--exit-code"]).code(10).says("the release `web` is gone");
    plan.says("the Secret `keys` is gone");
    sandbox.run(&["up"]).code(0);
    assert_eq!(cluster.names(), before);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}
