# shellcheck shell=bash
# What the scripts share: where things are kept, and how to print, install and check. Sourced, never run.

# A failure inside of $(...) is a failure.
shopt -s inherit_errexit

# A service manager or a bare CI may start us without it.
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
export HOME
SCRIPTS_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
CHECKOUT="$(dirname "$SCRIPTS_DIR")"

# Everything that is downloaded or built is kept here, outside of the checkout. It may be deleted at any time.
: "${PROVISION_LAB_CACHE:=$HOME/.cache/provision-lab}"
export PROVISION_LAB_CACHE
LOGS="$PROVISION_LAB_CACHE/logs"
mkdir -p "$LOGS"

# The lab's Docker 29: the folder of its binaries (lab/07-docker29.sh), and the folder of its data and of minikube's profiles on
# it. The data is outside of the cache because it must not be deleted while the engine runs.
# shellcheck disable=SC2034  # used by the scripts that source this
ENGINE29="$PROVISION_LAB_CACHE/docker29" ENGINE29_DATA=/var/lib/docker29

# Where Debian keeps dockerd and debootstrap, for users who do not have it in their PATH.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

log() { printf '[%s] %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# version_ge A B: version A is B or later.
version_ge() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | sed -n 1p)" = "$2" ]; }

# first_version: the first x.y.z of its input.
first_version() { grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | sed -n 1p; }

# as_root COMMAND...: through sudo where we are not root.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    # Without a terminal nobody can type a password: fail instead of waiting.
    if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
  else
    die "this needs root: run it as root, or install sudo ($*)"
  fi
}

# watched WHAT LOGFILE COMMAND...: runs the command with its output in the log file, prints every minute that it still runs, and
# prints the end of the log when it fails.
watched() {
  local what=$1 out=$2 start=$SECONDS ticker status=0
  shift 2
  (
    # Its own output closed in the sleep: a killed ticker must not hold our caller's pipe open.
    while sleep 60 >/dev/null 2>&1; do
      kill -0 $$ 2>/dev/null || exit 0
      log "  still running: $what ($(((SECONDS - start) / 60)) min)"
    done
  ) 9>&- &
  ticker=$!
  "$@" >"$out" 2>&1 </dev/null || status=$?
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  if [ "$status" != 0 ]; then
    tail -n 30 "$out" >&2
    log "FAILED (exit $status): $what; the whole output is in $out"
  fi
  return "$status"
}

# --- Debian's packages -------------------------------------------------------------------

apt_install() {
  have apt-get || die "needed, and no apt-get here to install it with: $*"
  local apt=(as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300)
  log "installing with apt: $*"
  # The package lists are fetched only when they are missing or too old: most of the time they are neither.
  "${apt[@]}" install --no-install-recommends "$@" </dev/null >"$LOGS/apt.log" 2>&1 ||
    { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"; } </dev/null >>"$LOGS/apt.log" 2>&1 ||
    { tail -n 20 "$LOGS/apt.log" >&2; die "apt could not install $*"; }
  hash -r
}

# need_commands COMMAND:PACKAGE...: installs the packages whose command is not there, all at once.
need_commands() {
  local pair missing=()
  for pair in "$@"; do have "${pair%%:*}" || missing+=("${pair#*:}"); done
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# apt_candidate PACKAGE: the version that apt would install, without epoch; empty when there is none.
apt_candidate() {
  apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}//p' | grep -v '^(none)$' || true
}

# --- downloads ---------------------------------------------------------------------------

reachable() { have curl && curl -fsSIL -o /dev/null --connect-timeout 3 -m 10 "$1" 2>/dev/null; }

# download URL SHA256 FILE: FILE is only there when the sum was right.
download() {
  log "downloading $1"
  mkdir -p "$(dirname "$3")"
  curl -fsSL --retry 3 --connect-timeout 10 -o "$3.part" "$1" || die "could not download $1"
  echo "$2  $3.part" | sha256sum -c --status || { rm -f "$3.part"; die "$1 does not have the expected SHA-256 $2"; }
  mv "$3.part" "$3"
}

# --- Rust --------------------------------------------------------------------------------

# Shared between checkouts, so that a fresh clone does not compile its dependencies again.
: "${CARGO_TARGET_DIR:=$PROVISION_LAB_CACHE/target}"

# What is installed where there is no Rust of Cargo.toml's rust-version or later.
RUST_VERSION=1.95.0

rust_min() { sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$CHECKOUT/Cargo.toml"; }

rust_ok() {
  local version
  # cargo's own version: a rustup proxy without a toolchain exists, too, and fails.
  version=$(cargo --version 2>/dev/null | first_version) && [ -n "$version" ] && version_ge "$version" "$(rust_min)"
}

# use_rust: finds a cargo that is new enough, also outside of PATH and besides rustup's default. Changes only this process's
# environment.
use_rust() {
  local dir
  export CARGO_TARGET_DIR
  rust_ok && return
  for dir in "${CARGO_HOME:-$HOME/.cargo}/bin" /usr/lib/rust-*/bin; do
    [ -x "$dir/cargo" ] || continue
    PATH="$dir:$PATH"
    rust_ok && return
  done
  if have rustup; then
    for RUSTUP_TOOLCHAIN in stable "$RUST_VERSION"; do
      export RUSTUP_TOOLCHAIN
      rust_ok && return
    done
    unset RUSTUP_TOOLCHAIN
  fi
  return 1
}

# cargo_tool CRATE VERSION COMMAND...: makes a command available that a crate installs, such as `cargo deny`.
cargo_tool() {
  local crate=$1 version=$2 root="$PROVISION_LAB_CACHE/cargo-tools"
  shift 2
  PATH="$root/bin:$PATH"
  ! "$@" --version >/dev/null 2>&1 || return 0
  log "installing $crate $version"
  # In a folder of its own that is deleted afterwards: nothing of it is of use to our own builds.
  watched "installing $crate" "$LOGS/$crate.log" \
    env -u CARGO_TARGET_DIR cargo install --locked --root "$root" "$crate@$version" ||
    die "cargo could not install $crate $version"
}
