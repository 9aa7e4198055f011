//! [`OwnKubeconfig`]: the kubeconfig of a cluster that we start, with its seal.
//!
//! Who writes this file decides where secrets are sent, and git replaces ignored files without a word: a repository can
//! put one into a state folder that was made here. So it counts only with a seal that nobody else can make. The program
//! that writes it works on a draft, under a name that nobody elsewhere knows; what it leaves there is sealed and then
//! takes the name, so that a step that runs at the same time finds a kubeconfig of ours at any moment, or none.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use fs_err as fs;
use kube::config::Kubeconfig;

use crate::error::{Failure, ids};
use crate::files::{open_own, read_own, read_own_text, remove_if_there, replace_file};
use crate::tools::machine::folder_identity;

/// What stands between the kubeconfig's name and the number of a draft.
const DRAFT: &str = ".draft";

/// No kubeconfig of ours is larger, in bytes.
const LIMIT: u64 = 1 << 20;

/// What the key is for: no other digest of the folder's identity is this key, and none gives it away.
const PURPOSE: &str = "provision 2026-11-27 seal of the kubeconfig of a cluster that provision starts";

/// The kubeconfig of a cluster that we start. It is ours if its seal fits.
///
/// Sealed is what leads to the cluster: the current context, and of our context all but its namespace. So a step may
/// choose a namespace in it, or add contexts of its own.
#[derive(Clone, Debug)]
pub struct OwnKubeconfig {
    file: PathBuf,
    context: String,
}

impl OwnKubeconfig {
    /// The one at `file`, for the kube context `context`.
    pub fn new(file: &Path, context: &str) -> Self {
        Self { file: file.to_owned(), context: context.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Fails if there is one that is not ours: no program may get it.
    pub fn check(&self) -> Result<(), Failure> {
        self.contents().map(drop)
    }

    fn contents(&self) -> Result<Option<Vec<u8>>, Failure> {
        match self.bytes() {
            Ok(bytes) if self.fits(&bytes) => Ok(Some(bytes)),
            Ok(_) => Err(self.foreign()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unusable().source(&error)),
        }
    }

    /// What is in it, ours or not.
    pub(super) fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        open_own(&self.file)?.file().take(LIMIT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LIMIT { Err(io::Error::other("it is too large for a kubeconfig")) } else { Ok(bytes) }
    }

    /// Returns what it says; `None` if there is none. Fails if it is not ours.
    pub(super) fn read(&self) -> Result<Option<Kubeconfig>, Failure> {
        let Some(bytes) = self.contents()? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|error| self.unusable().source(&error))?;
        Kubeconfig::from_yaml(&text).map(Some).map_err(|error| self.unusable().source(&error))
    }

    /// Returns a copy for a program that changes it. Fails if there is one that is not ours.
    pub fn draft(&self) -> Result<Draft<'_>, Failure> {
        // What was checked is what is copied: the file may be replaced meanwhile.
        let ours = self.contents()?;
        let begin = || -> io::Result<PathBuf> {
            // Of a run that was killed.
            self.drafts()?.iter().try_for_each(fs::remove_file)?;
            // The same each time: minikube leaves a lock file in the temporary folder for each path that it writes.
            let number = blake3::keyed_hash(&self.key()?, b"draft").to_hex();
            let file = PathBuf::from(format!("{}{DRAFT}-{}", self.file.display(), &number[..16]));
            ours.iter().try_for_each(|bytes| replace_file(&file, bytes))?;
            Ok(file)
        };
        let file = begin().map_err(|error| self.state_unusable("copy").source(&error))?;
        Ok(Draft { of: self, file })
    }

    /// Removes it, with the drafts of killed runs: the cluster is gone.
    pub fn remove(&self) -> io::Result<()> {
        self.drafts()?.iter().chain([&self.file]).try_for_each(|file| remove_if_there(file).map(drop))
    }

    /// Whether it has our context, or may have it: one that is not ours, or can't be read. So may the draft of a run
    /// that was killed before it was ours.
    pub(super) fn may_know_context(&self) -> bool {
        let has = |config: Kubeconfig| config.contexts.iter().any(|named| named.name == self.context);
        let draft_has = |text: String| Kubeconfig::from_yaml(&text).map_or(true, has);
        let drafts = self.drafts().map(|drafts| drafts.iter().any(|file| read_own_text(file).map_or(true, draft_has)));
        drafts.unwrap_or(true) || self.read().map_or(true, |config| config.is_some_and(has))
    }

    fn drafts(&self) -> io::Result<Vec<PathBuf>> {
        let (Some(folder), Some(name)) = (self.file.parent(), self.file.file_name()) else { return Ok(Vec::new()) };
        let begin = format!("{}{DRAFT}-", name.display());
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        // A folder of that name is nobody's draft, and what is in it stays.
        let is_draft = |entry: &fs::DirEntry| {
            entry.file_name().display().to_string().starts_with(&begin) && !is_folder(&entry.path())
        };
        let drafts = entries.filter(|entry| entry.as_ref().map_or(true, is_draft));
        drafts.map(|entry| entry.map(|entry| entry.path())).collect()
    }

    /// Keeps one that is not ours under another name, also what is no file: a link, a folder. Returns what a person
    /// should know; `None` if there is none.
    pub fn set_aside(&self) -> Result<Option<String>, Failure> {
        if self.check().is_ok() {
            return Ok(None);
        }
        let kept = self.keep(&self.file).map_err(|error| self.state_unusable("set aside").source(&error))?;
        Ok(Some(format!(
            "the kubeconfig was not made here, or another program has changed it, as if `git pull` had put it here: it \
             is kept as `{}`, and the step that starts the cluster makes it again",
            kept.display()
        )))
    }

    /// Gives something that stands where a file of ours belongs a name under which it is in nobody's way.
    fn keep(&self, path: &Path) -> io::Result<PathBuf> {
        let mut seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut kept = self.file.with_extension(format!("foreign-{seconds}"));
        while kept.symlink_metadata().is_ok() {
            seconds += 1;
            kept = self.file.with_extension(format!("foreign-{seconds}"));
        }
        fs::rename(path, &kept).map(|()| kept)
    }

    fn fits(&self, bytes: &[u8]) -> bool {
        let is_sealed = |seal| self.seals().contains(&seal);
        leads_nowhere(bytes) || self.seal_of(bytes).is_ok_and(is_sealed)
    }

    /// The seals that were made last, the newest first.
    fn seals(&self) -> Vec<blake3::Hash> {
        let text = read_own_text(&self.seal_file()).unwrap_or_default();
        text.lines().filter_map(|line| blake3::Hash::from_hex(line).ok()).collect()
    }

    /// Seals `bytes`, which take the place of what is sealed now: until they do, that is ours as well.
    fn seal(&self, bytes: &[u8]) -> io::Result<()> {
        let (seal, known) = (self.seal_of(bytes)?, self.seals());
        if known.first() == Some(&seal) {
            return Ok(());
        }
        let seal_file = self.seal_file();
        for path in [seal_file.with_extension("seal.new"), seal_file] {
            if is_folder(&path) {
                self.keep(&path)?;
            }
        }
        let lines = [seal].into_iter().chain(known.into_iter().take(1)).map(|seal| format!("{}\n", seal.to_hex()));
        replace_file(&self.seal_file(), lines.collect::<String>().as_bytes())
    }

    fn seal_of(&self, bytes: &[u8]) -> io::Result<blake3::Hash> {
        Ok(blake3::keyed_hash(&self.key()?, &sealed_part(bytes, &self.context)))
    }

    /// What nobody elsewhere knows.
    fn key(&self) -> io::Result<[u8; blake3::KEY_LEN]> {
        let folder = self.file.parent().ok_or_else(|| io::Error::other("it is in no folder"))?;
        let identity = folder_identity(&fs::symlink_metadata(folder)?);
        Ok(blake3::derive_key(PURPOSE, identity.as_bytes()))
    }

    fn seal_file(&self) -> PathBuf {
        self.file.with_extension("seal")
    }

    fn unusable(&self) -> Failure {
        Failure::of(ids::KUBECONFIG_UNUSABLE, format!("can't use the kubeconfig {}", self.file.display()))
    }

    fn state_unusable(&self, what: &str) -> Failure {
        Failure::of(ids::STATE_UNUSABLE, format!("can't {what} the kubeconfig `{}`", self.file.display()))
    }

    fn foreign(&self) -> Failure {
        let message = format!("`{}` was not made here, and nobody is connected to where it leads", self.file.display());
        Failure::of(ids::STATE_FOREIGN, message)
            .cause(
                "it has no seal that fits: `git pull` may have put it here, if it was committed; or another program \
                 has changed it, or it is of an earlier version",
            )
            .hint("`provision up` keeps it as `.provision/kubeconfig.foreign-…` and makes it again")
            .hint("if it is committed, remove it from the repository: `git rm --cached -r .provision`")
    }
}

/// A kubeconfig that a program changes, beside the one that steps read.
#[derive(Debug)]
pub struct Draft<'a> {
    of: &'a OwnKubeconfig,
    file: PathBuf,
}

impl Draft<'_> {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Has it take the place of the one that it is a draft of, once the program has ended, however it ended. What a
    /// program that was stopped has left half written does not. One that has become foreign meanwhile is set aside.
    pub fn adopt(self) -> Result<(), Failure> {
        let adopt = || match read_own(&self.file) {
            Ok(bytes) if parse(&bytes).is_none() => fs::remove_file(&self.file),
            Ok(bytes) => self.of.seal(&bytes).and_then(|()| fs::rename(&self.file, &self.of.file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        self.of.set_aside()?;
        adopt().map_err(|error| self.of.state_unusable("replace").source(&error))
    }
}

/// Whether a folder stands there, and no link to one.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

fn parse(bytes: &[u8]) -> Option<Kubeconfig> {
    Kubeconfig::from_yaml(std::str::from_utf8(bytes).ok()?).ok()
}

/// Whether every program reads a kubeconfig alike. Of several documents they read one, or all. YAML 1.1 has more line
/// breaks than YAML 1.2: what is a comment to one program is not to another. Aliases and tags are read in several ways.
fn is_plain(bytes: &[u8]) -> bool {
    let odd = |c: char| (c.is_control() && c != '\n') || "\u{2028}\u{2029}\u{feff}&*!".contains(c);
    let divides = |line: &str| ["---", "...", "%"].iter().any(|begin| line.starts_with(begin));
    let is_plain = |text: &str| !text.contains(odd) && !text.contains("<<") && !text.lines().any(divides);
    std::str::from_utf8(bytes).is_ok_and(is_plain)
}

/// Whether no program can reach anything with a kubeconfig, however it reads it: each line is one that minikube leaves
/// when it stops the only cluster.
fn leads_nowhere(bytes: &[u8]) -> bool {
    let is_known = |line: &str| match line.split_once(": ").unwrap_or((line, "")) {
        ("", "") | ("apiVersion", "v1") | ("kind", "Config") | ("preferences", "{}") | ("current-context", "\"\"") => {
            true
        }
        ("clusters" | "contexts" | "users", what) => matches!(what, "null" | "[]"),
        _ => false,
    };
    std::str::from_utf8(bytes).is_ok_and(|text| text.split('\n').all(is_known))
}

/// What is sealed of a kubeconfig: what leads to the cluster of `context`; all of it, where that is not known, or not
/// to every program.
fn sealed_part(bytes: &[u8], context: &str) -> Vec<u8> {
    leads_to(bytes, context).unwrap_or_else(|| [b"whole\0", bytes].concat())
}

fn leads_to(bytes: &[u8], context: &str) -> Option<Vec<u8>> {
    let mut config = is_plain(bytes).then(|| parse(bytes))??;
    config.contexts.retain(|named| named.name == context);
    let (clusters, users): (Vec<_>, Vec<_>) = config
        .contexts
        .iter_mut()
        .filter_map(|named| named.context.as_mut())
        .map(|context| {
            context.namespace = None;
            (context.cluster.clone(), context.user.clone())
        })
        .unzip();
    config.clusters.retain(|named| clusters.contains(&named.name));
    config.auth_infos.retain(|named| users.contains(&Some(named.name.clone())));
    if config.contexts.is_empty() {
        return None;
    }
    // Through a value, whose keys are in order.
    let part = serde_json::to_value(&config).ok()?.to_string();
    Some([b"part\0", part.as_bytes()].concat())
}

#[cfg(test)]
mod tests;
