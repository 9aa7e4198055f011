//! `image-check` on the real daemon, whose exports are of one form or the other.

use provision::action::Presence;

use crate::workbench::{Workbench, action};

const NAME: &str = "provision-live/checked";

#[tokio::test]
async fn an_image_of_the_real_daemon_is_read_layer_by_layer() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Workbench::without_cluster(dir.path());
    // In two parts, so that this file has no key.
    let key = format!("ghp_{}{}", "kV9fQ2mZ7LxP4wTn8R", "bYc3HdG6jSaE5uXo1i");
    let users = "root:x:0:0::/:/x\napp:x:1001:1001::/:/x\n";
    bench.write("app/passwd", users);
    bench.write("app/.env", &format!("A=1\nTOKEN={key}\n"));
    bench.write("app/clean.env", "A=1\n");
    bench.write(
        "app/Dockerfile",
        "FROM scratch\nARG FILE=clean.env\nCOPY passwd /etc/passwd\nCOPY $FILE /app/.env\nCOPY clean.env /app/.env\n\
         ENV MODE=production\nWORKDIR /app\nEXPOSE 8000\nUSER app\nHEALTHCHECK CMD [\"/health\"]\nLABEL a=b\nCMD [\"run\", \"it\"]\n",
    );
    let build = |args: &str| format!("context = \"app\"\nimage = \"{NAME}\"\n{args}");
    let clean = bench.run("docker-build", &build("")).await.unwrap();
    let image = clean.get("image").unwrap();
    let settings = format!(
        "image = \"{image}\"\nnon-root = true\nuser = \"app\"\nuid = 1001\nports = [8000]\ncommand = [\"run\", \"it\"]\nentrypoint = []\n\
         workdir = \"/app\"\nenv = {{ MODE = \"production\" }}\nlabels = {{ a = \"b\" }}\nhealth-check = true\n\
         health-command = \"/health\"\nmax-size = \"1MB\"\nmax-layers = 4\nfiles = [\"/etc/passwd\", \"app/.env\"]\nabsent = [\"**/*.py\"]"
    );
    let check = action("image-check", &settings);
    let output = check.run(&bench.cx).await.unwrap();
    assert_eq!(output.get("id"), clean.get("id"));
    assert_eq!(check.probe(&bench.cx, &output).await.unwrap(), Presence::Present);

    let leaky = bench.run("docker-build", &build("args = { FILE = \".env\" }")).await.unwrap();
    let leaky_image = leaky.get("image").unwrap();
    let failure =
        bench.run("image-check", &format!("image = \"{leaky_image}\"\nfiles = [\"gone\"]")).await.unwrap_err();
    let found = failure.details.iter().find(|line| line.contains("`/app/.env`, line 2: a GitHub token")).unwrap();
    assert!(found.ends_with("a later layer hides the file, and the image still has it"), "{found}");
    assert!(failure.details.contains(&"there is no `gone`".to_owned()), "{failure:?}");
    assert!(!bench.said().concat().contains(&key[10..]), "the key is shown");
    let docker = bench.tools.docker().await.unwrap();
    docker.remove_image(image).await.unwrap();
    docker.remove_image(leaky_image).await.unwrap();
}
