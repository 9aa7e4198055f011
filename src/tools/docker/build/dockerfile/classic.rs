//! Which Dockerfiles the classic builder builds as BuildKit does, and which copy the Dockerfile itself.

use super::lines::{instructions, split_flags};

/// Arguments that BuildKit alone sets.
pub const AUTOMATIC: [&str; 8] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];

/// Whether the Dockerfile `text` uses something that only BuildKit has.
pub fn needs_buildkit(text: &str) -> bool {
    let lines = instructions(text);
    let is_old = |flag: &&str| ["--from=", "--chown=", "--platform="].iter().any(|old| flag.starts_with(old));
    lines.syntax.is_some()
        || AUTOMATIC.iter().any(|name| text.contains(name))
        || lines.instructions.iter().any(|instruction| {
            let has_flags = matches!(instruction.name.as_str(), "FROM" | "RUN" | "COPY" | "ADD" | "ONBUILD");
            let (flags, _) = split_flags(&instruction.rest);
            instruction.has_heredoc || (has_flags && !flags.iter().all(is_old))
        })
}

/// Whether the Dockerfile `text` copies from its context what may include the file `name`.
pub fn may_copy(text: &str, name: &str) -> bool {
    instructions(text).instructions.iter().any(|instruction| {
        let (flags, words) = split_flags(&instruction.rest);
        let from_context = !flags.iter().any(|flag| flag.starts_with("--from="));
        let is_copy = matches!(instruction.name.as_str(), "COPY" | "ADD" | "ONBUILD");
        is_copy
            && from_context
            && words.iter().any(|source| {
                let source = source.trim_start_matches(['[', '"']).trim_end_matches([',', ']', '"']);
                let source = source.trim_start_matches("./").trim_matches('/');
                matches!(source, "" | ".")
                    || source.contains(['*', '?', '[', '$'])
                    || name.strip_prefix(source).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_buildkit_builds_is_told_apart() {
        for text in ["FROM a\nCOPY --chown=1:1 . /x\nRUN true", "ARG B\nFROM --platform=linux/amd64 $B\nADD x /y"] {
            assert!(!needs_buildkit(text), "{text}");
        }
        for text in [
            "#syntax=docker/dockerfile:1\nFROM a",
            "FROM a\nRUN --mount=type=cache,target=/c true",
            "FROM a\nCOPY --link . /x",
            "FROM a\nRUN cat <<E\nE",
            "FROM a-$TARGETARCH",
        ] {
            assert!(needs_buildkit(text), "{text}");
        }
    }

    #[test]
    fn copies_that_may_include_the_dockerfile_are_found() {
        for copy in ["COPY . /x", "COPY ./ /x", "ADD [\".\", \"/x\"]", "COPY Docker* /x", "COPY docker /x", "COPY / x/"]
        {
            assert!(may_copy(&format!("FROM a\n{copy}"), "docker/Dockerfile"), "{copy}");
        }
        for copy in ["COPY src x", "COPY --from=b . x", "COPY dock x", "RUN cp . /x"] {
            assert!(!may_copy(&format!("FROM a\n{copy}"), "docker/Dockerfile"), "{copy}");
        }
    }
}
