//! Web servers with one response: [`Server`] until it is stopped, [`listen`] for ever.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A web server on a port of its own.
pub(crate) struct Server {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    requests: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// One that answers `alive`.
    pub(crate) fn start() -> Self {
        Self::answering("alive")
    }

    pub(crate) fn answering(body: &str) -> Self {
        Self::answering_after(body, Duration::ZERO)
    }

    /// One that takes this long for each response.
    pub(crate) fn answering_after(body: &str, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stopping, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        let (stop, seen) = (Arc::clone(&stopping), Arc::clone(&requests));
        let thread = std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let mut request = vec![0; 4096];
                let n = stream.read(&mut request).unwrap();
                let method = String::from_utf8_lossy(&request[..n]).split(' ').next().unwrap().to_owned();
                seen.lock().unwrap().push(method);
                std::thread::sleep(delay);
                stream.write_all(response.as_bytes()).unwrap();
            }
        });
        Self { address, stopping, requests, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The methods of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Ends it: from now on nothing listens on its port.
    pub(crate) fn stop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // Wakes it.
            drop(TcpStream::connect(self.address));
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the port of a server with one response to each request. Without an answer nothing listens there.
pub(crate) fn listen(answer: Option<(u16, String)>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let Some((status, body)) = answer else { return port };
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = vec![0; 4096];
            let _n = stream.read(&mut request).unwrap_or(0);
            let length = body.len();
            let reply = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            drop(stream.write_all(reply.as_bytes()));
        }
    });
    port
}
