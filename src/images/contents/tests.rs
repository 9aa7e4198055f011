//! Images are made here as both kinds of daemons export them, and read.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tar::EntryType;

use super::*;
use crate::images::oci::{blob, digest};
use crate::leaks::samples::sample;

const SECRET: &str = "kV9fQ2mZ7LxP4wTn8RbY";

/// An archive with these files; a name that ends with `/` is that of a folder.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        header.set_entry_type(if name.ends_with('/') { EntryType::Directory } else { EntryType::Regular });
        archive.append_data(&mut header, name, *text).unwrap();
    }
    archive.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn config(layers: &[Vec<u8>], more: &Value) -> Value {
    let ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let mut config = json!({"os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

/// As daemons before containerd's store write it: a folder for each layer; of equal layers one is a link.
fn legacy(layers: &[Vec<u8>], config: &Value) -> Vec<u8> {
    let text = config.to_string();
    let mut whole = tar::Builder::new(Vec::new());
    let mut names: Vec<String> = Vec::new();
    let add = |whole: &mut tar::Builder<Vec<u8>>, name: &str, text: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        whole.append_data(&mut header, name, text).unwrap();
    };
    for (number, layer) in layers.iter().enumerate() {
        let name = format!("{number:064}/layer.tar");
        add(&mut whole, &format!("{number:064}/VERSION"), b"1.0");
        match layers[..number].iter().position(|other| other == layer) {
            Some(same) => {
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(EntryType::Symlink);
                header.set_size(0);
                whole.append_link(&mut header, &name, format!("../{same:064}/layer.tar")).unwrap();
            }
            None => add(&mut whole, &name, layer),
        }
        names.push(name);
    }
    add(&mut whole, "c.json", text.as_bytes());
    add(
        &mut whole,
        "manifest.json",
        json!([{"Config": "c.json", "RepoTags": null, "Layers": names}]).to_string().as_bytes(),
    );
    whole.into_inner().unwrap()
}

/// As newer daemons write it: an OCI layout, whose layers are packed by `pack`.
fn layout(layers: &[Vec<u8>], config: &Value, pack: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let text = config.to_string();
    let packed: Vec<Vec<u8>> = layers.iter().map(|layer| pack(layer)).collect();
    let names: Vec<String> = packed.iter().map(|layer| blob(&digest(layer))).collect();
    let config_name = blob(&digest(text.as_bytes()));
    let manifest = json!([{"Config": config_name, "RepoTags": ["x:1"], "Layers": names}]).to_string();
    let mut files: Vec<(&str, &[u8])> =
        names.iter().zip(&packed).map(|(name, layer)| (name.as_str(), &**layer)).collect();
    files.dedup();
    files.extend([
        (config_name.as_str(), text.as_bytes()),
        ("index.json", b"{}"),
        ("manifest.json", manifest.as_bytes()),
        ("oci-layout", b"{}"),
    ]);
    archive(&files)
}

fn declared() -> Arc<DeclaredSecrets> {
    Arc::new(DeclaredSecrets::new(&[("TOKEN".to_owned(), SECRET.to_owned())], &[]))
}

fn read(archive: &[u8]) -> Result<ImageContents, Failure> {
    let secrets = declared();
    let (layers, config) = read_archive(archive, Some(&secrets))?;
    Ok(ImageContents::of(layers, config, Some(secrets)))
}

/// The same image in each form.
fn forms(layers: &[Vec<u8>], config: &Value) -> [Vec<u8>; 3] {
    [legacy(layers, config), layout(layers, config, <[u8]>::to_vec), layout(layers, config, gzip)]
}

fn leaks(contents: &ImageContents) -> Vec<(usize, String, u64, String, bool)> {
    let all = contents.leaks().into_iter();
    all.map(|leak| (leak.layer, leak.path, leak.leak.line, leak.leak.what, leak.hidden)).collect()
}

#[test]
fn a_secret_in_a_file_that_a_later_layer_removes_is_found_in_every_form_of_archive() {
    let text = format!("A=1\nTOKEN={SECRET}\n");
    let layers = [
        archive(&[("app/", b""), ("app/.env", text.as_bytes()), ("app/main.py", b"x = 1\n")]),
        archive(&[("app/.wh..env", b"")]),
        archive(&[("app/late.txt", format!("{}\n", sample("github-token")).as_bytes())]),
    ];
    for whole in forms(&layers, &config(&layers, &json!({}))) {
        let contents = read(&whole).unwrap();
        let expected = [
            (0, "app/.env".into(), 2, "the secret `TOKEN`".into(), true),
            (2, "app/late.txt".into(), 1, "a GitHub token".into(), false),
        ];
        assert_eq!(leaks(&contents), expected);
        assert_eq!((contents.n_layers(), contents.files().len()), (3, 3));
    }
}

#[test]
fn encoded_and_split_secrets_are_found_and_clean_files_are_none() {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("token: {SECRET}\n"));
    let filler = "nothing to see in this line\n".repeat(20_000);
    // Over the end of what is read at once.
    let at = (256 << 10) - 8;
    let split = format!("{}{SECRET}{filler}", &filler[..at]);
    let layers = [archive(&[
        ("a/base64", encoded.as_bytes()),
        ("a/split", split.as_bytes()),
        ("a/clean", filler.as_bytes()),
        ("a/half", &SECRET.as_bytes()[..10]),
        ("a/other-half", &SECRET.as_bytes()[10..]),
    ])];
    for whole in forms(&layers, &config(&layers, &json!({}))) {
        let found = leaks(&read(&whole).unwrap());
        let paths: Vec<&str> = found.iter().map(|(_, path, ..)| path.as_str()).collect();
        assert_eq!(paths, ["a/base64", "a/split"]);
        assert_eq!(found[1].2, filler[..at].matches('\n').count() as u64 + 1);
    }
}

#[test]
fn the_history_and_the_configuration_are_searched_too() {
    let layers = [archive(&[("x", b"x")])];
    let more = json!({
        "config": {"Env": ["PATH=/bin", format!("TOKEN={SECRET}")], "Cmd": ["sh", "-c", "echo"], "Labels": {"a": "b"}},
        "history": [
            {"created_by": format!("RUN curl -H {}", sample("stripe-key"))},
            {"created_by": "CMD [\"sh\"]", "empty_layer": true},
        ],
    });
    for whole in forms(&layers, &config(&layers, &more)) {
        let contents = read(&whole).unwrap();
        let found: Vec<(String, String)> = contents.config_leaks().into_iter().collect();
        let expected = [("config.Env[1]", "the secret `TOKEN`"), ("history[0].created_by", "a Stripe key")];
        assert_eq!(found, expected.map(|(place, what)| (place.to_owned(), what.to_owned())));
        assert_eq!(contents.instruction(0), None, "an instruction with a secret is not shown");
    }
}

#[test]
fn a_container_sees_what_the_layers_leave() {
    let users = b"root:x:0:0::/root:/bin/sh\napp:x:1001:1001::/:/bin/sh\n";
    let layers = [
        archive(&[
            ("etc/passwd", users),
            ("a/", b""),
            ("a/b", b""),
            ("a/c/d", b""),
            ("e/f", b""),
            ("g/h", b""),
            ("i", b""),
        ]),
        archive(&[
            ("a/", b""),
            ("a/.wh..wh..opq", b""),
            ("a/new", b""),
            (".wh.e", b""),
            ("g", b"now a file"),
            ("./i/j", b""),
        ]),
    ];
    for whole in forms(&layers, &config(&layers, &json!({}))) {
        let contents = read(&whole).unwrap();
        let all = globset::Glob::new("**").unwrap().compile_matcher();
        let paths: Vec<&str> = contents.files().matching(&all).collect();
        assert_eq!(paths, ["a", "a/new", "etc/passwd", "g", "i", "i/j"]);
        assert_eq!(
            (contents.uid_of("app"), contents.uid_of("root"), contents.uid_of("x")),
            (Some(1001), Some(0), None)
        );
    }
}

#[test]
fn equal_and_empty_layers_are_layers() {
    let (one, empty) = (archive(&[("a", SECRET.as_bytes())]), archive(&[]));
    let layers = [one.clone(), empty, one];
    for whole in forms(&layers, &config(&layers, &json!({}))) {
        let contents = read(&whole).unwrap();
        let found: Vec<(usize, bool)> = contents.leaks().iter().map(|leak| (leak.layer, leak.hidden)).collect();
        assert_eq!(found, [(0, true), (2, false)]);
    }
}

#[test]
fn what_can_not_be_read_is_no_success() {
    let layers = [archive(&[("a", b"x")])];
    let whole = legacy(&layers, &config(&layers, &json!({})));
    let failure = read(&whole[..whole.len() / 2]).unwrap_err();
    assert!(failure.to_string().contains("archive"), "{failure}");
    let zstd = layout(&layers, &config(&layers, &json!({})), |_| vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]);
    assert!(read(&zstd).unwrap_err().to_string().contains("zstd"));
    let lacking =
        archive(&[("c.json", b"{}"), ("manifest.json", br#"[{"Config": "c.json", "Layers": ["x/layer.tar"]}]"#)]);
    assert!(read(&lacking).unwrap_err().to_string().contains("lacks the layer `x/layer.tar`"));
    assert!(read(&archive(&[("a", b"b")])).unwrap_err().to_string().contains("no `manifest.json`"));
    // Nothing of a layer that is cut off is believed.
    let cut = gzip(&archive(&[("a", &[7; 5000])]));
    let name = blob(&digest(&cut));
    let manifest = json!([{"Config": "c.json", "Layers": [name]}]).to_string();
    let cut = archive(&[(&name, &cut[..cut.len() - 20]), ("c.json", b"{}"), ("manifest.json", manifest.as_bytes())]);
    assert!(read(&cut).is_err());
}
