#!/usr/bin/env bash
# Builds what a real Kubernetes cluster needs from package registries; each stage is skipped when its outputs exist.
# Needs root and a Docker engine (`scripts/setup docker`). --cluster [ARGS...]: also start a cluster, to try the lab.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$LAB_DIR"

IMAGES=("$DEBIAN_IMAGE" "$KICBASE_IMAGE" provision-lab/python:3.11 provision-lab/node:18 provision-lab/postgres:15)

# The inputs and outputs of all stages. Sizes and times instead of the contents of the 1.2 GB, so that the check is quick; after
# any difference each stage checks its own fingerprint.
everything() {
  fingerprint "$LAB_DIR" "$K8S_VERSION" "$MINIKUBE_VERSION" "$DEBIAN_SUITE"
  stat -c '%n %s %Y' "$LAB_BIN"/* "$LAB_ARTIFACTS"/*
}

build() {
  [ "$(id -u)" = 0 ] || die "the lab needs root"
  need_commands debootstrap:debootstrap lz4:lz4 zstd:zstd gcc:gcc python3:python3
  [ -e /usr/include/stdlib.h ] || apt_install libc6-dev
  python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip
  ./05-runc-fit.sh
  # The binaries take most of the time, but not always both cores: stages that do not need them run at the same time.
  set -m
  ./10-binaries.sh &
  binaries=$!
  set +m
  trap 'kill -- "-$binaries" 2>/dev/null || true' EXIT
  ./15-debian.sh
  ./27-app-bases.sh
  [ -e "$LAB_ARTIFACTS/kicbase.tar.zst" ] || rootfs node "$NODE_PACKAGES" >/dev/null
  wait "$binaries"
  trap - EXIT
  ./20-node-image.sh
  ./25-preload.sh
}

cluster=
if [ "${1:-}" = --cluster ]; then cluster=1; shift; fi
if [ "$(cat "$LAB_STAMPS/everything" 2>/dev/null)" != "$(everything 2>/dev/null)" ] || ! have_image "${IMAGES[@]}"; then
  t=$SECONDS
  log "scripts/lab: checking each stage; from empty caches it takes a quarter to half an hour, once"
  build
  everything >"$LAB_STAMPS/everything"
  log "scripts/lab: complete after $((SECONDS - t)) s"
fi
place_preload
share_ca
if [ -n "$cluster" ]; then ./30-cluster.sh "$@"; fi
