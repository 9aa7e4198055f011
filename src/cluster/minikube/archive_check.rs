//! [`ArchiveCheck`]: whether an archive of etcd's data is whole.
//!
//! The daemon skips a file that it can't read and ends the archive as if nothing had happened. So an archive without
//! foreign objects proves that there are none only if the files that would have them are in it, up to its end.

/// How a tar archive ends: two blocks of zeros.
const END_ZEROS: usize = 1024;

/// The folder that etcd creates first, the file with its objects, and the ending of the files with its last changes.
const MEMBER: &[u8] = b"member/";
const DATABASE: &[u8] = b"snap/db";
const LOG: &[u8] = b".wal";

/// What an archive has shown so far.
#[derive(Debug, Default)]
pub(super) struct ArchiveCheck {
    /// The end of what was seen, in which a name may begin.
    tail: Vec<u8>,
    n_zeros_at_end: usize,
    has_member: bool,
    has_database: bool,
    has_log: bool,
}

impl ArchiveCheck {
    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let n_zeros = piece.iter().rev().take_while(|byte| **byte == 0).count();
        self.n_zeros_at_end = if n_zeros == piece.len() { self.n_zeros_at_end + n_zeros } else { n_zeros };
        self.tail.extend_from_slice(piece);
        let has = |name: &[u8]| self.tail.windows(name.len()).any(|window| window == name);
        let (member, database, log) = (has(MEMBER), has(DATABASE), has(LOG));
        self.has_member |= member;
        self.has_database |= database;
        self.has_log |= log;
        let kept = self.tail.len().saturating_sub(DATABASE.len() - 1);
        self.tail.drain(..kept);
    }

    /// Returns why the archive does not show everything, if it does not.
    pub(super) fn missing(&self) -> Option<&'static str> {
        if self.n_zeros_at_end < END_ZEROS {
            return Some("reading its data ended early");
        }
        match (self.has_member, self.has_database, self.has_log) {
            (true, false, _) => Some("its database can't be read"),
            (true, _, false) => Some("the log of its last changes can't be read"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(names: &[&str]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for name in names {
            let mut header = tar::Header::new_gnu();
            let is_folder = name.ends_with('/');
            header.set_size(if is_folder { 0 } else { 3 });
            header.set_entry_type(if is_folder { tar::EntryType::Directory } else { tar::EntryType::Regular });
            header.set_cksum();
            archive.append_data(&mut header, name, if is_folder { &b""[..] } else { b"abc" }).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn missing(bytes: &[u8], piece: usize) -> Option<&'static str> {
        let mut check = ArchiveCheck::default();
        for piece in bytes.chunks(piece) {
            check.push(piece);
        }
        check.missing()
    }

    #[test]
    fn an_archive_shows_everything_only_with_its_files_and_its_end() {
        let (folder, database, log) = ("member/", "member/snap/db", "member/wal/0-0.wal");
        let whole = archive(&[folder, "member/snap/", database, log]);
        for piece in [1, 7, 512, usize::MAX] {
            assert_eq!(missing(&whole, piece), None, "{piece}");
            // etcd was never started.
            assert_eq!(missing(&archive(&["./"]), piece), None, "{piece}");
            assert!(missing(&archive(&[folder, log]), piece).is_some_and(|why| why.contains("database")), "{piece}");
            assert!(missing(&archive(&[folder, database]), piece).is_some_and(|why| why.contains("log")), "{piece}");
            assert!(missing(&archive(&[folder]), piece).is_some(), "{piece}");
            assert!(missing(&whole[..whole.len() - 1024], piece).is_some_and(|why| why.contains("early")), "{piece}");
        }
        assert!(missing(&[], 1).is_some());
    }
}
