//! [`Findings`]: what of an image is not as its check wants it.

use std::sync::LazyLock;

use globset::{Glob, GlobBuilder, GlobMatcher};

use super::{ImageCheck, Port};
use crate::error::{Failure, ids};
use crate::images::{FileTree, ImageContents, LayerLeak};
use crate::model::human_bytes;
use crate::tools::docker::ImageConfig;

/// So many files that match one pattern are named.
const NAMED: usize = 5;

/// Where base images and libraries have keys for their own tests and documents, which everybody can read: no secret of
/// this image.
/// Declared secrets are found there all the same.
const PUBLISHED: &[&str] = &[
    "usr/lib/**/libgnutls.so*",
    "{usr,usr/local}/lib/python*/**/{test,tests}/**",
    "**/{site-packages,dist-packages,node_modules,gems}/**/{test,tests,spec,fixtures,testdata}/**",
    "usr/{lib,local}/go*/src/**",
    "usr/share/doc/**",
    "**/*.{dist,egg}-info/**",
    "**/node_modules/**/*.{md,markdown}",
];

static PUBLISHED_GLOBS: LazyLock<Vec<GlobMatcher>> =
    LazyLock::new(|| PUBLISHED.iter().filter_map(|pattern| matcher(pattern).ok()).collect());

fn is_published(found: &LayerLeak) -> bool {
    !found.leak.is_declared && PUBLISHED_GLOBS.iter().any(|glob| glob.is_match(&found.path))
}

/// A line for each finding.
#[derive(Debug, Default)]
pub(super) struct Findings {
    lines: Vec<String>,
    hints: Vec<String>,
}

/// A glob over the paths of an image.
pub(super) fn glob(pattern: &str) -> Result<Glob, String> {
    let plain = pattern.trim_start_matches("./").trim_matches('/');
    if plain.is_empty() || plain.split('/').any(|part| part == "..") {
        return Err(format!("`{pattern}` is no path in an image"));
    }
    let glob = GlobBuilder::new(plain).literal_separator(true).build();
    glob.map_err(|error| format!("the pattern `{pattern}` is not a glob: {}", error.kind()))
}

fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    glob(pattern).map(|glob| glob.compile_matcher())
}

impl Findings {
    /// Compares the configuration.
    pub(super) fn config(&mut self, wanted: &ImageCheck, found: &ImageConfig) {
        let text = |what: &str, wanted: Option<&String>, found: &str| {
            wanted.filter(|wanted| *wanted != found).map(|wanted| format!("{what} is `{found}`, expected `{wanted}`"))
        };
        let list = |what: &str, wanted: Option<&Vec<String>>, found: &[String]| {
            wanted.filter(|wanted| *wanted != found).map(|wanted| format!("{what} is {found:?}, expected {wanted:?}"))
        };
        let user = if found.user.is_empty() { "root" } else { &found.user };
        let workdir = if found.workdir.is_empty() { "/" } else { &found.workdir };
        self.lines.extend(text("the user", wanted.user.as_ref(), user));
        self.lines.extend(text("the working folder", wanted.workdir.as_ref(), workdir));
        self.lines.extend(list("the command", wanted.command.as_ref(), &found.command));
        self.lines.extend(list("the entrypoint", wanted.entrypoint.as_ref(), &found.entrypoint));
        if let Some(ports) = &wanted.ports {
            let (mut wanted, mut found): (Vec<String>, _) =
                (ports.iter().map(Port::text).collect(), found.ports.clone());
            wanted.sort();
            found.sort();
            self.lines.extend(list("the list of exposed ports", Some(&wanted), &found));
        }
        for (name, value) in &wanted.env {
            let set = found.env.iter().find_map(|pair| pair.strip_prefix(name.as_str())?.strip_prefix('='));
            self.value(&format!("the variable `{name}`"), value, set);
        }
        for (name, value) in &wanted.labels {
            self.value(&format!("the label `{name}`"), value, found.labels.get(name).map(String::as_str));
        }
        let health = found.health.join(" ");
        match wanted.health_check.or(wanted.health_command.as_ref().map(|_| true)) {
            Some(true) if health.is_empty() => self.lines.push("there is no health check".into()),
            Some(false) if !health.is_empty() => self.lines.push(format!("there is a health check: `{health}`")),
            _ => {}
        }
        if let Some(part) = wanted.health_command.as_ref().filter(|part| !health.is_empty() && !health.contains(*part))
        {
            self.lines.push(format!("the health check is `{health}`, expected one with `{part}`"));
        }
    }

    fn value(&mut self, what: &str, wanted: &str, found: Option<&str>) {
        match found {
            Some(found) if found == wanted => {}
            Some(found) => self.lines.push(format!("{what} is `{found}`, expected `{wanted}`")),
            None => self.lines.push(format!("{what} is not set, expected `{wanted}`")),
        }
    }

    /// Compares size and number of the layers.
    pub(super) fn size(&mut self, wanted: &ImageCheck, size: u64, n_layers: usize) {
        if let Some(limit) = wanted.max_size.map(|limit| limit.0).filter(|limit| size > *limit) {
            let over = human_bytes(size - limit);
            let (size, limit) = (human_bytes(size), human_bytes(limit));
            self.lines.push(format!("it is {over} too big: it has {size}, and `max-size` is {limit}"));
        }
        if let Some(limit) = wanted.max_layers.filter(|limit| n_layers > *limit) {
            self.lines.push(format!("it has {n_layers} layers, and `max-layers` is {limit}"));
        }
    }

    /// Compares the user by its number.
    pub(super) fn user(&mut self, wanted: &ImageCheck, config: &ImageConfig, contents: &ImageContents) {
        if !wanted.non_root && wanted.uid.is_none() {
            return;
        }
        let user = config.user.split(':').next().unwrap_or_default();
        let uid = match user {
            "" | "root" => Some(0),
            user => user.parse().ok().or_else(|| contents.uid_of(user)),
        };
        let shown = if user.is_empty() { "not set".to_owned() } else { format!("`{user}`") };
        match (uid, wanted.uid) {
            (None, _) => self.lines.push(format!("the user `{user}` is not in the image's `/etc/passwd`")),
            (Some(0), _) if wanted.non_root => {
                self.lines.push(format!("containers run as root: the user is {shown}"));
                self.hints.push("end the Dockerfile's last stage with `USER` and a user other than root".into());
            }
            (Some(uid), Some(wanted)) if uid != wanted => {
                self.lines.push(format!("the user {shown} has the number {uid}, expected {wanted}"));
            }
            _ => {}
        }
    }

    /// Compares the files that a container sees.
    pub(super) fn files(&mut self, wanted: &ImageCheck, files: &FileTree) -> Result<(), Failure> {
        for pattern in &wanted.files {
            if files.matching(&matcher(pattern).map_err(Failure::failed)?).next().is_none() {
                self.lines.push(format!("there is no `{pattern}`"));
            }
        }
        for pattern in &wanted.absent {
            let unwanted = matcher(pattern).map_err(Failure::failed)?;
            let found: Vec<&str> = files.matching(&unwanted).collect();
            self.lines.extend(found.iter().take(NAMED).map(|path| format!("`/{path}` should not be there")));
            if let Some(more) = found.len().checked_sub(NAMED).filter(|more| *more > 0) {
                self.lines.push(format!("{more} more files match `{pattern}` and should not be there"));
            }
        }
        Ok(())
    }

    /// Adds the secrets that are in no excepted file. An exception that is not needed is a finding too, unless it says
    /// that it may be: it would hide the next secret.
    pub(super) fn secrets(&mut self, wanted: &ImageCheck, contents: &ImageContents) -> Result<(), Failure> {
        let mut exceptions = Vec::new();
        for exception in &wanted.except {
            exceptions.push((matcher(&exception.path).map_err(Failure::failed)?, &exception.path, exception.optional));
        }
        let n_layers = contents.n_layers();
        let n_before = self.lines.len();
        for found in contents.leaks() {
            if let Some(exception) = exceptions.iter_mut().find(|(glob, ..)| glob.is_match(&found.path)) {
                exception.2 = true;
                continue;
            }
            if is_published(&found) {
                continue;
            }
            let line = match found.leak.line {
                0 => String::new(),
                line => format!(", line {line}"),
            };
            let made = contents.instruction(found.layer).map(|made| format!(" ({made})")).unwrap_or_default();
            let hidden = if found.hidden { "; a later layer hides the file, and the image still has it" } else { "" };
            self.lines.push(format!(
                "layer {} of {n_layers}{made}: `/{}`{line}: {}{hidden}",
                found.layer + 1,
                found.path,
                found.leak.what
            ));
        }
        for (place, what) in contents.config_leaks() {
            let part = if place.starts_with("history") { "history" } else { "configuration" };
            self.lines.push(format!("the image's {part}, `{place}`: {what}"));
        }
        if self.lines.len() > n_before {
            self.hints.push(
                "build without the secret (`RUN --mount=type=secret` leaves none), and replace it: everybody who has the \
                 image has the secret"
                    .into(),
            );
        }
        for (_, path, _) in exceptions.iter().filter(|(.., used)| !used) {
            self.lines.push(format!("`except`: there is no secret in `{path}`: remove the exception"));
        }
        Ok(())
    }

    /// The findings.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Fails if there is a finding.
    pub(super) fn result(self, image: &str) -> Result<(), Failure> {
        let failure = match self.lines.as_slice() {
            [] => return Ok(()),
            [one] => Failure::of(ids::IMAGE_FINDINGS, format!("the image `{image}`: {one}")),
            many => {
                let n = many.len();
                Failure::of(ids::IMAGE_FINDINGS, format!("the image `{image}` has {n} findings")).details(self.lines)
            }
        };
        Err(self.hints.into_iter().fold(failure, Failure::hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaks::Leak;

    #[test]
    fn keys_that_libraries_publish_are_no_secrets_and_declared_ones_are() {
        assert_eq!(PUBLISHED_GLOBS.len(), PUBLISHED.len());
        let leak = |path: &str, is_declared: bool| LayerLeak {
            layer: 0,
            path: path.into(),
            leak: Leak { line: 1, what: "a private key".into(), is_declared },
            hidden: false,
        };
        for path in [
            "usr/lib/x86_64-linux-gnu/libgnutls.so.30.34.3",
            "usr/lib/libgnutls.so.30",
            "usr/local/lib/python3.11/test/certdata/keycert.pem",
            "app/node_modules/public-encrypt/test/1024.priv",
            "venv/lib/python3.11/site-packages/x/tests/key.pem",
            "opt/venv/lib/python3.11/site-packages/pyjwt-2.15.1.dist-info/METADATA",
            "app/node_modules/jsonwebtoken/README.md",
        ] {
            assert!(is_published(&leak(path, false)) && !is_published(&leak(path, true)), "{path}");
        }
        for path in ["app/tests/key.pem", "app/node_modules/x/key.pem", "usr/lib/libssl.so.3", "app/README.md"] {
            assert!(!is_published(&leak(path, false)), "{path}");
        }
    }
}
