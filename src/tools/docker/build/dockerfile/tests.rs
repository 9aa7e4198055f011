//! Every form in which a Dockerfile names something from outside.

use super::*;

const PLATFORMS: Platforms<'_> = Platforms { target: "linux/arm64/v8", build: "linux/amd64" };

fn of(text: &str) -> Sources {
    sources(text, &BTreeMap::new(), PLATFORMS)
}

/// The images, where nothing is unknown.
fn images(text: &str) -> Vec<String> {
    let found = of(text);
    assert!(found.unknown.is_empty(), "{text}: {:?}", found.unknown);
    found.images
}

#[test]
fn images_of_all_stages_are_found_with_arguments_filled_in() {
    let text = "ARG PYTHON=3.11\nARG TAG=${PYTHON}-slim\nARG REGISTRY\n\
                FROM ${REGISTRY:-docker.io}/python:$TAG AS build\nARG LATER=x\nRUN --mount=type=cache,target=/c --mount=from=tools:1,target=/t true\n\
                FROM build AS next\nCOPY --from=0 /a /a\nCOPY --from=nginx:alpine /b /b\n\
                FROM scratch\nCOPY --from=next /c /c\nFROM Build\nFROM nginx:alpine\n";
    assert_eq!(images(text), ["docker.io/python:3.11-slim", "tools:1", "nginx:alpine"]);
    let args = BTreeMap::from([("PYTHON".to_owned(), "3.12".to_owned())]);
    assert_eq!(sources(text, &args, PLATFORMS).images[0], "docker.io/python:3.12-slim");
}

#[test]
fn every_form_that_the_daemon_builds_has_its_images() {
    for (text, expected) in [
        ("FROM base-$TARGETARCH:1", "base-arm64:1"),
        ("FROM base:1-${TARGETARCH}${TARGETVARIANT}", "base:1-arm64v8"),
        ("ARG TARGETARCH\nFROM base-${TARGETARCH}", "base-arm64"),
        ("FROM --platform=$BUILDPLATFORM base-$BUILDARCH-$BUILDOS", "base-amd64-linux"),
        ("FROM a AS base-amd64\nFROM b AS base-arm64\nFROM base-${TARGETARCH}\nRUN true", "a b"),
        // Doubled names; a name of a stage that comes later; one that is its own image.
        ("FROM a AS x\nFROM b AS x\nFROM x", "a b"),
        ("FROM x AS y\nFROM y AS x\nFROM a AS a\nFROM a", "x a"),
        ("FROM a\nRUN cat <<EOF > /motd\nFROM no\nCOPY --from=no /a /b\nEOF\nCOPY --from=b /x /y", "a b"),
        ("FROM a\nRUN <<-'END' cat\n\tFROM no\n\tEND\nCOPY <<A <<\"B\" /x/\nFROM no\nA\nFROM no\nB\nFROM c", "a c"),
        ("FROM a\nRUN x << EOF\nCOPY --from=b /a /b", "a b"),
        ("# comment\n\n  from a \\\n# between\n\n  as x\nFROM \\\n  b", "a b"),
        ("# escape=`\nFROM a `\n  AS x\nRUN dir C:\\\nFROM b", "a b"),
        ("\u{feff}# syntax=docker/dockerfile:1\r\nFROM a\r\nCOPY --from=b \\\r\n  /x /y\r\n", "a b"),
        ("# syntax = docker.io/docker/dockerfile-upstream@sha256:00\nFROM a", "a"),
        ("ARG A=\"q q\" B='w'\nFROM b:${B}", "b:w"),
        ("ARG E=\nFROM a${E:-x}${E-y}${E:+z}${E+w}${N:-n}${N+m}", "axwn"),
        ("FROM a:1@sha256:00 AS x", "a:1@sha256:00"),
        ("FROM a\nARG V=1\nCOPY --from=b:$V /x /y\nENV W=2\nCOPY --from=c:${W} /x /y", "a b:1 c:2"),
        ("ARG V=7\nFROM a\nARG V\nCOPY --from=b:$V /x /y", "a b:7"),
        ("FROM a\nONBUILD COPY --from=b /x /y", "a b"),
        ("FROM a\nRUN --mount=type=bind,from=b,target=/x --mount=\"type=bind,from=c\" true", "a b c"),
        ("FROM a\nADD x.tar ./y/$Z /dest\nADD [\"with space\", \"/d\"]", "a"),
        ("FROM a\nADD --checksum=sha256:00 https://example.com/x /x", "a"),
        ("FROM a\nADD https://example.com/x.git#0123456789012345678901234567890123456789:sub /x", "a"),
        ("FROM a\nHEALTHCHECK CMD true\nSHELL [\"sh\"]\nMAINTAINER me\nSTOPSIGNAL 9", "a"),
    ] {
        assert_eq!(images(text).join(" "), expected, "{text}");
    }
}

#[test]
fn what_can_not_be_told_is_unknown() {
    for (text, part) in [
        ("FORM x", "the instruction `FORM` is not known (Dockerfile, line 1)"),
        ("FROM $NOTHING", "which image `FROM $NOTHING` means"),
        ("ARG V=1.2\nFROM a:${V%.*}", "which image `FROM a:${V%.*}` means"),
        ("FROM a\nCOPY --from=$BASE /x /y", "which image `from=$BASE` means (Dockerfile, line 2)"),
        ("FROM a\nENV V=$PATH\nCOPY --from=b:$V /x /y", "which image `from=b:$V` means"),
        ("FROM a\nADD http://127.0.0.1/v /v", "what `http://127.0.0.1/v` answers (Dockerfile, line 2)"),
        ("FROM a\nADD [\"https://x/v w\", \"/v\"]", "what `https://x/v w` answers"),
        ("FROM a\nARG H=https://x\nADD $H/v /v", "what `https://x/v` answers"),
        ("FROM a\nADD $SOURCE /v", "what `ADD $SOURCE` means"),
        ("FROM a\nADD --keep-git-dir=true https://x/y.git#main /v", "what `https://x/y.git#main` answers"),
        ("FROM a\nADD git@github.com:x/y.git /v", "answers"),
        ("FROM a\nONBUILD ADD https://x /v", "answers"),
        ("#syntax=example.com/own:1\nFROM a", "`example.com/own:1` reads the Dockerfile in its own way"),
    ] {
        let found = of(text);
        assert!(found.unknown.iter().any(|unknown| unknown.contains(part)), "{text}: {found:?}");
    }
}
