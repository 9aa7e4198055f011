//! What each way would run here, which one is taken, and what a download leaves.

use super::*;
use crate::tools::fake::FakeHost;

#[derive(Debug, Deserialize)]
struct Settings {
    install: Ways,
}

fn ways(install: &str) -> Result<Ways, String> {
    let settings: Settings = toml::from_str(&format!("install = {install}")).map_err(|error| error.to_string())?;
    settings.install.validate().map(|()| settings.install)
}

fn host(has: fn(&str) -> bool, is_root: bool) -> Host<'static> {
    Host { is_root, prefix: PathBuf::from("/home/me/.local"), arch: "x86_64", has }
}

const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn every_way_is_one_or_two_exact_commands() {
    for (way, is_root, lines) in [
        ("\"make install\"", true, vec!["sh -e -c 'make install'"]),
        (
            "[{ apt = \"jq\" }]",
            true,
            vec![
                "env DEBIAN_FRONTEND=noninteractive apt-get update",
                "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends jq",
            ],
        ),
        (
            "[{ apt = \"jq\" }]",
            false,
            vec![
                "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get update",
                "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends jq",
            ],
        ),
        ("[{ brew = \"jq\" }]", false, vec!["brew install jq"]),
        ("[{ go = \"x.org/t@v1\" }]", false, vec!["env GOBIN=/home/me/.local/bin go install x.org/t@v1"]),
        ("[{ cargo = \"just\" }]", false, vec!["cargo install --locked --root /home/me/.local just"]),
        ("[{ pip = \"black\" }]", false, vec!["env PIPX_BIN_DIR=/home/me/.local/bin pipx install --force black"]),
        ("[{ npm = \"yarn\" }]", false, vec!["npm install --global --prefix /home/me/.local yarn"]),
    ] {
        let plan = ways(way).unwrap().plan("t", &host(|_| true, is_root)).unwrap();
        assert_eq!(plan.works.iter().map(Work::line).collect::<Vec<_>>(), lines, "{way}");
    }
    let plan = ways("[{ pip = \"black\" }]").unwrap().plan("t", &host(|program| program == "python3", false)).unwrap();
    let line = "env PYTHONUSERBASE=/home/me/.local python3 -m pip install --user --upgrade black";
    assert_eq!(plan.works[0].line(), line);
}

#[test]
fn the_first_way_that_works_here_is_taken() {
    let list = format!(
        "[{{ brew = \"jq\" }}, {{ download = {{ url = \"http://x/a\", sha256 = \"{DIGEST}\", arch = \"aarch64\" }} }}, \
         {{ npm = \"jq\" }}]"
    );
    let ways = ways(&list).unwrap();
    let plan = ways.plan("jq", &host(|program| program == "npm", false)).unwrap();
    assert_eq!(plan.works[0].line(), "npm install --global --prefix /home/me/.local jq");
    assert_eq!(plan.folder.as_deref(), Some(Path::new("/home/me/.local/bin")));
    let reason = ways.plan("jq", &host(|_| false, false)).unwrap_err();
    let expected = "`brew` is not in PATH; http://x/a is for aarch64, and this machine is x86_64; `npm` is not in PATH";
    assert_eq!(reason, expected);
}

#[test]
fn what_can_never_work_is_an_error_of_the_file() {
    let archive = format!("[{{ download = {{ url = \"http://x/a.tgz\", sha256 = \"{DIGEST}\" }} }}]");
    let program = format!("[{{ download = {{ url = \"http://x/a\", sha256 = \"{DIGEST}\", member = \"a\" }} }}]");
    for (install, why) in [
        ("[]", "is empty"),
        ("\" \"", "is empty"),
        ("3", "a command line, or a list"),
        ("[{ yum = \"x\" }]", "unknown variant `yum`"),
        ("[{ apt = \"-o x\" }]", "can't be `-o x`"),
        ("[{ go = \"x.org/t\" }]", "`x.org/t@v1.0.0`"),
        ("[{ download = { url = \"http://x/a\", sha256 = \"12\" } }]", "64 hexadecimal digits"),
        ("[{ download = { url = \"x\", sha256 = \"12\" } }]", "can't be `x`"),
        (archive.as_str(), "`member` names"),
        (program.as_str(), "`.tar.gz`"),
    ] {
        let said = ways(install).unwrap_err();
        assert!(said.contains(why), "{install}: {said}");
    }
}

#[tokio::test]
async fn a_command_that_fails_says_what_it_printed_last() {
    let work = Work::run(&["sh", "-c", "echo no such package; exit 7"]);
    let failure = work.perform(&FakeHost::default()).await.unwrap_err();
    assert_eq!(failure.message, "`sh -c 'echo no such package; exit 7'` failed");
    assert!(failure.details.iter().any(|line| line == "no such package"), "{failure:?}");
    assert_eq!(failure.kind.exit_code(), 3);
}

/// A server that sends `body` once. Returns its URL, which ends with `name`.
fn serve(name: &str, body: Vec<u8>) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/{name}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _seen = stream.read(&mut [0; 4096]).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    });
    url
}

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packer);
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn a_program_is_taken_out_of_its_archive() {
    use sha2::Digest as _;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bin/tool");
    let bytes = packed(&[("linux/README", "read me"), ("linux/tool", "the program")]);
    let digest =
        sha2::Sha256::digest(&bytes).iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02X}"));
    let fetch = async |member: &str| {
        let url = serve("tool.tar.gz", bytes.clone());
        let text = format!("url = \"{url}\"\nsha256 = \"{digest}\"\nmember = \"{member}\"");
        let download: Download = toml::from_str(&text).unwrap();
        download.validate().unwrap();
        Work::Fetch(download, path.clone()).perform(&FakeHost::default()).await
    };
    let failure = fetch("linux/other").await.unwrap_err();
    assert!(failure.message.ends_with("has no file `linux/other`"), "{failure}");
    assert!(std::fs::read_dir(path.parent().unwrap()).unwrap().next().is_none(), "something was left");
    fetch("linux/tool").await.unwrap();
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "the program");
    assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
    // Another program of that name is replaced in one step.
    fetch("linux/README").await.unwrap();
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "read me");
}
