#!/usr/bin/env bash
# Builds a Docker 29 engine from Go modules (checksums in go.sum): dockerd and docker-proxy; containerd, its shim and ctr; and
# runc, because Debian's runc 1.1 is too old. Each has a module of its own here, with the dependencies of its own release. The
# binaries are in $ENGINE29/bin, which only the engine has in its PATH; scripts/setup starts it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
GO_MIN=1.26.6  # the highest version that one of them requires
need_go
# The Docker release that corresponds to moby v2.0.0-beta.24: no constant of the module contains it, but its
# releases/versions.yaml lists it as the next release.
DOCKER_VERSION=29.8.1
GO_DIR="$LAB_DIR/go/docker29"
GOVERSION=$(go env GOVERSION)

# module_version MODULE: the version that ./go.mod names.
module_version() { sed -n "s#^[[:space:]]*$1 \(v[^ ]*\).*#\1#p" go.mod | sed -n 1p; }

build_runc() {
  local ld
  ld="-s -w -X main.gitCommit=$(module_version github.com/opencontainers/runc)"
  CGO_ENABLED=1 go build -trimpath -tags seccomp -ldflags "$ld" -o "$1/" tool
}

build_containerd() {
  local pkg=github.com/containerd/containerd/v2 version
  version=$(module_version "$pkg")
  local ld="-s -w -X $pkg/version.Version=$version -X $pkg/version.Revision=$version"
  CGO_ENABLED=0 go build -trimpath -tags "no_btrfs no_zfs no_devmapper" -ldflags "$ld" -o "$1/" tool
}

build_moby() {
  local pkg=github.com/moby/moby/v2/dockerversion ld
  ld="-s -w -X $pkg.Version=$DOCKER_VERSION -X $pkg.GitCommit=$(module_version github.com/moby/moby/v2)"
  ld+=" -X $pkg.BuildTime=2026-01-01T00:00:00Z"
  CGO_ENABLED=0 go build -trimpath -tags "exclude_graphdriver_btrfs exclude_graphdriver_zfs no_systemd" \
    -ldflags "$ld" -o "$1/" tool
}

# part NAME DURATION COMMAND...: builds go/docker29/NAME unless its commands exist and its inputs are unchanged.
part() {
  local name=$1 long=$2 print new="$LAB_WORK/docker29-$1" outputs=() command t=$SECONDS
  shift 2
  print=$(fingerprint "$GO_DIR/$name" "$(declare -f "build_$name")" "$DOCKER_VERSION" "$GOVERSION")
  for command in "$@"; do outputs+=("$ENGINE29/bin/$command"); done
  if fresh "docker29-$name" "$print" "${outputs[@]}"; then return; fi
  log "building $name for Docker $DOCKER_VERSION from its Go module: with empty caches $long on 2 cores"
  rm -rf "$new" && mkdir -p "$new" "$ENGINE29/bin"
  (cd "$GO_DIR/$name" && watched "building $name" "$LAB_LOGS/docker29-$name.log" "build_$name" "$new")
  # Moved, not overwritten: a running engine keeps the files that it was started from.
  mv -f "$new"/* "$ENGINE29/bin/"
  rm -rf "$new"
  done_stage "docker29-$name" "$print" $((SECONDS - t))
}

need_commands gcc:gcc pkg-config:pkg-config
[ -e /usr/include/stdlib.h ] || apt_install libc6-dev
[ -e /usr/include/seccomp.h ] || apt_install libseccomp-dev
part runc "10 seconds" runc
part containerd "a minute" containerd containerd-shim-runc-v2 ctr
part moby "4 minutes" dockerd docker-proxy
