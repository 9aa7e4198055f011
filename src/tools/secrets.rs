//! The declared secrets. Values are read when they are needed, registered for masking, and never kept on disk.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;

use crate::error::{Context, Failure, FailureKind, ids};
use crate::files::read_own;
use crate::fingerprint::Digest;
use crate::model::{SecretPart, StepId, split_secret_refs};
use crate::redact::{MIN_CERTAIN, Redactor};
use crate::tools::machine::folder_identity;

/// The file below `.provision` that keys the digests of secrets.
const KEY_FILE: &str = "secret-key";

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable of ours.
    Env {
        /// Its name.
        variable: String,
        /// Whether it may be missing; then the secret is the empty text.
        optional: bool,
    },
    /// Made once, where it is first needed, and from then on kept only there: `n` random bytes as hexadecimal digits.
    Generate {
        /// How many bytes.
        bytes: usize,
    },
}

/// The declared secrets by name.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    sources: BTreeMap<String, SecretSource>,
    variables: Arc<[String]>,
    file: EnvFile,
    folder: Option<PathBuf>,
    redactor: Redactor,
}

/// The file with variables that a project usually has, if it has one.
const USUAL_FILE: &str = ".env";

/// The variables of a file that the pipeline names. They are in nobody's environment, and never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvFile {
    /// The file's name; empty without one.
    name: Arc<str>,
    variables: Arc<BTreeMap<String, String>>,
}

impl EnvFile {
    /// Those of the file `name`.
    pub fn new(name: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { name: name.into(), variables: Arc::new(variables.into_iter().collect()) }
    }

    /// The environment `over` with what the file has besides.
    pub fn below(&self, over: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = (*self.variables).clone();
        all.extend(over.iter().map(|(name, value)| (name.clone(), value.clone())));
        all
    }
}

impl std::fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EnvFile").field(&self.name).finish_non_exhaustive()
    }
}

/// A secret's value, which is never shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// Wraps a value; `redactor` masks it from now on.
    pub fn new(value: String, redactor: &Redactor) -> Self {
        redactor.register(&value);
        Self(value)
    }

    /// The value itself. Only for what carries it to where it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is too long to stand somewhere by chance.
    fn is_certain(&self) -> bool {
        self.0.len() >= MIN_CERTAIN
    }
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Secrets {
    /// The declared secrets.
    pub fn new(sources: BTreeMap<String, SecretSource>, redactor: Redactor) -> Self {
        let variables = sources.values().filter_map(|source| match source {
            SecretSource::Env { variable, .. } => Some(variable.clone()),
            SecretSource::Generate { .. } => None,
        });
        Self { variables: variables.collect(), sources, file: EnvFile::default(), folder: None, redactor }
    }

    /// With the variables of a file, for those that the environment lacks.
    pub fn with_file(self, file: EnvFile) -> Self {
        Self { file, ..self }
    }

    /// With the folder of the pipeline's file, where one with variables may be that it does not name.
    pub fn beside(self, folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), ..self }
    }

    /// Also withholds the variables of our own among `names` whose value has that of a declared secret.
    pub fn withholding(mut self, names: impl Iterator<Item = String>) -> Self {
        let values: Vec<SecretValue> = self.known().into_iter().map(|(_, value)| value).collect();
        let has_one = |name: &String| {
            let value = std::env::var(name).unwrap_or_default();
            values.iter().any(|secret| secret.is_certain() && value.contains(secret.expose()))
        };
        let more = names.filter(has_one);
        self.variables = self.variables.iter().cloned().chain(more).collect();
        self
    }

    /// The value of a variable: that of our environment, else that of the file.
    fn read(&self, variable: &str) -> Option<String> {
        let of_environment = std::env::var(variable).ok().filter(|value| !value.is_empty());
        of_environment.or_else(|| self.file.variables.get(variable).filter(|value| !value.is_empty()).cloned())
    }

    /// The variables of our environment that hold declared secrets: a child gets only those that its step declares.
    pub fn variables(&self) -> &Arc<[String]> {
        &self.variables
    }

    /// Whether some are generated, and so known only from where they are kept.
    pub fn has_generated(&self) -> bool {
        self.sources.values().any(|source| matches!(source, SecretSource::Generate { .. }))
    }

    /// Where `name` comes from.
    pub fn source(&self, name: &str) -> Option<&SecretSource> {
        self.sources.get(name)
    }

    /// The secrets whose values are known here and now, those of the environment: name and value of each.
    pub fn known(&self) -> Vec<(String, SecretValue)> {
        let value = |name: &String| self.value(name).ok().flatten().filter(|value| !value.expose().is_empty());
        self.sources.keys().filter_map(|name| Some((name.clone(), value(name)?))).collect()
    }

    /// Registers every value that the environment has, so that it is masked from the first line on. Returns the
    /// names of those that are too short to be masked.
    pub fn register_all(&self) -> Vec<String> {
        let mut unmasked = Vec::new();
        for (name, source) in &self.sources {
            if let SecretSource::Env { variable, .. } = source
                && let Some(value) = self.read(variable)
                && !self.redactor.register(&value)
            {
                unmasked.push(name.clone());
            }
        }
        unmasked
    }

    /// The value of a secret for a program; fails for one that is not declared, and for one that is generated where it
    /// is needed.
    pub fn for_program(&self, name: &str) -> Result<SecretValue, Failure> {
        let invalid = |message: String| Failure::new(FailureKind::Config, message);
        if !self.sources.contains_key(name) {
            return Err(invalid(format!("the secret `{name}` is not declared"))
                .hint(format!("add `{name}` to `[secrets]` in pipeline.toml")));
        }
        self.value(name)?.ok_or_else(|| {
            invalid(format!("the secret `{name}` is made in the cluster and known there alone"))
                .hint("take it from the environment, with `env = \"…\"`, where a command needs it")
        })
    }

    /// Returns `text` with the values of its secrets, for a program.
    pub fn fill(&self, text: &str) -> Result<String, Failure> {
        let mut filled = String::new();
        for part in split_secret_refs(text).map_err(Failure::bug)? {
            match part {
                SecretPart::Text(text) => filled.push_str(text),
                SecretPart::Secret(name) => filled.push_str(self.for_program(name)?.expose()),
            }
        }
        Ok(filled)
    }

    /// The value of a secret that comes from the environment; `None` for one that is generated where it is needed.
    pub fn value(&self, name: &str) -> Result<Option<SecretValue>, Failure> {
        match self.sources.get(name) {
            None => Err(Failure::bug(format!("the secret `{name}` is not declared"))),
            Some(SecretSource::Generate { .. }) => Ok(None),
            Some(SecretSource::Env { variable, optional }) => match self.read(variable) {
                Some(value) => Ok(Some(SecretValue::new(value, &self.redactor))),
                None if *optional => Ok(Some(SecretValue(String::new()))),
                None => Err(self.lacks(name, variable)),
            },
        }
    }
}

impl Secrets {
    /// The variable that the secret `name` has to come from, if it has no value; `None` also for one that is made where
    /// it is needed.
    fn unset_variable(&self, name: &str) -> Option<&str> {
        match self.sources.get(name)? {
            SecretSource::Env { variable, optional: false } if self.read(variable).is_none() => Some(variable),
            _ => None,
        }
    }

    /// Returns the failure of a run whose steps need secrets that have no value: `needs` has each step with a secret.
    pub fn require<'n>(&self, needs: impl IntoIterator<Item = (&'n StepId, &'n str)>) -> Result<(), Failure> {
        let mut lacking: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (step, name) in needs {
            if let Some(variable) = self.unset_variable(name) {
                lacking.entry((name, variable)).or_default().push(step.as_str());
            }
        }
        let needed = |steps: &Vec<&str>| format!("needed by {}", steps.join(", "));
        match lacking.iter().collect::<Vec<_>>().as_slice() {
            [] => Ok(()),
            [((name, variable), steps)] => Err(self.lacks(name, variable).detail(needed(steps))),
            all => {
                let names: Vec<String> = all.iter().map(|((name, _), _)| format!("`{name}`")).collect();
                let failure =
                    Failure::of(ids::SECRET_MISSING, format!("the secrets {} have no value", names.join(", ")));
                let line = |((name, variable), steps): &(&(&str, &str), &Vec<&str>)| {
                    format!("`{name}`, {}: the environment variable `{variable}` is not set", needed(steps))
                };
                let variables: Vec<&str> = all.iter().map(|((_, variable), _)| *variable).collect();
                Err(self.hinted(failure.details(all.iter().map(line)), &variables))
            }
        }
    }

    fn lacks(&self, name: &str, variable: &str) -> Failure {
        let failure = Failure::of(ids::SECRET_MISSING, format!("the secret `{name}` has no value"))
            .cause(format!("the environment variable `{variable}` is not set"));
        self.hinted(failure, &[variable])
    }

    /// Adds what gives the variables their values.
    fn hinted(&self, failure: Failure, variables: &[&str]) -> Failure {
        let all = variables.join("=… ");
        let failure = failure.hint(format!("`export {all}=…` and run the same command again"));
        let written = if let [one] = variables { format!("`{one}=…`") } else { "a line for each".to_owned() };
        if !self.file.name.is_empty() {
            return failure.hint(format!("or write {written} into `{}`", self.file.name));
        }
        let usual = self.folder.as_ref().map(|folder| folder.join(USUAL_FILE)).filter(|file| file.is_file());
        let Some(usual) = usual else { return failure };
        let text = fs::read_to_string(usual).unwrap_or_default();
        let has = |variable: &&str| {
            let mut names = text.lines().filter_map(|line| line.trim().trim_start_matches("export ").split_once('='));
            names.any(|(name, _)| name.trim() == *variable)
        };
        let named = format!("`env-file = \"{USUAL_FILE}\"` into `[pipeline]`");
        if variables.iter().all(has) {
            failure.hint(format!("or write {named}: `{USUAL_FILE}` has it"))
        } else {
            failure.hint(format!("or write {named}, and {written} into `{USUAL_FILE}`, which is there"))
        }
    }
}

/// A new secret of `bytes` random bytes of the system's, as hexadecimal digits.
pub fn generate(bytes: usize, redactor: &Redactor) -> Result<SecretValue, Failure> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|error| Failure::failed("the system gives no random numbers").cause(error))?;
    let text = random.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    Ok(SecretValue::new(text, redactor))
}

/// A digest of something secret, with a key that only this project's `.provision` holds: a reader of the journal can't
/// try out guesses. A new key changes every such digest, and so makes its step stale.
pub fn keyed_digest(state_dir: &Path, secret: &[u8]) -> Result<Digest, Failure> {
    let key = key(state_dir)?;
    let folder = fs::symlink_metadata(state_dir).context(|| "reading the state folder".into())?;
    // Who has put the file with the key there, as `git pull` can, knows the key; not this.
    let key = blake3::keyed_hash(&key, folder_identity(&folder).as_bytes());
    Ok(Digest::from_hash(blake3::keyed_hash(key.as_bytes(), secret)))
}

fn key(state_dir: &Path) -> Result<[u8; 32], Failure> {
    let path = state_dir.join(KEY_FILE);
    let found = || -> Option<[u8; 32]> { read_own(&path).ok()?.try_into().ok() };
    if let Some(key) = found() {
        return Ok(key);
    }
    let what = || "making the key for digests of secrets".to_owned();
    fs::create_dir_all(state_dir).context(what)?;
    if fs::symlink_metadata(&path).is_ok() {
        fs::remove_file(&path).context(what)?;
    }
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|error| Failure::failed(what()).cause(error))?;
    // Readable by the user only, and never half written. If another run was faster, its key counts.
    let mut file = tempfile::NamedTempFile::new_in(state_dir).context(what)?;
    file.write_all(&key).context(what)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        Err(error) => found().ok_or_else(|| Failure::failed(what()).source(&error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_digest_needs_the_projects_key() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let digest = keyed_digest(a.path(), b"x").unwrap();
        assert_eq!(digest, keyed_digest(a.path(), b"x").unwrap());
        assert_ne!(digest, keyed_digest(a.path(), b"y").unwrap());
        assert_ne!(digest, keyed_digest(b.path(), b"x").unwrap());
        // A key that came from elsewhere gives other digests than there.
        fs::copy(a.path().join(KEY_FILE), b.path().join(KEY_FILE)).unwrap();
        assert_ne!(digest, keyed_digest(b.path(), b"x").unwrap());
        let mode = fs::metadata(a.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_is_a_link_or_damaged_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("theirs");
        fs::write(&other, [7_u8; 32]).unwrap();
        fs::os::unix::fs::symlink(&other, dir.path().join(KEY_FILE)).unwrap();
        assert_ne!(key(dir.path()).unwrap(), [7_u8; 32]);
        assert_eq!(fs::read(&other).unwrap(), [7_u8; 32]);
        fs::write(dir.path().join(KEY_FILE), "short").unwrap();
        assert_eq!(key(dir.path()).unwrap(), key(dir.path()).unwrap());
    }

    #[test]
    fn generated_secrets_are_masked_and_never_twice_the_same() {
        let redactor = Redactor::new();
        let (a, b) = (generate(16, &redactor).unwrap(), generate(16, &redactor).unwrap());
        assert_eq!(a.expose().len(), 32);
        assert_ne!(a.expose(), b.expose());
        assert_eq!(redactor.text(a.expose()), "***");
        assert_eq!(format!("{a:?}"), "***");
    }
}
