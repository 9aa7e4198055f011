//! [`Daemon`]: a Docker daemon that only knows the names of images.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

const VERSION: &str =
    r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}"#;

/// The id of every image that it builds.
pub(crate) const ID: &str = "sha256:aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeeeffff";

/// Listens on a socket until the test ends.
pub(crate) struct Daemon {
    images: Arc<Mutex<BTreeMap<String, String>>>,
    /// Gets each name that a build has given, before the build is answered.
    named: Receiver<String>,
    holds_builds: Arc<AtomicBool>,
}

impl Daemon {
    /// Listens on `socket`.
    pub(crate) fn listen(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let images = Arc::new(Mutex::new(BTreeMap::new()));
        let (sender, named) = channel();
        let holds_builds = Arc::new(AtomicBool::new(false));
        let (shared, holds) = (Arc::clone(&images), Arc::clone(&holds_builds));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (images, sender, holds) = (Arc::clone(&shared), sender.clone(), Arc::clone(&holds));
                std::thread::spawn(move || serve(stream, &images, &sender, &holds));
            }
        });
        Self { images, named, holds_builds }
    }

    /// Whether builds get no response any more once their image has its name.
    pub(crate) fn hold_builds(&self, hold: bool) {
        self.holds_builds.store(hold, Ordering::SeqCst);
    }

    /// Waits until a build has given an image a name.
    pub(crate) fn next_named(&self) -> String {
        self.named.recv().unwrap()
    }

    /// Gives an image a name, as a program of somebody else does.
    pub(crate) fn name(&self, name: &str) {
        self.images.lock().unwrap().insert(name.to_owned(), ID.to_owned());
    }

    /// The names of all images.
    pub(crate) fn names(&self) -> Vec<String> {
        self.images.lock().unwrap().keys().cloned().collect()
    }
}

fn serve(stream: UnixStream, images: &Mutex<BTreeMap<String, String>>, named: &Sender<String>, holds: &AtomicBool) {
    let mut reader = BufReader::new(stream);
    let Some((line, chunked)) = head(&mut reader) else { return };
    if chunked {
        skip_chunks(&mut reader);
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let value = |name: &str| {
        let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        decoded(found.unwrap_or_default())
    };
    let image = decoded(path.strip_prefix("/images/").unwrap_or_default());
    let (status, body) = match (method, path) {
        (_, "/version") => (200, VERSION.to_owned()),
        (_, "/_ping") => (200, "OK".to_owned()),
        (_, "/build") => {
            let name = value("t");
            images.lock().unwrap().insert(name.clone(), ID.to_owned());
            drop(named.send(name));
            if holds.load(Ordering::SeqCst) {
                // Until the client is gone.
                drop(reader.read_line(&mut String::new()));
                return;
            }
            (200, format!("{{\"id\":\"moby.image.id\",\"aux\":{{\"ID\":\"{ID}\"}}}}\r\n"))
        }
        ("GET", "/images/json") => {
            let named: Vec<String> =
                images.lock().unwrap().keys().map(|name| summary(&format!("[\"{name}\"]"))).collect();
            // An image without a name is listed too.
            (200, format!("[{},{}]", named.join(","), summary("null")).replace("[,", "["))
        }
        ("POST", _) if path.ends_with("/tag") => {
            let name = format!("{}:{}", value("repo"), value("tag"));
            images.lock().unwrap().insert(name, ID.to_owned());
            (201, String::new())
        }
        ("DELETE", _) if images.lock().unwrap().remove(&image).is_some() => (200, "[]".to_owned()),
        ("GET", _) => match images.lock().unwrap().get(image.trim_end_matches("/json")) {
            Some(id) => (200, format!("{{\"Id\":\"{id}\",\"Size\":5,\"Architecture\":\"amd64\"}}")),
            None => (404, "{\"message\":\"no such image\"}".to_owned()),
        },
        _ => (404, "{\"message\":\"page not found\"}".to_owned()),
    };
    let length = body.len();
    let response = format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    // A client that was killed takes nothing.
    drop(reader.get_mut().write_all(response.as_bytes()));
}

fn summary(tags: &str) -> String {
    format!(
        "{{\"Id\":\"{ID}\",\"ParentId\":\"\",\"RepoTags\":{tags},\"RepoDigests\":null,\"Created\":0,\"Size\":5,\"SharedSize\":-1,\"Labels\":null,\"Containers\":-1}}"
    )
}

/// The request line, and whether a body in chunks follows.
fn head(reader: &mut impl BufRead) -> Option<(String, bool)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut chunked = false;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|n| *n > 0)?;
        if header == "\r\n" {
            return Some((line, chunked));
        }
        chunked |= header.to_ascii_lowercase().starts_with("transfer-encoding: chunked");
    }
}

fn skip_chunks(reader: &mut impl BufRead) {
    loop {
        let mut size = String::new();
        if reader.read_line(&mut size).unwrap_or(0) == 0 {
            return;
        }
        let n = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = vec![0; n + 2];
        if reader.read_exact(&mut chunk).is_err() || n == 0 {
            return;
        }
    }
}

/// Without percent encoding.
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}
