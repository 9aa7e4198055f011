//! For tests: a host that keeps what it gets, and programs that are shell scripts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::process::{Cancel, ChildRegistry, Command, ProcessObserver};

/// Keeps what is shown.
#[derive(Default)]
pub(crate) struct FakeHost {
    shown: Mutex<Vec<u8>>,
    warnings: Mutex<Vec<String>>,
    cancel: Cancel,
    children: Arc<ChildRegistry>,
}

impl FakeHost {
    /// All that was shown.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8(self.shown.lock().unwrap().clone()).unwrap()
    }

    /// All that was warned of.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap().clone()
    }
}

impl ProcessObserver for FakeHost {
    fn output(&self, bytes: &[u8]) {
        self.shown.lock().unwrap().extend_from_slice(bytes);
    }
    fn started(&self, _pid: u32) {}
    fn ended(&self, _pid: u32) {}
    fn cancel(&self) -> &Cancel {
        &self.cancel
    }
    fn children(&self) -> &Arc<ChildRegistry> {
        &self.children
    }
    fn warned(&self, warning: &str) {
        self.warnings.lock().unwrap().push(warning.to_owned());
    }
}

/// Makes the program `name` in `folder`. Another process writes the file: were it open here while another test starts
/// a child, running it would fail as busy.
pub(crate) async fn fake_program(folder: &Path, name: &str, script: &str) -> PathBuf {
    let path = folder.join(name);
    Command::new("/bin/sh")
        .args(["-c", r#"cat > "$0" && chmod 755 "$0""#])
        .arg(&path)
        .stdin(format!("#!/bin/sh\n{script}\n").into_bytes())
        .check(&FakeHost::default())
        .await
        .unwrap();
    path
}
