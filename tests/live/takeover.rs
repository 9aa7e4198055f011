//! What helm would delete that somebody else has made: objects of another chart, and archives of the project.

use crate::by_hand::do_by_hand;
use crate::releases::{TEMPLATE, chart, settings, uid};
use crate::workbench::Workbench;

#[tokio::test(flavor = "multi_thread")]
async fn f107_a_release_of_another_chart_is_replaced_on_the_users_word_alone() {
    let bench = Workbench::new("takeover").await;
    chart(&bench, TEMPLATE);
    bench.write("other/Chart.yaml", "apiVersion: v2\nname: other\nversion: 1.0.0\n");
    bench.write(
        "other/templates/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hours-of-work}\ndata: {a: b}\n",
    );
    let install = format!("{} install app other --create-namespace", bench.helm());
    bench.run("command", &format!("run = \"{install}\"")).await.unwrap();
    let before = uid(&bench, "configmap/hours-of-work").await;
    let refused = bench.run("helm-install", &settings(&bench, "")).await.unwrap_err();
    assert!(refused.message.contains("of the chart `other-1.0.0` alone"), "{refused}");
    assert!(refused.hints.iter().any(|hint| hint.contains("--yes")), "{:?}", refused.hints);
    assert_eq!(uid(&bench, "configmap/hours-of-work").await, before);
    // By hand it goes with its objects; then the same once more, for the word.
    do_by_hand(&bench, &refused, " uninstall app").await;
    let output = bench.run("helm-install", &settings(&bench, "")).await.unwrap();
    assert_eq!(output.get("revision"), Some("1"));
    bench.run("command", &format!("run = \"{} uninstall app && {install}\"", bench.helm())).await.unwrap();
    bench.run("helm-install", &settings(&bench, "")).await.unwrap_err();
    let bench = bench.consenting();
    let output = bench.run("helm-install", &settings(&bench, "")).await.unwrap();
    assert_eq!(output.get("chart"), Some("app-0.1.0"));
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f110_an_archive_that_no_dependency_names_outlives_the_getting_of_dependencies() {
    let bench = Workbench::new("archives").await;
    chart(&bench, TEMPLATE);
    bench.write("lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 0.1.0\ntype: library\n");
    bench.write(
        "chart/Chart.yaml",
        "apiVersion: v2\nname: app\nversion: 0.1.0\n\
         dependencies:\n- {name: lib, version: 0.1.0, repository: 'file://../lib'}\n",
    );
    bench.write("mine/Chart.yaml", "apiVersion: v2\nname: mine\nversion: 1.0.0\ntype: library\n");
    bench.run("command", "run = 'mkdir chart/charts && helm package mine -d chart/charts'").await.unwrap();
    let refused = bench.run("helm-install", &settings(&bench, "")).await.unwrap_err();
    assert!(refused.message.contains("`chart/charts/mine-1.0.0.tgz` has to be deleted"), "{refused}");
    assert!(bench.path("chart/charts/mine-1.0.0.tgz").exists());
    do_by_hand(&bench, &refused, "rm chart/charts/mine-1.0.0.tgz").await;
    bench.run("helm-install", &settings(&bench, "")).await.unwrap();
    let before = "rm -r chart/charts chart/Chart.lock; mkdir chart/charts && helm package mine -d chart/charts";
    bench.run("command", &format!("run = '{before}'")).await.unwrap();
    bench.run("helm-install", &settings(&bench, "")).await.unwrap_err();
    let bench = bench.consenting();
    bench.run("helm-install", &settings(&bench, "")).await.unwrap();
    assert!(bench.path("chart/charts/lib-0.1.0.tgz").exists());
    bench.clean_up().await;
}
