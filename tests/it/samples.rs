//! The repositories of tests/samples, each in a sandbox of its own, with helm and kubectl as they were recorded.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::sandbox::Sandbox;

/// Prints what helm or kubectl has printed when it was recorded, found by program, arguments and standard input. With
/// `PROVISION_RECORD_SAMPLES=1` the real programs are run and recorded: they have to be in `PATH`.
const REPLAY: &str = r#"#!/bin/sh
name=$(basename "$0")
input=$(cat)
line=$(printf '%s' "$*" | sed -e "s|$SAMPLE_ROOT|.|g" -e 's|/[^ ]*/\.tmp[^/ ]*|/copy|g')
key=$(printf '%s %s\n%s' "$name" "$line" "$input" | cksum | cut -d' ' -f1)
record=$SAMPLE_RECORDS/$name-$key
if [ ! -f "$record" ] && [ -n "$SAMPLE_PATH" ]; then
  mkdir -p "$SAMPLE_RECORDS"
  out=$(printf '%s' "$input" | PATH=$SAMPLE_PATH "$name" "$@" 2>"$record.err") && code=0 || code=$?
  if [ "$code" = 0 ]; then printf '%s\n%s\n' "$code" "$out"; else printf '%s\n' "$code"; sed "s|$SAMPLE_ROOT|.|g" "$record.err"; fi >"$record"
  rm "$record.err"
fi
if [ ! -f "$record" ]; then echo "Error: no record of $name $line" >&2; exit 97; fi
read -r code <"$record"
if [ "$code" = 0 ]; then tail -n +2 "$record"; else tail -n +2 "$record" >&2; fi
exit "$code"
"#;

/// Where they are.
pub(crate) fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

/// A sandbox with the sample `name` in a folder of this name, and no `pipeline.toml`.
pub(crate) fn sample(name: &str) -> Sandbox {
    let mut sandbox = Sandbox::new("");
    fs::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let from = samples().join(name);
    for entry in walkdir::WalkDir::new(&from) {
        let entry = entry.unwrap();
        let to = sandbox.path(name).join(entry.path().strip_prefix(&from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
    for program in ["helm", "kubectl"] {
        let path = sandbox.path("bin").join(program);
        fs::write(&path, REPLAY).unwrap();
        fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let records = samples().join("recorded").join(name);
    let root = fs::canonicalize(sandbox.path(name)).unwrap();
    sandbox.env("SAMPLE_RECORDS", &records.display().to_string()).env("SAMPLE_ROOT", &root.display().to_string());
    if std::env::var_os("PROVISION_RECORD_SAMPLES").is_some() {
        sandbox.env("SAMPLE_PATH", &std::env::var("PATH").unwrap());
    }
    sandbox
}
