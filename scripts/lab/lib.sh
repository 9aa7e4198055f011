# shellcheck shell=bash
# shellcheck disable=SC2034  # several are used by the scripts that source this
# What the scripts of the lab share: settings, stages that are skipped when nothing has changed, and small functions.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

LAB_LOGS="$LOGS"
LAB_ARTIFACTS="$PROVISION_LAB_CACHE/artifacts"  # docker archives and the preload tarball
LAB_STAMPS="$PROVISION_LAB_CACHE/stamps"        # fingerprints of each stage's inputs
LAB_WORK="$PROVISION_LAB_CACHE/work"            # scratch (rootfs trees); may be removed
mkdir -p "$LAB_BIN" "$LAB_ARTIFACTS" "$LAB_STAMPS" "$LAB_WORK"

# --- stages ------------------------------------------------------------------------------

# fingerprint FILE-OR-WORD...: a hash over the words and over the contents of those that are files or directories.
fingerprint() {
  local a
  for a in "$@"; do
    if [ -d "$a" ]; then
      (cd "$a" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
    elif [ -f "$a" ]; then
      sha256sum <"$a"
    else
      echo "$a"
    fi
  done | sha256sum | cut -c1-32
}

# fresh STAGE FINGERPRINT OUTPUT...: true when the stage was done from these inputs and its outputs are still there.
fresh() {
  local stage=$1 print=$2 o
  shift 2
  [ "$(cat "$LAB_STAMPS/$stage" 2>/dev/null)" = "$print" ] || return 1
  for o in "$@"; do [ -e "$o" ] || return 1; done
}

# done_stage STAGE FINGERPRINT SECONDS: remember it.
done_stage() {
  echo "$2" >"$LAB_STAMPS/$1"
  echo "$(date -u +%FT%TZ) $1 ${3:-?}s" >>"$LAB_LOGS/timings.log"
  log "$1 done in ${3:-?} s"
}

# --- Go ----------------------------------------------------------------------------------

# Where the system has no Go, or one that is too old: Go's own toolchain module, which any older go can download through the
# module proxy.
GO_MIN=1.24.0
GO_TOOLCHAIN=v0.0.1-go1.26.8.linux-amd64
GO_TOOLCHAIN_SUM=h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=
export GOTOOLCHAIN=local

go_ok() {
  local version
  version=$(go env GOVERSION 2>/dev/null | sed 's/^go//; s/^\([0-9]*\.[0-9]*\)$/\1.0/' | first_version) &&
    [ -n "$version" ] && version_ge "$version" "$GO_MIN"
}

# need_go: a go that is new enough comes first in the PATH.
need_go() {
  local dir link="$PROVISION_LAB_CACHE/go"
  go_ok && return
  for dir in "$link/bin" /usr/local/go/bin /usr/lib/go-*/bin; do
    [ -x "$dir/go" ] || continue
    PATH="$dir:$PATH"
    go_ok && return
  done
  have go || apt_install golang-go ca-certificates
  go_ok && return
  log "fetching Go $GO_TOOLCHAIN with $(go env GOVERSION)"
  local mod="$PROVISION_LAB_CACHE/go-toolchain" answer tree
  answer=$(cd / && GOFLAGS=-modcacherw GOMODCACHE="$mod" go mod download -json "golang.org/toolchain@$GO_TOOLCHAIN")
  grep -qF "\"Sum\": \"$GO_TOOLCHAIN_SUM\"" <<<"$answer" || die "Go's toolchain module does not have the expected sum: $answer"
  tree="$mod/golang.org/toolchain@$GO_TOOLCHAIN"
  chmod +x "$tree"/bin/* "$tree"/pkg/tool/*/*  # a module's files are not executable
  ln -sfn "$tree" "$link"
  PATH="$link/bin:$PATH"
  go_ok || die "the Go that was fetched does not work: $(go version 2>&1)"
}

# minikube_module: where its Go module lies (downloaded when it is not there yet).
minikube_module() {
  (cd "$LAB_DIR/go/minikube" && go mod download k8s.io/minikube && go list -m -f '{{.Dir}}' k8s.io/minikube)
}

# --- images ------------------------------------------------------------------------------

BASE_PACKAGES=ca-certificates,iptables,conntrack,iproute2
NODE_PACKAGES=ca-certificates,systemd,systemd-sysv,dbus,udev,kmod,conntrack,iptables,iproute2,ethtool,socat,util-linux,mount
NODE_PACKAGES+=,ebtables,libseccomp2,pigz,bash,curl,rsync,iputils-ping,netcat-openbsd,procps,lz4,zstd,sudo,openssh-server
NODE_PACKAGES+=,containerd,runc,containernetworking-plugins

# rootfs NAME PACKAGES: a debootstrapped tree, its path on stdout.
rootfs() {
  local dir="$LAB_WORK/rootfs-$1"
  if [ ! -e "$dir.ok" ]; then
    rm -rf "$dir"
    log "debootstrap $1"
    watched "debootstrap $1" "$LAB_LOGS/debootstrap-$1.log" \
      debootstrap --variant=minbase --include="$2" "$DEBIAN_SUITE" "$dir" || return 1
    # Certificates that this machine trusts, so that apt and pip work in `docker build` too.
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
      cp /usr/local/share/ca-certificates/*.crt "$dir/usr/local/share/ca-certificates/"
      chroot "$dir" update-ca-certificates >/dev/null 2>&1
    fi
    rm -rf "$dir"/var/cache/apt/archives/*.deb "$dir"/var/cache/apt/*.bin \
      "$dir"/var/cache/debconf/*-old "$dir"/usr/share/{doc,man,locale,info,lintian}/* \
      "$dir"/var/log/*.log "$dir"/var/log/apt/*
    touch "$dir.ok"
  fi
  echo "$dir"
}

# have_image NAME...: the docker daemon holds them.
have_image() { docker image inspect "$@" >/dev/null 2>&1; }

# build_image ARGUMENTS OF docker build...: with the builder that every docker has, without the notice that it is old.
build_image() {
  DOCKER_BUILDKIT=0 docker build "$@" >"$LAB_LOGS/docker-build.log" 2>&1 || {
    tail -n 30 "$LAB_LOGS/docker-build.log" >&2
    return 1
  }
}

# keep ARCHIVE IMAGE...: save images to the artifacts.
keep() {
  local out="$LAB_ARTIFACTS/$1"
  shift
  docker save "$@" | zstd -q -T0 -3 -f -o "$out.new"
  mv "$out.new" "$out"
}

# load ARCHIVE IMAGE: from the artifacts, unless docker has it.
load() {
  have_image "$2" && return
  log "loading $2"
  zstd -dc "$LAB_ARTIFACTS/$1" | docker load -q >/dev/null
}

# --- the preload tarball -----------------------------------------------------------------

PRELOAD="preloaded-images-k8s-$PRELOAD_VERSION-$K8S_VERSION-containerd-overlay2-amd64.tar.lz4"

# minikube_dir HOME: the folder that minikube uses when MINIKUBE_HOME is HOME.
minikube_dir() { if [ "$(basename "$1")" = .minikube ]; then echo "$1"; else echo "$1/.minikube"; fi; }

# place_preload: puts it where minikube looks for it, under the name by which it finds it.
place_preload() {
  local cache
  cache="$(minikube_dir "${MINIKUBE_HOME:-$HOME}")/cache/preloaded-tarball"
  [ "$cache/$PRELOAD" -ef "$LAB_ARTIFACTS/$PRELOAD" ] && return
  cmp -s "$cache/$PRELOAD" "$LAB_ARTIFACTS/$PRELOAD" && return
  mkdir -p "$cache"
  ln -f "$LAB_ARTIFACTS/$PRELOAD" "$cache/$PRELOAD" 2>/dev/null || cp -f "$LAB_ARTIFACTS/$PRELOAD" "$cache/$PRELOAD"
}

# share_ca: gives the minikube folders of both engines the same certificate authority. Otherwise `minikube start` would wait
# minutes for an API server that it does not trust, where the kubeconfig has a cluster of the same name on the other engine.
share_ca() {
  local mine other=$HOME file
  [ "${MINIKUBE_HOME:-}" = "${PROVISION_LAB_MINIKUBE_HOME:-}" ] || return 0
  [ -n "${MINIKUBE_HOME:-}" ] || other=$ENGINE29_DATA
  mine=$(minikube_dir "${MINIKUBE_HOME:-$HOME}") other=$(minikube_dir "$other")
  if [ -e "$mine/ca.key" ] || [ ! -e "$other/ca.key" ]; then return 0; fi
  mkdir -p "$mine"
  for file in ca.crt ca.key proxy-client-ca.crt proxy-client-ca.key; do cp -p "$other/$file" "$mine/$file"; done
}
