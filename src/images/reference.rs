//! [`Reference`]: the name of an image, read as Docker reads it.

use std::fmt;

/// The registry of names without one.
const DEFAULT_REGISTRY: &str = "docker.io";

/// The longest name, without its tag.
const MAX_NAME: usize = 255;

/// An image's name in full: registry, path, and a tag or digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Parses a name; fails with the reason for one that Docker refuses.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[last..].split_once(':') {
            Some((last_part, tag)) => (&rest[..last + last_part.len()], Some(tag.to_owned())),
            None => (rest, None),
        };
        let is_registry = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if is_registry(first) => (first, path.to_owned()),
            _ => (DEFAULT_REGISTRY, name.to_owned()),
        };
        let registry = if registry == "index.docker.io" { DEFAULT_REGISTRY } else { registry };
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(format!("`{text}` is not an image's name: it has to be in lower case"));
        }
        let whole = path.split('/').all(is_component)
            && is_host(registry)
            && registry.len() + path.len() < MAX_NAME
            && tag.as_deref().is_none_or(is_tag)
            && digest.as_deref().is_none_or(is_digest);
        if !whole {
            return Err(format!(
                "`{text}` is not an image's name: write it as `todo` or `registry.example/team/todo:1`"
            ));
        }
        let in_library = registry == DEFAULT_REGISTRY && !path.contains('/');
        let path = if in_library { format!("library/{path}") } else { path };
        Ok(Self { registry: registry.to_owned(), path, tag, digest })
    }

    /// The tag, if the name has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the name has one.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

/// The name under which a node knows the image `name`; a name that Docker would refuse stays as it is.
pub(super) fn full_name(name: &str) -> String {
    Reference::parse(name).map_or_else(|_| name.to_owned(), |reference| reference.to_string())
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)?;
        match (&self.tag, &self.digest) {
            (None, None) => f.write_str(":latest"),
            (tag, digest) => {
                tag.as_ref().map_or(Ok(()), |tag| write!(f, ":{tag}"))?;
                digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
            }
        }
    }
}

/// Lower-case letters and digits in groups that `.`, `_`, `__` or any number of `-` separate.
fn is_component(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let separators: Vec<&str> =
        text.split(|c: char| c.is_ascii() && plain(c as u8)).filter(|part| !part.is_empty()).collect();
    let is_separator = |part: &&str| matches!(*part, "." | "_" | "__") || part.bytes().all(|b| b == b'-');
    text.bytes().next().is_some_and(plain)
        && text.bytes().last().is_some_and(plain)
        && separators.iter().all(is_separator)
}

/// The name or address of a registry, with its port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_label = |label: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_address = |host: &str| {
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
    };
    (is_address(host) || host.split('.').all(is_label)) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_tag(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    text.len() <= 128 && !text.starts_with(['.', '-']) && !text.is_empty() && text.bytes().all(inner)
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else { return false };
    algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
        && digits.len() >= 32
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_the_node_does() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let by_digest = format!("me/todo@{digest}");
        let cases = [
            ("todo", "docker.io/library/todo:latest"),
            ("todo:1", "docker.io/library/todo:1"),
            ("docker.io/todo:1", "docker.io/library/todo:1"),
            ("index.docker.io/me/todo", "docker.io/me/todo:latest"),
            ("me/todo:1", "docker.io/me/todo:1"),
            ("localhost:5000/todo", "localhost:5000/todo:latest"),
            ("localhost/todo", "localhost/todo:latest"),
            ("ghcr.io/me/todo:1", "ghcr.io/me/todo:1"),
            ("a__b/c-_d", "a__b/c-_d"),
            ("a---b:V1.2_x", "docker.io/library/a---b:V1.2_x"),
            (&by_digest, &format!("docker.io/me/todo@{digest}")),
        ];
        for (name, full) in cases {
            assert_eq!(full_name(name), full);
        }
    }

    #[test]
    fn names_that_docker_refuses_are_refused() {
        for bad in [
            "",
            "a b",
            "-a",
            "a-",
            "a//b",
            "/a",
            "a/",
            "a..b",
            "a:",
            "a:-1",
            "a@sha256:12",
            "ä",
            "a:1:2",
            "my reg.io/a",
            "-r.io/a",
            "r.io:x/a",
            "r..io/a",
        ] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
        assert!(Reference::parse(&"a".repeat(300)).is_err() && Reference::parse("[::1]:5000/a").is_ok());
        assert!(Reference::parse("Todo").unwrap_err().contains("lower case"));
    }
}
