//! Images in the cluster's node: the ones that were built, and no more bytes than needed.

use std::time::Instant;

use provision::action::Presence;
use provision::model::Output;

use crate::docker::{context, request};
use crate::workbench::{IMAGE, PROFILE, Workbench};

/// Builds `name` with a file that says `word`.
async fn build(bench: &Workbench, name: &str, word: &str) {
    bench.write("app/Dockerfile", &format!("FROM {IMAGE}\nCOPY word /\n"));
    bench.write("app/word", word);
    let docker = bench.tools.docker().await.unwrap();
    docker.build(&request(name), context(&bench.path("app")).stream(), &|_| {}).await.unwrap();
}

fn sent(output: &Output) -> u64 {
    output.get("sent").unwrap().parse().unwrap()
}

/// Takes an image out of the daemon and out of the node.
async fn forget(bench: &Workbench, name: &str) {
    let docker = bench.tools.docker().await.unwrap();
    docker.remove_image(name).await.unwrap();
    docker.exec(PROFILE, &["crictl", "rmi", name], None, &|_| {}).await.unwrap();
}

#[tokio::test]
async fn an_image_gets_to_the_node_once_and_again_when_it_is_another_one() {
    let bench = Workbench::new("node").await;
    let name = "provision-live/loaded:1";
    let settings = format!("image = \"{name}\"");
    let mut ids = Vec::new();
    for word in ["one", "two"] {
        build(&bench, name, word).await;
        let output = bench.run("image-load", &settings).await.unwrap();
        assert!(sent(&output) > 0);
        assert_eq!(bench.probe("image-load", &settings, &output).await, Presence::Present);
        let again = bench.run("image-load", &settings).await.unwrap();
        assert_eq!((sent(&again), again.get("id")), (0, output.get("id")));
        ids.push(output.get("id").unwrap().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    forget(&bench, name).await;
    let gone = bench.run("image-load", &settings).await.unwrap_err();
    assert_eq!(gone.message, format!("the Docker daemon has no image `{name}`"));
    bench.clean_up().await;
}

/// Runs a pod from `image` that says what is in `/word`, and demands that it says `word`.
async fn says(bench: &Workbench, image: &str, word: &str) {
    let namespace = &bench.namespace;
    let run = format!("run word --image={image} --restart=Never --image-pull-policy=Never --command -- cat /word");
    for line in [
        run.as_str(),
        "wait --for=jsonpath={.status.phase}=Succeeded pod/word --timeout=60s",
        &format!("logs word | grep -qx {word}"),
        "delete pod word --grace-period=0 --force",
    ] {
        bench.command(&format!("-n {namespace} {line}")).await;
    }
}

#[tokio::test]
async fn a_pod_runs_from_an_image_of_which_only_the_new_layer_was_sent() {
    let bench = Workbench::new("delta").await;
    let (name, namespace) = ("provision-live/runs:1", bench.namespace.clone());
    let settings = format!("image = \"{name}\"");
    let mut bytes = Vec::new();
    for word in ["old", "new", "newer"] {
        build(&bench, name, word).await;
        let begin = Instant::now();
        bytes.push(sent(&bench.run("image-load", &settings).await.unwrap()));
        println!("delivered in {:.2} s: {:?}", begin.elapsed().as_secs_f32(), bench.said());
    }
    assert!(bytes[1] < 100_000 && bytes[2] < 100_000, "{bytes:?}");
    bench.command(&format!("create namespace {namespace}")).await;
    says(&bench, name, "newer").await;
    // The node's containerd removes layers, too, that no other image has.
    let docker = bench.tools.docker().await.unwrap();
    docker.exec_ok(PROFILE, &["crictl", "rmi", name], None, &|_| {}).await.unwrap();
    bench.run("image-load", &settings).await.unwrap();
    says(&bench, name, "newer").await;
    forget(&bench, name).await;
    let left: Vec<String> = docker.image_names().await.unwrap();
    assert!(!left.iter().any(|name| name.starts_with("127.0.0.1:")), "{left:?}");
    bench.clean_up().await;
}

#[tokio::test]
async fn pods_that_keep_another_image_under_the_name_are_replaced() {
    let bench = Workbench::new("strangers").await;
    let names = ["provision-live/right:1", "provision-live/wrong:1"];
    for (name, word) in names.into_iter().zip(["right", "wrong"]) {
        build(&bench, name, word).await;
        bench.run("image-load", &format!("image = \"{name}\"")).await.unwrap();
    }
    bench.write("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n");
    bench.write(
        "chart/templates/a.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  selector: {matchLabels: {app: app}}\n  template:\n    \
         metadata: {labels: {app: app}}\n    spec:\n      terminationGracePeriodSeconds: 0\n      containers:\n      - \
         {name: c, image: 'provision-live/right:1', imagePullPolicy: Never, command: [sleep, '1000']}\n",
    );
    let namespace = bench.namespace.clone();
    let settings = format!("chart = 'chart'\nrelease = 'app'\nnamespace = '{namespace}'");
    let output = bench.run("helm-install", &settings).await.unwrap();
    let rolled_out = format!("-n {namespace} rollout status deploy/app --timeout=60s");
    bench.command(&rolled_out).await;
    assert_eq!(bench.probe("helm-install", &settings, &output).await, Presence::Present);
    // The name is given to another image, pods start, and it is given back.
    let docker = bench.tools.docker().await.unwrap();
    let line = ["ctr", "-n", "k8s.io", "images", "tag", "--force", "docker.io/provision-live/wrong:1"];
    let line: Vec<&str> = line.into_iter().chain(["docker.io/provision-live/right:1"]).collect();
    docker.exec_ok(PROFILE, &line, None, &|_| {}).await.unwrap();
    bench.command(&format!("-n {namespace} rollout restart deploy/app")).await;
    bench.command(&rolled_out).await;
    bench.run("image-load", "image = \"provision-live/right:1\"").await.unwrap();
    bench.tools.node_images().forget().await;
    let Presence::Missing(why) = bench.probe("helm-install", &settings, &output).await else { panic!("not seen") };
    assert!(why.contains("runs another image under the tag"), "{why}");
    let output = bench.run("helm-install", &settings).await.unwrap();
    bench.command(&rolled_out).await;
    assert_eq!(bench.probe("helm-install", &settings, &output).await, Presence::Present);
    bench.command(&format!("-n {namespace} exec deploy/app -- grep -qx right /word")).await;
    for name in names {
        forget(&bench, name).await;
    }
    bench.clean_up().await;
}
