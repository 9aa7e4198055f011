//! `tool-check`: a program is there and new enough.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use semver::VersionReq;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext};
use crate::error::{Context, Failure, FailureKind, ids};
use crate::model::Output;
use crate::tools::install::Ways;
use crate::tools::process;
use crate::tools::programs::{self, Installed};
use crate::tools::version::{satisfies, version_of};

/// The digest of the program's file: for the next probe alone.
const CONTENT: &str = ".content";

/// Settings of `tool-check`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ToolCheck {
    /// The program's name, looked up in `PATH`.
    tool: String,
    /// The versions that will do, such as `>=1.30` or `>=3.11, <4`; any by default.
    #[schemars(with = "Option<String>")]
    version: Option<VersionReq>,
    /// How to ask it for its version; known for common tools, `--version` for all others.
    version_args: Option<Vec<String>>,
    /// For `docker` alone: whether its daemon has to answer.
    #[serde(default)]
    daemon: bool,
    /// For `docker` with `daemon = true`: the versions of Docker Desktop that will do, such as `>=4.53`, where the
    /// daemon is that of Docker Desktop; any by default.
    #[schemars(with = "Option<String>")]
    desktop: Option<VersionReq>,
    /// A hint for users who do not have it.
    hint: Option<String>,
    /// How `--install` of `provision doctor` and `up` installs it: a command line, or a list of ways of which the first
    /// that works on the machine is taken: `[{ apt = "jq" }, { brew = "jq" }]`. `go`, `cargo`, `pip` and `npm` take a
    /// package too, and `download = { url, sha256, member, arch }` a program or its path `member` in a `.tar.gz`.
    install: Option<Ways>,
}

impl ActionSettings for ToolCheck {
    const NAME: &'static str = "tool-check";
    const REVISION: u32 = 2;
    const SUMMARY: &'static str = "Checks that a program is installed and new enough, and that Docker's daemon answers";
    const EXAMPLE: &'static str = "tool = \"kubectl\"\nversion = \">=1.30\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("path", "where the program is"),
        ("version", "its version"),
        ("identity", "what tells the file from another one: device, inode, size, time"),
        ("daemon", "the version of Docker's daemon, with `daemon = true`"),
    ];

    const PROBE_SETTINGS: &'static [&'static str] = &["version-args"];
    const PREREQUISITE: bool = true;

    fn validate(&self) -> Result<(), String> {
        if self.tool.is_empty() || self.tool.contains(['/', ' ']) {
            return Err("`tool` is a program's name without a folder".into());
        }
        if self.daemon && self.tool != "docker" {
            return Err("`daemon` is for `tool = \"docker\"` alone".into());
        }
        if self.desktop.is_some() && !self.daemon {
            return Err("`desktop` is about the daemon of Docker Desktop: set `daemon = true` with it".into());
        }
        self.install.as_ref().map_or(Ok(()), Ways::validate)
    }
}

/// What tells a file from another one, also from one that has taken its place.
fn identity(path: &Path) -> Result<String, Failure> {
    let found = fs_err::metadata(path).context(|| format!("reading the metadata of `{}`", path.display()))?;
    let (dev, ino, size) = (found.dev(), found.ino(), found.size());
    // The change time tells a file that was patched in place, with its modification time set back.
    let (modified, changed) = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
    Ok(format!("{dev}-{ino}-{size}-{}.{:09}-{}.{:09}", modified.0, modified.1, changed.0, changed.1))
}

/// Whether the file may run another program that it selects itself, so that the version is known only by running it: a
/// script, or a program with several names.
fn is_shim(path: &Path, tool: &str) -> bool {
    let mut start = [0; 2];
    let read = fs_err::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    let name = fs_err::canonicalize(path).ok().and_then(|path| Some(path.file_name()?.to_owned()));
    read.is_err() || start == *b"#!" || name.is_none_or(|name| name != tool)
}

/// Fails if `platform`, as the daemon names what it is a part of, is a Docker Desktop that `wanted` does not allow.
fn check_desktop(wanted: &VersionReq, platform: &str) -> Result<(), Failure> {
    let Some(named) = platform.strip_prefix("Docker Desktop") else {
        return Ok(());
    };
    match version_of("docker", named) {
        Some(found) if satisfies(wanted, &found) => Ok(()),
        Some(found) => {
            Err(Failure::of(ids::TOOL_VERSION, format!("Docker Desktop has version {found}, and `{wanted}` is needed")))
        }
        None => Err(Failure::of(ids::TOOL_VERSION, "Docker Desktop does not tell its version")
            .cause(format!("its daemon calls itself `{platform}`"))),
    }
}

impl ToolCheck {
    /// Adds what to do about a program that is missing or too old.
    fn advise(&self, mut failure: Failure) -> Failure {
        failure.hints.clear();
        failure.hints.extend(self.hint.clone());
        match &self.install {
            Some(Ways::Command(command)) => failure.hints.push(command.clone()),
            Some(Ways::List(_)) => failure.hints.push("provision doctor --install".to_owned()),
            None => {}
        }
        if failure.hints.is_empty() {
            failure.hints.push(programs::how_to_install(&self.tool));
        }
        failure
    }

    async fn check(&self, cx: &StepContext) -> Result<Output, Failure> {
        let asked = programs::ask(&self.tool, self.version_args.as_deref(), cx).await;
        let Installed { path, version: found, line, text } = asked.map_err(|failure| match failure.kind {
            FailureKind::Prerequisite => self.advise(failure),
            _ => failure,
        })?;
        let mut output = Output::new().with("path", path.to_string_lossy()).with("identity", identity(&path)?);
        match (&found, &self.version) {
            (Some(found), Some(wanted)) if !satisfies(wanted, found) => {
                return Err(self.advise(
                    Failure::of(
                        ids::TOOL_VERSION,
                        format!("`{}` has version {found}, and `{wanted}` is needed", self.tool),
                    )
                    .cause(format!("it was found at `{}`", path.display())),
                ));
            }
            (Some(found), _) => output = output.with("version", found.to_string()),
            (None, Some(_)) => {
                let failure = Failure::of(ids::TOOL_VERSION, format!("`{}` does not tell its version", self.tool))
                    .cause(format!("`{line}` printed nothing that looks like one"))
                    .details(text.lines().filter(|line| !line.is_empty()).take(10).map(str::to_owned));
                return Err(failure.hint("set `version-args`, or leave `version` out"));
            }
            (None, None) => {}
        }
        if self.daemon {
            let docker = cx.tools().docker().await?;
            docker.ping().await?;
            let engine = docker.engine().await?;
            if let Some(wanted) = &self.desktop {
                check_desktop(wanted, &engine.platform).map_err(|failure| self.advise(failure))?;
            }
            output = output.with("daemon", &engine.version);
        }
        let version = output.get("version").unwrap_or("of unknown version").to_owned();
        cx.line(&format!("{} {version} at {}", self.tool, path.display()));
        Ok(output)
    }
}

impl Action for ToolCheck {
    fn installation(&self) -> Option<(&str, &Ways)> {
        Some((&self.tool, self.install.as_ref()?))
    }

    fn needs_no_fallback<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, bool> {
        Box::pin(async move { self.check(cx).await.is_ok() })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let missing = |what: &str| Ok(Presence::Missing(format!("`{}` {what}", self.tool)));
            let Ok(path) = process::find(&self.tool) else {
                return missing("is not installed any more");
            };
            if output.get("path") != Some(&*path.to_string_lossy()) {
                return missing("is now found at another path");
            }
            if output.get("identity") != Some(&identity(&path)?) {
                return missing("was replaced by another file");
            }
            if cx.tools().reads_every_file() {
                let now = cx.tools().digest_program(path.clone()).await?.to_string();
                match output.get(CONTENT) {
                    Some(content) if content == now => {}
                    Some(_) => return missing("has other contents, although its times have not changed"),
                    None => return missing("was proven by an older version, which did not read it"),
                }
            }
            if is_shim(&path, &self.tool) {
                return Ok(match self.check(cx).await {
                    Ok(now) if now.iter().eq(output.iter()) => Presence::Present,
                    Ok(now) => Presence::Missing(match now.get("version") {
                        Some(version) => format!("`{}` now has version {version}", self.tool),
                        None => format!("`{}` no longer reports a version", self.tool),
                    }),
                    Err(failure) => Presence::Missing(failure.message),
                });
            }
            if self.daemon {
                let answered = async {
                    let docker = cx.tools().docker().await?;
                    docker.ping().await?;
                    Ok::<_, Failure>(docker.engine().await?.version.clone())
                };
                match answered.await {
                    Ok(version) if output.get("daemon") == Some(&*version) => {}
                    Ok(version) => return Ok(Presence::Missing(format!("the daemon now has version {version}"))),
                    Err(failure) => return Ok(Presence::Missing(failure.message)),
                }
            }
            Ok(Presence::Present)
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let what = format!("checking `{}`", self.tool);
            let work = async {
                let output = self.check(cx).await?;
                let path = output.get("path").unwrap_or_default().into();
                let content = cx.tools().digest_program(path).await?;
                Ok(output.with(CONTENT, content.to_string()))
            };
            cx.unless_cancelled(&what, work).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::fake;
    use crate::files::Verify;
    use crate::tools::deletion::Consent;

    #[test]
    fn settings_are_checked() {
        let parse = |text: &str| toml::from_str::<ToolCheck>(text).map_err(|error| error.to_string());
        parse(ToolCheck::EXAMPLE).unwrap().validate().unwrap();
        assert!(parse("tool = \"helm\"\ndaemon = true").unwrap().validate().is_err());
        assert!(parse("tool = \"helm\"\nversion = \"new\"").is_err());
        assert!(parse("tool = \"docker\"\ndesktop = \">=4.53\"").unwrap().validate().is_err());
        parse("tool = \"docker\"\ndaemon = true\ndesktop = \">=4.53\"").unwrap().validate().unwrap();
        let declared = parse("tool = \"jq\"\ninstall = [{ apt = \"jq\" }]").unwrap();
        assert_eq!(declared.installation().unwrap().0, "jq");
        assert!(parse("tool = \"jq\"\ninstall = [{ apt = \"-x\" }]").unwrap().validate().is_err());
    }

    #[test]
    fn docker_desktop_has_a_version_of_its_own_and_an_engine_has_none() {
        let wanted: VersionReq = ">=4.53".parse().unwrap();
        for engine in ["", "Docker Engine - Community", "Docker Desktop 4.53.0 (211793)", "Docker Desktop 5.0.1"] {
            check_desktop(&wanted, engine).unwrap();
        }
        for (platform, message) in [
            ("Docker Desktop 4.37.1 (178610)", "Docker Desktop has version 4.37.1, and `>=4.53` is needed"),
            ("Docker Desktop", "Docker Desktop does not tell its version"),
        ] {
            assert_eq!(check_desktop(&wanted, platform).unwrap_err().message, message);
        }
    }

    #[tokio::test]
    async fn a_program_with_other_contents_and_the_same_times_is_another_one_when_contents_are_read() {
        let check: ToolCheck = toml::from_str("tool = \"true\"").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let cx = |verify| fake::context_verifying(dir.path(), &["s.t"], "s.t", Consent::None, verify);
        let output = check.run(&cx(Verify::Stat)).await.unwrap();
        let other = output.clone().with(CONTENT, crate::fingerprint::Digest::of(b"patched").to_string());
        let unread: Output = output.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let missing = |what: &str| Presence::Missing(format!("`true` {what}"));
        let cases = [
            (Verify::Stat, &output, Presence::Present),
            (Verify::Content, &output, Presence::Present),
            (Verify::Stat, &other, Presence::Present),
            (Verify::Content, &other, missing("has other contents, although its times have not changed")),
            (Verify::Stat, &unread, Presence::Present),
            (Verify::Content, &unread, missing("was proven by an older version, which did not read it")),
        ];
        for (verify, output, expected) in cases {
            assert_eq!(check.probe(&cx(verify), output).await.unwrap(), expected, "{verify:?} {output:?}");
        }
    }
}
