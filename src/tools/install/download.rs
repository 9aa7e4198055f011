//! [`Download`]: a file of a server that is known by its SHA-256. Nothing takes its place before the digest is right.

use std::fmt;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use flate2::read::GzDecoder;
use fs_err as fs;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Context, Failure, ids};
use crate::tools::http;
use crate::tools::process::Cancel;
use crate::tools::waiting;

/// Most that is read.
const MAX: u64 = 2 << 30;

/// A connection with no progress at all ends after this time.
const CONNECT: Duration = Duration::from_secs(30);

/// The architectures for which there may be files.
const ARCHITECTURES: &[&str] = &["x86_64", "aarch64"];

/// A file of a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Download {
    /// Its URL: a program, or an archive `.tar.gz` or `.tgz`.
    url: String,
    /// The SHA-256 of what the URL has, in hexadecimal.
    sha256: String,
    /// The program's path in the archive.
    member: Option<String>,
    /// The architecture that it is for, `x86_64` or `aarch64`; any by default.
    arch: Option<String>,
}

impl fmt::Display for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.member {
            Some(member) => write!(f, "{member} of {}", self.url)?,
            None => f.write_str(&self.url)?,
        }
        write!(f, " (SHA-256 {})", self.sha256)
    }
}

impl Download {
    pub(super) fn validate(&self) -> Result<(), String> {
        http::check_url("install: url", &self.url)?;
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("`install`: `sha256` can't be `{}`: it has 64 hexadecimal digits", self.sha256));
        }
        if let Some(arch) = self.arch.as_ref().filter(|arch| !ARCHITECTURES.contains(&arch.as_str())) {
            return Err(format!("`install`: `arch` can't be `{arch}`: it is one of {}", ARCHITECTURES.join(", ")));
        }
        match (&self.member, self.is_archive()) {
            (Some(_), true) | (None, false) => Ok(()),
            (None, true) => Err("`install`: `member` names the program's path in the archive".into()),
            (Some(_), false) => Err("`install`: `member` is for a URL that ends in `.tar.gz` or `.tgz`".into()),
        }
    }

    /// Fails with the reason if it is for another machine.
    pub(super) fn fits(&self, arch: &str) -> Result<(), String> {
        match &self.arch {
            Some(wanted) if wanted != arch => Err(format!("{} is for {wanted}, and this machine is {arch}", self.url)),
            _ => Ok(()),
        }
    }

    fn is_archive(&self) -> bool {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        [".tar.gz", ".tgz"].iter().any(|end| path.ends_with(end))
    }

    /// Puts it at `path`, executable. Until the digest is right, what is read has no name in the file system, so that
    /// nothing is left of a download that fails or is killed.
    pub(super) async fn fetch(&self, path: &Path, cancel: &Cancel) -> Result<(), Failure> {
        let (download, path, cancel) = (self.clone(), path.to_owned(), cancel.clone());
        waiting(move || download.fetch_now(&path, &cancel)).await
    }

    fn fetch_now(&self, path: &Path, cancel: &Cancel) -> Result<(), Failure> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let placing = || format!("putting {} into {}", self.url, folder.display());
        fs::create_dir_all(folder).context(placing)?;
        let mut file = tempfile::tempfile_in(folder).context(placing)?;
        let found = self.read_into(&mut file, cancel)?;
        if !found.eq_ignore_ascii_case(&self.sha256) {
            return Err(Failure::of(ids::INSTALL_FAILED, format!("{} is not what the pipeline declares", self.url))
                .cause(format!("its SHA-256 is {found}, and {} was expected; nothing was installed", self.sha256))
                .hint("compare the digest with the one that the program's makers publish, and correct `sha256`"));
        }
        file.rewind().context(placing)?;
        let mut new = tempfile::NamedTempFile::new_in(folder).context(placing)?;
        match &self.member {
            None => drop(io::copy(&mut file, new.as_file_mut()).context(placing)?),
            Some(member) => self.unpack(file, member, new.as_file_mut())?,
        }
        new.as_file().set_permissions(std::fs::Permissions::from_mode(0o755)).context(placing)?;
        new.as_file().sync_all().context(placing)?;
        new.persist(path).map_err(|error| error.error).context(placing)?;
        Ok(())
    }

    /// Writes what the server has into `file`. Returns its SHA-256.
    fn read_into(&self, file: &mut std::fs::File, cancel: &Cancel) -> Result<String, Failure> {
        let failed = || format!("downloading {}", self.url);
        let mut body = http::open(&self.url, CONNECT, MAX)?;
        let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            if cancel.is_cancelled() {
                return Err(Failure::interrupted(failed()));
            }
            let n = body.read(&mut buffer).context(failed)?;
            if n == 0 {
                break;
            }
            digest.update(&buffer[..n]);
            file.write_all(&buffer[..n]).context(failed)?;
        }
        Ok(digest.finalize().iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}")))
    }

    /// Writes the archive's file `member` into `to`.
    fn unpack(&self, archive: std::fs::File, member: &str, to: &mut std::fs::File) -> Result<(), Failure> {
        let reading = || format!("reading the archive {}", self.url);
        let wanted = Path::new(member);
        let mut archive = tar::Archive::new(GzDecoder::new(archive));
        for entry in archive.entries().context(reading)? {
            let mut entry = entry.context(reading)?;
            let name = entry.path().context(reading)?.into_owned();
            if entry.header().entry_type().is_file() && name.strip_prefix("./").unwrap_or(&name) == wanted {
                io::copy(&mut entry, to).context(reading)?;
                return Ok(());
            }
        }
        Err(Failure::of(ids::INSTALL_FAILED, format!("the archive {} has no file `{member}`", self.url))
            .hint("`tar -tzf FILE` lists what an archive has: correct `member`"))
    }
}
