//! Local TCP ports: taking one, and saying who holds it when it is taken.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use tokio::net::TcpListener;

use super::procfs;
use crate::error::{Failure, ids};

/// The tables of all TCP sockets.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// How long a connection to a port of this machine may take.
const CONNECT: Duration = Duration::from_millis(200);

/// Who listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

/// Listens on the loopback address: on `port`, or on a free one. When somebody else holds it the failure says who.
pub async fn listen(port: Option<u16>) -> Result<TcpListener, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    let error = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let failure = Failure::failed(format!("can't listen on {address}"));
    if error.kind() != io::ErrorKind::AddrInUse {
        return Err(failure.source(&error));
    }
    let failure = failure.with_id(ids::PORT_TAKEN);
    Err(match holder(address.port()) {
        Some(Holder { pid, command }) => failure.cause(format!("process {pid} listens there: {command}")).hint(
            format!("stop it (`kill {pid}`), or choose another port, or leave `local-port` out to get a free one"),
        ),
        None => failure.cause("something listens there already").hint(format!(
            "see what it is (`lsof -nP -iTCP:{} -sTCP:LISTEN`), or leave `local-port` out to get a free one",
            address.port()
        )),
    })
}

/// Whether something listens on `port` of this machine, on any of its addresses. Listens nowhere itself.
pub fn is_taken(port: u16) -> bool {
    let tables: Vec<String> = TABLES.iter().filter_map(|table| fs::read_to_string(table).ok()).collect();
    if tables.is_empty() {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        return std::net::TcpStream::connect_timeout(&here, CONNECT).is_ok();
    }
    tables.iter().any(|table| !listening_inodes(table, port).is_empty())
}

/// Who listens on `port` of this machine, where that can be seen: on Linux, and of one's own processes alone unless one
/// is root.
pub fn holder(port: u16) -> Option<Holder> {
    let inodes: Vec<String> = TABLES
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    procfs::pids().find_map(|pid| {
        let path = PathBuf::from(format!("/proc/{pid}"));
        has_socket(&path, &inodes).then(|| Holder { pid, command: command_line(&path) })
    })
}

fn has_socket(process: &Path, inodes: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors.flatten().any(|entry| {
        fs::read_link(entry.path()).is_ok_and(|target| {
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            inode.is_some_and(|inode| inodes.iter().any(|one| one == inode))
        })
    })
}

/// A process's command line, cut to a readable length.
fn command_line(process: &Path) -> String {
    let bytes = fs::read(process.join("cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    text.trim().chars().take(200).collect()
}

/// The inodes of the sockets that listen on `port`, from `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let local = columns.get(1)?.rsplit_once(':')?.1;
            let same = u16::from_str_radix(local, 16).ok()? == port;
            (same && *columns.get(3)? == LISTEN).then(|| (*columns.get(9)?).to_owned().into())?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 4711 1\n\
            \x20  1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000  0  0 4712 1\n\
            \x20  2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 4713 1\n";
        assert_eq!(listening_inodes(table, 8080), ["4711"]);
        assert!(listening_inodes(table, 81).is_empty());
        assert!(listening_inodes("nonsense\nx", 80).is_empty());
    }

    #[tokio::test]
    async fn a_port_in_use_names_its_holder() {
        let first = listen(None).await.unwrap();
        let port = first.local_addr().unwrap().port();
        assert!(is_taken(port));
        let failure = listen(Some(port)).await.unwrap_err();
        // By its program: another test's child has the socket too, from its fork until its exec.
        let program = std::env::current_exe().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert!(cfg!(not(target_os = "linux")) || failure.to_string().contains(&program), "{failure}");
        assert!(!failure.hints.is_empty());
    }
}
